"""E-mail addresses: syntax only, no look-ups, compared without regard to case.

The part before the @ is case-sensitive on paper; both systems treat an address as a login, so
upper and lower case are the same person. Tags and dots are kept: ``anna+lon`` is not ``anna``.

>>> validate(" Anna.Berg@Example.COM ")
'Anna.Berg@example.com'
>>> comparison_key("Anna.Berg@Example.COM")
'anna.berg@example.com'
>>> is_valid("Anna Berg <anna@example.com>"), is_valid("anna@localhost")
(False, False)
>>> is_valid("anna@huma.test"), is_valid("anna@huma.test", test_environment=True)
(False, True)
"""

from __future__ import annotations

import re
from typing import Final

from huma_fortnox.domain.format_errors import FormatError, InvalidFormat
from huma_fortnox.domain.text import clean

# Addresses of this everyday form need no library: about ten times as fast. The forms that the
# library treats in a special way (special-use domains, IDN) are left to it.
_EVERYDAY: Final = re.compile(
    r"(?=.{1,64}@)[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*@"
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+"
    r"(?!(?:arpa|invalid|local|localhost|onion|test)$)[A-Za-z]{2,63}",
    re.IGNORECASE,
)
_LONGEST_EVERYDAY: Final = 200


def compact(value: str) -> str:
    """Return the address in NFC, without white space around it and invisible characters."""
    return clean(value)


def validate(value: str, *, test_environment: bool = False) -> str:
    """Return the address with its domain in lower case and its local part as written.

    ``test_environment`` also accepts domains under ``.test``. Raises ``InvalidFormat`` when it is
    empty or not an address that could be delivered on the internet.
    """
    address = compact(value)
    if not address:
        raise InvalidFormat("email-empty")
    if len(address) <= _LONGEST_EVERYDAY and "--" not in address and _EVERYDAY.fullmatch(address) is not None:
        local, _, domain = address.partition("@")
        return f"{local}@{domain.lower()}"
    # Imported here: only unusual addresses need it, and it is slow to load.
    from email_validator import EmailNotValidError, validate_email

    try:
        found = validate_email(address, check_deliverability=False, test_environment=test_environment)
    except EmailNotValidError:
        # The library's message may quote the address.
        raise InvalidFormat("email-syntax") from None
    return found.normalized


def is_valid(value: str, *, test_environment: bool = False) -> bool:
    """Tell whether the address could be delivered on the internet, by its syntax."""
    try:
        return bool(validate(value, test_environment=test_environment))
    except FormatError:
        return False


def format(value: str, *, test_environment: bool = False) -> str:
    """Return the address as it is written on either side: the source's own spelling."""
    return validate(value, test_environment=test_environment)


def comparison_key(value: str, *, test_environment: bool = False) -> str:
    """Return the text that is equal for equal addresses."""
    return validate(value, test_environment=test_environment).casefold()
