"""Handlers: an event in, one call, an answer out."""

from __future__ import annotations

import base64
import importlib
import json
from typing import Any

import pytest
from huma_fortnox.domain.errors import (
    BadRequest,
    Conflict,
    Defect,
    IntegrationError,
    NotSignedIn,
    TransientError,
    Unknown,
)
from huma_fortnox.services.ports import UserChanged

from tests.unit.adapters.mail_events import bounced
from tests.unit.functions.deployment import Context, http_event

ORGANIZATION = "6f1c2a0e-0000-4000-8000-000000000001"
RUN = {"organization_id": ORGANIZATION, "synchronization_id": "run-1"}


class Nothing:
    """An application's part that takes every call and keeps it; what is set is answered or raised."""

    def __init__(self, **answers: Any) -> None:
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        self.answers = answers

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)

        def call(*args: Any, **settings: Any) -> Any:
            self.calls.append((name, args, settings))
            answer = self.answers.get(name)
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call


class Parts:
    """An application made of such parts."""

    def __init__(self, **parts: Any) -> None:
        self.deadline = Nothing()
        self.systems = Nothing()
        self.__dict__.update(parts)


def invoke(monkeypatch: pytest.MonkeyPatch, function: str, application: Any, event: dict[str, Any]) -> Any:
    module = importlib.import_module(f"functions.{function}.handler")
    monkeypatch.setattr(module, "_application", lambda: application)
    return module.handler(event, Context(function))


# -- webhooks


def webhook(**changes: Any) -> dict[str, Any]:
    headers = {"huma-topic": "users-update", "huma-hmac-sha256": "ab" * 32}
    event = http_event("POST", f"/huma/webhook/{ORGANIZATION}", body='{"topic": "users-update"}', **headers)
    return {**event, "pathParameters": {"organizationId": ORGANIZATION}, **changes}


def received(monkeypatch: pytest.MonkeyPatch, event: dict[str, Any], answer: Any = 1) -> tuple[Any, list[Any]]:
    intake = Nothing(receive=answer)
    return invoke(monkeypatch, "huma_webhook", Parts(intake=intake), event), intake.calls


def test_a_webhook_is_taken_in_raw(monkeypatch: pytest.MonkeyPatch) -> None:
    answer, calls = received(monkeypatch, webhook(), 3)
    assert answer["statusCode"] == 202
    assert json.loads(answer["body"]) == {"users": 3}
    assert answer["headers"]["cache-control"] == "no-store"
    assert calls == [
        (
            "receive",
            (ORGANIZATION, b'{"topic": "users-update"}'),
            {"topic": "users-update", "signature": "ab" * 32},
        )
    ]


def test_a_body_in_base64_is_taken_in_as_the_bytes_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    content = b'\xff{"topic": "\xc3\xa5"}'
    event = webhook(body=base64.b64encode(content).decode(), isBase64Encoded=True)
    _, ((_, (_, body), _),) = received(monkeypatch, event)
    assert body == content


def test_headers_may_be_written_in_any_case(monkeypatch: pytest.MonkeyPatch) -> None:
    event = webhook(headers={"Huma-Topic": "users-delete", "HUMA-HMAC-SHA256": "x"})
    _, ((_, _, given),) = received(monkeypatch, event)
    assert given == {"topic": "users-delete", "signature": "x"}


@pytest.mark.parametrize(
    "changes", [{"headers": None}, {"headers": {}}, {"body": None}, {"pathParameters": None}, {"body": ""}]
)
def test_what_is_missing_is_empty_and_for_the_intake_to_refuse(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    answer, calls = received(monkeypatch, webhook(**changes), NotSignedIn("webhook-signature-wrong"))
    assert answer["statusCode"] == 401
    assert len(calls) == 1


@pytest.mark.parametrize("body", ["not base64!", "å", "AAA"])
def test_a_body_that_is_not_the_base64_it_should_be_is_refused(monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    answer, calls = received(monkeypatch, webhook(body=body, isBase64Encoded=True))
    assert (answer["statusCode"], calls) == (400, [])


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (BadRequest("body-too-large"), 413),
        (BadRequest("json-broken"), 400),
        (BadRequest("webhook-topic-mismatch"), 400),
        (BadRequest("webhook-users-missing"), 400),
        (NotSignedIn("webhook-signature-wrong"), 401),
        (Unknown("organization-unknown"), 404),
        (TransientError("bus-unavailable"), 503),
        (Defect("secret-unreadable"), 500),
        (Conflict("secret-contended"), 500),
    ],
)
def test_a_refused_webhook_says_why_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, error: IntegrationError, status: int
) -> None:
    answer, _ = received(monkeypatch, webhook(), error)
    assert answer["statusCode"] == status
    (sentence,) = json.loads(answer["body"]).values()
    assert sentence.endswith(".")
    assert sentence[0].isupper()
    assert error.reason.code not in sentence


def test_a_webhooks_log_names_no_body_and_no_signature(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    received(monkeypatch, webhook())
    received(monkeypatch, webhook(), NotSignedIn("webhook-signature-wrong"))
    logged = [str(record.__dict__) for record in caplog.records]
    assert len(logged) == 2
    assert all(ORGANIZATION in text for text in logged)
    assert not any("abab" in text or "topic" in text for text in logged)


# -- routing


def bus_event(**changes: Any) -> dict[str, Any]:
    detail = {"organizationId": ORGANIZATION, "userId": "user-1", "eventId": "event-1", "occurredAt": 5, **changes}
    return {"source": "huma", "detail-type": "users-update", "detail": detail}


@pytest.mark.parametrize("routed", [True, False])
def test_an_event_is_routed(monkeypatch: pytest.MonkeyPatch, routed: bool) -> None:
    router = Nothing(route=routed)
    assert invoke(monkeypatch, "route_change", Parts(router=router), bus_event()) == {"routed": routed}
    ((_, (event,), _),) = router.calls
    assert event == UserChanged(ORGANIZATION, "user-1", "users-update", "event-1", 5)


def test_an_unreadable_event_is_over_and_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    router = Nothing()
    assert invoke(monkeypatch, "route_change", Parts(router=router), bus_event(userId=None)) == {"routed": False}
    assert router.calls == []


def test_a_lane_that_does_not_answer_leaves_the_event_to_the_bus(monkeypatch: pytest.MonkeyPatch) -> None:
    router = Nothing(route=TransientError("lane-unavailable"))
    with pytest.raises(TransientError):
        invoke(monkeypatch, "route_change", Parts(router=router), bus_event())


# -- runs


@pytest.mark.parametrize(
    ("step", "payload", "args"),
    [
        ("lock", {}, ()),
        ("read_fortnox", {}, ()),
        ("count_users", {}, ()),
        ("read_user_page", {"page": 0}, (0,)),
        ("plan", {}, ()),
        ("await_decisions", {"token": "t"}, ("t",)),
        ("prepare_changes", {}, ()),
        ("apply_batch", {"batch": 0}, (0,)),
        ("record_failure", {"error": {"Error": "X"}}, ({"Error": "X"},)),
        ("summarize", {}, ()),
        ("unlock", {}, ()),
    ],
)
def test_a_step_is_one_call_with_what_the_machine_gave(
    monkeypatch: pytest.MonkeyPatch, step: str, payload: dict[str, Any], args: tuple[Any, ...]
) -> None:
    steps = Nothing(**{step: {"some": [1]}})
    application = Parts(synchronize=steps)
    assert invoke(monkeypatch, "synchronize", application, {"step": step, "run": RUN, **payload}) == {"some": [1]}
    assert steps.calls == [(step, (ORGANIZATION, "run-1", *args), {})]
    ((_, (seconds,), _),) = application.deadline.calls
    assert 0 < seconds < 100


@pytest.mark.parametrize("error", [TransientError(), Conflict(), Defect()])
def test_an_error_of_a_step_reaches_the_machine_by_its_own_name(
    monkeypatch: pytest.MonkeyPatch, error: IntegrationError
) -> None:
    application = Parts(synchronize=Nothing(plan=error))
    with pytest.raises(type(error)) as caught:
        invoke(monkeypatch, "synchronize", application, {"step": "plan", "run": RUN})
    assert caught.value is error


def test_a_step_nobody_knows_is_a_defect_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = Nothing()
    with pytest.raises(Defect, match="step-unknown"):
        invoke(monkeypatch, "synchronize", Parts(synchronize=steps), {"step": "_log", "run": RUN})
    assert steps.calls == []


@pytest.mark.parametrize("sent", [True, False])
def test_a_result_is_sent(monkeypatch: pytest.MonkeyPatch, sent: bool) -> None:
    report = Nothing(result=sent)
    assert invoke(monkeypatch, "send_result", Parts(report=report), {"run": RUN}) == {"sent": sent}
    assert report.calls == [("result", (ORGANIZATION, "run-1"), {})]


def test_without_a_sender_no_result_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    assert invoke(monkeypatch, "send_result", Parts(report=None), {"run": RUN}) == {"sent": False}


@pytest.mark.parametrize("news", [True, False])
def test_a_report_about_a_message_is_noted(monkeypatch: pytest.MonkeyPatch, news: bool) -> None:
    feedback = Nothing(note=news)
    assert invoke(monkeypatch, "mail_feedback", Parts(mail_feedback=feedback), bounced()) == {"noted": news}
    ((_, (organization_id, problem), _),) = feedback.calls
    assert (organization_id, problem.address) == (ORGANIZATION, "astrid@example.com")


def test_a_report_that_cannot_be_read_is_over(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    feedback = Nothing()
    unreadable = bounced(mail={"destination": ["astrid@example.com"], "tags": {}})
    assert invoke(monkeypatch, "mail_feedback", Parts(mail_feedback=feedback), unreadable) == {"noted": False}
    assert feedback.calls == []
    assert "astrid" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "function",
    [
        *("huma_webhook", "mail_feedback", "oauth_callback", "push_change", "route_change", "send_result"),
        *("settings_page", "synchronize"),
    ],
)
def test_importing_a_handler_reads_no_environment_and_wires_nothing(function: str) -> None:
    module = importlib.import_module(f"functions.{function}.handler")
    assert module._application.cache_info().currsize == 0
