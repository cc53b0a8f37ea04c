"""Why a path ends where it ends: one sentence an end."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from harness.advice.route import grounds
from harness.advice.route.evidence import amount, figure, listed
from harness.advice.route.grounds import LEAST_ROWS
from harness.advice.route.path import Walk
from harness.advice.route.standing import falls_short, is_enough, standing
from harness.advice.situation import Situation


def reason(walk: Walk, situation: Situation) -> str:
    """The recommendation's reason, in one sentence with the figures that decided."""
    sentence = _REASONS[walk.end](situation)
    return sentence[0].upper() + sentence[1:]


def _level(situation: Situation) -> str:
    stands = standing(situation)
    if stands is None:
        return "it is not known how good the best prompt is"
    verb = "reaches only" if falls_short(situation) else "reaches"
    value = figure(stands.value, situation.threshold)
    return f"the best prompt {verb} {value} where {figure(situation.threshold)} is asked for"


def _pressed(situation: Situation) -> str:
    words = []
    if grounds.is_slow(situation):
        words.append(f"takes {situation.latency:g} s where at most {situation.max_latency:g} s is allowed")
    if situation.is_too_dear:
        words.append("costs too much")
    return listed(tuple(words))


def _quick(situation: Situation) -> str:
    if not falls_short(situation):
        return _kept(situation, "quickly and cheaply enough")
    return f"{_level(situation)}, but nothing is said to be wrong with its answers: look at the test before training"


def _as_far_as_said(situation: Situation) -> str:
    if falls_short(situation):
        return _quick(situation)
    return _kept(situation, "and nothing says that it is too slow or too dear")


def _kept(situation: Situation, how: str) -> str:
    """Why the prompt is kept that is not known to fall short."""
    if standing(situation) is not None:
        return f"{_level(situation)}, {how}, so there is nothing to train for"
    if situation.lacks is not None:
        return f"nothing is said to be wrong with the answers, {how}, so there is nothing to train for"
    count = grounds.examples(situation)
    few = f", {_answers(situation)} are too few to train on" if count is not None and count < LEAST_ROWS else ""
    return f"nobody knows yet how good the best prompt is and what it lacks{few}, and prompts are tried in a day"


def _distil(situation: Situation) -> str:
    if grounds.is_pressed(situation):
        return f"the model in use {_pressed(situation)}, so a smaller one is to learn from a larger one's answers"
    return f"{_level(situation)}, and a larger model that does the job can show the reasoning that is lacking"


def _distil_for_rows(situation: Situation) -> str:
    count = grounds.examples(situation)
    rows = "the rows are not counted" if count is None else f"{_answers(situation)} are too few to tune on"
    return f"{_level(situation)} and {rows}, but a model that does the job can write more"


def _tune(situation: Situation) -> str:
    count = grounds.examples(situation)
    kind = "rows" if situation.rows is not None and situation.rows >= (count or 0) else "pairs"
    if not situation.lacks and not grounds.is_pressed(situation):
        return (
            f"{_level(situation)} and nobody has said what is lacking, so it is taken to be what {count:,} {kind} show"
        )
    return _taught_by(situation, f"{count:,} {kind} are there to teach it")


def _tune_by_traffic(situation: Situation) -> str:
    return _taught_by(
        situation, f"{amount(situation.requests_per_day or 0)} requests a day bring the rows that teach it"
    )


def _taught_by(situation: Situation, there: str) -> str:
    if situation.lacks and not is_enough(situation):
        return f"{_level(situation)}, {_lacking(situation)}, and {there}"
    return f"the model in use {_pressed(situation)}, and {there} to a smaller one"


def _lacking(situation: Situation) -> str:
    lacks = situation.lacks or ()
    return f"{listed(lacks)} {'is' if len(lacks) == 1 else 'are'} lacking rather than facts"


def _answers(situation: Situation) -> str:
    rows, pairs = situation.rows or 0, situation.preference_pairs
    return f"{rows:,} rows and {pairs:,} pairs" if pairs else f"{rows:,} rows"


def _nothing_to_learn_from(situation: Situation) -> str:
    rows = f"{_answers(situation)} are below the {LEAST_ROWS} that training takes"
    if grounds.examples(situation) is None:
        rows = "nobody has counted the rows"
    start = f"the model in use {_pressed(situation)}" if grounds.is_pressed(situation) else _level(situation)
    return f"{start}, but {rows} and no other model is known to learn from: improve the prompt and collect"


def _retrieve(what: str) -> Callable[[Situation], str]:
    return lambda _: f"facts are lacking, and {what}, so they are looked up when they are asked for"


def _unwritten(_: Situation) -> str:
    return "facts are lacking that stand in no text yet: they are to be written down, and then looked up"


def _in_prompt(situation: Situation) -> str:
    tokens = situation.knowledge_tokens
    return f"facts are lacking that do not change, and the {tokens:,} tokens that hold them fit into every prompt"


def _pretrain(situation: Situation) -> str:
    raw = f"{grounds.corpus(situation):,} tokens of raw text"
    return f"facts are lacking that do not change and fit into no prompt, and {raw} can teach them"


def _pretrain_words(situation: Situation) -> str:
    raw = f"{grounds.corpus(situation):,} tokens of raw text"
    return f"words of the domain are lacking, rows are too few to teach them, and {raw} hold them"


_REASONS: Mapping[tuple[str, str], Callable[[Situation], str]] = {
    ("cost", "yes"): _quick,
    ("cost", "unknown"): _as_far_as_said,
    ("teacher", "yes"): _distil,
    ("teacher", "own"): _distil,
    ("rows", "care"): _tune,
    ("rows", "viable"): _tune,
    ("rows", "effective"): _tune,
    ("rows", "traffic"): _tune_by_traffic,
    ("spare", "larger"): _distil_for_rows,
    ("spare", "own"): _distil_for_rows,
    ("spare", "corpus"): _pretrain_words,
    ("spare", "nothing"): _nothing_to_learn_from,
    ("spare", "unknown"): _nothing_to_learn_from,
    ("changes", "yes"): _retrieve("they change or must be cited, deleted or kept apart"),
    ("changes", "unknown"): _retrieve("nobody has said that they stay as they are"),
    ("size", "fits"): _in_prompt,
    ("size", "pressed"): _retrieve("to read all of them with every request would be too slow or too dear"),
    ("size", "unwritten"): _unwritten,
    ("size", "no_window"): _retrieve("it is not known whether the model has room for them"),
    ("size", "unknown"): _retrieve("it is not known how much text holds them"),
    ("corpus", "yes"): _pretrain,
    ("corpus", "no"): _retrieve("their text is too large for a prompt and too small to be learnt by heart"),
    ("corpus", "unknown"): _retrieve("their text is too large for a prompt and no larger corpus is known"),
}
