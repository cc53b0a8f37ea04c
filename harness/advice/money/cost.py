"""What tuning and serving cost: arithmetic on a list of prices, to the cent.

Amounts are floats at the border and exact fractions inside: a price is the decimal number that it was written as.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from pathlib import Path
from typing import NoReturn

from harness.advice.money.crossing import Line, crossing
from harness.errors import UsageError, did_you_mean

LOOKED_AT = 1_000_000_000
"""The most requests a month up to which a break-even is looked for; our choice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiPrice:
    """A model behind an API, in the list's currency for a million tokens."""

    name: str
    input: float
    output: float
    cached_input: float | None = None
    training: float | None = None
    """For a million tokens that are trained on; ``None`` where it cannot be tuned."""
    tuned_input: float | None = None
    """``None``: as untuned."""
    tuned_output: float | None = None
    source: str = ""
    as_of: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuPrice:
    """An accelerator by the hour."""

    name: str
    """In the words that ``devices`` and drivers have in theirs: ``L4``, ``A100 80GB``."""
    hour: float
    source: str = ""
    as_of: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """A list of prices."""

    currency: str
    apis: tuple[ApiPrice, ...]
    gpus: tuple[GpuPrice, ...]
    path: Path | None = None
    """``None`` for the list that comes with the harness."""

    def api(self, name: str) -> ApiPrice:
        """The API of this name; ``UsageError`` with the near name otherwise."""
        found = next((each for each in self.apis if each.name.casefold() == name.casefold()), None)
        return found or self._unknown("API", name, [each.name for each in self.apis])

    def gpu(self, name: str) -> GpuPrice:
        """The GPU that a name means, ``A100 80GB`` for ``NVIDIA A100-SXM4-80GB``; ``UsageError`` otherwise."""
        words = _words(name)
        meant = [each for each in self.gpus if _words(each.name) <= words]
        found = max(meant, key=lambda each: len(_words(each.name)), default=None)
        return found or self._unknown("GPU", name, [each.name for each in self.gpus])

    def _unknown(self, kind: str, name: str, known: Sequence[str]) -> NoReturn:
        remedy = f"{did_you_mean(name, known).rstrip('.')}; a list of your own adds more: 'advice: {{prices: FILE}}'"
        raise UsageError(f"the list of prices has no {kind} {name!r}", path=self.path, remedy=remedy)


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What is asked in a month."""

    requests: float
    long_prompt: float
    """Tokens of a request with the prompt that does the job untuned."""
    short_prompt: float
    """Tokens of a request to the tuned model."""
    answer: float
    cached_share: float = 0.0
    """Share of the long prompt's tokens that the API takes from its cache."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One way of getting a tuned model and serving it."""

    name: str
    """``tune gpt-4o-mini by its API``, ``tune here, serve on one L4``."""
    training: float
    """Once."""
    fixed: float
    """A month, whatever is asked: a GPU that stands ready."""
    request: float
    """One request."""
    explained: tuple[str, ...]
    """The arithmetic in words, a line each."""
    capacity: float | None = None
    """Requests a month that ``fixed`` is enough for; each further so many cost it again. ``None``: any number."""
    currency: str = "USD"


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakEven:
    """From how many requests a month a tuned short prompt is the cheaper one."""

    offer: Offer
    against: Offer
    """The long prompt: nothing to train."""
    requests: float | None
    """A month, a whole number; from there on it costs no more, up to ``LOOKED_AT``. ``None`` where it never is."""
    months: int
    """Over which the training is written off."""
    why: str
    """In words: with the figures that it is made of, or why never."""


def exact(amount: float) -> Fraction:
    """The decimal number that a float is written as: 0.1 is a tenth."""
    return Fraction(repr(float(amount)))


def cents(amount: float) -> float:
    """Rounded to the cent, half up."""
    return float(Decimal(repr(float(amount))).quantize(Decimal("0.01"), ROUND_HALF_UP))


def shown(amount: Fraction | float) -> str:
    """An amount in digits: in full where it ends within nine decimals, else to six figures; two decimals at least."""
    value = amount if isinstance(amount, Fraction) else exact(amount)
    number = Decimal(value.numerator) / Decimal(value.denominator)
    ends = (value * 10**9).denominator == 1
    text = f"{number.normalize():,f}" if ends else f"{float(f'{float(number):.6g}'):,.12f}".rstrip("0")
    whole, _, decimals = text.partition(".")
    return f"{whole}.{decimals.ljust(2, '0')}"


def monthly(offer: Offer, requests: float, months: int) -> float:
    """What a month costs, training written off over ``months``; not rounded."""
    return float(_line(offer, months).at(exact(requests)))


def break_even(offer: Offer, against: Offer, months: int) -> BreakEven:
    """Where the two lines cross."""
    ours, theirs = _line(offer, months), _line(against, months)
    requests = crossing(ours, theirs, LOOKED_AT)
    why = _never(ours, theirs, offer) if requests is None else _from(ours, theirs, offer, months, requests)
    return BreakEven(
        offer=offer, against=against, requests=None if requests is None else float(requests), months=months, why=why
    )


def curve(offer: Offer, months: int, requests: Sequence[float]) -> tuple[tuple[float, float], ...]:
    """Requests a month with the cost of one, for the plot."""
    return tuple((each, monthly(offer, each, months)) for each in requests)


def _words(name: str) -> set[str]:
    return set(re.findall(r"[a-z0-9]+", name.casefold()))


def _line(offer: Offer, months: int) -> Line:
    reach = None if offer.capacity is None else exact(offer.capacity)
    return Line(exact(offer.training) / months, exact(offer.fixed), exact(offer.request), reach)


def _from(ours: Line, theirs: Line, offer: Offer, months: int, requests: int) -> str:
    """Why it pays from so many requests on."""
    saved = theirs.each - ours.each
    if requests == 0:
        return (
            f"it costs no more at any number of requests: {_of(ours)} against {_of(theirs)} {offer.currency} "
            f"({_written_off(offer, months)})"
        )
    if ours.reach is not None or theirs.reach is not None:
        return (
            f"from {requests:,} requests a month on it costs no more: there {_month(ours.at(requests))} against "
            f"{_month(theirs.at(requests))} {offer.currency} a month ({_of(ours)} against {_of(theirs)}, "
            f"{_written_off(offer, months)})"
        )
    more = ours.slack - theirs.slack
    return (
        f"{_written_off(offer, months)}; beside the requests it costs {shown(more)} {offer.currency} a month more, "
        f"and a request costs {shown(saved)} less ({shown(theirs.each)} - {shown(ours.each)}): "
        f"{shown(more)} / {shown(saved)} = {requests:,} requests a month, rounded up"
    )


def _never(ours: Line, theirs: Line, offer: Offer) -> str:
    """Why it never pays, or pays only for few."""
    saved = theirs.slope - ours.slope
    if saved > 0:
        return (
            f"a request costs only {shown(saved)} {offer.currency} less, which {LOOKED_AT:,} a month do not make up for"
        )
    share = ", its share of a GPU included" if ours.reach is not None or theirs.reach is not None else ""
    why = f"a request costs no less: {shown(ours.slope)} against {shown(theirs.slope)} {offer.currency}{share}"
    least = theirs.at(0) - ours.at(0)
    if least <= 0 or saved == 0 or share:
        return why
    return f"{why}; it is the cheaper one only up to {int(least / -saved):,} requests a month"


def _of(line: Line) -> str:
    """A line in words: what a month costs and what a request does."""
    fixed = f"{_month(line.slack)} a month"
    if line.reach is not None:
        fixed += f", {_month(line.step)} more for each further {int(line.reach):,} requests,"
    return f"{fixed} and {shown(line.each)} a request"


def _month(amount: Fraction) -> str:
    return f"{cents(float(amount)):,.2f}"


def _written_off(offer: Offer, months: int) -> str:
    if not offer.training:
        return "nothing is trained"
    return (
        f"training of {shown(offer.training)} over {months} months is {shown(exact(offer.training) / months)} a month"
    )
