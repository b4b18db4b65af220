"""What the decisions make of a plan, worked out from an outline of it that holds hardly any values.

A plan of a large organization is made once and kept; the decisions about it change with every click. An outline
says of each difference what either direction would do, so carrying the decisions through it is a matter of counting.
It comes to the same as planning everybody anew with the decisions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from huma_fortnox.domain.compare import Comparison, Standing, obstacle
from huma_fortnox.domain.decisions import Direction
from huma_fortnox.domain.draft import Settlement, clears
from huma_fortnox.domain.fields import FIELDS, context_of
from huma_fortnox.domain.frozen import dataclass
from huma_fortnox.domain.people import Side
from huma_fortnox.domain.plan_types import Situation

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from huma_fortnox.domain.decisions import Decisions
    from huma_fortnox.domain.outcome import Reason
    from huma_fortnox.domain.people import Employee, FieldSettings, User
    from huma_fortnox.domain.plan_types import Change, PlannedPerson
    from huma_fortnox.domain.readings import Context
    from huma_fortnox.domain.survey import Survey

_NO_LAYOUT: Mapping[str, str] = {}
_UNPAIRABLE = {"linked-twice", "confirmed-twice"}


class Effect(StrEnum):
    """What one direction of a difference would do; ``CLEARS_IF_EXACT`` clears by an exact decision only."""

    WRITES = "w"
    CLEARS = "c"
    CLEARS_IF_EXACT = "x"
    HELD = "h"


@dataclass(frozen=True, slots=True)
class Option:
    """A difference: what using either side's value would do.

    Of a unique field also what both values compare as, and who has them on the other side already.
    """

    field: str
    use_huma: Effect
    use_fortnox: Effect
    huma_key: str | None = None
    fortnox_key: str | None = None
    in_fortnox: tuple[str, ...] = ()
    in_huma: tuple[str, ...] = ()

    def effect(self, direction: Direction) -> Effect:
        """Return what a direction other than *leave* would do."""
        return self.use_huma if direction is Direction.USE_HUMA else self.use_fortnox


@dataclass(frozen=True, slots=True)
class Outline:
    """A planned person without the values; ids are empty on the side the person is missing from.

    ``creates`` is the side on which the person can be created, empty when that is held. ``if_paired`` are, on a
    user who stands apart, the options that confirming a suggested pair would open, by EmployeeId.
    """

    key: str
    situation: Situation
    user_id: str = ""
    employee_id: str = ""
    linked: bool = False
    creates: str = ""
    options: tuple[Option, ...] = ()
    if_paired: Mapping[str, tuple[Option, ...]] = field(default_factory=dict)


class Fate(StrEnum):
    """What the decisions make of a difference."""

    WRITTEN = "written"
    CLEARED = "cleared"
    HELD = "held"
    LEFT = "left"
    UNDECIDED = "undecided"


@dataclass(slots=True)
class DecidedChange:
    """One difference with its fate; ``clash`` says with whom it would share a unique value."""

    option: Option
    direction: Direction | None
    fate: Fate
    clash: Reason | None = None


@dataclass(frozen=True, slots=True)
class DecidedPerson:
    """A person of the outline with the fate of every difference.

    ``employee_id`` is filled in by a confirmed pair too, which ``confirmed`` tells. ``creates`` is the side on which
    somebody wants the person created, or empty.
    """

    outline: Outline
    employee_id: str
    confirmed: bool
    changes: tuple[DecidedChange, ...]
    creates: str

    @property
    def clashes(self) -> dict[str, Reason]:
        """Return, by field, with whom a decided change would share a unique value."""
        return {change.option.field: change.clash for change in self.changes if change.clash is not None}


def outline_of(person: PlannedPerson, survey: Survey, candidates: Iterable[PlannedPerson] = ()) -> Outline:
    """Return the outline of a planned person; ``candidates`` are the pairs that could be confirmed of a user."""
    return Outline(
        key=person.key,
        situation=person.situation,
        user_id=person.user.id if person.user else "",
        employee_id=person.employee.id if person.employee else "",
        linked=person.linked,
        creates=person.creates if person.create_held is None else "",
        options=_options(person, survey),
        if_paired={pair.employee.id: _options(pair, survey) for pair in candidates if pair.employee},
    )


def confirmable(person: PlannedPerson) -> list[str]:
    """Return the ids of the employees that somebody may confirm a user to be."""
    if person.user is None:
        return []
    return [
        pairing.employee_id
        for pairing in person.pairings
        if pairing.user_id == person.user.id and not _UNPAIRABLE.intersection(pairing.evidence)
    ]


def _options(person: PlannedPerson, survey: Survey) -> tuple[Option, ...]:
    """Return the options of a pair; nobody else has changes."""
    if person.user is None or person.employee is None:
        return ()
    return tuple(_option(person.user, person.employee, change, survey) for change in person.changes)


def _comparison(
    user: User, employee: Employee | None, change: Change, settings: FieldSettings
) -> tuple[Comparison, Context]:
    """Return what the plan saw when it found a change."""
    row, context = FIELDS[change.field], context_of(user, employee, settings)
    huma, fortnox = row.read(Side.HUMA, change.huma, context), row.read(Side.FORTNOX, change.fortnox, context)
    return Comparison(Standing.DIFFERS, huma, fortnox, change.changed), context


def _option(user: User, employee: Employee, change: Change, survey: Survey) -> Option:
    row = FIELDS[change.field]
    found, context = _comparison(user, employee, change, survey.settings)
    shared = row.unique and (
        user.id in survey.shared[row.key, Side.HUMA] or employee.id in survey.shared[row.key, Side.FORTNOX]
    )

    def obstructed(direction: Direction, *, exactly: bool) -> bool:
        held = obstacle(
            row, found, direction, user, change.huma, change.fortnox, _NO_LAYOUT, context, decided_exactly=exactly
        )
        return held is not None

    def effect(direction: Direction) -> Effect:
        if shared or obstructed(direction, exactly=True):
            return Effect.HELD
        if not clears(row, found, direction):
            return Effect.WRITES
        return Effect.CLEARS_IF_EXACT if obstructed(direction, exactly=False) else Effect.CLEARS

    effects = effect(Direction.USE_HUMA), effect(Direction.USE_FORTNOX)
    if not row.unique:
        return Option(row.key, *effects)

    def holders(side: Side, key: str | None) -> tuple[str, ...]:
        return tuple(survey.holders[row.key, side].of(key)) if key is not None else ()

    return Option(
        row.key,
        *effects,
        huma_key=change.huma_key,
        fortnox_key=change.fortnox_key,
        in_fortnox=holders(Side.FORTNOX, change.huma_key),
        in_huma=holders(Side.HUMA, change.fortnox_key),
    )


# What the decisions make of it


def decide(outlines: Iterable[Outline], decisions: Decisions) -> list[DecidedPerson]:
    """Carry decisions through an outline, clashes between them included."""
    every = list(outlines)
    confirmed = confirmed_pairs(every, decisions)
    taken = set(confirmed.values())
    rivals = _Rivals()
    people = []
    for outline in every:
        if not outline.user_id and outline.employee_id in taken:
            continue  # stands in the plan as the user's other half
        partner = confirmed.get(outline.user_id, "") if not outline.employee_id else ""
        options = outline.if_paired[partner] if partner else outline.options
        changes = tuple(_decided(outline.key, option, decisions) for option in options)
        for change in changes:
            rivals.add(outline.user_id, outline.employee_id or partner, change)
        wanted = not partner and decisions.creations.get(outline.key, False)
        people.append(
            DecidedPerson(
                outline,
                outline.employee_id or partner,
                bool(partner),
                changes,
                outline.creates if wanted else "",
            )
        )
    rivals.settle()
    return people


def confirmed_pairs(outlines: Iterable[Outline], decisions: Decisions) -> dict[str, str]:
    """Return the confirmed pairs, user id → EmployeeId; who was confirmed to be two people is in none."""
    possible = {
        (outline.user_id, employee_id)
        for outline in outlines
        for employee_id in outline.if_paired
        if decisions.pairs.get((outline.user_id, employee_id))
    }
    users, employees = Counter(user for user, _ in possible), Counter(employee for _, employee in possible)
    return {user: employee for user, employee in possible if users[user] == 1 == employees[employee]}


def with_decisions(
    person: PlannedPerson, decisions: Decisions, clashes: Mapping[str, Reason], settings: FieldSettings
) -> PlannedPerson:
    """Return a planned person with what the decisions make of the changes; what is undecided stays as it was found.

    ``clashes`` are, by field, what carrying the decisions of everybody through the outline found.
    """
    changes = tuple(
        change
        if (direction := decisions.direction(person.key, change.field)) is None or person.user is None
        else _with_direction(
            person,
            person.user,
            change,
            direction,
            clashes.get(change.field),
            settings,
            exactly=decisions.is_exact(person.key, change.field),
        )
        for change in person.changes
    )
    return replace(person, changes=changes)


def _with_direction(
    person: PlannedPerson,
    user: User,
    change: Change,
    direction: Direction,
    clash: Reason | None,
    settings: FieldSettings,
    *,
    exactly: bool,
) -> Change:
    row = FIELDS[change.field]
    found, context = _comparison(user, person.employee, change, settings)
    held = obstacle(
        row, found, direction, user, change.huma, change.fortnox, _NO_LAYOUT, context, decided_exactly=exactly
    )
    if held is None and direction is not Direction.LEAVE:
        held = _shared(person, change) or clash
    return replace(change, chosen=direction, held=held, clears=clears(row, found, direction))


def _shared(person: PlannedPerson, change: Change) -> Reason | None:
    """Return the reason, found by the plan, that somebody else has one of the values too."""
    reasons = [change.held] if change.held is not None else []
    reasons += [note for note in person.notes if note.params.get("field") == change.field]
    return next((reason for reason in reasons if reason.code.startswith("duplicate-in-")), None)


def _decided(key: str, option: Option, decisions: Decisions) -> DecidedChange:
    direction = decisions.direction(key, option.field)
    if direction is None:
        return DecidedChange(option, None, Fate.UNDECIDED)
    if direction is Direction.LEAVE:
        return DecidedChange(option, direction, Fate.LEFT)
    effect = option.effect(direction)
    if effect is Effect.CLEARS_IF_EXACT:
        effect = Effect.CLEARS if decisions.is_exact(key, option.field) else Effect.HELD
    return DecidedChange(option, direction, _FATES[effect])


_FATES = {Effect.WRITES: Fate.WRITTEN, Effect.CLEARS: Fate.CLEARED, Effect.HELD: Fate.HELD}


@dataclass(slots=True)
class _Claim:
    """A change that gives somebody a unique value, as ``draft.Claim``."""

    change: DecidedChange
    owner: str
    new_key: str
    old_key: str | None

    def hold(self, reason: Reason) -> None:
        """Give the claim up."""
        self.change.fate, self.change.clash = Fate.HELD, reason


class _Rivals:
    """Everybody who is to get a unique value, by field and the side that is written."""

    def __init__(self) -> None:
        self._claims: dict[tuple[str, Side], list[_Claim]] = {}
        self._holders: dict[tuple[str, Side], dict[str, tuple[str, ...]]] = {}

    def add(self, user_id: str, employee_id: str, change: DecidedChange) -> None:
        """Count a change in, if it is to write a unique value."""
        if change.fate is not Fate.WRITTEN:
            return
        option = change.option
        if change.direction is Direction.USE_HUMA:
            side, owner, new_key, old_key = Side.FORTNOX, employee_id, option.huma_key, option.fortnox_key
            holders = option.in_fortnox
        else:
            side, owner, new_key, old_key = Side.HUMA, user_id, option.fortnox_key, option.huma_key
            holders = option.in_huma
        if new_key is None:
            return  # not a unique field
        self._claims.setdefault((option.field, side), []).append(_Claim(change, owner, new_key, old_key))
        self._holders.setdefault((option.field, side), {})[new_key] = holders

    def settle(self) -> None:
        """Hold every change after which two people would share a value."""
        for (row_key, side), claims in self._claims.items():
            holders = self._holders[row_key, side]
            Settlement(row_key, side, claims, holders.__getitem__).settle()


# As JSON


def outline_to_json(outline: Outline) -> list[Any]:
    """Return an outline as plain JSON."""
    return [
        outline.key,
        outline.situation.value,
        outline.user_id,
        outline.employee_id,
        outline.linked,
        outline.creates,
        _options_to_json(outline.options),
        {employee_id: _options_to_json(options) for employee_id, options in outline.if_paired.items()},
    ]


def outline_from_json(data: Sequence[Any]) -> Outline:
    """Read what ``outline_to_json`` wrote."""
    key, situation, user_id, employee_id, linked, creates, options, if_paired = data
    return Outline(
        key,
        Situation(situation),
        user_id,
        employee_id,
        linked,
        creates,
        _options_from_json(options),
        {candidate: _options_from_json(each) for candidate, each in if_paired.items()},
    )


def _options_to_json(options: Iterable[Option]) -> list[list[Any]]:
    return [
        [
            option.field,
            option.use_huma.value + option.use_fortnox.value,
            option.huma_key,
            option.fortnox_key,
            list(option.in_fortnox),
            list(option.in_huma),
        ]
        if FIELDS[option.field].unique
        else [option.field, option.use_huma.value + option.use_fortnox.value]
        for option in options
    ]


def _options_from_json(data: Iterable[Sequence[Any]]) -> tuple[Option, ...]:
    options = []
    for field_key, effects, *unique in data:
        huma_key, fortnox_key, in_fortnox, in_huma = unique or (None, None, (), ())
        use_huma, use_fortnox = map(Effect, effects)
        options.append(
            Option(field_key, use_huma, use_fortnox, huma_key, fortnox_key, tuple(in_fortnox), tuple(in_huma))
        )
    return tuple(options)
