"""The simulations of ``bench/`` under the name that the benches use, with nothing added to ``sys.path``."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "bench" / "simulation"


def _offer(folder: Path) -> None:
    spec = importlib.util.spec_from_file_location(folder.name, folder / "__init__.py")
    assert spec is not None
    assert spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules[folder.name] = package
    spec.loader.exec_module(package)


_offer(FOLDER)
