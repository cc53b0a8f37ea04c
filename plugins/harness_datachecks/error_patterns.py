"""How the texts look that stand where an answer should: errors, placeholders and refusals."""

from __future__ import annotations

import re
from typing import NamedTuple

_WHOLE = 400
"""Characters up to which a text that begins as an error is nothing else."""
_OPENING = 300
_READ = 5_000
"""Of a prompt the last characters are read: there it asks."""


def _any_of(*patterns: str, flags: re.RegexFlag = re.IGNORECASE) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), flags)


_SERVICE_ERRORS = _any_of(
    r"(?:(?:api )?error|failed|exception|warning)?[:\s]*"
    r"(?:(?:you have |you've )?exceeded )?(?:the |your )?(?:api )?rate[ -]?limit"
    r"(?:ed\b| error\b| (?:was |has been )?(?:exceeded|reached|hit)\b)",
    r"(?:error:? ?)?you (?:have )?exceeded your current quota",
    r"(?:error:? ?)?(?:429[:, -]*)?too many requests\b",
    r"(?:error:? ?)?(?:the |that )?(?:model|engine|server) is (?:currently )?(?:overloaded|unavailable)",
    r"(?:http[ /\d.]*)?(?:error:? ?)?(?:5\d\d[:, -]*)?(?:internal server error|bad gateway|gateway time-?out)\b",
    r"(?:http[ /\d.]*)?(?:error:? ?)?(?:5\d\d[:, -]*)?service (?:temporarily )?unavailable\b",
    r"(?:error:? ?)?request failed with status code \d{3}",
    r"(?:error:? ?)?(?:this model's )?maximum context length (?:is|exceeded)\b",
    r"(?:error:? ?)?(?:incorrect|invalid) api key\b",
    r"error code:? \d{3}\b",
    r"(?:error:? ?)?max retries exceeded\b",
    r"(?:error:? ?)?(?:(?:the )?(?:read|connection|request) )?timed out(?: after| while|\.|$)",
    r"(?:error:? ?)?connection (?:refused|reset|aborted|error|timeout)\b",
    r"(?:[a-z_]+\.)*(?:rate_?limit|api_?(?:connection|timeout|status)|internal_?server|service_?unavailable)_?error\b",
    r"(?:[a-z_]+\.)*(?:overloaded|read_?timeout|connect_?timeout|connection|http_?status)_?error\b",
)
_PROGRAM_ERRORS = _any_of(
    r"Traceback \(most recent call last\)",
    r"(?:[A-Za-z_]+\.)*[A-Z][A-Za-z]*(?:Error|Exception)\s*:",
    r"(?:ERROR|Error|error)\s*:",
    r"[Aa]n (?:unexpected |unknown |internal )?error (?:has )?occurred",
    r"[Ss]omething went wrong",
    r"[Nn]etwork error",
    r"(?:HTTP[/ \d.]*)?4\d\d (?:Bad Request|Unauthorized|Forbidden|Not Found|Method Not Allowed|Conflict)",
    r"(?:Failed to|Could not|Unable to) (?:generate|fetch|load|parse|connect)\b.{0,80}$",
    flags=re.NOFLAG,
)
_PAGE = re.compile(r"<(?:!doctype html|html)\b", re.IGNORECASE)
_PAGE_OF_ERROR = re.compile(
    r"<(?:title|h1)>[^<]{0,80}(?:error|not found|forbidden|bad gateway|unavailable|access denied|\b[45]\d\d\b"
    r"|just a moment|attention required)",
    re.IGNORECASE,
)
_JSON_OF_ERROR = _any_of(
    r'\{\s*"(?:error|errors|exception)"\s*:(?! *(?:null|false|\[ *\]|\{ *\}|""|0\b))',
    r'\{\s*"(?:status|code|statusCode)"\s*:\s*"?(?:error\b|429|5\d\d)',
    flags=re.NOFLAG,
)
_JSON_OF_SERVICE = _any_of(
    r'"(?:message|detail)"\s*:[^{}]*"(?:type|code|status)"\s*:', r"rate.?limit", "overloaded", "quota"
)

_ASKS_OF_ERRORS = re.compile(
    r"\b(?:errors?|exceptions?|tracebacks?|https?|status codes?|time-?outs?|rate.?limits?|quotas?)\b", re.IGNORECASE
)
_ASKS_OF_CODE = re.compile(
    r"\b(?:errors?|exceptions?|tracebacks?|stack ?traces?|output|prints?|code|def|import|raises?|status|https?|logs?"
    r"|json|html|function|script|api|undefined|null|nan|java|javascript|python)\b",
    re.IGNORECASE,
)
_ASKS_FOR_PLACEHOLDERS = re.compile(r"\b(?:placeholder|lorem|ipsum|template|todo)s?\b", re.IGNORECASE)

_EMPTY_VALUES = frozenset(("undefined", "nan", "null", "nil"))
_NOT_WRITTEN = _any_of(
    r"\[object Object\]",
    r"(?:TODO|TBD|FIXME)\b[^\n]{0,80}",
    r"lorem ipsum\b.*",
    r"\{\{?\s*\w+\s*\}?\}",
    r"<\w*answer\w*>",
    r"\.{3}|\u2026",
    r"\[?(?:insert|enter|your) (?:your )?(?:answer|text|response)(?: here)?\]?\.?",
    flags=re.IGNORECASE | re.DOTALL,
)

_CANNOT = r"(?:cannot|can not|am unable(?: to)?|am not able(?: to)?|will not|do not have access)"
_REFUSES = _any_of(
    r"\bas an? (?:ai )?(?:large )?language model\b",
    r"\bas an (?:ai|artificial intelligence)(?: (?:model|assistant|chatbot|system|program))?"
    r"(?: (?:developed|created|trained|made) by \w+)?,? (?:i|my)\b",
    rf"\bi am (?:just |only )?an? (?:ai)(?: language)? (?:model|assistant)\b.{{0,40}}{_CANNOT}",
    rf"\b(?:sorry|apologi[sz]e|afraid|unfortunately)\b.{{0,40}}?\bi {_CANNOT}\b",
    rf"\bi {_CANNOT} (?:help(?! but)|assist|answer|provide|comply|fulfil|engage in|generate|discuss|support)",
    r"\bi (?:must|have to) (?:respectfully )?(?:decline|refuse)\b",
    r"\bagainst my (?:guidelines|programming)\b",
    r"\bals (?:ki-|ein (?:ki-)?)?sprachmodell\b",
    r"\ben tant qu(?:e mod\u00e8le de lang|e ia\b|'ia\b)",
    r"\bcomo (?:un |um )?model?o de (?:lenguaje|linguagem)\b",
    r"\u4f5c\u4e3a(?:\u4e00\u4e2a|\u4e00\u540d)?\s*(?:ai|\u4eba\u5de5\u667a\u80fd)",  # as an AI, in Chinese
    flags=re.NOFLAG,
)
_LETTERS_OF_REFUSALS = (
    "sorry", "apolog", "afraid", "unfortunately", "cannot", "can not", "unable", "not able", "will not",
    "an ai", "language model", "artificial", "must", "have to", "against my", "sprachmodell", "en tant qu", "como ",
    "\u4f5c\u4e3a",
)  # fmt: skip
_LONG_FORMS = (("\u2019", "'"), ("can't", "cannot"), ("won't", "will not"), ("don't", "do not"), ("i'm ", "i am "))
_TWO_SENTENCES = re.compile(r"[.!?]\s[^.!?]*[.!?]\s")


class Seen(NamedTuple):
    """What stands in the place of an answer."""

    kind: str
    """One of ``ERROR``, ``PLACEHOLDER``, ``REFUSAL``."""
    is_nothing_else: bool = False
    """Whether the whole text is that, and beyond doubt no answer."""


ERROR, PLACEHOLDER, REFUSAL = "error messages", "placeholders", "refusals"


def seen_in(answer: str, asked: str) -> Seen | None:
    """What the answer is, or begins with, instead of answering; ``None`` for a text that answers or only tells of it.

    Who is asked about code, logs or JSON may well answer with an error or an empty value.
    """
    text = answer[: 2 * _WHOLE].strip()
    if not text:
        return None
    is_short, asked = len(answer) <= _WHOLE, asked[-_READ:]
    found = _error(text, asked, is_short=is_short) or _placeholder(text, asked, is_short=is_short)
    return found or (Seen(REFUSAL) if _refuses(text) else None)


def _error(text: str, asked: str, *, is_short: bool) -> Seen | None:
    first = text[0]
    if first == "<":
        is_error = _PAGE.match(text) and _PAGE_OF_ERROR.search(text)
        return Seen(ERROR, not _ASKS_OF_CODE.search(asked)) if is_error else None
    if first == "{":
        is_service = is_short and _JSON_OF_SERVICE.search(text) is not None and not _ASKS_OF_CODE.search(asked)
        return Seen(ERROR, is_service) if _JSON_OF_ERROR.match(text) else None
    if is_short and _SERVICE_ERRORS.match(text):
        return None if _ASKS_OF_ERRORS.search(asked) else Seen(ERROR, not _ASKS_OF_CODE.search(asked))
    if (is_short or first == "T") and _PROGRAM_ERRORS.match(text):
        return None if _ASKS_OF_CODE.search(asked) else Seen(ERROR)
    return None


def _placeholder(text: str, asked: str, *, is_short: bool) -> Seen | None:
    if text.casefold() in _EMPTY_VALUES:
        return None if _ASKS_OF_CODE.search(asked) else Seen(PLACEHOLDER)
    if (is_short or text[0] in "lL") and _NOT_WRITTEN.fullmatch(text):
        return None if _ASKS_FOR_PLACEHOLDERS.search(asked) else Seen(PLACEHOLDER, not _ASKS_OF_CODE.search(asked))
    return None


def _refuses(text: str) -> bool:
    """Whether the first two sentences refuse, or say that a language model speaks."""
    opening = text[:_OPENING].lower()
    for short, long in _LONG_FORMS:
        opening = opening.replace(short, long)
    if not any(letters in opening for letters in _LETTERS_OF_REFUSALS):
        return False
    two = _TWO_SENTENCES.search(opening)
    return _REFUSES.search(opening[: two.end()] if two else opening) is not None
