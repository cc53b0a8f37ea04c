"""docs/writing-plugins.md tells all that a plugin may import, and nothing else."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import harness
from harness import testing

PAGE = (Path(__file__).parents[2] / "docs" / "writing-plugins.md").read_text(encoding="utf-8")
TABLE = PAGE.partition("## All that you may import")[2]
TOLD = set(re.findall(r"`([A-Za-z_]+)[`(]", TABLE.partition("|---|")[2]))
"""The names in the table of the face."""


def test_the_table_of_the_face_has_its_names_and_no_others() -> None:
    assert TOLD - {"MethodMeans"} == set(harness.__all__) - {"MethodMeans"}
    assert "`method_for(MethodMeans(...))`" in TABLE


@pytest.mark.parametrize("block", re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
def test_the_examples_import_what_is_there(block: str) -> None:
    houses = {"harness": set(harness.__all__), "harness.testing": set(testing.__all__)}
    for node in ast.walk(ast.parse(block)):
        if isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] == "harness":
            assert {each.name for each in node.names} <= houses[str(node.module)]
