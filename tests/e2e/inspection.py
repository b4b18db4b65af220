"""Looks at every page a walk comes by: accessible, no wider than the screen, in light and dark; keeps pictures."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]

from local.stack import PROJECT

if TYPE_CHECKING:
    from playwright.sync_api import Page

SCREENSHOTS = PROJECT / "screenshots"
STANDARD = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SCHEMES = ("light", "dark")
TALLEST = 12_000


class Inspection:
    """Inspects pages by name; ``faults`` says what is wrong with which.

    ``schemes`` are those that are looked at. axe itself is a script: without ``scripts`` it cannot look.
    """

    def __init__(
        self,
        page: Page,
        journey: str,
        *,
        schemes: Sequence[str] = SCHEMES,
        language: str = "en",
        scripts: bool = True,
    ) -> None:
        self.faults: list[str] = []
        self.pages: list[str] = []
        self._page = page
        self._schemes = schemes
        self._language = language
        self._axe = Axe() if scripts else None
        self._folder = SCREENSHOTS / journey
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)

    def __call__(self, name: str) -> None:
        """Inspect the page that is shown."""
        self.pages.append(name)
        page = self._page
        language, wide, room = page.evaluate(
            "[document.documentElement.lang, document.documentElement.scrollWidth, innerWidth]"
        )
        if language != self._language:
            self.faults.append(f"{name} is in {language}")
        if wide > room:
            self.faults.append(f"{name} is {wide} px wide on a screen of {room}")
        for scheme in self._schemes:
            page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            self.faults += [f"{name} in {scheme}: {fault}" for fault in self._violations()]
            self._picture(self._folder / f"{len(self.pages):02d}-{name}-{scheme}.png")

    def _violations(self) -> list[str]:
        if self._axe is None:
            return []
        options = {"resultTypes": ["violations"], "runOnly": {"type": "tag", "values": STANDARD}}
        found = self._axe.run(self._page, options=options).response["violations"]
        return [f"{each['id']}: {', '.join(node['html'][:120] for node in each['nodes'][:3])}" for each in found]

    def _picture(self, path: Path) -> None:
        """Take a picture of the page on a screen as tall: what is stuck to the screen's edge stands at the end."""
        page = self._page
        usual = page.viewport_size
        assert usual is not None
        tall = min(TALLEST, page.evaluate("document.documentElement.scrollHeight"))
        page.set_viewport_size({"width": usual["width"], "height": max(tall, usual["height"])})
        page.screenshot(path=path)
        page.set_viewport_size(usual)
