"""How well the workers of an organization share what Fortnox allows them: the rate limit and the tokens.

Everything is the real thing but the far side: our clients in processes and threads of their own, the state table and
the secrets on the local AWS emulator over HTTP, and the Fortnox simulator with its exact sliding window.

The rate budget
    four processes, whose clocks are up to 4 s apart, send without a break for a minute; the simulator counts
The tokens
    fifty workers find the access token expired at the same moment, once with client credentials and once with a
    refresh token; the simulator counts
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from huma_fortnox.adapters.fortnox import FortnoxClient
from huma_fortnox.adapters.fortnox_oauth import FortnoxOAuth
from huma_fortnox.adapters.http import HttpPolicy
from huma_fortnox.adapters.rate import SharedRateBudget
from huma_fortnox.adapters.secrets import FortnoxCredentials, GrantKind, OrganizationSecrets
from huma_fortnox.adapters.table import Table
from huma_fortnox.adapters.tokens import FortnoxTokens
from huma_fortnox.domain.errors import RateLimited

from local.simulator_process import SimulatorProcess
from local.stack import REGION, Stack

if TYPE_CHECKING:
    from collections.abc import Callable

SECONDS = 60.0
PERMITTED = 25 * SECONDS / 5
CLOCKS_OFF = (-2.0, -0.7, 0.7, 2.0)
WORKERS_AT_EXPIRY = 50

_TABLE = "state"
_ORGANIZATION = "6f1c2a0e-0000-4000-8000-000000000001"
_CLIENT_ID, _CLIENT_SECRET = "demo-client", "demo-secret"


def figures() -> dict[str, dict[str, Any]]:
    """Return the four figures of the two systems."""
    with Stack.launch() as aws:
        _create_table(aws.endpoint_url)
        budget = measure_budget(aws.endpoint_url)
        token_requests = [measure_token_requests(aws.endpoint_url, kind) for kind in GrantKind]
    sharing = f"{len(CLOCKS_OFF)} processes for {SECONDS:.0f} s, clocks up to 4 s apart"
    return {
        "budget_rate_used": {
            "value": round(budget["accepted"] / PERMITTED, 4),
            "goal": ">= 0.97",
            "unit": "share",
            "against": f"{PERMITTED:.0f} requests, 25 in any 5 s; {sharing}",
        },
        "budget_429": {
            "value": budget["refused"],
            "goal": "0",
            "unit": "answers",
            "against": f"{budget['sent']} requests on the simulator's exact sliding window; {sharing}",
        },
        "budget_writes_per_request": {
            "value": round(budget["writes"] / budget["sent"], 3),
            "goal": "<= 0.3",
            "unit": "writes",
            "against": f"{budget['sent']} requests, refused conditional writes counted; {sharing}",
        },
        "token_requests_at_expiry": {
            "value": max(token_requests),
            "goal": "1",
            "unit": "requests",
            "against": f"{WORKERS_AT_EXPIRY} workers at once; the worse of both grants",
        },
    }


def measure_budget(aws: str) -> dict[str, int]:
    """Return how many requests were ``sent`` in all, ``accepted`` in the minute and ``refused``, and the ``writes``."""
    with SimulatorProcess("local.fortnox_simulator") as fortnox:
        token = fortnox.control("POST", "/_sim/grant", {})["access_token"]
        start = time.time() + 3.0
        workers = [
            subprocess.Popen(
                [sys.executable, "-m", "bench.systems", "work", aws, fortnox.url, str(start), str(off)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for off in CLOCKS_OFF
        ]
        try:
            for worker in workers:
                # Through a pipe: arguments are seen by everybody on the machine.
                assert worker.stdin is not None
                worker.stdin.write(token)
                worker.stdin.close()
                worker.stdin = None
            reports = [json.loads(worker.communicate(timeout=SECONDS + 60)[0]) for worker in workers]
        finally:
            for worker in workers:
                worker.kill()
        answers = fortnox.requests(path="/3/")
    if min(report["sent"] for report in reports) < PERMITTED / len(workers) / 2:
        raise RuntimeError(f"the workers did not share the budget: {[report['sent'] for report in reports]}")
    first = min(answer["at"] for answer in answers)
    accepted = [answer for answer in answers if answer["status"] == 200 and answer["at"] < first + SECONDS]
    return {
        "sent": len(answers),
        "accepted": len(accepted),
        "refused": sum(answer["status"] == 429 for answer in answers),
        "writes": sum(report["writes"] for report in reports),
    }


def work(aws: str, fortnox: str, start: float, off: float) -> dict[str, int]:
    """Be one worker: send without a break from ``start`` on, with a clock that is ``off`` seconds."""
    token = sys.stdin.read()

    def clock() -> float:
        return time.time() + off

    class Tokens:
        def access_token(self) -> str:
            return token

        def refused(self, token: str) -> None:
            raise RuntimeError("the simulator did not accept its token")

    writes: list[str] = []

    def count(event_name: str, **_: Any) -> None:
        if event_name.endswith(("PutItem", "UpdateItem", "DeleteItem")):
            writes.append(event_name)

    dynamodb = _aws("dynamodb", aws)
    dynamodb.meta.events.register("before-send.dynamodb.*", count)
    end = start + SECONDS + 1.0
    table = Table(dynamodb, _TABLE, clock=clock)
    budget = SharedRateBudget(table, _ORGANIZATION, time_left=lambda: end - time.time(), clock=clock)
    client = FortnoxClient(fortnox, Tokens(), budget, HttpPolicy())
    time.sleep(max(0.0, start - time.time()))
    sent = 0
    while time.time() < end:
        try:
            client.company()
        except RateLimited:
            break
        sent += 1
    budget.give_back()
    return {"sent": sent, "writes": len(writes)}


def measure_token_requests(aws: str, kind: GrantKind) -> int:
    """Return how many token requests the workers made whose token had expired, and fail unless all got one."""
    organization = f"{_ORGANIZATION}-{kind.value}"
    secretsmanager = _aws("secretsmanager", aws)
    dynamodb = _aws("dynamodb", aws)
    with SimulatorProcess("local.fortnox_simulator") as fortnox:
        granted = fortnox.control("POST", "/_sim/grant", {})
        now = int(time.time())
        expired = FortnoxCredentials(
            kind,
            str(granted["tenantId"]),
            granted["access_token"],
            now - 1,
            granted["refresh_token"] if kind is GrantKind.REFRESH_TOKEN else "",
            now - 3601,
            "companyinformation salary",
        )
        OrganizationSecrets(secretsmanager, "bench").save_fortnox(organization, expired)
        start = threading.Barrier(WORKERS_AT_EXPIRY)

        def worker(_: int) -> str:
            oauth = FortnoxOAuth(f"{fortnox.url}/oauth-v1", _CLIENT_ID, _CLIENT_SECRET, HttpPolicy())
            tokens = FortnoxTokens(
                organization, OrganizationSecrets(secretsmanager, "bench"), Table(dynamodb, _TABLE), oauth, _unexpected
            )
            start.wait(30)
            return tokens.access_token()

        with ThreadPoolExecutor(WORKERS_AT_EXPIRY) as pool:
            got = set(pool.map(worker, range(WORKERS_AT_EXPIRY)))
        requests = len(fortnox.requests(path="/oauth-v1/token"))
    if len(got) != 1 or granted["access_token"] in got:
        raise RuntimeError("the workers did not all get the new token")
    return requests


def _unexpected(reason: object) -> None:
    raise RuntimeError(f"the consent was taken for lost: {reason}")


def _create_table(aws: str) -> None:
    _aws("dynamodb", aws).create_table(
        TableName=_TABLE,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
        ],
        BillingMode="PAY_PER_REQUEST",
    )


def _aws(service: str, endpoint_url: str) -> Any:
    """Return a client of the emulator; not typed, because its type depends on the name of the service."""
    return boto3.client(  # type: ignore[call-overload]
        service,
        region_name=REGION,
        endpoint_url=endpoint_url,
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(proxies={}, max_pool_connections=WORKERS_AT_EXPIRY),
    )


def main() -> None:
    """Run the measurements, or one of their workers, and print the result as JSON."""
    worker: Callable[..., dict[str, int]] = work
    if sys.argv[1:2] == ["work"]:
        _, _, aws, fortnox, start, off = sys.argv
        print(json.dumps(worker(aws, fortnox, float(start), float(off))))
    else:
        print(json.dumps(figures(), indent=2))


if __name__ == "__main__":
    main()
