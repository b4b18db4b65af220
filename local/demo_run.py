"""One synchronization as the demo follows it: its pages, its state and plan in the API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.demo_scene import HOME

if TYPE_CHECKING:
    from local.demo_page import Page
    from local.demo_scene import Json, Scene

READING_SECONDS, APPLYING_SECONDS = 30.0, 60.0


def start(scene: Scene) -> Run:
    """Press *Synchronize users* on the overview."""
    overview = scene.browser.open(scene.address(HOME))
    return Run(scene, scene.browser.submit(overview.form(f"{HOME}/synchronizations")))


class Run:
    """One synchronization, as the API and the pages show it."""

    def __init__(self, scene: Scene, page: Page) -> None:
        self.scene = scene
        self.id = page.path.removeprefix(f"{HOME}/synchronizations/").partition("/")[0]

    def state(self) -> Json:
        """Ask the API where the run stands."""
        found: Json = self.scene.call("GET", f"/synchronizations/{self.id}")
        return found

    def page(self, step: str = "", query: str = "") -> Page:
        """Open one of the run's pages."""
        path = f"{HOME}/synchronizations/{self.id}" + (f"/{step}" if step else "")
        return self.scene.browser.open(self.scene.address(path + (f"?{query}" if query else "")))

    def people(self, situation: str = "") -> list[Json]:
        """Read the plan, page by page."""
        found: list[Json] = []
        after = ""
        while True:
            query = f"situation={situation}&after={after}&limit=200"
            page = self.scene.call("GET", f"/synchronizations/{self.id}/people?{query}")
            found += page["people"]
            after = page["after"] or ""
            if not after:
                return found

    def wait_until(self, wanted: set[str], *, seconds: float) -> Json:
        """Print the progress until the run is in one of these states."""
        shown = ""

        def reached() -> Json | None:
            nonlocal shown
            found = self.state()
            progress = _progress(found)
            if progress != shown:
                self.scene.screen.say(progress)
                shown = progress
            # A run that is over has its result a moment later.
            there = found["finishedAt"] if found["over"] else found["state"] in wanted
            return found if there else None

        found = self.scene.screen.wait_for(f"the run is {' or '.join(sorted(wanted))}", reached, seconds=seconds)
        self.scene.screen.expect(
            found["state"] in wanted, f"The run is {found['state']}.", otherwise=f"{found['state']} {found['reason']}"
        )
        return found


def _progress(run: Json) -> str:
    counts = run["progress"]
    done = {
        "employees": (counts.get("employeesRead"), counts.get("employeesTotal")),
        "users": (counts.get("usersRead"), counts.get("usersTotal")),
    }
    if run["state"] not in ("reading", "planning", "awaiting_decisions"):
        done = {"people": (counts.get("applied"), counts.get("toApply"))}
    parts = [f"{name} {some or 0} of {total}" for name, (some, total) in done.items() if total]
    return f"[{run['state']}] {', '.join(parts) or '…'}"
