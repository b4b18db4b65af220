"""Runs in which nothing happens, or next to nothing: that too is told for what it is."""

from __future__ import annotations

from typing import Any

import pytest
from huma_fortnox.domain.decisions import Direction
from huma_fortnox.domain.errors import LicenceMissing
from huma_fortnox.domain.outcome import Reason
from huma_fortnox.services.model import ConnectionState, SynchronizationState

from tests.unit.services.fakes import Fault, employee_record, user_record
from tests.unit.services.scene import ORGANIZATION, Scene, workflow_error

State = SynchronizationState
ACCOUNT = {"number": "33008112289874", "country": "SE"}


def agreed(count: int) -> Scene:
    """Return a scene of people who agree in everything."""
    users, employees = [], []
    for number in range(count):
        email = f"p{number}@example.com"
        users.append(user_record(f"p{number}", email=email, employment_id=str(number)))
        employees.append(employee_record(str(number), Email=email, FirstName="Elsa", LastName="Exempel"))
    return Scene(users, employees)


def planned(scene: Scene) -> int:
    """Read both sides and plan; return about how many people there is anything to do."""
    found: int = scene.start().read().steps.plan(ORGANIZATION, scene.run_id)["to_decide"]
    return found


def carried_out(scene: Scene) -> Scene:
    """Go on as the state machine does where nobody has to decide."""
    for batch in scene.prepare():
        scene.carry_out(batch)
    return scene.finish()


def test_where_everybody_agrees_and_is_linked_a_run_ends_without_waiting_for_anybody() -> None:
    scene = agreed(3).waiting().apply().finish()
    scene.fortnox.calls.clear()
    assert planned(scene) == 0
    carried_out(scene)
    assert (scene.state, scene.run.outcomes) == (State.FINISHED, {"unchanged": 3})
    assert [operation for operation, _ in scene.fortnox.calls] == ["employees"]
    assert scene.store.running(ORGANIZATION) == ""
    assert scene.workflow.answers == [(f"token-of-{next(iter(scene.store.runs))[1]}", "apply")]


def test_people_who_agree_and_are_not_linked_yet_wait_for_somebody_to_look() -> None:
    assert planned(agreed(3)) == 3


def test_in_an_empty_organization_a_run_ends_at_once_and_the_connection_is_active() -> None:
    scene = Scene()
    assert planned(scene) == 0
    carried_out(scene)
    assert (scene.state, scene.run.outcomes, scene.run.notes) == (State.FINISHED, {}, ())
    assert scene.result() == ()
    assert scene.connections.load(ORGANIZATION).state is ConnectionState.ACTIVE


@pytest.mark.parametrize("side", ["huma", "fortnox"])
def test_where_one_side_is_empty_nobody_is_created_unasked(side: str) -> None:
    full = agreed(2)
    users, employees = list(full.huma.records.values()), list(full.fortnox.records.values())
    scene = Scene(users, []) if side == "fortnox" else Scene([], employees)
    assert planned(scene) == 2
    scene.steps.await_decisions(ORGANIZATION, scene.run_id, scene.token)
    scene.use(Direction.USE_HUMA).apply().finish()
    assert set(scene.plan().values()) == {"only_in_huma" if side == "fortnox" else "only_in_fortnox"}
    assert scene.fortnox.writes() == []
    assert scene.huma.count("create_user") == 0
    assert scene.state is State.FINISHED


def test_where_everybody_is_ambiguous_nothing_is_guessed_and_everybody_is_told_why() -> None:
    users = [user_record(f"twin-{number}", email="twins@example.com", phone="+46701740631") for number in range(4)]
    employees = [
        employee_record(str(number), Email="twins@example.com", FirstName="Elsa", LastName="Exempel")
        for number in range(3)
    ]
    scene = Scene(users, employees).waiting()
    assert set(scene.plan().values()) == {"ambiguous"}
    scene.use(Direction.USE_HUMA).apply().finish()
    assert scene.fortnox.writes() == []
    assert scene.huma.count("update_user") == 0
    assert list(scene.links.links(ORGANIZATION)) == []
    told = scene.outcomes()
    assert len(told) == 7
    assert {(field, outcome) for lines in told.values() for field, outcome, _, _ in lines} == {("person", "held")}
    assert all(reason for lines in told.values() for *_, reason in lines)
    assert scene.state is State.FINISHED


def test_without_the_salary_licence_a_run_fails_naming_it_and_the_organization_is_free() -> None:
    scene = agreed(2)
    scene.fortnox.faults.append(Fault("employees", LicenceMissing("salary-licence-missing")))
    scene.start()
    with pytest.raises(LicenceMissing) as caught:
        scene.steps.read_fortnox(ORGANIZATION, scene.run_id)
    scene.steps.record_failure(ORGANIZATION, scene.run_id, workflow_error(caught.value))
    scene.finish()
    assert (scene.state, scene.run.reason) == (State.FAILED, Reason("salary-licence-missing"))
    assert scene.watch.heard == [(ORGANIZATION, Reason("salary-licence-missing"))]
    assert scene.store.running(ORGANIZATION) == ""


# -- a key that may not see bank accounts


def without_accounts(*users: dict[str, Any]) -> list[dict[str, Any]]:
    """Return users as Huma gives them to a key whose role must not see bank accounts."""
    return [{name: value for name, value in user.items() if name != "bankAccount"} for user in users]


def unseen() -> Scene:
    """Return a pair with an account in Fortnox, and somebody to create on either side, seen through such a key."""
    users = without_accounts(
        user_record("elsa", email="elsa@example.com", phone="+46701740605", account=ACCOUNT, employment_id="7"),
        user_record("nina", email="nina@example.com", given_name="Nina", account=ACCOUNT),
    )
    names = {"LastName": "Exempel", "ClearingNo": "3300", "BankAccountNo": "8112289874"}
    return Scene(
        users,
        [
            employee_record("7", Email="elsa@example.com", FirstName="Elsa", Phone1="070-174 06 06", **names),
            employee_record("8", Email="otto@example.com", FirstName="Otto", **names),
        ],
    )


def test_what_the_key_may_not_see_is_told_once_and_is_no_difference() -> None:
    scene = unseen().waiting()
    assert Reason("not-visible-in-huma", {"field": "bank_account"}) in scene.run.notes
    page = scene.runs.people(ORGANIZATION, scene.run_id, situation=None, after="", limit=100)
    assert {change.field for person in page.people for change in person.changes} == {"phone"}
    assert all("bank_account" not in person.user.values for person in page.people if person.user)


@pytest.mark.parametrize("direction", [Direction.USE_HUMA, Direction.USE_FORTNOX])
def test_what_the_key_may_not_see_is_never_written_whatever_is_decided(direction: Direction) -> None:
    scene = unseen().waiting().use(direction).use(direction, "bank_account").create("u:nina", "e:8")
    create_user = scene.huma.create_user

    def created(*names: str, invite: bool) -> str:
        user_id = create_user(*names, invite=invite)
        del scene.huma.records[user_id]["bankAccount"]
        return user_id

    scene.huma.create_user = created  # type: ignore[assignment]
    scene.apply().finish()
    assert scene.state is State.FINISHED
    for written in scene.fortnox.writes():
        properties = written[1] if isinstance(written, tuple) else written
        assert not {"ClearingNo", "BankAccountNo"} & set(properties)
    patched = [detail[1] for operation, detail in scene.huma.calls if operation == "update_user"]
    assert patched
    assert not any("bankAccount" in patch for patch in patched)
    assert scene.fortnox.records["7"]["BankAccountNo"] == "8112289874"
    assert all("bank_account" not in link.bases for link in scene.links.links(ORGANIZATION))
