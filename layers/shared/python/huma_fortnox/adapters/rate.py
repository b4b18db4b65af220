"""The rate budget: 25 requests in any 5 seconds, shared by all workers of an organization.

There are 25 permits, one for each request that the window allows. A permit that was used rests until the request it
was used for lies at least the window back, and may then be used again. In any window every permit is thus used at most
once, so no window ever holds more than 25 requests: no matter how many workers there are, or what their clocks show.

Rest is measured where the permit was used, with that worker's monotonic clock, and from when the request can have
reached Fortnox: a thread that asks for its next permit has had its answer, and what that took beyond the fastest
request of late is how long it may have been held up on its way. With requests of even duration, however long, nothing
of the budget is lost to that.

Permits move between workers in blocks, through the ledger (``rate_ledger``), a conditional write each: a worker takes
some when it has none to use, renews its holding every few seconds while it works, and gives back what others wait for
and what it does not need. In steady work nothing else is written, so the cost is far below one write a request. A
worker that dies keeps its permits until its holding runs out.

From the second round on a worker spreads its requests over the window instead of sending them in one burst: that costs
nothing, and leaves permits ready at all times for a push that arrives during a long run.
"""

from __future__ import annotations

import math
import random
import threading
import time
import uuid
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from huma_fortnox.adapters.rate_ledger import Holding, Ledger, Limit, Rest
from huma_fortnox.domain.errors import RateLimited, TransientError

if TYPE_CHECKING:
    from collections.abc import Callable

    from huma_fortnox.adapters.table import Table

HOLD = 15.0
"""Seconds for which a worker holds permits without renewing."""

RENEW = (0.25, 0.55)
"""Which part of that is left when it renews, drawn anew each time: workers who started together drift apart."""

LOOK = 0.4
"""Seconds after which a worker who waits looks at the ledger again."""

LOOK_WORKING = 1.0
"""Seconds after which a worker who need not wait looks at the ledger again, for a pause above all."""

SPREAD = 0.8
"""Over how much of the window a round of requests is spread."""

IDLE = 0.9
"""How much of the window a permit lies ready before it counts as not needed; more than it waits for its turn."""

_FASTEST_OF = (8, 1000)
"""Of so few requests none is taken for the fastest yet, and so many are looked at: a while that all are slow passes."""

_ATTEMPTS = 12


@dataclass(slots=True, eq=False)
class _Permit:
    """A permit in this worker's hands; moments are of its monotonic clock."""

    ready_at: float
    used_at: float = -math.inf


class SharedRateBudget:
    """One worker's access to its organization's budget; fulfils ``services.ports.RateBudget``.

    ``time_left`` are the seconds for which this process may still wait. Threads may share one object. Methods raise
    ``RateLimited`` when waiting would take too long, and ``TransientError`` when DynamoDB does not answer.
    """

    def __init__(
        self,
        table: Table,
        organization_id: str,
        *,
        limit: Limit | None = None,
        time_left: Callable[[], float] = lambda: math.inf,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._table = table
        self._pk = f"ORG#{organization_id}"
        self._limit = limit or Limit()
        self._time_left = time_left
        self._clock = clock
        self._monotonic = monotonic
        self._sleep = sleep
        self._jitter = jitter
        self._me = uuid.uuid4().hex[:12]
        self._lock = threading.Lock()
        self._permits: list[_Permit] = []
        self._held_until = (-math.inf, -math.inf)
        self._ledger = Ledger.untouched(self._limit)
        self._seen_at = -math.inf
        self._looked_at = -math.inf
        self._renew_at = -math.inf
        self._registered = False
        self._waited = False
        self._pause_until = -math.inf
        self._pause_id = ""
        self._last_use = -math.inf
        self._in_flight: dict[int, tuple[_Permit, float]] = {}
        self._durations: deque[float] = deque(maxlen=_FASTEST_OF[1])

    # -- the port ---------------------------------------------------------------------------------

    def acquire(self) -> None:
        """Wait until one request may be sent; send it at once.

        Raises ``RateLimited`` with ``retry_after`` when the wait would exceed the time left.
        """
        self.answered()
        while True:
            with self._lock:
                wait = self._try()
            if wait <= 0:
                return
            if wait > self._time_left():
                raise RateLimited(retry_after=max(wait, 1.0))
            self._sleep(min(wait, LOOK))

    def answered(self) -> None:
        """Tell that the request this thread took its last permit for is over.

        Who does not tell is taken to be waiting still, until the thread asks for its next permit; a permit that is
        given back before rests as long as the slowest request would need.
        """
        # Before the lock: waiting for a thread that is at the ledger is no part of the request.
        answered_at = self._monotonic()
        with self._lock:
            self._note_answer(answered_at)

    def pause(self, seconds: float) -> None:
        """Stop everybody of this organization for so long (after a 429)."""
        with self._lock:
            self._pause_until = max(self._pause_until, self._monotonic() + seconds)
            self._pause_id = uuid.uuid4().hex[:12]
            # Should the ledger not be written, those who run into the limit themselves pause as well.
            with suppress(TransientError):
                self._exchange()

    def give_back(self) -> None:
        """Return the permits taken in advance and not used."""
        with self._lock:
            if not (self._permits or self._registered):
                return
            # Should the ledger not be written, the holding runs out by itself.
            with suppress(TransientError):
                self._exchange(leave=True)
            self._permits.clear()
            self._registered = False

    # -- using permits ----------------------------------------------------------------------------

    def _note_answer(self, answered_at: float) -> None:
        """Let the permit that this thread used last rest from when its request can have arrived."""
        permit, used_at = self._in_flight.pop(threading.get_ident(), (None, 0.0))
        if permit is None:
            return
        duration = answered_at - used_at
        fastest = min(self._durations) if len(self._durations) >= _FASTEST_OF[0] else 0.0
        held_up = duration - fastest
        self._durations.append(duration)
        if permit.used_at == used_at:
            permit.ready_at = used_at + self._limit.rest + min(max(held_up, 0.0), self._limit.late)

    def _try(self) -> float:
        """Use a permit and return 0, or return the seconds to wait before trying again."""
        wait = self._wait()
        if self._keep_up(LOOK if wait > 0 else LOOK_WORKING):
            wait = self._wait()
        if wait <= 0:
            self._use()
        elif not self._any_ready():
            self._waited = True
        return wait

    def _wait(self) -> float:
        """Return the seconds until a permit in hand may be used; when there is none, until it is worth a look."""
        now = self._monotonic()
        wait = self._pause_until - now
        if not self._permits:
            return max(wait, LOOK * (0.5 + self._jitter()))
        permit = min(self._permits, key=lambda each: each.ready_at)
        start = permit.ready_at
        if permit.used_at > -math.inf:
            spread = SPREAD * self._limit.window
            start = max(start, min(self._last_use + spread / len(self._permits), start + spread))
        return max(wait, start - now)

    def _use(self) -> None:
        now = self._monotonic()
        # The one that was ready last: so those that are not needed are seen to lie idle.
        permit = max((each for each in self._permits if each.ready_at <= now), key=lambda each: each.ready_at)
        permit.used_at = self._last_use = now
        permit.ready_at = now + self._limit.full_rest
        self._in_flight[threading.get_ident()] = (permit, now)

    def _lapsed(self) -> bool:
        """Tell whether others may hold our permits; two clocks, since one may stand still in a frozen process."""
        return self._monotonic() >= self._held_until[0] or self._clock() >= self._held_until[1]

    # -- the ledger -------------------------------------------------------------------------------

    def _keep_up(self, look_after: float) -> bool:
        """Look at the ledger and write to it where that is due; return whether anything may have changed."""
        looked = self._monotonic() - self._looked_at >= look_after
        if looked:
            try:
                self._look()
            except TransientError:
                if self._lapsed():
                    raise
                # What is in hand stays good; whether somebody paused is asked again at once.
                return False
        if not self._due():
            return looked
        try:
            self._exchange()
        except TransientError:
            if self._lapsed():
                raise
        return True

    def _due(self) -> bool:
        """Tell whether there is something to write: renew, take, give, or ask for a share."""
        now = self._monotonic()
        if not self._permits and not self._registered:
            return True
        if self._lapsed() or now >= self._renew_at:
            return True
        ledger = self._standing()
        if not self._any_ready() and ledger.to_take(self._me, len(self._permits), self._limit):
            return True
        return ledger.to_give(self._me, len(self._permits), self._idle(), self._limit) > 0

    def _any_ready(self) -> bool:
        now = self._monotonic()
        return any(permit.ready_at <= now for permit in self._permits)

    def _idle(self) -> int:
        since = self._monotonic() - IDLE * self._limit.window
        return sum(permit.ready_at <= since for permit in self._permits)

    def _look(self) -> None:
        """Read the ledger; whatever it does not grant us any more is not ours."""
        item = self._table.get(self._pk, "RATE")
        self._looked_at = self._monotonic()
        known = self._ledger.revision
        self._ledger = Ledger.from_item(item) if item else Ledger.untouched(self._limit)
        if known != self._ledger.revision:
            self._seen_at = self._looked_at
        self._heed_pause()
        mine = self._ledger.holdings.get(self._me)
        self._registered = mine is not None
        surplus = len(self._permits) - (mine.permits if mine else 0)
        if surplus > 0:
            self._permits.sort(key=lambda each: each.ready_at)
            del self._permits[:surplus]

    def _heed_pause(self) -> None:
        """Pause while the ledger says so; a pause is counted from when it was first seen."""
        ledger = self._standing()
        if not ledger.pause.left:
            return
        until = self._monotonic() + ledger.pause.left
        if ledger.pause_id == self._pause_id:
            self._pause_until = min(self._pause_until, until)
        elif until > self._pause_until:
            self._pause_until, self._pause_id = until, ledger.pause_id

    def _standing(self) -> Ledger:
        seen = self._monotonic() - self._seen_at
        return self._ledger.as_of(seen, self._clock(), self._limit, self._me)

    def _exchange(self, *, leave: bool = False) -> None:
        """Settle with the ledger in one conditional write: renew, take, give, pause, and tell whether we wait.

        When no answer comes, what we gave counts as given and what we took as not taken: the ledger is corrected by
        our next write.
        """
        for attempt in range(_ATTEMPTS):
            if attempt:
                self._sleep(self._jitter() * 0.02 * min(attempt, 5))
            if attempt or self._monotonic() - self._looked_at >= LOOK:
                self._look()
            before, now = self._monotonic(), self._clock()
            ledger = self._standing()
            # From here on what is left of a rest is known, whenever the write is answered.
            stood = self._monotonic()
            keep, give, take = self._settlement(ledger, before, leave=leave)
            settled = self._settled(ledger, keep, give, take, before, now, leave=leave)
            try:
                written = self._write(settled, ledger.revision, now)
            except TransientError:
                self._permits = keep
                self._looked_at = -math.inf
                raise
            if not written:
                self._looked_at = -math.inf
                continue
            after = self._monotonic()
            self._permits = keep + [_Permit(stood + rest.left) for rest in ledger.free[:take]]
            self._held_until = (before + HOLD, now + HOLD)
            self._renew_at = before + HOLD * (1 - RENEW[0] - self._jitter() * (RENEW[1] - RENEW[0]))
            self._ledger, self._seen_at, self._looked_at = settled, stood, after
            self._registered, self._waited = not leave, False
            return
        raise TransientError("rate-budget-contended", retry_after=1.0)

    def _settlement(self, ledger: Ledger, now: float, *, leave: bool) -> tuple[list[_Permit], list[_Permit], int]:
        """Return the permits to keep, those to give, and the number to take."""
        mine = sorted(self._permits, key=lambda each: each.ready_at)
        held = len(mine)
        give = held if leave else ledger.to_give(self._me, held, self._idle(), self._limit)
        take = 0
        if not (leave or give or any(permit.ready_at <= now for permit in mine)):
            take = ledger.to_take(self._me, held, self._limit)
        # The ones that are ready first go: they are of use to others at once.
        return mine[give:], mine[:give], take

    def _settled(
        self,
        ledger: Ledger,
        keep: list[_Permit],
        give: list[_Permit],
        take: int,
        before: float,
        now: float,
        *,
        leave: bool,
    ) -> Ledger:
        holdings = dict(ledger.holdings)
        holdings.pop(self._me, None)
        if not leave:
            waiting = self._waited or not (keep or take)
            holdings[self._me] = Holding(len(keep) + take, now + HOLD, waiting)
        given = [Rest(left, now + left) for permit in give if (left := permit.ready_at - before) > 0]
        given += [Rest()] * (len(give) - len(given))
        paused = max(0.0, self._pause_until - before)
        settled = replace(
            ledger,
            free=(*ledger.free[take:], *given),
            holdings=holdings,
            pause=Rest(paused, now + paused),
            pause_id=self._pause_id if paused else "",
            # A ledger that was forgotten starts anew with a number it never had.
            revision=ledger.revision + 1 if ledger.revision else int(now * 1000),
        )
        # Permits of ours that the ledger counted and we never had go back, rested in full.
        return settled.as_of(0.0, now, self._limit, self._me)

    def _write(self, ledger: Ledger, read: int, now: float) -> bool:
        item = {"pk": self._pk, "sk": "RATE", **ledger.to_item(now)}
        if read:
            return self._table.put(item, condition="#revision = :read", values={"read": read})
        return self._table.put(
            item, condition="attribute_not_exists(pk) OR #expires_at <= :now", values={"now": int(now)}
        )
