"""The model card of a merged model, and the screen that tells of it: complete, and safe whatever names hold."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import sample_values as values
import yaml
from rich.console import Console

from harness.report.card import Story, card
from harness.report.merge import merge_screen, quantised_screen
from harness.values import Checkpoint, ModelRef, Ref, Training

PROOF = ("64 of 64 greedy texts are equal (at least 99% must be)", "64 log-likelihoods lie at most 3.1e-06 apart")
TRAINING = Training(
    experiment="support-tickets-3",
    stage=0,
    trainer=Ref("lora", {"r": 16, "learning_rate": 2e-4}),
    model=ModelRef("/models/smol"),
    seed=3,
    data={"train": "d" * 64},
    status="finished",
    attempt=1,
    checkpoint=Checkpoint(
        Path("a"), "adapter", 72, "e" * 64, 0.1234, None, 60.0, {"trained_parameters": 460_800, "steps": 80}
    ),
)
STORY = Story(
    run=values.TUNED,
    arms=(values.BASE, values.PROMPTED, values.TUNED),
    trainings=(TRAINING,),
    verdict=values.PASSED,
    proof=PROOF,
    written="2026-03-14T10:00+00:00",
    version="0.1.0",
    quantised=("nf4", values.COMPARISON, values.FAILED),
)


def front_matter(text: str) -> dict[str, object]:
    found: dict[str, object] = yaml.safe_load(text.split("---\n")[1])
    return found


def shown(screen: object) -> str:
    console = Console(width=100, file=io.StringIO(), color_system=None)
    console.print(screen)
    return str(console.file.getvalue())  # type: ignore[attr-defined]


def test_the_card_tells_a_judges_raw_rate_only_beside_peoples() -> None:
    text = card(replace(STORY, verdict=values.JUDGED))
    assert "| tickets | pairwise | prompted | 71.5 % 3 missing | 58.3 % (51.2\N{EN DASH}65.4 %) |" in text
    assert "| tickets | rubric | prompted | +0.210 | needs 100 labels, has 0 |" in text


def test_the_card_tells_all_that_it_knows() -> None:
    text = card(STORY)
    assert front_matter(text)["base_model"] == values.MODEL.name
    for told in (
        values.MODEL.weights_sha256,
        "support-tickets-3/tuned",
        "## Training: lora",
        "r=16, learning\\_rate=0.0002",
        f"- **Rows of train:** sha256 `{'d' * 64}`",
        "- **Training loss:** 0.1234",
        "- **Trained parameters:** 460800",
        "| task | metric | base | prompted | tuned |",
        "**PASSED.**",
        "## Quantised: nf4",
        "**FAILED.**",
        "64 of 64 greedy texts are equal",
    ):
        assert told in text, told


def test_a_card_names_the_model_that_the_first_of_several_stages_began_with() -> None:
    between = replace(values.MODEL, name="/results/tiny-1/training/1/checkpoint", weights_sha256="f" * 64)
    text = card(replace(STORY, run=replace(values.TUNED, model=between)))
    assert front_matter(text)["base_model"] == values.MODEL.name
    for told in (values.MODEL.weights_sha256, "f" * 64, "- **Adapted model:** /results/tiny-1/training/1/checkpoint"):
        assert told in text, told
    assert "Adapted" not in card(STORY)


def test_no_two_facts_of_a_training_have_one_name() -> None:
    facts = [line.split(":**")[0] for line in card(STORY).split("## Training")[1].split("## ")[0].splitlines()]
    facts = [fact for fact in facts if fact.startswith("- **")]
    assert {"- **Taken at step", "- **Steps"} <= set(facts)
    assert len(set(facts)) == len(facts)


def test_what_is_not_known_is_left_out() -> None:
    text = card(replace(STORY, trainings=(), verdict=None, quantised=None))
    assert not [word for word in ("Training", "Verdict", "Quantised") if word in text]


def test_nothing_in_a_name_is_read_as_markup() -> None:
    evil = values.HOSTILE
    hostile = replace(
        STORY,
        run=replace(values.TUNED, id=evil, suite=evil, suite_digest=evil, model=replace(values.MODEL, name=evil)),
        arms=values.hostile_comparison().runs,
        trainings=(replace(TRAINING, trainer=Ref(evil, {evil: evil}), data={evil: evil}),),
        verdict=values.hostile_verdict(),
        proof=(evil,),
        quantised=(evil, values.hostile_comparison(), values.hostile_verdict()),
    )
    text = card(hostile)
    body = text.split("---\n", 2)[2]
    assert front_matter(text)["base_model"] == evil
    assert not {"\x1b", "\x9b", "\x07", "\u202e", "\u2069"} & set(text)
    assert "<script>" not in body
    assert "`x`" not in body


def test_the_screens_say_where_the_model_is_and_what_was_decided() -> None:
    proved = shown(merge_screen(values.TUNED, Path("/out/m"), PROOF, is_proved=True, next_command="harness eval"))
    refused = shown(merge_screen(values.TUNED, Path("/out/m"), PROOF, is_proved=False, next_command="harness eval"))
    assert "/out/m" in proved
    assert "✓ the merged model answers as the adapter does" in proved
    assert "/out/m" not in refused
    assert "nothing was kept" in refused
    judged = shown(quantised_screen(values.COMPARISON, values.FAILED, Path("/out/m-nf4"), next_command="harness show"))
    assert "FAILED" in judged
    open_ended = shown(quantised_screen(values.COMPARISON, None, Path("/out/m-nf4"), next_command="harness show"))
    assert "the suite has no gates" in open_ended


def test_hostile_names_do_nothing_on_the_screen() -> None:
    evil = values.HOSTILE
    run = replace(values.TUNED, id=evil, adapter=evil)
    text = shown(merge_screen(run, Path(evil), (evil,), is_proved=True, next_command=evil))
    text += shown(
        quantised_screen(values.hostile_comparison(), values.hostile_verdict(), Path(evil), next_command=evil)
    )
    assert not {"\x1b", "\x9b", "\x07", "\u202e", "\u2069"} & set(text)
    assert "😄" not in text
