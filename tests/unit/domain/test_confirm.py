"""Only what somebody has seen is carried out."""

from dataclasses import replace
from typing import Any

import pytest
from huma_fortnox.domain.creation import left_out
from huma_fortnox.domain.decisions import Decisions, Direction
from huma_fortnox.domain.outcome import FieldOutcome, Outcome, Reason
from huma_fortnox.domain.plan import confirm
from huma_fortnox.domain.plan_types import PlannedPerson, Situation

from tests.unit.domain.two_systems import TwoSystems, employee_record, user_record

CHANGED = Reason("changed-since-preview")
NAMED: dict[str, Any] = {"email": "anna@example.com", "given_name": "Anna", "family_name": "Berg"}
EVERYTHING = Decisions(everything=Direction.USE_HUMA)


def pair(huma: dict[str, Any], fortnox: dict[str, Any]) -> TwoSystems:
    systems = TwoSystems()
    systems.users["u1"] = user_record("u1", **{"employment_id": "1", **NAMED, **huma})
    systems.employees["1"] = employee_record("1", **{**NAMED, **fortnox})
    return systems


def one(systems: TwoSystems, decisions: Decisions = EVERYTHING) -> PlannedPerson:
    (person,) = systems.plan(decisions).people
    return person


def test_what_is_as_it_was_seen_is_carried_out_in_the_direction_now_chosen() -> None:
    systems = pair({"given_name": "Eva"}, {"phone": "070-174 06 05"})
    previewed = one(systems, Decisions())
    fresh = one(systems)
    assert confirm(previewed, fresh) == fresh
    assert systems.writes(confirm(previewed, fresh)).fields == {"given_name": "fortnox"}


@pytest.mark.parametrize(
    ("edit_huma", "edit_fortnox"), [({"phone": "070-174 06 07"}, {}), ({}, {"Phone1": "070-174 06 08"})]
)
def test_a_value_that_changed_since_on_either_side_is_skipped(
    edit_huma: dict[str, Any], edit_fortnox: dict[str, Any]
) -> None:
    systems = pair({"phone": "070-174 06 05", "given_name": "Eva"}, {"phone": "070-174 06 06"})
    previewed = one(systems)
    systems.edit_huma("u1", edit_huma)
    systems.edit_fortnox("1", edit_fortnox)
    confirmed = confirm(previewed, one(systems))
    done = systems.writes(confirmed)
    assert done.fields == {"given_name": "fortnox"}
    assert FieldOutcome("phone", Outcome.SKIPPED, "fortnox", CHANGED) in done.outcomes
    assert "phone" not in done.bases


def test_another_spelling_of_the_same_value_is_what_was_seen() -> None:
    systems = pair({"phone": "070-174 06 05"}, {"phone": "070-174 06 06"})
    previewed = one(systems)
    systems.edit_huma("u1", {"phone": "+46701740605"})
    assert systems.writes(confirm(previewed, one(systems))).fields == {"phone": "fortnox"}


@pytest.mark.parametrize("now", ["call us", None])
def test_an_unreadable_value_is_the_one_that_was_seen_only_as_it_stands(now: str | None) -> None:
    systems = pair({"phone": "070-174 06 05"}, {"phone": "call me"})
    previewed = one(systems)
    assert systems.writes(confirm(previewed, one(systems))).fields == {"phone": "fortnox"}
    systems.edit_fortnox("1", {"Phone1": now})
    assert systems.writes(confirm(previewed, one(systems))).fields == {}


def test_a_difference_that_was_not_shown_is_skipped() -> None:
    systems = pair({}, {})
    previewed = one(systems)
    systems.edit_huma("u1", {"givenName": "Eva"})
    (change,) = confirm(previewed, one(systems)).changes
    assert change.held == CHANGED


def test_a_clash_that_only_the_whole_plan_can_see_stays() -> None:
    systems = pair({"phone": "070-174 06 05"}, {"phone": "070-174 06 06"})
    fresh = one(systems)
    for code in ("duplicate-in-huma", "would-duplicate-in-fortnox"):
        clash = Reason(code, {"field": "phone", "people": "1,2", "count": "2"})
        previewed = replace(fresh, changes=(replace(fresh.changes[0], held=clash),))
        assert confirm(previewed, fresh).changes[0].held == clash
    other = replace(fresh, changes=(replace(fresh.changes[0], held=Reason("clearing-needs-a-decision")),))
    assert confirm(other, fresh).changes[0].held is None
    locked = replace(fresh, changes=(replace(fresh.changes[0], held=Reason("locked-in-huma")),))
    assert confirm(previewed, locked).changes[0].held == Reason("locked-in-huma")


def test_of_a_pair_that_is_no_longer_the_same_nothing_is_written() -> None:
    systems = pair({"given_name": "Eva"}, {})
    fresh = one(systems)
    for previewed in (
        replace(fresh, employee=None, situation=Situation.ONLY_IN_HUMA, creates="fortnox"),
        replace(fresh, employee=replace(systems.employee("1"), id="2")),
        replace(fresh, user=replace(systems.user("u1"), id="u2")),
        replace(fresh, user=None),
    ):
        confirmed = confirm(previewed, fresh)
        assert confirmed.reasons == (CHANGED,)
        assert confirmed.create_held is None
        done = systems.writes(confirmed)
        assert done.fields == {}
        assert FieldOutcome("given_name", Outcome.SKIPPED, "fortnox", CHANGED) in done.outcomes


def test_somebody_gone_since_has_the_reason_of_the_fresh_plan_too() -> None:
    systems = pair({"given_name": "Eva"}, {})
    previewed = one(systems)
    gone = PlannedPerson("u:u1", Situation.BLOCKED, reasons=(Reason("employee-gone"),))
    assert confirm(previewed, gone).reasons == (Reason("employee-gone"), CHANGED)


def alone(**values: Any) -> TwoSystems:
    systems = TwoSystems()
    systems.users["u1"] = user_record("u1", **{**NAMED, **values})
    return systems


def test_a_creation_is_confirmed_as_it_was_seen() -> None:
    systems = alone(phone="070-174 06 05")
    assert confirm(one(systems), one(systems)) == one(systems)
    assert left_out(one(systems)) == {}


def test_an_optional_value_that_changed_is_left_out_of_a_creation() -> None:
    systems = alone(phone="070-174 06 05")
    previewed = one(systems)
    systems.edit_huma("u1", {"phone": "070-174 06 06"})
    confirmed = confirm(previewed, one(systems))
    assert confirmed.create_held is None
    assert left_out(confirmed) == {"phone": Reason("changed-since-preview", {"field": "phone"})}
    assert confirmed.notes == (Reason("changed-since-preview", {"field": "phone"}),)


def test_a_required_value_that_changed_holds_a_creation() -> None:
    systems = alone()
    previewed = one(systems)
    systems.edit_huma("u1", {"familyName": "Ceder", "givenName": "Eva"})
    confirmed = confirm(previewed, one(systems))
    assert confirmed.create_held == Reason("changed-since-preview", {"field": "family_name"})
    assert left_out(confirmed).keys() == {"family_name", "given_name"}


def test_a_value_that_came_into_sight_since_was_not_seen() -> None:
    systems = alone(phone="070-174 06 05")
    fresh = one(systems)
    del systems.users["u1"]["phone"]
    assert left_out(confirm(one(systems), fresh)).keys() == {"phone"}
    assert left_out(confirm(fresh, one(systems))).keys() == {"phone"}


def test_what_held_a_creation_in_the_preview_still_does() -> None:
    fresh = one(alone(phone="070-174 06 05"))
    clash = Reason("would-duplicate-in-fortnox", {"field": "phone", "people": "1", "count": "1"})
    other = Reason("unreadable-in-huma", {"field": "bank_account"})
    previewed = replace(fresh, create_held=Reason("duplicate-in-huma"), notes=(clash, other))
    confirmed = confirm(previewed, fresh)
    assert confirmed.create_held == Reason("duplicate-in-huma")
    assert confirmed.notes == (clash,)
    assert left_out(confirmed) == {"phone": clash}
    assert confirm(previewed, replace(fresh, notes=(clash,))).notes == (clash,)
    assert confirm(fresh, replace(fresh, create_held=Reason("email-missing"))).create_held == Reason("email-missing")


def test_an_employee_to_be_created_in_huma_is_confirmed_too() -> None:
    systems = TwoSystems()
    systems.employees["1"] = employee_record("1", **NAMED)
    previewed = one(systems)
    systems.edit_fortnox("1", {"LastName": "Ceder"})
    assert confirm(previewed, one(systems)).create_held == Reason("changed-since-preview", {"field": "family_name"})


def test_a_person_who_was_paired_meanwhile_is_not_created() -> None:
    systems = alone()
    previewed = one(systems)
    systems.employees["1"] = employee_record("1", **NAMED)
    confirmed = confirm(previewed, one(systems))
    assert confirmed.creates == ""
    assert confirmed.reasons == (CHANGED,)


def test_who_lost_the_counterpart_is_not_created_on_the_strength_of_an_older_plan() -> None:
    systems = pair({}, {})
    previewed = one(systems)
    del systems.employees["1"]
    confirmed = confirm(previewed, one(systems))
    assert confirmed.creates == "fortnox"
    assert confirmed.create_held == CHANGED
