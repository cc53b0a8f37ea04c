"""What states call their people by: identity, tax and social security numbers, passports and licences."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module

from harness_datachecks.pii_presidio import recognised
from harness_datachecks.pii_spans import Spans, has_digits

_NO_DIGIT = re.compile(r"\D")
_NO_LETTER = re.compile(r"[\W_]")


@dataclass(frozen=True, slots=True)
class _Scheme:
    """A kind of identity number."""

    module: str
    """In ``stdnum``, which knows its checksum and dates."""
    digits: int
    form: str = r"[\d .\-/]+"
    """How it is written where no word before it says what it is: a weak checksum is often right by chance."""


_NAMED_ONLY = "(?!)"
_SCHEMES = (
    _Scheme("us.ssn", 9, r"\d{3}[- \u2010\u2011]\d\d[- \u2010\u2011]\d{4}"),
    _Scheme("us.itin", 9, r"\d{3}-\d\d-\d{4}"),
    _Scheme("nl.bsn", 9, _NAMED_ONLY),
    _Scheme("pt.nif", 9, _NAMED_ONLY),
    _Scheme("au.tfn", 9, _NAMED_ONLY),
    _Scheme("ca.sin", 9, _NAMED_ONLY),
    _Scheme("il.idnr", 9, _NAMED_ONLY),
    _Scheme("gb.nhs", 10, _NAMED_ONLY),
    _Scheme("se.personnummer", 10, r"\d{6}[-+]\d{4}"),
    _Scheme("se.personnummer", 12, r"\d{8}[-+]?\d{4}"),
    _Scheme("dk.cpr", 10, _NAMED_ONLY),
    _Scheme("cz.rc", 10, r"\d{6}/\d{4}"),
    _Scheme("bg.egn", 10, _NAMED_ONLY),
    _Scheme("pl.pesel", 11),
    _Scheme("no.fodselsnummer", 11),
    _Scheme("be.nn", 11),
    _Scheme("br.cpf", 11),
    _Scheme("tr.tckimlik", 11),
    _Scheme("ee.ik", 11, _NAMED_ONLY),
    _Scheme("hr.oib", 11, _NAMED_ONLY),
    _Scheme("gr.amka", 11, _NAMED_ONLY),
    _Scheme("de.idnr", 11, r"\d\d \d{3} \d{3} \d{3}"),
    _Scheme("in_.aadhaar", 12, r"\d{4}([ -])\d{4}\1\d{4}"),
    _Scheme("ch.ssn", 13),
    _Scheme("za.idnr", 13),
    _Scheme("ro.cnp", 13),
    _Scheme("kr.rrn", 13, r"\d{6}-\d{7}"),
    _Scheme("th.pin", 13, r"\d-\d{4}-\d{5}-\d\d-\d"),
    _Scheme("pk.cnic", 13, r"\d{5}-\d{7}-\d"),
    _Scheme("fr.nir", 15),
    _Scheme("id.nik", 16, _NAMED_ONLY),
    _Scheme("cn.ric", 18),
)
_DIGITS = re.compile(r"(?<![\w+])(?<!\d[.,:+-])\d(?:[ .\-\u2010\u2011/+]?\d){8,17}(?!\w|[.,]\d)")
_LETTERS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (module, re.compile(rf"(?<![\w-])(?<!\d[.,])(?:{form})(?!\w|-\w)", re.I))
    for module, form in (
        ("es.dni", r"\d{8}[- ]?[A-Z]|\d\d\.\d{3}\.\d{3}[- ]?[A-Z]"),
        ("es.nie", r"[XYZ][- ]?\d{7}[- ]?[A-Z]"),
        ("it.codicefiscale", r"[A-Z]{3} ?[A-Z]{3} ?[\dL-NP-V]{2}[A-EHLMPRST][\dL-NP-V]{2} ?[A-Z][\dL-NP-V]{3}[A-Z]"),
        ("fi.hetu", r"\d{6}[-+A-FU-Y]\d{3}[0-9A-Y]"),
        ("ie.pps", r"\d{7}[A-W][ABHWTX]?"),
        ("in_.pan", r"[A-Z]{3}[ABCFGHJLPT][A-Z]\d{4}[A-Z]"),
        ("mx.curp", r"[A-Z]{4}\d{6}[HM][A-Z]{5}[A-Z\d]\d"),
        ("fr.nir", r"[12] ?\d\d ?\d\d ?2[AB] ?\d{3} ?\d{3} ?\d\d"),
        ("cn.ric", r"\d{17}X"),
        ("cl.rut", r"\d{1,2}\.?\d{3}\.?\d{3}-[\dK]"),
        ("lv.pvn", r"\d{6}-\d{5}"),
    )
)
_NINO = re.compile(r"(?<![\w-])[A-CEGHJ-PR-TW-Z]{2} ?\d{2} ?\d{2} ?\d{2} ?[A-D](?!\w|-\w)", re.I)
_NAMED = re.compile(
    r"\bssn\b|social (?:security|insurance)|\bitin\b|\btax(?:payer)?(?:[ -]?(?:id|file|no|num|ref)|\b)|\btin\b|\btfn\b|"
    r"\bsin\b|national (?:id|insurance)|\bnino?\b|identi(?:ty|ification)|\bid[ -]?(?:card|no|num|nr|#|kort)|\bnhs\b|"
    r"steuer|\bbsn\b|burgerservice|\bsofi|\bcpr\b|person(?:nummer|al ?(?:id|ausweis|code|number))|\bn\.?i\.?[fe]\b|"
    r"\bdni\b|\bcpf\b|aadhaar|\bpan\b|codice fiscale|\bpesel\b|passport|sozialvers|s[eé]curit[eé] sociale|"
    r"\binsee\b|\bnir\b|\begn\b|\boib\b|teudat|\bamka\b|isikukood|\bktp\b|\bnik\b|t\.?c\.? ?kimlik|\bcnp\b|"
    r"\bcurp\b|\brut\b|\bhetu\b|\bpps",
    re.I,
)
_BEFORE = 48
_PAPER = re.compile(
    r"(?:passport|reisepass|passeport|pasaporte|passaporto|paspoort|driv(?:er'?s?|ing) licen[cs]e|driving permit|"
    r"führerschein|permis de conduire|personalausweis|ausweis|identity card|id card)\w{0,8}"
    r"[\s:#.(-]{0,3}(?:(?:(?:no|nr|num|number|nummer|id)\b|n[°º])[.:]?)?[\s:#=)-]{0,3}(?:(?:is|was|ist|lautet|est|es|è)\s)?"
    r"[\s:#]{0,2}([A-Z0-9]{6,16})(?!\w)",
    re.I,
)


def identities(text: str) -> Spans:
    """Identity, tax and social security numbers of some forty states, and passports and licences by their name.

    What only a weak checksum tells from any other number counts where a word before it says what it is.
    """
    if not has_digits(text, 4):
        return
    for match in _PAPER.finditer(text):
        if has_digits(match[1], 4):
            yield match.span(1)
    if not has_digits(text, 6):
        return
    for match in _NINO.finditer(text):
        if (match[0].isupper() or _is_named(text, match.start())) and recognised("UK_NINO", match[0].upper()):
            yield match.span()
    for module, pattern in _LETTERS:
        for match in pattern.finditer(text):
            if _is_valid(module, _NO_LETTER.sub("", match[0]) if module not in _DASHED else match[0]):
                yield match.span()
    yield from _by_digits(text)


_DASHED = frozenset({"fi.hetu"})
"""Where the sign in the middle tells the century."""


def _by_digits(text: str) -> Iterator[tuple[int, int]]:
    for match in _DIGITS.finditer(text):
        number = _NO_DIGIT.sub("", match[0])
        if len(set(number)) <= 2:
            continue
        for scheme in _schemes(len(number)):
            if (re.fullmatch(scheme.form, match[0]) or _is_named(text, match.start())) and _is_valid(
                scheme.module, number
            ):
                yield match.span()
                break


@cache
def _schemes(digits: int) -> tuple[_Scheme, ...]:
    return tuple(scheme for scheme in _SCHEMES if scheme.digits == digits)


def _is_named(text: str, start: int) -> bool:
    return _NAMED.search(text, max(0, start - _BEFORE), start) is not None


@cache
def _scheme_of(module: str) -> Callable[[str], object]:
    found: Callable[[str], object] = import_module(f"stdnum.{module}").is_valid
    return found


def _is_valid(module: str, number: str) -> bool:
    return bool(_scheme_of(module)(number))
