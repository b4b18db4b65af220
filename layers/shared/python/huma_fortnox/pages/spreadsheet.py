"""The result of a run as a file that Excel opens with a double click.

Excel reads a CSV file with the list separator of the reader's own settings: a semicolon where the decimal sign is a
comma (Sweden, Norway), a comma elsewhere. It knows UTF-8 by the mark at the beginning, and takes a value for a
formula by its first character.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from huma_fortnox.pages.views import what

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from huma_fortnox.domain.outcome import FieldOutcome
    from huma_fortnox.pages.texts import Texts
    from huma_fortnox.services.model import PersonOutcome

SEPARATORS = {"semicolon": ";", "comma": ","}
COLUMNS = ("name", "reference", "field", "outcome", "system", "reason", "advice", "code")

_MARK = "\ufeff"
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a spreadsheet takes for the beginning of a formula, full-width forms included."""


def usual_separator(locale: str) -> str:
    """Return the key of the separator that Excel expects where somebody's language and country are these.

    >>> usual_separator("sv-SE"), usual_separator("en-SE"), usual_separator("en-GB"), usual_separator("")
    ('semicolon', 'semicolon', 'comma', 'semicolon')
    """
    from babel import Locale, UnknownLocaleError
    from babel.numbers import get_decimal_symbol

    try:
        decimal = get_decimal_symbol(Locale.parse(locale.replace("-", "_")))
    except (UnknownLocaleError, ValueError):
        # Nobody knows: a Swedish payroll has Swedish readers.
        decimal = ","
    return "semicolon" if decimal == "," else "comma"


def heading(t: Texts, separator: str) -> str:
    """Return the file's first line: the mark of UTF-8 and the columns."""
    return _MARK + csv_line([t(f"result.column.{name}") for name in COLUMNS], SEPARATORS[separator])


def lines(people: Iterable[PersonOutcome], t: Texts, separator: str) -> Iterator[str]:
    """Yield a line for every field of every person, or for the person as a whole."""
    for person in people:
        for outcome in person.outcomes:
            yield csv_line(_row(person, outcome, t), SEPARATORS[separator])


def csv_line(values: Iterable[str], between: str) -> str:
    """Return one line, ended as RFC 4180 wants it.

    Every value stands in quotation marks, and one that a spreadsheet would calculate gets an apostrophe before it.

    >>> csv_line(["Åsa", 'the "big" one', "=1+1", "007"], ";")
    '"Åsa";"the ""big"" one";"\\'=1+1";"007"\\r\\n'
    """
    return between.join(_quoted(value) for value in values) + "\r\n"


def _row(person: PersonOutcome, outcome: FieldOutcome, t: Texts) -> tuple[str, ...]:
    """Return a line's values; the reference, ``e:0042`` or ``u:…``, keeps the zeros that a number would lose."""
    reason = outcome.reason
    explained = t.reason(reason) if reason else None
    return (
        person.name,
        person.key,
        what(outcome, t),
        t(f"outcome.{outcome.outcome.value}"),
        t(f"side.{outcome.target}") if outcome.target else "",
        explained.sentence if explained else "",
        f"{explained.advice} {explained.who}".strip() if explained else "",
        reason.code if reason else "",
    )


def _quoted(value: str) -> str:
    text = " ".join(value.splitlines())
    if value.startswith(_FORMULA) or text.lstrip().startswith(_FORMULA):
        text = f"'{text}"
    return '"' + text.replace('"', '""') + '"'
