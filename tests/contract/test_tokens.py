from __future__ import annotations

import json
import logging
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from huma_fortnox.adapters.fortnox_oauth import FortnoxOAuth
from huma_fortnox.adapters.lease import GRACE, Leases
from huma_fortnox.adapters.secrets import FortnoxCredentials, GrantKind, OrganizationSecrets
from huma_fortnox.adapters.table import Table
from huma_fortnox.adapters.tokens import (
    COOL_DOWN,
    KEEP_ALIVE_DAYS,
    LEASE_SECONDS,
    LICENCE_SECONDS,
    MARGIN,
    FortnoxTokens,
    TokenEndpoint,
)
from huma_fortnox.domain.errors import (
    ConsentNeeded,
    Defect,
    IntegrationError,
    LicenceMissing,
    OutcomeUnknown,
    TransientError,
)

from tests.contract.aws import TABLE, Aws, Clock, Intercepted, mocked_aws, together

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from huma_fortnox.domain.outcome import Reason
    from huma_fortnox.services.ports import AccessTokens

ORGANIZATION = "6f1c2a0e-0000-4000-8000-000000000001"
TENANT = "123456"
DAY = 24 * 3600.0
CREDENTIALS, REFRESH = GrantKind.CLIENT_CREDENTIALS, GrantKind.REFRESH_TOKEN
# The type checker holds the tokens to the port, and Fortnox's endpoint to what they need of it, here.
PORT: type[AccessTokens] = FortnoxTokens
ENDPOINT: type[TokenEndpoint] = FortnoxOAuth
BOTH = pytest.mark.parametrize("kind", [CREDENTIALS, REFRESH])


class Crash(BaseException):
    """The worker is gone: nothing of ours runs any more."""


@dataclass(frozen=True)
class Given:
    access_token: str
    expires_in: int
    scopes: frozenset[str]
    refresh_token: str | None


@dataclass
class TokenServer:
    """Fortnox's token endpoint: refresh tokens rotate and are good for one use."""

    good: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)
    scopes: frozenset[str] = frozenset({"salary", "companyinformation"})
    after: Callable[[], None] = lambda: None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def client_credentials(self, tenant_id: str) -> Given:
        assert tenant_id == TENANT
        return self._give("client_credentials", None)

    def refresh(self, refresh_token: str) -> Given:
        with self.lock:
            known = refresh_token in self.good
            self.good.discard(refresh_token)
            following = f"refresh-{len(self.asked) + 1}"
        if not known and not self.failures:
            self.asked.append("refused")
            self.after()
            raise ConsentNeeded("consent-lost")
        given = self._give("refresh", following)
        self.good.add(following)
        return given

    def _give(self, how: str, refresh_token: str | None) -> Given:
        with self.lock:
            self.asked.append(how)
            number = len(self.asked)
            failure = self.failures.pop(0) if self.failures else None
        self.after()
        if failure:
            raise failure
        return Given(f"access-{number}", 3600, self.scopes, refresh_token)


@dataclass
class World:
    aws: Aws
    clock: Clock = field(default_factory=Clock)
    server: TokenServer = field(default_factory=TokenServer)
    told: list[str] = field(default_factory=list)
    telling: Callable[[], None] = lambda: None

    def secrets(self, client: Any = None) -> OrganizationSecrets:
        return OrganizationSecrets(
            client or self.aws.secretsmanager, "huma-fortnox/test", clock=self.clock, sleep=self.clock.sleep
        )

    def tell(self, reason: Reason) -> None:
        self.telling()
        self.told.append(reason.code)

    def worker(self, *, off: float = 0.0, secrets: Any = None, table: Any = None, **settings: Any) -> FortnoxTokens:
        def own_clock() -> float:
            return self.clock() + off

        settings = {"clock": own_clock, "sleep": self.clock.sleep} | settings
        return FortnoxTokens(
            ORGANIZATION,
            self.secrets(secrets),
            Table(table or self.aws.dynamodb, TABLE, clock=own_clock),
            self.server,
            self.tell,
            **settings,
        )

    def connect(self, kind: GrantKind, *, valid: float = 0.0, age: float = 0.0) -> str:
        """Store what a new consent gave; return the access token."""
        token = f"access-of-consent-{len(self.server.asked)}"
        refresh_token = f"refresh-of-consent-{len(self.server.asked)}" if kind is REFRESH else ""
        self.server.good = {refresh_token}
        now = int(self.clock())
        credentials = FortnoxCredentials(
            kind, TENANT, token, int(now + valid), refresh_token, int(now - age), "companyinformation salary"
        )
        self.secrets().save_fortnox(ORGANIZATION, credentials)
        return token

    def stored(self) -> FortnoxCredentials:
        secret = self.secrets().read(ORGANIZATION, fresh=True)
        assert secret is not None
        assert secret.fortnox is not None
        return secret.fortnox

    def lease_is_over(self) -> None:
        self.clock.now += LEASE_SECONDS + GRACE + 1


@pytest.fixture
def world() -> Iterator[World]:
    with mocked_aws() as aws:
        yield World(aws)


def failing(operation_to_fail: str, failure: BaseException, times: int = 1) -> Callable[..., Any]:
    left = [failure] * times

    def around(operation: str, call: Callable[..., Any], arguments: dict[str, Any]) -> Any:
        if operation == operation_to_fail and left:
            raise left.pop()
        return call(**arguments)

    return around


# -- an ordinary day ----------------------------------------------------------------------------


@BOTH
def test_a_valid_token_is_used_without_asking_anybody_twice(world: World, kind: GrantKind) -> None:
    token = world.connect(kind, valid=3600)
    operations: Counter[str] = Counter()

    def count(operation: str, call: Callable[..., Any], arguments: dict[str, Any]) -> Any:
        operations[operation] += 1
        return call(**arguments)

    worker = world.worker(
        secrets=Intercepted(world.aws.secretsmanager, count), table=Intercepted(world.aws.dynamodb, count)
    )
    assert [worker.access_token() for _ in range(5)] == [token] * 5
    assert operations == {"get_secret_value": 1}
    assert world.server.asked == []


@BOTH
def test_an_expired_token_is_renewed_stored_and_found_by_the_next_worker(world: World, kind: GrantKind) -> None:
    world.connect(kind)
    assert world.worker().access_token() == "access-1"
    assert world.stored().access_token == "access-1"
    assert world.stored().expires_at == int(world.clock()) + 3600
    assert world.stored().scope == "companyinformation salary"
    assert world.worker().access_token() == "access-1"
    assert len(world.server.asked) == 1


@BOTH
def test_an_hour_of_work_after_the_other_goes_on_renewing(world: World, kind: GrantKind) -> None:
    world.connect(kind)
    workers = [world.worker(), world.worker(off=2), world.worker(off=-2)]
    for _ in range(100):
        for worker in workers:
            token = worker.access_token()
            assert token
        assert world.stored().expires_at - world.clock() > 60
        world.clock.now += 240
    assert 24000 / 3600 <= len(world.server.asked) <= 24000 / (3600 - MARGIN - 240) + 2
    assert "refused" not in world.server.asked


@BOTH
def test_fifty_workers_at_expiry_make_exactly_one_token_request(world: World, kind: GrantKind) -> None:
    world.connect(kind)
    pause = threading.Event()
    waiting: dict[str, Any] = {"sleep": lambda seconds: pause.wait(seconds) and None}
    workers = [world.worker(off=index % 5 - 2, **waiting) for index in range(50)]
    assert set(together(*[worker.access_token for worker in workers])) == {"access-1"}
    assert len(world.server.asked) == 1


def test_threads_of_one_worker_collapse_into_one_renewal(world: World) -> None:
    world.connect(CREDENTIALS)
    operations: Counter[str] = Counter()

    def count(operation: str, call: Callable[..., Any], arguments: dict[str, Any]) -> Any:
        operations[operation] += 1
        return call(**arguments)

    worker = world.worker(table=Intercepted(world.aws.dynamodb, count))
    assert set(together(*[worker.access_token] * 20)) == {"access-1"}
    assert len(world.server.asked) == 1
    assert operations["put_item"] == 2


@BOTH
def test_shortly_before_the_end_one_renews_while_the_others_go_on(world: World, kind: GrantKind) -> None:
    token = world.connect(kind, valid=MARGIN - 10)
    seen: list[str] = []
    other = world.worker()
    world.server.after = lambda: seen.append(other.access_token())
    assert world.worker().access_token() == "access-1"
    assert seen == [token]
    assert len(world.server.asked) == 1


def test_a_renewal_that_fails_early_leaves_the_token_that_still_is_good(world: World) -> None:
    token = world.connect(CREDENTIALS, valid=MARGIN - 10)
    world.server.failures = [TransientError("down")]
    worker = world.worker()
    assert [worker.access_token() for _ in range(3)] == [token] * 3
    assert len(world.server.asked) == 1
    world.clock.now += 2 * COOL_DOWN
    assert worker.access_token() == "access-2"


def test_somebody_who_never_connected_is_asked_to(world: World) -> None:
    with pytest.raises(ConsentNeeded):
        world.worker().access_token()
    assert world.told == []


# -- a token that Fortnox does not accept -------------------------------------------------------


@BOTH
def test_a_refused_token_is_renewed_once_for_all_workers(world: World, kind: GrantKind) -> None:
    token = world.connect(kind, valid=3600, age=600)
    workers = [world.worker() for _ in range(5)]
    assert {worker.access_token() for worker in workers} == {token}
    for worker in workers:
        worker.refused(token)
    assert {worker.access_token() for worker in workers} == {"access-1"}
    assert len(world.server.asked) == 1


def test_a_fresh_token_that_is_refused_as_well_is_not_renewed_in_circles(world: World) -> None:
    world.connect(CREDENTIALS)
    worker = world.worker()
    worker.refused(worker.access_token())
    with pytest.raises(TransientError) as stopped:
        worker.access_token()
    assert stopped.value.reason.code == "token-refused"
    assert stopped.value.retry_after == pytest.approx(COOL_DOWN, abs=1)
    assert len(world.server.asked) == 1
    world.clock.now += COOL_DOWN
    assert worker.access_token() == "access-2"


# -- workers that die, sleep or overtake each other ---------------------------------------------


def test_with_client_credentials_a_worker_that_dies_before_storing_costs_a_wait(world: World) -> None:
    world.connect(CREDENTIALS)
    dying = Intercepted(world.aws.secretsmanager, failing("put_secret_value", Crash()))
    with pytest.raises(Crash):
        world.worker(
            secrets=dying, table=Intercepted(world.aws.dynamodb, failing("delete_item", Crash()))
        ).access_token()
    with pytest.raises(TransientError) as busy:
        world.worker().access_token()
    assert busy.value.reason.code == "token-renewal-busy"
    world.lease_is_over()
    assert world.worker().access_token() == "access-2"
    assert world.told == []


def test_with_refresh_tokens_a_worker_that_dies_before_storing_costs_the_consent_and_one_message(world: World) -> None:
    world.connect(REFRESH)
    dying = Intercepted(world.aws.secretsmanager, failing("put_secret_value", Crash()))
    with pytest.raises(Crash):
        world.worker(
            secrets=dying, table=Intercepted(world.aws.dynamodb, failing("delete_item", Crash()))
        ).access_token()
    world.lease_is_over()
    pause = threading.Event()
    workers = [world.worker(sleep=lambda seconds: pause.wait(seconds / 20) and None) for _ in range(50)]
    results = together(*[worker.access_token for worker in workers])
    assert [type(result) for result in results] == [ConsentNeeded] * 50
    assert world.server.asked == ["refresh", "refused"]
    assert world.told == ["consent-lost"]


@BOTH
def test_a_lease_that_expires_under_its_holder_is_not_released_by_it(world: World, kind: GrantKind) -> None:
    world.connect(kind)
    leases = Leases(Table(world.aws.dynamodb, TABLE, clock=world.clock), ORGANIZATION, clock=world.clock)
    successors: list[Any] = []

    def take_too_long() -> None:
        world.lease_is_over()
        successors.append(leases.acquire("fortnox-token", LEASE_SECONDS))

    world.server.after = take_too_long
    assert world.worker().access_token() == "access-1"
    assert world.stored().access_token == "access-1"
    (successor,) = successors
    assert successor is not None
    assert leases.acquire("fortnox-token", LEASE_SECONDS) is None
    assert leases.release(successor)


def test_invalid_grant_because_another_worker_rotated_is_no_loss(world: World) -> None:
    world.connect(REFRESH)
    others = [world.worker()]

    def another_was_quicker() -> None:
        if others:
            other = others.pop()
            world.lease_is_over()
            other.access_token()

    slow = world.worker()
    world.server.after = lambda: None
    refresh = world.server.refresh

    def overtaken(refresh_token: str) -> Given:
        another_was_quicker()
        return refresh(refresh_token)

    world.server.refresh = overtaken  # type: ignore[method-assign]
    assert slow.access_token() == "access-1"
    assert world.server.asked == ["refresh", "refused"]
    assert world.told == []


def test_a_secret_that_is_still_seen_as_it_was_does_not_use_a_refresh_token_twice(world: World) -> None:
    world.connect(REFRESH)
    before = world.aws.secretsmanager.get_secret_value(SecretId=f"huma-fortnox/test/{ORGANIZATION}")
    assert world.worker().access_token() == "access-1"

    def behind(operation: str, call: Callable[..., Any], arguments: dict[str, Any]) -> Any:
        if operation == "get_secret_value" and "VersionId" not in arguments:
            return before
        return call(**arguments)

    assert world.worker(secrets=Intercepted(world.aws.secretsmanager, behind)).access_token() == "access-1"
    assert world.server.asked == ["refresh"]


def test_a_frozen_process_that_wakes_up_with_an_old_lease_does_not_start(world: World) -> None:
    world.connect(REFRESH)

    def freeze(operation: str, call: Callable[..., Any], arguments: dict[str, Any]) -> Any:
        answer = call(**arguments)
        if operation == "put_item":
            world.clock.now += LEASE_SECONDS - 5
        return answer

    with pytest.raises(TransientError):
        world.worker(table=Intercepted(world.aws.dynamodb, freeze)).access_token()
    assert world.server.asked == []


def test_who_has_no_time_to_store_a_refresh_token_does_not_use_one(world: World) -> None:
    world.connect(REFRESH)
    with pytest.raises(TransientError):
        world.worker(time_left=lambda: 5.0).access_token()
    assert world.server.asked == []
    assert world.worker(time_left=lambda: 30.0).access_token() == "access-1"


def test_storing_a_rotated_token_is_tried_with_patience(world: World) -> None:
    world.connect(REFRESH)
    unwell = Intercepted(world.aws.secretsmanager, failing("put_secret_value", TransientError("down"), times=4))
    assert world.worker(secrets=unwell).access_token() == "access-1"
    assert world.stored().refresh_token in world.server.good


@BOTH
@pytest.mark.parametrize("meanwhile", ["connected again", "disconnected"])
def test_a_renewal_never_brings_an_earlier_consent_back(world: World, kind: GrantKind, meanwhile: str) -> None:
    world.connect(kind)

    def change() -> None:
        world.server.after = lambda: None
        if meanwhile == "connected again":
            world.connect(kind, valid=3600)
        else:
            world.secrets().forget_fortnox(ORGANIZATION)

    world.server.after = change
    worker = world.worker()
    with pytest.raises(TransientError):
        worker.access_token()
    if meanwhile == "connected again":
        assert worker.access_token() == "access-of-consent-1"
    else:
        with pytest.raises(ConsentNeeded):
            worker.access_token()
    assert world.told == []


# -- failures and what they mean ----------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("failure", [OutcomeUnknown(), TransientError("down"), Defect("misconfigured")])
def test_a_failure_is_no_verdict_on_the_consent_and_everybody_pauses(
    world: World, kind: GrantKind, failure: IntegrationError
) -> None:
    world.connect(kind)
    world.server.failures = [failure]
    with pytest.raises(type(failure)):
        world.worker().access_token()
    for _ in range(5):
        with pytest.raises(TransientError) as cooling:
            world.worker(off=2).access_token()
        assert cooling.value.reason.code == "token-cool-down"
        assert 0 < (cooling.value.retry_after or 0) <= COOL_DOWN
    assert len(world.server.asked) == 1
    assert world.told == []
    world.clock.now += COOL_DOWN
    if kind is CREDENTIALS:
        assert world.worker().access_token() == "access-2"


def test_the_pause_is_as_long_as_fortnox_asks_for(world: World) -> None:
    world.connect(CREDENTIALS)
    world.server.failures = [TransientError("down", retry_after=50)]
    with pytest.raises(TransientError) as failed:
        world.worker().access_token()
    assert failed.value.retry_after == 50
    world.clock.now += 40
    with pytest.raises(TransientError):
        world.worker().access_token()
    world.clock.now += 10
    assert world.worker().access_token() == "access-2"


@BOTH
def test_a_revoked_consent_is_told_once_and_asked_about_once(world: World, kind: GrantKind) -> None:
    world.connect(kind)
    world.server.failures = [ConsentNeeded("consent-lost")]
    for _ in range(4):
        with pytest.raises(ConsentNeeded) as lost:
            world.worker().access_token()
        assert lost.value.reason.code == "consent-lost"
        world.clock.now += DAY
    assert len(world.server.asked) == 1
    assert world.told == ["consent-lost"]


@BOTH
def test_connecting_again_makes_it_work_and_a_second_loss_is_told_again(world: World, kind: GrantKind) -> None:
    for round_ in (1, 2):
        world.connect(kind)
        world.server.failures = [ConsentNeeded("consent-lost")]
        with pytest.raises(ConsentNeeded):
            world.worker().access_token()
        assert world.told == ["consent-lost"] * round_
    world.connect(kind)
    assert world.worker().access_token() == "access-3"


def test_a_lost_licence_is_told_once_and_looked_for_now_and_then(world: World) -> None:
    world.connect(CREDENTIALS)
    world.server.failures = [
        LicenceMissing("licence-missing"),
        TransientError("down"),
        LicenceMissing("licence-missing"),
    ]
    for asked, error in enumerate([LicenceMissing, TransientError, LicenceMissing], start=1):
        with pytest.raises(error):
            world.worker().access_token()
        assert len(world.server.asked) == asked
        with pytest.raises((LicenceMissing, TransientError)):
            world.worker().access_token()
        assert len(world.server.asked) == asked
        world.clock.now += LICENCE_SECONDS
    assert world.told == ["licence-missing"]
    assert world.worker().access_token() == "access-4"


def test_a_scope_that_was_taken_away_is_told_once_and_its_tokens_are_kept(world: World) -> None:
    world.connect(REFRESH)
    world.server.scopes = frozenset({"companyinformation"})
    for _ in range(3):
        with pytest.raises(ConsentNeeded) as narrowed:
            world.worker().access_token()
        assert str(narrowed.value.reason) == "scope-missing(scope=salary)"
        world.clock.now += 3600
    assert world.stored().refresh_token in world.server.good
    assert world.server.asked == ["refresh"]
    assert world.told == ["scope-missing"]


def test_a_loss_that_could_not_be_told_is_told_later(world: World) -> None:
    world.connect(CREDENTIALS)
    world.server.failures = [ConsentNeeded("consent-lost")]

    def mail_is_down() -> None:
        raise TransientError("mail-unavailable")

    world.telling = mail_is_down
    with pytest.raises(ConsentNeeded):
        world.worker().access_token()
    world.telling = lambda: None
    with pytest.raises(ConsentNeeded):
        world.worker().access_token()
    assert world.told == []
    world.clock.now += 300
    for _ in range(3):
        with pytest.raises(ConsentNeeded):
            world.worker().access_token()
    assert world.told == ["consent-lost"]
    assert len(world.server.asked) == 1


# -- keeping a connection alive ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "days", "due"),
    [(REFRESH, KEEP_ALIVE_DAYS + 1, True), (REFRESH, KEEP_ALIVE_DAYS - 1, False), (CREDENTIALS, 400, False)],
)
def test_a_refresh_token_that_would_expire_unused_is_renewed(
    world: World, kind: GrantKind, days: float, due: bool
) -> None:
    world.connect(kind, valid=3600 - days * DAY, age=days * DAY)
    assert world.worker().keep_alive() is due
    assert world.worker().keep_alive() is False
    assert len(world.server.asked) == due


def test_nothing_is_kept_alive_where_nobody_connected(world: World) -> None:
    assert world.worker().keep_alive() is False


# -- what must never be seen ----------------------------------------------------------------------


def test_no_token_is_in_the_state_table_a_log_an_error_or_a_repr(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="huma_fortnox")
    world.connect(REFRESH)
    worker = world.worker()
    worker.access_token()
    world.server.good.clear()
    world.clock.now += 3600
    with pytest.raises(ConsentNeeded) as lost:
        world.worker().access_token()
    tokens = {f"{kind}-{name}" for kind in ("access", "refresh") for name in ("1", "2", "of-consent-0")}
    assert {world.stored().access_token, world.stored().refresh_token} <= tokens
    items = json.dumps(world.aws.dynamodb.scan(TableName=TABLE)["Items"])
    texts = [items, caplog.text, str(lost.value), repr(lost.value), repr(worker), repr(world.stored())]
    assert "LEASE#" in items or "TOKENS" in items
    assert not [token for token in tokens for text in texts if token in text]


def test_a_lease_shorter_than_the_request_is_not_accepted(world: World) -> None:
    with pytest.raises(ValueError, match="outlast"):
        world.worker(lease_seconds=20, longest_request=20)


def test_credentials_of_an_entry_made_by_hand_work_too(world: World) -> None:
    by_hand = {"fortnox": {"grant": "client_credentials", "tenant_id": TENANT}}
    world.aws.secretsmanager.create_secret(Name=f"huma-fortnox/test/{ORGANIZATION}", SecretString=json.dumps(by_hand))
    assert world.worker().access_token() == "access-1"
    assert world.worker().access_token() == "access-1"
    assert world.stored().consent_id
