"""What decisions come to is worked out once after each, and is the same however it is come by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from huma_fortnox.domain.decisions import Direction
from huma_fortnox.domain.errors import Conflict
from huma_fortnox.services import summary as counting
from huma_fortnox.services.model import DecisionInput

from tests.unit.services.fakes import employee_record, user_record
from tests.unit.services.scene import BOSS, ORGANIZATION, Scene

if TYPE_CHECKING:
    from huma_fortnox.services.model import Summary

ACCOUNTS = ("33008112289874", "6112512028001")
OTHER = {"ClearingNo": "5202", "BankAccountNo": "6603120"}


@pytest.fixture
def scene() -> Scene:
    """Two whose accounts differ, a suggested pair whose accounts differ, one on either side alone."""
    users, employees = [], []
    for number, (name, account) in enumerate(zip(("Örjan", "Bo"), ACCOUNTS, strict=True)):
        money = {"number": account, "country": "SE"}
        users.append(user_record(f"{number}", email=f"p{number}@example.com", given_name=name, account=money))
        employees.append(
            employee_record(f"{number}", Email=f"p{number}@example.com", FirstName=name, LastName="Exempel", **OTHER)
        )
    money = {"number": ACCOUNTS[0], "country": "SE"}
    users.append(user_record("mo", email="mo@example.com", given_name="Mo", employment_id="90", account=money))
    employees.append(employee_record("90", Email="old@example.org", FirstName="Mo", LastName="Exempel", **OTHER))
    users.append(user_record("alone", email="alone@example.com", given_name="Ada"))
    employees.append(employee_record("77", Email="otto@example.com", FirstName="Otto", LastName="Exempel"))
    return Scene(users, employees).waiting()


def summary(scene: Scene) -> Summary:
    return scene.runs.summary(ORGANIZATION, scene.run_id)


def counted(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note how often a whole plan is gone through."""
    times: list[str] = []
    decided = scene.planning.decided

    def count(*arguments: Any) -> Any:
        times.append("once")
        return decided(*arguments)

    monkeypatch.setattr(scene.planning, "decided", count)
    return times


def test_accounts_and_new_people_are_named_in_the_order_of_their_names(scene: Scene) -> None:
    scene.decide(DecisionInput(user_id="mo", employee_id="90", same_person=True))
    scene.use(Direction.USE_HUMA, "bank_account").create("u:alone", "e:77")
    found = summary(scene)
    assert [(each.name.split()[0], each.employee_id, each.side) for each in found.accounts] == [
        ("Bo", "1", "fortnox"),
        ("Mo", "90", "fortnox"),
        ("Örjan", "0", "fortnox"),
    ]
    written = found.accounts[0].huma
    assert isinstance(written, dict)
    assert written["number"] == ACCOUNTS[1]
    assert found.bank_accounts == {"fortnox": 3}
    assert [(each.side, each.name.split()[0], each.employee_id) for each in found.created] == [
        ("fortnox", "Ada", ""),
        ("huma", "Otto", "77"),
    ]


def test_only_the_first_are_named_and_all_are_counted(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "NAMED", 1)
    scene.use(Direction.USE_HUMA, "bank_account").create("u:alone", "e:77")
    found = summary(scene)
    assert len(found.accounts) == 1
    assert found.bank_accounts == {"fortnox": 2}
    assert [each.side for each in found.created] == ["fortnox", "huma"]


def test_everybody_is_gone_through_once_after_each_decision_by_whatever_process(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = counted(scene, monkeypatch)
    scene.use(Direction.USE_HUMA, "bank_account")
    first = summary(scene)
    assert summary(scene) == first
    assert scene.use_case().summary(ORGANIZATION, scene.run_id) == first
    assert len(times) == 1
    scene.use(Direction.LEAVE, "bank_account", "u:0")
    assert scene.use_case().summary(ORGANIZATION, scene.run_id).bank_accounts == {"fortnox": 1}
    assert summary(scene).bank_accounts == {"fortnox": 1}
    assert len(times) == 2


def test_a_summary_seen_before_another_decision_is_not_applied(scene: Scene) -> None:
    seen = summary(scene).decided
    scene.use(Direction.LEAVE, "bank_account", "u:0")
    with pytest.raises(Conflict) as caught:
        scene.runs.apply(BOSS, scene.run_id, confirmed=[], decided=seen)
    assert caught.value.reason.code == "decided-since"
    scene.runs.apply(BOSS, scene.run_id, confirmed=[], decided=summary(scene).decided)
