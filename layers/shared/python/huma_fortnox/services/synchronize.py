"""The steps of one run of *Synchronize users*, in the order of the state machine.

Each step may be repeated: what it reads it checkpoints, what it writes it records. Steps take and return keys and
counts, never people.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from huma_fortnox.domain.errors import Conflict, ConsentNeeded, Defect, IntegrationError, LicenceMissing
from huma_fortnox.domain.fields import read_employee, read_user
from huma_fortnox.domain.outcome import FieldOutcome, Outcome, Reason
from huma_fortnox.domain.plan_json import person_to_json
from huma_fortnox.domain.plan_types import Situation
from huma_fortnox.services.model import (
    Activity,
    Cause,
    ConnectionState,
    PersonOutcome,
    SynchronizationState,
)
from huma_fortnox.services.planning import EMPLOYEES, USERS, employee_to_json, user_to_json
from huma_fortnox.services.ports import USERS_A_PAGE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from huma_fortnox.domain.plan_types import PlannedPerson
    from huma_fortnox.services.applying import Applying
    from huma_fortnox.services.consent_watch import ConsentWatch
    from huma_fortnox.services.model import Synchronization
    from huma_fortnox.services.planning import Planning
    from huma_fortnox.services.ports import (
        ActivityStore,
        Clock,
        ConnectionStore,
        SynchronizationStore,
        Systems,
        Workflow,
    )

BATCH = "batch"
"""Name of the chunks that hold what is to be applied."""

IN_SYNC = "in_sync"
"""Name of the chunks that list the people in agreement: many, and nobody has to decide about them."""

_IN_SYNC_CHUNK = 200
_BATCH_PEOPLE = 200
_CODE = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")


STEPS = frozenset(
    {
        "lock",
        "read_fortnox",
        "count_users",
        "read_user_page",
        "plan",
        "await_decisions",
        "prepare_changes",
        "apply_batch",
        "record_failure",
        "summarize",
        "unlock",
    }
)
"""What the state machine may ask for."""


def step_of(run: Synchronize, name: str) -> Callable[..., Any]:
    """Return a step by the name that the state machine has for it; raises ``Defect`` for another name."""
    if name not in STEPS:
        raise Defect("step-unknown", {"step": name})
    step: Callable[..., Any] = getattr(run, name)
    return step


class Synchronize:
    """The steps of a run; each takes ``(organization_id, synchronization_id)``."""

    def __init__(
        self,
        *,
        store: SynchronizationStore,
        connections: ConnectionStore,
        activity: ActivityStore,
        planning: Planning,
        applying: Applying,
        systems: Systems,
        workflow: Workflow,
        consent_watch: ConsentWatch,
        clock: Clock,
        on_finished: Callable[[str], None] | None = None,
    ) -> None:
        self._store = store
        self._connections = connections
        self._activity = activity
        self._planning = planning
        self._applying = applying
        self._systems = systems
        self._workflow = workflow
        self._consent_watch = consent_watch
        self._clock = clock
        self._on_finished = on_finished

    def lock(self, organization_id: str, run_id: str) -> None:
        """Make sure that this run, and no other, has the organization."""
        if not self._store.keep_lock(organization_id, run_id):
            raise Conflict("synchronization-lock-lost")

    def read_fortnox(self, organization_id: str, run_id: str) -> None:
        """Read all employees, 500 a request, and keep what the plan needs of them."""
        fortnox = self._systems.fortnox(organization_id)
        settings = self._connections.load(organization_id).settings.fields
        number, pages = 1, 1
        while number <= pages and not self._cancelled(organization_id, run_id):
            page = fortnox.employees(number)
            pages = page.pages
            employees = [employee_to_json(read_employee(record, settings)) for record in page.employees]
            if self._store.save_chunk(organization_id, run_id, EMPLOYEES, number, employees):
                total = {"employees_total": page.total} if number == 1 else {}
                self._store.count(organization_id, run_id, {"employees_read": len(employees), **total})
            number += 1

    def count_users(self, organization_id: str, run_id: str) -> dict[str, list[int]]:
        """Return the numbers of Huma's pages of users."""
        page = self._systems.huma(organization_id).users(0)
        if self._store.save_chunk(organization_id, run_id, "users-total", 0, page.total):
            self._store.count(organization_id, run_id, {"users_total": page.total})
        return {"pages": list(range(math.ceil(page.total / USERS_A_PAGE)))}

    def read_user_page(self, organization_id: str, run_id: str, number: int) -> None:
        """Read one page of users with their details, and keep what the plan needs of them."""
        if self._cancelled(organization_id, run_id):
            return
        huma = self._systems.huma(organization_id)
        records = huma.details(huma.users(number).user_ids)
        users = [user_to_json(read_user(record)) for record in records]
        if self._store.save_chunk(organization_id, run_id, USERS, number, users):
            self._store.count(organization_id, run_id, {"users_read": len(users)})

    def plan(self, organization_id: str, run_id: str) -> None:
        """Compare both sides and keep what was found."""
        if not self._store.change(
            organization_id,
            run_id,
            {"state": SynchronizationState.PLANNING},
            only_from=(SynchronizationState.READING, SynchronizationState.PLANNING),
        ):
            return
        people = self._planning.undecided(organization_id, run_id)
        self._store.save_people(
            organization_id,
            run_id,
            (
                (person.situation.value, person.key, person_to_json(person))
                for person in people
                if person.situation is not Situation.IN_SYNC
            ),
        )
        agreed = [person_to_json(person) for person in people if person.situation is Situation.IN_SYNC]
        for number, start in enumerate(range(0, len(agreed), _IN_SYNC_CHUNK)):
            chunk = agreed[start : start + _IN_SYNC_CHUNK]
            self._store.save_chunk(organization_id, run_id, IN_SYNC, number, chunk)
        situations = Counter(person.situation.value for person in people)
        changes = sum(len(person.changes) for person in people)
        self._store.change(
            organization_id,
            run_id,
            {"situations": {situation.value: situations[situation.value] for situation in Situation}},
        )
        if self._store.save_chunk(organization_id, run_id, "changes", 0, changes):
            self._store.count(organization_id, run_id, {"changes": changes})

    def await_decisions(self, organization_id: str, run_id: str, token: str) -> None:
        """Keep the workflow's token and wait for the administrator, unless the run was cancelled meanwhile."""
        if not self._store.save_token(organization_id, run_id, token):
            self._workflow.answer(token, "cancel")

    def prepare_changes(self, organization_id: str, run_id: str) -> dict[str, list[int]]:
        """Carry the decisions through the plan and cut the work into batches; return their numbers."""
        # The workflow was told to apply, even if that seemed to have failed and the run went back to waiting.
        if not self._store.change(
            organization_id,
            run_id,
            {"state": SynchronizationState.APPLYING},
            only_from=(SynchronizationState.AWAITING_DECISIONS, SynchronizationState.APPLYING),
        ):
            return {"batches": []}
        people = self._planning.decided(organization_id, run_id)
        pages = {
            employee_id: page for employee_id, (page, _) in self._planning.employees(organization_id, run_id).items()
        }
        created = {key for key, wanted in self._store.decisions(organization_id, run_id).creations.items() if wanted}
        batches = list(_batches(people, pages, created))
        for number, batch in enumerate(batches):
            self._store.save_chunk(organization_id, run_id, BATCH, number, batch)
        to_apply = sum(len(batch["people"]) for batch in batches)
        if self._store.save_chunk(organization_id, run_id, "to-apply", 0, to_apply):
            self._store.count(organization_id, run_id, {"to_apply": to_apply})
        for person in people:
            if person.situation in (Situation.BLOCKED, Situation.AMBIGUOUS):
                self._store.save_outcome(organization_id, run_id, _held(person), None)
        return {"batches": list(range(len(batches)))}

    def apply_batch(self, organization_id: str, run_id: str, number: int) -> None:
        """Carry out one batch, unless the run was cancelled."""
        if self._cancelled(organization_id, run_id):
            return
        batch = self._store.chunk(organization_id, run_id, BATCH, number)
        if batch is not None:
            self._applying.apply(organization_id, run_id, batch)

    def record_failure(self, organization_id: str, run_id: str, error: Mapping[str, Any]) -> None:
        """Note why the run failed, unless it had ended; a lost consent or licence also stops the connection."""
        reason, stops = _failure(error)
        if stops:
            self._consent_watch.lost(organization_id, reason)
        self._store.change(
            organization_id,
            run_id,
            {"state": SynchronizationState.FAILED, "reason": reason},
            only_from=[state for state in SynchronizationState if not state.over],
        )

    def summarize(self, organization_id: str, run_id: str) -> None:
        """Count the outcomes, end the run, and make the connection active after a first run that finished."""
        counts: Counter[str] = Counter()
        after = ""
        while True:
            people, after = self._store.outcomes(organization_id, run_id, after=after, limit=500)
            counts.update(outcome.outcome.value for person in people for outcome in person.outcomes)
            if not after:
                break
        now = int(self._clock())
        self._store.change(
            organization_id,
            run_id,
            {"state": SynchronizationState.FINISHED},
            only_from=(SynchronizationState.APPLYING,),
        )
        # Told to cancel, even if that seemed to have failed.
        self._store.change(
            organization_id,
            run_id,
            {"state": SynchronizationState.CANCELLED},
            only_from=(SynchronizationState.AWAITING_DECISIONS,),
        )
        run = self._store.load(organization_id, run_id)
        if run is None or run.finished_at:
            return
        if run.state is SynchronizationState.FINISHED:
            self._connections.change(
                organization_id,
                {"state": ConnectionState.ACTIVE, "active_since": now},
                only_from=(ConnectionState.AWAITING_FIRST_SYNC,),
            )
            if self._on_finished is not None:
                self._on_finished(organization_id)
        self._log(run)
        # Last, so that a repetition does what this attempt may not have come to, and then nothing.
        self._store.change(organization_id, run_id, {"outcomes": dict(counts), "finished_at": now})

    def unlock(self, organization_id: str, run_id: str) -> None:
        """Let the next run start."""
        self._store.unlock(organization_id, run_id)

    def _cancelled(self, organization_id: str, run_id: str) -> bool:
        run = self._store.load(organization_id, run_id)
        return run is None or run.state is SynchronizationState.CANCELLED

    def _log(self, run: Synchronization) -> None:
        self._activity.append(
            run.organization_id,
            Activity(
                at=int(self._clock() * 1000),
                kind=f"synchronization-{run.state.value}",
                cause=Cause.SYNCHRONIZATION,
                reason=run.reason,
                actor=run.started_by.name,
            ),
        )


def _batches(
    people: tuple[PlannedPerson, ...], pages: Mapping[str, int], created: set[str]
) -> Iterator[dict[str, Any]]:
    """Yield the work in the order it is done: pairs page by page of Fortnox, then new employees, then new users."""
    paired: dict[int, list[PlannedPerson]] = {}
    creations: dict[str, list[PlannedPerson]] = {"fortnox": [], "huma": []}
    for person in people:
        if person.user and person.employee:
            if person.changes or not person.linked:
                paired.setdefault(pages[person.employee.id], []).append(person)
        elif person.key in created and person.creates:
            creations[person.creates].append(person)
    for page in sorted(paired):
        yield _batch("pairs", paired[page], page)
    for side, chosen in creations.items():
        for start in range(0, len(chosen), _BATCH_PEOPLE):
            yield _batch(f"create_in_{side}", chosen[start : start + _BATCH_PEOPLE], 0)


def _batch(kind: str, people: list[PlannedPerson], page: int) -> dict[str, Any]:
    return {"kind": kind, "page": page, "people": [person_to_json(person) for person in people]}


def _held(person: PlannedPerson) -> PersonOutcome:
    reasons = person.reasons or (Reason(person.situation.value),)
    return PersonOutcome(
        person.key,
        person.name,
        tuple(FieldOutcome("person", Outcome.HELD, reason=reason) for reason in reasons),
    )


def _failure(error: Mapping[str, Any]) -> tuple[Reason, bool]:
    """Read the workflow's error: the class name, and the code that our errors' messages begin with."""
    name = str(error.get("Error", ""))
    if name == "States.Timeout":
        return Reason("decisions-timed-out"), False
    found = re.search(r'"errorMessage"\s*:\s*"([^"(]*)', str(error.get("Cause", "")))
    code = found.group(1).strip() if found else ""
    stops = name in (ConsentNeeded.__name__, LicenceMissing.__name__)
    # Only our own errors' messages are codes; another's could quote anything.
    ours = name in _names(IntegrationError) and _CODE.fullmatch(code)
    return Reason(code if ours else "unexpected"), stops


def _names(kind: type[IntegrationError]) -> set[str]:
    return {kind.__name__}.union(*(_names(each) for each in kind.__subclasses__()))
