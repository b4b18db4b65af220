"""The bus and the lanes, as AWS sees them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from huma_fortnox.adapters.events import ChangesLane, HumaEventBus, event_from_bus
from huma_fortnox.domain.errors import BadRequest, TransientError
from huma_fortnox.services.ports import UserChanged

from tests.unit.adapters.aws_client import client_that_answers


def event(number: int = 1, **changes: Any) -> UserChanged:
    usual = {
        "organization_id": "org",
        "user_id": f"user-{number}",
        "topic": "users-update",
        "event_id": "event-1",
        "occurred_at": 5,
    }
    return UserChanged(**{**usual, **changes})


OUTAGES = [
    ClientError({"Error": {"Code": "InternalFailure", "Message": "names somebody"}}, "Any"),
    EndpointConnectionError(endpoint_url="https://events.example.com"),
]


def test_events_are_put_ten_at_a_time_with_ids_alone() -> None:
    client = client_that_answers(put_events={"FailedEntryCount": 0})
    HumaEventBus(client, "bus").publish([event(number) for number in range(23)])
    batches = [arguments["Entries"] for _, arguments in client.calls]
    assert [len(entries) for entries in batches] == [10, 10, 3]
    entry = batches[0][0]
    assert {name: entry[name] for name in ("Source", "DetailType", "EventBusName")} == {
        "Source": "huma",
        "DetailType": "users-update",
        "EventBusName": "bus",
    }
    assert json.loads(entry["Detail"]) == {
        "organizationId": "org",
        "userId": "user-0",
        "eventId": "event-1",
        "occurredAt": 5,
    }


def test_no_events_are_no_call() -> None:
    client = client_that_answers()
    HumaEventBus(client, "bus").publish([])
    assert client.calls == []


@pytest.mark.parametrize("answer", [*OUTAGES, {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "Throttled"}]}])
def test_what_the_bus_did_not_take_is_told(answer: Any) -> None:
    with pytest.raises(TransientError, match="bus-unavailable"):
        HumaEventBus(client_that_answers(put_events=answer), "bus").publish([event()])


def as_delivered(sent: UserChanged) -> dict[str, Any]:
    """Return an event as EventBridge hands it to a function."""
    client = client_that_answers(put_events={"FailedEntryCount": 0})
    HumaEventBus(client, "bus").publish([sent])
    (entry,) = client.calls[0][1]["Entries"]
    return {
        "version": "0",
        "id": "an-id-of-the-bus",
        "source": entry["Source"],
        "detail-type": entry["DetailType"],
        "detail": json.loads(entry["Detail"]),
    }


def test_an_event_arrives_as_it_was_published() -> None:
    sent = event(organization_id="org-a", occurred_at=1_800_000_000_123)
    assert event_from_bus(as_delivered(sent)) == sent


@pytest.mark.parametrize("name", ["organizationId", "userId", "eventId", "occurredAt"])
@pytest.mark.parametrize("value", [..., None, "", 7.5, [], {}])
def test_an_event_that_lacks_something_is_unreadable(name: str, value: Any) -> None:
    delivered = as_delivered(event())
    if value is ...:
        del delivered["detail"][name]
    else:
        delivered["detail"][name] = value
    with pytest.raises(BadRequest, match="event-unreadable"):
        event_from_bus(delivered)


@pytest.mark.parametrize("delivered", [{}, {"detail": None, "detail-type": "x"}, {"detail": {}, "detail-type": None}])
def test_what_is_no_event_is_unreadable(delivered: dict[str, Any]) -> None:
    with pytest.raises(BadRequest, match="event-unreadable"):
        event_from_bus(delivered)


def sent_by(*events: UserChanged) -> list[dict[str, Any]]:
    client = client_that_answers(send_message={})
    lane = ChangesLane(client, "https://sqs.example.com/changes.fifo")
    for each in events:
        lane.send(each)
    return [arguments for _, arguments in client.calls]


def test_an_organizations_events_travel_in_its_own_lane_and_come_back_as_they_were() -> None:
    one, other = sent_by(event(1), event(2, organization_id="other"))
    assert (one["MessageGroupId"], other["MessageGroupId"]) == ("org", "other")
    assert json.loads(one["MessageBody"]).items() >= {"organization_id": "org", "user_id": "user-1"}.items()
    assert one["QueueUrl"] == "https://sqs.example.com/changes.fifo"


def test_the_same_event_counts_once_and_no_other_is_taken_for_it() -> None:
    long = "x" * 128
    events = [
        event(1),
        event(2),
        event(1, event_id="event-2"),
        event(1, event_id=long),
        event(2, event_id=long),
        event(1, event_id="a-user", user_id="b"),
        event(1, event_id="a", user_id="user-b"),
        event(1, event_id="not ascii å"),
    ]
    ids = [arguments["MessageDeduplicationId"] for arguments in sent_by(*events, event(1))]
    assert ids[0] == ids[-1]
    assert len(set(ids)) == len(events)
    assert all(each.isascii() and each.isalnum() and 1 <= len(each) <= 128 for each in ids)


@pytest.mark.parametrize("outage", OUTAGES)
def test_a_lane_that_does_not_answer_is_an_outage(outage: Exception) -> None:
    with pytest.raises(TransientError, match="lane-unavailable"):
        ChangesLane(client_that_answers(send_message=outage), "url").send(event())


def test_a_message_waits_in_its_lane() -> None:
    client = client_that_answers(change_message_visibility={})
    ChangesLane(client, "url").wait("receipt", 30)
    assert client.calls == [
        ("change_message_visibility", {"QueueUrl": "url", "ReceiptHandle": "receipt", "VisibilityTimeout": 30})
    ]


@pytest.mark.parametrize("outage", OUTAGES)
def test_a_wait_that_cannot_be_set_leaves_the_queues_own(outage: Exception) -> None:
    ChangesLane(client_that_answers(change_message_visibility=outage), "url").wait("receipt", 30)
