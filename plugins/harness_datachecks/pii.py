"""Personal data and secrets in rows."""

from __future__ import annotations

import json
import re
from bisect import bisect
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import ClassVar

from harness import DataContext, Finding, Spot, Table, did_you_mean
from harness_datachecks import (
    pii_births,
    pii_contact,
    pii_identities,
    pii_names,
    pii_numbers,
    pii_rows,
    pii_secrets,
    pii_streets,
)
from harness_datachecks.pii_kinds import KINDS, NAMES, Hit, Kind, masked
from harness_datachecks.wording import counted, excerpt

Finder = Callable[[str], Iterator[tuple[int, int]]]

FINDERS: Mapping[str, Finder] = {
    "PRIVATE_KEY": pii_secrets.private_keys,
    "API_KEY": pii_secrets.keys,
    "PASSWORD": pii_secrets.passwords,
    "IBAN_CODE": pii_numbers.ibans,
    "CREDIT_CARD": pii_numbers.cards,
    "CRYPTO": pii_numbers.wallets,
    "NATIONAL_ID": pii_identities.identities,
    "EMAIL_ADDRESS": pii_contact.emails,
    "IP_ADDRESS": pii_contact.ip_addresses,
    "DATE_OF_BIRTH": pii_births.births,
    "PHONE_NUMBER": pii_contact.phones,
    "STREET_ADDRESS": pii_streets.streets,
}
"""Names of persons want a model besides."""

_RESERVED = re.compile(r"(?:^|[@.])(?:example\.(?:com|org|net|edu)|example|test|invalid|localhost)$", re.I)
"""Domains that are nobody's (RFC 2606)."""
_KEPT_TEXTS = 256


@dataclass(frozen=True)
class Pii:
    """Finds e-mail addresses, phone numbers, cards, accounts, addresses, keys, passwords and the like in all texts.

    Cards, IBANs, wallets and identity numbers count with the right checksum (python-stdnum, Presidio), phone numbers as
    phonenumbers knows them. What is nobody's, such as ``jo@example.com`` and 192.168.0.1, is passed over. Names of
    persons are found where a spaCy model is installed. No value is shown: the evidence is masked.
    """

    name: ClassVar[str] = "pii"
    requires_packages: ClassVar[tuple[str, ...]] = ("presidio-analyzer", "phonenumbers", "python-stdnum")
    in_runs: ClassVar[bool] = False

    kinds: tuple[str, ...] = NAMES
    """Which to look for, by the names that stand in a redacted row."""
    allow: tuple[str, ...] = ()
    """Values that may stand in the data, and domains of e-mail addresses that may, such as one's own support's."""
    redact: bool = False
    """Whether ``harness data clean`` puts ``<EMAIL_ADDRESS>`` and so on in place of the values, in every column."""
    person_model: str | None = None
    """The spaCy model that knows names, a package or a folder; else the first that is installed, an English one before
    others."""

    def __post_init__(self) -> None:
        for kind in self.kinds:
            if kind not in NAMES:
                raise ValueError(f"kinds: there is no {kind!r}; {did_you_mean(kind, NAMES)}")
        if not self.kinds:
            raise ValueError(f"kinds: none is named; known are {', '.join(NAMES)}")
        for value in self.allow:
            if not _folded(value):
                raise ValueError(f"allow: {value!r} holds neither letters nor digits; name a value or a domain")

    def check(self, table: Table, context: DataContext) -> Sequence[Finding]:
        """A finding of each kind that is there, with the rows and what stands in them, masked."""
        model = self._model()
        seeker = _Seeker(self._finders(model), frozenset(map(_folded, self.allow)), tuple(self.allow))
        found: dict[str, list[Spot]] = {}
        values: Counter[str] = Counter()
        for row in table.rows:
            places = [(where, text, hits) for where, text in pii_rows.texts(row) if (hits := seeker.hits(text))]
            if not places:
                continue
            replacement = pii_rows.changed(row, seeker.redacted, seeker.redacted_json) if self.redact else None
            counts = Counter(hit.kind for _, _, hits in places for hit in hits)
            values += counts
            for kind in counts:
                evidence = _evidence(kind, places, counts[kind])
                found.setdefault(kind, []).append(Spot(row.line, evidence, replacement=replacement))
        findings = [_finding(kind, found[kind.name], values, len(table.rows)) for kind in KINDS if kind.name in found]
        if table.rows and "PERSON" in self.kinds and model is None:
            findings.append(_NO_NAMES)
        return findings

    def _model(self) -> str | None:
        if "PERSON" not in self.kinds:
            return None
        return self.person_model or pii_names.installed_model()

    def _finders(self, model: str | None) -> list[tuple[str, Finder]]:
        finders = [(name, FINDERS[name]) for name in NAMES if name in self.kinds and name in FINDERS]
        return finders if model is None else [*finders, ("PERSON", pii_names.finder(model))]


_NO_NAMES = Finding(
    "names of persons not looked for",
    "info",
    "names of persons were not looked for: no spaCy model is installed",
    "install one, e.g. python -m spacy download en_core_web_sm, or name its folder in the option person_model",
)


@dataclass
class _Seeker:
    """Finds the values of all kinds in a text."""

    finders: Sequence[tuple[str, Finder]]
    allowed: frozenset[str]
    domains: tuple[str, ...]
    hits: Callable[[str], tuple[Hit, ...]] = field(init=False)
    """Of a text, in order, none within another; those of system prompts and tools, said in every row, are kept."""

    def __post_init__(self) -> None:
        self.hits = lru_cache(_KEPT_TEXTS)(self._hits)

    def redacted(self, text: str) -> str:
        """The text with the names of the kinds in place of the values."""
        return _replaced(text, self.hits(text), lambda hit: f"<{hit.kind}>")

    def redacted_json(self, text: str) -> str:
        """The same of JSON, which stays JSON: what was a bare number becomes a text."""
        return _replaced(
            text, self.hits(text), lambda hit: json.dumps(f"<{hit.kind}>") if _is_bare(text, hit) else f"<{hit.kind}>"
        )

    def _hits(self, text: str) -> tuple[Hit, ...]:
        starts: list[int] = []
        kept: list[Hit] = []
        for kind, finder in self.finders:
            for start, end in finder(text):
                place = bisect(starts, start)
                is_free = (place == 0 or kept[place - 1].end <= start) and (
                    place == len(kept) or kept[place].start >= end
                )
                if is_free and not self._may_stay(kind, text[start:end]):
                    starts.insert(place, start)
                    kept.insert(place, Hit(kind, start, end))
        return tuple(kept)

    def _may_stay(self, kind: str, value: str) -> bool:
        if kind != "EMAIL_ADDRESS":
            return bool(self.allowed) and _folded(value) in self.allowed
        domain = value.rpartition("@")[2].lower()
        is_ours = any(
            domain == each.lower().lstrip("@") or domain.endswith(f".{each.lower()}") for each in self.domains
        )
        return is_ours or _RESERVED.search(value) is not None or _folded(value) in self.allowed


def _folded(value: str) -> str:
    """A value however it is spaced, dashed and cased."""
    return re.sub(r"[\W_]+", "", value).casefold()


def _replaced(text: str, hits: Sequence[Hit], name: Callable[[Hit], str]) -> str:
    parts, end = [], 0
    for hit in hits:
        parts += [text[end : hit.start], name(hit)]
        end = hit.end
    return "".join([*parts, text[end:]])


def _is_bare(text: str, hit: Hit) -> bool:
    before, after = text[: hit.start].rstrip()[-1:], text[hit.end :].lstrip()[:1]
    return text[hit.start : hit.end].isdigit() and before in {":", "[", ","} and after in {",", "]", "}"}


def _evidence(kind: str, places: Sequence[tuple[str, str, Sequence[Hit]]], count: int) -> str:
    where, value = next(
        (where, text[hit.start : hit.end]) for where, text, hits in places for hit in hits if hit.kind == kind
    )
    more = f", and {count - 1:,} more" if count > 1 else ""
    return f"{masked(kind, value)} in {excerpt(where)}{more}"


def _finding(kind: Kind, spots: Sequence[Spot], values: Mapping[str, int], rows: int) -> Finding:
    count = values[kind.name]
    return Finding(
        kind.title,
        kind.severity,
        f"{counted(len(spots), rows, f'holds {kind.title}', f'hold {kind.title}')} ({kind.name}), {count:,} in all",
        kind.remedy,
        tuple(spots),
        {"rows": len(spots), "values": count, "share": len(spots) / rows},
    )
