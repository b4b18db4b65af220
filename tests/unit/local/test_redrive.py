"""Dead letters go back to where they came from, each of them once, however often that is begun."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from local import redrive
from local.redrive import Redrive, Redriven

if TYPE_CHECKING:
    from collections.abc import Iterator

EVENT = {"source": "huma", "detail-type": "users-update", "detail": {"organizationId": "org", "userId": "anna"}}


class Bus:
    """EventBridge's ``put_events``; ``takes`` nothing when told so."""

    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []
        self.takes = True

    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:
        if self.takes:
            self.entries += Entries
        return {"FailedEntryCount": 0 if self.takes else len(Entries)}


class Scene:
    def __init__(self) -> None:
        self.sqs: Any = boto3.client("sqs", region_name="eu-north-1")
        fifo: Any = {"FifoQueue": "true"}
        self.lane = self.sqs.create_queue(QueueName="changes.fifo", Attributes=fifo)["QueueUrl"]
        self.dead = self.sqs.create_queue(QueueName="dead.fifo", Attributes=fifo)["QueueUrl"]
        self.route_dead = self.sqs.create_queue(QueueName="route-dead")["QueueUrl"]
        self.bus = Bus()
        outputs = {
            "ChangesQueueUrl": self.lane,
            "ChangesDeadLettersUrl": self.dead,
            "RouteDeadLettersUrl": self.route_dead,
            "EventBusName": "bus",
        }
        self.redrive = Redrive(self.sqs, self.bus, outputs)

    def die(self, *names: str, group: str = "org") -> None:
        for name in names:
            self.sqs.send_message(
                QueueUrl=self.dead, MessageBody=name, MessageGroupId=group, MessageDeduplicationId=f"dead {name}"
            )

    def in_lane(self) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        while True:
            messages = self.sqs.receive_message(
                QueueUrl=self.lane, MaxNumberOfMessages=10, AttributeNames=["All"], WaitTimeSeconds=0
            ).get("Messages", [])
            if not messages:
                return found
            found += [(each["Attributes"]["MessageGroupId"], each["Body"]) for each in messages]
            for each in messages:
                self.sqs.delete_message(QueueUrl=self.lane, ReceiptHandle=each["ReceiptHandle"])


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setattr(redrive, "LOOKING_SECONDS", 0)
    with mock_aws():
        yield Scene()


def test_changes_go_back_to_their_own_lanes_in_order(scene: Scene) -> None:
    names = [f"change {number:02}" for number in range(25)]
    scene.die(*names)
    scene.die("another", group="other")
    assert scene.redrive.count() == Redriven(changes=26)
    assert scene.redrive.all() == Redriven(changes=26)
    arrived = scene.in_lane()
    assert [body for group, body in arrived if group == "org"] == names
    assert ("other", "another") in arrived
    assert scene.redrive.all() == Redriven()


def test_a_redrive_that_was_cut_off_after_sending_sends_nothing_twice(scene: Scene) -> None:
    scene.die("change")
    delete = scene.sqs.delete_message

    def cut_off(**_arguments: Any) -> None:
        raise KeyboardInterrupt

    scene.redrive._sqs = _With(scene.sqs, delete_message=cut_off)
    with pytest.raises(KeyboardInterrupt):
        scene.redrive.all()
    letter = scene.sqs.get_queue_attributes(QueueUrl=scene.dead, AttributeNames=["All"])["Attributes"]
    assert letter["ApproximateNumberOfMessagesNotVisible"] == "1"
    # The letter is seen again after a minute; here somebody shortens that.
    _show_again(scene)
    scene.redrive._sqs = _With(scene.sqs, delete_message=delete)
    assert scene.redrive.all() == Redriven(changes=1)
    assert scene.in_lane() == [("org", "change")]


def test_what_dies_again_meanwhile_waits_for_the_next_call(scene: Scene) -> None:
    scene.die("change")
    send = scene.sqs.send_message

    def dies_at_once(**arguments: Any) -> Any:
        time.sleep(0.01)
        return send(**{**arguments, "QueueUrl": scene.dead})

    scene.redrive._sqs = _With(scene.sqs, send_message=dies_at_once)
    assert scene.redrive.all() == Redriven(changes=1)
    assert scene.redrive.count() == Redriven(changes=1)


def test_an_event_goes_back_to_the_bus_as_it_was(scene: Scene) -> None:
    scene.sqs.send_message(QueueUrl=scene.route_dead, MessageBody=json.dumps({"id": "of the bus", **EVENT}))
    assert scene.redrive.all() == Redriven(events=1)
    (entry,) = scene.bus.entries
    assert json.loads(entry.pop("Detail")) == EVENT["detail"]
    assert entry == {"Source": "huma", "DetailType": "users-update", "EventBusName": "bus"}
    assert scene.redrive.all() == Redriven()


def test_what_is_no_event_is_left_for_somebody_to_look_at(scene: Scene) -> None:
    for text in ("no json", "{}", "[]", '{"source": "huma"}'):
        scene.sqs.send_message(QueueUrl=scene.route_dead, MessageBody=text)
    assert scene.redrive.all() == Redriven(unreadable=4)
    left = scene.sqs.get_queue_attributes(QueueUrl=scene.route_dead, AttributeNames=["All"])["Attributes"]
    assert left["ApproximateNumberOfMessagesNotVisible"] == "4"


def test_an_event_that_the_bus_does_not_take_stays_among_the_dead_letters(scene: Scene) -> None:
    scene.bus.takes = False
    scene.sqs.send_message(QueueUrl=scene.route_dead, MessageBody=json.dumps(EVENT))
    with pytest.raises(SystemExit):
        scene.redrive.all()
    left = scene.sqs.get_queue_attributes(QueueUrl=scene.route_dead, AttributeNames=["All"])["Attributes"]
    assert left["ApproximateNumberOfMessagesNotVisible"] == "1"


class _With:
    """A client with one operation replaced."""

    def __init__(self, client: Any, **operations: Any) -> None:
        self._client = client
        self._operations = operations

    def __getattr__(self, name: str) -> Any:
        return self._operations.get(name) or getattr(self._client, name)


def _show_again(scene: Scene) -> None:
    from moto.core.models import DEFAULT_ACCOUNT_ID
    from moto.sqs.models import sqs_backends

    queue = sqs_backends[DEFAULT_ACCOUNT_ID]["eu-north-1"].queues["dead.fifo"]
    for message in queue._messages:
        message.change_visibility(0)
