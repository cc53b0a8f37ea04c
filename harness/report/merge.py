"""What became of a merge: where the model lies, how it was proved, and what quantising cost."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Group, RenderableType
from rich.text import Text

from harness.report import arrange, layout, tables
from harness.report.text import plain
from harness.values import Comparison, Ruling, Run, Verdict


def merge_screen(run: Run, folder: Path, proof: Sequence[str], *, is_proved: bool, next_command: str) -> RenderableType:
    """The run, the folder and the figures of the proof; where it failed, that nothing was kept."""
    words = "the merged model answers as the adapter does" if is_proved else "the merged model answers otherwise"
    answer = plain(f"{'✓' if is_proved else '✗'} {words}", "bold green" if is_proved else "bold red")
    facts: list[tuple[str, RenderableType]] = [("run", plain(run.id, "bold")), ("adapter", run.adapter or "")]
    if is_proved:
        facts.append(("folder", plain(str(folder), "bold")))
    onward = layout.facts([("next", next_command)]) if is_proved else Text("nothing was kept", style="dim")
    return layout.spaced(
        layout.facts(facts),
        Group(layout.section("Proof", "both asked the run's own items, in float32"), layout.bullets(proof)),
        answer,
        onward,
    )


def quantised_screen(
    comparison: Comparison, verdict: Verdict | None, folder: Path, *, next_command: str
) -> RenderableType:
    """The copy against the merged model and the baselines, gate by gate, and what it comes to."""
    return layout.spaced(
        layout.facts([("quantised", plain(str(folder), "bold"))]),
        tables.comparison_screen(comparison),
        Group(layout.section("Gates"), layout.facts(map(_gate, verdict.rulings))) if verdict else None,
        Group(layout.section("Know more"), layout.bullets(verdict.caveats)) if verdict and verdict.caveats else None,
        _answer(verdict),
        layout.facts([("next", next_command)]),
    )


def _gate(ruling: Ruling) -> tuple[str, RenderableType]:
    colour = layout.decided(ruling.outcome)
    words = Text(f"{arrange.MARK[ruling.outcome]} {ruling.outcome}  ", style=colour)
    words.append_text(plain(str(ruling.rule), "default")).append("\n")
    return "", words.append_text(plain(ruling.reason, "dim"))


def _answer(verdict: Verdict | None) -> RenderableType:
    if verdict is None:
        return Text("the suite has no gates, so nothing is judged", style="dim")
    mark = f"{arrange.MARK[verdict.outcome]} {verdict.outcome.upper()}: "
    return Text(mark, style=f"bold {layout.decided(verdict.outcome)}").append_text(plain(verdict.reason, "default"))
