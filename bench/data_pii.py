"""Personal data planted in rows of prose: how much of it the check ``pii`` finds, its false alarms, and its speed.

The planted values are those of ``planted_pii``. One counts as found where its row has a spot of its kind and ``redact``
took it out whole; found as another kind is a miss. Clean rows are those of ``chat_rows``, all of them: its pool has
prose without ``@``, ``=`` and ``+``, so that no author's address is in it. The harder ones are whole functions of
Python's library with their comments; these do hold addresses, so that their share, by kind, is told without a limit.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import random
import sysconfig
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import chat_rows
from figures import say
from planted_pii import KINDS

from harness import DataContext, Message, Row, Table
from harness_datachecks.pii import FINDERS, Pii

SEED = 2024
LEAST_RECALL = 0.90
MOST_FALSE_ALARMS = 0.02
LEAST_ROWS_PER_SECOND = 500
MOST_HOSTILE_SECONDS = 30.0


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows")
    parser.add_argument("--misses", action="store_true", help="print what was missed, and what was taken for something")
    parser.add_argument("--seed", type=int, default=SEED, help="of the rows, and of what is planted")
    options = parser.parse_args()
    measure(quick=options.quick, show=options.misses, seed=options.seed)


def measure(*, quick: bool, show: bool = False, seed: int = SEED) -> None:
    """Recall by kind, false alarms, speed, and what hostile texts cost."""
    each, clean = (10, 1_000) if quick else (100, 10_000)
    draw = random.Random(seed)
    rows = [row(number, content) for number, content in enumerate(chat_rows.rows(clean, seed=seed), start=1)]
    truth: dict[int, tuple[str, str, str]] = {}
    planted: list[Row] = []
    for kind, (_, make) in KINDS.items():
        for content in chat_rows.rows(each, seed=draw.randrange(10**6)):
            sentence, value = make(draw)
            line = clean + len(planted) + 1
            truth[line] = (kind, sentence, value)
            planted.append(with_sentence(row(line, content), sentence, draw))
    check(Pii(), planted[:50])  # what is loaded once is no part of the speed
    start = time.process_time()
    found = check(Pii(redact=True), [*rows, *planted])
    seconds = time.process_time() - start
    told_recall(found, truth, show=show)
    told_false_alarms(found, rows, show=show)
    speed = (clean + len(planted)) / seconds
    say(
        "PII: rows of about 100 words in a second of one core",
        round(speed),
        LEAST_ROWS_PER_SECOND,
        "rows/s",
        speed >= LEAST_ROWS_PER_SECOND,
    )
    told_code(200 if quick else 2_000, show=show)
    told_hostile(100_000 if quick else 1_000_000)


def row(line: int, content: dict[str, list[dict[str, str]]]) -> Row:
    return Row(line, tuple(Message(turn["role"], turn["content"]) for turn in content["messages"]))  # type: ignore[arg-type]


def with_sentence(row: Row, sentence: str, draw: random.Random) -> Row:
    """The row with the sentence between two of its own, in a turn drawn at random."""
    turn = draw.randrange(len(row.messages))
    parts = row.messages[turn].content.split(". ")
    place = draw.randint(0, len(parts))
    before, after = ". ".join(parts[:place]), ". ".join(parts[place:])
    content = " ".join(filter(None, [before and f"{before.rstrip('.')}.", sentence, after]))
    messages = list(row.messages)
    messages[turn] = Message(messages[turn].role, content)
    return Row(row.line, tuple(messages))


Found = dict[str, dict[int, Row | None]]
"""Title of a kind -> line -> the row without the values."""


def check(plugin: Pii, rows: Sequence[Row]) -> Found:
    findings = plugin.check(Table("train", Path("train.jsonl"), "messages", tuple(rows)), DataContext())
    return {each.kind: {spot.line: spot.replacement for spot in each.spots} for each in findings}


def told_recall(found: Found, truth: dict[int, tuple[str, str, str]], *, show: bool) -> None:
    hits: Counter[str] = Counter()
    others: Counter[str] = Counter()
    planted = Counter(kind for kind, _, _ in truth.values())
    for line, (kind, sentence, value) in truth.items():
        cleaned = found.get(KINDS[kind][0], {}).get(line)
        if cleaned is not None and all(secret_part(value) not in turn.content for turn in cleaned.messages):
            hits[kind] += 1
            continue
        as_other = [title for title, lines in found.items() if line in lines]
        others[kind] += bool(as_other)
        if show:
            print(f"  missed {kind}: {sentence[:150]!r} {as_other}")
    for kind, count in planted.items():
        say(
            f"PII recall, {kind}",
            round(hits[kind] / count, 3),
            None,
            "",
            None,
            planted=count,
            told_as_another_kind=others[kind],
        )
    recall = hits.total() / len(truth)
    say("PII recall, 12 kinds together", round(recall, 4), LEAST_RECALL, "", recall >= LEAST_RECALL, planted=len(truth))


def secret_part(value: str) -> str:
    """What must not be left: the value, or of a key of many lines one of them."""
    return value.split("KEY-----")[1].split("-----")[0].strip()[:60] if "KEY-----" in value else value


def told_false_alarms(found: Found, rows: Sequence[Row], *, show: bool) -> None:
    clean = {each.line for each in rows}
    by_kind = {title: sorted(clean & set(lines)) for title, lines in found.items()}
    alarmed = set().union(*by_kind.values())
    share = len(alarmed) / len(clean)
    counts = {title: len(lines) for title, lines in by_kind.items() if lines}
    say(
        "PII false alarms, of clean rows",
        round(share, 4),
        MOST_FALSE_ALARMS,
        "",
        share <= MOST_FALSE_ALARMS,
        rows=len(clean),
        by_kind=counts,
    )
    if show:
        shown(by_kind, rows)


def shown(by_kind: dict[str, list[int]], rows: Sequence[Row]) -> None:
    texts = {each.line: [message.content for message in each.messages] for each in rows}
    names = {title: kind for kind, (title, _) in KINDS.items()}
    for title, lines in by_kind.items():
        for line in lines[:15]:
            for text in texts[line]:
                for start, end in FINDERS[names[title]](text):
                    print(f"  {title}: …{text[max(0, start - 30) : start]}[[{text[start:end]}]]{text[end : end + 15]}…")


def functions(count: int) -> Iterator[str]:
    """Whole functions of Python's library, as they stand in its files, each of 10 to 60 lines."""
    left = count
    for file in sorted(
        Path(sysconfig.get_paths()["stdlib"]).glob("*.py"), key=lambda each: hashlib.md5(each.name.encode()).digest()
    ):
        source = file.read_text(encoding="utf-8", errors="replace")
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef) and node.end_lineno and 10 <= node.end_lineno - node.lineno <= 60:
                yield "\n".join(source.splitlines()[node.lineno - 1 : node.end_lineno])
                left -= 1
                if not left:
                    return


def told_code(count: int, *, show: bool) -> None:
    rows = [
        Row(line, (Message("user", "Explain."), Message("assistant", text)))
        for line, text in enumerate(functions(count), start=1)
    ]
    found = check(Pii(), rows)
    by_kind = {title: sorted(lines) for title, lines in found.items() if lines}
    share = len(set().union(*by_kind.values())) / len(rows)
    counts = {title: len(lines) for title, lines in by_kind.items()}
    say(
        "PII in functions of Python's library, rows with any",
        round(share, 4),
        None,
        "",
        None,
        rows=len(rows),
        by_kind=counts,
    )
    if show:
        shown(by_kind, rows)


HOSTILE = (
    "1", "a", "a@", "1 ", "1.", ":", "::1", "a.", "(", "-----BEGIN PRIVATE KEY-----", "password", "password:", "eyJ",
    "eyJ.", "sk-", "http://a:", "Aa ", "12 Ab ",
    "born ", "+1", "0x", "key=", " at ", "DE1", "'", " ", "ß", "\ud800", "1a", "12 St ", "Via A ", "tel 0", "bearer ",
)  # fmt: skip


def told_hostile(size: int) -> None:
    """One text after the other, each a short thing said over and over."""
    check(Pii(), [Row(1, (), text="jo@acme.io 81.2.69.142 4539 1488 0343 6467")])
    times = {}
    for unit in HOSTILE:
        start = time.process_time()
        check(Pii(), [Row(1, (), text=unit * (size // len(unit)))])
        times[unit] = time.process_time() - start
    worst = max(times, key=lambda each: times[each])
    say(
        "PII: the slowest of the hostile texts",
        round(times[worst], 2),
        MOST_HOSTILE_SECONDS,
        "s",
        times[worst] <= MOST_HOSTILE_SECONDS,
        characters=size,
        text=worst,
        texts=len(HOSTILE),
    )


if __name__ == "__main__":
    main()
