"""An arm's prompting put before a question, and the answer found in what a model writes that was asked to think first.

Thinking first is chain of thought without worked examples (Kojima and others 2022, "Large Language Models are Zero-Shot
Reasoners"): the question is followed by the request to think, and the answer is to follow a marker. The wording, the
marker and the allowance are our own choice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from harness.values import Generation, GenerationSettings, Message, Mode, Prompt, Prompting

MARKER = "ANSWER:"
"""What stands between a model's thoughts and its answer."""
REASONING_TOKENS = 512
"""Tokens that a model may write beyond the task's own, where it is asked to think first; our choice."""
INSTRUCTION = f"First think step by step. Then write {MARKER} on a line of its own, and after it only the answer."
"""Stands after the question, so that every other word of the prompt is what it is without it."""

# Models like to set the marker in bold type, or to write it in small letters.
_MARKED = re.compile(r"^[ \t>#]*(?P<bold>[*_]{0,3})ANSWER(?::(?P=bold)|(?P=bold):|:)", re.IGNORECASE | re.MULTILINE)

FORM = (INSTRUCTION, _MARKED.pattern, str(REASONING_TOKENS))
"""All that an answer after thoughts depends on besides the prompt and the settings: a part of what it is known by."""


def assemble(prompting: Prompting, prompt: Prompt, mode: Mode = "generate") -> Prompt:
    """The prompt as the arm asks it: its system text first (in place of the row's own), then its examples.

    Raw text stays as it is: it belongs to benchmarks, which no arm prompts. A model that only weighs texts is not asked
    to think, whatever the arm says. Where it is, the examples' answers stand after the marker too, so that they show
    the form; thoughts they have none, since nobody wrote any.
    """
    if isinstance(prompt, str):
        return prompt
    own_system = tuple(message for message in prompt if message.role == "system")
    turns = tuple(message for message in prompt if message.role != "system")
    system = (Message("system", prompting.system),) if prompting.system else own_system
    shots: Sequence[Sequence[Message]] = prompting.few_shot
    if thinks(prompting, mode):
        shots, turns = [tuple(_marked(shot)) for shot in shots], _asked_to_think(turns)
    return (*system, *(message for shot in shots for message in shot), *turns)


def thinks(prompting: Prompting, mode: Mode) -> bool:
    """Whether the model is asked to think before it answers."""
    return prompting.chain_of_thought and mode == "generate"


def with_thoughts(settings: GenerationSettings, window: int | None) -> GenerationSettings:
    """The settings with room for thoughts, and without what would end an answer in the midst of them.

    Of a small window at least half is left to the prompt, as far as the task's own settings leave it.
    """
    more = settings.max_new_tokens + REASONING_TOKENS
    most = more if window is None else max(settings.max_new_tokens, min(more, window // 2))
    return replace(settings, max_new_tokens=most, stop=())


def answered(written: Generation, stop: Sequence[str]) -> Generation:
    """What was written as an answer and the thoughts before it; tokens and seconds are those of both.

    The answer begins after the first marker, and ends before the next one (a model that says it again and again has
    answered) or the first of ``stop``. Without a marker all of it is the answer, for that is what a user would see;
    unless it was cut off at the limit: then the model was still thinking, and its answer is empty.
    """
    marker = _MARKED.search(written.text)
    if marker is None and written.finish_reason == "length":
        return replace(written, text="", reasoning=written.text)
    thoughts = written.text[: marker.start()].strip() if marker else ""
    rest = written.text[marker.end() :].lstrip() if marker else written.text
    text = rest[: min(_ends(rest, stop), default=len(rest))]
    ended = written.finish_reason if text == rest else "stop"
    return replace(written, text=text.rstrip() if marker else text, reasoning=thoughts or None, finish_reason=ended)


def _ends(text: str, stop: Sequence[str]) -> Iterator[int]:
    if again := _MARKED.search(text):
        yield again.start()
    yield from (place for each in stop if each and (place := text.find(each)) >= 0)


def _marked(shot: Sequence[Message]) -> Iterator[Message]:
    *before, answer = shot
    yield from before
    yield replace(answer, content=f"{MARKER}\n{answer.content}")


def _asked_to_think(turns: Sequence[Message]) -> tuple[Message, ...]:
    """The turns with the request at the end of the user's last one."""
    last = max((index for index, each in enumerate(turns) if each.role == "user"), default=len(turns) - 1)
    asked = replace(turns[last], content=f"{turns[last].content}\n\n{INSTRUCTION}")
    return (*turns[:last], asked, *turns[last + 1 :])
