"""Huma's signed tokens: the signature is checked with the keys Huma publishes, by their ``kid``.

Keys are kept for an hour; an unknown ``kid`` fetches them again, at most every minute, so that Huma may change keys
at any time and nobody can make us fetch without end.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from huma_fortnox.adapters.http import Action, Call, ErrorTable, HttpPolicy, Rule, Verdict
from huma_fortnox.domain.errors import NotSignedIn, TransientError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import jwt

    from huma_fortnox.adapters.http import Answer

AUDIENCE = "fortnox-integration"
ALGORITHMS = ("ES256", "RS256")
LEEWAY_SECONDS = 10
_KEPT_SECONDS = 3600.0
_LEAST_SECONDS = 60.0
_REQUIRED = ("iss", "aud", "iat", "exp", "jti", "org", "sub")

_ERRORS = ErrorTable({("*", "*"): Rule(Action.REPEAT, TransientError, "huma-keys-unavailable")})


class HumaTokens:
    """``ports.LaunchTokens``: tokens signed by Huma for this integration."""

    system = "huma-keys"

    def __init__(
        self, jwks_url: str, issuer: str, http: HttpPolicy, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._jwks_url = jwks_url
        self._issuer = issuer
        self._http = http
        self._clock = clock
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at = float("-inf")

    def claims(self, token: str) -> Mapping[str, Any]:
        """Return the claims of a token that is genuine, for us and in time.

        Raises ``NotSignedIn`` (``launch-expired``, ``launch-not-for-us``, ``launch-invalid``) and
        ``TransientError`` when Huma's keys cannot be fetched.
        """
        # Imported where needed: it brings cryptography along, and most requests come with a session instead.
        import jwt

        try:
            header = jwt.get_unverified_header(token)
            key = self._key(str(header.get("kid", "")))
            if key is None or header.get("alg") not in ALGORITHMS:
                raise NotSignedIn("launch-invalid")
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[str(header["alg"])],
                audience=AUDIENCE,
                issuer=self._issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": list(_REQUIRED)},
            )
        except jwt.ExpiredSignatureError:
            raise NotSignedIn("launch-expired") from None
        except (jwt.InvalidAudienceError, jwt.InvalidIssuerError):
            raise NotSignedIn("launch-not-for-us") from None
        except jwt.PyJWTError:
            raise NotSignedIn("launch-invalid") from None
        return claims

    def _key(self, kid: str) -> jwt.PyJWK | None:
        age = self._clock() - self._fetched_at
        if age > _KEPT_SECONDS or (kid not in self._keys and age > _LEAST_SECONDS):
            self._keys = self._fetch()
            self._fetched_at = self._clock()
        return self._keys.get(kid)

    def _fetch(self) -> dict[str, jwt.PyJWK]:
        import jwt

        document = self._http.send(Call("huma.keys", "GET", self._jwks_url), self).document
        try:
            return {key.key_id: key for key in jwt.PyJWKSet.from_dict(document).keys if key.key_id}
        except jwt.PyJWTError:
            raise TransientError("huma-keys-unavailable") from None

    # -- how the connection policy sees this system

    def headers(self) -> Mapping[str, str]:
        """Return what every request carries."""
        return {"Accept": "application/json"}

    def before(self) -> None:
        """Nothing is rationed here."""

    def slow_down(self, seconds: float) -> None:
        """Nobody else needs to know."""

    def token_refused(self, headers: Mapping[str, str]) -> None:
        """There is no token."""

    def judge(self, call: Call, answer: Answer) -> Verdict | None:
        """Accept a JSON object, ask again for anything else."""
        if answer.status == 200 and isinstance(answer.document, dict):
            return None
        return Verdict(_ERRORS.find(answer.status, None))
