"""An organization in real time: lane, push, reconciliation, brake and oversight, wired as in the real application."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from huma_fortnox.domain.creation import EmploymentDefaults
from huma_fortnox.domain.decisions import Decisions, Direction
from huma_fortnox.domain.digest import keyed_digest
from huma_fortnox.domain.fields import read_employee, read_user
from huma_fortnox.domain.people import FieldSettings, Link
from huma_fortnox.domain.plan import plan, writes
from huma_fortnox.services.brake import BankBrake
from huma_fortnox.services.consent_watch import ConsentWatch
from huma_fortnox.services.lane_batch import LaneBatch
from huma_fortnox.services.mail_feedback import MailFeedback
from huma_fortnox.services.model import ConnectionState, OrganizationSettings
from huma_fortnox.services.newcomers import Newcomers
from huma_fortnox.services.oversight import Oversight
from huma_fortnox.services.ports import UserChanged
from huma_fortnox.services.push import Push
from huma_fortnox.services.quarantine import LaneHealth
from huma_fortnox.services.reconcile import Reconcile

from tests.unit.services.fakes import (
    Clock,
    FakeActivity,
    FakeConnections,
    FakeFortnox,
    FakeHuma,
    FakeLinks,
    FakeMailProblems,
    FakeSynchronizations,
    FakeSystems,
    FakeVault,
    administrator,
)
from tests.unit.services.real_time_fakes import (
    FakeBrakes,
    FakeHeld,
    FakeLanes,
    FakeLaneStore,
    FakeNotices,
    FakePushStore,
    FakeReconciliations,
    FakeUniqueValues,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from huma_fortnox.domain.outcome import Outcome
    from huma_fortnox.services.real_time import Pushed
    from huma_fortnox.services.report import Report

ORGANIZATION = "6f1c2a0e-0000-4000-8000-000000000001"
OTHER = "6f1c2a0e-0000-4000-8000-000000000002"
BOSS = administrator(ORGANIZATION)
EMPLOYMENT = EmploymentDefaults("TJM", "TV", "MAN")
SETTINGS = FieldSettings()


class Told:
    """What sends e-mail: keeps what was told of whom; ``failing`` is raised instead."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        self.failing: Exception | None = None

    def consent_needed(self, organization_id: str) -> None:
        self._tell("consent", organization_id)

    def quarantined(self, organization_id: str, _quarantine: object) -> None:
        self._tell("quarantine", organization_id)

    def bank_changes_stopped(self, organization_id: str, _brake: object) -> None:
        self._tell("brake", organization_id)

    def _tell(self, kind: str, organization_id: str) -> None:
        if self.failing is not None:
            raise self.failing
        self.told.append((kind, organization_id))


class RealTimeScene:
    """One active organization with these users and employees; nobody is linked until ``link`` is called."""

    def __init__(self, users: Sequence[dict[str, Any]] = (), employees: Sequence[dict[str, Any]] = ()) -> None:
        self.clock = Clock()
        self.huma = FakeHuma(*users, organization_id=ORGANIZATION)
        self.fortnox = FakeFortnox(*employees)
        self.systems = FakeSystems(self.huma, self.fortnox)
        self.connections = FakeConnections()
        self.links = FakeLinks()
        self.activity = FakeActivity()
        self.vault = FakeVault()
        self.held = FakeHeld()
        self.lane_store = FakeLaneStore()
        self.lanes = FakeLanes(self.clock)
        self.brakes = FakeBrakes()
        self.notices = FakeNotices(self.clock)
        self.unique = FakeUniqueValues(self.links)
        self.rounds = FakeReconciliations()
        self.synchronizations = FakeSynchronizations(self.clock, self.links)
        self.told = Told()
        self.store = FakePushStore(
            connections=self.connections,
            links=self.links,
            activity=self.activity,
            held=self.held,
            lanes=self.lane_store,
            unique=self.unique,
            synchronizations=self.synchronizations,
        )
        self.watch = ConsentWatch(
            connections=self.connections,
            activity=self.activity,
            notices=self.notices,
            report=self.report,
            clock=self.clock,
        )
        self.brake = BankBrake(
            store=self.brakes,
            unique=self.unique,
            notices=self.notices,
            activity=self.activity,
            report=self.report,
            clock=self.clock,
        )
        self.push_service = Push(
            store=self.store,
            unique=self.unique,
            vault=self.vault,
            systems=self.systems,
            brake=self.brake,
            newcomers=lambda: Newcomers(store=self.store, systems=self.systems),
            consent_watch=self.watch,
            clock=self.clock,
        )
        self.health = LaneHealth(
            store=self.lane_store,
            lanes=self.lanes,
            notices=self.notices,
            activity=self.activity,
            report=self.report,
            clock=self.clock,
        )
        self.reconcile = Reconcile(
            store=self.rounds,
            connections=self.connections,
            organizations=self,
            lanes=self.lanes,
            activity=self.activity,
            systems=lambda: self.systems,
            push=lambda: self.push_service,
            clock=self.clock,
        )
        self.lane_batch = LaneBatch(
            push=self.push_service, reconcile=self.reconcile, lanes=self.lanes, health=self.health, side_by_side=1
        )
        self.mail_problems = FakeMailProblems(self.clock)
        self.mail_feedback = MailFeedback(
            problems=self.mail_problems, connections=self.connections, activity=self.activity, clock=self.clock
        )
        self.oversight = Oversight(
            connections=self.connections,
            links=self.links,
            held=self.held,
            lane_store=self.lane_store,
            lanes=self.lanes,
            health=self.health,
            brake=self.brake,
            unique=self.unique,
            reconcile=self.reconcile,
            activity=self.activity,
            mail_feedback=self.mail_feedback,
            clock=self.clock,
        )
        self.activate()

    def report(self) -> Report | None:
        told: Any = self.told
        found: Report = told
        return found

    def connected(self) -> Iterator[str]:
        return iter(list(self.connections.kept))

    # -- setting the scene

    def activate(self, organization_id: str = ORGANIZATION, **changes: Any) -> None:
        self.connections.change(
            organization_id,
            {
                "state": ConnectionState.ACTIVE,
                "active_since": 1,
                "notify": BOSS,
                "settings": OrganizationSettings(SETTINGS, EMPLOYMENT),
                **changes,
            },
        )

    def settings(self, **changes: Any) -> None:
        now = self.connections.load(ORGANIZATION).settings
        self.connections.change(ORGANIZATION, {"settings": replace(now, **changes)})

    def link(self, user_id: str, employee_id: str) -> Link:
        """Pair two who agree, or of whom everything in Huma counts as agreed, as a synchronization would."""
        digest = keyed_digest(self.vault.base_key(ORGANIZATION))
        user, employee = (
            read_user(self.huma.records[user_id]),
            read_employee(self.fortnox.records[employee_id], SETTINGS),
        )
        person = plan(
            [user],
            [employee],
            links=[Link(user_id, employee_id)],
            decisions=Decisions(everything=Direction.LEAVE),
            digest=digest,
            settings=SETTINGS,
        ).people[0]
        done = writes(person, link=Link(user_id, employee_id), digest=digest, settings=SETTINGS)
        link = Link(user_id, employee_id, done.bases, done.layout)
        self.links.save(ORGANIZATION, [link])
        return link

    # -- what happens

    def edit(self, user_id: str, **values: Any) -> None:
        """Change a user in Huma, by the API's own names."""
        record = self.huma.records[user_id]
        for name, value in values.items():
            holder = record["position"] if name in ("firstDayOfWork", "lastDayOfWork") else record
            holder[name]["value"] = value

    def event(self, user_id: str, **more: Any) -> UserChanged:
        number = self.lanes.numbers = self.lanes.numbers + 1
        return UserChanged(ORGANIZATION, user_id, "users-update", f"event-{number}", int(self.clock() * 1000), **more)

    def push(self, user_id: str, **more: Any) -> Pushed:
        return self.push_service.push(self.event(user_id, **more))

    def announce(self, *user_ids: str) -> None:
        for user_id in user_ids:
            self.lanes.send(self.event(user_id))

    def work(self, *, rounds: int = 100) -> None:
        """Carry batches until nothing can be received just now."""
        for _ in range(rounds):
            batch = self.lanes.receive()
            if not batch:
                return
            self.lanes.answer(batch, self.lane_batch.carry(batch))
        raise AssertionError("the lane does not come to an end")

    # -- what is seen

    def employee(self, employee_id: str) -> dict[str, Any]:
        return self.fortnox.records[employee_id]

    def outcomes(self, done: Pushed) -> dict[str, tuple[Outcome, str]]:
        return {each.field: (each.outcome, each.reason.code if each.reason else "") for each in done.outcomes}

    def pushes(self) -> list[Any]:
        return [entry for _, entry in self.activity.entries if entry.kind == "push"]
