"""Personal data and secrets: what is found, what is passed over, and that no value is ever shown."""

from __future__ import annotations

import dataclasses
import json
import socket
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import DataContext, Finding, Message, Row, Table, ToolCall, ToolMessage
from harness_datachecks.pii import Pii
from harness_datachecks.pii_kinds import KINDS, NAMES

pytest.importorskip("presidio_analyzer")

VALUES = {
    "EMAIL_ADDRESS": (
        "jo.novak@posteo.de",
        "jo+news@cs.uni-ulm.de",
        "jo.novak (at) posteo.de",
        "jo [at] posteo [dot] de",
    ),
    "PHONE_NUMBER": (
        "+49 171 2345678",
        "+1 (212) 736-5000",
        "Teléfono: 612 38 22 05",
        "0044 20 7183 4321",
        "212-736-5000",
        "01 42 68 53 00",
    ),
    "CREDIT_CARD": (
        "no 12 4539 1488 0343 6467",
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "378282246310005",
        "2223003122003222",
    ),
    "IBAN_CODE": (
        "of 16 DE89 3704 0044 0532 0130 00",
        "DE89 3704 0044 0532 0130 00",
        "gb29nwbk60161331926819",
        "FR14-2004-1010-0505-0001-3M02-606",
    ),
    "STREET_ADDRESS": (
        "12 Baker Street",
        "Hauptstraße 5",
        "5 rue de la Paix",
        "12 baker street",
        "Calle de Alcalá, 42",
        "Via Roma 12/a",
        "Kerkstraat 7",
        "1600 Pennsylvania Ave NW",
        "ul. Marszałkowska 4/12",
        "Karl-Marx-Straße 32",
        "P.O. Box 1234",
    ),
    "IP_ADDRESS": ("81.23.44.5", "2a02:8109:9a80:1::12"),
    "NATIONAL_ID": (
        "536-90-4399",
        "AB123456C",
        "12345678Z",
        "RSSMRA85T10A562S",
        "44051401359",
        "passport no. C01X00T47",
    ),
    "CRYPTO": ("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "0x52908400098527886E0F7030069857D2E4169EE7"),
    "API_KEY": (
        "AKIAIOSFODNN7QWERTZU",
        "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
        "xoxb-263594206564-FGqddMF8t08v8N7Oq4i57vs1",
        "AIzaSyDaGmWKa4JsXZ-HjGw7ISLn_3namBGewQe",
        "api_key = '9f86d081884c7d659a2feaa0c55ad015'",
    ),
    "PASSWORD": (
        "password: hunter2",
        "postgres://admin:s3cret!x@db.acme.io/shop",
        "Mein Passwort ist Sommer2024!",
        "Pwd=%hlU7VG6r0#T;",
    ),
    "DATE_OF_BIRTH": ("born on 3 May 1985", "DOB: 1985-05-03", "geboren am 12.03.1985", "née le 3 mai 1985"),
    "PRIVATE_KEY": ("-----BEGIN RSA PRIVATE KEY-----\n" + "MIIEpAIBAAKCAQEA" * 12 + "\n-----END RSA PRIVATE KEY-----",),
}
TITLES = {kind.name: kind.title for kind in KINDS}


def said(text: str, line: int = 1) -> Row:
    return Row(line, (Message("user", "Hello"), Message("assistant", f"Well: {text} and so on.")))


def check(plugin: Pii, *rows: Row) -> Sequence[Finding]:
    table = Table("train", Path("train.jsonl"), "messages", rows)
    return [finding for finding in plugin.check(table, DataContext()) if finding.severity != "info"]


def kinds(text: str, **options: object) -> set[str]:
    return {finding.kind for finding in check(Pii(**options), said(text))}  # type: ignore[arg-type]


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in VALUES.items() for text in texts])
def test_a_value_is_found_as_what_it_is_and_no_more(kind: str, text: str) -> None:
    assert kinds(text) == {TITLES[kind]}


@pytest.mark.parametrize(
    "text",
    [
        "write to jo@example.com or a@sub.example.org",
        "git@github.com:acme/tools.git",
        "npm install react@18.2.0",
        "call 555-0123 or (212) 555-0147",
        "192.168.0.1 and 127.0.0.1 and 10.1.2.3 and 8.8.8.8 and 203.0.113.7",
        "version 4.18.0.1 of Chrome/90.0.44.85",
        "std::vector and a::b and 12:30:45",
        "card 4111 1111 1111 1112",
        "DE89 3704 0044 0532 0130 01",
        "the order 1234567890123 of 2024-05-12 12:30:11",
        "commit 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b",
        "3.141592653589793 and 1429-1434 and 1,000,000,000",
        "password: str, token=None, password = getpass.getpass()",
        "your password must be changed; the password is required",
        "api_key = 'YOUR_API_KEY_1234567890'",
        "AKIAIOSFODNN7EXAMPLE",
        "it was released on 3 May 1985",
        "String 5 and Spring 6 and Engineering 101 and Heidelberg 2019",
        "1 Event Loop and 2 Dry Run and 10 Critical Path",
        "R. Smith 1991 and et al. Science 12 and 3 place Holders and 2 route Handlers",
        "about 12 different roads and 5 places",
        "-----BEGIN PRIVATE KEY----- opens it",
        "uuid 123e4567-e89b-12d3-a456-426614174000",
    ],
)
def test_what_is_nobodys_is_passed_over(text: str) -> None:
    assert kinds(text) == set()


def test_secrets_and_accounts_are_errors_and_what_only_tells_of_people_a_warning() -> None:
    texts = [text for texts in VALUES.values() for text in texts[:1]]
    found = check(Pii(), *(said(text, line) for line, text in enumerate(texts, start=1)))
    errors = {finding.kind for finding in found if finding.severity == "error"}
    assert errors == {"private keys", "API keys and tokens", "passwords", "IBANs", "card numbers"}
    assert len(found) == len(VALUES) == 12
    assert all(finding.remedy for finding in found)


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in VALUES.items() for text in texts])
def test_no_value_is_in_what_is_reported(kind: str, text: str) -> None:
    row = said(text)
    (finding,) = check(Pii(), row)
    (clean,) = check(Pii(redact=True), row)
    redacted = clean.spots[0].replacement
    assert redacted is not None
    before, after = redacted.messages[1].content.split(f"<{kind}>")
    value = row.messages[1].content[len(before) : len(row.messages[1].content) - len(after)]
    assert len(value) >= 6
    assert value in text
    assert value not in repr(finding)
    evidence = finding.spots[0].evidence.removeprefix("-----BEGIN *** KEY-----")
    assert not any(value[start : start + 5] in evidence for start in range(len(value) - 4))


def test_the_evidence_says_where_and_how_often() -> None:
    row = Row(7, (Message("user", "I am jo@posteo.de"), Message("assistant", "Hello jo@posteo.de, not al@gmx.de?")))
    (finding,) = check(Pii(), row)
    assert finding.message == "1 of 1 row holds e-mail addresses (EMAIL_ADDRESS), 3 in all"
    assert finding.figures == {"rows": 1, "values": 3, "share": 1.0}
    (spot,) = finding.spots
    assert (spot.line, spot.evidence) == (7, "j***@***.de in turn 1 (user), and 2 more")
    assert spot.replacement is None


FULL = Row(
    3,
    (
        Message("user", "Mail a@posteo.de"),
        ToolMessage("assistant", "", calls=(ToolCall("1", "pay", '{"to": "b@posteo.de", "card": 4111111111111111}'),)),
        ToolMessage("tool", "sent to c@posteo.de", answers="1"),
        Message("assistant", "done, d@posteo.de"),
    ),
    rejected=(Message("assistant", "no, e@posteo.de"),),
    tools=({"name": "pay", "description": "ask f@posteo.de"},),
    extra={"owner": {"mail": ["g@posteo.de"], "age": 3}},
)


def test_every_text_of_a_row_counts_and_is_redacted() -> None:
    found = {finding.kind: finding for finding in check(Pii(redact=True), FULL)}
    assert found["e-mail addresses"].figures["values"] == 7
    redacted = found["e-mail addresses"].spots[0].replacement
    assert redacted is not None
    assert redacted == found["card numbers"].spots[0].replacement, "each finding's replacement is the whole remedy"
    assert "posteo" not in repr(redacted)
    call = redacted.messages[1]
    assert isinstance(call, ToolMessage)
    assert json.loads(call.calls[0].arguments) == {"to": "<EMAIL_ADDRESS>", "card": "<CREDIT_CARD>"}
    assert redacted.extra == {"owner": {"mail": ["<EMAIL_ADDRESS>"], "age": 3}}
    assert check(Pii(), redacted) == []
    choices = Row(1, (Message("user", "who?"),), choices=("jo@posteo.de", "nobody"), answer=1)
    assert check(Pii(redact=True), choices)[0].spots[0].replacement == dataclasses.replace(
        choices, choices=("<EMAIL_ADDRESS>", "nobody")
    )
    text = Row(1, (), text="jo@posteo.de")
    assert check(Pii(redact=True), text)[0].spots[0].replacement == dataclasses.replace(text, text="<EMAIL_ADDRESS>")


def test_a_column_is_told_by_its_name() -> None:
    row = Row(1, (), text="hello", extra={"author": "jo@posteo.de"})
    assert check(Pii(), row)[0].spots[0].evidence == "j***@***.de in column author"


def test_what_is_allowed_may_stay() -> None:
    assert kinds("help@acme.io, jo@mail.acme.io", allow=("acme.io",)) == set()
    assert kinds("jo@notacme.io", allow=("acme.io",)) == {"e-mail addresses"}
    assert kinds("+49 171 2345678", allow=("+491712345678",)) == set()
    assert kinds("4111 1111 1111 1111", allow=("4111-1111-1111-1111",)) == set()


def test_only_the_named_kinds_are_looked_for() -> None:
    text = "jo@posteo.de, 4111 1111 1111 1111"
    assert kinds(text, kinds=("CREDIT_CARD",)) == {"card numbers"}
    assert kinds(text, kinds=("EMAIL_ADDRESS",)) == {"e-mail addresses"}


@pytest.mark.parametrize(
    ("options", "said"),
    [({"kinds": ("EMAIL",)}, "EMAIL_ADDRESS"), ({"kinds": ()}, "none is named"), ({"allow": ("@",)}, "name a value")],
)
def test_bad_options_are_refused_with_the_way_out(options: dict[str, tuple[str, ...]], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Pii(**options)  # type: ignore[arg-type]


def test_without_a_model_it_says_that_names_were_not_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spacy.util.get_installed_models", list)
    table = Table("train", Path("train.jsonl"), "messages", (said("nothing"),))
    (finding,) = Pii().check(table, DataContext())
    assert (finding.severity, finding.spots) == ("info", ())
    assert "spacy download" in finding.remedy
    assert Pii(kinds=("CREDIT_CARD",)).check(table, DataContext()) == []


def test_names_are_found_with_a_model(tmp_path: Path) -> None:
    import spacy

    language = spacy.blank("en")
    language.add_pipe("entity_ruler").add_patterns([{"label": "PERSON", "pattern": "Ada Lovelace"}])
    language.to_disk(tmp_path / "model")
    plugin = Pii(person_model=str(tmp_path / "model"), redact=True)
    (finding,) = check(plugin, said("\ud800 Ada Lovelace wrote"))
    assert (finding.kind, finding.severity) == ("names of persons", "warning")
    assert finding.spots[0].evidence == "Ad*** in turn 2 (assistant)"
    replacement = finding.spots[0].replacement
    assert replacement is not None
    assert replacement.messages[1].content == "Well: \ud800 <PERSON> wrote and so on."
    with pytest.raises(ValueError, match="does not load"):
        check(Pii(person_model=str(tmp_path)), said("x"))


def test_it_asks_nothing_of_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    from harness_datachecks import pii_presidio

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was asked")

    pii_presidio._recognizer.cache_clear()
    pii_presidio._suffixes.cache_clear()
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert kinds("jo@posteo.co.uk") == {"e-mail addresses"}
    assert kinds("jo@posteo.nosuchsuffix") == set()


@pytest.mark.parametrize(
    "unit",
    ["1", "a", "a@", "a.", "1 ", "1.", ":", "eyJ", "sk-", "password", "-----BEGIN PRIVATE KEY-----", "12 Ab ", "'",
    "0x", "\ud800"],
)  # fmt: skip
def test_hostile_texts_take_time_in_proportion_to_their_length(unit: str) -> None:
    """A hundred thousand characters in a second or so; with the square of the length it would be hours."""
    check(Pii(), said("jo@posteo.de 81.23.44.5"))  # libraries load once
    row = Row(1, (), text=unit * (100_000 // len(unit)))
    start = time.process_time()
    check(Pii(), row)
    assert time.process_time() - start < 10


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(), max_size=80), st.sampled_from([text for texts in VALUES.values() for text in texts]))
def test_any_text_around_a_value_does_no_harm_and_a_second_look_finds_nothing_of_it(around: str, value: str) -> None:
    (*found,) = check(Pii(redact=True), Row(1, (), text=f"{around} {value} {around}"))
    for finding in found:
        replacement = finding.spots[0].replacement
        assert replacement is not None
        assert replacement.text is not None
        assert f"<{next(name for name in NAMES if TITLES[name] == finding.kind)}>" in replacement.text


def test_every_scheme_of_identity_numbers_is_one_that_stdnum_knows() -> None:
    from harness_datachecks import pii_identities

    modules = {scheme.module for scheme in pii_identities._SCHEMES} | {name for name, _ in pii_identities._LETTERS}
    assert all(pii_identities._is_valid(module, "0") is False for module in modules)


PIECES = [
    "1",
    "2",
    "19",
    "85",
    "756",
    "٣",
    "A",
    "z",
    "\u017f",
    "İ",
    "-",
    " ",
    ".",
    "+",
    "(",
    ")",
    "/",
    "DE",
    "0x",
    "@",
    "com",
]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from([*PIECES, "\ud800", "\x00", "::", "born", "tel "]), min_size=5, max_size=40))
def test_pieces_of_values_in_any_order_do_no_harm(pieces: list[str]) -> None:
    check(Pii(redact=True), Row(1, (), text="".join(pieces)))


def test_rows_stay_as_they_are_where_nothing_is_found() -> None:
    assert check(Pii(redact=True), said("nothing to see"), Row(2, (), text="")) == []
