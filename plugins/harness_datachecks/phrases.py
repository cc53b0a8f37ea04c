"""Words in a row that two texts share: few short texts are indexed, many long ones are streamed past them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Hashes = NDArray[np.uint64]
    Places = NDArray[np.int64]

# Thai, Lao, kana and the Han characters are written without spaces: there a character counts as a word.
_SPACELESS = "\u0e00-\u0eff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORDS = re.compile(rf"[^\W_{_SPACELESS}]+|[{_SPACELESS}]")
_ASCII = str.maketrans({chr(code): chr(code).lower() if chr(code).isalnum() else " " for code in range(128)})

_SHORTER = (3, 5, 8)
"""Lengths of phrase by which texts are found that are shorter than the phrases asked for."""
_LONGER = (8, 13)
"""Those by which texts are found whose phrases of the length asked for are all common."""
_BATCH = 200_000
"""Words that are looked up together."""
_FILTER_BITS = 24
_PRIME = 0x9E3779B97F4A7C15


def words_of(text: str) -> list[str]:
    """The words of a text in lower case, without punctuation and white space; a formula is its letters and numbers."""
    if text.isascii():
        return text.translate(_ASCII).split()
    return _WORDS.findall(text.casefold())


@dataclass(frozen=True, slots=True)
class Hits:
    """Where texts share a phrase with parts: one entry a shared phrase, in the order of the texts."""

    texts: Places
    """The text, by its number in the stream."""
    places: Places
    """The phrase's first word in the text."""
    parts: Places
    """The part, by its index."""
    offsets: Places
    """The phrase's first word in the part."""


@dataclass(frozen=True, slots=True)
class Part:
    """A short text that is looked for."""

    words: Sequence[str]
    owner: int
    """Whose it is: a question and its answer belong to one item."""
    source: int
    """Where the owner is from: what many owners of one source say tells none of them."""


class PhraseIndex:
    """The phrases of parts, but for those that many owners have in common."""

    def __init__(self, parts: Sequence[Part], length: int, most_owners: int) -> None:
        """Index the phrases of ``length`` words that at most ``most_owners`` owners of any source have.

        Shorter parts are indexed by shorter phrases, those of fewer words than three not at all.
        """
        import numpy as np

        self._vocabulary: dict[str, int] = {}
        for part in parts:
            for word in part.words:
                self._vocabulary.setdefault(word, len(self._vocabulary))
        # A word that no part has gets the last code, and so does the border between two texts.
        draw = np.random.default_rng(0)
        self._codes: Hashes = draw.integers(1, 1 << 63, len(self._vocabulary) + 1, dtype=np.uint64)
        self.common = [np.zeros(len(part.words), dtype=bool) for part in parts]
        """For each part which of its words stand in a phrase that is common among the owners."""
        sizes = {length, *(shorter for shorter in _SHORTER if shorter < length)}
        groups: dict[int, list[int]] = {}
        for index, part in enumerate(parts):
            fitting = [size for size in sizes if size <= len(part.words)]
            if fitting:
                groups.setdefault(max(fitting), []).append(index)
        self._tables = [self._table(size, chosen, parts, most_owners) for size, chosen in groups.items()]
        indexed = {part for table in self._tables for part in table.chosen[table.parts].tolist()}
        for size in (each for each in _LONGER if each > length):
            # A part that has but common phrases may have a rare one that is longer.
            left = [number for number, part in enumerate(parts) if number not in indexed and len(part.words) >= size]
            if left:
                self._tables.append(self._table(size, left, parts, most_owners))
                indexed.update(self._tables[-1].chosen[self._tables[-1].parts].tolist())

    def hits(self, texts: Iterable[Sequence[str]], most_texts: int) -> Hits:
        """All phrases that the texts share with parts, but for those that stand more than ``most_texts`` times.

        Those mark their words in the parts as common as well: a template that all texts follow tells nothing.
        """
        import numpy as np

        found: list[list[tuple[Places, Places, Places]]] = [[] for _ in self._tables]
        counts = [np.zeros(len(table.hashes), dtype=np.int64) for table in self._tables]
        for first, starts, flat in _batches(texts):
            codes = self._coded(flat)
            for table, count, kept in zip(self._tables, counts, found, strict=True):
                at, seeds = table.seen(codes)
                count += np.bincount(seeds, minlength=len(count))
                wanted = count[seeds] <= most_texts
                at, seeds = at[wanted], seeds[wanted]
                text = np.searchsorted(starts, at, side="right") - 1
                kept.append((first + text, at - starts[text], seeds))
        pieces = [
            self._resolved(table, count > most_texts, kept)
            for table, count, kept in zip(self._tables, counts, found, strict=True)
        ]
        joined = [np.concatenate([piece[column] for piece in pieces] or [_none()]) for column in range(4)]
        order = np.argsort(joined[0], kind="stable")
        return Hits(*(column[order] for column in joined))

    def _table(self, size: int, chosen: Sequence[int], parts: Sequence[Part], most_owners: int) -> _Table:
        import numpy as np

        flat: list[str] = []
        for index in chosen:
            flat.extend(parts[index].words)
            flat.append("")
        lengths = np.array([len(parts[index].words) + 1 for index in chosen], dtype=np.int64)
        starts = np.concatenate(([0], np.cumsum(lengths)[:-1]))
        which = np.repeat(np.arange(len(chosen)), lengths)
        hashes = _hashes(self._coded(flat), size)
        at = np.arange(len(hashes))
        # A phrase lies in its part as a whole, with none of the borders in it.
        inside = at - starts[which[at]] + size < lengths[which[at]]
        at, hashes = at[inside], hashes[inside]
        part = which[at]
        names, seeds = np.unique(hashes, return_inverse=True)
        owner = np.array([parts[index].owner for index in chosen], dtype=np.int64)[part]
        source = np.array([parts[index].source for index in chosen], dtype=np.int64)[part]
        owned = np.unique(np.stack((seeds, source, owner)), axis=1)
        shared, owners = np.unique(owned[:2], axis=1, return_counts=True)
        is_common = np.zeros(len(names), dtype=bool)
        is_common[shared[0, owners > most_owners]] = True
        table = _Table(size, names, np.array(chosen, dtype=np.int64), seeds, part, at - starts[part])
        self._mark(table, is_common)
        return table.without(is_common)

    def _resolved(
        self, table: _Table, is_common: NDArray[np.bool_], kept: Sequence[tuple[Places, Places, Places]]
    ) -> tuple[Places, Places, Places, Places]:
        """Hits of phrases as hits of parts: a phrase may stand in several."""
        import numpy as np

        self._mark(table, is_common)
        text, place, seed = (np.concatenate([each[column] for each in kept] or [_none()]) for column in range(3))
        rare = ~is_common[seed]
        text, place, seed = text[rare], place[rare], seed[rare]
        order = np.argsort(table.seeds, kind="stable")
        first = np.searchsorted(table.seeds[order], seed, side="left")
        many = np.searchsorted(table.seeds[order], seed, side="right") - first
        which = np.repeat(first, many) + np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many)
        entry = order[which]
        return np.repeat(text, many), np.repeat(place, many), table.chosen[table.parts[entry]], table.offsets[entry]

    def _mark(self, table: _Table, is_common: NDArray[np.bool_]) -> None:
        import numpy as np

        for entry in np.flatnonzero(is_common[table.seeds]).tolist():
            offset = table.offsets[entry]
            self.common[table.chosen[table.parts[entry]]][offset : offset + table.size] = True

    def _coded(self, flat: Sequence[str]) -> Hashes:
        import numpy as np

        unknown = len(self._vocabulary)
        numbers = np.fromiter(map(self._vocabulary.get, flat, repeat(unknown)), dtype=np.int64, count=len(flat))
        coded: Hashes = self._codes[numbers]
        return coded


class _Table:
    """The phrases of one length: their hashes, sorted, and where each stands."""

    def __init__(
        self, size: int, hashes: Hashes, chosen: Places, seeds: Places, parts: Places, offsets: Places
    ) -> None:
        import numpy as np

        self.size, self.hashes, self.chosen = size, hashes, chosen
        self.seeds, self.parts, self.offsets = seeds, parts, offsets
        self._filter = np.zeros(1 << _FILTER_BITS, dtype=bool)
        self._filter[hashes >> np.uint64(64 - _FILTER_BITS)] = True

    def seen(self, codes: Hashes) -> tuple[Places, Places]:
        """Where a phrase of the table begins, and which."""
        import numpy as np

        if not len(self.hashes):
            return _none(), _none()
        hashes = _hashes(codes, self.size)
        at = np.flatnonzero(self._filter[hashes >> np.uint64(64 - _FILTER_BITS)])
        seeds = np.minimum(np.searchsorted(self.hashes, hashes[at]), len(self.hashes) - 1)
        is_there = self.hashes[seeds] == hashes[at]
        return at[is_there], seeds[is_there]

    def without(self, left_out: NDArray[np.bool_]) -> _Table:
        """The table of the other phrases."""
        import numpy as np

        numbers = np.cumsum(~left_out) - 1
        stays = ~left_out[self.seeds]
        seeds = numbers[self.seeds[stays]]
        return _Table(self.size, self.hashes[~left_out], self.chosen, seeds, self.parts[stays], self.offsets[stays])


def _hashes(codes: Hashes, size: int) -> Hashes:
    """A hash of every ``size`` codes in a row; equal phrases have equal ones, others as good as never."""
    import numpy as np

    count = max(0, len(codes) - size + 1)
    hashes = np.zeros(count, dtype=np.uint64)
    for place in range(size):
        hashes *= np.uint64(_PRIME)
        hashes += codes[place : place + count]
    return hashes


def _batches(texts: Iterable[Sequence[str]]) -> Iterator[tuple[int, Places, list[str]]]:
    """The first text's number, where each text begins, and the words of all with a border after each."""
    import numpy as np

    first, starts = 0, []
    flat: list[str] = []
    for number, text in enumerate(texts):
        starts.append(len(flat))
        flat.extend(text)
        flat.append("")
        if len(flat) >= _BATCH:
            yield first, np.array(starts, dtype=np.int64), flat
            first, starts, flat = number + 1, [], []
    if starts:
        yield first, np.array(starts, dtype=np.int64), flat


def _none() -> NDArray[Any]:
    import numpy as np

    return np.zeros(0, dtype=np.int64)
