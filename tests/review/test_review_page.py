"""The page for people's verdicts in a real browser: keys, saving, foreign text, narrow and dark screens."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from chromium import Watch, chromium
from reviewed import BASELINE, CANDIDATE, record, samples
from served import Service, Stack, pages, served

from harness.errors import HarnessError
from harness.review.pairs import PairSheet, pairing
from harness.review.rows import CHOICES as GRADES
from harness.review.sheet import Page, Pane
from harness.store import Reader
from harness.values import PEOPLE, Opinion

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from playwright.sync_api import Page as Window

Size = dict[str, int]
WIDE: Size = {"width": 1280, "height": 800}
NARROW: Size = {"width": 400, "height": 800}
HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)><img src='http://evil.example/pixel.png'>",
    "<svg/onload=alert(1)><iframe src=javascript:alert(1)></iframe><link rel=stylesheet href=//evil.example/a.css>",
    "</div></main><style>body{display:none}</style><base href='http://evil.example/'>",
    "$nonce ${alert(1)} {{constructor.constructor('alert(1)')()}} <%= 7*7 %> #{7*7}",
    "javascript:alert(1) [link](javascript:alert(1)) ![](http://evil.example/pixel.png)",
    "abc\u202edesrever\u2066\u200b\ufeff\x1b]0;title\x07\x1b[2J\x00\ud800",
    "Z" + "\u0352\u034a\u0364" * 2_000 + "algo",
    "w" * 1_000_000,
    "line\n" * 200_000,
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@contextmanager
def opened(
    browser: Browser, address: str, *, viewport: Size = WIDE, color_scheme: str = "light"
) -> Iterator[tuple[Window, Watch]]:
    """The page at its first item or its end, in a fresh window."""
    context = browser.new_context(viewport=viewport, color_scheme=color_scheme)
    context.set_default_timeout(20_000)
    watch = Watch(context)
    page = context.new_page()
    page.goto(address)
    page.wait_for_selector("main:not([hidden]) h2:not(:empty)")
    yield page, watch
    context.close()


def settle(page: Window, saved: str, place: str | None = None) -> None:
    """Wait until so many are saved, and the next item, or with ``None`` the end, is there."""
    from playwright.sync_api import expect

    expect(page.locator("#count")).to_have_text(saved)
    if place is None:
        expect(page.locator("#end")).to_be_visible()
    else:
        expect(page.locator("#place")).to_have_text(place)
    page.wait_for_function("() => !document.querySelector('#choices').classList.contains('busy')")


def answers(page: Window) -> list[str]:
    return page.locator("#answers .text").all_text_contents()


def pressed(page: Window) -> list[str]:
    return page.locator("#choices [aria-pressed=true]").evaluate_all("all => all.map(each => each.dataset.name)")


def overflow(page: Window) -> int:
    return page.evaluate("document.documentElement.scrollWidth - innerWidth")


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """Two runs with five answers each; the texts alone say whose they are, and only to this test."""
    path = tmp_path / "results" / "harness.db"
    words = {"base": "It takes a while", "tuned": "Five working days"}
    assert record(path, samples(5), lambda arm, sample: f"{words[arm]} ({sample})") == (BASELINE, CANDIDATE)
    return path


def opinions(path: Path) -> Mapping[str, Opinion]:
    with Reader(path) as reader:
        return {each.sample_id: each for each in reader.opinions(BASELINE, CANDIDATE, "tickets", PEOPLE)}


def test_a_whole_review_by_keyboard_is_recorded_as_it_was_given(browser: Browser, recorded: Path) -> None:
    expected: dict[str, float | None] = {}
    with (
        served(lambda: PairSheet(pairing(recorded, BASELINE, CANDIDATE), "maria")) as service,
        opened(browser, service.address) as (page, watch),
    ):
        for done, key in enumerate(["1", "ArrowRight", "t", "b", "s"]):
            settle(page, f"{done} of 5 saved", f"Item {done + 1} of 5")
            left, right = answers(page)
            sample = re.findall(r"\((.*)\)", left)[0]
            chosen = {"1": left, "ArrowRight": right}.get(key)
            fixed = {"t": 0.5, "b": 0.5, "s": None}
            expected[sample] = fixed[key] if chosen is None else float(chosen.startswith("Five"))
            page.keyboard.press(key)
        settle(page, "5 of 5 saved")
        assert page.locator("#all").inner_text() == "All 5 saved"
        assert "close this page" in page.locator("#farewell").inner_text()
        watch.assert_calm()
        said = " ".join(watch.told).replace("base-uri", "")  # of the policy
        assert "Five working days" in said, "the watch saw the texts"
        assert not re.search(r"base|tuned|candidate|shop-1|s00\d\"", said)
        assert not re.search("base|tuned|candidate|shop|lead|win", page.locator("body").inner_text(), re.IGNORECASE)
    assert {sample: each.value for sample, each in opinions(recorded).items()} == expected
    assert {each.rater for each in opinions(recorded).values()} == {"maria"}


def test_the_command_serves_the_page_and_ctrl_c_ends_it(browser: Browser, recorded: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "harness.cli.main", "review", BASELINE, CANDIDATE, "--web", "--rater", "maria"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        address = process.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:")
        with opened(browser, address) as (page, watch):
            page.keyboard.press("t")
            settle(page, "1 of 5 saved", "Item 2 of 5")
            watch.assert_calm()
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=30)
            assert process.returncode == 0, err
            assert "Traceback" not in out + err
            assert address.split("token=")[1] not in out + err
            page.keyboard.press("t")
            alert = page.get_by_role("alert")
            alert.wait_for()
            assert "harness does not answer any more" in alert.inner_text()
            assert page.locator("#count").inner_text() == "1 of 5 saved"
    finally:
        process.kill()
        process.wait()
    assert [each.value for each in opinions(recorded).values()] == [0.5]


@pytest.fixture
def stack() -> Stack:
    return Stack(
        [
            Page("a", (Pane("system", "Be kind."), Pane("prompt", "Where?")), (Pane("left", "A"), Pane("right", ""))),
            Page(
                "b", (Pane("prompt", "When?"),), (Pane("left", "C"), Pane("right", " \n")), (Pane("reference", "soon"),)
            ),
            Page("c", (Pane("prompt", "Why?"),), (Pane("left", "E"), Pane("right", "F"))),
        ]
    )


@pytest.fixture
def service(stack: Stack) -> Iterator[Service]:
    with served(lambda: stack) as service:
        yield service


def test_a_note_is_saved_with_the_verdict_and_its_letters_are_no_verdicts(
    browser: Browser, service: Service, stack: Stack
) -> None:
    with opened(browser, service.address) as (page, watch):
        page.keyboard.press("n")
        page.keyboard.type("1 2 tbs: both true?")
        page.keyboard.press("ArrowLeft")
        assert stack.given_so_far == {}
        page.keyboard.press("Escape")
        page.keyboard.press("2")
        settle(page, "1 of 3 saved", "Item 2 of 3")
        assert stack.given_so_far == {0: ("right", "1 2 tbs: both true?")}
        assert page.locator("#writing").is_hidden()
        page.keyboard.press("1")
        settle(page, "2 of 3 saved", "Item 3 of 3")
        assert stack.given_so_far[1] == ("left", "")
        watch.assert_calm()


def test_going_back_shows_what_was_said_and_another_choice_takes_its_place(
    browser: Browser, service: Service, stack: Stack
) -> None:
    stack.given_so_far[0] = ("tie", "hard")
    with opened(browser, service.address) as (page, watch):
        settle(page, "1 of 3 saved", "Item 2 of 3")
        page.keyboard.press("b")
        settle(page, "2 of 3 saved", "Item 3 of 3")
        page.keyboard.press("u")
        settle(page, "2 of 3 saved", "Item 2 of 3")
        assert pressed(page) == ["both_bad"]
        page.keyboard.press("u")
        settle(page, "2 of 3 saved", "Item 1 of 3")
        assert pressed(page) == ["tie"]
        assert page.locator("#note").input_value() == "hard"
        assert page.locator("#back").is_hidden()
        page.keyboard.press("u")
        page.keyboard.press("1")
        settle(page, "2 of 3 saved", "Item 3 of 3")
        assert stack.given_so_far == {0: ("left", "hard"), 1: ("both_bad", "")}
        page.keyboard.press("s")
        settle(page, "3 of 3 saved")
        page.keyboard.press("u")
        settle(page, "3 of 3 saved", "Item 3 of 3")
        page.keyboard.press("o")
        settle(page, "3 of 3 saved")
        watch.assert_calm()


def test_a_note_that_is_not_saved_yet_is_there_after_looking_back(
    browser: Browser, service: Service, stack: Stack
) -> None:
    with opened(browser, service.address) as (page, _):
        page.keyboard.press("1")
        settle(page, "1 of 3 saved", "Item 2 of 3")
        page.keyboard.press("n")
        page.keyboard.type("wait")
        page.keyboard.press("Escape")
        page.keyboard.press("u")
        settle(page, "1 of 3 saved", "Item 1 of 3")
        assert page.locator("#note").input_value() == ""
        page.keyboard.press("o")
        settle(page, "1 of 3 saved", "Item 2 of 3")
        assert page.locator("#note").input_value() == "wait"


def test_a_reload_and_a_second_window_go_on_where_it_was(browser: Browser, service: Service) -> None:
    with opened(browser, service.address) as (page, _):
        page.keyboard.press("1")
        settle(page, "1 of 3 saved", "Item 2 of 3")
        page.reload()
        settle(page, "1 of 3 saved", "Item 2 of 3")
        with opened(browser, service.address) as (other, _):
            settle(other, "1 of 3 saved", "Item 2 of 3")
            other.keyboard.press("1")
            settle(other, "2 of 3 saved", "Item 3 of 3")


def test_a_key_that_is_held_down_is_one_verdict_and_one_with_ctrl_is_none(
    browser: Browser, service: Service, stack: Stack
) -> None:
    with opened(browser, service.address) as (page, _):
        page.keyboard.press("Control+1")
        page.keyboard.press("Alt+t")
        page.wait_for_timeout(200)
        assert stack.given_so_far == {}
        page.keyboard.down("1")
        settle(page, "1 of 3 saved", "Item 2 of 3")
        page.keyboard.down("1")  # not let go in between: the browser says that it repeats
        page.wait_for_timeout(200)
        page.keyboard.up("1")
        settle(page, "1 of 3 saved", "Item 2 of 3")
        assert stack.given_so_far == {0: ("left", "")}


def test_a_second_key_does_not_fall_on_the_page_that_is_just_coming(
    browser: Browser, service: Service, stack: Stack
) -> None:
    with opened(browser, service.address) as (page, _):
        page.evaluate(
            """() => { for (const key of ["1", "2"]) document.dispatchEvent(new KeyboardEvent("keydown", { key })) }"""
        )
        settle(page, "1 of 3 saved", "Item 2 of 3")
        assert stack.given_so_far == {0: ("left", "")}


def test_all_can_be_done_with_the_mouse_and_has_a_name_for_a_screen_reader(
    browser: Browser, service: Service, stack: Stack
) -> None:
    with opened(browser, service.address) as (page, watch):
        assert page.get_by_role("region", name="left").inner_text() == "A"
        assert page.get_by_role("region", name="right").inner_text() == "(empty)"
        page.get_by_role("button", name="Note").click()
        page.get_by_role("textbox", name="Note").fill("by hand")
        page.get_by_role("group", name="Your verdict").get_by_role("button", name="left is better").click()
        settle(page, "1 of 3 saved", "Item 2 of 3")
        assert page.get_by_role("progressbar", name="Saved").get_attribute("value") == "1"
        assert page.get_by_role("status").inner_text() == "1 of 3 saved"
        assert page.evaluate("document.activeElement.id") == "place"
        assert page.get_by_role("region", name="right").inner_text() == "(only white space)"
        page.get_by_role("button", name="Reference").click()
        assert page.get_by_role("region", name="reference").inner_text() == "soon"
        page.get_by_role("button", name="Back").click()
        settle(page, "1 of 3 saved", "Item 1 of 3")
        assert stack.given_so_far == {0: ("left", "by hand")}
        watch.assert_calm()


def test_the_focus_is_seen_and_every_control_is_reached_with_tab(browser: Browser, service: Service) -> None:
    with opened(browser, service.address) as (page, _):
        seen = {}
        for _ in range(14):
            page.keyboard.press("Tab")
            name, style = page.evaluate(
                "[document.activeElement.ariaLabel ?? document.activeElement.innerText, "
                "getComputedStyle(document.activeElement).outlineStyle]"
            )
            seen[name.split("\n")[0].strip()] = style
        wanted = ["left", "right", "left is better 1", "skip s", "Note n", "Keys ?"]
        assert {name: seen.get(name) for name in wanted} == dict.fromkeys(wanted, "solid")


def test_the_reference_is_hidden_until_it_is_asked_for_and_on_the_next_page_again(
    browser: Browser, service: Service
) -> None:
    with opened(browser, service.address) as (page, _):
        assert page.locator("#reveal").is_hidden()
        page.keyboard.press("r")
        page.keyboard.press("1")
        settle(page, "1 of 3 saved", "Item 2 of 3")
        assert "soon" not in page.locator("main:visible").inner_text()
        page.keyboard.press("r")
        assert "soon" in page.locator("main:visible").inner_text()
        page.keyboard.press("u")
        settle(page, "1 of 3 saved", "Item 1 of 3")
        page.keyboard.press("o")
        settle(page, "1 of 3 saved", "Item 2 of 3")
        assert "soon" not in page.locator("main:visible").inner_text()


def test_help_tells_every_key_and_takes_no_verdict_while_it_is_open(
    browser: Browser, service: Service, stack: Stack
) -> None:
    with opened(browser, service.address) as (page, _):
        page.keyboard.press("?")
        told = page.get_by_role("dialog", name="Keys").locator("kbd").all_text_contents()
        assert {"1", "←", "2", "→", "t", "b", "s", "n", "r", "u", "o", "?"} <= set(told)
        page.keyboard.press("1")
        page.keyboard.press("Escape")
        assert page.get_by_role("dialog").count() == 0
        assert stack.given_so_far == {}


def test_a_fault_while_saving_is_shown_and_the_next_try_saves(browser: Browser, service: Service, stack: Stack) -> None:
    stack.fault = HarnessError("results/harness.db: the disk is full; <b>free</b> some space")
    with opened(browser, service.address) as (page, watch):
        page.keyboard.press("n")
        page.keyboard.type("kept")
        page.keyboard.press("Escape")
        page.keyboard.press("1")
        alert = page.get_by_role("alert")
        alert.wait_for()
        assert alert.inner_text() == "Not saved: results/harness.db: the disk is full; <b>free</b> some space"
        settle(page, "0 of 3 saved", "Item 1 of 3")
        assert pressed(page) == []
        assert stack.given_so_far == {}
        stack.fault = None
        page.keyboard.press("1")
        settle(page, "1 of 3 saved", "Item 2 of 3")
        assert alert.count() == 0
        assert stack.given_so_far == {0: ("left", "kept")}
        assert watch.outside() == []


@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "narrow"])
def test_hostile_answers_are_shown_as_text_and_nothing_of_them_runs(browser: Browser, viewport: Size) -> None:
    stack = Stack(pages(*((each, each) for each in HOSTILE), prompt=HOSTILE[1]), title=HOSTILE[0], rater=HOSTILE[1])
    with served(lambda: stack) as service, opened(browser, service.address, viewport=viewport) as (page, watch):
        for number, text in enumerate(HOSTILE):
            settle(page, f"{number} of {len(HOSTILE)} saved", f"Item {number + 1} of {len(HOSTILE)}")
            left, right = answers(page)
            assert left == right
            if text.isascii() and len(text) < 1_000:
                assert left == text
            assert not set(left) & set("\u202e\u2066\u200b\ufeff\x1b\x07\x00")
            assert overflow(page) <= 0
            if "\u0352" not in text:  # thousands of marks on one letter cannot be broken: they scroll in their pane
                sideways = "all => all.map(each => each.scrollWidth - each.clientWidth)"
                assert max(page.locator("main:visible .text").evaluate_all(sideways)) <= 0
            assert page.locator("#choices button").first.is_visible()
            page.keyboard.press("1")
        settle(page, f"{len(HOSTILE)} of {len(HOSTILE)} saved")
        assert page.locator("#title").inner_text() == HOSTILE[0]
        watch.assert_calm()
        assert page.locator("img, iframe, link, base, script:not([nonce])").count() == 0


def test_a_long_answer_scrolls_in_its_pane_and_the_choices_stay_in_sight(browser: Browser) -> None:
    stack = Stack(pages(("line\n" * 2_000, "short")))
    for viewport in (WIDE, NARROW, {"width": 1280, "height": 500}):
        with served(lambda: stack) as service, opened(browser, service.address, viewport=viewport) as (page, _):
            whole, seen = page.locator("#answers .text").first.evaluate("it => [it.scrollHeight, it.clientHeight]")
            assert whole > 40_000
            assert 100 < seen < viewport["height"]
            box = page.locator("#choices button").first.bounding_box()
            assert box["y"] + box["height"] <= viewport["height"]
            page.keyboard.press("Tab")
            assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "prompt"


def test_wide_answers_stand_side_by_side_and_narrow_ones_one_below_the_other(
    browser: Browser, service: Service
) -> None:
    for viewport, beside in ((WIDE, True), (NARROW, False), ({"width": 320, "height": 600}, False)):
        with opened(browser, service.address, viewport=viewport) as (page, _):
            left, right = (page.locator("#answers .pane").nth(place).bounding_box() for place in (0, 1))
            assert (left["y"] == right["y"]) is beside
            assert (left["x"] == right["x"]) is not beside
            assert overflow(page) <= 0


def luminance(colour: str) -> float:
    """Of ``rgb(r, g, b)``, as WCAG 2 defines it."""
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground_by_day_and_by_night(browser: Browser, service: Service, scheme: str) -> None:
    with opened(browser, service.address, color_scheme=scheme) as (page, _):
        ground = luminance(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        assert (ground > 0.5) is (scheme == "light")
        card = luminance(page.locator("#answers .pane").first.evaluate("it => getComputedStyle(it).backgroundColor"))
        for selector in ("#answers .text", "#answers h3", "#context h3", "#place", "#count", "#choices button", "kbd"):
            ink = luminance(page.locator(selector).first.evaluate("it => getComputedStyle(it).color"))
            for behind in (ground, card):
                contrast = (max(ink, behind) + 0.05) / (min(ink, behind) + 0.05)
                assert contrast >= 4.5, selector


def test_rows_to_learn_from_are_judged_in_the_same_page(browser: Browser) -> None:
    rows = [
        Page("a", (Pane("user", "Where?"),), (Pane("answer (line 3)", "Here."),)),
        Page("b", (Pane("text (line 9)", "Once upon a time."),), ()),
    ]
    stack = Stack(rows, choices=GRADES, title="train.jsonl: is this row good to learn from?")
    with served(lambda: stack) as service, opened(browser, service.address) as (page, watch):
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("1")
        assert answers(page) == ["Here."]
        page.keyboard.press("g")
        settle(page, "1 of 2 saved", "Item 2 of 2")
        assert answers(page) == []
        assert page.locator("#context .text").inner_text() == "Once upon a time."
        page.keyboard.press("b")
        settle(page, "2 of 2 saved")
        assert stack.given_so_far == {0: ("good", ""), 1: ("bad", "")}
        watch.assert_calm()


def test_a_sheet_without_pages_says_so(browser: Browser) -> None:
    with served(lambda: Stack([])) as service, opened(browser, service.address) as (page, watch):
        assert page.locator("#all").inner_text() == "There is nothing to judge"
        watch.assert_calm()


def test_the_page_could_not_load_or_run_what_it_was_not_sent_with(browser: Browser, service: Service) -> None:
    """The last line of defence: even if text became markup by a mistake of ours."""
    with opened(browser, service.address) as (page, watch):
        page.evaluate(
            """() => {
                const image = document.createElement("img");
                image.src = "http://evil.example/pixel.png";
                document.body.append(image);
                const script = document.createElement("script");
                try { script.textContent = "window.ran = true"; } catch {}
                document.body.append(script);
                try { document.body.insertAdjacentHTML("beforeend", "<b id=made>made</b>"); } catch {}
            }"""
        )
        page.wait_for_timeout(200)
        assert page.evaluate("window.ran") is None
        assert page.locator("#made").count() == 0
        assert [fault for fault in watch.faults if "Content Security Policy" in fault or "TrustedHTML" in fault]


def test_the_page_is_one_document_and_asks_for_nothing_but_texts(browser: Browser, service: Service) -> None:
    with opened(browser, service.address) as (page, watch):
        page.keyboard.press("1")
        settle(page, "1 of 3 saved", "Item 2 of 3")
        paths = [re.sub(r"^http://127.0.0.1:\d+|token=.*", "", url) for url in watch.requests]
        assert paths == ["/?", "/sheet", "/page?index=0", "/verdict", "/page?index=1"]
        assert json.loads(watch.told[-1])["given"] is None
