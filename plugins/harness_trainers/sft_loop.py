"""The loop of supervised fine-tuning, on TRL's ``SFTTrainer``. Torch is imported here and in what this imports."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

import datasets
import safetensors.torch
import torch
import transformers
from transformers import TrainerCallback, TrainerState
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

from harness import Checkpoint, Kept, Progress, Report, TrainJob, UsageError
from harness_trainers import saved
from harness_trainers.batches import LengthGrouped, completion_loss
from harness_trainers.estimate import check_fits
from harness_trainers.footprint import checkpoints, device_of
from harness_trainers.lint import Examples, examples, is_split
from harness_trainers.opening import on_cpu, open_model, precision, trained, widen
from harness_trainers.options import Common, Writes
from harness_trainers.tokens import Tokens
from harness_trainers.watcher import Watcher, mean_loss, measured

_REPORTS = 100
"""How many reports on the loss a long training gives, about."""


def run(options: Common, job: TrainJob, report: Report) -> Checkpoint:
    """Train and write the checkpoint; what ``Common.train`` promises.

    Of several processes that train together, each calls this; the first one alone reports and writes.
    """
    started = time.monotonic()
    _be_quiet()
    report = report if int(os.environ.get("RANK", "0")) == 0 else _to_nobody
    resumed = saved.last(_states(job))
    if resumed and resumed.method != options.name:
        raise UsageError(
            f"{_states(job)} holds a training of {resumed.method} that was cut off, and this is one of {options.name}",
            remedy="remove that folder to begin anew",
        )
    if resumed:
        total, epoch = resumed.state["max_steps"], resumed.state["epoch"]
        report(Progress(resumed.step, total, epoch, message=f"going on from step {resumed.step}"))
    data = examples(options, job)
    for message in data.warnings:
        report(Progress(0, 0, 0.0, message=message))
    check_fits(options, job, report, longest=data.longest)
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


class SupervisedTrainer(SFTTrainer):
    """TRL's trainer with batches of rows of like length, states that survive a kill and, on a CPU, a lean loss."""

    method: str
    writes: Writes
    output: Path
    learns_a_prompt: bool
    kept_steps: Collection[int] = ()
    keeps_the_end: bool = False

    def plan(self, options: Common, job: TrainJob) -> None:
        """Say when to warm up, log, measure, save and keep, which depends on how many steps there are."""
        self.method, self.writes, self.learns_a_prompt = options.name, options.writes, options.learns_a_prompt
        self.output = job.output
        numbers = self.set_initial_training_values(self.args, self.get_train_dataloader())
        steps_per_epoch, total = numbers[1], numbers[-1]
        self.args.eval_steps = self.args.save_steps = math.ceil(steps_per_epoch / options.evals_per_epoch)
        self.args.logging_steps = max(1, total // _REPORTS)
        self.args.warmup_steps = math.ceil(options.warmup_ratio * total)
        self.kept_steps = {max(1, round(part * total)) for part in job.keep}
        self.keeps_the_end = 1.0 in job.keep

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - the library's
        """None with each saved state; the harness tells in its record what was done."""

    def compute_loss(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - the library's
        """The same loss; on a CPU TRL's own scores prompt and padding too, which is half of a step's time."""
        plain = self.padding_free or self.learns_a_prompt or self.aux_loss_enabled or self.args.world_size > 1
        if plain or not self.args.use_cpu:
            return super().compute_loss(model, inputs, *args, **kwargs)  # type: ignore[no-untyped-call]
        # noise differs from row to row, and activations that are computed twice leave no keys and values behind
        shares = not (model.training and (self.args.neftune_noise_alpha or self.args.gradient_checkpointing))
        return completion_loss(model, inputs, kwargs.get("num_items_in_batch"), shares=shares)

    def evaluate(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - the library's
        """The same; the random number that a loader draws as it begins is not taken from the training's."""
        with torch.random.fork_rng(devices=[]):
            return super().evaluate(*args, **kwargs)

    def _get_train_sampler(self, train_dataset: Any = None) -> LengthGrouped:  # noqa: ANN401 - the library's
        data: Any = train_dataset or self.train_dataset
        at_once = self.args.train_batch_size * self.args.gradient_accumulation_steps * self.args.world_size
        order = LengthGrouped([len(row) for row in data["input_ids"]], at_once, self.args.seed)
        self.remove_callback(_Epochs)
        self.add_callback(_Epochs(order))
        return order

    def _save_checkpoint(self, model: Any, trial: Any) -> None:  # noqa: ANN401 - the library's
        super()._save_checkpoint(model, trial)  # type: ignore[no-untyped-call]
        step, states = self.state.global_step, self.output / saved.STATES
        state = saved.folder_of(states, step)
        if self.is_world_process_zero():
            if self.writes == "adapter" and not self._is_sharded:
                weights = {name: weight.detach().cpu().contiguous() for name, weight in trained(self.model)}
                safetensors.torch.save_file(weights, state / saved.TRAINED)
            if step in self.kept_steps or (self.keeps_the_end and self.control.should_training_stop):
                saved.publish_apart(state, saved.folder_of(self.output, step), self.writes)
        self.accelerator.wait_for_everyone()
        if self.is_world_process_zero():
            saved.seal(state, self.method)
            saved.drop_all_but(states, {step, self.state.best_global_step or step})

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:  # noqa: ANN401
        weights = Path(resume_from_checkpoint) / saved.TRAINED
        if not weights.is_file():
            super()._load_from_checkpoint(resume_from_checkpoint, model)
            return
        stored = safetensors.torch.load_file(weights)
        with torch.no_grad():
            for name, weight in trained(self.model):
                weight.copy_(stored[name])

    @property
    def _is_sharded(self) -> bool:
        return bool(self.is_fsdp_enabled or self.is_deepspeed_enabled)


class _Epochs(TrainerCallback):
    """Tells the order of the rows which epoch it is; the library's own word does not reach it after a resumption."""

    def __init__(self, order: LengthGrouped) -> None:
        self._order = order

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ANN401 - the library's
        """The epochs that are done are those before this one."""
        self._order.set_epoch(int(state.epoch or 0))


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
            "trained_parameters": sum(weight.numel() for _, weight in trained(trainer.model)),
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


def _states(job: TrainJob) -> Path:
    return job.output / saved.STATES


def _to_nobody(progress: Progress) -> None:
    """Told by another process already."""


def _be_quiet() -> None:
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    transformers.logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    datasets.disable_progress_bars()
