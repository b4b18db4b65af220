"""The pictures of the README: `python -m local.screenshots` plays the journey and looks at it in a real Chromium.

They lie in `docs/pictures`, each a WebP of a few dozen kilobytes. A picture is taken anew only when what is to be
read on it has changed: `pictures.json` remembers a digest of the words, of what is chosen and of the style sheet,
without times and dates. So repeating it changes nothing.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from huma_fortnox.pages.stylesheet import assets

from local.build import BuildError
from local.chromium import NoChromium, chromium
from local.hands import Mouse
from local.stack import PROJECT, StackError
from local.walk import READING_SECONDS, Walk, eventually
from local.world import World, WorldError

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

COMPANY = PROJECT / "local" / "demo_company"
PICTURES = PROJECT / "docs" / "pictures"
REMEMBERED = PICTURES / "pictures.json"
QUALITY = 82
DESKTOP, PHONE = (1120, 800), (360, 760)
TALLEST = 1400

_CHOSEN = """() => [...document.querySelectorAll('input, select, option')]
  .map(each => each.type === 'hidden' ? '' : `${each.checked}${each.selected}`).join()"""
_PASSING = re.compile(
    r"\d{1,2} \w{3,9}\.? \d{4}(?:, \d\d:\d\d:\d\d)?"  # dates and times
    r"|(?<=after )\d+(?:\.\d+)? s\b"  # how long something took
    r"|https?://\S+"  # ports and runs
)


def lasting(text: str) -> str:
    """Return what of a page's words is the same each time.

    >>> lasting("Since 2 March 2026, by Vilma. 2 Mar 2026, 11:00:07, dealt with after 1.3 s")
    'Since …, by Vilma. …, dealt with after …'
    """
    return _PASSING.sub("…", text)


@dataclass
class Album:
    """The pictures, and what was to be read on them when they were taken; ``taken`` are those of this time."""

    folder: Path
    digests: dict[str, str] = field(default_factory=dict)
    taken: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)

    @classmethod
    def open(cls, folder: Path) -> Album:
        """Open the album in a folder, a new one where there is none."""
        folder.mkdir(parents=True, exist_ok=True)
        remembered = folder / REMEMBERED.name
        return cls(folder, json.loads(remembered.read_text()) if remembered.exists() else {})

    def take(self, page: Page, name: str, *, size: tuple[int, int] = DESKTOP, dark: bool = False) -> None:
        """Take a picture of a page, unless it would say what the one that is there says."""
        page.set_viewport_size({"width": size[0], "height": size[1]})
        page.emulate_media(color_scheme="dark" if dark else "light", reduced_motion="reduce")
        words = lasting(page.evaluate("document.body.innerText")) + page.evaluate(_CHOSEN)
        shown = f"{words}{assets()['stylesheet'].path}{size}{dark}"
        digest = hashlib.sha256(shown.encode()).hexdigest()[:16]
        path = self.folder / f"{name}.webp"
        if self.digests.get(name) == digest and path.exists():
            self.kept.append(name)
            return
        page.evaluate("document.fonts.ready.then(() => scrollTo(0, 0))")
        session = page.context.new_cdp_session(page)
        picture = session.send("Page.captureScreenshot", {"format": "webp", "quality": QUALITY})
        session.detach()
        path.write_bytes(base64.b64decode(picture["data"]))
        self.digests[name] = digest
        self.taken.append(name)

    def close(self) -> None:
        """Remember what is on the pictures."""
        text = json.dumps(dict(sorted(self.digests.items())), indent=2)
        (self.folder / REMEMBERED.name).write_text(f"{text}\n")


def play(world: World, browser: Browser, album: Album) -> None:
    """Play the journey of the demo company and take the pictures on the way."""
    page = browser.new_page(viewport={"width": DESKTOP[0], "height": DESKTOP[1]}, device_scale_factor=1)
    assert world.huma is not None
    [organization] = world.huma.people()["organizations"]
    wanted = {"overview", "set-up", "new-people", "summary", "result"}
    walk = Walk(world, page, Mouse(), organization)

    def seen(name: str) -> None:
        if name in wanted:
            album.take(page, name)

    walk.seen = seen
    walk.connect()
    walk.start()
    walk.decide()
    album.take(page, "step-1")
    album.take(page, "step-1-on-a-phone", size=PHONE)
    page.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})
    walk.to_new_people()
    walk.choose_new_people()
    walk.apply()
    _let_something_wait(walk)
    album.take(page, "active", size=(DESKTOP[0], 1000))
    album.take(page, "active-in-the-dark", size=(DESKTOP[0], 1000), dark=True)
    _read_the_mail(world, page, album)


def _let_something_wait(walk: Walk) -> None:
    """Change two people in Huma so that one change arrives and two wait for somebody, and open the overview."""
    walk.edit("Greta", bankAccount={"type": "national", "number": "1", "country": "SE"})
    walk.edit("Elin", phone=None)
    walk.edit("Farid", phone="070-1740640")
    waiting = walk.page.locator("section", has=walk.page.locator("#attention")).locator("section.person")
    walk.open()
    eventually(
        lambda: walk.page.reload() and waiting.count() == 2 and "Farid" in walk.page.locator(".log").inner_text(),
        seconds=READING_SECONDS,
    )


def _read_the_mail(world: World, page: Page, album: Album) -> None:
    """Show the e-mail with the result."""
    mail = eventually(world.mails)[-1]
    page.set_content(mail.html)
    tall = min(TALLEST, page.evaluate("document.documentElement.scrollHeight"))
    album.take(page, "e-mail", size=(680, tall))


def main() -> int:
    """Take the pictures; return the exit status."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    album = Album.open(PICTURES)
    try:
        with (
            World.start(huma_people=COMPANY / "huma.json", fortnox_people=COMPANY / "fortnox.json") as world,
            chromium() as browser,
        ):
            play(world, browser, album)
    except (StackError, BuildError, WorldError, NoChromium) as error:
        print(f"There are no pictures: {error}", file=sys.stderr)
        return 1
    album.close()
    print(f"{len(album.taken)} pictures taken anew, {len(album.kept)} as they were, in {PICTURES.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
