"""The append-only activity log in the state table: ``ORG#<id>`` / ``ACTIVITY#<time>#<random>``, kept 90 days."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from huma_fortnox.adapters.connections import organization_key, read_reason, stored
from huma_fortnox.domain.outcome import FieldOutcome
from huma_fortnox.services.model import Activity, ActivityPage, Cause

if TYPE_CHECKING:
    from huma_fortnox.adapters.table import Item, Table

_PREFIX = "ACTIVITY#"
KEPT_SECONDS = 90 * 24 * 3600


def _read(item: Item) -> Activity:
    return Activity(
        at=item["at"],
        kind=item["kind"],
        cause=Cause(item["cause"]),
        person=item["person"],
        name=item["name"],
        outcomes=tuple(FieldOutcome.from_json(outcome) for outcome in item["outcomes"]),
        reason=read_reason(item.get("reason")),
        actor=item["actor"],
        delay_ms=item.get("delay_ms"),
    )


class DynamoActivity:
    """``ports.ActivityStore`` on the state table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def append(self, organization_id: str, activity: Activity) -> None:
        """Add an entry; entries are ordered by their time, to the millisecond."""
        self._table.put(
            {
                "pk": organization_key(organization_id),
                "sk": f"{_PREFIX}{activity.at:015d}#{secrets.token_hex(4)}",
                "at": activity.at,
                "kind": activity.kind,
                "cause": activity.cause.value,
                "person": activity.person,
                "name": activity.name,
                "outcomes": [outcome.to_json() for outcome in activity.outcomes],
                "reason": stored(activity.reason),
                "actor": activity.actor,
                "delay_ms": activity.delay_ms,
                "expires_at": activity.at // 1000 + KEPT_SECONDS,
            }
        )

    def page(self, organization_id: str, *, after: str, limit: int) -> ActivityPage:
        """Return a page, newest first; ``after`` is what the page before returned."""
        items, last = self._table.page(
            organization_key(organization_id),
            _PREFIX,
            after=_PREFIX + after if after else "",
            limit=limit,
            newest_first=True,
        )
        return ActivityPage(tuple(_read(item) for item in items), last.removeprefix(_PREFIX))
