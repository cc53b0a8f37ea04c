"""Rows of tokens and the beginnings that they share: numbers only, no model."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

_MOST_PADDED = 1.25
"""Tokens that are run for each one that is asked for, at most."""

_WORTH_SHARING = 32
"""Tokens; a pass of its own for fewer costs more than it saves: with 8, MMLU without examples took a third longer."""


@dataclass(frozen=True, slots=True)
class Row:
    """Tokens, and how many of the last positions are asked for."""

    tokens: tuple[int, ...]
    needed: int

    @property
    def shareable(self) -> int:
        """How many tokens at the beginning are asked nothing about."""
        return len(self.tokens) - self.needed


@dataclass(frozen=True, slots=True)
class Group:
    """Rows that begin with the same ``length`` tokens, by their indices; at least two."""

    length: int
    rows: tuple[int, ...]


def common_length(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens both begin with."""
    for index, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return index
    return min(len(one), len(other))


def grouped(rows: Sequence[Row]) -> tuple[list[Group], list[int]]:
    """The groups, longest beginning first, and the indices of the rows that share with none.

    In the order of their tokens, rows with a common beginning are neighbours. A row joins the group before it if that
    costs fewer tokens than a group of its own, unless the row after it is a much nearer neighbour.
    """
    order = sorted(range(len(rows)), key=lambda index: rows[index].tokens)
    near = [_shared(rows[one], rows[other]) for one, other in itertools.pairwise(order)] + [0]
    parts: list[tuple[int, list[int]]] = []
    for place, index in enumerate(order):
        if parts:
            length, members = parts[-1]
            shared = min(length, near[place - 1])
            cheaper = length > len(members) * (length - shared)
            if shared >= _WORTH_SHARING and cheaper and 2 * shared >= near[place]:
                parts[-1] = (shared, [*members, index])
                continue
        parts.append((rows[index].shareable, [index]))
    groups = [Group(length, tuple(members)) for length, members in parts if len(members) > 1]
    alone = [members[0] for _, members in parts if len(members) == 1]
    return sorted(groups, key=lambda group: -group.length), alone


def chunks(groups: Sequence[Group], batch_size: int) -> Iterator[list[Group]]:
    """Groups to hold in memory together: at most ``batch_size`` of them, with about four batches of rows."""
    chunk: list[Group] = []
    for group in groups:
        rows = sum(len(each.rows) for each in chunk) + len(group.rows)
        if chunk and (len(chunk) == batch_size or rows > 4 * batch_size):
            yield chunk
            chunk = []
        chunk.append(group)
    if chunk:
        yield chunk


def batched(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Slices of at most ``size`` items, in order."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def level(lengths: Sequence[int], size: int) -> Iterator[range]:
    """Ranges of at most ``size`` places in which little is padding; ``lengths`` fall, and none is 0.

    Each range goes through the model as one, padded to its longest. A few items of very unlike lengths, as before an
    early look, would else cost three times their own tokens.
    """
    start, total = 0, 0
    for place, length in enumerate(lengths):
        count = place - start + 1
        if count > size or count * lengths[start] > _MOST_PADDED * (total + length):
            yield range(start, place)
            start, total = place, 0
        total += length
    if lengths:
        yield range(start, len(lengths))


def _shared(one: Row, other: Row) -> int:
    return min(common_length(one.tokens, other.tokens), one.shareable, other.shareable)
