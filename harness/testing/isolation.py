"""What a plugin does in a process of its own, where nothing is imported yet."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from harness.host import HEAVY

_PROGRAM = """
import dataclasses, importlib, json, sys
module, qualified, options, heavy = json.loads(sys.argv[1])
made = importlib.import_module(module)
for name in qualified.split("."):
    made = getattr(made, name)
if dataclasses.is_dataclass(made):  # as the catalog makes it: an option may be a value of several fields
    from pydantic import TypeAdapter

    TypeAdapter(made).validate_python(options)
else:
    made(**options)
print(json.dumps([name for name in heavy if name in sys.modules]))
"""


def heavy_imports(plugin_class: type, options: Mapping[str, Any]) -> list[str]:
    """The packages of ``harness.host.HEAVY`` that a fresh process has loaded once it has made the plugin.

    Options must be JSON. ``AssertionError`` if the class cannot be imported and made on its own.
    """
    task = json.dumps([plugin_class.__module__, plugin_class.__qualname__, dict(options), HEAVY])
    done = subprocess.run(  # noqa: S603 - this interpreter and the program above
        [sys.executable, "-c", _PROGRAM, task],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise AssertionError(f"{plugin_class.__module__}.{plugin_class.__qualname__} cannot be made alone: {last}")
    heavy: list[str] = json.loads(done.stdout.splitlines()[-1])
    return heavy
