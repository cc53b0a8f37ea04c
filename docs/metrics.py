"""Writes docs/metrics.md from the metrics themselves: ``python docs/metrics.py``; a test holds the page to them."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import itertools
import textwrap
from collections.abc import Iterator
from pathlib import Path

from harness.catalog import Catalog
from harness.host import Host

PAGE = Path(__file__).with_name("metrics.md")
HEAD = """\
# Metrics

Every metric that comes with the harness, in its own words (`python docs/metrics.py` writes this page). A suite names
one by its word, or by `{name: ..., option: ...}`; `harness check` tells what is wrong with an option before a model
is opened. An option in a JSON file of its own has `_file` behind its name: `schema_file: ticket.schema.json`.

What a gate rests on is one number an item, paired over the arms. Where a metric is *reckoned from sums*, as corpus
BLEU, that number is the item's share in the whole (the jackknife), put to Student's paired t; there, and where scores
have no bounds, no level is certain and the verdict says so. Missing scores have a worst case only where a metric is a
mean with bounds; elsewhere they leave a gate inconclusive.

Values are held to reference implementations on 539 pairs of answers and targets (`tests/golden/metrics`), empty
texts, several targets and many scripts among them: to 1e-9, BERTScore and embeddings to 1e-5.
"""


def page() -> str:
    """The whole page."""
    offers = Catalog.build(Host.load()).classes("metric").values()
    own = sorted((each for each in offers if each.origin.distribution == "finetune-harness"), key=lambda o: o.name)
    return "\n".join([HEAD, *(_section(offer.plugin_class) for offer in own)])


def _section(metric: type) -> str:
    lines = [f"## {metric.name}", "", _plain(inspect.getdoc(metric) or ""), "", _facts(metric), ""]  # type: ignore[attr-defined]
    options = [f"- `{name}` ({default}): {told}" for name, default, told in _options(metric)]
    return "\n".join([*lines, *options, *([""] if options else [])])


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


def _options(metric: type) -> Iterator[tuple[str, str, str]]:
    told = {name: text for base in reversed(metric.__mro__) for name, text in _docstrings(base)}
    for field in dataclasses.fields(metric):  # type: ignore[arg-type]
        needed = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        default = "needed" if needed else f"default `{field.default!r}`" if field.default != () else "default none"
        yield field.name, default, " ".join(_plain(told.get(field.name, "")).split())


def _docstrings(base: type) -> Iterator[tuple[str, str]]:
    if not base.__module__.startswith("harness_metrics"):
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
    PAGE.write_text(page(), encoding="utf-8")
