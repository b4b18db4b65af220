"""Runs of *Synchronize users* in the state table.

``ORG#<org>`` holds ``LOCK`` (which run has the organization) and ``SYNC#<id>`` (the run). ``SYNC#<org>#<id>`` holds
what belongs to one run: ``CHUNK#…`` (what was read and what is to be applied, compressed), ``PERSON#…`` (the plan),
``DECISION#…`` and ``OUTCOME#…``. Plans live 30 days, results 90.
"""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from huma_fortnox.adapters.activity import KEPT_SECONDS
from huma_fortnox.adapters.connections import (
    organization_key,
    read_administrator,
    read_reason,
    state_condition,
    stored,
)
from huma_fortnox.adapters.links import link_attributes, link_key
from huma_fortnox.domain.decisions import Decisions, Direction
from huma_fortnox.domain.outcome import FieldOutcome
from huma_fortnox.domain.plan_types import Situation
from huma_fortnox.services.model import PersonOutcome, Synchronization, SynchronizationState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from huma_fortnox.adapters.table import Item, Table
    from huma_fortnox.domain.people import Link
    from huma_fortnox.services.model import DecisionInput

PLAN_SECONDS = 30 * 24 * 3600
LOCK_SECONDS = PLAN_SECONDS + 24 * 3600
_PROGRESS = "p_"


def _run_key(organization_id: str, synchronization_id: str) -> tuple[str, str]:
    return organization_key(organization_id), f"SYNC#{synchronization_id}"


def _parts_key(organization_id: str, synchronization_id: str) -> str:
    return f"SYNC#{organization_id}#{synchronization_id}"


def _run(organization_id: str, item: Item) -> Synchronization:
    started_by = read_administrator(item["started_by"])
    assert started_by is not None  # noqa: S101  # every run is started by somebody
    return Synchronization(
        id=item["sk"].removeprefix("SYNC#"),
        organization_id=organization_id,
        state=SynchronizationState(item["state"]),
        started_at=item["started_at"],
        started_by=started_by,
        situations=item.get("situations", {}),
        outcomes=item.get("outcomes", {}),
        progress={name[len(_PROGRESS) :]: value for name, value in item.items() if name.startswith(_PROGRESS)},
        finished_at=item.get("finished_at", 0),
        reason=read_reason(item.get("reason")),
    )


def _decision_sort_key(decision: DecisionInput) -> str:
    if decision.same_person is not None:
        return f"DECISION#PAIR#{quote(decision.user_id)}#{decision.employee_id}"
    if decision.create is not None:
        return f"DECISION#CREATE#{decision.person}"
    if decision.person:
        return f"DECISION#CHANGE#{decision.field}#{decision.person}"
    return f"DECISION#FIELD#{decision.field}" if decision.field else "DECISION#ALL"


class DynamoSynchronizations:
    """``ports.SynchronizationStore`` on the state table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def _now(self) -> int:
        return int(self._table.clock())

    # -- the run and its lock

    def begin(self, synchronization: Synchronization) -> str:
        """Lock the organization and keep the new run; return the id of the run that has the lock."""
        organization_id = synchronization.organization_id
        pk, sk = _run_key(organization_id, synchronization.id)
        self._table.put(
            {
                "pk": pk,
                "sk": sk,
                "state": synchronization.state.value,
                "started_at": synchronization.started_at,
                "started_by": stored(synchronization.started_by),
                "expires_at": self._now() + KEPT_SECONDS,
            }
        )
        lock = {"pk": pk, "sk": "LOCK", "run": synchronization.id, "expires_at": self._now() + LOCK_SECONDS}
        while not self._table.put_new(lock):
            holder = self.running(organization_id)
            if holder:
                self._table.delete(pk, sk)
                return holder
        return synchronization.id

    def keep_lock(self, organization_id: str, synchronization_id: str) -> bool:
        """Tell whether the run has the organization's lock, and keep it for as long as a run may take."""
        return self._table.put(
            {
                "pk": organization_key(organization_id),
                "sk": "LOCK",
                "run": synchronization_id,
                "expires_at": self._now() + LOCK_SECONDS,
            },
            condition="#run = :run",
            values={"run": synchronization_id},
        )

    def unlock(self, organization_id: str, synchronization_id: str) -> None:
        """Release the organization's lock if this run has it."""
        self._table.delete(
            organization_key(organization_id), "LOCK", condition="#run = :run", values={"run": synchronization_id}
        )

    def running(self, organization_id: str) -> str:
        """Return the id of the run that has the lock, or an empty string."""
        item = self._table.get(organization_key(organization_id), "LOCK")
        return str(item["run"]) if item else ""

    def load(self, organization_id: str, synchronization_id: str) -> Synchronization | None:
        """Return the run, or ``None``."""
        item = self._table.get(*_run_key(organization_id, synchronization_id))
        return _run(organization_id, item) if item else None

    def change(
        self,
        organization_id: str,
        synchronization_id: str,
        changes: Mapping[str, Any],
        *,
        only_from: Sequence[SynchronizationState] = (),
    ) -> bool:
        """Change attributes of ``Synchronization`` by name; ``False`` when its state is none of ``only_from``."""
        condition, values = state_condition(only_from)
        item = self._table.update(
            *_run_key(organization_id, synchronization_id),
            assign={name: stored(value) for name, value in changes.items()},
            condition=condition or "attribute_exists(pk)",
            values=values,
        )
        return item is not None

    def count(self, organization_id: str, synchronization_id: str, progress: Mapping[str, int]) -> None:
        """Add to the progress counters."""
        self._table.update(
            *_run_key(organization_id, synchronization_id),
            add={_PROGRESS + name: value for name, value in progress.items()},
        )

    def save_token(self, organization_id: str, synchronization_id: str, token: str) -> bool:
        """Keep the workflow's task token and wait; ``False`` when the run is no longer to wait (cancelled)."""
        return self.change(
            organization_id,
            synchronization_id,
            {"task_token": token, "state": SynchronizationState.AWAITING_DECISIONS},
            only_from=(SynchronizationState.PLANNING, SynchronizationState.AWAITING_DECISIONS),
        )

    def token(self, organization_id: str, synchronization_id: str) -> str:
        """Return the workflow's task token, or an empty string."""
        item = self._table.get(*_run_key(organization_id, synchronization_id))
        return str(item.get("task_token", "")) if item else ""

    # -- what was read, and the batches to apply

    def save_chunk(self, organization_id: str, synchronization_id: str, name: str, number: int, data: Any) -> bool:
        """Keep a numbered chunk of JSON; return whether it is the first time for this number."""
        pk, sk = _parts_key(organization_id, synchronization_id), f"CHUNK#{name}#{number:06d}"
        packed = zlib.compress(json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode(), 6)
        item: Item = {"pk": pk, "sk": sk, "data": packed, "expires_at": self._now() + PLAN_SECONDS}
        if self._table.put_new(item):
            return True
        self._table.put(item)
        return False

    def chunk(self, organization_id: str, synchronization_id: str, name: str, number: int) -> Any | None:
        """Return a chunk, or ``None``."""
        item = self._table.get(_parts_key(organization_id, synchronization_id), f"CHUNK#{name}#{number:06d}")
        return json.loads(zlib.decompress(item["data"])) if item else None

    def chunks(self, organization_id: str, synchronization_id: str, name: str) -> Iterator[tuple[int, Any]]:
        """Yield the chunks of a name with their numbers, in order."""
        for item in self._table.every(_parts_key(organization_id, synchronization_id), f"CHUNK#{name}#"):
            yield int(item["sk"].rsplit("#", 1)[1]), json.loads(zlib.decompress(item["data"]))

    # -- the plan

    def save_people(
        self, organization_id: str, synchronization_id: str, people: Iterable[tuple[str, str, Mapping[str, Any]]]
    ) -> None:
        """Keep people of the plan: (situation, key, JSON)."""
        pk, expires_at = _parts_key(organization_id, synchronization_id), self._now() + PLAN_SECONDS
        self._table.write_many(
            {"pk": pk, "sk": f"PERSON#{situation}#{key}", "person": dict(data), "expires_at": expires_at}
            for situation, key, data in people
        )

    def people(
        self, organization_id: str, synchronization_id: str, situation: str, *, after: str, limit: int
    ) -> tuple[list[Mapping[str, Any]], str]:
        """Return a page of the plan's people, all or those of one situation, and where to continue."""
        prefix = f"PERSON#{situation}#" if situation else "PERSON#"
        items, last = self._table.page(
            _parts_key(organization_id, synchronization_id),
            prefix,
            after=f"PERSON#{after}" if after else "",
            limit=limit,
        )
        return [item["person"] for item in items], last.removeprefix("PERSON#")

    def persons(
        self, organization_id: str, synchronization_id: str, keys: Iterable[str]
    ) -> Mapping[str, Mapping[str, Any]]:
        """Return those of the people that are in the plan, by key."""
        pk = _parts_key(organization_id, synchronization_id)
        items = self._table.get_many((pk, f"PERSON#{situation.value}#{key}") for key in keys for situation in Situation)
        return {item["sk"].split("#", 2)[2]: item["person"] for item in items}

    # -- decisions

    def save_decisions(
        self, organization_id: str, synchronization_id: str, decisions: Sequence[DecisionInput], *, by: str
    ) -> None:
        """Keep decisions; one that takes a decision back removes it. The last of the same kind counts."""
        pk, expires_at = _parts_key(organization_id, synchronization_id), self._now() + PLAN_SECONDS
        latest = {_decision_sort_key(decision): decision for decision in decisions}
        puts, deletes = [], []
        for sk, decision in latest.items():
            if decision.same_person is None and decision.create is None and decision.direction is None:
                deletes.append((pk, sk))
                continue
            value: Any = decision.direction.value if decision.direction else None
            if decision.create is not None:
                value = decision.create
            if decision.same_person is not None:
                value = decision.same_person
            puts.append({"pk": pk, "sk": sk, "value": value, "by": by, "at": self._now(), "expires_at": expires_at})
        self._table.write_many(puts, delete=deletes)

    def decisions(self, organization_id: str, synchronization_id: str) -> Decisions:
        """Return all decisions of the run."""
        everything: Direction | None = None
        fields: dict[str, Direction] = {}
        changes: dict[tuple[str, str], Direction] = {}
        creations: dict[str, bool] = {}
        pairs: dict[tuple[str, str], bool] = {}
        for item in self._table.every(_parts_key(organization_id, synchronization_id), "DECISION#"):
            kind, _, rest = item["sk"].removeprefix("DECISION#").partition("#")
            first, _, second = rest.partition("#")
            match kind:
                case "ALL":
                    everything = Direction(item["value"])
                case "FIELD":
                    fields[rest] = Direction(item["value"])
                case "CHANGE":
                    changes[second, first] = Direction(item["value"])
                case "CREATE":
                    creations[rest] = item["value"]
                case "PAIR":
                    pairs[unquote(first), second] = item["value"]
        return Decisions(everything, fields, changes, creations, pairs)

    # -- the result

    def note_intent(self, organization_id: str, synchronization_id: str, key: str, fields: Mapping[str, str]) -> None:
        """Note, before the first write, what is about to be written for a person."""
        self._table.put(
            {
                "pk": _parts_key(organization_id, synchronization_id),
                "sk": f"OUTCOME#{key}",
                "intent": dict(fields),
                "expires_at": self._now() + KEPT_SECONDS,
            }
        )

    def intents(
        self, organization_id: str, synchronization_id: str, keys: Iterable[str]
    ) -> Mapping[str, Mapping[str, Any]]:
        """Return the notes about these people, by key: ``intent``, and ``outcomes`` once they are settled."""
        pk = _parts_key(organization_id, synchronization_id)
        items = self._table.get_many((pk, f"OUTCOME#{key}") for key in keys)
        return {item["sk"].removeprefix("OUTCOME#"): item for item in items}

    def save_outcome(
        self, organization_id: str, synchronization_id: str, outcome: PersonOutcome, link: Link | None
    ) -> None:
        """Keep what became of a person together with the link's settled bases, all or none."""
        item: Item = {
            "pk": _parts_key(organization_id, synchronization_id),
            "sk": f"OUTCOME#{outcome.key}",
            "name": outcome.name,
            "outcomes": [field.to_json() for field in outcome.outcomes],
            "expires_at": self._now() + KEPT_SECONDS,
        }
        if link is None:
            self._table.put(item)
        else:
            self._table.put_with_update(item, link_key(organization_id, link.user_id), link_attributes(link))

    def outcomes(
        self, organization_id: str, synchronization_id: str, *, after: str, limit: int
    ) -> tuple[list[PersonOutcome], str]:
        """Return a page of the result and where to continue."""
        items, last = self._table.page(
            _parts_key(organization_id, synchronization_id),
            "OUTCOME#",
            after=f"OUTCOME#{after}" if after else "",
            limit=limit,
        )
        people = [
            PersonOutcome(
                item["sk"].removeprefix("OUTCOME#"),
                item["name"],
                tuple(FieldOutcome.from_json(outcome) for outcome in item["outcomes"]),
            )
            for item in items
            if "outcomes" in item
        ]
        return people, last.removeprefix("OUTCOME#")
