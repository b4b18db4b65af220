"""Both systems opened for organizations: what an invocation took of the rate budgets is back when it ends."""

from __future__ import annotations

from typing import Any

import pytest
from huma_fortnox.adapters.http import Deadline, HttpPolicy
from huma_fortnox.adapters.rate_ledger import Limit
from huma_fortnox.adapters.systems import RealSystems
from huma_fortnox.domain.errors import HumaKeyRefused, TransientError
from huma_fortnox.services.ports import HumaAccess

from tests.unit.services.fakes import FakeVault

ONE, TWO = "6f1c2a0e-0000-4000-8000-000000000001", "6f1c2a0e-0000-4000-8000-000000000002"
PERMITS = Limit().permits


class OneTable:
    """The state table as the budgets use it; ``down`` while it does not answer."""

    def __init__(self) -> None:
        self.items: dict[str, dict[str, Any]] = {}
        self.calls = 0
        self.down = False

    def get(self, pk: str, sk: str) -> dict[str, Any] | None:
        self._call()
        return self.items.get(f"{pk}/{sk}")

    def put(self, item: dict[str, Any], **_condition: Any) -> bool:
        self._call()
        self.items[f"{item['pk']}/{item['sk']}"] = item
        return True

    def held(self, organization_id: str) -> int:
        """Return how many of an organization's permits some worker holds."""
        holdings = self.items[f"ORG#{organization_id}/RATE"]["holdings"].values()
        return sum(int(holding["permits"]) for holding in holdings)

    def free(self, organization_id: str) -> int:
        return len(self.items[f"ORG#{organization_id}/RATE"]["free"])

    def _call(self) -> None:
        self.calls += 1
        if self.down:
            raise TransientError("state-unavailable")


@pytest.fixture
def table() -> OneTable:
    return OneTable()


@pytest.fixture
def systems(table: OneTable) -> RealSystems:
    state: Any = table
    nothing: Any = None
    vault = FakeVault()
    vault.save_huma(ONE, HumaAccess("client", "secret", "webhook"))
    return RealSystems(
        huma_api_url="https://huma.example.com",
        fortnox_api_url="https://fortnox.example.com",
        vault=vault,
        secrets=nothing,
        table=state,
        app=nothing,
        http=HttpPolicy(deadline=Deadline()),
        on_consent_lost=lambda _organization_id, _reason: None,
    )


def acquire(systems: RealSystems, organization_id: str) -> None:
    """Take a permit as a request to Fortnox does."""
    client: Any = systems.fortnox(organization_id)
    client.before()


def test_what_was_taken_of_every_budget_and_not_used_is_given_back(systems: RealSystems, table: OneTable) -> None:
    for organization_id in (ONE, TWO):
        acquire(systems, organization_id)
        assert table.held(organization_id) > 0
    systems.give_back()
    for organization_id in (ONE, TWO):
        assert (table.held(organization_id), table.free(organization_id)) == (0, PERMITS)


def test_the_next_invocation_takes_anew_with_the_same_clients(systems: RealSystems, table: OneTable) -> None:
    acquire(systems, ONE)
    client = systems.fortnox(ONE)
    systems.give_back()
    acquire(systems, ONE)
    assert systems.fortnox(ONE) is client
    assert table.held(ONE) > 0


def test_an_invocation_that_asked_fortnox_nothing_gives_nothing_back(systems: RealSystems, table: OneTable) -> None:
    systems.fortnox(ONE)
    systems.give_back()
    acquire(systems, ONE)
    systems.give_back()
    calls = table.calls
    systems.give_back()
    assert table.calls == calls


def test_an_invocation_ends_well_when_nothing_can_be_given_back(systems: RealSystems, table: OneTable) -> None:
    for organization_id in (ONE, TWO):
        acquire(systems, organization_id)
    table.down = True
    systems.give_back()
    table.down = False
    acquire(systems, TWO)


def test_one_client_serves_an_organization_and_no_other(systems: RealSystems) -> None:
    assert systems.fortnox(ONE) is systems.fortnox(ONE)
    assert systems.fortnox(ONE) is not systems.fortnox(TWO)
    assert systems.huma(ONE) is systems.huma(ONE)
    with pytest.raises(HumaKeyRefused, match="huma-key-missing"):
        systems.huma(TWO)


def test_of_many_organizations_the_first_ones_are_let_go(systems: RealSystems) -> None:
    first = systems.fortnox(ONE)
    for number in range(64):
        systems.fortnox(f"organization-{number}")
    assert systems.fortnox(ONE) is not first
