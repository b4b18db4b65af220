"""What is sent to each side for one person, and the bases as they stand afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from huma_fortnox.domain.compare import Comparison, Standing, compare
from huma_fortnox.domain.decisions import Direction
from huma_fortnox.domain.fields import FIELDS, context_of, read_employee
from huma_fortnox.domain.outcome import FieldOutcome, Outcome, Reason
from huma_fortnox.domain.people import Base, FieldSettings, Side
from huma_fortnox.domain.plan_types import Writes
from huma_fortnox.domain.readings import agree

if TYPE_CHECKING:
    from collections.abc import Iterable

    from huma_fortnox.domain.digest import Digest
    from huma_fortnox.domain.fields import Field
    from huma_fortnox.domain.people import Link, Raw
    from huma_fortnox.domain.plan_types import Change, PlannedPerson
    from huma_fortnox.domain.readings import Context, Reading

CHANGED_SINCE_PREVIEW = Reason("changed-since-preview")
NOT_DECIDED = Reason("not-decided")
LEFT_AS_IS = Reason("left-as-is")
WAITING = Reason("waiting-for-confirmation")
NOT_A_PAIR = Reason("not-a-pair")


class Ledger:
    """The writes of one person while they are put together; starts from the link as it stands."""

    def __init__(self, link: Link | None, digest: Digest, settings: FieldSettings, context: Context) -> None:
        self.digest = digest
        self.settings = settings
        self.context = context
        self.fortnox: dict[str, str | None] = {}
        self.huma: dict[str, Raw] = {}
        self.position: dict[str, str | None] = {}
        self.fields: dict[str, str] = {}
        self.outcomes: list[FieldOutcome] = []
        self.bases: dict[str, Base] = dict(link.bases) if link is not None else {}
        self.layout: dict[str, str] = dict(link.layout) if link is not None else {}

    def report(self, row: Field, outcome: Outcome, target: str = "", reason: Reason | None = None) -> None:
        """Settle a field without a write."""
        self.outcomes.append(FieldOutcome(row.key, outcome, target, reason))

    def agree(self, row: Field, huma: Reading, fortnox: Reading) -> None:
        """Move a field's base to each side's value as it is."""
        self.bases[row.key] = Base(self.digest(row.key, huma.mark), self.digest(row.key, fortnox.mark))

    def learn_layout(self, row: Field, raw: Raw) -> None:
        """Remember how the employee's record is written."""
        if row.layout is not None:
            self.layout.update(row.layout(raw))

    def write_to_fortnox(self, row: Field, huma: Reading, current: Raw, *, current_known: bool) -> None:
        """Send Huma's value to Fortnox; ``current`` is what stands there, if that is known."""
        names = row.properties(self.settings)
        if huma.empty:
            properties = _cleared(names, current, current_known=current_known)
        else:
            # A field known to be empty has nothing to remove; one that is not known may hold anything.
            there = {} if current is None and current_known else current
            properties = row.write_fortnox(huma.value, there, self.layout, self.context)
        self.fortnox.update(properties)
        self.fields[row.key] = Side.FORTNOX.value
        # What will stand there is read back: that, and not what was meant, is the base.
        before = current if isinstance(current, Mapping) else {}
        record = {**dict.fromkeys(names), **before, **properties}
        seen = row.see_fortnox(record, self.settings)
        raw = seen if isinstance(seen, str | Mapping) else None
        self.agree(row, huma, row.read(Side.FORTNOX, raw, self.context))
        self.learn_layout(row, raw)

    def write_to_huma(self, row: Field, fortnox: Reading, current: Raw) -> None:
        """Send Fortnox's value to Huma."""
        raw = None if fortnox.empty else row.write_huma(fortnox.value, current, self.context)
        if row.on_position:
            self.position[row.huma_property] = raw if isinstance(raw, str) else None
        else:
            self.huma[row.huma_property] = raw
        self.fields[row.key] = Side.HUMA.value
        if row.requested is None:
            self.agree(row, row.read(Side.HUMA, raw, self.context), fortnox)

    def carry_out(self, row: Field, change: Change, found: Comparison, *, fortnox_known: bool) -> None:
        """Do what was chosen for one difference, or say why not."""
        direction = change.suggested if change.chosen is None else change.chosen
        target = _target(direction)
        if change.held is not None:
            skipped = change.held.code == CHANGED_SINCE_PREVIEW.code
            self.report(row, Outcome.SKIPPED if skipped else Outcome.HELD, target, change.held)
        elif change.chosen is None:
            self.report(row, Outcome.SKIPPED, target, NOT_DECIDED)
        elif direction is Direction.LEAVE:
            self.agree(row, found.huma, found.fortnox)
            self.report(row, Outcome.SKIPPED, reason=LEFT_AS_IS)
        elif direction is Direction.USE_HUMA:
            self.write_to_fortnox(row, found.huma, change.fortnox, current_known=fortnox_known)
        else:
            self.write_to_huma(row, found.fortnox, change.huma)

    def writes(self) -> Writes:
        """Return what was put together."""
        return Writes(
            fortnox=self.fortnox,
            huma=self.huma,
            position=self.position,
            fields=self.fields,
            outcomes=tuple(self.outcomes),
            bases=self.bases,
            layout=self.layout,
        )


def writes(person: PlannedPerson, *, link: Link | None, digest: Digest, settings: FieldSettings) -> Writes:
    """Return what the chosen directions of a pair's changes mean on both sides.

    Undecided and held changes keep their old base and are reported; *leave* moves the base to each side's own value;
    fields that agree get the agreed base. Somebody who is no pair gets one outcome for the whole person. An e-mail
    written to Huma waits for the person's own confirmation, so its base stays as it is.
    """
    user, employee = person.user, person.employee
    if user is None or employee is None:
        outcome = FieldOutcome("person", Outcome.SKIPPED, reason=next(iter(person.reasons), NOT_A_PAIR))
        return Writes(
            outcomes=(outcome,),
            bases=dict(link.bases) if link else {},
            layout=dict(link.layout) if link else {},
        )
    changes = {change.field: change for change in person.changes}
    ledger = Ledger(link, digest, settings, context_of(user, employee, settings))
    for key, row in FIELDS.items():
        if key in employee.values:
            ledger.learn_layout(row, employee.values[key])
    for key, row in FIELDS.items():
        if key not in user.values or key not in employee.values:
            continue
        huma = row.read(Side.HUMA, user.values[key], ledger.context)
        fortnox = row.read(Side.FORTNOX, employee.values[key], ledger.context)
        found = compare(row, user, huma, fortnox, ledger.bases.get(key), digest, ledger.context)
        change = changes.get(key)
        if found.standing is Standing.AGREED:
            ledger.agree(row, huma, fortnox)
            ledger.report(row, Outcome.UNCHANGED)
        elif change is not None:
            ledger.carry_out(row, change, found, fortnox_known=True)
        elif found.standing is Standing.WAITING:
            ledger.report(row, Outcome.SKIPPED, Side.HUMA.value, WAITING)
        elif found.standing is Standing.LEFT_ALONE:
            ledger.report(row, Outcome.UNCHANGED, reason=LEFT_AS_IS)
        else:
            ledger.report(row, Outcome.SKIPPED, reason=NOT_DECIDED)
    return ledger.writes()


def verify(
    sent: Mapping[str, str | None], stored: Mapping[str, Any], written_fields: Iterable[str], settings: FieldSettings
) -> dict[str, Reason]:
    """Return the fields that Fortnox accepted and did not store as sent, each with ``ignored-by-fortnox``.

    ``stored`` is the record Fortnox answered with. Values are compared by what they mean, not by how they are
    written.
    """
    meant = read_employee({**stored, **sent}, settings)
    there = read_employee(stored, settings)
    context = context_of(None, meant, settings)
    ignored = {}
    for key in written_fields:
        row = FIELDS[key]
        if key not in there.values or not agree(
            row.read(Side.FORTNOX, meant.values.get(key), context),
            row.read(Side.FORTNOX, there.values[key], context),
        ):
            ignored[key] = Reason("ignored-by-fortnox", {"field": key})
    return ignored


def _target(direction: Direction) -> str:
    if direction is Direction.LEAVE:
        return ""
    return Side.FORTNOX.value if direction is Direction.USE_HUMA else Side.HUMA.value


def _cleared(names: tuple[str, ...], current: Raw, *, current_known: bool) -> dict[str, str | None]:
    """Return the properties to empty: all that hold something, or all where that is not known."""
    if not current_known or not isinstance(current, Mapping):
        return dict.fromkeys(names)
    return {name: None for name in names if current.get(name) is not None}
