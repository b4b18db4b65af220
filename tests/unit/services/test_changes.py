"""Huma's webhooks become events, and events reach the lane of their organization or nothing."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from huma_fortnox.domain.errors import BadRequest, IntegrationError, NotSignedIn, Unknown
from huma_fortnox.services.changes import BODY_LIMIT, TOPICS, ChangeIntake, ChangeRouter
from huma_fortnox.services.model import ConnectionState
from huma_fortnox.services.ports import HumaAccess, UserChanged

from tests.unit.services.fakes import Clock, FakeBus, FakeConnections, FakeLane, FakeVault

ORGANIZATION = "6f1c2a0e-0000-4000-8000-000000000001"
SECRET = "the webhook's secret"
NOW = 1_800_000_000.25


def body(topic: str = "users-update", users: Any = ({"id": "user-1", "email": "elsa@example.com"},)) -> bytes:
    return json.dumps({"topic": topic, "users": list(users)}).encode()


def signature(content: bytes, secret: str = SECRET, *, form: str = "hex") -> str:
    mac = hmac.new(secret.encode(), content, hashlib.sha256)
    return {
        "hex": mac.hexdigest(),
        "HEX": mac.hexdigest().upper(),
        "base64": base64.b64encode(mac.digest()).decode(),
        "with blanks": f" {mac.hexdigest()}\n",
    }[form]


class Scene:
    def __init__(self) -> None:
        self.vault, self.bus = FakeVault(), FakeBus()
        self.vault.humas[ORGANIZATION] = HumaAccess("key", "secret", SECRET)
        self.intake = ChangeIntake(self.vault, self.bus, Clock(NOW))

    def receive(
        self,
        content: bytes,
        *,
        topic: str = "users-update",
        signed: str | None = None,
        organization: str = ORGANIZATION,
    ) -> int:
        return self.intake.receive(
            organization, content, topic=topic, signature=signature(content) if signed is None else signed
        )

    def refuses(self, expected: type[IntegrationError], code: str, content: bytes, **how: Any) -> None:
        with pytest.raises(expected) as caught:
            self.receive(content, **how)
        assert caught.value.reason.code == code
        assert type(caught.value) is expected
        assert self.bus.events == []


@pytest.fixture
def scene() -> Scene:
    return Scene()


@pytest.mark.parametrize("form", ["hex", "HEX", "base64", "with blanks"])
def test_a_genuine_webhook_becomes_an_event(scene: Scene, form: str) -> None:
    assert scene.receive(body(), signed=signature(body(), form=form)) == 1
    (event,) = scene.bus.events
    assert (event.organization_id, event.user_id, event.topic) == (ORGANIZATION, "user-1", "users-update")
    assert event.occurred_at == 1_800_000_000_250
    assert event.event_id


@pytest.mark.parametrize("topic", sorted(TOPICS))
def test_every_topic_about_people_is_carried(scene: Scene, topic: str) -> None:
    assert scene.receive(body(topic), topic=topic) == 1
    assert scene.bus.events[0].topic == topic


@pytest.mark.parametrize("topic", ["jobs-update", "users", ""])
def test_any_other_topic_is_accepted_and_carries_nothing(scene: Scene, topic: str) -> None:
    assert scene.receive(body(topic, users=["no users here"]), topic=topic) == 0
    assert scene.bus.events == []


def test_one_event_a_user_in_their_order_and_the_same_user_once(scene: Scene) -> None:
    users = [{"id": f"user-{number % 500}"} for number in range(503)]
    assert scene.receive(body(users=users)) == 500
    assert [event.user_id for event in scene.bus.events] == [f"user-{number}" for number in range(500)]


def test_nobody_in_the_list_is_no_event(scene: Scene) -> None:
    assert scene.receive(body(users=[])) == 0


def test_two_changes_with_the_same_body_are_two_events(scene: Scene) -> None:
    """The second would otherwise be taken for a duplicate of the first within five minutes, and lost."""
    scene.receive(body())
    scene.receive(body())
    assert len({event.event_id for event in scene.bus.events}) == 2


@pytest.mark.parametrize(
    "signed",
    [
        "",
        "0" * 64,
        "z" * 64,
        "å" * 64,
        "not base64!",
        "AAAA",
        signature(body(), "another secret"),
        signature(body() + b" "),
        signature(body(), "", form="base64"),
        signature(body())[:-2],
        "sha256=" + signature(body()),
    ],
)
def test_a_wrong_signature_is_refused(scene: Scene, signed: str) -> None:
    scene.refuses(NotSignedIn, "webhook-signature-wrong", body(), signed=signed)


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff\xfe", b"{}", body("jobs-update")])
def test_nothing_is_read_of_a_body_whose_signature_is_wrong(scene: Scene, content: bytes) -> None:
    scene.refuses(NotSignedIn, "webhook-signature-wrong", content, signed="0" * 64)


def test_the_signature_is_that_of_the_raw_body(scene: Scene) -> None:
    spaced = body().replace(b":", b" :")
    assert scene.receive(spaced) == 1
    scene.bus.events.clear()
    scene.refuses(NotSignedIn, "webhook-signature-wrong", spaced, signed=signature(body()))


@pytest.mark.parametrize("organization", ["", "somebody-else", "../fortnox-app", "å", ORGANIZATION.replace("1", "2")])
def test_an_unknown_organization_is_refused(scene: Scene, organization: str) -> None:
    scene.vault.humas |= {"": HumaAccess("key", "secret", SECRET), "../fortnox-app": HumaAccess("k", "s", SECRET)}
    scene.refuses(Unknown, "organization-unknown", body(), organization=organization)


def test_an_organization_may_be_written_in_capitals(scene: Scene) -> None:
    assert scene.receive(body(), organization=ORGANIZATION.upper()) == 1
    assert scene.bus.events[0].organization_id == ORGANIZATION


def test_without_a_webhook_secret_nothing_can_be_genuine(scene: Scene) -> None:
    """An operator may have entered the key alone; an empty secret must not sign for anybody."""
    scene.vault.humas[ORGANIZATION] = HumaAccess("key", "secret", "")
    scene.refuses(Unknown, "organization-unknown", body(), signed=signature(body(), ""))


def test_the_topic_of_the_header_is_that_of_the_body(scene: Scene) -> None:
    scene.refuses(BadRequest, "webhook-topic-mismatch", body("users-delete"), topic="users-update")
    scene.refuses(BadRequest, "webhook-topic-mismatch", b"{}", topic="users-update")
    scene.refuses(BadRequest, "webhook-topic-mismatch", body(), topic="jobs-update")


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b'"users"', b"\xff", b"[" * 200_000, b'{"a":' * 100_000, b"7" * 9000]
)
def test_broken_json_is_refused(scene: Scene, content: bytes) -> None:
    scene.refuses(BadRequest, "json-broken", content)


@pytest.mark.parametrize(
    "users",
    [
        None,
        {},
        "user-1",
        [{"email": "elsa@example.com"}],
        [{"id": ""}],
        [{"id": 7}],
        [{"id": None}],
        ["user-1"],
        [{"id": "user-1"}, {}],
        [{"id": "user 1"}],
        [{"id": "user-å"}],
        [{"id": "user\n1"}],
        [{"id": "\ud800"}],
        [{"id": "x" * 200}],
    ],
)
def test_who_cannot_be_a_user_is_refused_with_all_the_others(scene: Scene, users: Any) -> None:
    """An id goes into addresses and into the lane's own ids: one that cannot would block the lane behind it."""
    content = json.dumps({"topic": "users-update", "users": users}).encode()
    scene.refuses(BadRequest, "webhook-users-missing", content)


def test_a_body_may_have_a_mebibyte_and_not_a_byte_more(scene: Scene) -> None:
    content = body()
    full = content + b" " * (BODY_LIMIT - len(content))
    assert len(full) == 1024 * 1024
    assert scene.receive(full) == 1
    scene.bus.events.clear()
    scene.refuses(BadRequest, "body-too-large", full + b" ")
    scene.refuses(BadRequest, "body-too-large", full + b" ", signed="", organization="somebody-else")


# -- routing


def event(topic: str = "users-update") -> UserChanged:
    return UserChanged(ORGANIZATION, "user-1", topic, "event-1", 1)


@pytest.mark.parametrize("state", list(ConnectionState))
def test_events_follow_while_a_connection_can_come_back_by_itself_or_wait(state: ConnectionState) -> None:
    connections, lane = FakeConnections(), FakeLane()
    connections.change(ORGANIZATION, {"state": state})
    follows = state in (
        ConnectionState.AWAITING_FIRST_SYNC,
        ConnectionState.ACTIVE,
        ConnectionState.NEEDS_REAUTHORIZATION,
    )
    assert ChangeRouter(connections, lane).route(event()) == follows
    assert lane.sent == ([event()] if follows else [])


def test_events_of_a_paused_organization_are_dropped_for_it_catches_up_later() -> None:
    connections, lane = FakeConnections(), FakeLane()
    connections.change(ORGANIZATION, {"state": ConnectionState.ACTIVE, "paused_since": 1})
    assert not ChangeRouter(connections, lane).route(event())
    assert lane.sent == []


def test_events_of_organizations_nobody_knows_and_of_other_topics_are_dropped() -> None:
    connections, lane = FakeConnections(), FakeLane()
    router = ChangeRouter(connections, lane)
    assert not router.route(event())
    connections.change(ORGANIZATION, {"state": ConnectionState.ACTIVE})
    assert not router.route(event("jobs-update"))
    assert lane.sent == []


@pytest.mark.parametrize("user_id", ["user 1", "user-å", "x" * 129])
def test_an_event_about_nobody_who_can_be_is_dropped(user_id: str) -> None:
    connections, lane = FakeConnections(), FakeLane()
    connections.change(ORGANIZATION, {"state": ConnectionState.ACTIVE})
    assert not ChangeRouter(connections, lane).route(UserChanged(ORGANIZATION, user_id, "users-update", "event-1", 1))
    assert lane.sent == []
