"""The JSON API under ``/api/organizations/{organizationId}``, described by ``openapi.json``.

Who asks is known by the session cookie (then everything but reading needs the CSRF token in ``X-CSRF-Token``) or by
a bearer token from Huma. Another organization than the caller's own does not exist, as far as the answer tells.
"""

from __future__ import annotations

import hmac
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote

from huma_fortnox.domain import email
from huma_fortnox.domain.creation import EmploymentDefaults
from huma_fortnox.domain.decisions import Direction
from huma_fortnox.domain.errors import BadRequest, Conflict, NotAllowed, Unknown
from huma_fortnox.domain.frozen import dataclass
from huma_fortnox.domain.outcome import Outcome
from huma_fortnox.domain.people import FieldSettings
from huma_fortnox.domain.plan_types import Situation
from huma_fortnox.pages import employment
from huma_fortnox.pages.texts import locales, texts
from huma_fortnox.pages.values import field_keys, shower
from huma_fortnox.services.model import (
    LONGEST_JOB_TITLE,
    MOST_RECIPIENTS,
    DecisionInput,
    NewUserDefaults,
    OrganizationSettings,
    Recipient,
    Thresholds,
)
from huma_fortnox.web import representations
from huma_fortnox.web.http import JSON, answer_with, json_answer
from huma_fortnox.web.parsing import Members, invalid, page_limit, searched
from huma_fortnox.web.result_file import result_file
from huma_fortnox.web.routing import Handler, Route
from huma_fortnox.web.statuses import headers_of, status_of

if TYPE_CHECKING:
    from typing import Any

    from huma_fortnox.domain.errors import IntegrationError
    from huma_fortnox.services.model import Administrator
    from huma_fortnox.web.http import Request, Response
    from huma_fortnox.web.use_cases import UseCases

BASE = "/api/organizations/<organization_id>"
RUN = BASE + "/synchronizations/<synchronization_id>"
LONGEST_ADDRESS = 254
MOST_DECISIONS = 5_000
"""In one request; a front end sends more in several."""
USUAL_ROWS, MOST_ROWS = 50, 200

E = TypeVar("E", bound=StrEnum)


class _Yes(StrEnum):
    """What a query parameter says that is there or not."""

    TRUE = "true"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and with which session if any."""

    administrator: Administrator
    session_id: str | None


class Api:
    """The API's handlers."""

    def __init__(self, use_cases: UseCases) -> None:
        self._sessions = use_cases.sessions
        self._connect = use_cases.connect
        self._synchronizations = use_cases.synchronizations
        self._activity = use_cases.activity
        self._oversight = use_cases.oversight

    def routes(self) -> list[Route]:
        """Return the API's addresses."""
        table: list[tuple[str, str, Handler]] = [
            ("GET", "/api/openapi.json", self.document),
            ("GET", BASE + "/connection", self.connection),
            ("POST", BASE + "/connection", self.begin),
            ("DELETE", BASE + "/connection", self.disconnect),
            ("PUT", BASE + "/huma-key", self.save_huma_key),
            ("PUT", BASE + "/settings", self.change_settings),
            ("POST", BASE + "/synchronizations", self.start),
            ("GET", RUN, self.synchronization),
            ("GET", RUN + "/people", self.people),
            ("PUT", RUN + "/decisions", self.decide),
            ("POST", RUN + "/read-again", self.read_again),
            ("GET", RUN + "/summary", self.summary),
            ("POST", RUN + "/apply", self.apply),
            ("POST", RUN + "/cancel", self.cancel),
            ("GET", RUN + "/outcomes", self.outcomes),
            ("GET", RUN + "/result.csv", self.result_file),
            ("GET", BASE + "/activity", self.activity),
            ("GET", BASE + "/real-time", self.real_time),
            ("POST", BASE + "/real-time/catch-up", self.catch_up),
            ("POST", BASE + "/real-time/confirm-bank-changes", self.confirm_brake),
            ("POST", BASE + "/real-time/pause", self.pause),
            ("POST", BASE + "/real-time/resume", self.resume),
            ("GET", BASE + "/held", self.held),
            ("POST", BASE + "/held/try-again", self.try_again),
            ("PUT", BASE + "/held/<user_id>/removal", self.decide_removal),
        ]
        return [Route(method, path, handler, refuse) for method, path, handler in table]

    def document(self, request: Request) -> Response[str]:
        """Serve the OpenAPI document; it is no secret and needs no session."""
        return answer_with(_document(), JSON, Cache_Control="public, max-age=300")

    def connection(self, request: Request, organization_id: str) -> Response[str]:
        """Return the connection."""
        self._caller(request, organization_id)
        return json_answer(representations.connection(self._connect.connection(organization_id)))

    def begin(self, request: Request, organization_id: str) -> Response[str]:
        """Accept the terms and return the address of Fortnox's consent page."""
        caller = self._caller(request, organization_id)
        body = Members(request.json())
        version = body.text("termsVersion", longest=40)
        body.nothing_else()
        url = self._connect.begin(caller.administrator, session_id=caller.session_id, terms_version=version)
        return json_answer({"authorizationUrl": url})

    def disconnect(self, request: Request, organization_id: str) -> Response[str]:
        """End the connection."""
        self._connect.disconnect(self._caller(request, organization_id).administrator)
        return json_answer(None, 204)

    def save_huma_key(self, request: Request, organization_id: str) -> Response[str]:
        """Check a Huma API key and keep it when it works."""
        caller = self._caller(request, organization_id)
        body = Members(request.json())
        client_id, client_secret = body.text("clientId"), body.text("clientSecret")
        webhook_secret = body.optional_text("webhookSecret")
        body.nothing_else()
        check = self._connect.save_huma_key(caller.administrator, client_id, client_secret, webhook_secret)
        return json_answer(representations.key_check(check))

    def change_settings(self, request: Request, organization_id: str) -> Response[str]:
        """Replace the settings; limits and automatic creation stay as they are where they are left out."""
        caller = self._caller(request, organization_id)
        present = self._connect.connection(organization_id).settings
        body = Members(request.json())
        settings = OrganizationSettings(
            fields=FieldSettings(
                phone_property=body.one_of("phoneProperty", ("Phone1", "Phone2")),
                default_region=_region(body),
                country_name=body.text("countryName", longest=60).strip(),
            ),
            employment=_employment(body),
            create_automatically=body.flag("createAutomatically")
            if body.has("createAutomatically")
            else present.create_automatically,
            bank_changes_an_hour=body.number("bankChangesAnHour", least=0, most=10_000)
            if body.has("bankChangesAnHour")
            else present.bank_changes_an_hour,
            thresholds=_thresholds(body) if body.has("thresholds") else present.thresholds,
            recipients=_recipients(body) if body.has("recipients") else present.recipients,
            new_users=_new_users(body) if body.has("newUsers") else present.new_users,
        )
        body.nothing_else()
        if settings.create_automatically and settings.employment is None:
            raise BadRequest("employment-incomplete")
        changed = self._connect.change_settings(caller.administrator, settings)
        return json_answer(representations.connection(changed))

    def start(self, request: Request, organization_id: str) -> Response[str]:
        """Start a synchronization."""
        caller = self._caller(request, organization_id)
        started = self._synchronizations.start(caller.administrator)
        return json_answer(
            representations.synchronization(started), 201, Location=_run_address(organization_id, started.id)
        )

    def synchronization(self, request: Request, organization_id: str, synchronization_id: str) -> Response[str]:
        """Return one synchronization."""
        self._caller(request, organization_id)
        return json_answer(
            representations.synchronization(self._synchronizations.get(organization_id, synchronization_id))
        )

    def people(self, request: Request, organization_id: str, synchronization_id: str) -> Response[str]:
        """Return a page of the plan; by field and name people are looked for in one situation, or in the suggested."""
        self._caller(request, organization_id)
        situation = _choice(Situation, "situation", request.query.get("situation", ""))
        suggested = _choice(_Yes, "suggested", request.query.get("suggested", "")) is not None
        field, name = request.query.get("field", ""), searched(request.query.get("name", ""))
        if field and field not in field_keys():
            raise BadRequest("query-invalid", {"name": "field", "expected": ", ".join(field_keys())})
        if (field or name) and situation is None and not suggested:
            raise BadRequest("query-invalid", {"name": "situation", "expected": "one, to look in"})
        found = self._synchronizations.people(
            organization_id,
            synchronization_id,
            situation=situation,
            field=field,
            name=name,
            suggested=suggested,
            after=request.query.get("after", ""),
            limit=page_limit(request.query.get("limit"), usual=USUAL_ROWS, most=MOST_ROWS),
        )
        show = shower(self._connect.connection(organization_id).settings.fields)
        return json_answer(representations.people_page(found, show))

    def decide(self, request: Request, organization_id: str, synchronization_id: str) -> Response[str]:
        """Keep decisions."""
        caller = self._caller(request, organization_id)
        body = Members(request.json())
        given = body.items("decisions", most=MOST_DECISIONS)
        body.nothing_else()
        decisions = [_decision(Members(item, f"decisions[{index}]")) for index, item in enumerate(given)]
        self._synchronizations.decide(caller.administrator, synchronization_id, decisions)
        return json_answer(None, 204)

    def read_again(self, request: Request, organization_id: str, synchronization_id: str) -> Response[str]:
        """Read one blocked person again and plan them anew."""
        caller = self._caller(request, organization_id)
        body = Members(request.json())
        key = body.text("person")
        body.nothing_else()
        situation = self._synchronizations.read_again(caller.administrator, synchronization_id, key)
        return json_answer({"situation": situation.value if situation is not None else None})

    def summary(self, request: Request, organization_id: str, synchronization_id: str) -> Response[str]:
        """Return exactly what will be written."""
        self._caller(request, organization_id)
        show = shower(self._connect.connection(organization_id).settings.fields)
        found = self._synchronizations.summary(organization_id, synchronization_id)
        return json_answer(representations.summary(found, show))

    def apply(self, request: Request, organization_id: str, synchronization_id: str) -> Response[str]:
        """Let the run write what was decided."""
        caller = self._caller(request, organization_id)
        body = Members(request.json())
        confirmed = body.items("confirmed", most=20) if body.has("confirmed") else []
        decided = body.raw("decided") if body.has("decided") else None
        body.nothing_else()
        for index, code in enumerate(confirmed):
            if not isinstance(code, str):
                raise invalid(f"confirmed[{index}]", "text")
        if not isinstance(decided, str | None):
            raise invalid("decided", "text")
        applied = self._synchronizations.apply(
            caller.administrator, synchronization_id, confirmed=confirmed, decided=decided
        )
        return json_answer(representations.synchronization(applied), 202)

    def cancel(self, request: Request, organization_id: str, synchronization_id: str) -> Response[str]:
        """End the run without writing anything."""
        caller = self._caller(request, organization_id)
        cancelled = self._synchronizations.cancel(caller.administrator, synchronization_id)
        return json_answer(representations.synchronization(cancelled))

    def outcomes(self, request: Request, organization_id: str, synchronization_id: str) -> Response[str]:
        """Return a page of the result."""
        self._caller(request, organization_id)
        found = self._synchronizations.outcomes(
            organization_id,
            synchronization_id,
            after=request.query.get("after", ""),
            limit=page_limit(request.query.get("limit"), usual=USUAL_ROWS, most=MOST_ROWS),
            only=_outcomes(request),
        )
        return json_answer(representations.outcome_page(found))

    def result_file(self, request: Request, organization_id: str, synchronization_id: str) -> Response[str]:
        """Give the result, or one outcome of it, as a file for a spreadsheet."""
        self._caller(request, organization_id)
        found = self._synchronizations.get(organization_id, synchronization_id)
        return result_file(request, self._synchronizations, found, _outcomes(request))

    def activity(self, request: Request, organization_id: str) -> Response[str]:
        """Return a page of the log."""
        self._caller(request, organization_id)
        found = self._activity.page(
            organization_id,
            after=request.query.get("after", ""),
            limit=page_limit(request.query.get("limit"), usual=USUAL_ROWS, most=MOST_ROWS),
            person=request.query.get("person", ""),
            outcome=_choice(Outcome, "outcome", request.query.get("outcome", "")),
        )
        return json_answer(representations.activity_page(found))

    def real_time(self, request: Request, organization_id: str) -> Response[str]:
        """Return how real time stands."""
        self._caller(request, organization_id)
        return json_answer(representations.real_time(self._oversight.state(organization_id)))

    def catch_up(self, request: Request, organization_id: str) -> Response[str]:
        """Begin to compare everybody in Huma with what was last carried over."""
        caller = self._caller(request, organization_id)
        return json_answer(representations.reconciliation(self._oversight.catch_up(caller.administrator)), 202)

    def confirm_brake(self, request: Request, organization_id: str) -> Response[str]:
        """Let the stopped bank account changes through."""
        caller = self._caller(request, organization_id)
        return json_answer({"people": self._oversight.confirm_brake(caller.administrator)}, 202)

    def pause(self, request: Request, organization_id: str) -> Response[str]:
        """Carry no changes until somebody resumes."""
        caller = self._caller(request, organization_id)
        return json_answer(representations.connection(self._oversight.pause(caller.administrator)))

    def resume(self, request: Request, organization_id: str) -> Response[str]:
        """Carry changes again, and what happened meanwhile first."""
        caller = self._caller(request, organization_id)
        return json_answer(representations.connection(self._oversight.resume(caller.administrator)))

    def held(self, request: Request, organization_id: str) -> Response[str]:
        """Return a page of the people of whom something waits."""
        self._caller(request, organization_id)
        found = self._oversight.held(
            organization_id,
            after=request.query.get("after", ""),
            limit=page_limit(request.query.get("limit"), usual=USUAL_ROWS, most=MOST_ROWS),
        )
        return json_answer(representations.held_page(found))

    def try_again(self, request: Request, organization_id: str) -> Response[str]:
        """Look at one held person again, or at all of them."""
        caller = self._caller(request, organization_id)
        body = Members(request.json())
        user_id = body.optional_text("userId") or ""
        body.nothing_else()
        return json_answer({"people": self._oversight.try_again(caller.administrator, user_id)}, 202)

    def decide_removal(self, request: Request, organization_id: str, user_id: str) -> Response[str]:
        """Answer whether a value that was removed in Huma is to be removed in Fortnox too."""
        caller = self._caller(request, organization_id)
        body = Members(request.json())
        field, remove = body.one_of("field", field_keys()), body.flag("remove")
        body.nothing_else()
        self._oversight.decide_removal(caller.administrator, user_id, field, remove=remove)
        return json_answer(None, 204)

    def _caller(self, request: Request, organization_id: str) -> Caller:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            caller = Caller(self._sessions.bearer(token.strip()), None)
        else:
            session = self._sessions.session(request.session_cookie)
            caller = Caller(session.administrator, session.id)
            request.administrator = caller.administrator
            if request.method != "GET":
                given = request.headers.get("x-csrf-token", "")
                if not hmac.compare_digest(given.encode(), session.csrf_token.encode()):
                    raise NotAllowed("csrf-token-wrong")
        request.administrator = caller.administrator
        if caller.administrator.organization_id != organization_id:
            raise Unknown("organization-unknown")
        return caller


def refuse(request: Request, error: IntegrationError) -> Response[str]:
    """Return a failure as JSON: code, sentence in the reader's language, parameters."""
    explained = texts(request.locale).reason(error.reason)
    body: dict[str, Any] = {
        "code": error.reason.code,
        "message": explained.sentence,
        "params": dict(error.reason.params),
    }
    headers = headers_of(error)
    running = error.reason.params.get("synchronization") if isinstance(error, Conflict) else None
    if running and request.administrator is not None:
        body["link"] = _run_address(request.administrator.organization_id, running)
        headers["Link"] = f'<{body["link"]}>; rel="related"'
    return json_answer({"error": body}, status_of(error), **headers)


def _run_address(organization_id: str, synchronization_id: str) -> str:
    return f"/api/organizations/{quote(organization_id)}/synchronizations/{quote(synchronization_id)}"


def _choice(kind: type[E], name: str, text: str) -> E | None:
    if not text:
        return None
    try:
        return kind(text)
    except ValueError:
        expected = ", ".join(each.value for each in kind)
        raise BadRequest("query-invalid", {"name": name, "expected": expected}) from None


def _outcomes(request: Request) -> tuple[Outcome, ...]:
    outcome = _choice(Outcome, "outcome", request.query.get("outcome", ""))
    return () if outcome is None else (outcome,)


def _region(body: Members) -> str:
    region = body.text("defaultRegion", longest=2)
    if not (len(region) == 2 and region.isascii() and region.isalpha() and region.isupper()):
        raise invalid(body.at("defaultRegion"), "two capital letters (ISO 3166)")
    return region


def _employment(body: Members) -> EmploymentDefaults | None:
    given = body.raw("employment")
    if given is None:
        return None
    members = Members(given, "employment")
    chosen = EmploymentDefaults(
        personel_type=members.one_of("personelType", employment.PERSONEL_TYPES),
        employment_form=members.one_of("employmentForm", employment.EMPLOYMENT_FORMS),
        salary_form=members.one_of("salaryForm", employment.SALARY_FORMS),
    )
    members.nothing_else()
    return chosen


def _new_users(body: Members) -> NewUserDefaults:
    members = Members(body.raw("newUsers"), "newUsers")
    chosen = NewUserDefaults(members.text("jobTitle", longest=LONGEST_JOB_TITLE).strip(), members.flag("invite"))
    members.nothing_else()
    return chosen


def _thresholds(body: Members) -> Thresholds:
    members = Members(body.raw("thresholds"), "thresholds")
    chosen = Thresholds(
        bank_accounts=members.number("bankAccounts", least=1, most=100_000),
        bank_account_percent=members.number("bankAccountPercent", least=0, most=100),
        cleared_values=members.number("clearedValues", least=1, most=100_000),
        creations=members.number("creations", least=1, most=100_000),
    )
    members.nothing_else()
    return chosen


def _recipients(body: Members) -> tuple[Recipient, ...]:
    found = []
    for index, item in enumerate(body.items("recipients", most=MOST_RECIPIENTS)):
        members = Members(item, f"recipients[{index}]")
        address = members.text("email", longest=LONGEST_ADDRESS)
        if not email.is_valid(address):
            raise invalid(members.at("email"), "e-mail address")
        found.append(Recipient(email.validate(address), members.one_of("locale", locales())))
        members.nothing_else()
    return tuple(found)


def _decision(item: Members) -> DecisionInput:
    """Read one decision: a direction, a creation or a pair, never two of them."""
    if item.has("samePerson"):
        decision = DecisionInput(
            same_person=item.flag("samePerson"),
            user_id=item.text("userId"),
            employee_id=item.text("employeeId"),
        )
    elif item.has("create"):
        decision = DecisionInput(create=item.flag("create"), person=item.text("person"))
    else:
        given = item.raw("direction")
        decision = DecisionInput(
            direction=None if given is None else item.choice("direction", Direction),
            person=item.optional_text("person") or "",
            field=item.optional_text("field") or "",
        )
        if decision.person and not decision.field:
            raise BadRequest("body-member-missing", {"path": item.at("field")})
    item.nothing_else()
    return decision


@cache
def _document() -> str:
    return resources.files("huma_fortnox.web").joinpath("openapi.json").read_text(encoding="utf-8")
