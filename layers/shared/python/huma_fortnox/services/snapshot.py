"""What a run has read, as JSON: people by columns, for values of one kind stand well side by side when packed.

``row_of`` and ``employee_of_row`` keep a single employee in little memory while everybody is planned.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from huma_fortnox.domain.fields import FIELDS
from huma_fortnox.domain.people import Employee, User

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from huma_fortnox.domain.people import Raw

Json = dict[str, Any]

USERS, EMPLOYEES = "users", "employees"
"""Names of the chunks that hold what was read."""

_NOT_VISIBLE = False
"""Stands for a field that is absent from a person's values."""

_KEYS = tuple(FIELDS)


def users_to_json(users: Sequence[User]) -> Json:
    """Return users as plain JSON."""
    return {
        **_people_to_json(users),
        "requested": {place: user.requested_email for place, user in enumerate(users) if user.requested_email},
        "locked": {place: sorted(user.locked) for place, user in enumerate(users) if user.locked},
    }


def users_from_json(data: Mapping[str, Any]) -> list[User]:
    """Read what ``users_to_json`` wrote."""
    requested, locked = _places(data["requested"]), _places(data["locked"])
    return [
        User(identifier, values, active, identity, requested.get(place), frozenset(locked.get(place, ())))
        for place, (identifier, values, active, identity) in enumerate(_people_from_json(data))
    ]


def employees_to_json(employees: Sequence[Employee]) -> Json:
    """Return employees as plain JSON."""
    return _people_to_json(employees)


def employees_from_json(data: Mapping[str, Any]) -> list[Employee]:
    """Read what ``employees_to_json`` wrote."""
    return [Employee(*person) for person in _people_from_json(data)]


def row_of(employee: Employee) -> bytes:
    """Return one employee in little memory."""
    values = [employee.values.get(key, _NOT_VISIBLE) for key in _KEYS]
    row = [employee.id, employee.active, employee.identity_number, *values]
    return json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode(errors="surrogatepass")


def employee_of_row(row: bytes) -> Employee:
    """Read what ``row_of`` wrote."""
    identifier, active, identity, *values = json.loads(row)
    return Employee(identifier, _visible(zip(_KEYS, values, strict=True)), active, identity)


def _people_to_json(people: Sequence[User | Employee]) -> Json:
    return {
        "id": [person.id for person in people],
        "inactive": [place for place, person in enumerate(people) if not person.active],
        "identity": [person.identity_number for person in people],
        "values": {key: _column([person.values.get(key, _NOT_VISIBLE) for person in people]) for key in _KEYS},
    }


def _people_from_json(data: Mapping[str, Any]) -> list[tuple[str, dict[str, Raw], bool, str | None]]:
    inactive = set(data["inactive"])
    columns = {key: _uncolumn(column) for key, column in data["values"].items()}
    return [
        (identifier, _visible((key, column[place]) for key, column in columns.items()), place not in inactive, identity)
        for place, (identifier, identity) in enumerate(zip(data["id"], data["identity"], strict=True))
    ]


def _column(values: list[Any]) -> list[Any] | Json:
    """Return the values of one field; composite ones part by part."""
    first = next((value for value in values if isinstance(value, Mapping)), None)
    if first is None:
        return values
    parts = {part: [value.get(part) if isinstance(value, Mapping) else None for value in values] for part in first}
    without = {place: value for place, value in enumerate(values) if not isinstance(value, Mapping)}
    return {"parts": parts, "without": without, "length": len(values)}


def _uncolumn(column: list[Any] | Json) -> list[Any]:
    if isinstance(column, list):
        return column
    without = _places(column["without"])
    return [
        without[place] if place in without else {part: values[place] for part, values in column["parts"].items()}
        for place in range(column["length"])
    ]


def _places(data: Mapping[str, Any]) -> dict[int, Any]:
    """Read a mapping by place, whose keys JSON has made texts."""
    return {int(place): value for place, value in data.items()}


def _visible(values: Iterable[tuple[str, Any]]) -> dict[str, Raw]:
    return {key: value for key, value in values if value is not _NOT_VISIBLE}
