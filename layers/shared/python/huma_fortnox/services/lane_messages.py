"""The messages of the lanes as JSON: a user to look at, or a page of a reconciliation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from huma_fortnox.domain.errors import Defect
from huma_fortnox.services.ports import UserChanged
from huma_fortnox.services.real_time import PageToReconcile

if TYPE_CHECKING:
    from collections.abc import Mapping

RECONCILE = "reconcile"


def message_to_json(content: UserChanged | PageToReconcile) -> dict[str, Any]:
    """Return a lane's message as plain JSON; one about a page says so in ``kind``."""
    data = {name: getattr(content, name) for name in content.__dataclass_fields__}
    return {"kind": RECONCILE, **data} if isinstance(content, PageToReconcile) else data


def message_from_json(data: Mapping[str, Any]) -> UserChanged | PageToReconcile:
    """Read what ``message_to_json`` wrote; raises ``Defect("lane-message-unreadable")``."""
    known = dict(data)
    kind = known.pop("kind", "")
    try:
        return PageToReconcile(**known) if kind == RECONCILE else UserChanged(**known)
    except TypeError:
        raise Defect("lane-message-unreadable") from None
