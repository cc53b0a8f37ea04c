from __future__ import annotations

import contextlib
import json
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from recorded import FACTS, METRICS, TASK, batch, child, estimate, generation, run, sample, started, suite

from harness.errors import HarnessError, UsageError
from harness.store import Reader, Writer
from harness.values import Origin, Score


def counts(path: Path) -> dict[str, int]:
    with Reader(path) as reader:
        return {name: reader.db.table(name).count for name in ("runs", "tasks", "samples", "generations", "scores")}


def test_experiments_are_numbered_by_suite(writer: Writer) -> None:
    names = ["a", "a", "b", "a-1", "a"]
    assert [writer.new_experiment(suite(name), "key") for name in names] == ["a-1", "a-2", "b-1", "a-1-1", "a-3"]


def test_a_folder_that_is_there_is_never_given_out(path: Path, writer: Writer) -> None:
    (path.parent / "a-1").mkdir()
    assert writer.new_experiment(suite("a"), "key") == "a-2"


def test_a_resumed_run_keeps_its_header(path: Path, writer: Writer) -> None:
    header = started(writer, [sample(1)])
    writer.finish_run(header.id, "failed", "2026-01-01T01:00:00+00:00")
    writer.start_run(run(header.experiment, started="2026-02-02", seed=8))
    with Reader(path) as reader:
        assert reader.run(header.id) == header


def test_a_finished_run_stays_finished(path: Path, writer: Writer) -> None:
    header = started(writer, [])
    writer.finish_run(header.id, "finished", "2026-01-02")
    writer.start_run(header)
    with Reader(path) as reader:
        assert (reader.run(header.id).status, reader.run(header.id).finished) == ("finished", "2026-01-02")


def test_what_becomes_known_is_added_to_the_header(path: Path, writer: Writer) -> None:
    header = started(writer, [])
    known = run(
        header.experiment,
        model=FACTS,
        adapter="results/adapter",
        adapter_sha256="a" * 64,
        notes=("fell back",),
        not_measured={"mmlu": "no items"},
        origins={**header.origins, "metric:f1": Origin("other", "2", "f")},
        estimates=(estimate("f1"), estimate("exact_match", None)),
    )
    writer.update_run(known)
    with Reader(path) as reader:
        assert reader.run(header.id) == known


def test_the_last_estimate_of_a_metric_counts(path: Path, writer: Writer) -> None:
    header = started(writer, [])
    writer.add_estimates(header.id, [estimate("f1", 0.1), estimate("exact_match", 0.2)])
    writer.add_estimates(header.id, [estimate("f1", 0.3)])
    with Reader(path) as reader:
        assert reader.run(header.id).estimates == (estimate("f1", 0.3), estimate("exact_match", 0.2))


def test_the_same_calls_again_record_nothing_twice(path: Path, writer: Writer) -> None:
    samples = [sample(n) for n in range(6)]
    header = started(writer, samples)
    writer.add_batch(header.id, "tickets", *batch(samples))
    before = counts(path)
    writer.start_run(header)
    writer.start_task(header.id, TASK, samples, "test.jsonl")
    writer.add_batch(header.id, "tickets", *batch(samples))
    assert counts(path) == before == {"runs": 1, "tasks": 1, "samples": 6, "generations": 6, "scores": 12}


def test_a_sample_is_stored_once_for_all_runs(path: Path, writer: Writer) -> None:
    samples = [sample(n) for n in range(5)]
    for arm in ("base", "tuned"):
        header = started(writer, samples, arm)
        writer.add_batch(header.id, "tickets", *batch(samples))
    assert counts(path)["samples"] == 5
    assert counts(path)["generations"] == 10


def test_two_runs_may_place_one_sample_differently(path: Path, writer: Writer) -> None:
    one, two = sample(1, cluster="a", answer=0, tags=("x",)), sample(1, cluster="b", stratum="s", answer=1)
    first, second = started(writer, [one]), started(writer, [two])
    with Reader(path) as reader:
        assert reader.samples(first.id, "tickets") == [one]
        assert reader.samples(second.id, "tickets") == [two]


def test_other_content_under_a_known_id_is_refused(path: Path, writer: Writer) -> None:
    started(writer, [sample(1)])
    with pytest.raises(HarnessError, match="ids must be digests"):
        started(writer, [sample(2), sample(1, targets=("no",))])
    assert counts(path)["samples"] == 1


def test_a_batch_with_a_stranger_leaves_nothing_behind(path: Path, writer: Writer) -> None:
    header = started(writer, [sample(1)])
    answers, scores = batch([sample(1), sample(2)])
    for bad in ((answers, scores), (answers[:1], scores), (answers, {"f1": scores["f1"][:1]})):
        with pytest.raises(HarnessError, match="does not hold"):
            writer.add_batch(header.id, "tickets", *bad)
    assert counts(path)["generations"] == counts(path)["scores"] == 0


def test_a_plugins_exception_halfway_leaves_nothing_behind(path: Path, writer: Writer) -> None:
    samples = [sample(n) for n in range(4)]
    header = started(writer, samples)

    def failing() -> Iterator[Score]:
        yield Score(samples[0].id, 1.0)
        raise RuntimeError("a lazy metric")

    with pytest.raises(RuntimeError):
        writer.add_batch(header.id, "tickets", batch(samples)[0], {"f1": failing()})  # type: ignore[dict-item]
    assert counts(path)["generations"] == counts(path)["scores"] == 0
    writer.add_batch(header.id, "tickets", *batch(samples))
    assert counts(path)["scores"] == 8


@pytest.mark.parametrize(
    "call",
    [
        lambda writer: writer.start_run(run("nothing-1")),
        lambda writer: writer.update_run(run("nothing-1")),
        lambda writer: writer.finish_run("nothing-1/base", "finished", "2026"),
        lambda writer: writer.finish_experiment("nothing-1", "finished", "2026"),
        lambda writer: writer.start_task("nothing-1/base", TASK, [], ""),
        lambda writer: writer.add_batch("nothing-1/base", "tickets", [], {}),
        lambda writer: writer.add_estimates("nothing-1/base", []),
        lambda writer: writer.finish_training("nothing-1", None, "why"),
    ],
)
def test_what_was_not_started_is_named(writer: Writer, call: object) -> None:
    with pytest.raises(HarnessError, match=r"'nothing-1.*is not in table \w+; it must be started first"):
        call(writer)  # type: ignore[operator]


def test_a_full_disk_costs_one_batch(path: Path, writer: Writer) -> None:
    samples = [sample(n) for n in range(400)]
    header = started(writer, samples)
    pages = writer.db.execute("PRAGMA page_count").fetchone()[0]
    writer.db.execute(f"PRAGMA max_page_count = {pages + 20}")
    stored = _fill(writer, header.id, samples)
    assert 0 < stored < 400
    writer.db.execute("PRAGMA max_page_count = 1000000")
    assert _fill(writer, header.id, samples) == 400
    assert counts(path)["generations"] == 400


def test_a_full_file_system_costs_one_batch(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = shutil.which("mount")
    if mount is None or subprocess.run([mount, "-t", "tmpfs", "-o", "size=1m", "none", disk], check=False).returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        samples = [sample(n) for n in range(2000)]
        with contextlib.closing(Writer(disk / "harness.db")) as writer:
            header = started(writer, samples)
            stored = _fill(writer, header.id, samples)
        assert 0 < stored < 2000
        with Reader(disk / "harness.db") as reader:
            assert len(reader.done(header.id, "tickets")) == stored
            assert reader.db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    finally:
        subprocess.run(["umount", disk], check=True)


def _fill(writer: Writer, run_id: str, samples: list, size: int = 20) -> int:
    """How many samples are stored before the disk is full; the error names the path in one line."""
    for first in range(0, len(samples), size):
        try:
            writer.add_batch(run_id, "tickets", *_long(samples[first : first + size]))
        except HarnessError as error:
            told = str(error)
            break
    else:
        told = ""
    assert not told or told.startswith(f"{writer.path}: the disk is full; what was recorded before is intact; free")
    assert "\n" not in told
    with Reader(writer.path) as reader:
        done = reader.done(run_id, "tickets")
        assert len(done) % size == 0
        assert len(done) == reader.db.table("generations").count
        assert len(done) * len(METRICS) == reader.db.table("scores").count
        return len(done)


def _long(samples: list) -> tuple[list, dict[str, list[Score]]]:
    return [generation(each.id, text="a long answer " * 20) for each in samples], batch(samples)[1]


WRITE_BATCHES = """
import sys
from pathlib import Path
from harness.store import Writer
from recorded import batch, sample
with Writer(Path(sys.argv[1])) as writer:
    for first in range(0, 20_000, 100):
        writer.add_batch(sys.argv[2], "tickets", *batch([sample(n) for n in range(first, first + 100)]))
        print(first, flush=True)
"""


@pytest.mark.parametrize("patience", [0.0, 0.004, 0.009, 0.013])
def test_a_killed_process_leaves_whole_batches_and_resumes(path: Path, writer: Writer, patience: float) -> None:
    samples = [sample(n) for n in range(20_000)]
    header = started(writer, samples)
    writer.close()
    process = child(WRITE_BATCHES, path, header.id)
    assert process.stdout is not None
    for _ in range(5):
        told = int(process.stdout.readline())
    time.sleep(patience)
    process.send_signal(signal.SIGKILL)
    process.wait()
    told = max([told, *map(int, process.stdout.read().split())])

    with Reader(path) as reader:
        done = reader.done(header.id, "tickets")
        query = "SELECT sum(made) FROM (SELECT count(*) AS made FROM {} GROUP BY sample)"
        assert reader.db.execute(query.format("generations")).fetchone()[0] == len(done)
        assert reader.db.execute(query.format("scores")).fetchone()[0] == len(done) * len(METRICS)
        assert len(done) in (told + 100, told + 200)  # what was told is stored, and at most the batch after it
        assert done == {each.id for each in samples[: len(done)]}

    with Writer(path) as again:
        again.start_run(header)
        again.start_task(header.id, TASK, samples, "test.jsonl")
        again.add_batch(header.id, "tickets", *batch([each for each in samples if each.id not in done]))
    assert counts(path)["generations"] == 20_000
    assert counts(path)["scores"] == 40_000


def test_the_suite_is_kept_as_it_was(path: Path, writer: Writer) -> None:
    text = "suite: x\n# Größe \U0001f600\n"
    experiment = writer.new_experiment(suite("x", text), "key")
    with Reader(path) as reader:
        assert reader.suite_file(experiment) == (Path("suites/s.yaml").absolute(), text)
        with pytest.raises(UsageError, match="no experiment 'none-1'"):
            reader.suite_file("none-1")


def test_a_number_that_is_none_is_a_missing_score(path: Path, writer: Writer) -> None:
    header = started(writer, [sample(1)])
    writer.add_batch(header.id, "tickets", [], {"f1": [Score("s00001", float("nan"))]})
    with Reader(path) as reader:
        assert reader.scores(header.id, "tickets", "f1") == [Score("s00001", None, "the metric returned NaN")]


def test_details_that_json_does_not_know_do_not_lose_the_run(path: Path, writer: Writer) -> None:
    header = started(writer, [sample(1)])
    odd = {"set": {2, 1}, "path": Path("a"), "tuple": (1, 2)}
    loop: dict[object, object] = {("a", 1): "key"}
    loop["loop"] = loop
    scores = {"f1": [Score("s00001", 0.5, None, odd)], "exact_match": [Score("s00001", 0.5, None, loop)]}  # type: ignore[arg-type]
    writer.add_batch(header.id, "tickets", [], scores)
    with Reader(path) as reader:
        assert reader.scores(header.id, "tickets", "f1")[0].details == {"set": [1, 2], "path": "a", "tuple": [1, 2]}
        assert reader.scores(header.id, "tickets", "exact_match")[0].details["('a', 1)"] == "key"
        assert json.dumps(reader.scores(header.id, "tickets", "exact_match")[0].details)
