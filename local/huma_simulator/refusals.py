"""What the Open API answers when it refuses, in the shapes its OpenAPI document gives.

    Refusal
    ├── InvalidField   400  {errorCode, errorMessage, fields}
    ├── InvalidToken   401  {error, error_description}
    └── NotFound       404  {errorCode, errorMessage, interpolations}

The document names one code, ``field:invalid-format``. The other codes below are this simulator's
own choice: a client must treat an unknown code as it treats the known one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

INVALID_FORMAT = "field:invalid-format"
NOT_UNIQUE = "field:not-unique"
NOT_EDITABLE = "field:not-editable"
DEACTIVATED = "user:deactivated"


class Refusal(Exception):
    """An answer that says no: ``status`` and the JSON ``body``, in Huma's own shape."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(f"{status}")
        self.status = status
        self.body = body


class InvalidField(Refusal):
    """400: the named ``fields`` cannot be taken as they are; ``code`` says why."""

    def __init__(self, fields: Iterable[str], code: str = INVALID_FORMAT, message: str = "") -> None:
        self.code = code
        self.fields = sorted(set(fields))
        self.message = message or "Invalid field format"
        super().__init__(400, {"errorCode": code, "errorMessage": self.message, "fields": self.fields})


class InvalidToken(Refusal):
    """401: no token, or one that is unknown, expired or revoked."""

    def __init__(self, description: str) -> None:
        super().__init__(401, {"error": "invalid_token", "error_description": description})


class NotFound(Refusal):
    """404: no object of this ``kind`` has this id in the organization of the caller."""

    def __init__(self, kind: str, identifier: str) -> None:
        super().__init__(
            404,
            {
                "errorCode": "object:not-found",
                "errorMessage": "Object not found",
                "interpolations": {"type": kind, "id": identifier},
            },
        )
