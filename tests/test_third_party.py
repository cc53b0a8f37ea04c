"""Foreign packages, really installed: a good one takes part, and each broken one gets a message that helps its author.

What a user reads is kept in ``golden/third_party_*.txt``; ``HARNESS_WRITE_GOLDEN=1`` writes them anew.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.testing.tiny import tiny_llama

HERE = Path(__file__).parent
GOLDEN = HERE / "golden"
SUITE = """\
suite: third-party
model:
  name: {model}
data:
  test: test.jsonl
tasks:
  - name: capitals
    data: test
    generation: {{max_new_tokens: 8}}
    metrics: [{metrics}]
"""
CAPITALS = {"France": "Paris", "Italy": "Rome", "Japan": "Tokyo", "Egypt": "Cairo"}
Install = Callable[..., dict[str, str]]


@pytest.fixture(scope="session")
def install(tmp_path_factory: pytest.TempPathFactory) -> Install:
    """Installs packages, each once into a fresh folder of its own, and gives the environment that finds them."""
    folders: dict[str, Path] = {}

    def installed(*packages: str) -> dict[str, str]:
        for package in packages:
            if package not in folders:
                folders[package] = tmp_path_factory.mktemp(package)
                offline = ["--no-index", "--no-deps", "--no-build-isolation", "--quiet"]
                command = [sys.executable, "-m", "pip", "install", *offline, "--target", str(folders[package])]
                subprocess.run([*command, str(HERE / "packages" / package)], check=True)
        paths = os.pathsep.join(str(folders[package]) for package in packages)
        kept = {key: value for key, value in os.environ.items() if not key.startswith("HARNESS_")}
        return {**kept, "PYTHONPATH": paths, "NO_COLOR": "1", "COLUMNS": "240", "HF_HUB_OFFLINE": "1"}

    return installed


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model with random weights."""
    return tiny_llama(tmp_path_factory.mktemp("third-party-model"))


@pytest.fixture
def suite(tmp_path: Path, model: Path) -> Callable[[str], None]:
    """Writes ``suite.yaml`` with these metrics and its data into the test's folder."""

    def write(metrics: str) -> None:
        rows = [
            {"prompt": f"What is the capital of {country}?", "completion": city} for country, city in CAPITALS.items()
        ]
        (tmp_path / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        (tmp_path / "suite.yaml").write_text(SUITE.format(model=model, metrics=metrics))

    return write


def harness(folder: Path, env: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """The real command, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "harness.cli.main", *arguments], cwd=folder, env=env, capture_output=True, text=True
    )


def listed(folder: Path, env: dict[str, str]) -> dict[str, Any]:
    """What ``harness plugins --json`` says."""
    done = harness(folder, env, "plugins", "--json")
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def told_of(name: str, folder: Path, env: dict[str, str], *command: str) -> str:
    """The lines of ``harness plugins``, or of another command, with the name; the widths of columns do not count."""
    done = harness(folder, env, *(command or ["plugins"]))
    assert done.returncode == 0, done.stderr
    lines = [re.sub(r" {2,}", "  ", line).strip() for line in done.stdout.splitlines() if name in line]
    return f"$ harness {' '.join(command or ['plugins'])}\n" + "".join(f"{line}\n" for line in lines)


def told_on_check(folder: Path, env: dict[str, str]) -> str:
    """What ``harness check`` says of a suite that it refuses."""
    done = harness(folder, env, "check", "suite.yaml")
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    told = re.sub(r"known are [a-z0-9_, ]*[a-z0-9_]", "known are ...", done.stderr)  # whatever is built in today
    return f"$ harness check suite.yaml\n{told}[exit status {done.returncode}]\n"


def assert_golden(name: str, text: str) -> None:
    """``text`` is what ``golden/third_party_<name>.txt`` holds."""
    path = GOLDEN / f"third_party_{name}.txt"
    if os.environ.get("HARNESS_WRITE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


# the good one


def test_an_installed_metric_is_listed_with_its_origin(tmp_path: Path, install: Install) -> None:
    env = install("harness_demo_metric")

    (offer,) = [each for each in listed(tmp_path, env)["offers"] if each["name"] == "brevity"]

    assert offer["full_name"] == "harness-demo-metric/brevity"
    assert offer["origin"] == {"distribution": "harness-demo-metric", "version": "1.2.3", "entry_point": "metrics"}
    assert_golden("good", told_of("harness-demo-metric", tmp_path, env))


def test_a_suite_uses_it_and_the_record_says_whose_it_is(
    tmp_path: Path, install: Install, suite: Callable[[str], None]
) -> None:
    env = install("harness_demo_metric", "broken_length")
    suite("exact_match, {name: brevity, spare_words: 2}, forgetful")

    done = harness(tmp_path, env, "eval", "--suite", "suite.yaml", "--device", "cpu", "--json")
    assert done.returncode == 0, done.stderr
    run = json.loads(done.stdout)
    shown = json.loads(harness(tmp_path, env, "show", run["id"], "--samples", "--json").stdout)

    assert shown["run"]["origins"]["metric:brevity"] == {
        "distribution": "harness-demo-metric",
        "version": "1.2.3",
        "entry_point": "metrics",
    }
    estimates = {each["metric"]: each for each in shown["run"]["estimates"]}
    assert (estimates["brevity"]["scored"], estimates["brevity"]["missing"]) == (4, 0)
    # the metric that loses a score loses its own scores and nothing else
    assert (estimates["exact_match"]["scored"], estimates["exact_match"]["missing"]) == (4, 0)
    assert (estimates["forgetful"]["scored"], estimates["forgetful"]["missing"]) == (0, 4)
    assert estimates["forgetful"]["value"] is None
    (reason,) = {side["scores"]["forgetful"]["why_missing"] for side in shown["samples"]["capitals"]}
    assert [each["origin"]["distribution"] for each in shown["faults"]] == ["harness-broken-length"]
    told = told_of("forgetful", tmp_path, env, "show", run["id"])
    assert_golden("length", f"{told}[why each of its scores is missing] {reason}\n")


def test_its_options_are_checked_like_those_of_a_built_in(
    tmp_path: Path, install: Install, suite: Callable[[str], None]
) -> None:
    suite("{name: brevity, spare_word: 2}")

    assert_golden("good_misspelt", told_on_check(tmp_path, install("harness_demo_metric")))


def test_it_can_be_left_out(tmp_path: Path, install: Install) -> None:
    env = install("harness_demo_metric")

    done = harness(tmp_path, env, "--without", "harness-demo-metric:metrics", "plugins", "--json")

    assert "brevity" not in {each["name"] for each in json.loads(done.stdout)["offers"]}


# the broken ones


@pytest.mark.parametrize(("package", "metric"), [("broken_import", "licensed"), ("broken_hook", "shouting")])
def test_a_plugin_that_does_not_load_is_set_aside_and_named_where_it_is_needed(
    package: str, metric: str, tmp_path: Path, install: Install, suite: Callable[[str], None]
) -> None:
    env = install(package)
    distribution = "harness-" + package.replace("_", "-")
    suite(metric)

    (broken,) = listed(tmp_path, env)["broken"]

    assert broken["origin"]["distribution"] == distribution
    told = told_of(distribution, tmp_path, env) + told_on_check(tmp_path, env)
    assert_golden(package.removeprefix("broken_"), told)


@pytest.mark.parametrize("package", ["broken_import", "broken_hook"])
def test_a_broken_plugin_stops_no_suite_that_does_not_need_it(
    package: str, tmp_path: Path, install: Install, suite: Callable[[str], None]
) -> None:
    suite("exact_match")

    done = harness(tmp_path, install(package), "check", "suite.yaml")

    assert (done.returncode, done.stderr) == (0, "")


def test_a_taken_name_is_refused_with_both_owners_and_the_full_names_work(
    tmp_path: Path, install: Install, suite: Callable[[str], None]
) -> None:
    env = install("broken_taken")
    suite("exact_match")

    assert_golden("taken", told_of("harness-broken-taken", tmp_path, env) + told_on_check(tmp_path, env))
    suite("harness-broken-taken/exact_match, finetune-harness/exact_match")
    assert harness(tmp_path, env, "check", "suite.yaml").returncode == 0


def test_a_heavy_import_is_warned_of_and_breaks_the_contract(tmp_path: Path, install: Install) -> None:
    env = install("broken_torch")
    program = (
        "from harness.testing import check_metric\n"
        "from harness_broken_torch import Softness\n"
        "try:\n    check_metric(Softness)\n"
        "except AssertionError as broken:\n    print(broken)\n"
    )

    contract = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, check=True)

    told = told_of("harness-broken-torch", tmp_path, env)
    assert_golden("torch", f"{told}$ pytest: the contract\n{contract.stdout}")
