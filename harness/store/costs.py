"""What answering took, as recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from sqlite_utils import Database

_PER_ANSWER = """
SELECT avg(prompt_tokens), avg(output_tokens), avg(seconds), max(prompt_tokens),
       sum(text = '' AND finish_reason = 'length'), count(*)
FROM generations WHERE task = ?
"""


class Cost(NamedTuple):
    """One answer in the mean; of one that was taken over, what it took when it was asked for."""

    prompt_tokens: float
    output_tokens: float
    """What was written before the answer, by a model that was asked to think first, counts too."""
    seconds: float
    """Its share of its batch."""
    longest_prompt: int
    """In tokens; of all of them, not in the mean."""
    unfinished: int
    """How many answers are empty, because the model was still thinking when it was cut off."""
    answers: int


def per_answer(db: Database, task: int) -> Cost | None:
    """Of all answers of a task; ``None`` where there are none."""
    row = db.execute(_PER_ANSWER, [task]).fetchone()
    return None if row[0] is None else Cost(*row)
