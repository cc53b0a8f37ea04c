"""Several candidates and one set of test items: the best is judged, pays for having been chosen, and is counted."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from harness.judgement import serves_choosing
from harness.store import Writer
from harness.suite.load import load
from harness.testing.project import Project, Result
from harness.values import Environment, Generation, Pair, Ref, Run, Sample, Score, Stopping, Task

SUITE = """\
suite: colours
model: {name: model}
data: {test: test.jsonl}
tasks:
  - {name: colours, data: test, metrics: [exact_match]}
  - {name: shapes, data: test, metrics: [exact_match]}
gates:
  - {task: shapes, at_least: 0.5}
  - {task: colours, min_gain: 0.052}
  - {task: colours, max_drop: 0.05}
  - {task: shapes, max_drop: 0.05}
"""
ITEMS, SHAPES = 400, 65
METRIC = "exact_match"


def samples(task: str, count: int) -> list[Sample]:
    return [Sample(f"{task}-{number:04}", f"what of {number}?", ("yes",)) for number in range(count)]


COLOURS = samples("colours", ITEMS)
CHOOSING = [index for index, each in enumerate(COLOURS) if serves_choosing(Pair(each.id, None, None))]
JUDGING = sorted(set(range(ITEMS)) - set(CHOOSING))
HALF = len(JUDGING)
HALF_OF_SHAPES = sum(not serves_choosing(Pair(each.id, None, None)) for each in samples("shapes", SHAPES))


def gains(*indices: int) -> list[float]:
    """Scores of ``colours``: the base's, every second item right, with these items right too."""
    return [1.0 if index % 2 or index in indices else 0.0 for index in range(ITEMS)]


def some_of(indices: Sequence[int], count: int) -> list[int]:
    return [index for index in indices if index % 2 == 0][:count]


CANDIDATES = {
    "base": gains(),
    "slight": gains(*some_of(range(ITEMS), 30)),
    "better": gains(*some_of(range(ITEMS), 80)),
    "shines-in-choosing": gains(*some_of(CHOOSING, 60)),
    "shines-in-judging": gains(*some_of(JUDGING, 80)),
}


def recorded(project: Project, scores: dict[str, list[float]], tasks: Sequence[Task] | None = None) -> None:
    """A record with a run for each candidate, its scores known, each an experiment of its own."""
    suite = load(project.suite)
    with Writer(project.record) as writer:
        for number, (arm, colours) in enumerate(scores.items()):
            experiment = writer.new_experiment(suite, arm)
            header = Run(
                id=f"{arm}-run",
                experiment=experiment,
                suite=suite.name,
                suite_digest=suite.digest,
                arm="base" if arm == "base" else "tuned",
                seed=0,
                status="running",
                started="2026-01-01T00:00:00+00:00",
                finished=None,
                environment=Environment("3.11.7", "linux", "x86_64", 2, "cpu", {}, None),
                origins={},
                adapter_sha256=None if arm == "base" else f"{number:064}",
            )
            writer.start_run(header)
            for task in tasks or [Task(name, "generate", (Ref(METRIC),)) for name in ("colours", "shapes")]:
                asked = COLOURS if task.name == "colours" else samples(task.name, SHAPES)
                given = colours if task.name == "colours" else [1.0] * SHAPES
                writer.start_task(header.id, task, asked, "test.jsonl")
                answers = [Generation(each.id, 0, "a", "stop", 1, 1, 0.1) for each in asked]
                marks = [Score(each.id, value) for each, value in zip(asked, given, strict=True)]
                writer.add_batch(header.id, task.name, answers, {METRIC: marks})
            writer.finish_run(header.id, "finished", "2026-01-02T00:00:00+00:00")
            writer.finish_experiment(experiment, "finished", "2026-01-02T00:00:00+00:00")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project(tmp_path_factory.mktemp("candidates"))
    project.write_suite(SUITE)
    recorded(project, CANDIDATES)
    return project


@pytest.fixture
def project(template: Project, tmp_path: Path) -> Project:
    """A fresh copy of the record, in which no candidate has been judged."""
    shutil.copytree(template.folder, tmp_path / "project")
    return Project(tmp_path / "project")


def gate(project: Project, *candidates: str, pay: str = "correction", screen: bool = False) -> Result:
    runs = [f"{each}-run" for each in candidates]
    told = [] if screen else ["--json"]
    result = project.run("gate", "base-run", *runs, "--suite", "suite.yaml", "--pay", pay, *told)
    assert result.exit_code in {0, 3, 4}, result.err
    return result


def caveats(result: Result, what: str) -> list[str]:
    return [caveat for caveat in result.json["verdict"]["caveats"] if what in caveat]


def chosen(result: Result) -> str:
    return str(result.json["comparison"]["runs"][-1]["id"])


def rulings(result: Result) -> list[dict[str, object]]:
    found: list[dict[str, object]] = result.json["verdict"]["rulings"]
    return found


def looks(project: Project) -> list[tuple[str, str]]:
    """Candidate and outcome of every look, read with the plain standard library."""
    with closing(sqlite3.connect(f"file:{project.record}?mode=ro", uri=True)) as database:
        query = "SELECT runs.id, outcome FROM judgements JOIN runs ON runs.key = candidate ORDER BY judgements.key"
        return database.execute(query).fetchall()


@pytest.fixture(scope="module")
def history(template: Project, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    """What was said in turn of one record, each time with the looks before."""
    folder = tmp_path_factory.mktemp("history") / "project"
    shutil.copytree(template.folder, folder)
    project = Project(folder)
    both = "shines-in-choosing", "shines-in-judging"
    return {
        "alone": gate(project, "slight"),
        "alone again": gate(project, "slight"),
        "the second": gate(project, "base", "slight"),
        "the best of both halves": gate(project, *both),
        "the best of one half": gate(project, *both, pay="half"),
        "in the end": gate(project, "slight", screen=True),
    }


def test_the_best_on_the_first_gate_that_compares_is_judged(history: dict[str, Result]) -> None:
    assert chosen(history["the second"]) == "slight-run"
    assert chosen(history["the best of both halves"]) == "shines-in-judging-run"


def test_the_best_pays_with_a_part_of_the_level_on_the_items_that_chose_it(history: dict[str, Result]) -> None:
    alone, among = history["alone"], history["the second"]
    [told] = caveats(among, "the candidate is the best of")
    assert told.startswith("the candidate is the best of 2 on these items, so it must pass at ")
    assert not caveats(alone, "the candidate is the best of")
    assert [each["p_passed"] for each in rulings(among)] == [each["p_passed"] for each in rulings(alone)]
    p_value = rulings(alone)[1]["p_passed"]
    assert isinstance(p_value, float)
    assert 0.025 < p_value <= 0.05, "the case tells nothing: change the gain that is asked for"
    assert [rulings(each)[1]["outcome"] for each in (alone, among)] == ["passed", "inconclusive"]


def test_the_part_of_the_level_is_told_in_english(history: dict[str, Result]) -> None:
    [told] = caveats(history["the second"], "the candidate is the best of")
    assert "2th" not in told


def test_gates_on_other_tasks_pay_too_since_they_may_ask_the_same_items(history: dict[str, Result]) -> None:
    alone, among = (rulings(history[name])[3] for name in ("alone", "the second"))
    assert alone["p_passed"] == among["p_passed"]
    assert (alone["outcome"], among["outcome"]) == ("passed", "inconclusive")


def test_with_half_the_best_on_one_half_is_judged_by_the_other(history: dict[str, Result]) -> None:
    whole, half = history["the best of both halves"], history["the best of one half"]
    assert chosen(half) == "shines-in-choosing-run"
    assert [each["items"] for each in rulings(whole)] == [SHAPES, ITEMS, ITEMS, SHAPES]
    assert [each["items"] for each in rulings(half)] == [HALF_OF_SHAPES, HALF, HALF, HALF_OF_SHAPES]
    assert 0.4 * ITEMS < HALF < 0.6 * ITEMS
    assert rulings(half)[1]["outcome"] != "passed", "a gain that the judging half does not show was believed"
    [told] = caveats(half, "the candidate is the best of")
    assert told.startswith(
        "the candidate is the best of 2 on one half of colours's items, and the gates of the suite's"
    )


def test_with_half_the_table_shows_the_items_that_judge(history: dict[str, Result]) -> None:
    deltas = {each["task"]: each for each in history["the best of one half"].json["comparison"]["deltas"]}
    assert (deltas["colours"]["pairs"], deltas["colours"]["fixed"]) == (HALF, 0)
    assert deltas["shapes"]["pairs"] == HALF_OF_SHAPES


def test_the_halves_hold_whole_groups() -> None:
    for passage in map(str, range(40)):
        assert len({serves_choosing(Pair(f"s{number}", None, None, cluster=passage)) for number in range(9)}) == 1
    assert len({serves_choosing(Pair("s1", None, None, cluster=str(number))) for number in range(40)}) == 2


def test_items_that_have_judged_others_say_how_many(history: dict[str, Result]) -> None:
    assert not caveats(history["alone"], "have judged")
    assert not caveats(history["alone again"], "have judged"), "a candidate is no other than itself"
    assert caveats(history["the best of both halves"], "have judged") == [
        f"{task}: these items have judged 2 other candidates; the best of many looks better than it is"
        for task in ("colours", "shapes")
    ]
    said = " ".join(history["in the end"].out.split())
    assert "colours: these items have judged 3 other candidates; the best of many looks better than it is" in said


def test_a_single_other_candidate_is_told_as_one(project: Project) -> None:
    gate(project, "slight")
    assert caveats(gate(project, "better"), "colours: these items have judged") == [
        "colours: these items have judged one other candidate; the best of many looks better than it is"
    ]


def test_every_candidate_that_was_looked_at_is_recorded_with_the_outcome(project: Project) -> None:
    outcome = gate(project, "slight", "better").json["verdict"]["outcome"]
    assert looks(project) == [("slight-run", outcome), ("better-run", outcome)]


def test_one_candidate_alone_pays_nothing(project: Project, history: dict[str, Result]) -> None:
    assert gate(project, "slight", pay="half").json["verdict"] == history["alone"].json["verdict"]


def test_a_look_that_cannot_be_recorded_is_noted_and_the_verdict_given(
    project: Project, history: dict[str, Result]
) -> None:
    with closing(sqlite3.connect(project.record)) as database:
        database.execute("CREATE TRIGGER closed BEFORE INSERT ON judgements BEGIN SELECT RAISE(ABORT, 'closed'); END")
    result = gate(project, "slight")
    assert result.json["verdict"] == history["alone"].json["verdict"]
    [note] = result.err.strip().splitlines()
    assert note.startswith("harness: this look at the test items is not recorded: ")
    assert "closed" in note
    assert looks(project) == []


def test_without_a_gate_that_compares_there_is_nothing_to_choose_by(project: Project) -> None:
    project.write_suite(SUITE[: SUITE.index("  - {task: colours, min_gain")])
    result = project.run("gate", "base-run", "slight-run", "better-run", "--suite", "suite.yaml")
    assert result.exit_code == 2
    assert "no gate compares runs, so there is nothing to choose by; add min_gain or max_drop" in result.err
    assert looks(project) == []


def test_a_candidate_without_the_gates_task_is_never_the_best(project: Project) -> None:
    recorded(project, {"elsewhere": gains()}, [Task("shapes", "generate", (Ref(METRIC),))])
    assert chosen(gate(project, "elsewhere", "slight")) == "slight-run"


def test_a_baseline_among_its_own_candidates_is_never_the_best_since_it_would_pass_whatever_it_answers(
    project: Project,
) -> None:
    recorded(project, {"worse": [0.0] * ITEMS})
    assert chosen(gate(project, "base", "worse")) == "worse-run"
    alone = project.run("gate", "base-run", "base-run", "--suite", "suite.yaml")
    assert alone.exit_code == 2
    assert "base-run cannot be judged against itself" in alone.err


def test_a_baseline_without_the_gates_task_leaves_it_unmeasured(project: Project) -> None:
    recorded(project, {"partly": gains()}, [Task("shapes", "generate", (Ref(METRIC),))])
    result = project.run("gate", "partly-run", "slight-run", "--suite", "suite.yaml", "--json")
    assert "Traceback" not in result.err
    assert result.exit_code == 4, result.err
    assert [each["outcome"] for each in rulings(result)] == ["passed", "inconclusive", "inconclusive", "passed"]
    assert str(rulings(result)[1]["reason"]).startswith("not measured: ")


def test_candidates_that_were_asked_until_certain_can_be_chosen_among_as_a_whole(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.write_suite(SUITE)
    stopping = Stopping("population", ITEMS, (ITEMS // 4, ITEMS))
    task = Task("colours", "generate", (Ref(METRIC),), benchmark="colours", stopping=stopping)
    scores = {name: CANDIDATES[name] for name in ("base", "slight", "better")}
    recorded(project, scores, [task, Task("shapes", "generate", (Ref(METRIC),))])
    assert chosen(gate(project, "slight", "better")) == "better-run"
    half = project.run("gate", "base-run", "slight-run", "better-run", "--suite", "suite.yaml", "--pay", "half")
    assert half.exit_code == 2
    assert "the first gate is on the benchmark colours, which is asked as a whole; " in half.err


@pytest.mark.parametrize(
    ("misspelt", "problem"),
    [
        ("task: colors, min_gain: 0.052", "a gate names 'colors'; did you mean 'colours'?"),
        ("task: colours, metric: exact, min_gain: 0.052", "a gate names 'exact'; did you mean 'exact_match'?"),
        ("benchmark: mmlo, min_gain: 0.052", "a gate names 'mmlo'; did you mean 'mmlu'?"),
        ("task: colours, min_gain: 0.052, against: promted", "a gate names 'promted'; did you mean 'prompted'?"),
    ],
)
def test_a_gate_with_a_misspelt_name_is_refused_with_its_line_and_nothing_is_looked_at(
    misspelt: str, problem: str, project: Project
) -> None:
    text = SUITE.replace("gates:", "benchmarks: [mmlu]\ngates:").replace("task: colours, min_gain: 0.052", misspelt)
    project.write_suite(text)
    result = project.run("gate", "base-run", "slight-run", "--suite", "suite.yaml")
    line = next(number for number, line in enumerate(text.splitlines(), 1) if misspelt in line)
    assert (result.exit_code, result.err) == (2, f"harness: suite.yaml:{line}: {problem}\n")
    assert looks(project) == []


def test_the_flips_that_are_proposed_are_those_against_the_baseline_of_the_verdict(project: Project) -> None:
    [proposed] = re.findall(r"harness (show .*)", gate(project, "slight", screen=True).out)
    assert proposed == "show slight-run --broken --against base-run"
    shown = project.run(*proposed.split())
    assert shown.exit_code == 0, shown.err
