"""The organization's secret as the use cases see it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from huma_fortnox.adapters.secrets import FortnoxCredentials, GrantKind, HumaCredentials
from huma_fortnox.domain.errors import ConsentNeeded
from huma_fortnox.services.ports import HumaAccess

if TYPE_CHECKING:
    from collections.abc import Callable

    from huma_fortnox.adapters.secrets import OrganizationSecrets
    from huma_fortnox.services.ports import ConsentGranted


class SecretsVault:
    """``ports.Vault`` on Secrets Manager."""

    def __init__(self, secrets: OrganizationSecrets, *, clock: Callable[[], float] = time.time) -> None:
        self._secrets = secrets
        self._clock = clock

    def huma(self, organization_id: str) -> HumaAccess | None:
        """Return the organization's access to Huma, or ``None`` when it has not been entered."""
        secret = self._secrets.read(organization_id)
        if secret is None or secret.huma is None:
            return None
        return HumaAccess(secret.huma.client_id, secret.huma.client_secret, secret.huma.webhook_secret)

    def save_huma(self, organization_id: str, access: HumaAccess) -> None:
        """Keep the organization's access to Huma."""
        self._secrets.save_huma(
            organization_id, HumaCredentials(access.client_id, access.client_secret, access.webhook_secret)
        )

    def save_consent(self, organization_id: str, granted: ConsentGranted) -> None:
        """Keep what Fortnox granted."""
        self._secrets.save_fortnox(
            organization_id,
            FortnoxCredentials(
                grant=GrantKind(granted.grant),
                tenant_id=granted.company.tenant_id,
                access_token=granted.access_token,
                expires_at=granted.expires_at,
                refresh_token=granted.refresh_token,
                refreshed_at=int(self._clock()),
                scope=granted.scope,
            ),
        )

    def forget_consent(self, organization_id: str) -> None:
        """Forget what Fortnox granted."""
        self._secrets.forget_fortnox(organization_id)

    def base_key(self, organization_id: str) -> bytes:
        """Return the key of the organization's base digests, which is made with its first secret."""
        secret = self._secrets.read(organization_id)
        if secret is None or not secret.base_key:
            raise ConsentNeeded("not-connected")
        return bytes.fromhex(secret.base_key)
