"""One training step played through on tensors that have a shape and a type, but no memory.

The model's own code runs, with its adapter, attention, checkpointing and loss, in torch's ``FakeTensorMode``: nothing
is computed and no weight is read, but every operation says how large its result would be. A ledger books each new
storage and strikes it off when it dies, so that the peak is that of the real step, for any architecture and without a
table of what a layer keeps. The method is that of ``torch.distributed._tools.mem_tracker``.

Two parts cannot run without numbers and have a stand-in with the same allocations: layers in four bits
(``bitsandbytes.autograd.MatMul4Bit``) and, on a GPU, TRL's head (``trl.kernels.chunked_logprob``), which makes the
logits tile by tile.

A GPU that is not here is played on tensors of a CPU, since autograd asks a driver for its streams. What is allocated is
the same for decoders with norms of a Llama's kind: torch's attention keeps as much there, autocast makes the same
products narrow, and sizes are rounded as on a GPU. It differs in layer norms, which autocast makes float32 on a GPU
alone, and where a GPU has no fused attention for a model: that is torch's affair, and is seen on the GPU itself.
"""

from __future__ import annotations

import types
import weakref
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from trl.trainer.utils import add_fused_lm_head

from harness import MAPPED_FROM, kept_by_heap

_CUDA_BLOCK = 512
"""Bytes that an allocation on a GPU is rounded up to."""
_TILE_TOKENS, _TILE_COLUMNS = 4096, 32768
"""The tile of logits that TRL's head makes at a time, whatever the vocabulary."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What goes through the model at a time."""

    batch: int
    length: int
    labelled: int
    """Columns of the batch that have a label in any row."""
    is_packed: bool = False
    """Whether the rows stand behind one another in one row, with positions that start again."""


@dataclass(frozen=True, slots=True)
class Setup:
    """How the step is taken."""

    device: str
    """``cpu`` or ``cuda``, which need not be here."""
    autocast: torch.dtype | None
    checkpointing: bool
    accumulates: bool
    """Whether gradients of an earlier batch are there already."""
    is_lean: bool
    """Whether the loss is ``batches.completion_loss``, and not TRL's own."""


@dataclass(frozen=True, slots=True)
class Peak:
    """Bytes of one step."""

    gradients: int
    activations: int
    """What the largest moment holds beyond weights, optimizer and all gradients."""
    heap: int
    """What the C library's heap holds beside that on a CPU; a GPU has an allocator of its own, and 0 stands here."""


def rehearse(make: Callable[[], Any], shape: Shape, setup: Setup) -> tuple[Any, Peak]:
    """The model of ``make``, called with ``meta`` as torch's device, and the peak of its step.

    ``make`` gives the model as it is trained: adapter on, parameters frozen, layers in four bits replaced by
    ``four_bit``. Raises whatever the model's code does when it asks for a number that is not there.
    """
    with torch.device("meta"):
        model = make()
    model.train()
    if setup.checkpointing:
        _checkpoint(model)
    on = played_on(setup.device)
    with FakeTensorMode(allow_non_fake_inputs=True):
        _place(model, on)
        with torch.device(on):
            inputs = _inputs(shape)
        trained = [each for each in model.parameters() if each.requires_grad]
        if setup.accumulates:
            for each in trained:
                each.grad = torch.zeros_like(each)
        known = [*model.parameters(), *model.buffers(), *inputs.values()]
        known += [each.grad for each in trained if each.grad is not None]
        ledger = Ledger(known, _CUDA_BLOCK if setup.device == "cuda" else 1)
        of = _lean_loss if setup.is_lean else _tiled_loss if setup.device == "cuda" else _plain_loss
        with ledger:
            with torch.autocast(on, setup.autocast) if setup.autocast else nullcontext():
                loss = of(model, shape, inputs)
            torch.autograd.backward(loss)
        gradients = sum(each.numel() * each.element_size() for each in trained)
    activations = max(0, ledger.peak - (0 if setup.accumulates else gradients))
    return model, Peak(gradients, activations, ledger.heap if setup.device == "cpu" else 0)


def played_on(device: str) -> str:
    """The device that the tensors say they are on: ``device``, or the CPU for a GPU that is not here."""
    return device if device == "cpu" or torch.cuda.is_available() else "cpu"


class Ledger(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch leaves it unannotated
    """Counts the bytes that operations have made and that are still alive; ``known`` storages cost nothing."""

    def __init__(self, known: Iterable[torch.Tensor], block: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.peak = 0
        self._block = block
        self._small, self._large = _Pool(), _Pool()
        self._freed_at_peak = 0
        self._seen: dict[int, object] = {each.untyped_storage()._cdata: None for each in known}

    @property
    def heap(self) -> int:
        """What the C library's heap holds beyond the peak.

        It does not shrink once it has grown, so that from the second step on the most that it held meets the most of
        what is mapped beside it, though they are not of one moment; and it has holes that nothing fits.
        """
        return self._small.most + self._large.most - self.peak + kept_by_heap(self._freed_at_peak)

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # noqa: ANN401 - torch's
        """Run the operation and book what it made."""
        result = operation(*args, **(kwargs or {}))
        for each in tree_leaves(result):
            if isinstance(each, torch.Tensor):
                self._book(each.untyped_storage())
        alive = self._small.alive + self._large.alive
        if alive > self.peak:
            self.peak, self._freed_at_peak = alive, self._small.freed
        return result

    def _book(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata
        if key in self._seen:
            return
        size = -(-storage.nbytes() // self._block) * self._block
        pool = self._large if size >= MAPPED_FROM else self._small
        pool.take(size)
        self._seen[key] = weakref.ref(storage, partial(self._strike, key, size, pool))

    def _strike(self, key: int, size: int, pool: _Pool, _: object) -> None:
        pool.free(size)
        del self._seen[key]


class _Pool:
    """Bytes from one source: the heap, or the system itself."""

    def __init__(self) -> None:
        self.alive = self.most = self.freed = 0

    def take(self, size: int) -> None:
        self.alive += size
        self.most = max(self.most, self.alive)

    def free(self, size: int) -> None:
        self.alive -= size
        self.freed += size


def four_bit(model: Any, compute: torch.dtype) -> None:  # noqa: ANN401 - a model of whatever class
    """Put stand-ins in the place of the linear layers that are kept in four bits: all but the output's."""
    head = model.get_output_embeddings()
    for module in list(model.modules()):
        for name, child in module.named_children():
            if type(child) is torch.nn.Linear and child is not head:
                setattr(module, name, FourBit(child, compute))


class FourBit(torch.nn.Linear):
    """A linear layer that allocates what bitsandbytes' does in training; its weight stands for the packed one."""

    def __init__(self, of: torch.nn.Linear, compute: torch.dtype) -> None:
        super().__init__(of.in_features, of.out_features, bias=False, dtype=of.weight.dtype)
        self.weight.requires_grad_(False)
        self.bias = of.bias
        self.compute = compute

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """In ``compute``, back in the input's type; PEFT clones the result of such a layer."""
        whole: Any = _Dequantised
        output: torch.Tensor = whole.apply(input.to(self.compute), self.weight).to(input.dtype).clone()
        return output if self.bias is None else output + self.bias


class _Dequantised(torch.autograd.Function):
    """The whole weight exists only while it is used; of forward, nothing but the packed weight is kept."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:  # noqa: ANN401 - torch's
        ctx.shape = weight.shape
        return torch.nn.functional.linear(x, x.new_empty(weight.shape))

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:  # noqa: ANN401 - torch's
        return gradient @ gradient.new_empty(ctx.shape), None


class _ChunkedHead(torch.autograd.Function):
    """Allocates what TRL's head does: one tile of logits, float32 gradients of what stands before and of the weight."""

    @staticmethod
    def forward(ctx: Any, hidden: torch.Tensor, weight: torch.Tensor, compute: torch.dtype) -> torch.Tensor:  # noqa: ANN401
        ctx.save_for_backward(hidden, weight)
        ctx.compute = compute
        tile = _tile(hidden, compute)
        part = weight[:_TILE_COLUMNS].to(compute)
        del tile, part
        return hidden.new_zeros((8, len(hidden)), dtype=torch.float32)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor | None, None]:  # noqa: ANN401
        hidden, weight = ctx.saved_tensors
        before = torch.zeros_like(hidden, dtype=torch.float32) if ctx.needs_input_grad[0] else None
        whole = torch.zeros_like(weight, dtype=torch.float32) if ctx.needs_input_grad[1] else None
        tile = _tile(hidden, ctx.compute)
        # a narrow copy of a part of the weight is there until that of the next one is
        parts = [weight[at : at + _TILE_COLUMNS].to(ctx.compute) for at in (0, _TILE_COLUMNS)]
        of_hidden = None if before is None else before.to(hidden.dtype)
        of_weight = None if whole is None else whole.to(weight.dtype)
        del tile, parts
        return of_hidden, of_weight, None


def _tile(hidden: torch.Tensor, compute: torch.dtype) -> torch.Tensor:
    return hidden.new_empty((min(len(hidden), _TILE_TOKENS), _TILE_COLUMNS), dtype=compute)


def _lean_loss(model: Any, shape: Shape, inputs: dict[str, torch.Tensor]) -> torch.Tensor:  # noqa: ANN401
    """As ``batches.completion_loss`` has it: logits of the labelled columns, scored in float32."""
    logits = model(**inputs, use_cache=False, logits_to_keep=shape.labelled).logits.float().flatten(0, 1)
    wanted = torch.zeros(len(logits), dtype=torch.long, device=logits.device)
    return torch.nn.functional.cross_entropy(logits, wanted, reduction="sum")


def _plain_loss(model: Any, shape: Shape, inputs: dict[str, torch.Tensor]) -> torch.Tensor:  # noqa: ANN401
    """TRL's own without a GPU, where it scores every position."""
    add_fused_lm_head(_base(model), outputs=("log_probs", "entropy", "is_top1"))
    labels = torch.zeros_like(inputs["input_ids"])
    loss: torch.Tensor = -model(**inputs, labels=labels, use_cache=False, fused_lm_head=True).log_probs.sum()
    return loss


def _tiled_loss(model: Any, shape: Shape, inputs: dict[str, torch.Tensor]) -> torch.Tensor:  # noqa: ANN401
    """TRL's on a GPU. As there, the base's ``forward`` is replaced, for the adapter calls that."""
    base, count = _base(model), shape.labelled * shape.batch

    def forward(self: Any, *args: Any, labels: None = None, **kwargs: Any) -> torch.Tensor:  # noqa: ANN401
        hidden = self.base_model(*args, **kwargs).last_hidden_state
        chosen = hidden.reshape(-1, hidden.shape[-1])[-count:].clone()
        kind, weight = hidden.device.type, self.get_output_embeddings().weight
        compute = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else hidden.dtype
        head: Any = _ChunkedHead
        scored: torch.Tensor = head.apply(chosen, weight, compute)
        return scored

    base.forward = types.MethodType(forward, base)
    result: torch.Tensor = model(**inputs, use_cache=False).sum()
    return result


def _base(model: Any) -> Any:  # noqa: ANN401 - a model of whatever class
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def _place(model: Any, device: str) -> None:  # noqa: ANN401 - a model of whatever class
    """Put fake tensors of ``device`` in the place of the model's own; what is tied stays tied."""
    placed: dict[int, torch.Tensor] = {}
    for module in model.modules():
        for held in (module._parameters, module._buffers):
            for name, each in held.items():
                if each is None:
                    continue
                if id(each) not in placed:
                    empty = torch.empty_like(each, device=device)
                    is_weight = isinstance(each, torch.nn.Parameter)
                    placed[id(each)] = torch.nn.Parameter(empty, each.requires_grad) if is_weight else empty
                held[name] = placed[id(each)]


def _inputs(shape: Shape) -> dict[str, torch.Tensor]:
    if shape.is_packed:
        ids = torch.zeros((1, shape.batch * shape.length), dtype=torch.long)
        return {"input_ids": ids, "position_ids": torch.arange(shape.length).repeat(shape.batch).unsqueeze(0)}
    ids = torch.zeros((shape.batch, shape.length), dtype=torch.long)
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}


def _checkpoint(model: Any) -> None:  # noqa: ANN401 - a model of whatever class
    # the state of the random numbers is a few bytes, and cannot be had from a device without memory
    enable = getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable
    enable({"use_reentrant": False, "preserve_rng_state": False})
    if hasattr(model, "get_base_model"):
        model.enable_input_require_grads()
