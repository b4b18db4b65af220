"""Creating the other half of somebody who stands on one side only.

A person is created with everything that can be read and written. What cannot is left out and reported; a required
field (e-mail, names) that is missing holds the creation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any, NamedTuple

from huma_fortnox.domain.fields import FIELDS, context_of
from huma_fortnox.domain.format_errors import FormatError
from huma_fortnox.domain.frozen import dataclass
from huma_fortnox.domain.outcome import FieldOutcome, Outcome, Reason
from huma_fortnox.domain.people import Employee, FieldSettings, Side, User

if TYPE_CHECKING:
    from huma_fortnox.domain.fields import Field
    from huma_fortnox.domain.people import Raw
    from huma_fortnox.domain.plan_types import PlannedPerson

NOTHING_LEFT_OUT: Mapping[str, Reason] = {}


@dataclass(frozen=True, slots=True)
class EmploymentDefaults:
    """What Fortnox demands of a new employee and Huma does not know; an organization's setting, never a guess.

    ``personel_type`` is ``TJM`` (salaried) or ``ARB`` (worker), ``employment_form`` such as ``TV``, ``salary_form``
    ``MAN`` (monthly) or ``TIM`` (hourly): Fortnox's own words.
    """

    personel_type: str
    employment_form: str
    salary_form: str


class NewEmployee(NamedTuple):
    """What creates an employee; ``held`` says why it cannot be done, and then nothing else is filled in.

    ``outcomes`` are the fields that are left out, each with its reason. Fortnox gives the EmployeeId.
    """

    properties: Mapping[str, str | None]
    outcomes: tuple[FieldOutcome, ...] = ()
    held: Reason | None = None


@dataclass(frozen=True, slots=True)
class NewUser:
    """What creates a user: the first request, the PATCH and the position's dates after it, and what is left out."""

    given_name: str
    family_name: str
    email: str
    patch: Mapping[str, Raw] = field(default_factory=dict)
    position: Mapping[str, str | None] = field(default_factory=dict)
    outcomes: tuple[FieldOutcome, ...] = ()


def new_employee(
    user: User,
    defaults: EmploymentDefaults,
    settings: FieldSettings,
    *,
    without: Mapping[str, Reason] = NOTHING_LEFT_OUT,
) -> NewEmployee:
    """Return what creates an employee for a user; ``without`` leaves fields out for a reason known elsewhere."""
    written, outcomes, held = _write_all(user, settings, without)
    if held is not None:
        return NewEmployee({}, (), held)
    properties: dict[str, str | None] = {
        "PersonelType": defaults.personel_type,
        "EmploymentForm": defaults.employment_form,
        "SalaryForm": defaults.salary_form,
    }
    for parts in written.values():
        properties.update((key, value) for key, value in parts.items() if value is not None)
    return NewEmployee(properties, outcomes)


def new_user(
    employee: Employee, settings: FieldSettings, *, without: Mapping[str, Reason] = NOTHING_LEFT_OUT
) -> tuple[NewUser, None] | tuple[None, Reason]:
    """Return what creates a user for an employee, or why it cannot be done.

    The employment ID is the employee's own EmployeeId and comes with the PATCH.
    """
    written, outcomes, held = _write_all(employee, settings, without)
    if held is not None:
        return None, held
    start: dict[str, Any] = {}
    patch: dict[str, Raw] = {}
    position: dict[str, Any] = {}
    for key, value in written.items():
        row = FIELDS[key]
        (position if row.on_position else start if row.required else patch)[row.huma_property] = value
    return NewUser(start["givenName"], start["familyName"], start["email"], patch, position, outcomes), None


def obstacles(person: User | Employee, settings: FieldSettings) -> dict[str, Reason]:
    """Return, by field, why a value of this person cannot go to the other side when the person is created there."""
    return _examine(person, settings)[1]


def left_out(person: PlannedPerson) -> dict[str, Reason]:
    """Return the fields that the plan found must not be written when this person is created.

    Somebody else has the same unique value, or the value changed since somebody saw it.
    """
    codes = ("duplicate-in-", "would-duplicate-in-", "changed-since-preview")
    return {
        note.params["field"]: note for note in person.notes if note.code.startswith(codes) and "field" in note.params
    }


def _examine(person: User | Employee, settings: FieldSettings) -> tuple[dict[str, Any], dict[str, Reason]]:
    """Return, by field, what would be written on the other side, and why something cannot be."""
    side, user, employee = (Side.HUMA, person, None) if isinstance(person, User) else (Side.FORTNOX, None, person)
    context = context_of(user, employee, settings)
    written: dict[str, Any] = {}
    problems: dict[str, Reason] = {}
    for key, row in FIELDS.items():
        if not row.flows_from(side):
            continue
        if key not in person.values:
            problems[key] = Reason(f"not-visible-in-{side.value}", {"field": key})
            continue
        reading = row.read(side, person.values[key], context)
        if reading.problem is not None:
            problems[key] = about(reading.problem, row, side)
        elif reading.empty:
            if row.required:
                problems[key] = Reason(row.missing, {"field": key, "side": side.value})
        else:
            try:
                written[key] = (
                    row.write_fortnox(reading.value, None, {}, context)
                    if side is Side.HUMA
                    else row.write_huma(reading.value, None, context)
                )
            except FormatError as error:
                problems[key] = about(error.reason, row, side)
    return written, problems


def _write_all(
    person: User | Employee, settings: FieldSettings, without: Mapping[str, Reason]
) -> tuple[dict[str, Any], tuple[FieldOutcome, ...], Reason | None]:
    written, problems = _examine(person, settings)
    problems.update(without)
    held = next((problems[key] for key, row in FIELDS.items() if row.required and key in problems), None)
    target = Side.FORTNOX if isinstance(person, User) else Side.HUMA
    outcomes = tuple(FieldOutcome(key, Outcome.HELD, target.value, problems[key]) for key in FIELDS if key in problems)
    kept = {key: value for key, value in written.items() if key not in problems}
    return kept, outcomes, held


def about(problem: Reason, row: Field, side: Side) -> Reason:
    """Return a format's reason with the field and the side it was found on."""
    return Reason(problem.code, {**problem.params, "field": row.key, "side": side.value})
