"""Real time: what changed in Huma for one user is carried to Fortnox.

An event is only a hint. The user is read as it is now and compared with Huma's side of the bases, so duplicates,
disorder and our own echo find nothing to do and cost Fortnox nothing. Events, *Try again*, *Catch up now* and the
nightly reconciliation all come through here.

What does not go is *held*: remembered with its reason, told once, shown on the page, and looked at again whenever the
user comes by. A value that Fortnox refused is sent again only with something new, or when somebody asks.

What is about to be written is noted first, with the digest of what is to stand in Fortnox, and the note goes with the
new bases. Whoever finds one was preceded by an attempt that was cut off: then, and while a synchronization writes, the
employee is looked at first. What already stands there is not written again, and what an attempt left there that Huma
has taken back since is put right.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from huma_fortnox.domain.digest import keyed_digest
from huma_fortnox.domain.errors import ConsentNeeded, NeedsAdministrator
from huma_fortnox.domain.fields import FIELDS, context_of, read_employee, read_user
from huma_fortnox.domain.outcome import FieldOutcome, Outcome, Reason
from huma_fortnox.domain.people import Base, Side
from huma_fortnox.domain.push import REMOVED_IN_HUMA, kept_in_fortnox, marks_in_huma, push
from huma_fortnox.domain.records import is_person
from huma_fortnox.domain.writes import verify
from huma_fortnox.services.model import Activity, Cause, ConnectionState
from huma_fortnox.services.real_time import PERSON, HeldField, HeldPerson, Pushed, Settled
from huma_fortnox.services.writing import write_fields

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from huma_fortnox.domain.digest import Digest
    from huma_fortnox.domain.people import Link, User
    from huma_fortnox.domain.plan_types import Writes
    from huma_fortnox.services.brake import BankBrake
    from huma_fortnox.services.consent_watch import ConsentWatch
    from huma_fortnox.services.newcomers import Newcomers
    from huma_fortnox.services.ports import Clock, Fortnox, Record, Systems, UserChanged, Vault
    from huma_fortnox.services.real_time import Begun, PushState
    from huma_fortnox.services.real_time_ports import PushStore, UniqueValues
    from huma_fortnox.services.writing import Doubts, Values

STALE_SECONDS = 1.0
"""How old what was read about a user may be when something is about to be written."""

LEFT_AS_IS = Reason("left-as-is")
USER_GONE = Reason("user-gone")
USER_DEACTIVATED = Reason("user-deactivated")
WAITING = Reason("waiting-for-synchronization")
STOPPED_BY_BRAKE = Reason("bank-changes-stopped")
DEFECT = Reason("unexpected")

_FORTNOX = Side.FORTNOX.value
_NO_DIGEST = ""
"""In place of a digest in a base: equal to none, so whatever Huma has counts as changed."""
_TOLD_ONCE = (Outcome.HELD, Outcome.FAILED, Outcome.SKIPPED)


class Push:
    """Carries changes of users to Fortnox; ``newcomers`` is asked for where somebody is to be created."""

    def __init__(
        self,
        *,
        store: PushStore,
        unique: UniqueValues,
        vault: Vault,
        systems: Systems,
        brake: BankBrake,
        newcomers: Callable[[], Newcomers],
        consent_watch: ConsentWatch,
        clock: Clock,
    ) -> None:
        self.store = store
        self.unique = unique
        self.vault = vault
        self.systems = systems
        self.brake = brake
        self.newcomers = newcomers
        self.consent_watch = consent_watch
        self.clock = clock

    def open(self, organization_id: str, user_ids: Sequence[str]) -> PushBatch:
        """Read what is kept about these users, at once, to push them one by one or side by side."""
        return PushBatch(self, organization_id, self.store.load(organization_id, user_ids))

    def push(self, event: UserChanged) -> Pushed:
        """Carry what changed for one user; see ``PushBatch.push``."""
        return self.open(event.organization_id, [event.user_id]).push(event)

    def note_defect(self, event: UserChanged) -> None:
        """Record that a user could not be carried for a reason of our own."""
        held = self.store.load(event.organization_id, [event.user_id]).held.get(event.user_id)
        held = held or HeldPerson(event.user_id)
        now = self.clock()
        failed = HeldField(Outcome.FAILED.value, DEFECT, int(now))
        activity = Activity(
            at=int(now * 1000),
            kind="push",
            cause=Cause(event.cause),
            person=event.user_id,
            name=held.name,
            outcomes=(FieldOutcome(PERSON, Outcome.FAILED, _FORTNOX, DEFECT),),
            actor=event.actor,
        )
        noted = replace(held, fields={**held.fields, PERSON: failed})
        self.store.record(event.organization_id, Settled(event.user_id, held=noted, activity=activity))


class PushBatch:
    """Users of one organization whose state was read at once; its pushes may run in threads."""

    def __init__(self, parts: Push, organization_id: str, state: PushState) -> None:
        self._parts = parts
        self._organization_id = organization_id
        self._read_at = parts.clock()
        self._claims: dict[tuple[str, str], str] = {}
        self._lock = threading.Lock()
        self.state = state

    def prepare(self) -> None:
        """Open both systems before threads do: each client has a budget and a token of its own."""
        with suppress(NeedsAdministrator):
            self._parts.systems.huma(self._organization_id)
            self._parts.systems.fortnox(self._organization_id)

    @property
    def wanted(self) -> bool:
        """Tell whether changes of this organization matter at all."""
        return self.state.connection.follows_changes

    def push(self, event: UserChanged, *, record: Record | None = None) -> Pushed:
        """Carry what changed for one user; ``record`` are the user's details where they have just been read.

        Raises ``TransientError`` to be called again with the same event, and ``NeedsAdministrator`` while the
        connection waits for an administrator: the lane keeps the event. Everything else is recorded and over.
        """
        connection = self.state.connection
        if not self.wanted:
            return Pushed()
        if not connection.usable:
            self._parts.consent_watch.remind(connection)
            raise ConsentNeeded("waiting-for-reauthorization")
        try:
            return self._push(event, record)
        except NeedsAdministrator as error:
            self._parts.consent_watch.lost(self._organization_id, error.reason)
            raise

    def _push(self, event: UserChanged, record: Record | None) -> Pushed:
        found = record or self._parts.systems.huma(self._organization_id).user(event.user_id)
        if found is not None and not is_person(found):
            return Pushed()
        one = _OneUser(self._parts, self, self.state, event)
        if found is None:
            return one.gone()
        user = read_user(found)
        if one.link is None:
            return one.unlinked(user, found)
        if one.held.creating:
            return one.finish_creation(user, found, [FieldOutcome(PERSON, Outcome.DONE, _FORTNOX)])
        if self._parts.clock() - self._read_at > STALE_SECONDS and one.planned(user).fields:
            # Meanwhile a synchronization may have decided something, or an administrator have paused.
            state = self._parts.store.load(self._organization_id, [event.user_id])
            if not state.connection.follows_changes:
                return Pushed()
            one = _OneUser(self._parts, self, state, event)
        return one.carry(user)

    def claim(self, field: str, digest: str, user_id: str) -> str:
        """Note in this batch that a user is about to have a unique value; return who was first."""
        with self._lock:
            return self._claims.setdefault((field, digest), user_id)

    def let_go(self, user_id: str, fields: Collection[str]) -> None:
        """Take back a user's claims of these fields: they were not written after all."""
        with self._lock:
            mine = [key for key, owner in self._claims.items() if owner == user_id and key[0] in fields]
            for key in mine:
                del self._claims[key]


class _OneUser:
    """One push of one user, with everything it needs at hand."""

    def __init__(self, parts: Push, batch: PushBatch, state: PushState, event: UserChanged) -> None:
        self._parts = parts
        self._batch = batch
        self._event = event
        self._organization_id = event.organization_id
        self._settings = state.connection.settings.fields
        self._connection = state.connection
        self._applying = state.applying
        self._begun: Begun = state.begun.get(event.user_id, {})
        self._left: dict[str, str] = {}
        self._digest_made: Digest | None = None
        self.link = state.links.get(event.user_id)
        self.held = state.held.get(event.user_id) or HeldPerson(event.user_id)

    # -- who is not carried

    def gone(self) -> Pushed:
        """Settle a user that is no longer in Huma: nothing changes in Fortnox."""
        if self.link is None:
            return self._settle(self.held.name, [], {}, quiet=True)
        return self._settle(self.held.name, [FieldOutcome(PERSON, Outcome.SKIPPED, _FORTNOX, USER_GONE)], {})

    def unlinked(self, user: User, record: Record) -> Pushed:
        """Settle a user without an employee: create one where the organization wants that, or wait."""
        connection = self._connection
        if connection.state is not ConnectionState.ACTIVE or not user.active:
            # The first synchronization reads everybody; somebody who has left needs no employee.
            return self._settle(name_of(user), [], {}, quiet=True)
        settings = connection.settings
        if not settings.create_automatically:
            return self._settle(name_of(user), [FieldOutcome(PERSON, Outcome.HELD, _FORTNOX, WAITING)], {})
        created = self._parts.newcomers().create(
            self._organization_id,
            user,
            settings,
            self._digest,
            noted=self.held,
            taken=lambda field, key: self._other_holder(user, field, key),
        )
        if created.link is None:
            self._batch.let_go(user.id, FIELDS)
            self.held = created.noted
            return self._settle(name_of(user), created.outcomes, self._marks(user, created.outcomes))
        self.link, self.held = created.link, created.noted
        return self.finish_creation(user, record, created.outcomes)

    def finish_creation(self, user: User, record: Record, outcomes: Sequence[FieldOutcome]) -> Pushed:
        """Do what is left once somebody who was created is linked, also when that was cut off before."""
        done = self._parts.newcomers().write_back(
            self._organization_id, user, record, self._link, self._settings, self._digest
        )
        told = [*outcomes, *done.outcomes]
        unique = {field for field in self._link.bases if FIELDS[field].unique}
        return self._settle(name_of(user), told, self._marks(user, told), moved=done.bases, wrote=unique)

    # -- somebody who is linked

    def planned(self, user: User) -> Writes:
        """Return what there would be to write, uniqueness apart."""
        return push(user, link=self._link, digest=self._digest, settings=self._settings, remove=self._removed)

    def carry(self, user: User) -> Pushed:
        """Write what changed, and settle everything else."""
        employee = self._fortnox.employee(self._link.employee_id) if self._begun else None
        if employee is not None:
            self._own_up(employee)
        planned = push(
            user,
            link=self._link,
            digest=self._digest,
            settings=self._settings,
            others=lambda field, key: self._other_holder(user, field, key),
            remove=self._removed,
        )
        held_back = [outcome for outcome in planned.outcomes if outcome.outcome is not Outcome.UNCHANGED]
        kept, held_back = self._keep(self._link, held_back)
        told = {outcome.field for outcome in held_back} | planned.fields.keys()
        marks = marks_in_huma(user, told, link=self._link, digest=self._digest, settings=self._settings)
        to_write, settled, resting = self._to_write(planned, marks, employee)
        if to_write and not self._begin(to_write, planned):
            return Pushed()
        written = settled + self._write(user, to_write)
        done = {outcome.field for outcome in written if outcome.outcome is Outcome.DONE}
        self._batch.let_go(user.id, FIELDS.keys() - done)
        # What an attempt left there and is held now is known to stand there: nobody has to look for it again.
        left = {field: self._link.bases[field] for field in self._left}
        moved = left | {field: planned.bases[field] for field in done} | kept
        outcomes = [*written, *held_back]
        outcomes += [FieldOutcome(field, Outcome.SKIPPED, _FORTNOX, LEFT_AS_IS) for field in kept]
        if not user.active:
            outcomes.append(FieldOutcome(PERSON, Outcome.SKIPPED, _FORTNOX, USER_DEACTIVATED))
        return self._settle(
            name_of(user), outcomes, marks, moved=moved, layout=planned.layout, resting=resting, wrote=done
        )

    def _to_write(
        self, planned: Writes, marks: Mapping[str, str], employee: Record | None
    ) -> tuple[list[str], list[FieldOutcome], set[str]]:
        """Return the fields to write, what becomes of others without a write, and those that rest as they are."""
        fields, there = self._compared(list(planned.fields), planned, employee)
        fields, resting = self._worth_writing(fields, marks)
        if employee is None and fields and (self._applying or self._may_stand_there(fields, planned)):
            fields, more = self._compared(fields, planned, self._fortnox.employee(self._link.employee_id))
            there += more
        fields, stopped = self._past_the_brake(fields, marks)
        return fields, [*there, *stopped], resting

    def _may_stand_there(self, fields: Sequence[str], planned: Writes) -> bool:
        """Tell whether Huma now has what was last known to stand in Fortnox, where the two had differed."""
        return any(planned.bases[field].fortnox == self._link.bases[field].fortnox for field in fields)

    def _own_up(self, employee: Record) -> None:
        """See what attempts that were cut off have left there: it counts as changed, for Huma may have it no more."""
        found = read_employee(employee, self._settings)
        context = context_of(None, found, self._settings)
        bases = dict(self._link.bases)
        for field, digests in self._begun.items():
            if field not in found.values:
                continue
            there = self._digest(field, FIELDS[field].read(Side.FORTNOX, found.values[field], context).mark)
            if there in digests:
                bases[field] = Base(_NO_DIGEST, there)
                self._left[field] = there
        self.link = replace(self._link, bases=bases)

    def _begin(self, fields: Sequence[str], planned: Writes) -> bool:
        """Note what is about to be written, beside what an attempt before this one has left."""
        begun = {field: [digest] for field, digest in self._left.items()}
        for field in fields:
            begun.setdefault(field, []).append(planned.bases[field].fortnox or "")
        self._begun = begun
        return self._parts.store.begin(self._organization_id, self._link, begun)

    def _marks(self, user: User, outcomes: Sequence[FieldOutcome]) -> dict[str, str]:
        fields = {outcome.field for outcome in outcomes} - {PERSON}
        return marks_in_huma(user, fields, link=self.link, digest=self._digest, settings=self._settings)

    @property
    def _link(self) -> Link:
        assert self.link is not None  # noqa: S101  # asked for linked users only
        return self.link

    @property
    def _digest(self) -> Digest:
        if self._digest_made is None:
            self._digest_made = keyed_digest(self._parts.vault.base_key(self._organization_id))
        return self._digest_made

    @property
    def _removed(self) -> set[str]:
        """Return the fields to be cleared in Fortnox if Huma has no value: decided, or written there by mistake."""
        return self._decided("remove") | self._left.keys()

    def _decided(self, decision: str) -> set[str]:
        return {field for field, held in self.held.fields.items() if held.decision == decision}

    def _keep(self, link: Link, held_back: list[FieldOutcome]) -> tuple[dict[str, Base], list[FieldOutcome]]:
        """Move the bases of values removed in Huma that somebody decided to keep in Fortnox."""
        decided = self._decided("keep")
        asked = {outcome.field for outcome in held_back if outcome.reason == REMOVED_IN_HUMA}
        kept = {field: kept_in_fortnox(field, link.bases.get(field), self._digest) for field in decided & asked}
        return kept, [outcome for outcome in held_back if outcome.field not in kept]

    def _worth_writing(self, fields: list[str], marks: Mapping[str, str]) -> tuple[list[str], set[str]]:
        """Leave out what Fortnox refused and nobody has touched since, unless there is news or somebody asks."""
        refused = {field for field in fields if self._remembered(field, marks, Outcome.FAILED.value)}
        if self._event.again or set(fields) - refused:
            return fields, set()
        return [], refused

    def _remembered(self, field: str, marks: Mapping[str, str], outcome: str) -> bool:
        before = self.held.fields.get(field)
        return before is not None and before.outcome == outcome and before.mark == marks.get(field, "")

    def _compared(
        self, fields: list[str], planned: Writes, employee: Record | None
    ) -> tuple[list[str], list[FieldOutcome]]:
        """Return what does not stand in Fortnox yet, and what does: an attempt before wrote it, or a run."""
        if employee is None:
            return fields, []
        missing = verify(planned.fortnox, employee, fields, self._settings).keys()
        there = [FieldOutcome(field, Outcome.DONE, _FORTNOX) for field in fields if field not in missing]
        return [field for field in fields if field in missing], there

    def _past_the_brake(self, fields: list[str], marks: Mapping[str, str]) -> tuple[list[str], list[FieldOutcome]]:
        """Hold sensitive changes while there are more of them than usual."""
        stopped = [
            field
            for field in fields
            if FIELDS[field].sensitive
            and not self._parts.brake.allow(
                self._connection, self._event.user_id, field, self.held.fields.get(field), marks.get(field, "")
            )
        ]
        return (
            [field for field in fields if field not in stopped],
            [FieldOutcome(field, Outcome.HELD, _FORTNOX, STOPPED_BY_BRAKE) for field in stopped],
        )

    def _write(self, user: User, fields: Sequence[str]) -> list[FieldOutcome]:
        link, removed = self._link, self._removed

        def values_of(some: Sequence[str]) -> Values:
            bases = {field: link.bases[field] for field in some}
            alone = replace(link, bases=bases)
            return push(user, link=alone, digest=self._digest, settings=self._settings, remove=removed).fortnox

        def doubts(sent: Values, stored: Record, some: Sequence[str]) -> Doubts:
            ignored = verify(sent, stored, some, self._settings)
            return {field: (Outcome.FAILED, reason) for field, reason in ignored.items()}

        return write_fields(
            fields,
            _FORTNOX,
            values_of=values_of,
            write=lambda values: self._fortnox.update_employee(link.employee_id, values),
            doubts=doubts,
        )

    @property
    def _fortnox(self) -> Fortnox:
        return self._parts.systems.fortnox(self._organization_id)

    # -- values that must be unique

    def _other_holder(self, user: User, field: str, key: str) -> str | None:
        """Return who else among the linked people has a value, now and for longer than this moment.

        Somebody of whom the value is remembered may have let go of it: their link tells, and where that is older
        than Huma, their profile. Only if it stays with them does it stand in the way.
        """
        digest = self._digest(field, key)
        first = self._batch.claim(field, digest, user.id)
        if first != user.id:
            return first
        holders = set(self._parts.unique.holders(self._organization_id, field, digest)) - {user.id}
        if holders:
            links = self._parts.store.load(self._organization_id, sorted(holders)).links
            for other in sorted(holders):
                if other in links and self._stays_with(links[other], field, digest):
                    return other
        return None

    def _stays_with(self, link: Link, field: str, digest: str) -> bool:
        base = link.bases.get(field)
        if base is None or digest not in (base.huma, base.fortnox):
            return False
        record = self._parts.systems.huma(self._organization_id).user(link.user_id)
        if record is None:
            return base.fortnox == digest
        other = read_user(record)
        has = marks_in_huma(other, [field], link=link, digest=self._digest, settings=self._settings).get(field)
        if has == digest:
            return True
        return field not in push(other, link=link, digest=self._digest, settings=self._settings).fields

    # -- what is kept

    def _settle(
        self,
        name: str,
        outcomes: Sequence[FieldOutcome],
        marks: Mapping[str, str],
        *,
        moved: Mapping[str, Base] | None = None,
        layout: Mapping[str, str] | None = None,
        resting: Collection[str] = (),
        wrote: Collection[str] = (),
        quiet: bool = False,
    ) -> Pushed:
        """Keep bases, held fields and the entry of the log; nothing when there is nothing new."""
        held, news = self._remember(name, outcomes, marks, resting)
        link = self.link
        if link is not None and moved:
            link = replace(link, bases={**link.bases, **moved}, layout=layout or link.layout)
        told = tuple(news) if not quiet else ()
        changed = held != self.held
        touched = bool(moved or self._begun)
        if told or changed or touched:
            self._parts.store.record(
                self._organization_id,
                Settled(
                    user_id=self._event.user_id,
                    link=link if touched else None,
                    moved=tuple(moved or ()),
                    begun=self._begun or None,
                    held=held if changed else None,
                    claims=self._claims(link, wrote),
                    activity=self._activity(name, told) if told else None,
                ),
            )
        return Pushed(told)

    def _remember(
        self, name: str, outcomes: Sequence[FieldOutcome], marks: Mapping[str, str], resting: Collection[str]
    ) -> tuple[HeldPerson, list[FieldOutcome]]:
        """Return what is held from now on, and what of the outcomes nobody has been told yet."""
        fields = {field: held for field, held in self.held.fields.items() if field in resting}
        news = []
        now = int(self._parts.clock())
        for outcome in outcomes:
            lasts = outcome.reason is not None and outcome.outcome in _TOLD_ONCE and outcome.reason != LEFT_AS_IS
            if not lasts:
                news.append(outcome)
                continue
            assert outcome.reason is not None  # noqa: S101  # looked at above
            fresh = HeldField(outcome.outcome.value, outcome.reason, now, marks.get(outcome.field, ""))
            before = self.held.fields.get(outcome.field)
            if before is not None and before.mark == fresh.mark:
                fresh = replace(fresh, decision=before.decision, decided_by=before.decided_by)
            same = before is not None and _alike(before, fresh)
            fields[outcome.field] = replace(fresh, since=before.since) if before is not None and same else fresh
            if self._event.again or not same:
                news.append(outcome)
        shown = (name or self.held.name) if fields else self.held.name
        return HeldPerson(self._event.user_id, shown, fields, revision=self.held.revision), news

    def _claims(self, link: Link | None, wrote: Collection[str]) -> tuple[tuple[str, str], ...]:
        if link is None:
            return ()
        unique = [field for field in link.bases if field in wrote and FIELDS[field].unique]
        return tuple((field, digest) for field in unique if (digest := link.bases[field].huma) is not None)

    def _activity(self, name: str, outcomes: tuple[FieldOutcome, ...]) -> Activity:
        now = int(self._parts.clock() * 1000)
        return Activity(
            at=now,
            kind="push",
            cause=Cause(self._event.cause),
            person=self._event.user_id,
            name=name,
            outcomes=outcomes,
            actor=self._event.actor,
            delay_ms=max(0, now - self._event.occurred_at),
        )


def _alike(before: HeldField, now: HeldField) -> bool:
    """Tell whether somebody who knows the one has nothing to learn from the other."""
    return (before.outcome, before.reason.code, before.mark) == (now.outcome, now.reason.code, now.mark)


def name_of(user: User) -> str:
    """Return a user's name as people say it."""
    return " ".join(str(user.values[part]) for part in ("given_name", "family_name") if user.values.get(part))
