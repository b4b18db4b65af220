"""How a value is taken out of the two systems' records, tolerantly.

Huma wraps every profile field: ``{"value": …, "editable": …}``. A wrapper that is missing was not visible; one
without a value is an empty field. Fortnox gives plain properties, empty ones as ``""`` or ``null`` without a rule,
and ``"API_NORIGHT"`` for what the company's licence or our right does not cover.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

NO_RIGHT = "API_NORIGHT"


class Unseen(Enum):
    """A value that is not in the record: not visible to us, or in a shape nobody knows."""

    NOT_VISIBLE = "not visible"
    UNKNOWN_SHAPE = "unknown shape"


Seen = str | Mapping[str, str | None] | None | Unseen
"""A raw value, or why there is none."""

Record = Mapping[str, Any]
"""A record as JSON gives it; what is inside is looked at as ``dict``, several times faster than as ``Mapping``."""


def text(value: Any) -> str | Unseen | None:
    """Return a JSON value as text: blanks are ``None``, whole numbers are written out, the rest is unknown."""
    if isinstance(value, str):
        return value if value and not value.isspace() else None
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return Unseen.UNKNOWN_SHAPE


def members(record: Record, keys: tuple[str, ...], significant: tuple[str, ...]) -> Seen:
    """Return some members of a JSON object as texts; ``None`` when none of the ``significant`` ones is filled.

    Members that are missing are empty.
    """
    found: dict[str, str | None] = {}
    for key in keys:
        member = text(record.get(key))
        if member is Unseen.UNKNOWN_SHAPE:
            return member
        found[key] = member  # type: ignore[assignment]  # a text is known or of an unknown shape
    for key in significant:
        if found[key] is not None:
            return found
    return None


def unwrap(record: Record, key: str) -> Any:
    """Return the value inside one of Huma's wrappers (``None``: empty), or an `Unseen`."""
    wrapper = record.get(key)
    if isinstance(wrapper, dict):
        return wrapper.get("value")
    return Unseen.NOT_VISIBLE if wrapper is None else Unseen.UNKNOWN_SHAPE


def wrapped_text(key: str) -> Callable[[Record], Seen]:
    """Return a reader of a wrapped text, number or date."""

    def read(record: Record) -> Seen:
        value = unwrap(record, key)
        return value if isinstance(value, Unseen) else text(value)

    return read


def wrapped_object(key: str, keys: tuple[str, ...], significant: tuple[str, ...]) -> Callable[[Record], Seen]:
    """Return a reader of a wrapped object of texts."""

    def read(record: Record) -> Seen:
        value = unwrap(record, key)
        if isinstance(value, dict):
            return members(value, keys, significant)
        return value if value is None or isinstance(value, Unseen) else Unseen.UNKNOWN_SHAPE

    return read


def position_date(key: str) -> Callable[[Record], Seen]:
    """Return a reader of a date that stands on the user's position, or for lack of one on the user.

    Source: the user-level dates of Huma's Open API are deprecated copies, "use positions".
    """
    on_user = wrapped_text(key)

    def read(record: Record) -> Seen:
        position = record.get("position")
        if isinstance(position, dict):
            seen = on_user(position)
            if not isinstance(seen, Unseen):
                return seen
        return on_user(record)

    return read


def properties(keys: tuple[str, ...], significant: tuple[str, ...]) -> Callable[[Record], Seen]:
    """Return a reader of several Fortnox properties that are one field.

    The field is not visible when any of them is missing or ``API_NORIGHT``: half an account is no account.
    """

    def read(record: Record) -> Seen:
        for key in keys:
            if record.get(key, NO_RIGHT) == NO_RIGHT:
                return Unseen.NOT_VISIBLE
        return members(record, keys, significant)

    return read


def one_property(record: Record, key: str) -> Seen:
    """Return one Fortnox property as text."""
    value = record.get(key, NO_RIGHT)
    return Unseen.NOT_VISIBLE if value == NO_RIGHT else text(value)


def is_locked(record: Record, key: str) -> bool:
    """Tell whether Huma says that this field cannot be edited by us.

    ``editable`` false, or a warning of another integration that a write would cut off (``locked_disconnect``).
    """
    wrapper = record.get(key)
    if not isinstance(wrapper, dict):
        return False
    if wrapper.get("editable") is False:
        return True
    integrations = wrapper.get("integrations")
    if not isinstance(integrations, dict):
        return False
    return any(
        isinstance(meta, dict) and meta.get("warning") == "locked_disconnect"
        for name, meta in integrations.items()
        if str(name).casefold() != "fortnox"
    )


def flag(value: Any) -> bool:
    """Read a boolean that Fortnox sometimes writes as text.

    >>> flag("true"), flag("false"), flag(None), flag(True)
    (True, False, False, True)
    """
    return value is True or (isinstance(value, str) and value.casefold() == "true")


def is_person(record: Record) -> bool:
    """Tell whether a record of Huma's is about a person, and not about an integration's own service user."""
    return record.get("type") != "service_user"
