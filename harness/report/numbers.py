"""Numbers as a person reads them: three decimals, a sign on each change, a dash for what was not measured."""

from __future__ import annotations

import math

from harness.advice.money.cost import cents
from harness.values import Delta, Estimate

MISSING = "\N{EN DASH}"


def score(value: float | None) -> str:
    """``0.930``, or a dash."""
    return MISSING if value is None or math.isnan(value) else _without_negative_zero(f"{value:.3f}")


def change(value: float | None) -> str:
    """``+0.021``, ``-0.003``, ``0.000``, or a dash."""
    if value is None or math.isnan(value):
        return MISSING
    signed = f"{value:+.3f}"
    return "0.000" if signed in {"+0.000", "-0.000"} else signed


def score_interval(low: float | None, high: float | None) -> str:
    """The ends with a dash between them; nothing where there is no interval."""
    return "" if low is None or high is None else f"{score(low)}\N{EN DASH}{score(high)}"


def change_interval(low: float | None, high: float | None) -> str:
    """``-0.034 to +0.021``: a dash between signs would not be read; nothing where there is no interval."""
    return "" if low is None or high is None else f"{change(low)} to {change(high)}"


def estimate(of: Estimate | None) -> str:
    """``0.930`` with its interval in brackets and a count of the samples that have no score."""
    if of is None:
        return MISSING
    return " ".join(filter(None, [score(of.value), _bracketed(score_interval(of.low, of.high)), missing(of.missing)]))


def difference(of: Delta | None) -> str:
    """``+0.845 (+0.790 to +0.887)``, with a count of the pairs that have no score."""
    if of is None:
        return MISSING
    interval = _bracketed(change_interval(of.low, of.high))
    return " ".join(filter(None, [change(of.change), interval, missing(of.missing)]))


def counts(of: Delta | None) -> tuple[str, str, str, str]:
    """Pairs, fixed, broken, and the share kept."""
    if of is None:
        return (MISSING,) * 4
    return f"{of.pairs:,}", f"{of.fixed:,}", f"{of.broken:,}", percent(of.preserved)


def missing(count: int) -> str:
    """``2 missing``; nothing where all is there."""
    return f"{count:,} missing" if count else ""


def percent(share: float | None) -> str:
    """``93 %``; 100 only when it is all and 0 only when it is nothing, however near."""
    if share is None:
        return MISSING
    rounded = round(100 * share)
    if rounded == 100 and share < 1:
        return "> 99 %"
    return "< 1 %" if rounded == 0 and share > 0 else f"{rounded} %"


def share(value: float | None) -> str:
    """``71.5 %``, or a dash: a share with a decimal, beside which its interval can stand."""
    return MISSING if value is None or math.isnan(value) else f"{_decimal(value)} %"


def share_interval(low: float | None, high: float | None) -> str:
    """The ends in percent with a dash between them; nothing where there is no interval."""
    return "" if low is None or high is None else f"{_decimal(low)}\N{EN DASH}{_decimal(high)} %"


def amount(count: int) -> str:
    """``134.5 M``: a count of parameters in three or four figures."""
    for size, letter in ((10**9, "B"), (10**6, "M"), (10**3, "k")):
        if count >= size:
            return f"{count / size:.1f} {letter}"
    return str(count)


def size(count: int) -> str:
    """``1.2 GB``, ``3.4 MB``, ``12 kB``: bytes in thousands, as disks are sold."""
    if count >= 1e9:
        return f"{count / 1e9:,.1f} GB"
    return f"{count / 1e6:,.1f} MB" if count >= 1e6 else f"{count / 1e3:,.0f} kB"


def moment(stamp: str | None) -> str:
    """``2026-03-14 09:26`` of an ISO time stamp."""
    return MISSING if stamp is None else stamp[:16].replace("T", " ")


def duration(seconds: float) -> str:
    """``41 s``, ``6 min 12 s``, ``2 h 5 min``."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def roughly(seconds: float) -> str:
    """``41 s``, ``87 min``, ``2 h 10 min``, ``3.5 days``: an estimate, with no more figures than it deserves."""
    if seconds < 90:
        return f"{max(0.0, seconds):.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    if seconds < 120 * 60:
        return f"{seconds / 60:.0f} min" if seconds >= 600 else f"{seconds / 60:.1f} min"
    if seconds < 36 * 3600:
        tens = round(seconds / 600)
        return f"{tens // 6} h {tens % 6 * 10} min" if tens % 6 else f"{tens // 6} h"
    return f"{seconds / 86400:.1f} days"


def gigabytes(count: int) -> str:
    """``0.54``, ``17.3``, ``112``: bytes in GB without the unit, for tables; a trace of something is never nothing."""
    value = count / 1e9
    if 0 < value < 0.005:
        return "< 0.01"
    return f"{value:.2f}" if value < 9.995 else f"{value:,.1f}" if value < 99.95 else f"{value:,.0f}"


def rate(tokens: float) -> str:
    """``1,240 tokens/s``, or ``0.52 tokens/s`` where it goes slowly."""
    return f"{tokens:,.0f} tokens/s" if tokens >= 10 else f"{tokens:.2g} tokens/s"


def money(amount: float, currency: str) -> str:
    """``$1,234.56``, ``12.30 EUR``; less than a cent with three figures, as ``$0.000123``."""
    size = abs(amount)
    if 0 < size < 0.01:
        decimals = 2 - math.floor(math.log10(size))
        figures = f"{size:.{decimals}f}".rstrip("0")
    else:
        figures = f"{cents(size):,.2f}"
    words = f"${figures}" if currency.upper() in {"USD", "$"} else f"{figures} {currency}"
    return f"-{words}" if amount < 0 and figures.strip("0.,") else words


def _bracketed(text: str) -> str:
    return f"({text})" if text else ""


def _decimal(share: float) -> str:
    return _without_negative_zero(f"{100 * share:.1f}")


def _without_negative_zero(text: str) -> str:
    return text.removeprefix("-") if not text.strip("-0.") else text
