"""Code that does not lie in a model's folder: its configuration may name a class as ``repository--module.Class``."""

from __future__ import annotations

import inspect
from pathlib import Path

_LOADED = "transformers_modules."
"""What Transformers puts before the name of a module that it took from a repository."""


def foreign_code(folder: Path, *made: object) -> tuple[Path, ...]:
    """The files with code from elsewhere that these objects were made by, in an order that their content gives.

    They are those that were loaded, not those that the other repository holds by now; files that they import from
    beside them are counted, and what lies in ``folder`` too is not. Empty where nothing but libraries computes.
    """
    from transformers.dynamic_module_utils import get_relative_import_files

    classes = {each for one in made for each in type(one).__mro__ if each.__module__.startswith(_LOADED)}
    loaded = {inspect.getfile(each) for each in classes}
    files = {Path(file) for first in loaded for file in (first, *get_relative_import_files(first))}
    return tuple(sorted((file for file in files if not _is_in(folder, file)), key=_by_content))


def _is_in(folder: Path, file: Path) -> bool:
    beside = folder / file.name
    return beside.is_file() and beside.read_bytes() == file.read_bytes()


def _by_content(file: Path) -> tuple[str, bytes]:
    return file.name, file.read_bytes()
