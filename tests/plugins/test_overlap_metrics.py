"""``bleu``, ``chrf`` and ``rouge`` against the packages that everybody takes their numbers from."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest
from rouge_score.rouge_scorer import RougeScorer, lcs_ind
from rouge_score.tokenizers import DefaultTokenizer
from sacrebleu.metrics import BLEU, CHRF
from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a
from sacrebleu.tokenizers.tokenizer_re import TokenizerRegexp
from sacrebleu.tokenizers.tokenizer_zh import TokenizerZh

from harness import Item, Score, ScoringContext
from harness.testing import MetricContract, text_item
from harness_metrics.overlap import Rouge
from harness_metrics.subsequence import covered, longest
from harness_metrics.translation import Bleu, ChrF

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "metrics"
EXACT = 1e-9

Translation = type[Bleu] | type[ChrF]
REFERENCE: dict[Translation, type[BLEU] | type[CHRF]] = {Bleu: BLEU, ChrF: CHRF}


def pairs() -> list[Item]:
    lines = (GOLDEN / "pairs.jsonl").read_text(encoding="utf-8").splitlines()
    read = [json.loads(line) for line in lines]
    return [text_item(str(number), each["answer"], *each["targets"]) for number, each in enumerate(read)]


PAIRS = pairs()


def golden(name: str) -> list[Any]:
    """Each set of options with what the package said."""
    sets = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))["sets"]
    return [pytest.param(each, id=str(each["options"])) for each in sets]


def scores(metric: Bleu | ChrF | Rouge, items: Sequence[Item]) -> Sequence[Score]:
    return metric.score(items, ScoringContext())


def corpus(metric: Translation, items: Sequence[Item], **options: Any) -> float:  # noqa: ANN401
    """What sacrebleu says of them all."""
    streams = list(zip_longest(*(item.sample.targets for item in items)))
    return float(REFERENCE[metric](**options).corpus_score([item.text for item in items], streams).score)


# bleu and chrf


@pytest.mark.parametrize("said", golden("bleu"))
def test_bleu_is_sacrebleus(said: dict[str, Any]) -> None:
    check_against(Bleu(**said["options"]), said)


@pytest.mark.parametrize("said", golden("chrf"))
def test_chrf_is_sacrebleus(said: dict[str, Any]) -> None:
    check_against(ChrF(**said["options"]), said)


def check_against(metric: Bleu | ChrF, said: dict[str, Any]) -> None:
    got = scores(metric, PAIRS)

    assert [score.value for score in got] == pytest.approx(said["values"], rel=0, abs=EXACT)
    assert metric.aggregate(got) == pytest.approx(said["whole"], rel=0, abs=EXACT)


@pytest.mark.parametrize("metric", [Bleu, ChrF])
@pytest.mark.parametrize("some", [PAIRS[:1], PAIRS[100:150], PAIRS[::7], PAIRS[-90:]], ids=len)
def test_any_part_of_a_set_has_sacrebleus_value(metric: Translation, some: list[Item]) -> None:
    assert metric().aggregate(scores(metric(), some)) == pytest.approx(corpus(metric, some), rel=0, abs=EXACT)


@pytest.mark.parametrize(
    ("metric", "options"),
    [
        (Bleu, {}),
        (Bleu, {"smooth_method": "add-k", "effective_order": True}),
        (ChrF, {}),
        (ChrF, {"word_order": 2}),
    ],
)
def test_the_sums_without_an_item_give_what_sacrebleu_says_of_the_others(
    metric: Translation, options: dict[str, Any]
) -> None:
    some, instance = PAIRS[::13][:40], metric(**options)
    parts = [instance.parts(score) for score in scores(instance, some)]
    sums = [float(sum(column)) for column in zip(*parts, strict=True)]

    for place, own in enumerate(parts):
        without = instance.whole([whole - part for whole, part in zip(sums, own, strict=True)])
        others = some[:place] + some[place + 1 :]
        assert without == pytest.approx(corpus(metric, others, **options), rel=0, abs=EXACT)


@pytest.mark.parametrize("metric", [Bleu, ChrF])
def test_the_parts_survive_the_record(metric: Translation) -> None:
    kept = [
        Score(score.sample_id, score.value, details=json.loads(json.dumps(dict(score.details))))
        for score in scores(metric(), PAIRS[:30])
    ]

    assert metric().aggregate(kept) == corpus_close(metric, PAIRS[:30])


@pytest.mark.parametrize("metric", [Bleu, ChrF])
def test_several_answers_to_one_item_are_as_many_segments(metric: Translation) -> None:
    answers, target = ("the cat sat on the mat", "a dog"), "the cat sat on a mat"
    together = scores(metric(), [text_item("s", answers, target)])
    apart = scores(metric(), [text_item(answer, answer, target) for answer in answers])

    assert metric().aggregate(together) == metric().aggregate(apart)
    assert together[0].value == pytest.approx(sum(score.value or 0.0 for score in apart) / 2)


@pytest.mark.parametrize("metric", [Bleu, ChrF])
def test_the_same_text_is_worth_100_and_no_more(metric: Translation) -> None:
    texts = [text_item(str(words), "word " * words, "word " * words) for words in range(1, 30)]
    got = scores(metric(), texts)

    assert [score.value for score in got] == pytest.approx([100.0] * len(got))
    assert max(score.value or 0.0 for score in got) <= 100.0
    assert metric().aggregate(got) == 100.0


@pytest.mark.parametrize("metric", [Bleu(), Bleu(smooth_method="add-k"), Bleu(smooth_method="floor"), ChrF()])
def test_nothing_is_worth_nothing(metric: Bleu | ChrF) -> None:
    empty = scores(metric, [text_item("s", "", ""), text_item("t", "", "Paris"), text_item("u", "Paris", "")])

    assert [score.value for score in empty] == [0.0, 0.0, 0.0]
    assert metric.aggregate(empty) == 0.0
    assert metric.whole([0.0] * len(metric.parts(empty[0]))) == 0.0


@pytest.mark.parametrize("metric", [Bleu, ChrF])
def test_an_empty_target_among_several_is_what_it_is_to_sacrebleu(metric: Translation) -> None:
    items = [text_item("s", "a cat sat here", "", "a cat sat there"), text_item("t", "on the mat", "on a mat", "")]

    assert metric().aggregate(scores(metric(), items)) == corpus_close(metric, items)


def corpus_close(metric: Translation, items: Sequence[Item]) -> Any:  # noqa: ANN401 - pytest's approx has no type
    return pytest.approx(corpus(metric, items), rel=0, abs=EXACT)


@pytest.mark.parametrize("metric", [Bleu, ChrF])
def test_what_cannot_be_compared_is_missing_and_in_no_sum(metric: Translation) -> None:
    untargeted, unanswered = scores(metric(), [text_item("s", "Paris"), text_item("t", None, "Paris")])

    assert (untargeted.value, untargeted.why_missing) == (None, "no target to compare with: the sample has none")
    assert (unanswered.value, unanswered.why_missing) == (None, "no answer was recorded")


def test_each_option_of_bleu_shows() -> None:
    item = [
        text_item("s", "The Cat's price: 3.50 euro, “more” or less", "the cat s price : 3.50 Euro , “less” or more")
    ]
    options: list[dict[str, Any]] = [
        {}, {"lowercase": True}, {"tokenize": "intl"}, {"tokenize": "char"}, {"tokenize": "none"},
        {"smooth_method": "none"}, {"smooth_method": "floor"}, {"smooth_method": "floor", "smooth_value": 0.2},
        {"smooth_method": "add-k"}, {"smooth_method": "add-k", "smooth_value": 2.0}, {"max_ngram_order": 2},
    ]  # fmt: skip

    values = [Bleu(**each).aggregate(scores(Bleu(**each), item)) for each in options]

    assert len({round(value, 6) for value in values}) == len(options)
    assert values == pytest.approx([corpus(Bleu, item, **each) for each in options], rel=0, abs=EXACT)


def test_a_set_of_short_answers_needs_the_effective_order() -> None:
    items = [text_item("s", "Paris", "Paris"), text_item("t", "New York", "New York")]

    assert Bleu().aggregate(scores(Bleu(), items)) == 0.0
    assert Bleu(effective_order=True).aggregate(scores(Bleu(), items)) == pytest.approx(100.0)


def test_bleu_keeps_no_text_in_memory() -> None:
    scores(Bleu(), [text_item("s", "an answer of a megabyte", "a target")])
    scores(Bleu(tokenize="zh"), [text_item("s", "another answer", "a target")])

    for tokenizer in (Tokenizer13a, TokenizerRegexp, TokenizerZh):
        assert tokenizer.__call__.cache_info().currsize == 0


def test_chinese_needs_its_own_words() -> None:
    item = [text_item("s", "日本の首都は東京だ", "日本の首都は東京です")]

    assert scores(Bleu(), item)[0].value == 0.0
    assert (scores(Bleu(tokenize="zh"), item)[0].value or 0.0) > 50


@pytest.mark.parametrize(
    ("metric", "options", "told"),
    [
        (Bleu, {"tokenize": "ja-mecab"}, "tokenize is one of 13a, intl, char, none, zh, not 'ja-mecab'.*take char"),
        (Bleu, {"smooth_method": "add_k"}, "smooth_method is one of exp, floor, add-k, none, not 'add_k'"),
        (Bleu, {"smooth_value": 0.5}, "smooth_value is for smooth_method floor or add-k, not for exp; leave it out"),
        (Bleu, {"smooth_method": "floor", "smooth_value": 2.0}, "smooth_value is at most 1 with smooth_method floor"),
        (Bleu, {"smooth_method": "add-k", "smooth_value": 0.0}, "smooth_value is a number above 0, not 0"),
        (Bleu, {"smooth_method": "add-k", "smooth_value": float("nan")}, "smooth_value is a number above 0, not nan"),
        (Bleu, {"max_ngram_order": 0}, "max_ngram_order is at least 1, not 0"),
        (ChrF, {"char_order": -1}, "char_order and word_order are 0 or more, not -1 and 0"),
        (ChrF, {"char_order": 0}, "both 0, so nothing is counted; leave char_order at 6"),
        (ChrF, {"beta": 0}, "beta is at least 1, not 0"),
    ],
)
def test_a_bad_option_is_told_with_the_remedy(metric: Translation, options: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        metric(**options)


# rouge


@pytest.mark.parametrize("said", golden("rouge"))
def test_rouge_is_rouge_scores_best_over_all_targets(said: dict[str, Any]) -> None:
    got = [score.value for score in scores(Rouge(**said["options"]), PAIRS)]
    comparable = [place for place, value in enumerate(got) if value is not None]

    assert len(comparable) > 500
    assert all(said["values"][place] == 0 for place, value in enumerate(got) if value is None)
    expected = [said["values"][place] for place in comparable]
    assert [got[place] for place in comparable] == pytest.approx(expected, rel=0, abs=EXACT)


@pytest.mark.parametrize("variant", ["rouge1", "rouge2", "rougeL", "rougeLsum"])
def test_rouge_of_many_lines_of_few_words_is_rouge_scores(variant: Any) -> None:  # noqa: ANN401
    dice = random.Random(7)
    reference = RougeScorer([variant])
    for _ in range(500):
        text, target = (some_lines(dice) for _ in range(2))
        (got,) = scores(Rouge(variant), [text_item("s", text, target)])
        if got.value is not None:
            assert got.value == reference.score(target, text)[variant].fmeasure, (text, target)


def some_lines(dice: random.Random) -> str:
    """Lines of a few words each; what only looks like the end of a line is none."""
    lines = (" ".join(dice.choices("abcde!", k=dice.randrange(9))) for _ in range(dice.randrange(6)))
    return "".join(line + dice.choice(("\n", "\n", "\r", "\u2028")) for line in lines)


def test_words_are_told_and_stemmed_as_rouge_score_does() -> None:
    texts = [
        "Skies, dying NEWS; innings proceed: flies ties agreed plastered happily relational",
        "don't_stop x-ray 3.5kg İstanbul K" + "\N{KELVIN SIGN}" + "elvin ΟΔΟΣ ﬁne ½ ²",
        "line\nbreak\r\n\t\x00\x1b[31m \u2028 \ud800half\udfff",
        "y" * 3_000 + " " + "running" * 300 + "s",
        "",
    ]
    stems, plain = DefaultTokenizer(use_stemmer=True), DefaultTokenizer(use_stemmer=False)

    for text in texts:
        assert Rouge("rouge1")._read(text) == [plain.tokenize(text)]
        assert Rouge("rouge1", use_stemmer=True)._read(text) == [stems.tokenize(text)]


def test_the_longest_subsequence_is_exact_and_the_one_that_rouge_score_takes() -> None:
    dice = random.Random(11)
    for _ in range(2_000):
        one, other = (dice.choices("abcd"[: dice.randint(1, 4)], k=dice.randrange(14)) for _ in range(2))
        expected = lcs_ind(one, other)

        assert (longest(one, other), longest(other, one)) == (len(expected), len(expected))
        assert covered(one, [other]) == set(expected)
        assert covered(one, [[*other, "x", "x"], ["y"], []]) == set(lcs_ind(one, [*other, "x", "x"]))


@pytest.mark.parametrize(
    "metric",
    [Bleu(), ChrF(), *(Rouge(variant, stems) for variant in ("rougeL", "rougeLsum") for stems in (False, True))],
    ids=lambda metric: f"{metric.name}-{getattr(metric, 'variant', '')}-{getattr(metric, 'use_stemmer', '')}",
)
@pytest.mark.parametrize(
    "hostile",
    ["a " * 100_000, "a\n" * 100_000, "y" * 200_000, "a1 b2 " * 50_000],
    ids=["one word", "one word a line", "one letter", "two words"],
)
def test_a_huge_answer_takes_seconds(metric: Bleu | ChrF | Rouge, hostile: str) -> None:
    target = "\n".join("a b c d e f g h i j " * 10 for _ in range(10))
    started = time.perf_counter()
    (got,) = scores(metric, [text_item("s", hostile, target)])

    assert got.value is not None
    assert 0 <= got.value < 100
    assert time.perf_counter() - started < 10


def test_half_characters_are_text_like_any_other() -> None:
    item = [text_item("s", "\ud800 cat \udfff", "a cat \ud800")]

    for metric in (Bleu(tokenize="intl"), Bleu(tokenize="zh"), Bleu(), ChrF(word_order=2), Rouge()):
        assert (scores(metric, item)[0].value or 0.0) > 0


# the contract, with options


class TestBleuWithOptions(MetricContract):
    metric = Bleu
    options = {"tokenize": "intl", "smooth_method": "add-k", "lowercase": True, "effective_order": True}  # noqa: RUF012


class TestChrFPlusPlus(MetricContract):
    metric = ChrF
    options = {"word_order": 2, "eps_smoothing": True, "whitespace": True}  # noqa: RUF012 - a ClassVar of the contract


class TestRougeOfSentences(MetricContract):
    metric = Rouge
    options = {"variant": "rougeLsum"}  # noqa: RUF012 - a ClassVar of the contract
    examples = (text_item("three lines", "He runs.\n\nShe ran.\n!", "She was running.\nHe ran."),)
