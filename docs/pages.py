"""Writes the pages of metrics, judges and data checks from the plugins: ``python docs/pages.py``; tests hold them."""

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
from harness.values import Kind

METRICS = """\
# Metrics

Every metric that comes with the harness, in its own words (`python docs/pages.py` writes this page). A suite names
one by its word, or by `{name: ..., option: ...}`; `harness check` tells what is wrong with an option before a model
is opened. An option in a JSON file of its own has `_file` behind its name: `schema_file: ticket.schema.json`.

What a gate rests on is one number an item, paired over the arms. Where a metric is *reckoned from sums*, as corpus
BLEU, that number is the item's share in the whole (the jackknife), put to Student's paired t; there, and where scores
have no bounds, no level is certain and the verdict says so. Missing scores have a worst case only where a metric is a
mean with bounds; elsewhere they leave a gate inconclusive.

Values are held to reference implementations on 539 pairs of answers and targets (`tests/golden/metrics`), empty
texts, several targets and many scripts among them: to 1e-9, BERTScore and embeddings to 1e-5.
"""


JUDGES = """\
# Judges and people

Some answers have no reference to hold them to. A judge is a model that reads them; a person is a person. Both enter
the same paired comparison as any metric, but with different weight: **a judge decides nothing by itself**. Its own
rate is about the judge: one with a slight liking for the candidate's style gives wrong bounds almost always
(`bench/levels.py`). What a rule on a judge rests on is people's rate, estimated from at least 100 labels on a random
draw with the judge's help (docs/statistics.md), and with fewer labels the rule is inconclusive.

```yaml
tasks:
  - name: replies
    data: test
    generation: {max_new_tokens: 200}
    metrics: [repetition]
    judges:
      - name: pairwise
        model:
          name: gpt-4o-mini                  # what the server calls it; or a hub id, a folder, a .gguf file
          backend: {name: openai, base_url: "https://api.openai.com/v1", concurrency: 16}
          prices: {input: 0.15, output: 0.60}   # for a million tokens
          budget: {calls: 4000, money: 5.00}
gates:
  - {task: replies, metric: pairwise, min_gain: 0.10, against: prompted, min_kappa: 0.4}
  - {task: replies, metric: people, min_gain: 0.0, against: prompted}
```

1. `harness run suite.yaml`: the arms answer, then the judges read. Exit status 4: nobody has labelled anything yet.
2. `harness review replies-1/prompted replies-1/tuned --items 100`: a person compares a hundred pairs, drawn at
   random, not told whose is which; in the terminal or, with `--web`, on a page of this machine. Saved after each,
   gone on with by the same command; `--rater NAME` for several. `metric: people` is what they found.
3. `harness judge calibrate replies-1/prompted replies-1/tuned`: how far the judge agrees with them; `--labels FILE`
   takes labels that were given elsewhere.
4. `harness gate replies-1/prompted replies-1/tuned --suite suite.yaml`: the verdict, with raw and corrected rates
   side by side.

`harness judge run BASELINE CANDIDATE --suite suite.yaml` lets judges see runs that are recorded already. What a judge
was asked once is not asked again, in any run. A rate of preference runs from -1 (the baseline's answer is always
better) to 1; `min_gain: 0.10` asks that 55 % of the pairs be won, ties as half.

The key of a server comes from the environment (`OPENAI_API_KEY`, or what `api_key_env` names) and is never recorded.
Requests that fail for a while are repeated, later and later; what cannot be had, or is beyond the budget, is missing
with its reason. A reply that does not have the demanded form is asked for once more, and is then missing: there is no
default grade.

An answer may talk to its judge. It is quoted line by line between marks that it cannot know, what is invisible or
means something to a chat template is taken out of it, and the verdict is read from one place only, with a word in it
that no answer can foresee. `bench/attacks.py` measures how often answers get their way all the same;
docs/benchmarks.md has the figures: a judge should be much stronger than the 135 M parameters of that bench. A model
that writes its thoughts before the JSON gives no judgement here, by design: turn its thinking off. A judge's `notes`,
as how often it changed its mind with the order of two answers, stand with the verdict.
"""


CHECKS = """\
# Data checks

Every check of rows that comes with the harness, in its own words (`python docs/pages.py` writes this page), in the
order in which `harness data clean` applies their remedies. `harness data check FILE` does them all; a suite gives them
options and severities: `checks: [{name: duplicates, near: 0.9, severity: error}]`. docs/data.md has the rest.
"""


def pages() -> dict[str, str]:
    """Each page by its file's name."""
    servers = _section(Catalog.build(Host.load()).find("backend", "openai").plugin_class)
    judges = f"{_page(JUDGES, 'judge')}\n# Servers\n\n{servers}"
    return {"metrics.md": _page(METRICS, "metric"), "judges.md": judges, "data-checks.md": _checks()}


def _page(head: str, kind: Kind) -> str:
    offers = Catalog.build(Host.load()).classes(kind).values()
    own = sorted((each for each in offers if each.origin.distribution == "finetune-harness"), key=lambda o: o.name)
    return "\n".join([head, *(_section(offer.plugin_class) for offer in own)])


def _checks() -> str:
    """In the order in which they are done."""
    own = [each for each in Catalog.build(Host.load()).offers if each.kind == "data_check"]
    return "\n".join([CHECKS, *(_section(each.plugin_class) for each in own)])


def _section(plugin: type) -> str:
    lines = [f"## {plugin.name}", "", _plain(inspect.getdoc(plugin) or ""), ""]  # type: ignore[attr-defined]
    lines += [_facts(plugin), ""] if hasattr(plugin, "modes") else []
    lines += [_when(plugin), ""] if hasattr(plugin, "in_runs") else []
    options = [f"- `{name}` ({default}): {told}" for name, default, told in _options(plugin)]
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


def _when(check: type) -> str:
    done = "done in every run" if check.in_runs else "done in a run when the suite lists it"  # type: ignore[attr-defined]
    return f"*{'; '.join([done, *(f'needs `{package}`' for package in check.requires_packages)])}.*"  # type: ignore[attr-defined]


def _options(plugin: type) -> Iterator[tuple[str, str, str]]:
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
