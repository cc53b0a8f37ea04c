"""The methods of supervised fine-tuning: what each trains, and the options that only it has."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal

from harness import TrainsOn, UsageError
from harness_trainers.options import PACKAGES, Common, Writes, one_of, require, share

BIASES = ("none", "all", "lora_only")
STARTS = (True, "gaussian", "orthogonal")


@dataclass(frozen=True, kw_only=True)
class Full(Common):
    """Trains all weights of the model, on the answers of chat rows."""

    name: ClassVar[str] = "full"

    learning_rate: float = 2e-5
    """As Stanford Alpaca trained (Taori and others, 2023), and TRL's default."""
    freeze_layers: int = 0
    """So many of the first layers stay as they are."""
    freeze_embeddings: bool = False
    """Whether the token embeddings stay as they are, and the output layer with them where it is tied to them."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.freeze_layers >= 0, f"freeze_layers must not be below 0, not {self.freeze_layers}")

    @property
    def writes(self) -> Writes:
        """A whole model."""
        return "model"

    def freeze(self, model: Any) -> None:  # noqa: ANN401 - a model of transformers'
        """The first layers and the embeddings, as the options say; ``UsageError`` where there are fewer layers."""
        from harness_trainers.modules import layers

        found = layers(model)
        if self.freeze_layers > len(found):
            raise UsageError(
                f"trainer 'full': freeze_layers is {self.freeze_layers}, but the model has {len(found)} layers"
            )
        for layer in found[: self.freeze_layers]:
            layer.requires_grad_(False)
        if self.freeze_embeddings:
            model.get_input_embeddings().requires_grad_(False)


@dataclass(frozen=True, kw_only=True)
class LoraOptions(Common):
    """What a LoRA adapter can be told; the options have PEFT's names."""

    learning_rate: float = 2e-4
    """As the QLoRA paper (Dettmers and others, 2023) trains models of 7 and 13 billion weights."""
    r: int = 16
    """Rank of the two matrices that are trained beside each adapted one."""
    lora_alpha: int = 32
    """The adapter's output is scaled by ``lora_alpha / r``."""
    lora_dropout: float = 0.0
    """The share of an adapted module's inputs that are left out at random while training."""
    bias: Literal["none", "all", "lora_only"] = "none"
    """Which biases are trained too: ``none``, ``all``, or ``lora_only``, those of the adapted modules."""
    target_modules: str | tuple[str, ...] = "all-linear"
    """``all-linear``, as the QLoRA paper found necessary to match full fine-tuning; ``attention``, the projections of
    the attention; or the ends of the names of the modules to adapt: ``[q_proj, v_proj]``."""
    use_dora: bool = False
    """Trains the length of each adapted weight column apart from its direction (DoRA: Liu and others, 2024)."""
    use_rslora: bool = False
    """Scales by ``lora_alpha / sqrt(r)``, which keeps high ranks stable (Kalajdzievski, 2023)."""
    init_lora_weights: bool | str = True
    """How the matrices begin: ``true`` is PEFT's default, the other two are ``gaussian`` and ``orthogonal``. Each
    leaves the model at first as it is; those that change the base weights too are not offered."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.r >= 1, f"r must be at least 1, not {self.r}")
        require(self.lora_alpha > 0, f"lora_alpha must be more than 0, not {self.lora_alpha}")
        share("lora_dropout", self.lora_dropout)
        one_of("bias", self.bias, BIASES)
        one_of("init_lora_weights", self.init_lora_weights, STARTS)
        require(
            self.init_lora_weights != "orthogonal" or self.r % 2 == 0,
            f"init_lora_weights orthogonal needs an even r, not {self.r}",
        )
        named = bool(self.target_modules) and not isinstance(self.target_modules, str)
        require(
            named or self.target_modules in ("all-linear", "attention"),
            "target_modules must be all-linear, attention or a list of module names",
        )

    def adapter(self, model: Any) -> Any:  # noqa: ANN401 - a model of transformers', a configuration of PEFT's
        """The LoRA adapter; ``UsageError`` for modules that ``model`` does not have."""
        from peft import LoraConfig

        from harness_trainers.modules import attention, check

        targets: str | list[str] = "all-linear"
        if self.target_modules == "attention":
            targets = attention(model)
        elif not isinstance(self.target_modules, str):
            targets = check(self.name, model, self.target_modules)
        start: Any = self.init_lora_weights
        return LoraConfig(
            r=self.r,
            lora_alpha=self.lora_alpha,
            lora_dropout=self.lora_dropout,
            bias=self.bias,
            target_modules=targets,
            use_dora=self.use_dora,
            use_rslora=self.use_rslora,
            init_lora_weights=start,
            task_type="CAUSAL_LM",
        )


@dataclass(frozen=True, kw_only=True)
class Lora(LoraOptions):
    """Trains a LoRA adapter beside the frozen model, on the answers of chat rows (Hu and others, 2021)."""

    name: ClassVar[str] = "lora"


@dataclass(frozen=True, kw_only=True)
class Qlora(LoraOptions):
    """Trains a LoRA adapter beside a model whose weights are held in 4 bits (NF4: Dettmers and others, 2023)."""

    name: ClassVar[str] = "qlora"
    requires_packages: ClassVar[tuple[str, ...]] = (*PACKAGES, "bitsandbytes")

    bnb_4bit_use_double_quant: bool = True
    """Holds the scales of the 4-bit blocks in 8 bits, which saves about 0.4 bits a weight."""
    bnb_4bit_compute_dtype: str = "auto"
    """In which type the 4-bit weights are multiplied; ``auto`` is the one that ``precision`` computes in."""

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("bnb_4bit_compute_dtype", self.bnb_4bit_compute_dtype, ("auto", "float32", "bfloat16", "float16"))

    def quantization(self, compute_dtype: str) -> Any:  # noqa: ANN401 - a configuration of transformers'
        """NF4; the weights are made 4 bits wide while they are read."""
        import torch
        from transformers import BitsAndBytesConfig

        chosen = compute_dtype if self.bnb_4bit_compute_dtype == "auto" else self.bnb_4bit_compute_dtype
        return BitsAndBytesConfig(  # type: ignore[no-untyped-call]
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=self.bnb_4bit_use_double_quant,
            bnb_4bit_compute_dtype=getattr(torch, chosen),
        )


@dataclass(frozen=True, kw_only=True)
class PromptOptions(Common):
    """What all methods share that learn virtual tokens before each row."""

    learns_a_prompt: ClassVar[bool] = True

    num_virtual_tokens: int = 20
    """How many are learnt."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.num_virtual_tokens >= 1, f"num_virtual_tokens must be at least 1, not {self.num_virtual_tokens}")
        # PEFT drops the positions of such a batch, and with them what keeps its rows apart
        require(not self.packing, f"packing does not go with {self.name}, whose virtual tokens stand before each row")


@dataclass(frozen=True, kw_only=True)
class PrefixTuning(PromptOptions):
    """Trains keys and values that stand before each row in every layer (Li and Liang, 2021)."""

    name: ClassVar[str] = "prefix_tuning"

    learning_rate: float = 1e-2
    """As PEFT's own example has it."""
    prefix_projection: bool = False
    """Whether a small network makes them while training, as in the paper; more to train, steadier at low rates."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(
            not self.gradient_checkpointing,
            "gradient_checkpointing does not go with prefix_tuning: what is computed twice would lose the prefix",
        )

    def adapter(self, model: Any) -> Any:  # noqa: ANN401 - a model of transformers', a configuration of PEFT's
        """The prefix."""
        from peft import PrefixTuningConfig

        return PrefixTuningConfig(
            num_virtual_tokens=self.num_virtual_tokens,
            prefix_projection=self.prefix_projection,
            task_type="CAUSAL_LM",
        )


@dataclass(frozen=True, kw_only=True)
class PromptTuning(PromptOptions):
    """Trains embeddings of virtual tokens that stand before each row (Lester and others, 2021)."""

    name: ClassVar[str] = "prompt_tuning"

    learning_rate: float = 3e-2
    """As PEFT's own example has it; the paper's 0.3 is with another optimizer, Adafactor."""
    prompt_tuning_init: str = "random"
    """``random``, or ``text``: the virtual tokens begin as those of ``prompt_tuning_init_text``."""
    prompt_tuning_init_text: str | None = None
    """Cut or repeated until it has ``num_virtual_tokens`` tokens."""

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("prompt_tuning_init", self.prompt_tuning_init, ("random", "text"))
        require(
            bool(self.prompt_tuning_init_text) == (self.prompt_tuning_init == "text"),
            "prompt_tuning_init: text and prompt_tuning_init_text go together",
        )

    def adapter(self, model: Any) -> Any:  # noqa: ANN401 - a model of transformers', a configuration of PEFT's
        """The prompt; text is read with the tokenizer in the model's folder."""
        from peft import PromptTuningConfig, PromptTuningInit

        return PromptTuningConfig(
            num_virtual_tokens=self.num_virtual_tokens,
            prompt_tuning_init=PromptTuningInit(self.prompt_tuning_init.upper()),
            prompt_tuning_init_text=self.prompt_tuning_init_text,
            tokenizer_name_or_path=model.name_or_path if self.prompt_tuning_init_text else None,
            task_type="CAUSAL_LM",
        )


@dataclass(frozen=True, kw_only=True)
class Ia3(Common):
    """Trains one factor for each key, value and inner activation (IA3: Liu and others, 2022)."""

    name: ClassVar[str] = "ia3"

    learning_rate: float = 3e-3
    """As T-Few, the recipe of the paper, has it."""

    def adapter(self, model: Any) -> Any:  # noqa: ANN401 - a model of transformers', a configuration of PEFT's
        """The factors, where PEFT or the names of a Llama have them; ``UsageError`` for a model without."""
        from peft import IA3Config

        from harness_trainers.modules import scaled

        targets, feedforward = scaled(model)
        return IA3Config(target_modules=targets, feedforward_modules=feedforward, task_type="CAUSAL_LM")


@dataclass(frozen=True, kw_only=True)
class ContinuedPretraining(LoraOptions):
    """Goes on with the pretraining on raw text: ``{"text": ...}`` a row, the loss on every token."""

    name: ClassVar[str] = "continued_pretraining"
    trains_on: ClassVar[TrainsOn] = "text"

    method: str = "full"
    """``full`` trains all weights, ``lora`` an adapter, for which alone the options of LoRA are."""
    learning_rate: float = 0.0
    """0 stands for what is common practice: 5e-5 for ``full`` and 1e-4 for ``lora``."""
    packing: bool = True
    """Texts share sequences of ``max_length`` tokens, and a longer one is split; none sees another."""

    def __post_init__(self) -> None:
        one_of("method", self.method, ("full", "lora"))
        if self.learning_rate == 0:
            object.__setattr__(self, "learning_rate", 5e-5 if self.method == "full" else 1e-4)
        super().__post_init__()
        require(not self.assistant_only_loss, "assistant_only_loss is for conversations, and this trains on raw text")
        for option in fields(LoraOptions) if self.method == "full" else ():
            is_of_lora = option.name not in Common.__dataclass_fields__
            require(
                not is_of_lora or getattr(self, option.name) == option.default,
                f"{option.name} is an option of method: lora, and the method is full",
            )

    @property
    def writes(self) -> Writes:
        """A whole model, or an adapter."""
        return "model" if self.method == "full" else "adapter"

    def adapter(self, model: Any) -> Any:  # noqa: ANN401 - a model of transformers', a configuration of PEFT's
        """That of ``lora``; none for ``full``."""
        return super().adapter(model) if self.method == "lora" else None
