"""Every function does its whole work with the rights the template gives it, and has few it never uses.

The journey: sign in, key, consent, run, decisions, creation, e-mail, a change in Huma, disconnection; once with a
service account and once with refresh tokens.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from huma_fortnox.pages.terms import VERSION
from werkzeug.test import Client

from local.simulation import Fault
from tests.template.document import state_machine
from tests.unit.adapters.mail_events import bounced
from tests.unit.functions.deployment import PREFIX, PUBLIC, Cloud, NotGranted, deployed, granted, http_event

pytestmark = pytest.mark.xdist_group("the journey is made once")

KEY = ("0f4b2f3e-6d0f-4d3b-9d53-5f1a5a0c7b02", "c1a9f8de-2b60-4e63-8c4b-9a5de1f60b03")
WEBHOOK_SECRET = "webhook-secret"
ALL = [
    *(
        *("huma_webhook", "mail_feedback", "oauth_callback", "push_change", "route_change", "send_result"),
        *("settings_page", "synchronize"),
    ),
]
CECILIA, DAVID = "9e1f2a3b-4c5d-4e6f-8a7b-8c9d0e1f2a3b", "a02f3b4c-5d6e-4f70-9b8c-9d0e1f2a3b4c"


class Journey:
    """An administrator's way through one deployment, over the handlers alone."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        (self.organization,) = cloud.huma.organizations.values()
        self.cookie = ""
        self.steps: set[str] = set()
        self.calls: dict[str, Counter[str]] = {}

    # -- the administrator

    def page(self, method: str, path: str, **how: Any) -> Any:
        headers = {"cookie": self.cookie} if self.cookie else {}
        return self.cloud.invoke("settings_page", http_event(method, path, **how, **headers))

    def sign_in(self) -> None:
        launch = self.control(self.cloud.huma, "/_sim/launch")["token"]
        answer = self.page("GET", "/integrations/fortnox", query={"launch": launch})
        assert answer["statusCode"] == 303, answer
        self.cookie = answer["cookies"][0].split(";")[0]

    def api(self, method: str, path: str, body: Any = None, *, status: int = 200) -> Any:
        bearer = self.control(self.cloud.huma, "/_sim/bearer")["token"]
        event = http_event(
            method, f"/api/organizations/{self.organization.id}{path}", body=body, authorization=f"Bearer {bearer}"
        )
        answer = self.cloud.invoke("settings_page", event)
        assert answer["statusCode"] == status, answer["body"]
        return json.loads(answer["body"]) if answer.get("body") else None

    def control(self, simulator: Any, path: str, body: Any = None) -> Any:
        asked = body or {"organization": self.organization.slug}
        answer = Client(simulator).post(path, json=asked, base_url="https://huma.example.com")
        assert answer.status_code == 200, answer.text
        return answer.get_json()

    def enter_the_key(self) -> None:
        body = {"clientId": KEY[0], "clientSecret": KEY[1], "webhookSecret": WEBHOOK_SECRET}
        self.api("PUT", "/huma-key", body)

    def consent(self, decision: str = "approve") -> Any:
        url = self.api("POST", "/connection", {"termsVersion": VERSION})["authorizationUrl"]
        asked = urlsplit(url)
        form = {name: values[0] for name, values in parse_qs(asked.query).items()}
        form |= {"account": "admin", "password": "demo", "decision": decision}
        answer = Client(self.cloud.fortnox).post(asked.path, data=form)
        assert answer.status_code == 302, answer.text
        back = urlsplit(answer.headers["Location"])
        assert f"{back.scheme}://{back.netloc}" == PUBLIC
        query = {name: values[0] for name, values in parse_qs(back.query).items()}
        return self.cloud.invoke("oauth_callback", http_event("GET", back.path, query=query, cookie=self.cookie))

    def lose_the_licence(self) -> None:
        """Let Fortnox refuse the next look at employees for want of a licence."""
        fault = {"kind": "lost_licence", "count": 1, "path": "/3/employees"}
        self.cloud.fortnox.add_fault(Fault.from_json(fault))

    def age_the_tokens(self) -> None:
        """Let every worker start anew, long after the token has expired."""
        self.cloud.restart()
        name = f"{PREFIX}/{self.organization.id}"
        document = json.loads(self.cloud.secrets.get_secret_value(SecretId=name)["SecretString"])
        document["fortnox"] |= {"expires_at": 0, "refreshed_at": document["fortnox"]["refreshed_at"] + 1}
        self.cloud.secrets.put_secret_value(SecretId=name, SecretString=json.dumps(document))

    # -- a run

    def step(self, step: str, run: dict[str, str], **payload: Any) -> Any:
        """Call a step as Step Functions does."""
        self.steps.add(step)
        return self.cloud.invoke("synchronize", json.loads(json.dumps({"step": step, "run": run, **payload})))

    def until_decisions(self) -> dict[str, str]:
        started = self.api("POST", "/synchronizations", status=201)
        (execution,) = self.cloud.others.executions[-1:]
        run: dict[str, str] = json.loads(execution["input"])["run"]
        assert run["synchronization_id"] == started["id"]
        self.step("lock", run)
        self.step("read_fortnox", run)
        for page in self.step("count_users", run)["pages"]:
            self.step("read_user_page", run, page=page)
        self.step("plan", run)
        self.step("await_decisions", run, token="task-token")
        return run

    def carry_out(self, run: dict[str, str]) -> None:
        for batch in self.step("prepare_changes", run)["batches"]:
            while self.step("apply_batch", run, batch=batch)["more"]:
                pass
        self.end(run)

    def end(self, run: dict[str, str]) -> None:
        self.step("summarize", run)
        self.cloud.invoke("send_result", {"run": run})
        self.step("unlock", run)

    # -- a change in Huma

    def change_in_huma(self, **changes: Any) -> list[dict[str, Any]]:
        """Change Cecilia, and bring the news to the lane; return the queue's messages."""
        self.control(
            self.cloud.huma,
            "/_sim/edit",
            {"organization": self.organization.slug, "userId": CECILIA, "changes": changes},
        )
        content = json.dumps({"topic": "users-update", "users": [{"id": CECILIA, "email": "cecilia@example.com"}]})
        mac = hmac.new(WEBHOOK_SECRET.encode(), content.encode(), hashlib.sha256).digest()
        headers = {"huma-topic": "users-update", "huma-hmac-sha256": base64.b64encode(mac).decode()}
        event = http_event("POST", f"/huma/webhook/{self.organization.id}", body=content, **headers)
        event["pathParameters"] = {"organizationId": self.organization.id}
        before = len(self.cloud.others.events)
        assert self.cloud.invoke("huma_webhook", event)["statusCode"] == 202
        sent = len(self.cloud.others.messages)
        for entry in self.cloud.others.events[before:]:
            delivered = {"source": entry["Source"], "detail-type": entry["DetailType"]}
            self.cloud.invoke("route_change", {**delivered, "detail": json.loads(entry["Detail"])})
        return self.cloud.others.messages[sent:]

    def push(self, messages: list[dict[str, Any]]) -> Any:
        records = [
            {
                "messageId": f"message-{number}",
                "receiptHandle": f"receipt-{number}",
                "body": message["MessageBody"],
                "attributes": {
                    "MessageGroupId": message["MessageGroupId"],
                    "ApproximateReceiveCount": "1",
                    "SentTimestamp": "1",
                },
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-north-1:000000000000:changes.fifo",
                "awsRegion": "eu-north-1",
            }
            for number, message in enumerate(messages)
        ]
        return self.cloud.invoke("push_change", {"Records": records})

    def calls_of(self, messages: list[dict[str, Any]]) -> Counter[str]:
        """Push these messages with what is warm, and return what AWS was asked for."""
        before = len(self.cloud.calls)
        assert self.push(messages) == {"batchItemFailures": []}
        return Counter(self.cloud.calls[before:])

    def employee(self, employee_id: str) -> dict[str, Any]:
        people = self.cloud.fortnox.people()["employees"]
        (found,) = [dict(each) for each in people if each["EmployeeId"] == employee_id]
        return found


PEOPLE = {
    "company": {"name": "Exempelbolaget AB", "organizationNumber": "400000-0002", "databaseNumber": 1234567},
    "employees": [
        {"EmployeeId": "7", "FirstName": "Cecilia", "LastName": "Annan", "Email": "cecilia@example.com"},
        {"EmployeeId": "8", "FirstName": "Olle", "LastName": "Exempel", "Email": "olle@example.com"},
        {"EmployeeId": "9", "FirstName": "Uno", "LastName": "Exempel"},
    ],
}
EMPLOYMENT = {"personelType": "TJM", "employmentForm": "TV", "salaryForm": "MAN"}


@pytest.fixture(params=["service account", "refresh tokens"], scope="module")
def journey(request: pytest.FixtureRequest) -> Iterator[Journey]:
    options = {} if request.param == "service account" else {"client_credentials": False}
    with deployed(**options) as cloud:
        cloud.fortnox.replace_people(PEOPLE)
        made = Journey(cloud)
        travel(made)
        yield made


def travel(journey: Journey) -> None:
    """Make the journey; what a function may not do ends it."""
    others = journey.cloud.others
    journey.sign_in()
    journey.enter_the_key()
    assert journey.consent("decline")["statusCode"] >= 400
    assert journey.consent()["statusCode"] == 303
    assert journey.api("GET", "/connection")["state"] == "awaiting_first_sync"
    settings = {"phoneProperty": "Phone1", "defaultRegion": "SE", "countryName": "Sverige", "employment": EMPLOYMENT}
    journey.api("PUT", "/settings", settings)

    cancelled = journey.api("POST", "/synchronizations", status=201)["id"]
    run = json.loads(others.executions[-1]["input"])["run"]
    journey.step("lock", run)
    assert journey.api("POST", "/synchronizations", status=409)
    journey.api("POST", f"/synchronizations/{cancelled}/cancel")
    journey.step("plan", run)
    journey.step("await_decisions", run, token="token-of-the-cancelled")
    assert others.answers[-1]["taskToken"] == "token-of-the-cancelled"
    journey.end(run)

    failed = journey.until_decisions()
    journey.age_the_tokens()
    again = f"/synchronizations/{failed['synchronization_id']}/read-again"
    assert journey.api("POST", again, {"person": "e:9"}) == {"situation": "blocked"}
    error = {"Error": "TransientError", "Cause": json.dumps({"errorMessage": "temporarily-unavailable"})}
    journey.step("record_failure", failed, error=error)
    journey.end(failed)

    undecided = journey.until_decisions()
    journey.step("end_undecided", undecided)
    journey.end(undecided)

    journey.age_the_tokens()
    run = journey.until_decisions()
    path = f"/synchronizations/{run['synchronization_id']}"
    people = journey.api("GET", f"{path}/people")["people"]
    assert {person["situation"] for person in people} == {"differs", "only_in_huma", "only_in_fortnox", "blocked"}
    decisions = [
        {"field": "family_name", "direction": "use_huma"},
        {"field": "employment_id", "direction": "use_fortnox"},
        {"person": f"u:{DAVID}", "create": True},
        {"person": "e:8", "create": True},
    ]
    journey.api("PUT", f"{path}/decisions", {"decisions": decisions}, status=204)
    journey.api("PUT", f"{path}/decisions", {"decisions": [{"field": "phone", "direction": None}]}, status=204)
    journey.api("POST", f"{path}/apply", {"confirmed": []}, status=202)
    assert json.loads(others.answers[-1]["output"]) == {"decision": "apply"}
    journey.carry_out(run)
    finished = journey.api("GET", path)
    assert finished["state"] == "finished"
    assert journey.api("GET", f"{path}/outcomes")["people"]
    assert len(others.mails) == 4
    assert journey.employee("7")["LastName"] == "Exempel"
    assert journey.api("GET", "/connection")["state"] == "active"

    journey.age_the_tokens()
    messages = journey.change_in_huma(familyName="Nyaste")
    assert len(messages) == 1
    assert journey.push(messages) == {"batchItemFailures": []}
    assert journey.employee("7")["LastName"] == "Nyaste"
    journey.calls["echo"] = journey.calls_of(messages)
    journey.calls["push"] = journey.calls_of(journey.change_in_huma(familyName="Allra Nyast"))
    journey.lose_the_licence()
    messages = journey.change_in_huma(familyName="Väntar")
    assert journey.push(messages) == {"batchItemFailures": [{"itemIdentifier": "message-0"}]}
    assert journey.api("GET", "/connection")["state"] == "needs_reauthorization"
    assert len(others.mails) == 5
    assert journey.consent()["statusCode"] == 303
    assert journey.push(messages) == {"batchItemFailures": []}
    assert journey.employee("7")["LastName"] == "Väntar"

    (reader,) = others.mails[-1]["Destination"]["ToAddresses"]
    report = bounced(organization=journey.organization.id, to=reader)
    assert journey.cloud.invoke("mail_feedback", report) == {"noted": True}
    assert journey.api("GET", "/real-time")["mailProblem"]["address"] == reader

    assert journey.api("GET", "/activity")["entries"]
    journey.api("DELETE", "/connection", status=204)
    assert journey.page("GET", "/integrations/fortnox")["statusCode"] == 200


def test_the_whole_journey_needs_no_right_that_is_missing(journey: Journey) -> None:
    assert set(journey.cloud.used) == set(ALL)
    assert journey.api("GET", "/connection")["state"] == "disconnected"


def test_a_push_asks_aws_for_no_more_than_it_has_to(journey: Journey) -> None:
    """Each call is on the way of a change to Fortnox or holds the next batch up: one more must be worth it.

    On the way: all that is kept is read at once, a permit is taken (read, unless that was done a moment ago, and
    written), the write is noted. After it: the new base, the log and what is held are kept at once, and the permits go
    back. What changes nothing reads once.
    """
    assert journey.calls["push"] - Counter({"get_item": 1}) == Counter(
        {"batch_get_item": 1, "put_item": 2, "update_item": 1, "transact_write_items": 1}
    )
    assert journey.calls["echo"] == Counter({"batch_get_item": 1})


@pytest.mark.parametrize("function", ["huma_webhook", "mail_feedback", "route_change", "send_result"])
def test_a_function_with_one_job_has_no_right_beyond_it(journey: Journey, function: str) -> None:
    assert journey.cloud.unused(function) == set()


def test_every_step_of_the_state_machine_was_taken(journey: Journey) -> None:
    called = set(json.dumps(state_machine()).split('"step": "')[1:])
    assert {step.split('"')[0] for step in called} == journey.steps


def test_the_check_of_rights_would_notice_one_that_is_missing(journey: Journey) -> None:
    assert not any(right.action == "events:PutEvents" for right in granted("route_change"))
    with pytest.raises(NotGranted, match="events:PutEvents"):
        journey.cloud.client("route_change", "events").put_events(Entries=[])
    secrets = journey.cloud.client("huma_webhook", "secretsmanager")
    with pytest.raises(NotGranted, match="GetSecretValue"):
        secrets.get_secret_value(SecretId="huma-fortnox/test/fortnox-app")
