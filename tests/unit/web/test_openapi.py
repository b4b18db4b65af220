"""The served document is valid, describes every route and no other, and what is answered fits it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any, cast

import pytest
from huma_fortnox.domain import errors
from huma_fortnox.domain.creation import EmploymentDefaults
from huma_fortnox.domain.outcome import Reason
from huma_fortnox.pages.terms import VERSION
from huma_fortnox.services.model import ConnectionState, MailProblem, SynchronizationState
from huma_fortnox.services.real_time import Brake, Quarantine, RealTime, Reconciliation
from huma_fortnox.web.app import routes
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from tests.unit.web.fakes import NOW, ORGANIZATION, RUN, Answer, World, event

Document = dict[str, Any]
SETTINGS = {"phoneProperty": "Phone1", "defaultRegion": "SE", "countryName": "Sverige", "employment": None}
RUN_PATH = f"/synchronizations/{RUN}"

CALLS: list[tuple[str, str, object]] = [
    ("GET", "/connection", None),
    ("POST", "/connection", {"termsVersion": VERSION}),
    ("DELETE", "/connection", None),
    ("PUT", "/huma-key", {"clientId": "a", "clientSecret": "b"}),
    ("PUT", "/settings", SETTINGS),
    ("POST", "/synchronizations", None),
    ("GET", RUN_PATH, None),
    ("GET", f"{RUN_PATH}/people", None),
    ("PUT", f"{RUN_PATH}/decisions", {"decisions": [{"direction": "leave"}]}),
    ("POST", f"{RUN_PATH}/read-again", {"person": "u:nomail"}),
    ("GET", f"{RUN_PATH}/summary", None),
    ("POST", f"{RUN_PATH}/apply", {}),
    ("POST", f"{RUN_PATH}/cancel", None),
    ("GET", f"{RUN_PATH}/outcomes", None),
    ("GET", f"{RUN_PATH}/result.csv", None),
    ("GET", "/activity", None),
    ("GET", "/real-time", None),
    ("POST", "/real-time/catch-up", None),
    ("POST", "/real-time/confirm-bank-changes", None),
    ("POST", "/real-time/pause", None),
    ("POST", "/real-time/resume", None),
    ("GET", "/held", None),
    ("POST", "/held/try-again", {"userId": "bo"}),
    ("PUT", "/held/{userId}/removal", {"field": "phone", "remove": True}),
]


@pytest.fixture(scope="module")
def document() -> Document:
    answer = World().send(event("GET", "/api/openapi.json", cookie=None))
    assert answer.status == 200
    return cast("Document", answer.json())


def test_the_document_is_a_valid_openapi_document(document: Document) -> None:
    validate(document)


def test_routes_and_document_agree_both_ways(document: Document) -> None:
    described = {
        (method.upper(), path)
        for path, item in document["paths"].items()
        for method in item
        if method in ("get", "post", "put", "delete", "patch")
    }
    names = {
        "organization_id": "organizationId",
        "synchronization_id": "synchronizationId",
        "user_id": "userId",
    }
    routed = {
        (route.method, re.sub(r"<(\w+)>", lambda found: "{" + names[found[1]] + "}", route.path))
        for route in routes(World().use_cases)
        if route.path.startswith("/api/")
    }
    assert described == routed


def test_every_route_is_called_below(document: Document) -> None:
    called = {(method, re.sub(RUN, "{synchronizationId}", path)) for method, path, _ in CALLS}
    prefix = "/api/organizations/{organizationId}"
    described = {
        (method.upper(), path.removeprefix(prefix))
        for path, item in document["paths"].items()
        for method in item
        if path.startswith(prefix) and method != "parameters"
    }
    assert called == described


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
def test_answers_and_requests_fit_the_document(document: Document, method: str, path: str, body: object) -> None:
    for world in _worlds():
        answer = world.call(method, path, body)
        assert answer.status < 300
        _fits(document, method, path, answer)
    if body is not None:
        operation = _operation(document, method, path)
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        assert list(_validator(document, schema).iter_errors(body)) == []


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
def test_errors_fit_the_document(document: Document, method: str, path: str, body: object) -> None:
    world = World()
    for failure in (
        errors.Conflict("synchronization-running", {"synchronization": RUN}),
        errors.TransientError(),
        errors.Unknown(),
        errors.Defect(),
    ):
        world.synchronizations.failure = failure
        world.connect.failure = failure
        world.oversight.failure = failure
        answer = world.call(method, path, body)
        if answer.status >= 400:
            _fits(document, method, path, answer)
    _fits(document, method, path, world.call(method, path, body, cookie=None))
    if body is not None:
        _fits(document, method, path, world.call(method, path, {"never": "heard of"}))


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ("Settings", SETTINGS | {"phoneProperty": "Phone3"}),
        ("Settings", {key: value for key, value in SETTINGS.items() if key != "employment"}),
        ("Decisions", {"decisions": [{"direction": "leave", "person": "u:anna"}]}),
        ("Decisions", {"decisions": [{"create": True, "person": "u:a", "direction": "leave"}]}),
        ("HumaKey", {"clientId": "a"}),
        ("BeginConnection", {}),
        ("Error", {"error": {"code": "x"}}),
    ],
)
def test_the_document_refuses_what_the_api_refuses(document: Document, schema: str, value: object) -> None:
    assert list(_validator(document, {"$ref": f"#/components/schemas/{schema}"}).iter_errors(value)) != []


def _worlds() -> list[World]:
    """Return worlds in which optional members are filled and empty."""
    full = World()
    full.connect.value = replace(
        full.connect.value,
        reason=Reason("consent-lost"),
        paused_since=NOW,
        paused_by="Astrid Ek",
        settings=replace(full.connect.value.settings, employment=EmploymentDefaults("TJM", "TV", "MAN")),
    )
    full.synchronizations.run = replace(
        full.synchronizations.run, finished_at=NOW, outcomes={"done": 1}, reason=Reason("decisions-timed-out")
    )
    full.connect.key_problems = (Reason("field-not-visible", {"field": "phone"}),)
    full.oversight.value = RealTime(
        Quarantine(NOW, NOW + 60, Reason("temporarily-unavailable")),
        Brake(NOW, 6, 5),
        Reconciliation("r", "schedule", "", NOW, NOW, page=1, pages=2, people=50, changed=1),
        5,
        MailProblem("astrid.ek@example.se", Reason("mail-bounced"), NOW, final=True),
    )
    assert full.synchronizations.run.state is SynchronizationState.AWAITING_DECISIONS
    return [World(state=ConnectionState.NOT_CONNECTED, plan=()), full]


def _operation(document: Document, method: str, path: str) -> Document:
    full = "/api/organizations/{organizationId}" + path.replace(RUN, "{synchronizationId}")
    return cast("Document", document["paths"][full][method.lower()])


def _fits(document: Document, method: str, path: str, answer: Answer) -> None:
    responses = _operation(document, method, path)["responses"]
    assert str(answer.status) in responses, f"{answer.status} of {method} {path} is not described"
    response = responses[str(answer.status)]
    if "$ref" in response:
        response = document["components"]["responses"][response["$ref"].rsplit("/", 1)[1]]
    if "content" not in response:
        assert answer.body == ""
        return
    media_type = answer.headers["content-type"].split(";")[0]
    schema = response["content"][media_type]["schema"]
    if media_type != "application/json":
        assert schema == {"type": "string"}
        return
    faults = [fault.message for fault in _validator(document, schema).iter_errors(json.loads(answer.body))]
    assert faults == []


def _validator(document: Document, schema: Document) -> OAS31Validator:
    resource = Resource.from_contents(document, default_specification=DRAFT202012)
    registry = Registry().with_resource("urn:document", resource)
    pointed = {"$ref": f"urn:document{schema['$ref']}"} if "$ref" in schema else schema
    return OAS31Validator(pointed, registry=registry)


def test_the_organization_in_the_examples_is_the_callers(document: Document) -> None:
    answer = World().call("GET", "/connection")
    assert answer.json()["organizationId"] == ORGANIZATION
    assert document["components"]["securitySchemes"]["session"]["name"] == "huma_fortnox_session"
