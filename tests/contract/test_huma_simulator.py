"""What the integration relies on of Huma: asserted of the simulator, and where nothing is changed of a real Huma too.

``CONTRACT_HUMA_API_URL``, ``CONTRACT_HUMA_CLIENT_ID`` and ``CONTRACT_HUMA_CLIENT_SECRET`` point the tests that only
read at Huma's demo or at a real organization; what needs the simulator is then skipped. Every answer of the Open API
that a test gets is held against Huma's OpenAPI document when that document is at hand.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import re
import subprocess
import sys
import threading
import time
import urllib.parse
import uuid
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jwt
import pytest
import requests

from local.simulator_process import SimulatorProcess
from tests.contract.huma_document import DOCUMENT, faults_of

if TYPE_CHECKING:
    from collections.abc import Iterator

REAL_URL = os.environ.get("CONTRACT_HUMA_API_URL", "").rstrip("/")
INTEGRATION = "http://127.0.0.1:39999"

ORGANIZATION = "11111111-1111-4111-8111-111111111111"
CLIENT = {"clientId": "22222222-2222-4222-8222-222222222221", "clientSecret": "33333333-3333-4333-8333-333333333331"}
NARROW_CLIENT = {
    "clientId": "22222222-2222-4222-8222-222222222222",
    "clientSecret": "33333333-3333-4333-8333-333333333332",
    "rights": {"bankAccount": "none", "employmentId": "view", "identifications": "view", "positions": "view"},
}
OTHER_ORGANIZATION = "11111111-1111-4111-8111-111111111112"
OTHER_CLIENT = {
    "clientId": "22222222-2222-4222-8222-222222222223",
    "clientSecret": "33333333-3333-4333-8333-333333333333",
}
ALLOWED = "44444444-4444-4444-8444-444444444441"
NOT_ALLOWED = "44444444-4444-4444-8444-444444444442"
ANNA = "55555555-5555-4555-8555-555555555551"
BO = "55555555-5555-4555-8555-555555555552"
CARL = "55555555-5555-4555-8555-555555555553"
DINA = "55555555-5555-4555-8555-555555555554"
OTHER_PERSON = "55555555-5555-4555-8555-555555555555"
TITLE = "66666666-6666-4666-8666-666666666661"
ANNAS_POSITION = "77777777-7777-4777-8777-777777777771"
ADDRESS = {
    "line1": "Storgatan 1",
    "line2": "",
    "line3": "",
    "postalCode": "111 22",
    "city": "Stockholm",
    "country": "SE",
}
PEOPLE: dict[str, Any] = {
    "organizations": [
        {
            "id": ORGANIZATION,
            "name": "Provbolaget AB",
            "slug": "provbolaget",
            "settings": {"uniqueEmploymentIds": True},
            "apiKeys": [CLIENT, NARROW_CLIENT],
            "administrators": [
                {
                    "id": ALLOWED,
                    "name": "Alva Admin",
                    "email": "alva@example.com",
                    "locale": "sv-SE",
                    "permissions": ["organization-settings"],
                },
                {
                    "id": NOT_ALLOWED,
                    "name": "Nils Ny",
                    "email": "nils@example.com",
                    "locale": "en-GB",
                    "permissions": [],
                },
            ],
            "jobTitles": [{"id": TITLE, "name": "Utvecklare"}],
            "users": [
                {
                    "id": ANNA,
                    "givenName": "Anna",
                    "familyName": "Andersson",
                    "email": "anna@example.com",
                    "phone": "+46701740605",
                    "employmentId": "0017",
                    "homeAddress": {
                        "line1": "Sveavägen 1",
                        "postalCode": "113 57",
                        "city": "Stockholm",
                        "country": "SE",
                    },
                    "bankAccount": {"number": "3300-0006205124", "country": "SE"},
                    "identifications": [{"type": "national", "country": "SE", "value": "198001019801"}],
                    "lastLoggedInAt": "2026-01-02T08:00:00.000Z",
                    "positions": [
                        {
                            "id": ANNAS_POSITION,
                            "title": "Utvecklare",
                            "contractStartDate": "2024-01-01",
                            "firstDayOfWork": "2024-01-08",
                        }
                    ],
                },
                {
                    "id": BO,
                    "givenName": "Bo",
                    "familyName": "Berg",
                    "email": "bo@example.com",
                    "employmentId": "0018",
                    "bankAccount": {"iban": "SE4550000000058398257466", "bic": "ESSESESS"},
                    "supervisor": ANNA,
                },
                {
                    "id": CARL,
                    "givenName": "Carl",
                    "familyName": "Ceder",
                    "email": "carl@example.com",
                    "active": False,
                    "deactivatedAt": "2026-02-01T00:00:00.000Z",
                    "deactivatedBy": ALLOWED,
                },
                {
                    "id": DINA,
                    "givenName": "Dina",
                    "familyName": "Dahl",
                    "email": "dina@example.com",
                    "firstDayOfWork": "2019-05-01",
                    "lastDayOfWork": "2026-12-31",
                },
            ],
        },
        {
            "id": OTHER_ORGANIZATION,
            "name": "Andra bolaget AB",
            "slug": "andra",
            "apiKeys": [OTHER_CLIENT],
            "users": [{"id": OTHER_PERSON, "givenName": "Ove", "familyName": "Ohm", "email": "anna@example.com"}],
        },
    ]
}
TODAY = "2026-06-15"


class Api:
    """Asks the Open API with one API key and holds every answer against the document."""

    def __init__(self, url: str, client_id: str, client_secret: str) -> None:
        self.url = url
        self.session = requests.Session()
        self.session.trust_env = False
        self.credentials: dict[str, Any] = {
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_secret": client_secret,
        }
        answer = self.call("POST", "/auth/oauth/token", data=self.credentials)
        assert answer.status_code == 200
        self.token: dict[str, Any] = answer.json()
        self.session.headers["Authorization"] = f"Bearer {self.token['access_token']}"

    def call(self, method: str, path: str, **settings: Any) -> requests.Response:
        """One request; an answer that the document does not allow fails the test."""
        answer = self.session.request(method, self.url + path, timeout=30, **settings)
        if DOCUMENT.exists():
            assert faults_of(answer) == []
        return answer

    def get(self, path: str, **query: Any) -> Any:
        """The JSON of a good answer to a GET."""
        answer = self.call("GET", path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def write(self, method: str, path: str, body: Any) -> Any:
        """The JSON of a good answer to a write."""
        answer = self.call(method, path, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refused(self, method: str, path: str, body: Any = None, **settings: Any) -> dict[str, Any]:
        """The body of a 400."""
        answer = self.call(method, path, json=body, **settings)
        assert answer.status_code == 400, answer.text
        refusal: dict[str, Any] = answer.json()
        return refusal


@pytest.fixture(scope="module")
def people_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("huma") / "people.json"
    path.write_text(json.dumps(PEOPLE), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def process(people_file: Path) -> Iterator[SimulatorProcess]:
    arguments = ("--people", str(people_file), "--integration-url", INTEGRATION, "--today", TODAY)
    with SimulatorProcess("local.huma_simulator", *arguments) as started:
        yield started


@pytest.fixture
def huma(process: SimulatorProcess) -> SimulatorProcess:
    """The simulator as it was at the start; skipped when a real Huma is asked."""
    if REAL_URL:
        pytest.skip("needs the simulator, and CONTRACT_HUMA_API_URL names a real Huma")
    process.control("POST", "/_sim/reset")
    return process


@pytest.fixture
def api(huma: SimulatorProcess) -> Iterator[Api]:
    """The simulator's Open API with a key that has every right."""
    asked = Api(huma.url, CLIENT["clientId"], CLIENT["clientSecret"])
    with asked.session:
        yield asked


@pytest.fixture
def narrow_api(huma: SimulatorProcess) -> Iterator[Api]:
    """The simulator's Open API with a key of few rights."""
    asked = Api(huma.url, str(NARROW_CLIENT["clientId"]), str(NARROW_CLIENT["clientSecret"]))
    with asked.session:
        yield asked


@pytest.fixture
def any_api(request: pytest.FixtureRequest) -> Iterator[Api]:
    """The Huma of the environment when it names one, the simulator otherwise; tests with it only read."""
    if not REAL_URL:
        yield request.getfixturevalue("api")
        return
    asked = Api(REAL_URL, os.environ["CONTRACT_HUMA_CLIENT_ID"], os.environ["CONTRACT_HUMA_CLIENT_SECRET"])
    with asked.session:
        yield asked


@dataclass
class Message:
    """One message that reached the receiver."""

    headers: dict[str, str]
    raw: bytes
    at: float

    @property
    def body(self) -> Any:
        return json.loads(self.raw)


@dataclass
class Receiver:
    """A webhook endpoint: keeps what it gets and answers with the statuses it is given, then 200."""

    url: str
    messages: list[Message] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    delay_seconds: float = 0.0


@pytest.fixture
def receiver(huma: SimulatorProcess) -> Iterator[Receiver]:
    """A receiver that the organization's webhook points at."""
    received = Receiver("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            received.messages.append(Message(headers, raw, time.time()))
            time.sleep(received.delay_seconds)
            self.send_response(received.statuses.pop(0) if received.statuses else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        received.url = f"http://127.0.0.1:{server.server_port}/huma/webhook/{ORGANIZATION}"
        huma.control(
            "PUT", f"/_sim/organizations/{ORGANIZATION}/webhook", {"url": received.url, "secret": "hemlig-nyckel"}
        )
        yield received
        huma.control("PUT", f"/_sim/organizations/{ORGANIZATION}/webhook", None)
        server.shutdown()


def settled(huma: SimulatorProcess) -> list[dict[str, Any]]:
    """The deliveries once nothing is queued."""
    answer = huma.control("GET", "/_sim/webhooks?settle=20")
    assert answer["settled"]
    deliveries: list[dict[str, Any]] = answer["deliveries"]
    return deliveries


def stored(huma: SimulatorProcess, user_id: str) -> dict[str, Any]:
    """A user as the simulator holds them."""
    organizations = huma.control("GET", f"/_sim/people?organization={ORGANIZATION}")["organizations"]
    user: dict[str, Any] = next(user for user in organizations[0]["users"] if user["id"] == user_id)
    return user


class TestReading:
    """Asked of a real Huma as well, where the environment names one."""

    def test_a_token_names_the_organization_and_how_long_it_lives(self, any_api: Api) -> None:
        assert any_api.token["token_type"].lower() == "bearer"
        assert any_api.token["expires_in"] > 0
        assert str(uuid.UUID(any_api.token["organizationId"])) == any_api.token["organizationId"]

    def test_credentials_may_be_sent_as_json(self, any_api: Api) -> None:
        answer = any_api.call("POST", "/auth/oauth/token", json=any_api.credentials)
        assert answer.json()["organizationId"] == any_api.token["organizationId"]

    def test_a_wrong_secret_gives_no_token(self, any_api: Api) -> None:
        wrong = any_api.credentials | {"client_secret": str(uuid.uuid4())}
        assert any_api.call("POST", "/auth/oauth/token", data=wrong).status_code in {400, 401}

    @pytest.mark.parametrize("authorization", ["Bearer nonsense", None])
    def test_a_call_without_a_good_token_is_refused_as_invalid_token(
        self, any_api: Api, authorization: str | None
    ) -> None:
        answer = any_api.call("GET", "/users", headers={"Authorization": authorization})
        assert answer.status_code == 401
        assert answer.json()["error"] == "invalid_token"

    def test_pages_hold_fifty_at_most_and_everybody_exactly_once(self, any_api: Api) -> None:
        first = any_api.get("/users", limit=50)
        seen = [row["id"] for row in first["items"]]
        assert len(seen) <= 50
        while len(seen) < first["total"]:
            rows = any_api.get("/users", limit=50, offset=len(seen))["items"]
            assert rows
            seen += [row["id"] for row in rows]
        assert len(set(seen)) == len(seen) == first["total"]

    def test_a_page_of_more_than_fifty_is_refused(self, any_api: Api) -> None:
        refusal = any_api.refused("GET", "/users", params={"limit": 51})
        assert refusal["errorCode"]

    def test_a_list_row_lacks_what_only_the_profile_has(self, any_api: Api) -> None:
        for row in any_api.get("/users", limit=10)["items"]:
            assert not {"employmentId", "bankAccount", "homeAddress", "firstDayOfWork"} & row.keys()
            assert isinstance(row["status"]["active"], bool)

    def test_a_profile_wraps_its_fields_in_value_and_editable(self, any_api: Api) -> None:
        row = any_api.get("/users", limit=1, isActive="true")["items"][0]
        details = any_api.get(f"/users/{row['id']}")
        assert details["email"]["value"] == row["email"]
        for name in ("givenName", "familyName", "phone", "homeAddress", "bankAccount", "employmentId"):
            assert isinstance(details[name]["editable"], bool)

    def test_positions_are_plain_in_a_list_and_wrapped_one_by_one(self, any_api: Api) -> None:
        for row in any_api.get("/users", limit=10, isActive="true")["items"]:
            for summary in any_api.get(f"/users/{row['id']}/positions")["items"]:
                position = any_api.get(f"/users/{row['id']}/positions/{summary['id']}")
                assert position["contractStartDate"]["value"] == summary["contractStartDate"]
                assert position["status"] == summary["status"]

    def test_an_unknown_user_is_not_found(self, any_api: Api) -> None:
        answer = any_api.call("GET", f"/users/{uuid.uuid4()}")
        assert answer.status_code == 404
        assert answer.json()["errorCode"] == "object:not-found"

    def test_job_titles_come_as_one_list(self, any_api: Api) -> None:
        for title in any_api.get("/job-titles")[:3]:
            assert any_api.get(f"/job-titles/{title['id']}")["name"] == title["name"]

    def test_groups_come_in_pages(self, any_api: Api) -> None:
        page = any_api.get("/groups", limit=25)
        assert len(page["items"]) <= 25
        for group in page["items"][:3]:
            assert any_api.get(f"/groups/{group['id']}")["name"] == group["name"]


@pytest.mark.skipif(not DOCUMENT.exists(), reason="Huma's OpenAPI document is not beside the repository")
class TestDocument:
    """That holding answers against the document notices what is wrong with them."""

    def test_good_answers_of_every_kind_follow_it(self, api: Api) -> None:
        paths = ("/users", f"/users/{ANNA}", f"/users/{ANNA}/positions", "/job-titles", "/groups", "/users/x")
        for path in paths:
            answer = api.session.get(api.url + path, timeout=30)
            assert faults_of(answer) == []
            assert answer.content

    def test_an_answer_that_does_not_follow_it_is_noticed(self, huma: SimulatorProcess, api: Api) -> None:
        path = f"{api.url}/users/{ANNA}"
        huma.fault("unknown_wrapper", field="phone", shape={"value": 7}, count=1)
        assert len(faults_of(api.session.get(path, timeout=30))) == 2
        huma.fault("status", status=200, body={"id": "no uuid"}, count=1)
        assert any("no uuid" in fault for fault in faults_of(api.session.get(path, timeout=30)))
        huma.fault("status", status=418, count=1)
        assert "status 418" in faults_of(api.session.get(path, timeout=30))[0]


class TestTokens:
    def test_a_client_id_that_is_no_uuid_is_a_bad_request(self, api: Api) -> None:
        answer = api.call("POST", "/auth/oauth/token", data=api.credentials | {"client_id": "me"})
        assert answer.status_code == 400
        assert answer.json()["fields"] == ["client_id"]

    def test_other_grants_are_refused(self, api: Api) -> None:
        answer = api.call("POST", "/auth/oauth/token", data=api.credentials | {"grant_type": "password"})
        assert answer.status_code == 400

    def test_a_revoked_token_is_worthless_and_a_new_one_works(self, api: Api) -> None:
        assert api.call("POST", "/auth/oauth/revoke").status_code == 200
        assert api.call("GET", "/users").status_code == 401
        assert Api(api.url, CLIENT["clientId"], CLIENT["clientSecret"]).get("/users")["total"]

    def test_the_fault_expire_tokens_says_that_the_token_expired(self, huma: SimulatorProcess, api: Api) -> None:
        huma.fault("expire_tokens")
        answer = api.call("GET", "/users")
        assert answer.status_code == 401
        assert "expired" in answer.json()["error_description"]

    def test_the_fault_revoke_key_stops_tokens_and_credentials_of_that_key_alone(
        self, huma: SimulatorProcess, api: Api, narrow_api: Api
    ) -> None:
        huma.fault("revoke_key", clientId=CLIENT["clientId"])
        assert api.call("GET", "/users").status_code == 401
        assert api.call("POST", "/auth/oauth/token", data=api.credentials).status_code == 401
        assert narrow_api.call("GET", "/users").status_code == 200
        huma.fault("restore_key", clientId=CLIENT["clientId"])
        assert api.call("GET", "/users").status_code == 200

    def test_an_organization_sees_its_own_people_only(self, huma: SimulatorProcess) -> None:
        other = Api(huma.url, OTHER_CLIENT["clientId"], OTHER_CLIENT["clientSecret"])
        with other.session:
            people = [row["id"] for row in other.get("/users")["items"] if row["type"] == "user"]
            assert people == [OTHER_PERSON]
            assert other.call("GET", f"/users/{ANNA}").status_code == 404
            assert other.call("PATCH", f"/users/{ANNA}", json={"phone": "1"}).status_code == 404


class TestLists:
    def ids(self, api: Api, **query: Any) -> list[str]:
        return [row["id"] for row in api.get("/users", **query)["items"] if row["type"] == "user"]

    def test_people_come_by_name_in_either_direction(self, api: Api) -> None:
        assert self.ids(api) == [ANNA, BO, CARL, DINA]
        assert self.ids(api, orderDirection="DESC") == [DINA, CARL, BO, ANNA]

    def test_each_api_key_stands_in_the_list_as_a_service_user(self, api: Api) -> None:
        rows = api.get("/users")["items"]
        assert api.token["userId"] in [row["id"] for row in rows if row["type"] == "service_user"]
        assert api.get("/users/me")["id"] == api.token["userId"]

    def test_limit_and_offset_cut_a_page_out(self, api: Api) -> None:
        assert [row["id"] for row in api.get("/users", limit=2, offset=1)["items"]] == [BO, CARL]
        assert api.get("/users", limit=0)["items"] == []

    def test_filters_choose_people(self, api: Api) -> None:
        assert self.ids(api, isActive="false") == [CARL]
        assert CARL not in self.ids(api, isActive="true")
        assert self.ids(api, search="BERG") == [BO]
        assert self.ids(api, id=[DINA, ANNA]) == [ANNA, DINA]
        assert self.ids(api, **{"id[]": [DINA]}) == [DINA]
        assert self.ids(api, excludeId=[ANNA, BO, CARL]) == [DINA]
        assert self.ids(api, jobTitle=[TITLE]) == [ANNA]
        assert self.ids(api, supervisor=ANNA) == [BO]
        assert self.ids(api, isSupervisor="true") == [ANNA]

    @pytest.mark.parametrize(
        "query",
        [
            {"limit": "many"},
            {"offset": "-1"},
            {"isActive": "perhaps"},
            {"orderDirection": "up"},
            {"id": ["not-a-uuid"]},
            {"id": [str(uuid.UUID(int=n)) for n in range(26)]},
        ],
    )
    def test_a_parameter_that_does_not_fit_is_named(self, api: Api, query: dict[str, Any]) -> None:
        assert api.refused("GET", "/users", params=query)["fields"] == list(query)

    def test_a_list_follows_every_change_at_once(self, huma: SimulatorProcess, api: Api) -> None:
        assert self.ids(api, search="zeta") == []
        api.write("PATCH", f"/users/{BO}", {"familyName": "Zeta"})
        assert self.ids(api, search="zeta") == [BO]
        huma.control("POST", "/_sim/delete", {"organization": ORGANIZATION, "userId": BO})
        assert self.ids(api) == [ANNA, CARL, DINA]

    def test_an_organization_may_hide_deactivated_people_from_the_api(self, huma: SimulatorProcess, api: Api) -> None:
        huma.control("PUT", f"/_sim/organizations/{ORGANIZATION}/settings", {"showDeactivated": False})
        assert CARL not in self.ids(api)
        assert api.call("GET", f"/users/{CARL}").status_code == 404


class TestProfile:
    def test_a_profile_holds_every_supported_field_wrapped(self, api: Api) -> None:
        details = api.get(f"/users/{ANNA}")
        assert details["employmentId"]["value"] == "0017"
        assert details["homeAddress"]["value"]["line1"] == "Sveavägen 1"
        assert details["bankAccount"]["value"]["number"] == "3300-0006205124"
        assert details["bankAccount"]["value"]["type"] == "national"
        assert details["identifications"]["value"][0]["value"] == "198001019801"
        assert details["firstDayOfWork"] == {"editable": False, "value": "2024-01-08"}
        assert details["lastDayOfWork"] == {"editable": False}
        assert details["currentPositions"][0]["title"]["name"] == "Utvecklare"
        assert details["subordinatesCount"] == 1

    def test_a_field_that_is_not_set_has_a_wrapper_without_a_value(self, api: Api) -> None:
        phone = api.get(f"/users/{BO}")["phone"]
        assert phone["editable"] is True
        assert "value" not in phone

    def test_a_bank_account_abroad_has_iban_and_bic(self, api: Api) -> None:
        value = api.get(f"/users/{BO}")["bankAccount"]["value"]
        assert (value["type"], value["iban"]) == ("international", "SE4550000000058398257466")

    def test_dates_of_a_person_without_positions_stand_on_the_user(self, api: Api) -> None:
        details = api.get(f"/users/{DINA}")
        assert details["firstDayOfWork"]["value"] == "2019-05-01"
        assert details["lastDayOfWork"]["value"] == "2026-12-31"
        assert api.get(f"/users/{DINA}/positions")["items"] == []

    def test_a_deactivated_person_is_readable_and_locked(self, api: Api) -> None:
        details = api.get(f"/users/{CARL}")
        assert details["status"]["active"] is False
        assert details["status"]["deactivatedBy"]["familyName"] == "Admin"
        assert details["phone"]["editable"] is False
        assert api.refused("PATCH", f"/users/{CARL}", {"phone": "1"})["errorCode"]
        body = {"contractStartDate": "2026-01-01", "contractType": "Permanent", "titleId": TITLE}
        assert api.refused("POST", f"/users/{CARL}/positions", body)["errorCode"]

    def test_an_id_that_is_no_uuid_is_a_bad_request(self, api: Api) -> None:
        assert api.refused("GET", "/users/anna")["fields"] == ["id"]

    def test_a_key_with_fewer_rights_sees_and_writes_less(self, narrow_api: Api) -> None:
        details = narrow_api.get(f"/users/{ANNA}")
        assert "bankAccount" not in details
        assert details["employmentId"]["editable"] is False
        refusal = narrow_api.refused("PATCH", f"/users/{ANNA}", {"employmentId": "99", "phone": "1"})
        assert refusal["fields"] == ["employmentId"]
        assert narrow_api.get(f"/users/{ANNA}")["phone"]["value"] == "+46701740605"
        assert narrow_api.refused("PATCH", f"/users/{ANNA}/positions/{ANNAS_POSITION}", {"percentage": 50})
        entry = {"type": "passport", "country": "SE", "value": "1"}
        assert narrow_api.refused("POST", f"/users/{ANNA}/identifications", entry)

    def test_the_fault_unknown_wrapper_changes_one_field_for_one_request(
        self, huma: SimulatorProcess, api: Api
    ) -> None:
        huma.fault("unknown_wrapper", field="phone", count=1)
        answer = api.session.get(f"{api.url}/users/{ANNA}", timeout=30)
        assert answer.json()["phone"] == {"content": "+46701740605", "access": "READ_WRITE"}
        assert api.get(f"/users/{ANNA}")["phone"]["value"] == "+46701740605"

    def test_the_fault_slow_user_details_slows_profiles_only(self, huma: SimulatorProcess, api: Api) -> None:
        huma.fault("slow_user_details", seconds=0.4)
        began = time.monotonic()
        api.get("/users")
        assert time.monotonic() - began < 0.3
        began = time.monotonic()
        api.get(f"/users/{ANNA}")
        assert time.monotonic() - began >= 0.4

    def test_a_server_error_has_humas_shape(self, huma: SimulatorProcess, api: Api) -> None:
        huma.fault("status", status=500, count=1)
        answer = api.call("GET", f"/users/{ANNA}")
        assert answer.status_code == 500
        assert answer.json()["path"] == f"/users/{ANNA}"

    def test_a_write_whose_connection_drops_afterwards_has_happened(self, huma: SimulatorProcess, api: Api) -> None:
        huma.fault("drop_after", method="PATCH", count=1)
        with pytest.raises(requests.ConnectionError):
            api.session.patch(f"{api.url}/users/{BO}", json={"phone": "+46701740606"}, timeout=30)
        assert stored(huma, BO)["phone"] == "+46701740606"

    def test_thousands_of_profiles_are_read_in_about_a_millisecond_each(self, huma: SimulatorProcess, api: Api) -> None:
        users = [
            {
                "id": str(uuid.UUID(int=n + 1)),
                "givenName": "Person",
                "familyName": f"{n:04}",
                "email": f"p{n}@example.com",
            }
            for n in range(3000)
        ]
        big = PEOPLE["organizations"][0] | {"users": users}
        huma.set_people({"organizations": [big]})
        for number in range(0, 3000, 10):
            api.session.get(f"{api.url}/users/{uuid.UUID(int=number + 1)}", timeout=30)
        for offset in range(0, 3000, 50):
            api.session.get(f"{api.url}/users?limit=50&offset={offset}", timeout=30)
        durations = sorted(entry["duration_ms"] for entry in huma.requests(method="GET"))
        assert len(durations) == 360
        assert durations[180] < 3


class TestWriting:
    def test_plain_values_are_written_and_come_back_wrapped(self, api: Api) -> None:
        changes = {
            "givenName": "Anna-Karin",
            "phone": "+46701740607",
            "employmentId": "0100",
            "homeAddress": ADDRESS,
            "bankAccount": {"type": "national", "number": "50001234567", "country": "SE"},
            "privateEmail": "anna@example.org",
            "birthDate": "1980-01-01",
        }
        details = api.write("PATCH", f"/users/{ANNA}", changes)
        assert details == api.get(f"/users/{ANNA}")
        for name in ("givenName", "phone", "employmentId", "homeAddress", "birthDate"):
            assert details[name]["value"] == changes[name]
        assert details["bankAccount"]["value"]["number"] == "50001234567"

    @pytest.mark.parametrize(
        ("body", "fields"),
        [
            ({"homeAddress": {k: v for k, v in ADDRESS.items() if k != "line3"}}, ["homeAddress.line3"]),
            ({"homeAddress": ADDRESS | {"line2": None}}, ["homeAddress.line2"]),
            ({"homeAddress": ADDRESS | {"country": "Sverige"}}, ["homeAddress.country"]),
            ({"bankAccount": {"number": "50001234567", "country": "SE"}}, ["bankAccount.type"]),
            ({"bankAccount": {"type": "swedish", "number": "50001234567", "country": "SE"}}, ["bankAccount.type"]),
            ({"bankAccount": {"type": "national", "number": "1", "country": "SE", "iban": "SE1"}}, ["bankAccount"]),
            ({"bankAccount": {"type": "international", "iban": "SE1"}}, ["bankAccount.bic"]),
            ({"givenName": "x" * 256}, ["givenName"]),
            ({"givenName": None}, ["givenName"]),
            ({"familyName": ""}, ["familyName"]),
            ({"email": "not an address"}, ["email"]),
            ({"email": None}, ["email"]),
            ({"phone": 46701740605}, ["phone"]),
            ({"birthDate": "2026-02-30"}, ["birthDate"]),
            ({"custom": {"size": "M"}}, ["custom.size"]),
            ({"phone": "1", "nationality": "SWE"}, ["nationality"]),
        ],
    )
    def test_a_value_that_does_not_fit_is_named_and_nothing_is_written(
        self, api: Api, body: dict[str, Any], fields: list[str]
    ) -> None:
        before = api.get(f"/users/{BO}")
        refusal = api.refused("PATCH", f"/users/{BO}", body)
        assert (refusal["errorCode"], refusal["fields"]) == ("field:invalid-format", fields)
        assert api.get(f"/users/{BO}") == before

    def test_a_body_that_is_no_json_object_is_refused(self, api: Api) -> None:
        assert api.call("PATCH", f"/users/{BO}", data="{").status_code == 400
        assert api.call("PATCH", f"/users/{BO}", json=["phone"]).status_code == 400

    def test_dates_sent_to_the_user_are_ignored_since_they_live_on_positions(self, api: Api) -> None:
        api.write("PATCH", f"/users/{ANNA}", {"firstDayOfWork": "2030-01-01"})
        assert api.get(f"/users/{ANNA}")["firstDayOfWork"]["value"] == "2024-01-08"

    def test_null_and_an_empty_text_remove_a_value(self, api: Api) -> None:
        details = api.write("PATCH", f"/users/{ANNA}", {"phone": None, "homeAddress": None, "employmentId": ""})
        for name in ("phone", "homeAddress", "employmentId"):
            assert "value" not in details[name]

    def test_null_means_nothing_where_the_organization_is_so(self, huma: SimulatorProcess, api: Api) -> None:
        huma.control("PUT", f"/_sim/organizations/{ORGANIZATION}/settings", {"nullClears": False})
        details = api.write("PATCH", f"/users/{ANNA}", {"phone": None, "bankAccount": None})
        assert details["phone"]["value"] == "+46701740605"
        assert details["bankAccount"]["value"]["number"] == "3300-0006205124"

    def test_an_employment_id_is_unique_unless_the_organization_allows_otherwise(
        self, huma: SimulatorProcess, api: Api
    ) -> None:
        assert api.refused("PATCH", f"/users/{BO}", {"employmentId": "0017"})["fields"] == ["employmentId"]
        huma.control("PUT", f"/_sim/organizations/{ORGANIZATION}/settings", {"uniqueEmploymentIds": False})
        assert api.write("PATCH", f"/users/{BO}", {"employmentId": "0017"})["employmentId"]["value"] == "0017"

    def test_an_employment_id_that_was_given_up_is_free(self, api: Api) -> None:
        api.write("PATCH", f"/users/{ANNA}", {"employmentId": "0020"})
        api.write("PATCH", f"/users/{BO}", {"employmentId": "0017"})

    def test_an_email_of_another_user_is_refused_in_any_case_of_letters(self, api: Api) -> None:
        assert api.refused("PATCH", f"/users/{BO}", {"email": "ANNA@example.com"})["fields"] == ["email"]

    def test_the_email_of_somebody_who_never_logged_in_changes_at_once(self, api: Api) -> None:
        email = api.write("PATCH", f"/users/{BO}", {"email": "bo.berg@example.com"})["email"]
        assert email == {"editable": True, "value": "bo.berg@example.com"}

    def test_the_email_of_somebody_who_logged_in_waits_for_their_confirmation(
        self, huma: SimulatorProcess, api: Api
    ) -> None:
        email = api.write("PATCH", f"/users/{ANNA}", {"email": "anna.a@example.com"})["email"]
        assert email == {"editable": True, "value": "anna@example.com", "requestedValue": "anna.a@example.com"}
        huma.control("POST", "/_sim/confirm-email", {"organization": ORGANIZATION, "userId": ANNA})
        assert api.get(f"/users/{ANNA}")["email"] == {"editable": True, "value": "anna.a@example.com"}

    def test_other_words_for_the_kinds_of_bank_account_are_a_setting(self, huma: SimulatorProcess, api: Api) -> None:
        words = {"bankAccountTypes": ["NATIONAL", "IBAN"]}
        huma.control("PUT", f"/_sim/organizations/{ORGANIZATION}/settings", words)
        assert api.get(f"/users/{BO}")["bankAccount"]["value"]["type"] == "IBAN"
        account = {"type": "NATIONAL", "number": "50001234567", "country": "SE"}
        assert (
            api.write("PATCH", f"/users/{BO}", {"bankAccount": account})["bankAccount"]["value"]["type"] == "NATIONAL"
        )


class TestCreating:
    def body(self, **other: Any) -> dict[str, Any]:
        return {"givenName": "Eva", "familyName": "Ek", "email": "eva@example.com", "groups": []} | other

    def test_a_new_user_has_a_row_a_profile_and_no_more_than_was_given(self, api: Api) -> None:
        group = api.get("/groups")["items"][0]["id"]
        row = api.write("POST", "/users", self.body(groups=[group], phone="+46701740608", employmentId="77"))
        assert (row["email"], row["type"], row["status"]) == ("eva@example.com", "user", {"active": True})
        assert [company["id"] for company in row["companies"]] == [group]
        details = api.get(f"/users/{row['id']}")
        assert details["phone"]["value"] == "+46701740608"
        assert "value" not in details["employmentId"]
        assert "invitedAt" not in details
        assert row["id"] in [member["id"] for member in api.get(f"/groups/{group}")["members"]]

    def test_an_invitation_is_sent_when_asked_for(self, api: Api) -> None:
        row = api.write("POST", "/users", self.body(invite=True))
        assert api.get(f"/users/{row['id']}")["invitedAt"].startswith(TODAY)

    @pytest.mark.parametrize("name", ["givenName", "familyName", "email", "groups"])
    def test_what_every_user_needs_is_named_when_it_is_missing(self, api: Api, name: str) -> None:
        body = self.body()
        del body[name]
        assert api.refused("POST", "/users", body)["fields"] == [name]

    def test_a_second_user_with_the_same_email_is_refused(self, api: Api) -> None:
        assert api.refused("POST", "/users", self.body(email="Anna@Example.com"))["fields"] == ["email"]

    def test_an_unknown_group_is_not_found(self, api: Api) -> None:
        assert api.call("POST", "/users", json=self.body(groups=[str(uuid.uuid4())])).status_code == 404

    def test_the_api_cannot_delete_a_user(self, api: Api) -> None:
        answer = api.session.delete(f"{api.url}/users/{ANNA}", timeout=30)
        assert answer.status_code == 405
        assert answer.json()["status"] == 405


class TestPositions:
    START = {"contractStartDate": "2026-03-01", "contractType": "Temporary", "titleId": TITLE}  # noqa: RUF012

    def test_a_position_is_created_read_changed_and_deleted(self, api: Api) -> None:
        created = api.write("POST", f"/users/{BO}/positions", self.START | {"firstDayOfWork": "2026-03-02"})
        path = f"/users/{BO}/positions/{created['id']}"
        assert created["percentage"]["value"] == 100
        assert created["title"]["value"] == {"id": TITLE, "name": "Utvecklare"}
        assert api.get(f"/users/{BO}")["firstDayOfWork"]["value"] == "2026-03-02"
        changed = api.write("PATCH", path, {"lastDayOfWork": "2026-12-31", "percentage": 80})
        assert changed == api.get(path)
        assert api.get(f"/users/{BO}")["lastDayOfWork"]["value"] == "2026-12-31"
        assert "value" not in api.write("PATCH", path, {"lastDayOfWork": None})["lastDayOfWork"]
        answer = api.call("DELETE", path)
        assert (answer.status_code, answer.content) == (200, b"")
        assert api.call("GET", path).status_code == 404
        assert "value" not in api.get(f"/users/{BO}")["firstDayOfWork"]

    @pytest.mark.parametrize(
        ("start", "end", "status"),
        [
            ("2026-06-15", None, "CURRENT"),
            ("2026-06-16", None, "UPCOMING"),
            ("2026-01-01", "2026-06-15", "CURRENT"),
            ("2026-01-01", "2026-06-14", "ENDED"),
        ],
    )
    def test_the_status_follows_from_the_dates_and_today(
        self, api: Api, start: str, end: str | None, status: str
    ) -> None:
        body = self.START | {"contractStartDate": start} | ({"contractEndDate": end} if end else {})
        assert api.write("POST", f"/users/{BO}/positions", body)["status"] == status
        assert api.get(f"/users/{BO}/positions")["items"][0]["status"] == status

    def test_tomorrow_a_position_that_was_upcoming_is_current(self, huma: SimulatorProcess, api: Api) -> None:
        api.write("POST", f"/users/{BO}/positions", self.START | {"contractStartDate": "2026-06-16"})
        assert api.get(f"/users/{BO}")["currentPositions"] == []
        huma.control("PUT", "/_sim/today", {"today": "2026-06-16"})
        assert len(api.get(f"/users/{BO}")["currentPositions"]) == 1

    def test_of_several_positions_the_user_level_dates_repeat_the_current_one(self, api: Api) -> None:
        for start, end in (("2020-01-01", "2023-12-31"), ("2026-09-01", None)):
            body = self.START | {"contractStartDate": start, "firstDayOfWork": start}
            api.write("POST", f"/users/{ANNA}/positions", body | ({"contractEndDate": end} if end else {}))
        assert api.get(f"/users/{ANNA}")["firstDayOfWork"]["value"] == "2024-01-08"
        starts = [item["contractStartDate"] for item in api.get(f"/users/{ANNA}/positions")["items"]]
        assert starts == ["2026-09-01", "2024-01-01", "2020-01-01"]
        assert len(api.get(f"/users/{ANNA}/positions", limit=1, offset=2)["items"]) == 1

    @pytest.mark.parametrize(
        ("change", "fields"),
        [
            ({"titleId": None}, ["titleId"]),
            ({"contractType": "Forever"}, ["contractType"]),
            ({"percentage": 101}, ["percentage"]),
            ({"firstDayOfWork": "2026-3-1"}, ["firstDayOfWork"]),
            ({"contractEndDate": "2026-02-28"}, ["contractEndDate"]),
            ({"firstDayOfWork": "2026-03-02", "lastDayOfWork": "2026-03-01"}, ["lastDayOfWork"]),
        ],
    )
    def test_a_position_that_does_not_fit_is_refused(self, api: Api, change: dict[str, Any], fields: list[str]) -> None:
        assert api.refused("POST", f"/users/{BO}/positions", self.START | change)["fields"] == fields
        assert api.get(f"/users/{BO}/positions")["total"] == 0

    def test_a_position_needs_a_job_title_that_exists(self, api: Api) -> None:
        body = self.START | {"titleId": str(uuid.uuid4())}
        answer = api.call("POST", f"/users/{BO}/positions", json=body)
        assert answer.status_code == 404
        assert answer.json()["interpolations"]["type"] == "JobTitle"

    def test_job_titles_are_found_created_and_renamed(self, api: Api) -> None:
        assert api.get("/job-titles", search="ekonom") == []
        title = api.write("POST", "/job-titles", {"name": "Ekonom", "description": "Räknar"})
        assert api.get("/job-titles", search="ekonom") == [{"id": title["id"], "name": "Ekonom"}]
        api.write("POST", f"/users/{BO}/positions", self.START | {"titleId": title["id"]})
        api.write("PATCH", f"/job-titles/{title['id']}", {"name": "Controller"})
        assert api.get("/users", id=[BO])["items"][0]["jobTitles"][0]["name"] == "Controller"
        assert api.refused("POST", "/job-titles", {"description": "x"})["fields"] == ["name"]

    def test_identifications_are_added_replaced_and_removed(self, api: Api) -> None:
        entry = {"type": "national", "country": "SE", "value": "198112289874"}
        added = api.write("POST", f"/users/{BO}/identifications", entry)
        path = f"/users/{BO}/identifications/{added['id']}"
        api.write("PUT", path, entry | {"type": "passport", "value": "P1"})
        assert api.get(f"/users/{BO}")["identifications"]["value"][0]["value"] == "P1"
        assert api.call("DELETE", path).status_code == 200
        assert api.get(f"/users/{BO}")["identifications"]["value"] == []
        assert api.call("DELETE", path).status_code == 404
        assert api.refused("POST", f"/users/{BO}/identifications", {"type": "other"})["fields"] == ["type"]


class TestWebhook:
    def test_a_change_made_through_the_api_is_told_signed_over_the_raw_body(
        self, huma: SimulatorProcess, api: Api, receiver: Receiver
    ) -> None:
        began = time.time()
        api.write("PATCH", f"/users/{ANNA}", {"phone": "+46701740609", "employmentId": None})
        (delivery,) = settled(huma)
        (message,) = receiver.messages
        expected = hmac.new(b"hemlig-nyckel", message.raw, hashlib.sha256).hexdigest()
        assert message.headers["huma-hmac-sha256"] == expected
        assert message.headers["huma-topic"] == message.body["topic"] == "users-update"
        assert message.body["users"] == [
            {"phone": "+46701740609", "employmentId": None, "id": ANNA, "email": "anna@example.com"}
        ]
        assert (delivery["state"], delivery["status"], delivery["attempts"]) == ("delivered", 200, 1)
        assert delivery["userIds"] == [ANNA]
        assert began - 1 < delivery["changedAt"] <= delivery["sentAt"] <= message.at + 1

    def test_writing_what_is_there_already_is_no_change(
        self, huma: SimulatorProcess, api: Api, receiver: Receiver
    ) -> None:
        api.write("PATCH", f"/users/{ANNA}", {"phone": "+46701740605", "email": "anna@example.com"})
        api.write("PATCH", f"/users/{ANNA}/positions/{ANNAS_POSITION}", {"percentage": 100})
        assert settled(huma) == []

    def test_create_position_and_delete_are_told_in_order(
        self, huma: SimulatorProcess, api: Api, receiver: Receiver
    ) -> None:
        body = {"givenName": "Eva", "familyName": "Ek", "email": "eva@example.com", "groups": []}
        user_id = api.write("POST", "/users", body)["id"]
        api.write("POST", f"/users/{user_id}/positions", TestPositions.START | {"firstDayOfWork": "2026-03-02"})
        huma.control("POST", "/_sim/delete", {"organization": ORGANIZATION, "userId": user_id})
        settled(huma)
        assert [message.body["topic"] for message in receiver.messages] == [
            "users-create",
            "users-update",
            "users-delete",
        ]
        assert receiver.messages[1].body["users"][0]["firstDayOfWork"] == "2026-03-02"
        assert receiver.messages[2].body["users"] == [{"id": user_id, "email": "eva@example.com"}]

    def test_an_email_change_is_told_when_it_is_confirmed(
        self, huma: SimulatorProcess, api: Api, receiver: Receiver
    ) -> None:
        api.write("PATCH", f"/users/{ANNA}", {"email": "anna.a@example.com"})
        assert settled(huma) == []
        huma.control("POST", "/_sim/confirm-email", {"organization": ORGANIZATION, "userId": ANNA})
        settled(huma)
        assert [message.body["users"][0]["email"] for message in receiver.messages] == ["anna.a@example.com"]

    def test_a_failed_delivery_is_tried_three_times_and_later_ones_wait_for_it(
        self, huma: SimulatorProcess, api: Api, receiver: Receiver
    ) -> None:
        receiver.statuses = [500, 503, 500]
        api.write("PATCH", f"/users/{ANNA}", {"phone": "1"})
        api.write("PATCH", f"/users/{ANNA}", {"phone": "2"})
        first, second = settled(huma)
        assert (first["state"], first["status"], first["attempts"]) == ("failed", 500, 3)
        assert (second["state"], second["attempts"]) == ("delivered", 1)
        assert [message.body["users"][0]["phone"] for message in receiver.messages] == ["1", "1", "1", "2"]

    def test_a_receiver_that_is_gone_fails_the_delivery_and_nothing_else(
        self, huma: SimulatorProcess, api: Api
    ) -> None:
        closed = {"url": "http://127.0.0.1:9/", "secret": "x"}
        huma.control("PUT", f"/_sim/organizations/{ORGANIZATION}/webhook", closed)
        assert api.write("PATCH", f"/users/{ANNA}", {"phone": "1"})["phone"]["value"] == "1"
        (delivery,) = settled(huma)
        assert (delivery["state"], delivery["attempts"], delivery["status"]) == ("failed", 3, None)

    def test_what_an_organization_tells_is_a_setting(
        self, huma: SimulatorProcess, api: Api, receiver: Receiver
    ) -> None:
        def told(**settings: Any) -> Message:
            huma.control("PUT", f"/_sim/organizations/{ORGANIZATION}/settings", settings)
            receiver.messages.clear()
            api.write("PATCH", f"/users/{ANNA}", {"phone": uuid.uuid4().hex})
            settled(huma)
            return receiver.messages[0]

        assert told(webhookFields="none").body["users"] == [{"id": ANNA, "email": "anna@example.com"}]
        everything = told(webhookFields="all", signatureEncoding="base64")
        assert everything.body["users"][0]["bankAccount"]["number"] == "3300-0006205124"
        digest = hmac.new(b"hemlig-nyckel", everything.raw, hashlib.sha256).digest()
        assert base64.b64decode(everything.headers["huma-hmac-sha256"]) == digest

    def test_positions_and_deactivation_may_be_kept_silent(
        self, huma: SimulatorProcess, api: Api, receiver: Receiver
    ) -> None:
        settings = {"positionsEmit": False, "activationEmits": False}
        huma.control("PUT", f"/_sim/organizations/{ORGANIZATION}/settings", settings)
        api.write("PATCH", f"/users/{ANNA}/positions/{ANNAS_POSITION}", {"lastDayOfWork": "2026-12-31"})
        changes = {"organization": ORGANIZATION, "userId": BO, "changes": {"active": False}}
        huma.control("POST", "/_sim/edit", changes)
        assert settled(huma) == []

    def send(self, huma: SimulatorProcess, **message: Any) -> list[dict[str, Any]]:
        body = {"organization": ORGANIZATION, "topic": "users-update", "userIds": [ANNA]} | message
        deliveries: list[dict[str, Any]] = huma.control("POST", "/_sim/webhooks", body)["deliveries"]
        return deliveries

    def test_messages_are_made_to_order(self, huma: SimulatorProcess, receiver: Receiver) -> None:
        receiver.statuses = [401]
        assert self.send(huma, signature="wrong")[0]["status"] == 401
        self.send(huma, signature="none")
        self.send(huma, topic="absence-create", headerTopic="users-update")
        self.send(huma, raw="{not json")
        assert len(self.send(huma, repeat=2)) == 2
        wrong, unsigned, disagreeing, broken, one, again = receiver.messages
        signature = hmac.new(b"hemlig-nyckel", wrong.raw, hashlib.sha256).hexdigest()
        assert wrong.headers["huma-hmac-sha256"] not in {signature, ""}
        assert "huma-hmac-sha256" not in unsigned.headers
        assert disagreeing.headers["huma-topic"] == "users-update"
        assert disagreeing.body["topic"] == "absence-create"
        assert broken.raw == b"{not json"
        assert one.raw == again.raw

    def test_an_export_tells_everything_about_everybody(self, huma: SimulatorProcess, receiver: Receiver) -> None:
        self.send(huma, topic="users-export", userIds=None)
        (message,) = receiver.messages
        assert [user["id"] for user in message.body["users"]] == [ANNA, BO, CARL, DINA]
        assert message.body["users"][0]["firstDayOfWork"] == "2024-01-08"

    def test_deliveries_are_read_from_an_index_on_and_forgotten_on_demand(
        self, huma: SimulatorProcess, receiver: Receiver
    ) -> None:
        self.send(huma, repeat=3)
        following = huma.control("GET", "/_sim/webhooks")["next"]
        self.send(huma)
        page = huma.control("GET", f"/_sim/webhooks?since={following}&organization=provbolaget")
        assert [delivery["index"] for delivery in page["deliveries"]] == [following]
        huma.control("DELETE", "/_sim/webhooks")
        assert huma.control("GET", "/_sim/webhooks")["deliveries"] == []


class TestLaunch:
    def sign(self, huma: SimulatorProcess, path: str = "launch", **body: Any) -> str:
        asked = {"organization": ORGANIZATION, "user": ALLOWED} | body
        token: str = huma.control("POST", f"/_sim/{path}", asked)["token"]
        return token

    def keys(self, huma: SimulatorProcess) -> dict[str, jwt.PyJWK]:
        key_set = jwt.PyJWKSet.from_dict(huma.control("GET", "/.well-known/jwks.json"))
        return {str(key.key_id): key for key in key_set.keys}

    def verify(self, huma: SimulatorProcess, token: str, audience: str = "fortnox-integration") -> dict[str, Any]:
        header = jwt.get_unverified_header(token)
        key = self.keys(huma)[header["kid"]]
        claims: dict[str, Any] = jwt.decode(
            token, key, algorithms=["ES256", "RS256"], audience=audience, issuer=huma.url
        )
        return claims

    @pytest.mark.parametrize("path", ["launch", "bearer"])
    def test_a_token_says_who_comes_from_where_and_verifies_with_the_published_key(
        self, huma: SimulatorProcess, path: str
    ) -> None:
        claims = self.verify(huma, self.sign(huma, path))
        assert claims["exp"] - claims["iat"] == 300
        assert abs(claims["iat"] - time.time()) < 5
        assert uuid.UUID(claims["jti"])
        assert {name: claims[name] for name in ("org", "sub", "name", "email", "locale", "permissions")} == {
            "org": ORGANIZATION,
            "sub": ALLOWED,
            "name": "Alva Admin",
            "email": "alva@example.com",
            "locale": "sv-SE",
            "permissions": ["organization-settings"],
        }

    def test_no_two_tokens_have_the_same_jti(self, huma: SimulatorProcess) -> None:
        assert self.verify(huma, self.sign(huma))["jti"] != self.verify(huma, self.sign(huma))["jti"]

    def test_private_parts_of_keys_are_not_published(self, huma: SimulatorProcess) -> None:
        (key,) = huma.control("GET", "/.well-known/jwks.json")["keys"]
        assert key.keys() == {"kty", "crv", "x", "y", "kid", "use", "alg"}

    def test_claims_may_be_replaced_and_left_out(self, huma: SimulatorProcess) -> None:
        token = self.sign(huma, claims={"aud": "another", "locale": None})
        assert "locale" not in self.verify(huma, token, audience="another")

    def test_an_expired_an_unknown_and_a_forged_token_fail_verification(self, huma: SimulatorProcess) -> None:
        with pytest.raises(jwt.ExpiredSignatureError):
            self.verify(huma, self.sign(huma, expired=True))
        unknown = self.sign(huma, key="unknown")
        assert jwt.get_unverified_header(unknown)["kid"] not in self.keys(huma)
        with pytest.raises(jwt.InvalidSignatureError):
            self.verify(huma, self.sign(huma, key="forged"))

    def test_after_a_rotation_old_and_new_tokens_verify(self, huma: SimulatorProcess) -> None:
        old = self.sign(huma)
        kid = huma.control("POST", "/_sim/keys/rotate")["kid"]
        new = self.sign(huma)
        assert jwt.get_unverified_header(new)["kid"] == kid
        assert self.verify(huma, old)["sub"] == self.verify(huma, new)["sub"]
        huma.control("POST", "/_sim/reset")
        assert len(self.keys(huma)) == 2

    def test_rs256_and_an_issuer_of_choice(self, people_file: Path) -> None:
        if REAL_URL:
            pytest.skip("needs the simulator")
        arguments = ("--people", str(people_file), "--key", "rs256", "--issuer", "https://huma.example.com")
        with SimulatorProcess("local.huma_simulator", *arguments) as other:
            token = self.sign(other)
            key = self.keys(other)[jwt.get_unverified_header(token)["kid"]]
            claims = jwt.decode(token, key, algorithms=["RS256"], audience="fortnox-integration")
            assert claims["iss"] == "https://huma.example.com"


@pytest.fixture
def browser(huma: SimulatorProcess) -> Iterator[requests.Session]:
    """Somebody at the sign-in page, following redirects inside Huma."""
    with requests.Session() as session:
        session.trust_env = False
        yield session


def sign_in(browser: requests.Session, huma: SimulatorProcess, administrator: str = ALLOWED) -> requests.Response:
    return browser.post(f"{huma.url}/provbolaget/sign-in", data={"administrator": administrator}, timeout=30)


class TestScreens:
    def test_the_front_page_lists_the_organizations(self, huma: SimulatorProcess, browser: requests.Session) -> None:
        page = browser.get(huma.url, timeout=30)
        assert "Provbolaget AB" in page.text
        assert "/andra/people" in page.text

    @pytest.mark.parametrize("administrator", [ALLOWED, NOT_ALLOWED])
    def test_the_settings_menu_opens_the_integration_with_a_launch_token(
        self, huma: SimulatorProcess, browser: requests.Session, administrator: str
    ) -> None:
        page = browser.get(f"{huma.url}/{ORGANIZATION}/settings/integrations/fortnox", timeout=30)
        assert "Sign in to Huma" in page.text
        page = sign_in(browser, huma, administrator)
        link = re.search(r'href="([^"]+)">Open the Fortnox integration', page.text)
        assert link
        answer = browser.get(huma.url + link[1], allow_redirects=False, timeout=30)
        assert answer.status_code == 303
        address, _, query = answer.headers["Location"].partition("?")
        assert address == f"{INTEGRATION}/integrations/fortnox"
        token = urllib.parse.parse_qs(query)["launch"][0]
        assert TestLaunch().verify(huma, token)["sub"] == administrator
        log = json.dumps(huma.requests())
        assert token not in log

    def test_signing_in_needs_a_choice_and_signing_out_forgets_it(
        self, huma: SimulatorProcess, browser: requests.Session
    ) -> None:
        assert sign_in(browser, huma, "nobody").status_code == 400
        sign_in(browser, huma)
        assert "<h1>People</h1>" in browser.get(f"{huma.url}/provbolaget/people", timeout=30).text
        browser.post(f"{huma.url}/provbolaget/sign-out", timeout=30)
        assert "Sign in to Huma" in browser.get(f"{huma.url}/provbolaget/people", timeout=30).text

    def test_an_administrator_of_one_organization_is_nobody_in_another(
        self, huma: SimulatorProcess, browser: requests.Session
    ) -> None:
        sign_in(browser, huma)
        page = browser.get(f"{huma.url}/andra/people", timeout=30)
        assert "Sign in to Huma" in page.text
        assert "Ohm" not in page.text

    def test_what_does_not_exist_gets_a_page_that_says_so(
        self, huma: SimulatorProcess, browser: requests.Session
    ) -> None:
        sign_in(browser, huma)
        for path in ("/nobody/people", f"/provbolaget/people/{uuid.uuid4()}"):
            page = browser.get(huma.url + path, timeout=30)
            assert page.status_code == 404
            assert "There is nothing here" in page.text

    def form(self, page: requests.Response) -> dict[str, str]:
        return dict(re.findall(r'<input type="(?:text|date)" id="[^"]+" name="([^"]+)" value="([^"]*)">', page.text))

    def test_the_editor_changes_all_nine_fields_and_each_save_is_told(
        self, huma: SimulatorProcess, browser: requests.Session, receiver: Receiver
    ) -> None:
        sign_in(browser, huma)
        address = f"{huma.url}/provbolaget/people/{BO}"
        form = self.form(browser.get(address, timeout=30))
        changes = {
            "email": "bo.b@example.com",
            "employmentId": "0042",
            "givenName": "Bosse",
            "familyName": "Björk",
            "phone": "+46701740610",
            "homeAddress.line1": "Lillgatan 2",
            "homeAddress.postalCode": "211 22",
            "homeAddress.city": "Malmö",
            "homeAddress.country": "SE",
            "bankAccount.iban": "",
            "bankAccount.bic": "",
            "bankAccount.number": "50001234567",
            "bankAccount.country": "SE",
            "firstDayOfWork": "2026-01-07",
            "lastDayOfWork": "2026-12-31",
        }
        assert changes.keys() <= form.keys()
        page = browser.post(address, data=form | changes, timeout=30)
        assert "Saved." in page.text
        user = stored(huma, BO)
        assert (user["email"], user["employmentId"], user["phone"]) == ("bo.b@example.com", "0042", "+46701740610")
        assert (user["givenName"], user["familyName"]) == ("Bosse", "Björk")
        assert user["homeAddress"]["city"] == "Malmö"
        assert user["bankAccount"] == {"number": "50001234567", "country": "SE", "type": "national"}
        assert user["positions"][0]["firstDayOfWork"] == "2026-01-07"
        assert user["positions"][0]["lastDayOfWork"] == "2026-12-31"
        assert {delivery["topic"] for delivery in settled(huma)} == {"users-update"}
        told: dict[str, Any] = {}
        for message in receiver.messages:
            told |= message.body["users"][0]
        assert told.keys() >= {"employmentId", "homeAddress", "bankAccount", "firstDayOfWork", "lastDayOfWork"}

    def test_saving_a_form_as_it_came_changes_nothing(
        self, huma: SimulatorProcess, browser: requests.Session, receiver: Receiver
    ) -> None:
        sign_in(browser, huma)
        before = stored(huma, ANNA)
        address = f"{huma.url}/provbolaget/people/{ANNA}"
        page = browser.post(address, data=self.form(browser.get(address, timeout=30)), timeout=30)
        assert "Saved." in page.text
        assert stored(huma, ANNA) == before
        assert settled(huma) == []

    def test_emptied_inputs_remove_values(self, huma: SimulatorProcess, browser: requests.Session) -> None:
        sign_in(browser, huma)
        address = f"{huma.url}/provbolaget/people/{ANNA}"
        names = [*self.form(browser.get(address, timeout=30))]
        emptied = {name: "" for name in names if name not in {"givenName", "familyName", "email", "firstDayOfWork"}}
        browser.post(address, data=emptied, timeout=30)
        assert not {"phone", "homeAddress", "bankAccount", "employmentId"} & stored(huma, ANNA).keys()

    def test_a_value_that_cannot_be_saved_is_explained_and_kept_in_the_form(
        self, huma: SimulatorProcess, browser: requests.Session
    ) -> None:
        sign_in(browser, huma)
        address = f"{huma.url}/provbolaget/people/{BO}"
        page = browser.post(address, data={"employmentId": "0017", "phone": "+46701740611"}, timeout=30)
        assert page.status_code == 400
        assert "Employment ID: another person has it already." in page.text
        assert 'value="+46701740611"' in page.text
        assert "phone" not in stored(huma, BO)

    def test_people_are_added_deactivated_reactivated_and_deleted(
        self, huma: SimulatorProcess, browser: requests.Session, receiver: Receiver
    ) -> None:
        sign_in(browser, huma)
        people = f"{huma.url}/provbolaget/people"
        new = {"givenName": "Eva <b>", "familyName": "Ek", "email": "eva@example.com"}
        page = browser.post(f"{people}/new", data=new, timeout=30)
        assert "Eva &lt;b&gt; Ek" in page.text
        address = page.url.partition("?")[0]
        assert "locked" in browser.post(f"{address}/deactivate", timeout=30).text
        assert browser.post(address, data={"phone": "1"}, timeout=30).status_code == 400
        assert "Reactivated." in browser.post(f"{address}/reactivate", timeout=30).text
        assert "Eva" not in browser.post(f"{address}/delete", timeout=30).text
        topics = [delivery["topic"] for delivery in settled(huma)]
        assert topics == ["users-create", "users-update", "users-update", "users-delete"]
        assert browser.post(f"{people}/new", data={"givenName": "Eva"}, timeout=30).status_code == 400

    def test_a_waiting_email_is_shown_and_can_be_confirmed(
        self, huma: SimulatorProcess, browser: requests.Session
    ) -> None:
        sign_in(browser, huma)
        address = f"{huma.url}/provbolaget/people/{ANNA}"
        page = browser.post(address, data={"email": "anna.a@example.com"}, timeout=30)
        assert "changes to anna.a@example.com when" in page.text
        assert "is confirmed" in browser.post(f"{address}/confirm-email", timeout=30).text
        assert stored(huma, ANNA)["email"] == "anna.a@example.com"


class TestControls:
    def test_a_script_edits_like_the_editor(self, huma: SimulatorProcess, api: Api) -> None:
        changes = {"phone": "+46701740612", "lastDayOfWork": "2026-10-31", "homeAddress": ADDRESS}
        answer = huma.control("POST", "/_sim/edit", {"organization": "provbolaget", "userId": ANNA, "changes": changes})
        assert abs(answer["changedAt"] - time.time()) < 5
        details = api.get(f"/users/{ANNA}")
        assert details["phone"]["value"] == "+46701740612"
        assert details["lastDayOfWork"]["value"] == "2026-10-31"
        edit = {"organization": ORGANIZATION, "userId": CARL, "changes": {"active": True, "phone": "1"}}
        huma.control("POST", "/_sim/edit", edit)
        assert api.get(f"/users/{CARL}")["status"] == {"active": True}

    def test_dates_on_the_user_move_to_a_position_when_they_are_edited(self, huma: SimulatorProcess, api: Api) -> None:
        def edit(**changes: Any) -> dict[str, Any]:
            huma.control("POST", "/_sim/edit", {"organization": ORGANIZATION, "userId": DINA, "changes": changes})
            user = stored(huma, DINA)
            huma.set_people(huma.people())
            return user

        user = edit(lastDayOfWork="2027-01-31")
        assert "lastDayOfWork" not in user
        position = user["positions"][0]
        assert (position["firstDayOfWork"], position["lastDayOfWork"]) == ("2019-05-01", "2027-01-31")
        assert "lastDayOfWork" not in edit(lastDayOfWork=None)["positions"][0]
        assert api.get(f"/users/{DINA}")["firstDayOfWork"]["value"] == "2019-05-01"

    def test_an_edit_of_something_unknown_is_refused(self, huma: SimulatorProcess) -> None:
        with pytest.raises(ValueError, match="salary"):
            huma.control(
                "POST", "/_sim/edit", {"organization": ORGANIZATION, "userId": ANNA, "changes": {"salary": "1"}}
            )
        with pytest.raises(ValueError, match="404"):
            huma.control("POST", "/_sim/edit", {"organization": "nobody", "userId": ANNA, "changes": {}})

    def test_a_script_creates_a_whole_person(self, huma: SimulatorProcess, api: Api) -> None:
        user = {
            "givenName": "Eva",
            "familyName": "Ek",
            "email": "eva@example.com",
            "employmentId": "0099",
            "firstDayOfWork": "2026-05-01",
        }
        user_id = huma.control("POST", "/_sim/create", {"organization": ORGANIZATION, "user": user})["userId"]
        details = api.get(f"/users/{user_id}")
        assert details["employmentId"]["value"] == "0099"
        assert details["firstDayOfWork"]["value"] == "2026-05-01"

    def test_the_state_given_out_can_be_given_back(self, huma: SimulatorProcess, api: Api) -> None:
        api.write("PATCH", f"/users/{ANNA}", {"email": "anna.a@example.com"})
        api.write("PATCH", f"/users/{BO}", {"homeAddress": ADDRESS})
        before = huma.people()
        huma.set_people(before)
        assert huma.people() == before
        assert api.get(f"/users/{ANNA}")["email"]["requestedValue"] == "anna.a@example.com"

    def test_one_organization_can_be_asked_for(self, huma: SimulatorProcess) -> None:
        found = huma.control("GET", "/_sim/people?organization=andra")["organizations"]
        assert [organization["id"] for organization in found] == [OTHER_ORGANIZATION]

    def test_a_new_api_key_works_with_the_rights_it_has(self, huma: SimulatorProcess) -> None:
        client_id, client_secret = str(uuid.uuid4()), str(uuid.uuid4())
        key = {"clientId": client_id, "clientSecret": client_secret, "rights": {"employmentId": "none"}}
        huma.control("PUT", f"/_sim/organizations/{ORGANIZATION}/api-keys", key)
        asked = Api(huma.url, client_id, client_secret)
        with asked.session:
            assert "employmentId" not in asked.get(f"/users/{ANNA}")

    def test_secrets_stay_out_of_the_request_log(self, huma: SimulatorProcess, api: Api) -> None:
        log = json.dumps(huma.requests())
        assert CLIENT["clientSecret"] not in log
        assert api.token["access_token"] not in log

    def test_a_default_organization_stands_ready_without_a_file(self) -> None:
        if REAL_URL:
            pytest.skip("needs the simulator")
        with SimulatorProcess("local.huma_simulator") as small:
            (organization,) = small.people()["organizations"]
            key = organization["apiKeys"][0]
            asked = Api(small.url, key["clientId"], key["clientSecret"])
            with asked.session:
                for row in asked.get("/users")["items"]:
                    asked.get(f"/users/{row['id']}")
                    asked.get(f"/users/{row['id']}/positions")


class TestPeopleFile:
    def complaint(self, tmp_path: Path, data: Any) -> str:
        path = tmp_path / "people.json"
        path.write_text(data if isinstance(data, str) else json.dumps(data), encoding="utf-8")
        command = [sys.executable, "-m", "local.huma_simulator", "--people", str(path)]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert ended.returncode == 2
        assert "Traceback" not in ended.stderr
        return ended.stderr

    def test_every_fault_is_reported_with_its_place(self, tmp_path: Path) -> None:
        data = json.loads(json.dumps(PEOPLE))
        first = data["organizations"][0]
        first["colour"] = "green"
        first["slug"] = "users"
        first["settings"] = {"uniqueEmploymentIds": "yes", "webhookFields": "some"}
        first["apiKeys"][1]["rights"] = {"bankAccount": "full", "shoeSize": "view"}
        first["users"][0]["bankAccount"] = {"number": "1", "country": "Sverige"}
        first["users"][0]["positions"][0] = {"title": "Astronaut"}
        first["users"][1]["supervisor"] = str(uuid.uuid4())
        first["users"][2]["id"] = "carl"
        del first["users"][3]["givenName"]
        complaint = self.complaint(tmp_path, data)
        for place in (
            "organizations[0].colour: unknown",
            "organizations[0].slug: ",
            "organizations[0].settings.uniqueEmploymentIds: true or false",
            "organizations[0].settings.webhookFields: one of changed, all, none",
            "organizations[0].apiKeys[1].rights.bankAccount: one of edit, view, none",
            "organizations[0].apiKeys[1].rights.shoeSize: unknown field",
            "organizations[0].users[0].bankAccount.country: not a valid value",
            "organizations[0].users[0].positions[0].title: no job title of the organization is called 'Astronaut'",
            "organizations[0].users[0].positions[0].contractStartDate: missing",
            "organizations[0].users[1].supervisor: no user",
            "organizations[0].users[2].id: a UUID is expected",
            "organizations[0].users[3].givenName: missing",
        ):
            assert place in complaint

    def test_a_file_that_is_not_json_is_refused_with_a_sentence(self, tmp_path: Path) -> None:
        assert "Expecting" in self.complaint(tmp_path, "{")

    def test_people_a_real_organization_may_have_are_accepted(self, huma: SimulatorProcess, api: Api) -> None:
        data = json.loads(json.dumps(PEOPLE))
        anna, bo, *_ = data["organizations"][0]["users"]
        bo["email"], bo["employmentId"] = anna["email"], anna["employmentId"]
        del data["organizations"][0]["users"][3]["email"]
        huma.set_people(data)
        assert api.get(f"/users/{BO}")["employmentId"]["value"] == "0017"
        assert api.get(f"/users/{DINA}")["email"]["value"] == ""
