"""Shared beginnings are run once, nothing is run that nobody asked for, and the numbers stay the same."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import GenerationSettings, Model, ModelFailed, ModelRef
from harness.testing.tiny import tiny_adapter, tiny_llama
from harness_backends import parts
from harness_backends.passes import last_logits
from harness_backends.transformers_backend import Transformers
from harness_backends.transformers_model import TransformersModel
from harness_backends.tree import Branch, Row, Tree, grown

HEAD = "The following are questions about planets, each with its answer.\n\n" * 6
QUESTIONS = [
    (f"{HEAD}Question {number}: which of these is planet number {number}?\nAnswer:", f" {letter}")
    for number in range(12)
    for letter in "ABCD"
]
ENDINGS = [
    (f"Scene {scene}: a man is sitting on a roof and looks at {scene} birds. He", f" {ending} {scene} times.")
    for scene in range(9)
    for ending in ("climbs down the ladder", "starts pulling", "sings", "counts all of the birds that he can see")
]
FEW_SHOT_ENDINGS = [(HEAD + context, ending) for context, ending in ENDINGS]


@st.composite
def rows(draw: st.DrawFn) -> list[Row]:
    """Rows made of a few pieces, so that many begin alike; no two are the same."""
    pieces = [(1,) * 40, (2,) * 30, (3, 4, 5), (6,), (7,) * 20]
    made = draw(st.lists(st.lists(st.sampled_from(pieces), min_size=1, max_size=5), min_size=1, max_size=12))
    texts = sorted({tuple(itertools.chain.from_iterable(each)) for each in made})
    return [Row(text, draw(st.integers(1, min(4, len(text))))) for text in texts]


@given(rows())
@settings(max_examples=300, deadline=None)
def test_branches_and_what_is_left_are_the_rows(given_rows: list[Row]) -> None:
    tree = grown(given_rows)
    for number, row in enumerate(given_rows):
        path = [tree.branches[each] for each in tree.path(tree.grows_from[number])]
        on_the_way = [given_rows[each.row].tokens[each.start : each.end] for each in path]
        assert (*itertools.chain.from_iterable(on_the_way), *parts.leaf(given_rows, tree, number).tokens) == row.tokens
        assert tree.length(tree.grows_from[number]) <= row.shareable, "what is asked about stays in the row"
    assert all(branch.parent is None or branch.parent < number for number, branch in enumerate(tree.branches))
    run = sum(each.end - each.start for each in tree.branches)
    run += sum(len(parts.leaf(given_rows, tree, number).tokens) for number in range(len(given_rows)))
    assert run <= sum(len(row.tokens) for row in given_rows)


def test_a_few_shot_head_holds_its_questions_and_a_question_its_endings() -> None:
    head, one, other = (1,) * 60, (2,) * 30, (3,) * 30
    given_rows = [Row((*head, *question, 9, ending), 2) for question in (one, other) for ending in range(4)]
    tree = grown(given_rows)
    assert tree == Tree(
        (Branch(0, 0, 60, None), Branch(0, 60, 90, 0), Branch(4, 60, 90, 0)), (1, 1, 1, 1, 2, 2, 2, 2)
    )  # fmt: skip


def test_a_beginning_that_saves_little_is_not_worth_a_pass() -> None:
    assert grown([Row((1, 2, 3, 4, ending), 1) for ending in range(3)]).branches == ()
    long = [Row((*(1,) * 11, *(number,) * 600, ending), 1) for number in range(2, 40) for ending in range(2)]
    starts = [branch.start for branch in grown(long).branches]
    assert starts == [0] * 38, "the 11 tokens that all heads begin with are not worth a branch below the heads"


@given(rows(), st.integers(40, 400))
@settings(max_examples=200, deadline=None)
def test_every_part_is_in_one_pass_and_no_pass_is_over_budget(given_rows: list[Row], budget: int) -> None:
    tree = grown(given_rows)
    waves = parts.waves(given_rows, tree, budget)
    assert sorted(number for _, leaves in waves for number in leaves) == list(range(len(given_rows)))
    assert sorted(number for branches, _ in waves for number in branches) == list(range(len(tree.branches)))
    for branches, leaves in waves:
        levels = parts.depths(tree, branches)
        assert sorted(itertools.chain.from_iterable(levels)) == sorted(branches)
        rest = parts.ordered([parts.leaf(given_rows, tree, number) for number in leaves])
        for count in parts.batches(rest, budget, pass_cost=8):
            batch, rest = rest[:count], rest[count:]
            size = len(batch) * (max(part.before for part in batch) + max(len(part.tokens) for part in batch))
            assert size <= budget or len(batch) == 1
        assert not rest


def test_items_of_very_unlike_lengths_do_not_pay_for_one_another() -> None:
    lengths = [500, 410, 400, 390, 120, 118, 110, 60, 59, 58, 57, 3]
    made = parts.ordered([parts.Part(n, None, 0, (1,) * length, 1) for n, length in enumerate(lengths)])
    taken = iter(made)
    run = 0
    for count in parts.batches(made, 10_000, pass_cost=32):
        batch = list(itertools.islice(taken, count))
        run += count * max(len(part.tokens) for part in batch)
    assert run <= 1.1 * sum(lengths)
    assert parts.batches(made[:1] * 8, 10_000, pass_cost=32) == [8]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_llama(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def model(folder: Path) -> Iterator[Model]:
    with Transformers().open(ModelRef(str(folder))) as opened:
        yield opened


@pytest.fixture(scope="module")
def plain(folder: Path) -> Iterator[Model]:
    with Transformers(share_heads=False).open(ModelRef(str(folder))) as opened:
        yield opened


def tokens_run(model: Model) -> list[int]:
    """Filled with the tokens of every pass from now on."""
    seen: list[int] = []

    def count(module: object, arguments: object, inputs: dict[str, torch.Tensor]) -> None:
        seen.append(inputs["input_ids"].numel())

    model.weights.base.register_forward_pre_hook(count, with_kwargs=True)  # type: ignore[attr-defined]
    return seen


def values(model: Model, pairs: list[tuple[str, str]], batch_size: int = 8) -> list[float]:
    return [each.value for each in model.log_likelihoods(pairs, batch_size=batch_size)]


@pytest.mark.parametrize("pairs", [QUESTIONS, ENDINGS, FEW_SHOT_ENDINGS])
def test_a_tree_gives_the_numbers_of_whole_texts(model: Model, plain: Model, pairs: list[tuple[str, str]]) -> None:
    expected = list(plain.log_likelihoods(pairs, batch_size=1))
    for batch_size in (1, 4, 16):
        found = list(model.log_likelihoods(pairs, batch_size=batch_size))
        assert [each.value for each in found] == pytest.approx([each.value for each in expected], abs=1e-4)
        assert [each.is_greedy for each in found] == [each.is_greedy for each in expected]


def test_the_head_of_all_questions_is_run_once(model: Model) -> None:
    encode = model.weights.encoder.pair  # type: ignore[attr-defined]
    head = len(encode(HEAD + "Question", " A").context)
    questions = [len(encode(*pair).context) for pair in QUESTIONS[::4]]
    seen = tokens_run(model)
    values(model, QUESTIONS)
    assert head > 100
    assert sum(seen) <= 1.1 * (head + sum(length - head for length in questions)) + head, "each head but one is saved"
    assert sum(seen) < sum(questions) / 2


def test_a_context_is_run_once_for_its_endings_also_below_a_head(model: Model) -> None:
    encode = model.weights.encoder.pair  # type: ignore[attr-defined]
    seen = tokens_run(model)
    values(model, FEW_SHOT_ENDINGS)
    whole = sum(len(pair.context) + len(pair.continuation) - 1 for pair in itertools.starmap(encode, FEW_SHOT_ENDINGS))
    assert sum(seen) < whole / 5


def test_when_memory_runs_out_half_as_much_goes_through_together(model: Model, plain: Model) -> None:
    most, refused, run = 500, [], []

    def limited(module: object, arguments: object, inputs: dict[str, torch.Tensor]) -> None:
        size = inputs["attention_mask" if "attention_mask" in inputs else "input_ids"].numel()
        if size > most:
            refused.append(size)
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        run.append(size)

    model.weights.base.register_forward_pre_hook(limited, with_kwargs=True)  # type: ignore[attr-defined]
    assert values(model, ENDINGS, batch_size=64) == pytest.approx(values(plain, ENDINGS), abs=1e-4)
    assert refused
    assert run


@pytest.mark.parametrize("kept", ["use_cache", "past_key_values"])
def test_rows_are_run_whole_where_what_they_share_leaves_no_room(model: Model, plain: Model, kept: str) -> None:
    refused = []

    def limited(module: object, arguments: object, inputs: dict[str, object]) -> None:
        if inputs.get(kept):
            refused.append(kept)
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    model.weights.base.register_forward_pre_hook(limited, with_kwargs=True)  # type: ignore[attr-defined]
    pairs = [*FEW_SHOT_ENDINGS, *ENDINGS]
    assert values(model, pairs) == pytest.approx(values(plain, pairs), abs=1e-4)
    assert refused


@pytest.mark.parametrize(
    "told",
    [
        "[enforce fail at alloc_cpu.cpp:118] DefaultCPUAllocator: can't allocate memory: 9 bytes",
        "MPS backend out of memory (MPS allocated: 9.00 GB, other allocations: 1.00 GB, max allowed: 9.07 GB)",
        "CUDA error: out of memory",
    ],
)
def test_one_text_that_does_not_fit_is_told_in_one_line(model: Model, told: str) -> None:
    def full(module: object, arguments: object) -> None:
        raise RuntimeError(told)

    model.weights.base.register_forward_pre_hook(full)  # type: ignore[attr-defined]
    with pytest.raises(ModelFailed, match="too little memory for one text of") as failure:
        values(model, ENDINGS)
    assert "\n" not in str(failure.value)


def test_another_fault_is_not_taken_for_want_of_memory(model: Model) -> None:
    def broken(module: object, arguments: object) -> None:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    model.weights.base.register_forward_pre_hook(broken)  # type: ignore[attr-defined]
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        values(model, ENDINGS)


def test_a_tree_under_an_adapter_is_the_adapters(model: Model, folder: Path, tmp_path: Path) -> None:
    adapter = tiny_adapter(folder, tmp_path / "adapter")
    with Transformers(share_heads=False).open(ModelRef(str(folder))) as opened:
        expected = values(opened.with_adapter(adapter), QUESTIONS)
    base = values(model, QUESTIONS)
    tuned = model.with_adapter(adapter)
    assert values(tuned, QUESTIONS) == pytest.approx(expected, abs=1e-4)
    assert expected != pytest.approx(base, abs=1e-2)
    assert values(model, QUESTIONS) == base


def test_the_same_request_gives_the_same_bits_whatever_was_asked_before(model: Model, folder: Path) -> None:
    values(model, FEW_SHOT_ENDINGS)
    after = values(model, QUESTIONS)
    with Transformers().open(ModelRef(str(folder))) as fresh:
        assert values(fresh, QUESTIONS) == after


ARCHITECTURES = {
    "Qwen3Config": "prefix tree",
    "GPT2Config": "prefix tree",
    "OPTConfig": "prefix tree",
    "MixtralConfig": "prefix tree",
    "Gemma2Config": "plain: the model's cache cannot be cut",
    "FalconH1Config": "plain: the model's cache cannot be cut",
    "RecurrentGemmaConfig": "plain: the model's cache cannot be cut",
    "MambaConfig": "plain: the model takes no positions or cache from outside",
    "RwkvConfig": "plain: the model takes no positions or cache from outside",
}
BEARS_PADDING = {
    "Gemma2Config": True,
    "FalconH1Config": True,
    "RecurrentGemmaConfig": False,
    "MambaConfig": True,
    "RwkvConfig": False,
}


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_a_model_whose_cache_cannot_be_cut_takes_the_plain_path_and_says_so(
    kind: str, folder: Path, tmp_path: Path
) -> None:
    made = of_kind(kind, folder, tmp_path / "model")
    with Transformers().open(made) as opened, Transformers(share_heads=False).open(made) as plain:
        assert opened.facts.path_taken == ARCHITECTURES[kind]
        pairs = [*QUESTIONS[:12], *ENDINGS[:8]]
        assert values(opened, pairs) == pytest.approx(values(plain, pairs, batch_size=1), abs=1e-4)
        prompts = [f"{HEAD}Question {number}" for number in range(3)]
        settings = GenerationSettings(max_new_tokens=6)
        together = opened.generate(prompts, settings, sample_ids=["a", "b", "c"])
        alone = [plain.generate([prompt], settings, sample_ids=["a"])[0] for prompt in prompts]
        assert [each.text for each in together] == [each.text for each in alone]


@pytest.mark.parametrize("kind", BEARS_PADDING)
def test_prompts_of_unlike_length_are_answered_together_as_alone(kind: str, folder: Path, tmp_path: Path) -> None:
    prompts = [f"{HEAD}Question {number}" for number in range(2)] + ["A man is sitting on a roof", "Two plus two"]
    settings = GenerationSettings(max_new_tokens=8)
    with Transformers().open(of_kind(kind, folder, tmp_path / "model")) as opened:
        together = opened.generate(prompts, settings, sample_ids=["a", "b", "c", "d"])
        alone = [opened.generate([prompt], settings, sample_ids=["a"])[0] for prompt in prompts]
        assert [each.text for each in together] == [each.text for each in alone]
        assert isinstance(opened, TransformersModel)
        assert opened.weights.may_pad is BEARS_PADDING[kind]


def test_padding_may_reach_beyond_a_table_of_positions() -> None:
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(vocab_size=16, n_embd=64, n_layer=2, n_head=4, n_positions=256, initializer_range=0.2)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = GPT2LMHeadModel(config).eval()
    short = [Row((*[1] * 250, ending, *[7] * 4), 5) for ending in (3, 4)]
    long = [Row((*[2] * 236, ending, *[7] * 17), 18) for ending in (3, 4)]
    with torch.inference_mode():
        shared, whole = (
            last_logits(module, [*short, *long], batch_size=8, share_heads=share) for share in (True, False)
        )
    for number, expected in whole.items():
        assert (shared[number] - expected).abs().max() < 1e-4


def of_kind(kind: str, folder: Path, into: Path) -> ModelRef:
    """A small random model of an architecture, with the tokenizer of ``folder``."""
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    sizes = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 128}
    further = {
        "Qwen3Config": {"num_key_value_heads": 2, "head_dim": 16},
        "Gemma2Config": {"num_key_value_heads": 2, "head_dim": 16, "sliding_window": 32},
        "MixtralConfig": {"num_key_value_heads": 2, "num_local_experts": 4},
        "FalconH1Config": {"num_key_value_heads": 2, "mamba_d_ssm": 64, "mamba_n_heads": 4, "mamba_d_head": 16},
        "OPTConfig": {"word_embed_proj_dim": 64, "ffn_dim": 128},
        "MambaConfig": {"state_size": 8},
        "RecurrentGemmaConfig": {
            "num_hidden_layers": 3,
            "attention_window_size": 32,
            "w_init_variance_scale": 4.0,
            "tie_word_embeddings": False,
        },
    }
    if kind == "GPT2Config":
        sizes = {"n_embd": 64, "n_layer": 2, "n_head": 4, "n_positions": 2048}
    config = getattr(transformers, kind)(
        vocab_size=len(tokenizer), initializer_range=0.2, bos_token_id=1, eos_token_id=2, pad_token_id=0,
        **(sizes | further.get(kind, {})),
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = transformers.AutoModelForCausalLM.from_config(config)
        for name, weight in made.named_parameters():
            if name.endswith("bias"):
                weight.data += torch.randn_like(weight) * 0.1  # without biases, padding of zeros would stay zero
        made.save_pretrained(into)
    tokenizer.save_pretrained(into)
    return ModelRef(str(into))
