"""Which format rows are in, by their columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import islice

from harness.data.formats import asked, chat, flat
from harness.data.formats.faults import listed
from harness.data.formats.shape import Object, Shape, always
from harness.errors import did_you_mean
from harness.rows import Format

SHAPES: Mapping[Format, Shape] = {
    shape.name: shape
    for shape in (
        chat.MESSAGES,
        chat.ANTHROPIC,
        chat.SHAREGPT,
        asked.MULTIPLE_CHOICE,
        asked.PROMPT_COMPLETION,
        asked.KTO,
        asked.PREFERENCE,
        flat.ALPACA,
        flat.INPUT_OUTPUT,
        flat.CLASSIFICATION,
        flat.TEXT,
    )
}
"""All formats by name."""

COLUMNS: Mapping[Format, tuple[str, ...]] = {name: shape.needs for name, shape in SHAPES.items()}
"""The columns that a format cannot do without."""

KNOWN_FORMATS = "; ".join(dict.fromkeys(", ".join(columns) for columns in COLUMNS.values()))

_KNOWN = frozenset(column for shape in SHAPES.values() for column in (*shape.needs, *shape.may_have))

_MARKED = frozenset(name for name, shape in SHAPES.items() if shape.marks is not always)
"""The formats that the columns alone do not tell."""
_ASKED_ABOUT, _LONGEST = 20, 40
"""So many columns of a row are held against the known ones, and so many characters of each."""


def fitting(row: Object) -> tuple[Format, ...]:
    """The formats that a row may be in: those whose columns are not all another's that fits and explains more."""
    forms = _by_columns(_KNOWN.intersection(row))
    fits = [form for form in forms if form not in _MARKED or SHAPES[form].marks(row)]
    return tuple(form for form in fits if not any(other in forms[form] for other in fits))


def several(forms: Sequence[Format]) -> str:
    """That none of the formats explains the columns of the others, as a sentence."""
    fits = (f"{form} ({', '.join(COLUMNS[form])})" for form in forms)
    return f"the row fits {'both ' if len(forms) == 2 else ''}{listed(fits)}"


def other_than(form: Format, row: Object) -> Format | None:
    """The one format that a row is in, where it is not ``form``, though it has the columns of it."""
    forms = fitting(row)
    # turns without tools and system text are alike in both
    if not forms or form in forms or (form == "anthropic" and "messages" in forms):
        return None
    return forms[0] if len(forms) == 1 else None


def near_misses(row: Object) -> str:
    """What may have been meant by a column that no format knows, in brackets, or nothing."""
    hints = (_hint(str(column)[:_LONGEST]) for column in islice(row, _ASKED_ABOUT))
    return next(filter(None, hints), "")


@lru_cache(maxsize=1024)
def _hint(column: str) -> str:
    hint = did_you_mean(column, _KNOWN)
    return f" ({column!r}: {hint})" if "did you mean" in hint and column not in _KNOWN else ""


@lru_cache(maxsize=1024)
def _by_columns(columns: frozenset[str]) -> Mapping[Format, frozenset[Format]]:
    """The formats whose columns are there, each with those that explain more of them."""
    forms = {form: columns.intersection(SHAPES[form].columns) for form in SHAPES if columns.issuperset(COLUMNS[form])}
    return {form: frozenset(other for other in forms if _beats(other, form, forms)) for form in forms}


def _beats(one: Format, other: Format, explained: Mapping[Format, frozenset[str]]) -> bool:
    if explained[one] == explained[other]:
        return one == "anthropic" and other == "messages"
    return explained[one] > explained[other]
