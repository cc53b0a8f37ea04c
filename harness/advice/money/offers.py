"""Ways of being served: by an API or on own GPUs, untuned with a long prompt or tuned with a short one."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from harness.advice.money.cost import ApiPrice, GpuPrice, Offer, Traffic, exact, shown
from harness.errors import UsageError

HOURS = 730
"""Of a month: 365 days of 24 hours in twelve parts, as clouds bill it."""

BUSY = 0.3
"""Share of a month in which GPUs that stand ready do work; our choice: peaks must be met, and nights are quiet."""

_MILLION = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """How fast a model answers when many ask at a time."""

    prompt_tokens: float
    """A second, that are read."""
    answer_tokens: float
    """A second, that are written, over all answers that are being written."""
    caches: bool = False
    """Whether it keeps what prompts have in common, as servers with a prefix cache do."""
    basis: str = ""
    """Where the figures are from, in words."""

    def seconds(self, prompt: float, answer: float) -> Fraction:
        """That one request takes of the GPUs."""
        return exact(prompt) / exact(self.prompt_tokens) + exact(answer) / exact(self.answer_tokens)


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """What is paid once."""

    amount: float
    explained: tuple[str, ...]
    """The arithmetic in words, a line each."""


def api_prompt(api: ApiPrice, traffic: Traffic, currency: str = "USD") -> Offer:
    """The untuned model behind an API with the long prompt: nothing is trained.

    ``cached_share`` of the prompt is taken at the price of cached tokens, where the API has one; that writing the cache
    may cost extra, as with Anthropic, is left out.
    """
    share = exact(traffic.cached_share) if api.cached_input is not None else Fraction(0)
    cached, fresh = exact(traffic.long_prompt) * share, exact(traffic.long_prompt) * (1 - share)
    parts = [(fresh, "prompt tokens", api.input), (exact(traffic.answer), "answer tokens", api.output)]
    if api.cached_input is not None and cached:
        parts.insert(1, (cached, "cached prompt tokens", api.cached_input))
    request, lines = _tokens(parts, currency)
    if traffic.cached_share and api.cached_input is None:
        lines = (*lines, "the list has no price of cached tokens, so all are taken at the full one")
    return _offer(f"{api.name} with the long prompt", Fraction(0), Fraction(0), request, lines, currency)


def api_tuned(api: ApiPrice, traffic: Traffic, *, tokens: int, epochs: float, currency: str = "USD") -> Offer:
    """The model tuned by its API, asked with the short prompt; ``tokens`` are those of all rows once.

    Raises ``UsageError`` for a model that its API does not tune. Caches begin at prompts longer than a tuned model
    needs (1,024 tokens with OpenAI), so none is reckoned with.
    """
    charge = api_training(api, tokens, epochs, currency)
    request, lines = _tokens(_asked_tuned(api, traffic), currency)
    return _offer(
        f"tune {api.name} by its API", exact(charge.amount), Fraction(0), request, (*charge.explained, *lines), currency
    )


def self_hosted(
    gpu: GpuPrice,
    traffic: Traffic,
    serving: Serving,
    *,
    training: Charge,
    currency: str = "USD",
) -> Offer:
    """The model tuned here and served on own GPUs with the short prompt.

    GPUs are paid by the month, as many as the requests need.
    """
    served = _served(gpu, serving, traffic.short_prompt, traffic.answer, currency)
    return _hosted(f"tune here, serve on one {gpu.name}", training, served, currency)


def own_prompt(gpu: GpuPrice, traffic: Traffic, serving: Serving, *, currency: str = "USD") -> Offer:
    """The untuned model on own GPUs with the long prompt, whose tokens take the GPUs' time.

    Where ``serving`` caches, ``cached_share`` of the prompt takes none.
    """
    share = exact(traffic.cached_share) if serving.caches else Fraction(0)
    prompt = float(exact(traffic.long_prompt) * (1 - share))
    served = _served(gpu, serving, prompt, traffic.answer, currency)
    return _hosted(f"the long prompt on one {gpu.name}", Charge(amount=0.0, explained=()), served, currency)


def api_training(api: ApiPrice, tokens: int, epochs: float, currency: str = "USD") -> Charge:
    """Tuning by an API, billed by tokens times epochs; ``UsageError`` where it does not tune this model."""
    if api.training is None:
        raise UsageError(f"{api.name} has no price of training, so its API is taken not to tune it")
    trained = exact(tokens) * exact(epochs)
    amount = trained * exact(api.training) / _MILLION
    line = (
        f"{tokens:,} tokens x {_plain(epochs)} epochs = {_plain(trained)} tokens at {shown(api.training)} a million "
        f"= {shown(amount)} {currency} once"
    )
    return Charge(amount=float(amount), explained=(line,))


def gpu_time(gpu: GpuPrice, seconds: float, *, what: str = "training", currency: str = "USD") -> Charge:
    """So many seconds of a GPU: a training, or an evaluation."""
    amount = exact(seconds) * exact(gpu.hour) / 3600
    line = (
        f"{what}: {_plain(seconds)} s on one {gpu.name} at {shown(gpu.hour)} an hour "
        f"/ 3,600 = {shown(amount)} {currency} once"
    )
    return Charge(amount=float(amount), explained=(line,))


Parts = list[tuple[Fraction, str, float]]
"""Tokens, what they are and their price a million."""


def _asked_tuned(api: ApiPrice, traffic: Traffic) -> Parts:
    read = api.input if api.tuned_input is None else api.tuned_input
    written = api.output if api.tuned_output is None else api.tuned_output
    return [(exact(traffic.short_prompt), "prompt tokens", read), (exact(traffic.answer), "answer tokens", written)]


def _tokens(parts: Parts, currency: str) -> tuple[Fraction, tuple[str, ...]]:
    """What a request costs, and how that comes about."""
    amounts = [tokens * exact(price) / _MILLION for tokens, _, price in parts]
    lines = [
        f"{_plain(tokens)} {what} at {shown(price)} a million = {shown(amount)}"
        for (tokens, what, price), amount in zip(parts, amounts, strict=True)
    ]
    total = f"{' + '.join(shown(each) for each in amounts)} = {shown(sum(amounts, Fraction(0)))} {currency} a request"
    return sum(amounts, Fraction(0)), (*lines, total)


@dataclass(frozen=True, slots=True)
class _Served:
    fixed: Fraction
    request: Fraction
    capacity: Fraction | None
    explained: tuple[str, ...]


def _served(gpu: GpuPrice, serving: Serving, prompt: float, answer: float, currency: str) -> _Served:
    """By the month, as many GPUs as are busy ``BUSY`` of the time."""
    seconds = serving.seconds(prompt, answer)
    took = (
        f"{_plain(prompt)} prompt tokens / {_plain(serving.prompt_tokens)} a second + {_plain(answer)} answer tokens "
        f"/ {_plain(serving.answer_tokens)} a second = {shown(seconds)} s a request"
    )
    fixed = HOURS * exact(gpu.hour)
    month = f"{HOURS} h x {shown(gpu.hour)} = {shown(fixed)} {currency} a month for one {gpu.name}"
    basis = (f"tokens a second {serving.basis}",) if serving.basis else ()
    if not seconds:
        return _Served(fixed, Fraction(0), None, (*basis, took, month))
    # whole requests, and a GPU does one a month at least
    capacity = Fraction(max(1, int(HOURS * 3600 * exact(BUSY) / seconds)))
    reach = (
        f"{HOURS} h x 3,600 s x {_plain(BUSY)} busy / {shown(seconds)} s = {int(capacity):,} requests a month, "
        "rounded down; more take as many GPUs again"
    )
    return _Served(fixed, Fraction(0), capacity, (*basis, took, month, reach))


def _hosted(name: str, training: Charge, served: _Served, currency: str) -> Offer:
    lines = (*training.explained, *served.explained)
    return _offer(name, exact(training.amount), served.fixed, served.request, lines, currency, served.capacity)


def _offer(
    name: str,
    training: Fraction,
    fixed: Fraction,
    request: Fraction,
    explained: tuple[str, ...],
    currency: str,
    capacity: Fraction | None = None,
) -> Offer:
    return Offer(
        name=name,
        training=float(training),
        fixed=float(fixed),
        request=float(request),
        explained=explained,
        capacity=None if capacity is None else float(capacity),
        currency=currency,
    )


def _plain(number: Fraction | float) -> str:
    """A number that is no amount: ``1,500`` or ``2.5``."""
    return shown(number).removesuffix(".00")
