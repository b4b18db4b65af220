"""People who agree on both sides are linked: nothing is written to either, so nothing is read again.

Their bases are what the administrator saw. Should Huma have moved on since, the next push carries that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from huma_fortnox.domain.people import Link
from huma_fortnox.domain.plan import writes
from huma_fortnox.domain.plan_types import PlannedPerson, Situation
from huma_fortnox.services.snapshot import employee_of_row, row_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from huma_fortnox.domain.digest import Digest
    from huma_fortnox.services.planning import Planning
    from huma_fortnox.services.ports import LinkStore, SynchronizationStore

LINKED = "linked"
"""Name of the chunks that note how many chunks of users have been dealt with."""

CHECKPOINT = 5


def link_agreed(
    store: SynchronizationStore,
    links: LinkStore,
    planning: Planning,
    organization_id: str,
    run_id: str,
    *,
    digest: Digest,
    goes_on: Callable[[bool], bool | None],
) -> bool:
    """Link the pairs in agreement that have no link yet, and return whether there is more to do.

    ``goes_on`` tells whether to begin some more (``None``: no time for it now), given whether it is the first. A link
    that is there is left alone: a push may have moved its bases.
    """
    partner = {
        person.user.id: person.employee.id
        for _, chunk in planning.agreed(organization_id, run_id)
        for person in chunk
        if person.user is not None and person.employee is not None and not person.linked
    }
    wanted = set(partner.values())
    rows = {
        employee.id: row_of(employee)
        for _, page in planning.employees(organization_id, run_id)
        for employee in page
        if employee.id in wanted
    }
    settings = planning.settings(organization_id)
    done = max((after for _, after in store.chunks(organization_id, run_id, LINKED)), default=0)
    first = True
    for number, users in enumerate(planning.users(organization_id, run_id), start=1):
        mine = [user for user in users if user.id in partner]
        if number <= done or not mine:
            continue
        further = goes_on(first)
        if not further:
            return further is None
        first = False
        there = links.of_users(organization_id, [user.id for user in mine])
        new = []
        for user in mine:
            if user.id in there:
                continue
            employee = employee_of_row(rows[partner[user.id]])
            pair = PlannedPerson(f"u:{user.id}", Situation.IN_SYNC, user, employee)
            planned = writes(pair, link=None, digest=digest, settings=settings)
            new.append(Link(user.id, employee.id, planned.bases, planned.layout))
        links.save(organization_id, new)
        store.count(organization_id, run_id, {"applied": len(new)})
        if number % CHECKPOINT == 0:
            store.save_chunk(organization_id, run_id, LINKED, number // CHECKPOINT, number)
    return False
