"""What the administrator chose: directions, pairs and creations.

The most particular choice wins: one field of one person, then a whole field, then everything. Nothing chosen means
nothing written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum

from huma_fortnox.domain.frozen import dataclass


class Direction(StrEnum):
    """Which value is to stand on both sides."""

    USE_HUMA = "use_huma"
    USE_FORTNOX = "use_fortnox"
    LEAVE = "leave"


@dataclass(frozen=True, slots=True)
class Decisions:
    """All decisions of one synchronization.

    ``changes`` is keyed by (person key, field key); ``fields`` by field key; ``everything`` covers the rest.
    A field-wide or overall decision never clears a value: clearing takes a decision on that field of that person.
    ``creations`` is keyed by person key. ``pairs`` is keyed by (user id, employee id): ``True`` same person,
    ``False`` different people.

    >>> chosen = Decisions(fields={"phone": Direction.USE_HUMA}, changes={("u:1", "phone"): Direction.LEAVE})
    >>> chosen.direction("u:1", "phone"), chosen.direction("u:2", "phone"), chosen.direction("u:2", "city")
    (<Direction.LEAVE: 'leave'>, <Direction.USE_HUMA: 'use_huma'>, None)
    """

    everything: Direction | None = None
    fields: Mapping[str, Direction] = field(default_factory=dict)
    changes: Mapping[tuple[str, str], Direction] = field(default_factory=dict)
    creations: Mapping[str, bool] = field(default_factory=dict)
    pairs: Mapping[tuple[str, str], bool] = field(default_factory=dict)

    def direction(self, person: str, field_key: str) -> Direction | None:
        """Return the direction chosen for one field of one person, or ``None`` when nothing was chosen."""
        exact = self.changes.get((person, field_key))
        if exact is not None:
            return exact
        wide = self.fields.get(field_key)
        return wide if wide is not None else self.everything

    def is_exact(self, person: str, field_key: str) -> bool:
        """Tell whether somebody decided this very field of this very person."""
        return (person, field_key) in self.changes


NOTHING_DECIDED = Decisions()
"""No decision at all."""
