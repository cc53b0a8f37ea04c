"""Foreign text made inert: what a model or a data file says is shown, never obeyed."""

from __future__ import annotations

import unicodedata

from rich.text import Text

_JOINERS = frozenset("\u200c\u200d")
"""Needed to write Persian and to compose emoji, and harmless: they neither move the cursor nor turn the line around."""


def inert(text: str, *, lines: bool = False) -> str:
    """``text`` with everything visible that a terminal or a browser would act upon.

    Control characters become their Unicode pictures (escape is ``␛``), bidirectional and other invisible formatting
    characters their numbers (``⟨U+202E⟩``). With ``lines`` a line feed stays one; otherwise it is shown as ``⏎``.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join("\n" if lines and character == "\n" else _visible(character) for character in text)


def _visible(character: str) -> str:
    code = ord(character)
    if character == "\n":
        return "⏎"
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    if character in _JOINERS or unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Zl", "Zp"}:
        return character
    return f"⟨U+{code:04X}⟩"


def plain(text: str, style: str = "", *, lines: bool = False) -> Text:
    """Foreign text as rich draws it: inert, and never read as markup."""
    return Text(inert(text, lines=lines), style=style, overflow="fold")


def head(text: str, limit: int) -> str:
    """The first ``limit`` characters, with a mark and a count where more was there."""
    return text if len(text) <= limit else f"{text[:limit]} … ({len(text) - limit:,} more characters)"


def tail(text: str, limit: int) -> str:
    """The last ``limit`` characters, with a mark where more was there; a prompt's question stands at its end."""
    return text if len(text) <= limit else f"… {text[-limit:]}"
