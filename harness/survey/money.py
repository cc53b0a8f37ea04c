"""What tuning and serving would cost this team, beside the long prompt that it would replace."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from harness.advice import devices
from harness.advice.devices import Device
from harness.advice.model.shape import ModelShape
from harness.advice.money import offers
from harness.advice.money.cost import ApiPrice, BreakEven, GpuPrice, Offer, Prices, Traffic, break_even
from harness.advice.money.offers import Charge, Serving
from harness.advice.money.serving import serving
from harness.advice.route import standing
from harness.advice.situation import Baseline
from harness.advice.time.duration import Duration
from harness.errors import UsageError
from harness.survey.ground import Ground
from harness.survey.subject import Subject

TrainingOn = Callable[[Device], Duration | None]
"""How long the training takes on a GPU, where that can be told."""

_DAYS = 365 / 12
"""Of a month."""
_EPOCHS = 3
"""Of a tuning by an API where nothing else is advised."""


@dataclass(frozen=True, slots=True)
class Spending:
    """The offers side by side."""

    traffic: Traffic | None = None
    offers: tuple[Offer, ...] = ()
    break_even: tuple[BreakEven, ...] = ()
    notes: tuple[str, ...] = ()


def reckon(
    subject: Subject, ground: Ground, baselines: Sequence[Baseline], training_on: TrainingOn, prices: Prices
) -> Spending:
    """Prompting and tuning, by an API and on one's own GPU; where each meets the long prompt of its kind."""
    traffic = _traffic(subject, ground, baselines)
    if traffic is None:
        flags = "--prompt-tokens, --short-prompt-tokens and --answer-tokens"
        return Spending(notes=(f"what serving costs is not reckoned; {flags} say what is asked",))
    notes: list[str] = []
    pairs = [
        *_by_api(subject, ground, traffic, prices, notes),
        *_own(subject, ground, traffic, training_on, prices, notes),
    ]
    return Spending(
        traffic,
        tuple(dict.fromkeys(offer for pair in pairs for offer in pair)),
        tuple(break_even(tuned, long, subject.answers.months) for long, tuned in pairs if tuned.training > 0),
        tuple(notes),
    )


def _traffic(subject: Subject, ground: Ground, baselines: Sequence[Baseline]) -> Traffic | None:
    """What is asked in a month: as the team says, else as measured, else as reckoned from the suite's prompts."""
    said, measured = subject.answers, [each for each in baselines if each.prompt_tokens is not None]
    best = next(iter(standing.best(measured)), None)
    zero_shot = next((each.prompt_tokens for each in measured if each.name == "zero-shot"), None)
    bare = said.short_prompt_tokens or zero_shot or ground.bare_prompt
    long = said.prompt_tokens or (best.prompt_tokens if best else ground.long_prompt)
    answer = said.answer_tokens or ground.answer
    if bare is None or long is None or answer is None:
        return None
    asked = (said.requests_per_day or 0.0) * _DAYS
    return Traffic(requests=asked, long_prompt=max(long, bare), short_prompt=bare, answer=answer)


def _by_api(
    subject: Subject, ground: Ground, traffic: Traffic, prices: Prices, notes: list[str]
) -> Iterator[tuple[Offer, Offer]]:
    api = _api(subject, prices, notes)
    tokens = ground.lengths.total if ground.lengths else None
    if api is None or tokens is None:
        return
    long = offers.api_prompt(api, traffic, prices.currency)
    if api.training is None:
        notes.append(f"the list of prices has no price of tuning {api.name}")
        return
    yield long, offers.api_tuned(api, traffic, tokens=tokens, epochs=_EPOCHS, currency=prices.currency)


def _api(subject: Subject, prices: Prices, notes: list[str]) -> ApiPrice | None:
    if subject.answers.api:
        return prices.api(subject.answers.api)
    tunable = [each for each in prices.apis if each.training is not None]
    found = min(tunable, key=lambda each: each.input, default=None)
    if found:
        notes.append(f"the API is {found.name}, the cheapest of the list that can be tuned; --api names another")
    return found


def _own(
    subject: Subject,
    ground: Ground,
    traffic: Traffic,
    training_on: TrainingOn,
    prices: Prices,
    notes: list[str],
) -> Iterator[tuple[Offer, Offer]]:
    if ground.shape is None:
        return
    found = _gpu(subject, ground.shape, traffic, prices, notes)
    if found is None:
        return
    gpu, device, rate = found
    charge = _training(training_on(device), gpu, prices.currency)
    if not charge.amount:
        notes.append("where tuning pays on one's own GPU is not told: how long the training takes is not known")
    long = offers.own_prompt(gpu, traffic, rate, currency=prices.currency)
    yield long, offers.self_hosted(gpu, traffic, rate, training=charge, currency=prices.currency)


def _gpu(
    subject: Subject, shape: ModelShape, traffic: Traffic, prices: Prices, notes: list[str]
) -> tuple[GpuPrice, Device, Serving] | None:
    """The GPU that was named, or the cheapest of the list that the model fits; a note says why it is none."""
    said = subject.answers.gpu
    try:
        listed = [priced(said, prices)] if said else sorted(prices.gpus, key=lambda each: each.hour)
    except UsageError as error:
        notes.append(f"serving is not reckoned: {error}")
        return None
    for gpu in listed:
        device = devices.named(gpu.name)
        if device is None:
            continue
        rate = serving(shape, device, prompt=traffic.long_prompt, answer=traffic.answer)
        if rate is not None:
            if not said:
                notes.append(
                    f"serving is reckoned on {gpu.name}, the cheapest that holds the model; --gpu names another"
                )
            return gpu, device, rate
    if said:
        why = "does not hold the model" if devices.named(listed[0].name) else "is no GPU whose speed is known"
        raise UsageError(f"{said} {why}", remedy="name another with --gpu")
    notes.append("no single GPU of the list of prices holds the model, so serving it is not reckoned")
    return None


def priced(name: str, prices: Prices) -> GpuPrice:
    """The price of the GPU that a word means: ``A100`` finds ``A100 40GB``."""
    wanted = devices.named(name)
    like = (each for each in prices.gpus if wanted and devices.named(each.name) == wanted)
    return next(like, None) or prices.gpu(name)


def _training(duration: Duration | None, gpu: GpuPrice, currency: str) -> Charge:
    """What the training costs on a GPU of this price."""
    if duration is None:
        return Charge(amount=0.0, explained=("the training's time is not known, so it is not counted",))
    what = f"training ({duration.rate.known_by}: {duration.rate.basis})"
    return offers.gpu_time(gpu, duration.seconds, what=what, currency=currency)
