"""A model of the ``transformers`` backend, as the harness asks it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness import Generation, GenerationSettings, LogLikelihood, Model, ModelFacts, ModelFailed, Prompt
from harness_backends.answers import Writer
from harness_backends.encoding import Encoder
from harness_backends.likelihoods import log_likelihoods
from harness_backends.places import Head
from harness_backends.proof import prove
from harness_backends.rolling import rolling_log_likelihoods, windows
from harness_backends.weights import Weights


@dataclass
class TransformersModel:
    """One view of weights that are held once: with one adapter switched on, or with none.

    Views may be used in turn; whichever is asked switches its own adapter on first.
    """

    weights: Weights
    adapter: Path | None = None
    _head: Head = field(default_factory=Head)
    _is_proved: bool = False

    @property
    def facts(self) -> ModelFacts:
        """What the record keeps of the base model; the adapter is recorded beside it."""
        return self.weights.facts

    def with_adapter(self, adapter: Path | None) -> Model:
        """A view of the same weights with this adapter, or with none; an adapter that does not act is an error here."""
        self.weights.module(adapter)
        return TransformersModel(self.weights, adapter)

    def rendered(self, prompt: Prompt) -> str:
        """The text that this prompt puts to the model: raw text as it stands, messages through the chat template."""
        return self.weights.encoder.rendered(prompt)

    def generate(
        self, prompts: Sequence[Prompt], settings: GenerationSettings, *, sample_ids: Sequence[str]
    ) -> Sequence[Generation]:
        """One answer a prompt, in the same order.

        Greedy unless a temperature is given; then drawn from the seed, the sample and how often it was asked in this
        call. A prompt too long for the model loses its beginning. With the adapter on, the whole way.
        """
        import torch

        if not prompts:
            return []
        encoder = self._encoder
        room = encoder.max_length - settings.max_new_tokens
        if room < 1:
            raise ModelFailed(
                f"max_new_tokens {settings.max_new_tokens} leaves no room for a prompt: the model can look at "
                f"{encoder.max_length:,} tokens together"
            )
        tokens = [encoder.prompt(prompt, room=room) for prompt in prompts]
        self._prove(tokens)
        with torch.inference_mode():
            module = self.weights.module(self.adapter)
            head = self._head if self._shares_heads else None
            if not self.weights.may_pad:  # such models have faults in rows of like length too, as Rwkv in Transformers
                settings = replace(settings, batch_size=1)
            writer = Writer(module, encoder, self.weights.ends, settings, head, may_pad=not self._learnt_a_prompt)
            return writer.write(tokens, sample_ids)

    def log_likelihoods(self, pairs: Sequence[tuple[Prompt, str]], *, batch_size: int) -> Sequence[LogLikelihood]:
        """For each (context, continuation) how likely the continuation is, in the same order."""
        import torch

        if not pairs:
            return []
        encoder = self._encoder
        self._prove(encoder.pair(*pair).input(encoder.max_length) for pair in pairs)
        with torch.inference_mode():
            return log_likelihoods(
                self.weights.module(self.adapter),
                encoder,
                pairs,
                batch_size=batch_size,
                share_heads=self._shares_heads,
            )

    def rolling_log_likelihoods(self, texts: Sequence[str], *, batch_size: int) -> Sequence[LogLikelihood]:
        """How likely each whole text is, in the same order; a text longer than the model goes through in windows.

        The windows and the tokens are those of lm-eval. A text without tokens has the log-likelihood 0.
        """
        import torch

        encoder = self._encoder
        found = windows(encoder, texts)
        if any(found):
            self._prove(window.input(encoder.max_length) for own in found for window in own)
        with torch.inference_mode():
            module = self.weights.module(self.adapter)
            return rolling_log_likelihoods(module, found, encoder.max_length, batch_size=batch_size)

    def _prove(self, requests: Iterable[Sequence[int]]) -> None:
        """Once a view, before its first answer: its adapter must act on these rows of tokens."""
        if self.adapter is not None and not self._is_proved:
            prove(self.weights, self.adapter, requests)
            self._is_proved = True

    @property
    def _encoder(self) -> Encoder:
        return self.weights.encoder_of(self.adapter)

    @property
    def _learnt_a_prompt(self) -> bool:
        return self.weights.virtual_tokens(self.adapter) > 0

    @property
    def _shares_heads(self) -> bool:
        """Not where PEFT puts tokens before each row: it knows no beginnings that were computed before."""
        return self.weights.share_heads and not self._learnt_a_prompt
