"""Fortnox's answers after the login: one success, and a page of its own for each refusal."""

from __future__ import annotations

from typing import Any

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext
from huma_fortnox.domain.errors import BadRequest, ConsentNeeded, IntegrationError, LicenceMissing, NotAllowed
from huma_fortnox.web.callback import build_callback

from tests.unit.web.fakes import COOKIE, Answer, World, answer_of, event
from tests.unit.web.markup import Page

CALLBACK = "/oauth/fortnox/callback"

REFUSALS = [
    (ConsentNeeded("consent-declined"), "declined", True),
    (LicenceMissing("integration-licence-missing"), "Administrera användare", True),
    (LicenceMissing("licence-missing"), "Fortnox Lön", True),
    (ConsentNeeded("administrator-right-missing"), "systemadministratör", True),
    (ConsentNeeded("scope-refused"), "employees and company information", True),
    (ConsentNeeded("service-account-not-allowed"), "support", True),
    (BadRequest("state-unknown"), "ten minutes", True),
    (BadRequest("callback-incomplete"), "unpaid invoice", True),
    (NotAllowed("company-of-another-organization", {"company": "Björk & Söner AB"}), "Björk & Söner AB", True),
    (
        NotAllowed("another-company", {"company": "Ek AB", "connected": "Björk & Söner AB"}),
        "Ek AB in Fortnox, but this organization is connected to Björk",
        True,
    ),
    (ConsentNeeded("fortnox-refused"), "refuse", True),
    (ConsentNeeded("authorization-failed"), "did not complete", True),
]


def send(world: World, given: dict[str, Any]) -> Answer:
    return answer_of(build_callback(world.use_cases).resolve(given, LambdaContext()))


def test_success_leads_to_the_overview_without_the_code_in_the_address() -> None:
    world = World()
    answer = send(world, event("GET", CALLBACK, query="code=abc&state=xyz"))
    assert answer.status == 303
    assert answer.headers["location"] == "/integrations/fortnox"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert world.connect.completed == [(COOKIE, {"code": "abc", "state": "xyz"})]


@pytest.mark.parametrize(("refusal", "told", "again"), REFUSALS)
def test_each_refusal_has_its_own_page_with_what_to_do_next(refusal: IntegrationError, told: str, again: bool) -> None:
    world = World()
    world.connect.failure = refusal
    answer = send(world, event("GET", CALLBACK, query="error=x&state=xyz"))
    page = Page(answer.body)
    assert 400 <= answer.status < 500
    assert page.faults == []
    assert told in page.text
    assert ("Try again" in page.text) is again
    assert 'href="/integrations/fortnox/set-up"' in answer.body


def test_the_refusals_differ_from_each_other() -> None:
    headings = []
    for refusal, _, _ in REFUSALS:
        world = World()
        world.connect.failure = refusal
        body = send(world, event("GET", CALLBACK, query="")).body
        headings.append(body[body.index("<h1>") : body.index("</h1>")])
    assert len(set(headings)) == len(headings)


def test_without_a_session_the_use_case_decides_and_the_browser_sets_the_language() -> None:
    world = World()
    world.connect.failure = BadRequest("state-unknown")
    answer = send(world, event("GET", CALLBACK, query="code=a&state=b", cookie=None, headers={"accept-language": "en"}))
    assert answer.status == 400


def test_overlong_values_do_not_reach_the_use_case() -> None:
    world = World()
    send(world, event("GET", CALLBACK, query=f"code={'x' * 5000}&state=abc"))
    assert world.connect.completed == [(COOKIE, {"state": "abc"})]


def test_other_addresses_are_not_found() -> None:
    assert send(World(), event("GET", "/oauth/fortnox/other")).status == 404
    assert send(World(), event("POST", CALLBACK)).status == 405
