import pytest
from huma_fortnox.domain import iban
from huma_fortnox.domain.format_errors import (
    FormatError,
    InvalidChecksum,
    InvalidComponent,
    InvalidFormat,
    InvalidLength,
)
from hypothesis import given
from hypothesis import strategies as st
from stdnum import iban as stdnum_iban


@given(st.text("0123456789", min_size=3, max_size=3), st.text("0123456789", max_size=17))
def test_a_swedish_iban_is_made_and_taken_apart(iban_id: str, account: str) -> None:
    number = iban.swedish(iban_id, account)
    assert stdnum_iban.is_valid(number, check_country=False)
    assert iban.validate(number) == number
    assert iban.swedish_parts(number) == (iban_id, account.zfill(17))
    written = iban.format(number)
    assert written == stdnum_iban.format(number)
    assert iban.validate(written) == iban.comparison_key(written) == number
    assert iban.country(written) == "SE"
    assert iban.is_valid(written)


@given(st.integers(0, 10**17 - 1), st.integers(2, 23), st.sampled_from("0123456789"))
def test_one_mistyped_digit_is_noticed(account: int, at: int, digit: str) -> None:
    number = iban.swedish("800", str(account))
    wrong = number[:at] + digit + number[at + 1 :]
    assert iban.is_valid(wrong) == (wrong == number)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("SE55 8000 0832 7901 4725 8925", "SE5580000832790147258925"),
        ("se5580000832790147258925", "SE5580000832790147258925"),
        (" IBAN: SE55-8000.0832 7901 4725 8925", "SE5580000832790147258925"),
        ("iban SE55 8000 0832 7901 4725 8925", "SE5580000832790147258925"),
        ("NO93 8601 1117 947", "NO9386011117947"),
        ("DE89 3704 0044 0532 0130 00", "DE89370400440532013000"),
        ("GB82 WEST 1234 5698 7654 32", "GB82WEST12345698765432"),
    ],
)
def test_ibans_of_any_country_are_read(text: str, number: str) -> None:
    assert iban.compact(text) == number
    assert iban.validate(text) == number
    assert iban.comparison_key(text) == number
    assert iban.country(text) == number[:2]


@pytest.mark.parametrize(
    ("text", "error", "code", "params"),
    [
        ("", InvalidFormat, "iban-empty", {}),
        ("IBAN: ", InvalidFormat, "iban-empty", {}),
        ("5580000832790147258925", InvalidFormat, "iban-format", {}),
        ("SE", InvalidFormat, "iban-format", {}),
        ("SE55 8000 0832 7901 4725 892", InvalidLength, "iban-length",
         {"digits": "23", "expected": "24"}),
        ("SE55 8000 0832 7901 4725 8925 1", InvalidLength, "iban-length",
         {"digits": "25", "expected": "24"}),
        ("SE55 8000 0832 7901 4725 89X5", InvalidFormat, "iban-format", {}),
        ("SE56 8000 0832 7901 4725 8925", InvalidChecksum, "iban-check-digits", {}),
        ("NO94 8601 1117 947", InvalidChecksum, "iban-check-digits", {}),
        ("NO22 8601 1117 9470", InvalidFormat, "iban-format", {}),
        ("XX39 1234 5678 9012", InvalidComponent, "country-unknown", {}),
    ],
)  # fmt: skip
def test_what_is_no_iban_is_refused(text: str, error: type[FormatError], code: str, params: dict[str, str]) -> None:
    if text.startswith(("NO22", "XX")):  # wrong in another way, with check digits that fit
        text = text[:2] + stdnum_iban.calc_check_digits(text) + text[4:]
    with pytest.raises(FormatError) as caught:
        iban.validate(text)
    assert (type(caught.value), caught.value.code, caught.value.params) == (error, code, params)
    assert not iban.is_valid(text)


@pytest.mark.parametrize(
    ("text", "looks"),
    [
        ("SE55", True),
        (" se 55", True),
        ("IBAN: NO93", True),
        ("iban no93", True),
        ("8327-9", False),
        ("S55", False),
        ("SEK 100", False),
        ("konto SE55", False),
        ("", False),
    ],
)
def test_an_iban_is_known_by_its_beginning(text: str, looks: bool) -> None:
    assert iban.looks_like_iban(text) is looks
