"""lm-eval's own task definitions, asked for the very requests that lm-eval would send to a model.

A score is lm-eval's score by construction: the description, the few-shot head, the delimiter, the choices and the gold
index all come from the installed lm-eval; only the rows may be ours. Written against lm-eval 0.4.13.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import importlib.util
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from harness import NotMeasured, Sample, UsageError, hub_answers, sample_id

Row = Mapping[str, object]
Splits = Mapping[str, Sequence[Row]]

FEWSHOT_SEED = 1234
"""What lm-eval seeds its few-shot sampler with unless told otherwise."""


class LmEvalTask(Protocol):
    """What is used of an lm-eval task."""

    VERSION: float | str
    config: Any
    eval_docs: Sequence[Row]

    def set_fewshot_seed(self, seed: int | None = None) -> None:
        """Make the choice of few-shot examples repeatable."""

    def doc_iterator(self, *, limit: int | None = None) -> Iterator[tuple[int, Row]]:
        """The first ``limit`` rows, or all."""

    def doc_to_prefix(self, doc: Row) -> str | None:
        """What the answer starts with."""

    def doc_to_target(self, doc: Row) -> int | str:
        """The gold index, or the gold choice."""

    def doc_to_choice(self, doc: Row) -> list[str]:
        """The choices as written, no delimiter before them."""

    def fewshot_context(self, doc: Row, *, num_fewshot: int, gen_prefix: str | None) -> str:
        """Description, examples and question."""

    def construct_requests(self, doc: Row, ctx: str, **kwargs: object) -> list[Any]:
        """One request a choice; its ``args`` are context and continuation."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where the folder of an lm-eval task lies, and the rows to give it."""

    folder: str
    """Below lm-eval's ``tasks``."""
    splits: Mapping[str, Splits | None]
    """Task name -> its rows by split; ``None`` leaves the loading to lm-eval, which asks the hub."""


def installed_version() -> str:
    """The version of lm-eval that defines the tasks."""
    return importlib.metadata.version("lm-eval")


def tasks_folder() -> Path:
    """Where the installed lm-eval keeps its task definitions; nothing of it is imported."""
    spec = importlib.util.find_spec("lm_eval")
    if spec is None or not spec.submodule_search_locations:
        raise UsageError("lm-eval is not installed", remedy="pip install lm-eval")
    return Path(spec.submodule_search_locations[0]) / "tasks"


def load_tasks(source: Source, *, num_fewshot: int, **overrides: object) -> dict[str, LmEvalTask]:
    """The tasks by name, ready to be asked; ``overrides`` replace keys of their definitions."""
    from lm_eval.tasks import TaskManager

    members = [
        {"task": name, "num_fewshot": num_fewshot, **overrides, **({} if rows is None else _given(rows))}
        for name, rows in source.splits.items()
    ]
    with _quiet():
        # Only the folder that is needed: to index all of lm-eval's definitions takes a quarter of a minute.
        manager = TaskManager(include_path=str(tasks_folder() / source.folder), include_defaults=False)
        tasks: dict[str, LmEvalTask] = manager.load({"group": "harness", "task": members})["tasks"]
    for task in tasks.values():
        task.set_fewshot_seed(FEWSHOT_SEED)
    return {name: tasks[name] for name in source.splits}


def load_from_hub(source: Source, *, num_fewshot: int, **overrides: object) -> dict[str, LmEvalTask]:
    """The tasks with the hub's rows, in offline mode its local cache's; ``NotMeasured`` says why there are none."""
    if not hub_answers() and not _told_to_stay_offline():
        raise NotMeasured("the Hugging Face hub does not answer")
    try:
        return load_tasks(source, num_fewshot=num_fewshot, **overrides)
    except Exception as error:  # of the hub's client, of its transport or of the data set's reader: no common base
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise NotMeasured(f"the Hugging Face hub gave no items ({reason})") from error


def samples(task: LmEvalTask, *, limit: int | None, stratum: str) -> list[Sample]:
    """The first ``limit`` items of a task as samples; ``stratum`` is the column that names the part they belong to."""
    shots: int = task.config.num_fewshot
    asked = []
    with _quiet(), _templates_compiled_once():
        for index, doc in task.doc_iterator(limit=limit):
            context = task.fewshot_context(doc, num_fewshot=shots, gen_prefix=task.doc_to_prefix(doc))
            requests = task.construct_requests(doc, context, metadata=(task.config.task, index, 1))
            asked.append(_sample(task, doc, context, [request.args for request in requests], stratum))
    return asked


def _sample(task: LmEvalTask, doc: Row, context: str, pairs: list[tuple[str, str]], stratum: str) -> Sample:
    assert all(each == context for each, _ in pairs), "a task whose choices stand in the context is another kind"
    choices = tuple(continuation for _, continuation in pairs)
    gold = task.doc_to_target(doc)
    answer = gold if isinstance(gold, int) else task.doc_to_choice(doc).index(gold)
    targets = (choices[answer],)
    part = doc.get(stratum)
    identity = sample_id(context, targets, choices)
    return Sample(identity, context, targets, choices, answer, None if part is None else str(part))


def _given(rows: Splits) -> dict[str, object]:
    """The part of a task's definition that hands it these rows instead of a download."""
    import datasets

    def dataset(**_: object) -> Mapping[str, object]:
        return {split: datasets.Dataset.from_list(list(map(dict, each))) for split, each in rows.items()}

    return {"custom_dataset": dataset}


def _told_to_stay_offline() -> bool:
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


@contextlib.contextmanager
def _templates_compiled_once() -> Iterator[None]:
    """Keep lm-eval from compiling the same template anew for every row, which takes a minute for MMLU's questions.

    A compiled template holds no state, so that what it renders is the same.
    """
    from lm_eval.utils import env

    env.from_string = functools.cache(env.from_string)
    try:
        yield
    finally:
        del env.from_string  # the method of its class shows again


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep lm-eval's notes on each task and the progress bars of 57 small tables off the screen."""
    import datasets

    logger = logging.getLogger("lm_eval")
    level, bars = logger.level, not datasets.are_progress_bars_disabled()
    logger.setLevel(logging.ERROR)
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        logger.setLevel(level)
        if bars:
            datasets.enable_progress_bars()
