"""What the administrator does with a run of *Synchronize users*: start, look, decide, apply, cancel."""

from __future__ import annotations

import re
import uuid
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from huma_fortnox.domain.decisions import Direction
from huma_fortnox.domain.errors import BadRequest, Conflict, ConsentNeeded, TransientError, Unknown
from huma_fortnox.domain.fields import FIELDS
from huma_fortnox.domain.outcome import Reason
from huma_fortnox.domain.plan_json import person_from_json
from huma_fortnox.domain.plan_types import Situation
from huma_fortnox.services.model import (
    OutcomePage,
    PeoplePage,
    Summary,
    Synchronization,
    SynchronizationState,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from huma_fortnox.domain.decisions import Decisions
    from huma_fortnox.domain.plan_types import PlannedPerson
    from huma_fortnox.services.model import Administrator, DecisionInput
    from huma_fortnox.services.planning import Planning
    from huma_fortnox.services.ports import Clock, ConnectionStore, SynchronizationStore, Workflow

REQUESTS_A_SECOND = 5
"""Fortnox accepts 25 requests in any 5 seconds."""

BANK_SHARE, BANK_LEAST = 0.2, 5
"""More changed bank accounts than this share of the people, and at least so many, want a second confirmation."""

CREATIONS_LEAST = 20
"""This many creations on one side want a second confirmation."""


class Synchronizations:
    """Runs of *Synchronize users* as the administrator sees them."""

    def __init__(
        self,
        *,
        store: SynchronizationStore,
        connections: ConnectionStore,
        planning: Planning,
        workflow: Workflow,
        clock: Clock,
    ) -> None:
        self._store = store
        self._connections = connections
        self._planning = planning
        self._workflow = workflow
        self._clock = clock

    def start(self, administrator: Administrator) -> Synchronization:
        """Start a run.

        Raises ``Conflict`` (``synchronization-running``, with its id) while another is under way, and
        ``ConsentNeeded`` (``not-connected``) without a usable connection.
        """
        organization_id = administrator.organization_id
        if not self._connections.load(organization_id).usable:
            raise ConsentNeeded("not-connected")
        run = Synchronization(
            id=uuid.uuid4().hex,
            organization_id=organization_id,
            state=SynchronizationState.READING,
            started_at=int(self._clock()),
            started_by=administrator,
        )
        holder = self._store.begin(run)
        if holder != run.id:
            self._start_again(organization_id, holder)
            raise Conflict("synchronization-running", {"synchronization": holder})
        try:
            self._workflow.start(organization_id, run.id)
        except TransientError as error:
            self._store.change(
                organization_id,
                run.id,
                {
                    "state": SynchronizationState.FAILED,
                    "reason": error.reason,
                    "finished_at": int(self._clock()),
                },
            )
            self._store.unlock(organization_id, run.id)
            raise
        self._connections.change(organization_id, {"last_synchronization": run.id})
        return run

    def _start_again(self, organization_id: str, synchronization_id: str) -> None:
        """Start the workflow of a run that has not begun to plan: who took the lock may have died before that."""
        run = self._store.load(organization_id, synchronization_id)
        if run is not None and run.state is SynchronizationState.READING:
            with suppress(TransientError):
                self._workflow.start(organization_id, synchronization_id)

    def get(self, organization_id: str, synchronization_id: str, /) -> Synchronization:
        """Return one run of this organization; raises ``Unknown``."""
        run = self._store.load(organization_id, synchronization_id)
        if run is None:
            raise Unknown("synchronization-unknown")
        return run

    def current(self, organization_id: str) -> Synchronization | None:
        """Return the run that is under way, or ``None``."""
        running = self._store.running(organization_id)
        return self._store.load(organization_id, running) if running else None

    def people(
        self, organization_id: str, synchronization_id: str, /, *, situation: Situation | None, after: str, limit: int
    ) -> PeoplePage:
        """Return a page of the plan: all situations but ``in_sync``, or the one asked for.

        While the run waits, the changes are those that the decisions so far lead to. Two people whom somebody called
        the same person stand on the first page of those who differ, with what differs between them; in the lists
        where they were found they stay, so that it can be undone, and are not created.
        """
        run = self.get(organization_id, synchronization_id)
        decisions = self._store.decisions(organization_id, synchronization_id)
        if situation is Situation.IN_SYNC:
            number = int(after) if re.fullmatch(r"[0-9]{1,6}", after) else 0
            chunk = self._store.chunk(organization_id, synchronization_id, "in_sync", number)
            following = self._store.chunk(organization_id, synchronization_id, "in_sync", number + 1)
            agreed = tuple(person_from_json(data) for data in chunk or ())
            return PeoplePage(agreed, decisions, str(number + 1) if following else "")
        found, last = self._store.people(
            organization_id,
            synchronization_id,
            situation.value if situation else "",
            after=after,
            limit=limit,
        )
        people = [person_from_json(data) for data in found]
        is_open = run.state is SynchronizationState.AWAITING_DECISIONS
        if is_open and (decisions.everything or decisions.fields or decisions.changes or decisions.pairs):
            planned = {person.key: person for person in self._planning.decided(organization_id, synchronization_id)}
            pairs = self._confirmed(organization_id, synchronization_id, decisions, planned)
            joined = {key for pair in pairs for key in _keys(pair)}
            if situation is None:
                people = [person for person in people if person.key not in joined]
            people = [_as_decided(person, planned, joined) for person in people]
            if situation in (None, Situation.DIFFERS) and not after:
                people = [*(pair for pair in pairs if pair.changes), *people]
        return PeoplePage(tuple(people), decisions, last, self._others(organization_id, synchronization_id, people))

    def _others(
        self, organization_id: str, synchronization_id: str, people: Sequence[PlannedPerson]
    ) -> dict[str, PlannedPerson]:
        """Return the people whom the pairings of these would join them with, those who stand apart, by key."""
        named = {
            key
            for person in people
            for pairing in person.pairings
            for key in (f"u:{pairing.user_id}", f"e:{pairing.employee_id}")
        }
        here = {key for person in people for key in _keys(person)}
        found = self._store.persons(organization_id, synchronization_id, sorted(named - here))
        return {key: person_from_json(data) for key, data in found.items()}

    def _confirmed(
        self, organization_id: str, synchronization_id: str, decisions: Decisions, planned: dict[str, PlannedPerson]
    ) -> list[PlannedPerson]:
        """Return the pairs that somebody confirmed, as planned, with the question that was answered."""
        confirmed = {f"u:{user_id}": employee_id for (user_id, employee_id), same in decisions.pairs.items() if same}
        asked = self._store.persons(organization_id, synchronization_id, confirmed.keys())
        return [
            replace(pair, pairings=person_from_json(asked[key]).pairings)
            for key, employee_id in sorted(confirmed.items())
            if key in asked
            and (pair := planned.get(key)) is not None
            and pair.employee is not None
            and pair.employee.id == employee_id
        ]

    def decide(
        self, administrator: Administrator, synchronization_id: str, decisions: Sequence[DecisionInput], /
    ) -> None:
        """Keep decisions, all or none of them.

        Raises ``BadRequest`` (``not-in-plan``, naming the field) for a person, field or pair that is not in the
        plan, and ``Conflict`` (``already-applied``) once the run is no longer waiting for decisions.
        """
        organization_id = administrator.organization_id
        self._must_wait(self.get(organization_id, synchronization_id))
        keys = {key for decision in decisions if (key := _person_key(decision))}
        planned = {
            key: person_from_json(data)
            for key, data in self._store.persons(organization_id, synchronization_id, keys).items()
        }
        so_far = self._store.decisions(organization_id, synchronization_id)
        if any(so_far.pairs.values()):
            decided = {person.key: person for person in self._planning.decided(organization_id, synchronization_id)}
            for pair in self._confirmed(organization_id, synchronization_id, so_far, decided):
                if pair.key in planned:
                    planned[pair.key] = replace(planned[pair.key], changes=pair.changes)
        for decision in decisions:
            _check(decision, planned)
        self._store.save_decisions(organization_id, synchronization_id, decisions, by=administrator.user_id)

    def summary(self, organization_id: str, synchronization_id: str, /) -> Summary:
        """Return exactly what *Synchronize users* would write with the decisions so far."""
        run = self.get(organization_id, synchronization_id)
        people = self._planning.decided(organization_id, synchronization_id)
        decisions = self._store.decisions(organization_id, synchronization_id)
        employment = self._connections.load(organization_id).settings.employment
        return _summarize(
            people,
            created={key for key, wanted in decisions.creations.items() if wanted},
            has_employment=employment is not None,
            people_in_all=max(1, sum(run.situations.values())),
        )

    def apply(
        self, administrator: Administrator, synchronization_id: str, /, *, confirmed: Sequence[str]
    ) -> Synchronization:
        """Carry the decisions out.

        Raises ``Conflict`` (``already-applied``; ``confirmation-missing`` naming what must be confirmed) and
        ``BadRequest`` (``employment-settings-missing``).
        """
        organization_id = administrator.organization_id
        self._must_wait(self.get(organization_id, synchronization_id))
        summary = self.summary(organization_id, synchronization_id)
        if summary.missing:
            raise BadRequest(summary.missing[0].code, summary.missing[0].params)
        unconfirmed = [reason for reason in summary.confirm if reason.code not in confirmed]
        if unconfirmed:
            raise Conflict("confirmation-missing", {"codes": ",".join(reason.code for reason in unconfirmed)})
        self._leave(organization_id, synchronization_id, SynchronizationState.APPLYING, "apply")
        return self.get(organization_id, synchronization_id)

    def cancel(self, administrator: Administrator, synchronization_id: str, /) -> Synchronization:
        """Stop the run before its next batch; what was done stays done. Raises ``Conflict`` when it is over."""
        organization_id, cancelled = administrator.organization_id, SynchronizationState.CANCELLED
        # A run that moves on between the look and the change is looked at again.
        while not (run := self.get(organization_id, synchronization_id)).state.over:
            if run.state is SynchronizationState.AWAITING_DECISIONS:
                with suppress(Conflict):
                    self._leave(organization_id, synchronization_id, cancelled, "cancel")
                    return self.get(organization_id, synchronization_id)
            elif self._store.change(organization_id, synchronization_id, {"state": cancelled}, only_from=(run.state,)):
                return self.get(organization_id, synchronization_id)
        raise Conflict("synchronization-over")

    def outcomes(self, organization_id: str, synchronization_id: str, /, *, after: str, limit: int) -> OutcomePage:
        """Return a page of the result."""
        self.get(organization_id, synchronization_id)
        people, last = self._store.outcomes(organization_id, synchronization_id, after=after, limit=limit)
        return OutcomePage(tuple(people), last)

    def _must_wait(self, run: Synchronization) -> None:
        if run.state in (SynchronizationState.READING, SynchronizationState.PLANNING):
            raise Conflict("plan-not-ready")
        if run.state is not SynchronizationState.AWAITING_DECISIONS:
            raise Conflict("already-applied")

    def _leave(self, organization_id: str, synchronization_id: str, state: SynchronizationState, answer: str) -> None:
        """End the waiting; the state moves first, so that of two who press the button one is told."""
        waiting = SynchronizationState.AWAITING_DECISIONS
        token = self._store.token(organization_id, synchronization_id)
        if not self._store.change(organization_id, synchronization_id, {"state": state}, only_from=(waiting,)):
            raise Conflict("already-applied")
        try:
            self._workflow.answer(token, answer)
        except TransientError:
            self._store.change(organization_id, synchronization_id, {"state": waiting}, only_from=(state,))
            raise


def _keys(pair: PlannedPerson) -> tuple[str, ...]:
    """Return the keys under which both halves of a pair stood before somebody called them the same person."""
    return tuple(f"{side}:{one.id}" for side, one in (("u", pair.user), ("e", pair.employee)) if one is not None)


def _as_decided(person: PlannedPerson, planned: dict[str, PlannedPerson], joined: set[str]) -> PlannedPerson:
    """Return a person of the stored plan with what the decisions make of the changes."""
    if person.key in joined:
        return replace(person, creates="", create_held=None)
    decided = planned.get(person.key)
    return replace(person, changes=decided.changes) if decided is not None and person.changes else person


def _person_key(decision: DecisionInput) -> str:
    return f"u:{decision.user_id}" if decision.same_person is not None else decision.person


def _check(decision: DecisionInput, planned: dict[str, PlannedPerson]) -> None:
    if decision.field and decision.field not in FIELDS:
        raise BadRequest("not-in-plan", {"what": "field"})
    key = _person_key(decision)
    if not key:
        return
    person = planned.get(key)
    if person is None:
        raise BadRequest("not-in-plan", {"what": "person"})
    if decision.same_person is not None:
        if not any(pairing.employee_id == decision.employee_id for pairing in person.pairings):
            raise BadRequest("not-in-plan", {"what": "pair"})
    elif decision.create is not None:
        if not person.creates or (decision.create and person.create_held):
            raise BadRequest("not-in-plan", {"what": "creation"})
    elif not any(change.field == decision.field for change in person.changes):
        raise BadRequest("not-in-plan", {"what": "change"})


def _summarize(
    people: Iterable[PlannedPerson], *, created: set[str], has_employment: bool, people_in_all: int
) -> Summary:
    to_huma: Counter[str] = Counter()
    to_fortnox: Counter[str] = Counter()
    bank: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    clears = requests = 0
    for person in people:
        before = to_fortnox.total()
        if person.creates and person.key in created and person.create_held is None:
            counts[f"create_in_{person.creates}"] += 1
        for change in person.changes:
            if change.chosen is None:
                counts["undecided"] += 1
            elif change.chosen is Direction.LEAVE:
                counts["left"] += 1
            elif change.held is not None:
                counts["held"] += 1
            else:
                to_there = to_fortnox if change.chosen is Direction.USE_HUMA else to_huma
                to_there[change.field] += 1
                clears += change.clears
                if FIELDS[change.field].sensitive:
                    bank["fortnox" if change.chosen is Direction.USE_HUMA else "huma"] += 1
        # One request a person, however many fields it carries.
        requests += to_fortnox.total() > before
    requests += counts["create_in_fortnox"]
    accounts = sum(bank.values())
    confirm = []
    if accounts >= BANK_LEAST and accounts > BANK_SHARE * people_in_all:
        confirm.append(Reason("many-bank-accounts", {"count": str(accounts), "people": str(people_in_all)}))
    if clears:
        confirm.append(Reason("values-cleared", {"count": str(clears)}))
    creations = counts["create_in_huma"] + counts["create_in_fortnox"]
    if creations >= CREATIONS_LEAST:
        confirm.append(Reason("many-creations", {"count": str(creations)}))
    missing = []
    if counts["create_in_fortnox"] and not has_employment:
        missing.append(Reason("employment-settings-missing"))
    return Summary(
        to_huma=dict(to_huma),
        to_fortnox=dict(to_fortnox),
        bank_accounts=dict(bank),
        create_in_huma=counts["create_in_huma"],
        create_in_fortnox=counts["create_in_fortnox"],
        undecided=counts["undecided"],
        held=counts["held"],
        left=counts["left"],
        seconds=max(5, round(requests / REQUESTS_A_SECOND)),
        confirm=tuple(confirm),
        missing=tuple(missing),
    )
