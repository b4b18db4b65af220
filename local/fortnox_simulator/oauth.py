"""Authorization, tokens and revocation under ``/oauth-v1``, with their mixed content types."""

from __future__ import annotations

import base64
import binascii
from hmac import compare_digest
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from werkzeug.utils import redirect

from local.fortnox_simulator.companies import PASSWORD
from local.fortnox_simulator.refusals import as_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug import Request, Response

    from local.fortnox_simulator.companies import Account, Companies
    from local.fortnox_simulator.grants import Consent, Grants
    from local.fortnox_simulator.options import Options

    Render = Callable[..., Response]

SCOPE_MEANINGS = {
    "salary": "Salary: employees, absence, attendance, schedules (read and write)",
    "companyinformation": "Company information (read and write)",
    "profile": "Profile of the user (read and write)",
    "settings": "Settings (read and write)",
    "costcenter": "Cost centres (read and write)",
    "project": "Projects (read and write)",
}


class Authorization:
    """The authorization page: a GET shows it, a POST of its fields decides.

    The parameters of the request may stand in the query or in the form; the form has `account`,
    `password` and `decision` (approve or decline). The caller holds the simulator's lock.
    """

    def __init__(self, options: Options, companies: Companies, grants: Grants, render: Render) -> None:
        self._options = options
        self._companies = companies
        self._grants = grants
        self._render = render

    def answer(self, request: Request, *, licensed: bool) -> Response:
        """Answer a GET or POST of ``/oauth-v1/auth``."""
        asked = request.values
        if asked.get("client_id") != self._options.client_id:
            return self._problem("The client_id is not that of a registered app.")
        redirect_uri = asked.get("redirect_uri")
        if redirect_uri not in {None, self._options.redirect_uri}:
            return self._problem("The redirect_uri is not the registered one.")
        scopes = asked.get("scope", "").split()
        wrong = self._wrong_parameter(request, scopes)
        if wrong:
            return self._refuse(request, *wrong)
        if request.method == "GET":
            return self._page(request, scopes)
        account = next((each for each in self._companies.accounts() if each.id == request.form.get("account")), None)
        if account is None or request.form.get("password") != PASSWORD:
            return self._page(request, scopes, "Wrong account or password.", 403)
        return self._decide(request, account, scopes, licensed=licensed)

    def _wrong_parameter(self, request: Request, scopes: list[str]) -> tuple[str, str] | None:
        asked = request.values
        if not asked.get("state"):
            return "invalid_request", "The state parameter is required"
        if asked.get("response_type") != "code":
            return "unsupported_response_type", "The response type must be code"
        if not scopes or not self._options.scopes.issuperset(scopes):
            return "invalid_scope", "An unsupported scope was requested"
        if asked.get("access_type", "offline") != "offline":
            return "invalid_request", "The access type must be offline"
        account_type = asked.get("account_type")
        if account_type not in {None, "service"}:
            return "invalid_request", "The account type must be service"
        if account_type and not self._options.service_accounts:
            return "invalid_request", "Client does not allow service account"
        return None

    def _decide(self, request: Request, account: Account, scopes: list[str], *, licensed: bool) -> Response:
        asked = request.values
        service = asked.get("account_type") == "service"
        if account.locked:
            return redirect(self._options.redirect_uri)
        if request.form.get("decision") == "decline":
            return self._refuse(request, "access_denied", "The user denied access to your application")
        if request.form.get("decision") != "approve":
            return self._page(request, scopes, "Choose Approve or Decline.", 400)
        if account.error:
            return self._refuse(request, account.error, f"{account.name}: {account.description}")
        if not licensed:
            return self._refuse(request, "error_missing_license", "The company has no licence")
        if service and not account.administrator:
            return self._refuse(request, "error_missing_system_admin_right", "A system administrator must approve")
        consent = self._grants.consent(account.tenant, scopes, service=service, user=account.user)
        code = self._grants.issue_code(consent, asked.get("redirect_uri"))
        return self._back({"code": code, "state": asked["state"]})

    def _refuse(self, request: Request, error: str, description: str) -> Response:
        parameters = {"error": error, "error_description": description}
        state = request.values.get("state")
        if state and self._options.errors_echo_state:
            parameters["state"] = state
        return self._back(parameters)

    def _back(self, parameters: dict[str, str]) -> Response:
        parts = urlsplit(self._options.redirect_uri)
        query = urlencode([*parse_qsl(parts.query), *parameters.items()])
        return redirect(urlunsplit(parts._replace(query=query)))

    def _problem(self, text: str) -> Response:
        return self._render("problem.html", 400, text=text)

    def _page(self, request: Request, scopes: list[str], problem: str = "", status: int = 200) -> Response:
        return self._render(
            "authorize.html",
            status,
            accounts=self._companies.accounts(),
            chosen=request.form.get("account", "admin"),
            client_id=self._options.client_id,
            companies={a.tenant: self._companies.find(a.tenant) for a in self._companies.accounts()},
            password=PASSWORD,
            problem=problem,
            scopes=[SCOPE_MEANINGS.get(scope, scope) for scope in scopes],
            service=request.values.get("account_type") == "service",
            fields=[
                (name, value)
                for name, value in request.values.items()
                if name not in {"account", "password", "decision"}
            ],
        )


class TokenEndpoint:
    """``/oauth-v1/token`` and ``/oauth-v1/revoke``; the caller holds the simulator's lock."""

    def __init__(self, options: Options, grants: Grants) -> None:
        self._options = options
        self._grants = grants

    def token(self, request: Request, *, licensed: bool) -> Response:
        """Answer a token request of one of the three grant types."""
        if not self._is_client(request):
            return _invalid_client()
        match request.form.get("grant_type"):
            case None | "":
                return _error("invalid_request", "The grant type was not specified in the request")
            case "authorization_code":
                return self._by_code(request)
            case "refresh_token":
                return self._by_refresh_token(request, licensed=licensed)
            case "client_credentials":
                return self._by_client_credentials(request, licensed=licensed)
            case other:
                return _error("unsupported_grant_type", f'Grant type "{other}" not supported')

    def revoke(self, request: Request) -> Response:
        """Revoke a refresh token; a token nobody knows is answered alike."""
        if not self._is_client(request):
            return _invalid_client()
        token = request.form.get("token")
        if not token:
            return _error("invalid_request", "Missing token parameter to revoke")
        if request.form.get("token_type_hint", "refresh_token") == "refresh_token":
            self._grants.refresh_tokens.pop(token, None)
        return as_json({"revoked": True})

    def _by_code(self, request: Request) -> Response:
        code = self._grants.take_code(request.form.get("code", ""))
        if code is None:
            return _error("invalid_grant", "Auth code or ClientID supplied is invalid")
        if code.redirect_uri is not None and request.form.get("redirect_uri") != code.redirect_uri:
            return _error("redirect_uri_mismatch", "The redirect URI is missing or do not match")
        return self._tokens(code.consent, code.consent.scopes, refreshable=True)

    def _by_refresh_token(self, request: Request, *, licensed: bool) -> Response:
        text = request.form.get("refresh_token", "")
        found = self._grants.find_refresh_token(text)
        if found is None:
            return _error("invalid_grant", "Invalid refresh token")
        if not licensed:
            return _missing_licence()
        del self._grants.refresh_tokens[text]
        return self._tokens(found.consent, found.scopes, refreshable=True)

    def _by_client_credentials(self, request: Request, *, licensed: bool) -> Response:
        if not self._options.client_credentials:
            return _error("unauthorized_client", "The grant type is unauthorized for this client_id")
        tenant = request.headers.get("TenantId", "")
        if not (tenant.isascii() and tenant.isdigit()):
            return _error("invalid_request", "Missing header: TenantId is required")
        consent = self._grants.consents.get(int(tenant))
        if consent is None or not consent.service:
            return _error("invalid_grant", "No consent for a service account of the tenant")
        if not licensed:
            return _missing_licence()
        wanted = frozenset(request.form.get("scope", "").split()) or consent.scopes
        if not wanted <= consent.scopes:
            return _error("invalid_scope", "An unsupported scope was requested")
        return self._tokens(consent, wanted, refreshable=False)

    def _tokens(self, consent: Consent, scopes: frozenset[str], *, refreshable: bool) -> Response:
        answer: dict[str, object] = {
            "access_token": self._grants.issue_access_token(consent, scopes),
            "scope": " ".join(sorted(scopes)),
            "expires_in": self._options.access_token_seconds,
            "token_type": "bearer",
        }
        if refreshable:
            answer["refresh_token"] = self._grants.issue_refresh_token(consent, scopes)
        return as_json(answer)

    def _is_client(self, request: Request) -> bool:
        scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return False
        try:
            given = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            return False
        expected = f"{self._options.client_id}:{self._options.client_secret}"
        return compare_digest(given, expected.encode())


def _error(error: str, description: str) -> Response:
    """Answer a refusal: JSON, but labelled as HTML."""
    data = {"error": error, "error_description": description}
    return as_json(data, 400, content_type="text/html; charset=UTF-8")


def _missing_licence() -> Response:
    return _error("error_missing_license", "The company or user has no licence for a requested scope")


def _invalid_client() -> Response:
    data = {"error": "invalid_client", "error_description": "The client credentials are invalid"}
    return as_json(data, 401, content_type="text/plain; charset=UTF-8")
