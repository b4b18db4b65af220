"""A simulated Fortnox, written from its published behaviour and knowing nothing of the integration.

``python -m local.fortnox_simulator --people FILE.json --client-id … --client-secret …
--redirect-uri …`` serves on the loopback: the authorization page, the token and revocation end
points under ``/oauth-v1``, employees and company information under ``/3``, and two pages for people
(``/`` with the employees, and a form for each). Where the real behaviour is not published, the
answer is an option; `options` lists them.

Controls beside those of `local.simulation`:

======================  =========================================================================
``POST /_sim/reset``    people and options as at the start; no consents, tokens, faults, log
``POST /_sim/clock``    ``{"advance": seconds}`` moves the clock that codes and tokens expire by
``GET /_sim/consents``  who authorized what: ``{"consents": [{tenantId, scopes, service, …}]}``
``POST /_sim/grant``    a consent without the page: ``{"tenantId", "scopes", "service"}``, all
                        optional; answers ``{tenantId, access_token, refresh_token, code}``
======================  =========================================================================

Faults beside the common ones (see `faults`): ``revoked_consent``, ``lost_scope``,
``expire_tokens``, ``expire_refresh_tokens`` change the state at once; ``lost_licence``,
``api_noright``, ``html_error_page``, ``silently_ignore_field`` last as long as they are on.
"""
