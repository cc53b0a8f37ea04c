"""Why the other methods were not taken, each with what it would take of the memory."""

from __future__ import annotations

from harness.advice.memory.memory import METHODS, Method, footprint
from harness.advice.training.chosen import Means, Rejected
from harness.advice.training.methods import MethodMeans, against_full, fits, gigabytes, method_for
from harness.advice.training.settled import smallest

FEW_ROWS = 100
"""Below so many, words in the prompt do what learnt ones would."""
LARGE = 10_000_000_000
"""Parameters: from about there prompt tuning closes on full fine-tuning (Lester and others 2021)."""


def rejected(means: Means, found: MethodMeans, taken: str) -> tuple[Rejected, ...]:
    """Every method but the one that is taken; preference methods last."""
    best = method_for(found).method
    others = [method for method in METHODS if method != taken]
    told = tuple(Rejected(each, f"{_why(means, found, each, best)}; {_size(means, each)}") for each in others)
    return (*told, Rejected("dpo", _preference(means)))


def _why(means: Means, found: MethodMeans, method: Method, best: str) -> str:
    if method == best:
        return "another method was asked for"
    if method == "full":
        return against_full(found) or "another method was asked for"
    if method == "lora":
        return "adapters learn less from rows as many as these" if fits(found, "lora") else "it has no room"
    if method == "qlora":
        return _against_qlora(means, found)
    return _against_small(means, method)


def _size(means: Means, method: Method) -> str:
    takes = footprint(means.shape, smallest(means, method)).total
    return f"a step would take {gigabytes(takes)} GB of {gigabytes(means.device.memory)} GB"


def _against_qlora(means: Means, found: MethodMeans) -> str:
    if not means.is_installed.get("qlora", True):
        return "needs bitsandbytes, which is not installed"
    return "four bits are not needed for room, and cost some time and exactness"


def _against_small(means: Means, method: Method) -> str:
    """Of the methods that train very little."""
    if method == "ia3":
        few = "made for a few dozen rows (Liu and others 2022, T-Few)"
        return f"{few}: worth a trial beside lora here" if means.rows < FEW_ROWS else f"{few}, and these are more"
    many_jobs = "where many jobs share one model, LoRA adapters do too (Sheng and others 2023, S-LoRA)"
    if method == "prompt_tuning" and means.shape.parameters < LARGE:
        return f"comes near full fine-tuning only from about 10 billion weights (Lester and others 2021); {many_jobs}"
    words = "below 100 rows words in the prompt do as well" if means.rows < FEW_ROWS else "learns less than an adapter"
    return f"{words}, and its tokens take places of the window; {many_jobs}"


def _preference(means: Means) -> str:
    if not means.preference_pairs:
        return "there are no pairs of a better and a worse answer"
    return f"{means.preference_pairs:,} pairs are there, but it comes after supervised training, and not instead of it"
