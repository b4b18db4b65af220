"""What the use cases need from the outside, as small protocols; the adapters fulfil them.

Records are the other systems' JSON objects as mappings; only ``domain.fields`` knows what stands where in them.
All methods raise the errors of ``domain.errors`` and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any, Protocol

from huma_fortnox.domain.frozen import dataclass

if TYPE_CHECKING:
    from huma_fortnox.domain.decisions import Decisions
    from huma_fortnox.domain.errors import IntegrationError
    from huma_fortnox.domain.outcome import FieldOutcome, Outcome
    from huma_fortnox.domain.people import Link
    from huma_fortnox.services.model import (
        Activity,
        ActivityPage,
        Administrator,
        Connection,
        ConnectionState,
        DecisionInput,
        LinkedPerson,
        MailProblem,
        PersonOutcome,
        Session,
        Synchronization,
        SynchronizationState,
    )

Record = Mapping[str, Any]

USER_ID = re.compile(r"[!-~]{1,128}")
"""What a user's id is made of, to go into addresses and into the lane's own ids; Huma's are UUIDs."""


@dataclass(frozen=True, slots=True)
class Company:
    """A Fortnox company: ``tenant_id`` is its DatabaseNumber."""

    name: str
    organization_number: str
    tenant_id: str


@dataclass(frozen=True, slots=True)
class EmployeePage:
    """One page of employees: complete rows, the number of pages and of employees in all."""

    employees: Sequence[Record]
    pages: int
    total: int


USERS_A_PAGE = 50
"""Huma's largest page."""

EMPLOYEES_A_PAGE = 500
"""Fortnox's largest page."""


@dataclass(frozen=True, slots=True)
class UserPage:
    """One page of Huma's list: ids of people, and how many entries the whole list has, service users counted."""

    user_ids: Sequence[str]
    total: int


class Fortnox(Protocol):
    """One organization's Fortnox company."""

    def company(self) -> Company:
        """Return the connected company."""
        ...

    def employees(self, page: int) -> EmployeePage:
        """Return page ``page`` (1-based) of all employees, 500 a page, inactive ones included."""
        ...

    def employee(self, employee_id: str) -> Record | None:
        """Return one employee, or ``None`` when there is none with this id."""
        ...

    def find_employee(self, email: str, given_name: str, family_name: str) -> Sequence[Record]:
        """Return the employees with this e-mail (case-folded): the look before a creation is repeated."""
        ...

    def create_employee(self, properties: Mapping[str, str | None]) -> Record:
        """Create an employee and return the stored record.

        Raises ``OutcomeUnknown`` when no answer came: look with ``find_employee`` before trying again.
        """
        ...

    def update_employee(self, employee_id: str, properties: Mapping[str, str | None]) -> Record:
        """Write only these properties and return the stored record; ``None`` clears a property.

        Repeating it is safe. A property that Fortnox silently ignored is missing from the agreement between what
        was sent and what is returned: the caller compares.
        """
        ...


@dataclass(frozen=True, slots=True)
class HumaOrganization:
    """What a Huma key tells about itself: whose it is."""

    organization_id: str


class Huma(Protocol):
    """One organization's people in Huma."""

    def check_key(self) -> HumaOrganization:
        """Fetch a token and return the organization the key belongs to; raises ``HumaKeyRefused``."""
        ...

    def users(self, page: int) -> UserPage:
        """Return page ``page`` (0-based) of all people, 50 a page, service users left out."""
        ...

    def details(self, user_ids: Sequence[str]) -> Sequence[Record]:
        """Return these users' details, each with its ``position`` merged in, read concurrently and bounded.

        ``position`` is the Position (wrapped fields) that carries the employment dates, or ``None``. A user that
        is gone meanwhile is left out.
        """
        ...

    def user(self, user_id: str) -> Record | None:
        """Return one user's details with ``position`` merged in, or ``None`` when the user is gone."""
        ...

    def update_user(self, user_id: str, patch: Mapping[str, Any]) -> Record:
        """PATCH these plain values and return the details as stored, without ``position``."""
        ...

    def update_position(
        self, user_id: str, position_id: str | None, dates: Mapping[str, str | None], *, job_title: str
    ) -> Record:
        """Write ``firstDayOfWork`` / ``lastDayOfWork``.

        A position is created when ``position_id`` is ``None``, with the title of this name, made where there is none.
        """
        ...

    def find_user(self, email: str) -> Record | None:
        """Return the details of the user with this e-mail (case-folded): the look before a creation is repeated."""
        ...

    def create_user(self, given_name: str, family_name: str, email: str, *, invite: bool) -> str:
        """Create a user and return its id; raises ``OutcomeUnknown`` when no answer came."""
        ...


class RateBudget(Protocol):
    """The 25 requests in any 5 s that all workers of an organization share."""

    def acquire(self) -> None:
        """Wait until one request may be sent; raises ``RateLimited`` when the wait would exceed the time left."""
        ...

    def answered(self) -> None:
        """Tell that the request this thread took its last permit for is over: its rest is known from here on."""
        ...

    def pause(self, seconds: float) -> None:
        """Stop everybody of this organization for so long (after a 429)."""
        ...

    def give_back(self) -> None:
        """Return the permits taken in advance and not used."""
        ...


class Leases(Protocol):
    """The right of one worker at a time to do something for an organization, for so long and no longer."""

    def acquire(self, name: str, seconds: float) -> Any | None:
        """Take the lease, or return ``None`` when somebody else has it."""
        ...

    def renew(self, lease: Any, seconds: float) -> Any:
        """Make the lease run on; raises ``Conflict`` when it is over or taken."""
        ...

    def release(self, lease: Any) -> bool:
        """Give the lease back; return whether it was still ours to give."""
        ...

    def running(self, lease: Any, seconds: float = 0.0) -> bool:
        """Tell whether the lease runs for ``seconds`` more."""
        ...


class AccessTokens(Protocol):
    """The organization's Fortnox access token, fetched and renewed as needed."""

    def access_token(self) -> str:
        """Return a token that is valid for at least a minute; raises ``ConsentNeeded`` or ``LicenceMissing``."""
        ...

    def refused(self, token: str) -> None:
        """Tell that Fortnox answered 401 to this token, so that the next call fetches another."""
        ...


class Clock(Protocol):
    """The present, in Unix seconds."""

    def __call__(self) -> float:
        """Return the present."""
        ...


class ConnectionStore(Protocol):
    """Where connections are kept."""

    def load(self, organization_id: str) -> Connection:
        """Return the organization's connection; ``not_connected`` when there is nothing stored."""
        ...

    def change(
        self,
        organization_id: str,
        changes: Mapping[str, Any],
        *,
        only_from: Sequence[ConnectionState] = (),
    ) -> bool:
        """Change attributes of ``Connection`` by name; ``False`` when its state is none of ``only_from``."""
        ...

    def claim_company(self, tenant_id: str, organization_id: str) -> bool:
        """Note that this organization has this Fortnox company; ``False`` when another one has it."""
        ...

    def release_company(self, tenant_id: str, organization_id: str) -> None:
        """Let go of the company, if this organization has it."""
        ...


class SessionStore(Protocol):
    """Where sessions, used launch tokens and OAuth states are kept; only hashes of secrets are stored."""

    def use_once(self, kind: str, value: str, *, until: int) -> bool:
        """Note a value that may be used once; ``False`` when it was used before."""
        ...

    def was_used(self, kind: str, value: str) -> bool:
        """Tell whether a value that may be used once was used."""
        ...

    def save_session(self, session: Session) -> None:
        """Keep a session until it expires."""
        ...

    def session(self, session_id: str) -> Session | None:
        """Return the session, or ``None`` when it is unknown or has expired."""
        ...

    def end_session(self, session_id: str) -> None:
        """Forget a session."""
        ...

    def save_state(self, state: str, pending: PendingAuthorization) -> None:
        """Keep what belongs to an OAuth state for ten minutes."""
        ...

    def take_state(self, state: str, session_id: str) -> PendingAuthorization | None:
        """Return what belongs to the state and forget it, if it is bound to this session; it serves once."""
        ...


@dataclass(frozen=True, slots=True)
class PendingAuthorization:
    """Whom an OAuth state belongs to; ``session_id`` is empty when the API asked with a bearer token."""

    administrator: Administrator
    session_id: str
    terms_version: str


class LaunchTokens(Protocol):
    """Huma's signed tokens."""

    def claims(self, token: str) -> Mapping[str, Any]:
        """Return the claims of a token that is genuine, for us and in time; raises ``NotSignedIn``."""
        ...


class SynchronizationStore(Protocol):
    """Where runs, their plans, decisions and results are kept."""

    def begin(self, synchronization: Synchronization) -> str:
        """Lock the organization and keep the new run; return the id of the run that has the lock."""
        ...

    def keep_lock(self, organization_id: str, synchronization_id: str) -> bool:
        """Tell whether the run has the organization's lock, and keep it for as long as a run may take."""
        ...

    def unlock(self, organization_id: str, synchronization_id: str) -> None:
        """Release the organization's lock if this run has it."""
        ...

    def load(self, organization_id: str, synchronization_id: str) -> Synchronization | None:
        """Return the run, or ``None``."""
        ...

    def running(self, organization_id: str) -> str:
        """Return the id of the run that has the lock, or an empty string."""
        ...

    def change(
        self,
        organization_id: str,
        synchronization_id: str,
        changes: Mapping[str, Any],
        *,
        only_from: Sequence[SynchronizationState] = (),
        decided: str | None = None,
    ) -> bool:
        """Change attributes of ``Synchronization`` by name; ``False`` when its state is none of ``only_from``.

        Of ``progress`` the counters given are replaced. With ``decided`` also ``False`` when a decision was kept since
        the run said so.
        """
        ...

    def count(self, organization_id: str, synchronization_id: str, progress: Mapping[str, int]) -> None:
        """Add to the progress counters."""
        ...

    def save_token(self, organization_id: str, synchronization_id: str, token: str) -> bool:
        """Keep the workflow's task token; ``False`` when the run is no longer waiting for it."""
        ...

    def token(self, organization_id: str, synchronization_id: str) -> str:
        """Return the workflow's task token, or an empty string."""
        ...

    def save_chunk(
        self, organization_id: str, synchronization_id: str, name: str, number: int, data: Any, *, result: bool = False
    ) -> bool:
        """Keep a numbered chunk of JSON, as long as a ``result`` or a plan; return whether the number is new."""
        ...

    def chunk(self, organization_id: str, synchronization_id: str, name: str, number: int) -> Any | None:
        """Return a chunk, or ``None``."""
        ...

    def chunks(self, organization_id: str, synchronization_id: str, name: str) -> Iterator[tuple[int, Any]]:
        """Yield the chunks of a name with their numbers, in order."""
        ...

    def save_people(
        self, organization_id: str, synchronization_id: str, people: Iterable[tuple[str, str, Mapping[str, Any]]]
    ) -> None:
        """Keep people of the plan: (situation, key, JSON)."""
        ...

    def remove_people(self, organization_id: str, synchronization_id: str, people: Iterable[tuple[str, str]]) -> None:
        """Remove people of the plan: (situation, key)."""
        ...

    def people(
        self, organization_id: str, synchronization_id: str, situation: str, *, after: str, limit: int
    ) -> tuple[list[Mapping[str, Any]], str]:
        """Return a page of the plan's people, all or those of one situation, and where to continue."""
        ...

    def persons(
        self, organization_id: str, synchronization_id: str, keys: Iterable[str], situations: Iterable[str] = ()
    ) -> Mapping[str, Mapping[str, Any]]:
        """Return those of the people that are in the plan, by key; ``situations`` are where to look, if known."""
        ...

    def save_decisions(
        self, organization_id: str, synchronization_id: str, decisions: Sequence[DecisionInput], *, by: str
    ) -> bool:
        """Keep decisions; one that takes a decision back removes it.

        ``False`` when the run no longer waits for any: from then on none is kept.
        """
        ...

    def decisions(self, organization_id: str, synchronization_id: str) -> Decisions:
        """Return all decisions of the run."""
        ...

    def begin_group(
        self, organization_id: str, synchronization_id: str, batch: int, group: int, intents: Mapping[str, Any]
    ) -> int:
        """Note, before the first write, what is about to be written for a group of people; return which time it is."""
        ...

    def groups(self, organization_id: str, synchronization_id: str, batch: int) -> Mapping[int, bool]:
        """Return the groups of a batch that were begun, and whether everybody in them is settled."""
        ...

    def end_group(
        self, organization_id: str, synchronization_id: str, batch: int, group: int, outcomes: Sequence[PersonOutcome]
    ) -> bool:
        """Keep what became of a group of people; return whether it is the first time."""
        ...

    def linked(
        self, organization_id: str, synchronization_id: str, user_ids: Iterable[str]
    ) -> Mapping[str, LinkedPerson]:
        """Return the links of those of these users who have one, and what this run has settled for them."""
        ...

    def settle(
        self,
        organization_id: str,
        synchronization_id: str,
        link: Link,
        outcomes: Sequence[FieldOutcome],
        *,
        seen: Link | None,
        wrote: Collection[str] = (),
        overtaking: bool = False,
    ) -> bool:
        """Keep the bases that a run moves together with what became of the person, all or nothing.

        ``seen`` is the link as it was when the run looked: bases that are the same in both are left alone. ``False``
        when one of the others moved meanwhile, or somebody else made the link, or took it away. So also when a push has
        moved the base of a field that was ``wrote`` here, were it back to what it is in both, or is just writing it;
        with ``overtaking`` what pushes are writing is let be, and they do not record it.
        """
        ...

    def outcomes(
        self, organization_id: str, synchronization_id: str, *, after: str, limit: int
    ) -> tuple[list[PersonOutcome], str]:
        """Return a page of the result and where to continue."""
        ...


class LinkStore(Protocol):
    """Where the lasting pairs are kept."""

    def link(self, organization_id: str, user_id: str) -> Link | None:
        """Return the user's link."""
        ...

    def of_users(self, organization_id: str, user_ids: Iterable[str]) -> Mapping[str, Link]:
        """Return the links of those of these users who have one, by user id."""
        ...

    def links(self, organization_id: str) -> Iterator[Link]:
        """Yield all links of the organization."""
        ...

    def save(self, organization_id: str, links: Iterable[Link]) -> None:
        """Keep links."""
        ...

    def move_bases(self, organization_id: str, link: Link, fields: Iterable[str]) -> None:
        """Write the bases of just these fields, so that a run and a push do not undo each other's."""
        ...

    def forget(self, organization_id: str) -> None:
        """Remove all links of the organization."""
        ...


class ActivityStore(Protocol):
    """The append-only log."""

    def append(self, organization_id: str, activity: Activity) -> None:
        """Add an entry."""
        ...

    def page(
        self, organization_id: str, *, after: str, limit: int, person: str = "", outcome: Outcome | None = None
    ) -> ActivityPage:
        """Return a page, newest first: of everything, of what is about a person, or of what had an outcome.

        A page of a selection may hold fewer than there are, or none, and still tell where to go on.
        """
        ...


class Workflow(Protocol):
    """The runs' state machine."""

    def start(self, organization_id: str, synchronization_id: str) -> None:
        """Start the run; starting it again is fine."""
        ...

    def has_ended(self, organization_id: str, synchronization_id: str) -> bool:
        """Tell whether the run was started and nobody carries it out any more, however that came."""
        ...

    def answer(self, token: str, decision: str) -> None:
        """Tell a waiting run what was decided: ``apply`` or ``cancel``; an answer nobody waits for is fine."""
        ...


@dataclass(frozen=True, slots=True)
class UserChanged:
    """Huma says that a user changed; only a hint, for the user is read as it is then. ``occurred_at`` in ms.

    ``cause`` (a ``Cause``) and ``actor`` tell who else may want a look at the user. ``again``: what Fortnox refused
    is sent again, too.
    """

    organization_id: str
    user_id: str
    topic: str
    event_id: str
    occurred_at: int
    cause: str = "event"
    actor: str = ""
    again: bool = False


class EventBus(Protocol):
    """The bus that Huma's events travel on."""

    def publish(self, events: Sequence[UserChanged]) -> None:
        """Put events on the bus; raises ``TransientError`` when not all were accepted."""
        ...


class Lane(Protocol):
    """The ordered queue with one lane an organization."""

    def send(self, event: UserChanged) -> None:
        """Put the event at the end of its organization's lane; the same event twice within minutes counts once."""
        ...


class Mailer(Protocol):
    """Sends e-mail."""

    def send(self, organization_id: str, to: str, subject: str, text: str, html: str) -> None:
        """Send one message about an organization; raises ``TransientError`` or ``Refused``."""
        ...


class MailProblems(Protocol):
    """Which addresses of an organization did not take our e-mail, or did not want it; the last problem of each."""

    def save(self, organization_id: str, problem: MailProblem) -> bool:
        """Keep a problem; ``False`` when what is kept of its address is as new, or final and this is not."""
        ...

    def of(self, organization_id: str, address: str) -> MailProblem | None:
        """Return the problem of an address; one that is not final is forgotten after days."""
        ...

    def all(self, organization_id: str) -> Sequence[MailProblem]:
        """Return the problems of all the organization's addresses."""
        ...

    def forget(self, organization_id: str) -> None:
        """Remove all of the organization's."""
        ...


@dataclass(frozen=True, slots=True)
class HumaAccess:
    """An organization's access to Huma and what Huma signs its webhooks with."""

    client_id: str = field(repr=False)
    client_secret: str = field(repr=False)
    webhook_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ConsentGranted:
    """What Fortnox gave for an authorization code; tokens stay out of repr and logs."""

    company: Company
    grant: str
    access_token: str = field(repr=False)
    expires_at: int
    refresh_token: str = field(repr=False, default="")
    scope: str = ""


class Vault(Protocol):
    """What an organization keeps secret."""

    def huma(self, organization_id: str) -> HumaAccess | None:
        """Return the organization's access to Huma, or ``None`` when it has not been entered."""
        ...

    def save_huma(self, organization_id: str, access: HumaAccess) -> None:
        """Keep the organization's access to Huma."""
        ...

    def save_consent(self, organization_id: str, granted: ConsentGranted) -> None:
        """Keep what Fortnox granted."""
        ...

    def forget_consent(self, organization_id: str) -> None:
        """Forget what Fortnox granted."""
        ...

    def base_key(self, organization_id: str) -> bytes:
        """Return the key of the organization's base digests."""
        ...


class FortnoxConsent(Protocol):
    """The administrator's way through Fortnox's login and back."""

    def authorization_url(self, state: str) -> str:
        """Return where to send the administrator."""
        ...

    def refusal(self, query: Mapping[str, str]) -> IntegrationError | None:
        """Return what Fortnox's answer to the redirect means when it is not a consent."""
        ...

    def redeem(self, code: str) -> ConsentGranted:
        """Turn the authorization code into a grant; raises ``ConsentNeeded`` or ``LicenceMissing``."""
        ...

    def revoke(self, organization_id: str) -> None:
        """Tell Fortnox that the grant is no longer wanted; failures do not matter."""
        ...


class Systems(Protocol):
    """Opens the two systems for an organization."""

    def huma(self, organization_id: str) -> Huma:
        """Return the organization's Huma; raises ``HumaKeyRefused("huma-key-missing")`` without a key."""
        ...

    def huma_with(self, access: HumaAccess) -> Huma:
        """Return the Huma this key opens, to check it before it is kept."""
        ...

    def fortnox(self, organization_id: str) -> Fortnox:
        """Return the organization's Fortnox company; raises ``ConsentNeeded`` when it is not connected."""
        ...
