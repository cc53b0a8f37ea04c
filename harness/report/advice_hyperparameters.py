"""How to train: the method and why no other, its options, what they rest on and what to look out for."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.text import Text

from harness.advice.counsel import Counsel
from harness.advice.training.hyperparameters import Lengths, Rejected, TrainingAdvice
from harness.report import advice_options, advice_sources, layout, numbers
from harness.report.advice_options import Advised
from harness.report.advice_words import BULLET, bare, gist
from harness.report.text import plain

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
    method = layout.facts([*_method(advice, counsel, details), *_rows(counsel.lengths, details)])
    cautions = advice.cautions if details else [gist(each, BULLET) for each in advice.cautions]
    return layout.spaced(
        Group(layout.section("How to train", "" if is_asked else "should it come to that"), method),
        *_options(advised, details),
        Group(Text("Look out", style="bold"), layout.bullets(cautions, "yellow")) if cautions else None,
    )


def _options(advised: Advised, details: bool) -> Iterator[RenderableType | None]:
    """The table and what it rests on."""
    choices = advised.choices if details else advised.told
    sources = advice_sources.numbered(choices, details=details)
    table = [advice_options.table(advised, sources, details=details)] if choices else []
    besides = [plain(line, "dim") for line in advice_options.besides(advised, details=details)]
    yield Group(*table, *besides) if table or besides else None
    if details:
        yield advice_sources.quoted(choices, sources)
        return
    yield advice_sources.disagreements(choices)
    yield advice_sources.named(sources)


def _method(advice: TrainingAdvice, counsel: Counsel, details: bool) -> Iterator[tuple[str, RenderableType]]:
    first, *others = advice.reasons if details else ["; ".join(advice.reasons)]
    yield "method", plain(advice.method, "bold").append_text(plain(f"  {first}" if first else "", "not bold"))
    yield from (("", plain(other)) for other in others)
    now = counsel.current.get("name", advice.method)
    if now != advice.method:
        yield "suite", plain(f"trains with {now} now, and {advice.method} is advised", "yellow")
    labels = ["not", *[""] * len(advice.rejected)]
    yield from ((label, _rejected(each, details)) for label, each in zip(labels, advice.rejected, strict=False))


def _rejected(rejected: Rejected, details: bool) -> Text:
    why = rejected.why if details else gist(bare(rejected.why).split("; ")[0], _REJECTED)
    return plain(f"{rejected.method}: ", "dim bold").append_text(plain(why, "not bold dim"))


def _rows(lengths: Lengths | None, details: bool) -> Iterator[tuple[str, str]]:
    if lengths is None:
        return
    share = f", {numbers.percent(lengths.answers / lengths.total)} of them to be learnt" if lengths.total else ""
    most, counted = "", ""
    if details:
        most, counted = f", 95 % up to {lengths.p95:,}", f" ({lengths.counted:,} rows counted)"
    sizes = f"median {lengths.median:,}{most}, 99 % up to {lengths.p99:,}, longest {lengths.longest:,}"
    yield "rows", f"{lengths.total:,} tokens{share} · a row: {sizes}{counted}"
