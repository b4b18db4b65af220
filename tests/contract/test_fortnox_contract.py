"""What the integration relies on of Fortnox, asserted alike of the simulator and of a real test company.

Nothing here changes an existing employee: one employee with a name that says what it is for is made, changed, and left
inactive, since Fortnox cannot delete.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.contract.conftest import FortnoxTarget

TEST_ID = "CONTRACT-TEST"
TEST_EMPLOYEE = {
    "EmployeeId": TEST_ID,
    "FirstName": "Contract",
    "LastName": "Testperson",
    "Email": "contract.test@example.com",
    "EmploymentForm": "TV",
    "PersonelType": "TJM",
    "SalaryForm": "MAN",
}


@pytest.fixture
def test_employee(any_fortnox: FortnoxTarget) -> dict[str, Any]:
    """The employee these tests may change, made if it is not there yet."""
    found = any_fortnox.call("GET", f"/employees/{TEST_ID}")
    if found.status_code == 404:
        found = any_fortnox.call("POST", "/employees", TEST_EMPLOYEE)
        assert found.status_code == 201
    employee: dict[str, Any] = found.json()["Employee"]
    return employee


def code_of(body: dict[str, Any]) -> int:
    """Read the code of an error in either casing."""
    information = body["ErrorInformation"]
    code: int = information["code"] if "code" in information else information["Code"]
    return code


def test_the_company_says_its_name_and_numbers(any_fortnox: FortnoxTarget) -> None:
    answer = any_fortnox.call("GET", "/companyinformation")
    assert answer.status_code == 200
    company = answer.json()["CompanyInformation"]
    assert company["CompanyName"]
    assert company["OrganizationNumber"]
    assert int(company["DatabaseNumber"]) > 0


def test_a_list_row_is_as_complete_as_the_single_employee(
    any_fortnox: FortnoxTarget, test_employee: dict[str, Any]
) -> None:
    answer = any_fortnox.call("GET", "/employees", params={"limit": 500, "page": 1})
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("application/json")
    row = next(each for each in answer.json()["Employees"] if each["EmployeeId"] == test_employee["EmployeeId"])
    assert row["@url"]
    contact_fields = {
        *("FirstName", "LastName", "Email", "Phone1", "Phone2", "Address1", "Address2", "PostCode", "City"),
        *("Country", "ClearingNo", "BankAccountNo", "EmploymentDate", "EmployedTo", "Inactive"),
    }
    assert contact_fields <= row.keys()
    assert contact_fields <= test_employee.keys()
    assert {name: row[name] or "" for name in contact_fields} == {
        name: test_employee[name] or "" for name in contact_fields
    }


def test_the_list_is_paged_and_says_how_many_there_are(
    any_fortnox: FortnoxTarget, test_employee: dict[str, Any]
) -> None:
    first = any_fortnox.call("GET", "/employees", params={"limit": 1, "page": 1}).json()
    second = any_fortnox.call("GET", "/employees", params={"limit": 1, "page": 2}).json()
    about = first["MetaInformation"]
    assert about["@CurrentPage"] == 1
    assert about["@TotalPages"] == about["@TotalResources"] >= 1
    assert len(first["Employees"]) == 1
    assert second["MetaInformation"]["@CurrentPage"] == 2
    if about["@TotalResources"] > 1:
        assert first["Employees"][0]["EmployeeId"] != second["Employees"][0]["EmployeeId"]


def test_an_employee_id_is_a_string(any_fortnox: FortnoxTarget, test_employee: dict[str, Any]) -> None:
    assert test_employee["EmployeeId"] == TEST_ID
    rows = any_fortnox.call("GET", "/employees", params={"limit": 500}).json()["Employees"]
    assert all(isinstance(row["EmployeeId"], str) for row in rows)


def test_an_unknown_query_parameter_is_refused(any_fortnox: FortnoxTarget) -> None:
    answer = any_fortnox.call("GET", "/employees", params={"Date": "2024-01-01"})
    assert answer.status_code == 400
    assert code_of(answer.json()) == 2000588


def test_an_update_keeps_what_it_does_not_name(any_fortnox: FortnoxTarget, test_employee: dict[str, Any]) -> None:
    required = {name: test_employee[name] for name in ("Email", "FirstName", "LastName")}
    for phone in ("070-174 06 11", "070-174 06 12"):
        answer = any_fortnox.call("PUT", f"/employees/{TEST_ID}", {**required, "Phone1": phone})
        assert answer.status_code == 200
        stored = answer.json()["Employee"]
        assert stored["Phone1"] == phone
        changing = {"Phone1", "Inactive"}
        assert {k: v for k, v in stored.items() if k not in changing} == {
            k: v for k, v in test_employee.items() if k not in changing
        }
    again = any_fortnox.call("GET", f"/employees/{TEST_ID}").json()["Employee"]
    assert again["Phone1"] == "070-174 06 12"


def test_an_empty_string_does_not_clear(any_fortnox: FortnoxTarget, test_employee: dict[str, Any]) -> None:
    any_fortnox.call("PUT", f"/employees/{TEST_ID}", {"City": "Exempelstad"})
    answer = any_fortnox.call("PUT", f"/employees/{TEST_ID}", {"City": ""})
    assert answer.status_code == 200
    assert answer.json()["Employee"]["City"] == "Exempelstad"


def test_an_unknown_field_is_refused_by_its_code(any_fortnox: FortnoxTarget, test_employee: dict[str, Any]) -> None:
    answer = any_fortnox.call("PUT", f"/employees/{TEST_ID}", {"PersonnelType": "TJM"})
    assert answer.status_code == 400
    assert code_of(answer.json()) == 2001399


def test_a_body_without_its_wrapper_is_refused(any_fortnox: FortnoxTarget, test_employee: dict[str, Any]) -> None:
    answer = any_fortnox.call("PUT", f"/employees/{TEST_ID}", json={"Phone1": "070-174 06 13"})
    assert answer.status_code == 400


def test_an_employee_nobody_has_is_not_found(any_fortnox: FortnoxTarget) -> None:
    assert any_fortnox.call("GET", "/employees/NOBODY-HAS-ME").status_code == 404


def test_an_invalid_token_is_refused_without_error_information(any_fortnox: FortnoxTarget) -> None:
    answer = any_fortnox.call("GET", "/employees", headers={"Authorization": "Bearer not-a-token"})
    assert answer.status_code == 401
    assert answer.json() == {"message": "unauthorized"}


def test_another_accept_header_is_refused(any_fortnox: FortnoxTarget) -> None:
    answer = any_fortnox.call("GET", "/employees", headers={"Accept": "text/plain"})
    assert answer.status_code == 400
    assert code_of(answer.json()) == 1000030


def test_a_client_that_is_not_registered_gets_no_token(any_fortnox: FortnoxTarget) -> None:
    answer = any_fortnox.session.post(
        f"{any_fortnox.auth_url}/token",
        auth=("nobody", "nothing"),
        data={"grant_type": "refresh_token", "refresh_token": "none"},
        timeout=30,
    )
    assert answer.status_code == 401
    assert answer.json()["error"] == "invalid_client"


def test_the_test_employee_can_be_made_inactive(any_fortnox: FortnoxTarget, test_employee: dict[str, Any]) -> None:
    answer = any_fortnox.call("PUT", f"/employees/{TEST_ID}", {"Inactive": True})
    assert answer.status_code == 200
    assert answer.json()["Employee"]["Inactive"] is True
