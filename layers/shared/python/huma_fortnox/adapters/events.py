"""The event bus and the lanes: how a change in Huma travels to the function that carries it to Fortnox."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, TypeGuard

from botocore.exceptions import BotoCoreError, ClientError

from huma_fortnox.domain.errors import BadRequest, TransientError
from huma_fortnox.services.lane_messages import message_to_json
from huma_fortnox.services.ports import USER_ID, UserChanged

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_sqs import SQSClient

    from huma_fortnox.services.real_time import PageToReconcile

SOURCE = "huma"
_LONGEST_EVENT_ID = 256
_LAST_MOMENT = 2**53 - 1
_ENTRIES = 10
"""What one call to the bus, or to the queue, may carry."""


class HumaEventBus:
    """``ports.EventBus`` on EventBridge."""

    def __init__(self, client: EventBridgeClient, bus: str) -> None:
        self._client = client
        self._bus = bus

    def publish(self, events: Sequence[UserChanged]) -> None:
        """Put events on the bus; raises ``TransientError`` when not all were accepted."""
        for start in range(0, len(events), _ENTRIES):
            entries: Any = [
                {
                    "Source": SOURCE,
                    "DetailType": event.topic,
                    "EventBusName": self._bus,
                    "Detail": json.dumps(
                        {
                            "organizationId": event.organization_id,
                            "userId": event.user_id,
                            "eventId": event.event_id,
                            "occurredAt": event.occurred_at,
                        }
                    ),
                }
                for event in events[start : start + _ENTRIES]
            ]
            try:
                answer = self._client.put_events(Entries=entries)
            except (ClientError, BotoCoreError):
                raise TransientError("bus-unavailable") from None
            if answer["FailedEntryCount"]:
                raise TransientError("bus-unavailable")


def event_from_bus(event: Mapping[str, Any]) -> UserChanged:
    """Read an event as the bus delivers it, by the rules of ``events/user-changed.schema.json``.

    The rules are spelt out here because a validator of schemas would cost more to import than everything else; a test
    holds both to each other. Of which topics there are, the router decides. Raises ``BadRequest("event-unreadable")``.
    """
    detail, topic = event.get("detail"), event.get("detail-type")
    if not isinstance(detail, dict) or not isinstance(topic, str) or event.get("source") != SOURCE:
        raise BadRequest("event-unreadable")
    organization_id, user_id, event_id = (detail.get(name) for name in ("organizationId", "userId", "eventId"))
    occurred_at = detail.get("occurredAt")
    if isinstance(occurred_at, float) and occurred_at.is_integer():
        # JSON has no whole numbers of its own: 1e3 and 1000.0 are 1000.
        occurred_at = int(occurred_at)
    if not (
        _is_id(organization_id)
        and _is_id(user_id)
        and isinstance(event_id, str)
        and 0 < len(event_id) <= _LONGEST_EVENT_ID
        and isinstance(occurred_at, int)
        and not isinstance(occurred_at, bool)
        and 0 <= occurred_at <= _LAST_MOMENT
    ):
        raise BadRequest("event-unreadable")
    return UserChanged(organization_id, user_id, topic, event_id, occurred_at)


def _is_id(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and USER_ID.fullmatch(value) is not None


class ChangesLane:
    """``ports.Lane`` and ``real_time_ports.Lanes`` on the FIFO queue: the message group is the organization."""

    def __init__(self, client: SQSClient, queue_url: str, dead_letters_url: str = "") -> None:
        self._client = client
        self._queue_url = queue_url
        self._dead_letters_url = dead_letters_url

    def send(self, event: UserChanged) -> None:
        """Put the event at the end of its organization's lane; the same event within 5 minutes counts once."""
        self._send(event.organization_id, message_to_json(event), _told_apart(event.event_id, event.user_id))

    def send_many(self, events: Sequence[UserChanged]) -> None:
        """Put users at the end of their lanes, in this order."""
        for start in range(0, len(events), _ENTRIES):
            entries: Any = [
                {
                    "Id": str(number),
                    "MessageBody": json.dumps(message_to_json(event)),
                    "MessageGroupId": event.organization_id,
                    "MessageDeduplicationId": _told_apart(event.event_id, event.user_id),
                }
                for number, event in enumerate(events[start : start + _ENTRIES])
            ]
            try:
                answer = self._client.send_message_batch(QueueUrl=self._queue_url, Entries=entries)
            except (ClientError, BotoCoreError):
                raise TransientError("lane-unavailable") from None
            if answer.get("Failed"):
                raise TransientError("lane-unavailable")

    def send_page(self, page: PageToReconcile) -> None:
        """Put a page at the end of its organization's lane; the same page twice within 5 minutes counts once."""
        self._send(page.organization_id, message_to_json(page), _told_apart(page.reconciliation, str(page.page)))

    def bury(self, record: Mapping[str, Any]) -> None:
        """Put a message among the dead letters, for an operator to look at."""
        self._send(
            record["attributes"]["MessageGroupId"],
            record["body"],
            _told_apart("buried", record["messageId"]),
            queue_url=self._dead_letters_url,
        )

    def _send(self, group: str, body: Any, told_apart: str, *, queue_url: str = "") -> None:
        try:
            self._client.send_message(
                QueueUrl=queue_url or self._queue_url,
                MessageBody=body if isinstance(body, str) else json.dumps(body),
                MessageGroupId=group,
                MessageDeduplicationId=told_apart,
            )
        except (ClientError, BotoCoreError):
            raise TransientError("lane-unavailable") from None

    def wait(self, receipt: str, seconds: int) -> None:
        """Let a message be seen again only after so many seconds; the lane stands still until then."""
        try:
            self._client.change_message_visibility(
                QueueUrl=self._queue_url, ReceiptHandle=receipt, VisibilityTimeout=seconds
            )
        except (ClientError, BotoCoreError):
            # It is then seen again after the queue's own time-out; or it is gone, and the receipt is an old one.
            return


def _told_apart(*ids: str) -> str:
    """Return what is equal for the same ids only, whatever they are made of and however long they are."""
    return hashlib.sha256(json.dumps(ids).encode()).hexdigest()
