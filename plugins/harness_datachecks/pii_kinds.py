"""The kinds of personal data and secrets that are looked for, and how one of each is told without telling it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from harness import Severity


class Hit(NamedTuple):
    """Where in a text a value of a kind stands."""

    kind: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of value."""

    name: str
    """As Presidio calls it, where it knows the kind; what a redacted row says in its place: ``<EMAIL_ADDRESS>``."""
    title: str
    severity: Severity
    remedy: str


_REDACT = "replace them with --redact, or list what may stay in the option allow"
_REVOKE = "revoke them, for what was in a data file is known, and replace them with --redact"

KINDS = (
    Kind("PRIVATE_KEY", "private keys", "error", _REVOKE),
    Kind("API_KEY", "API keys and tokens", "error", _REVOKE),
    Kind("PASSWORD", "passwords", "error", _REVOKE),
    Kind("IBAN_CODE", "IBANs", "error", _REDACT),
    Kind("CREDIT_CARD", "card numbers", "error", _REDACT),
    Kind("CRYPTO", "wallet addresses", "warning", _REDACT),
    Kind("IP_ADDRESS", "IP addresses", "warning", _REDACT),
    Kind("NATIONAL_ID", "identity numbers", "warning", _REDACT),
    Kind("EMAIL_ADDRESS", "e-mail addresses", "warning", _REDACT),
    Kind("DATE_OF_BIRTH", "dates of birth", "warning", _REDACT),
    Kind("PHONE_NUMBER", "phone numbers", "warning", _REDACT),
    Kind("STREET_ADDRESS", "street addresses", "warning", _REDACT),
    Kind("PERSON", "names of persons", "warning", _REDACT),
)
"""In the order in which they claim a stretch of text: digits that are a card's are not a phone's."""

NAMES = tuple(kind.name for kind in KINDS)


def masked(kind: str, value: str) -> str:
    """Enough of a value for whoever has the file to find it, never the value itself."""
    if kind == "PRIVATE_KEY":
        return "-----BEGIN *** KEY-----"
    if kind in {"PASSWORD", "NATIONAL_ID", "DATE_OF_BIRTH"} or len(value) < 6:
        return "***"
    if kind == "EMAIL_ADDRESS" and "@" in value:
        name, _, domain = value.partition("@")
        return f"{name[: min(2, len(name) - 1)]}***@***.{domain.rpartition('.')[2]}"
    if kind == "API_KEY":
        return f"{value[:4]}***" if len(value) >= 16 else "***"
    return f"{value[:2]}***"
