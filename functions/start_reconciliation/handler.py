"""Every night: asks each organization's lane to compare everybody in Huma with what was last carried over."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from huma_fortnox.bootstrap import Application
from huma_fortnox.observability import logger

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@lru_cache(maxsize=1)
def _application() -> Application:
    return Application()


@logger.inject_lambda_context(clear_state=True, log_event=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """Begin a round for every organization."""
    begun = _application().reconcile.start_all()
    logger.info("reconciliations begun", organizations=begun)
    return {"organizations": begun}
