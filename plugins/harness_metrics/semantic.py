"""Metrics on what an answer means: an encoder reads it beside its target, and like meaning gets like vectors."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from harness import Item, MeanOfScores, Mode, Score, ScoringContext, why_unscored
from harness_metrics import bertscore_tables, encoders

Measure = Literal["f1", "precision", "recall"]
TextPair = tuple[str, str]

_DECIMALS = 6
"""Of a score: the seventh may differ with the other texts of a batch, and an equal answer must get an equal score."""
_LAYERS = {encoders.MINILM: 6}
"""Models that bert-score has no best layer for, with the one that is taken here."""
_LENGTHS = {encoders.MINILM: 256}
"""Tokens that a sentence may have, for copies that transformers fetched and that lack the file which says so."""


@dataclass(frozen=True, slots=True)
class Similarity:
    """What an answer and a target come to."""

    value: float
    truncated: bool
    """Whether one of them is longer than what the encoder reads."""


class _Semantic(MeanOfScores):
    """The best similarity over the targets; items with several attempts score their mean.

    All pairs of a call are compared together, so that each text goes through the encoder once.
    """

    higher_is_better: ClassVar[bool] = True
    modes: ClassVar[tuple[Mode, ...]] = ("generate",)

    def similarities(self, pairs: Sequence[TextPair]) -> Sequence[Similarity]:
        """Of each answer and target, in order."""
        raise NotImplementedError

    def comparable(self, targets: Sequence[str]) -> Sequence[str]:
        """The targets that can be compared with."""
        return targets

    def score(self, items: Sequence[Item], context: ScoringContext) -> Sequence[Score]:
        """One score an item, in order."""
        pairs = list(
            dict.fromkeys(
                (generation.text, target)
                for item in items
                for generation in item.generations
                for target in self.comparable(item.sample.targets)
            )
        )
        known = dict(zip(pairs, self.similarities(pairs), strict=True)) if pairs else {}
        return [self._score(item, known) for item in items]

    def _score(self, item: Item, known: Mapping[TextPair, Similarity]) -> Score:
        name, targets = item.sample.id, self.comparable(item.sample.targets)
        if why := why_unscored(item):
            return Score(name, None, why)
        if not targets:
            return Score(name, None, "no target to compare with: every target is blank")
        found = [[known[answer.text, target] for target in targets] for answer in item.generations]
        best = [max(each.value for each in compared) for compared in found]
        truncated = any(each.truncated for compared in found for each in compared)
        value = round(math.fsum(best) / len(best), _DECIMALS)
        return Score(name, min(value, 1.0), None, {"truncated": True} if truncated else {})


@dataclass(frozen=True)
class BertScore(_Semantic):
    """BERTScore: each token of the answer meets the nearest of the target by an encoder's vectors, and back.

    The values of the ``bert-score`` package to 1e-5, as it gives them one pair at a time (in a batch, its padding lifts
    a cosine below 0 to 0); the best over the targets; without idf weights, by which a score would depend on the other
    items too. In two places it is another: where every target is blank the score is missing, because a 0 would say
    nothing of the answer; and where only one of precision and recall is positive, as with texts that have nothing in
    common, ``f1`` is 0, because the formula has no bounds there. An empty answer scores 0 before rescaling. A text of
    which the encoder reads only the beginning is marked ``truncated`` in the ``details``. Source: Zhang et al. 2020.
    """

    name: ClassVar[str] = "bertscore"
    bounds: ClassVar[tuple[float, float] | None] = (-1.0, 1.0)
    """Those of a cosine; none once it is rescaled."""
    requires_packages: ClassVar[tuple[str, ...]] = ("bert-score", "torch", "transformers")

    model: str = encoders.MINILM
    """A hub id or a folder with safetensors weights. Scores of two models cannot be compared."""
    num_layers: int | None = None
    """The layer whose vectors are compared; by default bert-score's for the models that it knows, and 6 for MiniLM."""
    measure: Measure = "f1"
    """``precision`` asks whether the target says what the answer says, ``recall`` the reverse, ``f1`` for both."""
    rescale_with_baseline: bool = False
    """Unrelated texts score about 0 instead of, as with RoBERTa, 0.8; bert-score has baselines for its own models."""
    lang: str = "en"
    """The language of the texts, by which the baseline is chosen; it changes nothing else."""
    device: str = "auto"
    """``auto`` is a GPU with room for the encoder, else the processor; or ``cpu``, ``cuda``, ``cuda:1``, ``mps``."""

    def __post_init__(self) -> None:
        encoders.check(self.model, self.device)
        if self.measure not in get_args(Measure):
            raise ValueError(f"measure is one of {', '.join(get_args(Measure))}, not {self.measure!r}")
        if self.num_layers is not None and self.num_layers < 0:
            raise ValueError(f"num_layers is 0, the input, or more, not {self.num_layers}")
        if not re.fullmatch(r"[a-z]{2,3}(-[a-z]+)?", self.lang):
            raise ValueError(f"lang is a code such as en or zh, not {self.lang!r}")
        if not bertscore_tables.is_installed():
            return  # the catalog says what to install
        if self._layers() is None:
            raise ValueError(f"bert-score knows no best layer of {self.model}: give num_layers")
        if self.rescale_with_baseline:
            if self._baseline() is None:
                raise ValueError(
                    f"bert-score has no baseline of {self.model} in {self.lang}: leave rescale_with_baseline out, "
                    "or take a model such as roberta-large"
                )
            object.__setattr__(self, "bounds", None)  # how far below 0 a rescaled score may lie depends on the model

    def prepare(self) -> None:
        """Fetch the encoder, unless it is here; raises ``ModelFailed`` with the ways out."""
        encoders.folder_of(self.model)

    def comparable(self, targets: Sequence[str]) -> Sequence[str]:
        """Those that are not blank."""
        return [target for target in targets if target.strip()]

    def similarities(self, pairs: Sequence[TextPair]) -> Sequence[Similarity]:
        """The measure of each pair, rescaled if asked for."""
        from harness_metrics.embeddings import open_encoder  # torch lives behind this line
        from harness_metrics.matching import matched

        low = (self._baseline() or {}).get(self.measure, 0.0) if self.rescale_with_baseline else 0.0
        matches = matched(open_encoder(self.model, self._layers(), self.device), pairs)
        return [Similarity((getattr(each, self.measure) - low) / (1 - low), each.truncated) for each in matches]

    def _layers(self) -> int | None:
        if self.num_layers is not None:
            return self.num_layers
        return _LAYERS.get(self.model, bertscore_tables.best_layers().get(self.model))

    def _baseline(self) -> Mapping[str, float] | None:
        layers = self._layers()
        return None if layers is None else bertscore_tables.baseline(self.model, layers, self.lang)


@dataclass(frozen=True)
class EmbeddingSimilarity(_Semantic):
    """Cosine of the answer's and the target's sentence embeddings; the best over the targets.

    As sentence-transformers embeds with such a model: the mean of the last layer's vectors, of as many tokens as its
    ``max_seq_length`` says (MiniLM reads 256); a text of which only the beginning is read is marked ``truncated`` in
    the ``details``. A contradiction may be as near as an agreement: it measures the subject more than the truth.
    Source: Reimers and Gurevych 2019.
    """

    name: ClassVar[str] = "embedding_similarity"
    bounds: ClassVar[tuple[float, float] | None] = (-1.0, 1.0)
    requires_packages: ClassVar[tuple[str, ...]] = ("torch", "transformers")

    model: str = encoders.MINILM
    """A hub id or a folder with safetensors weights, of a model that is pooled by the mean of its tokens."""
    device: str = "auto"
    """``auto`` is a GPU with room for the encoder, else the processor; or ``cpu``, ``cuda``, ``cuda:1``, ``mps``."""

    def __post_init__(self) -> None:
        encoders.check(self.model, self.device)

    def prepare(self) -> None:
        """Fetch the encoder, unless it is here; raises ``ModelFailed`` with the ways out."""
        encoders.sentence_length(encoders.folder_of(self.model))

    def similarities(self, pairs: Sequence[TextPair]) -> Sequence[Similarity]:
        """The cosine of each pair."""
        from harness_metrics.embeddings import open_encoder  # torch lives behind this line
        from harness_metrics.matching import compared

        longest = encoders.sentence_length(encoders.folder_of(self.model)) or _LENGTHS.get(self.model)
        likenesses = compared(open_encoder(self.model, None, self.device), pairs, longest)
        return [Similarity(each.cosine, each.truncated) for each in likenesses]
