"""What an administrator sees of real time, and can do about it: held values, brake, quarantine, catching up, pause."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from huma_fortnox.domain.errors import BadRequest, Conflict, ConsentNeeded, Unknown
from huma_fortnox.domain.fields import FIELDS
from huma_fortnox.domain.outcome import Outcome
from huma_fortnox.domain.push import REMOVED_IN_HUMA
from huma_fortnox.services.brake import STOPPED
from huma_fortnox.services.model import Activity, Cause, ConnectionState
from huma_fortnox.services.ports import UserChanged
from huma_fortnox.services.real_time import PERSON, HeldPage, RealTime

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from huma_fortnox.services.brake import BankBrake
    from huma_fortnox.services.mail_feedback import MailFeedback
    from huma_fortnox.services.model import Administrator, Connection
    from huma_fortnox.services.ports import ActivityStore, Clock, ConnectionStore, LinkStore
    from huma_fortnox.services.quarantine import LaneHealth
    from huma_fortnox.services.real_time import HeldPerson, Reconciliation
    from huma_fortnox.services.real_time_ports import HeldStore, Lanes, LaneStore, UniqueValues
    from huma_fortnox.services.reconcile import Reconcile

REMOVE, KEEP = "remove", "keep"
TRY_AGAIN = "try-again"
_WAITS = (Outcome.HELD.value, Outcome.FAILED.value)
_PAUSABLE = (ConnectionState.ACTIVE, ConnectionState.NEEDS_REAUTHORIZATION)


class Oversight:
    """Real time as the page shows it."""

    def __init__(
        self,
        *,
        connections: ConnectionStore,
        links: LinkStore,
        held: HeldStore,
        lane_store: LaneStore,
        lanes: Lanes,
        health: LaneHealth,
        brake: BankBrake,
        unique: UniqueValues,
        reconcile: Reconcile,
        activity: ActivityStore,
        mail_feedback: MailFeedback,
        clock: Clock,
    ) -> None:
        self._connections = connections
        self._links = links
        self._held = held
        self._lane_store = lane_store
        self._lanes = lanes
        self._health = health
        self._brake = brake
        self._unique = unique
        self._reconcile = reconcile
        self._activity = activity
        self._mail_feedback = mail_feedback
        self._clock = clock

    def state(self, organization_id: str) -> RealTime:
        """Return how real time stands: quarantine, brake, the last round of catching up, mail that comes back."""
        connection = self._connections.load(organization_id)
        return RealTime(
            quarantine=self._lane_store.load(organization_id).quarantine,
            brake=self._brake.state(organization_id).brake,
            reconciliation=self._reconcile.last(organization_id),
            threshold=self._brake.threshold(connection),
            mail_problem=self._mail_feedback.pressing(connection),
        )

    def held(self, organization_id: str, *, after: str, limit: int) -> HeldPage:
        """Return a page of the people of whom something waits: held, or refused by Fortnox.

        People who have left Huma wait for nothing and are not among them; the log tells of them.
        """
        people: list[HeldPerson] = []
        while True:
            page = self._held.page(organization_id, after=after, limit=limit - len(people))
            people += [person for person in page.people if _waits(person)]
            after = page.after
            if not after or len(people) >= limit:
                links = self._links.of_users(organization_id, [person.user_id for person in people])
                employees = {user_id: link.employee_id for user_id, link in links.items()}
                return HeldPage(tuple(people), after, employees)

    def try_again(self, administrator: Administrator, user_id: str = "") -> int:
        """Look at one held person again, or at all of them; return how many people that is.

        What Fortnox refused is sent again, too. Raises ``Unknown("held-unknown")`` for somebody of whom nothing is
        held, ``ConsentNeeded`` without a usable connection and ``Conflict("real-time-paused")``.
        """
        organization_id = administrator.organization_id
        self._require_real_time(organization_id)
        if user_id:
            person = self._held.person(organization_id, user_id)
            if person is None or not _waits(person):
                raise Unknown("held-unknown")
            return self._ask(administrator, [person])
        return self._ask(administrator, filter(_waits, self._held.people(organization_id)))

    def decide_removal(self, administrator: Administrator, user_id: str, field: str, *, remove: bool) -> None:
        """Answer the question *Remove it in Fortnox too?* about a value that was removed in Huma.

        With no, Fortnox keeps its value and nobody is asked again until Huma has one. Raises
        ``Unknown("held-unknown")`` where nothing is asked (any more), ``BadRequest("cannot-be-cleared")`` for a field
        that every employee has, and otherwise as ``try_again`` does.
        """
        organization_id = administrator.organization_id
        self._require_real_time(organization_id)
        person = self._held.person(organization_id, user_id)
        held = person.fields.get(field) if person else None
        if held is None or held.reason != REMOVED_IN_HUMA:
            raise Unknown("held-unknown")
        if remove and not FIELDS[field].clearable:
            raise BadRequest("cannot-be-cleared", {"field": field})
        decision = REMOVE if remove else KEEP
        if not self._held.decide(organization_id, user_id, field, decision, by=administrator.name):
            raise Unknown("held-unknown")
        if person is not None:
            self._ask(administrator, [person])

    def confirm_brake(self, administrator: Administrator) -> int:
        """Let the stopped bank account changes through; return how many people they are of.

        Raises ``Conflict("bank-changes-not-stopped")`` when none are stopped, and ``Conflict("real-time-paused")``.
        """
        organization_id = administrator.organization_id
        self._require_running(self._connections.load(organization_id))
        if not self._brake.confirm(administrator):
            raise Conflict("bank-changes-not-stopped")
        stopped = [person for person in self._held.people(organization_id) if _stopped(person)]
        return self._ask(administrator, stopped)

    def catch_up(self, administrator: Administrator) -> Reconciliation:
        """Compare everybody in Huma with what was last carried over, now; a round under way is returned instead.

        Raises ``ConsentNeeded`` without a usable connection and ``Conflict("real-time-paused")``.
        """
        organization_id = administrator.organization_id
        self._require_real_time(organization_id)
        begun = self._reconcile.start(organization_id, Cause.ADMINISTRATOR, administrator.name)
        self._health.call_back(organization_id)
        return begun

    def reconnected(self, administrator: Administrator) -> None:
        """Carry everything that happened while the connection was broken."""
        if self._connections.load(administrator.organization_id).reconciles:
            self.catch_up(administrator)

    def pause(self, administrator: Administrator) -> Connection:
        """Carry no changes until somebody resumes; *Synchronize users* stays possible. Pausing twice is pausing once.

        Raises ``Conflict("real-time-not-active")`` where nothing is carried in real time (yet, or any more).
        """
        organization_id = administrator.organization_id
        if not self._connections.load(organization_id).paused_since:
            paused = self._connections.change(
                organization_id,
                {"paused_since": int(self._clock()), "paused_by": administrator.name},
                only_from=_PAUSABLE,
            )
            if not paused:
                raise Conflict("real-time-not-active")
            self._log(administrator, "paused")
        return self._connections.load(organization_id)

    def resume(self, administrator: Administrator) -> Connection:
        """Carry changes again, and what happened meanwhile first; repeating it only compares everybody once more.

        Raises ``Conflict("real-time-not-active")`` as ``pause`` does.
        """
        organization_id = administrator.organization_id
        paused = self._connections.load(organization_id).paused_since
        if not self._connections.change(organization_id, {"paused_since": 0, "paused_by": ""}, only_from=_PAUSABLE):
            raise Conflict("real-time-not-active")
        if paused:
            self._log(administrator, "resumed")
        connection = self._connections.load(organization_id)
        if connection.reconciles:
            # Whatever round was under way: its pages have been dropped, or were carried before the pause.
            self._reconcile.start(organization_id, Cause.ADMINISTRATOR, administrator.name, anew=True)
            self._health.call_back(organization_id)
        return connection

    def synchronized(self, organization_id: str) -> None:
        """After a synchronization: index who has which unique value, and look again at what is still held.

        What the run settled finds nothing to do and is not held any more.
        """
        self._unique.rebuild(organization_id)
        waiting = []
        for person in self._held.people(organization_id):
            alone = set(person.fields) == {PERSON}
            if not alone or self._links.link(organization_id, person.user_id) is not None:
                waiting.append(person)
        self._send(organization_id, waiting, self._event(organization_id, Cause.SYNCHRONIZATION, ""))

    def forget(self, organization_id: str) -> None:
        """Forget what is held and indexed, and who did not take mail: the organization has disconnected."""
        self._held.forget(organization_id)
        self._unique.forget(organization_id)
        self._mail_feedback.forget(organization_id)

    def _require_real_time(self, organization_id: str) -> None:
        connection = self._connections.load(organization_id)
        if not connection.usable:
            raise ConsentNeeded("not-connected")
        self._require_running(connection)

    def _require_running(self, connection: Connection) -> None:
        if connection.paused_since:
            raise Conflict("real-time-paused")

    def _log(self, administrator: Administrator, kind: str) -> None:
        now = int(self._clock() * 1000)
        entry = Activity(at=now, kind=kind, cause=Cause.ADMINISTRATOR, actor=administrator.name)
        self._activity.append(administrator.organization_id, entry)

    def _ask(self, administrator: Administrator, people: Iterable[HeldPerson]) -> int:
        """Put people into the lane on somebody's behalf, and let the lane be tried now whatever it waits for."""
        organization_id = administrator.organization_id
        event = self._event(organization_id, Cause.ADMINISTRATOR, administrator.name)
        asked = self._send(organization_id, people, event)
        self._health.call_back(organization_id)
        return asked

    def _event(self, organization_id: str, cause: Cause, actor: str) -> Callable[[str], UserChanged]:
        asked_at, asked_id = int(self._clock() * 1000), uuid.uuid4().hex

        def event(user_id: str) -> UserChanged:
            return UserChanged(
                organization_id,
                user_id,
                TRY_AGAIN,
                asked_id,
                asked_at,
                cause=cause.value,
                actor=actor,
                again=cause is Cause.ADMINISTRATOR,
            )

        return event

    def _send(self, organization_id: str, people: Iterable[HeldPerson], event: Callable[[str], UserChanged]) -> int:
        events = [event(person.user_id) for person in people]
        self._lanes.send_many(events)
        return len(events)


def _waits(person: HeldPerson) -> bool:
    return person.creating or any(held.outcome in _WAITS for held in person.fields.values())


def _stopped(person: HeldPerson) -> bool:
    return any(held.reason.code == STOPPED for held in person.fields.values())
