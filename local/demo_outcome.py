"""What the first synchronization of the demo has to leave in Huma and in Fortnox, and not one value more."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.demo_scene import Json, Scene

Values = dict[tuple[str, str], dict[str, str]]
"""(system, id) → property → value, where there is one."""

Changed = dict[str, tuple[str, str]]
"""Property → before and after."""

HUMA, FORTNOX = "Huma", "Fortnox"

IN_FORTNOX: dict[str, dict[str, str]] = {
    "Elin Exempelgren": {"FirstName": "Elin"},
    "Farid Sagolund": {
        "Phone1": "070-174 06 09",
        "Address2": "Nya Provgatan 40, lgh 1203",
        "PostCode": "123 48",
        "City": "Exempelstad",
    },
    "Greta Molnström": {"LastName": "Molnström", "EmploymentDate": "2022-02-01"},
    "Hugo Provberg": {"Email": "hugo.provberg@example.com"},
    "Isabella Testgren": {"FirstName": "Isabella"},
    "Johan Drömström": {"ClearingNo": "5302", "BankAccountNo": "6603120"},
    "Maja Sagosjö": {
        "Phone1": "070-174 06 16",
        "Address2": "Sjövillan 1",
        "PostCode": "123 51",
        "City": "Exempelstad",
        "ClearingNo": "82149",
        "BankAccountNo": "8123004569",
    },
    "Doris Provström": {"EmployedTo": "2025-06-30"},
    "Edvin Testdal": {"EmployedTo": "2025-08-31"},
    "Yasmin Sagolind": {
        "FirstName": "Yasmin",
        "LastName": "Sagolind",
        "Email": "yasmin.sagolind@example.com",
        "Phone1": "070-174 06 26",
        "Address2": "Lindallén 3",
        "PostCode": "123 55",
        "City": "Exempelstad",
        "ClearingNo": "83170",
        "BankAccountNo": "7001238943",
        "EmploymentDate": "2026-01-12",
        "PersonelType": "ARB",
        "EmploymentForm": "TV",
        "SalaryForm": "MAN",
    },
    "Åke Sundfiktion": {
        "FirstName": "Åke",
        "LastName": "Sundfiktion",
        "Email": "ake.sundfiktion@example.com",
        "Phone1": "070-174 06 27",
        "Address2": "Sundgatan 10",
        "PostCode": "123 56",
        "City": "Exempelstad",
        "EmploymentDate": "2026-02-02",
        "PersonelType": "ARB",
        "EmploymentForm": "TV",
        "SalaryForm": "MAN",
    },
}

IN_HUMA: dict[str, dict[str, str]] = {
    "Isabella Testgren": {"employmentId": "008"},
    "Nils Fiktivberg": {
        "employmentId": "1012",
        "phone": "070-174 06 17",
        "homeAddress.line1": "Backstugan 4",
        "homeAddress.postalCode": "123 52",
        "homeAddress.city": "Exempelstad",
        "homeAddress.country": "SE",
        "bankAccount.number": "9150 2201870",
        "bankAccount.country": "SE",
        "positions.firstDayOfWork": "2023-09-04",
    },
    "Agnes Fiktivdotter": {
        "givenName": "Agnes",
        "familyName": "Fiktivdotter",
        "email": "agnes.fiktivdotter@example.com",
        "employmentId": "1024",
        "phone": "070-174 06 28",
        "homeAddress.line1": "Sagostigen 9",
        "homeAddress.line2": "c/o Provberg",
        "homeAddress.postalCode": "123 49",
        "homeAddress.city": "Exempelstad",
        "homeAddress.country": "SE",
        "bankAccount.number": "5801 9090142",
        "bankAccount.country": "SE",
        "positions.firstDayOfWork": "2025-09-01",
        "active": "True",
    },
}

NEXT_NUMBERS = {"1029", "1030"}
"""What Fortnox gives to the two new employees, in the order in which they reach it."""

NOBODY_TO_WRITE = ("Tove", "Ulf")
"""Ambiguous and blocked."""

SHOWN = ("Agnes", "Edvin", "Farid", "Greta", "Hugo", "Isabella", "Johan", "Nils", "Yasmin")
_BY_THEMSELVES = {
    *("id", "type", "bankAccount.type", "positions.id", "positions.titleId", "positions.percentage"),
    *("positions.contractStartDate", "positions.contractType"),
}
"""What a system adds by itself to something new."""
_NUMBERS = ("BankAccountNo", "bankAccount.number")


def values_of_everybody(scene: Scene) -> Values:
    """Read everybody from both simulators, every value as a text."""
    found: Values = {(HUMA, identity): _flat(user) for identity, user in scene.users().items()}
    found |= {(FORTNOX, identity): _flat(employee) for identity, employee in scene.employees().items()}
    return found


def compare(scene: Scene, before: Values, asked: tuple[int, int]) -> None:
    """Show what changed since ``before`` and hold it to what was decided; ``asked`` are the places in both logs."""
    screen = scene.screen
    screen.chapter("Before and after, as Huma and Fortnox themselves have it")
    changed = _changes(before, values_of_everybody(scene))
    rows = [
        (name, system, property_, *(_masked(property_, value) for value in values))
        for system, people in changed.items()
        for name, properties in people.items()
        if name.startswith(SHOWN)
        for property_, values in properties.items()
    ]
    screen.table(("Person", "System", "Property", "Before", "After"), _without_repetition(sorted(rows)))
    numbers = {
        name: properties["EmployeeId"][1] for name, properties in changed[FORTNOX].items() if "EmployeeId" in properties
    }
    screen.expect_equal(
        set(numbers.values()), NEXT_NUMBERS, "Fortnox numbered the new employees; Huma has to have the same numbers."
    )
    in_fortnox = {name: {**wanted, **_numbered("EmployeeId", name, numbers)} for name, wanted in IN_FORTNOX.items()}
    in_huma = IN_HUMA | {name: {"employmentId": number} for name, number in numbers.items()}
    for system, wanted in ((FORTNOX, in_fortnox), (HUMA, in_huma)):
        found = {
            name: {property_: after for property_, (_, after) in properties.items()}
            for name, properties in changed[system].items()
        }
        for name in sorted({*found, *wanted}):
            if found.get(name) != wanted.get(name):
                screen.expect_equal(found.get(name), wanted.get(name), f"{system} has for {name} what was decided.")
        screen.expect(True, f"{system}: exactly what was decided, for {len(wanted)} people; nobody else changed.")
    writes = [each["path"] for each in scene.fortnox.writes(asked[1])]
    screen.expect_equal(
        len(writes),
        len(IN_FORTNOX),
        f"One request to Fortnox for each person changed there: {len(IN_FORTNOX)}. Nothing was written twice.",
    )


def _numbered(property_: str, name: str, numbers: dict[str, str]) -> dict[str, str]:
    return {property_: numbers[name]} if name in numbers else {}


def _flat(value: object, name: str = "") -> dict[str, str]:
    return {name: text for name, text in _texts(value, name) if text and name not in _BY_THEMSELVES}


def _texts(value: object, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, member in value.items():
            yield from _texts(member, f"{name}.{key}" if name else key)
    elif isinstance(value, list):
        for member in value:
            yield from _texts(member, name)
    elif value is not None and value is not False:
        yield name, str(value)


def _changes(before: Values, after: Values) -> dict[str, dict[str, Changed]]:
    """Return by system and by name what differs."""
    found: dict[str, dict[str, Changed]] = {HUMA: {}, FORTNOX: {}}
    for place in {**before, **after}:
        old, new = before.get(place, {}), after.get(place, {})
        properties = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
        if properties:
            found[place[0]][_name(new or old)] = {each: (old.get(each, ""), new.get(each, "")) for each in properties}
    return found


def _name(values: Json) -> str:
    given, family = ("givenName", "familyName") if "givenName" in values else ("FirstName", "LastName")
    return f"{values.get(given, '')} {values.get(family, '')}".strip()


def _masked(property_: str, value: str) -> str:
    return f"•••• {value[-4:]}" if property_ in _NUMBERS and value else value or "-"


def _without_repetition(rows: list[tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    """Leave the person and system out where they are those of the line above."""
    above: tuple[str, ...] = ()
    for row in rows:
        same = 2 if row[:2] == above[:2] else 1 if row[:1] == above[:1] else 0
        yield ("",) * same + row[same:]
        above = row
