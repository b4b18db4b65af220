"""The profile fields of the Open API as a table: how each is read, written and checked.

Written values are plain, read values stand in a wrapper ``{value?, editable, …}``; this module
knows the plain side. ``check_profile`` and ``check_position`` take a request body and give back
``{key: value}`` with ``None`` for a value to remove, or raise :class:`InvalidField`.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from local.huma_simulator.refusals import InvalidField

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CONTRACT_TYPES = (
    "Permanent",
    "Temporary",
    "Seasonal",
    "Casual",
    "Trainee",
    "JobTrainingProgram",
    "Consultant",
    "Freelance",
    "ThirdParty",
    "Other",
)
END_REASONS = (
    "change_in_organization_or_internal_job_transfer",
    "employee_resigned",
    "employee_terminated",
    "temporary_contract_or_position_ended",
    "change_in_payroll_system_or_accountant",
    "other",
)
ADDRESS_KEYS = ("line1", "line2", "line3", "postalCode", "city", "country")

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_COUNTRY = re.compile(r"[A-Z]{2}")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True)
class ProfileField:
    """One profile field: its ``key`` in the API and the ``check`` of a plain, non-empty value.

    ``check(value, path)`` gives the names of the keys at fault, none when the value is good.
    ``required`` fields cannot be removed. ``completeness`` is what the read wrapper carries.
    """

    key: str
    check: Callable[[Any, str], list[str]]
    required: bool = False
    completeness: str = ""


def is_uuid(value: Any) -> bool:
    """Whether ``value`` is a UUID in its usual written form."""
    if not isinstance(value, str) or len(value) != 36:
        return False
    try:
        uuid.UUID(value)
    except ValueError:
        return False
    return True


def text(limit: int = 255) -> Callable[[Any, str], list[str]]:
    """A check for a string of at most ``limit`` characters."""
    return lambda value, path: [] if isinstance(value, str) and len(value) <= limit else [path]


def choice(*allowed: str) -> Callable[[Any, str], list[str]]:
    """A check for one of the ``allowed`` words."""
    return lambda value, path: [] if value in allowed else [path]


def check_date(value: Any, path: str) -> list[str]:
    """A calendar date written ``YYYY-MM-DD``."""
    if isinstance(value, str) and _DATE.fullmatch(value):
        try:
            date.fromisoformat(value)
        except ValueError:
            return [path]
        return []
    return [path]


def check_email(value: Any, path: str) -> list[str]:
    """An e-mail address of at most 255 characters."""
    good = isinstance(value, str) and len(value) <= 255 and _EMAIL.fullmatch(value)
    return [] if good else [path]


def check_country(value: Any, path: str) -> list[str]:
    """A country as ISO 3166-1 alpha-2, in capitals."""
    return [] if isinstance(value, str) and _COUNTRY.fullmatch(value) else [path]


def check_uuid(value: Any, path: str) -> list[str]:
    """A UUID."""
    return [] if is_uuid(value) else [path]


def check_boolean(value: Any, path: str) -> list[str]:
    """True or false."""
    return [] if isinstance(value, bool) else [path]


def check_integer(value: Any, path: str) -> list[str]:
    """A whole number, zero or more."""
    good = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return [] if good else [path]


def check_percentage(value: Any, path: str) -> list[str]:
    """A whole number from 0 to 100."""
    return [path] if check_integer(value, path) or value > 100 else []


def check_strings(value: Any, path: str) -> list[str]:
    """A list of at most 50 strings."""
    good = isinstance(value, list) and len(value) <= 50 and all(isinstance(v, str) for v in value)
    return [] if good else [path]


def check_address(value: Any, path: str) -> list[str]:
    """An address to write: all six keys, each a string (source: ``AddressUpdateInput``)."""
    if not isinstance(value, dict):
        return [path]
    faults = [f"{path}.{key}" for key in ADDRESS_KEYS if not isinstance(value.get(key), str) or len(value[key]) > 255]
    if not faults and check_country(value["country"], path):
        faults.append(f"{path}.country")
    return faults


def check_bank_account(value: Any, path: str) -> list[str]:
    """A bank account: ``{type, iban, bic}`` or ``{type, number, country}``.

    The words that ``type`` may hold are the organization's setting: the document does not say.
    """
    if not isinstance(value, dict):
        return [path]
    kind = bank_account_kind(value)
    if kind == "international":
        keys = ("type", "iban", "bic")
    elif kind == "national":
        keys = ("type", "number", "country")
    else:
        return [path]
    faults = [
        f"{path}.{key}"
        for key in keys
        if not isinstance(value.get(key), str) or not value[key] or len(value[key]) > 255
    ]
    if not faults and kind == "national" and check_country(value["country"], path):
        faults.append(f"{path}.country")
    return faults


def bank_account_kind(value: Mapping[str, Any]) -> str:
    """``national`` or ``international`` by the keys that are there; empty when neither fits."""
    international = "iban" in value or "bic" in value
    national = "number" in value or "country" in value
    if international == national:
        return ""
    return "international" if international else "national"


PROFILE: dict[str, ProfileField] = {
    field.key: field
    for field in (
        ProfileField("givenName", text(), required=True),
        ProfileField("familyName", text(), required=True),
        ProfileField("preferredName", text()),
        ProfileField("email", check_email, required=True),
        ProfileField("phone", text(), completeness="important"),
        ProfileField("nationality", check_country),
        ProfileField("birthDate", check_date, completeness="details"),
        ProfileField("homeAddress", check_address, completeness="important"),
        ProfileField("civilStatus", choice("Married", "Relationship", "Single")),
        ProfileField("gender", text()),
        ProfileField("dietaryRequirements", text(2040)),
        ProfileField("interests", check_strings),
        ProfileField("funfacts", text(2040)),
        ProfileField("bankAccount", check_bank_account, completeness="important"),
        ProfileField("supervisor", check_uuid),
        ProfileField("employmentId", text(), completeness="details"),
        ProfileField("relevantExperienceInMonths", check_integer),
        ProfileField("seniorityNote", text(2040)),
        ProfileField("excludeFromInsights", check_boolean),
        ProfileField("excludeFromSurveys", check_boolean),
        ProfileField("privateEmail", check_email),
    )
}

POSITION: dict[str, ProfileField] = {
    field.key: field
    for field in (
        ProfileField("contractStartDate", check_date, required=True),
        ProfileField("contractEndDate", check_date),
        ProfileField("firstDayOfWork", check_date),
        ProfileField("lastDayOfWork", check_date),
        ProfileField("contractCountry", check_country),
        ProfileField("contractType", choice(*CONTRACT_TYPES), required=True),
        ProfileField("percentage", check_percentage),
        ProfileField("terminationNoticeDate", check_date),
        ProfileField("probationEndDate", check_date),
        ProfileField("titleId", check_uuid, required=True),
        ProfileField("description", text(10200)),
        ProfileField("note", text()),
        ProfileField("endNote", text()),
        ProfileField("endReason", choice(*END_REASONS)),
        ProfileField("wantedEnd", check_boolean),
    )
}


def check_body(body: Any, table: Mapping[str, ProfileField], *, null_clears: bool) -> dict[str, Any]:
    """The changes a request body asks for: ``{key: value}``, ``None`` meaning *remove it*.

    Keys that are not in ``table`` are ignored, as a Spring service does by default. Whether
    ``null`` removes a value or means nothing is not documented, hence ``null_clears``; an empty
    string removes the value of an optional text. Raises :class:`InvalidField`.
    """
    if not isinstance(body, dict):
        raise InvalidField([], message="A JSON object is expected")
    changes: dict[str, Any] = {}
    faults: list[str] = []
    for key, value in body.items():
        field = table.get(key)
        if field is None or (value is None and not null_clears):
            continue
        if value is None or value == "":
            if field.required:
                faults.append(key)
            else:
                changes[key] = None
            continue
        faults.extend(field.check(value, key))
        changes[key] = value
    if faults:
        raise InvalidField(faults)
    return changes
