"""A split leaks nothing from side to side, and no row that has a side ever moves."""

from __future__ import annotations

import hashlib
import json
import random
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.data import manifest
from harness.data.sides import SIDES, Method, Side, Stood, Unit, assigned, quotas
from harness.data.split import Split, Wish, ratios_for, refuse_shared_rows, split
from harness.errors import UsageError
from harness.rows import Row
from harness.similarity import near_duplicates
from harness.values import Message


def text(topic: int, edits: int = 0) -> str:
    """Forty words of a topic, the first so many exchanged: six edits apart is near, ten is not."""
    return " ".join(word(f"{topic} {place} {place < edits}") for place in range(40))


def word(name: str) -> str:
    """One of its own, without a digit."""
    return "".join("bdfgklmnprstvzaeioujh"[byte % 21] for byte in hashlib.sha256(name.encode()).digest()[:9])


def chat(asked: str, answer: str = "yes", **more: object) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}], **more}


def write(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def sides(folder: Path) -> dict[str, Side]:
    """What is asked -> the side on which it stands."""
    found: dict[str, Side] = {}
    for side in SIDES:
        path = folder / f"{side}.jsonl"
        for line in path.read_text().splitlines() if path.exists() else ():
            asked = json.loads(line)["messages"][0]["content"]
            assert found.setdefault(asked, side) == side, "one question on two sides"
    return found


def split_rows(folder: Path, rows: Sequence[dict[str, Any]], wish: Wish | None = None) -> Split:
    return split(write(folder / "all.jsonl", rows), folder / "out", wish or Wish())


def units(count: int, prefix: str = "k") -> list[Unit]:
    return [Unit(f"{prefix}{number}", f"{prefix} {number}", (number + 1,)) for number in range(count)]


ALIKE = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 24)), min_size=1, max_size=9)
"""Rows by topic and edits: chains of near duplicates, and topics that have nothing in common."""


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(old=ALIKE, new=ALIKE, seed=st.integers(0, 9), order=st.randoms(use_true_random=False))
def test_adding_rows_moves_no_old_row_and_no_near_pair_is_ever_split(
    old: list[tuple[int, int]], new: list[tuple[int, int]], seed: int, order: random.Random
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder, wish = Path(name), Wish((0.4, 0.3, 0.3), seed=seed)
        first = split_rows(folder, [chat(text(*each)) for each in old], wish)
        assert not first.left_out
        before = sides(folder / "out")
        grown = [*old, *new]
        order.shuffle(grown)
        second = split_rows(folder, [chat(text(*each)) for each in grown])
        after = sides(folder / "out")
    assert {asked: after[asked] for asked in before} == before
    missing = {text(*each) for each in grown} - set(after)
    assert missing == {text(*grown[each.line - 1]) for each in second.left_out}
    kept = list(after)
    assert all(after[kept[a]] == after[kept[b]] for a, b, _ in near_duplicates(kept))


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 99), order=st.randoms(use_true_random=False))
def test_without_an_earlier_split_neither_order_nor_unlike_rows_move_a_row(seed: int, order: random.Random) -> None:
    method = Method(seed, (0.7, 0.15, 0.15), 0.0, by_label=False)
    few, more = units(50), units(200)
    order.shuffle(more)
    before, after = assigned(few, method, Stood()).of, assigned(more, method, Stood()).of
    assert {key: after[key] for key in before} == before


@pytest.mark.parametrize("seed", range(4))
def test_the_shares_of_ten_thousand_rows_are_as_a_fair_draw_would_have_them(seed: int) -> None:
    ratios = (0.8, 0.1, 0.1)
    counts = Counter(assigned(units(10_000), Method(seed, ratios, 0.0, by_label=False), Stood()).of.values())
    for side, ratio in zip(SIDES, ratios, strict=True):
        deviation = (10_000 * ratio * (1 - ratio)) ** 0.5
        assert abs(counts[side] - 10_000 * ratio) < 4 * deviation
    other = assigned(units(10_000), Method(seed + 1, ratios, 0.0, by_label=False), Stood()).of
    assert other != assigned(units(10_000), Method(seed, ratios, 0.0, by_label=False), Stood()).of


def test_other_shares_move_rows_between_train_and_a_held_out_side_only() -> None:
    small = assigned(units(5_000), Method(1, (0.7, 0.15, 0.15), 0.0, by_label=False), Stood()).of
    large = assigned(units(5_000), Method(1, (0.8, 0.1, 0.1), 0.0, by_label=False), Stood()).of
    moves = {(small[key], large[key]) for key in small if small[key] != large[key]}
    assert moves == {("validation", "train"), ("test", "train")}


def test_a_new_row_between_two_sides_is_left_out_and_named(tmp_path: Path) -> None:
    rows = [chat(text(topic, edits)) for topic in range(30) for edits in (0, 10)]
    split_rows(tmp_path, rows, Wish((0.4, 0.3, 0.3)))
    stood = sides(tmp_path / "out")
    topic = next(topic for topic in range(30) if stood[text(topic, 0)] != stood[text(topic, 10)])
    bridge = text(topic, 5)
    assert {tuple(pair[:2]) for pair in near_duplicates([text(topic), text(topic, 10), bridge])} == {(0, 2), (1, 2)}
    made = split_rows(tmp_path, [*rows, chat(bridge)])
    assert sides(tmp_path / "out") == stood
    (left,) = made.left_out
    assert left.line == 61
    assert f"line {2 * topic + 1} on {stood[text(topic, 0)]}" in left.reason
    assert f"line {2 * topic + 2} on {stood[text(topic, 10)]}" in left.reason
    assert (made.kept, made.new) == (60, 0)


def test_a_chain_of_new_rows_joins_no_two_sides_either(tmp_path: Path) -> None:
    rows = [chat(text(topic, edits)) for topic in range(30) for edits in (0, 16)]
    split_rows(tmp_path, rows, Wish((0.4, 0.3, 0.3)))
    stood = sides(tmp_path / "out")
    topic = next(topic for topic in range(30) if stood[text(topic, 0)] != stood[text(topic, 16)])
    made = split_rows(tmp_path, [*rows, *(chat(text(topic, edits)) for edits in (5, 10))])
    after = sides(tmp_path / "out")
    kept = list(after)
    assert all(after[kept[a]] == after[kept[b]] for a, b, _ in near_duplicates(kept))
    (left,) = made.left_out
    assert "by way of other new rows" in left.reason
    assert made.new == 1


def test_rows_are_written_as_they_are_and_in_their_order(tmp_path: Path) -> None:
    rows = [chat(text(number), id=number, note=["ü", None, 1.5]) for number in range(40)]
    made = split_rows(tmp_path, rows)
    written = {
        side: [json.loads(line) for line in (tmp_path / "out" / f"{side}.jsonl").read_text().splitlines()]
        for side in made.files
    }
    assert sorted((row for its in written.values() for row in its), key=lambda row: row["id"]) == rows
    assert all([row["id"] for row in its] == sorted(row["id"] for row in its) for its in written.values())
    assert {side: len(its) for side, its in written.items()} == {s: made.sides[s].rows for s in made.files}


def test_a_table_stays_a_table_and_is_compressed_as_it_was(tmp_path: Path) -> None:
    import gzip

    lines = ["prompt,completion,customer", *(f"{text(number)},yes,c{number % 7}" for number in range(60))]
    source = tmp_path / "rows.csv.gz"
    source.write_bytes(gzip.compress("\n".join(lines).encode()))
    made = split(source, tmp_path / "out", Wish(group="customer"))
    assert {path.name for path in made.files.values()} <= {f"{side}.csv.gz" for side in SIDES}
    customers = {
        side: {line.split(",")[2] for line in gzip.decompress(path.read_bytes()).decode().splitlines()[1:]}
        for side, path in made.files.items()
    }
    assert sum(map(len, customers.values())) == 7 == len(set().union(*customers.values()))


def test_a_customer_stays_on_one_side_and_so_do_later_rows(tmp_path: Path) -> None:
    rows = [chat(text(number), customer=number % 20) for number in range(100)]
    split_rows(tmp_path, rows, Wish(group="customer"))
    before = sides(tmp_path / "out")
    of = {number % 20: before[text(number)] for number in range(100)}
    assert all(before[text(number)] == of[number % 20] for number in range(100))
    assert len(set(of.values())) > 1
    made = split_rows(tmp_path, [*rows, *(chat(text(number), customer=number % 20) for number in range(100, 140))])
    after = sides(tmp_path / "out")
    assert all(after[text(number)] == of[number % 20] for number in range(140))
    assert (made.kept, made.new, made.left_out) == (100, 40, ())


def test_a_customers_new_row_that_repeats_another_sides_is_left_out(tmp_path: Path) -> None:
    rows = [chat(text(number), customer=number) for number in range(60)]
    split_rows(tmp_path, rows, Wish((0.4, 0.3, 0.3), group="customer", near=0.0))
    before = sides(tmp_path / "out")
    other = next(number for number in range(60) if before[text(number)] != before[text(0)])
    made = split_rows(tmp_path, [*rows, chat(text(other).upper(), customer=0)])
    assert [each.line for each in made.left_out] == [61]
    assert sides(tmp_path / "out") == before


def test_every_label_has_its_share_as_nearly_as_whole_rows_allow(tmp_path: Path) -> None:
    wanted = {"billing": 200, "login": 60, "other": 41, "rare": 3}
    rows = [
        {"text": text(number * 10 + index), "label": label}
        for index, (label, count) in enumerate(wanted.items())
        for number in range(count)
    ]
    made = split(write(tmp_path / "all.jsonl", rows), tmp_path / "out", Wish(stratify="auto"))
    for label, count in wanted.items():
        if count < 5:
            continue
        for side, ratio in zip(SIDES, (0.7, 0.15, 0.15), strict=True):
            assert abs(made.sides[side].labels[label] - ratio * count) < 1
    assert made.sides["train"].labels["rare"] == 2
    assert any("has no row of the label 'rare'" in warning for warning in made.warnings)


def test_a_grown_file_keeps_the_shares_of_labels_and_moves_nothing(tmp_path: Path) -> None:
    rows = [chat(text(number), "ab"[number % 2]) for number in range(200)]
    split_rows(tmp_path, rows[:100], Wish(stratify="auto"))
    before = sides(tmp_path / "out")
    random.Random(0).shuffle(rows)
    made = split_rows(tmp_path, rows)
    after = sides(tmp_path / "out")
    assert {asked: after[asked] for asked in before} == before
    assert {side: made.sides[side].labels["a"] for side in SIDES} == {"train": 70, "validation": 15, "test": 15}


@pytest.mark.parametrize(
    ("total", "found"),
    [(1, (1, 0, 0)), (2, (2, 0, 0)), (5, (3, 1, 1)), (10, (8, 1, 1)), (100, (80, 10, 10))],
)
def test_small_labels_go_to_train_first_and_five_rows_reach_every_side(total: int, found: tuple[int, ...]) -> None:
    assert tuple(quotas(total, (0.8, 0.1, 0.1), "salt")[side] for side in SIDES) == found


def test_labels_of_three_rows_reach_validation_and_test_about_equally() -> None:
    found = Counter(
        side for name in range(200) for side, rows in quotas(3, (0.7, 0.15, 0.15), str(name)).items() if rows
    )
    assert found["train"] == 200
    assert found["validation"] + found["test"] == 200
    assert 60 < found["test"] < 140


def test_the_shares_follow_the_size_and_a_file_that_outgrows_them_keeps_them(tmp_path: Path) -> None:
    assert [ratios_for(rows)[0] for rows in (10, 4_999, 5_000, 10_000, 10_001)] == [0.7, 0.7, 0.75, 0.75, 0.8]
    rows = [chat(f"question {number}") for number in range(5_100)]
    split_rows(tmp_path, rows[:4_900], Wish(near=0.0))
    before = sides(tmp_path / "out")
    made = split_rows(tmp_path, rows)
    after = sides(tmp_path / "out")
    assert {asked: after[asked] for asked in before} == before
    assert [round(side.wanted, 3) for side in made.sides.values()] == [0.7, 0.15, 0.15]
    assert any("75/12.5/12.5; 70/15/15 stays" in warning for warning in made.warnings)


def test_small_sides_and_large_groups_are_told(tmp_path: Path) -> None:
    rows = [chat(text(number), customer="big" if number < 50 else number) for number in range(100)]
    made = split_rows(tmp_path, rows, Wish(group="customer"))
    assert any(w.startswith("50 rows stay together") and "line 1" in w and "the 15 that" in w for w in made.warnings)
    assert any("fewer than 100" in warning and warning.startswith("test has") for warning in made.warnings)


def test_a_row_that_was_taken_away_comes_back_to_its_side(tmp_path: Path) -> None:
    rows = [chat(text(number)) for number in range(60)]
    split_rows(tmp_path, rows, Wish((0.4, 0.3, 0.3)))
    before = sides(tmp_path / "out")
    gone = text(next(number for number in range(60) if before[text(number)] == "test"))
    split_rows(tmp_path, [row for row in rows if row["messages"][0]["content"] != gone])
    assert gone not in sides(tmp_path / "out")
    kept = manifest.read(tmp_path / "out")
    assert kept is not None
    assert len(kept.stood.rows) == 60
    split_rows(tmp_path, rows)
    assert sides(tmp_path / "out") == before


@pytest.mark.parametrize(
    ("wish", "named"),
    [
        (Wish(seed=2), r"another --seed \(1\)"),
        (Wish((0.5, 0.25, 0.25)), r"another --ratios \(70/15/15\)"),
        (Wish(near=0.9), r"another --near \(0.8\)"),
        (Wish(group="customer"), r"another --group \(none\)"),
        (Wish(stratify="auto"), r"another --stratify \(none\)"),
    ],
)
def test_another_method_is_refused_where_rows_already_stand(wish: Wish, named: str, tmp_path: Path) -> None:
    rows = [chat(text(number), customer=1) for number in range(20)]
    split_rows(tmp_path, rows, Wish(seed=1))
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    with pytest.raises(UsageError, match=rf"split.json: .*{named}.*another folder"):
        split_rows(tmp_path, rows, wish)
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


def test_files_of_others_are_not_overwritten_unasked(tmp_path: Path) -> None:
    rows = [chat(text(number)) for number in range(20)]
    (tmp_path / "out").mkdir()
    mine = tmp_path / "out" / "train.jsonl"
    mine.write_text("mine\n")
    with pytest.raises(UsageError, match=r"train.jsonl: is there already"):
        split_rows(tmp_path, rows)
    assert mine.read_text() == "mine\n"
    split(tmp_path / "all.jsonl", tmp_path / "out", Wish(), overwrite=True)
    split_rows(tmp_path, rows)
    before = mine.read_text()
    mine.write_text(before + before.splitlines()[0] + "\n")
    with pytest.raises(UsageError, match=r"train.jsonl: was changed since it was split"):
        split_rows(tmp_path, rows)
    split(tmp_path / "all.jsonl", tmp_path / "out", Wish(), overwrite=True)
    assert mine.read_text() == before


def test_a_file_is_not_overwritten_by_its_own_split(tmp_path: Path) -> None:
    source = write(tmp_path / "train.jsonl", [chat(text(number)) for number in range(20)])
    before = source.read_bytes()
    with pytest.raises(UsageError, match="overwritten by its own split"):
        split(source, tmp_path, Wish(), overwrite=True)
    assert source.read_bytes() == before


def test_rows_that_cannot_be_read_are_named_and_nothing_is_written(tmp_path: Path) -> None:
    source = write(tmp_path / "all.jsonl", [chat(text(number)) for number in range(9)])
    lines = source.read_text().splitlines()
    lines[2], lines[6] = "{", '{"messages": 3}'
    source.write_text("\n".join(lines))
    with pytest.raises(UsageError, match=r"all.jsonl:3: 2 rows cannot be read \(lines 3, 7\)"):
        split(source, tmp_path / "out", Wish())
    assert not (tmp_path / "out").exists()


def test_a_column_that_no_row_has_is_refused_with_the_near_name(tmp_path: Path) -> None:
    rows = [chat(text(number), customer=number) for number in range(9)]
    with pytest.raises(UsageError, match="no row has a 'custommer'; did you mean 'customer'"):
        split_rows(tmp_path, rows, Wish(group="custommer"))


def test_answers_that_are_all_different_are_no_labels(tmp_path: Path) -> None:
    rows = [chat(text(number), f"answer {number}") for number in range(50)]
    with pytest.raises(UsageError, match=r"no labels: .* 50 different answers"):
        split_rows(tmp_path, rows, Wish(stratify="auto"))


@pytest.mark.parametrize("damage", ["{", "[]", '{"version": 9}', '{"version": 1, "seed": "x"}', "[" * 100_000])
def test_a_damaged_manifest_is_one_line(damage: str, tmp_path: Path) -> None:
    (tmp_path / manifest.NAME).write_text(damage)
    with pytest.raises(UsageError, match="no manifest of a split"):
        manifest.read(tmp_path)


def test_the_manifest_holds_no_texts_and_no_customers(tmp_path: Path) -> None:
    rows = [chat(text(number), customer=f"ada-{number}@example.com") for number in range(20)]
    made = split_rows(tmp_path, rows, Wish(group="customer"))
    kept = made.manifest.read_text()
    assert "ada-" not in kept
    assert text(0)[:6] not in kept
    assert json.loads(kept)["source"]["rows"] == 20


def test_shared_rows_are_refused_whatever_their_case_and_spacing() -> None:
    def row(line: int, asked: str) -> Row:
        return Row(line, (Message("user", asked), Message("assistant", "yes")))

    train = [row(1, "What is  it?"), row(2, "Who?")]
    refuse_shared_rows({"train": (Path("a"), train), "test": (Path("b"), [row(1, "Where?")])})
    with pytest.raises(UsageError, match=r"b:7: test shares 1 row with train \(the first: train line 1\)"):
        refuse_shared_rows({"train": (Path("a"), train), "test": (Path("b"), [row(7, "what is it?")])})
