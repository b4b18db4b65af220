"""The brake: more bank account changes than usual wait for an administrator, and nothing else does."""

from __future__ import annotations

from typing import Any

import pytest
from huma_fortnox.domain.check_digits import luhn_digit
from huma_fortnox.domain.errors import Conflict, TransientError
from huma_fortnox.domain.outcome import Outcome
from huma_fortnox.services.brake import HOUR, usual_threshold
from huma_fortnox.services.real_time import Brake

from tests.unit.services.fakes import employee_record, user_record
from tests.unit.services.real_time_scene import BOSS, ORGANIZATION, RealTimeScene

PEOPLE = 12


def account(number: int) -> dict[str, Any]:
    digits = f"{1000 + number:09}"
    return {"number": f"8327-9 {digits}{luhn_digit(digits)}", "country": "SE"}


@pytest.fixture
def scene() -> RealTimeScene:
    users = [user_record(f"user-{number}", account=account(number)) for number in range(PEOPLE)]
    employees = []
    for number in range(PEOPLE):
        whole = account(number)["number"].replace("8327-9 ", "")
        employees.append(
            employee_record(
                str(number),
                Email=f"user-{number}@example.com",
                FirstName="Elsa",
                LastName="Exempel",
                ClearingNo="83279",
                BankAccountNo=whole,
            )
        )
    found = RealTimeScene(users, employees)
    for number in range(PEOPLE):
        found.link(f"user-{number}", str(number))
    found.unique.rebuild(ORGANIZATION)
    return found


def redirect(scene: RealTimeScene, number: int, **more: Any) -> dict[str, tuple[Outcome, str]]:
    """Somebody changes a person's account in Huma."""
    scene.edit(f"user-{number}", bankAccount=account(100 + number), **more)
    return scene.outcomes(scene.push(f"user-{number}"))


STOPPED = {"bank_account": (Outcome.HELD, "bank-changes-stopped")}
DONE = {"bank_account": (Outcome.DONE, "")}


@pytest.mark.parametrize(("linked", "passing"), [(0, 5), (12, 5), (50, 5), (51, 6), (1000, 100)])
def test_the_usual_threshold_is_a_tenth_of_the_people_and_five_at_least(linked: int, passing: int) -> None:
    assert usual_threshold(linked) == passing


def test_more_people_than_the_threshold_within_an_hour_are_stopped_and_told_once(scene: RealTimeScene) -> None:
    assert [redirect(scene, number) for number in range(5)] == [DONE] * 5
    assert redirect(scene, 5) == STOPPED
    assert redirect(scene, 6) == STOPPED
    assert scene.told.told == [("brake", ORGANIZATION)]
    assert scene.oversight.state(ORGANIZATION).brake == Brake(int(scene.clock()), 6, 5)
    assert scene.activity.kinds().count("bank-changes-stopped") == 1
    assert len(scene.fortnox.writes()) == 5


def test_only_bank_accounts_stop(scene: RealTimeScene) -> None:
    for number in range(5):
        redirect(scene, number)
    done = redirect(scene, 5, givenName="Annika")
    assert done == {**STOPPED, "given_name": (Outcome.DONE, "")}


def test_changes_spread_over_time_are_not_stopped(scene: RealTimeScene) -> None:
    for number in range(PEOPLE):
        assert redirect(scene, number) == DONE
        scene.clock.now += HOUR / 4
    assert scene.told.told == []


def test_one_person_counts_once_however_often_the_account_changes(scene: RealTimeScene) -> None:
    for number in range(20):
        scene.edit("user-0", bankAccount=account(200 + number))
        assert scene.outcomes(scene.push("user-0")) == DONE


def test_the_organizations_own_number_counts(scene: RealTimeScene) -> None:
    scene.settings(bank_changes_an_hour=2)
    assert [redirect(scene, number) for number in range(3)] == [DONE, DONE, STOPPED]


def test_a_confirmation_lets_through_what_was_stopped_and_counts_anew(scene: RealTimeScene) -> None:
    scene.settings(bank_changes_an_hour=1)
    for number in range(6):
        redirect(scene, number)
    assert scene.oversight.confirm_brake(BOSS) == 5
    scene.clock.now += 1
    scene.work()
    assert len(scene.fortnox.writes()) == 6
    assert list(scene.held.people(ORGANIZATION)) == []
    assert scene.oversight.state(ORGANIZATION).brake is None
    assert redirect(scene, 6) == DONE
    assert redirect(scene, 7) == STOPPED
    assert scene.told.told == [("brake", ORGANIZATION)] * 2


def test_an_account_that_changed_after_it_was_stopped_is_not_what_was_confirmed(scene: RealTimeScene) -> None:
    scene.settings(bank_changes_an_hour=1)
    for number in range(4):
        redirect(scene, number)
    scene.oversight.confirm_brake(BOSS)
    scene.edit("user-2", bankAccount=account(300))
    scene.edit("user-3", bankAccount=account(301))
    scene.clock.now += 1
    scene.work()
    # One change an hour passes; the other one is stopped again.
    assert len(scene.fortnox.writes()) == 3
    assert scene.oversight.state(ORGANIZATION).brake is not None


def test_nothing_can_be_confirmed_that_was_not_stopped(scene: RealTimeScene) -> None:
    with pytest.raises(Conflict, match="bank-changes-not-stopped"):
        scene.oversight.confirm_brake(BOSS)


def test_waiting_does_not_let_anything_through(scene: RealTimeScene) -> None:
    scene.settings(bank_changes_an_hour=1)
    redirect(scene, 0)
    redirect(scene, 1)
    scene.clock.now += 48 * HOUR
    assert scene.push("user-1").outcomes == ()
    assert scene.told.told == [("brake", ORGANIZATION)]
    assert len(scene.fortnox.writes()) == 1


def test_an_e_mail_that_could_not_be_sent_is_sent_with_the_next_change(scene: RealTimeScene) -> None:
    scene.settings(bank_changes_an_hour=1)
    redirect(scene, 0)
    scene.told.failing = TransientError("mail-unavailable")
    with pytest.raises(TransientError):
        redirect(scene, 1)
    scene.told.failing = None
    scene.clock.now += 121
    assert redirect(scene, 2) == STOPPED
    assert scene.told.told == [("brake", ORGANIZATION)]
