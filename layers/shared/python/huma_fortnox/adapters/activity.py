"""The append-only activity log in the state table: ``ORG#<id>`` / ``ACTIVITY#<time>#<random>``, kept 90 days.

Two sparse indexes find entries without reading the whole log: ``ByPerson`` those about one person, ``ByAttention``
those of which not everything was done. Entries by outcome are a selection from the latter, or, for what was done, from
the log itself, most of which is just that; a page looks at a limited number of entries and tells where to go on.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from huma_fortnox.adapters.connections import organization_key, read_reason, stored
from huma_fortnox.domain.outcome import FieldOutcome, Outcome
from huma_fortnox.services.model import Activity, ActivityPage, Cause

if TYPE_CHECKING:
    from huma_fortnox.adapters.table import Item, Table

_PREFIX = "ACTIVITY#"
KEPT_SECONDS = 90 * 24 * 3600

_LOOKED_AT, _AT_ONCE = 1000, 100
_NOTHING_TO_SEE_TO = (Outcome.DONE, Outcome.UNCHANGED)


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


def activity_item(organization_id: str, activity: Activity) -> Item:
    """Return an entry as an item; entries are ordered by their time, to the millisecond."""
    pk = organization_key(organization_id)
    item: Item = {
        "pk": pk,
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
    if activity.person:
        item["by_person"] = f"{pk}#{activity.person}"
    if any(outcome.outcome not in _NOTHING_TO_SEE_TO for outcome in activity.outcomes):
        item["by_attention"] = pk
    return item


class DynamoActivity:
    """``ports.ActivityStore`` on the state table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def append(self, organization_id: str, activity: Activity) -> None:
        """Add an entry; entries are ordered by their time, to the millisecond."""
        self._table.put(activity_item(organization_id, activity))

    def page(
        self, organization_id: str, *, after: str, limit: int, person: str = "", outcome: Outcome | None = None
    ) -> ActivityPage:
        """Return a page, newest first: everything, or what is about a person, or what had an outcome.

        ``after`` is what the page before returned. A selection may return fewer entries than there are, or none, and
        still tell where to go on: a page looks at a thousand entries and no more.
        """
        found: list[Activity] = []
        last = _PREFIX + after if after else ""
        looked_at = 0
        while looked_at < _LOOKED_AT:
            items, last = self._items(organization_id, last, limit if outcome is None else _AT_ONCE, person, outcome)
            looked_at += len(items)
            for item in items:
                entry = _read(item)
                if outcome is not None and all(each.outcome is not outcome for each in entry.outcomes):
                    continue
                found.append(entry)
                if len(found) == limit:
                    more = last or item is not items[-1]
                    return ActivityPage(tuple(found), item["sk"].removeprefix(_PREFIX) if more else "")
            if not last:
                break
        return ActivityPage(tuple(found), last.removeprefix(_PREFIX))

    def _items(
        self, organization_id: str, after: str, limit: int, person: str, outcome: Outcome | None
    ) -> tuple[list[Item], str]:
        pk = organization_key(organization_id)
        if person:
            return self._table.found_by(
                "ByPerson", "by_person", f"{pk}#{person}", pk, _PREFIX, after=after, limit=limit
            )
        if outcome not in (None, *_NOTHING_TO_SEE_TO):
            return self._table.found_by("ByAttention", "by_attention", pk, pk, _PREFIX, after=after, limit=limit)
        return self._table.page(pk, _PREFIX, after=after, limit=limit, newest_first=True)
