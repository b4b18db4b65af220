"""One Huma customer in memory: its people, positions, job titles, groups and API keys.

Every change goes through :class:`Organization`, which checks it against the whole organization
(duplicates, deactivated people), applies it under one lock and tells ``on_change`` about it, in
the order in which the changes happened. Reading is done by ``answers``.
"""

from __future__ import annotations

import threading
import uuid
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from local.huma_simulator.profile import (
    POSITION,
    PROFILE,
    ProfileField,
    bank_account_kind,
    check_body,
    check_boolean,
    check_email,
    is_uuid,
    text,
)
from local.huma_simulator.refusals import (
    DEACTIVATED,
    NOT_EDITABLE,
    NOT_UNIQUE,
    InvalidField,
    NotFound,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from local.huma_simulator.clock import Clock

Json = dict[str, Any]

IDENTIFICATION = {
    "type": ProfileField("type", lambda v, p: [] if v in {"national", "passport"} else [p], required=True),
    "country": ProfileField("country", text(2), required=True),
    "value": ProfileField("value", text(), required=True),
}
JOB_TITLE = {
    "name": ProfileField("name", text(), required=True),
    "description": ProfileField("description", text(10200)),
}
LEGACY_DATES = ("firstDayOfWork", "lastDayOfWork")
DAYS = {name: POSITION[name] for name in LEGACY_DATES}


@dataclass(slots=True)
class Settings:
    """What one organization decided, and what the facts leave open for all of them.

    ``null_clears``: a ``null`` in a PATCH removes the value. ``positions_emit`` and
    ``activation_emits``: a change of a position, of the active state, sends ``users-update``.
    ``webhook_fields``: what ``users-update`` carries (``changed``, ``all`` or ``none`` beyond id
    and e-mail). ``signature_encoding``: ``hex`` or ``base64``. ``bank_account_types``: the words
    in ``bankAccount.type``. ``show_deactivated``: whether the API shows deactivated people.
    """

    unique_employment_ids: bool = True
    null_clears: bool = True
    positions_emit: bool = True
    activation_emits: bool = True
    webhook_fields: str = "changed"
    signature_encoding: str = "hex"
    bank_account_types: tuple[str, str] = ("national", "international")
    show_deactivated: bool = True


@dataclass(slots=True)
class Webhook:
    """Where the organization's changes are sent, and how the message proves its origin."""

    url: str
    secret: str = ""
    access_token: str = ""


@dataclass(slots=True)
class ApiKey:
    """One key of the Open API. ``rights`` holds ``edit``, ``view`` or ``none`` per field."""

    client_id: str
    client_secret: str
    service_user_id: str
    rights: dict[str, str] = field(default_factory=dict)
    active: bool = True

    def level(self, key: str) -> str:
        """``edit`` unless the key was given less for this field."""
        return self.rights.get(key, "edit")


@dataclass(slots=True)
class Administrator:
    """A person who may sign in to the settings menu; not one of the organization's people."""

    id: str
    name: str
    email: str
    locale: str
    permissions: list[str]


@dataclass(slots=True)
class Position:
    """One position: the plain values that are set, as ``PositionCreateInput`` names them."""

    id: str
    values: Json

    def status(self, today: str) -> str:
        """``UPCOMING``, ``ENDED`` or ``CURRENT`` on the date ``today`` (``YYYY-MM-DD``)."""
        if self.values["contractStartDate"] > today:
            return "UPCOMING"
        end = self.values.get("contractEndDate") or self.values.get("lastDayOfWork")
        return "ENDED" if end and end < today else "CURRENT"


@dataclass(slots=True)
class User:
    """A person in Huma. ``profile`` holds the plain values that are set.

    ``legacy_dates`` are user-level dates of a person without positions; the first position ends them. ``cache`` holds
    serialized answers and is emptied by every change.
    """

    id: str
    profile: Json
    type: str = "user"
    requested_email: str = ""
    identifications: list[Json] = field(default_factory=list)
    positions: dict[str, Position] = field(default_factory=dict)
    groups: list[str] = field(default_factory=list)
    legacy_dates: Json = field(default_factory=dict)
    active: bool = True
    deactivated_at: str = ""
    deactivated_by: str = ""
    invited_at: str = ""
    last_logged_in_at: str = ""
    cache: dict[Any, Any] = field(default_factory=dict)

    def main_position(self, today: str) -> Position | None:
        """The position that the user-level dates repeat: current, else upcoming, else ended."""
        order = {"CURRENT": 0, "UPCOMING": 1, "ENDED": 2}

        def rank(position: Position) -> tuple[int, int]:
            status = position.status(today)
            day = int(position.values["contractStartDate"].replace("-", ""))
            return order[status], day if status != "ENDED" else -day

        return min(self.positions.values(), key=rank, default=None)

    def first_and_last_day(self, today: str) -> Json:
        """The user-level ``firstDayOfWork`` and ``lastDayOfWork``, as far as they are set."""
        position = self.main_position(today)
        values = position.values if position else self.legacy_dates
        return {key: values[key] for key in LEGACY_DATES if values.get(key)}


class Organization:
    """The state of one organization and every way to change it.

    Methods that take a request body raise :class:`InvalidField` and :class:`NotFound`. A method
    called with ``key`` also honours that API key's rights; without one it acts for an
    administrator.
    """

    def __init__(self, identifier: str, name: str, slug: str, settings: Settings, clock: Clock) -> None:
        self.id = identifier
        self.name = name
        self.slug = slug
        self.settings = settings
        self.clock = clock
        self.lock = threading.RLock()
        self.users: dict[str, User] = {}
        self.api_keys: dict[str, ApiKey] = {}
        self.administrators: dict[str, Administrator] = {}
        self.job_titles: dict[str, Json] = {}
        self.groups: dict[str, Json] = {}
        self.webhook: Webhook | None = None
        self.revision = 0
        self.title_revision = 0
        self.on_change: Callable[[Organization, str, User, Json], None] = lambda *_: None
        self._emails: dict[str, set[str]] = defaultdict(set)
        self._employment_ids: dict[str, set[str]] = defaultdict(set)
        self._subordinates: dict[str, set[str]] = defaultdict(set)

    # Reading

    def user(self, identifier: str) -> User:
        """The user with this id, deactivated ones included."""
        user = self.users.get(identifier.lower())
        if user is None:
            if not is_uuid(identifier):
                raise InvalidField(["id"])
            raise NotFound("User", identifier)
        return user

    def position(self, user: User, identifier: str) -> Position:
        """The position of ``user`` with this id."""
        position = user.positions.get(identifier.lower())
        if position is None:
            if not is_uuid(identifier):
                raise InvalidField(["id"])
            raise NotFound("Position", identifier)
        return position

    def job_title(self, identifier: str) -> Json:
        """The job title with this id."""
        title = self.job_titles.get(identifier.lower())
        if title is None:
            if not is_uuid(identifier):
                raise InvalidField(["id"])
            raise NotFound("JobTitle", identifier)
        return title

    def subordinates(self, user: User) -> int:
        """How many people have ``user`` as their supervisor."""
        return len(self._subordinates.get(user.id, ()))

    # People

    def edit_user(self, user: User, changes: Json, by: Administrator | None = None) -> None:
        """Changes a person as the profile editor does.

        ``changes`` is a plain PATCH body with, beside it, ``firstDayOfWork``, ``lastDayOfWork``
        and ``active``. A person is reactivated before, and deactivated after, the rest.
        """
        days = {name: changes[name] for name in LEGACY_DATES if name in changes}
        active = changes.get("active")
        if active not in (None, True, False):
            raise InvalidField(["active"])
        check_body(days, DAYS, null_clears=True)
        profile = {k: v for k, v in changes.items() if k not in {*LEGACY_DATES, "active"}}
        unknown = profile.keys() - PROFILE.keys()
        if unknown:
            raise InvalidField(unknown, message="Not a field of the profile")
        with self.lock:
            if active is True:
                self.set_active(user, True, by)
            if profile:
                self.update_user(user, profile)
            if days:
                self.set_days(user, days)
            if active is False:
                self.set_active(user, False, by)

    def add(self, user: User) -> None:
        """Puts a user in place as it stands, without checks and without an event."""
        with self.lock:
            self.users[user.id] = user
            self._index(user)
            self._touch(user)

    def create_user(self, body: Any) -> User:
        """Creates a person from a ``UserInput`` and sends ``users-create``."""
        required = {"givenName", "familyName", "email"}
        table = {key: PROFILE[key] for key in ("givenName", "familyName", "preferredName", "phone", "supervisor")}
        table["email"] = ProfileField("email", check_email, required=True)
        table["invite"] = ProfileField("invite", check_boolean)
        changes = check_body(body, table, null_clears=True)
        missing = required - changes.keys()
        groups = body.get("groups")
        if not isinstance(groups, list) or not all(is_uuid(group) for group in groups):
            missing.add("groups")
        if missing:
            raise InvalidField(missing)
        assert isinstance(groups, list)
        invite = bool(changes.pop("invite", False))
        with self.lock:
            for group in groups:
                if group.lower() not in self.groups:
                    raise NotFound("Group", group)
            self._check_references(changes)
            self._check_unique(changes, own="")
            user = User(
                id=str(uuid.uuid4()),
                profile={key: value for key, value in changes.items() if value is not None},
                groups=list(dict.fromkeys(group.lower() for group in groups)),
                invited_at=self.clock.now() if invite else "",
            )
            self.add(user)
            self.on_change(self, "users-create", user, dict(user.profile))
            return user

    def update_user(self, user: User, body: Any, key: ApiKey | None = None) -> None:
        """Applies a ``UserDetailsInput`` as a whole or not at all and sends ``users-update``.

        A new e-mail waits for the person's confirmation once they have logged in (source: Huma's
        help page on e-mail changes). Nothing is sent when nothing changed.
        """
        null_clears = key is None or self.settings.null_clears
        changes = check_body(body, PROFILE, null_clears=null_clears)
        if isinstance(body.get("relevantExperienceInYears"), int):
            changes["relevantExperienceInMonths"] = 12 * body["relevantExperienceInYears"]
        if body.get("custom"):
            # The organization has no custom fields, so every key is an unknown one.
            raise InvalidField(f"custom.{name}" for name in body["custom"])
        with self.lock:
            self._check_writable(user)
            if key is not None:
                self._check_rights(changes, key)
            self._check_references(changes, own=user.id)
            self._check_bank_account_type(changes.get("bankAccount"))
            self._check_unique(changes, own=user.id)
            if "email" in changes and user.last_logged_in_at:
                wanted = changes.pop("email")
                user.requested_email = "" if wanted == user.profile.get("email") else wanted
                self._touch(user)
            self._apply(user, changes)

    def confirm_email(self, user: User) -> None:
        """The person follows the link in the mail: the requested address becomes the address."""
        with self.lock:
            if not user.requested_email:
                raise InvalidField(["email"], message="No e-mail change is waiting")
            wanted, user.requested_email = user.requested_email, ""
            self._check_unique({"email": wanted}, own=user.id)
            self._apply(user, {"email": wanted})

    def set_active(self, user: User, active: bool, by: Administrator | None = None) -> None:
        """Deactivates or reactivates a person, which only Huma's own screens can do."""
        with self.lock:
            if user.active == active:
                return
            user.active = active
            user.deactivated_at = "" if active else self.clock.now()
            user.deactivated_by = "" if active or by is None else by.id
            self._touch(user)
            if self.settings.activation_emits:
                self.on_change(self, "users-update", user, {"active": active})

    def delete_user(self, user: User) -> None:
        """Removes a person for good and sends ``users-delete``."""
        with self.lock:
            if self.users.pop(user.id, None) is None:
                raise NotFound("User", user.id)
            self._unindex(user)
            for other in list(self._subordinates.pop(user.id, ())):
                self.users[other].profile.pop("supervisor", None)
                self._touch(self.users[other])
            self.revision += 1
            self.on_change(self, "users-delete", user, {})

    # Positions

    def create_position(self, user: User, body: Any, key: ApiKey | None = None) -> Position:
        """Gives a person a position (``PositionCreateInput``); the job title must exist."""
        changes = check_body(body, POSITION, null_clears=self.settings.null_clears)
        missing = {"contractStartDate", "contractType", "titleId"} - changes.keys()
        if missing:
            raise InvalidField(missing)
        values = {"percentage": 100} | {k: v for k, v in changes.items() if v is not None}
        with self.lock:
            self._check_position_right(key)
            self._check_writable(user)
            values["titleId"] = self.job_title(values["titleId"])["id"]
            _check_date_order(values)
            position = Position(str(uuid.uuid4()), values)
            before = self._days(user)
            user.positions[position.id] = position
            user.legacy_dates = {}
            self._positions_changed(user, before)
            return position

    def update_position(self, user: User, position: Position, body: Any, key: ApiKey | None = None) -> None:
        """Applies a ``PositionUpdateInput`` as a whole or not at all."""
        changes = check_body(body, POSITION, null_clears=self.settings.null_clears)
        with self.lock:
            self._check_position_right(key)
            self._check_writable(user)
            if "titleId" in changes:
                changes["titleId"] = self.job_title(changes["titleId"])["id"]
            values = {k: v for k, v in (position.values | changes).items() if v is not None}
            _check_date_order(values)
            if values == position.values:
                return
            before = self._days(user)
            position.values = values
            self._positions_changed(user, before)

    def delete_position(self, user: User, position: Position, key: ApiKey | None = None) -> None:
        """Removes a position."""
        with self.lock:
            self._check_position_right(key)
            self._check_writable(user)
            before = self._days(user)
            del user.positions[position.id]
            self._positions_changed(user, before)

    def set_days(self, user: User, days: Mapping[str, str | None]) -> None:
        """Sets or removes first and last day of work as the profile editor does.

        They live on the position; a person without one gets a permanent position, with the title
        *Employee*, from the first day of work.
        """
        with self.lock:
            changes = check_body(dict(days), DAYS, null_clears=True)
            position = user.main_position(self.clock.today().isoformat())
            if position is not None:
                values = {k: v for k, v in (position.values | changes).items() if v is not None}
                self._check_writable(user)
                _check_date_order(values)
                if values != position.values:
                    before = self._days(user)
                    position.values = values
                    self._positions_changed(user, before)
                return
            wanted = {k: v for k, v in (user.legacy_dates | changes).items() if v is not None}
            if wanted == user.legacy_dates:
                return
            if not wanted:
                before, user.legacy_dates = self._days(user), {}
                self._positions_changed(user, before)
                return
            if "firstDayOfWork" not in wanted:
                raise InvalidField(["firstDayOfWork"], message="A first day of work is needed")
            self.create_position(
                user,
                {
                    "contractStartDate": wanted["firstDayOfWork"],
                    "contractType": "Permanent",
                    "titleId": self.find_or_create_title("Employee")["id"],
                    **wanted,
                },
            )

    # Job titles and identifications

    def find_or_create_title(self, name: str) -> Json:
        """The first job title with this name, created when there is none."""
        with self.lock:
            for title in self.job_titles.values():
                if title["name"] == name:
                    return title
            return self.create_job_title({"name": name})

    def create_job_title(self, body: Any) -> Json:
        """Adds a job title; two may carry the same name."""
        changes = check_body(body, JOB_TITLE, null_clears=True)
        if "name" not in changes:
            raise InvalidField(["name"])
        with self.lock:
            title = {"id": str(uuid.uuid4())} | {k: v for k, v in changes.items() if v is not None}
            self.job_titles[title["id"]] = title
            return title

    def update_job_title(self, title: Json, body: Any) -> None:
        """Renames or describes a job title."""
        changes = check_body(body, JOB_TITLE, null_clears=self.settings.null_clears)
        with self.lock:
            merged = {k: v for k, v in (title | changes).items() if v is not None}
            title.clear()
            title.update(merged)
            self.title_revision += 1

    def write_identification(self, user: User, identifier: str | None, body: Any, key: ApiKey | None = None) -> Json:
        """Adds an identification, or replaces the one with this id (``IdentificationInput``)."""
        changes = check_body(body, IDENTIFICATION, null_clears=True)
        missing = IDENTIFICATION.keys() - changes.keys()
        if missing:
            raise InvalidField(missing)
        with self.lock:
            self._check_writable(user)
            if key is not None and key.level("identifications") != "edit":
                raise InvalidField(["identifications"], NOT_EDITABLE)
            if identifier is None:
                entry: Json = {"id": str(uuid.uuid4())}
                user.identifications.append(entry)
            else:
                entry = self._identification(user, identifier)
            entry.update(changes)
            self._identifications_changed(user)
            return dict(entry)

    def delete_identification(self, user: User, identifier: str, key: ApiKey | None = None) -> None:
        """Removes an identification."""
        with self.lock:
            self._check_writable(user)
            if key is not None and key.level("identifications") != "edit":
                raise InvalidField(["identifications"], NOT_EDITABLE)
            user.identifications.remove(self._identification(user, identifier))
            self._identifications_changed(user)

    # Checks

    def _check_writable(self, user: User) -> None:
        if not user.active:
            raise InvalidField(["status"], DEACTIVATED, "The profile of a deactivated user is locked")

    def _check_position_right(self, key: ApiKey | None) -> None:
        if key is not None and key.level("positions") != "edit":
            raise InvalidField(["positions"], NOT_EDITABLE)

    def _check_rights(self, changes: Iterable[str], key: ApiKey) -> None:
        locked = [name for name in changes if key.level(name) != "edit"]
        if locked:
            raise InvalidField(locked, NOT_EDITABLE, "The API key may not edit this field")

    def _check_references(self, changes: Mapping[str, Any], own: str = "") -> None:
        supervisor = changes.get("supervisor")
        if supervisor is None:
            return
        if supervisor.lower() == own:
            raise InvalidField(["supervisor"])
        if supervisor.lower() not in self.users:
            raise NotFound("User", supervisor)

    def _check_bank_account_type(self, account: Json | None) -> None:
        if account is None:
            return
        national, international = self.settings.bank_account_types
        expected = national if bank_account_kind(account) == "national" else international
        if account["type"] != expected:
            raise InvalidField(["bankAccount.type"])

    def _check_unique(self, changes: Mapping[str, Any], own: str) -> None:
        taken = []
        email = changes.get("email")
        if email and self._emails.get(email.casefold(), set()) - {own}:
            taken.append("email")
        number = changes.get("employmentId")
        if number and self.settings.unique_employment_ids and self._employment_ids.get(number, set()) - {own}:
            taken.append("employmentId")
        if taken:
            raise InvalidField(taken, NOT_UNIQUE, "Already used by another user")

    def _identification(self, user: User, identifier: str) -> Json:
        for entry in user.identifications:
            if entry["id"] == identifier.lower():
                return entry
        if not is_uuid(identifier):
            raise InvalidField(["id"])
        raise NotFound("UserIdentification", identifier)

    # Bookkeeping

    def _apply(self, user: User, changes: Json) -> None:
        changes = {k: v for k, v in changes.items() if user.profile.get(k) != v}
        if not changes:
            return
        self._unindex(user)
        for name, value in changes.items():
            if value is None:
                user.profile.pop(name, None)
            else:
                user.profile[name] = value
        self._index(user)
        self._touch(user)
        self.on_change(self, "users-update", user, changes)

    def _index(self, user: User) -> None:
        profile = user.profile
        if profile.get("email"):
            self._emails[profile["email"].casefold()].add(user.id)
        if profile.get("employmentId"):
            self._employment_ids[profile["employmentId"]].add(user.id)
        if profile.get("supervisor"):
            profile["supervisor"] = profile["supervisor"].lower()
            self._subordinates[profile["supervisor"]].add(user.id)
            self._touch(self.users.get(profile["supervisor"]))

    def _unindex(self, user: User) -> None:
        profile = user.profile
        self._emails.get(profile.get("email", "").casefold(), set()).discard(user.id)
        self._employment_ids.get(profile.get("employmentId", ""), set()).discard(user.id)
        supervisor = profile.get("supervisor", "")
        self._subordinates.get(supervisor, set()).discard(user.id)
        self._touch(self.users.get(supervisor))

    def _touch(self, user: User | None) -> None:
        if user is None:
            return
        user.cache.clear()
        for other in self._subordinates.get(user.id, ()):
            if other in self.users:
                self.users[other].cache.clear()
        self.revision += 1

    def _days(self, user: User) -> Json:
        return user.first_and_last_day(self.clock.today().isoformat())

    def _positions_changed(self, user: User, before: Json) -> None:
        self._touch(user)
        if not self.settings.positions_emit:
            return
        after = self._days(user)
        changed = {k: after.get(k) for k in LEGACY_DATES if before.get(k) != after.get(k)}
        self.on_change(self, "users-update", user, changed)

    def _identifications_changed(self, user: User) -> None:
        self._touch(user)
        entries = [dict(entry) for entry in user.identifications]
        self.on_change(self, "users-update", user, {"identifications": entries})


def _check_date_order(values: Mapping[str, Any]) -> None:
    for first, last in (
        ("contractStartDate", "contractEndDate"),
        ("firstDayOfWork", "lastDayOfWork"),
    ):
        if first in values and last in values and values[last] < values[first]:
            raise InvalidField([last], message=f"{last} is before {first}")
