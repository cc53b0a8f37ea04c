"""HellaSwag: the most sensible of four continuations of a short scene, as lm-eval asks for it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from harness import (
    BenchmarkContext,
    BenchmarkItems,
    GenerationSettings,
    Mode,
    NotMeasured,
    UsageError,
    with_unique_ids,
)
from harness_forgetting import lm_eval_bridge as bridge
from harness_forgetting import pack
from harness_forgetting.spread import check_limit

COLUMNS = {
    "activity_label": pack.text,
    "ctx_a": pack.text,
    "ctx_b": pack.text,
    "endings": pack.four_texts,
    "label": pack.label_of_four,
}


@dataclass(frozen=True)
class HellaSwag:
    """Share of scenes that the model continues as it should; the activity is the stratum."""

    name: ClassVar[str] = "hellaswag"
    mode: ClassVar[Mode] = "choose"
    metrics: ClassVar[tuple[str, ...]] = ("acc_norm", "acc")
    requires_packages: ClassVar[tuple[str, ...]] = ("lm-eval", "datasets")

    num_fewshot: int = 0
    """Worked examples before each scene, drawn from the training split as lm-eval draws them."""
    limit: int | None = None
    """Scenes in all, the first of the validation split: lm-eval's ``--limit``."""
    pack: str | None = None
    """An offline pack; goes before ``HARNESS_BENCHMARK_PACK``."""

    def __post_init__(self) -> None:
        check_limit(self.limit)
        if self.num_fewshot < 0:
            raise ValueError(f"num_fewshot is {self.num_fewshot}; write 0 or more")

    def settings(self) -> GenerationSettings:
        """Only the batch size counts: nothing is generated."""
        return GenerationSettings()

    @property
    def _overrides(self) -> dict[str, object]:
        # Zero-shot never looks at the training split, and preparing its 40,000 rows takes long.
        return {} if self.num_fewshot else {"training_split": None}

    def check(self, context: BenchmarkContext) -> None:
        """Raise ``UsageError`` if a pack is named and cannot be read; cheap, imports nothing of lm-eval."""
        folder = pack.chosen(self.pack, context.pack)
        if folder is not None:
            self._rows(folder)

    def load(self, context: BenchmarkContext) -> BenchmarkItems:
        """The scenes, from the pack or else from the hub."""
        folder = pack.chosen(self.pack, context.pack)
        if folder is not None:
            return self._from_pack(folder)
        try:
            source = bridge.Source("hellaswag", {"hellaswag": None})
            tasks = bridge.load_from_hub(source, num_fewshot=self.num_fewshot, **self._overrides)
        except NotMeasured as why:
            remedy = "set HARNESS_BENCHMARK_PACK or 'pack' to an offline pack, or let the hub be reached"
            raise NotMeasured(f"{why} and no pack is named; {remedy}") from why
        return self._items(tasks["hellaswag"], "hub Rowan/hellaswag")

    def _from_pack(self, folder: Path) -> BenchmarkItems:
        source = bridge.Source("hellaswag", {"hellaswag": self._rows(folder)})
        tasks = bridge.load_tasks(source, num_fewshot=self.num_fewshot, **self._overrides)
        return self._items(tasks["hellaswag"], f"pack {folder}")

    def _rows(self, folder: Path) -> bridge.Splits:
        held = pack.dataset_folder(folder, "hellaswag")
        splits = {"validation": pack.read(held / "validation.jsonl", COLUMNS)}
        return {**splits, "train": self._examples(held / "train.jsonl")} if self.num_fewshot else splits

    def _examples(self, path: Path) -> list[bridge.Row]:
        if not path.is_file():
            problem = f"num_fewshot {self.num_fewshot} takes its examples from this file, which the pack lacks"
            raise UsageError(problem, path=path, remedy="write 'num_fewshot: 0'")
        rows = pack.read(path, COLUMNS)
        if len(rows) <= self.num_fewshot:  # lm-eval draws one more, in case the scene that is asked is among them
            problem = f"{len(rows)} rows are too few for num_fewshot {self.num_fewshot}"
            raise UsageError(problem, path=path, remedy=f"write 'num_fewshot: {len(rows) - 1}'")
        return rows

    def _items(self, task: bridge.LmEvalTask, source: str) -> BenchmarkItems:
        asked = bridge.samples(task, limit=self.limit, stratum="activity_label")
        version = f"lm-eval {bridge.installed_version()}, hellaswag {task.VERSION}, {self.num_fewshot}-shot"
        return BenchmarkItems(with_unique_ids(asked), source, version)
