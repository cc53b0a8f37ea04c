"""Which experiment a start works on when another process is at the same record at the same moment."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from harness.execution.claim import claim
from harness.store import Reader, Writer
from harness.suite.load import load
from harness.testing.project import Project
from harness.values import Suite

KEY = "key"


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return tmp_path / "results"


@pytest.fixture
def record(results: Path) -> Path:
    return results / "harness.db"


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    return load(Project(tmp_path).write_suite())


def test_what_was_cut_off_is_gone_on_with_by_one_process_alone(results: Path, record: Path, suite: Suite) -> None:
    with Writer(record) as writer, Reader(record) as reader:
        writer.new_experiment(suite, KEY)
        with (
            claim(results, suite, KEY, writer, reader) as first,
            claim(results, suite, KEY, writer, reader) as second,
        ):
            assert (first, second) == (("tiny-1", True), ("tiny-2", False))


def test_a_new_experiment_that_another_process_took_up_is_left_to_it(results: Path, record: Path, suite: Suite) -> None:
    with Writer(record) as others, Reader(record) as reader, contextlib.ExitStack() as held:
        taken: list[tuple[str, bool]] = []

        class Overtaken(Writer):
            """Between making the first experiment and locking it, another process starts."""

            def new_experiment(self, suite: Suite, key: str) -> str:
                made = super().new_experiment(suite, key)
                if not taken:
                    taken.append(held.enter_context(claim(results, suite, key, others, reader)))
                return made

        with Overtaken(record) as writer, claim(results, suite, KEY, writer, reader) as own:
            assert taken == [("tiny-1", True)]
            assert own == ("tiny-2", False)


def test_what_another_process_has_finished_meanwhile_is_not_gone_on_with(
    results: Path, record: Path, suite: Suite
) -> None:
    with Writer(record) as writer:

        class Overtaken(Reader):
            """Between the look at an experiment and its lock, the process that works on it comes to its end."""

            def unfinished(self, key: str) -> list[str]:
                found = super().unfinished(key)
                for experiment in found:
                    writer.finish_experiment(experiment, "finished", "2026-01-01T00:00:00+00:00")
                return found

        writer.new_experiment(suite, KEY)
        with Overtaken(record) as reader, claim(results, suite, KEY, writer, reader) as own:
            assert own == ("tiny-2", False)
