"""The pages of one synchronization: conflicts, new people, summary, progress, result."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from huma_fortnox.domain.decisions import Direction
from huma_fortnox.domain.errors import BadRequest, Conflict
from huma_fortnox.domain.plan_types import Situation
from huma_fortnox.pages import addresses, employment, views
from huma_fortnox.pages.texts import texts
from huma_fortnox.pages.values import directions, field_keys, sensitive_keys, shower
from huma_fortnox.services.model import DecisionInput, SynchronizationState
from huma_fortnox.web.connection_pages import EMPLOYMENT_FIELDS, employment_of
from huma_fortnox.web.http import see_other
from huma_fortnox.web.routing import Handler, Route
from huma_fortnox.web.statuses import status_of
from huma_fortnox.web.visitor import refuse

if TYPE_CHECKING:
    from aws_lambda_powertools.event_handler.api_gateway import Response

    from huma_fortnox.domain.outcome import Reason
    from huma_fortnox.services.model import Session, Synchronization
    from huma_fortnox.web.http import Form, Request
    from huma_fortnox.web.use_cases import UseCases
    from huma_fortnox.web.visitor import Visitor

ROWS = 50
RUN = addresses.SYNCHRONIZATIONS + "/<synchronization_id>"
REFRESH_SECONDS = 3
"""How often a progress page loads itself again; its reader can stop that."""
LISTS = {"huma": Situation.ONLY_IN_FORTNOX, "fortnox": Situation.ONLY_IN_HUMA}
"""The lists of step 2: where people are added, and whom they hold."""


class SynchronizationPages:
    """Handlers of the pages of a synchronization."""

    def __init__(self, use_cases: UseCases, visitor: Visitor) -> None:
        self._connect = use_cases.connect
        self._synchronizations = use_cases.synchronizations
        self._visitor = visitor

    def routes(self) -> list[Route]:
        """Return these pages' addresses."""
        table: list[tuple[str, str, Handler]] = [
            ("POST", addresses.SYNCHRONIZATIONS, self.start),
            ("GET", RUN, self.run),
            ("GET", RUN + "/differences", self.differences),
            ("POST", RUN + "/differences", self.decide_differences),
            ("GET", RUN + "/new-people", self.new_people),
            ("POST", RUN + "/new-people", self.decide_new_people),
            ("GET", RUN + "/summary", self.summary),
            ("POST", RUN + "/apply", self.apply),
            ("POST", RUN + "/cancel", self.cancel),
            ("GET", RUN + "/result", self.result),
        ]
        return [Route(method, path, handler, refuse) for method, path, handler in table]

    def start(self, request: Request) -> Response[str]:
        """Start a synchronization."""
        session, _ = self._visitor.post(request)
        started = self._synchronizations.start(session.administrator)
        return see_other(addresses.synchronization(started.id))

    def run(self, request: Request, synchronization_id: str) -> Response[str]:
        """Lead to where a run stands: progress, step 1 or the result."""
        session, found = self._find(request, synchronization_id)
        if found.state is SynchronizationState.AWAITING_DECISIONS:
            return see_other(addresses.synchronization(found.id, "differences"))
        if found.state.over:
            return see_other(addresses.synchronization(found.id, "result"))
        quiet = request.query.get("refresh") == "off"
        page = self._visitor.show("progress.html", request, session, run=found, bars=_bars(found), quiet=quiet)
        if not quiet:
            page.headers["Refresh"] = str(REFRESH_SECONDS)
        return page

    def differences(self, request: Request, synchronization_id: str) -> Response[str]:
        """Step 1: the picture and the people of one situation, page by page."""
        session, found = self._find(request, synchronization_id)
        if (elsewhere := _elsewhere(found)) is not None:
            return elsewhere
        wanted = request.query.get("situation", "")
        situation = next((each for each in views.FIRST_STEP if each.value == wanted), None)
        if situation is None:
            situation = next((each for each in views.FIRST_STEP if found.situations.get(each.value)), Situation.DIFFERS)
        after = request.query.get("after", "")
        page = self._synchronizations.people(
            found.organization_id, found.id, situation=situation, after=after, limit=ROWS
        )
        t = texts(request.locale)
        settings = self._connect.connection(found.organization_id).settings.fields
        revealed = request.query.get("reveal", "")
        show_all = shower(settings, masked=False) if revealed else None
        return self._visitor.show(
            "differences.html",
            request,
            session,
            run=found,
            situation=situation.value,
            tabs=[each.value for each in views.FIRST_STEP],
            slices=views.picture(found.situations, t),
            people=views.people(page, shower(settings), t, revealed=revealed, show_all=show_all),
            revealed=revealed,
            money=sensitive_keys(),
            decisions=page.decisions,
            fields=field_keys(),
            directions={"": tuple(Direction)} | {key: directions(key) for key in field_keys()},
            after=after,
            next_after=page.after,
            saved=request.query.get("saved") == "1",
        )

    def decide_differences(self, request: Request, synchronization_id: str) -> Response[str]:
        """Keep the choices of step 1 and lead on to where the pressed button points."""
        session, form = self._visitor.post(request)
        decisions = [*_undone(form), *_choices(form), *_pairs(form), *_wide(form)]
        if decisions:
            self._synchronizations.decide(session.administrator, synchronization_id, decisions)
        then, show = form.get("then"), form.get("show")
        if then == "continue":
            return see_other(addresses.synchronization(synchronization_id, "new-people"))
        after = {"next": form.get("next_after"), "first": ""}.get(then, form.get("after"))
        reveal = next((value for name, value in form.pairs if name == "reveal"), None)
        address = addresses.synchronization(
            synchronization_id,
            "differences",
            situation=show or form.get("situation"),
            after="" if show else after,
            reveal=form.get("revealed") if reveal is None else reveal,
            saved="1" if decisions else "",
        )
        place = form.get("undo").partition(":")[2] or reveal or (form.get("revealed") if reveal == "" else "")
        return see_other(f"{address}#{addresses.anchor(place)}" if place else address)

    def new_people(self, request: Request, synchronization_id: str) -> Response[str]:
        """Step 2: whom to create where."""
        session, found = self._find(request, synchronization_id)
        if (elsewhere := _elsewhere(found)) is not None:
            return elsewhere
        return self._new_people(request, session, found)

    def _new_people(
        self,
        request: Request,
        session: Session,
        found: Synchronization,
        *,
        errors: dict[str, Reason] | None = None,
        form: Form | None = None,
    ) -> Response[str]:
        t = texts(request.locale)
        settings = self._connect.connection(found.organization_id).settings
        show = shower(settings.fields)
        lists = []
        asked: set[tuple[str, str]] = set()
        for name, situation in LISTS.items():
            after = request.query.get(f"{name}_after", "")
            page = self._synchronizations.people(
                found.organization_id, found.id, situation=situation, after=after, limit=ROWS
            )
            people = views.people(page, show, t, asked)
            lists.append(
                {
                    "name": name,
                    "count": found.situations.get(situation.value, 0),
                    "active": [each for each in people if not each.inactive],
                    "inactive": [each for each in people if each.inactive],
                    "after": after,
                    "next_after": page.after,
                }
            )
        return self._visitor.show(
            "new-people.html",
            request,
            session,
            status=400 if errors else 200,
            run=found,
            lists=lists,
            chosen=settings.employment,
            given=form,
            employment=employment,
            errors=errors or {},
            saved=request.query.get("saved") == "1",
        )

    def decide_new_people(self, request: Request, synchronization_id: str) -> Response[str]:
        """Keep the ticks of step 2 and what Fortnox demands of new employees, and lead on."""
        session, form = self._visitor.post(request)
        decisions = [*_creations(form), *_pairs(form)]
        if decisions:
            self._synchronizations.decide(session.administrator, synchronization_id, decisions)
        chosen = employment_of(form)
        if chosen is None and any(form.get(name) for name in EMPLOYMENT_FIELDS):
            _, found = self._find(request, synchronization_id)
            errors = {"employment": BadRequest("employment-incomplete").reason}
            return self._new_people(request, session, found, errors=errors, form=form)
        settings = self._connect.connection(session.administrator.organization_id).settings
        changed = chosen is not None and chosen != settings.employment
        if changed:
            self._connect.change_settings(session.administrator, replace(settings, employment=chosen))
        then, _, name = form.get("then").partition(":")
        if then == "continue":
            return see_other(addresses.synchronization(synchronization_id, "summary"))
        if then == "back":
            return see_other(addresses.synchronization(synchronization_id, "differences"))
        pages = {f"{each}_after": form.get(f"{each}_after") for each in LISTS}
        if name in LISTS:
            pages[f"{name}_after"] = form.get(f"{name}_next") if then == "next" else ""
        saved = "1" if decisions or changed else ""
        address = addresses.synchronization(synchronization_id, "new-people", **pages, saved=saved)
        return see_other(f"{address}#list-{name}" if name in LISTS else address)

    def summary(self, request: Request, synchronization_id: str) -> Response[str]:
        """Show exactly what will be written where."""
        session, found = self._find(request, synchronization_id)
        if (elsewhere := _elsewhere(found)) is not None:
            return elsewhere
        return self._summary(request, session, found)

    def _summary(
        self, request: Request, session: Session, found: Synchronization, error: Reason | None = None, status: int = 200
    ) -> Response[str]:
        summary = self._synchronizations.summary(found.organization_id, found.id)
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
            error=error,
        )

    def apply(self, request: Request, synchronization_id: str) -> Response[str]:
        """Let the run write what was decided."""
        session, form = self._visitor.post(request)
        try:
            self._synchronizations.apply(
                session.administrator, synchronization_id, confirmed=list(form.all("confirmed"))
            )
        except (BadRequest, Conflict) as error:
            if error.reason.code not in ("confirmation-missing", "employment-settings-missing"):
                raise
            _, found = self._find(request, synchronization_id)
            return self._summary(request, session, found, error.reason, status_of(error))
        return see_other(addresses.synchronization(synchronization_id))

    def cancel(self, request: Request, synchronization_id: str) -> Response[str]:
        """End the run without writing anything."""
        session, _ = self._visitor.post(request)
        self._synchronizations.cancel(session.administrator, synchronization_id)
        return see_other(addresses.synchronization(synchronization_id))

    def result(self, request: Request, synchronization_id: str) -> Response[str]:
        """Show what became of a run."""
        session, found = self._find(request, synchronization_id)
        if not found.state.over:
            return see_other(addresses.synchronization(found.id))
        page = self._synchronizations.outcomes(
            found.organization_id, found.id, after=request.query.get("after", ""), limit=ROWS
        )
        t = texts(request.locale)
        return self._visitor.show(
            "result.html",
            request,
            session,
            run=found,
            connection=self._connect.connection(found.organization_id),
            people=[(each.name, views.outcomes(each.outcomes, t)) for each in page.people],
            first=not request.query.get("after"),
            next_after=page.after,
        )

    def _find(self, request: Request, synchronization_id: str) -> tuple[Session, Synchronization]:
        session = self._visitor.enter(request)
        return session, self._synchronizations.get(session.administrator.organization_id, synchronization_id)


def _elsewhere(found: Synchronization) -> Response[str] | None:
    """Lead away from the steps of deciding when a run no longer, or not yet, waits for decisions."""
    if found.state is SynchronizationState.AWAITING_DECISIONS:
        return None
    return see_other(addresses.synchronization(found.id))


def _wide(form: Form) -> list[DecisionInput]:
    """Read the button pressed for a whole field or everything: ``direction:field``, either part may be empty."""
    if not form.get("wide"):
        return []
    direction, _, field = form.get("wide").partition(":")
    return [DecisionInput(direction=_direction(direction), field=field)]


def _undone(form: Form) -> list[DecisionInput]:
    field, _, person = form.get("undo").partition(":")
    return [DecisionInput(person=person, field=field)] if field and person else []


def _choices(form: Form) -> list[DecisionInput]:
    """Read the radio buttons that were moved; those left as they were say nothing about a single person."""
    undo = form.get("undo")
    was = form.starting("was:")
    decisions = []
    for place, value in form.starting("choice:").items():
        field, _, person = place.partition(":")
        if value != was.get(place, "") and place != undo and field and person:
            decisions.append(DecisionInput(direction=_direction(value), person=person, field=field))
    return decisions


def _creations(form: Form) -> list[DecisionInput]:
    """Read the ticks that differ from what was listed; one button ticks or unticks a whole list."""
    ticked = set(form.all("create"))
    every, _, chosen_list = form.get("every").partition(":")
    decisions = []
    for place, was in form.starting("listed:").items():
        name, _, person = place.partition(":")
        wanted = every == "tick" if every and name == chosen_list else person in ticked
        if wanted != (was == "1"):
            decisions.append(DecisionInput(person=person, create=wanted))
    return decisions


def _pairs(form: Form) -> list[DecisionInput]:
    was = form.starting("was-pair:")
    decisions = []
    for place, value in form.starting("pair:").items():
        user, _, employee = place.partition(":")
        if value not in ("same", "different"):
            raise BadRequest("value-invalid")
        if value != was.get(place, "") and user and employee:
            decisions.append(DecisionInput(user_id=user, employee_id=employee, same_person=value == "same"))
    return decisions


def _direction(value: str) -> Direction | None:
    if not value:
        return None
    try:
        return Direction(value)
    except ValueError:
        raise BadRequest("value-invalid") from None


def _bars(found: Synchronization) -> list[tuple[str, int, int]]:
    """Return the progress bars of a run: name, done, total; a total of zero is not known yet."""
    if found.state is SynchronizationState.APPLYING:
        names = [("people", "applied", "to_apply")]
    else:
        names = [("employees", "employees_read", "employees_total"), ("users", "users_read", "users_total")]
    return [(name, found.progress.get(done, 0), found.progress.get(total, 0)) for name, done, total in names]
