from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from huma_fortnox.adapters.lease import GRACE, Lease, Leases
from huma_fortnox.adapters.table import Table
from huma_fortnox.domain.errors import Conflict, TransientError

from tests.contract.aws import TABLE, Aws, Clock, Intercepted, mocked_aws, together

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ORGANIZATION = "6f1c2a0e-0000-4000-8000-000000000001"


@pytest.fixture
def aws() -> Iterator[Aws]:
    with mocked_aws() as mocked:
        yield mocked


@pytest.fixture
def clock() -> Clock:
    return Clock()


def leases(aws: Aws, clock: Clock, *, off: float = 0.0, organization: str = ORGANIZATION) -> Leases:
    def own_clock() -> float:
        return clock() + off

    return Leases(Table(aws.dynamodb, TABLE, clock=own_clock), organization, clock=own_clock)


def taken(lease: Lease | None) -> Lease:
    assert lease is not None
    return lease


def test_a_lease_is_held_by_one_worker_until_it_is_released(aws: Aws, clock: Clock) -> None:
    first, second = leases(aws, clock), leases(aws, clock)
    lease = taken(first.acquire("run", 30))
    assert second.acquire("run", 30) is None
    assert first.release(lease)
    assert taken(second.acquire("run", 30)).owner != lease.owner


def test_leases_of_other_names_and_organizations_are_other_leases(aws: Aws, clock: Clock) -> None:
    ours = leases(aws, clock)
    assert ours.acquire("run", 30)
    assert ours.acquire("token", 30)
    assert leases(aws, clock, organization="another").acquire("run", 30)


@pytest.mark.parametrize("off", [-2.0, 0.0, 2.0])
def test_a_lease_is_never_taken_over_while_its_owner_believes_in_it(aws: Aws, clock: Clock, off: float) -> None:
    owner, other = leases(aws, clock, off=-off), leases(aws, clock, off=off)
    lease = taken(owner.acquire("run", 30))
    while owner.running(lease):
        assert other.acquire("run", 30) is None
        clock.now += 0.5
    clock.now += GRACE + 2 * abs(off) + 0.1
    assert other.acquire("run", 30)


def test_whoever_overslept_does_not_release_the_lease_of_the_successor(aws: Aws, clock: Clock) -> None:
    slow, quick = leases(aws, clock), leases(aws, clock)
    old = taken(slow.acquire("run", 30))
    clock.now += 30 + GRACE + 1
    new = taken(quick.acquire("run", 30))
    assert not slow.release(old)
    assert leases(aws, clock).acquire("run", 30) is None
    assert quick.release(new)


def test_a_slow_clock_does_not_release_the_lease_of_the_successor(aws: Aws, clock: Clock) -> None:
    slow = leases(aws, clock, off=-60)
    old = taken(slow.acquire("run", 30))
    new = taken(leases(aws, clock).acquire("run", 30))
    assert slow.running(old)
    assert not slow.release(old)
    with pytest.raises(Conflict):
        slow.renew(old, 30)
    assert leases(aws, clock).release(new)


def test_an_expired_lease_is_left_alone_even_when_nobody_took_it(aws: Aws, clock: Clock) -> None:
    ours = leases(aws, clock)
    lease = taken(ours.acquire("run", 30))
    clock.now += 31
    assert not ours.release(lease)
    with pytest.raises(Conflict) as refused:
        ours.renew(lease, 30)
    assert refused.value.reason.code == "lease-lost"


def test_renewing_makes_it_last_from_now(aws: Aws, clock: Clock) -> None:
    ours = leases(aws, clock)
    lease = taken(ours.acquire("run", 30))
    clock.now += 20
    renewed = ours.renew(lease, 30)
    clock.now += 25
    assert ours.running(renewed)
    assert not ours.running(renewed, 10)
    assert leases(aws, clock).acquire("run", 30) is None
    assert ours.release(renewed)


def test_of_many_who_ask_at_once_one_gets_it(aws: Aws, clock: Clock) -> None:
    for name in ("first", "second", "third"):
        workers = [leases(aws, clock, off=off / 4) for off in range(-8, 8)]
        asks: list[Callable[[], Any]] = [
            lambda worker=worker, name=name: worker.acquire(name, 30)  # type: ignore[misc]
            for worker in workers
        ]
        got = [result for result in together(*asks) if result is not None]
        assert [type(result) for result in got] == [Lease]


def test_a_write_repeated_because_its_answer_was_lost_still_gets_the_lease(aws: Aws, clock: Clock) -> None:
    def twice(operation: str, call: Callable[..., Any], arguments: dict[str, Any]) -> Any:
        if operation == "put_item":
            call(**arguments)
        return call(**arguments)

    repeating = Aws(Intercepted(aws.dynamodb, twice), aws.secretsmanager)
    ours = leases(repeating, clock)
    assert ours.release(taken(ours.acquire("run", 30)))


def test_a_silent_dynamodb_is_a_transient_error(clock: Clock) -> None:
    with mocked_aws() as aws:
        aws.dynamodb.delete_table(TableName=TABLE)
        with pytest.raises(TransientError):
            leases(aws, clock).acquire("run", 30)
