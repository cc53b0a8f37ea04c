"""The loop of supervised fine-tuning, on TRL's ``SFTTrainer``. Torch is imported here and in what this imports."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import datasets
import transformers
from transformers import TrainerState
from trl.trainer.sft_config import SFTConfig

from harness import Checkpoint, Kept, Progress, Report, TrainJob, UsageError
from harness_trainers import saved, spread
from harness_trainers.estimate import check_fits
from harness_trainers.footprint import checkpoints, device_of
from harness_trainers.lint import Examples, examples, is_split
from harness_trainers.opening import on_cpu, open_model, precision, widen
from harness_trainers.options import Common
from harness_trainers.supervised import SupervisedTrainer
from harness_trainers.tokens import Tokens
from harness_trainers.watcher import Watcher, mean_loss, measured


def run(options: Common, job: TrainJob, report: Report) -> Checkpoint:
    """Train and write the checkpoint; what ``Common.train`` promises.

    Of several processes that train together, each calls this; the first one alone reports and writes.
    """
    started = time.monotonic()
    _be_quiet()
    report = report if int(os.environ.get("RANK", "0")) == 0 else _to_nobody
    spread.check(options, is_on_cpu=on_cpu(job.model))
    resumed, method = saved.last(_states(job)), spread.described(options.name)
    if resumed and resumed.method != method:
        raise UsageError(
            f"{_states(job)} holds a training of {resumed.method} that was cut off, and this is one of {method}",
            remedy="remove that folder to begin anew",
        )
    if resumed:
        total, epoch = resumed.state["max_steps"], resumed.state["epoch"]
        report(Progress(resumed.step, total, epoch, message=f"going on from step {resumed.step}"))
    data = examples(options, job)
    for message in data.warnings:
        report(Progress(0, 0, 0.0, message=message))
    check_fits(_filled(options, data), job, report, longest=data.longest)
    trainer: Any = build(options, job, data)
    trainer.add_callback(
        Watcher(
            report,
            keep=trainer.kept_steps,
            patience=options.early_stopping_patience,
            threshold=options.early_stopping_threshold,
        )
    )
    if not (resumed and resumed.is_finished):
        trainer.train(resume_from_checkpoint=str(resumed.folder) if resumed else None)
    trainer.accelerator.wait_for_everyone()
    return _result(trainer, options, job, time.monotonic() - started)


def build(options: Common, job: TrainJob, data: Examples | None = None) -> SupervisedTrainer:
    """The trainer with its rows tokenised and its adapter on, before the first step."""
    data = data or examples(options, job)
    model = open_model(options, job.model)
    # validation has no order to keep, and rows of like length need little padding
    validation = sorted(data.validation, key=len)
    trainer = SupervisedTrainer(
        model=model,
        args=_arguments(options, job, keeps_cache=getattr(model.config, "use_cache", False)),
        train_dataset=_dataset(data.train),
        eval_dataset=_dataset(validation) if validation else None,
        processing_class=data.reader.tokenizer,
        peft_config=options.adapter(model),
    )
    widen(options, trainer.model)
    trainer.plan(options, job)
    return trainer


def _result(trainer: Any, options: Common, job: TrainJob, seconds: float) -> Checkpoint:  # noqa: ANN401
    """The best state as a checkpoint, or the last; then no state is needed any more."""
    ended = saved.last(_states(job))
    assert ended is not None
    state = TrainerState.load_from_json(str(ended.folder / "trainer_state.json"))
    step = state.best_global_step or state.global_step
    losses = {each["step"]: each["eval_loss"] for each in measured(state.log_history)}
    if trainer.is_world_process_zero():
        saved.publish(saved.folder_of(_states(job), step), job.output, options.writes)
    trainer.accelerator.wait_for_everyone()
    kept = sorted({*trainer.kept_steps, *([state.global_step] if trainer.keeps_the_end else [])})
    found = Checkpoint(
        path=job.output,
        kind=options.writes,
        step=step,
        sha256=saved.sha256(job.output, options.writes),
        train_loss=mean_loss(state.log_history),
        validation_loss=losses.get(step),
        seconds=seconds,
        facts={
            "trained_parameters": trainer.trained_parameters,
            "rows": len(trainer.train_dataset),
            "tokens_seen": int(state.num_input_tokens_seen),
            "steps": state.global_step,
            "stopped": "all steps done"
            if state.global_step >= state.max_steps
            else f"early: {options.early_stopping_patience} measurements without a better validation loss",
        },
        kept=tuple(
            Kept(each, saved.folder_of(job.output, each), losses.get(each))
            for each in kept
            if each <= state.global_step
        ),
    )
    trainer.accelerator.wait_for_everyone()
    if trainer.is_world_process_zero():
        saved.remove(_states(job))
    return found


def _arguments(options: Common, job: TrainJob, *, keeps_cache: bool) -> SFTConfig:
    cpu = on_cpu(job.model)
    chosen = precision(options, job.model)
    return SFTConfig(
        output_dir=str(_states(job)),
        seed=job.seed,
        learning_rate=options.learning_rate,
        lr_scheduler_type=options.lr_scheduler_type,
        weight_decay=options.weight_decay,
        max_grad_norm=options.max_grad_norm,
        num_train_epochs=options.num_train_epochs,
        max_steps=options.max_steps,
        per_device_train_batch_size=options.per_device_train_batch_size,
        per_device_eval_batch_size=options.per_device_train_batch_size,
        gradient_accumulation_steps=options.gradient_accumulation_steps,
        max_length=options.max_length,
        packing=options.packing,
        packing_strategy="bfd_split" if is_split(options) else "bfd",
        # packs would weigh rows otherwise than batches do; texts are packed lest their ends be lost
        eval_packing=is_split(options),
        neftune_noise_alpha=options.neftune_noise_alpha,
        eval_strategy="steps" if job.validation else "no",
        metric_for_best_model="eval_loss" if job.validation else None,
        prediction_loss_only=True,
        # the trainer writes this into the model's configuration, with which the model is saved
        use_cache=keeps_cache,
        save_strategy="steps",
        # a loss of nan must be seen, not averaged away
        logging_nan_inf_filter=False,
        include_num_input_tokens_seen="non_padding",
        gradient_checkpointing=checkpoints(options, device_of(job)),
        use_cpu=cpu,
        bf16=chosen.autocast == "bfloat16",
        fp16=chosen.autocast == "float16",
        dataloader_pin_memory=not cpu,
        report_to="none",
        disable_tqdm=True,
    )


def _dataset(tokens: list[Tokens]) -> datasets.Dataset:
    return datasets.Dataset.from_dict(
        {"input_ids": [each.ids for each in tokens], "labels": [each.labels for each in tokens]}
    )


def _filled(options: Common, data: Examples) -> Common:
    """The options with no more rows a batch than there are, or packs: what is never filled takes no memory."""
    most = len(data.train)
    if options.packing:
        # of all packs but one at least half is filled, or two would be one
        most = min(most, 1 + 2 * sum(map(len, data.train)) // options.max_length)
    return replace(options, per_device_train_batch_size=min(options.per_device_train_batch_size, most))


def _states(job: TrainJob) -> Path:
    return job.output / saved.STATES


def _to_nobody(progress: Progress) -> None:
    """Told by another process already."""


def _be_quiet() -> None:
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    transformers.logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    datasets.disable_progress_bars()
