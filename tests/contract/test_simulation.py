"""What both simulators share: faults, the request log, people, and the process; shown on the Fortnox simulator."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from local.simulation import SimulatorProcess

if TYPE_CHECKING:
    from tests.contract.conftest import FortnoxTarget

REPOSITORY = Path(__file__).resolve().parents[2]


def phone_of(process: SimulatorProcess) -> str:
    phone: str = process.people()["employees"][0]["Phone1"]
    return phone


def test_latency_delays_and_then_does_the_work(
    fortnox_simulator: SimulatorProcess, simulated_fortnox: FortnoxTarget
) -> None:
    fortnox_simulator.fault("latency", seconds=0.2, count=1)
    began = time.monotonic()
    assert simulated_fortnox.call("GET", "/employees").status_code == 200
    assert time.monotonic() - began >= 0.2
    entry = fortnox_simulator.requests()[-1]
    assert entry["fault"] == "latency"
    assert entry["duration_ms"] >= 200


def test_a_status_is_answered_so_often_to_the_chosen_requests_and_the_work_is_not_done(
    fortnox_simulator: SimulatorProcess, simulated_fortnox: FortnoxTarget
) -> None:
    before = phone_of(fortnox_simulator)
    headers = {"Retry-After": "7"}
    fortnox_simulator.fault("status", status=429, count=2, method="PUT", path="/3/employees/1", headers=headers)
    change = {"Phone1": "070-174 06 05"}
    assert simulated_fortnox.call("GET", "/employees/1").status_code == 200
    assert simulated_fortnox.call("PUT", "/employees/07", change).status_code == 200
    for _ in range(2):
        answer = simulated_fortnox.call("PUT", "/employees/1", change)
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
    assert phone_of(fortnox_simulator) == before
    assert simulated_fortnox.call("PUT", "/employees/1", change).status_code == 200
    assert [(each["fired"], each["count"]) for each in fortnox_simulator.faults()] == [(2, 0)]


@pytest.mark.parametrize(("status", "kind"), [(500, "json"), (503, "html"), (403, "gateway"), (418, "own")])
def test_a_status_has_the_shape_it_has_at_fortnox_unless_a_body_is_given(
    fortnox_simulator: SimulatorProcess, simulated_fortnox: FortnoxTarget, status: int, kind: str
) -> None:
    body = {"body": {"own": True}} if kind == "own" else {}
    fortnox_simulator.fault("status", status=status, **body)
    answer = simulated_fortnox.call("GET", "/employees")
    assert answer.status_code == status
    if kind == "json":
        assert answer.json()["ErrorInformation"]["code"] == 1000003
    elif kind == "html":
        assert answer.headers["Content-Type"].startswith("text/html")
    elif kind == "gateway":
        assert answer.json() == {"message": "forbidden"}
    else:
        assert answer.json() == {"own": True}
    fortnox_simulator.clear_faults()
    assert simulated_fortnox.call("GET", "/employees").status_code == 200


@pytest.mark.parametrize(("kind", "done", "status"), [("drop_before", False, None), ("drop_after", True, 200)])
def test_a_connection_is_dropped_before_or_after_the_work(
    fortnox_simulator: SimulatorProcess, simulated_fortnox: FortnoxTarget, kind: str, done: bool, status: int | None
) -> None:
    fortnox_simulator.fault(kind, count=1, method="PUT")
    with pytest.raises(requests.ConnectionError):
        simulated_fortnox.call("PUT", "/employees/1", {"Phone1": "070-174 06 05"})
    assert (phone_of(fortnox_simulator) == "070-174 06 05") is done
    entry = fortnox_simulator.requests()[-1]
    assert (entry["fault"], entry["status"]) == (kind, status)
    assert simulated_fortnox.call("GET", "/employees/1").status_code == 200


def test_the_same_seed_gives_the_same_faults_whatever_the_order(
    fortnox_simulator: SimulatorProcess, simulated_fortnox: FortnoxTarget
) -> None:
    paths = [f"/nowhere/{number}" for number in range(40)]

    def statuses(order: list[str], seed: int) -> list[int]:
        fortnox_simulator.clear_faults()
        fortnox_simulator.fault("status", status=500, probability=0.5, seed=seed)
        with ThreadPoolExecutor(4) as pool:
            found = dict(zip(order, pool.map(lambda path: simulated_fortnox.call("GET", path), order), strict=True))
        return [found[path].status_code for path in paths]

    first = statuses(paths, seed=1)
    assert statuses(paths[::-1], seed=1) == first
    assert statuses(paths, seed=2) != first
    assert 5 < first.count(500) < 35


def test_faults_of_fortnox_itself(fortnox_simulator: SimulatorProcess, simulated_fortnox: FortnoxTarget) -> None:
    change = {"Phone1": "070-174 06 05", "ClearingNo": "8327", "City": "Provby"}
    fortnox_simulator.fault("silently_ignore_field", fields=["Phone1"], count=1)
    stored = simulated_fortnox.call("PUT", "/employees/1", change).json()["Employee"]
    assert (stored["Phone1"], stored["City"]) == ("070-174 06 01", "Provby")

    fortnox_simulator.fault("api_noright", count=2)
    stored = simulated_fortnox.call("PUT", "/employees/1", {"ClearingNo": "6000"}).json()["Employee"]
    assert stored["ClearingNo"] == stored["BankAccountNo"] == "API_NORIGHT"
    assert simulated_fortnox.call("GET", "/employees").json()["Employees"][0]["ClearingNo"] == "API_NORIGHT"
    assert simulated_fortnox.call("GET", "/employees/1").json()["Employee"]["ClearingNo"] == "8327"

    fortnox_simulator.fault("html_error_page", count=1)
    answer = simulated_fortnox.call("GET", "/employees")
    assert (answer.status_code, answer.headers["Content-Type"].split(";")[0]) == (503, "text/html")

    fortnox_simulator.fault("lost_licence", licence="salary", status=403)
    answer = simulated_fortnox.call("GET", "/employees")
    assert (answer.status_code, answer.json()["ErrorInformation"]["code"]) == (403, 2001101)
    assert simulated_fortnox.call("GET", "/companyinformation").status_code == 200


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "nonsense"},
        {},
        {"kind": "status"},
        {"kind": "latency", "probability": 2},
        {"kind": "latency", "count": -1},
        {"kind": "latency", "headers": []},
    ],
)
def test_a_fault_that_means_nothing_is_refused(fortnox_simulator: SimulatorProcess, fault: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="400"):
        fortnox_simulator.control("POST", "/_sim/faults", [{"kind": "latency"}, fault])


def test_the_log_counts_what_was_asked_and_holds_no_secret(
    fortnox_simulator: SimulatorProcess, simulated_fortnox: FortnoxTarget
) -> None:
    began = time.time()
    simulated_fortnox.call("GET", "/employees", params={"limit": 5, "code": "c0de"})
    simulated_fortnox.call("PUT", "/employees/1", {"City": "Provby"})
    form = {"grant_type": "refresh_token", "refresh_token": "r3fresh", "client_secret": "s3cret"}
    simulated_fortnox.session.post(
        f"{simulated_fortnox.auth_url}/token", data=form, auth=("demo-client", "s3cret"), timeout=10
    )
    listed, put, token = fortnox_simulator.requests()
    assert (listed["method"], listed["path"], listed["query"]) == ("GET", "/3/employees", "limit=5&code=***")
    assert put["body"] == {"Employee": {"City": "Provby"}}
    assert token["body"] == {"grant_type": "refresh_token"}
    assert [each["status"] for each in (listed, put, token)] == [400, 200, 400]
    assert began <= listed["at"] + 0.001 <= put["at"] + 0.002 <= time.time() + 0.003
    everything = json.dumps(fortnox_simulator.requests())
    for secret in ("c0de", "r3fresh", "s3cret", simulated_fortnox.token):
        assert secret not in everything

    assert fortnox_simulator.requests(method="put") == [put]
    assert fortnox_simulator.requests(path="/oauth-v1") == [token]
    following = fortnox_simulator.control("GET", "/_sim/requests")["next"]
    assert fortnox_simulator.requests(since=following - 1) == [token]
    fortnox_simulator.forget_requests()
    assert fortnox_simulator.requests() == []
    assert fortnox_simulator.control("GET", "/_sim/requests")["next"] == following


def test_people_can_be_replaced_and_come_back_as_they_went_in(fortnox_simulator: SimulatorProcess) -> None:
    people = fortnox_simulator.people()
    people["company"]["name"] = "Nytt Prov AB"
    people["employees"] = [{**people["employees"][0], "EmployeeId": "007", "TaxAllowance": "SNK"}]
    fortnox_simulator.set_people(people)
    assert fortnox_simulator.people() == people
    wrongs: list[Any] = [
        [],
        {"company": {}},
        {**people, "employees": [{"EmployeeId": 7}]},
        {**people, "employees": [{"X": 1}]},
    ]
    for wrong in wrongs:
        with pytest.raises(ValueError, match="400"):
            fortnox_simulator.set_people(wrong)
    assert fortnox_simulator.people() == people


def test_an_employee_can_be_changed_on_a_page_as_a_person_in_fortnox_would(
    fortnox_simulator: SimulatorProcess, http_session: requests.Session
) -> None:
    assert "Exempelsson" in http_session.get(fortnox_simulator.url, timeout=10).text
    page = f"{fortnox_simulator.url}/people/1"
    assert 'value="070-174 06 01"' in http_session.get(page, timeout=10).text
    answer = http_session.post(page, data={"Phone1": "070-174 06 05", "City": " "}, timeout=10)
    assert answer.url == f"{fortnox_simulator.url}/"
    employee = fortnox_simulator.people()["employees"][0]
    assert (employee["Phone1"], employee["City"], employee["FirstName"]) == ("070-174 06 05", "", "Anna")
    assert http_session.get(f"{fortnox_simulator.url}/people/99", timeout=10).status_code == 404


def test_answers_come_within_milliseconds_on_connections_that_stay_open(
    fortnox_simulator: SimulatorProcess, simulated_fortnox: FortnoxTarget
) -> None:
    health = f"{fortnox_simulator.url}/_sim/health"
    durations = []
    for _ in range(50):
        began = time.perf_counter()
        answer = simulated_fortnox.session.get(health, timeout=10)
        durations.append(time.perf_counter() - began)
        assert answer.json() == {"status": "ok", "name": "fortnox"}
        assert answer.headers.get("Connection", "keep-alive") == "keep-alive"
    # 40 ms would be the price of Nagle's algorithm, 10 ms that of a new connection each time.
    assert sorted(durations)[25] < 0.01


def test_people_are_read_from_a_file(tmp_path: Path, fortnox_simulator: SimulatorProcess) -> None:
    file = tmp_path / "people.json"
    people = fortnox_simulator.people()
    people["company"]["name"] = "Bolaget ur filen AB"
    file.write_text(json.dumps(people), encoding="utf-8")
    with SimulatorProcess("local.fortnox_simulator", "--people", str(file)) as process:
        assert process.people() == people


@pytest.mark.usefixtures("fortnox_simulator")
def test_it_stops_at_once_and_says_so_when_it_cannot_start(tmp_path: Path) -> None:
    process = SimulatorProcess("local.fortnox_simulator", stderr=tmp_path / "stderr")
    with pytest.raises(RuntimeError, match="has not been started"):
        _ = process.url
    url = process.start().url
    began = time.monotonic()
    process.stop()
    assert time.monotonic() - began < 2
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{url}/_sim/health", timeout=5)
    with pytest.raises(RuntimeError, match="did not start"):
        SimulatorProcess("local.fortnox_simulator", "--people", "/nonexistent", stderr=tmp_path / "stderr").start()


@pytest.mark.usefixtures("fortnox_simulator")
def test_it_ends_with_its_parent() -> None:
    script = (
        "import os\n"
        "from local.simulation import SimulatorProcess\n"
        "process = SimulatorProcess('local.fortnox_simulator').start()\n"
        "print(process.url, process.pid, flush=True)\n"
        "os._exit(0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, timeout=30, check=True
    )
    url, pid = done.stdout.split()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            requests.get(f"{url}/_sim/health", timeout=5)
        except requests.ConnectionError:
            break
        time.sleep(0.1)
    else:
        os.kill(int(pid), 9)
        pytest.fail("the simulator outlived its parent")
