"""Reads the JSON file of organizations and people, strictly, and writes the state back as one.

Every fault of a file is reported with its place, ``organizations[0].users[3].email: …``. What a
file may hold goes beyond what the Open API would accept: two people with one e-mail or employment
ID, or nobody's e-mail, because a real organization may have grown such data.
"""

from __future__ import annotations

import dataclasses
import re
import uuid
from typing import TYPE_CHECKING, Any

from local.huma_simulator.organization import (
    LEGACY_DATES,
    Administrator,
    ApiKey,
    Organization,
    Position,
    Settings,
    User,
    Webhook,
)
from local.huma_simulator.profile import (
    ADDRESS_KEYS,
    POSITION,
    PROFILE,
    bank_account_kind,
    check_bank_account,
    check_country,
    check_date,
    is_uuid,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from local.huma_simulator.clock import Clock

Json = dict[str, Any]

NAMESPACE = uuid.UUID("6f1f7b52-0f4c-5d0e-9c55-6a1f3a2d9b10")
RIGHTS = ("edit", "view", "none")
ALWAYS_READABLE = ("givenName", "familyName", "email")
SETTINGS: dict[str, str] = {
    "uniqueEmploymentIds": "unique_employment_ids",
    "nullClears": "null_clears",
    "positionsEmit": "positions_emit",
    "activationEmits": "activation_emits",
    "webhookFields": "webhook_fields",
    "signatureEncoding": "signature_encoding",
    "bankAccountTypes": "bank_account_types",
    "showDeactivated": "show_deactivated",
}
CHOICES = {"webhookFields": ("changed", "all", "none"), "signatureEncoding": ("hex", "base64")}

_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_RESERVED_SLUGS = {"auth", "groups", "job-titles", "users", "_sim", ".well-known"}
_USER_TEXTS = ("type", "deactivatedAt", "deactivatedBy", "invitedAt", "lastLoggedInAt")


class PeopleFileError(ValueError):
    """The people file is not usable; the message lists each fault with its place."""


def derived_id(*parts: str) -> str:
    """A UUID that is the same for the same parts on every run."""
    return str(uuid.uuid5(NAMESPACE, "/".join(parts)))


class _Place:
    """A JSON object of the file together with where it stands, for faults worth reading."""

    def __init__(self, value: Any, path: str, faults: list[str]) -> None:
        self.path = path
        self.faults = faults
        self.value: Json = value if isinstance(value, dict) else {}
        if not isinstance(value, dict):
            faults.append(f"{path}: an object is expected")

    def fault(self, key: str, text: str) -> None:
        self.faults.append(f"{self.path}.{key}: {text}" if self.path else f"{key}: {text}")

    def known(self, keys: Iterable[str]) -> None:
        allowed = set(keys)
        for key in self.value:
            if key not in allowed:
                self.fault(key, f"unknown; one of {', '.join(sorted(allowed))}")

    def text(self, key: str, default: str | None = None) -> str:
        value = self.value.get(key, default)
        if value is None and default is not None:
            return default
        if not isinstance(value, str):
            self.fault(key, "missing" if key not in self.value else "a string is expected")
            return ""
        return value

    def uuid(self, key: str, default: str | None = None) -> str:
        value = self.text(key, default)
        if value and not is_uuid(value):
            self.fault(key, "a UUID is expected")
        return value.lower()

    def boolean(self, key: str, default: bool) -> bool:
        value = self.value.get(key, default)
        if not isinstance(value, bool):
            self.fault(key, "true or false is expected")
            return default
        return value

    def items(self, key: str, *, required: bool = False) -> list[_Place]:
        value = self.value.get(key)
        if value is None and not required:
            return []
        if not isinstance(value, list):
            self.fault(key, "missing" if value is None else "a list is expected")
            return []
        prefix = f"{self.path}.{key}" if self.path else key
        return [_Place(item, f"{prefix}[{i}]", self.faults) for i, item in enumerate(value)]

    def strings(self, key: str) -> list[str]:
        value = self.value.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self.fault(key, "a list of strings is expected")
            return []
        return list(value)

    def check(self, key: str, check: Callable[[Any, str], list[str]]) -> None:
        prefix = f"{self.path}.{key}" if self.path else key
        self.faults.extend(f"{name}: not a valid value" for name in check(self.value[key], prefix))


def read_people(data: Any, defaults: Settings, clock: Clock) -> dict[str, Organization]:
    """Builds the organizations of a people file, by id; raises :class:`PeopleFileError`.

    ``defaults`` are the settings of an organization that does not give its own.
    """
    faults: list[str] = []
    top = _Place(data, "", faults)
    top.known(["organizations"])
    organizations: dict[str, Organization] = {}
    slugs: set[str] = set()
    clients: set[str] = set()
    for place in top.items("organizations", required=True):
        organization = _organization(place, defaults, clock)
        if organization.id in organizations:
            place.fault("id", "used by another organization")
        if organization.slug in slugs:
            place.fault("slug", "used by another organization")
        if clients & organization.api_keys.keys():
            place.fault("apiKeys", "a clientId is used by another organization")
        slugs.add(organization.slug)
        clients |= organization.api_keys.keys()
        organizations[organization.id] = organization
    if faults:
        shown = "\n".join(f"  {fault}" for fault in faults[:20])
        more = f"\n  … and {len(faults) - 20} more" if len(faults) > 20 else ""
        raise PeopleFileError(f"The people file has {len(faults)} fault(s):\n{shown}{more}")
    return organizations


def _organization(place: _Place, defaults: Settings, clock: Clock) -> Organization:
    place.known(
        [
            "id",
            "name",
            "slug",
            "settings",
            "apiKeys",
            "administrators",
            "webhook",
            "jobTitles",
            "groups",
            "users",
        ]
    )
    slug = place.text("slug")
    if slug and (not _SLUG.fullmatch(slug) or slug in _RESERVED_SLUGS):
        place.fault("slug", "lower-case letters, digits and hyphens are expected")
    settings = read_settings(place.value.get("settings", {}), defaults, place)
    organization = Organization(place.uuid("id"), place.text("name"), slug, settings, clock)
    for entry in place.items("apiKeys"):
        key = read_api_key(entry)
        if key.client_id in organization.api_keys:
            entry.fault("clientId", "used by another key")
        organization.api_keys[key.client_id] = key
    for entry in place.items("administrators"):
        entry.known(["id", "name", "email", "locale", "permissions"])
        administrator = Administrator(
            id=entry.uuid("id"),
            name=entry.text("name"),
            email=entry.text("email"),
            locale=entry.text("locale", "sv-SE"),
            permissions=entry.strings("permissions"),
        )
        organization.administrators[administrator.id] = administrator
    if place.value.get("webhook") is not None:
        organization.webhook = read_webhook(place.value["webhook"], f"{place.path}.webhook", place.faults)
    _titles_and_groups(place, organization)
    for key in organization.api_keys.values():
        add_service_user(organization, key)
    for entry in place.items("users"):
        user = _user(entry, organization)
        if user.id in organization.users:
            entry.fault("id", "used by another user")
        organization.add(user)
    for entry in place.items("users"):
        supervisor = entry.value.get("supervisor")
        if isinstance(supervisor, str) and supervisor.lower() not in organization.users:
            entry.fault("supervisor", "no user of the organization has this id")
    return organization


def read_settings(data: Any, defaults: Settings, place: _Place | None = None) -> Settings:
    """The settings of an organization; without ``place`` raises :class:`PeopleFileError`."""
    faults: list[str] = [] if place is None else place.faults
    entry = _Place(data, f"{place.path}.settings" if place else "settings", faults)
    entry.known(SETTINGS)
    values: dict[str, Any] = {}
    for key, attribute in SETTINGS.items():
        if key not in entry.value:
            continue
        value = entry.value[key]
        if key in CHOICES:
            if value not in CHOICES[key]:
                entry.fault(key, f"one of {', '.join(CHOICES[key])}")
        elif key == "bankAccountTypes":
            words = entry.strings(key)
            if len(words) != 2:
                entry.fault(key, "two words are expected: for national, for international")
            value = tuple(words)
        else:
            value = entry.boolean(key, True)
        values[attribute] = value
    if place is None and faults:
        raise PeopleFileError("; ".join(faults))
    return dataclasses.replace(defaults, **values)


def read_webhook(data: Any, path: str = "webhook", faults: list[str] | None = None) -> Webhook:
    """The webhook of an organization; without ``faults`` raises :class:`PeopleFileError`."""
    found: list[str] = [] if faults is None else faults
    entry = _Place(data, path, found)
    entry.known(["url", "secret", "accessToken"])
    webhook = Webhook(entry.text("url"), entry.text("secret", ""), entry.text("accessToken", ""))
    if webhook.url and not webhook.url.startswith(("http://", "https://")):
        entry.fault("url", "an address with http:// or https:// is expected")
    if faults is None and found:
        raise PeopleFileError("; ".join(found))
    return webhook


def read_api_key(entry: _Place | Any) -> ApiKey:
    """An API key of the Open API; plain JSON raises :class:`PeopleFileError`."""
    place = entry if isinstance(entry, _Place) else _Place(entry, "apiKey", [])
    place.known(["clientId", "clientSecret", "rights", "active"])
    rights = place.value.get("rights", {})
    fields = {*PROFILE, "identifications", "positions"}
    if not isinstance(rights, dict):
        place.fault("rights", "an object of field and right is expected")
        rights = {}
    for name, level in rights.items():
        if name not in fields:
            place.fault(f"rights.{name}", "unknown field")
        elif level not in RIGHTS:
            place.fault(f"rights.{name}", f"one of {', '.join(RIGHTS)}")
        elif level == "none" and name in ALWAYS_READABLE:
            place.fault(f"rights.{name}", "every key may read this field")
    client_id = place.uuid("clientId")
    key = ApiKey(
        client_id=client_id,
        client_secret=place.uuid("clientSecret"),
        service_user_id=derived_id("service-user", client_id),
        rights=dict(rights),
        active=place.boolean("active", True),
    )
    if not isinstance(entry, _Place) and place.faults:
        raise PeopleFileError("; ".join(place.faults))
    return key


def add_service_user(organization: Organization, key: ApiKey) -> None:
    """Gives an API key the user it acts as, which stands in the organization's lists."""
    if key.service_user_id in organization.users:
        return
    organization.add(
        User(
            id=key.service_user_id,
            type="service_user",
            profile={
                "givenName": "Open API",
                "familyName": key.client_id[:8],
                "email": f"open-api+{key.client_id[:8]}@{organization.slug}.example.com",
            },
        )
    )


def _titles_and_groups(place: _Place, organization: Organization) -> None:
    for entry in place.items("jobTitles"):
        entry.known(["id", "name", "description"])
        name = entry.text("name")
        title = {"id": entry.uuid("id", derived_id(organization.id, "title", name)), "name": name}
        if entry.value.get("description") is not None:
            title["description"] = entry.text("description")
        organization.job_titles[title["id"]] = title
    for entry in place.items("groups"):
        entry.known(["id", "name", "type"])
        name, kind = entry.text("name"), entry.text("type")
        if kind not in {"team", "location", "company"}:
            entry.fault("type", "one of team, location, company")
        group = {"id": entry.uuid("id", derived_id(organization.id, "group", name))}
        organization.groups[group["id"]] = group | {"name": name, "type": kind}
    if not organization.groups:
        identifier = derived_id(organization.id, "company")
        company = {"id": identifier, "name": organization.name, "type": "company"}
        organization.groups[identifier] = company


def _user(place: _Place, organization: Organization) -> User:
    place.known(
        [
            "id",
            *PROFILE,
            *_USER_TEXTS,
            *LEGACY_DATES,
            "requestedEmail",
            "identifications",
            "positions",
            "groups",
            "active",
        ]
    )
    identifier = place.uuid("id")
    profile: Json = {}
    for key, field in PROFILE.items():
        value = place.value.get(key)
        if key in {"givenName", "familyName"}:
            value = place.text(key)
        if value is None or value == "":
            continue
        if key == "homeAddress":
            _check_stored_address(place)
        elif key == "bankAccount":
            place.check(key, _stored_bank_account)
        elif key == "email":
            place.text(key)
        else:
            place.check(key, field.check)
        profile[key] = value
    kind = place.text("type", "user")
    if kind not in {"user", "service_user"}:
        place.fault("type", "one of user, service_user")
    user = User(
        id=identifier,
        profile=profile,
        type=kind,
        requested_email=place.text("requestedEmail", ""),
        active=place.boolean("active", True),
        deactivated_at=place.text("deactivatedAt", ""),
        deactivated_by=place.uuid("deactivatedBy", ""),
        invited_at=place.text("invitedAt", ""),
        last_logged_in_at=place.text("lastLoggedInAt", ""),
        groups=[group.lower() for group in place.strings("groups")],
    )
    for group in user.groups:
        if group not in organization.groups:
            place.fault("groups", f"no group of the organization has the id {group}")
    for number, entry in enumerate(place.items("identifications")):
        entry.known(["id", "type", "country", "value"])
        if entry.text("type") not in {"national", "passport"}:
            entry.fault("type", "one of national, passport")
        user.identifications.append(
            {
                "id": entry.uuid("id", derived_id(identifier, "identification", str(number))),
                "type": entry.text("type"),
                "country": entry.text("country"),
                "value": entry.text("value"),
            }
        )
    for number, entry in enumerate(place.items("positions")):
        position = _position(entry, organization, derived_id(identifier, "position", str(number)))
        user.positions[position.id] = position
    for key in LEGACY_DATES:
        if place.value.get(key) is None:
            continue
        place.check(key, check_date)
        if user.positions:
            place.fault(key, "give it on the position: the user has positions")
        user.legacy_dates[key] = place.value[key]
    return user


def _position(place: _Place, organization: Organization, default_id: str) -> Position:
    place.known(["id", "title", *POSITION])
    values: Json = {"contractType": "Permanent", "percentage": 100}
    for key, field in POSITION.items():
        value = place.value.get(key)
        if value is None:
            continue
        place.check(key, field.check)
        values[key] = value.lower() if key == "titleId" and isinstance(value, str) else value
    if "contractStartDate" not in values:
        if "firstDayOfWork" not in values:
            place.fault("contractStartDate", "missing, and so is firstDayOfWork")
        values["contractStartDate"] = values.get("firstDayOfWork", "1970-01-01")
    if "title" in place.value:
        name = place.text("title")
        titles = organization.job_titles.values()
        values["titleId"] = next((t["id"] for t in titles if t["name"] == name), "")
        if not values["titleId"]:
            place.fault("title", f"no job title of the organization is called {name!r}")
    elif "titleId" not in values:
        place.fault("title", "missing, and so is titleId")
    elif values["titleId"] not in organization.job_titles:
        place.fault("titleId", "no job title of the organization has this id")
    return Position(place.uuid("id", default_id), values)


def _check_stored_address(place: _Place) -> None:
    entry = _Place(place.value["homeAddress"], f"{place.path}.homeAddress", place.faults)
    entry.known(ADDRESS_KEYS)
    for key in ("line1", "postalCode", "city", "country"):
        entry.text(key)
    if entry.value.get("country"):
        entry.check("country", check_country)


def _stored_bank_account(value: Any, path: str) -> list[str]:
    """As on writing, with ``type`` optional: it follows from the other keys."""
    if not isinstance(value, dict):
        return [path]
    return check_bank_account({"type": bank_account_kind(value)} | value, path)


def write_people(organizations: Mapping[str, Organization], only: str = "") -> Json:
    """The state as a people file that :func:`read_people` accepts.

    ``only`` is the id or slug of one organization; empty means all of them.
    """
    return {
        "organizations": [
            _written_organization(organization)
            for organization in organizations.values()
            if only in {"", organization.id, organization.slug}
        ]
    }


def _written_organization(organization: Organization) -> Json:
    with organization.lock:
        own = {key.service_user_id for key in organization.api_keys.values()}
        webhook = organization.webhook
        return {
            "id": organization.id,
            "name": organization.name,
            "slug": organization.slug,
            "settings": write_settings(organization.settings),
            "apiKeys": [
                {
                    "clientId": key.client_id,
                    "clientSecret": key.client_secret,
                    "rights": dict(key.rights),
                    "active": key.active,
                }
                for key in organization.api_keys.values()
            ],
            "administrators": [
                dataclasses.asdict(administrator) for administrator in organization.administrators.values()
            ],
            "webhook": webhook
            and {
                "url": webhook.url,
                "secret": webhook.secret,
                "accessToken": webhook.access_token,
            },
            "jobTitles": [dict(title) for title in organization.job_titles.values()],
            "groups": [dict(group) for group in organization.groups.values()],
            "users": [_written_user(user) for user in organization.users.values() if user.id not in own],
        }


def write_settings(settings: Settings) -> Json:
    """The settings under the names of the people file."""
    written: Json = {key: getattr(settings, attribute) for key, attribute in SETTINGS.items()}
    return written | {"bankAccountTypes": list(settings.bank_account_types)}


def _written_user(user: User) -> Json:
    written: Json = {"id": user.id, **user.profile, **user.legacy_dates, "active": user.active}
    written["type"] = user.type
    written["identifications"] = [dict(entry) for entry in user.identifications]
    written["positions"] = [{"id": p.id, **p.values} for p in user.positions.values()]
    written["groups"] = list(user.groups)
    for key, value in (
        ("requestedEmail", user.requested_email),
        ("deactivatedAt", user.deactivated_at),
        ("deactivatedBy", user.deactivated_by),
        ("invitedAt", user.invited_at),
        ("lastLoggedInAt", user.last_logged_in_at),
    ):
        if value:
            written[key] = value
    return written
