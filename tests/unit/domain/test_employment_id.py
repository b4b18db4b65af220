import pytest
from huma_fortnox.domain import employment_id
from huma_fortnox.domain.format_errors import FormatError, InvalidFormat, InvalidLength
from hypothesis import given
from hypothesis import strategies as st


@given(st.text("0123456789ABCabc-", min_size=1, max_size=15))
def test_an_id_stays_as_it_is(number: str) -> None:
    assert employment_id.validate(number) == number
    assert employment_id.format(number) == number
    assert employment_id.compact(f" {number}\u200b ") == number
    assert employment_id.comparison_key(f" {number} ") == number
    assert employment_id.is_valid(number)


@pytest.mark.parametrize(("one", "other"), [("07", "7"), ("a1", "A1"), ("1", "1 1")])
def test_zeros_case_and_inner_spaces_tell_people_apart(one: str, other: str) -> None:
    assert employment_id.comparison_key(one) != employment_id.comparison_key(other)


@pytest.mark.parametrize(
    ("value", "error", "code", "params"),
    [
        ("", InvalidFormat, "employment-id-empty", {}),
        (" ", InvalidFormat, "employment-id-empty", {}),
        ("1" * 16, InvalidLength, "employment-id-too-long", {"length": "16", "limit": "15"}),
        ("1<2", InvalidFormat, "text-character", {"character": "<", "name": "LESS-THAN SIGN"}),
    ],
)
def test_what_fortnox_cannot_hold_is_refused(
    value: str, error: type[FormatError], code: str, params: dict[str, str]
) -> None:
    with pytest.raises(FormatError) as caught:
        employment_id.validate(value)
    assert type(caught.value) is error
    assert (caught.value.code, caught.value.params) == (code, params)
    assert not employment_id.is_valid(value)
