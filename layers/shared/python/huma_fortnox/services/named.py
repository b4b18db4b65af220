"""Who is in a summary, by name: those whose bank account is changed, and those who are created."""

from __future__ import annotations

from typing import TYPE_CHECKING

from huma_fortnox.domain.fields import FIELDS
from huma_fortnox.domain.plan_json import person_from_json
from huma_fortnox.domain.plan_types import Situation
from huma_fortnox.services.listing import name_order
from huma_fortnox.services.model import AccountChange, NewPerson

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from huma_fortnox.domain.plan_types import PlannedPerson
    from huma_fortnox.services.model import Synchronization
    from huma_fortnox.services.planning import Planning
    from huma_fortnox.services.ports import SynchronizationStore

_CREATED_FROM = (Situation.ONLY_IN_HUMA.value, Situation.ONLY_IN_FORTNOX.value)


class Named:
    """Looks people of a plan up.

    Places are lists of side, key, and the EmployeeId of a pair that somebody confirmed, else empty.
    """

    def __init__(self, store: SynchronizationStore, planning: Planning) -> None:
        self._store = store
        self._planning = planning

    def accounts(self, run: Synchronization, places: Sequence[Sequence[str]]) -> tuple[AccountChange, ...]:
        """Return the accounts that are changed, by name."""
        alone = self._persons(
            run, [key for _, key, employee_id in places if not employee_id], [Situation.DIFFERS.value]
        )
        found = []
        for side, key, employee_id in places:
            person = alone.get(key)
            if employee_id:
                person = self._planning.pair(run.organization_id, run.id, key.partition(":")[2], employee_id)
            for change in person.changes if person is not None else ():
                if person is not None and FIELDS[change.field].sensitive:
                    number = person.employee.id if person.employee else ""
                    found.append(
                        AccountChange(side, key, person.name, number, change.field, change.huma, change.fortnox)
                    )
        return tuple(sorted(found, key=lambda each: name_order(each.name)))

    def created(self, run: Synchronization, places: Sequence[Sequence[str]]) -> tuple[NewPerson, ...]:
        """Return those who are created, by name."""
        people = self._persons(run, [key for _, key, _ in places], _CREATED_FROM)
        found = [
            NewPerson(side, key, person.name, person.employee.id if person.employee else "")
            for side, key, _ in places
            if (person := people.get(key)) is not None
        ]
        return tuple(sorted(found, key=lambda each: name_order(each.name)))

    def _persons(
        self, run: Synchronization, keys: Iterable[str], situations: Iterable[str]
    ) -> dict[str, PlannedPerson]:
        data = self._store.persons(run.organization_id, run.id, sorted(keys), situations)
        return {key: person_from_json(each) for key, each in data.items()}
