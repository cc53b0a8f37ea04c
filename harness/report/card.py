"""The model card of a merged model: what it is made of, how it scored, and what was decided, as Markdown."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from harness.report import arrange, numbers
from harness.report.markdown import bullets, escaped, judges_table, table_line
from harness.values import Comparison, ModelFacts, Ref, Ruling, Run, Training, Verdict


@dataclass(frozen=True, slots=True)
class Story:
    """All that a card tells."""

    run: Run
    """The tuned arm whose adapter was merged."""
    arms: tuple[Run, ...]
    """The arms whose scores are shown, the run among them."""
    trainings: tuple[Training, ...]
    verdict: Verdict | None
    proof: Sequence[str]
    """How the merged model's answers compare with the adapter's."""
    written: str
    """ISO 8601."""
    version: str
    """Of the harness."""
    quantised: tuple[str, Comparison, Verdict | None] | None = None
    """Of a quantised copy: the kind, and how it was judged against the merged model."""


def card(story: Story) -> str:
    """The card: front matter as model hubs read it, then tables; nothing in a name or an answer is read as markup."""
    parts = [
        _front_matter(story),
        f"# {escaped(story.run.suite)}, tuned",
        "\n".join(_lineage(story)),
        "\n\n".join(map(_training, story.trainings)),
        _scores(story.arms),
        _verdict("Verdict", story.verdict) if story.verdict else "",
        _quantised(*story.quantised) if story.quantised else "",
        "## Proof of the merge\n\n" + bullets(story.proof),
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def _front_matter(story: Story) -> str:
    """YAML; a string as JSON writes it is one of YAML too, whatever it holds."""
    lines = ["library_name: transformers"]
    if base := _base(story):
        lines += [f"base_model: {json.dumps(base.name)}", "base_model_relation: finetune"]
    return "\n".join(["---", *lines, "---"])


def _lineage(story: Story) -> Iterator[str]:
    run, base, model = story.run, _base(story), story.run.model
    yield "## Lineage\n"
    if base:
        yield _fact("Base model", f"{base.name}, {numbers.amount(base.parameters)} parameters")
        yield _digest("Base weights", base.weights_sha256)
    if base and model and model.weights_sha256 != base.weights_sha256:
        yield _fact("Adapted model", model.name)
        yield _digest("Adapted weights", model.weights_sha256)
    if run.adapter_sha256:
        yield _digest("Adapter", run.adapter_sha256)
    yield _fact("Suite", f"{run.suite}, seed {run.seed}")
    yield _digest("Suite file", run.suite_digest)
    yield _fact("Run", f"{run.id}, measured {numbers.moment(run.started)}")
    yield _fact("Merged", f"{numbers.moment(story.written)} by finetune-harness {story.version}, in float32")
    if story.quantised:
        yield _fact("Quantised", story.quantised[0])


def _base(story: Story) -> ModelFacts | None:
    """The model that everything began with; where stages made whole models, the adapter was put on another one."""
    return next((arm.model for arm in story.arms if arm.arm == "base"), None) or story.run.model


def _training(training: Training) -> str:
    lines = [
        f"## Training: {escaped(training.trainer.name)}\n",
        _fact("Options", _options(training.trainer)),
        _fact("Started from", training.model.name),
        *(_digest(f"Rows of {split}", sha256) for split, sha256 in training.data.items()),
    ]
    if (checkpoint := training.checkpoint) is not None:
        lines.append(_fact("Taken at step", f"{checkpoint.step:,}"))
        losses = [("Training loss", checkpoint.train_loss), ("Validation loss", checkpoint.validation_loss)]
        lines += [_fact(name, f"{loss:.4f}") for name, loss in losses if loss is not None]
        lines += [_fact(name.replace("_", " ").capitalize(), str(value)) for name, value in checkpoint.facts.items()]
    return "\n".join(lines)


def _scores(arms: Sequence[Run]) -> str:
    found = [{(each.task, each.metric): each for each in run.estimates} for run in arms]
    keys = dict.fromkeys(key for estimates in found for key in estimates)
    if not keys:
        return ""
    rows = [[task, metric, *(numbers.estimate(each.get((task, metric))) for each in found)] for task, metric in keys]
    heading = "## Scores\n\nEach with its 95 % interval.\n\n"
    return heading + _table(["task", "metric", *arrange.columns(arms)], rows)


def _verdict(title: str, verdict: Verdict) -> str:
    head = f"## {title}\n\n**{verdict.outcome.upper()}.** {escaped(verdict.reason)}"
    gates = _table(["gate", "outcome", "reason"], map(_ruling, verdict.rulings))
    return "\n\n".join(filter(None, [head, gates, judges_table(verdict), bullets(verdict.caveats)]))


def _ruling(ruling: Ruling) -> Sequence[str]:
    return str(ruling.rule), ruling.outcome, ruling.reason


def _quantised(kind: str, comparison: Comparison, verdict: Verdict | None) -> str:
    last = comparison.runs[-2:]
    parts = [f"## Quantised: {escaped(kind)}", _scores(last).removeprefix("## Scores\n\n")]
    if verdict:
        parts.append(_verdict("Verdict on the quantised copy", verdict))
    return "\n\n".join(filter(None, parts))


def _options(ref: Ref) -> str:
    return ", ".join(f"{name}={value}" for name, value in ref.options.items()) or "all as they are by default"


def _fact(name: str, value: str) -> str:
    return f"- **{escaped(name)}:** {escaped(value)}"


def _digest(name: str, sha256: str) -> str:
    return f"- **{escaped(name)}:** sha256 `{sha256}`" if sha256.isalnum() else _fact(name, sha256)


def _table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [table_line(map(escaped, row)) for row in rows]
    return "\n".join([table_line(map(escaped, names)), table_line(["---"] * len(names)), *lines]) if lines else ""
