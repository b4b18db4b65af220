"""E-mail by SES."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from huma_fortnox.domain.errors import Refused, TransientError

if TYPE_CHECKING:
    from mypy_boto3_sesv2 import SESV2Client

_NEVER_WORKS = {"MessageRejected", "BadRequestException", "NotFoundException"}


class SesMailer:
    """``ports.Mailer`` on SES."""

    def __init__(self, client: SESV2Client, sender: str) -> None:
        self._client = client
        self._sender = sender

    def send(self, to: str, subject: str, text: str, html: str) -> None:
        """Send one message; raises ``TransientError``, or ``Refused("mail-refused")`` where it can never be sent."""
        try:
            self._client.send_email(
                FromEmailAddress=self._sender,
                Destination={"ToAddresses": [to]},
                Content={
                    "Simple": {
                        "Subject": {"Data": subject, "Charset": "UTF-8"},
                        "Body": {
                            "Text": {"Data": text, "Charset": "UTF-8"},
                            "Html": {"Data": html, "Charset": "UTF-8"},
                        },
                    }
                },
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in _NEVER_WORKS:
                raise Refused("mail-refused") from None
            raise TransientError("mail-unavailable") from None
        except BotoCoreError:
            raise TransientError("mail-unavailable") from None
