"""How long asking in several ways will take, from what the base model took when it was asked before."""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.execution.prompting import REASONING_TOKENS, assemble, thinks
from harness.plan import Plan, PlannedTask
from harness.store.costs import Cost
from harness.store.reader import Reader
from harness.survey.asking import SUFFIX
from harness.survey.ways import Candidate
from harness.values import Prompt, Prompting

READ = 1 / 20
"""What a token of the prompt takes, where one that is written takes 1.

Measured with SmolLM2-135M on two CPU cores, examples that all prompts share being read once a batch: 49 tokens read and
33 written took 0.67 s, 729 and 22 took 1.18 s."""


def seconds(plan: Plan, ways: Sequence[Candidate], tasks: Sequence[PlannedTask], reader: Reader) -> float | None:
    """Of all ways on all tasks; ``None`` where the base model was never asked one of these tasks."""
    costs = {task.name: _base(plan, task, reader) for task in tasks}
    parts = [_part(way, task, cost) for task in tasks for way in ways if (cost := costs[task.name]) is not None]
    return math.fsum(parts) if parts and None not in costs.values() else None


def _base(plan: Plan, task: PlannedTask, reader: Reader) -> Cost | None:
    """One answer of the base model with nothing before the question: on the verdict's items, or on these before."""
    name, own = plan.suite.name, task.name.removesuffix(SUFFIX)
    runs = [(run.id, own) for run in reader.runs(suite=name) if run.arm == "base"]
    runs += [(run.id, task.name) for run in reader.runs(suite=name + SUFFIX) if run.arm == "base@zero-shot"]
    costs = (reader.cost_per_answer(*each) for each in runs)
    return next((cost for cost in costs if cost is not None), None)


def _part(way: Candidate, task: PlannedTask, cost: Cost) -> float:
    example = task.samples[0].prompt
    longer = _characters(assemble(way.prompting, example)) / max(_characters(assemble(Prompting(), example)), 1)
    thoughts = REASONING_TOKENS if thinks(way.prompting, task.task.mode) else 0
    before = READ * cost.prompt_tokens + cost.output_tokens
    after = READ * cost.prompt_tokens * longer + cost.output_tokens + thoughts
    answers = len(task.samples) * task.task.generation.repeats
    return answers * cost.seconds * after / max(before, READ)


def _characters(prompt: Prompt) -> int:
    return len(prompt) if isinstance(prompt, str) else sum(len(message.content) for message in prompt)
