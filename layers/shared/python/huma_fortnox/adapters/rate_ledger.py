"""Who holds which of an organization's permits: the shared half of the rate budget, as data and arithmetic.

The ledger is the item ``sk = "RATE"`` of the state table, replaced as a whole by whoever changes it (``revision``
counts). It asks no two workers to agree on what time it is. A permit that lies free carries how much of its rest was
left *when the ledger was written*; whoever reads it counts from when it first saw that revision, which cannot have
been before the writing. Only for what lasts longer is a clock compared with another worker's, with ``SKEW`` to spare:
that a permit was given back long ago, that a pause is long over, that a worker has died.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import field, replace
from typing import Any

from huma_fortnox.domain.frozen import dataclass

SKEW = 4.5
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
class Rest:
    """A rest with ``left`` seconds to go when it was written, until a moment of its giver's clock (Unix seconds)."""

    left: float = 0.0
    until: float = -math.inf

    def as_of(self, seen: float, now: float) -> Rest:
        """Return what is left ``seen`` seconds after it was first seen, at ``now`` by the reader's clock."""
        return Rest(max(0.0, min(self.left - seen, self.until + SKEW - now)), self.until)


@dataclass(frozen=True, slots=True)
class Holding:
    """What one worker holds ``until`` a moment of its own clock (Unix seconds); ``waiting``: it could use more."""

    permits: int
    until: float
    waiting: bool = False


@dataclass(frozen=True, slots=True)
class Ledger:
    """The permits at one revision: those that lie ``free``, those that workers hold, and how long all pause."""

    free: tuple[Rest, ...]
    holdings: Mapping[str, Holding] = field(default_factory=dict)
    pause: Rest = Rest()
    pause_id: str = ""
    revision: int = 0

    @classmethod
    def untouched(cls, limit: Limit) -> Ledger:
        """Return the ledger of an organization that sent nothing for long."""
        return cls((Rest(),) * limit.permits)

    def as_of(self, seen: float, now: float, limit: Limit, me: str = "") -> Ledger:
        """Return the ledger as it stands ``seen`` seconds after it was first seen, at ``now`` by the reader's clock.

        Permits rest, the dead are inherited from, and permits that got lost are put back. Errs towards resting longer.
        """
        free = [rest.as_of(seen, now) for rest in self.free]
        living: dict[str, Holding] = {}
        for worker, holding in self.holdings.items():
            if worker == me or now <= holding.until + SKEW:
                living[worker] = holding
            else:
                last = Rest(limit.full_rest, holding.until + limit.full_rest)
                free += [last.as_of(0.0, now)] * holding.permits
        lost = limit.permits - len(free) - sum(holding.permits for holding in living.values())
        free += [Rest(limit.full_rest, now + limit.full_rest)] * lost
        free.sort(key=lambda rest: rest.left)
        return replace(self, free=tuple(free[max(0, -lost) :]), holdings=living, pause=self.pause.as_of(seen, now))

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

    def to_item(self, now: float) -> dict[str, Any]:
        """Return the attributes of the item as written ``now``; times are whole milliseconds, rounded up."""
        return {
            "revision": self.revision,
            "free": [_rest_to_item(rest) for rest in self.free],
            "holdings": {
                worker: {
                    "permits": holding.permits,
                    "until": _milliseconds(holding.until),
                    "waiting": holding.waiting,
                }
                for worker, holding in self.holdings.items()
            },
            "pause": _rest_to_item(self.pause),
            "pause_id": self.pause_id,
            "expires_at": int(now) + _KEPT,
        }

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Ledger:
        """Read what ``to_item`` wrote."""
        return cls(
            tuple(_rest_from_item(rest) for rest in item["free"]),
            {
                worker: Holding(holding["permits"], holding["until"] / 1000, holding["waiting"])
                for worker, holding in item["holdings"].items()
            },
            _rest_from_item(item["pause"]),
            item["pause_id"],
            item["revision"],
        )


def _rest_to_item(rest: Rest) -> list[int]:
    """Write a rest as ``[left, until]``, and one that is over as ``[]``."""
    return [_milliseconds(rest.left), _milliseconds(rest.until)] if rest.left else []


def _rest_from_item(item: list[int]) -> Rest:
    return Rest(item[0] / 1000, item[1] / 1000) if item else Rest()


def _milliseconds(seconds: float) -> int:
    return math.ceil(seconds * 1000)
