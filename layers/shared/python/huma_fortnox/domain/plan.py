"""The plan: everybody's situation, what differs, and what the decisions make of it.

One function serves a whole organization, a part of it and a single pair. `writes` turns a planned person into what is
sent to each side, `confirm` restricts a fresh plan to what somebody has seen, and `push` is the real-time way from
Huma to Fortnox; they share the comparison of ``compare``, so all of them judge alike.

What it costs is ordered: equal raw values are seen to be equal without being read, and no value is read twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from huma_fortnox.domain.compare import Standing, compare, unreadable_note
from huma_fortnox.domain.confirm import confirm
from huma_fortnox.domain.creation import obstacles
from huma_fortnox.domain.decisions import Decisions
from huma_fortnox.domain.draft import Draft, hold_clashes
from huma_fortnox.domain.fields import FIELDS, context_of
from huma_fortnox.domain.match import Apart, Pair, Person, identity_key, match, side_of
from huma_fortnox.domain.outcome import Reason
from huma_fortnox.domain.people import Employee, FieldSettings, Side, User
from huma_fortnox.domain.plan_types import Plan, PlannedPerson, Situation
from huma_fortnox.domain.push import push
from huma_fortnox.domain.uniqueness import Holders, would_duplicate
from huma_fortnox.domain.writes import verify, writes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from huma_fortnox.domain.digest import Digest
    from huma_fortnox.domain.fields import Field
    from huma_fortnox.domain.people import Base, Link, Raw
    from huma_fortnox.domain.readings import Context, Reading

__all__ = ["confirm", "plan", "push", "verify", "writes"]

NOTHING_DECIDED = Decisions()
USUAL_SETTINGS = FieldSettings()

_ROWS = tuple(FIELDS.items())
_UNIQUE = tuple(row for row in FIELDS.values() if row.unique)
_ONE_SIDED = (Situation.ONLY_IN_HUMA, Situation.ONLY_IN_FORTNOX)
_NO_BASES: Mapping[str, Base] = {}
_NOT_VISIBLE = {(side, key): Reason(f"not-visible-in-{side.value}", {"field": key}) for side in Side for key in FIELDS}
_LEFT_AS_IS = {key: Reason("left-as-is", {"field": key}) for key in FIELDS}
_WAITING = {key: Reason("waiting-for-confirmation", {"field": key}) for key in FIELDS}
_INACTIVE = {Side.HUMA: Reason("user-deactivated"), Side.FORTNOX: Reason("employee-inactive")}
_IDENTITY_DIFFERS = Reason("identity-number-differs")


def plan(
    users: Iterable[User],
    employees: Iterable[Employee],
    *,
    links: Iterable[Link] = (),
    decisions: Decisions = NOTHING_DECIDED,
    digest: Digest,
    settings: FieldSettings = USUAL_SETTINGS,
) -> Plan:
    """Return the plan for these people, in a stable order that no order of the input changes.

    ``links`` are those of the people given; a link whose user or employee is missing says that they are gone. Of
    two records with one id the last counts. What must be unique is checked among the people given.
    """
    return _Planner(users, employees, links, decisions, digest, settings).plan()


class _Planner:
    """One planning: everything it needs at hand, and every value of a unique field read at most once."""

    def __init__(
        self,
        users: Iterable[User],
        employees: Iterable[Employee],
        links: Iterable[Link],
        decisions: Decisions,
        digest: Digest,
        settings: FieldSettings,
    ) -> None:
        self.users = {user.id: user for user in users}
        self.employees = {employee.id: employee for employee in employees}
        self.links = {(link.user_id, link.employee_id): link for link in links}
        self.decisions = decisions
        self.digest = digest
        self.settings = settings
        self.partners: dict[tuple[Side, str], Pair] = {}
        self.readings: dict[tuple[str, str, Raw], Reading] = {}
        self.holders: dict[tuple[str, Side], Holders] = {}
        self.shared: dict[tuple[str, Side], dict[str, Reason]] = {}

    def plan(self) -> Plan:
        """Match, find shared values, compare every pair, and look at what the decisions would lead to."""
        found = match(self.users, self.employees, self.links.values(), self.decisions.pairs, self._read_known)
        for pair in found.pairs:
            self.partners[Side.HUMA, pair.user.id] = self.partners[Side.FORTNOX, pair.employee.id] = pair
        for side, people in ((Side.HUMA, self.users), (Side.FORTNOX, self.employees)):
            for row in _UNIQUE:
                self._index(row, side, people)
        drafts = [self._compare_pair(pair) for pair in found.pairs]
        hold_clashes(drafts, self.holders)
        planned = [draft.person() for draft in drafts]
        planned.extend(self._stand_alone(one) for one in found.apart)
        planned.sort(key=lambda person: person.key)
        return Plan(tuple(planned))

    # Values that must be unique

    def _read(self, row: Field, side: Side, raw: Raw, context: Context) -> Reading:
        """Read a value; one that must be unique is remembered, because it is needed more than once."""
        if not row.unique:
            return row.read(side, raw, context)
        remembered = (row.key, context.region, raw)
        reading = self.readings.get(remembered)
        if reading is None:
            reading = self.readings[remembered] = row.read(side, raw, context)
        return reading

    def _read_known(self, key: str, person: Person) -> Reading | None:
        """Read one field of one person with what is known of both sides; ``None`` when it is not visible."""
        if key not in person.values:
            return None
        side = side_of(person)
        pair = self.partners.get((side, person.id))
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

    def _compare_pair(self, pair: Pair) -> Draft:
        """Compare every field of one pair."""
        user, employee, linked = pair
        draft = Draft(f"u:{user.id}", user, employee, linked)
        notes = draft.notes
        bases = self.links[user.id, employee.id].bases if linked else _NO_BASES
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
            found = compare(
                row,
                user,
                self._read(row, Side.HUMA, huma, context),
                self._read(row, Side.FORTNOX, fortnox, context),
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

    def _stand_alone(self, one: Apart) -> PlannedPerson:
        """Plan somebody who stands on one side only."""
        person, side = one.person, side_of(one.person)
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
