"""The journey in a real browser, step by step, for the browser tests and the pictures of the README.

Elements are found by what their forms send, never by their words, so that every language walks the same way.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from local.demo_scene import HOME

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from local.hands import Hands
    from local.world import World

READING_SECONDS, APPLYING_SECONDS, ARRIVAL_SECONDS = 40, 60, 20
ADMINISTRATOR = "admin"
NEW_EMPLOYEES = {"personel_type": "TJM", "employment_form": "TV", "salary_form": "MAN"}
WHOLE_FIELDS = {
    "email": "use_huma",
    "employment_id": "use_fortnox",
    "given_name": "use_huma",
    "family_name": "use_huma",
    "phone": "use_huma",
    "address": "use_huma",
    "first_day": "use_huma",
    "last_day": "use_huma",
}

Json = dict[str, Any]


def _nobody(_name: str) -> None:
    return None


@dataclass
class Walk:
    """One administrator's way through Huma, Fortnox and our pages.

    ``account`` is whom they log in to Fortnox as, ``company`` that account's number of the company. ``seen`` is told
    the name of every page that is shown on the way.
    """

    world: World
    page: Page
    hands: Hands
    organization: Json
    account: str = ADMINISTRATOR
    seen: Callable[[str], None] = field(default=_nobody)
    run: str = ""

    # -- the ways in

    def open_from_huma(self, administrator: int = 0) -> None:
        """Open the integration from Huma's settings menu."""
        self.page.goto(f"{self.world.huma_url}/{self.organization['slug']}/settings/integrations/fortnox")
        self.hands.choose(self.page.locator("input[name=administrator]").nth(administrator))
        self.follow(self.page.locator("main button"))
        self.hands.press(self.page.locator("main a.button"))
        self.page.wait_for_url(f"{self.world.public_url}/**")

    def open(self, path: str = HOME) -> None:
        """Open one of our pages by its address."""
        self.page.goto(self.world.public_url + path)

    def enter_key(self) -> None:
        """Go to the set-up and enter the key to Huma."""
        self.seen("overview")
        self.follow(self.page.locator(f'main a[href="{HOME}/set-up"]').first)
        self.seen("set-up")
        key = self.organization["apiKeys"][0]
        assert self.world.huma is not None
        known = self.world.huma.people()["organizations"]
        secret = next(each["webhook"]["secret"] for each in known if each["id"] == self.organization["id"])
        self.hands.write(self.page.locator("#client-id"), key["clientId"])
        self.hands.write(self.page.locator("#client-secret"), key["clientSecret"])
        self.hands.write(self.page.locator("#webhook-secret"), secret)
        self.follow(self.page.locator(f'form[action="{HOME}/huma-key"] button'))
        self.seen("set-up-key-saved")

    def to_fortnox(self) -> None:
        """Accept the terms and go on to Fortnox's login."""
        self.hands.choose(self.page.locator("#terms"))
        self.hands.press(self.page.locator(f'form[action="{HOME}/set-up"] button'))
        self.page.wait_for_url(f"{self.world.fortnox_url}/**")

    def answer_fortnox(self, account: str = "", decision: str = "approve") -> None:
        """Log in to Fortnox and approve or decline."""
        self.hands.choose(self.page.locator(f'input[name=account][value="{account or self.account}"]'))
        self.hands.press(self.page.locator(f'button[name=decision][value="{decision}"]'))
        self.page.wait_for_url(f"{self.world.public_url}/**")

    def connect(self, administrator: int = 0) -> None:
        """Come from Huma, enter the key, approve in Fortnox."""
        self.open_from_huma(administrator)
        self.enter_key()
        self.to_fortnox()
        self.answer_fortnox()
        self.seen("connected")

    # -- a synchronization

    def start(self) -> None:
        """Press *Synchronize users* and wait for step 1."""
        self.follow(self.page.locator(f'form[action="{HOME}/synchronizations"] button'))
        if "/differences" not in self.page.url:
            self.seen("reading")
        self._until("**/differences*", READING_SECONDS)
        self.run = self.page.url.partition("/synchronizations/")[2].partition("/")[0]
        self.seen("differences")

    def decide(self) -> None:
        """Decide for whole fields, for one bank account, and about one pair."""
        self.hands.press(self.page.locator("details.wide > summary"))
        for key, direction in WHOLE_FIELDS.items():
            self.follow(self.page.locator(f'button[name=wide][value="{direction}:{key}"]'))
        self.seen("differences-decided")
        self.hands.choose(self.choice("Johan", "bank_account", "use_huma"))
        self.show("ambiguous")
        self.hands.choose(self.page.locator('input[name^="pair:"][value=same]').first)
        self.show("blocked")
        self.show("in_sync")
        self.show("differs")

    def show(self, situation: str) -> None:
        """Show the people of one situation."""
        self.follow(self.page.locator(f'button[name=show][value="{situation}"]'))
        self.page.locator(f'button[name=show][value="{situation}"][aria-current]').wait_for()
        if situation != "differs":
            self.seen(f"differences-{situation}")

    def follow(self, target: Locator) -> None:
        """Press a button or link and wait until the page is another one, or has taken an answer in."""
        before = self.page.locator("main").evaluate(
            "main => { main.dataset.left = '1'; return document.documentElement.dataset.answers || '' }"
        )
        self.hands.press(target)
        answered = f'html[data-answers]:not([data-answers="{before}"]):not(:has([aria-busy])) main'
        self.page.locator(f"main:not([data-left]), {answered}").wait_for()
        self.page.wait_for_load_state()

    def choice(self, given_name: str, key: str, direction: str) -> Locator:
        """Return the radio button for one field of one person."""
        person = self.page.locator("section.person").filter(has=self.page.locator("h3", has_text=given_name))
        return person.locator(f'input[name^="choice:{key}:"][value="{direction}"]')

    def to_new_people(self) -> None:
        """Go on to step 2."""
        self.follow(self.page.locator("button[name=then][value=continue]"))
        self.page.wait_for_url("**/new-people*")
        self.seen("new-people")

    def choose_new_people(self, *, in_huma: str = "Agnes", in_fortnox: str = "Yasmin") -> None:
        """Tick one person on either side and choose what Fortnox demands; go on to the summary."""
        for side, name in (("huma", in_huma), ("fortnox", in_fortnox)):
            listed = self.page.locator("section.list").filter(has=self.page.locator(f"#list-{side}"))
            self.hands.choose(listed.locator("li.pick", has_text=name).locator("input[name=create]"))
        for name, value in NEW_EMPLOYEES.items():
            self.hands.select(self.page.locator(f"select[name={name}]"), value)
        self.follow(self.page.locator("button[name=then][value=continue]"))
        self.page.wait_for_url("**/summary*")
        self.seen("summary")

    def apply(self) -> None:
        """Press *Synchronize users* on the summary and wait for the result."""
        for box in self.page.locator("input[name=confirmed]").all():
            self.hands.choose(box)
        self.follow(self.page.locator('form[action$="/apply"] button'))
        if "/result" not in self.page.url:
            self.seen("applying")
        self._until("**/result*", APPLYING_SECONDS)
        self.seen("result")

    def synchronize(self) -> None:
        """Do a whole synchronization, from the overview to the result and back."""
        self.start()
        self.decide()
        self.to_new_people()
        self.choose_new_people()
        self.apply()
        self.go_home()
        self.seen("active-first")

    def go_home(self) -> None:
        """Follow the link to the overview."""
        self.follow(self.page.locator(f'header a[href="{HOME}"]'))
        self.page.wait_for_url(f"**{HOME}")

    # -- the active connection

    def go_to(self, section: str) -> None:
        """Follow one of the links in the frame: ``activity`` or ``settings``."""
        self.follow(self.page.locator(f'nav.sections a[href="{HOME}/{section}"]'))
        self.page.wait_for_url(f"**{HOME}/{section}")
        self.seen(section)

    def disconnect(self) -> None:
        """End the connection."""
        self.open(f"{HOME}/disconnect")
        self.seen("disconnect")
        self.follow(self.page.locator(f'form[action="{HOME}/disconnect"] button'))
        self.page.wait_for_url(f"**{HOME}")

    # -- waiting and looking

    def users(self) -> dict[str, Json]:
        """Return the organization's people in Huma by given name."""
        assert self.world.huma is not None
        found = self.world.huma.control("GET", f"/_sim/people?organization={self.organization['id']}")
        return {user["givenName"]: user for user in found["organizations"][0]["users"]}

    def employees(self, name: str) -> dict[str, Json]:
        """Return the employees of the company of this name in Fortnox by EmployeeId."""
        assert self.world.fortnox is not None
        found = self.world.fortnox.people()
        for each in (found, *found["otherCompanies"]):
            if each["company"]["name"] == name:
                return {employee["EmployeeId"]: employee for employee in each["employees"]}
        raise KeyError(name)

    def edit(self, given_name: str, **changes: Any) -> None:
        """Change somebody in Huma."""
        assert self.world.huma is not None
        user = self.users()[given_name]["id"]
        self.world.huma.control(
            "POST", "/_sim/edit", {"organization": self.organization["id"], "userId": user, "changes": changes}
        )

    def _until(self, address: str, seconds: float) -> None:
        """Wait for a page that progress leads to by itself."""
        self.page.wait_for_url(address, timeout=seconds * 1000)


def eventually(read: Callable[[], Any], *, seconds: float = ARRIVAL_SECONDS) -> Any:
    """Return the first result that is true; AssertionError when there is none in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := read():
            return found
        time.sleep(0.1)
    raise AssertionError(f"It did not come about within {seconds:.0f} s")
