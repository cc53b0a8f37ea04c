"""Rows of tokens as a tree of the beginnings that they share: numbers only, no model.

A few-shot head is shared by the questions of its subject, and a question by its endings: each becomes a branch, and
its tokens are run once.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

WORTH_A_PASS = 48
"""Tokens saved; a branch of its own for fewer costs more than it saves."""
WORTH_A_MASK = 1 / 16
"""Share of the tokens below a branch that it saves: what grows from a branch is run under a mask, which costs too."""


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
class Branch:
    """Tokens ``start`` to ``end`` of a row, which all rows below it share, after those of its parent."""

    row: int
    start: int
    end: int
    parent: int | None
    """The branch that it grows from, by its number; always a smaller one."""


@dataclass(frozen=True, slots=True)
class Tree:
    """The branches, parents first, and for each row the branch that it grows from."""

    branches: tuple[Branch, ...]
    grows_from: tuple[int | None, ...]

    def path(self, branch: int | None) -> list[int]:
        """The branches from the root to this one."""
        path = []
        while branch is not None:
            path.append(branch)
            branch = self.branches[branch].parent
        return path[::-1]

    def length(self, branch: int | None) -> int:
        """How many tokens stand before what grows from this branch."""
        return 0 if branch is None else self.branches[branch].end


def common_length(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens both begin with."""
    for index, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return index
    return min(len(one), len(other))


def grown(rows: Sequence[Row]) -> Tree:
    """The tree that shares what is worth it."""
    return _pruned(rows, _full(rows))


def _full(rows: Sequence[Row]) -> Tree:
    """The tree that shares every common beginning.

    In the order of their tokens, rows with a common beginning are neighbours, and what a range of them shares is the
    least that two neighbours in it share.
    """
    order = sorted(range(len(rows)), key=lambda index: rows[index].tokens)
    near = [_shared(rows[one], rows[other]) for one, other in itertools.pairwise(order)]
    branches: list[Branch] = []
    grows_from: list[int | None] = [None] * len(rows)
    ranges: list[tuple[int, int, int | None]] = [(0, len(order), None)] if rows else []
    while ranges:
        first, last, parent = ranges.pop()
        if last - first == 1:
            grows_from[order[first]] = parent
            continue
        shared = min(near[first : last - 1])
        start = 0 if parent is None else branches[parent].end
        if shared > start:
            branches.append(Branch(order[first], start, shared, parent))
            parent = len(branches) - 1
        ranges.extend((one, other, parent) for one, other in _apart(near, first, last, shared))
    return Tree(tuple(branches), tuple(grows_from))


def _pruned(rows: Sequence[Row], tree: Tree) -> Tree:
    """The tree without the branches that cost more than they save: what grew from one grows from its parent."""
    children, below = [0] * len(tree.branches), [0] * len(tree.branches)
    for number, grows_from in enumerate(tree.grows_from):
        if grows_from is not None:
            children[grows_from] += 1
            below[grows_from] += len(rows[number].tokens) - tree.length(grows_from)
    kept = [False] * len(tree.branches)
    for number in reversed(range(len(tree.branches))):  # children come after their parents
        branch = tree.branches[number]
        own = branch.end - branch.start
        saved = own * (children[number] - 1)
        kept[number] = saved >= max(WORTH_A_PASS, WORTH_A_MASK * below[number])
        if branch.parent is not None:
            children[branch.parent] += 1 if kept[number] else children[number]
            below[branch.parent] += below[number] + own * (1 if kept[number] else children[number])
    return _without(tree, kept)


def _without(tree: Tree, kept: Sequence[bool]) -> Tree:
    branches: list[Branch] = []
    stands_for: list[int | None] = []
    for branch, is_kept in zip(tree.branches, kept, strict=True):
        parent = None if branch.parent is None else stands_for[branch.parent]
        if not is_kept:
            stands_for.append(parent)
            continue
        branches.append(replace(branch, start=0 if parent is None else branches[parent].end, parent=parent))
        stands_for.append(len(branches) - 1)
    grows_from = (None if number is None else stands_for[number] for number in tree.grows_from)
    return Tree(tuple(branches), tuple(grows_from))


def _apart(near: Sequence[int], first: int, last: int, shared: int) -> Iterator[tuple[int, int]]:
    """The parts of a range between which no more than ``shared`` tokens are common; last one first."""
    end = last
    for place in range(last - 2, first - 1, -1):
        if near[place] <= shared:
            yield place + 1, end
            end = place + 1
    yield first, end


def _shared(one: Row, other: Row) -> int:
    return min(common_length(one.tokens, other.tokens), one.shareable, other.shareable)
