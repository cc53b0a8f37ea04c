"""The MMLU development questions that lm-eval's own wheel holds, for a machine that has nothing else."""

from __future__ import annotations

import re
from pathlib import Path

from harness_forgetting.pack import Row

_QUESTION = re.compile(r"(.*?)\s+\(A\)\s*(.*?)\s+\(B\)\s*(.*?)\s+\(C\)\s*(.*?)\s+\(D\)\s*(.*)", re.DOTALL)
_ANSWER = re.compile(r"answer is \(([A-Z])\)")


def development_rows(folder: Path) -> dict[str, list[Row]]:
    """Subject -> its development questions in MMLU's own columns, from the worked examples in lm-eval's ``folder``.

    An example whose right letter is none of its four choices is left out: it cannot be scored.
    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    rows: dict[str, list[Row]] = {}
    for path in sorted(folder.glob("mmlu_*.yaml")):
        definition = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)  # noqa: S506 - a safe loader, the fast one
        subject = str(definition["dataset_name"])
        examples = definition["fewshot_config"]["samples"]
        parsed = [row for example in examples if (row := _row(subject, example["question"], example["target"]))]
        if parsed:
            rows[subject] = parsed
    return rows


def _row(subject: str, question: str, target: str) -> Row | None:
    parts, letter = _QUESTION.fullmatch(question), _ANSWER.search(target)
    if parts is None or letter is None or letter[1] not in "ABCD":
        return None
    asked, *choices = (part.strip() for part in parts.groups())
    return {"question": asked, "subject": subject, "choices": choices, "answer": "ABCD".index(letter[1])}
