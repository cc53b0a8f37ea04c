"""Every trainer on one tiny model: whether it learns, and whether what it leaves behind can be opened and acts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness import ModelRef, Progress, TrainJob
from harness.catalog import Catalog
from harness.host import Host
from harness.values import Ref
from sides.trained import Work, validation_loss


def names(catalog: Catalog) -> list[str]:
    """All trainers that can run here."""
    return sorted(offer.name for offer in catalog.classes("trainer").values() if not offer.missing_packages())


def run(work: Work, rates: dict[str, float]) -> list[dict[str, Any]]:
    """One finding a trainer: ``loss`` on its own rows before and after, ``acts``, or ``error``."""
    catalog = Catalog.build(Host.load())
    found = []
    for name in names(catalog):
        options = {**work.options, **({"learning_rate": rates[name]} if name in rates else {})}
        own = replace(work, method=name, options=options, output=str(Path(work.output) / name))
        try:
            found.append(one(catalog, own))
        except Exception as error:  # a method that breaks is a figure too
            found.append({"method": name, "error": f"{type(error).__name__}: {error}"})
    return found


def one(catalog: Catalog, work: Work) -> dict[str, Any]:
    """Train, open again with the libraries alone, and compare with the base."""
    trainer = catalog.trainer(Ref(work.method, work.options))
    rows = as_text(Path(work.train)) if trainer.trains_on == "text" else Path(work.train)
    reports: list[Progress] = []
    Path(work.output).mkdir(parents=True, exist_ok=True)
    checkpoint = trainer.train(
        TrainJob(
            experiment="bench",
            model=ModelRef(work.model, dtype=work.dtype, device=work.device),
            trainer=Ref(work.method, work.options),
            train=rows,
            validation=None,
            output=Path(work.output),
            seed=work.seed,
        ),
        reports.append,
    )
    before = validation_loss(replace(work, output=work.model, validation=work.train))
    after = validation_loss(replace(work, output=str(checkpoint.path), validation=work.train))
    losses = [each.loss for each in reports if each.loss is not None]
    return {
        "method": work.method,
        "kind": checkpoint.kind,
        "trained_parameters": checkpoint.facts.get("trained_parameters"),
        "first_loss": losses[0],
        "last_loss": losses[-1],
        "before": before,
        "after": after,
        "acts": after != before,
        "falls": after < before and losses[-1] < losses[0],
    }


def as_text(messages: Path) -> Path:
    """The same rows as raw text."""
    into = messages.with_suffix(".text.jsonl")
    rows = [json.loads(line)["messages"] for line in messages.read_text(encoding="utf-8").splitlines()]
    texts = ["\n".join(turn["content"] for turn in row) for row in rows]
    into.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    return into
