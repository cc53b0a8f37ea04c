"""How fast the trainings of the record went, as a guess at how fast the next one will go."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

from harness.advice.model.shape import ModelShape
from harness.advice.time.duration import Rate
from harness.execution import environment
from harness.machine import cores, gpu_of
from harness.plan import Plan
from harness.store.reader import Reader
from harness.values import ModelRef, Progress, Ref, Run, Training

_LOOKED_AT = 20
"""The newest runs of the record: what is older was trained otherwise, and takes longer to look through."""
_OF_ALL, _OF_AN_ADAPTER = 6, 4
"""Operations a parameter and token: two forward and two backward through the activations; all weights want two more for
their own gradients (Kaplan and others 2020, arXiv:2001.08361, count six)."""
_ALIKE, _SCALED = (0.75, 1.25), (0.5, 1.6)
"""Our choice: how far the rate may lie from the recorded one, of the same model and method, and of others."""


@dataclass(frozen=True, slots=True)
class _Recorded:
    """A training that went to its end on hardware like this."""

    training: Training
    parameters: int
    tokens_per_second: float
    starting: float
    """Seconds besides its steps, the libraries' import left out."""

    @property
    def operations(self) -> int:
        """A parameter and token; of a trainer that chooses its method, those of the chosen one."""
        facts = self.training.checkpoint.facts if self.training.checkpoint else {}
        trainer = self.training.trainer
        return _operations(Ref(str(facts.get("method", trainer.name)), trainer.options))


def recorded_rate(plan: Plan, reader: Reader, trainer: Ref, shape: ModelShape) -> Rate | None:
    """The rate of the newest recorded training on like hardware, scaled by parameters; ``None`` where there is none.

    Like hardware has the same processor, as many cores, and the same GPU or none; a method of the same kind goes
    before a newer one by another. Opens no model.
    """
    found = list(_recorded(reader, plan.suite.model))
    if not found:
        return None
    wanted = _operations(trainer)
    like = next((each for each in found if each.operations == wanted), found[0])
    parameters = like.parameters / shape.active_parameters
    rate = like.tokens_per_second * parameters * like.operations / wanted
    same_method, same_size = like.operations == wanted, abs(parameters - 1) < 0.01
    low, high = _ALIKE if same_method and same_size else _SCALED
    scaled = [] if same_size else ["parameters"]
    scaled += [] if same_method else ["method"]
    return Rate(
        tokens_per_second=rate,
        low=rate * low,
        high=rate * high,
        known_by="record",
        basis=f"{like.training.experiment} on the same processor{_by(scaled)}",
        starting=like.starting,
    )


def _recorded(reader: Reader, model: ModelRef) -> Iterator[_Recorded]:
    """Newest first."""
    runs = reader.runs(limit=_LOOKED_AT)
    # asking for GPUs takes a moment where there are some
    at_hand = (environment.processor(), cores(), _gpu(model)) if runs else None
    looked_at = set()
    for run in runs:
        if run.experiment in looked_at or run.model is None or _hardware(run) != at_hand:
            continue
        looked_at.add(run.experiment)
        for training in reversed(reader.trainings(run.experiment)):
            reports = reader.progress(training.experiment, training.stage)
            rate = _tokens_per_second(reports)
            if training.status == "finished" and training.checkpoint and rate:
                besides = max(0.0, training.checkpoint.seconds - reports[-1].seconds)
                yield _Recorded(training, run.model.parameters, rate, besides)


def _hardware(run: Run) -> tuple[str, int, str]:
    return run.environment.processor, run.environment.cores, run.environment.gpu


def _gpu(model: ModelRef) -> str:
    """The GPU that the model is put on, by its driver's name; empty where it is put on none."""
    found = gpu_of(model.device)
    return found.name if found else ""


def _tokens_per_second(reports: Sequence[Progress]) -> float | None:
    """Of the steps, the first report left out; each stands for about as many tokens, so that slow ones weigh more."""
    known = [each.tokens_per_second for each in reports if each.tokens_per_second]
    steady = known[1:] or known
    return 1 / fmean(1 / each for each in steady) if steady else None


def _operations(trainer: Ref) -> int:
    """A parameter and token; a method that is not known is taken for an adapter's."""
    name = trainer.name.rpartition("/")[2]
    trains_all = name == "full" or (name == "continued_pretraining" and trainer.options.get("method", "full") == "full")
    return _OF_ALL if trains_all else _OF_AN_ADAPTER


def _by(scaled: list[str]) -> str:
    return f", scaled by {' and '.join(scaled)}" if scaled else ""
