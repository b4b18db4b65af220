"""What a push reads and keeps, each in one call: the connection, the lane, links and held fields; bases and the log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from huma_fortnox.adapters.activity import activity_item
from huma_fortnox.adapters.connections import connection_key, organization_key, read_connection
from huma_fortnox.adapters.held import held_item, held_key, read_held, unchanged
from huma_fortnox.adapters.lane_state import lane_key, read_lane
from huma_fortnox.adapters.links import BEGUN, base_attribute, link_attributes, link_key, packed_base, read_link
from huma_fortnox.adapters.table import Write
from huma_fortnox.adapters.unique_values import claim_item
from huma_fortnox.domain.errors import TransientError
from huma_fortnox.services.model import SynchronizationState
from huma_fortnox.services.real_time import HeldPerson, PushState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from huma_fortnox.adapters.table import Table
    from huma_fortnox.domain.people import Link
    from huma_fortnox.services.real_time import Begun, Settled


class DynamoPushStore:
    """``real_time_ports.PushStore`` on the state table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def load(self, organization_id: str, user_ids: Sequence[str]) -> PushState:
        """Return the connection, the lane, and the links and held fields of these users."""
        connection, lane = connection_key(organization_id), lane_key(organization_id)
        lock = (organization_key(organization_id), "LOCK")
        links = {link_key(organization_id, user_id): user_id for user_id in user_ids}
        held = {held_key(organization_id, user_id): user_id for user_id in user_ids}
        found = {
            (item["pk"], item["sk"]): item for item in self._table.get_many([connection, lane, lock, *links, *held])
        }
        return PushState(
            connection=read_connection(organization_id, found.get(connection) or {}),
            lane=read_lane(found.get(lane)),
            links={user_id: read_link(found[key]) for key, user_id in links.items() if key in found},
            held={user_id: read_held(found[key]) for key, user_id in held.items() if key in found},
            begun={user_id: begun for key, user_id in links.items() if (begun := found.get(key, {}).get(BEGUN))},
            applying=lock in found and self._applies(organization_id, str(found[lock]["run"])),
        )

    def begin(self, organization_id: str, link: Link, begun: Begun) -> bool:
        """Note what is about to be written for a linked user; ``False`` when they are not linked like this any more."""
        noted = self._table.update(
            *link_key(organization_id, link.user_id),
            assign={BEGUN: _noted(begun)},
            condition="#employee_id = :employee",
            values={"employee": link.employee_id},
        )
        return noted is not None

    def record(self, organization_id: str, settled: Settled) -> None:
        """Keep what became of a user, all or none; bases of a link that is gone meanwhile are not kept."""
        link = self._link(organization_id, settled)
        held = self._held(organization_id, settled.held)
        rest = [Write(item=claim_item(organization_id, *claim, settled.user_id)) for claim in settled.claims]
        if settled.activity is not None:
            rest.append(Write(item=activity_item(organization_id, settled.activity)))
        writes = [*link, *held, *rest]
        if not writes:
            return
        failed = self._table.transact(writes)
        if failed and link and 0 in failed:
            # Disconnected, or linked or overtaken by a run, in between. What was done is told all the same.
            writes = [*held, *rest]
            failed = self._table.transact(writes) if writes else frozenset()
        if failed:
            # What is held was changed in between, by an administrator's decision most likely: look at it anew.
            raise TransientError("state-unavailable", {"code": "held-changed"})

    def _applies(self, organization_id: str, run: str) -> bool:
        item = self._table.get(organization_key(organization_id), f"SYNC#{run}")
        return item is not None and item["state"] == SynchronizationState.APPLYING.value

    def _link(self, organization_id: str, settled: Settled) -> list[Write]:
        link = settled.link
        if link is None:
            return []
        key = link_key(organization_id, link.user_id)
        if settled.created:
            item = {"pk": key[0], "sk": key[1], **link_attributes(link)}
            return [Write(item=item, condition="attribute_not_exists(pk)")]
        return [
            Write(
                key=key,
                assign=_moved(link, settled.moved),
                condition="#employee_id = :employee" + (f" AND #{BEGUN} = :begun" if settled.begun else ""),
                values={"employee": link.employee_id, **({"begun": _noted(settled.begun)} if settled.begun else {})},
            )
        ]

    def _held(self, organization_id: str, person: HeldPerson | None) -> list[Write]:
        if person is None:
            return []
        condition, values = unchanged(person)
        if person.empty:
            return [Write(key=held_key(organization_id, person.user_id), condition=condition, values=values)]
        return [Write(item=held_item(organization_id, person), condition=condition, values=values)]


def _noted(begun: Begun) -> dict[str, list[str]]:
    return {field: list(digests) for field, digests in begun.items()}


def _moved(link: Link, fields: Sequence[str]) -> dict[str, object]:
    bases = {base_attribute(field): packed_base(link.bases[field]) for field in fields}
    return {**bases, "layout": dict(link.layout), BEGUN: {}}
