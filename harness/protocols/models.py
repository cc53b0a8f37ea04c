"""What a backend implements, and the models that it opens."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import ClassVar, Literal, Protocol, runtime_checkable

from harness.values import Generation, GenerationSettings, LogLikelihood, ModelFacts, ModelRef, Prompt, Reply

Quantization = Literal["nf4", "int8"]
"""The 4-bit NormalFloat of QLoRA, or LLM.int8."""


@runtime_checkable
class Model(Protocol):
    """An opened model with an adapter switched on, or none."""

    @property
    def facts(self) -> ModelFacts:
        """What the record keeps of this model."""
        ...

    def rendered(self, prompt: Prompt) -> str:
        """The text that this prompt puts to the model: raw text as it stands, messages through the chat template."""
        ...

    def generate(
        self, prompts: Sequence[Prompt], settings: GenerationSettings, *, sample_ids: Sequence[str]
    ) -> Sequence[Generation]:
        """One answer a prompt, in the same order."""
        ...

    def log_likelihoods(self, pairs: Sequence[tuple[Prompt, str]], *, batch_size: int) -> Sequence[LogLikelihood]:
        """For each (context, continuation) how likely the continuation is, in the same order."""
        ...

    def rolling_log_likelihoods(self, texts: Sequence[str], *, batch_size: int) -> Sequence[LogLikelihood]:
        """How likely each whole text is, in the same order; a text longer than the model goes through in windows."""
        ...

    def with_adapter(self, adapter: Path | None) -> Model:
        """The same weights in memory with this adapter on, or with none."""
        ...


@runtime_checkable
class RemoteModel(Model, Protocol):
    """A model behind a network: its answers come when they are ready, and single ones may fail."""

    def replies(
        self, prompts: Sequence[Prompt], settings: GenerationSettings, goes_on: Callable[[], bool]
    ) -> Iterator[tuple[int, Reply]]:
        """Each prompt's index with its reply, in the order in which they come; one that failed for good says why.

        ``goes_on`` is asked before each request; once it says no, what is not sent yet is not sent and has no reply.
        """
        ...


@runtime_checkable
class Backend(Protocol):
    """Opens models."""

    name: ClassVar[str]
    requires_packages: ClassVar[tuple[str, ...]]

    def check(self, model: ModelRef) -> None:
        """Raise ``UsageError`` if this cannot be a model; cheap, called when the plan is made."""
        ...

    def folder(self, model: ModelRef) -> Path:
        """A local folder with the model, fetched or converted the first time; a trainer is given this folder.

        Raises ``ModelFailed`` with the remedies when the model cannot be had.
        """
        ...

    def open(self, model: ModelRef) -> AbstractContextManager[Model]:
        """The model, its memory freed at the end."""
        ...

    def merge(self, model: ModelRef, adapter: Path, output: Path) -> None:
        """A whole model in ``output``, there whole or not at all: the model with the adapter's change in its weights.

        Safetensors in float32, whatever the model's ``dtype``, with tokenizer, chat template and generation settings.
        Raises ``UsageError`` for an adapter that cannot be merged, as one that has learnt a prompt.
        """
        ...

    def quantize(self, model: ModelRef, kind: Quantization, output: Path) -> None:
        """A copy of the model in ``output``, there whole or not at all, its weights in fewer bits.

        Raises ``UsageError`` for what cannot be quantised in this way.
        """
        ...


@runtime_checkable
class BackendWithTokenizer(Backend, Protocol):
    """A backend that can count tokens without a model's weights."""

    def token_counter(self, folder: Path) -> Callable[[Prompt], int]:
        """How many tokens a text is, or a whole conversation through the chat template, by what lies in a folder.

        Raises ``UsageError`` where there is no tokenizer.
        """
        ...


@runtime_checkable
class BackendWithDescription(Backend, Protocol):
    """A backend that can tell of a model without its weights."""

    def description(self, model: ModelRef) -> Path:
        """A local folder with the model's ``config.json`` and tokenizer; weights are not fetched for it.

        Raises ``ModelFailed`` with the remedies when it cannot be had.
        """
        ...
