"""A pair while it is being planned, and the clashes that decisions of several people would lead to."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from huma_fortnox.domain.compare import obstacle, suggest
from huma_fortnox.domain.decisions import Direction
from huma_fortnox.domain.people import Side
from huma_fortnox.domain.plan_types import Change, PlannedPerson, Situation
from huma_fortnox.domain.uniqueness import would_duplicate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from huma_fortnox.domain.compare import Comparison
    from huma_fortnox.domain.decisions import Decisions
    from huma_fortnox.domain.fields import Field
    from huma_fortnox.domain.outcome import Reason
    from huma_fortnox.domain.people import Employee, Raw, User
    from huma_fortnox.domain.readings import Context
    from huma_fortnox.domain.uniqueness import Holders

_NO_LAYOUT: Mapping[str, str] = {}


@dataclass(slots=True)
class Draft:
    """A pair with the changes and notes found so far."""

    key: str
    user: User
    employee: Employee
    linked: bool
    changes: list[Change] = field(default_factory=list)
    notes: list[Reason] = field(default_factory=list)
    unique: list[UniqueChange] = field(default_factory=list)

    def add(
        self, row: Field, huma: Raw, fortnox: Raw, found: Comparison, decisions: Decisions, context: Context
    ) -> None:
        """Propose a change for a difference, and say what stands in its way."""
        suggested, why = suggest(row, found)
        chosen = decisions.direction(self.key, row.key)
        direction = suggested if chosen is None else chosen
        held = obstacle(
            row,
            found,
            direction,
            self.user,
            huma,
            fortnox,
            _NO_LAYOUT,
            context,
            decided_exactly=decisions.is_exact(self.key, row.key),
        )
        if row.unique and direction is not Direction.LEAVE:
            self.unique.append(UniqueChange(self, len(self.changes), row, direction, found))
        self.changes.append(
            Change(
                field=row.key,
                huma=huma,
                fortnox=fortnox,
                huma_key=found.huma.key,
                fortnox_key=found.fortnox.key,
                changed=found.changed,
                suggested=suggested,
                why=why,
                chosen=chosen,
                held=held,
                clears=clears(row, found, direction),
            )
        )

    def hold(self, row_key: str, reason: Reason) -> bool:
        """Hold the change of a field that would write something; tell whether the reason was used."""
        for each in self.unique:
            if each.row.key == row_key and each.change.held is None:
                each.hold(reason)
                return True
        return False

    def person(self) -> PlannedPerson:
        """Return the planned person."""
        return PlannedPerson(
            key=self.key,
            situation=Situation.DIFFERS if self.changes else Situation.IN_SYNC,
            user=self.user,
            employee=self.employee,
            linked=self.linked,
            changes=tuple(self.changes),
            notes=tuple(self.notes),
        )


@dataclass(slots=True, eq=False)
class UniqueChange:
    """A change that would write a unique field: its draft, and its place in the draft's changes."""

    draft: Draft
    place: int
    row: Field
    direction: Direction
    found: Comparison

    @property
    def change(self) -> Change:
        """The change as it stands."""
        return self.draft.changes[self.place]

    @property
    def target(self) -> Side:
        """The side that would be written."""
        return Side.FORTNOX if self.direction is Direction.USE_HUMA else Side.HUMA

    @property
    def owner(self) -> str:
        """The id, on the target side, of the person who would get the value."""
        return self.draft.employee.id if self.target is Side.FORTNOX else self.draft.user.id

    @property
    def new_key(self) -> str | None:
        """What the value compares as that would be written."""
        return self.found.source(self.direction).key

    @property
    def old_key(self) -> str | None:
        """What the value compares as that stands there now."""
        return (self.found.fortnox if self.target is Side.FORTNOX else self.found.huma).key

    def hold(self, reason: Reason) -> None:
        """Hold the change with this reason."""
        self.draft.changes[self.place] = replace(self.change, held=reason)


def hold_clashes(drafts: Iterable[Draft], holders: Mapping[tuple[str, Side], Holders]) -> None:
    """Hold every decided change after which two people of one side would share a unique value.

    Holding one means that its old value stays, which may collide with another decision; so it is repeated, in rounds
    that look at everybody before anything is held, until nothing collides. What nobody decided yet is only told what
    it would collide with.
    """
    decided: dict[tuple[str, Side], list[UniqueChange]] = {}
    proposed: list[UniqueChange] = []
    for draft in drafts:
        for each in draft.unique:
            if each.change.held is None and each.new_key is not None:
                if each.change.chosen is None:
                    proposed.append(each)
                else:
                    decided.setdefault((each.row.key, each.target), []).append(each)
    results = {
        (row_key, side): Settlement(row_key, side, changes, holders[row_key, side].of)
        for (row_key, side), changes in decided.items()
    }
    for result in results.values():
        result.settle()
    for each in proposed:
        row_key, side = each.row.key, each.target
        result = results.get((row_key, side)) or Settlement(row_key, side, (), holders[row_key, side].of)
        owners = result.owners(each.new_key or "") | {each.owner}
        if len(owners) > 1:
            each.hold(would_duplicate(row_key, side, owners))


class Claim(Protocol):
    """A decided change that would give somebody a unique value.

    ``owner`` is who would get it, by their id on the side that is written; ``new_key`` is what it compares as and
    ``old_key`` what stands there now.
    """

    @property
    def owner(self) -> str:
        """Who would get the value."""

    @property
    def new_key(self) -> str | None:
        """What the value compares as."""

    @property
    def old_key(self) -> str | None:
        """What stands there now compares as."""

    def hold(self, reason: Reason) -> None:
        """Give the claim up."""


class Settlement:
    """Who will hold which value of one unique field on one side, once the decided changes are made.

    ``holders`` tells who holds a value now.
    """

    def __init__(
        self, row_key: str, side: Side, claims: Iterable[Claim], holders: Callable[[str], Iterable[str]]
    ) -> None:
        self.row_key = row_key
        self.side = side
        self.holders = holders
        self.by_owner = {each.owner: each for each in claims}
        self.by_key: dict[str, list[Claim]] = {}
        for each in self.by_owner.values():
            self.by_key.setdefault(each.new_key or "", []).append(each)

    def owners(self, key: str) -> set[str]:
        """Return everybody who will hold this value."""
        staying = {owner for owner in self.holders(key) if owner not in self.by_owner}
        return staying | {each.owner for each in self.by_key.get(key, ())}

    def settle(self) -> None:
        """Hold what collides until nothing does."""
        suspects = set(self.by_key)
        while suspects:
            clashes = {key: owners for key in suspects if len(owners := self.owners(key)) > 1}
            suspects = set()
            for key, owners in clashes.items():
                reason = would_duplicate(self.row_key, self.side, owners)
                for each in self.by_key.pop(key, ()):
                    each.hold(reason)
                    del self.by_owner[each.owner]
                    if each.old_key is not None and each.old_key in self.by_key:
                        suspects.add(each.old_key)


def clears(row: Field, found: Comparison, direction: Direction) -> bool:
    """Tell whether a direction, if it is one the field may go in, would remove a value."""
    if direction is Direction.LEAVE:
        return False
    source = Side.HUMA if direction is Direction.USE_HUMA else Side.FORTNOX
    return row.flows_from(source) and found.source(direction).empty
