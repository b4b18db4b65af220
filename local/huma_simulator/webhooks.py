"""Sends an organization's changes to its webhook: signed, in order, in the background.

Each organization has its own lane, so one dead receiver delays nobody else. A delivery is tried up
to three times with three seconds each; what Huma itself does about retries is not documented.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import queue
import threading
import time
import urllib.parse
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from local.huma_simulator.answers import dump, plain_profile

if TYPE_CHECKING:
    from collections.abc import Iterable

    from local.huma_simulator.organization import Json, Organization, User, Webhook

TOPICS = ("users-create", "users-update", "users-delete", "users-export")
SIGNATURES = ("valid", "hex", "base64", "wrong", "none")
TIMEOUT_SECONDS = 3.0
TRIES = 3
PAUSES_SECONDS = (0.2, 0.8)
EXPORT_BATCH = 100
_KEPT = 50_000


@dataclass(slots=True)
class Delivery:
    """One message to a webhook and what became of it. Times are unix seconds."""

    organization_id: str
    webhook: Webhook
    topic: str
    header_topic: str
    user_ids: list[str]
    body: bytes
    signature: str
    tries: int
    changed_at: float
    index: int = 0
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    sent_at: float | None = None
    answered_at: float | None = None
    attempts: int = 0
    status: int | None = None
    error: str = ""
    state: str = "queued"
    done: threading.Event = field(default_factory=threading.Event)

    def written(self) -> Json:
        """The delivery as the control API shows it, without the people it told of."""
        return {
            "index": self.index,
            "id": self.id,
            "organization": self.organization_id,
            "url": self.webhook.url,
            "topic": self.topic,
            "headerTopic": self.header_topic,
            "userIds": self.user_ids,
            "changedAt": self.changed_at,
            "sentAt": self.sent_at,
            "answeredAt": self.answered_at,
            "state": self.state,
            "status": self.status,
            "attempts": self.attempts,
            "error": self.error,
        }


def sign(secret: str, body: bytes, encoding: str) -> str:
    """The HMAC-SHA256 of the body as hexadecimal or base64."""
    digest = hmac.new(secret.encode(), body, hashlib.sha256).digest()
    return digest.hex() if encoding == "hex" else base64.b64encode(digest).decode()


class WebhookSender:
    """Queues and delivers messages; ``change`` is what an organization calls on each change."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lanes: dict[str, queue.SimpleQueue[Delivery]] = {}
        self._deliveries: list[Delivery] = []
        self._first = 0

    def change(self, organization: Organization, topic: str, user: User, changed: Json) -> None:
        """Queues the message about a change of one user; nothing when there is no webhook."""
        if organization.webhook is None:
            return
        shown = self._shown(organization, topic, user, changed)
        self._queue(organization, topic, [shown])

    def export(self, organization: Organization, user_ids: Iterable[str]) -> list[Delivery]:
        """Queues ``users-export`` with everything about these users, a hundred a message."""
        users = [organization.users[identifier] for identifier in user_ids]
        shown = [self._shown(organization, "users-export", user, {}) for user in users]
        return [
            self._queue(organization, "users-export", shown[start : start + EXPORT_BATCH])
            for start in range(0, len(shown), EXPORT_BATCH)
        ]

    def send(
        self,
        organization: Organization,
        topic: str,
        user_ids: list[str],
        *,
        header_topic: str | None = None,
        signature: str = "valid",
        raw: str | None = None,
        tries: int = 1,
    ) -> Delivery:
        """Queues one message made to order; an unknown user id is told of by its id alone.

        ``signature`` is ``valid`` (in the organization's encoding), ``hex``, ``base64``,
        ``wrong`` (made with another secret) or ``none``; ``raw`` is sent instead of the JSON.
        """
        shown = []
        for identifier in user_ids:
            user = organization.users.get(identifier)
            shown.append(
                self._shown(organization, topic, user, {})
                if user
                else {"id": identifier, "email": "nobody@example.com"}
            )
        return self._queue(organization, topic, shown, header_topic, signature, raw, tries)

    def deliveries(self, since: int = 0, organization_id: str = "", topic: str = "") -> Json:
        """The deliveries from index ``since`` on, with the index to ask for next."""
        with self._lock:
            found = [
                delivery
                for delivery in self._deliveries[max(0, since - self._first) :]
                if organization_id in {"", delivery.organization_id} and topic in {"", delivery.topic}
            ]
            following = self._first + len(self._deliveries)
        return {"deliveries": [delivery.written() for delivery in found], "next": following}

    def clear(self) -> None:
        """Forgets the deliveries so far (queued ones are still sent); indexes go on counting."""
        with self._lock:
            self._first += len(self._deliveries)
            self._deliveries = []

    def settle(self, seconds: float) -> bool:
        """Waits until every queued message is over; whether that happened in time."""
        deadline = time.monotonic() + seconds
        with self._lock:
            waiting = [delivery for delivery in self._deliveries if delivery.state == "queued"]
        return all(d.done.wait(max(0.0, deadline - time.monotonic())) for d in waiting)

    def _shown(self, organization: Organization, topic: str, user: User, changed: Json) -> Json:
        shown: Json = {"id": user.id, "email": user.profile.get("email", "")}
        if topic == "users-delete":
            return shown
        style = organization.settings.webhook_fields
        if topic != "users-update" or style == "all":
            today = organization.clock.today().isoformat()
            return plain_profile(user, today) | shown
        return changed | shown if style == "changed" else shown

    def _queue(
        self,
        organization: Organization,
        topic: str,
        users: list[Json],
        header_topic: str | None = None,
        signature: str = "valid",
        raw: str | None = None,
        tries: int = TRIES,
    ) -> Delivery:
        webhook = organization.webhook
        if webhook is None:
            raise ValueError("the organization has no webhook")
        body = raw.encode() if raw is not None else dump({"topic": topic, "users": users})
        encoding = organization.settings.signature_encoding
        if signature in {"hex", "base64"}:
            encoding = signature
        secret = webhook.secret + ("-other" if signature == "wrong" else "")
        unsigned = signature == "none" or not secret
        delivery = Delivery(
            organization_id=organization.id,
            webhook=webhook,
            topic=topic,
            header_topic=topic if header_topic is None else header_topic,
            user_ids=[user["id"] for user in users],
            body=body,
            signature="" if unsigned else sign(secret, body, encoding),
            tries=tries,
            changed_at=time.time(),
        )
        with self._lock:
            delivery.index = self._first + len(self._deliveries)
            self._deliveries.append(delivery)
            if len(self._deliveries) > _KEPT:
                self._first += _KEPT // 10
                del self._deliveries[: _KEPT // 10]
            lane = self._lanes.get(organization.id)
            if lane is None:
                lane = self._lanes[organization.id] = queue.SimpleQueue()
                threading.Thread(target=self._work, args=(lane,), daemon=True).start()
            lane.put(delivery)
        return delivery

    def _work(self, lane: queue.SimpleQueue[Delivery]) -> None:
        while True:
            delivery = lane.get()
            try:
                _deliver(delivery)
            finally:
                delivery.done.set()


def _deliver(delivery: Delivery) -> None:
    for attempt in range(delivery.tries):
        if attempt:
            time.sleep(PAUSES_SECONDS[min(attempt, len(PAUSES_SECONDS)) - 1])
        delivery.attempts += 1
        delivery.sent_at = time.time()
        try:
            delivery.status, delivery.error = _post(delivery), ""
        except (OSError, http.client.HTTPException, ValueError) as error:
            delivery.status, delivery.error = None, type(error).__name__
        delivery.answered_at = time.time()
        if delivery.status is not None and 200 <= delivery.status < 300:
            delivery.state = "delivered"
            return
    delivery.state = "failed"


def _post(delivery: Delivery) -> int:
    target = urllib.parse.urlsplit(delivery.webhook.url)
    headers: dict[str, Any] = {
        "Content-Type": "application/json",
        "huma-topic": delivery.header_topic,
    }
    if delivery.signature:
        headers["huma-hmac-sha256"] = delivery.signature
    if delivery.webhook.access_token:
        headers["Authorization"] = f"Bearer {delivery.webhook.access_token}"
    kind = http.client.HTTPSConnection if target.scheme == "https" else http.client.HTTPConnection
    connection = kind(target.hostname or "", target.port, timeout=TIMEOUT_SECONDS)
    try:
        path = (target.path or "/") + (f"?{target.query}" if target.query else "")
        connection.request("POST", path, delivery.body, headers)
        response = connection.getresponse()
        response.read()
        return response.status
    finally:
        connection.close()
