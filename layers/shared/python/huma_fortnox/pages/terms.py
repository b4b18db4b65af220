"""The Terms of Service: a text of its own in each language, under one version."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import TypedDict, cast

from huma_fortnox.pages.texts import negotiate

VERSION = "2026-11-23"
"""Changes with every change of meaning in the text; who accepted which version when is recorded."""


class Section(TypedDict):
    """A numbered section of the terms."""

    heading: str
    paragraphs: list[str]


def terms(locale: str) -> list[Section]:
    """Return the terms in the language nearest to ``locale``."""
    return _terms(negotiate(locale))


@cache
def _terms(language: str) -> list[Section]:
    file = resources.files("huma_fortnox.pages").joinpath("terms_of_service", f"{language}.json")
    return cast("list[Section]", json.loads(file.read_text(encoding="utf-8")))
