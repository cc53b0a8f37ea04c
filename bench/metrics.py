"""ROUGE beside rouge-score on 10,000 pairs, and what the metrics cost where they could cost much.

The pairs are made of the tickets in ``suites/data`` and of the metrics' goldens: each target is one of their texts or
several of them on lines of their own, each answer the same with words lost, doubled, moved and put in. Prints one JSON
object a line and exits 0 however the figures fall. Each side runs in a process of its own, in turn, three times; each
variant's time is the least of the three.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
import timeit
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import get_args

from figures import say

from harness import Generation, Item, Sample, ScoringContext
from harness_metrics.overlap import Rouge, Variant
from harness_metrics.translation import Bleu, ChrF

ROOT = Path(__file__).resolve().parents[1]
TICKETS = sorted((ROOT / "suites" / "data").glob("*.jsonl"))
GOLDENS = ROOT / "tests" / "golden" / "metrics" / "pairs.jsonl"
KINDS: tuple[tuple[Variant, bool], ...] = tuple(product(get_args(Variant), (False, True)))
LEAST_RATIO = 1.5
LARGEST_DIFFERENCE = 1e-9
LONG_ANSWER = 100_000
LONG_TARGET = 1_000
MOST_SECONDS = 5.0
MOST_MICROSECONDS = 50.0
"""Of one value from its sums: a comparison of 200,000 items reckons as many, in ten seconds."""


@dataclass(frozen=True)
class Timed:
    """What one side made of the pairs with one variant."""

    values: list[float]
    seconds: float


def main() -> None:
    options = arguments()
    pairs = made_pairs(1_000 if options.quick else 10_000)
    if options.side:
        run = {"harness": by_harness, "rouge-score": by_rouge_score}[options.side]
        found = [asdict(run(variant, stems, pairs)) for variant, stems in KINDS]
        options.into.write_text(json.dumps(found), encoding="utf-8")
        return
    compare(options, pairs)
    long_answers()
    wholes()


def compare(options: argparse.Namespace, pairs: list[tuple[str, str]]) -> None:
    """Both sides in turn, and what their values and times say."""
    rounds = [
        (start_side("rouge-score", options), start_side("harness", options)) for _ in range(1 if options.quick else 3)
    ]
    words = sum(len(text.split()) for pair in pairs for text in pair) // (2 * len(pairs))
    for place, (variant, stems) in enumerate(KINDS):
        theirs, ours = ([side[place] for side in sides] for sides in zip(*rounds, strict=True))
        slow, quick = (min(each.seconds for each in side) for side in (theirs, ours))
        apart = [abs(one - other) for one, other in zip(theirs[0].values, ours[0].values, strict=True)]
        name = f"{variant}{', stemmed' if stems else ''}"
        ratio, shared = slow / quick, {"pairs": len(pairs), "words_a_text": words}
        each_round = [round(one.seconds / other.seconds, 2) for one, other in zip(theirs, ours, strict=True)]
        say(
            f"{name}: times faster than rouge-score",
            round(ratio, 2), LEAST_RATIO, "x", ratio >= LEAST_RATIO,
            rouge_score_s=round(slow, 3), harness_s=round(quick, 3), rounds=each_round, **shared,
        )  # fmt: skip
        say(
            f"{name}: largest difference from rouge-score",
            max(apart), LARGEST_DIFFERENCE, "points", max(apart) <= LARGEST_DIFFERENCE,
            other_than=sum(each > 0 for each in apart), distinct_values=len(set(ours[0].values)), **shared,
        )  # fmt: skip


def start_side(side: str, options: argparse.Namespace) -> list[Timed]:
    """One side in a fresh process: each variant in turn."""
    with tempfile.TemporaryDirectory() as folder:
        into = Path(folder) / "found.json"
        quick = ["--quick"] if options.quick else []
        subprocess.run([sys.executable, __file__, "--side", side, "--into", str(into), *quick], check=True)
        return [Timed(**each) for each in json.loads(into.read_text(encoding="utf-8"))]


def by_harness(variant: Variant, stems: bool, pairs: list[tuple[str, str]]) -> Timed:
    """As an evaluation calls the metric; stems that were found for one variant serve the next."""
    metric = Rouge(variant, stems)
    items = [item(answer, target) for answer, target in pairs]
    metric.score(items[:1], ScoringContext())  # imports are not what is measured
    started = time.perf_counter()
    scores = metric.score(items, ScoringContext())
    seconds = time.perf_counter() - started
    return Timed([score.value or 0.0 for score in scores], seconds)


def by_rouge_score(variant: Variant, stems: bool, pairs: list[tuple[str, str]]) -> Timed:
    """One call a pair, as everyone would write it."""
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer([variant], use_stemmer=stems)
    scorer.score("a first call", "a first call")
    started = time.perf_counter()
    values = [scorer.score(target, answer)[variant].fmeasure for answer, target in pairs]
    return Timed([float(value) for value in values], time.perf_counter() - started)


def long_answers() -> None:
    """An answer that never ends against a long target; rouge-score would fill a table of as many cells in Python."""
    dice = random.Random(3)
    words = [f"w{number}" for number in range(200)]
    target = " ".join(dice.choices(words, k=LONG_TARGET))
    answers = {"one word": "w1 " * LONG_ANSWER, "random words": " ".join(dice.choices(words, k=LONG_ANSWER))}
    for (kind, answer), metric in product(answers.items(), (Rouge("rougeL"), Rouge("rougeLsum"))):
        seconds = seconds_of(partial(metric.score_one, answer, [target]))
        what = f"{metric.variant}: {LONG_ANSWER:,} times {kind} against {LONG_TARGET:,} words"
        say(what, round(seconds, 3), MOST_SECONDS, "s", seconds <= MOST_SECONDS)


def wholes() -> None:
    """One value from the sums, as a comparison reckons it for each item left out."""
    items = [item(*pair) for pair in made_pairs(100)]
    for name, metric in {"bleu": Bleu(), "chrf": ChrF(), "chrf++": ChrF(word_order=2)}.items():
        scores = metric.score(items, ScoringContext())
        sums = [float(sum(column)) for column in zip(*map(metric.parts, scores), strict=True)]
        seconds = timeit.timeit(partial(metric.whole, sums), number=10_000)
        spent = seconds / 10_000 * 1e6
        say(f"{name}: one value from its sums", round(spent, 2), MOST_MICROSECONDS, "us", spent <= MOST_MICROSECONDS)


def seconds_of(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def item(answer: str, target: str) -> Item:
    return Item(Sample("s", "", (target,)), (Generation("s", 0, answer, "stop", 1, 1, 0.0),))


def made_pairs(count: int) -> list[tuple[str, str]]:
    """Answer and target; the same ones every time."""
    dice, texts = random.Random(1), known_texts()
    words = sorted({word for text in texts for word in text.split()})
    targets = ["\n".join(dice.sample(texts, dice.choice((1, 1, 1, 2, 4)))) for _ in range(count)]
    return [(disturbed(target, words, dice), target) for target in targets]


def known_texts() -> list[str]:
    """Every text of the tickets and the goldens that ROUGE finds a word in, each once."""
    rows = [json.loads(line) for path in TICKETS for line in path.read_text(encoding="utf-8").splitlines()]
    told = [turn["content"] for row in rows for turn in row["messages"]]
    golden = [json.loads(line) for line in GOLDENS.read_text(encoding="utf-8").splitlines()]
    told += [text for pair in golden for text in (pair["answer"], *pair["targets"])]
    return [text for text in dict.fromkeys(told) if any(char.isascii() and char.isalnum() for char in text)]


def disturbed(text: str, words: list[str], dice: random.Random) -> str:
    """The text as a model might have said it: line by line some words lost, doubled, moved, put in; or cut short."""
    much = dice.choice((0.0, 0.1, 0.3, 0.6))
    lines = [" ".join(_disturbed(line.split(" "), words, much, dice)) for line in text.split("\n")]
    if dice.random() < 0.2:
        dice.shuffle(lines)
    whole = "\n".join(lines)
    return whole[: dice.randrange(len(whole) + 1)] if dice.random() < 0.2 else whole


def _disturbed(line: list[str], words: list[str], much: float, dice: random.Random) -> list[str]:
    said: list[str] = []
    for word in line:
        chance = dice.random() / much if much else 1.0
        if chance < 0.25:
            continue
        said.append(word)
        if chance < 0.5:
            said.append(word)
        elif chance < 0.75:
            said.append(dice.choice(words))
        elif chance < 1 and len(said) > 1:
            said[-1], said[-2] = said[-2], said[-1]
    return said


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="1,000 pairs, once: some seconds")
    parser.add_argument("--side", choices=["harness", "rouge-score"], help=argparse.SUPPRESS)
    parser.add_argument("--into", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
