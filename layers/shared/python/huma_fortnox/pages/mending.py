"""Where what stands in the way is mended: a person in Huma, an employee in Fortnox, or one of our own pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import quote

from huma_fortnox.domain.frozen import dataclass
from huma_fortnox.pages import addresses

if TYPE_CHECKING:
    from huma_fortnox.domain.outcome import Reason
    from huma_fortnox.pages.texts import Texts

HUMA, FORTNOX, SETTINGS, SYNCHRONIZE = "huma", "fortnox", "settings", "synchronize"

_PLACES: Mapping[str, str] = {
    "already-in-fortnox": SYNCHRONIZE,
    "ambiguous": SYNCHRONIZE,
    "appeared-in-fortnox": SYNCHRONIZE,
    "appeared-in-huma": SYNCHRONIZE,
    "blocked": SYNCHRONIZE,
    "changed-since-preview": SYNCHRONIZE,
    "confirmed-twice": SYNCHRONIZE,
    "differs": SYNCHRONIZE,
    "duplicate-in-fortnox": FORTNOX,
    "duplicate-in-huma": HUMA,
    "employee-gone": FORTNOX,
    "employee-inactive": FORTNOX,
    "employment-settings-missing": SETTINGS,
    "fortnox-no-agreement": SETTINGS,
    "fortnox-refused": FORTNOX,
    "fortnox-refused-characters": HUMA,
    "fortnox-refused-value": FORTNOX,
    "huma-not-allowed": HUMA,
    "huma-position-needs-first-day": HUMA,
    "huma-refused": HUMA,
    "huma-refused-value": HUMA,
    "identity-number-differs": HUMA,
    "ignored-by-fortnox": FORTNOX,
    "ignored-by-huma": HUMA,
    "linked-twice": SYNCHRONIZE,
    "locked-in-huma": HUMA,
    "missing": SYNCHRONIZE,
    "missing-in-fortnox": SYNCHRONIZE,
    "missing-in-huma": SYNCHRONIZE,
    "never-compared": SYNCHRONIZE,
    "not-a-pair": SYNCHRONIZE,
    "only_in_fortnox": SYNCHRONIZE,
    "only_in_huma": SYNCHRONIZE,
    "refused": HUMA,
    "user-deactivated": HUMA,
    "waiting-for-confirmation": HUMA,
    "waiting-for-synchronization": SYNCHRONIZE,
    "would-duplicate-in-fortnox": FORTNOX,
    "would-duplicate-in-huma": HUMA,
}


@dataclass(frozen=True, slots=True)
class Doors:
    """The addresses of people in the two systems, with ``{organization}``, ``{user}`` and ``{employee}`` to fill in.

    An empty address is one nobody has told us: then the way is only described.
    """

    huma_person: str = ""
    fortnox_employee: str = ""


NOWHERE = Doors()


@dataclass(frozen=True, slots=True)
class Mend:
    """A link to where something is mended."""

    label: str
    href: str


Mending = Callable[["Reason | None", str, str, str], Mend | None]
"""Takes the reason, the side that was to be written, the user's id and the EmployeeId, which may be empty."""


def mending(doors: Doors, organization_id: str, t: Texts) -> Mending:
    """Return the function that finds where a reason is mended."""

    def mend(reason: Reason | None, target: str, user_id: str, employee_id: str) -> Mend | None:
        place = _place(reason, target)
        if place == HUMA and user_id and doors.huma_person:
            return Mend(t("mend.huma"), _filled(doors.huma_person, organization=organization_id, user=user_id))
        if place == FORTNOX and employee_id and doors.fortnox_employee:
            return Mend(t("mend.fortnox"), _filled(doors.fortnox_employee, employee=employee_id))
        if place == SETTINGS:
            return Mend(t("mend.settings"), addresses.SETTINGS)
        if place == SYNCHRONIZE:
            return Mend(t("mend.synchronize"), addresses.HOME)
        return None

    return mend


def _place(reason: Reason | None, target: str) -> str:
    """Return where a reason is mended; a value that cannot be used is mended where it comes from."""
    if reason is None:
        return ""
    if reason.code in _PLACES:
        return _PLACES[reason.code]
    if reason.code == "email-missing":
        return reason.params.get("side", "")
    from huma_fortnox.domain.format_errors import EXPLANATIONS

    if reason.code in EXPLANATIONS:
        return HUMA if target == FORTNOX else FORTNOX
    return ""


def _filled(address: str, **parts: str) -> str:
    for name, value in parts.items():
        address = address.replace(f"{{{name}}}", quote(value, safe=""))
    return address
