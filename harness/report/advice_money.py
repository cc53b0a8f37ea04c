"""How long it takes and what it costs: the training, the offers side by side, and from where on tuning pays."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from harness.advice.counsel import Counsel
from harness.advice.money import cost
from harness.advice.money.cost import BreakEven, Offer, Prices, Traffic
from harness.advice.time.duration import Duration, Evaluation, Known
from harness.report import layout, numbers
from harness.report.chart import Chart, Line, Upright
from harness.report.text import plain

_HEIGHT = 10
_POINTS = 240
"""Of a line: a cost that rises in steps is drawn as such."""
_MARKS = 8
_NEAR = 8
"""How many times as much still fits one scale."""
_WIDE = 76
"""From so many columns on the offers stand in a table."""
_MARKERS = ("●", "◆", "▲", "■", "✦", "▼")
_COLOURS = ("cyan", "yellow", "magenta", "green", "blue", "red")
_KNOWN: Mapping[Known, tuple[str, str]] = {
    "probe": ("measured", "green"),
    "record": ("from the record", "yellow"),
    "roofline": ("reckoned, not measured", "yellow"),
}


def time_part(counsel: Counsel, *, details: bool = False) -> RenderableType | None:
    """How long training and evaluating take, and by what that is known; ``None`` where neither is."""
    training = _training(counsel.duration, details) if counsel.duration else ()
    facts = [*training, *(_evaluation(counsel.evaluation, counsel.prices) if counsel.evaluation else ())]
    return Group(layout.section("Time"), layout.facts(facts)) if facts else None


def _training(duration: Duration, details: bool) -> Iterator[tuple[str, RenderableType]]:
    words = plain(f"about {numbers.roughly(duration.seconds)}", "bold")
    span = f"{numbers.roughly(duration.low)} to {numbers.roughly(duration.high)}"
    yield "training", words.append(f"  {span}", style="not bold")
    if details:
        yield "", Text(" · ".join(_parts(duration)), "dim")
    rate = duration.rate
    of, style = _KNOWN[rate.known_by]
    speed = f"{numbers.rate(rate.tokens_per_second)} ({rate.low:,.0f} to {rate.high:,.0f}), "
    is_told = details or rate.known_by != "roofline"  # whose basis is an arithmetic
    yield "speed", Text.assemble(speed, (of, style)).append_text(plain(f": {rate.basis}" if is_told else ""))


def _parts(duration: Duration) -> Iterator[str]:
    yield f"{duration.steps:,} steps"
    yield f"{duration.tokens:,} tokens"
    shares = {"starting": duration.starting, "stepping": duration.stepping, "validating": duration.validating}
    yield from (f"{name} {numbers.roughly(each)}" for name, each in shares.items() if each)


def _evaluation(evaluation: Evaluation, prices: Prices | None) -> Iterator[tuple[str, RenderableType]]:
    words = plain(f"about {numbers.roughly(evaluation.seconds)}", "bold")
    if evaluation.charge and prices:
        words.append_text(plain(f" · {numbers.money(evaluation.charge.amount, prices.currency)} of this GPU's time"))
    yield "evaluating", words.append_text(plain(f"  {evaluation.basis}", "not bold"))


def money_part(counsel: Counsel, *, details: bool = False) -> RenderableType | None:
    """The offers side by side and where their lines cross; ``None`` without an offer.

    With ``details`` the arithmetic too, and the lines drawn.
    """
    break_even, traffic, prices = counsel.break_even, counsel.traffic, counsel.prices
    every = _every(counsel.offers, break_even)
    asked = traffic if traffic is not None and traffic.requests > 0 else None
    if not every:
        return None
    months = break_even[0].months if break_even else None
    hint = f"training written off over {months:,} months" if months else ""
    facts = [*(_asked(traffic) if traffic else ()), *(_listed(prices) if prices and details else ())]
    table = layout.Wide(_WIDE, _side_by_side(every, asked, months), _listing(every, asked, months))
    return layout.spaced(
        Group(layout.section("Money", hint), *([layout.facts(facts)] if facts else [])),
        table,
        _arithmetic(every) if details else None,
        _crossings(every, break_even, asked, details),
        _plot(every, break_even, asked) if details else None,
    )


def headline(pays: BreakEven) -> str:
    """From where on an offer pays for itself."""
    if pays.requests is None:
        return f"{pays.offer.name} never pays"
    return f"{pays.offer.name} pays from {pays.requests:,.0f} requests a month"


def _every(offers: Sequence[Offer], break_even: Sequence[BreakEven]) -> list[Offer]:
    """All offers once, those that others are held against among them."""
    compared = (each for one in break_even for each in (one.against, one.offer))
    return list({offer.name: offer for offer in (*offers, *compared)}.values())


def _asked(traffic: Traffic) -> Iterator[tuple[str, str]]:
    cached = f", {numbers.percent(traffic.cached_share)} of them from the cache" if traffic.cached_share else ""
    requests = f"{traffic.requests:,.0f} requests a month" if traffic.requests > 0 else "nobody has said how much"
    prompts = f"prompts of {traffic.long_prompt:,.0f} tokens{cached}, tuned {traffic.short_prompt:,.0f}"
    yield "asked", f"{requests} · {prompts} · answers of {traffic.answer:,.0f}"


def _listed(prices: Prices) -> Iterator[tuple[str, str]]:
    dated = [*(each.as_of for each in prices.apis), *(each.as_of for each in prices.gpus)]
    dates = sorted({each for each in dated if each})
    of = f", of {dates[0]}" + (f" to {dates[-1]}" if len(dates) > 1 else "") if dates else ""
    yield "prices", f"{prices.path or 'the list that comes with the harness'}{of}, in {prices.currency}"


def _amounts(offer: Offer, traffic: Traffic | None, months: int | None) -> Iterator[tuple[str, str]]:
    """What each amount is called, with the amount."""
    amounts = [("training", offer.training), ("fixed a month", offer.fixed), ("1,000 requests", 1000 * offer.request)]
    if traffic is not None and months is not None:
        amounts.append((f"a month at {traffic.requests:,.0f}", cost.monthly(offer, traffic.requests, months)))
    return ((name, numbers.money(amount, offer.currency)) for name, amount in amounts)


def _side_by_side(offers: Sequence[Offer], traffic: Traffic | None, months: int | None) -> RenderableType:
    table = layout.columns(["offer"], [name for name, _ in _amounts(offers[0], traffic, months)])
    for number, offer in enumerate(offers):
        *others, last = (plain(amount) for _, amount in _amounts(offer, traffic, months))
        last.stylize("bold" if traffic else "")
        name = layout.Hung(_sign(number), Text("  "), plain(offer.name, "bold"))
        table.add_row(name, *others, last)
    return table


def _listing(offers: Sequence[Offer], traffic: Traffic | None, months: int | None) -> RenderableType:
    """The same for narrow screens."""
    lines: list[RenderableType] = []
    for number, offer in enumerate(offers):
        amounts = " · ".join(f"{name} {amount}" for name, amount in _amounts(offer, traffic, months))
        lines.extend([_named(number, offer), Padding(plain(amounts), (0, 0, 0, 2))])
    return Group(*lines)


def _arithmetic(offers: Sequence[Offer]) -> RenderableType | None:
    lines: list[RenderableType] = []
    for number, offer in enumerate(offers):
        sign = _sign(number)
        for line in offer.explained:
            lines.append(layout.Hung(sign, Text("  "), plain(line, "dim")))
            sign = Text("  ")
    return Group(Text("how it is reckoned", style="bold"), *lines) if lines else None


def _crossings(
    offers: Sequence[Offer], break_even: Sequence[BreakEven], traffic: Traffic | None, details: bool
) -> RenderableType | None:
    if not break_even:
        return None
    numbered = {offer.name: number for number, offer in enumerate(offers)}
    words = "from where on tuning is the cheaper one"
    lines: list[RenderableType] = [layout.section("Break-even", words) if details else plain(words, "dim")]
    for each in break_even:
        mark, pays = _pays(each, traffic)
        ours, theirs = (numbered[one.name] for one in (each.offer, each.against))
        against = _named(theirs, each.against) if details else _sign(theirs)
        against.rstrip()
        title = Text.assemble(_named(ours, each.offer), (" against ", "dim"), against, ": ", pays)
        lines.append(layout.Hung(mark, Text("  "), title))
        if details or each.requests is None:
            lines.append(Padding(plain(each.why, "dim"), (0, 0, 0, 2)))
    return Group(*lines)


def _pays(each: BreakEven, traffic: Traffic | None) -> tuple[Text, Text]:
    """A mark, and from where on it pays with whether as many are asked."""
    if each.requests is None:
        return Text("✗ ", style="red"), Text("never", style="bold red")
    words = Text(f"from {each.requests:,.0f} requests a month", style="bold")
    if traffic is None:
        return Text("· "), words
    is_paid = traffic.requests >= each.requests
    style = "green" if is_paid else "yellow"
    words.append(f", {'and' if is_paid else 'but'} {traffic.requests:,.0f} are asked", style=style)
    return Text("✓ " if is_paid else "~ ", style=style), words


def _plot(offers: Sequence[Offer], break_even: Sequence[BreakEven], traffic: Traffic | None) -> RenderableType | None:
    """What a month costs by its requests; by tens where all that is to be seen does not fit one scale."""
    found = sorted({each.requests for each in break_even if each.requests})
    asked = [traffic.requests] if traffic is not None else []
    if not break_even or not (found or asked):
        return None
    months, end = break_even[0].months, 1.6 * max(*found, *asked, 0.0)
    most = [cost.monthly(offer, end, months) for offer in offers]
    by_tens = end > _NEAR * min([*found, *asked]) or max(most) > _NEAR * min(most)
    start, end = _powers(min([*found, *asked]), end) if by_tens else (0.0, end)
    lines = [_line(number, offer, months, (start, end)) for number, offer in enumerate(offers)]
    uprights = [Upright(f"break-even, {each:,.0f}", each) for each in found]
    uprights += [Upright(f"asked, {each:,.0f}", each, "│") for each in asked]
    words = f"{offers[0].currency} a month by requests a month{', both by tens' if by_tens else ''}"
    ends = {"start": start, "end": end}
    chart = Chart(lines, height=_HEIGHT, **ends, uprights=uprights, unit="", by_tens=by_tens, whole_names=True)
    return Group(plain(words, "dim"), chart)


def _line(number: int, offer: Offer, months: int, ends: tuple[float, float]) -> Line:
    (start, end), place = ends, number % len(_MARKERS)
    steps = [each / _POINTS for each in range(_POINTS + 1)]
    across = [start * (end / start) ** step if start else end * step for step in steps]
    points = cost.curve(offer, months, across)
    return Line(offer.name, points, _COLOURS[place], _MARKERS[place], every=_POINTS // _MARKS)


def _powers(low: float, high: float) -> tuple[float, float]:
    """Powers of ten on either side."""
    return 10.0 ** math.floor(math.log10(low / 2)), 10.0 ** math.ceil(math.log10(high))


def _named(number: int, offer: Offer) -> Text:
    return Text.assemble(_sign(number), plain(offer.name, "bold"))


def _sign(number: int) -> Text:
    place = number % len(_MARKERS)
    return Text(f"{_MARKERS[place]} ", style=_COLOURS[place])
