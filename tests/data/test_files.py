"""Data files of every kind read as the same rows, in bounded memory, and are written whole or not at all."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.data import elements, files
from harness.errors import HarnessError, UsageError
from harness.identity import file_sha256
from harness.rows import Unreadable

ROWS: list[dict[str, Any]] = [
    {"prompt": 'Say "{[,]}" and \\ \u2028 💙', "completion": "Grüße\r\nund ja", "n": [1, 2.5, None, True, {"a": {}}]},
    {"prompt": "What?", "completion": "That."},
]  # fmt: skip
TEXTS = [{"prompt": 'a "b", c\td\r\ne', "completion": ""}, {"prompt": "ü💙", "completion": "x\ny\rz"}]
CHAT = [{"messages": [{"role": "user", "content": "a"}], "id": 1}, {"messages": [{"role": "x", "name": "b"}], "id": 2}]


def read(path: Path) -> list[Any]:
    return [found for _, found in files.lines(path)]


def write(path: Path, rows: Iterable[dict[str, Any]]) -> Path:
    with files.writing(path) as put:
        for row in rows:
            put(row)
    return path


def refused(path: Path) -> str:
    with pytest.raises(UsageError) as error:
        list(files.lines(path))
    return str(error.value)


# reading


@pytest.mark.parametrize("packing", ["", ".gz", ".bz2", ".xz", ".zst"])
@pytest.mark.parametrize("suffix", [".jsonl", ".ndjson", ".json", ".csv", ".tsv"])
def test_what_is_written_reads_back_the_same(suffix: str, packing: str, tmp_path: Path) -> None:
    rows = TEXTS if suffix in {".csv", ".tsv"} else ROWS
    assert read(write(tmp_path / f"rows{suffix}{packing}", rows)) == rows


def test_a_parquet_file_gives_back_its_rows_and_no_keys_that_other_rows_have(tmp_path: Path) -> None:
    assert read(write(tmp_path / "rows.parquet", CHAT)) == CHAT


LAYOUTS = {
    "an array on one line": json.dumps(ROWS),
    "an array over many lines": json.dumps(ROWS, indent=2),
    "an object around a list": json.dumps({"version": 1, "about": ["x", {"y": []}], "data": ROWS, "end": None}),
    "an object around a list over many lines": json.dumps({"version": 1, "rows": ROWS}, indent=2),
    "one object a line": "\n".join(map(json.dumps, ROWS)),
    "objects over many lines": "\n".join(json.dumps(row, indent=1) for row in ROWS),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", ["rows.json", "rows", "rows.JSON"])
def test_how_json_is_laid_out_is_told_by_its_content(layout: str, name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(LAYOUTS[layout], encoding="utf-8")
    assert read(path) == ROWS


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
@pytest.mark.parametrize("layout", [name for name in LAYOUTS if "a line" not in name])
def test_a_document_is_cut_at_the_same_places_however_it_arrives(
    layout: str, size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "rows.json"
    path.write_text(LAYOUTS[layout], encoding="utf-8")
    monkeypatch.setattr(elements, "_BLOCK", size)
    assert read(path) == ROWS


def test_a_conversation_alone_in_a_file_is_one_row(tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    path.write_text(json.dumps(CHAT[0], indent=1))
    assert read(path) == [CHAT[0]]


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress, "zstd": zstandard.ZstdCompressor().compress,
}  # fmt: skip


@pytest.mark.parametrize("packing", PACKERS)
@pytest.mark.parametrize("name", ["rows", "rows.jsonl", "rows.jsonl.gz"])
def test_a_packed_file_is_known_by_its_first_bytes_whatever_its_name(packing: str, name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(PACKERS[packing](LAYOUTS["one object a line"].encode()))
    assert read(path) == ROWS


@pytest.mark.parametrize("packing", PACKERS)
def test_streams_one_after_the_other_are_one_file(packing: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"".join(PACKERS[packing](json.dumps(row).encode() + b"\n") for row in ROWS))
    assert read(path) == ROWS


def test_a_plain_file_whose_name_says_gz_is_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl.gz"
    path.write_text(LAYOUTS["one object a line"])
    assert read(path) == ROWS


def test_a_mark_blank_lines_windows_ends_and_a_missing_last_end_are_no_faults(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"a": 1}\r\n\r\n  \n{"a": 2}\n\xef\xbb\xbf{"a": 3}')
    assert list(files.lines(path)) == [(1, {"a": 1}), (4, {"a": 2}), (5, {"a": 3})]


def test_a_row_after_a_broken_one_is_read_with_its_own_line(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"a": 1}\n{oops\n{"a": "' + b"x" * files.LONGEST_ROW + b'"}\n{"a": 4}\n')
    assert [(line, isinstance(found, Unreadable)) for line, found in files.lines(path)] == [
        (1, False), (2, True), (3, True), (4, False),
    ]  # fmt: skip


def test_a_row_of_a_csv_has_the_line_at_which_it_begins(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(b'\xef\xbb\xbf"te\nxt"\r\n"a\nb"\r\n\r\nc\r\n"d""e"x\r\nf\r\n')
    found = list(files.lines(path))
    assert [(line, row) for line, row in found if isinstance(row, dict)] == [
        (3, {"te\nxt": "a\nb"}), (6, {"te\nxt": "c"}), (8, {"te\nxt": "f"}),
    ]  # fmt: skip
    assert [line for line, row in found if isinstance(row, Unreadable)] == [7]


def test_a_long_field_of_a_csv_is_read_whole(tmp_path: Path) -> None:
    rows = [{"text": "x" * 1_000_000}]
    assert read(write(tmp_path / "rows.csv", rows)) == rows


def test_a_table_of_types_that_json_lacks_reads_as_what_json_has(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    content = {"a": [1.5, float("nan"), None], "day": [date(2024, 2, 29)] * 3, "price": [Decimal("1.50")] * 3}
    pyarrow.parquet.write_table(pyarrow.table(content), path)
    rest = {"day": "2024-02-29", "price": "1.50"}
    assert read(path) == [{"a": 1.5, **rest}, rest, rest]


def test_the_number_of_a_class_is_read_as_its_name_where_the_file_knows_it(tmp_path: Path) -> None:
    import datasets

    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["bad", "good"])}
    )
    data = datasets.Dataset.from_dict({"text": ["a", "b"], "label": [1, 0]}, features=features)
    data.to_parquet(tmp_path / "rows.parquet")
    data.save_to_disk(tmp_path / "saved")
    expected = [{"text": "a", "label": "good"}, {"text": "b", "label": "bad"}]
    assert read(tmp_path / "rows.parquet") == read(tmp_path / "saved") == expected


def test_a_saved_data_set_of_splits_is_read_by_the_split_named(tmp_path: Path) -> None:
    import datasets

    rows = datasets.Dataset.from_list(CHAT)
    datasets.DatasetDict({"train": rows, "test": rows.select([1])}).save_to_disk(tmp_path / "saved")
    assert list(files.lines(tmp_path / "saved" / "train")) == [(1, CHAT[0]), (2, CHAT[1])]
    assert read(tmp_path / "saved" / "test") == [CHAT[1]]


def test_the_files_of_a_folder_are_read_by_split_in_the_order_of_their_names(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    (folder / "data").mkdir(parents=True)
    write(folder / "data" / "train-00001-of-00002.jsonl", ROWS[1:])
    write(folder / "data" / "train-00000-of-00002.jsonl", ROWS[:1])
    write(folder / "data" / "valid.jsonl", TEXTS)
    (folder / "README.md").write_text("# About")
    (folder / "dataset_infos.json").write_text("{}")
    assert list(files.lines(folder / "train")) == [(1, ROWS[0]), (2, ROWS[1])]
    assert read(folder / "validation") == TEXTS
    assert "several splits: train, validation; name one" in refused(folder)
    assert "no such data file" in refused(folder / "test")


def test_a_folder_whose_files_name_no_split_is_one_table(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", ROWS)
    write(tmp_path / "b.jsonl.gz", ROWS)
    assert list(files.lines(tmp_path)) == [(1, ROWS[0]), (2, ROWS[1]), (3, ROWS[0]), (4, ROWS[1])]


def test_what_unpacks_to_gigabytes_of_one_letter_takes_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        for _ in range(600):
            file.write(b"a" * 2**20)
    assert 0 < peak_beyond_start(f"assert len(list(files.lines(Path({str(path)!r})))) == 1") < 150


def test_a_large_array_is_read_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    with files.writing(path) as put:
        for number in range(40_000):
            put({"text": "word " * 500, "id": number})
    assert path.stat().st_size > 100e6
    assert peak_beyond_start(f"assert sum(1 for _ in files.lines(Path({str(path)!r}))) == 40_000") < 60


def peak_beyond_start(code: str) -> float:
    """Megabytes that a fresh process takes for it beyond what it took before."""
    program = (  # getrusage would tell the peak of this process too, from which that one is forked
        "import re\nfrom pathlib import Path\nfrom harness.data import files\n"
        "peak = lambda: int(re.search(r'VmHWM:\\s*(\\d+)', Path('/proc/self/status').read_text())[1])\n"
        f"before = peak()\n{code}\nprint(peak() - before)"
    )
    return int(subprocess.run([sys.executable, "-c", program], check=True, capture_output=True).stdout) / 1024


# the Hub


class Streamed:
    """What ``load_dataset`` gives for one split."""

    features = None

    def __init__(self, *rows: dict[str, Any], fails: Exception | None = None) -> None:
        self.rows, self.fails = rows, fails

    def __iter__(self) -> Iterator[dict[str, Any]]:
        yield from self.rows
        if self.fails:
            raise self.fails


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The splits that the Hub gives, and in ``asked`` what it was asked for."""
    import datasets

    state: dict[str, Any] = {"splits": {"train": Streamed(*ROWS)}, "asked": None}

    def load_dataset(*names: str | None, **settings: object) -> dict[str, Streamed]:
        state["asked"] = (names, settings)
        if isinstance(state["splits"], Exception):
            raise state["splits"]
        return state["splits"]

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    monkeypatch.setattr("harness.data.hub_rows.hub_answers", lambda: True)
    return state


def test_a_data_set_of_the_hub_is_streamed_by_name_and_runs_no_code(hub: dict[str, Any]) -> None:
    expected = [{**ROWS[0], "n": [1, 2.5, None, True, {"a": {}}]}, ROWS[1]]
    assert read(Path("hf://owner/name@v1.0%2Fx:config/train")) == expected
    assert hub["asked"] == (("owner/name", "config"), {"revision": "v1.0/x", "streaming": True})
    assert read(Path("hf:/owner/name")) == expected
    assert hub["asked"] == (("owner/name", None), {"revision": None, "streaming": True})


def test_a_split_of_the_hub_must_be_named_where_there_are_several(hub: dict[str, Any]) -> None:
    hub["splits"] = {"train": Streamed(*ROWS), "test": Streamed(ROWS[1])}
    assert read(Path("hf://owner/name/test")) == [ROWS[1]]
    assert "holds several splits: test, train" in refused(Path("hf://owner/name"))
    assert "did you mean 'train'?" in refused(Path("hf://owner/name/trian"))


def test_what_the_hub_refuses_is_one_line(hub: dict[str, Any]) -> None:
    hub["splits"] = RuntimeError("Dataset scripts are no longer supported\nand more\nlines")
    told = refused(Path("hf://owner/name"))
    assert "Dataset scripts are no longer supported; check the name" in told
    assert len(told.splitlines()) == 1


def test_a_stream_of_the_hub_that_breaks_off_is_told_with_its_row(hub: dict[str, Any]) -> None:
    hub["splits"] = {"train": Streamed(*ROWS, fails=ConnectionError("reset"))}
    assert refused(Path("hf://owner/name")).startswith("hf:/owner/name:3: ")


# writing


def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", ROWS)
    before = path.read_bytes()
    for name in ("rows.jsonl", "rows.csv.gz", "rows.json.zst", "new.parquet"):
        with pytest.raises(ZeroDivisionError):
            write(tmp_path / name, (row if number else 1 / 0 for number, row in enumerate(TEXTS, start=-1)))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_the_old_file_is_there_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", ROWS)
    with files.writing(path) as put:
        put(TEXTS[0])
        assert read(path) == ROWS
    assert read(path) == [TEXTS[0]]


def test_a_killed_writer_leaves_at_most_a_file_whose_name_tells_what_it_is(tmp_path: Path) -> None:
    program = (
        "import sys, time\nfrom pathlib import Path\nfrom harness.data import files\n"
        "with files.writing(Path(sys.argv[1]) / 'rows.jsonl') as put:\n"
        "    put({'a': 'x' * 100_000})\n    print('written', flush=True)\n    time.sleep(60)\n"
    )
    writer = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE)
    assert writer.stdout is not None
    writer.stdout.readline()
    time.sleep(0.1)
    writer.send_signal(signal.SIGKILL)
    writer.communicate()
    [left] = tmp_path.iterdir()
    assert left.name.startswith(".rows.jsonl.")
    assert left.name.endswith(".unfinished")


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.csv", "rows.json.gz", "rows.jsonl.zst", "rows.parquet"])
def test_a_full_disk_is_one_line_and_leaves_nothing(name: str, tmp_path: Path) -> None:
    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    program = (
        "import hashlib, sys\nfrom pathlib import Path\nfrom harness.data import files\n"
        "from harness.errors import HarnessError\n"
        "try:\n"
        "    with files.writing(Path(sys.argv[1])) as put:\n"
        "        for n in range(20_000):\n"
        "            put({'a': hashlib.sha256(str(n).encode()).hexdigest()})\n"
        "except HarnessError as error:\n"
        "    print(error)\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path / name)]
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=limited)
    assert done.stdout == f"{tmp_path / name}: cannot be written: File too large\n", done.stderr
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("rows.txt", "does not tell what kind of file"),
        ("rows", "does not tell what kind of file"),
        ("rows.parquet.gz", "compressed inside"),
        ("none/rows.jsonl", "no such folder"),
        ("a.jsonl", "a folder, not a file"),
    ],
)
def test_a_place_that_cannot_be_written_is_told_before_any_row(name: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").mkdir()
    with pytest.raises(UsageError, match=problem), files.writing(tmp_path / name):
        pytest.fail("nothing can be written")


CANNOT_BE_HELD: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "a list in a CSV": (".csv", [{"a": "x", "b": ["y"]}]),
    "a number in a CSV": (".csv", [{"a": 7}]),
    "null in a CSV": (".tsv", [{"a": None}]),
    "another column in a CSV": (".csv", [{"a": "x"}, {"a": "x", "b": "y"}]),
    "a missing column in a CSV": (".csv", [{"a": "x", "b": "y"}, {"a": "x"}]),
    "a NUL byte in a CSV": (".csv", [{"a": "x\0"}]),
    "a row without columns in a CSV": (".csv", [{}]),
    "NaN": (".jsonl", [{"a": float("nan")}]),
    "half a character": (".json", [{"a": "\ud83d"}]),
    "half a character in a CSV": (".csv", [{"a": "\ud83d"}]),
    "a set": (".jsonl", [{"a": {1}}]),
    "a row that could not be read again": (".jsonl", [{"a": "x" * files.LONGEST_ROW}]),
}


@pytest.mark.parametrize("case", CANNOT_BE_HELD)
def test_what_a_kind_of_file_cannot_hold_is_refused_at_its_row(case: str, tmp_path: Path) -> None:
    suffix, rows = CANNOT_BE_HELD[case]
    with files.writing(tmp_path / f"rows{suffix}") as put:
        for row in rows[:-1]:
            put(row)
        with pytest.raises(ValueError, match=r"\w") as refusal:
            put(rows[-1])
    assert len(str(refusal.value).splitlines()) == 1
    assert "codec" not in str(refusal.value)


@pytest.mark.parametrize("other", ["x", 1.5, [1], {"b": 1}, True, 2**70])
@pytest.mark.parametrize("place", [1, 700, 1_700])
def test_a_column_of_two_types_names_the_row_that_a_parquet_file_cannot_hold(
    place: int, other: object, tmp_path: Path
) -> None:
    rows: list[dict[str, Any]] = [{"a": number} for number in range(place)] + [{"a": other}, {"a": 5}]
    with pytest.raises(UsageError, match=rf"row {place + 1}: |rows 1001 to {place + 2}: |row 1: "):
        write(tmp_path / "rows.parquet", rows)
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_no_rows_is_written_and_holds_none(tmp_path: Path) -> None:
    for name in ("a.jsonl", "a.json", "a.csv", "a.parquet", "a.jsonl.zst"):
        assert "holds no rows" in refused(write(tmp_path / name, []))


def test_the_same_rows_give_the_same_bytes_in_a_packed_file(tmp_path: Path) -> None:
    for packing in (".gz", ".bz2", ".xz", ".zst"):
        one, other = (write(tmp_path / f"{name}.jsonl{packing}", ROWS) for name in ("one", "other"))
        assert one.read_bytes() == other.read_bytes()


TEXT = st.text(max_size=12)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.lists(st.dictionaries(TEXT, JSON, max_size=4), min_size=1, max_size=6)
REPEATED = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@REPEATED
@given(rows=OBJECTS, name=st.sampled_from(["rows.jsonl", "rows.json", "rows.jsonl.gz"]))
def test_any_objects_come_back_from_json(rows: list[dict[str, Any]], name: str, tmp_path: Path) -> None:
    assert read(write(tmp_path / name, rows)) == rows


@REPEATED
@given(
    rows=st.lists(st.dictionaries(st.sampled_from("ab{;"), TEXT), max_size=4) | OBJECTS,
    name=st.sampled_from(["rows.csv", "rows.tsv"]),
)
def test_any_texts_come_back_from_a_csv_or_are_refused(rows: list[dict[str, Any]], name: str, tmp_path: Path) -> None:
    taken = []
    with files.writing(tmp_path / name) as put:
        for row in rows:
            try:
                put(row)
            except ValueError:
                continue
            taken.append(row)
    assert not taken or read(tmp_path / name) == taken


@REPEATED
@given(rows=OBJECTS)
def test_any_objects_come_back_from_parquet_or_are_refused(rows: list[dict[str, Any]], tmp_path: Path) -> None:
    try:
        write(tmp_path / "rows.parquet", rows)
    except (UsageError, ValueError):
        return
    assert read(tmp_path / "rows.parquet") == [_without_nulls(row) for row in rows]


def _without_nulls(value: object) -> object:
    if isinstance(value, dict):
        return {key: _without_nulls(each) for key, each in value.items() if each is not None}
    return [_without_nulls(each) for each in value] if isinstance(value, list) else value


# identity


def test_the_fingerprint_of_a_file_is_that_of_its_bytes_and_of_a_folder_that_of_its_files(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    one, other = write(folder / "train.jsonl", ROWS), write(folder / "test.jsonl", TEXTS)
    assert files.fingerprint(one) == file_sha256(one)
    whole = files.fingerprint(folder)
    train = files.fingerprint(folder / "train")
    other.rename(folder / "validation.jsonl")
    assert files.fingerprint(folder) != whole
    assert files.fingerprint(folder / "train") == train
    write(one, ROWS[1:])
    assert files.fingerprint(folder / "train") != train


def test_a_machine_that_refuses_is_no_fault_of_the_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fails)
    with pytest.raises(HarnessError, match="cannot be written: No space left on device") as error:
        write(tmp_path / "rows.jsonl", ROWS)
    assert not isinstance(error.value, UsageError)
