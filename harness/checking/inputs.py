"""What checks look at besides their rows: which tables there are, what they are for, and all that goes with them."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from harness.catalog import Catalog
from harness.errors import HarnessError, NotMeasured, UsageError
from harness.identity import with_unique_ids
from harness.models import hub_snapshot
from harness.protocols import Benchmark, BenchmarkContext
from harness.values import ModelRef, Ref, Sample, Suite

Role = Literal["train", "validation", "test"]

PUBLIC = ("mmlu", "hellaswag")
"""The benchmarks that most models are told by."""

_ROLES: Mapping[str, Role] = {
    "train": "train",
    "training": "train",
    "valid": "validation",
    "validation": "validation",
    "val": "validation",
    "dev": "validation",
    "eval": "validation",
    "evaluation": "validation",
    "test": "test",
    "testing": "test",
}
_NO_FILES: Mapping[str, Path] = {}
_NAMED = re.compile(r"([\w.-]+)=(.+)", re.DOTALL)
_TOKENIZER = ("tokenizer*", "special_tokens_map.json", "config.json", "*.jinja", "vocab*", "merges.txt", "*.model")


def role(name: str) -> Role | None:
    """What rows of this name are for, if one of its words tells: ``my-train_v2`` is there to train on."""
    words = re.split(r"[\W_\d]+", name.lower())
    return next((_ROLES[word] for word in words if word in _ROLES), None)


def named(files: Sequence[str], known: Mapping[str, Path] = _NO_FILES) -> dict[str, Path]:
    """Name -> file of ``NAME=FILE`` or ``FILE``; the latter is called by what its name tells that it is for.

    A file that is one of ``known`` has its name there. Raises ``UsageError`` where two files would have one name.
    """
    pairs = [_pair(each, known) for each in files]
    usual = [role(path.stem) if name is None else name for name, path in pairs]
    found: dict[str, Path] = {}
    for (given, path), name in zip(pairs, usual, strict=True):
        # of two files for training each keeps its own name
        settled = given or (name if name is not None and usual.count(name) == 1 else _stem(path))
        if settled in found:
            raise UsageError(
                f"two files are called {settled!r}: {found[settled]} and {path}", remedy="name them: NAME=FILE"
            )
        found[settled] = path
    return found


def trained_on(suite: Suite) -> frozenset[str]:
    """The names of the data sets that a suite's training learns from; ``train`` where it has none."""
    return frozenset(["train"]) if suite.training is None else suite.trained_on


def max_length(suite: Suite, catalog: Catalog) -> int | None:
    """Tokens at which the last training cuts a row, ``None`` where its trainer knows no such thing.

    Needs none of the trainer's packages. Raises ``UsageError`` for a trainer that nobody offers.
    """
    if suite.training is None:
        return None
    ref = suite.training.stages[-1].trainer
    return cut_at(ref, catalog.find("trainer", ref.name).plugin_class)


def cut_at(trainer: Ref, plugin_class: type) -> int | None:
    """Tokens at which a trainer with these options cuts a row; ``None`` where it knows no such thing."""
    known = [each for each in dataclasses.fields(plugin_class) if each.name == "max_length"]
    length = trainer.options.get("max_length", known[0].default) if known else None
    return length if isinstance(length, int) else None


def suite_benchmarks(suite: Suite) -> list[Ref]:
    """Its benchmarks, an offline pack found from the suite file."""
    refs = []
    for each in suite.benchmarks:
        pack = each.ref.options.get("pack")
        folder = {"pack": str(suite.path.parent / pack)} if isinstance(pack, str) else {}
        refs.append(Ref(each.ref.name, {**each.ref.options, **folder}))
    return refs


def public_benchmarks(catalog: Catalog) -> list[Ref]:
    """Those that most models are told by, each question without the examples that are shown before it."""
    refs = []
    for name in PUBLIC:
        for offer in catalog.offers:
            if (offer.kind, offer.name) == ("benchmark", name):
                shots = any(each.name == "num_fewshot" for each in dataclasses.fields(offer.plugin_class))
                refs.append(Ref(offer.full_name, {"num_fewshot": 0} if shots else {}))
    return refs


def benchmark_items(
    refs: Sequence[Ref],
    catalog: Catalog,
    context: BenchmarkContext,
    *,
    are_tried: bool = False,
    told: Callable[[str], None] | None = None,
) -> tuple[dict[str, tuple[Sample, ...]], dict[str, str]]:
    """The items of each benchmark by its bare name, and why those of others cannot be had.

    Heavy, for it imports what the benchmarks are made with. Raises ``UsageError`` for unknown names, bad options and
    packs that cannot be read; where they are only tried, as nobody has named them, that is a reason like any other.
    """
    items: dict[str, tuple[Sample, ...]] = {}
    missing: dict[str, str] = {}
    for ref in refs:
        offer = catalog.find("benchmark", ref.name)
        if packages := offer.missing_packages():
            missing[offer.name] = f"needs {', '.join(packages)}; pip install {' '.join(packages)}"
            continue
        if told:
            told(offer.name)
        benchmark: Benchmark = catalog.make("benchmark", ref).instance
        try:
            benchmark.check(context)
            items[offer.name] = with_unique_ids(benchmark.load(context).samples)
        except NotMeasured as why:
            missing[offer.name] = str(why)
        except UsageError as why:
            if not are_tried:
                raise
            missing[offer.name] = str(why)
    return items, missing


def tokenizer_folder(model: ModelRef) -> tuple[Path | None, str]:
    """The folder of a model that is on this machine already, or ``None`` and why it was not looked at.

    Nothing is fetched, nor is a GGUF file converted for it.
    """
    folder = Path(model.name).expanduser()
    if folder.is_dir():
        return folder, ""
    remedy = "--tokenizer FOLDER names one"
    if folder.suffix.lower() == ".gguf":
        return None, f"the tokenizer of {model.name} was not looked at, for it would have to be converted; {remedy}"
    try:
        found = hub_snapshot(model.name, _TOKENIZER, revision=model.revision, offline=True)
    except (HarnessError, ImportError):
        found = None
    if found is None or not any(found.glob("tokenizer*")):
        return None, f"the tokenizer of {model.name} is not on this machine; {remedy}"
    return found, ""


def _pair(text: str, known: Mapping[str, Path]) -> tuple[str | None, Path]:
    path = Path(text)
    with contextlib.suppress(OSError):  # of a name that is too long; whoever reads it tells
        if path.exists():
            return next((name for name, other in known.items() if other.exists() and path.samefile(other)), None), path
    match = _NAMED.fullmatch(text)
    return (match[1], Path(match[2])) if match else (None, path)


def _stem(path: Path) -> str:
    """The file's name up to its first dot, or a folder's last part."""
    return path.name.split(".")[0] or path.name
