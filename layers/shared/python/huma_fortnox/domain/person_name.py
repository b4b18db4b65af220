"""Given and family names.

Names are compared exactly, after white space, accents and typographic signs have one spelling: a
difference in case only is a real correction (``ANNA`` to ``Anna``), and Åsa is not Asa.

>>> validate("  Anna‑Lena ")
'Anna-Lena'
>>> comparison_key("Anna-Lena") == comparison_key("Anna‑Lena")
True
>>> comparison_key("ANNA") == comparison_key("Anna")
False
>>> differs_only_in_case("ANNA", "Anna")
True
>>> is_valid("Anna <3")
False
"""

from __future__ import annotations

from typing import Final

from huma_fortnox.domain.format_errors import FormatError, InvalidFormat, InvalidLength
from huma_fortnox.domain.text import clean, plain, validate_characters

LONGEST: Final = 255
"""Huma's limit in characters; Fortnox publishes none."""


def compact(value: str) -> str:
    """Return the name in NFC with single spaces and without invisible characters."""
    return clean(value)


def validate(value: str) -> str:
    """Return the name as both systems accept it.

    Raises ``InvalidFormat`` when it is empty or holds a character that Fortnox refuses, and
    ``InvalidLength`` beyond ``LONGEST`` characters. Nothing is ever cut off.
    """
    name = validate_characters(comparison_key(value))
    if len(name) > LONGEST:
        raise InvalidLength("name-too-long", length=str(len(name)), limit=str(LONGEST))
    return name


def is_valid(value: str) -> bool:
    """Tell whether both systems accept the name."""
    try:
        return bool(validate(value))
    except FormatError:
        return False


def format(value: str) -> str:
    """Return the name as it is written on either side."""
    return validate(value)


def comparison_key(value: str) -> str:
    """Return the text that is equal for equal names; raises ``InvalidFormat`` when it is empty."""
    name = plain(value)
    if not name:
        raise InvalidFormat("name-empty")
    return name


def differs_only_in_case(one: str, other: str) -> bool:
    """Tell whether two names differ, and in capital letters alone."""
    one, other = plain(one), plain(other)
    return one != other and one.casefold() == other.casefold()
