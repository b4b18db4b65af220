"""Somebody new in Huma becomes an employee by themselves where that is wanted: once, whatever happens on the way."""

from __future__ import annotations

from typing import Any

import pytest
from huma_fortnox.domain.errors import OutcomeUnknown, Refused, TransientError
from huma_fortnox.domain.outcome import Outcome
from huma_fortnox.services.model import ConnectionState
from huma_fortnox.services.real_time import Pushed, Settled

from tests.unit.services.fakes import Fault, employee_record, user_record
from tests.unit.services.real_time_scene import ORGANIZATION, RealTimeScene


class Killed(BaseException):
    """The process dies here: nothing of ours catches it."""


def cia(**more: Any) -> dict[str, Any]:
    return user_record(
        "cia",
        **{
            "email": "cia@example.com",
            "given_name": "Cia",
            "family_name": "Dahl",
            "phone": "070-174 06 10",
            "first_day": "2027-01-01",
            **more,
        },
    )


@pytest.fixture
def scene() -> RealTimeScene:
    found = RealTimeScene(
        [cia(), user_record("bo", email="bo@example.com", phone="070-174 06 06")],
        [employee_record("2", Email="bo@example.com", FirstName="Elsa", LastName="Exempel", Phone1="070-174 06 06")],
    )
    found.link("bo", "2")
    found.settings(create_automatically=True)
    return found


def created(scene: RealTimeScene) -> list[dict[str, Any]]:
    return [detail for operation, detail in scene.fortnox.calls if operation == "create_employee"]


def test_a_new_user_is_created_linked_and_numbered_in_huma(scene: RealTimeScene) -> None:
    done = scene.push("cia")
    assert created(scene) == [
        {
            "PersonelType": "TJM",
            "EmploymentForm": "TV",
            "SalaryForm": "MAN",
            "Email": "cia@example.com",
            "FirstName": "Cia",
            "LastName": "Dahl",
            "Phone1": "070-174 06 10",
            "EmploymentDate": "2027-01-01",
        }
    ]
    link = scene.links.link(ORGANIZATION, "cia")
    assert link is not None
    assert scene.huma.value("cia", "employmentId") == link.employee_id
    assert scene.outcomes(done) == {"person": (Outcome.DONE, ""), "employment_id": (Outcome.DONE, "")}
    assert list(scene.held.people(ORGANIZATION)) == []
    (entry,) = scene.pushes()
    assert entry.name == "Cia Dahl"


def test_our_own_echo_finds_nothing_to_do_and_later_changes_are_carried(scene: RealTimeScene) -> None:
    scene.push("cia")
    assert scene.push("cia") == Pushed()
    scene.edit("cia", givenName="Cilla")
    scene.push("cia")
    assert scene.fortnox.writes()[-1][1] == {"FirstName": "Cilla"}


def test_the_setting_is_off_by_default_and_needs_the_employment_settings(scene: RealTimeScene) -> None:
    scene.settings(create_automatically=False)
    assert scene.outcomes(scene.push("cia")) == {"person": (Outcome.HELD, "waiting-for-synchronization")}
    scene.settings(create_automatically=True, employment=None)
    assert scene.outcomes(scene.push("cia")) == {"person": (Outcome.HELD, "employment-settings-missing")}
    assert scene.fortnox.calls == []


@pytest.mark.parametrize("state", [ConnectionState.AWAITING_FIRST_SYNC])
def test_nobody_is_created_before_the_first_synchronization(scene: RealTimeScene, state: ConnectionState) -> None:
    scene.activate(state=state, settings=scene.connections.load(ORGANIZATION).settings)
    assert scene.push("cia") == Pushed()
    assert scene.fortnox.calls == []


def test_nobody_is_created_who_has_left_or_is_no_person(scene: RealTimeScene) -> None:
    scene.huma.records["cia"]["status"]["active"] = False
    assert scene.push("cia") == Pushed()
    scene.huma.records["cia"] = {**cia(), "type": "service_user"}
    assert scene.push("cia") == Pushed()
    assert scene.fortnox.calls == []


def test_what_cannot_be_written_is_left_out_and_follows_when_it_is_mended(scene: RealTimeScene) -> None:
    scene.edit("cia", bankAccount={"number": "1", "country": "SE"}, phone="070-174 06 06")
    done = scene.outcomes(scene.push("cia"))
    assert done["bank_account"][0] is Outcome.HELD
    assert done["phone"] == (Outcome.HELD, "duplicate-in-huma")
    assert not {"Phone1", "BankAccountNo"} & created(scene)[0].keys()
    assert set(next(iter(scene.held.people(ORGANIZATION))).fields) == {"bank_account", "phone"}
    assert scene.push("cia") == Pushed()
    scene.edit("cia", phone="070-174 06 11")
    scene.push("cia")
    assert scene.fortnox.writes()[-1][1] == {"Phone1": "070-174 06 11"}
    assert set(next(iter(scene.held.people(ORGANIZATION))).fields) == {"bank_account"}


def test_a_new_user_with_a_foreign_account_is_told_of_once(scene: RealTimeScene) -> None:
    scene.edit("cia", bankAccount={"number": "40702010", "country": "NO"})
    scene.push("cia")
    for number in range(3):
        scene.push("cia")
        scene.edit("cia", givenName=f"Cia{number}")
        scene.push("cia")
    told = [each.field for entry in scene.pushes() for each in entry.outcomes]
    assert told.count("bank_account") == 1
    assert told.count("given_name") == 3


@pytest.mark.parametrize(
    ("changes", "reason"),
    [({"givenName": None}, "name-empty"), ({"email": "bo@example.com"}, "duplicate-in-huma")],
)
def test_somebody_without_what_is_required_is_held(scene: RealTimeScene, changes: dict[str, Any], reason: str) -> None:
    scene.edit("cia", **changes)
    assert scene.outcomes(scene.push("cia")) == {"person": (Outcome.HELD, reason)}
    assert created(scene) == []


def test_somebody_who_is_in_fortnox_already_is_for_a_human_to_pair(scene: RealTimeScene) -> None:
    scene.fortnox.records["9"] = employee_record("9", Email="CIA@example.com", FirstName="Cia", LastName="Dahl")
    assert scene.outcomes(scene.push("cia")) == {"person": (Outcome.HELD, "already-in-fortnox")}
    assert created(scene) == []
    assert scene.push("cia") == Pushed()


def test_a_refusal_is_held_and_tried_again_with_the_next_event(scene: RealTimeScene) -> None:
    scene.fortnox.faults.append(Fault("create_employee", Refused("fortnox-no-agreement")))
    assert scene.outcomes(scene.push("cia")) == {"person": (Outcome.HELD, "fortnox-no-agreement")}
    assert [person.creating for person in scene.held.people(ORGANIZATION)] == [False]
    assert scene.outcomes(scene.push("cia"))["person"] == (Outcome.DONE, "")
    assert list(scene.held.people(ORGANIZATION)) == []


@pytest.mark.parametrize("after", [False, True])
def test_an_answer_that_was_lost_is_looked_for_before_anybody_is_created_again(
    scene: RealTimeScene, after: bool
) -> None:
    scene.fortnox.faults.append(Fault("create_employee", OutcomeUnknown(), after=after))
    with pytest.raises(OutcomeUnknown):
        scene.push("cia")
    assert scene.outcomes(scene.push("cia"))["person"] == (Outcome.DONE, "")
    found = [row for row in scene.fortnox.records.values() if row["Email"] == "cia@example.com"]
    assert len(found) == 1
    assert len(created(scene)) == (1 if after else 2)
    assert list(scene.held.people(ORGANIZATION)) == []


def test_several_with_the_same_e_mail_after_a_lost_answer_are_for_a_human(scene: RealTimeScene) -> None:
    scene.fortnox.faults.append(Fault("create_employee", OutcomeUnknown(), after=True))
    with pytest.raises(OutcomeUnknown):
        scene.push("cia")
    scene.fortnox.records["9"] = employee_record("9", Email="cia@example.com", FirstName="Cia", LastName="Dahl")
    assert scene.outcomes(scene.push("cia")) == {"person": (Outcome.HELD, "already-in-fortnox")}


@pytest.mark.parametrize("dies_at", range(4))
def test_a_process_that_dies_anywhere_leaves_one_employee_and_the_rest_is_done(
    scene: RealTimeScene, dies_at: int
) -> None:
    """Before the note, before the link, before the number goes to Huma, before the note is taken back."""
    seen = 0

    def die(_settled: Settled) -> None:
        nonlocal seen
        seen += 1
        if seen == dies_at + 1 or (dies_at == 2 and seen == 3):
            raise Killed

    if dies_at < 3:
        scene.store.before_record = die
        kill: type[BaseException] = Killed
    else:
        scene.huma.faults.append(Fault("update_user", TransientError(), after=True))
        kill = TransientError
    with pytest.raises(kill):
        scene.push("cia")
    scene.store.before_record = lambda _settled: None
    done = scene.push("cia")
    assert scene.outcomes(done)["person"] == (Outcome.DONE, "")
    found = [row for row in scene.fortnox.records.values() if row["Email"] == "cia@example.com"]
    assert len(found) == 1
    link = scene.links.link(ORGANIZATION, "cia")
    assert link is not None
    assert scene.huma.value("cia", "employmentId") == link.employee_id == found[0]["EmployeeId"]
    assert list(scene.held.people(ORGANIZATION)) == []
    assert scene.push("cia") == Pushed()


def test_a_number_that_huma_does_not_take_is_told(scene: RealTimeScene) -> None:
    scene.huma.ignores.add("employmentId")
    done = scene.outcomes(scene.push("cia"))
    assert done["employment_id"] == (Outcome.FAILED, "ignored-by-huma")
    scene.huma.ignores.clear()


def test_a_number_that_may_not_be_written_in_huma_is_told(scene: RealTimeScene) -> None:
    scene.huma.records["cia"]["employmentId"]["editable"] = False
    assert scene.outcomes(scene.push("cia"))["employment_id"] == (Outcome.HELD, "locked-in-huma")
    assert scene.huma.count("update_user") == 0
