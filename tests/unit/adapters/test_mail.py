"""E-mail, as SES sees it."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError
from botocore.stub import Stubber
from huma_fortnox.adapters.mail import SesMailer
from huma_fortnox.domain.errors import Refused, TransientError

from tests.unit.adapters.aws_client import client_that_answers

ORGANIZATION = "6f1c2a0e-0000-4000-8000-000000000001"


def send(client: Any, *message: str) -> None:
    SesMailer(client, "no-reply@example.com", "mail-reports").send(
        ORGANIZATION, *(message or ("a@example.com", "s", "t", "h"))
    )


def failure(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "elsa@example.com is not verified"}}, "SendEmail")


def test_a_message_goes_out_as_text_and_html_to_one_person_and_says_whose_it_is() -> None:
    client: Any = boto3.client("sesv2", region_name="eu-north-1", aws_access_key_id="x", aws_secret_access_key="x")
    with Stubber(client) as stub:
        stub.add_response(
            "send_email",
            {"MessageId": "1"},
            {
                "FromEmailAddress": "no-reply@example.com",
                "ConfigurationSetName": "mail-reports",
                "EmailTags": [{"Name": "organization", "Value": ORGANIZATION}],
                "Destination": {"ToAddresses": ["astrid@example.com"]},
                "Content": {
                    "Simple": {
                        "Subject": {"Data": "Klart – 25 ändringar", "Charset": "UTF-8"},
                        "Body": {
                            "Text": {"Data": "text", "Charset": "UTF-8"},
                            "Html": {"Data": "<p>html", "Charset": "UTF-8"},
                        },
                    }
                },
            },
        )
        send(client, "astrid@example.com", "Klart – 25 ändringar", "text", "<p>html")
        stub.assert_no_pending_responses()


@pytest.mark.parametrize("code", ["MessageRejected", "BadRequestException", "NotFoundException"])
def test_what_can_never_be_sent_is_refused(code: str) -> None:
    with pytest.raises(Refused, match="mail-refused") as caught:
        send(client_that_answers(send_email=failure(code)))
    assert "elsa" not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    "outage",
    [
        failure("TooManyRequestsException"),
        failure("LimitExceededException"),
        failure("SendingPausedException"),
        failure("AccountSuspendedException"),
        failure("MailFromDomainNotVerifiedException"),
        ConnectTimeoutError(endpoint_url="https://ses.example.com"),
    ],
)
def test_what_may_be_sent_later_is_an_outage(outage: Exception) -> None:
    with pytest.raises(TransientError, match="mail-unavailable"):
        send(client_that_answers(send_email=outage))
