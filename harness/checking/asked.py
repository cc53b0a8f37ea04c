"""Which data checks are done, with which options, and how grave what they find is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from harness.catalog import Catalog, Offer, Planned
from harness.errors import UsageError
from harness.protocols import DataCheck
from harness.values import Ref, Severity, Suite, SuiteCheck

_NONE: Mapping[str, Mapping[str, Any]] = {}


@dataclass(frozen=True, slots=True)
class PlannedCheck:
    """A data check that will be done."""

    planned: Planned
    severity: Severity | None = None
    """Of what it finds, in the place of its own; ``None`` leaves its own."""

    @property
    def name(self) -> str:
        """Its bare name, or the full one where two distributions offer a check of that name."""
        return self.planned.label


def asked(
    catalog: Catalog,
    suite_checks: Sequence[SuiteCheck],
    *,
    in_run: bool,
    only: Sequence[str] = (),
    skip: Sequence[str] = (),
    options: Mapping[str, Mapping[str, Any]] = _NONE,
    suite: Suite | None = None,
) -> tuple[tuple[PlannedCheck, ...], Mapping[str, str]]:
    """The checks to do, in the order in which plugins offer them, and those that cannot be done, each with the reason.

    Every check of the catalog is done with its defaults unless the suite says otherwise; in a run only those that are
    quick enough for it and those that the suite lists. ``only`` and ``skip`` name checks by hand and go before what the
    suite says. ``options`` (bare name -> options) are put over those of the suite.

    Raises ``UsageError``, with the line of ``suite`` where it is about that, for unknown names, bad options, and for
    packages that are missing for a check that the suite or ``only`` names; of any other check they are just a reason.
    """
    choice = _Choice(catalog, in_run, suite)
    choice.read(suite_checks)
    wanted, unwanted = ({choice.find(name).full_name for name in names} for names in (only, skip))
    checks: list[PlannedCheck] = []
    missing: dict[str, str] = {}
    for offer in choice.offers:
        if offer.full_name in unwanted or not (offer.full_name in wanted if wanted else choice.is_usual(offer)):
            continue
        try:
            checks.append(choice.planned(offer, options.get(offer.name, {})))
        except UsageError as error:
            if offer.full_name in choice.listed:
                raise choice.located(error, offer) from None
            if offer.full_name in wanted:
                raise
            missing[choice.label(offer)] = choice.why_not(offer, error)
    return tuple(checks), missing


@dataclass(slots=True)
class _Choice:
    """What the suite says of each check."""

    catalog: Catalog
    in_run: bool
    suite: Suite | None
    listed: dict[str, SuiteCheck] = field(default_factory=dict)
    """By full name, as all that follows."""
    places: dict[str, int] = field(default_factory=dict)

    @property
    def offers(self) -> list[Offer]:
        return [offer for offer in self.catalog.offers if offer.kind == "data_check"]

    def find(self, name: str) -> Offer:
        return self.catalog.find("data_check", name)

    def read(self, suite_checks: Sequence[SuiteCheck]) -> None:
        for index, check in enumerate(suite_checks):
            try:
                name = self.find(check.ref.name).full_name
            except UsageError as error:
                raise self._at(error, index) from None
            if name in self.listed:
                raise self._at(UsageError(f"data check {check.ref.name!r} is listed twice", remedy="keep one"), index)
            self.listed[name], self.places[name] = check, index

    def is_usual(self, offer: Offer) -> bool:
        """Whether it is done without being named by hand."""
        if offer.full_name in self.listed:
            return self.listed[offer.full_name].severity != "off"
        return not self.in_run or cast("type[DataCheck]", offer.plugin_class).in_runs

    def planned(self, offer: Offer, options: Mapping[str, Any]) -> PlannedCheck:
        listed = self.listed.get(offer.full_name)
        own = listed.ref.options if listed else {}
        severity = listed.severity if listed and listed.severity != "off" else None
        return PlannedCheck(self.catalog.make("data_check", Ref(self.label(offer), {**own, **options})), severity)

    def label(self, offer: Offer) -> str:
        return offer.name if sum(each.name == offer.name for each in self.offers) == 1 else offer.full_name

    def why_not(self, offer: Offer, error: UsageError) -> str:
        if missing := offer.missing_packages():
            return f"needs {', '.join(missing)}; pip install {' '.join(missing)}"
        return str(error)

    def located(self, error: UsageError, offer: Offer) -> UsageError:
        return self._at(error, self.places[offer.full_name])

    def _at(self, error: UsageError, index: int) -> UsageError:
        return error.at(self.suite.path, self.suite.line("checks", index)) if self.suite else error
