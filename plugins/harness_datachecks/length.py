"""How long the rows are: in characters, and in the tokens of the model that will be trained."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import ClassVar

from harness import DataContext, Finding, Row, Severity, Spot, Table
from harness_datachecks import rendering
from harness_datachecks.rendering import NotOpenedError, Renderer, whole
from harness_datachecks.sampling import drawn
from harness_datachecks.texts import last_answer
from harness_datachecks.wording import counted, excerpt

_USUAL = 0.5
"""Where more rows than this are short or long, that is how the table is, and only told."""
_CHARACTERS = (3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000)
_TOKENS = (8, 16, 32, 64, 128, 256, 512, 1_024, 2_048, 4_096, 8_192)
_HEAVY_TAIL = 10.0
_ROWS_AT_ONCE = 500


@dataclass(frozen=True)
class Length:
    """Answers and prompts that are very short or long, rows that training would cut, and how the lengths lie."""

    name: ClassVar[str] = "length"
    requires_packages: ClassVar[tuple[str, ...]] = ()
    in_runs: ClassVar[bool] = True

    shortest: int = 10
    """Characters; an answer or a prompt with fewer is called short."""
    longest: int = 2_000
    """Characters; an answer or a prompt with more is called long."""
    sample: int = 20_000
    """Rows, drawn by the seed, whose tokens are counted; more only where a row may be longer than ``max_length``."""
    most_cut: float = 0.05
    """The share of rows that training may cut at ``max_length``; beyond it, what is not learnt is no detail."""

    def __post_init__(self) -> None:
        if not 0 <= self.shortest <= self.longest:
            raise ValueError(
                f"shortest and longest are characters, the first not above the second: {self.shortest}, {self.longest}"
            )
        if self.sample < 1:
            raise ValueError(f"sample is a number of rows, at least 1, not {self.sample}")
        if not 0 <= self.most_cut <= 1:
            raise ValueError(f"most_cut is a share of rows from 0 to 1, not {self.most_cut}")

    def check(self, table: Table, context: DataContext) -> Sequence[Finding]:
        """Rows that are cut first, then short and long texts, then how the lengths lie."""
        if not table.rows:
            return ()
        try:
            renderer = Renderer.of(context.tokenizer)
        except NotOpenedError as error:
            return (*self._unusual(table.rows), _summary(table.rows, {}, frozenset()), _not_counted(str(error)))
        sample = {row.line for row in drawn(table.rows, self.sample, context.seed)}
        most = context.max_length
        tokens = _tokens(renderer, table.rows, sample, most)
        cut = () if most is None else self._cut(table.rows, tokens, most, renderer)
        return (*cut, *self._unusual(table.rows), _summary(table.rows, tokens, sample))

    def _cut(self, rows: Sequence[Row], tokens: Mapping[int, int], most: int, renderer: Renderer) -> Iterator[Finding]:
        cut = [(count, row) for row in rows if (count := tokens.get(row.line, 0)) > most]
        if not cut:
            return
        cut.sort(key=lambda each: (-each[0], each[1].line))
        lost = {id(row) for row in _without_answer([row for _, row in cut], most, renderer)}
        told = {True: ", and the prompt fills max_length", False: ""}
        spots = tuple(
            Spot(row.line, f"{count:,} tokens{told[id(row) in lost]}", remove=id(row) in lost) for count, row in cut
        )
        share = len(cut) / len(rows)
        message = counted(len(cut), len(rows), *(f"{verb} longer than max_length {most:,}" for verb in ("is", "are")))
        if lost:
            message += f"; {len(lost):,} would have nothing left of the answer"
        severity: Severity = "error" if share > self.most_cut else "warning"
        figures = {
            "share": share,
            "limit": self.most_cut,
            "max_length": float(most),
            "longest": float(cut[0][0]),
            "without_answer": float(len(lost)),
        }
        remedy = f"set max_length: {cut[0][0]} if memory allows it, or shorten the rows"
        yield Finding("longer than max_length", severity, message, remedy, spots, figures)

    def _unusual(self, rows: Sequence[Row]) -> Iterator[Finding]:
        answers = [(row, len(text.strip())) for row in rows if (text := last_answer(row)) is not None]
        prompts = [(row, len(row.asked.strip())) for row in rows]
        texts = [each for each in prompts if each[0].text is not None]
        prompts = [each for each in prompts if each[0].text is None]
        yield from self._short("answers", answers)
        yield from self._long("answers", answers)
        yield from self._short("prompts", prompts)
        yield from self._long("prompts", prompts)
        yield from self._short("texts", texts)

    def _short(self, what: str, lengths: Sequence[tuple[Row, int]]) -> Iterator[Finding]:
        found = sorted((each for each in lengths if each[1] < self.shortest), key=lambda each: (each[1], each[0].line))
        verbs = [f"{verb} shorter than {self.shortest:,} characters" for verb in ("is", "are")]
        yield from _outside(f"short {what}", found, len(lengths), verbs, self.shortest, "look whether they say enough")

    def _long(self, what: str, lengths: Sequence[tuple[Row, int]]) -> Iterator[Finding]:
        found = sorted((each for each in lengths if each[1] > self.longest), key=lambda each: (-each[1], each[0].line))
        verbs = [f"{verb} longer than {self.longest:,} characters" for verb in ("is", "are")]
        remedy = "look whether they are what the model shall learn, and whether max_length holds them"
        yield from _outside(f"long {what}", found, len(lengths), verbs, self.longest, remedy)


def _not_counted(why: str) -> Finding:
    remedy = "name the folder of the model that will be trained: --tokenizer FOLDER"
    return Finding("tokens not counted", "info", f"tokens were not counted: {excerpt(why, 200)}", remedy)


def _outside(
    kind: str, found: Sequence[tuple[Row, int]], total: int, verbs: Sequence[str], limit: int, remedy: str
) -> Iterator[Finding]:
    """A warning of the answers that differ from the others; a note where most are so, and of prompts."""
    if not found:
        return
    is_usual = len(found) > _USUAL * total
    spots = () if is_usual else tuple(Spot(row.line, f"{length:,} characters") for row, length in found)
    message = counted(len(found), total, verbs[0], verbs[1], kind.split()[1].removesuffix("s"))
    figures = {"share": len(found) / total, "limit": float(limit)}
    severity: Severity = "info" if is_usual or kind.endswith("prompts") else "warning"
    yield Finding(kind, severity, message, remedy, spots, figures)


def _tokens(renderer: Renderer, rows: Sequence[Row], sample: Collection[int], most: int | None) -> dict[int, int]:
    """Line -> tokens, of the sample and of each row that may have more than ``most``.

    Through the chat template, or plainly where there is none or it refuses; of a pair the longer one.
    """
    found: dict[int, int] = {}
    # a token is a byte at least, so what has no more bytes than max_length is not cut
    wanted = (
        (row.line, text)
        for row, text in zip(rows, _texts(renderer, rows), strict=True)
        if row.line in sample or (most is not None and 4 * len(text) > most and len(whole(text).encode()) > most)
    )
    while some := list(islice(wanted, _ROWS_AT_ONCE)):
        found.update(zip((line for line, _ in some), renderer.lengths([text for _, text in some]), strict=True))
    return found


def _texts(renderer: Renderer, rows: Sequence[Row]) -> Iterator[str]:
    spoken = [row for row in rows if row.messages] if renderer.has_template else []
    rendered = iter(renderer.rendered(spoken))
    for row in rows:
        plain = f"{row.asked}\n{row.answered}" if row.text is None else row.text
        if not renderer.has_template or not row.messages:
            yield plain
            continue
        text = next(rendered).text
        if sum(len(message.content) for message in row.rejected) > len(row.answered):
            worse = [rendering.turn(message) for message in (*row.prompt, *row.rejected)]
            text = renderer.render(worse, row.tools).text or text
        yield text or plain


def _without_answer(rows: Sequence[Row], most: int, renderer: Renderer) -> Iterator[Row]:
    """Those whose prompt fills all tokens, so that training leaves them out."""
    rows = [row for row in rows if row.answers]
    texts = []
    for row in rows:
        prompt = [rendering.turn(message) for message in row.prompt]
        found = renderer.render(prompt, row.tools, add_generation_prompt=True) if renderer.has_template else None
        texts.append(row.asked if found is None or found.refused else found.text)
    yield from (row for row, count in zip(rows, renderer.lengths(texts), strict=True) if count >= most)


def _summary(rows: Sequence[Row], tokens: Mapping[int, int], sample: Collection[int]) -> Finding:
    """How the lengths lie: in tokens of whole rows where they are known, else in characters of what is learnt."""
    characters = sorted(_learnt(row) for row in rows)
    figures = {f"characters_{name}": value for name, value in _quantiles(characters).items()}
    limits: Sequence[int] = _CHARACTERS
    what, unit, lengths = "answers", "characters", characters
    if tokens:
        what, unit, lengths, limits = "rows", "tokens", sorted(tokens[line] for line in sample), _TOKENS
        figures |= {f"tokens_{name}": value for name, value in _quantiles(lengths).items()}
        # a row that is longer than max_length was counted, drawn or not
        figures |= {"tokens_max": float(max(tokens.values())), "sample": float(len(sample))}
    low, middle, high, most = (figures[f"{unit}_{name}"] for name in ("min", "median", "p95", "max"))
    message = f"{what} have {low:,.0f} to {most:,.0f} {unit}, half of them up to {middle:,.0f}, 95 % up to {high:,.0f}"
    if figures[f"{unit}_tail"] > _HEAVY_TAIL:
        message += "; a few are very much longer than the others"
    if tokens and len(sample) < len(rows):
        message += f" (in a sample of {len(sample):,})"
    return Finding("lengths", "info", message, figures=figures, histogram=_histogram(lengths, limits))


def _learnt(row: Row) -> int:
    """Characters of what a model learns to say, or of what it is asked where that is a choice."""
    return len(row.asked if row.text is not None or row.choices else row.answered)


def _quantiles(ordered: Sequence[int]) -> dict[str, float]:
    """By nearest rank; ``tail`` is the 99th percentile over the median."""

    def at(share: float) -> float:
        return float(ordered[min(len(ordered) - 1, int(share * len(ordered)))])

    found = {"min": at(0), "median": at(0.5), "p95": at(0.95), "p99": at(0.99), "max": at(1)}
    return {**found, "tail": found["p99"] / max(1.0, found["median"])}


def _histogram(lengths: Sequence[int], limits: Sequence[int]) -> tuple[tuple[str, int], ...]:
    """How many lie between each limit and the next, without the empty ones at either end."""
    counts = [0] * (len(limits) + 1)
    for length in lengths:
        counts[sum(limit <= length for limit in limits)] += 1
    edges = [0, *limits]
    names = [f"{low:,}-{high - 1:,}" for low, high in zip(edges, limits, strict=False)] + [f"{limits[-1]:,} or more"]
    filled = [place for place, count in enumerate(counts) if count]
    first, last = filled[0], filled[-1]
    return tuple(zip(names[first : last + 1], counts[first : last + 1], strict=True))
