"""Flags that several commands share; each can be given as ``HARNESS_<FLAG>`` too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.catalog import Catalog
    from harness.cli.progress import LiveObserver, QuietObserver
    from harness.experiment import Setting
    from harness.host import Host
    from harness.plan import Plan
    from harness.protocols import Observer
    from harness.values import Ref, Suite

Command = TypeVar("Command", bound=Callable[..., Any])
Flag = str | int | None
"""What a flag holds; ``None`` where it was not given."""


def flag(name: str, *target: str, **settings: Any) -> Callable[[Command], Command]:  # noqa: ANN401 - click's own options
    """An option that ``HARNESS_<NAME>`` sets too."""
    variable = "HARNESS_" + name.lstrip("-").replace("-", "_").upper()
    return click.option(name, *target, envvar=variable, show_envvar=True, show_default=True, **settings)


def _in_a_folder(context: click.Context, parameter: click.Parameter, path: Path | None) -> Path | None:
    """The path as it is; a folder that is missing is told before the work and not after it."""
    if path is not None and not path.parent.is_dir():
        raise click.BadParameter(f"there is no folder {str(path.parent)!r}", context, parameter)
    return path


output = flag(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("results"),
    help="Folder of the record and of checkpoints.",
)
as_json = flag("--json", "as_json", is_flag=True, help="Print JSON instead of a screen.")
svg = flag(
    "--svg",
    type=click.Path(path_type=Path, dir_okay=False, writable=True),
    callback=_in_a_folder,
    help="Save the screen as a picture too.",
)
limit = flag("--limit", type=click.IntRange(min=1), help="At most this many items of each task and benchmark.")
num_fewshot = flag("--num-fewshot", type=click.IntRange(min=0), help="Examples before each benchmark question.")
batch_size = flag("--batch-size", type=click.IntRange(min=1), help="Prompts in one forward pass.")
seed = flag("--seed", type=click.IntRange(0, 2**32 - 1), help="Seed of data order, training and sampling.")
no_cache = flag("--no-cache", is_flag=True, help="Ask every item, even where the record holds the answer.")
device = flag("--device", type=str, help="cpu, cuda, cuda:1, mps or auto.")


def suite_changes(command: Command) -> Command:
    """The flags that change what a suite says."""
    for option in (device, seed, batch_size, num_fewshot, limit):
        command = option(command)
    return command


def suite_flags(command: Command) -> Command:
    """The flags of every command that runs a suite."""
    return suite_changes(output(as_json(command)))


def hosts(context: click.Context) -> tuple[Host, Catalog]:
    """The plugins of this call and their catalog."""
    from harness.catalog import Catalog
    from harness.host import Host

    host = Host.load(without=context.obj or ())
    return host, Catalog.build(host)


def planned(
    path: Path, catalog: Catalog, flags: Mapping[str, Flag], change: Callable[[Suite], Suite] | None = None
) -> Plan:
    """The plan of a suite file with the flags put in place of what the file says, and then a further change."""
    from harness import plan
    from harness.suite.load import load

    limit = flags.get("limit")
    suite = _overridden(load(path), catalog, flags)
    suite = change(suite) if change else suite
    return plan.make(suite, catalog, limit=limit if isinstance(limit, int) else None)


def watching(*, quiet: bool) -> LiveObserver | QuietObserver:
    """What tells a person how far the work is; nothing where the output is for a script."""
    from harness.cli.progress import LiveObserver, QuietObserver

    return QuietObserver() if quiet else LiveObserver()


def setting(output: Path, host: Host, catalog: Catalog, observer: Observer, *, reuse: bool = True) -> Setting:
    """Where an experiment takes place, who takes part, and whether recorded answers are taken over."""
    from harness.experiment import Setting

    return Setting(output, host, catalog, observer, reuse)


def _overridden(suite: Suite, catalog: Catalog, flags: Mapping[str, Flag]) -> Suite:
    """The suite with every flag that was given put in its place."""
    from harness.suite.load import override

    given = {name: value for name, value in flags.items() if value is not None}
    changes: dict[str, Any] = {name: given[name] for name in ("batch_size", "seed") if name in given}
    if changes:
        changes["tasks"] = tuple(replace(t, generation=replace(t.generation, **changes)) for t in suite.tasks)
    if "num_fewshot" in given:
        shots = int(given["num_fewshot"])
        changes["benchmarks"] = tuple(
            replace(each, ref=_with_shots(suite, index, catalog, shots)) for index, each in enumerate(suite.benchmarks)
        )
    if "device" in given or "model" in given:
        name, device = str(given.get("model", suite.model.name)), str(given.get("device", suite.model.device))
        changes["model"] = replace(suite.model, name=name, device=device)
    return override(suite, **changes)


def _with_shots(suite: Suite, index: int, catalog: Catalog, shots: int) -> Ref:
    """The benchmark with that many examples; one that has no examples, as the canary, stays as it is."""
    import dataclasses

    ref = suite.benchmarks[index].ref
    try:
        plugin_class = catalog.find("benchmark", ref.name).plugin_class
    except UsageError as error:
        raise error.at(suite.path, suite.line("benchmarks", index)) from None
    has_shots = any(each.name == "num_fewshot" for each in dataclasses.fields(plugin_class))
    return replace(ref, options={**ref.options, "num_fewshot": shots}) if has_shots else ref


def write_picture(path: Path, picture: str) -> None:
    """Save a picture; ``UsageError`` where that cannot be."""
    try:
        path.write_text(picture, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot be written: {error.strerror}", path=path) from None
