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
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from huma_fortnox.pages.stylesheet import assets

from local.build import BuildError
from local.chromium import NoChromium, chromium
from local.hands import Mouse
from local.stack import PROJECT, StackError
from local.walk import Walk, eventually
from local.world import World, WorldError

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

COMPANY = PROJECT / "local" / "demo_company"
PICTURES = PROJECT / "docs" / "pictures"
REMEMBERED = PICTURES / "pictures.json"
QUALITY = 72
MOST_BYTES = 60_000
"""Of one picture: all of them together are a fraction of a page of most web sites."""
DESKTOP, TALL, PHONE = (1000, 760), (1000, 1000), (360, 760)
MAIL = (680, 900)
CHANGES: Mapping[str, Mapping[str, Any]] = {
    "Greta": {"bankAccount": {"type": "national", "number": "1", "country": "SE"}},
    "Elin": {"phone": None},
    "Farid": {"phone": "070-1740640"},
}
"""What is changed in Huma in the end, by given name: two changes wait for somebody, one arrives."""

_CHOSEN = """() => [...document.querySelectorAll('input, select, option')]
  .map(each => each.type === 'hidden' ? '' : `${each.checked}${each.selected}`).join()"""
_PREPARE = """() => {
  for (const each of document.querySelectorAll('h1')) {
    // Not every machine that takes the pictures has a font for it.
    each.textContent = each.textContent.replace(/\\s*\\p{Extended_Pictographic}/gu, '');
  }
  scrollTo(0, 0);
  return document.fonts.ready.then(() => null);
}"""
_PASSING = re.compile(
    r"\d{1,2} \w{3,9}\.? \d{4}(?:, \d\d:\d\d:\d\d)?"  # dates and times
    r"|(?<=after )\d+(?:\.\d+)? s\b"  # how long something took
    r"|https?://\S+"  # ports and runs
)


def lasting(text: str) -> str:
    """Return what of a page's words is the same each time."""
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
        page.evaluate(_PREPARE)
        words = lasting(page.evaluate("document.body.innerText")) + page.evaluate(_CHOSEN)
        shown = f"{words}{assets()['stylesheet'].path}{size}{dark}"
        digest = hashlib.sha256(shown.encode()).hexdigest()[:16]
        path = self.folder / f"{name}.webp"
        if self.digests.get(name) == digest and path.exists():
            self.kept.append(name)
            return
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
    wanted = {
        "overview": ("overview", DESKTOP),
        "set-up-key-saved": ("set-up", TALL),
        "differences": ("step-1", TALL),
        "new-people": ("step-2", DESKTOP),
        "summary": ("summary", TALL),
        "result": ("result", DESKTOP),
    }
    walk = Walk(world, page, Mouse(), organization)

    def seen(name: str) -> None:
        if name in wanted:
            picture, size = wanted[name]
            album.take(page, picture, size=size)

    walk.seen = seen
    walk.connect()
    walk.start()
    walk.decide()
    album.take(page, "step-1-on-a-phone", size=PHONE)
    page.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})
    walk.to_new_people()
    walk.choose_new_people()
    walk.apply()
    _let_something_wait(walk)
    album.take(page, "active", size=TALL)
    album.take(page, "active-in-the-dark", size=TALL, dark=True)
    _read_the_mail(world, browser, album)


def _let_something_wait(walk: Walk) -> None:
    """Change people in Huma one after the other, so that some changes wait for somebody and one arrives."""
    page = walk.page
    walk.open()
    newest = page.locator(".log .entry").first
    for name, change in CHANGES.items():
        walk.edit(name, **change)
        eventually(partial(_shows, page, newest, name))


def _shows(page: Page, place: Locator, text: str) -> bool:
    page.reload()
    return text in place.inner_text()


def _read_the_mail(world: World, browser: Browser, album: Album) -> None:
    """Show the e-mail with the result, on a page of its own: the policy of ours lets no style of a mail through."""
    mail = eventually(world.mails)[-1]
    page = browser.new_page(device_scale_factor=1)
    page.set_content(mail.html)
    album.take(page, "e-mail", size=MAIL)


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
    print(f"Taken anew: {', '.join(album.taken) or 'none'}. As they were: {', '.join(album.kept) or 'none'}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
