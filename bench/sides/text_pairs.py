"""Answers with their targets, as a metric on texts gets them: the same ones each time."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden" / "metrics" / "pairs.jsonl"
TICKETS = ROOT / "suites" / "data"


def text_pairs(count: int) -> list[tuple[str, str]]:
    """``count`` distinct pairs: answers of a small model to questions, tickets as JSON, and tickets as people write.

    Of a ticket the answer is that of the ticket after it, so that it is like the target and not the same. None is
    blank: bert-score 0.3.13 cannot take empty texts under transformers 5.
    """
    pairs = [
        (pair["answer"], target)
        for pair in map(json.loads, GOLDEN.read_text(encoding="utf-8").splitlines())
        for target in pair["targets"]
    ]
    for file in sorted(TICKETS.glob("support_tickets.*.jsonl")):
        rows = [json.loads(line)["messages"] for line in file.read_text(encoding="utf-8").splitlines()]
        for turn in (-1, -2):
            texts = [row[turn]["content"] for row in rows]
            pairs += zip(texts[1:] + texts[:1], texts, strict=True)
    whole = {pair for pair in pairs if all(text.strip() for text in pair)}
    found = sorted(whole, key=lambda pair: hashlib.sha256("\0".join(pair).encode()).hexdigest())[:count]
    if len(found) < count:
        raise ValueError(f"there are {len(found)} pairs, not {count}")
    return found
