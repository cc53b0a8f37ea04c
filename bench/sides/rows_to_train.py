"""Rows of the support tickets as training data of uneven length."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

TICKETS = Path(__file__).resolve().parents[2] / "suites" / "data"
THREADS = (0, 0, 0, 3, 0, 0, 0, 7)
"""How many other tickets stand quoted behind a ticket, row after row: six of eight rows are short, one is about three
and a half times as long, and one seven times, as mail with its history is."""


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
