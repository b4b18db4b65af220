"""What the use cases speak of: administrators, connections, synchronizations and the activity log."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from typing import TYPE_CHECKING

from huma_fortnox.domain.frozen import dataclass

if TYPE_CHECKING:
    from huma_fortnox.domain.creation import EmploymentDefaults
    from huma_fortnox.domain.decisions import Decisions, Direction
    from huma_fortnox.domain.outcome import FieldOutcome, Reason
    from huma_fortnox.domain.people import FieldSettings, Link, Raw
    from huma_fortnox.domain.plan_types import PlannedPerson

REQUESTS_A_SECOND = 5
"""Fortnox accepts 25 requests in any 5 seconds."""

SUGGESTED = "suggested"
"""Name of the list of people who stand apart and for whom a pair is suggested."""

REREAD = "read_again"
"""Name of the counter of people who were read again while a run waited."""

PERMISSION = "organization-settings"
"""The permission in Huma that lets somebody use the integration's pages and API."""


@dataclass(frozen=True, slots=True)
class Administrator:
    """Somebody signed in from Huma with the permission *Organization-wide settings*."""

    organization_id: str
    user_id: str
    name: str
    email: str
    locale: str


@dataclass(frozen=True, slots=True)
class Session:
    """An administrator's browser session; ``id`` is the cookie's secret, times are Unix seconds."""

    id: str = field(repr=False)
    administrator: Administrator
    csrf_token: str = field(repr=False)
    expires_at: int


class ConnectionState(StrEnum):
    """Where an organization stands with its Fortnox company."""

    NOT_CONNECTED = "not_connected"
    AWAITING_AUTHORIZATION = "awaiting_authorization"
    AWAITING_FIRST_SYNC = "awaiting_first_sync"
    ACTIVE = "active"
    NEEDS_REAUTHORIZATION = "needs_reauthorization"
    DISCONNECTED = "disconnected"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From how much on a run must be confirmed a second time, with the numbers.

    ``bank_accounts`` changed, if they are also more than ``bank_account_percent`` of all people; ``cleared_values``;
    ``creations`` on both sides together.
    """

    bank_accounts: int = 5
    bank_account_percent: int = 20
    cleared_values: int = 1
    creations: int = 20


LONGEST_JOB_TITLE = 100
"""What a job title's name may be long; Huma documents no limit."""


@dataclass(frozen=True, slots=True)
class NewUserDefaults:
    """What Huma wants of a new user and Fortnox does not know; an organization's setting.

    ``job_title`` names the title of the position that holds the dates of work. ``invite``: Huma invites a new user.
    """

    job_title: str = "Employee"
    invite: bool = False


@dataclass(frozen=True, slots=True)
class Recipient:
    """An address that gets e-mails, and the language they are written in."""

    email: str
    locale: str


MOST_RECIPIENTS = 5
"""An e-mail to everybody is read by nobody."""


@dataclass(frozen=True, slots=True)
class OrganizationSettings:
    """An organization's choices; ``employment`` is ``None`` until somebody has chosen it.

    ``create_automatically``: a new user in Huma becomes an employee in Fortnox by itself. ``bank_changes_an_hour`` is
    how many people's bank accounts may change in an hour before the brake stops them; 0 is the usual number.
    ``thresholds`` are for *Synchronize users*, ``new_users`` for whom it adds to Huma. ``recipients`` get the e-mails;
    without any, who connected the company does. Whoever starts a synchronization gets its result in any case.
    """

    fields: FieldSettings
    employment: EmploymentDefaults | None = None
    create_automatically: bool = False
    bank_changes_an_hour: int = 0
    thresholds: Thresholds = Thresholds()
    recipients: tuple[Recipient, ...] = ()
    new_users: NewUserDefaults = NewUserDefaults()


@dataclass(frozen=True, slots=True)
class Connection:
    """An organization's authorization for one Fortnox company; times are Unix seconds.

    ``reason`` says why the state is ``needs_reauthorization``. ``last_synchronization`` is the id of the last run,
    finished or not. ``active_since`` is 0 until the first run has finished. ``broken_since`` is when a consent, licence
    or key was last found to be gone. ``paused_since`` is when an administrator paused real time, 0 while it runs.
    """

    organization_id: str
    state: ConnectionState
    settings: OrganizationSettings
    company_name: str = ""
    company_number: str = ""
    tenant_id: str = ""
    connected_at: int = 0
    connected_by: str = ""
    notify: Administrator | None = None
    terms_version: str = ""
    terms_accepted_at: int = 0
    terms_accepted_by: str = ""
    reason: Reason | None = None
    last_synchronization: str = ""
    active_since: int = 0
    has_huma_key: bool = False
    broken_since: int = 0
    paused_since: int = 0
    paused_by: str = ""

    @property
    def recipients(self) -> tuple[Recipient, ...]:
        """Return who gets the e-mails about this connection; nobody before it has been made."""
        if self.settings.recipients or self.notify is None:
            return self.settings.recipients
        return (Recipient(self.notify.email, self.notify.locale),)

    @property
    def usable(self) -> bool:
        """Tell whether Fortnox can be read and written with this connection."""
        return self.state in (ConnectionState.AWAITING_FIRST_SYNC, ConnectionState.ACTIVE)

    @property
    def follows_changes(self) -> bool:
        """Tell whether changes in Huma matter: while the consent is lost they wait in the lane.

        While real time is paused they do not: what happens meanwhile is found when it goes on.
        """
        return not self.paused_since and (self.usable or self.state == ConnectionState.NEEDS_REAUTHORIZATION)

    @property
    def reconciles(self) -> bool:
        """Tell whether everybody can be compared with the bases: before the first run nobody is linked."""
        return self.usable and self.follows_changes and bool(self.active_since)


@dataclass(frozen=True, slots=True)
class MailProblem:
    """What became of e-mail to one address that did not arrive or was not wanted; ``at`` in Unix seconds.

    ``final``: nothing is sent to the address any more.
    """

    address: str = field(repr=False)
    reason: Reason
    at: int
    final: bool


@dataclass(frozen=True, slots=True)
class KeyCheck:
    """What Huma's API key can do: ``problems`` are what is missing, in the order to mend it; empty is good."""

    organization_id: str
    problems: tuple[Reason, ...] = ()


class SynchronizationState(StrEnum):
    """Where one run of *Synchronize users* stands."""

    READING = "reading"
    PLANNING = "planning"
    AWAITING_DECISIONS = "awaiting_decisions"
    APPLYING = "applying"
    FINISHED = "finished"
    CANCELLED = "cancelled"
    FAILED = "failed"

    @property
    def over(self) -> bool:
        """Tell whether the run has ended, in whatever way."""
        return self in (self.FINISHED, self.CANCELLED, self.FAILED)


@dataclass(frozen=True, slots=True)
class Synchronization:
    """One run; ``situations`` and ``outcomes`` count people and changes by name; times are Unix seconds.

    ``situations`` are as the comparison found them and as the lists show them: whom somebody calls the same person as
    another stays where they were found, so that it can be taken back.

    ``progress`` counts people ``users_read``, ``users_total``, ``employees_read``, ``employees_total``, ``planned``,
    ``to_apply`` and ``applied``, ``changes`` found, and the ``requests`` to Fortnox that applying takes, with
    ``requests_done``. ``reason`` is why it failed or was cancelled. ``notes`` are remarks about everybody.
    ``decided`` is another one after each decision.
    """

    id: str
    organization_id: str
    state: SynchronizationState
    started_at: int
    started_by: Administrator
    situations: Mapping[str, int] = field(default_factory=dict)
    outcomes: Mapping[str, int] = field(default_factory=dict)
    progress: Mapping[str, int] = field(default_factory=dict)
    finished_at: int = 0
    reason: Reason | None = None
    notes: tuple[Reason, ...] = ()
    decided: str = ""

    @property
    def finished(self) -> bool:
        """Tell whether everything that was decided has been carried out."""
        return self.state is SynchronizationState.FINISHED

    @property
    def reached_applying(self) -> bool:
        """Tell whether the run came so far that who agreed was left as they were on purpose."""
        return self.finished or "to_apply" in self.progress

    @property
    def seconds_left(self) -> int | None:
        """Return how long Fortnox's limit makes the rest of the writing take; ``None`` while nothing is written."""
        if self.state is not SynchronizationState.APPLYING or "requests" not in self.progress:
            return None
        left = self.progress["requests"] - self.progress.get("requests_done", 0)
        return max(0, math.ceil(left / REQUESTS_A_SECOND))


@dataclass(frozen=True, slots=True)
class LinkedPerson:
    """A link, and what the run that asks has settled for the person, ``None`` when it has not.

    ``pushing`` are the fields that a push is writing just now, or was when it was cut off.
    """

    link: Link
    outcomes: tuple[FieldOutcome, ...] | None = None
    pushing: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class PeoplePage:
    """A page of the plan, each person with the decisions so far; ``after`` continues it, empty at the end.

    ``others`` are the people of other pages whom a pair on this one may join, by key.
    """

    people: tuple[PlannedPerson, ...]
    decisions: Decisions
    after: str = ""
    others: Mapping[str, PlannedPerson] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DecisionInput:
    """One decision as it was given; exactly one of the kinds is filled in.

    ``direction`` with neither person nor field is for everything, with a field for the whole field, with both for
    one field of one person; ``None`` there takes the decision back. ``create`` ticks or unticks a creation.
    ``same_person`` confirms or denies the pair of ``user_id`` and ``employee_id``.
    """

    direction: Direction | None = None
    person: str = ""
    field: str = ""
    create: bool | None = None
    user_id: str = ""
    employee_id: str = ""
    same_person: bool | None = None


@dataclass(frozen=True, slots=True)
class AccountChange:
    """A bank account number that will be written; ``side`` is where, ``huma`` and ``fortnox`` are the raw values."""

    side: str
    key: str
    name: str
    employee_id: str
    field: str
    huma: Raw
    fortnox: Raw


@dataclass(frozen=True, slots=True)
class NewPerson:
    """Somebody who will be created on a ``side``; ``employee_id`` is empty for who gets one by that."""

    side: str
    key: str
    name: str
    employee_id: str


@dataclass(frozen=True, slots=True)
class Summary:
    """Exactly what *Synchronize users* will write.

    ``to_huma`` and ``to_fortnox`` count changes by field key, bank accounts apart in ``bank_accounts`` (by side).
    ``undecided``, ``held``, ``left`` count changes that will not be written, ``cleared`` those that remove a value.
    ``seconds`` estimates the run. ``confirm`` lists what needs an explicit confirmation (codes with numbers), empty
    when nothing does. ``decided`` is that of the run: whoever confirms this summary confirms what was decided by then.
    ``accounts`` and ``created`` name the first of those whose account is changed and of those who are created.
    """

    to_huma: Mapping[str, int]
    to_fortnox: Mapping[str, int]
    bank_accounts: Mapping[str, int]
    create_in_huma: int
    create_in_fortnox: int
    undecided: int
    held: int
    left: int
    seconds: int
    cleared: int = 0
    confirm: tuple[Reason, ...] = ()
    missing: tuple[Reason, ...] = ()
    decided: str = ""
    accounts: tuple[AccountChange, ...] = ()
    created: tuple[NewPerson, ...] = ()


@dataclass(frozen=True, slots=True)
class PersonOutcome:
    """What became of one person in a run; ``name`` is for people, ``key`` as in the plan."""

    key: str
    name: str
    outcomes: tuple[FieldOutcome, ...]


@dataclass(frozen=True, slots=True)
class OutcomePage:
    """A page of a run's result; ``after`` continues it, empty at the end.

    ``employees`` are the numbers in Fortnox of those of the people who are there, by key.
    """

    people: tuple[PersonOutcome, ...]
    after: str = ""
    employees: Mapping[str, str] = field(default_factory=dict)


class Cause(StrEnum):
    """What made something happen; ``mail`` is what became of an e-mail of ours."""

    EVENT = "event"
    MAIL = "mail"
    SYNCHRONIZATION = "synchronization"
    ADMINISTRATOR = "administrator"
    SCHEDULE = "schedule"


@dataclass(frozen=True, slots=True)
class Activity:
    """One entry of the append-only log: field names, never values; ``at`` in Unix milliseconds.

    ``kind`` is a code such as ``push``, ``connected``, ``synchronization-finished``. ``delay_ms`` is the time from
    the event to the write, where there was one.
    """

    at: int
    kind: str
    cause: Cause
    person: str = ""
    name: str = ""
    outcomes: tuple[FieldOutcome, ...] = ()
    reason: Reason | None = None
    actor: str = ""
    delay_ms: int | None = None


@dataclass(frozen=True, slots=True)
class ActivityPage:
    """A page of the log, newest first; ``after`` continues it, empty at the end."""

    entries: tuple[Activity, ...]
    after: str = ""
