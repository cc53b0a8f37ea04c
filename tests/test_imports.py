"""The house has one direction of imports, and heavy packages one door each."""

from __future__ import annotations

import ast
import graphlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import harness
from harness import hookspecs, protocols, rows, values

ROOT = Path(__file__).parent.parent
MODULES = sorted((ROOT / "harness").rglob("*.py"))
PLUGINS = sorted((ROOT / "plugins").rglob("*.py"))

GROUND = ("values", "rows", "errors", "identity", "similarity", "hub", "models", "wheels", "machine")
LEAVES = ("data", "comparison", "store", "advice")
FLOORS: dict[str, tuple[str, ...]] = {
    "values": (),
    "rows": ("values",),
    "similarity": ("errors",),
    "errors": (),
    "identity": ("values", "rows"),
    "hub": (),
    "models": ("errors",),
    "wheels": ("errors",),
    "machine": (),
    "suite": (*GROUND, "advice"),
    "report": (*GROUND, "advice"),
    **{leaf: (*GROUND, leaf) for leaf in LEAVES},
    "review": (*GROUND, "data", "store", "report", "review"),
    "protocols": GROUND,
    "hookspecs": (*GROUND, "protocols"),
    "authoring": (*GROUND, "protocols"),
    "__init__": (*GROUND, "protocols", "hookspecs", "authoring", "advice"),
    "host": (*GROUND, "hookspecs"),
    "catalog": (*GROUND, "protocols", "host"),
    "rules": (*GROUND, "protocols", "catalog"),
    "checking": (*GROUND, "protocols", "catalog", "data", "checking"),
    "plan": (*GROUND, "protocols", "catalog", "data", "checking", "rules"),
    "execution": (
        *GROUND, "__init__", "protocols", "host", "catalog", "plan", "checking", "comparison", "store", "data",
        "execution",
    ),
    "growth": (*GROUND, "protocols", "catalog", "data", "checking", "execution", "growth"),
    "labels": GROUND,
    "opinions": (*GROUND, "protocols", "catalog", "store"),
    "judgement": (*GROUND, "protocols", "catalog", "comparison", "store", "opinions"),
    "foresight": (*GROUND, "protocols", "catalog", "plan", "comparison", "store"),
    "experiment": (
        *GROUND, "__init__", "protocols", "host", "catalog", "plan", "execution", "judgement", "data", "store"
    ),
    "control": (
        *GROUND, "__init__", "protocols", "host", "catalog", "plan", "execution", "experiment", "judgement",
        "comparison", "store",
    ),
    "quantised": (
        *GROUND, "protocols", "catalog", "plan", "execution", "experiment", "judgement", "store",
    ),
    "survey": (
        *GROUND, "__init__", "protocols", "host", "catalog", "plan", "execution", "experiment", "foresight", "advice",
        "suite", "data", "store",
    ),
    "cli": (
        *GROUND, "__init__", "protocols", "host", "catalog", "plan", "execution", "experiment", "judgement",
        "opinions", "foresight", "survey", "advice", "control",
        "quantised", "labels", "checking", "growth", "data", "suite", "comparison",
        "store", "report", "review", "cli",
    ),
    "testing": (*GROUND, "__init__", "protocols", "hookspecs", "authoring", "host", "catalog", "testing"),
}  # fmt: skip
"""What each part of the house may import, type-only imports counted too."""

DOORS: dict[str, tuple[str, ...]] = {
    "sqlite_utils": ("store",),
    "rich": ("report", "cli"),
    "click": ("cli",),
    "pydantic": ("suite", "catalog"),
    "numpy": ("comparison",),
    "krippendorff": ("comparison",),
    "scipy": ("comparison",),
    "yaml": ("suite",),
    "datasets": ("data",),
    "pyarrow": ("data",),
    "zstandard": ("data",),
    "ijson": ("data",),
    "rensa": ("similarity",),
    "rapidfuzz": ("similarity",),
    "psutil": ("machine",),
    "torch": ("testing",),
    "transformers": ("testing",),
    "peft": ("testing",),
    "tokenizers": ("testing",),
}
"""Packages that only these parts may name."""


def imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            module = node.module or ""
            yield module
            if module == "harness" or (module.startswith("harness") and (ROOT / module.replace(".", "/")).is_dir()):
                yield from (f"{module}.{alias.name}" for alias in node.names if _is_module(module, alias.name))


def _is_module(package: str, name: str) -> bool:
    folder = ROOT / package.replace(".", "/")
    return (folder / f"{name}.py").is_file() or (folder / name).is_dir()


def part_of(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def part_of_file(path: Path) -> str:
    return path.relative_to(ROOT / "harness").parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_part_imports_only_what_stands_below_it(path: Path) -> None:
    part = part_of_file(path)
    inner = {part_of(name) for name in imports_of(path) if name.split(".")[0] == "harness"}
    if path.name != "__init__.py" and any(name.startswith("harness.") for name in imports_of(path)):
        inner.discard("__init__") if not _names_the_face(path) else None
    allowed = {*FLOORS[part], part}
    assert inner <= allowed, f"{part} may not import {sorted(inner - allowed)}"


def _names_the_face(path: Path) -> bool:
    """Whether a module takes a name from ``harness`` itself rather than one of its modules."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "harness":
            return any(not _is_module("harness", alias.name) for alias in node.names)
        if isinstance(node, ast.Import) and any(alias.name == "harness" for alias in node.names):
            return True
    return False


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_heavy_packages_have_one_door(path: Path) -> None:
    part = part_of_file(path)
    for package in {name.split(".")[0] for name in imports_of(path)}:
        assert not package.startswith("harness_"), f"{path} imports the plugin {package}"
        assert part in DOORS.get(package, (part,)), f"{part} may not import {package}"


@pytest.mark.parametrize("path", PLUGINS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_plugin_knows_the_face_and_itself_only(path: Path) -> None:
    own = path.relative_to(ROOT / "plugins").parts[0]
    for name in imports_of(path):
        top = name.split(".")[0]
        if top == "harness":
            assert part_of(name) == "__init__", f"{path} goes past the face to {name}"
        assert not top.startswith("harness_") or top == own, f"{path} imports another plugin, {top}"


def test_no_import_goes_in_a_circle() -> None:
    """Module by module, imports in bodies and for types alone counted too."""
    below = {_name(path): set(_modules_named_in(path)) - {_name(path)} for path in MODULES}
    house = below.keys()
    list(graphlib.TopologicalSorter({name: needed & house for name, needed in below.items()}).static_order())


def _name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def _modules_named_in(path: Path) -> Iterator[str]:
    """What a module takes something from; a package whose modules alone are named is none of it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                yield f"{node.module}.{alias.name}" if _is_module(node.module, alias.name) else node.module


@pytest.mark.parametrize("package", [values, protocols], ids=["values", "protocols"])
def test_a_package_that_was_one_page_gives_all_that_its_modules_define(package: ModuleType) -> None:
    """So that nobody needs to know which of its modules a name stands in."""
    folder = ROOT / package.__name__.replace(".", "/")
    defined = {name for path in folder.glob("[!_]*.py") for name in _defined_in(path)}
    assert defined == set(package.__all__)
    past_the_face = [
        str(path)
        for path in [*MODULES, *PLUGINS]
        if path.parent != folder and any(name.startswith(f"{package.__name__}.") for name in imports_of(path))
    ]
    assert past_the_face == []


def _defined_in(path: Path) -> Iterator[str]:
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        names = [each.id for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)]
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            names = [node.name]
        yield from (name for name in names if not name.startswith("_"))


ROWS = [name for name, each in vars(rows).items() if getattr(each, "__module__", "") == rows.__name__]
HANDED_OVER = {*values.__all__, *protocols.__all__, *ROWS}
"""Types of the house that a plugin may meet."""


@pytest.mark.parametrize("name", [name for name in vars(hookspecs) if name.startswith("harness_")])
def test_whatever_a_hook_is_given_has_its_name_on_the_face(name: str) -> None:
    assert _types_named_by(vars(hookspecs)[name]) <= set(harness.__all__)


@pytest.mark.parametrize("name", [name for name in protocols.__all__ if name in harness.__all__])
def test_whatever_a_plugin_is_given_or_gives_has_its_name_on_the_face(name: str) -> None:
    for member in vars(getattr(harness, name)).values():
        assert _types_named_by(member.fget if isinstance(member, property) else member) <= set(harness.__all__)


def _types_named_by(function: object) -> set[str]:
    written = " ".join(map(str, getattr(function, "__annotations__", {}).values()))
    return set(re.findall(r"[A-Za-z_]+", written)) & HANDED_OVER


def test_the_types_of_the_face_are_told_to_a_plugins_type_checker() -> None:
    """Without this file mypy takes an installed package's every name for ``Any``."""
    assert (ROOT / "harness" / "py.typed").is_file()


def test_every_module_imports_alone() -> None:
    """One fresh process each would take minutes; a fresh interpreter state each takes seconds."""
    names = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in MODULES
        if path.name != "__main__.py"
    ]
    program = f"""
import importlib, os, sys
for name in {names!r}:
    if os.fork() == 0:
        try:
            importlib.import_module(name)
        except BaseException as error:
            print(name, type(error).__name__, error, flush=True)
            os._exit(1)
        os._exit(0)
    _, status = os.wait()
    if status:
        sys.exit(name)
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_help_imports_nothing_heavy() -> None:
    program = """
import sys
sys.argv = ["harness", "--help"]
from harness.cli.main import cli
cli.main(["--help"], standalone_mode=False)
heavy = {"torch", "transformers", "numpy", "pydantic", "scipy", "sqlite_utils", "rich"} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)


def test_an_experiment_loads_the_statistics_of_scipy_only_when_it_judges() -> None:
    """They take a second, which a training without a verdict would wait for in vain."""
    program = """
import sys
import harness.experiment
loaded = {"scipy.optimize", "scipy.special", "scipy.stats"} & set(sys.modules)
assert not loaded, loaded
from harness.comparison.statistics import bound
assert bound([0.0] * 50, 0.05, 1, (-1.0, 1.0)) < 0
assert "scipy.optimize" in sys.modules
assert "scipy.stats" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True)
