import phonenumbers
import pytest
from huma_fortnox.domain import phone
from huma_fortnox.domain.format_errors import InvalidFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from phonenumbers import PhoneNumberFormat

MOBILES = st.builds(
    lambda prefix, rest: f"{prefix}{rest:07}",
    st.sampled_from(["70", "72", "73", "76", "79"]),
    st.integers(0, 9_999_999),
)


def librarys_answer(text: str, region: str = "SE") -> str | None:
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return str(phonenumbers.format_number(number, PhoneNumberFormat.E164))


def our_answer(text: str, region: str = "SE") -> str | None:
    return phone.validate(text, region) if phone.is_valid(text, region) else None


@settings(max_examples=300, deadline=None)
@given(MOBILES, st.sampled_from(["0", "+46", "+46 (0)", "0046", "0046 (0)", "46", "460", "", "00"]))
def test_the_quick_way_for_mobiles_gives_the_librarys_answer(number: str, start: str) -> None:
    for text in (f"{start}{number}", f"{start}{number[:2]}-{number[2:5]} {number[5:]}"):
        assert our_answer(text) == librarys_answer(text)


@settings(max_examples=300, deadline=None)
@given(st.from_regex(r"(\+46|0046|\+47|0|46|00|\+)?[0-9]{5,11}", fullmatch=True))
def test_any_digits_give_the_librarys_answer(text: str) -> None:
    for region in ("SE", "NO", "US"):
        assert our_answer(text, region) == librarys_answer(text, region)


@given(MOBILES)
def test_mobiles_are_written_as_the_library_writes_them(number: str) -> None:
    parsed = phonenumbers.parse(number, "SE")
    assert phone.format(number) == phonenumbers.format_number(parsed, PhoneNumberFormat.NATIONAL)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(["SE", "NO", "DK", "FI", "DE", "US", "GB", "IT"]),
    st.sampled_from(["", " ext. 5", ";ext=123", "#7"]),
)
def test_validating_what_was_formatted_changes_nothing(region: str, extension: str) -> None:
    example = phonenumbers.example_number(region)
    assert example is not None
    text = phonenumbers.format_number(example, PhoneNumberFormat.E164) + extension
    canonical = phone.validate(text, "SE")
    assert phone.validate(phone.format(text, "SE"), "SE") == canonical
    assert phone.comparison_key(phone.format(text, "SE"), "SE") == canonical
    assert phone.validate(canonical, "SE") == canonical


@pytest.mark.parametrize(
    "text",
    [
        "070-123 45 67",
        "0701234567",
        "+46 (0)70-123 45 67",
        "+46701234567",
        "0046701234567",
        "701234567",
        "46701234567",
        "070‑123 45 67",
        "070\u200b1234567",
        "070\u00a0123\u00a045\u00a067",
        "(070) 123.45.67",
        "070/123 45 67",
        "０７０１２３４５６７",
    ],
)
def test_a_swedish_mobile_is_written_in_many_ways(text: str) -> None:
    assert phone.validate(text) == "+46701234567"
    assert phone.comparison_key(text) == "+46701234567"
    assert phone.format(text) == "070-123 45 67"


@pytest.mark.parametrize(
    ("text", "region", "e164", "written"),
    [
        ("08-123 456 78", "SE", "+46812345678", "08-123 456 78"),
        ("0322-368 02", "SE", "+4632236802", "0322-368 02"),
        ("+47 91 23 45 67", "SE", "+4791234567", "+4791234567"),
        ("91 23 45 67", "NO", "+4791234567", "+4791234567"),
        ("+46 70 123 45 67", "NO", "+46701234567", "070-123 45 67"),
        ("+46 8 123 456 78", "NO", "+46812345678", "08-123 456 78"),
        ("+1 212 555 2368", "SE", "+12125552368", "+12125552368"),
        ("08-123 456 78 ext 9", "SE", "+46812345678;ext=9", "08-123 456 78 ext. 9"),
        ("08-123 456 78 ankn. 901", "SE", "+46812345678;ext=901", "08-123 456 78 ext. 901"),
        ("08-123 456 78 anknytning: 9", "SE", "+46812345678;ext=9", "08-123 456 78 ext. 9"),
        ("08-123 456 78 x9", "SE", "+46812345678;ext=9", "08-123 456 78 ext. 9"),
        ("+47 91 23 45 67 #12", "SE", "+4791234567;ext=12", "+4791234567 ext. 12"),
        ("070-123 45 67 extension 3", "SE", "+46701234567;ext=3", "070-123 45 67 ext. 3"),
    ],
)
def test_numbers_are_read_by_region_and_written_for_fortnox(text: str, region: str, e164: str, written: str) -> None:
    assert phone.validate(text, region) == e164
    assert phone.format(text, region) == written
    assert phone.is_valid(text, region)


def test_the_region_decides_whose_number_it_is() -> None:
    assert phone.validate("91234567", "SE") != phone.validate("91234567", "NO")
    assert not phone.is_valid("0701234567", "US")


def test_extensions_tell_numbers_apart() -> None:
    assert phone.comparison_key("08-12345678 ext 1") != phone.comparison_key("08-12345678 ext 2")


@pytest.mark.parametrize(
    ("text", "code", "params"),
    [
        ("", "phone-empty", {}),
        (" \u200b", "phone-empty", {}),
        ("070-123 45 67 (mobil)", "phone-letters", {"character": "m"}),
        ("hem 08-123 456 78", "phone-letters", {"character": "h"}),
        ("070-123 45 67 eller 08-123 456 78", "phone-letters", {"character": "e"}),
        ("070-123 45 67, 08-123 456 78", "phone-several-numbers", {}),
        ("0701234567/0701234568", "phone-several-numbers", {}),
        ("0701234567;0701234568", "phone-several-numbers", {}),
        ("0701234567|0701234568", "phone-several-numbers", {}),
        ("0701234567 & 0701234568", "phone-several-numbers", {}),
        ("070 123 45 67 070 123 45 68", "phone-invalid", {}),
        ("+4600701234567", "phone-invalid", {}),
        ("070-123 45", "phone-invalid", {}),
        ("112", "phone-invalid", {}),
        ("-", "phone-invalid", {}),
        ("+999 123456", "phone-invalid", {}),
        ("070-123 45 67 89", "phone-invalid", {}),
    ],
)
def test_what_is_no_single_number_is_refused(text: str, code: str, params: dict[str, str]) -> None:
    with pytest.raises(InvalidFormat) as caught:
        phone.validate(text)
    assert (caught.value.code, caught.value.params) == (code, params)
    assert not phone.is_valid(text)


def test_compact_keeps_the_digits_grouping() -> None:
    assert phone.compact(" 070‑123  45 67 ") == "070-123 45 67"
