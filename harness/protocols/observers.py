"""Who tells a person what an experiment is doing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from harness.values import Progress


class Observer(Protocol):
    """What an experiment tells a person while it runs; tells only, decides nothing."""

    def stage(self, title: str) -> None:
        """A new part of the work begins."""
        ...

    def task_progressed(self, arm: str, task: str, done: int, total: int, running: Mapping[str, float]) -> None:
        """``done`` of ``total`` samples have their scores; ``running`` holds the means so far."""
        ...

    def training_progressed(self, progress: Progress) -> None:
        """The trainer reported."""
        ...

    def note(self, text: str) -> None:
        """One line that a person should see."""
        ...
