"""How a lane fares: what waits how long, when an organization is tried rarely, and how it gets out of that."""

from __future__ import annotations

import pytest
from huma_fortnox.domain.errors import ConsentNeeded, IntegrationError, RateLimited, TransientError
from huma_fortnox.services.quarantine import FAILURES, PATIENCE, RARELY, STILL_RARER, WINDOW

from tests.unit.services.fakes import Fault, employee_record, user_record
from tests.unit.services.real_time_scene import BOSS, ORGANIZATION, RealTimeScene


@pytest.fixture
def scene() -> RealTimeScene:
    names = ("anna", "bo", "cia")
    users = [user_record(name, email=f"{name}@example.com") for name in names]
    employees = [
        employee_record(str(number), Email=f"{name}@example.com", FirstName="Elsa", LastName="Exempel")
        for number, name in enumerate(names)
    ]
    found = RealTimeScene(users, employees)
    for number, name in enumerate(names):
        found.link(name, str(number))
    return found


def failing(scene: RealTimeScene, error: IntegrationError, times: int = 1000) -> None:
    scene.fortnox.faults = [Fault("update_employee", error) for _ in range(times)]


def next_try(scene: RealTimeScene) -> float:
    """Let time pass until the lane can be received again, and let it work; return the seconds."""
    waits = max(message.visible_at for message in scene.lanes.messages) - scene.clock()
    scene.clock.now += max(waits, 0.0)
    batch = scene.lanes.receive()
    scene.lanes.answer(batch, scene.lane_batch.carry(batch))
    return waits


def break_down(scene: RealTimeScene, tries: int = FAILURES) -> None:
    scene.edit("anna", givenName="Annika")
    scene.announce("anna")
    failing(scene, TransientError())
    for _ in range(tries):
        next_try(scene)


def test_an_organization_that_keeps_failing_is_put_in_quarantine_and_told_once(scene: RealTimeScene) -> None:
    break_down(scene, FAILURES - 1)
    assert scene.oversight.state(ORGANIZATION).quarantine is None
    next_try(scene)
    quarantine = scene.oversight.state(ORGANIZATION).quarantine
    assert quarantine is not None
    assert quarantine.next_try - quarantine.since == RARELY
    for _ in range(3):
        next_try(scene)
    assert scene.told.told == [("quarantine", ORGANIZATION)]
    assert scene.activity.kinds() == ["quarantined"]


def test_tries_become_rare_and_rarer_and_in_between_nobody_is_called(scene: RealTimeScene) -> None:
    break_down(scene)
    waits = []
    for _ in range(20):
        calls = len(scene.fortnox.calls)
        waits.append(next_try(scene))
        # A look at the employee, and a write.
        assert len(scene.fortnox.calls) - calls <= 2
    assert waits[1] >= RARELY - 1
    assert waits[-1] == STILL_RARER
    assert sum(waits[:-1]) > PATIENCE


def test_the_first_success_ends_it_and_everything_is_carried(scene: RealTimeScene) -> None:
    break_down(scene)
    scene.edit("bo", givenName="Bosse")
    scene.announce("bo")
    scene.fortnox.faults.clear()
    next_try(scene)
    scene.work()
    assert scene.oversight.state(ORGANIZATION).quarantine is None
    assert [scene.employee(number)["FirstName"] for number in "01"] == ["Annika", "Bosse"]
    assert scene.activity.kinds()[-1] == "quarantine-left"
    scene.edit("cia", givenName="Cilla")
    scene.announce("cia")
    scene.work()
    assert scene.employee("2")["FirstName"] == "Cilla"


def test_another_breakdown_is_told_again(scene: RealTimeScene) -> None:
    break_down(scene)
    scene.fortnox.faults.clear()
    next_try(scene)
    scene.edit("bo", givenName="Bosse")
    scene.announce("bo")
    failing(scene, TransientError())
    for _ in range(FAILURES):
        next_try(scene)
    assert scene.told.told == [("quarantine", ORGANIZATION)] * 2


def test_failures_among_many_successes_are_no_quarantine(scene: RealTimeScene) -> None:
    for number in range(40):
        scene.edit("anna", givenName=f"Anna {number}")
        scene.announce("anna")
        failing(scene, TransientError(), times=number % 3 == 0)
        while scene.lanes.messages:
            next_try(scene)
    assert scene.oversight.state(ORGANIZATION).quarantine is None
    assert scene.lane_store.load(ORGANIZATION).failures > FAILURES


def test_failures_far_apart_are_no_quarantine(scene: RealTimeScene) -> None:
    for number in range(FAILURES + 5):
        scene.edit("anna", givenName=f"Anna {number}")
        scene.announce("anna")
        failing(scene, TransientError(), times=1)
        while scene.lanes.messages:
            next_try(scene)
        scene.clock.now += WINDOW / 5
    assert scene.oversight.state(ORGANIZATION).quarantine is None


@pytest.mark.parametrize(
    "error",
    [
        TransientError("state-unavailable"),
        TransientError("out-of-time"),
        RateLimited(retry_after=2),
        ConsentNeeded("waiting-for-reauthorization"),
    ],
)
def test_what_the_other_side_is_not_to_blame_for_does_not_count(scene: RealTimeScene, error: IntegrationError) -> None:
    scene.edit("anna", givenName="Annika")
    scene.announce("anna")
    failing(scene, error)
    for _ in range(FAILURES + 5):
        next_try(scene)
    assert scene.oversight.state(ORGANIZATION).quarantine is None


def test_a_lane_that_works_costs_no_write(scene: RealTimeScene) -> None:
    for number in range(20):
        scene.edit("anna", givenName=f"Anna {number}")
        scene.announce("anna")
        scene.work()
    assert scene.lane_store.writes == 0


def test_what_waits_is_called_back_when_somebody_asks(scene: RealTimeScene) -> None:
    break_down(scene)
    scene.fortnox.faults.clear()
    assert scene.lanes.receive() == []
    scene.oversight.catch_up(BOSS)
    scene.work()
    assert scene.employee("0")["FirstName"] == "Annika"
    assert scene.lanes.messages == []


def test_two_days_of_outage_lose_nothing_and_keep_the_order(scene: RealTimeScene) -> None:
    break_down(scene)
    for number in range(30):
        scene.edit("bo", givenName=f"Bo {number}")
        scene.announce("bo")
    began = scene.clock()
    while scene.clock() - began < 2 * 24 * 3600:
        next_try(scene)
    assert max(message.receives for message in scene.lanes.messages) < 100
    scene.fortnox.faults.clear()
    next_try(scene)
    scene.work()
    assert (scene.employee("0")["FirstName"], scene.employee("1")["FirstName"]) == ("Annika", "Bo 29")
    assert scene.lanes.messages == scene.lanes.dead == []


def test_an_account_that_is_contended_is_given_up_after_a_while(scene: RealTimeScene) -> None:
    def never(*_arguments: object) -> bool:
        return False

    scene.lane_store.save = never  # type: ignore[assignment, method-assign]
    with pytest.raises(TransientError):
        scene.health.failed(
            ORGANIZATION, scene.lane_store.load(ORGANIZATION), TransientError(), tries=9, receipts=["r"]
        )
