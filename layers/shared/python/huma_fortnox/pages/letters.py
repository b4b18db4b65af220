"""The e-mails as the use cases ask for them, each with the address of the page its button opens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from huma_fortnox.pages import addresses, mail
from huma_fortnox.services.model import SynchronizationState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from huma_fortnox.pages.mail import Mail
    from huma_fortnox.services.model import Connection, PersonOutcome, Synchronization
    from huma_fortnox.services.real_time import Brake, Quarantine


class PageLetters:
    """``services.report.Letters``; ``public_url`` is where the pages are."""

    def __init__(self, public_url: str) -> None:
        self._public_url = public_url

    def result(
        self, run: Synchronization, connection: Connection, people: Iterator[PersonOutcome], *, locale: str
    ) -> Mail:
        """Return the message about a run that ended, in whatever way."""
        write = mail.failed_mail if run.state is SynchronizationState.FAILED else mail.result_mail
        return write(
            run,
            connection,
            people,
            page_url=self._public_url + addresses.synchronization(run.id),
            locale=locale,
        )

    def consent_needed(self, connection: Connection, *, locale: str) -> Mail:
        """Return the message that an administrator must connect again."""
        return mail.consent_needed_mail(connection, page_url=self._public_url + addresses.HOME, locale=locale)

    def quarantined(self, connection: Connection, quarantine: Quarantine, *, locale: str) -> Mail:
        """Return the message that work for the organization keeps failing and is tried rarely."""
        return mail.quarantined_mail(
            connection, quarantine.reason, page_url=self._public_url + addresses.HOME, locale=locale
        )

    def bank_changes_stopped(self, connection: Connection, brake: Brake, *, locale: str) -> Mail:
        """Return the message that unusually many bank account changes wait for a confirmation."""
        return mail.bank_changes_stopped_mail(
            connection,
            changes=brake.changes,
            threshold=brake.threshold,
            page_url=self._public_url + addresses.HOME,
            locale=locale,
        )
