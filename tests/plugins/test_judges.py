"""Rubric, pairwise and panel: what their values say, what is missing and why, and what they ask."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from scripted_judge import (
    JUDGE,
    Script,
    case,
    knowing,
    last,
    levelling,
    number,
    preferring,
    quoted,
    single,
    sound,
    turns,
)

from harness import JudgeModel, JudgingContext, Message, Prompt, Reply, Score, UsageError
from harness.catalog import Catalog
from harness.host import Host
from harness.testing import JudgeContract
from harness.values import Ref
from harness_judges.pairwise import Pairwise
from harness_judges.panel import Panel
from harness_judges.rubric import Criterion, Rubric

MEMBERS = tuple(JudgeModel(name) for name in ("ada", "bob", "eve"))
RIGHT, WRONG = "A dog barks.", "A stone."


class TestPairwiseContract(JudgeContract):
    judge = Pairwise
    options = {"model": {"name": "scripted"}}  # noqa: RUF012 - a ClassVar of the contract

    def reply(self, prompt: Prompt) -> str:
        return sound(prompt)


class TestRubricContract(JudgeContract):
    judge = Rubric
    options = {"model": {"name": "scripted"}}  # noqa: RUF012

    def reply(self, prompt: Prompt) -> str:
        return sound(prompt)


class TestPanelContract(JudgeContract):
    judge = Panel
    options = {"models": [{"name": "ada"}, {"name": "bob"}, {"name": "eve"}]}  # noqa: RUF012

    def reply(self, prompt: Prompt) -> str:
        return sound(prompt)


class TestPanelOfRubricsContract(TestPanelContract):
    options = {"models": [{"name": "ada"}, {"name": "bob"}], "of": "rubric"}  # noqa: RUF012


def compared(say: Callable[[Prompt], str | Reply], baseline: str = WRONG, candidate: str = RIGHT) -> Score:
    return Pairwise(JUDGE).grade([case(baseline, candidate)], Script(say).context)[0]


def graded(say: Callable[[Prompt], str | Reply], **options: Any) -> Score:  # noqa: ANN401
    return Rubric(JUDGE, **options).grade([single(RIGHT)], Script(say).context)[0]


def test_what_both_orders_prefer_wins() -> None:
    assert compared(knowing("dog")).value == 1.0
    assert compared(knowing("stone")).value == 0.0
    assert compared(knowing("dog")).details["orders"] == [1.0, 1.0]


@pytest.mark.parametrize(("place", "orders"), [("first", [0.0, 1.0]), ("second", [1.0, 0.0])])
def test_a_judge_that_only_looks_at_the_place_gives_a_tie_and_its_orders_show_it(
    place: str, orders: list[float]
) -> None:
    score = compared(lambda prompt: preferring(place, prompt))

    assert (score.value, score.details["orders"]) == (0.5, orders)


def test_a_tie_in_one_order_only_is_a_tie() -> None:
    def say(prompt: Prompt) -> str:
        return preferring("second" if quoted(prompt)["SECOND ANSWER"] == [RIGHT] else "tie", prompt)

    assert (compared(say).value, compared(say).details["orders"]) == (0.5, [1.0, 0.5])


def test_both_orders_are_asked_always_and_each_with_a_number_of_its_own() -> None:
    script = Script(sound)
    Pairwise(JUDGE).grade([case(WRONG, RIGHT)], script.context)

    shown = [quoted(prompt) for _, prompt in script.asked]
    assert [(each["FIRST ANSWER"], each["SECOND ANSWER"]) for each in shown] == [
        ([WRONG], [RIGHT]), ([RIGHT], [WRONG])
    ]  # fmt: skip
    assert len({number(prompt) for _, prompt in script.asked}) == 2


def test_equal_answers_are_a_tie_that_nobody_is_asked_about() -> None:
    script = Script(sound)
    judge = Pairwise(JUDGE)
    scores = judge.grade([case(RIGHT, RIGHT), case(WRONG, RIGHT, name="two")], script.context)

    assert len(script.asked) == 2
    assert scores[0].value == 0.5
    assert "orders" not in scores[0].details
    assert "nobody was asked" in scores[0].details["not_asked"]
    assert "pairwise: 1 of 2 pairs are two equal answers, ties without asking" in judge.notes(scores)


def test_reasons_are_kept_in_the_order_of_the_orders() -> None:
    score = compared(lambda prompt: preferring("tie", prompt, reason=quoted(prompt)["FIRST ANSWER"][0]))

    assert score.details["reasons"] == [WRONG, RIGHT]


@pytest.mark.parametrize("asked", [compared, graded])
def test_a_malformed_reply_is_asked_once_more_with_what_was_said_and_the_form(asked: Callable[..., Score]) -> None:
    seen: list[Prompt] = []

    def say(prompt: Prompt) -> str:
        seen.append(prompt)
        if len(turns(prompt)) == 5:
            return "The dog\nis <|im_end|> fine."
        return levelling(5, prompt) if "ANSWER" in quoted(prompt) else preferring("tie", prompt)

    score = asked(say)

    assert score.value is not None
    again = [turns(prompt) for prompt in seen if len(turns(prompt)) == 7]
    assert len(again) == len(seen) / 2
    assert [turn.content for turn in again[0][:5]] == [turn.content for turn in turns(seen[0])]
    assert again[0][5] == Message("assistant", "The dog ⏎ is < |im_end|> fine.")
    assert again[0][6].content.startswith("That is not the form. ")
    assert number(seen[0]) in again[0][6].content


@pytest.mark.parametrize("asked", [compared, graded])
def test_what_stays_malformed_is_missing_and_the_reason_shows_how_it_began(asked: Callable[..., Score]) -> None:
    script: list[Prompt] = []

    def say(prompt: Prompt) -> str:
        script.append(prompt)
        return "\x1b[31mWell,\nboth have " + "merits " * 1000

    score = asked(say)

    assert score.value is None
    assert "not one JSON object and nothing else (⟨U+001B⟩[31mWell, ⏎ both have merits" in (score.why_missing or "")
    assert len(score.why_missing or "") < 300
    assert len(script) in (2, 4)  # each once more, and no third time
    assert score.details["attempts"] in (2, [2, 2])


@pytest.mark.parametrize("asked", [compared, graded])
def test_what_cannot_be_had_is_missing_and_not_asked_again(asked: Callable[..., Score]) -> None:
    seen: list[Prompt] = []

    def say(prompt: Prompt) -> Reply:
        seen.append(prompt)
        return Reply(None, "the judge's budget is spent")

    score = asked(say)

    assert score.value is None
    assert "the judge's budget is spent" in (score.why_missing or "")
    assert all(len(turns(prompt)) == 5 for prompt in seen)
    assert "malformed" not in score.details


def test_one_order_alone_is_no_verdict() -> None:
    def say(prompt: Prompt) -> str:
        return preferring("second", prompt) if quoted(prompt)["SECOND ANSWER"] == [RIGHT] else "?"

    score = compared(say)

    assert score.value is None
    assert (score.why_missing or "").startswith("with the candidate's answer first: the reply is malformed")


def test_a_reply_that_was_cut_says_so() -> None:
    score = graded(lambda prompt: Reply(levelling(5, prompt)[:40], None, "length"))

    assert "the reply is malformed, cut at max_new_tokens" in (score.why_missing or "")


def good(prompt: Prompt) -> dict[str, Any]:
    return {"case": number(prompt), "reason": "r", "verdict": "second"}


MALFORMED: dict[str, Callable[[Prompt], str]] = {
    "words before it": lambda prompt: "Here: " + json.dumps(good(prompt)),
    "words after it": lambda prompt: json.dumps(good(prompt)) + " Done.",
    "two objects": lambda prompt: json.dumps(good(prompt)) * 2,
    "a list around it": lambda prompt: json.dumps([good(prompt)]),
    "another number": lambda prompt: json.dumps(good(prompt) | {"case": "00000000"}),
    "the number of an example": lambda prompt: json.dumps(good(prompt) | {"case": "example1"}),
    "no number": lambda prompt: json.dumps({"reason": "r", "verdict": "second"}),
    "a key too many": lambda prompt: json.dumps(good(prompt) | {"confidence": 1}),
    "no reason": lambda prompt: json.dumps({"case": number(prompt), "verdict": "second"}),
    "a reason that is no text": lambda prompt: json.dumps(good(prompt) | {"reason": 1}),
    "a key twice": lambda prompt: json.dumps(good(prompt))[:-1] + ', "verdict": "first"}',
    "a fourth word": lambda prompt: json.dumps(good(prompt) | {"verdict": "both"}),
    "a word in capitals": lambda prompt: json.dumps(good(prompt) | {"verdict": "SECOND"}),
    "a verdict in a list": lambda prompt: json.dumps(good(prompt) | {"verdict": ["second"]}),
    "two fences": lambda prompt: f"```json\n```json\n{json.dumps(good(prompt))}\n```\n```",
    "half a fence": lambda prompt: f"```json\n{json.dumps(good(prompt))}",
    "not a number": lambda prompt: json.dumps(good(prompt) | {"reason": float("nan")}),
    "endless digits": lambda prompt: '{"case": ' + "9" * 90_000 + "}",
    "endless brackets": lambda prompt: '{"case": ' + "[" * 90_000,
    "an endless reason": lambda prompt: json.dumps(good(prompt) | {"reason": "r" * 200_000}),
    "in single quotes": lambda prompt: str(good(prompt)),
}


@pytest.mark.parametrize("how", MALFORMED)
def test_every_other_form_of_a_verdict_is_malformed(how: str) -> None:
    score = compared(MALFORMED[how])

    assert score.value is None
    assert score.details["malformed"] == 2


@pytest.mark.parametrize("form", ["{}", "\n {} \n", "```json\n{}\n```", "```\n{}\n```"])
def test_the_object_may_stand_in_one_fence(form: str) -> None:
    assert compared(lambda prompt: form.replace("{}", json.dumps(good(prompt)))).value == 0.5


@pytest.mark.parametrize("level", [0, 6, -1, 3.0, "3", True, None, [3]])
def test_a_level_is_a_whole_number_within_the_range(level: object) -> None:
    assert graded(lambda prompt: levelling(level, prompt)).value is None


def test_a_grade_is_the_mean_over_the_criteria_each_on_its_own_scale() -> None:
    criteria = {"tone": Criterion("The answer is polite.", ("rude", "polite")), "facts": "The answer is right."}

    def say(prompt: Prompt) -> str:
        return levelling(2, prompt, ("tone", "facts"))

    score = graded(say, criteria=criteria)

    assert score.value == pytest.approx((1 + 0.25) / 2)
    assert score.details["levels"] == {"tone": 2, "facts": 2}
    assert score.details["reasons"] == ["So."]
    assert graded(lambda prompt: levelling(5, prompt, ("tone", "facts")), criteria=criteria).value is None
    assert graded(lambda prompt: levelling(1, prompt, ("tone",)), criteria=criteria).value is None


def test_the_judge_reads_criteria_levels_and_instructions() -> None:
    script = Script(sound)
    judge = Rubric(JUDGE, {"tone": Criterion("Polite?", ("rude", "fine"))}, "The readers are children.")
    judge.grade([single(RIGHT)], script.context)

    shown = last(script.asked[0][1])
    for line in ("The readers are children.", "Criterion tone: Polite?", "1 = rude", "2 = fine"):
        assert line in shown.splitlines()


@pytest.mark.parametrize("judge", [Pairwise(JUDGE), Rubric(JUDGE)])
def test_references_are_shown_as_such_unless_they_are_not_wanted(judge: Pairwise | Rubric) -> None:
    one = case(WRONG, RIGHT, "Dogs.") if judge.compares else single(RIGHT, "Dogs.")
    for shows in (True, False):
        script = Script(sound)
        replace(judge, show_references=shows).grade([one], script.context)
        assert (quoted(script.asked[0][1]).get("REFERENCE") == ["Dogs."]) is shows
        assert ("A reference is one right answer" in last(script.asked[0][1])) is shows


def test_of_many_references_five_are_shown_and_the_rest_is_counted() -> None:
    script = Script(sound)
    Rubric(JUDGE).grade([single(RIGHT, *map(str, range(9)))], script.context)

    assert [title for title in quoted(script.asked[0][1]) if "REFERENCE" in title][-1] == "REFERENCE 5"
    assert "4 more references" in last(script.asked[0][1])


def test_a_conversation_is_quoted_turn_by_turn() -> None:
    script = Script(sound)
    asked = (Message("system", "Be brief."), Message("user", "Who barks?"))
    Rubric(JUDGE).grade([single(RIGHT, prompt=asked)], script.context)

    texts = quoted(script.asked[0][1])
    assert texts["TASK, turn 1 (system)"] == ["Be brief."]
    assert texts["TASK, turn 2 (user)"] == ["Who barks?"]


def test_of_a_long_answer_both_ends_are_shown_and_the_details_count_the_rest() -> None:
    script = Script(sound)
    answer = "a" * 600 + "b" * 3_000 + "c" * 600
    pair = Pairwise(JUDGE, max_answer_chars=1_000).grade([case(RIGHT, answer)], script.context)[0]
    alone = Rubric(JUDGE, max_answer_chars=1_000).grade([single(answer)], script.context)[0]

    assert quoted(script.asked[0][1])["SECOND ANSWER"] == ["a" * 500, "c" * 500]
    assert "(3,200 characters are left out here)" in last(script.asked[0][1]).splitlines()
    assert pair.details["left_out"] == {"the candidate's answer": 3_200}
    assert alone.details["left_out"] == {"ANSWER": 3_200}


def test_the_number_of_a_case_hangs_on_all_that_is_shown_and_on_the_seed() -> None:
    def number_of(one: Any, seed: int = 7) -> str:  # noqa: ANN401
        script = Script(sound)
        Rubric(JUDGE).grade([one], JudgingContext(script.ask, "task", seed))
        return number(script.asked[0][1])

    cases = [single("x"), single("y"), single("x", "t"), single("x", prompt="p"), single("x", name="two")]
    assert len({number_of(one) for one in cases}) == len(cases)
    assert number_of(single("x"), 8) != number_of(single("x"))
    assert number_of(single("x")) == number_of(single("x"))


def test_notes_tell_how_often_the_orders_disagree_and_how_many_replies_were_malformed() -> None:
    scores = [
        Score("a", 0.5, None, {"orders": [0.0, 1.0]}),
        Score("b", 0.5, None, {"orders": [0.5, 0.5]}),
        Score("c", 1.0, None, {"orders": [1.0, 1.0]}),
        Score("d", None, "why", {"malformed": 2}),
    ]

    assert Pairwise(JUDGE).notes(scores) == [
        "pairwise: the two orders disagree on 1 of 3 pairs (33%)",
        "pairwise: 1 of 4 items have no grade, since the reply was malformed and again malformed",
    ]
    assert Rubric(JUDGE).notes(scores) == [
        "rubric: 1 of 4 items have no grade, since the reply was malformed and again malformed"
    ]


class Panelists:
    """Each member judges in its own way."""

    def __init__(self, **say: Callable[[Prompt], str]) -> None:
        self.say = say

    def ask(self, model: JudgeModel, prompts: Sequence[Prompt]) -> list[Reply]:
        return [Reply(self.say[model.name](prompt)) for prompt in prompts]

    @property
    def context(self) -> JudgingContext:
        return JudgingContext(self.ask, "task", 7)


DOG, STONE = knowing("dog"), knowing("stone")


def mute(prompt: Prompt) -> str:
    return "?"


def undecided(prompt: Prompt) -> str:
    return preferring("tie", prompt)


@pytest.mark.parametrize(
    ("members", "value"),
    [
        ({"ada": DOG, "bob": DOG, "eve": STONE}, 1.0),
        ({"ada": STONE, "bob": DOG, "eve": STONE}, 0.0),
        ({"ada": STONE, "bob": DOG, "eve": undecided}, 0.5),
        ({"ada": undecided, "bob": DOG, "eve": DOG}, 1.0),
        ({"ada": mute, "bob": DOG, "eve": DOG}, 1.0),
        ({"ada": mute, "bob": DOG, "eve": STONE}, 0.5),
        ({"ada": mute, "bob": mute, "eve": DOG}, None),
    ],
)
def test_a_panel_says_what_most_of_its_members_say(
    members: dict[str, Callable[[Prompt], str]], value: float | None
) -> None:
    score = Panel(MEMBERS).grade([case(WRONG, RIGHT)], Panelists(**members).context)[0]

    assert score.value == value
    assert list(score.details["members"]) == ["ada", "bob", "eve"]
    if value is None:
        assert (score.why_missing or "").startswith("1 of 3 members gave a value and 2 are needed; ada: ")
        assert set(score.details["why_missing"]) == {"ada", "bob"}
    else:
        assert score.details["orders"] == [value, value]


def test_the_quorum_is_what_the_suite_says() -> None:
    members = Panelists(ada=mute, bob=mute, eve=DOG)

    assert Panel(MEMBERS, quorum=1).grade([case(WRONG, RIGHT)], members.context)[0].value == 1.0
    members.say["bob"] = DOG
    assert Panel(MEMBERS, quorum=3).grade([case(WRONG, RIGHT)], members.context)[0].value is None


def test_a_panel_of_rubrics_gives_the_mean() -> None:
    members = Panelists(ada=DOG, bob=STONE, eve=DOG)
    score = Panel(MEMBERS, of="rubric").grade([single(RIGHT)], members.context)[0]

    assert score.value == pytest.approx(2 / 3)
    assert score.details["members"] == {"ada": 1.0, "bob": 0.0, "eve": 1.0}
    assert set(score.details["reasons"]) == {"ada", "bob", "eve"}


def test_members_are_asked_with_the_options_of_the_panel() -> None:
    script = Script(lambda prompt: levelling(1, prompt, ("tone",)))
    panel = Panel(
        MEMBERS, of="rubric", criteria={"tone": "Polite."}, instructions="For children.", max_answer_chars=100
    )
    scores = panel.grade([single("x" * 300, "ref")], script.context)

    assert scores[0].details["levels"] == {name: {"tone": 1} for name in ("ada", "bob", "eve")}
    assert scores[0].details["left_out"] == {"ANSWER": 200}
    assert "For children." in last(script.asked[0][1])


def rated(*rows: Sequence[float | None]) -> list[Score]:
    """Scores of a panel with one row of values a member."""
    return [
        Score(str(place), 0.5, None, {"members": dict(zip(("ada", "bob", "eve"), column, strict=True))})
        for place, column in enumerate(zip(*rows, strict=True))
    ]


def test_the_agreement_is_krippendorffs_alpha() -> None:
    """The three raters of Wikipedia's example: 0.691 nominal, 0.811 interval, on the twelve units that two rated."""
    none = None
    rows = (
        (none, none, none, none, none, 3, 4, 1, 2, 1, 1, 3, 3, none, 3),
        (1, none, 2, 1, 3, 3, 4, 3, none, none, none, none, none, none, none),
        (none, none, 2, 1, 3, 4, 4, none, 2, 1, 1, 3, 3, none, 4),
    )
    counted = "3 judges, 12 items that two or more of them judged"

    nominal, interval = Panel(MEMBERS).notes(rated(*rows)), Panel(MEMBERS, of="rubric").notes(rated(*rows))

    assert nominal[0].startswith(f"panel: Krippendorff's alpha is 0.69, nominal ({counted}")
    assert interval[0].startswith(f"panel: Krippendorff's alpha is 0.81, interval ({counted}")
    assert "panel: bob gave no value on 8 of 15 items" in nominal


@pytest.mark.parametrize("rows", [((1.0, 1.0), (1.0, 1.0), (1.0, 1.0)), ((1.0, 0.0), (None, None), (None, None))])
def test_where_nothing_differs_the_agreement_cannot_be_told(rows: tuple[tuple[float | None, ...], ...]) -> None:
    assert "cannot be told: no two values differ" in Panel(MEMBERS).notes(rated(*rows))[0]


def test_pairs_that_nobody_was_asked_about_do_not_count_as_agreement() -> None:
    members = Panelists(ada=DOG, bob=STONE, eve=DOG)
    panel = Panel(MEMBERS)
    pairs = [case(RIGHT, RIGHT), case(WRONG, RIGHT, name="two"), case(RIGHT, WRONG, name="three")]

    assert "3 judges, 2 items" in panel.notes(panel.grade(pairs, members.context))[0]


@pytest.mark.parametrize(
    ("name", "options", "complaint"),
    [
        ("rubric", {}, "model"),
        ("rubric", {"model": {"name": "m"}, "criteria": {}}, "name at least one"),
        ("rubric", {"model": {"name": "m"}, "criteria": {"a\nb": "x"}}, "is no name of a criterion"),
        ("rubric", {"model": {"name": "m"}, "criteria": {"a": " "}}, "say what is asked of the answer"),
        ("rubric", {"model": {"name": "m"}, "criteria": {"a": {"description": "x", "levels": ["y"]}}}, "from 2 to 10"),
        ("rubric", {"model": {"name": "m"}, "criteria": {"a": {"text": "x"}}}, "criteria"),
        ("rubric", {"model": {"name": "m"}, "max_answer_chars": 5}, "max_answer_chars is at least 100"),
        ("pairwise", {"model": {"name": "m"}, "instructions": " "}, "instructions are empty"),
        ("pairwise", {"model": {"name": "m"}, "criteria": {}}, "has no option 'criteria'"),
        ("panel", {}, "two models or more"),
        ("panel", {"models": [{"name": "m"}]}, "two models or more"),
        ("panel", {"models": [{"name": "m"}, {"name": "m"}]}, "sits on the panel twice"),
        ("panel", {"models": [{"name": "m"}, {"name": "n"}], "quorum": 3}, "quorum is from 1 to 2"),
        ("panel", {"models": [{"name": "m"}, {"name": "n"}], "criteria": {"a": "x"}}, "criteria are for 'of: rubric'"),
        ("panel", {"models": [{"name": "m"}, {"name": "n"}], "of": "votes"}, "of: "),
    ],
)
def test_a_bad_option_is_refused_in_one_sentence(name: str, options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint) as raised:
        Catalog.build(Host.load()).make("judge", Ref(name, options))

    assert len(str(raised.value).splitlines()) == 1


def test_a_suite_writes_criteria_as_texts_or_with_levels() -> None:
    criteria = {"tone": "Polite.", "facts": {"description": "Right.", "levels": ["wrong", "right"]}}
    judge = Catalog.build(Host.load()).make("judge", Ref("rubric", {"model": {"name": "m"}, "criteria": criteria}))

    assert judge.instance.criteria["facts"] == Criterion("Right.", ("wrong", "right"))
    assert judge.instance.compares is False
