"""The state table itself, and what the stores keep in it: what no fake can show."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError
from huma_fortnox.adapters.activity import DynamoActivity
from huma_fortnox.adapters.connections import DynamoConnections
from huma_fortnox.adapters.links import DynamoLinks
from huma_fortnox.adapters.sessions import DynamoSessions
from huma_fortnox.adapters.synchronizations import DynamoSynchronizations
from huma_fortnox.adapters.table import Table, Write
from huma_fortnox.domain.decisions import Direction
from huma_fortnox.domain.digest import keyed_digest
from huma_fortnox.domain.errors import BadRequest, Defect, TransientError
from huma_fortnox.domain.fields import read_employee, read_user
from huma_fortnox.domain.outcome import FieldOutcome, Outcome
from huma_fortnox.domain.people import Base, FieldSettings, Link
from huma_fortnox.domain.plan import plan
from huma_fortnox.domain.plan_json import person_to_json
from huma_fortnox.services.model import Activity, Cause, DecisionInput, PersonOutcome, Session
from huma_fortnox.services.ports import PendingAuthorization

from tests.contract.aws import Aws, Clock, Intercepted, mocked_aws, together
from tests.contract.strict_dynamodb import LARGEST_ITEM, RefusedByDynamoDB, item_size, strict, strictly
from tests.contract.test_stores import ADMINISTRATOR, ORGANIZATION, RUN, create_table, synchronization
from tests.unit.services import fakes


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    with mocked_aws() as mocked:
        yield mocked


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def name(aws: Aws, request: pytest.FixtureRequest) -> str:
    return create_table(aws, f"table-{abs(hash(request.node.name))}")


@pytest.fixture
def table(aws: Aws, clock: Clock, name: str) -> Table:
    return Table(strict(aws.dynamodb), name, clock=clock)


Around = Callable[[str, Callable[..., Any], dict[str, Any]], Any]


def intercepted(aws: Aws, name: str, clock: Clock, around: Around) -> Table:
    client: Any = Intercepted(aws.dynamodb, around)
    return Table(client, name, clock=clock)


def raw_items(aws: Aws, name: str) -> list[dict[str, Any]]:
    return list(aws.dynamodb.scan(TableName=name)["Items"])


# -- expiry by the clock


def test_an_item_is_gone_from_the_second_it_expires_though_it_is_still_there(
    aws: Aws, table: Table, clock: Clock, name: str
) -> None:
    table.put({"pk": "a", "sk": "1", "expires_at": int(clock.now) + 10})
    clock.now += 9.9
    assert table.get("a", "1")
    clock.now += 0.1
    assert table.get("a", "1") is None
    assert table.get_many([("a", "1")]) == []
    assert table.page("a") == ([], "")
    assert len(raw_items(aws, name)) == 1


def test_an_expired_item_can_be_written_anew_by_exactly_one(table: Table, clock: Clock) -> None:
    item = {"pk": "a", "sk": "1", "expires_at": int(clock.now) + 10}
    assert table.put_new(item)
    assert not table.put_new(item)
    clock.now += 10
    renewed = {**item, "expires_at": int(clock.now) + 10}
    assert sorted(together(*[lambda: table.put_new(renewed)] * 5)) == [False] * 4 + [True]


def test_an_item_that_never_expires_is_never_written_anew(table: Table) -> None:
    assert table.put_new({"pk": "a", "sk": "1"})
    assert not table.put_new({"pk": "a", "sk": "1"})


def test_expired_items_leave_no_hole_in_a_page(table: Table, clock: Clock) -> None:
    now = int(clock.now)
    for number in range(40):
        table.put({"pk": "a", "sk": f"{number:02d}", "expires_at": now + (1000 if number % 4 == 0 else 5)})
    clock.now += 10
    pages, after = [], ""
    while True:
        items, after = table.page("a", after=after, limit=4)
        pages.append([item["sk"] for item in items])
        if not after:
            break
    assert [sk for page in pages for sk in page] == [f"{number:02d}" for number in range(0, 40, 4)]
    assert [len(page) for page in pages[:-1]] == [4] * (len(pages) - 1)


# -- paging


def test_a_partition_larger_than_one_answer_of_dynamodb_is_read_to_the_end(table: Table) -> None:
    """A query answers at most 1 MB; what follows is asked for within the same page."""
    noise = random.Random(1).randbytes(200_000)
    for number in range(12):
        table.put({"pk": "a", "sk": f"{number:02d}", "data": noise})
    calls: list[str] = []

    def counting(operation: str, call: Callable[..., Any], arguments: dict[str, Any]) -> Any:
        calls.append(operation)
        answer = strictly(operation, call, arguments)
        if operation == "query" and len(answer["Items"]) > 5:
            # moto's own limit of 1 MB, should it lack one
            answer = {"Items": answer["Items"][:5], "LastEvaluatedKey": _key_of(answer["Items"][4])}
        return answer

    client: Any = Intercepted(table.client, counting)
    counted = Table(client, table.name, clock=table.clock)
    items, after = counted.page("a", limit=100)
    assert [item["sk"] for item in items] == [f"{number:02d}" for number in range(12)]
    assert after == ""
    assert calls.count("query") >= 3
    assert all(item["data"] == noise for item in items)


def _key_of(item: dict[str, Any]) -> dict[str, Any]:
    return {"pk": item["pk"], "sk": item["sk"]}


def test_a_page_goes_on_after_the_cursor_in_either_direction(table: Table) -> None:
    for number in range(5):
        table.put({"pk": "a", "sk": f"X#{number}"})
    table.put({"pk": "a", "sk": "Y#0"})
    table.put({"pk": "b", "sk": "X#9"})

    def read(**how: Any) -> list[str]:
        items, after = table.page("a", "X#", limit=2, **how)
        rest = table.page("a", "X#", limit=10, **{**how, "after": after})[0]
        return [item["sk"] for item in (*items, *rest)]

    assert read() == ["X#0", "X#1", "X#2", "X#3", "X#4"]
    assert read(newest_first=True) == ["X#4", "X#3", "X#2", "X#1", "X#0"]


@pytest.mark.parametrize("after", ["Y#0", "X", "nonsense", "X#" + "a" * 1100, "X#\ud800"])
def test_a_cursor_from_elsewhere_is_the_callers_mistake_and_not_the_tables(table: Table, after: str) -> None:
    table.put({"pk": "a", "sk": "X#0"})
    with pytest.raises(BadRequest):
        table.page("a", "X#", after=after)


@pytest.mark.parametrize("sk", ["x" * 1025, "å" * 513, "\ud800"])
def test_a_key_that_no_item_can_have_finds_nothing(table: Table, sk: str) -> None:
    assert table.get("a", sk) is None
    assert table.get_many([("a", sk)]) == []


# -- values


def test_values_come_back_as_plain_python(table: Table) -> None:
    item = {
        "pk": "a",
        "sk": "1",
        "text": "Åsa",
        "empty": "",
        "number": 12_345_678_901_234,
        "flag": True,
        "nothing": None,
        "bytes": b"\x00\xff",
        "nested": {"list": [1, None, {"deep": ""}], "name": "state"},
    }
    table.put(item)
    found = table.get("a", "1")
    assert found == item
    assert found is not None
    assert type(found["number"]) is int
    assert type(found["bytes"]) is bytes
    assert table.get_many([("a", "1")]) == [item]


@pytest.mark.parametrize("reserved", ["state", "name", "data", "at", "by", "value", "status", "ttl", "token"])
def test_any_attribute_may_have_a_reserved_name(table: Table, reserved: str) -> None:
    assert table.update("a", "1", assign={reserved: 1}) == {"pk": "a", "sk": "1", reserved: 1}
    assert table.update("a", "1", add={reserved: 2}, condition=f"#{reserved} = :before", values={"before": 1}) == {
        "pk": "a",
        "sk": "1",
        reserved: 3,
    }
    assert table.update("a", "1", assign={"other": 0}, remove=[reserved]) == {"pk": "a", "sk": "1", "other": 0}
    table.transact([Write(item={"pk": "a", "sk": "2"}), Write(key=("a", "1"), assign={reserved: "text"})])
    assert table.get("a", "1") == {"pk": "a", "sk": "1", "other": 0, reserved: "text"}


def test_the_check_for_names_that_are_not_aliased_would_notice_one(table: Table) -> None:
    with pytest.raises(RefusedByDynamoDB, match="not aliased"):
        table.update("a", "1", assign={"x": 1}, condition="state = :wanted", values={"wanted": 1})


# -- many at once


def test_more_items_than_a_batch_are_written_and_the_last_of_a_key_wins(table: Table) -> None:
    items = [{"pk": "a", "sk": f"{number % 60:02d}", "number": number} for number in range(130)]
    table.put({"pk": "b", "sk": "old"})
    table.write_many(items, delete=[("b", "old"), ("a", "00"), ("b", "never was")])
    assert {item["sk"]: item["number"] for item in table.every("a")} == {
        f"{number % 60:02d}": number for number in range(130) if number % 60
    }
    assert table.get("b", "old") is None
    table.write_many([])


def test_what_dynamodb_did_not_get_to_is_asked_for_again(
    aws: Aws, table: Table, clock: Clock, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huma_fortnox.adapters.table.time.sleep", lambda _seconds: None)
    table.write_many({"pk": "a", "sk": f"{number:03d}"} for number in range(5))

    def in_part(operation: str, call: Callable[..., Any], arguments: dict[str, Any]) -> Any:
        if operation not in ("batch_write_item", "batch_get_item"):
            return call(**arguments)
        requests = arguments["RequestItems"][name]
        if operation == "batch_write_item":
            call(RequestItems={name: requests[:2]})
            return {"UnprocessedItems": {name: requests[2:]} if requests[2:] else {}}
        keys = requests["Keys"]
        answer = call(RequestItems={name: {**requests, "Keys": keys[:2]}})
        left = {name: {**requests, "Keys": keys[2:]}} if keys[2:] else {}
        return {"Responses": answer["Responses"], "UnprocessedKeys": left}

    halting = intercepted(aws, name, clock, in_part)
    halting.write_many({"pk": "b", "sk": f"{number:03d}"} for number in range(9))
    assert len(list(table.every("b"))) == 9
    assert len(halting.get_many(("b", f"{number:03d}") for number in range(9))) == 9


def test_a_table_that_gets_to_nothing_is_an_outage(
    aws: Aws, clock: Clock, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huma_fortnox.adapters.table.time.sleep", lambda _seconds: None)

    def stuck(operation: str, _call: Callable[..., Any], arguments: dict[str, Any]) -> Any:
        kind = "UnprocessedItems" if operation == "batch_write_item" else "UnprocessedKeys"
        return {"Responses": {}, kind: arguments["RequestItems"]}

    halting = intercepted(aws, name, clock, stuck)
    with pytest.raises(TransientError):
        halting.write_many([{"pk": "a", "sk": "1"}])
    with pytest.raises(TransientError):
        halting.get_many([("a", "1")])


# -- both or none


def test_a_transaction_that_is_refused_writes_neither_item(aws: Aws, table: Table, clock: Clock, name: str) -> None:
    def interrupted(operation: str, call: Callable[..., Any], arguments: dict[str, Any]) -> Any:
        if operation != "transact_write_items":
            return call(**arguments)
        first = arguments["TransactItems"][0]["Put"]
        assert first["Item"]["pk"]["S"] == "a"
        raise cancelled("TransactionConflict")

    with pytest.raises(TransientError):
        intercepted(aws, name, clock, interrupted).transact(
            [Write(item={"pk": "a", "sk": "1"}), Write(key=("a", "2"), assign={"x": 1})]
        )
    assert raw_items(aws, name) == []


def cancelled(code: str) -> ClientError:
    return ClientError(
        {
            "Error": {"Code": "TransactionCanceledException", "Message": "cancelled"},
            "CancellationReasons": [{"Code": "None"}, {"Code": code}],
        },
        "TransactWriteItems",
    )


def test_an_outcome_and_its_link_are_one_write(aws: Aws, clock: Clock, name: str) -> None:
    calls: list[str] = []

    def noting(operation: str, call: Callable[..., Any], arguments: dict[str, Any]) -> Any:
        calls.append(operation)
        return strictly(operation, call, arguments)

    store = DynamoSynchronizations(intercepted(aws, name, clock, noting))
    done = (FieldOutcome("phone", Outcome.DONE, "fortnox"),)
    assert store.settle(ORGANIZATION, RUN, Link("1", "007", {"phone": Base("0a", "0b")}), done, seen=None)
    assert calls == ["update_item"]


# -- errors


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "names a value"}}, "Whichever")


OUTAGES = [
    refused("ProvisionedThroughputExceededException"),
    refused("InternalServerError"),
    refused("ThrottlingException"),
    refused("TransactionConflictException"),
    refused("RequestLimitExceeded"),
    ConnectTimeoutError(endpoint_url="https://dynamodb.example.com"),
]


def every_operation(table: Table) -> list[Callable[[], Any]]:
    return [
        lambda: table.get("a", "1"),
        lambda: table.get_many([("a", "1")]),
        lambda: table.put({"pk": "a", "sk": "1"}),
        lambda: table.put_new({"pk": "a", "sk": "1"}),
        lambda: table.update("a", "1", assign={"x": 1}),
        lambda: table.delete("a", "1"),
        lambda: table.page("a"),
        lambda: list(table.every("a")),
        lambda: table.write_many([{"pk": "a", "sk": "1"}]),
        lambda: table.transact([Write(item={"pk": "a", "sk": "1"}), Write(key=("a", "2"), assign={"x": 1})]),
    ]


@pytest.mark.parametrize("number", range(10))
@pytest.mark.parametrize(
    "outage", OUTAGES, ids=lambda error: getattr(error, "response", {}).get("Error", {}).get("Code")
)
def test_an_outage_is_transient_whatever_was_asked(aws: Aws, clock: Clock, outage: Exception, number: int) -> None:
    def failing(_operation: str, _call: Callable[..., Any], _arguments: dict[str, Any]) -> Any:
        raise outage

    operation = every_operation(intercepted(aws, "any", clock, failing))[number]
    with pytest.raises(TransientError) as caught:
        operation()
    assert caught.value.reason.code == "state-unavailable"
    assert "names a value" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("number", range(10))
@pytest.mark.parametrize("code", ["ValidationException", "AccessDeniedException"])
def test_what_no_repetition_can_mend_is_a_defect(aws: Aws, clock: Clock, code: str, number: int) -> None:
    def failing(_operation: str, _call: Callable[..., Any], _arguments: dict[str, Any]) -> Any:
        raise refused(code)

    with pytest.raises(Defect):
        every_operation(intercepted(aws, "any", clock, failing))[number]()


# -- what is kept


def test_no_secret_of_a_browser_is_kept_in_the_clear(aws: Aws, table: Table, name: str, clock: Clock) -> None:
    sessions = DynamoSessions(table)
    later = int(clock.now) + 100
    sessions.save_session(Session("the cookie itself", ADMINISTRATOR, "csrf", later))
    sessions.save_state("the state itself", PendingAuthorization(ADMINISTRATOR, "the cookie itself", "2026-01"))
    sessions.use_once("launch", "the jti itself", until=later)
    kept = repr(raw_items(aws, name))
    assert "itself" not in kept
    assert kept.count("expires_at") == 3


def test_everything_that_holds_people_expires(aws: Aws, table: Table, name: str, clock: Clock) -> None:
    runs, now = DynamoSynchronizations(table), int(clock.now)
    runs.begin(synchronization())
    runs.save_chunk(ORGANIZATION, RUN, "users", 0, [{"id": "1"}])
    runs.save_chunk(ORGANIZATION, RUN, "users", 0, [{"id": "1"}])
    runs.save_people(ORGANIZATION, RUN, [("differs", "u:1", {"key": "u:1"})])
    runs.save_decisions(ORGANIZATION, RUN, [DecisionInput(direction=Direction.LEAVE)], by="boss")
    runs.save_chunk(ORGANIZATION, RUN, "in_sync", 0, [{"key": "u:4"}], result=True)
    runs.begin_group(ORGANIZATION, RUN, 0, 0, {"u:1": {"phone": "fortnox"}})
    runs.end_group(ORGANIZATION, RUN, 0, 1, [PersonOutcome("u:2", "Elsa", ())])
    runs.settle(ORGANIZATION, RUN, Link("3", "3"), (), seen=None)
    DynamoActivity(table).append(ORGANIZATION, Activity(now * 1000, "push", Cause.EVENT))
    days = {
        (item["sk"]["S"].split("#")[0], (int(item["expires_at"]["N"]) - now) / 86400)
        for item in raw_items(aws, name)
        if "expires_at" in item
    }
    assert days == {
        ("LOCK", 31),
        ("SYNC", 90),
        ("CHUNK", 30),  # what was read, and what is to be applied
        ("CHUNK", 90),  # who agreed, by name
        ("PERSON", 30),
        ("DECISION", 30),
        ("OUTCOME", 90),
        ("ACTIVITY", 90),
    }
    lasting = {item["sk"]["S"] for item in raw_items(aws, name) if "expires_at" not in item}
    assert lasting == {"LINK#3"}
    DynamoLinks(table).forget(ORGANIZATION)
    DynamoConnections(table).change(ORGANIZATION, {"company_name": "Exempel AB"})
    lasting = {item["sk"]["S"] for item in raw_items(aws, name) if "expires_at" not in item}
    assert lasting == {"CONNECTION"}


def test_a_link_holds_no_value_of_its_person(aws: Aws, table: Table, name: str) -> None:
    DynamoLinks(table).save(ORGANIZATION, [Link("1", "007", {"phone": Base("digest", None)}, {"street": "Address1"})])
    (item,) = raw_items(aws, name)
    assert set(item) == {"pk", "sk", "employee_id", "layout", "b_phone"}


def test_a_page_of_people_that_differ_in_everything_fits_into_one_item(table: Table, aws: Aws, name: str) -> None:
    """500 employees are a page of Fortnox; as a batch they carry both sides and every change."""
    people = [person_to_json(person) for person in random_people(500)]
    assert len(people) == 500
    assert len(json.dumps(people)) > 3 * LARGEST_ITEM
    store = DynamoSynchronizations(table)
    store.save_chunk(ORGANIZATION, RUN, "batch", 0, {"kind": "pairs", "page": 1, "people": people})
    (item,) = raw_items(aws, name)
    assert item_size(item) < LARGEST_ITEM * 0.9
    assert store.chunk(ORGANIZATION, RUN, "batch", 0)["people"] == people  # type: ignore[index]


def random_people(count: int) -> Any:
    """Return planned people as unlike each other as people can be: all that compresses is the frame."""
    chance = random.Random(7)

    def word(length: int) -> str:
        return "".join(chance.choices("abcdefghijklmnopqrstuvwxyzåäö", k=length)).title()

    def digits(length: int) -> str:
        return "".join(chance.choices("0123456789", k=length))

    users, employees = [], []
    for number in range(count):
        user_id = f"{chance.getrandbits(128):032x}"
        email = f"{word(8)}.{word(10)}@example.com".lower()
        address = {"line1": f"{word(12)} {digits(2)}", "line2": word(8), "postalCode": f"1{digits(4)}", "city": word(9)}
        users.append(
            read_user(
                fakes.user_record(
                    user_id,
                    email=email,
                    given_name=word(7),
                    family_name=word(10),
                    phone=f"+4670{digits(7)}",
                    employment_id=digits(4),
                    address={**address, "country": "SE"},
                    account={"number": f"6{digits(12)}", "country": "SE"},
                    first_day=f"20{digits(2)}-01-{1 + number % 28:02d}",
                    last_day=f"2030-02-{1 + number % 28:02d}",
                )
            )
        )
        record = fakes.employee_record(
            f"{number:05d}",
            Email=email,
            FirstName=word(7),
            LastName=word(10),
            Phone1=f"070{digits(7)}",
            Address1=f"{word(12)} {digits(2)}",
            PostCode=f"2{digits(4)}",
            City=word(9),
            ClearingNo=f"8{digits(3)}",
            BankAccountNo=digits(10),
            EmploymentDate=f"20{digits(2)}-03-{1 + number % 28:02d}",
            EmployedTo=f"2031-04-{1 + number % 28:02d}",
        )
        employees.append(read_employee(record, FieldSettings()))
    found = plan(users, employees, digest=keyed_digest(b"key"))
    assert all(len(person.changes) >= 7 for person in found.people)
    return found.people
