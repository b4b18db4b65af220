"""The simulated authorization, held to what is published and recorded of Fortnox's."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest

if TYPE_CHECKING:
    import requests

    from local.simulation import SimulatorProcess
    from tests.contract.conftest import FortnoxTarget

CLIENT = ("demo-client", "s3cret")
CALLBACK = "http://127.0.0.1:8080/oauth/fortnox/callback"
STATE = "st+ate/ö&="


@dataclass
class Authorizer:
    """Goes through authorization and token exchange as a browser and an app would."""

    process: SimulatorProcess
    session: requests.Session
    asked: dict[str, str] = field(
        default_factory=lambda: {
            "client_id": "demo-client",
            "redirect_uri": CALLBACK,
            "response_type": "code",
            "scope": "salary companyinformation",
            "state": STATE,
            "access_type": "offline",
            "account_type": "service",
        }
    )

    def show(self, **changes: str | None) -> requests.Response:
        """Ask for the page; a change of None leaves the parameter out."""
        return self._send("GET", None, changes)

    def decide(
        self,
        account: str = "admin",
        decision: str = "approve",
        *,
        password: str = "demo",
        changes: dict[str, str | None] | None = None,
    ) -> requests.Response:
        """Send the form of the page."""
        form = {"account": account, "password": password, "decision": decision}
        return self._send("POST", form, changes or {})

    def code(self, account: str = "admin", **changes: str | None) -> str:
        """Approve and give the code."""
        return returned(self.decide(account, changes=changes))["code"]

    def token(
        self, form: dict[str, str], *, client: tuple[str, str] | None = CLIENT, tenant: str | None = None
    ) -> requests.Response:
        """Ask the token end point."""
        headers = {"TenantId": tenant} if tenant is not None else {}
        return self.session.post(
            f"{self.process.url}/oauth-v1/token", data=form, auth=client, headers=headers, timeout=10
        )

    def exchange(self, code: str) -> requests.Response:
        """Exchange a code."""
        return self.token({"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK})

    def refresh(self, refresh_token: str) -> requests.Response:
        """Use a refresh token."""
        return self.token({"grant_type": "refresh_token", "refresh_token": refresh_token})

    def credentials(self, tenant: str | None = "1234567", **form: str) -> requests.Response:
        """Use client credentials."""
        return self.token({"grant_type": "client_credentials", **form}, tenant=tenant)

    def company(self, access_token: str) -> requests.Response:
        """Use an access token."""
        return self.session.get(
            f"{self.process.url}/3/companyinformation",
            headers={"Authorization": f"Bearer {access_token}", "Accept": "application/json"},
            timeout=10,
        )

    def _send(self, method: str, data: Any, changes: dict[str, str | None]) -> requests.Response:
        asked = {name: value for name, value in {**self.asked, **changes}.items() if value is not None}
        return self.session.request(
            method,
            f"{self.process.url}/oauth-v1/auth",
            params=asked,
            data=data,
            allow_redirects=False,
            timeout=10,
        )


@pytest.fixture
def app(fortnox_simulator: SimulatorProcess, http_session: requests.Session) -> Authorizer:
    return Authorizer(fortnox_simulator, http_session)


@pytest.fixture
def other_app(other_fortnox_simulator: SimulatorProcess, http_session: requests.Session) -> Authorizer:
    return Authorizer(other_fortnox_simulator, http_session)


def returned(answer: requests.Response) -> dict[str, str]:
    """Read the parameters of the redirect back to the app."""
    assert answer.status_code == 302
    location = answer.headers["Location"]
    assert location.split("?")[0] == CALLBACK
    return dict(parse_qsl(urlsplit(location).query))


def refused(answer: requests.Response) -> tuple[int, str, str]:
    """Read status, error and content type of a refusal of the token end point."""
    assert answer.json()["error_description"]
    return answer.status_code, answer.json()["error"], answer.headers["Content-Type"].split(";")[0]


INVALID_GRANT = (400, "invalid_grant", "text/html")


# -- the page ----------------------------------------------------------------------------------


class _FormReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.inputs: list[dict[str, str | None]] = []
        self.buttons: list[str | None] = []
        self.labelled: set[str | None] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag == "input":
            self.inputs.append(attributes)
        elif tag == "button":
            self.buttons.append(attributes.get("value"))
        elif tag == "label":
            self.labelled.add(attributes.get("for"))
        elif tag == "script":
            raise AssertionError("the page is to work without scripts")

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_is_a_form_that_carries_the_request_and_says_that_it_is_a_simulator(app: Authorizer) -> None:
    answer = app.show()
    assert answer.status_code == 200
    page = _FormReader()
    page.feed(answer.text)
    hidden = {each["name"]: each["value"] for each in page.inputs if each.get("type") == "hidden"}
    assert hidden == app.asked
    accounts = [each["value"] for each in page.inputs if each.get("type") == "radio"]
    assert accounts == ["admin", "no-licence", "not-activated", "not-admin", "locked", "odd", "other-company"]
    assert page.buttons == ["approve", "decline"]
    assert "password" in page.labelled
    assert "This is not Fortnox" in page.text
    assert "Salary: employees" in page.text


def test_the_form_as_a_browser_sends_it_leads_back_with_code_and_unmodified_state(app: Authorizer) -> None:
    form = {**app.asked, "account": "admin", "password": "demo", "decision": "approve"}
    answer = app.session.post(f"{app.process.url}/oauth-v1/auth", data=form, allow_redirects=False, timeout=10)
    back = returned(answer)
    assert back.keys() == {"code", "state"}
    assert back["state"] == STATE


def test_a_wrong_password_shows_the_page_again(app: Authorizer) -> None:
    answer = app.decide(password="guess")
    assert answer.status_code == 403
    assert "Wrong account or password" in answer.text
    assert app.process.control("GET", "/_sim/consents") == {"consents": []}


@pytest.mark.parametrize(
    ("account", "decision", "error"),
    [
        ("admin", "decline", "access_denied"),
        ("no-licence", "approve", "error_missing_license"),
        ("not-activated", "approve", "error_missing_app_license"),
        ("not-admin", "approve", "error_missing_system_admin_right"),
        ("odd", "approve", "error_of_an_unknown_kind"),
    ],
)
def test_each_refusal_comes_back_as_an_error_of_its_own(
    app: Authorizer, account: str, decision: str, error: str
) -> None:
    back = returned(app.decide(account, decision))
    assert back["error"] == error
    assert back["state"] == STATE
    assert "code" not in back
    assert app.process.control("GET", "/_sim/consents") == {"consents": []}


def test_a_locked_account_comes_back_with_neither_code_nor_state(app: Authorizer) -> None:
    assert returned(app.decide("locked")) == {}


def test_who_is_no_administrator_may_approve_what_is_no_service_account(app: Authorizer) -> None:
    tokens = app.exchange(app.code(account="not-admin", account_type=None)).json()
    assert app.company(tokens["access_token"]).status_code == 200
    assert refused(app.credentials()) == INVALID_GRANT


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"scope": "salary payroll"}, "invalid_scope"),
        ({"scope": "Salary"}, "invalid_scope"),
        ({"scope": None}, "invalid_scope"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": None}, "unsupported_response_type"),
        ({"state": None}, "invalid_request"),
        ({"access_type": "online"}, "invalid_request"),
        ({"account_type": "person"}, "invalid_request"),
    ],
)
def test_a_wrong_request_leads_back_with_an_error(app: Authorizer, changes: dict[str, str | None], error: str) -> None:
    assert returned(app.show(**changes))["error"] == error
    assert returned(app.decide(changes=changes))["error"] == error


def test_service_accounts_and_client_credentials_can_be_off_for_the_app(other_app: Authorizer) -> None:
    back = returned(other_app.show())
    assert back["error_description"] == "Client does not allow service account"
    assert "state" not in back
    client = ("demo-client", "demo-secret")
    answer = other_app.token({"grant_type": "client_credentials"}, client=client, tenant="1234567")
    assert refused(answer) == (400, "unauthorized_client", "text/html")


@pytest.mark.parametrize(
    "changes",
    [{"client_id": "another"}, {"client_id": None}, {"redirect_uri": "http://127.0.0.1:9/elsewhere"}],
)
def test_nobody_is_sent_anywhere_for_an_unknown_app_or_address(app: Authorizer, changes: dict[str, str | None]) -> None:
    for answer in (app.show(**changes), app.decide(changes=changes)):
        assert answer.status_code == 400
        assert "Location" not in answer.headers


# -- codes -------------------------------------------------------------------------------------


def test_a_code_becomes_tokens_that_open_the_api(app: Authorizer) -> None:
    answer = app.exchange(app.code())
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("application/json")
    tokens = answer.json()
    assert tokens.keys() == {"access_token", "refresh_token", "scope", "expires_in", "token_type"}
    assert tokens["scope"].split() == ["companyinformation", "salary"]
    assert (tokens["expires_in"], tokens["token_type"]) == (3600, "bearer")
    company = app.company(tokens["access_token"]).json()["CompanyInformation"]
    assert company["DatabaseNumber"] == 1234567
    assert company["CompanyName"] == "Exempelbolaget AB"


def test_the_access_token_is_a_long_jwt_with_the_tenant(app: Authorizer) -> None:
    token = app.exchange(app.code(account="other-company")).json()["access_token"]
    head, body, signature = (part + "=" * (-len(part) % 4) for part in token.split("."))
    assert json.loads(base64.urlsafe_b64decode(head)) == {"typ": "JWT", "alg": "HS256"}
    assert len(base64.urlsafe_b64decode(signature)) == 32
    claims = json.loads(base64.urlsafe_b64decode(body))
    assert claims["tenantId"] == 7654321
    assert claims["sub"] == f"{claims['userId']}@7654321"
    assert claims["aud"] == claims["clientId"] == "demo-client"
    assert claims["iss"] == "https://api.fortnox.se/oauth2"
    assert claims["exp"] == claims["iat"] + 3600
    assert claims["scopes"] == claims["scope"].split()
    assert claims["jti"] == claims["id"]
    assert {"token_type", "authsource", "rightsAsJson"} <= claims.keys()
    assert len(token) > 1500


def test_a_code_is_good_once_and_for_ten_minutes(app: Authorizer) -> None:
    used = app.code()
    assert app.exchange(used).status_code == 200
    assert refused(app.exchange(used)) == INVALID_GRANT
    late, in_time = app.code(), app.code()
    app.process.control("POST", "/_sim/clock", {"advance": 590})
    assert app.exchange(in_time).status_code == 200
    app.process.control("POST", "/_sim/clock", {"advance": 20})
    assert refused(app.exchange(late)) == INVALID_GRANT


def test_a_code_is_bound_to_the_redirect_uri_that_was_sent(app: Authorizer) -> None:
    answer = app.token({"grant_type": "authorization_code", "code": app.code()})
    assert refused(answer) == (400, "redirect_uri_mismatch", "text/html")
    unbound = app.code(redirect_uri=None)
    assert app.token({"grant_type": "authorization_code", "code": unbound}).status_code == 200


# -- the client --------------------------------------------------------------------------------


@pytest.mark.parametrize("client", [("demo-client", "wrong"), ("another", "s3cret"), None])
def test_a_wrong_client_is_refused_as_plain_text(app: Authorizer, client: tuple[str, str] | None) -> None:
    form = {"grant_type": "client_credentials", "client_id": CLIENT[0], "client_secret": CLIENT[1]}
    assert refused(app.token(form, client=client)) == (401, "invalid_client", "text/plain")
    revocation = app.session.post(f"{app.process.url}/oauth-v1/revoke", data=form, auth=client, timeout=10)
    assert refused(revocation) == (401, "invalid_client", "text/plain")


@pytest.mark.parametrize(
    ("form", "error"), [({}, "invalid_request"), ({"grant_type": "password"}, "unsupported_grant_type")]
)
def test_another_grant_type_is_refused(app: Authorizer, form: dict[str, str], error: str) -> None:
    assert refused(app.token(form)) == (400, error, "text/html")


# -- refresh tokens ----------------------------------------------------------------------------


def test_a_refresh_token_is_good_once_and_gives_the_next(app: Authorizer) -> None:
    first = app.exchange(app.code()).json()
    second = app.refresh(first["refresh_token"]).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert second["scope"] == first["scope"]
    used = app.refresh(first["refresh_token"])
    assert refused(used) == INVALID_GRANT
    assert used.json()["error_description"] == "Invalid refresh token"
    assert app.refresh(second["refresh_token"]).status_code == 200
    assert app.company(first["access_token"]).status_code == 200


def test_a_refresh_token_lives_45_days_and_an_access_token_one_hour(app: Authorizer) -> None:
    day = 24 * 3600
    tokens = app.exchange(app.code()).json()
    app.process.control("POST", "/_sim/clock", {"advance": 3590})
    assert app.company(tokens["access_token"]).status_code == 200
    app.process.control("POST", "/_sim/clock", {"advance": 20})
    assert app.company(tokens["access_token"]).json() == {"message": "unauthorized"}
    app.process.control("POST", "/_sim/clock", {"advance": 44 * day})
    tokens = app.refresh(tokens["refresh_token"]).json()
    app.process.control("POST", "/_sim/clock", {"advance": 45 * day + 1})
    assert refused(app.refresh(tokens["refresh_token"])) == INVALID_GRANT


# -- client credentials ------------------------------------------------------------------------


def test_client_credentials_need_only_the_tenant_once_a_service_account_is_approved(app: Authorizer) -> None:
    assert refused(app.credentials()) == INVALID_GRANT
    app.code()
    answer = app.credentials()
    assert answer.json().keys() == {"access_token", "scope", "expires_in", "token_type"}
    assert app.company(answer.json()["access_token"]).status_code == 200
    assert app.credentials(scope="salary").json()["scope"] == "salary"
    assert refused(app.credentials(scope="settings"))[1] == "invalid_scope"


def test_the_tenant_stands_in_the_header_and_nowhere_else(app: Authorizer) -> None:
    app.code()
    for name in ("TenantId", "tenant_id", "tenantId"):
        assert refused(app.credentials(None, **{name: "1234567"}))[0] == 400
    assert refused(app.credentials("7654321")) == INVALID_GRANT


def test_a_new_consent_replaces_the_earlier_one_and_old_tokens_keep_their_scopes(app: Authorizer) -> None:
    narrow = app.exchange(app.code(scope="salary")).json()["access_token"]
    wide = app.exchange(app.code()).json()["access_token"]
    assert app.company(narrow).status_code == 400
    assert app.company(wide).status_code == 200
    consents = app.process.control("GET", "/_sim/consents")["consents"]
    assert [each["scopes"] for each in consents] == [["companyinformation", "salary"]]


# -- revocation --------------------------------------------------------------------------------


def test_revoking_says_yes_to_any_token_and_ends_refresh_tokens_only(app: Authorizer) -> None:
    def revoke(token: str) -> dict[str, Any]:
        form = {"token_type_hint": "refresh_token", "token": token}
        answer = app.session.post(f"{app.process.url}/oauth-v1/revoke", data=form, auth=CLIENT, timeout=10)
        body: dict[str, Any] = answer.json()
        return body

    tokens = app.exchange(app.code()).json()
    assert revoke("never-heard-of") == {"revoked": True}
    assert revoke(tokens["access_token"]) == {"revoked": True}
    assert app.company(tokens["access_token"]).status_code == 200
    assert revoke(tokens["refresh_token"]) == {"revoked": True}
    assert refused(app.refresh(tokens["refresh_token"])) == INVALID_GRANT


# -- faults of authorization -------------------------------------------------------------------


def test_after_a_revoked_consent_nothing_works_until_a_new_one(app: Authorizer) -> None:
    tokens = app.exchange(app.code()).json()
    app.process.fault("revoked_consent", tenantId=1234567)
    assert app.company(tokens["access_token"]).status_code == 401
    assert refused(app.refresh(tokens["refresh_token"])) == INVALID_GRANT
    assert refused(app.credentials()) == INVALID_GRANT
    app.code()
    assert app.credentials().status_code == 200


def test_without_licence_neither_page_nor_tokens_nor_api(app: Authorizer) -> None:
    tokens = app.exchange(app.code()).json()
    app.process.fault("lost_licence")
    assert returned(app.decide())["error"] == "error_missing_license"
    assert refused(app.refresh(tokens["refresh_token"])) == (400, "error_missing_license", "text/html")
    assert refused(app.credentials()) == (400, "error_missing_license", "text/html")
    answer = app.company(tokens["access_token"])
    assert (answer.status_code, answer.json()["ErrorInformation"]["code"]) == (400, 2001103)
    app.process.clear_faults()
    # Nothing was used up: with the licence back the same refresh token works.
    assert app.refresh(tokens["refresh_token"]).status_code == 200
    assert app.company(tokens["access_token"]).status_code == 200


def test_all_tokens_can_be_made_to_expire(app: Authorizer) -> None:
    tokens = app.exchange(app.code()).json()
    app.process.fault("expire_tokens")
    assert app.company(tokens["access_token"]).status_code == 401
    tokens = app.refresh(tokens["refresh_token"]).json()
    app.process.fault("expire_refresh_tokens")
    assert app.company(tokens["access_token"]).status_code == 200
    assert refused(app.refresh(tokens["refresh_token"])) == INVALID_GRANT


def test_a_lost_scope_comes_back_with_a_new_authorization(app: Authorizer, simulated_fortnox: FortnoxTarget) -> None:
    app.process.fault("lost_scope")
    answer = simulated_fortnox.call("GET", "/employees")
    assert (answer.status_code, answer.json()["ErrorInformation"]["code"]) == (400, 2000663)
    assert app.credentials().json()["scope"] == "companyinformation"
    simulated_fortnox.token = app.exchange(app.code()).json()["access_token"]
    assert simulated_fortnox.call("GET", "/employees").status_code == 200
    app.process.fault("lost_scope", status=403)
    answer = simulated_fortnox.call("GET", "/employees")
    assert (answer.status_code, answer.json()) == (403, {"message": "forbidden"})
