"""What is told by e-mail, once each: the result of a run, and that somebody has to act."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from huma_fortnox.domain.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from huma_fortnox.services.model import Connection, PersonOutcome, Synchronization
    from huma_fortnox.services.ports import ConnectionStore, Mailer, MailProblems, SynchronizationStore
    from huma_fortnox.services.real_time import Brake, Quarantine


class Letter(Protocol):
    """A message ready to be sent."""

    @property
    def subject(self) -> str:
        """The subject line."""
        ...

    @property
    def text(self) -> str:
        """The plain text."""
        ...

    @property
    def html(self) -> str:
        """The HTML."""
        ...


class Letters(Protocol):
    """Writes messages in the reader's language."""

    def result(self, run: Synchronization, connection: Connection, people: Iterator[PersonOutcome]) -> Letter:
        """Return the message about a run that ended, in whatever way."""
        ...

    def consent_needed(self, connection: Connection) -> Letter:
        """Return the message that an administrator must connect again."""
        ...

    def quarantined(self, connection: Connection, quarantine: Quarantine) -> Letter:
        """Return the message that work for the organization keeps failing and is tried rarely."""
        ...

    def bank_changes_stopped(self, connection: Connection, brake: Brake) -> Letter:
        """Return the message that unusually many bank account changes wait for a confirmation."""
        ...


class Report:
    """Sends the messages."""

    def __init__(
        self,
        *,
        store: SynchronizationStore,
        connections: ConnectionStore,
        letters: Letters,
        mailer: Mailer,
        mail_problems: MailProblems,
    ) -> None:
        self._store = store
        self._connections = connections
        self._letters = letters
        self._mailer = mailer
        self._mail_problems = mail_problems

    def result(self, organization_id: str, run_id: str) -> bool:
        """Send the result of a run to whoever started it; return whether a message was sent.

        Sending comes before noting that it was sent: a crash between the two repeats a message, which is better
        than losing it.
        """
        run = self._store.load(organization_id, run_id)
        if run is None or self._store.chunk(organization_id, run_id, "mailed", 0):
            return False
        letter = self._letters.result(
            run, self._connections.load(organization_id), self._people(organization_id, run_id)
        )
        if not self._send(organization_id, run.started_by.email, letter):
            return False
        self._store.save_chunk(organization_id, run_id, "mailed", 0, True)
        return True

    def consent_needed(self, organization_id: str) -> None:
        """Tell who connected the company that an administrator must act."""
        self._tell(organization_id, self._letters.consent_needed)

    def quarantined(self, organization_id: str, quarantine: Quarantine) -> None:
        """Tell who connected the company that its changes keep failing."""
        self._tell(organization_id, lambda connection: self._letters.quarantined(connection, quarantine))

    def bank_changes_stopped(self, organization_id: str, brake: Brake) -> None:
        """Tell who connected the company that bank account changes wait for a confirmation."""
        self._tell(organization_id, lambda connection: self._letters.bank_changes_stopped(connection, brake))

    def _tell(self, organization_id: str, write: Callable[[Connection], Letter]) -> None:
        connection = self._connections.load(organization_id)
        if connection.notify is not None:
            self._send(organization_id, connection.notify.email, write(connection))

    def _send(self, organization_id: str, to: str, letter: Letter) -> bool:
        """Send a message unless its address takes none; return whether it went. The page says all of it, too."""
        problem = self._mail_problems.of(organization_id, to)
        if problem is not None and problem.final:
            return False
        try:
            self._mailer.send(organization_id, to, letter.subject, letter.text, letter.html)
        except Refused:
            # The address will not be better next time.
            return False
        return True

    def _people(self, organization_id: str, run_id: str) -> Iterator[PersonOutcome]:
        after = ""
        while True:
            people, after = self._store.outcomes(organization_id, run_id, after=after, limit=500)
            yield from people
            if not after:
                return
