"""One field of one person, both sides: what differs, who moved, what is proposed, and what stands in the way.

The comparison is three-way. The base remembers a digest of each side's own value, so a difference that somebody left
alone is not reopened, and a later change of it is seen.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from huma_fortnox.domain.decisions import Direction
from huma_fortnox.domain.fields import Flow
from huma_fortnox.domain.format_errors import FormatError
from huma_fortnox.domain.outcome import Reason
from huma_fortnox.domain.people import Side
from huma_fortnox.domain.plan_types import Changed
from huma_fortnox.domain.readings import Reading, agree

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from huma_fortnox.domain.digest import Digest
    from huma_fortnox.domain.fields import Field
    from huma_fortnox.domain.people import Base, Raw, User
    from huma_fortnox.domain.readings import Context

    Read = Callable[[Field, Side, Raw, Context], Reading]


class Standing(Enum):
    """How one field of one person stands."""

    AGREED = "agreed"
    LEFT_ALONE = "left alone"
    WAITING = "waiting"
    DIFFERS = "differs"


class Comparison(NamedTuple):
    """Both readings of a field, how it stands, and which side moved since the base."""

    standing: Standing
    huma: Reading
    fortnox: Reading
    changed: Changed

    def source(self, direction: Direction) -> Reading:
        """Return the reading of the side whose value would be carried over."""
        return self.fortnox if direction is Direction.USE_FORTNOX else self.huma


def moved(field: Field, reading: Reading, base: str | None, digest: Digest) -> bool | None:
    """Tell whether a side's value moved since the base, ``None`` when it was never compared."""
    return None if base is None else digest(field.key, reading.mark) != base


def who_moved(in_huma: bool | None, in_fortnox: bool | None) -> Changed | None:
    """Name the side that moved, ``None`` when neither did; one side without a base counts as never compared."""
    if in_huma is None or in_fortnox is None:
        return Changed.NEVER_COMPARED
    if in_huma:
        return Changed.ON_BOTH if in_fortnox else Changed.IN_HUMA
    return Changed.IN_FORTNOX if in_fortnox else None


def compare(
    field: Field, user: User, huma: Reading, fortnox: Reading, base: Base | None, digest: Digest, context: Context
) -> Comparison:
    """Compare both sides of a field, three-way."""
    if agree(huma, fortnox):
        return Comparison(Standing.AGREED, huma, fortnox, Changed.NEVER_COMPARED)
    if field.requested is not None:
        requested = field.read(Side.HUMA, field.requested(user), context)
        if not requested.empty and agree(requested, fortnox):
            return Comparison(Standing.WAITING, huma, fortnox, Changed.NEVER_COMPARED)
    if base is None:
        return Comparison(Standing.DIFFERS, huma, fortnox, Changed.NEVER_COMPARED)
    changed = who_moved(
        moved(field, huma, base.huma, digest),
        moved(field, fortnox, base.fortnox, digest),
    )
    if changed is None:
        return Comparison(Standing.LEFT_ALONE, huma, fortnox, Changed.NEVER_COMPARED)
    return Comparison(Standing.DIFFERS, huma, fortnox, changed)


# Why a direction is suggested; the page says it in words.
_NUMBERED_BY_FORTNOX = (Direction.USE_FORTNOX, Reason("numbered-by-fortnox"))
_REMOVED_IN_HUMA = (Direction.USE_HUMA, Reason("removed-in-huma"))
_EMPTY_IN_HUMA = (Direction.USE_FORTNOX, Reason("empty-in-huma"))
_EMPTY_IN_FORTNOX = (Direction.USE_HUMA, Reason("empty-in-fortnox"))
_CHANGED_IN_HUMA = (Direction.USE_HUMA, Reason("changed-in-huma"))
_CHANGED_IN_FORTNOX = (Direction.USE_FORTNOX, Reason("changed-in-fortnox"))
_UNREADABLE_IN_HUMA = (Direction.USE_FORTNOX, Reason("unreadable-in-huma"))
_UNREADABLE_IN_FORTNOX = (Direction.USE_HUMA, Reason("unreadable-in-fortnox"))
_NEEDS_A_LOOK = (Direction.LEAVE, Reason("needs-a-look"))
_CHANGED_ON_BOTH = (Direction.USE_HUMA, Reason("changed-on-both"))
_HR_IS_MASTER = (Direction.USE_HUMA, Reason("hr-is-master"))


def suggest(field: Field, found: Comparison) -> tuple[Direction, Reason]:
    """Return the direction proposed for a difference, and why.

    An empty side is filled; the side that moved wins; a value that can be read beats one that cannot; otherwise HR is
    the master, except for sensitive values (a bank account), where a person has to look.
    """
    if field.direction is Flow.TO_HUMA_IN_SYNCHRONIZATION:
        return _NUMBERED_BY_FORTNOX
    changed = found.changed
    if found.huma.empty:
        if field.clears_without_asking and changed is Changed.IN_HUMA:
            return _REMOVED_IN_HUMA
        return _EMPTY_IN_HUMA
    if found.fortnox.empty:
        return _EMPTY_IN_FORTNOX
    if changed is Changed.IN_HUMA:
        return _CHANGED_IN_HUMA
    if changed is Changed.IN_FORTNOX:
        return _CHANGED_IN_FORTNOX
    if found.huma.problem is not None and found.fortnox.problem is None:
        return _UNREADABLE_IN_HUMA
    if found.fortnox.problem is not None and found.huma.problem is None:
        return _UNREADABLE_IN_FORTNOX
    if field.sensitive:
        return _NEEDS_A_LOOK
    return _CHANGED_ON_BOTH if changed is Changed.ON_BOTH else _HR_IS_MASTER


_ONLY_TO_HUMA = Reason("only-to-huma")
_USER_DEACTIVATED = Reason("user-deactivated")
_LOCKED_IN_HUMA = Reason("locked-in-huma")
_REQUIRED = Reason("cannot-be-cleared")
_UNDECIDED_CLEARING = Reason("clearing-needs-a-decision")


def obstacle(
    field: Field,
    found: Comparison,
    direction: Direction,
    user: User,
    huma_raw: Raw,
    fortnox_raw: Raw,
    layout: Mapping[str, str],
    context: Context,
    *,
    decided_exactly: bool,
) -> Reason | None:
    """Return why a direction cannot be carried out, ``None`` when it can.

    Clearing takes a decision on this very field of this very person, unless the field clears without asking and the
    value is known to have been removed in Huma.
    """
    if direction is Direction.LEAVE:
        return None
    to_fortnox = direction is Direction.USE_HUMA
    if to_fortnox:
        if field.direction is Flow.TO_HUMA_IN_SYNCHRONIZATION:
            return _ONLY_TO_HUMA
    elif not user.active:
        return _USER_DEACTIVATED
    elif field.key in user.locked:
        return _LOCKED_IN_HUMA
    source = found.source(direction)
    if source.problem is not None:
        return source.problem
    if source.empty:
        if not field.clearable:
            return _REQUIRED
        unasked = field.clears_without_asking and to_fortnox and found.changed is Changed.IN_HUMA
        return None if decided_exactly or unasked else _UNDECIDED_CLEARING
    try:
        if not to_fortnox:
            field.write_huma(source.value, huma_raw, context)
        elif field.check_fortnox is not None:
            field.check_fortnox(source.value)
        else:
            field.write_fortnox(source.value, fortnox_raw, layout, context)
    except FormatError as error:
        return error.reason
    return None


def unreadable_note(side: Side, field_key: str, problem: Reason) -> Reason:
    """Return the remark that one side's value cannot be read, with the problem's own code."""
    return Reason(f"unreadable-in-{side.value}", {"field": field_key, "problem": problem.code, **problem.params})
