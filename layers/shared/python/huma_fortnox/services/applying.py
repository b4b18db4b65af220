"""Carrying out decisions: a batch reads both sides again, writes what still holds, and records every outcome.

A value that differs from what the administrator saw is never overwritten. Before the first write for a person an
intent is recorded and afterwards the outcome; a batch that is repeated passes over everybody with an outcome and, for
somebody with an intent alone, finds out by looking what had been written.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from huma_fortnox.domain.creation import left_out, new_employee, new_user
from huma_fortnox.domain.decisions import Decisions, Direction
from huma_fortnox.domain.digest import keyed_digest
from huma_fortnox.domain.errors import Defect, Refused
from huma_fortnox.domain.fields import FIELDS, read_employee, read_user
from huma_fortnox.domain.outcome import FieldOutcome, Outcome, Reason
from huma_fortnox.domain.people import Base, Link, Side
from huma_fortnox.domain.plan import confirm, plan, verify, writes
from huma_fortnox.domain.plan_json import person_from_json
from huma_fortnox.services.model import PersonOutcome
from huma_fortnox.services.writing import write_fields

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from huma_fortnox.domain.digest import Digest
    from huma_fortnox.domain.people import Employee, User
    from huma_fortnox.domain.plan_types import PlannedPerson, Writes
    from huma_fortnox.services.model import OrganizationSettings
    from huma_fortnox.services.ports import (
        ConnectionStore,
        Fortnox,
        Huma,
        LinkStore,
        Record,
        SynchronizationStore,
        Systems,
        Vault,
    )
    from huma_fortnox.services.writing import Doubts

PERSON = "person"
"""Stands for the person as a whole where an outcome is not about one field."""


class Applying:
    """Carries out the batches of runs."""

    def __init__(
        self,
        *,
        store: SynchronizationStore,
        links: LinkStore,
        connections: ConnectionStore,
        vault: Vault,
        systems: Systems,
    ) -> None:
        self._store = store
        self._links = links
        self._connections = connections
        self._vault = vault
        self._systems = systems

    def apply(self, organization_id: str, run_id: str, batch: Mapping[str, Any]) -> None:
        """Carry out one batch; raises ``TransientError`` to be called again, and what stops the whole run."""
        people = [person_from_json(data) for data in batch["people"]]
        notes = self._store.intents(organization_id, run_id, (person.key for person in people))
        todo = [person for person in people if "outcomes" not in notes.get(person.key, {})]
        if not todo:
            return
        work = _Batch(
            organization_id=organization_id,
            run_id=run_id,
            store=self._store,
            links=self._links,
            huma=self._systems.huma(organization_id),
            fortnox=self._systems.fortnox(organization_id),
            settings=self._connections.load(organization_id).settings,
            decisions=self._store.decisions(organization_id, run_id),
            digest=keyed_digest(self._vault.base_key(organization_id)),
            intents={key: note.get("intent") or {} for key, note in notes.items()},
        )
        match batch["kind"]:
            case "pairs":
                work.pairs(todo, batch["page"])
            case "create_in_fortnox":
                work.create_in_fortnox(todo)
            case "create_in_huma":
                work.create_in_huma(todo)
            case kind:
                raise Defect("batch-kind-unknown", {"kind": str(kind)})


class _Batch:
    """One batch with everything it needs at hand."""

    def __init__(
        self,
        *,
        organization_id: str,
        run_id: str,
        store: SynchronizationStore,
        links: LinkStore,
        huma: Huma,
        fortnox: Fortnox,
        settings: OrganizationSettings,
        decisions: Decisions,
        digest: Digest,
        intents: Mapping[str, Mapping[str, str]],
    ) -> None:
        self._organization_id = organization_id
        self._run_id = run_id
        self._store = store
        self._links = links
        self._huma = huma
        self._fortnox = fortnox
        self._settings = settings
        self._decisions = decisions
        self._digest = digest
        self._intents = intents
        self._by_email: dict[str, list[Record]] | None = None

    # -- pairs

    def pairs(self, people: Sequence[PlannedPerson], page: int) -> None:
        """Settle pairs whose employees stood on this page of Fortnox."""
        records = {record["id"]: record for record in self._huma.details([p.user.id for p in people if p.user])}
        employees = self._employees_again({p.employee.id for p in people if p.employee}, page)
        links = {p.user.id: link for p in people if p.user and (link := self._link(p.user.id))}
        fresh = plan(
            [read_user(record) for record in records.values()],
            employees.values(),
            links=links.values(),
            decisions=self._decisions,
            digest=self._digest,
            settings=self._settings.fields,
        )
        found = {person.key: person for person in fresh.people}
        for previewed in people:
            if previewed.user is None or previewed.employee is None:
                continue
            now = found.get(previewed.key, replace(previewed, user=None, employee=None, changes=()))
            self._settle(confirm(previewed, now), records.get(previewed.user.id), links.get(previewed.user.id))

    def _employees_again(self, wanted: set[str], page: int) -> dict[str, Employee]:
        """Read the page again; an employee that moved to another page since is asked for alone."""
        found = {
            employee.id: employee
            for record in self._fortnox.employees(page).employees
            if (employee := read_employee(record, self._settings.fields)).id in wanted
        }
        for employee_id in wanted - found.keys():
            with suppress(Refused):
                record = self._fortnox.employee(employee_id)
                if record is not None:
                    found[employee_id] = read_employee(record, self._settings.fields)
        return found

    def _settle(self, person: PlannedPerson, record: Record | None, link: Link | None) -> None:
        if person.user is None or person.employee is None or record is None:
            reasons = person.reasons or (Reason("changed-since-preview"),)
            skipped = [FieldOutcome(PERSON, Outcome.SKIPPED, reason=reason) for reason in reasons]
            self._record(person, skipped, None)
            return
        planned = self._writes(person, link)
        outcomes, looked_up = list(planned.outcomes), dict[str, Base]()
        if planned.fields:
            # With what an attempt before this one meant: some of it may have been written.
            intent = {**self._intents.get(person.key, {}), **planned.fields}
            self._store.note_intent(self._organization_id, self._run_id, person.key, intent)
            outcomes += self._write_to_fortnox(person, link, planned)
            written, looked_up = self._write_to_huma(person, link, planned, record)
            outcomes += written
        outcomes = self._found_out_by_looking(person, planned, outcomes)
        failed = {outcome.field for outcome in outcomes if outcome.outcome is Outcome.FAILED}
        waiting = {outcome.field for outcome in outcomes if outcome.outcome is Outcome.HELD}
        kept = link.bases if link else {}
        # Only those that move: a push may have moved others since the link was read.
        bases = {
            field: base
            for field, base in {**planned.bases, **looked_up}.items()
            if field not in failed and not (field in waiting and field in planned.fields) and kept.get(field) != base
        }
        self._record(person, outcomes, Link(person.user.id, person.employee.id, bases=bases, layout=planned.layout))

    def _writes(self, person: PlannedPerson, link: Link | None, fields: Iterable[str] | None = None) -> Writes:
        wanted = set(FIELDS) if fields is None else set(fields)
        changes = tuple(change for change in person.changes if change.field in wanted)
        return writes(replace(person, changes=changes), link=link, digest=self._digest, settings=self._settings.fields)

    def _write_to_fortnox(self, person: PlannedPerson, link: Link | None, planned: Writes) -> list[FieldOutcome]:
        employee_id = person.employee.id if person.employee else ""

        def doubts(sent: Mapping[str, Any], stored: Record, fields: Sequence[str]) -> Doubts:
            lost = verify(sent, stored, fields, self._settings.fields)
            return {field: (Outcome.FAILED, reason) for field, reason in lost.items()}

        return write_fields(
            [field for field, side in planned.fields.items() if side == Side.FORTNOX],
            Side.FORTNOX.value,
            values_of=lambda fields: self._writes(person, link, fields).fortnox,
            write=lambda values: self._fortnox.update_employee(employee_id, values),
            doubts=doubts,
        )

    def _write_to_huma(
        self, person: PlannedPerson, link: Link | None, planned: Writes, record: Record
    ) -> tuple[list[FieldOutcome], dict[str, Base]]:
        """Write to Huma; return what became of it, and the bases that what Huma stored agrees on."""
        user_id = person.user.id if person.user else ""
        position = record.get("position") or {}
        to_huma = [field for field, side in planned.fields.items() if side == Side.HUMA]

        bases: dict[str, Base] = {}

        def still_different(_sent: Mapping[str, Any], stored: Record, fields: Sequence[str]) -> Doubts:
            user = read_user({**stored, "position": record.get("position")})
            doubts, agreed = self._look_at_huma(user, person.employee, fields)
            bases.update(agreed)
            return doubts

        outcomes = write_fields(
            [field for field in to_huma if not FIELDS[field].on_position],
            Side.HUMA.value,
            values_of=lambda fields: self._writes(person, link, fields).huma,
            write=lambda values: self._huma.update_user(user_id, values),
            doubts=still_different,
        )
        outcomes += write_fields(
            [field for field in to_huma if FIELDS[field].on_position],
            Side.HUMA.value,
            values_of=lambda fields: self._writes(person, link, fields).position,
            write=lambda values: self._huma.update_position(user_id, position.get("id"), values),
            doubts=lambda _sent, _stored, _fields: {},
        )
        return outcomes, bases

    def _look_at_huma(
        self, user: User, employee: Employee | None, fields: Sequence[str]
    ) -> tuple[Doubts, Mapping[str, Base]]:
        """Compare what Huma stored with Fortnox's value: it waits for the person, or was silently ignored."""
        if employee is None:
            return {}, {}
        link = Link(user.id, employee.id)
        compared = plan([user], [employee], links=[link], digest=self._digest, settings=self._settings.fields).people[0]
        agreed = {field: base for field, base in self._writes(compared, link).bases.items() if field in fields}
        doubts: dict[str, tuple[Outcome, Reason]] = {}
        for field in set(fields) - agreed.keys():
            requested = FIELDS[field].requested
            if requested is not None and requested(user) is not None:
                doubts[field] = (Outcome.HELD, Reason("waiting-for-confirmation"))
            else:
                doubts[field] = (Outcome.FAILED, Reason("ignored-by-huma", {"field": field}))
        return doubts, agreed

    def _found_out_by_looking(
        self, person: PlannedPerson, planned: Writes, outcomes: list[FieldOutcome]
    ) -> list[FieldOutcome]:
        """Call a field done that a crashed attempt had meant to write and that both sides now agree on."""
        open_fields = {change.field for change in person.changes}
        meant = {
            field: side
            for field, side in self._intents.get(person.key, {}).items()
            if field not in open_fields and field not in planned.fields
        }
        return [outcome for outcome in outcomes if outcome.field not in meant] + [
            FieldOutcome(field, Outcome.DONE, side) for field, side in meant.items()
        ]

    # -- creations

    def create_in_fortnox(self, people: Sequence[PlannedPerson]) -> None:
        """Create employees for users; their numbers go back to Huma as employment IDs."""
        records = {record["id"]: record for record in self._huma.details([p.user.id for p in people if p.user])}
        for previewed in people:
            record = records.get(previewed.user.id) if previewed.user else None
            try:
                if record is None:
                    self._not_created(previewed, Side.FORTNOX, Reason("user-gone"))
                else:
                    self._create_employee(previewed, record)
            except Refused as error:
                self._not_created(previewed, Side.FORTNOX, error.reason)

    def _create_employee(self, previewed: PlannedPerson, record: Record) -> None:
        user = read_user(record)
        if self._settings.employment is None:
            self._not_created(previewed, Side.FORTNOX, Reason("employment-settings-missing"))
            return
        unwanted = self._left_out(previewed, [user], [])
        new = new_employee(user, self._settings.employment, self._settings.fields, without=unwanted)
        if new.held is not None:
            self._not_created(previewed, Side.FORTNOX, new.held)
            return
        there = self._employees_called(str(new.properties["Email"]))
        # One that is there although an attempt before this one got no answer is what that attempt created.
        if there and not (len(there) == 1 and previewed.key in self._intents):
            self._not_created(previewed, Side.FORTNOX, Reason("appeared-in-fortnox"))
            return
        stored = there[0] if there else self._first_noted(previewed, Side.FORTNOX, new.properties)
        settings = self._settings.fields
        sent = [key for key, row in FIELDS.items() if new.properties.keys() & set(row.properties(settings))]
        lost = verify(new.properties, stored, sent, settings)
        created = [
            FieldOutcome(PERSON, Outcome.DONE, Side.FORTNOX.value),
            *new.outcomes,
            *(FieldOutcome(key, Outcome.FAILED, Side.FORTNOX.value, reason) for key, reason in lost.items()),
        ]
        # Only what Fortnox gave by itself goes back; nobody decided about anything else in Huma.
        numbered = {key for key, row in FIELDS.items() if not row.flows_from(Side.HUMA)}
        self._agree(previewed, user, read_employee(stored, settings), record, created, numbered)

    def _first_noted(self, person: PlannedPerson, side: Side, properties: Mapping[str, str | None]) -> Record:
        self._store.note_intent(self._organization_id, self._run_id, person.key, {PERSON: side.value})
        return self._fortnox.create_employee(properties)

    def _employees_called(self, email: str) -> Sequence[Record]:
        """Return the employees with this e-mail; Fortnox offers no search, so all are read, once a batch."""
        if self._by_email is None:
            self._by_email = {}
            number, pages = 1, 1
            while number <= pages:
                page = self._fortnox.employees(number)
                for row in page.employees:
                    self._by_email.setdefault(_folded(row.get("Email")), []).append(row)
                number, pages = number + 1, page.pages
        return self._by_email.get(_folded(email), ())

    def create_in_huma(self, people: Sequence[PlannedPerson]) -> None:
        """Create users for employees."""
        for previewed in people:
            try:
                stored = self._fortnox.employee(previewed.employee.id) if previewed.employee else None
                if stored is None:
                    self._not_created(previewed, Side.HUMA, Reason("employee-gone"))
                else:
                    self._create_user(previewed, read_employee(stored, self._settings.fields))
            except Refused as error:
                self._not_created(previewed, Side.HUMA, error.reason)

    def _create_user(self, previewed: PlannedPerson, employee: Employee) -> None:
        unwanted = self._left_out(previewed, [], [employee])
        new, held = new_user(employee, self._settings.fields, without=unwanted)
        if new is None:
            self._not_created(previewed, Side.HUMA, held or Reason("unexpected"))
            return
        record = self._huma.find_user(new.email)
        if record is not None and previewed.key not in self._intents:
            self._not_created(previewed, Side.HUMA, Reason("appeared-in-huma"))
            return
        if record is None:
            self._store.note_intent(self._organization_id, self._run_id, previewed.key, {PERSON: Side.HUMA.value})
            user_id = self._huma.create_user(new.given_name, new.family_name, new.email, invite=False)
            record = self._huma.user(user_id)
        if record is None:
            raise Defect("created-user-missing")
        created = [FieldOutcome(PERSON, Outcome.DONE, Side.HUMA.value), *new.outcomes]
        carried = {key for key, row in FIELDS.items() if row.huma_property in {**new.patch, **new.position}}
        self._agree(previewed, read_user(record), employee, record, created, carried)

    def _left_out(
        self, previewed: PlannedPerson, users: Sequence[User], employees: Sequence[Employee]
    ) -> dict[str, Reason]:
        """Return the fields of a new person that must not be written: clashing, or changed since the preview."""
        now = plan(
            users,
            employees,
            decisions=self._decisions,
            digest=self._digest,
            settings=self._settings.fields,
        ).people[0]
        side = Side.HUMA if users else Side.FORTNOX
        found = {**left_out(previewed), **left_out(confirm(previewed, now))}
        # What never goes that way is not left out of it: the number that Fortnox gave, when this is the second attempt.
        return {key: reason for key, reason in found.items() if FIELDS[key].flows_from(side)}

    def _agree(
        self,
        previewed: PlannedPerson,
        user: User,
        employee: Employee,
        record: Record,
        created: Sequence[FieldOutcome],
        to_huma: Collection[str],
    ) -> None:
        """Link somebody just created, and fill in in Huma what the creation could not carry.

        ``to_huma`` are the fields that go there: what Fortnox numbered, or everything else a new user gets. Those an
        attempt before this one wrote are done too. Fields that the creation left out keep that outcome.
        """
        link = Link(user.id, employee.id)
        fresh = plan(
            [user],
            [employee],
            links=[link],
            decisions=Decisions(fields=dict.fromkeys(to_huma, Direction.USE_FORTNOX)),
            digest=self._digest,
            settings=self._settings.fields,
        ).people[0]
        settled = {outcome.field for outcome in created}
        planned = self._writes(fresh, link, FIELDS.keys() - settled)
        written, looked_up = self._write_to_huma(fresh, link, planned, record)
        failed = {outcome.field for outcome in written if outcome.outcome is not Outcome.DONE}
        rest = [
            FieldOutcome(outcome.field, Outcome.DONE, Side.HUMA.value)
            if outcome.field in to_huma and outcome.outcome is Outcome.UNCHANGED
            else outcome
            for outcome in planned.outcomes
            if outcome.field not in settled
        ]
        bases = {field: base for field, base in {**planned.bases, **looked_up}.items() if field not in failed | settled}
        self._record(
            previewed,
            [*created, *written, *rest],
            Link(user.id, employee.id, bases=bases, layout=planned.layout),
        )

    def _not_created(self, person: PlannedPerson, side: Side, reason: Reason) -> None:
        self._record(person, [FieldOutcome(PERSON, Outcome.HELD, side.value, reason)], None)

    # -- both

    def _link(self, user_id: str) -> Link | None:
        return self._links.link(self._organization_id, user_id)

    def _record(self, person: PlannedPerson, outcomes: Sequence[FieldOutcome], link: Link | None) -> None:
        self._store.save_outcome(
            self._organization_id,
            self._run_id,
            PersonOutcome(person.key, person.name, _noteworthy(outcomes)),
            link,
        )
        self._store.count(self._organization_id, self._run_id, {"applied": 1})


def _folded(email: object) -> str:
    return email.strip().casefold() if isinstance(email, str) else ""


def _noteworthy(outcomes: Sequence[FieldOutcome]) -> tuple[FieldOutcome, ...]:
    """Leave out the fields that simply agree; somebody with nothing else is unchanged as a whole."""
    told = tuple(outcome for outcome in outcomes if outcome.outcome is not Outcome.UNCHANGED or outcome.reason)
    return told or (FieldOutcome(PERSON, Outcome.UNCHANGED),)
