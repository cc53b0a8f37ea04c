"""Short, long and cut rows are found; how the lengths lie is told, in tokens where there is a tokenizer."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from harness import DataContext, Finding, Message, Row
from harness.testing import DataCheckContract, chat_row, table_of
from harness.testing.tables import CONTEXT
from harness_datachecks.length import Length

ANSWER = "It has two kilograms and a lid."


def checked(rows: Sequence[Row], context: DataContext | None = None, **options: float) -> dict[str, Finding]:
    found = Length(**options).check(table_of(*rows), context or DataContext())  # type: ignore[arg-type]
    return {finding.kind: finding for finding in found}


def answering(*answers: str) -> list[Row]:
    return [chat_row(line, "How heavy is the box?", answer) for line, answer in enumerate(answers, start=1)]


def tokens_of(folder: Path, row: Row) -> int:
    from transformers import AutoTokenizer

    turns = [{"role": message.role, "content": message.content} for message in row.messages]
    tokenizer = AutoTokenizer.from_pretrained(folder)
    return len(tokenizer.apply_chat_template(turns, tokenize=True, return_dict=True)["input_ids"])


def test_answers_outside_10_to_2000_characters_are_found() -> None:
    found = checked(answering("a" * 9, "b" * 10, "c" * 2_000, "d" * 2_001, "e" * 3_000))

    assert [(spot.line, spot.evidence) for spot in found["short answers"].spots] == [(1, "9 characters")]
    assert [spot.line for spot in found["long answers"].spots] == [5, 4]
    assert found["long answers"].message == "2 of 5 answers are longer than 2,000 characters"
    assert found["short answers"].severity == "warning"
    assert not any(spot.remove for finding in found.values() for spot in finding.spots)


def test_the_limits_are_options() -> None:
    found = checked(answering("a" * 9, "b" * 30, "c" * 31), shortest=5, longest=30)

    assert [spot.line for spot in found["long answers"].spots] == [3]
    assert "short answers" not in found


def test_where_most_answers_are_short_that_is_how_the_table_is() -> None:
    found = checked(answering("a", "b", "c", ANSWER))["short answers"]

    assert (found.severity, found.spots, found.figures["share"]) == ("info", (), 0.75)


def test_prompts_are_told_and_are_no_fault() -> None:
    found = checked([chat_row(1, "Hi", ANSWER), chat_row(2, "a" * 2_001, ANSWER), *answering(ANSWER, ANSWER, ANSWER)])

    assert found["short prompts"].severity == found["long prompts"].severity == "info"
    assert [spot.line for kind in ("short prompts", "long prompts") for spot in found[kind].spots] == [1, 2]


def test_labels_choices_and_calls_are_not_short_answers() -> None:
    rows = [
        chat_row(1, "How heavy is the box?", "2", label="2", form="classification"),
        Row(2, (Message("user", "How heavy is the box?"),), ("1", "2"), 0, form="multiple_choice"),
        Row(3, (), text="A long text is not too long." * 100, form="text"),
    ]

    assert set(checked(rows)) == {"lengths", "tokens not counted"}


def test_how_the_lengths_lie_is_told_with_a_histogram() -> None:
    found = checked(answering(*("a" * length for length in (5, 20, 20, 20, 40, 400))))["lengths"]

    assert found.severity == "info"
    assert found.histogram == (("3-9", 1), ("10-29", 3), ("30-99", 1), ("100-299", 0), ("300-999", 1))
    assert {name: found.figures[f"characters_{name}"] for name in ("min", "median", "max")} == {
        "min": 5, "median": 20, "max": 400,
    }  # fmt: skip
    assert found.message.startswith("answers have 5 to 400 characters, half of them up to 20")


def test_a_heavy_tail_is_told() -> None:
    assert "very much longer" in checked(answering(*["a" * 20] * 50, "b" * 1_900))["lengths"].message
    assert "very much longer" not in checked(answering(*["a" * 20] * 51))["lengths"].message


def test_without_a_tokenizer_it_says_that_tokens_were_not_counted(tmp_path: Path) -> None:
    assert checked(answering(ANSWER))["tokens not counted"].severity == "info"
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "tokenizer_config.json").write_text("{")

    found = checked(answering(ANSWER), DataContext(tokenizer=broken))["tokens not counted"]

    assert "broken" in found.message
    assert len(found.message.splitlines()) == 1


def test_tokens_are_those_of_the_chat_template(tiny_model: Path) -> None:
    rows = answering(ANSWER, ANSWER * 7, ANSWER * 3)
    expected = sorted(tokens_of(tiny_model, row) for row in rows)

    found = checked(rows, DataContext(tokenizer=tiny_model))

    figures = found["lengths"].figures
    assert [figures[f"tokens_{name}"] for name in ("min", "median", "max")] == expected
    assert sum(count for _, count in found["lengths"].histogram) == 3
    assert "tokens not counted" not in found


@pytest.mark.parametrize(("others", "severity"), [(10, "error"), (30, "warning")])
def test_rows_that_are_cut_are_an_error_beyond_five_percent(tiny_model: Path, others: int, severity: str) -> None:
    long = chat_row(99, "How heavy is the box?", ANSWER * 5)
    most = tokens_of(tiny_model, long) - 1

    found = checked([*answering(*[ANSWER] * others), long], DataContext(tokenizer=tiny_model, max_length=most))
    whole = checked([*answering(*[ANSWER] * others), long], DataContext(tokenizer=tiny_model, max_length=most + 1))

    cut = found["longer than max_length"]
    assert cut.severity == severity
    assert [(spot.line, spot.evidence, spot.remove) for spot in cut.spots] == [(99, f"{most + 1} tokens", False)]
    assert f"max_length: {most + 1}" in cut.remedy
    assert "longer than max_length" not in whole


def test_a_row_whose_prompt_alone_is_too_long_may_be_left_out(tiny_model: Path) -> None:
    lost, cut = chat_row(2, ANSWER * 20, ANSWER), chat_row(3, "How heavy?", ANSWER * 20)

    found = checked([*answering(ANSWER), lost, cut], DataContext(tokenizer=tiny_model, max_length=80))

    spots = {spot.line: spot.remove for spot in found["longer than max_length"].spots}
    assert spots == {2: True, 3: False}


def test_a_long_row_is_found_though_it_is_not_in_the_sample(tiny_model: Path) -> None:
    rows = [*answering(*(f"{ANSWER} {number}" for number in range(60))), chat_row(61, "How heavy?", ANSWER * 30)]

    found = checked(rows, DataContext(tokenizer=tiny_model, max_length=150), sample=1)

    assert [spot.line for spot in found["longer than max_length"].spots] == [61]
    assert found["lengths"].figures["sample"] == 1
    assert "in a sample of 1" in found["lengths"].message


def test_the_longer_answer_of_a_pair_counts(tiny_model: Path) -> None:
    worse = (Message("assistant", ANSWER * 9),)
    pair = chat_row(1, "How heavy is the box?", ANSWER, rejected=worse, form="preference")

    found = checked([pair], DataContext(tokenizer=tiny_model))["lengths"]

    assert found.figures["tokens_max"] == tokens_of(tiny_model, chat_row(1, "How heavy is the box?", ANSWER * 9))


def test_raw_text_and_models_without_a_template_are_counted_plainly(tiny_model: Path, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    plain = tmp_path / "plain"
    shutil.copytree(tiny_model, plain)
    (plain / "chat_template.jinja").unlink()
    tokenizer = AutoTokenizer.from_pretrained(plain)
    assert not tokenizer.chat_template
    text = "The box has a lid. " * 20

    of_text = checked([Row(1, (), text=text, form="text")], DataContext(tokenizer=tiny_model))
    of_chat = checked(answering(ANSWER), DataContext(tokenizer=plain))

    assert of_text["lengths"].figures["tokens_max"] == len(tokenizer(text, add_special_tokens=False)["input_ids"])
    said = f"How heavy is the box?\n{ANSWER}"
    assert of_chat["lengths"].figures["tokens_max"] == len(tokenizer(said, add_special_tokens=False)["input_ids"])


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"shortest": 30, "longest": 20}, "shortest and longest"),
        ({"shortest": -1}, "shortest and longest"),
        ({"most_cut": 2}, "most_cut is a share"),
        ({"sample": 0}, "sample is a number of rows"),
    ],
)
def test_bad_options_are_refused(options: dict[str, float], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Length(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize("promise", DataCheckContract.promises())
def test_it_keeps_the_contract_with_a_tokenizer(promise: str, tiny_model: Path) -> None:
    context = dataclasses.replace(CONTEXT, tokenizer=tiny_model, max_length=64)
    contract = type("Contract", (DataCheckContract,), {"data_check": Length, "context": context})()

    getattr(contract, promise)()
