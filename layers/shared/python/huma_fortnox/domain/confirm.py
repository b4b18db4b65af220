"""Only what somebody has seen is carried out: a fresh plan, restricted to its preview."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from huma_fortnox.domain.fields import FIELDS
from huma_fortnox.domain.outcome import Reason
from huma_fortnox.domain.writes import CHANGED_SINCE_PREVIEW

if TYPE_CHECKING:
    from collections.abc import Mapping

    from huma_fortnox.domain.people import Raw
    from huma_fortnox.domain.plan_types import Change, PlannedPerson

_CLASHES = ("duplicate-in-", "would-duplicate-in-")


def confirm(previewed: PlannedPerson, fresh: PlannedPerson) -> PlannedPerson:
    """Return the fresh plan of a person, restricted to what the previewed one showed.

    A change whose value moved on either side since, or that was not shown, is held as ``changed-since-preview``; a
    clash with other people that the preview found stays, because a fresh plan of a few people cannot see it.
    Directions are those of the fresh plan. When it is no longer the same pair, or a creation no longer has the same
    values, all of it is held.
    """
    if _identity(previewed) != _identity(fresh):
        return replace(
            fresh,
            changes=tuple(replace(change, held=CHANGED_SINCE_PREVIEW) for change in fresh.changes),
            reasons=(*fresh.reasons, CHANGED_SINCE_PREVIEW),
            create_held=CHANGED_SINCE_PREVIEW if fresh.creates else None,
        )
    seen = {change.field: change for change in previewed.changes}
    changes = tuple(_restricted(change, seen.get(change.field)) for change in fresh.changes)
    confirmed = replace(fresh, changes=changes)
    return _confirmed_creation(previewed, confirmed) if fresh.creates else confirmed


def _identity(person: PlannedPerson) -> tuple[str | None, str | None]:
    return (person.user.id if person.user else None, person.employee.id if person.employee else None)


def _restricted(change: Change, seen: Change | None) -> Change:
    if seen is None or not (
        _same(change.huma_key, seen.huma_key, change.huma, seen.huma)
        and _same(change.fortnox_key, seen.fortnox_key, change.fortnox, seen.fortnox)
    ):
        return replace(change, held=CHANGED_SINCE_PREVIEW)
    if change.held is None and seen.held is not None and seen.held.code.startswith(_CLASHES):
        return replace(change, held=seen.held)
    return change


def _same(key: str | None, seen_key: str | None, raw: Raw, seen_raw: Raw) -> bool:
    """Tell whether a value is the one that was seen; what cannot be read is compared as it stands."""
    return key == seen_key and (key is not None or raw == seen_raw)


def _confirmed_creation(previewed: PlannedPerson, fresh: PlannedPerson) -> PlannedPerson:
    """Hold what changed in a creation: an optional field by a note, a required one and thereby the person."""
    changed = sorted(_changed_fields(_values(previewed), _values(fresh)))
    notes = [*fresh.notes]
    held = fresh.create_held or previewed.create_held
    for key in changed:
        reason = Reason(CHANGED_SINCE_PREVIEW.code, {"field": key})
        notes.append(reason)
        if FIELDS[key].required and held is None:
            held = reason
    notes.extend(note for note in previewed.notes if note.code.startswith(_CLASHES) and note not in fresh.notes)
    return replace(fresh, notes=tuple(notes), create_held=held)


def _values(person: PlannedPerson) -> Mapping[str, Raw]:
    one = person.user or person.employee
    return one.values if one is not None else {}


def _changed_fields(one: Mapping[str, Raw], other: Mapping[str, Raw]) -> set[str]:
    missing = object()
    return {key for key in {*one, *other} if one.get(key, missing) != other.get(key, missing)}
