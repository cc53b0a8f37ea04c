"""A broken file is told in one line with its place; nothing else happens, and nothing is written."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from broken import CASES

from harness.data import files, formats
from harness.errors import UsageError
from harness.rows import Unreadable


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.data.hub_rows.hub_answers", lambda: False)


def first_fault(path: Path) -> tuple[int | None, str]:
    """Where and what, be it of a row or of the whole file."""
    try:
        faults = [found for _, found in files.lines(path) if isinstance(found, Unreadable)]
    except UsageError as error:
        return error.line, str(error) if error.remedy else "no remedy"
    assert faults, "nothing was found"
    assert faults[0].remedy
    return faults[0].line, f"{faults[0].problem}; {faults[0].remedy}"


def inside(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if not case.of_rows])
def test_a_broken_file_is_told_in_one_line_with_its_place(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    path = case.make(tmp_path)
    before = inside(tmp_path)
    line, told = first_fault(path)
    assert re.search(case.says, told), told
    assert line == case.line or (case.line == -1 and line is not None and line >= 1)
    assert len(told.splitlines()) == 1
    assert "Traceback" not in told
    assert inside(tmp_path) == before


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.of_rows])
def test_an_object_that_is_no_row_is_told_with_its_line(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    path = case.make(tmp_path)
    assert not any(isinstance(found, Unreadable) for _, found in files.lines(path))
    with pytest.raises(UsageError) as refused:
        formats.read("train", path)
    assert refused.value.line == case.line
    assert len(str(refused.value).splitlines()) == 1


def test_there_are_sixty_broken_files_and_more() -> None:
    assert len(CASES) >= 60
