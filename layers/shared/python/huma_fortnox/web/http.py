"""Requests read strictly and answers given safely.

Limits: a body of at most 1 MiB, UTF-8 throughout, no member or form field twice where one is expected.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import parse_qsl

from huma_fortnox.domain.errors import BadRequest
from huma_fortnox.domain.frozen import dataclass

if TYPE_CHECKING:
    from huma_fortnox.services.model import Administrator

Body = TypeVar("Body", str, bytes)

SESSION_COOKIE = "huma_fortnox_session"
SESSION_SECONDS = 8 * 3600
MAX_BODY_BYTES = 1024 * 1024
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"

SECURITY_HEADERS: Mapping[str, str] = {
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
}
"""On every answer. Frames are refused twice: browsers that know no CSP read the older header."""

API_POLICY = "default-src 'none'; frame-ancestors 'none'"


def page_policy(form_targets: Sequence[str] = ()) -> str:
    """Return the Content-Security-Policy of a page.

    ``form_targets`` are further origins a form's answer may lead to: Chromium applies ``form-action`` to the
    redirect that follows a form as well, so the set-up page names the origin of Fortnox's login.
    """
    forms = " ".join(("'self'", *form_targets))
    return (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; "
        f"form-action {forms}; frame-ancestors 'none'"
    )


class BodyTooLarge(BadRequest):
    """The body exceeds the limit (HTTP 413)."""

    default_code = "body-too-large"


class UnsupportedMediaType(BadRequest):
    """The body is of another type than this address takes (HTTP 415)."""

    default_code = "unsupported-media-type"


class NotAcceptable(BadRequest):
    """The answer is larger than can be sent in the way it was asked for (HTTP 406)."""

    default_code = "not-acceptable"


class MethodNotAllowed(BadRequest):
    """The address exists, but not for this method (HTTP 405); ``allowed`` are the methods it has."""

    default_code = "method-not-allowed"

    def __init__(self, allowed: Sequence[str]) -> None:
        super().__init__(None, {"allowed": ", ".join(allowed)})


@dataclass(slots=True)
class Request:
    """One HTTP request; header names are lower-case, of repeated query parameters the first one counts.

    ``administrator`` is filled in once it is known who asks, so that an error can be told in their language.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    cookies: Mapping[str, str]
    raw_body: str = field(repr=False, default="")
    is_base64: bool = False
    administrator: Administrator | None = None

    @classmethod
    def from_event(cls, event: Mapping[str, Any]) -> Request:
        """Read an API Gateway event of payload format 2.0."""
        http = event["requestContext"]["http"]
        headers = {str(name).lower(): str(value) for name, value in (event.get("headers") or {}).items()}
        query: dict[str, str] = {}
        for name, value in parse_qsl(event.get("rawQueryString") or "", keep_blank_values=True):
            query.setdefault(name, value)
        return cls(
            method=str(http["method"]).upper(),
            path=str(event.get("rawPath") or http.get("path") or "/"),
            query=query,
            headers=headers,
            cookies=_cookies(event.get("cookies"), headers.get("cookie", "")),
            raw_body=event.get("body") or "",
            is_base64=bool(event.get("isBase64Encoded")),
        )

    @property
    def session_cookie(self) -> str | None:
        """Return the session cookie's value, or ``None``."""
        return self.cookies.get(SESSION_COOKIE) or None

    @property
    def locale(self) -> str:
        """Return the language to answer in, as the reader's profile or browser names it."""
        if self.administrator is not None and self.administrator.locale:
            return self.administrator.locale
        return self.headers.get("accept-language", "").split(",")[0].split(";")[0].strip()

    def text(self) -> str:
        """Return the body as text; raises ``BodyTooLarge`` or ``BadRequest`` (``body-not-utf-8``)."""
        # Measured before decoding: base64 only ever makes it longer.
        if len(self.raw_body) > MAX_BODY_BYTES * (4 / 3 if self.is_base64 else 1) + 4:
            raise BodyTooLarge
        if not self.is_base64:
            if len(self.raw_body.encode("utf-8", "surrogatepass")) > MAX_BODY_BYTES:
                raise BodyTooLarge
            return self.raw_body
        try:
            return base64.b64decode(self.raw_body, validate=True).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError):
            raise BadRequest("body-not-utf-8") from None

    def form(self) -> Form:
        """Return the form in the body; raises ``UnsupportedMediaType``, ``BodyTooLarge`` or ``BadRequest``."""
        self._expect(FORM)
        try:
            pairs = parse_qsl(
                self.text(), keep_blank_values=True, errors="strict", max_num_fields=10_000, encoding="utf-8"
            )
        except UnicodeDecodeError:
            raise BadRequest("body-not-utf-8") from None
        except ValueError:
            raise BodyTooLarge from None
        return Form(tuple(pairs))

    def json(self) -> Mapping[str, Any]:
        """Return the JSON object in the body; raises as ``form`` does, and for anything but one object.

        Duplicate members, ``NaN`` and the like are refused: two readers could understand them differently.
        """
        self._expect(JSON)
        text = self.text()
        if not text.strip():
            raise BadRequest("body-missing")
        try:
            data = json.loads(text, object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
        except (ValueError, RecursionError):
            raise BadRequest("body-not-json") from None
        if not isinstance(data, dict):
            raise BadRequest("body-not-an-object")
        return data

    def _expect(self, media_type: str) -> None:
        given = self.headers.get("content-type", "").split(";")[0].strip().lower()
        if given != media_type:
            raise UnsupportedMediaType(None, {"expected": media_type})


@dataclass(frozen=True, slots=True)
class Form:
    """A posted form: names and values in their order."""

    pairs: tuple[tuple[str, str], ...] = field(repr=False)

    def get(self, name: str) -> str:
        """Return the first value of this name without surrounding space, or an empty string."""
        return next((value.strip() for key, value in self.pairs if key == name), "")

    def all(self, name: str) -> tuple[str, ...]:
        """Return all values of this name."""
        return tuple(value for key, value in self.pairs if key == name)

    def starting(self, prefix: str) -> dict[str, str]:
        """Return the values of all names with this prefix, keyed by what follows it; the last one counts."""
        return {key[len(prefix) :]: value for key, value in self.pairs if key.startswith(prefix)}


def _cookies(listed: Sequence[str] | None, header: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for cookie in listed or header.split(";"):
        name, separator, value = cookie.strip().partition("=")
        if separator:
            found.setdefault(name, value)
    return found


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) != len(pairs):
        raise ValueError
    return data


def _no_constant(name: str) -> None:
    raise ValueError(name)


@dataclass(slots=True)
class Response(Generic[Body]):
    """One HTTP answer; ``cookies`` are the texts of ``Set-Cookie`` headers."""

    status_code: int
    content_type: str | None
    body: Body
    headers: dict[str, str]
    cookies: list[str] = field(default_factory=list)

    def to_event(self, accepted_encodings: str = "") -> dict[str, Any]:
        """Return the answer in payload format 2.0, compressed where the reader takes that."""
        headers = dict(self.headers)
        if self.content_type is not None:
            headers["Content-Type"] = self.content_type
        content = self.body.encode() if isinstance(self.body, str) else self.body
        if content and "gzip" in accepted_encodings:
            headers["Content-Encoding"] = "gzip"
            content = gzip.compress(content, mtime=0)
        encoded = not isinstance(self.body, str) or "Content-Encoding" in headers
        return {
            "statusCode": self.status_code,
            "headers": headers,
            "cookies": list(self.cookies),
            "isBase64Encoded": encoded,
            "body": base64.b64encode(content).decode() if encoded else self.body,
        }


def page(html: str, status: int = 200, *, policy: str | None = None, **headers: str) -> Response[str]:
    """Return a page; nobody may keep it, for it shows people's data."""
    return answer_with(html, "text/html; charset=utf-8", status, policy=policy or page_policy(), **headers)


def see_other(location: str, *, cookies: Sequence[str] = (), policy: str | None = None) -> Response[str]:
    """Return a 303, which turns a form into a page that can be reloaded safely."""
    answer = answer_with("", "text/plain; charset=utf-8", 303, policy=policy or page_policy(), Location=location)
    answer.cookies.extend(cookies)
    return answer


def json_answer(data: Mapping[str, Any] | None, status: int = 200, **headers: str) -> Response[str]:
    """Return a JSON answer; ``None`` is an empty body."""
    if data is None:
        return answer_with("", None, status, **headers)
    return answer_with(json.dumps(data, ensure_ascii=False, separators=(",", ":")), JSON, status, **headers)


def asset(content: str, content_type: str) -> Response[str]:
    """Return a file whose address contains its digest, so that it may be kept for ever."""
    return answer_with(content, content_type, Cache_Control="public, max-age=31536000, immutable")


def download(content: str, content_type: str, name: str) -> Response[str]:
    """Return a file to keep, under this name."""
    return answer_with(content, content_type, Content_Disposition=f'attachment; filename="{name}"')


def answer_with(
    body: str, content_type: str | None, status: int = 200, *, policy: str = API_POLICY, **headers: str
) -> Response[str]:
    """Return an answer with the headers that all answers have; nobody may keep it unless ``Cache_Control`` says so."""
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    usual = {**SECURITY_HEADERS, "Content-Security-Policy": policy, "Cache-Control": "no-store"}
    return Response(status, content_type, body, {**usual, **more})


def session_cookie(value: str, seconds: int) -> str:
    """Return the session cookie as a header's text; ``seconds`` is at most eight hours, zero removes it."""
    kept = max(0, min(seconds, SESSION_SECONDS))
    return f"{SESSION_COOKIE}={value}; Path=/; Max-Age={kept}; HttpOnly; Secure; SameSite=Lax"
