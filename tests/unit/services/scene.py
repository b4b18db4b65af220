"""An organization with both systems, every store and every use case of a run, wired as in the real application."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from huma_fortnox.domain.creation import EmploymentDefaults
from huma_fortnox.domain.digest import keyed_digest
from huma_fortnox.domain.errors import IntegrationError
from huma_fortnox.domain.people import FieldSettings, Link
from huma_fortnox.services.applying import Applying
from huma_fortnox.services.model import (
    ConnectionState,
    DecisionInput,
    OrganizationSettings,
    PersonOutcome,
    Synchronization,
    SynchronizationState,
)
from huma_fortnox.services.planning import Planning
from huma_fortnox.services.rereading import Rereading
from huma_fortnox.services.synchronizations import Synchronizations
from huma_fortnox.services.synchronize import Synchronize

from tests.unit.services.fakes import (
    Clock,
    FakeActivity,
    FakeConnections,
    FakeFortnox,
    FakeHuma,
    FakeLeases,
    FakeLinks,
    FakeSynchronizations,
    FakeSystems,
    FakeVault,
    FakeWorkflow,
    administrator,
)

if TYPE_CHECKING:
    from huma_fortnox.domain.decisions import Direction
    from huma_fortnox.domain.outcome import Reason
    from huma_fortnox.services.consent_watch import ConsentWatch

ORGANIZATION = "6f1c2a0e-0000-4000-8000-000000000001"
BOSS = administrator(ORGANIZATION)
EMPLOYMENT = EmploymentDefaults("TJM", "TV", "MAN")
Told = list[tuple[str, str, str, str]]


class Killed(BaseException):
    """The worker dies here: nothing of ours catches it."""


class Watch:
    """What hears of a lost consent; it has tests of its own."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, Reason]] = []

    def lost(self, organization_id: str, reason: Reason) -> bool:
        self.heard.append((organization_id, reason))
        return True


class Scene:
    """One connected organization. ``run`` is the run under way, ``steps`` its steps."""

    def __init__(self, users: Sequence[dict[str, Any]] = (), employees: Sequence[dict[str, Any]] = ()) -> None:
        self.clock = Clock()
        self.huma = FakeHuma(*users, organization_id=ORGANIZATION)
        self.fortnox = FakeFortnox(*employees)
        self.systems = FakeSystems(self.huma, self.fortnox)
        self.connections = FakeConnections()
        self.links = FakeLinks()
        self.activity = FakeActivity()
        self.vault = FakeVault()
        self.workflow = FakeWorkflow()
        self.watch = Watch()
        self.leases = FakeLeases()
        self.asked: list[str] = []
        self.store = FakeSynchronizations(self.clock, self.links)
        self.connections.change(
            ORGANIZATION,
            {
                "state": ConnectionState.AWAITING_FIRST_SYNC,
                "settings": OrganizationSettings(FieldSettings(), EMPLOYMENT),
                "notify": BOSS,
                "tenant_id": "1",
            },
        )
        planning = Planning(store=self.store, links=self.links, connections=self.connections, vault=self.vault)
        self.planning = planning
        self.applying = Applying(
            store=self.store, links=self.links, connections=self.connections, vault=self.vault, systems=self.systems
        )
        self.steps = Synchronize(
            store=self.store,
            connections=self.connections,
            activity=self.activity,
            planning=planning,
            applying=self.applying,
            systems=self.systems,
            workflow=self.workflow,
            consent_watch=cast("ConsentWatch", self.watch),
            clock=self.clock,
        )
        self.runs = self.use_case()
        self.run_id = ""

    def use_case(self) -> Synchronizations:
        """Return the administrator's use case as a process has it that has seen nothing yet."""
        return Synchronizations(
            store=self.store,
            connections=self.connections,
            links=self.links,
            planning=self.planning,
            workflow=self.workflow,
            rereading=Rereading(
                store=self.store,
                planning=self.planning,
                systems=lambda: self.systems,
                leases=lambda _organization_id: self.leases,
                afterwards=lambda: self.asked.append("done"),
            ),
            activity=self.activity,
            clock=self.clock,
        )

    # -- a run, step by step

    @property
    def run(self) -> Synchronization:
        found = self.store.load(ORGANIZATION, self.run_id)
        assert found is not None
        return found

    @property
    def state(self) -> SynchronizationState:
        return self.run.state

    @property
    def token(self) -> str:
        return f"token-of-{self.run_id}"

    def start(self) -> Scene:
        self.run_id = self.runs.start(BOSS).id
        return self

    def read(self) -> Scene:
        self.steps.lock(ORGANIZATION, self.run_id)
        self.steps.read_fortnox(ORGANIZATION, self.run_id)
        for page in self.steps.count_users(ORGANIZATION, self.run_id)["pages"]:
            self.steps.read_user_page(ORGANIZATION, self.run_id, page)
        return self

    def waiting(self) -> Scene:
        """Bring a new run to where the administrator decides."""
        self.start().read()
        self.steps.plan(ORGANIZATION, self.run_id)
        self.steps.await_decisions(ORGANIZATION, self.run_id, self.token)
        return self

    def decide(self, *decisions: DecisionInput) -> Scene:
        self.runs.decide(BOSS, self.run_id, decisions)
        return self

    def use(self, direction: Direction, field: str = "", person: str = "") -> Scene:
        return self.decide(DecisionInput(direction=direction, field=field, person=person))

    def create(self, *people: str) -> Scene:
        return self.decide(*[DecisionInput(create=True, person=person) for person in people])

    def press(self, *confirmed: str) -> Scene:
        self.runs.apply(BOSS, self.run_id, confirmed=confirmed)
        return self

    def prepare(self) -> list[int]:
        return self.steps.prepare_changes(ORGANIZATION, self.run_id)["batches"]

    def apply(self, *confirmed: str) -> Scene:
        """Press the button, and carry everything out."""
        self.press(*confirmed)
        for batch in self.prepare():
            self.carry_out(batch)
        return self

    def carry_out(self, batch: int) -> Scene:
        """Carry out one batch, to its end."""
        while self.steps.apply_batch(ORGANIZATION, self.run_id, batch)["more"]:
            pass
        return self

    def finish(self) -> Scene:
        self.steps.summarize(ORGANIZATION, self.run_id)
        self.steps.unlock(ORGANIZATION, self.run_id)
        return self

    # -- what came of it

    def plan(self) -> dict[str, str]:
        """Return the situations by person, those in agreement included."""
        people, _ = self.store.people(ORGANIZATION, self.run_id, "", after="", limit=10_000)
        agreed = [data for _, chunk in self.store.chunks(ORGANIZATION, self.run_id, "in_sync") for data in chunk]
        return {data["key"]: data["situation"] for data in (*people, *agreed)}

    def result(self) -> tuple[PersonOutcome, ...]:
        return self.runs.outcomes(ORGANIZATION, self.run_id, after="", limit=10_000).people

    def told(self, key: str) -> Told:
        """Return (field, outcome, target, reason) of one person, by field."""
        return sorted(
            (each.field, each.outcome.value, each.target, each.reason.code if each.reason else "")
            for person in self.result()
            if person.key == key
            for each in person.outcomes
        )

    def outcomes(self) -> dict[str, Told]:
        return {person.key: self.told(person.key) for person in self.result()}

    def link(self, user_id: str) -> Link | None:
        return self.links.link(ORGANIZATION, user_id)

    def bases_of(self, user_id: str) -> set[str]:
        link = self.link(user_id)
        return set(link.bases) if link else set()

    def digest(self, field: str, text: str) -> str:
        return keyed_digest(self.vault.base_key(ORGANIZATION))(field, text)

    def fail_batch(self, number: int) -> IntegrationError:
        """Carry out a batch that must fail, and return how."""
        try:
            self.steps.apply_batch(ORGANIZATION, self.run_id, number)
        except IntegrationError as error:
            return error
        raise AssertionError("the batch did not fail")


def workflow_error(error: Exception) -> Mapping[str, str]:
    """Return what Step Functions catches when a function raises this."""
    cause = {"errorMessage": str(error), "errorType": type(error).__name__, "stackTrace": ["line 1"]}
    return {"Error": type(error).__name__, "Cause": json.dumps(cause)}
