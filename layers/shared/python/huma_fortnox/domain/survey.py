"""Who is who in an organization, and who has which value that must be unique: what planning anybody takes to know.

A survey is made of everybody once; then any of them can be planned, all at once or a few at a time, with the same
result. It needs few of a person's values (``essence``), so an organization whose records do not fit into memory
together is surveyed all the same, and then planned piece by piece.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from huma_fortnox.domain.compare import Standing, compare, unreadable_note
from huma_fortnox.domain.creation import obstacles
from huma_fortnox.domain.decisions import NOTHING_DECIDED
from huma_fortnox.domain.draft import Draft, hold_clashes
from huma_fortnox.domain.fields import FIELDS, context_of
from huma_fortnox.domain.match import Apart, Pair, Person, identity_key, match, side_of
from huma_fortnox.domain.outcome import Reason
from huma_fortnox.domain.people import Employee, Side, User
from huma_fortnox.domain.plan_types import PlannedPerson, Situation
from huma_fortnox.domain.uniqueness import Holders, would_duplicate

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from huma_fortnox.domain.decisions import Decisions
    from huma_fortnox.domain.digest import Digest
    from huma_fortnox.domain.fields import Field
    from huma_fortnox.domain.people import Base, FieldSettings, Link, Raw
    from huma_fortnox.domain.readings import Context, Reading

_ROWS = tuple(FIELDS.items())
_UNIQUE = tuple(row for row in FIELDS.values() if row.unique)
_ONE_SIDED = (Situation.ONLY_IN_HUMA, Situation.ONLY_IN_FORTNOX)
_NO_BASES: Mapping[str, Base] = {}
_NOT_VISIBLE = {(side, key): Reason(f"not-visible-in-{side.value}", {"field": key}) for side in Side for key in FIELDS}
_LEFT_AS_IS = {key: Reason("left-as-is", {"field": key}) for key in FIELDS}
_WAITING = {key: Reason("waiting-for-confirmation", {"field": key}) for key in FIELDS}
_INACTIVE = {Side.HUMA: Reason("user-deactivated"), Side.FORTNOX: Reason("employee-inactive")}
_IDENTITY_DIFFERS = Reason("identity-number-differs")

MOST_REMEMBERED = 20_000
"""How many values, once read, are remembered from one part of the work to the next."""


class Survey:
    """Everybody of an organization, matched, with the holders of every unique value.

    ``users`` and ``employees`` may be ``essence``s; of ``links`` the bases are not looked at. Values of unique
    fields are remembered once they are read.
    """

    def __init__(
        self,
        users: Iterable[User],
        employees: Iterable[Employee],
        *,
        links: Iterable[Link] = (),
        decisions: Decisions = NOTHING_DECIDED,
        digest: Digest,
        settings: FieldSettings,
    ) -> None:
        self.users = {user.id: user for user in users}
        self.employees = {employee.id: employee for employee in employees}
        self.decisions = decisions
        self.digest = digest
        self.settings = settings
        self.holders: dict[tuple[str, Side], Holders] = {}
        self.shared: dict[tuple[str, Side], dict[str, Reason]] = {}
        self._readings: dict[tuple[str, str, Raw], Reading] = {}
        self._pairs: dict[Side, dict[str, Pair]] = {Side.HUMA: {}, Side.FORTNOX: {}}
        self._apart: dict[Side, dict[str, Apart]] = {Side.HUMA: {}, Side.FORTNOX: {}}
        found = match(self.users, self.employees, links, decisions.pairs, self._read_known)
        for pair in found.pairs:
            self._pairs[Side.HUMA][pair.user.id] = self._pairs[Side.FORTNOX][pair.employee.id] = pair
        for one in found.apart:
            self._apart[side_of(one.person)][one.person.id] = one
        self._forget_readings()
        for side, people in ((Side.HUMA, self.users), (Side.FORTNOX, self.employees)):
            for row in _UNIQUE:
                self._index(row, side, people)

    def pair_of(self, user_id: str) -> Pair | None:
        """Return the pair that a user is in, made of the records that the survey was given."""
        return self._pairs[Side.HUMA].get(user_id)

    def pair_of_employee(self, employee_id: str) -> Pair | None:
        """Return the pair that an employee is in; see ``pair_of``."""
        return self._pairs[Side.FORTNOX].get(employee_id)

    def is_paired(self, employee_id: str) -> bool:
        """Tell whether an employee has a counterpart."""
        return employee_id in self._pairs[Side.FORTNOX]

    def plan(
        self, users: Iterable[User], employees: Iterable[Employee], links: Iterable[Link] = ()
    ) -> list[PlannedPerson]:
        """Plan these people of the survey, given with all their values; of a pair both or none are given.

        ``links`` are those of the pairs, with their bases. Clashes between decisions are found among the people
        given.
        """
        self._forget_readings()
        bases = {(link.user_id, link.employee_id): link.bases for link in links}
        in_fortnox = {employee.id: employee for employee in employees}
        drafts = []
        planned = []
        for user in users:
            pair = self._pairs[Side.HUMA].get(user.id)
            if pair is None:
                planned.append(self._stand_alone(self._apart[Side.HUMA][user.id], user))
            else:
                employee = in_fortnox[pair.employee.id]
                drafts.append(
                    self._compare_pair(user, employee, bases.get((user.id, employee.id), _NO_BASES), linked=pair.linked)
                )
        hold_clashes(drafts, self.holders)
        planned.extend(draft.person() for draft in drafts)
        planned.extend(
            self._stand_alone(self._apart[Side.FORTNOX][employee.id], employee)
            for employee in in_fortnox.values()
            if not self.is_paired(employee.id)
        )
        return planned

    def as_pair(self, user: User, employee: Employee) -> PlannedPerson:
        """Plan two people who stand apart as if somebody had confirmed that they are one."""
        draft = self._compare_pair(user, employee, _NO_BASES, linked=False)
        hold_clashes([draft], self.holders)
        return draft.person()

    # Values that must be unique

    def _forget_readings(self) -> None:
        """Make room for what takes more of it, once there is much to forget."""
        if len(self._readings) > MOST_REMEMBERED:
            self._readings.clear()

    def _read(self, row: Field, side: Side, raw: Raw, context: Context) -> Reading:
        """Read a value; one that must be unique is remembered, because it is needed more than once."""
        if not row.unique:
            return row.read(side, raw, context)
        remembered = (row.key, context.region, raw)
        reading = self._readings.get(remembered)
        if reading is None:
            reading = self._readings[remembered] = row.read(side, raw, context)
        return reading

    def _read_known(self, key: str, person: Person) -> Reading | None:
        """Read one field of one person with what is known of both sides; ``None`` when it is not visible."""
        if key not in person.values:
            return None
        side = side_of(person)
        pair = self._pairs[side].get(person.id)
        if pair is not None:
            context = context_of(pair.user, pair.employee, self.settings)
        elif isinstance(person, User):
            context = context_of(person, None, self.settings)
        else:
            context = context_of(None, person, self.settings)
        return self._read(FIELDS[key], side, person.values[key], context)

    def _index(self, row: Field, side: Side, people: Mapping[str, Person]) -> None:
        """Note who holds which value of a unique field on one side, and who shares one."""

        def key_of(person_id: str) -> str | None:
            reading = self._read_known(row.key, people[person_id])
            return reading.key if reading is not None else None

        holders = self.holders[row.key, side] = Holders(row, side, key_of)
        for person_id, person in people.items():
            raw = person.values.get(row.key)
            if raw is not None:
                holders.add(person_id, raw)
        self.shared[row.key, side] = holders.shared()

    # Pairs

    def _compare_pair(self, user: User, employee: Employee, bases: Mapping[str, Base], *, linked: bool) -> Draft:
        """Compare every field of one pair."""
        draft = Draft(f"u:{user.id}", user, employee, linked)
        notes = draft.notes
        huma_values, fortnox_values = user.values, employee.values
        context: Context | None = None
        for key, row in _ROWS:
            seen = key in huma_values, key in fortnox_values
            if not all(seen):
                notes.extend(_NOT_VISIBLE[side, key] for side, visible in zip(Side, seen, strict=True) if not visible)
                continue
            huma, fortnox = huma_values[key], fortnox_values[key]
            if huma == fortnox or (row.alike is not None and row.alike(huma, fortnox)):
                continue
            if context is None:
                context = context_of(user, employee, self.settings)
            if row.unique:
                in_huma = self._read(row, Side.HUMA, huma, context)
                in_fortnox = self._read(row, Side.FORTNOX, fortnox, context)
            else:
                in_huma, in_fortnox = row.read_huma(huma, context), row.read_fortnox(fortnox, context)
            found = compare(
                row,
                user,
                in_huma,
                in_fortnox,
                bases.get(key),
                self.digest,
                context,
            )
            if found.huma.problem is not None:
                notes.append(unreadable_note(Side.HUMA, key, found.huma.problem))
            if found.fortnox.problem is not None:
                notes.append(unreadable_note(Side.FORTNOX, key, found.fortnox.problem))
            if found.standing is Standing.DIFFERS:
                draft.add(row, huma, fortnox, found, self.decisions, context)
            elif found.standing is Standing.LEFT_ALONE:
                notes.append(_LEFT_AS_IS[key])
            elif found.standing is Standing.WAITING:
                notes.append(_WAITING[key])
        self._mark(draft)
        return draft

    def _mark(self, draft: Draft) -> None:
        """Hold the fields whose value somebody else has too, and note what concerns the person as a whole."""
        user, employee = draft.user, draft.employee
        for row in _UNIQUE:
            for side, person_id in ((Side.HUMA, user.id), (Side.FORTNOX, employee.id)):
                reason = self.shared[row.key, side].get(person_id)
                if reason is not None and not draft.hold(row.key, reason):
                    draft.notes.append(reason)
        if not user.active:
            draft.notes.append(_INACTIVE[Side.HUMA])
        if not employee.active:
            draft.notes.append(_INACTIVE[Side.FORTNOX])
        if not draft.linked and user.identity_number != employee.identity_number:
            one, other = identity_key(user), identity_key(employee)
            if one is not None and other is not None and one != other:
                draft.notes.append(_IDENTITY_DIFFERS)

    # People without a counterpart

    def _stand_alone(self, one: Apart, person: Person) -> PlannedPerson:
        """Plan somebody who stands on one side only; ``person`` has all the values."""
        side = side_of(person)
        user, employee = (person, None) if isinstance(person, User) else (None, person)
        key = f"u:{person.id}" if user else f"e:{person.id}"
        problems: dict[str, Reason] = {}
        if one.situation in _ONE_SIDED:
            problems.update(obstacles(person, self.settings))
            problems.update(self._clashes_of_creation(person, side))
        for row in _UNIQUE:
            reason = self.shared[row.key, side].get(person.id)
            if reason is not None:
                problems[row.key] = reason
        proposed = one.situation in _ONE_SIDED and (person.active or bool(self.decisions.creations.get(key)))
        held = [reason for name, reason in problems.items() if proposed and FIELDS[name].required]
        notes = [reason for reason in problems.values() if reason not in held[:1] and reason not in one.reasons]
        if not person.active:
            notes.append(_INACTIVE[side])
        return PlannedPerson(
            key=key,
            situation=one.situation,
            user=user,
            employee=employee,
            reasons=one.reasons,
            notes=tuple(notes),
            pairings=one.pairings,
            creates=side.other.value if proposed else "",
            create_held=held[0] if held else None,
        )

    def _clashes_of_creation(self, person: Person, side: Side) -> dict[str, Reason]:
        """Return the unique fields whose value somebody on the other side has already."""
        found: dict[str, Reason] = {}
        for row in _UNIQUE:
            reading = self._read_known(row.key, person)
            if reading is None or reading.key is None or not row.flows_from(side):
                continue
            owners = self.holders[row.key, side.other].of(reading.key)
            if owners:
                found[row.key] = would_duplicate(row.key, side.other, owners)
        return found
