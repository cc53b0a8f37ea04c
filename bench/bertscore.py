"""``bertscore`` and bert-score on the same pairs with the same encoder: equal values, time and memory.

Twice: all pairs at once, with bert-score's class that keeps its model; and in the portions in which an evaluation asks,
with ``bert_score.score`` called for each, as a metric would that hands its items on. What is right is what bert-score
says of one pair at a time: in a batch, the zeros of its padding take the place of cosines below 0.

Prints one JSON object a line and exits 0 however the figures fall. Each side runs in processes of its own, in turn,
three times; its time is the least of the three, imports not counted, and its peak of memory its own.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from figures import say
from sides.text_pairs import text_pairs
from sides.trained import peak

from harness import ScoringContext
from harness.testing import text_item
from harness_metrics.encoders import MINILM, folder_of

LARGEST_DIFFERENCE = 1e-5
LEAST_RATIO = 1.5
LAYERS = 6
PORTION, BATCH = 64, 64
ROUNDS = 3
RIGHT = "bert-score one at a time"
SIDES = ("bert-score", "harness", "bert-score in portions", "harness in portions", RIGHT)

Pairs = Sequence[tuple[str, str]]
Open = Callable[[argparse.Namespace], Any]
Compute = Callable[[Any, Pairs, argparse.Namespace], list[float]]


@dataclass(frozen=True)
class Outcome:
    """What one side made of the pairs."""

    values: list[float]
    seconds: list[float]
    """Of each process."""
    peak_bytes: int


def main() -> None:
    options = arguments()
    if options.side:
        options.into.write_text(json.dumps(asdict(run_side(options))), encoding="utf-8")
        return
    options.model = str(folder_of(options.model))
    turns = range(1 if options.quick else ROUNDS)
    rounds = [{side: start_side(side, options) for side in sides_of(turn)} for turn in turns]
    timed = {side: [each[side].seconds[0] for each in rounds if side in each] for side in SIDES}
    report({side: replace(rounds[0][side], seconds=timed[side]) for side in SIDES}, options)


def sides_of(turn: int) -> Sequence[str]:
    """What is right is right the first time."""
    return SIDES if turn == 0 else [side for side in SIDES if side != RIGHT]


def report(sides: Mapping[str, Outcome], options: argparse.Namespace) -> None:
    """The figures."""
    right, ours, in_portions = (sides[side] for side in (RIGHT, "harness", "harness in portions"))
    apart, theirs_apart = differences(ours, right), differences(sides["bert-score"], right)
    shared = {
        "pairs": len(right.values),
        "seconds": {side: [round(each, 2) for each in outcome.seconds] for side, outcome in sides.items()},
        "peak_mb": {side: outcome.peak_bytes >> 20 for side, outcome in sides.items()},
        "device": options.device,
        "cores": len(os.sched_getaffinity(0)),
    }
    say(
        "bertscore: largest difference of a score to bert-score's of one pair at a time",
        max(apart), LARGEST_DIFFERENCE, "F1", max(apart) <= LARGEST_DIFFERENCE,
        of_bert_score_in_batches=max(theirs_apart),
        pairs_that_it_moves=sum(each > LARGEST_DIFFERENCE for each in theirs_apart),
        **shared,
    )  # fmt: skip
    moved = sum(each > 0 for each in differences(ours, in_portions))
    say(f"bertscore: scores that differ, {PORTION} pairs at a time and all at once", moved, 0, "pairs", moved == 0)
    for name, way, explained in (
        (f"{PORTION} pairs at a time", " in portions", {}),
        ("all at once", "", {"bound": round(bound(options), 2)}),
    ):
        theirs, own = (sides[f"{side}{way}"] for side in ("bert-score", "harness"))
        ratio = round(min(theirs.seconds) / min(own.seconds), 2)
        limit = 1.0 if options.quick else LEAST_RATIO
        say(f"bertscore: times faster than bert-score, {name}", ratio, limit, "x", ratio >= limit, **explained)
    memory = round(ours.peak_bytes / sides["bert-score"].peak_bytes, 3)
    say("bertscore: peak memory against bert-score's, all at once", memory, 1.0, "x", memory <= 1.0)


def differences(one: Outcome, other: Outcome) -> list[float]:
    """How far each score lies apart."""
    return [abs(left - right) for left, right in zip(one.values, other.values, strict=True)]


def bound(options: argparse.Namespace) -> float:
    """Tokens that bert-score runs, padding counted, over those that there are: what leaving it out can win."""
    from harness_metrics.embeddings import open_encoder

    distinct = {text for pair in asked(options) for text in pair}
    texts = sorted(distinct, key=lambda text: len(text.split(" ")), reverse=True)  # as bert-score sorts them
    lengths = [len(each.ids) for each in open_encoder(options.model, LAYERS, options.device).tokens(texts)]
    batches = [lengths[start : start + BATCH] for start in range(0, len(lengths), BATCH)]
    return sum(max(batch) * len(batch) for batch in batches) / sum(lengths)


def start_side(side: str, options: argparse.Namespace) -> Outcome:
    """One side in a fresh process."""
    with tempfile.TemporaryDirectory() as folder:
        into = Path(folder) / "outcome.json"
        command = [
            sys.executable, __file__, "--side", side, "--into", str(into), "--model", options.model,
            "--device", options.device, "--pairs", str(options.pairs), *(["--quick"] if options.quick else []),
        ]  # fmt: skip
        subprocess.run(command, check=True, stdout=sys.stderr)
        return Outcome(**json.loads(into.read_text(encoding="utf-8")))


def run_side(options: argparse.Namespace) -> Outcome:
    """In the fresh process: one side on all pairs, by a model that has read none of them."""
    pairs = asked(options)
    ways: dict[str, tuple[Open, Compute]] = {
        "bert-score": (kept_scorer, partial(by_kept_scorer, batch_size=BATCH)),
        RIGHT: (kept_scorer, partial(by_kept_scorer, batch_size=1)),
        "bert-score in portions": (nothing, by_function),
        "harness": (opened_metric, partial(by_metric, portion=len(pairs))),
        "harness in portions": (opened_metric, partial(by_metric, portion=PORTION)),
    }
    open_model, compute = ways[options.side]
    compute(open_model(options), pairs[:2], options)  # what only the first call pays is left out
    model = open_model(options)
    started = time.perf_counter()
    values = compute(model, pairs, options)
    return Outcome(values, [time.perf_counter() - started], peak(options.device))


def asked(options: argparse.Namespace) -> Pairs:
    """The pairs."""
    return text_pairs(200 if options.quick else options.pairs)


def nothing(options: argparse.Namespace) -> None:
    """The function opens its model itself, with each call."""


def by_function(model: None, pairs: Pairs, options: argparse.Namespace) -> list[float]:
    """``bert_score.score`` for each portion."""
    import bert_score

    values = []
    for start in range(0, len(pairs), PORTION):
        some = pairs[start : start + PORTION]
        texts = [answer for answer, _ in some], [target for _, target in some]
        values += as_ours(bert_score.score(*texts, model_type=options.model, num_layers=LAYERS, device=options.device))
    return values


def kept_scorer(options: argparse.Namespace) -> Any:  # noqa: ANN401 - the package has no types
    """bert-score's class, its model opened."""
    from bert_score import BERTScorer

    return BERTScorer(model_type=options.model, num_layers=LAYERS, device=options.device)


def by_kept_scorer(scorer: Any, pairs: Pairs, options: argparse.Namespace, *, batch_size: int) -> list[float]:  # noqa: ANN401
    """All pairs in one call."""
    texts = [answer for answer, _ in pairs], [target for _, target in pairs]
    return as_ours(scorer.score(*texts, batch_size=batch_size))


def as_ours(found: Any) -> list[float]:  # noqa: ANN401
    """F1, with 0 where only one of precision and recall is positive, which is what the harness says there."""
    precision, recall, f1 = found
    values: list[float] = f1.masked_fill(precision * recall < 0, 0.0).tolist()
    return values


def opened_metric(options: argparse.Namespace) -> Any:  # noqa: ANN401
    """The metric, its encoder opened."""
    from harness_metrics import embeddings
    from harness_metrics.semantic import BertScore

    embeddings._opened.cache_clear()  # and with it the vectors of targets that were kept
    embeddings.open_encoder(options.model, LAYERS, options.device)
    return BertScore(options.model, LAYERS, device=options.device)


def by_metric(metric: Any, pairs: Pairs, options: argparse.Namespace, *, portion: int) -> list[float]:  # noqa: ANN401
    """Through the metric's own door."""
    items = [text_item(str(number), answer, target) for number, (answer, target) in enumerate(pairs)]
    found = [
        score.value
        for start in range(0, len(items), portion)
        for score in metric.score(items[start : start + portion], ScoringContext())
    ]
    return [value for value in found if value is not None]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=2000)
    parser.add_argument("--model", default=MINILM, help="a folder or hub id; six layers are taken")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--quick", action="store_true", help="200 pairs, once")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--into", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    main()
