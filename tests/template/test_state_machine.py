"""The state machine: what it retries, where every failure ends, what it carries, and which steps it calls."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import huma_fortnox.adapters.fortnox
import huma_fortnox.adapters.http
import huma_fortnox.adapters.huma
import huma_fortnox.adapters.tokens  # noqa: F401  # so that every error there may be is known
import pytest
from huma_fortnox.adapters.synchronizations import LOCK_SECONDS, PLAN_SECONDS
from huma_fortnox.domain import errors
from huma_fortnox.domain.errors import IntegrationError, TransientError
from huma_fortnox.services.batches import BATCH_PEOPLE
from huma_fortnox.services.ports import EMPLOYEES_A_PAGE, USERS_A_PAGE
from huma_fortnox.services.synchronize import PAGES_A_STEP, Synchronize
from huma_fortnox.services.synchronize import STEPS as KNOWN_STEPS

from tests.template.document import resources, state_machine

AWS_ERRORS = {
    "States.ALL",
    "States.Timeout",
    "Lambda.TooManyRequestsException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.Unknown",
    "Sandbox.Timedout",
    "Runtime.ExitError",
}
LOST_WORKER = {"Lambda.Unknown", "Sandbox.Timedout", "Runtime.ExitError"}
"""How Step Functions names a function that was stopped or died; what it had to do is not done."""


class Placed(NamedTuple):
    """A state and the machine (the whole, a branch, or the inside of a map) that it belongs to."""

    name: str
    state: dict[str, Any]
    machine: dict[str, Any]


def machines(machine: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield machine
    for state in machine["States"].values():
        for inner in (*state.get("Branches", ()), *([state["ItemProcessor"]] if "ItemProcessor" in state else ())):
            yield from machines(inner)


ALL = [
    Placed(name, state, machine) for machine in machines(state_machine()) for name, state in machine["States"].items()
]
WORK = [placed for placed in ALL if placed.state["Type"] in ("Task", "Map", "Parallel")]
TASKS = [placed for placed in ALL if placed.state["Type"] == "Task"]
STEPS = [placed for placed in TASKS if "step" in placed.state["Parameters"]["Payload"]]
OUTERMOST = state_machine()["States"]


def subclasses(kind: type[IntegrationError]) -> set[str]:
    return {kind.__name__}.union(*(subclasses(each) for each in kind.__subclasses__()))


def names(placed: Placed) -> str:
    return placed.name


def retried(state: dict[str, Any]) -> set[str]:
    return {name for rule in state.get("Retry", ()) for name in rule["ErrorEquals"]}


@pytest.mark.parametrize("task", TASKS, ids=names)
def test_every_task_is_retried_with_growing_and_scattered_waits(task: Placed) -> None:
    assert task.state["Retry"]
    for rule in task.state["Retry"]:
        assert rule["MaxAttempts"] >= 3
        assert rule["BackoffRate"] > 1
        assert rule["MaxDelaySeconds"] <= 3600
        assert rule["JitterStrategy"] == "FULL"


@pytest.mark.parametrize("task", TASKS, ids=names)
def test_every_transient_error_of_ours_is_retried(task: Placed) -> None:
    missing = subclasses(TransientError) - retried(task.state)
    assert not missing or "States.ALL" in retried(task.state)


@pytest.mark.parametrize("task", TASKS, ids=names)
def test_a_worker_that_died_or_was_stopped_is_replaced(task: Placed) -> None:
    assert retried(task.state) >= LOST_WORKER or "States.ALL" in retried(task.state)


@pytest.mark.parametrize("placed", ALL, ids=names)
def test_every_error_that_is_named_exists(placed: Placed) -> None:
    ours = subclasses(IntegrationError)
    for rule in (*placed.state.get("Retry", ()), *placed.state.get("Catch", ())):
        for name in rule["ErrorEquals"]:
            assert name in AWS_ERRORS or name in ours, name
            assert name not in ours or hasattr(errors, name)
        assert "States.ALL" not in rule["ErrorEquals"] or rule["ErrorEquals"] == ["States.ALL"]


def test_no_error_that_needs_a_person_is_retried_before_the_run_has_ended() -> None:
    for placed in STEPS:
        if "States.ALL" not in retried(placed.state):
            assert not retried(placed.state) & subclasses(errors.NeedsAdministrator)
            assert "Defect" not in retried(placed.state)


# -- failures


def followers(state: dict[str, Any]) -> set[str]:
    found = {state["Next"]} if "Next" in state else set()
    found |= {state["Default"]} if "Default" in state else set()
    found |= {choice["Next"] for choice in state.get("Choices", ())}
    return found | {rule["Next"] for rule in state.get("Catch", ())}


def reachable(name: str) -> set[str]:
    found: set[str] = set()
    waiting = [name]
    while waiting:
        for each in followers(OUTERMOST[waiting.pop()]):
            if each not in found:
                found.add(each)
                waiting.append(each)
    return found


AFTER_UNLOCK = {"Unlock", "Failed?", "Failed", "Finished"}
BEFORE_UNLOCK = sorted(set(OUTERMOST) - AFTER_UNLOCK)


@pytest.mark.parametrize("name", BEFORE_UNLOCK)
def test_no_way_through_the_run_avoids_the_unlocking(name: str) -> None:
    """Whatever follows a state, Unlock comes before the end: without Unlock, no end can be reached."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        for each in followers(OUTERMOST[waiting.pop()]) - {"Unlock"}:
            if each not in found:
                found.add(each)
                waiting.append(each)
    assert not any(OUTERMOST[each]["Type"] in ("Succeed", "Fail") or OUTERMOST[each].get("End") for each in found)
    assert "Unlock" in reachable(name)


@pytest.mark.parametrize("name", BEFORE_UNLOCK)
def test_every_failure_is_caught_before_the_unlocking(name: str) -> None:
    state = OUTERMOST[name]
    if state["Type"] in ("Task", "Parallel", "Map"):
        assert any(rule["ErrorEquals"] == ["States.ALL"] for rule in state.get("Catch", ())), name


@pytest.mark.parametrize("name", sorted(set(OUTERMOST) - AFTER_UNLOCK - {"RecordFailure", "Summarize", "SendResult"}))
def test_a_failure_of_the_work_is_recorded_summarized_and_told(name: str) -> None:
    state = OUTERMOST[name]
    for rule in state.get("Catch", ()):
        if rule["ErrorEquals"] == ["States.Timeout"]:
            # Nobody decided in time, which is no failure.
            assert (name, rule["Next"], rule["ResultPath"]) == ("AwaitDecisions", "EndUndecided", "$.answer")
            continue
        assert rule["Next"] == "RecordFailure"
        assert rule["ResultPath"] == "$.error"
    assert {"Summarize", "SendResult"} <= reachable("RecordFailure")


def test_an_execution_whose_work_failed_fails_so_that_the_alarm_sees_it() -> None:
    assert OUTERMOST["Failed?"]["Choices"] == [{"Variable": "$.error", "IsPresent": True, "Next": "Failed"}]
    assert OUTERMOST["Failed"]["Type"] == "Fail"
    assert "Cause" in OUTERMOST["Failed"]


def test_every_state_is_reached() -> None:
    for machine in machines(state_machine()):
        start = machine["StartAt"]
        found, waiting = {start}, [start]
        while waiting:
            for each in followers(machine["States"][waiting.pop()]) - found:
                found.add(each)
                waiting.append(each)
        assert found == set(machine["States"])


# -- what is carried


CARRIED = {
    "run.$": "$.run",
    "page.$": "$.page",
    "batch.$": "$.batch",
    "token.$": "$$.Task.Token",
    "error.$": "$.error",
}


@pytest.mark.parametrize("task", TASKS, ids=names)
def test_a_task_is_given_keys_and_numbers_only(task: Placed) -> None:
    payload = {name: value for name, value in task.state["Parameters"]["Payload"].items() if name != "step"}
    assert payload.items() <= CARRIED.items()
    assert "run.$" in payload


@pytest.mark.parametrize(
    "placed", [each for each in ALL if each.state["Type"] in ("Task", "Map", "Parallel")], ids=names
)
def test_no_answer_of_a_function_is_carried_but_numbers_and_the_decision(placed: Placed) -> None:
    state = placed.state
    selected = state.get("ResultSelector")
    if state.get("ResultPath", "") is None or selected == {}:
        return
    if placed.name == "AwaitDecisions":
        assert state["ResultPath"] == "$.answer"
    elif selected:
        assert all(re.fullmatch(r"(numbers|to_decide|more)\.\$", name) for name in selected)
    else:
        # At the end of a branch everything is dropped by the Parallel or Map around it.
        assert state["End"] is True
        assert placed.machine is not state_machine()


Known = frozenset[str]
"""What a state's input is known to hold: names one below the root, and whole paths."""


def read_paths(state: dict[str, Any]) -> set[str]:
    """Return the paths of its input that a state cannot do without."""
    given = {**state.get("Parameters", {}), **state.get("Parameters", {}).get("Payload", {})}
    given |= state.get("ItemSelector", {})
    paths = {value for name, value in given.items() if name.endswith(".$")}
    paths |= {state[name] for name in ("ItemsPath", "OutputPath") if name in state}
    paths |= {choice["Variable"] for choice in state.get("Choices", ()) if "IsPresent" not in choice}
    return {path for path in paths if not path.startswith("$$")}


def left_by(state: dict[str, Any], known: Known) -> Known:
    """Return what the next state's input is known to hold when this one went well."""
    if state["Type"] in ("Choice", "Pass") or state.get("ResultPath", "") is None:
        return known
    place = state.get("ResultPath", "$")
    selected = {f"{place}.{name.removesuffix('.$')}" for name in state.get("ResultSelector", ())}
    return frozenset(selected) if place == "$" else known | {place} | selected


def unlaid(machine: dict[str, Any], known: Known) -> Iterator[tuple[str, str]]:
    """Yield each state with a path that it reads although no way to it has laid that."""
    inputs = {machine["StartAt"]: known}
    open_ends = [machine["StartAt"]]
    while open_ends:
        name = open_ends.pop()
        state = machine["States"][name]
        after = left_by(state, inputs[name])
        ways = [(state[key], after) for key in ("Next", "Default") if key in state]
        ways += [(choice["Next"], after) for choice in state.get("Choices", ())]
        ways += [(rule["Next"], inputs[name] | {rule["ResultPath"]}) for rule in state.get("Catch", ())]
        for following, held in ways:
            common = inputs[following] & held if following in inputs else held
            if inputs.get(following) != common:
                inputs[following] = common
                open_ends.append(following)
    for name, state in machine["States"].items():
        # What Step Functions or a function answers as a whole may hold anything: its parts are not followed.
        laid = inputs[name] | {"$.answer.decision"} if "$.answer" in inputs[name] else inputs[name]
        yield from ((name, path) for path in read_paths(state) - laid)
        for branch in state.get("Branches", ()):
            yield from unlaid(branch, inputs[name])
        if "ItemProcessor" in state:
            items = frozenset(f"$.{key.removesuffix('.$')}" for key in state["ItemSelector"])
            yield from unlaid(state["ItemProcessor"], items)


def test_every_path_that_a_state_reads_has_been_laid_by_the_states_before_it() -> None:
    """Step Functions ends an execution at once, past every Catch, that refers to what is not there."""
    assert list(unlaid(state_machine(), frozenset({"$.run"}))) == []


def test_nobody_is_waited_for_where_there_is_nothing_to_do() -> None:
    asked = OUTERMOST[OUTERMOST["Plan"]["Next"]]
    assert OUTERMOST["Plan"]["ResultSelector"] == {"to_decide.$": "$.Payload.to_decide"}
    assert asked["Choices"] == [{"Variable": "$.planned.to_decide", "NumericEquals": 0, "Next": "PrepareChanges"}]
    assert asked["Default"] == "AwaitDecisions"


def test_a_batch_that_had_to_stop_goes_on_until_it_is_through() -> None:
    inside = OUTERMOST["ApplyChanges"]["ItemProcessor"]["States"]
    assert inside["ApplyBatch"]["ResultSelector"] == {"more.$": "$.Payload.more"}
    assert inside["More?"]["Choices"] == [{"Variable": "$.applied.more", "BooleanEquals": True, "Next": "ApplyBatch"}]
    assert inside["More?"]["Default"] == "BatchDone"


def test_maps_are_bounded_and_one_batch_is_applied_at_a_time() -> None:
    maps = {placed.name: placed.state for placed in ALL if placed.state["Type"] == "Map"}
    assert set(maps) == {"ReadUsers", "ApplyChanges"}
    assert 1 < maps["ReadUsers"]["MaxConcurrency"] <= 10
    assert maps["ApplyChanges"]["MaxConcurrency"] == 1
    assert all(state["ItemProcessor"]["ProcessorConfig"] == {"Mode": "INLINE"} for state in maps.values())


def test_a_hundred_thousand_people_stay_within_the_history() -> None:
    """An iteration is 2 events (start, end); a task 5 (enter, scheduled, started, succeeded, exit), other states 2.

    As many again are created in Fortnox; each batch is cut short once, and a tenth of all tasks is tried three times,
    which is 3 events a try.
    """
    people = 100_000
    steps = people // (USERS_A_PAGE * PAGES_A_STEP)
    batches = people // EMPLOYEES_A_PAGE + people // BATCH_PEOPLE + 1
    reading = steps * (2 + 5)
    applying = batches * (2 + 2 * (5 + 2) + 2)
    repeating = (steps + 2 * batches) // 10 * 2 * 3
    assert reading + applying + repeating + 100 < 25_000


def test_the_plan_and_the_lock_outlast_the_waiting() -> None:
    """A plan that began to expire while somebody may still press the button would be applied in part."""
    waiting = OUTERMOST["AwaitDecisions"]["TimeoutSeconds"]
    assert 29 * 24 * 3600 < waiting <= 30 * 24 * 3600
    assert waiting + 3600 <= PLAN_SECONDS
    assert waiting + 3600 <= LOCK_SECONDS


# -- what is called


def test_the_service_knows_the_steps_of_the_machine_and_no_others() -> None:
    called = {placed.state["Parameters"]["Payload"]["step"] for placed in STEPS}
    assert called == set(KNOWN_STEPS)
    assert all(callable(getattr(Synchronize, name)) for name in KNOWN_STEPS)


def test_tasks_call_our_two_functions() -> None:
    substitutions = resources("AWS::Serverless::StateMachine")["SynchronizeUsers"]["DefinitionSubstitutions"]
    called = {placed.state["Parameters"]["FunctionName"] for placed in TASKS}
    assert called == {f"${{{name}}}" for name in substitutions}
    waiting = [placed.name for placed in TASKS if placed.state["Resource"].endswith(".waitForTaskToken")]
    assert waiting == ["AwaitDecisions"]
    assert {placed.state["Resource"].removesuffix(".waitForTaskToken") for placed in TASKS} == {
        "arn:aws:states:::lambda:invoke"
    }
