"""Write bleu.json, chrf.json and rouge.json: what sacrebleu and rouge-score say of pairs.jsonl.

    python tests/golden/metrics/make_overlap.py

Only the two packages reckon here. Of a pair with several targets all are references; ``whole`` is the corpus score.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from itertools import product, zip_longest
from pathlib import Path
from typing import Any

from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics import BLEU, CHRF

FOLDER = Path(__file__).parent
BLEU_OPTIONS: list[dict[str, Any]] = [
    {},
    {"lowercase": True, "tokenize": "intl", "effective_order": True},
    {"tokenize": "char", "max_ngram_order": 6},
    {"tokenize": "none", "smooth_method": "none"},
    {"tokenize": "zh", "smooth_method": "floor", "smooth_value": 0.01},
    {"smooth_method": "add-k", "max_ngram_order": 2},
]
CHRF_OPTIONS: list[dict[str, Any]] = [
    {},
    {"word_order": 2},
    {"lowercase": True, "whitespace": True},
    {"eps_smoothing": True, "beta": 1},
    {"char_order": 0, "word_order": 3, "beta": 3},
]
SENTENCES: dict[type, dict[str, Any]] = {BLEU: {"effective_order": True}, CHRF: {}}
"""What sacrebleu advises for a sentence by itself."""
ROUGE_OPTIONS: list[dict[str, Any]] = [
    {"variant": variant, "use_stemmer": stems}
    for variant, stems in product(("rouge1", "rouge2", "rougeL", "rougeLsum"), (False, True))
]


def main() -> None:
    lines = (FOLDER / "pairs.jsonl").read_text(encoding="utf-8").splitlines()
    answers = [json.loads(line)["answer"] for line in lines]
    targets = [json.loads(line)["targets"] for line in lines]
    write("bleu", "sacrebleu", [by_sacrebleu(BLEU, options, answers, targets) for options in BLEU_OPTIONS])
    write("chrf", "sacrebleu", [by_sacrebleu(CHRF, options, answers, targets) for options in CHRF_OPTIONS])
    write("rouge", "rouge-score", [by_rouge_score(options, answers, targets) for options in ROUGE_OPTIONS])


def by_sacrebleu(
    metric: type[BLEU] | type[CHRF], options: Mapping[str, Any], answers: Sequence[str], targets: Sequence[list[str]]
) -> dict[str, Any]:
    alone = metric(**{**options, **SENTENCES[metric]})
    streams = list(zip_longest(*targets))  # None where a pair has fewer targets
    return {
        "options": dict(options),
        "whole": metric(**options).corpus_score(answers, streams).score,
        "values": [alone.sentence_score(answer, wanted).score for answer, wanted in zip(answers, targets, strict=True)],
    }


def by_rouge_score(options: Mapping[str, Any], answers: Sequence[str], targets: Sequence[list[str]]) -> dict[str, Any]:
    variant = options["variant"]
    scorer = RougeScorer([variant], use_stemmer=options["use_stemmer"])
    values = [
        float(scorer.score_multi(wanted, answer)[variant].fmeasure)
        for answer, wanted in zip(answers, targets, strict=True)
    ]
    return {"options": dict(options), "values": values}


def write(name: str, package: str, sets: Sequence[Mapping[str, Any]]) -> None:
    """A line for every ten values."""
    text = json.dumps({"reference": f"{package} {version(package)}"})[:-1] + ', "sets": [\n'
    text += ",\n".join(map(as_lines, sets)) + "\n]}\n"
    assert json.loads(text)["sets"] == list(sets)
    (FOLDER / f"{name}.json").write_text(text, encoding="utf-8")


def as_lines(one: Mapping[str, Any]) -> str:
    values = one["values"]
    lines = [", ".join(map(repr, values[start : start + 10])) for start in range(0, len(values), 10)]
    head = json.dumps({key: value for key, value in one.items() if key != "values"})[:-1]
    return head + ', "values": [\n' + ",\n".join(lines) + "\n]}"


if __name__ == "__main__":
    main()
