"""One batch from the lanes: several events of one user are one push, and what must wait says for how long.

A batch may hold messages of several organizations. They are worked on side by side, so a slow organization holds up
nobody, and within an organization so are different users: the order of *their* changes means nothing, and each user is
read as it is now. What fails stops the rest of its lane; the messages behind it come back together with it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from huma_fortnox.domain.errors import Defect, IntegrationError, NeedsAdministrator, TransientError
from huma_fortnox.domain.frozen import dataclass
from huma_fortnox.services.lane_messages import message_from_json
from huma_fortnox.services.ports import UserChanged
from huma_fortnox.services.quarantine import growing_wait
from huma_fortnox.services.real_time import LaneState, PageToReconcile

if TYPE_CHECKING:
    from huma_fortnox.services.push import PushBatch
    from huma_fortnox.services.quarantine import LaneHealth
    from huma_fortnox.services.real_time_ports import Lanes

logger = logging.getLogger(__name__)

MOST_DEFECTS = 5
"""How often a message that meets a defect of ours is received before it is laid aside."""

SIDE_BY_SIDE = 4
"""Users of one organization at the same time: enough to use its rate of requests fully, whatever they take."""

Record = Mapping[str, Any]
T = TypeVar("T")


class Pushes(Protocol):
    """What a batch needs of the push."""

    def open(self, organization_id: str, user_ids: Sequence[str]) -> PushBatch:
        """Read what is kept about these users."""
        ...

    def note_defect(self, event: UserChanged) -> None:
        """Record that a user could not be carried for a reason of our own."""
        ...


class Reconciles(Protocol):
    """What a batch needs of the reconciliation."""

    def carry(self, page: PageToReconcile) -> None:
        """Push everybody of one page, and ask for the next one."""
        ...


@dataclass(frozen=True, slots=True)
class _Message:
    record: Record
    content: UserChanged | PageToReconcile

    @property
    def id(self) -> str:
        return str(self.record["messageId"])

    @property
    def receives(self) -> int:
        return int(self.record["attributes"].get("ApproximateReceiveCount", "1"))


class LaneBatch:
    """Carries the messages of batches."""

    def __init__(
        self,
        *,
        push: Pushes,
        reconcile: Reconciles,
        lanes: Lanes,
        health: LaneHealth,
        side_by_side: int = SIDE_BY_SIDE,
    ) -> None:
        self.push = push
        self.reconcile = reconcile
        self.lanes = lanes
        self.health = health
        self.side_by_side = side_by_side

    def carry(self, records: Sequence[Record]) -> list[str]:
        """Carry one batch of SQS's records, and return the ids of the messages that have to come again."""
        lanes: dict[str, list[Record]] = {}
        for record in records:
            lanes.setdefault(str(record["attributes"]["MessageGroupId"]), []).append(record)
        failed = _all_of(self._carry_lane, list(lanes.items()), most=len(lanes))
        again = {message_id for each in failed for message_id in each}
        return [str(record["messageId"]) for record in records if record["messageId"] in again]

    def _carry_lane(self, lane: tuple[str, list[Record]]) -> list[str]:
        organization_id, records = lane
        try:
            return _Lane(self, organization_id, self._read(records)).carry()
        except Exception as error:
            # The account of how the lane fares could not be kept: what is not known to be done comes again.
            _log_defect(organization_id, error)
            for record in records:
                self.lanes.wait(record["receiptHandle"], growing_wait(_receives(record)))
            return [str(record["messageId"]) for record in records]

    def _read(self, records: Sequence[Record]) -> list[_Message]:
        messages = []
        for record in records:
            try:
                messages.append(_Message(record, message_from_json(json.loads(record["body"]))))
            except (ValueError, Defect) as error:
                _log_defect(str(record["attributes"]["MessageGroupId"]), error)
                self.lanes.bury(record)
        return messages


class _Lane:
    """The messages of one organization in one batch, in their order."""

    def __init__(self, parts: LaneBatch, organization_id: str, messages: Sequence[_Message]) -> None:
        self._parts = parts
        self._organization_id = organization_id
        self._messages = list(messages)
        self._state = LaneState()
        self._done: set[str] = set()
        self._stopped: tuple[_Message, Exception] | None = None

    def carry(self) -> list[str]:
        if not self._messages:
            return []
        try:
            batch = self._open(_chunks(self._messages)[0])
        except Exception as error:
            self._stopped = (self._messages[0], error)
            return self._end()
        self._state = batch.state.lane
        if not batch.wanted:
            return []
        if self._parts.health.rests(self._state):
            return self._rest()
        self._begin()
        for number, chunk in enumerate(_chunks(self._messages)):
            if self._stopped is None:
                # What was read before a page is not what stands after it.
                self._carry_chunk(batch if number == 0 else None, chunk)
        return self._end()

    def _open(self, messages: Sequence[_Message]) -> PushBatch:
        users = [each.content.user_id for each in messages if isinstance(each.content, UserChanged)]
        return self._parts.push.open(self._organization_id, list(dict.fromkeys(users)))

    def _rest(self) -> list[str]:
        """Put everything back until the lane's quarantine allows the next try."""
        receipts = [message.record["receiptHandle"] for message in self._messages]
        seconds = self._parts.health.resting(self._organization_id, self._state, receipts)
        for receipt in receipts:
            self._parts.lanes.wait(receipt, seconds)
        return [message.id for message in self._messages]

    def _begin(self) -> None:
        """Lay aside a first message whose tries keep ending without a word."""
        while self._messages and self._messages[0].receives > 1:
            noted = self._parts.health.begin(self._organization_id, self._state, self._messages[0].id)
            if noted is not None:
                self._state = noted
                return
            self._bury(self._messages.pop(0))
            self._state = LaneState(revision=self._state.revision)

    def _carry_chunk(self, batch: PushBatch | None, chunk: Sequence[_Message]) -> None:
        """Carry one page, or users side by side; the first failure keeps what has not begun from beginning."""
        first = chunk[0]
        if isinstance(first.content, PageToReconcile):
            page = first.content
            self._one([first], lambda: self._parts.reconcile.carry(page))
            return
        opened = batch or self._open(chunk)
        by_user: dict[str, list[_Message]] = {}
        for message in chunk:
            assert isinstance(message.content, UserChanged)  # noqa: S101  # chunks are of one kind
            by_user.setdefault(message.content.user_id, []).append(message)
        # What failed before is tried with one user first.
        alone = self._state.quarantine is not None or first.receives > 1
        if not alone and len(by_user) > 1:
            opened.prepare()
        _all_of(
            lambda messages: self._one(messages, lambda: self._push(opened, messages)),
            list(by_user.values()),
            most=1 if alone else self._parts.side_by_side,
        )

    def _push(self, batch: PushBatch, messages: Sequence[_Message]) -> None:
        """Push one user once for all its messages: it is read after every one of them was received."""
        event = _together([each.content for each in messages if isinstance(each.content, UserChanged)])
        batch.push(event)

    def _one(self, messages: Sequence[_Message], work: Callable[[], object]) -> None:
        if self._stopped is not None:
            return
        try:
            work()
        except (TransientError, NeedsAdministrator) as error:
            self._stop(messages[0], error)
            return
        except Exception as error:
            _log_defect(self._organization_id, error)
            if max(message.receives for message in messages) < MOST_DEFECTS:
                self._stop(messages[0], error)
                return
            for message in messages:
                self._bury(message)
        self._done.update(message.id for message in messages)

    def _stop(self, message: _Message, error: Exception) -> None:
        # The first failure counts; others that were under way at the same time are most likely the same.
        self._stopped = self._stopped or (message, error)

    def _bury(self, message: _Message) -> None:
        self._parts.lanes.bury(message.record)
        if isinstance(message.content, UserChanged):
            self._parts.push.note_defect(message.content)
        self._done.add(message.id)

    def _end(self) -> list[str]:
        """Keep account of how it went, and put back what has to come again, together."""
        again = [message for message in self._messages if message.id not in self._done]
        health = self._parts.health
        if self._stopped is None:
            health.succeeded(self._organization_id, self._state)
            return []
        message, error = self._stopped
        receipts = [each.record["receiptHandle"] for each in again]
        if isinstance(error, IntegrationError):
            seconds = health.failed(
                self._organization_id, self._state, error, tries=message.receives, receipts=receipts
            )
        else:
            seconds = growing_wait(message.receives)
        for receipt in receipts:
            self._parts.lanes.wait(receipt, seconds)
        return [each.id for each in again]


def _chunks(messages: Iterable[_Message]) -> list[list[_Message]]:
    """Cut messages into runs of users, and single pages."""
    chunks: list[list[_Message]] = []
    for message in messages:
        together = (
            chunks and isinstance(message.content, UserChanged) and isinstance(chunks[-1][0].content, UserChanged)
        )
        if together:
            chunks[-1].append(message)
        else:
            chunks.append([message])
    return chunks


def _together(events: Sequence[UserChanged]) -> UserChanged:
    """Return the event that stands for several of one user: somebody who asked is answered, the oldest one counts."""
    asked = next((event for event in events if event.again), None)
    return asked or min(events, key=lambda event: event.occurred_at)


def _all_of(work: Callable[[T], Any], items: Sequence[T], *, most: int) -> list[Any]:
    """Do the same to all items, at most ``most`` at a time, and return the results in order."""
    if len(items) <= 1 or most <= 1:
        return [work(item) for item in items]
    # Imported where needed: most invocations carry one user of one organization.
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(min(most, len(items)), thread_name_prefix="lane") as pool:
        return list(pool.map(work, items))


def _receives(record: Record) -> int:
    return int(record["attributes"].get("ApproximateReceiveCount", "1"))


def _log_defect(organization_id: str, error: Exception) -> None:
    """Log where it happened; what an exception says may hold somebody's data."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = f"{place.tb_frame.f_code.co_filename}:{place.tb_lineno}" if place else "unknown"
    reason = error.reason.code if isinstance(error, IntegrationError) else type(error).__name__
    logger.error("push failed: organization=%s reason=%s where=%s", organization_id, reason, where)
