"""A whole model in a folder, small enough to make inside a test: random weights, a real tokenizer, a chat template.

Both makers import torch inside; made twice with the same seed, a folder holds the same weights.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

_VOCABULARY = 400
_BEGIN, _END, _PAD = "<|im_start|>", "<|im_end|>", "<|pad|>"

_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)

_TEXT = (
    "system\nYou are a helpful assistant that turns a ticket into JSON.\n",
    "user\nMy order number is 4711 and the parcel has not arrived; please send it again.\n",
    'assistant\n{"product": "lamp", "order": 4711, "priority": "high", "refund": null}\n',
    "The capital of France is Paris, and two plus two is four.",
    "Question: which of these is a planet? Answer: the third one.",
    "A man is sitting on a roof. He starts pulling up roofing, and then he climbs down the ladder.",
)


def tiny_llama(folder: Path, *, seed: int = 0) -> Path:
    """``folder`` filled with a random Llama of about 100,000 parameters in float32.

    Two layers of width 64 over a byte-level vocabulary, so that any text can be encoded; a ChatML template;
    end and padding tokens set; safetensors; 2,048 positions. It speaks nonsense, but always the same.
    """
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = _tokenizer()
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        # wider than usual: with the common 0.02 every logit is near 0 and greedy choices hang on rounding
        initializer_range=0.2,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        tie_word_embeddings=True,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = LlamaForCausalLM(config)
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder, safe_serialization=True)
    tokenizer.save_pretrained(folder)
    return folder


def tiny_adapter(model_folder: Path, folder: Path, seed: int = 1) -> Path:
    """``folder`` filled with a LoRA adapter of the model in ``model_folder``; neither matrix is zero, so it acts."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(model_folder, dtype=torch.float32)
    config = LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        adapted = get_peft_model(model, config)
        for name, weight in adapted.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(weight, std=0.2)
    folder.mkdir(parents=True, exist_ok=True)
    adapted.save_pretrained(str(folder))
    return folder


def _tokenizer() -> PreTrainedTokenizerFast:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=_VOCABULARY,
        special_tokens=[_PAD, _BEGIN, _END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    raw.train_from_iterator(_TEXT, trainer)
    tokenizer = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]  # transformers leaves it unannotated
        tokenizer_object=raw, bos_token=_BEGIN, eos_token=_END, pad_token=_PAD, model_max_length=2048
    )
    tokenizer.chat_template = _TEMPLATE
    return tokenizer
