"""Transformers' own server on the real SmolLM2, started for the tests and gone after them."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SMOLLM2 = "HuggingFaceTB/SmolLM2-135M-Instruct"


@contextmanager
def transformers_serve(folder: Path, *, limit: float = 300.0) -> Iterator[str]:
    """The base of the API of ``transformers serve`` with the model of ``folder`` in float32, on a free loopback port.

    Loading may take ``limit`` seconds; whatever the server has started is killed at the end.
    """
    port = _free_port()
    place = ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    with tempfile.TemporaryFile() as log:
        serving = subprocess.Popen(
            [sys.executable, "-m", "transformers.cli.transformers", "serve", str(folder), "--dtype", "float32", *place],
            env={**os.environ, "HF_HUB_OFFLINE": "1"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            end = time.monotonic() + limit
            while not _is_healthy(port):
                if serving.poll() is not None or time.monotonic() > end:
                    log.seek(0)
                    raise AssertionError(f"transformers serve does not serve: {log.read()[-2000:].decode()}")
                time.sleep(0.2)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            os.killpg(serving.pid, signal.SIGKILL)
            serving.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def _is_healthy(port: int) -> bool:
    asking = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        asking.request("GET", "/health")
        return asking.getresponse().status == 200
    except OSError:
        return False
    finally:
        asking.close()
