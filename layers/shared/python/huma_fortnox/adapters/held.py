"""What is held of people, in the state table: ``ORG#<id>`` / ``HELD#<user id>``; reasons and field names, no values."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from huma_fortnox.adapters.connections import organization_key
from huma_fortnox.domain.errors import TransientError
from huma_fortnox.domain.outcome import Reason
from huma_fortnox.services.real_time import HeldField, HeldPage, HeldPerson

if TYPE_CHECKING:
    from collections.abc import Iterator

    from huma_fortnox.adapters.table import Item, Table

_PREFIX = "HELD#"
_ATTEMPTS = 5


def held_key(organization_id: str, user_id: str) -> tuple[str, str]:
    """Return the key of what is held of a person."""
    return organization_key(organization_id), _PREFIX + user_id


def held_item(organization_id: str, person: HeldPerson) -> Item:
    """Return what is held of a person as an item, one revision on."""
    pk, sk = held_key(organization_id, person.user_id)
    return {
        "pk": pk,
        "sk": sk,
        "name": person.name,
        "creating": person.creating,
        "revision": person.revision + 1,
        "fields": {
            name: {
                "outcome": held.outcome,
                "reason": held.reason.to_json(),
                "since": held.since,
                "mark": held.mark,
                "decision": held.decision,
                "decided_by": held.decided_by,
            }
            for name, held in person.fields.items()
        },
    }


def read_held(item: Item) -> HeldPerson:
    """Read what ``held_item`` wrote."""
    return HeldPerson(
        user_id=item["sk"].removeprefix(_PREFIX),
        name=item["name"],
        creating=item["creating"],
        revision=item["revision"],
        fields={
            name: HeldField(**{**held, "reason": Reason.from_json(held["reason"])})
            for name, held in item["fields"].items()
        },
    )


def unchanged(person: HeldPerson) -> tuple[str, dict[str, Any]]:
    """Return a condition that holds while the item is as it was read, and its values."""
    if person.revision:
        return "#revision = :revision", {"revision": person.revision}
    return "attribute_not_exists(pk)", {}


class DynamoHeld:
    """``real_time_ports.HeldStore`` on the state table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def person(self, organization_id: str, user_id: str) -> HeldPerson | None:
        """Return what is held of one person."""
        item = self._table.get(*held_key(organization_id, user_id))
        return read_held(item) if item else None

    def people(self, organization_id: str) -> Iterator[HeldPerson]:
        """Yield everybody of whom something is held."""
        for item in self._table.every(organization_key(organization_id), _PREFIX):
            yield read_held(item)

    def page(self, organization_id: str, *, after: str, limit: int) -> HeldPage:
        """Return a page of them, by user id."""
        items, last = self._table.page(
            organization_key(organization_id), _PREFIX, after=_PREFIX + after if after else "", limit=limit
        )
        return HeldPage(tuple(map(read_held, items)), last.removeprefix(_PREFIX))

    def decide(self, organization_id: str, user_id: str, field: str, decision: str, *, by: str) -> bool:
        """Note the answer to the question about one field; ``False`` when the field is not held."""
        for _ in range(_ATTEMPTS):
            person = self.person(organization_id, user_id)
            if person is None or field not in person.fields:
                return False
            decided = replace(person.fields[field], decision=decision, decided_by=by)
            item = held_item(organization_id, replace(person, fields={**person.fields, field: decided}))
            condition, values = unchanged(person)
            if self._table.put(item, condition=condition, values=values):
                return True
        raise TransientError("state-unavailable")

    def forget(self, organization_id: str) -> None:
        """Remove everything that is held in the organization."""
        keys = [held_key(organization_id, person.user_id) for person in self.people(organization_id)]
        self._table.write_many((), delete=keys)
