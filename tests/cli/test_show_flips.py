"""``harness show RUN --broken`` and ``--fixed`` on a record whose flips are known."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import goldens
import pytest

from harness.store.writer import Writer
from harness.testing.project import Project, Result
from harness.values import (
    Environment,
    Generation,
    Message,
    ModelRef,
    Ref,
    Run,
    Sample,
    Score,
    Stopping,
    Suite,
    Task,
)

Show = Callable[..., Result]
HOSTILE = "[bold red]pwn[/] \x1b[2J\x1b[31mred \u202egnp.exe <script>alert(1)</script>"
ACTING = {"\x1b", "\x9b", "\x07", "\u202e"}
TICKETS = Task("tickets", "generate", (Ref("exact_match"), Ref("f1"), Ref("slips")))
QUIZ = Task("quiz", "choose", (Ref("acc"),), benchmark="quiz")
ENVIRONMENT = Environment("3.11.7", "linux", "x86_64", 2, "cpu", {}, None)
SUITE = Suite("job", Path("job.yaml"), "suite: job\n", "digest", 7, ModelRef("m"), {}, None, None, (), (), ())

PLUGIN = '''
from dataclasses import dataclass
from harness import PerSample, hookimpl

@dataclass(frozen=True)
class Slips(PerSample):
    """Counts slips: the fewer, the better."""
    name = "slips"
    higher_is_better = False
    bounds = None
    def score_one(self, text, targets):
        return 0.0

@hookimpl
def harness_register_metrics():
    return [Slips]
'''


def ticket(number: int) -> Sample:
    return Sample(
        f"ticket{number:02d}",
        (Message("system", "Turn the ticket into JSON."), Message("user", f"My router RX-{number} died.")),
        (f'{{"product": "RX-{number}"}}',),
        cluster=f"customer {number // 2}",
        tags=("router", *(("urgent",) if number % 3 == 0 else ())),
    )


def question(number: int) -> Sample:
    subject = ("geography", "law", "music")[number % 3]
    return Sample(f"question{number:02d}", f"Question {number}:", (), (" Paris", " Rome"), 0, stratum=subject)


TICKETS_ASKED = [ticket(number) for number in range(8)]
QUESTIONS = [question(number) for number in range(6)]

# by sample: exact_match, f1, slips
BASE = [(1, 1, 0), (1, 1, 0), (1, 1, 2), (0, 0.5, 5), (0, 0, 0), (1, 1, 1), (0, 0.5, 0), (None, None, None)]
TUNED = [(0, 0.25, 3), (1, 1, 0), (0, 0.5, 9), (1, 1, 1), (1, 1, 0), (None, None, 1), (0, 0.25, 0), (1, 1, 0)]


@dataclass(frozen=True)
class Recorder:
    """Writes the runs of one experiment."""

    writer: Writer
    experiment: str

    def run(self, arm: str, **changes: object) -> Run:
        run = Run(
            id=f"{self.experiment}/{arm}",
            experiment=self.experiment,
            suite="job",
            suite_digest="digest",
            arm=arm,
            seed=7,
            status="running",
            started="2026-03-14T09:26:53+00:00",
            finished=None,
            environment=ENVIRONMENT,
            origins={},
        )
        run = replace(run, **changes)  # type: ignore[arg-type]
        self.writer.start_run(run)
        self.writer.update_run(run)
        return run

    def tickets(self, run: Run, marks: Sequence[tuple[float | None, ...]], task: Task = TICKETS) -> None:
        self.writer.start_task(run.id, task, TICKETS_ASKED, "test.jsonl")
        asked = TICKETS_ASKED[: len(marks)]
        answers = [
            Generation(each.id, 0, self._text(each, mark), "stop", 9, 9, 0.1)
            for each, mark in zip(asked, marks, strict=True)
        ]
        scores = {
            name: [
                Score(each.id, mark[place], None if mark[place] is not None else "the judge timed out")
                for each, mark in zip(asked, marks, strict=True)
            ]
            for place, name in enumerate(("exact_match", "f1", "slips"))
        }
        self.writer.add_batch(run.id, task.name, answers, scores)

    def quiz(self, run: Run, right: Sequence[bool]) -> None:
        self.writer.start_task(run.id, QUIZ, QUESTIONS, "pack")
        weighed = [
            Generation(
                each.id, place, each.choices[place], "choice", 9, 1, 0.1, -1.0 if (place == 0) == is_right else -2.0
            )
            for each, is_right in zip(QUESTIONS, right, strict=True)
            for place in (0, 1)
        ]
        scores = {"acc": [Score(each.id, float(is_right)) for each, is_right in zip(QUESTIONS, right, strict=True)]}
        self.writer.add_batch(run.id, "quiz", weighed, scores)

    def finish(self, *runs: Run) -> None:
        for run in runs:
            self.writer.finish_run(run.id, "finished", "2026-03-14T09:27:53+00:00")

    @staticmethod
    def _text(sample: Sample, mark: Sequence[float | None]) -> str:
        return sample.targets[0] if mark[0] == 1 else HOSTILE


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """An experiment of three arms, one that stopped early and has no base, and one with a single arm."""
    folder = tmp_path_factory.mktemp("flips")
    site = folder / "site"
    info = site / "slips-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: slips\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[harness]\nmetrics = slips\n")
    (site / "slips.py").write_text(PLUGIN)
    project = Project(folder, {"PYTHONPATH": str(site)})
    with Writer(project.record) as writer:
        three = Recorder(writer, writer.new_experiment(SUITE, "key"))
        base, prompted, tuned = (
            three.run("base", not_measured={"arc": "the hub does not answer"}),
            three.run("prompted"),
            three.run("tuned", notes=("quiz: a stand-in of 6 questions",)),
        )
        three.tickets(base, BASE)
        three.tickets(prompted, TUNED)
        three.tickets(tuned, TUNED)
        three.quiz(base, [True, True, True, False, False, True])
        three.quiz(tuned, [True, False, True, True, False, True])
        three.finish(base, prompted, tuned)
        early = Recorder(writer, writer.new_experiment(SUITE, "other"))
        stopped = replace(TICKETS, stopping=Stopping("population", 8, (3, 8)))
        alone, again = early.run("prompted"), early.run("tuned")
        early.tickets(alone, BASE[:3], stopped)
        early.tickets(again, TUNED[:4], stopped)
        early.finish(alone)
        other = Recorder(writer, writer.new_experiment(SUITE, "third"))
        sibling = other.run("tuned")
        other.tickets(sibling, BASE)
        other.finish(sibling)
    return project


@pytest.fixture(scope="module")
def show(recorded: Project) -> Show:
    """``harness show`` with these arguments; the record does not change, so each is run once."""
    return functools.cache(lambda *arguments: recorded.run("show", *arguments))


def ids(task: Mapping[str, Any], kind: str) -> list[str]:
    return [flip["candidate"]["item"]["sample"]["id"] for flip in task["items"][kind]]


def test_the_screen_is_as_stored(show: Show) -> None:
    result = show("job-1/tuned", "--broken", "--fixed")
    assert result.exit_code == 0, result.err
    goldens.check("flips.txt", "\n".join(line.rstrip() for line in result.out.splitlines()) + "\n")


def test_a_models_output_does_nothing_to_the_terminal(show: Show) -> None:
    screen, told = show("job-1/tuned", "--broken", "--fixed").out, show("job-1/tuned", "--broken", "--json").out
    assert "[bold red]pwn[/]" in screen
    assert "<script>alert(1)</script>" in screen
    assert not ACTING & set(screen + told)


def test_only_what_is_asked_for_is_listed_and_all_is_counted(show: Show) -> None:
    fixed = show("job-1/tuned", "--fixed", "--task", "tickets").out
    assert "6 items compared · 2 fixed · 2 broken · 2 missing" in fixed
    assert re.findall(r"ticket\d\d", fixed) == ["ticket03", "ticket04"]
    assert "question" not in fixed.replace("6 questions", "")


def test_the_largest_loss_comes_first_and_the_limit_holds(show: Show) -> None:
    by_f1 = ("job-1/tuned", "--broken", "--task", "tickets", "--metric", "f1")
    assert re.findall(r"ticket\d\d", show(*by_f1).out) == ["ticket00", "ticket02", "ticket06"]
    first = show(*by_f1, "--limit", "1").out
    assert re.findall(r"ticket\d\d", first) == ["ticket00"]
    assert "1 of 3" in first


def test_where_lower_is_better_a_score_that_rose_is_broken(show: Show) -> None:
    told = show("job-1/tuned", "--broken", "--fixed", "--metric", "slips", "--json").json
    (tickets,) = told["tasks"]
    assert tickets["higher_is_better"] is False
    assert ids(tickets, "broken") == ["ticket02", "ticket00"]
    assert ids(tickets, "fixed") == ["ticket03"]
    assert told["not_compared"]["quiz"] == "not scored by 'slips' in both runs; known are acc"


def test_json_holds_counts_groups_and_both_sides(show: Show) -> None:
    told = show("job-1/tuned", "--broken", "--json").json
    assert (told["baseline"]["id"], told["candidate"]["id"]) == ("job-1/base", "job-1/tuned")
    assert told["not_compared"] == {"arc": "job-1/base did not measure it: the hub does not answer"}
    tickets, quiz = told["tasks"]
    assert (tickets["task"], tickets["metric"], tickets["higher_is_better"]) == ("tickets", "exact_match", True)
    assert [tickets[count] for count in ("compared", "fixed", "broken", "missing", "not_asked")] == [6, 2, 2, 2, 0]
    assert {"by": "tag", "name": "urgent", "compared": 3, "fixed": 1, "broken": 1, "missing": 0} in tickets["groups"]
    assert quiz["groups"][0] == {"by": "stratum", "name": "law", "compared": 2, "fixed": 0, "broken": 1, "missing": 0}
    assert list(tickets["items"]) == ["broken"]
    first = tickets["items"]["broken"][0]
    for side, score, text in (("baseline", 1.0, '{"product": "RX-0"}'), ("candidate", 0.0, HOSTILE)):
        item = first[side]["item"]
        assert item["sample"]["id"] == "ticket00"
        assert item["sample"]["prompt"][1]["content"] == "My router RX-0 died."
        assert item["generations"][0]["text"] == text
        assert first[side]["scores"]["exact_match"]["value"] == score


def test_an_arm_of_the_experiment_may_be_the_baseline(show: Show) -> None:
    same = show("job-1/tuned", "--broken", "--fixed", "--against", "prompted").out
    assert "7 items compared · 0 fixed · 0 broken · 1 missing" in same
    assert re.search(r"quiz +job-1/prompted has no such task; it has tickets", same)
    backwards = show("job-1/base", "--fixed", "--against", "tuned", "--json").json
    assert ids(backwards["tasks"][0], "fixed") == ["ticket00", "ticket02"]


def test_a_run_of_another_experiment_may_be_the_baseline_and_equal_arms_go_by_their_ids(show: Show) -> None:
    told = show("job-2/tuned", "--fixed", "--against", "job-1/base", "--json").json
    assert told["baseline"]["id"] == "job-1/base"
    sides = show("job-1/tuned", "--broken", "--against", "job-3/tuned", "--json").json["tasks"][0]["items"]["broken"][0]
    assert (sides["baseline"]["run"], sides["candidate"]["run"]) == ("job-3/tuned", "job-1/tuned")


def test_what_an_early_stop_left_unasked_is_not_missing(show: Show) -> None:
    out = show("job-2/tuned", "--broken", "--against", "prompted").out
    assert "3 items compared · 0 fixed · 2 broken · 0 missing · 5 not asked" in out
    assert "job-2/tuned is running: its figures are not whole" in out


def test_a_run_and_its_answers_are_shown_as_before(show: Show) -> None:
    plain = show("job-1/tuned")
    assert plain.exit_code == 0
    assert "ticket00" not in plain.out
    assert "ticket07" in show("job-1/tuned", "--samples").out
    assert list(show("job-1/tuned", "--task", "quiz", "--json").json["samples"]) == ["quiz"]


REFUSED = [
    (
        "--broken --against promted",
        r"no run 'promted' is recorded; did you mean .*\? \(other arms of job-1: base, prompted\)$",
    ),
    (
        "--broken --against tuned",
        r"job-1/tuned cannot be compared with itself; name another run by --against \(.*: base, prompted\)$",
    ),
    ("--broken --metric exact_mach", r"no task is scored by 'exact_mach'; did you mean 'exact_match'\?$"),
    ("--broken --task quiz --metric f1", r"quiz: not scored by 'f1' in both runs; known are acc$"),
    ("--broken --task ticket", r"job-1/tuned has no task 'ticket'; did you mean 'tickets'\?$"),
    ("--broken --task arc", r"arc: job-1/base did not measure it: the hub does not answer$"),
    ("--broken --task quiz --against prompted", r"quiz: job-1/prompted has no such task; it has tickets$"),
    (
        "--broken --metric acc --against prompted",
        r"nothing can be compared by 'acc' \(tickets: not scored by 'acc' .*, quiz: .* has no such task; .*\)$",
    ),
    ("--broken --samples", r"--samples shows one run, .*; leave one of them out$"),
    ("--against base", r"--against says what to compare, and nothing is; add --broken, --fixed or both$"),
    ("--metric f1", r"--metric says what to compare, and nothing is; add --broken, --fixed or both$"),
]


@pytest.mark.parametrize(("flags", "expected"), REFUSED)
def test_bad_input_gets_one_line(flags: str, expected: str, show: Show) -> None:
    assert re.search(expected, refused(show("job-1/tuned", *flags.split())))


def test_a_base_is_not_compared_with_itself_and_one_that_is_not_there_is_told(show: Show) -> None:
    itself = r"job-1/base cannot be compared with itself; name .* \(other arms of job-1: prompted, tuned\)$"
    assert re.search(itself, refused(show("job-1/base", "--broken")))
    without = r"job-2 has no arm 'base'; name another run by --against \(other arms of job-2: prompted\)$"
    assert re.search(without, refused(show("job-2/tuned", "--fixed")))


def test_a_metric_whose_plugin_is_gone_is_named(recorded: Project) -> None:
    without = replace(recorded, environment={})
    line = refused(without.run("show", "job-1/tuned", "--broken", "--metric", "slips"))
    assert "nothing can be compared by 'slips' (tickets: unknown metric 'slips'; known are" in line


def refused(result: Result) -> str:
    """The one line that a person gets."""
    assert (result.exit_code, result.out) == (2, "")
    (line,) = result.err.splitlines()
    return line
