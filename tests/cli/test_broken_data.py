"""Whatever is wrong with a data file, a command says so in one line and writes nothing, or a check names the rows."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "data"))

from broken import BROKEN

from harness.cli import main

NAMES = [name for name in BROKEN if "100 MB" not in name and "NUL" not in name]
"""All but those that are slow to make, and the name that no shell can pass."""


class Ran:
    """A command in this process, as a person would type it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.monkeypatch, self.capsys = monkeypatch, capsys

    def __call__(self, *arguments: object) -> tuple[int, str, list[str]]:
        self.monkeypatch.setattr(sys, "argv", ["harness", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            main.main()
        told = self.capsys.readouterr()
        assert isinstance(left.value.code, int)
        return left.value.code, told.out, told.err.strip().splitlines()


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ran:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return Ran(monkeypatch, capsys)


@pytest.fixture
def out(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "out"
    folder.mkdir()
    yield folder
    assert [*folder.iterdir()] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_broken_file_is_not_converted(name: str, ran: Ran, tmp_path: Path, out: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    status, said, errors = ran("data", "convert", BROKEN[name](folder), out / "rows.jsonl", "--json")
    if status == 0:  # unusual, and whole: a byte order mark, another line end
        assert json.loads(said)["rows"] > 0
        (out / "rows.jsonl").unlink()
    else:
        assert status == 2
        assert len(errors) == 1
        assert errors[0].startswith("harness: ")


@pytest.mark.parametrize("name", NAMES)
def test_a_broken_file_does_not_pass_the_check(name: str, ran: Ran, tmp_path: Path, out: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    status, said, errors = ran("data", "check", BROKEN[name](folder), "--check", "schema", "--json")
    if status == 2:
        assert len(errors) == 1
        assert errors[0].startswith("harness: ")
    else:
        [table] = json.loads(said)["tables"]
        lines = [spot["line"] for finding in table["findings"] for spot in finding["spots"]]
        assert (status == 3) == (table["unreadable"] > 0)
        assert table["unreadable"] <= len(lines)
