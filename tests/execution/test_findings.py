"""Findings on curves as trainings make them: none on a healthy one, whatever its noise, and each illness by name."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

import pytest

from harness.execution.findings import Findings, findings_of
from harness.values import Progress, TrainingFinding

SEEDS = range(200)
Loss = Callable[[float], float]
"""A loss without noise, by the share of the training that is over."""


def curve(
    seed: int,
    loss: Loss,
    validation: Loss | None,
    *,
    steps: int = 180,
    epochs: float = 3.0,
    scatter: float = 0.1,
    every: int = 1,
    measured: int = 8,
    jitter: float = 0.005,
) -> list[Progress]:
    """The reports of one training: batches scatter by a share of the loss, with a bad one now and then."""
    noise = random.Random(seed)
    told, batches = [], list[float]()
    for step in range(1, steps + 1):
        share = step / steps
        bad = 1 + (noise.random() < 0.01)
        batches.append(loss(share) * bad * math.exp(noise.gauss(0, scatter)))
        epoch, rate = epochs * share, 2e-4 * min(1.0, share / 0.03) * (1 + math.cos(math.pi * share)) / 2
        if step % every == 0:
            told.append(Progress(step, steps, epoch, loss=sum(batches) / len(batches), learning_rate=rate))
            batches.clear()
        if validation and step * measured // steps > (step - 1) * measured // steps:
            measurement = validation(share) * math.exp(noise.gauss(0, jitter))
            told.append(Progress(step, steps, epoch, validation_loss=measurement))
    return told


def falling(start: float, end: float, within: float = 0.15) -> Loss:
    return lambda share: end + (start - end) * math.exp(-share / within)


def by_epochs(loss: Loss, drop: float = 0.12) -> Loss:
    """Rows seen before are a little easier, at once, when an epoch begins."""
    return lambda share: loss(share) * (1 - drop) ** math.floor(min(share, 0.999) * 3)


def rising_from(lowest: float, bottom: float, by: float, start: float = 2.2) -> Loss:
    """Falls to ``bottom`` at the share ``lowest``, then rises by ``by`` until the end."""

    def loss(share: float) -> float:
        if share < lowest:
            return bottom + (start - bottom) * (1 - share / lowest) ** 2
        return bottom + by * (share - lowest) / (1 - lowest)

    return loss


def swinging(seed: int, size: float) -> Loss:
    noise = random.Random(seed + 1000)
    waves, shift = noise.uniform(7, 12), noise.uniform(0, 1)

    def loss(share: float) -> float:
        swing = size * (1 + math.sin(2 * math.pi * (waves * share + shift))) / 2
        return falling(2.4, 1.3)(share) + (swing if share > 0.06 else 0.0)

    return loss


HEALTHY: dict[str, Callable[[int], list[Progress]]] = {
    "a task learnt well": lambda seed: curve(seed, by_epochs(falling(2.4, 1.1)), falling(2.4, 1.05)),
    "a narrow task, learnt to almost 0": lambda seed: curve(seed, falling(2.4, 0.02), falling(2.4, 0.03), scatter=0.25),
    "noisy batches": lambda seed: curve(seed, by_epochs(falling(2.0, 1.2)), falling(2.0, 1.15), scatter=0.2),
    "little to gain": lambda seed: curve(seed, falling(1.5, 1.2), falling(1.5, 1.2), scatter=0.08),
    "few steps": lambda seed: curve(seed, falling(2.4, 1.0, 0.3), falling(2.4, 1.0, 0.3), steps=30, measured=6),
    "very few steps": lambda seed: curve(seed, falling(2.4, 1.0, 0.3), falling(2.4, 1.0, 0.3), steps=4, measured=2),
    "many steps, few reports": lambda seed: curve(
        seed, by_epochs(falling(1.9, 1.1, 0.05)), falling(1.9, 1.05, 0.05), steps=2000, every=20, measured=20
    ),
    "every step reported": lambda seed: curve(
        seed, by_epochs(falling(2.4, 1.1)), falling(2.4, 1.05), steps=1000, measured=20
    ),
    "no validation rows": lambda seed: curve(seed, by_epochs(falling(2.4, 1.1)), None),
    "validation that ends on a plateau": lambda seed: curve(
        seed, by_epochs(falling(2.4, 1.1, 0.08)), falling(2.4, 1.05, 0.08), measured=24, jitter=0.008
    ),
    "validation rows that are harder": lambda seed: curve(seed, falling(1.2, 0.3), falling(2.2, 1.2)),
}

MEMORISED = falling(2.2, 0.04, 0.25)
ILL: dict[str, Callable[[int], list[Progress]]] = {
    "overfitting": lambda seed: curve(
        seed, by_epochs(falling(2.2, 0.5, 0.3)), rising_from(0.4, 1.0, 0.35), epochs=5, measured=10
    ),
    "memorisation": lambda seed: curve(seed, MEMORISED, lambda share: max(1.0, falling(2.2, 0.95)(share)), epochs=8),
    "divergence": lambda seed: curve(seed, rising_from(0.3, 1.3, 2.5, 2.4), falling(2.4, 1.3), scatter=0.15),
    "oscillation": lambda seed: curve(seed, swinging(seed, 1.5), falling(2.4, 1.4), scatter=0.1),
    "no movement": lambda seed: curve(seed, falling(2.3, 2.29), falling(2.3, 2.29), scatter=0.08),
}
KNOWABLE = {"overfitting": 0.4, "memorisation": 1 / 8, "divergence": 0.3, "oscillation": 0.06, "no movement": 1 / 3}
"""The share of the training before which nobody can know it."""


@pytest.mark.parametrize("name", HEALTHY)
def test_nothing_is_found_in_a_healthy_training(name: str) -> None:
    found = [(seed, finding) for seed in SEEDS for finding in findings_of(HEALTHY[name](seed))]
    assert found == []


UNSTABLE = {"divergence", "oscillation"}
"""The first climb of a wide swing is a divergence as long as nobody has seen it come down."""


@pytest.mark.parametrize("kind", ILL)
def test_an_illness_is_found_but_not_before_it_can_be_known(kind: str) -> None:
    names = UNSTABLE if kind in UNSTABLE else {kind}
    found = [next((each for each in findings_of(ILL[kind](seed)) if each.kind in names), None) for seed in SEEDS]
    steps = [each.step for each in found if each]
    assert sum(each is not None and each.kind == kind for each in found) >= 0.75 * len(SEEDS)
    assert len(steps) >= 0.95 * len(SEEDS)
    assert min(steps) > KNOWABLE[kind] * 180


@pytest.mark.parametrize("kind", ["divergence", "oscillation", "no movement"])
def test_an_illness_of_the_learning_rate_is_not_taken_for_one_of_the_rows(kind: str) -> None:
    others = {finding.kind for seed in SEEDS for finding in findings_of(ILL[kind](seed))}
    assert not others & {"overfitting", "memorisation"}


def test_an_unstable_training_is_told_once_although_it_swings_and_climbs() -> None:
    for seed in range(40):
        kinds = [finding.kind for finding in findings_of(ILL["oscillation"](seed) + ILL["divergence"](seed)[-40:])]
        assert len(UNSTABLE & set(kinds)) == 1
        assert len(kinds) == len(set(kinds))


def steady(losses: Sequence[float], validations: Sequence[float], total: int) -> Iterator[Progress]:
    """A loss a step and a validation loss every tenth, without noise."""
    for step, loss in enumerate(losses, start=1):
        yield Progress(step, total, 3 * step / total, loss=loss, learning_rate=2e-4)
        if step % 10 == 0 and step // 10 <= len(validations):
            yield Progress(step, total, 3 * step / total, validation_loss=validations[step // 10 - 1])


def test_overfitting_names_the_best_step_and_the_amounts() -> None:
    losses = [2.0 - step * 0.02 for step in range(60)]
    (found,) = findings_of(list(steady(losses, [1.6, 1.2, 1.0, 1.04, 1.1, 1.2], 60)))
    assert (found.kind, found.step) == ("overfitting", 50)
    assert found.sentence.startswith(
        "overfitting since step 30: the validation loss has risen from 1.000 to 1.100 while the training loss fell"
    )
    assert "the checkpoint of step 30 is the better one" in found.sentence


@pytest.mark.parametrize(
    "validations",
    [
        [1.6, 1.2, 1.0, 1.04, 1.03, 1.06],  # never twice in a row
        [1.6, 1.2, 1.0, 1.01, 1.02, 1.025],  # by less than 3 %
    ],
)
def test_a_validation_loss_that_only_wavers_is_no_overfitting(validations: list[float]) -> None:
    losses = [2.0 - step * 0.02 for step in range(60)]
    assert findings_of(list(steady(losses, validations, 60))) == ()


def test_a_validation_loss_that_rises_with_the_training_loss_is_no_overfitting() -> None:
    losses = [2.0 - step * 0.02 for step in range(30)] + [1.4 + step * 0.002 for step in range(30)]
    assert findings_of(list(steady(losses, [1.6, 1.4, 1.3, 1.32, 1.35, 1.4], 60))) == ()


def test_too_high_a_learning_rate_is_named_with_a_lower_one() -> None:
    losses = [2.0 - step * 0.03 for step in range(30)] + [1.1 + step * 0.1 for step in range(30)]
    (found,) = findings_of(list(steady(losses, [], 60)))
    assert found.kind == "divergence"
    assert found.sentence.endswith("learning_rate is too high: it is 2.0e-04, try 6.7e-05")


def test_rows_known_by_heart_without_validation_are_told_as_not_tellable() -> None:
    losses = [max(0.004, 2 - step * 0.1) for step in range(90)]
    (found,) = findings_of(list(steady(losses, [], 90)))
    assert (found.kind, found.step > 30) == ("memorisation", True)
    assert "give validation rows" in found.sentence


def test_a_loss_that_leaps_at_once_is_told_although_it_falls_from_there() -> None:
    """The first steps of a real training of the tiny model with learning_rate 1 and no limit on gradients."""
    losses = [7.89, 14.24, 38.07, 35.68, 30.97, 26.89, 33.27, 37.96, 47.23, 50.33, 38.78, 54.07, 19.07, 59.59, 46.46]
    losses += [50.44, 21.46, 37.53, 25.28, 21.62]
    reports = [Progress(step, 150, step / 15, loss=loss, learning_rate=1.0) for step, loss in enumerate(losses, 1)]
    finding = findings_of(reports)[0]
    assert (finding.kind, finding.step) == ("divergence", 18)
    assert "since step 1 its loss has risen from 7.890 to" in finding.sentence
    assert "learning_rate is too high" in finding.sentence


def test_a_model_that_is_spoilt_at_once_is_told_for_many_seeds() -> None:
    """A loss of 1.5 goes to 6 while the rate warms up and falls to 4: no best of its own is ever left."""
    spoilt = [curve(seed, lambda at: 1.5 if at < 0.02 else falling(6.0, 4.0)(at), None) for seed in SEEDS]
    assert all("divergence" in {each.kind for each in findings_of(reports)} for reports in spoilt)


def test_rows_that_others_still_gain_from_are_not_said_to_be_learnt_by_heart() -> None:
    """A real training of the tiny model: until step 35 each measurement is better, and fewer epochs would have lost."""
    losses = [7.72, 8.2, 6.65, 6.17, 5.2, 4.72, 3.74, 3.35, 5.38, 5.51, 3.34, 3.62, 2.02, 1.93, 2.94, 1.59, 1.94, 1.42]
    losses += [1.28, 1.11, 1.14, 1.06, 2.17, 0.76, 0.75, 0.93, 0.61, 0.53, 0.66, 0.45, 0.42, 0.63, 0.33, 1.45, 0.57]
    losses += [1.69, 0.32, 0.31, 1.65, 1.34, 0.49, 0.29, 0.37, 0.31, 0.31, 0.44, 0.26, 0.26, 1.15, 0.48, 0.92, 0.26]
    validations = {7: 4.91, 14: 3.2, 21: 2.27, 28: 1.58, 35: 1.39, 42: 1.41, 49: 1.33, 52: 1.33}
    reports = []
    for step, loss in enumerate(losses, 1):
        reports.append(Progress(step, 52, step / 13, loss=loss))
        if step in validations:
            reports.append(Progress(step, 52, step / 13, validation_loss=validations[step]))
    assert [(each.kind, each.step) for each in findings_of(reports)] == [("memorisation", 44)]


def test_nothing_is_said_to_stand_still_while_the_learning_rate_still_rises() -> None:
    rising = [Progress(step, 60, step / 20, loss=2.0, learning_rate=step * 1e-6) for step in range(1, 51)]
    (found,) = findings_of([replace(each, learning_rate=1e-9) for each in rising])
    assert findings_of(rising) == ()
    assert found.kind == "no movement"


def test_live_and_from_the_record_the_same_is_told() -> None:
    for seed in range(20):
        for make in ILL.values():
            told, live = make(seed), Findings()
            said = list[TrainingFinding]()
            for report in told:
                said += live.see(report)
            assert tuple(said) == findings_of(told)
            assert [each.step for each in said] == sorted(each.step for each in said)


def test_steps_that_a_restart_went_back_are_forgotten() -> None:
    losses = [2.0 - step * 0.02 for step in range(60)]
    cut_off = [each for each in steady(losses, [1.6, 1.2, 1.0, 1.04], 60) if each.step <= 45]
    resumed = list(steady(losses, [1.6, 1.2, 1.0, 1.1, 1.05, 1.06], 60))
    assert findings_of([*cut_off, *(each for each in resumed if each.step > 35)]) == findings_of(resumed) == ()


def test_reports_without_figures_change_nothing() -> None:
    told = ILL["overfitting"](1)
    said = [replace(report, loss=None, validation_loss=None, message="x") for report in told]
    talked = [each for pair in zip(told, said, strict=True) for each in pair]
    assert findings_of(talked) == findings_of(told) != ()
    assert findings_of([Progress(0, 0, 0.0, message="rows are long")]) == ()


def test_ten_thousand_reports_are_judged_in_no_time_and_like_a_hundred() -> None:
    many = curve(3, ILL_LOSS, None, steps=10_000, scatter=0.3)
    few = curve(3, ILL_LOSS, None, steps=10_000, scatter=0.3, every=100)
    (one,), (other,) = findings_of(many), findings_of(few)
    assert one.kind == other.kind == "divergence"
    assert abs(one.step - other.step) <= 200


ILL_LOSS = rising_from(0.5, 1.2, 3.0)


def test_curves_of_the_tests_are_in_the_order_of_a_training() -> None:
    for make in (*HEALTHY.values(), *ILL.values()):
        assert all(one.step <= other.step for one, other in pairwise(make(0)))
