"""How many tokens a row is, with a model's tokenizer and chat template and without its weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import jinja2
from transformers import AutoTokenizer

from harness import Prompt, UsageError


def counter(folder: Path) -> Callable[[Prompt], int]:
    """Counts a text with the tokens that the tokenizer adds, a conversation through the chat template.

    A conversation that the template refuses, or that has none to go through, is counted by its texts alone. Raises
    ``UsageError`` where there is no tokenizer in the folder.
    """
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        problem = f"holds no tokenizer that can be read ({type(error).__name__})"
        raise UsageError(problem, path=folder, remedy="name a model's folder") from None

    def tokens(text: str, *, special: bool) -> int:
        # not verbose: a text longer than the model is counted as well as any
        return len(tokenizer(text, add_special_tokens=special, verbose=False)["input_ids"])

    def count(prompt: Prompt) -> int:
        if isinstance(prompt, str):
            return tokens(prompt, special=True)
        turns = [{"role": turn.role, "content": turn.content} for turn in prompt]
        if tokenizer.chat_template:
            try:
                return tokens(str(tokenizer.apply_chat_template(turns, tokenize=False)), special=False)
            except jinja2.TemplateError:
                pass  # as one that knows no system turn
        return tokens("\n".join(turn.content for turn in prompt), special=True)

    return count
