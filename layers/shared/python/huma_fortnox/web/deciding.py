"""What the pages of deciding share: they are open while a run waits, and forms become decisions.

A form tells with every choice what it was when the page was made (``was…``), so only what was moved is decided anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from huma_fortnox.domain.decisions import Direction
from huma_fortnox.domain.errors import BadRequest
from huma_fortnox.pages import addresses
from huma_fortnox.services.model import DecisionInput, SynchronizationState
from huma_fortnox.web.http import see_other

if TYPE_CHECKING:
    from collections.abc import Mapping

    from huma_fortnox.services.model import Session, Synchronization
    from huma_fortnox.web.http import Form, Request, Response
    from huma_fortnox.web.use_cases import UseCases
    from huma_fortnox.web.visitor import Visitor

ROWS = 50
RUN = addresses.SYNCHRONIZATIONS + "/<synchronization_id>"


class Deciding:
    """Looks runs up for whoever asks, and keeps what their forms decide."""

    def __init__(self, use_cases: UseCases, visitor: Visitor) -> None:
        self.synchronizations = use_cases.synchronizations
        self.visitor = visitor

    def find(self, request: Request, synchronization_id: str) -> tuple[Session, Synchronization]:
        """Return the visitor's session and a run of their organization."""
        session = self.visitor.enter(request)
        return session, self.synchronizations.get(session.administrator.organization_id, synchronization_id)

    def keep(self, session: Session, synchronization_id: str, decisions: list[DecisionInput]) -> bool:
        """Keep decisions; return whether there were any."""
        if decisions:
            self.synchronizations.decide(session.administrator, synchronization_id, decisions)
        return bool(decisions)


def elsewhere(found: Synchronization) -> Response[str] | None:
    """Lead away from the steps of deciding when a run no longer, or not yet, waits for decisions."""
    if found.state is SynchronizationState.AWAITING_DECISIONS:
        return None
    return see_other(addresses.synchronization(found.id))


def direction_of(value: str) -> Direction | None:
    """Read a direction; empty is none."""
    if not value:
        return None
    try:
        return Direction(value)
    except ValueError:
        raise BadRequest("value-invalid") from None


def wide_of(pressed: str) -> DecisionInput | None:
    """Read a button for a whole field or everything: ``direction:field``, either part may be empty."""
    if not pressed:
        return None
    direction, _, field = pressed.partition(":")
    return DecisionInput(direction=direction_of(direction), field=field)


def choices_of(form: Form) -> list[DecisionInput]:
    """Read the radio buttons that were moved, and the one choice that is taken back."""
    undo = form.get("undo")
    field, _, person = undo.partition(":")
    decisions = [DecisionInput(person=person, field=field)] if field and person else []
    for place, value, field, person in _moved(form, "choice", "was"):
        if place != undo:
            decisions.append(DecisionInput(direction=direction_of(value), person=person, field=field))
    return decisions


def pairs_of(form: Form) -> list[DecisionInput]:
    """Read who was said to be the same person as whom, or not."""
    if any(value not in ("same", "different") for value in form.starting("pair:").values()):
        raise BadRequest("value-invalid")
    return [
        DecisionInput(user_id=user, employee_id=employee, same_person=value == "same")
        for _, value, user, employee in _moved(form, "pair", "was-pair")
    ]


def creations_of(form: Form) -> list[DecisionInput]:
    """Read the ticks that differ from what was listed; one button ticks or unticks a whole list."""
    ticked = set(form.all("create"))
    every, _, chosen_list = form.get("every").partition(":")
    decisions = []
    for place, was in form.starting("listed:").items():
        name, _, person = place.partition(":")
        wanted = every == "tick" if every and name == chosen_list else person in ticked
        if wanted != (was == "1"):
            decisions.append(DecisionInput(person=person, create=wanted))
    return decisions


def _moved(form: Form, kind: str, was: str) -> list[tuple[str, str, str, str]]:
    """Return what is no longer as it was: place, value, and both parts of the place."""
    before: Mapping[str, str] = form.starting(f"{was}:")
    found = []
    for place, value in form.starting(f"{kind}:").items():
        first, _, second = place.partition(":")
        if value != before.get(place, "") and first and second:
            found.append((place, value, first, second))
    return found
