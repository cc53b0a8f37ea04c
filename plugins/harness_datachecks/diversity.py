"""How much the rows differ: words, templates, answers, topics."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from harness import DataContext, Finding, Row, Severity, Spot, Table
from harness_datachecks.sampling import drawn
from harness_datachecks.texts import has_calls, is_taught
from harness_datachecks.wording import counted, excerpt

_READ = 400
"""Characters of a text in which its template shows."""
_OPENING = 100
_EDGE = 6
"""Words at the beginning or the end of a text that make it one with another."""
_LEAST_ROWS = 20
_WORDS_OF_ANSWER = 6
_REPEATED = 5
_REPEATED_WARNING = 0.05
_ROWS_A_TOPIC = 25
_BINS = 12
_NGRAMS = {1: "words", 2: "pairs", 3: "triples"}

_QUOTED = re.compile(r'"[^"\n]{1,80}"|\u201c[^\u201d\n]{1,80}\u201d|`[^`\n]{1,80}`')
_NAMED = re.compile(r"(?<=[a-z,;:] )[A-Z][\w'\u2019-]*(?: [A-Z][\w'\u2019-]*)*")
_NUMBERS = re.compile(r"\d+(?:[.,:/]\d+)*")
_WORDS = re.compile(r"[^\W\d_]{2,30}")
_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)?|[^\w\s]")


@dataclass(frozen=True)
class Diversity:
    """One template that many rows share, one answer to many prompts, distinct words and the largest topic."""

    name: ClassVar[str] = "diversity"
    requires_packages: ClassVar[tuple[str, ...]] = ()
    in_runs: ClassVar[bool] = True

    most_same_template: float = 0.3
    """The share of rows that may be of one template, or begin or end with the same six words."""
    sample: int = 5_000
    """Rows that are drawn by the seed for distinct words and topics."""
    topics: int = 20
    """Clusters that the rows are sorted into; 0 for none. Needs scikit-learn."""

    def __post_init__(self) -> None:
        if not 0 < self.most_same_template <= 1:
            raise ValueError(f"most_same_template is a share above 0 and up to 1, not {self.most_same_template}")
        if self.sample < 1:
            raise ValueError(f"sample is a number of rows, at least 1, not {self.sample}")
        if self.topics < 0:
            raise ValueError(f"topics is a number of clusters, or 0 for none, not {self.topics}")

    def check(self, table: Table, context: DataContext) -> Sequence[Finding]:
        """Templates and repeated answers of all rows; words and topics of a sample, as a note."""
        if len(table.rows) < _LEAST_ROWS:
            return ()
        prompts = [(row, _prompt(row)) for row in table.rows]
        answers = [(row, row.answered) for row in table.rows if _is_written(row)]
        return (
            *self._template("prompt", [each for each in prompts if each[1].strip()]),
            *self._template("answer", answers),
            *_repeated(answers),
            *self._words(drawn(table.rows, self.sample, context.seed), context.seed),
        )

    def _template(self, what: str, texts: Sequence[tuple[Row, str]]) -> Iterator[Finding]:
        """The template that most texts share, if they are too many: the whole one, else how they begin, or end."""
        found = self._most_shared(texts, _opening)
        verbs = ("begins with the same words", "begin with the same words")
        if found and (whole := self._most_shared(texts, _skeleton)):
            found, verbs = whole, ("is of one template", "are of one template")
        if not found:
            found, verbs = self._most_shared(texts, _closing), ("ends with the same words", "end with the same words")
        if not found:
            return
        shared, alike = found
        spots = tuple(Spot(row.line, excerpt(text, 60)) for row, text in alike)
        message = f"{counted(len(alike), len(texts), *verbs, what)}: {excerpt(shared)}"
        remedy = "vary the wording, or move what is always the same into the system turn"
        if what == "answer":
            remedy = "vary the answers, unless each shall begin or end so: the model learns the phrase first"
        figures = {"share": len(alike) / len(texts), "limit": self.most_same_template}
        yield Finding(f"same {what} template", "warning", message, remedy, spots, figures)

    def _most_shared(
        self, texts: Sequence[tuple[Row, str]], part: Callable[[str], str]
    ) -> tuple[str, Sequence[tuple[Row, str]]] | None:
        """What more texts have in common than may, with those that do."""
        parts = [part(text) for _, text in texts]
        counts = Counter(parts)
        shared = max(counts, key=lambda each: (counts[each], each), default="")
        if counts[shared] < _LEAST_ROWS or counts[shared] <= self.most_same_template * len(texts):
            return None
        return shared, [each for each, own in zip(texts, parts, strict=True) if own == shared]

    def _words(self, rows: Sequence[Row], seed: int) -> Iterator[Finding]:
        texts = [text for row in rows if (text := f"{_prompt(row)}\n{row.answered}".strip())]
        figures = _distinct(row.answered if _is_written(row) else _prompt(row) for row in rows)
        if not texts or not figures:
            return
        shares = ", ".join(f"{figures[f'distinct_{n}']:.0%} of the {name}" for n, name in _NGRAMS.items())
        message = f"distinct in a sample of {len(rows):,} rows: {shares}"
        found = _topics(texts, self.topics, seed)
        if isinstance(found, str):
            message += f"; topics were not looked for: {found}" if found else ""
            yield Finding("variety", "info", message, figures={**figures, "sample": float(len(rows))})
            return
        sizes = sorted((len(members) for members in found.values()), reverse=True)
        words = max(found, key=lambda words: (len(found[words]), words))
        share = sizes[0] / len(texts)
        message += f"; the largest of {len(sizes)} topics ({', '.join(words)}) has {share:.0%} of the rows"
        bins = [*sizes[: _BINS - 1], sum(sizes[_BINS - 1 :])]
        names = [*(f"topic {number}" for number in range(1, _BINS)), "other topics"]
        histogram = tuple((name, size) for name, size in zip(names, bins, strict=False) if size)
        figures |= {"sample": float(len(rows)), "largest_topic": share, "topics": float(len(sizes))}
        yield Finding("variety", "info", message, figures=figures, histogram=histogram)


def _opening(text: str) -> str:
    """The first words of a text, without what a template fills in."""
    return " ".join(_masked(text[:_OPENING]).split()[:_EDGE])


def _closing(text: str) -> str:
    """The last words of a text."""
    return " ".join(text[-_OPENING:].lower().split()[-_EDGE:])


def _skeleton(text: str) -> str:
    """A text without what a template fills in."""
    return " ".join(_masked(text[:_READ]).split())


def _masked(text: str) -> str:
    """Numbers, what is quoted, and names within sentences are the blanks of a template."""
    if '"' in text or "`" in text or "\u201c" in text:
        text = _QUOTED.sub("…", text)
    return _NUMBERS.sub("0", _NAMED.sub("…", text)).lower()


def _prompt(row: Row) -> str:
    """What the user says last; raw text itself."""
    if row.text is not None:
        return row.text
    return next((message.content for message in reversed(row.prompt) if message.role == "user"), "")


def _is_written(row: Row) -> bool:
    """Whether its answer is a text of its own, rather than a label, a number or a piece of JSON."""
    if not is_taught(row) or not row.answers or has_calls(row.answers[-1]):
        return False
    answer = row.answers[-1].content
    return answer.lstrip()[:1] not in ("{", "[") and (answer.count(" ") >= _WORDS_OF_ANSWER - 1 or len(answer) > 60)


def _repeated(answers: Sequence[tuple[Row, str]]) -> Iterator[Finding]:
    """Answers that many different prompts have; where it is a small set that all rows draw from, they are labels."""
    rows = defaultdict[str, list[Row]](list)
    for row, answer in answers:
        rows[answer].append(row)
    least = max(_REPEATED, len(answers) // 1_000)
    often = {
        answer: some
        for answer, some in rows.items()
        if len(some) >= least and len({_prompt(row) for row in some}) >= least
    }
    if not often or len(rows) * _REPEATED < len(answers):
        return
    ranked = sorted(often, key=lambda answer: (-len(often[answer]), answer))
    spots = tuple(Spot(row.line, excerpt(answer)) for answer in ranked for row in often[answer])
    share = len(spots) / len(answers)
    message = counted(len(spots), len(answers), "is", "are", "answer")
    first = f"{excerpt(ranked[0])} ({len(often[ranked[0]]):,} times)"
    message += f" one of {len(often):,} that different prompts share: {first}"
    remedy = "answer each prompt by itself, or leave most of these rows out"
    severity: Severity = "warning" if share > _REPEATED_WARNING else "info"
    figures = {"share": share, "limit": _REPEATED_WARNING, "answers": float(len(often))}
    yield Finding("same answer to many prompts", severity, message, remedy, spots, figures)


def _distinct(texts: Iterator[str]) -> dict[str, float]:
    """Distinct n-grams over all n-grams (Li et al. 2016), of all texts together; nothing where there are no words."""
    seen: dict[int, set[tuple[str, ...]]] = {n: set() for n in _NGRAMS}
    totals = dict.fromkeys(_NGRAMS, 0)
    for text in texts:
        words = _WORD.findall(text[:20_000].lower())
        for n in _NGRAMS:
            seen[n].update(zip(*(words[start:] for start in range(n)), strict=False))
            totals[n] += max(0, len(words) - n + 1)
    return {f"distinct_{n}": len(seen[n]) / totals[n] for n in _NGRAMS if totals[n]} if totals[3] else {}


def _topics(texts: Sequence[str], most: int, seed: int) -> Mapping[tuple[str, ...], Sequence[int]] | str:
    """The rows of each topic, known by its three heaviest words; or why there are none (nothing: nobody asked).

    k-means over TF-IDF, so that a topic is a set of words that its rows share.
    """
    count = min(most, len(texts) // _ROWS_A_TOPIC)
    if count < 2:
        return "too few rows" if most else ""
    try:
        from sklearn.cluster import MiniBatchKMeans
        from sklearn.feature_extraction.text import TfidfVectorizer
    except ImportError:
        return "scikit-learn is not installed (pip install scikit-learn)"
    vectorizer = TfidfVectorizer(
        max_features=3_000, min_df=2, max_df=0.5, stop_words="english", sublinear_tf=True, tokenizer=_WORDS.findall,
        token_pattern=None,
    )  # fmt: skip
    try:
        vectors = vectorizer.fit_transform([text[:5_000] for text in texts])
    except ValueError:
        return "the rows share no words"
    model = MiniBatchKMeans(count, random_state=seed % 2**32, n_init=1, max_iter=20, batch_size=1_024)
    labels = model.fit_predict(vectors)
    words = vectorizer.get_feature_names_out()
    found = defaultdict[tuple[str, ...], list[int]](list)
    heaviest = {label: tuple(words[model.cluster_centers_[label].argsort()[::-1][:3]]) for label in set(labels)}
    for number, label in enumerate(labels):
        found[heaviest[label]].append(number)
    return found
