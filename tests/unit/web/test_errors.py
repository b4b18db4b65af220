"""Every designed failure has its status, its words and nothing else; what was not designed says even less."""

from __future__ import annotations

import logging

import pytest
from huma_fortnox.domain import errors
from huma_fortnox.domain.errors import IntegrationError
from huma_fortnox.web.http import MAX_BODY_BYTES, BodyTooLarge, MethodNotAllowed, NotAcceptable, UnsupportedMediaType

from tests.unit.web.fakes import ORGANIZATION, RUN, World, event, form_event
from tests.unit.web.markup import Page

HOME = "/integrations/fortnox"
SUMMARY = f"{HOME}/synchronizations/{RUN}/summary"

STATUSES = [
    (errors.TransientError(retry_after=17.2), 503),
    (errors.RateLimited(), 503),
    (errors.OutcomeUnknown(), 503),
    (errors.NeedsAdministrator(), 409),
    (errors.ConsentNeeded(), 409),
    (errors.LicenceMissing(), 409),
    (errors.HumaKeyRefused(), 409),
    (errors.Refused(), 422),
    (errors.Missing(), 422),
    (errors.Conflict(), 409),
    (errors.BadRequest(), 400),
    (errors.NotAllowed(), 403),
    (errors.NotSignedIn(), 401),
    (errors.Unknown(), 404),
    (errors.Defect(), 500),
    (IntegrationError("something-nobody-named"), 500),
    (BodyTooLarge(), 413),
    (UnsupportedMediaType(None, {"expected": "x"}), 415),
    (MethodNotAllowed(["GET"]), 405),
    (NotAcceptable(), 406),
]


def test_every_class_of_the_error_tree_is_tested() -> None:
    def below(kind: type[IntegrationError]) -> set[type[IntegrationError]]:
        return {kind}.union(*(below(each) for each in kind.__subclasses__()))

    assert {type(each) for each, _ in STATUSES} == below(IntegrationError)


@pytest.mark.parametrize(("error", "status"), STATUSES)
def test_a_failure_has_its_page(error: IntegrationError, status: int) -> None:
    world = World()
    world.synchronizations.failure = error
    answer = world.get(SUMMARY)
    assert answer.status == status
    page = Page(answer.body)
    assert page.faults == []
    assert "Traceback" not in answer.body
    assert answer.headers["cache-control"] == "no-store"
    assert len(page.all("h1")) == 1


@pytest.mark.parametrize(("error", "status"), STATUSES)
def test_a_failure_has_its_json(error: IntegrationError, status: int) -> None:
    world = World()
    world.synchronizations.failure = error
    answer = world.call("GET", f"/synchronizations/{RUN}")
    assert answer.status == status
    assert answer.headers["content-type"] == "application/json"
    told = answer.json()["error"]
    assert told["code"] == error.reason.code
    assert told["params"] == dict(error.reason.params)
    assert told["message"].endswith(".") or "(" in told["message"]


def test_a_caller_is_told_how_long_to_wait() -> None:
    world = World()
    world.synchronizations.failure = errors.TransientError(retry_after=17.2)
    assert world.get(SUMMARY).headers["retry-after"] == "18"
    world.synchronizations.failure = errors.TransientError()
    assert world.get(SUMMARY).headers["retry-after"] == "5"


def test_what_was_not_designed_leaks_neither_to_the_reader_nor_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    world.synchronizations.failure = ValueError("070-123 45 67 of Anna Berg")
    with caplog.at_level(logging.DEBUG):
        page = world.get(SUMMARY)
        told = world.call("GET", f"/synchronizations/{RUN}")
    assert (page.status, told.status) == (500, 500)
    assert told.json()["error"]["code"] == "unexpected"
    assert "Something went wrong on our side" in page.body
    for text in (page.body, told.body, caplog.text):
        assert "070-123" not in text
        assert "Anna" not in text
    assert "request failed with ValueError at" in caplog.text


def test_a_designed_failure_is_no_news_for_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="huma_fortnox"):
        World().get(f"{HOME}/synchronizations/no-such-run")
    assert caplog.text == ""


def test_an_unknown_address_is_not_found() -> None:
    page = World().get("/nowhere")
    assert page.status == 404
    assert Page(page.body).faults == []
    told = World().send(event("GET", "/api/nowhere"))
    assert told.status == 404
    assert told.json()["error"]["code"] == "page-unknown"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", HOME, "GET"),
        ("GET", f"{HOME}/synchronizations", "POST"),
        ("PATCH", f"{HOME}/settings", "GET, POST"),
        ("GET", f"/api/organizations/{ORGANIZATION}/settings", "PUT"),
        ("PUT", f"/api/organizations/{ORGANIZATION}/connection", "DELETE, GET, POST"),
    ],
)
def test_a_wrong_method_is_told_which_ones_there_are(method: str, path: str, allowed: str) -> None:
    answer = World().send(event(method, path))
    assert answer.status == 405
    assert answer.headers["allow"] == allowed


def test_a_form_of_another_kind_is_refused() -> None:
    given = event("POST", f"{HOME}/settings", body="{}", headers={"content-type": "application/json"})
    answer = World().send(given)
    assert answer.status == 415


def test_a_form_that_is_too_large_is_refused() -> None:
    answer = World().post(f"{HOME}/settings", [("country_name", "x" * MAX_BODY_BYTES)])
    assert answer.status == 413


def test_a_form_with_too_many_fields_is_refused() -> None:
    assert World().post(f"{HOME}/settings", [("a", "")] * 10_001).status == 413


def test_a_form_that_is_not_utf_8_is_refused() -> None:
    given = form_event(f"{HOME}/settings", [])
    given["body"] += "&country_name=%ff"
    assert World().send(given).status == 400


def test_an_unknown_organization_and_an_unknown_run_say_nothing_about_others() -> None:
    world = World()
    page = world.get(f"{HOME}/synchronizations/somebody-elses/summary")
    assert page.status == 404
    assert "There is no such synchronization." in page.body
