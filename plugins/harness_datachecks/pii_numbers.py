"""Numbers that carry a checksum: cards, accounts and wallets."""

from __future__ import annotations

import re
from functools import cache
from hashlib import sha256

from harness_datachecks.pii_presidio import is_bech32, recognised
from harness_datachecks.pii_spans import Spans, has_digits, overlapping

_GAP = r"[ \u00a0\u2009\u202f.\-\u2010-\u2013]"
_NO_DIGIT = re.compile(r"\D")

# --- cards

_CARD = re.compile(
    rf"(?<![\w])(?<!\d[.,])(?:\d{{4}}(?:{_GAP}{{1,3}}\d{{4}}){{3}}(?:{_GAP}{{1,3}}\d{{1,3}})?|"
    rf"\d{{4}}{_GAP}{{1,3}}\d{{6}}{_GAP}{{1,3}}\d{{4,5}}|\d(?:{_GAP}?\d){{11,18}})(?!\w|[.,]\d)"
)
_ISSUERS = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}|"
    r"6(?:011|4[4-9]\d|5\d\d)\d{12,15}|35(?:2[89]|[3-8]\d)\d{12,15}|3(?:0[0-5]|[689]\d)\d{11,16}|"
    r"62\d{14,17}|(?:50|5[6-9]|6[37])\d{10,17}|220[0-4]\d{12,15}"
)
"""Visa, Mastercard, American Express, Discover, JCB, Diners, UnionPay, Maestro, Mir: prefix and length."""


def cards(text: str) -> Spans:
    """Payment cards: a length and a prefix that an issuer has, and Luhn's checksum.

    Presidio's recogniser would take any number that begins with 1 and miss Mastercard's with 2 and UnionPay's of 19.
    """
    if not has_digits(text, 12):
        return
    from stdnum import luhn

    for match in overlapping(_CARD, text):
        number = _NO_DIGIT.sub("", match[0])
        if _ISSUERS.fullmatch(number) and luhn.is_valid(number):
            yield match.span()


# --- accounts

_IBAN = re.compile(rf"(?<![^\W_])[A-Za-z]{{2}}{_GAP}?\d{_GAP}?\d(?:{_GAP}{{0,2}}[A-Za-z0-9]){{11,32}}")
_PART = re.compile(r"(\d+)!")


def ibans(text: str) -> Spans:
    """IBANs, in the length and the form of their country and with the right checksum, however they are grouped."""
    if not has_digits(text, 7):
        return
    from stdnum import iban

    for match in overlapping(_IBAN, text):
        length = _length_in(match[0][:2].upper())
        places = [index for index in range(*match.span()) if text[index].isalnum()][:length]
        if not length or len(places) < length:
            continue
        end = places[-1] + 1
        # what follows without a gap belongs to it: then it is another number
        is_whole = end == len(text) or not text[end].isalnum()
        if is_whole and iban.is_valid("".join(text[index] for index in places), check_country=False):
            yield match.start(), end


@cache
def _length_in(country: str) -> int:
    """Of an IBAN; 0 where the country has none."""
    from stdnum import numdb

    return sum(
        4 + sum(int(size) for size in _PART.findall(facts["bban"]))
        for _, facts in numdb.get("iban").info(country)
        if "bban" in facts
    )


# --- wallets

_BASE58 = "1-9A-HJ-NP-Za-km-z"
_WALLET = re.compile(
    rf"(?<!\w)(?:(?:bc1|ltc1)[a-z0-9]{{25,62}}|(?:BC1|LTC1)[A-Z0-9]{{25,62}}|addr1[a-z0-9]{{50,110}}|0x[0-9a-fA-F]{{40}}|"
    rf"[48][0-9AB][{_BASE58}]{{93}}|[13LMDTXAr9][{_BASE58}]{{25,34}})(?!\w)"
)
_OTHER_WALLET = re.compile(
    rf"(?:wallet|solana|\bsol\b|phantom|deposit|address)[^\n]{{0,30}}?(?<!\w)([{_BASE58}]{{32,44}})(?!\w)", re.I
)


def wallets(text: str) -> Spans:
    """Addresses of Bitcoin, Litecoin, Dogecoin, Tron, Dash, Ethereum, Monero and Cardano, by their checksum if any."""
    for match in _WALLET.finditer(text):
        if _is_wallet(match[0]):
            yield match.span()
    if has_digits(text, 3):
        for match in _OTHER_WALLET.finditer(text):
            if _is_mixed(match[1]):
                yield match.span(1)


def _is_wallet(address: str) -> bool:
    if address.startswith("0x"):
        return len(set(address[2:].lower())) > 6
    if address.startswith("addr1") or len(address) == 95:
        return True
    if address[:3].lower() in {"bc1", "ltc"}:
        return is_bech32(address)
    if address.startswith("r"):
        return _is_mixed(address) and _has_checksum(address.translate(_FROM_RIPPLE))
    return recognised("CRYPTO", address) if address[0] in "13" else _has_checksum(address)


_BITCOIN_DIGITS = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_RIPPLE_DIGITS = "rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz"
_FROM_RIPPLE = str.maketrans(_RIPPLE_DIGITS, _BITCOIN_DIGITS)


def _has_checksum(address: str) -> bool:
    """Whether the last four bytes are those of the double SHA-256 of the others (Base58Check)."""
    from stdnum.bitcoin import b58decode

    content = b58decode(address)
    return sha256(sha256(content[:-4]).digest()).digest()[:4] == content[-4:]


def _is_mixed(address: str) -> bool:
    return any(map(str.isdigit, address)) and any(map(str.isupper, address)) and any(map(str.islower, address))
