"""Texts as the vectors of an encoder: read once a process, run without a row of padding. Torch lives here."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from harness import ModelFailed
from harness_metrics.encoders import folder_of

if TYPE_CHECKING:
    from torch import Tensor

_TOKENS_A_BATCH = 1_024
"""More gains nothing on a processor, and takes memory."""
_FEWEST_TOKENS = 8
"""Of a batch, for each thread: of fewer rows a processor's library multiplies matrices in another order of adding."""
_CHARACTERS = 1_000_000
"""No encoder reads so far; a tokenizer would, at some hundred bytes a character."""
_NUMBERS_KEPT = 1 << 24
"""64 MiB: about 1,200 targets of a line with MiniLM."""
_ROOM = 1 << 30
"""Bytes of a GPU that are left to the model which is evaluated."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """A text as the encoder reads it."""

    ids: tuple[int, ...]
    truncated: bool
    """Whether the text is longer than what is read."""


class Kept:
    """Vectors of texts that will come again, as the targets do with each arm: those that came last, as many as fit."""

    def __init__(self) -> None:
        self._held: dict[tuple[int, ...], Tensor] = {}
        self._numbers = 0

    def get(self, ids: tuple[int, ...]) -> Tensor | None:
        """The vectors of a text, if they are here."""
        found = self._held.pop(ids, None)
        if found is not None:
            self._held[ids] = found  # the latest stands last
        return found

    def keep(self, ids: tuple[int, ...], vectors: Tensor) -> None:
        """Hold a copy: a part of a batch would hold the batch."""
        if ids in self._held:
            return
        self._held[ids] = vectors.clone()
        self._numbers += vectors.numel()
        while self._numbers > _NUMBERS_KEPT:
            self._numbers -= self._held.pop(next(iter(self._held))).numel()


@dataclass(frozen=True, slots=True)
class Encoder:
    """An encoder in float32 with its tokenizer."""

    tokenizer: Any
    module: Any
    longest: int
    """Tokens of a text that it can read, its special ones counted."""
    kept: Kept = field(default_factory=Kept)
    """Whatever its user wants to find again; the same texts always give the same vectors."""

    @property
    def width(self) -> int:
        """Numbers a vector has."""
        return int(self.module.config.hidden_size)

    @property
    def unweighted(self) -> frozenset[int]:
        """The special tokens around a text: no words of it."""
        return frozenset({self.tokenizer.cls_token_id, self.tokenizer.sep_token_id} - {None})

    def tokens(self, texts: Sequence[str], longest: int | None = None) -> list[Tokens]:
        """Each text with the special tokens around it, without the blanks at its ends, cut off at ``longest`` tokens.

        Half surrogates, which no tokenizer takes, are read as question marks.
        """
        longest = min(longest or self.longest, self.longest)
        stripped = [text.strip() for text in texts]
        readable = [text[:_CHARACTERS].encode("utf-8", "replace").decode("utf-8") for text in stripped]
        rows = self._ids(readable, truncation=True, max_length=longest) if readable else []
        return [
            Tokens(tuple(row), len(text) >= _CHARACTERS or (len(row) >= longest and self._is_longer(text, longest)))
            for row, text in zip(rows, readable, strict=True)
        ]

    def _is_longer(self, text: str, longest: int) -> bool:
        return len(self._ids([text], truncation=False)[0]) > longest

    def _ids(self, texts: list[str], **cut: Any) -> list[list[int]]:  # noqa: ANN401 - the tokenizer's own options
        ids: list[list[int]] = self.tokenizer(texts, verbose=False, return_attention_mask=False, **cut)["input_ids"]
        return ids

    def vectors(self, rows: Sequence[Sequence[int]]) -> Iterator[tuple[list[int], Tensor]]:
        """The rows' numbers and the vectors of their tokens, (rows, tokens, width), a batch at a time.

        A batch holds rows of one length. Nothing is spent on padding, and what a row comes to does not hang on its
        neighbours: on a processor it is the same to the last bit (seen with MKL), so equal answers get equal scores.
        """
        fewest, lengths = _FEWEST_TOKENS * torch.get_num_threads(), dict[int, list[int]]()
        for number, row in enumerate(rows):
            lengths.setdefault(len(row), []).append(number)
        for length, numbers in sorted(lengths.items()):
            size = max(1, _TOKENS_A_BATCH // max(1, length))
            for start in range(0, len(numbers), size):
                batch = numbers[start : start + size]
                copies = -(-fewest // max(1, length * len(batch)))
                yield batch, self._run([rows[number] for number in batch] * copies)[: len(batch)]

    def _run(self, rows: Sequence[Sequence[int]]) -> Tensor:
        with torch.inference_mode():
            ids = torch.tensor(rows, dtype=torch.long, device=self.module.device)
            if not ids.shape[1]:  # a tokenizer without special tokens makes nothing of an empty text
                return torch.zeros(len(rows), 1, self.width, device=ids.device)
            hidden: Tensor = self.module(input_ids=ids, attention_mask=torch.ones_like(ids))[0]
            return hidden


def open_encoder(model: str, layers: int | None, device: str) -> Encoder:
    """The encoder up to its layer number ``layers``, all of them for ``None``; it stays in memory for the next call.

    ``device`` ``auto`` is a GPU that has room for it besides the model which is evaluated, else the processor. Raises
    ``ModelFailed`` if it cannot be had or has fewer layers.
    """
    from transformers import AutoConfig

    folder = folder_of(model)
    deepest = int(AutoConfig.from_pretrained(folder, local_files_only=True).num_hidden_layers)
    if layers is not None and layers > deepest:
        raise ModelFailed(f"{model} has {deepest} layers, fewer than num_layers {layers}")
    return _opened(folder, deepest if layers is None else layers, device)


@lru_cache(maxsize=2)
def _opened(folder: Path, layers: int, device: str) -> Encoder:
    from transformers import AutoConfig, AutoModel, AutoTokenizer

    config = AutoConfig.from_pretrained(folder, local_files_only=True)
    for name in ("num_hidden_layers", "encoder_layers"):
        if hasattr(config, name):
            setattr(config, name, layers)
    try:
        with _silence():
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
            module = AutoModel.from_pretrained(
                folder, config=config, dtype=torch.float32, use_safetensors=True, local_files_only=True
            )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelFailed(f"{folder} cannot be opened as an encoder: {first}") from error
    if config.is_encoder_decoder:
        module = module.get_encoder()
    return Encoder(tokenizer, module.eval().to(_device(device, folder)), _longest(tokenizer, module))


def _longest(tokenizer: Any, module: Any) -> int:  # noqa: ANN401 - of any kind
    """The tokenizer's limit, where it has one, but no more than there are positions."""
    table = getattr(getattr(module, "embeddings", None), "position_embeddings", None)
    limits = [int(tokenizer.model_max_length)]
    if isinstance(table, torch.nn.Embedding):
        # RoBERTa and its kin count positions from behind the one of padding
        limits.append(table.num_embeddings - (0 if table.padding_idx is None else table.padding_idx + 1))
    elif positions := getattr(module.config, "max_position_embeddings", None):
        limits.append(int(positions))
    shortest = min(limits)
    return shortest if shortest < _CHARACTERS else 512


def _device(asked: str, folder: Path) -> torch.device:
    if asked.startswith("cuda") and not torch.cuda.is_available():
        raise ModelFailed(f"device {asked} is asked for, and there is no GPU; write device: auto")
    if asked != "auto":
        return torch.device(asked)
    weights = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    has_room = torch.cuda.is_available() and torch.cuda.mem_get_info()[0] >= _ROOM + 4 * weights
    return torch.device("cuda" if has_room else "cpu")


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Weights of the layers that are left out are not worth a warning, and the screen belongs to the harness."""
    from transformers.utils import logging

    said: Any = logging  # unannotated upstream
    level, bars = said.get_verbosity(), said.is_progress_bar_enabled()
    said.set_verbosity_error()
    said.disable_progress_bar()
    try:
        yield
    finally:
        said.set_verbosity(level)
        if bars:
            said.enable_progress_bar()
