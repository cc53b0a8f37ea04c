"""Which arms ``harness eval`` asks: those named on the command line, each with a name that no other has."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import UsageError
from harness.identity import digest

if TYPE_CHECKING:
    from harness.plan import Plan
    from harness.values import Arm


def asked(plan: Plan, adapters: Sequence[Path], names: Sequence[str]) -> tuple[Arm, ...]:
    """``base`` and ``prompted`` where they are named, then an arm for each adapter; ``base`` where nothing is named.

    Without an adapter ``tuned`` is the model itself, a checkpoint that was saved whole. Raises ``UsageError`` for what
    is no adapter, for one named twice, and for an arm that the suite does not have.
    """
    from harness.values import Arm

    folders = [_folder(adapter) for adapter in adapters]
    _refuse_twice(adapters, folders)
    wanted = set(names) or ({"tuned"} if folders else {"base"})
    planned = {arm.name: arm for arm in plan.arms}
    if "prompted" in wanted and "prompted" not in planned:
        raise UsageError("the suite has no prompted arm", path=plan.suite.path, remedy="add 'prompted:'")
    arms = tuple(planned[name] for name in ("base", "prompted") if name in wanted)
    if folders:
        tuned = zip(tuned_names(folders), folders, strict=True)
        return (*arms, *(Arm(name, plan.suite.model, folder) for name, folder in tuned))
    if "tuned" not in wanted:
        return arms
    if arms:
        raise UsageError(
            f"without an adapter tuned and {arms[0].name} are the same weights",
            remedy="give --adapter FOLDER, or ask tuned alone",
        )
    if plan.training is not None and not Path(plan.suite.model.name).exists():
        raise UsageError("a tuned arm needs its weights", remedy="give --adapter FOLDER or --model FOLDER")
    return (Arm("tuned", plan.suite.model),)


def tuned_names(folders: Sequence[Path]) -> list[str]:
    """``tuned`` for one adapter; for several ``tuned@`` and the shortest end of its path that no other one has.

    Of ASCII letters, digits, dots, dashes and underscores, for a run's id is typed into shells.
    """
    if len(folders) == 1:
        return ["tuned"]
    return [f"tuned@{_own_end(folder, [other for other in folders if other != folder])}" for folder in folders]


def _own_end(folder: Path, others: Sequence[Path]) -> str:
    taken = {end for other in others for end in _ends(other)}
    # two paths may differ in nothing but what a name cannot hold
    return next((end for end in _ends(folder) if end not in taken), f"{_ends(folder)[0]}-{digest(folder)[:8]}")


def _ends(folder: Path) -> list[str]:
    """The ends of a path as names, the folder's own name first, the whole path last."""
    parts = [re.sub(r"[^A-Za-z0-9._-]+", "-", part) for part in folder.parts[1:]]
    return ["-".join(parts[-count:]) for count in range(1, len(parts) + 1)]


def _folder(adapter: Path) -> Path:
    if not (adapter / "adapter_config.json").is_file():
        raise UsageError(
            "no adapter (it holds no adapter_config.json)", path=adapter, remedy="name a PEFT adapter folder"
        )
    return adapter.resolve()


def _refuse_twice(adapters: Sequence[Path], folders: Sequence[Path]) -> None:
    for adapter, folder in zip(adapters, folders, strict=True):
        if folders.count(folder) > 1:
            raise UsageError("is given as an adapter twice", path=adapter, remedy="name each folder once")
