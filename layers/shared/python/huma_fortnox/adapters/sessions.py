"""Sessions, used launch tokens and OAuth states in the state table; secrets are kept as SHA-256 only."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from typing import TYPE_CHECKING

from huma_fortnox.services.model import Administrator, Session
from huma_fortnox.services.ports import PendingAuthorization

if TYPE_CHECKING:
    from huma_fortnox.adapters.table import Table

_STATE_SECONDS = 600


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


class DynamoSessions:
    """``ports.SessionStore`` on the state table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def use_once(self, kind: str, value: str, *, until: int) -> bool:
        """Note a value that may be used once; ``False`` when it was used before."""
        return self._table.put_new({"pk": f"{kind.upper()}#{_hash(value)}", "sk": "USED", "expires_at": until})

    def was_used(self, kind: str, value: str) -> bool:
        """Tell whether a value that may be used once was used."""
        return self._table.get(f"{kind.upper()}#{_hash(value)}", "USED") is not None

    def save_session(self, session: Session) -> None:
        """Keep a session until it expires."""
        self._table.put(
            {
                "pk": f"SESSION#{_hash(session.id)}",
                "sk": "SESSION",
                "administrator": asdict(session.administrator),
                "csrf_token": session.csrf_token,
                "expires_at": session.expires_at,
            }
        )

    def session(self, session_id: str) -> Session | None:
        """Return the session, or ``None`` when it is unknown or has expired."""
        item = self._table.get(f"SESSION#{_hash(session_id)}", "SESSION")
        if item is None:
            return None
        return Session(session_id, Administrator(**item["administrator"]), item["csrf_token"], item["expires_at"])

    def end_session(self, session_id: str) -> None:
        """Forget a session."""
        self._table.delete(f"SESSION#{_hash(session_id)}", "SESSION")

    def save_state(self, state: str, pending: PendingAuthorization) -> None:
        """Keep what belongs to an OAuth state for ten minutes."""
        self._table.put(
            {
                "pk": f"STATE#{_hash(state)}",
                "sk": "STATE",
                "administrator": asdict(pending.administrator),
                "session": _hash(pending.session_id) if pending.session_id else "",
                "terms_version": pending.terms_version,
                "expires_at": int(self._table.clock()) + _STATE_SECONDS,
            }
        )

    def take_state(self, state: str, session_id: str) -> PendingAuthorization | None:
        """Return what belongs to the state and forget it, if it is bound to this session; it serves once.

        A state asked for by another session is left alone, so that nobody else can use it up.
        """
        key = f"STATE#{_hash(state)}"
        item = self._table.get(key, "STATE")
        if item is None or item["session"] not in ("", _hash(session_id)):
            return None
        if not self._table.delete(key, "STATE", condition="attribute_exists(pk)"):
            return None
        return PendingAuthorization(
            Administrator(**item["administrator"]), session_id if item["session"] else "", item["terms_version"]
        )
