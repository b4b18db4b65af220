"""Runs in which nothing can be done, or part of it cannot be seen, as the API and the pages tell of them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from huma_fortnox.domain.outcome import Reason
from huma_fortnox.services.model import SynchronizationState

from tests.unit.web.fakes import RUN, World

HOME = "/integrations/fortnox"
STEPS = f"/synchronizations/{RUN}"
LICENCE = Reason("salary-licence-missing")
NOT_VISIBLE = Reason("not-visible-in-huma", {"field": "bank_account"})


def world_with(state: SynchronizationState, reason: Reason | None = None, *notes: Reason) -> World:
    """Return a world whose run stands like this."""
    world = World()
    world.synchronizations.run = replace(world.synchronizations.run, state=state, reason=reason, notes=notes)
    return world


def test_a_run_that_failed_for_want_of_the_licence_names_it() -> None:
    world = world_with(SynchronizationState.FAILED, LICENCE)
    told = world.call("GET", STEPS).json()
    assert (told["state"], told["over"], told["reason"]["code"]) == ("failed", True, "salary-licence-missing")
    page = world.get(f"{HOME}{STEPS}/result").body
    assert "Fortnox Lön" in page
    assert "no licence for payroll" in page


def test_a_field_that_the_key_may_not_see_is_told_with_the_plan() -> None:
    world = world_with(SynchronizationState.AWAITING_DECISIONS, None, NOT_VISIBLE)
    told = world.call("GET", STEPS).json()
    assert told["notes"] == [{"code": "not-visible-in-huma", "params": {"field": "bank_account"}}]
    assert "Bank account number cannot be seen in Huma" in world.get(f"{HOME}{STEPS}/differences").body


@pytest.mark.parametrize("page", ["differences", "new-people", "summary"])
def test_a_plan_with_nobody_in_it_is_a_page_like_any_other(page: str) -> None:
    world = World()
    world.synchronizations.plan = ()
    run = world.synchronizations.run
    world.synchronizations.run = replace(run, situations=dict.fromkeys(run.situations, 0))
    assert world.get(f"{HOME}{STEPS}/{page}").status == 200
    assert world.call("GET", f"{STEPS}/people").json()["people"] == []
