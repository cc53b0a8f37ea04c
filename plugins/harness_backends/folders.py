"""What a model on this disk looks like: cheap looks at a folder or a file, without loading anything."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from harness import UsageError

_GGUF_MAGIC = b"GGUF"
_INDEX = "model.safetensors.index.json"
_TOKENIZING = ("tokenizer*", "special_tokens_map.json", "added_tokens.json", "vocab*", "merges.txt", "*.model")
_CONFIGURING = ("config.json", "generation_config.json", "*.py")
_TEMPLATES = ("chat_template*", "additional_chat_templates/*")
_COMPANIONS = (*_TOKENIZING, *_TEMPLATES, "generation_config.json", "*.py")
_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "tokenizer_config.json", "vocab.json", "vocab.txt")


def weight_files(folder: Path) -> tuple[Path, ...]:
    """The safetensors files of a model in the order of their names; empty where there are none."""
    return tuple(sorted(folder.glob("*.safetensors")))


def tokenizer_files(folder: Path) -> tuple[Path, ...]:
    """The files that make tokens of a text, in the order of their names."""
    return _matching(folder, _TOKENIZING)


def configuration_files(folder: Path) -> tuple[Path, ...]:
    """The files that say how the weights compute and when an answer ends, the model's own code counted."""
    return _matching(folder, _CONFIGURING)


def companions(folder: Path) -> tuple[Path, ...]:
    """All that belongs to a model besides its weights and their configuration, in the order of the names."""
    return _matching(folder, _COMPANIONS)


def quantisation(folder: Path) -> str | None:
    """In what kind of packed, rounded numbers the weights lie, as ``nf4`` or ``int8``; ``None`` where they do not.

    A configuration that cannot be read says nothing of it.
    """
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    settings = config.get("quantization_config") if isinstance(config, dict) else None
    if not settings or not isinstance(settings, dict):
        return None
    if settings.get("load_in_4bit"):
        return str(settings.get("bnb_4bit_quant_type", "fp4"))
    return "int8" if settings.get("load_in_8bit") else str(settings.get("quant_method", "unknown"))


def _matching(folder: Path, patterns: Iterable[str]) -> tuple[Path, ...]:
    return tuple(sorted({file for pattern in patterns for file in folder.glob(pattern) if file.is_file()}))


def check_folder(folder: Path) -> None:
    """Raise ``UsageError`` unless ``folder`` holds a whole model: configuration, safetensors weights, tokenizer."""
    if (folder / "adapter_config.json").is_file():
        raise UsageError(
            f"{folder} holds an adapter, not a model",
            remedy="name its base model as the model and give this folder as the adapter (--adapter)",
        )
    if not (folder / "config.json").is_file():
        raise UsageError(
            f"{folder} is not a model folder: it has no config.json",
            remedy="name a folder as save_pretrained writes it, a hub id or a .gguf file",
        )
    _check_weights(folder)
    if not any((folder / name).is_file() for name in _TOKENIZERS):
        raise UsageError(
            f"{folder} holds no tokenizer", remedy="save the model's tokenizer into the folder (tokenizer.json)"
        )


def _check_weights(folder: Path) -> None:
    if not weight_files(folder):
        if any(folder.glob("*.bin")) or any(folder.glob("*.pt")) or any(folder.glob("*.pth")):
            raise UsageError(
                f"{folder} holds its weights as pickle files, which can run code when they are loaded",
                remedy="save them with save_pretrained(folder, safe_serialization=True)",
            )
        raise UsageError(f"{folder} holds no weights", remedy="it needs one or more .safetensors files")
    missing = _missing_shards(folder)
    if missing:
        raise UsageError(
            f"{folder} lacks {len(missing)} of its weight files, the first is {missing[0]}",
            remedy="fetch or save the model again",
        )


def _missing_shards(folder: Path) -> list[str]:
    index = folder / _INDEX
    if not index.is_file():
        return []
    try:
        shards = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise UsageError(f"{index} cannot be read as an index of weights", remedy="save the model again") from error
    return sorted(name for name in shards if not (folder / name).is_file())


def check_gguf(file: Path) -> None:
    """Raise ``UsageError`` unless ``file`` is there and begins as a GGUF file does."""
    if not file.is_file():
        raise UsageError(f"there is no file {file}", remedy="check the path of the .gguf file")
    with file.open("rb") as stream:
        magic = stream.read(len(_GGUF_MAGIC))
    if magic != _GGUF_MAGIC:
        raise UsageError(
            f"{file} is not a GGUF file: it does not begin with the letters GGUF", remedy="fetch the file again"
        )
