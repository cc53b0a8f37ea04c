"""Whether the hub can be asked, and where what comes from it is kept."""

from __future__ import annotations

import functools
import os
from pathlib import Path


def cache_folder() -> Path:
    """``HARNESS_CACHE`` or ``~/.cache/harness``: converted models and what is costly to make twice."""
    return Path(os.environ.get("HARNESS_CACHE", "~/.cache/harness")).expanduser()


@functools.cache
def hub_answers(timeout: float = 3.0) -> bool:
    """Whether the Hugging Face hub answers within ``timeout`` seconds; never under ``HF_HUB_OFFLINE``.

    Asked once a process: libraries that retry for minutes on a machine without a network are then not asked at all.
    """
    import urllib.error
    import urllib.request

    offline = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
    if any(os.environ.get(name, "").upper() in {"1", "ON", "YES", "TRUE"} for name in offline):
        return False
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
    if not endpoint.startswith(("https://", "http://")):
        return False
    request = urllib.request.Request(f"{endpoint}/api/models?limit=1", method="GET")  # noqa: S310 - scheme checked above
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:  # noqa: S310 - scheme checked above
            return int(answer.status) == 200
    except (urllib.error.URLError, OSError, ValueError):
        return False
