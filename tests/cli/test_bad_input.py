"""Bad input gets one line that says where, what is wrong and what would be right; exit status 2, nothing written."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from harness.testing.project import SUITE, Project, colour_rows


@dataclass(frozen=True)
class Case:
    """A mistake and the line that a person must see."""

    name: str
    make: Callable[[Project], None]
    expected: str
    arguments: tuple[str, ...] = ("check", "suite.yaml")
    environment: tuple[tuple[str, str], ...] = ()


def suite(old: str, new: str) -> Callable[[Project], None]:
    def change(project: Project) -> None:
        assert old in SUITE
        project.write_suite(SUITE.replace(old, new))

    return change


def rows(name: str, *lines: str) -> Callable[[Project], None]:
    def change(project: Project) -> None:
        (project.folder / name).write_text("".join(line + "\n" for line in lines), encoding="utf-8")

    return change


def nothing(project: Project) -> None:
    """The project stays as it is; the mistake is in the flags."""


def shared_rows(project: Project) -> None:
    train = (project.folder / "train.jsonl").read_text().splitlines()
    test = (project.folder / "test.jsonl").read_text().splitlines()
    (project.folder / "test.jsonl").write_text("\n".join([test[0], train[4], test[1], train[5]]) + "\n")


def only_pickle(project: Project) -> None:
    for weights in (project.folder / "model").glob("*.safetensors"):
        weights.unlink()
    (project.folder / "model" / "pytorch_model.bin").write_bytes(b"\x80\x04.")


def needs_a_package(project: Project) -> None:
    """A foreign metric whose package is not installed, laid out as pip does."""
    site = project.folder / "site"
    info = site / "needy-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: needy\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[harness]\nmetrics = needy\n")
    (site / "needy.py").write_text(
        "from dataclasses import dataclass\n"
        "from harness import PerSample, hookimpl\n"
        "@dataclass(frozen=True)\n"
        "class Needy(PerSample):\n"
        '    """Needs what is not there."""\n'
        "    name = 'needy'\n"
        "    requires_packages = ('no-such-package',)\n"
        "    def score_one(self, text, targets):\n"
        "        return 0.0\n"
        "@hookimpl\n"
        "def harness_register_metrics():\n"
        "    return [Needy]\n"
    )
    project.write_suite(SUITE.replace("[exact_match, f1]", "[needy, f1]"))


def gate_without_its_arm(project: Project) -> None:
    prompted = "prompted:\n  system: Answer with one word.\n  few_shot: 2\n"
    project.write_suite(SUITE.replace(prompted, "").replace("0.5}", "0.5, against: prompted}"))


def text(content: str) -> Callable[[Project], None]:
    def change(project: Project) -> None:
        project.write_suite(content)

    return change


def not_utf8(project: Project) -> None:
    (project.folder / "test.jsonl").write_bytes(b'{"a": "\xff"}\n')


def empty_model(project: Project) -> None:
    shutil.rmtree(project.folder / "model")
    (project.folder / "model").mkdir()


GOOD = json.dumps(colour_rows(0, 1, "good")[0])

CASES = [
    Case(
        "a misspelt key",
        suite("batch_size: 4", "batch_sise: 4"),
        r"suite.yaml:6: unknown key 'batch_sise'; did you mean 'batch_size'\?",
    ),
    Case(
        "a misspelt key of the model",
        suite("  dtype:", "  dtpye:"),
        r"suite.yaml:5: unknown key 'dtpye'; did you mean 'dtype'\?",
    ),
    Case("an unknown dtype", suite("float32", "float31"), r"suite.yaml:5: model.dtype: .*'float32'.* not 'float31'"),
    Case(
        "a misspelt metric",
        suite("exact_match,", "exact_mach,"),
        r"suite.yaml:\d+: unknown metric 'exact_mach'; did you mean 'exact_match'\?",
    ),
    Case(
        "a misspelt metric option",
        suite("[exact_match, f1]", "[{name: exact_match, ignore_cse: true}, f1]"),
        r"suite.yaml:\d+: metric 'exact_match' has no option 'ignore_cse'; did you mean 'ignore_case'\?",
    ),
    Case(
        "a misspelt trainer",
        suite("name: lora", "name: lroa"),
        r"suite.yaml:1\d: unknown trainer 'lroa'; did you mean 'lora'\?",
    ),
    Case(
        "a misspelt trainer option",
        suite("  r: 4", "  lora_alhpa: 4"),
        r"suite.yaml:\d+: trainer 'lora' has no option 'lora_alhpa'; did you mean 'lora_alpha'\?",
    ),
    Case(
        "a trainer option of the wrong type",
        suite("  r: 4", "  r: four"),
        r"suite.yaml:\d+: trainer 'lora': r: .*not 'four'",
    ),
    Case(
        "a trainer option that wants a number and is told yes",
        suite("  r: 4", "  r: true"),
        r"suite.yaml:\d+: trainer 'lora': r is neither true nor false, and it is given true",
    ),
    Case(
        "a trainer option that looks like a date and is none",
        suite("  r: 4", "  note: 2024-02-30"),
        r"suite.yaml:\d+: trainer 'lora' has no option 'note'",
    ),
    Case(
        "items to choose by where nothing is chosen",
        suite("  r: 4", "  choice_items: 6"),
        r"suite.yaml:\d+: .*choice_items is about evaluate_every; add that or leave it out",
    ),
    Case("a trainer option out of range", suite("1.0e-2", "-1"), r"suite.yaml:\d+: trainer 'lora': .*learning_rate"),
    Case(
        "an unknown benchmark",
        suite("gates:", "benchmarks: [mmlo]\ngates:"),
        r"suite.yaml:\d+: unknown benchmark 'mmlo'; did you mean 'mmlu'\?",
    ),
    Case(
        "a misspelt benchmark option",
        suite("gates:", "benchmarks: [{name: mmlu, num_fewshots: 5}]\ngates:"),
        r"suite.yaml:\d+: benchmark 'mmlu' has no option 'num_fewshots'; did you mean 'num_fewshot'\?",
    ),
    Case(
        "an unknown benchmark that a flag is about",
        suite("gates:", "benchmarks: [mmlo]\ngates:"),
        r"suite.yaml:\d+: unknown benchmark 'mmlo'; did you mean 'mmlu'\?",
        ("check", "suite.yaml", "--num-fewshot", "2"),
    ),
    Case(
        "an unknown backend",
        suite("  dtype: float32", "  backend: transformer"),
        r"suite.yaml:5: unknown backend 'transformer'; did you mean 'transformers'\?",
    ),
    Case("no such suite", nothing, r"none.yaml: no such suite file", ("check", "none.yaml")),
    Case("a folder for a suite", nothing, r"model: a folder, not a suite file", ("check", "model")),
    Case("broken YAML", suite("suite: tiny", "suite: [tiny"), r"suite.yaml:\d+: not valid YAML"),
    Case("a template's blank", suite("suite: tiny", "suite: {{ name }}"), r"suite.yaml:1: not valid YAML"),
    Case("a number that is none", suite("seed: 3", "seed: 0x_"), r"suite.yaml: not valid YAML: invalid literal"),
    Case("another program's tag", suite("suite: tiny", "suite: !env NAME"), r"suite.yaml:1: not valid YAML"),
    Case(
        "a key twice",
        suite("seed: 3", "suite: again"),
        r"suite.yaml:2: key 'suite' stands twice; the first is on line 1",
    ),
    Case("an empty suite", text(""), r"suite.yaml:1: not a suite"),
    Case("a list for a suite", text("- suite\n"), r"suite.yaml:1: not a suite"),
    Case(
        "a suite without a model",
        suite("model:\n  name: model\n  dtype: float32\n", ""),
        r"suite.yaml:1: the suite has no 'model'; add 'model:'",
    ),
    Case(
        "a missing data file",
        suite("test: test.jsonl", "test: tset.jsonl"),
        r"tset.jsonl: no such data file; paths are relative to the suite file",
    ),
    Case(
        "an unknown split",
        suite("data: test", "data: tets"),
        r"suite.yaml:\d+: data has no 'tets'; did you mean 'test'\?",
    ),
    Case(
        "invalid JSON",
        rows("test.jsonl", GOOD, '{"messages": ['),
        r"test.jsonl:2: not valid JSON: .*; one JSON object a line",
    ),
    Case("a row that is no object", rows("test.jsonl", GOOD, "[1, 2]"), r"test.jsonl:2: holds list, not an object"),
    Case(
        "a row without its fields",
        rows("test.jsonl", GOOD, '{"message": []}'),
        r"test.jsonl:2: the row has no 'messages'; like the rows before it",
    ),
    Case(
        "unknown columns",
        rows("test.jsonl", '{"massages": []}'),
        r"test.jsonl:1: no known format has the columns 'massages' \('massages': did you mean 'messages'\?\)",
    ),
    Case(
        "no answer to learn",
        rows("train.jsonl", '{"messages": [{"role": "user", "content": "hi"}]}'),
        r"train.jsonl:1: 'messages' does not end with the assistant's answer",
    ),
    Case(
        "an unknown role",
        rows("train.jsonl", '{"messages": [{"role": "usr", "content": "hi"}]}'),
        r"train.jsonl:1: messages\[0\] has the role 'usr'; did you mean 'user'\?",
    ),
    Case("an empty data file", rows("validation.jsonl"), r"validation.jsonl: the file holds no rows"),
    Case("not UTF-8", not_utf8, r"test.jsonl:1: not UTF-8 text"),
    Case(
        "train and test share rows",
        shared_rows,
        r"test.jsonl:2: test shares 2 rows with train \(the first: train line 5\); remove them from train",
    ),
    Case(
        "a gate on a metric that is not measured",
        suite("metric: f1", "metric: rouge"),
        r"suite.yaml:\d+: gate on metric 'rouge', which colours does not measure",
    ),
    Case(
        "a gate on a task that is not there",
        suite("task: colours", "task: colors"),
        r"suite.yaml:\d+: gate on 'colors', which the suite does not measure; did you mean 'colours'\?",
    ),
    Case(
        "a gate with two demands",
        suite("max_drop: 0.5", "max_drop: 0.5, at_least: 1"),
        r"suite.yaml:\d+: gates.0: a gate has exactly one of min_gain, max_drop, at_least and at_most",
    ),
    Case(
        "a margin above one",
        suite("max_drop: 0.5", "max_drop: 5"),
        r"suite.yaml:\d+: max_drop 5 is not between 0 and 1; f1 goes from 0 to 1; write 0.05 for 5 points",
    ),
    Case(
        "a margin that is no number",
        suite("max_drop: 0.5", "max_drop: five"),
        r"suite.yaml:\d+: gates.0: max_drop is points as 0.05",
    ),
    Case(
        "a gate against an arm that is not there",
        gate_without_its_arm,
        r"suite.yaml:\d+: gate against 'prompted', but the suite has no such arm; add 'prompted:'",
    ),
    Case(
        "more examples than rows",
        suite("few_shot: 2", "few_shot: 200"),
        r"suite.yaml:\d+: few_shot 200 is more than train's 24 rows",
    ),
    Case(
        "choose without choices",
        suite("    data: test\n", "    data: test\n    mode: choose\n"),
        r"suite.yaml:\d+: (metric|mode)",
    ),
    Case(
        "a missing package",
        needs_a_package,
        r"suite.yaml:\d+: metric 'needy' needs no-such-package, which is not installed; pip install no-such-package",
    ),
    Case("a model folder that is none", empty_model, r"suite.yaml:4: .*config.json"),
    Case("pickled weights", only_pickle, r"suite.yaml:4: .*pickle.*safe_serialization"),
    Case("a flag out of range", nothing, r"--limit", ("run", "suite.yaml", "--limit", "0")),
    Case(
        "a picture in a folder that is not there",
        nothing,
        r"'--svg'.*: there is no folder 'none'",
        ("run", "suite.yaml", "--svg", "none/v.svg"),
    ),
    Case(
        "a folder for a picture",
        nothing,
        r"'--svg'.*: File 'model' is a directory",
        ("run", "suite.yaml", "--svg", "model"),
    ),
    Case(
        "an adapter that is none",
        nothing,
        r"model: no adapter",
        ("eval", "--suite", "suite.yaml", "--adapter", "model"),
    ),
    Case(
        "no gates to plan items for",
        suite("gates:\n  - {task: colours, metric: f1, max_drop: 0.5}\n", ""),
        r"suite.yaml: the suite has no gates on metrics, so there is nothing to plan items for; add 'gates:'",
        ("power", "suite.yaml"),
    ),
    Case("no record yet", nothing, r"harness.db: .*harness run", ("runs",)),
    Case(
        "a benchmark pack that is none",
        nothing,
        r"HARNESS_BENCHMARK_PACK names 'nowhere', which is no folder",
        environment=(("HARNESS_BENCHMARK_PACK", "nowhere"),),
    ),
    Case(
        "results below a file",
        nothing,
        r"test.jsonl/results.*--output",
        ("run", "suite.yaml", "--output", "test.jsonl/results"),
    ),
]


def tree(folder: Path) -> dict[str, int]:
    return {
        str(path.relative_to(folder)): path.stat().st_size
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_bad_input_is_told_in_one_line_and_loses_nothing(case: Case, project: Project) -> None:
    case.make(project)
    python_path = {"PYTHONPATH": str(project.folder / "site")}
    project = replace(project, environment={**python_path, **dict(case.environment)})
    before = tree(project.folder)
    result = project.run(*case.arguments)
    assert result.exit_code == 2, result.err
    assert "Traceback" not in result.err
    said = [line for line in result.err.splitlines() if not line.startswith(("Usage:", "Try "))]
    told = [line for line in said if re.search(case.expected, line)]
    assert len(told) == 1, result.err
    assert tree(project.folder) == before, "something was written"


def contents(record: Path) -> list[str]:
    with sqlite3.connect(record) as database:
        return list(database.iterdump())


def test_a_database_from_a_newer_version_is_refused_and_left_alone(project: Project) -> None:
    project.record.parent.mkdir()
    from harness.store.writer import Writer

    Writer(project.record).close()
    with sqlite3.connect(project.record) as database:
        columns = [row[1] for row in database.execute("PRAGMA table_info(migrations)")]
        highest = database.execute(f"SELECT max({columns[0]}) FROM migrations").fetchone()[0]
        values = [highest + 1, *("future" for _ in columns[1:])]
        database.execute(f"INSERT INTO migrations VALUES ({', '.join('?' * len(columns))})", values)
    before = contents(project.record)
    result = project.run("runs")
    assert result.exit_code == 2
    assert re.search(r"harness.db: .*newer.*finetune-harness", result.err)
    assert "Traceback" not in result.err
    assert contents(project.record) == before
