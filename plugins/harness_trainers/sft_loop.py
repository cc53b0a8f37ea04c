"""The loop of supervised fine-tuning, on TRL's ``SFTTrainer``. Torch is imported here and in what this imports."""

from __future__ import annotations

import hashlib
import json
import math
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import datasets
import torch
import transformers
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

from harness import Checkpoint, Progress, Report, TrainJob, UsageError
from harness_trainers import rows
from harness_trainers.batches import LengthGrouped, completion_loss
from harness_trainers.watcher import Watcher, trained

if TYPE_CHECKING:
    from harness_trainers.sft import Lora

_REPORTS = 100
"""How many reports on the loss a long training gives, about."""
_FILES = ("adapter_model.safetensors", "adapter_config.json")


def run(options: Lora, job: TrainJob, report: Report) -> Checkpoint:
    """Train and write the adapter; what ``Lora.train`` promises."""
    started = time.monotonic()
    _be_quiet()
    trainer: Any = build(options, job)
    for message in _lint(trainer, options, job):
        report(Progress(0, 0, 0.0, message=message))
    watcher = Watcher(report, patience=options.early_stopping_patience, threshold=options.early_stopping_threshold)
    trainer.add_callback(watcher)
    outcome = trainer.train()
    watcher.restore_best(trainer.model)
    return Checkpoint(
        path=job.output,
        kind="adapter",
        step=watcher.best_step or outcome.global_step,
        sha256=_save(trainer.model, job.output),
        train_loss=float(outcome.training_loss),
        validation_loss=watcher.best_loss,
        seconds=time.monotonic() - started,
        facts={
            "trained_parameters": sum(weight.numel() for _, weight in trained(trainer.model)),
            "rows": len(trainer.train_dataset),
            "tokens_seen": int(trainer.state.num_input_tokens_seen),
            "steps": outcome.global_step,
            "stopped": watcher.stopped,
        },
    )


def build(options: Lora, job: TrainJob) -> LoraTrainer:
    """The trainer with its rows tokenised and its adapter on, before the first step."""
    trust = job.model.trust_remote_code
    model = AutoModelForCausalLM.from_pretrained(job.model.name, dtype=job.model.dtype, trust_remote_code=trust)
    _check_modules(options, model)
    train = rows.read(job.train)
    # validation has no order to keep, and rows of like length need little padding
    validation = sorted(rows.read(job.validation), key=lambda row: len(str(row))) if job.validation else None
    return LoraTrainer(
        model=model,
        args=_arguments(options, job, len(train)),
        train_dataset=datasets.Dataset.from_list(train),
        eval_dataset=datasets.Dataset.from_list(validation) if validation else None,
        processing_class=AutoTokenizer.from_pretrained(job.model.name, trust_remote_code=trust),
        peft_config=LoraConfig(
            r=options.r,
            lora_alpha=options.lora_alpha,
            lora_dropout=options.lora_dropout,
            target_modules=_modules(options),
            task_type="CAUSAL_LM",
        ),
    )


class LoraTrainer(SFTTrainer):
    """TRL's trainer with batches of rows of like length and, without a GPU, a lean loss."""

    def _get_train_sampler(self, train_dataset: Any = None) -> LengthGrouped:  # noqa: ANN401 - the library's
        data: Any = train_dataset or self.train_dataset
        return LengthGrouped([len(row) for row in data["input_ids"]], self.args.train_batch_size, self.args.seed)

    def compute_loss(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - the library's
        """The same loss; on a CPU TRL's own scores prompt and padding too, which is half of a step's time."""
        if not self.args.use_cpu:
            return super().compute_loss(model, inputs, *args, **kwargs)  # type: ignore[no-untyped-call]
        return completion_loss(model, inputs, kwargs.get("num_items_in_batch"))


def _arguments(options: Lora, job: TrainJob, count: int) -> SFTConfig:
    batches = math.ceil(count / options.per_device_train_batch_size)
    steps_per_epoch = math.ceil(batches / options.gradient_accumulation_steps)
    total = options.max_steps if options.max_steps > 0 else math.ceil(steps_per_epoch * options.num_train_epochs)
    on_cpu = job.model.device == "cpu" or not torch.cuda.is_available()
    return SFTConfig(
        output_dir=str(job.output),
        seed=job.seed,
        learning_rate=options.learning_rate,
        lr_scheduler_type=options.lr_scheduler_type,
        warmup_steps=math.ceil(options.warmup_ratio * total),
        weight_decay=options.weight_decay,
        num_train_epochs=options.num_train_epochs,
        max_steps=options.max_steps,
        per_device_train_batch_size=options.per_device_train_batch_size,
        per_device_eval_batch_size=options.per_device_train_batch_size,
        gradient_accumulation_steps=options.gradient_accumulation_steps,
        max_length=options.max_length,
        completion_only_loss=True,
        eval_strategy="steps" if job.validation else "no",
        eval_steps=math.ceil(steps_per_epoch / options.evals_per_epoch),
        prediction_loss_only=True,
        # the best adapter is kept in memory: it is small, and a folder of steps would only have to be removed
        save_strategy="no",
        logging_steps=max(1, total // _REPORTS),
        # a loss of nan must be seen, not averaged away
        logging_nan_inf_filter=False,
        include_num_input_tokens_seen="non_padding",
        # computing activations twice saves memory for time: worth it on a GPU, a third of the speed on a CPU
        gradient_checkpointing=not on_cpu,
        use_cpu=on_cpu,
        bf16=job.model.dtype == "bfloat16" and not on_cpu,
        fp16=job.model.dtype == "float16" and not on_cpu,
        dataloader_pin_memory=not on_cpu,
        report_to="none",
        disable_tqdm=True,
    )


def _lint(trainer: Any, options: Lora, job: TrainJob) -> list[str]:  # noqa: ANN401 - a LoraTrainer
    end, found = trainer.processing_class.eos_token_id, list[str]()
    for path, data in ((job.train, trainer.train_dataset), (job.validation, trainer.eval_dataset)):
        if path:
            given = len(path.read_text(encoding="utf-8").splitlines())
            found += rows.lint(path, given, list(data["labels"]), end, options.max_length)
    return found


def _modules(options: Lora) -> str | list[str]:
    return options.target_modules if isinstance(options.target_modules, str) else list(options.target_modules)


def _check_modules(options: Lora, model: torch.nn.Module) -> None:
    """PEFT is content when one of several names is found; a name that is nowhere is a mistake."""
    if isinstance(options.target_modules, str):
        return
    names = {name for name, module in model.named_modules() if isinstance(module, torch.nn.Linear)}
    known = sorted({name.rpartition(".")[2] for name in names} - {"lm_head"})
    for wanted in options.target_modules:
        if wanted not in known and not any(name.endswith(f".{wanted}") for name in names):
            raise UsageError(
                f"trainer 'lora': target_modules has {wanted!r}, which cannot be adapted in this model",
                remedy=f"it has {', '.join(known)}",
            )


def _save(model: Any, folder: Path) -> str:  # noqa: ANN401 - a PeftModel
    """Write the adapter; SHA-256 (hex) over its two files, weights first."""
    # the embeddings are never trained, and PEFT would ask the hub about them
    model.save_pretrained(str(folder), save_embedding_layers=False)
    weights, config = (folder / name for name in _FILES)
    facts = json.loads(config.read_text(encoding="utf-8"))
    if isinstance(facts["target_modules"], list):
        # PEFT keeps a set, whose order differs from process to process
        facts["target_modules"].sort()
    config.write_text(json.dumps(facts, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return hashlib.sha256(weights.read_bytes() + config.read_bytes()).hexdigest()


def _be_quiet() -> None:
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    transformers.logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    datasets.disable_progress_bars()
