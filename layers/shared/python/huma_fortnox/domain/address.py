"""Postal addresses: Huma's three lines, Fortnox's two, compared by what they say.

Huma has ``line1`` to ``line3``, postcode, city and a country code. Fortnox has ``Address1`` (the
c/o line) and ``Address2`` (the street), postcode, city and the country as free text. One field is
written whole.

Two addresses are equal when they have the same parts, whatever lines they stand on: a tenant who
keeps the street in ``Address1`` is not different. Case, the space before a house letter and commas
do not count; an empty country is Sweden.

>>> huma = from_huma({"line1": "Storgatan 1 A", "line2": "c/o Berg", "line3": None,
...                   "postalCode": "44735", "city": "Vårgårda", "country": "SE"})
>>> fortnox = from_fortnox("C/O Berg", "storgatan 1A", "447 35", "VÅRGÅRDA", "")
>>> comparison_key(huma) == comparison_key(fortnox)
True
>>> to_fortnox(huma)
{'Address1': 'c/o Berg', 'Address2': 'Storgatan 1 A', 'PostCode': '447 35', 'City': 'Vårgårda', \
'Country': ''}
>>> to_huma(fortnox)["line1"], to_huma(fortnox)["country"]
('storgatan 1A', 'SE')
>>> format(huma)
'Storgatan 1 A, c/o Berg, 447 35 Vårgårda'
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from huma_fortnox.domain import country as countries
from huma_fortnox.domain import postcode as postcodes
from huma_fortnox.domain.format_errors import FormatError, InvalidFormat, InvalidLength
from huma_fortnox.domain.frozen import dataclass
from huma_fortnox.domain.text import clean, plain, validate_characters

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LONGEST: Final = 255
"""Huma's limit in characters for each part; Fortnox publishes none."""

STREET_LINE: Final = "Address2"
"""Where Fortnox's users write the street when nothing shows another habit."""

_SWEDEN: Final = "SE"
_OTHER_LINE: Final = {"Address1": "Address2", "Address2": "Address1"}
_CARE_OF: Final = re.compile(r"^c\s?/\s?o\b\s?:?\s*", re.IGNORECASE)
_HOUSE_LETTER: Final = re.compile(r"([0-9])\s+([a-zåäö])(?=\s|,|$)")
_COMMAS: Final = re.compile(r"\s*,[\s,]*")
# A street and its number, as most lines are: one part, found without further ado.
_STREET_AND_NUMBER: Final = re.compile(r"[^\W\d][^\d,/]*[0-9]*[a-zåäö]?")
_AFTER_HOUSE_NUMBER: Final = re.compile(r"([^\W\d][^\d]*[0-9]+[a-zåäö]?)\s+(.+)")


@dataclass(frozen=True, slots=True, repr=False)
class Address:
    """An address as one of the systems has it: text, empty where there is nothing.

    ``country`` is a code or a name, as the system wrote it.
    """

    line1: str = ""
    line2: str = ""
    line3: str = ""
    postal_code: str = ""
    city: str = ""
    country: str = ""

    def __repr__(self) -> str:
        # An address must not reach a log by way of a traceback.
        return f"<Address of {len(self.lines)} lines>"

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines that are not empty, in order."""
        return tuple(line for line in (self.line1, self.line2, self.line3) if line)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing but, at most, a country."""
        return not (self.lines or self.postal_code or self.city)


def from_huma(value: Mapping[str, str | None]) -> Address:
    """Read Huma's ``homeAddress``; a missing part is empty."""
    keys = ("line1", "line2", "line3", "postalCode", "city", "country")
    return Address(*(clean(value.get(key) or "") for key in keys))


def from_fortnox(
    address1: str | None,
    address2: str | None,
    postcode: str | None,
    city: str | None,
    country: str | None,
) -> Address:
    """Read Fortnox's five properties; ``line1`` is ``Address1``."""
    return Address(
        line1=clean(address1 or ""),
        line2=clean(address2 or ""),
        postal_code=clean(postcode or ""),
        city=clean(city or ""),
        country=clean(country or ""),
    )


def compact(address: Address) -> Address:
    """Return the address with typographic signs replaced, as Fortnox takes them."""
    return Address(
        plain(address.line1),
        plain(address.line2),
        plain(address.line3),
        plain(address.postal_code),
        plain(address.city),
        plain(address.country),
    )


def validate(address: Address) -> Address:
    """Return the address with its postcode written as usual and its country as a code.

    A missing country stays empty. Raises ``InvalidFormat`` when there is no address, a character
    that Fortnox refuses or a Swedish postcode that cannot be one, and ``InvalidComponent`` for an
    unknown country. Parts that are missing are not an error.
    """
    found = compact(address)
    if found.is_empty:
        raise InvalidFormat("address-empty")
    for text in (*found.lines, found.postal_code, found.city):
        validate_characters(text)
    country = countries.validate(found.country) if found.country else ""
    postal_code = found.postal_code
    if postal_code:
        postal_code = postcodes.format(postal_code, country or _SWEDEN)
    return Address(found.line1, found.line2, found.line3, postal_code, found.city, country)


def is_valid(address: Address) -> bool:
    """Tell whether the address can be written to both systems as far as rules can tell."""
    try:
        return bool(validate(address))
    except FormatError:
        return False


def format(address: Address) -> str:
    """Return the address on one line, with the country's Swedish name when it is not Sweden.

    Any address can be shown; nothing is raised.
    """
    found = compact(address)
    code = _country_key(found.country)
    postal_code = found.postal_code
    if postcodes.is_valid(postal_code, code):
        postal_code = postcodes.format(postal_code, code)
    abroad = "" if code == _SWEDEN else _country_name(found.country)
    parts = (*found.lines, f"{postal_code} {found.city}".strip(), abroad)
    return ", ".join(part for part in parts if part)


def comparison_key(address: Address) -> str:
    """Return the text that is equal for equal addresses.

    What cannot be read as a postcode or a country is compared as text. Raises ``InvalidFormat``
    when there is no address.
    """
    lines = [plain(line) for line in (address.line1, address.line2, address.line3) if line]
    postal_code, city = plain(address.postal_code), plain(address.city)
    if not (any(lines) or postal_code or city):
        raise InvalidFormat("address-empty")
    country = _country_key(address.country)
    return "\n".join((*sorted(_parts(lines)), "", _postcode_key(postal_code, country), city.casefold(), country))


def layout_of(current: Mapping[str, str | None]) -> dict[str, str]:
    """Return how a Fortnox record is written: ``street_line`` and ``country``, no personal data.

    ``street_line`` is the property that holds the street, or absent where the record does not show
    it. ``country`` is the text of the country, possibly empty.

    >>> layout_of({"Address1": "Storgatan 1", "Address2": "", "Country": "Sweden"})
    {'country': 'Sweden', 'street_line': 'Address1'}
    """
    layout = {"country": clean(current.get("Country") or "")}
    line = _street_line(current)
    if line is not None:
        layout["street_line"] = line
    return layout


def to_fortnox(
    address: Address,
    current: Mapping[str, str | None] | None = None,
    *,
    street_line: str = STREET_LINE,
    country_name: str = "Sverige",
) -> dict[str, str]:
    """Return the five properties of Fortnox that write the address.

    All five keys are present; an empty text means that the property has to end up empty. The
    street goes to the line that ``current`` (the record as it stands, or as much of it as is
    known) uses for it, else to ``street_line``; a c/o line goes to the other one. Further lines
    are joined to the street with a comma. What ``current`` already says in another spelling keeps
    it. The country stays empty for Sweden unless the record has one, and is written in the
    language of the record, else in that of ``country_name``, the tenant's word for Sweden.

    Raises what ``validate`` raises.
    """
    now = {key: clean(value or "") for key, value in (current or {}).items()}
    wanted = validate(address)
    country = wanted.country or _SWEDEN
    lines = {key: now.get(key, "") for key in _OTHER_LINE}
    if _parts(map(plain, lines.values())) != _parts(wanted.lines):
        care_of, street = _split_care_of(wanted.lines)
        line = _street_line(now) or street_line
        lines[line] = _kept(lines[line], ", ".join(street))
        lines[_OTHER_LINE[line]] = _kept(lines[_OTHER_LINE[line]], ", ".join(care_of))
    return {
        **lines,
        "PostCode": _kept_postcode(now.get("PostCode", ""), wanted.postal_code, country),
        "City": _kept_city(now.get("City", ""), wanted.city),
        "Country": _fortnox_country(now.get("Country", ""), country, country_name),
    }


def to_huma(address: Address, current: Mapping[str, str | None] | None = None) -> dict[str, str]:
    """Return Huma's six properties that write the address; all are present, as Huma demands.

    The street comes first and the c/o line after it, unless ``current`` (the profile as it
    stands) begins with a c/o line. What ``current`` already says in another spelling keeps it.

    Raises what ``validate`` raises, and ``InvalidLength`` for a part that Huma cannot hold.
    """
    now = from_huma(current or {})
    wanted = validate(address)
    country = wanted.country or _SWEDEN
    if _parts(map(plain, now.lines)) == _parts(wanted.lines):
        line1, line2, line3 = now.line1, now.line2, now.line3
    else:
        care_of, street = _split_care_of(wanted.lines)
        care_of_first = _CARE_OF.match(now.line1) is not None
        ordered = [*care_of, *street] if care_of_first else [*street, *care_of]
        line1, line2, *others = [*ordered, "", ""]
        line3 = ", ".join(line for line in others if line)
    written = {
        "line1": line1,
        "line2": line2,
        "line3": line3,
        "postalCode": _kept_postcode(now.postal_code, wanted.postal_code, country),
        "city": _kept_city(now.city, wanted.city),
        "country": country,
    }
    for text in written.values():
        if len(text) > LONGEST:
            raise InvalidLength("address-too-long", length=str(len(text)), limit=str(LONGEST))
    return written


def _parts(lines: Iterable[str]) -> set[str]:
    """Return what the lines say, in small letters, split at commas and after a house number."""
    parts: set[str] = set()
    for line in lines:
        folded = line.casefold()
        if _STREET_AND_NUMBER.fullmatch(folded) is not None:
            parts.add(folded)
            continue
        joined = _HOUSE_LETTER.sub(r"\1\2", folded)
        for part in _COMMAS.split(joined):
            part = _CARE_OF.sub("c/o ", part, count=1)
            split = _AFTER_HOUSE_NUMBER.fullmatch(part)
            parts.update(split.groups() if split else (part,))
    parts.discard("")
    return parts


def _split_care_of(lines: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return the c/o lines and the others."""
    care_of: list[str] = []
    street: list[str] = []
    for line in lines:
        (care_of if _CARE_OF.match(line) else street).append(line)
    if care_of and not street:
        # Everything on one line: "c/o Berg, Storgatan 1".
        head, _, tail = care_of[0].partition(",")
        if tail.strip():
            care_of[0] = head
            street.append(tail.strip())
    return care_of, street


def _street_line(current: Mapping[str, str | None]) -> str | None:
    """Return the Fortnox property that holds the street, if the record shows it."""
    streets = [key for key in _OTHER_LINE if (line := clean(current.get(key) or "")) and not _CARE_OF.match(line)]
    return streets[0] if len(streets) == 1 else None


def _kept(now: str, wanted: str) -> str:
    return now if _parts((plain(now),)) == _parts((wanted,)) else wanted


def _kept_city(now: str, wanted: str) -> str:
    return now if plain(now).casefold() == wanted.casefold() else wanted


def _kept_postcode(now: str, wanted: str, country: str) -> str:
    same = _postcode_key(now, country) == _postcode_key(wanted, country)
    return now if same else wanted


def _postcode_key(postal_code: str, country: str) -> str:
    try:
        return postcodes.comparison_key(postal_code, country)
    except FormatError:
        return postcodes.compact(postal_code).replace(" ", "")


def _country_key(country: str) -> str:
    try:
        return countries.comparison_key(country)
    except FormatError:
        return plain(country).casefold()


def _country_name(country: str) -> str:
    return countries.format(country) if countries.is_valid(country) else country


def _fortnox_country(now: str, country: str, country_name: str) -> str:
    if not now:
        return "" if country == _SWEDEN else countries.in_style_of(country_name, country)
    if not countries.is_valid(now):
        return countries.in_style_of(country_name, country)
    if countries.validate(now) == country:
        return now
    return countries.in_style_of(now, country)
