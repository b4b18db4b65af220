"""Everything on one machine: both simulators, the real template on the emulator, and what an operator sets up.

    with World.start(huma_people=…, fortnox_people=…) as world:
        print(world.public_url, world.huma_url, world.fortnox_url)

An address variable of the environment (`FORTNOX_API_URL`, `FORTNOX_AUTH_URL`, `HUMA_API_URL`, `HUMA_ISSUER`,
`HUMA_JWKS_URL`) puts a real system, or any other that conforms, in a simulator's place: that simulator is not
started. The app's credentials at a real Fortnox are then `FORTNOX_CLIENT_ID` and `FORTNOX_CLIENT_SECRET`.
"""

from __future__ import annotations

import json
import os
import secrets
import uuid
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

from local.simulator_process import SimulatorProcess
from local.stack import LOCAL, Stack

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from local.stack import Mail

SENDER = "no-reply@example.com"
CALLBACK = "/oauth/fortnox/callback"
WEBHOOK = "/huma/webhook"
_NONE: Mapping[str, str] = {}


class WorldError(Exception):
    """The world cannot be set up as the environment asks for it; the message says what is missing."""


@dataclass
class World:
    """All that runs, with its addresses; a simulator is ``None`` where another system stands in its place."""

    stack: Stack
    huma: SimulatorProcess | None
    fortnox: SimulatorProcess | None
    huma_url: str
    fortnox_url: str
    _closing: ExitStack = field(repr=False)

    @property
    def public_url(self) -> str:
        """Where our pages, API, callback and webhook are."""
        return self.stack.api_url

    @classmethod
    def start(
        cls,
        *,
        huma_people: Path,
        fortnox_people: Path,
        port: int | None = None,
        huma_port: int = 0,
        fortnox_port: int = 0,
        huma_options: Sequence[str] = (),
        fortnox_options: Sequence[str] = (),
        parameters: Mapping[str, str] = _NONE,
        environ: Mapping[str, str] = os.environ,
    ) -> Self:
        """Start everything; what was started ends when this fails half-way.

        ``port`` is that of our pages. ``*_options`` are command-line options of the simulators, ``parameters`` more
        of the template's. Raises ``WorldError``, ``StackError`` or ``BuildError``.
        """
        with ExitStack() as closing:
            stack = Stack.launch(port=port)
            closing.callback(stack.stop)
            credentials = _app_credentials(environ)
            fortnox = None
            if not (environ.get("FORTNOX_API_URL") or environ.get("FORTNOX_AUTH_URL")):
                fortnox = SimulatorProcess(
                    "local.fortnox_simulator",
                    *("--people", str(fortnox_people.resolve())),
                    *("--client-id", credentials["client_id"]),
                    *("--client-secret", credentials["client_secret"]),
                    *("--redirect-uri", stack.api_url + CALLBACK),
                    *fortnox_options,
                    port=fortnox_port,
                    stderr=_log("fortnox"),
                )
                closing.callback(fortnox.stop)
                fortnox.start()
            huma = None
            if not any(environ.get(name) for name in ("HUMA_API_URL", "HUMA_ISSUER", "HUMA_JWKS_URL")):
                huma = SimulatorProcess(
                    "local.huma_simulator",
                    *("--people", str(huma_people.resolve())),
                    *("--integration-url", stack.api_url),
                    *huma_options,
                    port=huma_port,
                    stderr=_log("huma"),
                )
                closing.callback(huma.stop)
                huma.start()
            addresses = _addresses(environ, fortnox, huma)
            own = {"Stage": "local", "PublicUrl": stack.api_url, "Sender": SENDER}
            stack.deploy({**own, **addresses, **_doors(fortnox, huma), **parameters})
            stack.client("secretsmanager").put_secret_value(
                SecretId=stack.outputs["FortnoxAppSecretName"], SecretString=json.dumps(credentials)
            )
            world = cls(
                stack=stack,
                huma=huma,
                fortnox=fortnox,
                huma_url=huma.url if huma else addresses["HumaApiUrl"],
                fortnox_url=fortnox.url if fortnox else addresses["FortnoxApiUrl"],
                _closing=closing.pop_all(),
            )
        world._point_webhooks_here()
        return world

    def mails(self) -> list[Mail]:
        """Return the mails the product has sent."""
        return self.stack.mails()

    def stop(self) -> None:
        """End everything that was started; safe to call twice."""
        self._closing.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _point_webhooks_here(self) -> None:
        """Do what an administrator does in Huma: enter the webhook's address; the secret is already there."""
        if self.huma is None:
            return
        for organization in self.huma.people()["organizations"]:
            known = organization.get("webhook") or {}
            url = f"{self.public_url}{WEBHOOK}/{organization['id']}"
            secret = known.get("secret") or secrets.token_hex(16)
            self.huma.control(
                "PUT", f"/_sim/organizations/{organization['id']}/webhook", {"url": url, "secret": secret}
            )


def _log(name: str) -> Path:
    LOCAL.mkdir(exist_ok=True)
    return LOCAL / f"{name}-simulator.log"


def _app_credentials(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the app's credentials at Fortnox: those of the environment, or some that only the simulator knows."""
    names = {"client_id": "FORTNOX_CLIENT_ID", "client_secret": "FORTNOX_CLIENT_SECRET"}
    given = {key: environ[name] for key, name in names.items() if environ.get(name)}
    if len(given) == len(names):
        return given
    if given or environ.get("FORTNOX_API_URL") or environ.get("FORTNOX_AUTH_URL"):
        raise WorldError("Set FORTNOX_CLIENT_ID and FORTNOX_CLIENT_SECRET, the app's credentials at that Fortnox.")
    return {"client_id": uuid.uuid4().hex[:12], "client_secret": secrets.token_hex(8)}


def _doors(fortnox: SimulatorProcess | None, huma: SimulatorProcess | None) -> dict[str, str]:
    """Return the parameters that say where people are in the simulators' own screens."""
    found = {}
    if huma is not None:
        found["HumaPersonUrl"] = f"{huma.url}/{{organization}}/people/{{user}}"
    if fortnox is not None:
        found["FortnoxEmployeeUrl"] = f"{fortnox.url}/people/{{employee}}"
    return found


def _addresses(
    environ: Mapping[str, str], fortnox: SimulatorProcess | None, huma: SimulatorProcess | None
) -> dict[str, str]:
    """Return the template's address parameters; those of a real system must be given together."""
    wanted = {
        "FortnoxApiUrl": ("FORTNOX_API_URL", fortnox.url if fortnox else None),
        "FortnoxAuthUrl": ("FORTNOX_AUTH_URL", f"{fortnox.url}/oauth-v1" if fortnox else None),
        "HumaApiUrl": ("HUMA_API_URL", huma.url if huma else None),
        "HumaIssuer": ("HUMA_ISSUER", huma.url if huma else None),
        "HumaJwksUrl": ("HUMA_JWKS_URL", f"{huma.url}/.well-known/jwks.json" if huma else None),
    }
    found = {parameter: ours or environ.get(name, "") for parameter, (name, ours) in wanted.items()}
    missing = [wanted[parameter][0] for parameter, address in found.items() if not address]
    if missing:
        raise WorldError(f"These addresses go together; set {', '.join(missing)} too.")
    return found
