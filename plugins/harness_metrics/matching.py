"""How alike two texts are by the vectors of an encoder: token by token, or as a whole. Torch lives here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn.functional import normalize

from harness_metrics.embeddings import Encoder, Tokens

if TYPE_CHECKING:
    from torch import Tensor

_NUMBERS_HELD = 1 << 25
"""Of the vectors that are in memory at a time, 128 MiB."""

TextPair = tuple[str, str]
"""An answer and a target."""


@dataclass(frozen=True, slots=True)
class Match:
    """How far the tokens of an answer and those of a target find each other."""

    precision: float
    recall: float
    truncated: bool

    @property
    def f1(self) -> float:
        """The harmonic mean; 0 where only one is positive, since the formula may give anything there."""
        if self.precision * self.recall <= 0:
            return 0.0
        return 2 * self.precision * self.recall / (self.precision + self.recall)


@dataclass(frozen=True, slots=True)
class Likeness:
    """The cosine of two texts' vectors."""

    cosine: float
    truncated: bool


def matched(encoder: Encoder, pairs: Sequence[TextPair]) -> list[Match]:
    """Precision and recall of BERTScore for each pair, in order; a text without a token of its own gets 0.

    Source: Zhang et al. 2020, as the bert-score package reckons it without idf weights.
    """
    tokens = _tokens(encoder, pairs, None)
    rows = [(tokens[answer], tokens[target]) for answer, target in pairs]
    found: list[Tensor] = []
    for block in _blocks(rows, _NUMBERS_HELD // encoder.width):
        known = _unit_vectors(encoder, block)
        found += [_greedy(known[answer.ids], known[target.ids]) for answer, target in block]
    values: list[list[float]] = torch.stack(found).tolist() if found else []
    return [
        Match(precision, recall, answer.truncated or target.truncated)
        for (precision, recall), (answer, target) in zip(values, rows, strict=True)
    ]


def compared(encoder: Encoder, pairs: Sequence[TextPair], longest: int | None) -> list[Likeness]:
    """The cosine of each pair's mean vectors, in order, of texts cut off at ``longest`` tokens."""
    tokens = _tokens(encoder, pairs, longest)
    rows = list(dict.fromkeys(each.ids for each in tokens.values()))
    means: dict[tuple[int, ...], Tensor] = {}
    for numbers, hidden in encoder.vectors(rows):
        units = normalize(hidden.mean(dim=1), dim=-1)
        means.update((rows[number], unit) for number, unit in zip(numbers, units, strict=True))
    if not pairs:
        return []
    answers, targets = (torch.stack([means[tokens[pair[side]].ids] for pair in pairs]) for side in (0, 1))
    cosines: list[float] = (answers * targets).sum(dim=-1).tolist()
    return [
        Likeness(cosine, tokens[answer].truncated or tokens[target].truncated)
        for cosine, (answer, target) in zip(cosines, pairs, strict=True)
    ]


def _tokens(encoder: Encoder, pairs: Sequence[TextPair], longest: int | None) -> Mapping[str, Tokens]:
    texts = list(dict.fromkeys(text for pair in pairs for text in pair))
    return dict(zip(texts, encoder.tokens(texts, longest), strict=True))


def _blocks(rows: Sequence[tuple[Tokens, Tokens]], most: int) -> Iterator[Sequence[tuple[Tokens, Tokens]]]:
    """The pairs in order, as many at a time as have ``most`` tokens in distinct texts."""
    start, held, texts = 0, 0, set[tuple[int, ...]]()
    for place, pair in enumerate(rows):
        new = {each.ids for each in pair} - texts
        if texts and held + sum(map(len, new)) > most:
            yield rows[start:place]
            start, held, texts = place, 0, set()
            new = {each.ids for each in pair}
        texts |= new
        held += sum(map(len, new))
    if start < len(rows):
        yield rows[start:]


@dataclass(frozen=True, slots=True)
class _Vectors:
    """A text's vectors of length 1."""

    all: Tensor
    """Shape (tokens, width)."""
    own: Tensor
    """Places of the tokens that are the text's own: what is around them may be met, but looks for nothing."""


def _unit_vectors(encoder: Encoder, block: Sequence[tuple[Tokens, Tokens]]) -> Mapping[tuple[int, ...], _Vectors]:
    texts = list(dict.fromkeys(each.ids for pair in block for each in pair))
    targets = {target.ids for _, target in block}
    units = {ids: found for ids in texts if (found := encoder.kept.get(ids)) is not None}
    new = [ids for ids in texts if ids not in units]
    for numbers, hidden in encoder.vectors(new):
        for number, unit in zip(numbers, normalize(hidden, dim=-1), strict=True):
            units[new[number]] = unit
            if new[number] in targets:
                encoder.kept.keep(new[number], unit)
    return {ids: _Vectors(unit, _own(ids, encoder.unweighted, unit.device)) for ids, unit in units.items()}


def _own(ids: tuple[int, ...], special: frozenset[int], device: torch.device) -> Tensor:
    return torch.tensor([place for place, token in enumerate(ids) if token not in special], device=device).long()


def _greedy(answer: _Vectors, target: _Vectors) -> Tensor:
    """Precision and recall: the mean, over the tokens of one text, of the cosine with the nearest of the other."""
    with torch.inference_mode():
        if not len(answer.own) or not len(target.own):
            return torch.zeros(2, device=answer.all.device)
        cosines = answer.all @ target.all.T
        return torch.stack((cosines[answer.own].amax(dim=1).mean(), cosines[:, target.own].amax(dim=0).mean()))
