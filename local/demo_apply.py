"""The demo's run: writing what was decided, the result, and the e-mail about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.demo_decide import HELD
from local.demo_outcome import NOBODY_TO_WRITE, compare, values_of_everybody
from local.demo_run import APPLYING_SECONDS
from local.demo_scene import HOME, account_digits, shows_account

if TYPE_CHECKING:
    from local.demo_page import Element, Page
    from local.demo_run import Run
    from local.demo_scene import Scene
    from local.stack import Mail

MAIL_SECONDS = 15.0
NOT_WRITTEN = {"held", "failed", "skipped"}


def apply(scene: Scene, run: Run, summary: Page) -> None:
    """Press *Synchronize users* on the summary, wait, and hold both systems to what was decided."""
    screen = scene.screen
    screen.chapter("Synchronize users: the run")
    before, asked = values_of_everybody(scene), (scene.huma.asked_so_far(), scene.fortnox.asked_so_far())
    scene.show_page(scene.browser.submit(summary.form(f"{HOME}/synchronizations/{run.id}/apply")))
    found = run.wait_until({"finished"}, seconds=APPLYING_SECONDS)
    screen.table(("Outcome", "Changes"), [(name, str(count)) for name, count in sorted(found["outcomes"].items())])
    page = run.page("result")
    screen.say(f"{page.heading}. What was not written, and why:")
    screen.table(("Person", "What", "Outcome", "Why"), _not_written(page))
    outcomes = found["outcomes"]
    screen.expect(outcomes.get("done") and not outcomes.get("failed"), "Nothing failed.", otherwise=str(outcomes))
    compare(scene, before, asked)


def read_mail(scene: Scene, run: Run) -> None:
    """Read the e-mail with the result."""
    screen = scene.screen
    screen.chapter("The e-mail with the result")

    def arrived() -> Mail | None:
        return next((mail for mail in reversed(scene.world.mails()) if run.id in mail.text), None)

    mail = screen.wait_for("an e-mail that leads to the run", arrived, seconds=MAIL_SECONDS)
    screen.say(f"To: {', '.join(mail.to)}   Subject: {mail.subject}")
    screen.quote(mail.text)
    administrator = scene.organization["administrators"][0]["email"]
    screen.expect_equal(mail.to, (administrator,), "It went to the administrator who ran it, and to nobody else.")
    names = {name for name, _ in HELD} | {"Åke", *NOBODY_TO_WRITE}
    missing = sorted(name for name in names if name not in mail.text)
    screen.expect(not missing, "It names everybody who is held, with the reason.", otherwise=f"not {missing}")
    accounts = account_digits([*scene.users().values(), *scene.employees().values()])
    screen.expect(
        "Johan" in mail.text and not shows_account(mail.text + mail.html, accounts),
        "It names whose bank account was changed, and no account number.",
    )
    screen.expect("<html" in mail.html and "Vera" in mail.html, "It is there as HTML, too.")


def _not_written(page: Page) -> list[tuple[str, str, str, str]]:
    """Read the lines of the result page that are not done."""
    rows = []
    for person in page.main.all("section", class_="person"):
        name = person.first("h3")
        for line in person.all("li"):
            if NOT_WRITTEN & set(line.attributes.get("class", "").split()):
                what, tag, sentence = (line.first("span", class_=each) for each in ("what", "tag", "sentence"))
                rows.append((_text(name), _text(what), _text(tag), _text(sentence)))
    return sorted(rows)


def _text(element: Element | None) -> str:
    return element.text() if element else ""
