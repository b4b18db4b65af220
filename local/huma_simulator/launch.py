"""The signed token with which Huma opens an integration's page, and the keys it is signed with.

A launch token is a JWT with ``iss``, ``aud``, ``iat``, ``exp`` (five minutes), ``jti``, ``org``,
``sub``, ``name``, ``email``, ``locale`` and ``permissions``; its header names the key by ``kid``.
A bearer token for an integration's API has the same form. Public keys stand in a JWKS.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

if TYPE_CHECKING:
    from local.huma_simulator.organization import Administrator, Json, Organization

AUDIENCE = "fortnox-integration"
LIFETIME_SECONDS = 300
ALGORITHMS = {"es256": "ES256", "rs256": "RS256"}
KEY_CHOICES = ("current", "unknown", "forged")

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True, slots=True)
class _SigningKey:
    kid: str
    private: PrivateKey


class LaunchSigner:
    """Signs launch tokens, by default with the newest of the published keys."""

    def __init__(self, kind: str = "es256") -> None:
        self.algorithm = ALGORITHMS[kind]
        self._keys = [self._new_key()]
        self._unpublished: _SigningKey | None = None

    def rotate(self) -> str:
        """Publishes a new key beside the old ones, signs with it from now on; gives its kid."""
        self._keys = [*self._keys, self._new_key()]
        return self._keys[-1].kid

    def jwks(self) -> Json:
        """The public halves of the published keys, as a JSON Web Key Set."""
        return {"keys": [self._public(key) for key in self._keys]}

    def sign(self, claims: Json, which: str = "current") -> str:
        """A JWT over ``claims``.

        ``which`` key: ``current``; ``unknown``, a key with a kid that is not published;
        ``forged``, that same key under the kid of the current one.
        """
        key = self._keys[-1]
        kid = key.kid
        if which != "current":
            if self._unpublished is None:
                self._unpublished = self._new_key()
            key = self._unpublished
            kid = key.kid if which == "unknown" else kid
        return jwt.encode(claims, key.private, algorithm=self.algorithm, headers={"kid": kid})

    def _new_key(self) -> _SigningKey:
        private: PrivateKey
        if self.algorithm == "ES256":
            private = ec.generate_private_key(ec.SECP256R1())
        else:
            private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        return _SigningKey(str(uuid.uuid4()), private)

    def _public(self, key: _SigningKey) -> Json:
        if isinstance(key.private, ec.EllipticCurvePrivateKey):
            parameters = ECAlgorithm.to_jwk(key.private.public_key(), as_dict=True)
        else:
            parameters = RSAAlgorithm.to_jwk(key.private.public_key(), as_dict=True)
        parameters.pop("key_ops", None)
        return dict(parameters) | {"kid": key.kid, "use": "sig", "alg": self.algorithm}


def launch_claims(
    issuer: str,
    organization: Organization,
    administrator: Administrator,
    overrides: dict[str, Any] | None = None,
    *,
    expired: bool = False,
) -> Json:
    """The claims of a launch token; an override of ``None`` leaves a claim out."""
    issued = int(time.time()) - (2 * LIFETIME_SECONDS if expired else 0)
    claims: Json = {
        "iss": issuer,
        "aud": AUDIENCE,
        "iat": issued,
        "exp": issued + LIFETIME_SECONDS,
        "jti": str(uuid.uuid4()),
        "org": organization.id,
        "sub": administrator.id,
        "name": administrator.name,
        "email": administrator.email,
        "locale": administrator.locale,
        "permissions": list(administrator.permissions),
    }
    claims |= overrides or {}
    return {name: value for name, value in claims.items() if value is not None}
