"""What is told by e-mail, once each: the result of a run, and that somebody has to act."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Protocol

from huma_fortnox.domain.errors import Refused, TransientError
from huma_fortnox.services.model import Recipient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from huma_fortnox.services.model import Connection, PersonOutcome, Synchronization
    from huma_fortnox.services.ports import ConnectionStore, Mailer, MailProblems, SynchronizationStore
    from huma_fortnox.services.real_time import Brake, Quarantine

_MAILED = "mailed"
"""The chunk of a run with the addresses that its result has been sent to."""


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
    """Writes messages in a language."""

    def result(
        self, run: Synchronization, connection: Connection, people: Iterator[PersonOutcome], *, locale: str
    ) -> Letter:
        """Return the message about a run that ended, in whatever way."""
        ...

    def consent_needed(self, connection: Connection, *, locale: str) -> Letter:
        """Return the message that an administrator must connect again."""
        ...

    def quarantined(self, connection: Connection, quarantine: Quarantine, *, locale: str) -> Letter:
        """Return the message that work for the organization keeps failing and is tried rarely."""
        ...

    def bank_changes_stopped(self, connection: Connection, brake: Brake, *, locale: str) -> Letter:
        """Return the message that unusually many bank account changes wait for a confirmation."""
        ...


class Report:
    """Sends the messages to everybody who is to get them; one address that fails keeps nobody else from theirs."""

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
        """Send the result of a run to whoever started it and the recipients; return whether a message was sent.

        Sending comes before noting to whom it was sent: a crash between the two repeats a message, which is better
        than losing it.
        """
        run = self._store.load(organization_id, run_id)
        if run is None:
            return False
        connection = self._connections.load(organization_id)
        told: list[str] = self._store.chunk(organization_id, run_id, _MAILED, 0) or []
        everybody = (Recipient(run.started_by.email, run.started_by.locale), *connection.recipients)

        def write(locale: str) -> Letter:
            return self._letters.result(run, connection, self._people(organization_id, run_id), locale=locale)

        def note(recipient: Recipient) -> None:
            told.append(_address(recipient))
            self._store.save_chunk(organization_id, run_id, _MAILED, 0, told)

        return self._tell(organization_id, [each for each in everybody if _address(each) not in told], write, note)

    def consent_needed(self, organization_id: str) -> None:
        """Tell that an administrator must act."""
        self._alarm(organization_id, self._letters.consent_needed)

    def quarantined(self, organization_id: str, quarantine: Quarantine) -> None:
        """Tell that the organization's changes keep failing."""
        self._alarm(organization_id, partial(self._letters.quarantined, quarantine=quarantine))

    def bank_changes_stopped(self, organization_id: str, brake: Brake) -> None:
        """Tell that bank account changes wait for a confirmation."""
        self._alarm(organization_id, partial(self._letters.bank_changes_stopped, brake=brake))

    def _alarm(self, organization_id: str, write: Callable[..., Letter]) -> None:
        connection = self._connections.load(organization_id)
        self._tell(organization_id, connection.recipients, lambda locale: write(connection, locale=locale))

    def _tell(
        self,
        organization_id: str,
        recipients: Iterable[Recipient],
        write: Callable[[str], Letter],
        note: Callable[[Recipient], None] | None = None,
    ) -> bool:
        """Send a message to each address once; return whether any went.

        Raises ``TransientError`` after everybody else has been told, so that the message is tried again.
        """
        letters: dict[str, Letter] = {}
        apart: dict[str, Recipient] = {}
        failure: TransientError | None = None
        sent = False
        for recipient in recipients:
            apart.setdefault(_address(recipient), recipient)
        for recipient in apart.values():
            if recipient.locale not in letters:
                letters[recipient.locale] = write(recipient.locale)
            try:
                went = self._send(organization_id, recipient.email, letters[recipient.locale])
            except TransientError as error:
                failure = error
                continue
            sent = sent or went
            if went and note is not None:
                note(recipient)
        if failure is not None:
            raise failure
        return sent

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


def _address(recipient: Recipient) -> str:
    return recipient.email.casefold()
