"""The employees resource: list, create, read and update, as ``/3/employees`` does it."""

from __future__ import annotations

import json
from math import ceil
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from local.fortnox_simulator import refusals
from local.fortnox_simulator.employee_fields import (
    BANK_FIELDS,
    check_record,
    present,
    read_changes,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug import Request, Response

    from local.fortnox_simulator.companies import Company
    from local.fortnox_simulator.options import Options

LIST_PARAMETERS = {"page", "limit", "offset", "filter"}
STANDARD_LIMIT = 100
GREATEST_LIMIT = 500


def list_employees(request: Request, company: Company, *, bank_right: bool) -> Response:
    """Answer a page of complete rows; active and inactive employees alike unless filtered."""
    if not request.args.keys() <= LIST_PARAMETERS:
        raise refusals.invalid_parameter()
    page = _number(request, "page", 1, least=1)
    limit = _number(request, "limit", STANDARD_LIMIT, least=1, greatest=GREATEST_LIMIT)
    offset = _number(request, "offset", 0, least=0)
    records = list(company.employees.values())
    if "filter" in request.args:
        wanted = request.args["filter"]
        if wanted not in {"active", "inactive"}:
            raise refusals.invalid_filter()
        records = [each for each in records if bool(each.get("Inactive")) == (wanted == "inactive")]
    first = (page - 1) * limit + offset
    rows = [
        {
            "@url": f"{request.host_url}3/employees/{quote(record['EmployeeId'], safe='')}",
            **present(record, bank_right=bank_right),
        }
        for record in records[first : first + limit]
    ]
    about = {
        "@TotalResources": len(records),
        "@TotalPages": ceil(len(records) / limit),
        "@CurrentPage": page,
    }
    return refusals.as_json({"MetaInformation": about, "Employees": rows})


def get_employee(company: Company, employee_id: str, *, bank_right: bool) -> Response:
    """Answer one employee."""
    return _answer(_find(company, employee_id), bank_right)


def create_employee(
    request: Request,
    company: Company,
    options: Options,
    *,
    bank_right: bool,
    ignores: Callable[[str], bool],
) -> Response:
    """Create an employee; the EmployeeId may be chosen, else one is generated.

    Not idempotent: a repeated request without an EmployeeId makes a second employee.
    """
    changes = _read_body(request, options, bank_right=bank_right, ignores=ignores)
    record = {name: value for name, value in changes.items() if value is not None}
    if not record.get("PersonelType") and not options.default_agreement:
        raise refusals.missing_value("ftgavtalid")
    check_record(record, options)
    employee_id = record.setdefault("EmployeeId", company.next_employee_id())
    if employee_id in company.employees:
        raise refusals.invalid_value("Anställningsnumret används redan.")
    company.employees[employee_id] = record
    return _answer(record, bank_right, 201)


def update_employee(
    request: Request,
    company: Company,
    employee_id: str,
    options: Options,
    *,
    bank_right: bool,
    ignores: Callable[[str], bool],
) -> Response:
    """Change the fields sent and keep the others; the whole record is checked again.

    Answers the stored employee, so that what was ignored can be seen.
    """
    stored = _find(company, employee_id)
    changes = _read_body(request, options, bank_right=bank_right, ignores=ignores)
    if changes.get("EmployeeId", employee_id) != employee_id:
        raise refusals.invalid_value("Anställningsnumret kan inte ändras.")
    record = {**stored, **changes}
    check_record(record, options)
    stored.update(record)
    return _answer(stored, bank_right)


def _answer(record: dict[str, Any], bank_right: bool, status: int = 200) -> Response:
    return refusals.as_json({"Employee": present(record, bank_right=bank_right)}, status)


def _find(company: Company, employee_id: str) -> dict[str, Any]:
    record = company.employees.get(employee_id)
    if record is None:
        raise refusals.not_found()
    return record


def _number(request: Request, name: str, standard: int, *, least: int, greatest: int | None = None) -> int:
    text = request.args.get(name)
    if text is None:
        return standard
    if not (text.isascii() and text.isdigit()):
        raise refusals.invalid_parameter()
    number = int(text)
    if number < least or (greatest is not None and number > greatest):
        raise refusals.invalid_parameter()
    return number


def _read_body(
    request: Request, options: Options, *, bank_right: bool, ignores: Callable[[str], bool]
) -> dict[str, Any]:
    if request.mimetype != "application/json":
        raise refusals.invalid_content_type()
    text = request.get_data()
    if not text.strip():
        raise refusals.no_data()
    try:
        data = json.loads(text)
    except ValueError:
        raise refusals.invalid_json() from None
    sent = data.get("Employee") if isinstance(data, dict) else None
    if not isinstance(sent, dict) or not sent:
        raise refusals.no_data()
    changes = read_changes(sent, options)
    return {
        name: value for name, value in changes.items() if (bank_right or name not in BANK_FIELDS) and not ignores(name)
    }
