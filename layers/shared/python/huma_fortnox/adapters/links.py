"""Links in the state table: ``ORG#<id>`` / ``LINK#<user id>``.

Each field's base is an attribute of its own (``b_phone`` …), so that a run and a push that settle different fields
of one person never undo each other's bases.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from huma_fortnox.adapters.connections import organization_key
from huma_fortnox.domain.people import Base, Link

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from huma_fortnox.adapters.table import Item, Table

_BASE = "b_"


def link_key(organization_id: str, user_id: str) -> tuple[str, str]:
    """Return the key of a user's link."""
    return organization_key(organization_id), f"LINK#{user_id}"


def link_attributes(link: Link) -> dict[str, Any]:
    """Return what is kept of a link, without its key."""
    return {
        "employee_id": link.employee_id,
        "layout": dict(link.layout),
        **{_BASE + name: [base.huma, base.fortnox] for name, base in link.bases.items()},
    }


def _read(item: Item) -> Link:
    return Link(
        user_id=item["sk"].removeprefix("LINK#"),
        employee_id=item["employee_id"],
        bases={name[len(_BASE) :]: Base(*value) for name, value in item.items() if name.startswith(_BASE)},
        layout=item.get("layout", {}),
    )


class DynamoLinks:
    """``ports.LinkStore`` on the state table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def link(self, organization_id: str, user_id: str) -> Link | None:
        """Return the user's link."""
        item = self._table.get(*link_key(organization_id, user_id))
        return _read(item) if item else None

    def links(self, organization_id: str) -> Iterator[Link]:
        """Yield all links of the organization."""
        for item in self._table.every(organization_key(organization_id), "LINK#"):
            yield _read(item)

    def save(self, organization_id: str, links: Iterable[Link]) -> None:
        """Keep links that are new, whole."""
        keyed = ((link_key(organization_id, link.user_id), link) for link in links)
        self._table.write_many({"pk": pk, "sk": sk, **link_attributes(link)} for (pk, sk), link in keyed)

    def move_bases(self, organization_id: str, link: Link, fields: Iterable[str]) -> None:
        """Write the bases of just these fields of an existing link, and its layout."""
        attributes = link_attributes(link)
        wanted = {_BASE + name for name in fields} | {"layout"}
        self._table.update(
            *link_key(organization_id, link.user_id),
            assign={name: value for name, value in attributes.items() if name in wanted},
            condition="#employee_id = :employee",
            values={"employee": link.employee_id},
        )

    def forget(self, organization_id: str) -> None:
        """Remove all links of the organization."""
        keys = [link_key(organization_id, link.user_id) for link in self.links(organization_id)]
        self._table.write_many((), delete=keys)
