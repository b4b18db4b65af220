"""How fast the plan is: a whole organization against the floor of merely parsing the same records as JSON.

Each case runs in a process of its own, from records in the two systems' own shapes:

``equal``
    nothing differs and nobody is linked yet: everybody is matched on e-mail
``different``
    everybody is linked with bases and every field differs

A case's time is that of reading all records and planning. The floor is ``json.loads`` of every record, measured in the
same process and with the garbage collector off: what it adds to millions of new objects would double the floor and
flatter the plan, which pays for it. Times are processor time, so that other work on the machine does not count; of
several rounds the middle one counts.
"""

from __future__ import annotations

import gc
import json
import statistics
import subprocess
import sys
import time
import tracemalloc
from typing import TYPE_CHECKING, Any

from huma_fortnox.domain.check_digits import luhn_digit
from huma_fortnox.domain.digest import keyed_digest
from huma_fortnox.domain.fields import FIELDS, read_employee, read_user
from huma_fortnox.domain.people import Base, FieldSettings, Link
from huma_fortnox.domain.plan import plan

if TYPE_CHECKING:
    from collections.abc import Callable

    from huma_fortnox.domain.plan_types import Plan

MANY, FEW = 100_000, 10_000
ROUNDS = {MANY: 1, FEW: 3}

_GIVEN = ("Anna", "Björn", "Cecilia", "David", "Elin", "Fredrik", "Göran", "Hanna", "Åsa", "Örjan")
_FAMILY = ("Andersson", "Berg", "Ceder", "Dahl", "Ek", "Falk", "Grahn", "Hård", "Sjöström", "Öberg")
_STREETS = ("Storgatan", "Kungsgatan", "Ringvägen", "Skolgatan", "Björkvägen")
_CITIES = ("Stockholm", "Göteborg", "Malmö", "Umeå", "Växjö")


def user_record(number: int) -> dict[str, Any]:
    """Return UserDetails of Huma's Open API with ``position`` merged in, the way an ordinary profile is filled."""

    def field(value: Any = None, completeness: str | None = None) -> dict[str, Any]:
        wrapper: dict[str, Any] = {"editable": True}
        if value is not None:
            wrapper["value"] = value
        if completeness is not None:
            wrapper["completeness"] = completeness
        return wrapper

    identifier = f"5d0a7b1e-{number >> 16:04x}-4000-8000-{number:012x}"
    position = {
        "id": f"9b3f2c4d-{number >> 16:04x}-4000-8000-{number:012x}",
        "contractStartDate": field("2021-03-01"),
        "contractEndDate": field(),
        "firstDayOfWork": field(_first_day(number)),
        "lastDayOfWork": field(),
        "contractCountry": field("SE"),
        "contractType": field("Permanent"),
        "percentage": field(100),
        "terminationNoticeDate": field(),
        "probationEndDate": field(),
        "title": field({"id": "0c1d2e3f-0000-4000-8000-000000000001", "name": "Consultant"}),
        "description": field(),
        "status": "CURRENT",
        "note": field(),
    }
    group = {"id": "77aa0000-0000-4000-8000-000000000001", "name": "Stockholm", "type": "location"}
    return {
        "id": identifier,
        "givenName": field(_GIVEN[number % 10]),
        "familyName": field(_FAMILY[number // 10 % 10]),
        "preferredName": field(),
        "email": {"value": _email(number), "editable": True},
        "avatarImage": field({"url": f"https://images.example.com/{identifier}.jpg", "width": 400, "height": 400}),
        "birthDate": {"value": "1985-04-12", "editable": True, "showBirthday": True, "completeness": "details"},
        "phone": field(_phone(number), "important"),
        "homeAddress": field(
            {
                "line1": _street(number),
                "postalCode": f"{11000 + number % 80000}",
                "city": _CITIES[number % 5],
                "country": "SE",
            },
            "important",
        ),
        "gender": field("Female"),
        "nationality": field("SE"),
        "civilStatus": field(),
        "children": field([]),
        "privateEmail": field(),
        "dietaryRequirements": field(),
        "interests": field([]),
        "funfacts": field(),
        "emergencyContacts": field([]),
        "identifications": field([]),
        "employmentId": field(_employee_id(number), "details"),
        "teams": field([{**group, "name": "Payroll", "type": "team"}]),
        "locations": field([group]),
        "companies": field([{**group, "name": "Example AB", "type": "company"}]),
        "groups": field([]),
        "supervisor": field({"id": identifier, "givenName": "Stina", "familyName": "Example"}),
        "subordinatesCount": 0,
        "jobDescription": field(),
        "seniorityNote": field(),
        "firstContractStartDate": field("2021-03-01"),
        "bankAccount": field(
            {"type": "national", "code": "SE", "number": f"8327-9 {_account(number)}", "country": "SE"}, "important"
        ),
        "invitedAt": "2021-02-15T08:00:00Z",
        "lastLoggedInAt": "2026-11-20T07:12:44Z",
        "excludeFromInsights": field(False),
        "excludeFromSurveys": field(False),
        "custom": {},
        "status": {"active": True},
        "type": "user",
        "currentPositions": [
            {
                "id": position["id"],
                "title": {"id": "0c1d2e3f-0000-4000-8000-000000000001", "name": "Consultant"},
                "contractStartDate": "2021-03-01",
                "percentage": 100,
                "contractType": "Permanent",
                "status": "CURRENT",
            }
        ],
        "position": position,
    }


def employee_record(number: int) -> dict[str, Any]:
    """Return an Employee of Fortnox that agrees with ``user_record``; list rows hold all of it."""
    return {
        "@url": f"https://api.example.com/3/employees/{_employee_id(number)}",
        "EmployeeId": _employee_id(number),
        "PersonalIdentityNumber": "",
        "FirstName": _GIVEN[number % 10],
        "LastName": _FAMILY[number // 10 % 10],
        "FullName": f"{_GIVEN[number % 10]} {_FAMILY[number // 10 % 10]}",
        "Address1": "",
        "Address2": _street(number),
        "PostCode": f"{11000 + number % 80000}",
        "City": _CITIES[number % 5],
        "Country": "Sverige",
        "Phone1": _phone(number),
        "Phone2": "",
        "Email": _email(number),
        "EmploymentDate": _first_day(number),
        "EmploymentForm": "TV",
        "SalaryForm": "MAN",
        "JobTitle": "Consultant",
        "PersonelType": "TJM",
        "ScheduleId": "HEL",
        "ForaType": "-",
        "MonthlySalary": "35000.00",
        "HourlyPay": "0.00",
        "TaxAllowance": "HUV",
        "TaxTable": "30",
        "TaxColumn": 1,
        "NonRecurringTax": "0.00",
        "AverageWeeklyHours": "40.00",
        "AverageHourlyWage": "0.00",
        "AutoNonRecurringTax": "true",
        "Inactive": False,
        "ClearingNo": "83279",
        "BankAccountNo": _account(number),
        "EmployedTo": None,
        "CostCenter": "",
        "Project": "",
        "PayslipType": "digital",
        "WorkingTimeEnumeration": "",
        "FullTimeEquivalent": 1.0,
        "InitialFlexBalance": 0,
        "InitialCompBalance": 0,
        "CurrentFlexBalance": 0,
        "CurrentCompBalance": 0,
        "ATKValue": 0,
        "ATFValue": 0,
        "PreliminaryTaxDeducted": 0,
        "VacationDaysPaid": 25,
        "VacationDaysUnPaid": 0,
        "VacationDaysSaved": 3,
        "VacationDaysRegisteredPaid": 0,
        "VacationDaysRegisteredUnpaid": 0,
        "DatedWages": [
            {
                "EmployeeId": _employee_id(number),
                "FirstDay": "1970-01-01",
                "MonthlySalary": "35000.00",
                "HourlyPay": "0.00",
            }
        ],
        "DatedSchedules": [{"EmployeeId": _employee_id(number), "FirstDay": "1970-01-01", "ScheduleId": "HEL"}],
        "EmployeeChildren": [],
        "EmployeeCategories": [],
        "OpeningSalaries": [],
    }


def different_employee_record(number: int) -> dict[str, Any]:
    """Return an Employee in whom every field differs from ``user_record``'s."""
    record = employee_record(number)
    other = number + 1_000_000
    record.update(
        FirstName=record["FirstName"].upper(),
        LastName=record["LastName"].upper(),
        Address2=_street(other + 1),
        Phone1=_phone(other),
        Email=_email(other),
        EmploymentDate="2020-01-07",
        EmployedTo="2026-12-31",
        BankAccountNo=_account(other),
    )
    return record


MAKERS = {"equal": employee_record, "different": different_employee_record}


def measure(people: int, *cases: str) -> dict[str, dict[str, float]]:
    """Time these cases, and their floors, in this process: processor seconds."""
    users = [json.dumps(user_record(number)) for number in range(people)]
    return {case: _time(case, users, [json.dumps(MAKERS[case](number)) for number in range(people)]) for case in cases}


def _time(case: str, user_texts: list[str], employee_texts: list[str]) -> dict[str, float]:
    people = len(user_texts)
    links, digest, settings = _links(case, people), keyed_digest(b"bench"), FieldSettings()
    floors, times = [], []
    for _ in range(ROUNDS[people]):
        gc.collect()
        gc.disable()
        start = time.process_time()
        users = [json.loads(text) for text in user_texts]
        employees = [json.loads(text) for text in employee_texts]
        floors.append(time.process_time() - start)
        gc.enable()
        gc.collect()
        start = time.process_time()
        found = plan(
            (read_user(record) for record in users),
            (read_employee(record, settings) for record in employees),
            links=links,
            digest=digest,
            settings=settings,
        )
        times.append(time.process_time() - start)
        _check(case, people, found)
        del users, employees, found
    return {"seconds": statistics.median(times), "floor": statistics.median(floors)}


def measure_memory(people: int, case: str) -> dict[str, dict[str, float]]:
    """Return what planning takes at its peak beyond the people and links given, in bytes a person."""
    settings = FieldSettings()
    users = [read_user(user_record(number)) for number in range(people)]
    employees = [read_employee(MAKERS[case](number), settings) for number in range(people)]
    links, digest = _links(case, people), keyed_digest(b"bench")
    gc.collect()
    tracemalloc.start()
    found = plan(users, employees, links=links, digest=digest, settings=settings)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    _check(case, people, found)
    return {case: {"bytes": peak / people}}


def figures() -> dict[str, dict[str, Any]]:
    """Return the four figures of the core."""
    many, few = _apart("measure", MANY, "equal", "different"), _apart("measure", FEW, "different")["different"]
    equal, different = many["equal"], many["different"]
    memory = _apart("measure_memory", MANY, "different")["different"]
    memory_few = _apart("measure_memory", FEW, "different")["different"]
    return {
        "plan_growth_10x": {
            "value": round(different["seconds"] / few["seconds"], 2),
            "goal": "<= 11",
            "unit": "times",
            "against": f"10,000 people, all different, in {few['seconds']:.2f} s",
        },
        "plan_equal_over_floor": {
            "value": round(equal["seconds"] / equal["floor"], 2),
            "goal": "<= 3",
            "unit": "times",
            "against": f"json.loads of the same 100,000 users and employees in {equal['floor']:.2f} s",
        },
        "plan_different_over_floor": {
            "value": round(different["seconds"] / different["floor"], 2),
            "goal": "<= 8",
            "unit": "times",
            "against": f"json.loads of the same 100,000 users and employees in {different['floor']:.2f} s",
        },
        "plan_peak_bytes_per_person": {
            "value": round(memory["bytes"]),
            "goal": f"<= {round(memory_few['bytes'] * 1.1)}",
            "unit": "bytes",
            "against": f"10,000 people, all different: {round(memory_few['bytes'])} bytes a person, and a tenth",
        },
    }


def _apart(function: str, people: int, *cases: str) -> dict[str, dict[str, float]]:
    """Run one measurement in a process of its own, so that none leaves its memory to the next."""
    command = [sys.executable, "-m", "bench.core", function, str(people), *cases]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    measured: dict[str, dict[str, float]] = json.loads(done.stdout)
    return measured


def _links(case: str, people: int) -> list[Link]:
    if case == "equal":
        return []
    bases = {key: Base("0" * 32, "1" * 32) for key in FIELDS}
    return [Link(user_record(number)["id"], _employee_id(number), bases) for number in range(people)]


def _check(case: str, people: int, found: Plan) -> None:
    """Make sure that the work was done: nothing differs, or all there is."""
    situation = "differs" if case == "different" else "in_sync"
    changes = len(FIELDS) - 1 if case == "different" else 0  # the employment ID is the link's own
    if found.counts()[situation] != people or any(len(person.changes) != changes for person in found.people):
        raise SystemExit(f"the plan of the case {case} is not what it should be")


def _email(number: int) -> str:
    return f"person.{number}@example.com"


def _employee_id(number: int) -> str:
    return f"{number:06}"


def _phone(number: int) -> str:
    digits = f"{number * 7919 % 10_000_000:07}"
    return f"070-{digits[:3]} {digits[3:5]} {digits[5:]}" if number < 1_000_000 else f"+4673{digits}"


def _account(number: int) -> str:
    digits = f"{number * 104_729 % 1_000_000_000:09}"
    return digits + luhn_digit(digits)


def _street(number: int) -> str:
    return f"{_STREETS[number % 5]} {1 + number % 97}"


def _first_day(number: int) -> str:
    return f"20{10 + number % 15}-0{1 + number % 9}-{1 + number % 28:02}"


def main() -> None:
    """Run one measurement as asked on the command line, or all, and print the result as JSON."""
    measurements: dict[str, Callable[..., dict[str, dict[str, float]]]] = {
        "measure": measure,
        "measure_memory": measure_memory,
    }
    if len(sys.argv) > 1:
        function, people, *cases = sys.argv[1:]
        print(json.dumps(measurements[function](int(people), *cases)))
    else:
        print(json.dumps(figures(), indent=2))


if __name__ == "__main__":
    main()
