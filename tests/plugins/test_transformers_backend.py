from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import GenerationSettings, Message, Model, ModelFailed, ModelRef, UsageError
from harness.protocols import Backend
from harness.testing.tiny import tiny_adapter, tiny_llama
from harness_backends.transformers_backend import Transformers

SYSTEM = "You are a helpful assistant that turns a ticket into JSON. " * 6


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_llama(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def adapter(folder: Path) -> Path:
    return tiny_adapter(folder, folder.parent / "adapter")


@pytest.fixture(scope="module")
def model(folder: Path) -> Iterator[Model]:
    with Transformers().open(ModelRef(str(folder))) as opened:
        yield opened


@pytest.fixture(scope="module")
def plain(folder: Path) -> Iterator[Model]:
    with Transformers(share_heads=False).open(ModelRef(str(folder))) as opened:
        yield opened


def ask(model: Model, prompts: list[object], **settings: object) -> list[str]:
    ids = [f"s{number}" for number in range(len(prompts))]
    answers = model.generate(prompts, GenerationSettings(**settings), sample_ids=ids)  # type: ignore[arg-type]
    assert [answer.sample_id for answer in answers] == ids
    return [answer.text for answer in answers]


def tickets(count: int, system: str = SYSTEM) -> list[object]:
    texts = ["My order %d has not arrived", "Send %d again; it is broken, and I want my money back", "%d?"]
    return [(Message("system", system), Message("user", texts[number % 3] % (number * 37))) for number in range(count)]


PAIRS = [
    ("The capital of France is", " Paris"),
    ("The capital of France is", " London, and it rains"),
    ("The capital of France is ", "Paris"),
    ("Question: which of these is a planet?  ", " the third one"),
    ("", "A man is sitting on a roof"),
    ("", " leading space"),
    ("<|im_start|>user\nHi<|im_end|>\n", "Hello"),
    ("naïve café — 你好", " ünïcödé 🙂"),
    ("two\n\n", "\n\nlines"),
    ("A man " * 900, "climbs down the ladder"),
    ("A man " * 900, "starts pulling"),
] + [(f"Question: which one is planet {number}?\nAnswer:", f" {letter}") for number in range(3) for letter in "ABCD"]


def by_lm_eval(folder: Path, pairs: list[tuple[str, str]], batch_size: int = 4) -> list[tuple[float, bool]]:
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    reference = HFLM(pretrained=str(folder), dtype="float32", device="cpu", batch_size=batch_size)
    requests = [Instance("loglikelihood", {}, pair, number) for number, pair in enumerate(pairs)]
    return list(reference.loglikelihood(requests, disable_tqdm=True))


@pytest.mark.parametrize("sharing", [True, False])
def test_log_likelihoods_are_those_of_lm_eval(folder: Path, sharing: bool, request: pytest.FixtureRequest) -> None:
    ours: Model = request.getfixturevalue("model" if sharing else "plain")
    expected = by_lm_eval(folder, PAIRS)
    for batch_size in (1, 4, 64):
        found = ours.log_likelihoods(PAIRS, batch_size=batch_size)
        assert [each.value for each in found] == pytest.approx([value for value, _ in expected], abs=1e-4)
        assert [each.is_greedy for each in found] == [greedy for _, greedy in expected]


def test_what_greedy_decoding_says_is_greedy(model: Model) -> None:
    contexts = [f"Question {number}: which of these" for number in range(20)]
    said = ask(model, contexts, max_new_tokens=1)
    context, text = next(each for each in zip(contexts, said, strict=True) if each[1].strip().isalpha())
    right, wrong = model.log_likelihoods([(context, text), (context, "~")], batch_size=2)
    assert right.is_greedy
    assert not wrong.is_greedy
    assert right.value > wrong.value
    assert right.continuation_tokens == 1


def test_a_conversation_is_a_context_too(model: Model) -> None:
    messages = (Message("user", "Which planet?"),)
    templated = "<|im_start|>user\nWhich planet?<|im_end|>\n<|im_start|>assistant\n"
    one, other = model.log_likelihoods([(messages, "Mars"), (templated, "Mars")], batch_size=2)
    assert one == other


def test_a_prompt_is_rendered_as_the_model_gets_it(model: Model) -> None:
    templated = "<|im_start|>user\nWhich planet?<|im_end|>\n<|im_start|>assistant\n"
    assert model.rendered((Message("user", "Which planet?"),)) == templated
    assert model.rendered("Which planet?") == "Which planet?"


def test_a_continuation_without_tokens_is_refused(model: Model) -> None:
    with pytest.raises(ModelFailed, match="no tokens of its own"):
        model.log_likelihoods([("Hello", "")], batch_size=1)


def test_nothing_asked_nothing_answered(model: Model) -> None:
    assert list(model.log_likelihoods([], batch_size=4)) == []
    assert list(model.generate([], GenerationSettings(), sample_ids=[])) == []


def test_generation_is_that_of_transformers(folder: Path, model: Model) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer, reference = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)
    prompts = ["The capital", "A man is sitting on a roof. He", "naïve 你好", "Question: which of these"]
    expected = []
    for prompt in prompts:
        ids = tokenizer(prompt, return_tensors="pt")
        output = reference.generate(**ids, max_new_tokens=24, do_sample=False)
        expected.append(tokenizer.decode(output[0, ids.input_ids.shape[1] :], skip_special_tokens=True))
    assert ask(model, prompts, max_new_tokens=24, batch_size=3) == expected


def test_a_shared_head_changes_no_answer(model: Model, plain: Model) -> None:
    prompts = tickets(9)
    alone = [ask(plain, [prompt], max_new_tokens=20)[0] for prompt in prompts]
    assert ask(model, prompts, max_new_tokens=20, batch_size=4) == alone
    assert ask(plain, prompts, max_new_tokens=20, batch_size=4) == alone
    # the next calls find a head from before, which fits or does not
    assert ask(model, prompts[:5], max_new_tokens=20) == alone[:5]
    others = tickets(4, SYSTEM[:-5])
    assert ask(model, others, max_new_tokens=20) == [ask(plain, [each], max_new_tokens=20)[0] for each in others]
    assert ask(model, prompts[:1], max_new_tokens=20) == alone[:1]
    assert ask(model, ["short", "shorter"], max_new_tokens=8) == ask(plain, ["short", "shorter"], max_new_tokens=8)


def test_identical_prompts_share_and_still_answer(model: Model, plain: Model) -> None:
    assert len(set(ask(model, tickets(1) * 3, max_new_tokens=8))) == 1
    assert ask(model, tickets(1) * 3, max_new_tokens=8)[0] == ask(plain, tickets(1), max_new_tokens=8)[0]


def test_facts_say_which_path_is_taken(model: Model, plain: Model) -> None:
    assert model.facts.path_taken == "prefix tree"
    assert plain.facts.path_taken == "plain: share_heads is off"


def test_a_model_that_looks_back_over_a_window_takes_the_plain_path(folder: Path, tmp_path: Path) -> None:
    windowed = shutil.copytree(folder, tmp_path / "windowed")
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "mistral", "architectures": ["MistralForCausalLM"], "sliding_window": 8}
    (windowed / "config.json").write_text(json.dumps(config))
    with Transformers().open(ModelRef(str(windowed))) as opened:
        assert opened.facts.path_taken == "plain: the model's cache cannot be cut"
        expected = by_lm_eval(windowed, PAIRS[:4])
        found = opened.log_likelihoods(PAIRS[:4], batch_size=4)
        assert [each.value for each in found] == pytest.approx([value for value, _ in expected], abs=1e-4)
        assert len(ask(opened, tickets(3), max_new_tokens=4)) == 3


def test_an_answer_ends_before_the_first_stop_string(model: Model) -> None:
    whole = ask(model, ["The capital"], max_new_tokens=40)[0]
    stop, later = whole[9:12], whole[14:16]
    answer = model.generate(
        ["The capital"], GenerationSettings(max_new_tokens=40, stop=(later, stop, "never seen")), sample_ids=["a"]
    )[0]
    assert answer.text == whole.split(stop)[0].split(later)[0]
    assert answer.finish_reason == "stop"
    assert answer.output_tokens < 40


def test_an_answer_that_is_cut_off_says_so(model: Model) -> None:
    answer = model.generate(["The capital"], GenerationSettings(max_new_tokens=3), sample_ids=["a"])[0]
    assert (answer.finish_reason, answer.output_tokens) == ("length", 3)
    assert answer.prompt_tokens > 0
    assert answer.seconds > 0


def test_an_answer_that_ends_itself_says_so(folder: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer, reference = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)
    ids = tokenizer("The capital", return_tensors="pt")
    said = reference.generate(**ids, max_new_tokens=12, do_sample=False)[0, ids.input_ids.shape[1] :].tolist()
    fifth = said[4]
    ending = shutil.copytree(folder, tmp_path / "ending")
    (ending / "generation_config.json").write_text(json.dumps({"eos_token_id": [fifth], "repetition_penalty": 9.0}))
    with Transformers().open(ModelRef(str(ending))) as opened:
        answers = opened.generate(
            ["The capital", "A man is"], GenerationSettings(max_new_tokens=12), sample_ids=["a", "b"]
        )
    assert (answers[0].finish_reason, answers[0].output_tokens) == ("stop", said.index(fifth) + 1)
    assert answers[0].text == tokenizer.decode(said[: said.index(fifth) + 1])


def test_a_drawn_answer_depends_on_its_seed_and_not_on_its_neighbours(model: Model) -> None:
    prompts = tickets(5)
    settings = {"max_new_tokens": 16, "temperature": 0.9, "top_p": 0.95}
    together = ask(model, prompts, **settings)
    assert ask(model, prompts, batch_size=2, **settings) == together
    assert ask(model, prompts[:1], **settings) == together[:1]
    assert ask(model, prompts, seed=1, **settings) != together


def test_two_attempts_at_one_sample_are_two_draws(model: Model) -> None:
    settings = GenerationSettings(max_new_tokens=16, temperature=1.0)
    one, other = model.generate(["The capital", "The capital"], settings, sample_ids=["a", "a"])
    assert (one.attempt, other.attempt) == (0, 1)
    assert one.text != other.text


def test_a_low_temperature_is_nearly_greedy(model: Model) -> None:
    prompts = tickets(3)
    assert ask(model, prompts, max_new_tokens=8, temperature=1e-4) == ask(model, prompts, max_new_tokens=8)


def test_a_prompt_longer_than_the_model_keeps_its_end(model: Model) -> None:
    answer = model.generate(["word " * 3000], GenerationSettings(max_new_tokens=8), sample_ids=["a"])[0]
    assert answer.prompt_tokens == 2048 - 8


def test_an_answer_that_leaves_no_room_for_a_prompt_is_refused(folder: Path, tmp_path: Path) -> None:
    narrow = shutil.copytree(folder, tmp_path / "narrow")
    config = json.loads((folder / "config.json").read_text()) | {"max_position_embeddings": 16}
    (narrow / "config.json").write_text(json.dumps(config))
    with Transformers().open(ModelRef(str(narrow))) as opened:
        for too_many in (16, 17):
            with pytest.raises(ModelFailed, match=f"max_new_tokens {too_many} leaves no room for a prompt: .* 16 tok"):
                ask(opened, ["The capital"], max_new_tokens=too_many)
        [answer] = opened.generate(["The capital"], GenerationSettings(max_new_tokens=15), sample_ids=["a"])
    assert answer.prompt_tokens == 1


def test_an_adapter_is_on_in_its_view_only(model: Model, adapter: Path) -> None:
    base = [each.value for each in model.log_likelihoods(PAIRS[:4], batch_size=4)]
    tuned = model.with_adapter(adapter)
    first = [each.value for each in tuned.log_likelihoods(PAIRS[:4], batch_size=4)]
    assert first != pytest.approx(base, abs=1e-2)
    assert [each.value for each in model.log_likelihoods(PAIRS[:4], batch_size=4)] == base
    assert [each.value for each in tuned.log_likelihoods(PAIRS[:4], batch_size=4)] == first
    assert [each.value for each in tuned.with_adapter(None).log_likelihoods(PAIRS[:4], batch_size=4)] == base
    assert ask(tuned, tickets(3), max_new_tokens=8) != ask(model, tickets(3), max_new_tokens=8)


def test_an_adapter_answers_as_it_does_under_peft(model: Model, folder: Path, adapter: Path) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    reference = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(folder), str(adapter))
    ids = tokenizer("The capital", return_tensors="pt")
    output = reference.generate(**ids, max_new_tokens=16, do_sample=False)
    expected = tokenizer.decode(output[0, ids.input_ids.shape[1] :], skip_special_tokens=True)
    assert ask(model.with_adapter(adapter), ["The capital"], max_new_tokens=16) == [expected]


def test_two_adapters_take_turns_on_one_set_of_weights(model: Model, folder: Path, adapter: Path) -> None:
    other = tiny_adapter(folder, folder.parent / "other", seed=2)
    one, two = model.with_adapter(adapter), model.with_adapter(other)
    assert one.weights is two.weights is model.weights  # type: ignore[attr-defined]
    prompts = tickets(3)
    first, second = ask(one, prompts, max_new_tokens=8), ask(two, prompts, max_new_tokens=8)
    assert first != second
    assert ask(one, prompts, max_new_tokens=8) == first


def test_an_adapter_that_changes_nothing_stops_the_run(folder: Path, tmp_path: Path) -> None:
    inert = tiny_adapter(folder, tmp_path / "inert")
    _zero(inert)
    with Transformers().open(ModelRef(str(folder))) as opened:
        with pytest.raises(ModelFailed, match="changes nothing"):
            opened.with_adapter(inert)
        assert ask(opened, ["The capital"], max_new_tokens=4)
        good = opened.with_adapter(tiny_adapter(folder, tmp_path / "good"))
        assert ask(good, ["The capital"], max_new_tokens=8) != ask(opened, ["The capital"], max_new_tokens=8)


def _zero(adapter: Path) -> None:
    from safetensors.torch import load_file, save_file

    file = adapter / "adapter_model.safetensors"
    weights = {name: weight * (0 if "lora_B" in name else 1) for name, weight in load_file(file).items()}
    save_file(weights, file)


def _of_another_width(folder: Path, adapter: Path) -> None:
    from safetensors.torch import load_file, save_file

    file = adapter / "adapter_model.safetensors"
    save_file({name: weight[:, : weight.shape[1] // 2].contiguous() for name, weight in load_file(file).items()}, file)


def _of_other_modules(folder: Path, adapter: Path) -> None:
    file = adapter / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"target_modules": ["c_attn"]}))


def _of_fewer_layers(folder: Path, adapter: Path) -> None:
    from safetensors.torch import load_file, save_file

    file = adapter / "adapter_model.safetensors"
    save_file({name: weight for name, weight in load_file(file).items() if "layers.1." not in name}, file)


@pytest.mark.parametrize("spoil", [_of_another_width, _of_other_modules, _of_fewer_layers])
def test_an_adapter_of_another_model_is_told_apart(spoil: object, folder: Path, tmp_path: Path) -> None:
    foreign = tiny_adapter(folder, tmp_path / "foreign")
    spoil(folder, foreign)  # type: ignore[operator]
    with Transformers().open(ModelRef(str(folder))) as opened:
        before = ask(opened, ["The capital"], max_new_tokens=8)
        with pytest.raises(ModelFailed, match="another base model") as failure:
            opened.with_adapter(foreign)
        assert "\n" not in str(failure.value)
        assert ask(opened, ["The capital"], max_new_tokens=8) == before
        good = opened.with_adapter(tiny_adapter(folder, tmp_path / "good"))
        assert ask(good, ["The capital"], max_new_tokens=8) != before


def test_a_damaged_adapter_is_told_and_does_no_harm(folder: Path, tmp_path: Path) -> None:
    damaged = tiny_adapter(folder, tmp_path / "damaged")
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 16\n"
    (damaged / "adapter_model.safetensors").write_text(pointer)
    with Transformers().open(ModelRef(str(folder))) as opened:
        before = ask(opened, ["The capital"], max_new_tokens=8)
        with pytest.raises(ModelFailed, match=r"adapter_model\.safetensors cannot be read: ") as failure:
            opened.with_adapter(damaged)
        assert "\n" not in str(failure.value)
        assert ask(opened, ["The capital"], max_new_tokens=8) == before
        good = opened.with_adapter(tiny_adapter(folder, tmp_path / "good"))
        assert ask(good, ["The capital"], max_new_tokens=8) != before


def test_what_is_no_adapter_is_told(model: Model, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelFailed, match="a whole model, not an adapter"):
        model.with_adapter(folder)
    with pytest.raises(ModelFailed, match="not an adapter folder"):
        model.with_adapter(tmp_path)


def test_facts_name_the_weights_by_their_content(model: Model, folder: Path, adapter: Path, tmp_path: Path) -> None:
    import hashlib

    facts = model.facts
    assert facts.weights_sha256 == hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    assert facts.template_sha256 is not None
    assert (facts.dtype, facts.name, facts.folder) == ("float32", str(folder), str(folder))
    assert facts.parameters == 99648
    assert model.with_adapter(adapter).facts == facts


def test_a_closed_model_holds_no_memory_and_says_that_it_is_closed(folder: Path) -> None:
    with Transformers().open(ModelRef(str(folder))) as opened:
        pass
    with pytest.raises(ModelFailed, match="is closed"):
        ask(opened, ["Hello"])


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_answers_too(folder: Path, dtype: str) -> None:
    with Transformers().open(ModelRef(str(folder), dtype=dtype)) as opened:
        assert opened.facts.dtype == dtype
        assert len(ask(opened, tickets(3), max_new_tokens=4)) == 3
        assert all(each.value < 0 for each in opened.log_likelihoods(PAIRS[:4], batch_size=4))


def test_messages_without_a_template_are_refused(folder: Path, tmp_path: Path) -> None:
    bare = shutil.copytree(folder, tmp_path / "bare")
    (bare / "chat_template.jinja").unlink()
    with Transformers().open(ModelRef(str(bare))) as opened:
        assert opened.facts.template_sha256 is None
        with pytest.raises(ModelFailed, match="no chat template"):
            ask(opened, tickets(1))


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("model.safetensors", "not weights"),
        ("tokenizer.json", "version https://git-lfs.github.com/spec/v1"),
        ("tokenizer.json", '{"added_tokens": [], "model": {"type": "of a later version"}}'),
    ],
)
def test_a_broken_file_is_one_line(folder: Path, tmp_path: Path, file: str, content: str) -> None:
    broken = shutil.copytree(folder, tmp_path / "broken")
    (broken / file).write_text(content)
    with pytest.raises(ModelFailed, match="cannot be opened") as failure, Transformers().open(ModelRef(str(broken))):
        pass
    assert "\n" not in str(failure.value)


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        (ModelRef("a/b", dtype="float8"), "unknown dtype 'float8'; known are float32, bfloat16, float16"),
        (ModelRef("a/b", device="gpu"), "unknown device 'gpu'"),
        (ModelRef("./nowhere"), "there is no model"),
        (ModelRef("/no/such/model.gguf"), "there is no file"),
        (ModelRef("what is this?"), "there is no model"),
    ],
)
def test_what_cannot_be_a_model_is_a_usage_error(reference: ModelRef, message: str) -> None:
    with pytest.raises(UsageError) as error:
        Transformers().check(reference)
    assert message in str(error.value)


def test_the_backend_keeps_the_protocol(folder: Path) -> None:
    backend: Backend = Transformers()
    assert isinstance(backend, Backend)
    assert backend.folder(ModelRef(str(folder))) == folder
