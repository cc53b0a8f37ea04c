"""What a training leaves on disk: its state, to be gone on with, and the checkpoints made of that.

The state is what transformers' trainer saves: weights, optimizer, scheduler and random numbers, a folder each time. Its
optimizer and random states are pickle files of our own making, which transformers reads with ``weights_only``; they are
removed with the folder when the training ends, and the weights themselves are safetensors always.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness_trainers.options import Writes

STATES = "resume"
"""The folder of the states that a training which was cut off goes on from."""
TRAINED = "trained.safetensors"
"""The trained parameters of an adapter, each by its name. What PEFT writes is not always what was trained."""
_STATE = "trainer_state.json"
_SEAL = "complete"
_PREFIX = "checkpoint-"
_OF_A_MODEL = (".safetensors", ".json", ".jinja", ".model", ".txt", ".py")
_OF_DEEPSPEED = ("zero_to_fp32.py", "zero_to_torch.py")
"""Programs that it lays beside its states."""
_OF_AN_ADAPTER = ("adapter_model.safetensors", "adapter_config.json", "README.md")


@dataclass(frozen=True, slots=True)
class Saved:
    """The state of a training after ``step`` steps."""

    folder: Path
    state: Mapping[str, Any]
    """As transformers writes it."""
    method: str
    """The name of the trainer that it is of."""

    @property
    def step(self) -> int:
        """Steps done."""
        return int(self.state["global_step"])

    @property
    def is_finished(self) -> bool:
        """Whether the training had come to its end when it was saved."""
        return bool(self.state["stateful_callbacks"]["TrainerControl"]["args"]["should_training_stop"])


def folder_of(parent: Path, step: int) -> Path:
    """Where the checkpoint of a step lies."""
    return parent / f"{_PREFIX}{step}"


def last(parent: Path) -> Saved | None:
    """The newest state in ``parent`` that was written whole; one that was cut off in writing does not count."""
    whole = [folder for folder in parent.glob(f"{_PREFIX}*") if (folder / _SEAL).is_file()]
    if not whole:
        return None
    newest = max(whole, key=_step)
    state = json.loads((newest / _STATE).read_text(encoding="utf-8"))
    return Saved(newest, state, (newest / _SEAL).read_text(encoding="utf-8"))


def seal(folder: Path, method: str) -> None:
    """Declare a state of a method whole, once all of it is on the disk, so that no loss of power undoes it."""
    for each in folder.rglob("*"):
        _flush(each)
    part = folder / f".{_SEAL}"
    part.write_text(method, encoding="utf-8")
    _flush(part)
    part.rename(folder / _SEAL)
    _flush(folder)


def drop_all_but(parent: Path, steps: Iterable[int]) -> None:
    """Remove the states of all other steps."""
    for folder in parent.glob(f"{_PREFIX}*"):
        if _step(folder) not in set(steps):
            # half removed it is not whole
            (folder / _SEAL).unlink(missing_ok=True)
            shutil.rmtree(folder)


def remove(parent: Path) -> None:
    """Remove all states; where that is cut off, none of what is left counts as whole."""
    for seal_of_one in parent.glob(f"{_PREFIX}*/{_SEAL}"):
        seal_of_one.unlink()
    shutil.rmtree(parent)


def publish(state: Path, target: Path, writes: Writes) -> None:
    """Put the adapter or the model of a saved state into ``target``, without what only the training needs."""
    target.mkdir(parents=True, exist_ok=True)
    for source in _files(state, writes):
        copy = target / source.name
        copy.unlink(missing_ok=True)
        if source.suffix == ".safetensors":
            _link(source, copy)
        else:
            shutil.copyfile(source, copy)
    config = target / "adapter_config.json"
    if writes == "adapter":
        _sort(config)


def publish_apart(state: Path, target: Path, writes: Writes) -> None:
    """The same, but ``target`` is there whole or not at all."""
    part = target.with_name(f".{target.name}")
    shutil.rmtree(part, ignore_errors=True)
    publish(state, part, writes)
    shutil.rmtree(target, ignore_errors=True)
    part.rename(target)


def sha256(folder: Path, writes: Writes) -> str:
    """SHA-256 (hex) of a checkpoint: over the weights, and of an adapter over its configuration too."""
    found = hashlib.sha256()
    names = _OF_AN_ADAPTER[:2] if writes == "adapter" else sorted(each.name for each in folder.glob("*.safetensors"))
    for name in names:
        with (folder / name).open("rb") as file:
            while block := file.read(1 << 20):
                found.update(block)
    return found.hexdigest()


def _files(state: Path, writes: Writes) -> Iterator[Path]:
    if writes == "adapter":
        return (state / name for name in _OF_AN_ADAPTER if (state / name).is_file())
    others = (_STATE, *_OF_DEEPSPEED)
    return (each for each in sorted(state.iterdir()) if each.suffix in _OF_A_MODEL and each.name not in others)


def _link(source: Path, target: Path) -> None:
    """The same file under another name, which costs nothing; a copy where the disk cannot do that."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _sort(config: Path) -> None:
    """PEFT keeps some options as sets, whose order differs from process to process."""
    facts = json.loads(config.read_text(encoding="utf-8"))
    for name in ("target_modules", "feedforward_modules"):
        if isinstance(facts.get(name), list):
            facts[name].sort()
    config.write_text(json.dumps(facts, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _step(folder: Path) -> int:
    number = folder.name.removeprefix(_PREFIX)
    return int(number) if number.isdecimal() else -1


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
