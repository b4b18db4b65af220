"""The use cases' ports in memory, for one thread at a time or many.

The stores pass the same contract tests as those on DynamoDB (``tests/contract/test_stores.py``), so that they cannot
drift. The two systems keep records in the shapes of their APIs and can be told to fail.
"""

from __future__ import annotations

import copy
import json
import threading
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from huma_fortnox.domain.decisions import Decisions, Direction
from huma_fortnox.domain.errors import ConsentNeeded, HumaKeyRefused, IntegrationError, Refused
from huma_fortnox.domain.people import Base, FieldSettings, Link
from huma_fortnox.domain.plan_types import Situation
from huma_fortnox.services.model import (
    Activity,
    ActivityPage,
    Administrator,
    Connection,
    ConnectionState,
    DecisionInput,
    LinkedPerson,
    MailProblem,
    OrganizationSettings,
    PersonOutcome,
    Session,
    Synchronization,
    SynchronizationState,
)
from huma_fortnox.services.ports import (
    Company,
    ConsentGranted,
    EmployeePage,
    HumaAccess,
    HumaOrganization,
    PendingAuthorization,
    Record,
    UserChanged,
    UserPage,
)

if TYPE_CHECKING:
    from huma_fortnox.domain.outcome import FieldOutcome, Outcome

STATE_SECONDS = 600
PLAN_SECONDS = 30 * 24 * 3600
LOCK_SECONDS = 31 * 24 * 3600


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


# -- stores


class FakeConnections:
    """``ports.ConnectionStore``."""

    def __init__(self) -> None:
        self.kept: dict[str, Connection] = {}
        self.companies: dict[str, str] = {}
        self._lock = threading.Lock()

    def load(self, organization_id: str) -> Connection:
        return self.kept.get(organization_id) or Connection(
            organization_id, ConnectionState.NOT_CONNECTED, OrganizationSettings(FieldSettings())
        )

    def change(
        self, organization_id: str, changes: Mapping[str, Any], *, only_from: Sequence[ConnectionState] = ()
    ) -> bool:
        with self._lock:
            now = self.load(organization_id)
            if only_from and now.state not in only_from:
                return False
            self.kept[organization_id] = replace(now, **changes)
            return True

    def claim_company(self, tenant_id: str, organization_id: str) -> bool:
        with self._lock:
            return self.companies.setdefault(tenant_id, organization_id) == organization_id

    def release_company(self, tenant_id: str, organization_id: str) -> None:
        with self._lock:
            if self.companies.get(tenant_id) == organization_id:
                del self.companies[tenant_id]


class FakeSessions:
    """``ports.SessionStore``."""

    def __init__(self, clock: Clock) -> None:
        self.used: dict[tuple[str, str], int] = {}
        self.sessions: dict[str, Session] = {}
        self.states: dict[str, tuple[float, PendingAuthorization]] = {}
        self._clock = clock
        self._lock = threading.Lock()

    def use_once(self, kind: str, value: str, *, until: int) -> bool:
        with self._lock:
            if self.used.get((kind, value), 0) > self._clock():
                return False
            self.used[kind, value] = until
            return True

    def was_used(self, kind: str, value: str) -> bool:
        return self.used.get((kind, value), 0) > self._clock()

    def save_session(self, session: Session) -> None:
        self.sessions[session.id] = session

    def session(self, session_id: str) -> Session | None:
        session = self.sessions.get(session_id)
        return session if session and session.expires_at > self._clock() else None

    def end_session(self, session_id: str) -> None:
        self.sessions.pop(session_id, None)

    def save_state(self, state: str, pending: PendingAuthorization) -> None:
        self.states[state] = (self._clock() + STATE_SECONDS, pending)

    def take_state(self, state: str, session_id: str) -> PendingAuthorization | None:
        with self._lock:
            until, pending = self.states.get(state, (0.0, None))
            if pending is None or until <= self._clock() or pending.session_id not in ("", session_id):
                return None
            del self.states[state]
            return pending


class FakeLinks:
    """``ports.LinkStore``."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], Link] = {}
        self.settled: dict[tuple[str, str, str], tuple[FieldOutcome, ...]] = {}
        self.begun: dict[tuple[str, str], Mapping[str, Sequence[str]]] = {}
        self._lock = threading.Lock()

    def link(self, organization_id: str, user_id: str) -> Link | None:
        return self.kept.get((organization_id, user_id))

    def of_users(self, organization_id: str, user_ids: Iterable[str]) -> Mapping[str, Link]:
        return {user_id: link for user_id in user_ids if (link := self.kept.get((organization_id, user_id)))}

    def links(self, organization_id: str) -> Iterator[Link]:
        return iter([link for (owner, _), link in sorted(self.kept.items()) if owner == organization_id])

    def save(self, organization_id: str, links: Iterable[Link]) -> None:
        for link in links:
            self.kept[organization_id, link.user_id] = link

    def move_bases(self, organization_id: str, link: Link, fields: Iterable[str]) -> None:
        kept = self.kept.get((organization_id, link.user_id))
        if kept is not None and kept.employee_id == link.employee_id:
            moved = {name: link.bases[name] for name in fields}
            self.kept[organization_id, link.user_id] = replace(
                kept, bases={**kept.bases, **moved}, layout=dict(link.layout)
            )

    def settle(
        self,
        organization_id: str,
        run_id: str,
        link: Link,
        outcomes: Sequence[FieldOutcome],
        seen: Link | None,
        wrote: Collection[str],
        overtaking: bool,
    ) -> bool:
        with self._lock:
            kept = self.kept.get((organization_id, link.user_id))
            if seen is None:
                if kept is not None:
                    return False
                before: Mapping[str, Base] = {}
            else:
                if kept is None or kept.employee_id != link.employee_id:
                    return False
                before = kept.bases
                changed = [name for name, base in link.bases.items() if seen.bases.get(name) != base]
                watched = {*changed, *(set(wrote) & link.bases.keys())}
                if any(before.get(name) != seen.bases.get(name) for name in watched):
                    return False
                if set(wrote) & set(self.begun.get((organization_id, link.user_id), ())):
                    return False
                link = replace(link, bases={name: link.bases[name] for name in changed})
            if overtaking:
                self.begun.pop((organization_id, link.user_id), None)
            self.kept[organization_id, link.user_id] = replace(link, bases={**before, **link.bases})
            self.settled[organization_id, run_id, link.user_id] = tuple(outcomes)
            return True

    def forget(self, organization_id: str) -> None:
        for key in [key for key in self.kept if key[0] == organization_id]:
            del self.kept[key]


class FakeActivity:
    """``ports.ActivityStore``."""

    def __init__(self) -> None:
        self.entries: list[tuple[str, Activity]] = []

    def append(self, organization_id: str, activity: Activity) -> None:
        self.entries.append((organization_id, activity))

    def page(
        self, organization_id: str, *, after: str, limit: int, person: str = "", outcome: Outcome | None = None
    ) -> ActivityPage:
        mine = [
            entry
            for owner, entry in self.entries
            if owner == organization_id
            and person in ("", entry.person)
            and (outcome is None or any(each.outcome is outcome for each in entry.outcomes))
        ]
        newest = [entry for _, entry in sorted(enumerate(mine), key=lambda each: (each[1].at, each[0]), reverse=True)]
        start = int(after or 0)
        return ActivityPage(
            tuple(newest[start : start + limit]), str(start + limit) if len(newest) > start + limit else ""
        )

    def kinds(self) -> list[str]:
        return [entry.kind for _, entry in self.entries]


@dataclass
class _Run:
    run: Synchronization
    token: str = ""
    chunks: dict[tuple[str, int], str] = field(default_factory=dict)
    people: dict[str, tuple[str, str]] = field(default_factory=dict)
    decisions: dict[tuple[str, ...], Any] = field(default_factory=dict)
    groups: dict[tuple[int, int], _Group] = field(default_factory=dict)


@dataclass
class _Group:
    times: int = 0
    intents: Mapping[str, Any] = field(default_factory=dict)
    outcomes: list[PersonOutcome] | None = None


class FakeLeases:
    """``ports.Leases`` of one organization: a lease is its name."""

    def __init__(self) -> None:
        self.held: set[str] = set()

    def acquire(self, name: str, seconds: float) -> str | None:
        if name in self.held:
            return None
        self.held.add(name)
        return name

    def renew(self, lease: str, seconds: float) -> str:
        return lease

    def release(self, lease: str) -> bool:
        self.held.discard(lease)
        return True

    def running(self, lease: str, seconds: float = 0.0) -> bool:
        return lease in self.held


class FakeSynchronizations:
    """``ports.SynchronizationStore``; links go to the given store."""

    def __init__(self, clock: Clock, links: FakeLinks) -> None:
        self.runs: dict[tuple[str, str], _Run] = {}
        self.locks: dict[str, tuple[str, float]] = {}
        self.before_settle: Callable[[str], None] = lambda _user_id: None
        self._clock = clock
        self._links = links
        self._lock = threading.Lock()

    def begin(self, synchronization: Synchronization) -> str:
        with self._lock:
            holder = self.running(synchronization.organization_id)
            if holder:
                return holder
            self.runs[synchronization.organization_id, synchronization.id] = _Run(synchronization)
            self.locks[synchronization.organization_id] = (synchronization.id, self._clock() + LOCK_SECONDS)
            return synchronization.id

    def keep_lock(self, organization_id: str, synchronization_id: str) -> bool:
        if self.locks.get(organization_id, ("", 0.0))[0] != synchronization_id:
            return False
        self.locks[organization_id] = (synchronization_id, self._clock() + LOCK_SECONDS)
        return True

    def unlock(self, organization_id: str, synchronization_id: str) -> None:
        if self.locks.get(organization_id, ("", 0.0))[0] == synchronization_id:
            del self.locks[organization_id]

    def running(self, organization_id: str) -> str:
        holder, until = self.locks.get(organization_id, ("", 0.0))
        return holder if until > self._clock() else ""

    def load(self, organization_id: str, synchronization_id: str) -> Synchronization | None:
        kept = self.runs.get((organization_id, synchronization_id))
        return kept.run if kept else None

    def change(
        self,
        organization_id: str,
        synchronization_id: str,
        changes: Mapping[str, Any],
        *,
        only_from: Sequence[SynchronizationState] = (),
        decided: str | None = None,
    ) -> bool:
        with self._lock:
            kept = self.runs.get((organization_id, synchronization_id))
            if kept is None or (only_from and kept.run.state not in only_from):
                return False
            if decided is not None and kept.run.decided != decided:
                return False
            progress = {**kept.run.progress, **changes.get("progress", {})}
            kept.run = replace(kept.run, **{**changes, "progress": progress})
            return True

    def count(self, organization_id: str, synchronization_id: str, progress: Mapping[str, int]) -> None:
        with self._lock:
            kept = self.runs[organization_id, synchronization_id]
            counted = dict(kept.run.progress)
            for name, value in progress.items():
                counted[name] = counted.get(name, 0) + value
            kept.run = replace(kept.run, progress=counted)

    def save_token(self, organization_id: str, synchronization_id: str, token: str) -> bool:
        waits = (SynchronizationState.PLANNING, SynchronizationState.AWAITING_DECISIONS)
        changes = {"state": SynchronizationState.AWAITING_DECISIONS}
        if not self.change(organization_id, synchronization_id, changes, only_from=waits):
            return False
        self.runs[organization_id, synchronization_id].token = token
        return True

    def token(self, organization_id: str, synchronization_id: str) -> str:
        kept = self.runs.get((organization_id, synchronization_id))
        return kept.token if kept else ""

    def _parts(self, organization_id: str, synchronization_id: str) -> _Run:
        return self.runs[organization_id, synchronization_id]

    def save_chunk(
        self, organization_id: str, synchronization_id: str, name: str, number: int, data: Any, *, result: bool = False
    ) -> bool:
        chunks = self._parts(organization_id, synchronization_id).chunks
        first = (name, number) not in chunks
        chunks[name, number] = json.dumps(data)
        return first

    def chunk(self, organization_id: str, synchronization_id: str, name: str, number: int) -> Any | None:
        text = self._parts(organization_id, synchronization_id).chunks.get((name, number))
        return json.loads(text) if text is not None else None

    def chunks(self, organization_id: str, synchronization_id: str, name: str) -> Iterator[tuple[int, Any]]:
        for (kept, number), text in sorted(self._parts(organization_id, synchronization_id).chunks.items()):
            if kept == name:
                yield number, json.loads(text)

    def save_people(
        self, organization_id: str, synchronization_id: str, people: Iterable[tuple[str, str, Mapping[str, Any]]]
    ) -> None:
        kept = self._parts(organization_id, synchronization_id).people
        for situation, key, data in people:
            kept[f"{situation}#{key}"] = (key, json.dumps(data))

    def remove_people(self, organization_id: str, synchronization_id: str, people: Iterable[tuple[str, str]]) -> None:
        kept = self._parts(organization_id, synchronization_id).people
        for situation, key in people:
            kept.pop(f"{situation}#{key}", None)

    def people(
        self, organization_id: str, synchronization_id: str, situation: str, *, after: str, limit: int
    ) -> tuple[list[Mapping[str, Any]], str]:
        kept = self._parts(organization_id, synchronization_id).people
        prefix = f"{situation}#" if situation else ""
        places = [place for place in sorted(kept) if place.startswith(prefix) and place > after]
        shown = places[:limit]
        return [json.loads(kept[place][1]) for place in shown], shown[-1] if len(places) > limit else ""

    def persons(
        self, organization_id: str, synchronization_id: str, keys: Iterable[str], situations: Iterable[str] = ()
    ) -> Mapping[str, Mapping[str, Any]]:
        kept = self._parts(organization_id, synchronization_id).people
        places = list(situations) or [situation.value for situation in Situation]
        found = (kept.get(f"{situation}#{key}") for key in keys for situation in places)
        return {each[0]: json.loads(each[1]) for each in found if each is not None}

    def save_decisions(
        self, organization_id: str, synchronization_id: str, decisions: Sequence[DecisionInput], *, by: str
    ) -> bool:
        waits = [
            state for state in SynchronizationState if state.value in ("reading", "planning", "awaiting_decisions")
        ]
        note = {"decided": uuid.uuid4().hex}
        if decisions and not self.change(organization_id, synchronization_id, note, only_from=waits):
            return False
        kept = self._parts(organization_id, synchronization_id).decisions
        for given in decisions:
            if given.same_person is not None:
                kept["pair", given.user_id, given.employee_id] = given.same_person
            elif given.create is not None:
                kept["create", given.person] = given.create
            elif given.direction is not None:
                kept["direction", given.person, given.field] = given.direction
            else:
                kept.pop(("direction", given.person, given.field), None)
        return True

    def decisions(self, organization_id: str, synchronization_id: str) -> Decisions:
        everything: Direction | None = None
        fields: dict[str, Direction] = {}
        changes: dict[tuple[str, str], Direction] = {}
        creations: dict[str, bool] = {}
        pairs: dict[tuple[str, str], bool] = {}
        for key, value in self._parts(organization_id, synchronization_id).decisions.items():
            match key:
                case ("pair", user_id, employee_id):
                    pairs[user_id, employee_id] = value
                case ("create", person):
                    creations[person] = value
                case ("direction", "", ""):
                    everything = value
                case ("direction", "", name):
                    fields[name] = value
                case ("direction", person, name):
                    changes[person, name] = value
        return Decisions(everything, fields, changes, creations, pairs)

    def begin_group(
        self, organization_id: str, synchronization_id: str, batch: int, group: int, intents: Mapping[str, Any]
    ) -> int:
        with self._lock:
            kept = self._parts(organization_id, synchronization_id).groups.setdefault((batch, group), _Group())
            kept.times, kept.intents = kept.times + 1, json.loads(json.dumps(intents))
            return kept.times

    def groups(self, organization_id: str, synchronization_id: str, batch: int) -> Mapping[int, bool]:
        groups = self._parts(organization_id, synchronization_id).groups
        return {number: kept.outcomes is not None for (owner, number), kept in groups.items() if owner == batch}

    def end_group(
        self, organization_id: str, synchronization_id: str, batch: int, group: int, outcomes: Sequence[PersonOutcome]
    ) -> bool:
        with self._lock:
            kept = self._parts(organization_id, synchronization_id).groups.setdefault((batch, group), _Group())
            first = kept.outcomes is None
            kept.outcomes = list(outcomes)
            return first

    def linked(
        self, organization_id: str, synchronization_id: str, user_ids: Iterable[str]
    ) -> Mapping[str, LinkedPerson]:
        return {
            user_id: LinkedPerson(
                link,
                self._links.settled.get((organization_id, synchronization_id, user_id)),
                frozenset(self._links.begun.get((organization_id, user_id), ())),
            )
            for user_id in user_ids
            if (link := self._links.link(organization_id, user_id)) is not None
        }

    def settle(
        self,
        organization_id: str,
        synchronization_id: str,
        link: Link,
        outcomes: Sequence[FieldOutcome],
        *,
        seen: Link | None,
        wrote: Collection[str] = (),
        overtaking: bool = False,
    ) -> bool:
        self.before_settle(link.user_id)
        return self._links.settle(organization_id, synchronization_id, link, outcomes, seen, wrote, overtaking)

    def outcomes(
        self, organization_id: str, synchronization_id: str, *, after: str, limit: int
    ) -> tuple[list[PersonOutcome], str]:
        groups = self._parts(organization_id, synchronization_id).groups
        everybody = [each for place in sorted(groups) for each in groups[place].outcomes or ()]
        start = int(after or 0)
        return everybody[start : start + limit], str(start + limit) if len(everybody) > start + limit else ""


# -- secrets, workflow, events, mail


class FakeVault:
    """``ports.Vault``."""

    def __init__(self) -> None:
        self.humas: dict[str, HumaAccess] = {}
        self.consents: dict[str, ConsentGranted] = {}
        self.failing: IntegrationError | None = None

    def huma(self, organization_id: str) -> HumaAccess | None:
        return self.humas.get(organization_id)

    def save_huma(self, organization_id: str, access: HumaAccess) -> None:
        self.humas[organization_id] = access

    def save_consent(self, organization_id: str, granted: ConsentGranted) -> None:
        self.consents[organization_id] = granted

    def forget_consent(self, organization_id: str) -> None:
        if self.failing is not None:
            raise self.failing
        self.consents.pop(organization_id, None)

    def base_key(self, organization_id: str) -> bytes:
        return b"the organization's own key"


class FakeConsent:
    """``ports.FortnoxConsent``: a code is worth the company it was given for."""

    def __init__(self) -> None:
        self.codes: dict[str, ConsentGranted | IntegrationError] = {}
        self.refusals: dict[str, IntegrationError] = {}
        self.revoked: list[str] = []

    def authorization_url(self, state: str) -> str:
        return f"https://fortnox.example.com/auth?state={state}"

    def refusal(self, query: Mapping[str, str]) -> IntegrationError | None:
        return self.refusals.get(query.get("error", ""))

    def redeem(self, code: str) -> ConsentGranted:
        granted = self.codes.pop(code, None)
        if granted is None:
            raise ConsentNeeded("authorization-code-refused")
        if isinstance(granted, IntegrationError):
            raise granted
        return granted

    def revoke(self, organization_id: str) -> None:
        self.revoked.append(organization_id)


class FakeWorkflow:
    """``ports.Workflow``."""

    def __init__(self) -> None:
        self.started: list[tuple[str, str]] = []
        self.answers: list[tuple[str, str]] = []
        self.failing: IntegrationError | None = None
        self.ended: set[str] = set()

    def has_ended(self, organization_id: str, synchronization_id: str) -> bool:
        if self.failing is not None:
            raise self.failing
        return synchronization_id in self.ended

    def start(self, organization_id: str, synchronization_id: str) -> None:
        if self.failing is not None:
            raise self.failing
        self.started.append((organization_id, synchronization_id))

    def answer(self, token: str, decision: str) -> None:
        if self.failing is not None:
            raise self.failing
        self.answers.append((token, decision))


class FakeBus:
    """``ports.EventBus``."""

    def __init__(self) -> None:
        self.events: list[UserChanged] = []

    def publish(self, events: Sequence[UserChanged]) -> None:
        self.events.extend(events)


class FakeLane:
    """``ports.Lane`` and what a batch needs of it."""

    def __init__(self) -> None:
        self.sent: list[UserChanged] = []
        self.waits: list[tuple[str, int]] = []

    def send(self, event: UserChanged) -> None:
        self.sent.append(event)

    def wait(self, receipt: str, seconds: int) -> None:
        self.waits.append((receipt, seconds))


class FakeMailer:
    """``ports.Mailer``."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, str, str]] = []
        self.organizations: list[str] = []
        self.failing: IntegrationError | None = None
        self.failing_for: dict[str, IntegrationError] = {}

    def send(self, organization_id: str, to: str, subject: str, text: str, html: str) -> None:
        failing = self.failing_for.get(to, self.failing)
        if failing is not None:
            raise failing
        self.organizations.append(organization_id)
        self.sent.append((to, subject, text, html))


class FakeMailProblems:
    """``ports.MailProblems``."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.kept: dict[tuple[str, str], MailProblem] = {}
        self._clock = clock

    def save(self, organization_id: str, problem: MailProblem) -> bool:
        before = self.kept.get((organization_id, problem.address.strip().casefold()))
        newer = before is None or before.at < problem.at
        if before is not None and (before.final and (not problem.final or not newer)):
            return False
        if before is not None and not problem.final and not newer:
            return False
        self.kept[organization_id, problem.address.strip().casefold()] = problem
        return True

    def of(self, organization_id: str, address: str) -> MailProblem | None:
        problem = self.kept.get((organization_id, address.strip().casefold()))
        return problem if problem is not None and self._lasts(problem) else None

    def all(self, organization_id: str) -> Sequence[MailProblem]:
        return [each for (owner, _), each in self.kept.items() if owner == organization_id and self._lasts(each)]

    def forget(self, organization_id: str) -> None:
        for key in [key for key in self.kept if key[0] == organization_id]:
            del self.kept[key]

    def _lasts(self, problem: MailProblem) -> bool:
        return problem.final or problem.at + 7 * 24 * 3600 > self._clock()


class FakeTokens:
    """``ports.LaunchTokens``: a token is the name of its claims."""

    def __init__(self, **tokens: Mapping[str, Any]) -> None:
        self.tokens = tokens

    def claims(self, token: str) -> Mapping[str, Any]:
        return self.tokens[token]


# -- the two systems


@dataclass
class Fault:
    """An error that the next call of an operation meets, before or after it has had its effect."""

    operation: str
    error: Exception
    after: bool = False


class _System:
    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []
        self.faults: list[Fault] = []

    def _meet(self, operation: str, detail: Any = None) -> Callable[[], None]:
        """Note a call, raise a fault that comes before it, and return what raises one that comes after it."""
        self.calls.append((operation, detail))
        fault = next((each for each in self.faults if each.operation == operation), None)
        if fault is None:
            return lambda: None
        self.faults.remove(fault)
        if not fault.after:
            raise fault.error

        def afterwards() -> None:
            raise fault.error

        return afterwards

    def count(self, operation: str) -> int:
        return sum(1 for called, _ in self.calls if called == operation)


class FakeHuma(_System):
    """``ports.Huma``: details with ``position`` merged in, by id."""

    def __init__(self, *records: dict[str, Any], organization_id: str = "") -> None:
        super().__init__()
        self.records = {record["id"]: record for record in records}
        self.organization_id = organization_id
        self.confirms_email = False
        self.ignores: set[str] = set()
        self.job_titles: set[str] = set()
        self.refuses: dict[str, IntegrationError] = {}
        self.unique_employment_ids = False

    def check_key(self) -> HumaOrganization:
        self._meet("check_key")()
        return HumaOrganization(self.organization_id)

    def users(self, page: int) -> UserPage:
        self._meet("users", page)()
        ids = sorted(self.records)
        return UserPage(ids[page * 50 : page * 50 + 50], len(ids))

    def details(self, user_ids: Sequence[str]) -> Sequence[Record]:
        self._meet("details", list(user_ids))()
        return [copy.deepcopy(self.records[user_id]) for user_id in user_ids if user_id in self.records]

    def user(self, user_id: str) -> Record | None:
        self._meet("user", user_id)()
        return copy.deepcopy(self.records.get(user_id))

    def update_user(self, user_id: str, patch: Mapping[str, Any]) -> Record:
        afterwards = self._meet("update_user", (user_id, dict(patch)))
        for name in patch:
            if name in self.refuses:
                raise self.refuses[name]
        if self.unique_employment_ids and self._others_have("employmentId", patch.get("employmentId"), user_id):
            raise Refused("huma-refused-value")
        record = self.records[user_id]
        for name, value in patch.items():
            if name == "email" and self.confirms_email:
                record[name]["requestedValue"] = value
            elif name not in self.ignores:
                record.setdefault(name, {"editable": True})["value"] = copy.deepcopy(value)
        afterwards()
        return {name: copy.deepcopy(value) for name, value in record.items() if name != "position"}

    def update_position(
        self, user_id: str, position_id: str | None, dates: Mapping[str, str | None], *, job_title: str
    ) -> Record:
        self.job_titles.add(job_title)
        afterwards = self._meet("update_position", (user_id, position_id, dict(dates)))
        position = self.records[user_id].get("position")
        if position is None:
            position = {"id": f"position-of-{user_id}"}
            for name in ("firstDayOfWork", "lastDayOfWork"):
                position[name] = {"value": None, "editable": True}
            self.records[user_id]["position"] = position
        assert position_id in (None, position["id"])
        for name, value in dates.items():
            position[name]["value"] = value
        afterwards()
        return copy.deepcopy(position)

    def find_user(self, email: str) -> Record | None:
        self._meet("find_user", email)()
        for record in self.records.values():
            if str(record["email"]["value"]).casefold() == email.casefold():
                return copy.deepcopy(record)
        return None

    def create_user(self, given_name: str, family_name: str, email: str, *, invite: bool) -> str:
        afterwards = self._meet("create_user", (given_name, family_name, email, invite))
        user_id = f"new-user-{len(self.records) + 1}"
        self.records[user_id] = user_record(user_id, email=email, given_name=given_name, family_name=family_name)
        afterwards()
        return user_id

    def value(self, user_id: str, name: str) -> Any:
        return self.records[user_id][name]["value"]

    def _others_have(self, name: str, value: Any, user_id: str) -> bool:
        return bool(value) and any(self.value(each, name) == value for each in self.records if each != user_id)


class FakeFortnox(_System):
    """``ports.Fortnox``: complete records by EmployeeId."""

    def __init__(self, *records: dict[str, Any], page_size: int = 500) -> None:
        super().__init__()
        self.records = {record["EmployeeId"]: record for record in records}
        self.page_size = page_size
        self.ignores: set[str] = set()
        self.refuses: dict[str, IntegrationError] = {}

    def company(self) -> Company:
        return Company("Exempel AB", "556000-0000", "1")

    def employees(self, page: int) -> EmployeePage:
        self._meet("employees", page)()
        rows = [copy.deepcopy(self.records[key]) for key in sorted(self.records)]
        pages = max(1, -(-len(rows) // self.page_size))
        return EmployeePage(rows[(page - 1) * self.page_size : page * self.page_size], pages, len(rows))

    def employee(self, employee_id: str) -> Record | None:
        self._meet("employee", employee_id)()
        return copy.deepcopy(self.records.get(employee_id))

    def find_employee(self, email: str, given_name: str, family_name: str) -> Sequence[Record]:
        self._meet("find_employee", (email, given_name, family_name))()
        wanted = email.casefold()
        return [copy.deepcopy(row) for row in self.records.values() if str(row["Email"] or "").casefold() == wanted]

    def create_employee(self, properties: Mapping[str, str | None]) -> Record:
        afterwards = self._meet("create_employee", dict(properties))
        self._check(properties)
        employee_id = str(100 + len(self.records))
        self.records[employee_id] = {**employee_record(employee_id), **properties}
        afterwards()
        return copy.deepcopy(self.records[employee_id])

    def update_employee(self, employee_id: str, properties: Mapping[str, str | None]) -> Record:
        afterwards = self._meet("update_employee", (employee_id, dict(properties)))
        self._check(properties)
        kept = {name: value for name, value in properties.items() if name not in self.ignores}
        self.records[employee_id].update(kept)
        afterwards()
        return copy.deepcopy(self.records[employee_id])

    def _check(self, properties: Mapping[str, str | None]) -> None:
        for name in properties:
            if name in self.refuses:
                raise self.refuses[name]

    def writes(self) -> list[Any]:
        return [detail for operation, detail in self.calls if operation in ("update_employee", "create_employee")]


class FakeSystems:
    """``ports.Systems`` with one of each, for every organization."""

    def __init__(self, huma: FakeHuma, fortnox: FakeFortnox) -> None:
        self.the_huma = huma
        self.the_fortnox = fortnox
        self.huma_missing = False

    def huma(self, organization_id: str) -> FakeHuma:
        if self.huma_missing:
            raise HumaKeyRefused("huma-key-missing")
        return self.the_huma

    def huma_with(self, access: HumaAccess) -> FakeHuma:
        return self.the_huma

    def fortnox(self, organization_id: str) -> FakeFortnox:
        return self.the_fortnox


# -- records and people


def user_record(
    user_id: str,
    *,
    email: str | None = None,
    given_name: str | None = "Elsa",
    family_name: str | None = "Exempel",
    phone: str | None = None,
    employment_id: str | None = None,
    address: Mapping[str, str | None] | None = None,
    account: Mapping[str, str | None] | None = None,
    first_day: str | None = None,
    last_day: str | None = None,
    active: bool = True,
) -> dict[str, Any]:
    """Return a user's details as Huma's API gives them, with the position merged in."""

    def wrapped(value: Any) -> dict[str, Any]:
        return {"value": value, "editable": True}

    return {
        "id": user_id,
        "status": {"active": active},
        "email": {**wrapped(email if email is not None else f"{user_id}@example.com"), "requestedValue": None},
        "givenName": wrapped(given_name),
        "familyName": wrapped(family_name),
        "phone": wrapped(phone),
        "employmentId": wrapped(employment_id),
        "homeAddress": wrapped(dict(address) if address else None),
        "bankAccount": wrapped(dict(account) if account else None),
        "position": {
            "id": f"position-of-{user_id}",
            "firstDayOfWork": wrapped(first_day),
            "lastDayOfWork": wrapped(last_day),
        },
    }


def employee_record(employee_id: str, **properties: str | None) -> dict[str, Any]:
    """Return an employee as Fortnox's API gives it; what is not named is empty."""
    empty = (
        *("Email", "FirstName", "LastName", "Phone1", "Phone2", "Address1", "Address2", "PostCode", "City", "Country"),
        *("ClearingNo", "BankAccountNo", "EmploymentDate", "EmployedTo", "PersonalIdentityNumber"),
    )
    return {"EmployeeId": employee_id, "Inactive": False, **dict.fromkeys(empty, ""), **properties}


def administrator(organization_id: str, user_id: str = "boss") -> Administrator:
    return Administrator(organization_id, user_id, "Astrid Admin", "astrid@example.com", "sv")
