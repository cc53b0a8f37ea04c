from __future__ import annotations

import contextlib
import json
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from recorded import child, run, sample, started, suite

from harness.errors import HarnessError, UsageError
from harness.store import Reader, Writer, open_database, open_readonly
from harness.store.database import transaction
from harness.store.migrations import MIGRATIONS


def one_line(error: pytest.ExceptionInfo[HarnessError]) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


def tables(path: Path) -> list[tuple[str, str]]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT name, sql FROM sqlite_schema ORDER BY name").fetchall()


def test_a_new_record_is_made_with_its_folder(path: Path) -> None:
    db = open_database(path)
    assert db.journal_mode == "wal"
    assert db.execute("PRAGMA foreign_keys").fetchone() == (1,)
    assert db.execute("PRAGMA busy_timeout").fetchone() == (30_000,)
    assert {"latest_runs", "score_pairs"} <= set(db.view_names())
    assert [row["number"] for row in db.query("SELECT number FROM migrations")] == list(range(1, len(MIGRATIONS) + 1))


def test_opening_again_changes_nothing(path: Path) -> None:
    open_database(path).close()
    before = tables(path)
    open_database(path).close()
    assert tables(path) == before


def test_a_migration_that_breaks_leaves_no_trace(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_database(path).close()
    before = tables(path)
    broken = (*MIGRATIONS, ("broken", "CREATE TABLE half (a);\nCREATE TABLE half (a);"))
    monkeypatch.setattr("harness.store.database.MIGRATIONS", broken)
    with pytest.raises(UsageError, match="half already exists"):
        open_database(path)
    assert tables(path) == before


def test_a_reader_brings_an_older_record_up_to_date(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_database(path).close()
    longer = (*MIGRATIONS, ("one more", "CREATE TABLE further (a);"))
    monkeypatch.setattr("harness.store.database.MIGRATIONS", longer)
    assert "further" in open_readonly(path).table_names()


OPEN_AT_ONCE = """
import sys, time
from pathlib import Path
from harness.store import Writer
from recorded import suite, started, sample, batch
path, go = Path(sys.argv[1]), Path(sys.argv[2])
while not go.exists():
    time.sleep(0.001)
with Writer(path) as writer:
    for _ in range(10):
        print(writer.new_experiment(suite(), "key"))
    run = started(writer, [sample(n) for n in range(40)])
    print(run.experiment)
    for first in range(0, 40, 4):
        writer.add_batch(run.id, "tickets", *batch([sample(n) for n in range(first, first + 4)]))
"""


def test_processes_that_open_a_new_record_at_once_share_it(path: Path, tmp_path: Path) -> None:
    children = [child(OPEN_AT_ONCE, path, tmp_path / "go") for _ in range(4)]
    (tmp_path / "go").touch()
    outputs = [each.communicate(timeout=60) for each in children]
    assert [err for _, err in outputs] == [""] * 4
    experiments = [line for out, _ in outputs for line in out.split()]
    assert sorted(experiments) == sorted(f"support-tickets-{n}" for n in range(1, 45))
    with Reader(path) as reader:
        runs = reader.runs()
        assert len(runs) == 4
        assert all(len(reader.done(each.id, "tickets")) == 40 for each in runs)


def test_opening_waits_for_the_one_who_makes_the_record(path: Path) -> None:
    path.parent.mkdir()
    with contextlib.closing(sqlite3.connect(path, check_same_thread=False)) as maker:
        maker.execute("BEGIN IMMEDIATE")
        later = threading.Timer(0.3, maker.rollback)
        later.start()
        assert open_database(path).journal_mode == "wal"
        later.join()


def test_a_record_of_a_newer_version_is_refused(path: Path) -> None:
    db = open_database(path)
    db.table("migrations").insert({"number": 99, "name": "from the future", "applied": "2030"})
    db.close()
    for opens in (open_database, open_readonly):
        with pytest.raises(UsageError) as error:
            opens(path)
        text = one_line(error)
        assert f"migration 99, this one knows {len(MIGRATIONS)}" in text
        assert "pip install --upgrade finetune-harness" in text


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "harness.db"
    path.write_text("notes of mine, " * 100)
    for opens in (open_database, open_readonly):
        with pytest.raises(UsageError) as error:
            opens(path)
        assert f"{path}: is not a database; --output FOLDER" in one_line(error)
    assert path.read_text() == "notes of mine, " * 100


def test_another_programs_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "harness.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE migrations (mine)")
    with pytest.raises(UsageError, match="database of another program"):
        open_database(path)
    assert [name for name, _ in tables(path)] == ["migrations"]


def test_a_damaged_record_is_told_in_one_line(path: Path) -> None:
    with Writer(path) as writer:
        started(writer, [])
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(HarnessError) as error, Reader(path) as reader:
        reader.runs()
    assert "is damaged" in one_line(error)


@pytest.mark.parametrize("cell", ["CAST(x'5bff5d' AS TEXT)", "'[[\"user\", '", "x'ff'"])
def test_a_cell_that_something_has_changed_is_damage_in_one_line_and_no_fault_of_ours(path: Path, cell: str) -> None:
    with Writer(path) as writer:
        header = started(writer, [sample(1)])
        writer.db.execute(f"UPDATE samples SET prompt = {cell}")
    with Reader(path) as reader, pytest.raises(HarnessError) as error:
        reader.samples(header.id, "tickets")
    assert "is damaged" in one_line(error)
    assert "restore it from a copy" in one_line(error)


def test_a_place_below_a_file_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError) as error:
        open_database(tmp_path / "file" / "results" / "harness.db")
    assert "cannot be written (Not a directory); --output FOLDER" in one_line(error)


def test_a_folder_in_the_place_of_the_record_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be opened or written; --output FOLDER"):
        open_database(tmp_path)


def test_a_folder_without_rights_is_refused(
    open_folder: Path, without_rights: contextlib.AbstractContextManager[None]
) -> None:
    open_database(open_folder / "ready" / "harness.db").close()
    (open_folder / "closed").mkdir(mode=0o555)
    (open_folder / "ready").chmod(0o555)
    (open_folder / "ready" / "harness.db").chmod(0o444)
    with without_rights:
        for place in ("closed/harness.db", "closed/deeper/harness.db", "ready/harness.db"):
            with pytest.raises(UsageError) as error:
                open_database(open_folder / place)
            assert "cannot be" in one_line(error)
            assert "--output FOLDER" in one_line(error)


def test_a_record_in_a_folder_without_rights_can_be_read(
    open_folder: Path, without_rights: contextlib.AbstractContextManager[None]
) -> None:
    with Writer(open_folder / "harness.db") as writer:
        header = started(writer, [])
    open_folder.chmod(0o555)
    (open_folder / "harness.db").chmod(0o444)
    with without_rights, Reader(open_folder / "harness.db") as reader:
        assert reader.run(header.id) == header


def test_a_missing_record_says_what_to_type(path: Path) -> None:
    with pytest.raises(UsageError) as error:
        open_readonly(path)
    assert "there is no record yet; 'harness run SUITE' makes one" in one_line(error)
    assert not path.parent.exists()


def test_a_reader_cannot_write(path: Path) -> None:
    open_database(path).close()
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        open_readonly(path).execute("DELETE FROM runs")


def test_a_lock_that_stays_is_told(path: Path, writer: Writer) -> None:
    with Writer(path, timeout=0.05) as waiting, contextlib.closing(sqlite3.connect(path)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(UsageError) as at_the_start:
            open_database(path, timeout=0.05)
        with pytest.raises(HarnessError) as during:
            waiting.new_experiment(suite(), "key")
        holder.rollback()
        assert "is locked by another process" in one_line(at_the_start)
        assert f"{path}: is locked by another process" in one_line(during)
        assert not isinstance(during.value, UsageError)
        assert waiting.new_experiment(suite(), "key") == "support-tickets-1"


def test_an_exception_takes_back_what_was_written(path: Path, writer: Writer) -> None:
    header = started(writer, [])

    def interrupted() -> None:
        with transaction(writer.db, path):
            writer.db.execute("DELETE FROM run_origins")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    with Reader(path) as reader:
        assert reader.run(header.id) == header


def test_any_sqlite_tool_reads_the_record(path: Path, writer: Writer) -> None:
    writer.start_run(run(writer.new_experiment(suite(), "key"), notes=("a note",)))
    writer.close()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        assert json.loads(connection.execute("SELECT notes FROM runs").fetchone()[0]) == ["a note"]


def test_neither_the_package_nor_opening_imports_pandas(path: Path) -> None:
    code = (
        "import sys, pathlib, harness.store\n"
        "assert 'sqlite_utils' not in sys.modules\n"
        "harness.store.open_database(pathlib.Path(sys.argv[1]))\n"
        "assert not {'pandas', 'numpy', 'torch'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)
