"""Every arm asked, over one set of weights: most tasks arm by arm, those that may stop early side by side."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.errors import HarnessError, ModelFailed
from harness.execution import environment, stopping
from harness.execution.benchmarks import LoadedBenchmarks
from harness.execution.cache import Cache, what_computes
from harness.execution.evaluate import Evaluation
from harness.host import Host
from harness.identity import digest, file_sha256
from harness.plan import Plan, PlannedTask
from harness.protocols import Model, Observer
from harness.store.database import now
from harness.store.reader import Reader
from harness.store.writer import Writer
from harness.values import Arm, Fault, ModelFacts, ModelRef, Run

IsDecided = Callable[[PlannedTask, Mapping[str, Run]], bool]
"""Whether the gates on a task are certain by what these runs have recorded so far."""


@dataclass(frozen=True, slots=True)
class Arms:
    """The arms of one experiment at work."""

    loaded: LoadedBenchmarks
    experiment: str
    writer: Writer
    reader: Reader
    host: Host
    observer: Observer
    is_decided: IsDecided
    reuse: bool
    """Whether answers of earlier runs are taken over (``execution.cache``)."""

    @property
    def plan(self) -> Plan:
        """The plan with its benchmarks' items."""
        return self.loaded.plan

    def recorded(self) -> dict[str, Run]:
        """The runs that the record holds already, by arm."""
        return {run.arm: run for run in self.reader.experiment_runs(self.experiment)}

    def evaluate(self, arms: Sequence[Arm], models: Mapping[ModelRef, Model]) -> dict[str, Run]:
        """Ask every arm what is not recorded yet, each with its own of the opened models; by arm, the finished runs."""
        recorded = self.recorded()
        # All of them before the first is asked: an adapter that does not fit must not cost the others' minutes.
        views = [models[arm.model].with_adapter(arm.adapter) for arm in arms]
        askings = []
        for arm, view in zip(arms, views, strict=True):
            asking = self._begin(arm, recorded.get(arm.name), view)
            with self._failing([asking]):
                for planned in self.plan.tasks_of(arm.name):
                    if planned.task.stopping is None:
                        asking.of(planned)
            askings.append(asking)
            if not self._races(asking):
                self._finish(asking)
        racing = [asking for asking in askings if self._races(asking)]
        with self._failing(racing):
            for planned in self.plan.benchmarks:
                if planned.task.stopping is not None:
                    self._race(planned, racing)
        for asking in racing:
            self._finish(asking)
        return {asking.arm.name: asking.run for asking in askings}

    def _race(self, planned: PlannedTask, askings: Sequence[Evaluation]) -> None:
        runs = {asking.arm.name: asking.run for asking in askings}
        asked = stopping.ask_until(planned, askings, lambda: self.is_decided(planned, runs))
        for asking in askings:
            asking.conclude(planned)
        if asked < len(planned.samples):
            self.observer.note(f"{planned.name}: certain after {asked:,} of {len(planned.samples):,} items")

    def _races(self, asking: Evaluation) -> bool:
        return any(planned.task.stopping is not None for planned in self.plan.tasks_of(asking.arm.name))

    def _begin(self, arm: Arm, earlier: Run | None, model: Model) -> Evaluation:
        facts = replace(model.facts, name=arm.model.name)
        self._prove_other(arm, facts)
        run = earlier or self._new(arm)
        if run.model and (changed := _changed(run.model, facts)):
            raise ModelFailed(f"{facts.name}: the {changed} changed since {run.id} began; restore it, or use --output")
        if earlier and arm.adapter and earlier.adapter_sha256 != folder_digest(arm.adapter):
            raise ModelFailed(f"{arm.adapter}: the adapter changed since {run.id} began; restore it, or use --output")
        if run.status != "finished":
            run = replace(run, status="running", model=facts, environment=environment.on(run.environment, facts.device))
            self.writer.start_run(run)
            self.writer.update_run(run)
            self.host.watch("harness_run_started", {"run": run}, self._record_fault)
        trusted = arm.model.trust_remote_code
        computes = what_computes(self.plan.backend, facts, run.adapter_sha256, trusted=trusted)
        cache = Cache(self.reader, run.id, model, arm.prompting, computes, self.reuse)
        seed = self.plan.suite.seed
        return Evaluation(run, arm, model, cache, seed, self.writer, self.reader, self.host, self.observer)

    def _prove_other(self, arm: Arm, facts: ModelFacts) -> None:
        """A whole model that was trained from the suite's must hold other weights than that."""
        given = self.plan.suite.model.name
        if arm.adapter is not None or facts.name == given:
            return
        models = (run.model for run in self.recorded().values() if run.model and run.model.name == given)
        if any(model.weights_sha256 == facts.weights_sha256 for model in models):
            raise ModelFailed(f"{facts.name} holds the very weights of {given}: its training changed nothing")

    def _new(self, arm: Arm) -> Run:
        suite = self.plan.suite
        return Run(
            id=f"{self.experiment}/{arm.name}",
            experiment=self.experiment,
            suite=suite.name,
            suite_digest=suite.digest,
            arm=arm.name,
            seed=suite.seed,
            status="running",
            started=now(),
            finished=None,
            environment=environment.describe(suite.path.parent),
            origins=self.plan.origins,
            adapter=str(arm.adapter) if arm.adapter else None,
            adapter_sha256=folder_digest(arm.adapter) if arm.adapter else None,
            not_measured={} if arm.name == "prompted" else self.loaded.not_measured,
            notes=() if arm.name == "prompted" else self.loaded.notes,
        )

    def _finish(self, asking: Evaluation) -> None:
        if asking.run.status == "finished":
            return
        reused = self.reader.run(asking.run.id).reused
        asking.run = self._closed(
            replace(asking.run, status="finished", estimates=tuple(asking.estimates), reused=reused)
        )
        if reused:
            share = f"{sum(reused.values()):,} of {asking.run.items:,}"
            self.observer.note(f"{asking.arm.name}: {share} items answered by the record")

    @contextlib.contextmanager
    def _failing(self, askings: Sequence[Evaluation]) -> Iterator[None]:
        """What is raised inside closes these runs as failed; what they have recorded stays."""
        try:
            yield
        except Exception as error:
            for asking in askings:
                if asking.run.status != "finished":
                    self._closed(replace(asking.run, status="failed"))
            if isinstance(error, HarnessError):
                raise
            names = ", ".join(asking.run.id for asking in askings)
            raise ModelFailed(f"{names}: {type(error).__name__}: {error}") from error

    def _closed(self, run: Run) -> Run:
        closed = replace(run, finished=now())
        self.writer.finish_run(run.id, run.status, closed.finished or now())
        self.host.watch("harness_run_finished", {"run": closed}, self._record_fault)
        return closed

    def _record_fault(self, fault: Fault) -> None:
        self.writer.add_fault(self.experiment, None, fault)
        self.observer.note(f"{fault.origin}: {fault.hook}: {fault.error}")


BY_CONTENT = {
    "weights": "weights_sha256",
    "configuration": "config_sha256",
    "tokenizer": "tokenizer_sha256",
    "chat template": "template_sha256",
}
"""What of a model must stay as it was, with the field of its facts that tells."""


def _changed(before: ModelFacts, now: ModelFacts) -> str | None:
    """What of the model is not what it was, in words."""
    return next((name for name, fact in BY_CONTENT.items() if getattr(before, fact) != getattr(now, fact)), None)


def folder_digest(folder: Path) -> str:
    """What tells one adapter from another: its weights and its configuration."""
    files = sorted(folder.glob("*.safetensors")) + sorted(folder.glob("adapter_config.json"))
    return digest([file_sha256(file) for file in files])
