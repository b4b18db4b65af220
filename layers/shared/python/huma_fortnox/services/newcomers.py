"""Somebody new in Huma, created in Fortnox by themselves where the organization wants that.

The rules are those of a synchronization: what cannot be written is left out and told, Fortnox is searched for the
e-mail before anybody is created, and the intent is noted before the first attempt. An attempt that got no answer, or
whose process died, is thereby found out about, and nobody is created twice.

In order: note the intent, create, keep the link, write Fortnox's number back to Huma, take the note back. Whoever finds
a note does the rest of it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from huma_fortnox.domain.creation import new_employee
from huma_fortnox.domain.decisions import Decisions, Direction
from huma_fortnox.domain.errors import Refused
from huma_fortnox.domain.fields import FIELDS, Flow, context_of, read_employee, read_user
from huma_fortnox.domain.frozen import dataclass
from huma_fortnox.domain.outcome import FieldOutcome, Outcome, Reason
from huma_fortnox.domain.people import Base, Link, Side
from huma_fortnox.domain.plan import plan, writes
from huma_fortnox.domain.readings import EMPTY
from huma_fortnox.domain.uniqueness import duplicate
from huma_fortnox.services.real_time import PERSON, HeldPerson, Settled
from huma_fortnox.services.writing import write_fields

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from huma_fortnox.domain.digest import Digest
    from huma_fortnox.domain.people import Employee, FieldSettings, User
    from huma_fortnox.domain.plan_types import PlannedPerson
    from huma_fortnox.services.model import OrganizationSettings
    from huma_fortnox.services.ports import Record, Systems
    from huma_fortnox.services.real_time_ports import PushStore
    from huma_fortnox.services.writing import Doubts, Values

    Taken = Callable[[str, str], str | None]

EMPLOYMENT_SETTINGS_MISSING = Reason("employment-settings-missing")
ALREADY_IN_FORTNOX = Reason("already-in-fortnox")
_FORTNOX, _HUMA = Side.FORTNOX.value, Side.HUMA.value


@dataclass(frozen=True, slots=True)
class Created:
    """The link of somebody who was created, or why nobody was; what was left out stands in ``outcomes``.

    ``noted`` is what is held of the person by now.
    """

    outcomes: tuple[FieldOutcome, ...]
    noted: HeldPerson
    link: Link | None = None


@dataclass(frozen=True, slots=True)
class WrittenBack:
    """What became of Fortnox's number in Huma, and the bases that agree since."""

    outcomes: tuple[FieldOutcome, ...]
    bases: Mapping[str, Base]


class Newcomers:
    """Creates employees for users who have none."""

    def __init__(self, *, store: PushStore, systems: Systems) -> None:
        self._store = store
        self._systems = systems

    def create(
        self,
        organization_id: str,
        user: User,
        settings: OrganizationSettings,
        digest: Digest,
        *,
        noted: HeldPerson,
        taken: Taken,
    ) -> Created:
        """Create an employee and keep the link, or say why not; ``noted`` tells of an attempt before this one.

        ``taken(field, key)`` returns another linked user who has a unique value. Raises ``OutcomeUnknown`` when no
        answer came: called again with the note it left, it looks first.
        """
        if settings.employment is None:
            return _nobody(EMPLOYMENT_SETTINGS_MISSING, noted)
        new = new_employee(user, settings.employment, settings.fields, without=_shared(user, settings.fields, taken))
        if new.held is not None:
            return _nobody(new.held, noted)
        fortnox = self._systems.fortnox(organization_id)
        email, given_name, family_name = (str(new.properties[name]) for name in ("Email", "FirstName", "LastName"))
        there = fortnox.find_employee(email, given_name, family_name)
        if there and not (noted.creating and len(there) == 1):
            # Whether it is the same person is for a human to say.
            return _nobody(ALREADY_IN_FORTNOX, noted)
        if not there:
            if not noted.creating:
                note = replace(noted, creating=True)
                self._store.record(organization_id, Settled(user.id, held=note))
                noted = replace(note, revision=note.revision + 1)
            try:
                there = [fortnox.create_employee(new.properties)]
            except Refused as error:
                return _nobody(error.reason, noted)
        link = _linked(user, read_employee(there[0], settings.fields), digest, settings.fields)
        self._store.record(organization_id, Settled(user.id, link=link, created=True))
        return Created((FieldOutcome(PERSON, Outcome.DONE, _FORTNOX), *new.outcomes), noted, link)

    def write_back(
        self, organization_id: str, user: User, record: Record, link: Link, settings: FieldSettings, digest: Digest
    ) -> WrittenBack:
        """Write the number that Fortnox gave into Huma's employment ID; repeating it is safe."""
        huma, user_id = self._systems.huma(organization_id), user.id
        # Of the employee nothing is needed but its number.
        numbered = read_employee({"EmployeeId": link.employee_id}, settings)
        person = _compared(user, numbered, link, digest, settings)
        numbers = [key for key, row in FIELDS.items() if row.direction is Flow.TO_HUMA_IN_SYNCHRONIZATION]
        planned = writes(person, link=link, digest=digest, settings=settings)

        def still_different(_sent: Values, stored: Record, fields: Sequence[str]) -> Doubts:
            now = read_user({**stored, "position": record.get("position")})
            open_fields = {change.field for change in _compared(now, numbered, link, digest, settings).changes}
            return {
                field: (Outcome.FAILED, Reason("ignored-by-huma", {"field": field}))
                for field in fields
                if field in open_fields
            }

        outcomes = write_fields(
            [field for field in planned.fields if field in numbers],
            _HUMA,
            values_of=lambda _fields: planned.huma,
            write=lambda values: huma.update_user(user_id, values),
            doubts=still_different,
        )
        failed = {outcome.field for outcome in outcomes if outcome.outcome is not Outcome.DONE}
        held = tuple(
            outcome for outcome in planned.outcomes if outcome.field in numbers and outcome.outcome is Outcome.HELD
        )
        bases = {
            field: planned.bases[field]
            for field in numbers
            if field in planned.bases and field not in failed | {outcome.field for outcome in held}
        }
        return WrittenBack((*outcomes, *held), bases)


def _nobody(reason: Reason, noted: HeldPerson) -> Created:
    return Created((FieldOutcome(PERSON, Outcome.HELD, _FORTNOX, reason),), noted)


def _shared(user: User, settings: FieldSettings, taken: Taken) -> dict[str, Reason]:
    """Return the unique fields whose value another linked person has."""
    context = context_of(user, None, settings)
    found = {}
    for key, row in FIELDS.items():
        if not row.unique or row.direction is not Flow.BOTH or key not in user.values:
            continue
        reading = row.read(Side.HUMA, user.values[key], context)
        other = taken(key, reading.key) if reading.key is not None else None
        if other is not None:
            found[key] = duplicate(key, Side.HUMA, (user.id, other))
    return found


def _compared(user: User, employee: Employee, link: Link, digest: Digest, settings: FieldSettings) -> PlannedPerson:
    numbers = {
        key: Direction.USE_FORTNOX for key, row in FIELDS.items() if row.direction is Flow.TO_HUMA_IN_SYNCHRONIZATION
    }
    decisions = Decisions(fields=numbers)
    return plan([user], [employee], links=[link], decisions=decisions, digest=digest, settings=settings).people[0]


def _linked(user: User, employee: Employee, digest: Digest, settings: FieldSettings) -> Link:
    """Return the link of somebody just created: agreed where both sides agree, otherwise empty on both.

    What was left out is thereby something that changed in Huma since: it follows as soon as it can be written.
    """
    link = Link(user.id, employee.id)
    compared = replace(_compared(user, employee, link, digest, settings), changes=())
    agreed = writes(compared, link=link, digest=digest, settings=settings)
    bases = dict(agreed.bases)
    for key, row in FIELDS.items():
        if row.direction is Flow.BOTH and key in user.values and key not in bases:
            empty = digest(key, EMPTY.mark)
            bases[key] = Base(empty, empty)
    return Link(user.id, employee.id, bases=bases, layout=agreed.layout)
