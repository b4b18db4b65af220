"""Where Fortnox sends the administrator back after its login page."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from huma_fortnox.bootstrap import Application
from huma_fortnox.observability import logger
from huma_fortnox.web.callback import build_callback

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext
    from huma_fortnox.web.routing import Resolver

SECONDS_TO_ANSWER = 2.0


@lru_cache(maxsize=1)
def _application() -> tuple[Application, Resolver]:
    application = Application()
    return application, build_callback(application.web)


@logger.inject_lambda_context(clear_state=True, log_event=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one return from Fortnox."""
    application, app = _application()
    application.deadline.start(context.get_remaining_time_in_millis() / 1000 - SECONDS_TO_ANSWER)
    return app.resolve(event, context)
