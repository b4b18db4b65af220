"""Swedish bank accounts: reading what people write, checking it, comparing and writing it.

Huma holds one string (or an IBAN), Fortnox a clearing number and an account number. Everything is
read by the same tolerant reader and checked by the bank's own rule (``clearing``); what cannot be
told is never guessed, because a wrong digit sends a salary to somebody else.

>>> account = parse("8327-9, 014 725 892-5")
>>> account.clearing_no, account.account_no
('83279', '0147258925')
>>> account.written, account.masked
('8327-9 0147258925', 'Swedbank •••• 8925')
>>> account.iban
'SE5580000832790147258925'

Two accounts are the same when their keys are. The key is Bankgirot's form of 16 digits: clearing
number, then the account filled with zeros to 12. Handelsbanken's accounts are unique whatever the
clearing number, and Nordea's 3782 is another name of 3300.

>>> account.key
'8327000147258925'
>>> comparison_key("6114 123456789") == comparison_key("6000 123 456 789")
True
>>> parse_fields("3782", "800928-6249").key == parse("3300 19800928-6249").key
True

The fifth digit that Swedbank's customers see is the Luhn digit of the first four. It may be
missing or run together with the account: at most one reading has right check digits.

>>> parse("83270147258925").key == parse("832790147258925").key == account.key
True
>>> try:
...     parse("8327-8, 014 725 892-5")
... except FormatError as error:
...     error.code
'bank-account-fifth-digit'
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from unicodedata import decimal, normalize

from huma_fortnox.domain import clearing as clearing_table
from huma_fortnox.domain import country as countries
from huma_fortnox.domain import iban as ibans
from huma_fortnox.domain.check_digits import luhn_digit, mod10
from huma_fortnox.domain.format_errors import (
    FormatError,
    InvalidChecksum,
    InvalidComponent,
    InvalidFormat,
    InvalidLength,
    NotSwedish,
    Undecidable,
)
from huma_fortnox.domain.frozen import dataclass
from huma_fortnox.domain.text import clean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from huma_fortnox.domain.clearing import ClearingRange

_CLEARING: Final = 4
_KEY_ACCOUNT: Final = 12
_PERSONAL: Final = "3300"
_PERSONAL_DIGITS: Final = 10
_HANDELSBANKEN: Final = "6000"
_LONGEST_WITHOUT_CLEARING: Final = 9
_SHORTEST_WITHOUT_CLEARING: Final = 7

_ASIDE: Final = re.compile(r"(?:/| [(]).*")
_RUN: Final = re.compile(r"[0-9]+")
_SEPARATED_DIGITS: Final = re.compile(r"[0-9\s.,/:;()‐‑‒–—―−-]*")
_IDENTITY_NUMBER: Final = re.compile(r"(?:19|20)?[0-9]{2}(?:0[1-9]|1[0-2])(?:[06][1-9]|[1278][0-9]|[39][01])[0-9]{4}")


@dataclass(frozen=True, slots=True, repr=False)
class BankAccount:
    """A Swedish account that has passed its bank's rule; made by the ``parse`` functions.

    ``clearing`` has four digits. ``check_digit`` is the fifth one of Swedbank when the source
    showed it. ``account`` has the bank's number of digits. ``bank`` is the bank's name.
    """

    clearing: str
    check_digit: str | None
    account: str
    bank: str

    def __repr__(self) -> str:
        # An account must not reach a log by way of a traceback.
        return f"<BankAccount {self.masked}>"

    @property
    def key(self) -> str:
        """The 16 digits that are equal for equal accounts."""
        clearing = self.clearing
        if clearing.startswith("6"):
            clearing = _HANDELSBANKEN
        elif clearing == "3782":
            clearing = _PERSONAL
        return clearing + self.account.zfill(_KEY_ACCOUNT)

    @property
    def clearing_no(self) -> str:
        """Fortnox's ``ClearingNo``: digits only, five where the source showed five."""
        return self.clearing + (self.check_digit or "")

    @property
    def account_no(self) -> str:
        """Fortnox's ``BankAccountNo``: digits only, as many as the bank uses."""
        return self.account

    @property
    def written(self) -> str:
        """The account as one string, for Huma; the reader takes it back."""
        if self._range.has_fifth_digit:
            return f"{self.clearing}-{luhn_digit(self.clearing)} {self.account}"
        return f"{self.clearing} {self.account}"

    @property
    def masked(self) -> str:
        """The bank and the last four digits, for a page or a log."""
        return f"{_ASIDE.sub('', self.bank)} •••• {self.account[-4:]}"

    @property
    def iban(self) -> str | None:
        """The IBAN, or ``None`` where BSAB's method for the bank is unknown or disputed."""
        row = self._range
        if row.iban_method == "1":
            return ibans.swedish(row.iban_id, self.clearing + self.account)
        if row.iban_method == "2":
            return ibans.swedish(row.iban_id, self.account)
        if row.iban_method == "3":
            fifth = luhn_digit(self.clearing)
            return ibans.swedish(row.iban_id, self.clearing + fifth + self.account)
        return None

    @property
    def _range(self) -> ClearingRange:
        return _find(self.clearing)


def compact(text: str) -> str:
    """Return the digits alone; for an IBAN, the IBAN without separators.

    Equal digits are the same text, not proof of the same account. Raises ``InvalidFormat`` when
    there is something else than digits and separators.
    """
    return ibans.compact(text) if ibans.looks_like_iban(text) else "".join(_runs(text))


def validate(text: str, *, identity_number: str | None = None) -> str:
    """Return the account as ``BankAccount.written`` does; raises what ``parse`` raises."""
    return parse(text, identity_number=identity_number).written


def is_valid(text: str, *, identity_number: str | None = None) -> bool:
    """Tell whether the text is a Swedish account that passes its bank's rule."""
    try:
        return bool(parse(text, identity_number=identity_number))
    except FormatError:
        return False


def format(text: str, *, identity_number: str | None = None) -> str:
    """Return the account as one string the way people write it (``8327-9 0147258925``)."""
    return validate(text, identity_number=identity_number)


def comparison_key(text: str, *, identity_number: str | None = None) -> str:
    """Return the 16 digits that are equal for equal accounts; raises what ``parse`` raises."""
    return parse(text, identity_number=identity_number).key


def parse(text: str, *, identity_number: str | None = None) -> BankAccount:
    """Read an account from one string: clearing number and account number, or an IBAN.

    ``identity_number`` is the employee's own, in any form: 10 or 12 digits that equal it are the
    employee's *personkonto* in Nordea even without a clearing number. Raises a ``FormatError``
    whose code tells what is wrong; ``Undecidable`` where only a person can tell, and
    ``NotSwedish`` for a foreign IBAN.
    """
    if ibans.looks_like_iban(text):
        return parse_iban(text)
    runs = _runs(text)
    if not runs:
        raise InvalidFormat("bank-account-empty")
    digits = "".join(runs)
    if _is_own(digits, identity_number):
        return _read(_find(_PERSONAL), _PERSONAL, None, digits)
    if len(digits) > _PERSONAL_DIGITS and _looks_like_identity_number(digits):
        # 19800928… would otherwise be tried as an account of Nordea's clearing number 1980.
        raise Undecidable("bank-account-identity-number")
    first = runs[0]
    if len(runs) == 1 or len(first) not in (_CLEARING, _CLEARING + 1):
        _refuse_without_clearing(digits)
        return _read_joined(digits)
    row = _find(first[:_CLEARING])
    if len(first) > _CLEARING:
        if row.has_fifth_digit:
            return _read(row, first[:_CLEARING], first[_CLEARING], "".join(runs[1:]))
        if not (row.is_type_1 and len(digits) == _CLEARING + row.digits):
            raise InvalidLength("bank-account-clearing-length", digits=str(len(first)))
    elif row.has_fifth_digit and len(runs) > 2 and len(runs[1]) == 1:
        return _read(row, first, runs[1], "".join(runs[2:]))
    return _read_joined(digits)


def parse_fields(clearing_no: str, account_no: str, *, identity_number: str | None = None) -> BankAccount:
    """Read an account from Fortnox's two fields, ``ClearingNo`` and ``BankAccountNo``.

    The fields are taken as they stand; only when that fails, the fifth digit of the clearing
    number or the whole clearing number is looked for at the beginning of the account. Where one
    field is empty the other is read as ``parse`` does. Raises what ``parse`` raises.
    """
    if not clearing_no.strip() or not account_no.strip():
        only = account_no if not clearing_no.strip() else clearing_no
        return parse(only, identity_number=identity_number)
    clearing, account = "".join(_runs(clearing_no)), "".join(_runs(account_no))
    if len(clearing) == _CLEARING:
        return _read(_find(clearing), clearing, None, account)
    if len(clearing) == _CLEARING + 1:
        row = _find(clearing[:_CLEARING])
        if row.has_fifth_digit:
            return _read(row, clearing[:_CLEARING], clearing[_CLEARING], account)
    raise InvalidLength("bank-account-clearing-length", digits=str(len(clearing)))


def from_huma(value: Mapping[str, str | None], *, identity_number: str | None = None) -> BankAccount:
    """Read Huma's ``bankAccount``: ``iban`` (and ``bic``), or ``number`` and ``country``.

    A missing country counts as Sweden. Raises what ``parse`` raises.

    >>> from_huma({"iban": "SE55 8000 0832 7901 4725 8925", "bic": "SWEDSESS"}).written
    '8327-9 0147258925'
    >>> from_huma({"number": "8327-9, 0147258925", "country": "SE"}).account_no
    '0147258925'
    """
    written_iban = value.get("iban") or ""
    if written_iban.strip():
        return parse_iban(written_iban)
    code = countries.comparison_key(value.get("country") or "")
    if code != "SE":
        raise NotSwedish("bank-account-foreign", country=code)
    return parse(value.get("number") or "", identity_number=identity_number)


def parse_iban(text: str) -> BankAccount:
    """Read a Swedish IBAN and check the account in it by its bank's rule, too.

    The account can be paid to, but its clearing number is not always the branch's own: for
    Handelsbanken it is 6000, for a *personkonto* 3300, for Sparbanken Syd 9570. Raises
    ``NotSwedish`` for another country's IBAN and ``Undecidable`` where the bank's way of putting
    accounts into IBANs is unknown or disputed.

    >>> parse_iban("SE95 3000 0000 0010 1010 1010").written
    '3300 1010101010'
    """
    clearing, fifth, account = decode_iban(text)
    return _read(_find(clearing), clearing, fifth, account)


def decode_iban(text: str) -> tuple[str, str | None, str]:
    """Return clearing number, fifth digit and account of a Swedish IBAN as they stand in it.

    The bank's own check digit is not looked at. Raises what ``parse_iban`` raises.

    >>> decode_iban("SE5580000832790147258925")
    ('8327', '9', '0147258925')
    """
    number = ibans.validate(text)
    if not number.startswith("SE"):
        raise NotSwedish("bank-account-foreign", country=number[:2])
    iban_id, digits = ibans.swedish_parts(number)
    rows = clearing_table.of_iban_id(iban_id)
    if not rows:
        raise InvalidComponent("iban-bank-unknown")
    for row in rows:
        parts = _parts_of_iban(row, digits.lstrip("0"))
        if parts is not None:
            return parts
    if any(not row.iban_method for row in rows):
        raise Undecidable("iban-undecidable")
    raise InvalidComponent("iban-account")


def _parts_of_iban(row: ClearingRange, digits: str) -> tuple[str, str | None, str] | None:
    """Return clearing number, fifth digit and account if the digits can be one of the range.

    ``digits`` are the account digits of the IBAN without zeros in front.
    """
    clearing, rest = digits[:_CLEARING], digits[_CLEARING:]
    if row.iban_method == "2" and len(digits) <= row.digits:
        # The first range of a bank is the one to pay to: 3300 and not 3782.
        return str(row.start), None, digits.zfill(row.digits)
    if row.iban_method == "1" and len(rest) == row.digits and row.holds(clearing):
        return clearing, None, rest
    if row.iban_method == "3" and len(rest) == 1 + row.digits and row.holds(clearing):
        return clearing, rest[0], rest[1:]
    return None


def _runs(text: str) -> list[str]:
    """Return the runs of digits; raises ``InvalidFormat`` for anything but digits and separators.

    Stars, crosses and question marks are no separators: they stand for digits that are hidden.
    """
    if not text.isascii():
        text = normalize("NFKC", clean(text))
        text = "".join(str(decimal(sign)) if sign.isdecimal() else sign for sign in text)
    end = _SEPARATED_DIGITS.match(text).end()  # type: ignore[union-attr]  # it matches anything
    if end < len(text):
        character = text[end]
        raise InvalidFormat(
            "bank-account-letters" if character.isalpha() else "bank-account-character",
            character=character if character.isprintable() else f"U+{ord(character):04X}",
        )
    return _RUN.findall(text)


def _find(clearing: str) -> ClearingRange:
    row = clearing_table.find(clearing)
    if row is None:
        raise InvalidComponent("bank-account-clearing-unknown")
    return row


def _looks_like_identity_number(digits: str) -> bool:
    return _IDENTITY_NUMBER.fullmatch(digits) is not None and not mod10(digits[-10:])


def _is_own(digits: str, identity_number: str | None) -> bool:
    """Tell whether 10 or 12 digits are the employee's own identity number."""
    own = "".join(_RUN.findall(identity_number or ""))
    return (
        len(own) >= _PERSONAL_DIGITS
        and len(digits) in (_PERSONAL_DIGITS, _PERSONAL_DIGITS + 2)
        and own.endswith(digits[-_PERSONAL_DIGITS:])
    )


def _refuse_without_clearing(digits: str) -> None:
    """Hold what may be an account number alone, its first digits being no clearing number.

    Seven to nine digits always may. Ten digits may when they pass mod 10 as they stand, as an
    account of ten digits does; a clearing number and an account of six digits rarely do.
    """
    if _SHORTEST_WITHOUT_CLEARING <= len(digits) <= _LONGEST_WITHOUT_CLEARING or (
        len(digits) == _PERSONAL_DIGITS and not mod10(digits)
    ):
        raise Undecidable("bank-account-clearing-missing")


def _read_joined(digits: str) -> BankAccount:
    """Read a four-digit clearing number and what follows it, perhaps after a fifth digit."""
    clearing, rest = digits[:_CLEARING], digits[_CLEARING:]
    return _read(_find(clearing), clearing, None, rest, asks=True)


def _read(row: ClearingRange, clearing: str, fifth: str | None, rest: str, *, asks: bool = False) -> BankAccount:
    """Return the account after its bank's rule.

    ``fifth`` is the fifth clearing digit if the source showed one apart; otherwise it is looked
    for at the beginning of ``rest``. ``asks`` says that nothing shows where ``rest`` begins.
    """
    if row.has_fifth_digit:
        expected = luhn_digit(clearing)
        if fifth is None:
            fifth, rest = _take_fifth(row, clearing, expected, rest, asks=asks)
        elif fifth != expected:
            raise InvalidChecksum("bank-account-fifth-digit")
    return BankAccount(clearing, fifth, _account(row, clearing, rest), row.bank)


def _take_fifth(row: ClearingRange, clearing: str, expected: str, rest: str, *, asks: bool) -> tuple[str | None, str]:
    """Return the fifth clearing digit, if ``rest`` begins with it, and the account's digits.

    With the digit and without it the Luhn sums differ by that digit's term alone, so both readings
    pass only when it is 0, and then they are the same account. A short number that passes only
    without it may still be a mistyped one with it: a person decides.
    """
    begins = rest.startswith(expected)
    if begins and _passes(row, clearing, rest[1:]):
        return expected, rest[1:]
    if begins and asks and len(rest) < row.digits and _passes(row, clearing, rest):
        raise Undecidable("bank-account-fifth-digit-unclear")
    if len(rest) == row.digits + 1 and rest[0] != "0":
        if not begins:
            raise InvalidChecksum("bank-account-fifth-digit")
        return expected, rest[1:]
    return None, rest


def _passes(row: ClearingRange, clearing: str, digits: str) -> bool:
    try:
        return bool(_account(row, clearing, digits))
    except FormatError:
        return False


def _account(row: ClearingRange, clearing: str, digits: str) -> str:
    """Return the account in the bank's length; raises the reason when it is not a possible one."""
    if not row.is_checkable:
        raise Undecidable("bank-account-not-checkable", bank=row.bank)
    if digits and not digits.strip("0"):
        raise InvalidComponent("bank-account-all-zeros")
    account = _in_length(row, clearing, digits)
    if not row.fits(clearing, account):
        raise InvalidChecksum("bank-account-check-digit", bank=row.bank)
    return account


def _in_length(row: ClearingRange, clearing: str, digits: str) -> str:
    """Return the digits in the bank's length.

    Zeros in front beyond that length, the clearing number repeated, and the century of a personal
    identity number are left out. Missing zeros are filled in for type 2 alone: in type 1 a lost
    digit looks the same as a lost zero.
    """
    surplus = len(digits) - row.digits
    if surplus > 0:
        extra = digits[:surplus]
        if (
            not extra.strip("0")
            or extra == clearing
            or (row.has_fifth_digit and extra == clearing + luhn_digit(clearing))
            or (row.is_personal and extra in ("19", "20"))
        ):
            return digits[surplus:]
        raise _wrong_length("bank-account-too-long", row, digits)
    filled = digits.zfill(row.digits)
    if len(digits) < row.least:
        fits = digits and row.fits(clearing, filled)
        code = "bank-account-zeros-missing" if fits else "bank-account-too-short"
        raise _wrong_length(code, row, digits)
    return filled


def _wrong_length(code: str, row: ClearingRange, digits: str) -> InvalidLength:
    usual = str(row.digits) if row.least == row.digits else f"{row.least}-{row.digits}"
    return InvalidLength(code, bank=row.bank, digits=str(len(digits)), expected=usual)
