"""A synchronization's price: requests, the use of Fortnox's limit, what AWS counts, and how all of it grows.

Everything runs on the local stack, from the button to the result: ours against Fortnox and Huma as simulated, the real
state machine, the real functions. People stand on both sides, a third of them differing, and as many as a ninth of
them on one side alone; every value of Huma's is taken, everybody is created.

At the limit
    a thousand people at the rate that Fortnox allows, in real time: requests to Fortnox as the simulator counts them
    (token requests apart), how many of them went out, of 5 a second, from the first after the button to the last (the
    25 that may go at once are among them), answers 429
Against a loop
    the same company and the way of the published Python client: list, get each employee, put the whole record when
    something differs, no shared budget. It is let do a window's requests in a twentieth of the time, as in *Growth*,
    and waits for a window after each 429
AWS
    states entered are counted from the execution's history, write units are what the emulator says DynamoDB would
    charge, rejected writes, indexes and transactions included. A person who agrees costs what a company costs in which
    everybody does, by the head; what a mixed company costs more is borne by its changed people
Growth
    a thousand people and ten times as many, with a window of a twentieth on both ends, so that it takes minutes and not
    a quarter of an hour; processor time is that of the run's function
"""

from __future__ import annotations

import json
import math
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests
from huma_fortnox.services.ports import USERS_A_PAGE
from huma_fortnox.services.synchronize import PAGES_A_STEP

from local.large_company import Mix, fortnox_file, huma_file
from local.large_run import USUAL_WINDOW, carry_out, large_company, read_and_plan
from local.simulator_process import SimulatorProcess
from local.soak_company import differences

if TYPE_CHECKING:
    from local.administration import Administration

THOUSAND = Mix(people=900, differing=300, only_in_huma=50, only_in_fortnox=50)
TEN_THOUSAND = Mix(people=9_000, differing=3_000, only_in_huma=500, only_in_fortnox=500)
AGREED = Mix(people=1_000)
PERMITTED, PAGE = 25, 500
SHORT_WINDOW = USUAL_WINDOW / 20
FUNCTION = "huma-fortnox-local-synchronize"

Json = dict[str, Any]
Figure = dict[str, Any]


@dataclass(frozen=True)
class Cost:
    """What one synchronization took; ``requests`` to Fortnox, ``limit`` the most of them that are allowed."""

    people: int
    changed: int
    requests: int
    limit: int
    huma_requests: int
    refused: int
    rate_used: float
    applying_seconds: float
    transitions: int
    write_units: float
    table_calls: float
    processor_seconds: float


def figures() -> dict[str, Figure]:
    """Return the figures of a synchronization."""
    at_limit = measure(THOUSAND)
    agreed = measure(AGREED)
    small, large = measure(THOUSAND, window=SHORT_WINDOW), measure(TEN_THOUSAND, window=SHORT_WINDOW)
    loop = measure_loop(THOUSAND)
    unchanged = agreed.write_units / agreed.people
    changed = (at_limit.write_units - unchanged * (at_limit.people - at_limit.changed)) / at_limit.changed
    growth = grown(small, large)
    most = max(growth, key=lambda name: growth[name])
    company = f"{at_limit.people} people, {at_limit.changed} of them changed or created"
    return {
        "sync_fortnox_requests_over_limit": _figure(
            round(at_limit.requests / at_limit.limit, 3),
            "<= 1",
            "of the limit",
            f"{at_limit.requests} requests, at most {at_limit.limit}: two a page of {PAGE} and one a change; {company}",
        ),
        "sync_requests_over_loop": _figure(
            round(at_limit.requests / loop["accepted"], 3),
            "< 1",
            "of the loop's",
            f"{at_limit.requests} against {loop['accepted']}, which take {loop['accepted'] / 5:.0f} s at the limit at"
            f" best and met {loop['refused']} answers 429",
        ),
        "sync_rate_used": _figure(
            round(at_limit.rate_used, 4),
            ">= 0.97",
            "of 5 a second",
            f"while applying, which took {at_limit.applying_seconds:.1f} s; {company}",
        ),
        "sync_429": _figure(at_limit.refused, "0", "answers", company),
        "sync_transitions_per_person": _figure(
            round(at_limit.transitions / at_limit.people, 4),
            "<= 0.1",
            "states",
            f"{at_limit.transitions} states entered; {large.transitions} with {large.people} people",
        ),
        "sync_write_units_changed": _figure(
            round(changed, 3), "<= 3.2", "units", f"{at_limit.write_units:.0f} in all; {company}"
        ),
        "sync_write_units_unchanged": _figure(
            round(unchanged, 3), "<= 1.2", "units", f"{agreed.write_units:.0f} in all; {agreed.people} people who agree"
        ),
        "sync_growth_10x_max": _figure(
            round(growth[most], 2),
            "<= 10.5",
            "times",
            ", ".join(f"{name} {times:.2f}" for name, times in growth.items()),
        ),
    }


def measure(mix: Mix, *, window: float = USUAL_WINDOW) -> Cost:
    """Synchronize such a company and return what that took."""
    with large_company(mix, window=window) as company:
        stack = company.world.stack
        usage, seconds = stack.dynamodb_usage(), stack.function_seconds(FUNCTION)
        run = read_and_plan(company)
        if mix.differing or mix.only_in_huma or mix.only_in_fortnox:
            company.decide(run, {"direction": "use_huma"})
            company.create_everybody(run)
        planned = len(company.fortnox.requests(path="/3/"))
        ended = carry_out(company, run)
        asked = company.fortnox.requests(path="/3/")
        used = stack.dynamodb_usage()
        people = mix.people + mix.only_in_huma + mix.only_in_fortnox
        changed = mix.differing + mix.only_in_huma + mix.only_in_fortnox
        if ended["outcomes"].get("failed") or ended["progress"]["applied"] < people:
            raise RuntimeError(f"not everybody was synchronized: {ended}")
        applying = asked[planned:]
        moments = [entry["at"] for entry in applying]
        took = moments[-1] - moments[0] if moments else 0.0
        return Cost(
            people,
            changed,
            len(asked),
            2 * math.ceil((mix.people + mix.only_in_fortnox) / PAGE) + mix.differing + mix.only_in_huma,
            len(company.huma.requests(path="/users")),
            sum(entry["status"] == 429 for entry in asked),
            len(moments) / took * window / PERMITTED if took else 0.0,
            took,
            entered(company, mix.people + mix.only_in_huma),
            used["WriteUnits"] - usage["WriteUnits"],
            sum(used.values()) - used["WriteUnits"] - sum(usage.values()) + usage["WriteUnits"],
            stack.function_seconds(FUNCTION) - seconds,
        )


def grown(small: Cost, large: Cost) -> dict[str, float]:
    """Return how many times more the larger company took of everything, for ten times the people."""
    kinds = ("requests", "huma_requests", "transitions", "write_units", "table_calls", "processor_seconds")
    return {kind: getattr(large, kind) / getattr(small, kind) for kind in kinds}


def entered(company: Administration, users: int) -> int:
    """Return how many states the last execution entered, as AWS counts them: those of branches and maps as well.

    The emulator's history names the outer states and every task. What stands between the inner tasks follows from the
    definition: the map of pages, and for each batch the question whether there is more of it, and its end.
    """
    workflows = company.world.stack.client("stepfunctions")
    (machine,) = workflows.list_state_machines()["stateMachines"]
    execution = workflows.list_executions(stateMachineArn=machine["stateMachineArn"])["executions"][0]
    pages = workflows.get_paginator("get_execution_history").paginate(executionArn=execution["executionArn"])
    kinds = Counter(event["type"] for page in pages for event in page["events"])
    outer = sum(count for kind, count in kinds.items() if kind.endswith("StateEntered"))
    inner_tasks = kinds["TaskScheduled"] - kinds["TaskStateEntered"]
    reading = 2 + math.ceil(users / (USERS_A_PAGE * PAGES_A_STEP))
    return int(outer + inner_tasks + 1 + 2 * (inner_tasks - reading))


# -- the way of the published client


def measure_loop(mix: Mix) -> dict[str, int]:
    """Carry a company over as a plain loop would; return the requests that Fortnox ``accepted`` and ``refused``."""
    with tempfile.TemporaryDirectory() as name:
        people = Path(name) / "fortnox.json"
        people.write_text(json.dumps(fortnox_file(mix)))
        options = ("--people", str(people), "--rate-seconds", str(SHORT_WINDOW))
        with SimulatorProcess("local.fortnox_simulator", *options) as fortnox:
            loop = PlainLoop(fortnox.url, fortnox.control("POST", "/_sim/grant", {})["access_token"])
            (organization,) = huma_file(mix)["organizations"]
            loop.carry_over(organization["users"])
            asked = fortnox.requests(path="/3/")
            after = {employee["Email"]: employee for employee in fortnox.people()["employees"]}
    wrong = [
        user["email"]
        for user in organization["users"]
        if set(differences(user, after[user["email"]])) - {"employmentId"}
    ]
    if wrong:
        raise RuntimeError(f"the loop left {len(wrong)} people as they were")
    refused = sum(entry["status"] == 429 for entry in asked)
    return {"accepted": len(asked) - refused, "refused": refused}


class PlainLoop:
    """One employee after the other, as a script over a generated client does it.

    The published client knows no limit and ends at the first 429; this one waits and tries again.
    """

    def __init__(self, url: str, token: str) -> None:
        self._url = f"{url}/3/employees"
        self._http = requests.Session()
        self._http.trust_env = False
        self._http.headers.update({"Authorization": f"Bearer {token}", "Accept": "application/json"})

    def carry_over(self, users: list[Json]) -> None:
        """Bring what Huma has of everybody to Fortnox; its own half of the work is not counted."""
        employees = {employee["Email"]: employee for employee in map(self._get, self._list())}
        for user in users:
            wanted = _as_employee(user)
            known = employees.get(user["email"])
            if known is None:
                kinds = {"PersonelType": "TJM", "EmploymentForm": "TV", "SalaryForm": "MAN"}
                self._ask("POST", self._url, json={"Employee": {**wanted, **kinds}})
            elif _differs(user, known):
                # All that is text: of its own zeros and nothings Fortnox takes not everything back.
                record = {
                    name: value for name, value in {**known, **wanted}.items() if value and isinstance(value, str)
                }
                self._ask("PUT", f"{self._url}/{known['EmployeeId']}", json={"Employee": record})

    def _list(self) -> list[str]:
        numbers: list[str] = []
        page, pages = 1, 1
        while page <= pages:
            found = self._ask("GET", self._url, params={"page": page, "limit": PAGE})
            numbers += [row["EmployeeId"] for row in found["Employees"]]
            page, pages = page + 1, int(found["MetaInformation"]["@TotalPages"])
        return numbers

    def _get(self, number: str) -> Json:
        found: Json = self._ask("GET", f"{self._url}/{number}")["Employee"]
        return found

    def _ask(self, method: str, url: str, **how: Any) -> Any:
        while True:
            answer = self._http.request(method, url, timeout=30, **how)
            if answer.status_code != 429:
                answer.raise_for_status()
                return answer.json()
            time.sleep(SHORT_WINDOW)


def _differs(user: Json, employee: Json) -> bool:
    """Tell whether anything but the number, which Fortnox gives, differs."""
    return bool(set(differences(user, employee)) - {"employmentId"})


def _as_employee(user: Json) -> Json:
    """Return a user of the made-up company in Fortnox's words."""
    address = user["homeAddress"]
    clearing, account = user["bankAccount"]["number"].split(" ")
    return {
        "FirstName": user["givenName"],
        "LastName": user["familyName"],
        "Email": user["email"],
        "Phone1": user["phone"],
        "Address2": address["line1"],
        "PostCode": address["postalCode"],
        "City": address["city"],
        "ClearingNo": clearing.replace("-", ""),
        "BankAccountNo": account,
        "EmploymentDate": user["positions"][0]["firstDayOfWork"],
    }


def _figure(value: float, goal: str, unit: str, against: str) -> Figure:
    return {"value": value, "goal": goal, "unit": unit, "against": against}


if __name__ == "__main__":
    print(json.dumps(figures(), indent=2))
