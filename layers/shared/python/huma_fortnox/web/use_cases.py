"""What the HTTP layer asks of the use cases, as protocols.

All methods raise the errors of ``domain.errors``; their reasons carry the codes that the texts explain.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from huma_fortnox.domain.frozen import dataclass

if TYPE_CHECKING:
    from huma_fortnox.domain.outcome import Outcome
    from huma_fortnox.domain.plan_types import Situation
    from huma_fortnox.services.model import (
        ActivityPage,
        Administrator,
        Connection,
        DecisionInput,
        KeyCheck,
        OrganizationSettings,
        OutcomePage,
        PeoplePage,
        PersonOutcome,
        Session,
        Summary,
        Synchronization,
    )
    from huma_fortnox.services.real_time import HeldPage, RealTime, Reconciliation


class Sessions(Protocol):
    """Who is asking."""

    def open(self, launch_token: str) -> Session:
        """Open a session for a launch token from Huma.

        Raises ``NotSignedIn`` (``launch-…``) or ``NotAllowed`` (``permission-missing``).
        """
        ...

    def session(self, cookie: str | None) -> Session:
        """Return the session of a cookie; raises ``NotSignedIn`` (``session-missing``, ``session-expired``)."""
        ...

    def bearer(self, token: str) -> Administrator:
        """Return the administrator a bearer token from Huma speaks for."""
        ...

    def close(self, cookie: str) -> None:
        """End the session of a cookie; an unknown one is no error."""
        ...


class Connect(Protocol):
    """An organization's connection to Fortnox, and its Huma key."""

    def connection(self, organization_id: str) -> Connection:
        """Return the organization's connection, in whatever state."""
        ...

    def save_huma_key(
        self, administrator: Administrator, client_id: str, client_secret: str, webhook_secret: str | None
    ) -> KeyCheck:
        """Check a Huma API key at once against Huma; save it when it works."""
        ...

    def begin(self, administrator: Administrator, *, session_id: str | None, terms_version: str) -> str:
        """Record that the terms were accepted and return Fortnox's authorization URL.

        Raises ``BadRequest`` (``terms-not-accepted``, …).
        """
        ...

    def complete(self, session_cookie: str | None, query: Mapping[str, str]) -> Connection:
        """Finish an authorization with what Fortnox put into the callback's query.

        Raises ``BadRequest``, ``NotAllowed``, ``ConsentNeeded`` or ``LicenceMissing`` with a code for each answer.
        """
        ...

    def disconnect(self, administrator: Administrator) -> None:
        """End the connection."""
        ...

    def change_settings(self, administrator: Administrator, settings: OrganizationSettings) -> Connection:
        """Replace the organization's settings."""
        ...


class Synchronizations(Protocol):
    """Runs of *Synchronize users*."""

    def start(self, administrator: Administrator) -> Synchronization:
        """Start a run; raises ``Conflict`` (``synchronization-running``, with its id) while another is under way."""
        ...

    def get(self, organization_id: str, synchronization_id: str, /) -> Synchronization:
        """Return one run of this organization; raises ``Unknown``."""
        ...

    def current(self, organization_id: str) -> Synchronization | None:
        """Return the run that is under way, or ``None``."""
        ...

    def people(
        self,
        organization_id: str,
        synchronization_id: str,
        /,
        *,
        situation: Situation | None,
        after: str,
        limit: int,
        field: str = "",
        name: str = "",
        suggested: bool = False,
    ) -> PeoplePage:
        """Return a page of the plan: of everybody, of one situation, or of those for whom a pair is suggested.

        In the latter two, people may be asked for by a ``field`` that differs and a part of their ``name``.
        """
        ...

    def decide(
        self, administrator: Administrator, synchronization_id: str, decisions: Sequence[DecisionInput], /
    ) -> None:
        """Keep decisions; raises ``BadRequest`` (``not-in-plan``) or ``Conflict`` (``already-applied``)."""
        ...

    def read_again(self, administrator: Administrator, synchronization_id: str, key: str, /) -> Situation | None:
        """Read one blocked person again; return where they stand now, ``None`` when they are gone."""
        ...

    def summary(self, organization_id: str, synchronization_id: str, /) -> Summary:
        """Return exactly what will be written."""
        ...

    def apply(
        self,
        administrator: Administrator,
        synchronization_id: str,
        /,
        *,
        confirmed: Sequence[str],
        decided: str | None = None,
    ) -> Synchronization:
        """Let the run write what was decided; ``confirmed`` are the codes of the summary that were confirmed.

        With ``decided``, the summary's, raises ``Conflict`` (``decided-since``) when something was decided since.
        """
        ...

    def cancel(self, administrator: Administrator, synchronization_id: str, /) -> Synchronization:
        """End the run without writing anything."""
        ...

    def outcomes(
        self, organization_id: str, synchronization_id: str, /, *, after: str, limit: int, only: Sequence[Outcome] = ()
    ) -> OutcomePage:
        """Return a page of the run's result: of everybody, or of the lines with these outcomes."""
        ...

    def result(
        self, organization_id: str, synchronization_id: str, /, *, only: Sequence[Outcome] = ()
    ) -> Iterator[PersonOutcome]:
        """Yield everybody of the result, as ``outcomes`` does page by page."""
        ...


class ActivityLog(Protocol):
    """The append-only log."""

    def page(
        self, organization_id: str, *, after: str, limit: int, person: str = "", outcome: Outcome | None = None
    ) -> ActivityPage:
        """Return a page, newest first: of everything, of what is about a person, or of what had an outcome.

        A page of a selection may hold fewer than there are, or none, and still tell where to go on.
        """
        ...


class Oversight(Protocol):
    """Real time as an administrator sees it, and what can be done about it."""

    def state(self, organization_id: str) -> RealTime:
        """Return how real time stands: quarantine, brake, the last round of catching up."""
        ...

    def held(self, organization_id: str, *, after: str, limit: int) -> HeldPage:
        """Return a page of the people of whom something waits."""
        ...

    def try_again(self, administrator: Administrator, user_id: str = "") -> int:
        """Look at one held person again, or at all; return how many. Raises ``Unknown`` (``held-unknown``)."""
        ...

    def decide_removal(self, administrator: Administrator, user_id: str, field: str, *, remove: bool) -> None:
        """Answer *Remove it in Fortnox too?*; raises ``Unknown`` (``held-unknown``) or ``BadRequest``."""
        ...

    def confirm_brake(self, administrator: Administrator) -> int:
        """Let stopped bank account changes through; raises ``Conflict`` (``bank-changes-not-stopped``)."""
        ...

    def catch_up(self, administrator: Administrator) -> Reconciliation:
        """Compare everybody in Huma with what was last carried over, now."""
        ...

    def pause(self, administrator: Administrator) -> Connection:
        """Carry no changes until somebody resumes; raises ``Conflict`` (``real-time-not-active``)."""
        ...

    def resume(self, administrator: Administrator) -> Connection:
        """Carry changes again, what happened meanwhile first; raises ``Conflict`` (``real-time-not-active``)."""
        ...


@dataclass(frozen=True, slots=True)
class UseCases:
    """Everything the HTTP layer can do."""

    sessions: Sessions
    connect: Connect
    synchronizations: Synchronizations
    activity: ActivityLog
    oversight: Oversight
