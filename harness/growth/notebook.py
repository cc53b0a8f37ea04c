"""A file of replies, so that growing data again costs nothing that was paid for before."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.errors import HarnessError, UsageError
from harness.values import Reply, Spent


@dataclass(slots=True)
class Notebook:
    """Replies in a file, each a JSON object a line; nothing in it is ever changed, and a line cut off is passed over.

    Opening raises ``UsageError`` for a file that cannot be read or written.
    """

    path: Path
    _known: dict[bytes, Reply] = field(default_factory=dict)
    _spent: dict[str, Spent] = field(default_factory=dict)

    def __post_init__(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab+") as file:
                file.seek(0)
                lines = file.read().split(b"\n")
        except OSError as error:
            raise UsageError(f"cannot be written: {error.strerror}", path=self.path) from None
        for line in lines:
            self._learn(line)

    def replies(self, requests: Sequence[bytes]) -> Mapping[bytes, Reply]:
        """What is known of these requests."""
        return {each: self._known[each] for each in requests if each in self._known}

    def spent(self, model: str) -> Spent:
        """What has been used up of a model, in all that stands here."""
        return self._spent.get(model, Spent(0, 0, 0.0))

    def add(self, request: bytes, model: str, reply: Reply, money: float) -> None:
        """Keep what a model said; it is on the disk when this returns."""
        said = {
            "request": request.hex(),
            "model": model,
            "text": reply.text,
            "finish_reason": reply.finish_reason,
            "prompt_tokens": reply.prompt_tokens,
            "output_tokens": reply.output_tokens,
            "seconds": reply.seconds,
            "money": money,
        }
        try:
            with self.path.open("ab") as file:
                file.write(b"\n" + json.dumps(said).encode())  # in front, so that what was cut off stays its own line
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise HarnessError(f"{self.path}: a reply cannot be saved: {error.strerror}") from None
        self._note(said)

    def _learn(self, line: bytes) -> None:
        try:
            said = json.loads(line)
            self._note(said)
        except (ValueError, KeyError, TypeError):
            return

    def _note(self, said: Mapping[str, Any]) -> None:
        request, model, text = bytes.fromhex(said["request"]), str(said["model"]), said["text"]
        tokens = int(said["prompt_tokens"]), int(said["output_tokens"])
        money, seconds = float(said["money"]), float(said["seconds"])
        before = self.spent(model)
        self._known[request] = Reply(text, None, str(said["finish_reason"]), *tokens, seconds)
        self._spent[model] = Spent(before.calls + 1, before.tokens + sum(tokens), before.money + money)
