from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness import Generation, GenerationSettings, Message, ModelRef, Prompt
from harness.testing.tiny import tiny_llama
from harness_backends.places import Head, Places
from harness_backends.steps import Ending
from harness_backends.transformers_backend import Transformers
from harness_backends.transformers_model import TransformersModel

SYSTEM = "You are a helpful assistant that turns a ticket into JSON. " * 6
STOPS = ("e", "42", "et")
"""Strings that nonsense holds early, late or never, so that rows end at different times."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_llama(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def model(folder: Path) -> Iterator[TransformersModel]:
    with Transformers().open(ModelRef(str(folder))) as opened:
        assert isinstance(opened, TransformersModel)
        yield opened


def tickets(count: int, system: str = SYSTEM) -> list[Prompt]:
    texts = ["My order %d has not arrived", "Send %d again; it is broken, and I want my money back", "%d?"]
    return [(Message("system", system), Message("user", texts[number % 3] % (number * 37))) for number in range(count)]


def ask(model: TransformersModel, prompts: Sequence[Prompt], **settings: object) -> list[Generation]:
    ids = [f"s{number}" for number in range(len(prompts))]
    return list(model.generate(prompts, GenerationSettings(**settings), sample_ids=ids))  # type: ignore[arg-type]


@contextmanager
def passes(model: TransformersModel) -> Iterator[list[tuple[int, int]]]:
    """The rows and columns of each pass that goes through the model meanwhile."""
    seen: list[tuple[int, int]] = []
    module = model.weights.module(None)
    hook = module.register_forward_pre_hook(
        lambda _, __, inputs: seen.append(tuple(inputs["input_ids"].shape)), with_kwargs=True
    )
    yield seen
    hook.remove()


def one_at_a_time(folder: Path, prompts: Sequence[Prompt], stops: Sequence[str], **settings: object) -> list[str]:
    """What Transformers' own ``generate`` says, its text cut as lm-eval cuts it at ``until``."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer, reference = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)
    texts = []
    for prompt in prompts:
        turns = [{"role": turn.role, "content": turn.content} for turn in prompt if isinstance(turn, Message)]
        given = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_tensors="pt", return_dict=True)
        output = reference.generate(**given, do_sample=False, **settings)
        text = tokenizer.decode(output[0, given["input_ids"].shape[1] :], skip_special_tokens=True)
        for stop in stops:
            text = text.split(stop)[0]
        texts.append(text)
    return texts


@pytest.mark.parametrize("stops", [(), STOPS])
@pytest.mark.parametrize("batch_size", [1, 4, 16])
def test_greedy_text_is_that_of_transformers_one_prompt_at_a_time(
    folder: Path, model: TransformersModel, batch_size: int, stops: tuple[str, ...]
) -> None:
    prompts = tickets(18)
    answers = ask(model, prompts, max_new_tokens=24, batch_size=batch_size, stop=stops)
    assert [answer.text for answer in answers] == one_at_a_time(folder, prompts, stops, max_new_tokens=24)


def test_rows_end_at_different_times_in_what_is_tried_here(model: TransformersModel) -> None:
    answers = ask(model, tickets(18), max_new_tokens=24, stop=STOPS)
    assert len({answer.output_tokens for answer in answers}) > 4
    assert {answer.finish_reason for answer in answers} == {"stop", "length"}


def test_a_row_that_has_ended_leaves_the_batch(model: TransformersModel) -> None:
    with passes(model) as seen:
        answers = ask(model, tickets(6), max_new_tokens=24, batch_size=6, stop=STOPS)
    steps = [rows for rows, columns in seen if columns == 1]
    # the first token of an answer comes from its prompt's pass, each further one from a step
    assert sum(steps) == sum(answer.output_tokens - 1 for answer in answers)
    assert steps == sorted(steps, reverse=True)


def test_a_place_that_is_free_is_taken_by_the_next_prompt(model: TransformersModel) -> None:
    with passes(model) as seen:
        answers = ask(model, tickets(18), max_new_tokens=24, batch_size=4, stop=STOPS)
    steps = [rows for rows, columns in seen if columns == 1]
    assert max(rows for rows, _ in seen) == 4
    assert sum(steps) == sum(answer.output_tokens - 1 for answer in answers)
    # all four places are taken until no prompt waits any more
    assert steps == [4] * steps.count(4) + sorted(steps[steps.count(4) :], reverse=True)


def test_the_beginning_that_prompts_share_is_run_once(model: TransformersModel) -> None:
    prompts = tickets(12)
    tokens = [model.weights.encoder.prompt(prompt, room=2000) for prompt in prompts]
    shared = next(place for place, column in enumerate(zip(*tokens, strict=False)) if len(set(column)) > 1)
    with passes(model) as seen:
        ask(model, prompts, max_new_tokens=2, batch_size=4)
    assert seen[0] == (1, shared)
    assert max(columns for _, columns in seen[1:]) == max(map(len, tokens)) - shared
    with passes(model) as again:
        ask(model, prompts, max_new_tokens=2, batch_size=4)
    assert again == seen[1:]


def test_prompts_of_unlike_lengths_do_not_enter_together(model: TransformersModel) -> None:
    prompts = ["Now", "word " * 200, "then", "word " * 190, "Why"]
    with passes(model) as seen:
        ask(model, prompts, max_new_tokens=2, batch_size=5)
    assert [rows for rows, columns in seen if columns > 1] == [2, 3]


def test_a_drawn_answer_does_not_depend_on_who_leaves_and_who_enters(model: TransformersModel) -> None:
    prompts = tickets(12)
    settings = {"max_new_tokens": 16, "temperature": 0.9, "top_p": 0.95, "stop": STOPS}
    together = [answer.text for answer in ask(model, prompts, batch_size=16, **settings)]
    for batch_size in (1, 5):
        assert [answer.text for answer in ask(model, prompts, batch_size=batch_size, **settings)] == together


def test_a_special_token_may_be_a_stop_string(model: TransformersModel) -> None:
    tokenizer = model.weights.encoder.tokenizer
    ending = Ending(tokenizer, (), ("<|im_end|>",))
    cut, has_ended = ending.cut(tokenizer.encode("A man is sitting<|im_end|>\n<|im_start|>user"))
    assert (tokenizer.decode(cut), has_ended) == ("A man is sitting<|im_end|>", True)
    assert ending.text(cut)[0] == "A man is sitting"


@pytest.mark.parametrize("share_heads", [True, False])
def test_an_answer_ends_with_a_special_token_that_is_a_stop_string(
    folder: Path, tmp_path: Path, share_heads: bool
) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer, speaking = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)
    ids = tokenizer("The capital", return_tensors="pt")
    said = speaking.generate(**ids, max_new_tokens=12, do_sample=False)[0, ids.input_ids.shape[1] :].tolist()
    fifth, special = said[4], tokenizer.convert_tokens_to_ids("<|im_start|>")
    words = speaking.get_input_embeddings().weight.data
    words[[fifth, special]] = words[[special, fifth]]  # where it said its fifth token it now says the special one
    speaking.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    with Transformers(share_heads=share_heads).open(ModelRef(str(tmp_path))) as opened:
        settings = GenerationSettings(max_new_tokens=12, stop=("<|im_start|>",))
        [answer] = opened.generate(["The capital"], settings, sample_ids=["a"])
    assert (answer.finish_reason, answer.output_tokens) == ("stop", said.index(fifth) + 1)
    assert answer.text == tokenizer.decode(said[: said.index(fifth)])


def test_an_answer_of_one_token_needs_no_step(model: TransformersModel) -> None:
    with passes(model) as seen:
        answers = ask(model, tickets(6), max_new_tokens=1, batch_size=4)
    assert all(columns > 1 for _, columns in seen)
    assert [answer.output_tokens for answer in answers] == [1] * 6


def test_a_step_after_the_last_column_finds_room(folder: Path, model: TransformersModel) -> None:
    # long rows that end at once, followed by short ones that go on: the columns are used up early
    prompts = [*tickets(3), *tickets(9, system="JSON!")]
    answers = ask(model, prompts, max_new_tokens=40, batch_size=3, stop=STOPS)
    assert [answer.text for answer in answers] == one_at_a_time(folder, prompts, STOPS, max_new_tokens=40)


def test_the_seconds_of_the_answers_are_those_of_the_call(model: TransformersModel) -> None:
    began = time.perf_counter()
    answers = ask(model, tickets(8), max_new_tokens=16, batch_size=4)
    wall = time.perf_counter() - began
    assert 0.5 * wall < sum(answer.seconds for answer in answers) <= wall


def test_a_row_that_overflowed_does_not_spoil_who_comes_after(model: TransformersModel) -> None:
    import torch

    with torch.inference_mode():
        places = Places(model.weights.module(None), Head(), 2, 12)
        places.enter([[5, 6, 7, 8], [9, 10, 11]])
        places.leave({1})
        for layer in places._layers:
            assert layer.keys is not None
            assert layer.values is not None
            layer.keys[1], layer.values[1] = float("nan"), float("nan")
        assert places.enter([[12, 13]]).isfinite().all()


def test_a_model_whose_past_cannot_be_cut_answers_as_transformers_does(folder: Path, tmp_path: Path) -> None:
    windowed = shutil.copytree(folder, tmp_path / "windowed")
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "mistral", "architectures": ["MistralForCausalLM"], "sliding_window": 64}
    (windowed / "config.json").write_text(json.dumps(config))
    prompts = tickets(6)
    with Transformers().open(ModelRef(str(windowed))) as opened:
        assert isinstance(opened, TransformersModel)
        assert not opened.weights.share_heads
        answers = ask(opened, prompts, max_new_tokens=24, batch_size=4, stop=STOPS)
    assert [answer.text for answer in answers] == one_at_a_time(windowed, prompts, STOPS, max_new_tokens=24)
    assert all(answer.seconds > 0 for answer in answers)
