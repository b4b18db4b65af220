"""The organization's secret as the use cases see it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from huma_fortnox.adapters.secrets import FortnoxCredentials, GrantKind, HumaCredentials, OrganizationSecret
from huma_fortnox.adapters.vault import SecretsVault
from huma_fortnox.domain.errors import ConsentNeeded
from huma_fortnox.services.ports import Company, ConsentGranted, HumaAccess

NOW = 1_800_000_000.5
GRANTED = ConsentGranted(
    Company("Exempel AB", "556000-0000", "007"), "refresh_token", "access", 1_800_003_600, "refresh", "salary"
)


class Secrets:
    """The secrets in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, OrganizationSecret] = {}

    def read(self, organization_id: str) -> OrganizationSecret | None:
        return self.kept.get(organization_id)

    def _secret(self, organization_id: str) -> OrganizationSecret:
        return self.kept.get(organization_id) or OrganizationSecret(organization_id, "1", None, None, "00ff")

    def save_huma(self, organization_id: str, credentials: HumaCredentials) -> None:
        self.kept[organization_id] = replace(self._secret(organization_id), huma=credentials)

    def save_fortnox(self, organization_id: str, credentials: FortnoxCredentials) -> None:
        self.kept[organization_id] = replace(self._secret(organization_id), fortnox=credentials)

    def forget_fortnox(self, organization_id: str) -> None:
        self.kept[organization_id] = replace(self._secret(organization_id), fortnox=None)


def vault() -> tuple[SecretsVault, Secrets]:
    secrets: Any = Secrets()
    return SecretsVault(secrets, clock=lambda: NOW), secrets


def test_the_huma_key_comes_back_as_it_was_kept() -> None:
    kept, _ = vault()
    assert kept.huma("org") is None
    kept.save_huma("org", HumaAccess("key", "secret", "webhook"))
    assert kept.huma("org") == HumaAccess("key", "secret", "webhook")
    assert kept.huma("other") is None


def test_an_organization_that_is_connected_only_has_no_huma_key() -> None:
    kept, _ = vault()
    kept.save_consent("org", GRANTED)
    assert kept.huma("org") is None


@pytest.mark.parametrize("grant", list(GrantKind))
def test_everything_about_a_consent_is_kept(grant: GrantKind) -> None:
    kept, secrets = vault()
    kept.save_consent("org", replace(GRANTED, grant=grant.value))
    assert secrets.kept["org"].fortnox == FortnoxCredentials(
        grant=grant,
        tenant_id="007",
        access_token="access",
        expires_at=1_800_003_600,
        refresh_token="refresh",
        refreshed_at=1_800_000_000,
        scope="salary",
    )


def test_a_forgotten_consent_leaves_the_key_and_the_bases() -> None:
    kept, secrets = vault()
    kept.save_huma("org", HumaAccess("key", "secret", "webhook"))
    kept.save_consent("org", GRANTED)
    kept.forget_consent("org")
    assert secrets.kept["org"].fortnox is None
    assert kept.huma("org")
    assert kept.base_key("org") == b"\x00\xff"


def test_without_a_secret_there_is_no_key_for_bases() -> None:
    kept, secrets = vault()
    with pytest.raises(ConsentNeeded, match="not-connected"):
        kept.base_key("org")
    secrets.kept["org"] = OrganizationSecret("org", "1", None, None, "")
    with pytest.raises(ConsentNeeded, match="not-connected"):
        kept.base_key("org")


def test_no_secret_is_in_a_repr() -> None:
    assert "secret" not in repr(HumaAccess("key", "the secret", "webhook secret"))
    assert "refresh-1" not in repr(replace(GRANTED, access_token="access-1", refresh_token="refresh-1"))
    assert "access-1" not in repr(replace(GRANTED, access_token="access-1"))
