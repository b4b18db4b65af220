"""Who is asking: launch tokens, sessions and bearer tokens."""

from __future__ import annotations

from typing import Any

import pytest
from huma_fortnox.domain.errors import IntegrationError, NotAllowed, NotSignedIn
from huma_fortnox.services.model import PERMISSION, Administrator
from huma_fortnox.services.sessions import SESSION_SECONDS, Sessions

from tests.unit.services.fakes import Clock, FakeSessions, FakeTokens

ORGANIZATION = "6f1c2a0e-0000-4000-8000-000000000001"
NOW = 1_800_000_000


def claims(**changes: Any) -> dict[str, Any]:
    usual = {
        "iat": NOW,
        "exp": NOW + 300,
        "jti": "launch-1",
        "org": ORGANIZATION,
        "sub": "user-1",
        "name": "Astrid Admin",
        "email": "astrid@example.com",
        "locale": "sv",
        "permissions": ["something-else", PERMISSION],
    }
    return {name: value for name, value in {**usual, **changes}.items() if value is not ...}


def sessions(clock: Clock | None = None, store: FakeSessions | None = None, **tokens: dict[str, Any]) -> Sessions:
    clock = clock or Clock(NOW)
    return Sessions(store or FakeSessions(clock), FakeTokens(**tokens), clock)


def refusal(action: Any) -> str:
    with pytest.raises(IntegrationError) as caught:
        action()
    return caught.value.reason.code


def test_a_launch_opens_a_session_of_eight_hours_that_its_cookie_finds_again() -> None:
    clock = Clock(NOW + 3.7)
    opened_by = sessions(clock, token=claims())
    session = opened_by.open("token")
    assert session.administrator == Administrator(ORGANIZATION, "user-1", "Astrid Admin", "astrid@example.com", "sv")
    assert session.expires_at == NOW + 3 + SESSION_SECONDS <= NOW + 3 + 8 * 3600
    assert opened_by.session(session.id) == session
    clock.now = session.expires_at
    assert refusal(lambda: opened_by.session(session.id)) == "session-expired"


def test_the_secrets_of_sessions_are_long_and_never_alike_and_stay_out_of_repr() -> None:
    opened_by = sessions(one=claims(jti="1"), other=claims(jti="2"))
    one, other = opened_by.open("one"), opened_by.open("other")
    secrets = {one.id, other.id, one.csrf_token, other.csrf_token}
    assert len(secrets) == 4
    assert all(len(secret) >= 40 for secret in secrets)
    assert not any(secret in repr(session) for secret in secrets for session in (one, other))


def test_a_launch_serves_once() -> None:
    opened_by = sessions(token=claims())
    opened_by.open("token")
    assert refusal(lambda: opened_by.open("token")) == "launch-used"


def test_a_launch_stays_used_for_as_long_as_it_may_be_accepted() -> None:
    clock = Clock(NOW)
    opened_by = sessions(clock, token=claims())
    opened_by.open("token")
    clock.now = NOW + 300 + 60  # with whatever leeway the signature's check allows
    assert refusal(lambda: opened_by.open("token")) == "launch-used"


def test_a_launch_that_lives_too_long_is_refused_and_not_used_up() -> None:
    store = FakeSessions(Clock(NOW))
    assert refusal(lambda: sessions(store=store, token=claims(exp=NOW + 301)).open("token")) == "launch-too-long"
    assert store.used == {}
    assert sessions(store=store, token=claims(exp=NOW + 300)).open("token")


@pytest.mark.parametrize("permissions", [..., None, [], ["other"], PERMISSION, {PERMISSION: True}, 7])
def test_without_the_permission_nobody_enters(permissions: Any) -> None:
    store = FakeSessions(Clock(NOW))
    entrance = sessions(store=store, token=claims(permissions=permissions))
    with pytest.raises(NotAllowed, match="permission-missing"):
        entrance.open("token")
    with pytest.raises(NotAllowed, match="permission-missing"):
        entrance.bearer("token")
    assert store.used == {}
    assert store.sessions == {}


@pytest.mark.parametrize("org", [..., None, "", "exempel-ab", "../fortnox-app", 7, ["a"]])
def test_an_organization_is_a_uuid(org: Any) -> None:
    entrance = sessions(token=claims(org=org))
    assert refusal(lambda: entrance.open("token")) == "launch-claims-missing"
    assert refusal(lambda: entrance.bearer("token")) == "launch-claims-missing"


def test_an_organization_is_always_written_alike() -> None:
    assert sessions(token=claims(org=ORGANIZATION.upper())).open("token").administrator.organization_id == ORGANIZATION


@pytest.mark.parametrize("name", ["sub", "name", "email"])
@pytest.mark.parametrize("value", [..., None, "", 7, ["x"]])
def test_who_has_no_id_name_or_address_is_refused(name: str, value: Any) -> None:
    assert refusal(lambda: sessions(token=claims(**{name: value})).open("token")) == "launch-claims-missing"


@pytest.mark.parametrize(("locale", "used"), [(..., "en"), (None, "en"), ("", "en"), ("nb-NO", "nb-NO")])
def test_without_a_language_english_is_spoken(locale: Any, used: str) -> None:
    assert sessions(token=claims(locale=locale)).open("token").administrator.locale == used


def test_a_bearer_token_may_be_used_again_and_may_live_longer() -> None:
    speaks = sessions(token=claims(exp=NOW + 3600))
    assert speaks.bearer("token") == speaks.bearer("token")


def test_a_token_that_opened_a_session_is_no_bearer_token_any_more() -> None:
    both = sessions(token=claims())
    both.open("token")
    assert refusal(lambda: both.bearer("token")) == "launch-used"


@pytest.mark.parametrize("cookie", [None, ""])
def test_without_a_cookie_there_is_no_session(cookie: str | None) -> None:
    with pytest.raises(NotSignedIn, match="session-missing"):
        sessions().session(cookie)


def test_an_unknown_cookie_has_no_session_and_ending_it_is_no_error() -> None:
    entrance = sessions(token=claims())
    assert refusal(lambda: entrance.session("unknown")) == "session-expired"
    entrance.close("unknown")
    session = entrance.open("token")
    entrance.close(session.id)
    assert refusal(lambda: entrance.session(session.id)) == "session-expired"


def test_a_token_that_is_not_genuine_opens_nothing() -> None:
    class NotGenuine:
        def claims(self, token: str) -> Any:
            raise NotSignedIn("launch-invalid")

    clock = Clock(NOW)
    entrance = Sessions(FakeSessions(clock), NotGenuine(), clock)
    assert refusal(lambda: entrance.open("token")) == "launch-invalid"
    assert refusal(lambda: entrance.bearer("token")) == "launch-invalid"
