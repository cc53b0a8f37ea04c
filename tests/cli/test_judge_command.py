"""``harness judge``: a recorded judge beside people's labels, those of the record and those of a file."""

from __future__ import annotations

import csv
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from harness.cli.main import cli
from harness.errors import UsageError
from harness.store import Reader, Writer
from harness.testing.project import Project
from harness.values import (
    PEOPLE,
    Environment,
    Generation,
    ModelRef,
    Opinion,
    Ref,
    Run,
    Sample,
    Score,
    Suite,
    Task,
)

MODEL = {"model": {"name": "judge"}}
TASK = Task("tickets", "generate", (Ref("exact_match"),), judges=(Ref("pairwise", MODEL),))
GRADED = Task("letters", "generate", (Ref("exact_match"),), judges=(Ref("rubric", MODEL),))
SAMPLES = [Sample(f"s{number:04d}", f"question {number}", ("yes",)) for number in range(300)]
IDS = [each.id for each in SAMPLES]
SUITE = Suite("job", Path("job.yaml"), "suite: job\n", "digest", 7, ModelRef("m"), {}, None, None, (), (), ())
ENVIRONMENT = Environment("3.11.7", "linux", "x86_64", 2, "cpu", {}, None)
BASE, TUNED = "job-1/base", "job-1/tuned"
HOSTILE = "\x1b[31m[bold]because\x1b[0m\u202e"
SECONDS = [(1.0, 1.0), (1.0, 0.0), (0.0, 0.0), (0.5, 0.5)]
"""What the judge says with the baseline's answer first and with the candidate's, over and over."""


def word(number: int) -> float:
    orders = SECONDS[number % 4]
    return orders[0] if orders[0] == orders[1] else 0.5


def record(path: Path, *tasks: Task) -> None:
    """Two runs whose answers a judge was shown: candidate, tie, baseline, tie, and so on; nobody labelled any."""
    with Writer(path) as writer:
        experiment = writer.new_experiment(SUITE, "key")
        for arm in ("base", "tuned"):
            run = Run(
                f"{experiment}/{arm}", experiment, "job", "digest", arm, 7, "running", "2026-03-14T09:26:53+00:00",
                None, ENVIRONMENT, {},
            )  # fmt: skip
            writer.start_run(run)
            for task in tasks:
                writer.start_task(run.id, task, SAMPLES, "test.jsonl")
                scores = {"exact_match": [Score(each, 1.0) for each in IDS]}
                if task is GRADED:
                    grade = 0.75 if arm == "tuned" else 0.25
                    scores["rubric"] = [Score(each, grade, None, {"reasons": [HOSTILE]}) for each in IDS]
                texts = [f"{arm} says {'much ' * (arm == 'tuned')}{number % 7}" for number in range(len(IDS))]
                texts[::10] = ["the same"] * 30
                answers = [Generation(each, 0, text, "stop", 5, 5, 0.1) for each, text in zip(IDS, texts, strict=True)]
                writer.add_batch(run.id, task.name, answers, scores)
            writer.finish_run(run.id, "finished", "2026-03-14T09:27:53+00:00")
        if TASK in tasks:
            given = [
                Opinion(
                    each, "pairwise", word(n), None, {"orders": list(SECONDS[n % 4]), "reasons": [HOSTILE, "terse"]}
                )
                for n, each in enumerate(IDS)
            ]
            writer.add_opinions(BASE, TUNED, "tickets", "pairwise", given)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("judged")
    record(folder / "one" / "results" / "harness.db", TASK)
    record(folder / "graded" / "results" / "harness.db", GRADED)
    record(folder / "two" / "results" / "harness.db", TASK, GRADED)
    return folder


@pytest.fixture
def one(template: Path, tmp_path: Path) -> Project:
    """A record with the judge that compares."""
    return Project(Path(shutil.copytree(template / "one", tmp_path / "one")))


@pytest.fixture
def graded(template: Path, tmp_path: Path) -> Project:
    """A record with the judge that grades single answers."""
    return Project(Path(shutil.copytree(template / "graded", tmp_path / "graded")))


def harness(project: Project, *arguments: str) -> str:
    """What the command prints, run in this process."""
    place = [str(project.record.parent)]
    done = CliRunner().invoke(cli, [*arguments, "--output", *place], standalone_mode=False, env={"COLUMNS": "100"})
    if done.exception:
        raise done.exception
    return str(done.output)


def calibrated(project: Project, *arguments: str) -> Any:  # noqa: ANN401 - JSON has no narrower type
    return json.loads(harness(project, "judge", "calibrate", BASE, TUNED, *arguments, "--json"))


def agreed(project: Project, labels: int, rater: str = "ada") -> None:
    """People say what the judge says of so many pairs, drawn every third."""
    chosen = list(range(0, 300, 3))[:labels]
    with Writer(project.record) as writer:
        given = [Opinion(IDS[number], rater, word(number)) for number in chosen]
        writer.add_opinions(BASE, TUNED, "tickets", PEOPLE, given)


def people(project: Project, task: str = "tickets") -> list[Opinion]:
    with Reader(project.record) as reader:
        return reader.opinions(BASE, TUNED, task, PEOPLE)


def labels_of(project: Project, name: str, *rows: dict[str, object]) -> str:
    return str(project.write_rows(name, rows))


def test_labels_of_the_record_are_held_against_the_judge(one: Project) -> None:
    agreed(one, 100)
    told = calibrated(one)
    found = told["calibration"]
    assert (told["baseline"], told["candidate"]) == (BASE, TUNED)
    assert (found["task"], found["metric"], found["against"]) == ("tickets", "pairwise", "base")
    assert (found["items"], found["labels"], found["missing"], found["unlabelled"]) == (300, 100, 0, 0)
    assert found["agreement"] == found["kappa"] == 1.0
    assert found["raw"] == pytest.approx(0.0)
    assert found["low"] < found["corrected"] < found["high"]
    assert found["order_disagreement"] == pytest.approx(0.25)
    assert [(each["name"], each["both"]) for each in found["classes"]] == [
        ("candidate", 25),
        ("tie", 50),
        ("baseline", 25),
    ]
    assert told["raters"] == {"ada": 100}
    assert told["raters_alpha"] is None
    assert told["warnings"] == []


def test_the_screen_shows_the_raw_rate_beside_the_corrected_one(one: Project) -> None:
    agreed(one, 100)
    screen = harness(one, "judge", "calibrate", BASE, TUNED)
    words = " ".join(screen.split())
    assert "raw 50.0 % the judge's own word" in words
    assert "corrected 50.0 % (" in words
    assert "kappa 1.00 at least 0." in words
    assert "candidate 25 25 25 100 % 100 %" in words
    assert "its word turned with the order of the answers 25 %" in words
    assert "people may find either better" in words
    assert "next" not in screen


def test_too_few_labels_say_so_and_what_to_do(one: Project) -> None:
    agreed(one, 37)
    words = " ".join(harness(one, "judge", "calibrate", BASE, TUNED).split())
    assert "corrected needs 100 labels, has 37" in words
    assert "has 37; label 63 more" in words
    assert f"harness review {BASE} {TUNED} --task tickets --items 100" in words


def test_several_raters_are_told_with_how_far_they_agree(one: Project) -> None:
    agreed(one, 60)
    agreed(one, 100, "bo")
    told = calibrated(one)
    assert told["raters"] == {"bo": 100, "ada": 60}
    assert told["raters_alpha"] == pytest.approx(1.0)


def test_labels_of_a_file_are_taken_in_first(one: Project) -> None:
    chosen = range(0, 300, 3)
    names = {1.0: "candidate", 0.0: "baseline", 0.5: "tie"}
    rows = [{"sample": IDS[number], "label": names[word(number)]} for number in chosen]
    told = calibrated(one, "--labels", labels_of(one, "ada.jsonl", *rows))
    assert told["calibration"]["labels"] == 100
    assert told["calibration"]["kappa"] == 1.0
    assert {each.rater for each in people(one)} == {"ada"}
    assert told["warnings"] == [
        "the rows of a file must be a random draw of the pairs; 'harness judge labels' makes one"
    ]
    again = calibrated(one, "--labels", str(one.folder / "ada.jsonl"))
    assert again == told, "the same file again adds nothing"


def test_a_bad_row_takes_nothing_in(one: Project) -> None:
    file = labels_of(one, "a.jsonl", {"sample": IDS[0], "label": "tie"}, {"sample": "s9999", "label": "tie"})
    result = one.run("judge", "calibrate", BASE, TUNED, "--labels", file)
    assert result.exit_code == 2
    assert result.err.startswith(f"harness: {file}:2: both runs have no sample 's9999'; did you mean")
    assert people(one) == []


def test_labels_that_are_surely_no_random_draw_are_told(one: Project) -> None:
    rows = [{"sample": each, "label": "candidate"} for number, each in enumerate(IDS) if word(number) == 1.0][:60]
    told = calibrated(one, "--labels", labels_of(one, "ada.jsonl", *rows))
    (warning,) = told["warnings"]
    assert warning.startswith("the labelled pairs are surely no random draw: pairwise says +1.00 of them in the mean")
    assert "surely no random draw" in harness(one, "judge", "calibrate", BASE, TUNED)


def test_a_judge_of_single_answers_is_held_to_grades(graded: Project) -> None:
    rows = [{"sample": each, "baseline": 0.25, "candidate": 0.5 + 0.25 * (n % 2)} for n, each in enumerate(IDS[:120])]
    told = calibrated(graded, "--labels", labels_of(graded, "ada.jsonl", *rows))
    assert told["calibration"]["raw"] == pytest.approx(0.5)
    assert told["calibration"]["corrected"] == pytest.approx(0.375)
    assert told["raters"] == {"ada": 120}
    words = " ".join(harness(graded, "judge", "calibrate", BASE, TUNED).replace("│", "").split())
    assert "raw +0.500 the judge's own word" in words, "a difference of grades is no share of wins"
    assert "people find tuned better than base" in words
    assert "The judge's own word, +0.500, is outside what people's labels allow" in words


def test_preferences_tell_nothing_of_a_judge_of_single_answers(graded: Project) -> None:
    file = labels_of(graded, "ada.jsonl", {"sample": IDS[0], "label": "tie"})
    with pytest.raises(UsageError, match="rubric grades single answers, and no row has grades; give a grade"):
        calibrated(graded, "--labels", file)
    assert people(graded, "letters") == []


def test_a_judge_of_several_must_be_named(template: Path, tmp_path: Path) -> None:
    two = Project(Path(shutil.copytree(template / "two", tmp_path / "two")))
    with pytest.raises(UsageError, match="has 2 judges; say which by --judge and --task: pairwise of tickets, rubric"):
        calibrated(two)
    assert calibrated(two, "--judge", "rubric")["calibration"]["task"] == "letters"
    assert calibrated(two, "--task", "tickets")["calibration"]["metric"] == "pairwise"
    with pytest.raises(UsageError, match="has no judge 'rubrik'; did you mean 'rubric'"):
        calibrated(two, "--judge", "rubrik")
    with pytest.raises(UsageError, match="has no judge 'rubric' of 'tickets'"):
        calibrated(two, "--judge", "rubric", "--task", "tickets")
    with pytest.raises(UsageError, match="share no task 'ticket'; did you mean 'tickets'"):
        calibrated(two, "--task", "ticket")


def test_what_cannot_be_compared_is_refused(one: Project) -> None:
    with pytest.raises(UsageError, match="cannot be compared with itself"):
        harness(one, "judge", "calibrate", BASE, BASE)
    with pytest.raises(UsageError, match="pairwise was not shown the answers"):
        harness(one, "judge", "calibrate", TUNED, BASE)


def test_a_run_without_a_judge_is_refused_with_the_way_out(tmp_path: Path) -> None:
    project = Project(tmp_path)
    record(project.record, Task("tickets", "generate", (Ref("exact_match"),)))
    with pytest.raises(UsageError, match="no answer of job-1/tuned was shown to a judge; give a task of the suite"):
        calibrated(project)


@pytest.mark.parametrize("name", ["sheet.csv", "sheet.jsonl"])
def test_a_sheet_goes_out_blind_and_comes_back(one: Project, name: str) -> None:
    sheet = one.folder / name
    said = harness(one, "judge", "labels", BASE, TUNED, "--to", str(sheet), "--items", "120")
    assert "120 pairs drawn at random" in said
    rows = opened(sheet)
    assert len(rows) == 120
    assert not {"job-1", "base", "tuned"} & set("".join(rows[0]).split()), "it says nothing of who answered"
    assert {row["left"].split()[0] for row in rows} == {"base", "tuned", "the"}
    for row in rows:  # this rater finds the candidate better wherever it is the longer one
        row["label"] = row["label"] or ("left" if len(row["left"]) > len(row["right"]) else "right")
    saved(sheet, rows[:100], name)
    told = calibrated(one, "--labels", str(sheet))
    found = told["calibration"]
    assert (found["labels"], found["unlabelled"]) == (100, 20), "what was drawn and has no label counts as missing"
    assert found["longer_people"] == 1.0
    assert {each.value for each in people(one)} <= {1.0, 0.5}
    assert not any("surely" in each for each in told["warnings"])


def opened(sheet: Path) -> list[dict[str, str]]:
    if sheet.suffix == ".jsonl":
        return [json.loads(line) for line in sheet.read_text(encoding="utf-8").splitlines()]
    with sheet.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def saved(sheet: Path, rows: list[dict[str, str]], name: str) -> None:
    if name.endswith(".jsonl"):
        sheet.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return
    with sheet.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def test_a_sheet_for_grades_asks_for_grades(graded: Project) -> None:
    sheet = graded.folder / "sheet.jsonl"
    said = harness(graded, "judge", "labels", BASE, TUNED, "--to", str(sheet))
    assert "a grade from 0 to 1 for each answer" in said
    rows = opened(sheet)
    assert len(rows) == 100
    for row in rows:
        row["left_grade"], row["right_grade"] = ("1" if "tuned" in row[side] else "0.5" for side in ("left", "right"))
    saved(sheet, rows, sheet.name)
    told = calibrated(graded, "--labels", str(sheet))
    tuned_is_better = sum(row["left"] != row["right"] for row in rows)
    assert 0 < tuned_is_better < 100
    assert told["calibration"]["corrected"] == pytest.approx(tuned_is_better * 0.5 / 100)


def test_a_sheet_is_never_written_over_another(one: Project) -> None:
    sheet = one.folder / "sheet.csv"
    sheet.write_text("hours of work", encoding="utf-8")
    with pytest.raises(UsageError, match="is there already"):
        harness(one, "judge", "labels", BASE, TUNED, "--to", str(sheet))
    with Reader(one.record) as reader:
        assert reader.review_size(BASE, TUNED, "tickets") is None


def test_show_tells_a_judges_reasons_and_obeys_none(one: Project, graded: Project) -> None:
    agreed(one, 1)
    compared = harness(one, "show", TUNED, "--samples", "--limit", "1")
    assert "pairwise vs base 1.000" in compared
    assert "ada (people) vs base 1.000" in compared
    assert "terse" in compared
    single = harness(graded, "show", TUNED, "--samples", "--limit", "1")
    assert "rubric 0.750" in single
    for screen in (compared, single):
        assert "␛[31m[bold]because␛[0m⟨U+202E⟩" in screen
        assert not {"\x1b", "\u202e"} & set(screen)


def test_the_help_of_the_group_loads_nothing_heavy() -> None:
    import subprocess

    program = """
import sys
from harness.cli.main import cli
cli.main(["judge", "--help"], standalone_mode=False)
heavy = {"torch", "numpy", "scipy", "sqlite_utils", "rich"} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
