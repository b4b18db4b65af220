"""Carries changes from the organizations' lanes to Fortnox; what must wait goes back to its lane, in order."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from huma_fortnox.bootstrap import Application
from huma_fortnox.observability import logger

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

SECONDS_TO_ANSWER = 10.0
SHARED_SECONDS = 15.0
"""How long a batch that several organizations share may take: the quick ones wait for its end."""


@lru_cache(maxsize=1)
def _application() -> Application:
    return Application()


@logger.inject_lambda_context(clear_state=True, log_event=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, list[dict[str, str]]]:
    """Carry one batch and name the messages that have to come again."""
    application, records = _application(), event["Records"]
    seconds = context.get_remaining_time_in_millis() / 1000 - SECONDS_TO_ANSWER
    if len({record["attributes"]["MessageGroupId"] for record in records}) > 1:
        seconds = min(seconds, SHARED_SECONDS)
    application.deadline.start(seconds)
    try:
        again = application.lane_batch.carry(records)
    finally:
        application.systems.give_back()
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in again]}
