"""An administrator without a browser: the JSON API on a running world, with a bearer token from Huma."""

from __future__ import annotations

import time
import urllib.parse
from typing import TYPE_CHECKING, Any

import requests

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from local.world import World

TERMS = "2026-11-23"
EMPLOYMENT = {"personelType": "TJM", "employmentForm": "TV", "salaryForm": "MAN"}
SETTINGS = {"phoneProperty": "Phone1", "defaultRegion": "SE", "countryName": "Sverige", "employment": EMPLOYMENT}
OVER = ("finished", "cancelled", "failed")

Json = dict[str, Any]


class Administration:
    """The first organization of the simulated Huma, on a world with both simulators."""

    def __init__(self, world: World) -> None:
        assert world.huma is not None
        assert world.fortnox is not None
        self.world, self.huma, self.fortnox = world, world.huma, world.fortnox
        self.organization: Json = self.huma.people()["organizations"][0]
        able = [each["id"] for each in self.organization["administrators"] if each["permissions"]]
        self._who = {"organization": self.organization["id"], "user": able[0]}
        self._http = requests.Session()
        self._http.trust_env = False
        self._token, self._token_at = "", 0.0

    def api(self, method: str, path: str, document: Any = None, *, status: int = 200) -> Any:
        """Call the API below the organization; AssertionError for another status."""
        if time.monotonic() - self._token_at > 60:
            self._token = self.huma.control("POST", "/_sim/bearer", self._who)["token"]
            self._token_at = time.monotonic()
        answer = self._http.request(
            method,
            f"{self.world.public_url}/api/organizations/{self.organization['id']}{path}",
            json=document,
            headers={"Authorization": f"Bearer {self._token}"},
            timeout=60,
        )
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text[:500]}"
        kind = answer.headers.get("Content-Type", "")
        return answer.json() if answer.content and kind.startswith("application/json") else answer.text

    def connect(self) -> None:
        """Enter the key to Huma, accept the terms, approve in Fortnox, and choose what new employees get."""
        key = self.organization["apiKeys"][0]
        secret = self.organization["webhook"]["secret"]
        self.api(
            "PUT",
            "/huma-key",
            {"clientId": key["clientId"], "clientSecret": key["clientSecret"], "webhookSecret": secret},
        )
        url = self.api("POST", "/connection", {"termsVersion": TERMS})["authorizationUrl"]
        form = {"account": "admin", "password": "demo", "decision": "approve"}
        back = self._http.post(url, data=form, allow_redirects=False, timeout=30).headers["Location"]
        launch = self.huma.control("POST", "/_sim/launch", self._who)["url"]
        cookie = self._http.get(launch, allow_redirects=False, timeout=30).headers["Set-Cookie"].split(";")[0]
        done = self._http.get(back, headers={"Cookie": cookie}, allow_redirects=False, timeout=30)
        assert done.status_code == 303, done.text[:500]
        self.api("PUT", "/settings", SETTINGS)

    def start(self) -> str:
        """Start a synchronization and return its id."""
        return str(self.api("POST", "/synchronizations", status=201)["id"])

    def run(self, run: str) -> Json:
        """Return how a synchronization stands."""
        found: Json = self.api("GET", f"/synchronizations/{run}")
        return found

    def until(self, run: str, *states: str, seconds: float, meanwhile: Callable[[Json], None] | None = None) -> Json:
        """Wait until a synchronization is in one of these states; AssertionError when it takes too long."""
        deadline = time.monotonic() + seconds
        while True:
            found = self.run(run)
            # One that is over is through when its result has been counted, too.
            if found["state"] in states and (found["finishedAt"] or not found["over"]):
                return found
            assert time.monotonic() < deadline, found
            assert found["state"] in states or found["state"] not in OVER, found
            if meanwhile is not None:
                meanwhile(found)
            time.sleep(0.3)

    def decide(self, run: str, *decisions: Json) -> None:
        """Give decisions."""
        self.api("PUT", f"/synchronizations/{run}/decisions", {"decisions": list(decisions)}, status=204)

    def people(self, run: str, situation: str) -> list[Json]:
        """Return everybody in a situation."""
        return self._all(f"/synchronizations/{run}/people", "people", situation=situation)

    def create_everybody(self, run: str) -> None:
        """Tick everybody who stands on one side only."""
        for situation in ("only_in_huma", "only_in_fortnox"):
            keys = [person["key"] for person in self.people(run, situation)]
            for start in range(0, len(keys), 1000):
                self.decide(run, *({"person": key, "create": True} for key in keys[start : start + 1000]))

    def apply(self, run: str) -> Json:
        """Confirm what has to be confirmed and let the run write; return the summary it went by."""
        summary: Json = self.api("GET", f"/synchronizations/{run}/summary")
        confirmed: Sequence[str] = [reason["code"] for reason in summary["confirm"]]
        self.api("POST", f"/synchronizations/{run}/apply", {"confirmed": confirmed}, status=202)
        return summary

    def outcomes(self, run: str) -> dict[str, list[Json]]:
        """Return the outcomes of everybody, by key."""
        people = self._all(f"/synchronizations/{run}/outcomes", "people")
        return {person["key"]: person["outcomes"] for person in people}

    def _all(self, path: str, name: str, **query: str) -> list[Json]:
        found: list[Json] = []
        after = ""
        while True:
            asked = {**query, "limit": "200", **({"after": after} if after else {})}
            page = self.api("GET", f"{path}?{urllib.parse.urlencode(asked)}")
            found += page[name]
            after = page["after"] or ""
            if not after:
                return found
