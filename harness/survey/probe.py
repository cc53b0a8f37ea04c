"""Twenty real steps of the training that the suite asks for, in its own process, and what they say of the whole."""

from __future__ import annotations

import contextlib
import math
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path

from harness.advice.time.duration import Probed
from harness.advice.training.hyperparameters import Lengths
from harness.catalog import Planned
from harness.errors import TrainingFailed, UsageError
from harness.execution.stages import job_of
from harness.execution.train import train
from harness.experiment import Setting
from harness.plan import Plan, PlannedStage
from harness.protocols import Backend, Observer
from harness.rows import Row
from harness.survey import steady
from harness.survey.schedule import characters, epochs_of, option, rows_a_step, rows_of, schedule, steps_an_epoch
from harness.survey.steady import Pace, Seen
from harness.values import Launch, Progress, Ref, TrainJob

STEPS = 20
PATIENCE = 180.0
"""Seconds from the first step on after which a slow probe is ended."""
LEAST = 6
"""Steps that are waited for even so: the loss has been measured once by then."""
_MEASURES_EVERY = 5
"""Steps from one measurement of the validation loss to the next, at most."""
_MEASURED = 2
"""The rows of so many steps are measured on; the time for all validation rows is reckoned from them."""
_MOST_ROWS = 20_000
"""Rows that the trainer is given: to read more would take longer than the steps."""
_FORWARD = 0.5
"""What measuring a row takes of learning from it, where no measurement was seen. Our choice: two of about four passes'
worth of operations with an adapter, two of six where all weights are trained."""
_NEVER = 1_000_000


class _EnoughSeen(Exception):  # noqa: N818
    """Ends a probe that takes long; caught in this module."""


@dataclass(frozen=True, slots=True)
class _Short:
    """The training as the probe does it."""

    stage: PlannedStage
    steps: int
    saves_every: int
    """Steps."""


def probe(plan: Plan, setting: Setting, trainer: Ref, *, steps: int = STEPS, lengths: Lengths | None = None) -> Probed:
    """Train ``steps`` steps with ``trainer`` on the suite's rows and throw the result away; nothing is recorded.

    It is the suite's last training with its real trainer, process, rows and order of rows, so that its first batches
    are those of the training itself. ``lengths`` of the rows tell how long a step is in the mean; without them it is
    taken to be as long as those that were seen. After ``PATIENCE`` seconds it is ended, though not before ``LEAST``
    steps; a training that has fewer steps than ``steps`` is done whole.

    Raises ``UsageError`` for a trainer that cannot be told to stop (it has no ``max_steps``), ``TrainingFailed`` and
    ``OutOfMemory`` as a training does.
    """
    planned = setting.catalog.make("trainer", trainer)
    short = _shortened(plan, planned, steps)
    backend: Backend = plan.backend.instance
    model = replace(plan.suite.model, name=str(backend.folder(plan.suite.model).absolute()))
    with _folder(setting.results) as folder:
        setting.observer.stage(f"{short.steps} steps of {trainer.name}, to see how long it takes")
        job = job_of(short.stage, folder, experiment="probe", model=model, seed=plan.suite.seed)
        launch = plan.training.settings.launch if plan.training else None
        seen, ended = _watched(job, launch, setting.observer)
    tokens = _tokens_a_step(plan, planned, lengths) if lengths else None
    pace = steady.pace(seen, ended, tokens=tokens, saves_every=short.saves_every)
    if pace is None:
        problem = f"trainer {trainer.name!r} reports its loss less than twice in {short.steps} steps"
        raise UsageError(f"{problem}, which tells no time", remedy="leave the probe out")
    return _probed(plan, planned, short, pace, is_whole=ended is not None)


def _shortened(plan: Plan, planned: Planned, steps: int) -> _Short:
    """The training with few steps, and a part of the validation rows often enough to see one measurement."""
    train_rows, validation = rows_of(plan)
    if not train_rows:
        remedy = "add 'train: FILE' under 'data:'"
        raise UsageError("the suite has no rows to train on", path=plan.suite.path, remedy=remedy)
    at_once = rows_a_step(plan, planned.instance)
    given = _evenly(train_rows, _MOST_ROWS)
    measured = _evenly(sorted(validation, key=_length), _MEASURED * at_once)
    an_epoch = steps_an_epoch(len(given), at_once)
    measurements = math.ceil(an_epoch / _MEASURES_EVERY)
    # two are timed at least: a single one is all beginning
    steps = max(2, min(steps, _steps_of_all(planned, len(train_rows), at_once)))
    shortened = replace(planned, ref=_with(planned, max_steps=steps, evals_per_epoch=measurements))
    return _Short(PlannedStage(shortened, given, measured), steps, math.ceil(an_epoch / measurements))


def _with(planned: Planned, **options: int) -> Ref:
    """The trainer with those of the options that it has, and without an early end."""
    known = {each.name for each in fields(planned.instance)} if is_dataclass(planned.instance) else set()
    if "max_steps" not in known:
        problem = f"trainer {planned.ref.name!r} has no option max_steps, so it cannot be tried for a few steps"
        raise UsageError(problem, remedy="leave the probe out")
    changed = {name: value for name, value in {**options, "early_stopping_patience": _NEVER}.items() if name in known}
    return replace(planned.ref, options={**planned.ref.options, **changed})


def _steps_of_all(planned: Planned, rows: int, at_once: int) -> int:
    """Of the whole training; packs are fewer than rows, which only matters where these are few."""
    said = int(option(planned.instance, "max_steps", -1))
    return said if said > 0 else math.ceil(epochs_of(planned.instance, rows) * steps_an_epoch(rows, at_once))


def _evenly(rows: Sequence[Row], most: int) -> tuple[Row, ...]:
    """At most so many of them in their order, from the middles of parts of one size."""
    if len(rows) <= most:
        return tuple(rows)
    return tuple(rows[(2 * place + 1) * len(rows) // (2 * most)] for place in range(most))


def _length(row: Row) -> int:
    return characters([row])


@contextlib.contextmanager
def _folder(results: Path) -> Iterator[Path]:
    """A folder beside the recorded trainings, on the disk that they are written to; gone afterwards."""
    was_there = results.is_dir()
    try:
        results.mkdir(parents=True, exist_ok=True)
        made = tempfile.TemporaryDirectory(prefix=".probe-", dir=results.absolute(), ignore_cleanup_errors=True)
    except OSError as error:
        remedy = "name another folder with --output"
        raise UsageError(f"cannot write: {error.strerror}", path=results, remedy=remedy) from None
    try:
        with made as folder:
            yield Path(folder)
    finally:
        if not was_there:
            with contextlib.suppress(OSError):  # somebody else has put something there
                results.rmdir()


def _watched(job: TrainJob, launch: Launch | None, observer: Observer) -> tuple[list[Seen], float | None]:
    """The reports, and the seconds until the process ended; ``None`` where it was ended as enough was seen."""
    seen: list[Seen] = []
    began = time.monotonic()

    def progressed(progress: Progress) -> None:
        seen.append(Seen(time.monotonic() - began, progress))
        observer.training_progressed(progress)
        if progress.loss is not None and progress.step >= LEAST and _took_long(seen):
            raise _EnoughSeen

    log = job.output.parent / "training.log"
    try:
        train(job, on_progress=progressed, log=log, launch=launch)
    except _EnoughSeen:
        observer.note(f"ended after {seen[-1].progress.step} steps: they take long, and tell enough")
        return seen, None
    except TrainingFailed as error:
        # the log is gone with the folder
        raise type(error)(str(error).removesuffix(f"; see {log}")) from None
    return seen, time.monotonic() - began


def _took_long(seen: Sequence[Seen]) -> bool:
    return seen[-1].at - next(each.at for each in seen if each.progress.step) > PATIENCE


def _tokens_a_step(plan: Plan, planned: Planned, lengths: Lengths) -> float:
    """Of a step that has all its rows, in the mean over the whole training."""
    whole = schedule(plan, planned.instance, lengths)
    return whole.tokens * whole.rows_a_step / whole.rows


def _probed(plan: Plan, planned: Planned, short: _Short, pace: Pace, *, is_whole: bool) -> Probed:
    train_rows, validation = rows_of(plan)
    said = [f"{pace.steps} step{'s' if pace.steps != 1 else ''} on this machine"]
    said += [] if is_whole else ["ended then because they take long"]
    if plan.training and len(plan.training.stages) > 1:
        said.append(f"of the last of {len(plan.training.stages)} trainings")
    if validation and pace.measuring is not None:
        measuring = pace.measuring * characters(validation) / max(1, characters(short.stage.validation))
    else:
        share = characters(validation) / max(1, characters(train_rows))
        an_epoch = steps_an_epoch(len(train_rows), rows_a_step(plan, planned.instance))
        measuring = _FORWARD * share * an_epoch * pace.step
        said += ["validation reckoned from the steps"] if validation else []
    return Probed(
        steps=pace.steps,
        starting=pace.starting,
        step_seconds=pace.step,
        # the state is saved whenever the loss is measured
        validation_seconds=measuring + pace.saving,
        ending=pace.ending,
        spread=pace.error,
        tokens_per_second=pace.tokens / pace.step if pace.tokens else 0.0,
        peak_memory=pace.memory,
        basis=", ".join(said),
    )
