"""The integration's web application: pages and API on one resolver."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from huma_fortnox.pages.mending import NOWHERE
from huma_fortnox.web import api
from huma_fortnox.web.active_pages import ActivePages
from huma_fortnox.web.api import Api
from huma_fortnox.web.connection_pages import ConnectionPages
from huma_fortnox.web.result_pages import ResultPages
from huma_fortnox.web.routing import Resolver
from huma_fortnox.web.synchronization_pages import SynchronizationPages
from huma_fortnox.web.visitor import Visitor, refuse

if TYPE_CHECKING:
    from collections.abc import Callable

    from huma_fortnox.domain.errors import IntegrationError
    from huma_fortnox.pages.mending import Doors
    from huma_fortnox.web.http import Request, Response
    from huma_fortnox.web.routing import Route
    from huma_fortnox.web.use_cases import UseCases

FORTNOX_LOGIN = "https://apps.fortnox.se"


def routes(
    use_cases: UseCases,
    *,
    fortnox_login: str = FORTNOX_LOGIN,
    doors: Doors = NOWHERE,
    clock: Callable[[], float] = time.time,
) -> list[Route]:
    """Return every address of the application."""
    visitor = Visitor(use_cases.sessions, clock)
    active = ActivePages(use_cases, visitor, doors)
    return [
        *ConnectionPages(use_cases, visitor, active, origin(fortnox_login)).routes(),
        *active.routes(),
        *SynchronizationPages(use_cases, visitor).routes(),
        *ResultPages(use_cases, visitor, doors).routes(),
        *Api(use_cases).routes(),
    ]


def build(
    use_cases: UseCases,
    *,
    fortnox_login: str = FORTNOX_LOGIN,
    doors: Doors = NOWHERE,
    clock: Callable[[], float] = time.time,
) -> Resolver:
    """Return the application; ``resolve(event, context)`` answers API Gateway events of payload format 2.0.

    ``fortnox_login`` is the address (or origin) of Fortnox's consent page, which the set-up form may lead to.
    ``doors`` are where people are in the two systems. ``clock`` gives Unix seconds.
    """
    return Resolver(routes(use_cases, fortnox_login=fortnox_login, doors=doors, clock=clock), _refuse)


def origin(address: str) -> str:
    """Return the origin of an address.

    >>> origin("https://apps.fortnox.se/oauth-v1/auth"), origin("http://localhost:8001")
    ('https://apps.fortnox.se', 'http://localhost:8001')
    """
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


def _refuse(request: Request, error: IntegrationError) -> Response[str]:
    return (api.refuse if request.path.startswith("/api/") else refuse)(request, error)
