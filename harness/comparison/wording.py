"""Rulings in the user's words: one sentence with the numbers that decided."""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.comparison.clusters import CERTIFIED, NEEDED
from harness.comparison.foretelling import percent
from harness.comparison.reading import FIVE_POINTS, Reading
from harness.values import Outcome, Ruling

_NEARLY_0 = 0.0005

_MOST_NAMED = 5
"""Parts of a benchmark in one sentence."""


def reason(reading: Reading, outcome: Outcome, rules: int) -> str:
    """Why the rule has this outcome; ``rules`` is how many were weighed together."""
    if reading.why_not is not None:
        return f"not measured: {reading.why_not}"
    label = "" if reading.has_bounds else f" (paired t, not certified: the metric {_why_not_certain(reading)})"
    if outcome == "passed" and reading.waived:
        return (
            f"{reading.evidence.against} surely scores {reading.rule.only_below:g} or more, where the gate asks nothing"
        )
    if not reading.may_pass and outcome == "inconclusive":
        return _too_few_clusters(reading)
    if outcome == "inconclusive":
        return _undecided(reading, rules) + _by_labels(reading) + label
    missing = f"; {_missing(reading)}, taken at their worst" if reading.missing and outcome == "passed" else ""
    missing = f"; {_missing(reading)}, taken at their best" if reading.missing and outcome == "failed" else missing
    real = "; the drop is real, if small" if outcome == "passed" and reading.is_real_drop else ""
    return f"{_observed(reading, outcome)}, and {_demand(reading)}{real}{missing}{_by_labels(reading)}{label}"


def summary(rulings: Sequence[Ruling], outcome: Outcome) -> str:
    """The verdict in one sentence, naming the rules that decided it."""
    if outcome == "passed":
        return "every critical gate passed and no supporting gate failed"
    deciding = [ruling for ruling in rulings if ruling.outcome == outcome and _decides(ruling, outcome)]
    if not deciding:
        return "no gate was asked for that could pass" if rulings else "no gate was asked for"
    verb = "failed" if outcome == "failed" else "could not be decided"
    return f"{len(deciding)} of {len(rulings)} gates {verb}: " + ", ".join(str(each.rule) for each in deciding)


def caveats(readings: Sequence[Reading]) -> tuple[str, ...]:
    """What a reader must know before trusting the verdict."""
    if not readings:
        return ()
    found = [line for write in _CAVEATS for line in map(write, readings) if line is not None]
    return (_what_is_controlled(readings), *dict.fromkeys(found))


def _decides(ruling: Ruling, outcome: Outcome) -> bool:
    return ruling.rule.tier == "critical" or (ruling.rule.tier == "supporting" and outcome == "failed")


def _observed(reading: Reading, outcome: Outcome) -> str:
    show = _Numbers(reading)
    value, low, high = _own(reading)
    if reading.rule.level is not None:
        return f"{_subject(reading)} is {show(value)} ({show(low)} to {show(high)})"
    if reading.flips == 0:
        extent = f"a drop is at most {show.up(-low)}" if outcome == "passed" else f"a gain is at most {show.up(high)}"
        return f"{_unchanged(reading)}, so {extent}{_of_what(reading)}"
    risen = value >= 0
    only = "only " if risen and outcome == "failed" else ""
    size, least, most = (value, low, high) if risen else (-value, -high, -low)
    span = f"{show(size)} ({show(least)} to {show(most)})"
    if reading.evidence.are_preferences:
        return f"people prefer {_preferred(reading, risen)} by {only}{span}, a win rate of {percent((1 + value) / 2)}"
    against = _of_what(reading) or f" against {reading.evidence.against}"
    return f"{_name(reading)} {_verb(risen, reading.evidence.higher_is_better)} by {only}{span}{against}"


def _too_few_clusters(reading: Reading) -> str:
    return (
        f"the items are as good as {reading.effective_clusters:.0f} groups of equal size, and with fewer than "
        f"{NEEDED} nothing passes: the few that broke may not have been drawn"
    )


def _undecided(reading: Reading, rules: int) -> str:
    show = _Numbers(reading)
    _, low, high = _own(reading)
    if not (math.isfinite(low) and math.isfinite(high)):
        return f"{_count(reading.asked, 'item')} whose scores all change alike say nothing about their spread"
    is_drop = reading.rule.max_drop is not None
    least, most = (-high, -low) if is_drop else (low, high)
    named = f"the limit {show.limit}" if is_drop else f"the {show.limit} asked for"
    span = f"{_subject(reading)} is between {show(least)} and {show(most)}{_of_what(reading)}"
    if reading.flips == 0:
        span = f"{_unchanged(reading)}, and yet {span}"
    if reading.is_guard_open and reading.high is not None and reading.high < reading.limit:
        guard = f"{reading.rule.only_below:g}, from where the gate asks nothing"
        return f"{span}, beyond {named}, but it is not certain that {reading.evidence.against} scores less than {guard}"
    if reading.high is not None and reading.high < reading.limit:
        weighed = f"but among {rules} rules that is too little to call it failed"
        return f"{span}, beyond {named}, {weighed}{_advice(reading)}"
    return f"{span}; {named} lies inside{_advice(reading)}"


def _subject(reading: Reading) -> str:
    if reading.evidence.are_preferences and reading.rule.level is not None:
        return f"people's win rate for {_preferred(reading, True)}"
    if reading.evidence.are_preferences:
        return f"people's preference for {_preferred(reading, reading.rule.max_drop is None)}"
    if reading.rule.level is not None:
        return _name(reading)
    if reading.rule.min_gain is not None:
        return f"the gain of {_name(reading)} over {reading.evidence.against}"
    return "the drop" if reading.calibration is None else f"the drop of {_name(reading)}"


def _name(reading: Reading) -> str:
    """Whose scores are spoken of."""
    return reading.evidence.metric if reading.calibration is None else "people's grades"


def _preferred(reading: Reading, is_candidate: bool) -> str:
    both = ("the candidate", reading.evidence.against)
    return " over ".join(both if is_candidate else reversed(both))


def _unchanged(reading: Reading) -> str:
    if reading.is_of_people:
        return f"people saw no difference in {_count(_complete(reading), 'pair')}"
    return f"no score changed in {_count(_complete(reading), 'item')}"


def _by_labels(reading: Reading) -> str:
    """What a judge's ruling rests on, and what the judge says by itself."""
    found = reading.calibration
    if found is None or found.raw is None:
        return ""
    raw = found.raw if reading.rule.level is None else (1 + found.raw) / 2
    sure = "" if found.kappa_low is None else f", at least {found.kappa_low:.2f}"
    kappa = "no kappa" if found.kappa is None else f"kappa {found.kappa:.2f}{sure}"
    return f"; by {found.labels:,} labels with the help of {found.metric} ({kappa}), which alone says {raw:.2f}"


def _advice(reading: Reading) -> str:
    if reading.missing_decide:
        return f" only because {_missing(reading)}: {'give them' if reading.is_of_people else 'score them again'}"
    what, asked = ("label", "drawn") if reading.is_of_people else ("item", "asked")
    drawn, verb = _drawn(reading), "was" if _drawn(reading) == 1 else "were"
    if reading.items_needed is None:
        return f": {_count(drawn, what)} {verb} {asked}, and the truth may lie too near for any number of {what}s"
    return f": about {_count(reading.items_needed, what)} would tell, {drawn:,} {verb} {asked}"


def _demand(reading: Reading) -> str:
    limit = _Numbers(reading).limit
    if reading.rule.level is not None:
        return f"{'at least' if reading.evidence.higher_is_better else 'at most'} {limit} was asked for"
    if reading.rule.min_gain is not None:
        return f"{limit} was asked for"
    return f"at most {limit} may be lost"


def _what_is_controlled(readings: Sequence[Reading]) -> str:
    levels = sorted({reading.rule.alpha for reading in readings})
    level = " to ".join(percent(each) for each in sorted({levels[0], levels[-1]}))
    loose = [_subject_of(reading) for reading in readings if reading.why_not is None and not reading.is_certified]
    without = f" but for {', '.join(dict.fromkeys(loose))}, where no level is certain" if loose else ""
    return (
        f"held at {level}{without}: the chance to pass although a critical gate is truly missed, and the chance to "
        f"fail any gate that is truly met (Holm, {_count(len(readings), 'rule')}); not held: single passed gates of "
        "a release that did not pass, supporting and advisory gates that merely did not fail, and whatever no gate "
        "asks; the ranges in the reasons are one-sided bounds at the gate's level"
    )


def _wide_margin(reading: Reading) -> str | None:
    if reading.five_points is None or reading.flips is None or not _is_wide(reading):
        return None
    goal = f"5 % of {reading.evidence.against}'s score" if reading.rule.relative else "5 points"
    rate = f"flip rate of {percent(reading.flips)}" if reading.are_flips else "spread of the changes"
    rate = f"share of {percent(reading.flips)} without a tie" if reading.evidence.are_preferences else rate
    head = f"{reading.evidence.task} {reading.evidence.metric}: a limit of {_Numbers(reading).limit} is wide;"
    few = reading.five_points > reading.asked
    holds = f"cannot honestly hold {goal}, about" if few else f"could hold {goal},"
    would = f"{reading.five_points:,} would" if few else f"for which {reading.five_points:,} are enough"
    return f"{head} {reading.asked:,} items {holds} {would} at the observed {rate}"


def _is_wide(reading: Reading) -> bool:
    bounds = reading.evidence.bounds
    width = 1.0 if reading.rule.relative or bounds is None else abs(bounds[1] - bounds[0])
    return (reading.rule.max_drop or 0.0) > FIVE_POINTS * width * (1 + 1e-9)


def _without_bounds(reading: Reading) -> str | None:
    if reading.has_bounds:
        return None
    why = f"the metric {_why_not_certain(reading)}, so its gate rests on a paired t whose level is not certified"
    return f"{_subject_of(reading)}: {why}"


def _why_not_certain(reading: Reading) -> str:
    return "is reckoned from sums over all items" if reading.evidence.over_sums else "has no bounds"


def _in_clusters(reading: Reading) -> str | None:
    effective = reading.effective_clusters
    if effective is None:
        return None
    groups = f"{_subject_of(reading)}: its items come in groups, as good as {effective:.0f} of equal size"
    if effective >= CERTIFIED:
        return f"{groups}; they are tested as groups"
    return f"{groups}: not certified below {CERTIFIED}, since a few broken groups may not have been drawn"


def _in_strata(reading: Reading) -> str | None:
    if reading.why_not is not None:
        return None
    strata = {pair.stratum for pair in reading.evidence.pairs if pair.stratum is not None}
    if not strata or reading.effective_clusters is not None:
        return None
    return f"{_subject_of(reading)}: the claim is about these {len(strata)} parts in this mix, not about new ones"


def _fallen_parts(reading: Reading) -> str | None:
    if not reading.flagged:
        return None
    named = ", ".join(reading.flagged[:_MOST_NAMED])
    more = len(reading.flagged) - _MOST_NAMED
    named += f" and {more} more" if more > 0 else ""
    return f"{_subject_of(reading)}: fell by more than 5 points in {named} (a screen of all parts; exploratory)"


def _stopped_early(reading: Reading) -> str | None:
    stopping = reading.evidence.stopping
    if stopping is None or reading.why_not is not None:
        return None
    asked = (
        f"{_subject_of(reading)}: {reading.asked:,} of {stopping.total:,} items were asked, in an order drawn before"
    )
    if stopping.target == "this_benchmark":
        return f"{asked}; the claim is about the score of this whole benchmark, and could be read at any time"
    look = stopping.looks.index(reading.asked) + 1
    leans = ", and a value after an early stop leans away from the limit" if reading.asked < stopping.total else ""
    return f"{asked}, at look {look} of {len(stopping.looks)}; the ranges hold at these looks and at no others{leans}"


def _chosen(reading: Reading) -> str | None:
    if reading.evidence.choices == 1:
        return None
    choices = reading.evidence.choices
    return f"the candidate is the best of {choices} on these items, so it must pass at 1/{choices} of each gate's level"


def _subject_of(reading: Reading) -> str:
    return f"{reading.evidence.task} {reading.evidence.metric}"


_CAVEATS = (
    _wide_margin,
    _without_bounds,
    _in_clusters,
    _in_strata,
    _fallen_parts,
    _stopped_early,
    _chosen,
)


def _own(reading: Reading) -> tuple[float, float, float]:
    """Value and interval in the metric's own direction for a level, up is better for a change."""
    value, low, high = (math.nan if each is None else each for each in (reading.value, reading.low, reading.high))
    if reading.rule.level is not None and not reading.evidence.higher_is_better:
        return -value, -high, -low
    return value, low, high


def _verb(risen: bool, higher_is_better: bool) -> str:
    if higher_is_better:
        return "rose" if risen else "fell"
    return "improved" if risen else "worsened"


def _of_what(reading: Reading) -> str:
    return f" of {reading.evidence.against}'s score" if reading.rule.relative else ""


def _missing(reading: Reading) -> str:
    return f"{reading.missing} of {_drawn(reading)} {'labels' if reading.is_of_people else 'scores'} are missing"


def _drawn(reading: Reading) -> int:
    """How many were asked for: items, or for a judge labels of the pairs that were drawn for people."""
    found = reading.calibration
    return reading.asked if found is None else found.labels + found.unlabelled


def _complete(reading: Reading) -> int:
    return reading.asked - reading.missing


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" + ("" if number == 1 else "s")


def _ceiling(number: float, digits: int) -> float:
    scale = 10.0**digits
    return math.ceil(round(number * scale, 6)) / scale


class _Numbers:
    """Shows numbers of one rule in its unit, with enough digits to keep the ends of the interval off the limit."""

    def __init__(self, reading: Reading) -> None:
        rule = reading.rule
        limits = (rule.level, rule.min_gain, rule.max_drop)
        self._percent = rule.relative
        self._limit = self._scaled(next((each for each in limits if each is not None), 0.0))
        ends = [abs(self._scaled(each)) for each in (reading.low, reading.high) if each is not None]
        finite = [each for each in ends if math.isfinite(each)]
        least = max(self._exact, 1 if self._percent else 2)
        self._digits = next((d for d in range(least, 6) if self._tells(d, finite)), 6)

    def __call__(self, number: float) -> str:
        return self._text(self._scaled(number), self._digits)

    def up(self, number: float) -> str:
        """A digit finer, and rounded up though not to the limit: what is called the most is never less than that."""
        scaled, least = self._scaled(number), self._digits + 1
        digits = next((d for d in range(least, 7) if _ceiling(scaled, d) < self._limit), least)
        return self._text(_ceiling(scaled, digits), digits)

    @property
    def limit(self) -> str:
        """What the rule asks for, as short as it can be said."""
        return self._text(self._limit, self._exact)

    @property
    def _exact(self) -> int:
        least = 0 if self._percent else 2
        return next((d for d in range(least, 6) if math.isclose(round(self._limit, d), self._limit, abs_tol=1e-9)), 6)

    def _scaled(self, number: float) -> float:
        return 100 * number if self._percent else number

    def _tells(self, digits: int, ends: Sequence[float]) -> bool:
        """Whether no end is taken for the limit, nor for 0 unless it is very near."""
        shown = [(each, round(each, digits)) for each in ends]
        return all(short != round(abs(self._limit), digits) and (short or each < _NEARLY_0) for each, short in shown)

    def _text(self, number: float, digits: int) -> str:
        # Adding 0 turns a rounded -0.0 into 0.0.
        return f"{round(number, digits) + 0.0:.{digits}f}" + (" %" if self._percent else "")
