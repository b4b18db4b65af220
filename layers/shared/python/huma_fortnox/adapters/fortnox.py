"""The Fortnox API v3 as ``services.ports.Fortnox``: one company's employees.

What the API says back is judged by one table (``ERRORS``), by code wherever it gives one: statuses are shared by
many meanings and messages are Swedish. Sources: Fortnox's developer pages on responses, errors and rate limits;
where live behaviour is not published the choice is an argument of ``FortnoxClient``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from huma_fortnox.adapters.http import (
    Action,
    Answer,
    Call,
    ErrorTable,
    HttpPolicy,
    Repeat,
    Rule,
    Verdict,
    code_of,
    refuse_unreadable,
)
from huma_fortnox.domain.errors import (
    ConsentNeeded,
    Defect,
    LicenceMissing,
    Missing,
    RateLimited,
    Refused,
    TransientError,
)
from huma_fortnox.services.ports import Company, EmployeePage, Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from huma_fortnox.services.ports import AccessTokens, RateBudget

SYSTEM = "fortnox"
PAGE_SIZE = 500

UPDATABLE = frozenset(
    {
        *("FirstName", "LastName", "Email", "Phone1", "Phone2"),
        *("Address1", "Address2", "PostCode", "City", "Country"),
        *("ClearingNo", "BankAccountNo", "EmploymentDate", "EmployedTo"),
    }
)
"""All that is ever written of an existing employee. Pay, tax, vacation and absence are never touched."""

CREATABLE = UPDATABLE | {"EmployeeId", "PersonalIdentityNumber", "PersonelType", "EmploymentForm", "SalaryForm"}
REQUIRED = ("Email", "FirstName", "LastName")
"""Mandatory when an employee is created since May 2023; formally in an update too, and never to be cleared."""

CLEARED_BY: Mapping[str, str | None] = {"api-blank": "API_BLANK", "null": None, "empty": ""}
"""How a property can be asked to become empty. ``""`` alone is known to be ignored for texts."""

CLEARING: Mapping[str, str] = {"EmploymentDate": "null", "EmployedTo": "null"}
"""How each property is cleared where it is not by ``api-blank``: a date cannot carry a word."""

_WORDS = frozenset({"API_BLANK", "API_NORIGHT"})

_NEW_TOKEN = Rule(Action.NEW_TOKEN, ConsentNeeded, "consent-needed")
_SCOPE = Rule(Action.FAIL, ConsentNeeded, "scope-missing")
_VALUE = Rule(Action.FAIL, Refused, "fortnox-refused-value")
_OUR_BUG = Rule(Action.FAIL, Defect, "fortnox-contract")
_NOT_THERE = Rule(Action.FAIL, Missing, "missing-in-fortnox")
_UNWELL = Rule(Action.REPEAT, TransientError)
_TOO_FAST = Rule(Action.SLOW_DOWN, RateLimited)

ERRORS = ErrorTable(
    {
        # what the company or the administrator has to mend
        ("*", "2000663"): _SCOPE,
        ("403", "*"): _SCOPE,
        ("*", "2001101"): Rule(Action.FAIL, LicenceMissing, "salary-licence-missing"),
        ("*", "2001103"): Rule(Action.FAIL, LicenceMissing, "integration-licence-missing"),
        # the token
        ("401", "*"): _NEW_TOKEN,
        ("*", "2000310"): _NEW_TOKEN,
        ("*", "2000311"): _NEW_TOKEN,
        ("*", "2003275"): _NEW_TOKEN,
        # the value or the person
        ("*", "2000359"): Rule(Action.FAIL, Refused, "fortnox-refused-characters"),
        ("*", "2000106"): _VALUE,
        ("*", "2000108"): _VALUE,
        ("*", "2000134"): _VALUE,
        ("*", "2000729"): Rule(Action.FAIL, Refused, "fortnox-refused-identifier"),
        ("*", "no-agreement"): Rule(Action.FAIL, Refused, "fortnox-no-agreement"),
        ("404", "*"): _NOT_THERE,
        ("404", "bare"): _UNWELL,
        # our own mistakes
        ("*", "1000030"): _OUR_BUG,
        ("*", "1000031"): _OUR_BUG,
        ("*", "2000587"): _OUR_BUG,
        ("*", "2000588"): _OUR_BUG,
        ("*", "2001392"): _OUR_BUG,
        ("*", "2001399"): _OUR_BUG,
        ("*", "2001740"): _OUR_BUG,
        ("*", "2002115"): _OUR_BUG,
        ("405", "*"): _OUR_BUG,
        # Fortnox's own trouble
        ("*", "1000003"): _UNWELL,
        # A page where an API should be: it is down, or something stands in between. Never a refusal, and above all
        # never "this employee does not exist". Two statuses mean what they say on a page too.
        ("*", "page"): _UNWELL,
        ("401", "page"): _NEW_TOKEN,
        ("429", "page"): _TOO_FAST,
        ("*", "*"): Rule(Action.FAIL, Refused, "fortnox-refused"),
    }
)


class FortnoxClient:
    """One organization's Fortnox company over HTTP; fulfils ``services.ports.Fortnox``.

    ``api_url`` is ``https://api.fortnox.se`` or whatever stands in for it. ``clearing`` names, for single
    properties, how they are cleared (``api-blank``, ``null`` or ``empty``), where it differs from ``CLEARING``.
    ``complete_required`` sends the current e-mail and names along with every update, for a Fortnox that insists on
    them; it costs one more request an update.
    """

    system = SYSTEM

    def __init__(
        self,
        api_url: str,
        tokens: AccessTokens,
        budget: RateBudget,
        http: HttpPolicy,
        *,
        clearing: Mapping[str, str] | None = None,
        complete_required: bool = False,
    ) -> None:
        self._url = f"{api_url.rstrip('/')}/3"
        self._tokens = tokens
        self._budget = budget
        self._http = http
        self._clearing = {**CLEARING, **(clearing or {})}
        self._complete_required = complete_required

    # -- the port ------------------------------------------------------------------------------

    def company(self) -> Company:
        """Return the connected company (scope ``companyinformation``)."""
        call = Call("company", "GET", f"{self._url}/companyinformation")
        data = self._member(call, "CompanyInformation")
        return Company(
            name=str(data.get("CompanyName") or ""),
            organization_number=str(data.get("OrganizationNumber") or ""),
            tenant_id=str(data.get("DatabaseNumber") or ""),
        )

    def employees(self, page: int) -> EmployeePage:
        """Return page ``page`` (1-based) of all employees, 500 a page, inactive ones included.

        Rows are complete, so there is no request an employee. The counts come from ``MetaInformation``; where that
        is absent a full page means that there is another one.
        """
        call = Call(
            "employees.list",
            "GET",
            f"{self._url}/employees",
            params={"page": str(page), "limit": str(PAGE_SIZE)},
        )
        document = self._send(call).document
        rows = document.get("Employees")
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            refuse_unreadable(SYSTEM, call)
        meta = document.get("MetaInformation")
        meta = meta if isinstance(meta, dict) else {}
        pages = _number(meta.get("@TotalPages"), page + 1 if len(rows) >= PAGE_SIZE else page)
        total = _number(meta.get("@TotalResources"), (page - 1) * PAGE_SIZE + len(rows))
        return EmployeePage(rows, pages, total)

    def employee(self, employee_id: str) -> Record | None:
        """Return one employee, or ``None`` when there is none with this id."""
        call = Call("employees.get", "GET", self._employee_url(employee_id), one_person=True)
        try:
            return self._employee(call, employee_id)
        except Missing:
            return None

    def find_employee(self, email: str, given_name: str, family_name: str) -> Sequence[Record]:
        """Return the employees with this e-mail (case-folded), those with these names too first.

        Fortnox offers no search, so all pages are read.
        """
        wanted = email.strip().casefold()
        names = (given_name.strip().casefold(), family_name.strip().casefold())
        found = [row for row in self._all_employees() if _folded(row, "Email") == wanted]
        return sorted(found, key=lambda row: (_folded(row, "FirstName"), _folded(row, "LastName")) != names)

    def create_employee(self, properties: Mapping[str, str | None]) -> Record:
        """Create an employee and return the stored record; properties without a value are left out.

        Raises ``OutcomeUnknown`` when no answer came, or one that does not say whether it was done.
        """
        _check_names(properties, CREATABLE)
        body = {name: _text(value) for name, value in properties.items() if value}
        call = Call(
            "employees.create",
            "POST",
            f"{self._url}/employees",
            json={"Employee": body},
            repeat=Repeat.IF_NOT_DONE,
            one_person=True,
        )
        return self._employee(call, body.get("EmployeeId"))

    def update_employee(self, employee_id: str, properties: Mapping[str, str | None]) -> Record:
        """Write only these properties and return the stored record; ``None`` (or ``""``) clears a property.

        Whether a property was cleared, or silently ignored, shows in the record returned: the caller compares.
        Raises ``Missing`` when the employee is gone.
        """
        _check_names(properties, UPDATABLE)
        body = {name: _text(value) if value else self._blank(name) for name, value in properties.items()}
        if self._complete_required:
            body = {**self._required(employee_id), **body}
        call = Call(
            "employees.update",
            "PUT",
            self._employee_url(employee_id),
            json={"Employee": body},
            one_person=True,
        )
        return self._employee(call, employee_id)

    # -- what the connection policy asks ---------------------------------------------------------

    def headers(self) -> Mapping[str, str]:
        """Return the headers of the next request; fetches a token where needed."""
        return {"Authorization": f"Bearer {self._tokens.access_token()}"}

    def before(self) -> None:
        """Take one of the organization's permits; waits for it."""
        self._budget.acquire()

    def slow_down(self, seconds: float) -> None:
        """Pause every worker of the organization."""
        self._budget.pause(seconds)

    def token_refused(self, headers: Mapping[str, str]) -> None:
        """Have the token in these headers replaced."""
        self._tokens.refused(headers["Authorization"].removeprefix("Bearer "))

    def judge(self, call: Call, answer: Answer) -> Verdict | None:
        """Say what an answer means; a success is a JSON object without an error in it, whatever the status."""
        document = answer.document
        code = _error_code(answer)
        if 200 <= answer.status < 300 and code is None and isinstance(document, dict):
            return None
        rule = ERRORS.find(answer.status, code)
        if rule.error in (Refused, Missing) and not call.one_person:
            # Nobody in particular is refused, so it is the request itself.
            rule = _OUR_BUG
        if rule.error is Missing or rule.action in (Action.REPEAT, Action.SLOW_DOWN):
            return Verdict(rule)
        return Verdict(rule, {"code": code if code and code.isdigit() else f"http-{answer.status}"})

    # -- inside ----------------------------------------------------------------------------------

    def _employee_url(self, employee_id: str) -> str:
        if employee_id.strip() in {"", ".", ".."}:
            # These would be read as a path to somewhere else, however they are encoded.
            raise Refused("fortnox-refused-identifier", {"code": "2000729"})
        return f"{self._url}/employees/{quote(employee_id, safe='')}"

    def _send(self, call: Call) -> Answer:
        try:
            return self._http.send(call, self)
        finally:
            self._budget.answered()

    def _member(self, call: Call, wrapper: str) -> dict[str, Any]:
        found = self._send(call).document.get(wrapper)
        if not isinstance(found, dict):
            refuse_unreadable(SYSTEM, call)
        return found

    def _employee(self, call: Call, employee_id: str | None) -> dict[str, Any]:
        record = self._member(call, "Employee")
        given = record.get("EmployeeId")
        if not isinstance(given, str) or (employee_id and given.casefold() != employee_id.casefold()):
            # Somebody else's record would be compared, and linked, as this person's.
            refuse_unreadable(SYSTEM, call)
        return record

    def _all_employees(self) -> Iterator[Record]:
        page = 1
        while True:
            found = self.employees(page)
            yield from found.employees
            if page >= found.pages or not found.employees:
                return
            page += 1

    def _required(self, employee_id: str) -> dict[str, str]:
        record = self.employee(employee_id)
        if record is None:
            raise Missing("missing-in-fortnox")
        return {name: record[name] for name in REQUIRED if record.get(name) and record[name] not in _WORDS}

    def _blank(self, name: str) -> str | None:
        if name in REQUIRED:
            raise Refused("fortnox-refused-value", {"property": name})
        return CLEARED_BY[self._clearing.get(name, "api-blank")]


def _error_code(answer: Answer) -> str | None:
    """Return Fortnox's own code, a word for an answer that has none, or ``None`` for one without an error.

    The words: ``page`` for anything but JSON, ``no-agreement`` for the one refusal that is recognized by the name of
    the column it names (it comes without a code), ``none`` for an error without a code, ``bare`` for an error
    outside the documented envelope. Both spellings of the members occur.
    """
    document = answer.document
    if not isinstance(document, dict):
        return "page" if answer.body.strip() or answer.status < 400 else "bare"
    error = document.get("ErrorInformation")
    if not isinstance(error, dict):
        return None if answer.status < 400 else "bare"
    code = code_of(error.get("code") or error.get("Code"))
    if code is None and "ftgavtalid" in str(error.get("message") or error.get("Message") or ""):
        return "no-agreement"
    return code or "none"


def _check_names(properties: Mapping[str, str | None], allowed: frozenset[str]) -> None:
    for name in properties:
        if name not in allowed:
            raise Defect("property-not-writable", {"property": name})


def _text(value: str | None) -> str:
    """Return a value to be written; one that Fortnox would take for a command is refused."""
    if not isinstance(value, str):
        raise Defect("value-not-text")
    if value in _WORDS:
        raise Refused("fortnox-refused-value", {"code": value})
    return value


def _number(value: object, otherwise: int) -> int:
    """Read a count that may come as a string."""
    try:
        return int(str(value))
    except ValueError:
        return otherwise


def _folded(row: Record, name: str) -> str:
    value = row.get(name)
    return value.strip().casefold() if isinstance(value, str) else ""
