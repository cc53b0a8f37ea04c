"""A LoRA training as everyone would write it: TRL's ``SFTTrainer`` with its defaults."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from sides.trained import Trained, Work, outcome, watched


def run(work: Work) -> Trained:
    """Load, train for ``work.options``, save the adapter.

    What is set is what both sides must have alike: rows, rank, targets, batch size, learning rate, rounds and seed.
    Batches in random order unless ``work.order`` says otherwise, padding, gradient checkpointing, the loss and, unless
    ``work.precision`` says float32, bfloat16 autocast are TRL's defaults.
    """
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl.trainer.sft_config import SFTConfig
    from trl.trainer.sft_trainer import SFTTrainer

    from harness_trainers.batches import LengthGrouped

    class InTheSameBatches(SFTTrainer):
        """With the harness's batches of an epoch, one after the other as there."""

        def _get_train_sampler(self, train_dataset: Any = None) -> LengthGrouped:  # noqa: ANN401 - the library's
            data: Any = train_dataset or self.train_dataset
            return LengthGrouped([len(row) for row in data["input_ids"]], self.args.train_batch_size, self.args.seed)

    options = work.options
    make = InTheSameBatches if work.order == "harness" else SFTTrainer
    precision: dict[str, Any] = {"bf16": False} if work.precision == "float32" else {}
    with watched() as clock:
        started = time.perf_counter()
        trainer = make(
            model=AutoModelForCausalLM.from_pretrained(work.model, dtype=getattr(torch, work.dtype)),
            args=SFTConfig(
                output_dir=work.output,
                seed=work.seed,
                learning_rate=options["learning_rate"],
                num_train_epochs=options["num_train_epochs"],
                max_steps=options.get("max_steps", -1),
                per_device_train_batch_size=options["per_device_train_batch_size"],
                use_cpu=work.device == "cpu",
                report_to="none",
                disable_tqdm=True,
                **precision,
            ),
            train_dataset=Dataset.from_list(rows(Path(work.train))),
            processing_class=AutoTokenizer.from_pretrained(work.model),
            peft_config=LoraConfig(
                r=options["r"],
                lora_alpha=options["lora_alpha"],
                lora_dropout=0.0,
                target_modules="all-linear",
                task_type="CAUSAL_LM",
            ),
        )
        trainer.train()
        trainer.save_model(work.output)
        whole = time.perf_counter() - started
    return outcome(clock, whole, work)


def rows(path: Path) -> list[dict[str, Any]]:
    """Prompt and completion of each row, so that TRL scores the answers only."""
    with path.open(encoding="utf-8") as lines:
        found = [json.loads(line)["messages"] for line in lines]
    return [{"prompt": messages[:-1], "completion": messages[-1:]} for messages in found]
