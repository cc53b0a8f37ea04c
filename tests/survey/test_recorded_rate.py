"""What the record tells of the pace of the next training: trainings that a real experiment has left in it."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import pytest

from harness.advice.model.shape import ModelShape, of_folder
from harness.advice.time.duration import Rate
from harness.catalog import Catalog
from harness.host import Host
from harness.plan import Plan, make
from harness.store.reader import Reader
from harness.suite.load import load
from harness.survey.recorded import recorded_rate
from harness.testing.project import SUITE, Project
from harness.values import Ref

DEVICE = SUITE.replace("  dtype: float32\n", "  dtype: float32\n  device: cpu\n")


@pytest.fixture(scope="module")
def whole(tiny_template: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose experiment has been run once."""
    folder = tmp_path_factory.mktemp("recorded") / "project"
    shutil.copytree(tiny_template.folder, folder)
    project = Project(folder)
    project.write_suite(DEVICE)
    result = project.run("run", "suite.yaml")
    assert result.exit_code in {0, 3, 4}, result.err
    return project


@pytest.fixture
def ran(whole: Project, tmp_path: Path) -> Project:
    """A copy of it, to be changed."""
    shutil.copytree(whole.folder, tmp_path / "copy")
    return Project(tmp_path / "copy")


@pytest.fixture
def reader(ran: Project) -> Iterator[Reader]:
    with Reader(ran.record) as opened:
        yield opened


@pytest.fixture
def plan(ran: Project, monkeypatch: pytest.MonkeyPatch) -> Plan:
    monkeypatch.chdir(ran.folder)
    return make(load(ran.suite), Catalog.build(Host.load()))


@pytest.fixture
def shape(ran: Project) -> ModelShape:
    return of_folder(ran.folder / "model")


def rate_of(plan: Plan, reader: Reader, trainer: Ref, shape: ModelShape) -> Rate:
    found = recorded_rate(plan, reader, trainer, shape)
    assert found is not None
    return found


def change(project: Project, statement: str) -> None:
    with closing(sqlite3.connect(project.record)) as record, record:
        record.execute(statement)


def test_the_next_training_of_its_kind_goes_as_fast(plan: Plan, reader: Reader, shape: ModelShape) -> None:
    told = [each.tokens_per_second for each in reader.progress("tiny-1") if each.tokens_per_second]
    found = rate_of(plan, reader, Ref("lora"), shape)
    assert found.tokens_per_second == pytest.approx(1 / fmean(1 / each for each in told[1:]))
    assert (found.known_by, found.basis) == ("record", "tiny-1 on the same processor")
    assert found.low < found.tokens_per_second < found.high


def test_a_larger_model_is_slower_in_proportion(plan: Plan, reader: Reader, shape: ModelShape) -> None:
    larger = replace(shape, parameters=10 * shape.parameters, active_parameters=10 * shape.active_parameters)
    own, found = (rate_of(plan, reader, Ref("lora"), each) for each in (shape, larger))
    assert found.tokens_per_second == pytest.approx(own.tokens_per_second / 10, rel=0.01)
    assert found.basis == "tiny-1 on the same processor, scaled by parameters"
    assert found.high / found.low > own.high / own.low, "what is scaled is less sure"


def test_training_all_weights_takes_half_as_long_again(plan: Plan, reader: Reader, shape: ModelShape) -> None:
    own, found = (rate_of(plan, reader, Ref(method), shape) for method in ("lora", "full"))
    assert found.tokens_per_second == pytest.approx(own.tokens_per_second * 4 / 6)
    assert found.basis.endswith("scaled by method")


def test_another_machine_tells_nothing(ran: Project, plan: Plan, reader: Reader, shape: ModelShape) -> None:
    change(ran, "UPDATE runs SET environment = json_set(environment, '$.processor', 'another')")
    assert recorded_rate(plan, reader, Ref("lora"), shape) is None


def test_a_training_on_a_gpu_tells_nothing_of_one_on_the_processor(
    ran: Project, plan: Plan, reader: Reader, shape: ModelShape
) -> None:
    change(ran, "UPDATE runs SET environment = json_set(environment, '$.gpu', 'NVIDIA L4')")
    assert recorded_rate(plan, reader, Ref("lora"), shape) is None


def test_a_training_that_failed_tells_nothing(ran: Project, plan: Plan, reader: Reader, shape: ModelShape) -> None:
    change(ran, "UPDATE trainings SET status = 'failed'")
    assert recorded_rate(plan, reader, Ref("lora"), shape) is None
