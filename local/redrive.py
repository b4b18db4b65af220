"""Sends dead letters back to where they came from: `python -m local.redrive`.

    python -m local.redrive                     the local system that runs now
    python -m local.redrive --stack huma-fortnox-prod   a deployed stack, with the AWS credentials at hand
    python -m local.redrive --dry-run           only counts

A change whose cause of failing has been mended goes back to the end of its organization's lane; an event that could
not be routed goes back to the bus. A letter is removed only after it was sent, so stopping this anywhere loses nothing;
running it twice sends nothing twice that has arrived (the lane knows a letter's own id for five minutes), and a change
that is carried twice finds nothing to do. New dead letters that come in meanwhile wait for the next call.

On AWS, `StartMessageMoveTask` moves messages too, but it gives no say in which go first and is not to be had locally.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from local.stack import ACCOUNT_ID, REGION, STACK_NAME, running_endpoint

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

HIDDEN_SECONDS = 60
LOOKING_SECONDS = 1
_MOST = 10


@dataclass
class Redriven:
    """How many letters there were of each kind."""

    changes: int = 0
    events: int = 0
    unreadable: int = 0


class Redrive:
    """Sends the dead letters of one stack back; ``outputs`` are the stack's."""

    def __init__(self, sqs: Any, events: Any, outputs: Mapping[str, str]) -> None:
        self._sqs = sqs
        self._events = events
        self._outputs = outputs

    def count(self) -> Redriven:
        """Return about how many letters there are."""
        return Redriven(
            changes=self._length(self._outputs["ChangesDeadLettersUrl"]),
            events=self._length(self._outputs["RouteDeadLettersUrl"]),
        )

    def all(self) -> Redriven:
        """Send back every letter that is there now."""
        done = Redriven()
        for letter in self._letters(self._outputs["ChangesDeadLettersUrl"]):
            done.changes += 1
            self._back_to_lane(letter)
        for letter in self._letters(self._outputs["RouteDeadLettersUrl"]):
            if self._back_to_bus(letter):
                done.events += 1
            else:
                done.unreadable += 1
        return done

    def _back_to_lane(self, letter: Mapping[str, Any]) -> None:
        self._sqs.send_message(
            QueueUrl=self._outputs["ChangesQueueUrl"],
            MessageBody=letter["Body"],
            MessageGroupId=letter["Attributes"]["MessageGroupId"],
            # The letter's own id: sent twice within five minutes it counts once.
            MessageDeduplicationId=hashlib.sha256(f"redriven {letter['MessageId']}".encode()).hexdigest(),
        )
        self._remove(self._outputs["ChangesDeadLettersUrl"], letter)

    def _back_to_bus(self, letter: Mapping[str, Any]) -> bool:
        """Put an event on the bus again; one that is none is left where it is, for somebody to look at."""
        try:
            event = json.loads(letter["Body"])
            entry = {
                "Source": event["source"],
                "DetailType": event["detail-type"],
                "Detail": json.dumps(event["detail"]),
                "EventBusName": self._outputs["EventBusName"],
            }
        except (ValueError, KeyError, TypeError):
            return False
        if self._events.put_events(Entries=[entry])["FailedEntryCount"]:
            raise SystemExit("The bus did not take an event; it is still among the dead letters.")
        self._remove(self._outputs["RouteDeadLettersUrl"], letter)
        return True

    def _letters(self, queue_url: str) -> Iterator[Mapping[str, Any]]:
        """Yield every letter that was there when this began, once, in the order of its lane."""
        began = time.time() * 1000
        while True:
            found = self._sqs.receive_message(
                QueueUrl=queue_url,
                MaxNumberOfMessages=_MOST,
                VisibilityTimeout=HIDDEN_SECONDS,
                AttributeNames=["All"],
                WaitTimeSeconds=LOOKING_SECONDS,
            ).get("Messages", [])
            old = [letter for letter in found if int(letter["Attributes"]["SentTimestamp"]) <= began]
            for letter in found:
                if letter not in old:
                    # It died again while we look: not for ever round and round.
                    self._show(queue_url, letter)
            if not old:
                return
            yield from old

    def _length(self, queue_url: str) -> int:
        name = "ApproximateNumberOfMessages"
        return int(self._sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=[name])["Attributes"][name])

    def _show(self, queue_url: str, letter: Mapping[str, Any]) -> None:
        self._sqs.change_message_visibility(
            QueueUrl=queue_url, ReceiptHandle=letter["ReceiptHandle"], VisibilityTimeout=0
        )

    def _remove(self, queue_url: str, letter: Mapping[str, Any]) -> None:
        self._sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=letter["ReceiptHandle"])


def main() -> int:
    """Send back the dead letters of the stack asked for, and say how many there were."""
    parser = argparse.ArgumentParser(prog="python -m local.redrive", description=__doc__.splitlines()[0])
    parser.add_argument("--stack", help="a deployed stack, with the AWS credentials at hand; else the local one")
    parser.add_argument("--endpoint-url", help="of the local system, if there are several")
    parser.add_argument("--dry-run", action="store_true", help="only count")
    arguments = parser.parse_args()
    try:
        session, endpoint = _session(arguments.stack, arguments.endpoint_url)
    except LookupError as error:
        print(error, file=sys.stderr)
        return 1
    config = Config(proxies={}) if endpoint else None

    def client(service: str) -> Any:
        return session.client(service, endpoint_url=endpoint, config=config)  # type: ignore[call-overload]

    name = arguments.stack or STACK_NAME
    stack = client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    redrive = Redrive(client("sqs"), client("events"), outputs)
    done = redrive.count() if arguments.dry_run else redrive.all()
    verb = "would go" if arguments.dry_run else "went"
    print(f"{done.changes} changes {verb} back to their lanes, {done.events} events back to the bus.")
    if done.unreadable:
        print(f"{done.unreadable} letters are no events; they are left for somebody to look at.")
    return 0


def _session(stack: str | None, endpoint_url: str | None) -> tuple[boto3.Session, str | None]:
    if stack:
        return boto3.Session(), None
    endpoint = endpoint_url or running_endpoint()
    if endpoint is None:
        raise LookupError("No local system is running; for a deployed one give --stack.")
    session = boto3.Session(aws_access_key_id=ACCOUNT_ID, aws_secret_access_key="local", region_name=REGION)
    return session, endpoint


if __name__ == "__main__":
    sys.exit(main())
