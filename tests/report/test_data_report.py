"""The screens about data: what checks found, what was cleaned; hostile rows are shown and not obeyed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import goldens
import pytest
import sample_values as values

from harness.report import layout, numbers
from harness.report.data import Remedied, cleaned_screen, findings_screen, removable
from harness.rows import CheckedTable, Finding, Spot

ACTING = {"\x1b", "\x9b", "\x07", "\u202e", "\u2069", "😄"}
DUPLICATES = Finding(
    "exact duplicates",
    "error",
    "12 of 300 rows repeat another",
    "keep one of each: 'harness data clean' does it",
    (
        Spot(44, "How do I reset my password?", other_line=2, remove=True),
        Spot(97, "Where is my parcel? It should have been here on Monday, and nobody answers the phone at the depot.",
             other_line=3, remove=True),
        *(Spot(100 + number, "Hello", other_line=9, remove=True) for number in range(10)),
    ),
    check="duplicates",
)  # fmt: skip
LEAKED = Finding(
    "near the test rows",
    "error",
    "2 of 300 rows are near duplicates of rows that models are judged by",
    "remove them from train",
    (
        Spot(44, "How do I reset my pass word?", other="test", other_line=17, remove=True),
        Spot(5, "What is the capital of France?", other="mmlu", sample="8f2a91cc01b7de34"),
    ),
    check="leakage",
)
LENGTHS = Finding(
    "long rows",
    "warning",
    "3 of 300 rows are longer than the 512 tokens at which training cuts them",
    "set a larger max_length",
    (Spot(7, "1,204 tokens"), Spot(8, "733 tokens"), Spot(61, "514 tokens")),
    {"longest": 1_204, "limit": 512},
    (("0-99", 12), ("100-199", 181), ("200-299", 104), ("300-399", 0), ("400 and more", 3)),
    "length",
)
NAMES = Finding("names", "info", "names of people were not looked for", "install a spaCy model", check="pii")
TRAIN = CheckedTable(
    "train",
    Path("data/support_tickets/train.jsonl"),
    "messages",
    300,
    2,
    (DUPLICATES, LEAKED, LENGTHS, NAMES),
    {"language": "needs py3langid; pip install py3langid"},
)
TEST = CheckedTable("test", Path("data/support_tickets/test.jsonl"), "messages", 100, 0, ())


@pytest.mark.parametrize("width", [80, 100, 140])
def test_what_checks_found_is_as_stored(width: int) -> None:
    text = goldens.printed(findings_screen([TRAIN, TEST]), width)
    assert max(map(len, text.splitlines())) <= width
    goldens.check(f"data-check-{width}.txt", text)


def test_as_many_rows_are_shown_as_are_asked_for() -> None:
    counts = []
    for examples in (0, 1, 50):
        text = goldens.printed(findings_screen([TRAIN], examples=examples))
        counts.append(text.count("  line "))
        assert ("… and 11 more" in text) == (examples == 1)
    assert counts == [0, 3, 17]


def test_a_row_that_two_findings_would_remove_counts_once() -> None:
    assert removable(TRAIN) == 12
    assert "would remove 12 rows" in goldens.printed(findings_screen([TRAIN, TEST]), 140)


def test_what_was_not_looked_for_in_any_file_is_told_once() -> None:
    reasons = {**TRAIN.not_checked, "pii": "killed"}
    tables = [TRAIN, replace(TEST, findings=(NAMES,), not_checked=reasons)]
    text = goldens.printed(findings_screen(tables), 140)
    before, after = text.split("All of them")
    assert [part.count("names of people were not looked for") for part in (before, after)] == [0, 1]
    assert [part.count("needs py3langid") for part in (before, after)] == [0, 1]
    assert [part.count("killed") for part in (before, after)] == [1, 0]
    assert "nothing was found" in before
    assert "2 errors, 1 warning, 2 remarks in 2 files" in after
    alone = goldens.printed(findings_screen([TRAIN]))
    assert "All of them" not in alone
    assert "names of people were not looked for" in alone


def test_what_several_files_would_lose_names_no_one_of_them() -> None:
    other = replace(TEST, findings=(DUPLICATES,))
    text = goldens.printed(findings_screen([TRAIN, other]), 140)
    assert "3 errors, 1 warning, 1 remark in 2 files; harness data clean FILE --output OUT would remove 24 rows" in text


def test_where_nothing_was_found_the_screen_says_so() -> None:
    text = goldens.printed(findings_screen([TEST]))
    assert text.endswith("\nnothing was found\n\nnothing was found in 1 file\n")


def test_a_table_of_which_no_line_can_be_read_is_told() -> None:
    text = goldens.printed(findings_screen([replace(TEST, rows=0, unreadable=3, form=None)]))
    assert "rows        0, and 3 more that cannot be read\n" in text
    assert f"format      {numbers.MISSING}\n" in text


def test_hostile_rows_cannot_act_on_the_terminal() -> None:
    bad = values.HOSTILE
    finding = Finding(bad, "error", bad, bad, (Spot(1, bad, other=bad, sample=bad),), {bad: 1}, ((bad, 3),), bad)
    table = CheckedTable(bad, Path(f"x{bad}"), "text", 1, 0, (finding,), {bad: bad})
    text = goldens.printed(findings_screen([table, replace(table, findings=())]))
    text += goldens.printed(cleaned_screen(Path(bad), (2, 1), [Remedied(bad, bad, 1, 0)], [(bad, bad)], {bad: bad}))
    assert not ACTING & set(text)
    assert "[bold red]pwn[/]" in text
    assert "\x1b" not in layout.picture(findings_screen([table]), width=100, title=bad)


def test_endless_words_and_counts_stay_on_their_lines() -> None:
    spots = tuple(Spot(10**9 + number, "lorem\n" * 1_000_000, other="o" * 300) for number in range(3))
    histogram = (("b" * 500, 10**12), ("few", 1), ("none", 0))
    finding = Finding("k" * 300, "warning", "m" * 9_000, "r" * 300, spots, {}, histogram, "c" * 300)
    table = CheckedTable("n" * 300, Path("p" * 300), "text", 1, 0, (finding,), {"x" * 300: "y" * 300})
    for width in (60, 80):
        lines = goldens.printed(findings_screen([table]), width).splitlines()
        assert max(map(len, lines)) <= width
        assert len(lines) < 150


def test_a_bar_stands_for_all_that_is_there_however_little() -> None:
    finding = replace(LENGTHS, histogram=(("many", 100_000), ("one", 1), ("none", 0)), spots=())
    lines = goldens.printed(findings_screen([replace(TEST, findings=(finding,))])).splitlines()
    bars = {line.split()[0]: line for line in lines if line.split()[:1] in (["many"], ["one"], ["none"])}
    assert bars["many"].endswith("100,000 " + "█" * 32)
    assert bars["one"].endswith("1 ▌")
    assert bars["none"].endswith("0")


def test_a_histogram_of_nothing_is_drawn_too() -> None:
    finding = replace(LENGTHS, histogram=(("a", 0), ("b", -3)))
    assert "a 0\n" in goldens.printed(findings_screen([replace(TEST, findings=(finding,))]))


@pytest.mark.parametrize("width", [80, 140])
def test_what_was_cleaned_is_as_stored(width: int) -> None:
    remedied = [
        Remedied("reading", "unreadable", 2, 0),
        Remedied("duplicates", "exact duplicates", 12, 0),
        Remedied("duplicates", "near duplicates", 1_200, 0),
        Remedied("pii", "e-mail addresses", 0, 31),
    ]
    written = [("written", "clean.jsonl"), ("removed", "clean.jsonl.removed.jsonl")]
    screen = cleaned_screen(Path("train.jsonl"), (5_302, 4_088), remedied, written, dict(TRAIN.not_checked))
    goldens.check(f"data-clean-{width}.txt", goldens.printed(screen, width))


def test_where_there_was_nothing_to_clean_the_screen_says_so() -> None:
    text = goldens.printed(cleaned_screen(Path("t.jsonl"), (3, 3), [], [("written", "nothing")], {}))
    assert "nothing to remove or to replace\n" in text
    assert "rows        3 before, 3 after\n" in text
