"""The training on the screen: its facts, its curve, what was seen in it and which checkpoint was chosen."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import goldens
import pytest
import sample_values as values
from rich.console import Console, RenderableType

from harness.execution.findings import findings_of
from harness.report import layout, numbers
from harness.report.chart import Chart, Line, Upright
from harness.report.run import run_screen
from harness.report.training import Trained, training_screen, trainings_screen
from harness.store.writer import Writer
from harness.suite.load import load
from harness.testing.project import Project
from harness.values import Checkpoint, JudgedCheckpoint, ModelRef, Progress, Ref, Training, TrainJob

STEPS = 180
RULE = "the best task score among the checkpoints whose losses the gates allow"


def reports(bottom: float = 1.0, rise: float = 0.35) -> Iterator[Progress]:
    """A training that overfits from step 72 on: five epochs, each step reported."""
    for step in range(1, STEPS + 1):
        share = step / STEPS
        wobble = 1 + 0.08 * math.sin(2.4 * step) * math.cos(0.9 * step)
        about = Progress(
            step, STEPS, 5 * share, seconds=2.0 * step, tokens_per_second=1240.0, memory_bytes=2_345_678_901
        )
        yield replace(about, loss=(0.4 + 1.8 * math.exp(-share / 0.3)) * wobble, learning_rate=2e-4 * (1 - share))
        if step % 18 == 0:
            late = max(0.0, share - 0.4)
            early = max(0.0, 1 - share / 0.4)
            yield replace(about, validation_loss=bottom + 1.2 * early**2 + rise * late / 0.6)


PROGRESS = tuple(reports())
FACTS = {
    "trained_parameters": 4_884_480,
    "rows": 288,
    "tokens_seen": 446_400,
    "steps": STEPS,
    "stopped": "all steps done",
    "precision": "bfloat16",
}
CHECKPOINT = Checkpoint(Path("results/tickets-3/training/checkpoint"), "adapter", 72, "ab" * 32, 0.9, 1.0, 372.0, FACTS)
JUDGED = tuple(
    JudgedCheckpoint(step, f"tickets-3/tuned@{step}", gain, {"mmlu": mmlu, "hellaswag": hellaswag}, within, step == 108)
    for step, gain, mmlu, hellaswag, within in (
        (36, 0.61, -0.005, 0.010, True),
        (72, 0.83, 0.010, 0.005, True),
        (108, 0.91, 0.020, 0.020, True),
        (144, 0.93, 0.070, 0.030, False),
        (180, 0.935, 0.110, 0.040, False),
    )
)
TRAINING = Training(
    "tickets-3",
    0,
    Ref("lora", {"r": 16, "learning_rate": 2e-4}),
    ModelRef("HuggingFaceTB/SmolLM2-135M-Instruct"),
    7,
    {"train": "c1" * 32},
    "finished",
    1,
    CHECKPOINT,
)
CHOSEN = replace(TRAINING, checkpoint=replace(CHECKPOINT, step=108, validation_loss=1.12), judged=JUDGED, rule=RULE)


def told(training: Training, progress: tuple[Progress, ...] = PROGRESS) -> Trained:
    return Trained(training, progress, findings_of(progress))


@pytest.mark.parametrize("width", [60, 100, 140])
def test_a_training_is_as_stored(width: int) -> None:
    text = goldens.printed(training_screen(told(CHOSEN)), width)
    goldens.check(f"training-{width}.txt", text)
    assert max(map(len, text.splitlines())) <= width


def test_a_run_shows_the_training_that_made_it() -> None:
    goldens.check("training-run.txt", goldens.printed(run_screen(values.TUNED, trained=[told(TRAINING)])))
    assert "Training" not in goldens.printed(run_screen(values.TUNED))


def test_what_was_seen_in_the_curve_is_said() -> None:
    text = goldens.printed(training_screen(told(TRAINING)))
    assert "overfitting since step 72: the validation loss has risen from 1.000 to 1.1" in text
    healthy = tuple(replace(each, validation_loss=each.validation_loss and 1.0) for each in PROGRESS)
    assert "Seen in the curve" not in goldens.printed(training_screen(told(TRAINING, healthy)))


def test_without_colours_every_line_has_a_mark_of_its_own() -> None:
    text = goldens.printed(training_screen(told(CHOSEN)))
    legends = [line for line in text.splitlines() if "┊ step" in line]
    assert legends == [
        "⠤⠒ training loss   ● validation loss   ┊ step 108, taken",
        "● task score, up is better   ┊ step 108, chosen",
        "◆ mmlu lost   ▲ hellaswag lost   ✶ several of them   ┊ step 108, chosen",
    ]
    # two points each stand alone, and three where both lost about the same
    assert [text.count(mark) for mark in "◆▲✶"] == [3, 3, 4]


def test_the_chosen_checkpoint_and_those_beyond_the_gates_are_told_in_words() -> None:
    rows = [line.split() for line in goldens.printed(training_screen(told(CHOSEN))).splitlines()]
    assert ["108", "0.910", "0.020", "0.020", "✓", "yes", "←", "chosen"] in rows
    assert ["144", "0.930", "0.070", "0.030", "✗", "no"] in rows
    assert RULE in goldens.printed(training_screen(told(CHOSEN)))


def test_what_was_not_measured_is_a_dash_and_no_point() -> None:
    some = (replace(JUDGED[0], gain=None, drops={"mmlu": 0.01, "hellaswag": math.inf}), *JUDGED[1:])
    text = goldens.printed(training_screen(told(replace(CHOSEN, judged=some))))
    assert any(line.split()[:4] == ["36", numbers.MISSING, "0.010", numbers.MISSING] for line in text.splitlines())


def test_a_failed_training_says_why_and_shows_how_far_it_came() -> None:
    error = "the training process was killed by SIGKILL, as the system does when memory runs out"
    failed = replace(TRAINING, status="failed", checkpoint=None, error=error, attempt=2)
    text = goldens.printed(training_screen(told(failed, PROGRESS[:60])))
    assert f"failed: {error}" in " ".join(text.split())
    assert "steps       57 of 180 · 1.6 epochs · 1 min 54 s" in text
    assert "taken" not in text


def test_a_training_that_told_nothing_has_facts_and_no_chart() -> None:
    text = goldens.printed(training_screen(told(replace(TRAINING, status="running", checkpoint=None), ())))
    assert "it has not ended" in text
    assert "Loss" not in text


def test_stages_are_counted() -> None:
    both = [told(replace(TRAINING, trainer=Ref("continued_pretraining"))), told(replace(TRAINING, stage=1))]
    text = goldens.printed(trainings_screen(both))
    assert text.index("Training, stage 1 of 2") < text.index("continued_pretraining") < text.index("stage 2 of 2")


def test_texts_that_mean_harm_are_shown_and_not_obeyed() -> None:
    bad = values.HOSTILE
    training = replace(
        CHOSEN,
        trainer=Ref(bad, {bad: bad}),
        model=ModelRef(bad),
        error=bad,
        rule=bad,
        checkpoint=replace(CHECKPOINT, facts={bad: bad, "stopped": bad}),
        judged=tuple(replace(each, drops={bad: 0.1}) for each in JUDGED),
    )
    text = goldens.printed(training_screen(told(training)))
    assert not {"\x1b", "\x9b", "\x07", "\u202e", "\u2069"} & set(text)
    assert "[bold red]" in text


def test_the_picture_is_whole_and_holds_the_curve() -> None:
    picture = layout.picture(training_screen(told(CHOSEN)), width=100, title="training")
    words = "".join(ElementTree.fromstring(picture).itertext())
    assert picture == layout.picture(training_screen(told(CHOSEN)), width=100, title="training")
    assert {"●", "┊", "◆", "▲"} <= set(words)
    assert any("\u2801" <= character <= "\u28ff" for character in words)


def drawn(screen: RenderableType, width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(screen)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_a_chart_puts_points_where_they_belong() -> None:
    lines = drawn(Chart([Line("a", ((0, 0.0), (50, 1.0), (100, 0.0)), "", "x")], height=5, end=100), 40)
    legend, *rows, axis, ticks = lines
    marks = [(row.index("x"), at) for at, row in enumerate(rows) if "x" in row]
    assert (legend, len(rows)) == ("x a", 5)
    assert marks[0][1] == 0
    assert 23 <= marks[0][0] <= 24
    assert rows[-1].startswith("  0.0 ┤x")
    assert rows[-1].endswith("x")
    assert len(rows[-1]) == len(axis) == 40
    assert ticks.split()[:2] == ["step", "0"]


@pytest.mark.parametrize("points", [((7, 2.5),), ((1, 2.5), (9, 2.5)), ((1, 0.0), (9, 0.0)), ((1, 1e-7), (9, 9e6))])
def test_flat_single_and_far_apart_points_are_drawn_too(points: tuple[tuple[float, float], ...]) -> None:
    lines = drawn(Chart([Line("a", points, "", "x")], height=4, end=9, uprights=[Upright("u", 5)]), 30)
    assert sum(line.count("x") for line in lines) == len(points) + 1
    assert max(map(len, lines)) <= 30


def test_a_number_that_is_none_leaves_a_gap() -> None:
    lines = drawn(Chart([Line("a", ((1, 1.0), (2, math.nan), (3, math.inf), (4, 2.0)), "", "x")], height=4, end=4), 40)
    assert sum(line.count("x") for line in lines[1:]) == 2
    assert drawn(Chart([Line("a", ((1, math.nan),), "")], height=4, end=4), 40) == []


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """One experiment that trained and was asked, one that only trained."""
    project = Project(tmp_path_factory.mktemp("trained"))
    suite = load(project.write_suite())
    with Writer(project.record) as writer:
        for key in ("first", "second"):
            experiment = writer.new_experiment(suite, key)
            folder = project.folder / "results" / experiment / "checkpoint"
            job = TrainJob(experiment, TRAINING.model, TRAINING.trainer, Path("train.jsonl"), None, folder, 7)
            writer.start_training(job)
            for each in PROGRESS:
                writer.add_progress(experiment, each)
            writer.finish_training(experiment, replace(CHECKPOINT, path=folder), None)
        writer.choose_checkpoint(experiment, JUDGED, RULE, replace(CHECKPOINT, path=folder, step=108))
        for arm in ("base", "tuned"):
            run = replace(values.run(arm), id=f"tiny-1/{arm}", experiment="tiny-1", suite="tiny")
            writer.start_run(replace(run, origins={}))
    return project


def test_show_prints_the_training_of_the_tuned_arm_alone(recorded: Project) -> None:
    tuned, base = recorded.run("show", "tiny-1/tuned"), recorded.run("show", "tiny-1/base")
    assert tuned.exit_code == base.exit_code == 0, tuned.err + base.err
    assert "method      lora" in tuned.out
    assert "overfitting since step 72" in tuned.out
    assert "method      lora" not in base.out


def test_show_prints_an_experiment_that_only_trained(recorded: Project) -> None:
    result = recorded.run("show", "tiny-2", "--svg", "training.svg")
    assert result.exit_code == 0, result.err
    assert "step 108, chosen" in result.out
    assert "hellaswag" in (recorded.folder / "training.svg").read_text()
    refused = recorded.run("show", "tiny-2", "--samples")
    assert (refused.exit_code, refused.err.count("\n")) == (2, 1)


def test_json_carries_the_same(recorded: Project) -> None:
    (stage,) = json.loads(recorded.run("show", "tiny-2", "--json").out)["trainings"]
    assert stage["training"]["rule"] == RULE
    assert [each["is_chosen"] for each in stage["training"]["judged"]] == [False, False, True, False, False]
    assert stage["training"]["judged"][2]["drops"] == {"mmlu": 0.02, "hellaswag": 0.02}
    assert [each["kind"] for each in stage["findings"]] == [each.kind for each in findings_of(PROGRESS)]
    assert len(stage["progress"]) == len(PROGRESS)
    run = json.loads(recorded.run("show", "tiny-1/tuned", "--json").out)
    assert run["trainings"][0]["training"]["checkpoint"]["step"] == 72
    assert json.loads(recorded.run("show", "tiny-1/base", "--json").out)["trainings"] == []
