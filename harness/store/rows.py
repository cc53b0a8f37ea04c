"""The rows that come in great numbers: samples, answers and scores, with the task that holds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.store.codec import (
    Cell,
    details_cell,
    details_of,
    fields_of,
    flag_cell,
    flag_of,
    json_cell,
    json_of,
    number_cell,
    number_of,
    optional_text_cell,
    optional_text_of,
    text_cell,
    text_of,
)
from harness.values import (
    Generation,
    GenerationSettings,
    Message,
    Pair,
    Prompt,
    Provenance,
    Ref,
    Sample,
    Score,
    Stopping,
    Task,
)

Row = Mapping[str, Any]


def sample_row(sample: Sample) -> tuple[Cell, ...]:
    """id, prompt, targets, choices: the content, which all tasks share."""
    prompt = sample.prompt if isinstance(sample.prompt, str) else [[each.role, each.content] for each in sample.prompt]
    return (sample.id, json_cell(prompt), json_cell(sample.targets), json_cell(sample.choices))


def place_row(task: int, position: int, answers: int, sample: Sample) -> tuple[Cell, ...]:
    """What one task says of the sample: task, position, answer, stratum, cluster, tags, attempts, id."""
    return (
        task,
        position,
        None if sample.answer is None else int(sample.answer),
        optional_text_cell(sample.stratum),
        optional_text_cell(sample.cluster),
        json_cell(sample.tags) if sample.tags else None,
        answers,
        sample.id,
    )


def sample_of(row: Sequence[Any]) -> Sample:
    """From id, prompt, targets, choices, answer, stratum, cluster, tags."""
    return Sample(
        id=row[0],
        prompt=_prompt_of(json_of(row[1])),
        targets=tuple(json_of(row[2])),
        choices=tuple(json_of(row[3])),
        answer=row[4],
        stratum=optional_text_of(row[5]),
        cluster=optional_text_of(row[6]),
        tags=() if row[7] is None else tuple(json_of(row[7])),
    )


def _prompt_of(value: Any) -> Prompt:  # noqa: ANN401 - JSON
    return value if isinstance(value, str) else tuple(Message(role, content) for role, content in value)


def generation_row(task: int, generation: Generation, provenance: Provenance | None) -> tuple[Cell, ...]:
    """In the order of the table's columns, the sample by its id at the end."""
    return (
        task,
        int(generation.attempt),
        text_cell(generation.text),
        generation.finish_reason,
        int(generation.prompt_tokens),
        int(generation.output_tokens),
        number_cell(generation.seconds),
        number_cell(generation.log_likelihood),
        flag_cell(generation.is_greedy),
        provenance.request if provenance else None,
        provenance.reused_from if provenance else None,
        optional_text_cell(generation.reasoning),
        generation.sample_id,
    )


def generation_of(row: Sequence[Any]) -> Generation:
    """From sample_id, attempt, text, finish_reason, tokens, seconds, log_likelihood, is_greedy, reasoning."""
    return Generation(
        sample_id=row[0],
        attempt=row[1],
        text=text_of(row[2]),
        finish_reason=row[3],
        prompt_tokens=row[4],
        output_tokens=row[5],
        seconds=float(row[6]),
        log_likelihood=number_of(row[7]),
        is_greedy=flag_of(row[8]),
        reasoning=optional_text_of(row[9]),
    )


def score_row(task: int, metric: str, score: Score) -> tuple[Cell, ...]:
    """Task, metric, value, why_missing, details, sample id; a NaN is no value and says so."""
    value, why = number_cell(score.value), score.why_missing
    if value == "nan":
        value, why = None, why or "the metric returned NaN"
    return (task, metric, value, optional_text_cell(why), details_cell(score.details), score.sample_id)


def score_of(row: Sequence[Any]) -> Score:
    """From sample id, value, why_missing, details."""
    return Score(row[0], row[1], optional_text_of(row[2]), details_of(row[3]))


def pair_of(row: Sequence[Any]) -> Pair:
    """From sample id, the baseline's value, the candidate's, stratum, cluster."""
    return Pair(row[0], row[1], row[2], optional_text_of(row[3]), optional_text_of(row[4]))


def task_row(run: int, task: Task, samples: int, source: str) -> dict[str, Cell]:
    """All columns but the key."""
    return {
        "run": run,
        "name": task.name,
        "mode": task.mode,
        "benchmark": task.benchmark,
        "version": task.version,
        "generation": json_cell(fields_of(task.generation)),
        "metrics": json_cell([[ref.name, dict(ref.options)] for ref in task.metrics]),
        "judges": judges_cell(task.judges),
        "samples": samples,
        "source": text_cell(source),
        "stopping": None if task.stopping is None else json_cell(fields_of(task.stopping)),
    }


def task_of(row: Row) -> Task:
    """A task with its settings and metrics."""
    settings = json_of(row["generation"])
    return Task(
        name=row["name"],
        mode=row["mode"],
        metrics=tuple(Ref(name, options) for name, options in json_of(row["metrics"])),
        generation=GenerationSettings(**{**settings, "stop": tuple(settings["stop"])}),
        benchmark=row["benchmark"],
        version=row["version"],
        stopping=None if row["stopping"] is None else _stopping_of(json_of(row["stopping"])),
        judges=judges_of(row["judges"]),
    )


def judges_cell(judges: Sequence[Ref]) -> str | bytes:
    """Judges with their options, as JSON."""
    return json_cell([[ref.name, dict(ref.options)] for ref in judges])


def judges_of(cell: str | bytes) -> tuple[Ref, ...]:
    """Judges with their options."""
    return tuple(Ref(name, options) for name, options in json_of(cell))


def _stopping_of(value: Mapping[str, Any]) -> Stopping:
    return Stopping(value["target"], value["total"], tuple(value["looks"]))
