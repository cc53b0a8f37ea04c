"""The ``transformers`` backend: causal language models of Hugging Face Transformers, on the CPU or a GPU."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from harness import Model, ModelRef, Prompt, UsageError

DTYPES = ("float32", "bfloat16", "float16")
_DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d+)?")


@dataclass(frozen=True)
class Transformers:
    """Opens a hub id, a folder with safetensors weights, or a ``.gguf`` file."""

    name: ClassVar[str] = "transformers"
    requires_packages: ClassVar[tuple[str, ...]] = ("torch", "transformers", "tokenizers", "peft")

    share_heads: bool = True
    """Whether a beginning that several prompts share is computed once; off, each prompt is computed alone, slower."""

    def check(self, model: ModelRef) -> None:
        """Raise ``UsageError`` if this cannot be a model; looks at names and files only."""
        from harness_backends.sources import check_name

        if model.dtype not in DTYPES:
            raise UsageError(f"unknown dtype {model.dtype!r}", remedy="known are " + ", ".join(DTYPES))
        if not _DEVICE.fullmatch(model.device):
            raise UsageError(
                f"unknown device {model.device!r}", remedy="known are auto, cpu, cuda, cuda:0, ... and mps"
            )
        check_name(model)

    def folder(self, model: ModelRef) -> Path:
        """A local folder with the model, fetched and converted if need be; a second call does neither."""
        from harness_backends.sources import resolve

        return resolve(model)

    def description(self, model: ModelRef) -> Path:
        """A local folder with the model's configuration and tokenizer, fetched without the weights if need be."""
        from harness_backends.sources import describe

        return describe(model)

    def open(self, model: ModelRef) -> AbstractContextManager[Model]:
        """The model in memory; at the end its memory is free again, whoever still holds the model."""
        self.check(model)
        return self._opened(model)

    def merge(self, model: ModelRef, adapter: Path, output: Path) -> None:
        """A whole model in ``output``, in float32: the model with the adapter's change in its weights."""
        from harness_backends.writing import merge  # torch lives behind this line

        self.check(model)
        merge(model, self.folder(model), adapter, output)

    def quantize(self, model: ModelRef, kind: Literal["nf4", "int8"], output: Path) -> None:
        """A copy of the model in ``output`` with its linear layers in 4 bits (NF4) or 8 (LLM.int8)."""
        from harness_backends.writing import quantize  # torch lives behind this line

        self.check(model)
        quantize(model, self.folder(model), kind, output)

    def token_counter(self, folder: Path) -> Callable[[Prompt], int]:
        """How many tokens a text is, or a whole conversation through the chat template, by what lies in a folder."""
        from harness_backends.counting import counter  # transformers lives behind this line

        return counter(folder)

    @contextmanager
    def _opened(self, model: ModelRef) -> Iterator[Model]:
        from harness_backends.transformers_model import TransformersModel  # torch lives behind this line
        from harness_backends.weights import Weights

        weights = Weights.load(model, self.folder(model), share_heads=self.share_heads)
        try:
            yield TransformersModel(weights)
        finally:
            weights.close()
