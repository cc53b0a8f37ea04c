"""What a rater is asked, one page after the other, and what may be said of each; how it is drawn is the screen's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Pane:
    """A titled text; hostile as anything that a model wrote."""

    title: str
    """``prompt``, ``left``, ``right``, ``reference``, ``system``, ``row 12``."""
    text: str


@dataclass(frozen=True, slots=True)
class Page:
    """One item as a rater sees it; it says nothing of who answered."""

    key: str
    """Opaque, and unique in its sheet."""
    context: tuple[Pane, ...]
    """What was asked, message by message."""
    answers: tuple[Pane, ...]
    """Two for a review, left and right; one for a spot check, or a preference pair's two."""
    hidden: tuple[Pane, ...] = ()
    """Shown when asked for: the reference answer."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What a rater may say of a page."""

    name: str
    """``left``, ``right``, ``tie``, ``both_bad``, ``skip``; or ``good``, ``bad``, ``skip``."""
    label: str
    """E.g. ``left is better``."""
    key: str
    """One letter or digit; that the arrows mean left and right is the screens' to know."""


class Sheet(Protocol):
    """One rater's pages, with what the rater has said of them so far."""

    @property
    def title(self) -> str:
        """What it is about, in a line."""

    @property
    def rater(self) -> str:
        """Who is asked."""

    @property
    def choices(self) -> Sequence[Choice]:
        """What may be said of every page."""

    def __len__(self) -> int:
        """How many pages."""

    def page(self, index: int) -> Page:
        """The page at an index from 0 on."""

    def given(self, index: int) -> tuple[str, str] | None:
        """The name of the choice that this rater made, and the note; ``None`` before."""

    def give(self, index: int, choice: str, note: str) -> None:
        """Take a choice by its name, in place of an earlier one; it is saved before this returns."""

    def next_open(self, after: int = -1) -> int | None:
        """The first page after ``after`` without a choice, wrapping round; ``None`` when all have one."""


def next_open(sheet: Sheet, after: int) -> int | None:
    """The first page after ``after`` that its rater has said nothing of, wrapping round."""
    count = len(sheet)
    order = ((after + 1 + step) % count for step in range(count))
    return next((index for index in order if sheet.given(index) is None), None)
