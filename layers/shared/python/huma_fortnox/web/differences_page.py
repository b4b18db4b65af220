"""Step 1 of a synchronization: the picture, the people of one situation, and what is decided about them.

Everything on the page is one form, so that no button loses a choice that was made: whatever is pressed, the choices
are kept first. The answer leads to an address that says all about what is shown: list, filter, place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from huma_fortnox.domain.decisions import Direction
from huma_fortnox.domain.frozen import dataclass
from huma_fortnox.domain.plan_types import Situation
from huma_fortnox.pages import addresses, views
from huma_fortnox.pages.texts import texts
from huma_fortnox.pages.values import directions, field_keys, sensitive_keys, shower
from huma_fortnox.services.model import SUGGESTED
from huma_fortnox.web.deciding import (
    ROWS,
    RUN,
    Deciding,
    choices_of,
    direction_of,
    elsewhere,
    pairs_of,
    wide_of,
)
from huma_fortnox.web.http import see_other
from huma_fortnox.web.parsing import searched
from huma_fortnox.web.routing import Handler, Route
from huma_fortnox.web.visitor import refuse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from huma_fortnox.domain.decisions import Decisions
    from huma_fortnox.services.model import Synchronization
    from huma_fortnox.web.http import Form, Request, Response
    from huma_fortnox.web.use_cases import UseCases
    from huma_fortnox.web.visitor import Visitor

LISTS = (
    Situation.DIFFERS.value,
    Situation.AMBIGUOUS.value,
    SUGGESTED,
    Situation.BLOCKED.value,
    Situation.IN_SYNC.value,
)
"""The lists of step 1, in the order of their tabs; who stands on one side only belongs to step 2."""


GONE = "gone"
"""Where somebody stands who was read again and is no longer there."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page shows: a list, the people in it by a field that differs and a part of the name, from a place on."""

    listed: str
    field: str = ""
    name: str = ""
    after: str = ""

    @classmethod
    def of(cls, query: Mapping[str, str], run: Synchronization) -> Shown:
        """Read an address; without a list, or with one that is none, it is the first that has people."""
        counts = counts_of(run)
        usual = next((each for each in LISTS if counts[each]), LISTS[0])
        wanted = query.get("situation", "")
        listed = wanted if wanted in LISTS else usual
        field = query.get("field", "")
        return cls(
            listed,
            field if listed == Situation.DIFFERS.value and field in field_keys() else "",
            searched(query.get("name", "")),
            query.get("after", ""),
        )


class DifferencesPage:
    """Handlers of step 1."""

    def __init__(self, use_cases: UseCases, visitor: Visitor) -> None:
        self._connect = use_cases.connect
        self._deciding = Deciding(use_cases, visitor)
        self._visitor = visitor

    def routes(self) -> list[Route]:
        """Return the page's addresses."""
        table: list[tuple[str, Handler]] = [("GET", self.show), ("POST", self.decide)]
        return [Route(method, RUN + "/differences", handler, refuse) for method, handler in table]

    def show(self, request: Request, synchronization_id: str) -> Response[str]:
        """Show the picture and a page of one list."""
        session, found = self._deciding.find(request, synchronization_id)
        if (leads := elsewhere(found)) is not None:
            return leads
        shown = Shown.of(request.query, found)
        page = self._deciding.synchronizations.people(
            found.organization_id,
            found.id,
            situation=None if shown.listed == SUGGESTED else Situation(shown.listed),
            after=shown.after,
            limit=ROWS,
            field=shown.field,
            name=shown.name,
            suggested=shown.listed == SUGGESTED,
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
            shown=shown,
            counts=counts_of(found),
            slices=views.picture(found.situations, t),
            people=views.people(page, shower(settings), t, revealed=revealed, show_all=show_all),
            revealed=revealed,
            money=sensitive_keys(),
            decisions=page.decisions,
            fields=field_keys(),
            directions={"": tuple(Direction)} | {key: directions(key) for key in field_keys()},
            next_after=page.after,
            saved=request.query.get("saved") == "1",
            bulk=_bulk(request.query, page.decisions),
            reread=_reread(request.query.get("reread", "")),
        )

    def decide(self, request: Request, synchronization_id: str) -> Response[str]:
        """Keep the choices and lead on to where the pressed button points."""
        session, form = self._visitor.post(request)
        wide, restored = wide_of(form.get("wide")), wide_of(form.get("restore"))
        decisions = [*choices_of(form), *pairs_of(form), *(each for each in (wide, restored) if each is not None)]
        kept = self._deciding.keep(session, synchronization_id, decisions)
        reread = ""
        if form.get("again"):
            now = self._deciding.synchronizations.read_again(
                session.administrator, synchronization_id, form.get("again")
            )
            reread = now.value if now is not None else GONE
        if form.get("then") == "continue":
            return see_other(addresses.synchronization(synchronization_id, "new-people"))
        reveal = next((value for name, value in form.pairs if name == "reveal"), None)
        address = addresses.synchronization(
            synchronization_id,
            "differences",
            **_leads_to(form),
            reveal=form.get("revealed") if reveal is None else reveal,
            decided=form.get("wide"),
            before=form.get(f"was-wide:{wide.field}") if wide else "",
            reread=reread,
            saved="1" if kept and wide is None else "",
        )
        place = form.get("undo").partition(":")[2] or reveal or (form.get("revealed") if reveal == "" else "")
        return see_other(f"{address}#{addresses.anchor(place)}" if place else address)


def _reread(situation: str) -> str:
    """Return where somebody stands who was just read again, as far as there is such a place."""
    return situation if situation in (*Situation, GONE) else ""


def counts_of(run: Synchronization) -> dict[str, int]:
    """Return how many people are in each list."""
    return {each: run.situations.get(each, 0) for each in LISTS} | {SUGGESTED: run.progress.get(SUGGESTED, 0)}


def _leads_to(form: Form) -> dict[str, str]:
    """Return what is shown next: another list from its beginning, another filter, another place, or the same."""
    show, then = form.get("show"), form.get("then")
    if show:
        return {"situation": show}
    chosen = {name: "" if then == "everybody" else searched(form.get(name)) for name in ("field", "name")}
    is_new = any(value != form.get(f"was-{name}") for name, value in chosen.items())
    places = {"next": form.get("next_after"), "first": ""}
    after = "" if is_new else places.get(then, form.get("after"))
    return {"situation": form.get("situation"), **chosen, "after": after}


def _bulk(query: Mapping[str, str], decisions: Decisions) -> dict[str, str] | None:
    """Return what was just decided for a whole field or everything, and what *Undo* decides instead.

    That is part of the address, so it is held to what is so; an address can offer nothing that a button could not.
    """
    wide = wide_of(query.get("decided", ""))
    if wide is None or (wide.field and wide.field not in field_keys()):
        return None
    now = decisions.fields.get(wide.field) if wide.field else decisions.everything
    before = direction_of(query.get("before", ""))
    if now is not wide.direction or now is before:
        return None
    return {
        "field": wide.field,
        "now": now.value if now else "",
        "before": before.value if before else "",
        "restores": f"{before.value if before else ''}:{wide.field}",
    }
