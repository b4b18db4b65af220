"""The demo's step 1: what differs between the two systems, as the pages show it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.demo_scene import account_digits, shows_account

if TYPE_CHECKING:
    from local.demo_page import Element, Page
    from local.demo_run import Run
    from local.demo_scene import Scene

SITUATIONS = {
    "in_sync": 5,
    "differs": 14,
    "only_in_huma": 4,
    "only_in_fortnox": 4,
    "ambiguous": 3,
    "blocked": 2,
}
"""What the comparison finds in the demo company, by number of people."""

AGREE = ("Alma", "Bertil", "Cilla")
"""Phone numbers; an address and an IBAN; a five-digit clearing number: written differently and yet equal."""


def show_plan(scene: Scene, run: Run) -> None:
    """Look at the plan: every difference, and who cannot be compared and why."""
    screen = scene.screen
    found = run.state()["situations"]
    screen.table(("Situation", "People"), [(name, str(count)) for name, count in found.items()])
    screen.expect_equal(found, SITUATIONS, "Everybody is in the situation that the demo company was made for.")

    page = run.page("differences")
    planned = run.people()
    rows = difference_rows(page)
    screen.table(("Person", "Field", "Huma", "Fortnox", "Suggested, or why it is held"), rows)
    differences = sum(len(each["changes"]) for each in planned if each["situation"] == "differs")
    screen.expect_equal(len(rows), differences, f"The page shows all {differences} differences that the API has.")
    agreeing = run.page("differences", "situation=in_sync").main.text()
    accounts = account_digits([*scene.users().values(), *scene.employees().values()])
    shown = page.main.text() + agreeing + str(planned)
    screen.expect(not shows_account(shown, accounts), "Bank accounts are masked, on the pages and in the API.")
    screen.expect(
        all(name in agreeing for name in AGREE),
        "Written differently and yet equal, so not asked about: phone numbers and names of towns (Alma), address lines"
        " and an IBAN (Bertil), a fifth clearing digit (Cilla).",
        otherwise=agreeing,
    )
    for situation in ("ambiguous", "blocked"):
        page = run.page("differences", f"situation={situation}")
        screen.say((page.main.first("nav", class_="tabs") and _about(page.main)) or situation)
        apart = [_apart_row(each) for each in page.main.all("section", class_="person")]
        screen.table(("Person", "Why"), sorted(apart))


def _about(main: Element) -> str:
    """Read the sentence under the tabs."""
    return next((each.text() for each in main.all("p") if not each.attributes), "")


def difference_rows(page: Page) -> list[tuple[str, str, str, str, str]]:
    """Read the lines of step 1 from its page, by name; the name stands on a person's first line."""
    rows = []
    for section in sorted(page.main.all("section", class_="person"), key=_name):
        name, body = _name(section, number=False), section.first("table", class_="differences")
        body = body.first("tbody") if body else None
        for line in body.all("tr") if body else ():
            label, (huma, fortnox, choice) = line.first("th"), line.all("td")
            held = choice.first("p", class_="held")
            outcome = held.text(without=_is_aside) if held else _suggestion(choice)
            rows.append((name, label.text(without=_is_aside) if label else "", huma.text(), fortnox.text(), outcome))
            name = ""
    return rows


def _suggestion(choice: Element) -> str:
    for option in choice.all("label"):
        if option.first("span", class_="suggested"):
            return option.text(without=lambda each: "suggested" in each.attributes.get("class", ""))
    return ""


def _apart_row(section: Element) -> tuple[str, str]:
    return _name(section), " ".join(each.text() for each in section.all("p", class_="reason"))


def _name(section: Element, *, number: bool = True) -> str:
    """Read a person's heading: name, number if wanted, and a remark such as *Inactive in Fortnox*."""
    heading = section.first("h3")
    if heading is None:
        return ""
    wanted = ("number", "tag") if number else ("tag",)
    remarks = [each.text() for class_ in wanted for each in heading.all("span", class_=class_)]
    name = heading.text(without=lambda each: each.tag == "span")
    return f"{name} ({', '.join(remarks)})" if remarks else name


def _is_aside(element: Element) -> bool:
    return bool({"advice", "by", "changed", "tag"} & set(element.attributes.get("class", "").split()))
