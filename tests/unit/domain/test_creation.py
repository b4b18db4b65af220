"""Creating the other half of somebody who stands on one side only."""

from typing import Any

import pytest
from huma_fortnox.domain.creation import (
    EmploymentDefaults,
    NewEmployee,
    NewUser,
    left_out,
    new_employee,
    new_user,
    obstacles,
)
from huma_fortnox.domain.outcome import FieldOutcome, Outcome, Reason
from huma_fortnox.domain.people import Link
from huma_fortnox.domain.plan_types import PlannedPerson, Situation

from tests.unit.domain.two_systems import SETTINGS, TwoSystems, employee_record, user_record

DEFAULTS = EmploymentDefaults("TJM", "TV", "MAN")
NAMED: dict[str, Any] = {"email": "anna@example.com", "given_name": "Anna", "family_name": "Berg"}


def in_huma(**values: Any) -> TwoSystems:
    systems = TwoSystems()
    systems.users["u1"] = user_record("u1", **{**NAMED, **values})
    return systems


def in_fortnox(**values: Any) -> TwoSystems:
    systems = TwoSystems()
    systems.employees["1"] = employee_record("1", **{**NAMED, **values})
    return systems


def test_an_employee_is_created_with_everything_that_can_be_written() -> None:
    user = in_huma(
        employment_id="17",
        phone="0046701740605",
        address={"line1": "Storgatan 1", "postalCode": "41101", "city": "Göteborg", "country": "SE"},
        bank_account={"number": "8327-9 0147258925", "country": "SE"},
        first_day="2024-01-01",
    ).user("u1")
    assert new_employee(user, DEFAULTS, SETTINGS) == NewEmployee(
        {
            "PersonelType": "TJM",
            "EmploymentForm": "TV",
            "SalaryForm": "MAN",
            "Email": "anna@example.com",
            "FirstName": "Anna",
            "LastName": "Berg",
            "Phone1": "070-174 06 05",
            "Address2": "Storgatan 1",
            "PostCode": "411 01",
            "City": "Göteborg",
            "ClearingNo": "83279",
            "BankAccountNo": "0147258925",
            "EmploymentDate": "2024-01-01",
        }
    )


def test_what_cannot_be_written_is_left_out_and_reported() -> None:
    systems = in_huma(phone="call me", address={"line1": "A <b>", "city": "Umeå", "country": "SE"})
    del systems.users["u1"]["bankAccount"]
    made = new_employee(systems.user("u1"), DEFAULTS, SETTINGS)
    assert made.held is None
    assert not {"Phone1", "City", "ClearingNo"} & made.properties.keys()
    reasons = {one.field: one.reason for one in made.outcomes}
    assert {(one.outcome, one.target) for one in made.outcomes} == {(Outcome.HELD, "fortnox")}
    assert reasons.keys() == {"phone", "address", "bank_account"}
    assert reasons["phone"] == Reason("phone-letters", {"character": "c", "field": "phone", "side": "huma"})
    assert reasons["address"] is not None
    assert reasons["address"].params["field"] == "address"
    assert reasons["bank_account"] == Reason("not-visible-in-huma", {"field": "bank_account"})


@pytest.mark.parametrize(
    ("values", "held"),
    [
        ({"given_name": None}, Reason("name-empty", {"field": "given_name", "side": "huma"})),
        ({"email": None}, Reason("email-missing", {"field": "email", "side": "huma"})),
        ({"email": "nobody"}, Reason("email-syntax", {"field": "email", "side": "huma"})),
    ],
)
def test_a_required_field_that_is_missing_holds_the_creation(values: dict[str, Any], held: Reason) -> None:
    user = in_huma(**values, phone="070-174 06 05").user("u1")
    assert new_employee(user, DEFAULTS, SETTINGS) == NewEmployee({}, (), held)


def test_what_the_plan_said_not_to_write_is_left_out() -> None:
    why = Reason("would-duplicate-in-fortnox", {"field": "phone", "people": "1", "count": "1"})
    made = new_employee(in_huma(phone="070-174 06 05").user("u1"), DEFAULTS, SETTINGS, without={"phone": why})
    assert "Phone1" not in made.properties
    assert made.outcomes == (FieldOutcome("phone", Outcome.HELD, "fortnox", why),)
    held = new_employee(in_huma().user("u1"), DEFAULTS, SETTINGS, without={"family_name": why})
    assert held.held == why


def test_a_user_is_created_with_the_employees_own_number() -> None:
    employee = in_fortnox(
        phone="070-174 06 05",
        address={"Address2": "Storgatan 1", "PostCode": "41101", "City": "Göteborg"},
        bank_account={"ClearingNo": "6000", "BankAccountNo": "123456789"},
        first_day="2024-01-01",
        last_day="soon",
    ).employee("1")
    soon = Reason("date-format", {"field": "last_day", "side": "fortnox"})
    made, held = new_user(employee, SETTINGS)
    assert held is None
    assert made == NewUser(
        given_name="Anna",
        family_name="Berg",
        email="anna@example.com",
        patch={
            "employmentId": "1",
            "phone": "070-174 06 05",
            "homeAddress": {
                "line1": "Storgatan 1",
                "line2": "",
                "line3": "",
                "postalCode": "411 01",
                "city": "Göteborg",
                "country": "SE",
            },
            "bankAccount": {"number": "6000 123456789", "country": "SE"},
        },
        position={"firstDayOfWork": "2024-01-01"},
        outcomes=(FieldOutcome("last_day", Outcome.HELD, "huma", soon),),
    )


def test_an_employee_without_a_name_creates_no_user() -> None:
    made, held = new_user(in_fortnox(family_name=None).employee("1"), SETTINGS)
    assert made is None
    assert held == Reason("name-empty", {"field": "family_name", "side": "fortnox"})


def test_the_obstacles_of_a_creation_are_known_before_it() -> None:
    assert obstacles(in_huma(phone="call me").user("u1"), SETTINGS).keys() == {"phone"}
    assert obstacles(in_huma(employment_id="much too long for Fortnox").user("u1"), SETTINGS) == {}


# --- in the plan --------------------------------------------------------------------------------


def only(systems: TwoSystems, key: str = "u:u1") -> PlannedPerson:
    return next(person for person in systems.plan().people if person.key == key)


def test_the_plan_offers_to_create_who_stands_on_one_side() -> None:
    there = only(in_huma())
    assert (there.situation, there.creates, there.create_held) == (Situation.ONLY_IN_HUMA, "fortnox", None)
    here = only(in_fortnox(), "e:1")
    assert (here.situation, here.creates, here.create_held) == (Situation.ONLY_IN_FORTNOX, "huma", None)
    assert there.notes == here.notes == ()


def test_the_plan_tells_what_holds_a_creation_and_notes_the_rest() -> None:
    person = only(in_huma(given_name=None, family_name="<>", phone="call me"))
    assert person.create_held == Reason("name-empty", {"field": "given_name", "side": "huma"})
    assert [note.code for note in person.notes] == ["text-character", "phone-letters"]


def test_a_value_that_somebody_on_the_other_side_has_is_left_out() -> None:
    systems = in_huma(phone="070-174 06 05")
    systems.employees["1"] = employee_record("1", email="bo@example.com", phone="+46701740605")
    note = Reason("would-duplicate-in-fortnox", {"field": "phone", "people": "1", "count": "1"})
    assert only(systems).notes == (note,)
    assert left_out(only(systems)) == {"phone": note}
    assert only(systems).create_held is None


def test_an_e_mail_that_somebody_linked_has_holds_the_creation() -> None:
    systems = in_huma()
    systems.users["u2"] = user_record("u2", email="bo@example.com")
    systems.employees["1"] = employee_record("1", **NAMED)
    systems.links["u2"] = Link("u2", "1")
    assert only(systems).create_held == Reason(
        "would-duplicate-in-fortnox", {"field": "email", "people": "1", "count": "1"}
    )


def test_an_employment_id_that_a_user_has_is_not_given_again() -> None:
    systems = in_fortnox()
    systems.users["u1"] = user_record("u1", email="bo@example.com", employment_id="1")
    assert left_out(only(systems, "e:1")) == {
        "employment_id": Reason("would-duplicate-in-huma", {"field": "employment_id", "people": "u1", "count": "1"})
    }


def test_two_who_share_an_e_mail_are_not_created() -> None:
    systems = in_huma()
    systems.users["u2"] = user_record("u2", **NAMED)
    why = Reason("duplicate-in-huma", {"field": "email", "people": "u1,u2", "count": "2"})
    assert only(systems).create_held == only(systems, "u:u2").create_held == why


def test_two_who_share_a_phone_number_are_created_without_it() -> None:
    systems = in_huma(phone="070-174 06 05")
    systems.users["u2"] = user_record("u2", **{**NAMED, "email": "bo@example.com", "phone": "070-174 06 05"})
    why = Reason("duplicate-in-huma", {"field": "phone", "people": "u1,u2", "count": "2"})
    assert left_out(only(systems)) == {"phone": why}


def test_only_notes_about_a_field_leave_it_out() -> None:
    notes = (Reason("duplicate-in-huma"), Reason("phone-letters", {"field": "phone"}))
    assert left_out(PlannedPerson("u:u1", Situation.ONLY_IN_HUMA, notes=notes)) == {}
