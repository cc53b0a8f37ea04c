"""A suite file says what it says, wherever it lies and however it is commented."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from harness.errors import UsageError
from harness.suite import schema
from harness.suite.load import load, override
from harness.testing.project import SUITE
from harness.values import GateRule, Ref, SuiteBenchmark

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
    assert rule.max_drop == pytest.approx(margin)
    assert rule.relative == relative


def test_comments_do_not_make_another_suite_but_a_value_does(tmp_path: Path) -> None:
    plain = load(write(tmp_path, SUITE)).digest
    assert load(write(tmp_path, "# what for\n" + SUITE)).digest == plain
    assert load(write(tmp_path, SUITE.replace("seed: 3", "seed: 4"))).digest != plain


def test_a_flag_makes_another_suite(tmp_path: Path) -> None:
    suite = load(write(tmp_path, SUITE))
    assert override(suite) == suite
    changed = override(suite, seed=9)
    assert (changed.seed, changed.digest != suite.digest) == (9, True)


def test_what_looks_like_a_date_is_a_text(tmp_path: Path) -> None:
    text = SUITE.replace("dtype: float32", "revision: 2024-02-28").replace("r: 4", "note: 2024-02-30")
    suite = load(write(tmp_path, text))
    assert suite.model.revision == "2024-02-28"
    assert suite.training is not None
    assert suite.training.stages[0].trainer.options["note"] == "2024-02-30"


def keys() -> Iterator[str]:
    """Every key that a suite file may have, a plugin's own options aside."""
    for shape in vars(schema).values():
        if isinstance(shape, type) and issubclass(shape, BaseModel):
            yield from shape.model_fields


@pytest.mark.parametrize("key", sorted(set(keys())))
def test_every_key_is_spoken_of_where_people_read(key: str) -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "suites").glob("*.yaml")]
    assert any(re.search(rf"\b{key}\b", page.read_text(encoding="utf-8")) for page in pages)


def test_a_line_is_known_for_every_key(tmp_path: Path) -> None:
    suite = load(write(tmp_path, SUITE))
    lines = SUITE.splitlines()
    assert "lora" in lines[(suite.line("trainer", "name") or 0) - 1]
    assert "max_drop" in lines[(suite.line("gates", 0, "max_drop") or 0) - 1]
    assert suite.line("gates", 0, "tier") == suite.line("gates", 0)


def with_gates(*gates: str) -> str:
    return SUITE[: SUITE.index("gates:")] + "gates:\n" + "".join(f"  - {gate}\n" for gate in gates)


def refused(folder: Path, text: str) -> str:
    """What is said of a suite file, which is one line with the file and its line."""
    with pytest.raises(UsageError) as error:
        load(write(folder, text))
    said = str(error.value)
    assert "\n" not in said
    return said


def line_of(text: str, part: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if part in line)


BOTH_LIMITS = """\
gates:
  - {task: colours, metric: f1, min_gain: 0.1}
  - task: colours
    metric: exact_match
    max_drop: 0.02
    max_relative_drop: 5%
    relative_guard_below: 0.4
    tier: supporting
    alpha: 0.01
    max_missing: 0.02
    min_items: 100
  - {task: colours, metric: f1, at_least: 0.5}
  - {task: colours, metric: latency, at_most: 2.5}
"""


def test_a_gate_with_both_limits_is_two_rules_that_share_the_rest(tmp_path: Path) -> None:
    suite = load(write(tmp_path, SUITE[: SUITE.index("gates:")] + BOTH_LIMITS))
    shared = GateRule("colours", "exact_match", tier="supporting", alpha=0.01, max_missing=0.02, min_items=100)
    assert suite.gates == (
        GateRule("colours", "f1", min_gain=0.1),
        dataclasses.replace(shared, max_drop=0.02),
        dataclasses.replace(shared, max_drop=0.05, relative=True, only_below=0.4),
        GateRule("colours", "f1", at_least=0.5),
        GateRule("colours", "latency", at_most=2.5),
    )


def test_both_rules_of_a_gate_and_those_after_it_know_their_lines(tmp_path: Path) -> None:
    text = SUITE[: SUITE.index("gates:")] + BOTH_LIMITS
    suite = load(write(tmp_path, text))
    for index, key, part in (
        (0, "min_gain", "min_gain: 0.1"),
        (1, "max_drop", "max_drop: 0.02"),
        (1, "tier", "tier: supporting"),
        (2, "max_relative_drop", "max_relative_drop: 5%"),
        (2, "relative_guard_below", "relative_guard_below"),
        (2, "metric", "metric: exact_match"),
        (3, "at_least", "at_least: 0.5"),
        (4, "at_most", "at_most: 2.5"),
    ):
        assert suite.line("gates", index, key) == line_of(text, part), (index, key)
    assert suite.line("gates", 1) == suite.line("gates", 2) == line_of(text, "  - task: colours")
    assert suite.line("gates") == line_of(text, "gates:")
    assert suite.line("tasks", 0, "name") == line_of(text, "name: colours")


def test_an_error_on_a_gate_after_one_with_two_limits_names_its_own_line(tmp_path: Path) -> None:
    text = SUITE[: SUITE.index("gates:")] + BOTH_LIMITS.replace("metric: f1, at_least", "metric: rogue, at_least")
    suite = load(write(tmp_path, text))
    assert suite.line("gates", 3, "metric") == line_of(text, "rogue")


@pytest.mark.parametrize(("written", "share"), [("0.05", 0.05), ("5%", 0.05), ("'0.5 %'", 0.005)])
def test_a_relative_drop_is_a_share_however_it_is_written(written: str, share: float, tmp_path: Path) -> None:
    [rule] = load(write(tmp_path, with_gates(f"{{task: colours, max_relative_drop: {written}}}"))).gates
    assert rule.max_drop == pytest.approx(share)
    assert (rule.relative, rule.only_below) == (True, None)


@pytest.mark.parametrize("against", ["base", "prompted", "release", "tiny-1/tuned"])
def test_a_gate_says_what_it_is_against(against: str, tmp_path: Path) -> None:
    [rule] = load(write(tmp_path, with_gates(f"{{task: colours, max_drop: 0.1, against: {against}}}"))).gates
    assert rule.against == against
    assert rule.is_against_the_record == (against in {"release", "tiny-1/tuned"})


def test_a_gate_asks_for_no_least_number_unless_told(tmp_path: Path) -> None:
    [rule] = load(write(tmp_path, with_gates("{task: colours, max_drop: 0.1}"))).gates
    assert (rule.only_below, rule.max_missing, rule.min_items) == (None, None, None)


@pytest.mark.parametrize(
    ("gate", "problem"),
    [
        (
            "{task: colours, max_drop: 5%, max_relative_drop: 0.05}",
            "max_drop with a per cent sign and max_relative_drop are two limits of one kind; keep one",
        ),
        (
            "{task: colours, max_drop: 0.05, relative_guard_below: 0.4}",
            "relative_guard_below needs max_relative_drop, which it switches off for baselines that score more",
        ),
        ("{task: colours, min_gain: 0.1, relative_guard_below: 0.4}", "relative_guard_below needs max_relative_drop"),
        (
            "{task: colours, min_gain: 0.1, max_relative_drop: 0.05}",
            "exactly one of min_gain, max_drop, at_least and at_most",
        ),
        ("{task: colours, at_least: 0.1, at_most: 0.5}", "exactly one of min_gain, max_drop, at_least and at_most"),
        ("{task: colours, at_least: 0.1, max_drop: 0.05}", "exactly one of min_gain, max_drop, at_least and at_most"),
        ("{task: colours}", "exactly one of min_gain, max_drop, at_least and at_most"),
        ("{task: colours, max_relative_drop: 5}", "max_relative_drop 5 is not between 0 and 1"),
        ("{task: colours, max_relative_drop: 0}", "max_relative_drop 0 is not between 0 and 1"),
        ("{task: colours, max_relative_drop: few}", "max_relative_drop is a share as 0.05, not 'few'"),
        ("{task: colours, max_relative_drop: few%}", "max_relative_drop is a share as 0.05, not 'few%'"),
        ("{task: colours, max_drop: 0.1, max_missing: 1}", "gates.1.max_missing: "),
        ("{task: colours, max_drop: 0.1, max_missing: -0.1}", "gates.1.max_missing: "),
        ("{task: colours, max_drop: 0.1, min_items: 0}", "gates.1.min_items: "),
        ("{task: colours, max_relativ_drop: 0.1}", "did you mean 'max_relative_drop'?"),
    ],
)
def test_gates_that_contradict_themselves_are_told_in_one_line(gate: str, problem: str, tmp_path: Path) -> None:
    text = with_gates("{task: colours, max_drop: 0.1}", gate)
    said = refused(tmp_path, text)
    assert said.startswith(f"{tmp_path / 'suite.yaml'}:{line_of(text, gate)}: ")
    assert problem in said


def with_benchmarks(*benchmarks: str) -> str:
    written = "".join(f"  - {benchmark}\n" for benchmark in benchmarks)
    return SUITE.replace("gates:\n", f"benchmarks:\n{written}gates:\n")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("canary", SuiteBenchmark(Ref("canary"))),
        ("{name: canary, limit: 8}", SuiteBenchmark(Ref("canary", {"limit": 8}))),
        ("{name: canary, stop: when_certain}", SuiteBenchmark(Ref("canary"), "population")),
        ("{name: canary, stop: when_certain, target: population}", SuiteBenchmark(Ref("canary"), "population")),
        (
            "{name: canary, limit: 8, stop: when_certain, target: this_benchmark}",
            SuiteBenchmark(Ref("canary", {"limit": 8}), "this_benchmark"),
        ),
    ],
)
def test_a_benchmark_says_whether_it_stops_and_what_the_stop_is_about(
    written: str, expected: SuiteBenchmark, tmp_path: Path
) -> None:
    assert load(write(tmp_path, with_benchmarks(written))).benchmarks == (expected,)


@pytest.mark.parametrize(
    ("benchmark", "problem"),
    [
        (
            "{name: canary, target: this_benchmark}",
            "target says what an early stop is about; add 'stop: when_certain' or leave it out",
        ),
        ("{name: canary, stop: soon}", "benchmarks.1.stop: "),
        ("{name: canary, stop: when_certain, target: humans}", "benchmarks.1.target: "),
        ("{stop: when_certain}", "benchmarks.1 has no 'name'"),
    ],
)
def test_a_stop_that_means_nothing_is_told_in_one_line(benchmark: str, problem: str, tmp_path: Path) -> None:
    text = with_benchmarks("mmlu", benchmark)
    said = refused(tmp_path, text)
    assert said.startswith(f"{tmp_path / 'suite.yaml'}:{line_of(text, benchmark)}: ")
    assert problem in said


@pytest.mark.parametrize("text", ["suite: x\ntasks: &all [*all]\n", "suite: x\ndata: &all {more: *all}\n", "[" * 5000])
def test_what_holds_itself_or_is_nested_without_end_is_refused(tmp_path: Path, text: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(UsageError, match="nested without end"):
        load(path)


WITH_A_FILE = SUITE.replace("[exact_match, f1]", "[{name: json_schema, schema_file: ticket.json}]")


def test_an_option_of_a_metric_may_stand_in_a_file_beside_the_suite(tmp_path: Path) -> None:
    (tmp_path / "ticket.json").write_text('{"type": "object"}')
    suite = load(write(tmp_path, WITH_A_FILE))
    assert suite.tasks[0].metrics == (Ref("json_schema", {"schema": {"type": "object"}}),)
    (tmp_path / "ticket.json").write_text('{"type": "array"}')
    assert load(tmp_path / "suite.yaml").digest != suite.digest


@pytest.mark.parametrize(
    ("content", "own", "said"),
    [
        (None, "", "schema_file .*ticket.json cannot be read: No such file"),
        (b"{", "", "schema_file .*ticket.json is no JSON"),
        (b"\xff", "", "schema_file .*ticket.json is no JSON"),
        (b"{}", ", schema: {}", "'schema' and 'schema_file' are two of one kind; keep one"),
    ],
)
def test_a_file_of_an_option_that_is_of_no_use_is_told_with_its_line(
    tmp_path: Path, content: bytes | None, own: str, said: str
) -> None:
    if content is not None:
        (tmp_path / "ticket.json").write_bytes(content)
    text = WITH_A_FILE.replace("ticket.json", f"ticket.json{own}")
    with pytest.raises(UsageError, match=said) as told:
        load(write(tmp_path, text))
    assert told.value.line == line_of(text, "schema_file")
