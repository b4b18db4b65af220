"""What every step of the demo works with: the world, the screen, the browser of one administrator, our JSON API."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from local.demo_browser import Browser
from local.demo_screen import NotHeld, Screen

if TYPE_CHECKING:
    from local.demo_page import Page
    from local.world import World

HOME = "/integrations/fortnox"
SESSION_COOKIE = "huma_fortnox_session"

Json = dict[str, Any]


class Simulated:
    """A simulator, asked by its address: what was asked of it, the people it holds, its other controls."""

    def __init__(self, name: str, url: str) -> None:
        self.name = name
        self.url = url
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def control(self, method: str, path: str, document: Any = None) -> Any:
        """Send one request with JSON and return the JSON answered; NotHeld when it is refused."""
        body = None if document is None else json.dumps(document).encode()
        request = urllib.request.Request(
            f"{self.url}/_sim/{path}", body, {"Content-Type": "application/json"}, method=method
        )
        try:
            with self._opener.open(request, timeout=30) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            raise NotHeld(f"{self.name} at {self.url} answers {error.code} to {method} /_sim/{path}") from None
        except (OSError, ValueError) as error:
            raise NotHeld(
                f"{self.name} at {self.url} has no controls of a simulator ({type(error).__name__}), and the demo reads"
                " before and after there. `make dev` runs with any other system."
            ) from None

    def asked_so_far(self) -> int:
        """Return the place in the request log that the next request will have."""
        place: int = self.control("GET", "requests")["next"]
        return place

    def asked(self, since: int, *, method: str = "", path: str = "") -> list[Json]:
        """Return the requests from a place on, oldest first, of one method and path prefix."""
        query = urllib.parse.urlencode({"since": since, "method": method, "path": path})
        entries: list[Json] = self.control("GET", f"requests?{query}")["requests"]
        return entries

    def writes(self, since: int) -> list[Json]:
        """Return the requests from a place on that change people."""
        return [each for each in self.asked(since) if each["method"] != "GET" and "/oauth" not in each["path"]]


@dataclass
class Scene:
    """The stage of the demo, and what one step leaves for the next."""

    world: World
    screen: Screen
    huma: Simulated
    fortnox: Simulated
    browser: Browser = field(default_factory=Browser)
    organization: Json = field(default_factory=dict)
    csrf_token: str = ""

    @classmethod
    def set(cls, world: World, screen: Screen) -> Scene:
        """Look around: which organization Huma holds."""
        scene = cls(world, screen, Simulated("Huma", world.huma_url), Simulated("Fortnox", world.fortnox_url))
        scene.organization = scene.huma.control("GET", "people")["organizations"][0]
        return scene

    # -- people, read from the simulators and never from our tables

    def users(self) -> dict[str, Json]:
        """Return Huma's people by id."""
        organization = self.huma.control("GET", f"people?organization={self.organization['id']}")["organizations"][0]
        return {user["id"]: user for user in organization["users"]}

    def employees(self) -> dict[str, Json]:
        """Return Fortnox's employees by EmployeeId."""
        return {each["EmployeeId"]: each for each in self.fortnox.control("GET", "people")["employees"]}

    def user_id(self, given_name: str) -> str:
        """Return the id of the one user with this given name."""
        found = [user["id"] for user in self.users().values() if user["givenName"] == given_name]
        if len(found) != 1:
            raise NotHeld(f"Huma holds {len(found)} people called {given_name}; the demo company has one")
        return str(found[0])

    def employee_of(self, user_id: str) -> str:
        """Return the EmployeeId of the one employee with a user's name."""
        user = self.users()[user_id]
        name = (user["givenName"], user["familyName"])
        found = [number for number, each in self.employees().items() if (each["FirstName"], each["LastName"]) == name]
        if len(found) != 1:
            raise NotHeld(f"Fortnox holds {len(found)} employees called {' '.join(name)}; the demo expects one")
        return found[0]

    # -- our own system

    def address(self, path: str) -> str:
        """Return the whole address of one of our paths."""
        return self.world.public_url + path

    def call(self, method: str, path: str, document: Any = None, *, status: int = 200, token: str = "") -> Any:
        """Call the JSON API below the organization, as Huma's own front end would.

        With the session of the browser, or with a bearer ``token`` from Huma. NotHeld for another status.
        """
        url = self.address(f"/api/organizations/{self.organization['id']}{path}")
        if token:
            answer = Browser().ask(method, url, document, {"Authorization": f"Bearer {token}"})
        else:
            answer = self.browser.ask(method, url, document, {"X-CSRF-Token": self.csrf_token})
        if answer.status != status:
            raise NotHeld(f"{method} {path} answers {answer.status} instead of {status}: {answer.body[:300]}")
        return json.loads(answer.body) if answer.body else None

    def remember_csrf(self, page: Page) -> None:
        """Take the CSRF token that a page's forms carry, for calls of the API."""
        for element in page.root.all("input"):
            if element.attributes.get("name") == "csrf":
                self.csrf_token = element.attributes["value"]
                return
        raise NotHeld(f"{page.path} ({page.status}) carries no CSRF token")

    def show_page(self, page: Page, *paragraphs: str) -> None:
        """Print a page's heading with what a reader looks at first."""
        self.screen.page(page.status, page.path, page.heading, *paragraphs)

    def show_refusal(self, page: Page) -> None:
        """Print a page that says why something is refused, as it stands."""
        self.show_page(page, *(each.text() for each in page.main.all("p") if each.attributes.get("class") != "status"))


def account_digits(people: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return the digits of every account number of Huma users and Fortnox employees, long enough to be recognized."""
    found: set[str] = set()
    for person in people:
        account = person.get("bankAccount") or {}
        texts = [*account.values(), person.get("BankAccountNo") or "", person.get("ClearingNo") or ""]
        found.update(re.sub(r"\D", "", text) for text in texts)
    return {digits for digits in found if len(digits) >= 7}


def shows_account(text: str, accounts: Iterable[str]) -> bool:
    """Tell whether a text holds one of these account numbers, in whatever grouping."""
    digits = re.sub(r"(?<=\d)[ .-]+(?=\d)", "", text)
    return any(account in digits for account in accounts)
