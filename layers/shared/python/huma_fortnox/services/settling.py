"""What a batch does for one person: write what still holds, look at what is stored, and say what became of each field.

Nothing is recorded here: the outcomes and the link go back to whoever asked.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from huma_fortnox.domain.decisions import Decisions, Direction
from huma_fortnox.domain.errors import Missing
from huma_fortnox.domain.fields import FIELDS, context_of, read_user
from huma_fortnox.domain.frozen import dataclass
from huma_fortnox.domain.outcome import FieldOutcome, Outcome, Reason
from huma_fortnox.domain.people import Base, Link, Side
from huma_fortnox.domain.plan import confirm, plan, verify, writes
from huma_fortnox.domain.readings import agree
from huma_fortnox.services.writing import write_fields

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from huma_fortnox.domain.digest import Digest
    from huma_fortnox.domain.people import Employee, FieldSettings, User
    from huma_fortnox.domain.plan_types import PlannedPerson, Writes
    from huma_fortnox.services.ports import Fortnox, Huma, Record
    from huma_fortnox.services.writing import Doubts

PERSON = "person"
"""Stands for the person as a whole where an outcome is not about one field."""

CHANGED_SINCE_PREVIEW = Reason("changed-since-preview")
WAITING = Reason("waiting-for-confirmation")


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of one person: the outcomes, and the link with the bases that are to stand, if there is one.

    ``wrote`` are the fields that were written to Fortnox.
    """

    outcomes: tuple[FieldOutcome, ...]
    link: Link | None = None
    wrote: frozenset[str] = frozenset()


def settled(outcomes: Iterable[FieldOutcome], link: Link | None = None, wrote: Iterable[str] = ()) -> Settled:
    """Return what became of somebody, without the fields that simply agree.

    Somebody with nothing else is unchanged as a whole.
    """
    told = tuple(outcome for outcome in outcomes if outcome.outcome is not Outcome.UNCHANGED or outcome.reason)
    return Settled(told or (FieldOutcome(PERSON, Outcome.UNCHANGED),), link, frozenset(wrote))


def intent_of(previewed: PlannedPerson) -> dict[str, str]:
    """Return what is about to be written for a pair, by field: the side that is written."""
    sides = {Direction.USE_HUMA: Side.FORTNOX.value, Direction.USE_FORTNOX: Side.HUMA.value}
    return {
        change.field: sides[change.chosen]
        for change in previewed.changes
        if change.held is None and change.chosen in sides
    }


class Settler:
    """Settles pairs; everything it needs is that of one organization.

    ``job_title`` is the title of the position that somebody in Huma who has none gets for the dates of work.
    """

    def __init__(
        self,
        *,
        huma: Huma,
        fortnox: Fortnox,
        decisions: Decisions,
        digest: Digest,
        settings: FieldSettings,
        job_title: str,
    ) -> None:
        self.job_title = job_title
        self.huma = huma
        self.fortnox = fortnox
        self.decisions = decisions
        self.digest = digest
        self.settings = settings

    # -- without writing to either side

    def as_decided(self, previewed: PlannedPerson, link: Link | None) -> Settled:
        """Settle a pair for which nothing is written, from what the administrator saw.

        A new pair is linked with that. The bases of somebody linked stay as they are: they may be newer.
        """
        planned = writes(previewed, link=link, digest=self.digest, settings=self.settings)
        if link is not None or previewed.user is None or previewed.employee is None:
            return settled(planned.outcomes)
        return settled(planned.outcomes, Link(previewed.user.id, previewed.employee.id, planned.bases, planned.layout))

    # -- with writing

    def carry_out(
        self,
        previewed: PlannedPerson,
        record: Record | None,
        employee: Employee | None,
        link: Link | None,
        *,
        begun: bool,
    ) -> Settled:
        """Write what was decided for a pair and still holds, given both records as they are now.

        ``begun``: an attempt before this one may have written some of it.
        """
        user = read_user(record) if record is not None else None
        if record is None or user is None or employee is None:
            return settled([FieldOutcome(PERSON, Outcome.SKIPPED, reason=CHANGED_SINCE_PREVIEW)])
        found: dict[str, FieldOutcome] = {}
        if begun:
            user, employee, found = self._look(previewed, user, employee)
        fresh = self._plan(user, employee, link)
        person = confirm(previewed, fresh)
        if person.employee is None:
            reasons = person.reasons or (CHANGED_SINCE_PREVIEW,)
            return settled(FieldOutcome(PERSON, Outcome.SKIPPED, reason=reason) for reason in reasons)
        planned = self.writes(person, link)
        outcomes = [outcome for outcome in planned.outcomes if outcome.field not in found]
        outcomes += self._write_to_fortnox(person, link, planned)
        written, looked_up = self.write_to_huma(person, link, planned, record)
        outcomes += [*written, *found.values()]
        unsettled = {outcome.field for outcome in outcomes if outcome.outcome is Outcome.FAILED}
        unsettled |= {outcome.field for outcome in written if outcome.outcome is Outcome.HELD}
        bases = {field: base for field, base in {**planned.bases, **looked_up}.items() if field not in unsettled}
        if link is not None:
            # What failed keeps the base it had.
            bases |= {field: link.bases[field] for field in unsettled & link.bases.keys()}
        kept = Link(user.id, person.employee.id, bases, planned.layout)
        return settled(outcomes, kept, (field for field, side in planned.fields.items() if side == Side.FORTNOX))

    def _look(
        self, previewed: PlannedPerson, user: User, employee: Employee
    ) -> tuple[User, Employee, dict[str, FieldOutcome]]:
        """Find out what an attempt before this one wrote, by looking at the side it was to write to.

        What stands there is what the administrator saw on the other side: it was written. That other side is then
        taken as it was seen, even if it moved on since, so that the base tells a later push of that.
        """
        context = context_of(user, employee, self.settings)
        found: dict[str, FieldOutcome] = {}
        users, employees = dict(user.values), dict(employee.values)
        changes = {change.field: change for change in previewed.changes}
        for field, side in intent_of(previewed).items():
            row, change = FIELDS[field], changes[field]
            huma, fortnox = row.read(Side.HUMA, change.huma, context), row.read(Side.FORTNOX, change.fortnox, context)
            if side == Side.FORTNOX:
                if field in employees and agree(huma, row.read(Side.FORTNOX, employees[field], context)):
                    users[field] = change.huma
                    found[field] = FieldOutcome(field, Outcome.DONE, side)
            elif field in users and agree(row.read(Side.HUMA, users[field], context), fortnox):
                employees[field] = change.fortnox
                found[field] = FieldOutcome(field, Outcome.DONE, side)
            elif row.requested is not None and agree(row.read(Side.HUMA, row.requested(user), context), fortnox):
                found[field] = FieldOutcome(field, Outcome.HELD, side, WAITING)
        return replace(user, values=users), replace(employee, values=employees), found

    def _plan(self, user: User, employee: Employee, link: Link | None) -> PlannedPerson:
        people = plan(
            [user],
            [employee],
            links=[link] if link is not None else [],
            decisions=self.decisions,
            digest=self.digest,
            settings=self.settings,
        ).people
        return next(person for person in people if person.user is not None)

    def writes(self, person: PlannedPerson, link: Link | None, fields: Iterable[str] | None = None) -> Writes:
        """Return what the decisions mean for a pair, for some of its fields."""
        if fields is not None:
            wanted = set(fields)
            person = replace(person, changes=tuple(change for change in person.changes if change.field in wanted))
        return writes(person, link=link, digest=self.digest, settings=self.settings)

    def _write_to_fortnox(self, person: PlannedPerson, link: Link | None, planned: Writes) -> list[FieldOutcome]:
        employee_id = person.employee.id if person.employee else ""

        def doubts(sent: Mapping[str, Any], stored: Record, fields: Sequence[str]) -> Doubts:
            lost = verify(sent, stored, fields, self.settings)
            return {field: (Outcome.FAILED, reason) for field, reason in lost.items()}

        return write_fields(
            [field for field, side in planned.fields.items() if side == Side.FORTNOX],
            Side.FORTNOX.value,
            values_of=lambda fields: self.writes(person, link, fields).fortnox,
            write=lambda values: self.fortnox.update_employee(employee_id, values),
            doubts=doubts,
        )

    def write_to_huma(
        self, person: PlannedPerson, link: Link | None, planned: Writes, record: Record
    ) -> tuple[list[FieldOutcome], dict[str, Base]]:
        """Write to Huma; return what became of it, and the bases that what Huma stored agrees on."""
        user_id = person.user.id if person.user else ""
        position = record.get("position") or {}
        to_huma = [field for field, side in planned.fields.items() if side == Side.HUMA]
        bases: dict[str, Base] = {}

        def still_different(_sent: Mapping[str, Any], stored: Record, fields: Sequence[str]) -> Doubts:
            doubts, agreed = self._look_at_huma({**stored, "position": record.get("position")}, person, fields)
            bases.update(agreed)
            return doubts

        outcomes = write_fields(
            [field for field in to_huma if not FIELDS[field].on_position],
            Side.HUMA.value,
            values_of=lambda fields: self.writes(person, link, fields).huma,
            write=lambda values: self.huma.update_user(user_id, values),
            doubts=still_different,
        )
        outcomes += write_fields(
            [field for field in to_huma if FIELDS[field].on_position],
            Side.HUMA.value,
            values_of=lambda fields: self.writes(person, link, fields).position,
            write=lambda values: self.huma.update_position(
                user_id, position.get("id"), values, job_title=self.job_title
            ),
            doubts=lambda _sent, _stored, _fields: {},
        )
        return outcomes, bases

    def _look_at_huma(
        self, stored: Record, person: PlannedPerson, fields: Sequence[str]
    ) -> tuple[Doubts, Mapping[str, Base]]:
        """Compare what Huma stored with Fortnox's value: it waits for the person, or was silently ignored."""
        if person.employee is None:
            raise Missing("missing-in-fortnox")
        user = read_user(stored)
        link = Link(user.id, person.employee.id)
        compared = plan([user], [person.employee], links=[link], digest=self.digest, settings=self.settings).people[0]
        agreed = {field: base for field, base in self.writes(compared, link).bases.items() if field in fields}
        doubts: dict[str, tuple[Outcome, Reason]] = {}
        for field in set(fields) - agreed.keys():
            requested = FIELDS[field].requested
            if requested is not None and requested(user) is not None:
                doubts[field] = (Outcome.HELD, WAITING)
            else:
                doubts[field] = (Outcome.FAILED, Reason("ignored-by-huma", {"field": field}))
        return doubts, agreed

    # -- what a creation leaves to be done

    def agree(
        self,
        user: User,
        employee: Employee,
        record: Record,
        created: Sequence[FieldOutcome],
        to_huma: Collection[str],
    ) -> Settled:
        """Fill in in Huma what the creation of either half could not carry.

        ``to_huma`` are the fields that go there: what Fortnox numbered, or everything else a new user gets. Those an
        attempt before this one wrote are done too. Fields that the creation left out keep that outcome.
        """
        link = Link(user.id, employee.id)
        fresh = plan(
            [user],
            [employee],
            links=[link],
            decisions=Decisions(fields=dict.fromkeys(to_huma, Direction.USE_FORTNOX)),
            digest=self.digest,
            settings=self.settings,
        ).people[0]
        told = {outcome.field for outcome in created}
        planned = self.writes(fresh, link, FIELDS.keys() - told)
        written, looked_up = self.write_to_huma(fresh, link, planned, record)
        failed = {outcome.field for outcome in written if outcome.outcome is not Outcome.DONE}
        rest = [
            FieldOutcome(outcome.field, Outcome.DONE, Side.HUMA.value)
            if outcome.field in to_huma and outcome.outcome is Outcome.UNCHANGED
            else outcome
            for outcome in planned.outcomes
            if outcome.field not in told
        ]
        bases = {field: base for field, base in {**planned.bases, **looked_up}.items() if field not in failed | told}
        return settled([*created, *written, *rest], Link(user.id, employee.id, bases, planned.layout))
