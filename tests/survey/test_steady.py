"""How the pace of a training is read off its reports: made ones, whose every second is known."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from harness.survey.steady import Pace, Seen, pace
from harness.values import Progress

START, BASE, PER_TOKEN, MEASURING, SAVING, ENDING = 9.0, 0.5, 0.01, 3.0, 2.0, 4.0


def reports(
    sizes: Sequence[int], *, saved_after: Sequence[int] = (), first: float = 0.0, measures: bool = True
) -> tuple[list[Seen], float]:
    """A training whose step takes ``BASE`` and ``PER_TOKEN`` a token, the first one ``first`` more; and its end."""
    seen, now = [], START
    for step, tokens in enumerate(sizes, start=1):
        begun, now = now, now + BASE + PER_TOKEN * tokens + (first if step == 1 else 0.0)
        if step - 1 in saved_after:
            now += SAVING
        told = Progress(step, len(sizes), 0.1, loss=1.0, seconds=now - START, memory_bytes=7 << 20)
        rate = tokens / (now - begun)
        seen.append(Seen(now, Progress(**{**_fields(told), "tokens_per_second": rate})))
        if step in saved_after and measures:
            now += MEASURING
            seen.append(Seen(now, Progress(step, len(sizes), 0.1, validation_loss=1.0, seconds=now - START)))
    return seen, now + (SAVING if len(sizes) in saved_after else 0.0) + ENDING


def _fields(progress: Progress) -> dict[str, object]:
    return {name: getattr(progress, name) for name in progress.__slots__}


def read(seen: Sequence[Seen], ended: float | None, tokens: float | None = None, saves_every: int = 100) -> Pace:
    found = pace(seen, ended, tokens=tokens, saves_every=saves_every)
    assert found is not None
    return found


def test_every_part_of_a_training_is_found_again() -> None:
    sizes = [100, 400, 200, 300, 250, 150, 350, 120, 380, 200]
    seen, ended = reports(sizes, saved_after=(5, 10), first=1.5)
    found = read(seen, ended)
    assert found.step == pytest.approx(BASE + PER_TOKEN * 245), "of the mean of those that were seen"
    assert found.starting == pytest.approx(START + 1.5), "what the first step took longer is part of the beginning"
    assert (found.measuring, found.saving) == pytest.approx((MEASURING, SAVING))
    assert found.ending == pytest.approx(ENDING)
    assert found.error == pytest.approx(0, abs=1e-9)
    assert (found.steps, found.memory) == (10, 7 << 20)


def test_steps_are_scaled_to_the_mean_length_of_the_whole_training() -> None:
    seen, ended = reports([100, 400, 200, 300, 250, 150, 350, 120, 380, 200])
    assert read(seen, ended, tokens=600).step == pytest.approx(BASE + PER_TOKEN * 600)


def test_steps_of_one_length_are_scaled_in_proportion() -> None:
    seen, ended = reports([200] * 10)
    assert read(seen, ended, tokens=220).step == pytest.approx(1.1 * (BASE + PER_TOKEN * 200))


def test_a_state_that_is_saved_unseen_slows_no_step_down() -> None:
    seen, ended = reports([200] * 10, saved_after=(5,), measures=False)
    found = read(seen, ended, saves_every=5)
    assert found.step == pytest.approx(BASE + PER_TOKEN * 200)
    assert found.saving == pytest.approx(SAVING)
    assert found.measuring is None


def test_what_was_cut_short_has_no_end() -> None:
    seen, _ = reports([200] * 6, saved_after=(5,))
    assert read(seen, None).ending == 0.0


def test_noise_widens_the_error() -> None:
    seen, ended = reports([200] * 12)
    noisy = [Seen(each.at + 0.3 * (number % 2), each.progress) for number, each in enumerate(seen)]
    assert 0.05 < read(noisy, ended).error < 0.3


def test_a_trainer_that_tells_no_tokens_is_timed_as_it_went() -> None:
    seen = [Seen(10.0 + 2 * step, Progress(step, 8, 0.1, loss=1.0)) for step in range(1, 9)]
    found = read(seen, 30.0, tokens=500)
    assert (found.step, found.starting, found.ending) == pytest.approx((2.0, 10.0, 4.0))


def test_reports_of_several_steps_count_for_all_of_them() -> None:
    seen = [Seen(10.0 + 2 * step, Progress(step, 20, 0.1, loss=1.0)) for step in range(5, 21, 5)]
    assert read(seen, 52.0).step == pytest.approx(2.0)


def test_one_report_tells_no_time() -> None:
    assert pace([Seen(12.0, Progress(1, 1, 1.0, loss=1.0))], 13.0, tokens=None, saves_every=1) is None
    assert pace([Seen(1.0, Progress(0, 0, 0.0, message="hello"))], 13.0, tokens=None, saves_every=1) is None
