"""What a function imports before it can take its first event; run by ``bench.push`` in processes of their own.

``python cold_start.py base`` imports what everybody has: boto3, requests and the Powertools logger. ``python
cold_start.py <function>`` imports its handler and makes what the handler asks of the application, with AWS clients left
out. Prints the CPU seconds.
"""

from __future__ import annotations

import os
import sys
import time

MADE = {
    "huma_webhook": ("intake",),
    "keep_tokens_alive": ("keep_alive",),
    "mail_feedback": ("mail_feedback",),
    "oauth_callback": ("web",),
    "push_change": ("lane_batch", "systems"),
    "route_change": ("router",),
    "send_result": ("report",),
    "settings_page": ("web",),
    "start_reconciliation": ("reconcile",),
    "synchronize": ("synchronize", "systems"),
}
"""What each handler asks of the application."""

TOLD = (
    *("PUBLIC_URL", "TABLE_NAME", "SECRET_PREFIX", "FORTNOX_APP_SECRET", "FORTNOX_API_URL", "FORTNOX_AUTH_URL"),
    *("HUMA_API_URL", "HUMA_ISSUER", "HUMA_JWKS_URL", "SENDER", "LANE_URL", "DEAD_LETTERS_URL", "BUS_NAME"),
    "STATE_MACHINE_ARN",
)


def main(name: str) -> None:
    """Import, and print how long it took."""
    began = time.process_time()
    if name == "base":
        import boto3  # noqa: F401
        import requests
        from aws_lambda_powertools import Logger  # noqa: F401
    else:
        os.environ.update(dict.fromkeys(TOLD, "https://example.com"))
        import botocore.session  # noqa: F401  # the clients' part of boto3
        import handler  # type: ignore[import-not-found]  # the function's own, first on the path
        import requests  # noqa: F401
        from huma_fortnox.bootstrap import Application

        application = Application(clients=lambda _service: None)
        for attribute in MADE[name]:
            getattr(application, attribute)
        for build in ("build", "build_callback"):
            if hasattr(handler, build):
                getattr(handler, build)(application.web)
    print(time.process_time() - began)


if __name__ == "__main__":
    main(sys.argv[1])
