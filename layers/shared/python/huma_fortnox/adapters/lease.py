"""Leases: the right of one worker at a time to do something for an organization, for so long and no longer.

A lease is an item of the state table (``sk = "LEASE#<name>"``: ``owner``, ``until`` in Unix milliseconds). Its owner
is drawn anew each time it is acquired, so that nobody can mistake an earlier lease of their own for the present one.
It is renewed and released by its owner only, and only while it runs: whoever overslept has lost it, and its successor
never finds the door opened by somebody else.

Workers' clocks differ. A lease is therefore taken over only when it has been over for ``GRACE`` seconds by the clock
of the taker; its owner, who looks at its own clock, has stopped by then.
"""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING

from huma_fortnox.domain.errors import Conflict
from huma_fortnox.domain.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable

    from huma_fortnox.adapters.table import Table

GRACE = 5.0
"""Seconds that two workers' clocks may differ by without two of them holding one lease."""

_KEPT = 24 * 3600


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease that was acquired: ``until`` is in Unix seconds by the clock of its owner."""

    name: str
    owner: str
    until: float


class Leases:
    """The leases of one organization; every method raises ``TransientError`` when DynamoDB does not answer."""

    def __init__(self, table: Table, organization_id: str, *, clock: Callable[[], float] = time.time) -> None:
        self._table = table
        self._pk = f"ORG#{organization_id}"
        self._clock = clock

    def acquire(self, name: str, seconds: float) -> Lease | None:
        """Take the lease for ``seconds``, or return ``None`` when somebody else has it. Never waits."""
        now = self._clock()
        lease = Lease(name, uuid.uuid4().hex, now + seconds)
        # The client repeats a write whose answer was lost: then the lease is found to be ours already.
        taken = self._table.put(
            self._item(lease),
            condition="attribute_not_exists(pk) OR #until < :over OR #owner = :owner",
            values={"over": _milliseconds(now - GRACE), "owner": lease.owner},
        )
        return lease if taken else None

    def renew(self, lease: Lease, seconds: float) -> Lease:
        """Make the lease run for ``seconds`` from now; raises ``Conflict("lease-lost")`` when it is over or taken."""
        renewed = Lease(lease.name, lease.owner, self._clock() + seconds)
        if not self.running(lease) or not self._table.put(
            self._item(renewed), condition="#owner = :owner", values={"owner": lease.owner}
        ):
            raise Conflict("lease-lost", {"lease": lease.name})
        return renewed

    def release(self, lease: Lease) -> bool:
        """Give the lease back; return whether it was still ours to give. One that is over is left as it is."""
        if not self.running(lease):
            return False
        return self._table.delete(
            self._pk, f"LEASE#{lease.name}", condition="#owner = :owner", values={"owner": lease.owner}
        )

    def running(self, lease: Lease, seconds: float = 0.0) -> bool:
        """Tell whether the lease, by its owner's clock, runs for ``seconds`` more."""
        return self._clock() + seconds < lease.until

    def _item(self, lease: Lease) -> dict[str, str | int]:
        return {
            "pk": self._pk,
            "sk": f"LEASE#{lease.name}",
            "owner": lease.owner,
            "until": _milliseconds(lease.until),
            "expires_at": int(lease.until) + _KEPT,
        }


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000)
