"""One arm asked everything: samples -> answers -> store -> scores -> store -> estimates.

The work goes in chunks of a fixed make-up, each committed whole. A run that was cut off goes on at the first chunk that
is not in the record, and since a chunk's make-up does not depend on what is done already, its numbers are those of an
undisturbed run. Of a chunk the model is asked only what no earlier run has asked (``execution.cache``).
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from harness.catalog import Planned
from harness.comparison import compare, whole
from harness.execution.cache import Answered, Cache
from harness.execution.prompting import answered, assemble, thinks, with_thoughts
from harness.execution.score import score
from harness.host import Host
from harness.plan import PlannedTask
from harness.protocols import MetricOverSums, Model, Observer, ScoringContext
from harness.store.reader import Reader
from harness.store.writer import Writer
from harness.values import Arm, Estimate, Fault, Generation, Item, Prompt, Provenance, Run, Sample, Score

BATCHES_A_CHUNK = 4
"""A crash costs at most these; more lets the backend sort by length and share prompt heads over more items."""


@dataclass(slots=True)
class Evaluation:
    """What asking an arm needs at hand."""

    run: Run
    arm: Arm
    model: Model
    cache: Cache
    seed: int
    writer: Writer
    reader: Reader
    host: Host
    observer: Observer
    estimates: list[Estimate] = field(default_factory=list)
    """What the tasks came to that have been concluded."""
    _faults_told: set[str] = field(default_factory=set)
    _running: dict[str, _Running] = field(default_factory=dict)

    def of(self, planned: PlannedTask) -> tuple[Estimate, ...]:
        """Ask and score what is not recorded yet, and record the task's estimates."""
        self.begin(planned)
        self.ask(planned, planned.samples)
        return self.conclude(planned)

    def begin(self, planned: PlannedTask) -> None:
        """Record the task and its items in their order, and see what is answered already."""
        task = planned.task
        conditions = self.cache.conditions(task)
        self.writer.start_task(self.run.id, task, planned.samples, planned.source, conditions)
        running = _Running(done=self.reader.done(self.run.id, task.name))
        for metric in planned.metrics:
            running.add(metric.label, self.reader.scores(self.run.id, task.name, metric.label))
        self._running[task.name] = running
        self._tell(planned)

    def ask(self, planned: PlannedTask, samples: Sequence[Sample]) -> None:
        """Ask and score some of the task's items."""
        running = self._running[planned.name]
        for chunk in chunks(samples, BATCHES_A_CHUNK * planned.task.generation.batch_size):
            if not running.done.issuperset(sample.id for sample in chunk):
                self._ask_chunk(planned, chunk, running)
            running.count += len(chunk)
            self._tell(planned)

    def has_answered(self, planned: PlannedTask, sample: Sample) -> bool:
        """Whether the record held the sample's answers when the task was begun."""
        return sample.id in self._running[planned.name].done

    def conclude(self, planned: PlannedTask) -> tuple[Estimate, ...]:
        """Record what the task came to."""
        estimates = tuple(self._estimate(planned, metric) for metric in planned.metrics)
        self.writer.add_estimates(self.run.id, estimates)
        self.estimates.extend(estimates)
        about = {"run": self.run, "task": planned.task, "estimates": estimates}
        self.host.watch("harness_task_finished", about, self._record_fault)
        return estimates

    def _tell(self, planned: PlannedTask) -> None:
        running = self._running[planned.name]
        self.observer.task_progressed(self.arm.name, planned.name, running.count, len(planned.samples), running.means)

    def _ask_chunk(self, planned: PlannedTask, chunk: Sequence[Sample], running: _Running) -> None:
        requests = self.cache.requests(planned.task, chunk)
        answered = self.cache.known(planned.task, requests)
        if unknown := [sample for sample in chunk if sample.id not in answered]:
            answers = _ANSWERERS[planned.task.mode](self, planned, unknown)
            for sample, given in zip(unknown, answers, strict=True):
                answered[sample.id] = Answered(given, tuple(map(Provenance, requests[sample.id])))
        items = [Item(sample, answered[sample.id].generations) for sample in chunk]
        context = ScoringContext(planned.name, self.seed)
        scores = {metric.label: score(metric, items, context, self._record_fault) for metric in planned.metrics}
        flat = [generation for item in items for generation in item.generations]
        provenance = [each for sample in chunk for each in answered[sample.id].provenance]
        self.writer.add_batch(self.run.id, planned.name, flat, scores, provenance)
        for name, given_scores in scores.items():
            running.add(name, given_scores)

    def _generate(self, planned: PlannedTask, chunk: Sequence[Sample]) -> list[tuple[Generation, ...]]:
        repeats = planned.task.generation.repeats
        asked = [sample for sample in chunk for _ in range(repeats)]
        prompts = [self._prompt(planned, sample) for sample in asked]
        ids = [sample.id for sample in asked]
        settings = planned.task.generation
        if thinks(self.arm.prompting, planned.task.mode):
            roomy = with_thoughts(settings, self.model.facts.window)
            written = self.model.generate(prompts, roomy, sample_ids=ids)
            answers = [answered(each, settings.stop) for each in written]
        else:
            answers = list(self.model.generate(prompts, settings, sample_ids=ids))
        return [tuple(answers[first : first + repeats]) for first in range(0, len(answers), repeats)]

    def _choose(self, planned: PlannedTask, chunk: Sequence[Sample]) -> list[tuple[Generation, ...]]:
        asked = [(self._prompt(planned, sample), choice) for sample in chunk for choice in sample.choices]
        began = time.perf_counter()
        weights = iter(self.model.log_likelihoods(asked, batch_size=planned.task.generation.batch_size))
        seconds = (time.perf_counter() - began) / len(asked)
        return [
            tuple(
                Generation(
                    sample.id, index, choice, "choice", weight.context_tokens, weight.continuation_tokens, seconds,
                    weight.value, weight.is_greedy,
                )
                for index, (choice, weight) in enumerate(zip(sample.choices, weights, strict=False))
            )
            for sample in chunk
        ]  # fmt: skip

    def _weigh(self, planned: PlannedTask, chunk: Sequence[Sample]) -> list[tuple[Generation, ...]]:
        """Raw text is weighed as a whole, a conversation's right answer after all that stands before it."""
        batch_size = planned.task.generation.batch_size
        began = time.perf_counter()
        if planned.is_raw_text:
            texts = [str(sample.prompt) for sample in chunk]
            weights = self.model.rolling_log_likelihoods(texts, batch_size=batch_size)
        else:
            texts = [sample.targets[0] for sample in chunk]
            contexts = [self._prompt(planned, sample) for sample in chunk]
            weights = self.model.log_likelihoods(list(zip(contexts, texts, strict=True)), batch_size=batch_size)
        seconds = (time.perf_counter() - began) / len(chunk)
        return [
            (
                Generation(
                    sample.id, 0, text, "given", weight.context_tokens, weight.continuation_tokens, seconds,
                    weight.value, weight.is_greedy,
                ),
            )
            for sample, text, weight in zip(chunk, texts, weights, strict=True)
        ]  # fmt: skip

    def _prompt(self, planned: PlannedTask, sample: Sample) -> Prompt:
        return assemble(self.arm.prompting, sample.prompt, planned.task.mode)

    def _estimate(self, planned: PlannedTask, metric: Planned) -> Estimate:
        scores = self.reader.scores(self.run.id, planned.name, metric.label)
        clusters = {sample.id: sample.cluster for sample in planned.samples}
        # After an early stop no plain interval holds; the comparison has one that does.
        bounds = metric.instance.bounds if len(scores) == len(planned.samples) else None
        aggregate = metric.instance.aggregate
        try:
            shares = self._shares(metric, scores) if len(scores) == len(planned.samples) else None
            return compare.estimate(planned.name, metric.label, scores, bounds, aggregate, clusters, shares)
        except Exception as error:  # the plugin's own sum; the scores are recorded, and gates rest on these alone
            why = f"it could not sum up its scores: {type(error).__name__}: {error}"
            self._record_fault(Fault(metric.origin, f"metric {metric.label}", why, traceback.format_exc()))
            known = sum(score.value is not None for score in scores)
            return Estimate(planned.name, metric.label, None, None, None, known, len(scores) - known)

    def _shares(self, metric: Planned, scores: Sequence[Score]) -> Sequence[float] | None:
        """Each scored item's share in the value, where that is reckoned from sums."""
        known = [score for score in scores if score.value is not None]
        instance = metric.instance
        if not known or not isinstance(instance, MetricOverSums):
            return None
        return [float(each) for each in whole.shares([instance.parts(score) for score in known], instance.whole)]

    def _record_fault(self, fault: Fault) -> None:
        """Each misstep once a run: a metric that raises on every chunk is one fault, not a hundred."""
        told = f"{fault.hook}: {fault.error}"
        if told not in self._faults_told:
            self._faults_told.add(told)
            self.writer.add_fault(self.run.experiment, self.run.id, fault)
            self.observer.note(f"{fault.origin}: {told}")


_ANSWERERS: dict[str, Callable[[Evaluation, PlannedTask, Sequence[Sample]], list[tuple[Generation, ...]]]] = {
    "generate": Evaluation._generate,
    "choose": Evaluation._choose,
    "likelihood": Evaluation._weigh,
}


class _Running:
    """How far a task is, and means so far for the eyes only; the estimates come from the record."""

    def __init__(self, done: set[str]) -> None:
        self.done = done
        self.count = 0
        self._sums: dict[str, tuple[float, int]] = {}

    def add(self, metric: str, scores: Sequence[Score]) -> None:
        values = [each.value for each in scores if each.value is not None]
        total, count = self._sums.get(metric, (0.0, 0))
        self._sums[metric] = (total + sum(values), count + len(values))

    @property
    def means(self) -> dict[str, float]:
        return {metric: total / count for metric, (total, count) in self._sums.items() if count}


def chunks(samples: Sequence[Sample], size: int) -> Iterator[Sequence[Sample]]:
    """The samples in chunks of ``size``, or of up to twice as many where a stratum would else be torn apart.

    Items of one stratum, as the questions of an MMLU subject, share the beginning of their prompts: it is run once a
    chunk.
    """
    start = 0
    while start < len(samples):
        end = start + size
        while end < min(start + 2 * size, len(samples)) and _are_one_part(samples[end - 1], samples[end]):
            end += 1
        yield samples[start:end]
        start = end


def _are_one_part(one: Sample, other: Sample) -> bool:
    return one.stratum is not None and one.stratum == other.stratum
