"""Connections in the state table: ``ORG#<id>`` / ``CONNECTION``, and who has which company: ``COMPANY#<tenant>``.

``CONNECTED`` / ``<id>`` lists the organizations that are, or are about to be, connected: written before a connection
becomes usable and removed after it has ended, so that it may name too many and never too few.
"""

from __future__ import annotations

from dataclasses import asdict
from enum import Enum
from typing import TYPE_CHECKING, Any

from huma_fortnox.domain.creation import EmploymentDefaults
from huma_fortnox.domain.outcome import Reason
from huma_fortnox.domain.people import FieldSettings
from huma_fortnox.services.model import (
    Administrator,
    Connection,
    ConnectionState,
    NewUserDefaults,
    OrganizationSettings,
    Recipient,
    Thresholds,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from huma_fortnox.adapters.table import Item, Table

_SK = "CONNECTION"
_CONNECTED = "CONNECTED"


def organization_key(organization_id: str) -> str:
    """Return the partition key of an organization's items."""
    return f"ORG#{organization_id}"


def connection_key(organization_id: str) -> tuple[str, str]:
    """Return the key of an organization's connection."""
    return organization_key(organization_id), _SK


def stored(value: Any) -> Any:
    """Turn a value of the model into what the table keeps: enums and reasons become plain data."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Reason):
        return value.to_json()
    if isinstance(value, Administrator | OrganizationSettings):
        return asdict(value)
    return value


def read_administrator(data: Mapping[str, Any] | None) -> Administrator | None:
    """Read an administrator as ``stored`` kept it."""
    return Administrator(**data) if data else None


def read_reason(data: Mapping[str, Any] | None) -> Reason | None:
    """Read a reason as ``stored`` kept it."""
    return Reason.from_json(data) if data else None


def _settings(data: Mapping[str, Any] | None) -> OrganizationSettings:
    if not data:
        return OrganizationSettings(FieldSettings())
    employment = data.get("employment")
    return OrganizationSettings(
        FieldSettings(**data["fields"]),
        EmploymentDefaults(**employment) if employment else None,
        create_automatically=data.get("create_automatically", False),
        bank_changes_an_hour=data.get("bank_changes_an_hour", 0),
        thresholds=Thresholds(**data.get("thresholds", {})),
        recipients=tuple(Recipient(**each) for each in data.get("recipients", ())),
        new_users=NewUserDefaults(**data.get("new_users", {})),
    )


def read_connection(organization_id: str, item: Item) -> Connection:
    """Read a connection's item; an empty one is not connected."""
    plain = {
        name: item[name]
        for name in (
            "company_name",
            "company_number",
            "tenant_id",
            "connected_at",
            "connected_by",
            "terms_version",
            "terms_accepted_at",
            "terms_accepted_by",
            "last_synchronization",
            "active_since",
            "has_huma_key",
            "broken_since",
            "paused_since",
            "paused_by",
        )
        if name in item
    }
    return Connection(
        organization_id=organization_id,
        state=ConnectionState(item.get("state", ConnectionState.NOT_CONNECTED)),
        settings=_settings(item.get("settings")),
        notify=read_administrator(item.get("notify")),
        reason=read_reason(item.get("reason")),
        **plain,
    )


class DynamoConnections:
    """``ports.ConnectionStore`` on the state table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def load(self, organization_id: str) -> Connection:
        """Return the organization's connection; ``not_connected`` when there is nothing stored."""
        return read_connection(organization_id, self._table.get(*connection_key(organization_id)) or {})

    def change(
        self,
        organization_id: str,
        changes: Mapping[str, Any],
        *,
        only_from: Sequence[ConnectionState] = (),
    ) -> bool:
        """Change attributes of ``Connection`` by name; ``False`` when its state is none of ``only_from``."""
        state = changes.get("state")
        if state in (ConnectionState.AWAITING_FIRST_SYNC, ConnectionState.ACTIVE):
            self._table.put({"pk": _CONNECTED, "sk": organization_id})
        condition, values = state_condition(only_from)
        if ConnectionState.NOT_CONNECTED in only_from:
            condition = f"attribute_not_exists(pk) OR attribute_not_exists(#state) OR {condition}"
        item = self._table.update(
            organization_key(organization_id),
            _SK,
            assign={name: stored(value) for name, value in changes.items()},
            condition=condition,
            values=values,
        )
        if item is not None and state is ConnectionState.DISCONNECTED:
            self._table.delete(_CONNECTED, organization_id)
        return item is not None

    def connected(self) -> Iterator[str]:
        """Yield the ids of all organizations that may be connected; whoever acts on it loads the connection."""
        for item in self._table.every(_CONNECTED):
            yield item["sk"]

    def claim_company(self, tenant_id: str, organization_id: str) -> bool:
        """Note that this organization has this Fortnox company; ``False`` when another one has it."""
        return self._table.put(
            {"pk": f"COMPANY#{tenant_id}", "sk": "OWNER", "organization_id": organization_id},
            condition="attribute_not_exists(pk) OR #organization_id = :mine",
            values={"mine": organization_id},
        )

    def release_company(self, tenant_id: str, organization_id: str) -> None:
        """Let go of the company, if this organization has it."""
        self._table.delete(
            f"COMPANY#{tenant_id}", "OWNER", condition="#organization_id = :mine", values={"mine": organization_id}
        )


def state_condition(states: Sequence[Enum]) -> tuple[str, dict[str, Any]]:
    """Return a condition that holds in one of these states, with its values; none for no states."""
    if not states:
        return "", {}
    values = {f"state{number}": state.value for number, state in enumerate(states)}
    return f"#state IN ({', '.join(f':{name}' for name in values)})", values
