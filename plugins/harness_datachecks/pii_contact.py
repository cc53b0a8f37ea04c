"""Where people are reached: e-mail and IP addresses and phone numbers."""

from __future__ import annotations

import ipaddress
import re

from harness_datachecks.pii_presidio import recognised
from harness_datachecks.pii_spans import Spans, has_digits

# --- e-mail

_EMAIL = re.compile(r"(?<![\w.+%&-])\w[\w.+%&'-]{0,63}+@(?:[\w-]{1,63}+\.){1,8}[\w-]{2,63}")
_AT = r"(?:\s?[\[({<]\s?(?:at|ät|@)\s?[\])}>]\s?|\s(?:at|@)\s)"
_DOT = r"(?:\.|\s?[\[({<]\s?(?:dot|punkt|point|\.)\s?[\])}>]\s?|\s(?:dot|punkt)\s)"
_SPELT = re.compile(rf"(?<![\w.+-])([\w.+-]{{1,64}}+){_AT}([\w-]{{1,63}}(?:{_DOT}[\w-]{{1,63}}){{1,4}})", re.I)
_SPELT_SIGN = re.compile(r"[\[({<]\s?(?:at|ät|@)\s?[\])}>]|\sdot\s|\spunkt\s|\s@\s", re.I)
_DOTS = re.compile(_DOT, re.I)
_NOBODY = frozenset({"git", "noreply", "no-reply", "donotreply", "do-not-reply", "mailer-daemon"})
"""Names before the ``@`` that no person reads."""


def emails(text: str) -> Spans:
    """E-mail addresses, those spelt out as ``jo (at) host (dot) org`` too."""
    if "@" in text:
        for match in _EMAIL.finditer(text):
            if _is_email(match[0]):
                yield match.span()
    if _SPELT_SIGN.search(text):
        for match in _SPELT.finditer(text):
            if _is_email(f"{match[1].strip('.')}@{_DOTS.sub('.', match[2])}"):
                yield match.span()


def _is_email(address: str) -> bool:
    return address.partition("@")[0].lower() not in _NOBODY and recognised("EMAIL_ADDRESS", address)


# --- phone

_GAP = r"[ \u00a0\u2009\u202f.\-\u2010-\u2013/()]"
_PHONE = re.compile(rf"(?<![\w+])(?<!\d[.,:-])(?:\+\s?|\()?\d(?:{_GAP}{{0,3}}\d){{6,16}}(?![\w%])(?![.,:-]\d)")
_CALLED = re.compile(
    r"t[eé]l\b|t[eé]l[eé](?:f|ph)|telph|phone|(?<!\w)fon\b|(?<!\w)fax|mobi?l|m[oó]vil|celular|cellul|(?<!\w)cell\b|"
    r"handy|rufnummer|durchwahl|whatsapp|(?<!\w)sms\b|hotline|(?<!\w)dial|"
    r"(?<!\w)(?:call|ring|text(?:ed)?) (?:me|him|her|us)|☎|📞|\u2706",
    re.I,
)
_REACHED = re.compile(
    r"(?<!\w)call|(?<!\w)ring|reach(?:ed|able)?\b|contact|kontakt|contato|ll[aá]m|ligue|ligar|appel|joindre|"
    r"(?<!\w)n[uú]m[eé]ro|nummer|number|signal|telegram",
    re.I,
)
"""Words that stand before phone numbers and before much else: then a short number is none."""
_LEAST_REACHED = 9
"""Digits."""
_BEFORE = 40
"""Characters before a value in which a word may say what it is."""
_GROUPS = re.compile(r"\d+")
_NORTH_AMERICAN = re.compile(r"(?:1[ .\-])?(?:\(\d{3}\) ?|\d{3}[ .\-\u2010-\u2013/])\d{3}[ .\-\u2010-\u2013]\d{4}")
_REGIONS = (
    "US", "GB", "DE", "FR", "ES", "IT", "NL", "BE", "AT", "CH", "PT", "PL", "SE", "DK", "NO", "FI",
    "IE", "IN", "AU", "NZ", "BR", "MX", "AR", "CL", "CO", "JP", "CN", "KR", "SG", "HK", "MY", "PH",
    "ID", "TH", "VN", "ZA", "NG", "KE", "EG", "IL", "TR", "RU", "UA", "CZ", "GR", "HU", "RO", "AE",
    "SA", "PK",
)  # fmt: skip
_REGIONS_WITH_ZERO = (
    "GB", "DE", "FR", "IT", "NL", "BE", "AT", "CH", "SE", "FI", "IE", "IN", "AU", "NZ", "JP", "ZA",
    "RO", "TR", "IL", "UA",
)  # fmt: skip
"""Where a number that is dialled within the country starts with 0."""
_FICTION = re.compile(r"555\D?01\d\d$|^\D*(?:\+?44|0)\D*(?:20\D*7946\D*0|1632\D*960|7700\D*900)")
"""Numbers that no one has: those that NANPA and Ofcom keep for films."""


_AREA = re.compile(rf"\((?!(?:19|20)\d\d\))\d{{2,4}}\) ?\d{{3,5}}{_GAP}\d{{3,4}}")
_DATE_LIKE = re.compile(
    r"(?:1\d|20)\d\d[-\u2013](?:1\d|20)?\d\d$|\d{1,2}[./-]\d{1,2}[./-]\d{4}|\d{4}[./-]\d{1,2}[./-]\d{1,2}"
)


def phones(text: str) -> Spans:
    """Phone numbers: in international form, in a country's own form after a word such as ``tel.``, or by their look."""
    if not has_digits(text, 7):
        return
    for match in _PHONE.finditer(text):
        if not _FICTION.search(match[0]) and _is_phone(match[0], text[max(0, match.start() - _BEFORE) : match.start()]):
            yield match.span()


def _is_phone(written: str, before: str) -> bool:
    groups = _GROUPS.findall(written)
    count = sum(map(len, groups))
    called = _CALLED.search(before) is not None or (count >= _LEAST_REACHED and _REACHED.search(before) is not None)
    if written.startswith("+"):
        return len(groups[-1]) > 1 and _is_valid(written, None, possible=called)
    if _DATE_LIKE.search(written):
        return False
    if written.startswith("00") and (called or len(groups) > 1) and _is_valid(f"+{written[2:]}", None, possible=called):
        return True
    if called or _AREA.fullmatch(written):
        return any(_is_valid(written, region) for region in _REGIONS)
    if _NORTH_AMERICAN.fullmatch(written):
        return _is_valid(written, "US")
    looks_dialled = (
        written.lstrip("(").startswith("0")
        and 2 <= len(groups) <= 6
        and all(len(group) >= 2 for group in groups)
        and 9 <= count <= 12
    )
    return looks_dialled and any(_is_valid(written, region) for region in _REGIONS_WITH_ZERO)


def _is_valid(written: str, region: str | None, *, possible: bool = False) -> bool:
    """Whether a number of the region, or one with the country's code where there is none, may be somebody's.

    With ``possible`` a length that fits is enough, for numbers of ranges that are newer than what is known of them.
    """
    import phonenumbers

    try:
        number = phonenumbers.parse(written, region)
    except phonenumbers.NumberParseException:
        return False
    return phonenumbers.is_possible_number(number) if possible else phonenumbers.is_valid_number(number)


# --- IP

_IPV4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?!\w|\.\d|-\w)")
_IPV6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f:]{6,39}(?![\w:])")
_VERSION = re.compile(
    r"(?:(?<![a-z])v|ver\.?|versions?|releases?|revision|build|firmware|kernel|driver|schema|section|chapter|rfc|[=<>~!]=|[<>~^]|"
    r"(?:up|down)grad\w{1,6} (?:to|from)|[a-z_-]/)\s{0,2}$",
    re.I,
)
_RESOLVERS = frozenset({"8.8.8.8", "8.8.4.4", "1.1.1.1", "1.0.0.1", "9.9.9.9", "1.2.3.4", "4.3.2.1"})
"""Everybody's servers of names, and what examples count with."""

_GIVEN_OUT = ipaddress.ip_network("2000::/3")


def ip_addresses(text: str) -> Spans:
    """Public IP addresses, not those of private networks, of documentation or of versions with four numbers."""
    if text.count(".") >= 3 and has_digits(text, 4):
        for match in _IPV4.finditer(text):
            if not _VERSION.search(text, max(0, match.start() - 24), match.start()) and _is_public(match[0]):
                yield match.span()
    if text.count(":") >= 2:
        for match in _IPV6.finditer(text):
            if match[0].count(":") >= 2 and _is_public(match[0]):
                yield match.span()


def _is_public(written: str) -> bool:
    try:
        address = ipaddress.ip_address(written)
    except ValueError:
        return False
    # of the sixth version's numbers only an eighth is given out, and no other is anybody's
    is_given_out = address.version == 4 or address in _GIVEN_OUT
    is_public = address.is_global and is_given_out and not address.is_multicast and written not in _RESOLVERS
    return is_public and recognised("IP_ADDRESS", written)
