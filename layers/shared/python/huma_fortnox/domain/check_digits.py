"""The two check sums of Swedish account numbers: mod 10 (Luhn) and Bankgirot's mod 11.

Both take ASCII digits only and answer whether the last digit fits. They are written for speed
(a synchronization checks every account of a company); the tests hold mod 10 to ``stdnum.luhn``.
"""

from __future__ import annotations

from operator import mul
from typing import Final

_ZERO: Final = ord("0")
_DOUBLED: Final = bytes.maketrans(b"0123456789", bytes([0, 2, 4, 6, 8, 1, 3, 5, 7, 9]))
_WEIGHTS: Final = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1, 2, 3, 4, 5, 6)


def mod10(digits: str) -> int:
    """Return the Luhn sum modulo 10; 0 means that the last digit fits.

    >>> mod10("3316812057492")  # Bankgirot's example of mod 10
    0
    >>> mod10("3316812057493")
    1
    """
    backwards = digits.encode()[::-1]
    single = backwards[::2]
    return (sum(single) - _ZERO * len(single) + sum(backwards[1::2].translate(_DOUBLED))) % 10


def mod11(digits: str) -> int:
    """Return the weighted sum modulo 11; 0 means that the last digit fits.

    The weights are 1, 2, … 10 and again 1, 2, … counted from the right (Bankgirot, "Bank account
    numbers in Swedish banks"). At most 16 digits.

    >>> mod11("1912763608957")  # Bankgirot's example of mod 11
    0
    >>> mod11("1912763608958")
    1
    """
    backwards = digits.encode()[::-1]
    weights = _WEIGHTS[: len(backwards)]
    total: int = sum(map(mul, backwards, weights))
    return (total - _ZERO * sum(weights)) % 11


def luhn_digit(digits: str) -> str:
    """Return the digit to put after ``digits`` so that mod 10 fits.

    >>> luhn_digit("8327")
    '9'
    """
    return str(-mod10(digits + "0") % 10)
