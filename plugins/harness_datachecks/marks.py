"""Marks that belong to a chat template, and stand in a text because somebody pasted a rendered conversation."""

from __future__ import annotations

import re

_TURNS = (
    r"<\|im_(?:start|end)\|>|<\|(?:start|end)_header_id\|>|<\|eot_id\|>|<\|(?:user|assistant|system)\|>"
    r"|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>"
)
_ROLES = r"^(?:###+ ?(?:Instruction|Response|Input|Human|Assistant|User|System)|User|Human|Assistant) ?:"
_TURN = re.compile(_TURNS)
_TURN_OR_ROLE = re.compile(f"{_TURNS}|{_ROLES}", re.MULTILINE)
_STOP = re.compile(r"<\|(?:endoftext|end_of_text|begin_of_text|end)\|>|</s>|<(?:eos|bos|pad|unk)>|\[UNK\]")

_HINTS_OF_TURNS = ("<|", "INST]", "SYS>>", "_of_turn>")
_HINTS_OF_ROLES = ("###", "User:", "Human:", "Assistant:", "User :", "Human :", "Assistant :")
_HINTS_OF_STOPS = ("<|", "</s>", "<eos>", "<bos>", "<pad>", "<unk>", "[UNK]")


def turn_mark(text: str, *, roles: bool) -> re.Match[str] | None:
    """The first mark of a turn; with ``roles`` also a line that begins with ``User:`` or ``### Response:``.

    A prompt may show a dialogue to be summed up, so that role words tell something in answers only.
    """
    # looking for literals first is many times faster than the expression, which few texts need
    hints = _HINTS_OF_TURNS + _HINTS_OF_ROLES if roles else _HINTS_OF_TURNS
    if not any(hint in text for hint in hints):
        return None
    return (_TURN_OR_ROLE if roles else _TURN).search(text)


def stop_mark(text: str) -> re.Match[str] | None:
    """The first token that ends or fills a model's output, and is no turn of a template."""
    return _STOP.search(text) if any(hint in text for hint in _HINTS_OF_STOPS) else None
