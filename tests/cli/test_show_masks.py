"""``harness train --show-masks``: the first rows as the model sees them, with what it learns to say."""

from __future__ import annotations

import io
from collections.abc import Sequence

import pytest
from rich.console import Console

from harness.report import numbers
from harness.report.masks import masks_screen
from harness.testing.project import Project
from harness.values import MaskedToken

HOSTILE = "\x1b[31m[bold]pwn[/] \u202egnp ⟦x⟧"


def row(*parts: tuple[str, bool]) -> list[MaskedToken]:
    return [MaskedToken(text, is_learned) for text, is_learned in parts]


CHAT = row(
    ("<|im_start|>", False),
    ("user\n", False),
    ("Where is", False),
    (" it?", False),
    ("<|im_end|>", False),
    ("\n", False),
    ("<|im_start|>", False),
    ("assistant\n", False),
    ("In", True),
    (" Paris", True),
    ("<|im_end|>", True),
    ("\n", False),
)


def shown(rows: Sequence[Sequence[MaskedToken]], of: int = 24, *, colours: bool = False, width: int = 80) -> str:
    system = "truecolor" if colours else None
    console = Console(
        file=io.StringIO(),
        width=width,
        color_system=system,
        force_terminal=colours,
        no_color=not colours,  # type: ignore[arg-type]
    )
    console.print(masks_screen(rows, of))
    assert isinstance(console.file, io.StringIO)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines())


def test_without_colours_what_is_learned_stands_in_brackets() -> None:
    assert shown([CHAT]).splitlines()[3:] == [
        "row 1  12 tokens, 3 learned (25 %)",
        "<|im_start|>user⏎",
        "Where·is·it?<|im_end|>⏎",
        "<|im_start|>assistant⏎",
        "⟦In·Paris<|im_end|>⟧⏎",
        "",
        "1 row: 12 tokens, 3 learned (25 %)",
    ]


def test_with_colours_tokens_have_grounds_by_turns_and_no_brackets() -> None:
    text = shown([CHAT], colours=True)
    assert "⟦" not in text
    learned = [part.split("m", 1) for part in text.split("\x1b[")[1:]]
    styles = {words: codes for codes, words in learned if words in {"In", "·Paris", "Where·is", "·it?"}}
    assert len(set(styles.values())) == 4
    assert styles["In"].split(";")[:2] == ["1", "32"]
    assert "32" not in styles["·it?"].split(";")


def test_a_row_of_which_nothing_is_learned_says_so() -> None:
    assert "0 learned (0 %)  nothing of it is learned" in shown([CHAT, row(("a", False), ("b", False))])
    assert f"0 tokens, 0 learned ({numbers.MISSING})" in shown([[]])


@pytest.mark.parametrize("colours", [False, True])
def test_hostile_tokens_are_shown_and_not_obeyed(colours: bool) -> None:
    text = shown([row((HOSTILE, True), ("\x07\x9b2J", False))], colours=colours)
    assert "\x1b[31m" not in text
    assert not {"\u202e", "\x07", "\x9b"} & set(text)
    assert "␛[31m[bold]pwn[/]" in text


def test_brackets_of_the_text_do_not_pass_for_ours() -> None:
    assert "⟦a[[b]]⟧" in shown([row(("a⟦b⟧", True))])


def test_the_command_shows_rows_and_trains_nothing(project: Project) -> None:
    result = project.run("train", "suite.yaml", "--show-masks")
    assert result.exit_code == 0, result.err
    assert "3 of 24, as the model sees them" in result.out
    assert [line.split("  ")[0] for line in result.out.splitlines() if line.startswith("row ")] == [
        "row 1",
        "row 2",
        "row 3",
    ]
    assert "⟦red<|im_end|>⏎⟧" in result.out.replace("·", "")
    assert not project.record.exists()


def test_the_number_of_rows_and_json(project: Project) -> None:
    told = project.run("train", "suite.yaml", "--show-masks", "2", "--json").json
    assert (len(told["rows"]), told["of"]) == (2, 24)
    learned = "".join(token["text"] for token in told["rows"][1] if token["is_learned"])
    assert learned.startswith("green")
    assert "".join(token["text"] for token in told["rows"][0]).count("train item 0 is coloured like number 0") == 1


def test_a_suite_behind_the_flag_is_told_where_to_stand(project: Project) -> None:
    result = project.run("train", "--show-masks", "suite.yaml")
    assert result.exit_code == 2
    assert "'suite.yaml' is no number of rows; the suite stands before --show-masks" in result.err
