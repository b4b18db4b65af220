"""What the administrator does with a run of *Synchronize users*: start, look, decide, apply, cancel."""

from __future__ import annotations

import math
import re
import uuid
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from huma_fortnox.domain.errors import BadRequest, Conflict, ConsentNeeded, TransientError, Unknown
from huma_fortnox.domain.fields import FIELDS
from huma_fortnox.domain.outline import Outline, confirmable, confirmed_pairs, with_decisions
from huma_fortnox.domain.plan_json import person_from_json
from huma_fortnox.domain.plan_types import Situation
from huma_fortnox.services.consequences import Consequences
from huma_fortnox.services.listing import Listing
from huma_fortnox.services.model import (
    REREAD,
    SUGGESTED,
    PeoplePage,
    Summary,
    Synchronization,
    SynchronizationState,
)
from huma_fortnox.services.named import Named
from huma_fortnox.services.planning import IN_SYNC, may_clash
from huma_fortnox.services.ports import EMPLOYEES_A_PAGE
from huma_fortnox.services.result import Results
from huma_fortnox.services.stopped_runs import StoppedRuns
from huma_fortnox.services.summary import summarize

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from huma_fortnox.domain.decisions import Decisions
    from huma_fortnox.domain.outcome import Outcome
    from huma_fortnox.domain.outline import Option
    from huma_fortnox.domain.plan_types import PlannedPerson
    from huma_fortnox.services.model import Administrator, DecisionInput, OutcomePage, PersonOutcome
    from huma_fortnox.services.planning import Planning
    from huma_fortnox.services.ports import (
        ActivityStore,
        Clock,
        ConnectionStore,
        LinkStore,
        SynchronizationStore,
        Workflow,
    )
    from huma_fortnox.services.rereading import Rereading
    from huma_fortnox.services.summary import Tally

_APART = tuple(each.value for each in Situation if each not in (Situation.IN_SYNC, Situation.DIFFERS))
_SUGGESTED_IN = (Situation.ONLY_IN_HUMA.value, Situation.ONLY_IN_FORTNOX.value)
_CHUNK_PLACE = re.compile(r"([0-9]{1,6})(?:\.([0-9]{1,6}))?")
_LOOKS = 5


class Synchronizations:
    """Runs of *Synchronize users* as the administrator sees them."""

    def __init__(
        self,
        *,
        store: SynchronizationStore,
        connections: ConnectionStore,
        links: LinkStore,
        planning: Planning,
        workflow: Workflow,
        rereading: Rereading,
        activity: ActivityStore,
        clock: Clock,
    ) -> None:
        self._stopped = StoppedRuns(store=store, workflow=workflow, activity=activity, clock=clock)
        self._store = store
        self._connections = connections
        self._planning = planning
        self._workflow = workflow
        self._rereading = rereading
        self._clock = clock
        self._listing = Listing(store)
        self._results = Results(store, links)
        self._consequences = Consequences(store, planning)
        self._named = Named(store, planning)

    def start(self, administrator: Administrator) -> Synchronization:
        """Start a run.

        One that nobody carries out any more ends first. Raises ``Conflict`` (``synchronization-running``, with its id)
        while another is under way, and ``ConsentNeeded`` (``not-connected``) without a usable connection.
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
        if holder != run.id and self._let_go(organization_id, holder):
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

    def _let_go(self, organization_id: str, synchronization_id: str) -> bool:
        """Tell whether a run that has the lock was ended because nobody carries it out any more."""
        run = self._store.load(organization_id, synchronization_id)
        with suppress(TransientError):
            return run is not None and self._stopped.let_go(run)
        return False

    def get(self, organization_id: str, synchronization_id: str, /) -> Synchronization:
        """Return one run of this organization; raises ``Unknown``."""
        run = self._store.load(organization_id, synchronization_id)
        if run is None:
            raise Unknown("synchronization-unknown")
        return run

    def current(self, organization_id: str) -> Synchronization | None:
        """Return the run that is under way, or ``None``; one that nobody carries out any more ends here."""
        running = self._store.running(organization_id)
        if not running or self._let_go(organization_id, running):
            return None
        return self._store.load(organization_id, running)

    def people(
        self,
        organization_id: str,
        synchronization_id: str,
        /,
        *,
        situation: Situation | None,
        after: str,
        limit: int,
        field: str = "",
        name: str = "",
        suggested: bool = False,
    ) -> PeoplePage:
        """Return a page of the plan: all situations but ``in_sync``, the one asked for, or the suggested pairs.

        Of one situation, or of the ``suggested``, people come by name, and may be asked for by a ``field`` that
        differs and a part of their ``name``.

        While the run waits, the changes are those that the decisions so far lead to. Two people whom somebody called
        the same person stand on the first page of those who differ, with what differs between them; in the lists
        where they were found they stay, so that it can be undone, and are not created.
        """
        run = self.get(organization_id, synchronization_id)
        decisions = self._store.decisions(organization_id, synchronization_id)
        if situation is Situation.IN_SYNC:
            return self._agreed_page(run, decisions, name, after, limit)
        place = (organization_id, synchronization_id)
        if situation is None and not suggested:
            found, last = self._store.people(*place, "", after=after, limit=limit)
        else:
            listed = SUGGESTED if suggested or situation is None else situation.value
            version = run.progress.get(REREAD, 0)
            keys, last = self._listing.keys(
                *place, listed, field=field, name=name, after=after, limit=limit, version=version
            )
            where = _SUGGESTED_IN if listed == SUGGESTED else (listed,)
            by_key = self._store.persons(*place, keys, where)
            found = [by_key[key] for key in keys if key in by_key]
        people = [person_from_json(data) for data in found]
        is_open = run.state is SynchronizationState.AWAITING_DECISIONS
        if is_open and (decisions.everything or decisions.fields or decisions.changes or decisions.pairs):
            pairs = self._confirmed(*place, decisions)
            listed_everybody = situation is None and not suggested
            if listed_everybody:
                joined = _joined(pairs)
                found = [data for data in found if data["key"] not in joined]
                people = [person for person in people if person.key not in joined]
            shown = []
            if not after and (listed_everybody or situation is Situation.DIFFERS):
                shown = [pair for pair in self._planned(*place, pairs) if _fits(pair, field, name)]
            people = self._with_decisions(run, decisions, found, people, pairs, shown)
        return PeoplePage(tuple(people), decisions, last, self._others(organization_id, synchronization_id, people))

    def _agreed_page(self, run: Synchronization, decisions: Decisions, name: str, after: str, limit: int) -> PeoplePage:
        """Return a page of the people in agreement, of whom nothing but the name is kept, in the order of the plan."""
        place = _CHUNK_PLACE.fullmatch(after)
        number, start = (int(part or 0) for part in place.groups()) if place else (0, 0)
        wanted = name.casefold()
        people: list[PlannedPerson] = []
        version = run.progress.get(REREAD, 0)
        while chunk := self._listing.chunk(run.organization_id, run.id, IN_SYNC, number, version=version):
            for offset in range(start, len(chunk)):
                person = person_from_json(chunk[offset])
                if wanted and wanted not in person.name.casefold():
                    continue
                if len(people) == limit:
                    return PeoplePage(tuple(people), decisions, f"{number}.{offset}")
                people.append(person)
            number, start = number + 1, 0
        return PeoplePage(tuple(people), decisions)

    def _with_decisions(
        self,
        run: Synchronization,
        decisions: Decisions,
        found: Sequence[Mapping[str, Any]],
        people: Sequence[PlannedPerson],
        pairs: Mapping[tuple[str, str], Mapping[str, Any]],
        shown: Sequence[PlannedPerson],
    ) -> list[PlannedPerson]:
        """Return people as the decisions leave them, after those of the confirmed ``pairs`` that are ``shown``."""
        settings = self._planning.settings(run.organization_id)
        clashing = any(may_clash(data, decisions) for data in found) or any(
            may_clash(pairs[pair.user.id, pair.employee.id], decisions, pair=pair.employee.id)
            for pair in shown
            if pair.user is not None and pair.employee is not None
        )
        clashes = self._consequences.clashes(run, decisions) if clashing else {}
        joined = _joined(pairs)

        def as_decided(person: PlannedPerson) -> PlannedPerson:
            return with_decisions(person, decisions, clashes.get(person.key, {}), settings)

        apart = (
            replace(person, creates="", create_held=None) if person.key in joined else as_decided(person)
            for person in people
        )
        return [*map(as_decided, shown), *apart]

    def _planned(
        self, organization_id: str, synchronization_id: str, pairs: Iterable[tuple[str, str]]
    ) -> Iterator[PlannedPerson]:
        """Yield confirmed pairs of whom something differs, with the question that was answered."""
        for user_id, employee_id in sorted(pairs):
            pair = self._planning.pair(organization_id, synchronization_id, user_id, employee_id)
            if pair is not None and pair.changes:
                yield pair

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
        found = self._store.persons(organization_id, synchronization_id, sorted(named - here), _APART)
        return {key: person_from_json(data) for key, data in found.items()}

    def _confirmed(
        self, organization_id: str, synchronization_id: str, decisions: Decisions
    ) -> dict[tuple[str, str], Mapping[str, Any]]:
        """Return the pairs that somebody confirmed, each with its user as kept; who was confirmed twice is in none."""
        wanted = {user_id for (user_id, _), same in decisions.pairs.items() if same}
        if not wanted:
            return {}
        keys = sorted(f"u:{user_id}" for user_id in wanted)
        users = self._store.persons(organization_id, synchronization_id, keys, _APART)
        apart = []
        for data in users.values():
            person = person_from_json(data)
            pairable: dict[str, tuple[Option, ...]] = dict.fromkeys(confirmable(person), ())
            apart.append(
                Outline(person.key, person.situation, person.user.id if person.user else "", if_paired=pairable)
            )
        pairs = confirmed_pairs(apart, decisions)
        return {(user_id, employee_id): users[f"u:{user_id}"] for user_id, employee_id in pairs.items()}

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
        for user_id, employee_id in self._confirmed(organization_id, synchronization_id, so_far):
            if f"u:{user_id}" in planned:
                pair = self._planning.pair(organization_id, synchronization_id, user_id, employee_id)
                if pair is not None:
                    planned[pair.key] = replace(planned[pair.key], changes=pair.changes)
        for decision in decisions:
            _check(decision, planned)
        if not self._store.save_decisions(organization_id, synchronization_id, decisions, by=administrator.user_id):
            raise Conflict("already-applied")

    def read_again(self, administrator: Administrator, synchronization_id: str, key: str, /) -> Situation | None:
        """Read one blocked person again, from the side they stand on, and plan them anew; nothing else changes.

        Return where the person stands now, ``None`` when they are gone. Raises ``BadRequest`` (``not-in-plan``) for
        anybody who is not blocked, ``Conflict`` (``plan-not-ready``, ``already-applied``) when the run does not wait.
        """
        run = self.get(administrator.organization_id, synchronization_id)
        self._must_wait(run)
        return self._rereading.read_again(run, key)

    def summary(self, organization_id: str, synchronization_id: str, /) -> Summary:
        """Return exactly what *Synchronize users* would write with the decisions so far."""
        run = self.get(organization_id, synchronization_id)
        tally = self._tally(run)
        accounts, created = self._named.accounts(run, tally.accounts), self._named.created(run, tally.created)
        return replace(self._summary(run, tally), accounts=accounts, created=created)

    def _tally(self, run: Synchronization) -> Tally:
        return self._consequences.tally(run, self._store.decisions(run.organization_id, run.id))

    def _summary(self, run: Synchronization, tally: Tally) -> Summary:
        settings = self._connections.load(run.organization_id).settings
        return summarize(
            tally,
            people_in_all=max(1, sum(run.situations.values())),
            pages=math.ceil(run.progress.get("employees_total", 0) / EMPLOYEES_A_PAGE),
            has_employment=settings.employment is not None,
            thresholds=settings.thresholds,
            decided=run.decided,
        )

    def apply(
        self,
        administrator: Administrator,
        synchronization_id: str,
        /,
        *,
        confirmed: Sequence[str],
        decided: str | None = None,
    ) -> Synchronization:
        """Carry the decisions out: those that were made when this was called, and no later one.

        ``decided`` is that of the summary that somebody looked at. Raises ``Conflict`` (``already-applied``;
        ``decided-since`` when something was decided after that summary; ``confirmation-missing`` naming what must be
        confirmed) and ``BadRequest`` (``employment-settings-missing``).
        """
        organization_id = administrator.organization_id
        # Somebody may decide something in another browser just now: then what would be written is looked at again.
        for _ in range(_LOOKS):
            run = self.get(organization_id, synchronization_id)
            self._must_wait(run)
            if decided is not None and decided != run.decided:
                raise Conflict("decided-since")
            summary = self._summary(run, self._tally(run))
            if summary.missing:
                raise BadRequest(summary.missing[0].code, summary.missing[0].params)
            unconfirmed = [reason for reason in summary.confirm if reason.code not in confirmed]
            if unconfirmed:
                raise Conflict("confirmation-missing", {"codes": ",".join(reason.code for reason in unconfirmed)})
            if self._leave(run, SynchronizationState.APPLYING, "apply", decided=run.decided):
                return self.get(organization_id, synchronization_id)
        raise TransientError("state-unavailable", {"code": "deciding"})

    def cancel(self, administrator: Administrator, synchronization_id: str, /) -> Synchronization:
        """Stop the run before its next group of people; what was done stays done.

        Raises ``Conflict`` when it is over.
        """
        organization_id, cancelled = administrator.organization_id, SynchronizationState.CANCELLED
        # A run that moves on between the look and the change is looked at again.
        while not (run := self.get(organization_id, synchronization_id)).state.over:
            if run.state is SynchronizationState.AWAITING_DECISIONS:
                if self._leave(run, cancelled, "cancel"):
                    return self.get(organization_id, synchronization_id)
            elif self._store.change(organization_id, synchronization_id, {"state": cancelled}, only_from=(run.state,)):
                if run.state is SynchronizationState.APPLYING:
                    # Whoever pressed *Synchronize users* may have died before the workflow was told.
                    self._workflow.answer(self._store.token(organization_id, synchronization_id), "cancel")
                return self.get(organization_id, synchronization_id)
        self._answer_again(run)
        raise Conflict("synchronization-over")

    def outcomes(
        self, organization_id: str, synchronization_id: str, /, *, after: str, limit: int, only: Sequence[Outcome] = ()
    ) -> OutcomePage:
        """Return a page of the result: who was to be changed first, then everybody who agreed from the beginning.

        With ``only``, the people of these outcomes, one outcome after the other, each with the lines that had it.
        """
        run = self.get(organization_id, synchronization_id)
        return self._results.page(run, after=after, limit=limit, only=only)

    def result(
        self, organization_id: str, synchronization_id: str, /, *, only: Sequence[Outcome] = ()
    ) -> Iterator[PersonOutcome]:
        """Yield everybody of the result, as ``outcomes`` does page by page."""
        return self._results.everybody(self.get(organization_id, synchronization_id), only)

    def _must_wait(self, run: Synchronization) -> None:
        if run.state in (SynchronizationState.READING, SynchronizationState.PLANNING):
            raise Conflict("plan-not-ready")
        if run.state is not SynchronizationState.AWAITING_DECISIONS:
            self._answer_again(run)
            raise Conflict("already-applied")

    def _answer_again(self, run: Synchronization) -> None:
        """Tell the workflow what was decided, in case whoever decided died before it was told."""
        answer = {SynchronizationState.APPLYING: "apply", SynchronizationState.CANCELLED: "cancel"}.get(run.state)
        begun = run.finished_at or "to_apply" in run.progress
        token = self._store.token(run.organization_id, run.id) if answer and not begun else ""
        if answer and token:
            self._workflow.answer(token, answer)

    def _leave(
        self, run: Synchronization, state: SynchronizationState, answer: str, *, decided: str | None = None
    ) -> bool:
        """End the waiting; the state moves first, so that of two who press the button one is told.

        ``False`` when the run moved on, or somebody decided something since it said ``decided``.
        """
        waiting = SynchronizationState.AWAITING_DECISIONS
        place = (run.organization_id, run.id)
        token = self._store.token(*place)
        if not self._store.change(*place, {"state": state}, only_from=(waiting,), decided=decided):
            return False
        try:
            self._workflow.answer(token, answer)
        except TransientError:
            self._store.change(*place, {"state": waiting}, only_from=(state,))
            raise
        return True


def _keys(pair: PlannedPerson) -> tuple[str, ...]:
    """Return the keys under which both halves of a pair stood before somebody called them the same person."""
    return tuple(f"{side}:{one.id}" for side, one in (("u", pair.user), ("e", pair.employee)) if one is not None)


def _joined(pairs: Iterable[tuple[str, str]]) -> set[str]:
    """Return the keys under which both halves of confirmed pairs are listed."""
    return {key for user_id, employee_id in pairs for key in (f"u:{user_id}", f"e:{employee_id}")}


def _fits(pair: PlannedPerson, field: str, name: str) -> bool:
    """Tell whether a confirmed pair is among those that were asked for."""
    number = pair.employee.id if pair.employee is not None else ""
    return (not field or any(change.field == field for change in pair.changes)) and (
        name.casefold() in pair.name.casefold() or name == number
    )


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
