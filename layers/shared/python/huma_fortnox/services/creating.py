"""Creating the other half of people: an employee for a user, a user for an employee, and never one of them twice.

Fortnox offers no search, so who is there is known from its pages: those that the run has read again, and all of them
anew where an attempt before this one may have created somebody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from huma_fortnox.domain.creation import left_out, new_employee, new_user
from huma_fortnox.domain.errors import Defect
from huma_fortnox.domain.fields import FIELDS, read_employee, read_user
from huma_fortnox.domain.outcome import FieldOutcome, Outcome, Reason
from huma_fortnox.domain.people import Side
from huma_fortnox.domain.plan import confirm, plan, verify
from huma_fortnox.services.settling import PERSON, Settled, settled

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from huma_fortnox.domain.people import Employee, User
    from huma_fortnox.domain.plan_types import PlannedPerson
    from huma_fortnox.services.model import OrganizationSettings
    from huma_fortnox.services.ports import Record
    from huma_fortnox.services.settling import Settler


class Creator:
    """Creates people for one organization.

    ``employees_called`` returns the employees with an e-mail; with ``anew`` it reads all of them once more.
    ``is_known`` tells whether somebody was on a side, by id, when the run read it. ``before`` is called ahead of each
    creation.
    """

    def __init__(
        self,
        settler: Settler,
        settings: OrganizationSettings,
        *,
        employees_called: Callable[[str, bool], Sequence[Record]],
        is_known: Callable[[Side, str], bool],
        before: Callable[[], None],
    ) -> None:
        self._settler = settler
        self._settings = settings
        self._employees_called = employees_called
        self._is_known = is_known
        self._before = before

    def employee(self, previewed: PlannedPerson, record: Record | None, *, begun: bool) -> Settled:
        """Create an employee for a user; the number that Fortnox gives goes back to Huma as the employment ID.

        ``begun``: an attempt before this one may have created it.
        """
        if record is None:
            return not_created(Side.FORTNOX, Reason("user-gone"))
        user = read_user(record)
        if self._settings.employment is None:
            return not_created(Side.FORTNOX, Reason("employment-settings-missing"))
        settings = self._settings.fields
        unwanted = self._left_out(previewed, [user], [])
        new = new_employee(user, self._settings.employment, settings, without=unwanted)
        if new.held is not None:
            return not_created(Side.FORTNOX, new.held)
        there = list(self._employees_called(str(new.properties["Email"]), begun))
        # One that is there since an attempt that got no answer is what that attempt created.
        ours = begun and len(there) == 1 and not self._is_known(Side.FORTNOX, str(there[0]["EmployeeId"]))
        if there and not ours:
            return not_created(Side.FORTNOX, Reason("appeared-in-fortnox"))
        if not there:
            self._before()
            there = [self._settler.fortnox.create_employee(new.properties)]
        sent = [key for key, row in FIELDS.items() if new.properties.keys() & set(row.properties(settings))]
        lost = verify(new.properties, there[0], sent, settings)
        created = [
            FieldOutcome(PERSON, Outcome.DONE, Side.FORTNOX.value),
            *new.outcomes,
            *(FieldOutcome(key, Outcome.FAILED, Side.FORTNOX.value, reason) for key, reason in lost.items()),
        ]
        # Only what Fortnox gave by itself goes back; nobody decided about anything else in Huma.
        numbered = {key for key, row in FIELDS.items() if not row.flows_from(Side.HUMA)}
        return self._settler.agree(user, read_employee(there[0], settings), record, created, numbered)

    def user(self, previewed: PlannedPerson, employee: Employee | None, *, begun: bool) -> Settled:
        """Create a user for an employee, with everything the employee has; see ``employee``."""
        if employee is None:
            return not_created(Side.HUMA, Reason("employee-gone"))
        new, held = new_user(employee, self._settings.fields, without=self._left_out(previewed, [], [employee]))
        if new is None:
            return not_created(Side.HUMA, held or Reason("unexpected"))
        huma = self._settler.huma
        record = huma.find_user(new.email)
        if record is not None and not (begun and not self._is_known(Side.HUMA, str(record["id"]))):
            return not_created(Side.HUMA, Reason("appeared-in-huma"))
        if record is None:
            self._before()
            invite = self._settings.new_users.invite
            record = huma.user(huma.create_user(new.given_name, new.family_name, new.email, invite=invite))
        if record is None:
            raise Defect("created-user-missing")
        created = [FieldOutcome(PERSON, Outcome.DONE, Side.HUMA.value), *new.outcomes]
        carried = {key for key, row in FIELDS.items() if row.huma_property in {**new.patch, **new.position}}
        return self._settler.agree(read_user(record), employee, record, created, carried)

    def _left_out(
        self, previewed: PlannedPerson, users: Sequence[User], employees: Sequence[Employee]
    ) -> dict[str, Reason]:
        """Return the fields of a new person that must not be written: clashing, or changed since the preview."""
        now = plan(
            users,
            employees,
            decisions=self._settler.decisions,
            digest=self._settler.digest,
            settings=self._settings.fields,
        ).people[0]
        side = Side.HUMA if users else Side.FORTNOX
        found = {**left_out(previewed), **left_out(confirm(previewed, now))}
        # What never goes that way is not left out: the number that Fortnox gave, when this is the second attempt.
        return {key: reason for key, reason in found.items() if FIELDS[key].flows_from(side)}


def not_created(side: Side, reason: Reason) -> Settled:
    """Return that somebody was not created, and why."""
    return settled([FieldOutcome(PERSON, Outcome.HELD, side.value, reason)])
