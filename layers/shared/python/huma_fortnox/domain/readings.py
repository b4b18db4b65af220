"""A raw value as it was understood: what it compares as, or why it cannot be read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from huma_fortnox.domain.format_errors import FormatError
    from huma_fortnox.domain.outcome import Reason
    from huma_fortnox.domain.people import FieldSettings


class Context(NamedTuple):
    """What else is known about the person whose value is read or written.

    ``region`` (ISO 3166 alpha-2) is where the person lives: it reads phone numbers without a country code.
    ``identity_number`` is the person's own, unparsed. ``settings`` are the organization's.
    """

    region: str
    settings: FieldSettings
    identity_number: str | None = None


class Reading(NamedTuple):
    """One value, read.

    ``key`` is what it compares as (``None``: empty or unreadable). ``mark`` is what its digest is made from: unlike
    the key it never depends on the person's other fields, so a field's digest moves only when that field does; the
    empty value's mark is ``""``. ``value`` is the parsed value, and ``problem`` says why it cannot be read.
    """

    key: str | None
    mark: str
    value: Any = None
    problem: Reason | None = None

    @property
    def empty(self) -> bool:
        """Tell whether there is no value at all."""
        return self.key is None and self.problem is None


EMPTY = Reading(None, "")
"""The reading of an empty value."""


def unreadable(text: str, error: FormatError) -> Reading:
    """Return the reading of a value nobody can use; its mark is the text itself, white space apart."""
    return Reading(None, text_mark(text), None, error.reason)


def text_mark(text: str) -> str:
    """Return the mark of a text that has no key; no key begins with this character."""
    return "\0" + " ".join(text.split())


def agree(one: Reading, other: Reading) -> bool:
    """Tell whether both sides hold the same: equal keys, both empty, or the same unreadable text."""
    if one.key is not None and other.key is not None:
        return one.key == other.key
    return one.key is None and other.key is None and one.mark == other.mark
