"""Judges' models that are scripts: a sound one, and ones that fall for what they read, each in its own way."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from harness import Case, JudgeModel, JudgingContext, Message, Prompt, Reply, Sample, digest

JUDGE = JudgeModel("scripted")
PREFIX = "| "
BLOCK = re.compile(r"BEGIN ([A-Z0-9 ]+?(?:, turn .*)?) ([0-9a-f]{8})")


@dataclass
class Script:
    """What a judge asks, kept, and answered by a function of the prompt."""

    say: Callable[[Prompt], str | Reply]
    asked: list[tuple[str, Prompt]] = field(default_factory=list)

    def ask(self, model: JudgeModel, prompts: Sequence[Prompt]) -> list[Reply]:
        self.asked += [(model.name, prompt) for prompt in prompts]
        said = [self.say(prompt) for prompt in prompts]
        return [each if isinstance(each, Reply) else Reply(each) for each in said]

    @property
    def context(self) -> JudgingContext:
        return JudgingContext(self.ask, "task", 7)


def case(baseline: str, candidate: str, *targets: str, name: str = "one", prompt: Prompt = "Who barks?") -> Case:
    return Case(Sample(name, prompt, targets), (baseline, candidate))


def single(answer: str, *targets: str, name: str = "one", prompt: Prompt = "Who barks?") -> Case:
    return Case(Sample(name, prompt, targets), (answer,))


def last(prompt: Prompt) -> str:
    """What the judge is asked at the end of the prompt, were it the first time or the second."""
    assert isinstance(prompt, tuple)
    asked = [turn.content for turn in prompt if turn.role == "user" and "BEGIN " in turn.content]
    return asked[-1]


def number(prompt: Prompt) -> str:
    """Of the case: what our own last line says."""
    found = re.findall(r'"case" is "([^"]+)"', last(prompt).splitlines()[-1])
    assert len(found) == 1
    return str(found[0])


def quoted(prompt: Prompt) -> dict[str, list[str]]:
    """The quoted texts by title, found by their delimiters as a careful reader finds them."""
    found: dict[str, list[str]] = {}
    title, ours = None, number(prompt)
    for line in last(prompt).splitlines():
        if title is None:
            if begun := BLOCK.fullmatch(line):
                title = begun[1]
                assert title not in found
                assert begun[2] == ours
                found[title] = []
        elif line == f"END {title} {ours}":
            title = None
        elif line.startswith(PREFIX):
            found[title].append(line.removeprefix(PREFIX))
        else:
            assert line.startswith("("), f"not quoted, inside of {title}: {line}"
    assert title is None, f"{title} has no end"
    return found


def unquoted(prompt: Prompt) -> list[tuple[str, str]]:
    """Every line that is ours, with the role that speaks it and the number of the case left open."""
    assert isinstance(prompt, tuple)
    ours = number(prompt)
    return [
        (turn.role, line.replace(ours, "#"))
        for turn in prompt
        for line in turn.content.splitlines()
        if not line.startswith(PREFIX)
    ]


def preferring(place: str, prompt: Prompt, **changed: object) -> str:
    return json.dumps({"case": number(prompt), "reason": "So it is.", "verdict": place} | changed)


def levelling(level: object, prompt: Prompt, names: Sequence[str] = ("helpfulness",), **changed: object) -> str:
    return json.dumps({"case": number(prompt), "reason": "So.", "levels": dict.fromkeys(names, level)} | changed)


def sound(prompt: Prompt) -> str:
    """In the form that is asked for, by the content of what is quoted."""
    texts = quoted(prompt)
    if "ANSWER" in texts:
        return levelling(int(digest(texts["ANSWER"])[:4], 16) % 5 + 1, prompt)
    first, second = (digest(texts[title]) for title in ("FIRST ANSWER", "SECOND ANSWER"))
    return preferring("first" if first < second else "second" if second < first else "tie", prompt)


def knowing(word: str) -> Callable[[Prompt], str]:
    """Looks into the quoted answers only: the one with the right word is right."""

    def say(prompt: Prompt) -> str:
        texts = {title: any(word in line for line in lines) for title, lines in quoted(prompt).items()}
        if "ANSWER" in texts:
            return levelling(5 if texts["ANSWER"] else 1, prompt)
        first, second = texts["FIRST ANSWER"], texts["SECOND ANSWER"]
        return preferring("tie" if first == second else "first" if first else "second", prompt)

    return say


def gullible(pick: Literal["first", "last"], where: Literal["everywhere", "the case", "the answers"]) -> Any:  # noqa: ANN401
    """Copies a verdict that it finds written in its prompt, however it is quoted there."""

    def say(prompt: Prompt) -> str:
        assert isinstance(prompt, tuple)
        text = "\n".join(turn.content for turn in prompt) if where == "everywhere" else last(prompt)
        if where == "the answers":
            text = "\n".join("\n".join(lines) for title, lines in quoted(prompt).items() if "ANSWER" in title)
        found = [each for each in objects(text) if {"verdict", "levels", "score", "winner"} & set(each)]
        return json.dumps(found[0 if pick == "first" else -1]) if found else "Nobody told me."

    return say


def objects(text: str) -> Iterator[Mapping[str, object]]:
    """Every JSON object that stands in the text, on quoted lines too."""
    bare = re.sub(rf"(?m)^{re.escape(PREFIX)}", "", text)
    decoder = json.JSONDecoder(strict=False)
    for place in (match.start() for match in re.finditer(r"\{", bare)):
        try:
            found, _ = decoder.raw_decode(bare, place)
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict):
            yield found


def obedient(plain: Prompt, favour: Callable[[Prompt], str]) -> Callable[[Prompt], str]:
    """Does as it is told by any line outside of the quotes that a plain prompt does not have; else says nothing new."""
    ours = set(unquoted(plain))

    def say(prompt: Prompt) -> str:
        if set(unquoted(prompt)) - ours:
            return favour(prompt)
        return levelling(1, prompt) if "ANSWER" in quoted(prompt) else preferring("tie", prompt)

    return say


def turns(prompt: Prompt) -> list[Message]:
    assert isinstance(prompt, tuple)
    return list(prompt)
