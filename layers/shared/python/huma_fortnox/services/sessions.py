"""Who is asking: Huma's launch token becomes a session, its bearer token an administrator."""

from __future__ import annotations

import secrets
import uuid
from typing import TYPE_CHECKING

from huma_fortnox.domain.errors import NotAllowed, NotSignedIn
from huma_fortnox.services.model import PERMISSION, Administrator, Session

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from huma_fortnox.services.ports import Clock, LaunchTokens, SessionStore

SESSION_SECONDS = 8 * 3600
LAUNCH_SECONDS = 300
_LAUNCH = "launch"


class Sessions:
    """Sessions of administrators.

    A launch token opens one session, lives five minutes and serves once; a session lives eight hours. The
    permission is looked at when the session is opened, as Huma tells it to us only then.
    """

    def __init__(self, store: SessionStore, tokens: LaunchTokens, clock: Clock) -> None:
        self._store = store
        self._tokens = tokens
        self._clock = clock

    def open(self, launch_token: str) -> Session:
        """Open a session for a launch token; raises ``NotSignedIn`` or ``NotAllowed``."""
        claims = self._tokens.claims(launch_token)
        if claims["exp"] - claims["iat"] > LAUNCH_SECONDS:
            raise NotSignedIn("launch-too-long")
        administrator = _administrator(claims)
        if not self._store.use_once(_LAUNCH, str(claims["jti"]), until=int(claims["exp"]) + LAUNCH_SECONDS):
            raise NotSignedIn("launch-used")
        session = Session(
            id=secrets.token_urlsafe(32),
            administrator=administrator,
            csrf_token=secrets.token_urlsafe(32),
            expires_at=int(self._clock()) + SESSION_SECONDS,
        )
        self._store.save_session(session)
        return session

    def session(self, cookie: str | None) -> Session:
        """Return the session of a cookie; raises ``NotSignedIn``."""
        if not cookie:
            raise NotSignedIn("session-missing")
        session = self._store.session(cookie)
        if session is None:
            raise NotSignedIn("session-expired")
        return session

    def bearer(self, token: str) -> Administrator:
        """Return the administrator a bearer token from Huma speaks for; it may be used until it expires.

        Not one that has opened a session, for it was part of an address: raises ``NotSignedIn("launch-used")``.
        """
        claims = self._tokens.claims(token)
        administrator = _administrator(claims)
        if self._store.was_used(_LAUNCH, str(claims.get("jti"))):
            raise NotSignedIn("launch-used")
        return administrator

    def close(self, cookie: str) -> None:
        """End the session of a cookie; an unknown one is no error."""
        self._store.end_session(cookie)


def _administrator(claims: Mapping[str, Any]) -> Administrator:
    permissions = claims.get("permissions")
    if not isinstance(permissions, list) or PERMISSION not in permissions:
        raise NotAllowed("permission-missing")
    try:
        organization_id = str(uuid.UUID(str(claims["org"])))
    except (KeyError, ValueError):
        raise NotSignedIn("launch-claims-missing") from None
    texts = {name: claims.get(name) for name in ("sub", "name", "email")}
    if not all(isinstance(text, str) and text for text in texts.values()):
        raise NotSignedIn("launch-claims-missing")
    return Administrator(
        organization_id, str(texts["sub"]), str(texts["name"]), str(texts["email"]), str(claims.get("locale") or "en")
    )
