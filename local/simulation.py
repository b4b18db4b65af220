"""What the simulators of both systems share: routes, request log, fault switch, server, process.

A `Simulator` is a WSGI application with its state in memory. Beside the paths of the system it plays
it serves its controls under ``/_sim/`` (never logged, never subject to faults):

==========================  =====================================================================
``GET /_sim/health``        ``{"status": "ok", "name": …}``
``GET /_sim/requests``      what was asked; filters ``since`` (index), ``method``, ``path`` (prefix)
``DELETE /_sim/requests``   empties that log; indexes go on counting
``GET /_sim/people``        the people as they are now
``POST /_sim/people``       replaces all of them
``GET /_sim/faults``        the faults given, with how often each fired
``POST /_sim/faults``       adds one fault or a list of them, see `Fault`
``DELETE /_sim/faults``     removes all
==========================  =====================================================================

The log never holds an Authorization header, a secret, a token, a code or a password.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import signal
import sys
import threading
import time
import traceback
import urllib.parse
from collections import Counter
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import jinja2
from werkzeug import Request, Response
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound
from werkzeug.routing import Map, Rule
from werkzeug.serving import WSGIRequestHandler, make_server

from local.simulator_process import SimulatorProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    Answer = Response | tuple[int, Any]
    Handler = Callable[..., Answer]
    FaultAction = Callable[[Request, "Fault"], Answer | None]
    AtOnce = Callable[["Fault"], None]

__all__ = [
    "ConnectionDropped",
    "Fault",
    "Simulator",
    "SimulatorProcess",
    "add_run_arguments",
    "fired",
    "run_main",
    "serve",
]

H = TypeVar("H", bound="Callable[..., Any]")

LOOPBACK = "127.0.0.1"
KEPT_REQUESTS = 200_000
MAX_BODY_BYTES = 32 * 1024 * 1024
_FIRED = "simulation.fired"
_SECRET_MEMBERS = {"access_token", "assertion", "client_secret", "clientsecret", "id_token"}
_SECRET_MEMBERS |= {"launch", "password", "refresh_token", "secret", "token"}
_SECRET_MEMBERS |= {"webhooksecret", "webhook_secret"}
_SECRET_PARAMETERS = _SECRET_MEMBERS | {"code", "state"}


class ConnectionDropped(ConnectionError):
    """The connection is to be closed without an answer; the server does so, a test client raises."""


@dataclass
class Fault:
    """One fault: what happens (`kind`), to which requests, how often.

    Built in kinds: ``latency`` (waits `seconds`, then goes on), ``status`` (answers `status` with
    `headers` and `body`, the work is not done), ``drop_before`` and ``drop_after`` (the connection
    is closed without an answer, before or after the work was done). A system adds its own kinds.
    `count` is the number of requests it still happens to, None until cleared; `method` and `path` (a
    prefix) choose requests. With a `probability` below 1 a request is drawn from `seed`, its
    method, its path and how many such requests came before: the same seed gives the same faults
    whatever the order in which concurrent requests arrive. Keys of the JSON unknown here stand in
    `options`, for the system's own kinds.
    """

    kind: str
    status: int | None = None
    seconds: float = 0.0
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None
    count: int | None = None
    method: str | None = None
    path: str | None = None
    probability: float = 1.0
    seed: int = 0
    options: dict[str, Any] = field(default_factory=dict)
    fired: int = 0
    _seen: Counter[tuple[str, str]] = field(default_factory=Counter, repr=False)

    @classmethod
    def from_json(cls, data: Any) -> Fault:
        """Read one fault; ValueError says what is wrong with it."""
        if not isinstance(data, dict) or not isinstance(data.get("kind"), str):
            raise ValueError("a fault is an object with a 'kind'")
        known = {"status", "seconds", "headers", "body", "count", "method", "path"}
        known |= {"probability", "seed"}
        given = {name: data[name] for name in known & data.keys()}
        options = {name: value for name, value in data.items() if name not in {*known, "kind"}}
        fault = cls(kind=data["kind"], options=options, **given)
        if fault.count is not None and (not isinstance(fault.count, int) or fault.count < 0):
            raise ValueError("count is a number of requests, or null")
        if not 0 <= fault.probability <= 1:
            raise ValueError("probability lies between 0 and 1")
        if not isinstance(fault.headers, dict):
            raise ValueError("headers is an object of strings")
        return fault

    def to_json(self) -> dict[str, Any]:
        """Give it as JSON, `count` being what remains and `fired` how often it happened."""
        return {
            "kind": self.kind,
            "status": self.status,
            "seconds": self.seconds,
            "headers": self.headers,
            "body": self.body,
            "count": self.count,
            "method": self.method,
            "path": self.path,
            "probability": self.probability,
            "seed": self.seed,
            **self.options,
            "fired": self.fired,
        }

    def fires_on(self, method: str, path: str) -> bool:
        """Decide whether it happens to this request, and count it if so (under the lock)."""
        if self.count == 0 or (self.method and self.method.upper() != method):
            return False
        if self.path and not path.startswith(self.path):
            return False
        if self.probability < 1:
            number = self._seen[method, path]
            self._seen[method, path] += 1
            draw = random.Random(f"{self.seed} {method} {path} {number}").random()
            if draw >= self.probability:
                return False
        self.fired += 1
        if self.count is not None:
            self.count -= 1
        return True


class RequestLog:
    """What was asked of the simulator, oldest first; the caller holds the lock."""

    def __init__(self) -> None:
        self._entries: list[dict[str, Any]] = []
        self._first = 0

    def add(self, entry: dict[str, Any]) -> None:
        """Append one entry and forget the oldest beyond what is kept."""
        self._entries.append(entry)
        if len(self._entries) > KEPT_REQUESTS:
            surplus = KEPT_REQUESTS // 10
            del self._entries[:surplus]
            self._first += surplus

    def clear(self) -> None:
        """Empty the log; the next entry keeps its index."""
        self._first += len(self._entries)
        self._entries.clear()

    def select(self, since: int, method: str | None, path: str | None) -> dict[str, Any]:
        """Give the entries from index `since` on, of this method and with this path prefix."""
        found = [
            entry
            for entry in self._entries[max(since - self._first, 0) :]
            if (not method or entry["method"] == method.upper()) and (not path or entry["path"].startswith(path))
        ]
        return {
            "requests": found,
            "count": len(found),
            "next": self._first + len(self._entries),
        }


def without_secrets(value: Any) -> Any:
    """Copy JSON without the members that hold secrets, at any depth."""
    if isinstance(value, dict):
        return {
            name: without_secrets(member) for name, member in value.items() if str(name).lower() not in _SECRET_MEMBERS
        }
    if isinstance(value, list):
        return [without_secrets(member) for member in value]
    return value


def fired(request: Request, kind: str) -> Fault | None:
    """Give the fault of this kind that fired on this request, for handlers that play it."""
    faults: list[Fault] = request.environ.get(_FIRED, [])
    return next((fault for fault in faults if fault.kind == kind), None)


class Simulator:
    """The frame of a simulated system: a WSGI application with routes, log, faults and controls.

    A system subclasses it, gives `people` and `replace_people`, and registers handlers with
    `route`. A handler gets ``(request, **path arguments)`` and returns a `werkzeug.Response` or
    ``(status, jsonable)``; it takes `lock` around state it reads or changes.
    """

    def __init__(self, name: str, *, templates: Path | None = None) -> None:
        self.name = name
        self.lock = threading.RLock()
        self._map = Map(strict_slashes=False, merge_slashes=False)
        self._handlers: dict[str, Handler] = {}
        self._unknown: Callable[[Request, HTTPException], Answer] | None = None
        self._faults: list[Fault] = []
        self._kinds: dict[str, tuple[FaultAction | None, AtOnce | None]] = dict.fromkeys(
            ("latency", "status", "drop_before", "drop_after"), (None, None)
        )
        self._log = RequestLog()
        self._templates = (
            jinja2.Environment(
                loader=jinja2.FileSystemLoader(templates),
                autoescape=True,
                undefined=jinja2.StrictUndefined,
                trim_blocks=True,
                lstrip_blocks=True,
            )
            if templates
            else None
        )
        self.route("/_sim/health")(self._health)
        self.route("/_sim/requests", methods=("GET", "DELETE"))(self._requests)
        self.route("/_sim/people", methods=("GET", "POST"))(self._people)
        self.route("/_sim/faults", methods=("GET", "POST", "DELETE"))(self._fault_switch)

    # -- what a system gives -------------------------------------------------------------------

    def route(self, path: str, methods: Iterable[str] = ("GET",)) -> Callable[[H], H]:
        """Register a handler for a path, in the syntax of werkzeug's `Rule`."""

        def register(handler: H) -> H:
            endpoint = f"{path} {' '.join(methods)}"
            self._handlers[endpoint] = handler
            self._map.add(Rule(path, endpoint=endpoint, methods=list(methods)))
            return handler

        return register

    def on_unknown(self, handler: H) -> H:
        """Register what answers an unknown path (NotFound) or method (MethodNotAllowed)."""
        self._unknown = handler
        return handler

    def fault_kind(self, name: str, action: FaultAction | None = None, *, at_once: AtOnce | None = None) -> None:
        """Register a kind of fault of the system's own.

        `action(request, fault)` runs for each request the fault fires on, before its handler; an
        answer it returns replaces the handler's, with None the handler runs and may ask `fired`.
        `at_once(fault)` runs when the fault is given and changes the state (a consent is revoked,
        say): such a fault has then happened once and is over.
        """
        self._kinds[name] = (action, at_once)

    def people(self) -> Any:
        """Give everybody as JSON (``GET /_sim/people``); the system overrides it."""
        raise NotFound("this simulator has no people")

    def replace_people(self, data: Any) -> None:
        """Replace everybody (``POST /_sim/people``); ValueError for what does not fit."""
        raise NotFound("this simulator has no people")

    def error_answer(self, status: int) -> Answer:
        """Give the system's own shape of an error, for ``status`` faults without a body."""
        return status, {"error": HTTPStatus(status).phrase}

    def add_fault(self, fault: Fault) -> None:
        """Switch a fault on; ValueError for an unknown kind."""
        if fault.kind not in self._kinds:
            raise ValueError(f"unknown fault kind {fault.kind!r}, one of {sorted(self._kinds)}")
        if fault.kind == "status" and fault.status is None:
            raise ValueError("a fault of kind 'status' needs a status")
        with self.lock:
            at_once = self._kinds[fault.kind][1]
            if at_once:
                at_once(fault)
                fault.fired, fault.count = 1, 0
            self._faults.append(fault)

    def forget_requests_and_faults(self) -> None:
        """Empty the request log and remove all faults."""
        with self.lock:
            self._log.clear()
            self._faults.clear()

    def render(self, template: str, status: int = 200, **values: Any) -> Response:
        """Answer with a page from the simulator's templates (autoescaped)."""
        if self._templates is None:
            raise RuntimeError("this simulator was made without templates")
        page = self._templates.get_template(template).render(**values)
        headers = {"Cache-Control": "no-store"}
        return Response(page, status, headers, content_type="text/html; charset=utf-8")

    # -- WSGI ----------------------------------------------------------------------------------

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request and log it; raises `ConnectionDropped` when a fault says so."""
        request = Request(environ)
        # Read first and kept, so that handler and log may both look at the body.
        request.get_data()
        if request.path.startswith("/_sim/"):
            return self._run_handler(request)(environ, start_response)
        at, began = time.time(), time.perf_counter()
        with self.lock:
            faults = [fault for fault in self._faults if fault.fires_on(request.method, request.path)]
        environ[_FIRED] = faults
        response: Response | None = None
        try:
            response = self._answer_with_faults(request, faults)
            if any(fault.kind == "drop_after" for fault in faults):
                raise ConnectionDropped
        finally:
            entry = {
                "at": round(at, 3),
                "method": request.method,
                "path": request.path,
                "query": _query_without_secrets(request),
                "status": response.status_code if response else None,
                "duration_ms": round((time.perf_counter() - began) * 1000, 2),
                "fault": "+".join(fault.kind for fault in faults) or None,
                "body": _logged_body(request),
            }
            with self.lock:
                self._log.add(entry)
        return response(environ, start_response)

    def _draw_faults(self, request: Request) -> list[Fault]:
        drawn = []
        with self.lock:
            for fault in self._faults:
                if fault.fires_on(request.method, request.path):
                    drawn.append(fault)
                    if fault.kind in {"status", "drop_before"}:
                        break
        return drawn

    def _answer_with_faults(self, request: Request, faults: list[Fault]) -> Response:
        for fault in faults:
            if fault.kind == "latency":
                time.sleep(fault.seconds)
            elif fault.kind == "drop_before":
                raise ConnectionDropped
            elif fault.kind == "status" and fault.status is not None:
                if fault.body is None:
                    response = _response(self.error_answer(fault.status))
                elif isinstance(fault.body, str):
                    response = Response(fault.body, fault.status)
                else:
                    response = _response((fault.status, fault.body))
                response.headers.update(fault.headers)
                return response
            elif action := self._kinds[fault.kind][0]:
                answer = action(request, fault)
                if answer is not None:
                    return _response(answer)
        return self._run_handler(request)

    def _run_handler(self, request: Request) -> Response:
        try:
            endpoint, arguments = self._map.bind_to_environ(request.environ).match()
            return _response(self._handlers[endpoint](request, **arguments))
        except HTTPException as error:
            if self._unknown and isinstance(error, NotFound | MethodNotAllowed):
                return _response(self._unknown(request, error))
            status = error.code or 500
            return _response((status, {"error": error.description or error.name}))
        except ConnectionDropped:
            raise
        except Exception:
            traceback.print_exc()
            return _response(self.error_answer(500))

    # -- controls ------------------------------------------------------------------------------

    def _health(self, _request: Request) -> Answer:
        return 200, {"status": "ok", "name": self.name}

    def _requests(self, request: Request) -> Answer:
        with self.lock:
            if request.method == "DELETE":
                self._log.clear()
            since = request.args.get("since", 0, type=int)
            wanted = request.args.get("method"), request.args.get("path")
            return 200, self._log.select(since, *wanted)

    def _people(self, request: Request) -> Answer:
        with self.lock:
            if request.method == "POST":
                try:
                    self.replace_people(json.loads(request.get_data()))
                except (ValueError, KeyError, TypeError) as error:
                    return 400, {"error": f"{type(error).__name__}: {error}"}
            return 200, self.people()

    def _fault_switch(self, request: Request) -> Answer:
        with self.lock:
            if request.method == "POST":
                try:
                    data = json.loads(request.get_data())
                    faults = [Fault.from_json(each) for each in (data if isinstance(data, list) else [data])]
                    for fault in faults:
                        self.add_fault(fault)
                except (ValueError, TypeError) as error:
                    return 400, {"error": str(error)}
            answer = 200, {"faults": [fault.to_json() for fault in self._faults]}
            if request.method == "DELETE":
                self._faults.clear()
            return answer


def _response(answer: Answer) -> Response:
    if isinstance(answer, Response):
        return answer
    status, data = answer
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return Response(text, status, content_type="application/json; charset=utf-8")


def _query_without_secrets(request: Request) -> str:
    pairs = [
        (name, "***" if name.lower() in _SECRET_PARAMETERS else value) for name, value in request.args.items(multi=True)
    ]
    return urllib.parse.urlencode(pairs, safe="*")


def _logged_body(request: Request) -> Any:
    if request.form:
        pairs = request.form.items()
        return {name: value for name, value in pairs if name.lower() not in _SECRET_PARAMETERS}
    try:
        return without_secrets(json.loads(request.get_data()))
    except ValueError:
        return None


# -- server ------------------------------------------------------------------------------------


class _KeepAliveHandler(WSGIRequestHandler):
    """Serves WSGI over HTTP/1.1 connections that stay open.

    werkzeug's own handler closes the connection after each answer, since it cannot know whether the
    application read the whole body; this one reads the body first and sends head and body at once.
    """

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def run_wsgi(self) -> None:
        if self.headers.get("Expect", "").lower().strip() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.wfile.flush()
        environ = self.make_environ()
        if "wsgi.input_terminated" not in environ:
            length = int(environ.get("CONTENT_LENGTH") or 0)
            if length > MAX_BODY_BYTES:
                self.send_error(413)
                return
            environ["wsgi.input"] = io.BytesIO(self.rfile.read(length))
        try:
            response = Response.from_app(self.server.app, environ, buffered=True)
        except ConnectionDropped:
            self.close_connection = True
            return
        body = response.get_data()
        self.send_response(response.status_code)
        for name, value in response.headers:
            if name.lower() not in {"content-length", "connection"}:
                self.send_header(name, value)
        if response.status_code not in {204, 304}:
            self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()

    def log(self, type: str, message: str, *args: Any) -> None:
        """Write errors only: the request log is the simulator's own."""
        if type == "error":
            sys.stderr.write(f"{message % args if args else message}\n")


def serve(simulator: Simulator, port: int = 0, ready: Callable[[str], None] | None = None) -> None:
    """Serve on the loopback until interrupted; `ready` gets the address once it listens."""
    server = make_server(LOOPBACK, port, simulator, threaded=True, request_handler=_KeepAliveHandler)
    try:
        if ready:
            ready(f"http://{LOOPBACK}:{server.server_port}")
        server.serve_forever(poll_interval=0.1)
    finally:
        server.server_close()


def add_run_arguments(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Add the arguments that every simulator has: ``--port``, ``--parent-pid``."""
    parser.add_argument("--port", type=int, default=0, help="port on the loopback; 0: a free one")
    parser.add_argument("--parent-pid", type=int, help="stop when this process is gone")
    return parser


def run_main(simulator: Simulator, argv: Sequence[str]) -> None:
    """Serve as a process: prints ``READY <address>``, stops on SIGTERM, SIGINT or the parent's end.

    Reads ``--port`` and ``--parent-pid`` from `argv` and leaves the rest to the system.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    options, _ = add_run_arguments(parser).parse_known_args(argv)

    def stop(_signal: int, _frame: Any) -> None:
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    if options.parent_pid:
        watch = threading.Thread(target=_end_with, args=(options.parent_pid,), daemon=True)
        watch.start()
    serve(simulator, options.port, lambda url: print(f"READY {url}", flush=True))


def _end_with(parent: int) -> None:
    # A child is handed to another process when its parent dies, so a parent that lingers as a
    # zombie is noticed too; for any other process only its existence can be asked for.
    is_child = os.getppid() == parent
    while True:
        time.sleep(0.25)
        try:
            os.kill(parent, 0)
            gone = is_child and os.getppid() != parent
        except PermissionError:
            gone = False
        except ProcessLookupError:
            gone = True
        if gone:
            os.kill(os.getpid(), signal.SIGTERM)
            return
