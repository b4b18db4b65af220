"""JSON bodies read member by member, with errors that name the member.

``path`` in an error is written as in JavaScript: ``decisions[3].direction``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Any, TypeVar

from huma_fortnox.domain.errors import BadRequest

E = TypeVar("E", bound=StrEnum)

LONGEST_SEARCH = 100
"""How much of what somebody searches for is looked at."""


class Members:
    """A JSON object that knows where it stands and which members were asked for."""

    def __init__(self, data: Any, path: str = "") -> None:
        if not isinstance(data, dict):
            raise invalid(path or "$", "object")
        self._data: Mapping[str, Any] = data
        self._path = path
        self._asked: set[str] = set()

    def at(self, name: str) -> str:
        """Return the path of a member."""
        return f"{self._path}.{name}" if self._path else name

    def has(self, name: str) -> bool:
        """Tell whether a member is present, ``null`` included."""
        self._asked.add(name)
        return name in self._data

    def raw(self, name: str) -> Any:
        """Return a member as it is; raises ``BadRequest`` when it is missing."""
        if not self.has(name):
            raise BadRequest("body-member-missing", {"path": self.at(name)})
        return self._data[name]

    def text(self, name: str, *, longest: int = 255) -> str:
        """Return a text that is not empty."""
        value = self.raw(name)
        if not isinstance(value, str) or not value.strip() or len(value) > longest:
            raise invalid(self.at(name), f"text of 1 to {longest} characters")
        return value

    def optional_text(self, name: str, *, longest: int = 255) -> str | None:
        """Return a text, or ``None`` when the member is missing or ``null``."""
        return self.text(name, longest=longest) if self.has(name) and self._data[name] is not None else None

    def flag(self, name: str) -> bool:
        """Return ``true`` or ``false``."""
        value = self.raw(name)
        if not isinstance(value, bool):
            raise invalid(self.at(name), "true or false")
        return value

    def number(self, name: str, *, least: int, most: int) -> int:
        """Return a whole number within these bounds."""
        value = self.raw(name)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise invalid(self.at(name), f"whole number from {least} to {most}")
        return value

    def one_of(self, name: str, allowed: Collection[str]) -> str:
        """Return a text that is one of these."""
        value = self.raw(name)
        if not isinstance(value, str) or value not in allowed:
            raise invalid(self.at(name), ", ".join(allowed))
        return value

    def choice(self, name: str, kind: type[E]) -> E:
        """Return a member of an enumeration."""
        return kind(self.one_of(name, [member.value for member in kind]))

    def items(self, name: str, *, most: int) -> list[Any]:
        """Return an array of at most so many items."""
        value = self.raw(name)
        if not isinstance(value, list) or len(value) > most:
            raise invalid(self.at(name), f"array of at most {most}")
        return value

    def nothing_else(self) -> None:
        """Refuse members nobody asked for: a misspelt name must not pass for an absent one."""
        for name in self._data:
            if name not in self._asked:
                raise BadRequest("body-member-unknown", {"path": self.at(str(name))[:100]})


def invalid(path: str, expected: str) -> BadRequest:
    """Return the error for a member that is there and wrong."""
    return BadRequest("body-member-invalid", {"path": path, "expected": expected})


def page_limit(text: str | None, *, usual: int, most: int) -> int:
    """Return how many rows a page has; raises ``BadRequest`` for anything but 1 to ``most``."""
    if text is None or text == "":
        return usual
    if not (text.isascii() and text.isdigit() and len(text) <= 6 and 1 <= int(text) <= most):
        raise BadRequest("query-invalid", {"name": "limit", "expected": f"1 to {most}"})
    return int(text)


def searched(text: str) -> str:
    """Return a part of a name as somebody searched for it, one space between its words."""
    return " ".join(text.split())[:LONGEST_SEARCH]
