"""Huma's webhooks: genuine ones become one event a user, events of connected organizations reach their lane."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import uuid
from typing import TYPE_CHECKING, Any

from huma_fortnox.domain.errors import BadRequest, NotSignedIn, Unknown
from huma_fortnox.services.ports import USER_ID, UserChanged

if TYPE_CHECKING:
    from huma_fortnox.services.ports import Clock, ConnectionStore, EventBus, Lane, Vault

TOPICS = frozenset({"users-create", "users-update", "users-delete", "users-export"})
"""The topics about people; any other is accepted and ignored."""

BODY_LIMIT = 1024 * 1024


class ChangeIntake:
    """Takes in webhooks and puts them on the bus."""

    def __init__(self, vault: Vault, bus: EventBus, clock: Clock) -> None:
        self._vault = vault
        self._bus = bus
        self._clock = clock

    def receive(self, organization_id: str, body: bytes, *, topic: str, signature: str) -> int:
        """Check one webhook and return how many users it announced.

        The signature is the HMAC-SHA256 of the raw body, as hex or base64 (Huma's page does not say which). Raises
        ``BadRequest`` for an unusable body, ``NotSignedIn`` for a wrong signature and ``Unknown`` for an
        organization without a webhook secret. Nothing is parsed before the signature holds.
        """
        if len(body) > BODY_LIMIT:
            raise BadRequest("body-too-large")
        organization_id = _organization_id(organization_id)
        access = self._vault.huma(organization_id)
        if access is None or not access.webhook_secret:
            # Without a secret anybody could sign.
            raise Unknown("organization-unknown")
        if not _signed(body, access.webhook_secret, signature):
            raise NotSignedIn("webhook-signature-wrong")
        document = _document(body)
        if document.get("topic") != topic:
            raise BadRequest("webhook-topic-mismatch")
        if topic not in TOPICS:
            return 0
        user_ids = _user_ids(document)
        received = int(self._clock() * 1000)
        # Never derived from the body: two changes of one user can have the same body (id and e-mail are all that is
        # documented), and an event taken for a duplicate would be lost. A true duplicate costs nothing.
        event_id = uuid.uuid4().hex
        self._bus.publish([UserChanged(organization_id, user_id, topic, event_id, received) for user_id in user_ids])
        return len(user_ids)


class ChangeRouter:
    """Sends an event into its organization's lane, or drops it where it cannot matter."""

    def __init__(self, connections: ConnectionStore, lane: Lane) -> None:
        self._connections = connections
        self._lane = lane

    def route(self, event: UserChanged) -> bool:
        """Send the event on; ``False`` when its organization is not connected or it is not about anybody."""
        if event.topic not in TOPICS or not USER_ID.fullmatch(event.user_id):
            return False
        if not self._connections.load(event.organization_id).follows_changes:
            return False
        self._lane.send(event)
        return True


def _organization_id(given: str) -> str:
    """Return the id as it is always written; anything else names no organization, and no secret of ours either."""
    try:
        return str(uuid.UUID(given))
    except ValueError:
        raise Unknown("organization-unknown") from None


def _signed(body: bytes, secret: str, signature: str) -> bool:
    given = signature.strip()
    expected = hmac.new(secret.encode(), body, hashlib.sha256).digest()
    try:
        candidate = bytes.fromhex(given) if len(given) == 2 * len(expected) else base64.b64decode(given, validate=True)
    except (ValueError, binascii.Error):
        return False
    return hmac.compare_digest(expected, candidate)


def _document(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise BadRequest("json-broken") from None
    if not isinstance(document, dict):
        raise BadRequest("json-broken")
    return document


def _user_ids(document: dict[str, Any]) -> list[str]:
    users = document.get("users")
    if not isinstance(users, list):
        raise BadRequest("webhook-users-missing")
    user_ids = [user.get("id") if isinstance(user, dict) else None for user in users]
    if not all(isinstance(user_id, str) and USER_ID.fullmatch(user_id) for user_id in user_ids):
        raise BadRequest("webhook-users-missing")
    return list(dict.fromkeys(str(user_id) for user_id in user_ids))
