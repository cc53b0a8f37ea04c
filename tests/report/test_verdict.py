from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import goldens
import pytest
import sample_values as values
from rich.console import Console

from harness.report.markdown import verdict_markdown
from harness.report.verdict import verdict_screen, verdict_svg
from harness.values import Comparison, Verdict

CASES = {
    "passed": (values.COMPARISON, values.PASSED),
    "failed": (values.FALLEN, values.FAILED),
    "inconclusive": (values.WITHOUT_ARC, values.INCONCLUSIVE),
}


def screen(comparison: Comparison, verdict: Verdict, width: int = 100) -> str:
    return goldens.printed(verdict_screen(comparison, verdict, record=values.RECORD, next_commands=values.NEXT), width)


@pytest.mark.parametrize("width", [80, 100, 140])
@pytest.mark.parametrize("case", CASES)
def test_the_screen_is_as_stored(case: str, width: int) -> None:
    goldens.check(f"verdict-{case}-{width}.txt", screen(*CASES[case], width))


def test_the_whole_answer_stands_on_one_screen() -> None:
    assert screen(values.COMPARISON, values.PASSED).count("\n") <= 45


@pytest.mark.parametrize("width", [60, 80, 100, 140])
@pytest.mark.parametrize("case", CASES)
def test_no_line_is_wider_than_the_terminal(case: str, width: int) -> None:
    assert max(map(len, screen(*CASES[case], width).splitlines())) <= width


def test_each_arm_says_how_many_items_the_record_answered() -> None:
    base, prompted, tuned = values.COMPARISON.runs
    runs = (replace(base, reused={"tickets-1/base": 642}), replace(prompted, reused={"tickets-2/prompted": 14}), tuned)
    text = screen(replace(values.COMPARISON, runs=runs), values.PASSED)
    assert "cache       base: 642 of 642 items answered by tickets-1/base\n" in text
    assert "            prompted: 14 of 200 items answered by tickets-2/prompted\n" in text
    told = verdict_markdown(replace(values.COMPARISON, runs=runs), values.PASSED)
    assert "- cache, base: 642 of 642 items answered by tickets-1/base\n- cache, prompted: 14 of 200 items" in told


def test_an_outcome_can_be_told_without_colours() -> None:
    text = screen(values.FALLEN, values.FAILED)
    assert "✗ failed" in text
    assert "? inconclusive" in text
    assert "✓ passed" in text
    assert "exit status 3" in text


def test_no_color_is_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    console = Console(file=io.StringIO(), width=100, force_terminal=True, color_system="truecolor")
    console.print(verdict_screen(values.FALLEN, values.FAILED, record=values.RECORD))
    assert isinstance(console.file, io.StringIO)
    assert not re.search(r"\x1b\[[\d;]*\b3[0-7]m", console.file.getvalue())


def test_a_benchmark_that_was_not_measured_is_named_with_its_reason() -> None:
    text = screen(values.WITHOUT_ARC, values.INCONCLUSIVE)
    assert "arc_challenge  not measured: the hub does not answer" in text


def test_a_stand_in_is_told() -> None:
    assert "stand in for the benchmark" in screen(values.COMPARISON, values.PASSED)


def test_a_run_that_did_not_finish_is_told() -> None:
    broken = replace(values.COMPARISON, runs=(values.BASE, replace(values.TUNED, status="failed")))
    assert "support-tickets-3/tuned is failed: its figures are not whole" in screen(broken, values.PASSED)


def test_the_change_is_against_the_arm_of_the_gate() -> None:
    against_base = replace(values.GAINED, rule=replace(values.GAIN, against="base"))
    text = screen(values.COMPARISON, replace(values.PASSED, rulings=(against_base,)))
    assert "+0.955" in text
    assert "+0.810" not in text
    assert "vs base" in text
    assert "vs prompted" in text


def forgetting_against_two() -> tuple[Comparison, Verdict]:
    """A comparison whose gate on mmlu is against the release and the others against the base, and its verdict."""
    deltas = tuple(replace(each, against="release") if each.task == "mmlu" else each for each in values.DELTAS)
    against_release = replace(values.MMLU_PASSED, rule=replace(values.MMLU, against="release"))
    rulings = (values.GAINED, against_release, values.HELLASWAG_PASSED)
    return replace(values.COMPARISON, deltas=deltas), replace(values.PASSED, rulings=rulings)


@pytest.mark.parametrize("width", [100, 140])
def test_rows_of_forgetting_against_different_runs_each_say_against_which(width: int) -> None:
    text = screen(*forgetting_against_two(), width)
    heading, *rows = text[text.index("Forgetting") : text.index("Gates")].splitlines()[1:]
    assert heading.split()[:4] == ["benchmark", "metric", "baseline", "tuned"]
    assert re.findall(r"vs (\w+)", "\n".join(rows)) == ["release", "base", "base", "base"]


def test_markdown_says_of_each_row_of_forgetting_against_which_it_is() -> None:
    rows = verdict_markdown(*forgetting_against_two()).partition("| benchmark ")[2]
    assert re.findall(r"\) vs (\w+) \|", rows) == ["release", "base", "base", "base"]


def test_without_gates_and_runs_of_benchmarks_there_is_still_a_screen() -> None:
    bare = Comparison("x-1", (replace(values.PROMPTED, model=None),), ())
    text = screen(bare, Verdict("passed", "no gate was asked.", ()))
    assert "this suite asks for none" in text
    assert "Forgetting" not in text


def test_two_runs_of_one_arm_are_told_apart() -> None:
    pair = replace(values.COMPARISON, runs=(values.TUNED, replace(values.TUNED, id="support-tickets-4/tuned")))
    assert "support-tickets-4/tuned" in screen(pair, values.PASSED, 140)


def test_long_names_of_runs_leave_room_for_the_tasks() -> None:
    pair = replace(values.COMPARISON, runs=(values.TUNED, replace(values.TUNED, id="support-tickets-4/tuned")))
    text = screen(pair, values.PASSED, 80)
    assert "tickets  exact_match" in text
    assert "0.916\N{EN DASH}0.977" in text


@pytest.mark.parametrize("width", [80, 140])
def test_hostile_names_do_nothing(width: int) -> None:
    text = screen(values.hostile_comparison(), values.hostile_verdict(), width)
    assert not {"\x1b", "\x9b", "\x07", "\u202e", "\u2069"} & set(text)
    assert "".join(["[bold", "red]pwn[/]"]) in "".join(text.split())
    assert "😄" not in text


def test_the_picture_is_well_formed_and_repeatable() -> None:
    once = verdict_svg(values.COMPARISON, values.PASSED, record=values.RECORD, next_commands=values.NEXT)
    again = verdict_svg(values.COMPARISON, values.PASSED, record=values.RECORD, next_commands=values.NEXT)
    assert ElementTree.fromstring(once).tag.endswith("svg")
    assert once == again


def test_a_hostile_picture_holds_no_script() -> None:
    picture = verdict_svg(values.hostile_comparison(), values.hostile_verdict(), record=values.RECORD)
    tags = {element.tag.rpartition("}")[2] for element in ElementTree.fromstring(picture).iter()}
    assert "script" not in tags
