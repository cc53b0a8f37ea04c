"""What is asked: messages, and the items that every arm answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Role = Literal["system", "user", "assistant", "tool"]

Mode = Literal["generate", "choose", "likelihood"]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Role
    content: str


Prompt = str | tuple[Message, ...]
"""What a model is given: raw text as it stands, or messages that go through the model's chat template."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One item that every arm answers."""

    id: str
    """Digest of the content, so that the same item has the same id in every run (``harness.identity``)."""
    prompt: Prompt
    targets: tuple[str, ...]
    """Every text that counts as right."""
    choices: tuple[str, ...] = ()
    """For ``choose``: the continuations to compare, each as it follows the prompt, leading space included."""
    answer: int | None = None
    """For ``choose``: the index of the right choice."""
    stratum: str | None = None
    """A fixed part of the whole, as an MMLU subject: the claim is about these parts."""
    cluster: str | None = None
    """A sampled group, as a passage with several questions: its items are not independent facts."""
    tags: tuple[str, ...] = ()
