"""One call of ``harness advise`` at work: look, measure, ask, reason."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli import advise_answers, options
from harness.errors import HarnessError, UsageError

if TYPE_CHECKING:
    from harness.advice.counsel import Counsel
    from harness.advice.money.cost import Prices
    from harness.advice.time.duration import Probed
    from harness.catalog import Catalog
    from harness.experiment import Setting
    from harness.foresight import Foresight
    from harness.host import Host
    from harness.plan import Plan
    from harness.store.reader import Reader
    from harness.survey.baselines import Measured
    from harness.survey.ground import Ground
    from harness.survey.subject import Subject
    from harness.values import SuiteAdvice


@dataclass
class Work:
    """One call at work."""

    output: Path
    host: Host
    catalog: Catalog
    as_json: bool
    reader: Reader | None
    prices: Prices
    subject: Subject
    ground: Ground
    items: int
    measures: bool
    anew: bool
    """Whether to measure was asked for, so that the weights are looked at and not only the record."""
    asks: bool

    @classmethod
    def begun(
        cls,
        context: click.Context,
        stack: contextlib.ExitStack,
        suite: Path | None,
        output: Path,
        as_json: bool,
        flags: dict[str, Any],
    ) -> Work:
        """Read what there is; nothing is opened yet."""
        from harness.suite.prices import load
        from harness.survey.ground import survey

        host, catalog = options.hosts(context)
        subject = _subject(suite, catalog, flags)
        return cls(
            output=output,
            host=host,
            catalog=catalog,
            as_json=as_json,
            reader=_reader(stack, output),
            prices=load(subject.answers.prices),
            subject=subject,
            ground=survey(subject, catalog),
            items=flags["items"],
            measures=_measures(as_json, flags) and subject.plan is not None,
            anew=bool(flags["measure"]),
            asks=not (as_json or flags["yes"]) and sys.stdin.isatty() and sys.stderr.isatty(),
        )

    def advise(self) -> tuple[Counsel, Foresight | None]:
        """Measure, ask, and reason."""
        from harness.survey.gathering import Findings, gather

        measured = self._measured()
        if self.asks:
            self._fill_in(measured)
        foresight = self._foresight()
        found = Findings(
            measured=measured,
            probed=self._probed() if self.measures else None,
            evaluation_seconds=foresight.seconds_as_planned if foresight else None,
        )
        return gather(self.subject, self.ground, found, self.catalog, self.prices, self.reader), foresight

    @contextlib.contextmanager
    def _measuring(self) -> Iterator[Setting]:
        """Where measuring takes place, its progress shown; what it needs is imported here, and only then."""
        with options.watching(quiet=self.as_json) as observer:
            yield options.setting(self.output, self.host, self.catalog, observer)

    def _measured(self) -> Measured | None:
        from harness.report import numbers
        from harness.survey import baselines

        plan = self.subject.plan
        if plan is None:
            return None
        known = baselines.recorded(plan, self.reader, items=self.items) if self.reader else None
        if not self.measures or (known and not self.anew):
            return known
        with self._measuring() as setting:
            ways = baselines.candidates(plan)
            expected = baselines.seconds_expected(plan, ways, items=self.items, reader=self.reader)
            if expected is not None:
                setting.observer.note(
                    f"asking takes about {numbers.duration(expected)}, by the base model's recorded runs"
                )
            return baselines.measure(plan, setting, items=self.items)

    def _probed(self) -> Probed | None:
        """Twenty steps of what would be trained; a probe that fails is told, and the time reckoned instead."""
        from harness.survey.gathering import trained, trainer_of
        from harness.survey.probe import probe

        trainer = trainer_of(self.subject, trained(self.subject, self.ground, self.catalog))
        if trainer is None or self.subject.plan is None or not self.ground.is_here:
            return None
        try:
            plan = _training_plan(self.subject.plan, trainer, self.catalog)
            with self._measuring() as setting:
                return probe(plan, setting, trainer, lengths=self.ground.lengths)
        except HarnessError as error:
            self.subject = replace(self.subject, notes=(*self.subject.notes, f"the 20 steps came to nothing: {error}"))
            return None

    def _foresight(self) -> Foresight | None:
        from harness.foresight import foresee

        plan = self.subject.plan
        try:
            return foresee(plan, self.reader) if plan and plan.gates else None
        except UsageError:
            return None  # a suite whose gates all ask judges or people has nothing to foresee

    def _fill_in(self, measured: Measured | None) -> None:
        from harness.cli.advise_form import fill_in
        from harness.survey.situating import situation

        given = fill_in(situation(self.subject, self.ground, measured.baselines if measured else ()))
        known = {each.name for each in fields(type(self.subject.answers))}
        said: dict[str, Any] = {name: each for name, each in given.items() if name in known}
        answers = replace(self.subject.answers, **said)
        self.subject = replace(self.subject, answers=answers)
        if "rows" in given:
            self.subject = replace(self.subject, said_rows=int(str(given["rows"])))


def _measures(as_json: bool, flags: dict[str, Any]) -> bool:
    if flags["measure"] is not None:
        return bool(flags["measure"])
    return bool(flags["yes"]) or not as_json


def _subject(suite: Path | None, catalog: Catalog, flags: dict[str, Any]) -> Subject:
    from harness.survey import subject
    from harness.values import ModelRef, SuiteAdvice

    if suite is not None:
        plan = options.planned(suite, catalog, {})
        return subject.of_plan(plan, advise_answers.over(plan.suite.advice, flags))
    said: SuiteAdvice = advise_answers.over(SuiteAdvice(), flags)
    # a GPU opens it in bfloat16; what a suite says of that there is nobody to say here
    model = ModelRef(flags["model"], dtype="bfloat16" if said.gpu else "float32") if flags["model"] else None
    return subject.of_files(model, {path.name: path for path in flags["data"]}, flags["rows"], said)


def _reader(stack: contextlib.ExitStack, output: Path) -> Reader | None:
    from harness.store.database import RECORD
    from harness.store.reader import Reader

    record = output / RECORD
    return stack.enter_context(Reader(record)) if record.is_file() else None


def _training_plan(plan: Plan, trainer: Any, catalog: Catalog) -> Plan:  # noqa: ANN401 - a Ref
    """The plan with a training, where the suite has none of its own."""
    from harness import plan as planning
    from harness.suite.load import override
    from harness.values import SuiteStage, SuiteTraining

    if plan.training:
        return plan
    stages = (SuiteStage(trainer, "train", None),)
    return planning.make(override(plan.suite, training=SuiteTraining(stages)), catalog)
