"""The steps of the workflow."""

import os
from typing import Any

import boto3

table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])


class Busy(Exception):
    """Worth another attempt."""


class Hopeless(Exception):
    """Not worth another attempt."""


def handler(event: dict[str, Any], context: Any) -> Any:
    """Do the step the event names."""
    match event["step"]:
        case "flaky":
            attempts = _count(event["run"])
            if attempts < 3:
                raise Busy(f"attempt {attempts}")
            return {"attempts": attempts}
        case "hopeless":
            raise Hopeless("the reason")
        case "ask":
            table.put_item(Item={"pk": event["run"], "sk": "question", "token": event["token"]})
            return None
        case "double":
            return event["number"] * 2
        case step:
            raise ValueError(step)


def _count(run: str) -> int:
    answer = table.update_item(
        Key={"pk": run, "sk": "attempts"},
        UpdateExpression="ADD attempts :one",
        ExpressionAttributeValues={":one": 1},
        ReturnValues="UPDATED_NEW",
    )
    attempts: Any = answer["Attributes"]["attempts"]
    return int(attempts)
