from __future__ import annotations

import random
import statistics
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from huma_fortnox.adapters.rate import HOLD, LOOK, LOOK_WORKING, SharedRateBudget
from huma_fortnox.adapters.rate_ledger import SKEW, Holding, Ledger, Limit, Rest
from huma_fortnox.adapters.table import Table
from huma_fortnox.domain.errors import RateLimited, TransientError
from hypothesis import given, settings
from hypothesis import strategies as st

from local.fortnox_simulator.rate_limit import SlidingWindow
from tests.contract.aws import TABLE, Aws, Intercepted, mocked_aws, together
from tests.contract.simulated_time import SimulatedTime

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from huma_fortnox.services.ports import RateBudget

ORGANIZATION = "6f1c2a0e-0000-4000-8000-000000000001"
EPOCH = 1_800_000_000.0
LIMIT = Limit()
STEADY = Limit().permits / Limit().rest
# The type checker holds the budget to the port here.
PORT: type[RateBudget] = SharedRateBudget


@pytest.fixture
def aws() -> Iterator[Aws]:
    with mocked_aws() as mocked:
        yield mocked


# -- an organization in simulated time ----------------------------------------------------------


class OneItem:
    """The state table as the budget uses it, at so many seconds a call; `down` while DynamoDB is."""

    def __init__(self, now: SimulatedTime, chance: random.Random, seconds: tuple[float, float]) -> None:
        self._time = now
        self._chance = chance
        self._seconds = seconds
        self.item: dict[str, Any] | None = None
        self.reads = self.writes = 0
        self.down: Callable[[], bool] = lambda: False

    def get(self, pk: str, sk: str) -> dict[str, Any] | None:
        self._on_its_way()
        self.reads += 1
        found = self.item
        self._on_its_way()
        return found

    def put(self, item: dict[str, Any], *, condition: str = "", values: dict[str, Any] | None = None) -> bool:
        self._on_its_way()
        self.writes += 1
        if condition == "#revision = :read":
            holds = self.item is not None and self.item["revision"] == (values or {})["read"]
        else:
            assert condition == "attribute_not_exists(pk) OR #expires_at <= :now"
            holds = self.item is None or self.item["expires_at"] <= (values or {})["now"]
        if holds:
            self.item = item
        self._on_its_way()
        return holds

    def _on_its_way(self) -> None:
        if any(self._seconds):
            self._time.sleep(self._chance.uniform(*self._seconds) / 2)
        if self.down():
            raise TransientError("state-unavailable")


@dataclass
class Partitioned:
    """The table as one worker sees it, who loses sight of it."""

    table: OneItem
    cut_off: Callable[[], bool]

    def get(self, pk: str, sk: str) -> dict[str, Any] | None:
        if self.cut_off():
            raise TransientError("state-unavailable")
        return self.table.get(pk, sk)

    def put(self, item: dict[str, Any], **more: Any) -> bool:
        """Lose the answer, too, of what is under way when the sight is lost."""
        if self.cut_off():
            raise TransientError("state-unavailable")
        written = self.table.put(item, **more)
        if self.cut_off():
            raise TransientError("state-unavailable")
        return written


@dataclass
class Company:
    """Fortnox's exact sliding window, the shared ledger and what happened."""

    seed: int = 0
    dynamodb: tuple[float, float] = (0.004, 0.012)
    way: tuple[float, float] = (0.002, 0.010)
    work: tuple[float, float] = (0.005, 0.020)
    held_up: float = 0.0
    time: SimulatedTime = field(default_factory=SimulatedTime)
    accepted: list[tuple[float, int]] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.table = OneItem(self.time, random.Random(self.seed), self.dynamodb)
        self.window = SlidingWindow(LIMIT.permits, LIMIT.window)

    def budget(self, number: int, *, off: float = 0.0, **more: Any) -> SharedRateBudget:
        chance = random.Random(f"{self.seed} {number}")
        started = chance.uniform(0, 1e6)
        settings: dict[str, Any] = {
            "clock": lambda: EPOCH + self.time.now + off,
            "monotonic": lambda: started + self.time.now,
            "sleep": self.time.sleep,
            "jitter": chance.random,
        }
        table: Any = more.pop("table", self.table)
        return SharedRateBudget(table, ORGANIZATION, **(settings | more))

    def request(self, number: int, chance: random.Random) -> bool:
        """Send a request that takes its time on the way, there and back."""
        delay = chance.uniform(0.1, 0.9) if chance.random() < self.held_up else 0.0
        self.time.sleep(chance.uniform(*self.way) + delay)
        admitted = self.window.admits(1, self.time.now)
        if admitted:
            self.accepted.append((self.time.now, number))
        else:
            self.refused.append(self.time.now)
        self.time.sleep(chance.uniform(*self.work) + chance.uniform(*self.way))
        return admitted

    def worker(
        self,
        number: int,
        *,
        start: float = 0.0,
        end: float = 60.0,
        rest: float = 0.0,
        off: float = 0.0,
        dies: bool = False,
        **more: Any,
    ) -> Callable[[], None]:
        """Make a worker that sends from `start` to `end`, `rest` seconds apart, with a clock that is `off`."""
        budget = self.budget(number, off=off, **more)
        chance = random.Random(f"requests {self.seed} {number}")

        def work() -> None:
            self.time.sleep(start)
            while True:
                budget.acquire()
                if self.time.now >= end:
                    break
                if not self.request(number, chance):
                    budget.pause(5.0)
                self.time.sleep(rest)
            if not dies:
                budget.give_back()

        return work

    def holders(self) -> dict[str, Any]:
        assert self.table.item is not None
        return dict(self.table.item["holdings"])

    def by_worker(self) -> Counter[int]:
        return Counter(number for _, number in self.accepted)

    def writes_per_request(self) -> float:
        return self.table.writes / len(self.accepted)

    def free(self) -> int:
        assert self.table.item is not None
        return len(self.table.item["free"])


def skews(workers: int) -> st.SearchStrategy[list[float]]:
    return st.lists(st.floats(-2, 2), min_size=workers, max_size=workers)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**32), off=skews(4), slow=st.sampled_from([0.0, 0.1, 0.3]), late=st.sampled_from([0.0, 0.03])
)
def test_four_workers_use_the_budget_up_and_never_exceed_it(
    seed: int, off: list[float], slow: float, late: float
) -> None:
    company = Company(seed, way=(0.002 + slow / 10, 0.010 + slow / 10), work=(0.005 + slow, 0.020 + slow), held_up=late)
    company.time.run(*[company.worker(number, off=off[number]) for number in range(4)])
    assert company.refused == []
    assert len(company.accepted) >= 0.97 * 300
    assert company.writes_per_request() <= 0.3
    assert company.free() == LIMIT.permits
    assert min(company.by_worker().values()) >= 300 / 4 * 0.6


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**32),
    off=skews(6),
    spans=st.lists(st.tuples(st.floats(0, 40), st.floats(0.5, 40), st.floats(0, 1.5)), min_size=2, max_size=6),
    dies=st.sets(st.integers(0, 5)),
    dynamodb=st.sampled_from([(0.002, 0.006), (0.01, 0.2)]),
)
def test_however_workers_come_and_go_and_die_no_window_is_exceeded(
    seed: int,
    off: list[float],
    spans: list[tuple[float, float, float]],
    dies: set[int],
    dynamodb: tuple[float, float],
) -> None:
    company = Company(seed, dynamodb=dynamodb, held_up=0.02)
    company.time.run(
        *[
            company.worker(number, start=start, end=start + span, rest=rest, off=off[number], dies=number in dies)
            for number, (start, span, rest) in enumerate(spans)
        ]
    )
    assert company.refused == []
    assert company.table.item is not None
    standing = Ledger.from_item(company.table.item).as_of(3600, EPOCH + company.time.now + 3600, LIMIT)
    assert [rest.left for rest in standing.free] == [0.0] * LIMIT.permits


def test_one_worker_alone_has_the_whole_budget_at_almost_no_cost() -> None:
    company = Company()
    company.time.run(company.worker(1, end=300))
    assert company.refused == []
    assert len(company.accepted) >= 0.985 * 1500
    assert company.writes_per_request() <= 0.05


def test_giving_permits_back_between_batches_costs_nothing_of_the_rate_however_slow_dynamodb_is() -> None:
    company, seconds = Company(dynamodb=(0.05, 0.05), work=(0.01, 0.01), way=(0.001, 0.001)), 60.0
    chance = random.Random(1)

    def work() -> None:
        budget = company.budget(0)
        while company.time.now < seconds:
            for _ in range(10):
                budget.acquire()
                company.request(0, chance)
                budget.answered()
            budget.give_back()

    company.time.run(work)
    assert company.refused == []
    cycles = [
        later - earlier for (earlier, _), (later, _) in zip(company.accepted, company.accepted[25:], strict=False)
    ]
    assert statistics.median(cycles) < LIMIT.rest + 0.02


def test_long_requests_of_even_duration_cost_nothing() -> None:
    company = Company(work=(0.35, 0.36))
    company.time.run(*[company.worker(number) for number in range(4)])
    assert company.refused == []
    assert len(company.accepted) >= 0.97 * 300


def test_what_one_worker_does_not_need_the_others_use() -> None:
    company = Company()
    company.time.run(*[company.worker(number, end=120, rest=rest) for number, rest in enumerate([0.0, 0.0, 2.0, 4.0])])
    assert company.refused == []
    assert len(company.accepted) >= 0.9 * 600
    assert company.writes_per_request() <= 0.3


def test_a_push_during_a_long_run_waits_for_a_moment_only() -> None:
    company = Company()
    waits: list[float] = []

    def push() -> None:
        for number in range(10, 16):
            company.time.sleep(7.3)
            budget = company.budget(number)
            before = company.time.now
            for _ in range(2):
                budget.acquire()
                company.request(number, random.Random(number))
            waits.append(company.time.now - before)
            budget.give_back()

    company.time.run(company.worker(1), company.worker(2), push)
    assert company.refused == []
    assert max(waits) < 2.5
    assert len(company.accepted) >= 0.95 * 300


def test_a_long_run_is_spread_over_the_window_after_its_first_round() -> None:
    company = Company()
    company.time.run(company.worker(1, end=30))
    moments = [moment for moment, _ in company.accepted]
    assert moments[24] < 1.0
    gaps = [after - before for before, after in pairwise(moments[25:])]
    assert min(gaps) > 0.1
    assert max(gaps) < 1.5


def test_the_first_request_of_an_idle_organization_waits_for_nobody_and_costs_one_write() -> None:
    company = Company(dynamodb=(0.0, 0.0))

    def pushes() -> None:
        for number in range(200):
            budget = company.budget(number, off=(number % 5) - 2.0)
            before, writes = company.time.now, company.table.writes
            budget.acquire()
            assert company.time.now == before
            assert company.table.writes == writes + 1
            company.request(number, random.Random(number))
            budget.give_back()
            assert company.table.writes == writes + 2
            company.time.sleep(2.0)

    company.time.run(pushes)
    assert company.refused == []


def test_a_worker_that_died_with_everything_blocks_the_others_for_seconds_not_for_ever() -> None:
    company = Company()
    company.time.run(company.worker(1, end=10, dies=True), company.worker(2, start=9.9, end=60, off=-2))
    resumed = next(moment for moment, number in company.accepted if number == 2 and moment > 11)
    assert resumed < 10 + HOLD + SKEW + 2 + LIMIT.full_rest + 1
    assert company.refused == []
    assert company.by_worker()[2] >= 0.9 * STEADY * (60 - resumed)


def test_after_long_the_dead_are_inherited_from_without_waiting() -> None:
    company = Company()
    waited: list[float] = []

    def later() -> None:
        company.time.sleep(60)
        budget = company.budget(2)
        before = company.time.now
        for _ in range(25):
            budget.acquire()
        waited.append(company.time.now - before)

    company.time.run(company.worker(1, end=10, dies=True), later)
    assert waited[0] < 0.2


def test_who_comes_back_to_its_own_ledger_needs_nobody_elses_clock() -> None:
    company = Company()
    spans: list[float] = []

    def bursts() -> None:
        budget = company.budget(1)
        chance = random.Random(1)
        for _ in range(5):
            before = company.time.now
            for _ in range(25):
                budget.acquire()
                company.request(1, chance)
            spans.append(company.time.now - before)
            budget.give_back()
            company.time.sleep(5.2)

    company.time.run(bursts)
    assert company.refused == []
    assert max(spans) < 1.5


def test_a_frozen_process_wakes_up_without_the_permits_that_others_took_over() -> None:
    company = Company()
    running = [0.0]

    def sleep(seconds: float) -> None:
        running[0] += seconds
        company.time.sleep(seconds)

    def sleeper() -> None:
        # Its monotonic clock stands still while it is frozen, as in a Lambda between two invocations.
        budget = company.budget(1, monotonic=lambda: running[0], sleep=sleep)
        for _ in range(3):
            budget.acquire()
        company.time.sleep(50)
        for number in range(7):
            budget.acquire()
            assert company.request(number, random.Random(number))
            running[0] += 0.05

    company.time.run(sleeper, *[company.worker(number, start=1, end=70) for number in (2, 3)])
    assert company.refused == []
    assert len(company.accepted) >= 0.9 * 60 * STEADY


@pytest.mark.parametrize("off", [(-2.0, 2.0), (2.0, -2.0)])
def test_a_worker_that_loses_sight_of_the_ledger_stops_before_it_is_inherited_from(off: tuple[float, float]) -> None:
    company = Company()
    stopped: list[float] = []

    def cut_off() -> None:
        table = Partitioned(company.table, lambda: company.time.now > 20)
        with pytest.raises(TransientError):
            company.worker(1, off=off[0], table=table)()
        stopped.append(company.time.now)

    company.time.run(cut_off, company.worker(2, start=5, off=off[1]), company.worker(3, start=5, off=off[1]))
    assert stopped[0] > 20 + HOLD * 0.2
    assert company.refused == []
    assert company.by_worker()[2] + company.by_worker()[3] >= 0.97 * STEADY * (60 - stopped[0] - SKEW - 8)


def test_permits_whose_giving_was_not_confirmed_are_given() -> None:
    company = Company()
    lost = [False]

    def giver() -> None:
        table = Partitioned(company.table, lambda: lost[0])
        with pytest.raises(TransientError):
            company.worker(1, table=table)()

    put = company.table.put

    def watched(item: dict[str, Any], **more: Any) -> bool:
        written = put(item, **more)
        lost[0] = lost[0] or bool(written and company.time.now > 10 and item["free"])
        return written

    company.table.put = watched  # type: ignore[method-assign]
    company.time.run(giver, company.worker(2, start=10, end=40))
    assert lost == [True]
    assert company.refused == []


def test_a_request_that_outlives_the_rest_of_its_permit_does_not_shorten_the_next() -> None:
    company = Company(dynamodb=(0.0, 0.0))
    budget = company.budget(1)

    def thread(number: int, seconds: float) -> Callable[[], None]:
        chance = random.Random(number)

        def work() -> None:
            while company.time.now < 60:
                budget.acquire()
                company.request(number, chance)
                company.time.sleep(seconds)

        return work

    company.time.run(thread(1, 0.0), thread(2, 0.0), *[thread(number, 6.3 + number / 10) for number in range(3, 9)])
    assert company.refused == []
    assert len(company.accepted) >= 0.9 * 60 * STEADY


def test_waiting_for_a_thread_that_is_at_the_ledger_is_no_part_of_the_request() -> None:
    company, uses = Company(dynamodb=(0.0, 0.0)), [0.0]

    class Busy:
        """A lock that another thread has for a while."""

        def __enter__(self) -> None:
            company.time.sleep(0.9)

        def __exit__(self, *_: object) -> None: ...

    def work() -> None:
        budget = company.budget(0, limit=Limit(permits=1))
        free: Any = budget._lock
        for turn in range(12):
            budget.acquire()
            uses.append(company.time.now)
            company.time.sleep(0.1)
            budget._lock = Busy() if turn == 10 else free  # type: ignore[assignment]
            budget.answered()
            budget._lock = free

    company.time.run(work)
    assert uses[-1] - uses[-2] == pytest.approx(LIMIT.rest)


def test_a_ledger_that_was_forgotten_is_not_taken_for_the_new_one() -> None:
    company = Company(dynamodb=(0.0, 0.0))

    def work() -> None:
        first, second = company.budget(1), company.budget(2)
        first.acquire()
        company.table.item = None
        company.time.sleep(0.1)
        second.acquire()
        holders = company.holders()
        first.give_back()
        assert company.holders() == holders

    company.time.run(work)


# -- pauses ---------------------------------------------------------------------------------------


def test_a_429_pauses_everybody_of_the_organization() -> None:
    company = Company()
    paused: list[float] = []

    def limited() -> None:
        budget = company.budget(9, off=2.0)
        company.time.sleep(20)
        budget.acquire()
        budget.pause(5.0)
        paused.append(company.time.now)
        budget.give_back()

    company.time.run(*[company.worker(number, end=40, off=number - 1.5) for number in range(4)], limited)
    begin = paused[0]
    during = [moment for moment, _ in company.accepted if begin + LOOK_WORKING + 0.1 < moment < begin + 5.0]
    assert during == []
    assert [moment for moment, _ in company.accepted if begin + 5.0 <= moment < begin + 5.0 + 2 * LOOK + 0.5]
    assert company.refused == []


def test_somebody_else_using_the_budget_costs_pauses_but_not_a_storm_of_refusals() -> None:
    company = Company()

    def stranger() -> None:
        for _ in range(60):
            company.window.admits(1, company.time.now)
            company.time.sleep(1.0)

    company.time.run(*[company.worker(number) for number in range(4)], stranger)
    assert 0 < len(company.refused) <= 60 / 5 * 3
    assert len(company.accepted) >= 0.4 * 300


# -- when DynamoDB does not answer -----------------------------------------------------------------


def test_what_is_in_hand_is_used_while_dynamodb_is_down_and_then_nothing() -> None:
    company = Company()
    company.table.down = lambda: company.time.now > 10
    failed: list[float] = []

    def work() -> None:
        try:
            company.worker(1)()
        except TransientError:
            failed.append(company.time.now)

    company.time.run(work)
    assert 10 + HOLD * 0.2 < failed[0] <= 10 + HOLD + 1
    assert company.refused == []
    assert company.accepted[-1][0] > 12


def test_an_idle_worker_meets_a_silent_dynamodb_as_a_transient_error() -> None:
    company = Company()
    company.table.down = lambda: True
    failures: list[TransientError] = []

    def work() -> None:
        budget = company.budget(1)
        with pytest.raises(TransientError) as failed:
            budget.acquire()
        failures.append(failed.value)
        budget.pause(1.0)
        budget.give_back()

    company.time.run(work)
    assert len(failures) == 1


@pytest.mark.parametrize("lost", ["request", "answer"])
@pytest.mark.parametrize("every", [2, 3, 5])
def test_lost_requests_and_answers_of_dynamodb_exceed_no_window(every: int, lost: str) -> None:
    company = Company()
    put, calls = company.table.put, [0]

    def unreliable(item: dict[str, Any], **more: Any) -> bool:
        calls[0] += 1
        if calls[0] % every:
            return put(item, **more)
        if lost == "answer":
            put(item, **more)
        raise TransientError("state-unavailable")

    company.table.put = unreliable  # type: ignore[method-assign]

    def stubborn(number: int) -> Callable[[], None]:
        budget = company.budget(number, off=number - 1.5)
        chance = random.Random(number)

        def work() -> None:
            while company.time.now < 60:
                try:
                    budget.acquire()
                except TransientError:
                    company.time.sleep(0.3)
                    continue
                company.request(number, chance)
            budget.give_back()

        return work

    company.time.run(*[stubborn(number) for number in range(4)])
    assert company.refused == []
    assert len(company.accepted) >= 0.6 * 300


# -- the time a caller has ---------------------------------------------------------------------------


def test_a_wait_longer_than_the_time_left_is_refused_at_once_with_the_wait() -> None:
    company = Company()
    refusals: list[tuple[float, float | None]] = []

    def work() -> None:
        budget = company.budget(1, time_left=lambda: 2.0)
        for _ in range(25):
            budget.acquire()
        before = company.time.now
        with pytest.raises(RateLimited) as limited:
            budget.acquire()
        refusals.append((company.time.now - before, limited.value.retry_after))

    company.time.run(work)
    ((waited, retry_after),) = refusals
    assert waited < 0.1
    assert retry_after == pytest.approx(5.5, abs=0.6)


# -- the ledger's arithmetic ----------------------------------------------------------------------


def test_a_ledger_is_read_as_it_was_written() -> None:
    ledger = Ledger((Rest(), Rest(1.25, 1201.5)), {"a": Holding(23, 1234.5, True)}, Rest(2.5, 1202.75), "p", 7)
    assert Ledger.from_item(ledger.to_item(1200.25)) == ledger


def test_a_holding_is_not_taken_for_dead_because_its_worker_has_another_clock() -> None:
    ledger = Ledger((), {"a": Holding(25, 100.0)})
    assert ledger.as_of(0.0, 104.0, LIMIT).holdings == ledger.holdings
    assert ledger.as_of(0.0, 105.0, LIMIT).holdings == {}


@given(
    free=st.lists(st.floats(0, 6), max_size=40),
    held=st.lists(st.tuples(st.integers(0, 25), st.floats(-100, 100)), max_size=5),
    seen=st.floats(0, 100),
)
def test_there_are_always_as_many_permits_as_the_limit_allows(
    free: list[float], held: list[tuple[int, float]], seen: float
) -> None:
    holdings = {str(number): Holding(permits, until) for number, (permits, until) in enumerate(held)}
    rests = tuple(Rest(left, left - 1) for left in free)
    standing = Ledger(rests, holdings).as_of(seen, 0.0, LIMIT)
    living = sum(holding.permits for holding in standing.holdings.values())
    assert len(standing.free) == max(0, LIMIT.permits - living)
    assert all(0 <= rest.left <= LIMIT.full_rest for rest in standing.free)


# -- on DynamoDB itself -----------------------------------------------------------------------------


def counted(aws: Aws) -> tuple[Any, Counter[str]]:
    operations: Counter[str] = Counter()

    def count(operation: str, call: Callable[..., Any], arguments: dict[str, Any]) -> Any:
        operations[operation] += 1
        return call(**arguments)

    return Intercepted(aws.dynamodb, count), operations


def test_on_dynamodb_a_push_reads_once_and_writes_twice(aws: Aws) -> None:
    client, operations = counted(aws)
    for _ in range(3):
        operations.clear()
        budget = SharedRateBudget(Table(client, TABLE), ORGANIZATION)
        budget.acquire()
        assert operations == {"get_item": 1, "put_item": 1}
        budget.acquire()
        budget.give_back()
        assert operations == {"get_item": 1, "put_item": 2}


def test_on_dynamodb_workers_who_start_together_share_one_budget(aws: Aws) -> None:
    limit = Limit(permits=10, window=0.5, margin=0.05, late=2.0, block=3)
    window = SlidingWindow(limit.permits, limit.window)
    lock = threading.Lock()
    admitted: list[bool] = []
    budgets = [SharedRateBudget(Table(aws.dynamodb, TABLE), ORGANIZATION, limit=limit) for _ in range(3)]
    end = time.monotonic() + 3.0

    def work(budget: SharedRateBudget) -> None:
        while True:
            budget.acquire()
            if time.monotonic() > end:
                break
            with lock:
                admitted.append(window.admits(1, time.monotonic()))
        budget.give_back()

    # Two threads share the last one.
    results = together(*[lambda budget=budget: work(budget) for budget in [*budgets, budgets[-1]]])
    assert results == [None] * 4
    assert all(admitted)
    assert len(admitted) > 0.5 * 10 * 3.0 / 0.55
    item = Table(aws.dynamodb, TABLE).get(f"ORG#{ORGANIZATION}", "RATE")
    assert item is not None
    assert Ledger.from_item(item).holdings == {}
    assert len(item["free"]) == 10


def test_on_dynamodb_an_item_that_expired_or_was_deleted_starts_anew(aws: Aws) -> None:
    table = Table(aws.dynamodb, TABLE)
    SharedRateBudget(table, ORGANIZATION).acquire()
    later = Table(aws.dynamodb, TABLE, clock=lambda: time.time() + 7200)
    SharedRateBudget(later, ORGANIZATION, clock=later.clock).acquire()
    budget = SharedRateBudget(table, ORGANIZATION)
    table.delete(f"ORG#{ORGANIZATION}", "RATE")
    budget.acquire()
    item = table.get(f"ORG#{ORGANIZATION}", "RATE")
    assert item is not None
    assert [holding["permits"] for holding in item["holdings"].values()] == [LIMIT.block]
