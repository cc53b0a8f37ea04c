"""From text to tokens, for a causal model.

Pairs are encoded as the language model evaluation harness (lm-eval 0.4) encodes them for its ``hf`` models, so that a
log-likelihood is of the same tokens there and here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
        """The tokens of both, split where the tokens of the context alone end.

        Both are encoded together, white space at the end of the context counted to the continuation; messages first
        become text by the chat template. Raises ``ModelFailed``
        for a continuation without tokens or with more than the model can look at.
        """
        text = context if isinstance(context, str) else self._templated(context)
        kept = text.rstrip()
        before, after = self._split(kept, text[len(kept) :] + continuation)
        if not after:
            raise ModelFailed(f"the continuation {continuation!r} has no tokens of its own after its context")
        if len(after) > self.max_length:
            raise ModelFailed(
                f"a continuation of {len(after)} tokens is longer than the {self.max_length} that the model can take"
            )
        return Pair(before, after)

    def _split(self, context: str, continuation: str) -> tuple[list[int], list[int]]:
        if not context:
            tokens = self._encode(continuation, special=False)
            return ([self.prefix], tokens) if tokens[:1] != [self.prefix] else (tokens[:1], tokens[1:])
        whole, before = self._encode(context + continuation), self._encode(context)
        return before, whole[len(before) :]

    def prompt(self, prompt: Prompt, *, room: int) -> list[int]:
        """The tokens of a prompt, messages through the chat template; beyond ``room`` tokens the first are left out."""
        if isinstance(prompt, str):
            tokens = self._encode(prompt) or [self.prefix]
        else:
            tokens = self._encode(self._templated(prompt), special=False)
        return tokens[-max(room, 1) :]

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
        if special is None:
            # a text that brings its own first token must not get a second one
            special = not text.startswith(str(self.tokenizer.decode(self.prefix)))
        return list(self.tokenizer.encode(text, add_special_tokens=special))


def longest_input(config: PretrainedConfig, tokenizer: PreTrainedTokenizerBase) -> int:
    """How many tokens the model can look at together; 2,048 where neither model nor tokenizer says."""
    inner = getattr(config, "text_config", None) or config
    for name in ("n_positions", "max_position_embeddings", "n_ctx"):
        value = getattr(inner, name, None)
        if value is not None:
            return int(value)
    limit = getattr(tokenizer, "model_max_length", None)
    return int(limit) if limit is not None and limit < _UNLIMITED else 2048
