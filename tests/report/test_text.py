from __future__ import annotations

import unicodedata

import pytest
from goldens import printed
from hypothesis import given
from hypothesis import strategies as st
from sample_values import HOSTILE

from harness.report.text import head, inert, plain, tail


def test_an_escape_sequence_is_shown_and_not_obeyed() -> None:
    assert inert("\x1b[31mred") == "␛[31mred"


def test_bidirectional_controls_are_shown_by_their_numbers() -> None:
    assert inert("\u202egnp.exe") == "⟨U+202E⟩gnp.exe"


def test_invisible_characters_are_shown_by_their_numbers() -> None:
    assert inert("a\u200bb\ufeff\U000e0041\u2028") == "a⟨U+200B⟩b⟨U+FEFF⟩⟨U+E0041⟩⟨U+2028⟩"


def test_a_lone_surrogate_can_be_printed() -> None:
    inert("\ud800").encode()


def test_a_line_feed_stays_one_only_where_lines_are_wanted() -> None:
    assert inert("a\nb") == "a⏎b"
    assert inert("a\n\tb\r", lines=True) == "a\n␉b␍"


@pytest.mark.parametrize(
    "text",
    ["naïve café", "日本語", "👩\u200d🔬", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "a \N{EN DASH} b"],
)
def test_honest_text_stays_as_it_is(text: str) -> None:
    assert inert(text) == text


def test_markup_is_text() -> None:
    assert printed(plain("[bold]x[/bold] :smile: [link=http://x]y[/link]")).startswith("[bold]x[/bold] :smile: [link=")


@given(st.text())
def test_nothing_that_acts_is_left(text: str) -> None:
    acting = {character for character in inert(text) if unicodedata.category(character) in {"Cc", "Cf", "Cs"}}
    assert acting <= {"\u200c", "\u200d"}


def test_what_is_cut_says_so() -> None:
    assert head("abcdef", 4) == "abcd … (2 more characters)"
    assert tail("abcdef", 4) == "… cdef"
    assert head("abcd", 4) == tail("abcd", 4) == "abcd"


def test_the_hostile_sample_holds_what_it_should() -> None:
    assert {"\x1b", "\u202e", "<", "[", "|", "\x9b", "\x07"} <= set(HOSTILE)
