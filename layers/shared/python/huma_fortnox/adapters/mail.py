"""E-mail by SES."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from huma_fortnox.domain.errors import Refused, TransientError

if TYPE_CHECKING:
    from mypy_boto3_sesv2 import SESV2Client

_NEVER_WORKS = {"MessageRejected", "BadRequestException", "NotFoundException"}


ORGANIZATION_TAG = "organization"
"""Tells, in what SES reports about a message, whose it was."""


class SesMailer:
    """``ports.Mailer`` on SES; what becomes of a message is reported through the configuration set."""

    def __init__(self, client: SESV2Client, sender: str, configuration_set: str) -> None:
        self._client = client
        self._sender = sender
        self._configuration_set = configuration_set

    def send(self, organization_id: str, to: str, subject: str, text: str, html: str) -> None:
        """Send one message; raises ``TransientError``, or ``Refused("mail-refused")`` where it can never be sent."""
        try:
            self._client.send_email(
                FromEmailAddress=self._sender,
                ConfigurationSetName=self._configuration_set,
                EmailTags=[{"Name": ORGANIZATION_TAG, "Value": organization_id}],
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
