"""The steps of one run of *Synchronize users*, in the order of the state machine.

Each step may be repeated: what it reads it checkpoints, what it writes it records. Steps take and return keys and
counts, never people.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from huma_fortnox.domain.errors import Conflict, ConsentNeeded, Defect, IntegrationError, LicenceMissing
from huma_fortnox.domain.fields import read_employee, read_user
from huma_fortnox.domain.outcome import FieldOutcome, Outcome, Reason
from huma_fortnox.domain.plan_json import person_from_json
from huma_fortnox.domain.plan_types import Situation
from huma_fortnox.services.batches import batch_to_json, cut, is_left_out
from huma_fortnox.services.model import (
    Activity,
    Cause,
    ConnectionState,
    PersonOutcome,
    SynchronizationState,
)
from huma_fortnox.services.ports import USERS_A_PAGE
from huma_fortnox.services.result import keep_result
from huma_fortnox.services.snapshot import EMPLOYEES, USERS, employees_to_json, users_to_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from huma_fortnox.domain.outline import Outline
    from huma_fortnox.domain.people import User
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

PAGES_A_STEP = 4
"""How many of Huma's pages one step reads: what 200 people take is kept in few bytes together."""

LEFT_OUT = 999_999
"""Stands for a batch of the people for whom nothing can be done."""

_LEFT_OUT_GROUP = 50
_CODE = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")


STEPS = frozenset(
    {
        "lock",
        "read_fortnox",
        "count_users",
        "read_user_page",
        "plan",
        "await_decisions",
        "end_undecided",
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
        """Read all employees, 500 a request, and keep what the plan needs of them; go on where an attempt stopped."""
        fortnox = self._systems.fortnox(organization_id)
        settings = self._connections.load(organization_id).settings.fields
        number, pages = 1, 1
        while number <= pages and not self._cancelled(organization_id, run_id):
            kept = self._store.chunk(organization_id, run_id, EMPLOYEES, number)
            if kept is None:
                page = fortnox.employees(number)
                kept = {"pages": page.pages, "total": page.total}
                kept["people"] = employees_to_json([read_employee(record, settings) for record in page.employees])
                self._store.save_chunk(organization_id, run_id, EMPLOYEES, number, kept)
                total = {"employees_total": page.total} if number == 1 else {}
                self._store.count(organization_id, run_id, {"employees_read": len(page.employees), **total})
            number, pages = number + 1, kept["pages"]

    def count_users(self, organization_id: str, run_id: str) -> dict[str, list[int]]:
        """Return the numbers of the steps in which Huma's users are read, some pages of 50 each."""
        page = self._systems.huma(organization_id).users(0)
        self._store.change(organization_id, run_id, {"progress": {"users_total": page.total}})
        return {"pages": list(range(math.ceil(page.total / (USERS_A_PAGE * PAGES_A_STEP))))}

    def read_user_page(self, organization_id: str, run_id: str, number: int) -> None:
        """Read some pages of users with their details, and keep what the plan needs of them."""
        if self._cancelled(organization_id, run_id):
            return
        huma = self._systems.huma(organization_id)
        users: list[User] = []
        entries = 0
        for page in range(number * PAGES_A_STEP, (number + 1) * PAGES_A_STEP):
            listed = huma.users(page)
            entries += max(0, min(USERS_A_PAGE, listed.total - page * USERS_A_PAGE))
            users += map(read_user, huma.details(listed.user_ids))
            if listed.total <= (page + 1) * USERS_A_PAGE:
                break
        if self._store.save_chunk(organization_id, run_id, USERS, number, users_to_json(users)):
            # Huma's total counts service users, and who was deleted since: they are not read, and not waited for.
            counted = {"users_read": len(users), "users_total": len(users) - entries}
            self._store.count(organization_id, run_id, counted)

    def plan(self, organization_id: str, run_id: str) -> dict[str, int]:
        """Compare both sides, keep what was found, and return how many people there is anything to do about."""
        if not self._store.change(
            organization_id,
            run_id,
            {"state": SynchronizationState.PLANNING},
            only_from=(SynchronizationState.READING, SynchronizationState.PLANNING),
        ):
            return {"to_decide": 0}
        found = self._planning.plan(organization_id, run_id)
        self._store.change(
            organization_id,
            run_id,
            {
                "situations": {situation.value: found.situations[situation.value] for situation in Situation},
                "notes": found.notes,
                "progress": {
                    "planned": found.people,
                    "changes": found.changes,
                    "to_link": found.to_link,
                    "suggested": found.suggested,
                },
            },
        )
        return {"to_decide": found.to_decide}

    def await_decisions(self, organization_id: str, run_id: str, token: str) -> None:
        """Keep the workflow's token and wait for the administrator, unless the waiting was ended meanwhile."""
        if self._store.save_token(organization_id, run_id, token):
            return
        run = self._store.load(organization_id, run_id)
        # Decided on an earlier token of this very wait, which went unheard.
        applies = run is not None and run.state is SynchronizationState.APPLYING
        self._workflow.answer(token, "apply" if applies else "cancel")

    def end_undecided(self, organization_id: str, run_id: str) -> None:
        """End a run about which nobody decided in time; nothing was written."""
        self._store.change(
            organization_id,
            run_id,
            {"state": SynchronizationState.CANCELLED, "reason": Reason("decisions-timed-out")},
            only_from=(SynchronizationState.AWAITING_DECISIONS,),
        )

    def prepare_changes(self, organization_id: str, run_id: str) -> dict[str, list[int]]:
        """Carry the decisions through the plan and cut the work into batches; return their numbers."""
        # The workflow was told to apply, even if that seemed to have failed and the run went back to waiting. Without
        # anything to decide it comes here from planning.
        if not self._store.change(
            organization_id,
            run_id,
            {"state": SynchronizationState.APPLYING},
            only_from=(
                SynchronizationState.PLANNING,
                SynchronizationState.AWAITING_DECISIONS,
                SynchronizationState.APPLYING,
            ),
        ):
            return {"batches": []}
        run = self._store.load(organization_id, run_id)
        progress = run.progress if run is not None else {}
        decisions = self._store.decisions(organization_id, run_id)
        people = self._planning.decided(organization_id, run_id, decisions)
        wanted = {person.employee_id or person.outline.employee_id for person in people}
        page_of: dict[str, int] = {}
        pages = 0
        for page, employees in self._planning.employees(organization_id, run_id):
            page_of.update((employee.id, page) for employee in employees if employee.id in wanted)
            pages = max(pages, page)
        work = cut(people, page_of, pages=pages, to_link=progress.get("to_link", 0))
        for number, batch in enumerate(work.batches):
            self._store.save_chunk(organization_id, run_id, BATCH, number, batch_to_json(batch))
        self._tell_left_out(organization_id, run_id, [person.outline for person in people if is_left_out(person)])
        self._store.change(organization_id, run_id, {"progress": {"to_apply": work.people, "requests": work.requests}})
        return {"batches": list(range(len(work.batches)))}

    def _tell_left_out(self, organization_id: str, run_id: str, outlines: Sequence[Outline]) -> None:
        """Record why nothing was done for people who are ambiguous or blocked."""
        for group, start in enumerate(range(0, len(outlines), _LEFT_OUT_GROUP)):
            some = outlines[start : start + _LEFT_OUT_GROUP]
            found = self._store.persons(
                organization_id,
                run_id,
                [outline.key for outline in some],
                sorted({outline.situation.value for outline in some}),
            )
            told = [_held(person_from_json(found[outline.key])) for outline in some if outline.key in found]
            self._store.end_group(organization_id, run_id, LEFT_OUT, group, told)

    def apply_batch(self, organization_id: str, run_id: str, number: int) -> dict[str, bool]:
        """Carry out one batch, unless the run was cancelled; return whether there is more of it to do."""
        if self._cancelled(organization_id, run_id):
            return {"more": False}
        batch = self._store.chunk(organization_id, run_id, BATCH, number)
        return {"more": batch is not None and self._applying.apply(organization_id, run_id, number, batch)}

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
        run = self._store.load(organization_id, run_id)
        if run is None or run.finished_at:
            return
        counts = keep_result(self._store, run)
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
        run = self._store.load(organization_id, run_id) or run
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
        done = {"applied": run.progress["to_apply"]} if "to_apply" in run.progress and run.finished else {}
        self._store.change(organization_id, run_id, {"outcomes": counts, "finished_at": now, "progress": done})

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
