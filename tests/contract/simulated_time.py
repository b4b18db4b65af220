"""Threads on a clock of their own: one runs at a time, and time passes only while all of them sleep.

A minute of waiting takes milliseconds, and the same actors always do the same.
"""

from __future__ import annotations

import heapq
import itertools
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class SimulatedTime:
    """A clock, and the actors that live by it; `now` is in seconds."""

    def __init__(self) -> None:
        self.now = 0.0
        self._turns: list[tuple[float, int, threading.Event]] = []
        self._order = itertools.count()
        self._over = threading.Event()
        self._failures: list[BaseException] = []

    def sleep(self, seconds: float) -> None:
        """Let the others act until so many seconds have passed; for actors only."""
        turn = self._enqueue(seconds)
        self._pass_on()
        turn.wait()

    def run(self, *actors: Callable[[], None]) -> None:
        """Let the actors act until all have ended; raises what one of them raised."""
        for actor in actors:
            threading.Thread(target=self._live, args=(actor, self._enqueue(0.0)), daemon=True).start()
        self._pass_on()
        assert self._over.wait(60), "the actors wait for each other"
        self._over.clear()
        if self._failures:
            raise self._failures[0]

    def _live(self, actor: Callable[[], None], turn: threading.Event) -> None:
        turn.wait()
        try:
            actor()
        except BaseException as failure:
            self._failures.append(failure)
        finally:
            self._pass_on()

    def _enqueue(self, seconds: float) -> threading.Event:
        turn = threading.Event()
        heapq.heappush(self._turns, (self.now + max(seconds, 0.0), next(self._order), turn))
        return turn

    def _pass_on(self) -> None:
        if self._turns:
            self.now, _, turn = heapq.heappop(self._turns)
            turn.set()
        else:
            self._over.set()
