"""Who shares a value that must be unique, found without reading every value.

Two values can only be equal when their *traces* are: the trace is a cheap part of the raw text (the last digits of
a phone number). So only the values whose traces meet are read in full.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from huma_fortnox.domain.outcome import Reason

if TYPE_CHECKING:
    from huma_fortnox.domain.fields import Field
    from huma_fortnox.domain.people import Raw, Side

NAMED_AT_MOST = 100
"""How many of those who share a value are named in a reason; ``count`` tells how many there are."""


def named(ids: Iterable[str]) -> dict[str, str]:
    """Return reason parameters that name people: ``people`` (ids, sorted, comma-separated) and ``count``.

    >>> named(["7", "07"])
    {'people': '07,7', 'count': '2'}
    """
    everybody = sorted(ids)
    return {"people": ",".join(everybody[:NAMED_AT_MOST]), "count": str(len(everybody))}


class Holders:
    """The values of one unique field on one side, by who holds them."""

    __slots__ = ("_by_trace", "_field", "_key_of", "_side")

    def __init__(self, field: Field, side: Side, key_of: Callable[[str], str | None]) -> None:
        self._field = field
        self._side = side
        self._key_of = key_of
        self._by_trace: dict[str, str | list[str]] = {}

    def add(self, person_id: str, raw: Raw) -> None:
        """Count one person's raw value in; blanks do not count."""
        trace = self._field.trace(raw)
        if trace is None:
            key = self._key_of(person_id)
            if key is None:
                return
            trace = self._field.trace_of_key(key)
        by_trace = self._by_trace
        present = by_trace.setdefault(trace, person_id)
        if present is person_id:
            return
        if isinstance(present, list):
            present.append(person_id)
        else:
            by_trace[trace] = [present, person_id]

    def of(self, key: str) -> list[str]:
        """Return the ids of everybody whose value compares as ``key``."""
        present = self._by_trace.get(self._field.trace_of_key(key))
        if present is None:
            return []
        ids = present if isinstance(present, list) else [present]
        return [person_id for person_id in ids if self._key_of(person_id) == key]

    def shared(self) -> dict[str, Reason]:
        """Return, for everybody whose value somebody else has too, the reason that names all of them."""
        found: dict[str, Reason] = {}
        for ids in self._by_trace.values():
            if not isinstance(ids, list):
                continue
            by_key: dict[str, list[str]] = {}
            for person_id in ids:
                key = self._key_of(person_id)
                if key is not None:
                    by_key.setdefault(key, []).append(person_id)
            for owners in by_key.values():
                if len(owners) > 1:
                    found.update(dict.fromkeys(owners, duplicate(self._field.key, self._side, owners)))
        return found


def duplicate(field_key: str, side: Side, owners: Iterable[str]) -> Reason:
    """Return the reason that these people of one side share a unique value."""
    return Reason(f"duplicate-in-{side.value}", {"field": field_key, **named(owners)})


def would_duplicate(field_key: str, side: Side, owners: Iterable[str]) -> Reason:
    """Return the reason that a write would give these people of one side the same unique value."""
    return Reason(f"would-duplicate-in-{side.value}", {"field": field_key, **named(owners)})
