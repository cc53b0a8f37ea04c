"""A person at a terminal goes through a sheet, page by page; every choice is saved before the next page is shown."""

from __future__ import annotations

import contextlib
import re
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from harness.cli import options
from harness.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from harness.report.review import Body, Frame
    from harness.review.sheet import Page, Sheet

_KEYS = {
    "\x1b[A": "up", "\x1bOA": "up", "\x1b[B": "down", "\x1bOB": "down",
    "\x1b[C": "right", "\x1bOC": "right", "\x1b[D": "left", "\x1bOD": "left",
    "\x1b[5~": "page up", "\x1b[6~": "page down", " ": "page down", "\x7f": "page up", "\x08": "page up",
    "\x1b[H": "home", "\x1bOH": "home", "\x1b[1~": "home", "\x1b[F": "end", "\x1bOF": "end", "\x1b[4~": "end",
    "\r": "enter", "\n": "enter",
}  # fmt: skip
"""What terminals send, and what it is called here; letters and digits are called what they are."""
_KEY = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|O.|)|.", re.DOTALL)
_FAR = 10**9
_OVERLAP = 2
"""Lines that stay in sight when a page is turned."""

rater = options.flag("--rater", metavar="NAME", help="Who judges.  [default: the login name]")
web = click.option("--web", is_flag=True, help="Judge in the browser rather than in the terminal.")
port = click.option("--port", type=click.IntRange(1, 65535), help="The port of --web.  [default: any that is free]")


def rater_name(given: str | None) -> str:
    """The name that stands beside each verdict."""
    import getpass

    if given is None:
        try:
            given = getpass.getuser()
        except (KeyError, OSError):
            raise UsageError("nobody knows who judges: there is no login name", remedy="--rater NAME says it") from None
    name = given.strip()
    if not name or not name.isprintable():
        raise UsageError(f"{given!r} is no name of a rater", remedy="--rater NAME is a word or two")
    return name


def refuse_idle_flags(*, as_json: bool, web: bool, port: int | None) -> None:
    """Flags that do nothing beside the others are refused, not ignored."""
    if as_json and web:
        raise UsageError("--json only tells what is there, and --web asks", remedy="leave one of them out")
    if port is not None and not web:
        raise UsageError("--port is where --web serves its page", remedy="add --web")


def rater_to_ask(given: str | None, *, web: bool) -> str:
    """Who is asked; raises ``UsageError`` before anything is written where nobody can be asked here."""
    from rich.console import Console

    name = rater_name(given)
    if not web and (not (sys.stdin.isatty() and sys.stdout.isatty()) or Console().is_dumb_terminal):
        raise UsageError("this is no terminal that shows pages and reads keys", remedy="--web asks in the browser")
    return name


def ask(sheet: Sheet, *, web: bool, port: int | None) -> None:
    """Put the sheet to its rater, in the terminal or in the browser, until the rater ends it."""
    if not len(sheet):
        return
    if web:
        from harness.review.web import serve

        serve(sheet, port=port or 0, announce=_announce)
        return
    with _terminal() as console:
        Rating(sheet, console).run()


def agreement_words(alpha: float | None, raters: int) -> str:
    """Krippendorff's alpha in words; nothing where there is none."""
    if alpha is None:
        return ""
    return f"{alpha:.2f} among {raters} raters (Krippendorff's alpha: 1 is full agreement, 0 what chance gives)"


class Rating:
    """What a rater sees and does; a screen for each key."""

    def __init__(self, sheet: Sheet, console: Console) -> None:
        from harness.report.review import Look

        self._sheet, self._console = sheet, console
        self._choices = {choice.key: choice.name for choice in sheet.choices}
        names = [choice.name for choice in sheet.choices]
        self._choices |= {arrow: arrow for arrow in ("left", "right") if arrow in names}
        self._index: int | None = None
        self._page: Page | None = None
        self._look = Look()
        self._way: list[int] = []
        """The pages with a choice of this session, the latest last."""
        self._top = 0
        self._frame: Frame | None = None
        self._body: tuple[object, Body] | None = None
        self._is_waiting = False
        self._warned_of = ""
        """The key that would have dropped a note."""

    def run(self) -> None:
        """Until the rater ends it."""
        self._go(self._sheet.next_open())
        with self._redrawn_when_resized():
            while True:
                self._draw()
                for key in self._keys():
                    before = self._index
                    if self._press(key):
                        return
                    if self._index != before:
                        break  # what was typed before a page was seen says nothing of it

    def _keys(self) -> Iterator[str]:
        self._is_waiting = True
        try:
            typed = click.getchar()
        except EOFError:
            typed = ""
        finally:
            self._is_waiting = False
        if not typed:
            yield "q"  # the terminal is gone
        for key in _KEY.findall(typed):
            yield _KEYS.get(key, key.lower())

    def _press(self, key: str) -> bool:
        """Do what a key says; whether that ends it."""
        self._look = replace(self._look, message="")
        if key in {"q", "u"} and self._would_drop_a_note(key):
            self._say(f"the note is saved with a choice; {key} again drops it")
            return False
        self._warned_of = ""
        if key == "q" or (key == "enter" and self._index is None):
            return True
        if key == "u":
            self._back()
        elif self._index is None:
            self._say("u goes back, q ends")
        elif key in self._choices:
            self._choose(self._index, self._choices[key])
        elif key == "enter":
            self._keep(self._index)
        elif key == "n":
            self._note(self._index)
        elif key == "r" and self._page and self._page.hidden:
            self._look = replace(self._look, with_hidden=not self._look.with_hidden)
        elif key == "p":
            self._look = replace(self._look, with_whole_prompt=not self._look.with_whole_prompt)
            self._top = 0
        elif not self._scroll(key):
            self._say("that key means nothing here")
        return False

    def _choose(self, index: int, choice: str) -> None:
        self._sheet.give(index, choice, self._look.note)
        self._way.append(index)
        self._go(self._sheet.next_open(index))

    def _keep(self, index: int) -> None:
        if self._look.given is None:
            self._say("choose first, or s skips it")
        else:
            self._go(self._sheet.next_open(index))

    def _back(self) -> None:
        here = len(self._sheet) if self._index is None else self._index
        if self._way:
            self._go(self._way.pop())
        elif here > 0:
            self._go(here - 1)
        else:
            self._say("this is the first")

    def _note(self, index: int) -> None:
        """Read a line in the terminal's own way; a note on what has a choice is saved at once."""
        note = self._line("note: ", self._look.note)
        if note is None:
            return
        self._look = replace(self._look, note=note)
        if self._look.given is not None:
            self._sheet.give(index, self._look.given, note)

    def _would_drop_a_note(self, key: str) -> bool:
        """Whether a note was written that no choice has saved; pressing the key again says that this is meant."""
        is_meant, self._warned_of = self._warned_of == key, key
        return bool(self._look.note) and self._look.given is None and not is_meant

    def _scroll(self, key: str) -> bool:
        room = self._frame.room if self._frame else 1
        page = max(room - _OVERLAP, 1)
        steps = {"up": -1, "down": 1, "page up": -page, "page down": page, "home": -_FAR, "end": _FAR}
        self._top += steps.get(key, 0)
        return key in steps

    def _go(self, index: int | None) -> None:
        """Open a page, as it was left."""
        from harness.report.review import Look

        self._index, self._top = index, 0
        self._page = None if index is None else self._sheet.page(index)
        given = None if index is None else self._sheet.given(index)
        self._look = Look() if given is None else Look(given=given[0], note=given[1])

    def _say(self, message: str) -> None:
        self._look = replace(self._look, message=message)

    def _draw(self) -> None:
        from harness.report.review import Place, end_frame, page_frame

        total = len(self._sheet)
        done = sum(self._sheet.given(index) is not None for index in range(total))
        number = total if self._index is None else self._index + 1
        place = Place(self._sheet.title, self._sheet.rater, number, total, done)
        if self._page is None:
            self._frame = end_frame(self._console, place, self._look.message)
        else:
            body = self._drawn_body(self._page)
            self._frame = page_frame(self._console, place, body, self._sheet.choices, self._look, self._top)
        self._top = self._frame.top
        self._console.update_screen_lines([*self._frame.lines])

    def _drawn_body(self, page: Page) -> Body:
        """The body, drawn anew only if something in it has changed."""
        from harness.report.review import page_body

        key = (self._index, self._console.size, replace(self._look, message="", note=""))
        if self._body is None or self._body[0] != key:
            self._body = key, page_body(self._console, page, self._sheet.choices, self._look)
        return self._body[1]

    def _line(self, question: str, before: str) -> str | None:
        """A line of text that begins as what was there; ``None`` where the rater thought better of it."""
        from rich.control import Control
        from rich.segment import Segment

        console = self._console
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
    def _redrawn_when_resized(self) -> Iterator[None]:
        if not hasattr(signal, "SIGWINCH"):
            yield
            return

        def resized(*_: object) -> None:
            if self._is_waiting:
                self._draw()

        before = signal.signal(signal.SIGWINCH, resized)
        try:
            yield
        finally:
            signal.signal(signal.SIGWINCH, before)


def _announce(address: str) -> None:
    click.echo(f"{address}\nCtrl-C ends it; every choice is saved at once")


@contextlib.contextmanager
def _terminal() -> Iterator[Console]:
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
