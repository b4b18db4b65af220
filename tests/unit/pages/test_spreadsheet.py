"""The result as a file: Excel opens it with a double click, and calculates nothing in it."""

from __future__ import annotations

import csv
import io

import pytest
from huma_fortnox.domain.outcome import FieldOutcome, Outcome, Reason
from huma_fortnox.pages import spreadsheet
from huma_fortnox.pages.texts import locales, texts
from huma_fortnox.services.model import PersonOutcome

from tests.unit.web.fakes import OUTCOMES


def read(people: tuple[PersonOutcome, ...], locale: str = "en", separator: str = "semicolon") -> list[list[str]]:
    t = texts(locale)
    content = "".join((spreadsheet.heading(t, separator), *spreadsheet.lines(people, t, separator)))
    assert content.startswith("\ufeff")
    return list(csv.reader(io.StringIO(content[1:], newline=""), delimiter=spreadsheet.SEPARATORS[separator]))


@pytest.mark.parametrize("separator", spreadsheet.SEPARATORS)
@pytest.mark.parametrize("locale", locales())
def test_it_has_a_line_for_every_field_under_headings_in_the_readers_language(locale: str, separator: str) -> None:
    heading, *lines = read(OUTCOMES, locale, separator)
    t = texts(locale)
    assert heading == [t(f"result.column.{name}") for name in spreadsheet.COLUMNS]
    assert [line[0] for line in lines] == ["Anna Berg"] * 3 + ["<script>alert(1)</script> O'Brien"]
    assert {len(line) for line in lines} == {len(heading)}
    assert lines[2][3:] == [
        t("outcome.held"),
        "Fortnox",
        *(t.reason(Reason("address-too-long", {"length": "300", "limit": "255"})).sentence,),
        t.reason(Reason("address-too-long")).advice,
        "address-too-long",
    ]


@pytest.mark.parametrize(
    "name", ["=1+1", "+46", "-1", "@SUM(A1)", "\t=1", " =1", "\n=1", "\uff1d1", "=cmd|' /C calc'!A0"]
)
def test_nothing_in_it_is_calculated(name: str) -> None:
    [_, line] = read((PersonOutcome("u:x", name, (FieldOutcome("phone", Outcome.DONE, "fortnox"),)),))
    assert line[0].startswith("'")
    assert "\n" not in line[0]


def test_separators_and_quotation_marks_in_a_name_stay_in_it() -> None:
    name = 'Berg; "Bo", Åsa'
    for separator in spreadsheet.SEPARATORS:
        [_, line] = read((PersonOutcome("e:0042", name, OUTCOMES[0].outcomes[:1]),), separator=separator)
        assert line[:2] == [name, "e:0042"]


@pytest.mark.parametrize(
    ("locale", "separator"),
    [
        ("sv-SE", "semicolon"),
        ("nb-NO", "semicolon"),
        ("sv", "semicolon"),
        ("en-SE", "semicolon"),
        ("en-GB", "comma"),
        ("en", "comma"),
        ("xx-not-a-locale", "semicolon"),
        ("", "semicolon"),
    ],
)
def test_the_separator_is_the_one_excel_expects_there(locale: str, separator: str) -> None:
    assert spreadsheet.usual_separator(locale) == separator
