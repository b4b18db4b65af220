"""Takes events from the bus and puts them on the queue, in the lane the event names."""

import json
import os
from typing import Any

import boto3


def handler(event: dict[str, Any], context: Any) -> None:
    """Send the event on."""
    detail = event["detail"]
    boto3.client("sqs").send_message(
        QueueUrl=os.environ["QUEUE_URL"],
        MessageBody=json.dumps(detail),
        MessageGroupId=detail["lane"],
        MessageDeduplicationId=event["id"],
    )
