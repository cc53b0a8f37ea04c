"""A run looks at its data before it trains, records what it finds, and judges by what training has not seen."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.store.reader import Reader
from harness.testing.project import SUITE, Project

PLACES = (
    "the harbour office opens its gates to visitors on the first weekend of May",
    "our library lends board games and telescopes to every member for three weeks",
    "the night train to the mountains carries bicycles in its last two carriages",
    "a bakery behind the town hall sells rye bread until the shelves are empty",
    "swimmers meet at the lighthouse every morning before the ferries depart",
    "the observatory invites schools to look through its oldest brass telescope",
    "musicians rehearse in the former fire station whenever the choir is away",
    "farmers bring apples and pears to the covered market on rainy Thursdays",
    "the glass workshop teaches beginners to blow small bowls in one afternoon",
    "volunteers repair kettles and radios in the basement of the old post office",
    "a narrow footpath leads from the castle to the vineyards along the river",
    "the cinema on the corner shows silent films with a pianist on Sundays",
)


def asks(texts: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {
            "messages": [
                {"role": "user", "content": f"Somebody wrote that {text}. Is this about people or about things?"},
                {"role": "assistant", "content": "people" if number % 2 else "things"},
            ]
        }
        for number, text in enumerate(texts)
    ]


NEAR = PLACES[0].replace("first weekend", "second weekend").replace("opens", "Opens")


@pytest.fixture
def town(project: Project) -> Project:
    """The tiny project with rows of prose; the fourth training row says nearly what the first test row says."""
    project.write_rows("train.jsonl", asks([*PLACES[3:6], PLACES[0].upper(), *PLACES[6:8]]))
    project.write_rows("validation.jsonl", asks(PLACES[8:10]))
    project.write_rows("test.jsonl", asks([*PLACES[:3], *PLACES[10:]]))
    return project


def suite(project: Project, further: str = "", severity: str = "warning") -> None:
    checks = f"checks:\n  - {{name: leakage, severity: {severity}}}\n{further}"
    project.write_suite(SUITE.replace("few_shot: 2", "few_shot: 0").replace("gates:", f"{checks}gates:"))


def test_a_gate_does_without_a_test_row_that_stands_in_the_training_data(town: Project) -> None:
    suite(town)
    told = town.run("run", "suite.yaml", "--json").json
    assert [delta["pairs"] for delta in told["comparison"]["deltas"] if delta["metric"] == "f1"] == [5, 5]
    assert [delta["pairs"] for delta in told["comparison"]["unseen"] if delta["metric"] == "f1"] == [4, 4]
    assert told["verdict"]["rulings"][0]["items"] == 4
    assert "colours: 1 of 5 items stand in the training data" in " ".join(told["verdict"]["caveats"])


def test_what_was_found_is_recorded_and_can_be_looked_at(town: Project) -> None:
    suite(town)
    town.run("train", "suite.yaml")
    shown = town.run("show", "tiny-1", "--data", "--json").json["data"]
    [train] = [table for table in shown if table["name"] == "train"]
    [leak] = [finding for finding in train["findings"] if finding["check"] == "leakage"]
    assert [(spot["line"], spot["other"], spot["other_line"]) for spot in leak["spots"]] == [(4, "test", 1)]
    assert "leakage" in town.run("show", "tiny-1", "--data").out


def test_the_same_data_are_not_checked_twice(town: Project) -> None:
    suite(town)
    first, second = town.run("train", "suite.yaml"), town.run("train", "suite.yaml")
    assert "checking data" in first.out + first.err
    assert "checking data" not in second.out + second.err
    with Reader(town.record) as reader:
        assert reader.data_checks_of("tiny-1") == reader.data_checks_of("tiny-2") != ()


def test_an_adapter_is_judged_by_unseen_items_wherever_it_is_asked(town: Project) -> None:
    suite(town)
    assert town.run("train", "suite.yaml").exit_code == 0
    with Reader(town.record) as reader:
        adapter = reader.trainings("tiny-1")[0].checkpoint
    assert adapter is not None
    asked = town.run("eval", "--suite", "suite.yaml", "--adapter", str(adapter.path), "--json")
    assert asked.exit_code == 0, asked.err
    based = town.run("eval", "--suite", "suite.yaml", "--json")
    assert based.exit_code == 0, based.err
    with Reader(town.record) as reader:
        runs = {run.arm: run for run in reader.runs()}
        [candidate] = [run for run in runs.values() if run.adapter_sha256]
        assert len(reader.seen(candidate, "colours")) == 1
        assert reader.seen(runs["base"], "colours") == {}


def test_an_error_in_the_data_stops_the_run_before_anything_is_written(town: Project) -> None:
    rows = [json.loads(line) for line in (town.folder / "train.jsonl").read_text().splitlines()]
    rows[2]["messages"][0]["content"] += " My card is 4111 1111 1111 1111."
    town.write_rows("train.jsonl", rows)
    suite(town, "  - {name: pii, severity: error}\n")
    result = town.run("run", "suite.yaml")
    assert result.exit_code == 2
    last = result.err.strip().splitlines()[-1]
    assert "train.jsonl:3: " in last
    assert "harness data clean" in last
    assert "4111 1111 1111 1111" not in result.out + result.err
    assert not (town.folder / "results" / "tiny-1").exists()


def test_one_row_in_two_splits_stays_an_error_where_leakage_is_one(town: Project) -> None:
    suite(town, severity="error")
    result = town.run("run", "suite.yaml")
    assert result.exit_code == 2
    assert "test.jsonl:1: test shares 1 row with train" in result.err


def test_benchmark_items_in_the_training_data_are_found(town: Project, tmp_path: Path) -> None:
    from harness import BenchmarkContext
    from harness_forgetting.canary import Canary

    items = Canary().load(BenchmarkContext()).samples
    item = next(each for each in items if each.targets[0] == "Washington")
    assert not isinstance(item.prompt, str)
    rows = asks(PLACES[3:8])
    rows[1]["messages"] = [
        {"role": "user", "content": f"Please help me with a riddle.\n{item.prompt[-1].content}"},
        {"role": "assistant", "content": item.targets[0]},
    ]
    town.write_rows("train.jsonl", rows)
    text = SUITE.replace("few_shot: 2", "few_shot: 0")
    town.write_suite(
        text.replace("gates:", "benchmarks: [canary]\nchecks:\n  - {name: contamination, severity: warning}\ngates:")
    )
    told = town.run("run", "suite.yaml", "--json")
    assert told.exit_code in (0, 3, 4), told.err
    [unseen] = {delta["pairs"] for delta in told.json["comparison"]["unseen"] if delta["task"] == "canary"}
    [everything] = {delta["pairs"] for delta in told.json["comparison"]["deltas"] if delta["task"] == "canary"}
    assert unseen == everything - 1


def test_a_task_that_asks_the_training_rows_decides_nothing(town: Project) -> None:
    suite(town)
    text = town.suite.read_text()
    town.suite.write_text(text.replace("    data: test\n", "    data: train\n"))
    ruling = town.run("run", "suite.yaml", "--json").json["verdict"]["rulings"][0]
    assert ruling["outcome"] == "inconclusive"
    assert "every item stands in the training data" in ruling["reason"]
