"""The whole journey in a real browser: as most do it, without JavaScript, on a phone, in Swedish, by keyboard alone."""

from __future__ import annotations

import pytest

from local.walk import Walk, eventually
from tests.e2e.companies import NORWEGIAN, SWEDISH
from tests.e2e.conftest import PHONE, Guide, Set_out

pytestmark = pytest.mark.browser


def go(guide: Guide, administrator: int = 0) -> Walk:
    """Walk from Huma's menu to the active connection, and hold both systems to what was decided."""
    walk = guide.walk
    before = walk.employees(guide.company.fortnox_name)
    walk.connect(administrator)
    walk.synchronize()
    after, users = walk.employees(guide.company.fortnox_name), walk.users()
    created = [each for number, each in after.items() if number not in before]
    assert [each["FirstName"] for each in created] == ["Yasmin"]
    assert users["Agnes"]["email"]
    assert len(users) == len(walk.organization["users"]) + 1
    johan = next(each for each in after.values() if each["FirstName"] == "Johan")
    assert (johan["ClearingNo"], johan["BankAccountNo"]) != (
        before[johan["EmployeeId"]]["ClearingNo"],
        before[johan["EmployeeId"]]["BankAccountNo"],
    )
    return walk


def follow_a_change(guide: Guide) -> None:
    """Change somebody in Huma and find it in Fortnox and in the activity log."""
    walk = guide.walk
    walk.edit("Farid", phone="070-1740640")

    def arrived() -> bool:
        found = walk.employees(guide.company.fortnox_name).values()
        return any(each["FirstName"] == "Farid" and each["Phone1"] == "070-174 06 40" for each in found)

    eventually(arrived)
    walk.open()
    walk.go_to("activity")
    eventually(lambda: walk.page.reload() and "Farid" in walk.page.locator("main").inner_text())
    walk.open()
    walk.seen("active")


def see_to_what_waits(guide: Guide) -> None:
    """Let real time hold something, and see to it on the overview and in the log."""
    walk, page = guide.walk, guide.walk.page
    walk.edit("Greta", bankAccount={"type": "national", "number": "1", "country": "SE"})
    walk.edit("Elin", phone=None)
    waiting = page.locator("section", has=page.locator("#attention")).locator("section.person")
    eventually(lambda: page.reload() and all(waiting.filter(has_text=name).count() for name in ("Greta", "Elin")))
    walk.seen("active-needs-attention")
    walk.follow(page.locator('button[name=answer][value="keep"]').first)
    assert "done=removal-decided" in page.url
    walk.follow(waiting.filter(has_text="Greta").locator('form[action$="/try-again"] button'))
    eventually(lambda: page.reload() and waiting.count() and not waiting.filter(has_text="Elin").count())
    walk.follow(page.locator('form[action$="/catch-up"] button'))
    assert page.locator('[role="status"]').count() == 1
    walk.go_to("activity")
    page.fill("#name", "greta")
    page.select_option("#outcome", "held")
    walk.follow(page.locator("form.search button"))
    assert page.locator(".entry").count() >= 1
    assert "Farid" not in page.locator("#found").inner_text()
    walk.seen("activity-searched")


def test_the_whole_journey_with_every_page_in_light_and_dark(set_out: Set_out) -> None:
    guide = set_out("journey")
    go(guide)
    follow_a_change(guide)
    see_to_what_waits(guide)
    guide.walk.go_to("settings")
    guide.walk.disconnect()
    guide.walk.seen("disconnected")
    assert guide.inspection.faults == []


def test_the_whole_journey_without_javascript(set_out: Set_out) -> None:
    guide = set_out("without-javascript", javascript=False, schemes=("light",))
    go(guide)
    follow_a_change(guide)
    assert guide.inspection.faults == []


def test_the_whole_journey_on_a_phone_in_swedish(set_out: Set_out) -> None:
    guide = set_out("phone-in-swedish", width=PHONE, language="sv", schemes=("light",))
    go(guide, SWEDISH)
    assert guide.inspection.faults == []


def test_the_whole_journey_by_keyboard_alone_in_norwegian(set_out: Set_out) -> None:
    guide = set_out("keyboard-in-norwegian", keyboard=True, language="nb", schemes=("dark",))
    go(guide, NORWEGIAN)
    assert guide.inspection.faults == []
