"""The state machine, as Step Functions sees it."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from botocore.stub import Stubber
from huma_fortnox.adapters.workflow import StepFunctionsWorkflow
from huma_fortnox.domain.errors import TransientError

from tests.unit.adapters.aws_client import client_that_answers

MACHINE = "arn:aws:states:eu-north-1:000000000000:stateMachine:synchronize-users"


def failure(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "names somebody"}}, "Any")


def test_a_run_is_an_execution_of_its_own_name_that_is_given_keys_alone() -> None:
    client = client_that_answers(start_execution={})
    StepFunctionsWorkflow(client, MACHINE).start("org", "run-1")
    ((_, arguments),) = client.calls
    assert (arguments["stateMachineArn"], arguments["name"]) == (MACHINE, "run-1")
    assert json.loads(arguments["input"]) == {"run": {"organization_id": "org", "synchronization_id": "run-1"}}


def test_starting_a_run_again_is_fine() -> None:
    StepFunctionsWorkflow(client_that_answers(start_execution=failure("ExecutionAlreadyExists")), MACHINE).start(
        "org", "run-1"
    )


@pytest.mark.parametrize(
    "outage", [failure("ExecutionLimitExceeded"), failure("ThrottlingException"), ReadTimeoutError(endpoint_url="url")]
)
def test_what_does_not_start_or_answer_is_an_outage(outage: Exception) -> None:
    workflow = StepFunctionsWorkflow(client_that_answers(start_execution=outage, send_task_success=outage), MACHINE)
    with pytest.raises(TransientError, match="workflow-unavailable"):
        workflow.start("org", "run-1")
    with pytest.raises(TransientError, match="workflow-unavailable"):
        workflow.answer("token", "apply")


@pytest.mark.parametrize("decision", ["apply", "cancel"])
def test_a_decision_is_what_the_machine_branches_on(decision: str) -> None:
    client = client_that_answers(send_task_success={})
    StepFunctionsWorkflow(client, MACHINE).answer("token", decision)
    ((_, arguments),) = client.calls
    assert arguments["taskToken"] == "token"
    assert json.loads(arguments["output"]) == {"decision": decision}


@pytest.mark.parametrize("code", ["TaskDoesNotExist", "TaskTimedOut", "InvalidToken"])
def test_an_answer_nobody_waits_for_is_fine(code: str) -> None:
    StepFunctionsWorkflow(client_that_answers(send_task_success=failure(code)), MACHINE).answer("token", "apply")


def test_the_codes_are_those_of_the_service() -> None:
    client: Any = boto3.client(
        "stepfunctions", region_name="eu-north-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    service = client.meta.service_model
    errors = {shape.name for shape in service.operation_model("SendTaskSuccess").error_shapes}
    assert {"TaskDoesNotExist", "TaskTimedOut", "InvalidToken"} <= errors
    assert "ExecutionAlreadyExists" in {s.name for s in service.operation_model("StartExecution").error_shapes}
    with Stubber(client) as stub:
        stub.add_response("start_execution", {"executionArn": f"{MACHINE}:run-1", "startDate": 0})
        stub.add_response("send_task_success", {})
        workflow = StepFunctionsWorkflow(client, MACHINE)
        workflow.start("org", "run-1")
        workflow.answer("token", "apply")


@pytest.mark.parametrize(
    ("status", "ended"),
    [
        ("RUNNING", False),
        ("PENDING_REDRIVE", False),
        ("SUCCEEDED", True),
        ("FAILED", True),
        ("TIMED_OUT", True),
        ("ABORTED", True),
    ],
)
def test_whether_a_run_has_ended_is_what_its_execution_says(status: str, ended: bool) -> None:
    client = client_that_answers(describe_execution={"status": status})
    assert StepFunctionsWorkflow(client, MACHINE).has_ended("org", "run-1") is ended
    ((_, arguments),) = client.calls
    assert arguments == {"executionArn": "arn:aws:states:eu-north-1:000000000000:execution:synchronize-users:run-1"}


def test_a_run_that_was_never_begun_has_not_ended() -> None:
    client = client_that_answers(describe_execution=failure("ExecutionDoesNotExist"))
    assert StepFunctionsWorkflow(client, MACHINE).has_ended("org", "run-1") is False


@pytest.mark.parametrize("outage", [failure("ThrottlingException"), ReadTimeoutError(endpoint_url="url")])
def test_whether_a_run_has_ended_cannot_be_told_during_an_outage(outage: Exception) -> None:
    workflow = StepFunctionsWorkflow(client_that_answers(describe_execution=outage), MACHINE)
    with pytest.raises(TransientError, match="workflow-unavailable"):
        workflow.has_ended("org", "run-1")
