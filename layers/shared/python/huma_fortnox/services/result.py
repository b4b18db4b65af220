"""The result of a run as it is read: page by page, all of it or what had one outcome.

What had an outcome is kept apart by outcome when the run ends, so that the few held values of ten thousand people
are read at once.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from huma_fortnox.domain.errors import BadRequest
from huma_fortnox.domain.outcome import FieldOutcome, Outcome
from huma_fortnox.domain.plan_json import person_from_json
from huma_fortnox.domain.plan_types import Situation
from huma_fortnox.services.model import OutcomePage, PersonOutcome
from huma_fortnox.services.planning import IN_SYNC
from huma_fortnox.services.real_time import PERSON

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from huma_fortnox.services.model import Synchronization
    from huma_fortnox.services.ports import LinkStore, SynchronizationStore

_AGREED = "agreed"
_PLACE = re.compile(r"([a-z]+)\.([0-9]{1,6})\.([0-9]{1,6})")
_AT_ONCE = 500
_KEPT_TOGETHER = 100


class Results:
    """Reads the results of runs."""

    def __init__(self, store: SynchronizationStore, links: LinkStore) -> None:
        self._store = store
        self._links = links

    def page(self, run: Synchronization, *, after: str, limit: int, only: Sequence[Outcome] = ()) -> OutcomePage:
        """Return a page: who was to be changed first, then everybody who agreed from the beginning.

        With ``only``, the people of these outcomes, one outcome after the other, each with the lines that had it.
        """
        people: list[PersonOutcome] = []
        if only:
            sources = [each.value for each in only]
        else:
            sources = []
            if not after.startswith(f"{_AGREED}."):
                people, last = self._store.outcomes(run.organization_id, run.id, after=after, limit=limit)
                if last:
                    return self._with_employees(run, people, last)
                after = ""
        if run.reached_applying and (not only or Outcome.UNCHANGED in only):
            sources.append(_AGREED)
        rest, last = self._listed(run, sources, after, limit - len(people))
        return self._with_employees(run, [*people, *rest], last)

    def everybody(self, run: Synchronization, only: Sequence[Outcome] = ()) -> Iterator[PersonOutcome]:
        """Yield the people of all pages."""
        after = ""
        while True:
            page = self.page(run, after=after, limit=_AT_ONCE, only=only)
            yield from page.people
            after = page.after
            if not after:
                return

    def _listed(
        self, run: Synchronization, sources: Sequence[str], after: str, limit: int
    ) -> tuple[list[PersonOutcome], str]:
        """Return a page of lists that are kept in chunks, one list after the other."""
        first, number, start = _place(after, sources)
        people: list[PersonOutcome] = []
        for source in sources[first:]:
            name, read = (IN_SYNC, _unchanged) if source == _AGREED else (_kept(source), _person)
            while (chunk := self._store.chunk(run.organization_id, run.id, name, number)) is not None:
                room = limit - len(people)
                people += [read(data) for data in chunk[start : start + room]]
                if len(chunk) > start + room:
                    return people, f"{source}.{number}.{start + room}"
                number, start = number + 1, 0
            number = 0
        return people, ""

    def _with_employees(self, run: Synchronization, people: Sequence[PersonOutcome], after: str) -> OutcomePage:
        """Add who the people are in Fortnox, so that what is to be mended there can be found."""
        users = [each.key.removeprefix("u:") for each in people if each.key.startswith("u:")]
        links = self._links.of_users(run.organization_id, users)
        employees = {f"u:{user_id}": link.employee_id for user_id, link in links.items()}
        employees |= {each.key: each.key.removeprefix("e:") for each in people if each.key.startswith("e:")}
        return OutcomePage(tuple(people), after, employees)


def keep_by_outcome(store: SynchronizationStore, organization_id: str, run_id: str) -> Counter[str]:
    """Keep the people of a run's result by outcome, and return how many lines had each; repeating it is harmless."""
    counts: Counter[str] = Counter()
    waiting: defaultdict[str, list[Any]] = defaultdict(list)
    numbers: Counter[str] = Counter()

    def keep(outcome: str) -> None:
        store.save_chunk(organization_id, run_id, _kept(outcome), numbers[outcome], waiting.pop(outcome), result=True)
        numbers[outcome] += 1

    after = ""
    while True:
        people, after = store.outcomes(organization_id, run_id, after=after, limit=_AT_ONCE)
        for person in people:
            for outcome, lines in _by_outcome(person).items():
                counts[outcome] += len(lines)
                waiting[outcome].append([person.key, person.name, [line.to_json() for line in lines]])
                if len(waiting[outcome]) == _KEPT_TOGETHER:
                    keep(outcome)
        if not after:
            break
    for outcome in list(waiting):
        keep(outcome)
    return counts


def keep_result(store: SynchronizationStore, run: Synchronization) -> Mapping[str, int]:
    """Keep a run's result by outcome, and return how many changes had each; see ``keep_by_outcome``."""
    counts = keep_by_outcome(store, run.organization_id, run.id)
    if run.reached_applying:
        # Who agreed from the beginning is told of by the plan alone.
        counts[Outcome.UNCHANGED.value] += run.situations.get(Situation.IN_SYNC.value, 0)
    return dict(+counts)


def _by_outcome(person: PersonOutcome) -> Mapping[str, list[FieldOutcome]]:
    found: defaultdict[str, list[FieldOutcome]] = defaultdict(list)
    for line in person.outcomes:
        found[line.outcome.value].append(line)
    return found


def _kept(outcome: str) -> str:
    return f"result-{outcome}"


def _person(data: Sequence[Any]) -> PersonOutcome:
    key, name, lines = data
    return PersonOutcome(key, name, tuple(FieldOutcome.from_json(line) for line in lines))


def _unchanged(data: Mapping[str, Any]) -> PersonOutcome:
    person = person_from_json(data)
    return PersonOutcome(person.key, person.name, (FieldOutcome(PERSON, Outcome.UNCHANGED),))


def _place(after: str, sources: Sequence[str]) -> tuple[int, int, int]:
    """Read where a page of lists ended: which list, which chunk, which person."""
    if not after:
        return 0, 0, 0
    place = _PLACE.fullmatch(after)
    if place is None or place[1] not in sources:
        raise BadRequest("query-invalid", {"name": "after", "expected": "where the page before ended"})
    return sources.index(place[1]), int(place[2]), int(place[3])
