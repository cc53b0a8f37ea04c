"""The page for plugin authors tells no more than what runs: its code is run, and no hook is left out."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
import types
from pathlib import Path

import pytest

from harness import hookspecs
from harness.host import Host
from harness.protocols import Metric
from harness.values import Estimate, Fault, Origin, Task

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "writing-plugins.md").read_text(encoding="utf-8")
DEMO = ROOT / "tests" / "packages" / "harness_demo_metric"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_the_metric_of_the_page_is_the_package_that_the_tests_install() -> None:
    assert blocks("python")[0] == (DEMO / "harness_demo_metric.py").read_text(encoding="utf-8")
    assert blocks("toml")[0] == (DEMO / "pyproject.toml").read_text(encoding="utf-8")


def test_the_metric_has_25_lines() -> None:
    assert len(blocks("python")[0].splitlines()) <= 25


@pytest.mark.parametrize(
    ("module", "source", "test"),
    [("harness_demo_metric", 0, 2), ("harness_tone", 3, 4), ("harness_shouting", 5, 6)],
    ids=["metric", "judge", "data check"],
)
def test_the_contract_tests_of_the_page_pass(tmp_path: Path, module: str, source: int, test: int) -> None:
    (tmp_path / f"{module}.py").write_text(blocks("python")[source])
    (tmp_path / "test_it.py").write_text(blocks("python")[test])

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), "test_it.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) > 10  # type: ignore[index]


def test_the_watcher_of_the_page_watches(capsys: pytest.CaptureFixture[str]) -> None:
    watcher = types.ModuleType("watcher")
    exec(compile(blocks("python")[7], "writing-plugins.md", "exec"), vars(watcher))
    host = Host([("page:watcher", Origin("page", "1", "watcher"), lambda: watcher)])
    faults: list[Fault] = []
    run = types.SimpleNamespace(id="demo-1/base")
    estimates = (Estimate("tickets", "f1", 0.5, 0.4, 0.6, 9, 1),)

    host.watch(
        "harness_task_finished",
        {"run": run, "task": Task("tickets", "generate", ()), "estimates": estimates},
        faults.append,
    )

    assert faults == []
    assert capsys.readouterr().err == "demo-1/base tickets f1: 0.5 (1 missing)\n"


@pytest.mark.parametrize("hook", [name for name in vars(hookspecs) if name.startswith("harness_")])
def test_every_hook_stands_in_the_page_with_its_parameters(hook: str) -> None:
    parameters = ", ".join(inspect.signature(getattr(hookspecs, hook)).parameters)

    assert f"`{hook}({parameters})`" in PAGE


def test_the_page_names_no_hook_that_is_not_there() -> None:
    named = set(re.findall(r"`(harness_[a-z_]+)\(", PAGE))

    assert named == {name for name in vars(hookspecs) if name.startswith("harness_")}


@pytest.mark.parametrize("fact", sorted(Metric.__annotations__))
def test_every_fact_of_a_metric_is_explained(fact: str) -> None:
    assert f"| `{fact}` |" in PAGE


def test_the_metric_over_sums_of_the_page_keeps_the_contract(tmp_path: Path) -> None:
    module = tmp_path / "verbosity_of_the_page.py"
    module.write_text(blocks("python")[1])
    tried = (
        "from harness.testing import check_metric; from verbosity_of_the_page import Verbosity; check_metric(Verbosity)"
    )
    done = subprocess.run([sys.executable, "-c", tried], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
