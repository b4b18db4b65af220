"""Opens Huma and Fortnox for an organization; clients are kept, with their connections and tokens, for the process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from huma_fortnox.adapters.fortnox import FortnoxClient
from huma_fortnox.adapters.huma import HumaClient
from huma_fortnox.adapters.rate import SharedRateBudget
from huma_fortnox.adapters.tokens import FortnoxTokens
from huma_fortnox.domain.errors import HumaKeyRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from huma_fortnox.adapters.consent import FortnoxApp
    from huma_fortnox.adapters.http import HttpPolicy
    from huma_fortnox.adapters.huma import Unconfirmed
    from huma_fortnox.adapters.rate_ledger import Limit
    from huma_fortnox.adapters.secrets import OrganizationSecrets
    from huma_fortnox.adapters.table import Table
    from huma_fortnox.domain.outcome import Reason
    from huma_fortnox.services.ports import Fortnox, Huma, HumaAccess, Vault

_MOST_KEPT = 64


class RealSystems:
    """``ports.Systems`` over HTTP.

    ``on_consent_lost`` hears of the organization whose grant turned out to be gone, and why. ``fortnox_options``
    (``clearing``, ``complete_required``) and ``huma_unconfirmed`` are as the clients have them, ``limit`` is what
    Fortnox accepts of an organization.
    """

    def __init__(
        self,
        *,
        huma_api_url: str,
        fortnox_api_url: str,
        vault: Vault,
        secrets: OrganizationSecrets,
        table: Table,
        app: FortnoxApp,
        http: HttpPolicy,
        on_consent_lost: Callable[[str, Reason], object],
        fortnox_options: Mapping[str, Any] | None = None,
        huma_unconfirmed: Unconfirmed | None = None,
        limit: Limit | None = None,
    ) -> None:
        self._huma_api_url = huma_api_url
        self._fortnox_api_url = fortnox_api_url
        self._vault = vault
        self._secrets = secrets
        self._table = table
        self._app = app
        self._http = http
        self._on_consent_lost = on_consent_lost
        self._fortnox_options = fortnox_options or {}
        self._huma_unconfirmed = huma_unconfirmed
        self._limit = limit
        self._humas: dict[tuple[str, str], Huma] = {}
        self._fortnoxes: dict[str, Fortnox] = {}
        self._budgets: dict[str, SharedRateBudget] = {}

    def huma(self, organization_id: str) -> Huma:
        """Return the organization's Huma; raises ``HumaKeyRefused("huma-key-missing")`` without a key."""
        access = self._vault.huma(organization_id)
        if access is None:
            raise HumaKeyRefused("huma-key-missing")
        key = (access.client_id, access.client_secret)
        if key not in self._humas:
            _make_room(self._humas)
            self._humas[key] = self._open_huma(access, self._http.for_organization(organization_id))
        return self._humas[key]

    def huma_with(self, access: HumaAccess) -> Huma:
        """Return the Huma this key opens, to check it before it is kept."""
        return self._open_huma(access, self._http)

    def fortnox(self, organization_id: str) -> Fortnox:
        """Return the organization's Fortnox company; its calls raise ``ConsentNeeded`` when it is not connected."""
        if organization_id not in self._fortnoxes:
            _make_room(self._fortnoxes)
            _make_room(self._budgets)
            self._fortnoxes[organization_id] = self._open_fortnox(organization_id)
        return self._fortnoxes[organization_id]

    def give_back(self) -> None:
        """Give back what was taken of the rate budgets and not used; to be called when an invocation ends.

        Between two invocations a process stands still and cannot hear that others wait: what it kept would be out of
        everybody's reach until its holding has run out.
        """
        for budget in self._budgets.values():
            budget.give_back()

    def keep_alive(self, organization_id: str) -> bool:
        """Renew an organization's refresh token where it would expire unused; return whether it was due."""
        return self._tokens(organization_id).keep_alive()

    def _open_huma(self, access: HumaAccess, http: HttpPolicy) -> Huma:
        return HumaClient(
            self._huma_api_url, access.client_id, access.client_secret, http, unconfirmed=self._huma_unconfirmed
        )

    def _open_fortnox(self, organization_id: str) -> Fortnox:
        time_left, http = self._http.deadline.remaining, self._http.for_organization(organization_id)
        budget = SharedRateBudget(self._table, organization_id, limit=self._limit, time_left=time_left)
        self._budgets[organization_id] = budget
        tokens = self._tokens(organization_id)
        return FortnoxClient(self._fortnox_api_url, tokens, budget, http, **self._fortnox_options)

    def _tokens(self, organization_id: str) -> FortnoxTokens:
        def lost(reason: Reason) -> None:
            self._on_consent_lost(organization_id, reason)

        time_left = self._http.deadline.remaining
        return FortnoxTokens(organization_id, self._secrets, self._table, self._app, lost, time_left=time_left)


def _make_room(kept: dict[Any, Any]) -> None:
    """Let go of the client that was opened first when there are many."""
    if len(kept) >= _MOST_KEPT:
        kept.pop(next(iter(kept)))
