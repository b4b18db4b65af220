"""The plan as data: situations of people and the changes proposed for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from typing import TYPE_CHECKING

from huma_fortnox.domain.frozen import dataclass

if TYPE_CHECKING:
    from huma_fortnox.domain.decisions import Direction
    from huma_fortnox.domain.outcome import FieldOutcome, Reason
    from huma_fortnox.domain.people import Base, Employee, Raw, User


class Situation(StrEnum):
    """What the comparison found for a person."""

    IN_SYNC = "in_sync"
    DIFFERS = "differs"
    ONLY_IN_HUMA = "only_in_huma"
    ONLY_IN_FORTNOX = "only_in_fortnox"
    AMBIGUOUS = "ambiguous"
    BLOCKED = "blocked"


class Changed(StrEnum):
    """Which side moved since the base."""

    IN_HUMA = "in_huma"
    IN_FORTNOX = "in_fortnox"
    ON_BOTH = "on_both"
    NEVER_COMPARED = "never_compared"


@dataclass(frozen=True, slots=True)
class Change:
    """One field of one person that differs, with both values and what is proposed.

    ``huma`` and ``fortnox`` are the raw values; ``huma_key`` and ``fortnox_key`` what they compare as (``None``:
    empty or unreadable). ``suggested`` is the proposed direction and ``why`` its reason. ``chosen`` is the direction
    decided, if any. ``held`` says why the change cannot be carried out in the chosen (or, undecided, the suggested)
    direction. ``clears`` is true when that direction would remove a value.
    """

    field: str
    huma: Raw
    fortnox: Raw
    huma_key: str | None
    fortnox_key: str | None
    changed: Changed
    suggested: Direction
    why: Reason
    chosen: Direction | None = None
    held: Reason | None = None
    clears: bool = False


@dataclass(frozen=True, slots=True)
class Pairing:
    """A pair the plan suggests, or one of several candidates, for a person to confirm.

    ``evidence`` names what agrees: field keys, ``identity_number``, or ``name``.
    """

    user_id: str
    employee_id: str
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlannedPerson:
    """A person of the plan.

    ``key`` is ``u:<user id>`` where there is a user, else ``e:<employee id>``. ``linked`` tells a stored link from
    a pair made in this plan. ``notes`` are remarks that stop nothing; ``reasons`` say why a person is blocked or
    ambiguous. ``creates`` is the side on which the person would be created, with ``create_held`` if it cannot be.
    """

    key: str
    situation: Situation
    user: User | None = None
    employee: Employee | None = None
    linked: bool = False
    changes: tuple[Change, ...] = ()
    reasons: tuple[Reason, ...] = ()
    notes: tuple[Reason, ...] = ()
    pairings: tuple[Pairing, ...] = ()
    creates: str = ""
    create_held: Reason | None = None

    @property
    def name(self) -> str:
        """Return the person's name as Huma has it, or as Fortnox has it where there is no user."""
        values = self.user.values if self.user else self.employee.values if self.employee else {}
        return " ".join(str(values[part]) for part in ("given_name", "family_name") if values.get(part))


@dataclass(frozen=True, slots=True)
class Plan:
    """Everybody's situation and proposed changes, in a stable order (by key)."""

    people: tuple[PlannedPerson, ...]

    def counts(self) -> dict[str, int]:
        """Return how many people are in each situation (every situation is present)."""
        found = dict.fromkeys((s.value for s in Situation), 0)
        for person in self.people:
            found[person.situation.value] += 1
        return found


@dataclass(frozen=True, slots=True)
class Writes:
    """What is to be written for one person, and what is decided without writing.

    ``fortnox`` are Employee properties; ``huma`` is a profile PATCH with plain values; ``position`` holds
    ``firstDayOfWork`` / ``lastDayOfWork`` for the user's position. ``fields`` are the fields that are written, by
    side. ``outcomes`` are the fields settled without a write (unchanged, skipped, held). ``bases`` are the bases as
    they stand *after* the writes succeeded, for every field compared; a caller whose write of a field fails keeps
    the old base of that field. ``layout`` is the link's layout afterwards.
    """

    fortnox: Mapping[str, str | None] = field(default_factory=dict)
    huma: Mapping[str, Raw] = field(default_factory=dict)
    position: Mapping[str, str | None] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    outcomes: tuple[FieldOutcome, ...] = ()
    bases: Mapping[str, Base] = field(default_factory=dict)
    layout: Mapping[str, str] = field(default_factory=dict)
