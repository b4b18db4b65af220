"""One batch from a lane: several events of one user are one push, and what must wait says for how long."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, Protocol

from huma_fortnox.domain.errors import NeedsAdministrator, TransientError
from huma_fortnox.services.ports import UserChanged

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from huma_fortnox.services.push import Pushed

FIRST_WAIT, LONGEST_WAIT = 2, 3600
"""Seconds a message waits after its first failure, doubled with each, up to an hour."""


class Pushes(Protocol):
    """What a batch needs of the push."""

    def push(self, event: UserChanged) -> Pushed:
        """Carry what changed for one user."""
        ...


class WaitingLane(Protocol):
    """What a batch needs of the lane."""

    def wait(self, receipt: str, seconds: int) -> None:
        """Let a message be seen again only after so many seconds."""
        ...


class LaneBatch:
    """Carries the messages of one batch, in order; ``records`` are SQS's."""

    def __init__(self, push: Pushes, lane: WaitingLane, records: Sequence[Mapping[str, Any]]) -> None:
        self._push = push
        self._lane = lane
        self._records = records
        self._carried: set[tuple[str, str]] = set()

    def carry(self, record: Mapping[str, Any]) -> None:
        """Carry one message; what it raises puts it and the rest of its lane back.

        The user is read as it is now, after every event of this batch was received: a second event of the same user
        has nothing to add.
        """
        event = UserChanged(**json.loads(record["body"]))
        user = (event.organization_id, event.user_id)
        if user in self._carried:
            return
        try:
            self._push.push(event)
        except (TransientError, NeedsAdministrator) as error:
            self._put_back(record, _wait(record, error))
            raise
        self._carried.add(user)

    def _put_back(self, record: Mapping[str, Any], seconds: int) -> None:
        """Put a message and those behind it in its lane back together.

        Those behind would otherwise stay out of sight for the queue's whole time-out, long after the first one came
        back and was carried.
        """
        group, found = _group(record), False
        for each in self._records:
            found = found or each["messageId"] == record["messageId"]
            if found and _group(each) == group:
                self._lane.wait(each["receiptHandle"], seconds)


def _group(record: Mapping[str, Any]) -> str:
    return str(record["attributes"]["MessageGroupId"])


def _wait(record: Mapping[str, Any], error: TransientError | NeedsAdministrator) -> int:
    tries = int(record["attributes"].get("ApproximateReceiveCount", "1"))
    growing = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(tries - 1, 16))
    asked = error.retry_after if isinstance(error, TransientError) else None
    wanted: float = max(growing, asked or 0)
    return math.ceil(min(LONGEST_WAIT, wanted))
