"""What a person sees while an experiment runs: live bars on a terminal, now and then a plain line in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from harness.report import layout, numbers
from harness.report.text import plain
from harness.values import Progress

Key = tuple[str, str]
"""Arm and task; the training has one of its own."""

_TRAINING: Key = ("training", "")
_ARM_WIDTH, _TASK_WIDTH, _BAR_WIDTH = 12, 14, 24
_WIDE = 110
_TRAINING_FIGURES = {
    "loss": "loss {:.3f}",
    "validation_loss": "validation loss {:.3f}",
    "tokens_per_second": "{:,.0f} tokens/s",
    "learning_rate": "lr {:.1e}",
    "memory_bytes": "{}",
}
"""What a training reports and how it is written, the most important first."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One piece of work as far as it has come."""

    arm: str
    task: str
    done: int
    total: int
    figures: tuple[str, ...]
    """The most important first: the last ones go where a terminal is narrow."""
    began: float
    """The clock at the first report."""
    began_at: int
    """What was done then already: a run that goes on is not credited with what an earlier one did."""
    unit: str = "item"

    @property
    def finished(self) -> bool:
        """Whether all is done."""
        return self.done >= self.total

    def speed(self, now: float) -> float | None:
        """Units a second since the first report, ``None`` before there is any."""
        seconds, made = now - self.began, self.done - self.began_at
        return made / seconds if seconds > 0 and made > 0 else None

    def pace(self, now: float) -> str:
        """``12.4 items/s``, or ``14 s/item`` where that says more; nothing before there is a speed."""
        speed = self.speed(now)
        if speed is None:
            return ""
        return f"{speed:.1f} {self.unit}s/s" if speed >= 0.1 else f"{1 / speed:.0f} s/{self.unit}"

    def left(self, now: float) -> str:
        """``41 s left``; nothing before there is a speed."""
        speed = self.speed(now)
        return f"{numbers.duration((self.total - self.done) / speed)} left" if speed and not self.finished else ""


class LiveObserver:
    """Draws bars while work goes on and leaves one line of each that is finished.

    Where the console is no terminal it writes plain lines instead: at the start and at the end of each piece of work,
    and in between at most one every ``every`` seconds.
    """

    def __init__(
        self,
        console: Console | None = None,
        *,
        live: bool | None = None,
        every: float = 15.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console = console or Console(stderr=True)
        self._every, self._clock = every, clock
        # The live display redraws from a thread of its own, so each change puts a new dict in place of the old one.
        self._bars: dict[Key, Bar] = {}
        self._said: dict[Key, float] = {}
        self._done: set[Key] = set()
        self._training: dict[str, str] = {}
        self._live = self._new_live() if (_is_a_terminal(self._console) if live is None else live) else None

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close_all()
        if self._live:
            self._live.stop()

    def stage(self, title: str) -> None:
        """A heading; what was still open is closed with a line."""
        self._close_all()
        self._done.clear()
        self._training.clear()
        self._say(plain(title, "bold"))

    def task_progressed(self, arm: str, task: str, done: int, total: int, running: Mapping[str, float]) -> None:
        """Move the task's bar; a finished one becomes a line, once."""
        if _TRAINING in self._bars:
            self._close(_TRAINING)
        figures = tuple(f"{name} {numbers.score(value)}" for name, value in running.items())
        self._move((arm, task), Bar(arm, task, done, total, figures, self._clock(), done))

    def training_progressed(self, progress: Progress) -> None:
        """Move the training's bar; the trainer's own words become a line."""
        if progress.message:
            self.note(progress.message)
        if not progress.total_steps:
            return  # it is not yet known what there is to do
        self._training.update(_training_figures(progress))
        figures = tuple(self._training[name] for name in _TRAINING_FIGURES if name in self._training)
        bar = Bar("training", "", progress.step, progress.total_steps, figures, self._clock(), progress.step, "step")
        self._move(_TRAINING, bar)

    def note(self, text: str) -> None:
        """One line above the bars."""
        self._say(Text("  note  ", style="yellow").append_text(plain(text, "default")))

    def _move(self, key: Key, bar: Bar) -> None:
        if key in self._done:
            return
        before = self._bars.get(key)
        if before:
            bar = replace(bar, began=before.began, began_at=before.began_at)
        self._bars = {**self._bars, key: bar}
        # A trainer may report once more after its last step, with the validation loss: its bar waits for the stage.
        if bar.finished and key != _TRAINING:
            self._close(key)
        elif self._live is None:
            self._report(key, bar)

    def _report(self, key: Key, bar: Bar) -> None:
        now = self._clock()
        if key not in self._said or now - self._said[key] >= self._every:
            self._said[key] = now
            self._say(_line(bar, now))

    def _close(self, key: Key) -> None:
        bar = self._bars[key]
        self._bars = {name: other for name, other in self._bars.items() if name != key}
        self._done.add(key)
        self._say(_line(bar, self._clock(), closed=True))

    def _close_all(self) -> None:
        for key in tuple(self._bars):
            self._close(key)

    def _say(self, line: RenderableType) -> None:
        # A log is read by line, and a wrapped line is two.
        self._console.print(line, soft_wrap=self._live is None)

    def _new_live(self) -> Live:
        return Live(
            get_renderable=self._draw,
            console=self._console,
            refresh_per_second=4,
            transient=True,
            # Without this, what is piped from stdout would end up among the bars on stderr.
            redirect_stdout=sys.stdout.isatty(),
        )

    def _draw(self) -> RenderableType:
        now = self._clock()
        return Group(*(_drawn(bar, now, self._console.width) for bar in self._bars.values()))


class QuietObserver:
    """Says nothing, for ``--quiet`` and ``--json``."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def stage(self, title: str) -> None:
        """Nothing."""

    def task_progressed(self, arm: str, task: str, done: int, total: int, running: Mapping[str, float]) -> None:
        """Nothing."""

    def training_progressed(self, progress: Progress) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Nothing."""


def _training_figures(progress: Progress) -> dict[str, str]:
    """What this report tells; the rest stays as it was told last."""
    return {
        name: written.format(numbers.size(value) if name == "memory_bytes" else value)
        for name, written in _TRAINING_FIGURES.items()
        if (value := getattr(progress, name)) is not None
    }


def _drawn(bar: Bar, now: float, width: int) -> Table:
    """The bar of a piece of work that goes on; what does not fit the terminal's width is left out."""
    length = _BAR_WIDTH if width >= _WIDE else _BAR_WIDTH // 2
    grid = Table.grid(padding=(0, 2, 0, 0), expand=True)
    # a training has no task, and much to tell
    for cells in (_ARM_WIDTH, *([_TASK_WIDTH] if bar.task else []), length, len(_count(bar))):
        grid.add_column(width=cells, no_wrap=True)
    grid.add_column(ratio=1, no_wrap=True)
    pulse = ProgressBar(total=max(bar.total, 1), completed=bar.done, width=length, complete_style="cyan")
    task = [plain(bar.task)] if bar.task else []
    grid.add_row(plain(f"  {bar.arm}", "bold"), *task, pulse, _count(bar), _about(bar, now))
    return grid


def _about(bar: Bar, now: float) -> RenderableType:
    """As much of the time left, the figures and the pace as there is room for."""
    counts = range(len(bar.figures), -1, -1)
    figures = [" · ".join(bar.figures[:count]) for count in counts]
    whole = [(bar.left(now), figures[0], bar.pace(now)), *((bar.left(now), each, "") for each in figures)]
    return layout.Fitting(*(_words(*each) for each in whole))


def _words(left: str, figures: str, pace: str) -> Text:
    styled = ((left, "dim"), (figures, ""), (pace, "dim"))
    words = Text("  ").join(plain(each, style) for each, style in styled if each)
    words.overflow = "ellipsis"
    return words


def _line(bar: Bar, now: float, *, closed: bool = False) -> Text:
    """The same in one plain line, which is what a log keeps."""
    names = plain(f"{bar.arm:<{_ARM_WIDTH - 2}}", "bold").append_text(plain(f"  {bar.task:<{_TASK_WIDTH}}", "not bold"))
    seconds = now - bar.began
    took = numbers.duration(seconds) if seconds >= 1 else ""
    pace = took if closed else " · ".join(filter(None, [bar.pace(now), bar.left(now)]))
    mark = Text().append("✓ " if closed and bar.finished else "  ", style="green")
    rest = "  ".join(filter(None, [_count(bar), " · ".join(bar.figures)]))
    return mark.append_text(names).append_text(plain(f"  {rest}")).append_text(plain(f"  {pace}", "dim"))


def _count(bar: Bar) -> str:
    return f"{bar.done:,}/{bar.total:,}"


def _is_a_terminal(console: Console) -> bool:
    """Whether bars can be drawn; FORCE_COLOR alone makes no terminal of a log."""
    return console.is_interactive and console.file.isatty()
