"""Write labels.json: what scikit-learn says of the tickets in pairs.jsonl, read as classifications.

    python tests/golden/metrics/make_labels.py

Each ticket gives an issue and a priority. What a model answered as JSON is dressed up in one of four ways that say the
same; what it answered else names no label. Only scikit-learn reckons here.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sklearn.metrics import accuracy_score, f1_score, precision_recall_fscore_support

FOLDER = Path(__file__).parent
ISSUES = ["broken", "late", "leak", "missing part", "noise", "refund", "wrong item"]
PRIORITIES = ["high", "low", "medium"]
NONE = "(none of them)"
DRESSES = ("{}", " {}\n", '"{}".', "The label is **{}**, I think.")
LEFT_OUT = 30
"""Of how many items each is left out in turn, from the first to the last."""

Row = tuple[str, list[str], list[str]]
"""The target; the answers; the label that each of them names."""


def tickets() -> Iterator[tuple[dict[str, Any], str]]:
    for line in (FOLDER / "pairs.jsonl").read_text(encoding="utf-8").splitlines():
        pair = json.loads(line)
        fields = fields_of(pair["targets"][0]) if pair["targets"] else {}
        if "issue" in fields:
            yield fields, pair["answer"]


def fields_of(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def rows(field: str, labels: Sequence[str]) -> list[Row]:
    made: list[Row] = []
    for number, (wanted, answer) in enumerate(tickets()):
        said = fields_of(answer).get(field)
        if said in labels:
            upper = said.upper() if number % 3 == 0 else said
            made.append((wanted[field], [DRESSES[number % len(DRESSES)].format(upper)], [said]))
        else:
            names_one = any(label in answer.casefold() for label in labels)
            made.append((wanted[field], ["" if names_one else answer[:40]], [NONE]))
    return made


def several(single: Sequence[Row]) -> list[Row]:
    """Three answers to each question: its own, and those to the next two."""
    return [
        (row[0], [each[1][0] for each in three], [each[2][0] for each in three])
        for row, three in (
            (row, [row, *(single[(at + step) % len(single)] for step in (1, 2))]) for at, row in enumerate(single)
        )
    ]


def reckoned(name: str, labels: list[str], made: Sequence[Row]) -> dict[str, Any]:
    asked = [(target, label, 1 / len(said)) for target, _, said in made for label in said]
    true, predicted, weights = map(list, zip(*asked, strict=True))
    left_out = range(0, len(made), len(made) // LEFT_OUT)
    by_class = {"labels": labels, "sample_weight": weights, "average": None}
    precision, recall, _, _ = precision_recall_fscore_support(true, predicted, zero_division=math.nan, **by_class)
    return {
        "name": name,
        "labels": labels,
        "accuracy": accuracy_score(true, predicted, sample_weight=weights),
        "macro_f1": macro_f1(labels, made),
        "left_out": list(left_out),
        "without": [macro_f1(labels, [*made[:at], *made[at + 1 :]]) for at in left_out],
        "precision": [None if math.isnan(value) else value for value in precision.tolist()],
        "recall": [None if math.isnan(value) else value for value in recall.tolist()],
        "f1": f1_score(true, predicted, zero_division=0, **by_class).tolist(),
        "items": [[target, answers] for target, answers, _ in made],
    }


def macro_f1(labels: list[str], made: Sequence[Row]) -> float:
    asked = [(target, label, 1 / len(said)) for target, _, said in made for label in said]
    true, predicted, weights = map(list, zip(*asked, strict=True))
    value = f1_score(true, predicted, labels=labels, average="macro", zero_division=0, sample_weight=weights)
    return float(value)


def main() -> None:
    issues, priorities = rows("issue", ISSUES), rows("priority", PRIORITIES)
    sets = [
        reckoned("issue", ISSUES, issues),
        reckoned("priority", PRIORITIES, priorities),
        reckoned("a label that is never there", [*ISSUES, "warranty"], issues[::6]),
        reckoned("three answers to an item", PRIORITIES, several(priorities[::3])),
    ]
    parts = [
        "{\n"
        + ",\n".join(
            f"{json.dumps(key)}: {lines(value) if key == 'items' else json.dumps(value)}" for key, value in each.items()
        )
        + "\n}"
        for each in sets
    ]
    head = f'"reference": "scikit-learn {version("scikit-learn")}"'
    text = f'{{\n{head},\n"sets": [\n' + ",\n".join(parts) + "\n]\n}\n"
    json.loads(text)
    (FOLDER / "labels.json").write_text(text, encoding="utf-8")


def lines(items: Sequence[object]) -> str:
    return "[\n" + ",\n".join(json.dumps(item) for item in items) + "\n]"


if __name__ == "__main__":
    main()
