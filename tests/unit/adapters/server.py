"""A web server in memory: what it answers is looked up by method and path, and every request is kept."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
import urllib3
from huma_fortnox.adapters.http import HttpPolicy
from requests.adapters import BaseAdapter

Reply = tuple[int, Any] | Exception
"""A status with a JSON document (or text), or what happens instead of an answer."""


@dataclass
class Server(BaseAdapter):
    """Answers ``"POST /token"`` and the like; a list is used up one by one, its last entry stays."""

    routes: dict[str, Reply | list[Reply] | Callable[[requests.PreparedRequest], Reply]]
    asked: list[requests.PreparedRequest] = field(default_factory=list)

    def send(self, request: requests.PreparedRequest, *args: Any, **settings: Any) -> requests.Response:
        self.asked.append(request)
        reply = self.routes[self.place(request)]
        if callable(reply):
            reply = reply(request)
        if isinstance(reply, list):
            reply = reply.pop(0) if len(reply) > 1 else reply[0]
        if isinstance(reply, Exception):
            raise reply
        status, content = reply
        body = (content if isinstance(content, str) else json.dumps(content)).encode()
        response = requests.Response()
        response.status_code = status
        response.raw = urllib3.HTTPResponse(
            io.BytesIO(body), status=status, preload_content=False, decode_content=False
        )
        response.url = request.url or ""
        response.request = request
        return response

    def close(self) -> None:
        """Nothing is open."""

    @staticmethod
    def place(request: requests.PreparedRequest) -> str:
        return f"{request.method} {urlsplit(request.url or '').path!s}"

    def places(self) -> list[str]:
        return [self.place(request) for request in self.asked]

    def policy(self) -> HttpPolicy:
        """Return the connection policy over this server; nothing sleeps."""
        session = requests.Session()
        session.trust_env = False
        session.mount("https://", self)
        return HttpPolicy(session=session, sleep=lambda _seconds: None, randomness=lambda: 0.0)


def form(request: requests.PreparedRequest) -> dict[str, str]:
    """Return the form that a request carries."""
    body = request.body.decode() if isinstance(request.body, bytes) else str(request.body or "")
    return {name: values[0] for name, values in parse_qs(body).items()}
