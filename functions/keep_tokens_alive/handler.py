"""Every day: renews authorizations that would otherwise run out unused."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from huma_fortnox.bootstrap import Application
from huma_fortnox.observability import logger

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

SECONDS_TO_ANSWER = 10.0


@lru_cache(maxsize=1)
def _application() -> Application:
    return Application()


@logger.inject_lambda_context(clear_state=True, log_event=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """Renew what is due."""
    application = _application()
    application.deadline.start(context.get_remaining_time_in_millis() / 1000 - SECONDS_TO_ANSWER)
    renewed = application.keep_alive.all()
    logger.info("authorizations renewed", organizations=renewed)
    return {"renewed": renewed}
