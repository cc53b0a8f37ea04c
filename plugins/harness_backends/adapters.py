"""PEFT adapters over weights that are in memory: each loaded once, one of them on at a time, or none.

Most kinds act inside the model's modules (LoRA and its variants, IA3); they are switched on and off where they are.
Adapters that learn a prompt (prompt, prefix and P-tuning) leave the modules alone: the model is asked through PEFT,
which puts made-up tokens before each row.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import ModelFailed
from harness_backends.failures import first_line

if TYPE_CHECKING:
    from peft import PeftConfig, PeftModel
    from torch import Tensor
    from torch.nn import Module, Parameter
    from transformers import PreTrainedModel

WEIGHTS = "adapter_model.safetensors"

_PROMPTS = ("PROMPT_TUNING", "PREFIX_TUNING", "P_TUNING")
"""The kinds of learned prompts that can be asked here."""

_PREFIX = "base_model.model."
"""What PEFT puts before the name of a weight."""

_FROM_THE_BASE = ("pissa", "olora", "corda", "loftq", "lora_ga")
"""Ways of starting a LoRA that take a part out of the base weights; loading such an adapter takes it out again."""


@dataclass(frozen=True, slots=True)
class _Swapped:
    """A weight of the base model that an adapter brings in a form of its own, as a trained bias."""

    weight: Parameter
    base: Tensor
    own: Tensor


@dataclass(frozen=True, slots=True)
class _Adapter:
    """A loaded adapter."""

    name: str
    peft: PeftModel
    virtual_tokens: int = 0
    """Made-up tokens before each row; 0 for an adapter that acts inside the modules."""
    swapped: tuple[_Swapped, ...] = ()


@dataclass
class Adapters:
    """The adapters of one base model."""

    base: PreTrainedModel
    _loaded: dict[Path, _Adapter] = field(default_factory=dict)
    _inside: PeftModel | None = None
    """What PEFT made of the base model for the adapters that act inside it."""
    _company: tuple[str, str] = ("", "")
    """Which adapters can be inside together: those of one kind, and one that brings biases only alone."""
    _on: _Adapter | None = None
    _count: int = 0

    def __contains__(self, folder: Path) -> bool:
        return folder in self._loaded

    def add(self, folder: Path) -> None:
        """Load the adapter of ``folder``; it is off.

        Adapters inside the modules are of one kind at a time, and one that brings biases is there alone: the others
        are unloaded. Raises ``ModelFailed`` if ``folder`` is no adapter or was made for a model of another shape; the
        base model is then as it was.
        """
        import torch

        check(folder)
        self.off()
        name = f"adapter_{self._count}"
        self._count += 1
        # weights made in inference mode could not be written to again outside it
        with told_nothing(), torch.inference_mode(mode=False):
            config = read_config(folder, self._name)
            if config.is_prompt_learning:
                self._loaded[folder] = self._prompt(folder, config, name)
                return
            company = (str(config.peft_type), name if _brings_biases(config) else "")
            if self._inside is not None and self._company != company:
                self._unload()
            self._company = company
            self._loaded[folder] = self._injected(folder, config, name)

    def remove(self, folder: Path) -> None:
        """Forget the adapter; with the last one that acts inside the modules, they are as they were before."""
        self.off()
        adapter = self._loaded.pop(folder)
        if not adapter.virtual_tokens:
            self._take_out(adapter.name)

    def on(self, folder: Path) -> PreTrainedModel:
        """What is asked for the adapter's answers, until the next call."""
        adapter = self._loaded[folder]
        module: Any = adapter.peft if adapter.virtual_tokens else self.base
        if adapter is not self._on:
            self.off()
            if not adapter.virtual_tokens:
                tuner: Any = adapter.peft.base_model
                tuner.enable_adapter_layers()
                adapter.peft.set_adapter(adapter.name, inference_mode=True)
                _put((each.weight, each.own) for each in adapter.swapped)
            self._on = adapter
        whole: PreTrainedModel = module  # PEFT's wrapper is asked in the same way
        return whole

    def off(self) -> None:
        """The base model answers as if there were no adapter, to the bit."""
        if self._inside is not None:
            tuner: Any = self._inside.base_model
            with told_nothing():
                tuner.disable_adapter_layers()
        if self._on is not None:
            _put((each.weight, each.base) for each in self._on.swapped)
        self._on = None

    def virtual_tokens(self, folder: Path) -> int:
        """How many made-up tokens stand before each row; 0 for an adapter that acts inside the modules."""
        adapter = self._loaded.get(folder)
        return adapter.virtual_tokens if adapter else 0

    @property
    def _name(self) -> str:
        return str(self.base.config.name_or_path)

    def _prompt(self, folder: Path, config: PeftConfig, name: str) -> _Adapter:
        from peft import PeftModelForCausalLM

        kind = str(getattr(config.peft_type, "value", config.peft_type))
        if kind not in _PROMPTS:
            raise ModelFailed(
                f"the adapter {folder} is of the kind {kind}; of those that learn a prompt, this backend takes "
                + ", ".join(_PROMPTS)
            )
        layers = self.base.config.get_text_config().num_hidden_layers
        learned = getattr(config, "num_layers", None)
        if kind == "PREFIX_TUNING" and learned not in (None, layers):
            raise ModelFailed(misfit(self._name, folder, f"its prefix is for {learned} layers, the model has {layers}"))
        with _misfitting(self._name, folder):
            peft = PeftModelForCausalLM(self.base, config, name)
            peft.load_adapter(str(folder), name, torch_device=str(self.base.device))
        learned_tokens: Any = config  # a field of these kinds only
        return _Adapter(name, peft, virtual_tokens=int(learned_tokens.num_virtual_tokens))

    def _injected(self, folder: Path, config: PeftConfig, name: str) -> _Adapter:
        before = [(weight, weight.detach().clone()) for weight in _may_change(self.base, config, folder)]
        try:
            peft = self._filled(folder, config, name)
            changed = [(weight, base) for weight, base in before if not weight.equal(base)]
            swapped = tuple(_Swapped(weight, base, weight.detach().clone()) for weight, base in changed)
        finally:
            _put(before)
        return _Adapter(name, peft, swapped=swapped)

    def _filled(self, folder: Path, config: PeftConfig, name: str) -> PeftModel:
        from peft import PeftModel

        with _misfitting(self._name, folder):
            peft = self._inside or PeftModel(self.base, config, name)
            if self._inside is not None:
                peft.add_adapter(name, config)
        self._inside = peft
        try:
            with _misfitting(self._name, folder):
                result = peft.load_adapter(str(folder), name, torch_device=str(self.base.device))
                absent = [*result.missing_keys, *result.unexpected_keys]
                if absent:
                    raise RuntimeError(f"{len(absent)} of its weights have no counterpart, the first is {absent[0]}")
        except ModelFailed:
            self._take_out(name)
            raise
        self.off()
        return peft

    def _take_out(self, name: str) -> None:
        assert self._inside is not None, "an adapter acts inside the modules"
        if len(self._inside.peft_config) > 1:
            self._inside.delete_adapter(name)
        else:
            self._unload()

    def _unload(self) -> None:
        """Every module as it was before the first adapter came."""
        from peft.utils.other import ModulesToSaveWrapper

        assert self._inside is not None, "an adapter acts inside the modules"
        # PEFT would leave trained copies of whole modules in the place of the originals
        originals: dict[str, Module] = {
            name: module.original_module
            for name, module in self.base.named_modules()
            if isinstance(module, ModulesToSaveWrapper)
        }
        self._inside.unload()
        for name, module in originals.items():
            self.base.set_submodule(name, module)
        self._inside = None
        self._loaded = {folder: each for folder, each in self._loaded.items() if each.virtual_tokens}


def check(folder: Path) -> None:
    """Raise ``ModelFailed`` unless ``folder`` holds an adapter with safetensors weights."""
    from safetensors import SafetensorError, safe_open

    if not (folder / "adapter_config.json").is_file():
        if (folder / "config.json").is_file():
            raise ModelFailed(f"{folder} holds a whole model, not an adapter; name it as the model instead")
        raise ModelFailed(f"{folder} is not an adapter folder: it has no adapter_config.json")
    if not (folder / WEIGHTS).is_file():
        raise ModelFailed(f"{folder} has no {WEIGHTS}; adapters are read from safetensors only, never from pickle")
    try:
        with safe_open(folder / WEIGHTS, framework="pt"):
            pass  # its header says whether the file is whole
    except (OSError, SafetensorError) as error:
        raise ModelFailed(f"{folder / WEIGHTS} cannot be read: {first_line(error)}") from error


def read_config(folder: Path, base: str) -> PeftConfig:
    """What the adapter says of itself, ready to answer rather than to be trained; ``base`` is the model's name."""
    from peft import PeftConfig

    with _misfitting(base, folder):
        config: PeftConfig = PeftConfig.from_pretrained(str(folder))
    config.inference_mode = True
    return config


def changes(folder: Path) -> set[str]:
    """The names of the adapter's weights, each below the name of the module that it changes."""
    return {name.removeprefix(_PREFIX) for name in _brought(folder)}


def misfit(base: str, folder: Path, reason: str) -> str:
    """That the adapter was made for another model, and why, in one line."""
    lines = [line.strip() for line in reason.splitlines() if line.strip()] or ["no reason given"]
    # the first line of torch only says that something went wrong, the second says what
    why = lines[1] if len(lines) > 1 and lines[0].startswith("Error(s) in loading") else lines[0]
    return f"the adapter {folder} was made for another base model than {base}: {why}"


def _may_change(base: PreTrainedModel, config: PeftConfig, folder: Path) -> Iterator[Parameter]:
    """The base model's own weights that loading such an adapter may write to."""
    start = str(getattr(config, "init_lora_weights", "")).lower()
    if start.startswith(_FROM_THE_BASE):
        yield from base.parameters()
        return
    brought, biases = _brought(folder), _brings_biases(config)
    for name, weight in base.named_parameters(remove_duplicate=False):  # tied weights have two names
        if (biases and name.endswith("bias")) or _PREFIX + name.replace(".base_layer.", ".") in brought:
            yield weight


def _brought(folder: Path) -> set[str]:
    """The names in the adapter's file, where PEFT puts embeddings of the base model too."""
    from safetensors import safe_open

    with safe_open(folder / WEIGHTS, framework="pt") as file:
        return {name.replace(".base_layer.", ".") for name in file.keys()}  # noqa: SIM118 - not a mapping


def _brings_biases(config: PeftConfig) -> bool:
    """Its biases are known by names that other adapters change."""
    return getattr(config, "bias", "none") != "none"


def _put(values: Iterable[tuple[Parameter, Tensor]]) -> None:
    import torch

    with torch.no_grad():
        for weight, value in values:
            weight.copy_(value)


@contextmanager
def _misfitting(base: str, folder: Path) -> Iterator[None]:
    try:
        yield
    except (RuntimeError, ValueError, TypeError, KeyError) as error:
        raise ModelFailed(misfit(base, folder, str(error))) from error


@contextmanager
def told_nothing() -> Iterator[None]:
    """What PEFT and Transformers have to tell each other is nothing that a user could act on."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        warnings.simplefilter("ignore", UserWarning)
        yield
