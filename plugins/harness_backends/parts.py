"""Parts of rows that go through the model together: numbers only, no model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness_backends.tree import Row, Tree

_ALIKE = 128
"""Tokens; paths whose lengths fall into the same hundred or so may stand side by side."""
_HELD = 2
"""Branches may hold so many budgets of tokens at a time."""
_LEAST = 2048
"""Tokens; a smaller budget makes passes too small for any device, and saves little memory."""


@dataclass(frozen=True, slots=True)
class Part:
    """Tokens that are run after those of a branch; the last ``needed`` of them are asked about."""

    number: int
    """Of the branch or of the row."""
    grows_from: int | None
    before: int
    """Tokens on the way to it."""
    tokens: tuple[int, ...]
    needed: int


def budget(rows: Sequence[Row], batch_size: int) -> int:
    """Tokens, those on the paths counted, that may lie in memory together: what whole rows in a batch would take."""
    return max(_LEAST, batch_size * max(len(row.tokens) for row in rows))


def leaf(rows: Sequence[Row], tree: Tree, number: int) -> Part:
    """What of a row no branch holds."""
    before = tree.length(tree.grows_from[number])
    row = rows[number]
    return Part(number, tree.grows_from[number], before, row.tokens[before:], row.needed)


def branch(rows: Sequence[Row], tree: Tree, number: int) -> Part:
    """A branch's own tokens."""
    one = tree.branches[number]
    return Part(number, one.parent, one.start, rows[one.row].tokens[one.start : one.end], 0)


def ordered(parts: Sequence[Part]) -> list[Part]:
    """Parts of like length, after paths of like length, as neighbours; the largest first, so memory shows early."""
    return sorted(parts, key=lambda part: (-_level(part), -len(part.tokens), part.grows_from or 0, part.tokens))


def batches(ordered: Sequence[Part], budget: int, pass_cost: int) -> list[int]:
    """How many of these each pass takes, one pass after the other, so that the least time is lost.

    A pass pads each part to its longest, and costs as much as ``pass_cost`` tokens whatever it holds: few items of very
    unlike lengths, as before an early look, would in one pass cost three times their own tokens.
    """
    best = [0.0] + [math.inf] * len(ordered)
    last = [0] * (len(ordered) + 1)
    for first, part in enumerate(ordered):
        width, longest = len(part.tokens), 0
        for end in range(first + 1, len(ordered) + 1):
            longest = max(longest, ordered[end - 1].before)
            is_one_pass = _level(ordered[end - 1]) == _level(part) and (end - first) * (longest + width) <= budget
            if end > first + 1 and not is_one_pass:
                break
            cost = best[first] + pass_cost + (end - first) * width
            if cost < best[end]:
                best[end], last[end] = cost, first
    counts = []
    end = len(ordered)
    while end:
        counts.append(end - last[end])
        end = last[end]
    return counts[::-1]


def waves(rows: Sequence[Row], tree: Tree, budget: int) -> list[tuple[list[int], list[int]]]:
    """Branches to hold in memory together, each time with the rows that grow from them; rows without one come last."""
    root_of = [0] * len(tree.branches)
    for number, one in enumerate(tree.branches):
        root_of[number] = number if one.parent is None else root_of[one.parent]
    branches: dict[int, list[int]] = {}
    for number, root in enumerate(root_of):
        branches.setdefault(root, []).append(number)
    leaves: dict[int | None, list[int]] = {}
    for number, grows_from in enumerate(tree.grows_from):
        leaves.setdefault(None if grows_from is None else root_of[grows_from], []).append(number)
    found: list[tuple[list[int], list[int]]] = []
    room = 0
    for root in sorted(branches, key=lambda root: -tree.branches[root].end):
        held = sum(tree.branches[number].end - tree.branches[number].start for number in branches[root])
        if held > room:
            found.append(([], []))
            room = _HELD * budget
        found[-1][0].extend(branches[root])
        found[-1][1].extend(leaves.get(root, []))
        room -= held
    return [*found, ([], leaves[None])] if None in leaves else found


def depths(tree: Tree, branches: Sequence[int]) -> list[list[int]]:
    """The branches by how many stand below them, roots first: those of one list can be run together."""
    levels: dict[int, list[int]] = {}
    for number in branches:
        levels.setdefault(len(tree.path(number)), []).append(number)
    return [levels[level] for level in sorted(levels)]


def _level(part: Part) -> int:
    return 0 if part.grows_from is None else 1 + part.before // _ALIKE
