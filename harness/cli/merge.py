"""The command merge: a run's adapter in its base weights, proved, with a model card; and a quantised copy, judged."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli import options
from harness.cli.exits import OF_VERDICT, Exit

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.execution.merging import Proof
    from harness.protocols import Backend, Quantization
    from harness.quantised import Judged
    from harness.store.reader import Reader
    from harness.values import Run

    Card = Callable[[Proof], str]

_BASELINES = ("base", "prompted")


@click.command()
@click.argument("run")
@click.option(
    "--output",
    "folder",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    required=True,
    help="Where the merged model is to be.",
)
@click.option(
    "--quantize",
    type=click.Choice(["nf4", "int8"]),
    help="Write a copy in 4 or 8 bits too, FOLDER-nf4 or FOLDER-int8, and judge it against the merged model.",
)
@click.option(
    "--results",
    type=click.Path(path_type=Path),
    default=Path("results"),
    show_default=True,
    envvar="HARNESS_OUTPUT",
    show_envvar=True,
    help="Folder of the record.",
)
@options.device
@options.as_json
@click.pass_context
def merge(
    context: click.Context,
    /,
    run: str,
    folder: Path,
    quantize: Quantization | None,
    results: Path,
    device: str | None,
    as_json: bool,
) -> int:
    """Merge a recorded run's adapter into its base weights, and prove that nothing else changed.

    Both answer the run's own items in float32: at least 99 % of the greedy texts must be equal, and no
    log-likelihood may be off by more than 0.001. What is not proved is not kept, and the exit status is 3. A quantised
    copy is judged as any candidate: gates that limit a drop hold it to the merged model, the others ask what they ask.
    After a crash the same command goes on where it stopped.
    """
    import contextlib
    from dataclasses import replace

    from harness import quantised
    from harness.execution import merging
    from harness.execution.places import claimed
    from harness.store.database import RECORD
    from harness.store.reader import Reader
    from harness.suite.load import load
    from harness.values import Ref

    host, catalog = options.hosts(context)
    judged: Judged | None = None
    with (
        Reader(results / RECORD) as reader,
        options.watching(quiet=as_json) as observer,
        contextlib.ExitStack() as claims,
    ):
        recorded = _tuned(reader, run)
        path, text = reader.suite_file(recorded.experiment)
        suite = load(path, text=text)
        suite = replace(suite, model=replace(suite.model, device=device or suite.model.device))
        backend: Backend = catalog.make("backend", Ref(suite.model.backend)).instance
        made_of = merging.lineage(recorded, backend, suite.model)
        asked = merging.questions(reader, recorded)
        place = claims.enter_context(claimed(folder.resolve()))
        place.refuse_other(made_of.names)
        copy = None
        if quantize:
            copy = claims.enter_context(claimed(place.folder.with_name(f"{place.folder.name}-{quantize}")))
            copy.refuse_other(quantised.names(made_of, suite.model, quantize))
        proof = merging.merge(made_of, asked, backend, place, observer, _card(reader, recorded))
        if proof.is_proved and quantize and copy:
            setting = options.setting(results, host, catalog, observer)
            judged = quantised.judge(reader, setting, suite, made_of, place, copy, quantize)
            copy.describe(_card(reader, recorded, judged)(proof))
    _tell(recorded, proof, place.folder, copy.folder if judged and copy else None, judged, path, results, as_json)
    if not proof.is_proved:
        return Exit.FAILED
    return OF_VERDICT[judged.verdict.outcome] if judged and judged.verdict else Exit.DONE


def _tuned(reader: Reader, name: str) -> Run:
    """The run of this name; of an experiment, the only one with an adapter, besides checkpoints that were tried."""
    adapted = [run for run in reader.experiment_runs(name) if run.adapter and "@" not in run.arm]
    return adapted[0] if len(adapted) == 1 else reader.run(name)


def _card(reader: Reader, run: Run, judged: Judged | None = None) -> Card:
    """What writes the model card, once the proof is there."""
    from datetime import UTC, datetime

    from harness import __version__
    from harness.report.card import Story, card

    arms = [each for each in reader.experiment_runs(run.experiment) if each.arm in (*_BASELINES, run.arm)]
    recorded = reader.verdict(run.experiment)
    # the verdict on another candidate of the experiment is none on this one
    verdict = recorded[1] if recorded and recorded[0].runs[-1].id == run.id else None

    def written(proof: Proof) -> str:
        story = Story(
            run=run,
            arms=tuple(arms),
            trainings=tuple(reader.trainings(run.experiment)),
            verdict=verdict,
            proof=proof.words,
            written=datetime.now(UTC).isoformat(timespec="minutes"),
            version=__version__,
            quantised=(judged.kind, judged.comparison, judged.verdict) if judged else None,
        )
        return card(story)

    return written


def _tell(
    run: Run,
    proof: Proof,
    folder: Path,
    copy: Path | None,
    judged: Judged | None,
    suite: Path,
    results: Path,
    as_json: bool,
) -> None:
    from rich.console import Console

    from harness.report import export
    from harness.report.merge import merge_screen, quantised_screen

    place = "" if results == Path("results") else f" --output {results}"
    if as_json:
        facts = {"run": run.id, "folder": folder if proof.is_proved else None, "is_proved": proof.is_proved}
        told = {"comparison": judged.comparison, "verdict": judged.verdict} if judged else {}
        quantised = {"quantised": {"folder": copy, "kind": judged.kind, **told}} if judged else {}
        click.echo(export.json_text({**facts, "proof": proof, **quantised}))
        return
    console = Console()
    onward = f"harness eval --suite {suite} --model {folder} --arm tuned{place}"
    console.print(merge_screen(run, folder, proof.words, is_proved=proof.is_proved, next_command=onward))
    if judged and copy:
        broken = f"harness show {judged.comparison.runs[-1].id} --broken --against {judged.merged.id}{place}"
        console.print()
        console.print(quantised_screen(judged.comparison, judged.verdict, copy, next_command=broken))
