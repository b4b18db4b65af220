"""The controls of this simulator under ``/_sim/``, beside those every simulator has.

==============================================  ================================================
``GET /_sim/people?organization=``              the people file of the state as it is now
``POST /_sim/edit``                             ``{organization, userId, changes}``: as the editor
``POST /_sim/create``, ``POST /_sim/delete``    ``{organization, user}``, ``{organization, userId}``
``POST /_sim/confirm-email``                    ``{organization, userId}``: the mailed link is used
``POST /_sim/launch``                           ``{organization, user, claims, key, expired}``
``POST /_sim/bearer``                           the same, for a call of the integration's JSON API
``POST /_sim/keys/rotate``                      publishes and uses a new signing key
``GET, POST, DELETE /_sim/webhooks``            the deliveries (``since``, ``organization``,
                                                ``topic``, ``settle`` seconds); one on demand
``PUT /_sim/organizations/{id}/webhook``        ``{url, secret, accessToken}`` or ``null``
``PUT /_sim/organizations/{id}/settings``       settings of the people file, those that change
``PUT /_sim/organizations/{id}/api-keys``       an API key, new or changed
``PUT /_sim/today``                             ``{today}``: a date, or ``null`` for the real one
``POST /_sim/reset``                            everything as it was at the start
==============================================  ================================================

Faults of its own: ``revoke_key`` (``clientId``, else every key), ``restore_key``,
``expire_tokens``, ``slow_user_details`` (``seconds``), ``unknown_wrapper`` (``field``, ``shape``).
"""

from __future__ import annotations

import time
from datetime import date
from typing import TYPE_CHECKING, Any

from local.huma_simulator.launch import KEY_CHOICES, launch_claims
from local.huma_simulator.open_api import read_json, refusing
from local.huma_simulator.people_file import (
    PeopleFileError,
    add_service_user,
    read_api_key,
    read_settings,
    read_webhook,
    write_people,
    write_settings,
)
from local.huma_simulator.refusals import NotFound
from local.huma_simulator.webhooks import SIGNATURES, TOPICS, TRIES

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug import Request, Response

    from local.huma_simulator.organization import Administrator, ApiKey, Json, Organization
    from local.huma_simulator.simulator import HumaSimulator
    from local.simulation import Fault

    Answer = Response | tuple[int, Any]

MAXIMUM_SETTLE_SECONDS = 60.0


class Controls:
    """Registers the controls and the system's own faults on a simulator."""

    def __init__(self, simulator: HumaSimulator) -> None:
        self.simulator = simulator
        for path, methods, handler in (
            ("/_sim/people", ("GET", "POST"), self.people),
            ("/_sim/edit", ("POST",), self.edit),
            ("/_sim/create", ("POST",), self.create),
            ("/_sim/delete", ("POST",), self.delete),
            ("/_sim/confirm-email", ("POST",), self.confirm_email),
            ("/_sim/launch", ("POST",), self.launch),
            ("/_sim/bearer", ("POST",), self.bearer),
            ("/_sim/keys/rotate", ("POST",), self.rotate_key),
            ("/_sim/webhooks", ("GET", "POST", "DELETE"), self.webhooks),
            ("/_sim/organizations/<reference>/webhook", ("PUT",), self.set_webhook),
            ("/_sim/organizations/<reference>/settings", ("PUT",), self.set_settings),
            ("/_sim/organizations/<reference>/api-keys", ("PUT",), self.set_api_key),
            ("/_sim/today", ("PUT",), self.set_today),
            ("/_sim/reset", ("POST",), self.reset),
        ):
            simulator.route(path, methods=methods)(_readable(handler))
        simulator.fault_kind("revoke_key", at_once=lambda fault: self._switch_keys(fault, False))
        simulator.fault_kind("restore_key", at_once=lambda fault: self._switch_keys(fault, True))
        simulator.fault_kind("expire_tokens", at_once=lambda _: simulator.tokens.expire_all())
        simulator.fault_kind("slow_user_details", _wait)

    # People

    def people(self, request: Request) -> Answer:
        """The state as a people file; POST replaces it."""
        if request.method == "POST":
            self.simulator.replace_people(read_json(request))
        reference = request.args.get("organization", "")
        only = self.simulator.organization(reference).id if reference else ""
        return 200, write_people(self.simulator.organizations, only)

    def edit(self, request: Request) -> Answer:
        """Changes a user as the profile editor does."""
        organization, body = self._organization(request)
        changes = body.get("changes")
        if not isinstance(changes, dict):
            raise ValueError("changes: an object is expected")
        user = organization.user(str(body.get("userId", "")))
        organization.edit_user(user, changes, self._someone(organization))
        return 200, {"userId": user.id, "changedAt": time.time()}

    def create(self, request: Request) -> Answer:
        """Creates a user from an edit of everything; ``groups`` may be left out."""
        organization, body = self._organization(request)
        given = body.get("user")
        if not isinstance(given, dict):
            raise ValueError("user: an object is expected")
        with organization.lock:
            user = organization.create_user({"groups": []} | given)
            first = {"givenName", "familyName", "preferredName", "email", "phone", "supervisor", "groups", "invite"}
            later = {key: value for key, value in given.items() if key not in first}
            organization.edit_user(user, later, self._someone(organization))
        return 200, {"userId": user.id, "changedAt": time.time()}

    def delete(self, request: Request) -> Answer:
        """Removes a user for good."""
        organization, body = self._organization(request)
        user = organization.user(str(body.get("userId", "")))
        organization.delete_user(user)
        return 200, {"userId": user.id, "changedAt": time.time()}

    def confirm_email(self, request: Request) -> Answer:
        """The user confirms the e-mail that was asked for."""
        organization, body = self._organization(request)
        user = organization.user(str(body.get("userId", "")))
        organization.confirm_email(user)
        return 200, {"userId": user.id, "changedAt": time.time()}

    # Tokens

    def launch(self, request: Request) -> Answer:
        """A launch token and the address that it opens."""
        token = self._token(request)
        return 200, {"token": token, "url": f"{self.simulator.integration_url}/integrations/fortnox?launch={token}"}

    def bearer(self, request: Request) -> Answer:
        """A bearer token of an administrator for the integration's JSON API."""
        return 200, {"token": self._token(request)}

    def rotate_key(self, request: Request) -> Answer:
        """A new signing key; the old ones stay published."""
        return 200, {"kid": self.simulator.signer.rotate()}

    def _token(self, request: Request) -> str:
        organization, body = self._organization(request)
        claims = body.get("claims", {})
        key = body.get("key", "current")
        if not isinstance(claims, dict):
            raise ValueError("claims: an object is expected")
        if key not in KEY_CHOICES:
            raise ValueError(f"key: one of {', '.join(KEY_CHOICES)}")
        wanted = body.get("user")
        administrator = (
            self._someone(organization) if wanted is None else organization.administrators.get(str(wanted).lower())
        )
        if administrator is None:
            raise NotFound("Administrator", str(wanted))
        issuer = self.simulator.issuer_for(request)
        expired = body.get("expired") is True
        return self.simulator.signer.sign(
            launch_claims(issuer, organization, administrator, claims, expired=expired), key
        )

    # Webhook

    def webhooks(self, request: Request) -> Answer:
        """The deliveries; POST sends one made to order and waits for its end."""
        sender = self.simulator.sender
        if request.method == "DELETE":
            sender.clear()
        if request.method == "POST":
            return self._send(request)
        settled = True
        if "settle" in request.args:
            settled = sender.settle(min(float(request.args["settle"]), MAXIMUM_SETTLE_SECONDS))
        reference = request.args.get("organization", "")
        found = sender.deliveries(
            request.args.get("since", 0, type=int),
            self.simulator.organization(reference).id if reference else "",
            request.args.get("topic", ""),
        )
        return 200, found | {"settled": settled}

    def _send(self, request: Request) -> Answer:
        organization, body = self._organization(request)
        topic = body.get("topic")
        if not isinstance(topic, str):
            raise ValueError(f"topic: a string is expected, such as {', '.join(TOPICS)}")
        signature = body.get("signature", "valid")
        if signature not in SIGNATURES:
            raise ValueError(f"signature: one of {', '.join(SIGNATURES)}")
        tries = body.get("tries", 1)
        if not isinstance(tries, int) or not 1 <= tries <= TRIES:
            raise ValueError(f"tries: 1 to {TRIES}")
        user_ids = body.get("userIds")
        with organization.lock:
            if user_ids is None:
                user_ids = [user.id for user in organization.users.values() if user.type == "user"]
            plain = topic == "users-export" and not {"signature", "headerTopic", "raw", "tries"} & body.keys()
            if plain:
                sent = self.simulator.sender.export(
                    organization, [identifier for identifier in user_ids if identifier in organization.users]
                )
            else:
                sent = [
                    self.simulator.sender.send(
                        organization,
                        topic,
                        user_ids,
                        header_topic=body.get("headerTopic"),
                        signature=signature,
                        raw=body.get("raw"),
                        tries=tries,
                    )
                    for _ in range(int(body.get("repeat", 1)))
                ]
        if body.get("wait", True):
            for delivery in sent:
                delivery.done.wait(MAXIMUM_SETTLE_SECONDS)
        return 200, {"deliveries": [delivery.written() for delivery in sent]}

    # Organizations

    def set_webhook(self, request: Request, reference: str) -> Answer:
        """Says where the organization's changes go; an empty body or ``null``: nowhere."""
        organization = self.simulator.organization(reference)
        given = read_json(request) if request.get_data() else None
        organization.webhook = None if given is None else read_webhook(given)
        return 200, {"organization": organization.id}

    def set_settings(self, request: Request, reference: str) -> Answer:
        """Changes the settings that are given."""
        organization = self.simulator.organization(reference)
        with organization.lock:
            organization.settings = read_settings(read_json(request), organization.settings)
            for user in organization.users.values():
                user.cache.clear()
        return 200, write_settings(organization.settings)

    def set_api_key(self, request: Request, reference: str) -> Answer:
        """Adds an API key, or changes the rights, secret and state of one."""
        organization = self.simulator.organization(reference)
        key = read_api_key(read_json(request))
        with organization.lock:
            organization.api_keys[key.client_id] = key
            add_service_user(organization, key)
        return 200, {"clientId": key.client_id, "rights": key.rights, "active": key.active}

    def set_today(self, request: Request) -> Answer:
        """Sets the date that positions are measured against."""
        body = read_json(request)
        if not isinstance(body, dict) or "today" not in body:
            raise ValueError("today: a date or null is expected")
        given = body["today"]
        self.simulator.clock.fixed = None if given is None else date.fromisoformat(str(given))
        return 200, {"today": self.simulator.clock.today().isoformat()}

    def reset(self, _request: Request) -> Answer:
        """Everything as it was at the start: people, date, faults, logs; tokens are void."""
        self.simulator.reset()
        return 200, {"organizations": list(self.simulator.organizations)}

    # Faults

    def _switch_keys(self, fault: Fault, active: bool) -> None:
        wanted = str(fault.options.get("clientId", "")).lower()
        keys: list[ApiKey] = [
            key
            for organization in self.simulator.organizations.values()
            for key in organization.api_keys.values()
            if wanted in {"", key.client_id}
        ]
        if not keys:
            raise ValueError("clientId: no API key has it")
        for key in keys:
            key.active = active

    # Reading requests

    def _organization(self, request: Request) -> tuple[Organization, Json]:
        body = read_json(request)
        if not isinstance(body, dict):
            raise ValueError("an object is expected")
        reference = body.get("organization")
        if reference is None and len(self.simulator.organizations) == 1:
            return next(iter(self.simulator.organizations.values())), body
        return self.simulator.organization(str(reference)), body

    def _someone(self, organization: Organization) -> Administrator | None:
        """The administrator a script acts as: the first who may change organization settings."""
        administrators = list(organization.administrators.values())
        able = [a for a in administrators if "organization-settings" in a.permissions]
        return next(iter(able or administrators), None)


def _wait(_request: Request, fault: Fault) -> None:
    time.sleep(fault.seconds)


def _readable(handler: Callable[..., Answer]) -> Callable[..., Answer]:
    """A control whose mistakes in use become 400 with one readable sentence."""

    def answering(request: Request, **arguments: Any) -> Answer:
        try:
            return handler(request, **arguments)
        except (PeopleFileError, ValueError, TypeError) as error:
            return 400, {"error": str(error)}

    return refusing(answering)
