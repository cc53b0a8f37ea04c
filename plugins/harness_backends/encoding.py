"""From text to tokens, for a causal model.

Pairs are encoded as the language model evaluation harness (lm-eval 0.4) encodes them for its ``hf`` models, so that a
log-likelihood is of the same tokens there and here.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from harness import Message, ModelFailed, Prompt

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedTokenizerBase

_UNLIMITED = 10**18
"""Above this a tokenizer's ``model_max_length`` says that nobody set it."""


@dataclass(frozen=True, slots=True)
class Pair:
    """The tokens of a context and of what follows it; neither is empty."""

    context: list[int]
    continuation: list[int]

    def input(self, max_length: int) -> list[int]:
        """What goes into the model to weigh the continuation; its last token is only predicted, never looked at.

        Beyond the model's length the beginning of the context is left out.
        """
        return [*self.context, *self.continuation][-(max_length + 1) :][:-1]


@dataclass(frozen=True)
class Encoder:
    """A tokenizer with what the model says of lengths."""

    tokenizer: PreTrainedTokenizerBase
    max_length: int
    """Tokens that the model can look at together."""

    @property
    def prefix(self) -> int:
        """The token that stands for an empty context: the one that begins texts, else the one that ends them."""
        for token in (self.tokenizer.bos_token_id, self.tokenizer.eos_token_id):
            if isinstance(token, int):
                return token
        raise ModelFailed("the tokenizer has neither a first nor a last token, so that nothing can stand before a text")

    def pair(self, context: Prompt, continuation: str) -> Pair:
        """The tokens of both, as ``pairs`` gives them."""
        return self.pairs([(context, continuation)])[0]

    def pairs(self, pairs: Sequence[tuple[Prompt, str]]) -> list[Pair]:
        """For each (context, continuation) the tokens of both, split where the tokens of the context alone end.

        Both are encoded together, white space at the end of the context counted to the continuation; messages first
        become text by the chat template. Raises ``ModelFailed`` for a continuation without tokens or with more than
        the model can look at.
        """
        texts = [self._split_text(context, continuation) for context, continuation in pairs]
        tokens = self._encoded({part for kept, rest in texts for part in ((kept, kept + rest) if kept else ())})
        found = []
        for (kept, rest), (_, continuation) in zip(texts, pairs, strict=True):
            before, after = self._after_nothing(rest) if not kept else _split(tokens[kept], tokens[kept + rest])
            self._check(continuation, after)
            found.append(Pair(before, after))
        return found

    def _split_text(self, context: Prompt, continuation: str) -> tuple[str, str]:
        text = self.rendered(context)
        kept = text.rstrip()
        return kept, text[len(kept) :] + continuation

    def _after_nothing(self, continuation: str) -> tuple[list[int], list[int]]:
        tokens = self._encode(continuation, special=False)
        return ([self.prefix], tokens) if tokens[:1] != [self.prefix] else (tokens[:1], tokens[1:])

    def _check(self, continuation: str, tokens: Sequence[int]) -> None:
        if not tokens:
            raise ModelFailed(f"the continuation {continuation!r} has no tokens of its own after its context")
        if len(tokens) > self.max_length:
            raise ModelFailed(
                f"a continuation of {len(tokens)} tokens is longer than the {self.max_length} that the model can take"
            )

    def _encoded(self, texts: Collection[str]) -> dict[str, list[int]]:
        """The tokens of each text; all at once, which a fast tokenizer does on every core."""
        found: dict[str, list[int]] = {}
        for special in (True, False):
            some = [text for text in texts if self._needs_first(text) is special]
            if some:
                # not verbose: a text longer than the model is cut here, and needs no warning
                tokens = self.tokenizer(some, add_special_tokens=special, verbose=False)["input_ids"]
                found.update(zip(some, tokens, strict=True))
        return found

    def texts(self, texts: Sequence[str]) -> list[list[int]]:
        """The tokens of each text by itself, with the first token that the tokenizer adds, if it adds one."""
        tokens = self._encoded(set(texts))
        return [tokens[text] for text in texts]

    def prompt(self, prompt: Prompt, *, room: int) -> list[int]:
        """The tokens of a prompt, messages through the chat template; beyond ``room`` tokens the first are left out."""
        if isinstance(prompt, str):
            tokens = self._encode(prompt) or [self.prefix]
        else:
            tokens = self._encode(self._templated(prompt), special=False)
        return tokens[-room:]

    def rendered(self, prompt: Prompt) -> str:
        """The text of a prompt before it becomes tokens: raw text as it stands, messages through the chat template."""
        return prompt if isinstance(prompt, str) else self._templated(prompt)

    def _templated(self, messages: Sequence[Message]) -> str:
        import jinja2

        if not self.tokenizer.chat_template:
            raise ModelFailed(
                "the model has no chat template, so that messages cannot be put to it; "
                "use an instruction-tuned model, or prompts that are plain text"
            )
        turns = [{"role": turn.role, "content": turn.content} for turn in messages]
        try:
            text = self.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        except jinja2.TemplateError as error:
            raise ModelFailed(f"the model's chat template refuses the messages: {error}") from error
        return str(text)

    def _encode(self, text: str, *, special: bool | None = None) -> list[int]:
        special = self._needs_first(text) if special is None else special
        return list(self.tokenizer.encode(text, add_special_tokens=special))

    def _needs_first(self, text: str) -> bool:
        """Whether the tokenizer may add its first token: a text that brings its own must not get a second one."""
        return not text.startswith(self._prefix_text)

    @cached_property
    def _prefix_text(self) -> str:
        return str(self.tokenizer.decode(self.prefix))


def _split(before: list[int], whole: list[int]) -> tuple[list[int], list[int]]:
    return before, whole[len(before) :]


def longest_input(config: PretrainedConfig, tokenizer: PreTrainedTokenizerBase) -> int:
    """How many tokens the model can look at together; 2,048 where neither model nor tokenizer says."""
    inner = getattr(config, "text_config", None) or config
    for name in ("n_positions", "max_position_embeddings", "n_ctx"):
        value = getattr(inner, name, None)
        if value is not None:
            return int(value)
    limit = getattr(tokenizer, "model_max_length", None)
    return int(limit) if limit is not None and limit < _UNLIMITED else 2048
