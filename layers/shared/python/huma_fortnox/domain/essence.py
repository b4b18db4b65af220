"""A person without the values that concern nobody else: what a survey of many people keeps of each.

Kept are the fields that must be unique, those that people are matched or suggested by, and the country somebody lives
in, which decides how a phone number is read.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from functools import lru_cache

from huma_fortnox.domain.fields import FIELDS, HOME_FIELD, PAIRING_FIELD, SUGGESTIONS, home_country
from huma_fortnox.domain.people import Employee, Raw, User

KEPT = tuple(
    dict.fromkeys(
        [
            *(key for key, row in FIELDS.items() if row.unique),
            PAIRING_FIELD,
            *(key for together in SUGGESTIONS.values() for key in together),
        ]
    )
)
"""The fields that are kept, apart from the country."""

_PLACES = {key: place for place, key in enumerate((*KEPT, HOME_FIELD))}
_NOT_VISIBLE = object()


class _Kept(Mapping[str, Raw]):
    """Some of a person's values, in much less memory than a dictionary takes."""

    __slots__ = ("_values",)

    def __init__(self, values: tuple[object, ...]) -> None:
        self._values = values

    def __getitem__(self, key: str) -> Raw:
        found = self._values[_PLACES[key]]
        if found is _NOT_VISIBLE:
            raise KeyError(key)
        return found  # type: ignore[return-value]  # the one object that is no value has been dealt with

    def __iter__(self) -> Iterator[str]:
        return (key for key, place in _PLACES.items() if self._values[place] is not _NOT_VISIBLE)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def essence_of_user(user: User) -> User:
    """Return a user with only the values that matter to others."""
    return User(user.id, _kept(user), user.active, user.identity_number)


def essence_of_employee(employee: Employee) -> Employee:
    """Return an employee with only the values that matter to others."""
    return Employee(employee.id, _kept(employee), employee.active, employee.identity_number)


def _kept(person: User | Employee) -> _Kept:
    return _Kept((*(_value(person.values, key) for key in KEPT), _home(*home_country(person))))


def _value(values: Mapping[str, Raw], key: str) -> object:
    value = values.get(key, _NOT_VISIBLE)
    # many people have the same name, and nobody the same number
    return sys.intern(value) if isinstance(value, str) and not FIELDS[key].unique else value


@lru_cache(maxsize=512)
def _home(part: str, country: str | None) -> Mapping[str, str | None]:
    """Return the part of an address that names the country; people of one country share it."""
    return {part: country}
