"""What is read is what was written, whatever a model, a data file or a plugin comes up with."""

from __future__ import annotations

import itertools
import math
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recorded import ORIGIN, TASK, run, suite

from harness.store import Reader, Writer
from harness.store.codec import json_cell, json_of, text_cell, text_of
from harness.values import Fault, Generation, Message, Sample, Score

ANY_TEXT = st.text(st.characters(exclude_categories=()))
WORDS = st.text("\ud800\udc00\udfff\x00aé\U0001f600\n\x1b\"\\'", max_size=12)
TEXT = ANY_TEXT | WORDS
NUMBERS = st.floats(allow_nan=False) | st.none()
COUNTS = st.integers(0, 2**40)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
PROMPTS = TEXT | st.lists(st.builds(Message, st.sampled_from(["system", "user"]), TEXT), max_size=3).map(tuple)
TEXTS = st.lists(TEXT, max_size=3).map(tuple)

number = itertools.count()


@pytest.fixture(scope="module")
def record() -> Iterator[tuple[Writer, Reader]]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "harness.db"
        with Writer(path) as writer, Reader(path) as reader:
            yield writer, reader


@given(TEXT)
def test_any_text_fits_a_cell(text: str) -> None:
    assert text_of(text_cell(text)) == text


@given(JSON)
def test_any_json_fits_a_cell(value: object) -> None:
    assert json_of(json_cell(value)) == value


@settings(max_examples=80, deadline=None)
@given(PROMPTS, TEXTS, TEXTS, st.none() | COUNTS, st.none() | TEXT, st.none() | TEXT, TEXTS, st.data())
def test_samples_answers_and_scores_come_back(
    record: tuple[Writer, Reader],
    prompt: str | tuple[Message, ...],
    targets: tuple[str, ...],
    choices: tuple[str, ...],
    answer: int | None,
    stratum: str | None,
    cluster: str | None,
    tags: tuple[str, ...],
    data: st.DataObject,
) -> None:
    writer, reader = record
    sample = Sample(f"s{next(number)}", prompt, targets, choices, answer, stratum, cluster, tags)
    generation = Generation(
        sample.id,
        data.draw(COUNTS),
        data.draw(TEXT),
        data.draw(st.sampled_from(["stop", "length", "choice"])),
        data.draw(COUNTS),
        data.draw(COUNTS),
        data.draw(st.floats(0, 1e6)),
        data.draw(NUMBERS),
        data.draw(st.none() | st.booleans()),
        data.draw(st.none() | TEXT),
    )
    score = Score(
        sample.id, data.draw(NUMBERS), data.draw(st.none() | TEXT), data.draw(st.dictionaries(TEXT, JSON, max_size=3))
    )
    header = run(writer.new_experiment(suite(), "key"), notes=tags, not_measured={"t": stratum or ""})
    writer.start_run(header)
    writer.start_task(header.id, TASK, [sample], "source")
    writer.add_batch(header.id, TASK.name, [generation], {"f1": [score]})

    assert reader.run(header.id) == header
    [item] = reader.items(header.id, TASK.name)
    assert item.sample == sample
    assert item.generations == (generation,)
    assert reader.scores(header.id, TASK.name, "f1") == [score]
    [pair] = reader.pairs(header.id, header.id, TASK.name, "f1")
    assert (pair.stratum, pair.cluster, pair.baseline) == (stratum, cluster, score.value)


@settings(max_examples=30, deadline=None)
@given(TEXT, TEXT)
def test_texts_of_suites_and_faults_come_back(record: tuple[Writer, Reader], text: str, trace: str) -> None:
    writer, reader = record
    experiment = writer.new_experiment(suite(text=text), "key")
    fault = Fault(ORIGIN, "hook", text, trace)
    writer.add_fault(experiment, None, fault)
    assert reader.suite_file(experiment)[1] == text
    assert reader.faults(experiment) == [fault]


@pytest.mark.parametrize("value", [math.inf, -math.inf, 0.0, 5e-324, 0.1 + 0.2])
def test_a_log_likelihood_comes_back_to_the_bit(record: tuple[Writer, Reader], value: float) -> None:
    writer, reader = record
    sample = Sample(f"s{next(number)}", "prompt", ())
    header = run(writer.new_experiment(suite(), "key"))
    writer.start_run(header)
    writer.start_task(header.id, TASK, [sample], "source")
    writer.add_batch(header.id, TASK.name, [Generation(sample.id, 0, "", "choice", 1, 1, 0.0, value, True)], {})
    [item] = reader.items(header.id, TASK.name)
    assert str(item.generations[0].log_likelihood) == str(value)
