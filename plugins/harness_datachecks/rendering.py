"""Rows as the tokenizer of the model that will be trained reads them. Only its files are opened, no weights."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import Message, Row, ToolMessage

_ROWS_AT_ONCE = 500
_CHARACTERS_AT_ONCE = 2_000_000
_PIECE = 50_000
"""Characters of a long text that are counted at once: what a token loses at such a border is no matter."""


class NotOpenedError(Exception):
    """Why there is no tokenizer."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A row as text, or why the chat template refused it."""

    text: str
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Renderer:
    """A tokenizer with its chat template."""

    tokenizer: Any
    folder: Path

    @classmethod
    def of(cls, folder: Path | None) -> Renderer:
        """The tokenizer in a model's folder; raises ``NotOpenedError`` with the reason."""
        if folder is None:
            raise NotOpenedError("no model is named whose tokenizer would tell")
        try:
            tokenizer = _opened(folder)
        except ImportError:
            raise NotOpenedError("transformers is not installed") from None
        except Exception as error:  # a folder may hold anything, and tokenizers raises Exception itself
            said = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise NotOpenedError(f"the tokenizer in {folder.name} cannot be read: {said}") from error
        return cls(tokenizer, folder)

    @property
    def has_template(self) -> bool:
        """Whether conversations can be rendered."""
        return bool(self.tokenizer.chat_template)

    def ends(self) -> tuple[str, ...]:
        """The texts of the tokens at which the model stops to speak; none if the folder names none."""
        found = {self.tokenizer.eos_token}
        files = [self.folder / name for name in ("generation_config.json", "config.json")]
        try:
            told = next((json.loads(file.read_text(encoding="utf-8")) for file in files if file.is_file()), None)
        except (OSError, ValueError):
            told = None
        more = told.get("eos_token_id") if isinstance(told, dict) else None
        numbers = more if isinstance(more, list) else [more]
        known = [each for each in numbers if isinstance(each, int) and 0 <= each < len(self.tokenizer)]
        found |= set(self.tokenizer.convert_ids_to_tokens(known))
        return tuple(sorted(each for each in found if each))

    def rendered(self, rows: Sequence[Row]) -> Iterator[Rendered]:
        """Each row through the chat template, in order: the whole conversation, or a question with its right choice."""
        for some in _batches(rows):
            yield from self._batch(some)

    def render(self, turns: Sequence[Mapping[str, Any]], tools: Sequence[Any] = (), **how: bool) -> Rendered:
        """One conversation."""
        try:
            text = self.tokenizer.apply_chat_template(list(turns), tools=list(tools) or None, tokenize=False, **how)
        except Exception as error:  # a template is a program, and raises whatever it likes
            return Rendered("", (str(error).strip() or type(error).__name__).splitlines()[0])
        return Rendered(str(text))

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """How many tokens each text has, special ones that it names counted as one."""
        pieces = [text[start : start + _PIECE] for text in texts for start in range(0, len(text) or 1, _PIECE)]
        counts = iter(self._counts([whole(piece) for piece in pieces]))
        return [sum(next(counts) for _ in range(0, len(text) or 1, _PIECE)) for text in texts]

    def _batch(self, rows: Sequence[Row]) -> Iterator[Rendered]:
        conversations = [turns(row) for row in rows]
        if any(row.tools for row in rows):
            yield from (self.render(each, row.tools) for each, row in zip(conversations, rows, strict=True))
            return
        try:
            texts = self.tokenizer.apply_chat_template(conversations, tokenize=False)
        except Exception:  # one of them: which, tells the next line
            yield from (self.render(each) for each in conversations)
            return
        yield from (Rendered(text) for text in texts)

    def _counts(self, texts: list[str]) -> list[int]:
        raw = getattr(self.tokenizer, "backend_tokenizer", None)
        if raw is None or not hasattr(raw, "encode_batch_fast"):
            found = self.tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"]
            return [len(each) for each in found]
        raw.no_truncation()
        raw.no_padding()
        return [len(each) for each in raw.encode_batch_fast(texts, add_special_tokens=False)]


def _opened(folder: Path) -> Any:  # noqa: ANN401 - a tokenizer of whatever class
    """The tokenizer; one whose files are all there is to it is opened without torch, which takes seconds to import."""
    import transformers

    # looked up by name alone: AutoTokenizer brings torch along as soon as it is
    kind: Any = transformers.PreTrainedTokenizerFast if _is_plain(folder) else transformers.AutoTokenizer
    return kind.from_pretrained(folder, local_files_only=True, trust_remote_code=False)


def _is_plain(folder: Path) -> bool:
    """Whether no class of its own belongs to the tokenizer: the names are Transformers' before and since version 5."""
    try:
        named = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))["tokenizer_class"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return named in ("PreTrainedTokenizerFast", "TokenizersBackend") and (folder / "tokenizer.json").is_file()


def turns(row: Row) -> list[dict[str, Any]]:
    """The row's conversation as templates take it; a question ends with its right choice."""
    said = [turn(message) for message in row.messages]
    return [*said, {"role": "assistant", "content": row.answered}] if row.choices else said


def turn(message: Message) -> dict[str, Any]:
    """A message as templates take it, a call's arguments as an object."""
    made: dict[str, Any] = {"role": message.role, "content": whole(message.content)}
    if not isinstance(message, ToolMessage):
        return made
    if message.calls:
        made["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": _arguments(call.arguments)},
            }
            for call in message.calls
        ]
    if message.answers is not None:
        made["tool_call_id"] = message.answers
    if message.name is not None:
        made["name"] = message.name
    return made


def whole(text: str) -> str:
    """Without halves of characters, which no tokenizer takes."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _arguments(written: str) -> object:
    """As most templates want them, an object; as they were written where they are none."""
    try:
        found = json.loads(written) if written.strip() else {}
    except (ValueError, RecursionError):
        return written
    return found if isinstance(found, dict) else written


def _batches(rows: Sequence[Row]) -> Iterator[list[Row]]:
    some: list[Row] = []
    held = 0
    for row in rows:
        size = sum(len(message.content) for message in row.messages)
        if some and (len(some) == _ROWS_AT_ONCE or held + size > _CHARACTERS_AT_ONCE):
            yield some
            some, held = [], 0
        some.append(row)
        held += size
    if some:
        yield some
