"""What can be set about the simulated Fortnox, above all where its behaviour is not published."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from local.simulation import add_run_arguments

if TYPE_CHECKING:
    from collections.abc import Sequence

ALL_SCOPES = "salary companyinformation profile settings costcenter project"
CLEARING_WORDS = ("api-blank", "null", "empty", "nothing")


@dataclass(frozen=True, slots=True)
class Options:
    """The settings of one simulator; the command line's help says what each is for."""

    client_id: str = "demo-client"
    client_secret: str = "demo-secret"
    redirect_uri: str = "http://127.0.0.1:8080/oauth/fortnox/callback"
    people: Path | None = None
    scopes: frozenset[str] = frozenset(ALL_SCOPES.split())
    service_accounts: bool = True
    client_credentials: bool = True
    errors_echo_state: bool = True
    access_token_seconds: int = 3600
    refresh_token_seconds: int = 45 * 24 * 3600
    code_seconds: int = 600
    rate_requests: int = 25
    rate_seconds: float = 5.0
    rate_counts_refused: bool = False
    retry_after: int | None = None
    clear_text_with: frozenset[str] = frozenset({"api-blank"})
    clear_dates_with: frozenset[str] = frozenset({"null"})
    bank_format: str = "digits"
    apostrophe: bool = True
    revalidate: str = "all"
    default_agreement: bool = False
    api_noright: bool = False


def _yes_or_no(text: str) -> bool:
    if text not in {"yes", "no"}:
        raise argparse.ArgumentTypeError("yes or no")
    return text == "yes"


def _clearing_words(text: str) -> frozenset[str]:
    words = frozenset(text.split(","))
    if not words <= set(CLEARING_WORDS):
        raise argparse.ArgumentTypeError(f"a comma separated list of {', '.join(CLEARING_WORDS)}")
    return words - {"nothing"}


def _scopes(text: str) -> frozenset[str]:
    return frozenset(text.split())


def read_options(argv: Sequence[str]) -> Options:
    """Read the command line; an unknown or wrong argument ends the process with a message."""
    standard = Options()
    parser = argparse.ArgumentParser("local.fortnox_simulator", description="A simulated Fortnox.")
    add_run_arguments(parser)

    def option(name: str, help_text: str, **settings: object) -> None:
        default = getattr(standard, name.replace("-", "_"))
        if isinstance(default, bool):
            settings |= {"type": _yes_or_no, "metavar": "yes|no"}
        elif isinstance(default, int | float):
            settings.setdefault("type", type(default))
        parser.add_argument(f"--{name}", default=default, help=help_text, **settings)  # type: ignore[arg-type]

    option("people", "JSON file of the company and its employees", type=Path)
    option("client-id", "the registered app")
    option("client-secret", "its secret")
    option("redirect-uri", "its registered redirect URI")
    option("scopes", "scopes enabled for the app, separated by spaces", type=_scopes)
    option("service-accounts", "may the app ask for account_type=service")
    option("client-credentials", "may the app use client credentials")
    option("errors-echo-state", "do error redirects carry the state (not published)")
    option("access-token-seconds", "validity of an access token")
    option("refresh-token-seconds", "validity of a refresh token")
    option("code-seconds", "validity of an authorization code")
    option("rate-requests", "requests allowed in the window, per client and tenant; 0: no limit")
    option("rate-seconds", "length of the sliding window")
    option("rate-counts-refused", "do refused requests count in the window (not published)")
    option("retry-after", "send Retry-After with this many seconds on 429 (not published)", type=int)
    option("clear-text-with", "what clears a text field (not published for employees)", type=_clearing_words)
    option("clear-dates-with", "what clears a date (not published)", type=_clearing_words)
    option("bank-format", "what bank fields may hold (not published)", choices=("digits", "any"))
    option("apostrophe", "is ' an allowed character (not published)")
    option(
        "revalidate",
        "what of the stored record an update checks again (not published in detail)",
        choices=("all", "required", "none"),
    )
    option("default-agreement", "the company has a default agreement: PersonelType may be absent")
    option("api-noright", "the company lacks the right to bank fields: API_NORIGHT")
    values = vars(parser.parse_args(argv))
    return Options(**{name: values[name] for name in Options.__dataclass_fields__})
