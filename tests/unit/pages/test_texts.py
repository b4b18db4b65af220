"""No text is missing, none is unused, and every language says what English says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest
from huma_fortnox import pages
from huma_fortnox.domain.fields import FIELDS
from huma_fortnox.domain.outcome import Reason
from huma_fortnox.domain.plan_types import Situation
from huma_fortnox.pages import employment, texts
from huma_fortnox.pages.terms import terms

from tests.unit.pages.codes import activity_kinds, reason_codes, sources

LANGUAGES = texts.locales()
SAID_ELSEWHERE = {
    "unknown-code",
    "linked-twice",
    "confirmed-twice",
    "email-missing",
    *(situation.value for situation in Situation),
}
"""Codes the source puts together, so that looking for them as they stand does not find them."""

PAGES = Path(next(iter(pages.__path__)))
STATIC = re.compile(r"""\bt(?:exts\([^)]*\))?\(\s*["']([a-z0-9_.A-Z-]+)["']\s*[,)]""")
PUT_TOGETHER = re.compile(r"""["']([a-z0-9_.-]+[.-])["']\s*~|f["']([a-z0-9_.-]+[.-])\{""")
LISTED = re.compile(r"""\bt\.under\(["']([a-z0-9_.-]+)["']""")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_code_in_the_source_has_words(language: str) -> None:
    t = texts.texts(language)
    codes = reason_codes()
    assert len(codes) > 100
    missing = {
        code: place for code, place in codes.items() if not t.has(f"reason.{texts.aliases().get(code, code)}.sentence")
    }
    assert missing == {}


def test_no_reason_has_words_for_nothing() -> None:
    worded = {key.split(".")[1] for key in texts.texts("en").under("reason")}
    said = set(reason_codes()) | SAID_ELSEWHERE | set(texts.aliases().values())
    assert worded - said == set()
    assert set(texts.aliases()) - set(reason_codes()) == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_kind_of_log_entry_has_words(language: str) -> None:
    kinds = activity_kinds()
    assert {"push", "connected", "disconnected"} <= kinds
    assert [kind for kind in kinds if not texts.texts(language).has(f"activity.kind.{kind}")] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_field_has_its_name_rule_and_direction(language: str) -> None:
    t = texts.texts(language)
    for key in FIELDS:
        for part in ("label", "rule", "direction"):
            assert t.has(f"field.{key}.{part}")


def test_the_english_names_of_fields_are_those_of_the_table() -> None:
    t = texts.texts("en")
    assert {key: t.field(key) for key in FIELDS} == {key: row.label for key, row in FIELDS.items()}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_has_exactly_the_texts_and_names_of_english(language: str) -> None:
    english, other = texts.catalogue("en"), texts.catalogue(language)
    assert set(other) == set(english)
    for key, text in english.items():
        assert _names(other[key]) == _names(text), key
        assert isinstance(other[key], str) == isinstance(text, str), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_is_left_empty_that_english_fills(language: str) -> None:
    for key, text in texts.catalogue("en").items():
        for one, other in zip(_forms(text), _forms(texts.catalogue(language)[key]), strict=True):
            assert bool(one.strip()) == bool(other.strip()), key


def test_every_text_a_page_asks_for_is_there_and_every_text_is_asked_for() -> None:
    catalogue = set(texts.catalogue("en"))
    asked, prefixes = _asked()
    assert len(asked) > 150
    assert {key for key in asked if key not in catalogue} == set()
    prefixes |= {"reason.", "unit."}
    unused = {key for key in catalogue - asked if not any(key.startswith(prefix) for prefix in prefixes)}
    assert unused == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_terms_are_complete(language: str) -> None:
    assert [len(section["paragraphs"]) for section in terms(language)] == [
        len(section["paragraphs"]) for section in terms("en")
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_code_fortnox_demands_of_new_employees_has_words(language: str) -> None:
    t = texts.texts(language)
    for code in (*employment.PERSONEL_TYPES, *employment.EMPLOYMENT_FORMS, *employment.SALARY_FORMS):
        assert t.has(f"employment.code.{code}")


def test_a_code_nobody_has_words_for_gets_a_safe_sentence() -> None:
    sentence, advice = texts.reason(Reason("brand-new", {"value": "070-123 45 67"}), "en")
    assert "brand-new" in sentence
    assert "070" not in sentence + advice


def test_a_missing_parameter_does_not_break_a_sentence() -> None:
    assert texts.reason(Reason("duplicate-in-huma", {"field": "phone"}), "en")[0] == (
        "Phone number: – people in Huma have the same."
    )


def test_parameters_of_our_own_are_put_into_words() -> None:
    sentence, _ = texts.reason(Reason("email-missing", {"field": "email", "side": "fortnox"}), "en")
    assert sentence.startswith("There is no e-mail address in Fortnox")


def test_a_code_told_in_the_words_of_another_keeps_its_own_code() -> None:
    assert texts.reason(Reason("circuit-open"), "en") == texts.reason(Reason("temporarily-unavailable"), "en")


@pytest.mark.parametrize(
    ("asked", "given"),
    [("en-GB", "en"), ("EN_us", "en"), ("", "en"), ("de", "en"), ("../en", "en"), ("__pycache__", "en")],
)
def test_an_unknown_language_becomes_english(asked: str, given: str) -> None:
    assert texts.negotiate(asked) == given


def test_numbers_dates_and_plurals_follow_the_language() -> None:
    t = texts.texts("en")
    assert t("unit.seconds", count=1) == "1 second"
    assert t("unit.seconds", count=2) == "2 seconds"
    assert t.number(12345) == "12,345"
    assert t.date(1_772_445_600) == "2 March 2026"
    assert t.moment(1_772_445_600) == "2 Mar 2026, 11:00:00"
    assert t.moment(1_782_813_600) == "30 Jun 2026, 12:00:00"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "1 second"), (59.2, "1 minute"), (60, "1 minute"), (61, "2 minutes"), (3600, "1 hour"), (3601, "2 hours")],
)
def test_a_length_of_time_is_rounded_up_to_its_unit(seconds: float, said: str) -> None:
    assert texts.texts("en").duration(seconds) == said


def _forms(text: texts.Text) -> list[str]:
    return [text] if isinstance(text, str) else [text["one"], text["other"]]


def _names(text: texts.Text) -> set[str]:
    return {name for form in _forms(text)[-1:] for _, name, _, _ in Formatter().parse(form) if name}


def _asked() -> tuple[set[str], set[str]]:
    """Return the keys that pages and code ask for, and the beginnings of those they put together."""
    asked: set[str] = set()
    prefixes: set[str] = set()
    for source in _sources():
        asked |= set(STATIC.findall(source))
        prefixes |= {one or other for one, other in PUT_TOGETHER.findall(source)}
        prefixes |= {f"{found}." for found in LISTED.findall(source)}
    return asked, prefixes


def _sources() -> Iterator[str]:
    for template in sorted((PAGES / "templates").iterdir()):
        yield template.read_text(encoding="utf-8")
    for path, _ in sources():
        if path.parent.name in ("pages", "web", "texts"):
            yield path.read_text(encoding="utf-8")
