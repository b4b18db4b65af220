"""What real time relies on of its stores, the same for the fakes of the unit tests and for DynamoDB."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest
from huma_fortnox.adapters import activity as activity_adapter
from huma_fortnox.adapters import unique_values
from huma_fortnox.adapters.activity import DynamoActivity
from huma_fortnox.adapters.connections import DynamoConnections
from huma_fortnox.adapters.held import DynamoHeld
from huma_fortnox.adapters.lane_state import DynamoBrakes, DynamoLanes, DynamoNotices, DynamoReconciliations
from huma_fortnox.adapters.links import DynamoLinks
from huma_fortnox.adapters.push_store import DynamoPushStore
from huma_fortnox.adapters.synchronizations import DynamoSynchronizations
from huma_fortnox.adapters.table import Table, Write
from huma_fortnox.adapters.unique_values import DynamoUniqueValues
from huma_fortnox.domain.errors import BadRequest, TransientError
from huma_fortnox.domain.outcome import FieldOutcome, Outcome, Reason
from huma_fortnox.domain.people import Base, Link
from huma_fortnox.services.model import Activity, Cause, ConnectionState, Synchronization, SynchronizationState
from huma_fortnox.services.real_time import (
    Brake,
    BrakeState,
    HeldField,
    HeldPerson,
    LaneState,
    Quarantine,
    Reconciliation,
    Settled,
)

from tests.contract.aws import Aws, Clock, mocked_aws, together
from tests.contract.strict_dynamodb import item_size, strict
from tests.contract.test_stores import create_table
from tests.unit.services import fakes, real_time_fakes

if TYPE_CHECKING:
    from huma_fortnox.services.ports import ActivityStore, ConnectionStore, LinkStore, SynchronizationStore
    from huma_fortnox.services.real_time_ports import (
        BrakeStore,
        HeldStore,
        LaneStore,
        Notices,
        PushStore,
        ReconciliationStore,
        UniqueValues,
    )

ORGANIZATION = "6f1c2a0e-0000-4000-8000-000000000001"
OTHER = "6f1c2a0e-0000-4000-8000-000000000002"
ONE, TWO = "ab" * 16, "cd" * 16
HELD = HeldField("held", Reason("removed-in-huma"), 7, ONE)
NOW = 1_800_000_000_000
"""Unix milliseconds of the tests' clocks: the log forgets what is older than 90 days."""
PUSHED = Activity(NOW, "push", Cause.EVENT, "anna", "Anna", (FieldOutcome("phone", Outcome.DONE, "fortnox"),))


@dataclass
class Stores:
    """One of each store, over the same state and the same clock."""

    clock: Clock | fakes.Clock
    connections: ConnectionStore
    links: LinkStore
    activity: ActivityStore
    synchronizations: SynchronizationStore
    push: PushStore
    held: HeldStore
    lanes: LaneStore
    brakes: BrakeStore
    rounds: ReconciliationStore
    notices: Notices
    unique: UniqueValues


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    with mocked_aws() as mocked:
        yield mocked


def table_of(aws: Aws, request: pytest.FixtureRequest, clock: Clock) -> Table:
    name = create_table(aws, f"table-{request.node.name.encode().hex()[:200]}")
    return Table(strict(aws.dynamodb), name, clock=clock)


@pytest.fixture(params=["in memory", "on DynamoDB"])
def stores(request: pytest.FixtureRequest, aws: Aws) -> Stores:
    if request.param == "in memory":
        clock, links = fakes.Clock(), fakes.FakeLinks()
        connections, activity = fakes.FakeConnections(), fakes.FakeActivity()
        held, lanes = real_time_fakes.FakeHeld(), real_time_fakes.FakeLaneStore()
        unique = real_time_fakes.FakeUniqueValues(links)
        synchronizations = fakes.FakeSynchronizations(clock, links)
        push = real_time_fakes.FakePushStore(
            connections=connections,
            links=links,
            activity=activity,
            held=held,
            lanes=lanes,
            unique=unique,
            synchronizations=synchronizations,
        )
        return Stores(
            clock,
            connections,
            links,
            activity,
            synchronizations,
            push,
            held,
            lanes,
            real_time_fakes.FakeBrakes(),
            real_time_fakes.FakeReconciliations(),
            real_time_fakes.FakeNotices(clock),
            unique,
        )
    still = Clock()
    table = table_of(aws, request, still)
    on_table = DynamoLinks(table)
    return Stores(
        still,
        DynamoConnections(table),
        on_table,
        DynamoActivity(table),
        DynamoSynchronizations(table),
        DynamoPushStore(table),
        DynamoHeld(table),
        DynamoLanes(table),
        DynamoBrakes(table),
        DynamoReconciliations(table),
        DynamoNotices(table),
        DynamoUniqueValues(table, on_table),
    )


# -- what a push reads and keeps


def test_of_an_organization_nobody_knows_there_is_nothing_to_read(stores: Stores) -> None:
    state = stores.push.load(ORGANIZATION, ["anna"])
    assert state.connection.state is ConnectionState.NOT_CONNECTED
    assert (dict(state.links), dict(state.held), state.lane, state.applying) == ({}, {}, LaneState(), False)


def test_everything_about_many_users_is_read_at_once(stores: Stores) -> None:
    stores.connections.change(ORGANIZATION, {"state": ConnectionState.ACTIVE, "company_name": "Exempel AB"})
    names = [f"user-{number}" for number in range(60)]
    links = [Link(name, name, {"phone": Base(ONE, TWO)}, {"street_line": "Address2"}) for name in names]
    stores.links.save(ORGANIZATION, links)
    stores.links.save(OTHER, [Link("stranger", "1")])
    for name in names[:50]:
        stores.push.record(ORGANIZATION, Settled(name, held=HeldPerson(name, "Elsa", {"phone": HELD})))
    stores.lanes.save(ORGANIZATION, LaneState(failures=3))
    state = stores.push.load(ORGANIZATION, [*names, "stranger"])
    assert state.connection.company_name == "Exempel AB"
    assert list(state.links.values()) == links
    assert sorted(state.held) == sorted(names[:50])
    assert state.held["user-0"] == HeldPerson("user-0", "Elsa", {"phone": HELD}, revision=1)
    assert state.lane.failures == 3


@pytest.mark.parametrize("state", [SynchronizationState.AWAITING_DECISIONS, SynchronizationState.APPLYING])
def test_a_push_knows_of_a_synchronization_that_writes(stores: Stores, state: SynchronizationState) -> None:
    run = Synchronization("run", ORGANIZATION, state, 1, fakes.administrator(ORGANIZATION))
    stores.synchronizations.begin(run)
    stores.synchronizations.change(ORGANIZATION, "run", {"state": state})
    assert stores.push.load(ORGANIZATION, []).applying == (state is SynchronizationState.APPLYING)
    stores.synchronizations.unlock(ORGANIZATION, "run")
    assert not stores.push.load(ORGANIZATION, []).applying


def test_bases_held_fields_claims_and_the_log_are_kept_together(stores: Stores) -> None:
    before = {"phone": Base(ONE, ONE), "email": Base(ONE, ONE)}
    stores.links.save(ORGANIZATION, [Link("anna", "1", before)])
    moved = Link("anna", "1", {**before, "phone": Base(TWO, TWO)}, {"country": "SE"})
    held = HeldPerson("anna", "Anna", {"bank_account": HELD})
    stores.unique.rebuild(ORGANIZATION)
    stores.push.record(
        ORGANIZATION,
        Settled("anna", link=moved, moved=("phone",), held=held, claims=(("phone", TWO),), activity=PUSHED),
    )
    assert stores.links.link(ORGANIZATION, "anna") == moved
    assert stores.held.person(ORGANIZATION, "anna") == replace(held, revision=1)
    assert list(stores.unique.holders(ORGANIZATION, "phone", TWO)) == ["anna"]
    assert stores.activity.page(ORGANIZATION, after="", limit=5).entries == (PUSHED,)


def test_bases_of_a_link_that_is_gone_or_another_are_not_kept_but_the_log_is(stores: Stores) -> None:
    link = Link("anna", "1", {"phone": Base(ONE, ONE)})
    stores.push.record(ORGANIZATION, Settled("anna", link=link, moved=("phone",), activity=PUSHED))
    assert stores.links.link(ORGANIZATION, "anna") is None
    stores.links.save(ORGANIZATION, [Link("anna", "2", {"phone": Base(TWO, TWO)})])
    stores.push.record(ORGANIZATION, Settled("anna", link=link, moved=("phone",), activity=PUSHED))
    assert stores.links.link(ORGANIZATION, "anna") == Link("anna", "2", {"phone": Base(TWO, TWO)})
    assert len(stores.activity.page(ORGANIZATION, after="", limit=5).entries) == 2


def test_no_run_settles_a_field_that_a_push_is_writing_but_by_overtaking_it(stores: Stores) -> None:
    run, link = stores.synchronizations, Link("anna", "1", {"phone": Base(ONE, ONE), "email": Base(ONE, ONE)})
    stores.links.save(ORGANIZATION, [link])
    run.begin(
        Synchronization("run-1", ORGANIZATION, SynchronizationState.READING, 1, fakes.administrator(ORGANIZATION))
    )
    noted = {"phone": [TWO]}
    assert stores.push.begin(ORGANIZATION, link, noted)
    assert run.linked(ORGANIZATION, "run-1", ["anna"])["anna"].pushing == {"phone"}
    assert not run.settle(ORGANIZATION, "run-1", link, [], seen=link, wrote={"phone"})
    assert run.settle(ORGANIZATION, "run-1", link, [], seen=link, wrote={"email"})
    crossed = replace(link, bases={**link.bases, "phone": Base("0e", "0e")})
    assert run.settle(ORGANIZATION, "run-1", crossed, [], seen=link, overtaking=True)
    assert run.linked(ORGANIZATION, "run-1", ["anna"])["anna"].pushing == frozenset()
    pushed = Settled("anna", link=replace(link, bases={"phone": Base(TWO, TWO)}), moved=("phone",), begun=noted)
    stores.push.record(ORGANIZATION, pushed)
    assert stores.links.link(ORGANIZATION, "anna") == crossed
    assert stores.push.begin(ORGANIZATION, link, noted)
    stores.push.record(ORGANIZATION, pushed)
    kept = stores.links.link(ORGANIZATION, "anna")
    assert kept is not None
    assert kept.bases["phone"] == Base(TWO, TWO)
    assert run.linked(ORGANIZATION, "run-1", ["anna"])["anna"].pushing == frozenset()


def test_what_is_begun_is_known_until_it_is_settled(stores: Stores) -> None:
    link = Link("anna", "1", {"phone": Base(ONE, ONE)})
    assert not stores.push.begin(ORGANIZATION, link, {"phone": [TWO]})
    stores.links.save(ORGANIZATION, [link])
    assert not stores.push.begin(ORGANIZATION, Link("anna", "2"), {"phone": [TWO]})
    assert stores.push.begin(ORGANIZATION, link, {"phone": [TWO]})
    assert stores.push.load(ORGANIZATION, ["anna", "bo"]).begun == {"anna": {"phone": [TWO]}}
    assert stores.links.link(ORGANIZATION, "anna") == link
    stores.push.record(ORGANIZATION, Settled("anna", link=link))
    assert stores.push.load(ORGANIZATION, ["anna"]).begun == {}
    assert stores.links.link(ORGANIZATION, "anna") == link


def test_somebody_created_is_linked_unless_somebody_linked_them_meanwhile(stores: Stores) -> None:
    link = Link("anna", "1", {"phone": Base(ONE, ONE)})
    stores.push.record(ORGANIZATION, Settled("anna", link=link, created=True))
    stores.push.record(ORGANIZATION, Settled("anna", link=Link("anna", "2"), created=True))
    assert stores.links.link(ORGANIZATION, "anna") == link


def test_what_is_held_is_replaced_and_removed_only_by_who_saw_it(stores: Stores) -> None:
    first = HeldPerson("anna", "Anna", {"phone": HELD})
    stores.push.record(ORGANIZATION, Settled("anna", held=first))
    with pytest.raises(TransientError):
        stores.push.record(ORGANIZATION, Settled("anna", held=first, activity=PUSHED))
    assert stores.activity.page(ORGANIZATION, after="", limit=5).entries == ()
    stores.push.record(ORGANIZATION, Settled("anna", held=HeldPerson("anna", revision=1)))
    assert stores.held.person(ORGANIZATION, "anna") is None
    stores.push.record(ORGANIZATION, Settled("nobody"))


# -- held fields


def test_held_people_come_in_pages_and_of_one_organization(stores: Stores) -> None:
    for organization_id, names in ((ORGANIZATION, "abcde"), (OTHER, "x")):
        for name in names:
            stores.push.record(organization_id, Settled(name, held=HeldPerson(name, name.upper(), {"phone": HELD})))
    first = stores.held.page(ORGANIZATION, after="", limit=3)
    rest = stores.held.page(ORGANIZATION, after=first.after, limit=3)
    assert [person.user_id for person in (*first.people, *rest.people)] == list("abcde")
    assert rest.after == ""
    assert [person.name for person in stores.held.people(ORGANIZATION)] == list("ABCDE")
    stores.held.forget(ORGANIZATION)
    assert list(stores.held.people(ORGANIZATION)) == []
    assert [person.user_id for person in stores.held.people(OTHER)] == ["x"]


def test_an_answer_is_kept_with_the_field_it_is_about_and_seen_by_the_next_push(stores: Stores) -> None:
    fields = {"phone": HELD, "address": HELD}
    stores.push.record(ORGANIZATION, Settled("anna", held=HeldPerson("anna", "Anna", fields, creating=True)))
    assert stores.held.decide(ORGANIZATION, "anna", "phone", "keep", by="Astrid")
    assert not stores.held.decide(ORGANIZATION, "anna", "email", "keep", by="Astrid")
    assert not stores.held.decide(ORGANIZATION, "bo", "phone", "keep", by="Astrid")
    found = stores.push.load(ORGANIZATION, ["anna"]).held["anna"]
    assert found.fields["phone"] == replace(HELD, decision="keep", decided_by="Astrid")
    assert found.fields["address"] == HELD
    assert found.creating
    assert found.revision == 2


def test_of_two_answers_at_once_none_is_lost(stores: Stores) -> None:
    fields = {"phone": HELD, "address": HELD}
    stores.push.record(ORGANIZATION, Settled("anna", held=HeldPerson("anna", "Anna", fields)))
    answers = together(
        *[lambda field=field: stores.held.decide(ORGANIZATION, "anna", field, "keep", by="Astrid") for field in fields]
    )
    assert answers == [True, True]
    person = stores.held.person(ORGANIZATION, "anna")
    assert person is not None
    if not isinstance(stores.held, real_time_fakes.FakeHeld):
        assert {held.decision for held in person.fields.values()} == {"keep"}


# -- lanes, brakes, rounds, notices


def test_a_lane_comes_back_as_it_was_saved_and_only_the_newest_may_be_replaced(stores: Stores) -> None:
    quarantine = Quarantine(1, 2, Reason("circuit-open", {"system": "fortnox"}))
    state = LaneState(1, 2, 3, quarantine, ("receipt-1", "receipt-2"), "message", 2)
    assert stores.lanes.save(ORGANIZATION, state)
    assert stores.lanes.load(ORGANIZATION) == replace(state, revision=1)
    assert not stores.lanes.save(ORGANIZATION, state)
    assert stores.lanes.save(ORGANIZATION, LaneState(revision=1))
    assert stores.lanes.load(ORGANIZATION) == LaneState(revision=2)
    assert stores.lanes.load(OTHER) == LaneState()


def test_a_brake_comes_back_as_it_was_saved_and_only_the_newest_may_be_replaced(stores: Stores) -> None:
    state = BrakeState(((1, "anna", "bank_account"), (2, "bo", "bank_account")), Brake(3, 4, 5), 6)
    assert stores.brakes.save(ORGANIZATION, state)
    assert stores.brakes.load(ORGANIZATION) == replace(state, revision=1)
    assert not stores.brakes.save(ORGANIZATION, state)
    assert stores.brakes.load(OTHER) == BrakeState()


def test_of_many_who_count_at_once_every_one_counts(stores: Stores) -> None:
    def count(number: int) -> None:
        while True:
            state = stores.brakes.load(ORGANIZATION)
            if stores.brakes.save(ORGANIZATION, replace(state, recent=(*state.recent, (number, "anna", "x")))):
                return

    together(*[lambda number=number: count(number) for number in range(6)])
    assert sorted(at for at, _, _ in stores.brakes.load(ORGANIZATION).recent) == list(range(6))


def test_a_round_moves_on_page_by_page_and_an_earlier_one_not_at_all(stores: Stores) -> None:
    assert stores.rounds.load(ORGANIZATION) is None
    begun = Reconciliation("one", "schedule", "", 1, 1)
    stores.rounds.begin(ORGANIZATION, begun)
    assert stores.rounds.load(ORGANIZATION) == begun
    after = replace(begun, page=1, pages=3, people=50, changed=2, touched_at=9)
    assert stores.rounds.advance(ORGANIZATION, after, page=0)
    assert not stores.rounds.advance(ORGANIZATION, after, page=0)
    assert stores.rounds.load(ORGANIZATION) == after
    stores.rounds.begin(ORGANIZATION, replace(begun, id="two"))
    assert not stores.rounds.advance(ORGANIZATION, replace(after, page=2), page=0)


def test_of_many_who_want_to_tell_one_does_and_another_when_that_one_died(stores: Stores) -> None:
    def claim() -> bool:
        return stores.notices.claim(ORGANIZATION, "brake", "1")

    assert sorted(together(*[claim] * 6)) == [False] * 5 + [True]
    assert stores.notices.claim(ORGANIZATION, "quarantine", "1")
    assert stores.notices.claim(OTHER, "brake", "1")
    stores.clock.now += 121
    assert claim()
    stores.notices.told(ORGANIZATION, "brake", "1")
    stores.clock.now += 1000
    assert not claim()
    assert stores.notices.claim(ORGANIZATION, "brake", "2")
    stores.notices.told(ORGANIZATION, "brake", "1")
    stores.clock.now += 121
    assert stores.notices.claim(ORGANIZATION, "brake", "2")


# -- unique values


def digest_of(number: int) -> str:
    return f"{number * 7919 % 65536:04x}{number:028x}"


@pytest.mark.parametrize("people", [3, 12, 40])
def test_the_index_finds_who_had_a_value_however_many_there_are(
    stores: Stores, people: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unique_values, "_SIZES", ((5, 1), (20, 16)))
    links = [
        Link(f"user-{number}", str(number), {"phone": Base(digest_of(number), digest_of(number)), "city": Base(ONE)})
        for number in range(people)
    ]
    stores.links.save(ORGANIZATION, links)
    assert stores.unique.linked(ORGANIZATION) == 0
    assert list(stores.unique.holders(ORGANIZATION, "phone", digest_of(2))) == ["user-2"]
    assert stores.unique.linked(ORGANIZATION) == people
    assert list(stores.unique.holders(ORGANIZATION, "email", digest_of(2))) == []
    assert list(stores.unique.holders(ORGANIZATION, "phone", TWO)) == []


def test_both_sides_of_a_base_and_several_holders_are_found(stores: Stores) -> None:
    links = [Link("anna", "1", {"phone": Base(ONE, TWO)}), Link("bo", "2", {"phone": Base(TWO, None)})]
    stores.links.save(ORGANIZATION, links)
    assert list(stores.unique.holders(ORGANIZATION, "phone", ONE)) == ["anna"]
    assert sorted(stores.unique.holders(ORGANIZATION, "phone", TWO)) == ["anna", "bo"]


def test_a_rebuilt_index_forgets_what_the_links_no_longer_say(stores: Stores) -> None:
    stores.links.save(ORGANIZATION, [Link("anna", "1", {"phone": Base(ONE, ONE)})])
    stores.unique.rebuild(ORGANIZATION)
    stores.push.record(ORGANIZATION, Settled("bo", claims=(("phone", TWO),)))
    assert list(stores.unique.holders(ORGANIZATION, "phone", TWO)) == ["bo"]
    stores.links.save(ORGANIZATION, [Link("anna", "1", {"phone": Base(TWO, TWO)})])
    assert stores.unique.rebuild(ORGANIZATION) == 1
    assert list(stores.unique.holders(ORGANIZATION, "phone", ONE)) == []
    assert list(stores.unique.holders(ORGANIZATION, "phone", TWO)) == ["anna"]
    stores.unique.forget(ORGANIZATION)
    assert stores.unique.linked(ORGANIZATION) == 0


def test_the_index_costs_a_small_part_of_a_write_unit_a_person(aws: Aws, request: pytest.FixtureRequest) -> None:
    still = Clock()
    table = table_of(aws, request, still)
    links = DynamoLinks(table)
    for people in (150, 300):
        links.save(
            ORGANIZATION,
            [
                Link(
                    f"6f1c2a0e-0000-4000-8000-{number:012}",
                    str(number),
                    {name: Base(digest_of(number), digest_of(number)) for name in ("phone", "email")},
                )
                for number in range(people)
            ],
        )
        DynamoUniqueValues(table, links).rebuild(ORGANIZATION)
        items = list(table.every(f"ORG#{ORGANIZATION}", "UNIQUE#"))
        assert sum(-(-item_size(item) // 1024) for item in items) / people < 0.3


# -- the log, searched


def entry(at: int, person: str = "", *outcomes: Outcome) -> Activity:
    return Activity(
        NOW + at, "push", Cause.EVENT, person, person.title(), tuple(FieldOutcome("phone", o) for o in outcomes)
    )


def test_the_log_is_searched_by_person_and_outcome_newest_first(stores: Stores) -> None:
    entries = [
        entry(1, "anna", Outcome.DONE),
        entry(2, "bo", Outcome.DONE, Outcome.HELD),
        entry(3, "anna", Outcome.FAILED),
        entry(4),
        entry(5, "anna", Outcome.HELD),
        entry(6, "bo", Outcome.SKIPPED),
    ]
    for each in entries:
        stores.activity.append(ORGANIZATION, each)
    stores.activity.append(OTHER, entry(7, "anna", Outcome.HELD))

    def found(person: str = "", outcome: Outcome | None = None) -> list[int]:
        ats, after = [], ""
        while True:
            page = stores.activity.page(ORGANIZATION, after=after, limit=2, person=person, outcome=outcome)
            ats += [each.at - NOW for each in page.entries]
            after = page.after
            if not after:
                return ats

    assert found() == [6, 5, 4, 3, 2, 1]
    assert found("anna") == [5, 3, 1]
    assert found("nobody") == []
    assert found(outcome=Outcome.HELD) == [5, 2]
    assert found(outcome=Outcome.FAILED) == [3]
    assert found(outcome=Outcome.SKIPPED) == [6]
    assert found(outcome=Outcome.DONE) == [2, 1]
    assert found("anna", Outcome.HELD) == [5]
    assert found("bo", Outcome.DONE) == [2]


def test_a_rare_outcome_is_looked_for_in_a_limited_number_of_entries(
    aws: Aws, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activity_adapter, "_LOOKED_AT", 100)
    activity = DynamoActivity(table_of(aws, request, Clock()))
    for number in range(120):
        activity.append(ORGANIZATION, entry(number + 1, "anna", Outcome.HELD))
    activity.append(ORGANIZATION, entry(0, "anna", Outcome.FAILED))
    page = activity.page(ORGANIZATION, after="", limit=5, outcome=Outcome.FAILED)
    assert page.entries == ()
    assert page.after
    (found,) = activity.page(ORGANIZATION, after=page.after, limit=5, outcome=Outcome.FAILED).entries
    assert found.at == NOW
    with pytest.raises(BadRequest):
        activity.page(ORGANIZATION, after="x" * 2000, limit=5, person="anna")


# -- which organizations are connected


def test_an_organization_is_listed_from_when_it_may_be_usable_until_it_has_ended(stores: Stores) -> None:
    if not isinstance(stores.connections, DynamoConnections):
        pytest.skip("the fake knows its organizations")
    stores.connections.change(ORGANIZATION, {"company_name": "Exempel AB"})
    assert list(stores.connections.connected()) == []
    stores.connections.change(ORGANIZATION, {"state": ConnectionState.AWAITING_FIRST_SYNC})
    stores.connections.change(ORGANIZATION, {"state": ConnectionState.NEEDS_REAUTHORIZATION})
    stores.connections.change(OTHER, {"state": ConnectionState.ACTIVE}, only_from=(ConnectionState.DISCONNECTED,))
    assert list(stores.connections.connected()) == [ORGANIZATION, OTHER]
    stores.connections.change(OTHER, {"state": ConnectionState.DISCONNECTED})
    assert list(stores.connections.connected()) == [ORGANIZATION]
    stores.connections.change(ORGANIZATION, {"state": ConnectionState.DISCONNECTED, "reason": None})
    assert list(stores.connections.connected()) == []


# -- several writes as one


def test_several_writes_are_one_and_say_whose_condition_did_not_hold(aws: Aws, request: pytest.FixtureRequest) -> None:
    table = table_of(aws, request, Clock())
    one, two = {"pk": "a", "sk": "1", "n": 1}, {"pk": "a", "sk": "2", "n": 2}
    assert not table.transact([Write(item=one), Write(item=two)])
    missing = Write(key=("a", "3"), assign={"n": 3}, condition="#n = :n", values={"n": 0})
    assert table.transact([Write(key=("a", "1")), missing]) == {1}
    assert table.get("a", "1") == one
    assert table.transact([missing]) == {0}
    changed = Write(key=("a", "2"), assign={"n": 5}, condition="#n = :n", values={"n": 2})
    assert not table.transact([Write(key=("a", "1")), changed])
    assert (table.get("a", "1"), table.get("a", "2")) == (None, {**two, "n": 5})
    assert not table.transact([Write(key=("a", "2"), condition="#n = :n", values={"n": 5})])
    assert table.get("a", "2") is None
