"""A suite file says what it says, wherever it lies and however it is commented."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.suite.load import load, override
from harness.testing.project import SUITE
from harness.values import Ref

ROOT = Path(__file__).parents[2]


def write(folder: Path, text: str) -> Path:
    path = folder / "suite.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ["support_tickets", "release"])
def test_the_suites_of_the_repository_load(name: str) -> None:
    suite = load(ROOT / "suites" / f"{name}.yaml")
    assert {"train", "validation", "test"} <= set(suite.data)
    assert suite.gates


def test_data_lies_beside_the_suite_file(tmp_path: Path) -> None:
    assert load(write(tmp_path, SUITE)).data["train"] == tmp_path / "train.jsonl"


def test_a_model_beside_the_suite_file_is_found_and_a_hub_id_is_left_alone(tmp_path: Path) -> None:
    assert load(write(tmp_path, SUITE)).model.name == "model"
    (tmp_path / "model").mkdir()
    assert load(write(tmp_path, SUITE)).model.name == str(tmp_path / "model")


def test_a_plugin_is_a_name_or_a_name_with_options(tmp_path: Path) -> None:
    suite = load(write(tmp_path, SUITE.replace("[exact_match, f1]", "[f1, {name: rouge, variant: rouge1}]")))
    assert suite.tasks[0].metrics == (Ref("f1"), Ref("rouge", {"variant": "rouge1"}))


@pytest.mark.parametrize(
    ("written", "margin", "relative"), [("0.05", 0.05, False), ("5%", 0.05, True), ("'0.5 %'", 0.005, True)]
)
def test_a_margin_is_points_or_a_share(written: str, margin: float, relative: bool, tmp_path: Path) -> None:
    rule = load(write(tmp_path, SUITE.replace("max_drop: 0.5", f"max_drop: {written}"))).gates[0]
    assert (rule.max_drop, rule.relative) == (pytest.approx(margin), relative)


def test_comments_do_not_make_another_suite_but_a_value_does(tmp_path: Path) -> None:
    plain = load(write(tmp_path, SUITE)).digest
    assert load(write(tmp_path, "# what for\n" + SUITE)).digest == plain
    assert load(write(tmp_path, SUITE.replace("seed: 3", "seed: 4"))).digest != plain


def test_a_flag_makes_another_suite(tmp_path: Path) -> None:
    suite = load(write(tmp_path, SUITE))
    assert override(suite) == suite
    changed = override(suite, seed=9)
    assert (changed.seed, changed.digest != suite.digest) == (9, True)


def test_a_line_is_known_for_every_key(tmp_path: Path) -> None:
    suite = load(write(tmp_path, SUITE))
    lines = SUITE.splitlines()
    assert "lora" in lines[(suite.line("trainer", "name") or 0) - 1]
    assert "max_drop" in lines[(suite.line("gates", 0, "max_drop") or 0) - 1]
    assert suite.line("gates", 0, "tier") == suite.line("gates", 0)
