"""The access token of one organization's Fortnox company: shared by all workers, renewed by one of them at a time.

The token lies in the organization's secret, so that workers share it, and in the memory of the process; never in the
state table. Client credentials are renewed by asking again: nothing rotates, so nothing can be lost. A refresh token
is good for a single use, and Fortnox invalidates it when it answers. What keeps fifty workers from using it twice:

- within a process the threads of one ``FortnoxTokens`` collapse into one renewal;
- across processes a lease, longer than the request and the write together, lets one worker renew; the others look into
  the secret until the new token is there;
- who gets the lease reads the secret again first, in the version that the last renewal noted in the state table, since
  Secrets Manager may still show an older one;
- the new tokens are stored before they are used;
- ``invalid_grant`` counts only when the secret, read again, still holds the token that was refused. Then the consent
  is lost: that is noted once for all workers, told once, and nobody asks Fortnox again until somebody reconnects;
- any other failure is nobody's verdict on the consent: all workers pause for 30 s.

The notes are the item ``sk = "TOKENS"``: ``consent`` (those on an earlier consent are void), ``version``,
``cool_until`` and ``cooling_after``, ``lost``, ``lost_at``, ``reason``, ``told`` and ``telling_until`` (Unix seconds).
"""

from __future__ import annotations

import logging
import math
import random
import threading
import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from huma_fortnox.adapters.lease import Leases
from huma_fortnox.adapters.secrets import FortnoxCredentials, GrantKind, OrganizationSecrets
from huma_fortnox.domain.errors import (
    Conflict,
    ConsentNeeded,
    IntegrationError,
    LicenceMissing,
    NeedsAdministrator,
    TransientError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from huma_fortnox.adapters.lease import Lease
    from huma_fortnox.adapters.table import Table
    from huma_fortnox.domain.outcome import Reason

logger = logging.getLogger(__name__)

LEAST = 60.0
"""Seconds for which every token that is given out is valid at least."""

MARGIN = 300.0
"""Seconds before the end at which one worker renews the token, while the others go on using it."""

COOL_DOWN = 30.0
"""Seconds for which nobody asks Fortnox for a token after it failed."""

LEASE_SECONDS = 90.0
WAIT_SECONDS = 20.0
LICENCE_SECONDS = 300.0
"""Seconds after which a missing licence is looked for again: it may have been bought."""

REFRESH_TOKEN_DAYS = 45
"""How long Fortnox accepts an unused refresh token (https://www.fortnox.se/developer/authorization)."""

KEEP_ALIVE_DAYS = 30
"""From what age on ``keep_alive`` renews: early enough that a schedule may fail for two weeks."""

LEAST_TO_ROTATE = 15.0
"""Seconds that must be left to start with a refresh token: who cannot store its successor must not use it."""

_DAY = 24 * 3600
_TELLING_SECONDS = 120
_SAVE_ATTEMPTS = 6
_LEASE = "fortnox-token"
_NOTES = "TOKENS"
_LOST: dict[str, type[NeedsAdministrator]] = {"consent": ConsentNeeded, "licence": LicenceMissing}
_CLAIMABLE = (
    "attribute_not_exists(#consent) OR #consent <> :consent OR attribute_not_exists(#lost) OR #lost <> :lost"
    " OR (#told = :untold AND #telling_until < :now)"
)


class Grant(Protocol):
    """What Fortnox's token endpoint gives; ``expires_in`` is in seconds, ``refresh_token`` is not always there."""

    @property
    def access_token(self) -> str:
        """The access token."""
        ...

    @property
    def expires_in(self) -> int:
        """For how many seconds it is valid."""
        ...

    @property
    def scopes(self) -> Collection[str]:
        """What it is good for; empty when Fortnox did not say."""
        ...

    @property
    def refresh_token(self) -> str | None:
        """The next refresh token, or ``None``."""
        ...


class TokenEndpoint(Protocol):
    """Fortnox's token endpoint.

    Both methods raise ``ConsentNeeded`` (the grant is invalid), ``LicenceMissing`` or ``TransientError``; no answer
    at all is a ``TransientError`` too.
    """

    def client_credentials(self, tenant_id: str) -> Grant:
        """Fetch a token for a company that consented to a service account."""
        ...

    def refresh(self, refresh_token: str) -> Grant:
        """Use up a refresh token for an access token and the next refresh token."""
        ...


class FortnoxTokens:
    """The access tokens of one organization; fulfils ``services.ports.AccessTokens``.

    ``on_consent_lost`` is told why, once for each consent over all workers (again only when a worker died while
    telling it). ``longest_request`` is the most seconds that ``endpoint`` takes, its repeats included; the lease must
    last longer. ``time_left`` are the seconds that this process may still work. One object may be shared by threads.
    """

    def __init__(
        self,
        organization_id: str,
        secrets: OrganizationSecrets,
        table: Table,
        endpoint: TokenEndpoint,
        on_consent_lost: Callable[[Reason], None],
        *,
        required_scopes: Collection[str] = ("salary",),
        longest_request: float = 80.0,
        lease_seconds: float = LEASE_SECONDS,
        wait_seconds: float = WAIT_SECONDS,
        time_left: Callable[[], float] = lambda: math.inf,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        if lease_seconds <= longest_request:
            raise ValueError("the lease must outlast the request and the write")
        self._organization_id = organization_id
        self._pk = f"ORG#{organization_id}"
        self._secrets = secrets
        self._table = table
        self._leases = Leases(table, organization_id, clock=clock)
        self._endpoint = endpoint
        self._on_consent_lost = on_consent_lost
        self._required_scopes = frozenset(required_scopes)
        self._longest_request = longest_request
        self._lease_seconds = lease_seconds
        self._wait_seconds = wait_seconds
        self._time_left = time_left
        self._clock = clock
        self._sleep = sleep
        self._jitter = jitter
        self._renewing = threading.Lock()
        self._held: FortnoxCredentials | None = None
        self._refused = ""
        self._next_early_try = 0.0

    def __repr__(self) -> str:
        return f"FortnoxTokens(organization_id={self._organization_id!r})"

    def access_token(self) -> str:
        """Return a token that is valid for at least a minute.

        Raises ``ConsentNeeded`` or ``LicenceMissing`` when a person has to act, and ``TransientError`` with
        ``retry_after`` while Fortnox gives no token.
        """
        held = self._held
        if held and self._valid(held, MARGIN):
            return held.access_token
        with self._renewing:
            held = self._held
            if held and self._valid(held, MARGIN):
                return held.access_token
            if held and self._valid(held, LEAST) and self._clock() < self._next_early_try:
                return held.access_token
            current = self._current()
            self._require_scopes(current)
            self._held = current
            return current.access_token

    def refused(self, token: str) -> None:
        """Tell that Fortnox answered 401 to this token, so that the next call fetches another."""
        self._refused = token

    def keep_alive(self) -> bool:
        """Renew a refresh token that would otherwise expire unused; return whether it was due."""
        credentials = self._stored(fresh=True)
        if credentials is None or credentials.grant is not GrantKind.REFRESH_TOKEN:
            return False
        if self._clock() - credentials.refreshed_at < KEEP_ALIVE_DAYS * _DAY:
            return False
        with self._renewing:
            self._held = self._current()
        return True

    # -- finding a token ------------------------------------------------------------------------

    def _current(self) -> FortnoxCredentials:
        credentials = self._stored(fresh=False)
        if credentials is None or not self._valid(credentials, MARGIN):
            credentials = self._stored(fresh=True)
        if credentials is None:
            raise ConsentNeeded
        if self._valid(credentials, MARGIN):
            return credentials
        if self._valid(credentials, LEAST):
            return self._renewed_early(credentials)
        return self._renewed(credentials)

    def _renewed_early(self, credentials: FortnoxCredentials) -> FortnoxCredentials:
        """Renew a token that still is valid, unless somebody else does or it fails: then it serves a little longer."""
        self._next_early_try = self._clock() + COOL_DOWN * (0.5 + self._jitter())
        try:
            lease = self._leases.acquire(_LEASE, self._lease_seconds)
            return self._renewed_under(lease, MARGIN) if lease else credentials
        except TransientError:
            return credentials

    def _renewed(self, credentials: FortnoxCredentials) -> FortnoxCredentials:
        """Renew the token, or wait for the worker who does."""
        self._stop_if_futile(self._notes(credentials), credentials)
        give_up = self._clock() + min(self._wait_seconds, self._time_left())
        pause = 0.05
        while True:
            lease = self._leases.acquire(_LEASE, self._lease_seconds)
            if lease:
                return self._renewed_under(lease, LEAST)
            self._sleep(pause * (0.5 + self._jitter()))
            pause = min(1.0, pause * 1.6)
            found = self._stored(fresh=True)
            if found and self._valid(found, LEAST):
                return found
            if self._clock() >= give_up:
                raise TransientError("token-renewal-busy", retry_after=self._wait_seconds)

    def _renewed_under(self, lease: Lease, least: float) -> FortnoxCredentials:
        try:
            secret = self._secrets.read(self._organization_id, fresh=True)
            if secret is None or secret.fortnox is None:
                raise ConsentNeeded
            notes = self._notes(secret.fortnox)
            newest = self._newest(secret.version, secret.fortnox, notes)
            if self._valid(newest, least):
                return newest
            self._stop_if_futile(notes, newest)
            return self._fetched(newest, lease)
        finally:
            # It runs out by itself, too; what was achieved must not fail over this.
            with suppress(TransientError):
                self._leases.release(lease)

    def _newest(self, version: str, stored: FortnoxCredentials, notes: dict[str, Any]) -> FortnoxCredentials:
        """Return what the last renewal stored, should reading the secret still show what was there before."""
        noted_version = str(notes.get("version") or "")
        if noted_version in ("", version):
            return stored
        secret = self._secrets.read(self._organization_id, version=noted_version)
        noted = secret.fortnox if secret else None
        if noted is None or noted.consent_id != stored.consent_id or noted.refreshed_at < stored.refreshed_at:
            return stored
        return noted

    def _require_scopes(self, credentials: FortnoxCredentials) -> None:
        """Refuse a token that Fortnox narrowed: all it could do is fail at the API, one change after the other."""
        missing = self._required_scopes.difference(credentials.scope.split())
        if credentials.scope and missing:
            error = ConsentNeeded("scope-missing", {"scope": " ".join(sorted(missing))})
            self._note_lost(credentials, error)
            raise error

    # -- asking Fortnox -------------------------------------------------------------------------

    def _fetched(self, credentials: FortnoxCredentials, lease: Lease) -> FortnoxCredentials:
        """Ask Fortnox for a token and store it; the lease is ours."""
        if not self._leases.running(lease, self._longest_request):
            # The process was frozen on its way here. Somebody else will have the lease soon.
            raise TransientError("token-renewal-busy", retry_after=COOL_DOWN)
        if credentials.grant is GrantKind.REFRESH_TOKEN and self._time_left() < LEAST_TO_ROTATE:
            raise TransientError("no-time-left", retry_after=1.0)
        asked_at = self._clock()
        try:
            if credentials.grant is GrantKind.CLIENT_CREDENTIALS:
                grant = self._endpoint.client_credentials(credentials.tenant_id)
            else:
                grant = self._endpoint.refresh(credentials.refresh_token)
        except NeedsAdministrator as error:
            overtaken = self._stored_by_another(credentials, error)
            if overtaken:
                return overtaken
            self._note_lost(credentials, error)
            raise
        except IntegrationError as error:
            self._cool_down(credentials, error)
            raise
        return self._saved(
            replace(
                credentials,
                access_token=grant.access_token,
                expires_at=int(asked_at + grant.expires_in),
                refresh_token=grant.refresh_token or credentials.refresh_token,
                refreshed_at=int(asked_at),
                scope=" ".join(sorted(grant.scopes)) or credentials.scope,
            )
        )

    def _saved(self, renewed: FortnoxCredentials) -> FortnoxCredentials:
        """Store the tokens, with all patience: a rotated refresh token that is not stored is a connection lost."""
        for attempt in range(1, _SAVE_ATTEMPTS + 1):
            try:
                secret = self._secrets.save_fortnox(self._organization_id, renewed, renewal=True)
                break
            except Conflict as error:
                if error.reason.code == "consent-replaced":
                    raise TransientError("token-renewal-overtaken", retry_after=1.0) from error
                failure: IntegrationError = error
            except TransientError as error:
                failure = error
            if attempt == _SAVE_ATTEMPTS:
                raise TransientError("token-not-stored", retry_after=COOL_DOWN) from failure
            self._sleep(0.1 * 2**attempt * (0.5 + self._jitter()))
        stored = secret.fortnox or renewed
        note = {"pk": self._pk, "sk": _NOTES, "consent": stored.consent_id, "version": secret.version}
        with suppress(TransientError):
            self._table.put(note)
        return stored

    def _stored_by_another(self, refused: FortnoxCredentials, error: NeedsAdministrator) -> FortnoxCredentials | None:
        """Read the secret again, twice: return what another worker or a new consent put there meanwhile.

        ``None`` means that Fortnox refused the very credentials that are stored.
        """
        for pause in (0.0, 1.0):
            if pause:
                self._sleep(pause * (0.5 + self._jitter()))
            found = self._stored(fresh=True)
            if found is None:
                # Disconnected meanwhile: nothing was lost that anybody still has.
                raise error
            if found == refused:
                continue
            if self._valid(found, LEAST):
                return found
            raise TransientError("token-renewal-overtaken", retry_after=1.0)
        return None

    # -- what all workers know ------------------------------------------------------------------

    def _notes(self, credentials: FortnoxCredentials) -> dict[str, Any]:
        notes = self._table.get(self._pk, _NOTES) or {}
        return notes if notes.get("consent") == credentials.consent_id else {}

    def _stop_if_futile(self, notes: dict[str, Any], credentials: FortnoxCredentials) -> None:
        """Raise what asking Fortnox would end in: the consent is known to be lost, or it failed just now."""
        now = self._clock()
        lost = _LOST.get(str(notes.get("lost") or ""))
        if lost and not (lost is LicenceMissing and now >= notes["lost_at"] + LICENCE_SECONDS):
            reason = notes.get("reason") or {}
            error = lost(reason.get("code"), reason.get("params"))
            if not notes.get("told"):
                self._tell(credentials, error, str(notes["lost"]))
            raise error
        left = min(float(notes.get("cool_until") or 0) - now, 2 * COOL_DOWN)
        if left > 0:
            raise TransientError("token-cool-down", {"after": str(notes.get("cooling_after"))}, retry_after=left)
        if credentials.access_token and credentials.access_token == self._refused:
            age = now - credentials.refreshed_at
            if 0 <= age < COOL_DOWN:
                raise TransientError("token-refused", retry_after=COOL_DOWN - age)

    def _cool_down(self, credentials: FortnoxCredentials, error: IntegrationError) -> None:
        wait = COOL_DOWN
        if isinstance(error, TransientError):
            wait = error.retry_after = max(COOL_DOWN, error.retry_after or 0.0)
        self._note(credentials, {"cool_until": int(self._clock() + wait), "cooling_after": error.reason.code})

    def _note_lost(self, credentials: FortnoxCredentials, error: NeedsAdministrator) -> None:
        """Note for all workers that Fortnox refused the credentials, and tell it unless that was told."""
        kind = "licence" if isinstance(error, LicenceMissing) else "consent"
        self._tell(credentials, error, kind)
        self._note(credentials, {"lost_at": int(self._clock())})

    def _tell(self, credentials: FortnoxCredentials, error: NeedsAdministrator, kind: str) -> None:
        """Tell that the consent is lost, if this worker is the one to claim that."""
        now = int(self._clock())
        claim = {
            "consent": credentials.consent_id,
            "lost": kind,
            "lost_at": now,
            "reason": error.reason.to_json(),
            "told": False,
            "telling_until": now + _TELLING_SECONDS,
        }
        values = {"consent": credentials.consent_id, "lost": kind, "untold": False, "now": now}
        if self._table.update(self._pk, _NOTES, assign=claim, condition=_CLAIMABLE, values=values) is None:
            return
        logger.warning("fortnox consent lost: reason=%s", error.reason.code)
        try:
            self._on_consent_lost(error.reason)
        except IntegrationError as failure:
            # Not told: somebody tells it again when the claim has run out.
            logger.warning("telling that the consent is lost failed: reason=%s", failure.reason.code)
            return
        condition = "#consent = :consent"
        told = {"consent": credentials.consent_id}
        self._table.update(self._pk, _NOTES, assign={"told": True}, condition=condition, values=told)

    def _note(self, credentials: FortnoxCredentials, changes: dict[str, Any]) -> None:
        """Change notes on this consent; notes on an earlier one go."""
        consent = credentials.consent_id
        noted = self._table.update(
            self._pk, _NOTES, assign=changes, condition="#consent = :consent", values={"consent": consent}
        )
        if noted is None:
            self._table.put({"pk": self._pk, "sk": _NOTES, "consent": consent, **changes})

    # -- small questions ------------------------------------------------------------------------

    def _stored(self, *, fresh: bool) -> FortnoxCredentials | None:
        secret = self._secrets.read(self._organization_id, fresh=fresh)
        return secret.fortnox if secret else None

    def _valid(self, credentials: FortnoxCredentials, seconds: float) -> bool:
        token = credentials.access_token
        return bool(token) and token != self._refused and credentials.expires_at - self._clock() > seconds
