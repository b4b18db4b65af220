"""Who may have a value that must be unique: an index over the links' digests, made to be cheap to keep.

It is built from all links after each synchronization: ``UNIQUE#<buckets>#<bucket>`` maps each field to beginnings of
digests and those to user ids, many to an item and packed, and ``UNIQUE#META`` tells how many people were linked. That
costs a small part of a write unit a person. What a push writes since then is added as ``VALUE#<field>#<digest>``, an
item each.

Nothing is taken out when a value goes: what the index says is a hint, and the link itself decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from huma_fortnox.adapters.connections import organization_key
from huma_fortnox.adapters.packing import pack_together, unpack
from huma_fortnox.domain.fields import FIELDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from huma_fortnox.adapters.table import Item, Table
    from huma_fortnox.domain.people import Link
    from huma_fortnox.services.ports import LinkStore

_BUCKETS, _META, _VALUES = "UNIQUE#", "UNIQUE#META", "VALUE#"
_SIZES = ((1_000, 1), (6_000, 8))
_MOST = 128
"""(up to so many people, so many items): an item stays far below what DynamoDB holds, and is quick to read.

Where one item holds everybody, a user's id takes its bytes once and not for every field.
"""

_SHORT = 10
"""Hexadecimal digits of a digest that are kept: 40 bits, and a wrong hit costs one look at a link."""

Entries = dict[str, dict[str, list[str]]]
"""User ids by field and beginning of a digest."""


def claim_item(organization_id: str, field: str, digest: str, user_id: str) -> Item:
    """Return the item that says that a user has a value from now on."""
    return {"pk": organization_key(organization_id), "sk": f"{_VALUES}{field}#{digest}", "user": user_id}


def _bucket(digest: str, size: int) -> str:
    return f"{_BUCKETS}{size}#{int(digest[:4], 16) % size}"


class DynamoUniqueValues:
    """``real_time_ports.UniqueValues`` on the state table."""

    def __init__(self, table: Table, links: LinkStore) -> None:
        self._table = table
        self._links = links

    def holders(self, organization_id: str, field: str, digest: str) -> Sequence[str]:
        """Return the ids of the users who had the value last; builds the index first when there is none."""
        found = self._look(organization_id, field, digest)
        if _META not in found:
            self.rebuild(organization_id)
            found = self._look(organization_id, field, digest)
        users: list[str] = []
        for sk, item in found.items():
            if sk.startswith(_VALUES):
                users.append(item["user"])
            elif sk != _META:
                users += unpack(item["entries"]).get(field, {}).get(digest[:_SHORT], [])
        return list(dict.fromkeys(users))

    def rebuild(self, organization_id: str) -> int:
        """Build the index from all links, and return how many people are linked."""
        pk = organization_key(organization_id)
        # What is claimed from here on stays: the links that were read may not know it yet.
        known = [(pk, item["sk"]) for item in self._table.every(pk, _VALUES)]
        linked, held = 0, list[tuple[str, str, str]]()
        for link in self._links.links(organization_id):
            linked += 1
            held += ((field, digest, link.user_id) for field, digest in _unique_digests(link))
        size = next((size for most, size in _SIZES if linked <= most), _MOST)
        buckets: dict[str, Entries] = {}
        for field, digest, user_id in held:
            entries = buckets.setdefault(_bucket(digest, size), {}).setdefault(field, {})
            entries.setdefault(digest[:_SHORT], []).append(user_id)
        items: list[dict[str, Any]] = [
            {"pk": pk, "sk": sk, "entries": pack_together(kept)} for sk, kept in buckets.items()
        ]
        items.append({"pk": pk, "sk": _META, "linked": linked})
        written = {item["sk"] for item in items}
        stale = [(pk, item["sk"]) for item in self._table.every(pk, _BUCKETS) if item["sk"] not in written]
        self._table.write_many(items, delete=[*known, *stale])
        return linked

    def linked(self, organization_id: str) -> int:
        """Return how many people were linked when the index was built; 0 when it never was."""
        item = self._table.get(organization_key(organization_id), _META)
        return int(item["linked"]) if item else 0

    def forget(self, organization_id: str) -> None:
        """Remove the index."""
        pk = organization_key(organization_id)
        keys = [(pk, item["sk"]) for prefix in (_BUCKETS, _VALUES) for item in self._table.every(pk, prefix)]
        self._table.write_many((), delete=keys)

    def _look(self, organization_id: str, field: str, digest: str) -> dict[str, Item]:
        pk = organization_key(organization_id)
        places = [_META, f"{_VALUES}{field}#{digest}"]
        places += [_bucket(digest, size) for size in (*(size for _, size in _SIZES), _MOST)]
        return {item["sk"]: item for item in self._table.get_many((pk, sk) for sk in places)}


def _unique_digests(link: Link) -> Iterable[tuple[str, str]]:
    for field, base in link.bases.items():
        if field in FIELDS and FIELDS[field].unique:
            for digest in {base.huma, base.fortnox} - {None}:
                assert digest is not None  # noqa: S101  # taken out above
                yield field, digest
