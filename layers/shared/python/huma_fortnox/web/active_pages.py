"""The pages of an active connection: its state, what needs attention and what to do about it, the activity log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from huma_fortnox.domain.errors import BadRequest
from huma_fortnox.domain.outcome import Outcome
from huma_fortnox.pages import addresses, views
from huma_fortnox.pages.mending import mending
from huma_fortnox.pages.texts import texts
from huma_fortnox.pages.values import field_keys
from huma_fortnox.web.activity_search import search
from huma_fortnox.web.http import see_other
from huma_fortnox.web.routing import Handler, Route
from huma_fortnox.web.visitor import refuse

if TYPE_CHECKING:
    from huma_fortnox.pages.mending import Doors
    from huma_fortnox.services.model import Connection, Session
    from huma_fortnox.web.http import Request, Response
    from huma_fortnox.web.use_cases import UseCases
    from huma_fortnox.web.visitor import Visitor

ACTIVITY_ROWS, LATEST_ROWS = 50, 8
HELD_ROWS = 20
LONGEST_SEARCH = 100
DONE = ("tried-again", "removal-decided", "brake-confirmed", "catching-up", "paused", "resumed")
"""What the overview may be told to say after a button was pressed."""
WHOLE_DAY = 24 * 3600


class ActivePages:
    """Handlers of the pages of an active connection."""

    def __init__(self, use_cases: UseCases, visitor: Visitor, doors: Doors) -> None:
        self._synchronizations = use_cases.synchronizations
        self._activity = use_cases.activity
        self._oversight = use_cases.oversight
        self._visitor = visitor
        self._doors = doors

    def routes(self) -> list[Route]:
        """Return these pages' addresses."""
        table: list[tuple[str, str, Handler]] = [
            ("GET", addresses.ACTIVITY, self.activity),
            ("POST", addresses.TRY_AGAIN, self.try_again),
            ("POST", addresses.REMOVAL, self.decide_removal),
            ("POST", addresses.BRAKE, self.confirm_brake),
            ("POST", addresses.CATCH_UP, self.catch_up),
            ("POST", addresses.PAUSE, self.pause),
            ("POST", addresses.RESUME, self.resume),
        ]
        return [Route(method, path, handler, refuse) for method, path, handler in table]

    def show(self, request: Request, session: Session, connection: Connection) -> Response[str]:
        """Show the overview of a connection that is there."""
        organization = connection.organization_id
        last = current = self._synchronizations.current(organization)
        if current is not None and current.state.over:
            current = None  # it still has the lock while its result is being sent
        elif current is not None:
            last = None
        elif connection.last_synchronization:
            last = self._synchronizations.get(organization, connection.last_synchronization)
        entries = self._activity.page(organization, after="", limit=ACTIVITY_ROWS).entries
        after = request.query.get("held_after", "")
        held = self._oversight.held(organization, after=after, limit=HELD_ROWS)
        t = texts(request.locale)
        done = request.query.get("done", "")
        return self._visitor.show(
            "active.html",
            request,
            session,
            connection=connection,
            current=current,
            last=last,
            first_time=bool(last and connection.active_since == last.finished_at)
            and self._visitor.clock() - connection.active_since < WHOLE_DAY,
            state=self._oversight.state(organization),
            entries=entries[:LATEST_ROWS],
            last_event=next((entry for entry in entries if entry.delay_ms is not None), None),
            held=views.held(held, t, mending(self._doors, organization, t)),
            held_after=held.after,
            held_first=not after,
            outcome_views=lambda entry: views.outcomes(entry.outcomes, t),
            done=done if done in DONE else "",
            count=int(count) if (count := request.query.get("count", "")).isdecimal() and len(count) < 7 else 0,
        )

    def activity(self, request: Request) -> Response[str]:
        """Show the activity log, or what of it was asked for."""
        session = self._visitor.enter(request)
        wanted, name = request.query.get("outcome", ""), request.query.get("name", "").strip()[:LONGEST_SEARCH]
        person = request.query.get("person", "")
        outcome = next((each for each in Outcome if each.value == wanted), None)
        found = search(
            self._activity,
            session.administrator.organization_id,
            name=name,
            person=person,
            outcome=outcome,
            after=request.query.get("after", ""),
            limit=ACTIVITY_ROWS,
        )
        t = texts(request.locale)
        return self._visitor.show(
            "activity.html",
            request,
            session,
            entries=found.entries,
            after=found.after,
            first=not request.query.get("after"),
            name=name,
            person=person,
            outcome=outcome.value if outcome else "",
            outcomes=[each.value for each in Outcome],
            outcome_views=lambda entry: views.outcomes(entry.outcomes, t),
        )

    def try_again(self, request: Request) -> Response[str]:
        """Look at one held person again, or at all of them."""
        session, form = self._visitor.post(request)
        return _told("tried-again", self._oversight.try_again(session.administrator, form.get("user")))

    def decide_removal(self, request: Request) -> Response[str]:
        """Answer the question whether a value that was removed in Huma is to be removed in Fortnox too."""
        session, form = self._visitor.post(request)
        answer, field = form.get("answer"), form.get("field")
        if answer not in ("remove", "keep") or field not in field_keys():
            raise BadRequest("value-invalid")
        self._oversight.decide_removal(session.administrator, form.get("user"), field, remove=answer == "remove")
        return _told("removal-decided")

    def confirm_brake(self, request: Request) -> Response[str]:
        """Let the stopped bank account changes through."""
        session, _ = self._visitor.post(request)
        return _told("brake-confirmed", self._oversight.confirm_brake(session.administrator))

    def catch_up(self, request: Request) -> Response[str]:
        """Compare everybody in Huma with what was last carried over."""
        session, _ = self._visitor.post(request)
        self._oversight.catch_up(session.administrator)
        return _told("catching-up")

    def pause(self, request: Request) -> Response[str]:
        """Carry no changes until somebody resumes."""
        session, _ = self._visitor.post(request)
        self._oversight.pause(session.administrator)
        return _told("paused")

    def resume(self, request: Request) -> Response[str]:
        """Carry changes again, and what happened meanwhile first."""
        session, _ = self._visitor.post(request)
        self._oversight.resume(session.administrator)
        return _told("resumed")


def _told(done: str, count: int = 0) -> Response[str]:
    return see_other(addresses.with_query(addresses.HOME, done=done, count=str(count) if count else ""))
