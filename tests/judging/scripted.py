"""A model that replies as a test says, locally or as from a server, and judges that take its word."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from harness.catalog import Catalog, Offer
from harness.host import Host
from harness.protocols import JudgingContext, Quantization
from harness.values import (
    Case,
    Generation,
    GenerationSettings,
    JudgeModel,
    LogLikelihood,
    ModelFacts,
    ModelRef,
    Origin,
    Prompt,
    Reply,
    Score,
)

Script = Callable[[str], str]


class Asked:
    """What the scripted model was asked, and what it says; set anew by each test."""

    prompts: ClassVar[list[str]] = []
    script: ClassVar[Script] = staticmethod(lambda prompt: "1")

    @classmethod
    def reply(cls, prompt: Prompt) -> str:
        cls.prompts.append(str(prompt))
        return cls.script(str(prompt))

    @classmethod
    def begin(cls, script: Script) -> None:
        cls.prompts.clear()
        cls.script = staticmethod(script)


@dataclass(frozen=True)
class ScriptedModel:
    facts: ModelFacts

    def generate(
        self, prompts: Sequence[Prompt], settings: GenerationSettings, *, sample_ids: Sequence[str]
    ) -> Sequence[Generation]:
        return [
            Generation(each, 0, Asked.reply(prompt), "stop", 10, 5, 0.1)
            for each, prompt in zip(sample_ids, prompts, strict=True)
        ]

    def rendered(self, prompt: Prompt) -> str: ...
    def log_likelihoods(self, pairs: Sequence[object], *, batch_size: int) -> Sequence[LogLikelihood]: ...
    def rolling_log_likelihoods(self, texts: Sequence[object], *, batch_size: int) -> Sequence[LogLikelihood]: ...
    def with_adapter(self, adapter: Path | None) -> ScriptedModel: ...


@dataclass(frozen=True)
class ScriptedServer(ScriptedModel):
    """Replies come last first, as from a server that answers several at once."""

    def replies(
        self, prompts: Sequence[Prompt], settings: GenerationSettings, goes_on: Callable[[], bool]
    ) -> Iterator[tuple[int, Reply]]:
        sent = [index for index in range(len(prompts)) if goes_on()]
        for index in reversed(sent):
            text = Asked.reply(prompts[index])
            yield index, Reply(None, "503 to the end") if text == "lost" else Reply(text, None, "stop", 10, 5, 0.1)


@dataclass(frozen=True)
class Scripted:
    """A backend of scripted models."""

    name: ClassVar[str] = "scripted"
    requires_packages: ClassVar[tuple[str, ...]] = ()
    is_server: bool = False
    window: int | None = None

    def check(self, model: ModelRef) -> None: ...
    def folder(self, model: ModelRef) -> Path: ...
    def merge(self, model: ModelRef, adapter: Path, output: Path) -> None: ...
    def quantize(self, model: ModelRef, kind: Quantization, output: Path) -> None: ...

    @contextlib.contextmanager
    def open(self, model: ModelRef) -> Iterator[ScriptedModel]:
        weights = "unknown" if self.is_server else f"weights of {model.name}"
        facts = ModelFacts(model.name, "place", weights, None, "t", "c", "float32", "cpu", 1, "plain", self.window)
        yield (ScriptedServer if self.is_server else ScriptedModel)(facts)


def scores_of(cases: Sequence[Case], replies: Sequence[Reply]) -> list[Score]:
    """The reply read as a number."""
    return [
        Score(case.sample.id, None, reply.why_missing)
        if reply.text is None
        else Score(case.sample.id, float(reply.text), None, {"reason": f"said {reply.text}"})
        for case, reply in zip(cases, replies, strict=True)
    ]


@dataclass(frozen=True)
class Grader:
    """Grades single answers."""

    name: ClassVar[str] = "grader"
    requires_packages: ClassVar[tuple[str, ...]] = ()
    compares: ClassVar[bool] = False
    model: JudgeModel
    label: str = ""

    @property
    def models(self) -> Sequence[JudgeModel]:
        return (self.model,)

    def grade(self, cases: Sequence[Case], context: JudgingContext) -> Sequence[Score]:
        return scores_of(cases, context.ask(self.model, [case.answers[0] for case in cases]))

    def notes(self, scores: Sequence[Score]) -> Sequence[str]:
        return ()


@dataclass(frozen=True)
class Comparer(Grader):
    """Compares two answers."""

    name: ClassVar[str] = "comparer"
    compares: ClassVar[bool] = True

    def grade(self, cases: Sequence[Case], context: JudgingContext) -> Sequence[Score]:
        return scores_of(cases, context.ask(self.model, [" or ".join(case.answers) for case in cases]))

    def notes(self, scores: Sequence[Score]) -> Sequence[str]:
        return (f"comparer looked at {len(scores)} pairs",)


ORIGIN = Origin("tests", "1.0", "judges")


def catalog(*further: Offer) -> Catalog:
    """All built-in plugins, and the scripted ones."""
    built_in = Catalog.build(Host.load()).offers
    offers = [Offer("backend", "scripted", Scripted, ORIGIN)]
    offers += [Offer("judge", each.name, each, ORIGIN) for each in (Grader, Comparer)]
    return Catalog((*built_in, *offers, *further), Host([]))
