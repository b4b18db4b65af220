"""The simulated API held to the published behaviour of Fortnox, where it is unpleasant too."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import requests

    from local.simulation import SimulatorProcess
    from tests.contract.conftest import FortnoxTarget

NEW_EMPLOYEE = {
    "FirstName": "Nils",
    "LastName": "Nysson",
    "Email": "nils.nysson@example.com",
    "PersonelType": "TJM",
}


def refusal(answer: requests.Response) -> tuple[int, int, str]:
    """Read status, code and message of a refusal in the lower case shape."""
    information = answer.json()["ErrorInformation"]
    assert information.keys() == {"error", "message", "code"}
    return answer.status_code, information["code"], information["message"]


def people_of(*employees: dict[str, Any]) -> dict[str, Any]:
    """Make a people file of employees given by what matters of them."""
    standard = {"FirstName": "Test", "LastName": "Testsson", "Email": "test@example.com"}
    company = {"name": "Provföretaget AB", "organizationNumber": "400000-0002", "databaseNumber": 1234567}
    return {
        "company": company,
        "employees": [{"EmployeeId": str(n), **standard, **each} for n, each in enumerate(employees, 1)],
    }


# -- reading -----------------------------------------------------------------------------------


def test_a_row_carries_about_a_hundred_fields_and_the_single_employee_all_but_the_url(
    simulated_fortnox: FortnoxTarget,
) -> None:
    row = simulated_fortnox.call("GET", "/employees").json()["Employees"][0]
    single = simulated_fortnox.call("GET", f"/employees/{row['EmployeeId']}").json()["Employee"]
    assert row.keys() - single.keys() == {"@url"}
    assert single.keys() <= row.keys()
    assert len(single) >= 100
    assert row["@url"] == f"{simulated_fortnox.api_url}/3/employees/1"


def test_the_list_has_active_and_inactive_employees_unless_filtered(simulated_fortnox: FortnoxTarget) -> None:
    def listed(**parameters: str) -> list[str]:
        rows = simulated_fortnox.call("GET", "/employees", params=parameters).json()["Employees"]
        return [row["EmployeeId"] for row in rows]

    assert listed() == ["1", "07", "12"]
    assert listed(filter="active") == ["1", "07"]
    assert listed(filter="inactive") == ["12"]


def test_a_page_holds_100_rows_unless_asked_for_up_to_500(
    fortnox_simulator: SimulatorProcess, simulated_fortnox: FortnoxTarget
) -> None:
    fortnox_simulator.set_people(people_of(*[{}] * 620))

    def page(**parameters: int) -> tuple[list[str], dict[str, int]]:
        answer = simulated_fortnox.call("GET", "/employees", params=parameters).json()
        return [row["EmployeeId"] for row in answer["Employees"]], answer["MetaInformation"]

    rows, about = page()
    assert len(rows) == 100
    assert about == {"@TotalResources": 620, "@TotalPages": 7, "@CurrentPage": 1}
    rows, about = page(limit=500, page=2)
    assert rows == [str(number) for number in range(501, 621)]
    assert about == {"@TotalResources": 620, "@TotalPages": 2, "@CurrentPage": 2}
    assert page(limit=500, page=3)[0] == []
    assert page(limit=10, offset=15)[0] == [str(number) for number in range(16, 26)]


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"lastmodified": "2024-01-01"}, 2000588),
        ({"sortby": "name"}, 2000588),
        ({"Page": "1"}, 2000588),
        ({"page": "0"}, 2000588),
        ({"page": "one"}, 2000588),
        ({"limit": "501"}, 2000588),
        ({"limit": "0"}, 2000588),
        ({"offset": "-1"}, 2000588),
        ({"filter": "retired"}, 2000587),
    ],
)
def test_a_wrong_parameter_of_the_list_is_refused_by_its_code(
    simulated_fortnox: FortnoxTarget, parameters: dict[str, str], code: int
) -> None:
    assert refusal(simulated_fortnox.call("GET", "/employees", params=parameters))[:2] == (400, code)


def test_a_blank_is_null_for_some_and_an_empty_string_for_others(
    fortnox_simulator: SimulatorProcess, simulated_fortnox: FortnoxTarget
) -> None:
    fortnox_simulator.set_people(people_of(*[{}] * 20))
    rows = simulated_fortnox.call("GET", "/employees").json()["Employees"]
    assert {row["Phone1"] for row in rows} == {None, ""}
    assert {row["EmployedTo"] for row in rows} == {None, ""}


def test_numbers_may_be_strings_and_a_boolean_too(simulated_fortnox: FortnoxTarget) -> None:
    employee = simulated_fortnox.call("GET", "/employees/1").json()["Employee"]
    assert employee["MonthlySalary"] == "35000"
    assert employee["AutoNonRecurringTax"] == "false"
    assert employee["Inactive"] is False
    assert employee["FullName"] == "Anna Exempelsson"


def test_an_undocumented_value_of_an_enumeration_occurs(
    fortnox_simulator: SimulatorProcess, simulated_fortnox: FortnoxTarget
) -> None:
    fortnox_simulator.set_people(people_of({"TaxAllowance": "SNK"}))
    assert simulated_fortnox.call("GET", "/employees/1").json()["Employee"]["TaxAllowance"] == "SNK"


def test_an_employee_id_keeps_its_leading_zeros(simulated_fortnox: FortnoxTarget) -> None:
    assert simulated_fortnox.call("GET", "/employees/07").json()["Employee"]["FirstName"] == "Bo"
    assert simulated_fortnox.call("GET", "/employees/7").status_code == 404


# -- refusals before any work ------------------------------------------------------------------


def test_not_found_has_capital_members(simulated_fortnox: FortnoxTarget) -> None:
    for answer in (
        simulated_fortnox.call("GET", "/employees/999"),
        simulated_fortnox.call("PUT", "/employees/999", {"Phone1": "1"}),
    ):
        assert answer.status_code == 404
        assert answer.json()["ErrorInformation"].keys() == {"Error", "Message", "Code"}


def test_nothing_can_be_deleted(fortnox_simulator: SimulatorProcess, simulated_fortnox: FortnoxTarget) -> None:
    answer = simulated_fortnox.call("DELETE", "/employees/1")
    assert answer.status_code == 405
    assert answer.json()["ErrorInformation"].keys() == {"Error", "Message", "Code"}
    assert len(fortnox_simulator.people()["employees"]) == 3


def test_an_unknown_end_point_is_an_html_page(simulated_fortnox: FortnoxTarget) -> None:
    answer = simulated_fortnox.call("GET", "/employes")
    assert answer.status_code == 404
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "<html>" in answer.text


@pytest.mark.parametrize("accept", ["application/xml", "text/html", "*/*", None])
def test_only_json_is_answered(simulated_fortnox: FortnoxTarget, accept: str | None) -> None:
    answer = simulated_fortnox.call("GET", "/employees", headers={"Accept": accept})
    assert refusal(answer)[:2] == (400, 1000030)


def test_only_json_is_read(simulated_fortnox: FortnoxTarget) -> None:
    body = '{"Employee": {"Phone1": "070-174 06 05"}}'
    answer = simulated_fortnox.call("PUT", "/employees/1", data=body, headers={"Content-Type": "text/plain"})
    assert refusal(answer)[:2] == (400, 1000031)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("{not json", 2002115),
        ("", 2001392),
        ("[]", 2001392),
        ('{"Phone1": "1"}', 2001392),
        ('{"Employee": {}}', 2001392),
    ],
)
def test_a_wrong_body_is_refused_by_its_code(simulated_fortnox: FortnoxTarget, body: str, code: int) -> None:
    headers: dict[str, str | None] = {"Content-Type": "application/json"}
    answer = simulated_fortnox.call("PUT", "/employees/1", data=body, headers=headers)
    assert refusal(answer)[:2] == (400, code)


def test_a_missing_token_and_an_invalid_one_are_refused_in_different_shapes(simulated_fortnox: FortnoxTarget) -> None:
    missing = simulated_fortnox.call("GET", "/employees", headers={"Authorization": None})
    assert refusal(missing)[:2] == (401, 2000311)
    invalid = simulated_fortnox.call("GET", "/employees", headers={"Authorization": "Bearer x.y.z"})
    assert (invalid.status_code, invalid.json()) == (401, {"message": "unauthorized"})


def test_a_token_without_the_scope_is_refused_with_400(
    fortnox_simulator: SimulatorProcess, simulated_fortnox: FortnoxTarget
) -> None:
    grant = fortnox_simulator.control("POST", "/_sim/grant", {"scopes": ["companyinformation"]})
    headers: dict[str, str | None] = {"Authorization": f"Bearer {grant['access_token']}"}
    assert refusal(simulated_fortnox.call("GET", "/employees", headers=headers))[:2] == (400, 2000663)
    assert simulated_fortnox.call("GET", "/companyinformation", headers=headers).status_code == 200


# -- creating ----------------------------------------------------------------------------------


def test_a_created_employee_is_answered_whole_and_gets_the_next_number(
    fortnox_simulator: SimulatorProcess, simulated_fortnox: FortnoxTarget
) -> None:
    answer = simulated_fortnox.call("POST", "/employees", NEW_EMPLOYEE)
    assert answer.status_code == 201
    created = answer.json()["Employee"]
    assert created["EmployeeId"] == "13"
    assert created["FullName"] == "Nils Nysson"
    assert fortnox_simulator.people()["employees"][-1]["Email"] == "nils.nysson@example.com"


def test_creating_is_not_idempotent(fortnox_simulator: SimulatorProcess, simulated_fortnox: FortnoxTarget) -> None:
    numbers = [
        simulated_fortnox.call("POST", "/employees", NEW_EMPLOYEE).json()["Employee"]["EmployeeId"] for _ in range(2)
    ]
    assert numbers == ["13", "14"]
    assert len(fortnox_simulator.people()["employees"]) == 5


def test_a_chosen_employee_id_is_kept_and_refused_the_second_time(simulated_fortnox: FortnoxTarget) -> None:
    employee = {**NEW_EMPLOYEE, "EmployeeId": "007"}
    assert simulated_fortnox.call("POST", "/employees", employee).json()["Employee"]["EmployeeId"] == "007"
    assert refusal(simulated_fortnox.call("POST", "/employees", employee))[0] == 400


@pytest.mark.parametrize("name", ["Email", "FirstName", "LastName"])
@pytest.mark.parametrize("value", ["absent", "", None])
def test_email_and_names_are_required(simulated_fortnox: FortnoxTarget, name: str, value: str | None) -> None:
    employee: dict[str, Any] = {**NEW_EMPLOYEE, name: value}
    if value == "absent":
        del employee[name]
    status, _, message = refusal(simulated_fortnox.call("POST", "/employees", employee))
    assert (status, message) == (400, f"Värdet kan inte vara null. ({name})")


def test_without_personel_type_no_agreement_can_be_assigned(simulated_fortnox: FortnoxTarget) -> None:
    employee = {name: value for name, value in NEW_EMPLOYEE.items() if name != "PersonelType"}
    status, _, message = refusal(simulated_fortnox.call("POST", "/employees", employee))
    assert (status, message) == (400, "Värdet kan inte vara null. (ftgavtalid)")


@pytest.mark.parametrize("employee_id", ["1234567890123456", "A 1", "1.1"])
def test_an_employee_id_has_at_most_15_letters_and_digits(simulated_fortnox: FortnoxTarget, employee_id: str) -> None:
    answer = simulated_fortnox.call("POST", "/employees", {**NEW_EMPLOYEE, "EmployeeId": employee_id})
    assert answer.status_code == 400


# -- updating ----------------------------------------------------------------------------------


def test_an_update_changes_only_what_it_names(
    fortnox_simulator: SimulatorProcess, simulated_fortnox: FortnoxTarget
) -> None:
    before = fortnox_simulator.people()["employees"][0]
    answer = simulated_fortnox.call("PUT", "/employees/1", {"Phone1": "070-174 06 05"})
    assert answer.status_code == 200
    assert answer.json()["Employee"]["Phone1"] == "070-174 06 05"
    assert fortnox_simulator.people()["employees"][0] == {**before, "Phone1": "070-174 06 05"}


@pytest.mark.parametrize(
    ("name", "value"),
    [("Phone1", ""), ("Phone1", None), ("City", ""), ("City", None), ("Email", ""), ("EmploymentDate", "")],
)
def test_neither_an_empty_string_nor_null_clears_a_text(
    fortnox_simulator: SimulatorProcess, simulated_fortnox: FortnoxTarget, name: str, value: str | None
) -> None:
    before = fortnox_simulator.people()["employees"][0]
    answer = simulated_fortnox.call("PUT", "/employees/1", {name: value})
    assert answer.status_code == 200
    assert answer.json()["Employee"][name] == before[name]


def test_api_blank_clears_a_text_and_null_a_date(simulated_fortnox: FortnoxTarget) -> None:
    answer = simulated_fortnox.call("PUT", "/employees/1", {"Phone1": "API_BLANK", "EmploymentDate": None})
    assert answer.status_code == 200
    assert not answer.json()["Employee"]["Phone1"]
    assert not answer.json()["Employee"]["EmploymentDate"]


def test_a_date_cannot_carry_api_blank_and_a_required_field_cannot_be_cleared(simulated_fortnox: FortnoxTarget) -> None:
    assert refusal(simulated_fortnox.call("PUT", "/employees/1", {"EmploymentDate": "API_BLANK"}))[0] == 400
    assert refusal(simulated_fortnox.call("PUT", "/employees/1", {"Email": "API_BLANK"}))[0] == 400


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"PersonnelType": "TJM"}, 2001399),
        ({"phone1": "070-174 06 05"}, 2001399),
        ({"Inactive": "perhaps"}, 2000134),
        ({"ClearingNo": "8327-9"}, 2000108),
        ({"BankAccountNo": "014 725 892-5"}, 2000108),
        ({"MonthlySalary": "much"}, 2000108),
        ({"TaxColumn": "A"}, 2000108),
        ({"City": "Exempelstad | Mitt"}, 2000359),
        ({"Address2": "Gatan “1”"}, 2000359),
        ({"Address2": "Gatan 1 · lgh 2"}, 2000359),
        ({"City": "http://example.com"}, 2000359),
        ({"FirstName": "Rene\u0301"}, 2000359),
        ({"JobTitle": "x" * 31}, 0),
        ({"EmploymentDate": "2024-02-30"}, 0),
        ({"EmploymentDate": "20240201"}, 0),
        ({"EmploymentForm": "HEL"}, 0),
        ({"PersonelType": "TJÄ"}, 0),
        ({"TaxColumn": 7}, 0),
        ({"Email": "nobody"}, 0),
        ({"EmployeeId": "2"}, 0),
    ],
)
def test_a_wrong_value_is_refused_by_its_code_and_nothing_is_stored(
    fortnox_simulator: SimulatorProcess, simulated_fortnox: FortnoxTarget, change: dict[str, Any], code: int
) -> None:
    before = fortnox_simulator.people()
    answer = simulated_fortnox.call("PUT", "/employees/1", {"Phone2": "070-174 06 09", **change})
    assert refusal(answer)[:2] == (400, code)
    assert fortnox_simulator.people() == before


@pytest.mark.parametrize("name", ["Łukasz", "Nguyễn", "李", "A\u030asa", "O'Brien", "Anna-Lisa", "½ & ½"])
def test_letters_of_any_script_pass(simulated_fortnox: FortnoxTarget, name: str) -> None:
    answer = simulated_fortnox.call("PUT", "/employees/1", {"FirstName": name})
    assert answer.status_code == 200
    assert answer.json()["Employee"]["FirstName"] == name


def test_derived_fields_and_api_noright_are_ignored_when_sent(simulated_fortnox: FortnoxTarget) -> None:
    change = {"FullName": "Somebody Else", "VacationDaysSaved": 9, "ClearingNo": "API_NORIGHT", "Inactive": True}
    answer = simulated_fortnox.call("PUT", "/employees/1", change)
    assert answer.status_code == 200
    employee = answer.json()["Employee"]
    assert employee["FullName"] == "Anna Exempelsson"
    assert employee["VacationDaysSaved"] == 0
    assert not employee["ClearingNo"]
    assert employee["Inactive"] is True


def test_a_record_that_was_read_cannot_be_sent_back(simulated_fortnox: FortnoxTarget) -> None:
    employee = simulated_fortnox.call("GET", "/employees/1").json()["Employee"]
    assert refusal(simulated_fortnox.call("PUT", "/employees/1", employee))[0] == 400
    for pair in (("MonthlySalary", "DatedWages"), ("ScheduleId", "DatedSchedules")):
        assert all(employee[name] for name in pair)
        answer = simulated_fortnox.call("PUT", "/employees/1", {name: employee[name] for name in pair})
        assert refusal(answer)[0] == 400


def test_dated_rows_need_exactly_one_that_holds_from_the_start(simulated_fortnox: FortnoxTarget) -> None:
    def status(*days: str) -> int:
        rows = [{"EmployeeId": "1", "FirstDay": day, "MonthlySalary": "1"} for day in days]
        return simulated_fortnox.call("PUT", "/employees/1", {"DatedWages": rows}).status_code

    assert status("1970-01-01", "2024-01-01") == 200
    assert status("2024-01-01") == 400
    assert status("1970-01-01", "2024-01-01", "2024-01-01") == 400


@pytest.mark.parametrize(
    ("legacy", "heals"),
    [
        ({"Email": ""}, {"Email": "test@example.com"}),
        ({"BankAccountNo": "123 456"}, {"BankAccountNo": "123456"}),
        ({"JobTitle": "x" * 40}, {"JobTitle": "x"}),
    ],
)
def test_a_stored_value_nobody_touched_can_fail_an_update(
    fortnox_simulator: SimulatorProcess,
    simulated_fortnox: FortnoxTarget,
    legacy: dict[str, str],
    heals: dict[str, str],
) -> None:
    fortnox_simulator.set_people(people_of(legacy))
    change = {"Phone1": "070-174 06 05"}
    assert refusal(simulated_fortnox.call("PUT", "/employees/1", change))[0] == 400
    assert simulated_fortnox.call("PUT", "/employees/1", {**change, **heals}).status_code == 200


def test_what_is_not_published_can_be_the_other_way(
    other_fortnox_simulator: SimulatorProcess, other_simulated_fortnox: FortnoxTarget
) -> None:
    row = {"Email": "", "Phone1": "070-174 06 05", "EmployedTo": "2024-06-30", "City": "Exempelstad"}
    other_fortnox_simulator.set_people(people_of(row))

    def put(**change: Any) -> tuple[int, dict[str, Any]]:
        time.sleep(0.15)
        answer = other_simulated_fortnox.call("PUT", "/employees/1", change)
        return answer.status_code, answer.json().get("Employee", {})

    status, employee = put(Phone1=None, EmployedTo="")
    assert status == 200
    assert not employee["Phone1"]
    assert not employee["EmployedTo"]
    # Where API_BLANK means nothing it is a text like any other.
    assert put(City="API_BLANK")[1]["City"] == "API_BLANK"
    assert put(ClearingNo="8327-9")[1]["ClearingNo"] == "8327-9"
    assert put(FirstName="O'Brien")[0] == 400
    time.sleep(0.15)
    employee = {name: value for name, value in NEW_EMPLOYEE.items() if name != "PersonelType"}
    assert other_simulated_fortnox.call("POST", "/employees", employee).status_code == 201


# -- the rate limit ----------------------------------------------------------------------------


def test_25_requests_in_any_5_seconds_and_not_one_more(
    fortnox_simulator: SimulatorProcess, simulated_fortnox: FortnoxTarget
) -> None:
    def ask() -> tuple[float, requests.Response]:
        answer = simulated_fortnox.call("GET", "/companyinformation")
        return time.monotonic(), answer

    before_first = time.monotonic()
    assert ask()[1].status_code == 200
    after_first = time.monotonic()
    time.sleep(1.0)
    assert [ask()[1].status_code for _ in range(24)] == [200] * 24
    refused = ask()[1]
    assert refused.status_code == 429
    assert "Retry-After" not in refused.headers
    assert "ErrorInformation" not in refused.json()
    # The window slides: before the first request has left it nothing passes, after that one does.
    time.sleep(max(before_first + 4.5 - time.monotonic(), 0))
    assert ask()[1].status_code == 429
    time.sleep(max(after_first + 5.02 - time.monotonic(), 0))
    assert [ask()[1].status_code for _ in range(2)] == [200, 429]
    statuses = [entry["status"] for entry in fortnox_simulator.requests(path="/3")]
    assert (statuses.count(200), statuses.count(429)) == (26, 3)


def test_the_limit_holds_for_concurrent_requests_and_for_each_company_by_itself(
    fortnox_simulator: SimulatorProcess, simulated_fortnox: FortnoxTarget
) -> None:
    grant = fortnox_simulator.control("POST", "/_sim/grant", {"tenantId": 7654321})
    other: dict[str, str | None] = {"Authorization": f"Bearer {grant['access_token']}"}
    with ThreadPoolExecutor(8) as pool:
        asked = [
            pool.submit(simulated_fortnox.call, "GET", "/employees", headers=other if n % 2 else None)
            for n in range(70)
        ]
        statuses = [each.result().status_code for each in asked]
    assert statuses[0::2].count(200) == statuses[1::2].count(200) == 25
    assert statuses.count(429) == 20


def test_a_new_token_does_not_help_against_the_limit(
    fortnox_simulator: SimulatorProcess, simulated_fortnox: FortnoxTarget
) -> None:
    for _ in range(25):
        assert simulated_fortnox.call("GET", "/companyinformation").status_code == 200
    simulated_fortnox.token = fortnox_simulator.control("POST", "/_sim/grant", {})["access_token"]
    assert simulated_fortnox.call("GET", "/companyinformation").status_code == 429


def test_retry_after_is_sent_when_set(other_simulated_fortnox: FortnoxTarget) -> None:
    answers = [other_simulated_fortnox.call("GET", "/companyinformation") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[-1].headers["Retry-After"] == "5"
