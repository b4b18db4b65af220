"""Huma on one machine: the Open API, the settings menu and profile editor, the controls."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.huma_simulator.clock import Clock
from local.huma_simulator.controls import Controls
from local.huma_simulator.launch import LaunchSigner
from local.huma_simulator.open_api import OpenApi
from local.huma_simulator.organization import Settings
from local.huma_simulator.pages import Pages
from local.huma_simulator.people_file import read_people
from local.huma_simulator.refusals import InvalidField, InvalidToken, NotFound
from local.huma_simulator.tokens import Tokens
from local.huma_simulator.webhooks import WebhookSender
from local.simulation import LOOPBACK, Simulator

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIEnvironment
    from werkzeug import Request, Response
    from werkzeug.exceptions import HTTPException

    from local.huma_simulator.organization import ApiKey, Organization, User
    from local.simulation import Fault

    Answer = Response | tuple[int, Any]

# What a small company looks like when nobody gave a file of people.
DEFAULT_PEOPLE: dict[str, Any] = {
    "organizations": [
        {
            "id": "7d0c1d0e-51b5-4f0e-8a67-0c9f0b7c2f01",
            "name": "Exempelbolaget AB",
            "slug": "exempelbolaget",
            "apiKeys": [
                {
                    "clientId": "0f4b2f3e-6d0f-4d3b-9d53-5f1a5a0c7b02",
                    "clientSecret": "c1a9f8de-2b60-4e63-8c4b-9a5de1f60b03",
                }
            ],
            "administrators": [
                {
                    "id": "5a2c8c4a-7e3d-4f0b-8f5b-1d2e3f405061",
                    "name": "Astrid Exempel",
                    "email": "astrid@example.com",
                    "locale": "sv-SE",
                    "permissions": ["organization-settings"],
                },
                {
                    "id": "6b3d9d5b-8f4e-4a1c-9a6c-2e3f40516272",
                    "name": "Bertil Exempel",
                    "email": "bertil@example.com",
                    "locale": "en-GB",
                    "permissions": [],
                },
            ],
            "jobTitles": [{"name": "Utvecklare"}, {"name": "Ekonom"}],
            "users": [
                {
                    "id": "9e1f2a3b-4c5d-4e6f-8a7b-8c9d0e1f2a3b",
                    "givenName": "Cecilia",
                    "familyName": "Exempel",
                    "email": "cecilia@example.com",
                    "phone": "+46701740605",
                    "employmentId": "0007",
                    "homeAddress": {
                        "line1": "Storgatan 1",
                        "postalCode": "111 22",
                        "city": "Stockholm",
                        "country": "SE",
                    },
                    "bankAccount": {"number": "3300-0006205124", "country": "SE"},
                    "identifications": [{"type": "national", "country": "SE", "value": "198001019801"}],
                    "positions": [{"title": "Utvecklare", "firstDayOfWork": "2024-02-01"}],
                },
                {
                    "id": "a02f3b4c-5d6e-4f70-9b8c-9d0e1f2a3b4c",
                    "givenName": "David",
                    "familyName": "Exempel",
                    "email": "david@example.com",
                    "lastLoggedInAt": "2026-01-15T08:00:00.000Z",
                    "positions": [
                        {
                            "title": "Ekonom",
                            "contractStartDate": "2020-01-01",
                            "firstDayOfWork": "2020-01-07",
                        }
                    ],
                },
                {
                    "id": "b13a4c5d-6e7f-4081-8c9d-0e1f2a3b4c5d",
                    "givenName": "Erika",
                    "familyName": "Exempel",
                    "email": "erika@example.com",
                    "active": False,
                    "deactivatedAt": "2026-02-28T16:00:00.000Z",
                },
            ],
        }
    ]
}


class HumaSimulator(Simulator):
    """The simulated Huma, one WSGI application. State is in memory, by organization.

    ``integration_url`` is where the settings menu sends an administrator; ``issuer`` is the
    ``iss`` of launch tokens, the simulator's own address when empty.
    """

    def __init__(
        self,
        people: Any = None,
        *,
        integration_url: str = "http://127.0.0.1:3000",
        issuer: str = "",
        key: str = "es256",
        defaults: Settings | None = None,
        clock: Clock | None = None,
        token_seconds: int = 3600,
    ) -> None:
        super().__init__("huma", templates=Path(__file__).parent / "templates")
        self.integration_url = integration_url.rstrip("/")
        self.issuer = issuer
        self.clock = clock or Clock()
        self.defaults = defaults or Settings()
        self.signer = LaunchSigner(key)
        self.sender = WebhookSender()
        self.tokens = Tokens(self.find_key, token_seconds)
        self.organizations: dict[str, Organization] = {}
        self._sorted: dict[str, tuple[int, list[User]]] = {}
        self._current = threading.local()
        self._start = DEFAULT_PEOPLE if people is None else people, self.clock.fixed
        self.replace_people(self._start[0])
        OpenApi(self)
        Pages(self)
        Controls(self)
        self.on_unknown(self._unknown_path)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answers one request; see the shared frame."""
        self._current.path = environ.get("PATH_INFO", "")
        return super().__call__(environ, start_response)

    def own_address(self, request: Request) -> str:
        """The address this process listens on, whatever name the browser used for it."""
        return f"http://{LOOPBACK}:{request.environ['SERVER_PORT']}"

    def issuer_for(self, request: Request) -> str:
        """The ``iss`` of launch tokens."""
        return self.issuer or self.own_address(request)

    def organization(self, reference: str) -> Organization:
        """The organization with this id or slug; raises :class:`NotFound`."""
        found = self.organizations.get(reference.lower())
        if found is None:
            found = next((o for o in self.organizations.values() if o.slug == reference), None)
        if found is None:
            raise NotFound("Organization", reference)
        return found

    def find_key(self, client_id: str) -> tuple[Organization, ApiKey] | None:
        """The API key with this client id and the organization it belongs to."""
        for organization in self.organizations.values():
            key = organization.api_keys.get(client_id)
            if key is not None:
                return organization, key
        return None

    def sorted_users(self, organization: Organization) -> list[User]:
        """The users of an organization in the order of lists, sorted anew only after a change."""
        cached = self._sorted.get(organization.id)
        if cached is None or cached[0] != organization.revision:
            users = sorted(organization.users.values(), key=_list_order)
            cached = self._sorted[organization.id] = (organization.revision, users)
        return cached[1]

    def replace_people(self, data: Any) -> None:
        """Replaces all organizations by those of a people file; ``PeopleFileError`` if faulty."""
        organizations = read_people(data, self.defaults, self.clock)
        for organization in organizations.values():
            organization.on_change = self.sender.change
        self._sorted.clear()
        self.organizations = organizations

    def reset(self) -> None:
        """Puts people and date back to the start, forgets requests, faults, tokens, deliveries."""
        people, self.clock.fixed = self._start
        self.replace_people(people)
        self.forget_requests_and_faults()
        self.tokens.forget_all()
        self.sender.clear()

    def error_answer(self, status: int) -> Answer:
        """An error in Huma's shape: the documented ones, else what a Spring service answers."""
        path = getattr(self._current, "path", "")
        if status == 400:
            refusal = InvalidField([])
            return refusal.status, refusal.body
        if status == 401:
            token_refusal = InvalidToken("The access token is not valid")
            return token_refusal.status, token_refusal.body
        if status == 404:
            missing = NotFound("Object", path.rpartition("/")[2])
            return missing.status, missing.body
        phrase = HTTPStatus(status).phrase
        return status, {
            "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "status": status,
            "error": phrase,
            "message": phrase,
            "path": path,
        }

    def add_fault(self, fault: Fault) -> None:
        """Switches a fault on; those of a user's details look at ``GET /users/…`` by default."""
        if fault.kind in {"slow_user_details", "unknown_wrapper"}:
            fault.method, fault.path = fault.method or "GET", fault.path or "/users/"
        super().add_fault(fault)

    def _unknown_path(self, request: Request, error: HTTPException) -> Answer:
        return self.error_answer(error.code or 404)


def _list_order(user: User) -> tuple[str, str, str]:
    profile = user.profile
    return profile.get("givenName", "").casefold(), profile.get("familyName", "").casefold(), user.id
