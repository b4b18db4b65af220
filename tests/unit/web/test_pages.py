"""Every page in every state: well-formed, labelled, closed to the outside, and safe to show a hostile name."""

from __future__ import annotations

from dataclasses import replace

import pytest
from huma_fortnox.domain.decisions import Decisions, Direction
from huma_fortnox.domain.outcome import Reason
from huma_fortnox.domain.plan_types import Pairing
from huma_fortnox.pages.texts import locales
from huma_fortnox.services.model import ConnectionState, MailProblem, SynchronizationState
from huma_fortnox.services.real_time import Brake, Quarantine, RealTime, Reconciliation

from tests.unit.web.fakes import NOW, PLAN, RUN, Answer, World
from tests.unit.web.markup import Page

HOME = "/integrations/fortnox"
STEPS = f"{HOME}/synchronizations/{RUN}"

PAGES = [
    *((state, HOME, "") for state in ConnectionState),
    (ConnectionState.NOT_CONNECTED, f"{HOME}/set-up", ""),
    (ConnectionState.NOT_CONNECTED, f"{HOME}/set-up", "key=change"),
    (ConnectionState.NOT_CONNECTED, f"{HOME}/set-up", "key=saved&lacks=field-not-visible%3Aphone"),
    (ConnectionState.ACTIVE, f"{HOME}/terms", ""),
    (ConnectionState.ACTIVE, f"{HOME}/settings", ""),
    (ConnectionState.ACTIVE, f"{HOME}/settings", "saved=1"),
    (ConnectionState.ACTIVE, f"{HOME}/activity", ""),
    (ConnectionState.ACTIVE, f"{HOME}/activity", "after=x"),
    (ConnectionState.ACTIVE, f"{HOME}/disconnect", ""),
    *((ConnectionState.ACTIVE, f"{STEPS}/differences", f"situation={one}") for one in ("differs", "ambiguous")),
    *((ConnectionState.ACTIVE, f"{STEPS}/differences", f"situation={one}") for one in ("blocked", "in_sync")),
    (ConnectionState.ACTIVE, f"{STEPS}/differences", "saved=1"),
    (ConnectionState.ACTIVE, f"{STEPS}/differences", "situation=suggested"),
    (ConnectionState.ACTIVE, f"{STEPS}/differences", "situation=differs&field=phone&name=anna"),
    (ConnectionState.ACTIVE, f"{STEPS}/differences", "situation=blocked&name=nobody"),
    (ConnectionState.ACTIVE, f"{STEPS}/new-people", ""),
    (ConnectionState.ACTIVE, f"{STEPS}/new-people", "huma_name=bara&fortnox_name=nobody"),
    (ConnectionState.ACTIVE, f"{STEPS}/summary", ""),
]


@pytest.mark.parametrize("locale", locales())
@pytest.mark.parametrize(("state", "path", "query"), PAGES)
def test_a_page_is_well_formed_and_labelled(state: ConnectionState, path: str, query: str, locale: str) -> None:
    answer = World(state=state, locale=locale).get(path, query)
    assert answer.status == 200
    _is_a_good_page(answer, locale)


@pytest.mark.parametrize("locale", locales())
@pytest.mark.parametrize("state", list(SynchronizationState))
def test_a_run_has_a_good_page_in_every_state(state: SynchronizationState, locale: str) -> None:
    world = World(locale=locale)
    world.synchronizations.run = replace(
        world.synchronizations.run,
        state=state,
        finished_at=NOW,
        outcomes={"done": 2, "held": 1, "failed": 1},
        reason=Reason("decisions-timed-out") if state is SynchronizationState.CANCELLED else None,
    )
    answer = world.get(STEPS)
    if answer.status == 303:
        answer = world.get(answer.headers["location"])
    assert answer.status == 200
    _is_a_good_page(answer, locale)


def test_pages_are_not_kept_and_carry_the_security_headers() -> None:
    answer = World().get(HOME)
    assert answer.headers["cache-control"] == "no-store"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "script-src 'self';" in policy
    assert "connect-src 'self';" in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["strict-transport-security"].startswith("max-age=")


def test_the_set_up_form_may_lead_to_fortnox_and_no_other_form_may() -> None:
    world = World(state=ConnectionState.NOT_CONNECTED)
    assert (
        "form-action 'self' https://apps.fortnox.se;" in world.get(f"{HOME}/set-up").headers["content-security-policy"]
    )
    assert "form-action 'self';" in world.get(HOME).headers["content-security-policy"]


def test_the_stylesheet_is_kept_for_ever_under_an_address_of_its_own() -> None:
    world = World()
    [link] = [each for each in Page(world.get(HOME).body).all("link") if each["rel"] == "stylesheet"]
    answer = world.get(link["href"], cookie=None)
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert "immutable" in answer.headers["cache-control"]
    assert "http" not in answer.body
    assert world.get("/assets/0000.css", cookie=None).status == 404


def test_the_first_page_is_small_over_the_wire() -> None:
    world = World(state=ConnectionState.NOT_CONNECTED)
    page = Page(world.get(HOME).body)
    files = [*(each["href"] for each in page.all("link")), *(each["src"] for each in page.all("script"))]
    assert sorted(file.rpartition(".")[2] for file in files) == ["css", "js", "svg"]
    sizes = [world.weigh(path) for path in (HOME, *files)]
    assert all(size > 100 for size in sizes)
    assert sum(sizes) < 50_000


def test_a_hostile_name_is_inert() -> None:
    world = World()
    world.synchronizations.run = replace(world.synchronizations.run, state=SynchronizationState.FINISHED)
    for path in (f"{STEPS}/result", HOME):
        page = Page(world.get(path).body)
        assert len(page.all("script")) == 1
    assert "&lt;script&gt;" in world.get(f"{STEPS}/result").body
    differences = Page(World().get(f"{STEPS}/differences").body)
    assert "<script>alert(1)</script>" in differences.text
    assert len(differences.all("script")) == 1


def test_bank_accounts_are_masked() -> None:
    body = World().get(f"{STEPS}/differences").body
    assert "Handelsbanken •••• 8001" in body
    assert "512028001" not in body
    assert "000620" not in body


def test_the_overview_shows_the_table_of_fields_with_their_rules() -> None:
    page = Page(World(state=ConnectionState.NOT_CONNECTED).get(HOME).body)
    for name in ("E-mail", "Employment ID", "Bank account number", "Last day of work"):
        assert name in page.text
    assert "integration licence" in page.text


def test_people_are_listed_by_field_and_name() -> None:
    world = World()

    def listed(query: str) -> list[str]:
        page = Page(world.get(f"{STEPS}/differences", query).body)
        return [each["id"] for each in page.all("section") if each.get("class") == "person"]

    assert listed("situation=differs") == ["at-u:anna", "at-u:script"]
    assert listed("situation=differs&field=address") == ["at-u:anna"]
    assert listed("situation=differs&name=ANNA&field=phone") == ["at-u:anna"]
    assert listed("situation=differs&name=nobody") == []
    assert listed("situation=differs&field=salary") == ["at-u:anna", "at-u:script"]
    assert listed("situation=blocked&field=phone") == ["at-u:nomail"]


def test_suggested_pairs_are_a_list_of_their_own() -> None:
    pairing = (Pairing("new", "31", ("identity_number",)),)
    world = World(plan=[replace(each, pairings=pairing) if each.key in ("u:new", "e:31") else each for each in PLAN])
    world.synchronizations.run = replace(world.synchronizations.run, progress={"suggested": 2})
    page = Page(world.get(f"{STEPS}/differences", "situation=suggested").body)
    [tab] = [each for each in page.all("button") if each.get("value") == "suggested"]
    assert tab["aria-current"] == "page"
    assert [each["value"] for each in page.all("input") if each.get("name") == "pair:new:31"] == ["same", "different"]


def test_the_summary_names_whose_account_is_changed_and_who_is_created() -> None:
    body = World().get(f"{STEPS}/summary").body
    text = " ".join(Page(body).text.split())
    assert "Anna Berg no. 007Fortnox•••• 3120Handelsbanken •••• 8001" in text
    assert "6603120" not in body
    assert "512 028 001" not in body
    assert "Ny Anställd" in text
    assert "… and one more." in text
    assert "They get the job title Employee and no invitation." in text
    assert "One of them removes a value." in text
    assert "3 people are left alone" in text
    assert "Bara &lt;b&gt;Fortnox&lt;/b&gt;" in body


def test_an_employment_id_cannot_be_sent_to_fortnox() -> None:
    page = Page(World().get(f"{STEPS}/differences").body)
    offered = [each["value"] for each in page.all("input") if each.get("name") == "choice:employment_id:u:anna"]
    assert offered == ["use_fortnox", "leave"]


def test_nobody_is_ticked_for_the_administrator() -> None:
    page = Page(World().get(f"{STEPS}/new-people").body)
    boxes = [each for each in page.all("input") if each.get("type") == "checkbox"]
    assert [each["value"] for each in boxes if each["name"] == "create"] == ["e:31", "u:new", "u:left"]
    assert not [each for each in boxes if "checked" in each]


def test_a_person_that_cannot_be_created_has_a_reason_and_no_box() -> None:
    page = Page(World().get(f"{STEPS}/new-people").body)
    assert "listed:fortnox:u:held" not in [each.get("name") for each in page.all("input")]
    assert "There is no e-mail address in Huma" in page.text


def test_a_choice_for_a_whole_field_is_not_shown_as_made_where_it_would_remove_a_value() -> None:
    world = World()
    person = replace(
        PLAN[1],
        changes=tuple(replace(each, chosen=Direction.USE_HUMA, clears=each.huma is None) for each in PLAN[1].changes),
    )
    world.synchronizations.plan = (person,)
    world.synchronizations.decisions = Decisions(everything=Direction.USE_HUMA)
    page = Page(world.get(f"{STEPS}/differences").body)
    checked = {each["name"]: each["value"] for each in page.all("input") if "checked" in each}
    assert checked["choice:given_name:u:script"] == "use_huma"
    assert "choice:phone:u:script" not in checked


def test_the_progress_page_reloads_itself_until_told_otherwise() -> None:
    world = World()
    world.synchronizations.run = replace(world.synchronizations.run, state=SynchronizationState.READING)
    first = world.get(STEPS)
    assert '<noscript><meta http-equiv="refresh" content="3"></noscript>' in first.body
    assert [each["data-poll"] for each in Page(first.body).all("div") if "data-poll" in each] == ["3"]
    [quieter] = [each["href"] for each in Page(first.body).all("a") if "refresh=off" in each["href"]]
    quiet = world.get(STEPS, quieter.partition("?")[2]).body
    assert "<noscript>" not in quiet
    assert "data-poll" not in quiet


def test_the_active_page_lists_what_needs_attention_until_it_is_mended() -> None:
    world = World()
    assert "The account number is nothing but zeros." in world.get(HOME).body
    world.oversight.people = ()
    page = Page(world.get(HOME).body)
    assert "Nothing. Everything that was changed has been carried out." in page.text
    assert not [each for each in page.all("form") if each["action"].endswith("/try-again")]


def test_a_removal_is_answered_beside_the_value_it_is_about() -> None:
    page = Page(World().get(HOME).body)
    asked = [each for each in page.all("form") if each["action"] == f"{HOME}/removal"]
    answers = [each["value"] for each in page.all("button") if each.get("name") == "answer"]
    assert len(asked) == 2
    assert answers == ["remove", "keep", "keep"]


def test_stopped_bank_changes_and_failing_changes_are_told_with_what_to_do() -> None:
    world = World()
    assert "Bank account changes are stopped" not in world.get(HOME).body
    quarantine = Quarantine(NOW, NOW + 600, Reason("temporarily-unavailable"))
    running = Reconciliation("r", "schedule", "", NOW, NOW, page=1, pages=4)
    world.oversight.value = RealTime(quarantine, Brake(NOW, 6, 5), running, 5)
    for locale in locales():
        world.sessions.administrator = replace(world.sessions.administrator, locale=locale)
        _is_a_good_page(world.get(HOME), locale)
    world.sessions.administrator = replace(world.sessions.administrator, locale="en")
    page = Page(world.get(HOME).body)
    assert "6 people’s bank accounts were changed" in page.text
    assert "the limit is 5" in page.text
    assert "Changes keep failing." in page.text
    assert "under way, page 1 of 4" in page.text
    assert [each for each in page.all("form") if each["action"] == f"{HOME}/confirm-bank-changes"]
    assert "Changes in Huma go to Fortnox by themselves." not in page.text


@pytest.mark.parametrize("locale", locales())
def test_while_real_time_is_paused_the_page_says_so_and_offers_nothing_that_needs_it(locale: str) -> None:
    world = World(locale=locale)
    world.oversight.value = RealTime(None, Brake(NOW, 6, 5), None, 5)
    world.connect.value = replace(world.connect.value, paused_since=NOW, paused_by="Astrid Ek")
    answer = world.get(HOME)
    _is_a_good_page(answer, locale)
    page = Page(answer.body)
    assert "Astrid Ek" in page.text
    actions = [each["action"] for each in page.all("form")]
    assert f"{HOME}/resume" in actions
    assert not {f"{HOME}/{each}" for each in ("pause", "catch-up", "try-again", "removal")} & set(actions)


@pytest.mark.parametrize("locale", locales())
def test_mail_that_does_not_arrive_is_told_with_the_address_and_the_way_to_the_setting(locale: str) -> None:
    world = World(locale=locale)
    returned = MailProblem("pay@example.se", Reason("mail-bounced"), NOW, final=True)
    world.oversight.value = RealTime(threshold=5, mail_problem=returned)
    answer = world.get(HOME)
    _is_a_good_page(answer, locale)
    page = Page(answer.body)
    assert "pay@example.se" in page.text
    assert f"{HOME}/settings#recipients" in [each["href"] for each in page.all("a")]


def test_the_first_success_is_celebrated_once() -> None:
    world = World()
    world.synchronizations.run = replace(
        world.synchronizations.run, state=SynchronizationState.FINISHED, finished_at=NOW - 60
    )
    world.connect.value = replace(world.connect.value, active_since=NOW - 60)
    assert "is active 🥳" in world.get(HOME).body
    world.connect.value = replace(world.connect.value, active_since=NOW - 7 * 86400)
    body = world.get(HOME).body
    assert "🥳" not in body
    assert "Connected to Björk &amp; Söner AB" in body


def test_a_run_that_is_over_is_not_under_way_though_its_result_is_still_being_sent() -> None:
    world = World()
    world.synchronizations.under_way = True
    assert "A synchronization is under way" in world.get(HOME).body
    world.synchronizations.run = replace(world.synchronizations.run, state=SynchronizationState.FINISHED)
    body = world.get(HOME).body
    assert "A synchronization is under way" not in body
    assert f"{STEPS}/result" in body


def test_the_log_is_searched_by_name_and_filtered_by_outcome() -> None:
    world = World()

    def names(query: str) -> str:
        page = world.get(f"{HOME}/activity", query).body
        return Page(page[page.index('id="found"') :].join(["<html>", ""])).text

    assert "Anna Berg" in names("")
    assert "Bo" in names("name=BO")
    assert "Anna Berg" not in names("name=BO")
    assert "Anna Berg" not in names("outcome=held")
    assert "Anna Berg" in names("person=anna")
    assert "Nothing like that is in the log" in names("name=nobody")
    world.activity.endless, world.activity.pages = True, 0
    assert "Look at older ones" in names("name=nobody")
    assert world.activity.pages == 10


def test_a_search_keeps_what_was_searched_for_on_the_next_page() -> None:
    world = World()
    world.activity.endless = True
    page = Page(world.get(f"{HOME}/activity", "name=%22bo%26&outcome=held").body)
    [older] = [each["href"] for each in page.all("a") if "after=" in each["href"]]
    assert older == f"{HOME}/activity?name=%22bo%26&outcome=held&after=older"
    [box] = [each for each in page.all("input") if each.get("name") == "name"]
    assert box["value"] == '"bo&'


def test_a_lost_consent_is_the_first_thing_on_the_page() -> None:
    page = World(state=ConnectionState.NEEDS_REAUTHORIZATION).get(HOME).body
    assert "The consent in Fortnox has been taken back" in page
    assert "Connect again" in page
    assert 'action="/integrations/fortnox/synchronizations"' not in page


def test_the_terms_can_be_read_by_anybody() -> None:
    answer = World().get(f"{HOME}/terms", cookie=None, headers={"accept-language": "de"})
    assert answer.status == 200
    assert Page(answer.body).all("html")[0]["lang"] == "en"


def _is_a_good_page(answer: Answer, locale: str) -> None:
    page = Page(answer.body)
    assert page.faults == []
    assert page.all("html")[0]["lang"] == locale
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "{" not in page.text
