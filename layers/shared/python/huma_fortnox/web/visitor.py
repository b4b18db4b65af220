"""Who looks at a page: the session behind the cookie, the token of the form, and the frame of every page."""

from __future__ import annotations

import hmac
import time
from typing import TYPE_CHECKING

from huma_fortnox.domain.errors import BadRequest, Conflict, NeedsAdministrator, NotAllowed, NotSignedIn
from huma_fortnox.pages import addresses
from huma_fortnox.pages.render import render
from huma_fortnox.pages.stylesheet import assets
from huma_fortnox.pages.texts import texts
from huma_fortnox.web.http import page, page_policy
from huma_fortnox.web.statuses import headers_of, status_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from huma_fortnox.domain.errors import IntegrationError
    from huma_fortnox.services.model import Session
    from huma_fortnox.web.http import Form, Request, Response
    from huma_fortnox.web.use_cases import Sessions

CSRF_FIELD = "csrf"


class Visitor:
    """Signs visitors in and renders pages for them; ``clock`` gives Unix seconds."""

    def __init__(self, sessions: Sessions, clock: Callable[[], float] = time.time) -> None:
        self.sessions = sessions
        self.clock = clock

    def enter(self, request: Request) -> Session:
        """Return the visitor's session; raises ``NotSignedIn``."""
        session = self.sessions.session(request.session_cookie)
        request.administrator = session.administrator
        return session

    def post(self, request: Request) -> tuple[Session, Form]:
        """Return the session and the form of a POST; raises ``NotAllowed`` when the form is not one of ours."""
        session = self.enter(request)
        form = request.form()
        if not hmac.compare_digest(form.get(CSRF_FIELD).encode(), session.csrf_token.encode()):
            raise NotAllowed("csrf-token-wrong")
        return session, form

    def show(
        self,
        template: str,
        request: Request,
        session: Session | None,
        *,
        status: int = 200,
        form_targets: Sequence[str] = (),
        **context: object,
    ) -> Response[str]:
        """Render a page in the visitor's language."""
        html = render(
            template,
            t=texts(request.locale),
            at=addresses,
            assets=assets(),
            administrator=session.administrator if session else None,
            csrf=session.csrf_token if session else "",
            **context,
        )
        return page(html, status, policy=page_policy(form_targets))


def refuse(request: Request, error: IntegrationError, *, again: str | None = None) -> Response[str]:
    """Return a failure as a page: what happened, what to do, who can do it, and where to try again.

    ``again`` is that address where the caller knows it; empty: nowhere.
    """
    t = texts(request.locale)
    status = status_of(error)
    running = error.reason.params.get("synchronization", "") if isinstance(error, Conflict) else ""
    html = render(
        "error.html",
        t=t,
        at=addresses,
        assets=assets(),
        administrator=request.administrator,
        csrf="",
        explained=t.reason(error.reason),
        status=status,
        again=_again(request, error) if again is None else again,
        running=addresses.synchronization(running) if running else "",
        home=addresses.HOME if isinstance(error, BadRequest) and not isinstance(error, NotSignedIn) else "",
    )
    response = page(html, status)
    response.headers.update(headers_of(error))
    return response


def _again(request: Request, error: IntegrationError) -> str:
    """Return where to try again: connecting begins at the set-up, a wrong request is not repeated at all."""
    if isinstance(error, NeedsAdministrator):
        return addresses.SET_UP
    if isinstance(error, BadRequest):
        return ""
    return request.path if request.method == "GET" else addresses.HOME
