"""What an administrator sees to once the connection is active: limits, readers, the brake, a pause, the result."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from local.demo_scene import HOME
from local.walk import eventually

if TYPE_CHECKING:
    from tests.e2e.conftest import Guide, Set_out

pytestmark = pytest.mark.browser

BRAKE, PAUSE, RESUME = (f'form[action="{HOME}/{name}"] button' for name in ("confirm-bank-changes", "pause", "resume"))
SWAPPERS = ("Johan", "Farid")
"""Two people with Swedish accounts, who swap them."""


def active(guide: Guide) -> None:
    """Walk to the active connection without looking at the pages on the way, which the journey has seen."""
    walk = guide.walk
    walk.seen = lambda name: None
    walk.connect()
    walk.synchronize()
    walk.seen = guide.inspection


def fortnox_accounts(guide: Guide) -> list[tuple[str, str]]:
    """Return the accounts in Fortnox of those who swap theirs."""
    employees = guide.walk.employees(guide.company.fortnox_name).values()
    found = {each["FirstName"]: (each["ClearingNo"], each["BankAccountNo"]) for each in employees}
    return [found[name] for name in SWAPPERS]


def test_limits_and_readers_are_set_and_the_brake_stops_what_is_more(set_out: Set_out) -> None:
    guide = set_out("limits-and-brake")
    walk, page = guide.walk, guide.walk.page
    active(guide)
    walk.open(f"{HOME}/settings")
    page.fill("#bank-changes-an-hour", "1")
    page.fill("#recipient-1", "lone@example.com")
    page.select_option("#language-1", "sv")
    walk.follow(page.locator(f'form[action="{HOME}/settings"] button'))
    assert page.input_value("#recipient-1") == "lone@example.com"
    walk.seen("settings-saved")

    before = fortnox_accounts(guide)
    users = walk.users()
    accounts = [users[name]["bankAccount"] for name in SWAPPERS]
    for name, account in zip(SWAPPERS, reversed(accounts), strict=True):
        walk.edit(name, bankAccount={"type": "national", **account})
    walk.open()
    eventually(lambda: page.reload() and page.locator(BRAKE).count())
    walk.seen("active-brake")
    told = eventually(lambda: [mail for mail in walk.world.mails() if mail.to == ("lone@example.com",)])
    assert "kontoändringar" in told[-1].subject

    walk.follow(page.locator(BRAKE))
    assert "done=brake-confirmed" in page.url
    walk.seen("active-brake-confirmed")

    def swapped() -> bool:
        return fortnox_accounts(guide) == before[::-1]

    eventually(swapped)
    eventually(lambda: page.reload() and not page.locator(BRAKE).count())
    assert guide.inspection.faults == []


def test_real_time_can_be_paused_and_catches_up_when_it_goes_on(set_out: Set_out) -> None:
    guide = set_out("pause")
    walk, page = guide.walk, guide.walk.page
    active(guide)
    walk.open()
    walk.follow(page.locator(PAUSE))
    assert page.locator(f'form[action="{HOME}/try-again"], form[action="{HOME}/catch-up"]').count() == 0
    walk.seen("active-paused")
    walk.edit("Farid", phone="070-1740640")
    walk.follow(page.locator(RESUME))
    walk.seen("active-resumed")

    def arrived() -> bool:
        found = walk.employees(guide.company.fortnox_name).values()
        return any(each["FirstName"] == "Farid" and each["Phone1"] == "070-174 06 40" for each in found)

    eventually(arrived)
    assert guide.inspection.faults == []


def test_the_result_is_looked_at_by_outcome_mended_where_it_says_and_downloaded(set_out: Set_out) -> None:
    guide = set_out("result")
    walk, page = guide.walk, guide.walk.page
    active(guide)
    walk.open(f"{HOME}/synchronizations/{walk.run}/result")
    for outcome in ("all", "held", "done", "skipped"):
        walk.open(f"{HOME}/synchronizations/{walk.run}/result?outcome={outcome}")
        walk.seen(f"result-{outcome}")
    walk.follow(page.locator(".tiles a").first)
    assert "outcome=done" in page.url

    with page.expect_download() as begun:
        page.locator('main a[href*="result.csv"]').first.click()
    path = begun.value.path()
    assert begun.value.suggested_filename.endswith(".csv")
    lines = list(csv.reader(io.StringIO(Path(path).read_bytes().decode("utf-8-sig"), newline="")))
    assert {line[3] for line in lines[1:]} == {"Done"}

    walk.open(f"{HOME}/synchronizations/{walk.run}/result")
    mend = page.locator(f'.mend[href^="{walk.world.huma_url}"]').first
    address = mend.get_attribute("href")
    mend.click()
    page.wait_for_url(f"{walk.world.huma_url}/**")
    assert address is not None
    assert page.url == address
    assert guide.inspection.faults == []
