"""What may be said about a request in an error or a log: codes and names, never a value.

The addresses of both systems carry personal data (a search for an e-mail), their answers quote the value they
refuse, and ``requests`` and ``urllib3`` put whole URLs into their messages. So nothing that comes from outside is
repeated unless it looks like a code.
"""

from __future__ import annotations

import logging
import re

_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:\[\]-]{0,63}")
_DIGITS = re.compile(r"[0-9]{5,}")
_NOISY = ("urllib3.connectionpool", "urllib3.connection", "urllib3.response", "urllib3.util.retry")


def code(value: object) -> str:
    """Return ``value`` if it can only be a code or the name of a field, else ``"unreadable"``.

    A number of up to 9 digits is a code (``2000359``); anything else with a long run of digits in it may carry a
    telephone, an account or an identity number and is not repeated.

    >>> code(2000359), code("object:not-found"), code("homeAddress.postalCode")
    ('2000359', 'object:not-found', 'homeAddress.postalCode')
    >>> code("anna@example.com"), code("Värdet (070-123)"), code("x199001011234"), code(None)
    ('unreadable', 'unreadable', 'unreadable', 'unreadable')
    """
    if isinstance(value, bool) or not isinstance(value, str | int):
        return "unreadable"
    text = str(value)
    if text.isdigit() and text.isascii():
        return text if len(text) < 10 else "unreadable"
    return text if _CODE.fullmatch(text) and not _DIGITS.search(text) else "unreadable"


class _Nothing(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return False


_NOTHING = _Nothing()


def silence_connection_logs() -> None:
    """Drop what ``urllib3`` logs: its lines hold paths and queries, also at warning level.

    A filter rather than a level, since a later logging configuration resets levels.
    """
    for name in _NOISY:
        logging.getLogger(name).addFilter(_NOTHING)
