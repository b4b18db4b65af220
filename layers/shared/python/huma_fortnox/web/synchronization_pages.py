"""The pages of one synchronization around the two steps of deciding: progress and summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

from huma_fortnox.domain.errors import BadRequest, Conflict
from huma_fortnox.domain.plan_types import Situation
from huma_fortnox.pages import addresses, views
from huma_fortnox.pages.values import field_keys, sensitive_keys, shower
from huma_fortnox.services.model import SynchronizationState
from huma_fortnox.web.deciding import RUN, Deciding, elsewhere
from huma_fortnox.web.differences_page import DifferencesPage
from huma_fortnox.web.http import see_other
from huma_fortnox.web.new_people_page import NewPeoplePage
from huma_fortnox.web.routing import Handler, Route
from huma_fortnox.web.statuses import status_of
from huma_fortnox.web.visitor import refuse

if TYPE_CHECKING:
    from huma_fortnox.domain.outcome import Reason
    from huma_fortnox.services.model import Session, Synchronization
    from huma_fortnox.web.http import Request, Response
    from huma_fortnox.web.use_cases import UseCases
    from huma_fortnox.web.visitor import Visitor

REFRESH_SECONDS = 3
"""How often a progress page loads itself again; its reader can stop that."""


class SynchronizationPages:
    """Handlers of the pages of a synchronization."""

    def __init__(self, use_cases: UseCases, visitor: Visitor) -> None:
        self._connect = use_cases.connect
        self._synchronizations = use_cases.synchronizations
        self._visitor = visitor
        self._deciding = Deciding(use_cases, visitor)
        self._differences = DifferencesPage(use_cases, visitor)
        self._new_people = NewPeoplePage(use_cases, visitor)

    def routes(self) -> list[Route]:
        """Return these pages' addresses."""
        table: list[tuple[str, str, Handler]] = [
            ("POST", addresses.SYNCHRONIZATIONS, self.start),
            ("GET", RUN, self.run),
            ("GET", RUN + "/summary", self.summary),
            ("POST", RUN + "/apply", self.apply),
            ("POST", RUN + "/cancel", self.cancel),
        ]
        return [
            *(Route(method, path, handler, refuse) for method, path, handler in table),
            *self._differences.routes(),
            *self._new_people.routes(),
        ]

    def start(self, request: Request) -> Response[str]:
        """Start a synchronization."""
        session, _ = self._visitor.post(request)
        started = self._synchronizations.start(session.administrator)
        return see_other(addresses.synchronization(started.id))

    def run(self, request: Request, synchronization_id: str) -> Response[str]:
        """Lead to where a run stands: progress, step 1 or the result."""
        session, found = self._deciding.find(request, synchronization_id)
        if found.state is SynchronizationState.AWAITING_DECISIONS:
            return see_other(addresses.synchronization(found.id, "differences"))
        if found.state.over:
            return see_other(addresses.synchronization(found.id, "result"))
        return self._visitor.show(
            "progress.html",
            request,
            session,
            run=found,
            bars=_bars(found),
            quiet=request.query.get("refresh") == "off",
            refresh_seconds=REFRESH_SECONDS,
        )

    def summary(self, request: Request, synchronization_id: str) -> Response[str]:
        """Show exactly what will be written where."""
        session, found = self._deciding.find(request, synchronization_id)
        if (leads := elsewhere(found)) is not None:
            return leads
        return self._summary(request, session, found)

    def _summary(
        self, request: Request, session: Session, found: Synchronization, error: Reason | None = None, status: int = 200
    ) -> Response[str]:
        summary = self._synchronizations.summary(found.organization_id, found.id)
        settings = self._connect.connection(found.organization_id).settings
        money = sensitive_keys()
        written = [
            key
            for key in field_keys()
            if key not in money and (summary.to_huma.get(key) or summary.to_fortnox.get(key))
        ]
        nothing = not (
            written or any(summary.bank_accounts.values()) or summary.create_in_huma or summary.create_in_fortnox
        )
        return self._visitor.show(
            "summary.html",
            request,
            session,
            status=status,
            run=found,
            summary=summary,
            written=written,
            nothing=nothing,
            apart=sum(found.situations.get(each.value, 0) for each in (Situation.AMBIGUOUS, Situation.BLOCKED)),
            accounts=views.accounts(summary.accounts, shower(settings.fields)),
            new_users=settings.new_users,
            error=error,
        )

    def apply(self, request: Request, synchronization_id: str) -> Response[str]:
        """Let the run write what was decided."""
        session, form = self._visitor.post(request)
        try:
            self._synchronizations.apply(
                session.administrator,
                synchronization_id,
                confirmed=list(form.all("confirmed")),
                decided=form.get("decided"),
            )
        except (BadRequest, Conflict) as error:
            if error.reason.code not in ("confirmation-missing", "decided-since", "employment-settings-missing"):
                raise
            _, found = self._deciding.find(request, synchronization_id)
            return self._summary(request, session, found, error.reason, status_of(error))
        return see_other(addresses.synchronization(synchronization_id))

    def cancel(self, request: Request, synchronization_id: str) -> Response[str]:
        """End the run without writing anything."""
        session, _ = self._visitor.post(request)
        self._synchronizations.cancel(session.administrator, synchronization_id)
        return see_other(addresses.synchronization(synchronization_id))


def _bars(found: Synchronization) -> list[tuple[str, int, int]]:
    """Return the progress bars of a run: name, done, total; a total of zero is not known yet."""
    if found.state is SynchronizationState.APPLYING:
        names = [("people", "applied", "to_apply")]
    else:
        names = [("employees", "employees_read", "employees_total"), ("users", "users_read", "users_total")]
    return [(name, found.progress.get(done, 0), found.progress.get(total, 0)) for name, done, total in names]
