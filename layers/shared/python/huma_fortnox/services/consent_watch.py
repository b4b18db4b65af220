"""What happens when Fortnox no longer lets us in: the connection waits for a person, who is told once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from huma_fortnox.services.model import Activity, Cause, ConnectionState

if TYPE_CHECKING:
    from collections.abc import Callable

    from huma_fortnox.domain.outcome import Reason
    from huma_fortnox.services.model import Connection
    from huma_fortnox.services.ports import ActivityStore, Clock, ConnectionStore
    from huma_fortnox.services.real_time_ports import Notices
    from huma_fortnox.services.report import Report

_NOTICE = "consent"


class ConsentWatch:
    """Moves a connection to ``needs_reauthorization``, once however many workers find out.

    ``report`` gives what sends mail, and is asked only when there is something to tell.
    """

    def __init__(
        self,
        *,
        connections: ConnectionStore,
        activity: ActivityStore,
        notices: Notices,
        report: Callable[[], Report | None],
        clock: Clock,
    ) -> None:
        self._connections = connections
        self._activity = activity
        self._notices = notices
        self._report = report
        self._clock = clock

    def lost(self, organization_id: str, reason: Reason) -> bool:
        """Note that the consent or licence is gone; return whether this was the first to notice.

        A worker without the right to send mail has no report: the run's own e-mail says it then.
        """
        first = self._connections.change(
            organization_id,
            {"state": ConnectionState.NEEDS_REAUTHORIZATION, "reason": reason, "broken_since": int(self._clock())},
            only_from=(ConnectionState.ACTIVE, ConnectionState.AWAITING_FIRST_SYNC),
        )
        if first:
            self._activity.append(
                organization_id,
                Activity(
                    at=int(self._clock() * 1000),
                    kind="consent-lost",
                    cause=Cause.EVENT,
                    reason=reason,
                ),
            )
            self.remind(self._connections.load(organization_id))
        return first

    def remind(self, connection: Connection) -> None:
        """Send the e-mail about a lost consent, unless that was done: whoever noticed it may have died before."""
        if connection.state is not ConnectionState.NEEDS_REAUTHORIZATION:
            return
        organization_id, key = connection.organization_id, str(connection.broken_since)
        report = self._report()
        if report is not None and self._notices.claim(organization_id, _NOTICE, key):
            report.consent_needed(organization_id)
            self._notices.told(organization_id, _NOTICE, key)
