"""What the use cases need from the outside, as small protocols; the adapters fulfil them.

Records are the other systems' JSON objects as mappings; only ``domain.fields`` knows what stands where in them.
All methods raise the errors of ``domain.errors`` and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Company:
    """A Fortnox company: ``tenant_id`` is its DatabaseNumber."""

    name: str
    organization_number: str
    tenant_id: str


@dataclass(frozen=True, slots=True)
class EmployeePage:
    """One page of employees: complete rows, the number of pages and of employees in all."""

    employees: Sequence[Record]
    pages: int
    total: int


@dataclass(frozen=True, slots=True)
class UserPage:
    """One page of Huma's list: ids and activity only, and the number of users in all."""

    user_ids: Sequence[str]
    total: int


@dataclass(frozen=True, slots=True)
class EmploymentDefaults:
    """What Fortnox demands of a new employee and Huma does not know; an organization's setting, never a guess."""

    personel_type: str
    employment_form: str
    salary_form: str


class Fortnox(Protocol):
    """One organization's Fortnox company."""

    def company(self) -> Company:
        """Return the connected company."""
        ...

    def employees(self, page: int) -> EmployeePage:
        """Return page ``page`` (1-based) of all employees, 500 a page, inactive ones included."""
        ...

    def employee(self, employee_id: str) -> Record | None:
        """Return one employee, or ``None`` when there is none with this id."""
        ...

    def find_employee(self, email: str, given_name: str, family_name: str) -> Sequence[Record]:
        """Return the employees with this e-mail (case-folded): the look before a creation is repeated."""
        ...

    def create_employee(self, properties: Mapping[str, str | None]) -> Record:
        """Create an employee and return the stored record.

        Raises ``OutcomeUnknown`` when no answer came: look with ``find_employee`` before trying again.
        """
        ...

    def update_employee(self, employee_id: str, properties: Mapping[str, str | None]) -> Record:
        """Write only these properties and return the stored record; ``None`` clears a property.

        Repeating it is safe. A property that Fortnox silently ignored is missing from the agreement between what
        was sent and what is returned: the caller compares.
        """
        ...


@dataclass(frozen=True, slots=True)
class HumaOrganization:
    """What a Huma key tells about itself: whose it is."""

    organization_id: str


class Huma(Protocol):
    """One organization's people in Huma."""

    def check_key(self) -> HumaOrganization:
        """Fetch a token and return the organization the key belongs to; raises ``HumaKeyRefused``."""
        ...

    def users(self, page: int) -> UserPage:
        """Return page ``page`` (0-based) of all people, 50 a page, service users left out."""
        ...

    def details(self, user_ids: Sequence[str]) -> Sequence[Record]:
        """Return these users' details, each with its ``position`` merged in, read concurrently and bounded.

        ``position`` is the Position (wrapped fields) that carries the employment dates, or ``None``. A user that
        is gone meanwhile is left out.
        """
        ...

    def user(self, user_id: str) -> Record | None:
        """Return one user's details with ``position`` merged in, or ``None`` when the user is gone."""
        ...

    def update_user(self, user_id: str, patch: Mapping[str, Any]) -> Record:
        """PATCH these plain values and return the details as stored, without ``position``."""
        ...

    def update_position(self, user_id: str, position_id: str | None, dates: Mapping[str, str | None]) -> Record:
        """Write ``firstDayOfWork`` / ``lastDayOfWork``; creates a position when ``position_id`` is ``None``."""
        ...

    def find_user(self, email: str) -> Record | None:
        """Return the details of the user with this e-mail (case-folded): the look before a creation is repeated."""
        ...

    def create_user(self, given_name: str, family_name: str, email: str, *, invite: bool) -> str:
        """Create a user and return its id; raises ``OutcomeUnknown`` when no answer came."""
        ...


class RateBudget(Protocol):
    """The 25 requests in any 5 s that all workers of an organization share."""

    def acquire(self) -> None:
        """Wait until one request may be sent; raises ``RateLimited`` when the wait would exceed the time left."""
        ...

    def pause(self, seconds: float) -> None:
        """Stop everybody of this organization for so long (after a 429)."""
        ...

    def give_back(self) -> None:
        """Return the permits taken in advance and not used."""
        ...


class AccessTokens(Protocol):
    """The organization's Fortnox access token, fetched and renewed as needed."""

    def access_token(self) -> str:
        """Return a token that is valid for at least a minute; raises ``ConsentNeeded`` or ``LicenceMissing``."""
        ...

    def refused(self, token: str) -> None:
        """Tell that Fortnox answered 401 to this token, so that the next call fetches another."""
        ...
