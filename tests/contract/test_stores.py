"""What the use cases rely on of their stores, the same for the fakes of the unit tests and for DynamoDB."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest
from huma_fortnox.adapters.activity import DynamoActivity
from huma_fortnox.adapters.connections import DynamoConnections
from huma_fortnox.adapters.links import DynamoLinks
from huma_fortnox.adapters.sessions import DynamoSessions
from huma_fortnox.adapters.synchronizations import DynamoSynchronizations
from huma_fortnox.adapters.table import Table
from huma_fortnox.domain.creation import EmploymentDefaults
from huma_fortnox.domain.decisions import Decisions, Direction
from huma_fortnox.domain.outcome import FieldOutcome, Outcome, Reason
from huma_fortnox.domain.people import Base, FieldSettings, Link
from huma_fortnox.domain.plan_types import Situation
from huma_fortnox.services.model import (
    Activity,
    Cause,
    Connection,
    ConnectionState,
    DecisionInput,
    LinkedPerson,
    NewUserDefaults,
    OrganizationSettings,
    PersonOutcome,
    Recipient,
    Session,
    Synchronization,
    SynchronizationState,
    Thresholds,
)
from huma_fortnox.services.ports import PendingAuthorization

from tests.contract.aws import Aws, Clock, mocked_aws, together
from tests.contract.strict_dynamodb import strict
from tests.template.document import resources
from tests.unit.services import fakes

if TYPE_CHECKING:
    from huma_fortnox.services.ports import (
        ActivityStore,
        ConnectionStore,
        LinkStore,
        SessionStore,
        SynchronizationStore,
    )

ORGANIZATION = "6f1c2a0e-0000-4000-8000-000000000001"
OTHER = "6f1c2a0e-0000-4000-8000-000000000002"
ADMINISTRATOR = fakes.administrator(ORGANIZATION)
RUN = "run-1"


@dataclass
class Stores:
    """One of each store, over the same state and the same clock."""

    clock: Clock | fakes.Clock
    connections: ConnectionStore
    sessions: SessionStore
    synchronizations: SynchronizationStore
    links: LinkStore
    activity: ActivityStore


def create_table(aws: Aws, name: str = "from-the-template") -> str:
    """Create the state table with the keys that the template gives it."""
    properties = resources("AWS::DynamoDB::Table")["StateTable"]
    aws.dynamodb.create_table(
        TableName=name,
        KeySchema=properties["KeySchema"],
        AttributeDefinitions=properties["AttributeDefinitions"],
        GlobalSecondaryIndexes=properties["GlobalSecondaryIndexes"],
        BillingMode=properties["BillingMode"],
    )
    return name


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    with mocked_aws() as mocked:
        yield mocked


@pytest.fixture(params=["in memory", "on DynamoDB"])
def stores(request: pytest.FixtureRequest, aws: Aws) -> Stores:
    if request.param == "in memory":
        clock, links = fakes.Clock(), fakes.FakeLinks()
        return Stores(
            clock,
            fakes.FakeConnections(),
            fakes.FakeSessions(clock),
            fakes.FakeSynchronizations(clock, links),
            links,
            fakes.FakeActivity(),
        )
    still = Clock()
    name = create_table(aws, f"table-{request.node.name.encode().hex()[:200]}")
    table = Table(strict(aws.dynamodb), name, clock=still)
    return Stores(
        still,
        DynamoConnections(table),
        DynamoSessions(table),
        DynamoSynchronizations(table),
        DynamoLinks(table),
        DynamoActivity(table),
    )


def synchronization(run_id: str = RUN, organization_id: str = ORGANIZATION) -> Synchronization:
    return Synchronization(run_id, organization_id, SynchronizationState.READING, 1_800_000_000, ADMINISTRATOR)


@pytest.fixture
def running(stores: Stores) -> Stores:
    """The stores with one run under way."""
    assert stores.synchronizations.begin(synchronization()) == RUN
    return stores


# -- connections


def test_an_organization_nobody_knows_is_not_connected_and_has_the_usual_settings(stores: Stores) -> None:
    assert stores.connections.load(ORGANIZATION) == Connection(
        ORGANIZATION, ConnectionState.NOT_CONNECTED, OrganizationSettings(FieldSettings())
    )


def test_every_attribute_of_a_connection_comes_back_as_it_was_changed(stores: Stores) -> None:
    settings = OrganizationSettings(
        FieldSettings(phone_property="Phone2", default_region="NO", country_name="Norge"),
        EmploymentDefaults("TJM", "TV", "MAN"),
        create_automatically=True,
        bank_changes_an_hour=7,
        thresholds=Thresholds(1, 2, 3, 4),
        recipients=(Recipient("pay@example.se", "sv"), Recipient("chief@example.no", "nb")),
        new_users=NewUserDefaults("Kock", invite=True),
    )
    wanted = Connection(
        ORGANIZATION,
        ConnectionState.NEEDS_REAUTHORIZATION,
        settings,
        company_name="Exempel AB",
        company_number="556000-0000",
        tenant_id="007",
        connected_at=1,
        connected_by="Astrid Admin",
        notify=ADMINISTRATOR,
        terms_version="2026-01",
        terms_accepted_at=2,
        terms_accepted_by="Astrid Admin",
        reason=Reason("scope-missing", {"scopes": "salary"}),
        last_synchronization=RUN,
        active_since=3,
        has_huma_key=True,
        broken_since=4,
        paused_since=5,
        paused_by="Astrid Admin",
    )
    changes = {name: getattr(wanted, name) for name in Connection.__dataclass_fields__ if name != "organization_id"}
    assert stores.connections.change(ORGANIZATION, changes)
    assert stores.connections.load(ORGANIZATION) == wanted
    assert stores.connections.load(OTHER).state is ConnectionState.NOT_CONNECTED


def test_a_change_leaves_the_other_attributes_and_can_take_a_reason_back(stores: Stores) -> None:
    stores.connections.change(ORGANIZATION, {"company_name": "Exempel AB", "reason": Reason("scope-missing")})
    stores.connections.change(ORGANIZATION, {"reason": None, "tenant_id": "1"})
    found = stores.connections.load(ORGANIZATION)
    assert (found.company_name, found.tenant_id, found.reason) == ("Exempel AB", "1", None)


@pytest.mark.parametrize("before", [None, "company name only", ConnectionState.ACTIVE, ConnectionState.DISCONNECTED])
def test_a_change_from_a_state_happens_in_that_state_only(stores: Stores, before: ConnectionState | str | None) -> None:
    if isinstance(before, ConnectionState):
        stores.connections.change(ORGANIZATION, {"state": before})
    elif before:
        stores.connections.change(ORGANIZATION, {"company_name": before})
    allowed = (ConnectionState.NOT_CONNECTED, ConnectionState.ACTIVE)
    changed = stores.connections.change(ORGANIZATION, {"connected_by": "somebody"}, only_from=allowed)
    assert changed == (before is not ConnectionState.DISCONNECTED)
    assert (stores.connections.load(ORGANIZATION).connected_by == "somebody") == changed


def test_of_many_workers_who_find_the_consent_gone_one_is_the_first(stores: Stores) -> None:
    stores.connections.change(ORGANIZATION, {"state": ConnectionState.ACTIVE})

    def lose() -> bool:
        return stores.connections.change(
            ORGANIZATION,
            {"state": ConnectionState.NEEDS_REAUTHORIZATION},
            only_from=(ConnectionState.ACTIVE, ConnectionState.AWAITING_FIRST_SYNC),
        )

    assert sorted(together(*[lose] * 8)) == [False] * 7 + [True]


def test_a_company_belongs_to_the_first_who_claims_it_until_that_one_lets_go(stores: Stores) -> None:
    claim = stores.connections.claim_company
    won = together(*[lambda organization=each: claim("1", organization) for each in (ORGANIZATION, OTHER)])
    assert sorted(won) == [False, True]
    owner, loser = (ORGANIZATION, OTHER) if won[0] else (OTHER, ORGANIZATION)
    assert claim("1", owner)
    stores.connections.release_company("1", loser)
    assert not claim("1", loser)
    stores.connections.release_company("1", owner)
    stores.connections.release_company("never claimed", owner)
    assert claim("1", loser)


# -- sessions


def test_a_value_serves_once_for_its_kind_until_it_expires(stores: Stores) -> None:
    until = int(stores.clock.now) + 600
    results = together(*[lambda: stores.sessions.use_once("launch", "jti-1", until=until)] * 6)
    assert sorted(results) == [False] * 5 + [True]
    assert stores.sessions.was_used("launch", "jti-1")
    assert not stores.sessions.was_used("launch", "jti-2")
    assert stores.sessions.use_once("other", "jti-1", until=until)
    stores.clock.now = until - 1
    assert not stores.sessions.use_once("launch", "jti-1", until=until)
    stores.clock.now = until
    assert stores.sessions.use_once("launch", "jti-1", until=until + 600)


def session(stores: Stores, **changes: Any) -> Session:
    return replace(Session("cookie", ADMINISTRATOR, "csrf", int(stores.clock.now) + 100), **changes)


def test_a_session_lives_until_it_expires_by_the_clock_or_is_ended(stores: Stores) -> None:
    kept, ended = session(stores), session(stores, id="another")
    stores.sessions.save_session(kept)
    stores.sessions.save_session(ended)
    stores.sessions.end_session("another")
    stores.sessions.end_session("unknown")
    assert stores.sessions.session("another") is None
    assert stores.sessions.session("cookie") == kept
    stores.clock.now = kept.expires_at - 0.5
    assert stores.sessions.session("cookie") == kept
    stores.clock.now = kept.expires_at
    assert stores.sessions.session("cookie") is None


def pending(session_id: str = "mine") -> PendingAuthorization:
    return PendingAuthorization(ADMINISTRATOR, session_id, "2026-01")


def test_a_state_is_taken_once_however_many_come_with_it(stores: Stores) -> None:
    stores.sessions.save_state("state", pending())
    results = together(*[lambda: stores.sessions.take_state("state", "mine")] * 6)
    assert sorted(results, key=bool) == [None] * 5 + [pending()]


def test_a_foreign_session_neither_takes_a_state_nor_uses_it_up(stores: Stores) -> None:
    stores.sessions.save_state("state", pending())
    assert stores.sessions.take_state("state", "foreign") is None
    assert stores.sessions.take_state("another state", "mine") is None
    assert stores.sessions.take_state("state", "mine") == pending()


def test_a_state_asked_for_without_a_session_serves_in_any(stores: Stores) -> None:
    stores.sessions.save_state("state", pending(""))
    assert stores.sessions.take_state("state", "whichever") == pending("")


@pytest.mark.parametrize(("seconds", "taken"), [(599, True), (600, False)])
def test_a_state_lives_ten_minutes(stores: Stores, seconds: int, taken: bool) -> None:
    stores.sessions.save_state("state", pending())
    stores.clock.now += seconds
    assert (stores.sessions.take_state("state", "mine") is not None) == taken


# -- runs and their lock


def test_of_two_who_begin_at_once_one_has_the_lock_and_the_other_hears_of_it(stores: Stores) -> None:
    runs = [f"run-{number}" for number in range(4)]
    begin = stores.synchronizations.begin
    heard = together(*[lambda run=run: begin(synchronization(run)) for run in runs])
    winner = stores.synchronizations.running(ORGANIZATION)
    assert heard == [winner] * 4
    assert [run for run in runs if stores.synchronizations.load(ORGANIZATION, run)] == [winner]


def test_organizations_have_locks_of_their_own(running: Stores) -> None:
    assert running.synchronizations.begin(synchronization("elsewhere", OTHER)) == "elsewhere"
    assert running.synchronizations.running(ORGANIZATION) == RUN


def test_the_lock_is_kept_and_released_by_its_holder_alone(running: Stores) -> None:
    store = running.synchronizations
    assert store.keep_lock(ORGANIZATION, RUN)
    assert not store.keep_lock(ORGANIZATION, "another")
    store.unlock(ORGANIZATION, "another")
    assert store.running(ORGANIZATION) == RUN
    store.unlock(ORGANIZATION, RUN)
    store.unlock(ORGANIZATION, RUN)
    assert store.running(ORGANIZATION) == ""
    assert not store.keep_lock(ORGANIZATION, RUN)


def test_a_lock_outlasts_the_thirty_days_a_run_may_wait_and_then_expires(running: Stores) -> None:
    running.clock.now += 30 * 24 * 3600
    assert running.synchronizations.begin(synchronization("later")) == RUN
    running.clock.now += 24 * 3600
    assert running.synchronizations.running(ORGANIZATION) == ""
    assert running.synchronizations.begin(synchronization("later")) == "later"


def test_a_run_comes_back_as_it_was_begun_changed_and_counted(running: Stores) -> None:
    store = running.synchronizations
    assert store.load(ORGANIZATION, RUN) == synchronization()
    changes: dict[str, Any] = {
        "state": SynchronizationState.FAILED,
        "situations": {"differs": 2},
        "outcomes": {"done": 1},
        "finished_at": 5,
        "reason": Reason("unexpected", {"step": "plan"}),
    }
    assert store.change(ORGANIZATION, RUN, changes)
    store.count(ORGANIZATION, RUN, {"users_read": 50, "users_total": 60})
    store.count(ORGANIZATION, RUN, {"users_read": 10})
    found = store.load(ORGANIZATION, RUN)
    assert found == replace(synchronization(), **changes, progress={"users_read": 60, "users_total": 60})
    assert store.load(OTHER, RUN) is None
    assert store.load(ORGANIZATION, "unknown") is None


def test_concurrent_counts_all_count(running: Stores) -> None:
    together(*[lambda: running.synchronizations.count(ORGANIZATION, RUN, {"applied": 1})] * 12)
    found = running.synchronizations.load(ORGANIZATION, RUN)
    assert found is not None
    assert found.progress["applied"] == 12


def test_a_run_that_does_not_exist_is_never_changed_into_being(stores: Stores) -> None:
    assert not stores.synchronizations.change(ORGANIZATION, "unknown", {"finished_at": 1})
    assert stores.synchronizations.load(ORGANIZATION, "unknown") is None
    assert stores.synchronizations.token(ORGANIZATION, "unknown") == ""


def test_a_state_changes_from_the_named_states_only_and_once(running: Stores) -> None:
    store = running.synchronizations

    def leave() -> bool:
        return store.change(
            ORGANIZATION,
            RUN,
            {"state": SynchronizationState.APPLYING},
            only_from=(SynchronizationState.READING, SynchronizationState.PLANNING),
        )

    assert sorted(together(*[leave] * 5)) == [False] * 4 + [True]


@pytest.mark.parametrize("state", list(SynchronizationState))
def test_a_token_is_kept_only_by_a_run_that_still_waits(running: Stores, state: SynchronizationState) -> None:
    store = running.synchronizations
    store.change(ORGANIZATION, RUN, {"state": state})
    waits = state in (SynchronizationState.PLANNING, SynchronizationState.AWAITING_DECISIONS)
    assert store.save_token(ORGANIZATION, RUN, "task-token") == waits
    assert store.token(ORGANIZATION, RUN) == ("task-token" if waits else "")
    found = store.load(ORGANIZATION, RUN)
    assert found is not None
    assert found.state is (SynchronizationState.AWAITING_DECISIONS if waits else state)


# -- chunks


def test_chunks_come_back_in_order_by_name_and_say_whether_they_are_new(running: Stores) -> None:
    store = running.synchronizations
    people = [{"id": "å", "values": {"phone": None, "address": {"line1": "Gatan 1"}}}]
    assert store.save_chunk(ORGANIZATION, RUN, "users", 10, people)
    assert store.save_chunk(ORGANIZATION, RUN, "users", 2, [])
    assert store.save_chunk(ORGANIZATION, RUN, "users-total", 0, 51)
    assert not store.save_chunk(ORGANIZATION, RUN, "users", 2, [{"id": "again"}])
    assert list(store.chunks(ORGANIZATION, RUN, "users")) == [(2, [{"id": "again"}]), (10, people)]
    assert store.chunk(ORGANIZATION, RUN, "users-total", 0) == 51
    assert store.chunk(ORGANIZATION, RUN, "users", 3) is None


def test_more_chunks_than_a_page_of_the_table_come_back_all(running: Stores) -> None:
    store = running.synchronizations
    for number in range(520):
        store.save_chunk(ORGANIZATION, RUN, "users", number, number)
    assert [data for _, data in store.chunks(ORGANIZATION, RUN, "users")] == list(range(520))


# -- the plan


def planned(stores: Stores, *people: tuple[str, str]) -> None:
    stores.synchronizations.save_people(
        ORGANIZATION, RUN, [(situation, key, {"key": key, "situation": situation}) for situation, key in people]
    )


def every_page(stores: Stores, situation: str, limit: int) -> list[list[str]]:
    pages, after = [], ""
    while True:
        found, after = stores.synchronizations.people(ORGANIZATION, RUN, situation, after=after, limit=limit)
        pages.append([str(person["key"]) for person in found])
        if not after:
            return pages
        assert len(pages) < 100


def test_people_are_removed_from_the_plan(running: Stores) -> None:
    planned(running, ("blocked", "u:1"), ("blocked", "u:2"), ("differs", "u:1"))
    running.synchronizations.remove_people(ORGANIZATION, RUN, [("blocked", "u:1"), ("blocked", "u:unknown")])
    assert every_page(running, "", 10) == [["u:2", "u:1"]]


def test_the_plan_is_read_in_pages_each_person_once(running: Stores) -> None:
    differing = [("differs", f"u:{number:03d}") for number in range(60)]
    planned(running, *differing, ("blocked", "e:1"), ("only_in_huma", "u:900"), ("only_in_huma", "u:a#b"))
    pages = every_page(running, "differs", 25)
    assert [key for page in pages for key in page] == [key for _, key in differing]
    assert [len(page) for page in pages if page] == [25, 25, 10]
    everybody = Counter(key for page in every_page(running, "", 7) for key in page)
    assert everybody == Counter([*(key for _, key in differing), "e:1", "u:900", "u:a#b"])
    assert every_page(running, "ambiguous", 5) == [[]]


def test_a_situation_never_shows_the_people_of_another_that_begins_alike(running: Stores) -> None:
    planned(running, ("only_in_huma", "u:1"), ("only_in_huma_too", "u:2"))
    assert every_page(running, "only_in_huma", 10) == [["u:1"]]


def test_a_cursor_is_good_for_the_list_it_came_from(running: Stores) -> None:
    """Whatever else a caller sends gets a page or an ``IntegrationError``, never a failure of the table."""
    planned(running, ("differs", "u:1"), ("differs", "u:2"), ("only_in_huma", "u:3"))
    _, after = running.synchronizations.people(ORGANIZATION, RUN, "differs", after="", limit=1)
    found, _ = running.synchronizations.people(ORGANIZATION, RUN, "", after=after, limit=10)
    assert {person["key"] for person in found} == {"u:2", "u:3"}


def test_people_are_found_by_key_whatever_their_situation(running: Stores) -> None:
    planned(running, *[(situation.value, f"u:{situation.value}#1") for situation in Situation], ("differs", "e:01"))
    wanted = [f"u:{situation.value}#1" for situation in Situation] + ["e:01", "u:unknown", "e:1"]
    found = running.synchronizations.persons(ORGANIZATION, RUN, wanted)
    assert set(found) == set(wanted) - {"u:unknown", "e:1"}
    assert all(person["key"] == key for key, person in found.items())
    assert running.synchronizations.persons(ORGANIZATION, RUN, []) == {}


def test_many_people_are_found_by_key(running: Stores) -> None:
    people = [("differs", f"u:{number}") for number in range(130)]
    planned(running, *people)
    assert len(running.synchronizations.persons(ORGANIZATION, RUN, [key for _, key in people])) == 130


def test_saving_a_plan_again_changes_nothing(running: Stores) -> None:
    for _ in range(2):
        planned(running, *[("differs", f"u:{number}") for number in range(30)])
    assert len(every_page(running, "", 100)[0]) == 30


# -- decisions


def decide(stores: Stores, *decisions: DecisionInput) -> Decisions:
    stores.synchronizations.save_decisions(ORGANIZATION, RUN, decisions, by="boss")
    return stores.synchronizations.decisions(ORGANIZATION, RUN)


def test_every_kind_of_decision_comes_back_even_with_signs_in_its_ids(running: Stores) -> None:
    found = decide(
        running,
        DecisionInput(direction=Direction.LEAVE),
        DecisionInput(direction=Direction.USE_HUMA, field="phone"),
        DecisionInput(direction=Direction.USE_FORTNOX, field="phone", person="u:a#b"),
        DecisionInput(direction=Direction.USE_HUMA, field="first_day", person="e:1#2#3"),
        DecisionInput(create=True, person="e:00#7"),
        DecisionInput(create=False, person="u:1"),
        DecisionInput(same_person=True, user_id="a#b", employee_id="c#d"),
        DecisionInput(same_person=False, user_id="a", employee_id="b#c#d"),
        DecisionInput(same_person=True, user_id="50%23", employee_id="1"),
    )
    assert found == Decisions(
        everything=Direction.LEAVE,
        fields={"phone": Direction.USE_HUMA},
        changes={("u:a#b", "phone"): Direction.USE_FORTNOX, ("e:1#2#3", "first_day"): Direction.USE_HUMA},
        creations={"e:00#7": True, "u:1": False},
        pairs={("a#b", "c#d"): True, ("a", "b#c#d"): False, ("50%23", "1"): True},
    )


def test_no_decision_is_kept_once_a_run_is_carried_out_or_over(running: Stores) -> None:
    store, state = running.synchronizations, SynchronizationState
    kept = decide(running, DecisionInput(direction=Direction.LEAVE))
    for after in (state.APPLYING, state.FINISHED, state.CANCELLED, state.FAILED):
        store.change(ORGANIZATION, RUN, {"state": after})
        assert not store.save_decisions(ORGANIZATION, RUN, [DecisionInput(direction=Direction.USE_HUMA)], by="boss")
    assert not store.save_decisions(ORGANIZATION, "unknown", [DecisionInput(direction=Direction.LEAVE)], by="boss")
    assert store.decisions(ORGANIZATION, RUN) == kept


def test_a_run_moves_on_only_while_nobody_has_decided_anything_since(running: Stores) -> None:
    store, applying = running.synchronizations, {"state": SynchronizationState.APPLYING}

    def decided() -> str:
        run = store.load(ORGANIZATION, RUN)
        assert run is not None
        return run.decided

    assert decided() == ""
    decide(running, DecisionInput(direction=Direction.LEAVE))
    first = decided()
    decide(running, DecisionInput(direction=Direction.LEAVE))
    assert len({"", first, decided()}) == 3
    assert not store.change(ORGANIZATION, RUN, applying, decided="")
    assert not store.change(ORGANIZATION, RUN, applying, decided=first)
    assert store.change(ORGANIZATION, RUN, applying, decided=decided())


def test_a_run_about_which_nobody_decided_moves_on(running: Stores) -> None:
    assert running.synchronizations.change(ORGANIZATION, RUN, {"state": SynchronizationState.APPLYING}, decided="")


def test_the_last_decision_of_a_kind_counts_and_one_can_be_taken_back(running: Stores) -> None:
    phone = DecisionInput(direction=Direction.USE_HUMA, field="phone", person="u:1")
    overall = DecisionInput(direction=Direction.USE_HUMA)
    assert decide(running, phone, replace(phone, direction=Direction.LEAVE)).changes == {
        ("u:1", "phone"): Direction.LEAVE
    }
    assert decide(running, phone, overall).everything is Direction.USE_HUMA
    found = decide(running, replace(phone, direction=None), replace(overall, direction=None))
    assert found == Decisions()
    assert decide(running, replace(phone, direction=None)) == Decisions()


def test_keeping_the_same_decisions_again_changes_nothing(running: Stores) -> None:
    decisions = [DecisionInput(create=True, person=f"u:{number}") for number in range(260)]
    assert decide(running, *decisions) == decide(running, *decisions)
    assert len(running.synchronizations.decisions(ORGANIZATION, RUN).creations) == 260


def test_a_run_without_decisions_has_none(running: Stores) -> None:
    assert running.synchronizations.decisions(ORGANIZATION, RUN) == Decisions()


# -- outcomes, links and bases


def outcome(key: str = "u:1", *fields: FieldOutcome) -> PersonOutcome:
    return PersonOutcome(key, "Elsa Exempel", fields or (FieldOutcome("phone", Outcome.DONE, "fortnox"),))


def test_a_group_is_begun_as_often_as_it_takes_and_ends_once(running: Stores) -> None:
    store = running.synchronizations
    assert store.groups(ORGANIZATION, RUN, 3) == {}
    assert [store.begin_group(ORGANIZATION, RUN, 3, 7, {"u:1": {"phone": "fortnox"}}) for _ in range(3)] == [1, 2, 3]
    assert store.begin_group(ORGANIZATION, RUN, 3, 8, {"e:2#2": {"person": "huma"}}) == 1
    assert store.begin_group(ORGANIZATION, RUN, 4, 7, {}) == 1
    assert store.groups(ORGANIZATION, RUN, 3) == {7: False, 8: False}
    assert store.outcomes(ORGANIZATION, RUN, after="", limit=10) == ([], "")
    assert store.end_group(ORGANIZATION, RUN, 3, 7, [outcome()])
    assert not store.end_group(ORGANIZATION, RUN, 3, 7, [outcome()])
    assert store.groups(ORGANIZATION, RUN, 3) == {7: True, 8: False}
    assert store.outcomes(ORGANIZATION, RUN, after="", limit=10) == ([outcome()], "")


def test_a_group_of_which_nothing_was_to_be_written_ends_without_a_beginning(running: Stores) -> None:
    assert running.synchronizations.end_group(ORGANIZATION, RUN, 0, 0, [outcome()])
    assert running.synchronizations.groups(ORGANIZATION, RUN, 0) == {0: True}


def test_an_outcome_comes_back_with_all_it_says(running: Stores) -> None:
    told = outcome(
        "e:007",
        FieldOutcome("phone", Outcome.HELD, "fortnox", Reason("duplicate-in-huma", {"field": "phone"})),
        FieldOutcome("person", Outcome.SKIPPED),
    )
    running.synchronizations.end_group(ORGANIZATION, RUN, 0, 0, [told])
    assert running.synchronizations.outcomes(ORGANIZATION, RUN, after="", limit=10) == ([told], "")


@pytest.mark.parametrize("limit", [1, 3, 5, 7, 12, 100])
def test_outcomes_are_read_in_pages_each_person_once(running: Stores, limit: int) -> None:
    store = running.synchronizations
    keys = [f"u:{number:02d}" for number in range(29)]
    for group, size in enumerate((5, 1, 0, 12, 7, 4)):
        some, keys = keys[:size], keys[size:]
        store.begin_group(ORGANIZATION, RUN, group // 2, group + 1, {"u:unfinished": {"phone": "fortnox"}})
        store.end_group(ORGANIZATION, RUN, group // 2, group + 1, [outcome(key) for key in some])
    store.begin_group(ORGANIZATION, RUN, 9, 0, {"u:unfinished": {"phone": "fortnox"}})
    found, after, pages = [], "", 0
    while pages < 100:
        people, after = store.outcomes(ORGANIZATION, RUN, after=after, limit=limit)
        assert len(people) <= limit
        found += [person.key for person in people]
        pages += 1
        if not after:
            break
    assert found == [f"u:{number:02d}" for number in range(29)]


def test_what_a_run_settles_stands_with_the_link_and_is_told_to_that_run_alone(running: Stores) -> None:
    store, link = running.synchronizations, Link("1", "007", {"phone": Base("0a", "0b")}, {"street": "Address1"})
    done = (FieldOutcome("phone", Outcome.DONE, "fortnox"),)
    assert store.linked(ORGANIZATION, RUN, ["1"]) == {}
    assert store.settle(ORGANIZATION, RUN, link, done, seen=None)
    assert running.links.link(ORGANIZATION, "1") == link
    assert store.linked(ORGANIZATION, RUN, ["1", "2"]) == {"1": LinkedPerson(link, done)}
    assert store.linked(ORGANIZATION, "another", ["1"]) == {"1": LinkedPerson(link)}
    assert running.links.of_users(ORGANIZATION, ["1", "2"]) == {"1": link}


def test_a_run_keeps_the_bases_it_does_not_settle(running: Stores) -> None:
    store = running.synchronizations
    first = Link("1", "007", {"phone": Base("0a", "0b"), "email": Base("0c", None)}, {"street": "Address1"})
    running.links.save(ORGANIZATION, [first])
    second = Link("1", "007", {"phone": Base("0d", "0e"), "email": Base("0c", None)}, {"street": "Address2"})
    pushed = replace(first, bases={"email": Base("0f", "0f")})
    running.links.move_bases(ORGANIZATION, pushed, ["email"])
    assert store.settle(ORGANIZATION, RUN, second, [], seen=first)
    assert running.links.link(ORGANIZATION, "1") == Link(
        "1", "007", {"phone": Base("0d", "0e"), "email": Base("0f", "0f")}, {"street": "Address2"}
    )


def test_a_run_settles_nothing_over_a_base_that_moved_meanwhile(running: Stores) -> None:
    store, first = running.synchronizations, Link("1", "007", {"phone": Base("0a", "0b"), "email": Base("0c", "0c")})
    running.links.save(ORGANIZATION, [first])
    running.links.move_bases(ORGANIZATION, replace(first, bases={"phone": Base("0f", "0f")}), ["phone"])
    kept = running.links.link(ORGANIZATION, "1")
    done = (FieldOutcome("phone", Outcome.DONE, "fortnox"),)
    for bases in ({"phone": Base("0d", "0d")}, {"phone": Base("0d", "0d"), "email": Base("0d", "0d")}):
        assert not store.settle(ORGANIZATION, RUN, replace(first, bases=bases), done, seen=first)
    for unseen in (None, replace(first, bases={})):
        assert not store.settle(ORGANIZATION, RUN, replace(first, bases={"phone": Base("0d", "0d")}), done, seen=unseen)
    assert running.links.link(ORGANIZATION, "1") == kept
    assert store.linked(ORGANIZATION, RUN, ["1"])["1"].outcomes is None


def test_what_a_run_wrote_is_not_settled_where_a_push_moved_its_base_even_back_to_what_it_is_now(
    running: Stores,
) -> None:
    store, first = running.synchronizations, Link("1", "007", {"phone": Base("0a", "0a"), "email": Base("0c", "0c")})
    running.links.save(ORGANIZATION, [first])
    running.links.move_bases(ORGANIZATION, replace(first, bases={"phone": Base("0f", "0f")}), ["phone"])
    assert not store.settle(ORGANIZATION, RUN, first, [], seen=first, wrote={"phone"})
    assert store.settle(ORGANIZATION, RUN, first, [], seen=first, wrote={"email"})


@pytest.mark.parametrize("kept", [None, Link("1", "008")])
def test_a_run_never_brings_back_a_link_that_is_gone_or_another_by_now(running: Stores, kept: Link | None) -> None:
    if kept:
        running.links.save(ORGANIZATION, [kept])
    link = Link("1", "007", {"phone": Base("0d", "0d")})
    assert not running.synchronizations.settle(ORGANIZATION, RUN, link, [], seen=replace(link, bases={}))
    assert running.links.link(ORGANIZATION, "1") == kept


def test_of_workers_that_settle_one_person_at_once_one_does(running: Stores) -> None:
    def settle(name: str) -> bool:
        return running.synchronizations.settle(
            ORGANIZATION, RUN, Link("1", "007", {"phone": Base(name, name)}), [], seen=None
        )

    assert sorted(together(*[lambda name=name: settle(name) for name in ("0a", "0b", "0c")])) == [False, False, True]


def test_a_push_moves_the_bases_of_its_own_fields_and_no_others(stores: Stores) -> None:
    link = Link("1", "007", {"phone": Base("old", "old"), "email": Base("old", "old")})
    stores.links.save(ORGANIZATION, [link])
    seen_by_push = replace(
        link, bases={"phone": Base("new", "new"), "email": Base("stale", "stale")}, layout={"a": "b"}
    )
    stores.links.move_bases(ORGANIZATION, seen_by_push, ["phone"])
    assert stores.links.link(ORGANIZATION, "1") == Link(
        "1", "007", {"phone": Base("new", "new"), "email": Base("old", "old")}, {"a": "b"}
    )


@pytest.mark.parametrize("kept", [None, Link("1", "008")])
def test_a_push_never_brings_back_a_link_that_is_gone_or_another_by_now(stores: Stores, kept: Link | None) -> None:
    if kept:
        stores.links.save(ORGANIZATION, [kept])
    stores.links.move_bases(ORGANIZATION, Link("1", "007", {"phone": Base("new", "new")}), ["phone"])
    assert stores.links.link(ORGANIZATION, "1") == kept


def test_a_run_and_a_push_that_settle_different_fields_at_once_both_last(running: Stores) -> None:
    names = [f"field{number}" for number in range(6)]
    running.links.save(ORGANIZATION, [Link("1", "007")])

    def settle(name: str) -> None:
        link = Link("1", "007", {name: Base(name, name)})
        if int(name[-1]) % 2:
            assert running.synchronizations.settle(ORGANIZATION, RUN, link, [], seen=Link("1", "007"))
        else:
            running.links.move_bases(ORGANIZATION, link, [name])

    assert together(*[lambda name=name: settle(name) for name in names]) == [None] * 6
    link = running.links.link(ORGANIZATION, "1")
    assert link is not None
    assert set(link.bases) == set(names)


def test_forgetting_takes_all_links_of_the_organization_and_nothing_else(stores: Stores) -> None:
    stores.connections.change(ORGANIZATION, {"company_name": "Exempel AB"})
    stores.links.save(ORGANIZATION, [Link(f"user-{number:04d}", str(number)) for number in range(60)])
    stores.links.save(OTHER, [Link("user-0001", "1")])
    assert [link.employee_id for link in stores.links.links(ORGANIZATION)] == [str(number) for number in range(60)]
    stores.links.forget(ORGANIZATION)
    stores.links.forget(ORGANIZATION)
    assert list(stores.links.links(ORGANIZATION)) == []
    assert [link.user_id for link in stores.links.links(OTHER)] == ["user-0001"]
    assert stores.connections.load(ORGANIZATION).company_name == "Exempel AB"


# -- the log


def test_the_log_is_read_newest_first_in_pages(stores: Stores) -> None:
    start = int(stores.clock.now) * 1000
    for number in range(25):
        stores.activity.append(ORGANIZATION, Activity(start + number, f"kind-{number}", Cause.EVENT))
    stores.activity.append(OTHER, Activity(start, "elsewhere", Cause.EVENT))
    kinds, after, pages = [], "", 0
    while pages < 20:
        page = stores.activity.page(ORGANIZATION, after=after, limit=10)
        kinds += [entry.kind for entry in page.entries]
        after, pages = page.after, pages + 1
        if not after:
            break
    assert kinds == [f"kind-{number}" for number in reversed(range(25))]


def test_an_entry_comes_back_with_all_it_says(stores: Stores) -> None:
    entry = Activity(
        at=int(stores.clock.now) * 1000 + 7,
        kind="push",
        cause=Cause.EVENT,
        person="user-1",
        name="Elsa Exempel",
        outcomes=(FieldOutcome("phone", Outcome.HELD, "fortnox", Reason("removed-in-huma")),),
        reason=Reason("consent-needed"),
        actor="Astrid Admin",
        delay_ms=1200,
    )
    plain = Activity(entry.at + 1, "connected", Cause.ADMINISTRATOR)
    stores.activity.append(ORGANIZATION, entry)
    stores.activity.append(ORGANIZATION, plain)
    assert stores.activity.page(ORGANIZATION, after="", limit=10).entries == (plain, entry)


def test_two_entries_of_one_millisecond_are_both_kept(stores: Stores) -> None:
    at = int(stores.clock.now) * 1000
    for kind in ("one", "two"):
        stores.activity.append(ORGANIZATION, Activity(at, kind, Cause.EVENT))
    assert {entry.kind for entry in stores.activity.page(ORGANIZATION, after="", limit=10).entries} == {"one", "two"}
