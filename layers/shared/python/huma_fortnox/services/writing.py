"""Writing one person's fields to one side, so that a refused value harms no other field."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from huma_fortnox.domain.errors import Refused
from huma_fortnox.domain.outcome import FieldOutcome, Outcome, Reason

if TYPE_CHECKING:
    from huma_fortnox.services.ports import Record

Values = Mapping[str, Any]
Doubts = Mapping[str, tuple[Outcome, Reason]]
"""Fields that were accepted and are not stored as sent: what to report, and why."""


def write_fields(
    fields: Sequence[str],
    target: str,
    *,
    values_of: Callable[[Sequence[str]], Values],
    write: Callable[[Values], Record],
    doubts: Callable[[Values, Record, Sequence[str]], Doubts],
) -> list[FieldOutcome]:
    """Write these fields in one request; when that is refused, one by one, so that only the bad ones fail.

    ``values_of`` gives what to send for some of the fields, ``doubts`` looks at what the other side stored. Raises
    everything but ``Refused``.
    """
    if not fields:
        return []
    values = values_of(fields)
    try:
        stored = write(values)
    except Refused as error:
        if len(fields) == 1:
            return [FieldOutcome(fields[0], Outcome.FAILED, target, error.reason)]
        return [
            outcome
            for field in fields
            for outcome in write_fields([field], target, values_of=values_of, write=write, doubts=doubts)
        ]
    found = doubts(values, stored, fields)
    return [
        FieldOutcome(field, found[field][0], target, found[field][1])
        if field in found
        else FieldOutcome(field, Outcome.DONE, target)
        for field in fields
    ]
