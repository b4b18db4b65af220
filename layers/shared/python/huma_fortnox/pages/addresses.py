"""The addresses of the pages, in one place for routes, templates and e-mails."""

from __future__ import annotations

from urllib.parse import quote, urlencode

HOME = "/integrations/fortnox"
SET_UP = f"{HOME}/set-up"
HUMA_KEY = f"{HOME}/huma-key"
TERMS = f"{HOME}/terms"
SETTINGS = f"{HOME}/settings"
DISCONNECT = f"{HOME}/disconnect"
ACTIVITY = f"{HOME}/activity"
SIGN_OUT = f"{HOME}/sign-out"
TRY_AGAIN = f"{HOME}/try-again"
REMOVAL = f"{HOME}/removal"
BRAKE = f"{HOME}/confirm-bank-changes"
CATCH_UP = f"{HOME}/catch-up"
PAUSE = f"{HOME}/pause"
RESUME = f"{HOME}/resume"
SYNCHRONIZATIONS = f"{HOME}/synchronizations"


def synchronization(synchronization_id: str, step: str = "", **query: str) -> str:
    """Return the address of a step of a run; empty query values are left out.

    >>> synchronization("a1", "differences", situation="differs", after="")
    '/integrations/fortnox/synchronizations/a1/differences?situation=differs'
    """
    path = f"{SYNCHRONIZATIONS}/{quote(synchronization_id, safe='')}"
    if step:
        path += f"/{step}"
    return with_query(path, **query)


def with_query(path: str, **query: str) -> str:
    """Return an address with these query parameters, empty ones left out."""
    filled = {name: value for name, value in query.items() if value}
    return f"{path}?{urlencode(filled)}" if filled else path


def anchor(key: str) -> str:
    """Return the id of a person's place on a page.

    >>> anchor("u:3780"), anchor("e:A 7")
    ('at-u:3780', 'at-e:A%207')
    """
    return f"at-{quote(key, safe=':')}"
