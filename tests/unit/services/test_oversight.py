"""What an administrator sees of real time and can do about it."""

from __future__ import annotations

from typing import Any

import pytest
from huma_fortnox.domain.errors import BadRequest, Conflict, ConsentNeeded, Refused, Unknown
from huma_fortnox.domain.outcome import Outcome, Reason
from huma_fortnox.services.model import Cause, ConnectionState
from huma_fortnox.services.real_time import LaneState, Quarantine, RealTime

from tests.unit.services.fakes import employee_record, user_record
from tests.unit.services.real_time_scene import BOSS, ORGANIZATION, RealTimeScene

NAMES = ("anna", "bo", "cia")
BAD_ACCOUNT = {"number": "1", "country": "SE"}


@pytest.fixture
def scene() -> RealTimeScene:
    users = [user_record(name, phone=f"070-174 06 0{number}") for number, name in enumerate(NAMES)]
    employees = [
        employee_record(
            str(number),
            Email=f"{name}@example.com",
            FirstName="Elsa",
            LastName="Exempel",
            Phone1=f"070-174 06 0{number}",
        )
        for number, name in enumerate(NAMES)
    ]
    found = RealTimeScene(users, employees)
    for number, name in enumerate(NAMES):
        found.link(name, str(number))
    return found


def hold(scene: RealTimeScene, *names: str, **changes: Any) -> None:
    for name in names:
        scene.edit(name, **(changes or {"bankAccount": BAD_ACCOUNT}))
        scene.push(name)


def test_nothing_special_is_what_the_page_shows_at_first(scene: RealTimeScene) -> None:
    assert scene.oversight.state(ORGANIZATION) == RealTime(threshold=5)


def test_held_people_come_page_by_page_with_their_reasons(scene: RealTimeScene) -> None:
    hold(scene, *NAMES)
    first = scene.oversight.held(ORGANIZATION, after="", limit=2)
    rest = scene.oversight.held(ORGANIZATION, after=first.after, limit=2)
    assert [person.user_id for person in (*first.people, *rest.people)] == list(NAMES)
    assert rest.after == ""
    assert {person.fields["bank_account"].reason.code for person in first.people} == {"bank-account-clearing-unknown"}


def test_people_who_have_left_wait_for_nothing(scene: RealTimeScene) -> None:
    del scene.huma.records["anna"]
    scene.push("anna")
    hold(scene, "bo", "cia")
    page = scene.oversight.held(ORGANIZATION, after="", limit=1)
    assert [person.user_id for person in page.people] == ["bo"]
    with pytest.raises(Unknown):
        scene.oversight.try_again(BOSS, "anna")
    assert scene.oversight.try_again(BOSS) == 2


def test_one_person_or_everybody_is_tried_again_by_name_of_who_asked(scene: RealTimeScene) -> None:
    hold(scene, *NAMES)
    scene.edit("anna", bankAccount=None)
    scene.edit("bo", bankAccount=None)
    assert scene.oversight.try_again(BOSS, "anna") == 1
    scene.work()
    assert [person.user_id for person in scene.held.people(ORGANIZATION)] == ["bo", "cia"]
    assert scene.oversight.try_again(BOSS) == 2
    scene.work()
    assert [person.user_id for person in scene.held.people(ORGANIZATION)] == ["cia"]
    last = scene.pushes()[-1]
    assert (last.cause, last.actor, last.person) == (Cause.ADMINISTRATOR, BOSS.name, "cia")


def test_what_fortnox_refused_is_sent_again_when_somebody_asks(scene: RealTimeScene) -> None:
    scene.fortnox.refuses["LastName"] = Refused("fortnox-refused-characters")
    hold(scene, "anna", familyName="Ström…")
    scene.fortnox.refuses.clear()
    scene.oversight.try_again(BOSS, "anna")
    scene.work()
    assert scene.employee("0")["LastName"] == "Ström..."


def test_somebody_of_whom_nothing_is_held_cannot_be_tried_again(scene: RealTimeScene) -> None:
    with pytest.raises(Unknown, match="held-unknown"):
        scene.oversight.try_again(BOSS, "anna")
    assert scene.oversight.try_again(BOSS) == 0


@pytest.mark.parametrize(("remove", "phone"), [(True, None), (False, "070-174 06 00")])
def test_the_question_about_a_removed_value_is_answered_with_yes_or_no(
    scene: RealTimeScene, remove: bool, phone: str | None
) -> None:
    hold(scene, "anna", phone=None)
    scene.oversight.decide_removal(BOSS, "anna", "phone", remove=remove)
    scene.work()
    assert scene.employee("0")["Phone1"] == phone
    assert list(scene.held.people(ORGANIZATION)) == []
    assert scene.pushes()[-1].actor == BOSS.name


@pytest.mark.parametrize("field", ["phone", "address", "nonsense"])
def test_what_was_not_asked_cannot_be_answered(scene: RealTimeScene, field: str) -> None:
    hold(scene, "anna")
    with pytest.raises(Unknown, match="held-unknown"):
        scene.oversight.decide_removal(BOSS, "anna", field, remove=True)
    with pytest.raises(Unknown, match="held-unknown"):
        scene.oversight.decide_removal(BOSS, "nobody", field, remove=True)


def test_what_every_employee_has_can_be_kept_and_not_removed(scene: RealTimeScene) -> None:
    hold(scene, "anna", givenName=None)
    with pytest.raises(BadRequest, match="cannot-be-cleared"):
        scene.oversight.decide_removal(BOSS, "anna", "given_name", remove=True)
    scene.oversight.decide_removal(BOSS, "anna", "given_name", remove=False)
    scene.work()
    assert list(scene.held.people(ORGANIZATION)) == []
    assert scene.employee("0")["FirstName"] == "Elsa"


@pytest.mark.parametrize("state", [ConnectionState.NEEDS_REAUTHORIZATION, ConnectionState.DISCONNECTED])
def test_without_a_usable_connection_nothing_can_be_asked_for(scene: RealTimeScene, state: ConnectionState) -> None:
    hold(scene, "anna", phone=None)
    scene.activate(state=state)
    with pytest.raises(ConsentNeeded):
        scene.oversight.catch_up(BOSS)
    with pytest.raises(ConsentNeeded):
        scene.oversight.try_again(BOSS)
    with pytest.raises(ConsentNeeded):
        scene.oversight.decide_removal(BOSS, "anna", "phone", remove=True)


def test_everything_that_happened_while_the_connection_was_broken_is_carried_after_reconnecting(
    scene: RealTimeScene,
) -> None:
    scene.activate(state=ConnectionState.NEEDS_REAUTHORIZATION)
    scene.edit("anna", givenName="Annika")
    scene.edit("bo", givenName="Bosse")
    scene.announce("anna")
    for _ in range(12):
        scene.work()
        scene.clock.now += 4000
    assert scene.fortnox.calls == []
    assert len(scene.lanes.messages) == 1
    scene.work()
    scene.activate()
    scene.oversight.reconnected(BOSS)
    scene.work()
    assert [scene.employee(number)["FirstName"] for number in "01"] == ["Annika", "Bosse"]
    assert scene.lanes.messages == []


def test_before_the_first_synchronization_there_is_nothing_to_catch_up_with(scene: RealTimeScene) -> None:
    scene.activate(state=ConnectionState.AWAITING_FIRST_SYNC, active_since=0)
    scene.oversight.reconnected(BOSS)
    assert scene.lanes.messages == []


def test_after_a_synchronization_what_it_settled_is_held_no_more(scene: RealTimeScene) -> None:
    scene.huma.records["dag"] = user_record("dag")
    scene.huma.records["eva"] = user_record("eva")
    scene.push("dag")
    scene.push("eva")
    hold(scene, "anna", "bo")
    # The run settled Anna's account and paired Dag; Bo's account is as it was, and Eva is not paired.
    scene.edit("anna", bankAccount=None)
    scene.fortnox.records["9"] = employee_record("9", Email="dag@example.com", FirstName="Elsa", LastName="Exempel")
    scene.link("dag", "9")
    scene.oversight.synchronized(ORGANIZATION)
    assert scene.unique.linked(ORGANIZATION) == 4
    scene.work()
    assert [person.user_id for person in scene.held.people(ORGANIZATION)] == ["bo", "eva"]
    assert {each.outcome for entry in scene.pushes()[4:] for each in entry.outcomes} == set[Outcome]()


def test_a_disconnected_organization_keeps_nothing_held(scene: RealTimeScene) -> None:
    hold(scene, *NAMES)
    scene.unique.rebuild(ORGANIZATION)
    scene.oversight.forget(ORGANIZATION)
    assert list(scene.held.people(ORGANIZATION)) == []
    assert scene.unique.built == {}


def test_a_paused_organization_has_its_events_acknowledged_and_nothing_pushed(scene: RealTimeScene) -> None:
    paused = scene.oversight.pause(BOSS)
    assert (paused.paused_since, paused.paused_by) == (int(scene.clock()), BOSS.name)
    scene.edit("anna", givenName="Annika")
    scene.announce("anna")
    scene.work()
    assert scene.lanes.messages == []
    assert scene.fortnox.calls == scene.huma.calls == []


def test_what_happened_during_a_pause_is_carried_when_it_ends(scene: RealTimeScene) -> None:
    scene.oversight.pause(BOSS)
    scene.edit("anna", givenName="Annika")
    scene.announce("anna")
    scene.work()
    scene.edit("bo", givenName="Bosse")
    assert scene.oversight.resume(BOSS).paused_since == 0
    scene.work()
    assert [scene.employee(number)["FirstName"] for number in "012"] == ["Annika", "Bosse", "Elsa"]
    assert scene.fortnox.count("update_employee") == 2
    assert [(entry.kind, entry.actor) for _, entry in scene.activity.entries if entry.kind != "push"] == [
        ("paused", BOSS.name),
        ("resumed", BOSS.name),
        ("caught-up", BOSS.name),
    ]


def test_a_round_that_the_pause_cut_off_is_begun_anew(scene: RealTimeScene) -> None:
    cut_off = scene.oversight.catch_up(BOSS)
    scene.oversight.pause(BOSS)
    scene.work()
    scene.edit("anna", givenName="Annika")
    scene.oversight.resume(BOSS)
    begun = scene.reconcile.last(ORGANIZATION)
    assert begun is not None
    assert begun.id != cut_off.id
    scene.work()
    assert scene.employee("0")["FirstName"] == "Annika"


def test_pausing_and_resuming_twice_is_told_once(scene: RealTimeScene) -> None:
    first = scene.oversight.pause(BOSS)
    scene.clock.now += 60
    assert scene.oversight.pause(BOSS) == first
    scene.oversight.resume(BOSS)
    scene.oversight.resume(BOSS)
    assert scene.activity.kinds() == ["paused", "resumed"]


def test_while_real_time_is_paused_nothing_is_asked_of_it(scene: RealTimeScene) -> None:
    hold(scene, "anna", phone=None)
    scene.oversight.pause(BOSS)
    for ask in (
        lambda: scene.oversight.catch_up(BOSS),
        lambda: scene.oversight.try_again(BOSS),
        lambda: scene.oversight.confirm_brake(BOSS),
        lambda: scene.oversight.decide_removal(BOSS, "anna", "phone", remove=True),
    ):
        with pytest.raises(Conflict, match="real-time-paused"):
            ask()
    assert scene.lanes.messages == []


def test_a_pause_outlasts_a_new_consent_and_begins_no_round(scene: RealTimeScene) -> None:
    scene.oversight.pause(BOSS)
    scene.activate(state=ConnectionState.NEEDS_REAUTHORIZATION)
    scene.activate()
    scene.oversight.reconnected(BOSS)
    assert scene.connections.load(ORGANIZATION).paused_by == BOSS.name
    assert scene.lanes.messages == []


def test_without_a_consent_a_pause_ends_and_the_catching_up_waits_for_the_consent(scene: RealTimeScene) -> None:
    scene.oversight.pause(BOSS)
    scene.activate(state=ConnectionState.NEEDS_REAUTHORIZATION)
    assert scene.oversight.resume(BOSS).paused_since == 0
    assert scene.lanes.messages == []
    scene.activate()
    scene.oversight.reconnected(BOSS)
    assert len(scene.lanes.messages) == 1


def test_a_lane_in_quarantine_does_not_outlast_a_pause(scene: RealTimeScene) -> None:
    scene.lane_store.save(
        ORGANIZATION,
        LaneState(quarantine=Quarantine(0, int(scene.clock()) + 900, Reason("temporarily-unavailable"))),
    )
    scene.oversight.pause(BOSS)
    scene.announce("anna")
    scene.work()
    assert scene.lanes.messages == []
    scene.edit("anna", givenName="Annika")
    scene.oversight.resume(BOSS)
    scene.work()
    assert scene.employee("0")["FirstName"] == "Annika"


@pytest.mark.parametrize(
    "state", [ConnectionState.NOT_CONNECTED, ConnectionState.AWAITING_FIRST_SYNC, ConnectionState.DISCONNECTED]
)
def test_what_is_not_carried_in_real_time_cannot_be_paused(scene: RealTimeScene, state: ConnectionState) -> None:
    scene.activate(state=state)
    with pytest.raises(Conflict, match="real-time-not-active"):
        scene.oversight.pause(BOSS)
    with pytest.raises(Conflict, match="real-time-not-active"):
        scene.oversight.resume(BOSS)
    assert scene.activity.entries == []
