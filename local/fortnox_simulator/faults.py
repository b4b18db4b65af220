"""The faults that only Fortnox has, beside those of `local.simulation`.

At once, and over with it:

- ``revoked_consent``: consents, codes and tokens are gone, of ``tenantId`` or of all companies; a
  new authorization heals it.
- ``lost_scope``: ``scope`` (standard: salary) is taken from all consents and tokens; a new
  authorization heals it. With ``status`` 403 the API refuses with that instead of 400.
- ``expire_tokens``, ``expire_refresh_tokens``: those handed out so far are no longer valid.

As long as they are on (``count`` requests, or until cleared; ``method`` and ``path`` choose):

- ``lost_licence``: ``licence`` integration (standard) or salary; the API refuses with `status`
  (standard: 400), the token end point and the authorization page with error_missing_license.
- ``api_noright``: bank fields are API_NORIGHT and are not written.
- ``html_error_page``: an HTML page with `status` (standard: 503), the work is not done.
- ``silently_ignore_field``: answers as always, but the ``fields`` (a list) are not stored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.fortnox_simulator import refusals

if TYPE_CHECKING:
    from werkzeug import Request, Response

    from local.fortnox_simulator.application import FortnoxSimulator
    from local.simulation import Fault


def register_faults(fortnox: FortnoxSimulator) -> None:
    """Make the kinds of this module known to the simulator's fault switch."""
    grants = fortnox.grants

    def lose_scope(fault: Fault) -> None:
        grants.lose_scope(fault.options.get("scope", "salary"))
        fortnox.missing_scope_status = fault.status or 400

    def revoke_consent(fault: Fault) -> None:
        tenant = fault.options.get("tenantId")
        grants.revoke_consent(None if tenant is None else int(tenant))

    fortnox.fault_kind("revoked_consent", at_once=revoke_consent)
    fortnox.fault_kind("lost_scope", at_once=lose_scope)
    fortnox.fault_kind("expire_tokens", at_once=lambda _: grants.access_tokens.clear())
    fortnox.fault_kind("expire_refresh_tokens", at_once=lambda _: grants.refresh_tokens.clear())
    fortnox.fault_kind("html_error_page", _html_error_page)
    for kind in ("lost_licence", "api_noright", "silently_ignore_field"):
        fortnox.fault_kind(kind)


def _html_error_page(_request: Request, fault: Fault) -> Response:
    return refusals.html_page(fault.status or 503, "Fortnox är tillfälligt otillgängligt")
