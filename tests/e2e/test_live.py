"""What JavaScript adds to the steps of deciding, and that nothing is missing without it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local.demo_scene import HOME
from local.walk import eventually

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page, Route

    from tests.e2e.conftest import Guide, Set_out

pytestmark = pytest.mark.browser

SAME_PLACE = 2.0
"""Pixels that something may move when it is replaced by what looks the same."""


def begin(set_out: Set_out, name: str, *, javascript: bool = True) -> Guide:
    """Go to step 1, without looking at the pages on the way."""
    guide = set_out(name, javascript=javascript, schemes=("light",))
    guide.walk.seen = lambda name: None
    guide.walk.connect()
    guide.walk.start()
    guide.walk.seen = guide.inspection
    return guide


def stays(page: Page) -> None:
    """Mark the document: a page that is loaded anew has no mark."""
    page.evaluate("window.sameDocument = true")


def has_stayed(page: Page) -> bool:
    return bool(page.evaluate("window.sameDocument === true"))


def is_told(page: Page, name: str) -> None:
    """Wait until the status says what it says when something was ``saved`` or has ``failed``."""
    page.wait_for_function(
        "name => { const it = document.querySelector('#status');"
        " return it.textContent.trim().startsWith(it.dataset[name]) && !document.querySelector('[aria-busy]') }",
        arg=name,
    )


def focused(page: Page) -> list[str]:
    found: list[str] = page.evaluate("[document.activeElement.name, document.activeElement.value]")
    return found


def names(page: Page) -> list[str]:
    return [each.split(" no.")[0].strip() for each in page.locator("section.person > h3").all_inner_texts()]


def top(target: Locator) -> float:
    box = target.bounding_box()
    assert box is not None
    return box["y"]


def test_choices_are_kept_as_they_are_made_and_nothing_jumps(set_out: Set_out) -> None:
    guide = begin(set_out, "live-choices")
    walk, page = guide.walk, guide.walk.page
    stays(page)
    johan = walk.choice("Johan", "bank_account", "use_huma")
    johan.scroll_into_view_if_needed()
    before = top(johan)
    johan.check()
    is_told(page, "saved")
    name = johan.get_attribute("name")
    assert focused(page) == [name, "use_huma"]
    assert abs(top(johan) - before) < SAME_PLACE
    walk.choice("Johan", "bank_account", "leave").check()
    is_told(page, "saved")
    johan.check()
    is_told(page, "saved")
    assert has_stayed(page)
    page.reload()
    assert johan.is_checked()

    stays(page)
    walk.follow(page.locator(f'button[name=undo][value="{name and name.removeprefix("choice:")}"]'))
    assert not johan.is_checked()
    assert focused(page)[0] == name
    walk.follow(page.locator("button[name=reveal]").first)
    assert focused(page)[0] == "reveal"
    assert has_stayed(page)

    page.locator("#wide > summary").click()
    for direction in ("use_huma", "use_fortnox"):
        walk.follow(page.locator(f'button[name=wide][value="{direction}:phone"]'))
    walk.seen("undo-offered")
    assert page.locator("#bulk [data-announce]").inner_text() in (page.locator("#status").text_content() or "")
    walk.follow(page.locator("button[name=restore]"))
    pressed = page.locator('button[name=wide][value$=":phone"][aria-pressed=true]')
    assert pressed.get_attribute("value") == "use_huma:phone"
    assert page.locator("button[name=restore]").count() == 0
    assert has_stayed(page)
    assert guide.inspection.faults == []


def test_who_goes_on_at_once_is_not_overtaken_by_what_was_just_chosen(set_out: Set_out) -> None:
    guide = begin(set_out, "live-in-a-hurry")
    walk, page = guide.walk, guide.walk.page
    held_up: list[Route] = []

    def hold_up_the_first(route: Route) -> None:
        held_up.append(route)
        if len(held_up) > 1:
            route.continue_()

    page.route("**/differences", hold_up_the_first)
    with page.expect_request("**/differences"):
        walk.choice("Johan", "bank_account", "use_huma").check()
    page.locator('button[name=then][value="continue"]').click(no_wait_after=True)
    page.wait_for_timeout(300)
    assert page.url.endswith("/differences")
    assert len(held_up) == 1
    held_up[0].continue_()
    page.wait_for_url("**/new-people*")
    page.locator('button[name=then][value="continue"]').click()
    page.wait_for_url("**/summary*")
    assert "Johan" in page.locator("main").inner_text()
    assert guide.inspection.faults == []


def test_what_cannot_be_saved_is_told_and_stays_in_the_form(set_out: Set_out) -> None:
    guide = begin(set_out, "live-failures")
    walk, page = guide.walk, guide.walk.page
    stays(page)
    johan = walk.choice("Johan", "bank_account", "use_huma")
    page.route("**/differences", lambda route: route.abort())
    johan.check()
    is_told(page, "failed")
    assert johan.is_checked()
    walk.seen("not-saved")
    page.unroute("**/differences")
    walk.follow(page.locator('#actions button[name=then][value="stay"]'))
    is_told(page, "saved")
    assert has_stayed(page)
    page.reload()
    assert johan.is_checked()
    page.context.clear_cookies()
    walk.choice("Johan", "bank_account", "leave").check()
    is_told(page, "failed")
    status = page.locator("#status")
    assert "signed in" in status.inner_text().removeprefix(status.get_attribute("data-failed") or "")
    assert guide.inspection.faults == []


def test_lists_are_searched_and_turned_without_loading_the_page_anew(set_out: Set_out) -> None:
    guide = begin(set_out, "live-lists")
    walk, page = guide.walk, guide.walk.page
    stays(page)
    everybody = names(page)
    page.locator("#name").press_sequentially("johan", delay=30)
    eventually(lambda: names(page) != everybody and all("Johan" in each for each in names(page)))
    assert focused(page) == ["name", "johan"]
    assert "name=johan" in page.url
    walk.seen("found")
    page.fill("#name", "nobody at all")
    page.locator("p.nobody").wait_for()
    walk.seen("found-nobody")
    walk.follow(page.locator('button[name=then][value="everybody"]'))
    assert names(page) == everybody
    page.select_option("#field", "bank_account")
    eventually(lambda: 0 < len(names(page)) < len(everybody))
    without = page.locator("section.person").filter(has_not=page.locator('input[name^="choice:bank_account:"]'))
    assert without.count() == 0
    walk.show("blocked")
    blocked = names(page)
    assert page.evaluate("document.activeElement.id") == "list"
    page.go_back()
    eventually(lambda: names(page) != blocked)
    assert page.input_value("#field") == "bank_account"
    page.go_forward()
    eventually(lambda: names(page) == blocked)
    assert has_stayed(page)

    walk.to_new_people()
    stays(page)
    picks = page.locator("#in-fortnox li.pick")
    many = picks.count()
    page.locator("#fortnox_name").press_sequentially("yasmin", delay=30)
    eventually(lambda: picks.count() == 1)
    picks.locator("input[name=create]").check()
    is_told(page, "saved")
    assert focused(page)[0] == "create"
    walk.follow(page.locator('button[name=then][value="everybody:fortnox"]'))
    assert picks.count() == many
    assert page.locator("#in-fortnox input[name=create]:checked").count() == 1
    walk.follow(page.locator('button[name=every][value="tick:huma"]'))
    boxes = page.locator("#in-huma input[name=create]")
    assert boxes.count() == page.locator("#in-huma input[name=create]:checked").count() > 0
    walk.follow(page.locator('button[name=every][value="untick:huma"]'))
    assert page.locator("#in-huma input[name=create]:checked").count() == 0
    assert has_stayed(page)
    assert guide.inspection.faults == []


def test_somebody_who_was_mended_is_read_again_and_compared(set_out: Set_out) -> None:
    guide = begin(set_out, "live-read-again")
    walk, page = guide.walk, guide.walk.page
    stays(page)
    walk.show("blocked")
    again = page.locator("button[name=again]")
    blocked = again.count()
    walk.follow(again.first)
    assert again.count() == blocked
    walk.seen("read-again-still-blocked")
    without = next(name for name, user in walk.users().items() if not user.get("email"))
    walk.edit(without, email="mended@example.com")
    walk.follow(page.locator('button[name=again][value^="u:"]'))
    assert again.count() == blocked - 1
    assert page.locator('button[name=again][value^="u:"]').count() == 0
    assert page.locator("#reread .good").count() == 1
    walk.seen("read-again-mended")
    assert has_stayed(page)
    assert guide.inspection.faults == []


def test_progress_moves_by_itself_and_leads_on(set_out: Set_out) -> None:
    guide = set_out("live-progress", schemes=("light",))
    walk, page = guide.walk, guide.walk.page
    walk.seen = lambda name: None
    walk.connect()
    assert walk.world.huma is not None
    walk.world.huma.fault("slow_user_details", seconds=1.5)
    try:
        walk.follow(page.locator(f'form[action="{HOME}/synchronizations"] button'))
        stays(page)
        first = page.locator("#bars").inner_html()
        eventually(lambda: page.locator("#bars").inner_html() != first)
        assert has_stayed(page)
        assert page.locator("#status").inner_text() != ""
        guide.inspection("reading")
    finally:
        walk.world.huma.clear_faults()
    page.wait_for_url("**/differences*", timeout=40_000)
    assert guide.inspection.faults == []


def test_without_javascript_the_same_is_done_with_buttons(set_out: Set_out) -> None:
    guide = begin(set_out, "buttons", javascript=False)
    walk, page = guide.walk, guide.walk.page
    everybody = names(page)
    johan = walk.choice("Johan", "bank_account", "use_huma")
    johan.check()
    page.fill("#name", "johan")
    walk.follow(page.locator('button[name=then][value="filter"]'))
    assert all("Johan" in each for each in names(page))
    assert johan.is_checked()
    walk.seen("found")
    walk.follow(page.locator('button[name=then][value="everybody"]'))
    assert names(page) == everybody
    page.locator("#wide > summary").click()
    for direction in ("use_huma", "use_fortnox"):
        walk.follow(page.locator(f'button[name=wide][value="{direction}:phone"]'))
    walk.follow(page.locator("button[name=restore]"))
    pressed = page.locator('button[name=wide][value$=":phone"][aria-pressed=true]')
    assert pressed.get_attribute("value") == "use_huma:phone"
    walk.to_new_people()
    page.fill("#fortnox_name", "yasmin")
    walk.follow(page.locator('button[name=then][value="filter:fortnox"]'))
    assert page.locator("#in-fortnox li.pick").count() == 1
    walk.follow(page.locator('button[name=every][value="tick:fortnox"]'))
    assert page.locator("#in-fortnox input[name=create]:checked").count() == 1
    assert guide.inspection.faults == []
