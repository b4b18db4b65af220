"""Batches from the lanes: one push a user, side by side, and what must wait waits with all of its lane behind it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from typing import Any

import pytest
from huma_fortnox.domain.errors import (
    ConsentNeeded,
    Defect,
    IntegrationError,
    OutcomeUnknown,
    RateLimited,
    TransientError,
)
from huma_fortnox.domain.outcome import Reason
from huma_fortnox.domain.people import FieldSettings
from huma_fortnox.services.lane_batch import MOST_DEFECTS, LaneBatch
from huma_fortnox.services.lane_messages import message_from_json, message_to_json
from huma_fortnox.services.model import Connection, ConnectionState, OrganizationSettings
from huma_fortnox.services.ports import UserChanged
from huma_fortnox.services.quarantine import LONGEST_WAIT, MOST_SILENT_ENDS, LaneHealth
from huma_fortnox.services.real_time import LaneState, PageToReconcile, Pushed, PushState, Quarantine

from tests.unit.services.fakes import Clock, FakeActivity
from tests.unit.services.real_time_fakes import FakeLanes, FakeLaneStore, FakeNotices, Message, record

PAGE = PageToReconcile("org", "round", 0, "schedule", "", 1)


class Pushes:
    """Notes who was pushed, and raises what is to go wrong for a user.

    ``gate`` holds everybody until it opens; each push lasts ``lingers`` seconds.
    """

    def __init__(self, lanes: FakeLaneStore, errors: dict[str, BaseException]) -> None:
        self.pushed: list[tuple[str, str]] = []
        self.events: list[UserChanged] = []
        self.defects: list[str] = []
        self.opened: list[list[str]] = []
        self.errors = errors
        self.state = ConnectionState.ACTIVE
        self.gate: threading.Barrier | None = None
        self.lingers = 0.0
        self._lanes = lanes

    def open(self, organization_id: str, user_ids: Sequence[str]) -> Any:
        self.opened.append(list(user_ids))
        if "open" in self.errors:
            raise self.errors["open"]
        connection = Connection(organization_id, self.state, OrganizationSettings(FieldSettings()))
        return Batch(self, PushState(connection, self._lanes.load(organization_id)))

    def note_defect(self, event: UserChanged) -> None:
        self.defects.append(event.user_id)


class Batch:
    def __init__(self, pushes: Pushes, state: PushState) -> None:
        self.state = state
        self.prepared = False
        self._pushes = pushes

    @property
    def wanted(self) -> bool:
        return self.state.connection.follows_changes

    def prepare(self) -> None:
        self.prepared = True

    def push(self, event: UserChanged) -> Pushed:
        self._pushes.pushed.append((event.organization_id, event.user_id))
        self._pushes.events.append(event)
        if self._pushes.gate is not None:
            assert self.prepared
            self._pushes.gate.wait(5)
        time.sleep(self._pushes.lingers)
        if event.user_id in self._pushes.errors:
            raise self._pushes.errors[event.user_id]
        return Pushed()


class Reconciles:
    def __init__(self) -> None:
        self.pages: list[int] = []
        self.error: Exception | None = None

    def carry(self, page: PageToReconcile) -> None:
        self.pages.append(page.page)
        if self.error is not None:
            raise self.error


class Scene:
    def __init__(self, *, side_by_side: int = 1, **errors: BaseException) -> None:
        self.clock = Clock()
        self.lanes = FakeLanes(self.clock)
        self.store = FakeLaneStore()
        self.activity = FakeActivity()
        self.pushes = Pushes(self.store, errors)
        self.reconciles = Reconciles()
        self.health = LaneHealth(
            store=self.store,
            lanes=self.lanes,
            notices=FakeNotices(self.clock),
            activity=self.activity,
            report=lambda: None,
            clock=self.clock,
        )
        self.batch = LaneBatch(
            push=self.pushes,
            reconcile=self.reconciles,
            lanes=self.lanes,
            health=self.health,
            side_by_side=side_by_side,
        )

    def carry(self, *messages: Message) -> list[str]:
        return self.batch.carry([record(message) for message in messages])

    @property
    def users(self) -> list[tuple[str, str]]:
        return self.pushes.pushed


def message(number: int, user: str, *, organization: str = "org", received: int = 1, **more: Any) -> Message:
    event = UserChanged(organization, user, "users-update", f"event-{number}", number, **more)
    return body(number, message_to_json(event), organization=organization, received=received)


def page(number: int, *, received: int = 1) -> Message:
    return body(number, message_to_json(PAGE), received=received)


def body(number: int, content: Any, *, organization: str = "org", received: int = 1) -> Message:
    text = content if isinstance(content, str) else json.dumps(content)
    return Message(f"message-{number}", text, organization, f"receipt-{number}", received)


def test_several_events_of_one_user_are_one_push_and_order_is_kept() -> None:
    scene = Scene()
    users = ["a", "b", "a", "c", "b", "a"]
    assert scene.carry(*[message(number, user) for number, user in enumerate(users)]) == []
    assert [user for _, user in scene.users] == ["a", "b", "c"]
    assert scene.lanes.waits == []
    assert scene.store.writes == 0


def test_the_oldest_event_tells_the_delay_unless_somebody_asked() -> None:
    scene = Scene()
    scene.carry(message(7, "a"), message(3, "a"))
    scene.carry(message(3, "b"), message(9, "b", again=True, cause="administrator"))
    assert [(event.occurred_at, event.again) for event in scene.pushes.events] == [(3, False), (9, True)]


def test_users_of_two_organizations_with_one_id_are_two_people() -> None:
    scene = Scene()
    scene.carry(message(1, "a", organization="one"), message(2, "a", organization="other"))
    assert sorted(scene.users) == [("one", "a"), ("other", "a")]


def test_organizations_in_one_batch_do_not_wait_for_each_other() -> None:
    scene = Scene(side_by_side=2)
    scene.pushes.gate = threading.Barrier(4)
    users = [message(1, "a", organization="one"), message(2, "b", organization="one")]
    others = [message(3, "c", organization="other"), message(4, "d", organization="other")]
    assert scene.carry(*users, *others) == []


def test_what_must_wait_waits_with_all_of_its_lane_behind_it_and_nobody_else() -> None:
    scene = Scene(b=TransientError())
    messages = [
        message(1, "a"),
        message(2, "x", organization="other"),
        message(3, "b"),
        message(4, "c"),
        message(5, "y", organization="other"),
        message(6, "a"),
    ]
    assert scene.carry(*messages) == ["message-3", "message-4"]
    assert scene.lanes.waits == [("receipt-3", 2), ("receipt-4", 2)]
    assert sorted(scene.users) == [("org", "a"), ("org", "b"), ("other", "x"), ("other", "y")]


@pytest.mark.parametrize("error", [TransientError(), OutcomeUnknown(), ConsentNeeded("waiting-for-reauthorization")])
def test_waits_grow_with_every_attempt_up_to_an_hour(error: Exception) -> None:
    waits = []
    for received in (1, 2, 3, 4, 8, 11, 12, 50, 99, 1000):
        scene = Scene(a=error)
        assert scene.carry(message(1, "a", received=received)) == ["message-1"]
        waits.append(scene.lanes.waits[0][1])
    assert waits[:4] == [2, 4, 8, 16]
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST_WAIT == 3600


def test_two_days_of_hourly_tries_are_fewer_than_a_message_may_be_received() -> None:
    seconds, tries = 0, 0
    while seconds < 2 * 24 * 3600:
        tries += 1
        scene = Scene(a=TransientError())
        scene.carry(message(1, "a", received=tries))
        seconds += scene.lanes.waits[0][1]
    assert tries < 100


@pytest.mark.parametrize(("asked", "waited"), [(30.0, 30), (0.2, 1), (99_999.0, 3600), (None, 1), (29.5, 30)])
def test_a_busy_budget_is_waited_for_as_long_as_it_says(asked: float | None, waited: int) -> None:
    scene = Scene(a=RateLimited(retry_after=asked))
    scene.carry(message(1, "a", received=9))
    assert scene.lanes.waits == [("receipt-1", waited)]


@pytest.mark.parametrize("error", [RateLimited(retry_after=0.1), TransientError("out-of-time")])
def test_who_has_had_to_be_patient_often_waits_for_minutes(error: Exception) -> None:
    waits = []
    for received in (1, 10, 11, 12, 18, 19, 1000):
        scene = Scene(a=error)
        scene.carry(message(1, "a", received=received))
        waits.append(scene.lanes.waits[0][1])
    assert waits == [1, 1, 2, 4, 256, 300, 300]


def test_nobody_comes_back_sooner_than_the_other_side_asked() -> None:
    scene = Scene(a=TransientError(retry_after=299.5))
    scene.carry(message(1, "a"))
    assert scene.lanes.waits == [("receipt-1", 300)]


def test_what_ran_out_of_time_goes_on_at_once() -> None:
    scene = Scene(b=TransientError("out-of-time"))
    assert scene.carry(message(1, "a"), message(2, "b", received=9)) == ["message-2"]
    assert scene.lanes.waits == [("receipt-2", 1)]


def test_what_failed_before_is_tried_with_one_user_first() -> None:
    scene = Scene(side_by_side=4, a=TransientError())
    scene.pushes.lingers = 0.1
    messages = [message(number, user, received=3) for number, user in enumerate("abcd")]
    assert len(scene.carry(*messages)) == 4
    assert scene.users == [("org", "a")]


def test_changes_of_an_organization_that_is_not_connected_are_over() -> None:
    scene = Scene()
    scene.pushes.state = ConnectionState.DISCONNECTED
    assert scene.carry(message(1, "a"), page(2)) == []
    assert scene.users == []
    assert scene.reconciles.pages == []


def test_a_page_takes_its_turn_between_users() -> None:
    scene = Scene()
    assert scene.carry(message(1, "a"), page(2), message(3, "a")) == []
    assert scene.users == [("org", "a"), ("org", "a")]
    assert scene.reconciles.pages == [0]
    assert scene.pushes.opened == [["a"], ["a"]]


def test_a_page_that_fails_comes_again_with_what_is_behind_it() -> None:
    scene = Scene()
    scene.reconciles.error = TransientError()
    assert scene.carry(message(1, "a"), page(2, received=2), message(3, "b")) == ["message-2", "message-3"]
    assert scene.reconciles.pages == [0]
    assert scene.lanes.waits == [("receipt-2", 4), ("receipt-3", 4)]


# -- what is our own fault


@pytest.mark.parametrize("error", [Defect("property-not-writable"), KeyError("somebody's data"), IntegrationError()])
def test_a_defect_is_tried_a_few_times_and_then_laid_aside_for_an_operator(error: Exception) -> None:
    scene = Scene(a=error)
    for received in range(1, MOST_DEFECTS):
        assert scene.carry(message(1, "a", received=received), message(2, "b")) == ["message-1", "message-2"]
    assert scene.carry(message(1, "a", received=MOST_DEFECTS), message(2, "b")) == []
    assert [dead.id for dead in scene.lanes.dead] == ["message-1"]
    assert scene.pushes.defects == ["a"]
    assert scene.users[-1] == ("org", "b")


def test_a_defect_is_logged_by_its_place_and_never_by_what_it_says(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene(a=KeyError("anna@example.com"))
    scene.carry(message(1, "a"))
    assert "KeyError" in caplog.text
    assert "test_lane_batch.py" in caplog.text
    assert "anna" not in caplog.text


@pytest.mark.parametrize("text", ["no json", "[]", '{"kind": "reconcile"}', '{"who": "?"}'])
def test_a_message_nobody_can_read_is_laid_aside_at_once(text: str) -> None:
    scene = Scene()
    assert scene.carry(body(1, text), message(2, "b")) == []
    assert [dead.body for dead in scene.lanes.dead] == [text]
    assert scene.users == [("org", "b")]


def test_a_message_whose_tries_end_without_a_word_is_laid_aside() -> None:
    scene = Scene(a=KeyboardInterrupt())
    for received in range(1, MOST_SILENT_ENDS + 2):
        with pytest.raises(KeyboardInterrupt):
            scene.carry(message(1, "a", received=received))
    assert scene.carry(message(1, "a", received=MOST_SILENT_ENDS + 2), message(2, "b")) == []
    assert [dead.id for dead in scene.lanes.dead] == ["message-1"]
    assert scene.pushes.defects == ["a"]
    assert scene.users[-1] == ("org", "b")


def test_tries_that_end_with_a_word_are_no_silent_ones() -> None:
    scene = Scene(a=TransientError())
    for received in range(1, 30):
        assert scene.carry(message(1, "a", received=received)) == ["message-1"]
        scene.clock.now += 4000
    assert scene.lanes.dead == []


def test_when_nothing_can_be_read_everything_comes_again() -> None:
    scene = Scene(open=TransientError("state-unavailable"))
    assert scene.carry(message(1, "a"), message(2, "b", received=3)) == ["message-1", "message-2"]
    assert scene.lanes.waits == [("receipt-1", 2), ("receipt-2", 2)]


def test_when_the_account_of_a_lane_cannot_be_kept_everything_comes_again() -> None:
    scene = Scene(a=TransientError())

    def fail(*_arguments: Any) -> bool:
        raise TransientError("state-unavailable")

    scene.store.save = fail  # type: ignore[assignment, method-assign]
    assert scene.carry(message(1, "a"), message(2, "b", received=3)) == ["message-1", "message-2"]
    assert scene.lanes.waits == [("receipt-1", 2), ("receipt-2", 8)]


# -- quarantine


def test_while_an_organization_rests_nothing_is_tried_and_everything_can_be_called_back() -> None:
    scene = Scene()
    now = int(scene.clock())
    resting = Quarantine(since=now, next_try=now + 500, reason=Reason("temporarily-unavailable"))
    scene.store.kept["org"] = LaneState(quarantine=resting, revision=1)
    assert scene.carry(message(1, "a"), message(2, "b")) == ["message-1", "message-2"]
    assert scene.users == []
    assert scene.lanes.waits == [("receipt-1", 500), ("receipt-2", 500)]
    assert scene.store.load("org").waiting == ("receipt-1", "receipt-2")


# -- messages as JSON


def test_messages_come_back_as_they_were_sent() -> None:
    event = UserChanged("org", "a", "users-update", "event", 7, cause="administrator", actor="Astrid", again=True)
    assert message_from_json(message_to_json(event)) == event
    assert message_from_json(message_to_json(PAGE)) == PAGE


def test_a_message_from_before_causes_were_told_is_an_event() -> None:
    old = {"organization_id": "org", "user_id": "a", "topic": "users-update", "event_id": "e", "occurred_at": 1}
    assert message_from_json(old) == UserChanged("org", "a", "users-update", "e", 1)
