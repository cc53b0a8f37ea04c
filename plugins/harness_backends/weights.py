"""A model's weights in memory, held once, with adapters that are switched on and off."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import ModelFacts, ModelFailed, ModelRef
from harness_backends.encoding import Encoder, longest_input
from harness_backends.folders import configuration_files, tokenizer_files, weight_files
from harness_backends.passes import probe_logits, why_plain
from harness_backends.quiet import without_bars

if TYPE_CHECKING:
    import torch
    from peft import PeftModel
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
    _peft: PeftModel | None = None
    _names: dict[Path, str] = field(default_factory=dict)

    @classmethod
    def load(cls, ref: ModelRef, folder: Path, *, share_heads: bool) -> Weights:
        """The weights of ``folder`` in memory, ready to answer; raises ``ModelFailed`` with the reason."""
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

        device = _device(ref.device)
        with _failing(f"{ref.name} cannot be opened"), without_bars():
            tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=ref.trust_remote_code)
            module: Any = AutoModelForCausalLM.from_pretrained(
                folder,
                dtype=getattr(torch, ref.dtype),
                use_safetensors=True,
                trust_remote_code=ref.trust_remote_code,
            )
            module.to(device=device)
            module.eval()
        ends = _ends(module, tokenizer)
        # sampling habits that a model's folder may bring (a repetition penalty, a temperature) are not the suite's
        module.generation_config = GenerationConfig(  # type: ignore[no-untyped-call]  # unannotated upstream
            bos_token_id=tokenizer.bos_token_id, eos_token_id=list(ends) or None, pad_token_id=_padding(tokenizer, ends)
        )
        encoder = Encoder(tokenizer, longest_input(module.config, tokenizer))
        parameters = sum(weight.numel() for weight in module.parameters())
        with torch.inference_mode():
            reason = why_plain(module) if share_heads else "share_heads is off"
        return cls(ref, folder, module, encoder, ends, parameters, reason)

    @property
    def share_heads(self) -> bool:
        """Whether beginnings that texts share are computed once."""
        return self.why_plain is None

    @cached_property
    def facts(self) -> ModelFacts:
        """What the record keeps; the digests are of the files that were loaded."""
        template = self.encoder.tokenizer.chat_template
        return ModelFacts(
            name=self.ref.name,
            folder=str(self.folder),
            weights_sha256=_digest(weight_files(self.folder)),
            template_sha256=hashlib.sha256(str(template).encode()).hexdigest() if template else None,
            tokenizer_sha256=_digest(tokenizer_files(self.folder)),
            config_sha256=_digest(configuration_files(self.folder)),
            dtype=self.ref.dtype,
            device=str(self._open().device),
            parameters=self.parameters,
            path_taken="prefix tree" if self.why_plain is None else f"plain: {self.why_plain}",
        )

    def module(self, adapter: Path | None) -> PreTrainedModel:
        """The model with this adapter switched on, or with none; right until the next call.

        An adapter is loaded when it is first asked for. Raises ``ModelFailed`` if it does not fit the model, or if it
        changes nothing: an evaluation would then show the base model's answers as the adapter's.
        """
        base = self._open()
        if adapter is None:
            self._switch_off()
            return base
        folder = adapter.resolve()
        if folder not in self._names:
            self._add(folder)
        self._switch_on(self._names[folder])
        return base

    def close(self) -> None:
        """Let go of the memory, whoever still holds a view."""
        import gc

        import torch

        self.base = self._peft = None
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _open(self) -> PreTrainedModel:
        if self.base is None:
            raise ModelFailed(f"{self.ref.name} is closed")
        return self.base

    def _switch_on(self, name: str) -> None:
        assert self._peft is not None, "an adapter has been added"
        tuner: Any = self._peft.base_model
        tuner.enable_adapter_layers()
        self._peft.set_adapter(name, inference_mode=True)

    def _switch_off(self) -> None:
        if self._peft is not None:
            tuner: Any = self._peft.base_model
            tuner.disable_adapter_layers()

    def _add(self, folder: Path) -> None:
        import torch

        from harness_backends.adapters import load, remove

        name = f"adapter_{len(self._names)}"
        with torch.inference_mode():
            before = probe_logits(self.module(None))
        self._peft = load(self._open(), self._peft, folder, name)
        self._switch_on(name)
        with torch.inference_mode():
            after = probe_logits(self._open())
        if torch.equal(before, after):
            self._peft = remove(self._peft, name)
            raise ModelFailed(
                f"the adapter {folder} changes nothing: with and without it the model answers the same; "
                "it was not trained, or was saved before training"
            )
        self._names[folder] = name


def _device(name: str) -> torch.device:
    import torch

    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    usable = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not usable[name.split(":")[0]]:
        raise ModelFailed(f"the device {name} is not there; use device: auto or cpu")
    return torch.device(name)


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


@contextmanager
def _failing(what: str) -> Iterator[None]:
    """What the libraries raise for a broken model or too little memory, in one line."""
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, ValueError, KeyError, RuntimeError, ImportError, MemoryError, SafetensorError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelFailed(f"{what}: {reason}") from error
