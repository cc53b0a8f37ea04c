"""A plugin that raises, or that ends the process, costs its own offers and nothing else."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from harness import hookimpl
from harness.host import Host
from harness.values import Fault, Origin


def plugin(name: str, **hooks: object) -> ModuleType:
    module = ModuleType(name)
    vars(module).update(hooks)
    return module


def host(*modules: ModuleType) -> Host:
    return Host((each.__name__, Origin("test", "1.0", each.__name__), lambda each=each: each) for each in modules)


def leave(*_: object, **__: object) -> None:
    sys.exit(0)


@pytest.fixture
def quiet() -> ModuleType:
    @hookimpl
    def harness_register_metrics() -> list[type]:
        return []

    return plugin("quiet", harness_register_metrics=harness_register_metrics)


def test_a_plugin_that_leaves_while_it_is_imported_is_set_aside(quiet: ModuleType) -> None:
    both = [
        ("leaves", Origin("test", "1.0", "leaves"), leave),
        ("quiet", Origin("test", "1.0", "quiet"), lambda: quiet),
    ]
    found = Host(both)
    assert [each.name for each in found.loaded] == ["quiet"]
    assert [each.name for each in found.broken] == ["leaves"]


def test_a_plugin_that_leaves_when_it_is_asked_is_set_aside(quiet: ModuleType) -> None:
    @hookimpl
    def harness_register_metrics() -> list[type]:
        sys.exit(0)

    found = host(plugin("leaves", harness_register_metrics=harness_register_metrics), quiet)
    assert [each.name for each, _ in found.ask("harness_register_metrics")] == ["quiet"]
    assert "harness_register_metrics" in found.broken[0].error


def test_a_watcher_that_leaves_becomes_a_fault_and_the_others_still_hear() -> None:
    heard: list[object] = []
    faults: list[Fault] = []

    @hookimpl(specname="harness_training_progressed")
    def harness_training_progressed(job: object, progress: object) -> None:
        sys.exit(0)

    @hookimpl(specname="harness_training_progressed")
    def hears(job: object, progress: object) -> None:
        heard.append(progress)

    first = plugin("leaves", harness_training_progressed=harness_training_progressed)
    second = plugin("hears", harness_training_progressed=hears)
    host(first, second).watch("harness_training_progressed", {"job": None, "progress": 7}, faults.append)
    assert heard == [7]
    assert [fault.hook for fault in faults] == ["harness_training_progressed"]
