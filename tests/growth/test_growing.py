"""New rows by a model behind a server: kept if new, sound and good; marked; and never paid for twice."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from chat_server import Answer, Seen, Served, chat_server, completion, refusal

from harness.testing.project import Project, Result

KEY = "sk-a-key-that-nobody-may-see"
TOPICS = (
    "resetting a forgotten password on the customer portal",
    "the delivery of a blue kettle that arrived with a broken lid",
    "cancelling a yearly subscription before it renews",
    "an invoice that shows the wrong company name and address",
    "how to export all reports of the last quarter as a spreadsheet",
    "a mobile app that closes itself whenever a photo is attached",
    "changing the language of the weekly newsletter to Spanish",
    "why the discount for students was not taken off at the till",
    "moving a booked appointment from Monday morning to Friday",
    "the warranty of a coffee machine that leaks under the tank",
)


def row(number: int) -> dict[str, Any]:
    asked = f"Hello, I write to you about {TOPICS[number]}. What should I do now?"
    answer = (
        f"Thank you for writing. About {TOPICS[number]} you find every step on our help page, and we gladly assist."
    )
    return {"messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]}


def given(seen: Seen) -> dict[str, Any]:
    """The data that stand in a request."""
    line = next(line for line in seen.prompt.splitlines() if line.startswith("{"))
    found: dict[str, Any] = json.loads(line)
    return found


def reworded(text: str) -> str:
    """A person's paraphrase of one of our questions."""
    topic = re.search(r"about (.*)\. What should", text)
    assert topic is not None
    words = topic[1].split()
    return f"Could somebody on your team kindly tell me the best way forward? My concern: {' '.join(reversed(words))}."


def grade(seen: Seen, level: int = 5) -> Answer:
    (case,) = re.findall(r'"case" is "([^"]+)"', seen.prompt)
    return completion(json.dumps({"case": case, "reason": "So.", "levels": {"helpfulness": level}}))


def helpful(seen: Seen) -> Answer:
    """Writes paraphrases, and finds every answer good."""
    if "BEGIN " in seen.prompt:
        return grade(seen)
    return completion(json.dumps({"text": reworded(given(seen)["text"])}))


@dataclass
class Growing:
    """A project with a file to grow from, and the server that writes."""

    project: Project
    say: Callable[[Seen], Answer] = helpful
    server: Served = field(default_factory=Served)

    def grow(self, *flags: str, count: int = 5) -> Result:
        wanted = ["--count", str(count), "--model", "gpt", "--base-url", self.server.url, "--output", "new.jsonl"]
        return self.project.run("data", "grow", "own.jsonl", *wanted, *flags)

    def rows(self, name: str = "new.jsonl") -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.project.folder / name).read_text().splitlines() if line]

    def reasons(self) -> list[str]:
        return [each["why"] for each in self.rows("new.jsonl.rejected.jsonl")]


@pytest.fixture
def growing(tmp_path: Path) -> Iterator[Growing]:
    made = Growing(Project(tmp_path, {"OPENAI_API_KEY": KEY}))
    made.project.write_rows("own.jsonl", [row(number) for number in range(len(TOPICS))])
    with chat_server(lambda seen: made.say(seen)) as made.server:
        yield made


def test_a_grown_row_is_marked_and_names_its_parent(growing: Growing) -> None:
    result = growing.grow("--json")
    assert result.exit_code == 0, result.err
    assert result.json["kept"] == 5
    found = growing.rows()
    assert len(found) == 5
    for number, each in enumerate(found):
        assert each["synthetic"] is True
        assert re.fullmatch(r"[0-9a-f]{16}", each["parent"])
        assert each["messages"][0]["content"] == reworded(row(number)["messages"][0]["content"])
        assert each["messages"][1] == row(number)["messages"][1]
    assert len({each["parent"] for each in found}) == 5


def test_the_screen_says_what_to_do_before_such_rows_are_trained_on(growing: Growing) -> None:
    assert "next: harness data spot-check new.jsonl" in growing.grow().out


def test_what_repeats_a_row_is_dropped(growing: Growing) -> None:
    growing.say = lambda seen: grade(seen) if "BEGIN " in seen.prompt else completion(json.dumps(given(seen)))
    result = growing.grow("--json")
    assert result.json["kept"] == 0
    assert set(growing.reasons()) == {"it repeats another row"}
    assert growing.rows() == []


def test_what_repeats_a_held_out_row_is_dropped(growing: Growing) -> None:
    held = row(0)
    held["messages"][0]["content"] = reworded(held["messages"][0]["content"])
    growing.project.write_rows("test.jsonl", [held])
    growing.grow("--held-out", "test.jsonl", count=3)
    assert "it repeats a row that is held out" in growing.reasons()
    assert held["messages"][0]["content"] not in [each["messages"][0]["content"] for each in growing.rows()]


def test_a_wording_with_other_numbers_is_dropped(growing: Growing) -> None:
    asked = "Hello, I write to you about order 4711 of 12 March. What should I do now?"
    answer = "Thank you for writing. Order 4711 has left our house on 13 March and should be with you soon."
    turns = [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]
    growing.project.write_rows("own.jsonl", [{"messages": turns}])
    growing.say = lambda seen: (
        grade(seen)
        if "BEGIN " in seen.prompt
        else completion(json.dumps({"text": "My parcel 4712, bought in spring, is late: can somebody look?"}))
    )
    growing.grow(count=1)
    assert set(growing.reasons()) == {"the new wording has other numbers"}


@pytest.mark.parametrize("reply", ["", "Sure! Here it is.", '{"text": 3}', '["text"]', '{"text": "  "}', "{" * 5_000])
def test_a_reply_of_another_form_is_dropped(growing: Growing, reply: str) -> None:
    growing.say = lambda seen: completion(reply)
    result = growing.grow("--no-judge", count=1)
    assert result.exit_code == 0, result.err
    assert set(growing.reasons()) == {"the reply was not of the form that was asked for"}


def test_a_row_in_which_a_data_check_finds_something_is_dropped(growing: Growing) -> None:
    refused = "I'm sorry, but as an AI language model I cannot help with that request."
    growing.say = lambda seen: completion(json.dumps({"prompt": "How do I pack a suitcase?", "answer": refused}))
    growing.grow("--recipe", "few_shot", "--no-judge", count=1)
    assert growing.rows() == []
    assert any(why.startswith("error_text: ") for why in growing.reasons())


def test_an_answer_that_the_judge_finds_poor_is_dropped(growing: Growing) -> None:
    growing.say = lambda seen: grade(seen, 2) if "BEGIN " in seen.prompt else helpful(seen)
    growing.grow(count=2)
    assert growing.rows() == []
    assert set(growing.reasons()) == {"the judge's grade is below 0.7"}


def test_new_rows_are_written_after_examples(growing: Growing) -> None:
    new = iter(range(1000))
    words = ["amber", "birch", "cedar", "daisy", "ember", "fjord", "grove", "heath", "ivory", "jolly", "karma", "lilac"]
    lock = threading.Lock()

    def say(seen: Seen) -> Answer:
        with lock:
            number = next(new)
        some = [words[(number * step) % len(words)] for step in (1, 3, 5, 7, 11)]
        asked = f"Where would I find the {some[0]} catalogue of {some[1]} lamps with {some[2]} shades?"
        answer = f"The {some[3]} shelf on the second floor holds it, right beside the {some[4]} stairs."
        return completion(json.dumps({"prompt": asked, "answer": answer}))

    growing.say = say
    growing.grow("--recipe", "few_shot", "--examples", "3", "--no-judge", count=2)
    assert all(len(given(seen)["examples"]) == 3 for seen in growing.server.seen)
    found = growing.rows()
    assert len(found) == 2
    assert all(len(each["parent"]) == 3 for each in found)


def test_a_question_goes_there_and_back(growing: Growing) -> None:
    def say(seen: Seen) -> Answer:
        asked = given(seen)
        if "language_of_this" in asked:
            return completion(json.dumps({"text": asked["text"].removeprefix("auf Deutsch: ")}))
        return completion(json.dumps({"text": f"auf Deutsch: {reworded(asked['text'])}"}))

    growing.say = say
    growing.grow("--recipe", "back_translation", "--no-judge", count=2)
    assert [each["messages"][0]["content"] for each in growing.rows()] == [
        reworded(row(number)["messages"][0]["content"]) for number in range(2)
    ]
    assert any("into German" in prompt for prompt in growing.server.prompts)


def test_what_was_paid_for_once_is_not_asked_again(growing: Growing) -> None:
    growing.grow(count=3)
    first, asked = growing.rows(), len(growing.server.seen)
    assert growing.grow(count=3).exit_code == 2
    assert growing.grow("--force", count=3).exit_code == 0
    assert growing.rows() == first
    assert len(growing.server.seen) == asked


def test_a_server_that_refuses_ends_the_work_and_what_it_said_before_is_not_asked_again(growing: Growing) -> None:
    growing.say = lambda seen: helpful(seen) if TOPICS[0] in seen.prompt else refusal(401, "no such key")
    result = growing.grow("--no-judge", count=4)
    assert result.exit_code == 1
    assert "401" in result.err
    assert not (growing.project.folder / "new.jsonl").exists()
    assert KEY not in result.out + result.err
    for file in growing.project.folder.iterdir():
        assert KEY.encode() not in file.read_bytes()
    said = [each["text"] for each in growing.rows("new.jsonl.replies.jsonl")]
    growing.say, asked = helpful, len(growing.server.seen)
    assert growing.grow("--no-judge", count=4).exit_code == 0
    assert len(growing.rows()) == 4
    assert len(growing.server.seen) - asked == 4 - len(said)


def test_a_budget_of_calls_is_kept(growing: Growing) -> None:
    growing.grow("--no-judge", "--calls", "2", count=5)
    assert len(growing.server.seen) == 2
    assert len(growing.rows()) == 2


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"text": "Raw text asks nothing."}, "grow makes conversations, and this row is text"),
        ({"prompt": "Q?", "choices": ["a", "b"], "answer": 0}, "this row is multiple_choice"),
        ({"messages": [{"role": "user", "content": "Hi"}]}, "own.jsonl:1:"),
    ],
    ids=["raw text", "choices", "no answer"],
)
def test_rows_that_nothing_can_be_grown_from_are_refused(growing: Growing, content: dict[str, Any], words: str) -> None:
    growing.project.write_rows("own.jsonl", [content])
    result = growing.grow()
    assert result.exit_code == 2
    assert words in result.err
    assert result.err.count("\n") == 1
    assert growing.server.seen == []
    assert not (growing.project.folder / "new.jsonl").exists()
