"""How much alike two texts are, by the words that they share and by what the others would change."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise

from harness.similarity.words import is_ideograph, names, terms

_LIGHT, _LIGHT_SHARED = 0.1, 0.5
"""What a function word or a word of politeness weighs that one text has, and that both have; any other weighs 1."""
_SIGN = 0.5
_CARRIES = 1 / 3
"""Weight from which a word carries meaning."""
_IDEOGRAPH, _TRIGRAM = 0.5, 1 / 3
_TELLING = 25.0
"""What a word weighs that turns what is said into something else."""
_MISSED = 8.0
"""What a number or a name weighs that only one of the texts has."""
_ENOUGH_SHARED = 12.0
"""Weight of shared words below which a word that carries meaning raises doubt, as it makes a short text another."""
_DOUBTS, _DOUBTS_OF_QUESTION = (0.0, 0.5, 2.0), (0.0, 0.0, 2.0)
"""What each missing unit of that weight adds, where none, one and both have such words; of a text, of its question."""
_MISSPELT = 0.5
_MOST_MADE_UP = 0.5
"""What a word takes off another's weight at most, as both together weigh half a word if one is the other misspelt."""
_QUESTIONS_ALIKE = 0.65
_MOST_ORDERED = 32
"""Units up to which the order of words is looked at: in a longer text it is sentences that move."""
_MOST_PAIRED = 64
_COMMON = 0.1
"""Share of the texts from which a word weighs less than others."""
_LEAST_COUNTED = 20
"""Texts that must hold a word before it may count as common among them."""
_FLOOR = 0.02


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_FUNCTION_WORDS = _words(
    """
    a an the this that these those there here it its he him his she her hers they them their theirs we us our ours
    you your yours i me my mine myself yourself itself is are was were be been being am do does did done has have
    had having can could will would shall should may might must ought of in on at by for with to from into onto
    within as than then so and or but if because since while what which whats thats im ive ill id youre youve theyre
    were about also too very just really quite rather indeed actually simply some such own each other another please
    kindly thanks thank hi hello hey dear tell explain know let lets give say want need like wonder wondering help
    question following answer one exactly ok okay well now however briefly still only even again both how who whom
    whose where when why using used use get got make made
    """
)
_NEGATIONS = _words("no not never none nobody nothing neither nor nowhere without nicht kein keine nie pas")
_NEGATED = re.compile(r"(do|does|did|is|are|was|were|has|have|had|ca|could|wo|would|should|must|need|ai)nt")
_NEGATING_PREFIXES = ("un", "in", "im", "il", "ir", "dis", "non", "anti", "a")
_SAYING_LITTLE = _FUNCTION_WORDS | _NEGATIONS
_SIGNS = frozenset("[]{}$+|~^=<>!#%*/&@-")
_ASKING = _words("how who whom whose where when why")
_NUMERALS = {
    "zero": "0", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8",
    "nine": "9", "ten": "10", "eleven": "11", "twelve": "12", "hundred": "100", "thousand": "1000",
}  # fmt: skip
"""But for ``one``, which seldom counts."""
_OPPOSITES = (
    "before after", "above below", "over under", "more less", "most least", "first last second third", "left right",
    "true false", "yes no", "on off", "up down", "in out", "minimum maximum", "min max", "increase decrease",
    "increases decreases", "increased decreased", "largest smallest", "larger smaller", "large small", "big small",
    "highest lowest", "higher lower", "high low", "best worst", "better worse", "good bad", "hot cold", "open close",
    "opened closed", "buy sell", "import export", "input output", "positive negative neutral", "male female",
    "encode decode", "north south east west", "advantages drawbacks", "old new", "long short", "longest shortest",
    "start end", "start stop", "enable disable", "allow deny", "always never sometimes", "all none", "win lose",
    "early late", "earliest latest", "oldest youngest", "fast slow", "strong weak", "rich poor", "same different",
    "add remove", "insert delete", "read write", "upload download", "morning evening", "day night", "husband wife",
    "mother father", "son daughter", "brother sister", "king queen", "cause effect", "causes effects", "client server",
    "monday tuesday wednesday thursday friday saturday sunday", "row column", "rows columns", "ascending descending",
    "january february march april may june july august september october november december",
)  # fmt: skip
"""Words of which one in place of another turns a sentence round, each row a set."""
_SIDES: Mapping[str, frozenset[int]] = {
    word: frozenset(place for place, row in enumerate(_OPPOSITES) if word in _words(row))
    for row in _OPPOSITES
    for word in _words(row)
}
_ASKS = "?\uff1f\u061f"
_END = re.compile(rf"([.!。\n{_ASKS}])")


@dataclass(frozen=True)
class Weights:
    """What words weigh among texts of one kind: the more of the texts hold a word, the less it tells them apart."""

    of_common: Mapping[str, float]
    """The words that weigh less than others."""

    @cached_property
    def say_nothing(self) -> frozenset[str]:
        """Words that most of the texts hold, and function words."""
        return _SAYING_LITTLE | {word for word, weight in self.of_common.items() if weight < _LIGHT}

    @cached_property
    def say_little(self) -> frozenset[str]:
        """Words that carry no meaning here, and signs."""
        common = {word for word, weight in self.of_common.items() if weight < _CARRIES}
        return _SAYING_LITTLE | _SIGNS | common

    @classmethod
    def among(cls, texts: Iterable[Iterable[str]]) -> Weights:
        """By how many of the texts, each given as its terms, a word is in.

        A word that fewer than 20 hold weighs what it weighs by itself, so a few texts are held against each other by
        plain words; above 1 in 10 texts it weighs the less the more hold it (in half of them a third, in all nearly
        nothing). So an instruction or a template that all rows share hides nothing, however long it is.
        """
        held: Counter[str] = Counter()
        count = 0
        for text in texts:
            held.update(set(text))
            count += 1
        return cls(
            {
                word: max(_FLOOR, math.log(holding / count) / math.log(_COMMON))
                for word, holding in held.items()
                if holding >= max(_LEAST_COUNTED, _COMMON * count)
            }
        )

    def of(self, word: str) -> float:
        """The weight of a word that one text has and the other has not, from 0.02 to 1."""
        return min(self.of_common.get(word, 1.0), _by_itself(word))

    def of_shared(self, word: str) -> float:
        """The weight of a word that both have: function words too are a sign that one text was made of the other."""
        return min(self.of_common.get(word, 1.0), _LIGHT_SHARED if word in _SAYING_LITTLE else _by_itself(word))


PLAIN = Weights({})
"""For two texts of which no others are known."""


@dataclass(frozen=True)
class Wording:
    """A text as it is compared; what costs time is made when it is asked for, as most texts soon prove unlike."""

    text: str
    terms: tuple[str, ...]
    is_question: bool = False
    """Whether it is what another text asks among other things."""

    @classmethod
    def of(cls, text: str) -> Wording:
        """What of the text is compared."""
        return cls(text, tuple(_spelt(terms(text))))

    @cached_property
    def counts(self) -> Counter[str]:
        """How often each term is there."""
        return Counter(self.terms)

    @cached_property
    def names(self) -> frozenset[str]:
        """The terms that are names."""
        return names(self.text)

    @cached_property
    def question(self) -> Wording | None:
        """Its questions, where it says something else too."""
        pieces = _END.split(self.text)
        asked = " ".join(piece for piece, end in zip(pieces[::2], pieces[1::2], strict=False) if end in _ASKS)
        found = tuple(_spelt(terms(asked)))
        return Wording(asked, found, is_question=True) if 0 < len(found) < len(self.terms) else None

    @cached_property
    def sentences(self) -> list[tuple[str, ...]]:
        """The terms of each sentence, in alphabetical order."""
        return sorted(tuple(_spelt(terms(piece))) for piece in _END.split(self.text)[::2])


def alike(one: Wording, other: Wording, weights: Weights = PLAIN, least: float = 0.0) -> float:
    """How much alike two texts are: 1 for the same words, 0 for none in common or where it cannot be ``least``.

    It is twice the weight of the shared words, over that plus the weight of all words that only one text has. A
    function word weighs little where only one text has it, and a word that many texts of their kind share weighs little
    anywhere. What turns one thing into another weighs 25 words: a number, a name or an operator in place of another,
    one question word for another (who, when), an opposite (before, after), a negation that only one has, two words that
    change places in a sentence. So templates that are filled in differently are not alike up to about a hundred words.
    Another word that carries meaning makes a text another one if it is short, of fewer than 12 shared words or so, and
    a word in place of another also if it changes what a longer text asks. A number or a name that only one text has
    weighs 8 words, a slip of the pen half a word.
    """
    if one.terms == other.terms:
        return 1.0
    first, second = _more(one.counts, other.counts), _more(other.counts, one.counts)
    both = _more(one.counts, first)
    if both.keys() <= _SAYING_LITTLE:
        return _of_little(first, second, both)
    if weights is not PLAIN and not any(
        weights.of(word) >= _CARRIES for side in (both, first, second) for word in side
    ):
        weights = PLAIN  # of nothing but words that are common here, they are as alike as anywhere
    shared = sum(weights.of_shared(word) * count for word, count in both.items())
    ours, theirs = first.copy(), second.copy()
    _rejoin(ours, theirs, other.terms)
    _rejoin(theirs, ours, one.terms)
    lesser, greater = sorted(sum(weights.of(word) * count for word, count in side.items()) for side in (ours, theirs))
    if 2 * shared < least * (2 * shared + greater - lesser * _MOST_MADE_UP):
        return 0.0
    apart = _apart(ours, theirs, one.names | other.names, weights)
    apart += _doubt(ours, theirs, shared, _DOUBTS_OF_QUESTION if one.is_question else _DOUBTS, weights)
    similarity = 2 * shared / (2 * shared + apart)
    if similarity >= least and _places_exchanged(one, other, first, second):
        similarity = 2 * shared / (2 * shared + apart + 2 * _TELLING)
    if similarity >= least and one.question and other.question:
        asked = alike(one.question, other.question)
        return similarity if asked >= _QUESTIONS_ALIKE else min(asked, similarity)
    return similarity


def _more(one: Counter[str], other: Counter[str]) -> Counter[str]:
    """What ``one`` has more of; as ``one - other``, in a third of the time."""
    return Counter({word: more for word, count in one.items() if (more := count - other.get(word, 0)) > 0})


def _of_little(first: Counter[str], second: Counter[str], both: Counter[str]) -> float:
    """How much texts are alike that share function words only: ``How are you?``, ``How are they?``."""
    shared = both.total()
    return 2 * shared / (2 * shared + _TELLING * (first.total() + second.total())) if shared else 0.0


def _apart(first: Counter[str], second: Counter[str], named: frozenset[str], weights: Weights) -> float:
    """What the words weigh that only one of the texts has; leaves those that say no more than others."""
    special = _negations(first, second) + _slips(first, second) + _slots(first, second, named) + _turned(first, second)
    return special + sum(weights.of(word) * count for side in (first, second) for word, count in side.items())


def _negations(first: Counter[str], second: Counter[str]) -> float:
    ours, theirs = (sum(side.pop(word) for word in _NEGATIONS & side.keys()) for side in (first, second))
    return abs(ours - theirs) * _TELLING + min(ours, theirs) * 2 * _LIGHT


def _slots(first: Counter[str], second: Counter[str], named: frozenset[str]) -> float:
    """Numbers and names, and operators: in place of each other, or in one text only."""
    weight = 0.0
    for belongs, missed in (
        (lambda word: _is_number(word) or (word in named and word not in _SAYING_LITTLE), _MISSED),
        (_is_sign, _SIGN),
    ):
        ours, theirs = (_taken(side, belongs) for side in (first, second))
        weight += min(ours, theirs) * 2 * _TELLING + abs(ours - theirs) * missed
    return weight


def _turned(first: Counter[str], second: Counter[str]) -> float:
    """Question words and opposites that stand against each other, and words that the other text has negated."""
    weight = 0.0
    if _ASKING & first.keys() and _ASKING & second.keys():
        weight += 2 * _TELLING
    for word in [word for word in first if word in _SIDES]:
        if any(_SIDES[word] & _SIDES[against] for against in second if against in _SIDES):
            weight += 2 * _TELLING
    for ours, theirs in ((first, second), (second, first)):
        for word in ours:
            if len(word) > 4 and any(
                word.startswith(prefix) and word[len(prefix) :] in theirs for prefix in _NEGATING_PREFIXES
            ):
                weight += 2 * _TELLING
    return weight


def _slips(first: Counter[str], second: Counter[str]) -> float:
    """Words that begin alike with a letter too many or too few, or two in the wrong order, also a plural."""
    if len(first) > _MOST_PAIRED or len(second) > _MOST_PAIRED:
        return 0.0
    weight = 0.0
    begun: dict[str, list[str]] = defaultdict(list)
    for word in second:
        begun[word[0]].append(word)
    for word in list(first):
        near = next((against for against in begun[word[0]] if against in second and _is_slip(word, against)), None)
        if near is not None:
            count = min(first[word], second[near])
            weight += count * _MISSPELT
            _less(first, word, count)
            _less(second, near, count)
    return weight


def _doubt(
    first: Counter[str], second: Counter[str], shared: float, doubts: tuple[float, float, float], weights: Weights
) -> float:
    carrying = sum(any(weights.of(word) >= _CARRIES for word in side) for side in (first, second))
    return doubts[carrying] * max(0.0, _ENOUGH_SHARED - shared)


def _rejoin(first: Counter[str], second: Counter[str], order: tuple[str, ...]) -> None:
    """Take out what one text writes as one word and the other as two: ``well-known``, ``wellknown``."""
    if not first or len(second) < 2:
        return
    for left, right in pairwise(order):
        if left in second and right in second and left + right in first:
            for side, word in ((second, left), (second, right), (first, left + right)):
                _less(side, word, 1)


def _places_exchanged(one: Wording, other: Wording, first: Counter[str], second: Counter[str]) -> bool:
    """Whether shared words changed places across others that stayed: ``from A to B``, ``from B to A``.

    Neighbours may change places, and whole sentences.
    """
    if max(len(one.terms), len(other.terms)) > _MOST_ORDERED or one.sentences == other.sentences:
        return False
    runs: list[list[tuple[str, str]]] = [[]]
    for ours, theirs in zip(_without(one.terms, first), _without(other.terms, second), strict=True):
        if ours != theirs:
            runs[-1].append((ours, theirs))
        elif runs[-1]:
            runs.append([])
    return any(sorted(ours for ours, _ in run) != sorted(theirs for _, theirs in run) for run in runs)


def _without(said: tuple[str, ...], extra: Counter[str]) -> list[str]:
    left = Counter(extra)
    kept = []
    for word in said:
        if left[word] > 0:
            left[word] -= 1
        else:
            kept.append(word)
    return kept


def _spelt(found: Iterable[str]) -> Iterable[str]:
    for word in found:
        if word == "cannot":
            yield from ("can", "not")
        elif word.endswith("nt") and (negated := _NEGATED.fullmatch(word)):
            yield from ({"ca": "can", "wo": "will"}.get(negated[1], negated[1]), "not")
        else:
            yield _NUMERALS.get(word, word)


@lru_cache(maxsize=1 << 16)
def _by_itself(word: str) -> float:
    if word in _SAYING_LITTLE:
        return _LIGHT
    if word.isascii():
        return 1.0 if word.isalnum() or _is_number(word) or len(word) > 3 else _SIGN
    if is_ideograph(word):
        return _IDEOGRAPH
    return _SIGN if _is_sign(word) else _TRIGRAM if 0x0E00 <= ord(word[0]) < 0x3400 and len(word) <= 3 else 1.0


def _is_number(word: str) -> bool:
    return word[-1:].isdigit() or word[:1].isdigit()


def _is_sign(word: str) -> bool:
    return len(word) <= 3 and not any(character.isalnum() for character in word)


def _is_slip(word: str, against: str) -> bool:
    shorter, longer = (word, against) if len(word) <= len(against) else (against, word)
    if len(longer) - len(shorter) > 1 or not 3 <= len(shorter) < 32 or not (word.isalpha() and against.isalpha()):
        return False
    if len(shorter) < len(longer):
        is_plural = longer[-1] == "s" and longer[:-1] == shorter
        is_one_more = any(longer[:at] + longer[at + 1 :] == shorter for at in range(1, len(longer)))
        return is_plural or (len(shorter) > 4 and is_one_more)
    return len(word) > 5 and any(
        word[:at] + word[at + 1] + word[at] + word[at + 2 :] == against for at in range(1, len(word) - 1)
    )


def _taken(side: Counter[str], belongs: Callable[[str], bool]) -> int:
    """How many of one side's words belong; takes them out."""
    return sum(side.pop(word) for word in [word for word in side if belongs(word)])


def _less(side: Counter[str], word: str, count: int) -> None:
    side[word] -= count
    if side[word] <= 0:
        del side[word]
