"""Chat rows for the benches: real English prose, distinct row by row, about a hundred words each.

The sentences are those of the documentation strings of Python's library and of the packages that are installed here:
prose with names, numbers, version strings and code words in it, and none of it from a benchmark. A row is a question of
one to three of them and an answer of three to seven, drawn at random, so that no two rows say the same.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import random
import re
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

LEAST_WORDS, MOST_WORDS = 6, 40
_END_OF_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")
_PROSE = re.compile(r"[A-Z][\w ,.;:'\"()/%-]*[.!?]")
_OPENERS = (
    "Please explain: ",
    "How does this work? ",
    "",
    "",
    "I read this and wonder: ",
    "In my own words: ",
    "Help: ",
)
_FILES = 6_000


@cache
def sentences() -> tuple[str, ...]:
    """The pool, each once, in an order of its own."""
    places = [Path(sysconfig.get_paths()["stdlib"]), Path(sysconfig.get_paths()["purelib"])]
    files = sorted({file for place in places for file in place.rglob("*.py") if "harness" not in file.parts})
    files.sort(key=lambda file: hashlib.sha256(str(file.name).encode()).hexdigest())
    files = files[:_FILES]
    key = hashlib.sha256("\n".join(f"{file} {file.stat().st_size}" for file in files).encode()).hexdigest()[:16]
    kept = Path(tempfile.gettempdir()) / f"harness-bench-sentences-{key}.json"
    if not kept.is_file():  # reading so many files takes a minute
        found = {sentence: None for file in files for text in _docstrings(file) for sentence in _sentences(text)}
        part = kept.with_suffix(f".{os.getpid()}")
        part.write_text(json.dumps(list(found)), encoding="utf-8")
        part.replace(kept)
    return tuple(json.loads(kept.read_text(encoding="utf-8")))


def rows(count: int, seed: int = 0, some: slice = slice(None)) -> Iterator[dict[str, Any]]:
    """``count`` rows ``{"messages": [...]}`` of some of the sentences."""
    pool, draw = sentences()[some], random.Random(seed)
    for _ in range(count):
        said = draw.sample(pool, draw.randint(4, 10))
        asked = draw.randint(1, 3)
        question, answer = " ".join(said[:asked]), " ".join(said[asked:])
        turns = [{"role": "user", "content": draw.choice(_OPENERS) + question}]
        yield {"messages": [*turns, {"role": "assistant", "content": answer}]}


def _docstrings(file: Path) -> Iterator[str]:
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError, RecursionError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node) or ""


def _sentences(text: str) -> Iterator[str]:
    for paragraph in text.split("\n\n"):
        for sentence in _END_OF_SENTENCE.split(" ".join(paragraph.split())):
            if _PROSE.fullmatch(sentence) and LEAST_WORDS <= len(sentence.split()) <= MOST_WORDS:
                yield sentence


if __name__ == "__main__":
    for number, row in enumerate(rows(int(sys.argv[1]) if len(sys.argv) > 1 else 3)):
        print(number, row)
    print(len(sentences()), "sentences")
