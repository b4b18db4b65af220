"""What is to be applied, cut into batches, and batches into groups of people.

A batch is what one invocation works on: people page by page of Fortnox, so that each page is read again once, shortly
before it is needed, and then people to be created there; or people for whom nothing is written. A group is what is
recorded at a time, before and after; its people stand on one page.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from huma_fortnox.domain.frozen import dataclass
from huma_fortnox.domain.outcome import Reason
from huma_fortnox.domain.outline import Fate
from huma_fortnox.domain.people import Side
from huma_fortnox.domain.plan_types import Situation
from huma_fortnox.services.summary import writes_to

if TYPE_CHECKING:
    from huma_fortnox.domain.outline import DecidedPerson

GROUP, CREATED_TOGETHER = 20, 5
"""People in a group; of those who are created fewer, so that few have to be looked for after a crash."""

BATCH_PEOPLE = 400
"""So many people are enough for a batch: little more than a minute of what Fortnox allows."""

T = TypeVar("T")


class Kind(StrEnum):
    """What a batch is about."""

    WRITE = "write"
    SETTLE = "settle"
    LINK = "link"


class Work(StrEnum):
    """What is to be done for one person.

    ``WRITE`` reads both records again first. ``SETTLE`` records that nothing is written, and takes neither.
    """

    WRITE = "write"
    SETTLE = "settle"
    CREATE_IN_HUMA = "create_in_huma"
    CREATE_IN_FORTNOX = "create_in_fortnox"


@dataclass(frozen=True, slots=True)
class Entry:
    """One person's place in a batch; ``situation`` is where the plan keeps them, ``page`` where Fortnox did.

    ``confirmed``: somebody said that these two are one person. ``clashes`` are the fields that would give two people
    one value. ``to_fortnox``: something goes there, which takes a request.
    """

    key: str
    situation: str
    work: Work
    user_id: str = ""
    employee_id: str = ""
    page: int = 0
    confirmed: bool = False
    to_fortnox: bool = False
    clashes: Mapping[str, Reason] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch; ``index``: people are created in Fortnox, so the e-mails on every page are wanted."""

    kind: Kind
    index: bool = False
    groups: tuple[tuple[Entry, ...], ...] = ()

    @property
    def people(self) -> int:
        """Return how many people are in it."""
        return sum(map(len, self.groups))


@dataclass(frozen=True, slots=True)
class WorkList:
    """Everything to be applied: the batches, people to be linked apart from them, and the requests it takes."""

    batches: tuple[Batch, ...]
    people: int
    requests: int


def cut(people: Iterable[DecidedPerson], page_of: Mapping[str, int], *, pages: int, to_link: int) -> WorkList:
    """Cut what was decided into batches, in the order they are worked on; ``page_of`` is by EmployeeId.

    What takes requests comes first. Nobody is looked up alone: where people are created in Fortnox every page is read
    once, by the batch that needs it anyway or by the first creation.
    """
    on_page: dict[int, list[Entry]] = {}
    new_employees: list[Entry] = []
    settled: list[Entry] = []
    for person in people:
        entry = _entry(person, page_of)
        if entry is None:
            continue
        if entry.work is Work.CREATE_IN_FORTNOX:
            new_employees.append(entry)
        elif entry.work is Work.SETTLE:
            settled.append(entry)
        else:
            on_page.setdefault(entry.page, []).append(entry)
    by_page = [_groups(on_page[page]) for page in sorted(on_page)]
    written = [*by_page, *([group] for group in _groups(new_employees))]
    batches = [Batch(Kind.WRITE, bool(new_employees), groups) for groups in _several(written)]
    batches += [Batch(Kind.SETTLE, groups=groups) for groups in _several([group] for group in _groups(settled))]
    if to_link:
        batches.append(Batch(Kind.LINK))
    writes = sum(entry.to_fortnox for batch in batches for group in batch.groups for entry in group)
    read_again = pages if new_employees else len(on_page)
    return WorkList(tuple(batches), sum(batch.people for batch in batches) + to_link, writes + read_again)


def _several(pages: Iterable[Iterable[tuple[Entry, ...]]]) -> Iterator[tuple[tuple[Entry, ...], ...]]:
    """Put the groups of page after page together until there are enough people for a batch; no page is split."""
    groups: list[tuple[Entry, ...]] = []
    for page in pages:
        groups += page
        if sum(map(len, groups)) >= BATCH_PEOPLE:
            yield tuple(groups)
            groups = []
    if groups:
        yield tuple(groups)


def _entry(person: DecidedPerson, page_of: Mapping[str, int]) -> Entry | None:
    """Return what is to be done for a person, ``None`` when there is nothing."""
    outline = person.outline
    if person.creates:
        work = Work.CREATE_IN_HUMA if person.creates == Side.HUMA else Work.CREATE_IN_FORTNOX
        return Entry(
            outline.key,
            outline.situation.value,
            work,
            outline.user_id,
            outline.employee_id,
            page_of.get(outline.employee_id, 0),
            to_fortnox=work is Work.CREATE_IN_FORTNOX,
        )
    if not (outline.user_id and person.employee_id):
        return None
    sides = writes_to(person)
    # What is left as it is gets a base, and that must be of values that still stand.
    is_carried_out = sides or any(change.fate is Fate.LEFT for change in person.changes)
    return Entry(
        outline.key,
        outline.situation.value,
        Work.WRITE if is_carried_out else Work.SETTLE,
        outline.user_id,
        person.employee_id,
        page_of[person.employee_id],
        person.confirmed,
        Side.FORTNOX in sides,
        person.clashes,
    )


def is_left_out(person: DecidedPerson) -> bool:
    """Tell whether nothing can be done for a person until somebody has sorted something out."""
    return person.outline.situation in (Situation.BLOCKED, Situation.AMBIGUOUS) and not person.confirmed


def _groups(entries: Sequence[Entry]) -> Iterator[tuple[Entry, ...]]:
    created = (Work.CREATE_IN_HUMA, Work.CREATE_IN_FORTNOX)
    yield from map(tuple, _chunks([entry for entry in entries if entry.work not in created], GROUP))
    yield from map(tuple, _chunks([entry for entry in entries if entry.work in created], CREATED_TOGETHER))


def _chunks(items: Sequence[T], size: int) -> Iterator[list[T]]:
    rest = iter(items)
    while some := list(islice(rest, size)):
        yield some


# -- as JSON


def batch_to_json(batch: Batch) -> dict[str, Any]:
    """Return a batch as plain JSON."""
    return {
        "kind": batch.kind.value,
        "index": batch.index,
        "groups": [[_entry_to_json(entry) for entry in group] for group in batch.groups],
    }


def batch_from_json(data: Mapping[str, Any]) -> Batch:
    """Read what ``batch_to_json`` wrote."""
    groups = tuple(tuple(_entry_from_json(entry) for entry in group) for group in data["groups"])
    return Batch(Kind(data["kind"]), data["index"], groups)


def _entry_to_json(entry: Entry) -> list[Any]:
    clashes = {name: reason.to_json() for name, reason in entry.clashes.items()}
    place = [entry.situation, entry.work.value, entry.user_id, entry.employee_id, entry.page]
    return [entry.key, *place, entry.confirmed, entry.to_fortnox, clashes]


def _entry_from_json(data: Sequence[Any]) -> Entry:
    key, situation, work, user_id, employee_id, page, confirmed, to_fortnox, clashes = data
    reasons = {name: Reason.from_json(reason) for name, reason in clashes.items()}
    return Entry(key, situation, Work(work), user_id, employee_id, page, confirmed, to_fortnox, reasons)
