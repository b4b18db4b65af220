"""What real time speaks of: messages of the lanes, held fields, and how a lane and its bank changes fare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING

from huma_fortnox.domain.frozen import dataclass

if TYPE_CHECKING:
    from huma_fortnox.domain.outcome import FieldOutcome, Reason
    from huma_fortnox.domain.people import Link
    from huma_fortnox.services.model import Activity, Connection, MailProblem

PERSON = "person"
"""Stands for the person as a whole where an outcome is not about one field."""


@dataclass(frozen=True, slots=True)
class PageToReconcile:
    """A page of Huma's people to be compared with the bases; ``asked_at`` in Unix milliseconds.

    ``reconciliation`` is the id of the round it belongs to, ``cause`` and ``actor`` say who wanted that round.
    """

    organization_id: str
    reconciliation: str
    page: int
    cause: str
    actor: str
    asked_at: int


@dataclass(frozen=True, slots=True)
class HeldField:
    """Why one field of one person did not go to Fortnox; ``since`` in Unix seconds.

    ``outcome`` is ``held`` or ``failed``. ``mark`` is the digest of Huma's value when it was held: while that stands,
    there is nothing new to tell. ``decision`` answers the question about a value removed in Huma: ``remove`` or
    ``keep``, empty until somebody has answered.
    """

    outcome: str
    reason: Reason
    since: int
    mark: str = ""
    decision: str = ""
    decided_by: str = ""


@dataclass(frozen=True, slots=True)
class HeldPerson:
    """Everything of one person that is held, by field; ``name`` is for people.

    ``creating`` notes that an employee is being created for this user, before that is tried: an attempt after a
    crash then looks for what the first one left. ``revision`` counts changes; 0 is a person never stored.
    """

    user_id: str
    name: str = ""
    fields: Mapping[str, HeldField] = field(default_factory=dict)
    creating: bool = False
    revision: int = 0

    @property
    def empty(self) -> bool:
        """Tell whether nothing is left to keep."""
        return not self.fields and not self.creating


@dataclass(frozen=True, slots=True)
class HeldPage:
    """A page of people of whom something is held; ``after`` continues it, empty at the end.

    ``employees`` are the numbers in Fortnox of those of them who are there, by user id.
    """

    people: tuple[HeldPerson, ...]
    after: str = ""
    employees: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Quarantine:
    """An organization whose work keeps failing: it is tried rarely; times are Unix seconds."""

    since: int
    next_try: int
    reason: Reason


@dataclass(frozen=True, slots=True)
class LaneState:
    """How an organization's lane fares; times are Unix seconds.

    ``tries`` and ``failures`` count within the window that began at ``window``. ``waiting`` are the receipts of
    messages that wait longer than a moment, with which they can be called back. ``attempt`` is the message that was
    begun and has not ended, ``attempts`` how often. ``revision`` counts changes; 0 is a state never stored.
    """

    window: int = 0
    tries: int = 0
    failures: int = 0
    quarantine: Quarantine | None = None
    waiting: tuple[str, ...] = ()
    attempt: str = ""
    attempts: int = 0
    revision: int = 0


@dataclass(frozen=True, slots=True)
class Brake:
    """More sensitive changes than usual: they are stopped until somebody confirms; ``since`` in Unix seconds."""

    since: int
    changes: int
    threshold: int


@dataclass(frozen=True, slots=True)
class BrakeState:
    """An organization's sensitive changes of the last hour: (Unix seconds, user id, field).

    ``confirmed_at`` is when somebody last let the stopped ones through, in Unix seconds. ``revision`` as in
    ``LaneState``.
    """

    recent: tuple[tuple[int, str, str], ...] = ()
    brake: Brake | None = None
    confirmed_at: int = 0
    revision: int = 0


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """One round of comparing all of Huma's people with the bases; times are Unix seconds.

    ``page`` is the next page to handle, of ``pages``. ``people`` were looked at so far, ``changed`` of them were
    behind. ``finished_at`` is 0 while it runs, ``touched_at`` when a page was last handled.
    """

    id: str
    cause: str
    actor: str
    started_at: int
    touched_at: int
    page: int = 0
    pages: int = 0
    people: int = 0
    changed: int = 0
    finished_at: int = 0


Begun = Mapping[str, Sequence[str]]
"""By field, the digests of what attempts that were cut off may have left in Fortnox."""


@dataclass(frozen=True, slots=True)
class PushState:
    """All that is kept about an organization and some of its users, as read at once.

    ``begun`` are the writes of users that were begun and not noted as done: by field the digests of what may stand in
    Fortnox because of them. ``applying``: a synchronization is writing just now.
    """

    connection: Connection
    lane: LaneState = field(default_factory=LaneState)
    links: Mapping[str, Link] = field(default_factory=dict)
    held: Mapping[str, HeldPerson] = field(default_factory=dict)
    begun: Mapping[str, Begun] = field(default_factory=dict)
    applying: bool = False


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of one user in a push, to be kept all at once.

    ``link`` with the fields in ``moved`` has new bases, and nothing of it is begun any more; with ``created`` the whole
    link is new. ``held`` replaces what is held of the user (an empty one removes it), ``None``
    leaves it. ``begun`` is what the push has noted to write, if it has: where a run has taken that back meanwhile, the
    bases are not kept. ``claims`` are the unique values that the user has from now on, by (field, digest).
    """

    user_id: str
    link: Link | None = None
    moved: tuple[str, ...] = ()
    begun: Begun | None = None
    created: bool = False
    held: HeldPerson | None = None
    claims: tuple[tuple[str, str], ...] = ()
    activity: Activity | None = None


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a push did: the outcomes it recorded, none when there was nothing to carry or to tell."""

    outcomes: tuple[FieldOutcome, ...] = ()


@dataclass(frozen=True, slots=True)
class RealTime:
    """How real time stands, for the page; ``threshold`` is how many bank account changes an hour the brake lets by.

    ``mail_problem`` tells that our e-mail does not reach whom it should.
    """

    quarantine: Quarantine | None = None
    brake: Brake | None = None
    reconciliation: Reconciliation | None = None
    threshold: int = 0
    mail_problem: MailProblem | None = None
