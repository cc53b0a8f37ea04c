"""How long asking all arms takes, and what that costs on the GPU at hand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from harness.advice.money import offers
from harness.advice.money.cost import Prices
from harness.advice.money.offers import Charge
from harness.advice.situation import Baseline
from harness.advice.time.duration import Evaluation
from harness.errors import UsageError
from harness.plan import Plan
from harness.survey import money, ways
from harness.survey.ground import Ground

_RECORDED = "for all arms, by what is recorded"
_MEASURED = "for all arms, by the prompts measured"
_MORE = "; benchmarks come on top"


def evaluation(
    plan: Plan | None, ground: Ground, baselines: Sequence[Baseline], recorded: float | None, prices: Prices
) -> Evaluation | None:
    """By the record where it knows all arms, else by the prompts that were measured; ``None`` where neither is known.

    ``recorded`` is in seconds, of everything that is asked. A tuned arm is taken to answer as fast as the base model.
    """
    if plan is None:
        return None
    if recorded is not None:
        return Evaluation(seconds=recorded, basis=_RECORDED, charge=_charge(recorded, ground, prices))
    seconds = _added(_measured(plan, baselines))
    if not seconds:
        return None
    basis = _MEASURED + (_MORE if plan.benchmarks else "")
    return Evaluation(seconds=seconds, basis=basis, charge=_charge(seconds, ground, prices))


def _measured(plan: Plan, baselines: Sequence[Baseline]) -> Iterator[float | None]:
    """Seconds of each task and arm; ``None`` where no measured prompt is that of the arm."""
    took = {(each.name, each.task): each.seconds for each in baselines}
    named = {way.prompting: way.name for way in ways.candidates(plan)} if baselines else {}
    for task in plan.tasks:
        answers = len(task.samples) * task.task.generation.repeats
        for arm in plan.arms:
            each = took.get((named.get(arm.prompting, ""), task.name))
            yield None if each is None else answers * each


def _added(parts: Iterable[float | None]) -> float | None:
    """The sum; ``None`` where a part is not known."""
    total = 0.0
    for each in parts:
        if each is None:
            return None
        total += each
    return total


def _charge(seconds: float, ground: Ground, prices: Prices) -> Charge | None:
    """What that costs by the hour; ``None`` on a CPU, elsewhere than here, and where the list lacks the GPU."""
    if not ground.is_here or ground.device.kind != "cuda":
        return None
    try:
        gpu = money.priced(ground.device.name, prices)
    except UsageError:
        return None
    return offers.gpu_time(gpu, seconds, what="evaluating", currency=prices.currency)
