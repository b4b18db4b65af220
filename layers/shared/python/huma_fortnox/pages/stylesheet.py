"""The files a page needs besides itself, under addresses that change with their content."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib import resources

from huma_fortnox.domain.frozen import dataclass

_FILES = (
    ("stylesheet", "style.css", "text/css; charset=utf-8"),
    ("script", "live.js", "text/javascript; charset=utf-8"),
    ("icon", "icon.svg", "image/svg+xml"),
)


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is served."""

    path: str
    content: str
    content_type: str


@cache
def assets() -> Mapping[str, Asset]:
    """Return the files by name, each under ``/assets/<digest>.<ending>``."""
    found = {}
    for name, file, content_type in _FILES:
        content = resources.files("huma_fortnox.pages").joinpath("static", file).read_text(encoding="utf-8")
        digest = hashlib.sha256(content.encode()).hexdigest()[:16]
        found[name] = Asset(f"/assets/{digest}.{file.rsplit('.', 1)[1]}", content, content_type)
    return found
