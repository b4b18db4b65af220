from datetime import date

import pytest
from huma_fortnox.domain import identity_number
from huma_fortnox.domain.check_digits import luhn_digit
from huma_fortnox.domain.format_errors import (
    FormatError,
    InvalidChecksum,
    InvalidComponent,
    InvalidFormat,
    InvalidLength,
)
from hypothesis import given
from hypothesis import strategies as st
from stdnum.se import personnummer

TODAY = date(2026, 11, 23)


def number_of(born: date, serial: int, *, coordination: bool = False) -> str:
    day = born.day + 60 if coordination else born.day
    digits = f"{born:%Y%m}{day:02}{serial:03}"
    return digits + luhn_digit(digits[2:])


@given(st.dates(date(1900, 1, 1), TODAY), st.integers(0, 999), st.booleans())
def test_every_form_gives_the_same_twelve_digits(born: date, serial: int, coordination: bool) -> None:
    number = number_of(born, serial, coordination=coordination)
    forms = [number, f"{number[:8]}-{number[8:]}", f" {number[:8]} {number[8:]} "]
    old = (TODAY.year - born.year, (TODAY.month, TODAY.day) >= (born.month, born.day)) >= (100, True)
    forms.append(f"{number[2:8]}{'+' if old else '-'}{number[8:]}")
    if not old:
        forms.append(number[2:])
    for form in forms:
        assert identity_number.validate(form, TODAY) == number, form
        assert identity_number.comparison_key(form, TODAY) == number
        assert identity_number.is_valid(form, TODAY)
        written = identity_number.format(form, TODAY)
        assert written == f"{number[:8]}-{number[8:]}"
        assert identity_number.validate(written, TODAY) == number
    assert personnummer.is_valid(number) or coordination


@pytest.mark.parametrize(
    ("text", "today", "number"),
    [
        ("811228-9874", TODAY, "198112289874"),
        ("8112289874", TODAY, "198112289874"),
        ("811228–9874", TODAY, "198112289874"),
        ("811228‑9874", TODAY, "198112289874"),
        ("19811228-9874", TODAY, "198112289874"),
        ("19811228+9874", TODAY, "198112289874"),
        ("121212-1212", TODAY, "201212121212"),
        ("121212+1212", TODAY, "191212121212"),
        ("121212-1212", date(2012, 12, 12), "201212121212"),
        ("121212-1212", date(2012, 12, 11), "191212121212"),
        ("121212+1212", date(2012, 12, 12), "191212121212"),
        ("121212-1212", date(2011, 12, 31), "191212121212"),
        ("701063-2391", TODAY, "197010632391"),
    ],
)
def test_the_century_follows_from_the_day_and_the_sign(text: str, today: date, number: str) -> None:
    assert identity_number.validate(text, today) == number


@pytest.mark.parametrize("born", ["19700060", "19700360", "19700061"])
def test_a_coordination_number_may_leave_month_and_day_unknown(born: str) -> None:
    number = f"{born}239" + luhn_digit(f"{born[2:]}239")
    assert identity_number.validate(number, TODAY) == number
    assert identity_number.validate(number[2:], TODAY) == number


@pytest.mark.parametrize(
    ("text", "error", "code", "params"),
    [
        ("", InvalidFormat, "identity-number-empty", {}),
        (" ", InvalidFormat, "identity-number-empty", {}),
        ("811228987", InvalidLength, "identity-number-length", {"digits": "9"}),
        ("1811228-9874", InvalidLength, "identity-number-length", {"digits": "11"}),
        ("9874", InvalidLength, "identity-number-length", {"digits": "4"}),
        ("811228-98T4", InvalidFormat, "identity-number-format", {}),
        ("811228-987", InvalidFormat, "identity-number-format", {}),
        ("8112-289874", InvalidFormat, "identity-number-format", {}),
        ("811228--9874", InvalidFormat, "identity-number-format", {}),
        ("811228-9875", InvalidChecksum, "identity-number-check-digit", {}),
        ("19811228-9875", InvalidChecksum, "identity-number-check-digit", {}),
        ("801301-0006", InvalidComponent, "identity-number-date", {}),
        ("800230-0009", InvalidComponent, "identity-number-date", {}),
        ("800001-0002", InvalidComponent, "identity-number-date", {}),
        ("801300-0007", InvalidComponent, "identity-number-date", {}),
        ("800132-0009", InvalidComponent, "identity-number-date", {}),
        ("800192-0006", InvalidComponent, "identity-number-date", {}),
        ("20261124-0000", InvalidComponent, "identity-number-date", {}),
        ("00000101-0008", InvalidComponent, "identity-number-date", {}),
    ],
)
def test_what_is_no_identity_number_is_refused(
    text: str, error: type[FormatError], code: str, params: dict[str, str]
) -> None:
    if error is InvalidComponent:
        text = text[:-1] + luhn_digit(text[-11:-1].replace("-", ""))
    with pytest.raises(FormatError) as caught:
        identity_number.validate(text, TODAY)
    assert (type(caught.value), caught.value.code, caught.value.params) == (error, code, params)
    assert not identity_number.is_valid(text, TODAY)


def test_a_person_born_today_has_a_number_and_one_born_tomorrow_has_not() -> None:
    assert identity_number.is_valid(number_of(TODAY, 1), TODAY)
    assert not identity_number.is_valid(number_of(date(2026, 11, 24), 1), TODAY)
    assert identity_number.is_valid(number_of(TODAY, 1, coordination=True), TODAY)
    assert not identity_number.is_valid(number_of(date(2026, 11, 24), 1, coordination=True), TODAY)


def test_compact_keeps_the_sign() -> None:
    assert identity_number.compact(" 811228 – 9874 ") == "811228-9874"
    assert identity_number.compact("811228+9874") == "811228+9874"
