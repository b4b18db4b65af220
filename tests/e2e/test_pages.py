"""The pages beside the journey: ways in that are refused, every answer of Fortnox, forms with faults, rare states."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local.demo_scene import HOME
from local.walk import eventually
from tests.e2e.companies import NOT_PERMITTED

if TYPE_CHECKING:
    from tests.e2e.conftest import Guide, Set_out

pytestmark = pytest.mark.browser

ANSWERS = {
    "declined": ("", "decline"),
    "no-licence": ("no-licence", "approve"),
    "not-activated": ("not-activated", "approve"),
    "not-administrator": ("not-admin", "approve"),
    "locked": ("locked", "approve"),
    "odd": ("odd", "approve"),
}
"""What somebody does at Fortnox's login: the account and the button."""


def heading(guide: Guide) -> str:
    return guide.walk.page.locator("h1").inner_text()


def test_every_way_in_that_is_refused_has_a_good_page(set_out: Set_out) -> None:
    guide = set_out("refused")
    walk, seen = guide.walk, guide.walk.seen
    walk.open()
    seen("not-signed-in")
    walk.open(f"{HOME}?launch=not.a.token")
    seen("launch-invalid")
    walk.open_from_huma(NOT_PERMITTED)
    assert "permission" in walk.page.locator("main").inner_text()
    seen("not-permitted")
    walk.page.context.clear_cookies()
    walk.open_from_huma()
    walk.open(f"{HOME}/nothing-here")
    seen("unknown-page")
    walk.open(f"{HOME}/synchronizations/unknown")
    seen("unknown-synchronization")
    walk.open("/oauth/fortnox/callback?code=x&state=y")
    seen("state-unknown")
    walk.open(f"{HOME}/terms")
    seen("terms")
    walk.follow(walk.page.locator(f'form[action="{HOME}/sign-out"] button'))
    seen("signed-out")
    assert guide.inspection.faults == []


def test_every_answer_of_fortnox_has_a_good_page_that_leads_on(set_out: Set_out) -> None:
    guide = set_out("answers-of-fortnox")
    walk = guide.walk
    walk.open_from_huma()
    headings = set()
    walk.enter_key()
    for name, (account, decision) in ANSWERS.items():
        walk.to_fortnox()
        walk.answer_fortnox(account, decision)
        walk.seen(name)
        headings.add(heading(guide))
        walk.follow(walk.page.locator("main .actions a.button").first)
        assert walk.page.url.endswith("/set-up")
    assert len(headings) == len(ANSWERS)
    walk.seen("set-up-again")
    assert guide.inspection.faults == []


def test_faults_in_forms_are_told_where_they_are(set_out: Set_out) -> None:
    guide = set_out("faults-in-forms")
    walk, page = guide.walk, guide.walk.page
    walk.open_from_huma()
    walk.open(f"{HOME}/set-up")
    send_as_it_is(guide, f"{HOME}/huma-key")
    walk.seen("set-up-key-missing")
    assert page.locator("#client-secret").get_attribute("aria-invalid") == "true"
    page.fill("#client-id", "unknown")
    page.fill("#client-secret", "wrong")
    page.fill("#webhook-secret", "whatever")
    walk.follow(page.locator(f'form[action="{HOME}/huma-key"] button'))
    walk.seen("set-up-key-refused")
    walk.open()
    walk.enter_key()
    send_as_it_is(guide, f"{HOME}/set-up")
    walk.seen("set-up-terms-not-accepted")
    walk.open(f"{HOME}/settings")
    page.fill("#default-region", "1")
    page.fill("#country-name", "")
    page.select_option("#personel-type", "TJM")
    send_as_it_is(guide, f"{HOME}/settings")
    walk.seen("settings-faults")
    assert page.locator('main [role="alert"] a').count() == 3
    assert guide.inspection.faults == []


def test_rare_states_of_a_synchronization_have_good_pages(set_out: Set_out) -> None:
    guide = set_out("rare-states")
    walk, page = guide.walk, guide.walk.page
    walk.seen = lambda name: None  # those on the way there are looked at on the journey
    walk.connect()
    walk.start()
    walk.seen = guide.inspection
    walk.open()
    walk.seen("under-way")
    start_again(guide)
    walk.seen("already-running")
    walk.open(f"{HOME}/synchronizations/{walk.run}/new-people")
    page.locator("li.pick", has_text="Yasmin").locator("input[name=create]").check()
    walk.follow(page.locator("button[name=then][value=continue]"))
    walk.seen("summary-settings-missing")
    assert page.locator('form[action$="/apply"] button').is_disabled()
    page.locator("details.cancel > summary").click()
    walk.follow(page.locator("details.cancel button"))
    page.wait_for_url("**/result*")
    walk.seen("result-cancelled")

    fortnox = walk.world.fortnox
    assert fortnox is not None
    walk.open()
    eventually(lambda: page.reload() and page.locator(f'form[action="{HOME}/synchronizations"]').count())
    fortnox.fault("lost_licence")
    try:
        walk.follow(page.locator(f'form[action="{HOME}/synchronizations"] button'))
        page.wait_for_url("**/result*", timeout=30_000)
    finally:
        fortnox.clear_faults()
    walk.seen("result-failed")
    walk.open()
    walk.seen("needs-reauthorization")
    assert page.locator(f'main a.button[href="{HOME}/set-up"]').count() == 1
    assert guide.inspection.faults == []


def send_as_it_is(guide: Guide, action: str) -> None:
    """Send a form without the browser's own look at it first, as somebody's older browser would."""
    form = guide.walk.page.locator(f'form[action="{action}"]')
    form.evaluate("form => { form.noValidate = true }")
    guide.walk.follow(form.locator("button").last)


def start_again(guide: Guide) -> None:
    """Start a synchronization from a page that was opened before another one began."""
    page = guide.walk.page
    page.evaluate(
        """address => {
          const token = document.querySelector('input[name=csrf]'), form = document.createElement('form');
          Object.assign(form, {method: 'post', action: address});
          form.append(token.cloneNode());
          document.querySelector('main').append(form);
          form.submit();
        }""",
        f"{HOME}/synchronizations",
    )
    page.locator(".failure").wait_for()
