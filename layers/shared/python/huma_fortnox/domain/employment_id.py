"""The employment ID: Fortnox's ``EmployeeId``, a string of 1 to 15 characters.

It is never a number: ``07`` and ``7`` are two people, and Fortnox never changes an ID once given.

>>> validate(" 007 ")
'007'
>>> comparison_key("07") == comparison_key("7")
False
>>> is_valid("1234567890123456")
False
"""

from __future__ import annotations

from typing import Final

from huma_fortnox.domain.format_errors import FormatError, InvalidFormat, InvalidLength
from huma_fortnox.domain.text import clean, validate_characters

LONGEST: Final = 15
"""Fortnox's limit in characters."""


def compact(value: str) -> str:
    """Return the ID without white space around it and without invisible characters."""
    return clean(value)


def validate(value: str) -> str:
    """Return the ID.

    Raises ``InvalidFormat`` when it is empty or holds a character that Fortnox refuses, and
    ``InvalidLength`` beyond ``LONGEST`` characters.
    """
    number = compact(value)
    if not number:
        raise InvalidFormat("employment-id-empty")
    if len(number) > LONGEST:
        raise InvalidLength("employment-id-too-long", length=str(len(number)), limit=str(LONGEST))
    return validate_characters(number)


def is_valid(value: str) -> bool:
    """Tell whether Fortnox accepts the ID."""
    try:
        return bool(validate(value))
    except FormatError:
        return False


def format(value: str) -> str:
    """Return the ID as it is written on either side."""
    return validate(value)


def comparison_key(value: str) -> str:
    """Return the text that is equal for equal IDs: the ID itself, case and zeros included."""
    return validate(value)
