"""Real time: what changed in Huma for one user is carried to Fortnox.

An event is only a hint. The user is read as it is now and compared with Huma's side of the bases, so duplicates,
disorder and our own echo find nothing to do and cost Fortnox nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from huma_fortnox.domain.digest import keyed_digest
from huma_fortnox.domain.errors import ConsentNeeded, NeedsAdministrator
from huma_fortnox.domain.fields import read_user
from huma_fortnox.domain.outcome import FieldOutcome, Outcome, Reason
from huma_fortnox.domain.people import Side
from huma_fortnox.domain.plan import push, verify
from huma_fortnox.services.model import Activity, Cause
from huma_fortnox.services.writing import write_fields

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from huma_fortnox.domain.digest import Digest
    from huma_fortnox.domain.people import FieldSettings, Link, User
    from huma_fortnox.domain.plan_types import Writes
    from huma_fortnox.services.consent_watch import ConsentWatch
    from huma_fortnox.services.ports import (
        ActivityStore,
        Clock,
        ConnectionStore,
        LinkStore,
        Record,
        Systems,
        UserChanged,
        Vault,
    )

PERSON = "person"


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a push did: the outcomes it recorded, none when there was nothing to carry."""

    outcomes: tuple[FieldOutcome, ...] = ()


class Push:
    """Carries changes of users to Fortnox."""

    def __init__(
        self,
        *,
        connections: ConnectionStore,
        links: LinkStore,
        activity: ActivityStore,
        vault: Vault,
        systems: Systems,
        consent_watch: ConsentWatch,
        clock: Clock,
    ) -> None:
        self._connections = connections
        self._links = links
        self._activity = activity
        self._vault = vault
        self._systems = systems
        self._consent_watch = consent_watch
        self._clock = clock

    def push(self, event: UserChanged) -> Pushed:
        """Carry what changed for one user.

        Raises ``TransientError`` to be called again with the same event, and ``ConsentNeeded`` while the connection
        waits for an administrator: the lane keeps the event. Everything else is recorded and over.
        """
        connection = self._connections.load(event.organization_id)
        if not connection.follows_changes:
            return Pushed()
        if not connection.usable:
            raise ConsentNeeded("waiting-for-reauthorization")
        try:
            return self._push(event, connection.settings.fields)
        except NeedsAdministrator as error:
            self._consent_watch.lost(event.organization_id, error.reason)
            raise

    def _push(self, event: UserChanged, settings: FieldSettings) -> Pushed:
        link = self._links.link(event.organization_id, event.user_id)
        record = self._systems.huma(event.organization_id).user(event.user_id)
        if record is None:
            if link is None:
                return Pushed()
            gone = FieldOutcome(PERSON, Outcome.HELD, Side.FORTNOX.value, Reason("user-gone"))
            return self._record(event, "", [gone])
        user = read_user(record)
        if link is None:
            waiting = FieldOutcome(PERSON, Outcome.HELD, Side.FORTNOX.value, Reason("waiting-for-synchronization"))
            return self._record(event, _name(user), [waiting])
        return self._carry(event, user, link, settings)

    def _carry(self, event: UserChanged, user: User, link: Link, settings: FieldSettings) -> Pushed:
        digest = keyed_digest(self._vault.base_key(event.organization_id))
        planned = push(user, link=link, digest=digest, settings=settings)
        written = self._write(event.organization_id, user, link, planned, digest, settings)
        done = {outcome.field for outcome in written if outcome.outcome is Outcome.DONE}
        moved = {field: base for field, base in planned.bases.items() if field in done}
        if moved:
            self._links.move_bases(
                event.organization_id, replace(link, bases=moved, layout=planned.layout or link.layout), moved
            )
        noteworthy = [outcome for outcome in planned.outcomes if outcome.outcome is not Outcome.UNCHANGED]
        outcomes = [*written, *noteworthy]
        return self._record(event, _name(user), outcomes) if outcomes else Pushed()

    def _write(
        self,
        organization_id: str,
        user: User,
        link: Link,
        planned: Writes,
        digest: Digest,
        settings: FieldSettings,
    ) -> list[FieldOutcome]:
        if not planned.fields:
            return []
        fortnox = self._systems.fortnox(organization_id)

        def values_of(fields: Sequence[str]) -> Mapping[str, str | None]:
            bases = {field: link.bases[field] for field in fields}
            return push(user, link=replace(link, bases=bases), digest=digest, settings=settings).fortnox

        def doubts(
            sent: Mapping[str, str | None], stored: Record, fields: Sequence[str]
        ) -> Mapping[str, tuple[Outcome, Reason]]:
            return {field: (Outcome.FAILED, reason) for field, reason in verify(sent, stored, fields, settings).items()}

        return write_fields(
            list(planned.fields),
            Side.FORTNOX.value,
            values_of=values_of,
            write=lambda values: fortnox.update_employee(link.employee_id, values),
            doubts=doubts,
        )

    def _record(self, event: UserChanged, name: str, outcomes: Sequence[FieldOutcome]) -> Pushed:
        now = int(self._clock() * 1000)
        self._activity.append(
            event.organization_id,
            Activity(
                at=now,
                kind="push",
                cause=Cause.EVENT,
                person=event.user_id,
                name=name,
                outcomes=tuple(outcomes),
                delay_ms=max(0, now - event.occurred_at),
            ),
        )
        return Pushed(tuple(outcomes))


def _name(user: User) -> str:
    return " ".join(str(user.values[part]) for part in ("given_name", "family_name") if user.values.get(part))
