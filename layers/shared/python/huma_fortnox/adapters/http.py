"""The one way to the outside: time-outs, repeats, circuit breaking and the verdict on every answer.

``HttpPolicy.send`` carries out one ``Call`` against a ``Peer`` (a system: its tokens, its budget, its table of
errors) and either returns the successful ``Answer`` or raises an error of ``domain.errors``. What it promises:

- every request has a connect and a read time-out, and no call outlives the ``Deadline`` of the process;
- a request is repeated, with full jitter, only where that is safe: always for reads and for writes that set values
  (PUT, PATCH); for a creation only when it cannot have arrived, or when the answer says that it was not carried out.
  A creation without an answer is ``OutcomeUnknown``;
- ``Retry-After`` is honoured, in seconds or as a date, within limits; a longer wait is handed to the caller;
- after many failures in a row nothing is sent for a while, per system and organization;
- errors and logs name systems, operations and codes; never a URL, a header, a body, or the exception of the
  library underneath, whose text holds the URL (so nothing is chained either).

What an answer means is data: an ``ErrorTable`` maps (status, code) to what to do and which error it is.
"""

from __future__ import annotations

import copy
import http.cookiejar
import json
import logging
import math
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import field
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import StrEnum
from functools import cached_property
from typing import Any, NoReturn, Protocol
from urllib.parse import urlencode

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError, NewConnectionError, ReadTimeoutError

from huma_fortnox.adapters.redaction import code as readable_code
from huma_fortnox.adapters.redaction import silence_connection_logs
from huma_fortnox.domain.errors import (
    Defect,
    IntegrationError,
    OutcomeUnknown,
    RateLimited,
    TransientError,
)
from huma_fortnox.domain.frozen import dataclass

logger = logging.getLogger(__name__)

LARGEST_BODY = 64 * 1024 * 1024
LONGEST_RETRY_AFTER = 300.0
_CHUNK = 256 * 1024


class Repeat(StrEnum):
    """When a call may be sent a second time.

    ``SAFE``: whatever happened, since doing it twice is doing it once. ``IF_NOT_DONE``: only when the first one
    cannot have been carried out (creations, single-use tokens).
    """

    SAFE = "safe"
    IF_NOT_DONE = "if-not-done"


class Action(StrEnum):
    """What to do about an answer that is not a success."""

    REPEAT = "repeat"
    SLOW_DOWN = "slow-down"
    NEW_TOKEN = "new-token"  # noqa: S105 - the name of an action
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Call:
    """One request: ``operation`` is its name in logs; ``url`` carries no query, that is ``params``.

    ``form`` is sent urlencoded, ``json`` as JSON; at most one of them. ``one_person`` tells a call about one user or
    employee, where a refusal concerns that person alone, from one about all, where it is a defect.
    """

    operation: str
    method: str
    url: str = field(repr=False)
    params: Mapping[str, str] | None = field(default=None, repr=False)
    json: Any = field(default=None, repr=False)
    form: Mapping[str, str] | None = field(default=None, repr=False)
    repeat: Repeat = Repeat.SAFE
    one_person: bool = False


@dataclass(frozen=True)
class Answer:
    """A complete answer; ``document`` is its JSON, or ``None`` when it is something else (an HTML page)."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @cached_property
    def document(self) -> Any:
        """The JSON document, parsed once whatever the content type says."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


@dataclass(frozen=True, slots=True)
class Rule:
    """A row of an ``ErrorTable``: what to do, and the error and reason code when that does not help."""

    action: Action
    error: type[IntegrationError]
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """A rule with the parameters of this answer; ``params`` are codes and field names only."""

    rule: Rule
    params: Mapping[str, str] = field(default_factory=dict)


COMMON_RULES: Mapping[tuple[str, str], Rule] = {
    ("3xx", "*"): Rule(Action.REPEAT, TransientError),
    ("408", "*"): Rule(Action.REPEAT, TransientError),
    ("425", "*"): Rule(Action.REPEAT, TransientError),
    ("429", "*"): Rule(Action.SLOW_DOWN, RateLimited),
    ("5xx", "*"): Rule(Action.REPEAT, TransientError),
}
"""What HTTP itself says, for every system. A redirect is never followed (the token would go with it)."""


class ErrorTable:
    """(status, code) → rule, with ``"*"`` for any and ``"4xx"`` for a family; the most specific row wins.

    A row with a code wins over one without, since both systems use one status for many things. The row
    ``("*", "*")`` is required.
    """

    def __init__(self, rows: Mapping[tuple[str, str], Rule]) -> None:
        self._rows = {**COMMON_RULES, **rows}
        self._otherwise = self._rows["*", "*"]

    def find(self, status: int, code: str | None) -> Rule:
        """Return the rule for a status and the system's own code (``None``: it gave none)."""
        statuses = (str(status), f"{status // 100}xx", "*")
        for each_code in (code, "*") if code else ("*",):
            for each_status in statuses:
                if rule := self._rows.get((each_status, each_code)):
                    return rule
        return self._otherwise


class Peer(Protocol):
    """A system as ``HttpPolicy`` sees it: its name, tokens, budget and judgement."""

    @property
    def system(self) -> str:
        """``fortnox`` or ``huma``."""
        ...

    def headers(self) -> Mapping[str, str]:
        """Return the headers of the next request, the token included."""
        ...

    def before(self) -> None:
        """Wait for a permit; called before every single request."""
        ...

    def judge(self, call: Call, answer: Answer) -> Verdict | None:
        """Return ``None`` for a success, else what this answer means."""
        ...

    def slow_down(self, seconds: float) -> None:
        """Tell every worker that the system asked for a pause."""
        ...

    def token_refused(self, headers: Mapping[str, str]) -> None:
        """Tell whoever keeps the tokens that the one in these headers is not accepted."""
        ...


class Deadline:
    """Until when this process may wait, in seconds of a monotonic clock; without a start, for ever.

    A Lambda starts it at the top of each invocation with the time it has left, less what it needs to say goodbye.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._at = math.inf

    def start(self, seconds: float) -> None:
        """Set the deadline to ``seconds`` from now."""
        self._at = self._clock() + seconds

    def remaining(self) -> float:
        """Return the seconds left; negative when it has passed, infinite when none was set."""
        return self._at - self._clock()


class Breaker:
    """Stops sending to a system that fails again and again, for one organization, in this process.

    After ``threshold`` failures in a row it is open for ``open_seconds``; then one request is let through as a
    trial, and its success closes it. ``on_change`` hears the key and whether it is open now.
    """

    def __init__(
        self,
        key: str,
        clock: Callable[[], float],
        threshold: int,
        open_seconds: float,
        on_change: Callable[[str, bool], None] | None = None,
    ) -> None:
        self._key = key
        self._clock = clock
        self._threshold = threshold
        self._open_seconds = open_seconds
        self._on_change = on_change
        self._lock = threading.Lock()
        self._failures = 0
        self._open_until = 0.0

    def wait(self) -> float:
        """Return 0 when a request may be sent now, else the seconds until the next trial."""
        with self._lock:
            if self._failures < self._threshold:
                return 0.0
            left = self._open_until - self._clock()
            if left > 0:
                return left
            # This caller is the trial; the others go on waiting until it is known how it went.
            self._open_until = self._clock() + self._open_seconds
            return 0.0

    def failed(self) -> None:
        """Count a request that the system did not answer, or answered with its own failure."""
        with self._lock:
            self._failures += 1
            opened = self._failures == self._threshold
            if self._failures >= self._threshold:
                self._open_until = self._clock() + self._open_seconds
        if opened and self._on_change:
            self._on_change(self._key, True)

    def succeeded(self) -> None:
        """Count a request that the system answered, whatever it said."""
        with self._lock:
            closed = self._failures >= self._threshold
            self._failures = 0
        if closed and self._on_change:
            self._on_change(self._key, False)


@dataclass(frozen=True, slots=True)
class _Lost:
    """No answer came; ``arrived`` is false only when the request cannot have reached the other side."""

    why: str
    arrived: bool = True


@dataclass(frozen=True, slots=True)
class Limits:
    """The numbers of the policy; waits and time-outs in seconds, ``tries`` and ``limited_tries`` in requests.

    ``least_time`` must be left of the deadline to send anything, ``least_time_once`` to send a creation: one that is
    cut off by our own end leaves its outcome unknown. ``idle`` is how long a pooled connection may rest before
    it is not used again: a Lambda is frozen between invocations and wakes up with connections that are dead.
    """

    connect_timeout: float = 3.05
    read_timeout: float = 20.0
    whole_answer: float = 60.0
    tries: int = 4
    limited_tries: int = 4
    first_wait: float = 0.4
    longest_wait: float = 10.0
    limited_wait: float = 5.0
    least_time: float = 0.5
    least_time_once: float = 5.0
    idle: float = 45.0
    breaker_threshold: int = 10
    breaker_seconds: float = 20.0


class _Connections:
    """The pooled session of the process, without connections that rested too long."""

    def __init__(self, session: requests.Session, clock: Callable[[], float], idle: float) -> None:
        self._session = session
        self._clock = clock
        self._idle = idle
        self._lock = threading.Lock()
        self._last_used = clock()

    def session(self) -> requests.Session:
        """Return the session, its pool emptied if nothing was sent for so long."""
        with self._lock:
            now = self._clock()
            if now - self._last_used > self._idle:
                for adapter in self._session.adapters.values():
                    adapter.close()
            self._last_used = now
        return self._session


class HttpPolicy:
    """The connection policy, with one pooled session for the process; safe to share between threads.

    ``pool_size`` connections are kept for each host. ``on_circuit`` hears ``"<system>:<organization>"`` and whether
    its circuit is open now. The clock (monotonic), the wall clock (for ``Retry-After`` dates), sleeping, randomness
    (0 ≤ x < 1) and the session can be given by a test. Proxies and ``.netrc`` of the environment are not used.
    """

    def __init__(
        self,
        *,
        deadline: Deadline | None = None,
        limits: Limits | None = None,
        pool_size: int = 16,
        on_circuit: Callable[[str, bool], None] | None = None,
        session: requests.Session | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        randomness: Callable[[], float] = random.random,
    ) -> None:
        silence_connection_logs()
        self.clock = clock
        self.deadline = deadline or Deadline(clock)
        self.limits = limits or Limits()
        self._on_circuit = on_circuit
        self._wall_clock = wall_clock
        self._sleep = sleep
        self._random = randomness
        self._connections = _Connections(session or _session(pool_size), clock, self.limits.idle)
        self._lock = threading.Lock()
        self._breakers: dict[str, Breaker] = {}
        self._organization = ""

    def for_organization(self, organization_id: str) -> HttpPolicy:
        """Return the same policy (connections, deadline) with the circuit of one organization."""
        mine = copy.copy(self)
        mine._organization = organization_id
        return mine

    def send(self, call: Call, peer: Peer) -> Answer:
        """Carry out a call and return its successful answer; raises the errors of ``domain.errors`` only."""
        breaker = self._breaker(peer.system)
        tries = limited = 0
        renewed = False
        while True:
            self._may_send(call, peer, breaker)
            headers = peer.headers()
            peer.before()
            # The permit may have been waited for: what was left of the time then is not left now.
            self._has_time(call, peer)
            result = self._attempt(call, headers)
            if isinstance(result, _Lost):
                breaker.failed()
                tries += 1
                self._after_loss(call, peer, result, tries)
                continue
            verdict = peer.judge(call, result)
            if verdict is None:
                breaker.succeeded()
                return result
            action = verdict.rule.action
            if action is Action.REPEAT:
                breaker.failed()
                tries += 1
                self._after_failure(call, peer, result, verdict, tries)
                continue
            breaker.succeeded()
            if action is Action.SLOW_DOWN:
                limited += 1
                self._after_limit(call, peer, result, verdict, limited)
            elif action is Action.NEW_TOKEN and not renewed:
                renewed = True
                peer.token_refused(headers)
            else:
                raise self._error(call, verdict)

    # -- before a request ----------------------------------------------------------------------

    def _breaker(self, system: str) -> Breaker:
        key = f"{system}:{self._organization}"
        with self._lock:
            if key not in self._breakers:
                limits = self.limits
                self._breakers[key] = Breaker(
                    key, self.clock, limits.breaker_threshold, limits.breaker_seconds, self._on_circuit
                )
            return self._breakers[key]

    def _may_send(self, call: Call, peer: Peer, breaker: Breaker) -> None:
        # Time first: asking an open breaker may take its one trial, which must then be made.
        self._has_time(call, peer)
        wait = breaker.wait()
        if wait > 0:
            raise TransientError("circuit-open", {"system": peer.system}, retry_after=wait)

    def _has_time(self, call: Call, peer: Peer) -> None:
        once = call.repeat is Repeat.IF_NOT_DONE
        least = self.limits.least_time_once if once else self.limits.least_time
        if self.deadline.remaining() < least:
            raise TransientError("out-of-time", {"system": peer.system})

    # -- the request ---------------------------------------------------------------------------

    def _attempt(self, call: Call, headers: Mapping[str, str]) -> Answer | _Lost:
        limits, remaining = self.limits, self.deadline.remaining()
        until = self.clock() + min(limits.whole_answer, remaining)
        body, content_type = _encode(call)
        lost: _Lost | None = None
        try:
            with self._connections.session().request(
                call.method,
                call.url,
                params=call.params,
                data=body,
                headers={"Accept": "application/json", **content_type, **headers},
                timeout=(min(limits.connect_timeout, remaining), min(limits.read_timeout, remaining)),
                allow_redirects=False,
                stream=True,
            ) as response:
                content = self._read(response, until)
                if content is not None:
                    return Answer(response.status_code, response.headers, content)
                lost = _Lost("answer-too-long")
        except (requests.RequestException, HTTPError, ValueError) as error:
            lost = _classify(error)
        # Raised by nobody but the caller, outside the handler above: what the library says holds the whole URL.
        return lost

    def _read(self, response: requests.Response, until: float) -> bytes | None:
        """Return the body, or ``None`` when it is too big or does not end in time.

        The library's read time-out is for each packet, so a side that trickles could hold us for ever.
        """
        chunks, size = [], 0
        while chunk := response.raw.read1(_CHUNK, decode_content=True):
            chunks.append(chunk)
            size += len(chunk)
            if size > LARGEST_BODY or self.clock() > until:
                response.close()
                return None
        return b"".join(chunks)

    # -- after a request -----------------------------------------------------------------------

    def _after_loss(self, call: Call, peer: Peer, lost: _Lost, tries: int) -> None:
        """Wait for the next try, or raise what a request without an answer means."""
        params = {"system": peer.system, "why": lost.why}
        if lost.why == "request-invalid":
            raise Defect("request-invalid", {"system": peer.system, "operation": call.operation})
        if lost.arrived and call.repeat is Repeat.IF_NOT_DONE:
            self._log("outcome unknown", call, peer, lost.why)
            raise OutcomeUnknown(None, params)
        self._wait_or_raise(call, peer, lost.why, tries, None, TransientError(None, params))

    def _after_failure(self, call: Call, peer: Peer, answer: Answer, verdict: Verdict, tries: int) -> None:
        """Wait for the next try, or raise what the system's own failure means."""
        why = f"http-{answer.status}"
        retry_after = self._retry_after(answer)
        if call.repeat is Repeat.IF_NOT_DONE:
            self._log("outcome unknown", call, peer, why)
            raise OutcomeUnknown(None, {"system": peer.system, "why": why}, retry_after=retry_after)
        error = verdict.rule.error(verdict.rule.reason, {"system": peer.system, "why": why, **dict(verdict.params)})
        self._wait_or_raise(call, peer, why, tries, retry_after, error)

    def _after_limit(self, call: Call, peer: Peer, answer: Answer, verdict: Verdict, limited: int) -> None:
        """Make everybody pause and wait, or raise ``RateLimited``; the request was not carried out."""
        wait = self._retry_after(answer)
        if wait is None:
            # The window slides, so nobody should come back before it has passed, nor everybody at once.
            wait = self.limits.limited_wait * (1 + self._random() / 5)
        peer.slow_down(wait)
        error = RateLimited(verdict.rule.reason, {"system": peer.system}, retry_after=wait)
        if limited >= self.limits.limited_tries or wait > self.limits.longest_wait:
            raise error
        self._pause(call, peer, wait, error)

    def _wait_or_raise(
        self, call: Call, peer: Peer, why: str, tries: int, retry_after: float | None, error: IntegrationError
    ) -> None:
        limits = self.limits
        if isinstance(error, TransientError):
            error.retry_after = retry_after
        if tries >= limits.tries or (retry_after or 0) > limits.longest_wait:
            self._log("gave up", call, peer, why)
            raise error
        wait = self._random() * min(limits.longest_wait, limits.first_wait * 2 ** (tries - 1))
        self._log("repeating", call, peer, why)
        self._pause(call, peer, max(wait, retry_after or 0), error)

    def _pause(self, call: Call, peer: Peer, seconds: float, error: IntegrationError) -> None:
        if seconds + self.limits.least_time > self.deadline.remaining():
            self._log("no time left to repeat", call, peer, error.reason.code)
            raise error
        self._sleep(seconds)

    def _retry_after(self, answer: Answer) -> float | None:
        """Return the wait that the answer asks for, 0 to 300 s, or ``None`` when it asks for none we can read."""
        value = answer.headers.get("Retry-After")
        if not value:
            return None
        try:
            seconds = float(value)
        except ValueError:
            try:
                moment = parsedate_to_datetime(value)
            except ValueError:
                return None
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=UTC)
            seconds = moment.timestamp() - self._wall_clock()
        if not math.isfinite(seconds):
            return None
        return min(max(seconds, 0.0), LONGEST_RETRY_AFTER)

    def _error(self, call: Call, verdict: Verdict) -> IntegrationError:
        error = verdict.rule.error(verdict.rule.reason, verdict.params)
        if isinstance(error, Defect):
            logger.error("unexpected answer: operation=%s reason=%s", call.operation, error.reason)
        return error

    @staticmethod
    def _log(what: str, call: Call, peer: Peer, why: str) -> None:
        logger.warning("request: %s: system=%s operation=%s why=%s", what, peer.system, call.operation, why)


def refuse_unreadable(system: str, call: Call) -> NoReturn:
    """Raise for a successful answer in a shape nobody documented: a creation's outcome is unknown, else a defect."""
    if call.repeat is Repeat.IF_NOT_DONE:
        raise OutcomeUnknown(None, {"system": system, "why": "unknown-shape"})
    raise Defect("contract-changed", {"system": system, "operation": call.operation})


def code_of(value: object) -> str | None:
    """Return a system's own error code as text, or ``None`` when it gave none (absent, empty or 0)."""
    return readable_code(value) if value else None


def _session(pool_size: int) -> requests.Session:
    session = requests.Session()
    # Neither a proxy nor a .netrc of the environment may change where a token goes.
    session.trust_env = False
    session.cookies.set_policy(http.cookiejar.DefaultCookiePolicy(allowed_domains=[]))
    session.headers["User-Agent"] = "huma-fortnox"
    adapter = HTTPAdapter(pool_connections=8, pool_maxsize=pool_size, max_retries=0)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def _encode(call: Call) -> tuple[bytes | None, dict[str, str]]:
    if call.form is not None:
        return urlencode(call.form).encode(), {"Content-Type": "application/x-www-form-urlencoded"}
    if call.json is not None:
        # Escaped, so that no text, however broken, fails to be encoded.
        return json.dumps(call.json, separators=(",", ":")).encode(), {"Content-Type": "application/json"}
    return None, {}


def _classify(error: Exception) -> _Lost:
    """Say why there is no answer, and whether the request can have arrived; the exception itself is dropped."""
    if isinstance(error, requests.ConnectTimeout):
        return _Lost("connect-timeout", arrived=False)
    if isinstance(error, requests.Timeout | ReadTimeoutError):
        return _Lost("timeout")
    if isinstance(error, requests.exceptions.SSLError):
        return _Lost("tls")
    if isinstance(error, requests.ConnectionError):
        reason = getattr(error.args[0], "reason", None) if error.args else None
        return _Lost("connection", arrived=not isinstance(reason, NewConnectionError))
    if isinstance(error, ValueError) and not isinstance(error, requests.exceptions.JSONDecodeError):
        # A URL, header or value that cannot be sent at all: ours to mend.
        return _Lost("request-invalid", arrived=False)
    return _Lost("answer-broken")
