"""Advice put into a suite file, with the reason beside each value."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import UsageError
from harness.report.advice_words import gist

if TYPE_CHECKING:
    from collections.abc import Collection

    from harness.advice.counsel import Counsel
    from harness.advice.training.hyperparameters import Choice
    from harness.catalog import Catalog
    from harness.survey.baselines import Measured
    from harness.survey.subject import Subject
    from harness.values import Suite, SuiteAdvice

_MOST = 90
"""Characters of a comment, where a clause ends within them."""


def keep_prompt(path: Path, measured: Measured) -> None:
    """The best prompt becomes ``prompted:`` of the suite."""
    from harness.suite.edit import Entry, edited, save

    assert measured.best is not None
    asked, name = measured.best.asked, measured.best.name
    found = [each for each in measured.baselines if each.name == name]
    told = ", ".join(f"{each.metric} {each.value:.3f}" for each in found)
    comment = f"the best of {len({each.name for each in measured.baselines})} prompts on {measured.source}: {told}"
    entries = [
        Entry("system", asked.system, comment),
        Entry("few_shot", asked.few_shot),
        Entry("chain_of_thought", asked.chain_of_thought),
    ]
    save(path, edited(path, "prompted", entries))


def write_training(path: Path, counsel: Counsel, subject: Subject, catalog: Catalog) -> None:
    """Method and hyperparameters become ``trainer:``, and what the team said ``advice:``; all at once or not at all."""
    from harness.suite.edit import Entry, edited, save

    assert subject.plan is not None
    if counsel.training is None:
        raise UsageError("there is no method to write: model or training rows are not known", path=path)
    suite = subject.plan.suite
    if ("trainer", "stages") in suite.lines:
        raise UsageError(
            "the trainer has stages, which are yours to change",
            path=path,
            line=suite.line("trainer", "stages"),
            remedy="leave --write out and write what the screen says into the stage",
        )
    entries = [Entry("name", counsel.training.method, _short("; ".join(counsel.training.reasons)))]
    entries += [Entry(each.name, each.value, _comment(each)) for each in counsel.training.choices]
    text = edited(path, "trainer", entries, dropped=_of_another_method(suite, counsel.training.method, catalog))
    if said := _said(subject.answers, suite):
        text = edited(path, "advice", [Entry(name, value) for name, value in said.items()], text=text)
    save(path, text)


def _comment(choice: Choice) -> str:
    """The reason, and the first source that it rests on."""
    source = f" ({choice.claims[0].source})" if choice.claims else ""
    return _short(choice.reason) + source


def _short(text: str) -> str:
    return gist(text, _MOST)


def _of_another_method(suite: Suite, method: str, catalog: Catalog) -> Collection[str]:
    """Options that the suite has for its trainer and that the advised one does not know."""
    if suite.training is None:
        return ()
    known = {each.name for each in dataclasses.fields(catalog.find("trainer", method).plugin_class)}
    return {name for name in suite.training.stages[-1].trainer.options if name not in known}


def _said(answers: SuiteAdvice, suite: Suite) -> dict[str, object]:
    """What the team has said now, in a form or by flags, and the suite does not say yet."""
    said = {}
    for each in dataclasses.fields(answers):
        value = getattr(answers, each.name)
        if value != getattr(suite.advice, each.name):
            said[each.name] = str(value) if isinstance(value, Path) else value
    return said
