"""Backends: what opens a model and asks it."""

from __future__ import annotations

from collections.abc import Iterable

from harness import Backend, hookimpl
from harness_backends.openai_backend import OpenAIBackend
from harness_backends.transformers_backend import Transformers


@hookimpl
def harness_register_backends() -> Iterable[type[Backend]]:
    """The backends of this package."""
    return [Transformers, OpenAIBackend]
