"""What a rater sees and does at a terminal; every choice is saved before the next page is shown."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.cli.terminal import typed_keys, typed_line, when_resized

if TYPE_CHECKING:
    from rich.console import Console

    from harness.report.review import Body, Frame
    from harness.review.sheet import Page, Sheet

_FAR = 10**9
_OVERLAP = 2
"""Lines that stay in sight when a page is turned."""


class Rating:
    """A sheet gone through page by page; a screen for each key."""

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
        with when_resized(self._redraw):
            while True:
                self._draw()
                for key in self._keys():
                    before = self._index
                    if self._press(key):
                        return
                    if self._index != before:
                        break  # what was typed before a page was seen says nothing of it

    def _keys(self) -> list[str]:
        self._is_waiting = True
        try:
            return typed_keys()
        finally:
            self._is_waiting = False

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
        note = typed_line(self._console, "note: ", self._look.note)
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

    def _redraw(self) -> None:
        """Only between two keys: a key that is being acted upon draws at its end."""
        if self._is_waiting:
            self._draw()
