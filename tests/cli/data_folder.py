"""A folder with data files, and small checks installed beside it, so that what is found does not change with ours."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.testing.project import Project

_KIT = Path(__file__).parents[1] / "checking"
KIT = ("repeats", "shared", "secrets", "few")
"""The checks that are there to be named by ``--check``."""


def folder_of(folder: Path, files: Mapping[str, Sequence[Mapping[str, Any]]]) -> Project:
    """A folder with these files, one row a line; the plugin ``checks_kit`` is installed for what runs in it."""
    installed = folder / "installed"
    metadata = installed / "checks_kit-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: checks-kit\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[harness]\nkit = checks_kit\n")
    project = Project(folder, {"PYTHONPATH": f"{installed}:{_KIT}"})
    for name, rows in files.items():
        project.write_rows(name, rows)
    return project


def chat(asked: str, answered: str = "yes", **more: Any) -> dict[str, Any]:  # noqa: ANN401
    """A row in the form of OpenAI's."""
    turns = [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}]
    return {"messages": turns, **more}


def only(*names: str) -> list[str]:
    """Flags that leave all other checks out."""
    return [word for name in names or KIT for word in ("--check", name)]


def rows_of(path: Path) -> list[Any]:
    """The rows of a JSONL file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
