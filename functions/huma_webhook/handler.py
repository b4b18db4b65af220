"""Receives Huma's webhooks: checks them and puts one event a user on the bus."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from huma_fortnox.bootstrap import Application
from huma_fortnox.observability import logger
from huma_fortnox.web.webhook import answer_webhook

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@lru_cache(maxsize=1)
def _application() -> Application:
    return Application()


@logger.inject_lambda_context(clear_state=True, log_event=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one webhook: 202 when its users are on their way, otherwise what is wrong with it."""
    return answer_webhook(_application().intake, event)
