"""The page on metrics says what the metrics say."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


def written() -> str:
    spec = importlib.util.spec_from_file_location("metrics_page", DOCS / "metrics.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    page: str = module.page()
    return page


def test_the_page_is_what_its_script_writes() -> None:
    assert (DOCS / "metrics.md").read_text(encoding="utf-8") == written(), "run: python docs/metrics.py"


@pytest.mark.parametrize("name", ["exact_match", "macro_f1", "bertscore", "perplexity"])
def test_every_option_is_told(name: str) -> None:
    section = written().split(f"## {name}\n")[1].split("\n## ")[0]
    options = [line for line in section.splitlines() if line.startswith("- `")]
    assert options
    assert all(len(line.split("): ", 1)[1]) > 10 for line in options)
