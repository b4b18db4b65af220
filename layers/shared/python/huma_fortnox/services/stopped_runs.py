"""Runs that nobody carries out any more: their workflow was stopped by hand, or ended before it could unlock.

Such a run ends as failed, keeps what was done, and lets go of the organization. Nobody needs to look for it: whoever
opens the page, or starts the next run, finds it out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from huma_fortnox.domain.outcome import Reason
from huma_fortnox.services.model import Activity, Cause, SynchronizationState
from huma_fortnox.services.result import keep_result

if TYPE_CHECKING:
    from huma_fortnox.services.model import Synchronization
    from huma_fortnox.services.ports import ActivityStore, Clock, SynchronizationStore, Workflow


class StoppedRuns:
    """Finds such a run and ends it."""

    def __init__(
        self, *, store: SynchronizationStore, workflow: Workflow, activity: ActivityStore, clock: Clock
    ) -> None:
        self._store = store
        self._workflow = workflow
        self._activity = activity
        self._clock = clock

    def let_go(self, run: Synchronization) -> bool:
        """End the run if nobody carries it out, and unlock; return whether its organization is free.

        Also of a run that is over and of which no more than the e-mail is left to do. Should its workflow be started
        again by hand, it finds the run over and does nothing. Raises ``TransientError`` when nobody can tell.
        """
        place = (run.organization_id, run.id)
        if not run.finished_at:
            if not self._workflow.has_ended(*place):
                return False
            self._end(run)
        self._store.unlock(*place)
        return True

    def _end(self, run: Synchronization) -> None:
        place = (run.organization_id, run.id)
        reason, now = Reason("workflow-stopped"), self._clock()
        outcomes = keep_result(self._store, run)
        self._store.change(
            *place,
            {"state": SynchronizationState.FAILED, "reason": reason},
            only_from=[state for state in SynchronizationState if not state.over],
        )
        self._store.change(*place, {"outcomes": outcomes, "finished_at": int(now)})
        self._activity.append(
            run.organization_id,
            Activity(
                at=int(now * 1000),
                kind="synchronization-failed",
                cause=Cause.SYNCHRONIZATION,
                reason=reason,
                actor=run.started_by.name,
            ),
        )
