"""A terminal as pages are shown on it and keys are read from it; as it was before when that ends."""

from __future__ import annotations

import contextlib
import re
import signal
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console

_KEYS = {
    "\x1b[A": "up", "\x1bOA": "up", "\x1b[B": "down", "\x1bOB": "down",
    "\x1b[C": "right", "\x1bOC": "right", "\x1b[D": "left", "\x1bOD": "left",
    "\x1b[5~": "page up", "\x1b[6~": "page down", " ": "page down", "\x7f": "page up", "\x08": "page up",
    "\x1b[H": "home", "\x1bOH": "home", "\x1b[1~": "home", "\x1b[F": "end", "\x1bOF": "end", "\x1b[4~": "end",
    "\r": "enter", "\n": "enter",
}  # fmt: skip
"""What terminals send, and what it is called here; letters and digits are called what they are."""
_KEY = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|O.|)|.", re.DOTALL)


def typed_keys() -> list[str]:
    """The names of the keys that were pressed, once there is one; ``q`` where the terminal is gone."""
    try:
        typed = click.getchar()
    except EOFError:
        typed = ""
    return [_KEYS.get(key, key.lower()) for key in _KEY.findall(typed)] if typed else ["q"]


def typed_line(console: Console, question: str, before: str) -> str | None:
    """A line of text that begins as what was there; ``None`` where the rater thought better of it."""
    from rich.control import Control
    from rich.segment import Segment

    console.update_screen_lines([Segment.adjust_line_length([], console.width)], y=console.height - 1)
    console.control(Control.move_to(0, console.height - 1), Control.show_cursor(True))
    try:
        with _echo(on=True), _edited(before):
            return input(question).strip()
    except (EOFError, KeyboardInterrupt, UnicodeDecodeError):
        return None
    finally:
        console.control(Control.show_cursor(False))


@contextlib.contextmanager
def when_resized(call: Callable[[], None]) -> Iterator[None]:
    """Within it, ``call`` is made whenever the terminal has got another size, where the system tells of that."""
    if not hasattr(signal, "SIGWINCH"):
        yield
        return
    before = signal.signal(signal.SIGWINCH, lambda *_: call())
    try:
        yield
    finally:
        signal.signal(signal.SIGWINCH, before)


@contextlib.contextmanager
def own_screen() -> Iterator[Console]:
    """A screen of its own; what was on the terminal is there again at the end."""
    from rich.console import Console

    console = Console()
    with _echo(on=False), console.screen(hide_cursor=True):
        yield console


@contextlib.contextmanager
def _echo(*, on: bool) -> Iterator[None]:
    """Whether the terminal writes what is typed: not into a page by keys pressed between two readings."""
    try:
        import termios
    except ImportError:  # Windows echoes nothing by itself
        yield
        return
    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    changed = [*before]
    changed[3] = changed[3] | termios.ECHO if on else changed[3] & ~termios.ECHO
    termios.tcsetattr(terminal, termios.TCSADRAIN, changed)
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


@contextlib.contextmanager
def _edited(before: str) -> Iterator[None]:
    """Within it, a line that is read begins with a text and can be edited."""
    try:
        import readline
    except ImportError:  # as on Windows, whose console edits lines itself
        yield
        return
    readline.set_startup_hook(lambda: readline.insert_text(before))
    readline.set_auto_history(False)
    try:
        yield
    finally:
        readline.set_startup_hook()
