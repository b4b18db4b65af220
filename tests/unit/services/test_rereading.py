"""Reading a blocked person again: they are planned as a new run would plan them, and nothing else changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from huma_fortnox.domain.decisions import Direction
from huma_fortnox.domain.errors import BadRequest, Conflict, IntegrationError, TransientError
from huma_fortnox.domain.plan_types import Situation
from huma_fortnox.services import listing, planning, replacing
from huma_fortnox.services.model import SynchronizationState
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.services.fakes import employee_record, user_record
from tests.unit.services.scene import BOSS, ORGANIZATION, Scene

if TYPE_CHECKING:
    from collections.abc import Callable

LISTS = [*(each for each in Situation if each is not Situation.IN_SYNC), None]
EMAILS = ("", "ada@example.com", "bo@example.com", "cia@example.com")


@pytest.fixture
def scene() -> Scene:
    """Two without an e-mail, one on either side; two who share one; one who differs; one in agreement."""
    users = [
        user_record("ada", email="", given_name="Ada", phone="+46701740601"),
        user_record("twin-1", email="twin@example.com", given_name="Tova"),
        user_record("twin-2", email="twin@example.com", given_name="Tuva"),
        user_record("bo", email="bo@example.com", given_name="Bo", phone="+46701740602", employment_id="2"),
        user_record("cia", email="cia@example.com", given_name="Cia", employment_id="3"),
        user_record("dag", email="dag@example.com", given_name="Dag"),
    ]
    employees = [
        employee_record("1", Email="ada@example.com", FirstName="Ada", LastName="Exempel", Phone1="070-174 06 09"),
        employee_record("2", Email="bo@example.com", FirstName="Bo", LastName="Exempel", Phone1="070-174 06 08"),
        employee_record("3", Email="cia@example.com", FirstName="Cia", LastName="Exempel"),
        employee_record("4", Email="", FirstName="Dag", LastName="Exempel"),
    ]
    return Scene(users, employees).waiting()


def email_in_huma(scene: Scene, user_id: str, email: str) -> None:
    scene.huma.records[user_id]["email"]["value"] = email


def read_again(scene: Scene, key: str) -> Situation | None:
    return scene.runs.read_again(BOSS, scene.run_id, key)


def listed(scene: Scene, situation: Situation | None) -> list[str]:
    page = scene.runs.people(
        ORGANIZATION, scene.run_id, situation=situation, after="", limit=100, suggested=situation is None
    )
    return [person.key for person in page.people]


def everything(scene: Scene) -> dict[str, Any]:
    """Return all that pages can tell of the plan."""
    run = scene.run
    counted = {name: run.progress[name] for name in ("planned", "changes", "to_link", "suggested")}
    people = {
        person.key: person
        for each in Situation
        for person in scene.runs.people(ORGANIZATION, scene.run_id, situation=each, after="", limit=100).people
    }
    situations = {name: count for name, count in run.situations.items() if count}
    lists = {each: listed(scene, each) for each in LISTS}
    return {"counted": counted, "people": people, "situations": situations, "lists": lists} | {"plan": scene.plan()}


def refused(kind: type[IntegrationError], code: str, action: Callable[[], object]) -> None:
    with pytest.raises(kind) as caught:
        action()
    assert caught.value.reason.code == code


def test_who_was_given_an_email_is_paired_and_everybody_else_stays_as_they_were(scene: Scene) -> None:
    before = everything(scene)
    assert scene.plan()["u:ada"] == "blocked"
    email_in_huma(scene, "ada", "ada@example.com")
    # Somebody else changed, too: that is none of this reading's business.
    scene.huma.records["bo"]["phone"]["value"] = "+46701749999"
    assert read_again(scene, "u:ada") is Situation.DIFFERS
    after = everything(scene)
    assert scene.plan()["u:ada"] == "differs"
    assert "e:1" not in scene.plan()
    assert {key: each for key, each in after["people"].items() if key != "u:ada"} == {
        key: each for key, each in before["people"].items() if key not in ("u:ada", "e:1")
    }
    assert listed(scene, Situation.DIFFERS) == ["u:ada", "u:bo"]
    assert sum(after["situations"].values()) == sum(before["situations"].values()) - 1
    assert scene.asked == ["done"]


def test_what_was_read_again_is_decided_and_written_like_anything_else(scene: Scene) -> None:
    email_in_huma(scene, "ada", "ada@example.com")
    read_again(scene, "u:ada")
    scene.use(Direction.USE_HUMA, "phone", "u:ada")
    assert scene.runs.summary(ORGANIZATION, scene.run_id).to_fortnox == {"phone": 1}
    scene.apply().finish()
    assert scene.fortnox.records["1"]["Phone1"] == "070-174 06 01"
    assert scene.told("u:ada")[-1][:2] == ("phone", "done")


def test_an_employee_is_read_from_fortnox_alone(scene: Scene) -> None:
    scene.fortnox.records["4"]["Email"] = "dag@example.com"
    calls = len(scene.huma.calls)
    assert scene.plan()["e:4"] == "blocked"
    assert read_again(scene, "e:4") is Situation.DIFFERS
    assert len(scene.huma.calls) == calls
    assert scene.plan()["u:dag"] == "differs"
    assert "e:4" not in scene.plan()


def test_what_is_not_mended_stays_blocked_with_its_reason(scene: Scene) -> None:
    before = everything(scene)
    assert read_again(scene, "u:ada") is Situation.BLOCKED
    assert everything(scene) == before


def test_who_is_gone_leaves_the_plan(scene: Scene) -> None:
    del scene.huma.records["ada"]
    assert read_again(scene, "u:ada") is None
    assert "u:ada" not in scene.plan()
    assert "u:ada" not in listed(scene, Situation.BLOCKED)


def test_a_decision_about_a_summary_seen_before_does_not_count(scene: Scene) -> None:
    before = scene.run.decided
    read_again(scene, "u:ada")
    assert scene.run.decided != before


@pytest.mark.parametrize("key", ["u:bo", "u:nobody", "e:1", "", "x"])
def test_only_who_is_blocked_is_read_again(scene: Scene, key: str) -> None:
    refused(BadRequest, "not-in-plan", lambda: read_again(scene, key))
    assert scene.asked == []


def test_a_run_that_does_not_wait_is_left_alone(scene: Scene) -> None:
    scene.press()
    refused(Conflict, "already-applied", lambda: read_again(scene, "u:ada"))
    reading = Scene([user_record("ada", email="")]).start()
    refused(Conflict, "plan-not-ready", lambda: read_again(reading, "u:ada"))


def test_one_person_is_read_again_at_a_time(scene: Scene) -> None:
    scene.leases.acquire("plan", 1)
    refused(TransientError, "state-unavailable", lambda: read_again(scene, "u:ada"))
    scene.leases.held.clear()
    scene.huma.refuses["ada"] = TransientError()
    read_again(scene, "u:ada")
    assert scene.leases.held == set()


def test_a_run_that_moved_on_while_somebody_was_read_keeps_its_counts(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    email_in_huma(scene, "ada", "ada@example.com")
    counts = scene.run.situations
    save = scene.store.save_people

    def pressed_meanwhile(*arguments: Any) -> None:
        scene.store.change(ORGANIZATION, scene.run_id, {"state": SynchronizationState.APPLYING})
        save(*arguments)

    monkeypatch.setattr(scene.store, "save_people", pressed_meanwhile)
    refused(Conflict, "already-applied", lambda: read_again(scene, "u:ada"))
    assert scene.run.situations == counts


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(EMAILS), st.sampled_from(EMAILS)), min_size=1, max_size=5),
    st.lists(st.sampled_from(EMAILS), max_size=4),
)
def test_who_is_read_again_stays_blocked_exactly_when_a_new_run_would_find_them_so(
    huma: list[tuple[str, str]], fortnox: list[str]
) -> None:
    """Chunks are tiny; everybody in a list, an outline and the counts is where the plan has them."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (listing, planning, replacing):
            patch.setattr(module, "CHUNK", 2)
        users = [user_record(f"{n}", email=before, given_name=f"N{n}") for n, (before, _) in enumerate(huma)]
        employees = [
            employee_record(f"{n}", Email=email, FirstName=f"N{n}", LastName="Exempel")
            for n, email in enumerate(fortnox)
        ]
        scene = Scene(users, employees).waiting()
        blocked = [key for key, situation in scene.plan().items() if situation == "blocked"]
        for key in blocked:
            number = int(key[2:])
            if key.startswith("u:"):
                email_in_huma(scene, f"{number}", huma[number][1])
        for _ in range(2):
            for key in listed(scene, Situation.BLOCKED):
                read_again(scene, key)
        assert sum(scene.run.situations.values()) == len(scene.plan())
        for situation in Situation:
            people = {key for key, each in scene.plan().items() if each == situation}
            assert scene.run.situations.get(situation.value, 0) == len(people)
            if situation is not Situation.IN_SYNC:
                assert set(listed(scene, situation)) == people
        outlines = [each[0] for _, chunk in scene.store.chunks(ORGANIZATION, scene.run_id, "outline") for each in chunk]
        apart = [key for key, each in scene.plan().items() if each != "in_sync"]
        assert sorted(outlines) == sorted(apart)
        still = {key for key in blocked if scene.plan().get(key) == "blocked"}
        scene.runs.cancel(BOSS, scene.run_id)
        scene.finish().waiting()
        assert {key for key in blocked if scene.plan().get(key) == "blocked"} == still
