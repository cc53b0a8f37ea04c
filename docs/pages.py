"""Writes into the pages of trainers, metrics, judges and data checks what these say: ``python docs/pages.py``.

What stands above the mark is written by hand. Tests hold the pages to the plugins.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import itertools
import textwrap
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from harness.catalog import Catalog
from harness.host import Host
from harness.values import Kind

Option = tuple[str, str, str]
"""Name, default, and what is told of it."""

MARK = "<!-- python docs/pages.py writes what follows -->"


def pages() -> dict[str, str]:
    """Each page by its file's name: what is written by hand above the mark, and what the plugins say below it."""
    servers = _section(Catalog.build(Host.load()).find("backend", "openai").plugin_class)
    told = {
        "training.md": _trainers(),
        "metrics.md": _sections("metric"),
        "judges.md": f"{_sections('judge')}\n# Servers\n\n{servers}",
        "data-checks.md": _checks(),
    }
    return {file: f"{_by_hand(file)}{MARK}\n\n{sections}" for file, sections in told.items()}


def _by_hand(file: str) -> str:
    return Path(__file__).with_name(file).read_text(encoding="utf-8").partition(MARK)[0]


def _sections(kind: Kind) -> str:
    return "\n".join(_section(each) for each in _own(kind))


def _own(kind: Kind) -> list[type]:
    offers = Catalog.build(Host.load()).classes(kind).values()
    own = sorted((each for each in offers if each.origin.distribution == "finetune-harness"), key=lambda o: o.name)
    return [each.plugin_class for each in own]


def _trainers() -> str:
    """What most methods have alike once, then each method with the rest of its options."""
    own = _own("trainer")
    count = Counter(option for each in own for option in _options(each))
    alike = [option for option, times in count.items() if times > len(own) / 2]
    shared = ["## Options of every method", "", "Where a method below says nothing else.", "", *_listed(alike), ""]
    return "\n".join([*shared, *(_section(each, without=alike) for each in own)])


def _checks() -> str:
    """In the order in which they are done."""
    own = [each for each in Catalog.build(Host.load()).offers if each.kind == "data_check"]
    return "\n".join(_section(each.plugin_class) for each in own)


def _section(plugin: type, without: Collection[Option] = ()) -> str:
    lines = [f"## {plugin.name}", "", _plain(inspect.getdoc(plugin) or ""), ""]  # type: ignore[attr-defined]
    lines += [_facts(plugin), ""] if hasattr(plugin, "modes") else []
    lines += [_when(plugin), ""] if hasattr(plugin, "in_runs") else []
    options = _listed(each for each in _options(plugin) if each not in without)
    return "\n".join([*lines, *options, *([""] if options else [])])


def _listed(options: Iterable[Option]) -> list[str]:
    return [f"- `{name}` ({default}): {told}" for name, default, told in options]


def _facts(metric: type) -> str:
    facts = vars(metric) | {name: getattr(metric, name) for name in ("higher_is_better", "bounds", "modes")}
    bounds = facts["bounds"]
    said = [
        f"mode {' or '.join(f'`{mode}`' for mode in facts['modes'])}",
        "higher is better" if facts["higher_is_better"] else "lower is better",
        f"from {bounds[0]:g} to {bounds[1]:g}" if bounds else "without bounds",
        *(["reckoned from sums"] if hasattr(metric, "whole") else []),
        *(f"needs `{package}`" for package in metric.requires_packages),  # type: ignore[attr-defined]
    ]
    return f"*{'; '.join(said)}.*"


def _when(check: type) -> str:
    done = "done in every run" if check.in_runs else "done in a run when the suite lists it"  # type: ignore[attr-defined]
    return f"*{'; '.join([done, *(f'needs `{package}`' for package in check.requires_packages)])}.*"  # type: ignore[attr-defined]


def _options(plugin: type) -> Iterator[Option]:
    told = {name: text for base in reversed(plugin.__mro__) for name, text in _docstrings(base)}
    for field in dataclasses.fields(plugin):  # type: ignore[arg-type]
        value = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
        default = f"default `{value!r}`" if value != () else "default none"
        default = "needed" if value is dataclasses.MISSING else default
        yield field.name, default, " ".join(_plain(told.get(field.name, "")).split())


def _docstrings(base: type) -> Iterator[tuple[str, str]]:
    if not base.__module__.startswith("harness_"):
        return
    body = ast.parse(textwrap.dedent(inspect.getsource(base))).body[0]
    statements = body.body if isinstance(body, ast.ClassDef) else []
    for option, below in itertools.pairwise(statements):
        is_told = isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
        if is_told and isinstance(option, ast.AnnAssign) and isinstance(option.target, ast.Name):
            yield option.target.id, inspect.cleandoc(below.value.value)  # type: ignore[attr-defined]


def _plain(text: str) -> str:
    return inspect.cleandoc(text).replace("``", "`")


if __name__ == "__main__":
    for file, text in pages().items():
        Path(__file__).with_name(file).write_text(text, encoding="utf-8")
