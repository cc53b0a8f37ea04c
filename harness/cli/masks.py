"""What ``harness train --show-masks`` shows: the first rows as the model would see them, and nothing is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from harness.cli.exits import Exit

if TYPE_CHECKING:
    from harness.experiment import Setting
    from harness.plan import Plan

ROWS = 3
"""As many as fit a screen."""


class Rows(click.IntRange):
    """A number of rows; the suite, if it was taken for one, is told where to stand."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401 - click's own
        """The number, or click's error."""
        if isinstance(value, str) and not value.lstrip("+-").isdigit():
            self.fail(f"{value!r} is no number of rows; the suite stands before --show-masks", param, ctx)
        return super().convert(value, param, ctx)


option = click.option(
    "--show-masks",
    "show_masks",
    is_flag=False,
    flag_value=ROWS,
    type=Rows(min=1),
    metavar="[ROWS]",
    help=f"Show the first rows ({ROWS} unless told) token by token, with what is learned, and train nothing.",
)


def show(plan: Plan, setting: Setting, rows: int, *, as_json: bool) -> Exit:
    """Print the first rows of the last training with their masks; the plan has a training."""
    from rich.console import Console

    from harness import experiment
    from harness.report import export
    from harness.report.masks import masks_screen

    assert plan.training is not None
    found, total = experiment.training_masks(plan, setting, rows), len(plan.training.stages[-1].train)
    if as_json:
        click.echo(export.json_text({"rows": found, "of": total}))
    else:
        Console().print(masks_screen(found, total))
    return Exit.DONE
