"""The deployed HTTP API at the root of its own loopback port, as behind a custom domain.

Pages, redirects and cookies then work in a browser as they do in production, which they do not
under the emulator's own `/_aws/execute-api/<id>/$default/` prefix. Requests go straight to the
emulator's data plane for HTTP APIs; `local.gaps` completes the event it builds.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs

from ministack.services import apigateway

from local.gaps import REQUEST, Viewer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Receive = Callable[[], Awaitable[dict[str, Any]]]
    Send = Callable[[dict[str, Any]], Awaitable[None]]

BODY_LIMIT = 10 * 1024 * 1024
"""Bytes of a request body an HTTP API accepts (its quota "Payload size")."""

INTEGRATION_TIMEOUT = 30.0
"""Seconds an HTTP API waits for its integration (its quota "Maximum integration timeout")."""


class Answer(NamedTuple):
    """Status, headers (a list as value is one line an item) and body."""

    status: int
    headers: dict[str, Any]
    body: bytes


async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """The ASGI application on the origin port."""
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
    elif scope["type"] == "http":
        await _send_answer(await _answer(scope, receive), scope["method"], send)


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def _answer(scope: dict[str, Any], receive: Receive) -> Answer:
    body = await _read_body(receive)
    if body is None:
        return _message(413, "Request Entity Too Large")
    api_id = next((key for _, _, key in apigateway._apis.to_dict()), None)
    if api_id is None:
        return _message(503, "No HTTP API is deployed yet")

    headers = _request_headers(scope["headers"])
    client_ip: str = scope["client"][0]
    host = headers.get("host", "")
    headers["x-forwarded-for"] = ", ".join(filter(None, (headers.get("x-forwarded-for"), client_ip)))
    headers["x-forwarded-port"] = host.rpartition(":")[2] if ":" in host else "80"
    headers["x-forwarded-proto"] = "http"
    query = scope["query_string"].decode("latin-1")
    REQUEST.set(Viewer(domain_name=host.partition(":")[0], source_ip=client_ip))
    try:
        status, response_headers, response_body = await asyncio.wait_for(
            apigateway.handle_execute(
                api_id,
                "$default",
                apigateway.decode_http_api_path(scope["raw_path"].decode("latin-1")),
                scope["method"],
                headers,
                body,
                parse_qs(query, keep_blank_values=True),
                raw_query_string=query,
            ),
            INTEGRATION_TIMEOUT,
        )
    except TimeoutError:
        return _message(503, "Service Unavailable")
    return Answer(status, response_headers, response_body)


async def _read_body(receive: Receive) -> bytes | None:
    """The request body, or nothing when it is larger than an HTTP API accepts."""
    chunks = []
    size = 0
    more = True
    while more:
        message = await receive()
        chunk = message.get("body", b"")
        size += len(chunk)
        if size <= BODY_LIMIT:
            chunks.append(chunk)
        more = message.get("more_body", False)
    return b"".join(chunks) if size <= BODY_LIMIT else None


def _request_headers(pairs: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """Header names in lower case, repeated ones joined as the payload format 2.0 says."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in pairs:
        name = raw_name.decode("latin-1").lower()
        value = raw_value.decode("latin-1")
        separator = "; " if name == "cookie" else ","
        headers[name] = f"{headers[name]}{separator}{value}" if name in headers else value
    return headers


def _message(status: int, text: str) -> Answer:
    return Answer(status, {"Content-Type": "application/json"}, json.dumps({"message": text}).encode())


async def _send_answer(answer: Answer, method: str, send: Send) -> None:
    lines = [
        (name.encode("latin-1"), str(item).encode("utf-8"))
        for name, value in answer.headers.items()
        if name.lower() != "content-length"
        for item in (value if isinstance(value, list | tuple) else [value])
    ]
    lines.append((b"content-length", str(len(answer.body)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": lines})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else answer.body})
