"""A run's adapter merged into its base weights: made beside its place, proved, and only then put there.

The proof asks both the adapter over its base and the merged model, in float32, what the run itself was asked. Greedy
texts and log-likelihoods must agree; a merged model that answers otherwise is another model than the one that was
judged, and is not kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from harness.errors import UsageError
from harness.execution.arms import BY_CONTENT, folder_digest
from harness.execution.places import Place
from harness.protocols import Backend, Model, Observer
from harness.store.reader import Reader
from harness.values import GenerationSettings, ModelRef, Prompt, Run, Sample, Task

ITEMS = 64
"""At most so many items of each kind are asked."""
EQUAL = 0.99
"""The share of greedy texts that must be the same, letter by letter."""
APART = 1e-3
"""The most that two log-likelihoods of one text may lie apart, in nats."""

_PLAIN = GenerationSettings(max_new_tokens=32)
"""How items that a run did not ask for a text are asked for one."""


@dataclass(frozen=True, slots=True)
class Proof:
    """How the merged model's answers compare with the adapter's."""

    texts: int
    equal: int
    likelihoods: int
    apart: float
    """The most that two log-likelihoods lay apart."""

    @property
    def is_proved(self) -> bool:
        """Whether both limits are kept; what cannot be compared, as a likelihood that is no number, keeps none."""
        return self.equal >= EQUAL * self.texts and self.apart <= APART

    @property
    def words(self) -> tuple[str, str]:
        """What was found, with the limits."""
        return (
            f"{self.equal:,} of {self.texts:,} greedy texts are equal (at least {EQUAL:.0%} must be)",
            f"{self.likelihoods:,} log-likelihoods lie at most {self.apart:.1e} apart (the limit is {APART:g})",
        )


@dataclass(frozen=True, slots=True)
class Lineage:
    """What a merged model is made of."""

    run: Run
    base: ModelRef
    """In float32."""
    adapter: Path

    @property
    def names(self) -> Mapping[str, str | None]:
        """What tells it from what any other run would be merged to."""
        weights = self.run.model.weights_sha256 if self.run.model else None
        suite, adapter = self.run.suite_digest, self.run.adapter_sha256
        return {"run": self.run.id, "suite_sha256": suite, "base_sha256": weights, "adapter_sha256": adapter}


@dataclass(frozen=True, slots=True)
class Questions:
    """What both models are asked."""

    prompts: tuple[tuple[GenerationSettings, tuple[Sample, ...]], ...]
    """The samples with the settings that they are answered by, greedy."""
    pairs: tuple[tuple[Prompt, str], ...]


def lineage(run: Run, backend: Backend, model: ModelRef) -> Lineage:
    """The base model and the adapter of a recorded run, found again where the record says; ``model`` as its suite has.

    Raises ``UsageError`` for a run without an adapter, and where the adapter is not the one that was judged.
    """
    if run.adapter is None or run.model is None:
        whole = f": its weights lie whole in {run.model.folder}" if run.model else ""
        problem = f"{run.id} has no adapter, so there is nothing to merge{whole}"
        raise UsageError(problem, remedy="name the run of an adapter")
    adapter = Path(run.adapter)
    if not (adapter / "adapter_config.json").is_file():
        raise UsageError(f"the adapter of {run.id} is no longer there", path=adapter, remedy="train it again")
    if folder_digest(adapter) != run.adapter_sha256:
        raise UsageError(f"the adapter is not the one that {run.id} was measured with", path=adapter)
    # The folder is what was measured; where it is gone, as after a cache was emptied, the name finds the model again.
    where = run.model.folder if Path(run.model.folder).is_dir() else run.model.name
    base = replace(model, name=where, dtype="float32")
    backend.check(base)
    return Lineage(run, base, adapter)


def questions(reader: Reader, run: Run) -> Questions:
    """The run's own items; where it asked none of a kind, its other items are asked in that way too."""
    asked = [(task, _first(reader, run, task, _share(reader, run, task))) for task in reader.tasks(run.id)]
    generate = [(_greedy(task.generation), samples) for task, samples in asked if task.mode == "generate" and samples]
    choose = [sample for task, samples in asked if task.mode == "choose" for sample in samples]
    pairs = [(sample.prompt, choice) for sample in choose for choice in sample.choices]
    if not pairs:
        pairs = [pair for _, samples in generate for pair in _targets(samples)]
    if not generate and choose:
        generate = [(_PLAIN, tuple(choose))]
    if not generate or not pairs:
        raise UsageError(f"{run.id} has recorded no items to prove a merged model by", remedy="run it to its end")
    return Questions(tuple(generate), tuple(pairs))


def merge(
    made_of: Lineage, asked: Questions, backend: Backend, place: Place, observer: Observer, card: Callable[[Proof], str]
) -> Proof:
    """The merged model in its place if it is proved, with what ``card`` says of it as README.md.

    What an earlier call has proved is not made again. Where it is not proved nothing is left behind, as when anything
    fails on the way.
    """
    if (found := place.made_before(made_of.names)) is not None:
        observer.note(f"{place.folder} was merged and proved before")
        return Proof(**found)
    observer.stage("merging the adapter into its base")
    whole = place.workplace / "model"
    backend.merge(made_of.base, made_of.adapter, whole)
    observer.stage("asking the adapter")
    with backend.open(made_of.base) as model:
        _check_base(made_of.run, model)
        before = _answers(model.with_adapter(made_of.adapter), asked)
    observer.stage("asking the merged model")
    with backend.open(replace(made_of.base, name=str(whole))) as model:
        proof = _compared(before, _answers(model, asked))
    if proof.is_proved:
        place.keep(whole, made_of.names, asdict(proof), card(proof))
    return proof


def _share(reader: Reader, run: Run, task: Task) -> int:
    """How many items of a task are asked: the tasks of one kind share them."""
    alike = sum(each.mode == task.mode for each in reader.tasks(run.id))
    return -(-ITEMS // alike)


def _first(reader: Reader, run: Run, task: Task, count: int) -> tuple[Sample, ...]:
    answered = reader.done(run.id, task.name)
    order = [sample for sample in reader.order(run.id, task.name) if sample in answered][:count]
    return tuple(reader.samples(run.id, task.name, order))


def _targets(samples: Sequence[Sample]) -> Iterator[tuple[Prompt, str]]:
    for sample in samples:
        if text := next((target for target in sample.targets if target.strip()), None):
            yield sample.prompt, text


def _greedy(settings: GenerationSettings) -> GenerationSettings:
    return replace(settings, temperature=0.0, top_p=1.0, repeats=1)


def _check_base(run: Run, model: Model) -> None:
    """The base model's files go into the merged one: each must be what the run was measured with."""
    assert run.model is not None, "a run with an adapter has a model"
    for name, fact in BY_CONTENT.items():
        if getattr(model.facts, fact) != getattr(run.model, fact):
            problem = f"the base model's {name} changed since {run.id} was measured"
            raise UsageError(problem, path=Path(model.facts.folder), remedy="restore it, or measure it again")


def _answers(model: Model, asked: Questions) -> tuple[list[str], list[float]]:
    texts = [
        answer.text
        for settings, samples in asked.prompts
        for answer in model.generate(
            [sample.prompt for sample in samples], settings, sample_ids=[sample.id for sample in samples]
        )
    ]
    batch_size = asked.prompts[0][0].batch_size
    return texts, [each.value for each in model.log_likelihoods(asked.pairs, batch_size=batch_size)]


def _compared(before: tuple[list[str], list[float]], after: tuple[list[str], list[float]]) -> Proof:
    texts = [one == other for one, other in zip(before[0], after[0], strict=True)]
    apart = [abs(one - other) for one, other in zip(before[1], after[1], strict=True)]
    worst = max(
        math.inf if math.isnan(each) else each for each in apart
    )  # max() alone would pass over what is no number
    return Proof(len(texts), sum(texts), len(apart), worst)
