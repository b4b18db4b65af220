"""How lanes, brakes, rounds of reconciliation and notices stand, each one item of the organization's.

``LANE`` and ``BRAKE`` are replaced as a whole by whoever read the revision before; ``RECONCILIATION`` by whoever
handled the page it waits for; ``TOLD#<kind>`` belongs to whoever claims to tell.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from huma_fortnox.adapters.connections import organization_key
from huma_fortnox.domain.outcome import Reason
from huma_fortnox.services.real_time import Brake, BrakeState, LaneState, Quarantine, Reconciliation

if TYPE_CHECKING:
    from huma_fortnox.adapters.table import Item, Table

_LANE, _BRAKE, _RECONCILIATION, _TOLD = "LANE", "BRAKE", "RECONCILIATION", "TOLD#"
TELLING_SECONDS = 120
"""After so long a claim to tell something may be taken over: whoever made it has died."""


def lane_key(organization_id: str) -> tuple[str, str]:
    """Return the key of an organization's lane."""
    return organization_key(organization_id), _LANE


def read_lane(item: Item | None) -> LaneState:
    """Read a lane's item; none is a lane nothing ever happened to."""
    if not item:
        return LaneState()
    quarantine = item.get("quarantine")
    return LaneState(
        window=item["window"],
        tries=item["tries"],
        failures=item["failures"],
        quarantine=Quarantine(**{**quarantine, "reason": Reason.from_json(quarantine["reason"])})
        if quarantine
        else None,
        waiting=tuple(item["waiting"]),
        attempt=item["attempt"],
        attempts=item["attempts"],
        revision=item["revision"],
    )


def _replace(table: Table, key: tuple[str, str], attributes: dict[str, Any], read: int) -> bool:
    """Write an item whose revision was ``read``, one on."""
    return table.put(
        {"pk": key[0], "sk": key[1], **attributes, "revision": read + 1},
        condition="#revision = :read" if read else "attribute_not_exists(pk)",
        values={"read": read} if read else None,
    )


class DynamoLanes:
    """``real_time_ports.LaneStore`` on the state table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def load(self, organization_id: str) -> LaneState:
        """Return the state of the organization's lane."""
        return read_lane(self._table.get(*lane_key(organization_id)))

    def save(self, organization_id: str, state: LaneState) -> bool:
        """Replace the state that had ``state.revision``; ``False`` when somebody else was quicker."""
        attributes = {**asdict(state), "waiting": list(state.waiting)}
        if state.quarantine is not None:
            attributes["quarantine"] = {**asdict(state.quarantine), "reason": state.quarantine.reason.to_json()}
        return _replace(self._table, lane_key(organization_id), attributes, state.revision)


class DynamoBrakes:
    """``real_time_ports.BrakeStore`` on the state table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def load(self, organization_id: str) -> BrakeState:
        """Return what was counted."""
        item = self._table.get(organization_key(organization_id), _BRAKE)
        if not item:
            return BrakeState()
        return BrakeState(
            recent=tuple((at, user_id, field) for at, user_id, field in item["recent"]),
            brake=Brake(**item["brake"]) if item["brake"] else None,
            confirmed_at=item["confirmed_at"],
            revision=item["revision"],
        )

    def save(self, organization_id: str, state: BrakeState) -> bool:
        """Replace the state that had ``state.revision``; ``False`` when somebody else was quicker."""
        attributes = {**asdict(state), "recent": [list(each) for each in state.recent]}
        return _replace(self._table, (organization_key(organization_id), _BRAKE), attributes, state.revision)


class DynamoReconciliations:
    """``real_time_ports.ReconciliationStore`` on the state table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def load(self, organization_id: str) -> Reconciliation | None:
        """Return the last round."""
        item = self._table.get(organization_key(organization_id), _RECONCILIATION)
        if not item:
            return None
        return Reconciliation(**{name: value for name, value in item.items() if name not in ("pk", "sk")})

    def begin(self, organization_id: str, reconciliation: Reconciliation) -> None:
        """Keep a new round; pages of an earlier one find that they are not wanted any more."""
        self._table.put(self._item(organization_id, reconciliation))

    def advance(self, organization_id: str, reconciliation: Reconciliation, *, page: int) -> bool:
        """Replace the round while it still is this one and at this page; ``False`` when it is not."""
        return self._table.put(
            self._item(organization_id, reconciliation),
            condition="#id = :id AND #page = :page",
            values={"id": reconciliation.id, "page": page},
        )

    def _item(self, organization_id: str, reconciliation: Reconciliation) -> Item:
        return {"pk": organization_key(organization_id), "sk": _RECONCILIATION, **asdict(reconciliation)}


class DynamoNotices:
    """``real_time_ports.Notices`` on the state table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def claim(self, organization_id: str, kind: str, key: str) -> bool:
        """Return whether the caller is to tell it; a claim that is not ``told`` can be taken over after minutes."""
        now = int(self._table.clock())
        return self._table.put(
            {
                "pk": organization_key(organization_id),
                "sk": _TOLD + kind,
                "key": key,
                "told": False,
                "until": now + TELLING_SECONDS,
            },
            condition="attribute_not_exists(pk) OR #key <> :key OR (#told = :untold AND #until < :now)",
            values={"key": key, "untold": False, "now": now},
        )

    def told(self, organization_id: str, kind: str, key: str) -> None:
        """Note that it was told."""
        self._table.update(
            organization_key(organization_id),
            _TOLD + kind,
            assign={"told": True},
            condition="#key = :key",
            values={"key": key},
        )
