"""What the Open API shows of an organization: list rows, wrapped details, positions.

A list row has no employment ID, address, bank account or dates. A detailed profile wraps every
field as ``{value?, editable, …}``; an unset field keeps its wrapper without ``value``. What an API
key may not see is left out, what it may not change, and everything of a deactivated person, has
``editable: false``. Serialized answers are kept with the user until something changes.
"""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING, Any

from local.huma_simulator.profile import PROFILE, bank_account_kind

if TYPE_CHECKING:
    from local.huma_simulator.organization import ApiKey, Json, Organization, Position, User

_GROUP_KEYS = {"team": "teams", "location": "locations", "company": "companies"}
_POSITION_FIELDS = (
    "contractStartDate",
    "contractEndDate",
    "firstDayOfWork",
    "lastDayOfWork",
    "contractCountry",
    "contractType",
    "percentage",
    "terminationNoticeDate",
    "probationEndDate",
    "description",
    "endNote",
    "endReason",
    "wantedEnd",
    "note",
)
# The user-level copies that the document marks deprecated, and where on the position they come
# from.
_COPIES = {
    "employmentStartDate": "contractStartDate",
    "employmentEndDate": "contractEndDate",
    "firstDayOfWork": "firstDayOfWork",
    "lastDayOfWork": "lastDayOfWork",
    "terminationNoticeDate": "terminationNoticeDate",
    "probationEndDate": "probationEndDate",
    "employmentPercentage": "percentage",
    "employmentType": "contractType",
}


def dump(value: Any) -> bytes:
    """JSON as the simulator sends it: UTF-8, compact."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def user_row(organization: Organization, user: User, key: ApiKey) -> Json:
    """One row of a list of users (``User``)."""
    profile = user.profile
    row: Json = {
        "id": user.id,
        "givenName": profile.get("givenName", ""),
        "familyName": profile.get("familyName", ""),
        "email": profile.get("email", ""),
        "jobTitles": _current_titles(organization, user),
        "type": user.type,
        "status": {"active": user.active},
    }
    for name in ("preferredName", "phone"):
        if name in profile and key.level(name) != "none":
            row[name] = profile[name]
    return row | _groups(organization, user)


def row_bytes(organization: Organization, user: User, key: ApiKey) -> bytes:
    """:func:`user_row`, serialized once until the user changes."""
    variant = (
        "row",
        key.level("phone"),
        key.level("preferredName"),
        organization.clock.today(),
        organization.title_revision,
    )
    cached: bytes | None = user.cache.get(variant)
    if cached is None:
        cached = user.cache[variant] = dump(user_row(organization, user, key))
    return cached


def details_bytes(organization: Organization, user: User, key: ApiKey) -> bytes:
    """:func:`user_details`, serialized once until the user changes."""
    variant = (
        "details",
        tuple(sorted(key.rights.items())),
        organization.clock.today(),
        organization.title_revision,
    )
    cached: bytes | None = user.cache.get(variant)
    if cached is None:
        cached = user.cache[variant] = dump(user_details(organization, user, key))
    return cached


def user_details(organization: Organization, user: User, key: ApiKey) -> Json:
    """A whole profile as the API key may see it (``UserDetails``)."""
    today = organization.clock.today().isoformat()
    details: Json = {
        "id": user.id,
        "type": user.type,
        "status": _status(organization, user),
        "subordinatesCount": organization.subordinates(user),
    }
    for name, field in PROFILE.items():
        level = key.level(name)
        if level == "none":
            continue
        wrapper: Json = {"editable": user.active and level == "edit"}
        value = user.profile.get(name)
        if name == "supervisor" and value is not None:
            value = simple_user(organization, organization.users[value])
        elif name == "bankAccount" and value is not None:
            value = _bank_account(organization, value)
        elif field.required and value is None:
            value = ""
        if value is not None:
            wrapper["value"] = value
        if field.completeness:
            wrapper["completeness"] = field.completeness
        if name == "email" and user.requested_email:
            wrapper["requestedValue"] = user.requested_email
        details[name] = wrapper
    if key.level("identifications") != "none":
        details["identifications"] = {
            "value": user.identifications,
            "editable": user.active and key.level("identifications") == "edit",
        }
    for name, groups in _groups(organization, user).items():
        details[name] = {"value": groups, "editable": False}
    if key.level("positions") != "none":
        details |= _position_copies(organization, user, today)
    for name, moment in (
        ("invitedAt", user.invited_at),
        ("lastLoggedInAt", user.last_logged_in_at),
    ):
        if moment:
            details[name] = moment
    return details


def simple_user(organization: Organization, user: User) -> Json:
    """A user as another user's profile mentions them (``SimpleUser``)."""
    return {
        "id": user.id,
        "type": user.type,
        "givenName": user.profile.get("givenName", ""),
        "familyName": user.profile.get("familyName", ""),
        "email": user.profile.get("email", ""),
        "jobTitles": _current_titles(organization, user),
    }


def position_summary(organization: Organization, position: Position, today: str) -> Json:
    """A position in a list: plain values (``PositionSummary``)."""
    summary: Json = {
        "id": position.id,
        "title": organization.job_titles[position.values["titleId"]],
        "status": position.status(today),
    }
    for name in ("description", "contractStartDate", "contractEndDate", "percentage"):
        if name in position.values:
            summary[name] = position.values[name]
    summary["contractType"] = position.values["contractType"]
    end = position.values.get("contractEndDate", today)
    summary["periodInMonths"] = _months(position.values["contractStartDate"], end)
    return summary


def position_details(organization: Organization, user: User, position: Position, key: ApiKey) -> Json:
    """One position with every field wrapped (``Position``)."""
    editable = user.active and key.level("positions") == "edit"
    details: Json = {
        "id": position.id,
        "status": position.status(organization.clock.today().isoformat()),
        "title": {
            "value": organization.job_titles[position.values["titleId"]],
            "editable": editable,
        },
    }
    for name in _POSITION_FIELDS:
        details[name] = {"editable": editable}
        if name in position.values:
            details[name]["value"] = position.values[name]
    return details


def sorted_positions(user: User) -> list[Position]:
    """The positions of a user, the newest first."""
    return sorted(user.positions.values(), key=lambda p: (p.values["contractStartDate"], p.id), reverse=True)


def plain_profile(user: User, today: str) -> Json:
    """The profile as the webhook tells it: plain values, first and last day among them."""
    profile = dict(user.profile)
    if user.identifications:
        profile["identifications"] = [dict(entry) for entry in user.identifications]
    return profile | user.first_and_last_day(today)


def _current_positions(organization: Organization, user: User) -> list[Position]:
    today = organization.clock.today().isoformat()
    return [p for p in sorted_positions(user) if p.status(today) == "CURRENT"]


def _current_titles(organization: Organization, user: User) -> list[Json]:
    titles = [organization.job_titles[p.values["titleId"]] for p in _current_positions(organization, user)]
    return [{"id": title["id"], "name": title["name"]} for title in titles]


def _groups(organization: Organization, user: User) -> dict[str, list[Json]]:
    found: dict[str, list[Json]] = {key: [] for key in _GROUP_KEYS.values()}
    for identifier in user.groups:
        group = organization.groups[identifier]
        found[_GROUP_KEYS[group["type"]]].append(group)
    return found


def _status(organization: Organization, user: User) -> Json:
    status: Json = {"active": user.active}
    if user.deactivated_at:
        status["deactivatedAt"] = user.deactivated_at
    administrator = organization.administrators.get(user.deactivated_by)
    if administrator is not None:
        given, _, family = administrator.name.rpartition(" ")
        status["deactivatedBy"] = {
            "id": administrator.id,
            "type": "user",
            "givenName": given,
            "familyName": family,
            "email": administrator.email,
            "jobTitles": [],
        }
    return status


def _bank_account(organization: Organization, account: Json) -> Json:
    """A bank account as it is read: with ``type``, and the ``code`` the document requires.

    What ``code`` holds is not documented; here it is the country of the account.
    """
    kind = bank_account_kind(account)
    national, international = organization.settings.bank_account_types
    word = national if kind == "national" else international
    code = account["country"] if kind == "national" else account["iban"][:2]
    return {"code": code} | account | {"type": word}


def _position_copies(organization: Organization, user: User, today: str) -> Json:
    main = user.main_position(today)
    values = main.values if main else user.legacy_dates
    copies: Json = {}
    for name, source in _COPIES.items():
        copies[name] = {"editable": False}
        if source in values:
            copies[name]["value"] = values[source]
    starts = [p.values["contractStartDate"] for p in user.positions.values()]
    copies["firstContractStartDate"] = {"editable": False}
    if starts:
        copies["firstContractStartDate"]["value"] = min(starts)
    current = _current_positions(organization, user)
    copies["currentPositions"] = [position_summary(organization, p, today) for p in current]
    copies["jobTitles"] = [organization.job_titles[p.values["titleId"]] for p in current]
    return copies


def _months(first: str, last: str) -> int:
    start, end = date.fromisoformat(first), date.fromisoformat(last)
    months = (end.year - start.year) * 12 + end.month - start.month
    return max(0, months - (end.day < start.day))
