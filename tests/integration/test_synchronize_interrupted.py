"""A synchronization that is left alone, stopped, or killed on the real stack: it ends, says so, and lets go."""

from __future__ import annotations

import json
import random
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from local.large_company import Mix
from local.large_run import READING_SECONDS, employees, large_company, read_and_plan, users
from local.soak_company import differences

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from local.administration import Administration

pytestmark = pytest.mark.stack

MIX = Mix(people=60, differing=40, only_in_huma=8, only_in_fortnox=8)
WINDOW = 1.0
FUNCTION = "huma-fortnox-local-synchronize"
SEED = 11


@pytest.fixture(scope="module")
def company() -> Iterator[Administration]:
    with large_company(MIX, window=WINDOW) as administration:
        yield administration


def eventually(read: Callable[[], Any], within: float = 30.0) -> Any:
    """The first result that is true, or a failed test."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if result := read():
            return result
        time.sleep(0.05)
    pytest.fail(f"nothing came within {within:.0f} s")


def machine(company: Administration) -> str:
    (found,) = company.world.stack.client("stepfunctions").list_state_machines()["stateMachines"]
    return str(found["stateMachineArn"])


def test_a_run_about_which_nobody_decides_ends_itself_says_so_and_lets_the_next_one_start(
    company: Administration,
) -> None:
    stack, arn = company.world.stack, machine(company)
    workflows = stack.client("stepfunctions")
    definition = json.loads(workflows.describe_state_machine(stateMachineArn=arn)["definition"])
    waiting = definition["States"]["AwaitDecisions"]
    thirty_days = waiting["TimeoutSeconds"]
    waiting["TimeoutSeconds"] = 3
    workflows.update_state_machine(stateMachineArn=arn, definition=json.dumps(definition))
    stack.reset_mails()
    try:
        run = read_and_plan(company)
        ended = company.until(run, "cancelled", seconds=30)
    finally:
        waiting["TimeoutSeconds"] = thirty_days
        workflows.update_state_machine(stateMachineArn=arn, definition=json.dumps(definition))
    assert ended["reason"]["code"] == "decisions-timed-out"
    assert ended["outcomes"] == {}
    (mail,) = eventually(stack.mails)
    assert mail.to == ("ester@example.com",)
    assert run in mail.text
    assert "Nobody decided in time" in mail.text
    following = eventually(lambda: company.start())
    assert company.until(following, "awaiting_decisions", seconds=READING_SECONDS)
    company.api("POST", f"/synchronizations/{following}/cancel")


def test_an_execution_that_is_stopped_from_outside_ends_as_failed_when_the_next_run_starts(
    company: Administration,
) -> None:
    run = read_and_plan(company)
    workflows = company.world.stack.client("stepfunctions")
    execution = f"{machine(company).replace(':stateMachine:', ':execution:')}:{run}"
    workflows.stop_execution(executionArn=execution)
    following = company.start()
    found = company.run(run)
    assert (found["state"], found["reason"]["code"]) == ("failed", "workflow-stopped")
    company.until(following, "awaiting_decisions", seconds=READING_SECONDS)
    company.api("POST", f"/synchronizations/{following}/cancel")


def test_a_worker_that_is_killed_while_it_writes_changes_nothing_about_the_end(
    company: Administration,
) -> None:
    chance = random.Random(SEED)
    company.fortnox.forget_requests()
    run = read_and_plan(company)
    company.decide(run, {"direction": "use_huma"})
    company.create_everybody(run)
    company.apply(run)
    changes = MIX.differing + MIX.only_in_huma
    eventually(partial(has_written, company, chance.randrange(2, changes)), within=90)
    assert company.world.stack.kill(FUNCTION) >= 1
    ended = company.until(run, "finished", seconds=180)

    after_users, after_employees = users(company), employees(company)
    everybody = MIX.people + MIX.only_in_huma + MIX.only_in_fortnox
    (organization,) = company.huma.people()["organizations"]
    assert len(organization["users"]) == len(company.fortnox.people()["employees"]) == everybody
    assert len(after_users) == len(after_employees) == everybody
    assert [email for email, user in after_users.items() if differences(user, after_employees[email])] == []
    told = [outcome for each in company.outcomes(run).values() for outcome in each]
    assert not [each for each in told if each["outcome"] in ("failed", "held", "skipped")]
    done = [each for each in told if each["field"] == "person" and each["outcome"] == "done"]
    assert len(done) == MIX.only_in_huma + MIX.only_in_fortnox
    assert ended["progress"]["applied"] == ended["progress"]["toApply"] == everybody


def has_written(company: Administration, changes: int) -> bool:
    asked = company.fortnox.requests(path="/3/")
    return sum(each["method"] in ("PUT", "POST") for each in asked) >= changes
