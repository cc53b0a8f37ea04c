"""The verdict as Markdown, for the summary of a GitHub job."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from harness.report import arrange, judges, numbers, unseen
from harness.report.arrange import Row
from harness.report.text import inert
from harness.values import Comparison, Run, Verdict

_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_MARKUP = re.compile(r"([\\`*_\[\]#|~$@]|:(?=\S))")
_BARE_LINK = re.compile(r"(?i)\bwww\.")


def verdict_markdown(comparison: Comparison, verdict: Verdict) -> str:
    """Verdict, gates, tasks and forgetting as Markdown tables; nothing in a name or an answer is read as markup."""
    return "\n\n".join(filter(None, [*_head(comparison, verdict), *_body(comparison, verdict)])) + "\n"


def escaped(text: str) -> str:
    """Foreign text for Markdown: neither markup, HTML, a link nor a line break comes of it."""
    marked = _MARKUP.sub(r"\\\1", inert(text))
    return _BARE_LINK.sub(lambda match: match[0].replace(".", r"\."), marked).translate(_ENTITIES)


def judges_table(verdict: Verdict) -> str:
    """Judges held to people; empty where none was asked."""
    table = _table(judges.HEADS, judges.ALIGNMENT, judges.rows(verdict.calibrations))
    said = "Judges held to people, as wins or as change of grade; gates go by the corrected rate:"
    return f"{said}\n\n{table}" if table else ""


def unseen_table(comparison: Comparison) -> str:
    """The changes with and without the items that training has seen; empty where it has seen none."""
    table = _table(unseen.HEADS, unseen.ALIGNMENT, unseen.cells(comparison))
    said = f"{unseen.TITLE}; the gates rest on the unseen items:"
    return f"{said}\n\n{table}" if table else ""


def _head(comparison: Comparison, verdict: Verdict) -> list[str]:
    status, meaning = arrange.EXIT_STATUS[verdict.outcome], arrange.EXIT_MEANING[verdict.outcome]
    mark = f"{arrange.MARK[verdict.outcome]} {verdict.outcome.upper()}"
    return [
        f"## {mark}: {escaped(comparison.experiment)}",
        f"**{escaped(verdict.reason)}** Exit status {status}: {meaning}.",
        _subject(comparison.runs),
        bullets(f"cache, {words}" for words in arrange.all_reused(comparison.runs)),
    ]


def _subject(runs: Sequence[Run]) -> str:
    models = dict.fromkeys(run.model.name for run in runs if run.model)
    return f"Model {', '.join(map(escaped, models))}; measured {numbers.moment(runs[0].started)}." if models else ""


def _body(comparison: Comparison, verdict: Verdict) -> list[str]:
    arms = arrange.columns(comparison.runs)
    tasks = arrange.task_rows(comparison, verdict)
    forgotten = arrange.forgetting_rows(comparison, verdict)
    raw = judges.raw_metrics(verdict)
    cells = (_task_cells(row, is_raw=(row.task, row.metric) in raw) for row in tasks)
    return [
        _table(["gate", "outcome", "reason"], "lll", _rulings(verdict)),
        _table(["task", "metric", *arms, "change"], "ll" + "r" * (len(arms) + 1), cells),
        _table(_FORGETTING, "llrrrrrrr", map(_forgetting_cells, forgotten)),
        unseen_table(comparison),
        judges_table(verdict),
        bullets(f"{name} was not measured: {reason}" for name, reason in arrange.not_measured(comparison)),
        bullets(arrange.caveats(comparison, verdict)),
    ]


_FORGETTING = ("benchmark", "metric", "baseline", "candidate", "change", "items", "fixed", "broken", "kept")


def _rulings(verdict: Verdict) -> Iterable[Sequence[str]]:
    for ruling in verdict.rulings:
        tier = f" ({ruling.rule.tier})" if ruling.rule.tier != "critical" else ""
        outcome = f"{arrange.MARK[ruling.outcome]} {ruling.outcome}"
        yield f"{ruling.rule}{tier}", outcome, ruling.reason


def _task_cells(row: Row, *, is_raw: bool) -> Sequence[str]:
    values = [numbers.estimate(each) for each in row.estimates]
    return row.task, f"{row.metric} (raw)" if is_raw else row.metric, *values, _change(row)


def _forgetting_cells(row: Row) -> Sequence[str]:
    values = numbers.score(row.baseline), numbers.score(row.candidate), _change(row)
    return row.task, row.metric, *values, *numbers.counts(row.delta)


def _change(row: Row) -> str:
    return numbers.difference(row.delta) + (f" vs {row.delta.against}" if row.delta else "")


def _table(names: Sequence[str], alignment: str, rows: Iterable[Sequence[str]]) -> str:
    lines = [table_line(map(escaped, row)) for row in rows]
    rule = table_line("---:" if side == "r" else "---" for side in alignment)
    return "\n".join([table_line(map(escaped, names)), rule, *lines]) if lines else ""


def table_line(cells: Iterable[str]) -> str:
    """A line of a table; the cells are escaped already."""
    return f"| {' | '.join(cells)} |"


def bullets(texts: Iterable[str]) -> str:
    """A list, each text escaped."""
    return "\n".join(f"- {escaped(text)}" for text in texts)
