import pytest
from huma_fortnox.domain.check_digits import luhn_digit, mod10, mod11
from hypothesis import given
from hypothesis import strategies as st
from stdnum import luhn

DIGITS = st.text("0123456789", min_size=1, max_size=16)


def test_bankgirots_examples_fit() -> None:
    assert mod11("1912763608957") == 0
    assert mod10("3316812057492") == 0


@pytest.mark.parametrize("last", "012345689")
def test_no_other_last_digit_fits_bankgirots_mod_11_example(last: str) -> None:
    assert mod11("191276360895" + last) != 0


@pytest.mark.parametrize("last", "013456789")
def test_no_other_last_digit_fits_bankgirots_mod_10_example(last: str) -> None:
    assert mod10("331681205749" + last) != 0


@given(DIGITS)
def test_mod_10_is_the_luhn_sum(digits: str) -> None:
    assert mod10(digits) == luhn.checksum(digits)
    assert luhn_digit(digits) == luhn.calc_check_digit(digits)
    assert mod10(digits + luhn_digit(digits)) == 0


@pytest.mark.parametrize(
    ("place", "weight"),
    [*((place, place + 1) for place in range(10)), *((place, place - 9) for place in range(10, 16))],
)
def test_mod_11_weighs_places_from_the_right_1_to_10_and_again_from_1(place: int, weight: int) -> None:
    assert mod11("1" + "0" * place) == weight
    assert mod11("2" + "0" * place) == 2 * weight % 11


@given(DIGITS, DIGITS)
def test_mod_11_adds_up(one: str, other: str) -> None:
    joined = one.zfill(16)[:8] + other.zfill(16)[8:]
    assert mod11(joined) == (mod11(joined[:8] + "0" * 8) + mod11("0" * 8 + joined[8:])) % 11
