"""The real-time way: from Huma to Fortnox, without the employee's record."""

from typing import Any

import pytest
from huma_fortnox.domain.decisions import Decisions, Direction
from huma_fortnox.domain.outcome import FieldOutcome, Outcome, Reason
from huma_fortnox.domain.people import Base, Link
from huma_fortnox.domain.plan import push
from huma_fortnox.domain.plan_types import Writes
from huma_fortnox.domain.push import kept_in_fortnox, marks_in_huma
from huma_fortnox.domain.records import is_person

from tests.unit.domain.two_systems import DIGEST, SETTINGS, TwoSystems, employee_record, user_record

NAMED: dict[str, Any] = {"email": "anna@example.com", "given_name": "Anna", "family_name": "Berg"}
FILLED: dict[str, Any] = {
    **NAMED,
    "phone": "070-174 06 05",
    "first_day": "2024-01-01",
    "last_day": "2025-12-31",
}
HUMA_ONLY: dict[str, Any] = {
    "employment_id": "1",
    "address": {"line1": "Storgatan 1", "postalCode": "41101", "city": "Göteborg", "country": "SE"},
    "bank_account": {"type": "national", "code": "", "number": "8327-9 0147258925", "country": "SE"},
}
FORTNOX_ONLY: dict[str, Any] = {
    "address": {"Address1": "Storgatan 1", "PostCode": "41101", "City": "Göteborg", "Country": "Sweden"},
    "bank_account": {"ClearingNo": "8327", "BankAccountNo": "0147258925"},
}


@pytest.fixture
def systems() -> TwoSystems:
    """Two people who have been synchronized and agree in everything."""
    both = TwoSystems()
    both.users["u1"] = user_record("u1", **FILLED, **HUMA_ONLY)
    both.employees["1"] = employee_record("1", **FILLED, **FORTNOX_ONLY)
    both.users["u2"] = user_record("u2", email="bo@example.com", given_name="Bo", family_name="Ek")
    both.employees["2"] = employee_record("2", email="bo@example.com", given_name="Bo", family_name="Ek")
    both.synchronize(Decisions(everything=Direction.USE_FORTNOX))
    return both


def outcome(done: Writes, key: str) -> FieldOutcome:
    (found,) = (one for one in done.outcomes if one.field == key)
    return found


def test_nothing_changed_means_nothing_to_write(systems: TwoSystems) -> None:
    before = systems.links["u1"]
    done = systems.push("u1")
    assert (done.fortnox, done.huma, done.position, done.fields) == ({}, {}, {}, {})
    assert {one.outcome for one in done.outcomes} == {Outcome.UNCHANGED}
    assert len(done.outcomes) == 8
    assert systems.links["u1"] == before


@pytest.mark.parametrize(
    ("patch", "properties", "key"),
    [
        ({"givenName": "Eva"}, {"FirstName": "Eva"}, "given_name"),
        ({"email": "Eva@Example.com"}, {"Email": "Eva@example.com"}, "email"),
        ({"phone": "+46 70 174 06 06"}, {"Phone1": "070-174 06 06"}, "phone"),
        ({"lastDayOfWork": "2026-01-31"}, {"EmployedTo": "2026-01-31"}, "last_day"),
        ({"lastDayOfWork": None}, {"EmployedTo": None}, "last_day"),
        (
            {"bankAccount": {"number": "6000 123 456 789", "country": "SE"}},
            {"ClearingNo": "6000", "BankAccountNo": "123456789"},
            "bank_account",
        ),
        (
            {"homeAddress": {"line1": "Nygatan 2", "postalCode": "90325", "city": "Umeå", "country": "SE"}},
            {"Address1": "Nygatan 2", "Address2": None, "PostCode": "903 25", "City": "Umeå", "Country": "Sweden"},
            "address",
        ),
    ],
)
def test_a_change_in_huma_is_written_as_this_employee_is_written(
    systems: TwoSystems, patch: dict[str, Any], properties: dict[str, Any], key: str
) -> None:
    systems.edit_huma("u1", patch)
    done = systems.push("u1")
    assert done.fortnox == properties
    assert done.fields == {key: "fortnox"}
    assert key not in {one.field for one in done.outcomes}
    assert systems.push("u1").fields == {}
    people = {person.key: person for person in systems.plan().people}
    assert people["u:u1"].changes == ()


def test_another_spelling_of_the_same_value_is_no_change(systems: TwoSystems) -> None:
    systems.edit_huma("u1", {"phone": "0046701740605", "email": "ANNA@example.com"})
    assert systems.push("u1").fields == {}


def test_the_employment_id_is_not_even_looked_at(systems: TwoSystems) -> None:
    systems.edit_huma("u1", {"employmentId": "17"})
    done = systems.push("u1")
    assert done.fields == {}
    assert "employment_id" not in {one.field for one in done.outcomes}


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("phone", "phone"),
        ("givenName", "given_name"),
        ("homeAddress", "address"),
        ("bankAccount", "bank_account"),
        ("firstDayOfWork", "first_day"),
    ],
)
def test_a_removed_value_is_held_with_a_question(systems: TwoSystems, name: str, key: str) -> None:
    base = systems.links["u1"].bases[key]
    systems.edit_huma("u1", {name: None})
    done = systems.push("u1")
    assert done.fields == {}
    assert outcome(done, key) == FieldOutcome(key, Outcome.HELD, "fortnox", Reason("removed-in-huma"))
    assert done.bases[key] == base


def test_an_invalid_value_is_held_with_its_own_reason(systems: TwoSystems) -> None:
    systems.edit_huma("u1", {"phone": "call me", "givenName": "Anna <3"})
    done = systems.push("u1")
    assert done.fields == {}
    assert outcome(done, "phone").reason == Reason("phone-letters", {"character": "c"})
    name = outcome(done, "given_name")
    assert name.outcome is Outcome.HELD
    assert name.reason is not None
    assert name.reason.code == "text-character"


def test_what_was_never_compared_is_not_written() -> None:
    systems = TwoSystems()
    systems.users["u1"] = user_record("u1", **NAMED)
    link = Link("u1", "1", {"given_name": Base(None, "x")})
    done = push(systems.user("u1"), link=link, digest=DIGEST, settings=SETTINGS)
    assert done.fields == {}
    assert outcome(done, "given_name") == FieldOutcome("given_name", Outcome.HELD, "fortnox", Reason("never-compared"))
    assert outcome(done, "email").reason == Reason("never-compared")
    assert outcome(done, "phone") == FieldOutcome("phone", Outcome.UNCHANGED)
    assert done.bases == link.bases


def test_what_is_not_visible_is_no_change(systems: TwoSystems) -> None:
    base = systems.links["u1"].bases["phone"]
    del systems.users["u1"]["phone"]
    done = systems.push("u1")
    assert "phone" not in {one.field for one in done.outcomes}
    assert done.bases["phone"] == base


def test_a_value_another_linked_user_has_is_held_and_names_both(systems: TwoSystems) -> None:
    asked = []

    def others(key: str, comparison_key: str) -> str | None:
        asked.append((key, comparison_key))
        return "u2"

    systems.edit_huma("u1", {"phone": "070-174 06 06", "givenName": "Eva"})
    done = push(systems.user("u1"), link=systems.links["u1"], digest=DIGEST, settings=SETTINGS, others=others)
    assert asked == [("phone", "+46701740606")]
    assert done.fields == {"given_name": "fortnox"}
    assert outcome(done, "phone").reason == Reason(
        "duplicate-in-huma", {"field": "phone", "people": "u1,u2", "count": "2"}
    )


def test_without_anybody_to_ask_nothing_is_a_duplicate(systems: TwoSystems) -> None:
    systems.edit_huma("u1", {"phone": "070-174 06 06"})
    done = push(systems.user("u1"), link=systems.links["u1"], digest=DIGEST, settings=SETTINGS)
    assert done.fields == {"phone": "fortnox"}


def test_nobody_is_asked_about_a_value_that_is_held_anyway(systems: TwoSystems) -> None:
    def others(key: str, comparison_key: str) -> str | None:
        raise AssertionError((key, comparison_key))

    systems.edit_huma("u1", {"phone": "call me"})
    push(systems.user("u1"), link=systems.links["u1"], digest=DIGEST, settings=SETTINGS, others=others)
    systems.edit_huma("u1", {"phone": None})
    push(systems.user("u1"), link=systems.links["u1"], digest=DIGEST, settings=SETTINGS, others=others)


def test_of_somebody_deactivated_only_the_last_day_is_carried(systems: TwoSystems) -> None:
    systems.users["u1"]["status"]["active"] = False
    systems.edit_huma("u1", {"lastDayOfWork": "2025-06-30", "givenName": "Eva", "phone": None})
    done = systems.push("u1")
    assert done.fortnox == {"EmployedTo": "2025-06-30"}
    for key in ("given_name", "phone"):
        assert outcome(done, key) == FieldOutcome(key, Outcome.HELD, "fortnox", Reason("user-deactivated"))
    assert outcome(done, "email").outcome is Outcome.UNCHANGED


def test_the_address_a_push_writes_teaches_the_layout(systems: TwoSystems) -> None:
    assert systems.links["u1"].layout == {"street_line": "Address1", "country": "Sweden"}
    abroad = {"line1": "Karl Johans gate 1", "postalCode": "0154", "city": "Oslo", "country": "NO"}
    systems.edit_huma("u1", {"homeAddress": abroad, "phone": "22 82 30 00"})
    done = systems.push("u1")
    assert done.fortnox["Country"] == "Norway"
    assert done.fortnox["Phone1"] == "+4722823000"
    assert done.layout["country"] == "Norway"


def test_the_layout_tells_where_somebody_without_an_address_lives(systems: TwoSystems) -> None:
    link = systems.links["u1"]
    systems.edit_huma("u1", {"homeAddress": None, "phone": "22 82 30 00"})
    norwegian = Link("u1", "1", link.bases, {"country": "Norge"})
    done = push(systems.user("u1"), link=norwegian, digest=DIGEST, settings=SETTINGS)
    assert done.fortnox == {"Phone1": "+4722823000"}


def test_a_field_left_alone_is_pushed_once_it_changes_in_huma() -> None:
    systems = TwoSystems()
    systems.users["u1"] = user_record("u1", **{**NAMED, "given_name": "Eva"})
    systems.employees["1"] = employee_record("1", **NAMED)
    systems.synchronize(Decisions(everything=Direction.LEAVE))
    assert systems.push("u1").fields == {}
    systems.edit_huma("u1", {"givenName": "Åsa"})
    assert systems.push("u1").fortnox == {"FirstName": "Åsa"}


def test_a_removal_that_was_decided_clears_the_value_in_fortnox(systems: TwoSystems) -> None:
    systems.edit_huma("u1", {"phone": None, "bankAccount": None})
    link = systems.links["u1"]
    done = push(systems.user("u1"), link=link, digest=DIGEST, settings=SETTINGS, remove={"phone"})
    assert done.fortnox == {"Phone1": None}
    assert outcome(done, "bank_account").reason == Reason("removed-in-huma")


def test_a_removal_cannot_be_decided_for_what_every_employee_has(systems: TwoSystems) -> None:
    systems.edit_huma("u1", {"givenName": None})
    done = push(systems.user("u1"), link=systems.links["u1"], digest=DIGEST, settings=SETTINGS, remove={"given_name"})
    assert not done.fields
    assert outcome(done, "given_name").outcome is Outcome.HELD


def test_a_value_that_was_kept_in_fortnox_is_not_asked_about_again_until_huma_has_one(systems: TwoSystems) -> None:
    systems.edit_huma("u1", {"phone": None})
    link = systems.links["u1"]
    kept = kept_in_fortnox("phone", link.bases["phone"], DIGEST)
    assert kept.fortnox == link.bases["phone"].fortnox
    systems.links["u1"] = Link("u1", link.employee_id, {**link.bases, "phone": kept}, link.layout)
    assert outcome(systems.push("u1"), "phone").outcome is Outcome.UNCHANGED
    systems.edit_huma("u1", {"phone": "070-174 06 06"})
    assert systems.push("u1").fortnox == {"Phone1": "070-174 06 06"}


def test_what_was_never_compared_can_be_kept_as_well() -> None:
    assert kept_in_fortnox("phone", None, DIGEST) == Base(DIGEST("phone", ""), None)


def test_the_marks_of_huma_are_those_of_a_base_and_leave_out_what_cannot_be_seen(systems: TwoSystems) -> None:
    link = systems.links["u1"]
    systems.users["u1"].pop("phone")
    marks = marks_in_huma(systems.user("u1"), ["email", "phone"], link=link, digest=DIGEST, settings=SETTINGS)
    assert marks == {"email": link.bases["email"].huma}
    unlinked = marks_in_huma(systems.user("u2"), ["email"], link=None, digest=DIGEST, settings=SETTINGS)
    assert unlinked == {"email": systems.links["u2"].bases["email"].huma}


def test_a_service_user_is_no_person() -> None:
    assert is_person(user_record("u1"))
    assert not is_person({"id": "s1", "type": "service_user"})
