"""Countries: Huma's ISO 3166 alpha-2 codes and Fortnox's free text.

Names are known in Swedish, English, Norwegian, Danish, Finnish and German (Unicode CLDR), besides
the two- and three-letter codes and some everyday names.

>>> validate("Sverige"), validate("sweden"), validate("SWE"), validate("Storbritannien")
('SE', 'SE', 'SE', 'GB')
>>> format("NO"), format("NO", "en"), format("NO", "code")
('Norge', 'Norway', 'NO')
>>> in_style_of("Sweden", "DE"), in_style_of("", "DE")
('Germany', 'Tyskland')
>>> comparison_key("")  # an empty country in Fortnox means Sweden
'SE'
>>> is_valid("Ruritania")
False
"""

from __future__ import annotations

from functools import cache
from typing import Final

from huma_fortnox.domain.format_errors import FormatError, InvalidComponent
from huma_fortnox.domain.text import clean

LANGUAGES: Final = ("sv", "en", "nb", "da", "fi", "de")
"""The languages in which countries are known by name; the first that has a name wins."""

CODE: Final = "code"
"""The style of a tenant that writes ``SE`` where others write Sverige."""

# Known without loading CLDR, which takes tens of milliseconds: what nearly every row holds.
_AT_HAND: Final = {"se": "SE", "swe": "SE", "sverige": "SE", "sweden": "SE"}

# Everyday names that are not among CLDR's.
_EVERYDAY: Final = {
    "great britain": "GB",
    "england": "GB",
    "scotland": "GB",
    "wales": "GB",
    "holland": "NL",
    "czech republic": "CZ",
    "turkey": "TR",
    "macedonia": "MK",
}

# Codes of CLDR that are not countries of ISO 3166 (Kosovo's XK is kept: addresses need it).
_NOT_COUNTRIES: Final = frozenset(("AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "ZZ"))


def compact(value: str) -> str:
    """Return the text with single spaces and without invisible characters."""
    return clean(value)


def validate(value: str) -> str:
    """Return the country's alpha-2 code; raises ``InvalidComponent`` when it is not known."""
    name = _folded(value)
    code = _AT_HAND.get(name) or _codes().get(name)
    if code is None:
        raise InvalidComponent("country-unknown")
    return code


def is_valid(value: str) -> bool:
    """Tell whether the country is known by this code or name."""
    try:
        return bool(validate(value))
    except FormatError:
        return False


def format(value: str, language: str = "sv") -> str:
    """Return the country's name in a language of ``LANGUAGES``, or its alpha-2 code (``CODE``)."""
    code = validate(value)
    return code if language == CODE else _names(language)[code]


def comparison_key(value: str) -> str:
    """Return the text that is equal for equal countries: the code, and ``SE`` for an empty one."""
    return validate(value) if compact(value) else "SE"


def style_of(value: str) -> str:
    """Return how the country is written: a language of ``LANGUAGES``, or ``CODE``.

    What cannot be told, an empty or unknown name, counts as Swedish.

    >>> style_of("Sweden"), style_of("Norge"), style_of("SE"), style_of("Ruritania")
    ('en', 'sv', 'code', 'sv')
    """
    name = _folded(value)
    code = _codes().get(name)
    if code is not None:
        if name == code.casefold():
            return CODE
        for language in LANGUAGES:
            if _fold(_names(language)[code]) == name:
                return language
    return LANGUAGES[0]


def in_style_of(sample: str, value: str) -> str:
    """Return the country ``value`` written as ``sample`` is: same language, or a code."""
    return format(value, style_of(sample))


def _folded(value: str) -> str:
    return _fold(compact(value))


def _fold(name: str) -> str:
    return name.casefold().replace(".", "")


@cache
def _names(language: str) -> dict[str, str]:
    """Return the countries' names in a language by alpha-2 code."""
    from babel import Locale

    return {
        code: name
        for code, name in Locale(language).territories.items()
        if len(code) == 2 and code not in _NOT_COUNTRIES
    }


@cache
def _codes() -> dict[str, str]:
    """Return alpha-2 codes by folded name and code: about 1,900 entries, built at first need."""
    from babel.core import get_global

    known = _names(LANGUAGES[0])
    codes = {code.casefold(): code for code in known}
    for alias, targets in get_global("territory_aliases").items():
        if alias.isalpha() and len(targets) == 1 and targets[0] in known:
            codes.setdefault(alias.casefold(), targets[0])
    for language in LANGUAGES:
        for code, name in _names(language).items():
            codes.setdefault(_fold(name), code)
    return _EVERYDAY | codes
