"""How a launch becomes a session, and what happens without one."""

from __future__ import annotations

import pytest
from huma_fortnox.domain.errors import IntegrationError, NotAllowed, NotSignedIn
from huma_fortnox.services.model import ConnectionState

from tests.unit.web.fakes import COOKIE, World, form_event
from tests.unit.web.markup import Page

HOME = "/integrations/fortnox"


def test_a_launch_token_opens_a_session_and_leaves_the_address_bar() -> None:
    answer = World().get(HOME, "launch=good", cookie=None)
    assert answer.status == 303
    assert answer.headers["location"] == HOME
    assert answer.headers["referrer-policy"] == "no-referrer"
    [cookie] = answer.cookies
    value, *attributes = cookie.split("; ")
    assert value == f"huma_fortnox_session={COOKIE}"
    assert set(attributes) == {"Path=/", "Max-Age=28800", "HttpOnly", "Secure", "SameSite=Lax"}


@pytest.mark.parametrize(
    ("refusal", "status", "told"),
    [
        (NotSignedIn("launch-invalid"), 401, "cannot be used"),
        (NotSignedIn("launch-expired"), 401, "too old"),
        (NotSignedIn("launch-used"), 401, "used already"),
        (NotSignedIn("launch-not-for-us"), 401, "not made by Huma"),
        (NotAllowed("permission-missing"), 403, "Organization-wide settings"),
    ],
)
def test_a_refused_launch_says_why_and_sets_no_cookie(refusal: IntegrationError, status: int, told: str) -> None:
    world = World()
    world.sessions.refusal = refusal
    answer = world.get(HOME, "launch=bad", cookie=None)
    assert answer.status == status
    assert told in answer.body
    assert answer.cookies == ()
    assert Page(answer.body).faults == []
    assert "launch=" not in answer.body


def test_a_missing_permission_names_the_role_and_who_can_give_it() -> None:
    world = World()
    world.sessions.refusal = NotAllowed("permission-missing")
    text = Page(world.get(HOME, "launch=x", cookie=None).body).text
    assert "System role" in text
    assert "A system administrator in Huma" in text


@pytest.mark.parametrize("cookie", [None, "stolen"])
@pytest.mark.parametrize("path", ["", "/set-up", "/settings", "/activity", "/synchronizations/run-1/summary"])
def test_no_page_opens_without_a_session(path: str, cookie: str | None) -> None:
    answer = World().get(HOME + path, cookie=cookie)
    assert answer.status == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert "Björk" not in answer.body
    assert "System settings &gt; Integrations" in answer.body


def test_signing_out_ends_the_session_and_removes_the_cookie() -> None:
    world = World()
    answer = world.post(f"{HOME}/sign-out")
    assert world.sessions.closed == [COOKIE]
    [cookie] = answer.cookies
    assert cookie.startswith("huma_fortnox_session=;")
    assert "Max-Age=0" in cookie
    assert Page(answer.body).faults == []


POSTS = [
    "/set-up",
    "/huma-key",
    "/settings",
    "/disconnect",
    "/sign-out",
    "/synchronizations",
    "/synchronizations/run-1/differences",
    "/synchronizations/run-1/new-people",
    "/synchronizations/run-1/apply",
    "/synchronizations/run-1/cancel",
]


@pytest.mark.parametrize("csrf", [None, "", "guessed"])
@pytest.mark.parametrize("path", POSTS)
def test_a_form_without_the_sessions_token_changes_nothing(path: str, csrf: str | None) -> None:
    world = World()
    before = (world.connect.value, world.synchronizations.run)
    answer = world.send(form_event(HOME + path, [("terms", "x"), ("wide", "use_huma:")], csrf=csrf))
    assert answer.status == 403
    assert "reload the page" in answer.body
    assert (world.connect.value, world.synchronizations.run) == before
    assert world.sessions.closed == []
    assert world.synchronizations.given == []


@pytest.mark.parametrize("path", POSTS)
def test_a_form_without_a_session_changes_nothing(path: str) -> None:
    world = World()
    before = (world.connect.value, world.synchronizations.run)
    assert world.send(form_event(HOME + path, [], cookie=None)).status == 401
    assert (world.connect.value, world.synchronizations.run) == before


def test_the_language_follows_the_launch_token() -> None:
    world = World(state=ConnectionState.ACTIVE, locale="xx-YY")
    assert Page(world.get(HOME).body).all("html")[0]["lang"] == "en"
