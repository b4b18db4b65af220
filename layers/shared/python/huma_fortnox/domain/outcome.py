"""Outcomes and their reasons, as data.

A reason is a stable code with parameters, never a sentence: the page, the e-mail, the log and the API look the
sentence up in the reader's language and so always say the same thing. Parameters never carry a phone number, an
account, an address or an e-mail; they carry field keys, counts, characters and ids.
"""

from __future__ import annotations

from dataclasses import field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from huma_fortnox.domain.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping


class Outcome(StrEnum):
    """What became of one proposed change."""

    DONE = "done"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"
    HELD = "held"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something is as it is: a stable kebab-case code and its parameters.

    >>> str(Reason("duplicate-in-huma", {"field": "phone"}))
    'duplicate-in-huma(field=phone)'
    """

    code: str
    params: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        if not self.params:
            return self.code
        inner = ", ".join(f"{name}={value}" for name, value in sorted(self.params.items()))
        return f"{self.code}({inner})"

    def to_json(self) -> dict[str, Any]:
        """Return the reason as plain JSON: ``{"code": …, "params": {…}}``."""
        return {"code": self.code, "params": dict(self.params)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Reason:
        """Read what ``to_json`` wrote."""
        return cls(data["code"], dict(data.get("params") or {}))


@dataclass(frozen=True, slots=True)
class FieldOutcome:
    """What became of one field of one person (or of the person as a whole).

    ``field`` is a key of the fields table, or ``"person"`` for a creation or a whole person held back.
    ``target`` is the side that was, or would have been, written: ``"huma"``, ``"fortnox"`` or ``""``.
    """

    field: str
    outcome: Outcome
    target: str = ""
    reason: Reason | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the outcome as plain JSON."""
        return {
            "field": self.field,
            "outcome": self.outcome.value,
            "target": self.target,
            "reason": self.reason.to_json() if self.reason else None,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> FieldOutcome:
        """Read what ``to_json`` wrote."""
        return cls(
            data["field"],
            Outcome(data["outcome"]),
            data.get("target", ""),
            Reason.from_json(data["reason"]) if data.get("reason") else None,
        )
