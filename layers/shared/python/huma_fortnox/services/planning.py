"""Plans made from what a run has read, piece by piece: no more than a page of people stands in memory at a time.

Two passes are made over what was read. The first surveys everybody: of each person it keeps the few values that matter
to others, and of each employee the packed row. The second plans one chunk of users after the other. People who differ
are kept one by one, together with an outline that is quick to read whenever the decisions change; those in agreement
are kept by name alone.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from huma_fortnox.domain.decisions import Decisions, Direction
from huma_fortnox.domain.digest import keyed_digest
from huma_fortnox.domain.essence import essence_of_employee, essence_of_user
from huma_fortnox.domain.fields import FIELDS
from huma_fortnox.domain.outcome import Reason
from huma_fortnox.domain.outline import confirmable, decide, outline_from_json, outline_of, outline_to_json
from huma_fortnox.domain.people import Employee, Link, Side, User
from huma_fortnox.domain.plan import plan
from huma_fortnox.domain.plan_json import person_from_json, person_to_json
from huma_fortnox.domain.plan_types import Situation
from huma_fortnox.domain.survey import Survey
from huma_fortnox.services.listing import NameIndex
from huma_fortnox.services.snapshot import (
    EMPLOYEES,
    USERS,
    employee_of_row,
    employees_from_json,
    row_of,
    users_from_json,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from huma_fortnox.domain.outline import DecidedPerson, Option, Outline
    from huma_fortnox.domain.people import FieldSettings
    from huma_fortnox.domain.plan_types import PlannedPerson
    from huma_fortnox.services.ports import ConnectionStore, LinkStore, SynchronizationStore, Vault

IN_SYNC = "in_sync"
"""Name of the chunks that list the people in agreement: many, and nobody has to decide about them."""

OUTLINE = "outline"
"""Name of the chunks that hold the outlines of everybody else."""

CHUNK = 500
_NAMES = ("given_name", "family_name")
_NOTHING: Mapping[str, Any] = {}


@dataclass(slots=True)
class Findings:
    """What a plan found: people by situation, changes, people in agreement who are to be linked, general remarks.

    ``suggested`` are people who stand apart and for whom a pair is suggested.
    """

    situations: Counter[str] = field(default_factory=Counter)
    changes: int = 0
    to_link: int = 0
    suggested: int = 0
    notes: tuple[Reason, ...] = ()

    @property
    def people(self) -> int:
        """Return how many people there are."""
        return self.situations.total()

    @property
    def to_decide(self) -> int:
        """Return how many people there is anything to do about."""
        return self.people - self.situations[Situation.IN_SYNC.value] + self.to_link


@dataclass(frozen=True, slots=True)
class PlannedAnew:
    """One person planned anew, with the outline."""

    person: PlannedPerson
    outline: Outline

    @property
    def keys(self) -> set[str]:
        """Return the keys under which the person's halves may have stood before."""
        user, employee = self.person.user, self.person.employee
        return {f"{side}:{one.id}" for side, one in (("u", user), ("e", employee)) if one is not None}


class Planning:
    """Plans of one run, from its snapshot."""

    def __init__(
        self, *, store: SynchronizationStore, links: LinkStore, connections: ConnectionStore, vault: Vault
    ) -> None:
        self._store = store
        self._links = links
        self._connections = connections
        self._vault = vault

    # -- what was read

    def users(self, organization_id: str, run_id: str) -> Iterator[list[User]]:
        """Yield everybody read from Huma, a chunk at a time; who was read twice, as pages moved, stands in the last."""
        last: dict[str, int] = {}
        for number, data in self._store.chunks(organization_id, run_id, USERS):
            last.update(dict.fromkeys(data["id"], number))
        for number, data in self._store.chunks(organization_id, run_id, USERS):
            found = {user.id: user for user in users_from_json(data) if last[user.id] == number}
            yield list(found.values())

    def employees(self, organization_id: str, run_id: str) -> Iterator[tuple[int, list[Employee]]]:
        """Yield everybody read from Fortnox, a page at a time, with its number; see ``users`` for people read twice."""
        for page, data in self._store.chunks(organization_id, run_id, EMPLOYEES):
            yield page, employees_from_json(data["people"])

    # -- the plan

    def plan(self, organization_id: str, run_id: str) -> Findings:
        """Compare both sides and keep what was found; doing it again keeps the same."""
        rows: dict[str, bytes] = {}
        survey, unseen = self._survey(organization_id, run_id, rows)
        keeper = _Keeper(self._store, organization_id, run_id, unseen)

        def keep(people: Sequence[PlannedPerson]) -> None:
            for person in people:
                keeper.keep(person, survey, _candidates(person, survey, rows))
            keeper.told(len(people))

        for users in self.users(organization_id, run_id):
            pairs = [pair for user in users if (pair := survey.pair_of(user.id)) is not None]
            linked = [pair.user.id for pair in pairs if pair.linked]
            links = self._links.of_users(organization_id, linked) if linked else {}
            employees = [employee_of_row(rows[pair.employee.id]) for pair in pairs]
            keep(survey.plan(users, employees, links.values()))
        alone = (employee_id for employee_id in rows if not survey.is_paired(employee_id))
        while some := list(islice(alone, CHUNK)):
            keep(survey.plan([], [employee_of_row(rows[employee_id]) for employee_id in some]))
        return keeper.finish()

    def anew(self, organization_id: str, run_id: str, key: str, *, told: Collection[Reason]) -> PlannedAnew | None:
        """Plan one person of the plan anew among everybody as they were read; ``None`` when nobody read is them.

        ``told`` are the remarks about everybody, which are not repeated.
        """
        rows: dict[str, bytes] = {}
        survey, _ = self._survey(organization_id, run_id, rows)
        side, _, identifier = key.partition(":")
        user_id, employee_id = (identifier, "") if side == "u" else ("", identifier)
        pair = survey.pair_of(user_id) if user_id else survey.pair_of_employee(employee_id)
        if pair is not None:
            user_id, employee_id = pair.user.id, pair.employee.id
        users = [user for page in self.users(organization_id, run_id) for user in page if user.id == user_id]
        employees = [employee_of_row(rows[employee_id])] if employee_id in rows else []
        if not users and not employees:
            return None
        links = self._links.of_users(organization_id, [user_id]) if pair is not None and pair.linked else {}
        (person,) = survey.plan(users, employees, links.values())
        person = replace(person, notes=tuple(note for note in person.notes if note not in told))
        return PlannedAnew(person, outline_of(person, survey, _candidates(person, survey, rows)))

    def _survey(
        self, organization_id: str, run_id: str, rows: dict[str, bytes]
    ) -> tuple[Survey, set[tuple[Side, str]]]:
        """Survey everybody, pack the employees into ``rows``, and find the fields of which nothing is visible."""
        users: dict[str, User] = {}
        employees: dict[str, Employee] = {}
        visible: Counter[tuple[Side, str]] = Counter()
        for page in self.users(organization_id, run_id):
            for user in page:
                users[user.id] = essence_of_user(user)
                visible.update((Side.HUMA, key) for key in user.values)
        for _, listed in self.employees(organization_id, run_id):
            for employee in listed:
                employees[employee.id] = essence_of_employee(employee)
                rows[employee.id] = row_of(employee)
                visible.update((Side.FORTNOX, key) for key in employee.values)
        some = [side for side, people in ((Side.HUMA, users), (Side.FORTNOX, employees)) if people]
        unseen = {(side, key) for side in some for key in FIELDS if not visible[side, key]}
        survey = Survey(
            users.values(),
            employees.values(),
            links=[
                Link(link.user_id, link.employee_id, _NOTHING, _NOTHING) for link in self._links.links(organization_id)
            ],
            digest=keyed_digest(self._vault.base_key(organization_id)),
            settings=self.settings(organization_id),
        )
        return survey, unseen

    # -- the plan with decisions

    def settings(self, organization_id: str) -> FieldSettings:
        """Return the organization's choices about fields."""
        return self._connections.load(organization_id).settings.fields

    def decided(self, organization_id: str, run_id: str, decisions: Decisions) -> list[DecidedPerson]:
        """Carry decisions through the plan, clashes between them included; people in agreement are left out."""
        return decide(self._outlines(organization_id, run_id), decisions)

    def _outlines(self, organization_id: str, run_id: str) -> Iterator[Outline]:
        for _, chunk in self._store.chunks(organization_id, run_id, OUTLINE):
            yield from map(outline_from_json, chunk)

    def pair(self, organization_id: str, run_id: str, user_id: str, employee_id: str) -> PlannedPerson | None:
        """Return two people of the plan who stand apart as the pair that somebody confirmed them to be.

        The question that was answered stays with them.
        """
        halves = self._store.persons(organization_id, run_id, [f"u:{user_id}", f"e:{employee_id}"])
        if len(halves) != len({"u", "e"}):
            return None
        one, other = (person_from_json(halves[key]) for key in (f"u:{user_id}", f"e:{employee_id}"))
        assert one.user is not None  # noqa: S101  # what the keys say
        assert other.employee is not None  # noqa: S101
        people = plan(
            [one.user],
            [other.employee],
            decisions=Decisions(pairs={(user_id, employee_id): True}),
            digest=keyed_digest(self._vault.base_key(organization_id)),
            settings=self.settings(organization_id),
        ).people
        return replace(people[0], pairings=one.pairings)

    def agreed(self, organization_id: str, run_id: str) -> Iterator[tuple[int, list[PlannedPerson]]]:
        """Yield the people in agreement, by name alone, a chunk at a time with its number."""
        for number, chunk in self._store.chunks(organization_id, run_id, IN_SYNC):
            yield number, [person_from_json(data) for data in chunk]


class _Keeper:
    """Keeps planned people as they come, in few writes."""

    def __init__(
        self, store: SynchronizationStore, organization_id: str, run_id: str, unseen: Iterable[tuple[Side, str]]
    ) -> None:
        self._store = store
        self._organization_id = organization_id
        self._run_id = run_id
        self._findings = Findings(
            notes=tuple(Reason(f"not-visible-in-{side.value}", {"field": key}) for side, key in sorted(unseen))
        )
        self._people: list[tuple[str, str, Mapping[str, Any]]] = []
        self._names = NameIndex()
        self._full: dict[str, list[Any]] = {IN_SYNC: [], OUTLINE: []}
        self._numbers: Counter[str] = Counter()

    def keep(self, person: PlannedPerson, survey: Survey, candidates: Sequence[PlannedPerson]) -> None:
        """Keep one person; what nobody's record shows is told once for all, and not with each of them."""
        found = self._findings
        found.situations[person.situation.value] += 1
        found.changes += len(person.changes)
        told = tuple(note for note in person.notes if note not in found.notes)
        person = replace(person, notes=told)
        if person.situation is Situation.IN_SYNC:
            found.to_link += not person.linked
            self._add(IN_SYNC, person_to_json(by_name(person)))
            return
        outline = outline_of(person, survey, candidates)
        self._people.append((person.situation.value, person.key, kept_person(person, outline)))
        self._names.add(person)
        self._add(OUTLINE, outline_to_json(outline))
        if len(self._people) >= CHUNK:
            self._save_people()

    def told(self, people: int) -> None:
        """Count planned people for whoever looks at the progress."""
        planned = self._findings.people
        if planned // CHUNK > (planned - people) // CHUNK:
            self._store.change(self._organization_id, self._run_id, {"progress": {"planned": planned}})

    def finish(self) -> Findings:
        """Keep what is left, and return what was found."""
        self._save_people()
        for name in self._full:
            self._save(name)
        self._names.save(self._store, self._organization_id, self._run_id)
        self._findings.suggested = self._names.suggested
        return self._findings

    def _add(self, name: str, data: Any) -> None:
        self._full[name].append(data)
        if len(self._full[name]) >= CHUNK:
            self._save(name)

    def _save(self, name: str) -> None:
        if self._full[name]:
            # A list of who agrees is part of the result; it holds no values.
            self._store.save_chunk(
                self._organization_id,
                self._run_id,
                name,
                self._numbers[name],
                self._full[name],
                result=name == IN_SYNC,
            )
            self._numbers[name] += 1
            self._full[name] = []

    def _save_people(self) -> None:
        self._store.save_people(self._organization_id, self._run_id, self._people)
        self._people = []


def may_clash(data: Mapping[str, Any], decisions: Decisions, *, pair: str = "") -> bool:
    """Tell whether a kept person, or the ``pair`` with this employee, is to get a value that somebody else has now.

    Only then can what others decided matter: of those who share a value on the side it comes from nothing is written.
    """
    rivals = data.get("rivals", {}).get(pair, ())
    return any((direction := decisions.direction(data["key"], key)) and direction.value in to for key, to in rivals)


def kept_person(person: PlannedPerson, outline: Outline) -> dict[str, Any]:
    """Return somebody who is not in agreement as they are kept."""
    return person_to_json(person) | _with_rivals(outline)


def _candidates(person: PlannedPerson, survey: Survey, rows: Mapping[str, bytes]) -> list[PlannedPerson]:
    """Return the pairs that somebody may confirm of a user who stands apart."""
    return [
        survey.as_pair(person.user, employee_of_row(rows[employee_id]))
        for employee_id in confirmable(person)
        if person.user is not None and employee_id in rows
    ]


def _with_rivals(outline: Outline) -> dict[str, Any]:
    """Return, as part of a kept person, the fields and directions that would give them a value somebody else has.

    They are listed for the person under an empty name, and under the EmployeeId for each pair that may be confirmed.
    """
    options = {"": outline.options, **outline.if_paired}
    rivals = {pair: found for pair, each in options.items() if (found := _rivals(each))}
    return {"rivals": rivals} if rivals else {}


def _rivals(options: Iterable[Option]) -> list[list[Any]]:
    found = []
    for option in options:
        to = [Direction.USE_HUMA.value] if option.in_fortnox else []
        to += [Direction.USE_FORTNOX.value] if option.in_huma else []
        if to:
            found.append([option.field, to])
    return found


def by_name(person: PlannedPerson) -> PlannedPerson:
    """Return a person without any value but the name."""
    user, employee = person.user, person.employee
    return replace(
        person,
        user=User(user.id, _named(user.values), user.active) if user else None,
        employee=Employee(employee.id, _named(employee.values), employee.active) if employee else None,
    )


def _named(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: values[key] for key in _NAMES if key in values}
