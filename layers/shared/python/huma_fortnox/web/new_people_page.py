"""Step 2 of a synchronization: whom to create where, and what a new person needs that the other side does not know."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from huma_fortnox.domain.errors import BadRequest
from huma_fortnox.domain.plan_types import Situation
from huma_fortnox.pages import addresses, employment, views
from huma_fortnox.pages.texts import texts
from huma_fortnox.pages.values import shower
from huma_fortnox.services.model import LONGEST_JOB_TITLE, NewUserDefaults
from huma_fortnox.web.connection_pages import EMPLOYMENT_FIELDS, employment_of
from huma_fortnox.web.deciding import ROWS, RUN, Deciding, creations_of, elsewhere, pairs_of
from huma_fortnox.web.http import see_other
from huma_fortnox.web.parsing import searched
from huma_fortnox.web.routing import Handler, Route
from huma_fortnox.web.visitor import refuse

if TYPE_CHECKING:
    from huma_fortnox.domain.outcome import Reason
    from huma_fortnox.services.model import OrganizationSettings, Session, Synchronization
    from huma_fortnox.web.http import Form, Request, Response
    from huma_fortnox.web.use_cases import UseCases
    from huma_fortnox.web.visitor import Visitor

LISTS = {"huma": Situation.ONLY_IN_FORTNOX, "fortnox": Situation.ONLY_IN_HUMA}
"""The lists of step 2: where people are added, and whom they hold."""


class NewPeoplePage:
    """Handlers of step 2."""

    def __init__(self, use_cases: UseCases, visitor: Visitor) -> None:
        self._connect = use_cases.connect
        self._deciding = Deciding(use_cases, visitor)
        self._visitor = visitor

    def routes(self) -> list[Route]:
        """Return the page's addresses."""
        table: list[tuple[str, Handler]] = [("GET", self.show), ("POST", self.decide)]
        return [Route(method, RUN + "/new-people", handler, refuse) for method, handler in table]

    def show(self, request: Request, synchronization_id: str) -> Response[str]:
        """Show both lists."""
        session, found = self._deciding.find(request, synchronization_id)
        if (leads := elsewhere(found)) is not None:
            return leads
        return self._show(request, session, found)

    def _show(
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
            after, called = request.query.get(f"{name}_after", ""), searched(request.query.get(f"{name}_name", ""))
            page = self._deciding.synchronizations.people(
                found.organization_id, found.id, situation=situation, after=after, limit=ROWS, name=called
            )
            people = views.people(page, show, t, asked)
            lists.append(
                {
                    "name": name,
                    "count": found.situations.get(situation.value, 0),
                    "active": [each for each in people if not each.inactive],
                    "inactive": [each for each in people if each.inactive],
                    "called": called,
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
            new_users=_new_users(form, settings) if form else settings.new_users,
            longest_title=LONGEST_JOB_TITLE,
            given=form,
            employment=employment,
            errors=errors or {},
            saved=request.query.get("saved") == "1",
        )

    def decide(self, request: Request, synchronization_id: str) -> Response[str]:
        """Keep the ticks and what a new person needs, and lead on to where the pressed button points.

        Without a pressed button the ticks were saved as they were made: then somebody is still choosing the rest.
        """
        session, form = self._visitor.post(request)
        then, _, name = form.get("then").partition(":")
        kept = self._deciding.keep(session, synchronization_id, [*creations_of(form), *pairs_of(form)])
        settings = self._connect.connection(session.administrator.organization_id).settings
        chosen, new_users = employment_of(form), _new_users(form, settings)
        errors = {}
        if chosen is None and any(form.get(field) for field in EMPLOYMENT_FIELDS):
            errors["employment"] = BadRequest("employment-incomplete").reason
        if not 0 < len(new_users.job_title) <= LONGEST_JOB_TITLE:
            errors["job_title"] = BadRequest("value-missing").reason
        if then and errors:
            _, found = self._deciding.find(request, synchronization_id)
            return self._show(request, session, found, errors=errors, form=form)
        wanted = replace(
            settings,
            employment=chosen or settings.employment,
            new_users=settings.new_users if "job_title" in errors else new_users,
        )
        changed = wanted != settings
        if changed:
            self._connect.change_settings(session.administrator, wanted)
        if then == "continue":
            return see_other(addresses.synchronization(synchronization_id, "summary"))
        if then == "back":
            return see_other(addresses.synchronization(synchronization_id, "differences"))
        saved = "1" if kept or changed else ""
        address = addresses.synchronization(synchronization_id, "new-people", **_leads_to(form), saved=saved)
        return see_other(f"{address}#list-{name}" if name in LISTS else address)


def _new_users(form: Form, settings: OrganizationSettings) -> NewUserDefaults:
    """Read what new users in Huma get; a form without that part leaves it as it is."""
    if not any(name == "job_title" for name, _ in form.pairs):
        return settings.new_users
    return NewUserDefaults(form.get("job_title"), form.get("invite") == "1")


def _leads_to(form: Form) -> dict[str, str]:
    """Return what of both lists is shown next; a new search begins at the beginning of its list."""
    then, _, pressed = form.get("then").partition(":")
    shown = {}
    for name in LISTS:
        clears = then == "everybody" and pressed == name
        called = "" if clears else searched(form.get(f"{name}_name"))
        after = form.get(f"{name}_after")
        if pressed == name:
            after = {"next": form.get(f"{name}_next"), "first": ""}.get(then, after)
        shown[f"{name}_name"] = called
        shown[f"{name}_after"] = after if called == form.get(f"was-{name}_name") else ""
    return shown
