"""What a probe sees of a training, what it leaves behind, and what it refuses; the training is a real one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import pytest

from harness import hookimpl
from harness.advice.time.duration import of_probe
from harness.advice.training.hyperparameters import Lengths
from harness.catalog import Catalog
from harness.cli.progress import QuietObserver
from harness.errors import TrainingFailed, UsageError
from harness.experiment import Setting
from harness.host import Host
from harness.plan import Plan, make
from harness.suite.load import load
from harness.survey import probe as probing
from harness.survey.probe import LEAST, STEPS, probe
from harness.survey.schedule import schedule
from harness.testing.project import SUITE, Project
from harness.values import Origin, Progress, Ref

LORA = Ref("lora", {"r": 4, "per_device_train_batch_size": 2, "num_train_epochs": 5.0})
LENGTHS = Lengths(counted=24, median=60, p95=62, p99=62, longest=62, total=24 * 60, answers=48)


class Watching(QuietObserver):
    """Keeps what it is told, and may do something about it."""

    def __init__(self, on_progress: Callable[[Progress], None] = lambda progress: None) -> None:
        self.said: list[str] = []
        self.progress: list[Progress] = []
        self._on_progress = on_progress

    def stage(self, title: str) -> None:
        self.said.append(title)

    def note(self, text: str) -> None:
        self.said.append(text)

    def training_progressed(self, progress: Progress) -> None:
        self.progress.append(progress)
        self._on_progress(progress)


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return Catalog.build(Host.load())


def planned(project: Project, catalog: Catalog, monkeypatch: pytest.MonkeyPatch, text: str = SUITE) -> Plan:
    monkeypatch.chdir(project.folder)
    return make(load(project.write_suite(text)), catalog)


def setting(project: Project, catalog: Catalog, observer: QuietObserver) -> Setting:
    return Setting(project.folder / "results", catalog._host, catalog, observer)


@pytest.fixture
def plan(project: Project, catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> Plan:
    return planned(project, catalog, monkeypatch)


def test_twenty_steps_tell_the_time_of_all_and_leave_nothing_behind(
    project: Project, catalog: Catalog, plan: Plan
) -> None:
    record = project.folder / "results" / "harness.db"
    record.parent.mkdir()
    record.write_bytes(b"as it was")
    watching = Watching()
    found = probe(plan, setting(project, catalog, watching), LORA, lengths=LENGTHS)
    assert (found.steps, found.basis) == (STEPS, "20 steps on this machine")
    assert watching.said == ["20 steps of lora, to see how long it takes"]
    assert [each.step for each in watching.progress if each.loss is not None] == list(range(1, STEPS + 1))
    assert any(each.validation_loss is not None for each in watching.progress), "the loss was measured meanwhile"
    assert 0 < found.step_seconds < found.starting
    assert found.validation_seconds > 0
    assert found.peak_memory
    assert found.tokens_per_second == pytest.approx(120 / found.step_seconds), "two rows of 60 tokens are a step"
    planned_steps = schedule(plan, catalog.trainer(LORA), LENGTHS)
    whole = of_probe(planned_steps, found)
    assert whole.steps == 60
    assert whole.stepping == pytest.approx(60 * found.step_seconds)
    assert [each.name for each in record.parent.iterdir()] == ["harness.db"]
    assert record.read_bytes() == b"as it was"


def test_a_training_of_fewer_steps_is_done_whole(project: Project, catalog: Catalog, plan: Plan) -> None:
    found = probe(plan, setting(project, catalog, QuietObserver()), Ref("lora", {"max_steps": 3, "r": 2}))
    assert found.steps == 3
    assert not (project.folder / "results").exists(), "a folder that was made for it is taken away"


def test_a_slow_probe_is_ended_when_the_loss_has_been_measured_once(
    project: Project, catalog: Catalog, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probing, "PATIENCE", 0.0)
    watching = Watching()
    found = probe(plan, setting(project, catalog, watching), LORA)
    assert found.steps == LEAST
    assert found.basis == "6 steps on this machine, ended then because they take long"
    assert watching.said[-1] == "ended after 6 steps: they take long, and tell enough"
    assert [each.step for each in watching.progress if each.validation_loss is not None] == [4]
    assert not (project.folder / "results").exists()


def test_what_is_interrupted_leaves_no_folder(project: Project, catalog: Catalog, plan: Plan) -> None:
    folders: list[Path] = []

    def interrupt(progress: Progress) -> None:
        folders.extend((project.folder / "results").glob(".probe-*"))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        probe(plan, setting(project, catalog, Watching(interrupt)), LORA)
    assert len(folders) == 1, "it was there while it was needed"
    assert not (project.folder / "results").exists()


def test_a_trainer_that_chooses_its_method_is_probed_like_any_other(
    project: Project, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    stages = "trainer: {stages: [{name: lora, r: 4}, {name: auto, per_device_train_batch_size: 4}]}\n"
    plan = planned(
        project, catalog, monkeypatch, SUITE.replace(SUITE[SUITE.index("trainer:") : SUITE.index("tasks:")], stages)
    )
    assert plan.training is not None
    watching = Watching()
    found = probe(plan, setting(project, catalog, watching), plan.training.stages[-1].trainer.ref, steps=4)
    assert found.basis == "4 steps on this machine, of the last of 2 trainings"
    assert any("lora: 24 rows are few" in (each.message or "") for each in watching.progress)


def test_a_failure_is_told_without_the_log_that_is_gone(project: Project, catalog: Catalog, plan: Plan) -> None:
    with pytest.raises(TrainingFailed, match="the loss became nan at step") as caught:
        probe(
            plan, setting(project, catalog, QuietObserver()), Ref("lora", {"learning_rate": 1e30, "max_grad_norm": 0})
        )
    assert "see " not in str(caught.value)
    assert not (project.folder / "results").exists()


@dataclass(frozen=True)
class Endless:
    """Trains until it has had enough."""

    name = "endless"
    requires_packages = ()
    trains_on = "messages"
    patience: int = field(default=3)

    def train(self, job: object, report: object) -> None:
        raise NotImplementedError

    def masks(self, job: object, rows: int) -> list[object]:
        return []


def test_a_trainer_that_cannot_be_told_to_stop_is_refused(project: Project, plan: Plan) -> None:
    plugin = ModuleType("endless")
    vars(plugin)["harness_register_trainers"] = hookimpl(lambda: [Endless])
    host = Host([("endless:endless", Origin("endless", "1", "endless"), lambda: plugin)])
    catalog = Catalog.build(host)
    with pytest.raises(UsageError, match="trainer 'endless' has no option max_steps"):
        probe(plan, Setting(project.folder / "results", host, catalog, QuietObserver()), Ref("endless"))
    assert not (project.folder / "results").exists()
