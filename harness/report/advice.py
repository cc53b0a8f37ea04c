"""The screen of ``harness advise``: the recommendation, the way to it, and all that it rests on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.text import Text

from harness.advice.counsel import Counsel
from harness.advice.devices import Device
from harness.advice.model.shape import ModelShape
from harness.advice.route import standing
from harness.advice.route.strategy import Route
from harness.report import (
    advice_hyperparameters,
    advice_memory,
    advice_money,
    advice_options,
    advice_prompt,
    advice_tree,
    layout,
    numbers,
)
from harness.report.text import plain

_MEANING: Mapping[Route, str] = {
    "prompt": "train nothing now: stay with the base model and its best prompt",
    "retrieve": "look the facts up as they are asked for, and put them into the prompt",
    "long_context": "put all of the text into the prompt, and let the model read it",
    "tune": "train this model on examples of the job",
    "distil": "train a smaller model on the answers of a larger one",
    "pretrain": "train on the raw text of the domain first, then on examples of the job",
}

_MORE = "all branches and options, sources, more of memory, the arithmetic"


def advice_screen(
    counsel: Counsel,
    power: RenderableType | None = None,
    *,
    next_commands: Sequence[str] = (),
    details: bool = False,
) -> RenderableType:
    """The recommendation, its path with the evidence, how to train, memory, time, money, power, and what to type next.

    ``power`` is what the gates can show, as ``harness.report.power`` has it. What the counsel lacks is left out. In
    short it is what a decision needs. With ``details`` come all branches, options and methods, reasons in full, what
    each source says, memory by batch and length, what a month costs drawn by its requests, and the arithmetic.
    """
    strategy, situation = counsel.strategy, counsel.situation
    best = next((each.name for each in standing.best(situation.baselines)), None)
    return layout.spaced(
        _answer(counsel),
        layout.facts(_facts(counsel)),
        advice_tree.path_part(strategy, details=details),
        advice_prompt.prompts_part(situation.baselines, situation.threshold, counsel.measured_on, best),
        advice_tree.changes_part(strategy),
        advice_tree.beside_part(strategy, details=details),
        advice_hyperparameters.training_part(counsel, is_asked=_trains(counsel), details=details),
        advice_memory.memory_part(counsel, details=details),
        advice_money.time_part(counsel, details=details),
        advice_money.money_part(counsel, details=details),
        _power(power) if power is not None else None,
        Group(layout.section("Know this"), layout.bullets(counsel.notes)) if counsel.notes else None,
        _onward(next_commands, details),
    )


def advice_svg(
    counsel: Counsel,
    power: RenderableType | None = None,
    *,
    next_commands: Sequence[str] = (),
    details: bool = False,
    width: int = 100,
    title: str = "harness advise",
) -> str:
    """The screen as a picture; the same values give the same text."""
    screen = advice_screen(counsel, power, next_commands=next_commands, details=details)
    return layout.picture(screen, width=width, title=title)


def _answer(counsel: Counsel) -> RenderableType:
    route = counsel.strategy.route
    colour = advice_tree.COLOURS[route]
    words = plain(counsel.strategy.reason, "bold")
    words.append(f"\n{_MEANING[route]}", style="not bold dim")
    if _trains(counsel) and (figures := " · ".join(_figures(counsel))):
        words.append_text(plain(f"\n{figures}", "not bold", lines=True))
    title = Text(f"▶ {advice_tree.NAMES[route].upper()}", style=f"bold {colour}")
    return Panel(words, title=title, title_align="left", border_style=colour, padding=(0, 2))


def _trains(counsel: Counsel) -> bool:
    return counsel.strategy.route in {"tune", "distil", "pretrain"}


def _figures(counsel: Counsel) -> Iterator[str]:
    """The few figures that everybody asks for first."""
    if counsel.training is not None:
        yield advice_options.headline(counsel.training)
        if row := advice_memory.taken(counsel.memory, counsel.training):
            yield numbers.size(row.footprint.total)
    if counsel.duration is not None:
        # of the trainer that the suite has, where it has one: that is what steps were timed of
        whose = " as the suite trains now" if counsel.current else ""
        yield f"about {numbers.roughly(counsel.duration.seconds)}{whose}"
    if counsel.pays is not None:
        yield advice_money.headline(counsel.pays)


def _facts(counsel: Counsel) -> Iterator[tuple[str, RenderableType]]:
    if counsel.model and counsel.name != counsel.model:
        yield "suite", plain(counsel.name, "bold")
    if counsel.model:
        shape = f"  {_shape(counsel.shape)}" if counsel.shape else ""
        yield "model", plain(counsel.model, "bold").append_text(plain(shape, "not bold dim"))
    if counsel.device:
        yield (
            "device",
            plain(counsel.device.name, "bold").append_text(plain(f"  {_device(counsel.device)}", "dim not bold")),
        )
    if data := " · ".join(_data(counsel)):
        yield "data", data


def _shape(shape: ModelShape) -> str:
    active = ""
    if shape.active_parameters < shape.parameters:
        active = f", {numbers.amount(shape.active_parameters)} of them a token"
    about = "" if shape.is_exact else "about "
    window = f" · window {shape.window:,}" if shape.window else ""
    return f"{about}{numbers.amount(shape.parameters)} parameters{active} · {shape.layers:,} layers{window}"


def _device(device: Device) -> str:
    speed = f" · {device.flops / 1e12:,.3g} TFLOPS · {device.bandwidth / 1e9:,.0f} GB/s"
    return f"{numbers.size(device.memory)} free" + (speed if device.flops and device.bandwidth else "")


def _data(counsel: Counsel) -> Iterator[str]:
    situation = counsel.situation
    for count, name in ((situation.rows, "rows to train on"), (situation.preference_pairs, "preference pairs")):
        if count is not None:
            yield f"{count:,} {name}"
    if situation.corpus_tokens:
        yield f"{numbers.amount(situation.corpus_tokens)} tokens of raw text"


def _power(screen: RenderableType) -> RenderableType:
    """Indented, since it has parts of its own."""
    return Group(layout.section("Power", "what the suite's gates can show"), Padding(screen, (0, 0, 0, 2)))


def _onward(next_commands: Sequence[str], details: bool) -> RenderableType | None:
    labels = ["next", *[""] * len(next_commands)]
    rows = [(label, plain(each, "cyan")) for label, each in zip(labels, next_commands, strict=False)]
    if not details:
        rows.append(("more", Text.assemble(("--details", "cyan"), (f"  {_MORE}", "dim"))))
    return layout.facts(rows) if rows else None
