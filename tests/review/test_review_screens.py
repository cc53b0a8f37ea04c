"""A page of a review as a terminal draws it: at every size whole, bounded whatever is in it, and nothing acts."""

from __future__ import annotations

import io
import time
import unicodedata

import goldens
import pytest
from rich.console import Console

from harness.report.review import Body, Frame, Look, Place, end_frame, page_body, page_frame, review_summary
from harness.review.pairs import CHOICES
from harness.review.sheet import Page, Pane
from harness.review.tally import Tally

HOSTILE = "[bold red]pwn[/] \x1b[31mred\x1b[0m \u202egnp.exe\u2069 \x9b2J \x07 \ud800 :smile: [link=http://x]y[/link]"
PLACE = Place("tickets: which answer is better?", "ada", 12, 50, 11)
PLAIN = Look()
CODE = "```python\r\ndef refund(order):\r\n\treturn order.total\r\n```\r\n"
PAGE = Page(
    "k",
    (Pane("system", "You are the support desk of a shop."), Pane("prompt", "Where is my refund?")),
    (Pane("left", "Your refund arrives within five days of our having received the parcel. " * 3), Pane("right", CODE)),
    (Pane("reference", "within five days"),),
)


def terminal(width: int, height: int) -> Console:
    return Console(
        width=width,
        height=height,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
        legacy_windows=False,
    )


def drawn(page: Page, width: int, height: int, look: Look = PLAIN, top: int = 0) -> tuple[Body, Frame]:
    console = terminal(width, height)
    body = page_body(console, page, CHOICES, look)
    return body, page_frame(console, PLACE, body, CHOICES, look, top)


def text(frame: Frame) -> str:
    return "\n".join("".join(segment.text for segment in line).rstrip() for line in frame.lines) + "\n"


@pytest.mark.parametrize(("width", "height"), [(120, 24), (80, 30), (40, 32)])
def test_a_page(width: int, height: int) -> None:
    look = Look(given="left", note="too long", with_hidden=True)
    goldens.check(f"review-{width}.txt", text(drawn(PAGE, width, height, look)[1]))


def test_the_last_screen_and_the_summary() -> None:
    goldens.check("review-end.txt", text(end_frame(terminal(80, 8), PLACE)))
    work = [Tally("ada", 44, 1, 0), Tally("bob", 3, 0, 42)]
    commands = ("harness review shop-1/base shop-1/tuned", "harness compare shop-1/base shop-1/tuned")
    summary = review_summary(("shop-1/base", "shop-1/tuned"), "tickets", (50, 5), work, "0.71 among 2 raters", commands)
    goldens.check("review-summary.txt", goldens.printed(summary))


@pytest.mark.parametrize("width", [20, 40, 99, 100, 200])
@pytest.mark.parametrize("height", [5, 10, 24, 100])
def test_a_screen_has_the_size_of_its_terminal(width: int, height: int) -> None:
    for look in (
        Look(),
        Look(given="tie", note="n" * 500, with_hidden=True, with_whole_prompt=True, message="m" * 300),
    ):
        frame = drawn(PAGE, width, height, look)[1]
        assert len(frame.lines) == height
        assert {sum(segment.cell_length for segment in line) for line in frame.lines} == {width}


@pytest.mark.parametrize("width", [40, 99, 100])
def test_answers_stand_side_by_side_where_there_is_room(width: int) -> None:
    lines = text(drawn(PAGE, width, 60)[1]).splitlines()
    assert any("1 left" in line and "2 right" in line for line in lines) == (width >= 100)


def test_every_line_can_be_scrolled_to() -> None:
    long = Page("k", (), (Pane("left", "\n".join(f"l{n}" for n in range(300))), Pane("right", "short")))
    body, frame = drawn(long, 60, 24)
    seen = ""
    for top in range(0, len(body.lines), frame.room):
        seen += text(drawn(long, 60, 24, top=top)[1])
    assert all(f"│ l{number} " in seen for number in range(300))
    last = drawn(long, 60, 24, top=10**9)[1]
    assert "the end" in text(last)
    assert drawn(long, 60, 24, top=-5)[1].top == 0


def test_a_long_page_says_in_which_text_it_is_scrolled() -> None:
    long = Page("k", (), (Pane("left", "a\n" * 60), Pane("right", "b\n" * 60)))
    assert "left ↑ 30 " in text(drawn(long, 60, 24, top=30)[1])
    assert "right ↑ 70 " in text(drawn(long, 60, 24, top=70)[1])


def test_a_long_prompt_is_folded_to_what_the_answers_leave_and_keeps_its_question() -> None:
    mail = "\n".join(f"mail {number}" for number in range(200)) + "\nwhat is asked?"
    page = Page("k", (Pane("prompt", mail),), PAGE.answers)
    shown = text(drawn(page, 120, 30)[1])
    assert "more lines: p" in shown
    assert "what is asked?" in shown
    assert "2 right" in shown
    assert "mail 100" not in shown
    whole = drawn(page, 120, 30, Look(with_whole_prompt=True))[0]
    assert len(whole.lines) > 200
    short = Page("k", (Pane("prompt", "line\n" * 12),), PAGE.answers)
    assert "more lines: p" not in text(drawn(short, 120, 40)[1]), "where there is room nothing is folded"


@pytest.mark.parametrize("width", [40, 120])
def test_nothing_that_acts_is_left_of_a_hostile_text(width: int) -> None:
    page = Page(
        "k", (Pane("prompt", HOSTILE),), (Pane("left", HOSTILE), Pane("right", HOSTILE)), (Pane("reference", HOSTILE),)
    )
    look = Look(note=HOSTILE, with_hidden=True)
    console = terminal(width, 60)
    place = Place(HOSTILE, HOSTILE, 1, 2, 0)
    body = page_body(console, page, CHOICES, look)
    for frame in (page_frame(console, place, body, CHOICES, look), end_frame(console, place)):
        segments = [segment for line in frame.lines for segment in line]
        assert not any(
            unicodedata.category(each) in {"Cc", "Cf", "Cs"} for segment in segments for each in segment.text
        )
        assert not any(segment.style and segment.style.link for segment in segments)
    assert "[bold red]" in text(frame) or "[bold red]" in "".join(s.text for line in body.lines for s in line)


@pytest.mark.parametrize(
    "monster",
    [
        "x" * 3_000_000,
        "語" * 1_000_000,
        "\n" * 2_000_000 + "x",
        "\t" * 1_000_000 + "x",
        "e\u0301\u0302" * 300_000,
        "a " * 10**6,
    ],
    ids=["letters", "wide", "lines", "tabs", "marks", "words"],
)
def test_a_text_that_nobody_reads_to_its_end_is_cut_and_says_so(monster: str) -> None:
    page = Page("k", (), (Pane("left", monster), Pane("right", monster)))
    began = time.process_time()
    body, _ = drawn(page, 120, 40)
    assert time.process_time() - began < 5
    said = "".join(segment.text for line in body.lines[-6:] for segment in line)
    assert "more characters)" in " ".join(said.split()) or "more lines)" in said


@pytest.mark.parametrize(("said", "shown"), [("", "(empty)"), (" \n\t", "(nothing but white space)")])
def test_an_answer_of_nothing_is_seen_to_be_one(said: str, shown: str) -> None:
    page = Page("k", (), (Pane("left", said), Pane("right", "x")))
    assert shown in text(drawn(page, 120, 24)[1])


@pytest.mark.parametrize("given", ["left", "right", "tie", "both_bad", "skip"])
def test_a_choice_that_was_made_is_marked_without_colours_too(given: str) -> None:
    assert text(drawn(PAGE, 120, 24, Look(given=given))[1]).count("✓") == (2 if given in {"left", "right"} else 1)
    assert "✓" not in text(drawn(PAGE, 120, 24)[1])
