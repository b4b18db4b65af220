"""Access tokens of the Open API: issued for an API key, valid for a while, revocable."""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from local.huma_simulator.refusals import InvalidToken

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.huma_simulator.organization import ApiKey, Json, Organization


@dataclass(frozen=True, slots=True)
class _Token:
    organization_id: str
    client_id: str
    expires_at: float


class Tokens:
    """The tokens that are out. ``find_key`` gives the live API key of a client id, if any."""

    def __init__(self, find_key: Callable[[str], tuple[Organization, ApiKey] | None], lifetime: int) -> None:
        self.lifetime = lifetime
        self._find_key = find_key
        self._lock = threading.Lock()
        self._tokens: dict[str, _Token] = {}

    def issue(self, organization: Organization, key: ApiKey) -> Json:
        """A new access token as ``Credentials``."""
        token = secrets.token_urlsafe(32)
        expires = time.monotonic() + self.lifetime
        with self._lock:
            self._tokens[token] = _Token(organization.id, key.client_id, expires)
        return {
            "access_token": token,
            "token_type": "bearer",
            "expires_in": self.lifetime,
            "organizationId": organization.id,
            "userId": key.service_user_id,
        }

    def authenticate(self, authorization: str | None) -> tuple[Organization, ApiKey]:
        """Who asks, from the Authorization header; raises :class:`InvalidToken`."""
        scheme, _, text = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not text:
            raise InvalidToken("Full authentication is required to access this resource")
        token = self._tokens.get(text.strip())
        if token is None:
            raise InvalidToken("The access token is not valid")
        if token.expires_at <= time.monotonic():
            raise InvalidToken("The access token expired")
        found = self._find_key(token.client_id)
        if found is None or not found[1].active:
            raise InvalidToken("The API key is not active")
        return found

    def revoke(self, client_id: str) -> None:
        """Makes every token of an API key worthless."""
        with self._lock:
            self._tokens = {text: token for text, token in self._tokens.items() if token.client_id != client_id}

    def expire_all(self) -> None:
        """Lets every token that is out expire now."""
        with self._lock:
            self._tokens = {
                text: _Token(token.organization_id, token.client_id, 0.0) for text, token in self._tokens.items()
            }

    def forget_all(self) -> None:
        """Forgets every token, as if none had been issued."""
        with self._lock:
            self._tokens = {}
