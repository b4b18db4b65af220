"""The administrator's way through Fortnox's login: our app's credentials, the code, the company, the grant."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from huma_fortnox.adapters.consent import FortnoxApp, FortnoxLogin
from huma_fortnox.adapters.secrets import FortnoxCredentials, GrantKind, OrganizationSecret
from huma_fortnox.domain.errors import ConsentNeeded, Defect, IntegrationError, LicenceMissing, TransientError
from huma_fortnox.services.ports import Company

from tests.unit.adapters.aws_client import Client
from tests.unit.adapters.server import Reply, Server, form

NOW = 1_800_000_000.5
REDIRECT = "https://pages.example.com/oauth/fortnox/callback"
TOKEN, COMPANY, REVOKE = "POST /oauth-v1/token", "GET /3/companyinformation", "POST /oauth-v1/revoke"
APP_SECRET = {"SecretString": json.dumps({"client_id": "app", "client_secret": "app-secret"})}
COMPANY_INFORMATION = {
    "CompanyInformation": {"CompanyName": "Exempel AB", "OrganizationNumber": "556000-0000", "DatabaseNumber": 7}
}


def tokens(**changes: Any) -> Reply:
    usual = {
        "access_token": "from the code",
        "refresh_token": "refresh-1",
        "expires_in": 3600,
        "scope": "salary companyinformation",
        "token_type": "bearer",
    }
    return 200, {name: value for name, value in {**usual, **changes}.items() if value is not None}


SERVICE_TOKENS = tokens(access_token="of the service account", refresh_token=None, expires_in=1800)
NOT_ALLOWED: Reply = (400, {"error": "unauthorized_client", "error_description": "grant"})


class Scene:
    def __init__(
        self, code: Reply | None = None, credentials: Reply = SERVICE_TOKENS, company: Reply | None = None
    ) -> None:
        self.clock = 1000.0
        self.secrets_manager = Client(get_secret_value=APP_SECRET)
        self.organization: OrganizationSecret | None = None

        def token(request: Any) -> Reply:
            given = form(request)["grant_type"]
            return {"authorization_code": code or tokens(), "client_credentials": credentials}[given]

        self.server = Server(
            {TOKEN: token, COMPANY: company or (200, COMPANY_INFORMATION), REVOKE: (200, {"revoked": True})}
        )
        policy = self.server.policy()
        client: Any = self.secrets_manager
        self.app = FortnoxApp(
            client, "app-secret-id", "https://login.example.com/oauth-v1", policy, clock=lambda: self.clock
        )
        secrets: Any = self
        self.login = FortnoxLogin(
            self.app,
            secrets,
            api_url="https://api.example.com",
            redirect_uri=REDIRECT,
            http=policy,
            clock=lambda: NOW,
        )

    def read(self, _organization_id: str, *, fresh: bool = False) -> OrganizationSecret | None:
        assert fresh, "what is revoked must be what is kept now"
        return self.organization

    def refused(self, expected: type[IntegrationError]) -> str:
        with pytest.raises(expected) as caught:
            self.login.redeem("code")
        assert "from the code" not in str(caught.value)
        return caught.value.reason.code


# -- our app


def test_the_administrator_is_sent_to_fortnox_with_the_state_and_our_address() -> None:
    url = urlsplit(Scene().login.authorization_url("the state"))
    assert f"{url.scheme}://{url.netloc}{url.path}" == "https://login.example.com/oauth-v1/auth"
    query = {name: value[0] for name, value in parse_qs(url.query).items()}
    assert query == {
        "client_id": "app",
        "redirect_uri": REDIRECT,
        "scope": "salary companyinformation",
        "state": "the state",
        "access_type": "offline",
        "response_type": "code",
        "account_type": "service",
    }


def test_our_credentials_are_read_at_most_every_five_minutes() -> None:
    scene = Scene()
    for _ in range(3):
        scene.app.oauth()
    scene.clock += 300
    scene.app.oauth()
    assert len(scene.secrets_manager.calls) == 1
    scene.clock += 1
    scene.app.oauth()
    assert scene.secrets_manager.calls == [("get_secret_value", {"SecretId": "app-secret-id"})] * 2


def client_error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "names the secret"}}, "GetSecretValue")


@pytest.mark.parametrize(
    "answer",
    [
        client_error("ResourceNotFoundException"),
        {"SecretString": ""},
        {"SecretString": "{}"},
        {"SecretString": "[]"},
        {"SecretString": '"text"'},
        {"SecretString": '{"client_id": "app"}'},
        {"SecretBinary": b"x"},
    ],
)
def test_credentials_nobody_filled_in_are_the_operators_to_mend(answer: Any) -> None:
    scene = Scene()
    scene.secrets_manager.answers["get_secret_value"] = answer
    with pytest.raises(Defect, match="fortnox-app-secret-missing"):
        scene.app.oauth()


@pytest.mark.parametrize("outage", [client_error("InternalServiceError"), ReadTimeoutError(endpoint_url="url")])
def test_a_silent_secrets_manager_is_an_outage_and_asked_again(outage: Exception) -> None:
    scene = Scene()
    scene.secrets_manager.answers["get_secret_value"] = [outage, APP_SECRET]
    with pytest.raises(TransientError, match="secrets-unavailable"):
        scene.app.oauth()
    assert scene.app.oauth()


# -- the code


def test_a_service_account_needs_no_refresh_token_and_none_is_kept() -> None:
    scene = Scene()
    granted = scene.login.redeem("code")
    assert granted.company == Company("Exempel AB", "556000-0000", "7")
    assert (granted.grant, granted.access_token, granted.refresh_token) == (
        "client_credentials",
        "of the service account",
        "",
    )
    assert granted.expires_at == 1_800_000_000 + 1800
    assert granted.scope == "companyinformation salary"
    code, company, credentials = scene.server.asked
    assert form(code) == {"grant_type": "authorization_code", "code": "code", "redirect_uri": REDIRECT}
    assert company.headers["Authorization"] == "Bearer from the code"
    assert credentials.headers["TenantId"] == "7"


@pytest.mark.parametrize("credentials", [NOT_ALLOWED, (500, "down"), (400, {"error": "invalid_grant"})])
def test_where_that_is_not_possible_the_refresh_token_is_kept(credentials: Reply) -> None:
    granted = Scene(credentials=credentials).login.redeem("code")
    assert (granted.grant, granted.access_token, granted.refresh_token) == (
        "refresh_token",
        "from the code",
        "refresh-1",
    )
    assert granted.expires_at == 1_800_000_000 + 3600


def test_without_either_there_is_no_lasting_consent() -> None:
    scene = Scene(code=tokens(refresh_token=None), credentials=NOT_ALLOWED)
    assert scene.refused(ConsentNeeded) == "service-account-not-allowed"


def test_a_consent_that_lacks_a_scope_is_refused_before_anything_is_asked() -> None:
    scene = Scene(code=tokens(scope="companyinformation"))
    with pytest.raises(ConsentNeeded) as caught:
        scene.login.redeem("code")
    assert (caught.value.reason.code, caught.value.reason.params) == ("scope-missing", {"scopes": "salary"})
    assert scene.server.places() == [TOKEN]


@pytest.mark.parametrize(
    ("code", "expected", "reason"),
    [
        ((400, {"error": "invalid_grant"}), ConsentNeeded, "authorization-code-refused"),
        ((400, {"error": "error_missing_license"}), LicenceMissing, "licence-missing"),
        ((401, {"error": "invalid_client"}), Defect, "fortnox-app-misconfigured"),
    ],
)
def test_a_code_that_fortnox_refuses_says_why(code: Reply, expected: type[IntegrationError], reason: str) -> None:
    assert Scene(code=code).refused(expected) == reason


def test_a_token_that_fortnox_gave_and_does_not_take_is_a_refused_code() -> None:
    company = (401, {"ErrorInformation": {"error": 1, "message": "x", "code": 2000311}})
    assert Scene(company=company).refused(ConsentNeeded) == "authorization-code-refused"


@pytest.mark.parametrize(
    ("company", "expected"),
    [
        ((503, "down"), TransientError),
        ((403, {"ErrorInformation": {"error": 1, "message": "x", "code": 2000663}}), ConsentNeeded),
    ],
)
def test_a_company_that_cannot_be_read_is_not_connected(company: Reply, expected: type[IntegrationError]) -> None:
    assert Scene(company=company).refused(expected)


def test_a_company_without_a_number_is_not_connected() -> None:
    """All such companies would be taken for one and the same."""
    nameless = {"CompanyInformation": {"CompanyName": "Exempel AB", "DatabaseNumber": None}}
    assert Scene(company=(200, nameless)).refused(Defect) == "fortnox-contract"


# -- the answer to the redirect


def test_a_consent_is_no_refusal_and_a_refusal_has_its_class() -> None:
    login = Scene().login
    assert login.refusal({"code": "x", "state": "y"}) is None
    assert isinstance(login.refusal({"error": "access_denied"}), ConsentNeeded)
    assert isinstance(login.refusal({"error": "error_missing_license"}), LicenceMissing)
    assert isinstance(login.refusal({}), ConsentNeeded)


# -- letting go


def kept(refresh_token: str) -> OrganizationSecret:
    fortnox = FortnoxCredentials(GrantKind.REFRESH_TOKEN, "7", refresh_token=refresh_token)
    return OrganizationSecret("org", "1", None, fortnox, "00")


def test_a_refresh_token_is_given_back() -> None:
    scene = Scene()
    scene.organization = kept("refresh-1")
    scene.login.revoke("org")
    (request,) = scene.server.asked
    assert scene.server.place(request) == REVOKE
    assert form(request) == {"token_type_hint": "refresh_token", "token": "refresh-1"}


@pytest.mark.parametrize("organization", [None, OrganizationSecret("org", "1", None, None, "00"), kept("")])
def test_where_there_is_nothing_to_give_back_nobody_is_asked(organization: OrganizationSecret | None) -> None:
    scene = Scene()
    scene.organization = organization
    scene.login.revoke("org")
    assert scene.server.asked == []


@pytest.mark.parametrize("reply", [(500, "down"), (400, {"error": "invalid_request"})])
def test_a_failure_to_give_back_does_not_matter(reply: Reply) -> None:
    scene = Scene()
    scene.organization = kept("refresh-1")
    scene.server.routes[REVOKE] = reply
    scene.login.revoke("org")
