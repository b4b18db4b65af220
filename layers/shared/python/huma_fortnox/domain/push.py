"""The real-time way: what changed in Huma since the base goes to Fortnox, and nothing else.

The employee's record is not read. A field is written only when Huma's own side of its base moved, so a value edited
in Fortnox is not overwritten because something else changed in Huma.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from huma_fortnox.domain.compare import Comparison, Standing, moved, obstacle
from huma_fortnox.domain.decisions import Direction
from huma_fortnox.domain.fields import FIELDS, Flow, context_of
from huma_fortnox.domain.outcome import Outcome, Reason
from huma_fortnox.domain.people import Base, Side
from huma_fortnox.domain.plan_types import Change, Changed
from huma_fortnox.domain.readings import EMPTY
from huma_fortnox.domain.uniqueness import duplicate
from huma_fortnox.domain.writes import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from huma_fortnox.domain.digest import Digest
    from huma_fortnox.domain.fields import Field
    from huma_fortnox.domain.people import FieldSettings, Link, Raw, User
    from huma_fortnox.domain.plan_types import Writes

    Others = Callable[[str, str], str | None]

NEVER_COMPARED = Reason("never-compared")
REMOVED_IN_HUMA = Reason("removed-in-huma")
USER_DEACTIVATED = Reason("user-deactivated")


def nobody_else(_field_key: str, _comparison_key: str) -> None:
    """Say that no other linked user holds a value."""


def push(
    user: User,
    *,
    link: Link,
    digest: Digest,
    settings: FieldSettings,
    others: Others = nobody_else,
    remove: Collection[str] = (),
) -> Writes:
    """Return what changed in Huma since the base, as Fortnox properties.

    A removed value is held with the question ``removed-in-huma`` (a last day of work is removed in Fortnox too), an
    invalid one with its reason, and one that was never compared is not written. The employment ID never goes. Of
    somebody deactivated only the last day does. ``others(field key, comparison key)`` returns the id of another
    linked user who has a unique value, if any: that is held too. ``remove`` are the fields for which the question was
    answered with yes: they are cleared in Fortnox, as far as a field can be.
    """
    ledger = Ledger(link, digest, settings, context_of(user, None, settings, link.layout))
    for key, row in FIELDS.items():
        if key not in user.values or row.direction is not Flow.BOTH:
            continue
        raw = user.values[key]
        huma = row.read(Side.HUMA, raw, ledger.context)
        base = link.bases.get(key)
        has_moved = moved(row, huma, base.huma if base is not None else None, digest)
        if has_moved is None:
            if huma.empty:
                ledger.report(row, Outcome.UNCHANGED)
            else:
                ledger.report(row, Outcome.HELD, Side.FORTNOX.value, NEVER_COMPARED)
        elif not has_moved:
            ledger.report(row, Outcome.UNCHANGED)
        else:
            found = Comparison(Standing.DIFFERS, huma, EMPTY, Changed.IN_HUMA)
            change = _change(row, raw, found, user, ledger, others, removed=key in remove)
            ledger.carry_out(row, change, found, fortnox_known=False)
    return ledger.writes()


def marks_in_huma(
    user: User, fields: Iterable[str], *, link: Link | None, digest: Digest, settings: FieldSettings
) -> dict[str, str]:
    """Return the digests of Huma's side of these fields as they are now, in the form of a base's; unseen ones are out.

    They tell later whether a value that was held, or refused, has been changed since.
    """
    context = context_of(user, None, settings, link.layout if link is not None else None)
    return {
        key: digest(key, FIELDS[key].read(Side.HUMA, user.values[key], context).mark)
        for key in fields
        if key in user.values
    }


def kept_in_fortnox(field_key: str, base: Base | None, digest: Digest) -> Base:
    """Return the base of a field that is empty in Huma and whose value in Fortnox somebody decided to keep."""
    return Base(digest(field_key, EMPTY.mark), base.fortnox if base is not None else None)


def _change(
    row: Field, raw: Raw, found: Comparison, user: User, ledger: Ledger, others: Others, *, removed: bool
) -> Change:
    """Return the change that carries one moved value to Fortnox, held if something stands in its way."""
    held = obstacle(
        row,
        found,
        Direction.USE_HUMA,
        user,
        raw,
        None,
        ledger.layout,
        ledger.context,
        decided_exactly=removed,
    )
    if not user.active and not row.outlives_deactivation:
        held = USER_DEACTIVATED
    elif found.huma.empty and held is not None:
        held = REMOVED_IN_HUMA
    elif held is None and row.unique and found.huma.key is not None:
        other = others(row.key, found.huma.key)
        if other is not None:
            held = duplicate(row.key, Side.HUMA, (user.id, other))
    return Change(
        field=row.key,
        huma=raw,
        fortnox=None,
        huma_key=found.huma.key,
        fortnox_key=None,
        changed=Changed.IN_HUMA,
        suggested=Direction.USE_HUMA,
        why=Reason("changed-in-huma"),
        chosen=Direction.USE_HUMA,
        held=held,
        clears=found.huma.empty,
    )
