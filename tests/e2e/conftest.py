"""One Chromium and one local stack for all browser tests; each test has an organization and a company to itself."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from local.chromium import NoChromium, chromium, find_chromium
from local.hands import Keyboard, Mouse
from local.walk import Walk
from local.world import World
from tests.e2e.companies import Company, write_companies
from tests.e2e.inspection import SCHEMES, Inspection

if TYPE_CHECKING:
    from playwright.sync_api import Browser

COMPANIES = 16
PATIENCE_SECONDS = 20
DESKTOP, PHONE = 1280, 360


@dataclass(frozen=True)
class Ground:
    """What all browser tests share."""

    world: World
    browser: Browser
    companies: Iterator[Company]


@dataclass(frozen=True)
class Guide:
    """One walk with what is noticed on the way."""

    walk: Walk
    company: Company
    inspection: Inspection


Set_out = Callable[..., Guide]


@pytest.fixture(scope="session")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """Start Chromium and the stack; without Chromium the tests are skipped, or fail where all must run."""
    try:
        find_chromium()
    except NoChromium as reason:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{reason}; install Debian's package chromium")
        pytest.skip(str(reason))
    companies, huma, fortnox = write_companies(COMPANIES, tmp_path_factory.mktemp("companies"))
    with World.start(huma_people=huma, fortnox_people=fortnox) as world, chromium() as browser:
        yield Ground(world, browser, iter(companies))


@pytest.fixture
def set_out(ground: Ground) -> Iterator[Set_out]:
    """Begin walks: a browser of its own each, in a company nobody has used before."""
    with ExitStack() as ending:

        def begin(
            name: str,
            *,
            javascript: bool = True,
            width: int = DESKTOP,
            keyboard: bool = False,
            language: str = "en",
            schemes: Sequence[str] = SCHEMES,
            company: Company | None = None,
        ) -> Guide:
            own = company or next(ground.companies)
            context = ground.browser.new_context(
                java_script_enabled=javascript, viewport={"width": width, "height": 900}, reduced_motion="reduce"
            )
            ending.callback(context.close)
            page = context.new_page()
            page.set_default_timeout(PATIENCE_SECONDS * 1000)
            inspection = Inspection(page, name, schemes=schemes, language=language, scripts=javascript)
            for kind in ("pageerror", "console"):
                page.on(kind, lambda said, kind=kind: _note(inspection, kind, said))
            hands = Keyboard(page) if keyboard else Mouse()
            walk = Walk(ground.world, page, hands, own.organization, own.account, seen=inspection)
            return Guide(walk, own, inspection)

        yield begin


def _note(inspection: Inspection, kind: str, said: object) -> None:
    """Note errors of scripts, and what the browser refuses because of our policy."""
    text = str(getattr(said, "text", said))
    if kind == "pageerror" or "Content Security Policy" in text or "Content-Security-Policy" in text:
        inspection.faults.append(f"{inspection.pages[-1:]}: {text}")
