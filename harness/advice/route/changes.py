"""What would change the advice: situations that differ in one thing, each decided anew by the same path.

So nothing is claimed that the path itself would not do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from harness.advice.route import grounds
from harness.advice.route.evidence import amount, figure
from harness.advice.route.grounds import LEAST_CORPUS, LEAST_ROWS, LEAST_TRAFFIC, MOST_CONTEXT, VIABLE_ROWS
from harness.advice.route.path import Route, walk
from harness.advice.route.standing import best, falls_short, is_enough, standing
from harness.advice.situation import Situation

THEN: Mapping[Route, str] = {
    "prompt": "stay with the prompt",
    "retrieve": "retrieve",
    "long_context": "put the text into every prompt",
    "tune": "tune",
    "distil": "distil",
    "pretrain": "continue pretraining",
}


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that could be otherwise."""

    what: str
    """In words: ``a prompt that reaches 0.90 on these items instead of 0.850``."""
    situation: Situation
    """The situation then."""


def would_change(situation: Situation, route: Route) -> tuple[str, ...]:
    """What leads elsewhere, a sentence each with its number; and what would take a caution away."""
    found = [
        f"{each.what}: then {THEN[then]}"
        for each in changes(situation)
        if (then := walk(each.situation).route) != route
    ]
    count = grounds.examples(situation)
    if route == "tune" and count is not None and LEAST_ROWS <= count < VIABLE_ROWS:
        found.append(f"{VIABLE_ROWS:,} rows instead of {count:,}: then the same with less care")
    return tuple(found)


def changes(situation: Situation) -> tuple[Change, ...]:
    """What could be otherwise, whether or not it leads elsewhere."""
    return tuple(change for vary in _VARIED for change in vary(situation))


def _prompt(situation: Situation) -> Iterator[Change]:
    stands, level = standing(situation), situation.threshold
    if stands is None:
        yield Change(f"a prompt that is measured at {figure(level)} or more", replace(situation, compliance=level))
    elif stands.baseline is None:
        bound = f"less than {figure(level)}" if is_enough(situation) else f"{figure(level)} or more"
        what = f"a prompt that is measured at {bound}, where the team says {figure(stands.value)}"
        yield Change(what, replace(situation, compliance=_beyond(situation)))
    elif falls_short(situation):
        what = f"a prompt that reaches {figure(level)} on these items instead of {figure(stands.value)}"
        yield Change(what, _measured_at(situation, level))
    else:
        what = (
            f"less than {figure(level)} on more items, instead of {figure(stands.value)} on {stands.baseline.items:,}"
        )
        yield Change(what, _measured_at(situation, _beyond(situation)))


def _beyond(situation: Situation) -> float:
    """A value on the other side of the threshold."""
    return situation.threshold - 0.01 if is_enough(situation) else situation.threshold


def _measured_at(situation: Situation, value: float) -> Situation:
    """With the best prompt at this value on each of its tasks and no other prompt above it."""
    chosen = tuple(replace(each, value=value, low=None, high=None) for each in best(situation.baselines))
    return replace(situation, baselines=chosen)


def _rows(situation: Situation) -> Iterator[Change]:
    count = grounds.examples(situation)
    if count is None:
        yield Change(f"{LEAST_ROWS} rows with the right answer, once counted", replace(situation, rows=LEAST_ROWS))
    elif count < LEAST_ROWS:
        yield Change(
            f"{LEAST_ROWS} rows with the right answer instead of {count:,}", replace(situation, rows=LEAST_ROWS)
        )
    few = replace(situation, rows=LEAST_ROWS - 1, preference_pairs=0)
    if count is None or count >= LEAST_ROWS:
        told = "" if count is None else f" out of {count:,}"
        yield Change(f"fewer than {LEAST_ROWS} rows{told} that are free of faults", few)


def _lacks(situation: Situation) -> Iterator[Change]:
    lacks = situation.lacks
    if lacks is None or "knowledge" not in lacks:
        yield Change("facts being what the answers lack", replace(situation, lacks=("knowledge", *(lacks or ()))))
    if lacks is None:
        yield Change("format, style or behaviour being what the answers lack", replace(situation, lacks=("behaviour",)))
    elif "knowledge" in lacks:
        others = tuple(each for each in lacks if each != "knowledge") or ("behaviour",)
        yield Change("no fact being missing, only the way it is said", replace(situation, lacks=others))


def _facts(situation: Situation) -> Iterator[Change]:
    if situation.knowledge_changes is not True:
        yield Change("facts that change or must be cited", replace(situation, knowledge_changes=True))
    if situation.knowledge_changes is not False:
        yield Change("facts that stay as they are", replace(situation, knowledge_changes=False))
    tokens, room = situation.knowledge_tokens, grounds.room(situation)
    told = "" if tokens is None else f" instead of {tokens:,}"
    if tokens is None or tokens > room:
        yield Change(f"at most {room:,} tokens that hold the facts{told}", replace(situation, knowledge_tokens=room))
    if tokens is None or tokens < LEAST_CORPUS:
        corpus = replace(situation, corpus_tokens=LEAST_CORPUS)
        now = f" instead of {grounds.corpus(situation):,}" if grounds.corpus(situation) else ""
        yield Change(f"{LEAST_CORPUS:,} tokens of raw text{now}", corpus)
    if tokens is not None and room < tokens <= MOST_CONTEXT:
        window = int(tokens / grounds.WINDOW_SHARE)
        yield Change(f"a model that takes {window:,} tokens", replace(situation, window=window))
    if tokens is not None and 0 < tokens <= room:
        yield Change(
            f"more than {room:,} tokens that hold the facts{told}", replace(situation, knowledge_tokens=room + 1)
        )


def _press(situation: Situation) -> Iterator[Change]:
    latency, most = situation.latency, situation.max_latency
    requests = situation.requests_per_day
    at = f" at {amount(requests)} requests a day" if requests else ""
    if situation.is_too_dear:
        yield Change(f"a price that can be borne{at}", replace(situation, is_too_dear=False))
    else:
        yield Change(f"a price that is too high{at}", replace(situation, is_too_dear=True))
    if latency is not None and grounds.is_slow(situation):
        yield Change(
            f"{latency:g} s allowed for an answer instead of {most:g} s", replace(situation, max_latency=latency)
        )
    elif latency:
        yield Change(f"answers wanted in less than {latency:g} s", replace(situation, max_latency=latency / 2))
    if situation.rows is None and not grounds.has_traffic(situation):
        what = f"{LEAST_TRAFFIC:,} requests a day or more to collect rows from"
        yield Change(what, replace(situation, requests_per_day=LEAST_TRAFFIC))


def _teacher(situation: Situation) -> Iterator[Change]:
    if situation.larger_model is not True:
        yield Change(
            "a larger model that does the job and whose answers may be learnt from",
            replace(situation, larger_model=True),
        )
    if situation.larger_model is not False:
        yield Change("no model whose answers may be learnt from", replace(situation, larger_model=False))


_VARIED: tuple[Callable[[Situation], Iterator[Change]], ...] = (_prompt, _rows, _lacks, _facts, _press, _teacher)
