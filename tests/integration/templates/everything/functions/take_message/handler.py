"""Takes messages from the queue; a message says how often it wants to fail first, or how long it takes."""

import json
import os
import time
from typing import Any

import boto3
from aws_lambda_powertools.utilities.batch import (
    SqsFifoPartialProcessor,
    process_partial_response,
)

table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])
processor = SqsFifoPartialProcessor(skip_group_on_error=True)
processor.raise_on_entire_batch_failure = False


class NotYet(Exception):
    """The message wants to be delivered again."""


def take(record: Any) -> None:
    """Write down that the message was taken, unless it has to fail first."""
    message = json.loads(record.body)
    received = int(record.attributes.approximate_receive_count)
    if received <= message.get("failures", 0):
        raise NotYet
    time.sleep(message.get("seconds", 0))
    table.update_item(
        Key={"pk": f"lane#{message['lane']}", "sk": "taken"},
        UpdateExpression="SET messages = list_append(if_not_exists(messages, :none), :one)",
        ExpressionAttributeValues={":none": [], ":one": [message["name"]]},
    )


def handler(event: dict[str, Any], context: Any) -> Any:
    """Report the messages that failed."""
    return process_partial_response(event, take, processor, context)
