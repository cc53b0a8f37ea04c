"""``harness data convert``: a line on what was written, or a line on why nothing was."""

from __future__ import annotations

import json
import os
import pty
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness.cli.convert import convert
from harness.errors import UsageError

ROW = {"instruction": "Say hello.", "input": "", "output": "Hello."}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text((json.dumps(ROW) + "\n") * 2)
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(convert, [str(each) for each in arguments], standalone_mode=False)


def test_a_line_says_what_was_written(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.json"
    result = run(source, target, "--to", "sharegpt")
    assert result.output == f"2 rows from {source} (alpaca) to {target} (sharegpt)\n"
    assert json.loads(target.read_text())[1]["conversations"][0] == {"from": "human", "value": "Say hello."}


def test_json_says_it_to_a_script_and_messages_are_what_is_written_unasked(source: Path, tmp_path: Path) -> None:
    told = json.loads(run(source, tmp_path / "out.jsonl", "--json").output)
    expected = {"rows": 2, "source_form": "alpaca", "target_form": "messages"}
    assert {name: told[name] for name in expected} == expected


def test_what_cannot_be_is_an_error_of_usage(source: Path, tmp_path: Path) -> None:
    result = run(source, tmp_path / "out.jsonl", "--to", "kto")
    assert isinstance(result.exception, UsageError)
    assert "lines 1 and 2 hold no word on whether the answer was liked, which kto needs" in str(result.exception)
    assert not (tmp_path / "out.jsonl").exists()


def test_an_unknown_format_is_answered_with_the_known_ones(source: Path, tmp_path: Path) -> None:
    result = run(source, tmp_path / "out.jsonl", "--to", "alpacca")
    assert "'alpacca' is not one of 'messages', 'anthropic', 'alpaca'" in str(result.exception)


def test_columns_that_fit_two_formats_are_settled_by_a_flag(source: Path, tmp_path: Path) -> None:
    source.write_text(json.dumps({**ROW, "text": "rendered"}) + "\n")
    assert "the row fits both alpaca" in str(run(source, tmp_path / "a.jsonl").exception)
    assert "(alpaca)" in run(source, tmp_path / "a.jsonl", "--from", "alpaca").output
    assert "(alpaca)" in run(source, tmp_path / "b.jsonl", "--drop", "text").output
    assert "text" not in json.loads((tmp_path / "b.jsonl").read_text())


def test_a_file_that_is_there_is_replaced_only_by_force(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.jsonl"
    target.write_text("mine")
    assert "is there already; --force replaces it" in str(run(source, target).exception)
    assert run(source, target, "--force").exit_code == 0
    assert target.read_text() != "mine"


def test_names_of_files_move_no_cursor(source: Path, tmp_path: Path) -> None:
    assert "\x1b" not in run(source, tmp_path / "\x1b[31mred.jsonl").output


def test_a_terminal_sees_how_many_rows_are_done_and_a_log_does_not(tmp_path: Path) -> None:
    import subprocess
    import sys

    source = tmp_path / "many.jsonl"
    source.write_text((json.dumps(ROW) + "\n") * 20_000)
    program = "from harness.cli.convert import convert; convert()"
    command = [sys.executable, "-c", program, str(source)]
    log = subprocess.run([*command, str(tmp_path / "a.jsonl")], check=True, capture_output=True)
    assert log.stderr == b""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*command, str(tmp_path / "b.jsonl")],
        stderr=theirs,
        stdout=subprocess.PIPE,
        env={**os.environ, "TERM": "xterm"},
    )
    os.close(theirs)
    seen = b""
    try:
        while block := os.read(ours, 4096):
            seen += block
    except OSError:  # Linux says so when the other end is closed
        pass
    finally:
        os.close(ours)
    assert process.wait() == 0
    assert b"000 rows" in seen
