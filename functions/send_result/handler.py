"""E-mails the result of a run to whoever started it."""

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
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, bool]:
    """Send one result."""
    run = event["run"]
    report = _application().report
    sent = report is not None and report.result(run["organization_id"], run["synchronization_id"])
    logger.info("result sent" if sent else "result not sent", synchronization_id=run["synchronization_id"])
    return {"sent": sent}
