"""A model's weights in memory, held once, with adapters that are switched on and off."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import ModelFacts, ModelFailed, ModelRef, compute_alike
from harness_backends.adapters import Adapters, misfit
from harness_backends.encoding import Encoder, longest_input
from harness_backends.failures import in_one_line
from harness_backends.folders import configuration_files, quantisation, tokenizer_files, weight_files
from harness_backends.foreign import foreign_code
from harness_backends.passes import bears_padding, probe_logits, why_plain
from harness_backends.quiet import without_bars

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


@dataclass
class Weights:
    """What was loaded; every view of the model works on this one copy."""

    ref: ModelRef
    folder: Path
    base: PreTrainedModel | None
    encoder: Encoder
    ends: tuple[int, ...]
    """The tokens that end an answer."""
    parameters: int
    why_plain: str | None
    """Why beginnings that texts share are computed again for each; ``None`` where they are computed once."""
    may_pad: bool
    """Whether prompts may be answered together, padded to one length; else each is answered by itself."""
    _adapters: Adapters | None = field(default=None, repr=False)

    @classmethod
    def load(cls, ref: ModelRef, folder: Path, *, share_heads: bool) -> Weights:
        """The weights of ``folder`` in memory, ready to answer; raises ``ModelFailed`` with the reason."""
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

        device = device_of(ref.device)
        with in_one_line(f"{ref.name} cannot be opened"), without_bars():
            tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=ref.trust_remote_code)
            module: Any = AutoModelForCausalLM.from_pretrained(
                folder,
                dtype=getattr(torch, ref.dtype),
                use_safetensors=True,
                trust_remote_code=ref.trust_remote_code,
                **(placed(device) if quantisation(folder) else {}),
            )
            if quantisation(folder):
                stay(module)
            else:
                module.to(device=device)
            module.eval()
            compute_alike(module.modules())
        ends = _ends(module, tokenizer)
        # sampling habits that a model's folder may bring (a repetition penalty, a temperature) are not the suite's
        module.generation_config = GenerationConfig(  # type: ignore[no-untyped-call]  # unannotated upstream
            bos_token_id=tokenizer.bos_token_id, eos_token_id=list(ends) or None, pad_token_id=_padding(tokenizer, ends)
        )
        encoder = Encoder(tokenizer, longest_input(module.config, tokenizer))
        parameters = module.num_parameters()  # of packed weights it knows how many they stand for
        with torch.inference_mode():
            reason = why_plain(module) if share_heads else "share_heads is off"
            may_pad = reason is None or bears_padding(module)
        return cls(ref, folder, module, encoder, ends, parameters, reason, may_pad)

    @property
    def share_heads(self) -> bool:
        """Whether beginnings that texts share are computed once."""
        return self.why_plain is None

    @cached_property
    def facts(self) -> ModelFacts:
        """What the record keeps; the digests are of the files that were loaded, code from elsewhere among them."""
        template, base = self.encoder.tokenizer.chat_template, self._open()
        computing = (*configuration_files(self.folder), *foreign_code(self.folder, base, base.config))
        encoding = (*tokenizer_files(self.folder), *foreign_code(self.folder, self.encoder.tokenizer))
        return ModelFacts(
            name=self.ref.name,
            folder=str(self.folder),
            weights_sha256=_digest(weight_files(self.folder)),
            template_sha256=hashlib.sha256(str(template).encode()).hexdigest() if template else None,
            tokenizer_sha256=_digest(encoding),
            config_sha256=_digest(computing),
            dtype=self.ref.dtype + self._rounded,
            device=str(base.device),
            parameters=self.parameters,
            path_taken="prefix tree" if self.why_plain is None else f"plain: {self.why_plain}",
            window=self.encoder.max_length,
        )

    @property
    def _rounded(self) -> str:
        """In what packed numbers the weights lie, and whose: another version of the package may compute otherwise."""
        kind = quantisation(self.folder)
        if kind is None:
            return ""
        try:
            return f", weights in {kind} by bitsandbytes {version('bitsandbytes')}"
        except PackageNotFoundError:
            return f", weights in {kind}"

    def module(self, adapter: Path | None) -> PreTrainedModel:
        """The model with this adapter switched on, or with none; right until the next call.

        An adapter is loaded when it is first asked for. Raises ``ModelFailed`` if it does not fit the model, or if it
        changes nothing: an evaluation would then show the base model's answers as the adapter's.
        """
        base, adapters = self._open(), self._held()
        if adapter is None:
            adapters.off()
            return base
        folder = adapter.resolve()
        if folder not in adapters:
            self._add(folder)
        return adapters.on(folder)

    def virtual_tokens(self, adapter: Path | None) -> int:
        """How many made-up tokens an adapter that learnt a prompt puts before each row; else 0."""
        return self._held().virtual_tokens(adapter.resolve()) if adapter else 0

    def encoder_of(self, adapter: Path | None) -> Encoder:
        """The encoder, with the room that this adapter leaves for a text."""
        taken = self.virtual_tokens(adapter)
        return replace(self.encoder, max_length=self.encoder.max_length - taken) if taken else self.encoder

    def close(self) -> None:
        """Let go of the memory, whoever still holds a view."""
        import gc

        import torch

        self.base = self._adapters = None
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _open(self) -> PreTrainedModel:
        if self.base is None:
            raise ModelFailed(f"{self.ref.name} is closed")
        return self.base

    def _held(self) -> Adapters:
        if self._adapters is None:
            self._adapters = Adapters(self._open())
        return self._adapters

    def _add(self, folder: Path) -> None:
        import torch

        adapters = self._held()
        with torch.inference_mode():
            before = probe_logits(self.module(None))
        adapters.add(folder)
        try:
            with torch.inference_mode():
                after = probe_logits(adapters.on(folder))
        except RuntimeError as error:
            learnt_a_prompt = adapters.virtual_tokens(folder) > 0
            adapters.remove(folder)
            if not learnt_a_prompt:
                raise
            # that it was learnt for other shapes shows only when it is first asked
            raise ModelFailed(misfit(str(self.folder), folder, str(error))) from error
        if torch.equal(before, after):
            adapters.remove(folder)
            raise ModelFailed(
                f"the adapter {folder} changes nothing: with and without it the model answers the same; "
                "it was not trained, or was saved before training"
            )


def device_of(name: str) -> torch.device:
    """The device that ``ModelRef.device`` means; raises ``ModelFailed`` where it is not there."""
    import torch

    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    usable = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not usable[name.split(":")[0]]:
        raise ModelFailed(f"the device {name} is not there; use device: auto or cpu")
    return torch.device(name)


def placed(device: torch.device) -> dict[str, object]:
    """The arguments that put a model with packed weights whole on one device, where moving it is not supported."""
    return {"device_map": {"": str(device)}}


def stay(module: PreTrainedModel) -> None:
    """Let a model that was ``placed`` count as one that lies in one place."""
    module.__dict__.pop("hf_device_map", None)  # else what works on the model takes it for one spread over devices


def _ends(module: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> tuple[int, ...]:
    declared = module.generation_config.eos_token_id if module.generation_config else None
    listed = declared if isinstance(declared, list) else [declared]
    return tuple(sorted({int(end) for end in [*listed, tokenizer.eos_token_id] if end is not None}))


def _padding(tokenizer: PreTrainedTokenizerBase, ends: tuple[int, ...]) -> int:
    padding = tokenizer.pad_token_id
    return padding if isinstance(padding, int) else next(iter(ends), 0)


def _digest(files: Iterable[Path]) -> str:
    """SHA-256 over the contents of the files, one after the other."""
    whole = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                whole.update(block)
    return whole.hexdigest()
