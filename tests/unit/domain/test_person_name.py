import pytest
from huma_fortnox.domain import person_name
from huma_fortnox.domain.format_errors import InvalidFormat, InvalidLength
from hypothesis import given
from hypothesis import strategies as st

NAMES = st.text(st.characters(codec="latin-1", categories=("L", "Nd", "Zs")), min_size=1).filter(str.strip)


@given(NAMES)
def test_validating_what_was_formatted_changes_nothing(name: str) -> None:
    once = person_name.validate(name)
    assert person_name.validate(person_name.format(name)) == once
    assert person_name.comparison_key(once) == person_name.comparison_key(name) == once
    assert person_name.is_valid(name)


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        (" Anna  Maria ", "Anna Maria"),
        ("Anna‑Lena", "Anna-Lena"),
        ("A\u030asa", "Åsa"),
        ("O'Brien", "O'Brien"),
        ("Łukasz", "Łukasz"),
        ("\u200bAnna\x00", "Anna"),
    ],
)
def test_names_are_read_with_one_spelling(typed: str, name: str) -> None:
    assert person_name.validate(typed) == name
    assert person_name.format(typed) == name
    assert person_name.comparison_key(typed) == name


def test_compact_keeps_typographic_signs() -> None:
    assert person_name.compact(" Anna‑Lena ") == "Anna‑Lena"


@pytest.mark.parametrize("other", ["ANNA", "anna", "Änna", "Ana", "Anna M"])
def test_names_are_compared_exactly(other: str) -> None:
    assert person_name.comparison_key("Anna") != person_name.comparison_key(other)


@pytest.mark.parametrize(
    ("one", "other", "only_case"),
    [
        ("ANNA", "Anna", True),
        ("Anna", "Anna", False),
        ("Anna ", "Anna", False),
        ("Anna‑lena", "Anna-Lena", True),
        ("Åsa", "Asa", False),
        ("Anna", "Hanna", False),
    ],
)
def test_a_difference_in_case_alone_is_told_apart(one: str, other: str, only_case: bool) -> None:
    assert person_name.differs_only_in_case(one, other) is only_case
    assert person_name.differs_only_in_case(other, one) is only_case


@pytest.mark.parametrize("empty", ["", " ", "\u200b", "\x00"])
def test_an_empty_name_is_refused(empty: str) -> None:
    for read in (person_name.validate, person_name.format, person_name.comparison_key):
        with pytest.raises(InvalidFormat) as caught:
            read(empty)
        assert caught.value.code == "name-empty"
    assert not person_name.is_valid(empty)


def test_a_character_that_fortnox_refuses_is_named_but_can_be_compared() -> None:
    with pytest.raises(InvalidFormat) as caught:
        person_name.validate("Anna <3")
    assert caught.value.code == "text-character"
    assert person_name.comparison_key("Anna <3") == "Anna <3"


def test_a_name_is_never_cut_off() -> None:
    longest = "x" * 255
    assert person_name.validate(longest) == longest
    with pytest.raises(InvalidLength) as caught:
        person_name.validate(longest + "x")
    assert caught.value.code == "name-too-long"
    assert caught.value.params == {"length": "256", "limit": "255"}
