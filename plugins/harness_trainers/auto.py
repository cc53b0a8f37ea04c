"""``auto``: method, rank, epochs and rate chosen by the memory at hand, the rows and the model's width, and why.

The rules are those of ``harness advise``, so that the two never contradict each other.
"""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import ClassVar, Literal

from harness import (
    Checkpoint,
    MethodMeans,
    Progress,
    Report,
    TrainJob,
    advised_epochs,
    advised_rank,
    advised_rate,
    method_for,
)
from harness_trainers.estimate import CannotEstimate, available, estimate, parameters
from harness_trainers.methods import Full, Lora, Qlora
from harness_trainers.options import Common, require

Chosen = Literal["full", "lora", "qlora"]


@dataclass(frozen=True, slots=True)
class Decided:
    """What was chosen, and the reasons as clauses of a sentence."""

    method: Chosen
    r: int
    num_train_epochs: float
    learning_rate: float | None
    """``None`` stands for the method's own."""
    reasons: tuple[str, ...]


def choose(means: MethodMeans, hidden: int | None = None) -> Decided:
    """The method for the memory and the rows, rank and epochs for so many rows, and the rate for this hidden size."""
    choice, (epochs, _, _) = method_for(means), advised_epochs(means.rows)
    rate = None if hidden is None else advised_rate(choice.method, hidden)[0]
    return Decided(choice.method, advised_rank(means.rows), epochs, rate, choice.reasons)


@dataclass(frozen=True, kw_only=True)
class Auto(Common):
    """Chooses among full, lora and qlora by the memory at hand and the number of rows, says why, and trains."""

    name: ClassVar[str] = "auto"

    learning_rate: float = 0.0
    """0 stands for what the chosen method and the model's hidden size ask for."""
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

    def _settled(self, job: TrainJob) -> Decided:
        """What there is now says, save for a training that was cut off: it goes on as it began."""
        from harness_trainers import saved

        hidden, cut_off = _hidden(job), saved.last(job.output / saved.STATES)
        choice = choose(self._means(job), hidden)
        before = next((name for name in METHODS if cut_off and name == cut_off.method.split()[0]), choice.method)
        rate = None if hidden is None else advised_rate(before, hidden)[0]
        return replace(choice, method=before, learning_rate=rate)

    def method(self, choice: Decided) -> Common:
        """The chosen method with these options."""
        more: dict[str, float] = {"num_train_epochs": self.num_train_epochs or choice.num_train_epochs}
        if rate := self.learning_rate or choice.learning_rate:
            more["learning_rate"] = rate
        if choice.method == "full":
            return self._as(Full, **more)
        r = self.r or choice.r
        return self._as(METHODS[choice.method], **more, r=r, lora_alpha=2 * r)

    def _means(self, job: TrainJob) -> MethodMeans:
        rows = _count(job)
        r = self.r or advised_rank(rows)
        methods = [self._as(Full), self._as(Lora, r=r)]
        if importlib.util.find_spec("bitsandbytes"):
            methods.append(self._as(Qlora, r=r))
        needs: dict[str, int] = {}
        for method in methods:
            with contextlib.suppress(CannotEstimate):
                needs[method.name] = estimate(method, job).training
        # a model that cannot be estimated may not be built without numbers either
        return MethodMeans(rows, parameters(job) if needs else 0, available(job), needs)

    def _as(self, method: type[Common], **more: float) -> Common:
        """``method`` with the options that it shares with this one, and what was said of them."""
        given = {each.name: getattr(self, each.name) for each in fields(Common)}
        unsaid = [name for name in ("learning_rate", "num_train_epochs") if given[name] == 0]
        return method(**{name: value for name, value in given.items() if name not in unsaid} | more)


METHODS: Mapping[Chosen, type[Common]] = {"full": Full, "lora": Lora, "qlora": Qlora}


def _hidden(job: TrainJob) -> int | None:
    """The width of the job's model; ``None`` where its configuration does not say."""
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(job.model.name, trust_remote_code=job.model.trust_remote_code)
    found = getattr(config.get_text_config(), "hidden_size", None)
    return found if isinstance(found, int) and found > 0 else None


def _count(job: TrainJob) -> int:
    with job.train.open("rb") as lines:
        return sum(1 for line in lines if line.strip())
