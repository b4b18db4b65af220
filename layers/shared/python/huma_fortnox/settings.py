"""What a function is told by its environment, as one checked object built once.

Only this module (and Powertools itself) reads environment variables; nothing reads them at import.
"""

from __future__ import annotations

import os
import re
from dataclasses import field
from typing import TYPE_CHECKING

from huma_fortnox.domain.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping


FORTNOX_WINDOW = 5.0
"""Seconds, as Fortnox publishes it."""

_CLEARING = re.compile(r"([A-Za-z0-9]+)=(api-blank|null|empty)")
_NUMBER = re.compile(r"[0-9]{1,4}(?:\.[0-9]{1,6})?")
_ACCOUNT_TYPES = re.compile(r"([A-Za-z_-]+),([A-Za-z_-]+)")


class SettingsError(RuntimeError):
    """A needed environment variable is missing or unusable; the message names it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Addresses and names of one deployment.

    ``public_url`` is where browsers, Fortnox and Huma reach us, without a trailing slash. ``secret_prefix`` is the
    name under which each organization has its secret. Names that a function does not need are empty.
    ``huma_person_url`` and ``fortnox_employee_url`` are as ``pages.mending.Doors`` has them. ``fortnox_window`` are the
    seconds in which Fortnox accepts 25 requests of an organization. ``fortnox_clearing``
    names how single properties are emptied, ``fortnox_complete_required`` whether an update carries e-mail and names
    along, ``huma_clearing`` what empties a value in Huma, and
    ``huma_account_types`` Huma's words for a national and an international account: neither system documents them.
    """

    public_url: str
    table: str
    secret_prefix: str
    fortnox_app_secret: str
    fortnox_api_url: str
    fortnox_auth_url: str
    huma_api_url: str
    huma_issuer: str
    huma_jwks_url: str
    bus: str = ""
    lane_url: str = ""
    dead_letters_url: str = ""
    state_machine: str = ""
    sender: str = ""
    mail_configuration_set: str = ""
    data_key: str = ""
    huma_person_url: str = ""
    fortnox_employee_url: str = ""
    fortnox_clearing: Mapping[str, str] = field(default_factory=dict)
    fortnox_complete_required: bool = False
    huma_clearing: str = "null"
    huma_account_types: tuple[str, str] = ("national", "international")
    fortnox_window: float = FORTNOX_WINDOW

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read the environment; raises ``SettingsError`` naming everything that is missing."""
        env = os.environ if environ is None else environ
        needed = {
            "public_url": "PUBLIC_URL",
            "table": "TABLE_NAME",
            "secret_prefix": "SECRET_PREFIX",
            "fortnox_app_secret": "FORTNOX_APP_SECRET",
            "fortnox_api_url": "FORTNOX_API_URL",
            "fortnox_auth_url": "FORTNOX_AUTH_URL",
            "huma_api_url": "HUMA_API_URL",
            "huma_issuer": "HUMA_ISSUER",
            "huma_jwks_url": "HUMA_JWKS_URL",
        }
        missing = [name for name in needed.values() if not env.get(name)]
        if missing:
            raise SettingsError(f"environment variables are missing: {', '.join(missing)}")
        return cls(
            **{attribute: env[name].rstrip("/") for attribute, name in needed.items()},
            bus=env.get("BUS_NAME", ""),
            lane_url=env.get("LANE_URL", ""),
            dead_letters_url=env.get("DEAD_LETTERS_URL", ""),
            state_machine=env.get("STATE_MACHINE_ARN", ""),
            sender=env.get("SENDER", ""),
            mail_configuration_set=env.get("MAIL_CONFIGURATION_SET", ""),
            data_key=env.get("DATA_KEY_ARN", ""),
            huma_person_url=env.get("HUMA_PERSON_URL", ""),
            fortnox_employee_url=env.get("FORTNOX_EMPLOYEE_URL", ""),
            fortnox_clearing=_clearing(env.get("FORTNOX_CLEARING", "")),
            fortnox_complete_required=env.get("FORTNOX_COMPLETE_REQUIRED") == "yes",
            huma_clearing=_huma_clearing(env.get("HUMA_CLEARING", "") or "null"),
            huma_account_types=_account_types(env.get("HUMA_ACCOUNT_TYPES", "") or "national,international"),
            fortnox_window=_seconds(env.get("FORTNOX_WINDOW", "") or str(FORTNOX_WINDOW)),
        )


def _clearing(text: str) -> dict[str, str]:
    found = [_CLEARING.fullmatch(part) for part in text.split(",")] if text else []
    if None in found:
        raise SettingsError("FORTNOX_CLEARING is Property=api-blank|null|empty, several separated by commas")
    return {each[1]: each[2] for each in found if each}


def _huma_clearing(text: str) -> str:
    if text not in ("null", "empty"):
        raise SettingsError("HUMA_CLEARING is null or empty")
    return text


def _account_types(text: str) -> tuple[str, str]:
    found = _ACCOUNT_TYPES.fullmatch(text)
    if not found:
        raise SettingsError("HUMA_ACCOUNT_TYPES is two words separated by a comma: national, international")
    return found[1], found[2]


def _seconds(text: str) -> float:
    if not _NUMBER.fullmatch(text) or not 0 < float(text) <= 3600:
        raise SettingsError("FORTNOX_WINDOW is a number of seconds, at most 3600")
    return float(text)
