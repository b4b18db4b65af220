"""Users, employees, links and bases: what the plan is made from.

Values are *raw*: what the other system's API gave, as strings, or for composite fields a small mapping of strings
(bank account, address). A key that is absent from ``values`` was not visible (Huma key without the right, Fortnox
``API_NORIGHT``) and is never taken for empty; an empty field is present with the value ``None``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum

from huma_fortnox.domain.frozen import dataclass

Raw = str | Mapping[str, str | None] | None
"""A field's value as one side has it: text, a mapping of texts, or nothing."""


class Side(StrEnum):
    """One of the two systems."""

    HUMA = "huma"
    FORTNOX = "fortnox"

    @property
    def other(self) -> Side:
        """The opposite side."""
        return Side.FORTNOX if self is Side.HUMA else Side.HUMA


@dataclass(frozen=True, slots=True)
class User:
    """A person in Huma.

    ``locked`` are the keys of fields that Huma says cannot be edited by us. ``requested_email`` is a login change
    that waits for the person's own confirmation. ``identity_number`` is as Huma has it, unparsed.
    """

    id: str
    values: Mapping[str, Raw]
    active: bool = True
    identity_number: str | None = None
    requested_email: str | None = None
    locked: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Employee:
    """A person in Fortnox; ``id`` is the EmployeeId, a string for ever."""

    id: str
    values: Mapping[str, Raw]
    active: bool = True
    identity_number: str | None = None


@dataclass(frozen=True, slots=True)
class Base:
    """Keyed digests of both sides of one field as last agreed, written or decided.

    After *Leave* the two differ. ``None`` on a side: that side was never compared.
    """

    huma: str | None = None
    fortnox: str | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """The lasting pair of a user and an employee, with a base for each field that was ever compared.

    ``layout`` remembers how this employee's record is written in Fortnox where a push could not know without
    reading it (which address line holds the street, how the country is spelt); it holds no personal data.
    """

    user_id: str
    employee_id: str
    bases: Mapping[str, Base] = field(default_factory=dict)
    layout: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FieldSettings:
    """An organization's choices that change how fields are read and written.

    ``phone_property`` is ``Phone1`` or ``Phone2``. ``default_region`` (ISO 3166 alpha-2) reads phone numbers
    written without a country code. ``country_name`` is how the company writes Sweden.
    """

    phone_property: str = "Phone1"
    default_region: str = "SE"
    country_name: str = "Sverige"
