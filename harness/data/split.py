"""Splitting a data file into train, validation and test, and whether splits keep apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from harness.data import files, manifest, strata
from harness.data.manifest import Manifest
from harness.data.shares import LeftOut, Outcome, Share
from harness.data.sides import SIDES, Method, Ratios, Side, Stood, assigned
from harness.errors import HarnessError, UsageError
from harness.rows import Row, Unreadable
from harness.similarity import NEAR

SMALL, LARGE = 5_000, 10_000
RATIOS: tuple[Ratios, Ratios, Ratios] = ((0.7, 0.15, 0.15), (0.75, 0.125, 0.125), (0.8, 0.1, 0.1))
"""Below ``SMALL`` rows, from there to ``LARGE``, and above."""

_COMPRESSED = (".gz", ".zst", ".bz2", ".xz")
_WRITTEN = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet")


@dataclass(frozen=True, slots=True)
class Wish:
    """How a file shall be split; what is ``None`` is as in the folder's earlier split, else as it comes."""

    ratios: Ratios | None = None
    """By the number of rows unless given (``ratios_for``)."""
    seed: int | None = None
    """0 unless given."""
    near: float | None = None
    """From this similarity on two texts are near duplicates, 0.8 unless given; 0 looks for none."""
    group: str | None = None
    """The column whose equal values stay together."""
    stratify: str | None = None
    """The column whose values shall have their share on each side, or ``auto``."""


@dataclass(frozen=True, slots=True)
class Split:
    """A split as it was made."""

    source: Path
    rows: int
    manifest: Path
    seed: int
    near: float
    group: str | None
    stratify: str | None
    sides: Mapping[Side, Share]
    files: Mapping[Side, Path]
    """Without those of sides on which no row stands."""
    kept: int
    """Rows that stood on their side before."""
    new: int
    """Rows that were given one."""
    left_out: tuple[LeftOut, ...]
    warnings: tuple[str, ...]


def split(path: Path, folder: Path, wish: Wish, *, overwrite: bool = False) -> Split:
    """Write train, validation and test of a data file into a folder, the rows as they are and in their order.

    What an earlier split put on a side stays there, by ``split.json`` in the folder. Raises ``UsageError``, and writes
    nothing, where rows cannot be read, where the wish is not that of the earlier split and, unless ``overwrite``, where
    a file in the way is not as an earlier split has left it.
    """
    before = manifest.read(folder)
    method = _settled(wish, before, folder)
    targets = {side: folder / f"{side}{_extension(path)}" for side in SIDES}
    _refuse_in_the_way(path, targets, before, overwrite=overwrite)
    known = strata.known(path, method.group, method.stratify)
    if not before and not wish.ratios:
        method = replace(method, ratios=ratios_for(len(known.labels)))
    stood = before.stood if before else Stood()
    by_label = method.stratify is not None
    sides = assigned(known.units, Method(method.seed, method.ratios, method.near, by_label), stood)
    outcome = Outcome(known, sides, method.ratios, by_label)
    # what lies on the hub has no digest of its own
    sha256 = None if files.is_hub(path) else files.fingerprint(path)
    source = {"path": str(path), "sha256": sha256, "rows": len(known.labels)}
    written = _write(path, targets, outcome.of_line())
    made = {side: {"file": file.name, "sha256": files.fingerprint(file)} for side, file in written.items()}
    groups = {unit.group: sides.of[unit.key] for unit in known.units if unit.group and unit.key in sides.of}
    now = Stood({**stood.rows, **sides.of}, {**groups, **stood.groups})
    manifest.write(replace(method, source=source, files=made, stood=now), folder)
    kept = sum(len(unit.lines) for unit in known.units if unit.key in stood.rows)
    return Split(
        path,
        len(known.labels),
        folder / manifest.NAME,
        method.seed,
        method.near,
        method.group,
        method.stratify,
        outcome.shares(),
        written,
        kept,
        len(outcome.of_line()) - kept,
        outcome.left_out(),
        (*_about_ratios(wish, before, len(known.labels)), *outcome.warnings()),
    )


def ratios_for(rows: int) -> Ratios:
    """The shares of train, validation and test that fit so many rows: of more rows less must be held out."""
    small, between, large = RATIOS
    return small if rows < SMALL else large if rows > LARGE else between


def refuse_shared_rows(splits: Mapping[str, tuple[Path, Sequence[Row]]]) -> None:
    """Raise ``UsageError`` if one split asks what another asks too; letter case and spacing do not tell rows apart.

    A test row that was trained on measures memory, so no verdict can rest on it.
    """
    seen: dict[str, tuple[str, int]] = {}
    for name, (path, rows) in splits.items():
        asked = [(strata.asked(row), row.line) for row in rows]
        shared = [(line, seen[text]) for text, line in asked if text in seen]
        if shared:
            line, (other, other_line) = shared[0]
            count = f"{len(shared)} rows" if len(shared) > 1 else "1 row"
            raise UsageError(
                f"{name} shares {count} with {other} (the first: {other} line {other_line})",
                path=path,
                line=line,
                remedy=f"remove them from {other}",
            )
        seen.update({text: (name, line) for text, line in asked})


def _settled(wish: Wish, before: Manifest | None, folder: Path) -> Manifest:
    """The wish with what it does not say filled in; the ratios of a first split wait for the rows."""
    if before is None:
        near = NEAR if wish.near is None else wish.near
        return Manifest(wish.seed or 0, wish.ratios or RATIOS[0], near, wish.group, wish.stratify)
    stands = {"ratios": before.ratios, "seed": before.seed, "near": before.near}
    for name, value in (stands | {"group": before.group, "stratify": before.stratify}).items():
        wished = getattr(wish, name)
        if wished is not None and wished != value:
            said = in_words(before.ratios) if name == "ratios" else "none" if value is None else value
            raise UsageError(
                f"the split that lies there was made with another --{name} ({said}), and its rows stay where they are",
                path=folder / manifest.NAME,
                remedy=f"leave --{name} out, or split into another folder",
            )
    return replace(before, source={}, files={}, stood=Stood())


def in_words(ratios: Ratios) -> str:
    """``70/15/15``."""
    return "/".join(f"{100 * ratio:g}" for ratio in ratios)


def _about_ratios(wish: Wish, before: Manifest | None, rows: int) -> tuple[str, ...]:
    if before is None or wish.ratios or before.ratios not in RATIOS or before.ratios == ratios_for(rows):
        return ()
    now = in_words(ratios_for(rows))
    return (f"{rows:,} rows alone would be split {now}; {in_words(before.ratios)} stays, so that no row moves",)


def _extension(path: Path) -> str:
    """That of the file with its compression; JSON lines for a folder or a data set of the hub."""
    last, inner = path.suffix.lower(), Path(path.stem).suffix.lower()
    if last in _COMPRESSED and inner in _WRITTEN:
        return inner + last
    return last if last in _WRITTEN and not path.is_dir() else ".jsonl"


def _refuse_in_the_way(source: Path, targets: Mapping[Side, Path], before: Manifest | None, *, overwrite: bool) -> None:
    """What somebody else has written, or has changed since, is not overwritten unasked; the source never is."""
    for side, target in targets.items():
        if not target.exists():
            continue
        if source.exists() and target.samefile(source):
            raise UsageError("would be overwritten by its own split", path=source, remedy="name another folder")
        made = before.files.get(side, {}) if before else {}
        was_made = made.get("file") == target.name
        if not overwrite and not (was_made and made["sha256"] == files.fingerprint(target)):
            problem = "was changed since it was split" if was_made else "is there already"
            raise UsageError(problem, path=target, remedy="name another folder, or add --force to overwrite it")


def _write(path: Path, targets: Mapping[Side, Path], of_line: Mapping[int, Side]) -> dict[Side, Path]:
    """The files of the sides that have rows; what an earlier split left of a side that has none is taken away."""
    written = {side: targets[side] for side in SIDES if side in set(of_line.values())}
    try:
        next(iter(targets.values())).parent.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            put = {side: stack.enter_context(files.writing(target)) for side, target in written.items()}
            for line, content in files.lines(path):
                if line in of_line and not isinstance(content, Unreadable):
                    put[of_line[line]](content)
        for side in SIDES:
            if side not in written:
                targets[side].unlink(missing_ok=True)
    except ValueError as error:
        raise UsageError(str(error), path=path) from None
    except OSError as error:
        raise HarnessError(f"{targets['train'].parent}: cannot be written: {error.strerror}") from None
    return written
