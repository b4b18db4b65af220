"""Connecting an organization with its Fortnox company, and letting go of it again."""

from __future__ import annotations

import logging
import secrets
from typing import TYPE_CHECKING

from huma_fortnox.domain.errors import BadRequest, Conflict, HumaKeyRefused, IntegrationError, NotAllowed, NotSignedIn
from huma_fortnox.domain.fields import FIELDS, read_user
from huma_fortnox.domain.outcome import Reason
from huma_fortnox.services.model import Activity, Cause, ConnectionState, KeyCheck
from huma_fortnox.services.ports import HumaAccess, PendingAuthorization

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from huma_fortnox.services.model import Administrator, Connection, OrganizationSettings, Session
    from huma_fortnox.services.ports import (
        ActivityStore,
        Clock,
        ConnectionStore,
        FortnoxConsent,
        Huma,
        LinkStore,
        SessionStore,
        SynchronizationStore,
        Systems,
        Vault,
    )

logger = logging.getLogger(__name__)

_SAMPLE = 5
_BEFORE_CONSENT = (
    ConnectionState.NOT_CONNECTED,
    ConnectionState.DISCONNECTED,
    ConnectionState.AWAITING_AUTHORIZATION,
)


class Connect:
    """An organization's connection: its Huma key, the consent in Fortnox, its settings and its end.

    ``systems`` are asked for to check a key alone. ``on_reconnected`` hears who made a connection usable (again),
    ``on_disconnected`` whose has ended.
    """

    def __init__(
        self,
        *,
        connections: ConnectionStore,
        sessions: SessionStore,
        synchronizations: SynchronizationStore,
        links: LinkStore,
        activity: ActivityStore,
        vault: Vault,
        consent: FortnoxConsent,
        systems: Callable[[], Systems],
        terms_version: str,
        clock: Clock,
        on_reconnected: Callable[[Administrator], None] | None = None,
        on_disconnected: Callable[[str], None] | None = None,
    ) -> None:
        self._connections = connections
        self._sessions = sessions
        self._synchronizations = synchronizations
        self._links = links
        self._activity = activity
        self._vault = vault
        self._consent = consent
        self._systems = systems
        self._terms_version = terms_version
        self._clock = clock
        self._on_reconnected = on_reconnected
        self._on_disconnected = on_disconnected

    def connection(self, organization_id: str) -> Connection:
        """Return the organization's connection, in whatever state."""
        connection = self._connections.load(organization_id)
        if not connection.has_huma_key and self._vault.huma(organization_id):
            # The entry may have been made by an operator, before anybody opened the page.
            self._connections.change(organization_id, {"has_huma_key": True})
            connection = self._connections.load(organization_id)
        return connection

    def save_huma_key(
        self, administrator: Administrator, client_id: str, client_secret: str, webhook_secret: str | None
    ) -> KeyCheck:
        """Check a Huma API key at once against Huma, and keep it when it works and is this organization's.

        Raises ``HumaKeyRefused`` when Huma does not take it, ``NotAllowed("huma-key-of-another-organization")``, and
        ``BadRequest("webhook-secret-missing")`` when none was entered before either. What the key may not do is
        returned, and does not stop the key from being kept.
        """
        organization_id = administrator.organization_id
        known = self._vault.huma(organization_id)
        secret = webhook_secret or (known.webhook_secret if known else "")
        if not secret:
            raise BadRequest("webhook-secret-missing")
        access = HumaAccess(client_id, client_secret, secret)
        huma = self._systems().huma_with(access)
        if huma.check_key().organization_id != organization_id:
            raise NotAllowed("huma-key-of-another-organization")
        problems = _what_the_key_lacks(huma)
        self._vault.save_huma(organization_id, access)
        self._connections.change(organization_id, {"has_huma_key": True})
        self._log(administrator, "huma-key-saved")
        self._go_on(administrator)
        return KeyCheck(organization_id, problems)

    def begin(self, administrator: Administrator, *, session_id: str | None, terms_version: str) -> str:
        """Record that the terms were accepted and return Fortnox's authorization URL.

        Raises ``BadRequest`` (``terms-not-accepted``) and ``HumaKeyRefused`` (``huma-key-missing``).
        """
        if terms_version != self._terms_version:
            raise BadRequest("terms-not-accepted")
        organization_id = administrator.organization_id
        if self._vault.huma(organization_id) is None:
            raise HumaKeyRefused("huma-key-missing")
        self._connections.change(
            organization_id, {"state": ConnectionState.AWAITING_AUTHORIZATION}, only_from=_BEFORE_CONSENT
        )
        self._connections.change(
            organization_id,
            {
                "terms_version": terms_version,
                "terms_accepted_at": int(self._clock()),
                "terms_accepted_by": administrator.name,
            },
        )
        state = secrets.token_urlsafe(32)
        self._sessions.save_state(state, PendingAuthorization(administrator, session_id or "", terms_version))
        return self._consent.authorization_url(state)

    def complete(self, session_cookie: str | None, query: Mapping[str, str]) -> Connection:
        """Finish an authorization with what Fortnox put into the callback's query.

        The state serves once, for ten minutes, and only in the session that asked for it (or, asked for through
        the API, in any session of the same administrator). Fortnox may answer without a state when it refuses.
        """
        session = self._session(session_cookie)
        state, code = query.get("state", ""), query.get("code", "")
        pending = self._sessions.take_state(state, session.id) if state else None
        refusal = self._consent.refusal(query)
        if refusal is not None:
            self._log(session.administrator, "authorization-refused", refusal.reason)
            raise refusal
        if not code or not state:
            raise BadRequest("callback-incomplete")
        if pending is None or not _same_person(pending.administrator, session.administrator):
            raise BadRequest("state-unknown")
        return self._connect(session.administrator, code)

    def disconnect(self, administrator: Administrator) -> None:
        """End the connection: tokens, links and bases are erased, the activity log runs out by itself.

        Raises ``Conflict("synchronization-running")`` while a run is under way.
        """
        organization_id = administrator.organization_id
        running = self._synchronizations.running(organization_id)
        if running:
            raise Conflict("synchronization-running", {"synchronization": running})
        connection = self._connections.load(organization_id)
        if (
            connection.state in (ConnectionState.NOT_CONNECTED, ConnectionState.DISCONNECTED)
            and not connection.tenant_id
        ):
            raise Conflict("not-connected")
        # First the state: nothing is pushed any more while the rest goes. The company is named until all of it has
        # gone, so that what was interrupted can be done again.
        self._connections.change(
            organization_id,
            {
                "state": ConnectionState.DISCONNECTED,
                "reason": None,
                "active_since": 0,
                "paused_since": 0,
                "paused_by": "",
            },
        )
        self._consent.revoke(organization_id)
        self._vault.forget_consent(organization_id)
        if connection.tenant_id:
            self._connections.release_company(connection.tenant_id, organization_id)
        self._links.forget(organization_id)
        if self._on_disconnected is not None:
            self._on_disconnected(organization_id)
        self._connections.change(organization_id, {"tenant_id": "", "company_name": "", "company_number": ""})
        self._log(administrator, "disconnected")

    def change_settings(self, administrator: Administrator, settings: OrganizationSettings) -> Connection:
        """Replace the organization's settings."""
        self._connections.change(administrator.organization_id, {"settings": settings})
        self._log(administrator, "settings-changed")
        return self._connections.load(administrator.organization_id)

    def _go_on(self, administrator: Administrator) -> None:
        """Go on where only the Huma key had been missing: the consent in Fortnox still stands."""
        organization_id = administrator.organization_id
        connection = self._connections.load(organization_id)
        if (
            connection.reason is not None
            and connection.reason.code.startswith("huma-")
            and self._connections.change(
                organization_id,
                {"state": _usable_state(connection), "reason": None},
                only_from=(ConnectionState.NEEDS_REAUTHORIZATION,),
            )
        ):
            self._catch_up(administrator)

    def _catch_up(self, administrator: Administrator) -> None:
        """Have everything carried that happened while the connection was broken."""
        if self._on_reconnected is None:
            return
        try:
            self._on_reconnected(administrator)
        except IntegrationError as error:
            # It is connected all the same, and the nightly reconciliation does this too.
            logger.warning("catching up not begun: reason=%s", error.reason.code)

    def _session(self, cookie: str | None) -> Session:
        session = self._sessions.session(cookie) if cookie else None
        if session is None:
            raise NotSignedIn("session-missing")
        return session

    def _connect(self, administrator: Administrator, code: str) -> Connection:
        organization_id = administrator.organization_id
        before = self._connections.load(organization_id)
        granted = self._consent.redeem(code)
        company = granted.company
        if before.tenant_id and before.tenant_id != company.tenant_id:
            raise NotAllowed("another-company", {"company": company.name, "connected": before.company_name})
        if not self._connections.claim_company(company.tenant_id, organization_id):
            raise NotAllowed("company-of-another-organization", {"company": company.name})
        self._vault.save_consent(organization_id, granted)
        self._connections.change(
            organization_id,
            {
                "state": _usable_state(before),
                "reason": None,
                "tenant_id": company.tenant_id,
                "company_name": company.name,
                "company_number": company.organization_number,
                "connected_at": int(self._clock()),
                "connected_by": administrator.name,
                "notify": administrator,
            },
        )
        self._log(administrator, "connected")
        self._catch_up(administrator)
        return self._connections.load(organization_id)

    def _log(self, administrator: Administrator, kind: str, reason: Reason | None = None) -> None:
        self._activity.append(
            administrator.organization_id,
            Activity(
                at=int(self._clock() * 1000),
                kind=kind,
                cause=Cause.ADMINISTRATOR,
                reason=reason,
                actor=administrator.name,
            ),
        )


def _usable_state(connection: Connection) -> ConnectionState:
    return ConnectionState.ACTIVE if connection.active_since else ConnectionState.AWAITING_FIRST_SYNC


def _same_person(one: Administrator, other: Administrator) -> bool:
    return (one.organization_id, one.user_id) == (other.organization_id, other.user_id)


def _what_the_key_lacks(huma: Huma) -> tuple[Reason, ...]:
    """Look at a few people: a field none of them shows, or none lets us edit, is out of the key's reach."""
    users = [user for record in huma.details(huma.users(0).user_ids[:_SAMPLE]) if (user := read_user(record)).active]
    if not users:
        return ()
    problems = []
    for key in FIELDS:
        if not any(key in user.values for user in users):
            problems.append(Reason("field-not-visible", {"field": key}))
        elif all(key in user.locked for user in users):
            problems.append(Reason("field-not-editable", {"field": key}))
    return tuple(problems)
