"""Phone numbers, compared as E.164.

A number without a country code belongs to ``region`` (ISO 3166 alpha-2), which has to be the
employee's own country: a Norwegian number without +47 can be a valid Swedish one.

>>> validate("+46 (0)70-123 45 67")
'+46701234567'
>>> validate("08-123 45 67 ankn. 12")
'+4681234567;ext=12'
>>> format("0046701234567")
'070-123 45 67'
>>> format("91 23 45 67", "NO")
'+4791234567'
>>> is_valid("070-123 45 67 (mobil)")
False
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from huma_fortnox.domain.format_errors import FormatError, InvalidFormat
from huma_fortnox.domain.text import plain

if TYPE_CHECKING:
    from phonenumbers import PhoneNumber

# Nearly all numbers of employees are Swedish mobiles. Reading them here is about ten times as fast
# as the library; the tests hold every such number to the library's answer.
_SEPARATORS: Final = str.maketrans("", "", " -.()")
_MOBILE: Final = re.compile(r"(?:(?:\+|00)460?|460?|0)?(7[02369][0-9]{7})")
_MOBILE_ABROAD: Final = re.compile(r"\+460?(7[02369][0-9]{7})")
_SWEDISH_MOBILE: Final = re.compile(r"\+46(7[02369])([0-9]{3})([0-9]{2})([0-9]{2})")

_EXTENSION: Final = re.compile(
    r"(?:;ext=|ext(?:ension)?\b[.:]?|x|#|anknytning\b:?|ankn?\b[.:]?)\s*([0-9]{1,7})$",
    re.IGNORECASE,
)
_BETWEEN_NUMBERS: Final = re.compile(r"[,;/|&]")
_SHORTEST_WHOLE_NUMBER: Final = 7


def compact(value: str) -> str:
    """Return the number with plain hyphens, single spaces and no invisible characters."""
    return plain(value)


def validate(value: str, region: str = "SE") -> str:
    """Return the number as E.164, with ``;ext=`` and the extension if there is one.

    Raises ``InvalidFormat``: empty, letters (a remark beside the number would be read as keypad
    digits), several numbers, or not a possible number.
    """
    digits = value.translate(_SEPARATORS)
    mobile = (_MOBILE if region == "SE" else _MOBILE_ABROAD).fullmatch(digits)
    if mobile is not None:
        return "+46" + mobile[1]
    return _canonical(*_parse(value, region))


def is_valid(value: str, region: str = "SE") -> bool:
    """Tell whether the number exists in the numbering plan of its country."""
    try:
        return bool(validate(value, region))
    except FormatError:
        return False


def format(value: str, region: str = "SE") -> str:
    """Return the number as Fortnox shows it: Swedish ones national, others as E.164."""
    canonical = validate(value, region)
    mobile = _SWEDISH_MOBILE.fullmatch(canonical)
    if mobile is not None:
        return "0{}-{} {} {}".format(*mobile.groups())
    e164, _, extension = canonical.partition(";ext=")
    suffix = f" ext. {extension}" if extension else ""
    if not e164.startswith("+46"):
        return e164 + suffix
    from phonenumbers import PhoneNumberFormat, format_number

    number, _ = _parse(e164, region)
    return format_number(number, PhoneNumberFormat.NATIONAL) + suffix


def comparison_key(value: str, region: str = "SE") -> str:
    """Return the text that is equal for equal numbers."""
    return validate(value, region)


def _canonical(number: PhoneNumber, extension: str) -> str:
    from phonenumbers import PhoneNumberFormat, format_number

    e164: str = format_number(number, PhoneNumberFormat.E164)
    return f"{e164};ext={extension}" if extension else e164


def _parse(value: str, region: str) -> tuple[PhoneNumber, str]:
    """Return the number without its extension, and the extension or an empty text."""
    from phonenumbers import NumberParseException, is_valid_number, parse

    text = compact(value)
    if not text:
        raise InvalidFormat("phone-empty")
    found = _EXTENSION.search(text)
    extension = found[1] if found else ""
    main = text[: found.start()] if found else text
    for character in main:
        if character.isalpha():
            raise InvalidFormat("phone-letters", character=character)
    parts = [re.sub(r"\D", "", part) for part in _BETWEEN_NUMBERS.split(main)]
    if sum(len(part) >= _SHORTEST_WHOLE_NUMBER for part in parts) > 1:
        raise InvalidFormat("phone-several-numbers")
    try:
        number = parse(main, region)
    except NumberParseException:
        raise InvalidFormat("phone-invalid") from None
    if not is_valid_number(number):
        raise InvalidFormat("phone-invalid")
    return number, extension
