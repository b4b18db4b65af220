"""The result of a synchronization: by outcome, page by page, and as a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from huma_fortnox.domain.outcome import Outcome
from huma_fortnox.pages import addresses, spreadsheet, views
from huma_fortnox.pages.mending import mending
from huma_fortnox.pages.texts import texts
from huma_fortnox.web.deciding import ROWS, RUN, Deciding
from huma_fortnox.web.http import see_other
from huma_fortnox.web.result_file import files, result_file
from huma_fortnox.web.routing import Handler, Route
from huma_fortnox.web.visitor import refuse

if TYPE_CHECKING:
    from collections.abc import Callable

    from huma_fortnox.domain.outcome import FieldOutcome
    from huma_fortnox.pages.mending import Doors, Mend, Mending
    from huma_fortnox.services.model import Synchronization
    from huma_fortnox.web.http import Request, Response
    from huma_fortnox.web.use_cases import UseCases
    from huma_fortnox.web.visitor import Visitor

ATTENTION, EVERYBODY = "attention", "all"
"""What may be shown besides a single outcome: what needs somebody, and everybody."""
_NEEDS_SOMEBODY = (Outcome.FAILED, Outcome.HELD)


class ResultPages:
    """Handlers of the result's pages."""

    def __init__(self, use_cases: UseCases, visitor: Visitor, doors: Doors) -> None:
        self._connect = use_cases.connect
        self._synchronizations = use_cases.synchronizations
        self._visitor = visitor
        self._runs = Deciding(use_cases, visitor)
        self._doors = doors

    def routes(self) -> list[Route]:
        """Return these pages' addresses."""
        table: list[tuple[str, str, Handler]] = [
            ("GET", RUN + "/result", self.result),
            ("GET", RUN + "/result.csv", self.file),
        ]
        return [Route(method, path, handler, refuse) for method, path, handler in table]

    def result(self, request: Request, synchronization_id: str) -> Response[str]:
        """Show what became of a run: first what needs somebody, if anything does."""
        session, found = self._runs.find(request, synchronization_id)
        if not found.state.over:
            return see_other(addresses.synchronization(found.id))
        chosen, only = _chosen(request, found)
        page = self._synchronizations.outcomes(
            found.organization_id, found.id, after=request.query.get("after", ""), limit=ROWS, only=only
        )
        t = texts(request.locale)
        mend = mending(self._doors, found.organization_id, t)
        people = [
            (each.name, views.outcomes(each.outcomes, t, _mend(mend, each.key, page.employees.get(each.key, ""))))
            for each in page.people
        ]
        usual = spreadsheet.usual_separator(request.locale)
        return self._visitor.show(
            "result.html",
            request,
            session,
            run=found,
            connection=self._connect.connection(found.organization_id),
            people=people,
            chosen=chosen,
            attention=sum(found.outcomes.get(each.value, 0) for each in _NEEDS_SOMEBODY),
            first=not request.query.get("after"),
            next_after=page.after,
            files=files(found, only),
            other_separator=next(each for each in spreadsheet.SEPARATORS if each != usual),
        )

    def file(self, request: Request, synchronization_id: str) -> Response[str]:
        """Give the result, or what of it was chosen, as a file for a spreadsheet."""
        _, found = self._runs.find(request, synchronization_id)
        if not found.state.over:
            return see_other(addresses.synchronization(found.id))
        return result_file(request, self._synchronizations, found, _chosen(request, found)[1])


def _chosen(request: Request, found: Synchronization) -> tuple[str, tuple[Outcome, ...]]:
    """Return what is to be shown, and its outcomes; none stand for everybody."""
    wanted = request.query.get("outcome", "")
    waiting = any(found.outcomes.get(each.value) for each in _NEEDS_SOMEBODY)
    if wanted == ATTENTION or (not wanted and waiting):
        return ATTENTION, _NEEDS_SOMEBODY
    outcome = next((each for each in Outcome if each.value == wanted), None)
    return (outcome.value, (outcome,)) if outcome is not None else (EVERYBODY, ())


def _mend(mend: Mending, key: str, employee_id: str) -> Callable[[FieldOutcome], Mend | None]:
    user_id = key.removeprefix("u:") if key.startswith("u:") else ""

    def of(line: FieldOutcome) -> Mend | None:
        return mend(line.reason, line.target, user_id, employee_id)

    return of
