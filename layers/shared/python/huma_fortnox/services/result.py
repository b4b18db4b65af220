"""The result of a run as lines for a spreadsheet."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from huma_fortnox.domain.outcome import FieldOutcome
    from huma_fortnox.services.model import PersonOutcome

RESULT_COLUMNS = ("name", "key", "field", "outcome", "target", "reason", "parameters")

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a spreadsheet takes for the beginning of a formula, full-width forms included."""


def result_row(person: PersonOutcome, outcome: FieldOutcome) -> tuple[str, ...]:
    """Return one field of one person under ``RESULT_COLUMNS``.

    The key, ``e:0042`` or ``u:…``, keeps the zeros that a spreadsheet would take from a number.
    """
    reason = outcome.reason
    return (
        person.name,
        person.key,
        outcome.field,
        outcome.outcome.value,
        outcome.target,
        reason.code if reason else "",
        ", ".join(f"{name}={value}" for name, value in sorted(reason.params.items())) if reason else "",
    )


def csv_line(values: Iterable[str]) -> str:
    """Return one line, separated by semicolons, ended as RFC 4180 wants it.

    Every value stands in quotation marks, and one that a spreadsheet would calculate gets an apostrophe before it.

    >>> csv_line(["Åsa", 'the "big" one', "=1+1", "007"])
    '"Åsa";"the ""big"" one";"\'=1+1";"007"\\r\\n'
    """
    return ";".join(_quoted(value) for value in values) + "\r\n"


def _quoted(value: str) -> str:
    text = " ".join(value.splitlines())
    if value.startswith(_FORMULA) or text.lstrip().startswith(_FORMULA):
        text = f"'{text}"
    return '"' + text.replace('"', '""') + '"'
