"""Routes as a table, and their way onto the resolver.

The table is the one list of addresses: the resolver, the answer to a wrong method and the check of the OpenAPI
document all read it.
"""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver

from huma_fortnox.domain.errors import Defect, IntegrationError, Unknown
from huma_fortnox.domain.frozen import dataclass
from huma_fortnox.web.http import MethodNotAllowed, Request

if TYPE_CHECKING:
    from aws_lambda_powertools.event_handler.api_gateway import Response

logger = logging.getLogger(__name__)

Handler = Callable[..., "Response[str]"]
"""Takes the request and, by name, the variables of the path."""

Refuse = Callable[[Request, IntegrationError], "Response[str]"]
"""Turns a failure into an answer."""


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one address; variables of the path stand as ``<name>``."""

    method: str
    path: str
    handler: Handler
    refuse: Refuse

    def matches(self, path: str) -> bool:
        """Tell whether an address is one of this route's."""
        pattern = re.sub(r"<\w+>", "[^/]+", re.escape(self.path).replace(r"\<", "<").replace(r"\>", ">"))
        return re.fullmatch(pattern, path) is not None


def resolver(routes: Sequence[Route], refuse: Refuse) -> APIGatewayHttpResolver:
    """Return a resolver with these routes; ``refuse`` answers for addresses that are none of them."""
    app = APIGatewayHttpResolver(enable_validation=False, debug=False)

    def register(route: Route) -> None:
        @app.route(route.path, method=route.method, compress=True)
        def handle(**variables: str) -> Response[str]:
            return answer(app.current_event.raw_event, route.handler, route.refuse, variables)

    for route in routes:
        register(route)

    @app.not_found
    def not_found(_: Exception) -> Response[str]:
        def missing(request: Request) -> Response[str]:
            allowed = sorted({route.method for route in routes if route.matches(request.path)})
            raise MethodNotAllowed(allowed) if allowed else Unknown("page-unknown")

        return answer(app.current_event.raw_event, missing, refuse, {})

    return app


def answer(event: dict[str, Any], handler: Handler, refuse: Refuse, variables: dict[str, str]) -> Response[str]:
    """Handle one request; whatever goes wrong becomes an answer, and only what was not designed is logged."""
    request = Request.from_event(event)
    try:
        return handler(request, **variables)
    except Defect as error:
        _log(error)
        return refuse(request, error)
    except IntegrationError as error:
        return refuse(request, error)
    except Exception as error:
        _log(error)
        return refuse(request, Defect("unexpected"))


def _log(error: Exception) -> None:
    # Where, not what: a message could quote the value that caused it.
    frames = [f"{frame.name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]
    logger.error("request failed with %s at %s", type(error).__name__, " > ".join(frames))
