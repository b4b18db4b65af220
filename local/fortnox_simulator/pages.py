"""Two plain pages for people: the employees of a company, and a form to change one of them.

They stand for Fortnox's own screens: a change here is made by a person in Fortnox, so it is stored
without the checks of the API.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from werkzeug.exceptions import NotFound
from werkzeug.utils import redirect

if TYPE_CHECKING:
    from werkzeug import Request, Response

    from local.fortnox_simulator.application import FortnoxSimulator
    from local.fortnox_simulator.companies import Company

TEMPLATES = Path(__file__).parent / "templates"

EDITABLE = {
    "FirstName": "Given name",
    "LastName": "Family name",
    "Email": "E-mail",
    "Phone1": "Phone 1",
    "Phone2": "Phone 2",
    "Address1": "Address 1 (c/o)",
    "Address2": "Address 2 (street)",
    "PostCode": "Postcode",
    "City": "City",
    "Country": "Country",
    "ClearingNo": "Clearing number",
    "BankAccountNo": "Account number",
    "EmploymentDate": "First day of work",
    "EmployedTo": "Last day of work",
}


def register_pages(fortnox: FortnoxSimulator) -> None:
    """Serve the pages."""

    @fortnox.route("/")
    def show_company(_request: Request) -> Response:
        with fortnox.lock:
            company = fortnox.companies.first
            consent = fortnox.grants.consents.get(company.database_number)
            return fortnox.render("company.html", company=company, consent=consent)

    @fortnox.route("/people/<path:employee_id>", methods=("GET", "POST"))
    def edit_employee(request: Request, employee_id: str) -> Response:
        with fortnox.lock:
            company = fortnox.companies.first
            employee = company.employees.get(employee_id)
            if employee is None:
                raise NotFound
            if request.method == "POST":
                _store(request, company, employee_id)
                return redirect("/", 303)
            return fortnox.render("employee.html", company=company, employee=employee, fields=EDITABLE)


def _store(request: Request, company: Company, employee_id: str) -> None:
    changes = {name: request.form[name].strip() or None for name in EDITABLE if name in request.form}
    company.employees[employee_id].update(changes, Inactive="Inactive" in request.form)
