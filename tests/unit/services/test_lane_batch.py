"""One batch of a lane: one push a user, in order, and what must wait waits with all behind it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import pytest
from huma_fortnox.domain.errors import ConsentNeeded, RateLimited, TransientError
from huma_fortnox.services.lane_batch import LONGEST_WAIT, LaneBatch
from huma_fortnox.services.ports import UserChanged
from huma_fortnox.services.push import Pushed

from tests.unit.services.fakes import FakeLane


class Pushes:
    """Notes who was pushed, and raises what is to go wrong for a user."""

    def __init__(self, **errors: Exception) -> None:
        self.pushed: list[tuple[str, str]] = []
        self.errors = errors

    def push(self, event: UserChanged) -> Pushed:
        self.pushed.append((event.organization_id, event.user_id))
        if event.user_id in self.errors:
            raise self.errors[event.user_id]
        return Pushed()


def record(number: int, user: str, *, organization: str = "org", received: int = 1) -> dict[str, Any]:
    return {
        "messageId": f"message-{number}",
        "receiptHandle": f"receipt-{number}",
        "body": json.dumps(asdict(UserChanged(organization, user, "users-update", f"event-{number}", number))),
        "attributes": {"MessageGroupId": organization, "ApproximateReceiveCount": str(received)},
    }


def carry(pushes: Pushes, *records: Mapping[str, Any]) -> tuple[FakeLane, list[str]]:
    """Carry a batch as the processor does: after a failure the rest of that group is left alone."""
    lane, failed, groups = FakeLane(), [], set()
    batch = LaneBatch(pushes, lane, records)
    for each in records:
        group = each["attributes"]["MessageGroupId"]
        if group in groups:
            failed.append(each["messageId"])
            continue
        try:
            batch.carry(each)
        except Exception:
            groups.add(group)
            failed.append(each["messageId"])
    return lane, failed


def test_several_events_of_one_user_are_one_push_and_order_is_kept() -> None:
    pushes = Pushes()
    users = ["a", "b", "a", "c", "b", "a"]
    lane, failed = carry(pushes, *[record(number, user) for number, user in enumerate(users)])
    assert [user for _, user in pushes.pushed] == ["a", "b", "c"]
    assert failed == []
    assert lane.waits == []


def test_users_of_two_organizations_with_one_id_are_two_people() -> None:
    pushes = Pushes()
    carry(pushes, record(1, "a", organization="one"), record(2, "a", organization="other"))
    assert pushes.pushed == [("one", "a"), ("other", "a")]


def test_what_must_wait_waits_with_all_of_its_lane_behind_it_and_nobody_else() -> None:
    pushes = Pushes(b=TransientError())
    records = [
        record(1, "a"),
        record(2, "x", organization="other"),
        record(3, "b"),
        record(4, "c"),
        record(5, "y", organization="other"),
        record(6, "a"),
    ]
    lane, failed = carry(pushes, *records)
    assert failed == ["message-3", "message-4", "message-6"]
    assert [receipt for receipt, _ in lane.waits] == ["receipt-3", "receipt-4", "receipt-6"]
    assert len({seconds for _, seconds in lane.waits}) == 1
    assert pushes.pushed == [("org", "a"), ("other", "x"), ("org", "b"), ("other", "y")]


def test_an_event_that_failed_does_not_count_as_carried() -> None:
    pushes = Pushes(a=TransientError())
    batch = LaneBatch(pushes, FakeLane(), [record(1, "a"), record(2, "a")])
    for _ in range(2):
        with pytest.raises(TransientError):
            batch.carry(record(1, "a"))
    assert len(pushes.pushed) == 2


@pytest.mark.parametrize("error", [TransientError(), ConsentNeeded("waiting-for-reauthorization")])
def test_waits_grow_with_every_attempt_up_to_an_hour(error: Exception) -> None:
    waits = []
    for received in (1, 2, 3, 4, 8, 11, 12, 50, 99, 100_000):
        lane, _ = carry(Pushes(a=error), record(1, "a", received=received))
        waits.append(lane.waits[0][1])
    assert waits[:4] == [2, 4, 8, 16]
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST_WAIT == 3600


@pytest.mark.parametrize(("asked", "waited"), [(30.0, 30), (0.2, 2), (99_999.0, 3600), (None, 2), (29.5, 30)])
def test_nobody_comes_back_sooner_than_the_other_side_asked(asked: float | None, waited: int) -> None:
    lane, _ = carry(Pushes(a=RateLimited(retry_after=asked)), record(1, "a"))
    assert lane.waits == [("receipt-1", waited)]
