"""A suite is edited as its author would: one section, the rest untouched."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.suite.edit import Entry, edited, save
from harness.suite.load import load

HEAD = """# what this is about
suite: mine   # a name
model: {name: m}
data: {train: t.jsonl, test: s.jsonl}
"""
TRAINER = """trainer:                # ours
  name: lora
  r: 4
  general_data: {path: g.jsonl, ratio: 0.3}

"""
TAIL = """# the job
tasks:
  - {name: job, metrics: [exact_match]}   # one
"""


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    path = tmp_path / "suite.yaml"
    path.write_text(HEAD + TRAINER + TAIL)
    return path


def test_a_section_takes_the_new_values_and_all_else_stays_to_the_byte(suite: Path) -> None:
    text = edited(suite, "trainer", [Entry("name", "lora"), Entry("r", 16, "default")])
    assert text.startswith(HEAD)
    assert text.endswith("\n\n" + TAIL)
    assert "  r: 16  # default\n" in text


def test_what_the_entries_do_not_name_is_kept(suite: Path) -> None:
    text = edited(suite, "trainer", [Entry("name", "lora"), Entry("r", 16)])
    save(suite, text)
    training = load(suite).training
    assert training is not None
    assert training.general is not None
    assert training.general.ratio == 0.3
    assert training.stages[0].trainer.options["r"] == 16


def test_a_new_section_stands_before_the_tasks_and_their_comment(suite: Path) -> None:
    suite.write_text(HEAD + TAIL)
    text = edited(suite, "prompted", [Entry("system", "Be: brief # now\nand kind"), Entry("few_shot", 3)])
    assert text.startswith(HEAD + "prompted:\n")
    assert text.endswith("\n" + TAIL)
    save(suite, text)
    prompted = load(suite).prompted
    assert prompted is not None
    assert prompted.system == "Be: brief # now\nand kind"


def test_a_section_at_the_end_of_a_file_without_a_last_line_break_is_replaced(suite: Path) -> None:
    suite.write_text(HEAD + TAIL + "prompted: {few_shot: 1}")
    text = edited(suite, "prompted", [Entry("few_shot", 5)])
    assert text == HEAD + TAIL + "prompted:\n  few_shot: 5\n"


def test_lists_and_long_texts_stay_on_one_line(suite: Path) -> None:
    text = edited(suite, "trainer", [Entry("name", "lora"), Entry("target_modules", ("q_proj", "v_proj"))])
    assert "target_modules: [q_proj, v_proj]" in text


def test_a_comment_of_several_lines_becomes_one(suite: Path) -> None:
    assert "# two lines\n" in edited(suite, "trainer", [Entry("name", "lora", "two\n   lines")])


def test_a_file_in_one_line_is_refused_with_the_lines_to_write(suite: Path) -> None:
    flow = "{suite: mine, model: {name: m}, data: {test: s.jsonl}, tasks: [{name: job, metrics: [exact_match]}]}\n"
    suite.write_text(flow)
    with pytest.raises(UsageError, match="write it yourself:\nprompted:\n  few_shot: 5") as refused:
        edited(suite, "prompted", [Entry("few_shot", 5)])
    assert "cannot be edited" in str(refused.value)
    assert suite.read_text() == flow


def test_values_that_the_suite_does_not_take_are_refused_before_anything_is_written(suite: Path) -> None:
    with pytest.raises(UsageError, match="few_shot"):
        edited(suite, "prompted", [Entry("few_shot", -1)])


def test_an_edited_file_keeps_its_rights(suite: Path) -> None:
    suite.chmod(0o640)
    save(suite, "suite: other\n")
    assert stat.S_IMODE(suite.stat().st_mode) == 0o640


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        save(tmp_path / "missing" / "suite.yaml", "x")
