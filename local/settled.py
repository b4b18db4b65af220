"""Organizations as they are after their first synchronization, for what measures or tests real time.

    companies = write_companies((5000, 3), folder)
    with World.start(huma_people=folder / HUMA, fortnox_people=folder / FORTNOX) as world:
        lanes = [Settled(world, company) for company in companies]
        lanes[0].edit(0, phone="+46701740000")

Everybody in Huma has an employee in Fortnox, agrees with it in everything, and is linked: what pages and a run would
have done is put into the state table and the secrets directly, through the adapters.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
import urllib.request
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import requests
from huma_fortnox.bootstrap import Application
from huma_fortnox.domain.creation import EmploymentDefaults
from huma_fortnox.domain.digest import keyed_digest
from huma_fortnox.domain.fields import read_employee
from huma_fortnox.domain.people import FieldSettings, Link, User
from huma_fortnox.domain.plan import plan, writes
from huma_fortnox.pages import terms
from huma_fortnox.pages.addresses import HOME
from huma_fortnox.services.model import Administrator, ConnectionState, OrganizationSettings
from huma_fortnox.services.ports import Company, ConsentGranted, HumaAccess
from huma_fortnox.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from local.world import World

Json = dict[str, Any]

HUMA, FORTNOX = "huma.json", "fortnox.json"
FIRST_DAY = "2021-01-04"
_NAMESPACE = uuid.UUID("5b8f3a44-3f0e-5d1a-8a52-7c1b9d2e6f10")
_FIRST_TENANT = 4000500


def _id(*names: object) -> str:
    return str(uuid.uuid5(_NAMESPACE, " ".join(map(str, names))))


def phone(number: int) -> str:
    """Return the number of a fictional phone; there are some millions."""
    return f"+4670{1_000_000 + number}"


@dataclass(frozen=True)
class SettledCompany:
    """One organization and its company in Fortnox, with so many people."""

    number: int
    size: int

    @property
    def id(self) -> str:
        """The organization's id in Huma."""
        return _id("organization", self.number)

    @property
    def tenant(self) -> int:
        """The company's number in Fortnox."""
        return _FIRST_TENANT + self.number

    @property
    def name(self) -> str:
        """The name of both."""
        return f"Exempelbolag {self.number + 1} AB"

    @property
    def key(self) -> tuple[str, str]:
        """The Huma API key: client id and secret."""
        return _id("client", self.number), _id("secret", self.number)

    @property
    def account(self) -> str:
        """The account that logs in to the company in Fortnox."""
        names = ("admin", "other-company")
        return names[self.number] if self.number < len(names) else f"other-company-{self.number}"

    def user_id(self, number: int) -> str:
        """Return the id of a person in Huma."""
        return _id("user", self.number, number)

    def employee_id(self, number: int) -> str:
        """Return the number of a person in Fortnox."""
        return f"{1000 + number}"

    def huma(self) -> Json:
        """Return the organization for Huma's people file."""
        return {
            "id": self.id,
            "name": self.name,
            "slug": f"exempelbolag-{self.number + 1}",
            "settings": {},
            "apiKeys": [{"clientId": self.key[0], "clientSecret": self.key[1]}],
            "administrators": [
                {
                    "id": _id("administrator", self.number),
                    "name": "Ester Exempel",
                    "email": "ester@example.com",
                    "locale": "en",
                    "permissions": ["organization-settings"],
                }
            ],
            "jobTitles": [{"name": "Medarbetare"}],
            "users": [self._user(number) for number in range(self.size)],
        }

    def fortnox(self) -> Json:
        """Return the company for Fortnox's people file."""
        return {
            "company": {
                "name": self.name,
                "organizationNumber": "400000-0309",
                "databaseNumber": self.tenant,
            },
            "employees": [self.employee(number) for number in range(self.size)],
        }

    def employee(self, number: int) -> Json:
        """Return a person as Fortnox has it."""
        return {
            "EmployeeId": self.employee_id(number),
            "FirstName": f"Person{number}",
            "LastName": "Exempelsson",
            "Email": f"person{number}@example.com",
            "Phone1": "0" + phone(number)[3:],
            "Address1": "",
            "Address2": f"Provgatan {number + 1}",
            "PostCode": "12345",
            "City": "Exempelstad",
            "Country": "Sverige",
            "EmploymentDate": FIRST_DAY,
            "EmploymentForm": "TV",
            "PersonelType": "TJM",
            "SalaryForm": "MAN",
        }

    def user(self, number: int) -> User:
        """Return a person as the integration reads it from Huma."""
        raw = self._user(number)
        return User(
            raw["id"],
            {
                "email": raw["email"],
                "employment_id": raw["employmentId"],
                "given_name": raw["givenName"],
                "family_name": raw["familyName"],
                "phone": raw["phone"],
                "address": {"line2": None, "line3": None, **raw["homeAddress"]},
                "bank_account": None,
                "first_day": FIRST_DAY,
                "last_day": None,
            },
        )

    def _user(self, number: int) -> Json:
        return {
            "id": self.user_id(number),
            "givenName": f"Person{number}",
            "familyName": "Exempelsson",
            "email": f"person{number}@example.com",
            "phone": phone(number),
            "employmentId": self.employee_id(number),
            "homeAddress": {
                "line1": f"Provgatan {number + 1}",
                "postalCode": "12345",
                "city": "Exempelstad",
                "country": "SE",
            },
            "positions": [{"title": "Medarbetare", "firstDayOfWork": FIRST_DAY}],
        }


def write_companies(sizes: Sequence[int], folder: Path) -> list[SettledCompany]:
    """Write the people files of Huma and Fortnox with companies of these sizes."""
    companies = [SettledCompany(number, size) for number, size in enumerate(sizes)]
    (folder / HUMA).write_text(json.dumps({"organizations": [company.huma() for company in companies]}))
    first, *others = [company.fortnox() for company in companies]
    (folder / FORTNOX).write_text(json.dumps({**first, "otherCompanies": others}))
    return companies


class Settled:
    """An organization of a running world, made active, with hands to change people and to announce it."""

    def __init__(self, world: World, company: SettledCompany) -> None:
        assert world.huma is not None
        assert world.fortnox is not None
        self.world, self.company, self.huma, self.fortnox = world, company, world.huma, world.fortnox
        self.application = application(world)
        organizations = {each["id"]: each for each in self.huma.people()["organizations"]}
        self.webhook_secret = str(organizations[company.id]["webhook"]["secret"])
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self._settle()

    def _settle(self) -> None:
        organization_id, vault = self.company.id, self.application.vault
        vault.save_huma(organization_id, HumaAccess(*self.company.key, self.webhook_secret))
        granted = self.fortnox.control("POST", "/_sim/grant", {"tenantId": self.company.tenant})
        in_fortnox = Company(self.company.name, "400000-0309", str(self.company.tenant))
        vault.save_consent(
            organization_id,
            ConsentGranted(
                in_fortnox,
                "client_credentials",
                granted["access_token"],
                int(time.time()) + 3500,
                scope="companyinformation salary",
            ),
        )
        connections = self.application.connection_store
        connections.claim_company(in_fortnox.tenant_id, organization_id)
        connections.change(
            organization_id,
            {
                "state": ConnectionState.ACTIVE,
                "active_since": int(time.time()),
                "connected_at": int(time.time()),
                "has_huma_key": True,
                "tenant_id": in_fortnox.tenant_id,
                "company_name": in_fortnox.name,
                "notify": self.administrator,
                "settings": OrganizationSettings(FieldSettings(), EmploymentDefaults("TJM", "TV", "MAN")),
            },
        )
        self.application.link_store.save(organization_id, self._links())

    @property
    def administrator(self) -> Administrator:
        """The one who connected the company."""
        return Administrator(
            self.company.id, _id("administrator", self.company.number), "Ester Exempel", "ester@example.com", "en"
        )

    def _links(self) -> list[Link]:
        digest = keyed_digest(self.application.vault.base_key(self.company.id))
        settings = FieldSettings()
        people = range(self.company.size)
        users = [self.company.user(number) for number in people]
        # What the simulated Fortnox adds to a record does not matter here, an empty account does.
        empty: Json = {"ClearingNo": "", "BankAccountNo": "", "EmployedTo": None}
        employees = [read_employee({**empty, **self.company.employee(number)}, settings) for number in people]
        pairs = [Link(user.id, employee.id) for user, employee in zip(users, employees, strict=True)]
        found = plan(users, employees, links=pairs, digest=digest, settings=settings).people
        by_user = {link.user_id: link for link in pairs}
        links = []
        for person in found:
            assert person.user is not None
            link = by_user[person.user.id]
            done = writes(person, link=link, digest=digest, settings=settings)
            links.append(Link(link.user_id, link.employee_id, done.bases, done.layout))
        return links

    # -- what happens

    def silence(self) -> None:
        """Have Huma send no webhooks of its own: whoever changes somebody announces it."""
        self.huma.control("PUT", f"/_sim/organizations/{self.company.id}/webhook", None)

    def edit(self, number: int, **changes: Any) -> None:
        """Change a person as the profile editor does."""
        self.huma.control(
            "POST",
            "/_sim/edit",
            {"organization": self.company.id, "userId": self.company.user_id(number), "changes": changes},
        )

    def announce(self, *numbers: int, topic: str = "users-update") -> float:
        """Send Huma's webhook about these people; return when it was sent, in Unix seconds."""
        users = [{"id": self.company.user_id(number), "email": "somebody@example.com"} for number in numbers]
        body = json.dumps({"topic": topic, "users": users}).encode()
        request = urllib.request.Request(
            f"{self.world.public_url}/huma/webhook/{self.company.id}",
            body,
            {
                "Content-Type": "application/json",
                "huma-topic": topic,
                "huma-hmac-sha256": hmac.new(self.webhook_secret.encode(), body, hashlib.sha256).hexdigest(),
            },
            method="POST",
        )
        sent = time.time()
        with self._opener.open(request, timeout=30) as response:
            response.read()
        return sent

    def reconnect(self) -> None:
        """Do what an administrator does whose consent was lost: accept the terms and approve in Fortnox again."""
        asked = self.ask("POST", "/connection", {"termsVersion": terms.VERSION})
        approval = {"account": self.company.account, "password": "demo", "decision": "approve"}
        approved = _http().post(asked["authorizationUrl"], data=approval, allow_redirects=False)
        done = _http().get(approved.headers["Location"], headers=self._session(), allow_redirects=False)
        assert done.status_code == 303, done.status_code

    def page(self) -> str:
        """Return the integration's first page as the administrator sees it."""
        answer = _http().get(f"{self.world.public_url}{HOME}", headers=self._session())
        answer.raise_for_status()
        return answer.text

    def _session(self) -> dict[str, str]:
        """Enter from Huma, and return the header with the session's cookie."""
        launch = self.huma.control("POST", "/_sim/launch", self._somebody)["url"]
        entered = _http().get(launch, allow_redirects=False)
        return {"Cookie": entered.headers["Set-Cookie"].split(";")[0]}

    def ask(self, method: str, path: str, body: Json | None = None) -> Any:
        """Ask the API as the administrator; ``path`` is what follows the organization. Raises for a refusal."""
        token = self.huma.control("POST", "/_sim/bearer", self._somebody)["token"]
        answer = _http().request(
            method,
            f"{self.world.public_url}/api/organizations/{self.company.id}{path}",
            json=body,
            headers={"Authorization": f"Bearer {token}"},
        )
        answer.raise_for_status()
        return answer.json()

    @property
    def _somebody(self) -> Json:
        return {"organization": self.company.id, "user": self.administrator.user_id}

    def employee(self, number: int) -> Json:
        """Return a person as Fortnox has it now."""
        companies = self.fortnox.people()
        everybody = [companies, *companies.get("otherCompanies", [])]
        mine = next(each for each in everybody if each["company"]["databaseNumber"] == self.company.tenant)
        wanted = self.company.employee_id(number)
        found: Json = next(each for each in mine["employees"] if each["EmployeeId"] == wanted)
        return found


def _http() -> requests.Session:
    http = requests.Session()
    http.trust_env = False
    return http


def application(world: World) -> Application:
    """Return the application in this process, on the world's own AWS."""
    outputs = world.stack.outputs
    settings = Settings(
        public_url=world.public_url,
        table=outputs["StateTableName"],
        secret_prefix=outputs["SecretPrefix"],
        fortnox_app_secret=outputs["FortnoxAppSecretName"],
        fortnox_api_url=world.fortnox_url,
        fortnox_auth_url=f"{world.fortnox_url}/oauth-v1",
        huma_api_url=world.huma_url,
        huma_issuer=world.huma_url,
        huma_jwks_url=f"{world.huma_url}/.well-known/jwks.json",
        lane_url=outputs["ChangesQueueUrl"],
        dead_letters_url=outputs["ChangesDeadLettersUrl"],
    )
    return Application(settings, clients=world.stack.client)
