"""Single samples with what one or two runs made of them; all of it foreign text, shown as it is and never obeyed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from harness.report import layout, numbers
from harness.report.text import head, plain, tail
from harness.values import Generation, Item, Prompt, Sample, Score

_PROMPT = 400
_ANSWER = 800
_ATTEMPTS = 4
_MOST_REASONS = 8
_REASONS = ("reason", "reasons")
"""The details in which a judge says why."""


@dataclass(frozen=True, slots=True)
class Side:
    """What one run said to a sample, and how it was scored."""

    run: str
    """The arm or the id of the run."""
    item: Item
    scores: Mapping[str, Score] = field(default_factory=dict)
    """By metric."""


def samples_screen(samples: Sequence[Sequence[Side]], *, title: str = "Samples", total: int = 0) -> RenderableType:
    """Each sample with its sides, baseline first; ``total`` says of how many these are the first."""
    if not samples:
        return Group(layout.section(title), Text("there are none", style="dim"))
    hint = f"{len(samples):,} of {max(total, len(samples)):,}"
    return layout.spaced(layout.section(title, hint), *(_sample(sides) for sides in samples))


def _sample(sides: Sequence[Side]) -> RenderableType:
    sample = sides[0].item.sample
    lines: list[tuple[str, RenderableType]] = [("sample", _name(sample))]
    lines.append(("prompt", plain(tail(_prompt(sample.prompt), _PROMPT), lines=True)))
    lines.append(("target", plain(head(_target(sample), _ANSWER), "bold", lines=True)))
    for side in sides:
        lines.append((side.run, _answers(side.item)))
        for metric, score in side.scores.items():
            lines.append(("", _score(metric, score)))
            lines.extend(("", each) for each in _reasons(score))
    return layout.facts(lines)


def _name(sample: Sample) -> Text:
    where = [sample.id[:16], *filter(None, [sample.stratum, sample.cluster, *sample.tags])]
    return plain(" · ".join(where), "dim")


def _prompt(prompt: Prompt) -> str:
    return prompt if isinstance(prompt, str) else prompt[-1].content if prompt else ""


def _target(sample: Sample) -> str:
    if sample.choices and sample.answer is not None:
        return sample.choices[sample.answer]
    return "\n".join(sample.targets) or numbers.MISSING


def _answers(item: Item) -> Text:
    if item.sample.choices:
        return _choices(item.generations)
    if not item.generations:
        return Text("no answer was recorded", style="yellow")
    shown = item.generations[:_ATTEMPTS]
    text = Text("\n").join(_answer(each) for each in shown)
    rest = len(item.generations) - len(shown)
    return text.append(f"\n… and {rest:,} more attempts", style="dim") if rest else text


def _answer(generation: Generation) -> Text:
    """The answer, below what the model thought before it gave it."""
    if generation.reasoning is None:
        return _said(generation)
    thoughts = plain(f"thinking: {head(generation.reasoning, _ANSWER)}", "dim", lines=True)
    return Text("\n").join([thoughts, _said(generation)])


def _said(generation: Generation) -> Text:
    if not generation.text:
        was_thinking = generation.reasoning is not None and generation.finish_reason == "length"
        return Text("(no answer: cut at the length limit)" if was_thinking else "(empty)", style="dim")
    text = plain(head(generation.text, _ANSWER), lines=True)
    return text.append(" (cut at the length limit)", style="dim") if generation.finish_reason == "length" else text


def _choices(weighed: Iterable[Generation]) -> Text:
    """The choices, the likeliest first."""
    ranked = sorted(weighed, key=_likelihood, reverse=True)
    if not ranked:
        return Text("no answer was recorded", style="yellow")
    lines = [plain(f"{_likelihood(each):.3f}  {head(each.text, _ANSWER)}") for each in ranked]
    for other in lines[1:]:
        other.stylize("dim")
    lines[0].append("  (the likeliest, by log-likelihood)", style="dim")
    return Text("\n").join(lines)


def _likelihood(generation: Generation) -> float:
    value = generation.log_likelihood
    return value if value is not None else float("-inf")


def _score(metric: str, score: Score) -> Text:
    text = plain(f"{metric} ", "dim")
    if score.value is None:
        text.append("missing: ", style="yellow")
        return text.append_text(plain(score.why_missing or "no reason given", "default"))
    text.append(numbers.score(score.value), style="not dim bold")
    details = ", ".join(f"{name} {value}" for name, value in score.details.items() if name not in _REASONS)
    return text.append_text(plain(f"  {head(details, _PROMPT)}", "dim")) if details else text


def _reasons(score: Score) -> Iterator[RenderableType]:
    """Why a judge said so, a text each; those of several judges under their names."""
    told = [reason for name in _REASONS for reason in _each(score.details.get(name))]
    for judge, reason in told[:_MOST_REASONS]:
        yield Padding(plain(judge + head(reason, _ANSWER), "dim", lines=True), (0, 0, 0, 2))
    if len(told) > _MOST_REASONS:
        yield Text(f"  … and {len(told) - _MOST_REASONS:,} more reasons", style="dim")


def _each(reasons: object, judge: str = "") -> Iterator[tuple[str, str]]:
    """A reason, or several in a list, or those of several judges by their names."""
    if isinstance(reasons, Mapping):
        for name, given in reasons.items():
            yield from _each(given, f"{name}: ")
    elif isinstance(reasons, (list, tuple)):
        for each in reasons:
            yield from _each(each, judge)
    elif reasons:
        yield judge, str(reasons)
