"""Makes ``likelihood.json``: what lm-eval reckons from made-up log-likelihoods of the answers in ``pairs.jsonl``.

Only the reference is called here, never the harness. An empty text is left out: lm-eval counts one word in it, and
divides by its no bytes.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

from lm_eval.api.metrics import bits_per_byte, weighted_perplexity
from lm_eval.api.task import PerplexityTask

HERE = Path(__file__).parent
METRICS: list[tuple[str, dict[str, str], Callable[[Sequence[tuple[float, int]]], float]]] = [
    ("perplexity", {"per": "token"}, weighted_perplexity),
    ("perplexity", {"per": "word"}, weighted_perplexity),
    ("perplexity", {"per": "byte"}, weighted_perplexity),
    ("bits_per_byte", {}, bits_per_byte),
]


def main() -> None:
    """Write the file beside this one."""
    lines = (HERE / "pairs.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [json.loads(line)["answer"] for line in lines]
    draw = random.Random(7)
    # so likely that not even a long text without spaces is, as one word, beyond what a float can hold
    log_likelihoods = [-draw.uniform(0.1, 6.0) * (1 + len(text.split())) for text in texts]
    tokens = [draw.randint(1, 1 + len(text)) for text in texts]
    kept = [index for index, text in enumerate(texts) if text]
    counts = {
        "token": tokens,
        "word": [PerplexityTask.count_words(text) for text in texts],
        "byte": [PerplexityTask.count_bytes(text) for text in texts],
    }
    found = []
    for metric, options, aggregate in METRICS:
        units = counts[options.get("per", "byte")]
        items = [(log_likelihoods[index], units[index]) for index in kept]
        values = [aggregate([item]) for item in items]
        found.append({"metric": metric, "options": options, "whole": aggregate(items), "values": values})
    golden = {
        "reference": f"lm-eval {version('lm-eval')}",
        "texts": kept,
        "log_likelihoods": [log_likelihoods[index] for index in kept],
        "tokens": [tokens[index] for index in kept],
        "metrics": found,
    }
    (HERE / "likelihood.json").write_text(_laid_out(golden), encoding="utf-8")


def _laid_out(golden: object) -> str:
    """JSON with ten values a line."""
    pieces = json.dumps(golden).split(", ")
    return ",\n".join(", ".join(pieces[first : first + 10]) for first in range(0, len(pieces), 10)) + "\n"


if __name__ == "__main__":
    main()
