"""What to do besides the recommendation: the other half of a mixed lack, what makes it sure, what to look out for."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from harness.advice.route import grounds
from harness.advice.route.evidence import amount, figure, listed
from harness.advice.route.grounds import LEAST_CORPUS, LEAST_ROWS, VIABLE_ROWS
from harness.advice.route.path import Walk
from harness.advice.route.standing import falls_short, is_enough, items_to_tell, standing
from harness.advice.situation import Situation

_TRAINED = ("tune", "distil", "pretrain")


def beside(walk: Walk, situation: Situation) -> tuple[str, ...]:
    """Sentences, the most pressing first."""
    return tuple(sentence for advise in _ADVICE for sentence in advise(walk, situation))


def _measure(walk: Walk, situation: Situation) -> Iterator[str]:
    stands = standing(situation)
    if stands is None or stands.baseline is None:
        yield (
            "Measure the prompts before anything is trained: zero-shot, with the system text, with 3, 5 and 10 "
            "examples and with chain of thought, on items that the verdict does not rest on."
        )
    elif items := items_to_tell(situation):
        yield (
            f"Ask about {items:,} items instead of {stands.baseline.items:,}: the interval holds "
            f"{figure(situation.threshold)}, and items cost less than a training."
        )


def _contradictions(walk: Walk, situation: Situation) -> Iterator[str]:
    if falls_short(situation) and situation.lacks == ():
        yield "Look at targets and metric: the threshold is missed, yet nothing is said to be wrong with the answers."
    if is_enough(situation) and situation.knowledge_changes:
        yield "Measure again whenever the facts have changed, or retrieve them: the score holds for the facts of today."
    if is_enough(situation) and situation.lacks:
        yield (
            f"The answers still lack {listed(situation.lacks)} where they are wrong: collect those as rows, should "
            f"{figure(situation.threshold)} turn out to be too low a threshold."
        )


def _read_answers(walk: Walk, situation: Situation) -> Iterator[str]:
    if walk.took("lack", "unsaid_short", "unsaid"):
        yield "Read 50 wrong answers and say what they lack: facts lead to retrieving, all else to tuning."


def _write_down(walk: Walk, situation: Situation) -> Iterator[str]:
    if walk.took("size", "unwritten"):
        yield "Write the facts down: what stands in no text can be neither retrieved nor learnt."


def _other_half(walk: Walk, situation: Situation) -> Iterator[str]:
    """Facts first, but they are seldom all that is lacking."""
    others = tuple(each for each in situation.lacks or () if each != "knowledge")
    if not others or not walk.took("lack", "knowledge"):
        return
    if walk.route == "pretrain":
        yield f"Tune for {listed(others)} after the pretraining: raw text teaches words and facts, not how to answer."
    elif (grounds.examples(situation) or 0) >= LEAST_ROWS:
        yield (
            f"Tune for {listed(others)} besides, on rows that hold the text as the model will see it (Zhang and others "
            "2024, RAFT): then it learns to use the facts, not to make them up."
        )
    else:
        yield (
            f"Ask for {listed(others)} in the prompt, and collect {LEAST_ROWS} rows that hold the text as the model "
            "will see it: with them it can be tuned besides."
        )


def _schema(walk: Walk, situation: Situation) -> Iterator[str]:
    if "format" in (situation.lacks or ()) and not is_enough(situation):
        yield (
            "Hold the answers to their schema while they are decoded, where the server can: that makes the syntax "
            "sure, though not what stands in it."
        )


def _reasoning(walk: Walk, situation: Situation) -> Iterator[str]:
    if "reasoning" not in (situation.lacks or ()) or is_enough(situation):
        return
    if walk.route in {"tune", "distil"}:
        yield "Let the rows show the steps and not the result alone (Hsieh and others 2023)."
    elif all("chain" not in each.name for each in situation.baselines):
        yield "Try chain of thought: it is free and was not measured (Wei and others 2022)."


def _collect(walk: Walk, situation: Situation) -> Iterator[str]:
    count = grounds.examples(situation)
    too_few = walk.end == ("cost", "unknown") and not is_enough(situation) and count is not None and count < LEAST_ROWS
    if not too_few and not walk.took("rows", "few", "unknown", "traffic"):
        return
    source = ""
    if grounds.has_traffic(situation) and situation.requests_per_day is not None:
        daily = amount(situation.requests_per_day)
        source = f", from the answers to {daily} requests a day that a check or a person found right"
    yield f"Collect rows with the right answer{source}: {LEAST_ROWS} are the least, {VIABLE_ROWS:,} are to be aimed at."


def _care(walk: Walk, situation: Situation) -> Iterator[str]:
    if not walk.took("rows", "care"):
        return
    yield (
        f"Train with care: {grounds.examples(situation):,} rows are few, so check them by hand, keep a validation "
        "split, choose the checkpoint by it and look at the general benchmarks."
    )
    if situation.larger_model:
        yield f"Let the larger model write more rows, up to {VIABLE_ROWS:,}, and keep those that pass a check."


def _pairs(walk: Walk, situation: Situation) -> Iterator[str]:
    pairs = situation.preference_pairs or 0
    if walk.route != "tune" or pairs < LEAST_ROWS:
        return
    first = "on the rows" if (situation.rows or 0) >= LEAST_ROWS else "on the better answers"
    yield f"Tune {first} first, then on the {pairs:,} pairs (Rafailov and others 2023, DPO)."


def _raw_text(walk: Walk, situation: Situation) -> Iterator[str]:
    is_new = "vocabulary" in (situation.lacks or ())
    if walk.route == "tune" and is_new and grounds.corpus(situation) >= LEAST_CORPUS:
        yield (
            "Try continued pretraining on the raw text before the tuning: it helped with many rows and with few "
            "(Gururangan and others 2020)."
        )


def _smaller(walk: Walk, situation: Situation) -> Iterator[str]:
    if not grounds.is_pressed(situation):
        return
    if walk.route in _TRAINED:
        yield "Train the smallest model that reaches the threshold, and hold it to the same items as the one in use."
    elif walk.route == "prompt":
        tokens = f" of {amount(round(situation.prompt_tokens))} tokens" if situation.prompt_tokens else ""
        yield f"Shorten the prompt{tokens}, have its constant part cached, and try a quantised or a smaller model."
    elif walk.route == "retrieve":
        yield (
            "Retrieve few and short passages, since each is read with a request, and train a smaller model to answer "
            "from them."
        )


def _teacher(walk: Walk, situation: Situation) -> Iterator[str]:
    if walk.route != "distil":
        return
    yield (
        "See that the terms of the model that is asked allow training on its answers, and keep those that pass a check."
    )
    if situation.rows:
        yield f"Keep the {situation.rows:,} rows with right answers for validation and test before any is mixed in."


def _retrieval(walk: Walk, situation: Situation) -> Iterator[str]:
    if walk.route != "retrieve":
        return
    yield "Measure the search by itself: in how many cases the passage that holds the answer is found."
    if grounds.examples(situation):
        yield (
            "Do not tune the facts in: new ones are learnt slowly, and once learnt they make a model invent more "
            "(Gekhman and others 2024)."
        )


def _long_prompt(walk: Walk, situation: Situation) -> Iterator[str]:
    if walk.route != "long_context":
        return
    tokens, requests = situation.knowledge_tokens or 0, situation.requests_per_day
    daily = (
        f"; at {amount(requests)} requests a day that is {amount(tokens * requests)} tokens a day" if requests else ""
    )
    yield f"Put the {tokens:,} tokens first and keep them the same, so that they are cached{daily}."
    yield "Ask for facts from the middle of the text too: they are the ones that are missed (Liu and others 2023)."


def _pretraining(walk: Walk, situation: Situation) -> Iterator[str]:
    if walk.route != "pretrain":
        return
    yield (
        "Mix general text in and tune on instructions afterwards, or what was learnt before is lost (Ibrahim and "
        "others 2024)."
    )
    yield (
        "Measure retrieval against it before it is paid for: on facts it was the better of the two (Ovadia and others "
        "2023)."
    )


def _must_beat(walk: Walk, situation: Situation) -> Iterator[str]:
    stands = standing(situation)
    if walk.route in _TRAINED and stands is not None and stands.baseline is not None:
        best = stands.baseline.name
        yield f"Keep the best prompt, {best}, as the prompted arm: the trained model must beat it on the same items."


_ADVICE: tuple[Callable[[Walk, Situation], Iterator[str]], ...] = (
    _contradictions,
    _measure,
    _read_answers,
    _write_down,
    _other_half,
    _collect,
    _care,
    _pairs,
    _schema,
    _reasoning,
    _raw_text,
    _smaller,
    _teacher,
    _retrieval,
    _long_prompt,
    _pretraining,
    _must_beat,
)
