"""What a rater is shown and may say of it, and how a page is looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from rich.segment import Segment

Line = list[Segment]


class Titled(Protocol):
    """A text with what it is."""

    @property
    def title(self) -> str:
        """What it is."""

    @property
    def text(self) -> str:
        """What it says."""


class Shown(Protocol):
    """What a rater is asked about."""

    @property
    def context(self) -> Sequence[Titled]:
        """What was asked."""

    @property
    def answers(self) -> Sequence[Titled]:
        """What was answered."""

    @property
    def hidden(self) -> Sequence[Titled]:
        """What is shown on demand."""


class Possible(Protocol):
    """What may be said of it."""

    @property
    def name(self) -> str:
        """One word."""

    @property
    def label(self) -> str:
        """A few words."""

    @property
    def key(self) -> str:
        """The key to press."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a rater is."""

    title: str
    rater: str
    number: int
    """Of the page, from 1 on."""
    total: int
    done: int
    """Pages with a choice."""


@dataclass(frozen=True, slots=True)
class Look:
    """How a page is looked at, and what was said of it so far."""

    given: str | None = None
    """The name of the choice."""
    note: str = ""
    with_hidden: bool = False
    with_whole_prompt: bool = False
    message: str = ""
    """A word on the last key."""


@dataclass(frozen=True, slots=True)
class Body:
    """A page drawn at the width of the terminal: what is scrolled."""

    lines: tuple[Line, ...]
    heads: tuple[tuple[int, str], ...] = ()
    """Where each text begins, and its title."""
    is_folded: bool = False
    """Whether a part of what was asked is left out."""
    has_hidden: bool = False


@dataclass(frozen=True, slots=True)
class Frame:
    """A whole screen."""

    lines: tuple[Line, ...]
    top: int
    """The line of the body that is shown first."""
    room: int
    """Lines of the body that are shown at once."""
