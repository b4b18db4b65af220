"""The activity log by a part of somebody's name: the log itself finds entries by person and outcome alone.

Names stand in the entries as they were then, so they are looked for there, some pages at a time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from huma_fortnox.services.model import ActivityPage

if TYPE_CHECKING:
    from huma_fortnox.domain.outcome import Outcome
    from huma_fortnox.services.model import Activity
    from huma_fortnox.web.use_cases import ActivityLog

MOST_LOOKED_AT, AT_ONCE = 1000, 100


def search(
    log: ActivityLog,
    organization_id: str,
    *,
    name: str = "",
    person: str = "",
    outcome: Outcome | None = None,
    after: str = "",
    limit: int,
) -> ActivityPage:
    """Return a page of entries, newest first, of people whose names contain ``name`` in whatever case.

    It looks at a thousand entries at most and tells where to go on; so it may hold few, or none, with more to come.
    """
    if not name:
        return log.page(organization_id, after=after, limit=limit, person=person, outcome=outcome)
    wanted = name.casefold()
    found: list[Activity] = []
    for _ in range(MOST_LOOKED_AT // AT_ONCE):
        page = log.page(organization_id, after=after, limit=AT_ONCE, person=person, outcome=outcome)
        found += [entry for entry in page.entries if wanted in entry.name.casefold()]
        after = page.after
        if not after or len(found) >= limit:
            break
    return ActivityPage(tuple(found), after)
