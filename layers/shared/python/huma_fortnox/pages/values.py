"""Fields' values and people's names as pages, API and e-mails show them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from huma_fortnox.domain.decisions import Direction

if TYPE_CHECKING:
    from huma_fortnox.domain.people import FieldSettings, Raw, Side
    from huma_fortnox.domain.plan_types import Change, PlannedPerson


Parts = tuple[tuple[str, bool], ...]
"""A value in pieces, each with whether it differs from the other side's."""

_Piece = tuple[str, str, bool]
"""What stands on either side, and whether that differs."""

_WORD = re.compile(r"\S+\s*")
_SEVERAL = 4
"""Words from which on a value is compared word by word: addresses, not numbers and names."""


def shower(settings: FieldSettings, *, masked: bool = True) -> Callable[[str, Raw, Side], str]:
    """Return the function that shows a field's value: field key, raw value, side; bank accounts usually masked."""
    # The fields bring the libraries for phone numbers and countries with them: only pages with values need those.
    from huma_fortnox.domain.fields import shown

    def show(field_key: str, raw: Raw, side: Side) -> str:
        return shown(field_key, raw, side, settings, masked=masked)

    return show


def field_keys() -> tuple[str, ...]:
    """Return the keys of the supported fields, in the table's order."""
    from huma_fortnox.domain.fields import FIELDS

    return tuple(FIELDS)


def sensitive_keys() -> frozenset[str]:
    """Return the keys of the fields that are shown masked and counted apart."""
    from huma_fortnox.domain.fields import FIELDS

    return frozenset(key for key, row in FIELDS.items() if row.sensitive)


def clearable_keys() -> frozenset[str]:
    """Return the keys of the fields that may be empty."""
    from huma_fortnox.domain.fields import FIELDS

    return frozenset(key for key, row in FIELDS.items() if row.clearable)


def directions(field_key: str) -> tuple[Direction, ...]:
    """Return the directions a field may go, *Leave* included."""
    from huma_fortnox.domain.fields import FIELDS, Flow

    if FIELDS[field_key].direction is Flow.TO_HUMA_IN_SYNCHRONIZATION:
        return (Direction.USE_FORTNOX, Direction.LEAVE)
    return tuple(Direction)


def offered(change: Change) -> tuple[Direction, ...]:
    """Return the directions to offer for one field of one person: none that could never be carried out."""
    from huma_fortnox.domain.fields import FIELDS

    found = directions(change.field)
    if FIELDS[change.field].clearable:
        return found
    never = (Direction.USE_HUMA if not change.huma else None, Direction.USE_FORTNOX if not change.fortnox else None)
    return tuple(each for each in found if each not in never)


def person_name(person: PlannedPerson) -> str:
    """Return the name a person goes by: Huma's, else Fortnox's, else their number, else the key."""
    for party in (person.user, person.employee):
        if party is not None:
            parts = (party.values.get("given_name"), party.values.get("family_name"))
            name = " ".join(part.strip() for part in parts if isinstance(part, str) and part.strip())
            if name:
                return name
    if person.employee is not None:
        return person.employee.id
    return person.key


def marked(one: str, other: str) -> tuple[Parts, Parts]:
    """Split two values where they differ: several words word by word, anything shorter letter by letter.

    >>> marked("070-123 45 67", "070-123 99 67")[0]
    (('070-123 ', False), ('45', True), (' 67', False))
    >>> marked("Nya gatan 4, Umeå", "Gamla gatan 4, Luleå")[1]
    (('Gamla ', True), ('gatan 4, ', False), ('Luleå', True))
    >>> marked("Anna", "")
    ((('Anna', True),), ())
    """
    words, others = _WORD.findall(one), _WORD.findall(other)
    by_word = min(len(words), len(others)) >= _SEVERAL and "".join(words) == one and "".join(others) == other
    pieces = _by_word(words, others) if by_word else _by_letter(one, other)
    left = tuple((mine, differs) for mine, _, differs in pieces if mine)
    return left, tuple((theirs, differs) for _, theirs, differs in pieces if theirs)


def _by_letter(one: str, other: str) -> list[_Piece]:
    """Find what both share at the start and at the end."""
    shortest = min(len(one), len(other))
    start = 0
    while start < shortest and one[start] == other[start]:
        start += 1
    end = 0
    while end < shortest - start and one[-1 - end] == other[-1 - end]:
        end += 1
    last, others_last = len(one) - end, len(other) - end
    return [
        (one[:start], other[:start], False),
        (one[start:last], other[start:others_last], True),
        (one[last:], other[others_last:], False),
    ]


def _by_word(words: list[str], others: list[str]) -> list[_Piece]:
    """Find the words that both share, with the space behind them."""
    from difflib import SequenceMatcher

    found = SequenceMatcher(None, words, others, autojunk=False).get_opcodes()
    return [
        ("".join(words[start:end]), "".join(others[begin:stop]), kind != "equal")
        for kind, start, end, begin, stop in found
    ]
