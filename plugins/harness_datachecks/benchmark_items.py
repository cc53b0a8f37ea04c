"""What is looked for in training data: the item itself, without its few-shot examples, labels and instructions."""

from __future__ import annotations

import re
from dataclasses import dataclass

from harness import Row, Sample

_LABEL = re.compile(r"\s*\(?([A-J])[).:]\s*(.*)", re.DOTALL)
_LEAD = re.compile(r"\s*(?:question|q)\s*[:.]\s*", re.IGNORECASE)
_CUE = re.compile(r"\b(?:the\s+)?(?:correct\s+)?(?:answer|a)\s*:$", re.IGNORECASE)
_LONGEST_CUE = 40
_LABELS = "ABCDEFGHIJ"
_FEW_WORDS = 4


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a benchmark or of a table that models are judged by."""

    source: str
    """The benchmark's or the table's name."""
    question: str
    """What is asked, without the options."""
    options: tuple[str, ...]
    """What may be chosen, without labels; none where the answer is free."""
    right: tuple[str, ...]
    """Every answer that counts as right."""
    sample: str | None = None
    """The benchmark's item, by its id."""
    line: int | None = None
    """The table's row."""


def of_sample(source: str, sample: Sample) -> Item:
    """The item that a benchmark asks in this sample: the last of its prompt, after all examples."""
    if isinstance(sample.prompt, str):
        asked = sample.prompt
    else:
        asked = next((turn.content for turn in reversed(sample.prompt) if turn.role == "user"), "")
    block = _last_block(asked)
    # HellaSwag's scenes have their activity, the stratum, for a title; copies of it are without.
    title = f"{sample.stratum}:"
    question, options = _apart(block[len(title) :] if block.startswith(title) else block)
    if not options and len(sample.choices) > 1:
        options = tuple(choice.strip() for choice in sample.choices)
    is_labelled = sample.answer is not None and sample.answer < len(options)
    right = (options[sample.answer],) if is_labelled and sample.answer is not None else sample.targets
    return Item(source, question, options, tuple(filter(None, map(str.strip, right))), sample=sample.id)


def of_row(table: str, row: Row) -> Item:
    """The row of a table as an item that longer rows may hold."""
    question, options = _apart(row.asked)
    options = options or row.choices
    answered = row.answered.strip()
    label = _LABEL.fullmatch(answered + ".")
    choice = _LABELS.index(label[1]) if label and len(answered) <= len("(A)") else len(options)
    right = options[choice] if choice < len(options) else answered
    return Item(table, question, options, (right,) if right else (), line=row.line)


def _last_block(prompt: str) -> str:
    """The last paragraph, with the one before it where it is no question yet."""
    blocks = [block for block in re.split(r"\n[ \t]*\n", prompt) if block.strip()]
    taken: list[str] = []
    while blocks and (not taken or _is_rest(taken[0])):
        taken.insert(0, blocks.pop())
    return "\n".join(taken)


def _is_rest(block: str) -> bool:
    label = _LABEL.match(block)
    return (label is not None and label[1] == "A") or len(block.split()) < _FEW_WORDS


def _apart(text: str) -> tuple[str, tuple[str, ...]]:
    """The question, and the options that stand below it as ``A. ...``, ``B) ...``; none where there are no two."""
    lines = _bare(text).splitlines()
    begin: list[int] = []
    for number in reversed(range(len(lines))):
        label = _LABEL.match(lines[number])
        if label and label[1] == "A":
            begin = _labelled(lines, number)
            break
    if len(begin) < 2:
        return _bare(text), ()
    ends = [*begin[1:], len(lines)]
    options = ["\n".join(lines[start:end]) for start, end in zip(begin, ends, strict=True)]
    return _bare("\n".join(lines[: begin[0]])), tuple(_unlabelled(option) for option in options)


def _bare(text: str) -> str:
    """The text without ``Question:`` before it and ``Answer:`` after it."""
    lead = _LEAD.match(text)
    text = text[lead.end() if lead else 0 :].strip()
    cue = _CUE.search(text, max(0, len(text) - _LONGEST_CUE))
    return text[: cue.start()].rstrip() if cue else text


def _labelled(lines: list[str], first: int) -> list[int]:
    """The lines from ``first`` on that begin with A, B, C and so on, in this order."""
    found: list[int] = []
    for number in range(first, len(lines)):
        label = _LABEL.match(lines[number])
        if label and len(found) < len(_LABELS) and label[1] == _LABELS[len(found)]:
            found.append(number)
    return found


def _unlabelled(option: str) -> str:
    label = _LABEL.match(option)
    return (label[2] if label else option).strip()
