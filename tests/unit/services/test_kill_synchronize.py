"""A worker that dies anywhere: the run is taken up again as the state machine does, and ends as one that nobody killed.

Every call to a store, to Fortnox or to Huma is a boundary at which a worker may die, before the call has had its effect
or after. A step that died is called again from its beginning; nothing but what was stored survives it.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from typing import Any

import pytest
from huma_fortnox.domain.decisions import Direction
from huma_fortnox.domain.people import Base, Link
from huma_fortnox.services.applying import Applying
from huma_fortnox.services.model import DecisionInput, SynchronizationState
from huma_fortnox.services.planning import Planning
from huma_fortnox.services.synchronize import Synchronize

from tests.unit.services.fakes import FakeFortnox, FakeHuma, employee_record, user_record
from tests.unit.services.scene import ORGANIZATION, Killed, Scene, Told

HUMA, FORTNOX, LEAVE = Direction.USE_HUMA, Direction.USE_FORTNOX, Direction.LEAVE
SEEDS = range(int(os.environ.get("KILL_SEEDS", "25")))
NEVER = 10**9


def shrink(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make pages, chunks, groups and batches so small that a few people fill several of each."""
    for name, value in {
        "batches.GROUP": 2,
        "batches.CREATED_TOGETHER": 2,
        "batches.BATCH_PEOPLE": 4,
        "planning.CHUNK": 3,
        "linking.CHECKPOINT": 1,
        "synchronize.PAGES_A_STEP": 1,
        "synchronize.USERS_A_PAGE": 4,
        "synchronize._LEFT_OUT_GROUP": 2,
    }.items():
        monkeypatch.setattr(f"huma_fortnox.services.{name}", value)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    shrink(monkeypatch)


class Reaper:
    """Kills at chosen boundaries; counts them."""

    def __init__(self, kills: Callable[[int], bool]) -> None:
        self.passed = 0
        self.killed = 0
        self._kills = kills

    def boundary(self) -> None:
        self.passed += 1
        if self._kills(self.passed):
            self.killed += 1
            raise Killed


class Mortal:
    """Something that a worker calls and may not survive."""

    def __init__(self, target: Any, reaper: Reaper) -> None:
        self._target = target
        self._reaper = reaper

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._target, name)
        if not callable(method):
            return method

        def called(*args: Any, **settings: Any) -> Any:
            self._reaper.boundary()
            answer = method(*args, **settings)
            self._reaper.boundary()
            return answer

        return called


class MortalSystems:
    """Opens the two systems as a mortal worker sees them."""

    def __init__(self, scene: Scene, reaper: Reaper) -> None:
        self._huma, self._fortnox = Mortal(scene.huma, reaper), Mortal(scene.fortnox, reaper)

    def huma(self, organization_id: str) -> Any:
        return self._huma

    def fortnox(self, organization_id: str) -> Any:
        return self._fortnox


class PagedHuma(FakeHuma):
    """Huma with four people a page."""

    def users(self, page: int) -> Any:
        listed = super().users(0)
        return type(listed)(listed.user_ids[page * 4 : page * 4 + 4], listed.total)


class SlowToConfirm(PagedHuma):
    """Huma in which one person has to confirm a new e-mail address."""

    def update_user(self, user_id: str, patch: Any) -> Any:
        self.confirms_email = user_id == "p05"
        return super().update_user(user_id, patch)


def everybody() -> Scene:
    """People of every kind, more than a page of them on each side."""
    users, employees = [], []

    def both(number: int, in_huma: dict[str, Any], in_fortnox: dict[str, str]) -> None:
        email = f"p{number}@example.com"
        usual = {"email": email, "phone": f"+4670174{number:04d}", "employment_id": str(number)}
        users.append(user_record(f"p{number:02d}", **{**usual, **in_huma}))
        there = {"Email": email, "FirstName": "Elsa", "LastName": "Exempel", "Phone1": f"070-174{number:04d}"}
        employees.append(employee_record(str(number), **{**there, **in_fortnox}))

    for number in (1, 2, 3):
        both(number, {}, {})
    both(4, {"phone": "+46701750004"}, {"LastName": "Gammal"})
    both(5, {"employment_id": None}, {"Email": "p5@example.org", "EmploymentDate": "2020-01-02"})
    both(6, {"phone": None}, {"EmployedTo": "2027-01-31"})
    both(7, {"employment_id": None, "phone": "call me"}, {"FirstName": "Else"})
    both(8, {"family_name": "Ny"}, {"Address2": "Provgatan 1", "PostCode": "12345", "City": "Exempelstad"})
    both(9, {"phone": "+46701750009"}, {})
    for number in (1, 2, 3):
        users.append(user_record(f"new{number}", email=f"n{number}@example.com", phone=f"+4670176{number:04d}"))
        names = {"Email": f"f{number}@example.com", "FirstName": "Otto", "LastName": "Exempel"}
        employees.append(employee_record(f"5{number}", **names, Phone1=f"070-177{number:04d}"))
    users += [user_record(f"twin{number}", email="twin@example.com") for number in (1, 2)]
    users.append(user_record("nobody", email=""))
    users.append(user_record("moved", email="moved@example.com", given_name="Mo", employment_id="60"))
    employees.append(employee_record("60", Email="mo@example.org", FirstName="Mo", LastName="Fordom"))
    employees.append(employee_record("70", Email="twin@example.com", FirstName="Elsa", LastName="Exempel"))
    scene = Scene()
    scene.huma = SlowToConfirm(*users, organization_id=ORGANIZATION)
    scene.fortnox = FakeFortnox(*employees, page_size=5)
    scene.systems.the_huma, scene.systems.the_fortnox = scene.huma, scene.fortnox
    linked = {name: Base("0a", "0a") for name in ("phone", "family_name")}
    scene.links.save(ORGANIZATION, [Link("p03", "3"), Link("p04", "4", linked), Link("p05", "5")])
    return scene


def mortal(scene: Scene, reaper: Reaper, *, workers: int = 1) -> Scene:
    """Have the run's services call everything through the reaper."""
    stores = {
        name: Mortal(getattr(scene, name), reaper)
        for name in ("store", "links", "connections", "vault", "activity", "workflow")
    }
    systems: Any = MortalSystems(scene, reaper)
    store, links = stores["store"], stores["links"]
    connections, vault = stores["connections"], stores["vault"]
    planning = Planning(store=store, links=links, connections=connections, vault=vault)
    applying = Applying(
        store=store, links=links, connections=connections, vault=vault, systems=systems, workers=workers
    )
    scene.steps = Synchronize(
        store=store,
        connections=connections,
        activity=stores["activity"],
        planning=planning,
        applying=applying,
        systems=systems,
        workflow=stores["workflow"],
        consent_watch=scene.steps._consent_watch,
        clock=scene.clock,
    )
    return scene


class Machine:
    """The state machine: calls one step after the other, and again what died."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def call(self, step: str, *args: Any) -> Any:
        for _ in range(2000):
            try:
                return getattr(self._scene.steps, step)(ORGANIZATION, self._scene.run_id, *args)
            except Killed:
                continue
        raise AssertionError(f"{step} never ends")

    def until_decisions(self) -> None:
        self.call("lock")
        self.call("read_fortnox")
        for page in self.call("count_users")["pages"]:
            self.call("read_user_page", page)
        assert self.call("plan")["to_decide"]
        self.call("await_decisions", self._scene.token)

    def carry_out(self) -> None:
        for batch in self.call("prepare_changes")["batches"]:
            while self.call("apply_batch", batch)["more"]:
                pass
        self.end()

    def end(self) -> None:
        self.call("summarize")
        self.call("unlock")


def run(kills: Callable[[int], bool], *, workers: int = 1) -> tuple[Scene, Reaper]:
    """Have a whole run under the reaper."""
    scene, reaper = everybody().start(), Reaper(kills)
    machine = Machine(mortal(scene, reaper, workers=workers))
    machine.until_decisions()
    scene.use(HUMA).use(FORTNOX, "employment_id").use(FORTNOX, "email").use(FORTNOX, "first_day")
    scene.use(LEAVE, "address").use(HUMA, "phone", "u:p06").use(FORTNOX, "last_day", "u:p06")
    scene.decide(DecisionInput(same_person=True, user_id="moved", employee_id="60"))
    scene.create("u:new1", "u:new2", "u:new3", "e:51", "e:52").press("values-cleared", "many-bank-accounts")
    machine.carry_out()
    return scene, reaper


def told(scene: Scene) -> dict[str, Told]:
    return scene.outcomes()


def state(scene: Scene) -> dict[str, Any]:
    """Everything that must not depend on how often a worker died."""
    run = scene.run
    return {
        "Huma": scene.huma.records,
        "Fortnox": scene.fortnox.records,
        "links": scene.links.kept,
        "outcomes": told(scene),
        "counted": dict(run.outcomes),
        "situations": dict(run.situations),
        "people": {name: run.progress[name] for name in ("planned", "to_apply", "applied")},
        "state": run.state,
        # An entry may stand twice in the log, when its writer died before that was noted; better than not at all.
        "log": {(entry.kind, entry.reason) for _, entry in scene.activity.entries},
        "lock": scene.store.running(ORGANIZATION),
        "connection": scene.connections.load(ORGANIZATION).state,
    }


@pytest.fixture(scope="module")
def undisturbed() -> tuple[dict[str, Any], int, int]:
    """The result of a run that nobody kills, with its number of boundaries and of requests that wrote."""
    with pytest.MonkeyPatch.context() as patch:
        shrink(patch)
        scene, reaper = run(lambda _: False)
    found = state(scene)
    assert found["state"] is SynchronizationState.FINISHED
    assert {name: len(found[name]) for name in ("Huma", "Fortnox")} == {"Huma": 18, "Fortnox": 17}
    assert all(found["counted"].get(outcome) for outcome in ("done", "unchanged", "held", "skipped"))
    assert ("email", "held", "huma", "waiting-for-confirmation") in found["outcomes"]["u:p05"]
    return found, reaper.passed, len(scene.fortnox.writes())


PARTS = 24


@pytest.mark.parametrize("part", range(PARTS))
def test_a_worker_that_dies_at_any_boundary_changes_nothing_about_the_end(
    undisturbed: tuple[dict[str, Any], int, int], part: int
) -> None:
    expected, boundaries, writes = undisturbed
    for number in range(1 + part, boundaries + 1, PARTS):
        scene, reaper = run(lambda passed, number=number: passed == number)  # type: ignore[misc]
        assert reaper.killed == 1
        assert state(scene) == expected, f"killed at boundary {number}"
        # Nothing is written a second time but what a dead worker could not even begin to record.
        assert len(scene.fortnox.writes()) <= writes + 1


@pytest.mark.parametrize("seed", SEEDS)
def test_workers_that_die_again_and_again_change_nothing_about_the_end(
    undisturbed: tuple[dict[str, Any], int, int], seed: int
) -> None:
    expected, _, _ = undisturbed
    chance = random.Random(seed)
    share = chance.choice((0.002, 0.01, 0.02))
    scene, _ = run(lambda _: chance.random() < share)
    assert state(scene) == expected


@pytest.mark.parametrize("seed", SEEDS)
def test_workers_side_by_side_that_die_together_create_nobody_twice_and_lose_nothing(
    undisturbed: tuple[dict[str, Any], int, int], seed: int
) -> None:
    expected, boundaries, _ = undisturbed
    chance = random.Random(seed)
    deaths = {chance.randrange(1, boundaries) for _ in range(4)}
    scene, _ = run(lambda passed: passed in deaths, workers=3)
    found = state(scene)
    for records, email in ((found["Huma"], huma_email), (found["Fortnox"], fortnox_email)):
        everybody_there = sorted(map(email, records.values()))
        assert everybody_there == sorted(map(email, expected["Huma" if email is huma_email else "Fortnox"].values()))
    for name in ("outcomes", "counted", "situations", "people", "state", "lock", "connection"):
        assert found[name] == expected[name], name
    assert len(found["links"]) == len(expected["links"])


def huma_email(record: dict[str, Any]) -> str:
    return str(record["email"]["value"])


def fortnox_email(record: dict[str, Any]) -> str:
    return str(record["Email"])
