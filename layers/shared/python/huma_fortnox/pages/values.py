"""Fields' values and people's names as pages, API and e-mails show them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from huma_fortnox.domain.decisions import Direction

if TYPE_CHECKING:
    from huma_fortnox.domain.people import FieldSettings, Raw, Side
    from huma_fortnox.domain.plan_types import Change, PlannedPerson


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


def marked(one: str, other: str) -> tuple[tuple[str, str, str], tuple[str, str, str]]:
    """Split two values into what they share at the start, what differs, and what they share at the end.

    >>> marked("070-123 45 67", "070-123 99 67")
    (('070-123 ', '45', ' 67'), ('070-123 ', '99', ' 67'))
    >>> marked("Anna", "")
    (('', 'Anna', ''), ('', '', ''))
    """
    shortest = min(len(one), len(other))
    start = 0
    while start < shortest and one[start] == other[start]:
        start += 1
    end = 0
    while end < shortest - start and one[-1 - end] == other[-1 - end]:
        end += 1
    return (
        (one[:start], one[start : len(one) - end], one[len(one) - end :]),
        (other[:start], other[start : len(other) - end], other[len(other) - end :]),
    )
