"""What real time needs from the outside, as small protocols; see ``ports`` for the rules that hold for all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from huma_fortnox.domain.people import Link
    from huma_fortnox.services.ports import UserChanged
    from huma_fortnox.services.real_time import (
        Begun,
        BrakeState,
        HeldPage,
        HeldPerson,
        LaneState,
        PageToReconcile,
        PushState,
        Reconciliation,
        Settled,
    )


class PushStore(Protocol):
    """What a push reads before it calls out, and keeps afterwards: one call each."""

    def load(self, organization_id: str, user_ids: Sequence[str]) -> PushState:
        """Return the connection, the lane, and the links and held fields of these users."""
        ...

    def begin(self, organization_id: str, link: Link, begun: Begun) -> bool:
        """Note what is about to be written for a linked user; ``False`` when they are not linked like this any more."""
        ...

    def record(self, organization_id: str, settled: Settled) -> None:
        """Keep what became of a user, all or none; bases of a link that is gone meanwhile are not kept."""
        ...


class HeldStore(Protocol):
    """Where held fields are kept, a person at a time; a push reads and replaces them through ``PushStore``."""

    def person(self, organization_id: str, user_id: str) -> HeldPerson | None:
        """Return what is held of one person."""
        ...

    def people(self, organization_id: str) -> Iterator[HeldPerson]:
        """Yield everybody of whom something is held."""
        ...

    def page(self, organization_id: str, *, after: str, limit: int) -> HeldPage:
        """Return a page of them, by user id."""
        ...

    def decide(self, organization_id: str, user_id: str, field: str, decision: str, *, by: str) -> bool:
        """Note the answer to the question about one field; ``False`` when the field is not held."""
        ...

    def forget(self, organization_id: str) -> None:
        """Remove everything that is held in the organization."""
        ...


class LaneStore(Protocol):
    """Where it is kept how a lane fares."""

    def load(self, organization_id: str) -> LaneState:
        """Return the state of the organization's lane."""
        ...

    def save(self, organization_id: str, state: LaneState) -> bool:
        """Replace the state that had ``state.revision``; ``False`` when somebody else was quicker."""
        ...


class BrakeStore(Protocol):
    """Where an organization's sensitive changes are counted."""

    def load(self, organization_id: str) -> BrakeState:
        """Return what was counted."""
        ...

    def save(self, organization_id: str, state: BrakeState) -> bool:
        """Replace the state that had ``state.revision``; ``False`` when somebody else was quicker."""
        ...


class UniqueValues(Protocol):
    """Who may have a value that must be unique, found by its digest; what it says is checked against the links."""

    def holders(self, organization_id: str, field: str, digest: str) -> Sequence[str]:
        """Return the ids of the users who had the value last; builds the index first when there is none."""
        ...

    def rebuild(self, organization_id: str) -> int:
        """Build the index from all links, and return how many people are linked."""
        ...

    def linked(self, organization_id: str) -> int:
        """Return how many people were linked when the index was built; 0 when it never was."""
        ...

    def forget(self, organization_id: str) -> None:
        """Remove the index."""
        ...


class ReconciliationStore(Protocol):
    """Where the last round of each organization is kept."""

    def load(self, organization_id: str) -> Reconciliation | None:
        """Return the last round."""
        ...

    def begin(self, organization_id: str, reconciliation: Reconciliation) -> None:
        """Keep a new round; pages of an earlier one find that they are not wanted any more."""
        ...

    def advance(self, organization_id: str, reconciliation: Reconciliation, *, page: int) -> bool:
        """Replace the round while it still is this one and at this page; ``False`` when it is not."""
        ...


class ConnectedOrganizations(Protocol):
    """Which organizations are connected."""

    def connected(self) -> Iterator[str]:
        """Yield the ids of all organizations that may be connected; whoever acts on it loads the connection."""
        ...


class TokensAlive(Protocol):
    """Keeps authorizations from running out unused."""

    def keep_alive(self, organization_id: str) -> bool:
        """Renew an organization's refresh token where it would expire unused; return whether it was due."""
        ...


class Lanes(Protocol):
    """The ordered queue with one lane an organization, as real time uses it."""

    def send(self, event: UserChanged) -> None:
        """Put a user at the end of the organization's lane."""
        ...

    def send_many(self, events: Sequence[UserChanged]) -> None:
        """Put users at the end of their lanes."""
        ...

    def send_page(self, page: PageToReconcile) -> None:
        """Put a page at the end of its organization's lane; the same page twice within minutes counts once."""
        ...

    def wait(self, receipt: str, seconds: int) -> None:
        """Let a message be seen again only after so many seconds; a receipt that is no longer good does nothing."""
        ...

    def bury(self, record: Mapping[str, Any]) -> None:
        """Put a message among the dead letters, for an operator to look at."""
        ...


class Notices(Protocol):
    """Sees to it that something is told once, however many workers find it out."""

    def claim(self, organization_id: str, kind: str, key: str) -> bool:
        """Return whether the caller is to tell it; a claim that is not ``told`` can be taken over after minutes."""
        ...

    def told(self, organization_id: str, kind: str, key: str) -> None:
        """Note that it was told."""
        ...
