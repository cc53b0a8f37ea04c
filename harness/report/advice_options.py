"""The options of a trainer as they are advised: value, range and reason, beside what the suite has now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from harness.advice.training.hyperparameters import Choice, TrainingAdvice
from harness.report import advice_sources, layout
from harness.report.advice_words import gist
from harness.report.text import plain

_WIDE = 94
"""From so many columns on a reason stands beside its value; on narrower screens beneath it."""

_VALUE = 24
"""At most so wide are values beside a reason: a list of modules folds."""

_REASON = 40
"""At most so long is a reason in short, where a clause ends: a line beside the value, if its first clause allows it."""

_LOOKED_FOR = frozenset(
    {
        "r", "lora_alpha", "target_modules", "learning_rate", "num_train_epochs", "per_device_train_batch_size",
        "gradient_accumulation_steps", "max_length", "num_virtual_tokens",
    }
)  # fmt: skip
"""What people always look for."""


@dataclass(frozen=True, slots=True)
class Advised:
    """All options of a method, those that the suite has now, and the trainer's own defaults."""

    choices: tuple[Choice, ...]
    current: Mapping[str, object]
    defaults: Mapping[str, object]

    @property
    def told(self) -> tuple[Choice, ...]:
        """Those that people look for, and those that are not as usual or not as the suite has them."""
        return tuple(choice for choice in self.choices if self._is_told(choice))

    @property
    def others_of_the_suite(self) -> dict[str, object]:
        """What the suite sets that no advice is about."""
        known = {"name", *(choice.name for choice in self.choices)}
        return {
            name: value
            for name, value in self.current.items()
            if name not in known and not _is_same(value, self.defaults.get(name))
        }

    @property
    def has_outliers(self) -> bool:
        """Whether a value of the suite lies outside its range."""
        return any(outside(choice, self.current.get(choice.name)) for choice in self.choices)

    def _is_told(self, choice: Choice) -> bool:
        usual, now = (of.get(choice.name, choice.value) for of in (self.defaults, self.current))
        return choice.name in _LOOKED_FOR or not _is_same(usual, choice.value) or not _is_same(now, choice.value)


def headline(advice: TrainingAdvice) -> str:
    """The method with the few options that everybody asks for."""
    told = (name for name in ("r", "learning_rate", "num_train_epochs") if name in advice.options)
    return ", ".join([advice.method, *(f"{name} {shown(advice.options[name])}" for name in told)])


def shown(value: object) -> str:
    """A value as a suite has it: ``true``, ``2e-4``, ``q_proj, v_proj``."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return _figure(value)
    if isinstance(value, list | tuple):
        return ", ".join(map(shown, value))
    return "none" if value is None else str(value)


def outside(choice: Choice, value: object) -> str:
    """``↑`` above the range, ``↓`` below it, nothing within it or where there is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or choice.low is None or choice.high is None:
        return ""
    return "↑" if value > choice.high else "↓" if value < choice.low else ""


def table(advised: Advised, sources: Mapping[str, int], *, details: bool) -> RenderableType:
    """A row an option; with ``details`` all of them, with the whole reason and where sources disagree."""
    choices = advised.choices if details else advised.told
    reasons = [Group(*_reason(choice, sources, details=details)) for choice in choices]
    now = [_now(choice, advised.current) for choice in choices]
    rows = list(zip(choices, now, reasons, strict=True))
    return layout.Wide(_WIDE, _beside(rows, bool(any(now))), _beneath(rows))


def besides(advised: Advised) -> Iterator[str]:
    """What the marks mean, and the options that only the suite has; a line each."""
    if advised.has_outliers:
        yield "↑ ↓ the suite's value lies beyond the range"
    if others := _pairs(advised.others_of_the_suite):
        yield f"the suite has besides: {others}"


def _pairs(options: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {shown(value)}" for name, value in options.items())


_Row = tuple[Choice, Text, Group]


def _beside(rows: Sequence[_Row], has_suite: bool) -> RenderableType:
    grid = layout.columns(["option"], ["value", *(["suite"] if has_suite else []), "range"])
    for column in grid.columns[1:]:
        column.max_width = _VALUE
    grid.add_column("reason", overflow="fold")
    for choice, now, reason in rows:
        name, value, span = _cells(choice)
        grid.add_row(name, value, *([now] if has_suite else []), span, reason)
    return grid


def _beneath(rows: Sequence[_Row]) -> RenderableType:
    lines: list[RenderableType] = []
    for choice, now, reason in rows:
        name, value, span = _cells(choice)
        suite = Text.assemble(("suite ", "dim"), now) if now else now
        lines.append(Text("  ").join(filter(None, [Text.assemble(name, (" = ", "dim"), value), span, suite])))
        lines.append(Padding(reason, (0, 0, 0, 2)))
    return Group(*lines)


def _cells(choice: Choice) -> tuple[Text, Text, Text]:
    return plain(choice.name), plain(shown(choice.value), "bold"), Text(_range(choice), style="dim")


def _range(choice: Choice) -> str:
    if choice.low is None or choice.high is None or choice.low == choice.high:
        return ""
    return f"{_figure(choice.low)}\N{EN DASH}{_figure(choice.high)}"


def _now(choice: Choice, current: Mapping[str, object]) -> Text:
    """What the suite has where it is another, marked where that lies outside the range."""
    if choice.name not in current:
        return Text()
    value = current[choice.name]
    if _is_same(value, choice.value):
        return Text("=", style="dim")
    mark = outside(choice, value)
    return plain(f"{shown(value)} {mark}".strip(), "yellow" if mark else "")


def _reason(choice: Choice, sources: Mapping[str, int], *, details: bool) -> Iterator[Text]:
    said = choice.reason if details else gist(choice.reason, _REASON)
    yield Text(" ").join(filter(None, [plain(said, "dim"), advice_sources.marks(choice, sources)]))
    if details and choice.disagreement:
        yield Text.assemble(("sources disagree: ", "yellow"), plain(choice.disagreement, "dim"))


def _is_same(one: object, other: object) -> bool:
    """However they are written: 5 as 5.0, a list as a tuple."""
    return shown(one) == shown(other)


def _figure(value: float) -> str:
    if value and abs(value) < 0.01:
        mantissa, exponent = f"{value:.3e}".split("e")
        return f"{float(mantissa):g}e{int(exponent)}"
    return f"{value:,.6g}"
