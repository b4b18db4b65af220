"""The whole lane under a seeded scheduler: whatever happens, in whatever order, Fortnox ends up as Huma is.

People are edited, events come late, twice, in another order or never, either system fails before or after it did what
it was asked, processes die at every point where something is kept or sent, messages come again, the consent is lost and
given again, real time is paused and goes on. Then the faults stop, one reconciliation runs, and each field that can be
pushed is equal on both sides. On the way no request to Fortnox repeated a value that already stood there.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from huma_fortnox.domain.errors import (
    Conflict,
    ConsentNeeded,
    OutcomeUnknown,
    RateLimited,
    Refused,
    TransientError,
)
from huma_fortnox.domain.fields import FIELDS, Flow, context_of, read_employee, read_user
from huma_fortnox.domain.people import Side
from huma_fortnox.domain.readings import agree
from huma_fortnox.services.model import ConnectionState

from tests.unit.services.fakes import FakeFortnox, FakeHuma, employee_record, user_record
from tests.unit.services.real_time_scene import BOSS, ORGANIZATION, SETTINGS, RealTimeScene

if TYPE_CHECKING:
    from huma_fortnox.services.ports import Record, UserChanged

SEEDS = 150
STEPS = 60
PEOPLE = 5
PUSHED = [row for row in FIELDS.values() if row.direction is Flow.BOTH]

PHONES = [f"070-174 06 {number:02}" for number in range(5, 5 + PEOPLE + 2)]
STREETS = ("Storgatan 1", "Kungsgatan 2 A", "Ringvägen 3")
ACCOUNTS: tuple[Mapping[str, str], ...] = (
    {"number": "8327-9 0147258925", "country": "SE"},
    {"number": "8327-9 0000000000", "country": "SE"},
    {"number": "12", "country": "SE"},
    {"number": "40702010", "country": "NO"},
)
DAYS = ("2024-01-01", "2025-06-30", "2026-12-31")


class Killed(BaseException):
    """The process dies here: nothing of ours catches it."""


class Chance:
    """What goes wrong: drawn from the seed, and switched off in the end."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.on = True

    def strikes(self, probability: float) -> bool:
        return self.on and self.random.random() < probability

    def die(self, probability: float) -> None:
        if self.strikes(probability):
            raise Killed

    def fail(self, probability: float) -> None:
        if self.strikes(probability / 10):
            raise ConsentNeeded("consent-lost")
        if self.strikes(probability):
            raise self.random.choice([TransientError(), OutcomeUnknown(), RateLimited(retry_after=3.0)])


class Fortnox(FakeFortnox):
    """Fortnox that may fail before and after a write, and holds each write to what it must not do."""

    def __init__(self, chance: Chance, *records: dict[str, Any]) -> None:
        super().__init__(*records)
        self.chance = chance
        self.repeated: list[str] = []

    def employee(self, employee_id: str) -> Record | None:
        self.chance.fail(0.05)
        return super().employee(employee_id)

    def update_employee(self, employee_id: str, properties: Mapping[str, str | None]) -> Record:
        self.chance.die(0.02)
        self.chance.fail(0.10)
        if self.chance.strikes(0.03):
            raise Refused("fortnox-refused")
        before = read_employee(self.records[employee_id], SETTINGS)
        after = read_employee({**self.records[employee_id], **properties}, SETTINGS)
        context = context_of(None, before, SETTINGS)
        for row in PUSHED:
            if set(row.properties(SETTINGS)) & properties.keys():
                old, new = (row.read(Side.FORTNOX, each.values.get(row.key), context) for each in (before, after))
                if agree(old, new):
                    self.repeated.append(f"{row.key} of {employee_id}")
        stored = super().update_employee(employee_id, properties)
        self.chance.die(0.06)
        self.chance.fail(0.06)
        return stored


class Huma(FakeHuma):
    """Huma that may fail to answer."""

    def __init__(self, chance: Chance, *records: dict[str, Any], organization_id: str) -> None:
        super().__init__(*records, organization_id=organization_id)
        self.chance = chance

    def user(self, user_id: str) -> Record | None:
        self.chance.fail(0.05)
        return super().user(user_id)

    def details(self, user_ids: Any) -> Any:
        self.chance.fail(0.10)
        return super().details(user_ids)


class World:
    """The scheduler, and everything it plays with."""

    def __init__(self, seed: int) -> None:
        self.chance = Chance(seed)
        users, employees = [], []
        for number in range(PEOPLE):
            phone, email = PHONES[number], f"user-{number}@example.com"
            users.append(user_record(f"user-{number}", phone=phone, first_day=DAYS[0]))
            employees.append(
                employee_record(
                    str(number),
                    Email=email,
                    FirstName="Elsa",
                    LastName="Exempel",
                    Phone1=phone,
                    EmploymentDate=DAYS[0],
                )
            )
        self.scene = RealTimeScene(users, employees)
        scene = self.scene
        self.fortnox = Fortnox(self.chance, *employees)
        scene.huma = scene.systems.the_huma = Huma(self.chance, *users, organization_id=ORGANIZATION)
        scene.fortnox = scene.systems.the_fortnox = self.fortnox
        for number in range(PEOPLE):
            scene.link(f"user-{number}", str(number))
        scene.settings(bank_changes_an_hour=1000)
        self._die_where_something_is_kept()
        self.in_the_air: list[UserChanged] = []

    def _die_where_something_is_kept(self) -> None:
        scene, chance = self.scene, self.chance
        record, begin, advance = scene.store.record, scene.store.begin, scene.rounds.advance

        def around(work: Callable[..., Any], probability: float) -> Callable[..., Any]:
            def dying(*arguments: Any, **named: Any) -> Any:
                chance.die(probability)
                done = work(*arguments, **named)
                chance.die(probability)
                return done

            return dying

        scene.store.record = around(record, 0.04)  # type: ignore[method-assign]
        scene.store.begin = around(begin, 0.04)  # type: ignore[method-assign]
        scene.rounds.advance = around(advance, 0.10)  # type: ignore[method-assign]

    # -- steps

    def step(self) -> None:
        draw = self.chance.random
        name = draw.choices(
            ["edit", "deliver", "work", "wait", "duplicate", "catch up", "try again", "reconnect", "pause", "resume"],
            [30, 25, 30, 12, 4, 1, 2, 4, 1, 3],
        )[0]
        with suppress(ConsentNeeded, Conflict):
            self._do(name)

    def _do(self, name: str) -> None:
        draw = self.chance.random
        match name:
            case "edit":
                self.edit()
            case "deliver":
                self.deliver()
            case "work":
                self.work()
            case "wait":
                self.scene.clock.now += draw.choice([1, 10, 100, 800, 4000])
            case "duplicate" if self.in_the_air:
                self.in_the_air.append(draw.choice(self.in_the_air))
            case "catch up":
                self.scene.oversight.catch_up(BOSS)
            case "try again":
                self.scene.oversight.try_again(BOSS)
            case "reconnect":
                self.reconnect()
            case "pause":
                self.scene.oversight.pause(BOSS)
            case "resume" if self.scene.connections.load(ORGANIZATION).paused_since:
                self.scene.oversight.resume(BOSS)

    def edit(self) -> None:
        draw = self.chance.random
        user_id = f"user-{draw.randrange(PEOPLE)}"
        name = draw.choice(
            ["givenName", "familyName", "phone", "homeAddress", "bankAccount", "firstDayOfWork", "lastDayOfWork"]
        )
        choices: dict[str, Callable[[], Any]] = {
            "givenName": lambda: draw.choice(["Elsa", "Åsa", "Örjan"]),
            "familyName": lambda: draw.choice(["Exempel", "Ek", "von Berg"]),
            "phone": lambda: draw.choice(PHONES),
            "homeAddress": lambda: {
                "line1": draw.choice(STREETS),
                "postalCode": "41101",
                "city": "Göteborg",
                "country": "SE",
            },
            "bankAccount": lambda: dict(draw.choice(ACCOUNTS)),
            "firstDayOfWork": lambda: draw.choice(DAYS),
            "lastDayOfWork": lambda: draw.choice([None, *DAYS]),
        }
        self.scene.edit(user_id, **{name: choices[name]()})
        if not self.chance.strikes(0.25):
            self.in_the_air.append(self.scene.event(user_id))

    def deliver(self) -> None:
        if self.in_the_air:
            at = self.chance.random.randrange(len(self.in_the_air))
            event = self.in_the_air[at]
            if not self.chance.strikes(0.1):
                del self.in_the_air[at]
            self.scene.lanes.send(event)

    def work(self) -> None:
        """Carry one batch; a process that dies answers nothing, so its messages come again after the time-out."""
        batch = self.scene.lanes.receive(most=self.chance.random.choice([1, 3, 10]))
        if batch:
            try:
                self.scene.lanes.answer(batch, self.scene.lane_batch.carry(batch))
            except Killed:
                return

    def reconnect(self) -> None:
        """Give the consent again, where it was lost."""
        if self.scene.connections.load(ORGANIZATION).state is ConnectionState.NEEDS_REAUTHORIZATION:
            self.scene.connections.change(ORGANIZATION, {"state": ConnectionState.ACTIVE, "reason": None})
            self.scene.oversight.reconnected(BOSS)

    def come_to_rest(self) -> None:
        """Let the faults stop, what waits be carried, and the night reconcile."""
        self.chance.on = False
        self.reconnect()
        self.scene.oversight.resume(BOSS)
        self._exhaust()
        # What was laid aside because process after process died over it, an operator sends back.
        for message in self.scene.lanes.dead:
            self.scene.lanes.put(message.group, message.body)
        self.scene.lanes.dead.clear()
        self._exhaust()
        self.scene.clock.now += 4000
        self.scene.oversight.catch_up(BOSS)
        self._exhaust()
        # What waited for somebody else's value, and what Fortnox refused by chance, is asked for once more.
        for _ in range(2):
            self.scene.oversight.try_again(BOSS)
            self._exhaust()

    def _exhaust(self) -> None:
        for _ in range(1000):
            if not self.scene.lanes.messages:
                return
            self.work()
            waits = [message.visible_at for message in self.scene.lanes.messages]
            self.scene.clock.now = max(self.scene.clock.now, max(waits, default=0.0))
        raise AssertionError("the lane does not come to rest")

    # -- what must hold

    def differences(self) -> dict[tuple[str, str], str]:
        """Return the fields that differ, with the code they are held for, if they are."""
        found = {}
        for number in range(PEOPLE):
            user_id = f"user-{number}"
            user = read_user(self.scene.huma.records[user_id])
            employee = read_employee(self.scene.fortnox.records[str(number)], SETTINGS)
            context = context_of(user, employee, SETTINGS)
            held = self.scene.held.person(ORGANIZATION, user_id)
            for row in PUSHED:
                in_huma = row.read(Side.HUMA, user.values[row.key], context)
                in_fortnox = row.read(Side.FORTNOX, employee.values[row.key], context)
                if not agree(in_huma, in_fortnox):
                    why = held.fields.get(row.key) if held else None
                    found[user_id, row.key] = why.reason.code if why else ""
        return found


def holders_in_huma(world: World, phone: str) -> int:
    return sum(record["phone"]["value"] == phone for record in world.scene.huma.records.values())


@pytest.mark.parametrize("seed", range(SEEDS))
def test_whatever_happens_fortnox_ends_up_as_huma_is_and_nothing_is_written_twice(seed: int) -> None:
    world = World(seed)
    for _ in range(STEPS):
        world.step()
    world.come_to_rest()
    assert world.fortnox.repeated == []
    for (user_id, field), reason in world.differences().items():
        value = world.scene.huma.records[user_id]
        if field == "bank_account":
            assert reason.startswith("bank-account-"), (user_id, field, reason)
        elif field == "phone":
            assert reason == "duplicate-in-huma", (user_id, field, reason)
            assert holders_in_huma(world, value["phone"]["value"]) > 1
        else:
            raise AssertionError((user_id, field, reason))
    assert world.scene.lanes.dead == []
    calls = len(world.scene.fortnox.calls)
    world.scene.oversight.catch_up(BOSS)
    world._exhaust()
    assert len(world.scene.fortnox.calls) == calls, "what is done is done"


def test_the_faults_are_those_of_the_seed_and_there_are_many_of_them() -> None:
    def play(seed: int) -> tuple[list[Any], int]:
        world = World(seed)
        deaths = 0
        for _ in range(STEPS):
            before = len(world.scene.lanes.messages)
            world.step()
            deaths += len(world.scene.lanes.messages) > before
        return world.scene.fortnox.calls, deaths

    assert play(7) == play(7)
    assert play(7)[0] != play(8)[0]
    kinds: set[str] = set()
    for seed in range(20):
        world = World(seed)
        for _ in range(STEPS):
            world.step()
        kinds |= {operation for operation, _ in world.scene.fortnox.calls}
    assert {"update_employee", "employee"} <= kinds


def test_consents_are_lost_and_pauses_made_on_the_way() -> None:
    kinds: set[str] = set()
    for seed in range(20):
        world = World(seed)
        for _ in range(STEPS):
            world.step()
        kinds |= set(world.scene.activity.kinds())
    assert {"consent-lost", "paused", "resumed", "push"} <= kinds


def test_no_value_ever_stands_in_what_is_kept() -> None:
    world = World(3)
    for _ in range(STEPS):
        world.step()
    world.come_to_rest()
    scene = world.scene
    kept = repr([scene.links.kept, scene.held.kept, scene.activity.entries, scene.unique.entries, scene.store.begun])
    for phone in PHONES:
        assert phone not in kept
        assert phone.replace("-", "").replace(" ", "") not in kept
