"""Postcodes: five digits in Sweden, free text elsewhere.

Fortnox's own samples write both ``44135`` and ``447 34``, so Swedish ones are compared without the
space. Other countries' are compared in capitals and without spaces, and are not checked.

>>> validate("se-114 18")
'11418'
>>> format("11418")
'114 18'
>>> comparison_key("S-114 18") == comparison_key("11418")
True
>>> validate("sw1a  1aa", "GB")
'SW1A 1AA'
>>> is_valid("1234"), is_valid("1234", "NO")
(False, True)
"""

from __future__ import annotations

import re
from typing import Final

from huma_fortnox.domain.format_errors import FormatError, InvalidFormat, InvalidLength
from huma_fortnox.domain.text import clean

_USUAL: Final = re.compile(r"([1-9][0-9]{2}) ?([0-9]{2})")


def compact(value: str) -> str:
    """Return the postcode in capitals with single spaces."""
    return clean(value).upper()


def validate(value: str, country: str = "SE") -> str:
    """Return a Swedish postcode as five digits, another country's as ``compact`` does.

    ``country`` is ISO 3166 alpha-2. Raises ``InvalidFormat`` when it is empty or not written like
    a Swedish postcode, and ``InvalidLength`` when it has not five digits.
    """
    usual = _USUAL.fullmatch(value)
    if usual is not None and country == "SE":
        return usual[1] + usual[2]
    text = compact(value)
    if not text:
        raise InvalidFormat("postcode-empty")
    if country != "SE":
        return text
    # Imported here: the unusual spellings are rare and the library is slow to load.
    from stdnum import exceptions
    from stdnum.se import postnummer

    try:
        return postnummer.validate(text.removeprefix("S-"))
    except exceptions.InvalidLength:
        raise InvalidLength("postcode-length") from None
    except exceptions.ValidationError:
        raise InvalidFormat("postcode-format") from None


def is_valid(value: str, country: str = "SE") -> bool:
    """Tell whether the postcode can be one of the country's."""
    try:
        return bool(validate(value, country))
    except FormatError:
        return False


def format(value: str, country: str = "SE") -> str:
    """Return the postcode as it is written on an envelope (Sweden: ``114 18``)."""
    number = validate(value, country)
    return f"{number[:3]} {number[3:]}" if country == "SE" else number


def comparison_key(value: str, country: str = "SE") -> str:
    """Return the text that is equal for equal postcodes of one country."""
    number = validate(value, country)
    return number if country == "SE" else number.replace(" ", "")
