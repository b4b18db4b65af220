"""Plans made from what a run has read: the snapshot of both sides, the links and the decisions."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from huma_fortnox.domain.decisions import Decisions
from huma_fortnox.domain.digest import keyed_digest
from huma_fortnox.domain.people import Employee, User
from huma_fortnox.domain.plan import plan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from huma_fortnox.domain.plan_types import PlannedPerson
    from huma_fortnox.services.ports import ConnectionStore, LinkStore, SynchronizationStore, Vault

USERS, EMPLOYEES = "users", "employees"
"""Names of the chunks that hold what was read."""


def user_to_json(user: User) -> dict[str, Any]:
    """Return a user as plain JSON."""
    return asdict(user) | {"locked": sorted(user.locked)}


def user_from_json(data: Mapping[str, Any]) -> User:
    """Read what ``user_to_json`` wrote."""
    return User(**{**data, "locked": frozenset(data["locked"])})


def employee_to_json(employee: Employee) -> dict[str, Any]:
    """Return an employee as plain JSON."""
    return asdict(employee)


def employee_from_json(data: Mapping[str, Any]) -> Employee:
    """Read what ``employee_to_json`` wrote."""
    return Employee(**data)


class Planning:
    """Plans of one run, from its snapshot."""

    def __init__(
        self, *, store: SynchronizationStore, links: LinkStore, connections: ConnectionStore, vault: Vault
    ) -> None:
        self._store = store
        self._links = links
        self._connections = connections
        self._vault = vault

    def users(self, organization_id: str, synchronization_id: str) -> dict[str, User]:
        """Return everybody read from Huma, by id: somebody read twice, as pages moved, counts once."""
        return {
            data["id"]: user_from_json(data)
            for _, chunk in self._store.chunks(organization_id, synchronization_id, USERS)
            for data in chunk
        }

    def employees(self, organization_id: str, synchronization_id: str) -> dict[str, tuple[int, Employee]]:
        """Return everybody read from Fortnox, by id, with the number of the page they stood on."""
        return {
            data["id"]: (page, employee_from_json(data))
            for page, chunk in self._store.chunks(organization_id, synchronization_id, EMPLOYEES)
            for data in chunk
        }

    def undecided(self, organization_id: str, synchronization_id: str) -> tuple[PlannedPerson, ...]:
        """Return the plan as the comparison finds it."""
        return self._plan(organization_id, synchronization_id, Decisions())

    def decided(self, organization_id: str, synchronization_id: str) -> tuple[PlannedPerson, ...]:
        """Return the plan with the decisions so far carried through everybody, clashes between them included."""
        decisions = self._store.decisions(organization_id, synchronization_id)
        return self._plan(organization_id, synchronization_id, decisions)

    def _plan(self, organization_id: str, synchronization_id: str, decisions: Decisions) -> tuple[PlannedPerson, ...]:
        return plan(
            self.users(organization_id, synchronization_id).values(),
            (employee for _, employee in self.employees(organization_id, synchronization_id).values()),
            links=self._links.links(organization_id),
            decisions=decisions,
            digest=keyed_digest(self._vault.base_key(organization_id)),
            settings=self._connections.load(organization_id).settings.fields,
        ).people
