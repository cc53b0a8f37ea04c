"""``auto``: the method, its rank and its epochs chosen by the memory at hand and the number of rows, and why."""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import ClassVar, Literal

from harness import Checkpoint, Progress, Report, TrainJob
from harness_trainers.estimate import CannotEstimate, available, estimate, gigabytes, parameters
from harness_trainers.methods import Full, Lora, Qlora
from harness_trainers.options import Common, require

Chosen = Literal["full", "lora", "qlora"]

FULL_FROM_ROWS = 10_000
"""Our choice. Where rows are many, full fine-tuning learns more than LoRA, and forgets more (Biderman et al. 2024,
"LoRA Learns Less and Forgets Less", arXiv:2405.09673); where they are few, there is nothing to gain by it."""
FULL_UP_TO_PARAMETERS = 1_500_000_000
"""Our choice: what a larger model gains by it seldom pays for a copy of all its weights."""
ROOM = 0.8
"""Our choice: full fine-tuning may take this share of the free memory, adapters all of it."""
SIZES = ((1_000, 8, 5.0), (10_000, 16, 3.0), (100_000, 32, 2.0), (None, 64, 1.0))
"""Our choice, a line each: up to so many rows, this rank and so many epochs. More rows hold more to be learnt, and want
fewer rounds for it."""


@dataclass(frozen=True, slots=True)
class Means:
    """What the choice is made by."""

    rows: int
    parameters: int
    free: int
    """Bytes of memory."""
    needs: Mapping[str, int]
    """Bytes by method; one that is not in it cannot be had here."""


@dataclass(frozen=True, slots=True)
class MethodChoice:
    """What was chosen, and the reasons as clauses of a sentence."""

    method: Chosen
    r: int
    num_train_epochs: float
    reasons: tuple[str, ...]


def choose(means: Means) -> MethodChoice:
    """The first of these that holds; the same means give the same choice.

    =======  =======================================================================================
    full     at least ``FULL_FROM_ROWS`` rows, at most ``FULL_UP_TO_PARAMETERS``, and it takes ``ROOM`` or less
    lora     it fits
    qlora    it can be had here and fits
    lora     nothing fits, and four bits cannot be had here
    qlora    nothing fits
    =======  =======================================================================================

    ``lora`` too where nothing could be estimated. One that does not fit is refused when it begins, with the ways out.
    """
    _, r, epochs = _size(means.rows)
    if "lora" not in means.needs:
        return MethodChoice("lora", r, epochs, ("what this model takes of the memory cannot be estimated",))
    against_full = _against_full(means)
    method: Chosen
    if against_full is None:
        method, reasons = "full", [f"{means.rows:,} rows are many and the model is small"]
    elif _fits(means, "lora"):
        method, reasons = "lora", [against_full]
    elif "qlora" in means.needs:
        method, reasons = "qlora", [f"lora would take {gigabytes(means.needs['lora'])} GB"]
    else:
        method, reasons = "lora", [against_full, "qlora needs bitsandbytes, which is not installed"]
    reasons.append(f"about {gigabytes(means.needs[method])} GB of {gigabytes(means.free)} GB free")
    if method != "full" and "full" in means.needs:
        reasons.append(f"full would take {gigabytes(means.needs['full'])} GB")
    return MethodChoice(method, r, epochs, tuple(reasons))


def _against_full(means: Means) -> str | None:
    """Why not all weights; ``None`` where they may be trained."""
    if means.rows < FULL_FROM_ROWS:
        return f"{means.rows:,} {'row is' if means.rows == 1 else 'rows are'} few for full fine-tuning"
    if means.parameters > FULL_UP_TO_PARAMETERS:
        return f"{means.parameters / 1e9:.1f} billion parameters are many for full fine-tuning"
    if "full" not in means.needs or means.needs["full"] > ROOM * means.free:
        return "full fine-tuning has no room"
    return None


def _fits(means: Means, method: str) -> bool:
    return means.needs.get(method, means.free + 1) <= means.free


@dataclass(frozen=True, kw_only=True)
class Auto(Common):
    """Chooses among full, lora and qlora by the memory at hand and the number of rows, says why, and trains."""

    name: ClassVar[str] = "auto"

    learning_rate: float = 0.0
    """0 stands for that of the chosen method."""
    num_train_epochs: float = 0.0
    """0 stands for as many as the number of rows asks for."""
    r: int = 0
    """Rank of an adapter; 0 stands for what the number of rows asks for. ``lora_alpha`` is twice as large."""

    def __post_init__(self) -> None:
        require(self.r >= 0, f"r must not be below 0, not {self.r}")
        # a method says what is wrong with the rest
        self._as(Lora, r=self.r or 1)

    def train(self, job: TrainJob, report: Report) -> Checkpoint:
        """The checkpoint of the chosen method, whose name is in its facts as ``method``."""
        choice = self._settled(job)
        report(Progress(0, 0, 0.0, message=f"{choice.method}: {'; '.join(choice.reasons)}"))
        checkpoint = self.method(choice).train(job, report)
        return replace(checkpoint, facts={**checkpoint.facts, "method": choice.method})

    def _settled(self, job: TrainJob) -> MethodChoice:
        """What there is now says, save for a training that was cut off: it goes on as it began."""
        from harness_trainers import saved

        choice, cut_off = choose(self._means(job)), saved.last(job.output / saved.STATES)
        before = next((name for name in METHODS if cut_off and name == cut_off.method), choice.method)
        return replace(choice, method=before)

    def method(self, choice: MethodChoice) -> Common:
        """The chosen method with these options."""
        epochs = self.num_train_epochs or choice.num_train_epochs
        if choice.method == "full":
            return self._as(Full, num_train_epochs=epochs)
        r = self.r or choice.r
        return self._as(METHODS[choice.method], num_train_epochs=epochs, r=r, lora_alpha=2 * r)

    def _means(self, job: TrainJob) -> Means:
        rows = _count(job)
        _, r, _ = _size(rows)
        methods = [self._as(Full), self._as(Lora, r=self.r or r)]
        if importlib.util.find_spec("bitsandbytes"):
            methods.append(self._as(Qlora, r=self.r or r))
        needs = {}
        for method in methods:
            with contextlib.suppress(CannotEstimate):
                needs[method.name] = estimate(method, job).training
        # a model that cannot be estimated may not be built without numbers either
        return Means(rows, parameters(job) if needs else 0, available(job), needs)

    def _as(self, method: type[Common], **more: float) -> Common:
        """``method`` with the options that it shares with this one, and what was said of them."""
        given = {each.name: getattr(self, each.name) for each in fields(Common)}
        unsaid = [name for name in ("learning_rate", "num_train_epochs") if given[name] == 0]
        return method(**{name: value for name, value in given.items() if name not in unsaid} | more)


METHODS: Mapping[Chosen, type[Common]] = {"full": Full, "lora": Lora, "qlora": Qlora}


def _size(rows: int) -> tuple[int | None, int, float]:
    """The line of ``SIZES`` that so many rows fall into."""
    return next(line for line in SIZES if line[0] is None or rows < line[0])


def _count(job: TrainJob) -> int:
    with job.train.open("rb") as lines:
        return sum(1 for line in lines if line.strip())
