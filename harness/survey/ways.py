"""The ways in which a base model is asked before anything is trained: what stands before the question."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.data import formats
from harness.plan import Plan, prompting
from harness.rows import Row, ToolMessage
from harness.values import PromptedBaseline, Prompting, Suite

SHOTS = (3, 5, 10)
"""Numbers of examples that are tried."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way of asking."""

    name: str
    """``zero-shot``, ``system``, ``3 examples``, ..., ``chain of thought``; of further system texts ``system 2``, ...;
    ``prompted`` is what the suite asks, where that is none of these."""
    asked: PromptedBaseline
    """As a suite's ``prompted:`` says it."""
    prompting: Prompting
    """The same with its examples drawn."""


def candidates(plan: Plan) -> tuple[Candidate, ...]:
    """The ways of asking that the suite's data allow; examples are drawn from its training rows with its seed.

    They are the very examples that ``prompted: {few_shot: ...}`` would show. Where there is no validation split the
    training rows give the items as well, and at most half of them are examples.
    """
    rows = conversations(plan, "train")
    spare = len(rows) if conversations(plan, "validation") else len(rows) // 2
    return tuple(
        Candidate(name, asked, prompting(asked, rows, plan.suite.seed)) for name, asked in _ways(plan.suite, spare)
    )


def conversations(plan: Plan, name: str) -> tuple[Row, ...]:
    """The rows of a data set where each is a conversation that a task can ask; else none, as without such a set."""
    if name not in plan.suite.data:
        return ()
    read = next((table.rows for table in plan.tables if table.name == name), None)
    rows = formats.read(name, plan.suite.data[name])[1] if read is None else read
    return rows if all(_is_asked(row) for row in rows) else ()


def _ways(suite: Suite, spare: int) -> Iterator[tuple[str, PromptedBaseline]]:
    """Each once; examples and thoughts go with the first of the system texts."""
    own = suite.prompted or PromptedBaseline()
    texts = tuple(dict.fromkeys(text for text in (own.system, *suite.advice.prompts) if text))
    system = texts[0] if texts else None
    ways = {"zero-shot": PromptedBaseline()}
    if system:
        ways["system"] = PromptedBaseline(system)
    ways |= {f"{shots} examples": PromptedBaseline(system, shots) for shots in SHOTS if shots <= spare}
    ways["chain of thought"] = PromptedBaseline(system, chain_of_thought=True)
    ways |= {f"system {number}": PromptedBaseline(text) for number, text in enumerate(texts[1:], start=2)}
    if own not in ways.values():
        ways["prompted"] = own
    yield from ways.items()


def _is_asked(row: Row) -> bool:
    if row.text is not None or row.choices or row.tools or row.rejected or row.form == "kto":
        return False
    return not any(isinstance(message, ToolMessage) for message in row.messages)
