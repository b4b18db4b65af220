"""Replacing one person of a kept plan: among the people, in the outline, in the lists and in the counts."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from huma_fortnox.domain.outline import outline_to_json
from huma_fortnox.domain.plan_json import person_to_json
from huma_fortnox.domain.plan_types import Situation
from huma_fortnox.services.listing import lists_of, save_list, stored_list
from huma_fortnox.services.model import REREAD, SUGGESTED
from huma_fortnox.services.planning import CHUNK, IN_SYNC, OUTLINE, by_name, kept_person

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from huma_fortnox.services.listing import Entry
    from huma_fortnox.services.model import Synchronization
    from huma_fortnox.services.planning import PlannedAnew
    from huma_fortnox.services.ports import SynchronizationStore


def replace_person(
    store: SynchronizationStore, run: Synchronization, key: str, planned: PlannedAnew | None
) -> dict[str, Any]:
    """Put a person, planned anew, in the place of the one with this key, and of whoever is their other half now.

    Return what of the run is to be changed: how many people are in which situation, and what else is counted.
    """
    place = (run.organization_id, run.id)
    replaced = {key} | (planned.keys if planned is not None else set())
    before = store.persons(*place, sorted(replaced))
    _replace_outlines(store, run, replaced, planned)
    if planned is not None:
        if planned.person.situation is Situation.IN_SYNC:
            _append(store, run, IN_SYNC, person_to_json(by_name(planned.person)), result=True)
        else:
            person = kept_person(planned.person, planned.outline)
            store.save_people(*place, [(planned.person.situation.value, planned.person.key, person)])
    kept = {(planned.person.situation.value, planned.person.key)} if planned is not None else set()
    store.remove_people(*place, {(data["situation"], found) for found, data in before.items()} - kept)
    suggested = _replace_in_lists(store, run, replaced, before.values(), planned)
    return _counts(run, before.values(), planned, suggested)


def _replace_outlines(
    store: SynchronizationStore, run: Synchronization, replaced: Collection[str], planned: PlannedAnew | None
) -> None:
    place = (run.organization_id, run.id)
    for number, chunk in list(store.chunks(*place, OUTLINE)):
        left = [outline for outline in chunk if outline[0] not in replaced]
        if len(left) < len(chunk):
            store.save_chunk(*place, OUTLINE, number, left)
    if planned is not None and planned.person.situation is not Situation.IN_SYNC:
        _append(store, run, OUTLINE, outline_to_json(planned.outline))


def _append(store: SynchronizationStore, run: Synchronization, name: str, data: Any, *, result: bool = False) -> None:
    """Add to the chunks of a name, in the first that has room."""
    place = (run.organization_id, run.id)
    number = 0
    while (chunk := store.chunk(*place, name, number)) is not None and len(chunk) >= CHUNK:
        number += 1
    store.save_chunk(*place, name, number, [*(chunk or ()), data], result=result)


def _replace_in_lists(
    store: SynchronizationStore,
    run: Synchronization,
    replaced: Collection[str],
    before: Iterable[Mapping[str, Any]],
    planned: PlannedAnew | None,
) -> int:
    """Put the person into the lists they belong in now; return how many stand in that of suggested pairs."""
    entries = lists_of(planned.person) if planned is not None else {}
    for name in {SUGGESTED, *entries, *(data["situation"] for data in before)}:
        there = stored_list(store, run.organization_id, run.id, name)
        now: list[Entry] = [entry for entry in there if entry[0] not in replaced]
        now += [entries[name]] if name in entries else []
        if now != there:
            save_list(store, run.organization_id, run.id, name, now, before=len(there))
        if name == SUGGESTED:
            suggested = len(now)
    return suggested


def _counts(
    run: Synchronization, before: Iterable[Mapping[str, Any]], planned: PlannedAnew | None, suggested: int
) -> dict[str, Any]:
    situations, progress = Counter(run.situations), Counter(run.progress)
    for data in before:
        situations[data["situation"]] -= 1
        progress["changes"] -= len(data.get("changes", ()))
    if planned is not None:
        person = planned.person
        situations[person.situation.value] += 1
        progress["changes"] += len(person.changes)
        progress["to_link"] += person.situation is Situation.IN_SYNC and not person.linked
    progress["planned"] = situations.total()
    progress[SUGGESTED] = suggested
    progress[REREAD] += 1
    return {"situations": dict(situations), "progress": dict(progress)}
