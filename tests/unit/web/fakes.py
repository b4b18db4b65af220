"""The use cases in memory: enough behaviour for the HTTP layer to be tested against, and no more."""

from __future__ import annotations

import gzip
import json
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from aws_lambda_powertools.utilities.typing import LambdaContext
from huma_fortnox.domain.decisions import Decisions, Direction
from huma_fortnox.domain.errors import BadRequest, Conflict, IntegrationError, NotSignedIn, Unknown
from huma_fortnox.domain.outcome import FieldOutcome, Outcome, Reason
from huma_fortnox.domain.people import Employee, FieldSettings, User
from huma_fortnox.domain.plan_types import Change, Changed, Pairing, PlannedPerson, Situation
from huma_fortnox.pages.mending import NOWHERE
from huma_fortnox.pages.terms import VERSION
from huma_fortnox.services.model import (
    AccountChange,
    Activity,
    ActivityPage,
    Administrator,
    Cause,
    Connection,
    ConnectionState,
    DecisionInput,
    KeyCheck,
    NewPerson,
    OrganizationSettings,
    OutcomePage,
    PeoplePage,
    PersonOutcome,
    Session,
    Summary,
    Synchronization,
    SynchronizationState,
)
from huma_fortnox.services.real_time import HeldField, HeldPage, HeldPerson, RealTime, Reconciliation
from huma_fortnox.web.app import build
from huma_fortnox.web.use_cases import UseCases

ORGANIZATION = "6f1f2a40-5d0b-4c53-9c6b-2a7f8f0f3b11"
OTHER_ORGANIZATION = "0b9f6f0e-7a52-4f0a-8f0e-93a1c4f3d0aa"
COOKIE = "cookie-of-astrid"
CSRF = "csrf-of-astrid"
BEARER = "bearer-of-astrid"
RUN = "run-1"
NOW = 1_772_445_600
AUTHORIZATION_URL = "https://apps.fortnox.se/oauth-v1/auth?state=abc"
ASTRID = Administrator(ORGANIZATION, "user-astrid", "Astrid Ek", "astrid.ek@example.se", "en")


class FakeSessions:
    """One administrator with one session; the launch token ``good`` opens it."""

    def __init__(self, administrator: Administrator) -> None:
        self.administrator = administrator
        self.closed: list[str] = []
        self.refusal: IntegrationError | None = None

    @property
    def _session(self) -> Session:
        return Session(COOKIE, self.administrator, CSRF, NOW + 8 * 3600)

    def open(self, launch_token: str) -> Session:
        if self.refusal is not None:
            raise self.refusal
        if launch_token != "good":
            raise NotSignedIn("launch-invalid")
        return self._session

    def session(self, cookie: str | None) -> Session:
        if not cookie:
            raise NotSignedIn("session-missing")
        if cookie != COOKIE:
            raise NotSignedIn("session-expired")
        return self._session

    def bearer(self, token: str) -> Administrator:
        if token != BEARER:
            raise NotSignedIn("launch-invalid")
        return self.administrator

    def close(self, cookie: str) -> None:
        self.closed.append(cookie)


class FakeConnect:
    """A connection that can be set to any state; ``failure`` is raised by the next call that does something."""

    def __init__(self, state: ConnectionState) -> None:
        self.value = connection(state)
        self.key_problems: tuple[Reason, ...] = ()
        self.failure: IntegrationError | None = None
        self.keys: list[tuple[str, str, str | None]] = []
        self.begun: list[tuple[str | None, str]] = []
        self.completed: list[tuple[str | None, dict[str, str]]] = []

    def connection(self, organization_id: str) -> Connection:
        return self.value

    def save_huma_key(
        self, administrator: Administrator, client_id: str, client_secret: str, webhook_secret: str | None
    ) -> KeyCheck:
        self._fail()
        self.keys.append((client_id, client_secret, webhook_secret))
        self.value = replace(self.value, has_huma_key=True)
        return KeyCheck(administrator.organization_id, self.key_problems)

    def begin(self, administrator: Administrator, *, session_id: str | None, terms_version: str) -> str:
        self._fail()
        if terms_version != VERSION:
            raise BadRequest("terms-not-accepted")
        self.begun.append((session_id, terms_version))
        return AUTHORIZATION_URL

    def complete(self, session_cookie: str | None, query: Mapping[str, str]) -> Connection:
        self._fail()
        self.completed.append((session_cookie, dict(query)))
        return self.value

    def disconnect(self, administrator: Administrator) -> None:
        self._fail()
        self.value = connection(ConnectionState.DISCONNECTED)

    def change_settings(self, administrator: Administrator, settings: OrganizationSettings) -> Connection:
        self._fail()
        self.value = replace(self.value, settings=settings)
        return self.value

    def _fail(self) -> None:
        if self.failure is not None:
            raise self.failure


class FakeSynchronizations:
    """One run, whose plan is ``plan`` and whose state can be set."""

    def __init__(self, plan: Sequence[PlannedPerson]) -> None:
        self.plan = tuple(plan)
        self.run = synchronization(SynchronizationState.AWAITING_DECISIONS, self.plan)
        self.under_way = False
        self.decisions = Decisions()
        self.given: list[DecisionInput] = []
        self.confirmed: list[str] = []
        self.confirm: tuple[Reason, ...] = ()
        self.missing: tuple[Reason, ...] = ()
        self.failure: Exception | None = None
        self.page_size = 1000
        self.read: list[str] = []
        self.stands: Situation | None = Situation.DIFFERS
        self.everybody: Sequence[PersonOutcome] = ()

    def start(self, administrator: Administrator) -> Synchronization:
        self._fail()
        if self.under_way:
            raise Conflict("synchronization-running", {"synchronization": RUN})
        self.run = replace(self.run, state=SynchronizationState.READING)
        self.under_way = True
        return self.run

    def get(self, organization_id: str, synchronization_id: str, /) -> Synchronization:
        self._fail()
        if synchronization_id != RUN or organization_id != ORGANIZATION:
            raise Unknown("synchronization-unknown")
        return self.run

    def current(self, organization_id: str) -> Synchronization | None:
        return self.run if self.under_way else None

    def people(
        self,
        organization_id: str,
        synchronization_id: str,
        /,
        *,
        situation: Situation | None,
        after: str,
        limit: int,
        field: str = "",
        name: str = "",
        suggested: bool = False,
    ) -> PeoplePage:
        self.get(organization_id, synchronization_id)
        wanted = [
            p
            for p in self.plan
            if (bool(p.pairings) and p.situation is not Situation.AMBIGUOUS if suggested else True)
            and (situation is None or p.situation is situation)
            and (not field or any(change.field == field for change in p.changes))
            and name.casefold() in p.name.casefold()
        ]
        start = int(after or 0)
        size = min(limit, self.page_size)
        more = str(start + size) if start + size < len(wanted) else ""
        return PeoplePage(tuple(wanted[start : start + size]), self.decisions, more)

    def decide(
        self, administrator: Administrator, synchronization_id: str, decisions: Sequence[DecisionInput], /
    ) -> None:
        if self.get(administrator.organization_id, synchronization_id).state is not (
            SynchronizationState.AWAITING_DECISIONS
        ):
            raise Conflict("already-applied")
        keys = {p.key for p in self.plan}
        for decision in decisions:
            if decision.person and decision.person not in keys:
                raise BadRequest("not-in-plan", {"what": "person"})
        self.given.extend(decisions)

    def read_again(self, administrator: Administrator, synchronization_id: str, key: str, /) -> Situation | None:
        self.get(administrator.organization_id, synchronization_id)
        if self.plan and key not in {p.key for p in self.plan if p.situation is Situation.BLOCKED}:
            raise BadRequest("not-in-plan", {"what": "person"})
        self.read.append(key)
        return self.stands

    def summary(self, organization_id: str, synchronization_id: str, /) -> Summary:
        self.get(organization_id, synchronization_id)
        return Summary(
            to_huma={"employment_id": 2},
            to_fortnox={"phone": 12, "address": 1, "bank_account": 1},
            bank_accounts={"fortnox": 1},
            create_in_huma=1,
            create_in_fortnox=2,
            undecided=3,
            held=1,
            left=4,
            cleared=1,
            seconds=75,
            confirm=self.confirm,
            missing=self.missing,
            decided=self.run.decided,
            accounts=(
                AccountChange("fortnox", "u:anna", "Anna Berg", "007", "bank_account", HANDELSBANKEN, UNREADABLE),
            ),
            created=(
                NewPerson("fortnox", "u:new", "Ny Anställd", ""),
                NewPerson("huma", "e:31", "Bara <b>Fortnox</b>", "31"),
            ),
        )

    def apply(
        self,
        administrator: Administrator,
        synchronization_id: str,
        /,
        *,
        confirmed: Sequence[str],
        decided: str | None = None,
    ) -> Synchronization:
        self.get(administrator.organization_id, synchronization_id)
        if decided is not None and decided != self.run.decided:
            raise Conflict("decided-since")
        if self.missing:
            raise BadRequest(self.missing[0].code)
        if any(reason.code not in confirmed for reason in self.confirm):
            raise Conflict("confirmation-missing", {"codes": "many-bank-accounts"})
        self.confirmed = list(confirmed)
        self.run = replace(self.run, state=SynchronizationState.APPLYING, progress={"applied": 3, "to_apply": 20})
        return self.run

    def cancel(self, administrator: Administrator, synchronization_id: str, /) -> Synchronization:
        self.get(administrator.organization_id, synchronization_id)
        self.run = replace(self.run, state=SynchronizationState.CANCELLED, finished_at=NOW)
        return self.run

    def outcomes(
        self, organization_id: str, synchronization_id: str, /, *, after: str, limit: int, only: Sequence[Outcome] = ()
    ) -> OutcomePage:
        self.get(organization_id, synchronization_id)
        return OutcomePage(_with(only), "" if after else "more", {"u:anna": "007", "u:script": "12"})

    def result(
        self, organization_id: str, synchronization_id: str, /, *, only: Sequence[Outcome] = ()
    ) -> Iterator[PersonOutcome]:
        self.get(organization_id, synchronization_id)
        yield from self.everybody or _with(only)

    def _fail(self) -> None:
        if self.failure is not None:
            raise self.failure


class FakeActivity:
    """A log of a few entries; an ``endless`` one always has older ones."""

    def __init__(self) -> None:
        self.entries: tuple[Activity, ...] = ACTIVITY
        self.endless = False
        self.pages = 0

    def page(
        self, organization_id: str, *, after: str, limit: int, person: str = "", outcome: Outcome | None = None
    ) -> ActivityPage:
        found = [
            entry
            for entry in self.entries
            if (not person or entry.person == person)
            and (outcome is None or any(each.outcome is outcome for each in entry.outcomes))
        ]
        self.pages += 1
        return ActivityPage(tuple(found[:limit]), "" if after and not self.endless else "older")


class FakeOversight:
    """Real time with nothing special about it, until something is set; ``asked`` is what was wanted of it."""

    def __init__(self, connect: FakeConnect) -> None:
        self._connect = connect
        self.value = RealTime(threshold=5)
        self.people: tuple[HeldPerson, ...] = HELD
        self.asked: list[tuple[object, ...]] = []
        self.failure: IntegrationError | None = None

    def state(self, organization_id: str) -> RealTime:
        return self.value

    def held(self, organization_id: str, *, after: str, limit: int) -> HeldPage:
        return HeldPage(self.people[:limit], "" if after or not self.people else "more", {"bo": "0042"})

    def try_again(self, administrator: Administrator, user_id: str = "") -> int:
        self._do("try-again", user_id)
        return 1 if user_id else len(self.people)

    def decide_removal(self, administrator: Administrator, user_id: str, field: str, *, remove: bool) -> None:
        self._do("removal", user_id, field, remove)

    def confirm_brake(self, administrator: Administrator) -> int:
        self._do("brake")
        return 2

    def catch_up(self, administrator: Administrator) -> Reconciliation:
        self._do("catch-up")
        return Reconciliation("r", "administrator", administrator.name, NOW, NOW, pages=3)

    def pause(self, administrator: Administrator) -> Connection:
        self._do("pause")
        self._connect.value = replace(self._connect.value, paused_since=NOW, paused_by=administrator.name)
        return self._connect.value

    def resume(self, administrator: Administrator) -> Connection:
        self._do("resume")
        self._connect.value = replace(self._connect.value, paused_since=0, paused_by="")
        return self._connect.value

    def _do(self, *what: object) -> None:
        if self.failure is not None:
            raise self.failure
        self.asked.append(what)


class World:
    """The fakes together, and requests to the application over them."""

    def __init__(
        self,
        *,
        state: ConnectionState = ConnectionState.ACTIVE,
        locale: str = "en",
        plan: Sequence[PlannedPerson] | None = None,
    ) -> None:
        self.sessions = FakeSessions(replace(ASTRID, locale=locale))
        self.connect = FakeConnect(state)
        self.synchronizations = FakeSynchronizations(PLAN if plan is None else plan)
        self.activity = FakeActivity()
        self.oversight = FakeOversight(self.connect)
        self.doors = NOWHERE

    @property
    def use_cases(self) -> UseCases:
        return UseCases(self.sessions, self.connect, self.synchronizations, self.activity, self.oversight)

    def send(self, event: Mapping[str, Any]) -> Answer:
        """Let the application answer an event."""
        return answer_of(build(self.use_cases, doors=self.doors, clock=lambda: NOW).resolve(event, LambdaContext()))

    def get(self, path: str, query: str = "", **more: Any) -> Answer:
        return self.send(event("GET", path, query=query, **more))

    def weigh(self, path: str) -> int:
        """Return how many bytes an answer's body has over the wire, to a browser that reads gzip."""
        asked = event("GET", path, headers={"accept-encoding": "gzip"})
        raw = build(self.use_cases, clock=lambda: NOW).resolve(asked, LambdaContext())
        return len(b64decode(raw["body"]))

    def post(self, path: str, pairs: Sequence[tuple[str, str]] = (), **more: Any) -> Answer:
        return self.send(form_event(path, pairs, **more))

    def call(self, method: str, path: str, data: object = None, **more: Any) -> Answer:
        """Ask the API; ``path`` is what follows the organization."""
        address = f"/api/organizations/{ORGANIZATION}{path}"
        if method == "GET" or data is None:
            headers = {} if method == "GET" else {"x-csrf-token": CSRF}
            return self.send(event(method, address, headers=headers, **more))
        return self.send(json_event(method, address, data, **more))


@dataclass(frozen=True)
class Answer:
    """An answer as a browser would see it; header names are lower-case, ``size`` is what the Lambda sends."""

    status: int
    headers: Mapping[str, str]
    body: str
    cookies: tuple[str, ...]
    size: int = 0

    def json(self) -> Any:
        return json.loads(self.body)


def answer_of(raw: Mapping[str, Any]) -> Answer:
    """Read what a resolver returned."""
    body = raw.get("body") or ""
    if raw.get("isBase64Encoded"):
        content = b64decode(body)
        headers = raw["headers"]
        body = (gzip.decompress(content) if headers.get("Content-Encoding") == "gzip" else content).decode()
    headers = {name.lower(): value for name, value in raw["headers"].items()}
    size = len(raw.get("body") or "")
    return Answer(raw["statusCode"], headers, body, tuple(raw.get("cookies") or ()), size)


def connection(state: ConnectionState) -> Connection:
    """Return a connection in a state, with a company where there would be one."""
    fresh = Connection(ORGANIZATION, state, OrganizationSettings(FieldSettings()), has_huma_key=True)
    if state in (ConnectionState.NOT_CONNECTED, ConnectionState.DISCONNECTED, ConnectionState.AWAITING_AUTHORIZATION):
        return fresh
    return replace(
        fresh,
        company_name="Björk & Söner AB",
        company_number="556000-0001",
        tenant_id="1001",
        connected_at=NOW - 86400,
        connected_by="Astrid Ek",
        terms_version=VERSION,
        terms_accepted_at=NOW - 86400,
        terms_accepted_by="Astrid Ek",
        reason=Reason("consent-lost") if state is ConnectionState.NEEDS_REAUTHORIZATION else None,
        last_synchronization=RUN,
        notify=ASTRID,
    )


def synchronization(state: SynchronizationState, plan: Sequence[PlannedPerson]) -> Synchronization:
    """Return a run over a plan."""
    situations = {situation.value: sum(p.situation is situation for p in plan) for situation in Situation}
    return Synchronization(
        id=RUN,
        organization_id=ORGANIZATION,
        state=state,
        started_at=NOW,
        started_by=ASTRID,
        situations=situations,
        progress={"users_read": 10, "users_total": 25, "employees_read": 0, "employees_total": 0},
    )


def user(identity: str, given: str, family: str, *, active: bool = True, **values: Any) -> User:
    """Return a user with a name and further values."""
    return User(identity, {"given_name": given, "family_name": family, **values}, active=active)


def employee(identity: str, given: str, family: str, *, active: bool = True, **values: Any) -> Employee:
    """Return an employee with a name and further values."""
    return Employee(identity, {"given_name": given, "family_name": family, **values}, active=active)


def change(field: str, huma: Any, fortnox: Any, **more: Any) -> Change:
    """Return a difference; Huma is suggested unless something else is said."""
    given: dict[str, Any] = {
        "changed": Changed.NEVER_COMPARED,
        "suggested": Direction.USE_HUMA,
        "why": Reason("hr-is-master"),
    }
    return Change(
        field, huma, fortnox, str(huma) if huma else None, str(fortnox) if fortnox else None, **(given | more)
    )


HANDELSBANKEN = {"number": "6112 512 028 001", "country": "SE"}
UNREADABLE = {"ClearingNo": "5202", "BankAccountNo": "6603120"}
ADDRESS = {
    "line1": "Storgatan 1",
    "line2": "",
    "line3": "",
    "postalCode": "11418",
    "city": "Stockholm",
    "country": "SE",
}

PLAN: tuple[PlannedPerson, ...] = (
    PlannedPerson(
        "u:anna",
        Situation.DIFFERS,
        user("anna", "Anna", "Berg", email="anna.berg@example.se"),
        employee("007", "Anna", "Berg", email="anna.berg@example.se"),
        changes=(
            change("phone", "070-123 45 67", "070-123 99 67", changed=Changed.IN_HUMA, why=Reason("changed-in-huma")),
            change(
                "employment_id",
                None,
                "007",
                suggested=Direction.USE_FORTNOX,
                why=Reason("numbered-by-fortnox"),
            ),
            change("address", ADDRESS, None, why=Reason("empty-in-fortnox")),
            change(
                "bank_account",
                {"number": "3300 000620-5124", "country": "SE"},
                {"ClearingNo": "6112", "BankAccountNo": "512028001"},
                suggested=Direction.LEAVE,
                why=Reason("needs-a-look"),
            ),
        ),
    ),
    PlannedPerson(
        "u:script",
        Situation.DIFFERS,
        user("script", "<script>alert(1)</script>", "O'Brien", email="x@example.com"),
        employee("12", "Skript", "O’Brien", email="x@example.com"),
        linked=True,
        changes=(
            change("given_name", "<script>alert(1)</script>", "Skript"),
            change("phone", None, "+46 70 555 00 01", why=Reason("empty-in-huma"), suggested=Direction.USE_FORTNOX),
            change(
                "bank_account",
                {"number": "123", "country": "SE"},
                None,
                held=Reason("bank-account-clearing-missing"),
            ),
        ),
        notes=(Reason("duplicate-in-huma", {"field": "phone", "count": "2", "people": "script,other"}),),
    ),
    PlannedPerson(
        "u:same",
        Situation.IN_SYNC,
        user("same", "Sam", "Lik", email="sam@example.se"),
        employee("13", "Sam", "Lik", email="sam@example.se"),
        linked=True,
    ),
    PlannedPerson(
        "u:two",
        Situation.AMBIGUOUS,
        user("two", "Två", "Möjliga", email="two@example.se"),
        reasons=(Reason("duplicate-in-fortnox", {"field": "email", "count": "2", "people": "21,22"}),),
        pairings=(Pairing("two", "21", ("email",)), Pairing("two", "22", ("email", "name"))),
    ),
    PlannedPerson(
        "e:21",
        Situation.AMBIGUOUS,
        employee=employee("21", "Tove", "Möjlig", email="two@example.se"),
        pairings=(Pairing("two", "21", ("email",)),),
    ),
    PlannedPerson(
        "u:nomail",
        Situation.BLOCKED,
        user("nomail", "Utan", "Epost"),
        reasons=(Reason("email-missing", {"field": "email", "side": "huma"}),),
    ),
    PlannedPerson("u:new", Situation.ONLY_IN_HUMA, user("new", "Ny", "Anställd"), creates="fortnox"),
    PlannedPerson("u:left", Situation.ONLY_IN_HUMA, user("left", "Har", "Slutat", active=False), creates="fortnox"),
    PlannedPerson(
        "u:held",
        Situation.ONLY_IN_HUMA,
        user("held", "Hindrad", "Person"),
        creates="fortnox",
        create_held=Reason("email-missing", {"field": "email", "side": "huma"}),
    ),
    PlannedPerson("e:31", Situation.ONLY_IN_FORTNOX, employee=employee("31", "Bara", "Fortnox"), creates="huma"),
)

OUTCOMES: tuple[PersonOutcome, ...] = (
    PersonOutcome(
        "u:anna",
        "Anna Berg",
        (
            FieldOutcome("phone", Outcome.DONE, "fortnox"),
            FieldOutcome("bank_account", Outcome.DONE, "fortnox"),
            FieldOutcome(
                "address", Outcome.HELD, "fortnox", Reason("address-too-long", {"length": "300", "limit": "255"})
            ),
        ),
    ),
    PersonOutcome(
        "u:script",
        "<script>alert(1)</script> O'Brien",
        (
            FieldOutcome(
                "given_name", Outcome.FAILED, "fortnox", Reason("fortnox-refused-characters", {"code": "2000359"})
            ),
        ),
    ),
)


def _with(only: Sequence[Outcome]) -> tuple[PersonOutcome, ...]:
    """Return the people of the result, with the lines that had one of these outcomes."""
    chosen = [
        replace(each, outcomes=tuple(line for line in each.outcomes if not only or line.outcome in only))
        for each in OUTCOMES
    ]
    return tuple(each for each in chosen if each.outcomes)


ACTIVITY: tuple[Activity, ...] = (
    Activity(
        at=(NOW + 60) * 1000,
        kind="push",
        cause=Cause.EVENT,
        person="anna",
        name="Anna Berg",
        outcomes=(FieldOutcome("phone", Outcome.DONE, "fortnox"),),
        delay_ms=2345,
    ),
    Activity(
        at=(NOW + 30) * 1000,
        kind="push",
        cause=Cause.EVENT,
        person="bo",
        name="Bo <b>Ek</b>",
        outcomes=(FieldOutcome("phone", Outcome.HELD, "fortnox", Reason("phone-invalid")),),
        delay_ms=1500,
    ),
    Activity(at=NOW * 1000, kind="connected", cause=Cause.ADMINISTRATOR, actor="Astrid Ek"),
)


HELD: tuple[HeldPerson, ...] = (
    HeldPerson(
        "bo",
        "Bo <b>Ek</b>",
        {
            "bank_account": HeldField("held", Reason("bank-account-all-zeros"), NOW - 3600),
            "phone": HeldField("failed", Reason("fortnox-refused-characters", {"code": "2000359"}), NOW - 60),
        },
    ),
    HeldPerson(
        "cia",
        "Cia Alm",
        {
            "address": HeldField("held", Reason("removed-in-huma"), NOW - 60),
            "phone": HeldField("held", Reason("removed-in-huma"), NOW - 60, decision="remove", decided_by="Astrid Ek"),
            "given_name": HeldField("held", Reason("removed-in-huma"), NOW - 60),
        },
    ),
    HeldPerson("new", "", {}, creating=True),
)


def event(
    method: str,
    path: str,
    *,
    query: str = "",
    body: str | None = None,
    headers: Mapping[str, str] | None = None,
    cookie: str | None = COOKIE,
    base64: bool = False,
) -> dict[str, Any]:
    """Return an API Gateway event of payload format 2.0."""
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "cookies": [f"huma_fortnox_session={cookie}"] if cookie else [],
        "headers": {"host": "integration.example.com", **(headers or {})},
        "requestContext": {
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1"},
            "stage": "$default",
            "requestId": "1",
        },
        "body": body,
        "isBase64Encoded": base64,
    }


def form_event(path: str, pairs: Sequence[tuple[str, str]], *, csrf: str | None = CSRF, **more: Any) -> dict[str, Any]:
    """Return a posted form, with the session's token unless told otherwise."""
    fields = [*pairs, ("csrf", csrf)] if csrf is not None else list(pairs)
    headers = {"content-type": "application/x-www-form-urlencoded"}
    return event("POST", path, body=urlencode(fields), headers=headers, **more)


def json_event(method: str, path: str, data: object, *, csrf: str | None = CSRF, **more: Any) -> dict[str, Any]:
    """Return a JSON request, with the session's token unless told otherwise."""
    headers = {"content-type": "application/json", **({"x-csrf-token": csrf} if csrf else {})}
    return event(method, path, body=json.dumps(data), headers=headers, **more)
