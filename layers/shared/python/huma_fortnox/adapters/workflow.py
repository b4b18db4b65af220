"""The state machine *SynchronizeUsers* on Step Functions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from huma_fortnox.domain.errors import TransientError

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

_OVER = {"SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"}
_NOBODY_WAITS = {"TaskDoesNotExist", "TaskTimedOut", "InvalidToken"}


class StepFunctionsWorkflow:
    """``ports.Workflow`` on Step Functions."""

    def __init__(self, client: SFNClient, state_machine: str) -> None:
        self._client = client
        self._state_machine = state_machine

    def start(self, organization_id: str, synchronization_id: str) -> None:
        """Start the run; its id is the execution's name, so starting it again is fine."""
        run = {"organization_id": organization_id, "synchronization_id": synchronization_id}
        try:
            self._client.start_execution(
                stateMachineArn=self._state_machine, name=synchronization_id, input=json.dumps({"run": run})
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ExecutionAlreadyExists":
                raise TransientError("workflow-unavailable") from None
        except BotoCoreError:
            raise TransientError("workflow-unavailable") from None

    def has_ended(self, organization_id: str, synchronization_id: str) -> bool:
        """Tell whether the run's execution is over; one that Step Functions does not know was not begun."""
        execution = f"{self._state_machine.replace(':stateMachine:', ':execution:')}:{synchronization_id}"
        try:
            return self._client.describe_execution(executionArn=execution)["status"] in _OVER
        except ClientError as error:
            if error.response["Error"]["Code"] != "ExecutionDoesNotExist":
                raise TransientError("workflow-unavailable") from None
            return False
        except BotoCoreError:
            raise TransientError("workflow-unavailable") from None

    def answer(self, token: str, decision: str) -> None:
        """Tell a waiting run what was decided; an answer nobody waits for is fine."""
        try:
            self._client.send_task_success(taskToken=token, output=json.dumps({"decision": decision}))
        except ClientError as error:
            if error.response["Error"]["Code"] not in _NOBODY_WAITS:
                raise TransientError("workflow-unavailable") from None
        except BotoCoreError:
            raise TransientError("workflow-unavailable") from None
