"""How to train: the method and why no other, its options, what they rest on and what to look out for."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.text import Text

from harness.advice.counsel import Counsel
from harness.advice.training.hyperparameters import Lengths, Rejected, TrainingAdvice
from harness.report import advice_options, advice_sources, layout, numbers
from harness.report.advice_memory import WEIGHED
from harness.report.advice_options import Advised
from harness.report.advice_words import BULLET, bare, gist
from harness.report.text import plain

_METHOD = 160
"""At most so long is in short why a method was taken: two lines."""
_REJECTED = 80
"""At most so long is in short why a method was not taken, where a clause ends."""


def training_part(counsel: Counsel, *, is_asked: bool = True, details: bool = False) -> RenderableType | None:
    """The method with its options and sources; ``None`` where none is advised.

    Without ``is_asked`` the recommendation is another than to train. With ``details`` every option has its whole reason
    and every source all that it says.
    """
    advice = counsel.training
    if advice is None:
        return None
    advised = Advised(advice.choices, counsel.current, counsel.defaults)
    method = layout.facts([*_method(advice, counsel, details), *(_rows(counsel.lengths) if details else [])])
    cautions = advice.cautions if details else [gist(each, BULLET) for each in advice.cautions]
    return layout.spaced(
        Group(layout.section("How to train", "" if is_asked else "should it come to that"), method),
        *_options(advised, details),
        Group(Text("Look out", style="bold"), layout.bullets(cautions, "yellow")) if cautions else None,
    )


def _options(advised: Advised, details: bool) -> Iterator[RenderableType | None]:
    """The table and, with ``details``, what each source says."""
    sources = advice_sources.numbered(advised.choices) if details else {}
    table = [advice_options.table(advised, sources, details=details)] if advised.choices else []
    besides = list(advice_options.besides(advised))
    if not details:
        besides += advice_sources.disputed(advised.choices)
    yield Group(*table, *(plain(line, "dim") for line in besides)) if table or besides else None
    yield advice_sources.quoted(advised.choices, sources)


def _method(advice: TrainingAdvice, counsel: Counsel, details: bool) -> Iterator[tuple[str, RenderableType]]:
    first, *others = advice.reasons if details else [gist("; ".join(advice.reasons), _METHOD)]
    yield "method", plain(advice.method, "bold").append_text(plain(f"  {first}" if first else "", "not bold"))
    yield from (("", plain(other)) for other in others)
    now = counsel.current.get("name", advice.method)
    if now != advice.method:
        yield "suite", plain(f"trains with {now} now, and {advice.method} is advised", "yellow")
    rejected = advice.rejected if details else [each for each in advice.rejected if _is_news(each, advice)]
    labels = ["not", *[""] * len(rejected)]
    yield from ((label, _rejected(each, details)) for label, each in zip(labels, rejected, strict=False))


def _is_news(rejected: Rejected, advice: TrainingAdvice) -> bool:
    """Whether it is a method that everybody weighs, and the reasons for the one taken do not say why it is not."""
    return rejected.method in WEIGHED and _clause(rejected) not in "; ".join(advice.reasons)


def _clause(rejected: Rejected) -> str:
    return bare(rejected.why).split("; ")[0]


def _rejected(rejected: Rejected, details: bool) -> Text:
    why = rejected.why if details else gist(_clause(rejected), _REJECTED)
    return plain(f"{rejected.method}: ", "dim bold").append_text(plain(why, "not bold dim"))


def _rows(lengths: Lengths | None) -> Iterator[tuple[str, str]]:
    if lengths is None:
        return
    share = f", {numbers.percent(lengths.answers / lengths.total)} of them to be learnt" if lengths.total else ""
    sizes = f"median {lengths.median:,}, 95 % up to {lengths.p95:,}, 99 % up to {lengths.p99:,}"
    longest = f"longest {lengths.longest:,} ({lengths.counted:,} rows counted)"
    yield "rows", f"{lengths.total:,} tokens{share} · a row: {sizes}, {longest}"
