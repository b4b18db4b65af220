"""The journey on the real stack: the demo as a whole, and what bad input gets on the way."""

from __future__ import annotations

import hashlib
import hmac
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from local.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.stack

PROJECT = Path(__file__).parents[2]
COMPANY = PROJECT / "local" / "demo_company"
TERMS = "2026-11-23"
SOMEBODY_ELSES = "5f0c1f0e-1111-4e2a-9a4b-6a7b8c9d0e1f"


class Company:
    """The demo company on a running world, asked over HTTP as Huma's front end and a browser would."""

    def __init__(self, world: World) -> None:
        assert world.huma is not None
        assert world.fortnox is not None
        self.world, self.huma, self.fortnox = world, world.huma, world.fortnox
        self.organization: dict[str, Any] = self.huma.people()["organizations"][0]
        self.id: str = self.organization["id"]
        able = [each for each in self.organization["administrators"] if each["permissions"]]
        self.administrator: str = able[0]["id"]
        self.secret: str = self.organization["webhook"]["secret"]
        self.http = requests.Session()
        self.http.trust_env = False
        self.token: str = self.huma.control("POST", "/_sim/bearer", self.somebody())["token"]

    def somebody(self, **more: Any) -> dict[str, Any]:
        """Return who launches, for the simulator."""
        return {"organization": self.id, "user": self.administrator, **more}

    def launch(self, **more: Any) -> requests.Response:
        """Open the integration with a launch token from Huma."""
        url = self.huma.control("POST", "/_sim/launch", self.somebody(**more))["url"]
        return self.http.get(url, allow_redirects=False)

    def api(self, method: str, path: str, document: Any = None, *, organization: str = "") -> requests.Response:
        """Call the JSON API with a bearer token from Huma."""
        url = f"{self.world.public_url}/api/organizations/{organization or self.id}{path}"
        headers = {"Authorization": f"Bearer {self.token}"}
        return self.http.request(method, url, json=document, headers=headers)

    def webhook(self, body: bytes, *, topic: str = "users-update", signature: str = "") -> requests.Response:
        """Send a webhook as Huma would; signed unless a signature is given."""
        signed = signature or hmac.new(self.secret.encode(), body, hashlib.sha256).hexdigest()
        return self.http.post(
            f"{self.world.public_url}/huma/webhook/{self.id}",
            data=body,
            headers={"huma-topic": topic, "huma-hmac-sha256": signed, "Content-Type": "application/json"},
        )

    def connect(self) -> None:
        """Enter the key, accept the terms and approve in Fortnox."""
        key = self.organization["apiKeys"][0]
        entered = {
            "clientId": key["clientId"],
            "clientSecret": key["clientSecret"],
            "webhookSecret": self.secret,
        }
        assert self.api("PUT", "/huma-key", entered).status_code == 200
        approved = self.approve(self.authorization_url())
        assert self.callback(approved, self.cookie()).status_code == 303

    def authorization_url(self) -> str:
        """Accept the terms; return where to go at Fortnox."""
        answer = self.api("POST", "/connection", {"termsVersion": TERMS})
        assert answer.status_code == 200
        return str(answer.json()["authorizationUrl"])

    def approve(self, url: str) -> str:
        """Approve at Fortnox; return where it sends the browser."""
        form = {"account": "admin", "password": "demo", "decision": "approve"}
        return self.http.post(url, data=form, allow_redirects=False).headers["Location"]

    def cookie(self) -> str:
        """Sign in; return the session cookie."""
        return self.launch().headers["Set-Cookie"].split(";")[0]

    def callback(self, url: str, cookie: str) -> requests.Response:
        """Come back from Fortnox with a session."""
        return self.http.get(url, headers={"Cookie": cookie}, allow_redirects=False)

    def run_until_planned(self) -> str:
        """Start a synchronization and wait for its plan; return its id."""
        run = str(self.api("POST", "/synchronizations").json()["id"])
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.api("GET", f"/synchronizations/{run}").json()["state"] == "awaiting_decisions":
                return run
            time.sleep(0.2)
        raise AssertionError("the plan did not come")


@pytest.fixture(scope="module")
def company() -> Iterator[Company]:
    with World.start(huma_people=COMPANY / "huma.json", fortnox_people=COMPANY / "fortnox.json", environ={}) as world:
        company = Company(world)
        yield company


@pytest.fixture(scope="module")
def connected(company: Company) -> Company:
    company.connect()
    return company


def test_the_demo_holds_from_the_launch_to_the_second_synchronization() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "local.demo"], cwd=PROJECT, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    assert "Everything held." in done.stdout


@pytest.mark.parametrize(
    ("launch", "why"),
    [
        ({"expired": True}, "expired"),
        ({"key": "unknown"}, "signed with a key that Huma does not publish"),
        ({"key": "forged"}, "signed by somebody else with a known key's name"),
        ({"claims": {"aud": "another-integration"}}, "for somebody else"),
        ({"claims": {"iss": "https://huma.example.org"}}, "from somebody else"),
    ],
)
def test_a_launch_token_that_is_not_huma_s_for_us_now_opens_nothing(
    company: Company, launch: dict[str, Any], why: str
) -> None:
    answer = company.launch(**launch)
    assert answer.status_code == 401, why
    assert "Set-Cookie" not in answer.headers
    assert "Traceback" not in answer.text


def test_a_launch_token_serves_once(company: Company) -> None:
    url = company.huma.control("POST", "/_sim/launch", company.somebody())["url"]
    assert company.http.get(url, allow_redirects=False).status_code == 303
    assert company.http.get(url, allow_redirects=False).status_code == 401


def test_a_launch_without_the_permission_names_the_role(company: Company) -> None:
    answer = company.launch(claims={"permissions": []})
    assert answer.status_code == 403
    assert "Organization-wide settings" in answer.text


def test_an_unsigned_token_opens_nothing(company: Company) -> None:
    unsigned = "eyJhbGciOiJub25lIn0.eyJvcmciOiJ4In0."
    url = f"{company.world.public_url}/integrations/fortnox"
    assert company.http.get(url, params={"launch": unsigned}, allow_redirects=False).status_code == 401


def test_another_organization_is_not_found_without_a_hint(company: Company) -> None:
    known = company.api("GET", "/connection", organization=SOMEBODY_ELSES)
    unknown = company.api("GET", "/connection", organization="not-a-uuid")
    assert known.status_code == unknown.status_code == 404
    assert known.json()["error"]["message"] == unknown.json()["error"]["message"]


def test_a_state_serves_once_and_only_in_its_own_session(connected: Company) -> None:
    cookie = connected.cookie()
    approved = connected.approve(connected.authorization_url())
    assert connected.callback(approved, "huma_fortnox_session=somebody-elses").status_code == 401
    assert connected.callback(approved.replace("state=", "state=x"), cookie).status_code == 400
    assert connected.callback(approved, cookie).status_code == 303
    again = connected.callback(approved, cookie)
    assert again.status_code == 400
    assert connected.api("GET", "/connection").json()["usable"] is True


def test_webhooks_are_taken_only_as_huma_signs_them(connected: Company) -> None:
    users = [{"id": connected.organization["users"][0]["id"], "email": "x@example.com"}]
    body = json.dumps({"topic": "users-update", "users": users}).encode()
    asked = connected.huma.control("GET", "/_sim/requests")["next"]
    assert connected.webhook(body, signature="0" * 64).status_code == 401
    assert connected.webhook(body, signature="not hexadecimal").status_code == 401
    assert connected.webhook(body, topic="users-create").status_code == 400
    assert connected.webhook(b"{broken").status_code == 400
    assert connected.webhook(b'["a list"]').status_code == 400
    assert connected.webhook(b" " * (1024 * 1024 + 1)).status_code == 413
    unknown = connected.webhook(json.dumps({"topic": "teams-update", "users": []}).encode(), topic="teams-update")
    assert (unknown.status_code, unknown.json()) == (202, {"users": 0})
    for answer in (connected.webhook(b"{broken"), connected.webhook(body, signature="0" * 64)):
        assert isinstance(answer.json()["error"], str)
    time.sleep(1)
    assert connected.huma.control("GET", f"/_sim/requests?since={asked}&path=/users")["requests"] == []


def test_a_webhook_for_an_organization_nobody_knows_is_not_found(company: Company) -> None:
    url = f"{company.world.public_url}/huma/webhook/{SOMEBODY_ELSES}"
    assert company.http.post(url, data=b"{}", headers={"huma-topic": "users-update"}).status_code == 404


def test_decisions_are_for_what_the_plan_holds_and_until_it_is_applied(connected: Company) -> None:
    run = connected.run_until_planned()
    second = connected.api("POST", "/synchronizations")
    assert second.status_code == 409
    assert run in json.dumps(second.json())

    decisions = f"/synchronizations/{run}/decisions"
    person = next(
        each
        for each in connected.api("GET", f"/synchronizations/{run}/people?situation=differs").json()["people"]
        if not any(change["field"] == "family_name" for change in each["changes"])
    )
    for wrong in (
        {"person": "u:nobody", "field": "phone", "direction": "use_huma"},
        {"person": person["key"], "field": "shoe_size", "direction": "use_huma"},
        {"person": person["key"], "field": "family_name", "direction": "use_huma"},
        {"person": person["key"], "field": "phone", "direction": "sideways"},
        {"person": "u:nobody", "create": True},
    ):
        answer = connected.api("PUT", decisions, {"decisions": [wrong]})
        assert answer.status_code == 400, wrong
        assert answer.json()["error"]["message"]
    assert connected.api("GET", f"/synchronizations/{run}/summary").json()["toFortnox"] == {}
    assert connected.api("GET", "/synchronizations/unknown").status_code == 404
    assert connected.api("PUT", "/synchronizations/unknown/decisions", {"decisions": []}).status_code == 404

    assert connected.api("POST", f"/synchronizations/{run}/apply", {"confirmed": []}).status_code == 202
    late = connected.api("PUT", decisions, {"decisions": [{"field": "phone", "direction": "use_huma"}]})
    assert late.status_code == 409
    assert connected.api("POST", f"/synchronizations/{run}/apply", {"confirmed": []}).status_code == 409


def test_nothing_personal_is_logged(connected: Company) -> None:
    values = {connected.secret, connected.token}
    for user in connected.organization["users"]:
        values |= {user[name] for name in ("email", "phone", "familyName") if user.get(name)}
    for function in ("SettingsPage", "OauthCallback", "HumaWebhook", "RouteChange", "PushChange", "Synchronize"):
        logged = "\n".join(connected.world.stack.logs(function))
        assert not [value for value in values if value in logged], function
