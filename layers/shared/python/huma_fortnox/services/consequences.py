"""What the decisions about a whole plan come to, worked out once after each decision and not for every look.

Counting goes through the outlines of everybody who is not in agreement. What it comes to is little: a tally, kept with
the run for whoever looks next, and the clashes between decisions, of which a process remembers those it found last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from huma_fortnox.domain.frozen import dataclass
from huma_fortnox.services.summary import Tally

if TYPE_CHECKING:
    from collections.abc import Mapping

    from huma_fortnox.domain.decisions import Decisions
    from huma_fortnox.domain.outcome import Reason
    from huma_fortnox.services.model import Synchronization
    from huma_fortnox.services.planning import Planning
    from huma_fortnox.services.ports import SynchronizationStore

TALLY = "tally"
"""Name of the chunk that holds what the decisions come to."""


@dataclass(frozen=True, slots=True)
class _Found:
    mark: tuple[str, ...]
    tally: Tally
    clashes: Mapping[str, Mapping[str, Reason]]


class Consequences:
    """What decisions come to; the ``run`` must have been read before the decisions, so that its mark is no newer."""

    def __init__(self, store: SynchronizationStore, planning: Planning) -> None:
        self._store = store
        self._planning = planning
        self._last: _Found | None = None

    def tally(self, run: Synchronization, decisions: Decisions) -> Tally:
        """Return what all decisions come to."""
        if self._last is not None and self._last.mark == _mark(run):
            return self._last.tally
        kept = self._store.chunk(run.organization_id, run.id, TALLY, 0)
        if kept is not None and kept["decided"] == run.decided:
            return Tally.from_json(kept["tally"])
        return self._work_out(run, decisions).tally

    def clashes(self, run: Synchronization, decisions: Decisions) -> Mapping[str, Mapping[str, Reason]]:
        """Return, by person and field, with whom a decided change would share a unique value."""
        if self._last is not None and self._last.mark == _mark(run):
            return self._last.clashes
        return self._work_out(run, decisions).clashes

    def _work_out(self, run: Synchronization, decisions: Decisions) -> _Found:
        people = self._planning.decided(run.organization_id, run.id, decisions)
        tally = Tally.of(people)
        found = {person.outline.key: person.clashes for person in people}
        self._last = _Found(_mark(run), tally, {key: clashes for key, clashes in found.items() if clashes})
        kept = {"decided": run.decided, "tally": tally.to_json()}
        self._store.save_chunk(run.organization_id, run.id, TALLY, 0, kept)
        return self._last


def _mark(run: Synchronization) -> tuple[str, ...]:
    return run.organization_id, run.id, run.decided
