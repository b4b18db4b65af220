from datetime import date

import pytest
from huma_fortnox.domain import dates
from huma_fortnox.domain.format_errors import FormatError, InvalidComponent, InvalidFormat
from hypothesis import given
from hypothesis import strategies as st


@given(st.dates())
def test_every_day_reads_back(day: date) -> None:
    text = day.isoformat()
    assert dates.parse(text) == day
    assert dates.validate(f" {text}\n") == dates.format(text) == text
    assert dates.comparison_key(text) == text
    assert dates.compact(f" {text}\n") == text
    assert dates.is_valid(text)


@given(st.dates(), st.dates())
def test_keys_sort_as_days_do(one: date, other: date) -> None:
    keys = dates.comparison_key(one.isoformat()), dates.comparison_key(other.isoformat())
    assert (keys[0] < keys[1]) == (one < other)


@pytest.mark.parametrize(
    ("value", "error", "code"),
    [
        ("", InvalidFormat, "date-empty"),
        ("  ", InvalidFormat, "date-empty"),
        ("20260131", InvalidFormat, "date-format"),
        ("2026-W05-1", InvalidFormat, "date-format"),
        ("2026-1-31", InvalidFormat, "date-format"),
        ("31/01/2026", InvalidFormat, "date-format"),
        ("2026-01-31T00:00:00Z", InvalidFormat, "date-format"),
        ("2026-01-31 x", InvalidFormat, "date-format"),
        ("x2026-01-31", InvalidFormat, "date-format"),
        ("٢٠٢٦-٠١-٣١", InvalidFormat, "date-format"),
        ("2026-02-29", InvalidComponent, "date-impossible"),
        ("2026-13-01", InvalidComponent, "date-impossible"),
        ("0000-01-01", InvalidComponent, "date-impossible"),
    ],
)
def test_what_is_no_day_is_refused(value: str, error: type[FormatError], code: str) -> None:
    with pytest.raises(FormatError) as caught:
        dates.validate(value)
    assert (type(caught.value), caught.value.code) == (error, code)
    assert not dates.is_valid(value)


def test_a_leap_day_is_a_day() -> None:
    assert dates.parse("2024-02-29") == date(2024, 2, 29)
