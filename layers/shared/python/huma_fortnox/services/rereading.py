"""Reading one blocked person again while a run waits, and planning this one person anew.

Somebody mended in Huma or Fortnox what kept a person from being compared, and wants to go on without a new run. What
is so now takes the place of what was read, and the person is planned among everybody as they were read. Nothing else
of the plan changes, but for somebody who turns out to be the other half.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from huma_fortnox.domain.errors import BadRequest, Conflict, TransientError
from huma_fortnox.domain.fields import read_employee, read_user
from huma_fortnox.domain.plan_types import Situation
from huma_fortnox.services.model import SynchronizationState
from huma_fortnox.services.replacing import replace_person
from huma_fortnox.services.snapshot import (
    EMPLOYEES,
    USERS,
    employees_from_json,
    employees_to_json,
    users_from_json,
    users_to_json,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from huma_fortnox.domain.people import Employee, User
    from huma_fortnox.services.model import Synchronization
    from huma_fortnox.services.planning import Planning
    from huma_fortnox.services.ports import Leases, SynchronizationStore, Systems

LEASE, LEASE_SECONDS = "plan", 60.0
"""Only one person of a plan is replaced at a time."""


class Rereading:
    """Reads people of waiting runs again.

    ``leases`` are those of an organization. ``afterwards`` is called when a system was asked, whatever it said.
    """

    def __init__(
        self,
        *,
        store: SynchronizationStore,
        planning: Planning,
        systems: Callable[[], Systems],
        leases: Callable[[str], Leases],
        afterwards: Callable[[], object],
    ) -> None:
        self._store = store
        self._planning = planning
        self._systems = systems
        self._leases = leases
        self._afterwards = afterwards

    def read_again(self, run: Synchronization, key: str) -> Situation | None:
        """Read a blocked person of a waiting run again; return where they stand now, ``None`` when they are gone.

        Raises ``BadRequest`` (``not-in-plan``) for anybody else, and ``Conflict`` when the run no longer waits.
        """
        place = (run.organization_id, run.id)
        if not self._store.persons(*place, [key], [Situation.BLOCKED.value]):
            raise BadRequest("not-in-plan", {"what": "person"})
        leases = self._leases(run.organization_id)
        lease = leases.acquire(LEASE, LEASE_SECONDS)
        if lease is None:
            raise TransientError("state-unavailable", {"code": "busy"})
        try:
            self._renew(run, key)
            planned = self._planning.anew(*place, key, told=run.notes)
            # What was found is kept first, so that whoever is shown the new counts finds the people, too.
            changes = replace_person(self._store, run, key, planned)
            # Whoever has looked at a summary has not seen this.
            changes["decided"] = uuid.uuid4().hex
            waiting = (SynchronizationState.AWAITING_DECISIONS,)
            if not self._store.change(*place, changes, only_from=waiting):
                raise Conflict("already-applied")
        finally:
            leases.release(lease)
        return planned.person.situation if planned is not None else None

    def _renew(self, run: Synchronization, key: str) -> None:
        """Read the person from the side they stand on, and put that where it was read before."""
        side, _, identifier = key.partition(":")
        try:
            if side == "u":
                record = self._systems().huma(run.organization_id).user(identifier)
                self._put_user(run, identifier, [read_user(record)] if record is not None else [])
            else:
                found = self._systems().fortnox(run.organization_id).employee(identifier)
                settings = self._planning.settings(run.organization_id)
                self._put_employee(run, identifier, [read_employee(found, settings)] if found is not None else [])
        finally:
            self._afterwards()

    def _put_user(self, run: Synchronization, identifier: str, now: Sequence[User]) -> None:
        for number, data in self._chunks(run, USERS):
            if identifier in data["id"]:
                users = [one for user in users_from_json(data) for one in (now if user.id == identifier else [user])]
                self._store.save_chunk(run.organization_id, run.id, USERS, number, users_to_json(users))

    def _put_employee(self, run: Synchronization, identifier: str, now: Sequence[Employee]) -> None:
        for number, data in self._chunks(run, EMPLOYEES):
            if identifier in data["people"]["id"]:
                people = [
                    one
                    for employee in employees_from_json(data["people"])
                    for one in (now if employee.id == identifier else [employee])
                ]
                kept = {**data, "people": employees_to_json(people)}
                self._store.save_chunk(run.organization_id, run.id, EMPLOYEES, number, kept)

    def _chunks(self, run: Synchronization, name: str) -> list[tuple[int, Any]]:
        return list(self._store.chunks(run.organization_id, run.id, name))
