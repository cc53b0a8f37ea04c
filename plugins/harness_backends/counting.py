"""How many tokens a row is, with a model's tokenizer and chat template and without its weights.

``tokenizer.json`` is read by the library that Transformers itself stands on, without Transformers: it takes a tenth of
the time. A folder that has none, or whose tokenizer Transformers changes while it loads it, goes through Transformers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jinja2

from harness import Message, Prompt, UsageError

_CHANGED = ("add_bos_token", "add_eos_token", "add_prefix_space")
"""Options of a ``tokenizer_config.json`` by which Transformers rebuilds parts of a tokenizer."""

Tokens = Callable[..., int]
Template = Callable[[list[dict[str, str]]], str]


def counter(folder: Path) -> Callable[[Prompt], int]:
    """Counts a text with the tokens that the tokenizer adds, a conversation through the chat template.

    A conversation that the template refuses, or that has none to go through, is counted by its texts alone. Raises
    ``UsageError`` where there is no tokenizer in the folder.
    """
    tokens, template = _read(folder) or _by_transformers(folder)

    def count(prompt: Prompt) -> int:
        if isinstance(prompt, str):
            return tokens(prompt, special=True)
        if template:
            try:
                return tokens(template([_turn(turn) for turn in prompt]), special=False)
            except jinja2.TemplateError:
                pass  # as one that knows no system turn
        return tokens("\n".join(turn.content for turn in prompt), special=True)

    return count


def _turn(turn: Message) -> dict[str, str]:
    return {"role": turn.role, "content": turn.content}


def _read(folder: Path) -> tuple[Tokens, Template | None] | None:
    """Tokenizer and template straight from their files; ``None`` where only Transformers knows what they mean."""
    from tokenizers import Tokenizer

    try:
        config = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
        if any(config.get(option) is not None for option in _CHANGED):
            return None
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        template = _template(folder, config)  # one with tags of Transformers' own is no template to jinja alone
    except Exception:  # the library raises bare ones; what is wrong Transformers tells
        return None
    # what a file says of cutting and padding is for training, not for counting
    tokenizer.no_truncation()
    tokenizer.no_padding()

    def tokens(text: str, *, special: bool) -> int:
        return len(tokenizer.encode(text, add_special_tokens=special))

    return tokens, template


def _template(folder: Path, config: Mapping[str, Any]) -> Template | None:
    file = folder / "chat_template.jinja"
    text = file.read_text(encoding="utf-8") if file.is_file() else config.get("chat_template")
    if not isinstance(text, str):
        return None
    template = _environment().from_string(text)
    special = {name: _text(config[name]) for name in config if name.endswith("_token") and config[name] is not None}

    def render(turns: list[dict[str, str]]) -> str:
        return str(template.render(messages=turns, tools=None, documents=None, add_generation_prompt=False, **special))

    return render


def _environment() -> Any:  # noqa: ANN401 - jinja2's, which is imported late
    """Templates run in a sandbox, with what Transformers gives them."""
    from datetime import datetime

    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def refuse(message: str) -> None:
        raise jinja2.TemplateError(message)

    made = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"])
    made.filters["tojson"] = lambda value, indent=None: json.dumps(value, ensure_ascii=False, indent=indent)
    made.globals["raise_exception"] = refuse
    made.globals["strftime_now"] = lambda form: datetime.now().strftime(form)
    return made


def _text(token: object) -> str:
    return str(token.get("content", "")) if isinstance(token, dict) else str(token)


def _by_transformers(folder: Path) -> tuple[Tokens, Template | None]:
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        problem = f"holds no tokenizer that can be read ({type(error).__name__})"
        raise UsageError(problem, path=folder, remedy="name a model's folder") from None

    def tokens(text: str, *, special: bool) -> int:
        # not verbose: a text longer than the model is counted as well as any
        return len(tokenizer(text, add_special_tokens=special, verbose=False)["input_ids"])

    def render(turns: list[dict[str, str]]) -> str:
        return str(tokenizer.apply_chat_template(turns, tokenize=False))

    return tokens, render if tokenizer.chat_template else None
