"""Who is in a plan, by name: what a run's pages list and search without reading everybody.

With a plan goes an index, a list of names for each situation and one of the people for whom a pair is suggested. It is
kept in chunks, in the order of the names, and changes only when somebody is read again; so chunks once read are
remembered until then. A page reads the chunk it begins in, and further ones only until it is full.
"""

from __future__ import annotations

import re
from collections import OrderedDict, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from huma_fortnox.domain.plan_types import Situation
from huma_fortnox.services.model import SUGGESTED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from huma_fortnox.domain.plan_types import PlannedPerson
    from huma_fortnox.services.ports import SynchronizationStore

CHUNK = 1000
MOST_REMEMBERED = 16
"""How many chunks a process remembers."""

_ALONE = (Situation.ONLY_IN_HUMA, Situation.ONLY_IN_FORTNOX)
_PLACE = re.compile(r"([0-9]{1,6})\.([0-9]{1,6})")
_LAST_LETTERS = str.maketrans({"å": "{", "ä": "|", "æ": "|", "ö": "}", "ø": "}"})
"""To signs that stand behind z."""

Entry = list[Any]
"""Key, name, EmployeeId, and the fields that differ."""


def name_order(name: str) -> str:
    """Return what names are sorted by: å, ä and ö (or æ and ø) stand at the end, as their readers expect.

    >>> sorted(["Örjan", "Åsa", "Adam", "Zoe", "ärla"], key=name_order)
    ['Adam', 'Zoe', 'Åsa', 'ärla', 'Örjan']
    """
    return name.casefold().translate(_LAST_LETTERS)


class NameIndex:
    """The index of a plan that is being made."""

    def __init__(self) -> None:
        self._lists: dict[str, list[Entry]] = defaultdict(list)

    def add(self, person: PlannedPerson) -> None:
        """Take a person in."""
        for name, entry in lists_of(person).items():
            self._lists[name].append(entry)

    @property
    def suggested(self) -> int:
        """Return for how many people a pair is suggested."""
        return len(self._lists.get(SUGGESTED, ()))

    def save(self, store: SynchronizationStore, organization_id: str, run_id: str) -> None:
        """Keep the lists, sorted."""
        for name, entries in self._lists.items():
            save_list(store, organization_id, run_id, name, entries)


def lists_of(person: PlannedPerson) -> dict[str, Entry]:
    """Return the lists in which somebody stands who is not in agreement, with what stands there."""
    number = person.employee.id if person.employee else ""
    entry = [person.key, person.name, number, *(change.field for change in person.changes)]
    names = [person.situation.value] if person.situation is not Situation.IN_SYNC else []
    if person.situation in _ALONE and person.pairings:
        names.append(SUGGESTED)
    return dict.fromkeys(names, entry)


def save_list(
    store: SynchronizationStore, organization_id: str, run_id: str, name: str, entries: list[Entry], *, before: int = 0
) -> None:
    """Keep a list in the order of its names; ``before`` is how long the list is that it takes the place of."""
    entries.sort(key=lambda entry: (name_order(entry[1]), entry[0]))
    for number, start in enumerate(range(0, max(len(entries), before), CHUNK)):
        store.save_chunk(organization_id, run_id, _chunk(name), number, entries[start : start + CHUNK])


def stored_list(store: SynchronizationStore, organization_id: str, run_id: str, name: str) -> list[Entry]:
    """Return a whole list."""
    return [entry for _, chunk in store.chunks(organization_id, run_id, _chunk(name)) for entry in chunk]


class Listing:
    """The lists of plans as they are looked at."""

    def __init__(self, store: SynchronizationStore) -> None:
        self._store = store
        self._remembered: OrderedDict[tuple[str, str, int, str, int], _Chunk] = OrderedDict()

    def keys(
        self,
        organization_id: str,
        run_id: str,
        listed: str,
        *,
        field: str,
        name: str,
        after: str,
        limit: int,
        version: int = 0,
    ) -> tuple[list[str], str]:
        """Return a page of the people of a list by key, and where to continue; ``version`` counts its changes.

        ``field`` leaves those in whom this field differs; ``name`` those who have it in their name, in whatever case,
        or whose EmployeeId it is.
        """
        place = _PLACE.fullmatch(after)
        number, start = map(int, place.groups()) if place else (0, 0)
        wanted = name.casefold()
        found: list[str] = []
        while entries := (chunk := self._chunk((organization_id, run_id, version, _chunk(listed), number))).entries:
            here = range(start, len(entries)) if not wanted or chunk.may_have(wanted, name) else ()
            for offset in here:
                key, called, employee_id, *fields = entries[offset]
                if field and field not in fields:
                    continue
                if wanted and wanted not in called.casefold() and name != employee_id:
                    continue
                if len(found) == limit:
                    return found, f"{number}.{offset}"
                found.append(key)
            if len(entries) < CHUNK:
                break
            number, start = number + 1, 0
        return found, ""

    def chunk(self, organization_id: str, run_id: str, name: str, number: int, *, version: int) -> Sequence[Any]:
        """Return a chunk of a run's lists, empty behind the last; once read it is remembered for a while."""
        return self._chunk((organization_id, run_id, version, name, number)).entries

    def _chunk(self, place: tuple[str, str, int, str, int]) -> _Chunk:
        organization_id, run_id, _, name, number = place
        found = self._remembered.get(place)
        if found is None:
            found = _Chunk(self._store.chunk(organization_id, run_id, name, number) or ())
            if found.entries:
                # None are there while the plan is still being made.
                self._remembered[place] = found
            if len(self._remembered) > MOST_REMEMBERED:
                self._remembered.popitem(last=False)
        return found


@dataclass(slots=True)
class _Chunk:
    """A chunk that was read; ``text`` holds all its names and numbers, once somebody searches it."""

    entries: Sequence[Any]
    text: str = ""

    def may_have(self, wanted: str, number: str) -> bool:
        """Tell at one look whether it is worth looking for somebody of this name, case-folded, or this number."""
        if not self.text:
            self.text = "\n".join(f"{entry[1].casefold()}\n{entry[2]}" for entry in self.entries)
        return wanted in self.text or number in self.text


def _chunk(listed: str) -> str:
    return f"names.{listed}"
