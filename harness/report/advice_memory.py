"""What training takes of the memory, by method, batch and length, and which GPUs have it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from harness.advice.counsel import Counsel
from harness.advice.devices import Device
from harness.advice.memory.memory import Footprint, MemoryRow
from harness.advice.training.hyperparameters import TrainingAdvice
from harness.report import layout, numbers
from harness.report.text import plain

WEIGHED = frozenset({"full", "lora", "qlora"})
"""Methods that everybody weighs against each other; the others are for those who ask."""
_NARROW = 17
"""At most so wide are names of GPUs on narrow screens."""


class _Part(NamedTuple):
    """Something that holds memory."""

    name: str
    short: str
    """For narrow screens."""
    size: Callable[[Footprint], int]


_PARTS = (
    _Part("weights", "weights", lambda each: each.weights),
    _Part("adapter", "adapter", lambda each: each.adapter),
    _Part("gradients", "grads", lambda each: each.gradients),
    _Part("optimizer", "optim", lambda each: each.optimizer),
    _Part("activations", "activ", lambda each: each.activations),
    _Part("rest", "rest", lambda each: each.overhead),
)
_TIMES = "\N{MULTIPLICATION SIGN}"


def memory_part(counsel: Counsel, *, details: bool = False) -> RenderableType | None:
    """The table with what fits here and what answering takes beneath it; ``None`` where nothing is known of it.

    In short the methods stand beside each other in the batch and length that are advised; ``details`` has all others.
    """
    device, advice = counsel.device, counsel.training
    rows = counsel.memory if details else _in_short(counsel.memory, advice)
    facts = list(_facts(counsel, details))
    if not rows and not facts:
        return None
    forms = (form(rows, device, advice) for form in (_wide, _medium, _headed, _narrow, _listed))
    table = [layout.Fitting(*forms)] if rows else []
    has_advised = advice is not None and taken(rows, advice) is not None
    hint = f"in GB, at the largest moment{'; ▶ as advised' if has_advised else ''}"
    return Group(layout.section("Memory", hint), *table, *([layout.facts(facts)] if facts else []))


def _facts(counsel: Counsel, details: bool) -> Iterator[tuple[str, RenderableType]]:
    if counsel.largest and details:
        yield "here", _largest(counsel.largest)
    if counsel.peak_memory:
        whose = ", as the suite trains now" if counsel.current else ""
        yield (
            "measured",
            f"{numbers.size(counsel.peak_memory)} at the largest moment of the steps that were timed{whose}",
        )
    if counsel.evaluation_memory and details:
        yield "evaluating", f"{numbers.size(counsel.evaluation_memory)}: weights, keys and values, logits"


def _largest(found: Sequence[tuple[str, int, int]]) -> Text:
    """``rows a batch here, of 128 / 512 tokens: full 47 / 12``, and so on for each method; a dash for none."""
    lengths = sorted({length for _, length, _ in found})
    batches = {(method, length): f"{batch:,}" for method, length, batch in found if batch}
    told = Text(f"largest batch at {' / '.join(f'{each:,}' for each in lengths)} tokens: ")
    for number, method in enumerate(dict.fromkeys(method for method, _, _ in found)):
        sizes = " / ".join(batches.get((method, length), numbers.MISSING) for length in lengths)
        told.append_text(plain(f"{' · ' if number else ''}{method} ", "dim")).append(sizes)
    return told


def _in_short(rows: Sequence[MemoryRow], advice: TrainingAdvice | None) -> Sequence[MemoryRow]:
    """What everybody weighs, and what is advised: as large as the advised one, else as the first."""
    like = (advice and taken(rows, advice)) or next(iter(rows), None)
    told = WEIGHED | ({advice.method} if advice else set())
    return [row for row in rows if like and _size(row) == _size(like) and row.footprint.training.method in told]


def _size(row: MemoryRow) -> tuple[int, int]:
    return row.footprint.training.batch, row.footprint.training.length


def taken(rows: Sequence[MemoryRow], advice: TrainingAdvice) -> MemoryRow | None:
    """The row of the training that is advised; ``None`` where the table has it not."""
    return next((row for row in rows if _is_taken(row, advice)), None)


def _is_taken(row: MemoryRow, advice: TrainingAdvice | None) -> bool:
    training = row.footprint.training
    if advice is None or training.method != advice.method:
        return False
    asked = advice.options.get("per_device_train_batch_size"), advice.options.get("max_length")
    return asked == (training.batch, training.length)


def _wide(rows: Sequence[MemoryRow], device: Device | None, advice: TrainingAdvice | None) -> RenderableType:
    names = [each.name for each in _PARTS]
    table = layout.columns(["method"], ["batch", "length", *names, "all", *_here_title(device)])
    table.add_column("fits", overflow="fold")
    for method, of_method in _by_method(rows):
        for number, row in enumerate(of_method):
            training = row.footprint.training
            sign = "▶ " if _is_taken(row, advice) else ""
            sizes = (f"{sign}{training.batch:,}", f"{training.length:,}")
            name = plain("" if number else method, "bold")
            fits = _fits(row, "and {} more")
            figures = _figures(row, _PARTS, of_method[number - 1] if number else None)
            cells = (*figures, *_here(row, device), fits)
            table.add_row(name, *sizes, *cells, style=_style(row, advice))
    return table


def _medium(rows: Sequence[MemoryRow], device: Device | None, advice: TrainingAdvice | None) -> RenderableType:
    """Batch and length in one column, and short names."""
    return _columns(rows, device, advice, _PARTS)


def _headed(rows: Sequence[MemoryRow], device: Device | None, advice: TrainingAdvice | None) -> RenderableType:
    """The method above its rows."""
    return _columns(rows, device, advice, _PARTS, headed=True)


def _narrow(rows: Sequence[MemoryRow], device: Device | None, advice: TrainingAdvice | None) -> RenderableType:
    """What is trained in one figure."""
    first, *_, activations, rest = _PARTS
    trained = _Part("trained", "trained", lambda each: each.adapter + each.gradients + each.optimizer)
    explained = Text("trained: adapter, gradients and optimizer", style="dim")
    parts = (first, trained, activations, rest)
    return Group(_columns(rows, device, advice, parts, headed=True, fits=_NARROW), explained)


def _columns(
    rows: Sequence[MemoryRow],
    device: Device | None,
    advice: TrainingAdvice | None,
    parts: Sequence[_Part],
    *,
    headed: bool = False,
    fits: int | None = None,
) -> Table:
    names = [f"batch {_TIMES} length", *(each.short for each in parts), "all", *_here_title(device)]
    table = layout.columns([] if headed else ["method"], names)
    if not headed:  # every column counts: so a hundred of them are enough
        table.padding = (0, 1, 0, 0)
    table.add_column("fits", overflow="fold", max_width=fits)
    for method, of_method in _by_method(rows):
        if headed:
            table.add_row(Text(method, style="bold", justify="left"))
        for number, row in enumerate(of_method):
            name = [] if headed else [plain("" if number else method, "bold")]
            sizes = f"{'▶ ' if _is_taken(row, advice) else ''}{_sizes(row)}"
            figures = _figures(row, parts, of_method[number - 1] if number else None)
            cells = (*figures, *_here(row, device), _fits(row, "+{}"))
            table.add_row(*name, sizes, *cells, style=_style(row, advice))
    return table


def _listed(rows: Sequence[MemoryRow], device: Device | None, advice: TrainingAdvice | None) -> RenderableType:
    """Two lines a training, for the narrowest screens."""
    lines: list[RenderableType] = []
    for method, of_method in _by_method(rows):
        lines.append(Text(method, style="bold"))
        for row in of_method:
            total = Text(f"{numbers.gigabytes(row.footprint.total)} GB", style="bold")
            sign = "▶" if _is_taken(row, advice) else " "
            words = [Text(f"{sign} {_sizes(row)}"), total, *_here(row, device), _fits(row, "+{}")]
            lines.append(Text("  ").join(words))
            held = ((each.name, each.size(row.footprint)) for each in _PARTS)
            parts = " · ".join(f"{name} {numbers.gigabytes(size)}" for name, size in held if size)
            lines.append(Padding(Text(parts, style="dim"), (0, 0, 0, 4)))
    return Group(*lines)


def _by_method(rows: Sequence[MemoryRow]) -> list[tuple[str, list[MemoryRow]]]:
    return [(method, list(of)) for method, of in groupby(rows, key=lambda row: row.footprint.training.method)]


def _sizes(row: MemoryRow) -> str:
    return f"{row.footprint.training.batch:,} {_TIMES} {row.footprint.training.length:,}"


def _style(row: MemoryRow, advice: TrainingAdvice | None) -> str:
    return "bold" if _is_taken(row, advice) else ""


def _figures(row: MemoryRow, parts: Sequence[_Part], before: MemoryRow | None) -> list[Text]:
    """Its parts, dim where they are as in the row before, and their sum."""
    return [*(_figure(row, part, before) for part in parts), Text(numbers.gigabytes(row.footprint.total), style="bold")]


def _figure(row: MemoryRow, part: _Part, before: MemoryRow | None) -> Text:
    size = part.size(row.footprint)
    is_new = size and (before is None or part.size(before.footprint) != size)
    return Text(numbers.gigabytes(size) if size else numbers.MISSING, style="" if is_new else "not bold dim")


def _here(row: MemoryRow, device: Device | None) -> list[Text]:
    if device is None:
        return []
    if row.fits_here is None:
        return [Text(numbers.MISSING, style="dim")]
    share = f" {100 * row.footprint.total / device.memory:,.0f} %" if device.memory > 0 else ""
    return [Text(f"✓{share}", style="green") if row.fits_here else Text(f"✗{share}", style="red")]


def _here_title(device: Device | None) -> list[str]:
    return [] if device is None else ["here"]


def _fits(row: MemoryRow, more: str) -> Text:
    if not row.fits:
        return Text("no single GPU", style="red")
    others = f" {more.format(len(row.fits) - 1)}" if len(row.fits) > 1 else ""
    return Text.assemble(plain(_short(row.fits[0])), (others, "not bold dim"))


def _short(name: str) -> str:
    """A GPU's name without its maker's."""
    for prefix in ("NVIDIA ", "Tesla ", "GeForce "):
        name = name.removeprefix(prefix)
    return name
