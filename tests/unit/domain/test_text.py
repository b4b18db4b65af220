import unicodedata

import pytest
from huma_fortnox.domain.format_errors import InvalidFormat
from huma_fortnox.domain.text import PLAIN_EQUIVALENTS, clean, plain, validate_characters
from hypothesis import given
from hypothesis import strategies as st

TEXT = st.text(st.one_of(st.characters(), st.sampled_from(' \t\n\u00a0\u200b\u200d\u0301\u0308\u030aAaeéö‑—…"℅\x00')))


@given(TEXT)
def test_cleaning_twice_changes_nothing(value: str) -> None:
    once = clean(value)
    assert clean(once) == once
    assert unicodedata.is_normalized("NFC", once)
    assert once == once.strip()
    assert "  " not in once


@given(TEXT)
def test_plain_text_stays_plain(value: str) -> None:
    once = plain(value)
    assert plain(once) == once
    assert clean(once) == once
    assert not set(once) & set(PLAIN_EQUIVALENTS)


@given(TEXT)
def test_composed_and_decomposed_text_are_the_same(value: str) -> None:
    assert plain(unicodedata.normalize("NFD", value)) == plain(value)


@given(TEXT)
def test_white_space_of_any_kind_is_one_space(value: str) -> None:
    assert clean(f"\u2003{value}\r\n\u00a0x ") == clean(f"{value} x")


@pytest.mark.parametrize(
    ("typed", "cleaned"),
    [
        ("", ""),
        ("   ", ""),
        ("Anna", "Anna"),
        ("Anna \t Maria\n", "Anna Maria"),
        ("\ufeffA\u030asa\u00ad", "Åsa"),
        ("e\u200d\u0301", "é"),
        ("½ m²", "½ m²"),
    ],
)
def test_text_is_cleaned(typed: str, cleaned: str) -> None:
    assert clean(typed) == cleaned


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("Anna‑Lena — Berg", "Anna-Lena - Berg"),
        ("1914–2014", "1914–2014"),
        ("och så vidare…", "och så vidare..."),
        ('“Mia” „Mia“ «Mia» "Mia"', "’Mia’ ’Mia’ ’Mia’ ’Mia’"),
        ("O'Brien O’Brien Oʼ‘‚′", "O'Brien O’Brien O’’’’"),
        ("℅ Berg № 1 −2", "c/o Berg nr 1 -2"),
        ("a\x00\x07 \x7fb\x9f", "a b"),
        ("e\x00\u0301", "é"),
        ("- ‐ ‒ ―", "- - - -"),
    ],
)
def test_typographic_signs_become_plain(typed: str, expected: str) -> None:
    assert plain(typed) == expected


def test_every_equivalent_is_accepted_and_no_original_is() -> None:
    for original, equivalent in PLAIN_EQUIVALENTS.items():
        assert validate_characters(equivalent) == equivalent
        if not original.isalpha():
            with pytest.raises(InvalidFormat):
                validate_characters(original)


PUBLISHED_SIGNS = " \u00a0\n\u0308\u030a–:.`´’,;^¤#%§£$€¢¥©™°&/()=+-*_!?²³®½@\\'"


@pytest.mark.parametrize("sign", PUBLISHED_SIGNS)
def test_the_published_signs_are_accepted(sign: str) -> None:
    assert validate_characters(f"a{sign}b") == f"a{sign}b"


@pytest.mark.parametrize("letters", ["Łukasz", "Nguyễn", "李", "ÅÄÖåäö", "0123456789", "Þórð"])
def test_letters_of_every_alphabet_are_accepted(letters: str) -> None:
    assert validate_characters(letters) == letters


@pytest.mark.parametrize(
    ("character", "shown", "name"),
    [
        ("<", "<", "LESS-THAN SIGN"),
        ("|", "|", "VERTICAL LINE"),
        ("~", "~", "TILDE"),
        ("[", "[", "LEFT SQUARE BRACKET"),
        ("{", "{", "LEFT CURLY BRACKET"),
        ("😀", "😀", "GRINNING FACE"),
        ("\u0301", "\u0301", "COMBINING ACUTE ACCENT"),
        ("\t", "U+0009", "U+0009"),
        ("\u200b", "U+200B", "ZERO WIDTH SPACE"),
        ("\ud800", "U+D800", "U+D800"),
        ("·", "·", "MIDDLE DOT"),
        ("¼", "¼", "VULGAR FRACTION ONE QUARTER"),
    ],
)
def test_a_character_outside_the_set_is_named(character: str, shown: str, name: str) -> None:
    with pytest.raises(InvalidFormat) as caught:
        validate_characters(f"Anna {character} B")
    assert caught.value.code == "text-character"
    assert caught.value.params == {"character": shown, "name": name}


def test_the_first_of_several_characters_is_named() -> None:
    with pytest.raises(InvalidFormat) as caught:
        validate_characters("Åsa ] [")
    assert caught.value.params["character"] == "]"
