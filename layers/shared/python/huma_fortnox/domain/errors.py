"""Everything that can go wrong, as one small tree; each class says what to do next.

::

    IntegrationError
    ├── TransientError             try again later, by itself (after `retry_after` seconds)
    │   ├── RateLimited            the other side asks us to slow down: everybody pauses
    │   └── OutcomeUnknown         the write may have happened: look before repeating it
    ├── NeedsAdministrator         stop this organization's work until a person has acted
    │   ├── ConsentNeeded          connect Fortnox again
    │   ├── LicenceMissing         buy or activate the licence in Fortnox, then connect again
    │   └── HumaKeyRefused         give the integration a working Huma API key
    ├── Refused                    this value or person is refused for good: fix the value, go on with the rest
    │   └── Missing                the user or employee does not exist (any more)
    ├── Conflict                   somebody else was quicker: read again and decide anew
    ├── BadRequest                 the caller sent something unusable: answer 4xx with the reason
    │   ├── NotAllowed             the caller may not do this: 403
    │   ├── NotSignedIn            the caller has no valid session or token: 401
    │   └── Unknown                what the caller names does not exist here: 404
    └── Defect                     our bug or a changed contract: stop and alarm

Messages are for operators and carry codes only: no response bodies, no personal data, no tokens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from huma_fortnox.domain.outcome import Reason

if TYPE_CHECKING:
    from collections.abc import Mapping


class IntegrationError(Exception):
    """Base of all designed failures; ``reason`` is what people are told."""

    default_code = "unexpected"

    def __init__(self, code: str | None = None, params: Mapping[str, str] | None = None) -> None:
        self.reason = Reason(code or self.default_code, dict(params or {}))
        super().__init__(str(self.reason))


class TransientError(IntegrationError):
    """The other side is unwell or unreachable: try again later, by itself.

    ``retry_after`` is in seconds, or ``None`` when the other side did not say.
    """

    default_code = "temporarily-unavailable"

    def __init__(
        self,
        code: str | None = None,
        params: Mapping[str, str] | None = None,
        *,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(code, params)
        self.retry_after = retry_after


class RateLimited(TransientError):
    """The other side asks us to slow down (HTTP 429): everybody of the organization pauses."""

    default_code = "rate-limited"


class OutcomeUnknown(TransientError):
    """A write got no answer: it may have happened, so look before repeating it."""

    default_code = "answer-lost"


class NeedsAdministrator(IntegrationError):
    """Nothing helps but a person: the organization's work stops until somebody has acted."""

    default_code = "needs-administrator"


class ConsentNeeded(NeedsAdministrator):
    """The consent in Fortnox is gone or too narrow: an administrator must connect again."""

    default_code = "consent-needed"


class LicenceMissing(NeedsAdministrator):
    """The company lacks a licence in Fortnox: buy or activate it, then connect again."""

    default_code = "licence-missing"


class HumaKeyRefused(NeedsAdministrator):
    """Huma does not accept the organization's API key: enter a working one."""

    default_code = "huma-key-refused"


class Refused(IntegrationError):
    """The other side refuses this value or person for good: report it and go on with the rest."""

    default_code = "refused"


class Missing(Refused):
    """The user or employee does not exist (any more) on the other side."""

    default_code = "missing"


class Conflict(IntegrationError):
    """Somebody else was quicker: read again and decide anew."""

    default_code = "conflict"


class BadRequest(IntegrationError):
    """The caller sent something that cannot be used; nothing was changed (HTTP 400)."""

    default_code = "bad-request"


class NotSignedIn(BadRequest):
    """The caller has no valid session, launch token or bearer token (HTTP 401)."""

    default_code = "not-signed-in"


class NotAllowed(BadRequest):
    """The caller is known but may not do this (HTTP 403)."""

    default_code = "not-allowed"


class Unknown(BadRequest):
    """What the caller names does not exist in this organization (HTTP 404)."""

    default_code = "unknown"


class Defect(IntegrationError):
    """A bug of ours or a changed contract: stop, keep everything, alarm."""

    default_code = "defect"
