"""A large company's synchronization on the local stack, with all that is needed to look at it from outside."""

from __future__ import annotations

import json
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.administration import Administration
from local.large_company import fortnox_file, huma_file
from local.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.large_company import Mix

READING_SECONDS = 240.0
APPLYING_SECONDS = 480.0
USUAL_WINDOW = 5.0

Json = dict[str, Any]


@contextmanager
def large_company(mix: Mix, *, window: float = USUAL_WINDOW) -> Iterator[Administration]:
    """Start everything with such a company, connected and not yet synchronized.

    ``window`` are the seconds in which the simulated Fortnox accepts 25 requests, and in which the product sends them.
    """
    with tempfile.TemporaryDirectory() as name:
        huma, fortnox = Path(name) / "huma.json", Path(name) / "fortnox.json"
        huma.write_text(json.dumps(huma_file(mix)))
        fortnox.write_text(json.dumps(fortnox_file(mix)))
        with World.start(
            huma_people=huma,
            fortnox_people=fortnox,
            fortnox_options=("--rate-seconds", str(window)),
            parameters={"FortnoxWindow": str(window)},
            environ={},
        ) as world:
            administration = Administration(world)
            administration.connect()
            # The one request with which connecting learns the company's name is in nobody's budget.
            time.sleep(window)
            administration.huma.forget_requests()
            administration.fortnox.forget_requests()
            yield administration


def read_and_plan(administration: Administration) -> str:
    """Start a synchronization, wait for its plan, and return its id."""
    run = administration.start()
    administration.until(run, "awaiting_decisions", seconds=READING_SECONDS)
    return run


def carry_out(administration: Administration, run: str) -> Json:
    """Press *Synchronize users*, wait until everything is written, and return how the run ended."""
    administration.apply(run)
    return administration.until(run, "finished", seconds=APPLYING_SECONDS)


def users(administration: Administration) -> dict[str, Json]:
    """Return Huma's people by e-mail, as Huma has them now."""
    (organization,) = administration.huma.people()["organizations"]
    return {user["email"]: user for user in organization["users"]}


def employees(administration: Administration) -> dict[str, Json]:
    """Return Fortnox's people by e-mail, as Fortnox has them now."""
    return {employee["Email"]: employee for employee in administration.fortnox.people()["employees"]}
