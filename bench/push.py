"""How fast a change in Huma is in Fortnox: the whole way on the local stack, and the same way with nothing at its end.

Both simulators answer without latency, so what is measured is ours: webhook, bus, router, lane, push. The floor is
measured first, in the same run and on the same emulator, with an empty function in place of ``push_change``; a delay is
from the moment the webhook is sent to the moment Fortnox (or the empty function) is reached. Requests are counted by
the simulators.

Requests
    changes of phone, name, address and first day in turn; somebody who has a last day costs Huma a third request, since
    another position may follow on that day
Sustained
    a thousand people of one organization change at once; the permitted rate is 25 requests in any 5 s, so the last of
    them can arrive 195 s after the first at the earliest
Cold start
    CPU time of what each function imports before its first event, with bytecode, against boto3, requests and the
    Powertools logger alone, each in processes of its own; the best of several
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import tempfile
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.cold_start import MADE
from local.settled import FORTNOX, HUMA, Settled, phone, write_companies
from local.stack import EMULATOR_PYTHON, LOCAL, PROJECT, STACK_NAME
from local.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from local.simulator_process import SimulatorProcess

SAMPLES = 150
APART_SECONDS = 0.3
"""Between two changes: slower than the permitted rate, so that nothing waits for a permit."""

WARM_UP = 10
SUSTAINED = 1_000
PERMITTED, WINDOW = 25, 5.0
COLD_ROUNDS = 12

Figure = dict[str, Any]


def figures() -> dict[str, Figure]:
    """Return the figures of the real-time way."""
    with _world() as (world, quiet, busy):
        with _nothing_at_the_end(world):
            floor = measure_floor(world, quiet)
        pushed = measure_pushes(quiet)
        echo_requests = measure_echo(quiet)
        sustained = measure_sustained(busy)
        cold = measure_cold_starts()
        layer = _layer_bytes()
    p50, p99 = statistics.median(pushed["delays"]), _percentile(pushed["delays"])
    floor_p50, floor_p99 = statistics.median(floor), _percentile(floor)
    against = f"floor p50 {floor_p50:.0f} ms, p99 {floor_p99:.0f} ms; {SAMPLES} changes each"
    slowest = max(cold, key=lambda name: cold[name])
    return {
        "push_p50_over_floor_ms": _figure(round(p50 - floor_p50, 1), "<= 60", "ms", f"p50 {p50:.0f} ms, {against}"),
        "push_p99_over_floor_ms": _figure(round(p99 - floor_p99, 1), "", "ms", f"p99 {p99:.0f} ms, {against}"),
        "push_fortnox_requests": _figure(pushed["fortnox"], "<= 1", "a push", "counted by the simulator"),
        "push_huma_requests": _figure(pushed["huma"], "<= 2", "a push", "counted by the simulator"),
        "push_echo_fortnox_requests": _figure(
            echo_requests, "<= 0", "requests", f"{SAMPLES} events that change nothing"
        ),
        "push_sustained_rate_used": _figure(
            round(sustained["rate_used"], 4),
            ">= 0.97",
            "of 5 a second",
            f"{SUSTAINED} people in {sustained['seconds']:.1f} s",
        ),
        "push_429": _figure(sustained["refused"], "<= 0", "answers", f"{SUSTAINED} changes at once"),
        "cold_import_ratio_max": _figure(
            round(cold[slowest], 2),
            "<= 1.3",
            "times",
            ", ".join(f"{name} {ratio:.2f}" for name, ratio in sorted(cold.items())),
        ),
        "layer_mb": _figure(round(layer / 1e6, 1), "", "MB", "unpacked, without bytecode"),
    }


def measure_floor(world: World, company: Settled) -> list[float]:
    """Return the delays to an empty function, in ms."""
    delays = []
    for number in range(-WARM_UP, SAMPLES):
        before = len(_reached(world))
        sent = company.announce(number % company.company.size)
        _until(partial(_more_than, world, before))
        if number >= 0:
            delays.append((_reached(world)[before] - sent) * 1000)
        time.sleep(APART_SECONDS)
    return delays


def measure_pushes(company: Settled) -> dict[str, Any]:
    """Return the delays to Fortnox in ms, and the requests to either side a push."""
    delays: list[float] = []
    fortnox = huma = 0
    for number in range(-WARM_UP, SAMPLES):
        person = number % company.company.size
        company.edit(person, **_change(number))
        company.fortnox.forget_requests()
        company.huma.forget_requests()
        sent = company.announce(person)
        _until(lambda: _asked(company.fortnox, method="PUT"))
        written_at = _asked(company.fortnox, method="PUT")[0]["at"]
        # What comes after the write, if anything does, belongs to this push.
        time.sleep(APART_SECONDS)
        if number >= 0:
            delays.append((written_at - sent) * 1000)
            fortnox += len(_asked(company.fortnox))
            huma += len(_asked(company.huma, path="/users"))
    return {"delays": delays, "fortnox": fortnox / SAMPLES, "huma": huma / SAMPLES}


def measure_echo(company: Settled) -> int:
    """Return how many requests Fortnox gets because of events that change nothing."""
    company.fortnox.forget_requests()
    company.huma.forget_requests()
    for number in range(SAMPLES):
        company.announce(number % company.company.size)
    _until_idle(company)
    return len(_asked(company.fortnox))


def measure_sustained(company: Settled) -> dict[str, float]:
    """Change everybody at once; return the share of the permitted rate, the seconds, and the answers 429."""
    people = range(company.company.size)
    for number in people:
        company.edit(number, **_change(10_000 + number))
    company.fortnox.forget_requests()
    for start in range(0, company.company.size, 100):
        company.announce(*people[start : start + 100], topic="users-export")
    least = (SUSTAINED - PERMITTED) * WINDOW / PERMITTED
    _until(lambda: _written(company) >= SUSTAINED, seconds=3 * least, every=2.0)
    moments = [entry["at"] for entry in _asked(company.fortnox, method="PUT") if entry["status"] == 200]
    seconds = moments[-1] - moments[0]
    refused = sum(entry["status"] == 429 for entry in _asked(company.fortnox))
    return {"rate_used": least / seconds, "seconds": seconds, "refused": refused}


def measure_cold_starts() -> dict[str, float]:
    """Return how much longer each function's imports take than the base's."""
    best: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as bytecode:
        # The first round only writes bytecode.
        for turn in range(COLD_ROUNDS + 1):
            for name in ("base", *MADE):
                seconds = _import_seconds(name, bytecode)
                if turn:
                    best[name] = min(best.get(name, seconds), seconds)
    return {name: best[name] / best["base"] for name in MADE}


def _import_seconds(name: str, bytecode: str) -> float:
    search = [PROJECT / "functions" / name, _layer() / "python", _newest("runtime")]
    done = subprocess.run(
        [str(EMULATOR_PYTHON), "-S", str(PROJECT / "bench" / "cold_start.py"), name],
        env={"PATH": os.defpath, "PYTHONPATH": os.pathsep.join(map(str, search)), "PYTHONPYCACHEPREFIX": bytecode},
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)


def _layer() -> Path:
    """Return the layer as the running functions see it."""
    return _newest("layer")


def _newest(kind: str) -> Path:
    return max((LOCAL / "cache" / "layers").glob(f"{kind}-*"), key=lambda path: path.stat().st_mtime)


def _layer_bytes() -> int:
    files = (path for path in _layer().rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return sum(path.stat().st_size for path in files)


@contextmanager
def _world() -> Iterator[tuple[World, Settled, Settled]]:
    """Everything on this machine, with two organizations whose changes we announce ourselves."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        companies = write_companies((SAMPLES, SUSTAINED), folder)
        with World.start(huma_people=folder / HUMA, fortnox_people=folder / FORTNOX) as world:
            quiet, busy = [Settled(world, company) for company in companies]
            for company in (quiet, busy):
                company.silence()
            yield world, quiet, busy


@contextmanager
def _nothing_at_the_end(world: World) -> Iterator[None]:
    """Put an empty function in place of the push, on the running stack, for a while."""
    (stack,) = world.stack.client("cloudformation").describe_stacks(StackName=STACK_NAME)["Stacks"]
    parameters = {each["ParameterKey"]: each["ParameterValue"] for each in stack["Parameters"]}
    template = (PROJECT / "template.yaml").read_text()
    for own in ("CodeUri: functions/", "ContentUri: layers/", "DefinitionUri: statemachines/"):
        name, folder = own.split(": ")
        template = template.replace(own, f"{name}: {PROJECT}/{folder}")
    empty = template.replace(f"{PROJECT}/functions/push_change", f"{PROJECT}/bench/empty_push")
    with tempfile.TemporaryDirectory() as name:
        variant = Path(name) / "template.yaml"
        variant.write_text(empty)
        world.stack.deploy(parameters, template=variant)
    yield
    world.stack.deploy(parameters)


def _reached(world: World) -> list[float]:
    lines = [line for line in world.stack.logs("PushChange") if line.startswith('{"reached"')]
    return [json.loads(line)["reached"] for line in lines]


def _more_than(world: World, seen: int) -> bool:
    return len(_reached(world)) > seen


def _change(number: int) -> dict[str, Any]:
    """Return a change of one field, of each kind in turn, that is none of what anybody has."""
    kinds: list[dict[str, Any]] = [
        {"phone": phone(500_000 + number)},
        {"familyName": f"Exempel{number}"},
        {
            "homeAddress": {
                **{"line1": f"Nygatan {number}", "line2": "", "line3": ""},
                **{"postalCode": "12346", "city": "Nystad", "country": "SE"},
            }
        },
        {"firstDayOfWork": f"2021-{number % 12 + 1:02}-{number % 28 + 1:02}"},
    ]
    return kinds[number % len(kinds)]


def _asked(simulator: SimulatorProcess, *, method: str | None = None, path: str | None = None) -> list[dict[str, Any]]:
    return simulator.requests(method=method, path=path)


def _written(company: Settled) -> int:
    return sum(entry["status"] == 200 for entry in _asked(company.fortnox, method="PUT"))


def _until_idle(company: Settled) -> None:
    """Wait until every message has been carried: Huma is asked twice for each user, and then no more."""
    sqs, queue = company.world.stack.client("sqs"), company.world.stack.outputs["ChangesQueueUrl"]
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]

    def idle() -> bool:
        waiting = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
        return not any(int(waiting[name]) for name in names) and bool(_asked(company.huma, path="/users"))

    _until(idle, seconds=120)
    time.sleep(1.0)
    _until(idle, seconds=120)


def _until(reached: Callable[[], object], *, seconds: float = 30.0, every: float = 0.01) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        if time.monotonic() > deadline:
            raise SystemExit("what was waited for did not come")
        time.sleep(every)


def _percentile(delays: list[float]) -> float:
    return statistics.quantiles(delays, n=100)[98]


def _figure(value: float, goal: str, unit: str, against: str) -> Figure:
    return {"value": value, "goal": goal, "unit": unit, "against": against}
