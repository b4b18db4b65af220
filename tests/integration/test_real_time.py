"""Real time on the real stack: webhook, bus, router, lanes, push; several organizations; outages and dead letters."""

from __future__ import annotations

import json
import statistics
import time
from typing import TYPE_CHECKING, Any

import pytest
from huma_fortnox.domain.outcome import Outcome
from huma_fortnox.services.model import Cause, ConnectionState
from huma_fortnox.services.ports import UserChanged

from local.redrive import Redrive
from local.settled import FORTNOX, HUMA, Settled, phone, write_companies
from local.world import World
from tests.unit.adapters.mail_events import bounced

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.stack

IMPORTED = 5_000


@pytest.fixture(scope="module")
def companies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Settled]]:
    """A large organization and three small ones, all of them after their first synchronization."""
    folder = tmp_path_factory.mktemp("companies")
    written = write_companies((IMPORTED, 30, 5, 5), folder)
    with World.start(huma_people=folder / HUMA, fortnox_people=folder / FORTNOX) as world:
        settled = [Settled(world, company) for company in written]
        for each in settled:
            each.silence()
        yield settled


@pytest.fixture
def large(companies: list[Settled]) -> Settled:
    return companies[0]


@pytest.fixture
def small(companies: list[Settled]) -> Settled:
    return companies[1]


def eventually(read: Callable[[], Any], within: float = 30.0) -> Any:
    """The first result that is true, or a failed test."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if result := read():
            return result
        time.sleep(0.01)
    pytest.fail(f"nothing came within {within:.0f} s")


def written_at(company: Settled, value: str) -> float:
    """Wait until this phone number has been written to Fortnox; return when it arrived there."""

    def found() -> list[float]:
        return [
            entry["at"]
            for entry in company.fortnox.requests(method="PUT")
            if entry["status"] == 200 and str(entry["body"]["Employee"].get("Phone1", "")).endswith(value)
        ]

    moment: float = eventually(found)[0]
    return moment


def change(company: Settled, number: int, fresh: int) -> float:
    """Change a person's phone number in Huma and announce it; return the seconds until Fortnox has it."""
    company.edit(number, phone=phone(fresh))
    sent = company.announce(number)
    last = phone(fresh)[-2:]
    return written_at(company, last) - sent


def test_a_change_is_in_fortnox_within_seconds_and_the_log_tells_who_what_and_how_long(small: Settled) -> None:
    small.fortnox.forget_requests()
    assert change(small, 0, 600_010) < 10
    log = small.application.activity_store
    person = small.company.user_id(0)
    entry = eventually(lambda: log.page(small.company.id, after="", limit=5, person=person).entries)[0]
    assert [(each.field, each.outcome) for each in entry.outcomes] == [("phone", Outcome.DONE)]
    assert (entry.cause, entry.name) == (Cause.EVENT, "Person0 Exempelsson")
    assert 0 < entry.delay_ms < 10_000


def test_an_event_put_on_the_bus_by_huma_itself_works_as_well_and_others_are_dropped(small: Settled) -> None:
    small.edit(1, phone=phone(600_011))
    bus = small.world.stack.client("events")
    detail = {
        "organizationId": small.company.id,
        "userId": small.company.user_id(1),
        "eventId": "an-event-of-humas-own",
        "occurredAt": int(time.time() * 1000),
    }
    entry = {
        "EventBusName": small.world.stack.outputs["EventBusName"],
        "Source": "huma",
        "DetailType": "users-update",
        "Detail": json.dumps(detail),
    }
    unknown = {**entry, "Detail": json.dumps({**detail, "organizationId": "nobody"})}
    broken = {**entry, "Detail": json.dumps({"organizationId": small.company.id})}
    assert bus.put_events(Entries=[unknown, broken, entry])["FailedEntryCount"] == 0
    written_at(small, phone(600_011)[-2:])
    dead = small.world.stack.outputs["RouteDeadLettersUrl"]
    assert "Messages" not in small.world.stack.client("sqs").receive_message(QueueUrl=dead)


def test_an_organization_that_imports_5000_users_does_not_delay_another_ones_change(
    large: Settled, small: Settled
) -> None:
    alone = [change(small, number, 610_010 + number) for number in range(10)]
    for number in range(60):
        large.edit(number, familyName="Importsson")
    large.fortnox.forget_requests()
    asked = int(time.time() * 1000)
    large.application.lane.send_many(
        [
            UserChanged(large.company.id, large.company.user_id(number), "users-export", "an-import", asked)
            for number in range(IMPORTED)
        ]
    )
    # Some of it comes the whole way, too.
    for start in range(0, 100, 20):
        large.announce(*range(start, start + 20), topic="users-export")
    eventually(lambda: len(large.fortnox.requests(method="PUT")) >= 10)
    meanwhile = []
    for number in range(10, 25):
        meanwhile.append(change(small, number, 620_000 + number))
        time.sleep(0.2)
    left = large.world.stack.client("sqs").get_queue_attributes(
        QueueUrl=large.world.stack.outputs["ChangesQueueUrl"], AttributeNames=["ApproximateNumberOfMessages"]
    )["Attributes"]["ApproximateNumberOfMessages"]
    assert int(left) > 1_000, "the import was over too soon to show anything"
    # Whatever else this machine does may hold up one of them.
    assert sorted(meanwhile)[-2] - statistics.median(alone) < 1.0, (alone, meanwhile)
    large.world.stack.client("sqs").purge_queue(QueueUrl=large.world.stack.outputs["ChangesQueueUrl"])


def test_an_organization_that_is_stuck_delays_nobody_and_catches_up_by_itself(companies: list[Settled]) -> None:
    _, small, stuck, _ = companies
    token = stuck.company.employee_id(3)
    fault = {"kind": "status", "status": 503, "path": f"/3/employees/{token}", "method": "PUT"}
    small.fortnox.control("POST", "/_sim/faults", fault)
    try:
        stuck.edit(3, phone=phone(630_003))
        stuck.announce(3)
        eventually(lambda: [fault for fault in small.fortnox.faults() if fault["fired"] >= 2])
        delays = [change(small, number, 631_010 + number) for number in range(10, 15)]
        assert max(delays) < 2.0
    finally:
        small.fortnox.clear_faults()
    written_at(stuck, phone(630_003)[-2:])


def test_a_lost_consent_stops_the_lane_tells_once_and_everything_is_caught_up_with_after_reconnecting(
    companies: list[Settled],
) -> None:
    company = companies[3]
    world, connections = company.world, company.application.connection_store
    world.stack.reset_mails()
    company.fortnox.control("POST", "/_sim/faults", {"kind": "revoked_consent", "tenantId": company.company.tenant})
    company.edit(0, phone=phone(640_000))
    company.edit(1, phone=phone(640_001))
    company.announce(0)
    eventually(lambda: connections.load(company.company.id).state is ConnectionState.NEEDS_REAUTHORIZATION, 60)
    eventually(world.mails)
    company.announce(0)
    time.sleep(3)
    (mail,) = world.mails()
    assert mail.to == ("ester@example.com",)
    assert ">Connect again</a>" in company.page()
    company.reconnect()
    assert ">Connect again</a>" not in company.page()
    for number in (0, 1):
        written_at(company, phone(640_000 + number)[-2:])


def test_a_paused_organization_is_left_alone_and_catches_up_when_it_goes_on(small: Settled) -> None:
    assert small.ask("POST", "/real-time/pause")["paused"]["by"] == "Ester Exempel"
    small.fortnox.forget_requests()
    small.edit(5, phone=phone(645_005))
    small.edit(6, phone=phone(645_006))
    small.announce(5)
    time.sleep(3)
    assert small.fortnox.requests() == []
    assert small.ask("POST", "/real-time/resume")["paused"] is None
    for number in (5, 6):
        written_at(small, phone(645_000 + number)[-2:])
    kinds = {entry["kind"] for entry in small.ask("GET", "/activity")["entries"]}
    assert {"paused", "resumed"} <= kinds


def test_nothing_is_mailed_to_an_address_that_mail_came_back_from(companies: list[Settled]) -> None:
    company = companies[2]
    world, connections = company.world, company.application.connection_store
    report = json.dumps(bounced(organization=company.company.id, to=company.administrator.email))
    functions = world.stack.client("lambda")
    answer = functions.invoke(FunctionName="huma-fortnox-local-mail-feedback", Payload=report)
    assert json.loads(answer["Payload"].read()) == {"noted": True}
    problem = company.ask("GET", "/real-time")["mailProblem"]
    assert (problem["address"], problem["reason"]["code"]) == (company.administrator.email, "mail-bounced")
    world.stack.reset_mails()
    company.fortnox.control("POST", "/_sim/faults", {"kind": "revoked_consent", "tenantId": company.company.tenant})
    company.edit(0, phone=phone(646_000))
    company.announce(0)
    eventually(lambda: connections.load(company.company.id).state is ConnectionState.NEEDS_REAUTHORIZATION, 60)
    time.sleep(2)
    assert world.mails() == []


def test_a_message_nobody_can_read_is_laid_aside_and_can_be_sent_back(small: Settled) -> None:
    sqs, outputs = small.world.stack.client("sqs"), small.world.stack.outputs
    sqs.send_message(
        QueueUrl=outputs["ChangesQueueUrl"],
        MessageBody='{"who": "knows"}',
        MessageGroupId=small.company.id,
        MessageDeduplicationId="unreadable",
    )

    def dead() -> int:
        name = "ApproximateNumberOfMessages"
        attributes = sqs.get_queue_attributes(QueueUrl=outputs["ChangesDeadLettersUrl"], AttributeNames=[name])
        return int(attributes["Attributes"][name])

    eventually(lambda: dead() == 1)
    assert change(small, 2, 650_012) < 10
    assert Redrive(sqs, small.world.stack.client("events"), outputs).all().changes == 1
    eventually(lambda: dead() == 1)


def test_the_nightly_reconciliation_finds_what_no_event_announced(large: Settled, small: Settled) -> None:
    # Its hundred pages would be carried as well, and show nothing more.
    large.application.connection_store.change(large.company.id, {"active_since": 0})
    small.edit(4, phone=phone(660_014))
    functions = small.world.stack.client("lambda")
    answer = functions.invoke(FunctionName="huma-fortnox-local-start-reconciliation", Payload=b"{}")
    assert json.loads(answer["Payload"].read())["organizations"] >= 2
    written_at(small, phone(660_014)[-2:])

    def causes() -> set[Cause]:
        entries = small.application.activity_store.page(small.company.id, after="", limit=5).entries
        return {entry.cause for entry in entries}

    eventually(lambda: Cause.SCHEDULE in causes())


def test_keeping_tokens_alive_passes_over_what_never_rotates(small: Settled) -> None:
    functions = small.world.stack.client("lambda")
    answer = functions.invoke(FunctionName="huma-fortnox-local-keep-tokens-alive", Payload=b"{}")
    assert json.loads(answer["Payload"].read()) == {"renewed": 0}
