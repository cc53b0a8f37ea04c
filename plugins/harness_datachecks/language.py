"""Rows in another language than the rest, and text that is in none."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import ClassVar, Protocol

from harness import DataContext, Finding, Row, Severity, Spot, Table, UsageError, did_you_mean
from harness_datachecks import gibberish
from harness_datachecks.wording import printable

_LOOKED_AT = 200
"""Characters at the beginning and at the end of a text that are looked at."""
_SECOND_LOOK = 1_000
_SAMPLE = 1_000
"""Rows by which it is known what language most are in, and its most frequent words."""
_FEW_ROWS = 20_000
"""Of so many rows the classifier is asked each time: it takes about a ninth of a millisecond."""
_MOST_ASKED = 30_000
"""Texts that the classifier is asked of in larger tables."""

_FEWEST_LETTERS = 20
_ENOUGH_LETTERS = 60
_SURE, _SURER = 0.95, 0.99
"""How sure the classifier must be of a text of enough letters, and of one of fewer."""
_MOST_SYMBOLS = 0.1
"""Share of a text's characters that are code's; beyond it the text is in no language."""

_FAMILIAR = 150
_FAMILIAR_SHARE, _FEWEST_WORDS = 0.35, 8
"""A text of which this share are among so many most frequent words of the table's language is taken to be in it.

Of messages of free software this lets pass as English or German none that are in another of 30 languages, as French
or Russian up to 4 % of those in a close relative, and as Spanish or Portuguese a third of those in Catalan, Occitan or
Galician.
"""

_MARKS = re.compile(r"[`$<@/\\]")
_NOT_PROSE = re.compile(
    r"```.*?(?:```|\Z)|`[^`\n]*`|\$\$?[^$\n]{1,200}\$|<[^<>\n]{1,200}>|(?<!\S)\S*[@/\\]\S*", re.DOTALL
)
_SYMBOLS = re.compile(r"[{}\[\]()<>=;|\\/_+*#@$%^&~\"]")
_WORDS = re.compile(r"[^\W\d_]+")
_ASCII = str.maketrans({chr(code): chr(code).lower() if chr(code).isalpha() else " " for code in range(128)})
_ABOUT_LANGUAGES = re.compile(
    r"translat|langu|übersetz|tradu|vertal|перев|перек|翻|译|訳|번역|ترجم|अनुवाद|tłumacz|çevir"
    r"|\b(?:in|into|to|auf|ins|en|em|al|au|på|till) (?:english|englisch|anglais|ingl[eé]s|german|deutsch|french"
    r"|français|francés|spanish|spanisch|español|italian|portuguese|dutch|russian|polish|chinese|japanese|korean"
    r"|arabic|hindi|turkish|swedish|danish|norwegian|finnish|czech|greek|hebrew|latin|ukrainian|vietnamese|thai)",
    re.IGNORECASE,
)

_KIN = (
    {"no", "nb", "nn", "da"},
    {"hr", "bs", "sr"},
    {"id", "ms", "jv"},
    {"pt", "gl"},
    {"cs", "sk"},
    {"zh", "yue", "wuu"},
    {"ar", "arz", "ary"},
    {"uz", "uzs"},
)
"""Languages so alike that a classifier mistakes one for the other; rows in both are no finding."""
_FAMILIES = (*_KIN, {"es", "gl", "an", "ext", "ca", "oc", "pt"})
"""Languages among which a classifier may be undecided and yet sure that a text is in none but these."""

_NONE = "no language"
_UNSURE = "not sure"

_REMEDIES = {
    gibberish.MOJIBAKE: "read the source file as UTF-8 and write the data anew",
    gibberish.BROKEN: "write the data anew from a source that still has these characters",
    gibberish.CONTROL: "take the control characters out",
    gibberish.REPEATED: "leave these rows out: a model learns to repeat itself from them",
    gibberish.RANDOM: "read these rows, and leave out what nobody wrote",
}


@dataclass(frozen=True)
class Language:
    """Rows in another language than most, answers in another language than their prompts, and gibberish.

    py3langid tells the languages, of the first 200 characters of prompt and answer; code, links and formulas are left
    out before. A text of fewer than 20 letters is not judged, nor one of which py3langid is not sure. In tables of more
    than 20,000 rows a text that is full of the frequent words of the table's own language is known by these, which is
    quicker, and if that is not enough some rows are drawn; the figures then say how many were looked at. Random letters
    are known in Latin script alone.
    """

    name: ClassVar[str] = "language"
    requires_packages: ClassVar[tuple[str, ...]] = ("py3langid",)
    in_runs: ClassVar[bool] = True

    expected: str | None = None
    """The language that rows should be in, by its ISO 639-1 code, as ``en``; else the one that most are in."""
    most_other: float = 0.02
    """Share of rows in another language, or that answer in another one, from which on this is a warning."""

    def __post_init__(self) -> None:
        if self.expected is not None and not re.fullmatch("[a-z]{2}", self.expected):
            raise ValueError(f"expected is {self.expected!r}; write an ISO 639-1 code, such as 'en' or 'de'")
        if not 0 <= self.most_other <= 1:
            raise ValueError(f"most_other is {self.most_other}; write a share from 0 to 1")

    def check(self, table: Table, context: DataContext) -> Sequence[Finding]:
        """Other languages, mixed ones and each kind of gibberish, a finding each."""
        if not table.rows:
            return ()
        classifier = _Classifier(self.expected)
        drawn = _drawn(table.rows, _SAMPLE, context.seed)
        main, familiar = _main_language(drawn, classifier, self.expected)
        looked_at = self._looked_at(table.rows, drawn, familiar, context.seed)
        is_large = len(table.rows) > _FEW_ROWS
        counts: Counter[str] = Counter()
        other: list[Spot] = []
        mixed: list[Spot] = []
        odd: dict[str, dict[int, Spot]] = defaultdict(dict)
        for row in table.rows:
            texts = [_Text(text, familiar) for text in (row.asked, row.answered) if text]
            for kind, evidence in _gibberish(texts, classifier):
                odd[kind].setdefault(row.line, Spot(row.line, printable(evidence)))
            if row.line not in looked_at:
                continue
            spoken = [
                main if is_large and text.is_familiar[0] else classifier.language(text.whole, main) for text in texts
            ]
            # What is learnt is the answer; a prompt speaks for a row whose answer is too short to tell.
            language, text = _speaks_for(spoken, texts)
            counts[language] += 1
            if text is not None and not _are_kin(language, main):
                other.append(Spot(row.line, printable(f"{language}: {text.begin}")))
            if len(texts) == 2 and _is_mixed(texts[0], spoken[0], spoken[1], classifier):
                mixed.append(Spot(row.line, printable(f"{spoken[0]}, then {spoken[1]}: {texts[1].begin}")))
        return [
            *self._about_languages(counts, main, other, len(looked_at)),
            *self._about_mixture(mixed, len(looked_at)),
            *(_about_gibberish(kind, list(odd[kind].values()), len(table.rows)) for kind in _REMEDIES if kind in odd),
        ]

    def _looked_at(
        self, rows: Sequence[Row], drawn: Sequence[Row], familiar: frozenset[str], seed: int
    ) -> frozenset[int]:
        """The lines of the rows whose language is looked at: all, unless the classifier would be asked too often."""
        if len(rows) <= _FEW_ROWS:
            return frozenset(row.line for row in rows)
        texts = [_Text(text, familiar) for row in drawn for text in (row.asked, row.answered) if text]
        asked = sum(not text.is_familiar[0] for text in texts) / len(drawn)
        count = len(rows) if asked * len(rows) <= _MOST_ASKED else int(_MOST_ASKED / asked)
        return frozenset(row.line for row in _drawn(rows, count, seed))

    def _about_languages(self, counts: Counter[str], main: str, other: list[Spot], rows: int) -> Iterator[Finding]:
        if not other:
            return
        names = Counter(spot.evidence.partition(":")[0] for spot in other)
        most = ", ".join(f"{count:,} in {name}" for name, count in names.most_common(5))
        why = "as expected" if self.expected else "as most are"
        message = f"{_of(len(other), rows)} not in {main}, {why}: {most}"
        remedy = "leave these rows out, or say which language you expect; of a mixture for a reason raise 'most_other'"
        share = len(other) / rows
        figures = {
            "rows": len(other),
            "share": share,
            "limit": self.most_other,
            "not_judged": counts[_UNSURE],
            "looked_at": rows,
        }
        histogram = tuple(sorted(counts.items(), key=lambda each: (-each[1], each[0])))
        yield Finding("languages", self._gravity(share), message, remedy, tuple(other), figures, histogram)

    def _about_mixture(self, mixed: list[Spot], rows: int) -> Iterator[Finding]:
        if not mixed:
            return
        share = len(mixed) / rows
        message = f"{_of(len(mixed), rows, 'answer', 'answers')} in another language than the prompt's"
        remedy = "read these rows, and leave out those that should answer in the language of the prompt"
        figures = {"rows": len(mixed), "share": share, "limit": self.most_other, "looked_at": rows}
        yield Finding("mixed languages", self._gravity(share), message, remedy, tuple(mixed), figures)

    def _gravity(self, share: float) -> Severity:
        return "warning" if share > self.most_other else "info"


class _Text:
    """What a row asks or answers, as far as it is looked at."""

    def __init__(self, text: str, familiar: frozenset[str]) -> None:
        self.whole = text
        self.stretches = [text[:_LOOKED_AT]]
        if len(text) > 2 * _LOOKED_AT:
            self.stretches.append(text[-_LOOKED_AT:])
        self.words = [_words(stretch) for stretch in self.stretches]
        self.is_familiar = [_are_familiar(words, familiar) for words in self.words]
        """Of each stretch whether enough of its words are frequent ones of the table's language."""

    @property
    def begin(self) -> str:
        return " ".join(self.whole[:100].split())


def _words(text: str) -> list[str]:
    """Runs of letters, in lower case."""
    return text.translate(_ASCII).split() if text.isascii() else _WORDS.findall(text.lower())


def _are_familiar(words: Sequence[str], familiar: frozenset[str]) -> bool:
    if len(words) < _FEWEST_WORDS:
        return False
    return sum(map(familiar.__contains__, words)) >= _FAMILIAR_SHARE * len(words)


class _Identifier(Protocol):
    """What is used of py3langid: languages by their ISO codes, with probabilities."""

    labels: Sequence[str]

    def classify(self, text: str) -> tuple[str, float]:
        """The likeliest language."""

    def rank(self, text: str) -> Sequence[tuple[str, float]]:
        """All of them."""


class _Classifier:
    """py3langid with what it needs to be sure."""

    def __init__(self, expected: str | None) -> None:
        self._identifier, known = _py3langid()
        if expected is not None and _one_name(expected) not in known:
            raise UsageError(f"language: py3langid does not know {expected!r}", remedy=did_you_mean(expected, known))

    def language(self, text: str, main: str | None = None) -> str:
        """The language of a text by its ISO code; or that it is in none, or that one cannot be sure.

        What would be in another language than ``main`` is looked at twice.
        """
        head = prose(text[:_LOOKED_AT])
        letters = sum(map(str.isalpha, head))
        if is_no_language(head) or (letters < _FEWEST_LETTERS and len(head) < min(len(text), _LOOKED_AT)):
            return _NONE
        if letters < _FEWEST_LETTERS:
            return _UNSURE
        language, is_sure = self._guess(head, letters)
        if not is_sure:
            return _UNSURE
        if main is None or _are_kin(language, main) or len(text) <= _LOOKED_AT:
            return language
        longer, _ = self._guess(prose(text[:_SECOND_LOOK]), _ENOUGH_LETTERS)
        return language if _are_kin(language, longer) else _UNSURE

    def knows(self, text: str) -> bool:
        """Whether it is sure of the text's language, so that the text is not made of random letters."""
        return self._guess(text, 0)[1]

    def _guess(self, text: str, letters: int) -> tuple[str, bool]:
        """The likeliest language, and whether it is that, or one that is close to it, for sure."""
        text, least = _encodable(text), _SURE if letters >= _ENOUGH_LETTERS else _SURER
        language, sure = self._identifier.classify(text)
        if 0.4 <= sure < least:
            family = next((family for family in _FAMILIES if language in family), {language})
            sure = sum(each for name, each in self._identifier.rank(text) if name in family)
        return _one_name(language), language != "zxx" and sure >= least


@cache
def _py3langid() -> tuple[_Identifier, frozenset[str]]:
    """The classifier and the languages that it knows."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier: _Identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    return identifier, frozenset(map(_one_name, identifier.labels)) - {"zxx"}


def prose(text: str) -> str:
    """The text without code, links, addresses, paths, markup and formulas."""
    return _NOT_PROSE.sub(" ", text) if _MARKS.search(text) else text


def is_no_language(text: str) -> bool:
    """Whether a text is code, data or numbers."""
    signs = len("".join(text.split()))
    letters = sum(map(str.isalpha, text))
    return letters < signs / 2 or len(_SYMBOLS.findall(text)) > _MOST_SYMBOLS * signs


def _drawn(rows: Sequence[Row], count: int, seed: int) -> Sequence[Row]:
    """So many of the rows, drawn at random, or all."""
    import numpy as np

    if len(rows) <= count:
        return rows
    return [rows[place] for place in np.random.default_rng(seed).choice(len(rows), count, replace=False).tolist()]


def _main_language(drawn: Sequence[Row], classifier: _Classifier, expected: str | None) -> tuple[str, frozenset[str]]:
    """The language of most rows, or the one that is expected, and the words that are frequent in it."""
    spoken = [(classifier.language(text), text[:_LOOKED_AT]) for row in drawn for text in (row.asked, row.answered)]
    counts = Counter(language for language, _ in spoken if language not in (_NONE, _UNSURE))
    main = expected or (counts.most_common(1)[0][0] if counts else _NONE)
    words: Counter[str] = Counter()
    for language, text in spoken:
        if _are_kin(language, main):
            words.update({word for word in _words(text) if len(word) > 1})
    # Words of single rows are their subject; with few rows none is frequent, and the classifier is asked every time.
    least = max(5, 0.02 * counts[main])
    return main, frozenset(word for word, count in words.most_common(_FAMILIAR) if count >= least)


def _speaks_for(spoken: Sequence[str], texts: Sequence[_Text]) -> tuple[str, _Text | None]:
    """The language of a row, and the text that is in it; what is known of its texts where that is none."""
    for language, text in reversed(list(zip(spoken, texts, strict=True))):
        if language not in (_NONE, _UNSURE):
            return language, text
    return min(spoken, default=_NONE), None


def _gibberish(texts: Sequence[_Text], classifier: _Classifier) -> Iterator[tuple[str, str]]:
    for text in texts:
        yield from gibberish.broken(text.whole)
        for place, stretch in enumerate(text.stretches):
            words = text.words[place]
            if gibberish.is_one_token(words) and not is_no_language(stretch):
                yield gibberish.REPEATED, " ".join(stretch.split())[:60]
            elif not text.is_familiar[place] and gibberish.is_random(stretch):
                said = prose(stretch)
                if not is_no_language(said) and gibberish.is_random(said) and not classifier.knows(said):
                    yield gibberish.RANDOM, " ".join(said.split())[:60]


def _is_mixed(asked: _Text, prompt: str, answer: str, classifier: _Classifier) -> bool:
    """Whether a prompt is answered in a language that it neither speaks nor speaks of."""
    if {prompt, answer} & {_NONE, _UNSURE} or _are_kin(prompt, answer):
        return False
    if _ABOUT_LANGUAGES.search(asked.whole[:_SECOND_LOOK]) or _ABOUT_LANGUAGES.search(asked.stretches[-1]):
        return False
    return not _are_kin(classifier.language(asked.stretches[-1]), answer)


def _about_gibberish(kind: str, spots: Sequence[Spot], rows: int) -> Finding:
    message = f"{_of(len(spots), rows, 'show', 'shows')} {kind}"
    figures = {"rows": len(spots), "share": len(spots) / rows}
    return Finding(kind, "warning", message, _REMEDIES[kind], tuple(spots), figures)


def _of(count: int, rows: int, are: str = "are", one: str = "is") -> str:
    return f"{count:,} of {rows:,} rows {one if count == 1 else are}"


def _are_kin(one: str, other: str) -> bool:
    return one == other or any(one in kin and other in kin for kin in _KIN)


def _one_name(language: str) -> str:
    return "no" if language in ("nb", "nn") else language


def _encodable(text: str) -> str:
    """The text without half surrogates, which have no bytes."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
