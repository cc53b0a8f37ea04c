"""Rows as tokens with their labels: what the model sees, and what it learns to say. Only the tokenizer is loaded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2.exceptions import TemplateError
from transformers import AutoTokenizer, GenerationConfig
from trl.chat_template_utils import (
    get_training_chat_template,
    has_generation_markers,
    is_chat_template_stop_token_trained,
)
from trl.data_utils import common_prefix_length

from harness import MaskedToken, ModelRef, TrainJob, UsageError
from harness_trainers import rows
from harness_trainers.options import Common
from harness_trainers.rows import Row

IGNORED = -100
"""The label of a token that is not in the loss, as torch and TRL have it."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """A row; a label is the token itself, or ``IGNORED``."""

    ids: list[int]
    labels: list[int]

    def __len__(self) -> int:
        return len(self.ids)

    def has_label(self, length: int | None = None) -> bool:
        """Whether anything is learnt within ``length`` tokens; nothing stands before the first, so that never is."""
        return any(label != IGNORED for label in self.labels[1:length])


@dataclass(frozen=True, slots=True)
class Reader:
    """Makes tokens of rows as ``options`` want them scored."""

    options: Common
    tokenizer: Any
    template: str | None = None
    """A chat template that marks the turns of the assistant, where the model's own does not."""

    @classmethod
    def of(cls, options: Common, model: ModelRef) -> Reader:
        """With the tokenizer in the model's folder; ``UsageError`` if its chat template cannot do what is asked."""
        tokenizer = _tokenizer(model)
        if options.trains_on == "messages" and not tokenizer.chat_template:
            raise UsageError(
                f"{model.name} has no chat template, so it cannot be trained on messages",
                remedy="take its instruct version, or train on raw text with continued_pretraining",
            )
        template = _marking(tokenizer) if options.assistant_only_loss else None
        return cls(options, tokenizer, template)

    def read(self, row: Row) -> Tokens:
        """The whole row, however long it is."""
        if self.options.trains_on == "text":
            ids = self._of_text(row.text)
            return Tokens(ids, list(ids))
        if self.options.assistant_only_loss:
            found = self._of_messages(row, row.messages, return_assistant_tokens_mask=True)
            return _scored(found["input_ids"], found["assistant_masks"])
        prompt = self._of_messages(row, row.messages[:-1], add_generation_prompt=True)["input_ids"]
        ids = self._of_messages(row, row.messages)["input_ids"]
        start = common_prefix_length(prompt, ids)
        return _scored(ids, [0] * start + [1] * (len(ids) - start))

    def render(self, row: Row) -> str:
        """The text that the chat template makes of a conversation."""
        text: str = self.tokenizer.apply_chat_template(
            list(row.messages), tools=list(row.tools) or None, tokenize=False, chat_template=self.template
        )
        return text

    def ends(self, folder: Path) -> frozenset[int]:
        """The tokens at which the model in ``folder`` stops to speak."""
        found: set[int] = {self.tokenizer.eos_token_id} - {None}
        if (folder / "generation_config.json").is_file():
            more = GenerationConfig.from_pretrained(folder).eos_token_id
            found |= set(more if isinstance(more, list) else [more]) - {None}
        return frozenset(found)

    def _of_messages(self, row: Row, messages: Sequence[dict[str, Any]], **how: bool) -> Any:  # noqa: ANN401 - a mapping
        return self.tokenizer.apply_chat_template(
            list(messages),
            tools=list(row.tools) or None,
            tokenize=True,
            return_dict=True,
            chat_template=self.template,
            **how,
        )

    def _of_text(self, text: str) -> list[int]:
        end = self.tokenizer.eos_token or ""
        ids: list[int] = self.tokenizer(text=text if text.endswith(end) else text + end)["input_ids"]
        return ids


def masks(options: Common, job: TrainJob, count: int) -> list[list[MaskedToken]]:
    """The first ``count`` rows of ``job.train``, cut where the training cuts them."""
    reader, cut = Reader.of(options, job.model), None if options.splits_rows else options.max_length
    found = []
    for row in rows.read(job.train, options.trains_on, first=count):
        try:
            tokens = reader.read(row)
        except TemplateError as error:
            raise refused(job.train, row, error) from error
        ids, labels = tokens.ids[:cut], tokens.labels[:cut]
        pieces = zip(_pieces(reader.tokenizer, ids), labels, strict=True)
        found.append([MaskedToken(text, label != IGNORED) for text, label in pieces])
    return found


def refused(path: Path, row: Row, error: TemplateError) -> UsageError:
    """The error of a chat template that will not render a row."""
    return UsageError(
        f"the model's chat template refuses the row: {str(error).splitlines()[0]}",
        path=path,
        line=row.line,
        remedy="write it as the template wants it",
    )


def _scored(ids: list[int], mask: list[int]) -> Tokens:
    return Tokens(ids, [token if learnt else IGNORED for token, learnt in zip(ids, mask, strict=True)])


def _tokenizer(model: ModelRef) -> Any:  # noqa: ANN401 - a tokenizer of whatever class
    try:
        return AutoTokenizer.from_pretrained(model.name, trust_remote_code=model.trust_remote_code)
    except Exception as error:
        # the tokenizers package raises Exception itself for a file that it cannot read; a class of its own is a fault
        if type(error) is not Exception and not isinstance(error, OSError | ValueError | KeyError):
            raise
        said = (str(error).strip() or type(error).__name__).splitlines()[0]
        problem = f"the tokenizer of {model.name} cannot be read: {said}"
        raise UsageError(problem, remedy="fetch the model again") from error


def _marking(tokenizer: Any) -> str | None:  # noqa: ANN401 - a tokenizer of whatever class
    """A template that marks the assistant's turns; ``None`` where the tokenizer's own does."""
    template: str | None = None
    remedy = "leave assistant_only_loss out: the loss is on the last message then"
    if not has_generation_markers(tokenizer.chat_template):
        try:
            template = get_training_chat_template(tokenizer)
        except ValueError as error:
            problem = "assistant_only_loss needs a chat template that marks the assistant's turns"
            raise UsageError(f"{problem}, and this model's does not", remedy=remedy) from error
    if not is_chat_template_stop_token_trained(tokenizer, chat_template=template):
        raise UsageError("with assistant_only_loss the token that ends a turn is outside the loss", remedy=remedy)
    return template


def _pieces(tokenizer: Any, ids: list[int]) -> Iterator[str]:  # noqa: ANN401 - a tokenizer of whatever class
    """The text of each token; together they are the text of all. One that ends inside a letter has none yet."""
    told = ""
    for end in range(1, len(ids) + 1):
        text: str = tokenizer.decode(ids[:end], clean_up_tokenization_spaces=False)
        is_whole = end == len(ids) or not text.endswith("\N{REPLACEMENT CHARACTER}")
        yield text[len(told) :] if is_whole else ""
        told = text if is_whole else told
