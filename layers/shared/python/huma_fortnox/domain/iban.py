"""International bank account numbers (IBAN), and the parts of a Swedish one.

A Swedish IBAN is ``SE``, two check digits, three digits for the bank (BSAB's *IBAN-id*) and 17
digits whose meaning is the bank's (BSAB, "IBAN och svenskt nationellt kontonummer"). Which account
they stand for is the business of ``bank_account``.

>>> validate("se55 8000 0832 7901 4725 8925")
'SE5580000832790147258925'
>>> format("SE5580000832790147258925")
'SE55 8000 0832 7901 4725 8925'
>>> country("NO93 8601 1117 947")
'NO'
>>> is_valid("SE56 8000 0832 7901 4725 8925")
False
"""

from __future__ import annotations

import re
from typing import Final

from huma_fortnox.domain.format_errors import (
    FormatError,
    InvalidChecksum,
    InvalidComponent,
    InvalidFormat,
    InvalidLength,
)
from huma_fortnox.domain.text import plain

_SEPARATORS: Final = str.maketrans("", "", " -.")
_LABEL: Final = re.compile(r"IBAN:?", re.IGNORECASE)
_SHAPE: Final = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{8,30}")
_LOOKS_LIKE_ONE: Final = re.compile(r"\s*(?:IBAN:?\s*)?[A-Z]{2}\s?[0-9]{2}", re.IGNORECASE)
_SWEDISH: Final = re.compile(r"SE[0-9]{22}")
_SWEDISH_LENGTH: Final = 24
_SE00_AS_DIGITS: Final = "281400"


def looks_like_iban(value: str) -> bool:
    """Tell whether the text begins as an IBAN does, with a country's letters and two digits.

    >>> looks_like_iban("SE55 8000 …"), looks_like_iban("8327-9 …")
    (True, False)
    """
    return _LOOKS_LIKE_ONE.match(value) is not None


def compact(value: str) -> str:
    """Return the IBAN in capitals without separators and without a leading ``IBAN:``."""
    return _LABEL.sub("", plain(value), count=1).translate(_SEPARATORS).upper()


def validate(value: str) -> str:
    """Return the IBAN, checked by its country's structure and its check digits.

    Raises ``InvalidFormat``, ``InvalidLength``, ``InvalidChecksum`` or, for a country that has no
    IBAN, ``InvalidComponent`` (``country-unknown``).
    """
    number = compact(value)
    if not number:
        raise InvalidFormat("iban-empty")
    if _SHAPE.fullmatch(number) is None:
        raise InvalidFormat("iban-format")
    if number.startswith("SE"):
        return _validate_swedish(number)
    # Imported here: foreign accounts are rare and the library is slow to load.
    from stdnum import exceptions, iban

    try:
        return iban.validate(number, check_country=False)
    except exceptions.InvalidChecksum:
        raise InvalidChecksum("iban-check-digits") from None
    except exceptions.InvalidComponent:
        raise InvalidComponent("country-unknown") from None
    except exceptions.ValidationError:
        raise InvalidFormat("iban-format") from None


def is_valid(value: str) -> bool:
    """Tell whether it is an IBAN of any country."""
    try:
        return bool(validate(value))
    except FormatError:
        return False


def format(value: str) -> str:
    """Return the IBAN in groups of four."""
    number = validate(value)
    return " ".join(number[start : start + 4] for start in range(0, len(number), 4))


def comparison_key(value: str) -> str:
    """Return the text that is equal for equal IBANs."""
    return validate(value)


def country(value: str) -> str:
    """Return the alpha-2 code of the IBAN's country; raises what ``validate`` raises."""
    return validate(value)[:2]


def swedish(iban_id: str, account: str) -> str:
    """Return the Swedish IBAN of a bank's three-digit id and its account digits (at most 17).

    >>> swedish("800", "832790147258925")
    'SE5580000832790147258925'
    """
    inner = iban_id + account.zfill(17)
    return f"SE{98 - int(inner + _SE00_AS_DIGITS) % 97:02}{inner}"


def swedish_parts(value: str) -> tuple[str, str]:
    """Return the bank's id and the 17 account digits of a Swedish IBAN that has been validated.

    >>> swedish_parts("SE5580000832790147258925")
    ('800', '00832790147258925')
    """
    return value[4:7], value[7:]


def _validate_swedish(number: str) -> str:
    if len(number) != _SWEDISH_LENGTH:
        raise InvalidLength("iban-length", digits=str(len(number)), expected=str(_SWEDISH_LENGTH))
    if _SWEDISH.fullmatch(number) is None:
        raise InvalidFormat("iban-format")
    if int(number[4:] + _SE00_AS_DIGITS[:4] + number[2:4]) % 97 != 1:
        raise InvalidChecksum("iban-check-digits")
    return number
