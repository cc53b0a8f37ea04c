"""Every arm asked, over one set of weights: most tasks arm by arm, those that may stop early side by side."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from harness.errors import HarnessError, ModelFailed
from harness.execution import environment, stopping
from harness.execution.benchmarks import LoadedBenchmarks
from harness.execution.evaluate import Evaluation
from harness.host import Host
from harness.identity import digest, file_sha256
from harness.plan import Plan, PlannedTask
from harness.protocols import Model, Observer
from harness.store.reader import Reader
from harness.store.writer import Writer
from harness.values import Arm, Fault, Run

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

    @property
    def plan(self) -> Plan:
        """The plan with its benchmarks' items."""
        return self.loaded.plan

    def recorded(self) -> dict[str, Run]:
        """The runs that the record holds already, by arm."""
        return {run.arm: run for run in self.reader.experiment_runs(self.experiment)}

    def evaluate(self, arms: Sequence[Arm], model: Model) -> dict[str, Run]:
        """Ask every arm what is not recorded yet; by arm, the finished runs."""
        recorded = self.recorded()
        askings = []
        for arm in arms:
            asking = self._begin(arm, recorded.get(arm.name), model)
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

    def _begin(self, arm: Arm, earlier: Run | None, base: Model) -> Evaluation:
        model = base.with_adapter(arm.adapter)
        facts = replace(model.facts, name=self.plan.suite.model.name)
        run = earlier or self._new(arm)
        if run.model and run.model.weights_sha256 != facts.weights_sha256:
            raise ModelFailed(f"{facts.name}: the weights changed since {run.id} began; restore them, or use --output")
        if earlier and arm.adapter and earlier.adapter_sha256 != folder_digest(arm.adapter):
            raise ModelFailed(f"{arm.adapter}: the adapter changed since {run.id} began; restore it, or use --output")
        if run.status != "finished":
            run = replace(run, status="running", model=facts, environment=replace(run.environment, device=facts.device))
            self.writer.start_run(run)
            self.writer.update_run(run)
            self.host.watch("harness_run_started", {"run": run}, self._record_fault)
        return Evaluation(run, arm, model, self.plan.suite.seed, self.writer, self.reader, self.host, self.observer)

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
        if asking.run.status != "finished":
            asking.run = self._closed(replace(asking.run, status="finished", estimates=tuple(asking.estimates)))

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


def folder_digest(folder: Path) -> str:
    """What tells one adapter from another: its weights and its configuration."""
    files = sorted(folder.glob("*.safetensors")) + sorted(folder.glob("adapter_config.json"))
    return digest([file_sha256(file) for file in files])


def now() -> str:
    """The time as the record keeps it."""
    return datetime.now(UTC).isoformat(timespec="seconds")
