"""From an event to the route that answers it, and from its answer to what API Gateway takes."""

from __future__ import annotations

import base64
import gzip
from typing import TYPE_CHECKING, Any

import pytest
from huma_fortnox.web.http import Request, Response
from huma_fortnox.web.routing import Resolver, Route

from tests.unit.functions.deployment import http_event

if TYPE_CHECKING:
    from huma_fortnox.domain.errors import IntegrationError


def echo(name: str) -> Any:
    def handler(_request: Request, **variables: str) -> Response[str]:
        return Response(200, "text/plain", f"{name} {variables}", {})

    return handler


def refuse(_request: Request, error: IntegrationError) -> Response[str]:
    return Response(400, None, error.reason.code, dict.fromkeys(error.reason.params, ""))


ROUTES = [
    Route("GET", "/people/<person>", echo("person"), refuse),
    Route("GET", "/people/new", echo("new"), refuse),
    Route("POST", "/people/<person>", echo("change"), refuse),
    Route("GET", "/people/<person>/fields/<field>", echo("field"), refuse),
    Route("GET", "/", echo("root"), refuse),
]


def told(method: str, path: str) -> str:
    return str(Resolver(ROUTES, refuse).resolve(http_event(method, path))["body"])


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/people/anna", "person {'person': 'anna'}"),
        ("get", "/people/anna", "person {'person': 'anna'}"),
        ("POST", "/people/anna", "change {'person': 'anna'}"),
        ("GET", "/people/new", "new {}"),
        ("POST", "/people/new", "change {'person': 'new'}"),
        ("GET", "/people/a:b~c.d/fields/x", "field {'person': 'a:b~c.d', 'field': 'x'}"),
        ("GET", "/", "root {}"),
    ],
)
def test_the_route_that_fits_answers_and_one_without_variables_first(method: str, path: str, expected: str) -> None:
    assert told(method, path) == expected


@pytest.mark.parametrize("path", ["/people", "/people/", "/people/anna/", "/people//fields/x", "//", "/people/a/b/x"])
def test_an_address_that_is_none_is_unknown(path: str) -> None:
    assert told("GET", path) == "page-unknown"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "HEAD", "OPTIONS"])
def test_another_method_is_told_which_there_are(method: str) -> None:
    answer = Resolver(ROUTES, refuse).resolve(http_event(method, "/people/anna"))
    assert (answer["body"], list(answer["headers"])) == ("method-not-allowed", ["allowed"])


def test_an_answer_is_put_as_api_gateway_takes_it() -> None:
    answer = Response(201, "application/json", "{}", {"X": "y"}, ["a=b; Path=/"])
    assert answer.to_event() == {
        "statusCode": 201,
        "headers": {"X": "y", "Content-Type": "application/json"},
        "cookies": ["a=b; Path=/"],
        "isBase64Encoded": False,
        "body": "{}",
    }


def test_text_is_compressed_for_who_takes_that_and_nothing_is_not() -> None:
    answer = Response(200, "text/plain", "Åsa " * 1000, {}).to_event("deflate, gzip, br")
    assert answer["headers"]["Content-Encoding"] == "gzip"
    assert answer["isBase64Encoded"]
    assert gzip.decompress(base64.b64decode(answer["body"])).decode() == "Åsa " * 1000
    assert len(answer["body"]) < 200
    empty = Response(204, None, "", {}).to_event("gzip")
    assert (empty["body"], empty["headers"], empty["isBase64Encoded"]) == ("", {}, False)


def test_bytes_travel_as_base64() -> None:
    answer = Response(200, "application/octet-stream", b"\x00\xff", {}).to_event()
    assert (answer["isBase64Encoded"], base64.b64decode(answer["body"])) == (True, b"\x00\xff")
