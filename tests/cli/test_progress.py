from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Iterator

import pytest
from rich.console import Console

from harness.cli.progress import LiveObserver, QuietObserver
from harness.values import Progress


class Clock:
    """A clock that a test winds."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Screen:
    """An observer with what it has written."""

    def __init__(self, *, live: bool, width: int = 100) -> None:
        self.file, self.clock = io.StringIO(), Clock()
        console = Console(file=self.file, width=width, force_terminal=live, color_system=None)
        self.observer = LiveObserver(console, live=live, every=15.0, clock=self.clock)

    def drawn(self, words: str) -> str:
        """The line with these words, once the terminal is drawn anew, as it is four times a second."""
        for _ in range(500):
            if found := [line for line in self.lines if words in line]:
                return found[-1]
            time.sleep(0.02)
        raise AssertionError(f"{words} is never drawn")

    @property
    def text(self) -> str:
        return self.file.getvalue()

    @property
    def lines(self) -> list[str]:
        return [line.rstrip() for line in self.text.splitlines()]


@pytest.fixture
def log() -> Iterator[Screen]:
    screen = Screen(live=False)
    with screen.observer:
        yield screen


def test_a_log_gets_plain_lines_at_the_start_the_end_and_now_and_then(log: Screen) -> None:
    for done in range(0, 201, 10):
        log.observer.task_progressed("tuned", "tickets", done, 200, {"exact_match": 0.95} if done else {})
        log.clock.now += 2
    assert log.lines == [
        "  tuned       tickets         0/200",
        "  tuned       tickets         80/200  exact_match 0.950  5.0 items/s · 24 s left",
        "  tuned       tickets         160/200  exact_match 0.950  5.0 items/s · 8 s left",
        "✓ tuned       tickets         200/200  exact_match 0.950  40 s",
    ]


def test_a_log_holds_no_control_codes(log: Screen) -> None:
    log.observer.stage("Evaluation \x1b[2J")
    log.observer.note("\x1b[31m[bold]note[/]")
    log.observer.task_progressed("tuned", "\x1b[1mt", 1, 2, {"\x07": 0.5})
    assert "\x1b" not in log.text
    assert "␛[31m[bold]note[/]" in log.text


def test_a_long_line_of_a_log_stays_one_line(log: Screen) -> None:
    log.observer.note("x" * 300)
    assert len(log.lines) == 1


def test_what_an_earlier_run_did_is_not_counted_as_speed(log: Screen) -> None:
    log.observer.task_progressed("tuned", "tickets", 100, 200, {})
    log.clock.now = 20
    log.observer.task_progressed("tuned", "tickets", 120, 200, {})
    assert log.lines[-1].endswith("1.0 items/s · 1 min 20 s left")


def test_slow_work_is_told_in_seconds_an_item(log: Screen) -> None:
    log.observer.task_progressed("tuned", "tickets", 0, 4, {})
    log.clock.now = 40
    log.observer.task_progressed("tuned", "tickets", 2, 4, {})
    assert log.lines[-1].endswith("20 s/item · 40 s left")


def test_a_finished_task_is_told_once(log: Screen) -> None:
    for _ in range(3):
        log.observer.task_progressed("tuned", "tickets", 5, 5, {})
    assert log.text.count("5/5") == 1


def test_the_same_task_in_a_later_stage_is_told_again(log: Screen) -> None:
    for stage in ("Evaluation of base", "Evaluation of base, again"):
        log.observer.stage(stage)
        log.observer.task_progressed("base", "tickets", 5, 5, {})
    assert log.text.count("5/5") == 2


def test_training_tells_its_figures_the_most_important_first(log: Screen) -> None:
    log.observer.training_progressed(Progress(0, 60, 0.0, loss=2.3, learning_rate=2e-3, memory_bytes=1_234_000_000))
    log.clock.now = 20
    log.observer.training_progressed(Progress(20, 60, 0.3, validation_loss=1.1, tokens_per_second=1240.4))
    assert (
        "20/60  loss 2.300 · validation loss 1.100 · 1,240 tokens/s · lr 2.0e-03 · 1.2 GB  1.0 steps/s · 40 s left"
    ) in log.lines[-1]


@pytest.mark.parametrize(
    ("width", "words"),
    [
        (150, "40 s left  loss 2.300 · validation loss 1.100 · 1,240 tokens/s · lr 2.0e-03 · 1.2 GB  1.0 steps/s"),
        (140, "40 s left  loss 2.300 · validation loss 1.100 · 1,240 tokens/s · lr 2.0e-03 · 1.2 GB"),
        (128, "40 s left  loss 2.300 · validation loss 1.100 · 1,240 tokens/s · lr 2.0e-03"),
        (100, "40 s left  loss 2.300 · validation loss 1.100 · 1,240 tokens/s"),
        (80, "40 s left  loss 2.300 · validation loss 1.100"),
        (60, "40 s left  loss 2.300"),
        (50, "40 s left"),
    ],
)
def test_a_narrow_terminal_drops_whole_figures_the_least_important_first(width: int, words: str) -> None:
    screen = Screen(live=True, width=width)
    figures = Progress(20, 60, 0.3, 2.3, 1.1, 2e-3, tokens_per_second=1240.4, memory_bytes=1_234_000_000)
    with screen.observer:
        screen.observer.training_progressed(Progress(0, 60, 0.0))
        screen.clock.now = 20
        screen.observer.training_progressed(figures)
        bar = screen.drawn("20/60")
    assert bar.split("20/60")[1].strip() == words
    assert len(bar.removeprefix("\x1b[?25l")) <= width


def test_what_a_trainer_says_before_it_knows_its_steps_draws_no_bar(log: Screen) -> None:
    log.observer.training_progressed(Progress(0, 0, 0.0, message="2 of 24 rows are left out"))
    assert log.lines == ["  note  2 of 24 rows are left out"]


def test_training_that_stops_early_is_closed_as_it_stands(log: Screen) -> None:
    log.observer.training_progressed(Progress(0, 60, 0.0))
    log.clock.now = 30
    log.observer.training_progressed(Progress(40, 60, 0.7, message="stopped early: no better for 3 evaluations"))
    log.observer.task_progressed("tuned", "tickets", 0, 200, {})
    assert any("note" in line and "stopped early" in line for line in log.lines)
    assert log.lines[-2] == "  training                    40/60  30 s"


def test_a_terminal_is_left_with_a_line_for_each_finished_task() -> None:
    screen = Screen(live=True)
    with screen.observer:
        screen.observer.stage("Evaluation")
        for done in (0, 100, 200):
            screen.observer.task_progressed("tuned", "tickets", done, 200, {"exact_match": 0.95})
            screen.clock.now += 10
    assert "✓ tuned       tickets         200/200  exact_match 0.950  20 s" in screen.text
    assert screen.text.rstrip().endswith("\x1b[?25h")


def test_a_terminal_gets_its_cursor_back_after_a_crash() -> None:
    screen = Screen(live=True)
    with contextlib.suppress(RuntimeError), screen.observer:
        screen.observer.task_progressed("tuned", "tickets", 37, 200, {})
        raise RuntimeError
    assert "37/200" in screen.text
    assert "\x1b[?25h" in screen.text


def test_a_log_stays_one_even_where_colours_are_forced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    file = io.StringIO()
    with LiveObserver(Console(file=file, color_system=None)) as observer:
        observer.task_progressed("tuned", "tickets", 0, 200, {})
    assert "\x1b[?25l" not in file.getvalue()


def test_the_quiet_one_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with QuietObserver() as observer:
        observer.stage("x")
        observer.note("x")
        observer.task_progressed("a", "t", 1, 1, {})
        observer.training_progressed(Progress(1, 1, 1.0))
    assert capsys.readouterr() == ("", "")
