"""TRL's trainer with our batches, loss and saved states. Torch is imported here."""

from __future__ import annotations

import math
from collections.abc import Collection
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from transformers import TrainerCallback
from trl.trainer.sft_trainer import SFTTrainer

from harness import TrainJob
from harness_trainers import saved, shards, spread
from harness_trainers.batches import LengthGrouped, completion_loss
from harness_trainers.opening import trained
from harness_trainers.options import Common, Writes

_REPORTS = 100
"""How many reports on the loss a long training gives, about."""
_SCHEDULER = "scheduler.pt"


class SupervisedTrainer(SFTTrainer):
    """TRL's trainer with batches of rows of like length, states that survive a kill and, on a CPU, a lean loss."""

    method: str
    writes: Writes
    output: Path
    trained_parameters: int
    learns_a_prompt: bool
    kept_steps: Collection[int] = ()
    keeps_the_end: bool = False

    def plan(self, options: Common, job: TrainJob) -> None:
        """Say when to warm up, log, measure, save and keep, which depends on how many steps there are."""
        self.method, self.writes, self.output = spread.described(options.name), options.writes, job.output
        self.learns_a_prompt = options.learns_a_prompt
        self.trained_parameters = sum(weight.numel() for _, weight in trained(self.model))
        numbers = self.set_initial_training_values(self.args, self.get_train_dataloader())
        steps_per_epoch, total = numbers[1], numbers[-1]
        self.args.eval_steps = self.args.save_steps = math.ceil(steps_per_epoch / options.evals_per_epoch)
        self.args.logging_steps = max(1, total // _REPORTS)
        # the last step has a rate of its own, or a training of one step would learn nothing
        self.args.warmup_steps = min(math.ceil(options.warmup_ratio * total), total - 1)
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

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """The same; what is spread over processes is made whole first."""
        if not self._is_sharded:
            super().save_model(output_dir, _internal_call)
            return
        weights = shards.gather(self.model, only_trained=self.writes == "adapter")
        if self.is_world_process_zero():
            self._save(output_dir, state_dict=weights)

    def _save_optimizer_and_scheduler(self, output_dir: str) -> None:
        if not self.is_fsdp_enabled:
            super()._save_optimizer_and_scheduler(output_dir)
            return
        shards.save_part(self._part(output_dir), self.model, self.optimizer)
        if self.is_world_process_zero():
            assert self.lr_scheduler is not None
            torch.save(self.lr_scheduler.state_dict(), Path(output_dir) / _SCHEDULER)

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        if checkpoint is None or not self.is_fsdp_enabled:
            super()._load_optimizer_and_scheduler(checkpoint)
            return
        assert self.lr_scheduler is not None
        shards.load_optimizer(self._part(checkpoint), self.optimizer)
        self.lr_scheduler.load_state_dict(torch.load(Path(checkpoint) / _SCHEDULER, weights_only=True))

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:  # noqa: ANN401
        if self.is_fsdp_enabled:
            shards.load_weights(self._part(resume_from_checkpoint), self.model)
            return
        weights = Path(resume_from_checkpoint) / saved.TRAINED
        if not weights.is_file():
            super()._load_from_checkpoint(resume_from_checkpoint, model)
            return
        stored = safetensors.torch.load_file(weights)
        with torch.no_grad():
            for name, weight in trained(self.model):
                weight.copy_(stored[name])

    def _part(self, folder: str) -> Path:
        """What this process holds of a state."""
        return Path(folder) / f"part-{self.args.process_index}.pt"

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
