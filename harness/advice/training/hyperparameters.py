"""Method and hyperparameters for a model, its data and a device: each value with its range, sources and reason."""

from __future__ import annotations

from harness.advice.memory.memory import Method
from harness.advice.training import adapter, rates, stepping
from harness.advice.training.cautions import cautions
from harness.advice.training.chosen import Choice, Claim, Lengths, Means, Rejected, TrainingAdvice, quantile
from harness.advice.training.methods import method_for
from harness.advice.training.rejected import rejected
from harness.advice.training.settled import needs, settle
from harness.advice.training.sizes import advised_epochs as epochs
from harness.advice.training.sizes import advised_rank as rank

__all__ = [
    "Choice",
    "Claim",
    "Lengths",
    "Means",
    "Rejected",
    "TrainingAdvice",
    "choose",
    "epochs",
    "quantile",
    "rank",
]

_MERITS = {
    "full": "full fine-tuning learns most where rows are many (Biderman and others 2024)",
    "lora": "lora learns about as much from so many rows (Schulman 2025) and forgets less (Biderman and others 2024)",
    "qlora": "qlora trains the same adapter, and matched 16 bits where that was compared (Dettmers and others 2023)",
}


def choose(means: Means, method: Method | None = None) -> TrainingAdvice:
    """Method and options; pure: the same means give the same advice.

    ``method`` is one that is settled already: then its options are chosen, and the others are told all the same. The
    method is the one that ``trainer: auto`` takes for the same rows and the same memory.
    """
    found = needs(means)
    chosen = method_for(found)
    taken: Method = method or chosen.method
    settled = settle(means, taken)
    reasons = chosen.reasons if taken == chosen.method else (f"{taken} was asked for", f"else {chosen.method}")
    return TrainingAdvice(
        taken,
        (*reasons, _MERITS[taken]) if taken in _MERITS else reasons,
        rejected(means, found, taken),
        (*adapter.choices(settled), *rates.choices(settled), *stepping.choices(settled)),
        cautions(settled, found),
    )
