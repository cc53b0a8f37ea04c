"""Finds, checks, blocks and calls plugins."""

from __future__ import annotations

import importlib.metadata
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType, ModuleType

import pluggy

from harness import hookspecs
from harness.errors import UsageError, did_you_mean
from harness.values import Fault, Origin

HEAVY = ("torch", "transformers", "datasets", "lm_eval")
"""What a plugin must not import at its top: every command would wait for it."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A plugin that takes part."""

    name: str
    """``distribution:entry point``, so that no plugin can hide another."""
    origin: Origin
    module: object
    heavy: tuple[str, ...] = ()
    """Heavy packages that its import pulled in; a fault of the plugin that costs every command time."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A plugin that was set aside, and why."""

    name: str
    origin: Origin
    error: str

    def __str__(self) -> str:
        return f"{self.origin} did not load ({self.error})"


class Host:
    """The plugins of this process; a value passed down, never a global."""

    def __init__(self, plugins: Iterable[tuple[str, Origin, Callable[[], object]]]) -> None:
        """Load ``(name, origin, loader)`` in order; a plugin that fails is set aside in ``broken``."""
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)
        loaded: list[Loaded] = []
        broken: list[Broken] = []
        for name, origin, load in plugins:
            try:
                loaded.append(self._register(name, origin, load))
            except (Exception, SystemExit) as error:
                broken.append(Broken(name, origin, _brief(error)))
        self.loaded = tuple(loaded)
        self._broken = broken

    @classmethod
    def load(cls, *, without: Iterable[str] = ()) -> Host:
        """Every installed plugin, sorted by (distribution, name), except those named in ``without``."""
        blocked = set(without)
        points = importlib.metadata.entry_points(group=hookspecs.PROJECT)
        found: dict[str, tuple[Origin, Callable[[], object]]] = {}
        for point in points:
            distribution, version = (point.dist.name, point.dist.version) if point.dist else ("unknown", "0")
            found[f"{distribution}:{point.name}"] = (Origin(distribution, version, point.name), point.load)
        return cls((name, *found[name]) for name in sorted(found) if name not in blocked)

    @property
    def broken(self) -> tuple[Broken, ...]:
        """The plugins that were set aside."""
        return tuple(self._broken)

    def set_aside(self, name: str, error: str) -> None:
        """Take a plugin out of the game, because what it offered cannot be used."""
        plugin = next(each for each in self.loaded if each.name == name)
        self._manager.unregister(plugin.module, plugin.name)
        self.loaded = tuple(each for each in self.loaded if each.name != name)
        self._broken.append(Broken(name, plugin.origin, error))

    def ask(self, hook: str) -> Iterator[tuple[Loaded, tuple[type, ...]]]:
        """What each plugin offers at a register hook, each asked alone; one that raises is set aside."""
        for plugin in self.loaded:
            try:
                answers = [tuple(answer) for answer in self._alone(plugin, hook)() if answer is not None]
            except (Exception, SystemExit) as error:
                self.set_aside(plugin.name, f"{hook}: {_brief(error)}")
                continue
            yield plugin, tuple(offer for answer in answers for offer in answer)

    def watch(self, hook: str, values: Mapping[str, object], record: Callable[[Fault], None]) -> None:
        """Call a watch hook; a watcher that raises becomes a recorded ``Fault``, the others still run."""
        for plugin in self.loaded:
            try:
                self._alone(plugin, hook)(**MappingProxyType(dict(values)))
            except (Exception, SystemExit) as error:
                record(Fault(plugin.origin, hook, _brief(error), traceback.format_exc()))

    def _register(self, name: str, origin: Origin, load: Callable[[], object]) -> Loaded:
        before = set(sys.modules)
        module = load()
        heavy = tuple(each for each in HEAVY if each in sys.modules and each not in before)
        self._refuse_unknown_hooks(module)
        self._manager.register(module, name)
        return Loaded(name, origin, module, heavy)

    def _refuse_unknown_hooks(self, module: object) -> None:
        known = [name for name in vars(hookspecs) if name.startswith("harness_")]
        for name in dir(module):
            misspelt = name.startswith("harness_") and name not in known
            marked = self._manager.parse_hookimpl_opts(module, name) is not None
            is_submodule = isinstance(getattr(module, name, None), ModuleType)
            if (marked or misspelt) and name not in known and not is_submodule:
                raise UsageError(f"unknown hook {name!r}: {did_you_mean(name, known)}")

    def _alone(self, plugin: Loaded, hook: str) -> Callable[..., list[Iterable[type]]]:
        others = [each.module for each in self.loaded if each.name != plugin.name]
        return self._manager.subset_hook_caller(hook, remove_plugins=others)


def _brief(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    if lines and isinstance(error, UsageError):
        return lines[0]
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
