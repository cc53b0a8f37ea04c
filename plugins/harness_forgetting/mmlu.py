"""MMLU: multiple-choice questions of 57 school and professional subjects, as lm-eval asks them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import ClassVar

from harness import (
    BenchmarkContext,
    BenchmarkItems,
    GenerationSettings,
    Mode,
    NotMeasured,
    UsageError,
    did_you_mean,
    with_unique_ids,
)
from harness_forgetting import lm_eval_bridge as bridge
from harness_forgetting import pack, stand_in
from harness_forgetting.spread import check_limit, shares

COLUMNS = {
    "question": pack.text,
    "subject": pack.text,
    "choices": pack.four_texts,
    "answer": pack.index_of_four,
}
_FOLDER = "mmlu/default"
_EXAMPLES = "mmlu/flan_cot_fewshot"
_EXAMPLES_A_SUBJECT = 5
_REMEDY = "set HARNESS_BENCHMARK_PACK or 'pack' to an offline pack, or let the Hugging Face hub be reached"


@dataclass(frozen=True)
class Mmlu:
    """Share of right answers to the questions of MMLU, 5-shot unless told otherwise; each subject is a stratum."""

    name: ClassVar[str] = "mmlu"
    mode: ClassVar[Mode] = "choose"
    metrics: ClassVar[tuple[str, ...]] = ("acc",)
    requires_packages: ClassVar[tuple[str, ...]] = ("lm-eval", "datasets")

    num_fewshot: int = 5
    """Worked examples before each question, the first of its subject's development questions."""
    limit: int | None = None
    """Questions in all, dealt out evenly over the subjects; 57 k is lm-eval's ``--limit k``."""
    pack: str | None = None
    """An offline pack; goes before ``HARNESS_BENCHMARK_PACK``."""

    def __post_init__(self) -> None:
        check_limit(self.limit)
        if self.num_fewshot < 0:
            raise ValueError(f"num_fewshot is {self.num_fewshot}; write 0 or more")

    def settings(self) -> GenerationSettings:
        """Only the batch size counts: nothing is generated."""
        return GenerationSettings()

    def check(self, context: BenchmarkContext) -> None:
        """Raise ``UsageError`` if a pack is named and cannot be read; cheap, imports nothing of lm-eval."""
        folder = pack.chosen(self.pack, context.pack)
        if folder is not None:
            self._rows(folder)

    def load(self, context: BenchmarkContext) -> BenchmarkItems:
        """The questions, from the first of these that has them: the pack, the hub, lm-eval's own wheel."""
        folder = pack.chosen(self.pack, context.pack)
        if folder is not None:
            return self._from_pack(folder)
        try:
            return self._from_hub()
        except NotMeasured as why:
            return self._from_wheel(str(why))

    def _from_pack(self, folder: Path) -> BenchmarkItems:
        splits = self._rows(folder)
        tasks = bridge.load_tasks(bridge.Source(_FOLDER, splits), num_fewshot=self.num_fewshot)
        held, all_of_them = len(splits), len(_subjects())
        partial = f"the pack holds {held} of MMLU's {all_of_them} subjects: the claim is about these alone"
        return self._items(tasks, f"pack {folder}", (partial,) if held < all_of_them else ())

    def _rows(self, folder: Path) -> dict[str, bridge.Splits]:
        held = _held_subjects(pack.dataset_folder(folder, "mmlu"), _subjects())
        return {f"mmlu_{subject}": self._splits(folder / "mmlu" / subject) for subject in held}

    def _splits(self, folder: Path) -> bridge.Splits:
        test = pack.read(folder / "test.jsonl", COLUMNS)
        if self.num_fewshot == 0:
            return {"test": test, "dev": []}
        dev = pack.read(folder / "dev.jsonl", COLUMNS)
        if len(dev) < self.num_fewshot:
            problem = f"{len(dev)} rows are too few for num_fewshot {self.num_fewshot}"
            raise UsageError(problem, path=folder / "dev.jsonl", remedy=f"write 'num_fewshot: {len(dev)}'")
        return {"test": test, "dev": dev}

    def _from_hub(self) -> BenchmarkItems:
        if self.num_fewshot > _EXAMPLES_A_SUBJECT:
            remedy = f"each subject of MMLU has {_EXAMPLES_A_SUBJECT} worked examples"
            raise UsageError(f"mmlu: num_fewshot is {self.num_fewshot}", remedy=remedy)
        source = bridge.Source(_FOLDER, {f"mmlu_{subject}": None for subject in _subjects()})
        tasks = bridge.load_from_hub(source, num_fewshot=self.num_fewshot)
        return self._items(tasks, "hub cais/mmlu", ())

    def _from_wheel(self, why: str) -> BenchmarkItems:
        rows = stand_in.development_rows(bridge.tasks_folder() / _EXAMPLES)
        if not rows:
            raise NotMeasured(f"{why}, no pack is named, and lm-eval holds no development questions; {_REMEDY}")
        splits = {f"mmlu_{subject}": {"test": each, "dev": []} for subject, each in rows.items()}
        tasks = bridge.load_tasks(bridge.Source(_FOLDER, splits), num_fewshot=0)
        count = sum(map(len, rows.values()))
        note = (
            f"a stand-in, not MMLU: {why} and no pack is named, so these are the {count} development questions that "
            f"lm-eval itself holds, zero-shot; for the real benchmark {_REMEDY}"
        )
        source = f"lm-eval {bridge.installed_version()}, development questions"
        return self._items(tasks, source, (note,), stand_in=True)

    def _items(
        self, tasks: dict[str, bridge.LmEvalTask], source: str, notes: tuple[str, ...], *, stand_in: bool = False
    ) -> BenchmarkItems:
        parts = zip(tasks.values(), shares([len(task.eval_docs) for task in tasks.values()], self.limit), strict=True)
        asked = [bridge.samples(task, limit=share, stratum="subject") for task, share in parts if share]
        definition = next(iter(tasks.values()))
        kind = "development questions" if stand_in else "mmlu"
        shots = definition.config.num_fewshot
        version = f"lm-eval {bridge.installed_version()}, {kind} {definition.VERSION}, {shots}-shot"
        return BenchmarkItems(with_unique_ids(chain.from_iterable(asked)), source, version, notes)


def _subjects() -> list[str]:
    """Every subject that lm-eval defines, sorted."""
    names = (path.stem.removeprefix("mmlu_") for path in (bridge.tasks_folder() / _FOLDER).glob("mmlu_*.yaml"))
    return sorted(names)


def _held_subjects(folder: Path, subjects: list[str]) -> list[str]:
    held = sorted(each.name for each in folder.iterdir() if each.is_dir())
    for name in held:
        if name not in subjects:
            raise UsageError(f"{name!r} is no subject of MMLU", path=folder, remedy=did_you_mean(name, subjects))
    if not held:
        raise UsageError("no subject in this folder", path=folder, remedy="a pack holds mmlu/<subject>/test.jsonl")
    return held
