"""AWS in this process: the state table and Secrets Manager as moto plays them, made atomic."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from moto import mock_aws

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TABLE = "state"


class Intercepted:
    """A client each of whose operations goes through `around(operation, call, arguments)`."""

    def __init__(self, client: Any, around: Callable[[str, Callable[..., Any], dict[str, Any]], Any]) -> None:
        self._client = client
        self._around = around

    def __getattr__(self, operation: str) -> Any:
        call = getattr(self._client, operation)
        return lambda **arguments: self._around(operation, call, arguments)


@dataclass(frozen=True)
class Aws:
    """Clients of an account that has the state table and nothing else."""

    dynamodb: Any
    secretsmanager: Any


@cache
def _clients() -> tuple[Any, Any]:
    """Make the clients once: that takes longer than most tests."""
    config = Config(region_name="eu-north-1", max_pool_connections=64)
    return boto3.client("dynamodb", config=config), boto3.client("secretsmanager", config=config)


@contextmanager
def mocked_aws() -> Iterator[Aws]:
    """Play AWS while the context lasts.

    moto looks at a condition and writes in two steps, between which another thread may run. AWS does not: so one
    operation runs at a time.
    """
    one_at_a_time = threading.Lock()

    def around(_operation: str, call: Callable[..., Any], arguments: dict[str, Any]) -> Any:
        with one_at_a_time:
            return call(**arguments)

    with pytest.MonkeyPatch.context() as environment, mock_aws():
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            environment.setenv(name, "testing")
        dynamodb, secretsmanager = _clients()
        dynamodb.create_table(
            TableName=TABLE,
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[
                {"AttributeName": "pk", "AttributeType": "S"},
                {"AttributeName": "sk", "AttributeType": "S"},
            ],
            BillingMode="PAY_PER_REQUEST",
        )
        yield Aws(Intercepted(dynamodb, around), Intercepted(secretsmanager, around))


class Clock:
    """A clock that stands still until somebody sleeps or sets it."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def together(*actions: Callable[[], Any]) -> list[Any]:
    """Run the actions in threads that start at the same moment; give what each returned or raised, in their order."""
    results: list[Any] = [None] * len(actions)
    start = threading.Barrier(len(actions))

    def run(index: int, action: Callable[[], Any]) -> None:
        start.wait(10)
        try:
            results[index] = action()
        except Exception as error:
            results[index] = error

    threads = [threading.Thread(target=run, args=each) for each in enumerate(actions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    return results
