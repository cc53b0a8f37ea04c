"""A training as a person wants to see it: what was trained, how it went, and which checkpoint was taken."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.report import layout, numbers
from harness.report.chart import Chart, Line, Upright
from harness.report.text import plain
from harness.values import Checkpoint, JudgedCheckpoint, Progress, Training, TrainingFinding

_HEIGHT, _SMALL = 12, 8
_TOLD_ELSEWHERE = ("steps", "tokens_seen", "stopped", "trained_parameters", "peak_memory_bytes")
"""Facts of a checkpoint that the screen has words of its own for; others are shown by their names."""
_MARKERS = ("◆", "▲", "■", "✦", "▼")
_COLOURS = ("yellow", "magenta", "blue", "red", "green")


@dataclass(frozen=True, slots=True)
class Trained:
    """A recorded training with all that was reported of it."""

    training: Training
    progress: tuple[Progress, ...]
    findings: tuple[TrainingFinding, ...] = ()


def trainings_screen(trained: Sequence[Trained]) -> RenderableType:
    """The stages of an experiment's training one beneath the other."""
    return layout.spaced(*(training_screen(each, of=len(trained)) for each in trained))


def training_screen(trained: Trained, *, of: int = 1) -> RenderableType:
    """Facts, curve, findings and the choice among checkpoints; the title counts the stage where there are several."""
    training, progress = trained.training, trained.progress
    title = "Training" if of == 1 else f"Training, stage {training.stage + 1} of {of}"
    seen = layout.bullets((each.sentence for each in trained.findings), "yellow")
    return layout.spaced(
        Group(layout.section(title), layout.facts(_facts(training, progress))),
        _curve(training.checkpoint, progress),
        Group(layout.section("Seen in the curve"), seen) if trained.findings else None,
        _choice(training) if training.judged else None,
    )


def _facts(training: Training, progress: Sequence[Progress]) -> Iterator[tuple[str, RenderableType]]:
    ref, checkpoint = training.trainer, training.checkpoint
    yield "method", plain(ref.name, "bold").append_text(plain(f"  {_options(ref.options)}", "not bold dim"))
    yield "model", f"{training.model.name} · {training.model.dtype} · seed {training.seed}"
    if state := _state(training):
        yield "state", state
    facts = checkpoint.facts if checkpoint else {}
    yield "steps", " · ".join(_steps(training, progress))
    if stopped := facts.get("stopped"):
        yield "ended", str(stopped)
    if words := " · ".join(_speed(facts, progress)):
        yield "speed", words
    if peak := facts.get("peak_memory_bytes") or max((each.memory_bytes or 0 for each in progress), default=0):
        yield "memory", f"{numbers.size(int(peak))} at most"
    if parameters := facts.get("trained_parameters"):
        yield "trained", f"{numbers.amount(int(parameters))} parameters"
    for name, value in facts.items():
        if name not in _TOLD_ELSEWHERE:
            yield name.replace("_", " "), f"{value:,}" if isinstance(value, int) else str(value)
    if checkpoint:
        yield "taken", _taken(checkpoint)


def _options(options: Mapping[str, object]) -> str:
    return ", ".join(f"{name}={value}" for name, value in options.items())


def _state(training: Training) -> Text | None:
    """What a training that did not simply go through came to."""
    again = f" · gone on with {training.attempt - 1:,} times" if training.attempt > 1 else ""
    if training.error:
        return Text("failed: ", style="red").append_text(plain(training.error + again, "default"))
    if training.status == "running":
        return Text("it has not ended", style="yellow").append(again)
    return plain(f"{training.status}{again}") if again else None


def _steps(training: Training, progress: Sequence[Progress]) -> Iterator[str]:
    last = max(progress, key=lambda each: each.step, default=None)
    if last and last.total_steps:
        yield f"{last.step:,} of {last.total_steps:,}"
        yield f"{last.epoch:.1f} epochs"
    elif training.checkpoint:
        yield f"{training.checkpoint.step:,}"
    seconds = training.checkpoint.seconds if training.checkpoint else last.seconds if last else 0.0
    yield numbers.duration(seconds)


def _speed(facts: Mapping[str, object], progress: Sequence[Progress]) -> Iterator[str]:
    speeds = [each.tokens_per_second for each in progress if each.tokens_per_second]
    if speeds:
        yield f"{fmean(speeds):,.0f} tokens/s"
    if isinstance(seen := facts.get("tokens_seen"), int):
        yield f"{seen:,} tokens"


def _taken(checkpoint: Checkpoint) -> RenderableType:
    words = plain(f"step {checkpoint.step:,}", "bold")
    if checkpoint.validation_loss is not None:
        words.append(f" · validation loss {numbers.score(checkpoint.validation_loss)}", style="not bold")
    return words.append_text(plain(f"  {checkpoint.path}", "not bold dim"))


def _curve(checkpoint: Checkpoint | None, progress: Sequence[Progress]) -> RenderableType | None:
    losses = tuple((float(each.step), each.loss) for each in progress if each.loss is not None)
    measured = ((float(each.step), each.validation_loss) for each in progress)
    validations = tuple((step, loss) for step, loss in measured if loss is not None)
    if len(losses) + len(validations) < 2:
        return None
    taken = [Upright(f"step {checkpoint.step:,}, taken", checkpoint.step)] if checkpoint else []
    lines = [Line("training loss", losses, "cyan"), Line("validation loss", validations, "yellow", "●")]
    return Group(
        layout.section("Loss", "down is better"), Chart(lines, height=_HEIGHT, end=_end(progress), uprights=taken)
    )


def _end(progress: Sequence[Progress]) -> float:
    """The last step that was done: a training that stopped early has no empty right half."""
    return float(max((each.step for each in progress), default=0)) or 1.0


def _choice(training: Training) -> RenderableType:
    judged = training.judged
    rule = layout.facts([("rule", training.rule)]) if training.rule else None
    parts = [layout.section("Checkpoints judged", "lost: points below base"), rule, _judged_table(judged)]
    return layout.spaced(
        Group(*(part for part in parts if part is not None)), *(_balance(judged) if len(judged) > 1 else ())
    )


def _balance(judged: Sequence[JudgedCheckpoint]) -> Iterator[RenderableType]:
    """What was gained and what was lost, over the same steps."""
    end = float(max(each.step for each in judged))
    chosen = [Upright(f"step {each.step:,}, chosen", each.step) for each in judged if each.is_chosen]
    gains = tuple((float(each.step), each.gain) for each in judged if each.gain is not None)
    score = [Line("task score, up is better", gains, "green", "●")]
    yield Chart(score, height=_SMALL, end=end, uprights=chosen)
    if names := _benchmarks(judged):
        lines = [_lost(judged, name, number) for number, name in enumerate(names)]
        yield Chart(lines, height=_SMALL, end=end, uprights=chosen)


def _lost(judged: Sequence[JudgedCheckpoint], name: str, number: int) -> Line:
    points = tuple((float(each.step), each.drops[name]) for each in judged if name in each.drops)
    place = number % len(_MARKERS)
    return Line(f"{name} lost", points, _COLOURS[place], _MARKERS[place])


def _judged_table(judged: Sequence[JudgedCheckpoint]) -> Table:
    names = _benchmarks(judged)
    table = layout.columns([], ["step", "task score", *(f"{name} lost" for name in names)])
    table.add_column("gates allow it")
    table.add_column("")
    for each in judged:
        lost = (_points(each.drops.get(name)) for name in names)
        within = Text("✓ yes", style="green") if each.is_within else Text("✗ no", style="red")
        mark = Text("← chosen", style="bold") if each.is_chosen else Text("")
        style = "bold" if each.is_chosen else ""
        table.add_row(f"{each.step:,}", numbers.score(each.gain), *lost, within, mark, style=style)
    return table


def _points(lost: float | None) -> str:
    """A loss that was not measured counts as infinite in the choice."""
    return numbers.score(lost if lost is not None and math.isfinite(lost) else None)


def _benchmarks(judged: Sequence[JudgedCheckpoint]) -> list[str]:
    return list(dict.fromkeys(name for each in judged for name in each.drops))
