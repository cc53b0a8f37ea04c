"""A real browser, and what it must never do while it shows foreign text."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Dialog, Response

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


def executable() -> str:
    """Chromium; skips the test only where ``make test`` cannot install one."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is not None:
        return found
    if shutil.which("apt-get") and os.geteuid() == 0:
        pytest.fail("there is no Chromium; 'make browser' installs it")
    pytest.skip("no Chromium, and no apt-get as root to install it")


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser, closed at the end."""
    path = executable()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(QUIET))
        yield browser
        browser.close()


class Watch:
    """What a browser did: requests, dialogs, errors and refusals of its policy, and the bodies that it was sent."""

    def __init__(self, context: BrowserContext) -> None:
        self.requests: list[str] = []
        self.faults: list[str] = []
        self.told: list[str] = []
        context.on("request", lambda request: self.requests.append(request.url))
        context.on("dialog", self._dialog)
        context.on("weberror", lambda fault: self.faults.append(str(fault.error)))
        context.on("console", lambda message: self.faults.append(message.text))
        context.on("page", lambda page: page.on("response", self._response))

    def _dialog(self, dialog: Dialog) -> None:
        self.faults.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _response(self, response: Response) -> None:
        self.told.append(str(response.headers))
        if "json" in response.headers.get("content-type", ""):
            self.told.append(response.text())

    def outside(self) -> list[str]:
        """Requests to anywhere but this machine."""
        return [url for url in self.requests if urlsplit(url).hostname != "127.0.0.1"]

    def assert_calm(self) -> None:
        assert self.requests, "the watch saw nothing"
        assert self.outside() == []
        assert self.faults == []
