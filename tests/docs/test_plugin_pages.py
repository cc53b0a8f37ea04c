"""The pages on trainers, metrics, judges and data checks say what these say themselves."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


def written() -> dict[str, str]:
    spec = importlib.util.spec_from_file_location("plugin_pages", DOCS / "pages.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    pages: dict[str, str] = module.pages()
    return pages


@pytest.mark.parametrize("page", ["training.md", "metrics.md", "judges.md", "data-checks.md"])
def test_each_page_is_what_its_script_writes(page: str) -> None:
    assert (DOCS / page).read_text(encoding="utf-8") == written()[page], "run: python docs/pages.py"


@pytest.mark.parametrize(
    "name",
    [
        "exact_match",
        "macro_f1",
        "bertscore",
        "perplexity",
        "rubric",
        "pairwise",
        "panel",
        "pii",
        "qlora",
        "Options of every method",
    ],
)
def test_every_option_is_told(name: str) -> None:
    section = "\n".join(written().values()).split(f"## {name}\n")[1].split("\n## ")[0]
    options = [line for line in section.splitlines() if line.startswith("- `")]
    assert options
    assert all(len(line.split("): ", 1)[1]) > 10 for line in options)
