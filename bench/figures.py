"""How a bench tells a figure: one JSON object a line."""

from __future__ import annotations

import json


def say(what: str, value: float | None, limit: float | None, unit: str, ok: bool | None, **explained: object) -> None:
    """Print one figure; ``ok`` is ``None`` where nothing could be measured."""
    print(json.dumps({"what": what, "value": value, "limit": limit, "unit": unit, "ok": ok, **explained}), flush=True)
