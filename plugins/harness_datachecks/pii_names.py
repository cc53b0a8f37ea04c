"""Names of persons, by a language model of spaCy that somebody has installed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from harness_datachecks.pii_spans import Spans

if TYPE_CHECKING:
    from spacy.language import Language

_LABELS = frozenset({"PERSON", "PER"})
_WINDOW = 100_000
"""Characters that the model is given at once; its memory grows with them."""


def installed_model() -> str | None:
    """The spaCy model to use: an English one before others, the first by name; ``None`` where none is installed."""
    from spacy.util import get_installed_models

    return min(get_installed_models(), key=lambda name: (not name.startswith("en_"), name), default=None)


def finder(model: str) -> Callable[[str], Spans]:
    """What finds names with this model, a package's name or a folder; ``ValueError`` where it does not load."""
    import spacy

    try:
        language = spacy.load(model, exclude=["lemmatizer", "textcat"])
    except (OSError, ImportError, ValueError) as error:
        raise ValueError(f"the spaCy model {model!r} does not load ({error}); name an installed one") from None

    def find(text: str) -> Spans:
        for start in range(0, len(text), _WINDOW):
            yield from _names(language, text[start : start + _WINDOW], start)

    return find


def _names(language: Language, text: str, offset: int) -> Spans:
    # half a surrogate pair is no character for spaCy; a question mark keeps the places of the others
    whole = text.encode("utf-8", "replace").decode("utf-8")
    for entity in language(whole).ents:
        if entity.label_ in _LABELS and any(map(str.isalpha, entity.text)):
            yield entity.start_char + offset, entity.end_char + offset
