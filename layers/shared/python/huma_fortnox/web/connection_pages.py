"""The pages around the connection: overview, set-up, terms, settings, *Disconnect*."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from huma_fortnox.domain import email
from huma_fortnox.domain.creation import EmploymentDefaults
from huma_fortnox.domain.errors import BadRequest, HumaKeyRefused, NotAllowed, Unknown
from huma_fortnox.domain.frozen import dataclass
from huma_fortnox.domain.outcome import Reason
from huma_fortnox.domain.people import FieldSettings
from huma_fortnox.pages import addresses, employment
from huma_fortnox.pages.stylesheet import assets
from huma_fortnox.pages.terms import VERSION as TERMS_VERSION
from huma_fortnox.pages.terms import terms
from huma_fortnox.pages.texts import locales, negotiate
from huma_fortnox.pages.values import field_keys
from huma_fortnox.services.model import MOST_RECIPIENTS, ConnectionState, OrganizationSettings, Recipient
from huma_fortnox.web.http import asset, see_other, session_cookie
from huma_fortnox.web.routing import Handler, Route
from huma_fortnox.web.statuses import status_of
from huma_fortnox.web.visitor import refuse

if TYPE_CHECKING:
    from huma_fortnox.services.model import Connection, Session
    from huma_fortnox.web.active_pages import ActivePages
    from huma_fortnox.web.http import Form, Request, Response
    from huma_fortnox.web.use_cases import UseCases
    from huma_fortnox.web.visitor import Visitor

KEY_PROBLEMS = ("field-not-visible", "field-not-editable")
"""What a working Huma key may lack; the key is kept all the same."""
LONGEST_KEY = 255
NUMBERS: Mapping[str, tuple[int, int]] = {
    "bank_changes_an_hour": (0, 10_000),
    "bank_accounts": (1, 100_000),
    "bank_account_percent": (0, 100),
    "cleared_values": (1, 100_000),
    "creations": (1, 100_000),
}
"""The form's names of the limits, with the least and the most of each; the first may be left empty."""
LONGEST_ADDRESS = 254
EMPLOYMENT_FIELDS = ("personel_type", "employment_form", "salary_form")
"""The form's names of the employment settings, in the order of ``EmploymentDefaults``."""


@dataclass(frozen=True, slots=True)
class RecipientRow:
    """One row of the form for e-mail recipients."""

    email: str
    language: str
    wrong: bool = False


class ConnectionPages:
    """Handlers of the pages around the connection.

    ``active`` shows the overview once there is a connection. ``fortnox_login`` is the origin of Fortnox's login,
    where the set-up form leads.
    """

    def __init__(self, use_cases: UseCases, visitor: Visitor, active: ActivePages, fortnox_login: str) -> None:
        self._connect = use_cases.connect
        self._oversight = use_cases.oversight
        self._visitor = visitor
        self._active = active
        self._fortnox_login = fortnox_login

    def routes(self) -> list[Route]:
        """Return these pages' addresses."""
        table: list[tuple[str, str, Handler]] = [
            ("GET", addresses.HOME, self.home),
            ("GET", addresses.SET_UP, self.set_up),
            ("POST", addresses.SET_UP, self.begin),
            ("POST", addresses.HUMA_KEY, self.save_huma_key),
            ("GET", addresses.TERMS, self.terms),
            ("GET", addresses.SETTINGS, self.settings),
            ("POST", addresses.SETTINGS, self.change_settings),
            ("GET", addresses.DISCONNECT, self.ask_disconnect),
            ("POST", addresses.DISCONNECT, self.disconnect),
            ("POST", addresses.SIGN_OUT, self.sign_out),
            ("GET", "/assets/<file>", self.asset),
        ]
        return [Route(method, path, handler, refuse) for method, path, handler in table]

    def home(self, request: Request) -> Response[str]:
        """Open a session for a launch token, else show where the organization stands."""
        if "launch" in request.query:
            session = self._visitor.sessions.open(request.query["launch"])
            cookie = session_cookie(session.id, int(session.expires_at - self._visitor.clock()))
            # To the same address without the token, which so leaves the address bar and the history.
            return see_other(addresses.HOME, cookies=[cookie])
        session = self._visitor.enter(request)
        organization = session.administrator.organization_id
        connection = self._connect.connection(organization)
        if connection.usable or connection.state is ConnectionState.NEEDS_REAUTHORIZATION:
            return self._active.show(request, session, connection)
        return self._visitor.show("overview.html", request, session, connection=connection, fields=field_keys())

    def set_up(self, request: Request) -> Response[str]:
        """Show what will happen, ask for the Huma key where it is missing, and for the terms."""
        session = self._visitor.enter(request)
        return self._set_up(request, session)

    def _set_up(
        self,
        request: Request,
        session: Session,
        *,
        status: int = 200,
        errors: Mapping[str, Reason] | None = None,
        client_id: str = "",
    ) -> Response[str]:
        key_errors = bool(errors and errors.keys() & {"client_id", "client_secret", "webhook_secret"})
        connection = self._connect.connection(session.administrator.organization_id)
        return self._visitor.show(
            "set-up.html",
            request,
            session,
            status=status,
            form_targets=(self._fortnox_login,) if self._fortnox_login else (),
            connection=connection,
            fields=field_keys(),
            terms_version=TERMS_VERSION,
            errors=errors or {},
            problems=_problems(request.query.get("lacks", "")),
            client_id=client_id,
            key_form=not connection.has_huma_key or request.query.get("key") == "change" or key_errors,
            key_saved=request.query.get("key") == "saved",
        )

    def save_huma_key(self, request: Request) -> Response[str]:
        """Check the Huma key at once; keep it when it works, else say plainly what is missing."""
        session, form = self._visitor.post(request)
        client_id, client_secret = form.get("client_id"), form.get("client_secret")
        missing = {
            name: BadRequest("value-missing").reason
            for name, value in (("client_id", client_id), ("client_secret", client_secret))
            if not 0 < len(value) <= LONGEST_KEY
        }
        if missing:
            return self._set_up(request, session, status=400, errors=missing, client_id=client_id)
        try:
            check = self._connect.save_huma_key(
                session.administrator, client_id, client_secret, form.get("webhook_secret") or None
            )
        except (HumaKeyRefused, NotAllowed, BadRequest) as error:
            name = "webhook_secret" if error.reason.code == "webhook-secret-missing" else "client_id"
            errors = {name: error.reason}
            return self._set_up(request, session, status=status_of(error), errors=errors, client_id=client_id)
        lacks = ",".join(f"{problem.code}:{problem.params.get('field', '')}" for problem in check.problems)
        return see_other(addresses.with_query(addresses.SET_UP, key="saved", lacks=lacks))

    def begin(self, request: Request) -> Response[str]:
        """Record the accepted terms and lead on to Fortnox."""
        session, form = self._visitor.post(request)
        if form.get("terms") != TERMS_VERSION:
            errors = {"terms": BadRequest("terms-not-accepted").reason}
            return self._set_up(request, session, status=400, errors=errors)
        try:
            url = self._connect.begin(session.administrator, session_id=session.id, terms_version=TERMS_VERSION)
        except BadRequest as error:
            return self._set_up(request, session, status=status_of(error), errors={"terms": error.reason})
        return see_other(url)

    def terms(self, request: Request) -> Response[str]:
        """Show the terms of service; they can be read without a session."""
        session = self._visitor.enter(request) if request.session_cookie else None
        return self._visitor.show(
            "terms.html", request, session, terms=terms(request.locale), terms_version=TERMS_VERSION
        )

    def settings(self, request: Request) -> Response[str]:
        """Show the settings."""
        session = self._visitor.enter(request)
        connection = self._connect.connection(session.administrator.organization_id)
        return self._settings(request, session, connection, saved=request.query.get("saved") == "1")

    def _settings(
        self,
        request: Request,
        session: Session,
        connection: Connection,
        *,
        saved: bool = False,
        errors: Mapping[str, Reason] | None = None,
        form: Form | None = None,
    ) -> Response[str]:
        settings = connection.settings
        return self._visitor.show(
            "settings.html",
            request,
            session,
            status=400 if errors else 200,
            connection=connection,
            settings=settings,
            saved=saved,
            errors=errors or {},
            employment=employment,
            numbers=tuple(NUMBERS),
            given={name: form.get(name) if form else value for name, value in _numbers(settings).items()},
            usual={"bank_changes_an_hour": self._oversight.state(connection.organization_id).threshold},
            recipients=_rows(form) if form else _rows_of(settings),
            languages=locales(),
        )

    def change_settings(self, request: Request) -> Response[str]:
        """Replace the settings."""
        session, form = self._visitor.post(request)
        connection = self._connect.connection(session.administrator.organization_id)
        present = connection.settings
        errors: dict[str, Reason] = {}
        fields = FieldSettings(
            phone_property=form.get("phone_property"),
            default_region=form.get("default_region").upper(),
            country_name=form.get("country_name"),
        )
        if fields.phone_property not in ("Phone1", "Phone2"):
            errors["phone_property"] = BadRequest("value-invalid").reason
        if not (
            len(fields.default_region) == 2 and fields.default_region.isascii() and fields.default_region.isalpha()
        ):
            errors["default_region"] = BadRequest("value-invalid").reason
        if not 0 < len(fields.country_name) <= 60:
            errors["country_name"] = BadRequest("value-missing").reason
        chosen = employment_of(form)
        if chosen is None and any(form.get(name) for name in EMPLOYMENT_FIELDS):
            errors["employment"] = BadRequest("employment-incomplete").reason
        automatically = form.get("create_automatically") == "1"
        if automatically and chosen is None:
            errors["employment"] = BadRequest("employment-incomplete").reason
        numbers = {name: _number(form.get(name), least, most) for name, (least, most) in NUMBERS.items()}
        errors |= {name: BadRequest("value-invalid").reason for name, number in numbers.items() if number is None}
        found = {name: number for name, number in numbers.items() if number is not None}
        recipients, wrong = _recipients(form)
        if wrong is not None:
            errors["recipients"] = wrong
        settings = replace(
            present,
            fields=fields if "phone_property" not in errors else present.fields,
            employment=chosen,
            create_automatically=automatically,
            bank_changes_an_hour=found.pop("bank_changes_an_hour", 0),
            thresholds=replace(present.thresholds, **found),
            recipients=recipients,
        )
        if errors:
            return self._settings(request, session, replace(connection, settings=settings), errors=errors, form=form)
        self._connect.change_settings(session.administrator, settings)
        return see_other(addresses.with_query(addresses.SETTINGS, saved="1"))

    def ask_disconnect(self, request: Request) -> Response[str]:
        """Say what *Disconnect* keeps and erases, and ask once."""
        session = self._visitor.enter(request)
        connection = self._connect.connection(session.administrator.organization_id)
        return self._visitor.show("disconnect.html", request, session, connection=connection)

    def disconnect(self, request: Request) -> Response[str]:
        """End the connection."""
        session, _ = self._visitor.post(request)
        self._connect.disconnect(session.administrator)
        return see_other(addresses.HOME)

    def sign_out(self, request: Request) -> Response[str]:
        """End the session and remove its cookie."""
        session, _ = self._visitor.post(request)
        self._visitor.sessions.close(session.id)
        response = self._visitor.show("signed-out.html", request, None)
        response.cookies.append(session_cookie("", 0))
        return response

    def asset(self, request: Request, file: str) -> Response[str]:
        """Serve the stylesheet or the icon."""
        for each in assets().values():
            if each.path == f"/assets/{file}":
                return asset(each.content, each.content_type)
        raise Unknown("page-unknown")


def _problems(lacks: str) -> list[Reason]:
    """Read what a checked key lacks from the address: our own codes and fields, and nothing else."""
    found = []
    for each in lacks.split(","):
        code, _, field = each.partition(":")
        if code in KEY_PROBLEMS and field in field_keys():
            found.append(Reason(code, {"field": field}))
    return found


def _numbers(settings: OrganizationSettings) -> dict[str, str]:
    """Return the limits as the form shows them; nothing where the usual one counts."""
    thresholds = settings.thresholds
    return {
        "bank_changes_an_hour": str(settings.bank_changes_an_hour or ""),
        "bank_accounts": str(thresholds.bank_accounts),
        "bank_account_percent": str(thresholds.bank_account_percent),
        "cleared_values": str(thresholds.cleared_values),
        "creations": str(thresholds.creations),
    }


def _rows_of(settings: OrganizationSettings) -> list[RecipientRow]:
    """Return the rows of the form for e-mail recipients: those there are, and empty ones for more."""
    rows = [RecipientRow(each.email, negotiate(each.locale)) for each in settings.recipients]
    return rows + [RecipientRow("", "")] * (MOST_RECIPIENTS - len(rows))


def _rows(form: Form) -> list[RecipientRow]:
    """Return the rows as they were filled in."""
    rows = []
    for number in range(1, MOST_RECIPIENTS + 1):
        address = form.get(f"recipient_{number}")
        rows.append(RecipientRow(address, form.get(f"language_{number}"), wrong=_address(address) is None))
    return rows


def _recipients(form: Form) -> tuple[tuple[Recipient, ...], Reason | None]:
    """Return who is to get the e-mails, and what is wrong with the first address that cannot be used."""
    found: list[Recipient] = []
    for row in _rows(form):
        address = _address(row.email)
        if address is None:
            return (), BadRequest("email-syntax").reason
        if address and address.casefold() not in {each.email.casefold() for each in found}:
            found.append(Recipient(address, negotiate(row.language)))
    return tuple(found), None


def _address(text: str) -> str | None:
    """Return an address as it is kept, nothing for nothing, and ``None`` for what is no address."""
    if not text:
        return ""
    return email.validate(text) if len(text) <= LONGEST_ADDRESS and email.is_valid(text) else None


def _number(text: str, least: int, most: int) -> int | None:
    """Return a number of the form, zero for an empty one where that is allowed, ``None`` for anything wrong."""
    if not text and least == 0:
        return 0
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= 6 else -1
    return number if least <= number <= most else None


def employment_of(form: Form) -> EmploymentDefaults | None:
    """Return the employment settings of a form, or ``None`` unless all three are chosen from what is offered."""
    chosen = EmploymentDefaults(*(form.get(name) for name in EMPLOYMENT_FIELDS))
    complete = (
        chosen.personel_type in employment.PERSONEL_TYPES
        and chosen.employment_form in employment.EMPLOYMENT_FORMS
        and chosen.salary_form in employment.SALARY_FORMS
    )
    return chosen if complete else None
