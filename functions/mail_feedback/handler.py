"""Notes which addresses did not take an e-mail of ours, or did not want it, as SES reports it."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from huma_fortnox.adapters.mail_reports import problem_from_report
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
    """Note one report; an unreadable one is logged and over, for it would never become readable."""
    try:
        organization_id, problem = problem_from_report(event)
    except BadRequest as error:
        logger.warning("report dropped", reason=error.reason.code)
        return {"noted": False}
    noted = _application().mail_feedback.note(organization_id, problem)
    message = "mail problem noted" if noted else "mail problem not news"
    logger.info(message, organization_id=organization_id, reason=problem.reason.code)
    return {"noted": noted}
