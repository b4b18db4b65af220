"""What an organization keeps secret, one entry in Secrets Manager named ``<prefix>/<organizationId>``.

The entry is one JSON document::

    {"huma": {"client_id", "client_secret", "webhook_secret"},
     "fortnox": {"grant", "tenant_id", "access_token", "expires_at", "refresh_token", "refreshed_at", "scope",
                 "consent_id"},
     "base_key": "<hex>"}

Members that are not known here are kept as they are. A change is compare-and-swap: the identifier of a new version is
derived from the version it was made from, and Secrets Manager refuses another content under a known identifier
(https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html, ``ClientRequestToken``). So
of two writers who read the same version one succeeds, and the other reads again and makes its change anew. An emulator
that does not refuse is still read again right before each write.

No value of these classes is ever part of a ``repr``, an error or a log.
"""

from __future__ import annotations

import json
import random
import secrets
import threading
import time
import uuid
from dataclasses import asdict, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from huma_fortnox.domain.errors import Conflict, Defect, TransientError
from huma_fortnox.domain.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mypy_boto3_secretsmanager import SecretsManagerClient

CACHED_SECONDS = 30.0
"""How long a document that was read serves callers who did not ask for a fresh one."""

_ATTEMPTS = 10
_VERSIONS = uuid.UUID("5f1d2c0e-3a53-4c1f-9d0e-6a7c1f6f3b52")
_OURS_TO_MEND = {
    "AccessDeniedException",
    "DecryptionFailure",
    "EncryptionFailure",
    "InvalidParameterException",
    "InvalidRequestException",
    "MalformedPolicyDocumentException",
    "UnrecognizedClientException",
    "ValidationException",
}


class GrantKind(StrEnum):
    """How access tokens are got: by the company's standing consent, or by a chain of single-use refresh tokens."""

    CLIENT_CREDENTIALS = "client_credentials"
    REFRESH_TOKEN = "refresh_token"  # noqa: S105 - the name of a grant


@dataclass(frozen=True, slots=True, repr=False)
class HumaCredentials:
    """The organization's Huma Open API key and the secret that signs its webhook."""

    client_id: str
    client_secret: str
    webhook_secret: str

    def __repr__(self) -> str:
        return "HumaCredentials(…)"


@dataclass(frozen=True, slots=True, repr=False)
class FortnoxCredentials:
    """The authorization for one Fortnox company; times are Unix seconds.

    ``refreshed_at`` is when the tokens were issued, ``scope`` what they are good for, separated by spaces.
    ``consent_id`` names the administrator's consent they came from, is no secret, and is drawn when the first
    credentials of a consent are saved.
    """

    grant: GrantKind
    tenant_id: str
    access_token: str = ""
    expires_at: int = 0
    refresh_token: str = ""
    refreshed_at: int = 0
    scope: str = ""
    consent_id: str = ""

    def __repr__(self) -> str:
        return f"FortnoxCredentials(grant={self.grant.value!r}, expires_at={self.expires_at}, …)"


@dataclass(frozen=True, slots=True, repr=False)
class OrganizationSecret:
    """The document of one organization as of ``version``; ``base_key`` is hex, and empty until the first save."""

    organization_id: str
    version: str
    huma: HumaCredentials | None
    fortnox: FortnoxCredentials | None
    base_key: str

    def __repr__(self) -> str:
        return f"OrganizationSecret(organization_id={self.organization_id!r}, version={self.version!r}, …)"


class OrganizationSecrets:
    """The secrets of all organizations under one prefix, new ones encrypted with ``kms_key``; safe to share by threads.

    Methods raise ``TransientError("secrets-unavailable")`` when Secrets Manager does not answer, ``Defect`` when it
    refuses us or holds something unreadable, and ``Conflict`` when writers kept overtaking us.
    """

    def __init__(
        self,
        client: SecretsManagerClient,
        prefix: str,
        *,
        kms_key: str = "",
        cached_seconds: float = CACHED_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._client = client
        self._prefix = prefix
        self._encryption: Any = {"KmsKeyId": kms_key} if kms_key else {}
        self._cached_seconds = cached_seconds
        self._clock = clock
        self._sleep = sleep
        self._jitter = jitter
        self._cache: dict[str, tuple[float, OrganizationSecret]] = {}
        self._lock = threading.Lock()

    def read(self, organization_id: str, *, fresh: bool = False, version: str = "") -> OrganizationSecret | None:
        """Return the organization's secret, at most 30 s old; ``None`` when it has none.

        ``fresh`` asks Secrets Manager; ``version`` asks it for that version, which is found even while the newest one
        is not seen everywhere yet.
        """
        if not fresh and not version:
            with self._lock:
                cached = self._cache.get(organization_id)
            if cached and self._clock() < cached[0]:
                return cached[1]
        found = self._load(organization_id, version)
        if found is None:
            return None
        secret = _parse(organization_id, *found)
        if not version:
            self._remember(secret)
        return secret

    def save_huma(self, organization_id: str, credentials: HumaCredentials) -> OrganizationSecret:
        """Store the organization's Huma credentials, creating its secret when it has none."""
        return self._change(organization_id, lambda document: {**document, "huma": asdict(credentials)})

    def save_fortnox(
        self, organization_id: str, credentials: FortnoxCredentials, *, renewal: bool = False
    ) -> OrganizationSecret:
        """Store the organization's Fortnox credentials, creating its secret when it has none.

        Without a ``consent_id`` they start a consent. As a ``renewal`` they replace credentials of their own consent
        only: raises ``Conflict("consent-replaced")`` when somebody connected or disconnected meanwhile.
        """
        saved = credentials if credentials.consent_id else replace(credentials, consent_id=uuid.uuid4().hex)

        def change(document: Mapping[str, Any]) -> dict[str, Any]:
            if renewal and (document.get("fortnox") or {}).get("consent_id", "") != credentials.consent_id:
                raise Conflict("consent-replaced")
            return {**document, "fortnox": asdict(saved)}

        return self._change(organization_id, change)

    def forget_fortnox(self, organization_id: str) -> None:
        """Remove the organization's Fortnox credentials; having none is fine."""
        current = self.read(organization_id, fresh=True)
        if current is not None and current.fortnox is not None:
            self._change(organization_id, lambda document: {**document, "fortnox": None})

    def _change(
        self, organization_id: str, change: Callable[[Mapping[str, Any]], dict[str, Any]]
    ) -> OrganizationSecret:
        for attempt in range(_ATTEMPTS):
            if attempt:
                self._sleep(self._jitter() * min(2.0, 0.02 * 2**attempt))
            found = self._load(organization_id)
            version, document = found or ("", {})
            document = change(document)
            document.setdefault("base_key", secrets.token_hex(32))
            written = self._write(organization_id, version, document)
            if written:
                secret = _parse(organization_id, written, document)
                self._remember(secret)
                return secret
        raise Conflict("secret-contended")

    def _load(self, organization_id: str, version: str = "") -> tuple[str, dict[str, Any]] | None:
        wanted = {"VersionId": version} if version else {}
        try:
            answer = self._client.get_secret_value(SecretId=self._name(organization_id), **wanted)
        except (ClientError, BotoCoreError) as error:
            if _code(error) == "ResourceNotFoundException":
                return None
            raise _translated(error) from None
        try:
            document = json.loads(answer["SecretString"])
        except (KeyError, ValueError):
            document = None
        if not isinstance(document, dict):
            raise Defect("secret-unreadable")
        return answer["VersionId"], document

    def _write(self, organization_id: str, version: str, document: Mapping[str, Any]) -> str:
        """Write the successor of ``version``, and return its version; empty when somebody else was quicker."""
        content = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
        name = self._name(organization_id)
        try:
            if not version:
                created = self._client.create_secret(
                    Name=name,
                    SecretString=content,
                    Description="Huma and Fortnox credentials of one organization",
                    **self._encryption,
                )
                return created["VersionId"]
            successor = str(uuid.uuid5(_VERSIONS, version))
            answer = self._client.put_secret_value(SecretId=name, SecretString=content, ClientRequestToken=successor)
        except (ClientError, BotoCoreError) as error:
            if _code(error) == "ResourceExistsException":
                return ""
            raise _translated(error) from None
        return answer["VersionId"]

    def _remember(self, secret: OrganizationSecret) -> None:
        with self._lock:
            self._cache[secret.organization_id] = (self._clock() + self._cached_seconds, secret)

    def _name(self, organization_id: str) -> str:
        return f"{self._prefix}/{organization_id}"


def _parse(organization_id: str, version: str, document: Mapping[str, Any]) -> OrganizationSecret:
    huma, fortnox = document.get("huma"), document.get("fortnox")
    try:
        return OrganizationSecret(
            organization_id,
            version,
            HumaCredentials(str(huma["client_id"]), str(huma["client_secret"]), str(huma.get("webhook_secret") or ""))
            if huma
            else None,
            FortnoxCredentials(
                GrantKind(fortnox["grant"]),
                str(fortnox.get("tenant_id") or ""),
                str(fortnox.get("access_token") or ""),
                int(fortnox.get("expires_at") or 0),
                str(fortnox.get("refresh_token") or ""),
                int(fortnox.get("refreshed_at") or 0),
                str(fortnox.get("scope") or ""),
                str(fortnox.get("consent_id") or ""),
            )
            if fortnox
            else None,
            str(document.get("base_key") or ""),
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        # The exception's own text would quote the document.
        raise Defect("secret-unreadable") from None


def _code(error: Exception) -> str:
    return error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__


def _translated(error: Exception) -> TransientError | Defect:
    code = _code(error)
    if code in _OURS_TO_MEND:
        return Defect("secrets-refused", {"code": code})
    return TransientError("secrets-unavailable", {"code": code})
