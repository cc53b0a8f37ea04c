"""Two answers side by side: which are drawn, that nothing tells whose is whose, and what is recorded of a choice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from reviewed import BASELINE, CANDIDATE, TICKETS, record, samples

from harness.errors import UsageError
from harness.identity import drawn
from harness.review.pairs import Pairing, PairSheet, pairing
from harness.review.sheet import Sheet
from harness.review.tally import Tally, Word, table, tallies
from harness.store import Reader
from harness.values import PEOPLE, Message, Opinion, Ref, Sample, Task

SAYS = {"base": "the first answer", "tuned": "the second answer"}
RECALL = Task("recall", "generate", (Ref("exact_match"),), benchmark="recall")
CHOOSE = Task("quiz", "choose", (Ref("accuracy"),))


def say(arm: str, sample: str) -> str:
    return f"{SAYS[arm]} to {sample}"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    path = tmp_path / "harness.db"
    record(path, samples(20), say)
    return path


@pytest.fixture
def pairs(place: Path) -> Pairing:
    return pairing(place, BASELINE, CANDIDATE)


def recorded(place: Path) -> list[Opinion]:
    with Reader(place) as reader:
        return reader.opinions(BASELINE, CANDIDATE, "tickets", PEOPLE)


def texts(sheet: Sheet, index: int) -> list[str]:
    return [pane.text for pane in sheet.page(index).answers]


def sample_of(sheet: Sheet, index: int) -> str:
    return texts(sheet, index)[0].rpartition(" ")[2]


def sample_ids(sheet: Sheet) -> list[str]:
    return [sample_of(sheet, index) for index in range(len(sheet))]


def test_the_pairs_are_the_random_draw_of_what_both_runs_answered(place: Path, pairs: Pairing) -> None:
    assert sample_ids(PairSheet(pairs, "ada", 5)) == list(drawn([each.id for each in samples(20)], 5))
    with Reader(place) as reader:
        assert reader.review_size(BASELINE, CANDIDATE, "tickets") == 5


def test_more_items_later_extend_the_draw_and_fewer_do_not_shrink_it(pairs: Pairing) -> None:
    first = sample_ids(PairSheet(pairs, "ada", 5))
    more = sample_ids(PairSheet(pairs, "ada", 9))
    assert (len(more), more[:5]) == (9, first)
    assert sample_ids(PairSheet(pairs, "bob", 2)) == sample_ids(PairSheet(pairs, "bob")) == more


def test_fifty_are_drawn_unless_told_otherwise_and_all_where_there_are_fewer(tmp_path: Path, pairs: Pairing) -> None:
    assert len(PairSheet(pairs, "ada")) == 20
    record(tmp_path / "more.db", samples(60), say)
    assert len(PairSheet(pairing(tmp_path / "more.db", BASELINE, CANDIDATE), "ada")) == 50


def test_samples_that_only_one_run_answered_are_not_drawn(tmp_path: Path) -> None:
    path = tmp_path / "harness.db"
    every = samples(10)
    record(path, every, say, of={"base": every[:6], "tuned": every[4:]})
    assert sorted(sample_ids(PairSheet(pairing(path, BASELINE, CANDIDATE), "ada"))) == ["s004", "s005"]


def test_a_page_says_nothing_of_who_answered(tmp_path: Path) -> None:
    path = tmp_path / "harness.db"
    record(path, samples(20), lambda arm, sample: f"{len(arm)} {sample}")
    sheet = PairSheet(pairing(path, BASELINE, CANDIDATE), "ada")
    for index in range(len(sheet)):
        said = str((sheet.title, asdict(sheet.page(index)))).lower()
        assert not {"base", "tuned", "candidate", "shop-1"} & {word.strip("'\",():{}") for word in said.split()}
        assert [pane.title for pane in sheet.page(index).answers] == ["left", "right"]


def test_the_keys_of_pages_are_unique(pairs: Pairing) -> None:
    sheet = PairSheet(pairs, "ada")
    assert len({sheet.page(index).key for index in range(len(sheet))}) == 20


def test_which_answer_stands_left_is_drawn_for_each_item_and_rater_and_stays(pairs: Pairing) -> None:
    def lefts(rater: str) -> list[bool]:
        sheet = PairSheet(pairs, rater)
        return [texts(sheet, index)[0].startswith(SAYS["tuned"]) for index in range(len(sheet))]

    assert lefts("ada") == lefts("ada")
    assert 3 <= sum(lefts("ada")) <= 17
    assert lefts("ada") != lefts("bob")


def test_a_page_holds_what_was_asked_and_the_references_on_demand(tmp_path: Path) -> None:
    path = tmp_path / "harness.db"
    turns = (Message("system", "be short"), Message("user", "a"), Message("assistant", "b"), Message("user", "c?"))
    record(path, [Sample("talk", turns, ("d", "e")), Sample("raw", "once upon", ("a time",))], say)
    sheet = PairSheet(pairing(path, BASELINE, CANDIDATE), "ada")
    pages = {sample_of(sheet, index): sheet.page(index) for index in range(2)}
    titled = [(pane.title, pane.text) for pane in pages["talk"].context]
    assert titled == [("system", "be short"), ("user", "a"), ("assistant", "b"), ("prompt", "c?")]
    assert [(pane.title, pane.text) for pane in pages["talk"].hidden] == [("reference 1", "d"), ("reference 2", "e")]
    assert [(pane.title, pane.text) for pane in pages["raw"].context] == [("prompt", "once upon")]
    assert [(pane.title, pane.text) for pane in pages["raw"].hidden] == [("reference", "a time")]


@pytest.mark.parametrize("side", [0, 1], ids=["left", "right"])
def test_a_better_answer_is_recorded_for_the_run_that_gave_it(place: Path, pairs: Pairing, side: int) -> None:
    sheet = PairSheet(pairs, "ada")
    for index in range(len(sheet)):
        sheet.give(index, ("left", "right")[side], "")
    found = {each.sample_id: each for each in recorded(place)}
    for index in range(len(sheet)):
        opinion = found[sample_of(sheet, index)]
        stood = texts(sheet, index)
        assert opinion.value == (1.0 if stood[side].startswith(SAYS["tuned"]) else 0.0)
        assert opinion.details == {"left": "candidate" if stood[0].startswith(SAYS["tuned"]) else "baseline"}
        assert opinion.rater == "ada"


@pytest.mark.parametrize(
    ("choice", "value", "why", "extra"),
    [
        ("tie", 0.5, None, {}),
        ("both_bad", 0.5, None, {"both_bad": True}),
        ("skip", None, "skipped by ada", {}),
    ],
)
def test_ties_both_bad_and_skips_are_told_apart(
    place: Path, pairs: Pairing, choice: str, value: float | None, why: str | None, extra: dict[str, bool]
) -> None:
    sheet = PairSheet(pairs, "ada")
    sheet.give(0, choice, "hm")
    [opinion] = recorded(place)
    assert (opinion.value, opinion.why_missing) == (value, why)
    assert {**opinion.details, "left": ""} == {"left": "", "note": "hm", **extra}
    assert PairSheet(pairs, "ada").given(0) == (choice, "hm")


@pytest.mark.parametrize("choice", ["left", "right", "tie", "both_bad", "skip"])
def test_what_was_given_is_known_again_on_every_page(pairs: Pairing, choice: str) -> None:
    sheet = PairSheet(pairs, "ada")
    for index in range(len(sheet)):
        sheet.give(index, choice, f"note {index}")
        assert sheet.given(index) == (choice, f"note {index}")
    again = PairSheet(pairs, "ada")
    assert [again.given(index) for index in range(20)] == [(choice, f"note {index}") for index in range(20)]
    assert again.next_open() is None


def test_a_later_word_replaces_the_earlier(place: Path, pairs: Pairing) -> None:
    sheet = PairSheet(pairs, "ada")
    sheet.give(3, "left", "first")
    sheet.give(3, "skip", "")
    assert sheet.given(3) == ("skip", "")
    assert [each.value for each in recorded(place)] == [None]


def test_equal_answers_are_ties_that_nobody_is_asked_about(tmp_path: Path) -> None:
    path = tmp_path / "harness.db"
    record(path, samples(10), lambda arm, sample: "same" + "\n" * len(arm) if sample < "s004" else say(arm, sample))
    pairs = pairing(path, BASELINE, CANDIDATE)
    assert len(PairSheet(pairs, "ada")) == 6
    found = {each.sample_id: each for each in recorded(path)}
    assert sorted(found) == ["s000", "s001", "s002", "s003"]
    assert {(each.value, each.details["equal"]) for each in found.values()} == {(0.5, True)}
    PairSheet(pairs, "ada")
    assert len(recorded(path)) == 4, "once is enough"


def test_a_review_of_equal_answers_alone_has_no_page(tmp_path: Path) -> None:
    record(tmp_path / "harness.db", samples(3), lambda arm, sample: "same")
    sheet = PairSheet(pairing(tmp_path / "harness.db", BASELINE, CANDIDATE), "ada")
    assert (len(sheet), sheet.next_open()) == (0, None)


def test_raters_do_not_answer_for_each_other(pairs: Pairing) -> None:
    ada, bob = PairSheet(pairs, "ada"), PairSheet(pairs, "bob")
    ada.give(0, "left", "")
    assert (ada.next_open(), bob.next_open()) == (1, 0)
    assert bob.given(0) is None


def test_the_next_open_page_comes_after_and_wraps_round(pairs: Pairing) -> None:
    sheet = PairSheet(pairs, "ada", 4)
    sheet.give(2, "tie", "")
    assert [sheet.next_open(after) for after in (-1, 0, 1, 2, 3)] == [0, 1, 3, 3, 0]


def test_a_rater_in_two_terminals_is_asked_each_pair_once(pairs: Pairing) -> None:
    one, other = PairSheet(pairs, "ada", 3), PairSheet(pairs, "ada", 3)
    one.give(0, "tie", "")
    assert other.next_open() == 1
    other.give(1, "tie", "")
    assert one.next_open(0) == 2


@pytest.mark.parametrize(
    ("runs", "task", "expected"),
    [
        ((BASELINE, BASELINE), None, "shop-1/base cannot be compared with itself"),
        ((BASELINE, "shop-1/tunde"), None, "no run 'shop-1/tunde' is recorded; did you mean 'shop-1/tuned'"),
        ((BASELINE, CANDIDATE), "tickts", "do not share a task 'tickts'; did you mean 'tickets'?"),
        ((BASELINE, CANDIDATE), "quiz", "the answers to 'quiz' are no texts that a person could compare; known are"),
    ],
)
def test_what_cannot_be_reviewed_is_told(tmp_path: Path, runs: Sequence[str], task: str | None, expected: str) -> None:
    path = tmp_path / "harness.db"
    record(path, samples(3), say, (TICKETS, CHOOSE))
    with pytest.raises(UsageError) as error:
        pairing(path, runs[0], runs[1], task)
    assert expected in str(error.value)


def test_runs_without_a_common_item_are_refused(tmp_path: Path) -> None:
    every = samples(4)
    record(tmp_path / "harness.db", every, say, of={"base": every[:2], "tuned": every[2:]})
    with pytest.raises(UsageError, match="have no answered item of 'tickets' in common"):
        pairing(tmp_path / "harness.db", BASELINE, CANDIDATE)


def test_of_several_tasks_one_must_be_named(tmp_path: Path) -> None:
    path = tmp_path / "harness.db"
    record(path, samples(3), say, (TICKETS, replace(TICKETS, name="mails"), CHOOSE))
    with pytest.raises(UsageError, match="2 tasks have texts to compare; --task is one of tickets, mails"):
        pairing(path, BASELINE, CANDIDATE)
    assert pairing(path, BASELINE, CANDIDATE, "mails").task == "mails"


def test_the_suites_own_task_goes_before_a_benchmark(tmp_path: Path) -> None:
    record(tmp_path / "harness.db", samples(3), say, (RECALL, TICKETS))
    assert pairing(tmp_path / "harness.db", BASELINE, CANDIDATE).task == "tickets"
    record(tmp_path / "only.db", samples(3), say, (RECALL,))
    assert pairing(tmp_path / "only.db", BASELINE, CANDIDATE).task == "recall"


def test_a_run_whose_answers_are_still_coming_is_waited_for(tmp_path: Path) -> None:
    record(tmp_path / "harness.db", samples(3), say, status="running")
    with pytest.raises(UsageError, match=r"has not answered all of 'tickets' yet \(running\); let it finish first"):
        pairing(tmp_path / "harness.db", BASELINE, CANDIDATE)


def test_a_refused_review_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "harness.db"
    record(path, samples(3), say)
    before = path.read_bytes()
    with pytest.raises(UsageError):
        pairing(path, BASELINE, BASELINE)
    assert path.read_bytes() == before


def test_a_tally_counts_verdicts_skips_and_what_is_open() -> None:
    words = [Word("ada", "a", 1.0), Word("ada", "b", None), Word("bob", "c", 0.5), Word("ada", "gone", 1.0)]
    assert tallies(words, ["a", "b", "c"]) == (Tally("ada", 1, 1, 1), Tally("bob", 1, 0, 2))


def test_the_table_of_agreement_has_a_rows_last_word_and_nothing_for_what_is_open() -> None:
    words = [Word("ada", "a", 1.0), Word("ada", "a", 0.0), Word("bob", "b", 0.5), Word("bob", "a", None)]
    assert table(words, ["a", "b"]) == {"ada": [0.0, None], "bob": [None, 0.5]}
