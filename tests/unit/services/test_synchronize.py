"""The steps of a run: repeating one is harmless, a cancelled run stops, and a failure is told for what it is."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from huma_fortnox.domain.decisions import Direction
from huma_fortnox.domain.errors import (
    Conflict,
    ConsentNeeded,
    Defect,
    HumaKeyRefused,
    LicenceMissing,
    TransientError,
)
from huma_fortnox.domain.outcome import Reason
from huma_fortnox.services.model import Cause, ConnectionState, Synchronization, SynchronizationState
from huma_fortnox.services.ports import UserPage

from tests.unit.services.fakes import employee_record, user_record
from tests.unit.services.scene import BOSS, ORGANIZATION, Scene, workflow_error

if TYPE_CHECKING:
    from huma_fortnox.domain.people import Employee, User

State = SynchronizationState


def people(count: int, *, phone_in_fortnox: str = "070-175") -> Scene:
    """Return a scene of people who differ in their phone numbers."""
    users, employees = [], []
    for number in range(count):
        email = f"p{number}@example.com"
        phone = f"+4670174{number:04d}"
        users.append(user_record(f"{number:03d}", email=email, phone=phone, employment_id=str(number)))
        employees.append(
            employee_record(
                str(number), Email=email, FirstName="Elsa", LastName="Exempel", Phone1=f"{phone_in_fortnox}{number:04d}"
            )
        )
    return Scene(users, employees)


def read_users(scene: Scene) -> dict[str, User]:
    return {user.id: user for users in scene.planning.users(ORGANIZATION, scene.run_id) for user in users}


def read_employees(scene: Scene) -> dict[str, tuple[int, Employee]]:
    pages = scene.planning.employees(ORGANIZATION, scene.run_id)
    return {employee.id: (page, employee) for page, employees in pages for employee in employees}


def steps(scene: Scene, name: str, *args: Any) -> Any:
    return getattr(scene.steps, name)(ORGANIZATION, scene.run_id, *args)


# -- the lock


def test_only_the_run_that_has_the_lock_goes_on() -> None:
    scene = people(1).start()
    steps(scene, "lock")
    steps(scene, "lock")
    steps(scene, "unlock")
    with pytest.raises(Conflict, match="synchronization-lock-lost"):
        steps(scene, "lock")
    other = Synchronization("another", ORGANIZATION, State.READING, 1, BOSS)
    scene.store.begin(other)
    steps(scene, "unlock")
    assert scene.store.running(ORGANIZATION) == "another"


# -- reading


def test_fortnox_is_read_in_as_many_requests_as_it_has_pages() -> None:
    scene = people(12)
    scene.fortnox.page_size = 5
    scene.start().read()
    assert [detail for operation, detail in scene.fortnox.calls if operation == "employees"] == [1, 2, 3]
    assert scene.fortnox.count("employee") == 0
    found = read_employees(scene)
    assert found["0"][0] == 1
    assert len(found) == 12
    assert scene.run.progress == {
        "employees_read": 12,
        "employees_total": 12,
        "users_total": 12,
        "users_read": 12,
    }


def test_huma_is_read_fifty_a_page_and_four_pages_a_step() -> None:
    scene = people(420).start()
    assert steps(scene, "count_users") == {"pages": [0, 1, 2]}
    scene.read()
    asked = [detail for operation, detail in scene.huma.calls if operation == "details"]
    assert [len(ids) for ids in asked] == [50] * 8 + [20]
    assert len(read_users(scene)) == 420
    assert [number for number, _ in scene.store.chunks(ORGANIZATION, scene.run_id, "users")] == [0, 1, 2]


def test_service_users_and_who_is_gone_are_not_waited_for() -> None:
    """Huma's total counts entries of the list, not all of which are people to be read."""
    scene = people(120)
    listed = scene.huma.users

    def with_service_users(page: int) -> UserPage:
        shown = listed(page)
        return UserPage([user_id for user_id in shown.user_ids if not user_id.endswith("7")], shown.total)

    scene.huma.users = with_service_users  # type: ignore[method-assign]
    scene.start()
    steps(scene, "count_users")
    assert scene.run.progress["users_total"] == 120
    del scene.huma.records["118"]
    scene.huma.users = lambda page: replace(with_service_users(page), total=120)  # type: ignore[method-assign]
    for _ in range(2):
        steps(scene, "read_user_page", 0)
    assert scene.run.progress["users_read"] == scene.run.progress["users_total"] == 107


def test_an_empty_organization_is_read_and_planned() -> None:
    scene = Scene().start()
    assert steps(scene, "count_users") == {"pages": []}
    scene.read()
    steps(scene, "plan")
    steps(scene, "await_decisions", scene.token)
    assert sum(scene.run.situations.values()) == 0
    assert scene.apply().finish().state is State.FINISHED


def test_reading_again_counts_nobody_twice_and_asks_fortnox_for_no_page_it_has() -> None:
    scene = people(60).start().read()
    before = dict(scene.run.progress)
    scene.huma.records["000"]["phone"]["value"] = "+46701749999"
    scene.read()
    assert dict(scene.run.progress) == before
    assert read_users(scene)["000"].values["phone"] == "+46701749999"
    assert scene.fortnox.count("employees") == 1


def test_somebody_read_twice_as_pages_moved_counts_once() -> None:
    scene = people(260).start()
    steps(scene, "read_fortnox")
    steps(scene, "read_user_page", 0)
    scene.huma.records[" first"] = user_record(" first")
    steps(scene, "read_user_page", 1)
    keys = [user.id for users in scene.planning.users(ORGANIZATION, scene.run_id) for user in users]
    assert len(keys) == len(set(keys)) == 260
    read = [data["id"] for _, data in scene.store.chunks(ORGANIZATION, scene.run_id, "users")]
    assert sum(map(len, read)) == 261
    steps(scene, "plan")
    assert sum(scene.run.situations.values()) == 260


def test_an_answer_that_is_lost_while_reading_fails_the_step_alone() -> None:
    scene = people(12)
    scene.fortnox.page_size = 5
    scene.start()

    def third(page: int, read: Any = scene.fortnox.employees) -> Any:
        if page == 3:
            raise TransientError
        return read(page)

    scene.fortnox.employees = third  # type: ignore[method-assign]
    with pytest.raises(TransientError):
        steps(scene, "read_fortnox")
    del scene.fortnox.employees
    scene.read()
    assert len(read_employees(scene)) == 12
    assert scene.run.progress["employees_read"] == 12


# -- planning


def test_planning_again_changes_nothing() -> None:
    scene = people(3).waiting()
    before = (scene.plan(), scene.run)
    scene.store.change(ORGANIZATION, scene.run_id, {"state": State.PLANNING})
    steps(scene, "plan")
    steps(scene, "await_decisions", scene.token)
    assert (scene.plan(), scene.run) == before


def test_a_plan_that_comes_late_does_not_bring_a_run_back() -> None:
    scene = people(2).start().read()
    scene.runs.cancel(BOSS, scene.run_id)
    steps(scene, "plan")
    assert scene.state is State.CANCELLED
    assert scene.plan() == {}


# -- waiting


def test_a_repeated_wait_answers_to_the_newest_token() -> None:
    scene = people(1).waiting()
    steps(scene, "await_decisions", "newer token")
    scene.press()
    assert scene.workflow.answers == [("newer token", "apply")]


def test_a_run_cancelled_while_it_was_planned_does_not_wait() -> None:
    scene = people(1).start().read()
    steps(scene, "plan")
    scene.runs.cancel(BOSS, scene.run_id)
    steps(scene, "await_decisions", scene.token)
    assert scene.workflow.answers == [(scene.token, "cancel")]
    assert scene.state is State.CANCELLED


# -- applying


def test_batches_are_pages_of_fortnox_and_then_creations() -> None:
    scene = people(7)
    scene.fortnox.page_size = 3
    for number in range(205):
        scene.huma.records[f"x{number:03d}"] = user_record(f"x{number:03d}")
    scene.fortnox.records["900"] = employee_record("900", Email="x@example.org", FirstName="X", LastName="Y")
    scene.waiting().use(Direction.USE_HUMA).create("e:900", *[f"u:x{number:03d}" for number in range(205)])
    scene.press("many-creations")
    batches = [scene.store.chunk(ORGANIZATION, scene.run_id, "batch", number) for number in scene.prepare()]
    kinds = [(batch["kind"], [len(group) for group in batch["groups"]]) for batch in batches if batch]
    assert kinds == [("write", [3, 3, 1, 1, *[5] * 41])]

    assert scene.run.progress["to_apply"] == 213
    # every page once, and a write for each of the others but the one whom Huma gets
    assert scene.run.progress["requests"] == 3 + 7 + 205


def test_linked_people_in_agreement_and_creations_nobody_ticked_are_no_work() -> None:
    scene = people(2)
    scene.huma.records["only"] = user_record("only")
    scene.waiting().use(Direction.USE_HUMA).apply().finish()
    scene.waiting()
    assert scene.plan() == {"u:000": "in_sync", "u:001": "in_sync", "u:only": "only_in_huma"}
    assert scene.press().prepare() == []


def test_preparing_again_counts_and_records_nothing_twice() -> None:
    scene = people(2)
    scene.huma.records["nobody"] = user_record("nobody", email="")
    scene.waiting().use(Direction.USE_HUMA).press()
    assert scene.prepare() == scene.prepare()
    assert scene.run.progress["to_apply"] == 2
    assert len(scene.outcomes()) == 1


def test_a_run_cancelled_while_it_applies_stops_before_the_next_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huma_fortnox.services.batches.BATCH_PEOPLE", 2)
    scene = people(4)
    scene.fortnox.page_size = 2
    scene.waiting().use(Direction.USE_HUMA).press()
    first, second = scene.prepare()
    steps(scene, "apply_batch", first)
    scene.runs.cancel(BOSS, scene.run_id)
    steps(scene, "apply_batch", second)
    scene.finish()
    assert scene.state is State.CANCELLED
    assert len(scene.fortnox.writes()) == 2
    assert scene.run.outcomes == {"done": 2}
    assert scene.connections.load(ORGANIZATION).state is ConnectionState.AWAITING_FIRST_SYNC


def test_an_answer_that_arrived_although_it_seemed_lost_is_carried_out_as_what_it_was() -> None:
    """The button's answer reached the workflow and the confirmation did not: the state went back to waiting."""
    scene = people(2).waiting().use(Direction.USE_HUMA)
    for batch in scene.prepare():
        steps(scene, "apply_batch", batch)
    scene.finish()
    assert scene.state is State.FINISHED
    assert scene.run.outcomes == {"done": 2}


def test_a_cancelling_answer_that_seemed_lost_ends_the_run_as_cancelled() -> None:
    scene = people(2).waiting().finish()
    assert scene.state is State.CANCELLED


def test_a_run_cancelled_before_it_was_prepared_prepares_nothing() -> None:
    scene = people(2).waiting().use(Direction.USE_HUMA).press()
    scene.runs.cancel(BOSS, scene.run_id)
    assert scene.prepare() == []
    assert scene.finish().state is State.CANCELLED
    assert scene.fortnox.writes() == []


def test_a_batch_nobody_knows_is_no_work() -> None:
    scene = people(1).waiting().press()
    steps(scene, "apply_batch", 99)


# -- the end


def test_a_first_run_that_finishes_makes_the_connection_active() -> None:
    scene = people(2)
    scene.clock.now += 500
    scene.waiting().use(Direction.USE_HUMA).apply().finish()
    run = scene.run
    assert (run.state, run.outcomes, run.finished_at) == (State.FINISHED, {"done": 2}, int(scene.clock.now))
    connection = scene.connections.load(ORGANIZATION)
    assert (connection.state, connection.active_since) == (ConnectionState.ACTIVE, int(scene.clock.now))
    assert scene.runs.current(ORGANIZATION) is None
    (entry,) = [entry for _, entry in scene.activity.entries]
    assert (entry.kind, entry.cause, entry.actor) == ("synchronization-finished", Cause.SYNCHRONIZATION, BOSS.name)


def test_a_later_run_leaves_the_connection_as_it_is() -> None:
    scene = people(1)
    scene.connections.change(ORGANIZATION, {"state": ConnectionState.ACTIVE, "active_since": 5})
    scene.waiting().apply().finish()
    assert scene.connections.load(ORGANIZATION).active_since == 5


def test_a_consent_lost_meanwhile_stays_lost() -> None:
    scene = people(1).waiting().apply()
    scene.connections.change(ORGANIZATION, {"state": ConnectionState.NEEDS_REAUTHORIZATION})
    scene.finish()
    assert scene.connections.load(ORGANIZATION).state is ConnectionState.NEEDS_REAUTHORIZATION


def test_summarizing_again_tells_it_once() -> None:
    scene = people(2).waiting().use(Direction.USE_HUMA).apply()
    steps(scene, "summarize")
    first = scene.run
    scene.clock.now += 60
    steps(scene, "summarize")
    assert scene.run == first
    assert len(scene.activity.entries) == 1


def test_the_outcomes_of_many_people_are_all_counted() -> None:
    scene = people(600, phone_in_fortnox="070-174").waiting().apply().finish()
    assert scene.run.outcomes == {"unchanged": 600}


# -- failures


@pytest.mark.parametrize(
    ("error", "stops"),
    [
        (ConsentNeeded("scope-missing", {"scopes": "salary"}), True),
        (LicenceMissing("salary-licence-missing"), True),
        (HumaKeyRefused(), False),
        (TransientError("state-unavailable", {"code": "Throttling"}), False),
        (Conflict("synchronization-lock-lost"), False),
        (Defect("property-not-writable"), False),
    ],
)
def test_a_failure_is_told_by_its_code_and_a_lost_consent_stops_the_connection(error: Any, stops: bool) -> None:
    scene = people(1).start()
    steps(scene, "record_failure", workflow_error(error))
    assert scene.state is State.FAILED
    assert scene.run.reason == Reason(error.reason.code)
    assert [reason.code for _, reason in scene.watch.heard] == ([error.reason.code] if stops else [])


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (workflow_error(KeyError("Elsa Exempel")), "unexpected"),
        (workflow_error(ValueError("elsa@example.com is not valid")), "unexpected"),
        (workflow_error(RuntimeError("single-word")), "unexpected"),
        ({"Error": "States.Timeout", "Cause": ""}, "decisions-timed-out"),
        ({"Error": "Lambda.Unknown", "Cause": "The cause could not be determined"}, "unexpected"),
        ({"Error": "Sandbox.Timedout", "Cause": json.dumps({"errorMessage": "Task timed out"})}, "unexpected"),
        ({"Error": "ConsentNeeded"}, "unexpected"),
        ({}, "unexpected"),
    ],
)
def test_what_is_no_code_of_ours_is_never_repeated(error: dict[str, Any], code: str) -> None:
    """The message of a foreign exception can quote anything, a person's name among others."""
    scene = people(1).start()
    steps(scene, "record_failure", error)
    assert scene.run.reason == Reason(code)


def test_a_run_that_ended_as_cancelled_is_not_called_failed_for_what_happened_afterwards() -> None:
    scene = people(1).waiting()
    scene.runs.cancel(BOSS, scene.run_id)
    steps(scene, "record_failure", workflow_error(TransientError()))
    assert scene.state is State.CANCELLED


def test_what_was_done_before_a_failure_is_kept_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huma_fortnox.services.batches.BATCH_PEOPLE", 2)
    scene = people(4)
    scene.fortnox.page_size = 2
    scene.waiting().use(Direction.USE_HUMA).press()
    first, _ = scene.prepare()
    steps(scene, "apply_batch", first)
    steps(scene, "record_failure", workflow_error(LicenceMissing()))
    scene.finish()
    assert (scene.state, scene.run.outcomes) == (State.FAILED, {"done": 2})
    assert scene.activity.kinds() == ["synchronization-failed"]
    assert scene.connections.load(ORGANIZATION).state is ConnectionState.AWAITING_FIRST_SYNC
    assert scene.runs.current(ORGANIZATION) is None


def test_the_steps_return_keys_and_counts_never_people() -> None:
    scene = people(3).start()
    returned = [steps(scene, "lock"), steps(scene, "read_fortnox"), steps(scene, "count_users")]
    returned += [steps(scene, "read_user_page", 0), steps(scene, "plan"), steps(scene, "await_decisions", scene.token)]
    scene.use(Direction.USE_HUMA).press()
    returned += [steps(scene, "prepare_changes"), steps(scene, "apply_batch", 0), steps(scene, "summarize")]
    assert returned == [
        *(None, None, {"pages": [0]}, None),
        *({"to_decide": 3}, None, {"batches": [0]}, {"more": False}, None),
    ]
