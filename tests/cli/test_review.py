"""A person reviews in a real terminal: every key, a kill in the middle, hostile answers, narrow windows."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from reviewed import BASELINE, CANDIDATE, TICKETS, record, samples
from terminals import Terminal

from harness.review.pairs import PairSheet, pairing
from harness.store import Reader
from harness.testing.project import Project
from harness.values import PEOPLE, Message, Opinion

HOSTILE = "[bold red]pwn[/] \x1b[31mred\x1b[0m \u202egnp.exe\u2069 \x9b2J \x07 \x1b]0;title\x07 :smile:"
ALL_KEYS = ("1", "2", "t", "b", "s")


def say(arm: str, sample: str) -> str:
    return f"{'first' if arm == 'base' else 'second'} answer to {sample}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    record(tmp_path / "results" / "harness.db", samples(20), say)
    return tmp_path


Review = Callable[..., Terminal]


def review(folder: Path, *arguments: str, columns: int = 110, lines: int = 32, rater: str = "ada") -> Terminal:
    command = [sys.executable, "-m", "harness.cli.main", "review", BASELINE, CANDIDATE, "--rater", rater, *arguments]
    return Terminal(command, folder, columns=columns, lines=lines)


def opinions(folder: Path) -> list[Opinion]:
    with Reader(folder / "results" / "harness.db") as reader:
        return reader.opinions(BASELINE, CANDIDATE, "tickets", PEOPLE)


def sheet(folder: Path, rater: str = "ada") -> PairSheet:
    return PairSheet(pairing(folder / "results" / "harness.db", BASELINE, CANDIDATE), rater)


def words(text: str) -> str:
    return " ".join(text.split())


def test_a_whole_review_key_by_key(folder: Path) -> None:
    with review(folder, "--items", "5") as terminal:
        first = terminal.until("ada · 1 of 5", "1 left", "2 right")
        assert "first answer to" in first
        assert "second answer to" in first
        assert "within five days" not in first
        terminal.press("r", "reference", "within five days")
        for number, key in enumerate(ALL_KEYS[:-1], start=2):
            terminal.press(key, f"ada · {number} of 5")
        terminal.press("s", "You have been through all 5")
        terminal.type("q")
        assert terminal.end() == 0
        told = words(terminal.rest)
    found = sheet(folder)
    assert [found.given(index) for index in range(5)] == [(c.name, "") for c in found.choices]
    assert "review shop-1/base and shop-1/tuned, tickets" in told
    assert (
        "drawn 5 pairs ada 4 given · 1 skipped · 0 open result harness compare shop-1/base shop-1/tuned once everybody"
        in told
    )


@pytest.mark.parametrize("arrows", [("\x1b[D", "\x1b[C"), ("\x1bOD", "\x1bOC")], ids=["normal", "application"])
def test_arrows_mean_left_and_right(folder: Path, arrows: tuple[str, str]) -> None:
    with review(folder, "--items", "2") as terminal:
        terminal.until("1 of 2")
        terminal.press(arrows[0], "2 of 2")
        terminal.press(arrows[1], "been through all 2")
    assert [sheet(folder).given(index) for index in range(2)] == [("left", ""), ("right", "")]


def test_nothing_on_any_screen_tells_who_leads_or_who_answered(folder: Path) -> None:
    with review(folder, "--items", "3") as terminal:
        terminal.until("1 of 3")
        terminal.press("1", "2 of 3")
        terminal.press("1", "3 of 3")
        terminal.press("1", "been through all 3")
        pages = terminal.text.lower()
        assert "base" not in pages
        assert "tuned" not in pages
        terminal.type("q")
        assert terminal.end() == 0
        assert not re.search(r"better|\d %|win|lead", terminal.rest)


def test_a_review_that_was_killed_goes_on_with_all_that_was_said(folder: Path) -> None:
    with review(folder, "--items", "6") as terminal:
        before = terminal.until("1 of 6")
        terminal.press("1", "2 of 6")
        page = terminal.press("t", "3 of 6")
        os.kill(terminal.pid, signal.SIGKILL)
        assert terminal.end() == -signal.SIGKILL
    assert len(opinions(folder)) == 2
    with review(folder) as terminal:
        assert terminal.until("3 of 6") == page
        terminal.press("u", "2 of 6")
        assert terminal.press("u", "1 of 6", "1 left ✓").splitlines()[5] == before.splitlines()[5]


def test_a_verdict_is_in_the_record_before_the_next_page_is_shown(folder: Path) -> None:
    with review(folder, "--items", "3") as terminal:
        terminal.until("1 of 3")
        terminal.press("b", "2 of 3")
        assert [each.details.get("both_bad") for each in opinions(folder)] == [True]


def test_u_goes_back_and_the_last_word_counts(folder: Path) -> None:
    with review(folder, "--items", "3") as terminal:
        terminal.until("1 of 3")
        terminal.press("u", "this is the first")
        terminal.press("1", "2 of 3")
        terminal.press("t", "3 of 3")
        terminal.press("u", "2 of 3", "✓")
        terminal.press("u", "1 of 3", "1 left ✓")
        assert "2 right ✓" not in terminal.screen
        terminal.press("2", "3 of 3")
        terminal.press("u", "1 of 3", "2 right ✓")
        terminal.press("\r", "3 of 3")
        terminal.press("s", "been through all 3")
        terminal.press("u", "3 of 3")
        terminal.press("b", "been through all 3")
    assert [sheet(folder).given(index) for index in range(3)] == [("right", ""), ("tie", ""), ("both_bad", "")]


def test_enter_chooses_nothing(folder: Path) -> None:
    with review(folder, "--items", "3") as terminal:
        terminal.until("1 of 3")
        terminal.press("\r", "choose first, or s skips it", "1 of 3")
        terminal.press("x", "that key means nothing here")
    assert opinions(folder) == []


def test_a_note_is_typed_edited_and_saved_with_the_choice(folder: Path) -> None:
    with review(folder, "--items", "2") as terminal:
        terminal.until("1 of 2")
        terminal.type("n")
        terminal.wait_for("note: ")
        terminal.press("both are rudeé\x7f\r", "note: both are rude")
        terminal.press("u", "the note is saved with a choice; u again drops it")
        terminal.press("q", "the note is saved with a choice; q again drops it")
        terminal.press("b", "2 of 2")
        assert "note:" not in terminal.screen
        terminal.press("u", "note: both are rude")
        terminal.output = b""
        terminal.type("n")
        terminal.wait_for("note: both are rude")
        terminal.press(" indeed\r", "note: both are rude indeed")
    assert sheet(folder).given(0) == ("both_bad", "both are rude indeed"), "of what has a choice it is saved at once"


def test_ctrl_c_in_a_note_ends_the_note_alone(folder: Path) -> None:
    with review(folder, "--items", "2") as terminal:
        terminal.until("1 of 2")
        terminal.type("n")
        terminal.wait_for("note: ")
        terminal.type("hm")
        terminal.wait_for("note: hm")
        time.sleep(0.3)  # Python itself misses a signal that comes just before it waits for the next key
        terminal.press("\x03", "1 of 2")
        assert "note: hm" not in terminal.screen


def test_ctrl_c_ends_the_review_and_gives_the_terminal_back(folder: Path) -> None:
    with review(folder, "--items", "2") as terminal:
        terminal.until("1 of 2")
        terminal.press("1", "2 of 2")
        terminal.type("\x03")
        assert terminal.end() == 130
        assert "stopped; what is recorded stays, and the same command goes on from there" in words(terminal.rest)
        assert "\x1b[?25h" in terminal.text.rpartition("\x1b[?1049l")[0][-40:] + terminal.text[-200:]
    assert len(opinions(folder)) == 1


def test_keys_typed_before_a_page_was_seen_say_nothing_of_it(folder: Path) -> None:
    with review(folder, "--items", "4") as terminal:
        terminal.until("1 of 4")
        terminal.press("111", "2 of 4")
    assert len(opinions(folder)) == 1


def test_a_long_answer_is_read_to_its_end(tmp_path: Path) -> None:
    def long(arm: str, sample: str) -> str:
        return "\n".join(f"{arm[0]} line {number}" for number in range(100)) if arm == "base" else "short"

    record(tmp_path / "results" / "harness.db", samples(1), long)
    with review(tmp_path, lines=24) as terminal:
        top = terminal.until("more lines: space", "b line 0")
        seen = {*re.findall(r"b line \d+", top)}
        while "the end" not in terminal.screen:
            seen |= {*re.findall(r"b line \d+", terminal.press(" ", "↑"))}
        assert len(seen) == 100
        terminal.press("\x1b[A", "more lines")
        terminal.press("\x1b[5~", "more lines")
        assert terminal.press("\x1b[H", "b line 0") == top
        terminal.press("\x1b[F", "b line 99", "the end")
        terminal.press("\x1b[6~", "the end")
        terminal.press("\x1b[1~", "b line 0")
        assert "╭─ prompt" not in terminal.press("\x1b[B", "↑ 1 ")


def test_a_long_prompt_leaves_the_answers_in_sight_and_can_be_unfolded(tmp_path: Path) -> None:
    mail = "\n".join(f"mail line {number}" for number in range(80)) + "\nwhat is asked?"
    asked = [replace(samples(1)[0], prompt=(Message("user", mail),))]
    record(tmp_path / "results" / "harness.db", asked, say)
    with review(tmp_path, lines=24) as terminal:
        folded = terminal.until("more lines: p", "what is asked?", "first answer", "second answer")
        assert "mail line 40" not in folded
        terminal.press("p", "mail line 0", "mail line 10")
        terminal.press("p", "what is asked?", "first answer")


def test_hostile_texts_are_shown_and_not_obeyed(tmp_path: Path) -> None:
    asked = [replace(samples(1)[0], prompt=(Message("user", HOSTILE),), targets=(HOSTILE,))]
    record(tmp_path / "results" / "harness.db", asked, lambda arm, sample: HOSTILE + arm)
    with review(tmp_path, columns=160) as terminal:
        terminal.until("[bold red]pwn[/] ␛[31mred", ":smile:", "⟨U+202E⟩gnp.exe")
        terminal.press("r", "reference")
        for bad in ("\x1b[31mred", "\u202e", "\x9b", "\x07", "\x1b]0;"):
            assert bad not in terminal.text


def test_a_line_of_a_million_letters_neither_hangs_nor_hides_that_it_was_cut(tmp_path: Path) -> None:
    record(
        tmp_path / "results" / "harness.db",
        samples(1),
        lambda arm, sample: ("x" if arm == "base" else "語") * 1_000_000,
    )
    with review(tmp_path, lines=24) as terminal:
        terminal.until("x" * 40)
        terminal.press("\x1b[F", "more characters)", "the end")
        terminal.press("1", "been through all 1")


def test_forty_columns_are_enough(folder: Path) -> None:
    with review(folder, "--items", "2", columns=40, lines=24) as terminal:
        shown = terminal.until("1 of 2", "1 left", "b  both bad", "q  quit")
        assert all(len(line) <= 40 for line in shown.splitlines())
        assert "2 right" in terminal.press("\x1b[F", "2 right")
        terminal.press("t", "2 of 2")


def test_a_window_of_another_size_is_drawn_anew_at_once(folder: Path) -> None:
    with review(folder, "--items", "2", columns=120) as terminal:
        wide = terminal.until("1 of 2")
        assert any("1 left" in line and "2 right" in line for line in wide.splitlines())
        terminal.resize(60, 40)
        terminal.until("╮\n│ ", "1 of 2", " b  both bad")
        assert not any("1 left" in line and "2 right" in line for line in terminal.screen.splitlines())


def test_two_raters_at_once_do_not_disturb_each_other_and_are_told_how_far_they_agree(folder: Path) -> None:
    with review(folder, "--items", "4") as ada, review(folder, "--items", "4", rater="bob") as bob:
        ada.until("ada · 1 of 4")
        bob.until("bob · 1 of 4")
        left = {name: sheet(folder, name)._left for name in ("ada", "bob")}
        for number, sample in enumerate(sheet(folder).pairing.to_ask(), start=2):
            better = "candidate" if number != 3 else "baseline"
            for terminal, name in ((ada, "ada"), (bob, "bob")):
                expected = f"{number} of 4" if number <= 4 else "been through all 4"
                terminal.press("1" if left[name](sample) == better else "2", expected)
        bob.type("q")
        assert bob.end() == 0
        told = words(bob.rest)
    assert "ada 4 given · 0 skipped · 0 open bob 4 given · 0 skipped · 0 open" in told
    assert "agreement 1.00 among 2 raters (Krippendorff's alpha" in told
    assert len(opinions(folder)) == 8


def test_equal_answers_are_not_shown_and_their_number_is_told(tmp_path: Path) -> None:
    record(
        tmp_path / "results" / "harness.db",
        samples(5),
        lambda arm, sample: "same" if sample < "s003" else say(arm, sample),
    )
    with review(tmp_path) as terminal:
        terminal.until("1 of 2")
        terminal.type("q")
        assert terminal.end() == 0
        told = words(terminal.rest)
    assert "drawn 5 pairs, 3 of them with equal answers: ties that nobody is asked about" in told
    assert "ada 0 given · 0 skipped · 2 open" in told
    assert "next harness review shop-1/base shop-1/tuned" in told


def test_where_all_answers_are_equal_nothing_is_asked(tmp_path: Path) -> None:
    record(tmp_path / "results" / "harness.db", samples(3), lambda arm, sample: "same")
    with review(tmp_path) as terminal:
        assert terminal.end() == 0
        assert "drawn 3 pairs, 3 of them with equal answers" in words(terminal.rest)
    assert len(opinions(tmp_path)) == 3


def test_json_tells_how_far_it_is_and_starts_nothing(folder: Path) -> None:
    project = Project(folder)
    before = project.record.read_bytes()
    result = project.run("review", BASELINE, CANDIDATE, "--json")
    assert result.exit_code == 0, result.err
    runs = {"baseline": BASELINE, "candidate": CANDIDATE, "task": "tickets"}
    assert result.json == {**runs, "items": 0, "equal": 0, "raters": [], "agreement": None}
    assert project.record.read_bytes() == before
    found = sheet(folder)
    found.give(0, "left", "")
    found.give(1, "skip", "")
    told = project.run("review", BASELINE, CANDIDATE, "--json").json
    assert told["items"] == 20
    assert told["raters"] == [{"rater": "ada", "given": 1, "skipped": 1, "open": 18}]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), "this is no terminal that shows pages and reads keys; --web asks in the browser"),
        (("--json", "--web"), "--json only tells what is there, and --web asks; leave one of them out"),
        (("--json", "--items", "3"), "--items draws pairs, and --json only tells what is there; leave one"),
        (("--port", "8000"), "--port is where --web serves its page; add --web"),
        (("--items", "0"), "'--items': 0 is not in the range"),
        (("--web", "--rater", " "), "' ' is no name of a rater; --rater NAME is a word or two"),
        (("--web", "--rater", "a\x1b[1m"), "is no name of a rater"),
        (("--json", "--task", "tockets"), "do not share a task 'tockets'; did you mean 'tickets'?"),
        (("--json", "--output", "nowhere"), "nowhere/harness.db: there is no record yet"),
    ],
)
def test_what_cannot_be_is_told_in_one_line_and_writes_nothing(
    folder: Path, arguments: tuple[str, ...], expected: str
) -> None:
    project = Project(folder)
    before = project.record.read_bytes()
    result = project.run("review", BASELINE, CANDIDATE, *arguments)
    assert result.exit_code == 2
    assert expected in result.err
    assert "Traceback" not in result.err
    assert project.record.read_bytes() == before


def test_of_several_tasks_the_error_lists_them(tmp_path: Path) -> None:
    tasks = (TICKETS, replace(TICKETS, name="mails"))
    record(tmp_path / "results" / "harness.db", samples(2), say, tasks)
    result = Project(tmp_path).run("review", BASELINE, CANDIDATE, "--json")
    assert (result.exit_code, "--task is one of tickets, mails" in result.err) == (2, True)


def test_web_says_its_address_and_tells_the_same_at_the_end(folder: Path) -> None:
    project = Project(folder)
    command = project.command("review", BASELINE, CANDIDATE, "--rater", "ada", "--web", "--items", "3")
    with subprocess.Popen(
        command, cwd=folder, env=project.variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        address = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        rest, error = process.communicate(timeout=60)
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\?token=\S+\n", address), error
    assert process.returncode == 0, error
    assert "drawn 3 pairs" in words(rest)


def test_what_people_said_is_what_a_comparison_reads(folder: Path) -> None:
    with review(folder, "--items", "2") as terminal:
        terminal.until("1 of 2")
        terminal.press("1", "2 of 2")
        terminal.press("s", "been through all 2")
    first, second = (opinions(folder)[place] for place in (0, 1))
    by_choice = {each.why_missing: each for each in (first, second)}
    assert by_choice["skipped by ada"].value is None
    assert json.dumps(dict(by_choice[None].details)).startswith('{"left": ')
    assert by_choice[None].value == (1.0 if by_choice[None].details["left"] == "candidate" else 0.0)
