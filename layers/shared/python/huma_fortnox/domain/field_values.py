"""How each kind of value is read, shown and written: the cells of the fields table.

A *reader* turns a raw value into a `Reading` and never raises. A *writer* turns a reading's value into what the other
system stores and raises ``FormatError`` where that system cannot hold it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from huma_fortnox.domain import address, bank_account, dates, email, employment_id, person_name, phone
from huma_fortnox.domain.format_errors import FormatError
from huma_fortnox.domain.readings import EMPTY, Reading, text_mark, unreadable

if TYPE_CHECKING:
    from collections.abc import Callable

    from huma_fortnox.domain.people import Raw
    from huma_fortnox.domain.readings import Context

    Layout = Mapping[str, str]
    Properties = dict[str, str | None]

# Text


def read_text(comparison_key: Callable[[str], str]) -> Callable[[Raw, Context], Reading]:
    """Return the reader of a text that compares by itself; its value is the text as it stands."""

    def read(raw: Raw, _context: Context) -> Reading:
        if not isinstance(raw, str):
            return EMPTY
        try:
            key = comparison_key(raw)
        except FormatError as error:
            return unreadable(raw, error)
        return Reading(key, key, raw)

    return read


read_email = read_text(email.comparison_key)
read_employment_id = read_text(employment_id.comparison_key)
read_name = read_text(person_name.comparison_key)
read_date = read_text(dates.comparison_key)


def show_text(_value: str, raw: Raw) -> str:
    """Return a text as it stands, so that people find it again; a phone number too."""
    return raw_text(raw)


def trace_text(raw: Raw) -> str | None:
    """Return the trace of a text that compares by itself.

    >>> trace_text(" 007 "), trace_text("É")
    ('007', None)
    """
    if not isinstance(raw, str) or not raw.isascii():
        return None
    trace = " ".join(raw.split())
    # the same object where it can be: many traces are kept at a time
    return raw if trace == raw else trace


def trace_email(raw: Raw) -> str | None:
    """Return the trace of an e-mail address; an internationalized domain has to be read first.

    >>> trace_email(" Anna@Example.com"), trace_email("anna@xn--hllo-bpa7979d.com")
    ('anna@example.com', None)
    """
    trace = trace_text(raw)
    if trace is None or "--" in trace:
        return None
    lower = trace.lower()
    return trace if lower == trace else lower


# Phone numbers

_ONLY_DIGITS = str.maketrans("", "", " -.+")
_TRACE_DIGITS = 7
_INTERNATIONAL_DIGITS = 11


def read_phone(raw: Raw, context: Context) -> Reading:
    """Read a phone number; one without a country code belongs to the person's region.

    The mark is the number read in the company's region, or else the text: moving house does not make the phone number
    a changed one.
    """
    if not isinstance(raw, str):
        return EMPTY
    home = context.settings.default_region
    try:
        key = phone.comparison_key(raw, context.region)
    except FormatError as error:
        reading = unreadable(raw, error)
        return reading if context.region == home else reading._replace(mark=_phone_mark(raw, home))
    return Reading(key, key if context.region == home else _phone_mark(raw, home), key)


def _phone_mark(raw: str, home: str) -> str:
    try:
        return phone.comparison_key(raw, home)
    except FormatError:
        return text_mark(raw)


def write_phone(value: str, context: Context) -> str:
    """Return a phone number for either side: national for people in Sweden, otherwise with the country code.

    A national number that is written for somebody abroad would be read there as another one.
    """
    if context.region == "SE" == context.settings.default_region:
        return phone.format(value, context.region)
    number, _, extension = value.partition(";ext=")
    return f"{number} ext. {extension}" if extension else number


def trace_phone(raw: Raw) -> str | None:
    """Return the last digits of a phone number, ``None`` where they may not be those of its E.164 form.

    Seven digits at the end are the same in every written form when the national number is at least that long, which
    is certain for a number with eleven digits, or for one that begins with a trunk zero and has seven more.

    >>> trace_phone("070-174 06 05"), trace_phone("+46 (0)70-174 06 05"), trace_phone("0046 701740605")
    ('1740605', None, '1740605')
    >>> trace_phone("112"), trace_phone("070-174 06 05 ankn. 2")
    (None, None)
    """
    if not isinstance(raw, str):
        return None
    digits = raw.translate(_ONLY_DIGITS)
    if not (digits.isascii() and digits.isdigit()):
        return None
    significant = digits.lstrip("0")
    if len(significant) >= _INTERNATIONAL_DIGITS:
        return digits[-_TRACE_DIGITS:]
    trunk_zero = len(digits) - len(significant) == 1 and "+" not in raw
    return digits[-_TRACE_DIGITS:] if trunk_zero and len(significant) >= _TRACE_DIGITS else None


def trace_of_phone_key(key: str) -> str:
    """Return the trace that a number with this key has.

    >>> trace_of_phone_key("+46701740605;ext=2")
    '1740605'
    """
    return key.partition(";")[0][-_TRACE_DIGITS:]


# Bank accounts

_DIGITS = re.compile(r"[0-9]")
_LAST_SHOWN = 4


def read_huma_account(raw: Raw, context: Context) -> Reading:
    """Read Huma's ``bankAccount``: one number, or an IBAN."""
    if raw is None or isinstance(raw, str):
        return EMPTY
    account = raw
    return _read_account(
        " ".join(filter(None, (raw.get("iban"), raw.get("number"), raw.get("country")))),
        lambda own: bank_account.from_huma(account, identity_number=own),
        context,
    )


def read_fortnox_account(raw: Raw, context: Context) -> Reading:
    """Read Fortnox's two account properties."""
    if raw is None or isinstance(raw, str):
        return EMPTY
    clearing_no, account_no = raw.get("ClearingNo") or "", raw.get("BankAccountNo") or ""
    return _read_account(
        f"{clearing_no} {account_no}",
        lambda own: bank_account.parse_fields(clearing_no, account_no, identity_number=own),
        context,
    )


def _read_account(text: str, parse: Callable[[str | None], bank_account.BankAccount], context: Context) -> Reading:
    try:
        account = parse(context.identity_number)
    except FormatError as error:
        return unreadable("".join(_DIGITS.findall(text)) or text, error)
    key = account.key
    if context.identity_number is None or not key.startswith("3300"):
        return Reading(key, key, account)
    # Perhaps it was only readable because the identity number is known: its mark must not depend on that.
    try:
        return Reading(key, parse(None).key, account)
    except FormatError:
        return Reading(key, text_mark("".join(_DIGITS.findall(text))), account)


def show_account(value: bank_account.BankAccount, _raw: Raw) -> str:
    """Return an account as people write it."""
    return value.written


def mask_account(value: bank_account.BankAccount | None, raw: Raw) -> str:
    """Return the bank's name and the last four digits; of an unreadable account only these digits.

    >>> mask_account(None, {"ClearingNo": "8327", "BankAccountNo": "12"})
    '•••• 2712'
    """
    if value is not None:
        return value.masked
    return f"•••• {''.join(_DIGITS.findall(raw_text(raw)))[-_LAST_SHOWN:]}".strip()


def write_huma_account(value: bank_account.BankAccount, _current: Raw, _context: Context) -> Raw:
    """Return an account as Huma holds it: one number and the country."""
    return {"number": value.written, "country": "SE"}


def write_fortnox_account(
    value: bank_account.BankAccount, _current: Raw, _layout: Layout, _context: Context
) -> Properties:
    """Return an account as Fortnox holds it: digits only, in two properties."""
    return {"ClearingNo": value.clearing_no, "BankAccountNo": value.account_no}


# Addresses


def read_huma_address(raw: Raw, _context: Context) -> Reading:
    """Read Huma's ``homeAddress``."""
    return EMPTY if raw is None or isinstance(raw, str) else _read_address(address.from_huma(raw))


def read_fortnox_address(raw: Raw, _context: Context) -> Reading:
    """Read Fortnox's five address properties."""
    return EMPTY if raw is None or isinstance(raw, str) else _read_address(_fortnox_address(raw))


def _fortnox_address(raw: Mapping[str, str | None]) -> address.Address:
    return address.from_fortnox(*(raw.get(key) for key in ("Address1", "Address2", "PostCode", "City", "Country")))


def _read_address(value: address.Address) -> Reading:
    try:
        key = address.comparison_key(value)
    except FormatError as error:
        return unreadable(" ".join(value.lines), error)
    return Reading(key, key, value)


_FIVE = re.compile(r"[1-9][0-9]{4}\Z")
_SWEDEN_AT_HAND = (None, "Sverige", "Sweden")


def alike_addresses(huma: Raw, fortnox: Raw) -> bool:
    """Tell cheaply whether both sides have the very same texts of a Swedish address, on whatever lines."""
    if not isinstance(huma, dict) or not isinstance(fortnox, dict):
        return False
    return (
        huma["city"] == fortnox["City"]
        and huma["country"] == "SE"
        and fortnox["Country"] in _SWEDEN_AT_HAND
        and _same_postcode(huma["postalCode"], fortnox["PostCode"])
        and sorted(filter(None, (huma["line1"], huma["line2"], huma["line3"])))
        == sorted(filter(None, (fortnox["Address1"], fortnox["Address2"])))
    )


def _same_postcode(one: str | None, other: str | None) -> bool:
    return one == other or (
        one is not None and other is not None and _FIVE.match(one) is not None and one == other.replace(" ", "", 1)
    )


def show_address(value: address.Address, _raw: Raw) -> str:
    """Return an address on one line."""
    return address.format(value)


def write_huma_address(value: address.Address, current: Raw, _context: Context) -> Raw:
    """Return an address as Huma holds it: six texts, all of them present."""
    return dict(address.to_huma(value, current if not isinstance(current, str) else None))


def write_fortnox_address(value: address.Address, current: Raw, layout: Layout, context: Context) -> Properties:
    """Return an address as this employee's record is written; an empty part removes what stands there.

    Without the record (``current`` is ``None``) its ``layout`` tells where the street goes and how the country is
    spelt, and every part is written, because what stands there is not known.
    """
    known = current if current is not None and not isinstance(current, str) else None
    written = address.to_fortnox(
        value,
        known if known is not None else {"Country": layout.get("country")},
        street_line=layout.get("street_line", address.STREET_LINE),
        country_name=context.settings.country_name,
    )
    return {
        key: text or None
        for key, text in written.items()
        if text or (known.get(key) if known is not None else key != "Country")
    }


def address_layout(raw: Raw) -> Layout:
    """Return how a Fortnox record's address is written, for a push that does not read it."""
    return address.layout_of(raw) if raw is not None and not isinstance(raw, str) else {}


# Any value


def raw_text(raw: Raw) -> str:
    """Return a raw value as one line, for a person who has to correct it."""
    parts = [raw] if raw is None or isinstance(raw, str) else raw.values()
    return " ".join(" ".join(part for part in parts if part).split())
