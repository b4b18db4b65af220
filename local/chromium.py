"""A real browser for the tests and the pictures: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from playwright.sync_api import Browser

USUAL_PLACES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class NoChromium(Exception):
    """There is no Chromium on this machine; the message says how to name one."""


def find_chromium(environ: Mapping[str, str] = os.environ) -> Path:
    """Return where Chromium is: what `CHROMIUM` names, else the usual places; raises ``NoChromium``."""
    named = environ.get("CHROMIUM", "")
    for name in (named,) if named else USUAL_PLACES:
        if found := shutil.which(name):
            return Path(found)
    raise NoChromium(
        f"CHROMIUM names {named}, which cannot be run"
        if named
        else "Chromium is not installed, and CHROMIUM is not set"
    )


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start Chromium and end it; raises ``NoChromium``."""
    path = find_chromium()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()
