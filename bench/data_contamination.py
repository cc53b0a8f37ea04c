"""Contamination: items of MMLU and HellaSwag hidden in chat rows, all items of the pack looked for.

Prints one JSON object a line and exits 0 however the figures fall.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import resource
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import chat_rows
from figures import say

from harness import BenchmarkContext, DataContext, Message, Row, Sample, Table
from harness_datachecks.benchmark_items import Item, of_sample
from harness_datachecks.contamination import Contamination
from harness_forgetting.hellaswag import HellaSwag
from harness_forgetting.mmlu import Mmlu

LEAST_RECALL = 0.95
MOST_FALSE_ALARMS = 5
MOST_SECONDS = 8.0
HIDDEN = 200
NEARBY = Path(__file__).resolve().parents[1].parent / "shared" / "data"
COUNTED = ("verbatim", "reflowed", "options reordered")
FOR_INFORMATION = ("labels changed", "without options", "a word changed", "two words changed", "question and answer")


class Planted(NamedTuple):
    """An item's place in the data."""

    line: int
    sample: str
    how: str


def measure(*, quick: bool) -> None:
    """Recall, false alarms, time and memory; and what other questions of the same subjects raise."""
    pack = Path(os.environ.get("HARNESS_BENCHMARK_PACK") or NEARBY)
    if not pack.is_dir():
        why = "no benchmark pack; HARNESS_BENCHMARK_PACK names one"
        say("contamination: recall", None, LEAST_RECALL, "share", None, why=why)
        return
    context = BenchmarkContext(0, pack)
    benchmarks = {
        "mmlu": Mmlu(pack=str(pack)).load(context).samples,
        "hellaswag": HellaSwag(pack=str(pack)).load(context).samples,
    }
    hidden(benchmarks, 10_000 if quick else 100_000)
    neighbours(benchmarks["mmlu"])


def hidden(benchmarks: dict[str, Sequence[Sample]], count: int) -> None:
    """Some items among many rows, each in one of the ways in which items get there."""
    draw = random.Random(7)
    rows = [as_row(line, each) for line, each in enumerate(chat_rows.rows(count, seed=3), start=1)]
    items = [(name, sample) for name, samples in benchmarks.items() for sample in draw.sample(samples, HIDDEN)]
    ways = [*COUNTED, *FOR_INFORMATION]
    # Every item is hidden in one counted way and in one that is told for information, in rows of its own.
    counted = [(item, COUNTED[number % len(COUNTED)]) for number, item in enumerate(items)]
    others = [(item, FOR_INFORMATION[number % len(FOR_INFORMATION)]) for number, item in enumerate(items)]
    planted = []
    for line, ((name, sample), how) in zip(draw.sample(range(count), 2 * len(items)), counted + others, strict=True):
        rows[line] = with_item(rows[line], of_sample(name, sample), how, draw)
        planted.append(Planted(line + 1, sample.id, how))
    table = Table("train", Path("train.jsonl"), "messages", tuple(rows))
    before, on_the_clock = time.process_time(), time.perf_counter()
    findings = Contamination().check(table, DataContext(benchmarks=benchmarks))
    seconds, waited = time.process_time() - before, round(time.perf_counter() - on_the_clock, 2)
    found = {(spot.line, spot.sample or "") for finding in findings for spot in finding.spots}
    by_id = {sample.id: of_sample(name, sample) for name, samples in benchmarks.items() for sample in samples}
    wrong = false_alarms(found, planted, rows, by_id)
    shares = {how: recall([each for each in planted if each.how == how], found) for how in ways}
    whole = recall([each for each in planted if each.how in COUNTED], found)
    sizes = {"rows": count, "items": len(by_id), "hidden": len(counted)}
    by_way = {how: round(share, 3) for how, share in shares.items()}
    say("contamination: recall", round(whole, 3), LEAST_RECALL, "share", whole >= LEAST_RECALL, **sizes, by_way=by_way)
    few = len(wrong) <= MOST_FALSE_ALARMS
    say("contamination: false alarms", len(wrong), MOST_FALSE_ALARMS, "pairs of row and item", few, **sizes)
    soon = seconds <= MOST_SECONDS
    say("contamination: time of one core", round(seconds, 2), MOST_SECONDS, "s", soon, wall_s=waited, **sizes)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    say("contamination: peak memory, the rows included", peak, None, "MiB", None, **sizes)


def neighbours(samples: Sequence[Sample]) -> None:
    """Rows of one half of MMLU's questions, the other half looked for: the like of an item, and not the item."""
    looked_for, others = samples[::2], samples[1::2]
    by_id = {sample.id: of_sample("mmlu", sample) for sample in looked_for}
    draw = random.Random(8)
    rows = [
        with_item(Row(line, (Message("user", ""), Message("assistant", ""))), of_sample("mmlu", each), "verbatim", draw)
        for line, each in enumerate(others, start=1)
    ]
    table = Table("train", Path("train.jsonl"), "messages", tuple(rows))
    findings = Contamination().check(table, DataContext(benchmarks={"mmlu": looked_for}))
    found = {(spot.line, spot.sample or "") for finding in findings for spot in finding.spots}
    wrong = false_alarms(found, [], rows, by_id)
    sizes = {"rows": len(rows), "items": len(looked_for), "pairs_found": len(found)}
    examples = [f"{folded(of_sample('mmlu', others[line - 1]).question)[:80]} / {folded(by_id[sample].question)[:80]}"
                for line, sample in sorted(wrong)]  # fmt: skip
    say("contamination: other questions of MMLU told for an item", len(wrong), None, "pairs", None, **sizes,
        examples=examples[:20])  # fmt: skip


def recall(planted: Sequence[Planted], found: set[tuple[int, str]]) -> float:
    """Share of what was planted that was found."""
    return sum((each.line, each.sample) in found for each in planted) / len(planted)


def false_alarms(
    found: set[tuple[int, str]], planted: Sequence[Planted], rows: Sequence[Row], items: dict[str, Item]
) -> set[tuple[int, str]]:
    """What was found and neither planted nor there: some items of the pack are, or hold, others of it."""
    there = {(each.line, each.sample) for each in planted}
    as_planted = {each.line: said(items[each.sample]) for each in planted}
    texts = {line: folded(f"{rows[line - 1].asked} {rows[line - 1].answered}") for line, _ in found}
    return {
        (line, sample)
        for line, sample in found - there
        if not stands(items[sample], f"{texts[line]} | {as_planted.get(line)}")
    }


def stands(item: Item, text: str) -> bool:
    """Whether question and right answer stand in a text word by word."""
    return folded(item.question) in text and any(folded(right) in text for right in item.right)


def said(item: Item) -> str:
    """The item as it stood before a word of it was changed."""
    return folded(f"{item.question} {item.right[0]}")


def folded(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))


def as_row(line: int, row: dict[str, Any]) -> Row:
    return Row(line, tuple(Message(turn["role"], turn["content"]) for turn in row["messages"]))


def with_item(row: Row, item: Item, how: str, draw: random.Random) -> Row:
    """The row with the item in it: asked and answered, or in the midst of the answer."""
    question, answer = WAYS[how](item, draw)
    first, last = row.messages
    if draw.random() < 0.5:
        asked, answered = question, answer
    else:
        begin, _, end = last.content.partition(". ")
        asked, answered = first.content, f"{begin}. {question}\n{answer} {end}"
    return Row(row.line, (Message("user", asked), Message("assistant", answered)))


def verbatim(item: Item, draw: random.Random) -> tuple[str, str]:
    lines = [f"{label}. {option}" for label, option in zip("ABCD", item.options, strict=True)]
    return "\n".join((item.question, *lines, "Answer:")), item.right[0]


def reflowed(item: Item, draw: random.Random) -> tuple[str, str]:
    options = "   ".join(f"{label}) {option}" for label, option in zip("abcd", item.options, strict=True))
    words = re.sub(r"[,;:.?!\"']", " ", f"Q: {item.question} {options}").upper().split()
    return "".join(word + draw.choice((" ", " ", " ", "  ", "\n", "\t")) for word in words), item.right[0].upper()


def reordered(item: Item, draw: random.Random) -> tuple[str, str]:
    options = draw.sample(item.options, len(item.options))
    lines = [f"{label}) {option}" for label, option in zip("ABCD", options, strict=True)]
    return "\n".join((item.question, *lines)), "ABCD"[options.index(item.right[0])]


def relabelled(item: Item, draw: random.Random) -> tuple[str, str]:
    lines = [f"- ({label}) {option}" for label, option in zip(("i", "ii", "iii", "iv"), item.options, strict=True)]
    return "\n".join((item.question, *lines)), f"The answer is {item.right[0]}"


def without_options(item: Item, draw: random.Random) -> tuple[str, str]:
    return item.question, "I do not know."


def with_answer(item: Item, draw: random.Random) -> tuple[str, str]:
    return f"{item.question} {item.right[0]}", ""


def changed(count: int) -> Callable[[Item, random.Random], tuple[str, str]]:
    def change(item: Item, draw: random.Random) -> tuple[str, str]:
        words = item.question.split()
        for place in draw.sample(range(len(words)), min(count, len(words))):
            words[place] = draw.choice(("quite", "some", "other", "these", "named"))
        return verbatim(Item(item.source, " ".join(words), item.options, item.right), draw)

    return change


WAYS: dict[str, Callable[[Item, random.Random], tuple[str, str]]] = {
    "verbatim": verbatim,
    "reflowed": reflowed,
    "options reordered": reordered,
    "labels changed": relabelled,
    "without options": without_options,
    "a word changed": changed(1),
    "two words changed": changed(2),
    "question and answer": with_answer,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="10,000 rows instead of 100,000")
    measure(quick=parser.parse_args().quick)


if __name__ == "__main__":
    main()
