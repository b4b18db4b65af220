"""The Fortnox client and its OAuth grants against the simulator, over HTTP."""

from __future__ import annotations

import contextlib
import gzip
import logging
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

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

from local.simulation import SimulatorProcess

if TYPE_CHECKING:
    from huma_fortnox.services.ports import Fortnox

TENANT = "1234567"
SECRET = "hemlig-canary"
NEW = {
    "FirstName": "Nils",
    "LastName": "Nyexempel",
    "Email": "nils.nyexempel@example.com",
    "PersonelType": "TJM",
    "EmploymentForm": "TV",
    "SalaryForm": "MAN",
}
# The type checker holds the client to the port here.
PORT: type[Fortnox] = FortnoxClient
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

    def answered(self) -> None:
        """Nobody asks."""

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
    # The simulator writes a request down when it has answered it, which must not fall into the next test.
    while len(side.sent("GET")) < 2:
        time.sleep(0.05)


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
    bodies = [envelope(2000359), envelope(0), {"message": SECRET}, f"<html>{SECRET}</html>"]
    for status in (400, 401, 403, 404, 500):
        for body in bodies:
            fortnox.process.fault("status", status=status, body=body)
            with pytest.raises(IntegrationError) as caught:
                fortnox.client.update_employee("1", {"City": SECRET})
            said += traceback.format_exception(caught.value)
            said.append(repr(caught.value.reason.to_json()))
            fortnox.process.clear_faults()
    text = "".join(said) + caplog.text
    assert SECRET not in text
    assert fortnox.tokens.access_token()[-40:] not in text


# -- connections -----------------------------------------------------------------------------------


@contextlib.contextmanager
def listening(answer: Callable[[socket.socket, bytes], None]) -> Iterator[str]:
    """A server that answers each connection with bare hands."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                connection, _ = server.accept()
                with connection, contextlib.suppress(OSError):
                    request = connection.recv(65536)
                    if not request:
                        return
                    answer(connection, request)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
        finally:
            # A connection without a request ends it.
            socket.create_connection(server.getsockname()).close()
            thread.join()


def client_at(url: str, **limits: Any) -> FortnoxClient:
    return FortnoxClient(url, StaticTokens(), CountingBudget(), HttpPolicy(limits=Limits(tries=1, **limits)))


class StaticTokens:
    """One token for ever."""

    def access_token(self) -> str:
        return "token"

    def refused(self, token: str) -> None:
        raise AssertionError("no token is refused here")


HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\n"


def test_a_side_that_trickles_does_not_hold_us() -> None:
    def trickle(connection: socket.socket, _request: bytes) -> None:
        connection.sendall(HEAD + b"Content-Length: 100000\r\n\r\n")
        for _ in range(40):
            connection.sendall(b" ")
            time.sleep(0.05)

    with listening(trickle) as url:
        began = time.monotonic()
        with pytest.raises(TransientError):
            client_at(url, whole_answer=0.3).employees(1)
        assert time.monotonic() - began < 1.5


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_cut_off_is_not_taken_for_a_short_one(chunked: bool) -> None:
    body = b'{"Employees": []}'

    def cut_off(connection: socket.socket, _request: bytes) -> None:
        if chunked:
            connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"%x\r\n%b\r\n" % (len(body), body))
        else:
            connection.sendall(HEAD + b"Content-Length: 4711\r\n\r\n" + body)

    with listening(cut_off) as url, pytest.raises(TransientError):
        client_at(url).employees(1)


@pytest.mark.parametrize(
    "body",
    [
        b'Content-Length: 17\r\n\r\n{"Employees": []}',
        b'Transfer-Encoding: chunked\r\n\r\n8\r\n{"Employ\r\n9\r\nees": []}\r\n0\r\n\r\n',
        b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b"
        % (len(gzip.compress(b'{"Employees": []}')), gzip.compress(b'{"Employees": []}')),
    ],
    ids=["length", "chunks", "gzip"],
)
def test_whole_bodies_are_read_and_cookies_are_not_kept(body: bytes) -> None:
    asked: list[bytes] = []

    def answer(connection: socket.socket, request: bytes) -> None:
        asked.append(request)
        connection.sendall(HEAD + b"Set-Cookie: session=1; Path=/\r\n" + body)

    with listening(answer) as url:
        client = client_at(url)
        assert [list(client.employees(1).employees) for _ in range(2)] == [[], []]
    assert len(asked) == 2
    assert not any(b"cookie" in each.lower() for each in asked)


# -- OAuth -----------------------------------------------------------------------------------------


@pytest.fixture
def oauth(fortnox_simulator: SimulatorProcess) -> FortnoxOAuth:
    return oauth_of(fortnox_simulator)


def oauth_of(process: SimulatorProcess, secret: str = "s3cret") -> FortnoxOAuth:
    return FortnoxOAuth(f"{process.url}/oauth-v1", "demo-client", secret, HttpPolicy(limits=QUICK))


def approve(oauth: FortnoxOAuth, *, account: str = "admin", decision: str = "approve", **asked: Any) -> dict[str, str]:
    """Do in the login what the administrator does, and return what comes back to us."""
    url = oauth.authorization_url("state-1", REDIRECT, **asked)
    with requests.Session() as browser:
        browser.trust_env = False
        form = {"account": account, "password": "demo", "decision": decision}
        answer = browser.post(url, data=form, allow_redirects=False, timeout=10)
    return dict(parse_qsl(urlsplit(answer.headers["Location"]).query))


REDIRECT = "http://127.0.0.1:8080/oauth/fortnox/callback"


def test_the_authorization_url_asks_for_a_service_account_unless_told_otherwise(oauth: FortnoxOAuth) -> None:
    asked = dict(parse_qsl(urlsplit(oauth.authorization_url("s&t ate", REDIRECT)).query))
    assert asked == {
        "client_id": "demo-client",
        "redirect_uri": REDIRECT,
        "scope": "salary companyinformation",
        "state": "s&t ate",
        "access_type": "offline",
        "response_type": "code",
        "account_type": "service",
    }
    assert "account_type" not in oauth.authorization_url("state", REDIRECT, service_account=False)
    assert "scope=salary%20companyinformation&" in oauth.authorization_url("state", REDIRECT)


def test_from_login_to_tokens_and_on_with_client_credentials(oauth: FortnoxOAuth) -> None:
    back = approve(oauth)
    assert back["state"] == "state-1"
    assert redirect_refusal(back) is None
    tokens = oauth.exchange_code(back["code"], REDIRECT)
    assert tokens.tenant_id == TENANT
    assert tokens.scopes == {"salary", "companyinformation"}
    assert not tokens.missing_scopes()
    assert tokens.missing_scopes(["salary", "profile"]) == {"profile"}
    assert tokens.expires_in == 3600
    again = oauth.client_credentials(TENANT)
    assert again.access_token != tokens.access_token
    assert (again.refresh_token, again.tenant_id) == (None, TENANT)


def test_a_refresh_token_is_good_for_one_use(oauth: FortnoxOAuth) -> None:
    tokens = oauth.exchange_code(approve(oauth)["code"], REDIRECT)
    assert tokens.refresh_token
    renewed = oauth.refresh(tokens.refresh_token)
    assert renewed.refresh_token not in (None, tokens.refresh_token)
    with pytest.raises(ConsentNeeded) as caught:
        oauth.refresh(tokens.refresh_token)
    assert caught.value.reason.code == "consent-lost"


def test_a_code_is_good_for_one_use(oauth: FortnoxOAuth) -> None:
    code = approve(oauth)["code"]
    oauth.exchange_code(code, REDIRECT)
    with pytest.raises(ConsentNeeded) as caught:
        oauth.exchange_code(code, REDIRECT)
    assert caught.value.reason.code == "authorization-code-refused"
    assert caught.value.__context__ is None


def test_a_revoked_refresh_token_is_worthless_and_revoking_again_is_fine(oauth: FortnoxOAuth) -> None:
    tokens = oauth.exchange_code(approve(oauth)["code"], REDIRECT)
    assert tokens.refresh_token
    oauth.revoke(tokens.refresh_token)
    oauth.revoke(tokens.refresh_token)
    with pytest.raises(ConsentNeeded):
        oauth.refresh(tokens.refresh_token)


def test_client_credentials_without_a_consent_need_one(oauth: FortnoxOAuth) -> None:
    with pytest.raises(ConsentNeeded):
        oauth.client_credentials(TENANT)


def test_a_personal_consent_does_not_allow_client_credentials(oauth: FortnoxOAuth) -> None:
    oauth.exchange_code(approve(oauth, service_account=False)["code"], REDIRECT)
    with pytest.raises(ConsentNeeded):
        oauth.client_credentials(TENANT)


def test_a_licence_that_is_gone_is_named_by_the_token_endpoint(
    oauth: FortnoxOAuth, fortnox_simulator: SimulatorProcess
) -> None:
    tokens = oauth.exchange_code(approve(oauth)["code"], REDIRECT)
    assert tokens.refresh_token
    fortnox_simulator.fault("lost_licence")
    with pytest.raises(LicenceMissing, match=r"^licence-missing$"):
        oauth.refresh(tokens.refresh_token)
    with pytest.raises(LicenceMissing, match=r"^licence-missing$"):
        oauth.client_credentials(TENANT)
    fortnox_simulator.clear_faults()
    # The refusal used nothing up.
    assert oauth.refresh(tokens.refresh_token).refresh_token


def test_our_own_wrong_secret_is_a_defect_and_no_consent_is_lost(fortnox_simulator: SimulatorProcess) -> None:
    with pytest.raises(Defect) as caught:
        oauth_of(fortnox_simulator, "wrong").client_credentials(TENANT)
    assert caught.value.reason.code == "fortnox-app-misconfigured"


def test_where_client_credentials_are_not_allowed_that_is_told_apart() -> None:
    arguments = ("--client-secret", "s3cret", "--client-credentials", "no")
    with SimulatorProcess("local.fortnox_simulator", *arguments) as process, pytest.raises(Defect) as caught:
        oauth_of(process).client_credentials(TENANT)
    assert caught.value.reason.code == "grant-type-not-allowed"


SINGLE_USE: dict[str, Callable[[FortnoxOAuth], Any]] = {
    "refresh": lambda oauth: oauth.refresh(SECRET),
    "code": lambda oauth: oauth.exchange_code(SECRET, REDIRECT),
}


@pytest.mark.parametrize("grant", SINGLE_USE)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault['kind']}-{fault.get('status', '')}")
def test_a_single_use_token_is_never_sent_twice(
    oauth: FortnoxOAuth, fortnox_simulator: SimulatorProcess, fault: dict[str, Any], grant: str
) -> None:
    fortnox_simulator.fault(**fault)
    with pytest.raises(OutcomeUnknown) as caught:
        SINGLE_USE[grant](oauth)
    assert len(fortnox_simulator.requests(path="/oauth-v1/token")) == 1
    assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault['kind']}-{fault.get('status', '')}")
def test_client_credentials_are_asked_for_again(
    oauth: FortnoxOAuth, fortnox_simulator: SimulatorProcess, fault: dict[str, Any]
) -> None:
    fortnox_simulator.control("POST", "/_sim/grant", {})
    fortnox_simulator.fault(**fault, count=2)
    assert oauth.client_credentials(TENANT).access_token


def test_trouble_at_the_token_endpoint_is_not_a_lost_consent(
    oauth: FortnoxOAuth, fortnox_simulator: SimulatorProcess
) -> None:
    for body in ("<html>nere</html>", {"error": "något nytt"}, {"message": "nej"}, ""):
        fortnox_simulator.fault("status", status=400, body=body)
        with pytest.raises(TransientError):
            oauth.client_credentials(TENANT)
        fortnox_simulator.clear_faults()


def test_an_answer_without_a_token_is_a_changed_contract(
    oauth: FortnoxOAuth, fortnox_simulator: SimulatorProcess
) -> None:
    fortnox_simulator.fault("status", status=200, body={"token": "x"})
    with pytest.raises(Defect):
        oauth.client_credentials(TENANT)
    with pytest.raises(OutcomeUnknown):
        oauth.refresh(SECRET)


def test_tokens_do_not_show_in_what_is_printed(oauth: FortnoxOAuth) -> None:
    tokens = oauth.exchange_code(approve(oauth)["code"], REDIRECT)
    assert tokens.access_token not in repr(tokens)
    assert str(tokens.refresh_token) not in repr(tokens)


@pytest.mark.parametrize(
    ("account", "error", "reason"),
    [
        ("no-licence", LicenceMissing, "licence-missing"),
        ("not-activated", LicenceMissing, "app-licence-missing"),
        ("not-admin", ConsentNeeded, "administrator-right-missing"),
        ("locked", ConsentNeeded, "authorization-empty"),
        ("odd", ConsentNeeded, "authorization-failed(error=error_of_an_unknown_kind)"),
    ],
)
def test_each_refused_login_has_its_reason(
    oauth: FortnoxOAuth, account: str, error: type[IntegrationError], reason: str
) -> None:
    found = redirect_refusal(approve(oauth, account=account))
    assert type(found) is error
    assert str(found) == reason


def test_a_declined_login_has_its_reason(oauth: FortnoxOAuth) -> None:
    assert str(redirect_refusal(approve(oauth, decision="decline"))) == "consent-declined"


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({}, "authorization-empty"),
        ({"state": "s"}, "authorization-empty"),
        ({"code": ""}, "authorization-empty"),
        ({"error": "invalid_scope"}, "scope-not-enabled"),
        ({"error": "INVALID_SCOPE"}, "scope-not-enabled"),
        (
            {"error": "invalid_request", "error_description": "Client does not allow service account"},
            "service-account-not-allowed",
        ),
        ({"error": "Client does not allow service account"}, "service-account-not-allowed"),
        ({"error": "invalid_grant", "error_description": "You do not have enough licenses"}, "licence-missing"),
        ({"error": ""}, "authorization-failed(error=unreadable)"),
        ({"error": "Anna <anna@example.com>"}, "authorization-failed(error=unreadable)"),
        ({"error": "server_error", "code": "x"}, "temporarily-unavailable"),
    ],
)
def test_odd_redirects_are_understood_too(parameters: dict[str, str], reason: str) -> None:
    assert str(redirect_refusal(parameters)) == reason


@pytest.mark.parametrize("token", ["", "a", "a.b.c", "a.e30.c", "a.W10.c", "a.eyJ0ZW5hbnRJZCI6IG51bGx9.c"])
def test_a_token_that_cannot_be_read_has_no_tenant(token: str) -> None:
    assert tenant_of(token) is None
