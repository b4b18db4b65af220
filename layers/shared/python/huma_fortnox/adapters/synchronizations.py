"""Runs of *Synchronize users* in the state table.

``ORG#<org>`` holds ``LOCK`` (which run has the organization) and ``SYNC#<id>`` (the run). ``SYNC#<org>#<id>`` holds
what belongs to one run: ``CHUNK#…`` (what was read and what is to be applied), ``PERSON#…`` (the plan),
``DECISION#…`` and ``OUTCOME#<batch>#<group>``: first what is about to be written for a group of people, then what
became of them. Plans live 30 days, results 90.

What a run settles for one person (the bases of their link, and the outcome) is one write to the link's item, all or
nothing. The result that people read is made of whole groups, which are written when everybody in them is settled: a
group whose writing was cut off finds its outcomes in the links.
"""

from __future__ import annotations

import re
import time
import uuid
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
from huma_fortnox.adapters.links import BEGUN, base_attribute, link_attributes, link_key, packed_base, read_link
from huma_fortnox.adapters.packing import pack_alone, pack_together, unpack
from huma_fortnox.adapters.table import Write
from huma_fortnox.domain.decisions import Decisions, Direction
from huma_fortnox.domain.errors import BadRequest, TransientError
from huma_fortnox.domain.outcome import FieldOutcome
from huma_fortnox.domain.plan_types import Situation
from huma_fortnox.services.model import LinkedPerson, PersonOutcome, Synchronization, SynchronizationState

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from huma_fortnox.adapters.table import Item, Table
    from huma_fortnox.domain.people import Link
    from huma_fortnox.services.model import DecisionInput

PLAN_SECONDS = 30 * 24 * 3600
LOCK_SECONDS = PLAN_SECONDS + 24 * 3600
_PROGRESS = "p_"
_DECISIONS_AT_ONCE = 99
"""DynamoDB's limit for a transaction, less one for the run itself."""

_TRIES = 5
_CURSOR = re.compile(r"[0-9]{6}#[0-9]{6}#[0-9]{1,6}")
_UNDECIDED = (
    SynchronizationState.READING,
    SynchronizationState.PLANNING,
    SynchronizationState.AWAITING_DECISIONS,
)


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
        notes=tuple(reason for note in item.get("notes", ()) if (reason := read_reason(note)) is not None),
        decided=item.get("decided", ""),
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
        decided: str | None = None,
    ) -> bool:
        """Change attributes of ``Synchronization`` by name; ``False`` when its state is none of ``only_from``.

        Of ``progress`` the counters given are replaced. With ``decided`` also ``False`` when a decision was kept since
        the run said so.
        """
        condition, values = state_condition(only_from)
        condition = condition or "attribute_exists(pk)"
        if decided == "":
            condition += " AND attribute_not_exists(#decided)"
        elif decided is not None:
            condition, values = f"{condition} AND #decided = :decided", {**values, "decided": decided}
        assign = {name: _stored(value) for name, value in changes.items() if name != "progress"}
        assign |= {_PROGRESS + name: value for name, value in changes.get("progress", {}).items()}
        item = self._table.update(
            *_run_key(organization_id, synchronization_id), assign=assign, condition=condition, values=values
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

    def save_chunk(
        self, organization_id: str, synchronization_id: str, name: str, number: int, data: Any, *, result: bool = False
    ) -> bool:
        """Keep a numbered chunk of JSON, as long as a ``result`` or a plan; return whether the number is new."""
        item: Item = {
            "pk": _parts_key(organization_id, synchronization_id),
            "sk": f"CHUNK#{name}#{number:06d}",
            "data": pack_together(data),
            "expires_at": self._now() + (KEPT_SECONDS if result else PLAN_SECONDS),
        }
        if self._table.put_new(item):
            return True
        self._table.put(item)
        return False

    def chunk(self, organization_id: str, synchronization_id: str, name: str, number: int) -> Any | None:
        """Return a chunk, or ``None``."""
        item = self._table.get(_parts_key(organization_id, synchronization_id), f"CHUNK#{name}#{number:06d}")
        return unpack(item["data"]) if item else None

    def chunks(self, organization_id: str, synchronization_id: str, name: str) -> Iterator[tuple[int, Any]]:
        """Yield the chunks of a name with their numbers, in order."""
        for item in self._table.every(_parts_key(organization_id, synchronization_id), f"CHUNK#{name}#"):
            yield int(item["sk"].rsplit("#", 1)[1]), unpack(item["data"])

    # -- the plan

    def save_people(
        self, organization_id: str, synchronization_id: str, people: Iterable[tuple[str, str, Mapping[str, Any]]]
    ) -> None:
        """Keep people of the plan: (situation, key, JSON)."""
        pk, expires_at = _parts_key(organization_id, synchronization_id), self._now() + PLAN_SECONDS
        self._table.write_many(
            {"pk": pk, "sk": f"PERSON#{situation}#{key}", "person": pack_alone(data), "expires_at": expires_at}
            for situation, key, data in people
        )

    def remove_people(self, organization_id: str, synchronization_id: str, people: Iterable[tuple[str, str]]) -> None:
        """Remove people of the plan: (situation, key)."""
        pk = _parts_key(organization_id, synchronization_id)
        for situation, key in people:
            self._table.delete(pk, f"PERSON#{situation}#{key}")

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
        return [unpack(item["person"]) for item in items], last.removeprefix("PERSON#")

    def persons(
        self, organization_id: str, synchronization_id: str, keys: Iterable[str], situations: Iterable[str] = ()
    ) -> Mapping[str, Mapping[str, Any]]:
        """Return those of the people that are in the plan, by key; ``situations`` are where to look, if known."""
        pk = _parts_key(organization_id, synchronization_id)
        places = list(situations) or [situation.value for situation in Situation]
        items = self._table.get_many((pk, f"PERSON#{situation}#{key}") for key in keys for situation in places)
        return {item["sk"].split("#", 2)[2]: unpack(item["person"]) for item in items}

    # -- decisions

    def save_decisions(
        self, organization_id: str, synchronization_id: str, decisions: Sequence[DecisionInput], *, by: str
    ) -> bool:
        """Keep decisions; one that takes a decision back removes it. The last of the same kind counts.

        ``False`` when the run no longer waits for any: from then on none is kept.
        """
        pk, expires_at = _parts_key(organization_id, synchronization_id), self._now() + PLAN_SECONDS
        latest = {_decision_sort_key(decision): decision for decision in decisions}
        writes = []
        for sk, decision in latest.items():
            if decision.same_person is None and decision.create is None and decision.direction is None:
                writes.append(Write(key=(pk, sk)))
                continue
            value: Any = decision.direction.value if decision.direction else None
            if decision.create is not None:
                value = decision.create
            if decision.same_person is not None:
                value = decision.same_person
            item = {"pk": pk, "sk": sk, "value": value, "by": by, "at": self._now(), "expires_at": expires_at}
            writes.append(Write(item=item))
        condition, values = state_condition(_UNDECIDED)
        for start in range(0, len(writes), _DECISIONS_AT_ONCE):
            note = Write(
                key=_run_key(organization_id, synchronization_id),
                assign={"decided": uuid.uuid4().hex},
                condition=condition,
                values=values,
            )
            if self._together([note, *writes[start : start + _DECISIONS_AT_ONCE]]):
                return False
        return True

    def _together(self, writes: Sequence[Write]) -> frozenset[int]:
        """Carry out a transaction that another browser's may meet."""
        for attempt in range(_TRIES):
            try:
                return self._table.transact(writes)
            except TransientError:
                if attempt == _TRIES - 1:
                    raise
                time.sleep(0.02 * 2**attempt)
        raise AssertionError("unreachable")

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

    def begin_group(
        self, organization_id: str, synchronization_id: str, batch: int, group: int, intents: Mapping[str, Any]
    ) -> int:
        """Note, before the first write, what is about to be written for a group of people; return which time it is."""
        pk, sk = _parts_key(organization_id, synchronization_id), _group_key(batch, group)
        item = self._table.update(
            pk,
            sk,
            assign={"intents": pack_together(intents), "expires_at": self._now() + KEPT_SECONDS},
            add={"times": 1},
        )
        return int(item["times"]) if item else 1

    def groups(self, organization_id: str, synchronization_id: str, batch: int) -> Mapping[int, bool]:
        """Return the groups of a batch that were begun, and whether everybody in them is settled."""
        items = self._table.every(_parts_key(organization_id, synchronization_id), f"OUTCOME#{batch:06d}#")
        return {int(item["sk"].rsplit("#", 1)[1]): "outcomes" in item for item in items}

    def end_group(
        self, organization_id: str, synchronization_id: str, batch: int, group: int, outcomes: Sequence[PersonOutcome]
    ) -> bool:
        """Keep what became of a group of people; return whether it is the first time."""
        item: Item = {
            "pk": _parts_key(organization_id, synchronization_id),
            "sk": _group_key(batch, group),
            "outcomes": pack_together([_outcome_to_json(outcome) for outcome in outcomes]),
            "expires_at": self._now() + KEPT_SECONDS,
        }
        if self._table.put(item, condition="attribute_not_exists(#outcomes)"):
            return True
        self._table.put(item)
        return False

    def linked(
        self, organization_id: str, synchronization_id: str, user_ids: Iterable[str]
    ) -> Mapping[str, LinkedPerson]:
        """Return the links of those of these users who have one, and what this run has settled for them."""
        items = self._table.get_many(link_key(organization_id, user_id) for user_id in user_ids)
        return {
            link.user_id: LinkedPerson(
                link,
                _settled(item) if item.get("settled_in") == synchronization_id else None,
                frozenset(item.get(BEGUN, ())),
            )
            for item in items
            for link in [read_link(item)]
        }

    def settle(
        self,
        organization_id: str,
        synchronization_id: str,
        link: Link,
        outcomes: Sequence[FieldOutcome],
        *,
        seen: Link | None,
        wrote: Collection[str] = (),
        overtaking: bool = False,
    ) -> bool:
        """Keep the bases that a run moves together with what became of the person; see ``ports``."""
        attributes = link_attributes(link)
        if seen is None:
            condition, values = "attribute_not_exists(pk)", dict[str, Any]()
        else:
            conditions, values = ["#employee_id = :employee"], {"employee": link.employee_id}
            for field, base in link.bases.items():
                name, before = base_attribute(field), seen.bases.get(field)
                if before == base:
                    del attributes[name]
                    if field not in wrote:
                        continue
                if before is None:
                    conditions.append(f"attribute_not_exists(#{name})")
                else:
                    conditions.append(f"#{name} = :seen_{name}")
                    values[f"seen_{name}"] = packed_base(before)
            conditions += [f"attribute_not_exists(#{BEGUN}.#{field})" for field in sorted(wrote)]
            condition = " AND ".join(conditions)
        if overtaking:
            attributes[BEGUN] = {}
        attributes["settled_in"] = synchronization_id
        attributes["settled"] = pack_alone([outcome.to_json() for outcome in outcomes])
        key = link_key(organization_id, link.user_id)
        return self._table.update(*key, assign=attributes, condition=condition, values=values) is not None

    def outcomes(
        self, organization_id: str, synchronization_id: str, *, after: str, limit: int
    ) -> tuple[list[PersonOutcome], str]:
        """Return a page of the result and where to continue."""
        pk = _parts_key(organization_id, synchronization_id)
        place, index = _place(after)
        people: list[PersonOutcome] = []
        if place:
            item = self._table.get(pk, place)
            rest = _told(item)[index:] if item else []
            if len(rest) > limit:
                return rest[:limit], _cursor(place, index + limit)
            people = rest
        while True:
            items, last = self._table.page(pk, "OUTCOME#", after=place, limit=max(2, limit // 20))
            for number, item in enumerate(items):
                room, told = limit - len(people), _told(item)
                people += told[:room]
                if len(told) > room:
                    return people, _cursor(item["sk"], room)
                if len(people) == limit and (last or number + 1 < len(items)):
                    return people, _cursor(item["sk"], len(told))
            if not last:
                return people, ""
            place = last


def _group_key(batch: int, group: int) -> str:
    return f"OUTCOME#{batch:06d}#{group:06d}"


def _outcome_to_json(outcome: PersonOutcome) -> list[Any]:
    return [outcome.key, outcome.name, [field.to_json() for field in outcome.outcomes]]


def _told(item: Item) -> list[PersonOutcome]:
    if "outcomes" not in item:
        return []
    return [
        PersonOutcome(key, name, tuple(FieldOutcome.from_json(field) for field in fields))
        for key, name, fields in unpack(item["outcomes"])
    ]


def _settled(item: Item) -> tuple[FieldOutcome, ...]:
    return tuple(FieldOutcome.from_json(outcome) for outcome in unpack(item["settled"]))


def _cursor(place: str, index: int) -> str:
    return f"{place.removeprefix('OUTCOME#')}#{index}"


def _place(after: str) -> tuple[str, int]:
    """Read what ``_cursor`` wrote; nothing is read as the beginning."""
    if not after:
        return "", 0
    place, _, index = after.rpartition("#")
    if not _CURSOR.fullmatch(after):
        raise BadRequest("query-invalid", {"name": "after", "expected": "where the page before ended"})
    return f"OUTCOME#{place}", int(index)


def _stored(value: Any) -> Any:
    return [stored(each) for each in value] if isinstance(value, tuple) else stored(value)
