"""Two recorded runs whose answers people can compare, without a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from harness.store import Writer
from harness.values import (
    Environment,
    Generation,
    Message,
    ModelRef,
    Ref,
    Run,
    Sample,
    Score,
    Suite,
    Task,
)

TICKETS = Task("tickets", "generate", (Ref("exact_match"),))
BASELINE, CANDIDATE = "shop-1/base", "shop-1/tuned"
SUITE = Suite("shop", Path("suite.yaml"), "suite: shop\n", "digest", 7, ModelRef("m"), {}, None, None, (), (), ())
ENVIRONMENT = Environment("3.11.7", "linux", "x86_64", 2, "cpu", {}, None)

Answers = Mapping[str, str]
"""Sample -> what was answered."""


def samples(count: int, prompt: str = "ticket {}: where is my refund?") -> list[Sample]:
    return [
        Sample(f"s{number:03d}", (Message("user", prompt.format(number)),), ("within five days",))
        for number in range(count)
    ]


def record(
    path: Path,
    asked: list[Sample],
    say: Callable[[str, str], str] = "{}: {}".format,
    tasks: tuple[Task, ...] = (TICKETS,),
    *,
    of: Mapping[str, list[Sample]] | None = None,
    status: str = "finished",
) -> tuple[str, str]:
    """A base and a tuned run; ``say(arm, sample)`` is what an arm answers, ``of`` the samples of one of them."""
    with Writer(path) as writer:
        experiment = writer.new_experiment(SUITE, "key")
        for arm in ("base", "tuned"):
            own = (of or {}).get(arm, asked)
            run = Run(
                f"{experiment}/{arm}", experiment, "shop", "digest", arm, 7, "running", "2026-01-01T00:00:00+00:00",
                None, ENVIRONMENT, {},
            )  # fmt: skip
            writer.start_run(run)
            for task in tasks:
                writer.start_task(run.id, task, own, "tickets.jsonl")
                given = own if status == "finished" else own[:-1]
                answers = [Generation(each.id, 0, say(arm, each.id), "stop", 9, 5, 0.1) for each in given]
                scores = {ref.name: [Score(each.id, 0.0) for each in given] for ref in task.metrics}
                writer.add_batch(run.id, task.name, answers, scores)
            writer.finish_run(run.id, status, "2026-01-01T01:00:00+00:00")  # type: ignore[arg-type]
    return f"{experiment}/base", f"{experiment}/tuned"
