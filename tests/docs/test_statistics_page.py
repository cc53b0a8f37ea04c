"""The page on statistics tells no more than what the gate says: its numbers and its pictures are made again."""

from __future__ import annotations

import importlib.util
import itertools
import math
import re
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from harness.cli.main import cli
from harness.comparison import sequential
from harness.comparison.gate import decide
from harness.comparison.power import fewest_items, items_needed
from harness.comparison.statistics import bound, holm_adjusted, p_value
from harness.suite.load import load
from harness.suite.schema import Benchmark, Gate
from harness.values import Ruling

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "statistics.md").read_text(encoding="utf-8")
WORDS = " ".join(PAGE.split())
DIFFERENCE = (-1.0, 1.0)


def _pictures() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_pictures", ROOT / "docs" / "pictures.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


pictures = _pictures()


def row(*cells: object) -> str:
    return "| " + " | ".join(map(str, cells)) + " |\n"


def p(value: float | None) -> str:
    assert value is not None
    return f"{value:.3g}"


def limit(share: float) -> str:
    points = f"{100 * share:g}"
    return f"{points} point" + ("" if points == "1" else "s")


def numbers(ruling: Ruling) -> tuple[str, str, str]:
    return p(ruling.p_passed), p(ruling.p_failed), ruling.outcome


# The worked examples.


@pytest.mark.parametrize("items", [50, 60, 61, 100])
def test_example_1_says_what_the_gate_says(items: int) -> None:
    ruling = pictures.no_flips(items).verdict().rulings[0]

    assert row(items, p(ruling.p_passed), ruling.outcome) in PAGE


def test_example_1_names_the_largest_drop_that_is_allowed_and_the_items_that_would_tell() -> None:
    least = {items: -bound(np.zeros(items), 0.05, 1, DIFFERENCE) for items in (50, 100)}

    assert f"that 50 unchanged answers allow is {least[50]:.3f}, that of 100 is {least[100]:.3f}" in WORDS
    assert f"advice for 50 items is {pictures.no_flips(50).verdict().rulings[0].items_needed} rather than 61" in WORDS
    assert round(100 * 0.95**50) == 8  # "in 8 of 100 cases"


@pytest.mark.parametrize("index", range(5))
def test_example_2_says_what_the_gate_says(index: int) -> None:
    ruling = pictures.margins().verdict().rulings[index]
    needed = "\N{EN DASH}" if ruling.items_needed is None else f"{ruling.items_needed:,}"

    assert row(limit(pictures.MARGINS[index]), *numbers(ruling), needed) in PAGE


def test_example_2_names_the_ends_of_its_range() -> None:
    rule, evidence = pictures.margins().asked[3]
    reason = decide([rule], lambda _: evidence).rulings[0].reason

    assert "fell by 0.020 (-0.005 to 0.046)" in reason
    assert "from a gain of 0.5 points to a drop of 4.6" in WORDS


@pytest.mark.parametrize(
    ("index", "scores"),
    [
        (0, "60 fixed, 8 broken of 200"),
        (1, "176 of 200 right"),
        (2, "40 broken, 10 fixed of 1,000"),
        (3, "84 broken, 14 fixed of 1,000"),
    ],
)
def test_example_3_says_what_the_gate_says(index: int, scores: str) -> None:
    example = pictures.release()
    ruling = example.verdict().rulings[index]
    pairs = example.asked[index][1].pairs
    counts = {
        "fixed": sum(pair.baseline == 0 and pair.candidate == 1 for pair in pairs),
        "broken": sum(pair.baseline == 1 and pair.candidate == 0 for pair in pairs),
        "right": sum(pair.candidate == 1 for pair in pairs),
    }

    assert row(ruling.rule, scores, *numbers(ruling)) in PAGE
    assert re.search(r"of ([\d,]+)", scores)[1] == f"{len(pairs):,}"  # type: ignore[index]
    for count, what in re.findall(r"(\d+) (fixed|broken)", scores):
        assert int(count) == counts[what]
    assert "right" not in scores or scores.startswith(f"{counts['right']} ")


def test_example_3_fails_by_one_gate_and_keeps_the_other_by_holm() -> None:
    example = pictures.release()
    verdict = example.verdict()
    _, valid, mmlu, fell = verdict.rulings
    rule, evidence = example.asked[3]
    adjusted = holm_adjusted([each.p_failed for each in verdict.rulings])

    assert (verdict.outcome, [each.outcome for each in verdict.rulings].count("failed")) == ("failed", 1)
    assert "the drop is real, if small" in mmlu.reason
    assert decide([rule], lambda _: evidence).outcome == "failed"
    assert f"{p(valid.p_failed)} becomes {adjusted[1]:.2g} and fails" in WORDS
    assert f"{p(fell.p_failed)} becomes {p(adjusted[3])} and does not" in WORDS


# The pictures.


def test_every_picture_is_on_the_page_and_in_its_folder() -> None:
    named = re.findall(r"\(pictures/([\w.-]+)\)", PAGE)

    assert sorted(named) == sorted(pictures.PICTURES)
    assert sorted(path.name for path in pictures.FOLDER.iterdir()) == sorted(pictures.PICTURES)


@pytest.mark.parametrize("name", sorted(pictures.PICTURES))
def test_a_picture_is_what_the_script_makes_now(name: str) -> None:
    drawn = (pictures.FOLDER / name).read_text(encoding="utf-8")

    assert drawn == pictures.PICTURES[name](), "run: python docs/pictures.py"


@pytest.mark.parametrize("margin", pictures.CHART_MARGINS)
def test_the_table_of_items_is_the_plan(margin: float) -> None:
    needed = [f"{items_needed(margin, rate):,}" for rate in (0.01, 0.02, 0.05, 0.1, 0.2)]

    assert row(f"{100 * margin:g}", *needed, fewest_items(0.0, -margin, DIFFERENCE)) in PAGE


@pytest.mark.parametrize("items", [20, 50, 100, 200, 1000])
def test_the_table_of_wrong_passes_is_counted(items: int) -> None:
    found = pictures.passes(items)
    shares = (f"{100 * each:.1f} %" for each in (found.threshold, found.paired_t, found.ours))

    assert row(f"{items:,}", *shares) in PAGE
    assert found.ours <= 0.05


def test_counting_wrong_passes_forgets_no_outcome() -> None:
    items = 12
    tables = [(lost, won) for lost in range(items + 1) for won in range(items + 1 - lost)]
    drop = pictures.LOSSES, pictures.GAINS, 1 - pictures.LOSSES - pictures.GAINS
    chance = {
        (lost, won): math.comb(items, lost)
        * math.comb(items - lost, won)
        * drop[0] ** lost
        * drop[1] ** won
        * drop[2] ** (items - lost - won)
        for lost, won in tables
    }
    below = sum(chance[lost, won] for lost, won in tables if lost - won <= pictures.MARGIN * items)

    assert pictures.passes(items).threshold == pytest.approx(below, abs=1e-8)


# What the methods say of themselves.


def test_a_true_drop_eats_the_margin_as_the_page_says() -> None:
    none, half, whole = (f"{items_needed(0.0225, 0.1, drop):,}" for drop in (0.0, 0.005, 0.01))

    assert f"{none} items are enough if nothing dropped, {half} if half a point did, {whole} if one point did" in WORDS


def test_without_a_flip_a_relative_margin_passes_from_the_items_that_the_page_names() -> None:
    def first(baseline: float) -> int:
        def passes(items: int) -> bool:
            right = np.arange(items) < round(baseline * items)
            return p_value(np.where(right, 0.05, 0.0), 0.0, 1, (-0.95, 1.0)) <= 0.05

        return next(filter(passes, itertools.count(50)))

    found = first(0.25), first(0.5), first(0.75)
    assert "from {} items on if the baseline scores 0.25, from {} at 0.50, from {} at 0.75".format(*found) in WORDS


def test_the_looks_are_the_planned_ones() -> None:
    looks = sequential.schedule(5700, 0.0225)
    levels = sequential.levels(looks, 0.05)

    assert len(looks) == 16
    assert f"looks are at {looks[0]}, {looks[1]}, {looks[2]} … {looks[-2]:,}, {looks[-1]:,}" in WORDS
    assert f"the last has a level of {100 * levels[-1]:.2f} % instead of 5" in WORDS
    assert f"those before {100 * levels[0]:.2g} to {100 * levels[-2]:.2g} %" in WORDS


def test_the_groups_that_no_flip_takes_are_named() -> None:
    five, two, one = (math.ceil(math.log(0.05) / math.log(1 - margin)) for margin in (0.05, 0.0225, 0.01))

    assert f"5 points need {five} effective groups, 2.25 points {two}, 1 point {one}" in WORDS


def test_the_gates_of_the_page_are_read(tmp_path: Path) -> None:
    head = "suite: page\nmodel: {name: some/model}\ndata: {test: t.jsonl}\ntasks: [{name: job, metrics: [f1]}]\n"
    (tmp_path / "page.yaml").write_text(head + re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[0])

    rules = load(tmp_path / "page.yaml").gates

    assert [rule.only_below for rule in rules] == [None, None, 0.9, None]
    assert [rule.max_missing for rule in rules] == [None, 0.002, None, None]


@pytest.mark.parametrize("command", ["power", "aa", "gate", "show", "run"])
def test_the_commands_of_the_page_are_there(command: str) -> None:
    assert command in cli.commands
    assert command == "run" or f"harness {command}" in PAGE


def test_both_ways_to_pay_for_a_choice_are_told() -> None:
    pay = next(option for option in cli.commands["gate"].params if option.name == "pay")

    for way in pay.type.choices:  # type: ignore[attr-defined]  # a click.Choice
        assert f"--pay {way}" in WORDS


@pytest.mark.parametrize("key", sorted({*Gate.model_fields, *Benchmark.model_fields} - {"metric"}))
def test_every_key_that_a_gate_has_is_told(key: str) -> None:
    assert re.search(rf"\b{key}\b", PAGE)
