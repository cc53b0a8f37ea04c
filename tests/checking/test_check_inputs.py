"""What checks look at besides rows: names and roles of files, and what a suite knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest

from harness import BenchmarkContext, BenchmarkItems, GenerationSettings, NotMeasured
from harness.catalog import Catalog, Offer
from harness.checking import inputs
from harness.errors import UsageError
from harness.host import Host
from harness.suite.load import load
from harness.values import GENERAL, Mode, ModelRef, Origin, Ref, Sample, Suite

SUITE = """\
suite: s
model: {name: m}
data: {train: a.jsonl, validation: b.jsonl, test: c.jsonl, more: d.jsonl}
tasks: [{name: t, data: test, metrics: [f1]}]
"""


def suite_with(text: str, path: Path = Path("suite.yaml")) -> Suite:
    return load(path, text=SUITE + text)


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("train", "train"),
        ("my-train_v2", "train"),
        ("tickets.dev", "validation"),
        ("valid", "validation"),
        ("VAL2", "validation"),
        ("eval_set", "validation"),
        ("test", "test"),
        ("latest", None),
        ("rows", None),
        ("constraints", None),
    ],
)
def test_what_rows_are_for_is_told_by_a_word_of_their_name(name: str, role: str | None) -> None:
    assert inputs.role(name) == role


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (["x/my-train.jsonl", "x/dev.json.gz", "t/test.csv"], ["train", "validation", "test"]),
        (["train-a.jsonl", "train-b.jsonl"], ["train-a", "train-b"]),
        (["rows.jsonl", "held=old/test.jsonl"], ["rows", "held"]),
        (["a=b=c.jsonl"], ["a"]),
    ],
)
def test_files_are_called_by_what_they_are_for(files: list[str], names: list[str]) -> None:
    assert list(inputs.named(files)) == names


def test_a_file_whose_name_holds_an_equals_sign_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("lr=3.jsonl").touch()
    assert inputs.named(["lr=3.jsonl"]) == {"lr=3": Path("lr=3.jsonl")}


def test_a_file_of_the_suite_has_its_name_there(tmp_path: Path) -> None:
    file = tmp_path / "tickets.jsonl"
    file.touch()
    assert list(inputs.named([str(file)], {"gone": tmp_path / "gone", "train": file})) == ["train"]


def test_two_files_of_one_name_are_refused() -> None:
    with pytest.raises(UsageError) as caught:
        inputs.named(["a/rows.jsonl", "b/rows.csv"])
    assert str(caught.value) == "two files are called 'rows': a/rows.jsonl and b/rows.csv; name them: NAME=FILE"


def test_what_a_suite_trains_on() -> None:
    assert inputs.trained_on(suite_with("")) == {"train"}
    text = "trainer: {name: lora, data: more, general_data: {path: g.jsonl}}\n"
    assert inputs.trained_on(suite_with(text)) == {"more", GENERAL}
    assert suite_with(text).files[GENERAL] == Path("g.jsonl")


@pytest.mark.parametrize(
    ("text", "length"),
    [("", None), ("trainer: {name: lora, max_length: 99}\n", 99), ("trainer: {name: cutter}\n", 512)],
)
def test_the_length_at_which_a_training_cuts(text: str, length: int | None) -> None:
    @dataclass(frozen=True)
    class Cutter:
        name: ClassVar[str] = "cutter"
        max_length: int = 512

    origin = Origin("kit", "1", "x")
    offers = Catalog.build(Host.load()).offers
    catalog = Catalog((*offers, Offer("trainer", "cutter", Cutter, origin)), Host(()))
    assert inputs.max_length(suite_with(text), catalog) == length


@dataclass(frozen=True)
class Sums:
    """A benchmark."""

    name: ClassVar[str] = "sums"
    mode: ClassVar[Mode] = "generate"
    metrics: ClassVar[tuple[str, ...]] = ("exact_match",)
    requires_packages: ClassVar[tuple[str, ...]] = ()
    pack: str | None = None
    is_gone: bool = False

    def check(self, context: BenchmarkContext) -> None:
        if self.pack is not None:
            raise UsageError("the pack has no sums")

    def load(self, context: BenchmarkContext) -> BenchmarkItems:
        if self.is_gone:
            raise NotMeasured("the hub does not answer")
        return BenchmarkItems((Sample("1", "1+1=", ("2",)),) * 2, "here", "1")

    def settings(self) -> GenerationSettings:
        return GenerationSettings()


@dataclass(frozen=True)
class Distant(Sums):
    """One that needs what nobody has."""

    name: ClassVar[str] = "distant"
    requires_packages: ClassVar[tuple[str, ...]] = ("no-such-distribution",)


def loaded(*refs: Ref, are_tried: bool = False) -> tuple[Mapping[str, Any], Mapping[str, str]]:
    origin = Origin("kit", "1", "x")
    offers = tuple(Offer("benchmark", each.name, each, origin) for each in (Sums, Distant))
    return inputs.benchmark_items(refs, Catalog(offers, Host(())), BenchmarkContext(), are_tried=are_tried)


def test_benchmarks_that_cannot_be_had_are_told_with_the_reason() -> None:
    items, missing = loaded(Ref("sums"), Ref("distant"))
    assert [sample.id for sample in items["sums"]] == ["1", "1-2"]
    assert missing == {"distant": "needs no-such-distribution; pip install no-such-distribution"}
    assert loaded(Ref("sums", {"is_gone": True})) == ({}, {"sums": "the hub does not answer"})


def test_a_pack_that_cannot_be_read_is_refused_unless_the_benchmark_is_only_tried() -> None:
    packed = Ref("sums", {"pack": "p"})
    assert loaded(packed, are_tried=True) == ({}, {"sums": "the pack has no sums"})
    with pytest.raises(UsageError, match="the pack has no sums"):
        loaded(packed)


def test_a_benchmark_that_nobody_offers_is_refused() -> None:
    with pytest.raises(UsageError, match="did you mean 'sums'"):
        loaded(Ref("summs"))


def test_an_offline_pack_is_found_from_the_suite(tmp_path: Path) -> None:
    suite = suite_with("benchmarks: [{name: sums, pack: ../pack}]\n", tmp_path / "suite.yaml")
    assert inputs.suite_benchmarks(suite) == [Ref("sums", {"pack": str(tmp_path / "../pack")})]


def test_public_benchmarks_are_asked_for_without_examples() -> None:
    refs = inputs.public_benchmarks(Catalog.build(Host.load()))
    assert [(ref.name.rpartition("/")[2], ref.options) for ref in refs] == [
        ("mmlu", {"num_fewshot": 0}),
        ("hellaswag", {"num_fewshot": 0}),
    ]


def test_a_tokenizer_is_taken_from_a_folder_and_never_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    assert inputs.tokenizer_folder(ModelRef(str(tmp_path))) == (tmp_path, "")
    folder, why = inputs.tokenizer_folder(ModelRef("x.gguf"))
    assert folder is None
    assert "would have to be converted; --tokenizer FOLDER" in why
    folder, why = inputs.tokenizer_folder(ModelRef("nobody/has-this"))
    assert folder is None
    assert why == "the tokenizer of nobody/has-this is not on this machine; --tokenizer FOLDER names one"
