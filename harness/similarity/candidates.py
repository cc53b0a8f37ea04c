"""Which of many texts may be near duplicates: those that MinHash throws together."""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from heapq import nsmallest
from operator import eq

from harness.errors import UsageError
from harness.similarity.likeness import Weights

_HASHES = 128
_SEED = 20_240_607
_BATCH = 200_000
"""Terms that are hashed at a time."""
_SAMPLE = 4_000
"""Texts by which common words are known."""
_MOST_SAMPLED = 2_000
"""Terms that count of a text in the sample."""
_CROWD = 32
"""Texts of one bucket that are all held against each other; more of them are a family, filled in from one template."""
_DEPTH = 3
_WINDOW = 2
"""Texts before it with which each is held where even a family's own words leave a crowd."""
_MOST_CANDIDATES = 32
"""Earlier texts with which one is held."""
_MARGIN = 0.5
"""Of the words that near duplicates share at least, what their signatures must show."""
_FEW = 6
"""Words that carry meaning below which a text is sketched by its other words too."""

Terms = Callable[[int], Sequence[str]]
Sketch = tuple[int, Collection[str]]
"""A text, and the words that it is sketched by."""


class Candidates:
    """Pairs of texts that may be alike, and the weights of words by which to tell.

    Signatures of 128 MinHash values (Broder 1997), cut into bands; texts that agree in a band share a bucket. Where a
    bucket holds more than 32, what all of them share tells nothing: the texts of such buckets are sketched again as a
    family, without the words that are common in it, so that a template filled in 50,000 times costs no more than as
    many single texts.
    """

    def __init__(self, terms: Terms, weights: Weights, is_wanted: Callable[[int, int], bool], least: float) -> None:
        """``terms`` gives the terms of a text by its number; ``is_wanted`` says which pairs count."""
        self.pairs: set[tuple[int, int]] = set()
        self._terms, self._weights, self._is_wanted = terms, weights, is_wanted
        # texts so much alike share three quarters, two thirds, a half or a third of their words at least
        self._rows = 5 if least >= 0.9 else 4 if least >= 0.75 else 3 if least >= 0.6 else 2
        self._least_equal = int(_HASHES * _MARGIN * least / (2 - least))
        self._families: dict[int, tuple[Weights, ...]] = {}

    def search(self, texts: Iterable[tuple[int, Sequence[str]]]) -> None:
        """Fill ``pairs``; each text comes once, with its terms."""
        self._search(texts, self._weights, _DEPTH)

    def weights(self, first: int, second: int) -> Weights:
        """What words weigh between two texts: by the narrowest family that holds both."""
        both = zip(self._families.get(first, ()), self._families.get(second, ()), strict=False)
        return [self._weights, *(ours for ours, theirs in both if ours is theirs)][-1]

    def _search(self, texts: Iterable[tuple[int, Sequence[str]]], weights: Weights, depth: int) -> None:
        families = _Families()
        few: list[Sketch] = []
        pairs: set[tuple[int, int]] = set()
        count = self._pair_up(_sketches(texts, weights, few), pairs, families if depth else None)
        self._pair_up(few, pairs, families if depth else None)
        del few
        # a family's own search, which knows what tells its texts apart, finds the pairs within it
        self.pairs.update(pair for pair in pairs if not families.hold(*pair))
        del pairs
        for family in families.found():
            narrower = self._of_family(family)
            for index in family:
                self._families[index] = (*self._families.get(index, ()), narrower)
            members = ((index, self._terms(index)) for index in family)
            self._search(members, narrower, depth - 1 if len(family) < count else 0)

    def _pair_up(self, sketches: Iterable[Sketch], pairs: set[tuple[int, int]], families: _Families | None) -> int:
        """Add to ``pairs`` what shares a bucket, or make a crowd a family; how many there were."""
        signatures = _signatures(sketches)
        held: Counter[int] = Counter()
        for bucket in self._buckets(signatures):
            if len(bucket) > _CROWD and families:
                families.add(bucket)
                continue
            reach = _CROWD if len(bucket) <= _CROWD else _WINDOW
            for place, second in enumerate(bucket):
                for first in bucket[max(0, place - reach) : place]:
                    if (
                        held[second] < _MOST_CANDIDATES
                        and self._is_wanted(first, second)
                        and (first, second) not in pairs
                        and _equal(signatures[first], signatures[second]) >= self._least_equal
                    ):
                        pairs.add((first, second))
                        held[second] += 1
        return len(signatures)

    def _of_family(self, family: Sequence[int]) -> Weights:
        said = {digest("\0".join(self._terms(index)[:_MOST_SAMPLED])): index for index in family}
        return Weights.among(self._terms(said[each])[:_MOST_SAMPLED] for each in nsmallest(_SAMPLE, said))

    def _buckets(self, signatures: Mapping[int, bytes]) -> Iterator[list[int]]:
        width = 4 * self._rows
        for start in range(0, 4 * _HASHES - width + 1, width):
            alone: dict[bytes, int] = {}
            together: dict[int, list[int]] = {}
            for index, signature in signatures.items():
                # most texts are alone in theirs: a list for each would cost more than all else
                first = alone.setdefault(signature[start : start + width], index)
                if first != index:
                    together.setdefault(first, [first]).append(index)
            yield from together.values()


class _Families:
    """Crowds, each with what was nearer to it than to another: a text is of one family, and no two are ever joined."""

    def __init__(self) -> None:
        self._of: dict[int, int] = {}
        self._count = 0

    def add(self, bucket: Sequence[int]) -> None:
        """Those without a family join that of most who have one, or make one."""
        known = Counter(self._of[index] for index in bucket if index in self._of)
        family, members = known.most_common(1)[0] if known else (0, 0)
        if 2 * members <= known.total():
            family, self._count = self._count, self._count + 1
        for index in bucket:
            self._of.setdefault(index, family)

    def hold(self, first: int, second: int) -> bool:
        """Whether both are of one family."""
        return first in self._of and self._of[first] == self._of.get(second)

    def found(self) -> list[list[int]]:
        families: dict[int, list[int]] = defaultdict(list)
        for index in sorted(self._of):
            families[self._of[index]].append(index)
        return list(families.values())


def digest(text: str) -> bytes:
    """What tells a text from others, in 16 bytes."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def common_words(texts: Sequence[str], terms: Callable[[str], Sequence[str]]) -> Weights:
    """The weights by a sample of the distinct texts, the same for every order of them."""
    drawn = nsmallest(_SAMPLE, {digest(text): index for index, text in enumerate(texts)}.items())
    return Weights.among(terms(texts[index])[:_MOST_SAMPLED] for _, index in drawn)


def _sketches(texts: Iterable[tuple[int, Sequence[str]]], weights: Weights, few: list[Sketch]) -> Iterator[Sketch]:
    """By the words that carry meaning; texts of few such are put into ``few`` with all that are not everywhere."""
    for index, terms in texts:
        carrying = set(terms) - weights.say_little
        if len(carrying) < _FEW:
            few.append((index, set(terms) - weights.say_nothing or set(terms)))
        if carrying:
            yield index, carrying


def _signatures(sketches: Iterable[Sketch]) -> dict[int, bytes]:
    try:
        from rensa import RMinHash
    except ImportError:
        raise UsageError("near duplicates are looked for with rensa", remedy="pip install rensa") from None

    signatures: dict[int, bytes] = {}
    batch: dict[int, list[str]] = {}
    held = 0

    def flush() -> None:
        rows = RMinHash.digest_matrix_from_token_sets(list(batch.values()), _HASHES, _SEED).to_rows()
        signatures.update(zip(batch, (array("I", row).tobytes() for row in rows), strict=True))
        batch.clear()

    for index, words in sketches:
        batch[index] = list(words)
        held += len(words)
        if held >= _BATCH:
            flush()
            held = 0
    if batch:
        flush()
    return signatures


def _equal(one: bytes, other: bytes) -> int:
    """How many MinHash values are the same."""
    return sum(map(eq, memoryview(one).cast("I"), memoryview(other).cast("I")))
