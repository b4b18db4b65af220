"""The rate limit: so many requests in any window of some seconds, per client and tenant."""

from __future__ import annotations

from collections import deque


class SlidingWindow:
    """Counts exactly: a request is refused when `allowed` lie in the `seconds` before it."""

    def __init__(self, allowed: int, seconds: float, *, counts_refused: bool = False) -> None:
        self._allowed = allowed
        self._seconds = seconds
        self._counts_refused = counts_refused
        self._times: dict[int, deque[float]] = {}

    def admits(self, tenant: int, now: float) -> bool:
        """Decide on a request of this tenant at `now` (a monotonic clock) and count it."""
        if not self._allowed:
            return True
        times = self._times.setdefault(tenant, deque())
        while times and times[0] <= now - self._seconds:
            times.popleft()
        admitted = len(times) < self._allowed
        if admitted or self._counts_refused:
            times.append(now)
        return admitted

    def forget(self) -> None:
        """Start anew."""
        self._times.clear()
