"""Fixtures that the tests of the trainers share."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.testing.tiny import tiny_llama


@pytest.fixture(scope="session")
def libraries() -> None:
    """The trainer collects garbage each time it begins, and would look through all that was ever imported."""
    import harness_trainers.sft_loop  # noqa: F401 - imported for what it imports

    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory, libraries: None) -> Path:
    """A random Llama in a folder that no test writes to."""
    return tiny_llama(tmp_path_factory.mktemp("tiny-llama"))


@pytest.fixture
def one_thread() -> Iterator[None]:
    """A model this small spends its time on waking threads."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
