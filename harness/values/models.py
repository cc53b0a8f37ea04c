"""Which weights, how they are opened and asked, and what a backend says of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.values.items import Message


@dataclass(frozen=True, slots=True)
class ModelRef:
    """Which weights, and how they are opened."""

    name: str
    """A hub id, a folder, or a ``.gguf`` file."""
    backend: str = "transformers"
    dtype: str = "float32"
    device: str = "auto"
    revision: str | None = None
    trust_remote_code: bool = False


@dataclass(frozen=True, slots=True)
class Prompting:
    """What stands before each prompt of an arm."""

    system: str | None = None
    few_shot: tuple[tuple[Message, ...], ...] = ()
    """Whole example conversations, each ending with the assistant's answer."""
    chain_of_thought: bool = False


@dataclass(frozen=True, slots=True)
class Arm:
    """One side of the experiment: a model as it is asked."""

    name: str
    model: ModelRef
    adapter: Path | None = None
    prompting: Prompting = Prompting()


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What a backend says of an opened model."""

    name: str
    folder: str
    weights_sha256: str
    template_sha256: str | None
    tokenizer_sha256: str
    """Of the files that make tokens of a text."""
    config_sha256: str
    """Of the files that say how the weights compute and when an answer ends."""
    dtype: str
    device: str
    parameters: int
    path_taken: str
    """How log-likelihoods are computed, e.g. ``plain``."""
    window: int | None = None
    """The most tokens that it looks at, prompt and answer together; ``None`` where that is not known."""
