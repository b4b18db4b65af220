"""Swedish personal identity numbers and coordination numbers, as one 12-digit key.

``stdnum.se.personnummer`` keeps the form it is given, refuses coordination numbers (day of birth
plus 60) and reads the century off the clock. Here every form becomes ``YYYYMMDDNNNN``, and
``today`` is an argument.

>>> today = date(2026, 1, 31)
>>> validate("811228-9874", today), validate("19811228 9874", today)
('198112289874', '198112289874')
>>> validate("121212+1212", today)  # the plus sign: a hundred years or more
'191212121212'
>>> validate("701063-2391", today)  # a coordination number: born on the 3rd
'197010632391'
>>> is_valid("811228-9875", today)
False
>>> format("8112289874", today)
'19811228-9874'
"""

from __future__ import annotations

import re
from datetime import date
from typing import Final

from huma_fortnox.domain.check_digits import mod10
from huma_fortnox.domain.format_errors import (
    FormatError,
    InvalidChecksum,
    InvalidComponent,
    InvalidFormat,
    InvalidLength,
)
from huma_fortnox.domain.text import plain

_WRITTEN: Final = re.compile(r"([0-9]*)([-+]?)([0-9]{4})")
_COORDINATION: Final = 60
_CENTURY: Final = 100


def compact(value: str) -> str:
    """Return the number without spaces; a hyphen or plus sign stays, it can tell the century."""
    return plain(value).replace(" ", "").replace("–", "-")


def validate(value: str, today: date) -> str:
    """Return the number as 12 digits.

    Ten digits are read as the latest day of birth that is not after ``today``, a hundred years
    earlier with a plus sign. Raises ``InvalidFormat``, ``InvalidLength``, ``InvalidComponent``
    (no such day, or one in the future) or ``InvalidChecksum``.
    """
    text = compact(value)
    if not text:
        raise InvalidFormat("identity-number-empty")
    written = _WRITTEN.fullmatch(text)
    if written is None:
        raise InvalidFormat("identity-number-format")
    born, sign, serial = written.groups()
    if len(born) not in (6, 8):
        raise InvalidLength("identity-number-length", digits=str(len(born + serial)))
    if mod10(born[-6:] + serial):
        raise InvalidChecksum("identity-number-check-digit")
    month, day = int(born[-4:-2]), int(born[-2:])
    if len(born) == 8:
        year = int(born[:4])
        future = _is_after(year, month, day, today)
    else:
        year = today.year - (today.year - int(born[:2])) % _CENTURY
        if _is_after(year, month, day, today):
            year -= _CENTURY
        if sign == "+":
            year -= _CENTURY
        future = False
    if future or not _is_day(year, month, day):
        raise InvalidComponent("identity-number-date")
    return f"{year:04}{born[-4:]}{serial}"


def is_valid(value: str, today: date) -> bool:
    """Tell whether it is a personal identity number or coordination number."""
    try:
        return bool(validate(value, today))
    except FormatError:
        return False


def format(value: str, today: date) -> str:
    """Return the number as ``YYYYMMDD-NNNN``."""
    number = validate(value, today)
    return f"{number[:8]}-{number[8:]}"


def comparison_key(value: str, today: date) -> str:
    """Return the text that is equal for equal numbers: the 12 digits."""
    return validate(value, today)


def _day_of_birth(day: int) -> int:
    return day - _COORDINATION if day >= _COORDINATION else day


def _is_after(year: int, month: int, day: int, today: date) -> bool:
    return (year, month, _day_of_birth(day)) > (today.year, today.month, today.day)


def _is_day(year: int, month: int, day: int) -> bool:
    """Tell whether the day exists; a coordination number may leave month and day unknown (0)."""
    born = _day_of_birth(day)
    if day >= _COORDINATION:
        month, born = month or 1, born or 1
    try:
        date(year, month, born)
    except ValueError:
        return False
    return True
