import pytest
from huma_fortnox.domain import country
from huma_fortnox.domain.format_errors import InvalidComponent


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("SE", "SE"),
        ("se", "SE"),
        ("SWE", "SE"),
        ("Sverige", "SE"),
        (" SWEDEN\u00a0", "SE"),
        ("Schweden", "SE"),
        ("Ruotsi", "SE"),
        ("Norge", "NO"),
        ("Norway", "NO"),
        ("NOR", "NO"),
        ("Danmark", "DK"),
        ("Tyskland", "DE"),
        ("Deutschland", "DE"),
        ("UK", "GB"),
        ("U.K.", "GB"),
        ("GBR", "GB"),
        ("Great Britain", "GB"),
        ("Storbritannien", "GB"),
        ("USA", "US"),
        ("U.S.A.", "US"),
        ("Holland", "NL"),
        ("Nederländerna", "NL"),
        ("Czech Republic", "CZ"),
        ("Turkey", "TR"),
        ("Kosovo", "XK"),
        ("A\u030aland", "AX"),
    ],
)
def test_countries_are_known_by_code_and_by_name(name: str, code: str) -> None:
    assert country.validate(name) == code
    assert country.comparison_key(name) == code
    assert country.is_valid(name)


@pytest.mark.parametrize("name", ["", " ", "Ruritania", "EU", "UN", "ZZ", "XA", "AC", "001", "Europa", "Världen"])
def test_what_is_no_country_is_refused(name: str) -> None:
    with pytest.raises(InvalidComponent) as caught:
        country.validate(name)
    assert caught.value.code == "country-unknown"
    assert not country.is_valid(name)


@pytest.mark.parametrize("empty", ["", " ", "\u200b"])
def test_an_empty_country_compares_as_sweden(empty: str) -> None:
    assert country.comparison_key(empty) == country.comparison_key("Sverige") == "SE"


def test_an_unknown_country_cannot_be_compared() -> None:
    with pytest.raises(InvalidComponent):
        country.comparison_key("Ruritania")


CODES = sorted(set(country._codes().values()))


def test_the_worlds_countries_are_known() -> None:
    assert 245 <= len(CODES) <= 255
    assert all(len(code) == 2 and code.isupper() for code in CODES)


@pytest.mark.parametrize("language", [*country.LANGUAGES, country.CODE])
def test_validating_what_was_formatted_changes_nothing(language: str) -> None:
    for code in CODES:
        assert country.validate(country.format(code, language)) == code


def test_no_name_means_two_countries() -> None:
    names: dict[str, str] = {}
    for language in country.LANGUAGES:
        for code in CODES:
            name = country.format(code, language).casefold()
            assert names.setdefault(name, code) == code


@pytest.mark.parametrize(
    ("code", "language", "name"),
    [
        ("NO", "sv", "Norge"),
        ("NO", "en", "Norway"),
        ("NO", "fi", "Norja"),
        ("SE", "de", "Schweden"),
        ("Norway", "code", "NO"),
    ],
)
def test_countries_are_written_in_a_language(code: str, language: str, name: str) -> None:
    assert country.format(code, language) == name


def test_countries_are_written_in_swedish_by_default() -> None:
    assert country.format("DE") == "Tyskland"


@pytest.mark.parametrize(
    ("sample", "style"),
    [
        ("Sverige", "sv"),
        ("SVERIGE", "sv"),
        ("Sweden", "en"),
        ("se", "code"),
        ("NO", "code"),
        ("Norge", "sv"),
        ("Ruotsi", "fi"),
        ("Schweden", "de"),
        ("", "sv"),
        ("Ruritania", "sv"),
        ("SWE", "sv"),
    ],
)
def test_the_style_of_a_tenant_is_told_by_a_sample(sample: str, style: str) -> None:
    assert country.style_of(sample) == style


def test_a_country_is_written_as_the_sample_is() -> None:
    assert country.in_style_of("Sweden", "NO") == "Norway"
    assert country.in_style_of("SE", "Norge") == "NO"
    assert country.in_style_of("", "NO") == "Norge"


def test_compact_only_cleans() -> None:
    assert country.compact(" Sverige ") == "Sverige"
