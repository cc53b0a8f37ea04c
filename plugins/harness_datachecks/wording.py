"""How a finding says what it saw: short, counted, and safe to record."""

from __future__ import annotations

_REPLACED = "\N{REPLACEMENT CHARACTER}"


def excerpt(text: str, most: int = 80) -> str:
    """The beginning of a text on one line, at most so many characters; what cannot be printed is replaced."""
    line = " ".join(text[: 2 * most].split())
    whole = len(line) <= most and len(text) <= 2 * most
    return printable(line if whole else line[: most - 1] + "…")


def ending(text: str, most: int = 60) -> str:
    """The end of a text on one line, at most so many characters; what cannot be printed is replaced."""
    line = " ".join(text[-2 * most :].split())
    whole = len(line) <= most and len(text) <= 2 * most
    return printable(line if whole else "…" + line[1 - most :])


def printable(text: str) -> str:
    """The text without control characters, invisible marks and halves of characters, so that any record takes it."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else _REPLACED for character in text)


def counted(count: int, total: int, one: str, many: str, noun: str = "row") -> str:
    """``1 of 300 rows is cut`` or ``12 of 300 rows are cut``, given ``is cut`` and ``are cut``."""
    return f"{count:,} of {total:,} {noun}{'s' if total != 1 else ''} {one if count == 1 else many}"
