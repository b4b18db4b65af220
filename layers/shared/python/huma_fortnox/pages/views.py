"""What the pages of a synchronization show, worked out from the plan and ready for the templates."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from huma_fortnox.domain.decisions import Direction
from huma_fortnox.domain.frozen import dataclass
from huma_fortnox.domain.outcome import Outcome
from huma_fortnox.domain.people import Side
from huma_fortnox.domain.plan_types import Changed, Situation
from huma_fortnox.pages import addresses
from huma_fortnox.pages.values import clearable_keys, marked, offered, person_name, sensitive_keys

if TYPE_CHECKING:
    from huma_fortnox.domain.decisions import Decisions
    from huma_fortnox.domain.outcome import FieldOutcome, Reason
    from huma_fortnox.domain.people import Employee, Raw, User
    from huma_fortnox.domain.plan_types import Change, Pairing, PlannedPerson
    from huma_fortnox.pages.mending import Mend, Mending
    from huma_fortnox.pages.texts import Explained, Texts
    from huma_fortnox.pages.values import Parts
    from huma_fortnox.services.model import AccountChange, PeoplePage
    from huma_fortnox.services.real_time import HeldPage, HeldPerson

Show = Callable[[str, "Raw", Side], str]

REMOVED_IN_HUMA = "removed-in-huma"
"""The reason that is a question: is the value to be removed in Fortnox too?"""

_MENDED = (Outcome.HELD, Outcome.FAILED)


@dataclass(frozen=True, slots=True)
class Option:
    """One radio button."""

    value: str
    label: str
    checked: bool
    suggested: bool


@dataclass(frozen=True, slots=True)
class Difference:
    """A row of step 1: one field of one person, both values split where they differ."""

    field: str
    label: str
    huma: Parts
    fortnox: Parts
    changed: str
    why: str
    held: Explained | None
    clears: str
    exact: bool
    was: str
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class Trait:
    """One line of a pair, side by side; ``agrees`` where it speaks for the same person."""

    label: str
    huma: str
    fortnox: str
    agrees: bool


@dataclass(frozen=True, slots=True)
class Candidate:
    """A pair to confirm or deny, both sides side by side; ``evidence`` is what else speaks for it."""

    user_id: str
    employee_id: str
    question: str
    traits: tuple[Trait, ...]
    evidence: str
    was: str


@dataclass(frozen=True, slots=True)
class PersonView:
    """A person of the plan as a page shows them.

    ``new``: nothing of theirs was compared before. ``masked``: values are shown in part, until they are ``revealed``.
    """

    key: str
    anchor: str
    name: str
    employee_id: str
    inactive: str
    new: bool
    masked: bool
    revealed: bool
    differences: tuple[Difference, ...]
    candidates: tuple[Candidate, ...]
    asked_above: bool
    reasons: tuple[Explained, ...]
    notes: tuple[Explained, ...]
    may_create: bool
    create: bool
    create_held: Explained | None


@dataclass(frozen=True, slots=True)
class AccountView:
    """A bank account number that will be written: whose, where, and both numbers in part."""

    name: str
    employee_id: str
    side: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Slice:
    """A piece of the picture of a plan: how many people are in a situation; ``start`` and ``width`` in percent."""

    situation: str
    label: str
    count: int
    start: float
    width: float


@dataclass(frozen=True, slots=True)
class OutcomeView:
    """One line of a result; ``mend`` leads to where its reason is mended."""

    field: str
    outcome: str
    label: str
    target: str
    explained: Explained | None
    mend: Mend | None = None


@dataclass(frozen=True, slots=True)
class HeldFieldView:
    """One field that waits; ``asks``: somebody has to say whether it is to be removed in Fortnox too."""

    key: str
    label: str
    outcome: str
    outcome_label: str
    explained: Explained
    since: int
    asks: bool
    may_remove: bool
    decision: str
    mend: Mend | None


@dataclass(frozen=True, slots=True)
class HeldView:
    """A person of whom something waits."""

    user_id: str
    name: str
    creating: bool
    fields: tuple[HeldFieldView, ...]


def people(
    page: PeoplePage,
    show: Show,
    t: Texts,
    asked: set[tuple[str, str]] | None = None,
    *,
    revealed: str = "",
    show_all: Show | None = None,
) -> list[PersonView]:
    """Return the people of a page; a pair is asked about once, though it concerns two of them.

    ``asked`` are the pairs that are asked about above, and gets those of this page added. ``revealed`` is the key of
    a person whose values ``show_all`` shows in full.
    """
    asked = set() if asked is None else asked
    everybody = (*page.others.values(), *page.people)
    users = {each.user.id: each.user for each in everybody if each.user}
    employees = {each.employee.id: each.employee for each in everybody if each.employee}
    found = []
    for each in page.people:
        full = show_all is not None and each.key == revealed
        person = _person(each, page.decisions, users, employees, asked, show_all if show_all and full else show, t)
        found.append(replace(person, revealed=full and person.masked))
    return found


def _person(
    person: PlannedPerson,
    decisions: Decisions,
    users: Mapping[str, User],
    employees: Mapping[str, Employee],
    asked: set[tuple[str, str]],
    show: Show,
    t: Texts,
) -> PersonView:
    pairings = [each for each in person.pairings if (each.user_id, each.employee_id) not in asked]
    asked.update((each.user_id, each.employee_id) for each in pairings)
    money = sensitive_keys()
    inactive = ""
    if person.user is not None and not person.user.active:
        inactive = t("people.deactivated-in-huma")
    elif person.employee is not None and not person.employee.active:
        inactive = t("people.inactive-in-fortnox")
    return PersonView(
        key=person.key,
        anchor=addresses.anchor(person.key),
        name=person_name(person),
        employee_id=person.employee.id if person.employee else "",
        inactive=inactive,
        new=bool(person.changes) and all(each.changed is Changed.NEVER_COMPARED for each in person.changes),
        masked=any(each.field in money for each in person.changes),
        revealed=False,
        differences=tuple(
            _difference(change, decisions.is_exact(person.key, change.field), show, t) for change in person.changes
        ),
        candidates=tuple(_candidate(pairing, decisions, users, employees, show, t) for pairing in pairings),
        asked_above=len(pairings) < len(person.pairings),
        reasons=_explained(person.reasons, t),
        notes=_explained(person.notes, t),
        may_create=bool(person.creates) and person.create_held is None,
        create=decisions.creations.get(person.key, False),
        create_held=t.reason(person.create_held) if person.create_held else None,
    )


def _explained(reasons: Iterable[Reason], t: Texts) -> tuple[Explained, ...]:
    return tuple(t.reason(each) for each in reasons)


def _difference(change: Change, exact: bool, show: Show, t: Texts) -> Difference:
    # A choice for a whole field never clears a value, so it must not look as if it had been made for this one:
    # posted back, it would become a choice for this very field.
    effective = change.chosen if exact or not change.clears else None
    huma, fortnox = _values(change, show)
    return Difference(
        field=change.field,
        label=t.field(change.field),
        huma=huma,
        fortnox=fortnox,
        changed="" if change.changed is Changed.NEVER_COMPARED else t(f"changed.{change.changed.value}"),
        why=t.reason(change.why).sentence,
        held=t.reason(change.held) if change.held else None,
        clears=_clearing(change, t),
        exact=exact,
        was=effective.value if effective else "",
        options=tuple(
            Option(
                value=direction.value,
                label=t(f"direction.{direction.value}"),
                checked=direction is effective,
                suggested=direction is change.suggested,
            )
            for direction in offered(change)
        ),
    )


def _values(change: Change, show: Show) -> tuple[Parts, Parts]:
    """Return both values, marked where they differ; beside nothing at all there is nothing to mark."""
    huma = show(change.field, change.huma, Side.HUMA)
    fortnox = show(change.field, change.fortnox, Side.FORTNOX)
    return marked(huma, fortnox) if huma and fortnox else (_plain(huma), _plain(fortnox))


def _plain(value: str) -> Parts:
    return ((value, False),) if value else ()


def _clearing(change: Change, t: Texts) -> str:
    """Say whose value a choice would remove, where one side is empty, the other is not and may be emptied."""
    possible = offered(change)
    if not change.huma and change.fortnox and Direction.USE_HUMA in possible:
        return t("step1.clears-fortnox")
    if not change.fortnox and change.huma and Direction.USE_FORTNOX in possible:
        return t("step1.clears-huma")
    return ""


def _candidate(
    pairing: Pairing,
    decisions: Decisions,
    users: Mapping[str, User],
    employees: Mapping[str, Employee],
    show: Show,
    t: Texts,
) -> Candidate:
    user, employee = users.get(pairing.user_id), employees.get(pairing.employee_id)
    same = decisions.pairs.get((pairing.user_id, pairing.employee_id))
    shown = {"name", *_TRAITS}
    return Candidate(
        user_id=pairing.user_id,
        employee_id=pairing.employee_id,
        question=t(
            "pair.question",
            huma=_name(user) or pairing.user_id,
            fortnox=_name(employee) or t("side.fortnox"),
            number=pairing.employee_id,
        ),
        traits=tuple(_traits(user, employee, pairing, show, t)),
        evidence=", ".join(
            t(f"evidence.{each}") if t.has(f"evidence.{each}") else t.field(each)
            for each in pairing.evidence
            if each not in shown
        ),
        was={None: "", True: "same", False: "different"}[same],
    )


_TRAITS = ("email", "employment_id", "phone")
"""What is shown of a pair beside the name."""


def _traits(
    user: User | Employee | None, employee: User | Employee | None, pairing: Pairing, show: Show, t: Texts
) -> Iterator[Trait]:
    yield Trait(t("pair.name"), _name(user), _name(employee), "name" in pairing.evidence)
    for key in _TRAITS:
        huma = show(key, user.values.get(key), Side.HUMA) if user else ""
        fortnox = show(key, employee.values.get(key), Side.FORTNOX) if employee else ""
        if key == "employment_id":
            fortnox = pairing.employee_id
        if huma or fortnox:
            yield Trait(t.field(key), huma, fortnox, key in pairing.evidence)
    if not (_is_active(user) and _is_active(employee)):
        yield Trait(
            t("pair.state"),
            t("pair.active") if _is_active(user) else t("people.deactivated-in-huma"),
            t("pair.active") if _is_active(employee) else t("people.inactive-in-fortnox"),
            agrees=False,
        )


def _name(party: User | Employee | None) -> str:
    parts = (party.values.get("given_name"), party.values.get("family_name")) if party is not None else ()
    return " ".join(part for part in parts if isinstance(part, str) and part)


def _is_active(party: User | Employee | None) -> bool:
    return party is None or party.active


def accounts(changes: Iterable[AccountChange], show: Show) -> list[AccountView]:
    """Return the bank accounts that will be written, what stands there now and what will."""
    found = []
    for each in changes:
        shown = {
            Side.HUMA: show(each.field, each.huma, Side.HUMA),
            Side.FORTNOX: show(each.field, each.fortnox, Side.FORTNOX),
        }
        side = Side(each.side)
        found.append(AccountView(each.name, each.employee_id, each.side, shown[side], shown[side.other]))
    return found


def picture(situations: Mapping[str, int], t: Texts) -> list[Slice]:
    """Return the bar that opens step 1, one slice a situation that occurs."""
    total = sum(situations.values())
    slices: list[Slice] = []
    start = 0.0
    for situation in Situation:
        count = situations.get(situation.value, 0)
        width = 100 * count / total if total else 0.0
        slices.append(
            Slice(situation.value, t(f"situation.{situation.value}"), count, round(start, 3), round(width, 3))
        )
        start += width
    return slices


def outcomes(
    found: Sequence[FieldOutcome], t: Texts, mend: Callable[[FieldOutcome], Mend | None] | None = None
) -> list[OutcomeView]:
    """Return the lines of a result, those that need somebody first; ``mend`` finds where that is done."""
    order = {Outcome.FAILED: 0, Outcome.HELD: 1, Outcome.SKIPPED: 2, Outcome.DONE: 3, Outcome.UNCHANGED: 4}
    return [
        OutcomeView(
            field=what(each, t),
            outcome=each.outcome.value,
            label=t(f"outcome.{each.outcome.value}"),
            target=t(f"side.{each.target}") if each.target else "",
            explained=t.reason(each.reason) if each.reason else None,
            mend=mend(each) if mend is not None and each.outcome in _MENDED else None,
        )
        for each in sorted(found, key=lambda one: order[one.outcome])
    ]


def what(outcome: FieldOutcome, t: Texts) -> str:
    """Name what an outcome is about; of a person as a whole, what became of them."""
    if outcome.field == "person" and outcome.outcome is Outcome.DONE:
        return t("result.added")
    if outcome.field == "person" and outcome.outcome is Outcome.UNCHANGED:
        return t("result.all-fields")
    return t.field(outcome.field)


def held(page: HeldPage, t: Texts, mend: Mending) -> list[HeldView]:
    """Return the people of whom something waits, each field with its reason and since when."""
    clearable = clearable_keys()
    return [_held(person, page.employees.get(person.user_id, ""), clearable, t, mend) for person in page.people]


def _held(person: HeldPerson, employee_id: str, clearable: Collection[str], t: Texts, mend: Mending) -> HeldView:
    return HeldView(
        user_id=person.user_id,
        name=person.name or person.user_id,
        creating=person.creating,
        fields=tuple(
            HeldFieldView(
                key=key,
                label=t.field(key),
                outcome=each.outcome,
                outcome_label=t(f"outcome.{each.outcome}"),
                explained=t.reason(each.reason),
                since=each.since,
                asks=each.reason.code == REMOVED_IN_HUMA and not each.decision,
                may_remove=key in clearable,
                decision=each.decision,
                mend=mend(each.reason, Side.FORTNOX, person.user_id, employee_id),
            )
            for key, each in person.fields.items()
        ),
    )
