"""Opens the record, brings it up to date, and says in one line what is wrong when that cannot be."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from harness.errors import HarnessError, UsageError
from harness.store.migrations import APPLICATION_ID, MIGRATIONS

if TYPE_CHECKING:
    from sqlite_utils import Database

RECORD = "harness.db"
"""What the record is called in the folder of results."""

TIMEOUT = 30.0
"""Seconds that a writer waits for another one."""

_ELSEWHERE = "--output FOLDER names another place"


def open_database(path: Path, *, timeout: float = TIMEOUT) -> Database:
    """The record at ``path`` for writing, made where it is not there yet and brought up to date.

    Several processes may open one new record at once. Raises ``UsageError`` when the place cannot be written, the
    record is locked for longer than ``timeout`` seconds, the file is none of ours, or a newer version wrote it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot be written ({error.strerror})", path=path, remedy=_ELSEWHERE) from error
    with _told_to_the_user(path), _closed_on_error(_connect(path, "rwc", timeout)) as db:
        _refuse_foreign(db, path)
        _write_ahead(db, timeout)
        db.execute("PRAGMA foreign_keys = ON")
        db.execute("PRAGMA synchronous = NORMAL")  # with WAL a killed process loses nothing; only a power cut may
        # Ids and digests fall anywhere into their indices. Kept in memory, and written back every 32 MB rather than
        # every 4, those of 200,000 samples take two thirds of the time.
        db.execute("PRAGMA cache_size = -65536")
        db.execute("PRAGMA wal_autocheckpoint = 8000")
        _migrate(db)
        with _immediate(db):  # SQLite opens what it cannot write without a word: ask now, not after the training
            pass
        return db


def open_readonly(path: Path, *, timeout: float = TIMEOUT) -> Database:
    """The record at ``path`` for reading, also from a folder that cannot be written.

    A record of an older version is brought up to date first. Raises ``UsageError`` where there is none.
    """
    if not path.exists():
        raise UsageError("there is no record yet", path=path, remedy="'harness run SUITE' makes one")
    with _told_to_the_user(path):
        db = _readable(path, timeout)
        with _closed_on_error(db):
            _refuse_foreign(db, path)
            done = _applied(db)
        if done < len(MIGRATIONS):
            db.close()
            open_database(path, timeout=timeout).close()
            db = _readable(path, timeout)
        db.execute("PRAGMA query_only = ON")
        return db


@contextlib.contextmanager
def transaction(db: Database, path: Path) -> Iterator[None]:
    """All that is written inside, or nothing of it; raises ``HarnessError`` with one line when it cannot be stored."""
    try:
        with _immediate(db):
            yield
    except sqlite3.Error as error:
        problem, remedy = _in_words(error)
        raise HarnessError(f"{path}: {problem}; what was recorded before is intact; {remedy}") from error


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turns SQLite's errors into a ``HarnessError`` with one line, ``UsageError`` for a damaged file as at opening."""
    try:
        yield
    except sqlite3.Error as error:
        problem, remedy = _in_words(error)
        if _code(error) in _NO_RECORD:
            raise UsageError(problem, path=path, remedy=remedy) from error
        raise HarnessError(f"{path}: {problem}; {remedy}") from error


def _connect(path: Path, mode: str, timeout: float, *, immutable: bool = False) -> Database:
    uri = f"file:{quote(os.fsencode(path.absolute()))}?mode={mode}" + ("&immutable=1" if immutable else "")
    connection = sqlite3.connect(uri, uri=True, timeout=timeout, isolation_level=None)
    return _database_class()(connection, execute_plugins=False)


def _database_class() -> type[Database]:
    """sqlite-utils without pandas: it imports pandas and numpy where they are installed, a second that nobody uses."""
    hidden = [name for name in ("pandas", "numpy") if "sqlite_utils" not in sys.modules and name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # Python's own sign for "cannot be imported"
    try:
        from sqlite_utils import Database
    finally:
        for name in hidden:
            del sys.modules[name]
    return Database


@contextlib.contextmanager
def _closed_on_error(db: Database) -> Iterator[Database]:
    try:
        yield db
    except BaseException:
        db.close()
        raise


def _readable(path: Path, timeout: float) -> Database:
    """A connection that reads; in a folder without write permission SQLite needs to be told that nobody writes."""
    db = _connect(path, "rw", timeout)
    try:
        db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except sqlite3.OperationalError as error:
        db.close()
        unfinished = path.with_name(path.name + "-wal")
        if _code(error) not in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY} or unfinished.exists():
            raise
        return _connect(path, "ro", timeout, immutable=True)
    except BaseException:
        db.close()
        raise
    return db


def _refuse_foreign(db: Database, path: Path) -> None:
    """Raise ``UsageError`` for another program's database and for a record of a newer version."""
    application = int(db.execute("PRAGMA application_id").fetchone()[0])
    is_empty = db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] == 0
    if application != APPLICATION_ID and not is_empty:
        raise UsageError("is the database of another program", path=path, remedy=_ELSEWHERE)
    done = _applied(db)
    if done > len(MIGRATIONS):
        raise UsageError(
            f"was written by a newer version (migration {done}, this one knows {len(MIGRATIONS)})",
            path=path,
            remedy="pip install --upgrade finetune-harness",
        )


def _applied(db: Database) -> int:
    """The number of the last migration, 0 for a new file."""
    if not db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'migrations'").fetchone():
        return 0
    return int(db.execute("SELECT coalesce(max(number), 0) FROM migrations").fetchone()[0])


def _migrate(db: Database) -> None:
    while _applied(db) < len(MIGRATIONS):
        with _immediate(db):
            number = _applied(db) + 1  # asked again: another process may have done this step while we waited
            if number > len(MIGRATIONS):
                return
            name, script = MIGRATIONS[number - 1]
            db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            db.execute(
                "CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL, applied TEXT)"
            )
            db.executescript(script)
            db.table("migrations").insert({"number": number, "name": name, "applied": now()})


def now() -> str:
    """The time in UTC as ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _write_ahead(db: Database, timeout: float) -> None:
    """Switch to WAL; SQLite does not wait for its turn here, so that we have to."""
    give_up = time.monotonic() + timeout
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL").fetchone()
            return
        except sqlite3.OperationalError as error:
            if _code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                raise
            time.sleep(0.02)


@contextlib.contextmanager
def _immediate(db: Database) -> Iterator[None]:
    # IMMEDIATE: a transaction that reads first and writes later cannot wait for another writer, it fails at once
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):  # the first error is the one to tell
            db.rollback()
        raise


@contextlib.contextmanager
def _told_to_the_user(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        problem, remedy = _in_words(error)
        raise UsageError(problem, path=path, remedy=remedy) from error


_NO_RECORD = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


def _code(error: sqlite3.Error) -> int:
    if "Could not decode to UTF-8" in str(error):  # Python's own words, without a code: all texts were UTF-8 once
        return sqlite3.SQLITE_CORRUPT
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _in_words(error: sqlite3.Error) -> tuple[str, str]:
    """What is wrong and the way out."""
    return {
        sqlite3.SQLITE_BUSY: ("is locked by another process", "wait for it to end, or " + _ELSEWHERE),
        sqlite3.SQLITE_LOCKED: ("is locked by another process", "wait for it to end, or " + _ELSEWHERE),
        sqlite3.SQLITE_FULL: ("the disk is full", "free some space and run the same command again"),
        sqlite3.SQLITE_IOERR: (f"the disk failed ({error})", "check it and run the same command again"),
        sqlite3.SQLITE_READONLY: ("cannot be written (read-only)", _ELSEWHERE),
        sqlite3.SQLITE_CANTOPEN: ("cannot be opened or written", _ELSEWHERE),
        sqlite3.SQLITE_PERM: ("cannot be opened or written", _ELSEWHERE),
        sqlite3.SQLITE_NOTADB: ("is not a database", _ELSEWHERE),
        sqlite3.SQLITE_CORRUPT: ("is damaged", f"restore it from a copy, or {_ELSEWHERE}"),
    }.get(_code(error), (f"SQLite says: {error}", "this is a fault of the harness"))
