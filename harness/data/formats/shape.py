"""What a format is: its columns, what it can hold, and the two ways between its objects and rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Required, TypedDict

from harness.rows import Format, Row
from harness.values import Message

Object = Mapping[str, Any]
"""A row as it stands in a file."""

Content = Literal["conversation", "tools", "system", "turns", "asides", "pair", "liking", "choices", "text"]
"""What a row may hold, and a format may have no place for."""

CHAT: frozenset[Content] = frozenset(("conversation", "tools", "system", "turns", "asides"))
"""What formats with lists of turns hold."""


class Parts(TypedDict, total=False):
    """What a format's columns say of a row."""

    messages: Required[tuple[Message, ...]]
    choices: tuple[str, ...]
    answer: int | None
    text: str | None
    completion: int
    rejected: tuple[Message, ...]
    label: str | int | None
    tools: tuple[Mapping[str, Any], ...]
    extra: Mapping[str, Any]
    """Columns that are made of others, so that the way back finds them."""
    aside: Mapping[int, Mapping[str, Any]]
    is_plain: bool


def always(_: Object) -> bool:
    """The columns alone tell the format."""
    return True


@dataclass(frozen=True, slots=True)
class Shape:
    """A format."""

    name: Format
    needs: tuple[str, ...]
    """The columns that it cannot do without."""
    may_have: tuple[str, ...]
    """The columns that it knows besides."""
    holds: frozenset[Content]
    read: Callable[[Object], Parts]
    """Raises ``RowError``; the columns that it needs are there."""
    write: Callable[[Row], dict[str, Any]]
    """Of a row that has nothing but what it holds. Raises ``LossError``."""
    marks: Callable[[Object], bool] = always
    """Whether the values are this format's too, where its columns may be another's."""
    must_have: Content | None = None
    """What a row must have to be written so, where that is not a conversation."""

    @property
    def columns(self) -> tuple[str, ...]:
        """All that it knows."""
        return (*self.needs, *self.may_have, "tags")
