"""What the contract tests run against: the simulators as processes, or real addresses from the environment.

``CONTRACT_FORTNOX_API_URL`` (``https://api.fortnox.se``), ``CONTRACT_FORTNOX_AUTH_URL``
(``https://apps.fortnox.se/oauth-v1``) and ``CONTRACT_FORTNOX_TOKEN`` (an access token with the scopes salary and
companyinformation, of a test company) point the tests at Fortnox itself. Then only what is safe there runs; tests that
ask for the simulator are deselected.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import requests

from local.simulation import SimulatorProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

FORTNOX_API_URL = os.environ.get("CONTRACT_FORTNOX_API_URL", "").rstrip("/")
FORTNOX_SIMULATOR_FIXTURES = {"fortnox_simulator", "other_fortnox_simulator"}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what needs the Fortnox simulator when a real address is given."""
    if not FORTNOX_API_URL:
        return
    here = [item for item in items if FORTNOX_SIMULATOR_FIXTURES & set(getattr(item, "fixturenames", ()))]
    if here:
        config.hook.pytest_deselected(items=here)
        items[:] = [item for item in items if item not in here]


@dataclass
class FortnoxTarget:
    """A Fortnox to ask: its addresses, a session that sends what Fortnox wants, and an access token."""

    api_url: str
    auth_url: str
    token: str
    session: requests.Session
    seconds_between: float = 0.0

    def call(
        self,
        method: str,
        path: str,
        employee: dict[str, Any] | None = None,
        *,
        headers: dict[str, str | None] | None = None,
        **settings: Any,
    ) -> requests.Response:
        """Send one API request; `employee` goes out in its wrapper, a header of None is left out."""
        time.sleep(self.seconds_between)
        if employee is not None:
            settings["json"] = {"Employee": employee}
        standard = {"Authorization": f"Bearer {self.token}", "Accept": "application/json"}
        return self.session.request(
            method, f"{self.api_url}/3{path}", headers={**standard, **(headers or {})}, timeout=30, **settings
        )


@pytest.fixture(scope="session")
def http_session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        yield session


@pytest.fixture(scope="session")
def fortnox_process() -> Iterator[SimulatorProcess]:
    with SimulatorProcess("local.fortnox_simulator", "--client-secret", "s3cret") as process:
        yield process


@pytest.fixture
def fortnox_simulator(fortnox_process: SimulatorProcess) -> SimulatorProcess:
    """The Fortnox simulator, as new for each test."""
    fortnox_process.control("POST", "/_sim/reset")
    return fortnox_process


@pytest.fixture
def simulated_fortnox(fortnox_simulator: SimulatorProcess, http_session: requests.Session) -> FortnoxTarget:
    """The simulator as something to ask, with a token of its first company."""
    return target_of(fortnox_simulator, http_session)


@pytest.fixture(scope="module")
def other_fortnox_process() -> Iterator[SimulatorProcess]:
    arguments = "--clear-text-with null --clear-dates-with api-blank,empty --bank-format any --apostrophe no"
    arguments += " --revalidate none --default-agreement yes --rate-requests 3 --rate-seconds 0.4 --retry-after 5"
    arguments += " --service-accounts no --client-credentials no --errors-echo-state no --access-token-seconds 60"
    with SimulatorProcess("local.fortnox_simulator", *arguments.split()) as process:
        yield process


@pytest.fixture
def other_fortnox_simulator(other_fortnox_process: SimulatorProcess) -> SimulatorProcess:
    """A Fortnox that answers the other way wherever its behaviour is not published, as new for each test."""
    other_fortnox_process.control("POST", "/_sim/reset")
    return other_fortnox_process


@pytest.fixture
def other_simulated_fortnox(other_fortnox_simulator: SimulatorProcess, http_session: requests.Session) -> FortnoxTarget:
    """That Fortnox as something to ask, with a token of its first company."""
    return target_of(other_fortnox_simulator, http_session)


@pytest.fixture
def any_fortnox(request: pytest.FixtureRequest, http_session: requests.Session) -> FortnoxTarget:
    """The Fortnox of the environment when it names one, the simulator otherwise."""
    if FORTNOX_API_URL:
        auth_url = os.environ["CONTRACT_FORTNOX_AUTH_URL"].rstrip("/")
        token = os.environ["CONTRACT_FORTNOX_TOKEN"]
        return FortnoxTarget(FORTNOX_API_URL, auth_url, token, http_session, seconds_between=0.3)
    target: FortnoxTarget = request.getfixturevalue("simulated_fortnox")
    return target


def target_of(process: SimulatorProcess, session: requests.Session) -> FortnoxTarget:
    """Ask a simulator, with a token given without the authorization page."""
    token = process.control("POST", "/_sim/grant", {})["access_token"]
    return FortnoxTarget(process.url, f"{process.url}/oauth-v1", token, session)
