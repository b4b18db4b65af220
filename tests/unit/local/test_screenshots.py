"""The README's pictures: small, remembered, and the same again where nothing else is to be read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from local.screenshots import MOST_BYTES, PICTURES, REMEMBERED, Album, lasting

if TYPE_CHECKING:
    from playwright.sync_api import Page


class PlainPage:
    """A page that says something, and counts how often it was looked at."""

    def __init__(self, words: str) -> None:
        self.words = words
        self.pictures = 0
        self.context = self

    def evaluate(self, script: str) -> str:
        return self.words if script == "document.body.innerText" else ""

    def set_viewport_size(self, _size: object) -> None:
        return

    def emulate_media(self, **_media: str) -> None:
        return

    def new_cdp_session(self, _page: object) -> PlainPage:
        return self

    def send(self, _method: str, _params: object) -> dict[str, str]:
        self.pictures += 1
        return {"data": "UklGRg=="}

    def detach(self) -> None:
        return


def test_every_picture_is_small_and_remembered() -> None:
    pictures = {path.stem: path.stat().st_size for path in PICTURES.glob("*.webp")}
    assert set(pictures) == set(json.loads(REMEMBERED.read_text(encoding="utf-8")))
    assert {name: size for name, size in pictures.items() if size > MOST_BYTES} == {}


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("Since 2 March 2026, by Vilma.", "Since …, by Vilma."),
        ("2 Mar 2026, 11:00:07, dealt with after 1.3 s", "…, dealt with after …"),
        ("open this address: http://localhost:8700/x", "open this address: …"),
        ("12 done, 1 held", "12 done, 1 held"),
    ],
)
def test_times_and_addresses_make_no_other_picture(said: str, kept: str) -> None:
    assert lasting(said) == kept


def test_a_picture_is_taken_again_only_when_something_else_is_to_be_read(tmp_path: Path) -> None:
    page = PlainPage("Since 2 March 2026: 12 done")
    for words in ("Since 2 March 2026: 12 done", "Since 3 April 2027: 12 done", "Since 3 April 2027: 13 done"):
        page.words = words
        album = Album.open(tmp_path)
        album.take(cast("Page", page), "result")
        album.close()
    assert page.pictures == 2
    (tmp_path / "result.webp").unlink()
    Album.open(tmp_path).take(cast("Page", page), "result")
    assert page.pictures == 3
