"""The Fortnox client and its OAuth grants against the simulator, over HTTP."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import requests
from huma_fortnox.adapters.fortnox import CREATABLE, UPDATABLE, FortnoxClient
from huma_fortnox.adapters.fortnox_oauth import FortnoxOAuth, redirect_refusal, tenant_of
from huma_fortnox.adapters.http import HttpPolicy, Limits
from huma_fortnox.domain.errors import (
    ConsentNeeded,
    Defect,
    IntegrationError,
    LicenceMissing,
    Missing,
    OutcomeUnknown,
    RateLimited,
    Refused,
    TransientError,
)

if TYPE_CHECKING:
    from local.simulation import SimulatorProcess

TENANT = "1234567"
NEW = {
    "FirstName": "Nils",
    "LastName": "Nyexempel",
    "Email": "nils.nyexempel@example.com",
    "PersonelType": "TJM",
    "EmploymentForm": "TV",
    "SalaryForm": "MAN",
}
# Waits short enough for a test; what they are in production is the unit tests' business.
QUICK = Limits(first_wait=0.01, longest_wait=0.5, limited_wait=0.05, breaker_threshold=50)


@dataclass
class GrantedTokens:
    """Access tokens straight from the simulator's controls; writes down which were refused."""

    process: SimulatorProcess
    refusals: list[str] = field(default_factory=list)
    _token: str | None = None

    def access_token(self) -> str:
        if self._token is None:
            granted = self.process.control("POST", "/_sim/grant", {"tenantId": int(TENANT)})
            self._token = granted["access_token"]
        return self._token

    def refused(self, token: str) -> None:
        self.refusals.append(token)
        if token == self._token:
            self._token = None


@dataclass
class CountingBudget:
    """A budget without a limit that counts what is asked of it."""

    permits: int = 0
    pauses: list[float] = field(default_factory=list)

    def acquire(self) -> None:
        self.permits += 1

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)

    def give_back(self) -> None:
        pass


@dataclass
class Side:
    """A client, what it depends on, and the simulator it talks to."""

    process: SimulatorProcess
    tokens: GrantedTokens
    budget: CountingBudget
    client: FortnoxClient

    def stored(self, employee_id: str) -> dict[str, Any]:
        """Read an employee from the simulator itself, not through the client."""
        found: dict[str, Any] = next(e for e in self.process.people()["employees"] if e["EmployeeId"] == employee_id)
        return found

    def sent(self, method: str) -> list[dict[str, Any]]:
        return self.process.requests(method=method, path="/3/")


def client_of(process: SimulatorProcess, limits: Limits = QUICK, **settings: Any) -> Side:
    tokens, budget = GrantedTokens(process), CountingBudget()
    client = FortnoxClient(process.url, tokens, budget, HttpPolicy(limits=limits), **settings)
    return Side(process, tokens, budget, client)


@pytest.fixture
def fortnox(fortnox_simulator: SimulatorProcess) -> Side:
    return client_of(fortnox_simulator)


# -- reading ---------------------------------------------------------------------------------------


def test_the_company_is_named_with_its_tenant(fortnox: Side) -> None:
    company = fortnox.client.company()
    assert (company.name, company.organization_number, company.tenant_id) == (
        "Exempelbolaget AB",
        "400000-0002",
        TENANT,
    )


def people(number: int) -> dict[str, Any]:
    return {
        "company": {"name": "Exempelbolaget AB", "organizationNumber": "400000-0002", "databaseNumber": int(TENANT)},
        "employees": [
            {
                "EmployeeId": f"{each:05}",
                "FirstName": f"Person{each}",
                "LastName": "Exempel",
                "Email": f"person{each}@example.com",
                "EmploymentForm": "TV",
                "PersonelType": "TJM",
                "SalaryForm": "MAN",
            }
            for each in range(number)
        ],
    }


def test_all_employees_are_read_500_a_page_without_a_request_for_each(fortnox: Side) -> None:
    fortnox.process.set_people(people(1001))
    pages = [fortnox.client.employees(page) for page in (1, 2, 3)]
    assert [len(page.employees) for page in pages] == [500, 500, 1]
    assert {(page.pages, page.total) for page in pages} == {(3, 1001)}
    ids = [row["EmployeeId"] for page in pages for row in page.employees]
    assert ids == sorted(ids)
    assert ids[7] == "00007"
    assert len(fortnox.sent("GET")) == fortnox.budget.permits == 3


def test_an_empty_company_is_one_empty_page(fortnox: Side) -> None:
    fortnox.process.set_people(people(0))
    page = fortnox.client.employees(1)
    assert (list(page.employees), page.total) == ([], 0)


def test_inactive_employees_and_unknown_values_are_read(fortnox: Side) -> None:
    data = people(2)
    data["employees"][0] |= {"Inactive": True, "TaxAllowance": "SNK"}
    fortnox.process.set_people(data)
    row = fortnox.client.employees(1).employees[0]
    assert row["Inactive"] is True
    assert row["TaxAllowance"] == "SNK"


def test_one_employee_is_read_by_an_id_with_leading_zeros(fortnox: Side) -> None:
    found = fortnox.client.employee("07")
    assert found is not None
    assert found["FirstName"] == "Bo"


def test_an_employee_that_is_not_there_is_none(fortnox: Side) -> None:
    assert fortnox.client.employee("7") is None


def test_an_id_is_escaped_in_the_path(fortnox: Side) -> None:
    data = people(0)
    odd = ("7/8", "a b", "å?x=1", "50%")
    data["employees"] = [people(1)["employees"][0] | {"EmployeeId": each} for each in odd]
    fortnox.process.set_people(data)
    for each in odd:
        found = fortnox.client.employee(each)
        assert found is not None
        assert found["EmployeeId"] == each


@pytest.mark.parametrize("employee_id", ["", " ", ".", ".."])
def test_an_id_that_would_lead_elsewhere_is_refused_unsent(fortnox: Side, employee_id: str) -> None:
    with pytest.raises(Refused):
        fortnox.client.employee(employee_id)
    with pytest.raises(Refused):
        fortnox.client.update_employee(employee_id, {"City": "Exempelstad"})
    assert fortnox.sent("GET") + fortnox.sent("PUT") == []


def test_employees_are_found_by_email_whatever_the_case_on_every_page(fortnox: Side) -> None:
    data = people(502)
    data["employees"][501] |= {"Email": "Nils.Nyexempel@Example.com", "FirstName": "Nisse"}
    data["employees"][3] |= {"Email": "nils.nyexempel@example.com", "FirstName": "Nils", "LastName": "NYEXEMPEL"}
    fortnox.process.set_people(data)
    found = fortnox.client.find_employee(" NILS.nyexempel@example.com", "nils", "Nyexempel")
    assert [row["EmployeeId"] for row in found] == ["00003", "00501"]
    assert fortnox.client.find_employee("nobody@example.com", "Nils", "Nyexempel") == []


def test_api_noright_stays_in_the_record(fortnox: Side) -> None:
    fortnox.process.fault("api_noright", count=1)
    found = fortnox.client.employee("1")
    assert found is not None
    assert found["BankAccountNo"] == "API_NORIGHT"


# -- writing ---------------------------------------------------------------------------------------


def test_an_update_sends_only_the_properties_given_and_returns_what_is_stored(fortnox: Side) -> None:
    before = fortnox.stored("1")
    record = fortnox.client.update_employee("1", {"Phone1": "070-174 06 33", "City": "Nystad"})
    assert record["Phone1"] == "070-174 06 33"
    (request,) = fortnox.sent("PUT")
    assert request["body"] == {"Employee": {"Phone1": "070-174 06 33", "City": "Nystad"}}
    assert fortnox.stored("1") == before | {"Phone1": "070-174 06 33", "City": "Nystad"}


@pytest.mark.parametrize("nothing", [None, ""])
def test_a_property_without_a_value_is_cleared(fortnox: Side, nothing: str | None) -> None:
    fortnox.client.update_employee("1", {"EmployedTo": "2027-01-31"})
    record = fortnox.client.update_employee("1", {"Phone1": nothing, "EmployedTo": nothing})
    assert not record["Phone1"]
    assert not record["EmployedTo"]
    assert not fortnox.stored("1")["Phone1"]
    assert not fortnox.stored("1")["EmployedTo"]


def test_how_a_property_is_cleared_is_a_setting() -> None:
    from local.simulation import SimulatorProcess

    arguments = ("--client-secret", "s3cret", "--clear-dates-with", "api-blank", "--clear-text-with", "null")
    with SimulatorProcess("local.fortnox_simulator", *arguments) as process:
        side = client_of(process, clearing={"EmployedTo": "api-blank", "Phone1": "null"})
        side.client.update_employee("1", {"EmployedTo": "2027-01-31"})
        record = side.client.update_employee("1", {"Phone1": None, "EmployedTo": None})
        assert not record["Phone1"]
        assert not record["EmployedTo"]
        # Where the setting is wrong the property is still there, and the caller can see it.
        assert side.client.update_employee("1", {"Address2": "Provgatan 2"})["Address2"] == "Provgatan 2"
        record = client_of(process, clearing={"Address2": "empty"}).client.update_employee("1", {"Address2": None})
        assert record["Address2"] == "Provgatan 2"


@pytest.mark.parametrize("name", ["Email", "FirstName", "LastName"])
def test_a_mandatory_property_is_never_cleared(fortnox: Side, name: str) -> None:
    with pytest.raises(Refused):
        fortnox.client.update_employee("1", {name: None})
    assert fortnox.sent("PUT") == []


@pytest.mark.parametrize(
    "name", ["MonthlySalary", "TaxTable", "Inactive", "EmployeeId", "PersonelType", "PersonalIdentityNumber", "phone1"]
)
def test_nothing_but_the_supported_properties_is_ever_updated(fortnox: Side, name: str) -> None:
    with pytest.raises(Defect) as caught:
        fortnox.client.update_employee("1", {"City": "Exempelstad", name: "1"})
    assert caught.value.reason.params == {"property": name}
    assert fortnox.sent("PUT") == []


def test_what_may_be_written_never_includes_pay_or_tax() -> None:
    assert {name for name in CREATABLE if any(word in name for word in ("Salary", "Pay", "Tax", "Vacation"))} == {
        "SalaryForm"
    }
    assert "EmployeeId" not in UPDATABLE


@pytest.mark.parametrize("word", ["API_BLANK", "API_NORIGHT"])
def test_a_value_that_fortnox_takes_for_a_command_is_refused(fortnox: Side, word: str) -> None:
    with pytest.raises(Refused):
        fortnox.client.update_employee("1", {"City": word})
    assert fortnox.stored("1")["City"] == "Exempelstad"


def test_a_silently_ignored_property_shows_in_the_record_returned(fortnox: Side) -> None:
    fortnox.process.fault("silently_ignore_field", fields=["City"], count=1)
    record = fortnox.client.update_employee("1", {"City": "Nystad", "PostCode": "543 21"})
    assert (record["City"], record["PostCode"]) == ("Exempelstad", "543 21")


def test_an_update_of_somebody_who_is_gone_says_so(fortnox: Side) -> None:
    with pytest.raises(Missing):
        fortnox.client.update_employee("4711", {"City": "Nystad"})


def test_where_fortnox_insists_the_mandatory_properties_go_along(fortnox: Side) -> None:
    side = client_of(fortnox.process, complete_required=True)
    side.client.update_employee("1", {"City": "Nystad", "LastName": "Nyexempel"})
    (request,) = side.sent("PUT")
    assert request["body"]["Employee"] == {
        "City": "Nystad",
        "Email": "anna.exempelsson@example.com",
        "FirstName": "Anna",
        "LastName": "Nyexempel",
    }
    with pytest.raises(Missing):
        side.client.update_employee("4711", {"City": "Nystad"})


def test_an_employee_is_created_with_a_number_of_fortnox_or_ours(fortnox: Side) -> None:
    assert fortnox.client.create_employee(NEW | {"Phone1": None})["EmployeeId"] == "13"
    record = fortnox.client.create_employee(NEW | {"EmployeeId": "0042", "Email": "other@example.com"})
    assert record["EmployeeId"] == "0042"
    assert fortnox.stored("0042")["FirstName"] == "Nils"
    assert "Phone1" not in fortnox.sent("POST")[0]["body"]["Employee"]


def test_a_new_employee_without_what_the_agreement_hangs_on_is_refused_with_that_reason(fortnox: Side) -> None:
    new = {name: value for name, value in NEW.items() if name != "PersonelType"}
    with pytest.raises(Refused) as caught:
        fortnox.client.create_employee(new)
    assert caught.value.reason.code == "fortnox-no-agreement"


# -- refusals --------------------------------------------------------------------------------------


def envelope(code: Any, *, capitals: bool = False, message: str = "Nej. (hemlig-canary)") -> dict[str, Any]:
    names = ("Error", "Message", "Code") if capitals else ("error", "message", "code")
    return {"ErrorInformation": dict(zip(names, (1, message, code), strict=True))}


def refusal(fortnox: Side, status: int, body: Any) -> IntegrationError:
    fortnox.process.fault("status", status=status, body=body, path="/3/", method="PUT")
    try:
        with pytest.raises(IntegrationError) as caught:
            fortnox.client.update_employee("1", {"City": "Nystad"})
    finally:
        fortnox.process.clear_faults()
    return caught.value


@pytest.mark.parametrize("capitals", [False, True])
@pytest.mark.parametrize("status", [400, 403, 404, 500, 200])
@pytest.mark.parametrize(
    ("code", "error", "reason"),
    [
        (2000663, ConsentNeeded, "scope-missing"),
        (2001101, LicenceMissing, "salary-licence-missing"),
        (2001103, LicenceMissing, "integration-licence-missing"),
        (2000310, ConsentNeeded, "consent-needed"),
        (2000311, ConsentNeeded, "consent-needed"),
        (2003275, ConsentNeeded, "consent-needed"),
        (2000359, Refused, "fortnox-refused-characters"),
        (2000106, Refused, "fortnox-refused-value"),
        (2000108, Refused, "fortnox-refused-value"),
        (2000134, Refused, "fortnox-refused-value"),
        (2000729, Refused, "fortnox-refused-identifier"),
        (1000030, Defect, "fortnox-contract"),
        (2000588, Defect, "fortnox-contract"),
        (2001399, Defect, "fortnox-contract"),
        (2002115, Defect, "fortnox-contract"),
        (1000003, TransientError, "temporarily-unavailable"),
    ],
)
def test_a_published_code_means_the_same_whatever_the_status_and_spelling(
    fortnox: Side, code: int, error: type[IntegrationError], reason: str, status: int, capitals: bool
) -> None:
    found = refusal(fortnox, status, envelope(code, capitals=capitals))
    assert type(found) is error
    assert found.reason.code == reason
    if error is not TransientError:
        assert found.reason.params == {"code": str(code)}


@pytest.mark.parametrize(
    ("status", "body", "error", "reason"),
    [
        (400, envelope(0), Refused, "fortnox-refused(code=http-400)"),
        (400, envelope(2009999), Refused, "fortnox-refused(code=2009999)"),
        (400, envelope("2000359"), Refused, "fortnox-refused-characters(code=2000359)"),
        (400, envelope("hemlig-canary 070"), Refused, "fortnox-refused(code=http-400)"),
        (400, {"message": "bad request"}, Refused, "fortnox-refused(code=http-400)"),
        (409, envelope(0), Refused, "fortnox-refused(code=http-409)"),
        (401, {"message": "unauthorized"}, ConsentNeeded, "consent-needed(code=http-401)"),
        (401, "<html>hemlig-canary</html>", ConsentNeeded, "consent-needed(code=http-401)"),
        (403, {"message": "forbidden"}, ConsentNeeded, "scope-missing(code=http-403)"),
        (403, "", ConsentNeeded, "scope-missing(code=http-403)"),
        (404, envelope(0, capitals=True), Missing, "missing-in-fortnox"),
        (404, envelope(2000433, capitals=True), Missing, "missing-in-fortnox"),
        (405, envelope(0), Defect, "fortnox-contract(code=http-405)"),
    ],
)
def test_an_unpublished_refusal_is_judged_by_its_status(
    fortnox: Side, status: int, body: Any, error: type[IntegrationError], reason: str
) -> None:
    found = refusal(fortnox, status, body)
    assert type(found) is error
    assert str(found) == reason


@pytest.mark.parametrize("status", [200, 400, 403, 404, 500, 502, 503])
def test_a_page_where_an_api_should_be_is_never_a_refusal(fortnox: Side, status: int) -> None:
    found = refusal(fortnox, status, "<!DOCTYPE html><html>hemlig-canary</html>")
    assert type(found) is TransientError
    assert len(fortnox.sent("PUT")) == QUICK.tries


@pytest.mark.parametrize("body", [{"message": "no Route matched"}, ""])
def test_a_404_outside_the_envelope_does_not_make_an_employee_disappear(fortnox: Side, body: Any) -> None:
    fortnox.process.fault("status", status=404, body=body, method="GET")
    with pytest.raises(TransientError):
        fortnox.client.employee("1")


@pytest.mark.parametrize("status", [400, 404])
def test_a_refused_list_is_our_defect_and_nobodys_fault(fortnox: Side, status: int) -> None:
    fortnox.process.fault("status", status=status, body=envelope(0))
    with pytest.raises(Defect):
        fortnox.client.employees(1)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"Employee": []},
        {"Employee": {"FirstName": "Anna"}},
        {"Employee": {"EmployeeId": 1}},
        {"Employee": {"EmployeeId": "2"}},
    ],
)
def test_a_record_in_an_unknown_shape_or_of_somebody_else_is_not_taken(fortnox: Side, body: Any) -> None:
    fortnox.process.fault("status", status=200, body=body)
    with pytest.raises(Defect):
        fortnox.client.employee("1")
    with pytest.raises(Defect):
        fortnox.client.update_employee("1", {"City": "Nystad"})


@pytest.mark.parametrize("body", [{}, {"Employees": {}}, {"Employees": ["1"]}])
def test_a_list_in_an_unknown_shape_is_not_taken_for_an_empty_one(fortnox: Side, body: Any) -> None:
    fortnox.process.fault("status", status=200, body=body)
    with pytest.raises(Defect):
        fortnox.client.employees(1)


def test_a_list_without_counts_goes_on_while_pages_are_full(fortnox: Side) -> None:
    rows = people(500)["employees"]
    fortnox.process.fault("status", status=200, body={"Employees": rows})
    page = fortnox.client.employees(2)
    assert (page.pages, page.total) == (3, 1000)
    fortnox.process.clear_faults()
    fortnox.process.fault("status", status=200, body={"Employees": rows[:7]})
    page = fortnox.client.employees(2)
    assert (page.pages, page.total) == (2, 507)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("Exempel … stad", "fortnox-refused-characters(code=2000359)"),
        ("a://b", "fortnox-refused-characters(code=2000359)"),
    ],
)
def test_the_simulators_own_refusal_of_a_value_names_its_code_only(fortnox: Side, value: str, reason: str) -> None:
    with pytest.raises(Refused) as caught:
        fortnox.client.update_employee("1", {"City": value})
    assert str(caught.value) == reason


# -- tokens, licences, consent ---------------------------------------------------------------------


def test_an_expired_token_is_replaced_once_and_nobody_notices(fortnox: Side) -> None:
    fortnox.client.employee("1")
    fortnox.process.fault("expire_tokens")
    record = fortnox.client.create_employee(NEW)
    assert record["FirstName"] == "Nils"
    assert len(fortnox.tokens.refusals) == 1
    assert [request["status"] for request in fortnox.sent("POST")] == [401, 201]


def test_a_token_refused_twice_needs_consent(fortnox: Side) -> None:
    fortnox.process.fault("status", status=401, path="/3/")
    with pytest.raises(ConsentNeeded):
        fortnox.client.employee("1")
    assert len(fortnox.sent("GET")) == 2


@pytest.mark.parametrize("status", [None, 403])
def test_a_lost_scope_needs_consent(fortnox: Side, status: int | None) -> None:
    fortnox.client.company()
    fortnox.process.fault("lost_scope", status=status)
    with pytest.raises(ConsentNeeded) as caught:
        fortnox.client.employees(1)
    assert caught.value.reason.code == "scope-missing"
    assert len(fortnox.sent("GET")) == 2


@pytest.mark.parametrize("status", [None, 403])
@pytest.mark.parametrize("licence", ["salary", "integration"])
def test_a_lost_licence_is_named(fortnox: Side, licence: str, status: int | None) -> None:
    fortnox.process.fault("lost_licence", licence=licence, status=status)
    with pytest.raises(LicenceMissing) as caught:
        fortnox.client.employees(1)
    assert caught.value.reason.code == f"{licence}-licence-missing"
    assert len(fortnox.sent("GET")) == 1


# -- trouble on the way ----------------------------------------------------------------------------

FAULTS: list[dict[str, Any]] = [
    {"kind": "status", "status": 500},
    {"kind": "status", "status": 503},
    {"kind": "html_error_page", "status": 503},
    {"kind": "drop_before"},
    {"kind": "drop_after"},
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault['kind']}-{fault.get('status', '')}")
def test_reads_and_updates_survive_passing_trouble(fortnox: Side, fault: dict[str, Any]) -> None:
    fortnox.process.fault(**fault, count=2)
    assert len(fortnox.client.employees(1).employees) == 3
    fortnox.process.fault(**fault, count=2)
    assert fortnox.client.update_employee("1", {"City": "Nystad"})["City"] == "Nystad"
    assert fortnox.stored("1")["City"] == "Nystad"


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault['kind']}-{fault.get('status', '')}")
def test_a_creation_without_an_answer_is_looked_for_and_never_sent_twice(fortnox: Side, fault: dict[str, Any]) -> None:
    fortnox.process.fault(**fault, count=1, method="POST")
    with pytest.raises(OutcomeUnknown):
        fortnox.client.create_employee(NEW)
    assert len(fortnox.sent("POST")) == 1
    found = fortnox.client.find_employee(NEW["Email"], NEW["FirstName"], NEW["LastName"])
    assert len(found) == (1 if fault["kind"] == "drop_after" else 0)


def test_a_creation_answered_in_an_unknown_shape_is_of_unknown_outcome(fortnox: Side) -> None:
    fortnox.process.fault("status", status=201, body={"Anställd": {}}, method="POST")
    with pytest.raises(OutcomeUnknown):
        fortnox.client.create_employee(NEW)


def test_a_slow_answer_is_a_timeout(fortnox: Side) -> None:
    side = client_of(fortnox.process, Limits(read_timeout=0.2, tries=2, first_wait=0.01))
    side.process.fault("latency", seconds=0.6)
    with pytest.raises(TransientError) as caught:
        side.client.employee("1")
    assert caught.value.reason.params == {"system": "fortnox", "why": "timeout"}


def test_nobody_listening_is_not_an_unknown_outcome(fortnox: Side) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    client = FortnoxClient(url, fortnox.tokens, fortnox.budget, HttpPolicy(limits=QUICK))
    with pytest.raises(TransientError) as caught:
        client.create_employee(NEW)
    assert type(caught.value) is TransientError
    assert caught.value.reason.params["why"] == "connection"
    assert fortnox.budget.permits == QUICK.tries


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "0"}])
def test_a_429_pauses_everybody_and_is_repeated(fortnox: Side, headers: dict[str, str]) -> None:
    fortnox.process.fault("status", status=429, headers=headers, count=2)
    fortnox.client.create_employee(NEW)
    assert len(fortnox.budget.pauses) == 2
    assert fortnox.budget.permits == 3
    assert [request["status"] for request in fortnox.sent("POST")] == [429, 429, 201]


def test_a_lasting_429_is_handed_on(fortnox: Side) -> None:
    fortnox.process.fault("status", status=429)
    with pytest.raises(RateLimited):
        fortnox.client.employees(1)
    assert len(fortnox.sent("GET")) == QUICK.limited_tries


# -- nothing leaks ---------------------------------------------------------------------------------


def test_no_refusal_carries_a_value_a_token_or_an_answer(fortnox: Side, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    said = []
    bodies = [envelope(2000359), envelope(0), {"message": "hemlig-canary"}, "<html>hemlig-canary</html>"]
    for status in (400, 401, 403, 404, 500):
        for body in bodies:
            fortnox.process.fault("status", status=status, body=body)
            with pytest.raises(IntegrationError) as caught:
                fortnox.client.update_employee("1", {"City": "hemlig-canary"})
            said += traceback.format_exception(caught.value)
            said.append(repr(caught.value.reason.to_json()))
            fortnox.process.clear_faults()
    text = "".join(said) + caplog.text
    assert "hemlig-canary" not in text
    assert fortnox.tokens.access_token()[-40:] not in text


# -- connections -----------------------------------------------------------------------------------


@contextlib.contextmanager
def listening(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that answers each connection with bare hands."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(5)

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection, contextlib.suppress(OSError):
                        connection.recv(65536)
                        answer(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        server.close()
    thread.join(6)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def test_a_side_that_trickles_does_not_hold_us() -> None:
    def trickle(connection: socket.socket) -> None:
        connection.sendall(HEAD + b"Content-Length: 100000\r\n\r\n")
        for _ in range(50):
            connection.sendall(b" ")
            time.sleep(0.05)

    with listening(trickle) as url:
        client = FortnoxClient(
            url, StaticTokens(), CountingBudget(), HttpPolicy(limits=Limits(whole_answer=0.3, tries=1))
        )
        began = time.monotonic()
        with pytest.raises(TransientError):
            client.employees(1)
        assert time.monotonic() - began < 1.5


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_cut_off_is_not_taken_for_a_short_one(chunked: bool) -> None:
    body = b'{"Employees": []}'

    def cut_off(connection: socket.socket) -> None:
        if chunked:
            connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"%x\r\n%b\r\n" % (len(body), body))
        else:
            connection.sendall(HEAD + b"Content-Length: 4711\r\n\r\n" + body)

    with listening(cut_off) as url:
        client = FortnoxClient(url, StaticTokens(), CountingBudget(), HttpPolicy(limits=Limits(tries=1)))
        with pytest.raises(TransientError):
            client.employees(1)


@pytest.mark.parametrize(
    "end",
    [
        b'Content-Length: 17\r\n\r\n{"Employees": []}',
        b'Transfer-Encoding: chunked\r\n\r\n8\r\n{"Employ\r\n9\r\nees": []}\r\n0\r\n\r\n',
    ],
)
def test_whole_bodies_are_read_with_a_length_or_in_chunks_and_cookies_are_not_kept(end: bytes) -> None:
    asked: list[bytes] = []

    def answer(connection: socket.socket) -> None:
        connection.sendall(HEAD + b"Set-Cookie: session=1; Path=/\r\nConnection: close\r\n" + end)

    def recording(connection: socket.socket) -> None:
        answer(connection)

    with listening(recording) as url:
        session = requests.Session
        client = FortnoxClient(url, StaticTokens(), CountingBudget(), HttpPolicy(limits=Limits(tries=1)))
        assert list(client.employees(1).employees) == []
        assert list(client.employees(1).employees) == []
    assert asked == []
    assert session is requests.Session


class StaticTokens:
    """One token for ever."""

    def access_token(self) -> str:
        return "token"

    def refused(self, token: str) -> None:
        raise AssertionError(token)


# -- OAuth -----------------------------------------------------------------------------------------


@pytest.fixture
def oauth(fortnox_simulator: SimulatorProcess) -> FortnoxOAuth:
    return oauth_of(fortnox_simulator)


def oauth_of(process: SimulatorProcess, secret: str = "s3cret") -> FortnoxOAuth:
    return FortnoxOAuth(f"{process.url}/oauth-v1", "demo-client", secret, HttpPolicy(limits=QUICK))
