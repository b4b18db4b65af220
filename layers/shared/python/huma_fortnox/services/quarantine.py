"""How a lane fares: how long what failed has to wait, and when an organization that keeps failing is tried rarely.

What fails comes back after a delay that grows from seconds to an hour. An organization whose tries mostly fail, and
often, is put in quarantine: somebody is told once, it is tried every quarter of an hour and later every hour, and the
first success ends it. Only what the other side is to blame for counts: neither our own storage nor a busy budget.

A message whose try ended without a word (the process was killed) is counted too. After three of these it is laid
aside, so that nothing can block a lane for ever.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from huma_fortnox.domain.errors import IntegrationError, RateLimited, TransientError
from huma_fortnox.services.model import Activity, Cause
from huma_fortnox.services.real_time import LaneState, Quarantine

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from huma_fortnox.domain.outcome import Reason
    from huma_fortnox.services.ports import ActivityStore, Clock
    from huma_fortnox.services.real_time_ports import Lanes, LaneStore, Notices
    from huma_fortnox.services.report import Report

FIRST_WAIT, LONGEST_WAIT = 2, 3600
"""Seconds a message waits after its first failure, doubled with each, up to an hour."""

OFTEN, LONGEST_PATIENCE = 10, 300
"""So often may a message have to be patient before its waits grow, and the longest of these, in seconds."""

WINDOW = 3600
FAILURES, SHARE = 10, 0.5
"""Within the window, in seconds, so many failures, and such a share of all tries, mean quarantine."""

RARELY, STILL_RARER, PATIENCE = 900, 3600, 2 * 3600
"""Seconds between tries in quarantine, at first and after ``PATIENCE`` seconds."""

MOST_SILENT_ENDS = 3
WORTH_CALLING_BACK = 10
"""Seconds of wait from which on a message's receipt is kept, so that it can be called back."""

_AT_ONCE = ("out-of-time", "no-time-left")
_OUR_OWN = (
    *_AT_ONCE,
    "bus-unavailable",
    "lane-unavailable",
    "mail-unavailable",
    "rate-budget-contended",
    "secrets-unavailable",
    "state-unavailable",
    "token-renewal-busy",
    "token-renewal-overtaken",
)
"""Failures that say nothing about the organization's systems."""

_ATTEMPTS = 10


def growing_wait(tries: int, error: IntegrationError | None = None) -> int:
    """Return how many seconds a message waits after having been received ``tries`` times.

    What asks for patience alone (a busy budget, a try that ran out of time) waits for as long as it says and no longer,
    until that has happened often: then for minutes, for a message may be received a limited number of times.

    >>> [growing_wait(tries) for tries in (1, 2, 3, 11, 12, 400)]
    [2, 4, 8, 2048, 3600, 3600]
    >>> [growing_wait(tries, RateLimited(retry_after=3.2)) for tries in (1, 10, 11, 15, 22)]
    [4, 4, 4, 32, 300]
    """
    asked, longest = 0.0, LONGEST_WAIT
    if isinstance(error, TransientError):
        asked = max(1.0, error.retry_after or 0.0)
        if isinstance(error, RateLimited) or error.reason.code in _AT_ONCE:
            tries, longest = tries - OFTEN, LONGEST_PATIENCE
    growing: int = min(longest, FIRST_WAIT * 2 ** min(tries - 1, 16)) if tries > 0 else 0
    return math.ceil(min(LONGEST_WAIT, max(growing, asked)))


class LaneHealth:
    """Keeps account of how each organization's lane fares."""

    def __init__(
        self,
        *,
        store: LaneStore,
        lanes: Lanes,
        notices: Notices,
        activity: ActivityStore,
        report: Callable[[], Report | None],
        clock: Clock,
    ) -> None:
        self._store = store
        self._lanes = lanes
        self._notices = notices
        self._activity = activity
        self._report = report
        self._clock = clock

    def rests(self, state: LaneState) -> int:
        """Return for how many seconds nothing is tried: 0 unless the lane is in quarantine."""
        if state.quarantine is None:
            return 0
        return max(0, math.ceil(state.quarantine.next_try - self._clock()))

    def resting(self, organization_id: str, state: LaneState, receipts: Sequence[str]) -> int:
        """Keep the receipts of messages that came while nothing is tried; return how many seconds they wait."""
        seconds = self.rests(state)
        if seconds >= WORTH_CALLING_BACK:
            self._change(organization_id, state, lambda now: replace(now, waiting=tuple(receipts)))
        return seconds

    def begin(self, organization_id: str, state: LaneState, message_id: str) -> LaneState | None:
        """Note that a message that came before is tried again; ``None`` when its tries keep ending without a word."""
        silent = state.attempts if state.attempt == message_id else 0
        if silent >= MOST_SILENT_ENDS:
            return None
        noted = replace(state, attempt=message_id, attempts=silent + 1)
        return replace(noted, revision=state.revision + 1) if self._store.save(organization_id, noted) else state

    def succeeded(self, organization_id: str, state: LaneState) -> None:
        """Note a try that ended well: costs nothing unless something failed lately."""

        def after(now: LaneState) -> LaneState:
            counts = now.window > self._clock() - WINDOW and now.quarantine is None
            return LaneState(
                window=now.window if counts else 0,
                tries=now.tries + 1 if counts else 0,
                failures=now.failures if counts else 0,
                revision=now.revision,
            )

        before, _ = self._change(organization_id, state, after)
        if before.quarantine is not None:
            self._log(organization_id, "quarantine-left", None)

    def failed(
        self, organization_id: str, state: LaneState, error: IntegrationError, *, tries: int, receipts: Sequence[str]
    ) -> int:
        """Note a try that failed, and return how many seconds its messages wait.

        ``receipts`` are theirs: with these they can be called back before the time is up.
        """
        counts = (
            isinstance(error, TransientError)
            and not isinstance(error, RateLimited)
            and error.reason.code not in _OUR_OWN
        )
        wait = growing_wait(tries, error)

        def after(now: LaneState) -> LaneState:
            changed = self._counted(now, error.reason) if counts else now
            seconds = max(wait, self.rests(changed))
            waiting = tuple(receipts) if seconds >= WORTH_CALLING_BACK else ()
            return replace(changed, waiting=waiting, attempt="", attempts=0)

        before, now = self._change(organization_id, state, after)
        if now.quarantine is not None:
            if before.quarantine is None:
                self._log(organization_id, "quarantined", now.quarantine.reason)
            self._tell(organization_id, now.quarantine)
        return max(wait, self.rests(now))

    def call_back(self, organization_id: str) -> None:
        """Let what waits be seen at once, and a lane in quarantine be tried now: somebody asks for it."""

        def after(now: LaneState) -> LaneState:
            quarantine = replace(now.quarantine, next_try=int(self._clock())) if now.quarantine else None
            return replace(now, waiting=(), quarantine=quarantine)

        before, _ = self._change(organization_id, self._store.load(organization_id), after)
        for receipt in before.waiting:
            self._lanes.wait(receipt, 0)

    def _counted(self, state: LaneState, reason: Reason) -> LaneState:
        now = int(self._clock())
        counted = (
            replace(state, tries=state.tries + 1, failures=state.failures + 1)
            if state.window > now - WINDOW
            else replace(state, window=now, tries=1, failures=1)
        )
        if state.quarantine is not None:
            rare = RARELY if now - state.quarantine.since < PATIENCE else STILL_RARER
            return replace(counted, quarantine=replace(state.quarantine, next_try=now + rare, reason=reason))
        if counted.failures >= FAILURES and counted.failures >= SHARE * counted.tries:
            return replace(counted, quarantine=Quarantine(since=now, next_try=now + RARELY, reason=reason))
        return counted

    def _change(
        self, organization_id: str, state: LaneState, after: Callable[[LaneState], LaneState]
    ) -> tuple[LaneState, LaneState]:
        """Change the state, starting from what was read; return it before and after. What is equal is not written."""
        for _ in range(_ATTEMPTS):
            changed = after(state)
            if changed == state:
                return state, state
            if self._store.save(organization_id, changed):
                return state, changed
            state = self._store.load(organization_id)
        raise TransientError("state-unavailable")

    def _tell(self, organization_id: str, quarantine: Quarantine) -> None:
        """Send one e-mail for each quarantine."""
        report, key = self._report(), str(quarantine.since)
        if report is not None and self._notices.claim(organization_id, "quarantine", key):
            report.quarantined(organization_id, quarantine)
            self._notices.told(organization_id, "quarantine", key)

    def _log(self, organization_id: str, kind: str, reason: Reason | None) -> None:
        now = int(self._clock() * 1000)
        self._activity.append(organization_id, Activity(at=now, kind=kind, cause=Cause.EVENT, reason=reason))
