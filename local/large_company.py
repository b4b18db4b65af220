"""A made-up company of any size, as the two simulators take it: who differs and who is missing is known beforehand.

People stand in another order in Huma than in Fortnox. Nobody in it exists: names are put together, e-mails are those of
a domain for examples, phone numbers and accounts are valid and invented.
"""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass
from typing import Any

from huma_fortnox.domain.check_digits import luhn_digit

Json = dict[str, Any]

NAMESPACE = uuid.UUID("3d6c1f0a-5b7e-5c1d-8a2f-90e4b7d31c55")
ORGANIZATION = str(uuid.uuid5(NAMESPACE, "organization"))
COMPANY = "Storbolaget Exempel AB"

_GIVEN = (
    "Alma",
    "Bertil",
    "Cilla",
    "David",
    "Elin",
    "Folke",
    "Greta",
    "Hugo",
    "Iris",
    "Jarl",
    "Klara",
    "Love",
    "Märta",
)
_FAMILY = ("Sago", "Prov", "Test", "Exempel", "Hitte", "Påhitts", "Låtsas", "Dikt", "Fantasi", "Mall")
_ENDINGS = ("berg", "gren", "lund", "qvist", "ström", "fält", "holm", "dal", "hed", "mo", "näs", "vik")
_STREETS = ("Provgatan", "Låtsasvägen", "Fantasitorget", "Hittepågränd", "Sagostigen", "Exempelallén", "Diktarvägen")
_CITIES = ("Exempelstad", "Påhittköping", "Sagohamn", "Låtsasvik", "Diktby")


@dataclass(frozen=True, slots=True)
class Mix:
    """How many people there are on both sides, how many of them differ, and how many stand on one side only."""

    people: int
    differing: int = 0
    only_in_huma: int = 0
    only_in_fortnox: int = 0


def huma_file(mix: Mix, *, seed: int = 1) -> Json:
    """Return the people file of the Huma simulator."""
    users = [_user(number) for number in range(mix.people)]
    newcomers = [_user(mix.people + number) for number in range(mix.only_in_huma)]
    users += [{**user, "employmentId": None} for user in newcomers]
    random.Random(seed).shuffle(users)
    organization = {
        "id": ORGANIZATION,
        "name": COMPANY,
        "slug": "storbolaget",
        "settings": {},
        "apiKeys": [
            {"clientId": str(uuid.uuid5(NAMESPACE, "client")), "clientSecret": str(uuid.uuid5(NAMESPACE, "secret"))}
        ],
        "administrators": [
            {
                "id": str(uuid.uuid5(NAMESPACE, "administrator")),
                "name": "Ester Exempel",
                "email": "ester@example.com",
                "locale": "en",
                "permissions": ["organization-settings"],
            }
        ],
        "jobTitles": [{"name": "Employee"}],
        "users": users,
    }
    return {"organizations": [organization]}


def fortnox_file(mix: Mix) -> Json:
    """Return the people file of the Fortnox simulator; who differs does so in a phone number, address or name."""
    employees = [_employee(number) for number in range(mix.people)]
    for place, employee in enumerate(_spread(employees, mix.differing)):
        match place % 3:
            case 0:
                employee["Phone1"] = phone(int(employee["EmployeeId"]) + 3_000_000)
            case 1:
                employee["Address2"] = f"Gamla {employee['Address2']}"
            case _:
                employee["LastName"] = f"{employee['LastName']}-Fordom"
    first = mix.people + mix.only_in_huma
    employees += [_employee(first + number) for number in range(mix.only_in_fortnox)]
    return {
        "company": {"name": COMPANY, "organizationNumber": "400000-0408", "databaseNumber": 4000408},
        "employees": employees,
    }


def user_id(number: int) -> str:
    """Return the id of one user, which tells nothing of the number."""
    return str(uuid.uuid5(NAMESPACE, f"user {number}"))


def phone(number: int) -> str:
    """Return a mobile number nobody shares."""
    digits = f"{number:07}"
    return f"07{digits[0]}-{digits[1:4]} {digits[4:6]} {digits[6:]}0"


def _spread(employees: list[Json], count: int) -> list[Json]:
    """Return so many of them, evenly spread."""
    return [employees[place * len(employees) // count] for place in range(count)]


def _user(number: int) -> Json:
    person = _person(number)
    return {
        "id": user_id(number),
        "givenName": person["given"],
        "familyName": person["family"],
        "email": person["email"],
        "phone": person["phone"],
        "employmentId": person["id"],
        "homeAddress": {
            "line1": person["street"],
            "postalCode": person["postcode"],
            "city": person["city"],
            "country": "SE",
        },
        "bankAccount": {"number": f"8327-9 {person['account']}", "country": "SE"},
        "positions": [{"title": "Employee", "firstDayOfWork": person["first_day"]}],
    }


def _employee(number: int) -> Json:
    person = _person(number)
    return {
        "EmployeeId": person["id"],
        "FirstName": person["given"],
        "LastName": person["family"],
        "Email": person["email"],
        "Phone1": person["phone"],
        "Address2": person["street"],
        "PostCode": person["postcode"],
        "City": person["city"],
        "Country": "Sverige",
        "ClearingNo": "83279",
        "BankAccountNo": person["account"],
        "EmploymentDate": person["first_day"],
        "PersonelType": "TJM",
        "EmploymentForm": "TV",
        "SalaryForm": "MAN",
    }


def _person(number: int) -> Json:
    """Return what both sides say of one person; every person is another one, and the same one every time."""
    chance = random.Random(number)
    given = chance.choice(_GIVEN)
    family = chance.choice(_FAMILY) + chance.choice(_ENDINGS)
    account = f"{chance.randrange(10**9):09}"
    return {
        "id": str(number + 1),
        "given": given,
        "family": family,
        "email": f"{_ascii(given)}.{_ascii(family)}.{number + 1}@example.com",
        "phone": phone(number),
        "street": f"{chance.choice(_STREETS)} {chance.randrange(1, 200)}",
        "postcode": f"{chance.randrange(11000, 98000)}",
        "city": chance.choice(_CITIES),
        "account": account + luhn_digit(account),
        "first_day": f"20{chance.randrange(5, 26):02}-{chance.randrange(1, 13):02}-{chance.randrange(1, 29):02}",
    }


def _ascii(name: str) -> str:
    return name.lower().translate(str.maketrans("åäöæø", "aaoao"))
