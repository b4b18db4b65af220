"""Calendar days as ``YYYY-MM-DD``: no time of day and no time zone, ever.

Both systems write days this way. ``date.fromisoformat`` is not used to read them because it also
takes ``20141201`` and ``2014-W49-1``.

>>> validate(" 2026-02-28 ")
'2026-02-28'
>>> is_valid("2026-02-29"), is_valid("2026-02-28T00:00:00Z"), is_valid("20260228")
(False, False, False)
"""

from __future__ import annotations

import re
from datetime import date
from typing import Final

from huma_fortnox.domain.format_errors import FormatError, InvalidComponent, InvalidFormat

_DAY: Final = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")


def compact(value: str) -> str:
    """Return the text without white space around it."""
    return value.strip()


def parse(value: str) -> date:
    """Return the day.

    Raises ``InvalidFormat`` when it is empty or not written as year-month-day, and
    ``InvalidComponent`` when the calendar has no such day.
    """
    text = compact(value)
    if not text:
        raise InvalidFormat("date-empty")
    match = _DAY.fullmatch(text)
    if match is None:
        raise InvalidFormat("date-format")
    year, month, day = match.groups()
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        raise InvalidComponent("date-impossible") from None


def validate(value: str) -> str:
    """Return the day as ``YYYY-MM-DD``; raises what ``parse`` raises."""
    return parse(value).isoformat()


def is_valid(value: str) -> bool:
    """Tell whether the text is a day of the calendar."""
    try:
        return bool(validate(value))
    except FormatError:
        return False


def format(value: str) -> str:
    """Return the day as both systems write it."""
    return validate(value)


def comparison_key(value: str) -> str:
    """Return the text that is equal for equal days; it also sorts as days do."""
    return validate(value)
