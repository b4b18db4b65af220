"""Carries changes from an organization's lane to Fortnox; what must wait goes back to the lane, in order."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.batch import SqsFifoPartialProcessor, process_partial_response
from huma_fortnox.bootstrap import Application
from huma_fortnox.observability import logger
from huma_fortnox.services.lane_batch import LaneBatch

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
    from aws_lambda_powertools.utilities.typing import LambdaContext

SECONDS_TO_ANSWER = 10.0


@lru_cache(maxsize=1)
def _application() -> Application:
    return Application()


@logger.inject_lambda_context(clear_state=True, log_event=False)
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Carry one batch: after a message that must wait, the rest of its lane waits with it."""
    application = _application()
    application.deadline.start(context.get_remaining_time_in_millis() / 1000 - SECONDS_TO_ANSWER)
    batch = LaneBatch(application.push, application.lane, event["Records"])
    processor = SqsFifoPartialProcessor(skip_group_on_error=True)
    # A batch that failed as a whole is reported like any other: an error would hide its messages for minutes.
    processor.raise_on_entire_batch_failure = False

    def carry(record: SQSRecord) -> None:
        batch.carry(record.raw_event)

    try:
        return process_partial_response(event=event, record_handler=carry, processor=processor, context=context)
    finally:
        application.systems.give_back()
