"""The e-mails as the use cases ask for them, each with the address of the page its button opens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from huma_fortnox.pages import addresses, mail
from huma_fortnox.services.model import SynchronizationState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from huma_fortnox.pages.mail import Mail
    from huma_fortnox.services.model import Connection, PersonOutcome, Synchronization


class PageLetters:
    """``services.report.Letters`` in the reader's language; ``public_url`` is where the pages are."""

    def __init__(self, public_url: str) -> None:
        self._public_url = public_url

    def result(self, run: Synchronization, connection: Connection, people: Iterator[PersonOutcome]) -> Mail:
        """Return the message about a run that ended, in whatever way."""
        write = mail.failed_mail if run.state is SynchronizationState.FAILED else mail.result_mail
        return write(
            run,
            connection,
            people,
            page_url=self._public_url + addresses.synchronization(run.id),
            locale=run.started_by.locale,
        )

    def consent_needed(self, connection: Connection) -> Mail:
        """Return the message that an administrator must connect again."""
        locale = connection.notify.locale if connection.notify else "en"
        return mail.consent_needed_mail(connection, page_url=self._public_url + addresses.HOME, locale=locale)
