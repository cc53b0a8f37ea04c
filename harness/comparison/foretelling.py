"""What can be told of a gate before anything is run, in the user's words."""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.comparison import prospect
from harness.comparison.prospect import Prospect


def reason(seen: Prospect) -> str:
    """What the gate's items can show, in one sentence."""
    if seen.standing == "cannot pass":
        return _why_never(seen)
    if not seen.is_foreseeable:
        return "the metric has no bounds, so only a run can tell how much its scores vary"
    if seen.given.items is None:
        return "how many items it will have is not known before a first run"
    if seen.given.stop_for == "this_benchmark":
        return f"{_items(seen)}, and the claim is about these alone: it is decided with the last at the latest"
    return f"{_items(seen)} {_what_they_show(seen)}{_at_which_flips(seen)}; {_demand(seen)}"


def warnings(prospects: Sequence[Prospect]) -> tuple[str, ...]:
    """The gates that cannot pass with the items that they are known to have, each with what it needs."""
    return tuple(
        f"{seen.rule}: cannot pass; {_why_never(seen)}" for seen in prospects if seen.standing == "cannot pass"
    )


def assumptions(prospects: Sequence[Prospect]) -> tuple[str, ...]:
    """What the numbers of items rest on, where it was not recorded."""
    found = [line for write in _ASSUMPTIONS for line in map(write, prospects) if line is not None]
    return tuple(dict.fromkeys(found))


def _why_never(seen: Prospect) -> str:
    given = seen.given
    if not seen.has_groups_enough:
        return (
            f"its items come in groups, as good as {given.groups:.0f} of equal size, and with fewer than "
            f"{seen.groups_needed} it cannot pass"
        )
    if seen.fewest is None:
        return "it asks for the best that there is, and no number of items can show that"
    if seen.rule.min_items is not None and seen.fewest == seen.rule.min_items:
        return f"{_items(seen)}, and it wants {seen.fewest:,} (min_items)"
    return f"{_items(seen)}, and {_at_best(seen)} it needs at least {seen.fewest:,}"


def _at_best(seen: Prospect) -> str:
    if seen.rule.level is not None:
        return "even with a perfect score"
    if seen.rule.min_gain is not None:
        return "even if every answer got better"
    return "even if not one answer changed"


def _items(seen: Prospect) -> str:
    source = f" ({seen.given.source})" if seen.given.source else ""
    return f"{seen.given.items:,} items{source}"


def _what_they_show(seen: Prospect) -> str:
    known = [each for each in seen.shows if each is not None]
    if len(known) < len(seen.shows):
        return "are too few to show anything"
    lower = seen.rule.level is not None and not seen.given.higher_is_better
    span = " to ".join(dict.fromkeys(_rounded(each, seen.rule.relative, lower) for each in known))
    if seen.rule.level is not None:
        return f"pass if the true score is {span} or {'less' if lower else 'more'}"
    if seen.rule.min_gain is not None:
        return f"pass if the true gain is {span} or more"
    return f"can exclude a drop of {span} if nothing got worse,"


def _at_which_flips(seen: Prospect) -> str:
    if seen.rule.level is not None:
        return ""
    other = "other " if seen.rule.min_gain is not None else ""
    if seen.is_recorded:
        return f" at the recorded {percent(seen.flips[0])} of {other}flips"
    return f" where {100 * seen.flips[0]:.3g} to {percent(seen.flips[-1])} of the {other}items flip"


def _demand(seen: Prospect) -> str:
    rule = seen.rule
    if rule.level is not None:
        return f"{rule.level:g} is asked for"
    if rule.min_gain is not None:
        return f"{rule.min_gain:g} is asked for"
    return f"{percent(rule.max_drop or 0.0) if rule.relative else f'{rule.max_drop:g}'} is allowed"


def percent(share: float) -> str:
    """``5 %``, ``2.25 %``, ``0.5 %``."""
    return f"{100 * share:.3g} %"


def _rounded(number: float, relative: bool, down: bool) -> str:
    """Towards the careful side, so that a limit never seems held that is not."""
    digits = 1000
    careful = (math.floor if down else math.ceil)(round(number * digits, 6)) / digits
    return percent(careful) if relative else f"{careful:g}"


def _stops_early(seen: Prospect) -> str | None:
    if seen.given.stop_for != "population":
        return None
    return (
        f"{_subject(seen)}: the asking ends when its gates are certain; the items told are for one look at the end, "
        "and looking earlier too takes a few more"
    )


def _no_bounds(seen: Prospect) -> str | None:
    return None if seen.is_foreseeable else f"{_subject(seen)}: no plan for a metric without bounds"


def _in_groups(seen: Prospect) -> str | None:
    if seen.given.groups is None or not seen.has_groups_enough:
        return None
    return (
        f"{_subject(seen)}: its items come in groups, as good as {seen.given.groups:.0f} of equal size; items of one "
        "group tell less than as many independent ones, so more are needed than told here, and how many more only a "
        "run can tell"
    )


def _assumed_gain(seen: Prospect) -> str | None:
    if seen.rule.min_gain is None or not seen.is_foreseeable:
        return None
    gain = prospect.true_gain(seen.rule, seen.given)
    past = seen.given.past
    source = f"as in {past.experiment}" if past is not None and past.gain == gain else "as none is recorded that passes"
    return f"{_subject(seen)}: the items needed are for a true gain of {gain:.3g}, {source}; flips are those beside it"


def _assumed_score(seen: Prospect) -> str | None:
    if seen.rule.level is None or seen.fewest is None:
        return None
    score, past = prospect.true_score(seen.rule, seen.given), seen.given.past
    is_seen = past is not None and past.candidate == score
    source = f"as in {past.experiment}" if past is not None and is_seen else "as none is recorded that passes"
    return f"{_subject(seen)}: the items needed are for a true score of {score:.3g}, {source}"


def _assumed_baseline(seen: Prospect) -> str | None:
    if not seen.rule.relative or not seen.is_foreseeable:
        return None
    score, past = prospect.baseline_score(seen.given), seen.given.past
    source = f"as in {past.experiment}" if past is not None and past.baseline else "as its score is not recorded"
    return f"{_subject(seen)}: {percent(seen.rule.max_drop or 0.0)} is a share of a baseline of {score:.3g}, {source}"


def _subject(seen: Prospect) -> str:
    return f"{seen.rule.task} {seen.rule.metric}"


def _assumed_flip(seen: Prospect) -> str | None:
    past = seen.given.past
    if past is None or past.pairs == 0 or seen.rule.level is not None or seen.flips != (1 / past.pairs,):
        return None
    other = "other item" if seen.rule.min_gain is not None else "item"
    return f"{_subject(seen)}: at most one {other} flipped among {past.pairs:,} in {past.experiment}; reckoned with one"


_ASSUMPTIONS = (_assumed_gain, _assumed_score, _assumed_baseline, _assumed_flip, _in_groups, _stops_early, _no_bounds)
