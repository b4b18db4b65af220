"""Text as people type it: one spelling for white space and accents, and what Fortnox accepts.

Huma takes any Unicode. Fortnox accepts letters of every alphabet, digits and a fixed set of signs
(fortnox.se/developer, "Formats and encoding") and refuses the rest with error 2000359. What has a
plain equivalent is replaced; what has none is named, so that a person can write it another way.

>>> clean("  Anna\\u00a0 Maria\\u200b ")
'Anna Maria'
>>> plain("Anna—Maria “Mia” Berg…")
'Anna-Maria ’Mia’ Berg...'
>>> validate_characters("Łukasz Nguyễn-Ö'Brien")
"Łukasz Nguyễn-Ö'Brien"
>>> try:
...     validate_characters("Anna <3")
... except InvalidFormat as error:
...     error.code, dict(error.params)
('text-character', {'character': '<', 'name': 'LESS-THAN SIGN'})
"""

from __future__ import annotations

import re
from typing import Final
from unicodedata import name as character_name
from unicodedata import normalize

from huma_fortnox.domain.format_errors import InvalidFormat

PLAIN_EQUIVALENTS: Final = {
    "‐": "-",  # hyphen
    "‑": "-",  # non-breaking hyphen
    "‒": "-",  # figure dash
    "—": "-",  # em dash (the en dash is accepted as it is)
    "―": "-",  # horizontal bar
    "−": "-",  # minus sign
    "…": "...",
    '"': "’",
    "“": "’",
    "”": "’",
    "„": "’",
    "«": "’",
    "»": "’",
    "‘": "’",
    "‚": "’",
    "ʼ": "’",  # modifier letter apostrophe
    "′": "’",  # prime
    "℅": "c/o",
    "№": "nr",
}
"""Signs outside Fortnox's set and the plain text that stands for them in Fortnox."""

_SIGNS: Final = frozenset(" \u00a0\n\u0308\u030a–:.`´’',;^¤#%§£$€¢¥©™°&/()=+-*_!?²³®½@\\")
_INVISIBLE: Final = re.compile("[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")
_UNUSUAL: Final = re.compile("[\x00-\x1f\x7f-\x9f" + "".join(PLAIN_EQUIVALENTS) + "]")
_CONTROLS: Final = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0)])
_REPLACEMENTS: Final = str.maketrans(PLAIN_EQUIVALENTS) | _CONTROLS
_SURELY_ACCEPTED: Final = re.compile(r"[A-Za-z0-9 ÅÄÖåäöÉéÜü.,:/&()'-]*")


def clean(value: str) -> str:
    """Return the text in NFC, without invisible characters and with single spaces.

    Every white space, also no-break spaces and line ends, counts as one space; none is left at
    either end. The result is stable: cleaning it again changes nothing.
    """
    if not value.isascii():
        value = normalize("NFC", _INVISIBLE.sub("", value))
    return " ".join(value.split())


def plain(value: str) -> str:
    """Return the cleaned text with typographic signs replaced and control characters removed."""
    value = clean(value)
    if _UNUSUAL.search(value) is None:
        return value
    # Removing a control character can bring a letter and its accent, or two spaces, together.
    return clean(value.translate(_REPLACEMENTS))


def validate_characters(value: str) -> str:
    """Return the text if Fortnox accepts every character of it.

    Raises ``InvalidFormat`` (``text-character``) with the first character that is not accepted and
    its Unicode name.
    """
    if _SURELY_ACCEPTED.fullmatch(value) is None:
        for character in value:
            if not (character.isalpha() or character.isdecimal() or character in _SIGNS):
                code_point = f"U+{ord(character):04X}"
                raise InvalidFormat(
                    "text-character",
                    character=character if character.isprintable() else code_point,
                    name=character_name(character, code_point),
                )
    return value
