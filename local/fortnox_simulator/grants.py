"""Consents, codes and tokens: who may do what for which company, and until when."""

from __future__ import annotations

import base64
import gzip
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from local.fortnox_simulator.options import Options

RIGHTS = [f"lon.{area}.{right}" for area in ("anstallda", "lonekorning", "kalender") for right in "rw"]
RIGHTS += [hashlib.sha256(str(number).encode()).hexdigest()[:16] for number in range(64)]


@dataclass
class Consent:
    """What one company allows the app; `service` when given for a service account."""

    tenant: int
    scopes: frozenset[str]
    service: bool
    user: int


@dataclass(frozen=True)
class Code:
    """An authorization code, good for one exchange with the same redirect URI."""

    consent: Consent
    redirect_uri: str | None
    expires: float


@dataclass(frozen=True)
class RefreshToken:
    """A refresh token, good for one use."""

    consent: Consent
    scopes: frozenset[str]
    expires: float


@dataclass
class AccessToken:
    """What an access token allows."""

    tenant: int
    scopes: frozenset[str]
    expires: float


@dataclass
class Grants:
    """Everything handed out; the caller holds the simulator's lock."""

    options: Options
    now: Callable[[], float]
    consents: dict[int, Consent] = field(default_factory=dict)
    codes: dict[str, Code] = field(default_factory=dict)
    refresh_tokens: dict[str, RefreshToken] = field(default_factory=dict)
    access_tokens: dict[str, AccessToken] = field(default_factory=dict)
    _key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    def consent(self, tenant: int, scopes: Iterable[str], *, service: bool, user: int) -> Consent:
        """Record a company's consent in place of an earlier one; earlier tokens keep their scopes."""
        given = Consent(tenant, frozenset(scopes), service, user)
        self.consents[tenant] = given
        return given

    def issue_code(self, consent: Consent, redirect_uri: str | None) -> str:
        """Give a code for the consent, bound to the redirect URI the request named."""
        code = secrets.token_urlsafe(24)
        self.codes[code] = Code(consent, redirect_uri, self.now() + self.options.code_seconds)
        return code

    def take_code(self, code: str) -> Code | None:
        """Use up a code; None when it is unknown, used or expired."""
        found = self.codes.pop(code, None)
        return found if found and found.expires > self.now() else None

    def issue_refresh_token(self, consent: Consent, scopes: frozenset[str]) -> str:
        """Give a refresh token."""
        token = secrets.token_hex(20)
        expires = self.now() + self.options.refresh_token_seconds
        self.refresh_tokens[token] = RefreshToken(consent, scopes, expires)
        return token

    def find_refresh_token(self, token: str) -> RefreshToken | None:
        """Look a refresh token up without using it; None when unknown, used or expired."""
        found = self.refresh_tokens.get(token)
        return found if found and found.expires > self.now() else None

    def issue_access_token(self, consent: Consent, scopes: frozenset[str]) -> str:
        """Give an access token: a JWT (HS256) as Fortnox's, some kilobytes long."""
        issued = int(self.now())
        expires = self.now() + self.options.access_token_seconds
        number = secrets.token_hex(20)
        claims = {
            "id": number,
            "jti": number,
            "iss": "https://api.fortnox.se/oauth2",
            "aud": self.options.client_id,
            "sub": f"{consent.user}@{consent.tenant}",
            "iat": issued,
            "exp": issued + self.options.access_token_seconds,
            "token_type": "bearer",
            "scope": " ".join(sorted(scopes)),
            "scopes": sorted(scopes),
            "userId": consent.user,
            "tenantId": consent.tenant,
            "clientId": self.options.client_id,
            "authsource": "OAUTH2",
            "rightsAsJson": _encode(gzip.compress(json.dumps(RIGHTS).encode())),
        }
        token = self._signed(claims)
        self.access_tokens[token] = AccessToken(consent.tenant, scopes, expires)
        return token

    def find_access_token(self, token: str) -> AccessToken | None:
        """Look an access token up; None when unknown or expired."""
        found = self.access_tokens.get(token)
        return found if found and found.expires > self.now() else None

    def revoke_consent(self, tenant: int | None = None) -> None:
        """Forget the consent of one company, or of all, with everything it led to."""
        for gone in [tenant] if tenant is not None else list(self.consents):
            self.consents.pop(gone, None)
            self.codes = {k: v for k, v in self.codes.items() if v.consent.tenant != gone}
            self.refresh_tokens = {k: v for k, v in self.refresh_tokens.items() if v.consent.tenant != gone}
            self.access_tokens = {k: v for k, v in self.access_tokens.items() if v.tenant != gone}

    def lose_scope(self, scope: str) -> None:
        """Take a scope from all consents and tokens; a new consent may give it again."""
        lost = {scope}
        for consent in self.consents.values():
            consent.scopes -= lost
        for token in self.access_tokens.values():
            token.scopes -= lost
        self.refresh_tokens = {
            k: RefreshToken(v.consent, v.scopes - lost, v.expires) for k, v in self.refresh_tokens.items()
        }

    def _signed(self, claims: dict[str, object]) -> str:
        head = _encode(json.dumps({"typ": "JWT", "alg": "HS256"}).encode())
        signed = f"{head}.{_encode(json.dumps(claims).encode())}"
        return f"{signed}.{_encode(hmac.digest(self._key, signed.encode(), 'sha256'))}"


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
