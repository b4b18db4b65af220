"""Fortnox's answer to the consent page: an application of its own, with one address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from huma_fortnox.domain.errors import IntegrationError, NotSignedIn
from huma_fortnox.pages import addresses
from huma_fortnox.web.http import see_other
from huma_fortnox.web.routing import Resolver, Route
from huma_fortnox.web.visitor import Visitor, refuse

if TYPE_CHECKING:
    from huma_fortnox.web.http import Request, Response
    from huma_fortnox.web.use_cases import UseCases

CALLBACK = "/oauth/fortnox/callback"
LONGEST_VALUE = 2048
"""Longer values in the callback's query are not Fortnox's."""


def build_callback(use_cases: UseCases) -> Resolver:
    """Return the application that receives Fortnox's answer."""
    visitor = Visitor(use_cases.sessions)

    def callback(request: Request) -> Response[str]:
        _recognize(visitor, request)
        query = {name: value for name, value in request.query.items() if len(value) <= LONGEST_VALUE}
        use_cases.connect.complete(request.session_cookie, query)
        # On to a page without the code in its address, whoever looks over a shoulder or into a history.
        return see_other(addresses.HOME)

    return Resolver([Route("GET", CALLBACK, callback, _refuse)], refuse)


def _refuse(request: Request, error: IntegrationError) -> Response[str]:
    # The code in this address serves once: trying again begins with a new set-up.
    return refuse(request, error, again="" if isinstance(error, NotSignedIn) else addresses.SET_UP)


def _recognize(visitor: Visitor, request: Request) -> None:
    """Find out which language to answer in; whether the visitor may connect is for the use case to say."""
    try:
        visitor.enter(request)
    except IntegrationError:
        return
