"""Schema, truncation, error texts, length, template and diversity: seconds on chat rows, false alarms, cuts found.

Prints one JSON object a line and exits 0 however the figures fall.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import chat_rows
from figures import say

from harness import DataCheck, DataContext, Message, Row, Table
from harness.testing.tiny import tiny_llama
from harness_datachecks.diversity import Diversity
from harness_datachecks.error_text import ErrorText
from harness_datachecks.length import Length
from harness_datachecks.schema import Schema
from harness_datachecks.template import Template
from harness_datachecks.truncated import Truncated

ROWS, FEW = 100_000, 10_000
MOST_SECONDS = 10.0
CUT = 500
LEAST_RECALL = 0.8
MOST_FALSE_ALARMS = 0.002
NEARBY = Path(__file__).resolve().parents[1].parent / "shared" / "data"


def measure(*, quick: bool) -> None:
    """Time of each check, false alarms on chat rows, MMLU and HellaSwag, and how many planted cuts are found."""
    rows = tuple(chat(FEW if quick else ROWS))
    with tempfile.TemporaryDirectory() as made:
        folder = tiny_llama(Path(made) / "model")
        seconds(rows, DataContext(), (Schema(), Truncated(), ErrorText(), Length(), Diversity()))
        seconds(rows, DataContext(tokenizer=folder, max_length=2_048), (Length(), Template()), " with a tokenizer")
    false_alarms("chat rows", rows)
    pack = Path(os.environ.get("HARNESS_BENCHMARK_PACK") or NEARBY)
    for name, found in (("MMLU", mmlu(pack)), ("HellaSwag", hellaswag(pack))):
        if found:
            false_alarms(name, found)
        else:
            say(f"false alarms on {name}", None, MOST_FALSE_ALARMS, "share", None, why="no benchmark pack")
    for how in ("a character", "a word", "300 characters", "60 words"):
        recall(rows[:FEW], how)


def seconds(rows: Sequence[Row], context: DataContext, checks: Sequence[DataCheck], suffix: str = "") -> None:
    """How long each check takes on one core, in seconds of the processor, which a busy machine changes little."""
    for check in checks:
        began = time.process_time()
        found = check.check(table(rows), context)
        took = time.process_time() - began
        kinds = {each.kind: len(each.spots) for each in found}
        say(
            f"{check.name}{suffix}: time",
            round(took, 1),
            MOST_SECONDS,
            "s",
            took <= MOST_SECONDS,
            rows=len(rows),
            found=kinds,
        )


def false_alarms(name: str, rows: Sequence[Row]) -> None:
    """How many rows of good data the checks of form call wrong."""
    for check in (Schema(), Truncated(), ErrorText()):
        found = [each for each in check.check(table(rows), DataContext()) if each.severity != "info"]
        lines = {spot.line for each in found for spot in each.spots}
        share = len(lines) / len(rows)
        say(
            f"{check.name}: false alarms on {name}",
            round(share, 5), MOST_FALSE_ALARMS, "share", share <= MOST_FALSE_ALARMS,
            rows=len(rows), alarms=len(lines), kinds={each.kind: len(each.spots) for each in found},
        )  # fmt: skip


def recall(rows: Sequence[Row], how: str) -> None:
    """How many of the answers that were cut in the middle are called broken off."""
    draw = random.Random(how)
    cut = dict.fromkeys(draw.sample(range(len(rows)), CUT), True)
    planted = tuple(shortened(row, how, draw) if place in cut else row for place, row in enumerate(rows))
    there = {row.line for row, old in zip(planted, rows, strict=True) if row is not old}
    found = {spot.line for each in Truncated().check(table(planted), DataContext()) for spot in each.spots}
    share = len(found & there) / len(there)
    say(
        f"truncated: answers cut at {how}",
        round(share, 3),
        LEAST_RECALL,
        "recall",
        share >= LEAST_RECALL,
        cut=len(there),
    )


def shortened(row: Row, how: str, draw: random.Random) -> Row:
    """The row with a part of its answer; the same row where that is short enough already."""
    answer = row.answered
    words = answer.split()
    if how == "a character":
        part = answer[: draw.randint(60, max(61, len(answer) - 10))]
    elif how == "a word":
        part = " ".join(words[: draw.randint(10, max(11, len(words) - 2))])
    else:
        part = answer[:300] if how == "300 characters" else " ".join(words[:60])
    if len(part) >= len(answer):
        return row
    return Row(row.line, (*row.prompt, Message("assistant", part)))


def chat(count: int) -> Iterator[Row]:
    """Chat rows as a table has them."""
    for line, row in enumerate(chat_rows.rows(count), start=1):
        yield Row(line, tuple(Message(turn["role"], turn["content"]) for turn in row["messages"]))


def mmlu(pack: Path) -> list[Row]:
    """Each question with its right choice as the answer."""
    items = [
        json.loads(line) for file in sorted(pack.glob("mmlu/*/test.jsonl")) for line in file.open(encoding="utf-8")
    ]
    # a few have white space at their edges, which is a fault and no false alarm
    said = [item["choices"][item["answer"]].strip() for item in items]
    return [
        answered(n, item["question"], right) for n, (item, right) in enumerate(zip(items, said, strict=True), start=1)
    ]


def hellaswag(pack: Path) -> list[Row]:
    """Each context with its right ending as the answer."""
    file = pack / "hellaswag" / "validation.jsonl"
    items = [json.loads(line) for line in file.open(encoding="utf-8")] if file.is_file() else []
    return [answered(n, item["ctx"], item["endings"][int(item["label"])]) for n, item in enumerate(items, start=1)]


def answered(line: int, asked: str, said: str) -> Row:
    """A prompt and its completion."""
    return Row(line, (Message("user", asked), Message("assistant", said)))


def table(rows: Sequence[Row]) -> Table:
    """A table that no file holds."""
    return Table("train", Path("train.jsonl"), "messages", tuple(rows))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{FEW:,} rows rather than {ROWS:,}")
    measure(quick=parser.parse_args().quick)
