"""Routes as a table, and the way from an event to the one that answers it.

The table is the one list of addresses: the resolver, the answer to a wrong method and the check of the OpenAPI
document all read it. Powertools' resolvers would do this too, but importing them takes longer than all of our pages.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from huma_fortnox.domain.errors import Defect, IntegrationError, Unknown
from huma_fortnox.domain.frozen import dataclass
from huma_fortnox.web.http import MethodNotAllowed, Request

if TYPE_CHECKING:
    from huma_fortnox.web.http import Response

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

    def variables(self, segments: Sequence[str]) -> dict[str, str] | None:
        """Return the variables in an address that was cut at its slashes; ``None`` when it is none of this route's."""
        wanted = self.path.split("/")
        if len(wanted) != len(segments):
            return None
        found = {}
        for part, given in zip(wanted, segments, strict=True):
            if part.startswith("<") and given:
                found[part[1:-1]] = given
            elif part != given:
                return None
        return found


class Resolver:
    """Answers events by the first route that fits, those without variables first; ``refuse`` answers for all others."""

    def __init__(self, routes: Sequence[Route], refuse: Refuse) -> None:
        self._routes = sorted(routes, key=lambda route: "<" in route.path)
        self._refuse = refuse

    def resolve(self, event: Mapping[str, Any], _context: object = None) -> dict[str, Any]:
        """Answer an API Gateway event of payload format 2.0."""
        request = Request.from_event(event)
        segments = request.path.split("/")
        fitting = [(route, variables) for route in self._routes if (variables := route.variables(segments)) is not None]
        for route, variables in fitting:
            if route.method == request.method:
                response = answer(request, route.handler, route.refuse, variables)
                break
        else:
            allowed = sorted({route.method for route, _ in fitting})
            response = answer(request, partial(_no_route, allowed), self._refuse, {})
        return response.to_event(request.headers.get("accept-encoding", ""))


def _no_route(allowed: Sequence[str], _request: Request) -> Response[str]:
    raise MethodNotAllowed(allowed) if allowed else Unknown("page-unknown")


def answer(request: Request, handler: Handler, refuse: Refuse, variables: dict[str, str]) -> Response[str]:
    """Handle one request; whatever goes wrong becomes an answer, and only what was not designed is logged."""
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
