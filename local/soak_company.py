"""A generated company for the soak, and how its people are compared without our own package.

Everything is made in one known way, so that what should stand in Fortnox follows from what stands in Huma by a few
plain rules: digits of phone and account, postcodes without spaces, e-mails in lower case.
"""

from __future__ import annotations

import random
import re
import uuid
from typing import Any

Json = dict[str, Any]

NAMESPACE = uuid.UUID("0f3c7d2a-6b1e-5a47-9d20-3f8e1c5b7a90")
ORGANIZATION = str(uuid.uuid5(NAMESPACE, "organization"))

PROPERTIES = {
    "email": ("Email",),
    "givenName": ("FirstName",),
    "familyName": ("LastName",),
    "phone": ("Phone1",),
    "homeAddress": ("Address1", "Address2", "PostCode", "City", "Country"),
    "bankAccount": ("ClearingNo", "BankAccountNo"),
    "firstDayOfWork": ("EmploymentDate",),
    "lastDayOfWork": ("EmployedTo",),
}
"""Huma's field → the Employee properties that hold it."""


def account(rng: random.Random) -> tuple[str, str]:
    """Return a clearing number and a valid account of it: rule 1:1, mod 11 over the last 3 and the 7 digits."""
    while True:
        clearing = f"5{rng.randrange(0, 1000):03d}"
        base = f"{rng.randrange(0, 10**6):06d}"
        digits = clearing[1:] + base
        total = sum(int(digit) * weight for digit, weight in zip(digits, range(10, 1, -1), strict=True))
        check = -total % 11
        if check < 10 and int(base):
            return clearing, f"{base}{check}"


def phone(number: int) -> str:
    """Return a number of the range kept free for fiction, and some after it, as Huma shows it."""
    return f"+4670{1740000 + number}"


def company(size: int, rng: random.Random) -> tuple[Json, Json]:
    """Return Huma's and Fortnox's files: of ``size`` people four fifths stand on both sides, half of them differing."""
    users, employees = [], []
    for number in range(size):
        user, employee = _person(number, rng)
        place = number % 10
        if place < 8 and number % 2:
            employee["Phone1"] = "0" + phone(size + number)[3:]
            employee["City"] = "Gamlestad"
        if place != 8:
            users.append(user)
        if place != 9:
            employees.append(employee)
    organization = {
        "id": ORGANIZATION,
        "name": "Uthållig Exempel AB",
        "slug": "uthallig",
        "settings": {},
        "apiKeys": [
            {
                "clientId": str(uuid.uuid5(NAMESPACE, "client")),
                "clientSecret": str(uuid.uuid5(NAMESPACE, "secret")),
            }
        ],
        "administrators": [
            {
                "id": str(uuid.uuid5(NAMESPACE, "able")),
                "name": "Ester Exempel",
                "email": "ester@example.com",
                "locale": "en",
                "permissions": ["organization-settings"],
            },
            {
                "id": str(uuid.uuid5(NAMESPACE, "unable")),
                "name": "Otto Exempel",
                "email": "otto@example.com",
                "locale": "en",
                "permissions": [],
            },
        ],
        "jobTitles": [{"name": "Medarbetare"}],
        "users": users,
    }
    fortnox = {
        "company": {"name": "Uthållig Exempel AB", "organizationNumber": "400000-0309", "databaseNumber": 4000309},
        "employees": employees,
    }
    return {"organizations": [organization]}, fortnox


def _person(number: int, rng: random.Random) -> tuple[Json, Json]:
    clearing, digits = account(rng)
    email = f"person{number}@example.com"
    street, postcode = f"Provgatan {number + 1}", f"123{number % 90 + 10}"
    user = {
        "id": str(uuid.uuid5(NAMESPACE, f"user {number}")),
        "givenName": f"Person{number}",
        "familyName": "Exempelsson",
        "email": email,
        "phone": phone(number),
        "employmentId": f"{1000 + number}",
        "homeAddress": {"line1": street, "postalCode": postcode, "city": "Exempelstad", "country": "SE"},
        "bankAccount": {"number": f"{clearing} {digits}", "country": "SE"},
        "positions": [{"title": "Medarbetare", "firstDayOfWork": "2021-01-04"}],
    }
    employee = {
        "EmployeeId": f"{1000 + number}",
        "FirstName": user["givenName"],
        "LastName": user["familyName"],
        "Email": email,
        "Phone1": "0" + phone(number)[3:],
        "Address1": "",
        "Address2": street,
        "PostCode": postcode,
        "City": "Exempelstad",
        "Country": "Sverige",
        "ClearingNo": clearing,
        "BankAccountNo": digits,
        "EmploymentDate": "2021-01-04",
        "EmploymentForm": "TV",
        "PersonelType": "TJM",
        "SalaryForm": "MAN",
    }
    return user, employee


def edit(rng: random.Random, fresh: int) -> Json:
    """Return one change that an administrator makes in Huma; ``fresh`` is a number nobody had before."""
    clearing, digits = account(rng)
    choices: list[Json] = [
        {"phone": phone(2000 + fresh)},
        {"familyName": f"Exempel{fresh}"},
        {"bankAccount": {"type": "national", "number": f"{clearing} {digits}", "country": "SE"}},
        {
            "homeAddress": {
                "line1": f"Nygatan {fresh}",
                "line2": "",
                "line3": "",
                "postalCode": f"124{fresh % 90 + 10}",
                "city": "Nystad",
                "country": "SE",
            }
        },
        {"lastDayOfWork": f"2031-{fresh % 12 + 1:02d}-15"},
    ]
    return rng.choice(choices)


def differences(user: Json, employee: Json) -> list[str]:
    """Name Huma's fields whose value does not stand in Fortnox."""
    address = user.get("homeAddress") or {}
    position = (user.get("positions") or [{}])[0]
    wanted = {
        "email": user["email"].lower(),
        "givenName": user["givenName"],
        "familyName": user["familyName"],
        "phone": _digits(user.get("phone"))[-9:],
        "homeAddress": (address.get("line1") or "", _digits(address.get("postalCode")), address.get("city") or ""),
        "bankAccount": _digits((user.get("bankAccount") or {}).get("number")),
        "firstDayOfWork": position.get("firstDayOfWork") or "",
        "lastDayOfWork": position.get("lastDayOfWork") or "",
        "employmentId": user.get("employmentId") or "",
    }
    found = {
        "email": (employee.get("Email") or "").lower(),
        "givenName": employee.get("FirstName"),
        "familyName": employee.get("LastName"),
        "phone": _digits(employee.get("Phone1"))[-9:],
        "homeAddress": (
            employee.get("Address2") or "",
            _digits(employee.get("PostCode")),
            employee.get("City") or "",
        ),
        "bankAccount": f"{employee.get('ClearingNo') or ''}{employee.get('BankAccountNo') or ''}",
        "firstDayOfWork": employee.get("EmploymentDate") or "",
        "lastDayOfWork": employee.get("EmployedTo") or "",
        "employmentId": employee["EmployeeId"],
    }
    return [name for name, value in wanted.items() if value != found[name]]


def _digits(text: str | None) -> str:
    return re.sub(r"\D", "", text or "")
