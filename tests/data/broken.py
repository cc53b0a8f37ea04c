"""Data files that are broken, each in its own way, and what must be said of them."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import pickle
import sqlite3
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import zstandard

LONG = 100 * 2**20


def chat(number: int) -> dict[str, Any]:
    return {
        "messages": [
            {"role": "user", "content": f"What is {number} and {number}?"},
            {"role": "assistant", "content": f"It is {2 * number}, an even number."},
        ]
    }


ROWS = [chat(number) for number in range(2_000)]
LINES = [json.dumps(row).encode() for row in ROWS]
GOOD = LINES[0]
DATA = b"".join(line + b"\n" for line in LINES)


@dataclass(frozen=True)
class Case:
    """How the file is made, and what is said of it: at which line, in which words."""

    make: Callable[[Path], Path]
    line: int | None
    says: str
    of_rows: bool = False
    """Whether the fault is not in the bytes but in what the objects say."""


def file(name: str, content: bytes) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(content)
        return path

    return make


def second(line: bytes, name: str = "rows.jsonl") -> Callable[[Path], Path]:
    """A good line, the broken one, a good line."""
    return file(name, b"\n".join([LINES[0], line, LINES[1]]) + b"\n")


def hollow(name: str, before: bytes, after: bytes) -> Callable[[Path], Path]:
    """A hundred megabytes between two texts, which take no room on the disk."""

    def make(folder: Path) -> Path:
        path = folder / name
        with path.open("wb") as target:
            target.write(before)
            target.seek(LONG, os.SEEK_CUR)
            target.write(after)
            target.truncate()
        return path

    return make


def flipped(content: bytes, share: float = 0.5) -> bytes:
    place = int(len(content) * share)
    return content[:place] + bytes(255 - byte for byte in content[place : place + 64]) + content[place + 64 :]


def table(content: dict[str, Any]) -> bytes:
    target = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(content), target)
    return target.getvalue()


def zipped(*names: str) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name in names:
            archive.writestr(name, "x" * 100)
    return target.getvalue()


def tarred() -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("rows.jsonl"))
    return target.getvalue()


def database(folder: Path) -> Path:
    path = folder / "rows.db"
    with sqlite3.connect(path) as connection:
        connection.execute("create table rows (text)")
    connection.close()
    return path


def pipe(folder: Path) -> Path:
    path = folder / "rows.jsonl"
    os.mkfifo(path)
    return path


def link(target: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = folder / "rows.jsonl"
        path.symlink_to(target)
        return path

    return make


def folder_of(**files: bytes) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = folder / "set"
        path.mkdir()
        for name, content in files.items():
            (path / name.replace("__", ".")).write_bytes(content)
        return path

    return make


def saved(cut: bool) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        import datasets

        datasets.disable_progress_bars()
        path = folder / "saved"
        rows = datasets.Dataset.from_list(ROWS)
        if not cut:
            datasets.DatasetDict({"test": rows, "train": rows}).save_to_disk(path)
            return path
        rows.save_to_disk(path)
        [part] = path.glob("*.arrow")
        part.write_bytes(part.read_bytes()[:5_000])
        return path

    return make


def nested(levels: int) -> bytes:
    return b'{"a": ' + b"[" * levels + b"]" * levels + b"}"


WIDE = DATA.decode().encode("utf-16-be")
CSV = b"prompt,completion\none,1\n"
PARQUET = table({"prompt": [f"What is {n}?" for n in range(5_000)], "completion": [str(n) for n in range(5_000)]})
NO_TEXT = pyarrow.array([b"fine", b"\xff\xfe"]).view(pyarrow.string())
GZ, BZ2, XZ = gzip.compress(DATA, mtime=0), bz2.compress(DATA), lzma.compress(DATA)
ZST = zstandard.ZstdCompressor().compress(DATA)
TABBED = b"prompt;completion\none;1\n"

CASES: dict[str, Case] = {
    # bytes that are no text
    "bad UTF-8 in a line": Case(second(b'{"text": "\xff"}'), 2, r"not UTF-8 text \(byte 10 of the line\)"),
    "a character cut in the middle": Case(second(b'{"text": "\xe2\x82"}'), 2, "not UTF-8 text"),
    "an overlong zero": Case(second(b'{"text": "\xc0\x80"}'), 2, "not UTF-8 text"),
    "a surrogate in the bytes": Case(second(b'{"text": "\xed\xa0\xbd"}'), 2, "not UTF-8 text"),
    "Latin-1 text": Case(second('{"text": "Größe"}'.encode("latin-1")), 2, "not UTF-8 text"),
    "UTF-16 with its mark": Case(file("rows.jsonl", DATA.decode().encode("utf-16")), None, "UTF-16 text.*iconv"),
    "UTF-16, the high byte first": Case(file("r.json", b"\xfe\xff" + WIDE), None, "UTF-16"),
    "UTF-16 without a mark": Case(file("rows.jsonl", DATA.decode().encode("utf-16-le")), None, "UTF-16LE text"),
    "UTF-16 without a mark, the high byte first": Case(file("r.json", WIDE), None, "UTF-16BE"),
    "UTF-32": Case(file("rows.jsonl", DATA.decode().encode("utf-32")), None, "UTF-32 text"),
    "UTF-16 in a CSV": Case(file("rows.csv", CSV.decode().encode("utf-16")), None, "UTF-16 text"),
    "a NUL byte in a text": Case(second(b'{"text": "a\0b"}'), 2, r"a NUL byte \(column 12\)"),
    "a line of NUL bytes": Case(second(b"\0" * 40), 2, "a NUL byte"),
    "a file of NUL bytes": Case(file("rows.jsonl", b"\0" * 10_000), None, "a binary file"),
    "random bytes": Case(file("rows.jsonl", bytes((n * 7919) % 251 for n in range(5_000))), None, "a binary file"),
    # lines that are no JSON
    "a line cut in the middle": Case(second(GOOD[:40]), 2, "not valid JSON: .*column"),
    "the last line cut in the middle": Case(file("rows.jsonl", DATA[:-20]), 2_000, "not valid JSON"),
    "a comma too many": Case(second(b'{"text": "a",}'), 2, "not valid JSON"),
    "single quotes": Case(second(b"{'text': 'a'}"), 2, "not valid JSON"),
    "Python's None": Case(second(b'{"text": None}'), 2, "not valid JSON"),
    "a comment": Case(second(b'{"text": "a"} // fine'), 2, "not valid JSON"),
    "two objects on a line": Case(second(b'{"text": "a"}{"text": "b"}'), 2, "not valid JSON: Extra data"),
    "a text over two lines": Case(second(b'{"text": "a\nb"}'), 2, "not valid JSON"),
    "a raw tab in a text": Case(second(b'{"text": "a\tb"}'), 2, "not valid JSON: Invalid control character"),
    "an escape that is none": Case(second(b'{"text": "\\x41"}'), 2, "not valid JSON: Invalid .escape"),
    "a byte order mark inside": Case(second(b'{"text"\xef\xbb\xbf: "a"}'), 2, "not valid JSON"),
    "prose": Case(second(b"What is two and two?"), 2, "not valid JSON"),
    "Windows line ends and a broken line": Case(
        file("r.jsonl", b"\xef\xbb\xbf" + GOOD + b"\r\n\r\n{oops\r\n"), 3, "not valid JSON"
    ),
    "NaN": Case(second(b'{"text": "a", "score": NaN}'), 2, "holds NaN; write a number"),
    "Infinity": Case(second(b'{"score": Infinity}'), 2, "holds Infinity"),
    "minus Infinity": Case(second(b'{"score": [-Infinity]}'), 2, "holds -Infinity"),
    "a number beyond all": Case(second(b'{"score": 1e999}'), 2, "too large"),
    "a number of five thousand digits": Case(second(b'{"id": ' + b"7" * 5_000 + b"}"), 2, "thousands of digits"),
    "a key twice": Case(second(b'{"text": "a", "text": "b"}'), 2, "the key 'text' stands twice"),
    "a key twice further in": Case(second(b'{"a": [{"role": "x", "role": "y"}]}'), 2, "the key 'role' stands twice"),
    "half a character": Case(second(b'{"text": "a \\ud83d"}'), 2, r"'text' holds half a character \(\\ud83d\)"),
    "half a character further in": Case(second(b'{"a": [{"b": "\\uDE00"}]}'), 2, r"'a\[0\].b' holds half a character"),
    "half a character in a key": Case(second(b'{"\\ud83d": 1}'), 2, "a key holds half a character"),
    "a list for a row": Case(second(b"[1, 2]"), 2, "holds list, not an object"),
    "a text for a row": Case(second(b'"text"'), 2, "holds str, not an object"),
    "a number for a row": Case(second(b"17"), 2, "holds int, not an object"),
    "null for a row": Case(second(b"null"), 2, "holds NoneType, not an object"),
    "a hundred thousand levels": Case(second(nested(100_000)), 2, "nested deeper than 100 levels"),
    "more levels than others walk through": Case(second(nested(150)), 2, "nested deeper than 100 levels"),
    "a line of 100 MB": Case(hollow("r.jsonl", GOOD + b'\n{"text": "', b'"}\n' + GOOD), 2, "longer than 16 MiB"),
    "a last line of 100 MB without an end": Case(hollow("r.jsonl", GOOD + b'\n{"t": "', b""), 2, "longer than 16 MiB"),
    # JSON documents
    "an array cut in a row": Case(file("r.json", json.dumps(ROWS).encode()[:-40]), 2_000, "ends in the middle"),
    "an array that is not closed": Case(file("r.json", b"[" + GOOD + b",\n" + GOOD), 2, "ends in the middle"),
    "an array with a comma too many": Case(file("r.json", b"[" + GOOD + b",]"), 2, "not valid JSON"),
    "an array with a comma too few": Case(file("r.json", b"[" + GOOD + b"\n" + GOOD + b"]"), 1, "not valid JSON"),
    "an array with more behind it": Case(file("r.json", b"[" + GOOD + b"] oops"), 2, "not valid JSON around the rows"),
    "an array with a number in it": Case(file("r.json", b"[" + GOOD + b", 7]"), 2, "holds int, not an object"),
    "an array with NaN in it": Case(file("r.json", b"[" + GOOD + b',\n{"a": NaN}]'), 2, "holds NaN"),
    "an array with bad UTF-8 in it": Case(file("r.json", b"[" + GOOD + b', {"a": "\xff"}]'), 2, "byte 8 of the row"),
    "an array with a key twice in it": Case(file("r.json", b'[{"a": 1, "a": 2}]'), 1, "the key 'a' stands twice"),
    "an array with a text not closed": Case(file("r.json", b"[" + GOOD + b', {"a": "b}]'), 2, "ends in the middle"),
    "an array with a row of 100 MB": Case(hollow("r.json", b"[" + GOOD + b', {"a": "', b'"}]'), 2, "longer than"),
    "an empty array": Case(file("r.json", b" [ ] \n"), None, "holds no rows"),
    "an object with two lists": Case(
        file("r.json", b'{"train": [' + GOOD + b'], "test": [' + GOOD + b"]}"), 2, "more than one list of rows"
    ),
    "an object with a list cut off": Case(file("r.json", b'{"data": [' + GOOD + b",\n"), 2, "ends in the middle"),
    "an object with a comma too many": Case(file("r.json", b'{"data": [' + GOOD + b"], }"), 2, "not valid JSON around"),
    # compressed
    "gzip cut off": Case(file("rows.jsonl.gz", GZ[: len(GZ) // 2]), -1, "gzip stream is damaged or cut off"),
    "bzip2 cut off": Case(file("rows.jsonl.bz2", BZ2[: len(BZ2) // 2]), -1, "bzip2 stream is damaged or cut off"),
    "xz cut off": Case(file("rows.jsonl.xz", XZ[: len(XZ) // 2]), -1, "xz stream is damaged or cut off"),
    "zstd cut off": Case(file("rows.jsonl.zst", ZST[: len(ZST) // 2]), -1, "zstd stream is damaged or cut off"),
    "gzip without its end": Case(file("rows.jsonl.gz", GZ[:-8]), 2_001, "gzip stream is damaged or cut off"),
    "zstd without its end": Case(file("rows.jsonl.zst", ZST[:-1]), -1, "zstd stream is damaged or cut off"),
    "gzip damaged": Case(file("rows.jsonl.gz", flipped(GZ)), -1, "gzip stream is damaged"),
    "bzip2 damaged": Case(file("rows.jsonl.bz2", flipped(BZ2)), -1, "bzip2 stream is damaged"),
    "xz damaged": Case(file("rows.jsonl.xz", flipped(XZ)), -1, "xz stream is damaged"),
    "zstd damaged": Case(file("rows.jsonl.zst", flipped(ZST)), -1, "zstd stream is damaged"),
    "gzip with a wrong sum": Case(file("r.jsonl.gz", GZ[:-8] + b"\0\0\0\0" + GZ[-4:]), 2_001, "gzip stream is damaged"),
    "gzip with more behind it": Case(file("rows.jsonl.gz", GZ + b"more"), 2_001, "gzip stream is damaged"),
    "gzip's first bytes alone": Case(file("rows.jsonl.gz", GZ[:6]), 1, "gzip stream is damaged or cut off"),
    "packed twice": Case(file("rows.jsonl.gz", gzip.compress(GZ)), None, "packed twice"),
    "nothing, packed": Case(file("rows.jsonl.gz", gzip.compress(b"")), None, "holds no rows"),
    "a broken line in a packed file": Case(file("r.jsonl.xz", lzma.compress(GOOD + b"\n{oops\n")), 2, "not valid JSON"),
    "packed and cut off in an array": Case(file("r.json.gz", gzip.compress(b"[" + DATA)[:-20]), -1, "gzip stream"),
    "packed and cut off in a CSV": Case(file("r.csv.gz", gzip.compress(CSV * 9_000)[:-20]), -1, "gzip stream"),
    # CSV
    "a quote that is not closed": Case(file("r.csv", CSV + b'"two,2\nthree,3\n'), 3, "a quote is opened"),
    "a quote not closed, 100 MB on": Case(hollow("r.csv", CSV + b'"' + b"x" * 5_000, b"\n"), 3, "a quote is opened"),
    "a quote not closed over many lines": Case(
        file("r.csv", CSV + b'"two\n' + (b"x" * 99 + b"\n") * 180_000), 3, "a quote is opened and not closed"
    ),
    "text behind a closed quote": Case(file("r.csv", CSV + b'"two"x,2\nthree,3\n'), 3, "not valid CSV"),
    "a field too many": Case(file("rows.csv", CSV + b"two,2,zwei\n"), 3, "has 3 fields, the header 2"),
    "a field too few": Case(file("rows.csv", CSV + b"two\n"), 3, "has 1 fields, the header 2"),
    "a field too many behind a field of two lines": Case(file("r.csv", CSV + b'"a\nb",2\nc,d,e\n'), 5, "has 3 fields"),
    "bad UTF-8 in a CSV": Case(file("rows.csv", CSV + b"caf\xe9,2\n"), 3, r"not UTF-8 text \(byte 3 of the line\)"),
    "a NUL byte in a CSV": Case(file("rows.csv", CSV + b"t\0o,2\n"), 3, "a NUL byte"),
    "a field of 100 MB": Case(hollow("r.csv", CSV + b"two," + b"2" * 5_000, b"\nthree,3\n"), 3, "longer than 16 MiB"),
    "two columns of one name": Case(file("rows.csv", b"text,text\na,b\n"), 1, "two columns are named 'text'"),
    "semicolons for commas": Case(file("rows.csv", TABBED), 1, "the columns are separated by ';'"),
    "tabs for commas": Case(file("rows.csv", TABBED.replace(b";", b"\t")), 1, "separated by .*name it .tsv"),
    "JSON lines named CSV": Case(file("rows.csv", DATA), 1, "holds JSON, not a table; name it .jsonl"),
    "a header and no row": Case(file("rows.csv", b"text,label\n"), None, "holds no rows"),
    "a CSV named JSONL": Case(file("rows.jsonl", CSV), 1, "not valid JSON"),
    "line ends of an old Mac": Case(file("rows.csv", CSV.replace(b"\n", b"\r")), 1, "not valid CSV"),
    # Parquet
    "Parquet cut off": Case(file("rows.parquet", PARQUET[: len(PARQUET) // 2]), 1, "a damaged Parquet file"),
    "Parquet without its last byte": Case(file("rows.parquet", PARQUET[:-1]), 1, "a damaged Parquet file"),
    "Parquet with a damaged foot": Case(file("r.parquet", flipped(PARQUET[:-8], 0.999) + PARQUET[-8:]), 1, "damaged"),
    "Parquet damaged inside": Case(file("rows.parquet", flipped(PARQUET, 0.985)), -1, "a damaged Parquet file"),
    "Parquet's first bytes alone": Case(file("rows.parquet", b"PAR1"), 1, "a damaged Parquet file"),
    "a text named Parquet": Case(file("rows.parquet", DATA), None, "not a Parquet file"),
    "an empty Parquet": Case(file("rows.parquet", table({"text": pyarrow.array([], "string")})), None, "holds no rows"),
    "Parquet packed once more": Case(file("r.parquet.gz", gzip.compress(PARQUET)), None, "packed once more"),
    "bad UTF-8 in Parquet": Case(file("rows.parquet", table({"text": NO_TEXT})), 2, "not UTF-8 text"),
    "bytes in Parquet": Case(file("rows.parquet", table({"image": [b"\x89PNG"]})), 1, "'image' holds bytes"),
    "a number without end in Parquet": Case(file("r.parquet", table({"a": [1.0, float("inf")]})), 2, "without end"),
    # what is no data file
    "an empty file": Case(file("rows.jsonl", b""), None, "holds no rows"),
    "an empty file without a kind": Case(file("rows", b""), None, "holds no rows"),
    "blank lines alone": Case(file("rows.jsonl", b"\n \r\n\t\n"), None, "holds no rows"),
    "a byte order mark alone": Case(file("rows.jsonl", b"\xef\xbb\xbf"), 1, "not valid JSON"),
    "no file": Case(lambda folder: folder / "none.jsonl", None, "no such data file"),
    "a link to nothing": Case(link("none.jsonl"), None, "no such data file"),
    "a link to itself": Case(link("rows.jsonl"), None, "cannot be read"),
    "a pipe": Case(pipe, None, "a pipe or device"),
    "a device without end": Case(link("/dev/zero"), None, "a pipe or device"),
    "a NUL in the name": Case(lambda folder: folder / "a\0.jsonl", None, "no file can be named"),
    "a name that is too long": Case(lambda folder: folder / ("a" * 300), None, "cannot be read"),
    "a zip archive": Case(file("rows.jsonl", zipped("rows.jsonl")), None, "a zip archive; unpack it"),
    "an Excel workbook": Case(file("r.xlsx", zipped("[Content_Types].xml", "xl/a.xml")), None, "an Excel workbook"),
    "a tar archive": Case(file("rows.tar", tarred()), None, "a tar archive"),
    "a packed tar archive": Case(file("rows.tar.gz", gzip.compress(tarred())), None, "a tar archive"),
    "a database": Case(database, None, "an SQLite database"),
    "a pickle": Case(file("rows.pkl", pickle.dumps(ROWS)), None, "a pickle, which could run code"),
    "a pickle named JSONL": Case(file("rows.jsonl", pickle.dumps(ROWS)), None, "a pickle, which could run code"),
    "an old pickle": Case(file("rows.pickle", pickle.dumps(ROWS, protocol=0)), None, "a pickle, which could run code"),
    "a NumPy array": Case(file("rows.npy", b"\x93NUMPY\x01\0v\0"), None, "a NumPy array"),
    "a PDF": Case(file("rows.pdf", b"%PDF-1.7\n"), None, "a PDF document"),
    "a pointer of Git LFS": Case(
        file("rows.jsonl", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n"), None, "a Git LFS pointer"
    ),
    "a page in place of a download": Case(file("r.jsonl", b"<!DOCTYPE html><title>404</title>"), None, "an HTML page"),
    "prose without a kind": Case(file("rows.txt", b"What is two and two?\n"), None, "cannot be told"),
    # folders and the Hub
    "an empty folder": Case(folder_of(), None, "a folder, not a data file"),
    "a folder of several splits": Case(
        folder_of(train__jsonl=DATA, test__jsonl=DATA), None, "several splits: test, train; name one: .*set/test"
    ),
    "a folder of several kinds": Case(folder_of(a__jsonl=DATA, b__csv=CSV), None, "files of several kinds"),
    "a folder with a broken line": Case(
        folder_of(**{"train-0__jsonl": GOOD + b"\n", "train-1__jsonl": GOOD + b"\n{oops\n"}),
        3, "train-1.jsonl:2: not valid JSON",
    ),
    "a saved data set of several splits": Case(saved(cut=False), None, "several splits: test, train"),
    "a saved data set cut off": Case(saved(cut=True), -1, "a damaged data set"),
    "a name that the Hub could not have": Case(lambda _: Path("hf://squad"), None, "write hf://OWNER/NAME"),
    "a data set of the Hub without a network": Case(lambda _: Path("hf://a/b"), None, "does not answer; where"),
    # objects that are no rows of a known format
    "nulls for texts": Case(second(b'{"messages": [{"role": "user", "content": null}]}'), 2, "", of_rows=True),
    "a null for the turns": Case(second(b'{"messages": null}'), 2, "", of_rows=True),
    "nulls in a list": Case(second(b'{"messages": [null, null]}'), 2, "", of_rows=True),
    "a number for a text": Case(
        second(b'{"messages": [{"role": "user", "content": 7}, {"role": "assistant", "content": "a"}]}'), 2, "",
        of_rows=True,
    ),
    "an object for the turns": Case(second(b'{"messages": {"role": "user"}}'), 2, "", of_rows=True),
    "another format in the middle": Case(second(b'{"question": "a", "reply": "b"}'), 2, "", of_rows=True),
    "an empty object": Case(second(b"{}"), 2, "", of_rows=True),
}  # fmt: skip
"""By the name of what is broken; line -1 is one that only the library behind knows."""

BROKEN: dict[str, Callable[[Path], Path]] = {name: case.make for name, case in CASES.items()}
"""What is broken -> what makes such a file in a folder and says its path."""
