"""Dates of birth: dates beside a word that says so."""

from __future__ import annotations

import re

from harness_datachecks.pii_spans import Spans, has_digits

_BORN = (
    r"born|date of birth|d\.?o\.?b\b\.?|birth\s?-?_?(?:date|day)|geb(?:oren|urtsdatum|urtstag|\.)|naissance|"
    r"née?(?: le)?|nacimiento|nacid[oa]|naci[óo]|nato|nata|nascita|nascimento|nascid[oa]|"
    r"geboorte(?:datum|dag)?|urodz\w{1,8}|"
    r"född|født|syntynyt|fødselsdato|personnummer|anniversaire|cumpleaños|compleanno|aniversário"
)
_MONTH = (
    r"(?:jan|f[ée][bv]|mar|mär|maa|apr|avr|abr|may|mai|mag|maj|mei|jun|juin|giu|giugno|jul|juil|lug|aug|ago|août|aou|"
    r"sep|set|oct|okt|ott|out|nov|dec|dez|déc|dic|dicembre|ene|gen)[a-zäéûç]{0,8}\.?"
)
_YEAR = r"(?:19|20)\d\d"
_WHEN = (
    rf"(?:\d{{1,2}}\s?[./-]\s?\d{{1,2}}\s?[./-]\s?(?:{_YEAR}|\d\d)|{_YEAR}[./-]\d{{1,2}}[./-]\d{{1,2}}|"
    rf"\d{{1,2}}(?:st|nd|rd|th|er|\.|º)?,?[\s-](?:of\s|de\s|del\s)?{_MONTH},?[\s-](?:de\s|del\s)?{_YEAR}|"
    rf"{_MONTH}\s\d{{1,2}}(?:st|nd|rd|th)?,?\s{_YEAR})(?!\w)"
)
_BIRTHS = (
    re.compile(rf"(?<!\w)(?:{_BORN})(?!\w)[^\d\n]{{0,24}}?(?<!\w)({_WHEN})", re.I),
    re.compile(rf"(?<!\w)({_WHEN})[\s,(]{{1,3}}(?:{_BORN})(?!\w)", re.I),
)
_IS_BORN = re.compile(_BORN, re.I)


def births(text: str) -> Spans:
    """Dates, with day and month, beside a word that says that somebody was born; not before 1900."""
    if has_digits(text, 3) and _IS_BORN.search(text):
        for pattern in _BIRTHS:
            for match in pattern.finditer(text):
                yield match.span(1)
