"""What bert-score has found out about models: their best layers, and the baselines to rescale by.

Read from the files of the installed package: importing it would load torch, pandas and matplotlib for two tables.
"""

from __future__ import annotations

import ast
import csv
import importlib.util
from collections.abc import Mapping
from functools import cache
from pathlib import Path

_COLUMNS = {"precision": "P", "recall": "R", "f1": "F"}


@cache
def best_layers() -> Mapping[str, int]:
    """Hub id -> the layer whose vectors agree best with people's judgements; empty where bert-score is missing."""
    package = _package()
    if package is None:
        return {}
    for statement in ast.parse((package / "utils.py").read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "model2layers":
            layers: dict[str, int] = ast.literal_eval(statement.value)
            return layers
    return {}


def baseline(model: str, layers: int, lang: str) -> Mapping[str, float] | None:
    """What unrelated texts score: measure -> mean; ``None`` where bert-score has none for the model and language."""
    package = _package()
    if package is None:
        return None
    known = package / "rescale_baseline"
    file = (known / lang / f"{model}.tsv").resolve()
    if not file.is_relative_to(known.resolve()) or not file.is_file():
        return None
    with file.open(encoding="utf-8", newline="") as lines:
        rows = {int(row["LAYER"]): row for row in csv.DictReader(lines)}
    found = rows.get(layers)
    return None if found is None else {name: float(found[column]) for name, column in _COLUMNS.items()}


def is_installed() -> bool:
    """Whether the tables are there."""
    return _package() is not None


def _package() -> Path | None:
    found = importlib.util.find_spec("bert_score")
    return Path(found.origin).parent if found and found.origin else None
