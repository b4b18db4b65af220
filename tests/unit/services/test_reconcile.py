"""What no event announced is found by comparing everybody, page by page, in the organization's own lane."""

from __future__ import annotations

from typing import Any

import pytest
from huma_fortnox.domain.errors import TransientError
from huma_fortnox.services.model import Cause, ConnectionState
from huma_fortnox.services.reconcile import STALLED

from tests.unit.services.fakes import Fault, employee_record, user_record
from tests.unit.services.real_time_scene import BOSS, ORGANIZATION, OTHER, RealTimeScene

PEOPLE = 120


@pytest.fixture
def scene() -> RealTimeScene:
    """Three pages of people, all of them linked."""
    names = [f"user-{number:03}" for number in range(PEOPLE)]
    employees = [
        employee_record(name, Email=f"{name}@example.com", FirstName="Elsa", LastName="Exempel") for name in names
    ]
    found = RealTimeScene([user_record(name) for name in names], employees)
    for name in names:
        found.link(name, name)
    return found


def changed(scene: RealTimeScene, *numbers: int) -> None:
    for number in numbers:
        scene.edit(f"user-{number:03}", givenName="Annika")


def names_in_fortnox(scene: RealTimeScene, *numbers: int) -> list[Any]:
    return [scene.employee(f"user-{number:03}")["FirstName"] for number in numbers]


def test_every_page_is_looked_at_and_only_what_changed_is_written(scene: RealTimeScene) -> None:
    changed(scene, 3, 70, 119)
    assert scene.reconcile.start_all() == 1
    scene.work()
    assert names_in_fortnox(scene, 3, 70, 119) == ["Annika"] * 3
    assert scene.fortnox.count("update_employee") == len(scene.fortnox.calls) == 3
    done = scene.reconcile.last(ORGANIZATION)
    assert done is not None
    assert (done.page, done.pages, done.people, done.changed) == (3, 3, PEOPLE, 3)
    assert done.finished_at == int(scene.clock())
    assert {entry.cause for entry in scene.pushes()} == {Cause.SCHEDULE}


def test_a_night_on_which_nothing_was_missed_leaves_no_trace_in_the_log(scene: RealTimeScene) -> None:
    scene.reconcile.start_all()
    scene.work()
    assert scene.activity.entries == []
    assert scene.fortnox.calls == []


def test_huma_is_asked_once_a_page_and_its_people_together(scene: RealTimeScene) -> None:
    scene.reconcile.start_all()
    scene.work()
    assert [operation for operation, _ in scene.huma.calls] == ["users", "details"] * 3


def test_who_asked_to_catch_up_is_told_that_it_is_done(scene: RealTimeScene) -> None:
    begun = scene.oversight.catch_up(BOSS)
    assert (begun.cause, begun.actor) == ("administrator", BOSS.name)
    scene.work()
    assert scene.activity.kinds() == ["caught-up"]


def test_a_change_that_arrives_meanwhile_is_carried_between_the_pages(scene: RealTimeScene) -> None:
    scene.oversight.catch_up(BOSS)
    batch = scene.lanes.receive()
    scene.announce("user-119")
    changed(scene, 119)
    scene.lanes.answer(batch, scene.lane_batch.carry(batch))
    kinds = ["page" if "page" in content else content["user_id"] for content in scene.lanes.contents()]
    assert kinds == ["user-119", "page"]


def test_a_page_that_failed_goes_on_where_it_stopped(scene: RealTimeScene) -> None:
    changed(scene, 3, 4, 70)
    scene.oversight.catch_up(BOSS)
    scene.fortnox.faults = [Fault("update_employee", TransientError(), after=True)]
    while scene.lanes.messages:
        scene.work()
        scene.clock.now += 10
    assert names_in_fortnox(scene, 3, 4, 70) == ["Annika"] * 3
    assert scene.fortnox.count("update_employee") == 3
    done = scene.reconcile.last(ORGANIZATION)
    assert done is not None
    assert done.finished_at


def test_a_page_that_is_delivered_twice_is_carried_once(scene: RealTimeScene) -> None:
    scene.oversight.catch_up(BOSS)
    first = scene.lanes.messages[0]
    scene.work()
    asked = len(scene.huma.calls)
    scene.lanes.put(ORGANIZATION, first.body)
    scene.work()
    assert len(scene.huma.calls) == asked


def test_a_stop_between_the_next_page_and_the_note_loses_and_doubles_nothing(scene: RealTimeScene) -> None:
    changed(scene, 119)
    scene.oversight.catch_up(BOSS)
    advance = scene.rounds.advance

    def fail_once(*arguments: Any, **named: Any) -> bool:
        scene.rounds.advance = advance  # type: ignore[method-assign]
        raise TransientError("state-unavailable")

    scene.rounds.advance = fail_once  # type: ignore[method-assign]
    while scene.lanes.messages:
        scene.work()
        scene.clock.now += 10
    assert names_in_fortnox(scene, 119) == ["Annika"]
    assert scene.huma.count("users") == 4
    assert scene.activity.kinds().count("caught-up") == 1


def test_a_page_is_over_only_when_the_next_one_is_in_the_lane(scene: RealTimeScene) -> None:
    changed(scene, 119)
    scene.oversight.catch_up(BOSS)
    send_page = scene.lanes.send_page

    def fail_once(*_arguments: Any) -> None:
        scene.lanes.send_page = send_page  # type: ignore[method-assign]
        raise TransientError("lane-unavailable")

    scene.lanes.send_page = fail_once  # type: ignore[assignment, method-assign]
    while scene.lanes.messages:
        scene.work()
        scene.clock.now += 10
    assert names_in_fortnox(scene, 119) == ["Annika"]


def test_a_round_under_way_is_not_begun_again_unless_it_stands_still(scene: RealTimeScene) -> None:
    begun = scene.oversight.catch_up(BOSS)
    assert scene.oversight.catch_up(BOSS) == begun
    assert scene.reconcile.start_all() == 1
    assert len(scene.lanes.messages) == 1
    scene.clock.now += STALLED
    another = scene.oversight.catch_up(BOSS)
    assert another.id != begun.id
    scene.work()
    assert scene.huma.count("users") == 3


def test_one_person_who_meets_a_defect_holds_up_nobody_else(scene: RealTimeScene) -> None:
    changed(scene, 3, 4)
    scene.fortnox.faults = [Fault("update_employee", KeyError("anna@example.com"))]
    scene.oversight.catch_up(BOSS)
    scene.work()
    assert names_in_fortnox(scene, 3, 4) == ["Elsa", "Annika"]
    assert [person.user_id for person in scene.held.people(ORGANIZATION)] == ["user-003"]


def test_organizations_that_cannot_be_worked_for_are_passed_over(scene: RealTimeScene) -> None:
    scene.activate(OTHER, state=ConnectionState.NEEDS_REAUTHORIZATION)
    scene.activate("first", state=ConnectionState.AWAITING_FIRST_SYNC, active_since=0)
    scene.activate("gone", state=ConnectionState.DISCONNECTED)
    scene.activate("paused", paused_since=1)
    assert scene.reconcile.start_all() == 1
    assert {message.group for message in scene.lanes.messages} == {ORGANIZATION}


def test_one_organization_whose_round_cannot_begin_keeps_no_other_from_it(scene: RealTimeScene) -> None:
    scene.activate(OTHER)
    begin = scene.rounds.begin

    def fail_once(*arguments: Any) -> None:
        scene.rounds.begin = begin  # type: ignore[method-assign]
        raise TransientError("state-unavailable")

    scene.rounds.begin = fail_once  # type: ignore[assignment, method-assign]
    assert scene.reconcile.start_all() == 1
    assert {message.group for message in scene.lanes.messages} == {OTHER}


def test_an_organization_without_people_is_done_at_once(scene: RealTimeScene) -> None:
    scene.huma.records.clear()
    scene.oversight.catch_up(BOSS)
    scene.work()
    done = scene.reconcile.last(ORGANIZATION)
    assert done is not None
    assert done.finished_at
