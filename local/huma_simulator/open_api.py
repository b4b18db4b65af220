"""Huma's Open API: tokens, users, positions, job titles, groups and identifications.

Paths, parameters and shapes are those of the OpenAPI document 1.53.2. What it leaves open:

- without ``isActive`` a list holds deactivated people too (unless the organization hides them);
- a wrong client id or secret is 401 with the error ``invalid_client``;
- a field that the API key may not edit, a value another user has, a deactivated user: 400;
- a list is ordered by given name, family name and id.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, Any

from werkzeug import Response

from local.huma_simulator.answers import (
    details_bytes,
    dump,
    position_details,
    position_summary,
    row_bytes,
    sorted_positions,
    user_row,
)
from local.huma_simulator.people_file import add_service_user
from local.huma_simulator.profile import is_uuid
from local.huma_simulator.refusals import InvalidField, InvalidToken, NotFound, Refusal
from local.simulation import fired

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from werkzeug import Request

    from local.huma_simulator.organization import ApiKey, Organization, User
    from local.huma_simulator.simulator import HumaSimulator

    Answer = Response | tuple[int, Any]

USERS_LIMIT, USERS_MAXIMUM = 25, 50
GROUPS_LIMIT, GROUPS_MAXIMUM = 10, 25
IDS_MAXIMUM = 25
WRAPPER_FAULT = "unknown_wrapper"


class OpenApi:
    """Registers the Open API on a simulator and answers for it."""

    def __init__(self, simulator: HumaSimulator) -> None:
        self.simulator = simulator
        simulator.fault_kind(WRAPPER_FAULT)
        simulator.route("/auth/oauth/token", methods=("POST",))(refusing(self.token))
        simulator.route("/auth/oauth/revoke", methods=("POST",))(refusing(self.revoke))
        for path, methods, handler in (
            ("/users", "GET", self.list_users),
            ("/users", "POST", self.create_user),
            ("/users/<user_id>", "GET", self.get_user),
            ("/users/<user_id>", "PATCH", self.update_user),
            ("/users/<user_id>/positions", "GET", self.list_positions),
            ("/users/<user_id>/positions", "POST", self.create_position),
            ("/users/<user_id>/positions/<position_id>", "GET", self.get_position),
            ("/users/<user_id>/positions/<position_id>", "PATCH", self.update_position),
            ("/users/<user_id>/positions/<position_id>", "DELETE", self.delete_position),
            ("/users/<user_id>/identifications", "POST", self.add_identification),
            ("/users/<user_id>/identifications/<entry_id>", "PUT", self.put_identification),
            ("/users/<user_id>/identifications/<entry_id>", "DELETE", self.delete_identification),
            ("/job-titles", "GET", self.list_titles),
            ("/job-titles", "POST", self.create_title),
            ("/job-titles/<title_id>", "GET", self.get_title),
            ("/job-titles/<title_id>", "PATCH", self.update_title),
            ("/groups", "GET", self.list_groups),
            ("/groups/<group_id>", "GET", self.get_group),
        ):
            simulator.route(path, methods=(methods,))(self._authenticated(handler))

    def _authenticated(self, handler: Callable[..., Answer]) -> Callable[..., Answer]:
        def authenticated(request: Request, **arguments: str) -> Answer:
            organization, key = self.simulator.tokens.authenticate(request.headers.get("Authorization"))
            with organization.lock:
                return handler(request, organization, key, **arguments)

        return refusing(authenticated)

    # Tokens

    def token(self, request: Request) -> Answer:
        """``POST /auth/oauth/token`` with ``client_credentials``, as form or JSON."""
        given: Any = request.form.to_dict() if request.form else None
        if given is None:
            given = read_json(request)
        if not isinstance(given, dict) or not isinstance(given.get("grant_type"), str):
            raise InvalidField(["grant_type"])
        if given["grant_type"] != "client_credentials":
            raise InvalidField(["grant_type"], message="Only client_credentials is played here")
        client_id, client_secret = given.get("client_id"), given.get("client_secret")
        if client_id is None and client_secret is None:
            client_id, client_secret = _basic_credentials(request.headers.get("Authorization"))
        missing = [
            name for name, value in (("client_id", client_id), ("client_secret", client_secret)) if not is_uuid(value)
        ]
        if missing:
            raise InvalidField(missing)
        found = self.simulator.find_key(str(client_id).lower())
        if found is None or found[1].client_secret != str(client_secret).lower() or not found[1].active:
            refusal = {"error": "invalid_client", "error_description": "Bad client credentials"}
            raise Refusal(401, refusal)
        organization, key = found
        add_service_user(organization, key)
        return 200, self.simulator.tokens.issue(organization, key)

    def revoke(self, request: Request) -> Answer:
        """``POST /auth/oauth/revoke``: every token of the API key that asks is worthless."""
        _, key = self.simulator.tokens.authenticate(request.headers.get("Authorization"))
        self.simulator.tokens.revoke(key.client_id)
        return Response(status=200)

    # Users

    def list_users(self, request: Request, organization: Organization, key: ApiKey) -> Answer:
        """``GET /users``: a page of rows, serialized once for each user until they change."""
        limit, offset = read_page(request, USERS_LIMIT, USERS_MAXIMUM)
        users = self.simulator.sorted_users(organization)
        if not organization.settings.show_deactivated:
            users = [user for user in users if user.active]
        for keep in self._user_filters(request, organization, key):
            users = [user for user in users if keep(user)]
        if read_descending(request):
            users = users[::-1]
        rows = b",".join(row_bytes(organization, user, key) for user in users[offset : offset + limit])
        return json_bytes(b'{"total":%d,"items":[%b]}' % (len(users), rows))

    def _user_filters(
        self, request: Request, organization: Organization, key: ApiKey
    ) -> Iterable[Callable[[User], bool]]:
        active = read_boolean(request, "isActive")
        if active is not None:
            yield lambda user: user.active == active
        search = request.args.get("search", "").strip().casefold()
        if search:
            yield lambda user: search in _search_text(user)
        ids = read_ids(request, "id", me=key.service_user_id)
        if ids is not None:
            yield lambda user: user.id in ids
        excluded = read_ids(request, "excludeId", me=key.service_user_id)
        if excluded:
            yield lambda user: user.id not in excluded
        titles = read_ids(request, "jobTitle")
        if titles:
            today = organization.clock.today().isoformat()
            yield lambda user: any(
                p.status(today) == "CURRENT" and p.values["titleId"] in titles for p in user.positions.values()
            )
        for name in ("team", "location", "company"):
            groups = read_ids(request, name)
            if groups:
                yield lambda user, groups=groups: not groups.isdisjoint(user.groups)  # type: ignore[misc]
        supervisor = request.args.get("supervisor", "").lower()
        if supervisor:
            wanted = {"none": None, "me": key.service_user_id}.get(supervisor, supervisor)
            yield lambda user: user.profile.get("supervisor") == wanted
        is_supervisor = read_boolean(request, "isSupervisor")
        if is_supervisor is not None:
            yield lambda user: (organization.subordinates(user) > 0) == is_supervisor

    def create_user(self, request: Request, organization: Organization, key: ApiKey) -> Answer:
        """``POST /users``."""
        return 200, user_row(organization, organization.create_user(read_json(request)), key)

    def get_user(self, request: Request, organization: Organization, key: ApiKey, user_id: str) -> Answer:
        """``GET /users/{id}``."""
        user = self._user(organization, key, user_id)
        body = details_bytes(organization, user, key)
        fault = fired(request, WRAPPER_FAULT)
        if fault is not None:
            details = json.loads(body)
            name = fault.options.get("field", "phone")
            unknown = {"content": details.get(name, {}).get("value"), "access": "READ_WRITE"}
            details[name] = fault.options.get("shape", unknown)
            body = dump(details)
        return json_bytes(body)

    def update_user(self, request: Request, organization: Organization, key: ApiKey, user_id: str) -> Answer:
        """``PATCH /users/{id}``."""
        user = self._user(organization, key, user_id)
        organization.update_user(user, read_json(request), key)
        return json_bytes(details_bytes(organization, user, key))

    # Positions

    def list_positions(self, request: Request, organization: Organization, key: ApiKey, user_id: str) -> Answer:
        """``GET /users/{userId}/positions``: summaries, all of them unless ``limit`` is given."""
        user = self._user(organization, key, user_id)
        limit, offset = read_page(request, 0, 0)
        positions = sorted_positions(user) if key.level("positions") != "none" else []
        shown = positions[offset : offset + limit] if limit else positions[offset:]
        today = organization.clock.today().isoformat()
        items = [position_summary(organization, position, today) for position in shown]
        return 200, {"total": len(positions), "items": items}

    def create_position(self, request: Request, organization: Organization, key: ApiKey, user_id: str) -> Answer:
        """``POST /users/{userId}/positions``."""
        user = self._user(organization, key, user_id)
        position = organization.create_position(user, read_json(request), key)
        return 200, position_details(organization, user, position, key)

    def get_position(
        self, request: Request, organization: Organization, key: ApiKey, user_id: str, position_id: str
    ) -> Answer:
        """``GET /users/{userId}/positions/{id}``."""
        user = self._user(organization, key, user_id)
        position = organization.position(user, position_id)
        if key.level("positions") == "none":
            raise NotFound("Position", position_id)
        return 200, position_details(organization, user, position, key)

    def update_position(
        self, request: Request, organization: Organization, key: ApiKey, user_id: str, position_id: str
    ) -> Answer:
        """``PATCH /users/{userId}/positions/{id}``."""
        user = self._user(organization, key, user_id)
        position = organization.position(user, position_id)
        organization.update_position(user, position, read_json(request), key)
        return 200, position_details(organization, user, position, key)

    def delete_position(
        self, request: Request, organization: Organization, key: ApiKey, user_id: str, position_id: str
    ) -> Answer:
        """``DELETE /users/{userId}/positions/{id}``."""
        user = self._user(organization, key, user_id)
        organization.delete_position(user, organization.position(user, position_id), key)
        return Response(status=200)

    # Identifications

    def add_identification(self, request: Request, organization: Organization, key: ApiKey, user_id: str) -> Answer:
        """``POST /users/{userId}/identifications``."""
        user = self._user(organization, key, user_id)
        return 200, organization.write_identification(user, None, read_json(request), key)

    def put_identification(
        self, request: Request, organization: Organization, key: ApiKey, user_id: str, entry_id: str
    ) -> Answer:
        """``PUT /users/{userId}/identifications/{id}``."""
        user = self._user(organization, key, user_id)
        return 200, organization.write_identification(user, entry_id, read_json(request), key)

    def delete_identification(
        self, request: Request, organization: Organization, key: ApiKey, user_id: str, entry_id: str
    ) -> Answer:
        """``DELETE /users/{userId}/identifications/{id}``."""
        organization.delete_identification(self._user(organization, key, user_id), entry_id, key)
        return Response(status=200)

    # Job titles and groups

    def list_titles(self, request: Request, organization: Organization, key: ApiKey) -> Answer:
        """``GET /job-titles``: all of them, by name."""
        search = request.args.get("search", "").strip().casefold()
        titles = [
            {"id": title["id"], "name": title["name"]}
            for title in organization.job_titles.values()
            if search in title["name"].casefold()
        ]
        return 200, sorted(titles, key=lambda title: (title["name"].casefold(), title["id"]))

    def create_title(self, request: Request, organization: Organization, key: ApiKey) -> Answer:
        """``POST /job-titles``."""
        return 200, organization.create_job_title(read_json(request))

    def get_title(self, request: Request, organization: Organization, key: ApiKey, title_id: str) -> Answer:
        """``GET /job-titles/{id}``."""
        return 200, organization.job_title(title_id)

    def update_title(self, request: Request, organization: Organization, key: ApiKey, title_id: str) -> Answer:
        """``PATCH /job-titles/{id}``."""
        title = organization.job_title(title_id)
        organization.update_job_title(title, read_json(request))
        return 200, title

    def list_groups(self, request: Request, organization: Organization, key: ApiKey) -> Answer:
        """``GET /groups``."""
        limit, offset = read_page(request, GROUPS_LIMIT, GROUPS_MAXIMUM)
        kinds = read_list(request, "type")
        if not {"team", "location", "company"}.issuperset(kinds):
            raise InvalidField(["type"])
        search = request.args.get("search", "").strip().casefold()
        groups = [
            group
            for group in organization.groups.values()
            if (not kinds or group["type"] in kinds) and search in group["name"].casefold()
        ]
        groups.sort(key=lambda group: (group["name"].casefold(), group["id"]), reverse=read_descending(request))
        return 200, {"total": len(groups), "items": groups[offset : offset + limit]}

    def get_group(self, request: Request, organization: Organization, key: ApiKey, group_id: str) -> Answer:
        """``GET /groups/{id}``, with the members."""
        group = organization.groups.get(group_id.lower())
        if group is None:
            if not is_uuid(group_id):
                raise InvalidField(["id"])
            raise NotFound("Group", group_id)
        members = [
            user_row(organization, user, key) for user in organization.users.values() if group["id"] in user.groups
        ]
        return 200, {"id": group["id"], "name": group["name"], "members": members}

    def _user(self, organization: Organization, key: ApiKey, identifier: str) -> User:
        if identifier == "me":
            return organization.user(key.service_user_id)
        user = organization.user(identifier)
        if not user.active and not organization.settings.show_deactivated:
            raise NotFound("User", identifier)
        return user


def refusing(handler: Callable[..., Answer]) -> Callable[..., Answer]:
    """A handler whose :class:`Refusal` becomes the answer it stands for."""

    def answering(request: Request, **arguments: Any) -> Answer:
        try:
            return handler(request, **arguments)
        except Refusal as refusal:
            return refusal.status, refusal.body

    return answering


def read_json(request: Request) -> Any:
    """The JSON body; raises :class:`InvalidField` when it is not JSON."""
    try:
        return json.loads(request.get_data())
    except ValueError:
        raise InvalidField([], message="The body is not JSON") from None


def json_bytes(body: bytes) -> Response:
    """An answer of JSON that is serialized already."""
    return Response(body, 200, content_type="application/json; charset=utf-8")


def read_page(request: Request, limit: int, maximum: int) -> tuple[int, int]:
    """``limit`` and ``offset`` of the query; ``maximum`` 0 means that there is none."""
    values = {"limit": limit, "offset": 0}
    faults = []
    for name in values:
        given = request.args.get(name)
        if given is None:
            continue
        if not given.isdecimal() or len(given) > 9:
            faults.append(name)
        else:
            values[name] = int(given)
    if maximum and values["limit"] > maximum:
        faults.append("limit")
    if faults:
        raise InvalidField(faults)
    return values["limit"], values["offset"]


def read_descending(request: Request) -> bool:
    """Whether ``orderDirection`` asks for the reverse order."""
    direction = request.args.get("orderDirection", "ASC")
    if direction not in {"ASC", "DESC"}:
        raise InvalidField(["orderDirection"])
    return direction == "DESC"


def read_boolean(request: Request, name: str) -> bool | None:
    """``true`` or ``false`` of the query, ``None`` when it is not there."""
    given = request.args.get(name)
    if given is None:
        return None
    if given not in {"true", "false"}:
        raise InvalidField([name])
    return given == "true"


def read_list(request: Request, name: str) -> list[str]:
    """The values of a parameter that may be repeated, bracketed or separated by commas."""
    given = request.args.getlist(name) + request.args.getlist(f"{name}[]")
    return [part for value in given for part in value.split(",") if part]


def read_ids(request: Request, name: str, me: str = "") -> set[str] | None:
    """At most 25 ids of the query in lower case, ``None`` when the parameter is not there."""
    values = read_list(request, name)
    if not values:
        return None
    ids = {me if value == "me" and me else value.lower() for value in values}
    if len(values) > IDS_MAXIMUM or not all(is_uuid(value) for value in ids):
        raise InvalidField([name])
    return ids


def _search_text(user: User) -> str:
    cached: str | None = user.cache.get("search")
    if cached is None:
        names = ("givenName", "familyName", "email", "phone")
        cached = " ".join(user.profile.get(name, "") for name in names).casefold()
        user.cache["search"] = cached
    return cached


def _basic_credentials(authorization: str | None) -> tuple[str, str]:
    scheme, _, text = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        client_id, _, client_secret = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise InvalidToken("The Authorization header is not readable") from None
    return client_id, client_secret
