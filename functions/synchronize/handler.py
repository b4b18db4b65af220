"""The steps of one run of *Synchronize users*, called by the state machine."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from huma_fortnox.bootstrap import Application
from huma_fortnox.observability import logger
from huma_fortnox.services.synchronize import step_of

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

SECONDS_TO_ANSWER = 20.0


@lru_cache(maxsize=1)
def _application() -> Application:
    return Application()


@logger.inject_lambda_context(clear_state=True, log_event=False)
def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """Carry out one step; the state machine's Retry and Catch read the class names of our errors."""
    application = _application()
    application.deadline.start(context.get_remaining_time_in_millis() / 1000 - SECONDS_TO_ANSWER)
    run, step = event["run"], event["step"]
    logger.append_keys(synchronization_id=run["synchronization_id"], step=step)
    rest = [event[name] for name in ("page", "batch", "token", "error") if name in event]
    try:
        return step_of(application.synchronize, step)(run["organization_id"], run["synchronization_id"], *rest)
    finally:
        application.systems.give_back()
