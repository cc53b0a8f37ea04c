"""What a judge's model replied, read from one place only: the reply is one JSON object of the form that was asked for.

Nothing is looked for in a text around it. Whoever looks for a verdict finds the one that the answer brought along.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NoReturn, get_args

from harness_judges.quoting import one_line

Place = Literal["first", "second", "tie"]
"""What a model may say of two answers, by where they stand."""

_LONGEST = 100_000
"""Characters; whatever is longer is no verdict."""
_MOST_REASON = 4_000
"""Characters of a reason that are kept."""
_FENCED = re.compile(r"```(?:json)?[ \t]*\r?\n(.*)\n[ \t]*```", re.DOTALL)


class Malformed(ValueError):  # noqa: N818 - a state of the reply, told as such
    """A reply that is not of the form that was asked for; it says what is wrong, in words of ours only."""


def verdict(reply: str, case: str) -> tuple[Place, str]:
    """Which answer is the better one by where it stands, and the reason."""
    found = _object(reply, case, "verdict")
    said = found["verdict"]
    for place in get_args(Place):
        if said == place:
            return place, found["reason"]
    raise Malformed('the verdict is none of "first", "second" and "tie"')


def levels(reply: str, case: str, most: Mapping[str, int]) -> tuple[dict[str, int], str]:
    """The level of each criterion, from 1 to the ``most`` that it has, and the reason."""
    found = _object(reply, case, "levels")
    given = found["levels"]
    if not isinstance(given, dict):
        raise Malformed("levels is not an object")
    _demand_keys(given, list(most))
    for name, highest in most.items():
        if type(given[name]) is not int or not 1 <= given[name] <= highest:  # True is an int, too
            raise Malformed(f"the level of {name!r} is not a whole number from 1 to {highest}")
    return {name: given[name] for name in most}, found["reason"]


def _object(reply: str, case: str, word: str) -> dict[str, Any]:
    """The object that the reply is, with this case's number, a reason, and the word that is wanted."""
    text = reply.strip()
    if not text:
        raise Malformed("nothing was replied")
    if len(text) > _LONGEST:
        raise Malformed(f"the reply is longer than {_LONGEST:,} characters")
    if fenced := _FENCED.fullmatch(text):
        text = fenced[1]
    try:
        found = json.loads(text, object_pairs_hook=_once_each, parse_constant=_refuse)
    except Malformed:
        raise
    except (ValueError, RecursionError):
        raise Malformed("the reply is not one JSON object and nothing else") from None
    if not isinstance(found, dict):
        raise Malformed("the reply is not one JSON object and nothing else")
    _demand_keys(found, ["case", "reason", word])
    if found["case"] != case:
        raise Malformed("the reply does not have the number of the case")
    if not isinstance(found["reason"], str):
        raise Malformed("the reason is not a text")
    return {**found, "reason": one_line(found["reason"], _MOST_REASON)}


def _demand_keys(found: Mapping[str, Any], wanted: Sequence[str]) -> None:
    if set(found) != set(wanted):
        raise Malformed(f"the keys are not exactly {', '.join(wanted)}")


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Malformed("a key stands twice")
    return found


def _refuse(constant: str) -> NoReturn:
    raise Malformed(f"{constant} is no JSON")
