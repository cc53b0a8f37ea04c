"""What the contracts share: how a broken promise is told, and what a plugin says of its options."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import itertools
import textwrap
from typing import Any


def demand(kept: bool, broken: str) -> None:
    """Raise ``AssertionError`` with what is broken, unless the promise is kept."""
    if not kept:
        raise AssertionError(broken)


def is_needed(field: dataclasses.Field[Any]) -> bool:
    """Whether an option has no default."""
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def told_options(plugin_class: type) -> set[str]:
    """The options with a docstring below them, or named in the docstring of the class; inherited ones too."""
    named = {f.name for f in dataclasses.fields(plugin_class) if f"`{f.name}`" in (inspect.getdoc(plugin_class) or "")}
    bases = [base for base in plugin_class.__mro__ if dataclasses.is_dataclass(base)]
    for option, below in itertools.chain.from_iterable(itertools.pairwise(_body(base)) for base in bases):
        is_text = isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
        if is_text and isinstance(option, ast.AnnAssign) and isinstance(option.target, ast.Name):
            named.add(option.target.id)
    return named


def _body(plugin_class: type) -> list[ast.stmt]:
    """The statements of the class."""
    parsed = ast.parse(textwrap.dedent(inspect.getsource(plugin_class))).body[0]
    return parsed.body if isinstance(parsed, ast.ClassDef) else []
