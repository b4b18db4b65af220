import pytest
from huma_fortnox.domain import postcode
from huma_fortnox.domain.format_errors import FormatError, InvalidFormat, InvalidLength
from hypothesis import given
from hypothesis import strategies as st
from stdnum.se import postnummer


@given(st.integers(10000, 99999))
def test_every_swedish_postcode_reads_back(number: int) -> None:
    digits = str(number)
    written = f"{digits[:3]} {digits[3:]}"
    for form in (digits, written, f" {written} ", f"SE-{digits}", f"s-{written}", f"SE {written}"):
        assert postcode.validate(form) == digits
        assert postcode.format(form) == written
        assert postcode.comparison_key(form) == digits
        assert postcode.validate(postcode.format(form)) == postcode.validate(form)
        assert postcode.is_valid(form)
    assert postnummer.validate(digits) == digits


@pytest.mark.parametrize("form", ["114\u00a018", "１１４ １８", "11418\u200b", "114-18"])
def test_unusual_spellings_are_read(form: str) -> None:
    assert postcode.validate(form) == "11418"


@pytest.mark.parametrize(
    ("value", "error", "code"),
    [
        ("", InvalidFormat, "postcode-empty"),
        (" ", InvalidFormat, "postcode-empty"),
        ("1234", InvalidLength, "postcode-length"),
        ("123456", InvalidLength, "postcode-length"),
        ("01234", InvalidFormat, "postcode-format"),
        ("114 1X", InvalidFormat, "postcode-format"),
        ("NO-0150", InvalidFormat, "postcode-format"),
    ],
)
def test_what_is_no_swedish_postcode_is_refused(value: str, error: type[FormatError], code: str) -> None:
    with pytest.raises(FormatError) as caught:
        postcode.validate(value)
    assert (type(caught.value), caught.value.code) == (error, code)
    assert not postcode.is_valid(value)


@pytest.mark.parametrize(
    ("value", "country", "validated", "key"),
    [
        ("0150", "NO", "0150", "0150"),
        (" sw1a   1aa ", "GB", "SW1A 1AA", "SW1A1AA"),
        ("114 18", "FI", "114 18", "11418"),
        ("S-11418", "NO", "S-11418", "S-11418"),
    ],
)
def test_other_countries_postcodes_are_not_checked(value: str, country: str, validated: str, key: str) -> None:
    assert postcode.validate(value, country) == validated
    assert postcode.format(value, country) == validated
    assert postcode.comparison_key(value, country) == key
    assert postcode.is_valid(value, country)


def test_an_empty_postcode_is_refused_everywhere() -> None:
    assert not postcode.is_valid("", "NO")


def test_compact_has_capitals_and_single_spaces() -> None:
    assert postcode.compact(" se-114   18 ") == "SE-114 18"
