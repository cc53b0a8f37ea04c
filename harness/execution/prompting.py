"""An arm's prompting put before a question."""

from __future__ import annotations

from harness.values import Message, Prompt, Prompting


def assemble(prompting: Prompting, prompt: Prompt) -> Prompt:
    """The prompt as the arm asks it: its system text first (in place of the row's own), then its examples.

    Raw text stays as it is: it belongs to benchmarks, which no arm prompts.
    """
    if isinstance(prompt, str):
        return prompt
    own_system = tuple(message for message in prompt if message.role == "system")
    turns = tuple(message for message in prompt if message.role != "system")
    system = (Message("system", prompting.system),) if prompting.system else own_system
    shots = tuple(message for shot in prompting.few_shot for message in shot)
    return (*system, *shots, *turns)
