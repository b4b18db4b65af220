"""The JSON API: who may ask, what is refused and how precisely, and what is answered."""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import replace

import pytest
from huma_fortnox.domain.creation import EmploymentDefaults
from huma_fortnox.domain.decisions import Decisions, Direction
from huma_fortnox.domain.outcome import Reason
from huma_fortnox.domain.people import FieldSettings
from huma_fortnox.pages.terms import VERSION
from huma_fortnox.services.model import (
    ConnectionState,
    DecisionInput,
    OrganizationSettings,
    Recipient,
    SynchronizationState,
    Thresholds,
)
from huma_fortnox.web.api import MOST_DECISIONS

from tests.unit.web.fakes import (
    ADDRESS,
    AUTHORIZATION_URL,
    BEARER,
    COOKIE,
    CSRF,
    ORGANIZATION,
    OTHER_ORGANIZATION,
    RUN,
    World,
    event,
    json_event,
)

BASE = f"/api/organizations/{ORGANIZATION}"
STEPS = f"/synchronizations/{RUN}"
SETTINGS = {"phoneProperty": "Phone2", "defaultRegion": "NO", "countryName": "Sweden", "employment": None}
LIMITS = {
    "newUsers": {"jobTitle": "Employee", "invite": False},
    "createAutomatically": False,
    "bankChangesAnHour": 0,
    "thresholds": {"bankAccounts": 5, "bankAccountPercent": 20, "clearedValues": 1, "creations": 20},
    "recipients": [],
}
EMPLOYMENT = {"personelType": "ARB", "employmentForm": "TID", "salaryForm": "TIM"}


def test_a_bearer_token_needs_neither_cookie_nor_csrf_token() -> None:
    world = World()
    headers = {"authorization": f"Bearer {BEARER}"}
    assert world.send(event("GET", f"{BASE}/connection", headers=headers, cookie=None)).status == 200
    assert world.send(event("POST", f"{BASE}/synchronizations", headers=headers, cookie=None)).status == 201


def test_a_bad_bearer_token_is_not_rescued_by_a_cookie() -> None:
    answer = World().send(event("GET", f"{BASE}/connection", headers={"authorization": "Bearer guessed"}))
    assert answer.status == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="huma-fortnox"'


UNSAFE = [
    ("POST", "/connection"),
    ("DELETE", "/connection"),
    ("PUT", "/huma-key"),
    ("PUT", "/settings"),
    ("POST", "/synchronizations"),
    ("PUT", f"{STEPS}/decisions"),
    ("POST", f"{STEPS}/read-again"),
    ("POST", f"{STEPS}/apply"),
    ("POST", f"{STEPS}/cancel"),
]


@pytest.mark.parametrize("csrf", [None, "guessed", "gissad-å"])
@pytest.mark.parametrize(("method", "path"), UNSAFE)
def test_with_a_cookie_every_unsafe_request_needs_the_csrf_token(method: str, path: str, csrf: str | None) -> None:
    world = World()
    before = (world.connect.value, world.synchronizations.run)
    answer = world.send(json_event(method, BASE + path, {}, csrf=csrf))
    assert answer.status == 403
    assert answer.json()["error"]["code"] == "csrf-token-wrong"
    assert (world.connect.value, world.synchronizations.run) == before


@pytest.mark.parametrize(
    ("method", "path"),
    [*UNSAFE, ("GET", "/connection"), ("GET", STEPS), ("GET", f"{STEPS}/people"), ("GET", "/activity")],
)
def test_another_organization_does_not_exist(method: str, path: str) -> None:
    world = World()
    for organization in (OTHER_ORGANIZATION, "not-even-a-uuid"):
        given = event(method, f"/api/organizations/{organization}{path}", headers={"x-csrf-token": CSRF})
        answer = world.send(given)
        assert answer.status == 404
        assert answer.json()["error"] == {
            "code": "organization-unknown",
            "message": "There is no such organization here.",
            "params": {},
        }


def test_without_a_session_nothing_is_told_about_an_organization() -> None:
    for organization in (ORGANIZATION, OTHER_ORGANIZATION):
        answer = World().send(event("GET", f"/api/organizations/{organization}/connection", cookie=None))
        assert answer.status == 401


def test_the_connection_is_told() -> None:
    told = World().call("GET", "/connection").json()
    assert told["state"] == "active"
    assert told["company"] == {"name": "Björk & Söner AB", "organizationNumber": "556000-0001"}
    assert told["connectedAt"] == "2026-03-01T10:00:00Z"
    assert told["terms"]["version"] == VERSION
    assert "1001" not in json.dumps(told)


def test_an_organization_without_a_connection_has_one_that_says_so() -> None:
    told = World(state=ConnectionState.NOT_CONNECTED).call("GET", "/connection").json()
    assert (told["state"], told["company"], told["terms"], told["connectedAt"]) == ("not_connected", None, None, None)


def test_accepting_the_terms_gives_the_address_of_fortnoxs_consent() -> None:
    world = World()
    answer = world.call("POST", "/connection", {"termsVersion": VERSION})
    assert answer.json() == {"authorizationUrl": AUTHORIZATION_URL}
    assert world.connect.begun == [(COOKIE, VERSION)]
    assert world.call("POST", "/connection", {"termsVersion": "1999"}).json()["error"]["code"] == "terms-not-accepted"


def test_disconnecting_answers_with_nothing() -> None:
    world = World()
    answer = world.call("DELETE", "/connection")
    assert (answer.status, answer.body) == (204, "")
    assert world.connect.value.state is ConnectionState.DISCONNECTED


def test_a_huma_key_is_checked_and_what_it_lacks_is_told() -> None:
    world = World()
    world.connect.key_problems = (Reason("field-not-visible", {"field": "phone"}),)
    answer = world.call("PUT", "/huma-key", {"clientId": "a", "clientSecret": "b", "webhookSecret": None})
    assert answer.json() == {"problems": [{"code": "field-not-visible", "params": {"field": "phone"}}]}
    assert world.connect.keys == [("a", "b", None)]


@pytest.mark.parametrize("employment", [None, EMPLOYMENT])
def test_settings_are_replaced(employment: dict[str, str] | None) -> None:
    world = World()
    answer = world.call("PUT", "/settings", SETTINGS | {"employment": employment})
    assert answer.status == 200
    assert answer.json()["settings"] == SETTINGS | {"employment": employment} | LIMITS
    expected = EmploymentDefaults("ARB", "TID", "TIM") if employment else None
    assert world.connect.value.settings == OrganizationSettings(FieldSettings("Phone2", "NO", "Sweden"), expected)


def test_limits_and_automatic_creation_are_kept_where_they_are_left_out() -> None:
    world = World()
    chosen = {
        "newUsers": {"jobTitle": "Kock", "invite": True},
        "createAutomatically": True,
        "bankChangesAnHour": 40,
        "thresholds": {"bankAccounts": 9, "bankAccountPercent": 0, "clearedValues": 3, "creations": 100},
        "recipients": [{"email": "Pay@example.se", "locale": "sv"}],
    }
    assert world.call("PUT", "/settings", SETTINGS | {"employment": EMPLOYMENT} | chosen).status == 200
    answer = world.call("PUT", "/settings", SETTINGS | {"employment": EMPLOYMENT})
    assert answer.json()["settings"] == SETTINGS | {"employment": EMPLOYMENT} | chosen
    assert world.connect.value.settings.thresholds == Thresholds(9, 0, 3, 100)
    assert world.connect.value.settings.recipients == (Recipient("Pay@example.se", "sv"),)


@pytest.mark.parametrize(
    ("recipients", "path"),
    [
        ([{"email": "nobody", "locale": "sv"}], "recipients[0].email"),
        ([{"email": "a@example.se\nBcc: b@example.se", "locale": "sv"}], "recipients[0].email"),
        ([{"email": "a@example.se", "locale": "de"}], "recipients[0].locale"),
        ([{"email": "a@example.se"}], "recipients[0].locale"),
        ([{"email": f"a{number}@example.se", "locale": "sv"} for number in range(6)], "recipients"),
        ("a@example.se", "recipients"),
    ],
)
def test_a_recipient_is_an_address_and_a_language_we_speak_and_there_are_a_few(recipients: object, path: str) -> None:
    answer = World().call("PUT", "/settings", SETTINGS | {"recipients": recipients})
    assert (answer.status, answer.json()["error"]["params"]["path"]) == (400, path)


def test_nobody_is_created_automatically_without_what_fortnox_demands() -> None:
    world = World()
    answer = world.call("PUT", "/settings", SETTINGS | {"employment": None, "createAutomatically": True})
    assert (answer.status, answer.json()["error"]["code"]) == (400, "employment-incomplete")
    assert not world.connect.value.settings.create_automatically


@pytest.mark.parametrize(
    ("method", "path", "body", "asked", "status"),
    [
        ("POST", "/held/try-again", {}, ("try-again", ""), 202),
        ("POST", "/held/try-again", {"userId": "bo"}, ("try-again", "bo"), 202),
        ("PUT", "/held/cia/removal", {"field": "phone", "remove": True}, ("removal", "cia", "phone", True), 204),
        ("POST", "/real-time/catch-up", None, ("catch-up",), 202),
        ("POST", "/real-time/confirm-bank-changes", None, ("brake",), 202),
        ("POST", "/real-time/pause", None, ("pause",), 200),
        ("POST", "/real-time/resume", None, ("resume",), 200),
    ],
)
def test_what_waits_can_be_seen_to(
    method: str, path: str, body: object, asked: tuple[object, ...], status: int
) -> None:
    world = World()
    assert world.call(method, path, body).status == status
    assert world.oversight.asked == [asked]


def test_who_paused_real_time_is_told_until_it_goes_on() -> None:
    world = World()
    paused = world.call("POST", "/real-time/pause").json()["paused"]
    assert paused == {"since": "2026-03-02T10:00:00Z", "by": "Astrid Ek"}
    assert world.call("GET", "/connection").json()["paused"] == paused
    assert world.call("POST", "/real-time/resume").json()["paused"] is None


@pytest.mark.parametrize(
    "body", [{"field": "salary", "remove": True}, {"field": "phone"}, {"field": "phone", "remove": 1}]
)
def test_an_answer_about_a_removal_must_be_one(body: object) -> None:
    world = World()
    assert world.call("PUT", "/held/cia/removal", body).status == 400
    assert world.oversight.asked == []


def test_held_values_and_the_state_of_real_time_are_told() -> None:
    world = World()
    found = world.call("GET", "/held").json()
    assert [each["userId"] for each in found["people"]] == ["bo", "cia", "new"]
    assert found["people"][0]["fields"][0]["reason"]["code"] == "bank-account-all-zeros"
    assert world.call("GET", "/real-time").json()["bankChangesAnHour"] == 5


def test_the_log_is_told_by_person_and_outcome() -> None:
    world = World()
    assert [each["person"] for each in world.call("GET", "/activity", query="person=bo").json()["entries"]] == ["bo"]
    assert [each["person"] for each in world.call("GET", "/activity", query="outcome=done").json()["entries"]] == [
        "anna"
    ]
    assert world.call("GET", "/activity", query="outcome=lucky").status == 400


def test_a_run_starts_with_its_address_and_only_once() -> None:
    world = World()
    first = world.call("POST", "/synchronizations")
    assert first.status == 201
    assert first.headers["location"] == BASE + STEPS
    second = world.call("POST", "/synchronizations")
    assert second.status == 409
    assert second.json()["error"]["link"] == BASE + STEPS
    assert second.headers["link"] == f'<{BASE}{STEPS}>; rel="related"'


def test_a_run_tells_its_state_counts_and_progress() -> None:
    told = World().call("GET", STEPS).json()
    assert told["state"] == "awaiting_decisions"
    assert told["situations"]["differs"] == 2
    assert told["progress"]["usersTotal"] == 25
    assert told["startedBy"] == "Astrid Ek"
    assert "astrid.ek@example.se" not in json.dumps(told)


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ("situation=differs&field=address", ["u:anna"]),
        ("situation=differs&name=BRIEN", ["u:script"]),
        ("situation=blocked&name=x", []),
        ("suggested=true", []),
    ],
)
def test_people_are_looked_for_by_field_and_name(query: str, keys: list[str]) -> None:
    answer = World().call("GET", f"{STEPS}/people", query=query)
    assert [each["key"] for each in answer.json()["people"]] == keys


def test_the_summary_is_applied_as_it_was_seen() -> None:
    world = World()
    world.synchronizations.run = replace(world.synchronizations.run, decided="now")
    seen = world.call("GET", f"{STEPS}/summary").json()
    assert seen["accounts"][0] == {
        "person": "u:anna",
        "name": "Anna Berg",
        "employeeId": "007",
        "to": "fortnox",
        "huma": "Handelsbanken •••• 8001",
        "fortnox": "•••• 3120",
    }
    assert seen["created"][0] == {"person": "u:new", "name": "Ny Anställd", "in": "fortnox"}
    before = world.call("POST", f"{STEPS}/apply", {"decided": "before"})
    assert (before.status, before.json()["error"]["code"]) == (409, "decided-since")
    assert world.call("POST", f"{STEPS}/apply", {"decided": 1}).status == 400
    assert world.call("POST", f"{STEPS}/apply", {"decided": seen["decided"]}).status == 202


def test_a_blocked_person_is_read_again() -> None:
    world = World()
    answer = world.call("POST", f"{STEPS}/read-again", {"person": "u:nomail"})
    assert (answer.status, answer.json()) == (200, {"situation": "differs"})
    world.synchronizations.stands = None
    assert world.call("POST", f"{STEPS}/read-again", {"person": "u:nomail"}).json() == {"situation": None}
    assert world.call("POST", f"{STEPS}/read-again", {"person": "u:anna"}).status == 400
    assert world.synchronizations.read == ["u:nomail", "u:nomail"]


@pytest.mark.parametrize("query", ["field=salary&situation=differs", "name=anna", "suggested=yes"])
def test_a_search_that_is_none_is_refused(query: str) -> None:
    answer = World().call("GET", f"{STEPS}/people", query=query)
    assert answer.status == 400
    assert answer.json()["error"]["code"] == "query-invalid"


def test_people_are_told_with_both_values_and_the_bank_account_masked() -> None:
    world = World()
    world.synchronizations.decisions = Decisions(
        everything=Direction.LEAVE,
        fields={"phone": Direction.USE_HUMA},
        changes={("u:anna", "phone"): Direction.USE_HUMA},
        creations={"u:new": True},
        pairs={("two", "21"): False},
    )
    answer = world.call("GET", f"{STEPS}/people")
    people = {each["key"]: each for each in answer.json()["people"]}
    phone, _, address, bank = people["u:anna"]["changes"]
    assert (phone["huma"], phone["fortnox"], phone["exact"]) == ("070-123 45 67", "070-123 99 67", True)
    assert (phone["suggested"], phone["changed"]) == ("use_huma", "in_huma")
    assert ADDRESS["line1"] in address["huma"]
    assert address["fortnox"] is None
    assert bank["fortnox"] == "Handelsbanken •••• 8001"
    assert "512028001" not in answer.body
    assert people["u:new"]["create"] is True
    assert people["u:held"]["createHeld"]["code"] == "email-missing"
    assert [each["samePerson"] for each in people["u:two"]["pairings"]] == [False, None]
    assert answer.json()["decisions"] == {"everything": "leave", "fields": {"phone": "use_huma"}}


def test_people_come_by_situation_and_page() -> None:
    world = World()
    told = world.send(event("GET", f"{BASE}{STEPS}/people", query="situation=differs&limit=1")).json()
    assert [each["key"] for each in told["people"]] == ["u:anna"]
    rest = world.send(event("GET", f"{BASE}{STEPS}/people", query=f"situation=differs&after={told['after']}")).json()
    assert [each["key"] for each in rest["people"]] == ["u:script"]
    assert rest["after"] is None


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("situation=hidden", "situation"),
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=-1", "limit"),
        ("limit=ten", "limit"),
        ("limit=٣", "limit"),
        ("limit=99999999999999999999", "limit"),
    ],
)
def test_an_unusable_query_is_named(query: str, name: str) -> None:
    answer = World().send(event("GET", f"{BASE}{STEPS}/people", query=query))
    assert answer.status == 400
    assert answer.json()["error"]["params"]["name"] == name


def test_decisions_of_every_kind_are_kept() -> None:
    world = World()
    answer = world.call(
        "PUT",
        f"{STEPS}/decisions",
        {
            "decisions": [
                {"direction": "use_huma", "person": "u:anna", "field": "phone"},
                {"direction": "leave", "field": "address"},
                {"direction": "use_fortnox"},
                {"direction": None, "person": "u:anna", "field": "phone"},
                {"create": True, "person": "u:new"},
                {"samePerson": False, "userId": "two", "employeeId": "21"},
            ]
        },
    )
    assert (answer.status, answer.body) == (204, "")
    assert world.synchronizations.given == [
        DecisionInput(direction=Direction.USE_HUMA, person="u:anna", field="phone"),
        DecisionInput(direction=Direction.LEAVE, field="address"),
        DecisionInput(direction=Direction.USE_FORTNOX),
        DecisionInput(person="u:anna", field="phone"),
        DecisionInput(create=True, person="u:new"),
        DecisionInput(user_id="two", employee_id="21", same_person=False),
    ]


@pytest.mark.parametrize(
    ("decision", "code", "path"),
    [
        ({"direction": "burn"}, "body-member-invalid", "decisions[1].direction"),
        ({"direction": 1}, "body-member-invalid", "decisions[1].direction"),
        ({}, "body-member-missing", "decisions[1].direction"),
        ("use_huma", "body-member-invalid", "decisions[1]"),
        ({"direction": "leave", "person": "u:anna"}, "body-member-missing", "decisions[1].field"),
        ({"direction": "leave", "feild": "phone"}, "body-member-unknown", "decisions[1].feild"),
        ({"direction": "leave", "create": True, "person": "u:new"}, "body-member-unknown", "decisions[1].direction"),
        ({"create": "yes", "person": "u:new"}, "body-member-invalid", "decisions[1].create"),
        ({"create": True}, "body-member-missing", "decisions[1].person"),
        ({"create": True, "person": ""}, "body-member-invalid", "decisions[1].person"),
        ({"samePerson": None, "userId": "a", "employeeId": "1"}, "body-member-invalid", "decisions[1].samePerson"),
        ({"samePerson": True, "userId": "a"}, "body-member-missing", "decisions[1].employeeId"),
        ({"samePerson": True, "userId": "a", "employeeId": 7}, "body-member-invalid", "decisions[1].employeeId"),
    ],
)
def test_an_unusable_decision_is_named_and_none_is_kept(decision: object, code: str, path: str) -> None:
    world = World()
    good = {"direction": "leave", "field": "phone"}
    answer = world.call("PUT", f"{STEPS}/decisions", {"decisions": [good, decision]})
    assert answer.status == 400
    error = answer.json()["error"]
    assert (error["code"], error["params"]["path"]) == (code, path)
    assert path in error["message"]
    assert world.synchronizations.given == []


def test_a_decision_outside_the_plan_or_after_it_is_refused() -> None:
    world = World()
    unknown = {"decisions": [{"direction": "leave", "person": "u:nobody", "field": "phone"}]}
    assert world.call("PUT", f"{STEPS}/decisions", unknown).json()["error"]["code"] == "not-in-plan"
    world.synchronizations.run = replace(world.synchronizations.run, state=SynchronizationState.APPLYING)
    answer = world.call("PUT", f"{STEPS}/decisions", {"decisions": []})
    assert (answer.status, answer.json()["error"]["code"]) == (409, "already-applied")


def test_too_many_decisions_at_once_are_refused() -> None:
    many = {"decisions": [{"direction": "leave"}] * (MOST_DECISIONS + 1)}
    assert World().call("PUT", f"{STEPS}/decisions", many).json()["error"]["params"]["path"] == "decisions"


def test_the_summary_is_told() -> None:
    told = World().call("GET", f"{STEPS}/summary").json()
    assert told["toFortnox"] == {"phone": 12, "address": 1, "bank_account": 1}
    assert told["bankAccounts"] == {"fortnox": 1}


def test_applying_passes_the_confirmations_on() -> None:
    world = World()
    world.synchronizations.confirm = (Reason("values-cleared", {"count": "2"}),)
    assert world.call("POST", f"{STEPS}/apply", {}).json()["error"]["code"] == "confirmation-missing"
    answer = world.call("POST", f"{STEPS}/apply", {"confirmed": ["values-cleared"]})
    assert (answer.status, answer.json()["state"]) == (202, "applying")
    assert world.synchronizations.confirmed == ["values-cleared"]


@pytest.mark.parametrize("confirmed", ["values-cleared", [1], [None], {"a": 1}])
def test_unusable_confirmations_are_refused(confirmed: object) -> None:
    answer = World().call("POST", f"{STEPS}/apply", {"confirmed": confirmed})
    assert answer.json()["error"]["code"] == "body-member-invalid"


def test_a_run_can_be_cancelled() -> None:
    assert World().call("POST", f"{STEPS}/cancel").json()["state"] == "cancelled"


def test_outcomes_and_activity_come_in_pages() -> None:
    world = World()
    outcomes = world.call("GET", f"{STEPS}/outcomes").json()
    assert outcomes["after"] == "more"
    assert outcomes["people"][0]["outcomes"][2]["reason"]["code"] == "address-too-long"
    log = world.send(event("GET", f"{BASE}/activity", query="after=older&limit=1")).json()
    assert log["after"] is None
    assert log["entries"][0] == {
        "at": "2026-03-02T10:01:00Z",
        "kind": "push",
        "cause": "event",
        "person": "anna",
        "name": "Anna Berg",
        "outcomes": [{"field": "phone", "outcome": "done", "target": "fortnox", "reason": None}],
        "reason": None,
        "actor": None,
        "delayMs": 2345,
    }


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("", "body-missing"),
        ("{", "body-not-json"),
        ('{"a":1,"a":2}', "body-not-json"),
        ('{"a":NaN}', "body-not-json"),
        ("[" * 100_000, "body-not-json"),
        ("[]", "body-not-an-object"),
        ("null", "body-not-an-object"),
        ("{}", "body-member-missing"),
        ('{"termsVersion":""}', "body-member-invalid"),
        ('{"termsVersion":7}', "body-member-invalid"),
        ('{"termsVersion":"%s"}' % ("x" * 41), "body-member-invalid"),
        ('{"termsVersion":"1","more":1}', "body-member-unknown"),
    ],
)
def test_an_unusable_body_is_refused_with_its_reason(body: str, code: str) -> None:
    headers = {"content-type": "application/json; charset=utf-8", "x-csrf-token": CSRF}
    answer = World().send(event("POST", f"{BASE}/connection", body=body, headers=headers))
    assert answer.status == 400
    assert answer.json()["error"]["code"] == code


@pytest.mark.parametrize(
    ("member", "value", "path"),
    [
        ("phoneProperty", "Phone3", "phoneProperty"),
        ("defaultRegion", "se", "defaultRegion"),
        ("defaultRegion", "SWE", "defaultRegion"),
        ("countryName", "  ", "countryName"),
        ("countryName", "x" * 61, "countryName"),
        ("employment", {}, "employment.personelType"),
        ("employment", [], "employment"),
        ("employment", EMPLOYMENT | {"salaryForm": "X"}, "employment.salaryForm"),
        ("employment", EMPLOYMENT | {"pay": 1}, "employment.pay"),
    ],
)
def test_an_unusable_setting_is_named(member: str, value: object, path: str) -> None:
    world = World()
    before = world.connect.value
    answer = world.call("PUT", "/settings", SETTINGS | {member: value})
    assert answer.status == 400
    assert answer.json()["error"]["params"]["path"] == path
    assert world.connect.value == before


def test_a_body_of_another_kind_is_refused() -> None:
    headers = {"content-type": "text/plain", "x-csrf-token": CSRF}
    answer = World().send(event("POST", f"{BASE}/connection", body="{}", headers=headers))
    assert (answer.status, answer.json()["error"]["params"]) == (415, {"expected": "application/json"})


def test_a_body_that_is_too_large_is_refused_however_it_is_sent() -> None:
    headers = {"content-type": "application/json", "x-csrf-token": CSRF}
    large = json.dumps({"termsVersion": "å" * (1024 * 1024)}, ensure_ascii=False)
    for body, base64 in ((large, False), ("A" * 1_500_000, True)):
        answer = World().send(event("POST", f"{BASE}/connection", body=body, headers=headers, base64=base64))
        assert answer.status == 413


def test_a_body_in_base64_is_read_as_the_gateway_sends_it() -> None:
    world = World()
    headers = {"content-type": "application/json", "x-csrf-token": CSRF}
    body = b64encode(json.dumps({"termsVersion": VERSION}).encode()).decode()
    assert world.send(event("POST", f"{BASE}/connection", body=body, headers=headers, base64=True)).status == 200
    for broken in ("!!!", "/w=="):
        answer = world.send(event("POST", f"{BASE}/connection", body=broken, headers=headers, base64=True))
        assert answer.json()["error"]["code"] == "body-not-utf-8"


def test_an_error_speaks_the_administrators_language() -> None:
    told = World(locale="en").call("PUT", f"{STEPS}/decisions", {"decisions": 1}).json()
    assert told["error"]["message"] == "decisions cannot be used as it is."


def test_answers_are_not_kept_and_cannot_be_framed() -> None:
    answer = World().call("GET", "/connection")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
