"""The screens of ``harness advise``, as a person reads them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import get_args

import advice_values as values
import goldens
import pytest
import sample_values
from rich.console import RenderableType
from rich.text import Text

from harness.advice.counsel import Counsel
from harness.advice.money.cost import Traffic, break_even
from harness.advice.route.strategy import Route
from harness.advice.training.hyperparameters import Rejected
from harness.report import numbers
from harness.report.advice import advice_screen, advice_svg
from harness.report.advice_options import shown
from harness.report.advice_prompt import prompt_screen
from harness.report.advice_words import gist, runs
from harness.report.chart import Chart, Line, Upright
from harness.report.power import GateRow, power_lines
from harness.values import GateRule

POWER = Text("what the gates can show")
EVERYTHING = (
    "The path", "Prompts tried", "What would change it", "Besides", "How to train", "Memory", "Time", "Money",
    "Power", "Know this",
)  # fmt: skip
ACTING = {"\x1b", "\x9b", "\x07", "\u202e", "\u2069", "😄"}


def said(counsel: Counsel, width: int = 100, power: RenderableType | None = None, *, details: bool = False) -> str:
    return goldens.printed(advice_screen(counsel, power, details=details), width)


def part(text: str, title: str) -> str:
    """The lines of a screen from a title to the next empty line."""
    lines = text.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(title))
    return "\n".join(lines[start : lines.index("", start)])


@pytest.mark.parametrize("width", [80, 100, 140])
@pytest.mark.parametrize("name", ["tune", "prompt", "retrieve", "evil"])
def test_the_screen_is_as_stored(name: str, width: int) -> None:
    counsel = {"tune": values.COUNSEL, "prompt": values.PROMPT, "retrieve": values.RETRIEVE, "evil": values.EVIL}[name]
    power, onward = (POWER, values.NEXT) if name == "tune" else (None, ())
    goldens.check(
        f"advice-{name}-{width}.txt", goldens.printed(advice_screen(counsel, power, next_commands=onward), width)
    )


def test_the_screen_with_all_details_is_as_stored() -> None:
    screen = advice_screen(values.COUNSEL, POWER, next_commands=values.NEXT, details=True)
    goldens.check("advice-tune-details-100.txt", goldens.printed(screen, 100))


@pytest.mark.parametrize("width", [80, 100, 140])
def test_the_screen_of_the_best_prompt_is_as_stored(width: int) -> None:
    source, notes = "100 of data.validation", ("few rows were left for examples",)
    suite = Path("support-replies.yaml")
    screen = prompt_screen(values.BASELINES, "10 examples", suite, 0.90, source, notes)
    goldens.check(f"advice-best-prompt-{width}.txt", goldens.printed(screen, width))


def test_all_parts_stand_in_order() -> None:
    text = said(values.COUNSEL, power=POWER)
    places = [text.index(f"\n{title} ") for title in EVERYTHING]
    assert places == sorted(places)


def test_parts_that_nothing_is_known_of_leave_no_gap() -> None:
    text = said(values.PROMPT)
    assert not [
        title for title in EVERYTHING if f"\n{title} " in text and title not in ("The path", "What would change it")
    ]
    assert "\n\n\n" not in text
    assert "\n\n\n" not in said(values.COUNSEL, power=POWER)
    assert "\n\n\n" not in said(values.COUNSEL, power=POWER, details=True)


@pytest.mark.parametrize("details", [False, True])
@pytest.mark.parametrize("width", [60, 80, 100, 140, 200])
@pytest.mark.parametrize("counsel", [values.COUNSEL, values.PROMPT, values.RETRIEVE])
def test_nothing_is_cut_off(counsel: Counsel, width: int, details: bool) -> None:
    text = said(counsel, width, details=details)
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width
    words = (*counsel.strategy.would_change, *counsel.notes, counsel.strategy.reason)
    unfolded = " ".join(text.replace("│", " ").split())
    assert all(sentence in unfolded for sentence in words)


@pytest.mark.parametrize("details", [False, True])
@pytest.mark.parametrize("width", [60, 80, 140])
def test_a_hostile_counsel_does_nothing(width: int, details: bool) -> None:
    text = said(values.EVIL, width, details=details) + goldens.printed(
        prompt_screen(values.EVIL.situation.baselines, sample_values.HOSTILE, Path(sample_values.HOSTILE), 0.9, "", [])
    )
    assert not ACTING & set(text)
    assert "[bold" in text


def test_a_picture_is_the_same_each_time() -> None:
    picture = advice_svg(values.COUNSEL, next_commands=["harness run a.yaml"])
    assert picture == advice_svg(values.COUNSEL, next_commands=["harness run a.yaml"])
    assert picture.startswith("<svg")
    assert "run&#160;a.yaml" in picture


def test_the_recommendation_comes_first_with_its_reason_and_figures() -> None:
    answer = part(said(values.COUNSEL), "╭─ ▶ TUNE")
    assert "1,840 rows are enough" in answer
    assert "qlora, r 16, learning_rate 2e-4, num_train_epochs 4 · 16.6 GB · about 87 min" in answer
    assert "tune gpt-4o-mini by its API pays from 6,777" in " ".join(answer.replace("│", " ").split())


def test_a_break_even_stands_first_only_where_the_team_named_the_api_or_the_gpu() -> None:
    nobody = part(said(replace(values.COUNSEL, pays=None)), "╭─ ▶ TUNE")
    assert "requests a month" not in nobody
    dearer = break_even(replace(values.BY_API, request=1.0), values.LONG, 12)
    never = part(said(replace(values.COUNSEL, pays=dearer)), "╭─ ▶ TUNE")
    assert "tune gpt-4o-mini by its API never pays" in " ".join(never.replace("│", " ").split())


def test_the_short_screen_says_how_to_see_the_rest_and_the_long_one_does_not() -> None:
    assert "more        --details  all branches" in said(values.COUNSEL)
    assert "--details" not in said(values.COUNSEL, details=True)


def test_advice_not_to_train_names_no_figures_of_training_first() -> None:
    text = said(values.RETRIEVE)
    assert "lora" not in part(text, "╭─ ▶ RETRIEVE")
    assert "How to train  should it come to that ─" in text


@pytest.mark.parametrize("route", get_args(Route))
def test_every_recommendation_has_a_name_at_the_top_and_at_the_end_of_the_path(route: Route) -> None:
    text = said(replace(values.COUNSEL, strategy=replace(values.TUNE, route=route)))
    name = text[text.index("▶ ") + 2 : text.index(" ──")]
    assert f"┗━▶ {name.capitalize()}\n" in text
    assert ("num_train_epochs 4 ·" in text) is (route in {"tune", "distil", "pretrain"})


def test_a_model_without_a_suite_is_named_once() -> None:
    assert "suite" not in said(values.PROMPT)
    assert "suite       support-replies" in said(values.COUNSEL)


def test_the_way_taken_is_marked_with_its_answer_behind_the_question_and_its_evidence_beneath() -> None:
    path = said(values.COUNSEL)
    assert (
        "┣━✓ How many rows are there to learn from?  1,840: above 1,000\n┃   data.train has 1,840 rows\n┗━▶ Tune\n"
    ) in path
    assert "does it change, and how large is it?" not in path, "the other ways are for the details"


def test_the_short_screen_of_a_team_that_has_measured_is_read_at_once() -> None:
    assert said(values.COUNSEL, power=POWER).count("\n") <= 110


def test_with_details_each_way_has_a_line_and_the_rule_is_told_in_full() -> None:
    path = said(values.COUNSEL, details=True)
    assert "┠─╴ knowledge                             → does it change, and how large is it?" in path
    assert "┃   the rule: our choice; the suite's threshold\n" in path
    assert "the suite's threshold" not in said(values.COUNSEL)


def test_a_question_that_nobody_answered_is_marked_and_what_is_unknown_is_named() -> None:
    text = said(values.RETRIEVE)
    assert "┏━? Is the base model with a good prompt enough?  nobody knows\n" in text
    assert "· nobody has said: compliance, knowledge_changes, knowledge_tokens\n" in text


def test_the_best_prompt_is_marked_and_held_against_the_threshold() -> None:
    table = part(said(values.COUNSEL, 140), "Prompts tried")
    lines = table.splitlines()
    assert "┊ 0.90, what is asked for" in lines[1]
    assert [line for line in lines if line.endswith("← best")] == [line for line in lines if "10 examples" in line]
    strip = next(line for line in lines if "10 examples" in line)
    assert strip.count("●") == 1
    assert "┼" in strip  # its interval reaches the threshold
    assert "┊" in next(line for line in lines if "zero-shot" in line)


def test_a_prompt_stands_on_the_strip_where_its_value_is() -> None:
    line = next(line for line in said(values.COUNSEL, 140).splitlines() if line.startswith("system"))
    strip = line[line.index(")") + 3 :][:48]
    assert strip.index("●") == round(0.47 * 47)
    assert strip.index("─") == round(0.375 * 47)


def test_several_tasks_stand_beneath_each_other_with_their_metrics() -> None:
    more = [replace(each, task="mails", metric="rouge") for each in values.BASELINES]
    situation = replace(values.SITUATION, baselines=(*values.BASELINES, *more))
    table = part(said(replace(values.COUNSEL, situation=situation), 140), "Prompts tried")
    assert "tickets  exact_match  zero-shot" in table
    assert "mails    rouge        zero-shot" in table
    assert table.count("← best") == 2


def test_a_prompt_without_interval_tokens_or_time_is_told_without_them() -> None:
    bare = replace(values.BASELINES[0], low=None, high=None, prompt_tokens=None, seconds=None)
    counsel = replace(values.COUNSEL, situation=replace(values.SITUATION, baselines=(bare,)))
    line = next(line for line in said(counsel).splitlines() if line.startswith("zero-shot"))
    assert line.split()[-4:] == [numbers.MISSING, numbers.MISSING, "←", "best"]
    assert "(" not in line


@pytest.mark.parametrize(
    ("name", "suite", "words"),
    [
        ("10 examples", Path("a.yaml"), "10 examples reaches 0.850 of the 0.80 that is asked for: a prompt is enough"),
        ("system", None, "system reaches 0.470 of the 0.80 that is asked for: a prompt alone is not enough"),
    ],
)
def test_the_best_prompt_says_whether_it_is_enough_and_where_it_is_kept(
    name: str, suite: Path | None, words: str
) -> None:
    text = goldens.printed(prompt_screen(values.BASELINES, name, suite, 0.80, "100 of data.validation"))
    assert words in text
    assert ("kept as prompted: in a.yaml" if suite else "kept in no suite") in text


def test_values_stand_as_a_suite_has_them() -> None:
    assert [shown(each) for each in (2e-4, 1.5e-5, 0.05, 3.0, True, None, 1024)] == [
        "2e-4", "1.5e-5", "0.05", "3", "true", "none", "1024",
    ]  # fmt: skip
    assert shown(("q_proj", "v_proj")) == "q_proj, v_proj"


def row_of(option: str, text: str) -> list[str]:
    """The words of an option's line."""
    return next(line.split() for line in text.splitlines() if line.startswith(f"{option} "))


def test_each_option_has_its_range_and_reason_and_with_details_numbered_sources() -> None:
    reason = "1e-4\N{EN DASH}5e-4  LoRA takes about ten times what full tuning does"
    assert f"{reason}\n" in said(values.COUNSEL, 140)
    text = said(values.COUNSEL, 140, details=True)
    assert f"{reason} [2,4,5]" in text
    assert "[2] Dettmers and others 2023, QLoRA (arXiv:2305.14314), table 9: " in text


def test_with_details_every_source_is_named_with_what_it_says() -> None:
    text = said(values.COUNSEL, 140, details=True)
    assert "[5] a vendor's guide 2024: learning_rate 1e-5\n" in text
    assert "a vendor's guide 2024" not in said(values.COUNSEL, 140)


def test_of_disagreements_the_short_screen_has_the_learning_rates_and_counts_the_others() -> None:
    rank = replace(values.CHOICES[0], disagreement="4 in one paper. So rows decide: 16.")
    rate = replace(values.CHOICES[3], disagreement="1e-5 in one guide. So the rule decides: 2e-4.")
    counsel = replace(values.COUNSEL, training=replace(values.TRAINING, choices=(rank, rate)))
    assert "sources disagree: learning_rate 1e-5 in one guide; and on 1 more\n" in said(counsel)
    alone = replace(values.COUNSEL, training=replace(values.TRAINING, choices=(rank,)))
    assert "sources disagree on r\n" in said(alone)
    assert "sources disagree: 4 in one paper. So rows decide: 16." in said(counsel, 140, details=True)


def test_options_that_are_as_usual_are_for_the_details() -> None:
    text = said(values.COUNSEL)
    assert not [line for line in text.splitlines() if line.startswith("packing")]
    assert row_of("gradient_checkpointing", text)[1] == "true", "by default nobody says, so this is not as usual"
    assert row_of("packing", said(values.COUNSEL, details=True))[1] == "false"


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("r", ["16", "="]),
        ("num_train_epochs", ["4", "3"]),
        ("learning_rate", ["2e-4", "1e-5", "↓"]),
        ("lr_scheduler_type", ["cosine", "linear"]),
    ],
)
@pytest.mark.parametrize("details", [False, True])
def test_what_the_suite_has_stands_beside_what_is_advised(option: str, told: list[str], details: bool) -> None:
    text = said(values.COUNSEL, 140, details=details)
    assert row_of(option, text)[1 : 1 + len(told)] == told
    assert "↑ ↓ the suite's value lies beyond the range\n" in text
    assert "the suite has besides: max_steps 900\n" in text


def test_on_a_narrow_screen_the_suites_value_stands_behind_the_range() -> None:
    assert "learning_rate = 2e-4  1e-4\N{EN DASH}5e-4  suite 1e-5 ↓\n" in said(values.COUNSEL, 80)


def test_a_value_above_its_range_is_marked_as_such() -> None:
    counsel = replace(values.COUNSEL, current={"r": 128, "target_modules": ["q_proj"], "use_dora": True})
    text = said(counsel, 140)
    assert row_of("r", text)[2:4] == ["128", "↑"]
    assert row_of("target_modules", text)[2] == "q_proj", "what has no range is not marked"
    assert "suite  range" not in said(replace(values.COUNSEL, current={}), 140)


def test_another_method_than_the_suites_is_told() -> None:
    assert "suite       trains with lora now, and qlora is advised\n" in said(values.COUNSEL)
    same = replace(values.COUNSEL, current={**values.CURRENT, "name": "qlora"})
    assert "is advised" not in said(same).split("How to train")[1].split("not ")[0]


def test_why_a_method_was_not_taken_is_short_and_with_details_whole() -> None:
    why = "as good as full fine-tuning (Lester and others 2021); a step would take 1 GB"
    training = replace(values.TRAINING, rejected=(Rejected("lora", why), Rejected("prompt_tuning", why)))
    counsel = replace(values.COUNSEL, training=training)
    assert "not         lora: as good as full fine-tuning\n" in said(counsel)
    assert "prompt_tuning: " not in said(counsel), "few people weigh it"
    assert f"prompt_tuning: {why}" in said(counsel, 140, details=True)
    said_already = replace(training, reasons=("lora is as good as full fine-tuning",))
    assert "not  " not in said(replace(counsel, training=said_already))


def test_on_a_narrow_screen_reasons_stand_beneath_the_values() -> None:
    assert "suite 1e-5 ↓\n  LoRA takes about ten times" in said(values.COUNSEL, 80)


@pytest.mark.parametrize(
    ("text", "most", "short"),
    [
        ("short", 10, "short"),
        ("one clause; two clauses; three", 24, "one clause; two clauses"),
        ("one clause; two clauses; three", 12, "one clause"),
        ("the first is too long, so it stays", 5, "the first is too long"),
        ("nothing, where it could end", 5, "nothing, where it could end"),
        ("a paper (2024; table 3): it says so", 30, "a paper (2024; table 3)"),
        ("One. Two. Three of them.", 10, "One. Two"),
        ("1,000 rows: many", 12, "1,000 rows"),
    ],
)
def test_a_text_is_shortened_where_a_clause_ends(text: str, most: int, short: str) -> None:
    assert gist(text, most) == short


def test_numbers_that_follow_each_other_are_told_by_their_ends() -> None:
    assert runs((1, 2, 4, 5, 6, 9)) == "1,2,4\N{EN DASH}6,9"
    assert runs(()) == ""


def test_the_memory_of_each_method_batch_and_length_is_told_with_what_fits() -> None:
    table = part(said(values.COUNSEL, 140, details=True), "Memory").splitlines()
    assert table[1].split() == [
        "method", "batch", "length", "weights", "adapter", "gradients", "optimizer", "activations", "rest", "all",
        "here", "fits",
    ]  # fmt: skip
    assert table[3].split()[-5:] == ["✗", "573", "%", "H200", "141GB"]
    assert "no single GPU" in table[4]
    assert [line for line in table[1:] if "▶" in line] == [line for line in table if "9.90" in line]
    assert "▶ as advised" in table[0]


def test_in_short_methods_stand_beside_each_other_in_the_batch_and_length_that_are_advised() -> None:
    table = part(said(values.COUNSEL, 140), "Memory").splitlines()
    assert [line.split()[:4] for line in table[2:5]] == [
        ["full", "4", "1,024", "30.5"], ["lora", "4", "1,024", "15.2"], ["qlora", "▶", "4", "1,024"],
    ]  # fmt: skip
    none_advised = part(said(replace(values.COUNSEL, training=None), 140), "Memory").splitlines()
    methods = [line.split()[:3] for line in none_advised[2:5]]
    assert methods == [[each, "1", "1,024"] for each in ("full", "lora", "qlora")]


def test_what_the_timed_steps_took_at_most_stands_beside_what_was_reckoned() -> None:
    told = "measured    13.4 GB at the largest moment of the steps that were timed"
    assert f"{told}, as the suite trains now\n" in said(values.COUNSEL)
    assert f"{told}\n" in said(replace(values.COUNSEL, current={}))
    assert "measured    " not in said(replace(values.COUNSEL, peak_memory=None))


def test_evaluating_is_told_as_time_and_on_a_gpu_with_a_price_as_money() -> None:
    line = "evaluating  about 25 min · $0.29 of this GPU's time  for all arms, by what is recorded\n"
    assert line in said(values.COUNSEL)
    assert values.COUNSEL.evaluation
    unpriced = replace(values.COUNSEL, evaluation=replace(values.COUNSEL.evaluation, charge=None))
    assert "evaluating  about 25 min  for all arms, by what is recorded\n" in said(unpriced)


def test_at_a_hundred_columns_a_method_stands_beside_its_rows() -> None:
    table = part(said(values.COUNSEL, 100), "Memory").splitlines()
    assert table[1].split()[:4] == ["method", "batch", "\N{MULTIPLICATION SIGN}", "length"]
    assert table[2].startswith("full  ")


def test_the_largest_batches_that_fit_are_told_for_each_length() -> None:
    text = " ".join(part(said(values.COUNSEL, details=True), "Memory").split())
    none = numbers.MISSING
    told = f"full {none} / {none} · lora 2 / {none} · qlora 5 / 1"
    assert f"largest batch at 1,024 / 4,096 tokens: {told}" in text
    assert "largest batch" not in said(replace(values.COUNSEL, largest=()), details=True)


def test_without_a_device_nothing_is_said_of_one() -> None:
    rows = tuple(replace(row, fits_here=None) for row in values.MEMORY)
    text = said(replace(values.COUNSEL, device=None, memory=rows), 140, details=True)
    assert "device" not in text.split("The path")[0]
    assert "here" not in part(text, "Memory").splitlines()[1]
    assert "free on" not in text


def test_narrow_tables_of_memory_add_up_what_is_trained() -> None:
    table = part(said(values.COUNSEL, 80), "Memory")
    assert "trained: adapter, gradients and optimizer" in table
    assert "▶ 4 \N{MULTIPLICATION SIGN} 1,024     5.44     0.64" in table


@pytest.mark.parametrize(
    ("known_by", "words"),
    [("probe", "measured: "), ("record", "from the record: "), ("roofline", "reckoned, not measured: ")],
)
def test_it_is_said_by_what_the_time_is_known(known_by: str, words: str) -> None:
    rate = replace(values.DURATION.rate, known_by=known_by)  # type: ignore[arg-type]  # one of three words
    text = said(replace(values.COUNSEL, duration=replace(values.DURATION, rate=rate)))
    of, _, _ = words.partition(":")
    assert f"speed       643 tokens/s (571 to 712), {of}" in text
    assert ("20 steps on this machine" in text) is (known_by != "roofline"), "an arithmetic is for the details"
    assert "training    about 87 min  78 min to 98 min\n" in text


def test_with_details_a_reckoned_time_is_told_with_its_arithmetic() -> None:
    rate = replace(values.DURATION.rate, known_by="roofline", basis="567M operations a token")
    counsel = replace(values.COUNSEL, duration=replace(values.DURATION, rate=rate))
    assert "reckoned, not measured: 567M operations a token\n" in said(counsel, details=True)


def test_offers_stand_side_by_side_and_with_details_their_arithmetic_too() -> None:
    text = said(values.COUNSEL, details=True)
    line = next(line for line in text.splitlines() if line.startswith("◆ tune gpt-4o-mini by its API "))
    assert line.split()[-4:] == ["$9.52", "$0.00", "$0.13", "$49.63"]
    assert "◆ training: 3,172,000 tokens x $3.00 for a million = $9.52\n" in text
    assert line in said(values.COUNSEL)
    assert "how it is reckoned" not in said(values.COUNSEL)


def test_a_break_even_says_whether_so_many_are_asked() -> None:
    text = " ".join(part(said(values.COUNSEL), "from where on").split())
    assert "from 6,777 requests a month, and 365,000 are asked" in text
    assert "requests a month, but 365,000 are asked" in text
    assert "rounded up" not in text
    assert "rounded up" in " ".join(part(said(values.COUNSEL, details=True), "Break-even").split())


def test_what_never_pays_is_told_as_such_and_still_drawn() -> None:
    dearer = replace(values.BY_API, request=1.0)
    never = (break_even(dearer, values.LONG, 12),)
    text = said(replace(values.COUNSEL, offers=(values.LONG, dearer), break_even=never), details=True)
    assert ": never\n" in text
    assert "a request costs no less" in text
    assert "┊ break-even" not in text
    assert "│ asked, 365,000" in text


def test_without_traffic_nothing_is_asked_of_the_offers() -> None:
    nobody = Traffic(requests=0, long_prompt=900, short_prompt=90, answer=20)
    text = said(replace(values.COUNSEL, traffic=nobody), details=True)
    assert "asked       nobody has said how much · prompts of 900 tokens, tuned 90 · answers of 20\n" in text
    assert "a month at" not in text
    assert "│ asked" not in text
    assert "┊ break-even, 6,777" in text


def test_crossings_that_lie_near_each_other_stand_on_a_plain_scale() -> None:
    near = replace(values.TRAFFIC, requests=9_000)
    offers = (values.LONG, values.BY_API)
    counsel = replace(values.COUNSEL, traffic=near, offers=offers, break_even=values.BREAK_EVEN[:1])
    assert "USD a month by requests a month\n" in said(counsel, details=True)
    assert "both by tens" in said(values.COUNSEL, details=True)
    assert "USD a month by requests" not in said(counsel), "the drawing is for the details"


GATES = (
    GateRow(GateRule("tickets", "exact_match", min_gain=0.1), "depends", "", 64, (), 791, 995, None, (0.2825, 0.325)),
    GateRow(GateRule("mmlu", "acc", max_drop=0.1), "enough", "", 1_140, (), 118, 143, None, (0.0619, 0.0619)),
    GateRow(
        GateRule("hellaswag", "acc", max_drop=0.05, relative=True, tier="supporting"),
        "cannot pass", "40 items, and it needs at least 52", 40, (), None, None, None, (None, 0.2),
    ),
    GateRow(GateRule("tickets", "errors", at_most=2.0), "unknown", "", None, (), 539, 746, None, (1.9876,)),
)  # fmt: skip


def test_each_gate_has_a_line_with_what_its_items_can_show_and_how_many_it_needs() -> None:
    lines = goldens.printed(power_lines(GATES, "none is recorded yet", "harness power a.yaml")).splitlines()
    none = numbers.MISSING
    assert [" ".join(line.split()) for line in lines[1:5]] == [
        "~ tickets exact_match +0.1 64 +0.283 to +0.325 791 995",
        "✓ mmlu acc -0.1 1,140 -0.062 118 143",
        f"✗ hellaswag acc -5 % supporting 40 {none} {none} {none}",
        f"· tickets errors ≤ 2 {none} ≤ 1.987 539 746",
    ]
    assert lines[5].endswith("40 items, and it needs at least 52"), "why it cannot pass is never left out"
    assert lines[6].split("   ") == [
        "~ depends", "✓ enough", "✗ cannot pass", "· unknown", "flip rates: none is recorded yet",
    ]  # fmt: skip
    assert lines[7].startswith("harness power a.yaml  ")


@pytest.mark.parametrize(
    ("amount", "currency", "words"),
    [
        (1234.56, "USD", "$1,234.56"),
        (12.3, "EUR", "12.30 EUR"),
        (0.000123, "USD", "$0.000123"),
        (0.00012345, "EUR", "0.000123 EUR"),
        (0.005, "USD", "$0.005"),
        (0.125, "USD", "$0.13"),
        (0.0, "USD", "$0.00"),
        (-3.0, "USD", "-$3.00"),
    ],
)
def test_money_is_told_to_the_cent_and_tiny_amounts_in_three_figures(amount: float, currency: str, words: str) -> None:
    assert numbers.money(amount, currency) == words


def test_estimates_of_time_have_no_more_figures_than_they_deserve() -> None:
    told = [numbers.roughly(each) for each in (3.14159, 41, 300, 5_220, 7_900, 14_400, 302_400)]
    assert told == ["3.1 s", "41 s", "5.0 min", "87 min", "2 h 10 min", "4 h", "3.5 days"]


def test_bytes_of_a_table_are_told_in_one_unit() -> None:
    told = [numbers.gigabytes(each) for each in (1_000, 540_000_000, 17_340_000_000, 121_900_000_000)]
    assert told == ["< 0.01", "0.54", "17.3", "122"]


def test_speeds_are_told_in_tokens_a_second() -> None:
    assert [numbers.rate(each) for each in (1_240.4, 0.523)] == ["1,240 tokens/s", "0.52 tokens/s"]


def test_a_chart_by_tens_leaves_out_what_has_no_logarithm() -> None:
    nothing = Line("free", ((1.0, 0.0), (100.0, 0.0)), "")
    line = Line("dear", ((1.0, 1.0), (100.0, 100.0)), "", "●")
    here = Upright("here", 10, "│")
    drawn = Chart([nothing, line], height=9, start=1, end=100, uprights=[here], unit="", by_tens=True)
    text = goldens.printed(drawn, 60)
    assert [row.split()[0] for row in text.splitlines() if "┤" in row] == ["100", "10", "1"]
    assert text.splitlines()[-1].split() == ["1", "10", "100"]
    assert goldens.printed(Chart([nothing], height=9, start=1, end=100, by_tens=True), 60) == "\n"
