"""The arms of a plan, and what stands before each prompt of the prompted one."""

from __future__ import annotations

import random
from collections.abc import Sequence

from harness.data import formats
from harness.plan.given import Given
from harness.rows import Row
from harness.values import Arm, Message, PromptedBaseline, Prompting


def planned_arms(given: Given, train: Sequence[Row], *, trained: bool) -> tuple[Arm, ...]:
    """The base model, and as the suite has them its prompted and its tuned arm."""
    arms = [Arm("base", given.suite.model)]
    if given.suite.prompted:
        arms.append(Arm("prompted", given.suite.model, None, _prompting(given, train)))
    if trained:
        arms.append(Arm("tuned", given.suite.model))
    return tuple(arms)


def examples(given: Given) -> tuple[Row, ...]:
    """What the examples of the prompted arm are drawn from."""
    if not (given.suite.prompted and given.suite.prompted.few_shot):
        return ()
    if "train" not in given.suite.data:
        raise given.error("few_shot needs data.train", "data", remedy="add 'train: FILE' under 'data:'")
    rows = given.rows("train", ("data", "train"))
    if rows[0].text is not None or rows[0].choices:
        raise given.error("few_shot needs conversations in data.train", "data", "train")
    given.refuse_preferences(rows, "data.train", ("data", "train"))
    given.located(("data", "train"), formats.samples, rows)  # an example with tools cannot be shown
    return rows


def prompting(asked: PromptedBaseline, rows: Sequence[Row], seed: int) -> Prompting:
    """What a suite asks for with its examples drawn from ``rows``: once by the seed, the same for every question."""
    shots = random.Random(seed).sample(list(rows), asked.few_shot)  # noqa: S311 - repeatable, not secret
    return Prompting(asked.system, tuple(without_system(row.messages) for row in shots), asked.chain_of_thought)


def _prompting(given: Given, train: Sequence[Row]) -> Prompting:
    asked = given.suite.prompted
    assert asked is not None
    if asked.few_shot > len(train):
        raise given.error(f"few_shot {asked.few_shot} is more than train's {len(train)} rows", "prompted", "few_shot")
    if asked.chain_of_thought and all(task.mode != "generate" for task in given.suite.tasks):
        problem = "chain_of_thought asks for thoughts before an answer, and no task has mode generate"
        raise given.error(problem, "prompted", "chain_of_thought", remedy="leave it out")
    return prompting(asked, train, given.suite.seed)


def without_system(messages: Sequence[Message]) -> tuple[Message, ...]:
    """The turns by which a question is known: an arm may put another system text before them."""
    return tuple(message for message in messages if message.role != "system")
