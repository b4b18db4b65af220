"""Who is who: pairs of a user and an employee, and everybody who has none.

The order of trust: a stored link; a pair somebody confirmed; the e-mail address, where neither side has a link and
exactly one user and one employee have it. Two candidates, or two claiming one, are *ambiguous* and go to a person.
Whatever else agrees (identity number, employment ID, name and phone) is only ever *suggested*.

Links are expected for the people given: a link whose user or employee is not among them counts as gone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

from huma_fortnox.domain import identity_number
from huma_fortnox.domain.fields import FIELDS, PAIRING_FIELD, SUGGESTIONS
from huma_fortnox.domain.format_errors import FormatError
from huma_fortnox.domain.outcome import Reason
from huma_fortnox.domain.people import Employee, Side, User
from huma_fortnox.domain.plan_types import Pairing, Situation
from huma_fortnox.domain.uniqueness import NAMED_AT_MOST, duplicate

if TYPE_CHECKING:
    from huma_fortnox.domain.people import Link
    from huma_fortnox.domain.readings import Reading

Person = User | Employee
Read = Callable[[str, Person], "Reading | None"]
"""(field key, user or employee) → the value read, ``None`` when it is not visible."""

Candidates = Mapping[tuple[str, str], tuple[str, ...]]
"""(user id, employee id) → what speaks for their being one person."""

# Ten-digit identity numbers lack the century. Any day will do that leaves room for every birthday before it and has
# a leap year at "00": the century is cut off again.
_ANY_DAY = date(2499, 12, 31)
_WITHOUT_CENTURY = 10


class Pair(NamedTuple):
    """A user and an employee who are the same person; ``linked`` tells a stored link from a new pair."""

    user: User
    employee: Employee
    linked: bool


@dataclass(slots=True)
class Apart:
    """A user or an employee without a counterpart, and why."""

    person: Person
    situation: Situation
    reasons: tuple[Reason, ...] = ()
    pairings: tuple[Pairing, ...] = ()


@dataclass(slots=True)
class Matching:
    """Everybody, once: in pairs or apart."""

    pairs: list[Pair] = field(default_factory=list)
    apart: list[Apart] = field(default_factory=list)


def match(
    users: Mapping[str, User],
    employees: Mapping[str, Employee],
    links: Iterable[Link],
    decided: Mapping[tuple[str, str], bool],
    read: Read,
) -> Matching:
    """Pair users and employees, both given by id; the result does not depend on any order.

    ``decided`` holds what somebody said of (user id, employee id): ``True`` the same person, ``False`` not. A stored
    link is not undone by a decision.
    """
    matcher = _Matcher(users, employees, decided, read)
    matcher.follow_links({(link.user_id, link.employee_id) for link in links})
    matcher.pair_uncontested({pair for pair, same in decided.items() if same}, "confirmed-twice", linked=False)
    matcher.match_by_pairing_field()
    return matcher.found


def identity_key(person: Person) -> str | None:
    """Return ten digits that are equal for equal personal identity numbers, ``None`` without a readable one."""
    if not person.identity_number:
        return None
    try:
        return identity_number.comparison_key(person.identity_number, _ANY_DAY)[-_WITHOUT_CENTURY:]
    except FormatError:
        return None


def side_of(person: Person) -> Side:
    """Return the system a person's record comes from."""
    return Side.HUMA if isinstance(person, User) else Side.FORTNOX


class _Matcher:
    def __init__(
        self,
        users: Mapping[str, User],
        employees: Mapping[str, Employee],
        decided: Mapping[tuple[str, str], bool],
        read: Read,
    ) -> None:
        self.users = users
        self.employees = employees
        self.decided = decided
        self.read = read
        self.free_users = dict(users)
        self.free_employees = dict(employees)
        self.found = Matching()

    def follow_links(self, links: set[tuple[str, str]]) -> None:
        """Pair the linked; whose counterpart is gone is blocked."""
        present = set()
        gone: list[tuple[Person, Reason]] = []
        for user_id, employee_id in links:
            user, employee = self.users.get(user_id), self.employees.get(employee_id)
            if user is not None and employee is not None:
                present.add((user_id, employee_id))
            elif user is not None:
                gone.append((user, Reason("employee-gone", {"employee": employee_id})))
            elif employee is not None:
                gone.append((employee, Reason("user-gone", {"user": user_id})))
        self.pair_uncontested(present, "linked-twice", linked=True)
        for person, reason in gone:
            if self._take(person):
                self.found.apart.append(Apart(person, Situation.BLOCKED, (reason,)))

    def pair_uncontested(self, pairs: set[tuple[str, str]], contested: str, *, linked: bool) -> None:
        """Pair those who are free, except where one person occurs twice: that is for somebody to sort out."""
        pairs = {(u, e) for u, e in pairs if u in self.free_users and e in self.free_employees}
        user_claims = Counter(user_id for user_id, _ in pairs)
        employee_claims = Counter(employee_id for _, employee_id in pairs)
        unclear: dict[tuple[str, str], tuple[str, ...]] = {}
        for user_id, employee_id in pairs:
            if user_claims[user_id] == 1 == employee_claims[employee_id]:
                self._pair(self.users[user_id], self.employees[employee_id], linked=linked)
            else:
                unclear[user_id, employee_id] = (contested,)
        self._leave_to_a_person(unclear, (Reason(contested),))

    def match_by_pairing_field(self) -> None:
        """Pair by the pairing field; the rest is ambiguous, blocked, or on one side only with suggestions."""
        sharing: dict[str, tuple[list[User], list[Employee]]] = {}
        lonely: list[Apart] = []
        for user in self.free_users.values():
            key = self._pairing_key(user, lonely)
            if key is not None:
                sharing.setdefault(key, ([], []))[0].append(user)
        for employee in self.free_employees.values():
            key = self._pairing_key(employee, lonely)
            if key is not None:
                sharing.setdefault(key, ([], []))[1].append(employee)
        for users, employees in sharing.values():
            if len(users) == 1 == len(employees) and self._may_be_one(users[0], employees[0]):
                self._pair(users[0], employees[0], linked=False)
            else:
                self._part(users, employees, lonely)
        self._suggest(lonely)
        self.found.apart.extend(lonely)

    def _pairing_key(self, person: Person, lonely: list[Apart]) -> str | None:
        """Return what the person is paired by; who has nothing readable there is blocked, with the reason."""
        reading = self.read(PAIRING_FIELD, person)
        if reading is not None and reading.key is not None:
            return reading.key
        side = side_of(person)
        params = {"field": PAIRING_FIELD, "side": side.value}
        if reading is None:
            reason = Reason(f"not-visible-in-{side.value}", {"field": PAIRING_FIELD})
        elif reading.problem is not None:
            reason = Reason(reading.problem.code, {**reading.problem.params, **params})
        else:
            reason = Reason(FIELDS[PAIRING_FIELD].missing, params)
        lonely.append(Apart(person, Situation.BLOCKED, (reason,)))
        return None

    def _part(self, users: list[User], employees: list[Employee], lonely: list[Apart]) -> None:
        """Deal with the people of one pairing key who are not simply one user and one employee."""
        reasons = []
        if len(users) > 1:
            reasons.append(duplicate(PAIRING_FIELD, Side.HUMA, (user.id for user in users)))
        if len(employees) > 1:
            reasons.append(duplicate(PAIRING_FIELD, Side.FORTNOX, (employee.id for employee in employees)))
        users, employees = sorted(users, key=_by_id), sorted(employees, key=_by_id)
        candidates = {
            (user.id, employee.id): (PAIRING_FIELD,)
            for some_users, some_employees in ((users, employees[:NAMED_AT_MOST]), (users[:NAMED_AT_MOST], employees))
            for user in some_users
            for employee in some_employees
            if self._may_be_one(user, employee)
        }
        self._leave_to_a_person(candidates, tuple(reasons))
        lonely.extend(Apart(user, Situation.ONLY_IN_HUMA) for user in users if user.id in self.free_users)
        lonely.extend(
            Apart(employee, Situation.ONLY_IN_FORTNOX) for employee in employees if employee.id in self.free_employees
        )

    def _leave_to_a_person(self, candidates: Candidates, reasons: tuple[Reason, ...]) -> None:
        """Mark everybody involved as ambiguous and name the candidates of each."""
        for (side, person_id), pairings in _pairings(candidates).items():
            person: Person = self.users[person_id] if side is Side.HUMA else self.employees[person_id]
            self._take(person)
            self.found.apart.append(Apart(person, Situation.AMBIGUOUS, reasons, pairings))

    def _suggest(self, lonely: list[Apart]) -> None:
        """Note, for people who are apart, who else they may be."""
        users = [one.person for one in lonely if isinstance(one.person, User)]
        employees = [one.person for one in lonely if isinstance(one.person, Employee)]
        if not users or not employees:
            return
        evidence: dict[tuple[str, str], tuple[str, ...]] = {}
        for names, key_of in self._kinds_of_evidence():
            holders: dict[str, list[Employee]] = {}
            for employee in employees:
                key = key_of(employee)
                if key is not None:
                    holders.setdefault(key, []).append(employee)
            for user in users:
                key = key_of(user)
                for employee in holders.get(key, ()) if key is not None else ():
                    if self._may_be_one(user, employee):
                        evidence[user.id, employee.id] = evidence.get((user.id, employee.id), ()) + names
        suggested = _pairings(evidence)
        for one in lonely:
            one.pairings = suggested.get((side_of(one.person), one.person.id), ())

    def _kinds_of_evidence(self) -> Iterator[tuple[tuple[str, ...], Callable[[Person], str | None]]]:
        """Give each kind of evidence: its names, and what has to be equal."""
        yield ("identity_number",), identity_key
        for names, keys in SUGGESTIONS.items():

            def joint_key(person: Person, keys: tuple[str, ...] = keys) -> str | None:
                readings = [self.read(key, person) for key in keys]
                texts = [reading.key for reading in readings if reading is not None and reading.key is not None]
                return "\0".join(texts) if len(texts) == len(keys) else None

            yield names, joint_key

    def _may_be_one(self, user: User, employee: Employee) -> bool:
        """Tell whether nobody has said that these are different people."""
        return self.decided.get((user.id, employee.id)) is not False

    def _pair(self, user: User, employee: Employee, *, linked: bool) -> None:
        self._take(user)
        self._take(employee)
        self.found.pairs.append(Pair(user, employee, linked))

    def _take(self, person: Person) -> bool:
        """Take somebody out of those who are still free; tell whether they were."""
        free: dict[str, User] | dict[str, Employee]
        free = self.free_users if isinstance(person, User) else self.free_employees
        return free.pop(person.id, None) is not None


def _by_id(person: Person) -> str:
    return person.id


def _pairings(candidates: Candidates) -> dict[tuple[Side, str], tuple[Pairing, ...]]:
    """Return the candidates of everybody involved, in a stable order, at most ``NAMED_AT_MOST`` each."""
    found: dict[tuple[Side, str], list[Pairing]] = {}
    for (user_id, employee_id), names in sorted(candidates.items()):
        pairing = Pairing(user_id, employee_id, names)
        for owner in ((Side.HUMA, user_id), (Side.FORTNOX, employee_id)):
            mine = found.setdefault(owner, [])
            if len(mine) < NAMED_AT_MOST:
                mine.append(pairing)
    return {owner: tuple(mine) for owner, mine in found.items()}
