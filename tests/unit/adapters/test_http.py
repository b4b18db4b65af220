"""The connection policy, driven through a session whose adapter plays a script instead of opening a connection."""

from __future__ import annotations

import io
import logging
import traceback
from collections import Counter
from dataclasses import dataclass, field
from email.utils import formatdate
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any

import pytest
import requests
import urllib3
from huma_fortnox.adapters.http import (
    Action,
    Answer,
    Call,
    Deadline,
    ErrorTable,
    HttpPolicy,
    Limits,
    Repeat,
    Rule,
    Verdict,
)
from huma_fortnox.adapters.redaction import code
from huma_fortnox.domain.errors import (
    ConsentNeeded,
    Defect,
    IntegrationError,
    Missing,
    OutcomeUnknown,
    RateLimited,
    Refused,
    TransientError,
)
from requests.adapters import BaseAdapter
from urllib3.exceptions import MaxRetryError, NewConnectionError, ProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

URL = "https://api.example.com/3/employees"
CANARY = "canary-hemlig-0701740605"


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def _refused_connection() -> Exception:
    pool = urllib3.HTTPSConnectionPool("api.example.com")
    reason = NewConnectionError(pool, f"refused {CANARY}")  # type: ignore[arg-type]
    return requests.ConnectionError(MaxRetryError(pool, f"/3/employees?q={CANARY}", reason))


def _dropped_connection() -> Exception:
    return requests.ConnectionError(ProtocolError(f"Connection aborted {CANARY}"))


@dataclass
class Script(BaseAdapter):
    """Answers with what stands in ``steps``, the last one for ever; an exception is raised."""

    steps: list[Any]
    sent: list[requests.PreparedRequest] = field(default_factory=list)
    timeouts: list[Any] = field(default_factory=list)
    closed: int = 0
    on_send: Callable[[], None] | None = None

    def send(self, request: requests.PreparedRequest, *args: Any, **settings: Any) -> requests.Response:
        self.sent.append(request)
        self.timeouts.append(settings["timeout"])
        if self.on_send:
            self.on_send()
        step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        if isinstance(step, Exception):
            raise step
        status, headers, body = step
        response = requests.Response()
        response.status_code = status
        response.headers.update(headers)
        response.raw = urllib3.HTTPResponse(
            io.BytesIO(body), headers=headers, status=status, preload_content=False, decode_content=False
        )
        response.url = request.url or ""
        response.request = request
        return response

    def close(self) -> None:
        self.closed += 1


def answer(status: int = 200, body: str = "{}", **headers: str) -> tuple[int, dict[str, str], bytes]:
    return status, {name.replace("_", "-"): value for name, value in headers.items()}, body.encode()


TABLE = ErrorTable(
    {
        ("401", "*"): Rule(Action.NEW_TOKEN, ConsentNeeded, "consent-needed"),
        ("404", "*"): Rule(Action.FAIL, Missing, "missing"),
        ("*", "7"): Rule(Action.FAIL, Refused, "seven"),
        ("*", "page"): Rule(Action.REPEAT, TransientError),
        ("*", "*"): Rule(Action.FAIL, Refused, "refused"),
    }
)


@dataclass
class PlainPeer:
    """A system with one token and no budget, which writes down what it is asked."""

    system: str = "example"
    told: list[str] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)
    tokens: int = 1

    def headers(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {CANARY}-{self.tokens}"}

    def before(self) -> None:
        self.told.append("permit")

    def slow_down(self, seconds: float) -> None:
        self.pauses.append(seconds)

    def token_refused(self, headers: Mapping[str, str]) -> None:
        self.told.append(f"refused {headers['Authorization'][-1]}")
        self.tokens += 1

    def judge(self, call: Call, answer: Answer) -> Verdict | None:
        if answer.status < 300 and answer.document is not None:
            return None
        given = "page" if answer.document is None else str(answer.document.get("code", ""))
        return Verdict(TABLE.find(answer.status, given))


@dataclass
class Run:
    """A policy over a script, with everything a test looks at."""

    script: Script
    clock: Clock
    policy: HttpPolicy
    peer: PlainPeer
    circuits: list[tuple[str, bool]]

    def send(self, call: Call) -> Answer:
        return self.policy.send(call, self.peer)

    @property
    def sent(self) -> int:
        return len(self.script.sent)


def run(*steps: Any, randomness: Callable[[], float] = lambda: 0.5, **limits: Any) -> Run:
    clock, script, circuits = Clock(), Script(list(steps)), list[tuple[str, bool]]()
    session = requests.Session()
    session.trust_env = False
    session.mount("https://", script)
    policy = HttpPolicy(
        session=session,
        limits=Limits(**limits),
        clock=clock,
        wall_clock=lambda: 1_700_000_000.0 + clock.now,
        sleep=clock.sleep,
        randomness=randomness,
        on_circuit=lambda key, is_open: circuits.append((key, is_open)),
    )
    return Run(script, clock, policy, PlainPeer(), circuits)


READ = Call("read", "GET", URL, params={"search": CANARY})
WRITE = Call("write", "PUT", URL, json={"Phone1": CANARY}, one_person=True)
CREATE = Call("create", "POST", URL, json={"Phone1": CANARY}, repeat=Repeat.IF_NOT_DONE, one_person=True)


# -- the request -----------------------------------------------------------------------------------


def test_every_request_has_a_connect_and_a_read_timeout_and_asks_for_json() -> None:
    it = run(answer())
    it.send(READ)
    assert it.script.timeouts == [(3.05, 20.0)]
    assert it.script.sent[0].headers["Accept"] == "application/json"


def test_timeouts_end_with_the_deadline() -> None:
    it = run(answer())
    it.policy.deadline.start(2.0)
    it.send(READ)
    assert it.script.timeouts == [(2.0, 2.0)]


def test_a_json_body_is_sent_as_json_and_a_form_as_a_form() -> None:
    it = run(answer())
    it.send(WRITE)
    it.send(Call("token", "POST", URL, form={"grant_type": "client credentials"}))
    assert it.script.sent[0].headers["Content-Type"] == "application/json"
    assert it.script.sent[0].body == b'{"Phone1":"' + CANARY.encode() + b'"}'
    assert it.script.sent[1].headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert it.script.sent[1].body == b"grant_type=client+credentials"


def test_text_that_is_not_valid_unicode_can_be_sent() -> None:
    it = run(answer())
    it.send(Call("write", "PUT", URL, json={"FirstName": "\ud800"}))
    assert it.script.sent[0].body == b'{"FirstName":"\\ud800"}'


def test_a_redirect_is_not_followed() -> None:
    it = run(answer(302, "", Location="https://elsewhere.example.org/"))
    with pytest.raises(TransientError):
        it.send(READ)
    assert {request.url for request in it.script.sent} == {f"{URL}?search={CANARY}"}


def test_the_default_session_keeps_no_cookies_and_ignores_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    made = requests.Session()
    monkeypatch.setattr(requests, "Session", lambda: made)
    HttpPolicy()
    assert made.trust_env is False
    policy = made.cookies.get_policy()
    assert isinstance(policy, DefaultCookiePolicy)
    assert policy.is_not_allowed("api.example.com")


def test_connections_that_rested_too_long_are_not_used_again() -> None:
    it = run(answer())
    it.send(READ)
    it.clock.now += 44
    it.send(READ)
    assert it.script.closed == 0
    it.clock.now += 46
    it.send(READ)
    assert it.script.closed == 1


def test_an_answer_that_does_not_end_in_time_is_given_up() -> None:
    it = run(answer(), tries=1)
    it.script.on_send = lambda: it.clock.sleep(61)
    with pytest.raises(TransientError) as caught:
        it.send(READ)
    assert caught.value.reason.params["why"] == "answer-too-long"


# -- repeating -------------------------------------------------------------------------------------

FAILURES = {
    "refused": _refused_connection(),
    "dropped": _dropped_connection(),
    "slow to connect": requests.ConnectTimeout(CANARY),
    "slow to answer": requests.ReadTimeout(CANARY),
    "broken body": requests.exceptions.ChunkedEncodingError(CANARY),
    "tls": requests.exceptions.SSLError(CANARY),
    "http 500": answer(500, f'{{"message": "{CANARY}"}}'),
    "http 503 page": answer(503, f"<html>{CANARY}</html>"),
    "page instead of json": answer(200, f"<html>{CANARY}</html>"),
    "http 408": answer(408),
}
NOT_ARRIVED = {"refused", "slow to connect"}


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("call", [READ, WRITE], ids=lambda call: call.operation)
def test_reads_and_writes_that_set_values_are_repeated(call: Call, failure: str) -> None:
    it = run(FAILURES[failure], FAILURES[failure], answer(200, '{"ok": 1}'))
    assert it.send(call).document == {"ok": 1}
    assert it.sent == 3


@pytest.mark.parametrize("failure", FAILURES)
def test_they_are_given_up_after_four_tries(failure: str) -> None:
    it = run(FAILURES[failure])
    with pytest.raises(TransientError) as caught:
        it.send(WRITE)
    assert not isinstance(caught.value, OutcomeUnknown)
    assert caught.value.reason.params["system"] == "example"
    assert it.sent == 4


@pytest.mark.parametrize("failure", sorted(FAILURES.keys() - NOT_ARRIVED))
def test_a_creation_that_may_have_arrived_is_never_repeated(failure: str) -> None:
    it = run(FAILURES[failure], answer())
    with pytest.raises(OutcomeUnknown):
        it.send(CREATE)
    assert it.sent == 1


@pytest.mark.parametrize("failure", sorted(NOT_ARRIVED))
def test_a_creation_that_cannot_have_arrived_is_repeated(failure: str) -> None:
    it = run(FAILURES[failure], answer(201, '{"ok": 1}'))
    assert it.send(CREATE).status == 201
    assert it.sent == 2


def test_a_creation_that_never_arrives_is_not_of_unknown_outcome() -> None:
    it = run(_refused_connection())
    with pytest.raises(TransientError) as caught:
        it.send(CREATE)
    assert not isinstance(caught.value, OutcomeUnknown)


def test_a_refusal_is_not_repeated() -> None:
    it = run(answer(400, '{"code": 7}'))
    with pytest.raises(Refused) as caught:
        it.send(WRITE)
    assert caught.value.reason.code == "seven"
    assert it.sent == 1


def test_waits_grow_and_are_jittered_from_nothing_up() -> None:
    draws = iter([0.0, 0.5, 0.999])
    it = run(answer(500), randomness=lambda: next(draws))
    with pytest.raises(TransientError):
        it.send(READ)
    assert it.clock.slept == pytest.approx([0.0, 0.4, 1.5984])


def test_a_permit_is_asked_for_before_every_request() -> None:
    it = run(answer(500), answer(429), answer(401), answer())
    it.send(READ)
    assert it.peer.told.count("permit") == it.sent == 4


# -- Retry-After and 429 ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "waited"),
    [
        ("2", 2.0),
        ("0", 0.0),
        ("1.5", 1.5),
        ("-3", 0.0),
        (formatdate(1_700_001_000.0 + 4, usegmt=True), 4.0),
        (formatdate(1_700_000_000.0, usegmt=True), 0.0),
        ("soon", 5.5),
        ("nan", 5.5),
        ("inf", 5.5),
        ("", 5.5),
    ],
)
def test_retry_after_is_read_as_seconds_or_date_and_otherwise_the_window_is_waited(given: str, waited: float) -> None:
    it = run(answer(429, Retry_After=given), answer())
    it.send(READ)
    assert it.clock.slept == pytest.approx([waited])


def test_a_429_pauses_everybody_and_even_a_creation_is_repeated() -> None:
    it = run(answer(429), answer(201))
    assert it.send(CREATE).status == 201
    assert it.peer.pauses == [5.5]


def test_a_429_is_repeated_a_bounded_number_of_times() -> None:
    it = run(answer(429, Retry_After="1"))
    with pytest.raises(RateLimited) as caught:
        it.send(READ)
    assert it.sent == 4
    assert caught.value.retry_after == 1.0


@pytest.mark.parametrize(("given", "handed_over"), [("60", 60.0), ("999999", 300.0)])
def test_a_long_wait_is_handed_to_the_caller_within_limits(given: str, handed_over: float) -> None:
    for status, error in ((429, RateLimited), (503, TransientError)):
        it = run(answer(status, Retry_After=given))
        with pytest.raises(error) as caught:
            it.send(READ)
        assert isinstance(caught.value, TransientError)
        assert caught.value.retry_after == handed_over
        assert it.sent == 1
        assert it.clock.slept == []


# -- the deadline ----------------------------------------------------------------------------------


def test_nothing_is_sent_when_the_time_is_up() -> None:
    it = run(answer())
    it.policy.deadline.start(0.4)
    with pytest.raises(TransientError) as caught:
        it.send(READ)
    assert caught.value.reason.code == "out-of-time"
    assert it.sent == 0


def test_a_creation_is_not_begun_shortly_before_the_end() -> None:
    it = run(answer())
    it.policy.deadline.start(4.0)
    with pytest.raises(TransientError):
        it.send(CREATE)
    assert it.sent == 0
    it.send(WRITE)
    assert it.sent == 1


def test_no_wait_reaches_beyond_the_deadline() -> None:
    it = run(answer(500, Retry_After="3"))
    it.policy.deadline.start(7.0)
    with pytest.raises(TransientError):
        it.send(READ)
    assert it.clock.slept == [3.0, 3.0]
    assert it.policy.deadline.remaining() == pytest.approx(1.0)


def test_time_spent_waiting_for_a_permit_counts() -> None:
    it = run(answer())
    it.policy.deadline.start(10.0)
    it.peer.before = lambda: it.clock.sleep(8.0)  # type: ignore[method-assign]
    with pytest.raises(TransientError):
        it.send(CREATE)
    assert it.sent == 0


def test_a_deadline_without_a_start_never_comes() -> None:
    assert Deadline().remaining() == float("inf")


# -- the circuit -----------------------------------------------------------------------------------


def fail(it: Run, policy: HttpPolicy) -> TransientError:
    with pytest.raises(TransientError) as caught:
        policy.send(READ, it.peer)
    return caught.value


def test_after_many_failures_in_a_row_nothing_is_sent_for_a_while() -> None:
    it = run(answer(500), breaker_threshold=6)
    fail(it, it.policy)
    fail(it, it.policy)
    assert it.sent == 6
    error = fail(it, it.policy)
    assert error.reason.code == "circuit-open"
    # 20 s from the last failure, of which the wait before the next try has gone by.
    assert error.retry_after == pytest.approx(19.6)
    assert it.sent == 6
    assert it.circuits == [("example:", True)]


def test_one_trial_is_let_through_and_its_success_closes_the_circuit() -> None:
    it = run(*[answer(500)] * 7, answer(), breaker_threshold=6, tries=1)
    for _ in range(6):
        fail(it, it.policy)
    it.clock.now += 20
    # The trial fails, so the circuit stays open.
    fail(it, it.policy)
    assert it.sent == 7
    assert fail(it, it.policy).reason.code == "circuit-open"
    it.clock.now += 20
    it.send(READ)
    it.send(READ)
    assert it.sent == 9
    assert it.circuits == [("example:", True), ("example:", False)]


def test_while_the_trial_is_under_way_the_others_wait() -> None:
    it = run(*[answer(500)] * 6, answer(), breaker_threshold=6, tries=1)
    for _ in range(6):
        fail(it, it.policy)
    it.clock.now += 20
    during: list[TransientError] = []

    def meanwhile() -> None:
        it.script.on_send = None
        during.append(fail(it, it.policy))

    it.script.on_send = meanwhile
    it.send(READ)
    assert [error.reason.code for error in during] == ["circuit-open"]


def test_one_organizations_circuit_is_not_anothers() -> None:
    it = run(answer(500), breaker_threshold=1, tries=1)
    first, second = it.policy.for_organization("o-1"), it.policy.for_organization("o-2")
    assert fail(it, first).reason.code == "temporarily-unavailable"
    assert fail(it, first).reason.code == "circuit-open"
    assert fail(it, it.policy.for_organization("o-1")).reason.code == "circuit-open"
    assert fail(it, second).reason.code == "temporarily-unavailable"
    assert it.circuits == [("example:o-1", True), ("example:o-2", True)]


def test_refusals_and_limits_do_not_open_the_circuit() -> None:
    it = run(answer(400), breaker_threshold=1)
    for _ in range(3):
        with pytest.raises(Refused):
            it.send(WRITE)
    assert it.circuits == []


# -- tokens ----------------------------------------------------------------------------------------


def test_a_refused_token_is_replaced_and_the_request_repeated_once() -> None:
    it = run(answer(401), answer(201))
    assert it.send(CREATE).status == 201
    assert it.peer.told == ["permit", "refused 1", "permit"]
    assert it.script.sent[1].headers["Authorization"].endswith("-2")


def test_a_second_refusal_is_believed() -> None:
    it = run(answer(401))
    with pytest.raises(ConsentNeeded):
        it.send(READ)
    assert it.sent == 2


# -- the table -------------------------------------------------------------------------------------


def test_the_most_specific_row_wins_and_codes_go_before_statuses() -> None:
    def rule(reason: str) -> Rule:
        return Rule(Action.FAIL, Refused, reason)

    table = ErrorTable(
        {
            ("400", "7"): rule("exact"),
            ("4xx", "7"): rule("family and code"),
            ("*", "7"): rule("code"),
            ("403", "*"): rule("status"),
            ("4xx", "*"): rule("family"),
            ("*", "*"): rule("otherwise"),
        }
    )
    found = {
        (status, given): table.find(status, given).reason
        for status, given in [(400, "7"), (401, "7"), (503, "7"), (403, "8"), (409, None), (200, "8")]
    }
    assert found == {
        (400, "7"): "exact",
        (401, "7"): "family and code",
        (503, "7"): "code",
        (403, "8"): "status",
        (409, None): "family",
        (200, "8"): "otherwise",
    }


def test_a_table_without_a_last_row_is_refused() -> None:
    with pytest.raises(KeyError):
        ErrorTable({("400", "*"): Rule(Action.FAIL, Refused)})


# -- nothing leaks ---------------------------------------------------------------------------------


def everything_said(error: BaseException) -> str:
    return "\n".join([str(error), repr(error), *traceback.format_exception(error)])


BAD_REQUESTS = {
    "no scheme": Call("read", "GET", f"//{CANARY}"),
    "no such scheme": Call("read", "GET", f"gopher://{CANARY}/"),
    "bad host": Call("read", "GET", f"https://*{CANARY}/"),
}


@pytest.mark.parametrize("call", [READ, WRITE, CREATE], ids=lambda call: call.operation)
@pytest.mark.parametrize(
    "step",
    [
        *FAILURES.values(),
        answer(400, f'{{"message": "{CANARY}", "code": "{CANARY}"}}', X_Reason=CANARY),
        answer(401, f'{{"message": "{CANARY}"}}'),
        answer(429, CANARY, Retry_After=CANARY),
    ],
)
def test_no_error_and_no_log_line_carries_what_was_sent_or_answered(
    step: Any, call: Call, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    it = run(step)
    with pytest.raises(IntegrationError) as caught:
        it.send(call)
    assert CANARY not in everything_said(caught.value)
    # A tool that walks the chain would print the library's own text, which holds the URL.
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert CANARY not in caplog.text
    assert CANARY not in repr(call)


@pytest.mark.parametrize("case", BAD_REQUESTS)
def test_a_request_that_cannot_be_sent_is_our_defect_and_is_not_quoted(
    case: str, caplog: pytest.LogCaptureFixture
) -> None:
    it = run(answer())
    with pytest.raises(Defect) as caught:
        it.send(BAD_REQUESTS[case])
    assert CANARY not in everything_said(caught.value)
    assert caught.value.__context__ is None
    assert CANARY not in caplog.text


def test_a_header_that_cannot_be_sent_is_our_defect_and_is_not_quoted() -> None:
    it = run(answer())
    it.peer.headers = lambda: {"Authorization": f"Bearer {CANARY}\n"}  # type: ignore[method-assign]
    with pytest.raises(Defect) as caught:
        it.send(READ)
    assert CANARY not in everything_said(caught.value)
    assert caught.value.__context__ is None


def test_what_the_library_logs_about_paths_is_dropped(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    run(answer())
    for name in ("urllib3.connectionpool", "urllib3.connection"):
        logging.getLogger(name).warning("Failed to parse headers (url=%s)", CANARY)
    assert caplog.text == ""


def test_an_answer_does_not_show_its_contents() -> None:
    it = run(answer(200, f'{{"Email": "{CANARY}"}}', X_Header=CANARY))
    assert CANARY not in repr(it.send(READ))


def test_repeats_and_surrenders_are_logged_by_operation_and_reason(caplog: pytest.LogCaptureFixture) -> None:
    it = run(answer(500))
    with pytest.raises(TransientError):
        it.send(READ)
    assert Counter(record.getMessage() for record in caplog.records) == {
        "request: repeating: system=example operation=read why=http-500": 3,
        "request: gave up: system=example operation=read why=http-500": 1,
    }


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (2000359, "2000359"),
        ("object:not-found", "object:not-found"),
        ("homeAddress.postalCode", "homeAddress.postalCode"),
        ("invalid_grant", "invalid_grant"),
        ("199001011234", "unreadable"),
        ("konto-12345678", "unreadable"),
        ("anna@example.com", "unreadable"),
        ("Anna Exempel", "unreadable"),
        ("x" * 65, "unreadable"),
        (True, "unreadable"),
        (None, "unreadable"),
        ({"a": 1}, "unreadable"),
    ],
)
def test_only_what_can_be_a_code_is_repeated(given: object, said: str) -> None:
    assert code(given) == said
