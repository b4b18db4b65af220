"""What becomes of our e-mails: who does not get them is noted, shown on the page, and not written to in vain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from huma_fortnox.services.model import Activity, Cause, ConnectionState

if TYPE_CHECKING:
    from huma_fortnox.services.model import Connection, MailProblem
    from huma_fortnox.services.ports import ActivityStore, Clock, ConnectionStore, MailProblems

SHOWN_SECONDS = 30 * 24 * 3600
"""How long the page tells of an address that is not the one e-mails go to by themselves."""

_ENDED = (ConnectionState.NOT_CONNECTED, ConnectionState.DISCONNECTED)


class MailFeedback:
    """Keeps what was reported about messages."""

    def __init__(
        self, *, problems: MailProblems, connections: ConnectionStore, activity: ActivityStore, clock: Clock
    ) -> None:
        self._problems = problems
        self._connections = connections
        self._activity = activity
        self._clock = clock

    def note(self, organization_id: str, problem: MailProblem) -> bool:
        """Keep what became of a message; ``False`` when it is no news, or the organization is gone."""
        connection = self._connections.load(organization_id)
        if connection.state in _ENDED or not self._problems.save(organization_id, problem):
            return False
        reader = connection.notify if connection.notify and _same(connection.notify.email, problem.address) else None
        self._activity.append(
            organization_id,
            Activity(
                at=int(self._clock() * 1000),
                kind="mail-returned",
                cause=Cause.MAIL,
                name=reader.name if reader else "",
                reason=problem.reason,
            ),
        )
        return True

    def pressing(self, connection: Connection) -> MailProblem | None:
        """Return what the page has to tell: of the address that is told by itself, else the latest of another one."""
        problems = sorted(self._problems.all(connection.organization_id), key=lambda each: each.at, reverse=True)
        for problem in problems:
            if any(_same(problem.address, reader.email) for reader in connection.recipients):
                return problem
        return next((each for each in problems if each.at > self._clock() - SHOWN_SECONDS), None)

    def forget(self, organization_id: str) -> None:
        """Forget the organization's addresses."""
        self._problems.forget(organization_id)


def _same(one: str, other: str) -> bool:
    return one.strip().casefold() == other.strip().casefold()
