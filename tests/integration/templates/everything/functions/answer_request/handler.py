"""Answers HTTP requests: most of them with what it received."""

import json
import os
import sys
from typing import Any

import boto3
import phonenumbers
from aws_lambda_powertools import Logger
from cryptography.fernet import Fernet

logger = Logger(service="answer")


class Refused(Exception):
    """An exception of our own, to see what becomes of its name."""


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Do what the last part of the path says, or answer with the event."""
    thing = (event.get("pathParameters") or {}).get("thingId")
    if thing == "fails":
        raise Refused("the text of an exception")
    if thing == "cookies":
        return {
            "statusCode": 303,
            "headers": {"Location": "/things/next?a=1"},
            "cookies": ["one=1; Path=/; HttpOnly", "two=2; Path=/"],
        }
    if thing == "binary":
        return {
            "statusCode": 200,
            "headers": {"Content-Type": "application/octet-stream"},
            "body": "AP+AfwA=",
            "isBase64Encoded": True,
        }
    if thing == "prints":
        print("a line on standard output")
        print("a line on standard error", file=sys.stderr)
        logger.info("a line of the logger")
        return {"statusCode": 204}
    if thing == "runtime":
        return _json(_runtime(context))
    if thing == "services":
        return _json(_services())
    if "proxy" in (event.get("pathParameters") or {}):
        # A large body is not sent back, only its length as received.
        event = {**event, "body": len(event.get("body", ""))}
    return _json(event)


def _json(value: Any) -> dict[str, Any]:
    return {
        "statusCode": 200,
        "headers": {"content-type": "application/json"},
        "body": json.dumps(value),
    }


def _runtime(context: Any) -> dict[str, Any]:
    try:
        import hypercorn  # noqa: F401
    except ImportError:
        sees_emulator = False
    else:
        sees_emulator = True
    phone = phonenumbers.parse("0701740605", "SE")
    return {
        "environment": dict(os.environ),
        "function_name": context.function_name,
        "arn": context.invoked_function_arn,
        "remaining": context.get_remaining_time_in_millis(),
        "sees_emulator": sees_emulator,
        "phone": phonenumbers.format_number(phone, phonenumbers.PhoneNumberFormat.E164),
        "key_length": len(Fernet.generate_key()),
        "endpoint": boto3.client("dynamodb").meta.endpoint_url,
    }


def _services() -> dict[str, Any]:
    """Use the services a page uses: table, secret and mail."""
    table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])
    table.put_item(Item={"pk": "things", "sk": "1", "expires": 4102444800})
    secret = boto3.client("secretsmanager").get_secret_value(SecretId=os.environ["SECRET_ID"])
    boto3.client("sesv2").send_email(
        FromEmailAddress=f"Exempel <{os.environ['SENDER']}>",
        Destination={"ToAddresses": ["admin@example.com"]},
        Content={
            "Simple": {
                "Subject": {"Data": "Resultat: 3 ändrade"},
                "Body": {"Text": {"Data": "Å ä ö"}, "Html": {"Data": "<p>Å ä ö</p>"}},
            }
        },
    )
    return {
        "item": table.get_item(Key={"pk": "things", "sk": "1"})["Item"]["sk"],
        "secret": json.loads(secret["SecretString"])["user"],
    }
