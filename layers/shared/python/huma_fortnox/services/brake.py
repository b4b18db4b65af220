"""The brake: unusually many changes of bank accounts are stopped until an administrator has looked at them.

Whoever gets into Huma and redirects everybody's pay is stopped at the first few. Only sensitive fields stop; all other
fields go on. What counts is how many people's accounts changed within an hour, in real time: a synchronization lists
them on its summary and is confirmed there.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from huma_fortnox.domain.errors import TransientError
from huma_fortnox.domain.outcome import Reason
from huma_fortnox.services.model import Activity, Cause
from huma_fortnox.services.real_time import Brake, BrakeState

if TYPE_CHECKING:
    from collections.abc import Callable

    from huma_fortnox.services.model import Administrator, Connection
    from huma_fortnox.services.ports import ActivityStore, Clock
    from huma_fortnox.services.real_time import HeldField
    from huma_fortnox.services.real_time_ports import BrakeStore, Notices, UniqueValues
    from huma_fortnox.services.report import Report

HOUR = 3600
FEWEST, SHARE = 5, 0.1
"""The usual threshold: a tenth of the linked people, and never fewer than five."""

STOPPED = "bank-changes-stopped"
_ATTEMPTS = 10


def usual_threshold(linked_people: int) -> int:
    """Return how many bank account changes an hour pass in an organization that has not chosen a number.

    >>> usual_threshold(0), usual_threshold(51), usual_threshold(500)
    (5, 6, 50)
    """
    return max(FEWEST, math.ceil(SHARE * linked_people))


class BankBrake:
    """Counts sensitive changes and stops them when there are too many.

    ``report`` gives what sends mail, ``None`` in a function that may not.
    """

    def __init__(
        self,
        *,
        store: BrakeStore,
        unique: UniqueValues,
        notices: Notices,
        activity: ActivityStore,
        report: Callable[[], Report | None],
        clock: Clock,
    ) -> None:
        self._store = store
        self._unique = unique
        self._notices = notices
        self._activity = activity
        self._report = report
        self._clock = clock

    def state(self, organization_id: str) -> BrakeState:
        """Return what was counted, and the brake if it is on."""
        return self._store.load(organization_id)

    def threshold(self, connection: Connection) -> int:
        """Return how many people's changes an hour pass: the organization's own number, or the usual one."""
        return connection.settings.bank_changes_an_hour or usual_threshold(
            self._unique.linked(connection.organization_id)
        )

    def allow(self, connection: Connection, user_id: str, field: str, held: HeldField | None, mark: str) -> bool:
        """Count one change; ``False`` when it has to wait for the administrator.

        ``held`` is what is remembered of this field and ``mark`` the digest of its value now: what was stopped and
        has been let through since is not counted again, unless it is another value by now.
        """
        organization_id = connection.organization_id
        for _ in range(_ATTEMPTS):
            state = self._store.load(organization_id)
            if state.brake is not None:
                self._tell(connection, state.brake)
                return False
            if _let_through(state, held, mark):
                return True
            now = int(self._clock())
            recent = tuple(each for each in state.recent if each[0] > now - HOUR)
            if any(each[1:] == (user_id, field) for each in recent):
                return True
            threshold = self.threshold(connection)
            if len(recent) < threshold:
                if self._store.save(organization_id, replace(state, recent=(*recent, (now, user_id, field)))):
                    return True
                continue
            brake = Brake(since=now, changes=len(recent) + 1, threshold=threshold)
            if self._store.save(organization_id, replace(state, recent=recent, brake=brake)):
                self._log(organization_id, "bank-changes-stopped", Cause.EVENT)
                self._tell(connection, brake)
                return False
        raise TransientError("state-unavailable")

    def confirm(self, administrator: Administrator) -> bool:
        """Let through what was stopped, and count anew; ``False`` when nothing was stopped."""
        organization_id = administrator.organization_id
        for _ in range(_ATTEMPTS):
            state = self._store.load(organization_id)
            if state.brake is None:
                return False
            released = BrakeState(confirmed_at=int(self._clock()), revision=state.revision)
            if self._store.save(organization_id, released):
                self._log(organization_id, "bank-changes-confirmed", Cause.ADMINISTRATOR, administrator.name)
                return True
        raise TransientError("state-unavailable")

    def _tell(self, connection: Connection, brake: Brake) -> None:
        """Send one e-mail for each time the brake goes on."""
        organization_id, key = connection.organization_id, str(brake.since)
        report = self._report()
        if report is not None and self._notices.claim(organization_id, "brake", key):
            report.bank_changes_stopped(organization_id, brake)
            self._notices.told(organization_id, "brake", key)

    def _log(self, organization_id: str, kind: str, cause: Cause, actor: str = "") -> None:
        now = int(self._clock() * 1000)
        self._activity.append(organization_id, Activity(at=now, kind=kind, cause=cause, actor=actor))


def _let_through(state: BrakeState, held: HeldField | None, mark: str) -> bool:
    return (
        held is not None and held.reason == Reason(STOPPED) and held.since <= state.confirmed_at and held.mark == mark
    )
