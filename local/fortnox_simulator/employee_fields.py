"""The fields of an employee: a table of types and limits, and the checks that follow from it."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from zlib import crc32

from local.fortnox_simulator import refusals

if TYPE_CHECKING:
    from local.fortnox_simulator.options import Options


class Kind(StrEnum):
    """What a field holds, and so how it is checked, cleared and given when blank."""

    TEXT = "text"
    IDENTITY = "identity"
    BANK = "bank"
    DATE = "date"
    CHOICE = "choice"
    AMOUNT = "amount"  # a number, written as a string
    NUMBER = "number"
    BOOLEAN = "boolean"
    ROWS = "rows"
    DERIVED = "derived"  # given, and ignored when sent


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its kind, greatest length and permitted values (always also none at all)."""

    name: str
    kind: Kind = Kind.TEXT
    longest: int | None = None
    choices: frozenset[str] = frozenset()


def _choices(name: str, words: str) -> Field:
    return Field(name, Kind.CHOICE, choices=frozenset(words.split()))


def _of_kind(kind: Kind, names: str) -> list[Field]:
    return [Field(name, kind) for name in names.split()]


_FORA = ["-", "A", "A3", *(f"A{n}" for n in (*range(11, 31), *range(41, 49), *range(51, 87), 91, 92, 93)), "T", "T6"]

# The days of vacation by kind and state, and the balances: no synchronization touches them, but a
# row carries them all, so they are here in number and type.
_VACATION = [
    Field(f"VacationDays{state}{kind}", Kind.DERIVED if state or kind == "Saved" else Kind.NUMBER)
    for state in ("", "Registered", "Pending")
    for kind in (
        *("Paid", "Unpaid", "Prepaid", "Saved", "Extra", "Advance"),
        *(f"SavedYear{year}" for year in range(1, 7)),
    )
]

_TABLE = [
    Field("EmployeeId", Kind.IDENTITY, longest=15),
    Field("PersonalIdentityNumber"),
    *_of_kind(Kind.TEXT, "FirstName LastName"),
    Field("FullName", Kind.DERIVED),
    *_of_kind(Kind.TEXT, "Address1 Address2 PostCode City Country Phone1 Phone2 Email"),
    Field("EmploymentDate", Kind.DATE),
    Field("EmployedTo", Kind.DATE),
    _choices("EmploymentForm", "TV PRO TID SVT VIK PRJ PRA FER SES NEJ"),
    _choices("SalaryForm", "MAN TIM"),
    Field("JobTitle", longest=30),
    _choices("PersonelType", "TJM ARB"),
    Field("ScheduleId", longest=10),
    Field("ForaType", Kind.CHOICE, choices=frozenset(_FORA)),
    *_of_kind(Kind.AMOUNT, "MonthlySalary HourlyPay"),
    # SNK is not documented but occurs.
    _choices("TaxAllowance", "HUV EXT TMP STU EJ ??? SNK"),
    *_of_kind(Kind.AMOUNT, "TaxTable NonRecurringTax AverageWeeklyHours AverageHourlyWage"),
    Field("TaxColumn", Kind.NUMBER),
    *_of_kind(Kind.BOOLEAN, "AutoNonRecurringTax Inactive"),
    *_of_kind(Kind.BANK, "ClearingNo BankAccountNo"),
    *_of_kind(Kind.TEXT, "CostCenter Project"),
    _choices("PayslipType", "pdf digital kivra"),
    Field("WorkingTimeEnumeration"),
    *_of_kind(
        Kind.NUMBER,
        "FullTimeEquivalent InitialFlex InitialComp CurrentFlexBalance CurrentCompBalance ATKValue ATFValue"
        " PreliminaryTaxDeducted AbsenceSick AbsenceParental AbsenceCareOfChild AbsenceLeave AbsenceOther"
        " VacationPayPercent VacationSupplement VacationSupplementVariable VacationEntitlement"
        " VacationPayPerDay VacationBasis VacationHours",
    ),
    *_of_kind(Kind.BOOLEAN, "AbsenceQualifying VacationCalculated"),
    *_VACATION,
    *_of_kind(Kind.ROWS, "DatedWages DatedSchedules EmployeeChildren EmployeeCategories OpeningSalaries"),
]
FIELDS: dict[str, Field] = {each.name: each for each in _TABLE}

REQUIRED = ("Email", "FirstName", "LastName")
BANK_FIELDS = tuple(each.name for each in _TABLE if each.kind is Kind.BANK)
_CLEARABLE_TEXT = {Kind.TEXT, Kind.BANK, Kind.CHOICE, Kind.AMOUNT}
_PUNCTUATION = frozenset("–:.`´’,;^¤#%§£$€¢¥©™°&/()=+-*_!?²³®½@\\ \u00a0\n\u0308\u030a")
_KEEP = object()


def read_changes(sent: dict[str, Any], options: Options) -> dict[str, Any]:
    """Turn what was sent into the values to store, None where a field is cleared.

    An empty value does not clear: it is dropped, as are derived fields and ``API_NORIGHT``.
    `Refused` for an unknown field or a value that the field cannot hold.
    """
    changes = {}
    for name, value in sent.items():
        if name not in FIELDS:
            raise refusals.unknown_field(name)
        stored = _read_value(FIELDS[name], value, options)
        if stored is not _KEEP:
            changes[name] = stored
    _check_exclusive(sent)
    return changes


def _read_value(of: Field, value: Any, options: Options) -> Any:
    if of.kind is Kind.DERIVED or value == "API_NORIGHT":
        return _KEEP
    word = {"API_BLANK": "api-blank", "": "empty"}.get(value) if isinstance(value, str) else None
    word = "null" if value is None else word
    if word:
        clearing = options.clear_dates_with if of.kind is Kind.DATE else options.clear_text_with
        if (of.kind is Kind.DATE or of.kind in _CLEARABLE_TEXT) and word in clearing:
            return None
        if word != "api-blank":
            return _KEEP
    value = _typed(of, value)
    check_value(of, value, options)
    return value


def _typed(of: Field, value: Any) -> Any:
    """Coerce as the real API does: a number for a string, a string for a number or a boolean."""
    if of.kind is Kind.ROWS:
        if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
            raise refusals.no_data()
        return value
    if isinstance(value, list | dict):
        raise refusals.no_data()
    if of.kind is Kind.BOOLEAN:
        if isinstance(value, bool):
            return value
        if str(value).lower() in {"true", "false"}:
            return str(value).lower() == "true"
        raise refusals.not_boolean(value)
    if isinstance(value, bool):
        raise refusals.invalid_value(f"Felaktigt värde. ({of.name})")
    if of.kind is Kind.NUMBER:
        try:
            return int(str(value)) if of.name == "TaxColumn" else float(str(value))
        except ValueError:
            raise refusals.not_numeric(value) from None
    return str(value)


def check_value(of: Field, value: Any, options: Options) -> None:
    """Check a value that is not blank; `Refused` says what is wrong with it."""
    if of.kind in {Kind.ROWS, Kind.DERIVED, Kind.BOOLEAN}:
        return
    if of.kind is Kind.NUMBER:
        if of.name == "TaxColumn" and value not in range(1, 7):
            raise refusals.invalid_value(f"Felaktigt värde. ({of.name})")
        return
    if of.longest and len(value) > of.longest:
        raise refusals.invalid_value(f"Värdet är för långt, högst {of.longest} tecken. ({of.name})")
    if of.kind is Kind.IDENTITY:
        if not re.fullmatch(r"[\w/-]+", value):
            raise refusals.not_alphanumeric(value)
    elif of.kind is Kind.DATE:
        _check_date(of.name, value)
    elif of.kind is Kind.CHOICE:
        if value not in of.choices:
            raise refusals.invalid_value(f"Felaktigt värde. ({of.name})")
    elif of.kind is Kind.AMOUNT:
        if not re.fullmatch(r"-?\d+([.,]\d+)?", value):
            raise refusals.not_numeric(value)
    elif of.kind is Kind.BANK and options.bank_format == "digits":
        if not re.fullmatch(r"[0-9]+", value):
            raise refusals.not_numeric(value)
    else:
        _check_text(of.name, value, options)


def _check_date(name: str, value: str) -> None:
    try:
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value, re.ASCII):
            raise ValueError
        date.fromisoformat(value)
    except ValueError:
        raise refusals.invalid_value(f"Felaktigt datum. ({name})") from None


def _check_text(name: str, value: str, options: Options) -> None:
    permitted = _PUNCTUATION | ({"'"} if options.apostrophe else set())
    odd = [
        sign
        for sign in value
        if sign not in permitted and not (sign.isascii() and sign.isdigit()) and unicodedata.category(sign)[0] != "L"
    ]
    if odd or "://" in value:
        raise refusals.forbidden_characters(value)
    if name == "Email" and not re.fullmatch(r"[^@\s]+@[^@\s]+", value):
        raise refusals.invalid_value("Felaktig e-postadress. (Email)")
    if name == "PersonalIdentityNumber" and not re.fullmatch(r"(\d{2})?\d{6}-?\d{4}", value, re.ASCII):
        raise refusals.not_numeric(value)


def _check_exclusive(sent: dict[str, Any]) -> None:
    """Refuse what may not be sent together, and dated rows without one that holds from the start."""
    for rows, singles in (("DatedWages", ("MonthlySalary", "HourlyPay")), ("DatedSchedules", ("ScheduleId",))):
        if not sent.get(rows):
            continue
        for single in singles:
            if sent.get(single) is not None:
                raise refusals.invalid_value(f"{single} och {rows} kan inte anges samtidigt.")
        days = [str(row.get("FirstDay")) for row in sent[rows]]
        if days.count("1970-01-01") != 1 or len(set(days)) != len(days) or min(days) < "1970-01-01":
            raise refusals.invalid_value(f"Felaktiga datum. ({rows})")


def check_record(record: dict[str, Any], options: Options) -> None:
    """Check a whole record before it is stored, fields that nobody touched included."""
    if options.revalidate == "none":
        return
    for name in REQUIRED:
        if not record.get(name):
            raise refusals.missing_value(name)
    if options.revalidate == "all":
        for name, value in record.items():
            if value not in (None, ""):
                check_value(FIELDS[name], value, options)


def present(record: dict[str, Any], *, bank_right: bool) -> dict[str, Any]:
    """Give a stored record as the API does, with every field of the table.

    A blank is ``""`` for some employees and fields and null for others, for no visible reason; a
    boolean may come as a string. Both a wage and its dated rows are given, although they may not be
    sent together. Without the right to bank fields these are ``API_NORIGHT``.
    """
    given: dict[str, Any] = {}
    for name, of in FIELDS.items():
        value = record.get(name)
        if not bank_right and of.kind is Kind.BANK:
            value = "API_NORIGHT"
        elif value in (None, ""):
            value = _blank(of, record)
        given[name] = value
    given["FullName"] = f"{record.get('FirstName') or ''} {record.get('LastName') or ''}".strip()
    given["AutoNonRecurringTax"] = str(given["AutoNonRecurringTax"]).lower()
    given["ScheduleId"] = given["ScheduleId"] or "HEL"
    first = {"EmployeeId": record["EmployeeId"], "FirstDay": "1970-01-01"}
    wages = {name: given[name] for name in ("MonthlySalary", "HourlyPay")}
    given["DatedWages"] = record.get("DatedWages") or [{**first, **wages}]
    given["DatedSchedules"] = record.get("DatedSchedules") or [{**first, "ScheduleId": given["ScheduleId"]}]
    return given


def _blank(of: Field, record: dict[str, Any]) -> Any:
    if of.kind is Kind.ROWS:
        return []
    if of.kind is Kind.BOOLEAN:
        return False
    if of.kind in {Kind.NUMBER, Kind.DERIVED}:
        return 0
    return "" if crc32(f"{record['EmployeeId']} {of.name}".encode()) % 2 else None
