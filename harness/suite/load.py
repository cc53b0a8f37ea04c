"""A suite file becomes a ``Suite``; every error carries file and line."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from harness.errors import UsageError, did_you_mean
from harness.identity import digest
from harness.suite import launch as launching
from harness.values import (
    GateRule,
    GeneralData,
    GenerationSettings,
    Launch,
    ModelRef,
    PromptedBaseline,
    Ref,
    Suite,
    SuiteAdvice,
    SuiteBenchmark,
    SuiteCheck,
    SuiteStage,
    SuiteTask,
    SuiteTraining,
)

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError

    from harness.suite import schema

Lines = dict[tuple[str | int, ...], int]


def load(path: Path, *, text: str | None = None) -> Suite:
    """The suite that ``path`` describes, nothing resolved yet; ``UsageError`` with file and line otherwise.

    With ``text`` the file need not be there, or may have changed: its paths are still relative to where it lay.
    """
    from pydantic import ValidationError

    from harness.suite.schema import SuiteFile

    text = _text(path) if text is None else text
    content, lines = parse(text, path)
    for index, task in enumerate(_listed(content, "tasks")):
        for place, metric in enumerate(_listed(task, "metrics")):
            _read_in(metric, path, lines.get(("tasks", index, "metrics", place)))
    try:
        parsed = SuiteFile.model_validate(content)
    except ValidationError as error:
        raise _explain(error, path, lines, content) from None
    return _suite(parsed, path, text, content, lines)


def override(suite: Suite, **changes: Any) -> Suite:  # noqa: ANN401 - any field of the suite
    """The suite with flags of the command line put in place of what the file says, and a digest that tells so."""
    changed = dataclasses.replace(suite, **changes)
    written = {name: getattr(changed, name) for name in changes}
    return dataclasses.replace(changed, digest=digest([suite.digest, written])) if changes else suite


def _listed(content: object, key: str) -> list[object]:
    found = content.get(key) if isinstance(content, dict) else None
    return found if isinstance(found, list) else []


def _read_in(metric: object, path: Path, line: int | None) -> None:
    """An option of a metric that stands in a JSON file of its own, ``schema_file: FILE``, becomes ``schema:`` itself.

    So the record holds what was scored by, and another content is another suite.
    """
    if not isinstance(metric, dict):
        return
    for key in [key for key in metric if isinstance(key, str) and key.endswith("_file")]:
        option, named = key.removesuffix("_file"), metric.pop(key)
        if option in metric:
            raise UsageError(f"{option!r} and {key!r} are two of one kind; keep one", path=path, line=line)
        file = path.parent / str(named)
        try:
            metric[option] = json.loads(file.read_text(encoding="utf-8"))
        except OSError as error:
            raise UsageError(f"{key} {file} cannot be read: {error.strerror}", path=path, line=line) from None
        except ValueError as error:
            raise UsageError(f"{key} {file} is no JSON: {error}", path=path, line=line) from None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UsageError(
            "no such suite file", path=path, remedy="name a YAML file, e.g. suites/support_tickets.yaml"
        ) from None
    except IsADirectoryError:
        raise UsageError("a folder, not a suite file", path=path, remedy="name the YAML file in it") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"not UTF-8 text (byte {error.start})", path=path) from None
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", path=path) from None


class _Loader(yaml.SafeLoader):
    """YAML without dates: what looks like one is a text, as in a revision or a name."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in known if tag != "tag:yaml.org,2002:timestamp"]
    for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def parse(text: str, path: Path) -> tuple[dict[str, Any], Lines]:
    """The content of a suite file with the line of each key; ``UsageError`` for what is no YAML, or no mapping."""
    try:
        node = yaml.compose(text, Loader=_Loader)
        content = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise UsageError(f"not valid YAML: {error.problem}", path=path, line=line) from None
    except yaml.YAMLError as error:
        raise UsageError(f"not valid YAML: {str(error).splitlines()[0]}", path=path) from None
    except RecursionError:
        raise _too_deep(path) from None
    except ValueError as error:  # a number that YAML's own pattern lets pass, as 0x_
        raise UsageError(f"not valid YAML: {error}", path=path) from None
    if not isinstance(node, yaml.MappingNode):
        raise UsageError("not a suite: the file holds no keys", path=path, line=1, remedy="begin with 'suite: NAME'")
    lines: Lines = {}
    try:
        _note_lines(node, (), lines, path)
    except RecursionError:
        raise _too_deep(path) from None
    return content, lines


def _too_deep(path: Path) -> UsageError:
    return UsageError("not a suite: something in it is nested without end", path=path, remedy="look at its aliases (*)")


def _note_lines(node: yaml.Node, where: tuple[str | int, ...], lines: Lines, path: Path) -> None:
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            name, line = str(key.value), key.start_mark.line + 1
            if name in seen:
                raise UsageError(
                    f"key {name!r} stands twice", path=path, line=line, remedy=f"the first is on line {seen[name]}"
                )
            seen[name] = line
            lines[(*where, name)] = line
            _note_lines(value, (*where, name), lines, path)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            lines[(*where, index)] = value.start_mark.line + 1
            _note_lines(value, (*where, index), lines, path)


def _explain(error: ValidationError, path: Path, lines: Lines, content: Mapping[str, Any]) -> UsageError:
    first = error.errors()[0]
    where = tuple(part for part in first["loc"])
    line = next((lines[where[:end]] for end in range(len(where), 0, -1) if where[:end] in lines), 1)
    name = ".".join(str(part) for part in where)
    if first["type"] == "extra_forbidden":
        problem, remedy = f"unknown key {where[-1]!r}", did_you_mean(str(where[-1]), _keys_at(where[:-1]))
    elif first["type"] == "missing":
        around = ".".join(str(part) for part in where[:-1]) or "the suite"
        problem, remedy = f"{around} has no {where[-1]!r}", f"add '{where[-1]}:'"
    elif cause := first.get("ctx", {}).get("error"):
        problem, remedy = f"{name}: {cause}" if name else str(cause), ""
    else:
        problem, remedy = f"{name}: {first['msg']}, not {first['input']!r}", ""
    return UsageError(problem, path=path, line=line, remedy=remedy)


def _keys_at(where: tuple[str | int, ...]) -> list[str]:
    """The keys that the schema allows at a place, for the nearest name."""
    from harness.suite import schema

    shapes: dict[tuple[str, ...], type[BaseModel]] = {
        (): schema.SuiteFile,
        ("model",): schema.Model,
        ("prompted",): schema.Prompted,
        ("advice",): schema.Advice,
        ("tasks",): schema.Task,
        ("tasks", "generation"): schema.Generation,
        ("benchmarks",): schema.Benchmark,
        ("checks",): schema.Check,
        ("gates",): schema.Gate,
        ("trainer", "general_data"): schema.GeneralData,
        ("trainer", "launch"): schema.Launch,
    }
    place = tuple(part for part in where if isinstance(part, str))
    return list(shapes[place].model_fields) if place in shapes else []


def _suite(parsed: schema.SuiteFile, path: Path, text: str, content: Mapping[str, Any], lines: Lines) -> Suite:
    folder = path.parent
    prompted = parsed.prompted
    rules, lines = _rules(parsed.gates, lines)
    return Suite(
        name=parsed.suite,
        path=path,
        text=text,
        # what is said for the advice changes nothing that a run does
        digest=digest({key: value for key, value in content.items() if key != "advice"}),
        seed=parsed.seed,
        model=_model(parsed.model, folder),
        data={name: folder / file for name, file in parsed.data.items()},
        prompted=PromptedBaseline(prompted.system, prompted.few_shot, prompted.chain_of_thought) if prompted else None,
        training=_training(parsed.trainer, folder, parsed.model.device) if parsed.trainer else None,
        tasks=tuple(_task(task, parsed, folder) for task in parsed.tasks),
        benchmarks=tuple(_benchmark(each) for each in parsed.benchmarks),
        gates=rules,
        checks=tuple(SuiteCheck(_ref(each), each.severity) for each in parsed.checks),
        batch_size=parsed.batch_size,
        advice=_advice(parsed.advice, folder),
        lines=lines,
    )


def _model(model: schema.Model, folder: Path) -> ModelRef:
    """The model, a path beside the suite file resolved like the data files are."""
    name = str(folder / model.name) if (folder / model.name).exists() else model.name
    return ModelRef(name, model.backend, model.dtype, model.device, model.revision, model.trust_remote_code)


def _ref(plugin: schema.Plugin) -> Ref:
    return Ref(plugin.name, dict(plugin.model_extra or {}))


def _training(trainer: schema.Trainer, folder: Path, device: str) -> SuiteTraining:
    general, launch = trainer.general_data, trainer.launch
    return SuiteTraining(
        stages=tuple(SuiteStage(_ref(each), each.data, each.validation) for each in trainer.stages or [trainer]),
        general=GeneralData(folder / general.path, general.ratio) if general else None,
        evaluate_every=trainer.evaluate_every,
        choice_items=trainer.choice_items,
        launch=_launch(launch, folder, device) if launch else None,
        halve_batch_when_out_of_memory=trainer.halve_batch_when_out_of_memory,
    )


def _launch(launch: schema.Launch, folder: Path, device: str) -> Launch:
    file = folder / launch.config_file if launch.config_file else None
    return launching.read(Launch(launch.num_processes, file), device)


def _advice(advice: schema.Advice, folder: Path) -> SuiteAdvice:
    said = dict(advice)
    said["prompts"] = tuple(advice.prompts)
    said["lacks"] = None if advice.lacks is None else tuple(advice.lacks)
    said["prices"] = folder / advice.prices if advice.prices else None
    return SuiteAdvice(**said)


def _judge(plugin: schema.Plugin, folder: Path) -> Ref:
    """The judge, the folders of its models found from the suite file."""

    def found(model: object) -> object:
        if isinstance(model, str):
            model = {"name": model}
        if isinstance(model, dict) and isinstance(model.get("name"), str) and (folder / model["name"]).exists():
            return {**model, "name": str(folder / model["name"])}
        return model

    options = dict(plugin.model_extra or {})
    if "model" in options:
        options["model"] = found(options["model"])
    if isinstance(options.get("models"), list):
        options["models"] = [found(each) for each in options["models"]]
    return Ref(plugin.name, options)


def _task(task: schema.Task, suite: schema.SuiteFile, folder: Path) -> SuiteTask:
    given = task.generation
    settings = GenerationSettings(
        max_new_tokens=given.max_new_tokens,
        temperature=given.temperature,
        top_p=given.top_p,
        stop=tuple(given.stop),
        seed=suite.seed,
        batch_size=suite.batch_size,
        repeats=given.repeats,
    )
    return SuiteTask(
        name=task.name,
        data=task.data,
        mode=task.mode,
        metrics=tuple(_ref(each) for each in task.metrics),
        generation=settings,
        judges=tuple(_judge(each, folder) for each in task.judges),
        limit=task.limit,
        cluster=task.cluster,
    )


def _benchmark(benchmark: schema.Benchmark) -> SuiteBenchmark:
    return SuiteBenchmark(_ref(benchmark), (benchmark.target or "population") if benchmark.stop else None)


def _rules(gates: Sequence[schema.Gate], lines: Lines) -> tuple[tuple[GateRule, ...], Lines]:
    """The rules with their lines: a gate that limits points and share at once is two rules."""
    found: list[GateRule] = []
    moved = {where: line for where, line in lines.items() if where[0] != "gates" or len(where) == 1}
    for index, gate in enumerate(gates):
        for rule in _rules_of(gate):
            own = {where: line for where, line in lines.items() if where[:2] == ("gates", index)}
            moved |= {("gates", len(found), *where[2:]): line for where, line in own.items()}
            found.append(rule)
    return tuple(found), moved


def _rules_of(gate: schema.Gate) -> list[GateRule]:
    plain = GateRule(
        task=gate.task or gate.benchmark or "",
        metric=gate.metric,
        against=gate.against,
        tier=gate.tier,
        alpha=gate.alpha,
        max_missing=gate.max_missing,
        min_items=gate.min_items,
        min_kappa=gate.min_kappa,
    )
    rules = []
    if gate.max_drop is not None:
        rules.append(dataclasses.replace(plain, max_drop=float(gate.max_drop), relative=gate.relative))
    if gate.max_relative_drop is not None:
        share, guard = float(gate.max_relative_drop), gate.relative_guard_below
        rules.append(dataclasses.replace(plain, max_drop=share, relative=True, only_below=guard))
    if rules:
        return rules
    return [dataclasses.replace(plain, min_gain=gate.min_gain, at_least=gate.at_least, at_most=gate.at_most)]
