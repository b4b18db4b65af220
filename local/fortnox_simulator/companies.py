"""The companies of the simulated Fortnox, their employees, and the accounts that log in for them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from local.fortnox_simulator.employee_fields import FIELDS

PASSWORD = "demo"

# Given for every employee, blank or not, so that a reader need not know which were ever set.
_ALWAYS_GIVEN = (
    *("EmployeeId", "FirstName", "LastName", "Email", "Phone1", "Phone2", "Address1", "Address2"),
    *("PostCode", "City", "Country", "ClearingNo", "BankAccountNo"),
)


@dataclass(frozen=True)
class Account:
    """Somebody who can log in, and what becomes of it.

    `error` comes back to the app instead of a code; `locked` comes back with nothing at all.
    """

    id: str
    name: str
    description: str
    tenant: int
    user: int
    administrator: bool = True
    error: str | None = None
    locked: bool = False


@dataclass
class Company:
    """A company, by its database number (the tenant), with its employees by EmployeeId."""

    name: str
    organization_number: str
    database_number: int
    employees: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Company:
        """Read ``{"company": {…}, "employees": […]}``; stored values are taken as they are.

        Legacy rows with blank or odd values exist, so nothing but the names of the fields and the
        EmployeeId is checked. ValueError says what does not fit.
        """
        about = data["company"]
        company = cls(about["name"], about["organizationNumber"], int(about["databaseNumber"]))
        for row in data["employees"]:
            unknown = row.keys() - FIELDS.keys()
            if unknown:
                raise ValueError(f"employee {row.get('EmployeeId')!r}: unknown fields {sorted(unknown)}")
            employee_id = row.get("EmployeeId")
            if not isinstance(employee_id, str) or not employee_id:
                raise ValueError("every employee has an EmployeeId, a string")
            if employee_id in company.employees:
                raise ValueError(f"EmployeeId {employee_id!r} occurs twice")
            company.employees[employee_id] = dict(row)
        return company

    def to_json(self) -> dict[str, Any]:
        """Give it in the shape it is read from: the values set, and the contact fields always."""
        blank = dict.fromkeys(_ALWAYS_GIVEN, "") | {"EmploymentDate": None, "EmployedTo": None, "Inactive": False}
        return {
            "company": {
                "name": self.name,
                "organizationNumber": self.organization_number,
                "databaseNumber": self.database_number,
            },
            "employees": [
                blank | {name: blank.get(name) if value is None else value for name, value in row.items()}
                for row in self.employees.values()
            ],
        }

    def next_employee_id(self) -> str:
        """Generate an EmployeeId: one more than the highest number in use."""
        numbers = [int(known) for known in self.employees if known.isascii() and known.isdigit()]
        return str(max(numbers, default=0) + 1)


class Companies:
    """All companies: the one of the people file first, and one more to be confused with."""

    def __init__(self, data: dict[str, Any]) -> None:
        self._by_number: dict[int, Company] = {}
        self.replace(data)

    @property
    def first(self) -> Company:
        """The company of the people file."""
        return next(iter(self._by_number.values()))

    def find(self, tenant: int) -> Company | None:
        """Find a company by database number."""
        return self._by_number.get(tenant)

    def replace(self, data: Any) -> None:
        """Take other companies and people; ValueError, KeyError or TypeError when they do not fit."""
        if not isinstance(data, dict):
            raise TypeError("the people are an object with 'company' and 'employees'")
        others = data.get("otherCompanies", [OTHER_COMPANY])
        companies = [Company.from_json(each) for each in [data, *others]]
        self._by_number = {company.database_number: company for company in companies}

    def to_json(self) -> dict[str, Any]:
        """Give all in the shape of the people file."""
        first, *others = self._by_number.values()
        return {**first.to_json(), "otherCompanies": [other.to_json() for other in others]}

    def accounts(self) -> list[Account]:
        """Give the accounts that can log in, the one with every right first."""
        first, *others = self._by_number.values()
        tenant = first.database_number
        found = [
            Account("admin", "Astrid Exempel", "system administrator with the integration licence", tenant, 1),
            Account(
                "no-licence",
                "Birger Exempel",
                "without the integration licence",
                tenant,
                2,
                error="error_missing_license",
            ),
            Account(
                "not-activated",
                "Cecilia Exempel",
                "in a company that has not activated the integration",
                tenant,
                3,
                error="error_missing_app_license",
            ),
            Account("not-admin", "David Exempel", "without administrator right", tenant, 4, administrator=False),
            Account("locked", "Eva Exempel", "an account locked for an unpaid invoice", tenant, 5, locked=True),
            Account(
                "odd",
                "Frans Exempel",
                "meets an error nobody has heard of",
                tenant,
                6,
                error="error_of_an_unknown_kind",
            ),
        ]
        found += [
            Account(
                "other-company" if number == 0 else f"other-company-{number + 1}",
                "Gerda Exempel",
                f"system administrator of another company, {other.name}",
                other.database_number,
                7 + number,
            )
            for number, other in enumerate(others)
        ]
        return found


def _employee(number: str, first: str, last: str, **values: Any) -> dict[str, Any]:
    return {
        "EmployeeId": number,
        "FirstName": first,
        "LastName": last,
        "Email": f"{first}.{last}@example.com".lower(),
        "EmploymentForm": "TV",
        "PersonelType": "TJM",
        "SalaryForm": "MAN",
        "MonthlySalary": "35000",
        **values,
    }


TINY_COMPANY = {
    "company": {
        "name": "Exempelbolaget AB",
        "organizationNumber": "400000-0002",
        "databaseNumber": 1234567,
    },
    "employees": [
        _employee(
            "1",
            "Anna",
            "Exempelsson",
            Phone1="070-174 06 01",
            Address2="Provgatan 1",
            PostCode="123 45",
            City="Exempelstad",
            EmploymentDate="2021-03-01",
        ),
        _employee("07", "Bo", "Provberg", Phone1="070-174 06 02", EmploymentDate="2019-08-15"),
        _employee("12", "Cilla", "Testlund", EmploymentDate="2015-01-01", EmployedTo="2024-06-30", Inactive=True),
    ],
}

OTHER_COMPANY = {
    "company": {
        "name": "Annat Exempel AB",
        "organizationNumber": "400000-0010",
        "databaseNumber": 7654321,
    },
    "employees": [_employee("1", "Doris", "Annatsson")],
}
