"""The stylesheet, whose colours everybody can read in light and in dark, and the script: both need nothing else."""

from __future__ import annotations

import re

import pytest
from huma_fortnox.pages.stylesheet import assets

STYLE = assets()["stylesheet"].content
TEXT, GRAPHIC = 4.5, 3.0
"""WCAG 2.2 AA: contrast of text, and of what else must be seen."""

PAIRS = [
    *((ink, paper, TEXT) for ink in ("ink", "soft", "accent", "bad", "warn") for paper in ("paper", "card")),
    ("accent-ink", "accent", TEXT),
    ("card", "bad", TEXT),
    ("mark-ink", "mark", TEXT),
    ("ink", "accent-soft", TEXT),
    *((tone, f"{tone}-soft", TEXT) for tone in ("good", "warn", "bad", "info")),
    *(("ink", f"{tone}-soft", TEXT) for tone in ("good", "warn", "bad", "info")),
    *(("soft", f"{tone}-soft", TEXT) for tone in ("good", "warn", "bad", "info")),
    *(("accent", f"{tone}-soft", TEXT) for tone in ("good", "warn", "bad", "info")),
    ("field-line", "card", GRAPHIC),
    ("field-line", "paper", GRAPHIC),
    ("accent", "paper", GRAPHIC),
]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("ink", "paper", "least"), PAIRS)
def test_colours_have_enough_contrast(scheme: str, ink: str, paper: str, least: float) -> None:
    tokens = _tokens(scheme)
    lighter, darker = sorted((_luminance(tokens[ink]), _luminance(tokens[paper])), reverse=True)
    assert (lighter + 0.05) / (darker + 0.05) >= least


def test_dark_changes_every_colour_of_light() -> None:
    root, dark = re.findall(r":root \{(.*?)\}", STYLE, flags=re.DOTALL)
    colours = set(re.findall(r"--([a-z-]+): #", root))
    assert set(re.findall(r"--([a-z-]+): #", dark)) == colours


def test_below_the_tokens_there_are_no_colours() -> None:
    rules = STYLE[STYLE.index("*, *::before") :]
    assert re.findall(r"#[0-9a-f]{3,8}\b|rgb|hsl", rules) == []


def test_every_token_is_used_and_every_used_token_is_there() -> None:
    defined = set(re.findall(r"^\s+--([a-z-]+):", STYLE, flags=re.MULTILINE))
    assert set(re.findall(r"var\(--([a-z-]+)\)", STYLE)) == defined


def test_nothing_is_fetched_from_elsewhere() -> None:
    assert "url(" not in STYLE
    assert "@import" not in STYLE


def test_the_script_makes_no_markup_or_code_of_texts_and_asks_nobody_else() -> None:
    script = assets()["script"].content
    assert (
        re.findall(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval|Function\(|https?:|//[a-z]", script) == []
    )
    assert script.count("fetch(") == 1
    assert '"use strict";' in script


def test_the_address_changes_with_the_content() -> None:
    paths = [asset.path for asset in assets().values()]
    assert all(re.fullmatch(r"/assets/[0-9a-f]{16}\.(css|js|svg)", path) for path in paths)
    assert len(set(paths)) == len(paths)


def _tokens(scheme: str) -> dict[str, str]:
    light, dark = re.findall(r":root \{(.*?)\}", STYLE, flags=re.DOTALL)
    found = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", light))
    return found | (dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", dark)) if scheme == "dark" else {})


def _luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
