"""One logger and one set of metrics for all functions; what may be logged is decided here.

Logged are decisions with organization, run and request ids, codes and counts. Never logged: events, bodies, names,
values, tokens, addresses of requests with their query.
"""

from __future__ import annotations

from aws_lambda_powertools import Logger

logger = Logger(service="huma-fortnox")
