"""Carrying out decisions: a batch reads both sides again, writes what still holds, and records every outcome.

A value that differs from what the administrator saw is never overwritten. Before the first write for a group of people
it is recorded what is meant; the outcome of each is kept together with the bases that it moves, and the result of the
group once everybody in it is settled. A batch that is repeated passes over whoever is settled and, for those of a group
that was begun, finds out by looking what had been written.

People are worked on side by side, those whom Fortnox hears of before the others, so that Fortnox's limit is what it
waits for. One person's failure never stops another's: who meets trouble is tried once more when the others are done. So
is who was refused a value that nobody else may have: whoever has it may be given another one by this very run.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from huma_fortnox.domain.digest import keyed_digest
from huma_fortnox.domain.errors import Conflict, IntegrationError, Refused, TransientError
from huma_fortnox.domain.fields import FIELDS, read_employee
from huma_fortnox.domain.outcome import FieldOutcome, Outcome, Reason
from huma_fortnox.domain.outline import with_decisions
from huma_fortnox.domain.people import Base, Link, Side
from huma_fortnox.domain.plan_json import person_from_json
from huma_fortnox.services.batches import Kind, Work, batch_from_json
from huma_fortnox.services.creating import Creator, not_created
from huma_fortnox.services.linking import link_agreed
from huma_fortnox.services.model import PersonOutcome
from huma_fortnox.services.planning import Planning
from huma_fortnox.services.ports import UserChanged
from huma_fortnox.services.settling import CHANGED_SINCE_PREVIEW, PERSON, Settled, Settler, intent_of, settled
from huma_fortnox.services.snapshot import EMPLOYEES, USERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from huma_fortnox.domain.people import Employee
    from huma_fortnox.domain.plan_types import PlannedPerson
    from huma_fortnox.services.batches import Batch, Entry
    from huma_fortnox.services.model import LinkedPerson
    from huma_fortnox.services.ports import (
        ConnectionStore,
        Lane,
        Leases,
        LinkStore,
        Record,
        SynchronizationStore,
        Systems,
        Vault,
    )

logger = logging.getLogger(__name__)

PRESENT = "present"
"""Name of the chunks that hold the e-mails on a page of Fortnox, as it was read again."""

TIME_FOR_A_GROUP = 90.0
"""Seconds that must be left to begin another group of people."""

LEASE, LEASE_LEFT = 60.0, 30.0
"""Seconds for which one worker alone creates people, and how many of them must be left to create somebody."""

LOOK_SECONDS = 2.0
"""How often it is looked whether somebody has cancelled, or time is running out."""

GIVE_UP = 6
"""How often a group is tried before somebody in it whose trouble goes on is called failed."""

ROW_OF_FAILURES = 3
"""So many people in a row with trouble, and nobody without: it is not about them."""

_CREATIONS = (Work.CREATE_IN_HUMA, Work.CREATE_IN_FORTNOX)
_OF_ALL = {"out-of-time", "circuit-open", "rate-limited", "rate-budget-contended", "state-unavailable"}
"""Codes of passing troubles that are not one person's."""

_SETTLES = 5
_CROSSED = "\0crossed"


class Applying:
    """Carries out the batches of runs.

    ``workers`` people are worked on at a time, and half as many whom Fortnox does not hear of. ``time_left`` are the
    seconds this process still has. ``leases`` keeps two workers from creating people at the same time; ``lane`` takes
    users whom a push has to look at again.
    """

    def __init__(
        self,
        *,
        store: SynchronizationStore,
        links: LinkStore,
        connections: ConnectionStore,
        vault: Vault,
        systems: Systems,
        leases: Callable[[str], Leases] | None = None,
        lane: Callable[[], Lane] | None = None,
        time_left: Callable[[], float] = lambda: math.inf,
        workers: int = 1,
    ) -> None:
        self.store = store
        self.links = links
        self.connections = connections
        self.vault = vault
        self.systems = systems
        self.leases = leases
        self.lane = lane
        self.time_left = time_left
        self.workers = workers
        self.planning = Planning(store=store, links=links, connections=connections, vault=vault)

    def apply(self, organization_id: str, run_id: str, number: int, data: Mapping[str, Any]) -> bool:
        """Carry out one batch and return whether there is more of it to do.

        Raises ``TransientError`` to be called again, and what stops the whole run.
        """
        batch = batch_from_json(data)
        if batch.kind is Kind.LINK:
            return link_agreed(
                self.store,
                self.links,
                self.planning,
                organization_id,
                run_id,
                digest=keyed_digest(self.vault.base_key(organization_id)),
                goes_on=lambda first: self.goes_on(organization_id, run_id, first=first),
            )
        groups = self.store.groups(organization_id, run_id, number)
        if sum(groups.values()) == len(batch.groups):
            return False
        return _Batch(self, organization_id, run_id, number, batch, groups).carry_out()

    def is_stopped(self, organization_id: str, run_id: str) -> bool:
        """Tell whether somebody ended the run."""
        run = self.store.load(organization_id, run_id)
        return run is None or run.state.over

    def goes_on(self, organization_id: str, run_id: str, *, first: bool) -> bool | None:
        """Tell whether to begin some more: ``None`` when there is no time for it now, but for the ``first`` always."""
        if self.is_stopped(organization_id, run_id):
            return False
        return True if first or self.time_left() > TIME_FOR_A_GROUP else None


@dataclass(slots=True, eq=False)
class _Person:
    """One person of a batch while it is worked on; ``previewed`` is ``None`` when the plan has lost them.

    ``employee`` is as the page has it now, ``None`` for somebody who is not on it. ``refused`` is what became of them
    when a value was refused that somebody else may have had then.
    """

    entry: Entry
    group: _Group
    previewed: PlannedPerson | None
    linked: LinkedPerson | None
    employee: Employee | None
    tried: bool = False
    refused: Settled | None = None

    @property
    def begun(self) -> bool:
        """Tell whether an attempt before this one may have written something."""
        return self.tried or self.group.times > 1


@dataclass(slots=True, eq=False)
class _Group:
    """A group that was begun, with the outcomes so far, by person; ``times`` counts the beginnings."""

    number: int
    entries: Sequence[Entry]
    times: int = 1
    outcomes: dict[str, PersonOutcome] = field(default_factory=dict)


class _Batch:
    """One batch with everything it needs at hand."""

    def __init__(
        self,
        parts: Applying,
        organization_id: str,
        run_id: str,
        number: int,
        batch: Batch,
        groups: Mapping[int, bool],
    ) -> None:
        self._parts = parts
        self._store = parts.store
        self._place = (organization_id, run_id)
        self._number = number
        self._batch = batch
        self._groups = groups
        self._decisions = parts.store.decisions(organization_id, run_id)
        settings = parts.connections.load(organization_id).settings
        self._settings = settings.fields
        self._digest = keyed_digest(parts.vault.base_key(organization_id))
        self._settler = Settler(
            huma=parts.systems.huma(organization_id),
            fortnox=parts.systems.fortnox(organization_id),
            decisions=self._decisions,
            digest=self._digest,
            settings=settings.fields,
            job_title=settings.new_users.job_title,
        )
        self._creator = Creator(
            self._settler,
            settings,
            employees_called=self._employees_called,
            is_known=self._is_known,
            before=self._stay_alone,
        )
        self._lock = threading.RLock()
        self._page_at_hand: tuple[int, Mapping[str, Employee]] = (0, {})
        self._present: dict[str, list[str]] | None = None
        self._present_anew: dict[str, list[Record]] | None = None
        self._lease: Any = None
        self._leases: Leases | None = None
        self._troubled: list[tuple[_Person, Exception]] = []
        self._refused: list[_Person] = []
        self._well = 0
        self._row_of_failures = 0
        self._open: list[_Group] = []
        self._goes_on: bool | None = True
        self._looked_at = time.monotonic()

    def carry_out(self) -> bool:
        """Work through the groups that are left and return whether some of them have to wait."""
        self._be_alone()
        try:
            self._side_by_side(self._people())
            again, self._troubled, self._refused = [*self._refused, *(person for person, _ in self._troubled)], [], []
            self._side_by_side(again)
            self._give_up_on(self._troubled)
            if self._goes_on is False:
                self._tell_what_was_done()
        finally:
            if self._lease is not None and self._leases is not None:
                with suppress(TransientError):
                    self._leases.release(self._lease)
        return self._goes_on is None

    # -- who is worked on

    def _people(self) -> Iterator[_Person]:
        """Begin one group after the other and give its people."""
        left = [number for number in range(len(self._batch.groups)) if not self._groups.get(number)]
        for number in left:
            self._goes_on = self._goes_on and self._parts.goes_on(*self._place, first=number == left[0])
            if not self._goes_on:
                return
            yield from self._begin(number, self._batch.groups[number])

    def _is_halted(self) -> bool:
        """Tell whether nobody else is to be begun with; looks now and then, for groups may be begun long before."""
        with self._lock:
            if self._goes_on and time.monotonic() - self._looked_at > LOOK_SECONDS:
                self._looked_at = time.monotonic()
                self._goes_on = self._parts.goes_on(*self._place, first=False)
                # Also while nobody is created yet: a lease that ran out would keep everybody waiting, ourselves first.
                self._stay_alone()
            return not self._goes_on

    def _begin(self, number: int, entries: Sequence[Entry]) -> list[_Person]:
        group = _Group(number, entries)
        self._open.append(group)
        planned = self._planned(entries)
        linked = self._store.linked(*self._place, [entry.user_id for entry in entries if entry.user_id])
        intents = {
            entry.key: self._intent(entry, previewed)
            for entry in entries
            if entry.work is not Work.SETTLE and (previewed := planned.get(entry.key)) is not None
        }
        if intents:
            group.times = self._store.begin_group(*self._place, self._number, number, intents)
        employees = self._employees(entries)
        people = []
        for entry in entries:
            employee = employees.get(entry.employee_id)
            person = _Person(entry, group, planned.get(entry.key), linked.get(entry.user_id), employee)
            if person.linked is not None and person.linked.outcomes is not None:
                self._push_again(person.linked.link)
                self._tell(person, person.linked.outcomes)
            else:
                people.append(person)
        return people

    def _planned(self, entries: Sequence[Entry]) -> dict[str, PlannedPerson]:
        """Return these people as the administrator saw them, with what was decided."""
        alone = [entry for entry in entries if not entry.confirmed]
        found = (
            self._store.persons(
                *self._place, [entry.key for entry in alone], sorted({entry.situation for entry in alone})
            )
            if alone
            else {}
        )
        people = {key: person_from_json(data) for key, data in found.items()}
        for entry in entries:
            if entry.confirmed:
                pair = self._parts.planning.pair(*self._place, entry.user_id, entry.employee_id)
                if pair is not None:
                    people[entry.key] = pair
        clashes = {entry.key: entry.clashes for entry in entries}
        return {
            key: with_decisions(person, self._decisions, clashes[key], self._settings) for key, person in people.items()
        }

    def _intent(self, entry: Entry, previewed: PlannedPerson) -> dict[str, str]:
        if entry.work is Work.WRITE:
            return intent_of(previewed)
        return {PERSON: _creation_side(entry).value}

    # -- side by side

    def _side_by_side(self, people: Iterable[_Person]) -> None:
        """Work on people, some at a time; what stops everybody is raised when those under way are done.

        Whom Fortnox hears of has workers of their own: the others, however slow, must not keep them from the limit.
        """
        workers = self._parts.workers
        if workers <= 1:
            for person in people:
                self._one(person)
            return
        ahead: set[Future[None]] = set()
        behind: set[Future[None]] = set()
        with (
            ThreadPoolExecutor(workers, thread_name_prefix="fortnox") as first,
            ThreadPoolExecutor(max(1, workers // 2), thread_name_prefix="others") as rest,
        ):
            try:
                for person in people:
                    if person.entry.to_fortnox:
                        ahead.add(first.submit(self._one, person))
                    else:
                        behind.add(rest.submit(self._one, person))
                    while len(ahead) >= 2 * workers:
                        _settle_some(ahead, behind)
                while ahead or behind:
                    _settle_some(ahead, behind)
            except BaseException:
                for each in ahead | behind:
                    each.cancel()
                raise

    def _one(self, person: _Person) -> None:
        """Work on one person and keep what became of them."""
        if self._is_halted():
            return
        try:
            done = self._settle(person)
            if _may_be_free_later(done) and not person.tried:
                self._try_later(person, done)
            else:
                self._keep(person, done)
        except Refused as error:
            self._keep(person, _refused(person.entry, error.reason))
        except TransientError as error:
            if error.reason.code in _OF_ALL:
                raise
            self._trouble(person, error)
            return
        except IntegrationError:
            raise
        except Exception as error:
            logger.exception("trouble with one person of a synchronization")
            self._trouble(person, error)
            return
        with self._lock:
            self._well += 1
            self._row_of_failures = 0

    def _try_later(self, person: _Person, done: Settled) -> None:
        person.tried, person.refused = True, done
        with self._lock:
            self._refused.append(person)

    def _trouble(self, person: _Person, error: Exception) -> None:
        person.tried = True
        with self._lock:
            self._troubled.append((person, error))
            self._row_of_failures += 1
            if self._row_of_failures >= ROW_OF_FAILURES and not self._well:
                raise error

    def _give_up_on(self, troubled: Sequence[tuple[_Person, Exception]]) -> None:
        """Call those failed whose trouble is their own; otherwise the batch is to be repeated."""
        for person, error in troubled:
            if person.refused is not None:
                self._keep(person, person.refused)
                continue
            if not self._well and person.group.times < GIVE_UP:
                raise error
            reason = error.reason if isinstance(error, IntegrationError) else Reason("unexpected")
            target = _creation_side(person.entry).value if person.entry.work in _CREATIONS else ""
            self._keep(person, settled([FieldOutcome(PERSON, Outcome.FAILED, target, reason)]))

    def _settle(self, person: _Person) -> Settled:
        entry, previewed, begun = person.entry, person.previewed, person.begun
        if previewed is None:
            return settled([FieldOutcome(PERSON, Outcome.SKIPPED, reason=CHANGED_SINCE_PREVIEW)])
        link = person.linked.link if person.linked else None
        huma = self._settler.huma
        if entry.work is Work.SETTLE:
            return self._settler.as_decided(previewed, link)
        if entry.work is Work.CREATE_IN_FORTNOX:
            return self._creator.employee(previewed, huma.user(entry.user_id), begun=begun)
        if entry.work is Work.CREATE_IN_HUMA:
            return self._creator.user(previewed, self._employee(person), begun=begun)
        # Fortnox first: the user is then as new as can be when it is written.
        employee = self._employee(person)
        return self._settler.carry_out(previewed, huma.user(entry.user_id), employee, link, begun=begun)

    # -- what is kept

    def _keep(self, person: _Person, done: Settled) -> None:
        if done.link is not None:
            self._keep_link(person, done.link, done)
        self._tell(person, done.outcomes)

    def _keep_link(self, person: _Person, link: Link, done: Settled) -> None:
        """Keep the link with the outcome; bases that a push moved meanwhile are left to it.

        Where a push wrote the very field that was written here, nobody knows whose value came last. Then the base is
        made one that no value has, and the user goes to the lane: the next push carries what Huma has.
        """
        seen = person.linked.link if person.linked else None
        wrote, overtaking = done.wrote, False
        for _ in range(_SETTLES):
            if self._store.settle(*self._place, link, done.outcomes, seen=seen, wrote=wrote, overtaking=overtaking):
                self._push_again(link)
                return
            now = self._store.linked(*self._place, [link.user_id]).get(link.user_id)
            if now is None or now.link.employee_id != link.employee_id or now.outcomes is not None:
                # Disconnected meanwhile, linked to somebody else, or kept although that seemed to fail.
                return
            before = seen.bases if seen else {}
            moved = {name for name, base in now.link.bases.items() if base != before.get(name)}
            crossed = done.wrote & (moved | now.pushing)
            bases = {**link.bases, **{name: now.link.bases[name] for name in moved & link.bases.keys()}}
            bases |= {name: self._crossed(name) for name in crossed}
            link, seen = replace(link, bases=bases), now.link
            wrote, overtaking = wrote - crossed, overtaking or bool(crossed & now.pushing)
        raise TransientError("state-unavailable", {"code": "contended"})

    def _crossed(self, name: str) -> Base:
        mark = self._digest(name, _CROSSED)
        return Base(mark, mark)

    def _push_again(self, link: Link) -> None:
        """Let a push look at a user whose writing crossed one."""
        if self._parts.lane is None or not any(base == self._crossed(name) for name, base in link.bases.items()):
            return
        organization_id, run_id = self._place
        self._parts.lane().send(UserChanged(organization_id, link.user_id, "users-update", run_id, 0))

    def _tell(self, person: _Person, outcomes: Sequence[FieldOutcome]) -> None:
        """Note what became of a person; the group's last one brings all of it into the result."""
        entry, group = person.entry, person.group
        name = person.previewed.name if person.previewed else ""
        with self._lock:
            group.outcomes[entry.key] = PersonOutcome(entry.key, name, tuple(outcomes))
            if len(group.outcomes) < len(group.entries):
                return
        told = [group.outcomes[each.key] for each in group.entries]
        if self._store.end_group(*self._place, self._number, group.number, told):
            requests = sum(each.to_fortnox for each in group.entries)
            self._store.count(*self._place, {"applied": len(told), "requests_done": requests})

    def _tell_what_was_done(self) -> None:
        """Bring what was done into the result, of groups too in which somebody was not begun with any more."""
        for group in self._open:
            told = [group.outcomes[each.key] for each in group.entries if each.key in group.outcomes]
            if told and len(told) < len(group.entries):
                self._store.end_group(*self._place, self._number, group.number, told)

    # -- Fortnox, read again

    def _employees(self, entries: Sequence[Entry]) -> Mapping[str, Employee]:
        """Return the employees of a group's page as they are now; the page is read again before its first group."""
        page = entries[0].page
        if entries[0].work is Work.CREATE_IN_FORTNOX:
            # Ahead of its people, who would all wait for it; what goes wrong here goes wrong there too.
            with suppress(Refused):
                self._employees_called("", False)
        if all(entry.work in (Work.SETTLE, Work.CREATE_IN_FORTNOX) for entry in entries):
            return {}
        if self._page_at_hand[0] != page:
            wanted = {entry.employee_id for group in self._batch.groups if group[0].page == page for entry in group}
            found = {
                employee.id: employee
                for row in self._page(page)
                if (employee := read_employee(row, self._settings)).id in wanted
            }
            self._store.count(*self._place, {"requests_done": 1})
            self._page_at_hand = (page, found)
        return self._page_at_hand[1]

    def _employee(self, person: _Person) -> Employee | None:
        """Return somebody's employee; one who moved to another page, or may have been written since, is asked for."""
        if person.employee is not None and not person.tried:
            return person.employee
        row = self._settler.fortnox.employee(person.entry.employee_id)
        return read_employee(row, self._settings) if row is not None else None

    def _page(self, number: int) -> Sequence[Record]:
        """Read a page again, and note who is on it where people are to be created in Fortnox."""
        page = self._settler.fortnox.employees(number)
        if self._batch.index:
            emails = [[_folded(row.get("Email")), str(row["EmployeeId"])] for row in page.employees]
            self._store.save_chunk(*self._place, PRESENT, number, {"pages": page.pages, "emails": emails})
        return page.employees

    def _employees_called(self, email: str, anew: bool) -> Sequence[Record]:
        """Return the employees with this e-mail, as this run has read them again, or all of them read anew."""
        with self._lock:
            if anew:
                if self._present_anew is None:
                    self._present_anew = {}
                    number, pages = 1, 1
                    while number <= pages:
                        page = self._settler.fortnox.employees(number)
                        for row in page.employees:
                            self._present_anew.setdefault(_folded(row.get("Email")), []).append(row)
                        number, pages = number + 1, page.pages
                return self._present_anew.get(_folded(email), ())
            if self._present is None:
                self._present = self._read_present()
            return [{"EmployeeId": found} for found in self._present.get(_folded(email), ())]

    def _read_present(self) -> dict[str, list[str]]:
        """Return the EmployeeIds by e-mail; pages that no batch has read again are read now."""
        present: dict[str, list[str]] = {}
        number, pages = 1, 1
        while number <= pages:
            chunk = self._store.chunk(*self._place, PRESENT, number)
            if chunk is None:
                self._page(number)
                self._store.count(*self._place, {"requests_done": 1})
                chunk = self._store.chunk(*self._place, PRESENT, number) or {"pages": number, "emails": []}
            for email, employee_id in chunk["emails"]:
                present.setdefault(email, []).append(employee_id)
            number, pages = number + 1, chunk["pages"]
        return present

    def _is_known(self, side: Side, identifier: str) -> bool:
        """Tell whether somebody was there, by id, when the run read that side."""
        if side is Side.HUMA:
            return any(identifier in data["id"] for _, data in self._store.chunks(*self._place, USERS))
        chunks = self._store.chunks(*self._place, EMPLOYEES)
        return any(identifier in data["people"]["id"] for _, data in chunks)

    # -- alone

    def _be_alone(self) -> None:
        """Make sure that no other worker creates people of this organization."""
        creates = any(entry.work in _CREATIONS for group in self._batch.groups for entry in group)
        if not creates or self._parts.leases is None:
            return
        self._leases = self._parts.leases(self._place[0])
        self._lease = self._leases.acquire("create", LEASE)
        if self._lease is None:
            raise TransientError("state-unavailable", {"code": "busy"})

    def _stay_alone(self) -> None:
        """Keep the lease for as long as a creation may take."""
        with self._lock:
            if self._lease is None or self._leases is None or self._leases.running(self._lease, LEASE_LEFT):
                return
            try:
                self._lease = self._leases.renew(self._lease, LEASE)
            except Conflict:
                self._lease = None
                raise TransientError("state-unavailable", {"code": "busy"}) from None


def _settle_some(*under_way: set[Future[None]]) -> None:
    """Wait until somebody is done, take them out, and raise what stops everybody."""
    done, _ = wait(set().union(*under_way), return_when=FIRST_COMPLETED)
    for each in under_way:
        each -= done
    for future in done:
        future.result()


def _may_be_free_later(done: Settled) -> bool:
    """Tell whether Huma refused a value that nobody else may have."""
    return any(
        outcome.outcome is Outcome.FAILED
        and outcome.target == Side.HUMA
        and outcome.field in FIELDS
        and FIELDS[outcome.field].unique
        for outcome in done.outcomes
    )


def _creation_side(entry: Entry) -> Side:
    return Side.HUMA if entry.work is Work.CREATE_IN_HUMA else Side.FORTNOX


def _refused(entry: Entry, reason: Reason) -> Settled:
    if entry.work in _CREATIONS:
        return not_created(_creation_side(entry), reason)
    return settled([FieldOutcome(PERSON, Outcome.SKIPPED, reason=reason)])


def _folded(email: object) -> str:
    return email.strip().casefold() if isinstance(email, str) else ""
