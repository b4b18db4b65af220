"""The webhook's address: from an HTTP event to the intake, and its answer."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, Protocol

from huma_fortnox.domain.errors import BadRequest, IntegrationError, NotSignedIn, TransientError, Unknown
from huma_fortnox.observability import logger

if TYPE_CHECKING:
    from collections.abc import Mapping

_SENTENCES = {
    "body-too-large": "The body is larger than 1 MiB.",
    "organization-unknown": "There is no such organization here.",
    "webhook-signature-wrong": "The signature in huma-hmac-sha256 does not belong to this body.",
    "webhook-topic-mismatch": "The topic in the body is not the one in huma-topic.",
    "json-broken": "The body is not a JSON object.",
    "webhook-users-missing": "The body has no list of users with an id each.",
}


class Intake(Protocol):
    """What takes webhooks in."""

    def receive(self, organization_id: str, body: bytes, *, topic: str, signature: str) -> int:
        """Check one webhook and return how many users it announced."""
        ...


def answer_webhook(intake: Intake, event: Mapping[str, Any]) -> dict[str, Any]:
    """Answer one webhook: 202 when its users are on their way, otherwise what is wrong with it."""
    organization_id = str((event.get("pathParameters") or {}).get("organizationId", ""))
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    try:
        users = intake.receive(
            organization_id,
            _body(event),
            topic=headers.get("huma-topic", ""),
            signature=headers.get("huma-hmac-sha256", ""),
        )
    except IntegrationError as error:
        logger.warning("webhook refused", organization_id=organization_id, reason=error.reason.code)
        return _answer(_status(error), {"error": _sentence(error)})
    logger.info("webhook received", organization_id=organization_id, users=users)
    return _answer(202, {"users": users})


def _body(event: Mapping[str, Any]) -> bytes:
    body = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return str(body).encode()
    try:
        return base64.b64decode(body, validate=True)
    except ValueError:
        raise BadRequest("json-broken") from None


def _status(error: IntegrationError) -> int:
    if isinstance(error, Unknown):
        return 404
    if isinstance(error, NotSignedIn):
        return 401
    if isinstance(error, BadRequest):
        return 413 if error.reason.code == "body-too-large" else 400
    return 503 if isinstance(error, TransientError) else 500


def _sentence(error: IntegrationError) -> str:
    return _SENTENCES.get(error.reason.code, "This cannot be taken in right now; send it again later.")


def _answer(status: int, document: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "statusCode": status,
        "headers": {"content-type": "application/json", "cache-control": "no-store"},
        "body": json.dumps(document),
    }
