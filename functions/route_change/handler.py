"""Sends each change on the bus into its organization's lane, or drops it where it cannot matter."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from huma_fortnox.adapters.events import event_from_bus
from huma_fortnox.bootstrap import Application
from huma_fortnox.domain.errors import BadRequest
from huma_fortnox.observability import logger

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@lru_cache(maxsize=1)
def _application() -> Application:
    return Application()


@logger.inject_lambda_context(clear_state=True, log_event=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, bool]:
    """Route one event; an unreadable one is logged and over, for it would never become readable."""
    try:
        change = event_from_bus(event)
    except BadRequest as error:
        logger.warning("event dropped", reason=error.reason.code)
        return {"routed": False}
    routed = _application().router.route(change)
    logger.info("event routed" if routed else "event dropped", organization_id=change.organization_id)
    return {"routed": routed}
