"""Languages and gibberish: what is foreign or broken is told, and code, data and rare scripts are left in peace."""

from __future__ import annotations

import base64
import random
import string
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from harness import DataContext, Finding, Message, Row, Table, UsageError
from harness_datachecks import gibberish, language
from harness_datachecks.language import Language

ENGLISH = (
    "The night train leaves from the second platform, and the tickets are checked before it leaves.",
    "Could you tell me how long I have to wait for an answer from the office that gave out the permit?",
    "She keeps her bees behind the house where the meadow is never mown before the end of July.",
    "We moved the meeting to Thursday because most of the people that it is about were on holiday.",
    "If the bread does not rise, let it stand near the stove for another hour and cover it with a cloth.",
    "My brother repaired the old radio, and now it plays nothing but one station from the islands.",
)
OTHERS = {
    "de": "Der Nachtzug fährt vom zweiten Gleis ab, und die Fahrkarten werden vor der Abfahrt geprüft.",
    "fr": "Le train de nuit part du deuxième quai, et les billets sont contrôlés avant le départ.",
    "es": "El tren nocturno sale del segundo andén y los billetes se revisan antes de la salida.",
    "it": "Il treno notturno parte dal secondo binario e i biglietti vengono controllati prima della partenza.",
    "pl": "Nocny pociąg odjeżdża z drugiego peronu, a bilety są sprawdzane przed odjazdem z dworca.",
    "tr": "Gece treni ikinci perondan gidiyor ve biletler trene binmeden önce tek tek kontrol ediliyor.",
    "ru": "Ночной поезд отправляется через десять минут, билеты проверяют перед отправлением.",
    "ar": "يغادر القطار الليلي من الرصيف الثاني، ويتم فحص التذاكر قبل المغادرة من المحطة الرئيسية في المدينة القديمة.",
    "zh": "夜间列车从第二站台发车,车票在发车之前检查。请各位旅客提前到达车站,并准备好自己的车票和身份证件。",
    "ja": "夜行列車は二番線から出発します。乗車券は出発の前に確認されますので、お早めにホームまでお越しください。",
    "hi": "रात की गाड़ी दूसरे प्लेटफ़ॉर्म से चलती है और टिकटों की जाँच चलने से पहले की जाती है।",
}
_DRAW = random.Random(0)
_BYTES = bytes(_DRAW.randrange(256) for _ in range(400))
LETTERS = " ".join("".join(_DRAW.choices(string.ascii_lowercase, k=_DRAW.randint(3, 9))) for _ in range(25))
INNOCENT = {
    "Python": "def squares(xs):\n    return [x ** 2 for x in xs if x > 3]\n\nctx = getctx(); ctx.fmt = cfg['fmt']",
    "SQL": "SELECT id, name FROM users WHERE created_at > now() - interval '1 day' ORDER BY id LIMIT 10;",
    "JSON": '{"id": 12, "name": "Jörg", "tags": ["qx", "vbq"], "ok": true, "at": "2024-03-01T10:00:00Z"}',
    "base64": "Decode this: " + base64.b64encode(_BYTES).decode(),
    "hashes": "d41d8cd98f00b204e9800998ecf8427e e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "formulas": "C6H12O6 + 6 O2 -> 6 CO2 + 6 H2O; NaCl, H2SO4, CH3COOH, K2Cr2O7, C2H5OH, Fe2(SO4)3",
    "SMILES": "CC(=O)OC1=CC=CC=C1C(=O)O CN1C=NC2=C1C(=O)N(C(=O)N2C)C",
    "DNA": "".join(_DRAW.choices("ACGT", k=300)).lower(),
    "codes": "XKCD-42-BQZ, SKU BXTRF-9982, PN WQX77-KLM, ZX-81, QVC-1002, HDMI, VGA, DVI, XLR",
    "numbers": "12 44 88 0.5 1e-9 33 21 78 1 2 3 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0",
    "labels": "O O O B-PER I-PER O O O O B-LOC O O O O O O O O O O O O O O O",
    "shorthand": "fix ctx mgr; rm unused vars; bump deps; mv cfg to yml; rfc tbd lgtm wip; pls thx msg txt",
    "LaTeX": r"$\int_0^1 x^2 dx = \frac{1}{3}$ and $\alpha_{ij} = \beta^{kl}$ where $\hat{x} \in \mathbb{R}^n$",
    "table": "| a | b |\n|---|---|\n" + "| 1 | 2 |\n" * 40,
    "Welsh": "Methu dyrannu cof er mwyn llwytho'r ddelwedd o'r ffeil, felly ni fydd hi'n cael ei dangos yma.",
    "quotes": "„Spaß“, „CAFÉ“, «CAFÉ», „Iná…“, SÃO PAULO, ÂNGULO, 20 °C, naïve — and so on.",
    "emoji": "Great 🎉🎉🎉 see you at 10 👩‍👩‍👧 — bring cake 🍰🍰🍰🍰🍰🍰🍰🍰🍰🍰🍰🍰🍰🍰🍰🍰🍰🍰🍰🍰🍰🍰",
    **OTHERS,
}


def row(asked: str, answered: str, line: int = 1) -> Row:
    return Row(line, (Message("user", asked), Message("assistant", answered)))


def english(count: int) -> list[Row]:
    return [
        row(ENGLISH[number % 6], f"{ENGLISH[(number + 1) % 6]} {ENGLISH[(number + 3) % 6]}") for number in range(count)
    ]


def found(rows: Sequence[Row], **options: float | str) -> dict[str, Finding]:
    numbered = tuple(replace(each, line=line) for line, each in enumerate(rows, start=1))
    findings = Language(**options).check(Table("train", Path("t.jsonl"), "messages", numbered), DataContext())
    return {finding.kind: finding for finding in findings}


def lines(finding: Finding) -> list[int]:
    return [spot.line for spot in finding.spots]


def test_rows_in_one_language_raise_nothing() -> None:
    assert found(english(60)) == {}
    assert found([row(text, text) for text in OTHERS.values() for _ in range(1)][:1]) == {}
    assert found([]) == {}


@pytest.mark.parametrize("code", OTHERS)
def test_a_row_in_another_language_than_most_is_found(code: str) -> None:
    findings = found([*english(30), row(OTHERS[code], OTHERS[code]), *english(3)])
    assert set(findings) == {"languages"}
    finding = findings["languages"]
    assert lines(finding) == [31]
    assert finding.spots[0].evidence.startswith(f"{code}: ")
    assert finding.message == f"1 of 34 rows is not in en, as most are: 1 in {code}"
    assert dict(finding.histogram)["en"] == 33


def test_many_rows_in_another_language_are_a_warning_and_few_are_told() -> None:
    rows = [*english(30), row(OTHERS["de"], OTHERS["de"])]
    assert found(rows)["languages"].severity == "warning"
    assert found(rows, most_other=0.1)["languages"].severity == "info"
    assert found(rows)["languages"].figures["limit"] == 0.02


def test_the_expected_language_goes_before_that_of_most_rows() -> None:
    finding = found([*english(8), row(OTHERS["de"], OTHERS["de"])], expected="de")["languages"]
    assert lines(finding) == list(range(1, 9))
    assert "not in de, as expected: 8 in en" in finding.message


def test_an_answer_in_another_language_than_its_prompt_is_found() -> None:
    findings = found([*english(30), row(ENGLISH[0], OTHERS["fr"])])
    assert lines(findings["mixed languages"]) == [31]
    assert findings["mixed languages"].spots[0].evidence.startswith("en, then fr: Le train")


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        (f"Translate this: {ENGLISH[0]}", OTHERS["de"]),
        (f"Übersetze ins Englische: {OTHERS['de']}", ENGLISH[0]),
        ("How would you put that the night train leaves from the second platform in German?", OTHERS["de"]),
        (f"{ENGLISH[0]} {ENGLISH[1]} {ENGLISH[2]}\n{OTHERS['de']} {OTHERS['de']}", OTHERS["de"]),
        (OTHERS["de"], INNOCENT["Python"]),
        (OTHERS["de"], "Yes, OK."),
    ],
    ids=["translate", "translate in German", "names a language", "both in the prompt", "code", "short"],
)
def test_translations_code_and_short_answers_are_not_mixed(asked: str, answered: str) -> None:
    assert "mixed languages" not in found([*english(30), row(asked, answered)])


@pytest.mark.parametrize("kind", INNOCENT)
def test_what_is_no_prose_is_not_gibberish(kind: str) -> None:
    findings = found([*english(30), row("Show me the thing that I asked for yesterday, please.", INNOCENT[kind])])
    assert set(findings) <= {"languages", "mixed languages"}
    if kind not in OTHERS and kind != "Welsh":
        assert findings == {}


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (gibberish.MOJIBAKE, "La cafetière est cassée depuis hier.".encode().decode("latin-1")),
        (gibberish.MOJIBAKE, "It\u2019s the “old” one — not ours.".encode().decode("cp1252", "ignore")),
        (gibberish.MOJIBAKE, "Привет, как дела сегодня?".encode().decode("latin-1")),
        (gibberish.BROKEN, "La cafeti\ufffdre est cass\ufffde."),
        (gibberish.BROKEN, "A half \ud83d of a sign."),
        (gibberish.CONTROL, "Red: \x1b[31mred\x1b[0m and \x00 nothing."),
        (gibberish.RANDOM, LETTERS),
        (gibberish.RANDOM, "asdf jklh asdfgh qwerty zxcvb asdfj klsdf jsdfkl asldkfj sldkfj weoifj"),
        (gibberish.RANDOM, f"{ENGLISH[0]} {ENGLISH[1]} {ENGLISH[2]} {ENGLISH[3]} {ENGLISH[4]} {LETTERS} {LETTERS}"),
        (gibberish.REPEATED, "the " * 50),
        (gibberish.REPEATED, f"{ENGLISH[0]} {ENGLISH[1]} {ENGLISH[2]} " + "I think that " * 60),
        (gibberish.REPEATED, "ha" * 100),
        (gibberish.REPEATED, "哈" * 100),
    ],
)  # fmt: skip
def test_gibberish_is_told_by_its_kind(kind: str, text: str) -> None:
    findings = found([*english(30), row("Tell me more of what you said before, please.", text)])
    assert lines(findings.pop(kind)) == [31]
    assert set(findings) <= {"languages", "mixed languages"}


def test_a_finding_of_gibberish_counts_its_rows_and_shows_the_place() -> None:
    finding = found([*english(3), row(ENGLISH[0], f"{ENGLISH[1]} cassÃ©e Ã©"), row("cassÃ©e", "cassÃ©e")])["mojibake"]
    assert (finding.severity, finding.message) == ("warning", "2 of 5 rows show mojibake")
    assert lines(finding) == [4, 5]
    assert "cassÃ©e" in finding.spots[0].evidence
    assert finding.remedy == "read the source file as UTF-8 and write the data anew"
    assert not any(spot.remove or spot.replacement for spot in finding.spots)


def test_raw_text_and_short_texts() -> None:
    raw = Row(1, (), text=OTHERS["de"])
    assert lines(found([*english(30), raw])["languages"]) == [31]
    assert found([*english(30), row("Hallo, wie geht es?", "Danke, gut!")]) == {}


def test_languages_that_are_nearly_alike_are_not_told_apart() -> None:
    danish = "Nattoget kører fra det andet spor, og billetterne bliver set efter inden afgang fra stationen."
    norwegian = "Nattoget går fra det andre sporet, og billettene blir sjekket før avgang fra stasjonen."
    assert found([*(row(danish, danish) for _ in range(9)), row(norwegian, norwegian)]) == {}


def test_in_a_large_table_frequent_words_or_a_draw_spare_the_classifier(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language, "_FEW_ROWS", 50)
    monkeypatch.setattr(language, "_SAMPLE", 40)
    rows = [*english(100), *(row(OTHERS["de"], OTHERS["de"]) for _ in range(5)), *english(95)]
    finding = found(rows)["languages"]
    assert (lines(finding), finding.figures["looked_at"]) == (list(range(101, 106)), 200)
    monkeypatch.setattr(language, "_MOST_ASKED", 100)
    finding = found([row(text, text) for text in OTHERS.values()] * 10)["languages"]
    assert finding.figures["looked_at"] == 50
    assert "of 50 rows" in finding.message


def test_options_that_cannot_work_are_refused() -> None:
    for options in ({"expected": "english"}, {"expected": "EN"}, {"most_other": 2}):
        with pytest.raises(ValueError, match="write"):
            Language(**options)
    with pytest.raises(UsageError, match="does not know 'xx'"):
        found(english(3), expected="xx")


def test_hostile_texts_neither_crash_nor_hang() -> None:
    begin = time.perf_counter()
    marks = ("Ã", "Ä€", "```", "<", "$", "@/", " ", "\ud800", "\x00", "e\u0301\u0300")
    texts = ("a" * 3_000_000, *(mark * 300_000 for mark in marks), "", "\n")
    findings = found([row(text, text) for text in texts])
    assert 1 in lines(findings[gibberish.REPEATED])
    assert 9 in lines(findings[gibberish.BROKEN])
    assert 10 in lines(findings[gibberish.CONTROL])
    assert all(len(spot.evidence) <= 120 for finding in findings.values() for spot in finding.spots)
    assert time.perf_counter() - begin < 15
