"""A suite with a judge behind a server, from the run over people's labels to the verdict, by the commands alone."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from chat_server import Answer, Seen, Served, chat_server, completion

from harness.store.reader import Reader
from harness.testing.project import SUITE, Project, colour_rows

KEY = "sk-a-key-that-nobody-may-see"
JUDGED = (
    SUITE[: SUITE.index("trainer:")]
    + """\
tasks:
  - name: colours
    data: test
    generation: {max_new_tokens: 6}
    metrics: [f1]
    judges:
      - name: pairwise
        model:
          name: gpt
          backend: {name: openai, base_url: "URL", api_key_env: JUDGE_KEY}
          prices: {input: 1.0, output: 2.0}
          budget: {calls: CALLS}
gates:
  - {task: colours, metric: pairwise, min_gain: 0.1, min_kappa: 0.4}
  - {task: colours, metric: people, min_gain: 0.1}
"""
)
ITEMS = 120


def prefers_the_second_alphabet(seen: Seen) -> Answer:
    """A judge with a taste: the answer with the larger sum of letters, whichever stands first."""
    first, second = (
        re.search(rf"BEGIN {title} (\w+)\n(.*?)\nEND", seen.prompt, re.DOTALL)
        for title in ("FIRST ANSWER", "SECOND ANSWER")
    )
    assert first is not None
    assert second is not None
    weights = [sum(map(ord, each[2])) for each in (first, second)]
    said = "first" if weights[0] > weights[1] else "second" if weights[1] > weights[0] else "tie"
    return completion(json.dumps({"case": first[1], "reason": f"weights {weights}", "verdict": said}))


@dataclass(frozen=True)
class Judged:
    """A project whose suite has a judge, and the server behind it."""

    project: Project
    server: Served

    def suite(self, calls: int = 10_000) -> None:
        self.project.write_suite(JUDGED.replace("URL", self.server.url).replace("CALLS", str(calls)))

    def labels(self, count: int, *, against_the_judge: bool = False) -> Path:
        """What people found of the first pairs of the draw: as the judge, but for every tenth, or its opposite."""
        with Reader(self.project.record) as reader:
            given = reader.opinions("tiny-1/base", "tiny-1/prompted", "colours", "pairwise")
        rows = []
        for number, each in enumerate(given[:count]):
            value = each.value if number % 10 else 0.5
            value = 1 - value if against_the_judge and value is not None else value
            label = {1.0: "candidate", 0.0: "baseline"}.get(value, "tie")
            rows.append({"sample": each.sample_id, "label": label})
        return self.project.write_rows("labels.jsonl", rows)


@pytest.fixture(scope="module")
def judged(tiny_template: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judged]:
    folder = tmp_path_factory.mktemp("judged") / "project"
    shutil.copytree(tiny_template.folder, folder)
    with chat_server(prefers_the_second_alphabet) as server:
        made = Judged(Project(folder, {"JUDGE_KEY": KEY}), server)
        made.project.write_rows("test.jsonl", colour_rows(0, ITEMS, "test"))
        made.suite()
        yield made


@pytest.fixture(scope="module")
def run(judged: Judged) -> Judged:
    result = judged.project.run("run", "suite.yaml", "--json")
    assert result.exit_code == 4, result.err + result.out
    (judged.project.folder / "run.json").write_text(result.out)
    return judged


def test_a_judge_alone_leaves_the_release_undecided(run: Judged) -> None:
    verdict = json.loads((run.project.folder / "run.json").read_text())["verdict"]
    pairwise, people = (ruling["reason"] for ruling in verdict["rulings"])
    assert verdict["outcome"] == "inconclusive"
    assert "harness review" in pairwise
    assert "harness review tiny-1/base tiny-1/prompted" in people
    (calibration,) = verdict["calibrations"]
    assert calibration["raw"] is not None
    assert calibration["corrected"] is None


def test_both_orders_were_asked_of_every_pair_that_differs(run: Judged) -> None:
    with Reader(run.project.record) as reader:
        given = reader.opinions("tiny-1/base", "tiny-1/prompted", "colours", "pairwise")
    asked = [each for each in given if "not_asked" not in each.details]
    assert len(given) == ITEMS
    assert len(asked) > ITEMS / 2
    assert all(each.value is not None for each in given)
    assert all(len(each.details["reasons"]) == 2 for each in asked)


def test_the_key_went_to_the_server_and_nowhere_else(run: Judged) -> None:
    assert {each.headers["authorization"] for each in run.server.seen} == {f"Bearer {KEY}"}
    for file in run.project.folder.rglob("*"):
        if file.is_file():
            assert KEY.encode() not in file.read_bytes(), file


def test_the_same_suite_again_asks_the_judge_nothing(run: Judged) -> None:
    asked = len(run.server.seen)
    copy = replace(run.project, folder=run.project.folder)
    result = copy.run("run", "suite.yaml", "--json")
    assert result.exit_code == 4
    assert len(run.server.seen) == asked


def test_people_who_agree_with_the_judge_let_it_decide_and_raw_stands_beside_corrected(run: Judged) -> None:
    labels = run.labels(110)
    told = run.project.run("judge", "calibrate", "tiny-1/base", "tiny-1/prompted", "--labels", str(labels), "--json")
    assert told.exit_code == 0, told.err
    calibration = told.json["calibration"]
    assert calibration["labels"] == 110
    assert calibration["kappa_low"] > 0.4
    result = run.project.run("gate", "tiny-1/base", "tiny-1/prompted", "--suite", "suite.yaml", "--json")
    rulings = result.json["verdict"]["rulings"]
    (held,) = result.json["verdict"]["calibrations"]
    assert held["low"] < held["corrected"] < held["high"]
    certain = held["low"] > 0.1 or held["high"] < 0.1
    assert (rulings[0]["outcome"] != "inconclusive") == certain
    screen = run.project.run("gate", "tiny-1/base", "tiny-1/prompted", "--suite", "suite.yaml")
    assert "pairwise" in screen.out
    assert "corrected" in screen.out
    assert "raw" in screen.out


def test_the_losses_that_a_judge_saw_are_shown_with_its_reasons(run: Judged) -> None:
    shown = run.project.run(
        "show", "tiny-1/prompted", "--against", "base", "--broken", "--metric", "pairwise", "--json"
    )
    if shown.exit_code == 2:
        shown = run.project.run("show", "tiny-1/prompted", "--broken", "--metric", "pairwise", "--json")
    assert shown.exit_code == 0, shown.err
    with Reader(run.project.record) as reader:
        given = reader.opinions("tiny-1/base", "tiny-1/prompted", "colours", "pairwise")
    lost = [each.sample_id for each in given if each.value == 0.0]
    assert lost
    assert lost[0] in shown.out
    assert "weights" in shown.out


def test_a_judge_that_people_contradict_decides_nothing(run: Judged, tmp_path: Path) -> None:
    copy = Judged(Project(tmp_path / "copy", run.project.environment), run.server)
    shutil.copytree(run.project.folder, copy.project.folder)
    labels = copy.labels(110, against_the_judge=True)
    told = copy.project.run("judge", "calibrate", "tiny-1/base", "tiny-1/prompted", "--labels", str(labels), "--json")
    assert told.exit_code == 0, told.err
    assert told.json["calibration"]["kappa"] < 0
    result = copy.project.run("gate", "tiny-1/base", "tiny-1/prompted", "--suite", "suite.yaml", "--json")
    ruling = result.json["verdict"]["rulings"][0]
    assert ruling["outcome"] == "inconclusive"
    assert "kappa" in ruling["reason"]


def test_a_spent_budget_ends_the_judging_cleanly_and_judge_run_goes_on_with_more(
    judged: Judged, tiny_template: Project, tmp_path: Path
) -> None:
    folder = tmp_path / "frugal"
    shutil.copytree(tiny_template.folder, folder)
    frugal = Judged(Project(folder, {"JUDGE_KEY": KEY}), judged.server)
    frugal.suite(calls=10)
    before = len(frugal.server.seen)
    result = frugal.project.run("run", "suite.yaml", "--json")
    assert result.exit_code == 4, result.err
    assert len(frugal.server.seen) - before == 10
    assert result.json["verdict"]["calibrations"][0]["missing"] > 0
    frugal.suite(calls=1000)
    again = frugal.project.run("judge", "run", "tiny-1/base", "tiny-1/prompted", "--suite", "suite.yaml", "--json")
    assert again.exit_code == 0, again.err
    (delta,) = [each for each in again.json["deltas"] if each["metric"] == "pairwise"]
    assert delta["missing"] == 0


def test_a_server_that_refuses_the_key_stops_in_one_line_that_does_not_show_it(
    tiny_template: Project, tmp_path: Path
) -> None:
    folder = tmp_path / "refused"
    shutil.copytree(tiny_template.folder, folder)
    with chat_server(lambda seen: (401, {}, json.dumps({"error": {"message": f"bad key {KEY}"}}).encode())) as server:
        refused = Judged(Project(folder, {"JUDGE_KEY": KEY}), server)
        refused.suite()
        result = refused.project.run("run", "suite.yaml", "--json")
    assert result.exit_code == 1
    assert KEY not in result.err
    assert "401" in result.err.splitlines()[-1]
