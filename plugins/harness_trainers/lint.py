"""Rows for training, tokenised and looked at before any weight is loaded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from jinja2.exceptions import TemplateError

from harness import ModelRef, TrainJob, UsageError
from harness_trainers import rows
from harness_trainers.options import Common
from harness_trainers.rows import Row
from harness_trainers.tokens import Reader, Tokens, refused

MOST_CUT = 0.05
"""The share of rows that ``max_length`` may cut. Our choice: beyond it, what is not learnt is no detail."""


@dataclass(frozen=True, slots=True)
class Examples:
    """What a training learns from and is measured on, as tokens; each row has a label within ``max_length``."""

    reader: Reader
    train: list[Tokens]
    validation: list[Tokens]
    warnings: tuple[str, ...]
    """A sentence for each way in which they teach less than their files hold."""

    @property
    def longest(self) -> int:
        """Tokens of the longest row."""
        return max(len(row) for row in [*self.train, *self.validation])


def examples(options: Common, job: TrainJob) -> Examples:
    """The rows of the job's files; ``UsageError`` where a training on them would look normal and teach amiss."""
    reader = Reader.of(options, job.model)
    ends, window = reader.ends(Path(job.model.name)), window_of(options, job.model)
    train, warnings = _read(reader, job.train, ends, window)
    validation, more = _read(reader, job.validation, ends, window) if job.validation else ([], [])
    return Examples(reader, train, validation, (*warnings, *more))


def window_of(options: Common, model: ModelRef) -> int | None:
    """The tokens of a row that the model has positions for; ``None`` where its configuration does not say."""
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(model.name, trust_remote_code=model.trust_remote_code).get_text_config()
    positions, virtual = getattr(config, "max_position_embeddings", None), getattr(options, "num_virtual_tokens", 0)
    # rotations that are stretched reach further than that number, by as much as their kind allows
    rotation = getattr(config, "rope_parameters", None) or {}
    if not isinstance(positions, int) or positions < 1 or rotation.get("rope_type", "default") != "default":
        return None
    if virtual >= positions:
        problem = f"num_virtual_tokens {virtual} leaves no room for a row: the model has positions for {positions}"
        raise UsageError(f"trainer {options.name!r}: {problem}")
    return positions - virtual


def _read(reader: Reader, path: Path, ends: frozenset[int], window: int | None) -> tuple[list[Tokens], list[str]]:
    found = rows.read(path, reader.options.trains_on)
    tokens = []
    for row in found:
        try:
            tokens.append(reader.read(row))
        except TemplateError as error:
            raise refused(path, row, error) from error
    _nothing_lost(reader, path, found)
    _stops(path, found, tokens, ends)
    _seen_whole(reader.options, path, tokens, window)
    cut = None if is_split(reader.options) else reader.options.max_length
    learnt = [each for each in tokens if each.has_label(cut)]
    return learnt, [] if cut is None and len(learnt) == len(tokens) else list(_cut(path, tokens, learnt, ends, cut))


def is_split(options: Common) -> bool:
    """Whether a row that is too long goes on in the next sequence instead of being cut."""
    return options.splits_rows


def _nothing_lost(reader: Reader, path: Path, found: list[Row]) -> None:
    """Each message stands in what the template makes of it; one row of each sequence of turns tells."""
    if reader.options.trains_on == "text":
        return
    kinds = {_kind(row): row for row in reversed(found)}
    for row in kinds.values():
        text = reader.render(row)
        for message in row.messages:
            # what a model has thought is left out of earlier turns, and a tool's result may be written as JSON
            content = str(message["content"] or "").rpartition("</think>")[2].strip()
            if content not in text and json.dumps(content, ensure_ascii=False)[1:-1] not in text:
                raise UsageError(
                    f"the model's chat template drops what the {message['role']} says",
                    path=path,
                    line=row.line,
                    remedy=f"move it into a message of another role, or train without {message['role']} messages",
                )
        for what, without in _without_tools(row):
            if _renders_alike(reader, without, text):
                remedy = "take a model whose template knows tools, or train without such rows"
                raise UsageError(f"the model's chat template drops the {what}", path=path, line=row.line, remedy=remedy)


def _without_tools(row: Row) -> Iterator[tuple[str, Row]]:
    """What a row says of tools, each with the row that does not say it."""
    if row.tools:
        yield "tools that may be called", replace(row, tools=())
    if any(message.get("tool_calls") for message in row.messages):
        bare = ({key: each for key, each in message.items() if key != "tool_calls"} for message in row.messages)
        yield "calls of tools", replace(row, messages=tuple(bare))


def _renders_alike(reader: Reader, row: Row, text: str) -> bool:
    try:
        return reader.render(row) == text
    except TemplateError:
        return False


def _kind(row: Row) -> tuple[bool, tuple[tuple[str, bool], ...]]:
    return bool(row.tools), tuple((message["role"], bool(message.get("tool_calls"))) for message in row.messages)


def _stops(path: Path, found: list[Row], tokens: list[Tokens], ends: frozenset[int]) -> None:
    for row, each in zip(found, tokens, strict=True):
        if not ends.intersection(each.labels):
            raise UsageError(
                "the token that ends an answer is outside the loss, so the model would not learn to stop",
                path=path,
                line=row.line,
                remedy="its chat template must end the assistant's message with the tokenizer's end token",
            )


def _seen_whole(options: Common, path: Path, tokens: list[Tokens], window: int | None) -> None:
    """No row is longer than the model can see: what lies beyond fails, or is taught at places it never learnt."""
    if window is None or options.max_length <= window:
        return
    over = sum(len(each) > window for each in tokens)
    if over:
        few = "" if over > MOST_CUT * len(tokens) and not options.splits_rows else f"set max_length: {window}, or "
        raise UsageError(
            f"{over} of {len(tokens)} rows are longer than the {window} tokens that the model has positions for",
            path=path,
            remedy=f"{few}leave them out",
        )


def _cut(
    path: Path, tokens: list[Tokens], learnt: list[Tokens], ends: frozenset[int], length: int | None
) -> Iterator[str]:
    """One sentence for each way in which a few rows teach less; ``UsageError`` if they are not a few."""
    within = f"within max_length {length}"
    if not learnt:
        raise UsageError(f"no row has any of its answer {within}", path=path, remedy="set a larger max_length")
    longest = max(len(each) for each in tokens)
    cut = sum(length is not None and len(each) > length for each in tokens)
    if cut > MOST_CUT * len(tokens):
        raise UsageError(
            f"max_length {length} cuts {cut} of {len(tokens)} rows, and the longest has {longest} tokens",
            path=path,
            remedy=f"set max_length: {longest}",
        )
    if lost := len(tokens) - len(learnt):
        yield f"{lost} of {len(tokens)} rows of {path.name} are left out: they have nothing of their answer {within}"
    if endless := sum(not ends.intersection(each.labels[:length]) for each in learnt):
        yield f"{endless} of {len(tokens)} rows of {path.name} do not teach where the answer ends {within}"
