from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import goldens
import pytest
import sample_values as values

from harness.report.cache import cache_screen, pruned_screen
from harness.report.plan import plan_screen
from harness.report.run import run_screen
from harness.report.samples import Side, samples_screen
from harness.report.tables import BrokenRow, OfferRow, comparison_screen, plugins_screen, runs_table
from harness.values import (
    Arm,
    Comparison,
    Dataset,
    Generation,
    GenerationSettings,
    Item,
    ModelRef,
    PromptedBaseline,
    Ref,
    Reusable,
    Sample,
    Suite,
    SuiteBenchmark,
    SuiteStage,
    SuiteTask,
    SuiteTraining,
    Task,
)

ACTING = {"\x1b", "\x9b", "\x07", "\u202e", "\u2069", "😄"}


def test_the_list_of_runs_is_as_stored() -> None:
    going = replace(values.BASE, id="support-tickets-4/base", status="running", finished=None, model=None, estimates=())
    goldens.check("runs.txt", goldens.printed(runs_table([values.BASE, values.PROMPTED, values.TUNED, going]), 120))


def test_an_empty_record_says_so() -> None:
    assert goldens.printed(runs_table([])) == "no runs are recorded yet\n"


def test_no_runs_of_a_suite_that_was_named_by_its_file_are_told_with_the_way_out() -> None:
    assert goldens.printed(runs_table([], "my.yaml"), 120) == (
        "no runs are recorded yet of a suite 'my.yaml': --suite takes the name that stands in the file\n"
    )


def test_a_run_is_as_stored() -> None:
    shown = replace(values.TUNED, not_measured=values.UNMEASURED)
    goldens.check(
        "run.txt", goldens.printed(run_screen(shown, faults=[values.FAULT], more={"record": "results/harness.db"}))
    )


@pytest.mark.parametrize(
    ("reused", "changes", "words"),
    [
        ({"a-1/tuned": 642}, {}, "cache       642 of 642 items answered by a-1/tuned\n"),
        ({"a-1/x": 600, "a-2/x": 30}, {}, "cache       630 of 642 items answered by a-1/x (600) and a-2/x (30)\n"),
        ({"a-1/tuned": 7}, {"status": "failed", "estimates": ()}, "cache       7 items answered by a-1/tuned\n"),
    ],
)
def test_a_run_says_how_many_items_the_record_answered(
    reused: dict[str, int], changes: dict[str, object], words: str
) -> None:
    run = replace(values.TUNED, reused=reused, **changes)  # type: ignore[arg-type]
    assert words in goldens.printed(run_screen(run))
    assert "\ncache " not in goldens.printed(run_screen(values.TUNED))


def test_what_can_be_given_again_is_as_stored() -> None:
    model, weights = "HuggingFaceTB/SmolLM2-135M-Instruct", "a3" * 32
    shares = [
        Reusable(model, weights, None, 57_402, 3_412_000, "2026-03-14T09:26:53+00:00"),
        Reusable(model, weights, "d4" * 32, 200, 31_000, "2026-03-15T10:00:00+00:00"),
    ]
    screen = cache_screen(shares, record=values.RECORD, size=48_300_000)
    nothing = cache_screen([], record=values.RECORD, size=48_300_000)
    goldens.check("cache.txt", "".join(map(goldens.printed, [screen, nothing, pruned_screen(57_402, shares[1:])])))


def test_a_comparison_is_as_stored() -> None:
    goldens.check("comparison.txt", goldens.printed(comparison_screen(values.WITHOUT_ARC)))


def test_fixed_and_broken_are_never_netted() -> None:
    text = goldens.printed(comparison_screen(values.FALLEN))
    line = next(line for line in text.splitlines() if line.startswith("hellaswag"))
    assert line.split()[-5:] == ["200", "2", "33", "55", "%"]


def test_runs_that_share_nothing_say_so() -> None:
    assert "the runs share no task" in goldens.printed(comparison_screen(Comparison("x-1", (values.BASE,), ())))


def test_the_list_of_plugins_is_as_stored() -> None:
    ours = "finetune-harness 0.1.0"
    offers = [
        OfferRow("metric", "rouge", ours, "Overlap with the target by ROUGE."),
        OfferRow("metric", "exact_match", ours, "Whether the answer is the target."),
        OfferRow("benchmark", "mmlu", ours, "57 subjects, four choices each."),
        OfferRow("metric", "politeness", "harness-demo-metric 0.3.0", "Whether the answer says please."),
    ]
    broken = [BrokenRow("harness-broken:metrics", "harness-broken 0.1", "ImportError: no module named 'rouge_scorer'")]
    goldens.check("plugins.txt", goldens.printed(plugins_screen(offers, broken, ["two offers of one name"])))


def test_samples_are_as_stored() -> None:
    wrong = values.answer(values.SAMPLE, '{"name": "Ada", "product": null}')
    good = values.answer(values.SAMPLE, values.SAMPLE.targets[0])
    generated = [
        Side("prompted", wrong, {"exact_match": values.right(values.SAMPLE, 0.0)}),
        Side(
            "tuned",
            good,
            {"exact_match": values.right(values.SAMPLE, 1.0), "judge": values.right(values.SAMPLE, None, "timed out")},
        ),
    ]
    chosen = [Side("base", values.choice(values.QUESTION, -2.5, -1.25), {"acc": values.right(values.QUESTION, 0.0)})]
    goldens.check("samples.txt", goldens.printed(samples_screen([generated, chosen], title="Broken", total=7)))


def test_no_samples_are_told_as_such() -> None:
    assert "there are none" in goldens.printed(samples_screen([], title="Broken"))


def test_an_answer_cannot_act_on_the_terminal() -> None:
    sample = Sample("s" * 64, values.HOSTILE, (values.HOSTILE,), stratum=values.HOSTILE)
    side = Side(
        values.HOSTILE,
        values.answer(sample, values.HOSTILE),
        {values.HOSTILE: values.right(sample, None, values.HOSTILE)},
    )
    text = goldens.printed(samples_screen([[side]]))
    assert not ACTING & set(text)
    assert "[bold red]pwn[/]" in text


def test_a_long_prompt_shows_its_end_and_a_long_answer_its_beginning() -> None:
    sample = Sample("s" * 64, "beginning " + "x" * 5_000 + " the question", ("y",))
    answer = Item(sample, (Generation(sample.id, 0, "answer " + "z" * 5_000 + " its end", "length", 1, 1, 0.1),))
    text = goldens.printed(samples_screen([[Side("tuned", answer)]]))
    assert "the question" in text
    assert "beginning" not in text
    assert "answer" in text
    assert "its end" not in text
    assert "cut at the length limit" in text


def test_an_empty_and_a_missing_answer_differ() -> None:
    sample = Sample("s" * 64, "?", ("y",))
    empty, none = values.answer(sample, ""), Item(sample, ())
    assert "(empty)" in goldens.printed(samples_screen([[Side("tuned", empty)]]))
    assert "no answer was recorded" in goldens.printed(samples_screen([[Side("tuned", none)]]))


def test_hostile_runs_do_nothing() -> None:
    comparison = values.hostile_comparison()
    fault = replace(values.FAULT, error=values.HOSTILE, hook=values.HOSTILE)
    screens = [
        runs_table(comparison.runs),
        run_screen(comparison.runs[0], faults=[fault]),
        comparison_screen(comparison),
        run_screen(replace(comparison.runs[0], reused={values.HOSTILE: 1})),
        cache_screen([Reusable(*[values.HOSTILE] * 3, 1, 1, values.HOSTILE)], record=Path(values.HOSTILE), size=1),
        plugins_screen([OfferRow(*[values.HOSTILE] * 4)], [BrokenRow(*[values.HOSTILE] * 3)]),
    ]
    for screen in screens:
        assert not ACTING & set(goldens.printed(screen))


def test_a_plan_is_as_stored() -> None:
    model = ModelRef("HuggingFaceTB/SmolLM2-135M-Instruct")
    metrics = (Ref("exact_match"), Ref("json_fields"), Ref("rouge", {"variant": "rougeL"}))
    suite = Suite(
        name="support-tickets",
        path=Path("suites/support_tickets.yaml"),
        text="",
        digest="c1" * 32,
        seed=7,
        model=model,
        data={},
        prompted=PromptedBaseline("Turn the ticket into JSON.", 3),
        training=SuiteTraining((SuiteStage(Ref("lora", {"r": 8, "lora_alpha": 16, "learning_rate": 0.002})),)),
        tasks=(SuiteTask("tickets", "test", "generate", metrics, GenerationSettings(64)),),
        benchmarks=(
            SuiteBenchmark(Ref("mmlu", {"num_fewshot": 5, "limit": 200}), stop_for="population"),
            SuiteBenchmark(Ref("hellaswag", {"limit": 200})),
            SuiteBenchmark(Ref("canary")),
        ),
        gates=(),
    )
    screen = plan_screen(
        suite,
        arms=[Arm("base", model), Arm("prompted", model), Arm("tuned", model)],
        tasks=[(Task("tickets", "generate", metrics), 200)],
        datasets=[
            Dataset("train", Path("suites/data/support_tickets.train.jsonl"), "e5" * 32, 640, "messages"),
            Dataset("test", Path("suites/data/support_tickets.test.jsonl"), "f6" * 32, 200, "messages"),
        ],
        gates=[values.GAIN, values.MMLU, values.CANARY],
        origins=values.ORIGINS,
        notes=["200 items cannot hold 5 %"],
    )
    goldens.check("plan.txt", goldens.printed(screen))
