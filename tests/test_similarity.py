"""Near duplicates: what an edit leaves the same, what makes another text, and what no text may cost."""

from __future__ import annotations

import random
import subprocess
import sys
import time
import unicodedata
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.similarity import Alike, folded, groups, how_alike, near_duplicates, near_matches

PARAGRAPH = (
    "The old lighthouse on the northern cliff was built by fishermen who had lost their boats in a winter storm. "
    "For many years its lamp burned whale oil, and a keeper climbed the narrow stairs every evening to trim the wick. "
    "Later the harbour office replaced the lamp with an electric bulb, so nobody has to live in the tower any more. "
    "Visitors may still walk up and look across the water, where seals rest on the flat rocks below."
)
QUESTION = "Which tools does a beginner need to repair a wooden chair?"

SAME = {
    "letter case": (PARAGRAPH, PARAGRAPH.upper()),
    "punctuation": (PARAGRAPH, PARAGRAPH.replace(",", "").replace(".", "!!!")),
    "joined by lost punctuation": (
        PARAGRAPH.replace("narrow", "well-worn").replace("electric", "energy-saving"),
        PARAGRAPH.replace("narrow", "wellworn").replace("electric", "energysaving"),
    ),
    "white space": (PARAGRAPH, "\n" + PARAGRAPH.replace(" ", " \t\u00a0\n")),
    "sentences in another order": (PARAGRAPH, " ".join(reversed(PARAGRAPH.split(". ")))),
    "sentences of a short text": ("Be brief. What is the tallest tree?", "What is the tallest tree? Be brief."),
    "neighbours that changed places": (PARAGRAPH, PARAGRAPH.replace("old lighthouse", "lighthouse old")),
    "neighbours in a short text": (QUESTION, QUESTION.replace("wooden chair", "chair wooden")),
    "one word replaced": (PARAGRAPH, PARAGRAPH.replace("narrow", "steep")),
    "one function word replaced": (QUESTION, QUESTION.replace("a wooden", "the wooden")),
    "15 % of the words replaced": (
        PARAGRAPH,
        PARAGRAPH.replace("old", "grey").replace("fishermen", "sailors").replace("winter", "sudden")
        .replace("burned", "used").replace("narrow", "steep").replace("evening", "night").replace("bulb", "light")
        .replace("tower", "house").replace("walk", "climb").replace("flat", "smooth"),
    ),
    "words dropped": (PARAGRAPH, PARAGRAPH.replace("northern ", "").replace("whale ", "").replace("narrow ", "")),
    "words added": (PARAGRAPH, PARAGRAPH.replace("lamp", "bright brass lamp").replace("water", "cold grey water")),
    "a frame around it": (f"Please tell me: {QUESTION}", QUESTION),
    "a long frame around it": (f"Hello, could you please tell me the following? {QUESTION} Thanks!", QUESTION),
    "synonyms of function words": (QUESTION, "What tools does the beginner need for to repair a wooden chair?"),
    "a slip of the pen": (QUESTION, QUESTION.replace("beginner", "beginer")),
    "a plural": (QUESTION, QUESTION.replace("chair", "chairs")),
    "a short form": ("You do not need a licence to fish here.", "You don't need a licence to fish here"),
    "other digits": ("It opens at 10 and costs 1,000 crowns.", "It opens at \uff11\uff10 and costs 1000 crowns."),
}  # fmt: skip

OTHER = {
    "another country": ("What is the capital of France?", "What is the capital of Spain?"),
    "another thing": ("Write a short poem about the sea at dawn.", "Write a short poem about the forest at dawn."),
    "another thing in small letters": ("how do i repair lamps at home", "how do i repair boots at home"),
    "another number": ("Order 1234 has not arrived yet.", "Order 9876 has not arrived yet."),
    "another year": ("Who won the cup in 1987?", "Who won the cup in 1978?"),
    "a number in words": ("List two reasons for the war.", "List three reasons for the war."),
    "a sign": ("What is the square of -5?", "What is the square of 5?"),
    "an operator": ("What is 3 + 4?", "What is 3 - 4?"),
    "a language": ("Write a sorting function in C++.", "Write a sorting function in C#."),
    "a filled template": tuple(
        f"Order {number} of {name}: my parcel was left in front of the door in the rain although I asked you to bring "
        "it to the neighbour, and now the box is wet and the lamp inside does not work; please send me a new one soon."
        for number, name in (("4711", "Anna"), ("0815", "Bruno"))
    ),
    "a name in a long text": (
        PARAGRAPH.replace("keeper", "man called Jonas"),
        PARAGRAPH.replace("keeper", "man called Luis"),
    ),
    "a negation": ("Is it safe to eat these mushrooms?", "Is it not safe to eat these mushrooms?"),
    "a negation in a sentence": (
        "You should open the valve before the pump starts to run in the morning.",
        "You should never open the valve before the pump starts to run in the morning.",
    ),
    "a negating prefix": (
        "The agreement that both of them signed at the bank in front of two witnesses is valid in most courts.",
        "The agreement that both of them signed at the bank in front of two witnesses is invalid in most courts.",
    ),
    "another question word": (
        "Who built the old bridge in Prague?",
        "When was it that they built the old bridge in Prague?",
    ),
    "an opposite": (
        "Should the dough rest before baking it in the oven with the lid on the pot?",
        "Should the dough rest after baking it in the oven with the lid on the pot?",
    ),
    "changed places": ("How do I fly from Paris to London?", "How do I fly from London to Paris?"),
    "changed places, and a frame": ("Convert euros to dollars.", "Please convert dollars to euros."),
    "a narrower question": ("What is the capital?", "What is the capital of Mexico?"),
    "another question on one passage": (
        f"{PARAGRAPH} Why was the lamp replaced?",
        f"{PARAGRAPH} Why do seals visit the rocks?",
    ),
    "only function words": ("How are you?", "How are they?"),
    "emoji": ("😀", "😡"),
    "Chinese": ("中国的首都是哪里\uff1f", "法国的首都是哪里\uff1f"),
    "punctuation only": ("...", "?!"),
    "lone surrogates": ("\ud800", "\ud801"),
}  # fmt: skip


def pairs_of(found: list[Alike]) -> list[tuple[int, int]]:
    return [(pair.first, pair.second) for pair in found]


@pytest.mark.parametrize("edit", SAME)
def test_an_edit_that_leaves_what_is_said_is_found(edit: str) -> None:
    one, other = SAME[edit]
    assert pairs_of(near_duplicates([one, "Something else altogether.", other])) == [(0, 2)]
    assert pairs_of(near_matches([other], ["Nothing of the kind.", one])) == [(0, 1)]


def test_words_written_together_or_apart_are_the_same() -> None:
    assert (
        how_alike("The well-known re-entry check of pandas.Index", "The wellknown reentry check of pandasIndex") > 0.95
    )


@pytest.mark.parametrize("edit", OTHER)
def test_what_says_something_else_is_left_alone(edit: str) -> None:
    one, other = OTHER[edit]
    assert near_duplicates([one, other]) == near_matches([one], [other]) == []
    assert how_alike(one, other) == how_alike(other, one) < 0.8


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Hello,  WORLD!", "hello world"), ("**Bold** text", "bold text"), ("- first\n- second", "first second"),
        ("n_rows", "nrows"), ("don\u2019t", "don't"), ("\u22125", "-5"), ("ﬁne", "fine"), ("STRASSE", "straße"),
        ("今天 天气", "今天天气"), ("1,000", "1000"), ("a\u200bb", "ab"), ("(see above)", "see above"),
    ],
)  # fmt: skip
def test_case_punctuation_and_white_space_fold(one: str, other: str) -> None:
    assert folded(one) == folded(other) != ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("C++", "C"), ("C#", "C"), ("-5", "5"), ("3.14", "314"), ("5%", "5"), ("a + b", "a - b"), ("a*b", "a/b"),
        ("x == y", "x = y"), ("!x", "x"), ("[1, 2]", "(1, 2)"), ("😀", "😡"), ("...", "!!!"), ("\ud800", "\ud801"),
        ("हिन्दी", "हन्द"), ("R&D", "R D"), ("cafe", "café"),
    ],
)  # fmt: skip
def test_what_tells_texts_apart_does_not_fold_away(one: str, other: str) -> None:
    assert folded(one) != folded(other)
    assert "" not in (folded(one), folded(other))


@pytest.mark.parametrize("blank", ["", " \n\t", "\u200b", "\x00"])
def test_a_blank_text_is_like_no_other(blank: str) -> None:
    assert near_duplicates([blank, blank, "a", "a"]) == [(2, 3, 1.0)]
    assert near_matches([blank], [blank]) == []


@given(st.text(max_size=60))
def test_only_what_shows_nothing_folds_to_nothing(text: str) -> None:
    shows = any(unicodedata.category(mark) not in ("Cc", "Cf", "Zl", "Zp", "Zs") for mark in text)
    assert bool(folded(text)) == shows


@given(st.lists(st.text(max_size=40), max_size=6))
def test_any_texts_can_be_compared_each_wholly_like_itself(texts: list[str]) -> None:
    found = near_duplicates([*texts, *texts])
    again = {second for first, second, similarity in found if similarity == 1}
    assert all(first < second and 0.8 <= similarity <= 1 for first, second, similarity in found)
    assert {place + len(texts) for place, text in enumerate(texts) if folded(text)} <= again


def test_exact_copies_are_joined_to_the_earliest_and_to_no_other() -> None:
    texts = [PARAGRAPH, QUESTION, PARAGRAPH.upper(), PARAGRAPH, QUESTION]
    assert near_duplicates(texts) == [(0, 2, 1.0), (0, 3, 1.0), (1, 4, 1.0)]


def test_matches_name_every_copy_on_both_sides_once() -> None:
    found = near_matches([QUESTION, "else", QUESTION.upper(), QUESTION], ["no", QUESTION, QUESTION])
    assert found == [(0, 1, 1.0), (0, 2, 1.0), (2, 1, 1.0), (3, 1, 1.0)]
    near = near_matches([QUESTION, QUESTION], [f"Please tell me: {QUESTION}", f"please tell me {QUESTION}"])
    assert pairs_of(near) == [(0, 0), (0, 1), (1, 0)]
    assert all(0.8 <= pair.similarity < 1 for pair in near)


def test_matches_do_not_look_within_one_side() -> None:
    assert near_matches([QUESTION, QUESTION], ["Something else."]) == near_matches([], [QUESTION, QUESTION]) == []


def test_a_higher_limit_finds_less_and_a_lower_more() -> None:
    texts = [*SAME["15 % of the words replaced"]]
    [found] = near_duplicates(texts)
    assert near_duplicates(texts, least=0.95) == []
    assert near_duplicates(texts, least=found.similarity) == [found]
    some = PARAGRAPH.split(". ")
    half = [". ".join(some), ". ".join([*some[:2], "Mushrooms grow best in damp woods after warm rain."])]
    assert near_duplicates(half) == []
    assert pairs_of(near_duplicates(half, least=0.4)) == [(0, 1)]


@pytest.mark.parametrize("least", [0, -1, 1.1, float("nan")])
def test_a_limit_that_is_no_similarity_is_refused(least: float) -> None:
    with pytest.raises(ValueError, match=r"above 0 and at most 1.*0\.8"):
        near_duplicates(["a"], least=least)


def test_groups_are_what_chains_of_pairs_join() -> None:
    pairs = [Alike(3, 4, 1.0), Alike(0, 5, 0.9), Alike(4, 5, 0.9), Alike(1, 2, 0.8)]
    assert groups(7, pairs) == groups(7, pairs[::-1]) == [0, 1, 1, 0, 0, 0, 6]


def sentences(count: int) -> Iterator[str]:
    """Texts of which no two are alike."""
    draw = random.Random(3)
    words = ["".join(draw.choice("bdfglmnprst") + draw.choice("aeiou") for _ in range(3)) for _ in range(900)]
    for _ in range(count):
        yield " ".join(draw.sample(words, 30))


def edited(text: str, draw: random.Random) -> str:
    words = text.split()
    words[draw.randrange(len(words))] = "something"
    return " ".join(words)


def test_every_planted_copy_among_many_is_found_and_nothing_else() -> None:
    draw = random.Random(5)
    texts = list(sentences(600))
    planted = {(place, len(texts) + number) for number, place in enumerate(range(0, 600, 10))}
    texts += [edited(texts[place], draw) for place, _ in sorted(planted)]
    assert set(pairs_of(near_duplicates(texts))) == planted


def test_the_order_of_the_texts_changes_no_pair() -> None:
    draw = random.Random(7)
    texts = list(sentences(300))
    texts += [edited(text, draw) for text in texts[::5]]
    order = draw.sample(range(len(texts)), len(texts))
    turned = near_duplicates([texts[place] for place in order])
    back = sorted((*sorted((order[first], order[second])), similarity) for first, second, similarity in turned)
    assert back == near_duplicates(texts)


def test_another_process_finds_the_same() -> None:
    program = (
        "import random, sys; sys.path.insert(0, 'tests')\n"
        "from test_similarity import edited, near_duplicates, sentences\n"
        "draw = random.Random(7); texts = list(sentences(200)); texts += [edited(text, draw) for text in texts]\n"
        "print(near_duplicates(texts))"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", program], env={"PYTHONHASHSEED": seed, "PATH": ""}, check=True, capture_output=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(told) == 1
    assert told.pop().count(b"Alike") == 200


def test_an_instruction_that_all_share_hides_nothing() -> None:
    inputs = list(sentences(60))
    shown = [f"{PARAGRAPH} Sum up this text: {' '.join(each.split()[:5])}" for each in inputs]
    assert near_duplicates(shown) == []
    assert pairs_of(near_duplicates([*shown, f"{shown[7]} please"])) == [(7, 60)]


def test_a_template_among_many_other_texts_is_known_by_its_crowd() -> None:
    others = list(sentences(1_500))
    things = sorted({word for text in others for word in text.split()})[:100]
    texts = [
        f"Write a friendly letter about our new {thing} to some customer who bought another one last winter in the "
        "shop near the old town hall and ask whether everything works as promised when we sold it"
        for thing in things
    ]
    assert how_alike(texts[0], texts[1]) >= 0.8
    assert near_duplicates([*others, *texts]) == []


def test_texts_of_nothing_but_common_words_are_found_too() -> None:
    texts = [f"Here is the weather report for today: {text}" for text in sentences(60)]
    pair = ["Weather report for today.", "Please give me the weather report for today!"]
    assert pairs_of(near_duplicates([*texts, *pair])) == [(60, 61)]


def test_a_template_filled_in_with_other_words_is_no_copy_and_a_copy_within_it_is_found() -> None:
    things = sorted({word for text in sentences(40) for word in text.split()})[:400]
    texts = [
        f"Write a friendly letter about our new {thing} to a customer who bought one last year" for thing in things
    ]
    assert near_duplicates(texts) == []
    assert pairs_of(near_duplicates([*texts, f"Please {texts[33]}"])) == [(33, 400)]


HOSTILE = {
    "one letter": lambda: "a" * 1_000_000,
    "one letter, asked": lambda: "?" + "a" * 1_000_000,
    "one word": lambda: "a " * 400_000,
    "signs": lambda: "=<[{-'_*" * 100_000,
    "digits and commas": lambda: "1,111" * 150_000,
    "surrogates": lambda: "\ud800\udc00 \udfff" * 100_000,
    "marks": lambda: "\u0301" * 500_000,
    "one ideograph": lambda: "今" * 100_000,
    "one Thai letter": lambda: "\u0e01" * 100_000,
    "names": lambda: "and Aa, " * 100_000,
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_text_takes_seconds_at_most(kind: str) -> None:
    text = HOSTILE[kind]()
    began = time.process_time()
    assert near_duplicates([text, "a", text]) == [(0, 2, 1.0)]
    near_duplicates([text, f"{text} b"])
    how_alike(text, f"{text}? b")
    assert time.process_time() - began < 20


MANY = {
    "the same": lambda: ["The same text again."] * 50_000,
    "a template with numbers": lambda: [
        f"Order {number} has not arrived, and I want my money back today" for number in range(8_000)
    ],
    "the same words in any order": lambda: [
        " ".join(random.Random(seed).sample(PARAGRAPH.split(), 60)) for seed in range(300)
    ],
}


@pytest.mark.parametrize("kind", MANY)
def test_many_texts_that_are_hardly_apart_take_no_quadratic_time(kind: str) -> None:
    texts = MANY[kind]()
    began = time.process_time()
    found = near_duplicates(texts)
    assert time.process_time() - began < 20
    assert len(found) == (0 if kind == "a template with numbers" else len(texts) - 1) or kind.endswith("any order")


def test_many_copies_on_both_sides_do_not_multiply() -> None:
    assert len(near_matches([QUESTION] * 20_000, [QUESTION.lower()] * 20_000)) == 39_999


def test_without_the_library_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rensa", None)
    with pytest.raises(UsageError, match="pip install rensa"):
        near_duplicates(["one text that says something", "another text that says something"])
