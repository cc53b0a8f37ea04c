"""The README tells no more than what runs."""

from __future__ import annotations

import re
from pathlib import Path

from harness.cli.exits import Exit
from harness.cli.main import cli
from harness.testing.project import Project, colour_rows

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DEMO = ROOT / "tests" / "packages" / "harness_demo_metric"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_the_first_suite_checks(project: Project) -> None:
    project.write_rows("train.jsonl", colour_rows(0, 24, "train"))
    (project.folder / "my.yaml").write_text(blocks("yaml")[0], encoding="utf-8")
    result = project.run("check", "my.yaml")
    assert result.exit_code == 0, result.err


def test_the_metric_is_the_package_that_the_tests_install() -> None:
    assert blocks("python")[0] == (DEMO / "harness_demo_metric.py").read_text(encoding="utf-8")
    assert blocks("toml")[0] == (DEMO / "pyproject.toml").read_text(encoding="utf-8")


def test_every_place_of_the_tree_is_there_and_none_is_left_out() -> None:
    tree = README[README.index("## The tree") :]
    named = set(re.findall(r"^ {2}([\w.]+/?) ", tree, re.MULTILINE))
    for path in (ROOT / "harness").iterdir():
        name = path.name + ("/" if path.is_dir() else "")
        assert name in named or name.startswith("__"), f"the tree lacks harness/{name}"
    for name in named:
        assert (ROOT / "harness" / name).exists() or (ROOT / "plugins" / name).exists(), f"the tree has no {name}"


def test_every_command_and_exit_status_is_named() -> None:
    for command in cli.commands:
        assert re.search(rf"\b{command}\b", README), f"the README does not name {command}"
    for status in Exit:
        assert re.search(rf"^\| {status.value} \|", README, re.MULTILINE)
