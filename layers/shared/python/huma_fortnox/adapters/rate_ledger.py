"""Who holds which of an organization's permits: the shared half of the rate budget, as data and arithmetic.

The ledger is the item ``sk = "RATE"`` of the state table, replaced as a whole by whoever changes it (``revision``
counts). It holds no moment that two workers would have to agree on. A permit that lies free carries how much of its
rest was left *when the ledger was written*; whoever reads it counts from when it first saw that revision, which cannot
have been before. Only two things look at another worker's clock, both with ``SKEW`` to spare, and neither during steady
work: that a ledger was written long ago, and that a worker has died.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SKEW = 5.0
"""Seconds by which two workers' clocks may differ."""

_KEPT = 3600


@dataclass(frozen=True, slots=True)
class Limit:
    """``permits`` requests in any ``window`` seconds; a permit rests that long, and a little, between two uses.

    ``late`` is the most seconds that a request may take to arrive and still be accounted for. ``block`` permits are
    taken at first: enough for a push, and a fair part for four workers who start together.
    """

    permits: int = 25
    window: float = 5.0
    margin: float = 0.05
    late: float = 1.0
    block: int = 7

    @property
    def rest(self) -> float:
        """Seconds between two uses of a permit when requests are not delayed on their way."""
        return self.window + self.margin

    @property
    def full_rest(self) -> float:
        """Seconds after which a permit is rested, whatever became of the request."""
        return self.rest + self.late


@dataclass(frozen=True, slots=True)
class Holding:
    """What one worker holds ``until`` a moment of its own clock (Unix seconds); ``waiting``: it could use more."""

    permits: int
    until: float
    waiting: bool = False


@dataclass(frozen=True, slots=True)
class Ledger:
    """The permits at one revision; ``free`` and ``pause`` are the seconds that were left at ``written_at``."""

    free: tuple[float, ...]
    holdings: Mapping[str, Holding] = field(default_factory=dict)
    pause: float = 0.0
    pause_id: str = ""
    revision: int = 0
    written_at: float = -math.inf

    @classmethod
    def untouched(cls, limit: Limit) -> Ledger:
        """Return the ledger of an organization that sent nothing for long."""
        return cls((0.0,) * limit.permits)

    def as_of(self, seen: float, now: float, limit: Limit, me: str = "") -> Ledger:
        """Return the ledger as it stands ``seen`` seconds after it was first seen, at ``now`` by the reader's clock.

        Permits rest, the dead are inherited from, and permits that got lost are put back. Errs towards resting longer.
        """
        elapsed = max(seen, now - self.written_at - SKEW, 0.0)
        free = [max(0.0, rest - elapsed) for rest in self.free]
        living: dict[str, Holding] = {}
        for worker, holding in self.holdings.items():
            dead_for = now - holding.until - SKEW
            if worker == me or dead_for <= 0:
                living[worker] = holding
            else:
                free += [max(0.0, limit.full_rest - dead_for)] * holding.permits
        lost = limit.permits - len(free) - sum(holding.permits for holding in living.values())
        free = sorted(free + [limit.full_rest] * lost)[max(0, -lost) :]
        return Ledger(
            tuple(free), living, max(0.0, self.pause - elapsed), self.pause_id, self.revision, self.written_at
        )

    def to_give(self, me: str, held: int, idle: int, limit: Limit) -> int:
        """Return how many of its ``held`` permits a worker owes to others who wait; ``idle`` ones it does not use."""
        waiting = [other for worker, other in self.holdings.items() if worker != me and other.waiting]
        if not waiting:
            return 0
        share = limit.permits // len(self.holdings.keys() | {me})
        wanted = sum(max(0, min(share - other.permits, limit.block)) for other in waiting) - len(self.free)
        return max(min(wanted, held - share), min(idle, held - 1), 0)

    def to_take(self, me: str, held: int, limit: Limit) -> int:
        """Return how many free permits a worker takes who has none to use now."""
        waiting = any(other.waiting for worker, other in self.holdings.items() if worker != me)
        share = math.ceil(limit.permits / len(self.holdings.keys() | {me})) if waiting else limit.permits
        return max(0, min(len(self.free), max(limit.block, held), share - held))

    def to_item(self) -> dict[str, Any]:
        """Return the attributes of the item; times are whole milliseconds, rounded up."""
        return {
            "revision": self.revision,
            "written_at": _milliseconds(self.written_at),
            "free": [_milliseconds(rest) for rest in self.free],
            "holdings": {
                worker: {
                    "permits": holding.permits,
                    "until": _milliseconds(holding.until),
                    "waiting": holding.waiting,
                }
                for worker, holding in self.holdings.items()
            },
            "pause": _milliseconds(self.pause),
            "pause_id": self.pause_id,
            "expires_at": int(self.written_at) + _KEPT,
        }

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Ledger:
        """Read what ``to_item`` wrote."""
        return cls(
            tuple(rest / 1000 for rest in item["free"]),
            {
                worker: Holding(holding["permits"], holding["until"] / 1000, holding["waiting"])
                for worker, holding in item["holdings"].items()
            },
            item["pause"] / 1000,
            item["pause_id"],
            item["revision"],
            item["written_at"] / 1000,
        )


def _milliseconds(seconds: float) -> int:
    return math.ceil(seconds * 1000)
