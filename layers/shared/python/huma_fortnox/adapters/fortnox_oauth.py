"""Fortnox's OAuth 2: the authorization URL, the grants, and what each of its refusals means.

Nothing is kept here: who holds tokens calls this under its own lease and persists what comes back before using it.
A refresh token and an authorization code are good for one use, so neither request is ever repeated once it may have
arrived (``OutcomeUnknown``); client credentials rotate nothing and are. Sources: Fortnox's pages on authorization
and on client credentials; the refusals are names that integrations meet, the full list is not published, so unknown
names are expected.
"""

from __future__ import annotations

import base64
import json
from dataclasses import field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from huma_fortnox.adapters.http import (
    Action,
    Answer,
    Call,
    ErrorTable,
    HttpPolicy,
    Repeat,
    Rule,
    Verdict,
    refuse_unreadable,
)
from huma_fortnox.adapters.redaction import code as readable_code
from huma_fortnox.domain.errors import (
    ConsentNeeded,
    Defect,
    IntegrationError,
    LicenceMissing,
    TransientError,
)
from huma_fortnox.domain.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SYSTEM = "fortnox-login"
SCOPES = ("salary", "companyinformation")

_GRANT = Rule(Action.FAIL, ConsentNeeded, "consent-lost")
_CODE = Rule(Action.FAIL, ConsentNeeded, "authorization-code-refused")
_LICENCE = Rule(Action.FAIL, LicenceMissing, "licence-missing")
_OURS = Rule(Action.FAIL, Defect, "fortnox-app-misconfigured")

REFUSALS: Mapping[str, Rule] = {
    "access_denied": Rule(Action.FAIL, ConsentNeeded, "consent-declined"),
    "error_missing_license": _LICENCE,
    "not have enough licenses": _LICENCE,
    "error_missing_app_license": Rule(Action.FAIL, LicenceMissing, "app-licence-missing"),
    "error_missing_system_admin_right": Rule(Action.FAIL, ConsentNeeded, "administrator-right-missing"),
    "invalid_scope": Rule(Action.FAIL, ConsentNeeded, "scope-not-enabled"),
    "client does not allow service account": Rule(Action.FAIL, ConsentNeeded, "service-account-not-allowed"),
    "auth code or clientid supplied is invalid": _CODE,
    "invalid_grant": _GRANT,
    "invalid_client": _OURS,
    "unauthorized_client": Rule(Action.FAIL, Defect, "grant-type-not-allowed"),
    "unsupported_grant_type": Rule(Action.FAIL, Defect, "grant-type-not-allowed"),
    "unsupported_response_type": _OURS,
    "redirect_uri_mismatch": _OURS,
    "invalid_request": _OURS,
    "server_error": Rule(Action.REPEAT, TransientError),
    "temporarily_unavailable": Rule(Action.REPEAT, TransientError),
}
"""Fortnox's name of a refusal → what it means, for the redirect after login and the token endpoint alike.

Some refusals have no name but a sentence; those are looked for in the description, in lower case.
"""

_TOKEN_ERRORS = ErrorTable(
    {
        **{("*", name): rule for name, rule in REFUSALS.items()},
        # Anything but the documented refusals, a page above all, decides nothing about a consent.
        ("*", "page"): Rule(Action.REPEAT, TransientError),
        ("*", "*"): Rule(Action.FAIL, TransientError, "fortnox-login-refused"),
    }
)


@dataclass(frozen=True, slots=True)
class TokenSet:
    """What a grant gave. ``expires_in`` is in seconds; ``refresh_token`` is ``None`` with client credentials.

    ``scopes`` are those granted, empty when Fortnox did not say. ``tenant_id`` is the company's number as the access
    token carries it, ``None`` when it cannot be read.
    """

    access_token: str = field(repr=False)
    expires_in: int
    scopes: frozenset[str] = frozenset()
    refresh_token: str | None = field(default=None, repr=False)
    tenant_id: str | None = None

    def missing_scopes(self, wanted: Sequence[str] = SCOPES) -> frozenset[str]:
        """Return what is wanted and was not granted; to be asked only after the tokens were persisted."""
        return frozenset(wanted) - self.scopes if self.scopes else frozenset()


class FortnoxOAuth:
    """The authorization server of Fortnox, for our one registered app.

    ``auth_url`` is ``https://apps.fortnox.se/oauth-v1`` or whatever stands in for it. All methods that talk to it
    raise ``ConsentNeeded``, ``LicenceMissing``, ``TransientError`` (``OutcomeUnknown``) or ``Defect``.
    """

    system = SYSTEM

    def __init__(self, auth_url: str, client_id: str, client_secret: str, http: HttpPolicy) -> None:
        self._url = auth_url.rstrip("/")
        self._client_id = client_id
        self._http = http
        secret = f"{client_id}:{client_secret}".encode()
        self._authorization = f"Basic {base64.b64encode(secret).decode()}"

    def authorization_url(
        self, state: str, redirect_uri: str, *, scopes: Sequence[str] = SCOPES, service_account: bool = True
    ) -> str:
        """Return where to send the administrator to log in and approve.

        ``service_account`` asks for a consent of the company instead of a person's, which outlives that person and
        allows client credentials; only an administrator of the company may give it.
        """
        parameters = {
            "client_id": self._client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(scopes),
            "state": state,
            "access_type": "offline",
            "response_type": "code",
        }
        if service_account:
            parameters["account_type"] = "service"
        return f"{self._url}/auth?{urlencode(parameters, quote_via=quote)}"

    def exchange_code(self, code: str, redirect_uri: str) -> TokenSet:
        """Exchange an authorization code (10 minutes, one use) for tokens."""
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
        try:
            return self._token("oauth.code", form, Repeat.IF_NOT_DONE)
        except ConsentNeeded as error:
            if error.reason.code != "consent-lost":
                raise
        # invalid_grant here is about the code: no consent has been lost.
        raise ConsentNeeded("authorization-code-refused")

    def refresh(self, refresh_token: str) -> TokenSet:
        """Use up a refresh token; the answer holds the next one, to be persisted before anything else.

        ``ConsentNeeded("consent-lost")`` (invalid_grant) may also mean that somebody else used it first: read again
        before believing it. After ``OutcomeUnknown`` the token may or may not have been used up.
        """
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        return self._token("oauth.refresh", form, Repeat.IF_NOT_DONE)

    def client_credentials(self, tenant_id: str) -> TokenSet:
        """Fetch an access token for a company that consented to a service account.

        ``Defect("grant-type-not-allowed")`` where our app may not use this grant: refresh tokens remain then.
        """
        form = {"grant_type": "client_credentials"}
        return self._token("oauth.client-credentials", form, Repeat.SAFE, {"TenantId": tenant_id})

    def revoke(self, refresh_token: str) -> None:
        """Give a refresh token back; Fortnox says yes to any token, so success proves nothing."""
        form = {"token_type_hint": "refresh_token", "token": refresh_token}
        self._http.send(Call("oauth.revoke", "POST", f"{self._url}/revoke", form=form), _Login(self._authorization))

    def _token(
        self, operation: str, form: Mapping[str, str], repeat: Repeat, headers: Mapping[str, str] | None = None
    ) -> TokenSet:
        call = Call(operation, "POST", f"{self._url}/token", form=form, repeat=repeat)
        document = self._http.send(call, _Login(self._authorization, headers)).document
        access_token, refresh_token = document.get("access_token"), document.get("refresh_token")
        if not isinstance(access_token, str) or not access_token:
            refuse_unreadable(SYSTEM, call)
        return TokenSet(
            access_token=access_token,
            expires_in=_seconds(document.get("expires_in")),
            scopes=_scopes(document.get("scope")),
            refresh_token=refresh_token if isinstance(refresh_token, str) and refresh_token else None,
            tenant_id=tenant_of(access_token),
        )


class _Login:
    """The token endpoint as the connection policy sees it: Basic authentication, no budget, its own errors."""

    system = SYSTEM

    def __init__(self, authorization: str, headers: Mapping[str, str] | None = None) -> None:
        self._headers = {"Authorization": authorization, **(headers or {})}

    def headers(self) -> Mapping[str, str]:
        return self._headers

    def before(self) -> None:
        """Nothing to wait for: the budget is the API's."""

    def slow_down(self, seconds: float) -> None:
        """Nobody else to tell."""

    def token_refused(self, headers: Mapping[str, str]) -> None:
        """No token was used."""

    def judge(self, call: Call, answer: Answer) -> Verdict | None:
        """Judge by the body: refusals come as ``text/html`` and ``text/plain`` though they are JSON."""
        document = answer.document
        if not isinstance(document, dict):
            return Verdict(_TOKEN_ERRORS.find(answer.status, "page"))
        if 200 <= answer.status < 300 and "error" not in document:
            return None
        name = refusal_name(document.get("error"), document.get("error_description"))
        rule = _TOKEN_ERRORS.find(answer.status, name)
        return Verdict(rule, {} if name in REFUSALS else {"error": name, "status": str(answer.status)})


def refusal_name(error: object, description: object = None) -> str:
    """Return the row of ``REFUSALS`` that these name, else the error if it is a readable name, else ``unreadable``."""
    spoken = f"{error or ''} {description or ''}".casefold()
    name = str(error or "").strip().casefold()
    if name in REFUSALS:
        # A licence that is gone is told by the description of a vaguer error, too.
        sentences = (row for row in REFUSALS if " " in row and row in spoken)
        return next(sentences, name)
    return next((row for row in REFUSALS if " " in row and row in spoken), readable_code(name))


def redirect_refusal(parameters: Mapping[str, str]) -> IntegrationError | None:
    """Return what Fortnox's redirect back to us complains of, or ``None`` when it carries a code.

    Tolerates a redirect with neither code nor error (a locked Fortnox account) and unknown names. Whether ``state``
    is ours is the caller's to check, and on an error it may be missing.
    """
    if "error" not in parameters:
        return None if parameters.get("code") else ConsentNeeded("authorization-empty")
    name = refusal_name(parameters["error"], parameters.get("error_description"))
    rule = REFUSALS.get(name)
    if rule is None:
        return ConsentNeeded("authorization-failed", {"error": name})
    return rule.error(rule.reason)


def tenant_of(access_token: str) -> str | None:
    """Return the company's number that an access token carries, or ``None`` when it is not readable.

    The signature is Fortnox's own (HS256) and cannot be checked here, which is fine for a token that came straight
    from the token endpoint.
    """
    try:
        payload = access_token.split(".")[1]
        claims: Any = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        tenant = claims["tenantId"]
    except (ValueError, KeyError, IndexError, TypeError):
        return None
    return str(tenant) if isinstance(tenant, int | str) and str(tenant) else None


def _scopes(value: object) -> frozenset[str]:
    """Read granted scopes: a text with spaces, or a list."""
    if isinstance(value, str):
        return frozenset(value.split())
    return frozenset(str(each) for each in value) if isinstance(value, list) else frozenset()


def _seconds(value: object) -> int:
    """Read a lifetime; an unreadable one is taken as short, so that a new token is fetched early."""
    try:
        return max(int(str(value)), 0)
    except ValueError:
        return 300
