"""What a model answers, how it is asked to, and by what an answer is found again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.values.items import Sample


@dataclass(frozen=True, slots=True)
class GenerationSettings:
    """How a model answers; greedy unless a temperature is given."""

    max_new_tokens: int = 256
    temperature: float = 0.0
    top_p: float = 1.0
    stop: tuple[str, ...] = ()
    """The answer ends before the first of these."""
    seed: int = 0
    batch_size: int = 16
    repeats: int = 1
    """Answers to each prompt; more than one only with a temperature."""


@dataclass(frozen=True, slots=True)
class Generation:
    """One answer of a model, or the weight that it gives to a text: in ``choose`` to one of the choices."""

    sample_id: str
    attempt: int
    """0, 1, ... of one sample; in ``choose`` the index of the choice."""
    text: str
    finish_reason: Literal["stop", "length", "choice", "given"]
    """Why the answer ended; ``choice`` and ``given`` where the model was not asked to write."""
    prompt_tokens: int
    output_tokens: int
    seconds: float
    """This answer's share of its batch's wall time."""
    log_likelihood: float | None = None
    """Natural logarithm of the probability of ``text`` after the prompt; not in ``generate``."""
    is_greedy: bool | None = None
    """Whether ``text`` is what greedy decoding would have said; not in ``generate``."""
    reasoning: str | None = None
    """What was written before the answer by a model that was asked to think first; its tokens and seconds count."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """By what an answer is found again, and who asked for it."""

    request: bytes
    """Digest of all that the answer depends on."""
    reused_from: int | None = None
    """Where it was not asked but taken over: the task that asked, by its key in the record."""


@dataclass(frozen=True, slots=True)
class LogLikelihood:
    """How likely a continuation is after its context."""

    value: float
    is_greedy: bool
    context_tokens: int
    continuation_tokens: int


@dataclass(frozen=True, slots=True)
class Item:
    """What a metric sees: a sample with all its answers."""

    sample: Sample
    generations: tuple[Generation, ...]

    @property
    def text(self) -> str:
        """The first answer."""
        return self.generations[0].text


@dataclass(frozen=True, slots=True)
class Reusable:
    """The recorded answers of one model with one adapter that later runs need not ask for again."""

    model: str
    weights_sha256: str
    adapter_sha256: str | None
    answers: int
    """Each counted once, however many runs hold it."""
    text_bytes: int
    """What the answers themselves take; they belong to the runs that hold them, and stay when they are forgotten."""
    newest: str
    """When the last run began that asked for some of them."""
