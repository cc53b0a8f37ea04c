"""The record: the only place that knows SQLite."""

from harness.store.database import RECORD, open_database, open_readonly
from harness.store.reader import Reader
from harness.store.writer import Writer

__all__ = ["RECORD", "Reader", "Writer", "open_database", "open_readonly"]
