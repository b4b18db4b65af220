"""The demo's second synchronization: it finds nothing new and writes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.demo_decide import HELD
from local.demo_outcome import values_of_everybody
from local.demo_plan import difference_rows
from local.demo_run import APPLYING_SECONDS, READING_SECONDS, start
from local.demo_scene import HOME

if TYPE_CHECKING:
    from local.demo_scene import Scene

STILL_HELD = {**HELD, ("Åke", "bank_account"): "bank-account-foreign"}
LEFT = "Karin"
NOT_PAIRED = {
    "only_in_huma": {"Saga"},
    "only_in_fortnox": {"Birk", "Clara"},
    "ambiguous": {"Tove"},
    "blocked": {"Ulf"},
}


def synchronize_again(scene: Scene) -> None:
    """Start a second synchronization and hold it to finding only what was left open on purpose."""
    screen = scene.screen
    screen.chapter("A second synchronization finds nothing to do")
    before, asked = values_of_everybody(scene), (scene.huma.asked_so_far(), scene.fortnox.asked_so_far())
    run = start(scene)
    found = run.wait_until({"awaiting_decisions"}, seconds=READING_SECONDS)
    screen.table(("Situation", "People"), [(name, str(count)) for name, count in found["situations"].items()])
    people = run.people()
    open_changes = {
        (each["user"]["givenName"], change["field"]): change["held"] and change["held"]["code"]
        for each in people
        for change in each["changes"]
    }
    page = run.page("differences")
    screen.table(("Person", "Field", "Huma", "Fortnox", "Suggested, or why it is held"), difference_rows(page))
    wanted = {place: None if place == ("Vera", "bank_account") else code for place, code in STILL_HELD.items()}
    screen.expect_equal(open_changes, wanted, "Nothing differs but what could not be carried out the first time.")
    agreed = {each["user"]["givenName"]: each["notes"] for each in run.people("in_sync")}
    left = [note["code"] for note in agreed.get(LEFT, ())]
    screen.expect("left-as-is" in left, f"{LEFT}'s bank account, left as it is on purpose, is not asked about again.")
    apart: dict[str, set[str]] = {situation: set() for situation in NOT_PAIRED}
    for each in people:
        if each["situation"] in apart:
            apart[each["situation"]].add((each["user"] or each["employee"])["givenName"])
    screen.expect_equal(apart, NOT_PAIRED, "Apart are those who were not ticked, ambiguous, or cannot be compared.")

    summary = run.page("summary")
    lead = summary.main.first("p", class_="lead")
    scene.show_page(summary, lead.text() if lead else "")
    scene.browser.submit(summary.form(f"{HOME}/synchronizations/{run.id}/apply"))
    run.wait_until({"finished"}, seconds=APPLYING_SECONDS)
    writes = scene.huma.writes(asked[0]) + scene.fortnox.writes(asked[1])
    screen.expect_equal(len(writes), 0, "Nothing was written, neither to Huma nor to Fortnox.")
    screen.expect_equal(values_of_everybody(scene), before, "Everybody is as before, on both sides.")
