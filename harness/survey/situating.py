"""What was found out and what the team says, as one situation."""

from __future__ import annotations

from collections.abc import Sequence

from harness.advice.situation import Baseline, Situation
from harness.survey.ground import Ground
from harness.survey.subject import Subject


def situation(subject: Subject, ground: Ground, baselines: Sequence[Baseline] = ()) -> Situation:
    """What the recommendation rests on; what was measured goes before what was reckoned."""
    said = subject.answers
    return Situation(
        threshold=said.threshold,
        baselines=tuple(baselines),
        compliance=said.compliance,
        lacks=said.lacks,
        knowledge_changes=said.knowledge_changes,
        knowledge_tokens=said.knowledge_tokens,
        window=ground.shape.window if ground.shape else None,
        rows=subject.count,
        preference_pairs=subject.pairs or None,
        corpus_tokens=ground.corpus_tokens,
        requests_per_day=said.requests_per_day,
        prompt_tokens=ground.long_prompt,
        latency=said.latency,
        max_latency=said.max_latency,
        is_too_dear=said.is_too_dear,
        larger_model=said.larger_model,
    )
