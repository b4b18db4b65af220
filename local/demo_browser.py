"""A browser without JavaScript, as far as the demo needs one: cookies, redirects, forms."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from http.cookies import Morsel, SimpleCookie
from typing import IO, Any

from local.demo_page import Form, NotOnPage, Page, read_page

REDIRECTS = (301, 302, 303, 307, 308)
MOST_REDIRECTS = 10
TIMEOUT_SECONDS = 30.0


class Browser:
    """One person's browser: keeps cookies by host (not by port, as browsers do) and follows redirects.

    Secure cookies are kept and sent although the address is plain HTTP: a browser takes the loopback for safe.
    """

    def __init__(self) -> None:
        # A proxy in the environment must not stand between the demo and the loopback.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirects)
        self.cookies: dict[str, Morsel[str]] = {}

    def open(self, url: str) -> Page:
        """Open an address."""
        return self._follow("GET", url, None)

    def submit(self, form: Form, given: Mapping[str, str | Sequence[str]] | None = None, *, button: str = "") -> Page:
        """Fill in a form and press its button; see `Form.submission`."""
        pairs = form.submission(given or {}, button or None)
        if form.method == "GET":
            return self.open(urllib.parse.urlsplit(form.action)._replace(query=urllib.parse.urlencode(pairs)).geturl())
        return self._follow("POST", form.action, urllib.parse.urlencode(pairs).encode())

    def ask(self, method: str, url: str, document: Any = None, headers: Mapping[str, str] | None = None) -> Page:
        """Send one request of a script in the page, with JSON; redirects are not followed."""
        body = None if document is None else json.dumps(document).encode()
        given = {"Content-Type": "application/json"} if body is not None else {}
        status, received, text = self._send(method, url, body, {**given, **(headers or {})})
        return Page(url, status, received, text)

    def _follow(self, method: str, url: str, form: bytes | None) -> Page:
        trail: list[str] = []
        for _ in range(MOST_REDIRECTS):
            kind = {"Content-Type": "application/x-www-form-urlencoded"} if form is not None else {}
            status, headers, text = self._send(method, url, form, kind)
            if status not in REDIRECTS or "location" not in headers:
                return Page(url, status, headers, text, tuple(trail), read_page(text))
            trail.append(url)
            url = urllib.parse.urljoin(url, headers["location"])
            if status in (301, 302, 303):
                method, form = "GET", None
        raise NotOnPage(f"More than {MOST_REDIRECTS} redirects, the last to {urllib.parse.urlsplit(url).path}")

    def _send(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, dict[str, str], str]:
        request = urllib.request.Request(url, body, dict(headers), method=method)
        request.add_header("Accept", "text/html, application/json")
        if self.cookies:
            request.add_header("Cookie", "; ".join(f"{name}={each.value}" for name, each in self.cookies.items()))
        try:
            response = self._opener.open(request, timeout=TIMEOUT_SECONDS)
        except urllib.error.HTTPError as error:
            response = error
        with response:
            text = response.read().decode()
            for line in response.headers.get_all("Set-Cookie") or ():
                self._keep(line)
            received = {name.lower(): value for name, value in response.headers.items()}
        return response.status, received, text

    def _keep(self, line: str) -> None:
        for name, morsel in SimpleCookie(line).items():
            if morsel["max-age"] == "0":
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = morsel


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req: Any, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str) -> None:
        """Leave redirects to the browser."""
