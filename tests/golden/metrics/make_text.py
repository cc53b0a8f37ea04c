"""Writes the goldens of the metrics on text and JSON, each by its reference implementation alone.

    python tests/golden/metrics/make_text.py

``options`` are those of our metric that ask for the same as the reference was asked for.
"""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jsonschema
import lm_eval.tasks.french_bench.utils as squad_2
import lm_eval.tasks.qasper.metrics as squad_1
import pydantic_core
from lm_eval.api.metrics import exact_match_hf_evaluate
from lm_eval.filters.extraction import RegexFilter

HERE = Path(__file__).parent
PAIRS: list[dict[str, Any]] = [json.loads(line) for line in (HERE / "pairs.jsonl").read_text("utf-8").splitlines()]
LM_EVAL = f"lm-eval {importlib.metadata.version('lm-eval')}"

TICKET = {
    "type": "object",
    "properties": {
        "product": {
            "anyOf": [
                {"type": "null"},
                {"enum": ["blender", "fridge", "heater", "kettle", "lamp", "toaster", "vacuum", "washer"]},
            ]
        },
        "issue": {"$ref": "#/$defs/issue"},
        "priority": {"type": "string", "pattern": "^(low|medium|high)$"},
        "order": {"type": ["integer", "null"], "minimum": 10000, "maximum": 99999},
    },
    "required": ["product", "issue", "priority", "order"],
    "additionalProperties": False,
    "$defs": {"issue": {"enum": ["broken", "late", "leak", "missing part", "noise", "refund", "wrong item"]}},
}
NUMBER = r"(-?[$0-9.,]{2,})|(-?[0-9]+)"
MONEY = [",", r"\$", r"(?s).*#### ", r"\.$"]


def main() -> None:
    """Every golden of this topic."""
    # SQuAD 2.0 in English: lm-eval has its F1 in French, with the articles of French, and those of English elsewhere.
    squad_2.normalize_answer = squad_1.normalize_answer
    squad = f"{LM_EVAL}: SQuAD 2.0 of french_bench, normalised as qasper does"
    write("f1", squad, {}, best(lambda answer, target: squad_2.f1([answer], [target])))
    articles = {"ignore_case": True, "ignore_punctuation": True, "regexes_to_ignore": [r"(?i)\b(a|an|the)\b"]}
    write("exact_match-squad", squad, articles, best(lambda answer, target: squad_2.exact([answer], [target])))

    write("exact_match", LM_EVAL, {"strip": False}, best(lm_exact))
    caseless = {"strip": False, "ignore_case": True, "regexes_to_ignore": MONEY}
    write("exact_match-money", LM_EVAL, caseless, best(lm_exact, ignore_case=True, regexes_to_ignore=MONEY))
    for which, index in (("first", 0), ("last", -1)):
        found = RegexFilter(NUMBER, index).apply([[pair["answer"]] for pair in PAIRS], [{}] * len(PAIRS))
        answers = [text for (text,) in found]
        options = {"pattern": NUMBER, "extract": which, "regexes_to_ignore": MONEY}
        write(f"regex-{which}", LM_EVAL, options, best(lm_exact, answers, regexes_to_ignore=MONEY))

    pydantic = f"pydantic-core {pydantic_core.__version__}"
    write("json_valid", pydantic, {"fenced": False}, [float(is_json(pair["answer"])) for pair in PAIRS])
    validator = jsonschema.Draft202012Validator(TICKET)
    valid = [is_json(pair["answer"]) and validator.is_valid(json.loads(pair["answer"])) for pair in PAIRS]
    of_schemas = f"jsonschema {importlib.metadata.version('jsonschema')}"
    write("json_schema", of_schemas, {"schema": TICKET, "fenced": False}, [float(each) for each in valid])


def best(metric: Callable[..., float], answers: Sequence[str] = (), **options: Any) -> list[float]:  # noqa: ANN401
    """The best over the targets of each pair."""
    texts = answers or [pair["answer"] for pair in PAIRS]
    return [
        max(float(metric(text, target, **options)) for target in pair["targets"])
        for text, pair in zip(texts, PAIRS, strict=True)
    ]


def lm_exact(answer: str, target: str, **options: Any) -> float:  # noqa: ANN401
    """lm-eval's exact_match on one pair."""
    return float(exact_match_hf_evaluate([answer], [target], **options)["exact_match"])


def is_json(text: str) -> bool:
    """Whether pydantic's own parser, written in Rust, takes the text."""
    try:
        pydantic_core.from_json(text, allow_inf_nan=False)
    except ValueError:
        return False
    return True


def write(name: str, reference: str, options: Mapping[str, object], values: Sequence[float]) -> None:
    """The golden, ten values a line."""
    rows = [", ".join(map(repr, values[start : start + 10])) for start in range(0, len(values), 10)]
    head = json.dumps({"reference": reference, "options": options}, indent=2, ensure_ascii=False)[:-2]
    listed = ",\n    ".join(rows)
    (HERE / f"{name}.json").write_text(f'{head},\n  "values": [\n    {listed}\n  ]\n}}\n', encoding="utf-8")


if __name__ == "__main__":
    main()
