"""What SES reports about messages, in the shape of its own examples, as EventBridge delivers it."""

from __future__ import annotations

from typing import Any

ORGANIZATION = "6f1c2a0e-0000-4000-8000-000000000001"
AT = "2026-03-02T10:00:00.000Z"
AT_SECONDS = 1_772_445_600


def bounced(
    *,
    organization: str = ORGANIZATION,
    to: str = "astrid@example.com",
    kind: str = "Permanent",
    subtype: str = "General",
    **detail: Any,
) -> dict[str, Any]:
    """Return the report of a bounce."""
    bounce = {
        "feedbackId": "0100019a-1",
        "bounceType": kind,
        "bounceSubType": subtype,
        "bouncedRecipients": [
            {
                "emailAddress": f"forwarded-{to}",
                "action": "failed",
                "status": "5.1.1",
                "diagnosticCode": "smtp; 550 5.1.1 user unknown",
            }
        ],
        "timestamp": AT,
        "reportingMTA": "dns; smtp-out.example.com",
    }
    return _event("Email Bounced", {"eventType": "Bounce", "bounce": bounce, **_mail(organization, to), **detail})


def complained(*, organization: str = ORGANIZATION, to: str = "astrid@example.com") -> dict[str, Any]:
    """Return the report of a complaint."""
    complaint = {
        "feedbackId": "0100019a-2",
        "complaintSubType": None,
        "complainedRecipients": [{"emailAddress": to}],
        "timestamp": AT,
        "userAgent": "Example Feedback Loop",
        "complaintFeedbackType": "abuse",
        "arrivalDate": AT,
    }
    detail = {"eventType": "Complaint", "complaint": complaint, **_mail(organization, to)}
    return _event("Email Complaint Received", detail)


def _mail(organization: str, to: str) -> dict[str, Any]:
    return {
        "mail": {
            "timestamp": "2026-03-02T09:59:58.000Z",
            "messageId": "0100019a-0",
            "source": "no-reply@example.com",
            "sendingAccountId": "000000000000",
            "destination": [to],
            "headersTruncated": False,
            "tags": {
                "ses:operation": ["SendEmail"],
                "ses:configuration-set": ["mail-reports"],
                "ses:from-domain": ["example.com"],
                "organization": [organization],
            },
        }
    }


def _event(kind: str, detail: dict[str, Any]) -> dict[str, Any]:
    return {
        "version": "0",
        "id": "c3f9a0e8-0000-4000-8000-000000000001",
        "detail-type": kind,
        "source": "aws.ses",
        "account": "000000000000",
        "time": "2026-03-02T10:00:01Z",
        "region": "eu-north-1",
        "resources": [],
        "detail": detail,
    }
