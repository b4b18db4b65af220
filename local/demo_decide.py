"""The demo's decisions: a direction for whole fields and for single people, one pair, whom to create, the summary."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from local.demo_scene import HOME

if TYPE_CHECKING:
    from local.demo_page import Element, Page
    from local.demo_run import Run
    from local.demo_scene import Json, Scene

USE_HUMA, USE_FORTNOX, LEAVE = "use_huma", "use_fortnox", "leave"
_WORDS = {USE_HUMA: "Use Huma", USE_FORTNOX: "Use Fortnox", LEAVE: "Leave as it is"}

WHOLE_FIELDS = {
    "email": USE_HUMA,
    "employment_id": USE_FORTNOX,
    "given_name": USE_HUMA,
    "family_name": USE_HUMA,
    "phone": USE_HUMA,
    "address": USE_HUMA,
    "first_day": USE_HUMA,
    "last_day": USE_HUMA,
}
"""Decided for everybody; the bank accounts are decided one by one."""

ONE_BY_ONE = {
    ("Johan", "bank_account"): USE_HUMA,
    ("Maja", "bank_account"): USE_HUMA,
    ("Vera", "bank_account"): USE_HUMA,
    ("Wilhelm", "bank_account"): USE_HUMA,
    ("Karin", "bank_account"): LEAVE,
    ("Nils", "bank_account"): USE_FORTNOX,
    ("Nils", "phone"): USE_FORTNOX,
    ("Nils", "address"): USE_FORTNOX,
    ("Nils", "first_day"): USE_FORTNOX,
}
"""By given name in Huma and field."""

HELD = {
    ("Per", "phone"): "duplicate-in-huma",
    ("Stig", "employment_id"): "duplicate-in-huma",
    ("Edvin", "employment_id"): "user-deactivated",
    ("Vera", "bank_account"): "bank-account-check-digit",
    ("Wilhelm", "bank_account"): "bank-account-foreign",
}
"""Choices that cannot be carried out, and why."""

SAME_PERSON = "Hugo"
"""Another e-mail on each side; identity number, employment ID, name and phone agree."""

NEW_IN_FORTNOX = ("Yasmin Sagolind", "Åke Sundfiktion")
NEW_IN_HUMA = ("Agnes Fiktivdotter",)
NEW_EMPLOYEES = {"personel_type": "ARB", "employment_form": "TV", "salary_form": "MAN"}
"""What Fortnox demands of a new employee: worker, permanent, monthly pay."""

NOT_TO_BE_CREATED = {"Saga"}


def decide(scene: Scene, run: Run) -> None:
    """Decide by field and by person through the API, as Huma's own front end would."""
    screen = scene.screen
    screen.chapter("Synchronize users, step 1: the decisions")
    keys = {each["user"]["givenName"]: each["key"] for each in run.people() if each["user"]}
    user_id = scene.user_id(SAME_PERSON)
    employee_id = scene.employee_of(user_id)
    decisions: list[Json] = [{"field": field, "direction": to} for field, to in WHOLE_FIELDS.items()]
    decisions += [{"person": keys[name], "field": field, "direction": to} for (name, field), to in ONE_BY_ONE.items()]
    decisions.append({"userId": user_id, "employeeId": employee_id, "samePerson": True})
    scene.call("PUT", f"/synchronizations/{run.id}/decisions", {"decisions": decisions}, status=204)

    labels = _labels(run.page("differences"))
    rows = [("Everybody", labels[field], _WORDS[to]) for field, to in WHOLE_FIELDS.items()]
    rows += [(name, labels[field], _WORDS[to]) for (name, field), to in ONE_BY_ONE.items()]
    rows.append((SAME_PERSON, "(the pair)", f"is employee {employee_id}: the same person, under another e-mail"))
    screen.table(("Who", "Field", "Decision"), rows)
    people = run.people("differs")
    kept = all(
        change["chosen"] == _direction(each["user"]["givenName"], change["field"])
        for each in people
        for change in each["changes"]
    )
    screen.expect(kept, "The decisions are kept, and shown with each difference.")
    pair = [each["changes"] for each in people if each["user"]["id"] == user_id]
    screen.expect_equal(
        [change["field"] for changes in pair for change in changes],
        ["email"],
        f"{SAME_PERSON} is compared now: his e-mail differs, and nothing else does.",
    )
    wrong = {"decisions": [{"person": keys["Johan"], "field": "phone", "direction": USE_HUMA}]}
    refused = scene.call("PUT", f"/synchronizations/{run.id}/decisions", wrong, status=400)["error"]
    screen.expect_equal(refused["code"], "not-in-plan", f"A decision on what does not differ: {refused['message']}")


def _direction(given_name: str, field: str) -> str | None:
    """Return what is decided for one field of one person."""
    return ONE_BY_ONE.get((given_name, field)) or WHOLE_FIELDS.get(field)


def choose_new_people(scene: Scene, run: Run) -> Page:
    """Tick on the page whom to create, both ways, and choose what Fortnox demands of new employees."""
    screen = scene.screen
    screen.chapter("Synchronize users, step 2: new people")
    page = run.page("new-people")
    ticks: list[str] = []
    for listed in page.main.all("section", class_="list"):
        heading, people = listed.first("h2"), list(listed.all("li", class_="pick"))
        screen.say(f"{heading.text(without=_is_count) if heading else ''}:")
        screen.table(("Tick", "Person", "Remark"), [(_mark(each), _name(each), _remarks(each)) for each in people])
        wanted = [box for each in people if (box := _box(each)) and _name(each) in (*NEW_IN_HUMA, *NEW_IN_FORTNOX)]
        ticks += [box.attributes["value"] for box in wanted]
    boxes = [box for each in page.main.all("li", class_="pick") if (box := _box(each))]
    screen.expect(not any("checked" in box.attributes for box in boxes), "Nobody is ticked for the administrator.")
    screen.expect_equal(
        len(ticks), len((*NEW_IN_HUMA, *NEW_IN_FORTNOX)), f"{', '.join((*NEW_IN_FORTNOX, *NEW_IN_HUMA))}: to be added."
    )
    without_box = {_name(each) for each in page.main.all("li", class_="pick") if _box(each) is None}
    screen.expect(without_box >= NOT_TO_BE_CREATED, "Saga has one name only, and Fortnox demands two: she is held.")
    form = page.form(f"{HOME}/synchronizations/{run.id}/new-people")
    page = scene.browser.submit(form, {"create": ticks, **NEW_EMPLOYEES}, button="then=continue")
    chosen = scene.call("GET", "/connection")["settings"]["employment"]
    screen.expect_equal(
        sorted(chosen.values()), sorted(NEW_EMPLOYEES.values()), "New employees: worker, permanent, monthly pay."
    )
    return page


def read_summary(scene: Scene, run: Run, page: Page) -> None:
    """Look at exactly what will be written."""
    screen = scene.screen
    screen.chapter("Synchronize users: the summary")
    scene.show_page(page, *(each.text() for each in page.main.all("p", class_="lead")))
    table = page.main.first("table")
    rows = [[cell.text() for cell in row.inside("th", "td")] for row in table.all("tr")] if table else []
    if rows:
        screen.table(rows[0], rows[1:])
    lists = [each.text() for listed in page.main.all("ul") for each in listed.inside("li")]
    screen.quote("\n".join(f"- {text}" for text in lists))
    wanted, found = _expected_summary(run), scene.call("GET", f"/synchronizations/{run.id}/summary")
    screen.expect_equal(
        {name: found[name] for name in wanted}, wanted, "The summary is what the plan and the decisions lead to."
    )


def _expected_summary(run: Run) -> Json:
    """Work out from the plan and the decisions what the summary has to say."""
    to: dict[str, Counter[str]] = {USE_HUMA: Counter(), USE_FORTNOX: Counter()}
    held = left = 0
    for person in run.people("differs"):
        name = person["user"]["givenName"]
        for change in person["changes"]:
            place = (name, change["field"])
            direction = _direction(*place)
            if direction == LEAVE:
                left += 1
            elif place in HELD:
                held += 1
            elif direction:
                to[direction][change["field"]] += 1
    accounts = {"fortnox": to[USE_HUMA]["bank_account"], "huma": to[USE_FORTNOX]["bank_account"]}
    return {
        "toFortnox": dict(to[USE_HUMA]),
        "toHuma": dict(to[USE_FORTNOX]),
        "bankAccounts": accounts,
        "createInFortnox": len(NEW_IN_FORTNOX),
        "createInHuma": len(NEW_IN_HUMA),
        "held": held,
        "left": left,
        "undecided": 0,
    }


def _labels(page: Page) -> dict[str, str]:
    """Read the names of the fields, by key, from where step 1 offers a decision for a whole field."""
    found = {}
    for row in page.main.all("tr"):
        label = row.first("th")
        for button in row.all("button"):
            if label and button.attributes.get("name") == "wide":
                found[button.attributes["value"].partition(":")[2]] = label.text()
    return found


def _name(row: Element) -> str:
    found = row.first("span", class_="name")
    return found.text() if found else ""


def _box(row: Element) -> Element | None:
    return next((each for each in row.all("input") if each.attributes.get("name") == "create"), None)


def _mark(row: Element) -> str:
    if row.first("fieldset", class_="pair"):
        return "-"
    if _box(row) is None:
        return "held"
    return "[x]" if _name(row) in (*NEW_IN_HUMA, *NEW_IN_FORTNOX) else "[ ]"


def _remarks(row: Element) -> str:
    if row.first("fieldset", class_="pair"):
        return "The same person on both sides, as decided in step 1"
    return " ".join(each.text(without=_is_count) for each in row.all("p"))


def _is_count(element: Element) -> bool:
    return bool({"count", "tag"} & set(element.attributes.get("class", "").split()))
