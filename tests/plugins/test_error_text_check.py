"""Answers that are errors, placeholders or refusals are found; answers that speak of them are not."""

from __future__ import annotations

import pytest

from harness import DataContext, Finding, Message, Row
from harness.testing import chat_row, table_of
from harness_datachecks.error_text import ErrorText


def checked(answer: str, asked: str = "How heavy is the box?") -> dict[str, Finding]:
    found = ErrorText().check(table_of(chat_row(4, asked, answer)), DataContext())
    return {finding.kind: finding for finding in found}


@pytest.mark.parametrize(
    "answer",
    [
        "Error: rate limit exceeded",
        "Rate limit reached for gpt-4 in organization org-1 on tokens per min.",
        "openai.error.RateLimitError: You exceeded your current quota, please check your plan.",
        "You exceeded your current quota, please check your plan and billing details.",
        "Error code: 429 - {'error': {'message': 'Rate limit reached'}}",
        "Internal Server Error",
        "500 Internal Server Error",
        "HTTP 503 Service Unavailable",
        "502 Bad Gateway",
        "Request failed with status code 500",
        "The model is currently overloaded. Please try again later.",
        "Request timed out.",
        "Too Many Requests",
        '{"error": {"message": "The server had an error", "type": "server_error", "code": null}}',
        "<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body></body></html>",
        "<html>\n<head><title>Access denied | shop</title></head></html>",
    ],
)
def test_a_whole_error_is_found_and_may_be_left_out(answer: str) -> None:
    found = checked(answer)["error messages"]

    assert found.severity == "warning"
    assert [(spot.line, spot.remove) for spot in found.spots] == [(4, True)]


@pytest.mark.parametrize(
    "answer",
    [
        'Traceback (most recent call last):\n  File "x.py", line 1, in <module>\nKeyError: 7',
        "ValueError: could not convert string to float: 'abc'",
        "Error: something is amiss",
        "An error occurred while generating the response.",
        "Something went wrong. Please try again.",
        "404 Not Found",
        '{"error": "no such box"}',
        '{"status": "error", "text": ""}',
    ],
)
def test_what_looks_like_an_error_is_told_and_kept(answer: str) -> None:
    assert [spot.remove for spot in checked(answer)["error messages"].spots] == [False]


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (
            "What does this code print?",
            "Traceback (most recent call last):\n  ...\nZeroDivisionError: division by zero",
        ),
        ("Which exception is raised?", "ValueError: invalid literal"),
        ("What does HTTP 503 mean?", "Service Unavailable: the server cannot answer at the moment."),
        ("Name a frequent error of web servers.", "Internal Server Error"),
        ("How heavy is the box?", "Errors in weighing are small: it has two kilograms."),
        ("How heavy is the box?", "A rate limit exceeded by one gram costs nothing."),
        ("How heavy is the box?", "Rate limiting is not the matter here: it has two kilograms."),
        ("How heavy is the box?", 'It has two kilograms. An "Internal Server Error" is shown where we do not know it.'),
        ("Fill in the form.", '{"error": null, "weight": 2}'),
        ("Fill in the form.", '{"status": "ok"}'),
        ("Write me a page.", "<!DOCTYPE html><html><head><title>Our shop</title></head></html>"),
        ("Explain tracebacks.", "Traceback (most recent call last) is how Python begins. " * 20),
        ("Is it null in JSON?", "null"),
        ("What does typeof x give in JavaScript?", "undefined"),
        ("Give me placeholder text.", "Lorem ipsum dolor sit amet."),
        ("Which list is yours?", "TODO lists are what I like.\nAnd others."),
        ("Which researcher are you?", "As an AI researcher, I work on boxes."),
        ("Do you like it?", "I can't help but like this box."),
        ("What is a language model?", "A language model predicts words."),
        ("Who is sorry?", "Ann said that she was sorry. Bob came late. It was dark. I cannot help her, he thought."),
    ],
)
def test_what_speaks_of_errors_or_was_asked_for_is_an_answer(asked: str, answer: str) -> None:
    assert checked(answer, asked) == {}


@pytest.mark.parametrize(
    ("answer", "remove"),
    [
        ("undefined", False),
        ("NaN", False),
        (" null ", False),
        ("[object Object]", True),
        ("TODO: write this", True),
        ("Lorem ipsum dolor sit amet, consectetur adipiscing elit.", True),
        ("{{answer}}", True),
        ("[insert answer here]", True),
        ("...", True),
    ],
)
def test_a_placeholder_is_found_and_left_out_where_it_can_be_nothing_else(answer: str, remove: bool) -> None:
    assert [spot.remove for spot in checked(answer)["placeholders"].spots] == [remove]


@pytest.mark.parametrize(
    "answer",
    [
        "As an AI language model, I don't have feelings.",
        "I'm sorry, but I can't help with that.",
        "I\u2019m sorry, but I can\u2019t assist with that request.",
        "Sorry, I cannot provide this.",
        "I apologize, but I am unable to weigh boxes.",
        "Unfortunately, I am not able to do this.",
        "I cannot help with that.",
        "Thank you for asking. I must decline.",
        "As an AI developed by Shop, I do not weigh.",
        "Als KI-Sprachmodell kann ich das nicht sagen.",
        "Como modelo de lenguaje, no puedo ayudar.",
        "\u4f5c\u4e3a\u4e00\u4e2a\u4eba\u5de5\u667a\u80fd\u52a9\u624b\uff0c\u6211\u4e0d\u80fd\u3002",
    ],
)
def test_a_refusal_is_a_kind_of_its_own_and_is_kept(answer: str) -> None:
    found = checked(answer)

    assert set(found) == {"refusals"}
    assert (found["refusals"].severity, found["refusals"].spots[0].remove) == ("warning", False)


def test_an_end_token_that_was_left_behind_is_taken_off() -> None:
    row = chat_row(4, "How heavy?", "Two kilograms.<|endoftext|>\n", extra={"id": 1})

    (found,) = ErrorText().check(table_of(row), DataContext())

    assert found.spots[0].replacement == chat_row(4, "How heavy?", "Two kilograms.", extra={"id": 1})


def test_a_token_within_the_text_is_told_and_kept() -> None:
    (spot,) = checked("Two</s> kilograms.")["rests of a model's output"].spots

    assert (spot.replacement, spot.remove) == (None, False)


def test_who_asks_for_a_token_gets_it() -> None:
    assert checked("It is <|endoftext|>.", "What does <|endoftext|> mean?") == {}


def test_an_error_in_an_earlier_turn_is_told_and_its_row_kept() -> None:
    turns = [("user", "How heavy?"), ("assistant", "Internal Server Error"), ("user", "And?"), ("assistant", "Two.")]
    row = Row(4, tuple(Message(role, content) for role, content in turns))  # type: ignore[arg-type]

    (found,) = ErrorText().check(table_of(row), DataContext())

    assert [(spot.line, spot.remove) for spot in found.spots] == [(4, False)]


def test_answers_that_are_the_worse_ones_may_refuse() -> None:
    refusal = "I'm sorry, but I can't help with that."
    rows = [
        chat_row(1, "How heavy?", "Two.", rejected=(Message("assistant", refusal),), form="preference"),
        chat_row(2, "How heavy?", refusal, label=False, form="kto"),
        chat_row(3, "How heavy?", refusal, label="refusal", form="classification"),
    ]

    assert ErrorText().check(table_of(*rows), DataContext()) == ()
