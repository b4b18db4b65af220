"""What SES reports on the account's event bus about messages that bounced or that somebody complained about.

The shapes are those of SES's published events (*Email Bounced*, *Email Complaint Received*); a copy of each is among
the tests. A message of ours has one recipient, so the report is about whom it was sent to: mail servers name the
recipient in their own way, behind a forwarding even another one.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from huma_fortnox.adapters.mail import ORGANIZATION_TAG
from huma_fortnox.domain.errors import BadRequest
from huma_fortnox.domain.outcome import Reason
from huma_fortnox.services.model import MailProblem
from huma_fortnox.services.ports import USER_ID

if TYPE_CHECKING:
    from collections.abc import Mapping

_FINAL_BOUNCE = "Permanent"
"""Of a bounce's types the one after which SES asks not to send again; the others may pass."""


def problem_from_report(event: Mapping[str, Any]) -> tuple[str, MailProblem]:
    """Return whose message it was, and what became of it; raises ``BadRequest("event-unreadable")``."""
    try:
        detail = event["detail"]
        (organization_id,) = detail["mail"]["tags"][ORGANIZATION_TAG]
        (address,) = detail["mail"]["destination"]
        kind = detail["eventType"]
        told = {"Bounce": "bounce", "Complaint": "complaint"}[kind]
        final = kind == "Complaint" or detail["bounce"]["bounceType"] == _FINAL_BOUNCE
        at = int(datetime.fromisoformat(detail[told]["timestamp"]).timestamp())
    except (KeyError, TypeError, ValueError):
        raise BadRequest("event-unreadable") from None
    if not (isinstance(address, str) and isinstance(organization_id, str) and USER_ID.fullmatch(organization_id)):
        raise BadRequest("event-unreadable")
    if kind == "Complaint":
        return organization_id, MailProblem(address, Reason("mail-unwanted"), at, final)
    return organization_id, MailProblem(address, Reason("mail-bounced" if final else "mail-undelivered"), at, final)
