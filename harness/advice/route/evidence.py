"""What each answer on the path rests on: measured values with intervals, counts, or whose word it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from harness.advice.route import grounds
from harness.advice.route.standing import Standing, best, items_to_tell, standing, verdict
from harness.advice.situation import Baseline, Situation


def figure(value: float, beside: float | None = None) -> str:
    """A score or threshold: ``0.90``, ``0.855``; with decimals enough to differ from what stands beside it."""
    digits = 3
    while beside is not None and value != beside and digits < 9 and f"{value:.{digits}f}" == f"{beside:.{digits}f}":
        digits += 1
    text = f"{value:.{digits}f}"
    return text[:-1] if digits == 3 and text.endswith("0") else text


def amount(value: float) -> str:
    """A count as people read it: ``100,000``, ``0.5``."""
    return f"{value:,.0f}" if value == int(value) else f"{value:,g}"


def listed(words: tuple[str, ...]) -> str:
    """``format, style and behaviour``."""
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]])) if words else "nothing"


def of_baseline(baseline: Baseline) -> str:
    """``5 examples: 0.850 (0.794 to 0.894) exact_match of tickets on 200 items``."""
    interval = ""
    if baseline.low is not None and baseline.high is not None:
        interval = f" ({baseline.low:.3f} to {baseline.high:.3f})"
    place = f"{baseline.metric} of {baseline.task} on {baseline.items:,} items"
    return f"{baseline.name}: {baseline.value:.3f}{interval} {place}"


def detail(name: str, situation: Situation) -> str:
    """The figure that belongs to the answer that was taken: ``0.850 of 0.90``; nothing where there is none."""
    stands = standing(situation)
    if name == "enough" and stands is not None:
        return f"{figure(stands.value, situation.threshold)} of {figure(situation.threshold)}"
    if name == "rows" and (count := grounds.examples(situation)) is not None:
        return f"{count:,}"
    if name == "size" and situation.knowledge_tokens:
        return f"{situation.knowledge_tokens:,} tokens"
    if name == "corpus" and grounds.corpus(situation):
        return f"{grounds.corpus(situation):,} tokens"
    return ""


def evidence(name: str, situation: Situation) -> tuple[str, ...]:
    """What the answer to a question rests on, a line each."""
    return _EVIDENCE[name](situation)


def _enough(situation: Situation) -> tuple[str, ...]:
    stands = standing(situation)
    if stands is None:
        return ("no prompt was measured, and nobody has said what the best one reaches",)
    if stands.baseline is None:
        return (
            f"by the team's word {figure(stands.value)}, the threshold {figure(situation.threshold)}; not measured",
        )
    return (*_measured(situation, stands.baseline), *_doubt(situation, stands), *_otherwise(situation, stands))


def _measured(situation: Situation, weakest: Baseline) -> tuple[str, ...]:
    chosen = best(situation.baselines)
    others = {each.name: each.value for each in situation.baselines if each.name != weakest.name}
    tasks = "best prompt, " if len(chosen) == 1 else "best prompt, where it is weakest, "
    lines = [tasks + of_baseline(weakest)]
    lines += [f"the same prompt, {of_baseline(each)}" for each in chosen[1:]]
    if others:
        lines.append("other prompts: " + ", ".join(f"{name} {value:.3f}" for name, value in others.items()))
    return tuple(lines)


def _doubt(situation: Situation, stands: Standing) -> tuple[str, ...]:
    """How sure the verdict is, where the interval holds the threshold."""
    said = verdict(situation)
    if said not in {"barely", "perhaps"}:
        return ()
    end, which = (stands.low, "lower") if said == "barely" else (stands.high, "upper")
    settled = "taken as enough, as the value says" if said == "barely" else "taken as too little, as the value says"
    items = items_to_tell(situation)
    tell = f"about {items:,} items would tell" if items else "no test set of a usual size would tell"
    side = "below" if said == "barely" else "at or above"
    return (
        f"its interval's {which} end, {end:.3f}, is {side} {figure(situation.threshold)}: not certain, and {settled}; "
        f"{tell} if the score stays",
    )


def _otherwise(situation: Situation, stands: Standing) -> tuple[str, ...]:
    """The team's word, where it differs from what was measured."""
    said = situation.compliance
    if said is None or abs(said - stands.value) < 0.05:
        return ()
    return (f"the team said {figure(said)}; what was measured decides",)


def _lack(situation: Situation) -> tuple[str, ...]:
    if situation.lacks is None:
        return ("nobody has said what is wrong with the answers",)
    return (f"by the team's word {listed(situation.lacks)}",)


def _changes(situation: Situation) -> tuple[str, ...]:
    words = {
        True: "by the team's word they change within a year, or must be cited, deleted or kept apart",
        False: "by the team's word they stay as they are",
        None: "nobody has said whether they change; retrieving is right either way",
    }
    return (words[situation.knowledge_changes],)


def _size(situation: Situation) -> tuple[str, ...]:
    tokens, window = situation.knowledge_tokens, situation.window
    if tokens is None:
        return ("nobody has said how much text holds them; retrieving works at any size",)
    if tokens <= 0:
        return ("by the team's word no text holds them, and what is not written down cannot be looked up or learnt",)
    known = f"the model takes {window:,}" if window is not None else "nobody has said how many the model takes"
    lines = [f"the text has {tokens:,} tokens; {known}, so {grounds.room(situation):,} of text have room in a prompt"]
    if tokens <= grounds.room(situation) and grounds.is_pressed(situation):
        lines += _pressure(situation)
    return tuple(lines)


def _corpus(situation: Situation) -> tuple[str, ...]:
    if situation.corpus_tokens is None and not situation.knowledge_tokens:
        return ("nobody has counted the raw text of the domain",)
    return (f"{grounds.corpus(situation):,} tokens of raw text, of {grounds.LEAST_CORPUS:,} that it takes",)


def _cost(situation: Situation) -> tuple[str, ...]:
    return (*_pressure(situation), *_volume(situation)) or ("nobody has said how quick or cheap it must be",)


def _pressure(situation: Situation) -> tuple[str, ...]:
    lines = []
    latency, most = situation.latency, situation.max_latency
    if latency is not None and most is not None:
        lines.append(f"an answer takes {latency:g} s of {most:g} s that it may take")
    if situation.is_too_dear is not None:
        lines.append(f"by the team's word it is {'too dear' if situation.is_too_dear else 'not too dear'}")
    return tuple(lines)


def _volume(situation: Situation) -> tuple[str, ...]:
    requests = situation.requests_per_day
    if requests is None:
        return ()
    little = "" if grounds.has_traffic(situation) else ", too few for cost to be a reason"
    tokens = situation.prompt_tokens
    each = f" of {amount(round(tokens))} tokens each" if tokens else ""
    return (f"{amount(requests)} requests a day{each}{little}",)


def _teacher(situation: Situation) -> tuple[str, ...]:
    words = {
        True: "by the team's word a larger model can be asked",
        False: "by the team's word none can be asked",
        None: "nobody has said whether one can be asked",
    }
    used = "; the model in use does the job" if grounds.does_the_job(situation) else ""
    return (words[situation.larger_model] + used,)


def _rows(situation: Situation) -> tuple[str, ...]:
    rows, pairs = situation.rows, situation.preference_pairs
    lines = [f"{rows:,} rows with the right answer" if rows is not None else "nobody has counted the rows"]
    if pairs:
        lines.append(f"{pairs:,} pairs of a better and a worse answer; the better ones are rows too")
    if rows is None and not pairs:
        lines += _volume(situation)
    return tuple(lines)


def _spare(situation: Situation) -> tuple[str, ...]:
    raw = grounds.corpus(situation)
    return (*_teacher(situation), *((f"{raw:,} tokens of raw text",) if raw else ()))


_EVIDENCE: Mapping[str, Callable[[Situation], tuple[str, ...]]] = {
    "enough": _enough,
    "lack": _lack,
    "changes": _changes,
    "size": _size,
    "corpus": _corpus,
    "cost": _cost,
    "teacher": _teacher,
    "rows": _rows,
    "spare": _spare,
}
