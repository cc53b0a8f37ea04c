"""What can be found out in a second, nothing opened: the model's shape, how long rows and prompts are, the device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from harness.advice import devices
from harness.advice.devices import Device
from harness.advice.model import shape as shapes
from harness.advice.model.shape import ModelShape
from harness.advice.training.hyperparameters import Lengths
from harness.catalog import Catalog
from harness.errors import HarnessError, UsageError, did_you_mean
from harness.execution.prompting import assemble
from harness.protocols import BackendWithDescription, BackendWithTokenizer
from harness.survey import here, lengths
from harness.survey.subject import Subject
from harness.values import ModelRef, Prompt, Prompting, Ref, Sample

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What advice stands on; ``None`` is what could not be found out."""

    device: Device
    """Where a training is to run: the GPU that the team names, else the device at hand."""
    is_here: bool = True
    """Whether that is the device at hand, so that steps can be timed there."""
    shape: ModelShape | None = None
    lengths: Lengths | None = None
    corpus_tokens: int | None = None
    bare_prompt: float | None = None
    """Tokens of a question of the suite's tasks as it stands, in the mean."""
    long_prompt: float | None = None
    """The same with the suite's best prompt before it."""
    answer: float | None = None
    """Tokens of a right answer."""
    notes: tuple[str, ...] = ()


def survey(subject: Subject, catalog: Catalog) -> Ground:
    """Look at the model's configuration and tokenizer, and count; fetches small files at most."""
    device, is_here = _device(subject)
    if subject.model is None:
        return Ground(device=device, is_here=is_here, notes=("no model is named: memory and time are not reckoned",))
    notes: list[str] = []
    folder = _described(subject.model, catalog, notes)
    if folder is None:
        return Ground(device=device, is_here=is_here, notes=tuple(notes))
    shape = _tried(lambda: shapes.of_folder(folder, subject.model.name if subject.model else ""), notes)
    count = _tried(lambda: _counter(subject.model, folder, catalog), notes)
    if count is None:
        return Ground(device=device, is_here=is_here, shape=shape, notes=tuple(notes))
    bare, long = (_prompt_length(subject, count, each) for each in (Prompting(), _best(subject)))
    return Ground(
        device=device,
        is_here=is_here,
        shape=shape,
        lengths=lengths.lengths(subject.rows, count, seed=subject.seed),
        corpus_tokens=lengths.tokens(subject.corpus, count, seed=subject.seed),
        bare_prompt=bare,
        long_prompt=long,
        answer=_answer_length(subject, count),
        notes=tuple(notes),
    )


def _device(subject: Subject) -> tuple[Device, bool]:
    """Where it is to run, and whether that is here."""
    at_hand = here.at_hand(subject.model.device if subject.model else "auto")
    wanted = subject.answers.gpu
    if wanted is None:
        return at_hand, True
    found = devices.named(wanted)
    if found is None:
        names = [each.name for each in devices.known()]
        raise UsageError(f"no GPU {wanted!r} is known", remedy=did_you_mean(wanted, names))
    is_here = devices.named(at_hand.name) == found
    return (at_hand, True) if is_here else (found, False)


def _described(model: ModelRef, catalog: Catalog, notes: list[str]) -> Path | None:
    backend = catalog.make("backend", Ref(model.backend)).instance
    if not isinstance(backend, BackendWithDescription):
        notes.append(f"backend {model.backend!r} does not describe its models: memory and time are not reckoned")
        return None
    return _tried(lambda: backend.description(model), notes)


def _counter(model: ModelRef | None, folder: Path, catalog: Catalog) -> Callable[[Prompt], int]:
    backend = catalog.make("backend", Ref(model.backend if model else "transformers")).instance
    if not isinstance(backend, BackendWithTokenizer):
        raise UsageError(f"backend {backend.name!r} does not count tokens: lengths are not reckoned")
    return backend.token_counter(folder)


def _tried(look: Callable[[], Found], notes: list[str]) -> Found | None:
    """What was found; why it was not becomes a note, for advice goes on with less."""
    try:
        return look()
    except HarnessError as error:
        notes.append(str(error))
        return None


def _best(subject: Subject) -> Prompting:
    arms = {arm.name: arm for arm in subject.plan.arms} if subject.plan else {}
    return arms["prompted"].prompting if "prompted" in arms else Prompting()


def _prompt_length(subject: Subject, count: Callable[[Prompt], int], prompting: Prompting) -> float | None:
    prompts = [assemble(prompting, sample.prompt) for sample in _samples(subject)]
    if prompts or not subject.rows:
        return lengths.mean(prompts, count, seed=subject.seed)
    return lengths.mean([row.prompt for row in subject.rows], count, seed=subject.seed)


def _answer_length(subject: Subject, count: Callable[[Prompt], int]) -> float | None:
    answers = [sample.targets[0] for sample in _samples(subject) if sample.targets]
    return lengths.mean(answers or [row.answered for row in subject.rows], count, seed=subject.seed)


def _samples(subject: Subject) -> list[Sample]:
    tasks = subject.plan.tasks if subject.plan else ()
    return [sample for task in tasks if task.task.mode == "generate" for sample in task.samples]
