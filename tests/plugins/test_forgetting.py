"""The forgetting benchmarks: lm-eval's own requests from our rows, and what happens where there are none."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from harness import (
    BenchmarkContext,
    Generation,
    Item,
    Message,
    NotMeasured,
    Sample,
    ScoringContext,
    UsageError,
)
from harness_forgetting import lm_eval_bridge as bridge
from harness_forgetting.canary import Canary
from harness_forgetting.hellaswag import HellaSwag
from harness_forgetting.mmlu import Mmlu
from harness_forgetting.spread import shares
from harness_metrics.choice import Acc, AccNorm

REAL_PACK = Path(__file__).resolve().parents[2].parent / "shared" / "data"
needs_real_pack = pytest.mark.skipif(not REAL_PACK.is_dir(), reason=f"no real benchmark rows at {REAL_PACK}")

SUBJECTS = ("anatomy", "astronomy", "virology")


def question(number: int, subject: str) -> dict[str, Any]:
    text = f"  Question {number} of {subject}: café?  "
    return {"question": text, "subject": subject, "choices": ["a", "b b", "c", "d"], "answer": number % 4, "extra": 1}


def scene(number: int) -> dict[str, Any]:
    endings = [f"[step] goes  {number}.", "sings [title] loudly.", "eats.", "waits for a long while."]
    return {
        "activity_label": f"Skiing {number % 2}",
        "ctx_a": f"[header] How to ski {number} [title] Begin.",
        "ctx_b": "the skier",
        "ctx": "unused",
        "endings": endings,
        "label": str(number % 4),
    }


def rows_of(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def write(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    for subject, size in zip(SUBJECTS, (4, 2, 6), strict=True):
        write(tmp_path / "mmlu" / subject / "test.jsonl", [question(n, subject) for n in range(size)])
        write(tmp_path / "mmlu" / subject / "dev.jsonl", [question(100 + n, subject) for n in range(5)])
    write(tmp_path / "hellaswag" / "validation.jsonl", [scene(n) for n in range(8)])
    return tmp_path


@pytest.fixture
def no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bridge, "hub_answers", lambda: False)
    monkeypatch.setattr(bridge, "_told_to_stay_offline", lambda: False)


def load(benchmark: Mmlu | HellaSwag, pack: Path | None = None) -> tuple[Sample, ...]:
    return benchmark.load(BenchmarkContext(pack=pack)).samples


def lm_evals_own(task: str, folder: str, splits: Mapping[str, Path], shots: int, limit: int | None = None) -> list[Any]:
    """The requests that lm-eval itself builds from these files, read without any code of ours."""
    import datasets
    from lm_eval.tasks import TaskManager

    def dataset(**_: object) -> Mapping[str, object]:
        return {split: datasets.Dataset.from_list(rows_of(path)) for split, path in splits.items()}

    manager = TaskManager(include_path=str(bridge.tasks_folder() / folder), include_defaults=False)
    changes = {"custom_dataset": dataset, "num_fewshot": shots}
    if "train" not in splits and "validation" in splits:
        changes["training_split"] = None
    built = manager.load({"group": "own", "task": [{"task": task, **changes}]})["tasks"][task]
    built.set_fewshot_seed(1234)
    built.build_all_requests(limit=limit)
    return [(request.args, request.doc) for request in built.instances]


def requests(samples: Sequence[Sample]) -> list[tuple[str, str]]:
    return [(str(sample.prompt), choice) for sample in samples for choice in sample.choices]


# What is asked is what lm-eval asks


def test_mmlu_asks_what_lm_eval_asks(pack: Path) -> None:
    own: list[Any] = []
    for subject in SUBJECTS:
        folder = pack / "mmlu" / subject
        files = {split: folder / f"{split}.jsonl" for split in ("test", "dev")}
        own += lm_evals_own(f"mmlu_{subject}", "mmlu", files, shots=5)
    samples = load(Mmlu(), pack)
    assert requests(samples) == [pair for pair, _ in own]
    assert [sample.answer for sample in samples] == [doc["answer"] for _, doc in own[::4]]


def test_an_mmlu_prompt_holds_its_subjects_description_and_its_worked_examples(pack: Path) -> None:
    first = load(Mmlu(num_fewshot=2, limit=1), pack)[0]
    assert str(first.prompt) == (
        "The following are multiple choice questions (with answers) about anatomy.\n\n"
        "Question 100 of anatomy: café?\nA. a\nB. b b\nC. c\nD. d\nAnswer: A\n\n"
        "Question 101 of anatomy: café?\nA. a\nB. b b\nC. c\nD. d\nAnswer: B\n\n"
        "Question 0 of anatomy: café?\nA. a\nB. b b\nC. c\nD. d\nAnswer:"
    )
    assert (first.choices, first.answer, first.targets) == ((" A", " B", " C", " D"), 0, (" A",))
    assert first.stratum == "anatomy"


def test_hellaswag_asks_what_lm_eval_asks_and_cleans_as_lm_eval_cleans(pack: Path) -> None:
    own = lm_evals_own("hellaswag", "hellaswag", {"validation": pack / "hellaswag" / "validation.jsonl"}, shots=0)
    samples = load(HellaSwag(), pack)
    assert requests(samples) == [pair for pair, _ in own]
    assert [sample.answer for sample in samples] == [doc["gold"] for _, doc in own[::4]]
    assert samples[1].prompt == "Skiing 1: How to ski 1. Begin. The skier"
    assert samples[1].stratum == "Skiing 1"


def test_hellaswags_worked_examples_are_those_that_lm_eval_draws(pack: Path) -> None:
    write(pack / "hellaswag" / "train.jsonl", [scene(n) for n in range(20, 40)])
    files = {split: pack / "hellaswag" / f"{split}.jsonl" for split in ("validation", "train")}
    own = lm_evals_own("hellaswag", "hellaswag", files, shots=3)
    assert requests(load(HellaSwag(num_fewshot=3), pack)) == [pair for pair, _ in own]


@needs_real_pack
def test_real_mmlu_rows_of_every_subject_become_lm_evals_requests() -> None:
    items = Mmlu(limit=2 * 57).load(BenchmarkContext(pack=REAL_PACK))
    assert Counter(Counter(sample.stratum for sample in items.samples).values()) == {2: 57}
    assert items.notes == ()
    for subject in ("abstract_algebra", "high_school_us_history", "world_religions"):
        files = {split: REAL_PACK / "mmlu" / subject / f"{split}.jsonl" for split in ("test", "dev")}
        own = lm_evals_own(f"mmlu_{subject}", "mmlu", files, shots=5, limit=2)
        mine = [sample for sample in items.samples if sample.stratum == subject]
        assert requests(mine) == [pair for pair, _ in own]


@needs_real_pack
def test_real_hellaswag_rows_become_lm_evals_requests() -> None:
    files = {"validation": REAL_PACK / "hellaswag" / "validation.jsonl"}
    own = lm_evals_own("hellaswag", "hellaswag", files, shots=0)
    samples = load(HellaSwag(), REAL_PACK)
    assert len(samples) == 2000
    assert requests(samples) == [pair for pair, _ in own]
    assert [sample.answer for sample in samples] == [doc["gold"] for _, doc in own[::4]]


# The limit


def test_a_limit_is_dealt_out_over_the_subjects_in_turn(pack: Path) -> None:
    samples = load(Mmlu(limit=8), pack)
    assert Counter(sample.stratum for sample in samples) == {"anatomy": 3, "astronomy": 2, "virology": 3}
    assert load(Mmlu(limit=3), pack) == tuple(load(Mmlu(), pack)[index] for index in (0, 4, 6))


def test_k_items_a_subject_are_lm_evals_limit_k(pack: Path) -> None:
    mine = load(Mmlu(limit=2 * 3), pack)
    own: list[Any] = []
    for subject in SUBJECTS:
        files = {split: pack / "mmlu" / subject / f"{split}.jsonl" for split in ("test", "dev")}
        own += lm_evals_own(f"mmlu_{subject}", "mmlu", files, shots=5, limit=2)
    assert requests(mine) == [pair for pair, _ in own]


def test_a_limit_beyond_the_whole_is_the_whole() -> None:
    assert shares([3, 1], 9) == [3, 1]
    assert shares([3, 1], None) == [3, 1]
    assert shares([3, 1, 2], 5) == [2, 1, 2]


@pytest.mark.parametrize("benchmark", [Mmlu, HellaSwag, Canary])
def test_a_limit_of_none_at_all_is_refused(benchmark: type[Mmlu | HellaSwag | Canary]) -> None:
    with pytest.raises(ValueError, match="limit is 0; write 1 or more"):
        benchmark(limit=0)


# Where items come from


def test_the_suites_pack_goes_before_the_environments(pack: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    empty = tmp_path_factory.mktemp("empty")
    items = HellaSwag(pack=str(pack)).load(BenchmarkContext(pack=empty))
    assert items.source == f"pack {pack}"


def test_the_version_names_lm_eval_and_the_way_of_asking(pack: Path) -> None:
    mmlu = Mmlu(num_fewshot=1).load(BenchmarkContext(pack=pack))
    assert mmlu.version == f"lm-eval {bridge.installed_version()}, mmlu 1.0, 1-shot"
    hellaswag = HellaSwag().load(BenchmarkContext(pack=pack))
    assert hellaswag.version == f"lm-eval {bridge.installed_version()}, hellaswag 1.0, 0-shot"


def test_a_pack_with_some_subjects_says_that_it_is_not_the_whole(pack: Path) -> None:
    notes = Mmlu(num_fewshot=0).load(BenchmarkContext(pack=pack)).notes
    assert notes == ("the pack holds 3 of MMLU's 57 subjects: the claim is about these alone",)


@pytest.mark.usefixtures("no_hub")
def test_without_pack_and_hub_mmlu_is_lm_evals_development_questions_and_says_so() -> None:
    items = Mmlu().load(BenchmarkContext())
    assert len(items.samples) > 270
    assert len({sample.stratum for sample in items.samples}) == 57
    assert "development questions" in items.source
    assert "0-shot" in items.version
    (note,) = items.notes
    assert "a stand-in, not MMLU" in note
    assert f"the {len(items.samples)} development questions" in note
    assert "HARNESS_BENCHMARK_PACK" in note


@needs_real_pack
@pytest.mark.usefixtures("no_hub")
def test_the_development_questions_are_the_real_ones_with_their_right_answers() -> None:
    held: dict[str, set[tuple[str, int]]] = {}
    for path in sorted((REAL_PACK / "mmlu").glob("*/dev.jsonl")):
        held[path.parent.name] = {(squeezed(row["choices"][row["answer"]]), row["answer"]) for row in rows_of(path)}
    for sample in load(Mmlu()):
        lines = str(sample.prompt).rsplit(f"\n{'ABCD'[sample.answer or 0]}. ", 1)[1]
        right = lines.rsplit("\nAnswer:", 1)[0].split(f"\n{'ABCDE'[(sample.answer or 0) + 1]}. ", 1)[0]
        assert (squeezed(right), sample.answer) in held[sample.stratum or ""]


def squeezed(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.usefixtures("no_hub")
def test_hellaswag_without_pack_and_hub_is_not_measured_and_says_what_would_help() -> None:
    with pytest.raises(NotMeasured, match=r"hub does not answer and no pack is named; set HARNESS_BENCHMARK_PACK"):
        HellaSwag().load(BenchmarkContext())


def test_a_hub_that_answers_and_gives_nothing_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object, **__: object) -> None:
        raise ConnectionError("the line went dead\nwith more")

    monkeypatch.setattr(bridge, "hub_answers", lambda: True)
    monkeypatch.setattr(bridge, "load_tasks", failing)
    with pytest.raises(NotMeasured, match=r"gave no items \(the line went dead\) and no pack"):
        HellaSwag().load(BenchmarkContext())


# A pack that is named is used or refused


@pytest.mark.parametrize("benchmark", [Mmlu, HellaSwag])
def test_a_pack_that_is_no_folder_is_refused(benchmark: type[Mmlu | HellaSwag], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="missing: the benchmark pack is no folder; name a folder"):
        benchmark(pack=str(tmp_path / "missing")).load(BenchmarkContext())


@pytest.mark.parametrize("benchmark", [Mmlu, HellaSwag])
def test_a_pack_without_the_data_set_is_refused(benchmark: type[Mmlu | HellaSwag], tmp_path: Path) -> None:
    (tmp_path / "arc").mkdir()
    with pytest.raises(UsageError, match=rf"no '{benchmark.name}' \(it holds arc\)"):
        benchmark().load(BenchmarkContext(pack=tmp_path))


def test_a_misspelt_subject_is_refused_with_the_near_name(pack: Path) -> None:
    (pack / "mmlu" / "anatomi").mkdir()
    with pytest.raises(UsageError, match="'anatomi' is no subject of MMLU; did you mean 'anatomy'"):
        load(Mmlu(), pack)


def test_a_subject_without_questions_is_refused(pack: Path) -> None:
    (pack / "mmlu" / "virology" / "test.jsonl").unlink()
    with pytest.raises(UsageError, match=r"virology/test.jsonl: the benchmark pack lacks this file"):
        load(Mmlu(), pack)


def test_too_few_worked_examples_are_refused(pack: Path) -> None:
    with pytest.raises(UsageError, match=r"dev.jsonl: 5 rows are too few for num_fewshot 6; write 'num_fewshot: 5'"):
        load(Mmlu(num_fewshot=6), pack)


def test_worked_examples_that_the_pack_lacks_are_refused(pack: Path) -> None:
    with pytest.raises(UsageError, match=r"train.jsonl: num_fewshot 2 takes its examples from this file"):
        load(HellaSwag(num_fewshot=2), pack)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("{oops", "invalid JSON"),
        ("[1]", "not a JSON object"),
        (json.dumps({**question(1, "anatomy"), "choices": ["a"]}), "'choices' is not a list of 4 texts"),
        (json.dumps({**question(1, "anatomy"), "answer": 4}), "'answer' is not a number from 0 to 3"),
        (json.dumps({**question(1, "anatomy"), "answer": True}), "'answer' is not a number from 0 to 3"),
        (json.dumps({"question": "q"}), "no 'subject'; a row has question, subject, choices, answer"),
    ],
)
def test_a_bad_row_is_refused_with_its_file_and_line(pack: Path, line: str, complaint: str) -> None:
    path = pack / "mmlu" / "anatomy" / "test.jsonl"
    path.write_text(json.dumps(question(0, "anatomy")) + "\n\n" + line + "\n", encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        Mmlu().check(BenchmarkContext(pack=pack))
    assert str(caught.value).startswith(f"{path}:3: {complaint}")


def test_a_line_separator_inside_a_text_does_not_end_the_row(pack: Path) -> None:
    odd = {**question(0, "anatomy"), "question": "one\u2028two\u0085three"}
    text = json.dumps(odd, ensure_ascii=False) + "\n"
    (pack / "mmlu" / "anatomy" / "test.jsonl").write_text(text, encoding="utf-8")
    assert "one\u2028two\u0085three\nA. a" in str(load(Mmlu(limit=1), pack)[0].prompt)


def test_an_empty_file_is_refused(pack: Path) -> None:
    path = pack / "hellaswag" / "validation.jsonl"
    path.write_text("\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"validation.jsonl: no rows"):
        HellaSwag().check(BenchmarkContext(pack=pack))


# Identity


def test_the_same_rows_have_the_same_ids_and_equal_rows_keep_apart(pack: Path) -> None:
    path = pack / "hellaswag" / "validation.jsonl"
    write(path, [scene(1), scene(2), scene(1)])
    first, again = load(HellaSwag(), pack), load(HellaSwag(), pack)
    assert first == again
    assert len({sample.id for sample in first}) == 3
    assert first[2].id == f"{first[0].id}-2"


def test_few_shot_and_zero_shot_questions_are_different_items(pack: Path) -> None:
    assert not {s.id for s in load(Mmlu(), pack)} & {s.id for s in load(Mmlu(num_fewshot=0), pack)}


# acc and acc_norm are lm-eval's


def item(log_likelihoods: Sequence[float | None], choices: Sequence[str], answer: int) -> Item:
    sample = Sample("s", "context", (choices[answer],), tuple(choices), answer)
    generations = tuple(
        Generation("s", index, choice, "choice", 1, 1, 0.0, value)
        for index, (choice, value) in enumerate(zip(choices, log_likelihoods, strict=True))
    )
    return Item(sample, generations)


def test_acc_and_acc_norm_equal_lm_evals_own_scores_ties_and_odd_choices_included(pack: Path) -> None:
    import random

    names = {"hellaswag": {"validation": [scene(n) for n in range(8)]}}
    task: Any = bridge.load_tasks(bridge.Source("hellaswag", names), num_fewshot=0, training_split=None)["hellaswag"]
    draw = random.Random(7)
    docs = list(task.eval_docs)
    for sample, doc in zip(load(HellaSwag(), pack), docs, strict=True):
        for _ in range(40):
            values = [-float(draw.randint(1, 6)) for _ in range(4)]
            own = task.process_results(doc, [(value, False) for value in values])
            asked = item(values, sample.choices, sample.answer or 0)
            for metric in (Acc(), AccNorm()):
                assert metric.score([asked], ScoringContext())[0].value == own[metric.name]


def test_the_first_of_equals_is_chosen() -> None:
    values = [-1.0, -1.0]
    assert Acc().score([item(values, [" a", " b"], 0)], ScoringContext())[0].value == 1.0
    assert Acc().score([item(values, [" a", " b"], 1)], ScoringContext())[0].value == 0.0


def test_acc_norm_counts_characters_and_not_the_blank_before_them() -> None:
    asked = item([-6.0, -4.9], [" ééé", " bb"], 0)
    assert AccNorm().score([asked], ScoringContext())[0].value == 1.0
    assert Acc().score([asked], ScoringContext())[0].value == 0.0


def test_a_choice_without_its_log_likelihood_leaves_the_score_missing() -> None:
    for value in (None, float("nan")):
        (score,) = Acc().score([item([-1.0, value], [" a", " b"], 0)], ScoringContext())
        assert (score.value, score.why_missing) == (None, "1 of 2 choices have no log-likelihood")


# Canary


def test_the_canary_asks_forty_different_questions_of_several_kinds() -> None:
    items = Canary().load(BenchmarkContext())
    assert len(items.samples) == len({sample.id for sample in items.samples}) == 40
    assert len({sample.stratum for sample in items.samples}) >= 6
    assert all(sample.targets and all(sample.targets) for sample in items.samples)
    assert items.samples[0].prompt == (Message("user", "What is the capital of France?"),)


def test_no_canary_question_holds_its_own_answer() -> None:
    for sample in Canary().load(BenchmarkContext()).samples:
        (message,) = sample.prompt
        assert isinstance(message, Message)
        words = set(message.content.casefold().replace("?", " ").replace("'", " ").split())
        assert not words & {target.casefold() for target in sample.targets}


def test_a_limited_canary_still_asks_of_every_kind() -> None:
    samples = Canary(limit=8).load(BenchmarkContext()).samples
    assert len({sample.stratum for sample in samples}) == 8
