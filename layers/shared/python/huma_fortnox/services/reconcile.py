"""Missed events: all of Huma's people are compared with the bases, page by page through the organization's own lane.

Nothing promises that Huma announces every change, or that its message arrives. So every night, after a reconnection,
and whenever an administrator presses *Catch up now*, everybody is read and pushed by the very code that carries an
event. Fortnox is not read for that: comparing with Fortnox, too, is what *Synchronize users* is for.

A page is a message in the lane. Handling it asks for the next one at the lane's end, so changes that arrive meanwhile
are carried in between, and a stop anywhere goes on where it stopped.
"""

from __future__ import annotations

import logging
import math
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

from huma_fortnox.domain.errors import IntegrationError, NeedsAdministrator, TransientError
from huma_fortnox.services.model import Activity, Cause
from huma_fortnox.services.ports import USERS_A_PAGE, UserChanged
from huma_fortnox.services.real_time import PageToReconcile, Reconciliation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from huma_fortnox.services.ports import ActivityStore, Clock, ConnectionStore, Record, Systems
    from huma_fortnox.services.push import Push
    from huma_fortnox.services.real_time_ports import ConnectedOrganizations, Lanes, ReconciliationStore

logger = logging.getLogger(__name__)

STALLED = 3600
"""Seconds without a page after which another round may begin although one has not ended."""

TOPIC = "reconciliation"


class Reconcile:
    """Starts rounds and carries their pages; ``systems`` and ``push`` are asked for by pages alone."""

    def __init__(
        self,
        *,
        store: ReconciliationStore,
        connections: ConnectionStore,
        organizations: ConnectedOrganizations,
        lanes: Lanes,
        activity: ActivityStore,
        systems: Callable[[], Systems],
        push: Callable[[], Push],
        clock: Clock,
    ) -> None:
        self._store = store
        self._connections = connections
        self._organizations = organizations
        self._lanes = lanes
        self._activity = activity
        self._systems = systems
        self._push = push
        self._clock = clock

    def last(self, organization_id: str) -> Reconciliation | None:
        """Return the last round of an organization, over or not."""
        return self._store.load(organization_id)

    def start(self, organization_id: str, cause: Cause, actor: str = "", *, anew: bool = False) -> Reconciliation:
        """Begin a round; one that is under way and moving is left to it and returned, unless asked for ``anew``."""
        now = int(self._clock())
        running = None if anew else self._store.load(organization_id)
        if running is not None and not running.finished_at and now - running.touched_at < STALLED:
            return running
        begun = Reconciliation(uuid.uuid4().hex, cause.value, actor, started_at=now, touched_at=now)
        self._store.begin(organization_id, begun)
        self._lanes.send_page(self._page(organization_id, begun, 0))
        return begun

    def start_all(self) -> int:
        """Begin a round for every organization that can be worked for; return how many there are.

        What keeps one of them from it keeps no other: it is logged, and tomorrow is another night.
        """
        begun = 0
        for organization_id in self._organizations.connected():
            try:
                if self._connections.load(organization_id).reconciles:
                    self.start(organization_id, Cause.SCHEDULE)
                    begun += 1
            except IntegrationError as error:
                logger.error("reconciliation not begun: organization=%s reason=%s", organization_id, error.reason.code)
        return begun

    def carry(self, page: PageToReconcile) -> None:
        """Push everybody of one page, and ask for the next one.

        Raises ``TransientError`` or ``NeedsAdministrator`` to be called again.
        """
        organization_id = page.organization_id
        round_ = self._store.load(organization_id)
        if round_ is None or round_.id != page.reconciliation or round_.page != page.page:
            # Of an earlier round, or carried before.
            return
        huma = self._systems().huma(organization_id)
        listed = huma.users(page.page)
        changed = self._push_all(page, listed.user_ids, huma.details(listed.user_ids))
        pages = math.ceil(listed.total / USERS_A_PAGE)
        now = int(self._clock())
        handled = replace(
            round_,
            page=page.page + 1,
            pages=pages,
            people=round_.people + len(listed.user_ids),
            changed=round_.changed + changed,
            touched_at=now,
        )
        if handled.page < pages:
            # First the next page, then the note that this one is over: a stop in between repeats, and loses nothing.
            self._lanes.send_page(self._page(organization_id, handled, handled.page))
            self._store.advance(organization_id, handled, page=page.page)
        elif self._store.advance(organization_id, replace(handled, finished_at=now), page=page.page):
            self._log(organization_id, handled)

    def _push_all(self, page: PageToReconcile, user_ids: Sequence[str], records: Sequence[Record]) -> int:
        """Push the users of a page; one who meets a defect of ours is recorded and holds up nobody else."""
        push = self._push()
        batch = push.open(page.organization_id, list(user_ids))
        changed = 0
        for record in records:
            event = self._event(page, str(record["id"]))
            try:
                changed += bool(batch.push(event, record=record).outcomes)
            except (TransientError, NeedsAdministrator):
                raise
            except Exception as error:
                logger.error("reconciliation: organization=%s error=%s", page.organization_id, type(error).__name__)
                push.note_defect(event)
        return changed

    def _event(self, page: PageToReconcile, user_id: str) -> UserChanged:
        return UserChanged(
            page.organization_id,
            user_id,
            TOPIC,
            page.reconciliation,
            page.asked_at,
            cause=page.cause,
            actor=page.actor,
        )

    def _page(self, organization_id: str, round_: Reconciliation, number: int) -> PageToReconcile:
        return PageToReconcile(
            organization_id, round_.id, number, round_.cause, round_.actor, int(self._clock() * 1000)
        )

    def _log(self, organization_id: str, round_: Reconciliation) -> None:
        """Tell that a round is over, unless it is an ordinary night on which nothing had been missed."""
        if round_.cause == Cause.SCHEDULE.value and not round_.changed:
            return
        self._activity.append(
            organization_id,
            Activity(at=int(self._clock() * 1000), kind="caught-up", cause=Cause(round_.cause), actor=round_.actor),
        )
