"""Data sets in folders: files named by their split, or what ``datasets`` saved."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from pathlib import Path

from harness.data.tabular import Found, plain_rows
from harness.data.unpacking import CHECK, first_line, stem
from harness.errors import UsageError

_SUFFIXES = {".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet"}
_ABOUT = {"dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json"}
_SPLIT = re.compile(r"(?<![a-z0-9])(train(?:ing)?|valid(?:ation)?|val|dev|test(?:ing)?|eval(?:uation)?)(?![a-z0-9])")
_SAME = {"training": "train", "valid": "validation", "val": "validation", "dev": "validation"} | dict.fromkeys(
    ("testing", "eval", "evaluation"), "test"
)
_BATCH = 256


def is_saved(folder: Path) -> bool:
    """Whether ``datasets`` saved it with ``save_to_disk``."""
    return any((folder / name).is_file() for name in ("state.json", "dataset_dict.json"))


def is_split(path: Path) -> bool:
    """Whether a path that is no file means the files of one split in the folder that it continues."""
    return not path.exists() and path.name in {"train", "validation", "test"} and path.parent.is_dir()


def saved_rows(folder: Path) -> Iterator[Found]:
    """The rows of a saved data set by their number."""
    if (folder / "dataset_dict.json").is_file():
        splits = sorted(each.name for each in folder.iterdir() if (each / "state.json").is_file())
        raise UsageError(_several(splits), path=folder, remedy=_name_one(folder, splits))
    number = 0
    try:
        data = importlib.import_module("datasets").load_from_disk(str(folder))
        label = data.features.get("label")
        for table in data.with_format("arrow").iter(batch_size=_BATCH):
            yield from plain_rows(table, number, getattr(label, "names", ()))
            number += table.num_rows
    except ImportError:
        raise UsageError(
            "a saved data set needs the package datasets", path=folder, remedy="pip install 'finetune-harness[data]'"
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:  # Arrow's own errors are kinds of these
        problem = f"a damaged data set ({first_line(error)})"
        raise UsageError(problem, path=folder, line=number + 1, remedy="save it again") from None


def files_of(path: Path) -> tuple[Path, ...]:
    """The data files of a folder that holds one split, or of one split: FOLDER/train; in the order of their names."""
    folder, wanted = (path.parent, path.name) if is_split(path) else (path, None)
    try:
        inside = [each for pattern in ("*", "*/*", "*/*/*") for each in folder.glob(pattern)]
        files = sorted(each for each in inside if _is_data(each.relative_to(folder)) and each.is_file())
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", path=folder, remedy=CHECK) from None
    splits = {file: _split(file.relative_to(folder)) for file in files}
    if wanted is None and len(set(splits.values())) > 1:
        names = sorted({split or "without a name" for split in splits.values()})
        raise UsageError(_several(names), path=folder, remedy=_name_one(folder, names))
    chosen = tuple(file for file, split in splits.items() if wanted is None or split == wanted)
    if not chosen and wanted is not None:
        raise UsageError("no such data file", path=path, remedy="paths are relative to the suite file")
    if not chosen:
        raise UsageError("a folder, not a data file", path=path, remedy="name a .jsonl file")
    kinds = sorted({stem(file)[0] for file in chosen})
    if len(kinds) > 1:
        raise UsageError(f"the folder holds files of several kinds: {', '.join(kinds)}", path=path, remedy="name one")
    return chosen


def _is_data(file: Path) -> bool:
    hidden = any(part.startswith(".") for part in file.parts)
    return not hidden and file.name not in _ABOUT and stem(file)[0] in _SUFFIXES


def _split(file: Path) -> str | None:
    """By the words that the Hub goes by too, of the file's name first, then of the folders above it."""
    for part in reversed(file.parts):
        if found := _SPLIT.search(part.lower()):
            return _SAME.get(found[1], found[1])
    return None


def _several(names: list[str]) -> str:
    return f"the folder holds several splits: {', '.join(names)}"


def _name_one(folder: Path, names: list[str]) -> str:
    return f"name one: {folder / (names or ['train'])[0]}"
