"""Links in the state table: ``ORG#<id>`` / ``LINK#<user id>``.

Each field's base is an attribute of its own (``b_phone`` …), so that a run and a push that settle different fields
of one person never undo each other's bases. Digests are kept as bytes, half as long as their hexadecimal text: a link
with all its bases, and what a run did to the person, then stays below the kilobyte that a write unit is for.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from huma_fortnox.adapters.connections import organization_key
from huma_fortnox.domain.people import Base, Link

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from huma_fortnox.adapters.table import Item, Table

BEGUN = "begun"
"""The attribute in which a push notes what it is about to write, by field."""

_BASE = "b_"
_HEXADECIMAL = re.compile(r"(?:[0-9a-f]{2})+")


def link_key(organization_id: str, user_id: str) -> tuple[str, str]:
    """Return the key of a user's link."""
    return organization_key(organization_id), f"LINK#{user_id}"


def link_attributes(link: Link) -> dict[str, Any]:
    """Return what is kept of a link, without its key."""
    return {
        "employee_id": link.employee_id,
        "layout": dict(link.layout),
        **{base_attribute(name): packed_base(base) for name, base in link.bases.items()},
    }


def base_attribute(field: str) -> str:
    """Return the name of the attribute that keeps a field's base."""
    return _BASE + field


def packed_base(base: Base) -> list[bytes | str | None]:
    """Return a base as it is kept."""
    return [_packed(base.huma), _packed(base.fortnox)]


def read_link(item: Item) -> Link:
    """Read a link's item."""
    return Link(
        user_id=item["sk"].removeprefix("LINK#"),
        employee_id=item["employee_id"],
        bases={
            name[len(_BASE) :]: Base(*map(_unpacked, value)) for name, value in item.items() if name.startswith(_BASE)
        },
        layout=item.get("layout", {}),
    )


def _packed(digest: str | None) -> bytes | str | None:
    if digest is None or not _HEXADECIMAL.fullmatch(digest):
        return digest
    return bytes.fromhex(digest)


def _unpacked(value: bytes | str | None) -> str | None:
    return value.hex() if isinstance(value, bytes) else value


class DynamoLinks:
    """``ports.LinkStore`` on the state table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def link(self, organization_id: str, user_id: str) -> Link | None:
        """Return the user's link."""
        item = self._table.get(*link_key(organization_id, user_id))
        return read_link(item) if item else None

    def of_users(self, organization_id: str, user_ids: Iterable[str]) -> Mapping[str, Link]:
        """Return the links of those of these users who have one, by user id."""
        items = self._table.get_many(link_key(organization_id, user_id) for user_id in user_ids)
        return {link.user_id: link for link in map(read_link, items)}

    def links(self, organization_id: str) -> Iterator[Link]:
        """Yield all links of the organization."""
        for item in self._table.every(organization_key(organization_id), "LINK#"):
            yield read_link(item)

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
