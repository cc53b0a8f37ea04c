from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path

import goldens
import pytest
import sample_values as values

from harness.report.export import json_text, to_json
from harness.report.markdown import escaped, verdict_markdown
from harness.values import Checkpoint, Comparison, Estimate, Run, Verdict


def test_the_json_of_a_verdict_is_as_stored() -> None:
    goldens.check("verdict.json", json_text({"comparison": values.WITHOUT_ARC, "verdict": values.INCONCLUSIVE}) + "\n")


@pytest.mark.parametrize("value", [values.TUNED, values.COMPARISON, values.PASSED])
def test_the_keys_are_the_names_of_the_value(value: Run | Comparison | Verdict) -> None:
    assert list(to_json(value)) == [each.name for each in fields(value)]


def test_a_number_that_is_none_becomes_null() -> None:
    odd = Estimate("t", "m", float("nan"), float("-inf"), float("inf"), 1, 0)
    assert json.loads(json_text(odd)) == {
        "task": "t",
        "metric": "m",
        "value": None,
        "low": None,
        "high": None,
        "scored": 1,
        "missing": 0,
    }


def test_a_path_becomes_a_string() -> None:
    made = Checkpoint(Path("a/b"), "adapter", 3, "f" * 64, None, None, 1.5, {"targets": {"q", "k"}})
    assert to_json(made)["path"] == "a/b"
    assert to_json(made)["facts"] == {"targets": ["k", "q"]}


def test_hostile_json_is_plain_ascii_and_comes_back_whole() -> None:
    text = json_text(values.hostile_verdict())
    assert text.isascii()
    assert "\x1b" not in text
    assert json.loads(text)["reason"] == values.HOSTILE


def test_what_is_no_value_is_refused() -> None:
    with pytest.raises(TypeError, match="str is no value"):
        to_json("text")


def test_the_markdown_of_a_verdict_is_as_stored() -> None:
    goldens.check("verdict.md", verdict_markdown(values.FALLEN, values.FAILED))


def test_hostile_markdown_holds_no_html_and_no_cell_of_its_own() -> None:
    text = verdict_markdown(values.hostile_comparison(), values.hostile_verdict())
    bars = [line.replace(r"\|", "").count("|") for line in text.splitlines() if line.startswith("| ")]
    assert "<" not in text
    assert "\x1b" not in text
    assert bars == [4] * 3 + [6] * 3


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("<script>", "&lt;script&gt;"),
        ("[a](http://x)", r"\[a\](http\://x)"),
        ("www.evil.example", r"www\.evil.example"),
        ("a|b\nc", r"a\|b⏎c"),
        ("&lt;", "&amp;lt;"),
        ("`x` *y* _z_", r"\`x\` \*y\* \_z\_"),
    ],
)
def test_markdown_is_escaped(text: str, safe: str) -> None:
    assert escaped(text) == safe


def test_without_benchmarks_there_is_no_empty_table() -> None:
    bare = replace(values.COMPARISON, runs=(values.PROMPTED,), deltas=(), benchmarks=())
    assert "benchmark" not in verdict_markdown(bare, Verdict("passed", "no gate was asked.", ()))
