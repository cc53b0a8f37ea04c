"""Rows of uneven length to train on: support tickets, and what the standard library says of itself."""

from __future__ import annotations

import hashlib
import importlib
import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TICKETS = Path(__file__).resolve().parents[2] / "suites" / "data"
THREADS = (0, 0, 0, 3, 0, 0, 0, 7)
"""How many other tickets stand quoted behind a ticket, row after row: six of eight rows are short, one is about three
and a half times as long, and one seven times, as mail with its history is."""

MODULES = (
    "argparse", "asyncio", "collections", "concurrent.futures", "configparser", "csv", "datetime", "decimal", "difflib",
    "email.message", "fractions", "functools", "heapq", "http.client", "inspect", "itertools", "json", "logging",
    "mailbox", "multiprocessing", "os", "pathlib", "pickle", "random", "re", "shutil", "socket", "sqlite3",
    "statistics", "string", "subprocess", "tarfile", "tempfile", "textwrap", "threading", "tkinter", "typing",
    "unittest", "urllib.parse", "urllib.request", "xml.etree.ElementTree", "zipfile",
)  # fmt: skip
"""Whose docstrings are asked for; one that is not there is left out."""
_LEAST, _MOST = 40, 1200
"""Characters of a docstring; longer ones are cut."""


def documented(into: Path, count: int, *, validation: bool = False) -> Path:
    """``into`` with ``count`` rows that ask what a function or class does, answered by its docstring.

    Prose that no training learns by heart in a few steps, a line or a page long: of its loss the order of the rows
    changes a percent or two, of that of tickets much more. The same rows for one version of Python; those of validation
    are others.
    """
    said = sorted(_docstrings().items(), key=lambda each: hashlib.sha256(each[0].encode()).hexdigest())
    rows = [
        {"messages": [{"role": "user", "content": f"What does {name} do?"}, {"role": "assistant", "content": text}]}
        for name, text in (reversed(said) if validation else said)
    ]
    into.write_text("".join(json.dumps(row) + "\n" for row in rows[:count]), encoding="utf-8")
    return into


def _docstrings() -> dict[str, str]:
    """Name -> what it says of itself; each text once."""
    found: dict[str, str] = {}
    for name in MODULES:
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        for path, member in _public(module, name):
            text = (inspect.getdoc(member) or "").strip()[:_MOST]
            if len(text) >= _LEAST:
                found.setdefault(text, path)
    return {path: text for text, path in found.items()}


def _public(module: Any, name: str) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - a module or a class
    for key, member in sorted(vars(module).items()):
        if key.startswith("_") or not callable(member) or getattr(member, "__module__", name) != name:
            continue
        yield f"{name}.{key}", member
        if inspect.isclass(member):
            yield from ((f"{name}.{key}.{own}", each) for own, each in _methods(member))


def _methods(owner: type) -> Iterator[tuple[str, Any]]:
    return ((key, each) for key, each in sorted(vars(owner).items()) if not key.startswith("_") and callable(each))


def uneven(split: str, into: Path, count: int) -> Path:
    """``into`` with ``count`` rows of a split; every fourth has earlier mail quoted behind its text."""
    rows = [json.loads(line) for line in (TICKETS / f"support_tickets.{split}.jsonl").read_text("utf-8").splitlines()]
    made = [_with_history(rows, number % len(rows), THREADS[number % len(THREADS)]) for number in range(count)]
    into.write_text("".join(json.dumps(row) + "\n" for row in made), encoding="utf-8")
    return into


def of_words(into: Path, count: int, words: int) -> Path:
    """``into`` with rows of equal length that ask for the repetition of ``words`` numbers, half as many answered."""
    rows = []
    for number in range(count):
        said = " ".join(str((number * 7919 + place * 104_729) % 900 + 100) for place in range(words))
        answer = " ".join(said.split()[: words // 2])
        rows.append({"messages": [{"role": "user", "content": said}, {"role": "assistant", "content": answer}]})
    into.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return into


def _with_history(rows: list[dict[str, Any]], number: int, quoted: int) -> dict[str, Any]:
    *before, user, answer = rows[number]["messages"]
    earlier = [rows[(number + 1 + back) % len(rows)]["messages"][-2]["content"] for back in range(quoted)]
    text = "\n".join([user["content"], *(f"> {mail}" for mail in earlier)])
    return {"messages": [*before, {**user, "content": text}, answer]}
