"""One of the processes of ``test_sharded_training``: trains several jobs, sharded by FSDP on the CPU.

accelerate itself shards on GPUs only; all that stands in the way is what it takes the processes to be. Told that they
are FSDP's, it does for gloo what it does for NCCL, and so does torch. Run by ``accelerate launch`` with a folder that
holds ``jobs.json``.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from accelerate import state
from accelerate.utils import DistributedType

from harness import Progress
from harness.catalog import Catalog
from harness.execution import wire
from harness.host import Host
from harness_trainers import spread
from harness_trainers.supervised import SupervisedTrainer

plain = state.AcceleratorState.__init__


class Cut(Exception):  # noqa: N818
    """As a kill would be, but of both processes at once."""


def as_on_gpus(self: Any, *args: Any, fsdp_plugin: Any = None, **options: Any) -> None:  # noqa: ANN401 - accelerate's
    plain(self, *args, fsdp_plugin=fsdp_plugin, **options)
    if fsdp_plugin is not None and self.distributed_type == DistributedType.MULTI_CPU:
        self.distributed_type, self.fsdp_plugin, self.device = DistributedType.FSDP, fsdp_plugin, torch.device("cpu")


@contextmanager
def cut_after(step: int | None) -> Iterator[None]:
    save = SupervisedTrainer._save_checkpoint

    def save_and_die(self: Any, *args: Any) -> None:  # noqa: ANN401 - the library's
        save(self, *args)
        if self.state.global_step == step:
            self.accelerator.wait_for_everyone()  # the first declares the state whole
            raise Cut

    SupervisedTrainer._save_checkpoint = save_and_die  # type: ignore[method-assign]
    try:
        yield
    finally:
        SupervisedTrainer._save_checkpoint = save  # type: ignore[method-assign]


def main(folder: Path) -> None:
    state.AcceleratorState.__init__ = as_on_gpus  # type: ignore[method-assign]
    spread.check = lambda *args, **options: None
    catalog = Catalog.build(Host.load())
    for name, text, cut in json.loads((folder / "jobs.json").read_text()):
        job, told = wire.read_job(text), list[Progress]()
        found = None
        try:
            with cut_after(cut):
                found = wire.checkpoint_line(catalog.trainer(job.trainer).train(job, told.append))
        except Cut:
            pass
        if os.environ["RANK"] == "0":
            answer = {"told": [asdict(each) for each in told], "checkpoint": found}
            (folder / f"{name}.json").write_text(json.dumps(answer))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
