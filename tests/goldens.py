"""Stored expectations: ``UPDATE_GOLDENS=1 pytest`` writes what is said now; otherwise it must be what is stored."""

from __future__ import annotations

import io
import os
from pathlib import Path

from rich.console import Console, RenderableType

FOLDER = Path(__file__).parent / "golden"


def check(name: str, text: str) -> None:
    """``text`` is what the file ``golden/<name>`` holds."""
    path = FOLDER / name
    if os.environ.get("UPDATE_GOLDENS"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert path.is_file(), f"{path} is missing: UPDATE_GOLDENS=1 writes it"
    assert text == path.read_text(encoding="utf-8")


def printed(screen: RenderableType, width: int = 100) -> str:
    """What a log gets of a screen: no colours, a fixed width, no blanks at the ends of lines."""
    console = Console(file=io.StringIO(), width=width, color_system=None, force_terminal=False)
    console.print(screen)
    assert isinstance(console.file, io.StringIO)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines()) + "\n"
