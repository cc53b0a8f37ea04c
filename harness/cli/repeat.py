"""``harness run --repeat RUN``: the same training from what the record holds, and whether it went the same way."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.exits import Exit
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.values import Suite


def suite_of(run: str, output: Path) -> tuple[str, Suite]:
    """The experiment of this name or of a recorded run, and its suite as it was then."""
    from harness.store.database import RECORD
    from harness.store.reader import Reader
    from harness.suite.load import load

    with Reader(output / RECORD) as reader:
        recorded = next(iter(reader.experiment_runs(run)), None) or reader.run(run)
        experiment, digest = recorded.experiment, recorded.suite_digest
        path, text = reader.suite_file(experiment)
        if not reader.trainings(experiment):
            raise UsageError(f"{experiment} trained nothing that could be repeated", remedy="name a run with a trainer")
        if not reader.is_finished(experiment):
            raise UsageError(
                f"{experiment} was cut off, and its suite would go on with it instead of repeating it",
                path=path,
                remedy="run the suite to its end first",
            )
    suite = load(path, text=text)
    if suite.digest != digest:
        raise UsageError(
            f"{experiment} was run with flags in place of what its suite says",
            path=path,
            remedy="write them into the suite and run that twice",
        )
    return experiment, suite


def tell(earlier: str, experiment: str, output: Path) -> Exit:
    """Say of each training whether it went as before; the exit status is that of a failed gate where one did not."""
    from harness.execution.repetition import compare
    from harness.store.database import RECORD
    from harness.store.reader import Reader

    same = True
    with Reader(output / RECORD) as reader:
        for before, now in zip(reader.trainings(earlier), reader.trainings(experiment), strict=True):
            found = compare(reader.progress(earlier, before.stage), reader.progress(experiment, now.stage))
            rows = "" if before.data == now.data else "; it was trained on other rows"
            click.echo(f"{now.trainer.name} of {experiment} against {earlier}: {found.sentence}{rows}", err=True)
            same = same and found.is_the_same
    return Exit.DONE if same else Exit.FAILED
