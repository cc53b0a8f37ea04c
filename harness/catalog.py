"""From a name to a plugin class with its origin, and from options to an instance."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import inspect
from collections.abc import Mapping
from typing import Any, get_args

from harness.errors import UsageError, did_you_mean
from harness.host import Host, Loaded
from harness.protocols import Backend, Benchmark, DataCheck, Judge, Metric, Trainer
from harness.values import Kind, Origin, Ref

KINDS: Mapping[Kind, tuple[str, type]] = {
    "backend": ("harness_register_backends", Backend),
    "trainer": ("harness_register_trainers", Trainer),
    "metric": ("harness_register_metrics", Metric),
    "judge": ("harness_register_judges", Judge),
    "benchmark": ("harness_register_benchmarks", Benchmark),
    "data_check": ("harness_register_data_checks", DataCheck),
}
assert set(KINDS) == set(get_args(Kind))


@dataclasses.dataclass(frozen=True, slots=True)
class Offer:
    """A plugin class with its name and who offers it."""

    kind: Kind
    name: str
    plugin_class: type
    origin: Origin

    @property
    def full_name(self) -> str:
        """``distribution/name``, which is unique always."""
        return f"{self.origin.distribution}/{self.name}"

    @property
    def summary(self) -> str:
        """The first line of its docstring."""
        return (inspect.getdoc(self.plugin_class) or "").split("\n")[0]

    def missing_packages(self) -> tuple[str, ...]:
        """The distributions that it needs and that are not installed."""
        return tuple(name for name in self.plugin_class.requires_packages if not _installed(name))  # type: ignore[attr-defined]


@dataclasses.dataclass(frozen=True, slots=True)
class Planned:
    """A plugin instance that a suite asked for, as it asked for it."""

    ref: Ref
    instance: Any
    origin: Origin
    label: str = ""
    """How the record and the report call it (``values.labels``)."""


class Catalog:
    """Every plugin class by kind and name."""

    def __init__(self, offers: tuple[Offer, ...], host: Host) -> None:
        self.offers = offers
        self._host = host

    @classmethod
    def build(cls, host: Host) -> Catalog:
        """Ask each plugin for its offers; one whose offers cannot be used is set aside whole."""
        offers: list[Offer] = []
        for kind, (hook, protocol) in KINDS.items():
            for plugin, classes in list(host.ask(hook)):
                found, why_not = _offers(kind, plugin, classes, protocol)
                if why_not:
                    host.set_aside(plugin.name, why_not)
                offers.extend(found)
        gone = {(each.origin.distribution, each.origin.entry_point) for each in host.broken}
        return cls(tuple(o for o in offers if (o.origin.distribution, o.origin.entry_point) not in gone), host)

    def classes(self, kind: Kind) -> Mapping[str, Offer]:
        """The offers of one kind by full name, sorted."""
        return {
            offer.full_name: offer for offer in sorted(self.offers, key=lambda o: o.full_name) if offer.kind == kind
        }

    def clashes(self) -> tuple[tuple[Offer, ...], ...]:
        """Bare names that more than one plugin offers."""
        groups: dict[tuple[str, str], list[Offer]] = {}
        for offer in self.offers:
            groups.setdefault((offer.kind, offer.name), []).append(offer)
        return tuple(tuple(group) for group in groups.values() if len(group) > 1)

    def find(self, kind: Kind, name: str) -> Offer:
        """The offer of this bare or full name; ``UsageError`` names near ones, rivals and broken plugins."""
        matches = [o for o in self.offers if o.kind == kind and name in (o.name, o.full_name)]
        if len(matches) == 1:
            return matches[0]
        title = kind.replace("_", " ")
        if matches:
            rivals = " and ".join(f"{offer.full_name} ({offer.origin})" for offer in matches)
            raise UsageError(f"{title} {name!r} is offered twice: {rivals}", remedy="write the full name")
        names = {o.name for o in self.offers if o.kind == kind}
        blame = "".join(f" (set aside: {broken})" for broken in self._host.broken)
        raise UsageError(f"unknown {title} {name!r}", remedy=did_you_mean(name, names) + blame)

    def make(self, kind: Kind, ref: Ref) -> Planned:
        """The plugin that ``ref`` names with its options checked and its packages present."""
        offer = self.find(kind, ref.name)
        if missing := offer.missing_packages():
            needs = ", ".join(missing)
            raise UsageError(
                f"{kind.replace('_', ' ')} {ref.name!r} needs {needs}, which is not installed",
                remedy=f"pip install {' '.join(missing)}",
            )
        return Planned(ref, _instance(offer, ref.options), offer.origin, ref.name)

    def trainer(self, ref: Ref) -> Trainer:
        """The trainer that ``ref`` names."""
        instance: Trainer = self.make("trainer", ref).instance
        return instance


def _offers(kind: Kind, plugin: Loaded, classes: tuple[type, ...], protocol: type) -> tuple[list[Offer], str | None]:
    offers = []
    for plugin_class in classes:
        if why_not := _unusable(plugin_class, protocol):
            return [], why_not
        offers.append(Offer(kind, plugin_class.name, plugin_class, plugin.origin))  # type: ignore[attr-defined]
    return offers, None


def _unusable(plugin_class: object, protocol: type) -> str | None:
    if not isinstance(plugin_class, type):
        return f"offers {plugin_class!r}, which is not a class"
    if not dataclasses.is_dataclass(plugin_class):
        return f"{plugin_class.__name__} is not a dataclass; its fields are its options: @dataclass(frozen=True)"
    needed = [name for name in (*protocol.__annotations__, *vars(protocol)) if not name.startswith("_")]
    missing = [name for name in needed if not hasattr(plugin_class, name)]
    if missing:
        return f"{plugin_class.__name__} lacks {', '.join(missing)}, which every {protocol.__name__} has"
    if not isinstance(plugin_class.name, str) or "/" in plugin_class.name:  # type: ignore[attr-defined]
        return f"{plugin_class.__name__}.name is not a plain word"
    return None


def _instance(offer: Offer, options: Mapping[str, Any]) -> Any:  # noqa: ANN401 - of the offer's class
    import pydantic

    title = f"{offer.kind.replace('_', ' ')} {offer.name!r}"
    known = {each.name: each for each in dataclasses.fields(offer.plugin_class) if each.init}
    for option in options:
        if option not in known:
            its = ", ".join(known) or "no options"
            raise UsageError(
                f"{title} has no option {option!r}", remedy=f"{did_you_mean(option, known)} (it has {its})"
            )
    try:
        made: Any = pydantic.TypeAdapter(offer.plugin_class).validate_python(dict(options))
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        cause = first.get("ctx", {}).get("error")
        what = str(cause) if cause else f"{first['msg']}, not {first['input']!r}"
        raise UsageError(f"{title}: {where + ': ' if where else ''}{what}") from None
    for option, value in options.items():
        # a number would be made of it, 1 or 0, and nobody means that
        if isinstance(value, bool) and not isinstance(getattr(made, option), bool):
            raise UsageError(f"{title}: {option} is neither true nor false, and it is given {str(value).lower()}")
    return made


def _installed(distribution: str) -> bool:
    try:
        importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
