"""What advice is asked about: a suite with its data, or a model and a few files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.data import formats
from harness.errors import UsageError
from harness.plan import Plan
from harness.rows import Row, Table
from harness.values import ModelRef, SuiteAdvice


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A model, what it could be trained on, and what the team says."""

    name: str
    """Of the suite, of the model, or of the question."""
    answers: SuiteAdvice
    model: ModelRef | None = None
    rows: tuple[Row, ...] = ()
    """Conversations to learn from, those of the last training first of all."""
    said_rows: int | None = None
    """How many there are, where nobody has shown them."""
    pairs: int = 0
    """Of a better and a worse answer."""
    corpus: tuple[Row, ...] = ()
    """Raw text."""
    seed: int = 0
    plan: Plan | None = None
    notes: tuple[str, ...] = ()

    @property
    def count(self) -> int | None:
        """Examples to train on."""
        return len(self.rows) if self.rows else self.said_rows


def of_plan(plan: Plan, answers: SuiteAdvice) -> Subject:
    """That of a suite: its training's rows, or those of ``data.train``, and whatever else its data hold."""
    tables = {table.name: table for table in plan.tables}
    others, notes = _read({name: path for name, path in plan.suite.data.items() if name not in tables})
    rows = [row for stage in plan.training.stages[-1:] for row in stage.train] if plan.training else []
    train = tables.get("train") or others.get("train")
    if not rows and train:
        rows = list(train.rows)
    held_out = {task.data for task in plan.tasks} | {"validation", "test"}
    return Subject(
        name=plan.suite.name,
        answers=answers,
        model=plan.suite.model,
        rows=tuple(row for row in rows if _is_example(row)),
        pairs=sum(_pairs(table) for name, table in {**tables, **others}.items() if name not in held_out),
        corpus=tuple(_corpus({**tables, **others}, held_out)),
        seed=plan.suite.seed,
        plan=plan,
        notes=notes,
    )


def of_files(model: ModelRef | None, files: Mapping[str, Path], rows: int | None, answers: SuiteAdvice) -> Subject:
    """That of a model, or of none yet, with files of rows; ``UsageError`` for a file that cannot be read."""
    for path in files.values():
        if not path.exists():
            raise UsageError("no such file of rows", path=path)
    tables = {name: formats.table(name, path) for name, path in files.items()}
    for table in tables.values():
        if table.unreadable:
            first = table.unreadable[0]
            raise UsageError(first.problem, path=table.path, line=first.line, remedy=first.remedy)
    return Subject(
        name=model.name if model else "your job",
        answers=answers,
        model=model,
        rows=tuple(row for table in tables.values() for row in table.rows if _is_example(row)),
        said_rows=rows,
        pairs=sum(map(_pairs, tables.values())),
        corpus=tuple(_corpus(tables, set())),
    )


def _read(files: Mapping[str, Path]) -> tuple[dict[str, Table], tuple[str, ...]]:
    """Data that no task or training of the suite uses; one that cannot be read is told, for nothing rests on it."""
    found, notes = {}, []
    for name, path in files.items():
        try:
            found[name] = formats.table(name, path)
        except UsageError as error:
            notes.append(f"data.{name} was not looked at: {error.problem}")
    return found, tuple(notes)


def _is_example(row: Row) -> bool:
    """Whether it holds one answer that is right."""
    return row.text is None and not row.choices and not row.rejected and row.form != "kto"


def _pairs(table: Table) -> int:
    return sum(bool(row.rejected) for row in table.rows)


def _corpus(tables: Mapping[str, Table], held_out: set[str]) -> Iterator[Row]:
    for name, table in tables.items():
        if name not in held_out:
            yield from (row for row in table.rows if row.text is not None)
