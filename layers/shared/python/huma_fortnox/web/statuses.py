"""Which HTTP status each designed failure answers with: one table, the most particular class first."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from huma_fortnox.domain import errors
from huma_fortnox.web.http import BodyTooLarge, MethodNotAllowed, NotAcceptable, UnsupportedMediaType

if TYPE_CHECKING:
    from huma_fortnox.domain.errors import IntegrationError

STATUSES: tuple[tuple[type[IntegrationError], int], ...] = (
    (BodyTooLarge, 413),
    (UnsupportedMediaType, 415),
    (MethodNotAllowed, 405),
    (NotAcceptable, 406),
    (errors.NotSignedIn, 401),
    (errors.NotAllowed, 403),
    (errors.Unknown, 404),
    (errors.BadRequest, 400),
    (errors.Conflict, 409),
    (errors.NeedsAdministrator, 409),
    (errors.Refused, 422),
    (errors.TransientError, 503),
    (errors.IntegrationError, 500),
)

RETRY_AFTER_SECONDS = 5
"""What a caller is told to wait when the other side did not say: Fortnox's own window of 5 s."""


def status_of(error: IntegrationError) -> int:
    """Return the HTTP status of a failure."""
    return next(status for kind, status in STATUSES if isinstance(error, kind))


def headers_of(error: IntegrationError) -> dict[str, str]:
    """Return the headers that go with a failure's status."""
    if isinstance(error, errors.NotSignedIn):
        return {"WWW-Authenticate": 'Bearer realm="huma-fortnox"'}
    if isinstance(error, MethodNotAllowed):
        return {"Allow": error.reason.params["allowed"]}
    if isinstance(error, errors.TransientError):
        wait = error.retry_after if error.retry_after is not None else RETRY_AFTER_SECONDS
        return {"Retry-After": str(max(1, math.ceil(wait)))}
    return {}
