"""Rows that call tools: the chat template is given the tools and the calls, and what it would drop is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from training_kit import conversation, job_for, write

from harness import ModelRef, TrainJob, UsageError
from harness.data import formats
from harness_trainers import rows
from harness_trainers.lint import examples
from harness_trainers.methods import Lora
from harness_trainers.tokens import Reader

pytestmark = pytest.mark.usefixtures("one_thread")

QUICK = Lora(r=4, max_steps=1, per_device_train_batch_size=4)
WITH_TOOLS = (
    "{% if tools %}<|im_start|>system\n{% for tool in tools %}{{ tool['function']['name'] }}: "
    "{{ tool['function']['description'] }}\n{% endfor %}<|im_end|>\n{% endif %}"
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] }}"
    "{% for call in message['tool_calls'] or [] %}"
    "{{ '[' + call['function']['name'] }}"
    "{% for key, value in call['function']['arguments'].items() %}{{ ' ' + key + '=' + value | string }}{% endfor %}]"
    "{% endfor %}{{ '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
TOOL = {"type": "function", "function": {"name": "find_order", "description": "Looks an order up."}}
CALL = {"id": "a1", "type": "function", "function": {"name": "find_order", "arguments": '{"number": 4711}'}}
ROW: dict[str, Any] = {
    "messages": [
        {"role": "user", "content": "Where is 4711?"},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "a1", "content": "on its way"},
        {"role": "assistant", "content": "It is on its way."},
    ],
    "tools": [TOOL],
}
TEXT = (
    "<|im_start|>system\nfind_order: Looks an order up.\n<|im_end|>\n"
    "<|im_start|>user\nWhere is 4711?<|im_end|>\n"
    "<|im_start|>assistant\n[find_order number=4711]<|im_end|>\n"
    "<|im_start|>tool\non its way<|im_end|>\n"
    "<|im_start|>assistant\nIt is on its way.<|im_end|>\n"
)


@pytest.fixture
def job(tiny_model: Path, tmp_path: Path) -> TrainJob:
    """A job on rows that call a tool, as the harness writes them, with a template that knows tools."""
    model = tmp_path / "model"
    shutil.copytree(tiny_model, model)
    (model / "chat_template.jinja").write_text(WITH_TOOLS)
    job = job_for(QUICK, model, tmp_path)
    _, found = formats.read("train", write(tmp_path / "given.jsonl", [ROW] * 3))
    formats.write(found, job.train)
    return job


@pytest.fixture
def learnt(job: TrainJob) -> Callable[[list[dict[str, Any]]], str]:
    """What of a conversation the model learns to say."""

    def of(messages: list[dict[str, Any]]) -> str:
        write(job.train, [{"messages": messages, "tools": [TOOL]}])
        [tokens] = QUICK.masks(job, 1)
        return "".join(token.text for token in tokens if token.is_learned)

    return of


def test_the_template_sees_the_tools_and_the_arguments_as_an_object(job: TrainJob) -> None:
    reader = Reader.of(QUICK, job.model)
    [row, *_] = rows.read(job.train, "messages")
    assert reader.render(row) == TEXT
    assert reader.tokenizer.decode(reader.read(row).ids) == TEXT
    assert len(examples(QUICK, job).train) == 3


def test_a_last_message_that_calls_a_tool_is_what_is_learnt(learnt: Callable[..., str]) -> None:
    assert learnt(ROW["messages"][:2]) == "[find_order number=4711]<|im_end|>\n"
    assert learnt(ROW["messages"]) == "It is on its way.<|im_end|>\n"


@pytest.mark.parametrize("arguments", ["{", "[1]", '"a"', "[" * 100_000], ids=["cut", "list", "text", "deep"])
def test_arguments_that_are_no_object_are_refused_with_the_line(job: TrainJob, arguments: str) -> None:
    call = {**CALL, "function": {"name": "find_order", "arguments": arguments}}
    write(
        job.train, [ROW, {"messages": [ROW["messages"][0], {"role": "assistant", "content": "", "tool_calls": [call]}]}]
    )
    with pytest.raises(UsageError, match=r"train\.jsonl:2: the arguments of a tool call are no JSON object"):
        examples(QUICK, job)


@pytest.mark.parametrize(
    ("without", "dropped"),
    [
        ("{% if tools %}", "tools that may be called"),
        ("{% for call in message['tool_calls'] or [] %}", "calls of tools"),
    ],
)
def test_a_template_that_drops_tools_is_refused(job: TrainJob, without: str, dropped: str) -> None:
    Path(job.model.name, "chat_template.jinja").write_text(
        WITH_TOOLS.replace(without, "{% if false %}" if "if" in without[:6] else "{% for call in [] %}")
    )
    # rows without tools and with the same roles must not hide it
    plain = [{"messages": conversation(number)} for number in range(3)]
    write(job.train, [*plain, json.loads(job.train.read_text().splitlines()[0])])
    with pytest.raises(UsageError, match=rf"train\.jsonl:4: the model's chat template drops the {dropped}"):
        examples(QUICK, replace(job, model=ModelRef(job.model.name, device="cpu")))


def test_pairs_and_judged_answers_are_never_written_for_a_trainer(tmp_path: Path) -> None:
    for row in ({"prompt": "a", "chosen": "b", "rejected": "c"}, {"prompt": "a", "completion": "b", "label": False}):
        _, found = formats.read("train", write(tmp_path / "given.jsonl", [row]))
        with pytest.raises(UsageError, match=r"line 1: a (preference|kto) row holds answers that are not to be learnt"):
            formats.write(found, tmp_path / "out.jsonl")
