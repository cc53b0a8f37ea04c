"""``harness data grow``: new rows out of old ones, by any model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli import options
from harness.cli.exits import Exit
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.catalog import Catalog
    from harness.growth.growing import Grown, Wanted
    from harness.values import JudgeModel

RECIPES = ("paraphrase", "back_translation", "few_shot")


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--output", "-o", type=click.Path(path_type=Path), required=True, help="Where the new rows go.")
@click.option("--count", type=click.IntRange(min=1), default=100, show_default=True, help="Rows that are wanted.")
@click.option(
    "--recipe",
    type=click.Choice(RECIPES),
    default="paraphrase",
    show_default=True,
    help="Say questions in other words, translate them there and back, or write new rows after examples.",
)
@click.option("--model", required=True, help="Who writes: a hub id, a folder, a .gguf file, or a server's model.")
@click.option("--base-url", help="A server that speaks OpenAI's chat completions; without one the model runs here.")
@click.option("--judge-model", help="Who grades the new answers.  [default: --model]")
@click.option("--least-grade", type=click.FloatRange(0, 1), default=0.7, show_default=True, help="From 0 to 1.")
@click.option("--no-judge", is_flag=True, help="Keep rows without a grade.")
@click.option("--held-out", type=click.Path(path_type=Path), multiple=True, help="A file whose rows must not come out.")
@click.option("--language", default="German", show_default=True, help="Of back_translation.")
@click.option("--examples", type=click.IntRange(min=1), default=4, show_default=True, help="Of few_shot.")
@click.option("--calls", type=click.IntRange(min=1), help="Ask a model at most so often.")
@click.option("--temperature", type=click.FloatRange(min=0), default=0.8, show_default=True)
@click.option("--max-new-tokens", type=click.IntRange(min=1), default=512, show_default=True)
@click.option("--device", default="auto", show_default=True, help="Where a model without a server runs.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@options.as_json
@click.pass_context
def grow(context: click.Context, /, file: Path, output: Path, as_json: bool, **flags: Any) -> int:  # noqa: ANN401 - click's own
    """Write new rows after those of a file, with any model, and mark them as synthetic.

    A new row is kept if it repeats nothing, the data checks find nothing in it, and a judge finds its answer good. Each
    is marked 'synthetic: true' with its parent. Before such rows may be trained on a person looks through some of them:
    'harness data spot-check OUTPUT'. The same command goes on where it was cut off: replies are kept beside OUTPUT.
    """
    from harness.data import files, formats
    from harness.growth.growing import grow as grown_from
    from harness.growth.growing import notebook_of, refuse_ungrowable, rejected_lines
    from harness.growth.notebook import Notebook
    from harness.report import export

    if output.exists() and not flags["force"]:
        raise UsageError("is there already", path=output, remedy="name another file, or add --force")
    table = formats.table("train", file)
    refuse_ungrowable(table)
    held_out = [formats.table(path.stem, path) for path in flags["held_out"]]
    _, catalog = options.hosts(context)
    wanted = _wanted(catalog, flags)
    notebook = Notebook(notebook_of(output))
    with options.watching(quiet=as_json) as observer:
        observer.stage(f"growing {file.name} with {wanted.writer.name}")
        grown = grown_from(
            table,
            wanted,
            held_out,
            catalog,
            notebook,
            told=lambda done, total: observer.task_progressed(wanted.recipe.name, file.name, done, total, {}),
            on_fault=lambda fault: observer.note(f"{fault.hook}: {fault.error}"),
        )
    rejected = output.with_name(f"{output.name}.rejected.jsonl")
    with files.writing(output) as put:
        for row in grown.rows:
            put(formats.to_object(row, row.form))
    with files.writing(rejected) as put:
        for line in rejected_lines(grown):
            put(line)
    if as_json:
        told = {"output": output, "wanted": wanted.count, "kept": len(grown.rows), "asked": grown.asked}
        click.echo(export.json_text({**told, "rejected": dict(grown.reasons), "without": dict(grown.without)}))
        return Exit.DONE
    _tell(grown, wanted, output, rejected)
    return Exit.DONE


def _wanted(catalog: Catalog, flags: dict[str, Any]) -> Wanted:
    from harness.growth.growing import Wanted
    from harness.growth.recipes import Recipe
    from harness.values import Ref

    writer = _model(flags["model"], flags, flags["temperature"])
    catalog.make("backend", writer.backend_ref).instance.check(writer.ref)
    judge = None
    if not flags["no_judge"]:
        grader = _model(flags["judge_model"] or flags["model"], flags, 0.0)
        judge = catalog.make("judge", Ref("rubric", {"model": grader}))
    recipe = Recipe(flags["recipe"], flags["seed"], flags["language"], flags["examples"])
    return Wanted(flags["count"], recipe, writer, judge, flags["least_grade"])


def _model(name: str, flags: dict[str, Any], temperature: float) -> JudgeModel:
    from harness.values import Budget, JudgeModel

    url, device = flags["base_url"], flags["device"]
    backend: str | dict[str, Any] = {"name": "openai", "base_url": url} if url else "transformers"
    try:
        return JudgeModel(
            name,
            backend,
            device=device,
            max_new_tokens=flags["max_new_tokens"],
            temperature=temperature,
            budget=Budget(calls=flags["calls"]),
        )
    except ValueError as error:
        raise UsageError(str(error)) from None


def _tell(grown: Grown, wanted: Wanted, output: Path, rejected: Path) -> None:
    from rich.console import Console

    from harness.report import layout
    from harness.report.text import plain

    reasons = [f"{count:,}: {why}" for why, count in grown.reasons.most_common()]
    facts = [
        (
            "kept",
            f"{len(grown.rows):,} of {wanted.count:,} rows that were wanted, of {grown.asked:,} that were asked for",
        ),
        *zip(["rejected", *[""] * len(reasons)], reasons, strict=False),
        *(("not checked", f"{name}: {why}") for name, why in grown.without.items()),
        ("written", f"{output}; what was rejected, with the reasons: {rejected}"),
    ]
    Console().print(layout.facts((label, plain(text)) for label, text in facts))
    if grown.rows:
        click.echo(f"next: harness data spot-check {output}")
