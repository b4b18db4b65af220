"""Real time's ports in memory; the stores pass the contract tests of those on DynamoDB."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from huma_fortnox.domain.errors import TransientError
from huma_fortnox.domain.fields import FIELDS
from huma_fortnox.services.lane_messages import message_to_json
from huma_fortnox.services.model import SynchronizationState
from huma_fortnox.services.real_time import (
    Begun,
    BrakeState,
    HeldPage,
    HeldPerson,
    LaneState,
    PageToReconcile,
    PushState,
    Reconciliation,
    Settled,
)

if TYPE_CHECKING:
    from huma_fortnox.domain.people import Link
    from huma_fortnox.services.ports import UserChanged

    from tests.unit.services.fakes import Clock, FakeActivity, FakeConnections, FakeLinks, FakeSynchronizations

TELLING_SECONDS = 120


class FakeHeld:
    """``real_time_ports.HeldStore``."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], HeldPerson] = {}

    def person(self, organization_id: str, user_id: str) -> HeldPerson | None:
        return self.kept.get((organization_id, user_id))

    def people(self, organization_id: str) -> Iterator[HeldPerson]:
        return iter([person for (owner, _), person in sorted(self.kept.items()) if owner == organization_id])

    def page(self, organization_id: str, *, after: str, limit: int) -> HeldPage:
        rest = [person for person in self.people(organization_id) if person.user_id > after]
        return HeldPage(tuple(rest[:limit]), rest[limit - 1].user_id if len(rest) > limit else "")

    def decide(self, organization_id: str, user_id: str, field: str, decision: str, *, by: str) -> bool:
        person = self.person(organization_id, user_id)
        if person is None or field not in person.fields:
            return False
        decided = replace(person.fields[field], decision=decision, decided_by=by)
        self.put(organization_id, replace(person, fields={**person.fields, field: decided}))
        return True

    def forget(self, organization_id: str) -> None:
        for key in [key for key in self.kept if key[0] == organization_id]:
            del self.kept[key]

    def put(self, organization_id: str, person: HeldPerson) -> bool:
        """Replace what is held of somebody, if it is as it was read."""
        key = (organization_id, person.user_id)
        before = self.kept.get(key)
        if (before.revision if before else 0) != person.revision:
            return False
        if person.empty:
            self.kept.pop(key, None)
        else:
            self.kept[key] = replace(person, revision=person.revision + 1)
        return True


class FakeLaneStore:
    """``real_time_ports.LaneStore``."""

    def __init__(self) -> None:
        self.kept: dict[str, LaneState] = {}
        self.writes = 0
        self._lock = threading.Lock()

    def load(self, organization_id: str) -> LaneState:
        return self.kept.get(organization_id, LaneState())

    def save(self, organization_id: str, state: LaneState) -> bool:
        with self._lock:
            if self.load(organization_id).revision != state.revision:
                return False
            self.kept[organization_id] = replace(state, revision=state.revision + 1)
            self.writes += 1
            return True


class FakeBrakes:
    """``real_time_ports.BrakeStore``."""

    def __init__(self) -> None:
        self.kept: dict[str, BrakeState] = {}
        self._lock = threading.Lock()

    def load(self, organization_id: str) -> BrakeState:
        return self.kept.get(organization_id, BrakeState())

    def save(self, organization_id: str, state: BrakeState) -> bool:
        with self._lock:
            if self.load(organization_id).revision != state.revision:
                return False
            self.kept[organization_id] = replace(state, revision=state.revision + 1)
            return True


class FakeReconciliations:
    """``real_time_ports.ReconciliationStore``."""

    def __init__(self) -> None:
        self.kept: dict[str, Reconciliation] = {}

    def load(self, organization_id: str) -> Reconciliation | None:
        return self.kept.get(organization_id)

    def begin(self, organization_id: str, reconciliation: Reconciliation) -> None:
        self.kept[organization_id] = reconciliation

    def advance(self, organization_id: str, reconciliation: Reconciliation, *, page: int) -> bool:
        now = self.kept.get(organization_id)
        if now is None or (now.id, now.page) != (reconciliation.id, page):
            return False
        self.kept[organization_id] = reconciliation
        return True


class FakeNotices:
    """``real_time_ports.Notices``."""

    def __init__(self, clock: Clock) -> None:
        self.kept: dict[tuple[str, str], tuple[str, bool, float]] = {}
        self._clock = clock
        self._lock = threading.Lock()

    def claim(self, organization_id: str, kind: str, key: str) -> bool:
        with self._lock:
            now, told, until = self.kept.get((organization_id, kind), ("", False, 0.0))
            if now == key and (told or until >= self._clock()):
                return False
            self.kept[organization_id, kind] = (key, False, self._clock() + TELLING_SECONDS)
            return True

    def told(self, organization_id: str, kind: str, key: str) -> None:
        now, _, until = self.kept.get((organization_id, kind), ("", False, 0.0))
        if now == key:
            self.kept[organization_id, kind] = (key, True, until)


class FakeUniqueValues:
    """``real_time_ports.UniqueValues``."""

    def __init__(self, links: FakeLinks) -> None:
        self.entries: dict[tuple[str, str, str], list[str]] = {}
        self.built: dict[str, int] = {}
        self._links = links

    def holders(self, organization_id: str, field: str, digest: str) -> Sequence[str]:
        if organization_id not in self.built:
            self.rebuild(organization_id)
        return self.entries.get((organization_id, field, digest), [])

    def rebuild(self, organization_id: str) -> int:
        self.forget(organization_id)
        linked = 0
        for link in self._links.links(organization_id):
            linked += 1
            for name, base in link.bases.items():
                if name in FIELDS and FIELDS[name].unique:
                    for digest in sorted({each for each in (base.huma, base.fortnox) if each is not None}):
                        self.claim(organization_id, name, digest, link.user_id)
        self.built[organization_id] = linked
        return linked

    def claim(self, organization_id: str, field: str, digest: str, user_id: str) -> None:
        entry = self.entries.setdefault((organization_id, field, digest), [])
        if user_id not in entry:
            entry.append(user_id)

    def linked(self, organization_id: str) -> int:
        return self.built.get(organization_id, 0)

    def forget(self, organization_id: str) -> None:
        self.built.pop(organization_id, None)
        for key in [key for key in self.entries if key[0] == organization_id]:
            del self.entries[key]


class FakePushStore:
    """``real_time_ports.PushStore`` over the other fakes; ``before_record`` is called first."""

    def __init__(
        self,
        *,
        connections: FakeConnections,
        links: FakeLinks,
        activity: FakeActivity,
        held: FakeHeld,
        lanes: FakeLaneStore,
        unique: FakeUniqueValues,
        synchronizations: FakeSynchronizations | None = None,
    ) -> None:
        self.before_record: Callable[[Settled], None] = lambda _settled: None
        self.before_begin: Callable[[Link], None] = lambda _link: None
        self.begun = links.begun
        self.loads = 0
        self.records: list[Settled] = []
        self._connections = connections
        self._links = links
        self._activity = activity
        self._held = held
        self._lanes = lanes
        self._unique = unique
        self._synchronizations = synchronizations

    def load(self, organization_id: str, user_ids: Sequence[str]) -> PushState:
        self.loads += 1
        held = {user_id: self._held.person(organization_id, user_id) for user_id in user_ids}
        return PushState(
            connection=self._connections.load(organization_id),
            lane=self._lanes.load(organization_id),
            links=dict(self._links.of_users(organization_id, user_ids)),
            held={user_id: person for user_id, person in held.items() if person is not None},
            begun={user_id: kept for user_id in user_ids if (kept := self.begun.get((organization_id, user_id)))},
            applying=self._applies(organization_id),
        )

    def begin(self, organization_id: str, link: Link, begun: Begun) -> bool:
        self.before_begin(link)
        kept = self._links.link(organization_id, link.user_id)
        if kept is None or kept.employee_id != link.employee_id:
            return False
        self.begun[organization_id, link.user_id] = dict(begun)
        return True

    def record(self, organization_id: str, settled: Settled) -> None:
        self.before_record(settled)
        if settled.held is not None and not self._held.put(organization_id, settled.held):
            raise TransientError("state-unavailable")
        link = settled.link
        if link is not None:
            kept = self._links.link(organization_id, link.user_id)
            if settled.created and kept is None:
                self._links.save(organization_id, [link])
            elif not settled.created and settled.begun in (None, self.begun.get((organization_id, link.user_id))):
                self._links.move_bases(organization_id, link, settled.moved)
                self.begun.pop((organization_id, link.user_id), None)
        for name, digest in settled.claims:
            self._unique.claim(organization_id, name, digest, settled.user_id)
        if settled.activity is not None:
            self._activity.append(organization_id, settled.activity)
        self.records.append(settled)

    def _applies(self, organization_id: str) -> bool:
        if self._synchronizations is None:
            return False
        running = self._synchronizations.running(organization_id)
        run = self._synchronizations.load(organization_id, running) if running else None
        return run is not None and run.state is SynchronizationState.APPLYING


@dataclass
class Message:
    """A message in a lane."""

    id: str
    body: str
    group: str
    receipt: str = ""
    receives: int = 0
    visible_at: float = 0.0


@dataclass
class FakeLanes:
    """``real_time_ports.Lanes``: a FIFO queue as SQS keeps it, one batch of a group at a time."""

    clock: Clock
    messages: list[Message] = field(default_factory=list)
    dead: list[Message] = field(default_factory=list)
    waits: list[tuple[str, int]] = field(default_factory=list)
    visibility_seconds: int = 720
    numbers: int = 0

    def send(self, event: UserChanged) -> None:
        self.put(event.organization_id, message_to_json(event))

    def send_many(self, events: Sequence[UserChanged]) -> None:
        for event in events:
            self.send(event)

    def send_page(self, page: PageToReconcile) -> None:
        self.put(page.organization_id, message_to_json(page))

    def put(self, group: str, body: Mapping[str, Any] | str) -> None:
        self.numbers += 1
        text = body if isinstance(body, str) else json.dumps(body)
        self.messages.append(Message(f"message-{self.numbers}", text, group, visible_at=self.clock()))

    def wait(self, receipt: str, seconds: int) -> None:
        self.waits.append((receipt, seconds))
        for message in self.messages:
            if message.receipt == receipt:
                message.visible_at = self.clock() + seconds

    def bury(self, record: Mapping[str, Any]) -> None:
        self.dead.append(Message(record["messageId"], record["body"], record["attributes"]["MessageGroupId"]))

    def receive(self, most: int = 10, groups: int = 1) -> list[dict[str, Any]]:
        """Return the next batch, of as many groups as asked; what is in flight or waits blocks its group."""
        now = self.clock()
        blocked = {each.group for each in self.messages if each.visible_at > now}
        free = list(dict.fromkeys(each.group for each in self.messages if each.group not in blocked))[:groups]
        batch = [each for each in self.messages if each.group in free][:most]
        for message in batch:
            self.numbers += 1
            message.receipt = f"receipt-{self.numbers}"
            message.receives += 1
            message.visible_at = now + self.visibility_seconds
        return [record(each) for each in batch]

    def answer(self, batch: Sequence[Mapping[str, Any]], again: Sequence[str]) -> None:
        """Delete what was carried."""
        done = {each["messageId"] for each in batch} - set(again)
        self.messages = [each for each in self.messages if each.id not in done]

    def contents(self) -> list[dict[str, Any]]:
        """Return the messages, oldest first."""
        return [json.loads(each.body) for each in self.messages]


def record(message: Message) -> dict[str, Any]:
    """Return a message as Lambda gets it."""
    return {
        "messageId": message.id,
        "receiptHandle": message.receipt,
        "body": message.body,
        "attributes": {"MessageGroupId": message.group, "ApproximateReceiveCount": str(message.receives)},
    }
