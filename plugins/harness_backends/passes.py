"""Forward passes over a tree of rows: each branch once, and the next-token logits at the last positions of each row."""

from __future__ import annotations

import gc
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness import ModelFailed
from harness_backends import parts
from harness_backends.memory import Memory, stacked
from harness_backends.parts import Part
from harness_backends.tree import Row, Tree, grown

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel


@dataclass(frozen=True, slots=True)
class Logits:
    """What one pass says of some rows."""

    rows: Sequence[int]
    values: Tensor
    """Shape (rows, columns, vocabulary), in the model's dtype."""
    starts: Sequence[int]
    """For each row the column of its first needed position; the others follow it."""


_PASS_COST = {"cpu": 32, "cuda": 512}
"""As many tokens could be run in the time that a pass takes whatever it holds."""

Read = Callable[[Logits], None]
"""Takes what it wants of a pass; the logits are gone afterwards."""


def read_logits(
    module: PreTrainedModel, rows: Sequence[Row], read: Read, *, batch_size: int, share_heads: bool
) -> None:
    """Run all rows and let ``read`` see the logits at their needed positions, in no order that means anything.

    With ``share_heads`` a beginning that several rows have in common is run once; the logits are the same up to
    rounding. Only the positions asked for reach the last layer, which for a small model with a large vocabulary is a
    fifth of the work. When memory runs out, half as much goes through the model together from then on; ``ModelFailed``
    if it is too little for a single row.
    """
    if not rows:
        return
    tree = grown(rows) if share_heads else Tree((), (None,) * len(rows))
    work = _Passes(module, Memory(tree), parts.budget(rows, batch_size))
    for branches, leaves in parts.waves(rows, tree, work.budget):
        is_read = True
        try:
            for level in parts.depths(tree, branches):
                work.over([parts.branch(rows, tree, number) for number in level], work.grow)
            work.over([parts.leaf(rows, tree, number) for number in leaves], lambda batch: read(work.logits(batch)))
        except _NoRoomError:
            if not branches:
                raise
            is_read = False
        work.memory.forget()
        if not is_read:  # what was held left no room: these rows whole, out here where the error holds no pass
            _free()
            whole = [Part(number, None, 0, rows[number].tokens, rows[number].needed) for number in leaves]
            work.over(whole, lambda batch: read(work.logits(batch)))


def last_logits(
    module: PreTrainedModel, rows: Sequence[Row], *, batch_size: int, share_heads: bool
) -> dict[int, Tensor]:
    """The logits at the needed positions of a few rows, float32, shape (needed, vocabulary), by the row's index."""
    found: dict[int, Tensor] = {}

    def read(logits: Logits) -> None:
        for place, (number, start) in enumerate(zip(logits.rows, logits.starts, strict=True)):
            found[number] = logits.values[place, start : start + rows[number].needed].float()

    read_logits(module, rows, read, batch_size=batch_size, share_heads=share_heads)
    return found


def why_plain(module: PreTrainedModel) -> str | None:
    """Why heads cannot be shared, tried on a few tokens; ``None`` where the model gives the same logits when they are.

    It does not where it keeps something else than keys and values, looks back over a window only, or counts positions
    in a way of its own.
    """
    import torch

    if not _takes(module, "past_key_values", "attention_mask", "position_ids", "logits_to_keep"):
        return "the model takes no positions or cache from outside"
    spans = ((0, 68), (0, 71), (0, 40), (100, 141), (100, 148))
    rows = [Row((*_probe(module, 0, 24), *_probe(module, *span)), 2) for span in spans]
    output = module(input_ids=_padded([rows[0].tokens], module), use_cache=True)
    if stacked(getattr(output, "past_key_values", None)) is None:
        return "the model's cache cannot be cut"
    apart, shared = (last_logits(module, rows, batch_size=4, share_heads=share) for share in (False, True))
    rounding = 1e-4 if module.dtype == torch.float32 else 0.05
    if any((apart[key] - shared[key]).abs().max() > rounding * apart[key].abs().max() for key in apart):
        return "the model answers otherwise from a cut cache"
    return None


def bears_padding(module: PreTrainedModel) -> bool:
    """Whether a row that is padded on the left and masked there is answered as by itself; tried on a few tokens."""
    import torch

    short, long = _probe(module, 0, 24), _probe(module, 100, 160)
    gap, padding = len(long) - len(short), module.generation_config.pad_token_id
    ids = torch.tensor([[*[padding] * gap, *short], [*long]], device=module.device)
    mask = torch.ones_like(ids)
    mask[0, :gap] = 0
    whole: Any = module  # generate comes from a mixin that the declared class does not show
    asked = {"max_new_tokens": 1, "do_sample": False, "output_logits": True, "return_dict_in_generate": True}
    together = whole.generate(input_ids=ids, attention_mask=mask, **asked).logits[0][0].float()
    alone = whole.generate(input_ids=ids[:1, gap:], attention_mask=mask[:1, gap:], **asked).logits[0][0].float()
    rounding = 1e-4 if module.dtype == torch.float32 else 0.05
    return bool((together - alone).abs().max() <= rounding * alone.abs().max())


def probe_logits(module: PreTrainedModel) -> Tensor:
    """The logits that tell one model from another: after each of a few fixed tokens."""
    return last_logits(module, [Row(_probe(module, 0, 16), 16)], batch_size=1, share_heads=False)[0]


class _NoRoomError(ModelFailed):
    """Memory is too little for a single part."""


@dataclass
class _Passes:
    module: PreTrainedModel
    memory: Memory
    budget: int

    def over(self, wanted: Sequence[Part], run: Callable[[Sequence[Part]], None]) -> None:
        """Run these parts, as many at a time as the budget allows."""
        rest = parts.ordered(wanted)
        cost = _PASS_COST.get(self.module.device.type, _PASS_COST["cuda"])
        while rest:
            for count in parts.batches(rest, self.budget, cost):
                if not self._fits(rest[:count], run):
                    break
                rest = rest[count:]

    def _fits(self, batch: Sequence[Part], run: Callable[[Sequence[Part]], None]) -> bool:
        try:
            run(batch)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if len(batch) == 1:
                length = batch[0].before + len(batch[0].tokens)
                raise _NoRoomError(f"too little memory for one text of {length} tokens; use a smaller model") from error
            longest = max(part.before for part in batch) + len(batch[0].tokens)
            self.budget = len(batch) * longest // 2
        else:
            return True
        _free()  # out here the error no longer holds on to the pass
        return False

    def grow(self, batch: Sequence[Part]) -> None:
        """Run branches and keep what they leave."""
        output = self._call(batch, logits_to_keep=1, use_cache=True)  # the logits are thrown away: make only few
        before = max(part.before for part in batch)
        self.memory.keep([part.number for part in batch], output.past_key_values, before)

    def logits(self, batch: Sequence[Part]) -> Logits:
        """Run what is left of rows."""
        import torch

        spans = [(len(part.tokens) - part.needed, len(part.tokens)) for part in batch]
        wanted = sorted({position for start, end in spans for position in range(start, end)})
        column = {position: number for number, position in enumerate(wanted)}
        # counted from the end: an adapter that learnt a prompt puts tokens of its own before the row
        width = max(len(part.tokens) for part in batch)
        places = torch.tensor(wanted, device=self.module.device) - width
        if _takes(self.module, "logits_to_keep"):
            values = self._call(batch, logits_to_keep=places).logits
        else:
            values = self._call(batch).logits[:, places]
        return Logits([part.number for part in batch], values, [column[start] for start, _ in spans])

    def _call(self, batch: Sequence[Part], **inputs: object) -> Any:  # noqa: ANN401 - upstream's output
        # padded on the right, where nothing can change what stands before
        ids = _padded([part.tokens for part in batch], self.module)
        if batch[0].grows_from is None:
            return self.module(input_ids=ids, **{"use_cache": False, **inputs})
        longest = max(part.before + len(part.tokens) for part in batch)
        past = self.memory.before([part.grows_from for part in batch], ids, longest)
        return self.module(input_ids=ids, **{**past, **inputs})


def is_out_of_memory(error: BaseException) -> bool:
    """Whether this is what torch raises, on a GPU or on the CPU, when memory runs out."""
    import torch

    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return any(sign in str(error) for sign in ("out of memory", "can't allocate memory", "not enough memory"))


def _free() -> None:
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _probe(module: PreTrainedModel, start: int, end: int) -> tuple[int, ...]:
    size = int(module.config.get_text_config().vocab_size)
    return tuple((7919 * number + 31) % size for number in range(start, end))


def _padded(rows: Sequence[Sequence[int]], module: PreTrainedModel) -> Tensor:
    """The rows as one tensor on the model's device, filled up with token 0 on the right."""
    import torch

    width = max(len(row) for row in rows)
    ids = torch.tensor([[*row, *[0] * (width - len(row))] for row in rows])
    if module.device.type == "cuda":
        return ids.pin_memory().to(module.device, non_blocking=True)
    return ids.to(module.device)


def _takes(module: PreTrainedModel, *names: str) -> bool:
    wrapped: Any = module
    inner = wrapped.get_base_model() if hasattr(module, "get_base_model") else module  # PEFT hands all on to it
    parameters = inspect.signature(inner.forward).parameters
    return all(name in parameters for name in names)
