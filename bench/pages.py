"""How long the pages take with many people: each page of a large organization against the same page of a small one.

The pages are asked for as API Gateway asks for them, in this process, and their server time is processor time, so that
other work on the machine does not count. The state table is a stand-in whose reads take as long for many items as for
few, as DynamoDB's do; what a page reads, unpacks, works out and renders is all in the time. Organizations of both sizes
are made the same way: of ten people five differ in everything, four agree and one stands apart; decisions for whole
fields and for single people are made; log, held values and results grow with the people.

Lists have ten rows a page, for both: a hundred people would not fill the fifty that are usual, and it is the number of
people that is measured, not how full a page is. What does not depend on it weighs more in a short page, not less.
Each page is asked for once before it is measured. The summary that follows a decision goes through everybody who is
not in agreement: that is measured apart, and so is what the process keeps of ten thousand people in its memory.
"""

from __future__ import annotations

import bisect
import gc
import json
import statistics
import time
import tracemalloc
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
from aws_lambda_powertools.utilities.typing import LambdaContext
from huma_fortnox.adapters.activity import activity_item
from huma_fortnox.adapters.held import held_item
from huma_fortnox.bootstrap import Application
from huma_fortnox.domain.decisions import Direction
from huma_fortnox.domain.fields import read_employee, read_user
from huma_fortnox.domain.outcome import FieldOutcome, Outcome, Reason
from huma_fortnox.domain.people import FieldSettings
from huma_fortnox.domain.plan_types import Situation
from huma_fortnox.services.model import (
    Activity,
    Administrator,
    Cause,
    ConnectionState,
    DecisionInput,
    OrganizationSettings,
    PersonOutcome,
    Session,
    Synchronization,
    SynchronizationState,
)
from huma_fortnox.services.ports import HumaAccess
from huma_fortnox.services.real_time import HeldField, HeldPerson
from huma_fortnox.services.result import keep_by_outcome
from huma_fortnox.services.snapshot import EMPLOYEES, USERS, employees_to_json, users_to_json
from huma_fortnox.settings import Settings
from huma_fortnox.web import active_pages, differences_page, new_people_page, result_pages
from huma_fortnox.web.app import build
from moto import mock_aws

from bench.core import different_employee_record, employee_record, user_record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from huma_fortnox.web.routing import Resolver

FEW, MANY = 100, 10_000
ROUNDS, ROWS = 15, 10
GOAL = 1.5
AFTER_DECISION_MS, KEPT_MB = 1000, 20
TABLE, PREFIX = "state", "huma-fortnox/bench/organizations"
ORGANIZATION = "6f1f2a40-5d0b-4c53-9c6b-2a7f8f0f3b11"
WAITING, OVER = "a" * 32, "b" * 32
HOME = "/integrations/fortnox"
COOKIE = "a-session"

BOSS = Administrator(ORGANIZATION, "boss", "Astrid Exempel", "astrid.exempel@example.com", "en")
_DIFFERS = Situation.DIFFERS
_REASON = Reason("phone-invalid")

PAGES = {
    "overview": HOME,
    "settings": f"{HOME}/settings",
    "activity": f"{HOME}/activity",
    "activity_of_outcome": f"{HOME}/activity?outcome=held",
    "step1": f"{HOME}/synchronizations/{WAITING}/differences",
    "step1_next": f"{HOME}/synchronizations/{WAITING}/differences?situation=differs&after=@after",
    "step1_of_field": f"{HOME}/synchronizations/{WAITING}/differences?situation=differs&field=phone",
    "step1_of_name": f"{HOME}/synchronizations/{WAITING}/differences?situation=differs&name=Anna",
    "step1_in_sync": f"{HOME}/synchronizations/{WAITING}/differences?situation=in_sync",
    "step2": f"{HOME}/synchronizations/{WAITING}/new-people",
    "summary": f"{HOME}/synchronizations/{WAITING}/summary",
    "result": f"{HOME}/synchronizations/{OVER}/result",
    "result_everybody": f"{HOME}/synchronizations/{OVER}/result?outcome=all",
}
"""The pages, by the name of their figure."""


class QuickTable:
    """A DynamoDB client whose reads are answered from sorted keys, once everything has been written.

    What is written after that is looked up and kept as well.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self._items: dict[str, dict[str, Any]] = defaultdict(dict)
        self._sorted: dict[str, list[str]] = {}

    def __getattr__(self, operation: str) -> Any:
        quick = {
            "get_item": self._get,
            "batch_get_item": self._get_many,
            "query": self._query,
            "put_item": self._put,
            "transact_write_items": self._transact,
        }
        return quick[operation] if self._sorted and operation in quick else getattr(self._client, operation)

    def remember(self) -> None:
        """Read everything once."""
        for page in self._client.get_paginator("scan").paginate(TableName=TABLE):
            for item in page["Items"]:
                self._items[item["pk"]["S"]][item["sk"]["S"]] = item
        self._sorted = {pk: sorted(items) for pk, items in self._items.items()}

    def _put(self, *, Item: Any, **more: Any) -> Any:
        """Write an item."""
        answer = self._client.put_item(Item=Item, **more)
        self._look(Item)
        return answer

    def _transact(self, *, TransactItems: Any, **more: Any) -> Any:
        """Write several items together."""
        answer = self._client.transact_write_items(TransactItems=TransactItems, **more)
        for write in TransactItems:
            ((_, each),) = write.items()
            self._look(each.get("Item") or each["Key"])
        return answer

    def _look(self, item: Any) -> None:
        """Take in what stands at an item's key now."""
        key = {name: item[name] for name in ("pk", "sk")}
        pk, sk = key["pk"]["S"], key["sk"]["S"]
        found = self._client.get_item(TableName=TABLE, Key=key).get("Item")
        if found:
            self._items[pk][sk] = found
        else:
            self._items[pk].pop(sk, None)
        self._sorted[pk] = sorted(self._items[pk])

    def _get(self, *, Key: Any, **_: Any) -> dict[str, Any]:
        """Answer one item."""
        found = self._items.get(Key["pk"]["S"], {}).get(Key["sk"]["S"])
        return {"Item": found} if found else {}

    def _get_many(self, *, RequestItems: Any) -> dict[str, Any]:
        """Answer several items."""
        keys = RequestItems[TABLE]["Keys"]
        found = [self._get(Key=key).get("Item") for key in keys]
        return {"Responses": {TABLE: [item for item in found if item]}}

    def _query(self, *, Limit: int, ExpressionAttributeValues: Any, **more: Any) -> dict[str, Any]:
        """Answer a page of one partition; the index of what is not done is looked through as the table is."""
        values = ExpressionAttributeValues
        pk, prefix = (values.get(":pk") or values[":value"])["S"], values.get(":prefix", {"S": ""})["S"]
        keys = self._sorted.get(pk, [])
        first, last = bisect.bisect_left(keys, prefix), bisect.bisect_left(keys, prefix + "\U0010ffff")
        forward, start = more.get("ScanIndexForward", True), more.get("ExclusiveStartKey")
        if start and forward:
            first = bisect.bisect_right(keys, start["sk"]["S"])
        elif start:
            last = bisect.bisect_left(keys, start["sk"]["S"])
        wanted = keys[first:last][:Limit] if forward else keys[max(first, last - Limit) : last][::-1]
        items = [self._items[pk][sk] for sk in wanted]
        more_there = len(wanted) < last - first
        return {"Items": items} | (
            {"LastEvaluatedKey": {"pk": {"S": pk}, "sk": {"S": wanted[-1]}}} if more_there else {}
        )


class UnderWay:
    """A Step Functions client whose executions run on."""

    def describe_execution(self, **_: Any) -> dict[str, str]:
        """Answer how an execution fares."""
        return {"status": "RUNNING"}


@dataclass(frozen=True)
class Organization:
    """An organization of some size with its pages; ``after`` is where the second page of step 1 begins."""

    app: Resolver
    application: Application
    after: str

    def seconds(self, page: str) -> float:
        """Ask for a page, and return the processor time it took."""
        path, _, query = PAGES[page].replace("@after", self.after).partition("?")
        event = {
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": path,
            "rawQueryString": query,
            "cookies": [f"huma_fortnox_session={COOKIE}"],
            "headers": {"accept-encoding": "gzip"},
            "requestContext": {"http": {"method": "GET", "path": path}, "stage": "$default", "requestId": "1"},
            "isBase64Encoded": False,
        }
        began = time.process_time()
        answer = self.app.resolve(event, LambdaContext())
        took = time.process_time() - began
        if answer["statusCode"] != 200:
            raise RuntimeError(f"{page}: {answer['statusCode']} {answer['body']}")
        return took

    def decide(self, direction: Direction) -> None:
        """Decide something; what was worked out before no longer holds."""
        decisions = [DecisionInput(direction=direction, field="first_day")]
        assert self.application.synchronization_store.save_decisions(ORGANIZATION, WAITING, decisions, by=BOSS.user_id)


@contextmanager
def organization(people: int) -> Iterator[Organization]:
    """Make an organization with so many people."""
    with mock_aws():
        options = {"region_name": "eu-north-1", "aws_access_key_id": "x", "aws_secret_access_key": "x"}
        clients = {name: boto3.client(name, **options) for name in ("dynamodb", "secretsmanager")}  # type: ignore[call-overload]
        clients["dynamodb"].create_table(
            TableName=TABLE,
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
            BillingMode="PAY_PER_REQUEST",
        )
        quick = QuickTable(clients["dynamodb"])
        made = {**clients, "dynamodb": quick, "stepfunctions": UnderWay()}
        application = Application(_settings(), clients=made.get)
        _connect(application)
        _wait_for_decisions(application, people)
        _end(application, people)
        _work(application, people)
        quick.remember()
        page = application.synchronizations.people(ORGANIZATION, WAITING, situation=_DIFFERS, after="", limit=10)
        yield Organization(build(application.web), application, page.after)


def _settings() -> Settings:
    address = "https://bench.example.com"
    return Settings(
        public_url=address,
        table=TABLE,
        secret_prefix=PREFIX,
        fortnox_app_secret="app",
        fortnox_api_url=address,
        fortnox_auth_url=address,
        huma_api_url=address,
        huma_issuer=address,
        huma_jwks_url=address,
        lane_url=address,
        state_machine="arn",
    )


def _connect(application: Application) -> None:
    now = int(time.time())
    application.vault.save_huma(ORGANIZATION, HumaAccess("id", "secret", "shared"))
    application.connection_store.change(
        ORGANIZATION,
        {
            "state": ConnectionState.ACTIVE,
            "settings": OrganizationSettings(FieldSettings()),
            "company_name": "Exempelbolaget AB",
            "company_number": "400000-0002",
            "tenant_id": "1",
            "connected_at": now,
            "connected_by": BOSS.name,
            "active_since": now,
            "has_huma_key": True,
            "last_synchronization": OVER,
        },
    )
    application.session_store.save_session(Session(COOKIE, BOSS, "token", now + 8 * 3600))


def _run(application: Application, run_id: str, people: int) -> None:
    run = Synchronization(run_id, ORGANIZATION, SynchronizationState.READING, int(time.time()), BOSS)
    application.synchronization_store.begin(run)
    progress = dict.fromkeys(("users_read", "users_total", "employees_read", "employees_total"), people)
    application.synchronization_store.change(ORGANIZATION, run_id, {"progress": progress})


def _wait_for_decisions(application: Application, people: int) -> None:
    """Bring a run to where somebody decides, with some decisions made."""
    store = application.synchronization_store
    _run(application, WAITING, people)
    for page, start in enumerate(range(0, people, 50)):
        users = [read_user(user_record(number)) for number in range(start, min(start + 50, people))]
        store.save_chunk(ORGANIZATION, WAITING, USERS, page, users_to_json(users))
    for page, start in enumerate(range(0, people, 500)):
        records = [_employee(number) for number in range(start, min(start + 500, people))]
        kept = employees_to_json([read_employee(record, FieldSettings()) for record in records])
        store.save_chunk(ORGANIZATION, WAITING, EMPLOYEES, page, {"people": kept})
    found = application.planning.plan(ORGANIZATION, WAITING)
    store.change(ORGANIZATION, WAITING, {"situations": dict(found.situations), "state": SynchronizationState.PLANNING})
    store.save_token(ORGANIZATION, WAITING, "a-token")
    some, _ = store.people(ORGANIZATION, WAITING, _DIFFERS.value, after="", limit=20)
    decisions = [DecisionInput(direction=Direction.USE_HUMA, field=key) for key in ("phone", "address", "given_name")]
    decisions += [DecisionInput(Direction.LEAVE, person["key"], "family_name") for person in some]
    store.save_decisions(ORGANIZATION, WAITING, decisions, by=BOSS.user_id)


def _employee(number: int) -> dict[str, Any]:
    """Return somebody's record in Fortnox: half of them differ in everything, and one of ten is not recognized."""
    if number % 2:
        return employee_record(number)
    record = different_employee_record(number)
    return record if number % 10 == 0 else {**record, "Email": employee_record(number)["Email"]}


def _end(application: Application, people: int) -> None:
    """Make a run that is over, with a line of the result for everybody."""
    store = application.synchronization_store
    store.unlock(ORGANIZATION, WAITING)
    _run(application, OVER, people)
    store.unlock(ORGANIZATION, OVER)
    outcomes = [
        PersonOutcome(
            f"u:{number}",
            f"Anna Exempel {number}",
            (FieldOutcome("phone", Outcome.DONE, "fortnox"), FieldOutcome("email", Outcome.HELD, "huma", _REASON)),
        )
        for number in range(people)
    ]
    for group, start in enumerate(range(0, people, 100)):
        store.end_group(ORGANIZATION, OVER, 0, group, outcomes[start : start + 100])
    counts = dict(keep_by_outcome(store, ORGANIZATION, OVER))
    store.change(
        ORGANIZATION,
        OVER,
        {"state": SynchronizationState.FINISHED, "outcomes": counts, "finished_at": int(time.time())},
    )
    application.table.put(
        {"pk": f"ORG#{ORGANIZATION}", "sk": "LOCK", "run": WAITING, "expires_at": int(time.time()) + 3600}
    )


def _work(application: Application, people: int) -> None:
    """Fill the log and the list of what is held."""
    now = int(time.time())
    entries = [
        activity_item(
            ORGANIZATION,
            Activity(
                (now - number) * 1000,
                "push",
                Cause.EVENT,
                f"user-{number}",
                f"Anna Exempel {number}",
                (FieldOutcome("phone", Outcome.HELD if number % 4 == 0 else Outcome.DONE, "fortnox", _REASON),),
                delay_ms=900,
            ),
        )
        for number in range(people)
    ]
    held = HeldField("held", _REASON, now)
    waiting = [
        held_item(ORGANIZATION, HeldPerson(f"user-{n}", f"Anna {n}", {"phone": held})) for n in range(people // 4)
    ]
    application.table.write_many([*entries, *waiting])


def figures() -> dict[str, dict[str, Any]]:
    """Measure every page in both organizations and return the ratios of the middle and the slow ones."""
    for module in (active_pages, differences_page, new_people_page, result_pages):
        vars(module).update(ROWS=ROWS, ACTIVITY_ROWS=ROWS)
    taken: dict[int, dict[str, list[float]]] = {}
    found: dict[str, dict[str, Any]] = {}
    for people in (FEW, MANY):
        with organization(people) as made:
            for page in PAGES:
                made.seconds(page)
            gc.collect()
            gc.freeze()
            taken[people] = {page: [made.seconds(page) for _ in range(ROUNDS)] for page in PAGES}
            gc.unfreeze()
            if people == MANY:
                found |= _of_everybody(made)
    for page in PAGES:
        few, many = (sorted(taken[people][page]) for people in (FEW, MANY))
        for name, of in (("p50", statistics.median), ("p95", _slow)):
            found[f"page_{page}_{name}_ratio"] = {
                "value": round(of(many) / of(few), 2),
                "goal": f"<= {GOAL}",
                "unit": "×",
                "against": f"{of(few) * 1000:.0f} ms with {FEW} people, {of(many) * 1000:.0f} ms with {MANY}",
            }
    return found


def _of_everybody(made: Organization) -> dict[str, dict[str, Any]]:
    """Measure the summary that follows a decision, and what the process keeps once all pages have been shown."""
    times = []
    for direction in (Direction.USE_HUMA, Direction.USE_FORTNOX, Direction.LEAVE):
        made.decide(direction)
        times.append(made.seconds("summary"))
    for use_case in ("synchronizations", "web"):
        vars(made.application).pop(use_case)
    made.decide(Direction.USE_HUMA)
    gc.collect()
    tracemalloc.start()
    fresh = Organization(build(made.application.web), made.application, made.after)
    for page in PAGES:
        fresh.seconds(page)
    gc.collect()
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return {
        "page_summary_after_decision_p50": {
            "value": round(statistics.median(times) * 1000),
            "goal": f"<= {AFTER_DECISION_MS}",
            "unit": "ms",
            "against": f"everybody gone through, {MANY} people",
        },
        "pages_memory_kept": {
            "value": round(kept / 2**20, 1),
            "goal": f"<= {KEPT_MB}",
            "unit": "MiB",
            "against": f"after every page has been shown, {MANY} people",
        },
    }


def _slow(times: list[float]) -> float:
    return statistics.quantiles(times, n=20)[-1]


if __name__ == "__main__":
    print(json.dumps(figures(), indent=2))
