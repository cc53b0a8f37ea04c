"""What checks said of the data, and what a training has seen, come back as they were written."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import recorded

from harness.identity import RECEIPT
from harness.rows import CheckedTable, Finding, Row, Spot
from harness.store import Reader, Writer
from harness.store.datachecks import MOST_SPOTS
from harness.values import Checkpoint, Message, ModelRef, Origin, Ref, TrainJob

HALF = "half \ud83d of one, \x1b[31m and a NUL \x00"
ROW = Row(7, (Message("user", "a secret"), Message("assistant", "no")))
CHECKED = CheckedTable(
    "train",
    Path("data/train.jsonl"),
    "messages",
    300,
    2,
    (
        Finding(
            "near duplicates",
            "warning",
            "3 of 300 rows say nearly what another says",
            "harness data clean",
            (Spot(7, HALF, None, 3), Spot(9, "", "test", 4, remove=True), Spot(11, "", "mmlu", sample="0123abcd")),
            {"share": 0.01},
            (("0-9", 12), ("10-99", 288)),
            "duplicates",
        ),
    ),
    {"pii": "needs presidio-analyzer; pip install presidio-analyzer"},
    {"duplicates": Origin("finetune-harness", "0.1.0", "datachecks")},
    {"duplicates": 0.25},
)


def test_what_was_said_of_the_data_comes_back_and_is_found_by_its_key(path: Path, writer: Writer) -> None:
    experiment = writer.new_experiment(recorded.suite(), "key")
    writer.add_data_checks(experiment, "digest", [CHECKED])
    with Reader(path) as reader:
        assert reader.data_checks_of(experiment) == (CHECKED,)
        assert reader.data_checks("digest") == ((CHECKED,), {})
        assert reader.data_checks("another digest") is None
        other = writer.new_experiment(recorded.suite(), "other")
        assert reader.data_checks_of(other) == ()
        writer.add_data_checks(other, "digest", [CHECKED])
        assert reader.data_checks_of(other) == (CHECKED,)


def test_what_a_clean_file_would_hold_is_not_recorded(path: Path, writer: Writer) -> None:
    finding = dataclasses.replace(CHECKED.findings[0], spots=(Spot(7, "a…", replacement=ROW),))
    experiment = writer.new_experiment(recorded.suite(), "key")
    writer.add_data_checks(experiment, "digest", [dataclasses.replace(CHECKED, findings=(finding,))])
    with Reader(path) as reader:
        assert reader.data_checks_of(experiment)[0].findings[0].spots == (Spot(7, "a…"),)
    assert b"a secret" not in path.read_bytes()


def test_of_very_many_rows_the_first_are_kept(path: Path, writer: Writer) -> None:
    finding = dataclasses.replace(CHECKED.findings[0], spots=tuple(map(Spot, range(1, 5 * MOST_SPOTS))))
    experiment = writer.new_experiment(recorded.suite(), "key")
    writer.add_data_checks(experiment, "digest", [dataclasses.replace(CHECKED, findings=(finding,))])
    with Reader(path) as reader:
        assert reader.data_checks_of(experiment)[0].findings[0].spots == tuple(map(Spot, range(1, MOST_SPOTS + 1)))


def train_on_one_item(writer: Writer, experiment: str, folder: Path) -> None:
    """An adapter whose digest is 64 times ``a``, by rows that hold an item of the task."""
    writer.add_data_checks(experiment, "digest", [CHECKED], {"tickets": {"s1": f"train line 7: {HALF}"}})
    rows = folder / "train.jsonl"
    rows.write_text("{}\n")
    writer.start_training(TrainJob(experiment, ModelRef("m"), Ref("lora"), rows, None, folder / "out", 7))
    made = Checkpoint(folder / "out" / "adapter", "adapter", 9, "a" * 64, 0.1, None, 60.0)
    writer.finish_training(experiment, made, None)


def test_what_a_training_has_seen_is_known_wherever_its_adapter_is_asked(path: Path, writer: Writer) -> None:
    trained, elsewhere = writer.new_experiment(recorded.suite(), "one"), writer.new_experiment(recorded.suite(), "two")
    train_on_one_item(writer, trained, path.parent)
    own = recorded.run(trained, "tuned")
    stranger = recorded.run(elsewhere, "eval")
    with Reader(path) as reader:
        assert reader.seen(own, "tickets") == {"s1": f"train line 7: {HALF}"}
        assert reader.seen(own, "other task") == {}
        assert reader.seen(dataclasses.replace(stranger, adapter_sha256="b" * 64), "tickets") == {}
        assert reader.seen(dataclasses.replace(stranger, adapter_sha256="a" * 64), "tickets") != {}
        kept = path.parent / trained / "training" / "checkpoint-3"
        assert reader.seen(dataclasses.replace(stranger, adapter=str(kept), adapter_sha256="b" * 64), "tickets") != {}
        whole = dataclasses.replace(recorded.FACTS, folder=str(kept))
        assert reader.seen(dataclasses.replace(stranger, model=whole), "tickets") != {}


def test_what_a_training_has_seen_is_known_of_a_model_that_its_adapter_was_merged_into(
    path: Path, writer: Writer, tmp_path: Path
) -> None:
    trained, elsewhere = writer.new_experiment(recorded.suite(), "one"), writer.new_experiment(recorded.suite(), "two")
    train_on_one_item(writer, trained, path.parent)
    merged = tmp_path / "elsewhere" / "merged"
    merged.mkdir(parents=True)
    run = recorded.run(elsewhere, "base")
    asked = dataclasses.replace(run, model=dataclasses.replace(recorded.FACTS, folder=str(merged)))
    with Reader(path) as reader:
        assert reader.seen(asked, "tickets") == {}
        (merged / RECEIPT).write_text(json.dumps({"made_of": {"adapter_sha256": "a" * 64}}))
        assert reader.seen(asked, "tickets") == {"s1": f"train line 7: {HALF}"}
        (merged / RECEIPT).write_text("[")
        assert reader.seen(asked, "tickets") == {}


def test_what_a_training_has_seen_is_known_of_a_kept_checkpoint_wherever_it_was_copied(
    path: Path, writer: Writer
) -> None:
    trained, elsewhere = writer.new_experiment(recorded.suite(), "one"), writer.new_experiment(recorded.suite(), "two")
    train_on_one_item(writer, trained, path.parent)
    # the best checkpoint became the arm, and it is another than the training's last
    writer.start_run(recorded.run(trained, "tuned", adapter_sha256="c" * 64))
    copied = recorded.run(elsewhere, "eval", adapter_sha256="c" * 64)
    with Reader(path) as reader:
        assert reader.seen(copied, "tickets") == {"s1": f"train line 7: {HALF}"}
        assert reader.seen(dataclasses.replace(copied, adapter_sha256=None), "tickets") == {}
