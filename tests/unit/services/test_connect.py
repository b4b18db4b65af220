"""Connecting an organization with its Fortnox company, and letting go of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from huma_fortnox.domain.creation import EmploymentDefaults
from huma_fortnox.domain.errors import (
    BadRequest,
    Conflict,
    ConsentNeeded,
    HumaKeyRefused,
    IntegrationError,
    LicenceMissing,
    NotAllowed,
    NotSignedIn,
    TransientError,
)
from huma_fortnox.domain.outcome import Reason
from huma_fortnox.domain.people import FieldSettings, Link
from huma_fortnox.services.connect import Connect
from huma_fortnox.services.model import (
    Administrator,
    Connection,
    ConnectionState,
    OrganizationSettings,
    Session,
    Synchronization,
    SynchronizationState,
)
from huma_fortnox.services.ports import Company, ConsentGranted, HumaAccess, PendingAuthorization

from tests.unit.services.fakes import (
    Clock,
    FakeActivity,
    FakeConnections,
    FakeConsent,
    FakeFortnox,
    FakeHuma,
    FakeLinks,
    FakeSessions,
    FakeSynchronizations,
    FakeSystems,
    FakeVault,
    Fault,
    administrator,
    user_record,
)

ORGANIZATION = "6f1c2a0e-0000-4000-8000-000000000001"
OTHER = "6f1c2a0e-0000-4000-8000-000000000002"
TERMS = "2026-01"
BOSS = administrator(ORGANIZATION)
KEY = HumaAccess("key", "secret", "webhook")
GRANTED = ConsentGranted(Company("Exempel AB", "556000-0000", "1"), "client_credentials", "token", 1)


@dataclass
class Scene:
    """One organization that has entered its Huma key, and everything around it."""

    clock: Clock = field(default_factory=Clock)
    connections: FakeConnections = field(default_factory=FakeConnections)
    links: FakeLinks = field(default_factory=FakeLinks)
    activity: FakeActivity = field(default_factory=FakeActivity)
    vault: FakeVault = field(default_factory=FakeVault)
    consent: FakeConsent = field(default_factory=FakeConsent)
    heard: list[str] = field(default_factory=list)
    deaf: IntegrationError | None = None
    huma: FakeHuma = field(default_factory=lambda: FakeHuma(user_record("1"), organization_id=ORGANIZATION))

    def __post_init__(self) -> None:
        self.sessions = FakeSessions(self.clock)
        self.synchronizations = FakeSynchronizations(self.clock, self.links)
        self.vault.humas[ORGANIZATION] = KEY
        self.consent.codes["good code"] = GRANTED
        self.sessions.save_session(Session("cookie", BOSS, "csrf", int(self.clock.now) + 3600))
        self.connect = Connect(
            connections=self.connections,
            sessions=self.sessions,
            synchronizations=self.synchronizations,
            links=self.links,
            activity=self.activity,
            vault=self.vault,
            consent=self.consent,
            systems=lambda: FakeSystems(self.huma, FakeFortnox()),
            terms_version=TERMS,
            clock=self.clock,
            on_reconnected=self._hear_of_the_beginning,
            on_disconnected=self._hear_of_the_end,
        )

    def _hear_of_the_beginning(self, by: Administrator) -> None:
        self.heard.append(f"{by.name}: {self.connection.state.value}")
        if self.deaf is not None:
            raise self.deaf

    def _hear_of_the_end(self, organization_id: str) -> None:
        self.heard.append(f"{organization_id}: {self.connection.state.value}")

    @property
    def connection(self) -> Connection:
        return self.connections.load(ORGANIZATION)

    def begin(self, session_id: str | None = "cookie") -> str:
        url = self.connect.begin(BOSS, session_id=session_id, terms_version=TERMS)
        return parse_qs(urlsplit(url).query)["state"][0]

    def complete(self, cookie: str | None = "cookie", **query: str) -> Connection:
        return self.connect.complete(cookie, query)

    def connected(self, **changes: Any) -> Scene:
        self.complete(state=self.begin(), code="good code")
        self.consent.codes["good code"] = GRANTED
        self.connections.change(ORGANIZATION, changes)
        self.activity.entries.clear()
        self.heard.clear()
        return self

    def unchanged_by(self, action: Any, expected: type[IntegrationError], code: str) -> IntegrationError:
        """Check that an action is refused and changes neither the connection, the company nor the secrets."""
        before = (self.connection, dict(self.connections.companies), dict(self.vault.consents))
        with pytest.raises(expected) as caught:
            action()
        assert caught.value.reason.code == code
        assert (self.connection, self.connections.companies, self.vault.consents) == before
        return caught.value


@pytest.fixture
def scene() -> Scene:
    return Scene()


# -- the way to Fortnox and back


def test_an_administrator_who_accepts_the_terms_is_sent_to_fortnox(scene: Scene) -> None:
    state = scene.begin()
    assert len(state) >= 40
    found = scene.connection
    assert found.state is ConnectionState.AWAITING_AUTHORIZATION
    assert (found.terms_version, found.terms_accepted_by) == (TERMS, BOSS.name)
    assert found.terms_accepted_at == int(scene.clock.now)
    assert scene.begin() != state


@pytest.mark.parametrize("version", ["", "2025-01", " 2026-01"])
def test_without_the_present_terms_nobody_is_sent_anywhere(scene: Scene, version: str) -> None:
    scene.unchanged_by(
        lambda: scene.connect.begin(BOSS, session_id="cookie", terms_version=version), BadRequest, "terms-not-accepted"
    )
    assert scene.sessions.states == {}


def test_without_a_huma_key_nobody_is_sent_anywhere(scene: Scene) -> None:
    scene.vault.humas.clear()
    scene.unchanged_by(scene.begin, HumaKeyRefused, "huma-key-missing")
    assert scene.sessions.states == {}


@pytest.mark.parametrize("state", [ConnectionState.ACTIVE, ConnectionState.NEEDS_REAUTHORIZATION])
def test_connecting_again_keeps_the_state_until_it_has_succeeded(scene: Scene, state: ConnectionState) -> None:
    scene.connections.change(ORGANIZATION, {"state": state})
    scene.begin()
    assert scene.connection.state is state


def test_a_consent_connects_the_company(scene: Scene) -> None:
    scene.clock.now += 60
    found = scene.complete(state=scene.begin(), code="good code")
    assert found == scene.connection
    assert found.state is ConnectionState.AWAITING_FIRST_SYNC
    assert (found.company_name, found.company_number, found.tenant_id) == ("Exempel AB", "556000-0000", "1")
    assert (found.connected_at, found.connected_by, found.notify) == (int(scene.clock.now), BOSS.name, BOSS)
    assert scene.connections.companies == {"1": ORGANIZATION}
    assert scene.vault.consents == {ORGANIZATION: GRANTED}
    assert scene.activity.kinds() == ["connected"]


def test_a_state_serves_once(scene: Scene) -> None:
    state = scene.begin()
    scene.complete(state=state, code="good code")
    scene.consent.codes["another"] = GRANTED
    scene.unchanged_by(lambda: scene.complete(state=state, code="another"), BadRequest, "state-unknown")
    assert "another" in scene.consent.codes


def test_a_state_lives_ten_minutes(scene: Scene) -> None:
    state = scene.begin()
    scene.clock.now += 600
    scene.unchanged_by(lambda: scene.complete(state=state, code="good code"), BadRequest, "state-unknown")


def foreign_session(scene: Scene, organization_id: str = OTHER, user_id: str = "boss") -> str:
    session = Session("foreign", administrator(organization_id, user_id), "csrf", int(scene.clock.now) + 3600)
    scene.sessions.save_session(session)
    return session.id


@pytest.mark.parametrize(("organization_id", "user_id"), [(OTHER, "boss"), (ORGANIZATION, "colleague")])
def test_a_state_is_good_in_the_session_that_asked_and_not_used_up_by_another(
    scene: Scene, organization_id: str, user_id: str
) -> None:
    state = scene.begin()
    foreign = foreign_session(scene, organization_id, user_id)
    scene.unchanged_by(lambda: scene.complete(foreign, state=state, code="good code"), BadRequest, "state-unknown")
    assert "good code" in scene.consent.codes
    assert scene.complete(state=state, code="good code").usable


def test_another_session_of_the_same_administrator_is_another_session(scene: Scene) -> None:
    state = scene.begin()
    scene.sessions.save_session(Session("second tab", BOSS, "csrf", int(scene.clock.now) + 3600))
    scene.unchanged_by(lambda: scene.complete("second tab", state=state, code="good code"), BadRequest, "state-unknown")


def test_a_state_asked_for_through_the_api_serves_the_same_person_in_any_session(scene: Scene) -> None:
    assert scene.complete(state=scene.begin(None), code="good code").usable


@pytest.mark.parametrize(("organization_id", "user_id"), [(OTHER, "boss"), (ORGANIZATION, "colleague")])
def test_a_state_asked_for_through_the_api_serves_nobody_else(scene: Scene, organization_id: str, user_id: str) -> None:
    state, foreign = scene.begin(None), foreign_session(scene, organization_id, user_id)
    scene.unchanged_by(lambda: scene.complete(foreign, state=state, code="good code"), BadRequest, "state-unknown")
    assert "good code" in scene.consent.codes


@pytest.mark.parametrize("cookie", [None, "", "unknown"])
def test_without_a_session_nothing_is_completed(scene: Scene, cookie: str | None) -> None:
    state = scene.begin()
    scene.unchanged_by(lambda: scene.complete(cookie, state=state, code="good code"), NotSignedIn, "session-missing")
    assert scene.complete(state=state, code="good code").usable


@pytest.mark.parametrize("query", [{}, {"code": "good code"}, {"state": "here"}, {"code": "", "state": ""}])
def test_an_incomplete_callback_connects_nothing(scene: Scene, query: dict[str, str]) -> None:
    state = scene.begin()
    query = {name: state if value == "here" else value for name, value in query.items()}
    scene.unchanged_by(lambda: scene.complete(**query), BadRequest, "callback-incomplete")


def test_a_made_up_state_connects_nothing(scene: Scene) -> None:
    scene.begin()
    scene.unchanged_by(lambda: scene.complete(state="made up", code="good code"), BadRequest, "state-unknown")


@pytest.mark.parametrize("with_state", [True, False])
@pytest.mark.parametrize(
    "refusal", [ConsentNeeded("authorization-declined"), LicenceMissing("integration-licence-missing")]
)
def test_what_fortnox_refuses_is_told_logged_and_uses_the_state_up(
    scene: Scene, refusal: IntegrationError, with_state: bool
) -> None:
    scene.consent.refusals["refused"] = refusal
    state = scene.begin()
    query = {"error": "refused"} | ({"state": state} if with_state else {})
    scene.unchanged_by(lambda: scene.complete(**query), type(refusal), refusal.reason.code)
    assert [(entry.kind, entry.reason) for _, entry in scene.activity.entries] == [
        ("authorization-refused", refusal.reason)
    ]
    if with_state:
        scene.unchanged_by(lambda: scene.complete(state=state, code="good code"), BadRequest, "state-unknown")


@pytest.mark.parametrize("error", [ConsentNeeded("scope-missing"), LicenceMissing(), TransientError()])
def test_a_code_that_cannot_be_redeemed_connects_nothing(scene: Scene, error: IntegrationError) -> None:
    scene.consent.codes["bad code"] = error
    state = scene.begin()
    scene.unchanged_by(lambda: scene.complete(state=state, code="bad code"), type(error), error.reason.code)


def test_a_company_of_another_organization_is_refused_by_name(scene: Scene) -> None:
    scene.connections.claim_company("1", OTHER)
    state = scene.begin()
    error = scene.unchanged_by(
        lambda: scene.complete(state=state, code="good code"), NotAllowed, "company-of-another-organization"
    )
    assert error.reason.params == {"company": "Exempel AB"}
    assert not scene.connection.usable


def test_another_company_than_the_connected_one_is_refused(scene: Scene) -> None:
    scene.connected()
    scene.consent.codes["other code"] = replace(GRANTED, company=Company("Annat AB", "556000-0001", "2"))
    state = scene.begin()
    error = scene.unchanged_by(lambda: scene.complete(state=state, code="other code"), NotAllowed, "another-company")
    assert error.reason.params == {"company": "Annat AB", "connected": "Exempel AB"}


@pytest.mark.parametrize(
    ("active_since", "expected"), [(0, ConnectionState.AWAITING_FIRST_SYNC), (5, ConnectionState.ACTIVE)]
)
def test_connecting_again_goes_on_where_it_was(scene: Scene, active_since: int, expected: ConnectionState) -> None:
    scene.connected(
        state=ConnectionState.NEEDS_REAUTHORIZATION, reason=Reason("consent-needed"), active_since=active_since
    )
    scene.links.save(ORGANIZATION, [Link("1", "1")])
    found = scene.complete(state=scene.begin(), code="good code")
    assert (found.state, found.reason, found.active_since) == (expected, None, active_since)
    assert scene.links.link(ORGANIZATION, "1") == Link("1", "1")


# -- the Huma key


def save(scene: Scene, webhook_secret: str | None = "new webhook") -> Any:
    return scene.connect.save_huma_key(BOSS, "new key", "new secret", webhook_secret)


def test_a_key_that_works_is_kept_and_noted(scene: Scene) -> None:
    assert save(scene).problems == ()
    assert scene.vault.humas[ORGANIZATION] == HumaAccess("new key", "new secret", "new webhook")
    assert scene.connection.has_huma_key
    assert scene.activity.kinds() == ["huma-key-saved"]


@pytest.mark.parametrize("webhook_secret", [None, ""])
def test_a_webhook_secret_once_entered_need_not_be_entered_again(scene: Scene, webhook_secret: str | None) -> None:
    save(scene, webhook_secret)
    assert scene.vault.humas[ORGANIZATION] == HumaAccess("new key", "new secret", "webhook")


@pytest.mark.parametrize("known", [None, HumaAccess("key", "secret", "")])
def test_a_key_without_any_webhook_secret_is_not_kept(scene: Scene, known: HumaAccess | None) -> None:
    scene.vault.humas.clear()
    if known:
        scene.vault.humas[ORGANIZATION] = known
    scene.unchanged_by(lambda: save(scene, ""), BadRequest, "webhook-secret-missing")
    assert scene.vault.humas.get(ORGANIZATION) == known
    assert scene.huma.calls == []


def test_a_key_that_huma_refuses_is_not_kept(scene: Scene) -> None:
    scene.huma.faults.append(Fault("check_key", HumaKeyRefused()))
    scene.unchanged_by(lambda: save(scene), HumaKeyRefused, "huma-key-refused")
    assert scene.vault.humas[ORGANIZATION] == KEY


def test_a_key_of_another_organization_is_not_kept_and_reads_nobody(scene: Scene) -> None:
    scene.huma.organization_id = OTHER
    scene.unchanged_by(lambda: save(scene), NotAllowed, "huma-key-of-another-organization")
    assert scene.vault.humas[ORGANIZATION] == KEY
    assert [operation for operation, _ in scene.huma.calls] == ["check_key"]


def test_what_a_key_may_not_see_or_edit_is_said_and_the_key_is_kept(scene: Scene) -> None:
    for number in range(3):
        record = user_record(str(number))
        del record["bankAccount"]
        record["employmentId"]["editable"] = False
        scene.huma.records[str(number)] = record
    assert save(scene).problems == (
        Reason("field-not-editable", {"field": "employment_id"}),
        Reason("field-not-visible", {"field": "bank_account"}),
    )
    assert scene.vault.humas[ORGANIZATION].client_id == "new key"


def test_one_person_who_shows_a_field_is_enough_and_the_deactivated_do_not_count(scene: Scene) -> None:
    hidden, gone, shown = user_record("1"), user_record("2", active=False), user_record("3")
    del hidden["phone"]
    hidden["email"]["editable"] = False
    scene.huma.records = {record["id"]: record for record in (hidden, gone, shown)}
    assert save(scene).problems == ()
    del shown["phone"]
    shown["email"]["editable"] = False
    assert {reason.params["field"] for reason in save(scene).problems} == {"phone", "email"}
    scene.huma.records = {"2": gone}
    assert save(scene).problems == ()


def test_a_working_key_lets_a_connection_go_on_that_stopped_for_want_of_one(scene: Scene) -> None:
    """The consent in Fortnox was never gone: nobody should have to give it again."""
    scene.connected(state=ConnectionState.NEEDS_REAUTHORIZATION, reason=Reason("huma-key-refused"), active_since=5)
    save(scene)
    assert (scene.connection.state, scene.connection.reason) == (ConnectionState.ACTIVE, None)
    assert scene.heard == ["Astrid Admin: active"]
    scene.connected(state=ConnectionState.NEEDS_REAUTHORIZATION, reason=Reason("huma-right-missing"), active_since=0)
    save(scene)
    assert scene.connection.state is ConnectionState.AWAITING_FIRST_SYNC


def test_a_working_key_does_not_bring_back_a_lost_consent(scene: Scene) -> None:
    scene.connected(state=ConnectionState.NEEDS_REAUTHORIZATION, reason=Reason("consent-needed"), active_since=5)
    save(scene)
    assert scene.connection.state is ConnectionState.NEEDS_REAUTHORIZATION
    assert scene.connection.reason == Reason("consent-needed")
    assert scene.heard == []


def test_a_key_that_is_changed_while_all_is_well_begins_nothing(scene: Scene) -> None:
    scene.connected(state=ConnectionState.ACTIVE)
    save(scene)
    assert scene.heard == []


@pytest.mark.parametrize("deaf", [None, TransientError("lane-unavailable")])
def test_who_connects_again_has_what_happened_meanwhile_carried(scene: Scene, deaf: IntegrationError | None) -> None:
    scene.connected(state=ConnectionState.NEEDS_REAUTHORIZATION, reason=Reason("consent-needed"), active_since=5)
    scene.deaf = deaf
    assert scene.complete(state=scene.begin(), code="good code").state is ConnectionState.ACTIVE
    assert scene.heard == ["Astrid Admin: active"]


def test_a_key_entered_by_an_operator_is_noticed_when_the_page_is_opened(scene: Scene) -> None:
    assert not scene.connection.has_huma_key
    assert scene.connect.connection(ORGANIZATION).has_huma_key
    assert not scene.connect.connection(OTHER).has_huma_key
    assert OTHER not in scene.connections.kept


# -- settings and the end


def test_settings_are_replaced_and_logged(scene: Scene) -> None:
    settings = OrganizationSettings(FieldSettings(phone_property="Phone2"), EmploymentDefaults("TJM", "TV", "MAN"))
    assert scene.connect.change_settings(BOSS, settings).settings == settings
    assert scene.activity.kinds() == ["settings-changed"]


def test_disconnecting_erases_the_consent_and_the_links_and_lets_go_of_the_company(scene: Scene) -> None:
    scene.connected(active_since=5, state=ConnectionState.ACTIVE, paused_since=6, paused_by=BOSS.name)
    scene.links.save(ORGANIZATION, [Link("1", "1")])
    scene.connect.disconnect(BOSS)
    found = scene.connection
    assert (found.state, found.tenant_id, found.company_name, found.company_number, found.active_since) == (
        ConnectionState.DISCONNECTED,
        *("", "", "", 0),
    )
    assert (found.paused_since, found.paused_by) == (0, "")
    assert scene.consent.revoked == [ORGANIZATION]
    assert scene.vault.consents == {}
    assert scene.vault.humas == {ORGANIZATION: KEY}
    assert scene.connections.companies == {}
    assert list(scene.links.links(ORGANIZATION)) == []
    assert scene.activity.kinds() == ["disconnected"]
    assert scene.heard == [f"{ORGANIZATION}: disconnected"]


def test_nothing_is_pushed_any_more_while_the_rest_is_erased(scene: Scene) -> None:
    scene.connected(state=ConnectionState.ACTIVE)
    states: list[ConnectionState] = []
    revoke, forget = scene.consent.revoke, scene.vault.forget_consent

    def noting(step: Any) -> Any:
        def noted(organization_id: str) -> None:
            states.append(scene.connection.state)
            step(organization_id)

        return noted

    scene.consent.revoke = noting(revoke)  # type: ignore[method-assign]
    scene.vault.forget_consent = noting(forget)  # type: ignore[method-assign]
    scene.connect.disconnect(BOSS)
    assert states == [ConnectionState.DISCONNECTED] * 2


def test_a_disconnection_that_was_interrupted_can_be_finished(scene: Scene) -> None:
    """Otherwise tokens and links would stay for ever, and nobody else could connect the company."""
    scene.connected(state=ConnectionState.ACTIVE)
    scene.links.save(ORGANIZATION, [Link("1", "1")])
    scene.vault.failing = TransientError("secrets-unavailable")
    with pytest.raises(TransientError):
        scene.connect.disconnect(BOSS)
    assert scene.connection.state is ConnectionState.DISCONNECTED
    scene.vault.failing = None
    scene.connect.disconnect(BOSS)
    assert scene.vault.consents == {}
    assert scene.connections.companies == {}
    assert list(scene.links.links(ORGANIZATION)) == []
    scene.unchanged_by(lambda: scene.connect.disconnect(BOSS), Conflict, "not-connected")


def test_what_is_not_connected_cannot_be_disconnected(scene: Scene) -> None:
    scene.unchanged_by(lambda: scene.connect.disconnect(BOSS), Conflict, "not-connected")
    assert scene.activity.entries == []


def test_an_authorization_that_never_came_can_be_given_up(scene: Scene) -> None:
    scene.begin()
    scene.connect.disconnect(BOSS)
    assert scene.connection.state is ConnectionState.DISCONNECTED


def test_nobody_disconnects_under_a_run(scene: Scene) -> None:
    scene.connected(state=ConnectionState.ACTIVE)
    scene.synchronizations.begin(Synchronization("run", ORGANIZATION, SynchronizationState.READING, 1, BOSS))
    error = scene.unchanged_by(lambda: scene.connect.disconnect(BOSS), Conflict, "synchronization-running")
    assert error.reason.params == {"synchronization": "run"}


def test_after_disconnecting_another_company_can_be_connected(scene: Scene) -> None:
    scene.connected(state=ConnectionState.ACTIVE, active_since=5)
    scene.connect.disconnect(BOSS)
    scene.consent.codes["other code"] = replace(GRANTED, company=Company("Annat AB", "556000-0001", "2"))
    found = scene.complete(state=scene.begin(), code="other code")
    assert (found.state, found.company_name) == (ConnectionState.AWAITING_FIRST_SYNC, "Annat AB")


def test_what_waits_for_a_consent_names_whom_it_is_for() -> None:
    assert PendingAuthorization(BOSS, "", TERMS).administrator == BOSS
